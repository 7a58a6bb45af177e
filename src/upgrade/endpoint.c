#include "upgrade/endpoint.h"

#include <assert.h>

#include "base/blocks.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/wire.h"

/* As with datagrams (webrtc/connection.c): how long what the remote had finished waits for a reader after the end. And
 * how long our last word waits for a carrier that is full. */
enum { READER_PATIENCE = 60 * 1000000, FAREWELL_PATIENCE = 1000000 };

typedef struct minke_byte_connection {
    minke_list_t siblings, to_send, to_tell;
    minke_heap_node_t timer;
    minke_env_t env; /* all below is charged to this connection */
    minke_account_t account;
    minke_upgrade_t *upgrade;
    minke_carrier_t *carrier;
    minke_connection_t id; /* without MINKE_BYTES_ID */
    void *user;
    minke_time_t started_at, noise_at;
    minke_time_t give_up_at; /* after the end: when unread bytes are dropped */
    minke_time_t hurry_at;   /* after the end: when nobody waits for the last word any more */
    uint64_t bytes_sent, bytes_received;
    size_t lingering_unread;
    bool inbound, was_open, connected_told, ended;
    bool farewell_said; /* ended, and all of it sent or nobody there to send it to */
    bool counted;       /* among the inbound handshakes */
} minke_byte_connection_t;

struct minke_byte_endpoint {
    const minke_env_t *env;
    minke_byte_endpoint_options_t options;
    minke_handles_t connections, streams;
    minke_heap_t timers;
    minke_list_t everyone, to_send, to_tell;
    minke_byte_connection_t *told; /* its CLOSED event was given out: freed at the next call */
    uint32_t handshakes;
};

/* ---- life */

void minke__bytes_options_defaults(minke_byte_endpoint_options_t *options)
{
    *options = (minke_byte_endpoint_options_t){.connections_max = 4096, .handshakes_max = 128, .memory_max = 16 << 20};
    minke__upgrade_options_defaults(&options->upgrade);
}

minke_byte_endpoint_t *minke__bytes_new(const minke_env_t *env, const minke_byte_endpoint_options_t *options)
{
    minke_byte_endpoint_t *e = minke__alloc_zero(env, sizeof *e);
    if (e == NULL) return NULL;
    e->env = env;
    e->options = *options;
    e->options.upgrade.identity = options->identity;
    minke__handles_init(&e->connections, env);
    minke__handles_init(&e->streams, env);
    minke__heap_init(&e->timers, env);
    minke__list_init(&e->everyone);
    minke__list_init(&e->to_send);
    minke__list_init(&e->to_tell);
    return e;
}

static void remove_connection(minke_byte_endpoint_t *e, minke_byte_connection_t *c)
{
    if (c->counted) e->handshakes--;
    if (e->told == c) e->told = NULL;
    minke__heap_set(&e->timers, &c->timer, MINKE_TIME_NEVER);
    minke__list_remove(&c->siblings);
    minke__list_remove(&c->to_send);
    minke__list_remove(&c->to_tell);
    minke__handles_remove(&e->connections, c->id);
    minke__upgrade_free(c->upgrade);
    assert(c->account.used == sizeof *c + MINKE_BLOCK_OVERHEAD); /* what is left would point to a dead account */
    minke__free(e->env, c);
    minke__blocks_empty(e->env); /* whoever needed them may have been this one */
}

void minke__bytes_free(minke_byte_endpoint_t *e)
{
    if (e == NULL) return;
    while (!minke__list_empty(&e->everyone)) {
        remove_connection(e, MINKE_CONTAINER(e->everyone.next, minke_byte_connection_t, siblings));
    }
    minke__heap_free(&e->timers);
    minke__handles_free(&e->connections);
    minke__handles_free(&e->streams);
    minke__free(e->env, e);
}

/* ---- book-keeping */

static minke_byte_connection_t *find(const minke_byte_endpoint_t *e, minke_connection_t id)
{
    return minke__handles_get(&e->connections, id & ~MINKE_BYTES_ID);
}

