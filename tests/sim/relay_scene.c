#include "relay_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/dial.h"
#include "host/hop.h"
#include "host/reservation.h"

/* RFC 8032's first secret key: a relay that comes back is the same one. */
static const char relay_key[] = "080112407e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d"
                                "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e";

enum { UNIX_START = 1767225600 };

/* ---- the application ---- */

uint8_t relay_byte(uint64_t place)
{
    const uint64_t x = (place >> 2) * 0x9e3779b97f4a7c15ULL;
    return (uint8_t)(x >> (32 + 8 * (place & 3)));
}

relay_app_t *relay_app(const sim_endpoint_t *e) { return e->user; }

static relay_stream_t *stream_of(relay_app_t *app, minke_stream_t id)
{
    for (size_t i = app->streams_n; i > 0; i--) {
        if (app->streams[i - 1].id == id && !app->streams[i - 1].closed) return &app->streams[i - 1];
    }
    return NULL;
}

static relay_stream_t *new_stream(relay_app_t *app, minke_connection_t connection, minke_stream_t id)
{
    if (app->streams_n == RELAY_STREAMS_MAX) abort();
    relay_stream_t *stream = &app->streams[app->streams_n++];
    *stream = (relay_stream_t){.id = id, .connection = connection, .pattern_from = SIZE_MAX};
    return stream;
}

static void write_on(sim_endpoint_t *e, relay_stream_t *stream)
{
    uint8_t block[16384];
    while (stream->written < stream->to_write) {
        const uint64_t left = stream->to_write - stream->written;
        const size_t n = left < sizeof block ? (size_t)left : sizeof block;
        for (size_t i = 0; i < n; i++) block[i] = relay_byte(stream->written + i);
        const ssize_t taken = minke__node_write(e->node, stream->id, block, n, e->now);
        if (taken <= 0) return;
        stream->written += (uint64_t)taken;
    }
    if (stream->finish) (void)minke__node_finish(e->node, stream->id, e->now);
    stream->finish = false;
}

static void note(relay_stream_t *stream, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t at = stream->read + i;
        if (at < RELAY_FIRST_MAX) stream->first[at] = data[i];
        if (at >= stream->pattern_from && data[i] != relay_byte(at - stream->pattern_from)) stream->wrong = true;
    }
    stream->read += n;
}

static void read_on(sim_endpoint_t *e, relay_stream_t *stream)
{
    const uint8_t *data;
    ssize_t n = MINKE_ERROR_AGAIN;
    while (!stream->ignores && (n = minke__node_peek(e->node, stream->id, &data)) > 0) {
        ssize_t taken = n;
        if (stream->echoes) taken = minke__node_write(e->node, stream->id, data, (size_t)n, e->now);
        if (stream->bridge != NULL) taken = minke__node_write(e->node, stream->bridge->id, data, (size_t)n, e->now);
        if (taken <= 0) return;
        note(stream, data, (size_t)taken);
        stream->read_at = e->now;
        (void)minke__node_consume(e->node, stream->id, (size_t)taken, e->now);
    }
    if (n == 0) stream->end_seen = true;
    if (n == 0 && stream->echoes) (void)minke__node_finish(e->node, stream->id, e->now);
}

static void tell(relay_app_t *app, const sim_endpoint_t *e, const minke_event_t *event)
{
    if (app->told_n == RELAY_TOLD_MAX) abort();
    relay_told_t *told = &app->told[app->told_n++];
    *told = (relay_told_t){.type = event->type,
                           .at = e->now,
                           .connection = event->connection,
                           .inbound = event->inbound,
                           .limited = event->limited,
                           .close = event->close};
    if (event->addr != NULL) strncpy(told->addr, event->addr, sizeof told->addr - 1);
    if (event->peer != NULL) strncpy(told->peer, event->peer, sizeof told->peer - 1);
}

