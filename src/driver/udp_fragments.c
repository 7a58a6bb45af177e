#define _GNU_SOURCE
/*
 * Linux by default (WANT) sends datagrams with DF but trains without, so that a path which has become too small cuts
 * every packet of them for as long as it lasts and nobody hears of it. With DO all have it, and what a router says of
 * its MTU makes the next send fail (EMSGSIZE, or EINVAL for a train), which minke_transport_too_large is told.
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "driver/udp.h"

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

#ifdef IP_MTU_DISCOVER

static void discover(const minke_udp_t *udp, int how_ip4, int how_ip6)
{
    if (udp->bound.family == MINKE_FAMILY_IP6) set_option(udp->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, how_ip6);
    else set_option(udp->fd, IPPROTO_IP, IP_MTU_DISCOVER, how_ip4);
}

void minke__udp_fragment(const minke_udp_t *udp, bool allowed)
{
    discover(udp, allowed ? IP_PMTUDISC_DONT : IP_PMTUDISC_DO, allowed ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_DO);
}

#else /* another system: as it does it */

void minke__udp_fragment(const minke_udp_t *udp, bool allowed)
{
    (void)udp;
    (void)allowed;
}

#endif
