#include "webrtc/private.h"

#include <string.h>

#include "base/address.h"
#include "signalling/candidate_json.h"

#define SECOND ((minke_time_t)1000000)

/* spec/webrtc-private.md 9 */
enum { OFFER_S = 20, ANSWER_S = 30 };
/* What browsers say too; a message of libp2p is never longer than 16 KiB. */
enum { MESSAGE_SIZE_MAX = 262144 };
#define HELLO_AFTER ((minke_time_t)20000)
/* An agent has no more of its own. */
enum { CANDIDATES_MAX = 32 };

void minke_private_defaults(minke_private_options_t *options)
{
    *options = (minke_private_options_t){.size = sizeof *options};
}

/* Loopback only where there is nothing else, which is a machine without a network. */
void minke_transport_local_addresses(minke_transport_t *t, const minke_address_t *addresses, size_t n)
{
    bool others = false;
    for (size_t i = 0; i < n; i++) others = others || !minke__address_is_loopback(&addresses[i]);
    t->local_addresses_n = 0;
    for (size_t i = 0; i < n && t->local_addresses_n < MINKE_LOCAL_ADDRESSES_MAX; i++) {
        if (others && minke__address_is_loopback(&addresses[i])) continue;
        t->local_addresses[t->local_addresses_n++] = addresses[i];
    }
}

/* ---- sockets ---- */

static minke_socket_t *own_socket(minke_private_t *p, minke_socket_t socket)
{
    for (size_t i = 0; i < MINKE_PRIVATE_SOCKETS; i++) {
        if (p->sockets[i] == socket) return &p->sockets[i];
    }
    return NULL;
}

static bool has_family(const minke_transport_t *t, uint8_t family)
{
    for (size_t i = 0; i < t->local_addresses_n; i++) {
        if (t->local_addresses[i].family == family) return true;
    }
    return t->local_addresses_n == 0; /* nobody has told: find out */
}

static int open_sockets(minke_transport_t *t, minke_connection_state_t *c)
{
    static const uint8_t families[MINKE_PRIVATE_SOCKETS] = {MINKE_FAMILY_IP6, MINKE_FAMILY_IP4};
    for (size_t i = 0; i < MINKE_PRIVATE_SOCKETS; i++) {
        const minke_address_t any = {.family = families[i]};
        if (!has_family(t, families[i])) continue;
        const minke_endpoint_socket_t *s = minke__endpoint_socket_new(t, &any, c->id);
        if (s == NULL) return MINKE_ERROR_NO_MEMORY;
        c->private_part->sockets[i] = s->id;
        c->private_part->sockets_awaited++;
    }
    return MINKE_OK;
}

void minke__private_sockets_close(minke_transport_t *t, const minke_private_t *p)
{
    for (size_t i = 0; i < MINKE_PRIVATE_SOCKETS; i++) {
        if (p->sockets[i] != 0) minke__endpoint_socket_close(t, p->sockets[i]);
    }
}

static void add_local(minke_connection_state_t *c, minke_socket_t socket, const minke_address_t *ip, uint16_t port,
                      minke_time_t now)
{
    minke_address_t base = *ip;
    base.port = port;
    const int error = minke__ice_add_local(c->session->ice, socket, &base, now);
    (void)error; /* what is too many, or twice, is not needed */
}

void minke__private_socket_opened(minke_transport_t *t, minke_connection_state_t *c, minke_socket_t socket,
                                  const minke_address_t *bound, minke_time_t now)
{
    if (own_socket(c->private_part, socket) == NULL || c->phase >= MINKE_PHASE_CLOSING) return;
    c->private_part->sockets_awaited--;
    if (c->phase == MINKE_PHASE_SOCKET) c->phase = MINKE_PHASE_ICE;
    const minke_address_t any = {.family = bound->family};
    if (t->local_addresses_n == 0) add_local(c, socket, &any, bound->port, now);
    for (size_t i = 0; i < t->local_addresses_n; i++) {
        if (t->local_addresses[i].family == bound->family) {
            add_local(c, socket, &t->local_addresses[i], bound->port, now);
        }
    }
}

