#define _GNU_SOURCE
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

void minke__udp_fragment(const minke_udp_t *udp, minke_fragmentation_t fragmentation)
{
    switch (fragmentation) {
    case MINKE_FRAGMENT_NEVER: discover(udp, IP_PMTUDISC_PROBE, IPV6_PMTUDISC_PROBE); break;
    case MINKE_FRAGMENT_ALLOWED: discover(udp, IP_PMTUDISC_DONT, IPV6_PMTUDISC_DONT); break;
    case MINKE_FRAGMENT_USUAL: discover(udp, IP_PMTUDISC_WANT, IPV6_PMTUDISC_WANT); break;
    }
}

#else /* another system: as it does it */

void minke__udp_fragment(const minke_udp_t *udp, minke_fragmentation_t fragmentation)
{
    (void)udp;
    (void)fragmentation;
}

#endif
