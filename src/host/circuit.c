#include "host/circuit.h"

#include <string.h>

#include "host/dial.h"
#include "host/link.h"

typedef struct circuit {
    minke_carrier_t carrier; /* first: the byte connections hand this back */
    minke_connection_t connection;
    minke_node_stream_t *stream; /* NULL: it has ended */
    minke_byte_queue_t unsent;   /* what the stream had no room for */
    minke_multiaddr_t relay;     /* as write_address has it; len 0: too long */
} circuit_t;

enum { PIECE = 16384 };

/* ---- messages */

int minke__relay_read(minke_node_t *node, minke_node_stream_t *s, minke_frame_inbox_t *inbox)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke__link_peek(node, s->id, &data)) > 0) {
        size_t taken;
        const int result = minke__frame_inbox_take(inbox, data, (size_t)n, &taken);
        (void)minke__link_consume(node, s->id, taken);
        if (result != MINKE_ERROR_AGAIN) return result;
    }
    return n == MINKE_ERROR_AGAIN ? MINKE_ERROR_AGAIN : MINKE_ERROR_CONNECTION_CLOSED;
}

bool minke__relay_write(minke_node_t *node, minke_node_stream_t *s,
                        int (*write)(const minke_relay_message_t *message, minke_writer_t *out),
                        const minke_relay_message_t *message)
{
    uint8_t space[MINKE_RELAY_MESSAGE_MAX + MINKE_RELAY_PREFIX_MAX];
    minke_writer_t w = minke__writer(space, sizeof space);
    if (write(message, &w) == MINKE_OK && minke__link_write(node, s->id, space, w.len) == (ssize_t)w.len) return true;
    (void)minke__link_reset(node, s->id, 0);
    return false;
}

minke_close_t minke__relay_failure(int code, const char *text)
{
    minke_close_t reason = {.layer = MINKE_LAYER_RELAY, .code = code, .by_remote = true};
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    minke__write_text(&w, text);
    minke__write_terminator(&w);
    return reason;
}

minke_close_t minke__relay_refusal(uint64_t status)
{
    minke_close_t reason = {.layer = MINKE_LAYER_RELAY, .code = (int)(status & 0xffff), .by_remote = true};
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    minke__write_text(&w, minke__relay_status_text(status));
    minke__write_text(&w, " (");
    minke__write_decimal(&w, status);
    minke__write_text(&w, "): ");
    minke__write_text(&w, minke__relay_status_sentence(status));
    minke__write_terminator(&w);
    return reason;
}

/* ---- bytes of the circuit */

static void end_connection(minke_node_t *node, circuit_t *c)
{
    minke_close_t reason = minke__relay_failure(MINKE_ERROR_CONNECTION_CLOSED, "the circuit over the relay has ended");
    minke__bytes_disconnected(node->bytes, c->connection, &reason, node->now);
}

void minke__circuit_send(minke_node_t *node, minke_carrier_t *carrier)
{
    circuit_t *c = (circuit_t *)(void *)carrier;
    uint8_t piece[PIECE];
    while (c->stream != NULL && minke__link_flush(node, c->stream->id, &c->unsent)) {
        const size_t n = minke__bytes_transmit(node->bytes, c->connection, piece, sizeof piece, node->now);
        if (n == 0) return;
        const ssize_t taken = minke__link_write(node, c->stream->id, piece, n);
        const size_t done = taken > 0 ? (size_t)taken : 0;
        if (done < n && minke__byte_queue_append(&c->unsent, &node->env, piece + done, n - done) < 0) {
            end_connection(node, c);
            return;
        }
    }
}

static void run_circuit(minke_node_t *node, minke_node_stream_t *s)
{
    circuit_t *c = s->state;
    uint8_t piece[PIECE];
    const uint8_t *data;
    ssize_t n;
    while ((n = minke__link_peek(node, s->id, &data)) > 0) {
        if (n > PIECE) n = PIECE;
        memcpy(piece, data, (size_t)n); /* it is decrypted in place, and a stream's bytes are not ours to change */
        (void)minke__link_consume(node, s->id, (size_t)n);
        minke__bytes_recv(node->bytes, c->connection, piece, (size_t)n, node->now);
    }
    if (n != MINKE_ERROR_AGAIN) end_connection(node, c);
    else minke__bytes_touch(node->bytes, c->connection);
}

