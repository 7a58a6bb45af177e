#include "host/signalling.h"

#include <string.h>

#include "base/frame_inbox.h"
#include "host/link.h"
#include "signalling/message.h"
#include "webrtc/connection.h"

#define SECOND ((minke_time_t)1000000)

enum {
    OWN_MESSAGE_MAX = 2048, /* our descriptions and candidates are shorter by far */
    MESSAGES_MAX = 256,     /* of who signals on and on: js and browsers need some ten candidates */
    SESSIONS_MAX = 32,
    SESSIONS_OF_PEER_MAX = 2,
    CIRCUIT_KEPT_S = 15,
    LISTENER_S = 30
};

typedef struct session {
    minke_list_t siblings;
    minke_map_node_t by_below;
    minke_node_timer_t timer;      /* dialer: the circuit is closed; listener: the stream is given up */
    minke_connection_t below;      /* the transport's; 0: not yet, or no more */
    minke_connection_t circuit;    /* the application's number of the connection that carries the signals */
    minke_node_attempt_t *attempt; /* dialer, until it is decided */
    minke_node_stream_t *stream;   /* NULL: it has ended */
    minke_frame_inbox_t inbox;
    minke_byte_queue_t unsent;
    unsigned messages;
    bool dialer, connected, described; /* described: the remote's offer or answer has come */
} session_t;

/* ---- life */

static session_t *find(const minke_node_t *node, minke_connection_t below)
{
    for (minke_map_node_t *item = minke__map_first(&node->signalled, below); item != NULL;
         item = minke__map_next(item)) {
        session_t *x = MINKE_CONTAINER(item, session_t, by_below);
        if (x->below == below) return x;
    }
    return NULL;
}

static void free_session(minke_node_t *node, session_t *x)
{
    minke__list_remove(&x->siblings);
    if (x->below != 0) minke__map_remove(&node->signalled, &x->by_below);
    minke__node_timer_free(node, &x->timer);
    minke__frame_inbox_free(&x->inbox);
    minke__byte_queue_free(&x->unsent, &node->env);
    minke__free(&node->env, x);
}

/* Neither a stream nor a connection in the making is left, and no circuit waits to be closed. */
static void free_if_over(minke_node_t *node, session_t *x)
{
    const bool waits = x->connected && x->dialer && x->circuit != 0;
    if (x->stream == NULL && (x->below == 0 || x->connected) && !waits) free_session(node, x);
}

void minke__signalling_free(minke_node_t *node)
{
    for (minke_list_t *item; (item = node->signalling.next) != &node->signalling;) {
        free_session(node, MINKE_CONTAINER(item, session_t, siblings));
    }
}

static size_t count(const minke_node_t *node, minke_connection_t circuit)
{
    size_t n = 0;
    for (const minke_list_t *item = node->signalling.next; item != &node->signalling; item = item->next) {
        const session_t *x = MINKE_CONTAINER(item, session_t, siblings);
        n += x->stream != NULL && (circuit == 0 || x->circuit == circuit);
    }
    return n;
}

/* Circuits are closed by time, and only those that a dial was made for and nobody else uses. */
static void close_circuit(minke_node_t *node, minke_node_timer_t *timer)
{
    session_t *x = MINKE_CONTAINER(timer, session_t, timer);
    const minke_node_connection_t *c = minke__node_connection(node, x->circuit);
    x->circuit = 0;
    if (c != NULL && c->relayed && c->dial != NULL && c->dial->quiet && c->user == NULL &&
        minke__list_empty(&c->streams)) {
        (void)minke__link_close(node, c->below, "there is a direct connection now");
    }
    free_if_over(node, x);
}

/* Whoever has not come to an end by now never will. */
static void end_stream(minke_node_t *node, minke_node_timer_t *timer)
{
    const session_t *x = MINKE_CONTAINER(timer, session_t, timer);
    if (x->stream != NULL) (void)minke__link_reset(node, x->stream->id, 0);
}

static session_t *new_session(minke_node_t *node, minke_node_connection_t *circuit, bool dialer)
{
    session_t *x = minke__alloc_zero(&node->env, sizeof *x);
    if (x == NULL || minke__node_timer_init(node, &x->timer, dialer ? close_circuit : end_stream) < 0) {
        minke__free(&node->env, x);
        return NULL;
    }
    x->circuit = circuit->id;
    x->dialer = dialer;
    minke__frame_inbox_init(&x->inbox, &node->env, MINKE_SIGNALLING_MESSAGE_MAX);
    minke__list_init(&x->siblings);
    minke__list_append(&node->signalling, &x->siblings);
    if (!dialer) minke__node_timer_set(node, &x->timer, node->now + LISTENER_S * SECOND);
    return x;
}

static bool attach(minke_node_t *node, session_t *x, minke_connection_t below)
{
    x->below = below;
    if (minke__map_insert(&node->signalled, &x->by_below, below) == MINKE_OK) return true;
    x->below = 0;
    (void)minke__link_close(node, below, "out of memory");
    return false;
}

