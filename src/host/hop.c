#include "host/hop.h"

#include <string.h>

#include "host/circuit.h"
#include "host/link.h"
#include "host/splice.h"
#include "relay/envelope.h"
#include "webrtc/endpoint.h"

/* A hop stream until it is answered. */
typedef struct request {
    minke_frame_inbox_t inbox;
} request_t;

/* ---- life */

minke_hop_t *minke__hop_new(minke_node_t *node, const minke_relay_options_t *options)
{
    minke_hop_t *hop = minke__alloc_zero(&node->env, sizeof *hop);
    if (hop == NULL) return NULL;
    minke__list_init(&hop->unfinished);
    if (minke__relay_book_new(&node->env, options, &hop->book) == MINKE_OK) return hop;
    minke__free(&node->env, hop);
    return NULL;
}

void minke__hop_free(minke_node_t *node)
{
    if (node->hop == NULL) return;
    minke__relay_book_free(node->hop->book);
    minke__free(&node->env, node->hop);
    node->hop = NULL;
}

const minke_relay_statistics_t *minke__hop_statistics(const minke_hop_t *hop)
{
    return minke__relay_book_statistics(hop->book);
}

void minke__hop_connection_ended(minke_node_t *node, const minke_node_connection_t *c)
{
    const minke_peer_id_t *peer = minke__link_peer(node, c->below);
    if (node->hop != NULL && peer != NULL) minke__relay_book_connection_ended(node->hop->book, peer, c->id);
}

minke_time_t minke__hop_deadline(const minke_node_t *node)
{
    if (node->hop == NULL) return MINKE_TIME_NEVER;
    return minke__list_empty(&node->hop->unfinished) ? minke__relay_book_deadline(node->hop->book) : node->now;
}

void minke__hop_tick(minke_node_t *node)
{
    minke_hop_t *hop = node->hop;
    minke_relay_circuit_t *due;
    if (hop == NULL) return;
    minke__relay_book_tick(hop->book, node->now);
    while ((due = minke__relay_book_next_due(hop->book)) != NULL) minke__splice_time_is_up(node, due->user);
    minke__splices_go_on(node);
}

/* ---- who asks */

static minke_relay_asker_t asker_of(const minke_node_t *node, const minke_node_connection_t *c,
                                    minke_connection_stats_t *stats)
{
    *stats = (minke_connection_stats_t){0};
    if (minke__node_stats(node, c->id, stats) < 0) stats->kind = MINKE_PATH_UNKNOWN;
    return (minke_relay_asker_t){.peer = minke__link_peer(node, c->below),
                                 .connection = c->id,
                                 .remote = &stats->path.remote,
                                 .relayed = stats->kind == MINKE_PATH_RELAYED};
}

static minke_relay_limit_t limit_of(const minke_hop_t *hop)
{
    const minke_relay_options_t *o = minke__relay_book_options(hop->book);
    return (minke_relay_limit_t){.present = o->circuit_after > 0 || o->circuit_bytes > 0,
                                 .seconds = (uint32_t)(o->circuit_after / 1000000),
                                 .bytes = o->circuit_bytes};
}

/* The last word: js leaves its streams open after one, so nobody waits for its FIN for long. */
static void answer(minke_node_t *node, minke_node_stream_t *s, const minke_relay_message_t *message)
{
    if (minke__relay_write(node, s, minke__hop_write, message)) (void)minke__link_finish(node, s->id);
    minke__node_drain(node, s);
}

void minke__hop_answer(minke_node_t *node, minke_node_stream_t *s, minke_relay_status_t status)
{
    const minke_relay_message_t message = {.type = MINKE_HOP_STATUS, .status = status};
    answer(node, s, &message);
}

/* ---- RESERVE */

typedef struct reservation_answer {
    minke_relay_message_t message;
    minke_multiaddr_t addresses[8];
    uint8_t voucher[MINKE_VOUCHER_BYTES];
} reservation_answer_t;

/* Those that we listen on, but for circuits: somebody reached over a relay of ours would need two. */
static void list_addresses(const minke_node_t *node, reservation_answer_t *a)
{
    minke_relay_reservation_t *r = &a->message.reservation;
    for (const minke_list_t *item = node->addresses.next; item != &node->addresses; item = item->next) {
        const minke_node_text_t *text = MINKE_CONTAINER(item, minke_node_text_t, siblings);
        minke_multiaddr_t *address = &a->addresses[r->addresses_n];
        minke_target_t target;
        if (r->addresses_n == sizeof a->addresses / sizeof a->addresses[0]) return;
        if (minke__target_parse_text(text->text, address, &target) < 0 || target.circuit) continue;
        r->addresses[r->addresses_n++] = (minke_slice_t){address->bytes, address->len};
    }
}

