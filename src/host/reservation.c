#include "host/reservation.h"

#include <string.h>

#include "host/circuit.h"
#include "host/dial.h"
#include "host/link.h"
#include "relay/envelope.h"
#include "webrtc/endpoint.h"

#define SECOND ((minke_time_t)1000000)

/* A relay that is gone for a moment is back soon, one that is full or gone for long is not asked all the time. */
enum { RETRY_FIRST_S = 1, RETRY_MOST_S = 60 };
/* What is said of a reservation's end is taken within reason: clocks differ. */
enum { TTL_LEAST_S = 10, TTL_MOST_S = 24 * 3600, REFRESH_BEFORE_S = 300 };
enum { ADDRESSES_MAX = 8 };

typedef enum reservation_state { WAITING, DIALLING, ASKING, HELD } reservation_state_t;

typedef struct reservation {
    minke_list_t siblings;
    minke_node_timer_t timer; /* the next try, or the refresh */
    reservation_state_t state;
    minke_target_t target;
    minke_multiaddr_t relay; /* as it was asked for, without /p2p-circuit */
    char asked_for[MINKE_MULTIADDR_TEXT_BYTES];
    minke_connection_t dial;       /* DIALLING */
    minke_connection_t connection; /* to the relay: ASKING, HELD */
    minke_node_stream_t *question; /* ASKING, also to refresh; NULL else */
    unsigned retry_s;
    bool failure_told;
    char *addresses[ADDRESSES_MAX]; /* what we can be dialled at, while it is held */
    size_t addresses_n;
} reservation_t;

/* RESERVE on its way: the state of a hop stream. */
typedef struct question {
    reservation_t *reservation; /* NULL: nobody waits for the answer */
    minke_frame_inbox_t inbox;
    bool asked;
} question_t;

static void begin(minke_node_t *node, reservation_t *r);

/* ---- what is announced */

static bool is_announced(const reservation_t *r, const char *text)
{
    for (size_t i = 0; i < r->addresses_n; i++) {
        if (strcmp(r->addresses[i], text) == 0) return true;
    }
    return false;
}

/* By any of them: reservations at two addresses of one relay bring the same ones. */
static bool is_announced_at_all(const minke_node_t *node, const char *text)
{
    for (const minke_list_t *item = node->reservations.next; item != &node->reservations; item = item->next) {
        if (is_announced(MINKE_CONTAINER(item, reservation_t, siblings), text)) return true;
    }
    return false;
}

static void withdraw(minke_node_t *node, reservation_t *r, const minke_close_t *reason)
{
    while (r->addresses_n > 0) {
        char *address = r->addresses[--r->addresses_n];
        if (!is_announced_at_all(node, address)) {
            minke__node_notify(node, MINKE_EVENT_LISTEN_CLOSED, address, reason);
            minke__node_not_listening(node, address, node->now);
        }
        minke__free(&node->env, address);
    }
}

/* RELAY[/p2p/R] becomes RELAY/p2p/R/p2p-circuit/p2p/us (older js relays leave /p2p/R out). */
static bool make_address(const minke_node_t *node, const minke_multiaddr_t *relay, const minke_peer_id_t *relay_id,
                         char text[MINKE_MULTIADDR_TEXT_BYTES])
{
    const minke_peer_id_t *self = minke__identity_peer_id(node->transport->identity);
    minke_multiaddr_t address = *relay;
    minke_target_t target;
    if (minke__target_parse(&address, &target) < 0 || target.circuit) return false;
    if (target.peer.len > 0 && !minke__peer_id_equal(&target.peer, relay_id)) return false;
    if (target.peer.len == 0 &&
        minke__multiaddr_append(&address, MINKE_MULTIADDR_P2P, relay_id->bytes, relay_id->len) < 0) {
        return false;
    }
    return minke__multiaddr_append(&address, MINKE_MULTIADDR_P2P_CIRCUIT, NULL, 0) == MINKE_OK &&
           minke__multiaddr_append(&address, MINKE_MULTIADDR_P2P, self->bytes, self->len) == MINKE_OK &&
           minke__multiaddr_text(&address, text, MINKE_MULTIADDR_TEXT_BYTES) > 0;
}