/* ---- out */

static void flush(minke_node_t *node, session_t *x)
{
    if (x->stream == NULL || minke__node_stream_waits(node, x->stream)) return;
    (void)minke__link_flush(node, x->stream->id, &x->unsent);
}

void minke__signalling_signal(minke_node_t *node, const minke_transport_event_t *from)
{
    session_t *x = find(node, from->connection);
    if (x == NULL || x->stream == NULL) return; /* the remote has heard enough */
    uint8_t space[MINKE_SIGNALLING_PREFIX_MAX + OWN_MESSAGE_MAX];
    minke_writer_t w = minke__writer(space, sizeof space);
    const minke_signalling_message_t message = {.type = (minke_signalling_type_t)from->signal,
                                                .data = {(const uint8_t *)from->text, strlen(from->text)}};
    if (minke__signalling_write(&message, &w) < 0 ||
        minke__byte_queue_append(&x->unsent, &node->env, w.data, w.len) < 0) {
        (void)minke__link_reset(node, x->stream->id, 0);
    }
    flush(node, x);
}

/* ---- in */

static void give_up(minke_node_t *node, session_t *x, int code, const char *text)
{
    minke_node_attempt_t *attempt = x->attempt;
    x->attempt = NULL;
    if (x->stream != NULL) (void)minke__link_reset(node, x->stream->id, 0);
    if (attempt == NULL) {
        if (x->below != 0) (void)minke__link_close(node, x->below, text);
        return;
    }
    const minke_close_t reason = minke__close_reason(MINKE_LAYER_HOST, code, text);
    attempt->signalling = NULL;
    minke__attempt_failed(node, attempt, &reason);
}

static void private_options(const minke_node_t *node, const minke_node_connection_t *c,
                            minke_private_options_t *options)
{
    minke_private_defaults(options);
    options->peer = c->peer;
    options->stun_servers = node->stun_servers;
    options->stun_servers_n = node->stun_servers_n;
}

static void take_offer(minke_node_t *node, session_t *x, const char *text, size_t len)
{
    minke_private_options_t options;
    minke_connection_t below;
    const char *why = NULL;
    private_options(node, x->stream->connection, &options);
    const int error = minke_transport_answer(node->transport, &options, text, len, node->now, &below, &why);
    if (error == MINKE_OK && attach(node, x, below)) return;
    give_up(node, x, error, why != NULL ? why : minke_error_text(error));
}

/* A candidate that is none is passed over; an answer that is none ends the connection, which is told as an event. */
static void pass_on(const minke_node_t *node, const session_t *x, minke_signal_t signal, const char *text, size_t len)
{
    const int error = minke_transport_signal(node->transport, x->below, signal, text, len, node->now);
    (void)error;
}

static void take_message(minke_node_t *node, session_t *x, const minke_signalling_message_t *message)
{
    const bool first = !x->described;
    const minke_signal_t expected = x->dialer ? MINKE_SIGNAL_ANSWER : MINKE_SIGNAL_OFFER;
    const char *text = (const char *)message->data.data;
    if (first && (int)message->type != (int)expected) {
        give_up(node, x, MINKE_ERROR_MALFORMED, "the remote did not signal in the order that it should");
        return;
    }
    x->described = true;
    if (first && !x->dialer) take_offer(node, x, text, message->data.len);
    else if (first) pass_on(node, x, MINKE_SIGNAL_ANSWER, text, message->data.len);
    else if (message->type == MINKE_SIGNALLING_ICE_DONE) pass_on(node, x, MINKE_SIGNAL_CANDIDATE, "", 0);
    else if (message->type == MINKE_SIGNALLING_ICE_CANDIDATE)
        pass_on(node, x, MINKE_SIGNAL_CANDIDATE, text, message->data.len);
    /* else: nobody should, and it changes nothing (spec/webrtc-private.md 11) */
}

/* False: nothing more, for now or for good. */
static bool take_frame(minke_node_t *node, session_t *x)
{
    const uint8_t *data;
    size_t taken;
    minke_signalling_message_t message;
    const ssize_t n = minke__link_peek(node, x->stream->id, &data);
    if (n <= 0) return false;
    int result = minke__frame_inbox_take(&x->inbox, data, (size_t)n, &taken);
    (void)minke__link_consume(node, x->stream->id, taken);
    if (result == MINKE_ERROR_AGAIN) return true;
    if (result == MINKE_OK) result = minke__signalling_read(x->inbox.message, x->inbox.len, &message);
    if (result == MINKE_OK && ++x->messages > MESSAGES_MAX) result = MINKE_ERROR_LIMIT;
    if (result == MINKE_OK) take_message(node, x, &message);
    else give_up(node, x, result, "what the remote signals cannot be read, or is too much");
    minke__frame_inbox_free(&x->inbox);
    return result == MINKE_OK;
}

