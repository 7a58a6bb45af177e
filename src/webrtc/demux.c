/*
 * Where a datagram belongs (spec/webrtc-direct.md 4, 5.2):
 *
 *   first byte 0..3    STUN   request:  by the ufrag in USERNAME -> connection, else strangers; a dial's socket
 *                                       has one connection, and no strangers
 *                                       without USERNAME, to a listener that serves STUN -> responder
 *                             response: by address -> connection, else strangers; a STUN server's by the socket
 *   first byte 20..63  DTLS   ClientHello from a stranger -> new connection; else by address
 *   anything else      not ours
 */
#include <string.h>

#include "webrtc/dial.h"
#include "webrtc/observe.h"
#include "webrtc/private.h"
#include "webrtc/quiet.h"

static bool is_stun(uint8_t first) { return first <= 3; }
static bool is_dtls(uint8_t first) { return first >= 20 && first <= 63; }

/* The part of USERNAME before the first colon names who is asked. */
static minke_ice_session_t *asked_for(const minke_transport_t *t, const minke_stun_message_t *message,
                                      const minke_path_t *path)
{
    if (message->username == NULL) return NULL;
    size_t len = 0;
    while (len < message->username_len && message->username[len] != ':') len++;
    return minke__endpoint_by_ufrag(t, message->username, len, path);
}

/* A private connection has its sockets to itself. */
static minke_ice_session_t *private_session_on(const minke_transport_t *t, minke_socket_t socket)
{
    const minke_connection_state_t *c = minke__endpoint_socket_owner(t, socket);
    return c != NULL && c->private_part != NULL ? c->session : NULL;
}

static minke_ice_session_t *stun_owner(const minke_transport_t *t, const minke_stun_message_t *message,
                                       const minke_path_t *path)
{
    const bool asks = message->type == MINKE_STUN_BINDING_REQUEST;
    minke_ice_session_t *session = asks ? asked_for(t, message, path) : NULL;
    if (session != NULL || (asks && minke__endpoint_listens(t, path->socket))) return session;
    session = minke__endpoint_by_path(t, path);
    if (session == NULL) session = private_session_on(t, path->socket);
    if (session == NULL || asks || message->type == MINKE_STUN_BINDING_INDICATION) return session;
    return minke__ice_expects(session->ice, message->transaction_id) ? session : NULL;
}

static void recv_stun(minke_transport_t *t, const uint8_t *data, size_t len, const minke_path_t *path, minke_time_t now)
{
    minke_stun_message_t message;
    if (!minke__stun_looks_like(data, len) || !minke__stun_parse(data, len, &message)) {
        t->counters.stun_malformed++;
        return;
    }
    if (t->responder != NULL && minke__responder_serves(&message) && minke__endpoint_listens(t, path->socket)) {
        minke__responder_recv(t->responder, &message, path, now);
        return;
    }
    minke_ice_session_t *session = stun_owner(t, &message, path);
    if (session == NULL) {
        if (minke__endpoint_listens(t, path->socket)) minke__strangers_recv(t->strangers, &message, path, now);
        else t->counters.datagrams_unknown_source++;
        return;
    }
    minke_connection_state_t *c = session->owner;
    if (c->dial == NULL) {
        minke__quiet_recv(t, c, &message, path, now);
        return;
    }
    minke__dial_recv(t, c, session, &message, path, now);
    minke__endpoint_touch(t, c);
}

static bool is_client_hello(const uint8_t *data, size_t len)
{
    enum { HANDSHAKE = 22, CLIENT_HELLO = 1, RECORD_HEADER_BYTES = 13 };
    return len > RECORD_HEADER_BYTES && data[0] == HANDSHAKE && data[3] == 0 && data[4] == 0 &&
           data[RECORD_HEADER_BYTES] == CLIENT_HELLO;
}

static minke_connection_state_t *make_connection(minke_transport_t *t, const minke_stranger_t *stranger,
                                                 minke_time_t now)
{
    const minke_connection_t id = minke__endpoint_reserve(t);
    minke_connection_state_t *c =
        id != 0 ? minke__connection_accept(&t->config, stranger, id, t->options.handshake_after, now) : NULL;
    if (c == NULL) {
        minke__handles_remove(&t->connections, id);
        return NULL;
    }
    if (minke__endpoint_add(t, c) < 0) return NULL;
    if (minke__origin_enter(t, &stranger->path.remote, &c->origin) == MINKE_OK) return c;
    minke__endpoint_remove(t, c);
    return NULL;
}