/* False: out of memory. */
static bool announce(minke_node_t *node, reservation_t *r, const minke_multiaddr_t *relay,
                     const minke_peer_id_t *relay_id)
{
    char text[MINKE_MULTIADDR_TEXT_BYTES];
    if (r->addresses_n == ADDRESSES_MAX || !make_address(node, relay, relay_id, text) || is_announced(r, text)) {
        return true;
    }
    const bool is_new = !is_announced_at_all(node, text);
    char *kept = minke__alloc(&node->env, strlen(text) + 1);
    if (kept == NULL) return false;
    if (is_new && minke__node_listening(node, text, node->now) < 0) {
        minke__free(&node->env, kept);
        return false;
    }
    memcpy(kept, text, strlen(text) + 1);
    r->addresses[r->addresses_n++] = kept;
    if (is_new) minke__node_notify(node, MINKE_EVENT_LISTENING, kept, NULL);
    return true;
}

/* ---- failing and trying again */

static void forget_question(minke_node_t *node, reservation_t *r)
{
    minke_node_stream_t *s = r->question;
    if (s == NULL) return;
    ((question_t *)s->state)->reservation = NULL;
    r->question = NULL;
    (void)minke__link_reset(node, s->id, 0);
}

/* The application hears of the first failure after a success, or at the beginning: not of every try. */
static void fail(minke_node_t *node, reservation_t *r, const minke_close_t *reason)
{
    forget_question(node, r);
    withdraw(node, r, reason);
    if (!r->failure_told) minke__node_notify(node, MINKE_EVENT_LISTEN_FAILED, r->asked_for, reason);
    r->failure_told = true;
    r->state = WAITING;
    r->dial = r->connection = 0;
    const minke_time_t pause = r->retry_s * SECOND;
    minke__node_timer_set(node, &r->timer, node->now + pause + minke__random_u32(&node->env) % (pause / 4));
    r->retry_s = r->retry_s * 2 < RETRY_MOST_S ? r->retry_s * 2 : RETRY_MOST_S;
}

/* ---- the answer */

static bool voucher_is_good(const minke_node_t *node, const minke_relay_message_t *message,
                            const minke_peer_id_t *relay)
{
    minke_voucher_t voucher;
    const minke_slice_t sealed = message->reservation.voucher;
    const minke_peer_id_t *self = minke__identity_peer_id(node->transport->identity);
    return sealed.data == NULL ||
           minke__voucher_open(&node->env, sealed.data, sealed.len, relay, self, &voucher) == MINKE_OK;
}

/* When to ask again: with half of it left, or five minutes before the end if that is later. */
static minke_time_t refresh_after(const minke_node_t *node, uint64_t expire)
{
    const uint64_t unix_now = minke__node_unix_time(node);
    uint64_t ttl = expire > unix_now ? expire - unix_now : 0;
    if (ttl < TTL_LEAST_S) ttl = TTL_LEAST_S;
    if (ttl > TTL_MOST_S) ttl = TTL_MOST_S;
    const uint64_t late = ttl > REFRESH_BEFORE_S ? ttl - REFRESH_BEFORE_S : 0;
    return (ttl / 2 > late ? ttl / 2 : late) * SECOND;
}

static bool announce_all(minke_node_t *node, reservation_t *r, const minke_relay_message_t *message,
                         const minke_peer_id_t *relay_id)
{
    if (!announce(node, r, &r->relay, relay_id)) return false;
    for (size_t i = 0; i < message->reservation.addresses_n; i++) {
        const minke_slice_t raw = message->reservation.addresses[i];
        minke_multiaddr_t address;
        if (minke__multiaddr_from_bytes(raw.data, raw.len, &address) < 0) continue;
        if (!announce(node, r, &address, relay_id)) return false;
    }
    return true;
}

static void hold(minke_node_t *node, reservation_t *r, const minke_relay_message_t *message,
                 const minke_peer_id_t *relay_id)
{
    if (!announce_all(node, r, message, relay_id)) {
        static const minke_close_t reason = {
            .layer = MINKE_LAYER_HOST, .code = MINKE_ERROR_NO_MEMORY, .text = "out of memory"};
        fail(node, r, &reason);
        return;
    }
    r->state = HELD;
    r->retry_s = RETRY_FIRST_S;
    r->failure_told = false;
    minke__node_timer_set(node, &r->timer, node->now + refresh_after(node, message->reservation.expire));
}

