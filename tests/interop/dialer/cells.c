#include "cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ECHO "/echo/1.0.0"
#define PERF "/perf/1.0.0"

enum { KIB = 1024, MIB = 1024 * 1024, PATIENCE = 30000, AT_ONCE = 256, SEQUENCE = 2000 };

/* A cell ends at the first thing that is not as it should be. */
#define CHECK(link, condition, ...)                                                                                    \
    do {                                                                                                               \
        if (!(condition)) return link_say(link, false, __VA_ARGS__);                                                   \
    } while (0)

static bool is_good_echo(link_t *link, const flow_t *flow)
{
    CHECK(link, flow->closed, "echo of %zu bytes: %zu sent, %zu back, not closed", flow->to_send, flow->sent,
          flow->received);
    CHECK(link, flow->error == MINKE_OK, "echo of %zu bytes: %s", flow->to_send, minke_error_text(flow->error));
    CHECK(link, flow->received == flow->to_send, "%zu of %zu bytes came back", flow->received, flow->to_send);
    CHECK(link, !flow->wrong, "other bytes came back, %zu of them", flow->received);
    return true;
}

/* A stream that was left half done must not outlive its flow. */
static bool echo(link_t *link, size_t size)
{
    flow_t flow = {.to_send = size, .seed = (uint32_t)size, .echoes = true};
    if (!link_start(link, &flow, ECHO)) return false;
    WAIT_FOR(link, PATIENCE, flow.closed);
    const bool good = is_good_echo(link, &flow);
    if (flow.id != 0) {
        (void)minke_stream_reset(link->host, flow.id, 0);
        WAIT_FOR(link, 1000, flow.closed);
    }
    return good;
}

static bool is_alive(link_t *link)
{
    char before[FACTS_BYTES];
    (void)snprintf(before, sizeof before, "%s", link->facts);
    if (!echo(link, 500)) return false;
    (void)snprintf(link->facts, sizeof link->facts, "%s", before);
    return true;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool cell_ping(link_t *link)
{
    enum { PINGS = 20, PING_BYTES = 32 };
    double times[PINGS];
    flow_t flow = {.echoes = true, .keeps_open = true};
    if (!link_start(link, &flow, "/ipfs/ping/1.0.0")) return false;
    for (size_t i = 0; i < PINGS; i++) {
        const double begun = now_ms();
        flow.to_send += PING_BYTES;
        link_go_on(link, &flow);
        WAIT_FOR(link, 5000, flow.received == flow.to_send);
        CHECK(link, flow.received == flow.to_send && !flow.wrong, "ping %zu was not answered rightly", i);
        times[i] = now_ms() - begun;
    }
    flow.keeps_open = false;
    link_go_on(link, &flow);
    WAIT_FOR(link, PATIENCE, flow.closed);
    CHECK(link, flow.closed && flow.error == MINKE_OK, "the ping stream does not close");
    qsort(times, PINGS, sizeof times[0], by_size);
    return link_say(link, true, "median %.2f ms of %d", times[PINGS / 2], PINGS);
}

static bool is_private(const link_t *link)
{
    minke_connection_stats_t stats;
    return minke_stats(link->host, link->connection, &stats) == MINKE_OK && stats.kind == MINKE_PATH_PRIVATE;
}

static bool cell_identify_read(link_t *link)
{
    minke_identify_info_t info;
    WAIT_FOR(link, 10000, link->identified);
    CHECK(link, minke_identify_get(link->host, link->connection, &info) == MINKE_OK, "identify did not complete");
    bool has_ping = false;
    for (size_t i = 0; i < info.protocols_n; i++) has_ping |= strcmp(info.protocols[i], "/ipfs/ping/1.0.0") == 0;
    CHECK(link, has_ping, "ping is not among the %zu protocols", info.protocols_n);
    if (is_private(link)) { /* nobody else could reach us there; js says /webrtc and our peer id */
        CHECK(link, strstr(info.observed, "/webrtc-direct") == NULL, "observed address '%s'", info.observed);
    } else {
        CHECK(link, strstr(info.observed, "/udp/") != NULL || strstr(info.observed, "/tcp/") != NULL,
              "observed address '%s'", info.observed);
    }
    return link_say(link, info.agent[0] != 0, "%s, %zu protocols", info.agent, info.protocols_n);
}

static bool cell_echo_sizes(link_t *link)
{
    static const size_t sizes[] = {0,     1,     2,     127,   128,   1191,  1192,  16376, 16377,  16378,
                                   16379, 16380, 16381, 16382, 16383, 16384, 16385, 65535, 1000003};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (!echo(link, sizes[i])) return false;
    }
    return link_say(link, true, "%zu sizes, 0 to 1000003", sizeof sizes / sizeof sizes[0]);
}