static void on_event(void *user, sim_endpoint_t *e, const minke_event_t *event)
{
    relay_app_t *app = user;
    relay_stream_t *stream;
    switch (event->type) {
    case MINKE_EVENT_IDENTIFIED: app->identified_n++; return;
    case MINKE_EVENT_STREAM_OPENED:
        stream = event->inbound ? new_stream(app, event->connection, event->stream) : stream_of(app, event->stream);
        assert_non_null(stream);
        stream->opened = true;
        if (!event->inbound) return;
        stream->inbound = true;
        stream->echoes = app->echoes;
        stream->ignores = app->ignores;
        strncpy(stream->protocol, event->protocol, sizeof stream->protocol - 1);
        return;
    case MINKE_EVENT_STREAM_READABLE:
    case MINKE_EVENT_STREAM_WRITABLE:
        stream = stream_of(app, event->stream);
        assert_non_null(stream);
        read_on(e, stream);
        write_on(e, stream);
        return;
    case MINKE_EVENT_STREAM_CLOSED:
        stream = stream_of(app, event->stream);
        assert_non_null(stream); /* and told once */
        stream->closed = true;
        stream->error = event->error;
        return;
    default: tell(app, e, event); return;
    }
}

/* ---- making ---- */

void relay_scene_defaults(relay_scene_options_t *options)
{
    *options = (relay_scene_options_t){.seed = 7, .link = {.delay = 10 * RELAY_MILLISECOND, .mtu = 1280}};
    options->relay = (minke_relay_options_t){.reservations_max = 1024,
                                             .reservations_per_address_max = 16,
                                             .reservation_after = 3600 * (minke_time_t)RELAY_SECOND,
                                             .circuits_max = 1024,
                                             .circuits_per_peer_max = 16,
                                             .circuit_after = 120 * (minke_time_t)RELAY_SECOND,
                                             .circuit_bytes = 131072};
    options->host = (minke_host_options_t){
        .size = sizeof options->host, .agent = "simulated/1", .serve_perf = true, .identify = true};
    minke_transport_defaults(&options->host.transport);
}

static minke_host_options_t host_of_relay(const relay_scene_t *s, uint8_t key[68])
{
    minke_host_options_t host = s->options.host;
    host.relay = s->options.relay;
    host.relay.serve = !s->options.raw_relay;
    host.transport.private_key = key;
    host.transport.private_key_len = test_unhex(relay_key, key, 68);
    host.identify = host.identify && !s->options.quiet;
    return host;
}

static void begin(relay_scene_t *s, sim_endpoint_t *e, bool raw, const char *raw_protocol)
{
    if (e->user == NULL) e->user = calloc(1, sizeof(relay_app_t));
    if (e->user == NULL) abort();
    e->on_node_event = on_event;
    minke__node_set_unix_time(e->node, UNIX_START + s->world.now / RELAY_SECOND, s->world.now);
    assert_int_equal(minke__node_handle(e->node, "/echo/1.0.0"), MINKE_OK);
    if (raw) assert_int_equal(minke__node_handle(e->node, raw_protocol), MINKE_OK);
}

sim_endpoint_t *relay_add(relay_scene_t *s, const char *ip, bool raw)
{
    minke_host_options_t host = s->options.host;
    host.identify = host.identify && !s->options.quiet;
    sim_endpoint_t *e = sim_world_add_node(&s->world, ip, &host, s->options.seed * 100 + s->world.endpoints_n);
    begin(s, e, raw, RELAY_STOP);
    if (s->relay != NULL) sim_world_join(&s->world, s->relay, e, &s->options.link);
    return e;
}

static void name_relay(relay_scene_t *s)
{
    minke_transport_self(s->relay->transport, s->relay_id);
    if (s->options.tcp) {
        s->relay->tcp_port = 4001;
        strcpy(s->relay_addr, "/ip4/192.0.2.1/tcp/4001/p2p/");
        strcat(s->relay_addr, s->relay_id);
    } else {
        sim_listen(&s->world, s->relay, 9090);
        strcpy(s->relay_addr, s->relay->addr);
    }
    assert_int_equal(minke__node_listening(s->relay->node, s->relay_addr, s->world.now), MINKE_OK);
    assert_non_null(strstr(s->relay_addr, "/p2p/"));
}