static void append_once(minke_list_t *list, minke_list_t *node)
{
    if (!minke__list_linked(node)) minke__list_append(list, node);
}

static void count_handshake(minke_byte_endpoint_t *e, minke_byte_connection_t *c, minke_upgrade_state_t state)
{
    const bool in_setup = c->inbound && state < MINKE_UPGRADE_OPEN;
    if (in_setup == c->counted) return;
    c->counted = in_setup;
    if (in_setup) e->handshakes++;
    else e->handshakes--;
}

static void note_state(minke_byte_endpoint_t *e, minke_byte_connection_t *c, minke_upgrade_state_t state,
                       minke_time_t now)
{
    minke_counters_t *counters = e->env->counters;
    if (state == MINKE_UPGRADE_OPEN && !c->was_open) {
        c->was_open = true;
        c->noise_at = now;
        if (c->inbound) counters->connections_accepted++;
        else counters->connections_dialled++;
    }
    if (state == MINKE_UPGRADE_ENDED && !c->ended) {
        c->ended = true;
        c->give_up_at = now + READER_PATIENCE;
        c->hurry_at = now + FAREWELL_PATIENCE;
        if (!c->was_open) counters->connections_failed++;
    }
}

static bool lingers(const minke_byte_connection_t *c)
{
    const minke_yamux_t *yamux = minke__upgrade_yamux(c->upgrade);
    return c->ended && yamux != NULL && minke__yamux_lingers(yamux);
}

static minke_time_t deadline_of(const minke_byte_connection_t *c)
{
    if (!c->ended) return minke__upgrade_deadline(c->upgrade);
    if (!c->farewell_said) return c->hurry_at;
    return lingers(c) ? c->give_up_at : MINKE_TIME_NEVER;
}

/* The hard end, base/account.h: what could not be allocated may be missing anywhere. */
static void check_memory(minke_byte_endpoint_t *e, minke_byte_connection_t *c)
{
    if (c->account.refused_by == NULL || minke__upgrade_state(c->upgrade) == MINKE_UPGRADE_ENDED) return;
    minke_close_t reason = {.layer = MINKE_LAYER_HOST, .code = MINKE_ERROR_NO_MEMORY};
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    minke__write_text(&w, c->account.refused_by == &c->account ? "the connection has reached connection_memory_max"
                                                               : "the transport has reached memory_max");
    minke__write_terminator(&w);
    e->env->counters->memory_closed++;
    minke__upgrade_disconnected(c->upgrade, &reason);
}

/* After anything that may have changed a connection. */
static void touch(minke_byte_endpoint_t *e, minke_byte_connection_t *c, minke_time_t now)
{
    check_memory(e, c);
    const minke_upgrade_state_t state = minke__upgrade_state(c->upgrade);
    count_handshake(e, c, state);
    note_state(e, c, state, now);
    minke__heap_set(&e->timers, &c->timer, deadline_of(c));
    append_once(&e->to_send, &c->to_send);
    append_once(&e->to_tell, &c->to_tell);
}

/* Its own record has been charged to all, before there was an account. */
static void open_account(const minke_byte_endpoint_t *e, minke_byte_connection_t *c)
{
    c->account = (minke_account_t){.parent = e->env->account,
                                   .used = sizeof *c + MINKE_BLOCK_OVERHEAD,
                                   .max = e->options.memory_max,
                                   .refusals = &e->env->counters->memory_exhausted_connection};
    c->env = *e->env;
    c->env.account = &c->account;
}

static minke_byte_connection_t *new_connection(minke_byte_endpoint_t *e, bool inbound, const minke_peer_id_t *expected,
                                               minke_time_t now)
{
    minke_byte_connection_t *c = minke__alloc_zero(e->env, sizeof *c);
    if (c == NULL) return NULL;
    minke_upgrade_options_t options = e->options.upgrade;
    options.dialer = !inbound;
    options.expected = expected;
    open_account(e, c);
    c->inbound = inbound;
    c->started_at = now;
    c->id = minke__handles_add(&e->connections, c);
    if (c->id != 0 && minke__heap_reserve(&e->timers, e->connections.count) == MINKE_OK) {
        c->upgrade = minke__upgrade_new(&c->env, &options, &e->streams, c->id | MINKE_BYTES_ID, now);
    }
    if (c->upgrade != NULL) return c;
    minke__handles_remove(&e->connections, c->id);
    minke__free(e->env, c);
    return NULL;
}