static void confirm(minke_node_t *node, minke_node_stream_t *s, const minke_peer_id_t *peer)
{
    reservation_answer_t *a = minke__alloc_zero(&node->env, sizeof *a);
    if (a == NULL) {
        (void)minke__link_reset(node, s->id, 0);
        return;
    }
    const minke_relay_options_t *options = minke__relay_book_options(node->hop->book);
    const uint64_t expire = minke__node_unix_time(node) + options->reservation_after / 1000000;
    minke_writer_t voucher = minke__writer(a->voucher, sizeof a->voucher);
    a->message = (minke_relay_message_t){.type = MINKE_HOP_STATUS,
                                         .status = MINKE_RELAY_STATUS_OK,
                                         .reservation = {.present = true, .expire = expire},
                                         .limit = limit_of(node->hop)};
    list_addresses(node, a);
    if (minke__voucher_seal(&node->env, node->transport->identity, peer, expire, &voucher) == MINKE_OK) {
        a->message.reservation.voucher = (minke_slice_t){voucher.data, voucher.len};
    }
    answer(node, s, &a->message);
    minke__free(&node->env, a);
}

static void reserve(minke_node_t *node, minke_node_stream_t *s)
{
    minke_connection_stats_t stats;
    const minke_relay_asker_t asker = asker_of(node, s->connection, &stats);
    const minke_relay_status_t status = minke__relay_book_reserve(node->hop->book, &asker, node->now);
    minke__trace(&node->env, node->now, s->connection->below, MINKE_TRACE_RELAY_RESERVE,
                 minke__relay_status_text(status), status);
    if (status == MINKE_RELAY_STATUS_OK) confirm(node, s, asker.peer);
    else minke__hop_answer(node, s, status);
}

/* ---- CONNECT */

static void connect_to(minke_node_t *node, minke_node_stream_t *s, const minke_peer_id_t *target)
{
    minke_connection_stats_t stats;
    minke_relay_circuit_t *account;
    const minke_relay_asker_t asker = asker_of(node, s->connection, &stats);
    minke_relay_status_t status = minke__relay_book_connect(node->hop->book, &asker, target, node->now, &account);
    if (status == MINKE_RELAY_STATUS_OK) {
        const minke_relay_limit_t limit = limit_of(node->hop);
        status = minke__splice_begin(node, s, account, &limit);
        if (status != MINKE_RELAY_STATUS_OK) minke__relay_circuit_refuse(node->hop->book, account, status);
    }
    minke__trace(&node->env, node->now, s->connection->below, MINKE_TRACE_RELAY_CONNECT,
                 minke__relay_status_text(status), status);
    if (status != MINKE_RELAY_STATUS_OK) minke__hop_answer(node, s, status);
}

/* ---- the service */

static void refuse(minke_node_t *node, minke_node_stream_t *s, uint64_t type, minke_relay_status_t status)
{
    minke__relay_book_count_refusal(node->hop->book, type, status);
    minke__hop_answer(node, s, status);
}

static void free_request(minke_node_t *node, minke_node_stream_t *s)
{
    request_t *request = s->state;
    s->state = NULL;
    if (request == NULL) return;
    minke__frame_inbox_free(&request->inbox);
    minke__free(&node->env, request);
}

static void answer_request(minke_node_t *node, minke_node_stream_t *s, int read)
{
    request_t *request = s->state;
    minke_relay_message_t message;
    const uint64_t unreadable = UINT64_MAX;
    if (read == MINKE_OK) read = minke__hop_read(request->inbox.message, request->inbox.len, &message);
    const uint64_t type = read == MINKE_OK ? message.type : unreadable;
    const minke_peer_id_t target = read == MINKE_OK ? message.peer.id : (minke_peer_id_t){0};
    free_request(node, s);
    if (type == unreadable) refuse(node, s, type, MINKE_RELAY_STATUS_MALFORMED_MESSAGE);
    else if (type == MINKE_HOP_RESERVE) reserve(node, s);
    else if (type != MINKE_HOP_CONNECT) refuse(node, s, type, MINKE_RELAY_STATUS_UNEXPECTED_MESSAGE);
    else if (target.len == 0) refuse(node, s, type, MINKE_RELAY_STATUS_MALFORMED_MESSAGE);
    else connect_to(node, s, &target);
}

static void run_request(minke_node_t *node, minke_node_stream_t *s)
{
    request_t *request = s->state;
    if (request == NULL) {
        request = minke__alloc_zero(minke__node_env(node, s->connection), sizeof *request);
        if (request == NULL) {
            (void)minke__link_reset(node, s->id, 0);
            return;
        }
        minke__frame_inbox_init(&request->inbox, minke__node_env(node, s->connection), MINKE_RELAY_MESSAGE_MAX);
        s->state = request;
    }
    const int result = minke__relay_read(node, s, &request->inbox);
    if (result == MINKE_ERROR_NO_MEMORY) (void)minke__link_reset(node, s->id, 0);
    else if (result != MINKE_ERROR_AGAIN) answer_request(node, s, result);
}

const minke_service_t minke__service_hop = {.protocol = "/libp2p/circuit/relay/0.2.0/hop",
                                            .short_lived = true,
                                            .on_limited = true, /* and then PERMISSION_DENIED, as the others answer */
                                            .run = run_request,
                                            .done = free_request};
