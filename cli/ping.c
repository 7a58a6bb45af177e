#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialing.h"

static const char help[] = "usage: minke ping [options] ADDR...\n"
                           "\n"
                           "Measures round trips with /ipfs/ping/1.0.0.\n"
                           "\n"
                           "  -c N                   how many (default 5)\n"
                           "  -i MS                  the pause between them (default 1000)\n";

enum { PING_BYTES = 32, PINGS_MAX = 100000, ANSWER_MS = 10000 };

typedef struct pings {
    cli_dialing_t dialing;
    long wanted, pause_ms;
    minke_stream_t stream;
    unsigned char out[PING_BYTES], in[PING_BYTES];
    size_t in_len;
    double *rtts;
    long done;
} pings_t;

static bool take_echo(pings_t *p)
{
    const uint8_t *data;
    ssize_t n;
    while (p->in_len < PING_BYTES && (n = minke_stream_peek(p->dialing.host, p->stream, &data)) > 0) {
        const size_t take = (size_t)n < PING_BYTES - p->in_len ? (size_t)n : PING_BYTES - p->in_len;
        memcpy(p->in + p->in_len, data, take);
        p->in_len += take;
        (void)minke_stream_consume(p->dialing.host, p->stream, take);
    }
    return p->in_len == PING_BYTES;
}

/* Returns -1 with the echo in `in`, else the exit code. */
static int wait_for_echo(pings_t *p, int timeout_ms)
{
    minke_event_t event;
    int code = -1;
    const double until = cli_now_ms() + timeout_ms;
    while (!take_echo(p)) {
        const double left = until - cli_now_ms();
        if (left <= 0) return cli_result(EXIT_REMOTE, "host", "no answer to a ping within 10 s", NULL);
        if (!cli_dialing_event(&p->dialing, &event, (int)left + 1, &code)) {
            if (code >= 0) return code;
            continue;
        }
        if (event.type == MINKE_EVENT_STREAM_CLOSED && event.stream == p->stream) {
            return cli_result(EXIT_REMOTE, "host",
                              event.error == MINKE_ERROR_UNSUPPORTED ? "the remote does not serve ping"
                                                                     : "the remote ended the ping stream",
                              NULL);
        }
    }
    return -1;
}

/* Lets `ms` pass while the connection lives on. */
static int pause_for(pings_t *p, long ms)
{
    minke_event_t event;
    int code = -1;
    const double until = cli_now_ms() + (double)ms;
    for (double left; (left = until - cli_now_ms()) > 0;) {
        if (!cli_dialing_event(&p->dialing, &event, (int)left + 1, &code) && code >= 0) return code;
    }
    return -1;
}

static int ping_once(pings_t *p, long seq)
{
    for (size_t i = 0; i < PING_BYTES; i++) p->out[i] = (unsigned char)rand();
    p->in_len = 0;
    const double begun = cli_now_ms();
    if (minke_stream_write(p->dialing.host, p->stream, p->out, PING_BYTES) != PING_BYTES) {
        return cli_result(EXIT_REMOTE, "stream", "the remote ended the ping stream", NULL);
    }
    const int code = wait_for_echo(p, ANSWER_MS);
    if (code >= 0) return code;
    if (memcmp(p->in, p->out, PING_BYTES) != 0) {
        return cli_result(EXIT_REMOTE, "host", "the remote sent back other bytes", NULL);
    }
    const double rtt = cli_now_ms() - begun;
    p->rtts[p->done++] = rtt;
    cli_event(json_pack("{s:s, s:I, s:f}", "event", "pong", "seq", (json_int_t)seq, "rtt_ms", rtt),
              "pong %ld from %s: %.3f ms", seq, p->dialing.peer, rtt);
    return -1;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int summarize(pings_t *p)
{
    const size_t n = (size_t)p->done;
    qsort(p->rtts, n, sizeof p->rtts[0], by_value);
    const double min = p->rtts[0], median = p->rtts[n / 2], max = p->rtts[n - 1];
    if (!cli_output.json) {
        (void)printf("%ld pings, round trip min/median/max = %.3f/%.3f/%.3f ms\n", p->done, min, median, max);
    }
    return cli_result(EXIT_DONE, NULL, NULL,
                      json_pack("{s:s, s:I, s:f, s:f, s:f, s:f}", "peer", p->dialing.peer, "pings", (json_int_t)p->done,
                                "min_ms", min, "median_ms", median, "max_ms", max, "setup_ms", p->dialing.setup_ms));
}

static int run(pings_t *p)
{
    int code = cli_dialing_connect(&p->dialing);
    if (code >= 0) return code;
    if (minke_open(p->dialing.host, p->dialing.connection, "/ipfs/ping/1.0.0", &p->stream) < 0) {
        return cli_result(EXIT_REMOTE, "stream", "no stream could be opened", NULL);
    }
    for (long seq = 1; seq <= p->wanted && code < 0; seq++) {
        code = ping_once(p, seq);
        if (code < 0 && seq < p->wanted) code = pause_for(p, p->pause_ms);
    }
    return code >= 0 ? code : summarize(p);
}

int cli_ping(int argc, char **argv)
{
    static const struct option known[] = {CLI_DIALING_OPTIONS, {NULL, 0, NULL, 0}};
    pings_t p = {.wanted = 5, .pause_ms = 1000};
    for (int c; (c = getopt_long(argc, argv, "c:i:vh", known, NULL)) != -1;) {
        bool valid = true;
        if (c == 'h') {
            (void)printf("%s%s", help, cli_dialing_help);
            return EXIT_DONE;
        }
        if (c == 'c') valid = cli_number("-c", optarg, 1, PINGS_MAX, &p.wanted);
        else if (c == 'i') valid = cli_number("-i", optarg, 0, 3600000, &p.pause_ms);
        else if (!cli_dialing_option(&p.dialing, c, optarg, &valid)) return EXIT_USAGE;
        if (!valid) return EXIT_USAGE;
    }
    if (!cli_dialing_addrs(&p.dialing, argv + optind, argc - optind)) {
        (void)fprintf(stderr, "%s%s", help, cli_dialing_help);
        return EXIT_USAGE;
    }
    p.rtts = calloc((size_t)p.wanted, sizeof p.rtts[0]);
    const int code = p.rtts != NULL ? run(&p) : cli_result(EXIT_LOCAL, "host", "out of memory", NULL);
    cli_dialing_free(&p.dialing);
    free(p.rtts);
    return code;
}
