#include "webrtc/connection.h"

#include <assert.h>
#include <string.h>

#include "webrtc/observe.h"
#include "webrtc/private.h"

/* After the end of a connection, how long its streams wait for somebody to read what the remote had finished. */
enum { READER_PATIENCE = 60 * 1000000 };

minke_close_t minke__close_reason(minke_layer_t layer, int code, const char *text)
{
    minke_close_t reason = {.layer = layer, .code = code};
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    minke__write_text(&w, text);
    if (w.failed) {
        w = minke__writer(reason.text, sizeof reason.text);
        minke__write_bytes(&w, text, sizeof reason.text - 1);
    }
    minke__write_terminator(&w);
    return reason;
}

/* What OpenSSL holds for one handshake: an SSL object with its buffers, and certificates (measured: 57 to 72 KiB). */
enum { HANDSHAKE_ESTIMATE = 80 << 10 };

/* ---- memory ---- */

static void open_account(minke_connection_state_t *c, const minke_connection_config_t *config)
{
    /* Its own record has been charged above, before there was an account. */
    c->account = (minke_account_t){.parent = config->env->account,
                                   .used = sizeof *c + MINKE_BLOCK_OVERHEAD,
                                   .max = config->memory_max,
                                   .refusals = &config->env->counters->memory_exhausted_connection};
    c->own_env = *config->env;
    c->own_env.account = &c->account;
    c->env = &c->own_env;
}

static bool charge_handshake(minke_connection_state_t *c)
{
    if (!minke__account_charge(&c->account, HANDSHAKE_ESTIMATE)) return false;
    c->handshake_estimate = HANDSHAKE_ESTIMATE;
    return true;
}

static void release_handshake(minke_connection_state_t *c)
{
    minke__account_release(&c->account, c->handshake_estimate);
    c->handshake_estimate = 0;
}

/* ---- making and freeing ---- */

static minke_connection_state_t *new_connection(const minke_connection_config_t *config, minke_connection_t id,
                                                minke_time_t give_up_after, minke_time_t now)
{
    minke_connection_state_t *c = minke__alloc_zero(config->env, sizeof *c);
    if (c == NULL) return NULL;
    open_account(c, config);
    c->config = config;
    c->id = id;
    c->started_at = now;
    c->give_up_at = now + give_up_after;
    minke__list_init(&c->siblings);
    minke__list_init(&c->to_send);
    minke__list_init(&c->to_tell);
    return c;
}

static bool start_dtls(minke_connection_state_t *c, const minke_certhashes_t *expected, bool early, minke_time_t now)
{
    minke_dtls_options_t options = {
        .env = c->env, .client = c->dtls_client, .early = early, .handshake_after = c->give_up_at - now};
    if (!charge_handshake(c)) return false;
    if (expected != NULL) {
        options.check_fingerprint = true;
        options.fingerprints_n = expected->n;
        memcpy(options.fingerprints, expected->sha256, sizeof options.fingerprints);
    }
    c->dtls = minke__dtls_new(c->config->dtls, &options, c->id, now);
    return c->dtls != NULL;
}

static bool start_ice(minke_connection_state_t *c, const minke_stranger_t *stranger, minke_time_t now)
{
    const minke_ice_options_t options = {.local = stranger->local,
                                         .remote = stranger->remote,
                                         .handshake_after = c->give_up_at - now,
                                         .consent_after = c->config->silent_after};
    c->session = minke__session_new(c->env, c, c->id, &options, now);
    return c->session != NULL;
}