void minke__private_socket_failed(minke_connection_state_t *c, minke_socket_t socket, bool was_open,
                                  const minke_close_t *failure, minke_time_t now)
{
    minke_private_t *p = c->private_part;
    minke_path_t path;
    minke_socket_t *own = own_socket(p, socket);
    if (own == NULL) return;
    *own = 0;
    if (!was_open) p->sockets_awaited--;
    const bool in_use = minke__ice_selected(c->session->ice, &path) && path.socket == socket;
    if (in_use || (p->sockets[0] == 0 && p->sockets[1] == 0)) minke__connection_close(c, failure, now);
}

/* ---- making one ---- */

static int read_options(const minke_private_options_t *options, minke_peer_id_t *peer)
{
    *peer = (minke_peer_id_t){0};
    if (options->size != sizeof *options || options->stun_servers_n > MINKE_STUN_SERVERS_MAX)
        return MINKE_ERROR_INVALID;
    if (options->peer == NULL) return MINKE_OK;
    return minke__peer_id_parse(options->peer, strlen(options->peer), peer) ? MINKE_OK : MINKE_ERROR_INVALID;
}

static minke_connection_state_t *new_connection(minke_transport_t *t, const minke_private_options_t *options,
                                                const minke_peer_id_t *peer, const minke_remote_description_t *offer,
                                                minke_time_t now)
{
    const minke_time_t after = (offer != NULL ? ANSWER_S : OFFER_S) * SECOND;
    minke_ice_options_t ice = {.full = true, .controlling = true, .consent_after = t->config.silent_after};
    if (offer != NULL) {
        ice.remote = offer->credentials;
        ice.lite_remote = ice.controlling = offer->ice_lite;
    }
    enum { UFRAG_CHARS = 8, PWD_CHARS = 24 };
    minke__ice_random_chars(&t->env, ice.local.ufrag, UFRAG_CHARS);
    minke__ice_random_chars(&t->env, ice.local.pwd, PWD_CHARS);
    const minke_connection_t id = minke__endpoint_reserve(t);
    minke_connection_state_t *c =
        id == 0 ? NULL
                : minke__connection_private(&t->config, peer, &ice, offer != NULL, id,
                                            options->give_up_after != 0 ? options->give_up_after : after, now);
    if (c == NULL) minke__handles_remove(&t->connections, id);
    return c;
}

static void describe_us(const minke_transport_t *t, minke_private_t *p, const minke_ice_credentials_view_t *local)
{
    memcpy(p->local.ufrag, local->ufrag, local->ufrag_len + 1);
    memcpy(p->local.pwd, local->pwd, local->pwd_len + 1);
    minke__random_fill(&t->env, &p->session_id, sizeof p->session_id);
    p->session_id >>= 1;
}

static int start(minke_transport_t *t, minke_connection_state_t *c, const minke_private_options_t *options,
                 minke_time_t now)
{
    const minke_ice_credentials_view_t local = minke__ice_local(c->session->ice);
    describe_us(t, c->private_part, &local);
    c->private_part->hello_at = MINKE_TIME_NEVER;
    c->private_part->gather_first = options->gather_first;
    int error = open_sockets(t, c);
    for (size_t i = 0; error == MINKE_OK && i < options->stun_servers_n; i++) {
        error = minke__ice_add_server(c->session->ice, &options->stun_servers[i], now);
        if (error == MINKE_ERROR_EXISTS || error == MINKE_ERROR_ADDRESS) error = MINKE_OK;
    }
    if (error < 0) minke__endpoint_remove(t, c);
    else minke__endpoint_touch(t, c);
    return error;
}

int minke_transport_offer(minke_transport_t *t, const minke_private_options_t *options, minke_time_t now,
                          minke_connection_t *connection)
{
    minke_peer_id_t peer;
    int error = read_options(options, &peer);
    if (error == MINKE_OK) error = minke__endpoint_has_room(t);
    if (error < 0) return error;
    minke_connection_state_t *c = new_connection(t, options, &peer, NULL, now);
    if (c == NULL) return MINKE_ERROR_NO_MEMORY;
    error = minke__endpoint_add(t, c);
    if (error < 0) return error;
    minke_private_t *p = c->private_part;
    p->offerer = true;
    p->setup = MINKE_SDP_ACTPASS;
    memcpy(p->mid, "0", 2);
    error = start(t, c, options, now);
    if (error == MINKE_OK) *connection = c->id;
    return error;
}

