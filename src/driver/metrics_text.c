/*
 * The text format of Prometheus, version 0.0.4: families of samples.
 *
 *     # HELP name meaning
 *     # TYPE name counter
 *     name{label="value"} 12
 */
#include <string.h>

#include "driver/metrics.h"

/* ---- the format ---- */

typedef struct label {
    const char *name, *value;
} label_t;

/* Of a line and, quoted, of a label's value. */
static void write_escaped(minke_writer_t *w, const char *text)
{
    for (; *text != 0; text++) {
        if (*text == '\n') {
            minke__write_text(w, "\\n");
            continue;
        }
        if (*text == '\\' || *text == '"') minke__write_u8(w, '\\');
        minke__write_u8(w, (uint8_t)*text);
    }
}

/* Meanings are ours, and have neither a line break nor a backslash. */
static void write_family(minke_writer_t *w, const char *name, const char *type, const char *meaning)
{
    minke__write_text(w, "# HELP ");
    minke__write_text(w, name);
    minke__write_text(w, " ");
    minke__write_text(w, meaning);
    minke__write_text(w, "\n# TYPE ");
    minke__write_text(w, name);
    minke__write_text(w, " ");
    minke__write_text(w, type);
    minke__write_text(w, "\n");
}

static void write_sample(minke_writer_t *w, const char *name, const label_t *labels, size_t labels_n, uint64_t value)
{
    minke__write_text(w, name);
    for (size_t i = 0; i < labels_n; i++) {
        minke__write_text(w, i == 0 ? "{" : ",");
        minke__write_text(w, labels[i].name);
        minke__write_text(w, "=\"");
        write_escaped(w, labels[i].value);
        minke__write_text(w, "\"");
    }
    minke__write_text(w, labels_n > 0 ? "} " : " ");
    minke__write_decimal(w, value);
    minke__write_text(w, "\n");
}

static void write_one(minke_writer_t *w, const char *name, const char *type, const char *meaning, uint64_t value)
{
    write_family(w, name, type, meaning);
    write_sample(w, name, NULL, 0, value);
}

/* ---- families ---- */

static void write_build(minke_writer_t *w, const minke_snapshot_t *s)
{
    static const char name[] = "minke_build_info";
    const label_t labels[] = {{"version", minke_version()}, {"agent", s->agent}};
    write_family(w, name, "gauge", "always 1: the version of the library, and the agent that peers are told");
    write_sample(w, name, labels, 2, 1);
}

static void write_connections(minke_writer_t *w, const minke_snapshot_t *s)
{
    static const char name[] = "minke_connections";
    static const char *const kinds[MINKE_PATH_UNKNOWN] = {
        [MINKE_PATH_DIRECT] = "webrtc_direct", [MINKE_PATH_TCP] = "tcp",         [MINKE_PATH_WEBSOCKET] = "ws",
        [MINKE_PATH_WEBSOCKET_TLS] = "wss",    [MINKE_PATH_RELAYED] = "relayed", [MINKE_PATH_PRIVATE] = "webrtc"};
    write_family(w, name, "gauge", "connections that are up, by path and direction (in, out)");
    for (size_t kind = 0; kind < MINKE_PATH_UNKNOWN; kind++) {
        for (int inbound = 1; inbound >= 0; inbound--) {
            const label_t labels[] = {{"path", kinds[kind]}, {"direction", inbound == 1 ? "in" : "out"}};
            write_sample(w, name, labels, 2, s->connections[kind][inbound]);
        }
    }
}

static void write_counters(minke_writer_t *w, const minke_counters_t *counters)
{
#define WRITE_COUNTER(name, meaning) write_one(w, "minke_" #name "_total", "counter", meaning, counters->name);
    MINKE_COUNTER_LIST(WRITE_COUNTER)
#undef WRITE_COUNTER
}

/* ---- of a relay ---- */

/* Names of statuses and of ends, in the case of labels. */
static void lower(const char *name, char *out, size_t capacity)
{
    size_t len = 0;
    for (; name[len] != 0 && len + 1 < capacity; len++) {
        out[len] = (char)(name[len] >= 'A' && name[len] <= 'Z' ? name[len] + ('a' - 'A') : name[len]);
    }
    out[len] = 0;
}

/* The first status is that of success, and nothing is refused with it. */
static void write_refused(minke_writer_t *w, const char *name, const char *meaning, const uint64_t *refused)
{
#define STATUS_NAME(name, value, sentence) #name,
    static const char *const statuses[MINKE_RELAY_STATUSES_N] = {MINKE_RELAY_STATUS_LIST(STATUS_NAME)};
#undef STATUS_NAME
    char text[40];
    write_family(w, name, "counter", meaning);
    for (size_t i = 1; i < MINKE_RELAY_STATUSES_N; i++) {
        lower(statuses[i], text, sizeof text);
        const label_t status = {"status", text};
        write_sample(w, name, &status, 1, refused[i]);
    }
}

static void write_ended(minke_writer_t *w, const minke_relay_statistics_t *relay)
{
    static const char name[] = "minke_relay_circuits_ended_total";
    static const char *const ends[MINKE_RELAY_ENDS_N] = {[MINKE_RELAY_ENDED_BY_PEERS] = "peers",
                                                         [MINKE_RELAY_ENDED_BY_TIME] = "time",
                                                         [MINKE_RELAY_ENDED_BY_BYTES] = "bytes"};
    write_family(w, name, "counter", "circuits that have ended, by what ended them (peers, time, bytes)");
    for (size_t i = 0; i < MINKE_RELAY_ENDS_N; i++) {
        const label_t by = {"by", ends[i]};
        write_sample(w, name, &by, 1, relay->circuits_ended[i]);
    }
}

static void write_relay(minke_writer_t *w, const minke_snapshot_t *s)
{
    const minke_relay_statistics_t *relay = s->relay;
#define WRITE_GAUGE(field, name, meaning) write_one(w, name, "gauge", meaning, s->field);
    MINKE_SNAPSHOT_RELAY_LIST(WRITE_GAUGE)
#undef WRITE_GAUGE
#define WRITE_COUNTER(field, meaning) write_one(w, "minke_relay_" #field "_total", "counter", meaning, relay->field);
    WRITE_COUNTER(reservations_made, "new reservations")
    WRITE_COUNTER(reservations_refreshed, "reservations refreshed")
    WRITE_COUNTER(reservations_expired, "reservations that were not refreshed in time")
    WRITE_COUNTER(reservations_lost, "reservations that went with their connection")
    WRITE_COUNTER(circuits_opened, "circuits that the target agreed to")
#undef WRITE_COUNTER
    write_one(w, "minke_relay_bytes_total", "counter", "bytes relayed, both directions together", relay->bytes_relayed);
    write_ended(w, relay);
    write_refused(w, "minke_relay_reservations_refused_total", "RESERVE requests refused, by status",
                  relay->reservations_refused);
    write_refused(w, "minke_relay_circuits_refused_total", "CONNECT requests refused, by status",
                  relay->circuits_refused);
    write_refused(w, "minke_relay_requests_refused_total", "messages refused that were neither, by status",
                  relay->requests_refused);
}

void minke__metrics_write_text(minke_writer_t *w, const minke_snapshot_t *s)
{
    write_build(w, s);
#define WRITE_GAUGE(field, name, meaning) write_one(w, name, "gauge", meaning, s->field);
    MINKE_SNAPSHOT_LIST(WRITE_GAUGE)
#undef WRITE_GAUGE
    write_connections(w, s);
    if (s->relay != NULL) write_relay(w, s);
    write_counters(w, s->counters);
}
