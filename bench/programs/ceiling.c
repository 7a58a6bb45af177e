/*
 * The most that one data-channel flow can reach on this machine with OpenSSL's AES: every part that cannot be left out,
 * and nothing else. No retransmission, no streams, no congestion control, no timers.
 *
 *     build/bench/ceiling [--io gso|mmsg|single] [--seconds S] [--window BYTES]
 *
 * Sender, on core 0: copies user bytes behind the header of an SCTP packet with one DATA chunk, CRC32c, AES-128-GCM as
 * a DTLS 1.2 record in one call of OpenSSL, UDP out. Receiver, on core 1: UDP in, open, check the CRC32c and that no
 * number is missing, copy to the user's memory, one sealed SACK for every batch read. At most WINDOW bytes are in
 * flight (4000000; without gso 1048576, as each datagram then takes more room in a socket's buffer); a full window
 * sleeps in recv().
 *
 * Datagrams of 1197 bytes with 1132 of user data. gso: trains of 54 through UDP_SEGMENT and UDP_GRO; mmsg: sendmmsg and
 * recvmmsg of up to 64; single: sendto and recvfrom, a SACK for every second packet.
 * One JSON object on stdout: Gbit/s of user data, seconds of processor time per 10^9 bytes of either end.
 */
#include <errno.h>
#include <netinet/udp.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/arguments.h"
#include "support/crc32c.h"
#include "support/measure.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static const char usage[] = "usage: ceiling [--io gso|mmsg|single] [--seconds S] [--window BYTES]\n";

enum {
    USER = 1132,
    SCTP_HEADER = 28, /* common header and that of a DATA chunk */
    PACKET = SCTP_HEADER + USER,
    RECORD_HEADER = 13,
    EXPLICIT_NONCE = 8,
    TAG = 16,
    AHEAD = RECORD_HEADER + EXPLICIT_NONCE,
    OVERHEAD = AHEAD + TAG,
    RECORD = PACKET + OVERHEAD,
    TRAIN = 54,
    BATCH = 64,
    SLOT = 2048, /* of one datagram where they are not a train */
    USER_BYTES = 4 << 20,
    DELIVERED_BYTES = 1 << 20,
    SOCKET_BYTES = 4 << 20,
    PATIENCE_MS = 200
};

typedef enum io { IO_GSO, IO_MMSG, IO_SINGLE } io_t;

/* What both processes see. */
typedef struct shared {
    volatile bool ready, stop;
    volatile uint64_t received, packets, bad;
    volatile double cpu;
} shared_t;

/* ---- records ---- */

typedef struct keys {
    EVP_CIPHER_CTX *seal, *open;
    uint64_t sequence;
} keys_t;