static void circuit_done(minke_node_t *node, minke_node_stream_t *s)
{
    circuit_t *c = s->state;
    c->stream = NULL;
    end_connection(node, c);
}

static const minke_service_t circuit_service = {.protocol = "", .run = run_circuit, .done = circuit_done};

void minke__circuit_release(minke_node_t *node, minke_carrier_t *carrier)
{
    circuit_t *c = (circuit_t *)(void *)carrier;
    minke_node_stream_t *s = c->stream;
    if (s != NULL) {
        if (minke__link_flush(node, s->id, &c->unsent)) (void)minke__link_finish(node, s->id);
        else (void)minke__link_reset(node, s->id, 0);
        minke__node_drain(node, s);
    }
    minke__byte_queue_free(&c->unsent, &node->env);
    minke__free(&node->env, c);
}

/* ---- a stream becomes a circuit */

static void note_relay(circuit_t *c, const minke_node_connection_t *relay, const minke_peer_id_t *id)
{
    if (minke__multiaddr_parse(relay->address, strlen(relay->address), &c->relay) < 0 ||
        minke__multiaddr_append(&c->relay, MINKE_MULTIADDR_P2P, id->bytes, id->len) < 0 ||
        minke__multiaddr_append(&c->relay, MINKE_MULTIADDR_P2P_CIRCUIT, NULL, 0) < 0) {
        c->relay.len = 0;
    }
}

int minke__circuit_address(const minke_carrier_t *carrier, minke_multiaddr_t *out)
{
    const circuit_t *c = (const circuit_t *)(const void *)carrier;
    *out = c->relay;
    return out->len > 0 ? MINKE_OK : MINKE_ERROR_STATE;
}

minke_connection_t minke__circuit_begin(minke_node_t *node, minke_node_stream_t *s, bool inbound,
                                        const minke_peer_id_t *peer, const minke_relay_limit_t *limit)
{
    circuit_t *c = minke__alloc_zero(&node->env, sizeof *c);
    if (c != NULL) {
        c->carrier = (minke_carrier_t){.circuit = true, .limited = limit->present};
        minke__list_init(&c->carrier.released);
        c->stream = s;
        note_relay(c, s->connection, minke__link_peer(node, s->connection->below));
    }
    if (c == NULL || minke__bytes_add(node->bytes, &c->carrier, inbound, peer, node->now, &c->connection) < 0) {
        minke__free(&node->env, c);
        (void)minke__link_reset(node, s->id, 0);
        return 0;
    }
    s->service = &circuit_service;
    s->state = c;
    minke__list_remove(&s->waiting); /* its own time limits are those of the connection */
    return c->connection;
}

/* ---- the dialer asks its relay */

typedef struct question {
    minke_node_attempt_t *attempt; /* NULL: nobody waits for the answer */
    minke_frame_inbox_t inbox;
    bool asked;
} question_t;

static void fail_attempt(minke_node_t *node, minke_node_stream_t *s, question_t *q, const minke_close_t *reason)
{
    minke_node_attempt_t *attempt = q->attempt;
    q->attempt = NULL;
    (void)minke__link_reset(node, s->id, 0);
    if (attempt == NULL) return;
    attempt->hop = NULL;
    minke__attempt_failed(node, attempt, reason);
}

static void free_question(minke_node_t *node, question_t *q)
{
    minke__frame_inbox_free(&q->inbox);
    minke__free(&node->env, q);
}

