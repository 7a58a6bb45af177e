/*
 * The round trip of a small message through a stream of Minke, beside that of a datagram over the same loopback: two
 * processes on two cores, each asleep until something comes. They take turns, so that what else the machine does meets
 * all of them. One JSON object on stdout: medians in microseconds, and the median of the ratios of a round.
 *
 *     minke-rtt [--size BYTES] [--count N] [--rounds N] [--same-core] [--spin US]
 *
 * `raw` sleeps in recv(); `epoll` in epoll_wait() and reads then, as a program with more than one socket must.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <minke/minke.h>

enum { SIZE_MOST = 16384, COUNT_MOST = 1000000, ROUNDS_MOST = 100, SILENCE_MS = 5000 };
enum { RAW, EPOLL, STREAM, KINDS };
static const char protocol[] = "/echo/1.0.0";

static size_t size = 64, count = 2000, rounds = 7;
static size_t echo_core = 1, spin_us = 0;
static uint8_t message[SIZE_MOST];

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void pin(size_t core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    (void)sched_setaffinity(0, sizeof set, &set); /* on a machine with one core all stay there */
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sorts; `part` 0.5 is the median. */
static double quantile(double *values, size_t n, double part)
{
    qsort(values, n, sizeof *values, by_value);
    return values[(size_t)((double)(n - 1) * part)];
}

/* The child dies with its parent. Returns 0 in it. */
static pid_t start_echo(void)
{
    const pid_t child = fork();
    if (child < 0) fail("fork");
    if (child > 0) return child;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(echo_core);
    return 0;
}

/* ---- datagrams ---- */

typedef struct raw {
    int fd, epoll; /* epoll is -1 where recv() itself waits */
} raw_t;

static raw_t raw_of(int fd, int kind)
{
    raw_t raw = {fd, -1};
    struct epoll_event wanted = {.events = EPOLLIN};
    if (kind == RAW) return raw;
    raw.epoll = epoll_create1(0);
    if (raw.epoll < 0 || epoll_ctl(raw.epoll, EPOLL_CTL_ADD, fd, &wanted) < 0) fail("epoll");
    return raw;
}

static ssize_t raw_receive(const raw_t *raw, uint8_t *into)
{
    struct epoll_event event;
    if (raw->epoll >= 0 && epoll_wait(raw->epoll, &event, 1, -1) < 1) return -1;
    return recv(raw->fd, into, SIZE_MOST, 0);
}

static raw_t start_raw(int kind)
{
    int fds[2];
    struct sockaddr_in at[2];
    for (int i = 0; i < 2; i++) {
        socklen_t len = sizeof at[i];
        at[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (fds[i] < 0 || bind(fds[i], (struct sockaddr *)&at[i], len) < 0 ||
            getsockname(fds[i], (struct sockaddr *)&at[i], &len) < 0) {
            fail("socket");
        }
    }
    for (int i = 0; i < 2; i++) {
        if (connect(fds[i], (struct sockaddr *)&at[1 - i], sizeof at[i]) < 0) fail("connect");
    }
    if (start_echo() == 0) {
        const raw_t raw = raw_of(fds[1], kind);
        for (ssize_t n; (n = raw_receive(&raw, message)) > 0;) (void)send(raw.fd, message, (size_t)n, 0);
        _exit(1);
    }
    const struct timeval silence = {.tv_sec = SILENCE_MS / 1000};
    (void)setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    return raw_of(fds[0], kind);
}

static void raw_trip(const raw_t *raw)
{
    if (send(raw->fd, message, size, 0) < 0 || raw_receive(raw, message) != (ssize_t)size) fail("datagram");
}

/* ---- a stream ---- */

static void must(long result, const char *what)
{
    if (result >= 0) return;
    (void)fprintf(stderr, "%s: %s\n", what, minke_error_text((int)result));
    exit(1);
}

static minke_host_t *new_host(void)
{
    minke_host_options_t options;
    minke_host_defaults(&options);
    options.spin_us = (uint32_t)spin_us;
    return minke_host_new(&options);
}

static void echo_stream(minke_host_t *host, minke_stream_t stream)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(host, stream, &data)) > 0) {
        const ssize_t taken = minke_stream_write(host, stream, data, (size_t)n);
        if (taken <= 0) return;
        (void)minke_stream_consume(host, stream, (size_t)taken);
    }
    if (n == 0) (void)minke_stream_finish(host, stream);
}

static _Noreturn void serve(int tell)
{
    minke_host_t *host = new_host();
    minke_event_t event;
    if (host == NULL) fail("host");
    must(minke_handle(host, protocol), protocol);
    must(minke_listen(host, "/ip4/127.0.0.1/udp/0/webrtc-direct"), "listen");
    for (;;) {
        if (minke_wait(host, &event, -1) < 0) continue;
        if (event.type == MINKE_EVENT_LISTENING && write(tell, event.addr, strlen(event.addr) + 1) < 0) _exit(1);
        if (event.type == MINKE_EVENT_STREAM_READABLE || event.type == MINKE_EVENT_STREAM_WRITABLE) {
            echo_stream(host, event.stream);
        }
    }
}

