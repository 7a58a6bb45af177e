#include "host/node.h"

#include <string.h>

#include "webrtc/endpoint.h"

/* A stream must be negotiated, and an identify done, within this: js waits as long. */
enum { STREAM_LIMIT = 10 * 1000000 };

/* What an application may write before the remote has agreed to the protocol: on a stream as much as it buffers by
 * default, on all of a connection as much as those may hold unsent. */
enum { EARLY_MAX = 256 * 1024, EARLY_TOTAL_MAX = 4 << 20 };

static const minke_service_t *const services[] = {&minke__service_identify, &minke__service_push, &minke__service_ping,
                                                  &minke__service_perf};

const minke_service_t *minke__node_service(const minke_node_t *node, size_t index)
{
    const size_t n = sizeof services / sizeof services[0];
    return index < (node->serve_perf ? n : n - 1) ? services[index] : NULL;
}

/* ---- making and freeing ---- */

int minke__node_new(const minke_host_options_t *options, minke_time_t now, minke_node_t **out)
{
    if (strlen(options->agent) > 128) return MINKE_ERROR_INVALID;
    minke_transport_t *transport;
    const int error = minke_transport_new(&options->transport, &transport);
    if (error < 0) return error;
    minke_node_t *node = minke__alloc_zero(&transport->env, sizeof *node);
    if (node == NULL) {
        minke_transport_free(transport);
        return MINKE_ERROR_NO_MEMORY;
    }
    node->env = transport->env;
    node->transport = transport;
    node->now = now;
    node->serve_perf = options->serve_perf;
    node->identify = options->identify;
    memcpy(node->agent, options->agent, strlen(options->agent));
    minke_list_t *lists[] = {&node->connections, &node->protocols, &node->addresses, &node->waiting, &node->to_tell};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) minke__list_init(lists[i]);
    *out = node;
    return MINKE_OK;
}

