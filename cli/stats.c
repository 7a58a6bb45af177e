/* Figures: of the process and its transport, and of each connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dialing.h"
#include "observe.h"

typedef struct counter {
    const char *name, *meaning;
    size_t at;
} counter_t;

#define COUNTER(name, meaning) {#name, meaning, offsetof(minke_counters_t, name)},
static const counter_t counters[] = {MINKE_COUNTER_LIST(COUNTER)};
#undef COUNTER
enum { COUNTERS_N = sizeof counters / sizeof counters[0] };

static uint64_t value_of(const minke_counters_t *all, const counter_t *counter)
{
    uint64_t value;
    memcpy(&value, (const uint8_t *)all + counter->at, sizeof value);
    return value;
}

void cli_print_counters(void)
{
    for (size_t i = 0; i < COUNTERS_N; i++) (void)printf("%-26s %s\n", counters[i].name, counters[i].meaning);
}

void cli_print_ip(const minke_address_t *address, char *out, size_t capacity)
{
    if (address->family == MINKE_FAMILY_IP4) {
        (void)snprintf(out, capacity, "%u.%u.%u.%u:%u", address->ip[0], address->ip[1], address->ip[2], address->ip[3],
                       address->port);
        return;
    }
    if (address->family == MINKE_FAMILY_NONE) { /* over a relay */
        out[0] = 0;
        return;
    }
    size_t at = (size_t)snprintf(out, capacity, "[");
    for (size_t i = 0; i < 16 && at < capacity; i += 2) {
        at += (size_t)snprintf(out + at, capacity - at, "%s%x", i > 0 ? ":" : "",
                               (unsigned)address->ip[i] << 8 | address->ip[i + 1]);
    }
    if (at < capacity) (void)snprintf(out + at, capacity - at, "]:%u", address->port);
}

const char *cli_path_name(minke_path_kind_t kind)
{
    static const char *const names[] = {"direct", "tcp", "ws", "wss", "relayed", "private", "unknown"};
    return names[kind];
}

/* What the process has in memory, or 0 where the system does not say. */
static uint64_t resident_bytes(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    const char *resident = fgets(line, sizeof line, file) != NULL ? strchr(line, ' ') : NULL;
    (void)fclose(file);
    return resident != NULL ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* ---- one connection ---- */

typedef struct figures {
    minke_connection_t connection;
    minke_connection_stats_t stats;
    char peer[MINKE_PEER_BYTES], remote[64];
    double age_s;
} figures_t;

static bool look_up(const minke_host_t *host, minke_connection_t connection, figures_t *f)
{
    *f = (figures_t){.connection = connection};
    if (minke_stats(host, connection, &f->stats) < 0) return false;
    if (minke_peer(host, connection, f->peer) < 0) f->peer[0] = 0;
    cli_print_ip(&f->stats.path.remote, f->remote, sizeof f->remote);
    f->age_s = cli_now_ms() / 1e3 - (double)f->stats.started_at / 1e6;
    return true;
}

static json_t *to_json(const figures_t *f)
{
    const minke_connection_stats_t *s = &f->stats;
    json_t *object =
        json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:i, s:f, s:s, s:s}", "event", "connection", "connection",
                  (json_int_t)f->connection, "peer", f->peer, "direction", s->inbound ? "in" : "out", "path",
                  cli_path_name(s->kind), "remote", f->remote, "direct_version", s->version, "age_s", f->age_s, "layer",
                  minke_layer_name(s->layer), "last_step", minke_layer_name(s->last_step));
    json_t *more = json_pack(
        "{s:i, s:i, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I}",
        "pairs", (int)s->pairs, "pairs_validated", (int)s->pairs_validated, "rtt_ms", (double)s->smoothed_rtt / 1e3,
        "retransmit_after_ms", (double)s->retransmit_after / 1e3, "bytes_sent", (json_int_t)s->bytes_sent,
        "bytes_received", (json_int_t)s->bytes_received, "bytes_acked", (json_int_t)s->bytes_acked, "bytes_delivered",
        (json_int_t)s->bytes_delivered, "chunks_retransmitted", (json_int_t)s->chunks_retransmitted, "losses",
        (json_int_t)s->losses, "timeouts", (json_int_t)s->timeouts, "undone", (json_int_t)s->undone, "pacing_rate",
        (json_int_t)s->pacing_rate, "congestion_window", (json_int_t)s->congestion_window, "in_flight",
        (json_int_t)s->in_flight, "peer_window", (json_int_t)s->peer_window, "receive_window",
        (json_int_t)s->receive_window, "packet_max", (json_int_t)s->packet_max, "streams", (int)s->streams, "unread",
        (json_int_t)s->unread, "unsent", (json_int_t)s->unsent);
    (void)json_object_update(object, more);
    json_decref(more);
    return object;
}

