/*
 * User data from one process to another, over one connection of Minke: how fast, and what it costs either end.
 *
 *     build/bench/minke-flow --listen ADDR [--udp WAY]                      prints {"addr":".."}, and stays
 *     build/bench/minke-flow [--streams N] [--write BYTES] [--seconds S] [--warm S] [--udp WAY] ADDR
 *
 * The dialer opens a stream for control and N for data (1), and writes to all of them, BYTES at a time (16384). It
 * tells the listener how long to wait after the first byte (0.3 s) and how long to measure (2 s); the listener answers
 * what came in between, and what processor time that took it. Then all streams are finished, and both compare how many
 * bytes there were: not one may be missing. One JSON object on stdout. WAY: how datagrams go, auto, mmsg or single.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/arguments.h"
#include "support/host.h"
#include "support/measure.h"

static const char usage[] =
    "usage: minke-flow --listen ADDR [--udp WAY]\n"
    "       minke-flow [--streams N] [--write BYTES] [--seconds S] [--warm S] [--udp WAY] ADDR\n";
static const char control_protocol[] = "/minke-bench/control/1.0.0", data_protocol[] = "/minke-bench/data/1.0.0";

enum { STREAMS_MAX = 500, WRITE_MAX = 1 << 20, SILENCE_MS = 20000 };

/* A place in time and what had been done by then. */
typedef struct mark {
    double at, cpu;
    uint64_t bytes;
} mark_t;

static mark_t mark_now(uint64_t bytes) { return (mark_t){now_s(), cpu_s(), bytes}; }

/* ---- the listener ---- */

/* What the dialer sends on the control stream: how long to wait and to measure, in microseconds; at the end how many
 * bytes it has written. What comes back: bytes, microseconds, microseconds of processor time; at the end 1 for "that is
 * what came". All are 8 bytes long. */
enum { WARM, MEASURED, TOTAL, ORDERS_N };
enum { ORDERS_LEN = 8 * ORDERS_N };

typedef struct receiver {
    minke_host_t *host;
    minke_stream_t control; /* 0: nobody measures */
    uint8_t orders[ORDERS_LEN];
    size_t orders_len;
    uint64_t received;
    unsigned open; /* data streams that have not ended */
    double begins, ends;
    mark_t first; /* at `begins` */
    enum { WAITING, WARMING, MEASURING, MEASURED_ALL, OVER } state;
} receiver_t;

static void reply(const receiver_t *r, const uint64_t *values, size_t n)
{
    uint8_t bytes[24];
    for (size_t i = 0; i < n; i++) put_u64(bytes + 8 * i, values[i]);
    if (minke_stream_write(r->host, r->control, bytes, 8 * n) != (ssize_t)(8 * n)) die("control stream");
}

static void read_orders(receiver_t *r)
{
    const uint8_t *data;
    for (ssize_t n; (n = minke_stream_peek(r->host, r->control, &data)) > 0;) {
        const size_t room = sizeof r->orders - r->orders_len, taken = (size_t)n < room ? (size_t)n : room;
        memcpy(r->orders + r->orders_len, data, taken);
        r->orders_len += taken;
        (void)minke_stream_consume(r->host, r->control, (size_t)n);
    }
}

static double order_s(const receiver_t *r, size_t which) { return (double)get_u64(r->orders + 8 * which) / 1e6; }

static void read_data(receiver_t *r, minke_stream_t stream)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(r->host, stream, &data)) > 0) {
        r->received += (uint64_t)n;
        (void)minke_stream_consume(r->host, stream, (size_t)n);
    }
    if (n == 0) (void)minke_stream_finish(r->host, stream);
}

/* Goes on to the next state when it is time. */
static void keep_time(receiver_t *r)
{
    if (r->state == WAITING && r->received > 0 && r->orders_len >= 16) {
        r->begins = now_s() + order_s(r, WARM);
        r->ends = r->begins + order_s(r, MEASURED);
        r->state = WARMING;
    } else if (r->state == WARMING && now_s() >= r->begins) {
        r->first = mark_now(r->received);
        r->state = MEASURING;
    } else if (r->state == MEASURING && now_s() >= r->ends) {
        const mark_t last = mark_now(r->received);
        const uint64_t values[] = {last.bytes - r->first.bytes, (uint64_t)((last.at - r->first.at) * 1e6),
                                   (uint64_t)((last.cpu - r->first.cpu) * 1e6)};
        reply(r, values, 3);
        r->state = MEASURED_ALL;
    } else if (r->state == MEASURED_ALL && r->orders_len == ORDERS_LEN && r->open == 0) {
        const uint64_t same = get_u64(r->orders + 8 * TOTAL) == r->received;
        reply(r, &same, 1);
        (void)minke_stream_finish(r->host, r->control);
        r->state = OVER;
    }
}

