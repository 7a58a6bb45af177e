/*
 * What idle connections cost a listening process: a child dials over loopback, the parent listens, lets all become idle
 * and compares its memory with what it was before: by its own account, by what malloc has given out (the allocator's
 * own overhead and all of OpenSSL's included) and by its resident set. One JSON object on stdout.
 *
 *     build/tests/idle-memory [CONNECTIONS [CHURN]]      default 1000, 0
 *
 * With CHURN, so many more come and go afterwards, some at a time, and what is left of all is looked at: "after" in the
 * object, in bytes.
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

enum { AT_ONCE = 50, SETTLE_S = 20, PATIENCE_S = 60, SILENT_S = 35 };

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

/* Connections that end as soon as they are up. */
static void dial_and_close(long wanted, const char *addr)
{
    minke_event_t event;
    minke_connection_t connection;
    minke_host_t *host = new_host(AT_ONCE);
    for (long dialled = 0, over = 0; over < wanted;) {
        for (; dialled < wanted && dialled - over < AT_ONCE; dialled++) {
            if (minke_dial(host, addr, 1, &connection) < 0) abort();
        }
        if (minke_wait(host, &event, -1) < 0) continue;
        if (event.type == MINKE_EVENT_CONNECTED) (void)minke_close(host, event.connection);
        if (event.type == MINKE_EVENT_DISCONNECTED) over++;
    }
    minke_host_free(host);
    _exit(0);
}

/* Runs the listener until `wanted` of such events have come, or that long. */
static long serve(minke_host_t *host, minke_event_type_t type, long wanted, double seconds)
{
    minke_event_t event;
    long n = 0;
    for (const double until = now_s() + seconds; now_s() < until && n < wanted;) {
        if (minke_wait(host, &event, 100) == MINKE_OK && event.type == type) n++;
    }
    return n;
}

/* So many come and go; those that were there before, and were killed, are gone too. */
static void churn(minke_host_t *host, long wanted, const char *addr)
{
    const pid_t child = fork();
    if (child == 0) dial_and_close(wanted, addr);
    while (waitpid(child, NULL, WNOHANG) == 0) (void)serve(host, MINKE_EVENT_DISCONNECTED, 1, 1);
    (void)serve(host, MINKE_EVENT_LISTENING, 1, SILENT_S);
}

int main(int argc, char **argv)
{
    const long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    const long churned = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
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
    char addr[MINKE_ADDR_BYTES];
    memcpy(addr, event.addr, strlen(event.addr) + 1);
    const pid_t child = fork();
    if (child == 0) dial_all(wanted, addr);
    const long connected = serve(host, MINKE_EVENT_CONNECTED, wanted, PATIENCE_S);
    (void)serve(host, MINKE_EVENT_CONNECTED, 1, SETTLE_S); /* identify is over, and its streams are gone */
    const double account = (double)(minke_memory(host) - before), rss = (double)(rss_kib() - rss_before) * 1024;
    const double heap = (double)(heap_bytes() - heap_before), n = (double)connected;
    (void)printf("{\"connections\":%ld,\"account_per_connection\":%.0f,\"heap_per_connection\":%.0f,"
                 "\"rss_per_connection\":%.0f",
                 connected, account / n, heap / n, rss / n);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    if (churned > 0) {
        churn(host, churned, addr);
        (void)printf(",\"churned\":%ld,\"after\":{\"account\":%ld,\"heap\":%ld,\"rss\":%ld}", churned,
                     (long)minke_memory(host) - (long)before, (long)heap_bytes() - (long)heap_before,
                     (rss_kib() - rss_before) * 1024);
    }
    (void)printf("}\n");
    minke_host_free(host);
    return connected == wanted ? 0 : 1;
}