static void to_text(const figures_t *f, char *out, size_t capacity)
{
    const minke_connection_stats_t *s = &f->stats;
    char path[32];
    if (s->kind == MINKE_PATH_DIRECT) (void)snprintf(path, sizeof path, "version %d", s->version);
    else (void)snprintf(path, sizeof path, "%s", cli_path_name(s->kind));
    (void)snprintf(out, capacity,
                   "connection    %s  %s %s, %s, %.1f s, last step done: %s\n"
                   "              round trip %.3f ms, T3 after %.0f ms, congestion window %u, in flight %u, "
                   "their window %u, ours %u; packets of %u\n"
                   "              %llu bytes sent, %llu received; %llu chunks again, %llu losses, %llu timeouts, %llu "
                   "undone\n"
                   "              %u streams, %zu bytes unsent, %zu unread; %u of %u addresses validated",
                   f->peer[0] != 0 ? f->peer : "(nobody yet)", s->inbound ? "from" : "to", f->remote, path, f->age_s,
                   minke_layer_name(s->last_step), (double)s->smoothed_rtt / 1e3, (double)s->retransmit_after / 1e3,
                   s->congestion_window, s->in_flight, s->peer_window, s->receive_window, s->packet_max,
                   (unsigned long long)s->bytes_sent, (unsigned long long)s->bytes_received,
                   (unsigned long long)s->chunks_retransmitted, (unsigned long long)s->losses,
                   (unsigned long long)s->timeouts, (unsigned long long)s->undone, s->streams, s->unsent, s->unread,
                   s->pairs_validated, s->pairs);
}

static void print_connection(const figures_t *f)
{
    char text[1024];
    to_text(f, text, sizeof text);
    cli_event(to_json(f), "%s", text);
}

void cli_stats_at_end(const minke_host_t *host, minke_connection_t connection)
{
    figures_t f;
    char text[1024];
    if (cli_output.verbose == 0 || !look_up(host, connection, &f)) return;
    to_text(&f, text, sizeof text);
    if (cli_output.json) cli_event(to_json(&f), "%s", "");
    else cli_note(1, "%s", text);
}

static void print_connections(const minke_host_t *host)
{
    const size_t n = minke_connections(host, NULL, 0);
    minke_connection_t *ids = calloc(n + 1, sizeof ids[0]);
    if (ids == NULL) return;
    (void)minke_connections(host, ids, n);
    for (size_t i = 0; i < n; i++) {
        figures_t f;
        if (look_up(host, ids[i], &f)) print_connection(&f);
    }
    free(ids);
}

/* ---- all ---- */

void cli_stats(const minke_host_t *host, bool each)
{
    const minke_counters_t *all = minke_counters(host);
    const size_t connections = minke_connections(host, NULL, 0);
    const uint64_t resident = resident_bytes(), held = minke_memory(host);
    json_t *values = json_object();
    char text[4096];
    size_t at =
        (size_t)snprintf(text, sizeof text, "stats         %zu connections, %.1f MiB resident, %.1f MiB allocated",
                         connections, (double)resident / (1 << 20), (double)held / (1 << 20));
    for (size_t i = 0; i < COUNTERS_N; i++) {
        const uint64_t value = value_of(all, &counters[i]);
        if (value == 0) continue;
        (void)json_object_set_new(values, counters[i].name, json_integer((json_int_t)value));
        if (at < sizeof text) {
            at += (size_t)snprintf(text + at, sizeof text - at, "\n              %-26s %llu", counters[i].name,
                                   (unsigned long long)value);
        }
    }
    cli_event(json_pack("{s:s, s:I, s:I, s:I, s:o}", "event", "stats", "connections", (json_int_t)connections,
                        "resident_bytes", (json_int_t)resident, "memory_bytes", (json_int_t)held, "counters", values),
              "%s", text);
    if (each) print_connections(host);
}
