/* Identify and identify push, both sides (spec/host.md 8). */
#include <string.h>

#include "host/link.h"
#include "webrtc/endpoint.h"

/* ---- writing: an answer to a question, or a push ---- */

/* Binary forms of our addresses, for as long as the message is being written. */
typedef struct own_addresses {
    minke_multiaddr_t observed;
    size_t n;
    minke_multiaddr_t listen[MINKE_IDENTIFY_ADDRESSES_MAX];
} own_addresses_t;

static minke_slice_t text_slice(const char *text) { return (minke_slice_t){(const uint8_t *)text, strlen(text)}; }

/* js-libp2p 3.3 throws away all of an identify whose observed address has no IP address or name in front; it sends none
 * over such a connection. */
static bool is_worth_telling(const minke_multiaddr_t *observed)
{
    minke_multiaddr_component_t first;
    size_t at = 0;
    return minke__multiaddr_next(observed, &at, &first) && first.code != MINKE_MULTIADDR_WEBRTC;
}

static void collect_addresses(const minke_node_t *node, const minke_node_connection_t *c, own_addresses_t *own,
                              minke_identify_t *message)
{
    for (const minke_list_t *item = node->addresses.next; item != &node->addresses; item = item->next) {
        const minke_node_text_t *address = MINKE_CONTAINER(item, minke_node_text_t, siblings);
        minke_multiaddr_t *binary = &own->listen[own->n];
        if (own->n == sizeof own->listen / sizeof own->listen[0]) break;
        if (minke__multiaddr_parse(address->text, address->len, binary) < 0) continue;
        own->n++;
        message->listen_addresses[message->listen_addresses_n++] = (minke_slice_t){binary->bytes, binary->len};
    }
    if (minke__multiaddr_parse(c->address, strlen(c->address), &own->observed) == MINKE_OK &&
        is_worth_telling(&own->observed)) {
        message->observed_address = (minke_slice_t){own->observed.bytes, own->observed.len};
    }
}

static void collect_protocols(const minke_node_t *node, minke_identify_t *message)
{
    const minke_service_t *service;
    for (size_t i = 0; (service = minke__node_service(node, i)) != NULL; i++) {
        message->protocols[message->protocols_n++] = text_slice(service->protocol);
    }
    for (const minke_list_t *item = node->protocols.next; item != &node->protocols; item = item->next) {
        const minke_node_text_t *protocol = MINKE_CONTAINER(item, minke_node_text_t, siblings);
        if (message->protocols_n == MINKE_IDENTIFY_PROTOCOLS_MAX) break;
        message->protocols[message->protocols_n++] = (minke_slice_t){(const uint8_t *)protocol->text, protocol->len};
    }
}

typedef struct scratch {
    own_addresses_t own;
    minke_identify_t message;
    uint8_t out[MINKE_IDENTIFY_SEND_MAX + 4];
} scratch_t;

static int send_identify(minke_node_t *node, const minke_node_stream_t *s, scratch_t *scratch)
{
    minke_identify_t *message = &scratch->message;
    message->public_key.data = minke__transport_public_key(node->transport, &message->public_key.len);
    message->protocol_version = text_slice("ipfs/0.1.0");
    message->agent_version = text_slice(node->agent);
    collect_addresses(node, s->connection, &scratch->own, message);
    collect_protocols(node, message);
    minke_writer_t body = minke__writer(scratch->out + 4, MINKE_IDENTIFY_SEND_MAX);
    const int error = minke__identify_write(message, &body);
    if (error < 0) return error;
    const size_t prefix_len = minke__uvarint_len(body.len);
    uint8_t *start = scratch->out + 4 - prefix_len;
    minke_writer_t prefix = minke__writer(start, prefix_len);
    minke__write_uvarint(&prefix, body.len);
    const ssize_t taken = minke__link_write(node, s->id, start, prefix_len + body.len);
    return taken == (ssize_t)(prefix_len + body.len) ? MINKE_OK : MINKE_ERROR_NO_SPACE;
}