minke_connection_state_t *minke__connection_accept(const minke_connection_config_t *config,
                                                   const minke_stranger_t *stranger, minke_connection_t id,
                                                   minke_time_t give_up_after, minke_time_t now)
{
    minke_connection_state_t *c = new_connection(config, id, give_up_after, now);
    if (c == NULL) return NULL;
    c->inbound = true;
    c->version = stranger->version;
    c->phase = MINKE_PHASE_DTLS;
    c->ice_at = now;
    c->last_step = MINKE_LAYER_ICE;
    minke__trace_remote(c, MINKE_TRACE_HOST_ACCEPTED, &stranger->path.remote, now);
    if (!start_ice(c, stranger, now) || !start_dtls(c, NULL, false, now) ||
        minke__ice_adopt_stranger(c->session->ice, stranger, now) < 0) {
        minke__connection_free(c);
        return NULL;
    }
    return c;
}

minke_connection_state_t *minke__connection_dial(const minke_connection_config_t *config, const minke_peer_id_t *peer,
                                                 minke_connection_t id, minke_time_t give_up_after, minke_time_t now)
{
    minke_connection_state_t *c = new_connection(config, id, give_up_after, now);
    if (c == NULL) return NULL;
    c->peer = *peer;
    c->dtls_client = true;
    return c;
}

minke_connection_state_t *minke__connection_private(const minke_connection_config_t *config,
                                                    const minke_peer_id_t *peer, const minke_ice_options_t *ice,
                                                    bool inbound, minke_connection_t id, minke_time_t give_up_after,
                                                    minke_time_t now)
{
    minke_ice_options_t options = *ice;
    minke_connection_state_t *c = new_connection(config, id, give_up_after, now);
    if (c == NULL) return NULL;
    c->inbound = inbound;
    c->peer = *peer;
    options.handshake_after = give_up_after;
    c->private_part = minke__alloc_zero(c->env, sizeof *c->private_part);
    c->session = minke__session_new(c->env, c, id, &options, now);
    if (c->private_part != NULL && c->session != NULL) return c;
    minke__connection_free(c);
    return NULL;
}

void minke__connection_free(minke_connection_state_t *c)
{
    if (c == NULL) return;
    minke__setup_free(c->setup);
    minke__hello_free(c->env, c->hello);
    if (c->sctp != NULL) minke__sctp_free(c->sctp); /* before the mux, which takes the messages back */
    if (c->mux != NULL) minke__mux_free(c->mux);
    if (c->dtls != NULL) minke__dtls_free(c->dtls);
    minke__session_free(c->session);
    minke__private_free(c->env, c->private_part);
    minke__free(c->env, c->peer_key);
    release_handshake(c);
    assert(c->account.used == sizeof *c + MINKE_BLOCK_OVERHEAD); /* what is left would point to a dead account */
    minke__free(c->config->env, c);
}

/* ---- coming up, step by step ---- */

static void step_done(minke_connection_state_t *c, minke_layer_t layer, minke_time_t *at, minke_time_t now)
{
    *at = now;
    c->last_step = layer;
    minke__trace_of_layer(c->env, now, c->id, layer, MINKE_TRACE_NONE_STEP_DONE, NULL, now - c->started_at);
}

static void fail_with(minke_connection_state_t *c, minke_layer_t layer, int code, const char *text, minke_time_t now)
{
    minke_close_t reason = minke__close_reason(layer, code, text);
    if (code == MINKE_ERROR_NO_MEMORY && c->account.refused_by != NULL) {
        const bool own = c->account.refused_by == &c->account;
        reason = minke__close_reason(MINKE_LAYER_HOST, code,
                                     own ? "the connection has reached connection_memory_max"
                                         : "the transport has reached memory_max");
        c->env->counters->memory_closed++;
    }
    minke__connection_close(c, &reason, now);
}

int minke__connection_greet(minke_connection_state_t *c, minke_time_t now)
{
    static const minke_certhashes_t nobody = {0}; /* until it is known which address has answered */
    if (start_dtls(c, &nobody, true, now)) c->hello = minke__hello_new(c->env, c->dtls, now);
    return c->hello != NULL ? MINKE_OK : MINKE_ERROR_NO_MEMORY;
}

static void recv_early_flight(minke_connection_state_t *c, minke_time_t now);
static void drop_hello(minke_connection_state_t *c);