static minke_event_t wait_for(minke_host_t *host, minke_event_type_t type)
{
    minke_event_t event = {0};
    do {
        must(minke_wait(host, &event, SILENCE_MS), "nothing happens");
        if (event.type == MINKE_EVENT_DISCONNECTED) must(MINKE_ERROR_CONNECTION_CLOSED, event.close.text);
    } while (event.type != type);
    return event;
}

static minke_host_t *start_stream(minke_stream_t *stream)
{
    int ends[2];
    char addr[MINKE_ADDR_BYTES] = "";
    minke_connection_t connection;
    if (pipe(ends) < 0) fail("pipe");
    if (start_echo() == 0) serve(ends[1]);
    if (read(ends[0], addr, sizeof addr - 1) <= 0) fail("no address");
    minke_host_t *host = new_host();
    if (host == NULL) fail("host");
    must(minke_dial(host, addr, 1, &connection), "dial");
    (void)wait_for(host, MINKE_EVENT_CONNECTED);
    must(minke_open(host, connection, protocol, stream), "open");
    (void)wait_for(host, MINKE_EVENT_IDENTIFIED);
    return host;
}

static void stream_trip(minke_host_t *host, minke_stream_t stream)
{
    const uint8_t *data;
    minke_event_t event;
    must(minke_stream_write(host, stream, message, size), "write");
    for (size_t left = size; left > 0;) {
        const ssize_t n = minke_stream_peek(host, stream, &data);
        if (n > 0) {
            left -= (size_t)n;
            (void)minke_stream_consume(host, stream, (size_t)n);
        } else {
            must(n == 0 ? MINKE_ERROR_CONNECTION_CLOSED : 0, "the stream has ended");
            must(minke_wait(host, &event, SILENCE_MS), "no answer");
        }
    }
}

/* ---- */

typedef struct figures {
    double median[KINDS], p90[KINDS], switches; /* voluntary ones, of this process, per round trip through the stream */
} figures_t;

static double switches_so_far(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_nvcsw;
}

static void measure(raw_t raws[STREAM], minke_host_t *host, minke_stream_t stream, double *times, figures_t *figures)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const double before = switches_so_far();
        for (size_t i = 0; i < count; i++) {
            const double begun = now_us();
            if (kind == STREAM) stream_trip(host, stream);
            else raw_trip(&raws[kind]);
            times[i] = now_us() - begun;
        }
        figures->switches = (switches_so_far() - before) / (double)count;
        figures->p90[kind] = quantile(times, count, 0.9);
        figures->median[kind] = quantile(times, count, 0.5);
    }
}

static double over_rounds(const figures_t *all, int kind, int divisor)
{
    double values[ROUNDS_MOST];
    for (size_t i = 0; i < rounds; i++) {
        values[i] = all[i].median[kind] / (divisor >= 0 ? all[i].median[divisor] : 1);
    }
    return quantile(values, rounds, 0.5);
}

static bool read_number(const char *text, size_t least, size_t most, size_t *out)
{
    char *end;
    *out = strtoul(text, &end, 10);
    return *text != 0 && *end == 0 && *out >= least && *out <= most;
}

static bool read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"size", required_argument, NULL, 's'},   {"count", required_argument, NULL, 'c'},
        {"rounds", required_argument, NULL, 'r'}, {"same-core", no_argument, NULL, 'S'},
        {"spin", required_argument, NULL, 'p'},   {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        bool valid = true;
        if (c == 's') valid = read_number(optarg, 2, SIZE_MOST, &size);
        else if (c == 'c') valid = read_number(optarg, 1, COUNT_MOST, &count);
        else if (c == 'r') valid = read_number(optarg, 1, ROUNDS_MOST, &rounds);
        else if (c == 'S') echo_core = 0;
        else if (c == 'p') valid = read_number(optarg, 0, 1000000, &spin_us);
        else valid = false;
        if (!valid) return false;
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    figures_t all[ROUNDS_MOST];
    if (!read_options(argc, argv)) {
        (void)fprintf(stderr, "usage: %s [--size BYTES] [--count N] [--rounds N] [--same-core] [--spin US]\n", argv[0]);
        return 2;
    }
    double *times = calloc(count, sizeof *times);
    if (times == NULL) fail("memory");
    raw_t raws[STREAM] = {start_raw(RAW), start_raw(EPOLL)};
    minke_stream_t stream;
    minke_host_t *host = start_stream(&stream);
    pin(0);
    for (int i = 0; i < 200; i++) stream_trip(host, stream);
    for (size_t i = 0; i < rounds; i++) measure(raws, host, stream, times, &all[i]);
    (void)printf("{\"size\":%zu,\"count\":%zu,\"rounds\":%zu,\"raw_us\":%.2f,\"epoll_us\":%.2f,\"stream_us\":%.2f,"
                 "\"stream_p90_us\":%.2f,\"stream_over_raw\":%.3f,\"stream_over_epoll\":%.3f,\"switches\":%.2f}\n",
                 size, count, rounds, over_rounds(all, RAW, -1), over_rounds(all, EPOLL, -1),
                 over_rounds(all, STREAM, -1), all[rounds / 2].p90[STREAM], over_rounds(all, STREAM, RAW),
                 over_rounds(all, STREAM, EPOLL), all[rounds / 2].switches);
    minke_host_free(host);
    free(times);
    return 0;
}