/* ---- what the remote says ---- */

/* Only SHA-256 is compared, which every libp2p peer writes. */
static bool take_fingerprints(minke_private_t *p, const minke_remote_description_t *remote)
{
    enum { KEPT = sizeof p->fingerprints.sha256 / sizeof p->fingerprints.sha256[0] };
    for (size_t i = 0; i < remote->fingerprints.n && p->fingerprints.n < KEPT; i++) {
        if (remote->fingerprints.list[i].hash != MINKE_FINGERPRINT_SHA256) continue;
        memcpy(p->fingerprints.sha256[p->fingerprints.n++], remote->fingerprints.list[i].digest, 32);
    }
    return p->fingerprints.n > 0;
}

static void take_candidate(minke_connection_state_t *c, const minke_remote_candidate_t *candidate, minke_time_t now)
{
    minke_ice_agent_t *ice = c->session->ice;
    if (candidate->kind == MINKE_REMOTE_CANDIDATE_END) minke__ice_end_of_remote(ice, now);
    if (candidate->kind != MINKE_REMOTE_CANDIDATE_ADDRESS) return; /* names: the remote's checks show what is behind */
    const int error = minke__ice_add_remote(ice, &candidate->candidate, now);
    (void)error; /* what cannot be used is the remote's to miss */
}

static void take_description(minke_connection_state_t *c, const minke_remote_description_t *remote, minke_time_t now)
{
    minke_private_t *p = c->private_part;
    p->described = true;
    memcpy(p->remote_ufrag, remote->credentials.ufrag, sizeof p->remote_ufrag);
    for (size_t i = 0; i < remote->candidates_n; i++) take_candidate(c, &remote->candidates[i], now);
    if (remote->end_of_candidates) minke__ice_end_of_remote(c->session->ice, now);
}

int minke_transport_answer(minke_transport_t *t, const minke_private_options_t *options, const char *offer, size_t len,
                           minke_time_t now, minke_connection_t *connection, const char **why)
{
    minke_peer_id_t peer;
    minke_remote_description_t remote;
    const char *wrong = NULL;
    int error = read_options(options, &peer);
    if (error == MINKE_OK) error = minke__endpoint_has_room(t);
    if (error == MINKE_OK && t->handshakes >= t->options.handshakes_max) error = MINKE_ERROR_LIMIT;
    if (error == MINKE_OK) error = minke__sdp_read(MINKE_SDP_OFFER, (const uint8_t *)offer, len, &remote, &wrong);
    if (why != NULL) *why = wrong;
    if (error != MINKE_OK) return error == MINKE_ERROR_TOO_LARGE ? MINKE_ERROR_MALFORMED : error;
    minke_connection_state_t *c = new_connection(t, options, &peer, &remote, now);
    if (c == NULL) return MINKE_ERROR_NO_MEMORY;
    error = minke__endpoint_add(t, c);
    if (error < 0) return error;
    minke_private_t *p = c->private_part;
    if (!take_fingerprints(p, &remote)) {
        if (why != NULL) *why = "the offer has no SHA-256 fingerprint of a certificate";
        minke__endpoint_remove(t, c);
        return MINKE_ERROR_UNSUPPORTED;
    }
    p->setup = minke__sdp_answer_setup(remote.setup);
    c->dtls_client = p->setup == MINKE_SDP_ACTIVE;
    memcpy(p->mid, remote.mid, sizeof p->mid);
    take_description(c, &remote, now);
    error = start(t, c, options, now);
    if (error == MINKE_OK) *connection = c->id;
    return error;
}

static void refuse_answer(minke_connection_state_t *c, int code, const char *why, minke_time_t now)
{
    const minke_close_t reason = minke__close_reason(MINKE_LAYER_HOST, code, why);
    minke__connection_close(c, &reason, now);
}

