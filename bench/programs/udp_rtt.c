/*
 * The round trip of a datagram of 64 bytes over loopback: two processes on two cores, each asleep until something
 * comes. Nothing that is built on UDP can be faster. One JSON object on stdout.
 *
 *     build/bench/udp-rtt [--count N] [--epoll 1]
 *
 * Both sleep in recv(); with --epoll in epoll_wait(), and read then, as a program with several sockets does.
 */
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/arguments.h"
#include "support/measure.h"

static const char usage[] = "usage: udp-rtt [--count N] [--epoll 1]\n";

enum { MESSAGE = 64, COUNT_MAX = 100000, PATIENCE_MS = 1000 };

typedef struct side {
    int fd, epoll; /* epoll is -1 where recv() itself waits */
} side_t;

static side_t side_of(int fd, bool with_epoll)
{
    side_t side = {fd, -1};
    if (!with_epoll) return side;
    struct epoll_event wanted = {.events = EPOLLIN};
    side.epoll = epoll_create1(0);
    if (side.epoll < 0 || epoll_ctl(side.epoll, EPOLL_CTL_ADD, fd, &wanted) < 0) die("epoll");
    return side;
}

/* Bytes, or less than 1 when nothing came for a second. */
static ssize_t receive(const side_t *side, char *message)
{
    struct epoll_event event;
    if (side->epoll >= 0 && epoll_wait(side->epoll, &event, 1, PATIENCE_MS) < 1) return 0;
    return recv(side->fd, message, MESSAGE, 0);
}

static _Noreturn void echo(int fd, bool with_epoll)
{
    char message[MESSAGE];
    pin(1);
    const side_t side = side_of(fd, with_epoll);
    ssize_t n;
    while ((n = receive(&side, message)) > 1 && send(fd, message, (size_t)n, 0) == n) {
    }
    _exit(0);
}

static double median_rtt(size_t count, double *times, bool with_epoll)
{
    int fds[2];
    char message[MESSAGE] = {0};
    udp_pair(fds, 0, PATIENCE_MS);
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) echo(fds[1], with_epoll);
    pin(0);
    const side_t side = side_of(fds[0], with_epoll);
    for (size_t i = 0; i < count; i++) {
        const double begun = now_s();
        if (send(fds[0], message, sizeof message, 0) < 0 || receive(&side, message) != MESSAGE) die("round trip");
        times[i] = now_s() - begun;
    }
    (void)send(fds[0], message, 1, 0);
    (void)waitpid(child, NULL, 0);
    for (int i = 0; i < 2; i++) (void)close(fds[i]);
    if (side.epoll >= 0) (void)close(side.epoll);
    return median(times, count);
}

int main(int argc, char **argv)
{
    double count = 10000, with_epoll = 0;
    const argument_t known[] = {{"--count", &count, NULL}, {"--epoll", &with_epoll, NULL}, {NULL, NULL, NULL}};
    const char *word = read_arguments(argc, argv, known, usage);
    static double times[COUNT_MAX];
    if (word != NULL || count < 1 || count > COUNT_MAX) {
        (void)fputs(usage, stderr);
        return 2;
    }
    (void)printf("{\"rtt_us\":%.2f}\n", median_rtt((size_t)count, times, with_epoll > 0) * 1e6);
    return 0;
}
