/*
 * The streams of a node: multistream-select on each, early data, and what the application does with them.
 */
#include <string.h>

#include "host/link.h"

/* A stream must be negotiated, and an identify done, within this: js waits as long. */
enum { STREAM_LIMIT = 10 * 1000000 };

/* What an application may write before the remote has agreed to the protocol: on a stream as much as it buffers by
 * default, on all of a connection as much as those may hold unsent. */
enum { EARLY_MAX = 256 * 1024, EARLY_TOTAL_MAX = 4 << 20 };

/* ---- making and freeing ---- */

minke_node_stream_t *minke__node_stream(const minke_node_t *node, minke_stream_t id)
{
    return minke__link_stream_user(node, id);
}

void minke__node_limit_time(minke_node_t *node, minke_node_stream_t *s)
{
    s->give_up_at = node->now + STREAM_LIMIT;
    minke__list_remove(&s->waiting);
    minke__list_append(&node->waiting, &s->waiting);
}

static minke_node_stream_t *new_stream(minke_node_t *node, minke_node_connection_t *c, minke_stream_t id, bool inbound)
{
    const minke_env_t *env = minke__node_env(node, c);
    minke_node_stream_t *s = minke__alloc_zero(env, sizeof *s);
    minke_multistream_t *negotiation = minke__alloc(env, sizeof *negotiation);
    if (s == NULL || negotiation == NULL) {
        minke__free(&node->env, s);
        minke__free(&node->env, negotiation);
        (void)minke__link_reset(node, id, 0);
        return NULL;
    }
    s->id = id;
    s->connection = c;
    s->inbound = inbound;
    s->negotiation = negotiation;
    minke__list_init(&s->siblings);
    minke__list_init(&s->waiting);
    minke__list_init(&s->to_tell);
    minke__list_append(&c->streams, &s->siblings);
    minke__link_stream_set_user(node, id, s);
    minke__node_limit_time(node, s);
    return s;
}

void minke__node_stream_free(minke_node_t *node, minke_node_stream_t *s)
{
    minke__link_stream_set_user(node, s->id, NULL);
    if (s->service != NULL && s->service->done != NULL) s->service->done(node, s);
    minke__list_remove(&s->siblings);
    minke__list_remove(&s->waiting);
    minke__list_remove(&s->to_tell);
    minke__byte_queue_free(&s->negotiation_out, &node->env);
    s->connection->early -= s->early.len;
    minke__byte_queue_free(&s->early, &node->env);
    minke__free(&node->env, s->negotiation);
    minke__free(&node->env, s);
}

static void flush_negotiation(minke_node_t *node, minke_node_stream_t *s)
{
    (void)minke__link_flush(node, s->id, &s->negotiation_out);
}

bool minke__node_stream_waits(const minke_node_t *node, const minke_node_stream_t *s)
{
    if (s->negotiation_out.len > 0) return true;
    return s->negotiation != NULL && !minke__link_is_eager(node, s->connection->below);
}

static void flush_early(minke_node_t *node, minke_node_stream_t *s)
{
    const uint8_t *data;
    if (s->negotiation != NULL || s->negotiation_out.len > 0) return;
    for (size_t n; (n = minke__byte_queue_peek(&s->early, &data)) > 0;) {
        const ssize_t taken = minke__link_write(node, s->id, data, n);
        if (taken == MINKE_ERROR_AGAIN || taken == MINKE_ERROR_NO_MEMORY) return;
        if (taken > 0) n = (size_t)taken;
        minke__byte_queue_consume(&s->early, &node->env, n);
        s->connection->early -= n;
    }
    if (s->finish_early) (void)minke__link_finish(node, s->id);
    s->finish_early = false;
}

static void queue_negotiation(minke_node_t *node, minke_node_stream_t *s, const minke_writer_t *out)
{
    if (minke__byte_queue_append(&s->negotiation_out, minke__node_env(node, s->connection), out->data, out->len) < 0) {
        (void)minke__link_reset(node, s->id, 0);
        return;
    }
    flush_negotiation(node, s);
}