void minke__connection_answered(minke_connection_state_t *c, minke_ice_session_t *session, int version,
                                const minke_certhashes_t *certhashes, bool first, minke_time_t now)
{
    c->session = session;
    c->version = version;
    step_done(c, MINKE_LAYER_ICE, &c->ice_at, now);
    c->phase = MINKE_PHASE_DTLS;
    minke__dtls_expect(c->dtls, certhashes->sha256, certhashes->n);
    minke__hello_answered(c->hello, first, now);
    if (now >= minke__dtls_deadline(c->dtls)) minke__dtls_tick(c->dtls, now); /* it has been a long wait */
    recv_early_flight(c, now);
    if (minke__dtls_transmit_len(c->dtls) > 0) drop_hello(c);
}

static bool start_streams(minke_connection_state_t *c)
{
    minke_mux_options_t options = c->config->mux;
    options.dtls_client = c->dtls_client;
    options.handshake_channel = c->private_part == NULL;
    c->mux = minke__mux_new(c->env, &options, c->config->streams, c->id);
    if (c->mux == NULL) return false;
    const minke_sctp_user_t user = minke__mux_sctp_user(c->mux);
    c->sctp = minke__sctp_new(c->env, &c->config->sctp, &user, c->id);
    if (c->sctp == NULL) return false;
    minke__mux_attach(c->mux, c->sctp);
    return true;
}

/* Noise starts together with SCTP: the initiator's first message leaves with the first packet that may carry data. */
static bool start_noise(minke_connection_state_t *c)
{
    if (c->private_part != NULL) return true;
    const uint8_t *ours = c->config->fingerprint;
    const uint8_t *theirs = minke__dtls_remote_fingerprint(c->dtls);
    c->setup = minke__setup_new(c->env, c->config->identity, c->config->noise_key, c->inbound,
                                c->inbound ? theirs : ours, c->inbound ? ours : theirs, &c->peer);
    return c->setup != NULL;
}

static void begin_sctp(minke_connection_state_t *c, minke_time_t now)
{
    step_done(c, MINKE_LAYER_DTLS, &c->dtls_at, now);
    c->phase = MINKE_PHASE_SCTP;
    release_handshake(c);
    if (!start_streams(c) || !start_noise(c)) {
        fail_with(c, MINKE_LAYER_SCTP, MINKE_ERROR_NO_MEMORY, "out of memory", now);
        return;
    }
    minke__mux_set_now(c->mux, now);
    minke__sctp_connect(c->sctp, now);
}

static void open_up(minke_connection_state_t *c)
{
    c->phase = MINKE_PHASE_OPEN;
    c->was_open = true;
    if (c->inbound) c->env->counters->connections_accepted++;
    else c->env->counters->connections_dialled++;
    minke__mux_surface(c->mux);
}

static void noise_done(minke_connection_state_t *c, minke_time_t now)
{
    const minke_noise_t *noise = minke__setup_noise(c->setup);
    const uint8_t *key = minke__noise_remote_public_key(noise, &c->peer_key_len);
    c->peer = *minke__noise_remote_peer(noise);
    c->peer_key = minke__alloc(c->env, c->peer_key_len);
    if (c->peer_key == NULL) {
        fail_with(c, MINKE_LAYER_NOISE, MINKE_ERROR_NO_MEMORY, "out of memory", now);
        return;
    }
    memcpy(c->peer_key, key, c->peer_key_len);
    minke__setup_free(c->setup);
    c->setup = NULL;
    minke__trace_peer(c, now);
    step_done(c, MINKE_LAYER_NOISE, &c->noise_at, now);
    open_up(c);
}

