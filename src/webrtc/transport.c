/* minke_transport_t: making it, time, output, events. */
#include <string.h>

#include "base/address.h"
#include "crypto/primitives.h"
#include "multiformats/multiaddr.h"
#include "webrtc/dial.h"
#include "webrtc/observe.h"
#include "webrtc/quiet.h"

enum { SECOND = 1000000, MTU_MIN = 1280, MTU_MAX = 65535 };

void minke_transport_defaults(minke_transport_options_t *options)
{
    *options = (minke_transport_options_t){.size = sizeof *options,
                                           .connections_max = 4096,
                                           .connections_per_address_max = 64,
                                           .handshakes_max = 128,
                                           .strangers_max = 1024,
                                           .inbound_streams_max = 512,
                                           .outbound_streams_max = 510,
                                           .receive_window = 8 << 20,
                                           .send_buffer = 4 << 20,
                                           .mtu_max = MTU_MIN,
                                           .connection_memory_max = 32 << 20,
                                           .memory_max = 1 << 30,
                                           .handshake_after = 10 * SECOND,
                                           .dial_after = 15 * SECOND,
                                           .silent_after = 30 * SECOND,
                                           .stun_per_second_max = 1000};
}

static bool limits_are_valid(const minke_transport_options_t *o)
{
    return o->connections_max > 0 && o->connections_per_address_max > 0 && o->outbound_streams_max > 0 &&
           o->connection_memory_max >= 256 << 10 && o->memory_max >= 4 << 20 &&
           o->memory_max >= o->connection_memory_max && o->stun_per_second_max > 0 &&
           o->stun_per_second_max <= MINKE_RESPONDER_PER_SECOND_MAX;
}

static bool options_are_valid(const minke_transport_options_t *o)
{
    return limits_are_valid(o) && o->handshakes_max > 0 && o->strangers_max > 0 && o->receive_window >= 16384 &&
           o->receive_window <= 1 << 30 && o->send_buffer >= 16384 && o->mtu_max >= MTU_MIN && o->mtu_max <= MTU_MAX &&
           o->handshake_after > 0 && o->dial_after > 0 && o->silent_after > 0 &&
           (unsigned)o->congestion <= MINKE_CONGESTION_BBR && (o->public_key == NULL || o->sign != NULL);
}

static int load_identity(minke_transport_t *t)
{
    const minke_transport_options_t *o = &t->options;
    const minke_signer_t signer = {o->sign_user, o->sign};
    if (o->private_key != NULL) {
        return minke__identity_load(&t->env, o->private_key, o->private_key_len, &t->identity);
    }
    if (o->public_key != NULL) {
        return minke__identity_with_signer(&t->env, o->public_key, o->public_key_len, &signer, &t->identity);
    }
    return minke__identity_new(&t->env, &t->identity);
}

static int make_certificate(minke_transport_t *t)
{
    const int error = minke__certificate_derive(&t->env, t->identity, &t->certificate);
    /* Without the private key nothing can be derived from it: the certhash then changes with every start. */
    return error == MINKE_ERROR_UNSUPPORTED ? minke__certificate_new(&t->env, &t->certificate) : error;
}

static void configure(minke_transport_t *t)
{
    minke_connection_config_t *config = &t->config;
    config->env = &t->env;
    config->identity = t->identity;
    config->noise_key = &t->noise_key;
    config->fingerprint = minke__certificate_fingerprint(t->certificate);
    config->streams = &t->streams;
    config->silent_after = t->options.silent_after;
    config->mtu_max = t->options.mtu_max;
    minke__mux_options_defaults(&config->mux);
    config->memory_max = t->options.connection_memory_max;
    config->mux.inbound_max = t->options.inbound_streams_max;
    if (t->options.outbound_streams_max < config->mux.outbound_max) {
        config->mux.outbound_max = t->options.outbound_streams_max;
    }
    config->mux.send_buffer_max = t->options.send_buffer;
    if (t->options.send_buffer < config->mux.send_buffer) config->mux.send_buffer = t->options.send_buffer;
    /* The window keeps honest remotes below; a gap that is filled late may bring twice as much at once. */
    const uint32_t unread_max = 2 * t->options.receive_window;
    if (unread_max > config->mux.unread_max) config->mux.unread_max = unread_max;
    minke__sctp_options_defaults(&config->sctp);
    config->sctp.receive_window = t->options.receive_window;
    config->sctp.held_max = t->options.receive_window;
    config->sctp.silent_after = t->options.silent_after;
    config->sctp.congestion = t->options.congestion;
}

static int start(minke_transport_t *t)
{
    int error = load_identity(t);
    if (error < 0) return error;
    error = make_certificate(t);
    if (error < 0) return error;
    configure(t);
    error = minke__dtls_context_new(&t->env, t->certificate, &t->config.dtls);
    if (error < 0) return error;
    t->strangers = minke__strangers_new(&t->env, t->options.strangers_max, 0);
    if (t->strangers == NULL) return MINKE_ERROR_NO_MEMORY;
    if (!t->options.serve_stun) return MINKE_OK;
    t->responder = minke__responder_new(&t->env, t->options.stun_per_second_max);
    return t->responder != NULL ? MINKE_OK : MINKE_ERROR_NO_MEMORY;
}

