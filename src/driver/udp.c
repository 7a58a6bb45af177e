#define _GNU_SOURCE
#include "driver/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/socket_address.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* The kernel takes less if its own limits are lower; a burst of one connection's window should fit. */
enum { SOCKET_BUFFER_BYTES = 4 << 20 };

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

static int prepare(int fd, const minke_address_t *address)
{
    if (address->family == MINKE_FAMILY_IP6) {
        if (set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) return -1;
        if (set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0) return -1;
    } else if (set_option(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0) {
        return -1;
    }
    (void)set_option(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_BYTES);
    (void)set_option(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES);
    (void)set_option(fd, IPPROTO_UDP, UDP_GRO, 1); /* Linux 5.0; without it datagrams come singly */
    return 0;
}

int minke__udp_open(minke_udp_t *udp, const minke_address_t *address)
{
    minke_socket_address_t system;
    socklen_t len = minke__to_system(address, &system);
    udp->segmentation = true;
    udp->fd = socket(system.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp->fd < 0) return MINKE_ERROR_SYSTEM;
    if (prepare(udp->fd, address) < 0 || bind(udp->fd, &system.any, len) < 0 ||
        getsockname(udp->fd, &system.any, &len) < 0) {
        const int error = errno;
        minke__udp_close(udp);
        errno = error;
        return MINKE_ERROR_SYSTEM;
    }
    minke__from_system(&system, &udp->bound);
    minke__udp_fragment(udp, MINKE_FRAGMENT_USUAL);
    return MINKE_OK;
}

void minke__udp_close(minke_udp_t *udp)
{
    if (udp->fd >= 0) (void)close(udp->fd);
    udp->fd = -1;
}

/* ---- in ---- */

/* Room for a packet info of either family and a segment size. */
typedef union control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
} control_t;

static void read_control(struct msghdr *message, minke_train_t *train, minke_address_t *local)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memcpy(local->ip, &info.ipi_addr, 4);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memcpy(local->ip, &info.ipi6_addr, 16);
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int segment_len;
            memcpy(&segment_len, CMSG_DATA(c), sizeof segment_len);
            if (segment_len > 0) train->segment_len = (size_t)segment_len;
        }
    }
}

int minke__udp_recv(minke_udp_t *udp, uint8_t *buffer, size_t capacity, minke_train_t *train, minke_path_t *path)
{
    minke_socket_address_t from;
    control_t control;
    struct iovec piece = {buffer, capacity};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    const ssize_t n = recvmsg(udp->fd, &message, 0);
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? MINKE_ERROR_AGAIN : MINKE_ERROR_SYSTEM;
    *train = (minke_train_t){buffer, (size_t)n, (size_t)n};
    path->local = udp->bound;
    minke__from_system(&from, &path->remote);
    read_control(&message, train, &path->local);
    return MINKE_OK;
}

/* ---- out ---- */

static bool is_set(const uint8_t ip[16])
{
    static const uint8_t zero[16];
    return memcmp(ip, zero, sizeof zero) != 0;
}

static struct cmsghdr *next_control(struct msghdr *message, size_t len, int level, int type)
{
    struct cmsghdr *c = (struct cmsghdr *)(void *)((uint8_t *)message->msg_control + message->msg_controllen);
    message->msg_controllen += CMSG_SPACE(len);
    c->cmsg_len = CMSG_LEN(len);
    c->cmsg_level = level;
    c->cmsg_type = type;
    return c;
}

/* Leaves from the address that the remote sent to; the system's choice may be another one. */
static void write_source(struct msghdr *message, const minke_address_t *local)
{
    if (!is_set(local->ip)) return;
    if (local->family == MINKE_FAMILY_IP4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, local->ip, 4);
        memcpy(CMSG_DATA(next_control(message, sizeof info, IPPROTO_IP, IP_PKTINFO)), &info, sizeof info);
    } else {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, local->ip, 16);
        memcpy(CMSG_DATA(next_control(message, sizeof info, IPPROTO_IPV6, IPV6_PKTINFO)), &info, sizeof info);
    }
}

static ssize_t send_once(const minke_udp_t *udp, const minke_train_t *train, const minke_path_t *path)
{
    minke_socket_address_t to;
    control_t control;
    memset(&control, 0, sizeof control);
    struct iovec piece = {train->data, train->len};
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = minke__to_system(&path->remote, &to),
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control};
    write_source(&message, &path->local);
    if (train->len > train->segment_len) {
        const uint16_t segment_len = (uint16_t)train->segment_len;
        memcpy(CMSG_DATA(next_control(&message, sizeof segment_len, IPPROTO_UDP, UDP_SEGMENT)), &segment_len,
               sizeof segment_len);
    }
    if (message.msg_controllen == 0) message.msg_control = NULL;
    return sendmsg(udp->fd, &message, MSG_NOSIGNAL);
}

/* No route, a forbidden one, no address of that family, or a link-local address without its interface. */
static bool means_no_way(int error)
{
    return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN || error == EADDRNOTAVAIL ||
           error == EAFNOSUPPORT || error == EACCES || error == EINVAL;
}

/* A train is not cut into segments that the path is known not to carry, which shows as EINVAL, with newer kernels as
 * EMSGSIZE; datagrams one by one may still be cut into pieces. */
static bool segments_may_be_too_large(const minke_train_t *train, int error)
{
    enum { NEVER_TOO_LARGE = 1232 }; /* IPv6 carries it everywhere */
    return error == EMSGSIZE || (error == EINVAL && train->segment_len > NEVER_TOO_LARGE);
}

size_t minke__udp_send(minke_udp_t *udp, const minke_train_t *train, const minke_path_t *path)
{
    size_t done = 0;
    bool together = udp->segmentation;
    udp->no_way = 0;
    udp->too_large = 0;
    while (done < train->len) {
        const size_t left = train->len - done;
        const bool whole = together || left <= train->segment_len;
        const minke_train_t piece = {train->data + done, whole ? left : train->segment_len, train->segment_len};
        if (send_once(udp, &piece, path) < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) break;
            if (segments_may_be_too_large(&piece, errno)) udp->too_large = piece.segment_len;
            if (piece.len > piece.segment_len && udp->too_large > 0) {
                together = false;
                continue;
            }
            /* An old kernel or a card that cannot: EIO, EINVAL, EOPNOTSUPP. Anything else loses what was sent. */
            if (piece.len > piece.segment_len && (errno == EIO || errno == EINVAL || errno == EOPNOTSUPP)) {
                udp->segmentation = together = false;
                continue;
            }
            if (means_no_way(errno)) udp->no_way = errno;
        }
        done += piece.len;
    }
    return done;
}
