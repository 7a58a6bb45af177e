/*
 * User data through usrsctp, the SCTP of libdatachannel and others: two processes on loopback, messages of 16 KiB,
 * ordered and reliable, packets of 1200 bytes, each sealed by AES-128-GCM as DTLS would. Sender on core 0, receiver on
 * core 1.
 *
 *     build/bench/usrsctp-flow [--message BYTES] [--streams N] [--buffer BYTES] [--seconds S]
 *
 * buffer: of either direction; 0, the default: usrsctp's own. One JSON object on stdout.
 */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <usrsctp.h>

#include "support/arguments.h"
#include "support/measure.h"

static const char usage[] = "usage: usrsctp-flow [--message BYTES] [--streams N] [--buffer BYTES] [--seconds S]\n";

enum { MTU = 1200, RECORD_HEADER = 13, AHEAD = 21, TAG = 16, PORT = 5000, STREAMS_MAX = 256, MESSAGE_MAX = 1 << 18 };
static const double warm_s = 0.3;

typedef struct shared {
    volatile bool ready, stop;
    volatile uint64_t received;
    volatile double cpu;
} shared_t;

typedef struct side {
    int fd;
    EVP_CIPHER_CTX *seal, *open;
    uint64_t sequence;
    pthread_mutex_t lock; /* usrsctp sends from two threads */
    shared_t *shared;
} side_t;

/* usrsctp is global, and so is what it is joined to. */
static side_t self;

static int send_packet(void *address, void *packet, size_t len, uint8_t tos, uint8_t df)
{
    static uint8_t record[4096];
    uint8_t nonce[12] = {0};
    int n;
    (void)address, (void)tos, (void)df;
    if (len + AHEAD + TAG > sizeof record) return -1;
    (void)pthread_mutex_lock(&self.lock);
    self.sequence++;
    memcpy(nonce + 4, &self.sequence, 8);
    memset(record, 23, RECORD_HEADER);
    memcpy(record + RECORD_HEADER, &self.sequence, 8);
    EVP_EncryptInit_ex(self.seal, NULL, NULL, NULL, nonce);
    EVP_EncryptUpdate(self.seal, NULL, &n, record, RECORD_HEADER);
    EVP_EncryptUpdate(self.seal, record + AHEAD, &n, packet, (int)len);
    EVP_EncryptFinal_ex(self.seal, record + AHEAD + len, &n);
    EVP_CIPHER_CTX_ctrl(self.seal, EVP_CTRL_AEAD_GET_TAG, TAG, record + AHEAD + len);
    (void)send(self.fd, record, len + AHEAD + TAG, 0); /* what is lost SCTP sends again */
    (void)pthread_mutex_unlock(&self.lock);
    return 0;
}

/* The packet of a record, in `packet`; its length, 0: not authentic. */
static size_t open_record(uint8_t *record, size_t record_len, uint8_t *packet)
{
    uint8_t nonce[12] = {0};
    int n;
    if (record_len < AHEAD + TAG + 12) return 0;
    const size_t len = record_len - AHEAD - TAG;
    memcpy(nonce + 4, record + RECORD_HEADER, 8);
    EVP_DecryptInit_ex(self.open, NULL, NULL, NULL, nonce);
    EVP_DecryptUpdate(self.open, NULL, &n, record, RECORD_HEADER);
    EVP_DecryptUpdate(self.open, packet, &n, record + AHEAD, (int)len);
    EVP_CIPHER_CTX_ctrl(self.open, EVP_CTRL_AEAD_SET_TAG, TAG, record + AHEAD + len);
    return EVP_DecryptFinal_ex(self.open, packet + len, &n) > 0 ? len : 0;
}

static void *receive_packets(void *cookie)
{
    static uint8_t record[65536], packet[65536];
    while (!self.shared->stop) {
        const ssize_t n = recv(self.fd, record, sizeof record, 0);
        const size_t len = n > 0 ? open_record(record, (size_t)n, packet) : 0;
        if (len > 0) usrsctp_conninput(cookie, packet, len, 0);
    }
    return NULL;
}

static int on_message(struct socket *socket, union sctp_sockstore from, void *data, size_t len,
                      struct sctp_rcvinfo info, int flags, void *user)
{
    (void)socket, (void)from, (void)info, (void)user;
    if (data != NULL && (flags & MSG_NOTIFICATION) == 0) self.shared->received += len;
    free(data);
    return 1;
}

static void begin(int fd, int core, int buffer, shared_t *shared)
{
    static const uint8_t key[16] = {1};
    pin(core);
    self = (side_t){fd, EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_new(), 0, PTHREAD_MUTEX_INITIALIZER, shared};
    if (EVP_EncryptInit_ex(self.seal, EVP_aes_128_gcm(), NULL, key, key) != 1 ||
        EVP_DecryptInit_ex(self.open, EVP_aes_128_gcm(), NULL, key, key) != 1) {
        die("AES-128-GCM");
    }
    usrsctp_init(0, send_packet, NULL);
    (void)usrsctp_sysctl_set_sctp_ecn_enable(0);
    if (buffer > 0) {
        (void)usrsctp_sysctl_set_sctp_recvspace((uint32_t)buffer);
        (void)usrsctp_sysctl_set_sctp_sendspace((uint32_t)buffer);
    }
}