int minke_transport_new(const minke_transport_options_t *options, minke_transport_t **out)
{
    minke_transport_options_t chosen;
    minke_transport_defaults(&chosen);
    if (options != NULL && options->size != sizeof chosen) return MINKE_ERROR_INVALID;
    if (options != NULL) chosen = *options;
    if (!options_are_valid(&chosen)) return MINKE_ERROR_INVALID;
    if (chosen.allocator.reallocate == NULL) chosen.allocator = minke__default_allocator();
    if (chosen.random.fill == NULL) chosen.random = minke__default_random();
    const minke_env_t env = {
        .allocator = chosen.allocator, .random = chosen.random, .trace = chosen.trace, .tap = chosen.tap};
    minke_transport_t *t = minke__alloc_zero(&env, sizeof *t);
    if (t == NULL) return MINKE_ERROR_NO_MEMORY;
    t->env = env;
    t->env.counters = &t->counters;
    t->env.account = &t->account;
    t->account =
        (minke_account_t){.used = sizeof *t, .max = chosen.memory_max, .refusals = &t->counters.memory_exhausted};
    t->env.blocks = &t->blocks;
    minke__random_fill(&t->env, t->env.map_key, sizeof t->env.map_key);
    t->options = chosen;
    minke__handles_init(&t->connections, &t->env);
    minke__handles_init(&t->streams, &t->env);
    minke__map_init(&t->paths, &t->env);
    minke__map_init(&t->ufrags, &t->env);
    minke__map_init(&t->sockets, &t->env);
    minke__map_init(&t->origins, &t->env);
    minke__heap_init(&t->timers, &t->env);
    minke_list_t *lists[] = {&t->everyone, &t->to_send, &t->to_tell, &t->sockets_to_tell};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) minke__list_init(lists[i]);
    const int error = start(t);
    if (error < 0) {
        minke_transport_free(t);
        return error;
    }
    *out = t;
    return MINKE_OK;
}

void minke_transport_free(minke_transport_t *t)
{
    if (t == NULL) return;
    while (!minke__list_empty(&t->everyone)) {
        minke__endpoint_remove(t, MINKE_CONTAINER(t->everyone.next, minke_connection_state_t, siblings));
    }
    minke__endpoint_sockets_free(t);
    minke__responder_free(t->responder);
    if (t->strangers != NULL) minke__strangers_free(t->strangers);
    if (t->config.dtls != NULL) minke__dtls_context_free(t->config.dtls);
    if (t->certificate != NULL) minke__certificate_free(t->certificate);
    if (t->identity != NULL) minke__identity_free(t->identity);
    minke__wipe(&t->noise_key, sizeof t->noise_key);
    minke__heap_free(&t->timers);
    minke__map_free(&t->origins);
    minke__map_free(&t->ufrags);
    minke__map_free(&t->paths);
    minke__handles_free(&t->streams);
    minke__handles_free(&t->connections);
    minke__blocks_empty(&t->env); /* byte connections keep some here too */
    const minke_env_t env = t->env;
    minke__free(&env, t);
}

/* ---- time, output, events ---- */

static void tick(minke_transport_t *t, minke_connection_state_t *c, minke_time_t now)
{
    if (c->dial != NULL) minke__dial_tick(t, c, now);
    else minke__connection_tick(c, now);
    minke__endpoint_touch(t, c);
}

void minke_transport_tick(minke_transport_t *t, minke_time_t now)
{
    /* Each that is due has one turn. What it then has to send keeps its deadline in the past, and this would go on with
     * it for ever: it is put behind the others, until transmit sets it right. */
    for (minke_heap_node_t *node; (node = minke__heap_top(&t->timers)) != NULL && node->at <= now;) {
        minke_connection_state_t *c = MINKE_CONTAINER(node, minke_connection_state_t, timer);
        if (c->dial != NULL || !minke__quiet_tick(t, c, now)) tick(t, c, now);
        if (node->at <= now) minke__heap_set(&t->timers, node, now + 1);
    }
}

minke_time_t minke_transport_deadline(const minke_transport_t *t)
{
    const minke_heap_node_t *node = minke__heap_top(&t->timers);
    return node != NULL ? node->at : MINKE_TIME_NEVER;
}

static size_t sent(minke_transport_t *t, minke_connection_t connection, const minke_train_t *train, size_t n,
                   const minke_path_t *path, minke_time_t now)
{
    if (minke__tapping(&t->env)) minke__tap_train(&t->env, connection, false, train, path, now);
    t->counters.datagrams_sent += n;
    t->counters.bytes_sent += train->len;
    return n;
}