int minke__bytes_admit(const minke_byte_endpoint_t *e, bool inbound)
{
    if (e->connections.count >= e->options.connections_max) {
        e->env->counters->connections_refused += inbound;
        return MINKE_ERROR_LIMIT;
    }
    if (inbound && e->handshakes >= e->options.handshakes_max) {
        e->env->counters->handshakes_refused++;
        return MINKE_ERROR_LIMIT;
    }
    return MINKE_OK;
}

int minke__bytes_add(minke_byte_endpoint_t *e, minke_carrier_t *carrier, bool inbound, const minke_peer_id_t *expected,
                     minke_time_t now, minke_connection_t *out)
{
    const int error = minke__bytes_admit(e, inbound);
    if (error < 0) return error;
    minke_byte_connection_t *c = new_connection(e, inbound, expected, now);
    if (c == NULL) return MINKE_ERROR_NO_MEMORY;
    c->carrier = carrier;
    minke__list_init(&c->siblings);
    minke__list_init(&c->to_send);
    minke__list_init(&c->to_tell);
    minke__list_append(&e->everyone, &c->siblings);
    touch(e, c, now);
    *out = c->id | MINKE_BYTES_ID;
    return MINKE_OK;
}

/* ---- bytes and time */

void minke__bytes_recv(minke_byte_endpoint_t *e, minke_connection_t id, uint8_t *data, size_t len, minke_time_t now)
{
    minke_byte_connection_t *c = find(e, id);
    if (c == NULL) return;
    c->bytes_received += len;
    minke__upgrade_recv(c->upgrade, data, len, now);
    touch(e, c, now);
}

bool minke__bytes_ready(minke_byte_endpoint_t *e, minke_connection_t *id)
{
    minke_list_t *node = minke__list_pop(&e->to_send);
    if (node == NULL) return false;
    *id = MINKE_CONTAINER(node, minke_byte_connection_t, to_send)->id | MINKE_BYTES_ID;
    return true;
}

size_t minke__bytes_transmit(minke_byte_endpoint_t *e, minke_connection_t id, uint8_t *out, size_t capacity,
                             minke_time_t now)
{
    minke_byte_connection_t *c = find(e, id);
    if (c == NULL) return 0;
    const size_t len = minke__upgrade_transmit(c->upgrade, out, capacity, now);
    c->bytes_sent += len;
    if (len == 0 && c->ended) c->farewell_said = true;
    append_once(&e->to_tell, &c->to_tell); /* streams may have room again */
    minke__heap_set(&e->timers, &c->timer, deadline_of(c));
    return len;
}

void minke__bytes_touch(minke_byte_endpoint_t *e, minke_connection_t id)
{
    minke_byte_connection_t *c = find(e, id);
    if (c != NULL) append_once(&e->to_send, &c->to_send);
}

void minke__bytes_disconnected(minke_byte_endpoint_t *e, minke_connection_t id, const minke_close_t *reason,
                               minke_time_t now)
{
    minke_byte_connection_t *c = find(e, id);
    if (c == NULL) return;
    minke__upgrade_disconnected(c->upgrade, reason);
    c->farewell_said = true;
    touch(e, c, now);
}

minke_time_t minke__bytes_deadline(const minke_byte_endpoint_t *e)
{
    const minke_heap_node_t *node = minke__heap_top(&e->timers);
    return node != NULL ? node->at : MINKE_TIME_NEVER;
}