static void init_keys(keys_t *keys)
{
    static const uint8_t key[16] = {9}, salt[4] = {0};
    *keys = (keys_t){EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_new(), 0};
    if (EVP_EncryptInit_ex(keys->seal, EVP_aes_128_gcm(), NULL, key, NULL) != 1 ||
        EVP_DecryptInit_ex(keys->open, EVP_aes_128_gcm(), NULL, key, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(keys->seal, EVP_CTRL_GCM_SET_IV_FIXED, sizeof salt, (void *)(uintptr_t)salt) != 1 ||
        EVP_CIPHER_CTX_ctrl(keys->open, EVP_CTRL_GCM_SET_IV_FIXED, sizeof salt, (void *)(uintptr_t)salt) != 1) {
        die("AES-128-GCM");
    }
}

static void put_u16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* The additional data: sequence number, type, version and length, in the order of TLS. */
static void put_additional(uint8_t data[EVP_AEAD_TLS1_AAD_LEN], const uint8_t *record, size_t len)
{
    memcpy(data, record + 3, 8);
    memcpy(data + 8, record, 3);
    put_u16(data + 11, len);
}

/* `len` bytes behind AHEAD, in place; room for the tag behind them. */
static void seal(keys_t *keys, uint8_t *record, size_t len)
{
    uint8_t additional[EVP_AEAD_TLS1_AAD_LEN];
    const uint64_t sequence = __builtin_bswap64(++keys->sequence);
    record[0] = 23;
    record[1] = 0xfe;
    record[2] = 0xfd;
    memcpy(record + 3, &sequence, sizeof sequence);
    put_u16(record + 11, EXPLICIT_NONCE + len + TAG);
    memcpy(record + RECORD_HEADER, &sequence, sizeof sequence);
    put_additional(additional, record, EXPLICIT_NONCE + len);
    if (EVP_CIPHER_CTX_ctrl(keys->seal, EVP_CTRL_AEAD_TLS1_AAD, sizeof additional, additional) != TAG ||
        EVP_Cipher(keys->seal, record + RECORD_HEADER, record + RECORD_HEADER,
                   (unsigned)(EXPLICIT_NONCE + len + TAG)) <= 0) {
        die("seal");
    }
}

static bool open_record(keys_t *keys, uint8_t *record, size_t record_len)
{
    uint8_t additional[EVP_AEAD_TLS1_AAD_LEN];
    if (record_len < OVERHEAD) return false;
    const size_t len = record_len - RECORD_HEADER;
    put_additional(additional, record, len);
    return EVP_CIPHER_CTX_ctrl(keys->open, EVP_CTRL_AEAD_TLS1_AAD, sizeof additional, additional) == TAG &&
           EVP_Cipher(keys->open, record + RECORD_HEADER, record + RECORD_HEADER, (unsigned)len) > 0;
}

/* ---- packets ---- */

enum { CHECKSUM_AT = 8, TSN_AT = 16 };

static void put_checksum(uint8_t *packet, size_t len)
{
    const uint32_t checksum = crc32c(packet, len);
    memcpy(packet + CHECKSUM_AT, &checksum, sizeof checksum);
}

static bool has_checksum(uint8_t *packet, size_t len)
{
    uint32_t checksum;
    memcpy(&checksum, packet + CHECKSUM_AT, sizeof checksum);
    memset(packet + CHECKSUM_AT, 0, sizeof checksum);
    return crc32c(packet, len) == checksum;
}

static uint32_t tsn_of(const uint8_t *packet)
{
    uint32_t tsn;
    memcpy(&tsn, packet + TSN_AT, sizeof tsn);
    return tsn;
}

/* ---- receiver ---- */

typedef struct receiver {
    io_t io;
    int fd;
    keys_t keys;
    shared_t *shared;
    uint32_t next, unacknowledged;
    size_t delivered_at;
    uint8_t delivered[DELIVERED_BYTES];
    uint8_t buffer[BATCH * SLOT];
} receiver_t;

static void send_sack(receiver_t *r)
{
    uint8_t record[AHEAD + SCTP_HEADER + TAG] = {0}, *packet = record + AHEAD;
    packet[12] = 3;
    memcpy(packet + TSN_AT, &r->next, sizeof r->next);
    put_checksum(packet, SCTP_HEADER);
    seal(&r->keys, record, SCTP_HEADER);
    if (send(r->fd, record, sizeof record, 0) < 0) r->shared->bad++;
    r->unacknowledged = 0;
}

static void take_record(receiver_t *r, uint8_t *record, size_t record_len)
{
    uint8_t *packet = record + AHEAD;
    const size_t len = record_len - OVERHEAD;
    if (!open_record(&r->keys, record, record_len) || !has_checksum(packet, len) || tsn_of(packet) != r->next) {
        r->shared->bad++;
        return;
    }
    r->next++;
    r->unacknowledged++;
    if (r->delivered_at + USER > sizeof r->delivered) r->delivered_at = 0;
    memcpy(r->delivered + r->delivered_at, packet + SCTP_HEADER, len - SCTP_HEADER);
    r->delivered_at += len - SCTP_HEADER;
    r->shared->received += len - SCTP_HEADER;
    r->shared->packets++;
}

static size_t segment_len_of(struct msghdr *message, size_t otherwise)
{
    int len = (int)otherwise;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) memcpy(&len, CMSG_DATA(c), sizeof len);
    }
    return (size_t)len;
}

