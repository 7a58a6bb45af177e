/*
 * Round trips from the dialer's first datagram until an application reads the other's first byte: exact, since a
 * datagram takes its delay and nothing else takes any time. Both applications open a stream and write as soon as they
 * are told of the connection.
 *
 *     sim-round_trips_test            the steps of one set-up, then the numbers
 *     sim-round_trips_test --json     one object a line, for the benchmarks
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dtls/record.h"
#include "host/dial.h"
#include "sctp/chunk.h"
#include "stun/stun.h"
#include "world.h"

enum { MILLISECOND = 1000, SECOND = 1000000, HALVES_PER_ROUND_TRIP = 2 };

static const char *const protocol = "/first-byte/1.0.0";

/* In half round trips: check and ClientHello go together, SCTP takes two round trips, Noise one and a half. */
enum { LISTENER_READS_AFTER = 9, DIALER_READS_AFTER = 8 };

typedef struct scene {
    sim_world_t world;
    sim_endpoint_t *listener, *dialer;
    minke_time_t begun, delay;
    minke_time_t listener_reads_at, dialer_reads_at;
    bool narrated;
    uint64_t datagrams, bytes; /* both directions, until both have read */
    minke_tap_t taps[2];
} scene_t;

typedef struct side {
    scene_t *scene;
    const char *name;
    char clear[256]; /* the SCTP packet that the next datagram carries */
} side_t;

/* ---- the steps, in words ---- */

static void append(char *text, size_t capacity, const char *word, const char *between)
{
    const size_t len = strlen(text);
    (void)snprintf(text + len, capacity - len, "%s%s", len > 0 ? between : "", word);
}

static const char *chunk_name(uint8_t type)
{
    switch (type) {
    case MINKE_CHUNK_DATA: return "DATA";
    case MINKE_CHUNK_INIT: return "INIT";
    case MINKE_CHUNK_INIT_ACK: return "INIT ACK";
    case MINKE_CHUNK_SACK: return "SACK";
    case MINKE_CHUNK_COOKIE_ECHO: return "COOKIE ECHO";
    case MINKE_CHUNK_COOKIE_ACK: return "COOKIE ACK";
    default: return "?";
    }
}

/* DATA with its stream and how much it brings: 0 is the handshake channel. */
static void describe_chunk(const uint8_t *chunk, size_t len, char *text, size_t capacity)
{
    char word[64];
    if (chunk[0] == MINKE_CHUNK_DATA && len >= MINKE_SCTP_DATA_HEADER_BYTES) {
        (void)snprintf(word, sizeof word, "DATA(%u: %zu)", (unsigned)chunk[8] << 8 | chunk[9],
                       len - MINKE_SCTP_DATA_HEADER_BYTES);
        append(text, capacity, word, " | ");
    } else {
        append(text, capacity, chunk_name(chunk[0]), " | ");
    }
}

static void describe_sctp(const uint8_t *packet, size_t len, char *text, size_t capacity)
{
    text[0] = 0;
    for (size_t at = MINKE_SCTP_HEADER_BYTES; at + MINKE_SCTP_CHUNK_HEADER_BYTES <= len;) {
        const size_t chunk_len = (size_t)packet[at + 2] << 8 | packet[at + 3];
        if (chunk_len < MINKE_SCTP_CHUNK_HEADER_BYTES || at + chunk_len > len) return;
        describe_chunk(packet + at, chunk_len, text, capacity);
        at += (chunk_len + 3) & ~(size_t)3;
    }
}

static const char *message_name(uint8_t type)
{
    switch (type) {
    case 1: return "ClientHello";
    case 2: return "ServerHello";
    case 11: return "Certificate";
    case 12: return "ServerKeyExchange";
    case 13: return "CertificateRequest";
    case 14: return "ServerHelloDone";
    case 15: return "CertificateVerify";
    case 16: return "ClientKeyExchange";
    default: return "?";
    }
}

static const char *record_name(const minke_dtls_record_t *record, const char *clear)
{
    switch (record->type) {
    case MINKE_DTLS_CHANGE_CIPHER_SPEC: return "ChangeCipherSpec";
    case MINKE_DTLS_HANDSHAKE_MESSAGE: return record->epoch > 0 ? "Finished" : message_name(record->body[0]);
    case MINKE_DTLS_APPLICATION_DATA: return clear;
    default: return "alert";
    }
}

static void describe_datagram(const uint8_t *data, size_t len, const char *clear, char *text, size_t capacity)
{
    uint8_t copy[2048];
    minke_dtls_record_t record;
    text[0] = 0;
    if (minke__stun_looks_like(data, len)) {
        append(text, capacity, data[0] == 1 ? "STUN answer" : "STUN check", "");
        return;
    }
    memcpy(copy, data, len);
    for (size_t at = 0; minke__dtls_record_read(copy + at, len - at, &record); at += record.len)
        append(text, capacity, record_name(&record, clear), ", ");
}

static double round_trips(const scene_t *s, minke_time_t at)
{
    return (double)(at - s->begun) / (double)s->delay / HALVES_PER_ROUND_TRIP;
}

static void narrate(const scene_t *s, const char *who, const char *what)
{
    if (s->narrated) (void)printf("%5.2f  %-8s  %s\n", round_trips(s, s->world.now), who, what);
}

