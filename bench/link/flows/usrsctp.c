/*
 * usrsctp over UDP, set as libdatachannel 0.24 sets it: one association, messages of 16 KiB in one direction, each
 * packet as long as DTLS with AES-GCM would make it. It is the network that decides here, so nothing is encrypted.
 *
 *     link-usrsctp listen ADDRESS PORT SECONDS     takes one association, receives for so long, prints what came
 *     link-usrsctp dial ADDRESS PORT               sends until the other end has had enough
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <usrsctp.h>

#include "arrivals.h"
#include "support/measure.h"

enum {
    RECORD = 37,                            /* what DTLS 1.2 with AES-GCM adds to a packet */
    PATH_MTU = 1280 - 40 - 8 - RECORD - 12, /* libdatachannel's: IPv6's least packet, without the heads */
    BUFFER = 1 << 20,
    MESSAGE = 16384,
    SCTP_PORT = 5000,
    WAIT_S = 30
};

/* usrsctp is global, and so is what it is joined to. */
static int fd;
static int cookie;
static arrivals_t arrivals;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of `arrivals` */
static volatile bool over;

static int send_packet(void *address, void *packet, size_t len, uint8_t tos, uint8_t df)
{
    uint8_t record[2048] = {0};
    (void)address, (void)tos, (void)df;
    if (len + RECORD > sizeof record) return -1;
    memcpy(record + RECORD, packet, len);
    (void)send(fd, record, len + RECORD, 0); /* what is lost SCTP sends again */
    return 0;
}

static void *receive_packets(void *unused)
{
    static uint8_t record[65536];
    (void)unused;
    while (!over) {
        const ssize_t n = recv(fd, record, sizeof record, 0);
        if (n > RECORD) usrsctp_conninput(&cookie, record + RECORD, (size_t)n - RECORD, 0);
    }
    return NULL;
}

static int on_message(struct socket *socket, union sctp_sockstore from, void *data, size_t len,
                      struct sctp_rcvinfo info, int flags, void *user)
{
    (void)socket, (void)from, (void)info, (void)user;
    (void)pthread_mutex_lock(&lock);
    if (data != NULL && (flags & MSG_NOTIFICATION) == 0 && arrivals.seconds > 0) arrivals_add(&arrivals, len);
    (void)pthread_mutex_unlock(&lock);
    free(data);
    return 1;
}

/* libdatachannel's values, src/impl/sctptransport.cpp. */
static void set_as_libdatachannel(void)
{
    (void)usrsctp_sysctl_set_sctp_ecn_enable(0);
    (void)usrsctp_sysctl_set_sctp_recvspace(BUFFER);
    (void)usrsctp_sysctl_set_sctp_sendspace(BUFFER);
    (void)usrsctp_sysctl_set_sctp_max_chunks_on_queue(10 * 1024);
    (void)usrsctp_sysctl_set_sctp_initial_cwnd(10);
    (void)usrsctp_sysctl_set_sctp_max_burst_default(10);
    (void)usrsctp_sysctl_set_sctp_default_cc_module(0);
    (void)usrsctp_sysctl_set_sctp_delayed_sack_time_default(20);
    (void)usrsctp_sysctl_set_sctp_rto_min_default(200);
    (void)usrsctp_sysctl_set_sctp_rto_max_default(10000);
    (void)usrsctp_sysctl_set_sctp_rto_initial_default(1000);
    (void)usrsctp_sysctl_set_sctp_heartbeat_interval_default(10000);
}

static struct sockaddr_conn address_of_cookie(void)
{
    struct sockaddr_conn address = {0};
    address.sconn_family = AF_CONN;
    address.sconn_port = htons(SCTP_PORT);
    address.sconn_addr = &cookie;
    return address;
}

static struct socket *begin(bool receives)
{
    const int on = 1;
    struct sctp_paddrparams path = {0};
    struct sockaddr_conn address = address_of_cookie();
    usrsctp_init(0, send_packet, NULL);
    set_as_libdatachannel();
    usrsctp_register_address(&cookie);
    struct socket *s = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, receives ? on_message : NULL, NULL, 0, NULL);
    if (s == NULL) die("usrsctp_socket");
    path.spp_address.ss_family = AF_CONN;
    path.spp_flags = SPP_PMTUD_DISABLE;
    path.spp_pathmtu = PATH_MTU;
    (void)usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
    (void)usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
    if (usrsctp_bind(s, (struct sockaddr *)&address, sizeof address) != 0) die("usrsctp_bind");
    return s;
}

/* A listener first listens: it would abort what comes before. */
static void receive(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, receive_packets, NULL) != 0) die("pthread_create");
}

/* The listener learns from the first packet where the other one is. */
static void open_socket(const struct sockaddr_in *address, bool listens)
{
    const struct timeval patience = {.tv_sec = WAIT_S};
    struct sockaddr_in remote;
    socklen_t len = sizeof remote;
    uint8_t first;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    const int buffer = 4 << 20;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!listens) {
        if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) die("connect");
        return;
    }
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) != 0) die("bind");
    (void)puts("{\"event\":\"listening\",\"addr\":\"\"}");
    (void)fflush(stdout);
    if (recvfrom(fd, &first, sizeof first, MSG_PEEK, (struct sockaddr *)&remote, &len) < 0) die("nobody came");
    if (connect(fd, (const struct sockaddr *)&remote, len) != 0) die("connect");
}

static int listen_once(double seconds)
{
    struct socket *listener = begin(true);
    (void)usrsctp_listen(listener, 1);
    receive();
    if (usrsctp_accept(listener, NULL, NULL) == NULL) die("usrsctp_accept");
    (void)pthread_mutex_lock(&lock);
    arrivals_begin(&arrivals, seconds);
    (void)pthread_mutex_unlock(&lock);
    while (!arrivals_are_over(&arrivals)) (void)usleep(10000);
    (void)pthread_mutex_lock(&lock);
    arrivals_print(&arrivals, "usrsctp", "");
    return 0;
}

static int dial(void)
{
    static uint8_t message[MESSAGE];
    struct sctp_sendv_spa info = {.sendv_flags = SCTP_SEND_SNDINFO_VALID};
    struct sockaddr_conn address = address_of_cookie();
    struct socket *s = begin(false);
    receive();
    info.sendv_sndinfo.snd_ppid = htonl(53);
    info.sendv_sndinfo.snd_flags = SCTP_EOR;
    if (usrsctp_connect(s, (struct sockaddr *)&address, sizeof address) < 0) die("usrsctp_connect");
    while (usrsctp_sendv(s, message, sizeof message, NULL, 0, &info, sizeof info, SCTP_SENDV_SPA, 0) > 0) {
    }
    (void)puts("{\"event\":\"sent\",\"kind\":\"usrsctp\"}");
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const bool listens = argc == 5 && strcmp(argv[1], "listen") == 0;
    if (!(listens || (argc == 4 && strcmp(argv[1], "dial") == 0)) ||
        inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) {
        (void)fputs("usage: link-usrsctp listen ADDRESS PORT SECONDS\n       link-usrsctp dial ADDRESS PORT\n", stderr);
        return 2;
    }
    address.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
    open_socket(&address, listens);
    const int code = listens ? listen_once(strtod(argv[4], NULL)) : dial();
    (void)fflush(stdout);
    over = true;
    _exit(code); /* usrsctp's threads are still there */
}
