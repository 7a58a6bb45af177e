/*
 * The kernel's TCP, for comparison: one connection, one direction.
 *
 *     link-tcp listen ADDRESS PORT SECONDS         takes one connection, receives for so long, prints what came
 *     link-tcp dial ADDRESS PORT CONTROL           sends until the other end has had enough; CONTROL: cubic, reno, bbr
 *
 * Prints JSON. The congestion control is the socket's own, whatever the machine's default is.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arrivals.h"

enum { BLOCK = 128 << 10, WAIT_S = 30, LINE = 512 };

static char block[BLOCK];

static int failed(const char *what)
{
    (void)fprintf(stderr, "link-tcp: %s: %s\n", what, strerror(errno));
    return 1;
}

/* Nothing here waits for ever. */
static int open_socket(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    const struct timeval patience = {.tv_sec = WAIT_S};
    if (fd < 0) return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

static int listen_once(const struct sockaddr_in *address, double seconds)
{
    static arrivals_t arrivals;
    const int fd = open_socket();
    if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof *address) != 0 || listen(fd, 1) != 0) {
        return failed("listen");
    }
    (void)printf("{\"event\":\"listening\",\"addr\":\"%d\"}\n", ntohs(address->sin_port));
    (void)fflush(stdout);
    const int connection = accept(fd, NULL, NULL);
    if (connection < 0) return failed("accept");
    arrivals_begin(&arrivals, seconds);
    while (!arrivals_are_over(&arrivals)) {
        const ssize_t n = recv(connection, block, sizeof block, 0);
        if (n <= 0) break;
        arrivals_add(&arrivals, (uint64_t)n);
    }
    arrivals_print(&arrivals, "tcp", "");
    return 0;
}

static void print_info(int fd, const char *control)
{
    struct tcp_info info = {.tcpi_state = 0};
    socklen_t len = sizeof info;
    (void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    (void)printf(
        "{\"event\":\"sent\",\"kind\":\"tcp\",\"control\":\"%s\",\"retransmitted\":%u,\"rtt_ms\":%.1f,\"window\":%u}\n",
        control, info.tcpi_total_retrans, (double)info.tcpi_rtt / 1000, info.tcpi_snd_cwnd * info.tcpi_snd_mss);
    (void)fflush(stdout);
}

static int dial(const struct sockaddr_in *address, const char *control)
{
    char in_use[16] = "";
    socklen_t len = sizeof in_use;
    const int fd = open_socket();
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, control, (socklen_t)strlen(control)) != 0) {
        return failed(control);
    }
    if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, in_use, &len) != 0 || strcmp(in_use, control) != 0) {
        return failed("another congestion control");
    }
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) return failed("connect");
    while (send(fd, block, sizeof block, 0) > 0) {
    }
    print_info(fd, control);
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc != 5 || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) {
        (void)fputs("usage: link-tcp listen ADDRESS PORT SECONDS\n       link-tcp dial ADDRESS PORT CONTROL\n", stderr);
        return 2;
    }
    address.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
    if (strcmp(argv[1], "listen") == 0) return listen_once(&address, strtod(argv[4], NULL));
    return dial(&address, argv[4]);
}