/* Gone: everything is sent and told. */
static bool is_over(const minke_connection_state_t *c) { return c->phase == MINKE_PHASE_CLOSED && c->closed_told; }

size_t minke_transport_transmit(minke_transport_t *t, uint8_t *buffer, size_t capacity, minke_train_t *train,
                                minke_path_t *path, minke_time_t now)
{
    if (capacity < MINKE_TRAIN_BYTES) return 0;
    t->fragmentation = MINKE_FRAGMENT_USUAL;
    size_t answer_len = minke__strangers_transmit(t->strangers, buffer, capacity, path, now);
    if (answer_len == 0 && t->responder != NULL) {
        answer_len = minke__responder_transmit(t->responder, buffer, capacity, path);
    }
    if (answer_len > 0) {
        *train = (minke_train_t){buffer, answer_len, answer_len};
        return sent(t, 0, train, 1, path, now);
    }
    for (minke_list_t *node; (node = minke__list_pop(&t->to_send)) != NULL;) {
        minke_connection_state_t *c = MINKE_CONTAINER(node, minke_connection_state_t, to_send);
        const minke_connection_t id = c->id;
        if (c->checks_only) {
            const size_t checks = minke__quiet_transmit(t, c, buffer, capacity, train, path, now);
            if (checks > 0) return sent(t, id, train, checks, path, now);
            continue;
        }
        const size_t n = c->dial != NULL ? minke__dial_transmit(c, buffer, capacity, train, path, now)
                                         : minke__connection_transmit(c, buffer, capacity, train, path, now);
        t->fragmentation = c->fragmentation;
        if (is_over(c)) {
            minke__endpoint_remove(t, c);
        } else if (n > 0) {
            minke__endpoint_touch(t, c); /* to the back: the others have their turn */
        } else {
            minke__endpoint_touch(t, c);
            minke__list_remove(&c->to_send);
        }
        if (n > 0) return sent(t, id, train, n, path, now);
    }
    return 0;
}

bool minke_transport_event(minke_transport_t *t, minke_transport_event_t *event)
{
    if (minke__endpoint_socket_event(t, event)) return true;
    while (!minke__list_empty(&t->to_tell)) {
        minke_connection_state_t *c = MINKE_CONTAINER(t->to_tell.next, minke_connection_state_t, to_tell);
        if (minke__connection_event(c, event)) return true;
        minke__list_remove(&c->to_tell);
        if (is_over(c)) minke__endpoint_remove(t, c);
    }
    return minke__endpoint_socket_event(t, event);
}

/* ---- queries ---- */

void minke_transport_tap(minke_transport_t *t, const minke_tap_t *tap)
{
    t->env.tap = tap != NULL ? *tap : (minke_tap_t){0};
    for (minke_list_t *node = t->everyone.next; node != &t->everyone; node = node->next) {
        MINKE_CONTAINER(node, minke_connection_state_t, siblings)->own_env.tap = t->env.tap;
    }
}

size_t minke_transport_connections(const minke_transport_t *t, minke_connection_t *connections, size_t capacity)
{
    size_t n = 0;
    for (const minke_list_t *node = t->everyone.next; node != &t->everyone; node = node->next) {
        const minke_connection_state_t *c = MINKE_CONTAINER(node, minke_connection_state_t, siblings);
        if (c->closed_told) continue;
        if (n < capacity) connections[n] = c->id;
        n++;
    }
    return n;
}

size_t minke_transport_memory(const minke_transport_t *t) { return t->account.used; }

const minke_counters_t *minke_transport_counters(const minke_transport_t *t) { return &t->counters; }

void minke_transport_self(const minke_transport_t *t, char text[MINKE_PEER_BYTES])
{
    minke__peer_id_text(minke__identity_peer_id(t->identity), text);
}

const uint8_t *minke__transport_public_key(const minke_transport_t *t, size_t *len)
{
    return minke__identity_public_key(t->identity, len);
}

int minke_address_parse(const char *multiaddr, minke_address_t *address)
{
    minke_multiaddr_t parsed;
    minke_direct_address_t direct;
    int error = minke__multiaddr_parse(multiaddr, strlen(multiaddr), &parsed);
    if (error == MINKE_OK) error = minke__multiaddr_to_direct(&parsed, &direct);
    if (error == MINKE_OK) *address = direct.address;
    return error;
}

ssize_t minke_transport_address(const minke_transport_t *t, const minke_address_t *address, char *text, size_t capacity)
{
    minke_direct_address_t direct = {.address = *address, .certhashes_n = 1};
    minke_multiaddr_t multiaddr;
    memcpy(direct.certhashes[0], t->config.fingerprint, sizeof direct.certhashes[0]);
    direct.peer = *minke__identity_peer_id(t->identity);
    const int error = minke__multiaddr_from_direct(&direct, &multiaddr);
    return error < 0 ? error : minke__multiaddr_text(&multiaddr, text, capacity);
}
