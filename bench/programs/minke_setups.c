/*
 * Connections of Minke that are set up completely (ICE, DTLS, SCTP, Noise) and closed again, as many as one process
 * accepts.
 *
 *     build/bench/minke-setups --listen ADDR [--identify 1]                        prints {"addr":".."}, and stays
 *     build/bench/minke-setups [--count N] [--at-once N] [--identify 1] ADDR
 *
 * The dialer sets up so many (1000), some of them at the same time (16), and prints {"mark":"begin"} before and
 * {"mark":"end"} after all, and then one JSON object: the seconds that it took, its own processor time, the median of a
 * set-up in milliseconds. Nobody asks who the other is, unless identify is wanted; then each waits for that too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "support/arguments.h"
#include "support/host.h"
#include "support/measure.h"

static const char usage[] = "usage: minke-setups --listen ADDR [--identify 1]\n"
                            "       minke-setups [--count N] [--at-once N] [--identify 1] ADDR\n";

enum { COUNT_MAX = 1000000, AT_ONCE_MAX = 100, CONNECTIONS = 4096, SILENCE_MS = 20000 };

static _Noreturn void listen_for_ever(const char *addr, bool identify)
{
    minke_host_t *host = new_host(CONNECTIONS, identify);
    minke_event_t event;
    listen_at(host, addr);
    for (;;) (void)!minke_wait(host, &event, -1);
}

typedef struct dialer {
    minke_host_t *host;
    const char *addr;
    minke_event_type_t complete; /* the event with which a set-up counts */
    size_t count, begun, done;
    double *times;
} dialer_t;

static void begin_one(dialer_t *d)
{
    minke_connection_t connection;
    must(minke_dial(d->host, d->addr, 1, &connection), "dial");
    d->begun++;
}

static void take(dialer_t *d, const minke_event_t *event)
{
    minke_connection_stats_t stats;
    if (event->type == MINKE_EVENT_DISCONNECTED && (event->close.by_remote || event->peer[0] == '\0')) {
        must(MINKE_ERROR_CONNECTION_CLOSED, event->close.text);
    }
    if (event->type != d->complete) return;
    must(minke_stats(d->host, event->connection, &stats), "stats");
    d->times[d->done++] = now_s() - (double)stats.started_at / 1e6;
    must(minke_close(d->host, event->connection), "close");
    if (d->begun < d->count) begin_one(d);
}

static void mark(const char *what)
{
    (void)printf("{\"mark\":\"%s\"}\n", what);
    (void)fflush(stdout);
}

static int dial_all(const char *addr, size_t count, size_t at_once, bool identify)
{
    minke_event_t event;
    dialer_t d = {.host = new_host(CONNECTIONS, identify), .addr = addr, .count = count};
    d.complete = identify ? MINKE_EVENT_IDENTIFIED : MINKE_EVENT_CONNECTED;
    d.times = calloc(count, sizeof *d.times);
    if (d.times == NULL) return 3;
    mark("begin");
    const double begun = now_s(), cpu = cpu_s();
    while (d.begun < at_once && d.begun < count) begin_one(&d);
    while (d.done < count) {
        must(minke_wait(d.host, &event, SILENCE_MS), "nothing happens");
        take(&d, &event);
    }
    const double took = now_s() - begun, used = cpu_s() - cpu;
    mark("end");
    (void)printf("{\"setups\":%zu,\"seconds\":%.4f,\"client_cpu_s\":%.4f,\"setup_ms\":%.3f}\n", count, took, used,
                 median(d.times, count) * 1e3);
    minke_host_free(d.host);
    free(d.times);
    return 0;
}

int main(int argc, char **argv)
{
    const char *listen = NULL;
    double count = 1000, at_once = 16, identify = 0;
    const argument_t known[] = {{"--listen", NULL, &listen},
                                {"--count", &count, NULL},
                                {"--at-once", &at_once, NULL},
                                {"--identify", &identify, NULL},
                                {NULL, NULL, NULL}};
    const char *addr = read_arguments(argc, argv, known, usage);
    if (listen != NULL && addr == NULL) listen_for_ever(listen, identify > 0);
    if (addr == NULL || count < 1 || count > COUNT_MAX || at_once < 1 || at_once > AT_ONCE_MAX) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return dial_all(addr, (size_t)count, (size_t)at_once, identify > 0);
}
