#include "webrtc/dial.h"

#include <assert.h>
#include <string.h>

#include "base/address.h"

/* RFC 8305 5 recommends 250 ms from one address to the next. */
static const minke_time_t next_address_after = 250 * 1000;
/* More than the round trip of nearly every path, and than js-libp2p takes, which answers no check before the second. */
static const minke_time_t second_version_after = 500 * 1000;

static minke_attempt_t *attempt_of(minke_dial_t *dial, size_t target, int version)
{
    return &dial->attempts[2 * target + (size_t)(version - 1)];
}

/* How the dial begins with a target. */
static minke_attempt_t *first_attempt_of(minke_dial_t *dial, size_t target)
{
    return attempt_of(dial, target, dial->version == 2 ? 2 : 1);
}

static void trace_dialling(const minke_connection_state_t *c, minke_time_t now)
{
    char address[MINKE_ADDRESS_TEXT_BYTES];
    if (!minke__tracing(c->env)) return;
    minke__address_text(&c->dial->plan.targets[0].address, address, sizeof address);
    minke__trace(c->env, now, c->id, MINKE_TRACE_HOST_DIALLING, address, c->dial->plan.targets_n);
}

static void trace(const minke_connection_state_t *c, minke_time_t now, minke_layer_t layer, minke_trace_id_t id,
                  const minke_attempt_t *attempt, const char *why)
{
    if (!minke__tracing(c->env)) return;
    char address[MINKE_ADDRESS_TEXT_BYTES], text[MINKE_ADDRESS_TEXT_BYTES + sizeof c->close.text];
    minke__address_text(&attempt->target->address, address, sizeof address);
    minke_writer_t w = minke__writer(text, sizeof text);
    minke__write_text(&w, address);
    if (why != NULL) minke__write_text(&w, ": ");
    if (why != NULL) minke__write_text(&w, why);
    minke__write_terminator(&w);
    minke__trace_of_layer(c->env, now, c->id, layer, id, text, (uint64_t)attempt->version);
}

/* ---- credentials ---- */

static void join(char *out, size_t capacity, const char *a, const char *b)
{
    minke_writer_t w = minke__writer(out, capacity);
    minke__write_text(&w, a);
    minke__write_text(&w, b);
    minke__write_terminator(&w);
}

/* spec/webrtc-direct.md 5.1: in v1 one string is everything, in v2 the server's ufrag carries the dialer's password. */
static void make_credentials(const minke_env_t *env, int version, minke_ice_credentials_t *local,
                             minke_ice_credentials_t *remote)
{
    enum { RANDOM_CHARS = 32 };
    char random[RANDOM_CHARS + 1];
    minke__ice_random_chars(env, random, RANDOM_CHARS);
    if (version == 1) {
        join(local->ufrag, sizeof local->ufrag, "libp2p+webrtc+v1/", random);
        memcpy(local->pwd, local->ufrag, sizeof local->pwd);
        *remote = *local;
    } else {
        minke__ice_random_chars(env, local->ufrag, RANDOM_CHARS);
        memcpy(local->pwd, random, sizeof random);
        join(remote->ufrag, sizeof remote->ufrag, "libp2p+webrtc+v2/", random);
        memcpy(remote->pwd, remote->ufrag, sizeof remote->pwd);
    }
}

/* ---- an attempt begins, fails, or wins ---- */

static minke_ice_session_t *new_session(minke_connection_state_t *c, int version, minke_time_t now)
{
    minke_ice_options_t options = {.controlling = true,
                                   .lite_remote = true,
                                   .handshake_after = c->give_up_at - now,
                                   .consent_after = c->config->silent_after};
    make_credentials(c->env, version, &options.local, &options.remote);
    return minke__session_new(c->env, c, c->id, &options, now);
}

