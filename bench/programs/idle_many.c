/*
 * What many idle connections cost one listening process, and whether a new one notices them.
 *
 *     build/bench/idle-many [--connections N] [--clients K] [--seconds S] [--pings P]
 *
 * The parent starts a listener and, with nothing else there, a client that connects afresh, eleven times, and pings P
 * times (300); then K clients (4) that hold N connections (20000) between them, which say nothing but their checks;
 * when all are up and identify is over, the listener's processor time is taken for S seconds (30) and another fresh
 * client pings. One JSON object on stdout.
 *
 * Each connection has a socket of its own at the client: more than 20000 want `ulimit -n`, and 28000 the range of
 * ports. As root it runs in a network of its own, so that nothing else uses its ports.
 */
#include <minke/minke.h>

#include <malloc.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 64,
    AT_ONCE = 20,
    IDENTIFY_S = 5,
    SETTLE_S = 15,
    PATIENCE_S = 600,
    PINGS_MAX = 10000,
    PING_BYTES = 32,
    SETUPS = 11
};

/* What the processes tell each other. */
typedef struct board {
    char addr[MINKE_ADDR_BYTES]; /* of the listener */
    volatile int listening;
    volatile long connected, lost;      /* at the listener */
    volatile long asked, answered;      /* how much memory it holds: which question, and which has been answered */
    volatile size_t heap, account, rss; /* the answer: bytes */
    double pings_us[PINGS_MAX];
    double setups_us[SETUPS];
    uint64_t received, sent; /* datagrams, of the listener */
} board_t;

static board_t *board;
static pid_t children[CLIENTS_MAX + 2];
static size_t children_n;