static void advance_noise(minke_connection_state_t *c, minke_time_t now)
{
    minke_mux_stream_t *channel = minke__mux_handshake_channel(c->mux);
    if (channel == NULL) {
        fail_with(c, MINKE_LAYER_NOISE, MINKE_ERROR_STREAM_RESET, "the remote closed the handshake channel", now);
        return;
    }
    switch (minke__setup_advance(c->setup, channel)) {
    case MINKE_SETUP_MORE: return;
    case MINKE_SETUP_DONE: noise_done(c, now); return;
    case MINKE_SETUP_FAILED:
        fail_with(c, MINKE_LAYER_NOISE, MINKE_ERROR_CRYPTO, minke__setup_error(c->setup), now);
        return;
    }
}

/* The hard end, base/account.h: what could not be allocated may be missing anywhere. */
static bool check_memory(minke_connection_state_t *c, minke_time_t now)
{
    if (c->account.refused_by != NULL) fail_with(c, MINKE_LAYER_HOST, MINKE_ERROR_NO_MEMORY, "", now);
    return c->account.refused_by == NULL;
}

/* Tells somebody who dials what to check. What a private remote is need not be asked: its checks have shown it. */
static void took_too_long(minke_connection_state_t *c, minke_time_t now)
{
    static const struct {
        minke_layer_t layer;
        const char *text, *private_text; /* the latter NULL: the same */
    } waiting_for[] = {
        [MINKE_PHASE_SOCKET] = {MINKE_LAYER_NETWORK, "no socket could be opened in time", NULL},
        [MINKE_PHASE_ICE] = {MINKE_LAYER_ICE, "the remote did not answer the offer in time", NULL},
        [MINKE_PHASE_DTLS] =
            {MINKE_LAYER_DTLS,
             "the DTLS handshake was not answered, or not finished, in time: is this a webrtc-direct listener?",
             "the DTLS handshake was not answered, or not finished, in time: much is lost on the way, or the remote is "
             "overloaded"},
        [MINKE_PHASE_SCTP] =
            {MINKE_LAYER_SCTP,
             "DTLS is up, but SCTP was not answered in time: the listener has stopped, or is overloaded",
             "DTLS is up, but SCTP was not answered in time: much is lost on the way, or the remote is overloaded"},
        [MINKE_PHASE_NOISE] = {MINKE_LAYER_NOISE,
                               "SCTP is up, but Noise was not completed in time: is this a libp2p listener?", NULL}};
    const char *private_text = c->private_part != NULL ? waiting_for[c->phase].private_text : NULL;
    fail_with(c, waiting_for[c->phase].layer, MINKE_ERROR_TIMEOUT,
              private_text != NULL ? private_text : waiting_for[c->phase].text, now);
}

/* A layer below has ended: so does the connection, for that layer's reason. */
static bool check_layers(minke_connection_state_t *c, minke_time_t now)
{
    const minke_close_t *reason = NULL;
    if (c->sctp != NULL && minke__sctp_state(c->sctp) == MINKE_SCTP_ENDED) {
        reason = minke__sctp_close_reason(c->sctp);
    } else if (c->dtls != NULL && minke__dtls_state(c->dtls) == MINKE_DTLS_ENDED) {
        reason = minke__dtls_close_reason(c->dtls);
    } else if (minke__ice_state(c->session->ice) == MINKE_ICE_FAILED) {
        reason = minke__ice_close_reason(c->session->ice);
    }
    /* DTLS does not know what it is used for. */
    const bool late = reason != NULL && reason->layer == MINKE_LAYER_DTLS && reason->code == MINKE_ERROR_TIMEOUT;
    if (late && c->phase == MINKE_PHASE_DTLS) took_too_long(c, now);
    else if (reason != NULL) minke__connection_close(c, reason, now);
    return reason == NULL;
}

static void open_private(minke_connection_state_t *c, minke_time_t now)
{
    minke__mux_set_now(c->mux, now);
    minke__trace_peer(c, now);
    open_up(c);
    /* Nobody waits for it (spec/webrtc-private.md 3, fact 11): a want of memory is another's to find. */
    if (c->private_part->offerer && minke__mux_open_init(c->mux) < 0) return;
}