/* Whoever reads on is waited for; whoever has not read anything for a while never will. */
static void wait_for_readers(minke_byte_connection_t *c, minke_time_t now)
{
    minke_yamux_t *yamux = minke__upgrade_yamux(c->upgrade);
    if (!lingers(c) || now < c->give_up_at) return;
    const size_t unread = minke__yamux_stats(yamux).unread;
    if (unread == c->lingering_unread) minke__yamux_abandon(yamux);
    c->lingering_unread = unread;
    c->give_up_at = now + READER_PATIENCE;
}

void minke__bytes_tick(minke_byte_endpoint_t *e, minke_time_t now)
{
    size_t turns = e->timers.count;
    for (minke_heap_node_t *node; (node = minke__heap_top(&e->timers)) != NULL && node->at <= now && turns > 0;
         turns--) {
        minke_byte_connection_t *c = MINKE_CONTAINER(node, minke_byte_connection_t, timer);
        if (c->ended) {
            if (now >= c->hurry_at) c->farewell_said = true;
            wait_for_readers(c, now);
        } else minke__upgrade_tick(c->upgrade, now);
        touch(e, c, now);
    }
}

/* ---- events */

static bool stream_event(minke_byte_connection_t *c, minke_transport_event_t *event)
{
    static const minke_transport_event_type_t types[] = {
        [MINKE_YAMUX_STREAM_OPENED] = MINKE_TRANSPORT_STREAM_OPENED,
        [MINKE_YAMUX_STREAM_READABLE] = MINKE_TRANSPORT_STREAM_READABLE,
        [MINKE_YAMUX_STREAM_WRITABLE] = MINKE_TRANSPORT_STREAM_WRITABLE,
        [MINKE_YAMUX_STREAM_CLOSED] = MINKE_TRANSPORT_STREAM_CLOSED};
    minke_yamux_event_t from;
    minke_yamux_t *yamux = minke__upgrade_yamux(c->upgrade);
    if (yamux == NULL || !minke__yamux_event(yamux, &from)) return false;
    *event = (minke_transport_event_t){.type = types[from.type],
                                       .connection = c->id | MINKE_BYTES_ID,
                                       .stream = minke__yamux_stream_id(from.stream) | MINKE_BYTES_ID,
                                       .error = from.error};
    return true;
}

static bool connection_event(minke_byte_endpoint_t *e, minke_byte_connection_t *c, minke_transport_event_t *event)
{
    *event = (minke_transport_event_t){.connection = c->id | MINKE_BYTES_ID, .inbound = c->inbound};
    if (c->was_open && !c->connected_told) {
        c->connected_told = true;
        event->type = MINKE_TRANSPORT_CONNECTED;
        return true;
    }
    if (stream_event(c, event)) return true;
    if (!c->ended || !c->farewell_said || lingers(c)) return false;
    event->type = MINKE_TRANSPORT_CLOSED;
    event->close = *minke__upgrade_close_reason(c->upgrade);
    e->told = c;
    return true;
}

bool minke__bytes_event(minke_byte_endpoint_t *e, minke_transport_event_t *event)
{
    if (e->told != NULL) remove_connection(e, e->told);
    while (!minke__list_empty(&e->to_tell)) {
        minke_byte_connection_t *c = MINKE_CONTAINER(e->to_tell.next, minke_byte_connection_t, to_tell);
        if (connection_event(e, c, event)) return true;
        minke__list_remove(&c->to_tell);
    }
    return false;
}

/* ---- calls by id */

int minke__bytes_close(minke_byte_endpoint_t *e, minke_connection_t id, minke_time_t now)
{
    minke_byte_connection_t *c = find(e, id);
    if (c == NULL || e->told == c) return MINKE_ERROR_STALE;
    minke__upgrade_close(c->upgrade, now);
    /* Who closes a connection has no more use for what came on it. */
    if (minke__upgrade_yamux(c->upgrade) != NULL) minke__yamux_abandon(minke__upgrade_yamux(c->upgrade));
    touch(e, c, now);
    return MINKE_OK;
}