int minke__node_open_stream(minke_node_t *node, minke_node_connection_t *c, const char *protocol,
                            const minke_service_t *service, minke_node_stream_t **out)
{
    uint8_t space[64 + MINKE_PROTOCOL_MAX];
    minke_writer_t w = minke__writer(space, sizeof space);
    minke_stream_t id;
    const int error = minke__link_open(node, c->below, &id);
    if (error < 0) return error;
    minke_node_stream_t *s = new_stream(node, c, id, false);
    if (s == NULL) return MINKE_ERROR_NO_MEMORY;
    memcpy(s->protocol, protocol, strlen(protocol) + 1);
    s->proposals[0] = s->protocol;
    s->service = service;
    minke__multistream_initiate(s->negotiation, s->proposals, 1);
    minke__multistream_start(s->negotiation, &w);
    queue_negotiation(node, s, &w);
    *out = s;
    return MINKE_OK;
}

int minke__node_open(minke_node_t *node, minke_connection_t connection, const char *protocol, minke_time_t now,
                     minke_stream_t *stream)
{
    node->now = now;
    minke_node_connection_t *c = minke__node_connection(node, connection);
    minke_node_stream_t *s;
    const size_t len = strlen(protocol);
    if (c == NULL) return minke__node_is_dialling(node, connection) ? MINKE_ERROR_STATE : MINKE_ERROR_STALE;
    if (len == 0 || len > MINKE_PROTOCOL_MAX) return MINKE_ERROR_INVALID;
    if (c->limited && !minke__node_may_be_limited(node, protocol, len)) return MINKE_ERROR_LIMITED;
    const int error = minke__node_open_stream(node, c, protocol, NULL, &s);
    if (error == MINKE_OK) *stream = s->id;
    return error;
}

/* ---- negotiation ---- */

/* What multistream's look-up knows: it is asked about the stream that is being negotiated. */
typedef struct lookup_context {
    const minke_node_t *node;
    minke_node_stream_t *stream;
} lookup_context_t;

enum { APPLICATION_PROTOCOL = 1000 }; /* an index that no service has */

static int find_protocol(const minke_node_t *node, bool limited, const char *name, size_t len)
{
    const int index = minke__node_service_index(node, name, len);
    if (index >= 0) return !limited || minke__node_service(node, (size_t)index)->on_limited ? index : -1;
    if (!minke__node_has_text(&node->protocols, name, len)) return -1;
    return !limited || minke__node_has_text(&node->limited, name, len) ? APPLICATION_PROTOCOL : -1;
}

static int lookup(void *user, const char *name, size_t len)
{
    const lookup_context_t *context = user;
    const int index = find_protocol(context->node, context->stream->connection->limited, name, len);
    if (index < 0) {
        context->stream->refused = true;
        return index;
    }
    memcpy(context->stream->protocol, name, len);
    context->stream->protocol[len] = 0;
    return index;
}

static void tell(minke_node_t *node, minke_node_stream_t *s)
{
    if (!minke__list_linked(&s->to_tell)) minke__list_append(&node->to_tell, &s->to_tell);
}

static void selected(minke_node_t *node, minke_node_stream_t *s)
{
    if (s->inbound) {
        const int index = minke__multistream_protocol(s->negotiation);
        s->service = index != APPLICATION_PROTOCOL ? minke__node_service(node, (size_t)index) : NULL;
    }
    minke__trace(&node->env, node->now, s->connection->below, MINKE_TRACE_HOST_PROTOCOL_SELECTED, s->protocol, s->id);
    minke__free(&node->env, s->negotiation);
    s->negotiation = NULL;
    s->negotiated = true;
    if (s->service == NULL || !s->service->short_lived) minke__list_remove(&s->waiting);
    if (s->service != NULL) return;
    s->tell_opened = s->tell_readable = true;
    tell(node, s);
}

/* The remote has nothing more to say. Who asked must still be able to read our last `na`, which a reset would undo. */
static void end_negotiation(minke_node_t *node, minke_node_stream_t *s)
{
    if (s->inbound) (void)minke__link_finish(node, s->id);
    else (void)minke__link_reset(node, s->id, 0);
}