static bool recv_datagram(minke_connection_state_t *c, uint8_t *data, size_t len, const minke_path_t *path,
                          minke_time_t now);

/* What has been kept is read by DTLS now. */
static void begin_private_dtls(minke_connection_state_t *c, minke_time_t now)
{
    minke_private_t *p = c->private_part;
    step_done(c, MINKE_LAYER_ICE, &c->ice_at, now);
    c->phase = MINKE_PHASE_DTLS;
    if (!start_dtls(c, &p->fingerprints, false, now)) {
        fail_with(c, MINKE_LAYER_DTLS, MINKE_ERROR_NO_MEMORY, "out of memory", now);
        return;
    }
    if (c->dtls_client) minke__dtls_connect(c->dtls, now);
    for (size_t i = 0; i < p->kept_n; i++) {
        (void)recv_datagram(c, p->kept[i].data, p->kept[i].len, &p->kept[i].path, now);
        minke__free(c->env, p->kept[i].data);
    }
    p->kept_n = 0;
}

/* Goes as far up as what has arrived allows. */
static void advance(minke_connection_state_t *c, minke_time_t now)
{
    if (c->phase >= MINKE_PHASE_CLOSING || !check_memory(c, now) || !check_layers(c, now)) return;
    if (minke__private_is_ready(c, now) && now < c->give_up_at) begin_private_dtls(c, now);
    if (c->phase == MINKE_PHASE_DTLS && minke__dtls_state(c->dtls) == MINKE_DTLS_ESTABLISHED) begin_sctp(c, now);
    if (c->phase == MINKE_PHASE_SCTP && minke__sctp_state(c->sctp) == MINKE_SCTP_ESTABLISHED) {
        step_done(c, MINKE_LAYER_SCTP, &c->sctp_at, now);
        c->phase = MINKE_PHASE_NOISE;
        if (c->private_part != NULL) open_private(c, now);
    }
    if (c->setup != NULL && c->phase < MINKE_PHASE_OPEN) advance_noise(c, now);
    if (c->phase < MINKE_PHASE_OPEN && now >= c->give_up_at) took_too_long(c, now);
}

void minke__connection_advance(minke_connection_state_t *c, minke_time_t now) { advance(c, now); }

/* ---- input ---- */

/* True if any of it was authentic. */
static bool recv_datagram(minke_connection_state_t *c, uint8_t *data, size_t len, const minke_path_t *path,
                          minke_time_t now)
{
    minke_dtls_input_t input = {data, len, 0};
    uint8_t *plaintext;
    size_t plaintext_len;
    bool authentic = false;
    while (minke__dtls_next(c->dtls, &input, now, &plaintext, &plaintext_len)) {
        authentic = true;
        if (c->sctp == NULL) advance(c, now); /* the handshake has just ended, in this very datagram */
        if (c->sctp == NULL) continue;
        if (minke__tapping(c->env)) minke__tap_sctp(c, path, plaintext, plaintext_len, now);
        minke__sctp_recv(c->sctp, plaintext, plaintext_len, now);
    }
    return authentic;
}

static void drop_hello(minke_connection_state_t *c)
{
    minke__hello_free(c->env, c->hello);
    c->hello = NULL;
}

static void recv_early_flight(minke_connection_state_t *c, minke_time_t now)
{
    const minke_hello_t *hello = c->hello;
    if (hello->early_len == 0 || !minke__ice_knows(c->session->ice, &hello->early_path)) return;
    (void)recv_datagram(c, hello->early, hello->early_len, &hello->early_path, now);
}