static void take_answer(minke_node_t *node, reservation_t *r, const minke_frame_inbox_t *inbox,
                        const minke_peer_id_t *relay_id)
{
    minke_relay_message_t message;
    minke_close_t reason;
    if (minke__hop_read(inbox->message, inbox->len, &message) < 0 || message.type != MINKE_HOP_STATUS) {
        reason = minke__relay_failure(MINKE_ERROR_MALFORMED, "what the relay answers cannot be read");
    } else if (message.status != MINKE_RELAY_STATUS_OK) {
        reason = minke__relay_refusal(message.status);
    } else if (!message.reservation.present) {
        reason = minke__relay_failure(MINKE_ERROR_MALFORMED, "the relay agrees, but names no reservation");
    } else if (!voucher_is_good(node, &message, relay_id)) {
        reason = minke__relay_failure(MINKE_ERROR_CRYPTO, "the relay's voucher is not its own, or not for us");
    } else {
        hold(node, r, &message, relay_id);
        return;
    }
    fail(node, r, &reason);
}

/* ---- the question: a service on a hop stream */

static reservation_t *answered(question_t *q)
{
    reservation_t *r = q->reservation;
    q->reservation = NULL;
    if (r != NULL) r->question = NULL;
    return r;
}

static void run_question(minke_node_t *node, minke_node_stream_t *s)
{
    static const minke_relay_message_t reserve = {.type = MINKE_HOP_RESERVE};
    question_t *q = s->state;
    if (q->reservation == NULL) return;
    if (!q->asked) {
        q->asked = true;
        if (!minke__relay_write(node, s, minke__hop_write, &reserve)) return;
    }
    const int result = minke__relay_read(node, s, &q->inbox);
    if (result == MINKE_ERROR_AGAIN) return;
    reservation_t *r = answered(q);
    if (result == MINKE_OK) {
        (void)minke__link_finish(node, s->id);
        take_answer(node, r, &q->inbox, minke__link_peer(node, s->connection->below));
        return;
    }
    (void)minke__link_reset(node, s->id, 0);
    const minke_close_t reason = minke__relay_failure(result, "the relay gave no answer that can be read");
    fail(node, r, &reason);
}

static void question_done(minke_node_t *node, minke_node_stream_t *s)
{
    question_t *q = s->state;
    reservation_t *r = answered(q);
    minke__frame_inbox_free(&q->inbox);
    minke__free(&node->env, q);
    if (r == NULL) return;
    const minke_close_t reason =
        s->refused ? minke__relay_failure(MINKE_ERROR_UNSUPPORTED, "that peer is no relay (it does not serve hop)")
                   : minke__relay_failure(MINKE_ERROR_STREAM_RESET, "the relay did not answer");
    fail(node, r, &reason);
}

static const minke_service_t hop_reserve = {
    .protocol = "/libp2p/circuit/relay/0.2.0/hop", .short_lived = true, .run = run_question, .done = question_done};

static void ask(minke_node_t *node, reservation_t *r, minke_node_connection_t *relay)
{
    minke_node_stream_t *s;
    question_t *q = minke__alloc_zero(&node->env, sizeof *q);
    int error = q != NULL ? MINKE_OK : MINKE_ERROR_NO_MEMORY;
    r->connection = relay->id;
    r->target.peer = *minke__link_peer(node, relay->below); /* the next try finds this connection, if it is there */
    if (error == MINKE_OK) error = minke__node_open_stream(node, relay, hop_reserve.protocol, &hop_reserve, &s);
    if (error < 0) {
        minke__free(&node->env, q);
        const minke_close_t reason = minke__relay_failure(error, minke_error_text(error));
        fail(node, r, &reason);
        return;
    }
    minke__frame_inbox_init(&q->inbox, &node->env, MINKE_RELAY_MESSAGE_MAX);
    q->reservation = r;
    s->state = q;
    r->question = s;
    if (r->state != HELD) r->state = ASKING;
}