/* True: something came. */
static bool receive_train(receiver_t *r)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[64];
    } control;
    struct iovec piece = {r->buffer, 65536};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    const ssize_t n = recvmsg(r->fd, &message, 0);
    if (n <= 0) return false;
    const size_t segment_len = segment_len_of(&message, (size_t)n);
    for (size_t at = 0; at < (size_t)n; at += segment_len) {
        take_record(r, r->buffer + at, (size_t)n - at < segment_len ? (size_t)n - at : segment_len);
    }
    return true;
}

static bool receive_batch(receiver_t *r)
{
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    memset(messages, 0, sizeof messages);
    for (size_t i = 0; i < BATCH; i++) {
        pieces[i] = (struct iovec){r->buffer + i * SLOT, SLOT};
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int n = recvmmsg(r->fd, messages, BATCH, MSG_WAITFORONE, NULL);
    for (int i = 0; i < n; i++) take_record(r, r->buffer + (size_t)i * SLOT, messages[i].msg_len);
    return n > 0;
}

static bool receive_one(receiver_t *r)
{
    const ssize_t n = recv(r->fd, r->buffer, SLOT, 0);
    if (n > 0) take_record(r, r->buffer, (size_t)n);
    return n > 0 && r->unacknowledged >= 2; /* RFC 9260 6.2: a SACK for every second packet */
}

static _Noreturn void receive_for_ever(io_t io, int fd, shared_t *shared)
{
    static receiver_t r;
    static bool (*const receive[])(receiver_t *) = {receive_train, receive_batch, receive_one};
    pin(1);
    r = (receiver_t){.io = io, .fd = fd, .shared = shared};
    memset(r.delivered, 1, sizeof r.delivered);
    init_keys(&r.keys);
    const double before = cpu_s();
    shared->ready = true;
    while (!shared->stop) {
        if (receive[io](&r)) send_sack(&r);
        shared->cpu = cpu_s() - before;
    }
    _exit(0);
}

/* ---- sender ---- */

typedef struct sender {
    io_t io;
    int fd;
    keys_t keys;
    shared_t *shared;
    uint32_t tsn, acknowledged;
    size_t user_at;
    uint8_t user[USER_BYTES];
    uint8_t buffer[BATCH * SLOT];
} sender_t;

static void make_record(sender_t *s, uint8_t *record)
{
    uint8_t *packet = record + AHEAD;
    if (s->user_at + USER > sizeof s->user) s->user_at = 0;
    memset(packet, 0, SCTP_HEADER);
    put_u16(packet + 14, 16 + USER);
    memcpy(packet + TSN_AT, &s->tsn, sizeof s->tsn);
    s->tsn++;
    memcpy(packet + SCTP_HEADER, s->user + s->user_at, USER);
    s->user_at += USER;
    put_checksum(packet, PACKET);
    seal(&s->keys, record, PACKET);
}

static void send_train(sender_t *s)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control = {.header = {CMSG_LEN(sizeof(uint16_t)), IPPROTO_UDP, UDP_SEGMENT}};
    struct iovec piece = {s->buffer, (size_t)TRAIN * RECORD};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    const uint16_t segment_len = RECORD;
    for (size_t i = 0; i < TRAIN; i++) make_record(s, s->buffer + i * RECORD);
    memcpy(CMSG_DATA(&control.header), &segment_len, sizeof segment_len);
    if (sendmsg(s->fd, &message, 0) < 0) die("sendmsg with UDP_SEGMENT");
}