void minke__connection_recv_dtls(minke_connection_state_t *c, const minke_train_t *train, const minke_path_t *path,
                                 minke_time_t now)
{
    if (c->phase < MINKE_PHASE_DTLS && c->private_part != NULL) minke__private_keep(c, train, path);
    if (c->dtls == NULL || c->phase >= MINKE_PHASE_CLOSING) return;
    drop_hello(c);
    if (c->mux != NULL) minke__mux_set_now(c->mux, now);
    c->bytes_received += train->len;
    minke__ice_received(c->session->ice, path, train->len, false, now);
    bool authentic = false;
    for (size_t at = 0; at < train->len; at += train->segment_len) {
        const size_t left = train->len - at;
        const size_t len = left < train->segment_len ? left : train->segment_len;
        if (recv_datagram(c, train->data + at, len, path, now)) authentic = true;
    }
    if (authentic) minke__ice_received(c->session->ice, path, 0, true, now);
    advance(c, now);
    if (c->sctp != NULL) minke__sctp_recv_end(c->sctp, now);
    advance(c, now);
}

/* Whoever reads on is waited for; whoever has not read anything for a while never will. */
static void wait_for_readers(minke_connection_state_t *c, minke_time_t now)
{
    if (c->mux == NULL || !minke__mux_lingers(c->mux) || now < c->give_up_at) return;
    const size_t unread = minke__mux_stats(c->mux).unread;
    if (unread != c->lingering_unread) {
        c->lingering_unread = unread;
        c->give_up_at = now + READER_PATIENCE;
    } else {
        minke__mux_abandon(c->mux);
    }
}

void minke__connection_tick(minke_connection_state_t *c, minke_time_t now)
{
    if (c->phase == MINKE_PHASE_CLOSED) {
        wait_for_readers(c, now);
        return;
    }
    minke__ice_tick(c->session->ice, now);
    if (c->dtls != NULL) minke__dtls_tick(c->dtls, now);
    if (c->mux != NULL) minke__mux_tick(c->mux, now);
    if (c->sctp != NULL) minke__sctp_tick(c->sctp, now);
    advance(c, now);
}

static minke_time_t deadline_above_ice(const minke_connection_state_t *c)
{
    if (c->phase == MINKE_PHASE_CLOSED) {
        return c->mux != NULL && minke__mux_lingers(c->mux) ? c->give_up_at : MINKE_TIME_NEVER;
    }
    minke_time_t at = c->phase < MINKE_PHASE_OPEN ? c->give_up_at : MINKE_TIME_NEVER;
    const minke_time_t layers[] = {c->dtls != NULL ? minke__dtls_deadline(c->dtls) : MINKE_TIME_NEVER,
                                   minke__private_deadline(c), c->hello != NULL ? c->hello->again_at : MINKE_TIME_NEVER,
                                   c->sctp != NULL ? minke__sctp_deadline(c->sctp) : MINKE_TIME_NEVER,
                                   c->mux != NULL ? minke__mux_deadline(c->mux) : MINKE_TIME_NEVER};
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        if (layers[i] < at) at = layers[i];
    }
    return at;
}

minke_time_t minke__connection_deadline(minke_connection_state_t *c)
{
    c->above_at = deadline_above_ice(c);
    if (c->phase == MINKE_PHASE_CLOSED) return c->above_at;
    const minke_time_t ice_at = minke__ice_deadline(c->session->ice);
    return ice_at < c->above_at ? ice_at : c->above_at;
}

/* ---- output ---- */

static size_t one_datagram(minke_train_t *train, uint8_t *buffer, size_t len)
{
    *train = (minke_train_t){buffer, len, len};
    return 1;
}

/* What the next packet may have. `limit` of those that are too large for the path: one, by itself. */
static size_t room_of_packet(minke_connection_state_t *c, size_t *limit)
{
    enum { SEGMENTS_MAX = 64 }; /* UDP_MAX_SEGMENTS of Linux */
    const size_t oversize = minke__sctp_oversize(c->sctp);
    *limit = oversize > 0 ? 1 : SEGMENTS_MAX;
    return oversize > 0 ? oversize : minke__sctp_packet_max(c->sctp);
}