/* ---- the way to the relay */

static void begin(minke_node_t *node, reservation_t *r)
{
    minke_node_connection_t *relay = r->target.peer.len > 0 ? minke__node_connection_to(node, &r->target.peer) : NULL;
    if (relay != NULL && !relay->relayed) {
        ask(node, r, relay);
        return;
    }
    r->state = DIALLING;
    r->dial = minke__dial_quietly(node, &r->relay);
    if (r->dial != 0) return;
    const minke_close_t reason = {
        .layer = MINKE_LAYER_HOST, .code = MINKE_ERROR_NO_MEMORY, .text = "the relay cannot be dialled"};
    fail(node, r, &reason);
}

static void on_timer(minke_node_t *node, minke_node_timer_t *timer)
{
    reservation_t *r = MINKE_CONTAINER(timer, reservation_t, timer);
    minke_node_connection_t *relay = r->state == HELD ? minke__node_connection(node, r->connection) : NULL;
    if (relay != NULL) ask(node, r, relay);
    else begin(node, r);
}

void minke__reservations_connected(minke_node_t *node, minke_node_connection_t *c)
{
    for (minke_list_t *item = node->reservations.next; item != &node->reservations; item = item->next) {
        reservation_t *r = MINKE_CONTAINER(item, reservation_t, siblings);
        if (r->state == DIALLING && r->dial == c->id) ask(node, r, c);
    }
}

void minke__reservations_not_connected(minke_node_t *node, minke_connection_t dial, const minke_close_t *reason)
{
    for (minke_list_t *item = node->reservations.next; item != &node->reservations; item = item->next) {
        reservation_t *r = MINKE_CONTAINER(item, reservation_t, siblings);
        if (r->state == DIALLING && r->dial == dial) fail(node, r, reason);
    }
}

void minke__reservations_disconnected(minke_node_t *node, const minke_node_connection_t *c, const minke_close_t *reason)
{
    for (minke_list_t *item = node->reservations.next; item != &node->reservations; item = item->next) {
        reservation_t *r = MINKE_CONTAINER(item, reservation_t, siblings);
        if ((r->state == ASKING || r->state == HELD) && r->connection == c->id) fail(node, r, reason);
    }
}

/* ---- what the application asks for */

int minke__node_reserve(minke_node_t *node, const char *multiaddr, minke_time_t now)
{
    minke_multiaddr_t address, relay;
    minke_target_t target;
    size_t n = 0;
    node->now = now;
    const int error = minke__target_parse_text(multiaddr, &address, &target);
    if (error < 0) return error;
    const minke_peer_id_t *self = minke__identity_peer_id(node->transport->identity);
    if (!target.circuit || (target.destination.len > 0 && !minke__peer_id_equal(&target.destination, self)) ||
        minke__multiaddr_from_bytes(address.bytes, target.relay_len, &relay) < 0) {
        return MINKE_ERROR_ADDRESS;
    }
    for (minke_list_t *item = node->reservations.next; item != &node->reservations; item = item->next, n++) {
        if (strcmp(MINKE_CONTAINER(item, reservation_t, siblings)->asked_for, multiaddr) == 0)
            return MINKE_ERROR_EXISTS;
    }
    if (n == MINKE_RESERVATIONS_MAX) return MINKE_ERROR_LIMIT;
    reservation_t *r = minke__alloc_zero(&node->env, sizeof *r);
    if (r == NULL || minke__node_timer_init(node, &r->timer, on_timer) < 0) {
        minke__free(&node->env, r);
        return MINKE_ERROR_NO_MEMORY;
    }
    r->relay = relay;
    r->target = target;
    r->retry_s = RETRY_FIRST_S;
    memcpy(r->asked_for, multiaddr, strlen(multiaddr)); /* it was parsed, so it fits */
    minke__list_init(&r->siblings);
    minke__list_append(&node->reservations, &r->siblings);
    begin(node, r);
    return MINKE_OK;
}

