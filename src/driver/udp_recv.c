/*
 * Reading. A socket that joins datagrams (UDP_GRO) needs 64 KiB of room for every message. While trains come they are
 * read one by one into the same memory, which then stays in the cache, and a turn can stop between two; as soon as
 * lone datagrams come, several are asked for, and fewer than that say that no more are there without another call.
 */
#define _GNU_SOURCE
#include <string.h>

#include "driver/socket_address.h"
#include "driver/udp.h"
#include "driver/udp_messages.h"

enum {
    /* Room for a message. Not a power of two: the datagrams of a batch would share the same few lines of the cache. */
    TRAIN_ROOM = 65536 + 1280,
    DATAGRAM_ROOM = 9216 + 64, /* as large as jumbo frames are; what is larger is cut off, and so lost */
    TRAINS_AT_ONCE_MAX = 8,
    LONE_READS_MAX = 16 /* how many messages without a train say that no more trains come */
};

_Static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) <= sizeof(minke_udp_control_t),
               "what comes with a train must fit");

typedef struct minke_udp_reads {
    struct mmsghdr messages[MINKE_UDP_MESSAGES_MAX];
    struct iovec pieces[MINKE_UDP_MESSAGES_MAX];
    minke_socket_address_t from[MINKE_UDP_MESSAGES_MAX];
    minke_udp_control_t controls[MINKE_UDP_MESSAGES_MAX];
} minke_udp_reads_t;

int minke__udp_inbox_init(minke_udp_inbox_t *inbox, const minke_env_t *env, size_t bytes_max)
{
    const size_t most = TRAINS_AT_ONCE_MAX * (size_t)TRAIN_ROOM, least = MINKE_UDP_INBOX_LEAST;
    inbox->bytes_n = bytes_max > most ? most : bytes_max > least ? bytes_max : least;
    inbox->trains_n = 0;
    inbox->bytes = minke__alloc(env, inbox->bytes_n);
    inbox->reads = minke__alloc_zero(env, sizeof *inbox->reads);
    if (inbox->bytes != NULL && inbox->reads != NULL) return MINKE_OK;
    minke__udp_inbox_free(inbox, env);
    return MINKE_ERROR_NO_MEMORY;
}

void minke__udp_inbox_free(minke_udp_inbox_t *inbox, const minke_env_t *env)
{
    minke__free(env, inbox->bytes);
    minke__free(env, inbox->reads);
    inbox->bytes = NULL;
    inbox->reads = NULL;
}

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
            if (segment_len > 0 && (size_t)segment_len < train->len) train->segment_len = (size_t)segment_len;
        }
    }
}

/* Behind the last train if it can be one of its datagrams: of the same path, and not longer than those before it. */
static bool join(minke_udp_inbox_t *inbox, const minke_routed_train_t *next)
{
    if (inbox->trains_n == 0) return false;
    minke_routed_train_t *last = &inbox->trains[inbox->trains_n - 1];
    const bool ended = last->train.len % last->train.segment_len != 0;
    if (ended || next->train.len > last->train.segment_len || next->train.len > next->train.segment_len) return false;
    if (memcmp(&next->path, &last->path, sizeof next->path) != 0) return false;
    memmove(last->train.data + last->train.len, next->train.data, next->train.len);
    last->train.len += next->train.len;
    return true;
}

/* A datagram of no bytes, and one that was cut off, is nobody's. */
static void take(minke_udp_t *udp, minke_udp_inbox_t *inbox, size_t i, size_t len)
{
    struct msghdr *message = &inbox->reads->messages[i].msg_hdr;
    if (len == 0 || (message->msg_flags & MSG_TRUNC) != 0) return;
    minke_routed_train_t *next = &inbox->trains[inbox->trains_n];
    *next = (minke_routed_train_t){.train = {message->msg_iov->iov_base, len, len}, .path = {.local = udp->bound}};
    minke__from_system(message->msg_name, &next->path.remote);
    read_control(message, &next->train, &next->path.local);
    if (next->train.len > next->train.segment_len) udp->lone_reads = LONE_READS_MAX;
    if (!join(inbox, next)) inbox->trains_n++;
}

static void make_room(minke_udp_inbox_t *inbox, size_t n, size_t room)
{
    minke_udp_reads_t *reads = inbox->reads;
    for (size_t i = 0; i < n; i++) {
        reads->pieces[i] = (struct iovec){inbox->bytes + i * room, room};
        reads->messages[i].msg_hdr = (struct msghdr){.msg_name = &reads->from[i],
                                                     .msg_namelen = sizeof reads->from[i],
                                                     .msg_iov = &reads->pieces[i],
                                                     .msg_iovlen = 1,
                                                     .msg_control = &reads->controls[i],
                                                     .msg_controllen = sizeof reads->controls[i]};
    }
}

static int read_failed(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK ? MINKE_ERROR_AGAIN : MINKE_ERROR_SYSTEM;
}

static int recv_one(minke_udp_t *udp, minke_udp_inbox_t *inbox, size_t room)
{
    make_room(inbox, 1, room);
    const ssize_t n = recvmsg(udp->fd, &inbox->reads->messages[0].msg_hdr, 0);
    if (n < 0) return read_failed();
    if (udp->lone_reads > 0) udp->lone_reads--;
    take(udp, inbox, 0, (size_t)n);
    return MINKE_OK;
}

int minke__udp_recv(minke_udp_t *udp, minke_udp_inbox_t *inbox, bool *drained)
{
    const size_t room = udp->joins ? TRAIN_ROOM : DATAGRAM_ROOM, fit = inbox->bytes_n / room;
    const unsigned most = fit < MINKE_UDP_MESSAGES_MAX ? (unsigned)fit : MINKE_UDP_MESSAGES_MAX;
    inbox->trains_n = 0;
    *drained = false;
    if (!udp->batches || udp->lone_reads > 0) return recv_one(udp, inbox, room);
    make_room(inbox, most, room);
    const int n = recvmmsg(udp->fd, inbox->reads->messages, most, 0, NULL);
    if (n < 0 && errno == ENOSYS) {
        udp->batches = false;
        return recv_one(udp, inbox, room);
    }
    if (n < 0) return read_failed();
    for (size_t i = 0; i < (size_t)n; i++) take(udp, inbox, i, inbox->reads->messages[i].msg_len);
    *drained = (unsigned)n < most;
    return MINKE_OK;
}
