/* What udp_recv.c and udp_send.c hand to the system, and what systems other than Linux lack of it. */
#ifndef MINKE_DRIVER_UDP_MESSAGES_H
#define MINKE_DRIVER_UDP_MESSAGES_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Room for a packet info of either family and a segment size; udp_recv.c asserts that it is enough. */
typedef union minke_udp_control {
    struct cmsghdr align;
    uint8_t bytes[64];
} minke_udp_control_t;

#ifndef __linux__
struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};

static inline int sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
    (void)fd, (void)messages, (void)n, (void)flags;
    errno = ENOSYS;
    return -1;
}

static inline int recvmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags, void *timeout)
{
    (void)timeout;
    return sendmmsg(fd, messages, n, flags);
}
#endif

#endif