static void take_answer(minke_node_t *node, minke_node_stream_t *s, question_t *q)
{
    minke_relay_message_t message;
    const bool is_answer = minke__hop_read(q->inbox.message, q->inbox.len, &message) == MINKE_OK;
    if (!is_answer || message.type != MINKE_HOP_STATUS || message.status != MINKE_RELAY_STATUS_OK) {
        const minke_close_t reason =
            is_answer && message.type == MINKE_HOP_STATUS
                ? minke__relay_refusal(message.status)
                : minke__relay_failure(MINKE_ERROR_MALFORMED, "what the relay answers cannot be read");
        fail_attempt(node, s, q, &reason);
        return;
    }
    minke_node_attempt_t *attempt = q->attempt;
    const minke_connection_t connection =
        minke__circuit_begin(node, s, false, &attempt->target.destination, &message.limit);
    if (connection == 0) {
        const minke_close_t reason = {
            .layer = MINKE_LAYER_HOST, .code = MINKE_ERROR_NO_MEMORY, .text = "out of memory, or connections_max"};
        fail_attempt(node, s, q, &reason);
        return;
    }
    free_question(node, q);
    minke__attempt_relayed(node, attempt, connection);
    run_circuit(node, s); /* the target's first bytes may be here */
}

static bool ask(minke_node_t *node, minke_node_stream_t *s, question_t *q)
{
    const minke_relay_message_t message = {.type = MINKE_HOP_CONNECT, .peer = {.id = q->attempt->target.destination}};
    q->asked = true;
    return minke__relay_write(node, s, minke__hop_write, &message);
}

static void run_question(minke_node_t *node, minke_node_stream_t *s)
{
    question_t *q = s->state;
    if (q->attempt == NULL) return; /* the stream has been reset */
    if (!q->asked && !ask(node, s, q)) return;
    const int result = minke__relay_read(node, s, &q->inbox);
    if (result == MINKE_OK) {
        take_answer(node, s, q);
    } else if (result != MINKE_ERROR_AGAIN) {
        const minke_close_t reason = minke__relay_failure(result, result == MINKE_ERROR_CONNECTION_CLOSED
                                                                      ? "the relay ended the stream without an answer"
                                                                      : "what the relay answers cannot be read");
        fail_attempt(node, s, q, &reason);
    }
}

static void question_done(minke_node_t *node, minke_node_stream_t *s)
{
    question_t *q = s->state;
    minke_node_attempt_t *attempt = q->attempt;
    free_question(node, q);
    if (attempt == NULL) return;
    const minke_close_t reason =
        s->refused ? minke__relay_failure(MINKE_ERROR_UNSUPPORTED, "that peer is no relay (it does not serve hop)")
                   : minke__relay_failure(MINKE_ERROR_STREAM_RESET, "the relay reset the stream instead of an answer");
    attempt->hop = NULL;
    minke__attempt_failed(node, attempt, &reason);
}

static const minke_service_t hop_connect = {
    .protocol = "/libp2p/circuit/relay/0.2.0/hop", .run = run_question, .done = question_done};

void minke__circuit_dial(minke_node_t *node, minke_node_attempt_t *attempt, minke_node_connection_t *relay)
{
    minke_node_stream_t *s;
    question_t *q = minke__alloc_zero(&node->env, sizeof *q);
    int error = q != NULL ? MINKE_OK : MINKE_ERROR_NO_MEMORY;
    if (error == MINKE_OK) error = minke__node_open_stream(node, relay, hop_connect.protocol, &hop_connect, &s);
    if (error < 0) {
        minke__free(&node->env, q);
        const minke_close_t reason = minke__relay_failure(error, minke_error_text(error));
        minke__attempt_failed(node, attempt, &reason);
        return;
    }
    minke__list_remove(&s->waiting); /* the dial's own limit counts: the relay has somebody to ask in turn */
    minke__frame_inbox_init(&q->inbox, &node->env, MINKE_RELAY_MESSAGE_MAX);
    q->attempt = attempt;
    s->state = q;
    attempt->hop = s;
}

void minke__circuit_forget(minke_node_t *node, minke_node_attempt_t *attempt)
{
    minke_node_stream_t *s = attempt->hop;
    if (s == NULL) return;
    ((question_t *)s->state)->attempt = NULL;
    attempt->hop = NULL;
    (void)minke__link_reset(node, s->id, 0);
}