static bool echo_many(link_t *link, size_t size)
{
    const double begun = now_ms();
    if (!echo(link, size)) return false;
    return link_say(link, true, "%.1f MB/s each way", (double)size / 1e3 / (now_ms() - begun));
}

static bool cell_echo_large(link_t *link) { return echo_many(link, (size_t)8 * MIB); }
static bool cell_echo_huge(link_t *link) { return echo_many(link, (size_t)64 * MIB); }

static bool cell_streams_at_once(link_t *link)
{
    static flow_t flows[AT_ONCE];
    const double begun = now_ms();
    size_t closed = 0;
    for (size_t i = 0; i < AT_ONCE; i++) {
        flows[i] = (flow_t){.to_send = 64 * KIB, .seed = (uint32_t)i, .echoes = true};
        if (!link_start(link, &flows[i], ECHO)) return false;
    }
    WAIT_FOR(link, PATIENCE, link->flows_n == 0);
    for (; closed < AT_ONCE; closed++) {
        if (!is_good_echo(link, &flows[closed])) return false;
    }
    return link_say(link, true, "%d x 64 KiB in %.0f ms", AT_ONCE, now_ms() - begun);
}

/* ---- one side ends before the other ---- */

static flow_t perf_flow(size_t upload, uint64_t download)
{
    flow_t flow = {.to_send = 8 + upload, .head_len = 8};
    for (unsigned i = 0; i < 8; i++) flow.head[i] = (uint8_t)(download >> (56 - 8 * i));
    return flow;
}

/* We finish first, and only then read: everything after our FIN must still come. */
static bool cell_half_close_here(link_t *link)
{
    flow_t flow = {.to_send = 300 * KIB, .echoes = true, .paused = true};
    if (!link_start(link, &flow, ECHO)) return false;
    WAIT_FOR(link, 200, link->disconnected);
    flow.paused = false;
    link_go_on(link, &flow);
    WAIT_FOR(link, PATIENCE, flow.closed);
    if (!is_good_echo(link, &flow)) return false;
    flow_t download = perf_flow(64 * KIB, MIB); /* here not one byte comes before our FIN */
    if (!link_start(link, &download, PERF)) return false;
    WAIT_FOR(link, PATIENCE, download.closed);
    CHECK(link, download.closed && download.received == MIB, "%zu of 1 MiB came after our FIN", download.received);
    (void)link_say(link, true, "all bytes after our FIN");
    return is_alive(link);
}

static bool cell_half_close_there(link_t *link)
{
    flow_t flow = {.keeps_open = true};
    if (!link_start(link, &flow, "/minke-test/close-first/1.0.0")) return false;
    WAIT_FOR(link, PATIENCE, flow.ended);
    CHECK(link, flow.ended && flow.received == 64 * KIB, "%zu bytes before the remote's FIN", flow.received);
    WAIT_FOR(link, 100, link->disconnected);
    const double begun = now_ms();
    flow.to_send = MIB;
    flow.keeps_open = false;
    link_go_on(link, &flow);
    WAIT_FOR(link, PATIENCE, flow.closed);
    CHECK(link, flow.closed && flow.error == MINKE_OK && flow.sent == MIB, "%zu sent after its FIN, closed %d: %s",
          flow.sent, flow.closed, minke_error_text(flow.error));
    (void)link_say(link, true, "1 MiB after its FIN, acknowledged in %.0f ms", now_ms() - begun);
    return is_alive(link);
}

static bool cell_reset_here(link_t *link)
{
    static const size_t under_way[] = {0, 10 * KIB, 2 * MIB};
    for (size_t i = 0; i < 3; i++) {
        flow_t flow = {.to_send = under_way[i], .echoes = true, .keeps_open = true};
        if (!link_start(link, &flow, ECHO)) return false;
        WAIT_FOR(link, PATIENCE, flow.received > 0 || under_way[i] == 0);
        CHECK(link, minke_stream_reset(link->host, flow.id, 3) == MINKE_OK, "the stream was over before its reset");
        WAIT_FOR(link, PATIENCE, flow.closed);
        CHECK(link, flow.closed, "not closed after our reset");
        if (!is_alive(link)) return false;
    }
    return link_say(link, true, "with 0, 10 KiB and 2 MiB under way");
}