/* The limits for those who come. What is refused costs nothing, and asks again by itself. */
static bool is_full(minke_transport_t *t, const minke_path_t *path, minke_time_t now)
{
    const minke_transport_options_t *o = &t->options;
    const struct {
        bool reached;
        const char *option;
        uint64_t limit;
        uint64_t *counter;
    } limits[] = {
        {minke__origin_connections(t, &path->remote) >= o->connections_per_address_max, "connections_per_address_max",
         o->connections_per_address_max, &t->counters.address_refused},
        {minke__account_is_crowded(&t->account), "memory_max", o->memory_max, &t->counters.memory_refused},
        {t->connections.count >= o->connections_max, "connections_max", o->connections_max,
         &t->counters.connections_refused},
        {t->handshakes >= o->handshakes_max, "handshakes_max", o->handshakes_max, &t->counters.handshakes_refused},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (!limits[i].reached) continue;
        ++*limits[i].counter;
        minke__trace(&t->env, now, 0, MINKE_TRACE_HOST_LIMIT_REACHED, limits[i].option, limits[i].limit);
        return true;
    }
    return false;
}

/*
 * A ClientHello from an address that has passed a check: state is made here and not earlier. Where the address belongs
 * to another connection already (a NAT has given it out again), only a stranger that has proved it takes it over.
 */
static minke_connection_state_t *accept(minke_transport_t *t, const minke_path_t *path, minke_ice_session_t *owner,
                                        minke_time_t now)
{
    minke_stranger_t stranger;
    if (owner != NULL && !minke__strangers_validated(t->strangers, path)) return NULL;
    if (is_full(t, path, now)) return NULL;
    if (!minke__strangers_take(t->strangers, path, now, &stranger)) return NULL;
    minke_ice_session_t *known = minke__endpoint_by_ufrag(t, stranger.local.ufrag, strlen(stranger.local.ufrag), path);
    if (known != NULL && known != owner) { /* one dialer on several interfaces: another pair of its connection */
        return minke__ice_adopt_stranger(known->ice, &stranger, now) == MINKE_OK ? known->owner : NULL;
    }
    if (owner != NULL) {
        minke__ice_remove_pair(owner->ice, path, now);
        minke__endpoint_touch(t, owner->owner);
    }
    return make_connection(t, &stranger, now);
}

static void recv_dtls(minke_transport_t *t, const minke_train_t *train, const minke_path_t *path, minke_time_t now)
{
    minke_ice_session_t *session = minke__endpoint_sender(t, path);
    minke_connection_state_t *c = session != NULL ? session->owner : NULL;
    if (is_client_hello(train->data, train->len)) {
        minke_connection_state_t *accepted = accept(t, path, session, now);
        if (accepted != NULL) c = accepted;
    }
    if (c == NULL) {
        t->counters.datagrams_unknown_source++;
        return;
    }
    if (c->dial != NULL) minke__hello_keep(c->env, c->hello, train, path);
    else minke__connection_recv_dtls(c, train, path, now);
    minke__endpoint_touch(t, c);
}

/* GRO joins whatever has one size, so checks and records may share a train: cut it into runs of one kind. */
int minke_transport_recv(minke_transport_t *t, const minke_train_t *train, const minke_path_t *path, minke_time_t now)
{
    if (train->len == 0 || train->segment_len == 0) return MINKE_OK;
    if (!is_stun(train->data[0]) && !is_dtls(train->data[0])) {
        t->counters.datagrams_not_mine++;
        return MINKE_ERROR_NOT_MINE;
    }
    t->counters.bytes_received += train->len;
    if (minke__tapping(&t->env)) {
        const minke_ice_session_t *session = minke__endpoint_by_path(t, path);
        minke__tap_train(&t->env, session != NULL ? session->owner->id : 0, true, train, path, now);
    }
    for (size_t at = 0, next; at < train->len; at = next) {
        next = at + train->segment_len < train->len ? at + train->segment_len : train->len;
        t->counters.datagrams_received++;
        if (is_stun(train->data[at])) {
            recv_stun(t, train->data + at, next - at, path, now);
            continue;
        }
        while (next < train->len && is_dtls(train->data[next])) {
            next = next + train->segment_len < train->len ? next + train->segment_len : train->len;
            t->counters.datagrams_received++;
        }
        const minke_train_t run = {train->data + at, next - at, train->segment_len};
        if (is_dtls(train->data[at])) recv_dtls(t, &run, path, now);
    }
    return MINKE_OK;
}