static void on_packet(void *user, const minke_packet_t *packet)
{
    side_t *side = user;
    char text[512], line[600];
    if (packet->received) return;
    if (packet->kind == MINKE_PACKET_SCTP) {
        describe_sctp(packet->data, packet->len, side->clear, sizeof side->clear);
        return;
    }
    describe_datagram(packet->data, packet->len, side->clear, text, sizeof text);
    (void)snprintf(line, sizeof line, "-> %s (%zu bytes)", text, packet->len);
    narrate(side->scene, side->name, line);
    side->scene->datagrams++;
    side->scene->bytes += packet->len;
}

/* ---- the applications ---- */

static void write_first_byte(const sim_endpoint_t *e, minke_connection_t connection)
{
    minke_stream_t stream;
    if (minke__node_open(e->node, connection, protocol, e->now, &stream) < 0) abort();
    if (minke__node_write(e->node, stream, "!", 1, e->now) != 1) abort();
}

static void read_first_byte(side_t *side, const sim_endpoint_t *e, minke_stream_t stream, minke_time_t *at)
{
    const uint8_t *data;
    if (*at != 0 || minke__node_peek(e->node, stream, &data) <= 0) return;
    *at = e->now;
    narrate(side->scene, side->name, "the application reads the first byte");
}

static void on_event(void *user, sim_endpoint_t *e, const minke_event_t *event)
{
    side_t *side = user;
    scene_t *s = side->scene;
    if (event->type == MINKE_EVENT_CONNECTED) {
        narrate(s, side->name, "the application is told of the connection, opens a stream and writes");
        write_first_byte(e, event->connection);
    }
    if (event->type == MINKE_EVENT_DISCONNECTED) abort();
    if (event->type == MINKE_EVENT_STREAM_READABLE)
        read_first_byte(side, e, event->stream, e == s->listener ? &s->listener_reads_at : &s->dialer_reads_at);
}

static bool both_have_read(void *user)
{
    const scene_t *s = user;
    return s->listener_reads_at != 0 && s->dialer_reads_at != 0;
}

/* ---- a run ---- */

static sim_endpoint_t *add(scene_t *s, side_t *side, const char *ip, uint64_t seed)
{
    minke_host_options_t options = {.size = sizeof options, .agent = "simulated/1", .identify = true};
    minke_transport_defaults(&options.transport);
    options.transport.tap = (minke_tap_t){side, on_packet};
    sim_endpoint_t *e = sim_world_add_node(&s->world, ip, &options, seed);
    if (minke__node_handle(e->node, protocol) < 0) abort();
    e->on_node_event = on_event;
    e->user = side;
    return e;
}

static void run(scene_t *s, int version, minke_time_t delay, bool narrated)
{
    side_t at_listener = {.scene = s, .name = "listener"}, at_dialer = {.scene = s, .name = "dialer"};
    const sim_link_t link = {.delay = delay, .mtu = 1280};
    *s = (scene_t){.delay = delay, .narrated = narrated};
    sim_world_init(&s->world, 5);
    s->listener = add(s, &at_listener, "2001:db8::1", 1);
    s->dialer = add(s, &at_dialer, "2001:db8::2", 2);
    sim_world_join(&s->world, s->dialer, s->listener, &link);
    sim_listen(&s->world, s->listener, 9090);
    s->begun = s->world.now;
    const char *addr = s->listener->addr;
    minke_connection_t connection;
    if (minke__node_dial(s->dialer->node, &addr, 1, version, s->begun, &connection) < 0) abort();
    if (!sim_world_run(&s->world, s->begun + 30 * SECOND, both_have_read, s)) abort();
    sim_world_free(&s->world);
}

/* False: it took longer than it may. */
static bool report(const scene_t *s, int version, bool json)
{
    const double listener_reads = round_trips(s, s->listener_reads_at),
                 dialer_reads = round_trips(s, s->dialer_reads_at);
    const char *format =
        json ? "{\"case\":\"round_trips\",\"version\":%d,\"rtt_ms\":%.0f,\"listener_reads\":%.3f,\"dialer_reads\":%.3f,"
               "\"datagrams\":%llu,\"bytes\":%llu}\n"
             : "version %d, round trip %.0f ms: the listener reads after %.3f round trips, the dialer after %.3f; "
               "%llu datagrams, %llu bytes\n";
    (void)printf(format, version, (double)(HALVES_PER_ROUND_TRIP * s->delay) / MILLISECOND, listener_reads,
                 dialer_reads, (unsigned long long)s->datagrams, (unsigned long long)s->bytes);
    return listener_reads <= (double)LISTENER_READS_AFTER / HALVES_PER_ROUND_TRIP &&
           dialer_reads <= (double)DIALER_READS_AFTER / HALVES_PER_ROUND_TRIP;
}

int main(int argc, char **argv)
{
    /* Below, between and above the first timers of checks (50 ms) and DTLS (200 ms), which must not matter. */
    static const minke_time_t delays[] = {1 * MILLISECOND, 10 * MILLISECOND, 50 * MILLISECOND, 150 * MILLISECOND};
    const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    bool good = true;
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
            scene_t scene;
            run(&scene, version, delays[i], !json && version == 1 && i == 1);
            good &= report(&scene, version, json);
        }
    }
    return good ? 0 : 1;
}