static struct sockaddr_conn address_of(void *cookie)
{
    struct sockaddr_conn address = {0};
    address.sconn_family = AF_CONN;
    address.sconn_port = htons(PORT);
    address.sconn_addr = cookie;
    return address;
}

static struct socket *new_socket(void *cookie, bool receives, pthread_t *thread)
{
    const int on = 1;
    struct sctp_paddrparams path = {0};
    const struct sctp_initmsg init = {.sinit_num_ostreams = STREAMS_MAX, .sinit_max_instreams = STREAMS_MAX};
    struct sockaddr_conn address = address_of(cookie);
    usrsctp_register_address(cookie);
    struct socket *s = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, receives ? on_message : NULL, NULL, 0, NULL);
    if (s == NULL) die("usrsctp_socket");
    path.spp_address.ss_family = AF_CONN;
    path.spp_flags = SPP_PMTUD_DISABLE;
    path.spp_pathmtu = MTU;
    (void)usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
    (void)usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
    (void)usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init);
    if (usrsctp_bind(s, (struct sockaddr *)&address, sizeof address) != 0) die("usrsctp_bind");
    if (pthread_create(thread, NULL, receive_packets, cookie) != 0) die("pthread_create");
    return s;
}

static _Noreturn void receive_for_ever(int fd, int buffer, shared_t *shared)
{
    static int cookie;
    pthread_t thread;
    begin(fd, 1, buffer, shared);
    struct socket *listener = new_socket(&cookie, true, &thread);
    (void)usrsctp_listen(listener, 1);
    shared->ready = true;
    if (usrsctp_accept(listener, NULL, NULL) == NULL) die("usrsctp_accept");
    while (!shared->stop) {
        shared->cpu = cpu_s();
        (void)usleep(5000);
    }
    _exit(0);
}

static int send_messages(int fd, int buffer, size_t message_len, unsigned streams, double seconds, shared_t *shared)
{
    static int cookie;
    static uint8_t message[MESSAGE_MAX];
    struct sctp_sendv_spa info = {.sendv_flags = SCTP_SEND_SNDINFO_VALID};
    struct sockaddr_conn address = address_of(&cookie);
    pthread_t thread;
    double begun = 0, cpu = 0, receiver_cpu = 0;
    uint64_t received = 0;
    begin(fd, 0, buffer, shared);
    while (!shared->ready) (void)usleep(1000);
    struct socket *s = new_socket(&cookie, false, &thread);
    if (usrsctp_connect(s, (struct sockaddr *)&address, sizeof address) < 0) die("usrsctp_connect");
    info.sendv_sndinfo.snd_ppid = htonl(53);
    info.sendv_sndinfo.snd_flags = SCTP_EOR;
    const double warm_at = now_s() + warm_s;
    for (unsigned n = 0; begun == 0 || now_s() < begun + seconds; n++) {
        info.sendv_sndinfo.snd_sid = (uint16_t)(n % streams);
        if (usrsctp_sendv(s, message, message_len, NULL, 0, &info, sizeof info, SCTP_SENDV_SPA, 0) < 0)
            die("usrsctp_sendv");
        if (begun > 0 || now_s() < warm_at) continue;
        begun = now_s();
        cpu = cpu_s();
        receiver_cpu = shared->cpu;
        received = shared->received;
    }
    const double took = now_s() - begun, gigabytes = (double)(shared->received - received) / 1e9;
    (void)printf("{\"gbit_s\":%.4f,\"sender_cpu\":%.4f,\"receiver_cpu\":%.4f}\n", gigabytes * 8 / took,
                 (cpu_s() - cpu) / gigabytes, (shared->cpu - receiver_cpu) / gigabytes);
    (void)fflush(stdout);
    shared->stop = true;
    return 0;
}

int main(int argc, char **argv)
{
    double message_len = 16384, streams = 1, buffer = 0, seconds = 2;
    const argument_t known[] = {{"--message", &message_len, NULL},
                                {"--streams", &streams, NULL},
                                {"--buffer", &buffer, NULL},
                                {"--seconds", &seconds, NULL},
                                {NULL, NULL, NULL}};
    const char *word = read_arguments(argc, argv, known, usage);
    shared_t *shared = shared_memory(sizeof *shared);
    int fds[2];
    if (word != NULL || message_len < 1 || message_len > MESSAGE_MAX || streams < 1 || streams > STREAMS_MAX) {
        (void)fputs(usage, stderr);
        return 2;
    }
    udp_pair(fds, buffer > 0 ? 4 << 20 : 1 << 20, 100);
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) receive_for_ever(fds[1], (int)buffer, shared);
    const int result = send_messages(fds[0], (int)buffer, (size_t)message_len, (unsigned)streams, seconds, shared);
    (void)waitpid(child, NULL, 0);
    _exit(result); /* usrsctp's threads are still there */
}