void relay_set_up(relay_scene_t *s, const relay_scene_options_t *options)
{
    uint8_t key[68];
    memset(s, 0, sizeof *s);
    relay_scene_defaults(&s->options);
    if (options != NULL) s->options = *options;
    sim_world_init(&s->world, s->options.seed);
    const minke_host_options_t host = host_of_relay(s, key);
    sim_endpoint_t *relay = sim_world_add_node(&s->world, "192.0.2.1", &host, s->options.seed * 100);
    s->target = relay_add(s, "192.0.2.2", s->options.raw_target);
    s->source = relay_add(s, "192.0.2.3", s->options.raw_source);
    s->relay = relay;
    begin(s, s->relay, s->options.raw_relay, RELAY_HOP);
    sim_world_join(&s->world, s->relay, s->target, &s->options.link);
    sim_world_join(&s->world, s->relay, s->source, &s->options.link);
    name_relay(s);
    minke_transport_self(s->target->transport, s->target_id);
    minke_transport_self(s->source->transport, s->source_id);
    strcpy(s->reserve_at, s->relay_addr);
    strcat(s->reserve_at, "/p2p-circuit");
    strcpy(s->circuit, s->reserve_at);
    strcat(s->circuit, "/p2p/");
    strcat(s->circuit, s->target_id);
}

void relay_restart(relay_scene_t *s)
{
    uint8_t key[68];
    char before[MINKE_ADDR_BYTES];
    strcpy(before, s->relay_addr);
    const minke_host_options_t host = host_of_relay(s, key);
    sim_world_restart_node(&s->world, s->relay, &host);
    begin(s, s->relay, s->options.raw_relay, RELAY_HOP);
    name_relay(s);
    assert_string_equal(s->relay_addr, before);
}

void relay_tear_down(relay_scene_t *s)
{
    relay_app_t *apps[SIM_ENDPOINTS_MAX];
    const size_t n = s->world.endpoints_n;
    for (size_t i = 0; i < n; i++) apps[i] = s->world.endpoints[i]->user;
    sim_world_free(&s->world);
    for (size_t i = 0; i < n; i++) free(apps[i]);
}

/* ---- waiting ---- */

void relay_run(relay_scene_t *s, minke_time_t span) { (void)sim_world_run(&s->world, s->world.now + span, NULL, NULL); }

size_t relay_told_n(const sim_endpoint_t *e, minke_event_type_t type)
{
    const relay_app_t *app = e->user;
    size_t n = 0;
    for (size_t i = 0; i < app->told_n; i++) n += app->told[i].type == type;
    return n;
}

const relay_told_t *relay_told(const sim_endpoint_t *e, minke_event_type_t type, size_t n)
{
    const relay_app_t *app = e->user;
    for (size_t i = 0; i < app->told_n; i++) {
        if (app->told[i].type == type && --n == 0) return &app->told[i];
    }
    return NULL;
}

typedef struct awaited {
    const sim_endpoint_t *e;
    const relay_stream_t *stream;
    minke_event_type_t type;
    size_t n;
    bool closed;
} awaited_t;

static bool has_happened(void *user)
{
    const awaited_t *a = user;
    if (a->stream != NULL) return a->closed ? a->stream->closed : a->stream->read >= a->n;
    if (a->type == 0) return ((const relay_app_t *)a->e->user)->streams_n >= a->n;
    return relay_told_n(a->e, a->type) >= a->n;
}

static bool wait_for(relay_scene_t *s, awaited_t awaited, minke_time_t span)
{
    return sim_world_run(&s->world, s->world.now + span, has_happened, &awaited);
}