static bool cell_reset_there(link_t *link)
{
    flow_t flow = {.to_send = 2 * KIB, .keeps_open = true};
    if (!link_start(link, &flow, "/minke-test/reset/1.0.0")) return false;
    WAIT_FOR(link, PATIENCE, flow.closed);
    CHECK(link, flow.closed, "no reset came");
    CHECK(link, flow.error == MINKE_ERROR_STREAM_RESET, "a reset was expected, not: %s",
          flow.error == MINKE_OK ? "end of stream" : minke_error_text(flow.error));
    (void)link_say(link, true, "reset");
    return is_alive(link);
}

/* We read a MiB of a long download and then tell the remote to stop. */
static bool cell_stop_here(link_t *link)
{
    minke_connection_stats_t before, after;
    flow_t flow = perf_flow(0, 256 * (uint64_t)MIB);
    if (!link_start(link, &flow, PERF)) return false;
    WAIT_FOR(link, PATIENCE, flow.received >= MIB);
    CHECK(link, flow.received >= MIB, "only %zu bytes came", flow.received);
    CHECK(link, minke_stats(link->host, link->connection, &before) == MINKE_OK, "no statistics");
    CHECK(link, minke_stream_stop(link->host, flow.id, 0) == MINKE_OK, "it cannot be stopped");
    WAIT_FOR(link, 12000, flow.closed);
    CHECK(link, flow.closed, "after STOP_SENDING the stream did not end within 12 s");
    CHECK(link, minke_stats(link->host, link->connection, &after) == MINKE_OK, "no statistics");
    const uint64_t more = after.bytes_received - before.bytes_received;
    (void)link_say(link, true, "%llu KiB came after STOP_SENDING", (unsigned long long)more / KIB);
    return more < 16 * MIB && is_alive(link);
}

static bool cell_stop_there(link_t *link)
{
    flow_t flow = {.to_send = 2 * KIB, .keeps_open = true};
    const double begun = now_ms();
    if (!link_start(link, &flow, "/minke-test/stop/1.0.0")) return false;
    WAIT_FOR(link, 5000, flow.stopped || flow.closed);
    CHECK(link, flow.stopped, "STOP_SENDING did not come");
    const double stopped_at = now_ms();
    WAIT_FOR(link, PATIENCE, flow.ended || flow.closed);
    CHECK(link, flow.ended, "the remote did not finish its side");
    flow.keeps_open = false;
    link_go_on(link, &flow);
    WAIT_FOR(link, PATIENCE, flow.closed);
    CHECK(link, flow.closed, "not closed after both have finished");
    (void)link_say(link, true, "STOP_SENDING after %.0f ms", stopped_at - begun);
    return is_alive(link);
}

/* ---- the rest ---- */

/* Twice as one asks who waits for the answer, then with data behind the question: js and go reset such a stream as soon
 * as they read what is no protocol, perhaps before we have read their answer. */
static bool cell_unsupported(link_t *link)
{
    for (int i = 0; i < 3; i++) {
        const bool hasty = i == 2;
        flow_t flow = {.to_send = hasty ? 100 : 0, .keeps_open = !hasty};
        if (!link_start(link, &flow, "/minke-test/nobody-serves-this/1.0.0")) return false;
        WAIT_FOR(link, 5000, flow.closed);
        CHECK(link, flow.closed, "not refused within 5 s");
        CHECK(link, flow.error == MINKE_ERROR_UNSUPPORTED || (hasty && flow.error == MINKE_ERROR_STREAM_RESET),
              "a refusal was expected, not: %s", minke_error_text(flow.error));
    }
    (void)link_say(link, true, "refused three times");
    return is_alive(link);
}

