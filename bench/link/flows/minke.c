/*
 * One stream of Minke in one direction, as long as the receiver likes.
 *
 *     link-minke listen MULTIADDR SECONDS          takes one connection, receives for so long, prints what came
 *     link-minke dial MULTIADDR CONTROL [FILE]     sends until the other end has had enough; CONTROL: cubic, newreno,
 * bbr; default: what a program gets that does not choose link-minke control CONTROL                   ends with 0 if
 * there is such a one
 *
 * Prints JSON: the sender what its connection looked like every 100 ms. FILE gets the trace.
 */
#include <minke/minke.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrivals.h"
#include "support/measure.h"

enum { BLOCK = 16384, SAMPLE_MS = 100, SAMPLES_MAX = 6000, WAIT_MS = 30000 };

static const char PROTOCOL[] = "/minke-bench/flow/1.0.0";

static int failed(const char *what, const char *why)
{
    (void)fprintf(stderr, "link-minke: %s: %s\n", what, why);
    return 1;
}

/* ---- the receiver */

static void receive(minke_host_t *host, minke_stream_t stream, arrivals_t *arrivals)
{
    const uint8_t *data;
    for (ssize_t n; (n = minke_stream_peek(host, stream, &data)) > 0;) {
        arrivals_add(arrivals, (uint64_t)n);
        (void)minke_stream_consume(host, stream, (size_t)n);
    }
}

static int receive_until_over(minke_host_t *host, arrivals_t *arrivals, double seconds)
{
    minke_event_t event;
    minke_connection_t connection = 0;
    const double patience_ends_at = now_s() + WAIT_MS / 1000.0;
    while (connection == 0 ? now_s() < patience_ends_at : !arrivals_are_over(arrivals)) {
        if (minke_wait(host, &event, SAMPLE_MS) != MINKE_OK) continue;
        if (event.type == MINKE_EVENT_LISTENING) {
            (void)printf("{\"event\":\"listening\",\"addr\":\"%s\"}\n", event.addr);
            (void)fflush(stdout);
        } else if (event.type == MINKE_EVENT_LISTEN_FAILED) {
            return failed("listen", event.close.text);
        } else if (event.type == MINKE_EVENT_CONNECTED && connection == 0) {
            connection = event.connection;
            arrivals_begin(arrivals, seconds);
        } else if (event.type == MINKE_EVENT_DISCONNECTED && event.connection == connection && connection != 0) {
            return failed("disconnected", event.close.text);
        } else if (connection != 0 && event.stream != 0) {
            receive(host, event.stream, arrivals);
        }
    }
    if (connection == 0) return failed("listen", "nobody came");
    char more[64];
    (void)snprintf(more, sizeof more, ",\"duplicates\":%llu",
                   (unsigned long long)minke_counters(host)->sctp_data_duplicate);
    arrivals_print(arrivals, "minke", more);
    return 0;
}

static int listen_once(minke_host_t *host, const char *where, double seconds)
{
    static arrivals_t arrivals;
    if (minke_handle(host, PROTOCOL) != MINKE_OK || minke_listen(host, where) != MINKE_OK)
        return failed("listen", where);
    return receive_until_over(host, &arrivals, seconds);
}

/* ---- the sender */

typedef struct samples {
    minke_connection_stats_t at[SAMPLES_MAX];
    size_t n;
    double begun_at;
} samples_t;

static void sample(samples_t *samples, const minke_host_t *host, minke_connection_t connection)
{
    const double since_ms = (now_s() - samples->begun_at) * 1000;
    if (samples->n == SAMPLES_MAX || since_ms < (double)samples->n * SAMPLE_MS) return;
    if (minke_stats(host, connection, &samples->at[samples->n]) == MINKE_OK) samples->n++;
}

static void print_series(const samples_t *samples, const char *name, double (*of)(const minke_connection_stats_t *))
{
    (void)printf(",\"%s\":[", name);
    for (size_t i = 0; i < samples->n; i++) (void)printf("%s%.0f", i > 0 ? "," : "", of(&samples->at[i]));
    (void)putchar(']');
}

static double window_of(const minke_connection_stats_t *s) { return s->congestion_window; }
static double in_flight_of(const minke_connection_stats_t *s) { return s->in_flight; }
static double peer_window_of(const minke_connection_stats_t *s) { return s->peer_window; }
static double unsent_of(const minke_connection_stats_t *s) { return (double)s->unsent; }
static double rtt_of(const minke_connection_stats_t *s) { return (double)s->smoothed_rtt; }
static double losses_of(const minke_connection_stats_t *s) { return (double)s->losses; }
static double timeouts_of(const minke_connection_stats_t *s) { return (double)s->timeouts; }
static double retransmitted_of(const minke_connection_stats_t *s) { return (double)s->chunks_retransmitted; }