static _Noreturn void listen_for_ever(const char *addr)
{
    receiver_t r = {.host = new_host(16, true)};
    minke_event_t event;
    must(minke_handle(r.host, control_protocol), control_protocol);
    must(minke_handle(r.host, data_protocol), data_protocol);
    listen_at(r.host, addr);
    for (;;) {
        const int timeout_ms = r.state == WARMING || r.state == MEASURING ? 10 : -1;
        if (minke_wait(r.host, &event, timeout_ms) < 0) event = (minke_event_t){0};
        const bool is_control = event.stream != 0 && event.stream == r.control;
        if (event.type == MINKE_EVENT_STREAM_OPENED && strcmp(event.protocol, control_protocol) == 0) {
            r = (receiver_t){.host = r.host, .control = event.stream};
            read_orders(&r);
        } else if (event.type == MINKE_EVENT_STREAM_OPENED ||
                   (event.type == MINKE_EVENT_STREAM_READABLE && !is_control)) {
            if (event.type == MINKE_EVENT_STREAM_OPENED) r.open++;
            read_data(&r, event.stream);
        } else if (event.type == MINKE_EVENT_STREAM_READABLE) {
            read_orders(&r);
        } else if (event.type == MINKE_EVENT_STREAM_CLOSED && !is_control) {
            r.open--;
        }
        keep_time(&r);
    }
}

/* ---- the dialer ---- */

typedef struct flow {
    minke_stream_t id; /* 0: it has ended */
    size_t at;         /* in the block that is being written */
} flow_t;

typedef struct sender {
    minke_host_t *host;
    minke_connection_t connection;
    minke_stream_t control;
    flow_t flows[STREAMS_MAX];
    size_t flows_n, running;
    uint8_t *block;
    size_t block_len;
    uint64_t written;
    double begins;
    mark_t first, last;
    uint8_t answers[32]; /* what was received, and whether all was */
    size_t answers_len;
    size_t total_at; /* how much of it is written */
    bool warm, stopped, over;
} sender_t;

/* Whole blocks as long as they are taken; a call that takes less is followed by one with the rest, as a program would.
 */
static void write_all(sender_t *s, flow_t *flow)
{
    ssize_t n;
    while ((n = minke_stream_write(s->host, flow->id, s->block + flow->at, s->block_len - flow->at)) > 0) {
        s->written += (uint64_t)n;
        flow->at = (flow->at + (size_t)n) % s->block_len;
    }
    if (n != MINKE_ERROR_AGAIN) must((int)n, "write");
}

/* Memory may be short while much waits to be sent: WRITABLE says when to go on. */
static void write_total(sender_t *s)
{
    uint8_t total[8];
    put_u64(total, s->written);
    if (s->total_at == sizeof total) return;
    const ssize_t n = minke_stream_write(s->host, s->control, total + s->total_at, sizeof total - s->total_at);
    if (n != MINKE_ERROR_AGAIN) must((int)n, "control stream");
    if (n > 0) s->total_at += (size_t)n;
    if (s->total_at == sizeof total) must(minke_stream_finish(s->host, s->control), "finish");
}

static void stop(sender_t *s)
{
    s->last = mark_now(s->written);
    s->stopped = true;
    for (size_t i = 0; i < s->flows_n; i++) must(minke_stream_finish(s->host, s->flows[i].id), "finish");
}

static void read_answers(sender_t *s)
{
    const uint8_t *data;
    for (ssize_t n; (n = minke_stream_peek(s->host, s->control, &data)) > 0;) {
        const size_t room = sizeof s->answers - s->answers_len, taken = (size_t)n < room ? (size_t)n : room;
        memcpy(s->answers + s->answers_len, data, taken);
        s->answers_len += taken;
        (void)minke_stream_consume(s->host, s->control, (size_t)n);
    }
    if (s->answers_len >= 24 && !s->stopped) stop(s);
    if (s->stopped) write_total(s);
}