/* What does not parse after a `na` is the data of somebody who did not wait for our answer, and who must read it. */
static void abandon_negotiation(minke_node_t *node, minke_node_stream_t *s)
{
    if (!s->inbound || !s->refused) {
        (void)minke__link_reset(node, s->id, 0);
        return;
    }
    (void)minke__link_stop(node, s->id, 0);
    (void)minke__link_finish(node, s->id);
}

/* One run of input through the negotiation. False: it needs more, or is over. */
static bool negotiate_some(minke_node_t *node, minke_node_stream_t *s)
{
    enum { PIECE_MAX = 1024 };
    uint8_t space[4096];
    minke_writer_t out = minke__writer(space, sizeof space);
    const uint8_t *data;
    size_t taken = 0;
    ssize_t n = minke__link_peek(node, s->id, &data);
    if (n == 0) end_negotiation(node, s);
    if (n <= 0) return false;
    if (n > PIECE_MAX) n = PIECE_MAX;
    lookup_context_t context = {node, s};
    const minke_multistream_result_t result =
        minke__multistream_recv(s->negotiation, data, (size_t)n, &taken, &out, lookup, &context);
    (void)minke__link_consume(node, s->id, taken);
    queue_negotiation(node, s, &out);
    switch (result) {
    case MINKE_MULTISTREAM_MORE: return true;
    case MINKE_MULTISTREAM_SELECTED: selected(node, s); return false;
    case MINKE_MULTISTREAM_REFUSED:
        s->refused = true;
        minke__trace(&node->env, node->now, s->connection->below, MINKE_TRACE_HOST_PROTOCOL_REFUSED, s->protocol,
                     s->id);
        break;
    case MINKE_MULTISTREAM_FAILED: break;
    }
    abandon_negotiation(node, s);
    return false;
}

/* ---- events ---- */

void minke__node_stream_opened(minke_node_t *node, const minke_transport_event_t *from)
{
    minke_node_connection_t *c = minke__node_connection_below(node, from->connection);
    minke_node_stream_t *s = c != NULL ? new_stream(node, c, from->stream, true) : NULL;
    if (s != NULL) minke__multistream_respond(s->negotiation);
}

bool minke__node_stream_changed(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event)
{
    minke_node_stream_t *s = minke__node_stream(node, from->stream);
    if (s == NULL) return false;
    flush_negotiation(node, s);
    while (s->negotiation != NULL && negotiate_some(node, s)) continue;
    if (s->negotiation != NULL) return false;
    if (s->service != NULL) {
        s->service->run(node, s);
        return false;
    }
    flush_early(node, s);
    if (s->tell_opened) return false; /* its own event comes first, and says READABLE too */
    *event = (minke_event_t){.type = from->type == MINKE_TRANSPORT_STREAM_READABLE ? MINKE_EVENT_STREAM_READABLE
                                                                                   : MINKE_EVENT_STREAM_WRITABLE,
                             .connection = s->connection->id,
                             .stream = from->stream,
                             .user = s->user};
    return true;
}

bool minke__node_stream_closed(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event)
{
    minke_node_stream_t *s = minke__node_stream(node, from->stream);
    if (s == NULL) return false;
    /* The application hears of a stream that it opened or was told of, and of no other. */
    const bool known = s->service == NULL && (!s->inbound || (s->negotiated && !s->tell_opened));
    *event = (minke_event_t){.type = MINKE_EVENT_STREAM_CLOSED,
                             .connection = s->connection->id,
                             .stream = from->stream,
                             .error = s->refused ? MINKE_ERROR_UNSUPPORTED : from->error,
                             .error_code = from->error_code,
                             .user = s->user};
    minke__node_stream_free(node, s);
    return known;
}

bool minke__node_stream_event(minke_node_t *node, minke_event_t *event)
{
    if (minke__list_empty(&node->to_tell)) return false;
    minke_node_stream_t *s = MINKE_CONTAINER(node->to_tell.next, minke_node_stream_t, to_tell);
    *event = (minke_event_t){
        .type = MINKE_EVENT_STREAM_READABLE, .connection = s->connection->id, .stream = s->id, .user = s->user};
    if (s->tell_opened) {
        s->tell_opened = false;
        memcpy(node->event_protocol, s->protocol, sizeof s->protocol);
        event->type = MINKE_EVENT_STREAM_OPENED;
        event->protocol = node->event_protocol;
        event->inbound = s->inbound;
        return true;
    }
    s->tell_readable = false;
    minke__list_remove(&s->to_tell);
    return true;
}

