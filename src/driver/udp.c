#define _GNU_SOURCE
#include "driver/udp.h"

#include <unistd.h>

#include "driver/socket_address.h"
#include "driver/udp_messages.h"

/* The kernel takes less if its own limits are lower; a burst of one connection's window should fit. */
enum { SOCKET_BUFFER_BYTES = 4 << 20 };

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

static int prepare(minke_udp_t *udp, const minke_address_t *address, minke_udp_batching_t batching)
{
    const int fd = udp->fd;
    if (address->family == MINKE_FAMILY_IP6) {
        if (set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) return -1;
        if (set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0) return -1;
    } else if (set_option(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0) {
        return -1;
    }
    (void)set_option(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_BYTES);
    (void)set_option(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES);
    udp->segments = batching == MINKE_UDP_AUTOMATIC;
    udp->joins = batching == MINKE_UDP_AUTOMATIC && set_option(fd, IPPROTO_UDP, UDP_GRO, 1) == 0; /* Linux 5.0 */
    udp->batches = batching != MINKE_UDP_SINGLE;
    return 0;
}

int minke__udp_open(minke_udp_t *udp, const minke_address_t *address, minke_udp_batching_t batching)
{
    minke_socket_address_t system;
    socklen_t len = minke__to_system(address, &system);
    *udp = (minke_udp_t){.fd = socket(system.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (udp->fd < 0) return MINKE_ERROR_SYSTEM;
    if (prepare(udp, address, batching) < 0 || bind(udp->fd, &system.any, len) < 0 ||
        getsockname(udp->fd, &system.any, &len) < 0) {
        const int error = errno;
        minke__udp_close(udp);
        errno = error;
        return MINKE_ERROR_SYSTEM;
    }
    minke__from_system(&system, &udp->bound);
    minke__udp_fragment(udp, false);
    return MINKE_OK;
}

void minke__udp_close(minke_udp_t *udp)
{
    if (udp->fd >= 0) (void)close(udp->fd);
    udp->fd = -1;
}