void minke__reservations_free(minke_node_t *node)
{
    for (minke_list_t *item; (item = minke__list_pop(&node->reservations)) != NULL;) {
        reservation_t *r = MINKE_CONTAINER(item, reservation_t, siblings);
        forget_question(node, r);
        minke__node_timer_free(node, &r->timer);
        while (r->addresses_n > 0) minke__free(&node->env, r->addresses[--r->addresses_n]);
        minke__free(&node->env, r);
    }
}

bool minke__node_has_reservations(const minke_node_t *node) { return !minke__list_empty(&node->reservations); }

/* ---- who calls: the stop protocol */

typedef struct call {
    minke_frame_inbox_t inbox;
} call_t;

/* Only a relay that we reserved at may bring callers: anybody else could pass bytes of his own making for a circuit's.
 */
static bool is_our_relay(const minke_node_t *node, const minke_node_connection_t *c)
{
    for (const minke_list_t *item = node->reservations.next; item != &node->reservations; item = item->next) {
        const reservation_t *r = MINKE_CONTAINER(item, reservation_t, siblings);
        if ((r->state == ASKING || r->state == HELD) && r->connection == c->id) return true;
    }
    return false;
}

/* As minke__node_accept judges carriers. */
static bool has_room(minke_node_t *node)
{
    if (!minke__account_is_crowded(node->env.account)) return minke__bytes_admit(node->bytes, true) == MINKE_OK;
    node->env.counters->memory_refused++;
    return false;
}

static minke_relay_status_t judge_call(minke_node_t *node, const minke_node_stream_t *s, int read,
                                       const minke_relay_message_t *message)
{
    if (read < 0) return MINKE_RELAY_STATUS_MALFORMED_MESSAGE;
    if (message->type != MINKE_STOP_CONNECT) return MINKE_RELAY_STATUS_UNEXPECTED_MESSAGE;
    if (message->peer.id.len == 0) return MINKE_RELAY_STATUS_MALFORMED_MESSAGE;
    if (!is_our_relay(node, s->connection)) return MINKE_RELAY_STATUS_PERMISSION_DENIED;
    return has_room(node) ? MINKE_RELAY_STATUS_OK : MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED;
}

static void free_call(minke_node_t *node, minke_node_stream_t *s)
{
    call_t *call = s->state;
    s->state = NULL;
    if (call == NULL) return;
    minke__frame_inbox_free(&call->inbox);
    minke__free(&node->env, call);
}

static void answer_call(minke_node_t *node, minke_node_stream_t *s, int read)
{
    call_t *call = s->state;
    minke_relay_message_t message = {0};
    if (read == MINKE_OK) read = minke__stop_read(call->inbox.message, call->inbox.len, &message);
    const minke_relay_status_t status = judge_call(node, s, read, &message);
    const minke_relay_message_t answer = {.type = MINKE_STOP_STATUS, .status = status};
    const minke_peer_id_t caller = message.peer.id;
    const minke_relay_limit_t limit = message.limit;
    free_call(node, s);
    const bool answered = minke__relay_write(node, s, minke__stop_write, &answer);
    if (!answered || status != MINKE_RELAY_STATUS_OK) {
        if (answered) (void)minke__link_finish(node, s->id);
        minke__node_drain(node, s);
        return;
    }
    if (minke__circuit_begin(node, s, true, &caller, &limit) == 0) return;
    s->service->run(node, s); /* the caller's first bytes may be here */
}

static void run_call(minke_node_t *node, minke_node_stream_t *s)
{
    if (s->state == NULL) {
        call_t *call = minke__alloc_zero(&node->env, sizeof *call);
        if (call == NULL) {
            (void)minke__link_reset(node, s->id, 0);
            return;
        }
        minke__frame_inbox_init(&call->inbox, &node->env, MINKE_RELAY_MESSAGE_MAX);
        s->state = call;
    }
    call_t *call = s->state;
    const int result = minke__relay_read(node, s, &call->inbox);
    if (result == MINKE_ERROR_NO_MEMORY) (void)minke__link_reset(node, s->id, 0);
    else if (result != MINKE_ERROR_AGAIN) answer_call(node, s, result);
}

const minke_service_t minke__service_stop = {
    .protocol = "/libp2p/circuit/relay/0.2.0/stop", .short_lived = true, .run = run_call, .done = free_call};