/* One stream after the other; each closes while the next is at work. */
static bool cell_streams_in_sequence(link_t *link)
{
    static flow_t flows[SEQUENCE];
    const double begun = now_ms();
    memset(link->ids, 0, sizeof link->ids);
    for (size_t i = 0; i < SEQUENCE; i++) {
        flows[i] = (flow_t){.to_send = 100 + i % 100, .seed = (uint32_t)i, .echoes = true};
        if (!link_start(link, &flows[i], ECHO)) return false;
        WAIT_FOR(link, PATIENCE, flows[i].ended || flows[i].closed);
        CHECK(link, flows[i].ended, "stream %zu: no echo: %zu of %zu back, %s", i, flows[i].received, flows[i].to_send,
              flows[i].closed ? minke_error_text(flows[i].error) : "open");
    }
    WAIT_FOR(link, PATIENCE, link->flows_n == 0);
    for (size_t i = 0; i < SEQUENCE; i++) {
        if (!is_good_echo(link, &flows[i])) return false;
    }
    size_t ids_n = 0, highest = 0;
    for (size_t id = 0; id < IDS_MAX; id++) {
        if (link->ids[id] == 0) continue;
        ids_n++;
        highest = id;
    }
    /* None are told on a byte connection: yamux never uses an id again. */
    return link_say(link, highest < 1024, "%d in %.1f s, %zu ids up to %zu", SEQUENCE, (now_ms() - begun) / 1e3, ids_n,
                    highest);
}

static bool cell_silence(link_t *link)
{
    if (!echo(link, 1000)) return false;
    WAIT_FOR(link, 30000, link->disconnected);
    const double begun = now_ms();
    if (!echo(link, 1000)) return false;
    return link_say(link, true, "echo after 30 s in %.1f ms", now_ms() - begun);
}

/* ---- through a relay, which has limits of bytes and of time ---- */

static bool cell_relayed_identify(link_t *link)
{
    CHECK(link, link->limited, "the connection is not limited");
    return cell_identify_read(link);
}

static bool cell_relayed_echo(link_t *link)
{
    if (!echo(link, 20 * KIB)) return false;
    return link_say(link, true, "20 KiB");
}

/* A connection that came about over a relay and does without it. */
static bool cell_private_path(link_t *link)
{
    CHECK(link, !link->limited, "the connection is limited");
    CHECK(link, is_private(link), "the connection is not private");
    return link_say(link, true, "private");
}

/* More than the relay relays: less comes back, and the connection ends. */
static bool cell_byte_limit(link_t *link)
{
    flow_t flow = {.to_send = MIB, .seed = 12, .echoes = true};
    if (!echo(link, 500)) return false; /* the remote is up as well */
    if (!link_start(link, &flow, ECHO)) return false;
    WAIT_FOR(link, PATIENCE, flow.closed);
    CHECK(link, flow.received < MIB, "all of 1 MiB came back");
    WAIT_FOR(link, 10000, link->disconnected);
    CHECK(link, link->disconnected, "the connection is still there after 10 s");
    return link_say(link, true, "%zu bytes came back, then: %s: %s", flow.received, minke_layer_name(link->close.layer),
                    link->close.text);
}

static bool cell_time_limit(link_t *link)
{
    if (!echo(link, 500)) return false;
    const double begun = now_ms();
    WAIT_FOR(link, 20000, link->disconnected);
    CHECK(link, link->disconnected, "the connection is still there after 20 s");
    return link_say(link, true, "gone %.1f s after the echo: %s: %s", (now_ms() - begun) / 1e3,
                    minke_layer_name(link->close.layer), link->close.text);
}

static const cell_t cells[] = {
    {"ping", cell_ping},
    {"identify-read", cell_identify_read},
    {"echo-sizes", cell_echo_sizes},
    {"echo-8MiB", cell_echo_large},
    {"echo-64MiB", cell_echo_huge},
    {"streams-256", cell_streams_at_once},
    {"half-close-here", cell_half_close_here},
    {"half-close-there", cell_half_close_there},
    {"reset-here", cell_reset_here},
    {"reset-there", cell_reset_there},
    {"stop-here", cell_stop_here},
    {"stop-there", cell_stop_there},
    {"unsupported", cell_unsupported},
    {"streams-2000", cell_streams_in_sequence},
    {"silence", cell_silence},
    {"relayed-ping", cell_ping},
    {"relayed-identify", cell_relayed_identify},
    {"relayed-echo", cell_relayed_echo},
    {"private-path", cell_private_path},
    {"byte-limit", cell_byte_limit},
    {"time-limit", cell_time_limit},
};

const cell_t *find_cell(const char *name)
{
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        if (strcmp(cells[i].name, name) == 0) return &cells[i];
    }
    return NULL;
}