/*
 * SCTP packets, each sealed where it was written. A train goes on while packets are full; everything that has anything
 * to add fills its packet, so a shorter one is the last.
 */
static size_t transmit_sctp(minke_connection_state_t *c, uint8_t *buffer, size_t capacity, minke_train_t *train,
                            minke_time_t now)
{
    size_t limit;
    const size_t packet_max = room_of_packet(c, &limit);
    const size_t head = minke__dtls_head(c->dtls), tail = minke__dtls_tail(c->dtls);
    const size_t full = packet_max & ~(size_t)3;
    size_t n = 0, at = 0;
    for (size_t len = full; len == full && n < limit && at + head + packet_max + tail <= capacity;) {
        if (n > 0 && minke__sctp_oversize(c->sctp) > 0) break;
        len = minke__sctp_transmit(c->sctp, buffer + at + head, packet_max, now);
        if (len > 0 && minke__tapping(c->env)) minke__tap_sctp(c, NULL, buffer + at + head, len, now);
        const size_t record_len = len > 0 ? minke__dtls_seal(c->dtls, buffer + at, len) : 0;
        if (record_len == 0) break;
        if (n++ == 0) *train = (minke_train_t){buffer, 0, record_len};
        at += record_len;
    }
    train->len = at;
    if (limit == 1) c->fragmentation = MINKE_FRAGMENT_ALLOWED;
    return n;
}

/* Until the address is proven only three times what came from it may go there (spec/webrtc-direct.md 5.6). */
static bool may_send(minke_connection_state_t *c)
{
    enum { DATAGRAM_MAX = 1200 };
    const size_t flight_len = minke__dtls_transmit_len(c->dtls);
    if (minke__ice_may_send(c->session->ice) >= (flight_len > 0 ? flight_len : DATAGRAM_MAX)) return true;
    c->env->counters->amplification_held++;
    return false;
}

static size_t transmit_data(minke_connection_state_t *c, uint8_t *buffer, size_t capacity, minke_train_t *train,
                            minke_time_t now)
{
    if (!may_send(c)) return 0;
    size_t len = minke__dtls_transmit(c->dtls, buffer, capacity);
    if (len == 0 && c->hello != NULL && now >= c->hello->again_at) {
        len = minke__hello_write(c->hello, buffer, capacity);
        drop_hello(c);
    }
    if (len > 0) return one_datagram(train, buffer, len);
    if (c->sctp == NULL) return 0;
    size_t n = transmit_sctp(c, buffer, capacity, train, now);
    const size_t probe_len = n == 0 ? minke__connection_transmit_probe(c, buffer, capacity, now) : 0;
    if (probe_len > 0) return one_datagram(train, buffer, probe_len);
    if (n > 0 || c->phase != MINKE_PHASE_CLOSING) return n;
    /* The ABORT is out: close_notify after it. */
    if (minke__dtls_state(c->dtls) != MINKE_DTLS_ESTABLISHED) return 0;
    minke__dtls_close(c->dtls, now);
    const size_t alert_len = minke__dtls_transmit(c->dtls, buffer, capacity);
    return alert_len > 0 ? one_datagram(train, buffer, alert_len) : 0;
}