static void stop_children(void)
{
    for (size_t i = 0; i < children_n; i++) (void)kill(children[i], SIGKILL);
    while (wait(NULL) > 0) continue;
}

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "idle-many: %s\n", what);
    stop_children();
    _exit(1);
}

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Processor time of another process. */
static double cpu_s_of(pid_t process)
{
    struct timespec t;
    clockid_t clock;
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &t) < 0) die("the listener is gone");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t resident_bytes(void)
{
    char line[128] = "";
    FILE *statm = fopen("/proc/self/statm", "r"); /* pages: in all, resident, .. */
    if (statm == NULL || fgets(line, sizeof line, statm) == NULL) die("/proc/self/statm");
    (void)fclose(statm);
    const char *second = strchr(line, ' ');
    return second != NULL ? strtoul(second, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static minke_host_t *new_host(long connections)
{
    minke_host_options_t options;
    minke_host_defaults(&options);
    options.transport.connections_max = options.transport.connections_per_address_max = (uint32_t)connections;
    options.transport.dial_after = 60 * 1000000ull;
    minke_host_t *host = minke_host_new(&options);
    if (host == NULL) die("no host");
    return host;
}

/* Forks; true in the child. */
static bool child(void)
{
    const pid_t process = fork();
    if (process < 0) die("fork");
    if (process > 0) children[children_n++] = process;
    else children_n = 0;
    return process == 0;
}

/* ---- the listener ---- */

static void answer(minke_host_t *host)
{
    if (board->answered == board->asked) return;
    const struct mallinfo2 info = mallinfo2();
    const minke_counters_t *counters = minke_counters(host);
    board->heap = info.uordblks + info.hblkhd;
    board->account = minke_memory(host);
    board->rss = resident_bytes();
    board->received = counters->datagrams_received;
    board->sent = counters->datagrams_sent;
    board->answered = board->asked;
}

static void on_event(const minke_event_t *event)
{
    if (event->type == MINKE_EVENT_CONNECTED) board->connected++;
    if (event->type == MINKE_EVENT_DISCONNECTED) board->lost++;
    if (event->type != MINKE_EVENT_LISTENING) return;
    memcpy(board->addr, event->addr, strlen(event->addr) + 1);
    board->listening = 1;
}

static _Noreturn void serve(long connections)
{
    minke_event_t event;
    minke_host_t *host = new_host(connections + 3L * SETUPS);
    if (minke_listen(host, "/ip4/127.0.0.1/udp/0/webrtc-direct") < 0) die("cannot listen");
    for (;;) {
        if (minke_wait(host, &event, 200) == MINKE_OK) on_event(&event);
        answer(host);
    }
}

/* ---- those who hold connections ---- */

static long see(const minke_event_t *event)
{
    if (event->type == MINKE_EVENT_DISCONNECTED) (void)fprintf(stderr, "idle-many: %s\n", event->close.text);
    return event->type == MINKE_EVENT_CONNECTED;
}

/* Sleeps by the clock, not on sockets: to wake a process on the same machine with an answer is dear, and would be the
 * listener's processor time. */
static _Noreturn void doze(minke_host_t *host)
{
    minke_event_t event;
    struct pollfd sockets = {.fd = minke_fd(host), .events = POLLIN};
    for (;;) {
        while (minke_poll(host, &event) == MINKE_OK) (void)see(&event);
        const int ms = minke_timeout(host);
        if (ms == 0 || poll(&sockets, 1, 0) > 0) continue;
        (void)usleep(ms > 0 && ms < 50 ? (useconds_t)ms * 1000 : 50000);
    }
}

static _Noreturn void hold(long wanted)
{
    minke_event_t event;
    minke_connection_t connection;
    minke_host_t *host = new_host(wanted + 1);
    for (long dialled = 0, up = 0; up < wanted;) {
        for (; dialled < wanted && dialled - up < AT_ONCE; dialled++) {
            if (minke_dial(host, board->addr, 1, &connection) < 0) die("cannot dial: is `ulimit -n` too low?");
        }
        if (minke_wait(host, &event, -1) == MINKE_OK) up += see(&event);
    }
    for (const double until = now_s() + IDENTIFY_S; now_s() < until;) {
        if (minke_wait(host, &event, 100) == MINKE_OK) (void)see(&event);
    }
    doze(host);
}

/* ---- the one that comes afresh ---- */

static void next(minke_host_t *host, minke_event_t *event, minke_event_type_t wanted)
{
    for (;;) {
        if (minke_wait(host, event, 20000) < 0) die("the fresh connection is stuck");
        if (event->type == MINKE_EVENT_DISCONNECTED) die(event->close.text);
        if (event->type == wanted) return;
    }
}

static double ping(minke_host_t *host, minke_stream_t stream)
{
    uint8_t bytes[PING_BYTES] = {1};
    const uint8_t *data;
    minke_event_t event;
    size_t back = 0;
    const double began = now_s();
    if (minke_stream_write(host, stream, bytes, sizeof bytes) != PING_BYTES) die("cannot ping");
    while (back < PING_BYTES) {
        const ssize_t n = minke_stream_peek(host, stream, &data);
        if (n == MINKE_ERROR_AGAIN) next(host, &event, MINKE_EVENT_STREAM_READABLE);
        else if (n <= 0) die("the ping stream has ended");
        else (void)minke_stream_consume(host, stream, (size_t)n);
        if (n > 0) back += (size_t)n;
    }
    return (now_s() - began) * 1e6;
}

static minke_connection_t connect_afresh(minke_host_t *host, double *us)
{
    minke_connection_t connection;
    minke_event_t event;
    const double began = now_s();
    if (minke_dial(host, board->addr, 1, &connection) < 0) die("cannot dial");
    next(host, &event, MINKE_EVENT_CONNECTED);
    *us = (now_s() - began) * 1e6;
    return connection;
}

static void let_pass(minke_host_t *host, double seconds)
{
    minke_event_t event;
    for (const double until = now_s() + seconds; now_s() < until;) {
        if (minke_wait(host, &event, 1) == MINKE_OK && event.type == MINKE_EVENT_DISCONNECTED && event.close.code != 0)
            die(event.close.text);
    }
}

static _Noreturn void connect_and_ping(long pings)
{
    minke_connection_t connection = 0;
    minke_stream_t stream;
    minke_host_t *host = new_host(SETUPS + 1);
    for (int i = 0; i < SETUPS; i++) {
        connection = connect_afresh(host, &board->setups_us[i]);
        let_pass(host, 0.05);
    }
    if (minke_open(host, connection, "/ipfs/ping/1.0.0", &stream) < 0) die("cannot open a stream");
    for (int i = 0; i < 10; i++) (void)ping(host, stream); /* identify is over */
    for (long i = 0; i < pings; i++) {
        let_pass(host, 0.01);
        board->pings_us[i] = ping(host, stream);
    }
    minke_host_free(host);
    _exit(0);
}

/* ---- the parent ---- */

typedef struct result {
    double setup_us, setup_max_us, min_us, median_us, p99_us, max_us;
} result_t;

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static result_t fresh_client(long pings)
{
    int status;
    if (child()) connect_and_ping(pings);
    if (waitpid(children[--children_n], &status, 0) < 0 || status != 0) die("the fresh client failed");
    qsort(board->pings_us, (size_t)pings, sizeof board->pings_us[0], by_value);
    qsort(board->setups_us, SETUPS, sizeof board->setups_us[0], by_value);
    return (result_t){.setup_us = board->setups_us[SETUPS / 2],
                      .setup_max_us = board->setups_us[SETUPS - 1],
                      .min_us = board->pings_us[0],
                      .median_us = board->pings_us[pings / 2],
                      .p99_us = board->pings_us[pings * 99 / 100],
                      .max_us = board->pings_us[pings - 1]};
}

static void ask(void)
{
    board->asked++;
    while (board->answered != board->asked) (void)usleep(10000);
}

static void wait_for(const volatile long *value, long wanted, const char *what)
{
    for (const double until = now_s() + PATIENCE_S; *value < wanted; (void)usleep(10000)) {
        if (now_s() > until) die(what);
    }
}

/* Failing does no harm where nobody else has our ports. */
static void own_network(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    if (unshare(CLONE_NEWNET) < 0) return;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0) die("no loopback interface");
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) die("cannot bring the loopback interface up");
    (void)close(fd);
}