static void take_answer(minke_connection_state_t *c, const char *text, size_t len, minke_time_t now)
{
    minke_remote_description_t remote;
    const char *why = NULL;
    const int error = minke__sdp_read(MINKE_SDP_ANSWER, (const uint8_t *)text, len, &remote, &why);
    if (error < 0 || !take_fingerprints(c->private_part, &remote)) {
        refuse_answer(c, error < 0 ? error : MINKE_ERROR_UNSUPPORTED,
                      why != NULL ? why : "the answer has no SHA-256 fingerprint of a certificate", now);
        return;
    }
    const int taken = minke__ice_set_remote(c->session->ice, &remote.credentials, remote.ice_lite, now);
    if (taken < 0) {
        refuse_answer(c, taken, "the answer has no ICE credentials that could be used", now);
        return;
    }
    c->dtls_client = remote.setup == MINKE_SDP_PASSIVE;
    take_description(c, &remote, now);
}

int minke_transport_signal(minke_transport_t *t, minke_connection_t id, minke_signal_t signal, const char *text,
                           size_t len, minke_time_t now)
{
    minke_connection_state_t *c = minke__endpoint_connection(t, id);
    minke_private_t *p = c != NULL ? c->private_part : NULL;
    if (c == NULL || c->closed_told) return MINKE_ERROR_STALE;
    if (p == NULL || c->phase >= MINKE_PHASE_CLOSING) return MINKE_ERROR_STATE;
    int error = MINKE_OK;
    if (signal == MINKE_SIGNAL_CANDIDATE) {
        minke_remote_candidate_t candidate;
        const char *why;
        error =
            minke__candidate_json_read(c->env, (const uint8_t *)text, len, p->mid, p->remote_ufrag, &candidate, &why);
        if (error == MINKE_OK) take_candidate(c, &candidate, now);
        if (error == MINKE_ERROR_UNSUPPORTED) error = MINKE_OK;
        if (error == MINKE_ERROR_TOO_LARGE) error = MINKE_ERROR_MALFORMED;
    } else if (signal == MINKE_SIGNAL_ANSWER && p->offerer && !p->described) {
        take_answer(c, text, len, now);
    } else {
        return MINKE_ERROR_STATE;
    }
    minke__connection_advance(c, now);
    minke__endpoint_touch(t, c);
    return error;
}

/* ---- what we say ---- */

static bool write_description(const minke_connection_state_t *c, minke_writer_t *out)
{
    const minke_private_t *p = c->private_part;
    const minke_local_description_t description = {.credentials = &p->local,
                                                   .fingerprint = c->config->fingerprint,
                                                   .session_id = p->session_id,
                                                   .setup = p->setup,
                                                   .mid = p->mid,
                                                   .max_message_size = MESSAGE_SIZE_MAX};
    return minke__sdp_write(&description, out) == MINKE_OK;
}

/* The text is kept until the next event. */
static bool tell(minke_connection_state_t *c, minke_signal_t signal, const minke_writer_t *text,
                 minke_transport_event_t *event)
{
    minke_private_t *p = c->private_part;
    minke__free(c->env, p->text);
    p->text = minke__alloc(c->env, text->len + 1);
    if (p->text == NULL) return false;
    memcpy(p->text, text->data, text->len);
    p->text[text->len] = 0;
    *event = (minke_transport_event_t){
        .type = MINKE_TRANSPORT_SIGNAL, .connection = c->id, .inbound = c->inbound, .signal = signal, .text = p->text};
    return true;
}

static bool write_candidates(minke_connection_state_t *c, minke_writer_t *out)
{
    minke_candidate_t candidate;
    while (minke__ice_next_local(c->session->ice, &candidate)) {
        if (minke__sdp_write_candidate(&candidate, out) < 0) return false;
    }
    return minke__sdp_write_end_of_candidates(out) == MINKE_OK;
}

/* Everything in one text, for whoever carries it by hand. Addresses that STUN servers show after it are not told any
 * more: the remote sees them when we check. */