bool relay_wait_told(relay_scene_t *s, const sim_endpoint_t *e, minke_event_type_t type, size_t n, minke_time_t span)
{
    return wait_for(s, (awaited_t){.e = e, .type = type, .n = n}, span);
}

bool relay_wait_read(relay_scene_t *s, const relay_stream_t *stream, size_t bytes, minke_time_t span)
{
    return wait_for(s, (awaited_t){.stream = stream, .n = bytes}, span);
}

bool relay_wait_closed(relay_scene_t *s, const relay_stream_t *stream, minke_time_t span)
{
    return wait_for(s, (awaited_t){.stream = stream, .closed = true}, span);
}

bool relay_wait_streams(relay_scene_t *s, const sim_endpoint_t *e, size_t n, minke_time_t span)
{
    return wait_for(s, (awaited_t){.e = e, .n = n}, span);
}

/* ---- doing ---- */

minke_connection_t relay_connect(relay_scene_t *s, sim_endpoint_t *e, const char *addr)
{
    minke_connection_t connection;
    const size_t before = relay_told_n(e, MINKE_EVENT_CONNECTED);
    assert_int_equal(minke__node_dial(e->node, &addr, 1, 1, s->world.now, &connection), MINKE_OK);
    for (size_t n = before + 1;; n++) {
        assert_true(relay_wait_told(s, e, MINKE_EVENT_CONNECTED, n, 60 * (minke_time_t)RELAY_SECOND));
        if (relay_told(e, MINKE_EVENT_CONNECTED, n)->connection == connection) return connection;
    }
}

void relay_reserve(relay_scene_t *s, sim_endpoint_t *e)
{
    const size_t before = relay_told_n(e, MINKE_EVENT_LISTENING);
    assert_int_equal(minke__node_reserve(e->node, s->reserve_at, s->world.now), MINKE_OK);
    assert_true(relay_wait_told(s, e, MINKE_EVENT_LISTENING, before + 1, 60 * (minke_time_t)RELAY_SECOND));
}

relay_stream_t *relay_open(relay_scene_t *s, sim_endpoint_t *e, minke_connection_t connection, const char *protocol)
{
    minke_stream_t id;
    assert_int_equal(minke__node_open(e->node, connection, protocol, s->world.now, &id), MINKE_OK);
    return new_stream(e->user, connection, id);
}

void relay_write(relay_scene_t *s, sim_endpoint_t *e, const relay_stream_t *stream, const void *data, size_t len)
{
    assert_int_equal(minke__node_write(e->node, stream->id, data, len, s->world.now), len);
}

void relay_write_hex(relay_scene_t *s, sim_endpoint_t *e, const relay_stream_t *stream, const char *hex)
{
    uint8_t bytes[8192];
    relay_write(s, e, stream, bytes, test_unhex(hex, bytes, sizeof bytes));
}

void relay_pour(relay_scene_t *s, sim_endpoint_t *e, relay_stream_t *stream, uint64_t bytes)
{
    e->now = s->world.now;
    stream->to_write += bytes;
    write_on(e, stream);
}

void relay_drink(relay_scene_t *s, sim_endpoint_t *e, relay_stream_t *stream)
{
    e->now = s->world.now;
    stream->ignores = false;
    read_on(e, stream);
}

void relay_finish(relay_scene_t *s, sim_endpoint_t *e, relay_stream_t *stream)
{
    e->now = s->world.now;
    stream->finish = true;
    write_on(e, stream);
}

void relay_reset(relay_scene_t *s, sim_endpoint_t *e, const relay_stream_t *stream)
{
    assert_int_equal(minke__node_reset(e->node, stream->id, 0, s->world.now), MINKE_OK);
}

/* ---- messages, written here once more, by hand ---- */