static long option(int argc, char **argv, const char *name, long otherwise, long max)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], name) != 0) continue;
        const long value = strtol(argv[i + 1], NULL, 10);
        if (value < 1 || value > max) die("an option is out of range");
        return value;
    }
    return otherwise;
}

static void print_result(const char *name, const result_t *r)
{
    (void)printf(",\"%s\":{\"setup_median_us\":%.0f,\"setup_max_us\":%.0f,\"ping_min_us\":%.1f,\"ping_median_us\":%.1f,"
                 "\"ping_p99_us\":%.1f,"
                 "\"ping_max_us\":%.1f}",
                 name, r->setup_us, r->setup_max_us, r->min_us, r->median_us, r->p99_us, r->max_us);
}

int main(int argc, char **argv)
{
    const long n = option(argc, argv, "--connections", 20000, 1000000);
    const long clients = option(argc, argv, "--clients", 4, CLIENTS_MAX);
    const long seconds = option(argc, argv, "--seconds", 30, 3600);
    const long pings = option(argc, argv, "--pings", 300, PINGS_MAX);
    own_network();
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) die("mmap");
    if (child()) serve(n);
    const pid_t listener = children[0];
    while (board->listening == 0) (void)usleep(1000);
    const result_t alone = fresh_client(pings);
    ask();
    const size_t heap = board->heap, account = board->account, rss = board->rss;
    const double began = now_s();
    for (long i = 0; i < clients; i++) {
        if (child()) hold(n / clients);
    }
    const long total = n / clients * clients;
    wait_for(&board->connected, total + SETUPS, "not all connections came up");
    const double all_up = now_s();
    (void)sleep(SETTLE_S);
    (void)fprintf(stderr, "idle-many: all are up and idle; the listener is process %ld\n", (long)listener);
    ask();
    const uint64_t received = board->received, sent = board->sent;
    const double cpu = cpu_s_of(listener), from = now_s();
    (void)sleep((unsigned)seconds);
    const double cpu_share = (cpu_s_of(listener) - cpu) / (now_s() - from), observed = now_s() - from;
    ask();
    const double count = (double)total;
    (void)printf("{\"connections\":%ld,\"lost\":%ld,\"all_up_s\":%.1f,\"observed_s\":%.1f,\"cpu_share\":%.4f,", total,
                 board->lost - SETUPS, all_up - began, observed, cpu_share);
    (void)printf("\"received_per_s\":%.0f,\"sent_per_s\":%.0f,", (double)(board->received - received) / observed,
                 (double)(board->sent - sent) / observed);
    (void)printf("\"heap_per_connection\":%.0f,\"account_per_connection\":%.0f,\"rss_per_connection\":%.0f",
                 (double)(board->heap - heap) / count, (double)(board->account - account) / count,
                 (double)(board->rss - rss) / count);
    const result_t crowded = fresh_client(pings);
    print_result("with_none", &alone);
    print_result("with_all", &crowded);
    (void)printf("}\n");
    stop_children();
    return 0;
}