static void on_stream(sender_t *s, const minke_event_t *event)
{
    flow_t *flow = event->user;
    if (event->type == MINKE_EVENT_STREAM_CLOSED) {
        must(event->error, "a stream ended early");
        if (flow == NULL) s->over = true;
        return;
    }
    if (flow == NULL) {
        read_answers(s);
    } else if (!s->stopped) {
        write_all(s, flow);
    }
    if (!s->warm && now_s() >= s->begins) {
        s->first = mark_now(s->written);
        s->warm = true;
    }
}

static void open_streams(sender_t *s, double warm_s, double seconds)
{
    uint8_t orders[16];
    put_u64(orders, (uint64_t)(warm_s * 1e6));
    put_u64(orders + 8, (uint64_t)(seconds * 1e6));
    s->control = open_stream(s->host, s->connection, control_protocol);
    if (minke_stream_write(s->host, s->control, orders, sizeof orders) != sizeof orders) die("control stream");
    s->begins = now_s() + warm_s;
    for (size_t i = 0; i < s->flows_n; i++) {
        flow_t *flow = &s->flows[i];
        flow->id = open_stream(s->host, s->connection, data_protocol);
        must(minke_stream_set_user(s->host, flow->id, flow), "stream");
        write_all(s, flow);
    }
}

static int report(const sender_t *s)
{
    minke_connection_stats_t stats;
    must(minke_stats(s->host, s->connection, &stats), "stats");
    const double bytes = (double)get_u64(s->answers), seconds = (double)get_u64(s->answers + 8) / 1e6;
    const double receiver_cpu = (double)get_u64(s->answers + 16) / 1e6;
    const double sent = (double)(s->last.bytes - s->first.bytes);
    if (get_u64(s->answers + 24) != 1) {
        (void)fprintf(stderr, "what was received is not as long as what was sent\n");
        return 1;
    }
    (void)printf("{\"gbit_s\":%.4f,\"sender_cpu\":%.4f,\"receiver_cpu\":%.4f,\"bytes\":%.0f,\"seconds\":%.3f,"
                 "\"retransmitted\":%llu,\"losses\":%llu,\"timeouts\":%llu,\"rtt_us\":%llu}\n",
                 bytes * 8 / seconds / 1e9, (s->last.cpu - s->first.cpu) / (sent / 1e9), receiver_cpu / (bytes / 1e9),
                 bytes, seconds, (unsigned long long)stats.chunks_retransmitted, (unsigned long long)stats.losses,
                 (unsigned long long)stats.timeouts, (unsigned long long)stats.smoothed_rtt);
    return 0;
}

static int send_flows(const char *addr, double streams, double block_len, double warm_s, double seconds)
{
    static sender_t s;
    minke_event_t event;
    s.host = new_host(16, true);
    s.flows_n = (size_t)streams;
    s.block_len = (size_t)block_len;
    s.block = malloc(s.block_len);
    if (s.block == NULL) return 3;
    memset(s.block, 'm', s.block_len);
    s.connection = dial_to(s.host, addr);
    open_streams(&s, warm_s, seconds);
    while (!s.over) {
        must(minke_wait(s.host, &event, SILENCE_MS), "nothing moves");
        if (event.type == MINKE_EVENT_DISCONNECTED) must(MINKE_ERROR_CONNECTION_CLOSED, event.close.text);
        if (event.stream != 0) on_stream(&s, &event);
    }
    const int result = report(&s);
    minke_host_free(s.host);
    free(s.block);
    return result;
}

int main(int argc, char **argv)
{
    const char *listen = NULL, *udp = "auto";
    double streams = 1, block_len = 16384, seconds = 2, warm_s = 0.3;
    const argument_t known[] = {{"--listen", NULL, &listen},
                                {"--streams", &streams, NULL},
                                {"--write", &block_len, NULL},
                                {"--seconds", &seconds, NULL},
                                {"--warm", &warm_s, NULL},
                                {"--udp", NULL, &udp},
                                {NULL, NULL, NULL}};
    const char *addr = read_arguments(argc, argv, known, usage);
    choose_udp(udp);
    if (listen != NULL && addr == NULL) listen_for_ever(listen);
    if (addr == NULL || streams < 1 || streams > STREAMS_MAX || block_len < 1 || block_len > WRITE_MAX) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return send_flows(addr, streams, block_len, warm_s, seconds);
}