/* The message is small beside a stream's buffer, so it is written at once or not at all. */
static void run_send(minke_node_t *node, minke_node_stream_t *s)
{
    if (s->state != NULL) return; /* sent; the remote's end is awaited */
    scratch_t *scratch = minke__alloc_zero(&node->env, sizeof *scratch);
    const int error = scratch != NULL ? send_identify(node, s, scratch) : MINKE_ERROR_NO_MEMORY;
    minke__free(&node->env, scratch);
    s->state = node;
    if (error < 0) (void)minke__link_reset(node, s->id, 0);
    else (void)minke__link_finish(node, s->id);
}

const minke_service_t minke__service_identify = {
    .protocol = "/ipfs/id/1.0.0", .short_lived = true, .on_limited = true, .run = run_send};
const minke_service_t minke__service_push_send = {
    .protocol = "/ipfs/id/push/1.0.0", .short_lived = true, .on_limited = true, .run = run_send};

/* ---- reading: the answer to our question, or a push ---- */

typedef struct incoming {
    size_t len;
    uint8_t data[MINKE_IDENTIFY_MAX];
} incoming_t;

static bool lists_push(const minke_identify_t *identify)
{
    const minke_slice_t push = text_slice(minke__service_push.protocol);
    for (size_t i = 0; i < identify->protocols_n; i++) {
        if (identify->protocols[i].len == push.len && memcmp(identify->protocols[i].data, push.data, push.len) == 0) {
            return true;
        }
    }
    return false;
}

/* A push says only what has changed (spec/host.md 8): fields that it lacks stay as they were, lists are replaced. */
static void merge(minke_identify_t *into, const minke_identify_t *push)
{
    const minke_slice_t *from[] = {&push->public_key, &push->observed_address, &push->protocol_version,
                                   &push->agent_version, &push->signed_peer_record};
    minke_slice_t *to[] = {&into->public_key, &into->observed_address, &into->protocol_version, &into->agent_version,
                           &into->signed_peer_record};
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
        if (from[i]->data != NULL) *to[i] = *from[i];
    }
    if (push->protocols_n > 0) {
        memcpy(into->protocols, push->protocols, sizeof into->protocols);
        into->protocols_n = push->protocols_n;
    }
    if (push->listen_addresses_n > 0) {
        memcpy(into->listen_addresses, push->listen_addresses, sizeof into->listen_addresses);
        into->listen_addresses_n = push->listen_addresses_n;
    }
}

/* Keeps what the remote said as one message, without its length prefix. */
static int store(minke_node_t *node, minke_node_connection_t *c, const minke_identify_t *identify)
{
    uint8_t *stored = minke__alloc(minke__node_env(node, c), MINKE_IDENTIFY_MAX);
    if (stored == NULL) return MINKE_ERROR_NO_MEMORY;
    minke_writer_t w = minke__writer(stored, MINKE_IDENTIFY_MAX);
    const int error = minke__identify_write(identify, &w);
    if (error < 0) {
        minke__free(&node->env, stored);
        return error;
    }
    minke__free(&node->env, c->identify);
    /* It stays as long as the connection, and is seldom a tenth of what it might have been. */
    uint8_t *fitting = minke__realloc(&node->env, stored, w.len);
    c->identify = fitting != NULL ? fitting : stored;
    c->identify_len = w.len;
    return MINKE_OK;
}

static void keep(minke_node_t *node, minke_node_connection_t *c, const incoming_t *in, bool push)
{
    minke_identify_t said, known = {0};
    if (minke__identify_read(in->data, in->len, &said) < 0) return;
    if (push && c->identify != NULL && minke__identify_read_one(c->identify, c->identify_len, &known) < 0) return;
    merge(&known, &said);
    if (store(node, c, &known) < 0) return;
    c->speaks_push = lists_push(&known);
    c->identified = true;
    minke__trace(&node->env, node->now, c->id, MINKE_TRACE_HOST_IDENTIFIED, NULL, 0);
    node->identified = c->id;
}