/* A session in all tables, with its socket asked for. NULL when out of memory. */
static minke_ice_session_t *open_session(minke_transport_t *t, minke_connection_state_t *c,
                                         const minke_attempt_t *attempt, minke_time_t now)
{
    const minke_address_t any = {.family = attempt->target->address.family};
    minke_ice_session_t *session = new_session(c, attempt->version, now);
    if (session == NULL) return NULL;
    if (minke__endpoint_session_add(t, session) < 0) {
        minke__session_free(session);
        return NULL;
    }
    const minke_endpoint_socket_t *s = minke__endpoint_socket_new(t, &any, c->id);
    if (s == NULL) {
        minke__endpoint_session_remove(t, session);
        return NULL;
    }
    session->own_socket = s->id;
    return session;
}

static void fail(minke_transport_t *t, minke_connection_state_t *c, minke_attempt_t *attempt,
                 const minke_close_t *failure, minke_time_t now)
{
    minke_dial_t *dial = c->dial;
    trace(c, now, failure->layer, MINKE_TRACE_NONE_ATTEMPT_FAILED, attempt, failure->text);
    /* The highest layer says most: "no answer" more than "this machine has no IPv6". */
    if (failure->layer > dial->failure.layer) dial->failure = *failure;
    if (attempt->session != NULL) minke__endpoint_session_remove(t, attempt->session);
    attempt->session = NULL;
    /* What keeps version 1 from an address keeps version 2 from it too. */
    if (attempt->version == 1) attempt[1].begins_at = MINKE_TIME_NEVER;
    if (dial->begun_n < dial->plan.targets_n) first_attempt_of(dial, dial->begun_n)->begins_at = now;
}

static void plan_next(minke_dial_t *dial, minke_attempt_t *begun, minke_time_t now)
{
    if (dial->version == 0 && begun->version == 2) return;
    if (dial->version == 0) begun[1].begins_at = now + second_version_after;
    dial->begun_n++;
    if (dial->begun_n == dial->plan.targets_n) return;
    first_attempt_of(dial, dial->begun_n)->begins_at = now + next_address_after;
}

static void begin(minke_transport_t *t, minke_connection_state_t *c, minke_attempt_t *attempt, minke_time_t now)
{
    attempt->begins_at = MINKE_TIME_NEVER;
    plan_next(c->dial, attempt, now);
    trace(c, now, MINKE_LAYER_NETWORK, MINKE_TRACE_NETWORK_ATTEMPT_BEGUN, attempt, NULL);
    attempt->session = open_session(t, c, attempt, now);
    if (attempt->session != NULL) return;
    const minke_close_t failure = minke__close_reason(MINKE_LAYER_NETWORK, MINKE_ERROR_NO_MEMORY, "out of memory");
    fail(t, c, attempt, &failure, now);
}

static void win(minke_transport_t *t, minke_connection_state_t *c, minke_attempt_t *attempt, minke_time_t now)
{
    minke_ice_session_t *session = attempt->session;
    const minke_certhashes_t certhashes = attempt->target->certhashes;
    const int version = attempt->version;
    const bool first = attempt == c->dial->greeted && attempt->sent_n == 1 && !c->dial->hello_due;
    trace(c, now, MINKE_LAYER_ICE, MINKE_TRACE_ICE_ATTEMPT_WON, attempt, NULL);
    attempt->session = NULL;
    minke__dial_free(t, c);
    minke__connection_answered(c, session, version, &certhashes, first, now);
}

/* ---- all attempts ---- */

size_t minke__dial_sessions(const minke_dial_t *dial, minke_ice_session_t *sessions[MINKE_ATTEMPTS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < MINKE_ATTEMPTS_MAX; i++) {
        if (dial->attempts[i].session != NULL) sessions[n++] = dial->attempts[i].session;
    }
    return n;
}

static bool is_under_way(const minke_dial_t *dial)
{
    minke_ice_session_t *sessions[MINKE_ATTEMPTS_MAX];
    return minke__dial_sessions(dial, sessions) > 0;
}