static bool tell_everything(minke_connection_state_t *c, minke_transport_event_t *event)
{
    minke_private_t *p = c->private_part;
    char space[MINKE_SDP_BYTES + (CANDIDATES_MAX + 1) * (MINKE_CANDIDATE_TEXT_BYTES + 4)];
    minke_writer_t w = minke__writer(space, sizeof space);
    if (p->description_told || p->sockets_awaited > 0 || !minke__ice_gathering_done(c->session->ice)) return false;
    p->description_told = true;
    return write_description(c, &w) && write_candidates(c, &w) &&
           tell(c, p->offerer ? MINKE_SIGNAL_OFFER : MINKE_SIGNAL_ANSWER, &w, event);
}

/* Once it is up the remote has no use for more candidates, and js-libp2p has stopped reading them. */
bool minke__private_event(minke_connection_state_t *c, minke_transport_event_t *event)
{
    minke_private_t *p = c->private_part;
    char space[MINKE_SDP_BYTES];
    minke_writer_t w = minke__writer(space, sizeof space);
    if (c->phase >= MINKE_PHASE_OPEN) return false;
    if (p->gather_first) return tell_everything(c, event);
    if (!p->description_told) {
        p->description_told = true;
        return write_description(c, &w) && tell(c, p->offerer ? MINKE_SIGNAL_OFFER : MINKE_SIGNAL_ANSWER, &w, event);
    }
    minke_candidate_t candidate;
    while (minke__ice_next_local(c->session->ice, &candidate)) {
        if (minke__candidate_json_write(c->env, &candidate, p->mid, p->local.ufrag, &w) < 0) continue;
        return tell(c, MINKE_SIGNAL_CANDIDATE, &w, event);
    }
    return false;
}

/* ---- until DTLS can begin ---- */

/* A ClientHello before the remote has our description would lie there until it comes, which is minutes where people
 * carry it, and OpenSSL gives up after 27 s; everybody but Minke throws it away. The first check that fits our
 * description shows that it has come; no time is lost, since the remote is not ready before that check is answered. */
static bool may_begin(const minke_connection_state_t *c)
{
    const minke_private_t *p = c->private_part;
    return p != NULL && c->phase < MINKE_PHASE_DTLS && p->described &&
           minke__ice_state(c->session->ice) == MINKE_ICE_CONNECTED &&
           (p->offerer || !c->dtls_client || minke__ice_remote_has_checked(c->session->ice));
}

/* libdatachannel (0.24) gives an answer to ICE a moment before it takes note of the fingerprint, so that on a busy
 * machine it refuses our certificate, "unknown CA", if we are quick. */
bool minke__private_is_ready(minke_connection_state_t *c, minke_time_t now)
{
    minke_private_t *p = c->private_part;
    if (!may_begin(c)) return false;
    if (p->offerer || !c->dtls_client) return true;
    if (now + HELLO_AFTER < p->hello_at) p->hello_at = now + HELLO_AFTER;
    return now >= p->hello_at;
}

minke_time_t minke__private_deadline(const minke_connection_state_t *c)
{
    return may_begin(c) ? c->private_part->hello_at : MINKE_TIME_NEVER;
}

void minke__private_keep(minke_connection_state_t *c, const minke_train_t *train, const minke_path_t *path)
{
    minke_private_t *p = c->private_part;
    for (size_t at = 0; at < train->len && p->kept_n < MINKE_PRIVATE_KEPT_MAX; at += train->segment_len) {
        const size_t left = train->len - at;
        const size_t len = left < train->segment_len ? left : train->segment_len;
        uint8_t *copy = minke__alloc(c->env, len);
        if (copy == NULL) return;
        memcpy(copy, train->data + at, len);
        p->kept[p->kept_n++] = (minke_private_datagram_t){copy, len, *path};
    }
}

void minke__private_free(const minke_env_t *env, minke_private_t *p)
{
    if (p == NULL) return;
    for (size_t i = 0; i < p->kept_n; i++) minke__free(env, p->kept[i].data);
    minke__free(env, p->text);
    minke__free(env, p);
}