const minke_peer_id_t *minke__bytes_peer(const minke_byte_endpoint_t *e, minke_connection_t id)
{
    const minke_byte_connection_t *c = find(e, id);
    return c != NULL && c->was_open ? minke__upgrade_peer(c->upgrade) : NULL;
}

const uint8_t *minke__bytes_peer_key(const minke_byte_endpoint_t *e, minke_connection_t id, size_t *len)
{
    const minke_byte_connection_t *c = find(e, id);
    return c != NULL && c->was_open ? minke__upgrade_peer_key(c->upgrade, len) : NULL;
}

minke_carrier_t *minke__bytes_carrier(const minke_byte_endpoint_t *e, minke_connection_t id)
{
    const minke_byte_connection_t *c = find(e, id);
    return c != NULL ? c->carrier : NULL;
}

minke_carrier_t *minke__bytes_take_carrier(minke_byte_endpoint_t *e, minke_connection_t id)
{
    minke_byte_connection_t *c = find(e, id);
    minke_carrier_t *carrier = minke__bytes_carrier(e, id);
    if (c != NULL) c->carrier = NULL;
    return carrier;
}

const minke_env_t *minke__bytes_env(const minke_byte_endpoint_t *e, minke_connection_t id)
{
    const minke_byte_connection_t *c = find(e, id);
    return c != NULL ? &c->env : NULL;
}

bool minke__bytes_inbound(const minke_byte_endpoint_t *e, minke_connection_t id)
{
    const minke_byte_connection_t *c = find(e, id);
    return c != NULL && c->inbound;
}

size_t minke__bytes_count(const minke_byte_endpoint_t *e) { return e->connections.count; }

minke_connection_t minke__bytes_after(const minke_byte_endpoint_t *e, minke_connection_t id)
{
    const minke_byte_connection_t *c = find(e, id);
    if (c == NULL && id != 0) return 0;
    const minke_list_t *next = c != NULL ? c->siblings.next : e->everyone.next;
    if (next == &e->everyone) return 0;
    return MINKE_CONTAINER(next, minke_byte_connection_t, siblings)->id | MINKE_BYTES_ID;
}

bool minke__bytes_stats(const minke_byte_endpoint_t *e, minke_connection_t id, minke_connection_stats_t *stats)
{
    const minke_byte_connection_t *c = find(e, id);
    if (c == NULL || c->carrier == NULL) return false;
    *stats = (minke_connection_stats_t){.inbound = c->inbound,
                                        .layer = c->was_open ? MINKE_LAYER_HOST : MINKE_LAYER_NOISE,
                                        .last_step = c->was_open ? MINKE_LAYER_NOISE : MINKE_LAYER_NONE,
                                        .path = {.remote = c->carrier->remote},
                                        .started_at = c->started_at,
                                        .noise_at = c->noise_at,
                                        .bytes_sent = c->bytes_sent,
                                        .bytes_received = c->bytes_received,
                                        .memory = c->account.used};
    if (c->ended) stats->layer = MINKE_LAYER_NONE;
    if (minke__upgrade_yamux(c->upgrade) == NULL) return true;
    const minke_yamux_stats_t yamux = minke__yamux_stats(minke__upgrade_yamux(c->upgrade));
    stats->smoothed_rtt = yamux.rtt;
    stats->streams = yamux.inbound + yamux.outbound;
    stats->unread = yamux.unread;
    stats->unsent = yamux.unsent;
    return true;
}

bool minke__bytes_is_busy(const minke_byte_endpoint_t *e)
{
    return e->told != NULL || !minke__list_empty(&e->to_send) || !minke__list_empty(&e->to_tell);
}

void minke__bytes_set_user(minke_byte_endpoint_t *e, minke_connection_t id, void *user)
{
    minke_byte_connection_t *c = find(e, id);
    if (c != NULL) c->user = user;
}

void *minke__bytes_user(const minke_byte_endpoint_t *e, minke_connection_t id)
{
    const minke_byte_connection_t *c = find(e, id);
    return c != NULL ? c->user : NULL;
}