static void give_up(minke_connection_state_t *c, minke_time_t now)
{
    const minke_dial_t *dial = c->dial;
    minke_close_t reason = dial->failure;
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    minke__write_text(&w, dial->failure.text);
    if (dial->plan.targets_n > 1) {
        minke__write_text(&w, " (addresses tried: ");
        minke__write_decimal(&w, dial->begun_n);
        minke__write_text(&w, ")");
    }
    minke__write_terminator(&w);
    minke__connection_close(c, w.failed ? &dial->failure : &reason, now);
}

/* Begins what is due. A failure brings the next address forward, which stands later in the list. */
static void go_on(minke_transport_t *t, minke_connection_state_t *c, minke_time_t now)
{
    minke_dial_t *dial = c->dial;
    const bool in_time = now < c->give_up_at;
    for (size_t i = 0; in_time && i < MINKE_ATTEMPTS_MAX; i++) {
        if (dial->attempts[i].begins_at <= now) begin(t, c, &dial->attempts[i], now);
    }
    const bool more = in_time && dial->begun_n < dial->plan.targets_n;
    if (!more && !is_under_way(dial)) give_up(c, now);
}

int minke__dial_start(minke_transport_t *t, minke_connection_state_t *c, const minke_dial_plan_t *plan, int version,
                      minke_time_t now)
{
    const int error = minke__connection_greet(c, now);
    if (error < 0) return error;
    minke_dial_t *dial = minke__alloc_zero(c->env, sizeof *dial);
    if (dial == NULL) return MINKE_ERROR_NO_MEMORY;
    dial->plan = *plan;
    dial->version = version;
    for (size_t i = 0; i < MINKE_ATTEMPTS_MAX; i++) {
        dial->attempts[i] = (minke_attempt_t){
            .target = &dial->plan.targets[i / 2], .version = 1 + (int)(i % 2), .begins_at = MINKE_TIME_NEVER};
    }
    first_attempt_of(dial, 0)->begins_at = now;
    c->dial = dial;
    trace_dialling(c, now);
    go_on(t, c, now);
    return MINKE_OK;
}

void minke__dial_free(minke_transport_t *t, minke_connection_state_t *c)
{
    minke_ice_session_t *sessions[MINKE_ATTEMPTS_MAX];
    const size_t n = minke__dial_sessions(c->dial, sessions);
    for (size_t i = 0; i < n; i++) minke__endpoint_session_remove(t, sessions[i]);
    minke__free(c->env, c->dial);
    c->dial = NULL;
}

/* ---- what happens to them ---- */

/* Whose session it is: every session of a connection that is still dialling is an attempt's. */
static minke_attempt_t *by_session(minke_dial_t *dial, const minke_ice_session_t *session)
{
    size_t i = 0;
    while (i < MINKE_ATTEMPTS_MAX && dial->attempts[i].session != session) i++;
    assert(i < MINKE_ATTEMPTS_MAX);
    return &dial->attempts[i];
}

static minke_attempt_t *by_socket(minke_dial_t *dial, minke_socket_t socket)
{
    for (size_t i = 0; i < MINKE_ATTEMPTS_MAX; i++) {
        const minke_ice_session_t *session = dial->attempts[i].session;
        if (session != NULL && session->own_socket == socket) return &dial->attempts[i];
    }
    return NULL;
}

void minke__dial_recv(minke_transport_t *t, minke_connection_state_t *c, minke_ice_session_t *session,
                      const minke_stun_message_t *message, const minke_path_t *path, minke_time_t now)
{
    (void)minke__ice_recv(session->ice, message, path, now);
    if (minke__ice_state(session->ice) == MINKE_ICE_CONNECTED) win(t, c, by_session(c->dial, session), now);
}

void minke__dial_tick(minke_transport_t *t, minke_connection_state_t *c, minke_time_t now)
{
    for (size_t i = 0; i < MINKE_ATTEMPTS_MAX; i++) {
        minke_attempt_t *attempt = &c->dial->attempts[i];
        if (attempt->session == NULL) continue;
        const minke_ice_agent_t *ice = attempt->session->ice;
        minke__ice_tick(attempt->session->ice, now);
        if (minke__ice_state(ice) == MINKE_ICE_FAILED) fail(t, c, attempt, minke__ice_close_reason(ice), now);
    }
    go_on(t, c, now);
}