size_t minke__connection_transmit(minke_connection_state_t *c, uint8_t *buffer, size_t capacity, minke_train_t *train,
                                  minke_path_t *path, minke_time_t now)
{
    c->fragmentation = c->in_pieces ? MINKE_FRAGMENT_ALLOWED : MINKE_FRAGMENT_USUAL;
    if (c->phase == MINKE_PHASE_CLOSED) return 0;
    const size_t check_len = minke__ice_transmit(c->session->ice, buffer, capacity, path, now);
    if (check_len > 0) return one_datagram(train, buffer, check_len);
    const bool closing = c->phase == MINKE_PHASE_CLOSING;
    size_t n = 0;
    if (c->dtls != NULL && minke__ice_selected(c->session->ice, path)) {
        if (c->mux != NULL) minke__mux_set_now(c->mux, now);
        if (c->sctp != NULL) minke__connection_follow_path(c, path, now);
        n = transmit_data(c, buffer, capacity, train, now);
        advance(c, now); /* what was sent may have been the last Noise message, or the keys are used up */
    }
    if (n > 0) {
        c->bytes_sent += train->len;
        minke__ice_sent(c->session->ice, train->len);
    } else if (closing) {
        c->phase = MINKE_PHASE_CLOSED;
    } else if (c->phase == MINKE_PHASE_CLOSING) {
        return minke__connection_transmit(c, buffer, capacity, train, path, now); /* just failed: the ABORT is due */
    }
    return n;
}

/* ---- events and the end ---- */

static void fill_stream_event(const minke_connection_state_t *c, const minke_mux_event_t *from,
                              minke_transport_event_t *event)
{
    static const minke_transport_event_type_t types[] = {[MINKE_MUX_STREAM_OPENED] = MINKE_TRANSPORT_STREAM_OPENED,
                                                         [MINKE_MUX_STREAM_READABLE] = MINKE_TRANSPORT_STREAM_READABLE,
                                                         [MINKE_MUX_STREAM_WRITABLE] = MINKE_TRANSPORT_STREAM_WRITABLE,
                                                         [MINKE_MUX_STREAM_CLOSED] = MINKE_TRANSPORT_STREAM_CLOSED};
    *event = (minke_transport_event_t){.type = types[from->type],
                                       .connection = c->id,
                                       .stream = minke__mux_stream_id(from->stream),
                                       .error = from->error,
                                       .error_code = from->error_code};
}

bool minke__connection_event(minke_connection_state_t *c, minke_transport_event_t *event)
{
    minke_mux_event_t stream_event;
    if (c->private_part != NULL && minke__private_event(c, event)) return true;
    if (c->was_open && !c->connected_told) {
        c->connected_told = true;
        *event =
            (minke_transport_event_t){.type = MINKE_TRANSPORT_CONNECTED, .connection = c->id, .inbound = c->inbound};
        return true;
    }
    if (c->was_open && minke__mux_event(c->mux, &stream_event)) {
        fill_stream_event(c, &stream_event, event);
        return true;
    }
    if (c->phase < MINKE_PHASE_CLOSING || c->closed_told) return false;
    if (c->was_open && minke__mux_lingers(c->mux)) return false; /* its streams end first */
    c->closed_told = true;
    /* Nobody was told of an inbound connection that never got through Noise; but whoever answered an offer knows. */
    if (c->inbound && !c->was_open && c->private_part == NULL) return false;
    *event = (minke_transport_event_t){
        .type = MINKE_TRANSPORT_CLOSED, .connection = c->id, .inbound = c->inbound, .close = c->close};
    return true;
}

void minke__connection_close(minke_connection_state_t *c, const minke_close_t *reason, minke_time_t now)
{
    if (c->phase >= MINKE_PHASE_CLOSING) return;
    if (c->phase != MINKE_PHASE_OPEN) c->env->counters->connections_failed++;
    c->phase = c->session == NULL ? MINKE_PHASE_CLOSED : MINKE_PHASE_CLOSING; /* nobody to say goodbye to */
    c->close = *reason;
    minke__trace_closed(c, now);
    if (c->sctp != NULL && minke__sctp_state(c->sctp) != MINKE_SCTP_ENDED) {
        minke__sctp_abort(c->sctp, c->close.text, now);
    }
    if (c->mux == NULL) return;
    /* Who closes a connection has no more use for what came on it. */
    if (reason->layer == MINKE_LAYER_HOST) minke__mux_abandon(c->mux);
    else minke__mux_fail(c->mux);
    c->lingering_unread = minke__mux_stats(c->mux).unread;
    c->give_up_at = now + READER_PATIENCE;
}