static void run_session(minke_node_t *node, minke_node_stream_t *s)
{
    session_t *x = s->state;
    flush(node, x);
    if (x->dialer && x->below == 0) return; /* given up */
    while (x->stream != NULL && take_frame(node, x)) continue;
    const uint8_t *data;
    if (x->stream != NULL && minke__link_peek(node, s->id, &data) == 0 && x->unsent.len == 0) {
        (void)minke__link_finish(node, s->id);
    }
}

/* A dialer whose first question was never answered learns so; after that the stream has done its work. */
static void session_done(minke_node_t *node, minke_node_stream_t *s)
{
    session_t *x = s->state;
    if (x == NULL) return;
    x->stream = NULL;
    if (x->attempt != NULL && !x->described) {
        give_up(node, x, s->refused ? MINKE_ERROR_UNSUPPORTED : MINKE_ERROR_STREAM_RESET,
                s->refused ? "the peer does not speak /webrtc-signaling/0.0.1: it has no direct connections to offer"
                           : "the peer did not answer the offer");
    }
    free_if_over(node, x);
}

/* ---- the listener's side */

static void run_inbound(minke_node_t *node, minke_node_stream_t *s)
{
    if (s->state == NULL) {
        const bool full = count(node, 0) >= SESSIONS_MAX || count(node, s->connection->id) >= SESSIONS_OF_PEER_MAX;
        session_t *x = full ? NULL : new_session(node, s->connection, false);
        if (x == NULL) {
            (void)minke__link_reset(node, s->id, 0);
            minke__node_drain(node, s);
            return;
        }
        x->stream = s;
        s->state = x;
    }
    run_session(node, s);
}

const minke_service_t minke__service_signalling = {
    .protocol = "/webrtc-signaling/0.0.1", .on_limited = true, .run = run_inbound, .done = session_done};

/* ---- the dialer's side */

static const minke_service_t signalling_dial = {
    .protocol = "/webrtc-signaling/0.0.1", .on_limited = true, .run = run_session, .done = session_done};

void minke__signalling_dial(minke_node_t *node, minke_node_attempt_t *attempt, minke_node_connection_t *carrier)
{
    minke_private_options_t options;
    minke_connection_t below;
    session_t *x = new_session(node, carrier, true);
    int error = x != NULL
                    ? minke__node_open_stream(node, carrier, signalling_dial.protocol, &signalling_dial, &x->stream)
                    : MINKE_ERROR_NO_MEMORY;
    if (error == MINKE_OK) {
        x->stream->state = x;
        x->attempt = attempt;
        attempt->signalling = x;
        minke__list_remove(&x->stream->waiting); /* the dial's own limit counts */
        private_options(node, carrier, &options);
        /* A little earlier than the dial, so that what is told is its reason. */
        const minke_time_t left = attempt->dial->give_up_at - node->now;
        options.give_up_after = left > SECOND ? left - SECOND / 4 : left;
        error = minke_transport_offer(node->transport, &options, node->now, &below);
    }
    if (error == MINKE_OK && attach(node, x, below)) {
        minke__attempt_relayed(node, attempt, below);
        return;
    }
    if (x != NULL && x->stream != NULL) {
        give_up(node, x, error, minke_error_text(error));
        return;
    }
    if (x != NULL) free_session(node, x);
    const minke_close_t reason = minke__close_reason(MINKE_LAYER_HOST, error, minke_error_text(error));
    minke__attempt_failed(node, attempt, &reason);
}

void minke__signalling_forget(minke_node_t *node, minke_node_attempt_t *attempt)
{
    session_t *x = attempt->signalling;
    attempt->signalling = NULL;
    if (x == NULL) return;
    x->attempt = NULL;
    if (!x->connected && x->stream != NULL) (void)minke__link_reset(node, x->stream->id, 0);
}

/* ---- what becomes of it */

void minke__signalling_connected(minke_node_t *node, minke_connection_t below)
{
    session_t *x = find(node, below);
    if (x == NULL) return;
    x->connected = true;
    if (x->attempt != NULL) x->attempt->signalling = NULL;
    x->attempt = NULL;
    if (x->stream != NULL) {
        (void)minke__link_finish(node, x->stream->id);
        minke__node_limit_time(node, x->stream); /* that the remote ends it too */
    }
    if (x->dialer) minke__node_timer_set(node, &x->timer, node->now + CIRCUIT_KEPT_S * SECOND);
    free_if_over(node, x);
}

bool minke__signalling_closed(minke_node_t *node, minke_connection_t below)
{
    session_t *x = find(node, below);
    if (x == NULL) return false;
    const bool came_up = x->connected;
    minke__map_remove(&node->signalled, &x->by_below);
    x->below = 0;
    if (!came_up && x->stream != NULL) (void)minke__link_reset(node, x->stream->id, 0);
    free_if_over(node, x);
    return !came_up;
}