static void fail_and_go_on(minke_transport_t *t, minke_connection_state_t *c, minke_attempt_t *attempt,
                           const minke_close_t *failure, minke_time_t now)
{
    fail(t, c, attempt, failure, now);
    go_on(t, c, now);
}

void minke__dial_socket_opened(minke_transport_t *t, minke_connection_state_t *c, minke_socket_t socket,
                               const minke_address_t *bound, minke_time_t now)
{
    minke_attempt_t *attempt = by_socket(c->dial, socket);
    if (attempt == NULL) return;
    /* The system picks the source address; the remote's answers show which. */
    const minke_path_t path = {socket, {.family = bound->family, .port = bound->port}, attempt->target->address};
    c->phase = MINKE_PHASE_ICE;
    if (minke__ice_add_pair(attempt->session->ice, &path, now) == MINKE_OK) return;
    const minke_close_t failure = minke__close_reason(MINKE_LAYER_ICE, MINKE_ERROR_NO_MEMORY, "out of memory");
    fail_and_go_on(t, c, attempt, &failure, now);
}

void minke__dial_socket_failed(minke_transport_t *t, minke_connection_state_t *c, minke_socket_t socket,
                               const minke_close_t *failure, minke_time_t now)
{
    minke_attempt_t *attempt = by_socket(c->dial, socket);
    if (attempt == NULL) return;
    attempt->session->own_socket = 0;
    fail_and_go_on(t, c, attempt, failure, now);
}

void minke__dial_unreachable(minke_transport_t *t, minke_connection_state_t *c, const minke_ice_session_t *session,
                             const minke_close_t *failure, minke_time_t now)
{
    fail_and_go_on(t, c, by_session(c->dial, session), failure, now);
}

/* ---- time and output ---- */

minke_time_t minke__dial_deadline(const minke_connection_state_t *c)
{
    minke_time_t at = c->give_up_at;
    for (size_t i = 0; i < MINKE_ATTEMPTS_MAX; i++) {
        const minke_attempt_t *attempt = &c->dial->attempts[i];
        const minke_time_t due =
            attempt->session != NULL ? minke__ice_deadline(attempt->session->ice) : attempt->begins_at;
        if (due < at) at = due;
    }
    return at;
}

/* The ClientHello goes along while no other is out: a listener that has taken it holds a handshake open. */
static size_t transmit_check(minke_dial_t *dial, minke_attempt_t *attempt, uint8_t *buffer, size_t capacity,
                             minke_path_t *path, minke_time_t now)
{
    const size_t len = minke__ice_transmit(attempt->session->ice, buffer, capacity, path, now);
    if (len == 0 || attempt->sent_n++ > 0) return len;
    if (dial->greeted != NULL && dial->greeted->session != NULL) return len;
    dial->greeted = attempt;
    dial->hello_due = true;
    dial->hello_path = *path;
    return len;
}

static size_t transmit_any(minke_connection_state_t *c, uint8_t *buffer, size_t capacity, minke_path_t *path,
                           minke_time_t now)
{
    minke_dial_t *dial = c->dial;
    if (dial->hello_due) {
        dial->hello_due = false;
        *path = dial->hello_path;
        return minke__hello_write(c->hello, buffer, capacity);
    }
    for (size_t i = 0; i < MINKE_ATTEMPTS_MAX; i++) {
        if (dial->attempts[i].session == NULL) continue;
        const size_t len = transmit_check(dial, &dial->attempts[i], buffer, capacity, path, now);
        if (len > 0) return len;
    }
    return 0;
}

size_t minke__dial_transmit(minke_connection_state_t *c, uint8_t *buffer, size_t capacity, minke_train_t *train,
                            minke_path_t *path, minke_time_t now)
{
    const size_t len = transmit_any(c, buffer, capacity, path, now);
    *train = (minke_train_t){buffer, len, len};
    return len > 0 ? 1 : 0;
}