/* ---- the application's streams ---- */

static bool is_application(const minke_node_stream_t *s) { return s != NULL && s->service == NULL; }

static ssize_t write_early(minke_node_t *node, minke_node_stream_t *s, const void *data, size_t len)
{
    if (s->finish_early) return MINKE_ERROR_STREAM_FINISHED;
    const minke_env_t *env = minke__node_env(node, s->connection);
    size_t room = minke__account_room(env->account); /* as a write to the stream itself: wait, do not run out */
    if (room > EARLY_MAX - s->early.len) room = EARLY_MAX - s->early.len;
    if (room > EARLY_TOTAL_MAX - s->connection->early) room = EARLY_TOTAL_MAX - s->connection->early;
    const size_t taken = len < room ? len : room;
    if (taken == 0) return len == 0 ? 0 : MINKE_ERROR_AGAIN;
    if (minke__byte_queue_append(&s->early, env, data, taken) < 0) return MINKE_ERROR_NO_MEMORY;
    s->connection->early += taken;
    return (ssize_t)taken;
}

ssize_t minke__node_write(minke_node_t *node, minke_stream_t stream, const void *data, size_t len, minke_time_t now)
{
    minke_node_stream_t *s = minke__node_stream(node, stream);
    if (!is_application(s)) return MINKE_ERROR_STALE;
    if (minke__node_stream_waits(node, s) || s->early.len > 0 || s->finish_early)
        return write_early(node, s, data, len);
    node->now = now;
    return minke__link_write(node, stream, data, len);
}

/*
 * Over bytes our end waits for the remote's agreement, though data does not: js (libp2p 3.3) resets a stream when what
 * follows the proposal and its end are there before it has looked.
 */
static bool may_finish(const minke_node_t *node, const minke_node_stream_t *s)
{
    if (minke__node_stream_waits(node, s) || s->early.len > 0) return false;
    return s->negotiation == NULL || !minke__is_bytes_id(s->id);
}

int minke__node_finish(minke_node_t *node, minke_stream_t stream, minke_time_t now)
{
    node->now = now;
    minke_node_stream_t *s = minke__node_stream(node, stream);
    if (!is_application(s)) return MINKE_ERROR_STALE;
    if (s->finish_early) return MINKE_OK;
    if (may_finish(node, s)) return minke__link_finish(node, stream);
    s->finish_early = true;
    return MINKE_OK;
}

ssize_t minke__node_peek(minke_node_t *node, minke_stream_t stream, const uint8_t **data)
{
    const minke_node_stream_t *s = minke__node_stream(node, stream);
    if (!is_application(s)) return MINKE_ERROR_STALE;
    if (s->negotiation != NULL) return MINKE_ERROR_AGAIN;
    return minke__link_peek(node, stream, data);
}

int minke__node_consume(minke_node_t *node, minke_stream_t stream, size_t len, minke_time_t now)
{
    const minke_node_stream_t *s = minke__node_stream(node, stream);
    if (!is_application(s)) return MINKE_ERROR_STALE;
    if (s->negotiation != NULL) return MINKE_ERROR_INVALID;
    node->now = now;
    return minke__link_consume(node, stream, len);
}

void **minke__node_stream_user(const minke_node_t *node, minke_stream_t stream)
{
    minke_node_stream_t *s = minke__node_stream(node, stream);
    return is_application(s) ? &s->user : NULL;
}

int minke__node_reset(minke_node_t *node, minke_stream_t stream, uint32_t code, minke_time_t now)
{
    node->now = now;
    return is_application(minke__node_stream(node, stream)) ? minke__link_reset(node, stream, code) : MINKE_ERROR_STALE;
}

int minke__node_stop(minke_node_t *node, minke_stream_t stream, uint32_t code, minke_time_t now)
{
    node->now = now;
    return is_application(minke__node_stream(node, stream)) ? minke__link_stop(node, stream, code) : MINKE_ERROR_STALE;
}
