/*
 * What idle connections cost a listening process: a child dials over loopback, the parent listens, lets all become idle
 * and compares its memory with what it was before: by its own account, by what malloc has given out (the allocator's
 * own overhead and all of OpenSSL's included) and by its resident set. One JSON object on stdout.
 *
 *     build/tests/idle-memory [CONNECTIONS]      default 1000
 */
#include <minke/minke.h>

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 50, SETTLE_S = 20, PATIENCE_S = 60 };

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Resident set, in KiB. */
static long rss_kib(void)
{
    char line[256];
    long value = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) value = strtol(line + 6, NULL, 10);
    }
    if (status != NULL) (void)fclose(status);
    return value;
}

/* What malloc has given out, with its headers and rounding. */
static size_t heap_bytes(void)
{
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static minke_host_t *new_host(long connections)
{
    minke_host_options_t options;
    minke_host_defaults(&options);
    options.transport.connections_max = options.transport.connections_per_address_max = (uint32_t)connections + 1;
    minke_host_t *host = minke_host_new(&options);
    if (host == NULL) abort();
    return host;
}

/* Never more than AT_ONCE in set-up; then holds them until it is killed. */
static void dial_all(long wanted, const char *addr)
{
    minke_event_t event;
    minke_connection_t connection;
    minke_host_t *host = new_host(wanted);
    for (long dialled = 0, up = 0;;) {
        for (; dialled < wanted && dialled - up < AT_ONCE; dialled++) {
            if (minke_dial(host, addr, 1, &connection) < 0) abort();
        }
        if (minke_wait(host, &event, -1) < 0) continue;
        if (event.type == MINKE_EVENT_CONNECTED) up++;
        if (event.type == MINKE_EVENT_DISCONNECTED) _exit(1);
    }
}

/* Runs the listener until `wanted` are connected, or that long. */
static long serve(minke_host_t *host, long connected, long wanted, double seconds)
{
    minke_event_t event;
    for (const double until = now_s() + seconds; now_s() < until && connected < wanted;) {
        if (minke_wait(host, &event, 100) == MINKE_OK && event.type == MINKE_EVENT_CONNECTED) connected++;
    }
    return connected;
}

int main(int argc, char **argv)
{
    const long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    const struct rlimit files = {65536, 65536};
    minke_event_t event = {0};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    minke_host_t *host = new_host(wanted);
    if (minke_listen(host, "/ip4/127.0.0.1/udp/0/webrtc-direct") < 0) return 1;
    while (event.type != MINKE_EVENT_LISTENING) {
        if (minke_wait(host, &event, 5000) < 0) return 1;
    }
    const long rss_before = rss_kib();
    const size_t before = minke_memory(host), heap_before = heap_bytes();
    const pid_t child = fork();
    if (child == 0) dial_all(wanted, event.addr);
    const long connected = serve(host, 0, wanted, PATIENCE_S);
    (void)serve(host, 0, wanted, SETTLE_S); /* identify is over, and its streams are gone */
    const double account = (double)(minke_memory(host) - before), rss = (double)(rss_kib() - rss_before) * 1024;
    const double heap = (double)(heap_bytes() - heap_before), n = (double)connected;
    (void)printf("{\"connections\":%ld,\"account_per_connection\":%.0f,\"heap_per_connection\":%.0f,"
                 "\"rss_per_connection\":%.0f}\n",
                 connected, account / n, heap / n, rss / n);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    minke_host_free(host);
    return connected == wanted ? 0 : 1;
}