static void free_stream(minke_node_t *node, minke_node_stream_t *s)
{
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

static void free_connection(minke_node_t *node, minke_node_connection_t *c)
{
    while (!minke__list_empty(&c->streams)) {
        free_stream(node, MINKE_CONTAINER(c->streams.next, minke_node_stream_t, siblings));
    }
    minke__list_remove(&c->siblings);
    if (node->identified == c->id) node->identified = 0;
    minke__free(&node->env, c->identify);
    minke__free(&node->env, c);
}

static void free_texts(minke_node_t *node, minke_list_t *list)
{
    for (minke_list_t *item; (item = minke__list_pop(list)) != NULL;) {
        minke__free(&node->env, MINKE_CONTAINER(item, minke_node_text_t, siblings));
    }
}

void minke__node_free(minke_node_t *node)
{
    if (node == NULL) return;
    while (!minke__list_empty(&node->connections)) {
        free_connection(node, MINKE_CONTAINER(node->connections.next, minke_node_connection_t, siblings));
    }
    free_texts(node, &node->protocols);
    free_texts(node, &node->addresses);
    minke__free(&node->env, node->texts);
    minke_transport_t *transport = node->transport;
    const minke_env_t env = node->env;
    minke__free(&env, node);
    minke_transport_free(transport);
}

void minke__node_close_all(minke_node_t *node, minke_time_t now)
{
    for (minke_list_t *item = node->connections.next; item != &node->connections; item = item->next) {
        const minke_node_connection_t *c = MINKE_CONTAINER(item, minke_node_connection_t, siblings);
        (void)minke_transport_close(node->transport, c->id, "the host is shutting down", now);
    }
}

/* ---- protocols and addresses ---- */

static bool has_text(const minke_list_t *list, const char *text, size_t len)
{
    for (const minke_list_t *item = list->next; item != list; item = item->next) {
        const minke_node_text_t *known = MINKE_CONTAINER(item, minke_node_text_t, siblings);
        if (known->len == len && memcmp(known->text, text, len) == 0) return true;
    }
    return false;
}

static int add_text(minke_node_t *node, minke_list_t *list, const char *text)
{
    const size_t len = strlen(text);
    minke_node_text_t *item = minke__alloc(&node->env, sizeof *item + len + 1);
    if (item == NULL) return MINKE_ERROR_NO_MEMORY;
    item->len = len;
    memcpy(item->text, text, len + 1);
    minke__list_init(&item->siblings);
    minke__list_append(list, &item->siblings);
    return MINKE_OK;
}

static int service_index(const minke_node_t *node, const char *name, size_t len)
{
    const minke_service_t *service;
    for (size_t i = 0; (service = minke__node_service(node, i)) != NULL; i++) {
        if (strlen(service->protocol) == len && memcmp(service->protocol, name, len) == 0) return (int)i;
    }
    return -1;
}

/* Tells every peer that listens to pushes what has changed about us (spec/host.md 8). */
static void push_to_all(minke_node_t *node)
{
    for (minke_list_t *item = node->connections.next; item != &node->connections; item = item->next) {
        minke_node_connection_t *c = MINKE_CONTAINER(item, minke_node_connection_t, siblings);
        if (c->speaks_push) (void)minke__node_start_service(node, c, &minke__service_push_send);
    }
}

int minke__node_handle(minke_node_t *node, const char *protocol)
{
    const size_t len = strlen(protocol);
    if (len == 0 || len > MINKE_PROTOCOL_MAX) return MINKE_ERROR_INVALID;
    if (service_index(node, protocol, len) >= 0 || has_text(&node->protocols, protocol, len)) {
        return MINKE_ERROR_EXISTS;
    }
    const int error = add_text(node, &node->protocols, protocol);
    if (error == MINKE_OK) push_to_all(node);
    return error;
}

int minke__node_listening(minke_node_t *node, const char *address, minke_time_t now)
{
    node->now = now;
    if (has_text(&node->addresses, address, strlen(address))) return MINKE_OK;
    const int error = add_text(node, &node->addresses, address);
    if (error == MINKE_OK) push_to_all(node);
    return error;
}

/* ---- streams ---- */

minke_node_connection_t *minke__node_connection(const minke_node_t *node, minke_connection_t id)
{
    const minke_connection_state_t *c = minke__endpoint_connection(node->transport, id);
    return c != NULL ? c->user : NULL;
}

const minke_env_t *minke__node_env(const minke_node_t *node, const minke_node_connection_t *c)
{
    const minke_connection_state_t *below = minke__endpoint_connection(node->transport, c->id);
    return below != NULL ? below->env : &node->env;
}

static minke_node_stream_t *stream_of(const minke_node_t *node, minke_stream_t id)
{
    minke_mux_stream_t *stream = minke__handles_get(&node->transport->streams, id);
    return stream != NULL ? minke__mux_stream_user(stream) : NULL;
}

void minke__node_limit_time(minke_node_t *node, minke_node_stream_t *s)
{
    s->give_up_at = node->now + STREAM_LIMIT;
    minke__list_remove(&s->waiting);
    minke__list_append(&node->waiting, &s->waiting);
}

static minke_node_stream_t *new_stream(minke_node_t *node, minke_node_connection_t *c, minke_stream_t id, bool inbound)
{
    minke_mux_stream_t *below = minke__handles_get(&node->transport->streams, id);
    const minke_env_t *env = minke__node_env(node, c);
    minke_node_stream_t *s = minke__alloc_zero(env, sizeof *s);
    minke_multistream_t *negotiation = minke__alloc(env, sizeof *negotiation);
    if (below == NULL || s == NULL || negotiation == NULL) {
        minke__free(&node->env, s);
        minke__free(&node->env, negotiation);
        (void)minke_transport_reset(node->transport, id, 0, node->now);
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
    minke__mux_stream_set_user(below, s);
    minke__node_limit_time(node, s);
    return s;
}

static void forget_stream(minke_node_t *node, minke_node_stream_t *s)
{
    minke_mux_stream_t *below = minke__handles_get(&node->transport->streams, s->id);
    if (below != NULL) minke__mux_stream_set_user(below, NULL);
    free_stream(node, s);
}

static void flush_negotiation(minke_node_t *node, minke_node_stream_t *s)
{
    const uint8_t *data;
    for (size_t n; (n = minke__byte_queue_peek(&s->negotiation_out, &data)) > 0;) {
        const ssize_t taken = minke_transport_write(node->transport, s->id, data, n, node->now);
        if (taken <= 0) return; /* the rest when the stream is writable again */
        minke__byte_queue_consume(&s->negotiation_out, &node->env, (size_t)taken);
    }
}

/*
 * Between two of us data follows the proposal at once. To others nothing does before the answer is here: libdatachannel
 * (0.24.5) hands a new channel's messages to its user from two threads while that one sets its callback, and of several
 * that come in that moment one can be overtaken.
 */
static bool must_wait(const minke_node_t *node, const minke_node_stream_t *s)
{
    if (s->negotiation_out.len > 0) return true;
    if (s->negotiation == NULL) return false;
    const minke_connection_state_t *below = minke__endpoint_connection(node->transport, s->connection->id);
    return below == NULL || below->sctp == NULL || !minke__sctp_is_with_minke(below->sctp);
}

static void flush_early(minke_node_t *node, minke_node_stream_t *s)
{
    const uint8_t *data;
    if (s->negotiation != NULL || s->negotiation_out.len > 0) return;
    for (size_t n; (n = minke__byte_queue_peek(&s->early, &data)) > 0;) {
        const ssize_t taken = minke_transport_write(node->transport, s->id, data, n, node->now);
        if (taken == MINKE_ERROR_AGAIN || taken == MINKE_ERROR_NO_MEMORY) return;
        if (taken > 0) n = (size_t)taken;
        minke__byte_queue_consume(&s->early, &node->env, n);
        s->connection->early -= n;
    }
    if (s->finish_early) (void)minke_transport_finish(node->transport, s->id, node->now);
    s->finish_early = false;
}

static void queue_negotiation(minke_node_t *node, minke_node_stream_t *s, const minke_writer_t *out)
{
    if (minke__byte_queue_append(&s->negotiation_out, minke__node_env(node, s->connection), out->data, out->len) < 0) {
        (void)minke_transport_reset(node->transport, s->id, 0, node->now);
        return;
    }
    flush_negotiation(node, s);
}

static int open_stream(minke_node_t *node, minke_node_connection_t *c, const char *protocol,
                       const minke_service_t *service, minke_stream_t *id)
{
    uint8_t space[64 + MINKE_PROTOCOL_MAX];
    minke_writer_t out = minke__writer(space, sizeof space);
    if (strlen(protocol) > MINKE_PROTOCOL_MAX) return MINKE_ERROR_INVALID;
    const int error = minke_transport_open(node->transport, c->id, node->now, id);
    if (error < 0) return error;
    minke_node_stream_t *s = new_stream(node, c, *id, false);
    if (s == NULL) return MINKE_ERROR_NO_MEMORY;
    memcpy(s->protocol, protocol, strlen(protocol) + 1);
    s->proposals[0] = s->protocol;
    s->service = service;
    minke__multistream_initiate(s->negotiation, s->proposals, 1);
    minke__multistream_start(s->negotiation, &out);
    queue_negotiation(node, s, &out);
    return MINKE_OK;
}

int minke__node_open(minke_node_t *node, minke_connection_t connection, const char *protocol, minke_time_t now,
                     minke_stream_t *stream)
{
    node->now = now;
    minke_node_connection_t *c = minke__node_connection(node, connection);
    return c != NULL ? open_stream(node, c, protocol, NULL, stream) : MINKE_ERROR_STALE;
}

int minke__node_start_service(minke_node_t *node, minke_node_connection_t *c, const minke_service_t *service)
{
    minke_stream_t id;
    return open_stream(node, c, service->protocol, service, &id);
}

/* ---- negotiation ---- */

/* What multistream's look-up knows: it is asked about the stream that is being negotiated. */
typedef struct lookup_context {
    const minke_node_t *node;
    minke_node_stream_t *stream;
} lookup_context_t;

enum { APPLICATION_PROTOCOL = 1000 }; /* an index that no service has */

static int lookup(void *user, const char *name, size_t len)
{
    const lookup_context_t *context = user;
    int index = service_index(context->node, name, len);
    if (index < 0 && has_text(&context->node->protocols, name, len)) index = APPLICATION_PROTOCOL;
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
    minke__trace(&node->env, node->now, s->connection->id, MINKE_TRACE_HOST_PROTOCOL_SELECTED, s->protocol, s->id);
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
    if (s->inbound) (void)minke_transport_finish(node->transport, s->id, node->now);
    else (void)minke_transport_reset(node->transport, s->id, 0, node->now);
}

/* What does not parse after a `na` is the data of somebody who did not wait for our answer, and who must read it. */
static void abandon_negotiation(minke_node_t *node, minke_node_stream_t *s)
{
    if (!s->inbound || !s->refused) {
        (void)minke_transport_reset(node->transport, s->id, 0, node->now);
        return;
    }
    (void)minke_transport_stop(node->transport, s->id, 0, node->now);
    (void)minke_transport_finish(node->transport, s->id, node->now);
}

/* One run of input through the negotiation. False: it needs more, or is over. */
static bool negotiate_some(minke_node_t *node, minke_node_stream_t *s)
{
    enum { PIECE_MAX = 1024 };
    uint8_t space[4096];
    minke_writer_t out = minke__writer(space, sizeof space);
    const uint8_t *data;
    size_t taken = 0;
    ssize_t n = minke_transport_peek(node->transport, s->id, &data);
    if (n == 0) end_negotiation(node, s);
    if (n <= 0) return false;
    if (n > PIECE_MAX) n = PIECE_MAX;
    lookup_context_t context = {node, s};
    const minke_multistream_result_t result =
        minke__multistream_recv(s->negotiation, data, (size_t)n, &taken, &out, lookup, &context);
    (void)minke_transport_consume(node->transport, s->id, taken, node->now);
    queue_negotiation(node, s, &out);
    switch (result) {
    case MINKE_MULTISTREAM_MORE: return true;
    case MINKE_MULTISTREAM_SELECTED: selected(node, s); return false;
    case MINKE_MULTISTREAM_REFUSED:
        s->refused = true;
        minke__trace(&node->env, node->now, s->connection->id, MINKE_TRACE_HOST_PROTOCOL_REFUSED, s->protocol, s->id);
        break;
    case MINKE_MULTISTREAM_FAILED: break;
    }
    abandon_negotiation(node, s);
    return false;
}

/* ---- events ---- */

static void remote_multiaddr(const minke_node_t *node, minke_connection_t id, char *out, size_t capacity)
{
    minke_connection_stats_t stats;
    minke_direct_address_t direct = {0};
    minke_multiaddr_t address;
    out[0] = 0;
    if (minke_transport_stats(node->transport, id, &stats) < 0) return;
    direct.address = stats.path.remote;
    if (minke__multiaddr_from_direct(&direct, &address) < 0) return;
    if (minke__multiaddr_text(&address, out, capacity) < 0) out[0] = 0;
}

static bool connected(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event)
{
    minke_connection_state_t *below = minke__endpoint_connection(node->transport, from->connection);
    minke_node_connection_t *c = minke__alloc_zero(below->env, sizeof *c);
    if (c == NULL) {
        (void)minke_transport_close(node->transport, from->connection, "out of memory", node->now);
        return false;
    }
    c->id = from->connection;
    c->inbound = from->inbound;
    minke__list_init(&c->siblings);
    minke__list_init(&c->streams);
    minke__list_append(&node->connections, &c->siblings);
    below->user = c;
    minke__peer_id_text(&below->peer, c->peer);
    remote_multiaddr(node, c->id, c->address, sizeof c->address);
    if (node->identify) (void)minke__node_start_service(node, c, &minke__service_identify_query);
    memcpy(node->event_address, c->address, sizeof c->address);
    memcpy(node->event_peer, c->peer, sizeof c->peer);
    *event = (minke_event_t){.type = MINKE_EVENT_CONNECTED,
                             .connection = c->id,
                             .peer = node->event_peer,
                             .addr = node->event_address,
                             .inbound = c->inbound};
    return true;
}

static bool closed(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event)
{
    minke_node_connection_t *c = minke__node_connection(node, from->connection);
    node->event_peer[0] = 0;
    *event = (minke_event_t){.type = MINKE_EVENT_DISCONNECTED,
                             .connection = from->connection,
                             .peer = node->event_peer,
                             .inbound = from->inbound,
                             .close = from->close,
                             .user = c != NULL ? c->user : NULL};
    if (c != NULL) {
        memcpy(node->event_peer, c->peer, sizeof c->peer);
        free_connection(node, c);
    }
    return true;
}

static void stream_opened(minke_node_t *node, const minke_transport_event_t *from)
{
    minke_node_connection_t *c = minke__node_connection(node, from->connection);
    minke_node_stream_t *s = c != NULL ? new_stream(node, c, from->stream, true) : NULL;
    if (s != NULL) minke__multistream_respond(s->negotiation);
}

static bool stream_changed(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event)
{
    minke_node_stream_t *s = stream_of(node, from->stream);
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
                             .connection = from->connection,
                             .stream = from->stream,
                             .user = s->user};
    return true;
}

static bool stream_closed(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event)
{
    minke_node_stream_t *s = stream_of(node, from->stream);
    if (s == NULL) return false;
    /* The application hears of a stream that it opened or was told of, and of no other. */
    const bool known = s->service == NULL && (!s->inbound || (s->negotiated && !s->tell_opened));
    *event = (minke_event_t){.type = MINKE_EVENT_STREAM_CLOSED,
                             .connection = from->connection,
                             .stream = from->stream,
                             .error = s->refused ? MINKE_ERROR_UNSUPPORTED : from->error,
                             .error_code = from->error_code,
                             .user = s->user};
    forget_stream(node, s);
    return known;
}

bool minke__node_event(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event, minke_time_t now)
{
    node->now = now;
    switch (from->type) {
    case MINKE_TRANSPORT_CONNECTED: return connected(node, from, event);
    case MINKE_TRANSPORT_CLOSED: return closed(node, from, event);
    case MINKE_TRANSPORT_STREAM_OPENED: stream_opened(node, from); return false;
    case MINKE_TRANSPORT_STREAM_READABLE:
    case MINKE_TRANSPORT_STREAM_WRITABLE: return stream_changed(node, from, event);
    case MINKE_TRANSPORT_STREAM_CLOSED: return stream_closed(node, from, event);
    case MINKE_TRANSPORT_SOCKET_OPEN:
    case MINKE_TRANSPORT_SOCKET_CLOSE: break; /* the driver's */
    }
    return false;
}

static bool identified(minke_node_t *node, minke_event_t *event)
{
    const minke_node_connection_t *c = minke__node_connection(node, node->identified);
    node->identified = 0;
    if (c == NULL) return false;
    memcpy(node->event_peer, c->peer, sizeof c->peer);
    *event = (minke_event_t){.type = MINKE_EVENT_IDENTIFIED,
                             .connection = c->id,
                             .peer = node->event_peer,
                             .inbound = c->inbound,
                             .user = c->user};
    return true;
}

bool minke__node_own_event(minke_node_t *node, minke_event_t *event, minke_time_t now)
{
    node->now = now;
    if (node->identified != 0 && identified(node, event)) return true;
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

/* ---- time ---- */

minke_time_t minke__node_deadline(const minke_node_t *node)
{
    if (minke__list_empty(&node->waiting)) return MINKE_TIME_NEVER;
    return MINKE_CONTAINER(node->waiting.next, minke_node_stream_t, waiting)->give_up_at;
}

void minke__node_tick(minke_node_t *node, minke_time_t now)
{
    node->now = now;
    while (!minke__list_empty(&node->waiting)) {
        minke_node_stream_t *s = MINKE_CONTAINER(node->waiting.next, minke_node_stream_t, waiting);
        if (s->give_up_at > now) return;
        minke__list_remove(&s->waiting);
        minke__trace(&node->env, now, s->connection->id, MINKE_TRACE_HOST_STREAM_TIMEOUT, s->protocol, s->id);
        (void)minke_transport_reset(node->transport, s->id, 0, now);
    }
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
    minke_node_stream_t *s = stream_of(node, stream);
    if (!is_application(s)) return MINKE_ERROR_STALE;
    if (must_wait(node, s) || s->early.len > 0 || s->finish_early) return write_early(node, s, data, len);
    return minke_transport_write(node->transport, stream, data, len, now);
}

int minke__node_finish(minke_node_t *node, minke_stream_t stream, minke_time_t now)
{
    minke_node_stream_t *s = stream_of(node, stream);
    if (!is_application(s)) return MINKE_ERROR_STALE;
    if (s->finish_early) return MINKE_OK;
    if (!must_wait(node, s) && s->early.len == 0) return minke_transport_finish(node->transport, stream, now);
    s->finish_early = true;
    return MINKE_OK;
}

ssize_t minke__node_peek(minke_node_t *node, minke_stream_t stream, const uint8_t **data)
{
    const minke_node_stream_t *s = stream_of(node, stream);
    if (!is_application(s)) return MINKE_ERROR_STALE;
    if (s->negotiation != NULL) return MINKE_ERROR_AGAIN;
    return minke_transport_peek(node->transport, stream, data);
}

int minke__node_consume(minke_node_t *node, minke_stream_t stream, size_t len, minke_time_t now)
{
    const minke_node_stream_t *s = stream_of(node, stream);
    if (!is_application(s)) return MINKE_ERROR_STALE;
    if (s->negotiation != NULL) return MINKE_ERROR_INVALID;
    return minke_transport_consume(node->transport, stream, len, now);
}

void **minke__node_stream_user(const minke_node_t *node, minke_stream_t stream)
{
    minke_node_stream_t *s = stream_of(node, stream);
    return is_application(s) ? &s->user : NULL;
}

void **minke__node_connection_user(const minke_node_t *node, minke_connection_t connection)
{
    minke_node_connection_t *c = minke__node_connection(node, connection);
    return c != NULL ? &c->user : NULL;
}