size_t relay_hop_connect(const char *peer, uint8_t out[128])
{
    minke_peer_id_t id;
    assert_true(minke__peer_id_parse(peer, strlen(peer), &id));
    minke_writer_t w = minke__writer(out, 128);
    minke__write_u8(&w, (uint8_t)(6 + id.len));
    minke__write_bytes(&w, "\x08\x01\x12", 3);
    minke__write_u8(&w, (uint8_t)(2 + id.len));
    minke__write_u8(&w, 0x0a);
    minke__write_u8(&w, (uint8_t)id.len);
    minke__write_bytes(&w, id.bytes, id.len);
    return w.len;
}

static size_t write_status(uint8_t type, uint8_t tag, uint64_t status, uint8_t out[16])
{
    minke_writer_t w = minke__writer(out, 16);
    minke__write_u8(&w, status < 128 ? 4 : 5);
    minke__write_u8(&w, 0x08);
    minke__write_u8(&w, type);
    minke__write_u8(&w, tag);
    minke__write_uvarint(&w, status);
    return w.len;
}

size_t relay_hop_status(uint64_t status, uint8_t out[16]) { return write_status(2, 0x28, status, out); }
size_t relay_stop_status(uint64_t status, uint8_t out[16]) { return write_status(1, 0x20, status, out); }

bool relay_has_read(const relay_stream_t *stream, const void *data, size_t len)
{
    return stream->read == len && len <= RELAY_FIRST_MAX && memcmp(stream->first, data, len) == 0;
}

/* ---- a circuit ---- */

void relay_join_more(relay_scene_t *s, sim_endpoint_t *source, sim_endpoint_t *target, relay_stream_t **hop,
                     relay_stream_t **stop)
{
    uint8_t message[128];
    char target_id[MINKE_PEER_BYTES];
    const relay_told_t *up = relay_told(source, MINKE_EVENT_CONNECTED, 1);
    const size_t streams = relay_app(target)->streams_n;
    minke_transport_self(target->transport, target_id);
    *hop = relay_open(s, source, up->connection, RELAY_HOP);
    relay_write(s, source, *hop, message, relay_hop_connect(target_id, message));
    assert_true(relay_wait_streams(s, target, streams + 1, 10 * (minke_time_t)RELAY_SECOND));
    *stop = &relay_app(target)->streams[streams];
    assert_true(relay_wait_read(s, *stop, 1, RELAY_SECOND));
    (*stop)->pattern_from = 1u + (*stop)->first[0];
    assert_true(relay_wait_read(s, *stop, (*stop)->pattern_from, RELAY_SECOND));
    relay_write(s, target, *stop, message, relay_stop_status(MINKE_RELAY_STATUS_OK, message));
    assert_true(relay_wait_read(s, *hop, 1, 10 * (minke_time_t)RELAY_SECOND));
    (*hop)->pattern_from = 1u + (*hop)->first[0];
    assert_true(relay_wait_read(s, *hop, (*hop)->pattern_from, RELAY_SECOND));
}

void relay_join(relay_scene_t *s, relay_stream_t **hop, relay_stream_t **stop)
{
    const minke_connection_t of_target = relay_connect(s, s->target, s->relay_addr);
    relay_stream_t *reserve = relay_open(s, s->target, of_target, RELAY_HOP);
    relay_write_hex(s, s->target, reserve, "020800");
    assert_true(relay_wait_closed(s, reserve, 30 * (minke_time_t)RELAY_SECOND));
    (void)relay_connect(s, s->source, s->relay_addr);
    relay_join_more(s, s->source, s->target, hop, stop);
}

const minke_relay_statistics_t *relay_statistics(const relay_scene_t *s)
{
    return minke__hop_statistics(s->relay->node->hop);
}

void relay_assert_idle(relay_scene_t *s)
{
    const minke_relay_statistics_t *statistics = relay_statistics(s);
    assert_int_equal(statistics->circuits, 0);
    assert_int_equal(statistics->circuits_asking, 0);
    const minke_list_t *everyone = &s->relay->node->connections;
    for (const minke_list_t *item = everyone->next; item != everyone; item = item->next) {
        assert_true(minke__list_empty(&MINKE_CONTAINER(item, minke_node_connection_t, siblings)->streams));
    }
}