static void run_read(minke_node_t *node, minke_node_stream_t *s)
{
    const uint8_t *data;
    ssize_t n;
    if (s->state == NULL) s->state = minke__alloc_zero(minke__node_env(node, s->connection), sizeof(incoming_t));
    incoming_t *in = s->state;
    if (in == NULL) {
        (void)minke__link_reset(node, s->id, 0);
        return;
    }
    while ((n = minke__link_peek(node, s->id, &data)) > 0) {
        if ((size_t)n > sizeof in->data - in->len) {
            (void)minke__link_reset(node, s->id, 0);
            return;
        }
        memcpy(in->data + in->len, data, (size_t)n);
        in->len += (size_t)n;
        (void)minke__link_consume(node, s->id, (size_t)n);
    }
    if (n != 0) return;
    keep(node, s->connection, in, s->service == &minke__service_push);
    (void)minke__link_finish(node, s->id);
}

static void free_incoming(minke_node_t *node, minke_node_stream_t *s) { minke__free(&node->env, s->state); }

const minke_service_t minke__service_identify_query = {
    .protocol = "/ipfs/id/1.0.0", .short_lived = true, .on_limited = true, .run = run_read, .done = free_incoming};
const minke_service_t minke__service_push = {
    .protocol = "/ipfs/id/push/1.0.0", .short_lived = true, .on_limited = true, .run = run_read, .done = free_incoming};

/* ---- what a peer said, as text ---- */

struct minke_identify_texts {
    const char *protocols[MINKE_IDENTIFY_PROTOCOLS_MAX];
    const char *addresses[MINKE_IDENTIFY_ADDRESSES_MAX];
    size_t used;
    char text[MINKE_IDENTIFY_MAX + MINKE_IDENTIFY_ADDRESSES_MAX * MINKE_MULTIADDR_TEXT_BYTES];
};

/* Whatever the remote sent becomes printable: it may end up on somebody's terminal. */
static const char *store_text(struct minke_identify_texts *texts, minke_slice_t from)
{
    char *out = texts->text + texts->used;
    if (from.len + 1 > sizeof texts->text - texts->used) return "";
    for (size_t i = 0; i < from.len; i++) {
        const uint8_t byte = from.data[i];
        out[i] = byte >= 0x20 && byte < 0x7f ? (char)byte : '?';
    }
    out[from.len] = 0;
    texts->used += from.len + 1;
    return out;
}

static const char *store_address(struct minke_identify_texts *texts, minke_slice_t from)
{
    minke_multiaddr_t address;
    char *out = texts->text + texts->used;
    if (minke__multiaddr_from_bytes(from.data, from.len, &address) < 0) return NULL;
    const ssize_t len = minke__multiaddr_text(&address, out, sizeof texts->text - texts->used);
    if (len < 0) return NULL;
    texts->used += (size_t)len + 1;
    return out;
}

int minke__node_identify_get(minke_node_t *node, minke_connection_t connection, minke_identify_info_t *info)
{
    const minke_node_connection_t *c = minke__node_connection(node, connection);
    minke_identify_t identify;
    if (c == NULL) return MINKE_ERROR_STALE;
    if (!c->identified) return MINKE_ERROR_STATE;
    if (node->texts == NULL) node->texts = minke__alloc(&node->env, sizeof *node->texts);
    if (node->texts == NULL) return MINKE_ERROR_NO_MEMORY;
    if (minke__identify_read_one(c->identify, c->identify_len, &identify) < 0) return MINKE_ERROR_MALFORMED;
    struct minke_identify_texts *texts = node->texts;
    texts->used = 0;
    *info = (minke_identify_info_t){.agent = store_text(texts, identify.agent_version),
                                    .protocol_version = store_text(texts, identify.protocol_version),
                                    .protocols = texts->protocols,
                                    .addresses = texts->addresses};
    const char *observed = store_address(texts, identify.observed_address);
    info->observed = observed != NULL ? observed : "";
    for (size_t i = 0; i < identify.protocols_n; i++) {
        texts->protocols[info->protocols_n++] = store_text(texts, identify.protocols[i]);
    }
    for (size_t i = 0; i < identify.listen_addresses_n; i++) {
        const char *address = store_address(texts, identify.listen_addresses[i]);
        if (address != NULL) texts->addresses[info->addresses_n++] = address;
    }
    return MINKE_OK;
}
