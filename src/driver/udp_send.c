/* Sending: a message for each train where the system cuts it, else for each datagram; as many of them in a call as go.
 */
#define _GNU_SOURCE
#include <string.h>

#include "driver/socket_address.h"
#include "driver/udp.h"
#include "driver/udp_messages.h"

/* So many trains that were refused one after the other show that it is not one path that is to blame (a small MTU
 * there, a card without checksums) but the system. */
enum { REFUSALS_MAX = 8 };

/* What one call sends. */
typedef struct batch {
    struct mmsghdr messages[MINKE_UDP_MESSAGES_MAX];
    struct iovec pieces[MINKE_UDP_MESSAGES_MAX];
    minke_socket_address_t to[MINKE_UDP_MESSAGES_MAX]; /* by train: its messages share these two */
    minke_udp_control_t controls[MINKE_UDP_MESSAGES_MAX];
    unsigned n;
} batch_t;

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

static void write_segment_len(struct msghdr *message, size_t len)
{
    const uint16_t segment_len = (uint16_t)len;
    memcpy(CMSG_DATA(next_control(message, sizeof segment_len, IPPROTO_UDP, UDP_SEGMENT)), &segment_len,
           sizeof segment_len);
}

/* The messages of the i-th train. `apart`: its datagrams go by themselves. */
static void add_train(batch_t *batch, size_t i, const minke_routed_train_t *routed, bool apart, unsigned most)
{
    const minke_train_t *train = &routed->train;
    struct msghdr message = {.msg_name = &batch->to[i],
                             .msg_namelen = minke__to_system(&routed->path.remote, &batch->to[i]),
                             .msg_iovlen = 1,
                             .msg_control = &batch->controls[i]};
    memset(&batch->controls[i], 0, sizeof batch->controls[i]);
    write_source(&message, &routed->path.local);
    const size_t step = apart ? train->segment_len : train->len;
    if (step > train->segment_len) write_segment_len(&message, train->segment_len);
    if (message.msg_controllen == 0) message.msg_control = NULL;
    for (size_t at = 0; at < train->len && batch->n < most; at += step) {
        const size_t left = train->len - at;
        batch->pieces[batch->n] = (struct iovec){train->data + at, left < step ? left : step};
        message.msg_iov = &batch->pieces[batch->n];
        batch->messages[batch->n++].msg_hdr = message;
    }
}

static void fill(batch_t *batch, const minke_udp_t *udp, const minke_routed_train_t *trains, size_t n, bool first_apart)
{
    const unsigned most = udp->batches ? MINKE_UDP_MESSAGES_MAX : 1;
    batch->n = 0;
    for (size_t i = 0; i < n && batch->n < most; i++) {
        add_train(batch, i, &trains[i], !udp->segments || (first_apart && i == 0), most);
    }
}

/* How many messages have gone; negative: the first could not, errno says why. */
static int hand_over(const minke_udp_t *udp, batch_t *batch)
{
    if (batch->n > 1) return sendmmsg(udp->fd, batch->messages, batch->n, MSG_NOSIGNAL);
    return sendmsg(udp->fd, &batch->messages[0].msg_hdr, MSG_NOSIGNAL) < 0 ? -1 : 1;
}

/* Cuts off what was in the first messages. Returns how many trains are done with. */
static size_t cut_off(minke_routed_train_t *trains, const batch_t *batch, size_t messages_n)
{
    size_t done = 0;
    for (size_t i = 0; i < messages_n; i++) {
        minke_train_t *train = &trains[done].train;
        train->data += batch->pieces[i].iov_len;
        train->len -= batch->pieces[i].iov_len;
        if (train->len == 0) done++;
    }
    return done;
}

/* No route, a forbidden one, no address of that family, or a link-local address without its interface. */
static bool means_no_way(int error)
{
    return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN || error == EADDRNOTAVAIL ||
           error == EAFNOSUPPORT || error == EACCES || error == EINVAL;
}

static bool is_segmented(const batch_t *batch, const minke_routed_train_t *train)
{
    return batch->pieces[0].iov_len > train->train.segment_len;
}

/* A train is not cut into segments that the path is known not to carry, which shows as EINVAL, with newer kernels as
 * EMSGSIZE; datagrams one by one may still be cut into pieces. */
static bool is_too_large(const minke_routed_train_t *train, bool segmented)
{
    enum { NEVER_TOO_LARGE = 1232 }; /* IPv6 carries it everywhere */
    return errno == EMSGSIZE || (segmented && errno == EINVAL && train->train.segment_len > NEVER_TOO_LARGE);
}

/* What could not be sent goes another way: its datagrams are too large for segments; the system knows no batches, or no
 * segments for this train (EIO, EINVAL, EOPNOTSUPP from an old kernel, or a path that cannot). */
static bool goes_another_way(minke_udp_t *udp, const batch_t *batch, minke_routed_train_t *train, bool *apart)
{
    const bool segmented = is_segmented(batch, train);
    if (is_too_large(train, segmented)) {
        train->too_large = train->train.segment_len;
        *apart = segmented;
        return segmented;
    }
    if (errno == ENOSYS && udp->batches) {
        udp->batches = false;
        return true;
    }
    if (!segmented || (errno != EIO && errno != EINVAL && errno != EOPNOTSUPP)) return false;
    if (++udp->refusals_n == REFUSALS_MAX) udp->segments = false;
    *apart = true;
    return true;
}

size_t minke__udp_send(minke_udp_t *udp, minke_routed_train_t *trains, size_t n)
{
    batch_t batch;
    size_t at = 0;
    for (bool apart = false; at < n;) {
        fill(&batch, udp, trains + at, n - at, apart);
        int sent = hand_over(udp, &batch);
        if (sent > 0 && is_segmented(&batch, &trains[at])) udp->refusals_n = 0;
        if (sent < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) break;
            if (goes_another_way(udp, &batch, &trains[at], &apart)) continue;
            if (means_no_way(errno)) trains[at].no_way = errno;
            sent = 1; /* lost */
        }
        const size_t done = cut_off(trains + at, &batch, (size_t)sent);
        if (done > 0) apart = false;
        at += done;
    }
    return at;
}