static minke_yamux_stream_t *find_stream(const minke_byte_endpoint_t *e, minke_stream_t id)
{
    return minke__handles_get(&e->streams, id & ~MINKE_BYTES_ID);
}

void minke__bytes_stream_set_user(minke_byte_endpoint_t *e, minke_stream_t id, void *user)
{
    minke_yamux_stream_t *stream = find_stream(e, id);
    if (stream != NULL) minke__yamux_stream_set_user(stream, user);
}

void *minke__bytes_stream_user(const minke_byte_endpoint_t *e, minke_stream_t id)
{
    const minke_yamux_stream_t *stream = find_stream(e, id);
    return stream != NULL ? minke__yamux_stream_user(stream) : NULL;
}

int minke__bytes_open(minke_byte_endpoint_t *e, minke_connection_t id, minke_time_t now, minke_stream_t *out)
{
    minke_byte_connection_t *c = find(e, id);
    minke_yamux_stream_t *stream;
    if (c == NULL) return MINKE_ERROR_STALE;
    if (!c->was_open) return MINKE_ERROR_STATE;
    const int error = minke__yamux_open(minke__upgrade_yamux(c->upgrade), &stream);
    if (error < 0) return error;
    *out = minke__yamux_stream_id(stream) | MINKE_BYTES_ID;
    touch(e, c, now);
    return MINKE_OK;
}

/* A stream was changed by the application: its connection may have something to send or to tell. */
static void touch_stream(minke_byte_endpoint_t *e, const minke_yamux_stream_t *stream, minke_time_t now)
{
    touch(e, find(e, minke__yamux_stream_connection(stream)), now);
}

ssize_t minke__bytes_write(minke_byte_endpoint_t *e, minke_stream_t id, const void *data, size_t len, minke_time_t now)
{
    minke_yamux_stream_t *stream = find_stream(e, id);
    if (stream == NULL) return MINKE_ERROR_STALE;
    const ssize_t taken = minke__yamux_write(stream, data, len);
    touch_stream(e, stream, now);
    return taken;
}

ssize_t minke__bytes_peek(minke_byte_endpoint_t *e, minke_stream_t id, const uint8_t **data)
{
    minke_yamux_stream_t *stream = find_stream(e, id);
    return stream != NULL ? minke__yamux_peek(stream, data) : MINKE_ERROR_STALE;
}

int minke__bytes_consume(minke_byte_endpoint_t *e, minke_stream_t id, size_t len, minke_time_t now)
{
    minke_yamux_stream_t *stream = find_stream(e, id);
    if (stream == NULL) return MINKE_ERROR_STALE;
    const int error = minke__yamux_consume(stream, len);
    touch_stream(e, stream, now);
    return error;
}

int minke__bytes_finish(minke_byte_endpoint_t *e, minke_stream_t id, minke_time_t now)
{
    minke_yamux_stream_t *stream = find_stream(e, id);
    if (stream == NULL) return MINKE_ERROR_STALE;
    const int error = minke__yamux_finish(stream);
    touch_stream(e, stream, now);
    return error;
}

int minke__bytes_reset(minke_byte_endpoint_t *e, minke_stream_t id, minke_time_t now)
{
    minke_yamux_stream_t *stream = find_stream(e, id);
    if (stream == NULL) return MINKE_ERROR_STALE;
    const int error = minke__yamux_reset(stream);
    touch_stream(e, stream, now);
    return error;
}

int minke__bytes_stop(minke_byte_endpoint_t *e, minke_stream_t id, minke_time_t now)
{
    minke_yamux_stream_t *stream = find_stream(e, id);
    if (stream == NULL) return MINKE_ERROR_STALE;
    const int error = minke__yamux_stop(stream);
    touch_stream(e, stream, now);
    return error;
}

size_t minke__bytes_writable(const minke_byte_endpoint_t *e, minke_stream_t id)
{
    const minke_yamux_stream_t *stream = find_stream(e, id);
    return stream != NULL ? minke__yamux_writable(stream) : 0;
}