static void print_samples(const samples_t *samples, const char *control)
{
    if (samples->n == 0) return;
    const minke_connection_stats_t *last = &samples->at[samples->n - 1];
    (void)printf("{\"event\":\"sent\",\"kind\":\"minke\",\"control\":\"%s\",\"begun_s\":%.6f,\"bytes_sent\":%llu,"
                 "\"retransmitted\":%llu,"
                 "\"losses\":%llu,\"timeouts\":%llu,\"rto_ms\":%.1f,\"sample_ms\":%d",
                 control, samples->begun_at, (unsigned long long)last->bytes_sent,
                 (unsigned long long)last->chunks_retransmitted, (unsigned long long)last->losses,
                 (unsigned long long)last->timeouts, (double)last->retransmit_after / 1000, SAMPLE_MS);
    print_series(samples, "window", window_of);
    print_series(samples, "in_flight", in_flight_of);
    print_series(samples, "peer_window", peer_window_of);
    print_series(samples, "unsent", unsent_of);
    print_series(samples, "rtt_us", rtt_of);
    print_series(samples, "loss_events", losses_of);
    print_series(samples, "timeouts_so_far", timeouts_of);
    print_series(samples, "retransmitted_so_far", retransmitted_of);
    (void)puts("}");
    (void)fflush(stdout);
}

static void send_more(minke_host_t *host, minke_stream_t stream)
{
    static const uint8_t block[BLOCK];
    while (minke_stream_write(host, stream, block, sizeof block) > 0) {
    }
}

static int dial(minke_host_t *host, const char *where, const char *control)
{
    static samples_t samples;
    minke_connection_t connection = 0;
    minke_stream_t stream = 0;
    minke_event_t event;
    if (minke_dial(host, where, 0, &connection) != MINKE_OK) return failed("dial", where);
    for (;;) {
        const int result = minke_wait(host, &event, SAMPLE_MS / 2);
        if (stream != 0) sample(&samples, host, connection);
        if (result != MINKE_OK) continue;
        if (event.type == MINKE_EVENT_CONNECTED) {
            samples.begun_at = now_s();
            if (minke_open(host, connection, PROTOCOL, &stream) != MINKE_OK) return failed("dial", "no stream");
        }
        if (event.type == MINKE_EVENT_DISCONNECTED || event.type == MINKE_EVENT_STREAM_CLOSED) {
            if (stream == 0) return failed("dial", event.close.text);
            if (event.type == MINKE_EVENT_DISCONNECTED || event.stream == stream) break;
        }
        if (stream != 0) send_more(host, stream);
    }
    print_samples(&samples, control);
    return 0;
}

/* ---- */

/* Sets the congestion control; false: there is none of this name. */
static bool choose(minke_host_options_t *options, const char *name)
{
    static const char *const names[] = {
        [MINKE_CONGESTION_CUBIC] = "cubic", [MINKE_CONGESTION_NEW_RENO] = "newreno", [MINKE_CONGESTION_BBR] = "bbr"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) != 0) continue;
        options->transport.congestion = (minke_congestion_control_t)i;
        return true;
    }
    return strcmp(name, "default") == 0;
}

static void write_trace(void *user, const minke_trace_event_t *event)
{
    (void)fprintf(user, "%.6f %s %s %s %llu\n", (double)event->at / 1e6, minke_layer_name(event->layer), event->name,
                  event->detail, (unsigned long long)event->value);
}

static int usage(void)
{
    (void)fputs("usage: link-minke listen MULTIADDR SECONDS\n"
                "       link-minke dial MULTIADDR CONTROL [FILE]\n"
                "       link-minke control CONTROL\n",
                stderr);
    return 2;
}

int main(int argc, char **argv)
{
    minke_host_options_t options;
    minke_host_defaults(&options);
    if (argc == 3 && strcmp(argv[1], "control") == 0) return choose(&options, argv[2]) ? 0 : 1;
    const bool listens = argc == 4 && strcmp(argv[1], "listen") == 0;
    if (!listens && (argc < 4 || strcmp(argv[1], "dial") != 0 || !choose(&options, argv[3]))) return usage();
    FILE *trace = argc > 4 ? fopen(argv[4], "we") : NULL;
    if (trace != NULL) options.transport.trace = (minke_trace_t){.user = trace, .event = write_trace};
    minke_host_t *host = minke_host_new(&options);
    if (host == NULL) return failed("host", "cannot be made");
    const int code = listens ? listen_once(host, argv[2], strtod(argv[3], NULL)) : dial(host, argv[2], argv[3]);
    minke_host_free(host);
    if (trace != NULL) (void)fclose(trace);
    return code;
}