static void send_batch(sender_t *s)
{
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    memset(messages, 0, sizeof messages);
    for (size_t i = 0; i < BATCH; i++) {
        make_record(s, s->buffer + i * SLOT);
        pieces[i] = (struct iovec){s->buffer + i * SLOT, RECORD};
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    if (sendmmsg(s->fd, messages, BATCH, 0) != BATCH) die("sendmmsg");
}

static void send_one(sender_t *s)
{
    make_record(s, s->buffer);
    if (send(s->fd, s->buffer, RECORD, 0) < 0) die("send");
}

static void take_sacks(sender_t *s, int flags)
{
    uint8_t record[SLOT];
    for (ssize_t n; (n = recv(s->fd, record, sizeof record, flags)) > 0; flags = MSG_DONTWAIT) {
        uint8_t *packet = record + AHEAD;
        if (!open_record(&s->keys, record, (size_t)n) || !has_checksum(packet, (size_t)n - OVERHEAD)) {
            s->shared->bad++;
        } else if ((int32_t)(tsn_of(packet) - s->acknowledged) > 0) {
            s->acknowledged = tsn_of(packet);
        }
    }
}

/* Seconds that it took. */
static double send_for(sender_t *s, double seconds, double window)
{
    static void (*const send_next[])(sender_t *) = {send_train, send_batch, send_one};
    static const uint32_t packets_of[] = {TRAIN, BATCH, 1};
    const uint32_t packets = packets_of[s->io];
    const double begun = now_s();
    for (unsigned turn = 0; packets > 1 || turn % 64 != 0 || now_s() < begun + seconds; turn++) {
        if (packets > 1 && now_s() >= begun + seconds) break;
        if ((double)(s->tsn - s->acknowledged + packets) * USER > window) {
            take_sacks(s, 0);
            continue;
        }
        send_next[s->io](s);
        if (packets > 1 || turn % 16 == 0) take_sacks(s, MSG_DONTWAIT);
    }
    return now_s() - begun;
}

static int run(io_t io, double seconds, double window)
{
    static sender_t s;
    shared_t *shared = shared_memory(sizeof *shared);
    int fds[2];
    const int on = 1;
    udp_pair(fds, SOCKET_BYTES, PATIENCE_MS);
    if (io == IO_GSO && setsockopt(fds[1], IPPROTO_UDP, UDP_GRO, &on, sizeof on) < 0) die("UDP_GRO");
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) receive_for_ever(io, fds[1], shared);
    pin(0);
    s = (sender_t){.io = io, .fd = fds[0], .shared = shared};
    memset(s.user, 'u', sizeof s.user);
    init_keys(&s.keys);
    while (!shared->ready) (void)usleep(1000);
    const double before = cpu_s(), took = send_for(&s, seconds, window), cpu = cpu_s() - before;
    const double gigabytes = (double)shared->received / 1e9, receiver_cpu = shared->cpu;
    shared->stop = true;
    (void)waitpid(child, NULL, 0);
    if (shared->bad > 0) {
        (void)fprintf(stderr, "%llu packets were lost or wrong\n", (unsigned long long)shared->bad);
        return 1;
    }
    (void)printf("{\"gbit_s\":%.4f,\"sender_cpu\":%.4f,\"receiver_cpu\":%.4f}\n", gigabytes * 8 / took, cpu / gigabytes,
                 receiver_cpu / gigabytes);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"gso", "mmsg", "single"};
    static const double windows[] = {4e6, 1 << 20, 1 << 20};
    const char *io = "gso";
    double seconds = 2, window = 0;
    const argument_t known[] = {
        {"--io", NULL, &io}, {"--seconds", &seconds, NULL}, {"--window", &window, NULL}, {NULL, NULL, NULL}};
    const char *word = read_arguments(argc, argv, known, usage);
    if (!crc32c_init()) {
        (void)fputs("this processor has no CRC32c instruction of x86\n", stderr);
        return 1;
    }
    for (int i = 0; i < 3 && word == NULL; i++) {
        if (strcmp(io, names[i]) == 0) return run((io_t)i, seconds, window > 0 ? window : windows[i]);
    }
    (void)fputs(usage, stderr);
    return 2;
}
