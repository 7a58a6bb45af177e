#include "upgrade/upgrade.h"

#include <string.h>

#include "base/byte_queue.h"
#include "base/wire.h"
#include "multistream/multistream.h"
#include "upgrade/frames.h"

enum { SECOND = 1000000, TAG_BYTES = 16, PLAINTEXT_MAX = MINKE_FRAME_MAX - TAG_BYTES, NEGOTIATION_MAX = 4096 };

static const char *const noise_protocol = "/noise";
static const char *const yamux_protocol = "/yamux/1.0.0";

struct minke_upgrade {
    const minke_env_t *env;
    minke_upgrade_options_t options;
    minke_handles_t *handles;
    minke_connection_t connection;
    minke_upgrade_state_t state;
    minke_multistream_t *negotiation; /* SECURITY and MUXER only */
    minke_noise_t *noise;
    minke_yamux_t *yamux;
    minke_frames_t frames;
    minke_byte_queue_t unsent; /* of the handshake, as it goes onto the wire */
    minke_time_t give_up_at;
    minke_close_t close;
};

void minke__upgrade_options_defaults(minke_upgrade_options_t *options)
{
    *options = (minke_upgrade_options_t){.early_muxer = true, .handshake_after = 10 * SECOND};
    minke__yamux_options_defaults(&options->yamux);
}

/* ---- the end */

static void end(minke_upgrade_t *u, const minke_close_t *reason)
{
    if (u->state == MINKE_UPGRADE_ENDED) return;
    u->state = MINKE_UPGRADE_ENDED;
    u->close = *reason;
    minke__free(u->env, u->negotiation);
    u->negotiation = NULL;
    if (u->yamux != NULL) minke__yamux_fail(u->yamux);
}

static void fail(minke_upgrade_t *u, minke_layer_t layer, int code, const char *text)
{
    minke_close_t reason = {.layer = layer, .code = code};
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    minke__write_text(&w, text);
    minke__write_terminator(&w);
    end(u, &reason);
}

static void fail_without_memory(minke_upgrade_t *u)
{
    fail(u, MINKE_LAYER_NOISE, MINKE_ERROR_NO_MEMORY, "out of memory");
}

/* ---- handshake bytes on their way out */

static void queue(minke_upgrade_t *u, const void *bytes, size_t len)
{
    if (minke__byte_queue_append(&u->unsent, u->env, bytes, len) < 0) fail_without_memory(u);
}

static void queue_frame(minke_upgrade_t *u, const uint8_t *message, size_t len)
{
    const uint8_t prefix[MINKE_FRAME_PREFIX_BYTES] = {(uint8_t)(len >> 8), (uint8_t)len};
    queue(u, prefix, sizeof prefix);
    queue(u, message, len);
}

static void queue_sealed(minke_upgrade_t *u, const void *plaintext, size_t len)
{
    uint8_t sealed[NEGOTIATION_MAX + TAG_BYTES];
    if (len == 0) return;
    if (minke__noise_seal(u->noise, plaintext, len, sealed) < 0)
        fail(u, MINKE_LAYER_NOISE, MINKE_ERROR_CRYPTO, "cannot encrypt");
    else queue_frame(u, sealed, len + TAG_BYTES);
}

/* ---- the steps */

/* The one protocol that will do at this step; the dialer proposes it. */
static void begin_negotiation(minke_upgrade_t *u, const char *const *protocol, minke_writer_t *out)
{
    if (u->options.dialer) {
        minke__multistream_initiate(u->negotiation, protocol, 1);
        minke__multistream_start(u->negotiation, out);
    } else {
        minke__multistream_respond(u->negotiation);
    }
}

static int is_protocol(void *user, const char *name, size_t len)
{
    const char *const *wanted = user;
    return strlen(*wanted) == len && memcmp(*wanted, name, len) == 0 ? 0 : -1;
}

/* True: chosen. `*taken` bytes belonged to it. */
static bool negotiate(minke_upgrade_t *u, const char *const *protocol, const uint8_t *data, size_t len, size_t *taken,
                      minke_writer_t *out)
{
    const minke_layer_t layer = u->state == MINKE_UPGRADE_MUXER ? MINKE_LAYER_STREAM : MINKE_LAYER_NOISE;
    const char **wanted = (const char **)(void *)protocol;
    switch (minke__multistream_recv(u->negotiation, data, len, taken, out, is_protocol, wanted)) {
    case MINKE_MULTISTREAM_MORE: return false;
    case MINKE_MULTISTREAM_SELECTED: return true;
    case MINKE_MULTISTREAM_REFUSED:
        fail(u, layer, MINKE_ERROR_UNSUPPORTED,
             u->state == MINKE_UPGRADE_MUXER ? "the remote does not speak yamux" : "the remote does not speak Noise");
        return false;
    case MINKE_MULTISTREAM_FAILED: break;
    }
    fail(u, layer, MINKE_ERROR_MALFORMED, "what the remote sends is not multistream-select");
    return false;
}

static void open_yamux(minke_upgrade_t *u, minke_time_t now)
{
    minke__free(u->env, u->negotiation);
    u->negotiation = NULL;
    u->options.yamux.client = u->options.dialer;
    u->yamux = minke__yamux_new(u->env, &u->options.yamux, u->handles, u->connection, now);
    if (u->yamux == NULL) fail_without_memory(u);
    else u->state = MINKE_UPGRADE_OPEN;
}

static void noise_done(minke_upgrade_t *u, minke_time_t now)
{
    uint8_t out[NEGOTIATION_MAX];
    minke_writer_t w = minke__writer(out, sizeof out);
    if (minke__noise_muxer(u->noise) != NULL) {
        open_yamux(u, now);
        return;
    }
    u->state = MINKE_UPGRADE_MUXER;
    u->negotiation = minke__alloc_zero(u->env, sizeof *u->negotiation);
    if (u->negotiation == NULL) {
        fail_without_memory(u);
        return;
    }
    begin_negotiation(u, &yamux_protocol, &w);
    queue_sealed(u, out, w.len);
}

/* Our turn, as often as it is. */
static void speak_noise(minke_upgrade_t *u, minke_time_t now)
{
    uint8_t message[MINKE_NOISE_WRITE_MAX];
    while (u->state == MINKE_UPGRADE_NOISE || u->state == MINKE_UPGRADE_SECURITY) {
        const minke_noise_next_t next = minke__noise_next(u->noise);
        if (next == MINKE_NOISE_DONE) noise_done(u, now);
        if (next != MINKE_NOISE_WRITE) return;
        const ssize_t len = minke__noise_write(u->noise, message, sizeof message);
        if (len < 0) fail(u, MINKE_LAYER_NOISE, (int)len, minke__noise_error(u->noise));
        else queue_frame(u, message, (size_t)len);
    }
}

static void take_security(minke_upgrade_t *u, uint8_t **data, size_t *len)
{
    uint8_t out[NEGOTIATION_MAX];
    minke_writer_t w = minke__writer(out, sizeof out);
    size_t taken = 0;
    const bool chosen = negotiate(u, &noise_protocol, *data, *len, &taken, &w);
    *data += taken;
    *len -= taken;
    if (u->state == MINKE_UPGRADE_ENDED) return;
    queue(u, out, w.len);
    if (!chosen || u->state == MINKE_UPGRADE_ENDED) return;
    minke__free(u->env, u->negotiation);
    u->negotiation = NULL;
    u->state = MINKE_UPGRADE_NOISE;
}

static void take_muxer(minke_upgrade_t *u, const uint8_t *data, size_t len, minke_time_t now)
{
    uint8_t out[NEGOTIATION_MAX];
    minke_writer_t w = minke__writer(out, sizeof out);
    size_t taken = 0;
    const bool chosen = negotiate(u, &yamux_protocol, data, len, &taken, &w);
    if (u->state == MINKE_UPGRADE_ENDED) return;
    queue_sealed(u, out, w.len);
    if (!chosen || u->state == MINKE_UPGRADE_ENDED) return;
    open_yamux(u, now);
    if (u->state == MINKE_UPGRADE_OPEN) minke__yamux_recv(u->yamux, data + taken, len - taken, now);
}

/* yamux has ended by itself: so does the connection, for its reason. */
static void follow_yamux(minke_upgrade_t *u)
{
    if (u->state != MINKE_UPGRADE_OPEN) return;
    const minke_close_t *reason = minke__yamux_close_reason(u->yamux);
    if (reason != NULL) end(u, reason);
}

static void take_message(minke_upgrade_t *u, uint8_t *message, size_t len, minke_time_t now)
{
    if (u->state == MINKE_UPGRADE_NOISE) {
        const int error = minke__noise_read(u->noise, message, len);
        if (error < 0) fail(u, MINKE_LAYER_NOISE, error, minke__noise_error(u->noise));
        else speak_noise(u, now);
        return;
    }
    if (minke__noise_open(u->noise, message, len, message) < 0) {
        fail(u, MINKE_LAYER_NOISE, MINKE_ERROR_CRYPTO, "a message of the remote does not decrypt");
        return;
    }
    if (u->state == MINKE_UPGRADE_MUXER) take_muxer(u, message, len - TAG_BYTES, now);
    else minke__yamux_recv(u->yamux, message, len - TAG_BYTES, now);
    follow_yamux(u);
}

void minke__upgrade_recv(minke_upgrade_t *u, uint8_t *data, size_t len, minke_time_t now)
{
    uint8_t *message;
    size_t message_len;
    if (u->state == MINKE_UPGRADE_SECURITY) take_security(u, &data, &len);
    while (u->state != MINKE_UPGRADE_ENDED && u->state != MINKE_UPGRADE_SECURITY) {
        const int found = minke__frames_next(&u->frames, &data, &len, &message, &message_len);
        if (found < 0) fail_without_memory(u);
        if (found <= 0) return;
        take_message(u, message, message_len, now);
    }
}

/* ---- output */

static size_t take_queued(minke_upgrade_t *u, uint8_t *out, size_t capacity)
{
    const uint8_t *data;
    size_t at = 0;
    for (size_t n; at < capacity && (n = minke__byte_queue_peek(&u->unsent, &data)) > 0; at += n) {
        if (n > capacity - at) n = capacity - at;
        memcpy(out + at, data, n);
        minke__byte_queue_consume(&u->unsent, u->env, n);
    }
    return at;
}

/* One Noise message full of yamux frames. */
static size_t seal_frames(minke_upgrade_t *u, uint8_t *out, size_t capacity, minke_time_t now)
{
    enum { AROUND = MINKE_FRAME_PREFIX_BYTES + TAG_BYTES, SMALLEST = 64 };
    if (capacity < AROUND + SMALLEST) return 0;
    size_t room = capacity - AROUND;
    if (room > PLAINTEXT_MAX) room = PLAINTEXT_MAX;
    uint8_t *plaintext = out + MINKE_FRAME_PREFIX_BYTES;
    const size_t len = minke__yamux_transmit(u->yamux, plaintext, room, now);
    if (len == 0) return 0;
    if (minke__noise_seal(u->noise, plaintext, len, plaintext) < 0) {
        fail(u, MINKE_LAYER_NOISE, MINKE_ERROR_CRYPTO, "cannot encrypt");
        return 0;
    }
    out[0] = (uint8_t)((len + TAG_BYTES) >> 8);
    out[1] = (uint8_t)(len + TAG_BYTES);
    return AROUND + len;
}

size_t minke__upgrade_transmit(minke_upgrade_t *u, uint8_t *out, size_t capacity, minke_time_t now)
{
    size_t at = take_queued(u, out, capacity);
    if (u->yamux == NULL || u->unsent.len > 0) return at;
    for (size_t n; (n = seal_frames(u, out + at, capacity - at, now)) > 0;) at += n;
    return at;
}

/* ---- time */

minke_time_t minke__upgrade_deadline(const minke_upgrade_t *u)
{
    if (u->state == MINKE_UPGRADE_ENDED) return MINKE_TIME_NEVER;
    return u->state == MINKE_UPGRADE_OPEN ? minke__yamux_deadline(u->yamux) : u->give_up_at;
}

void minke__upgrade_tick(minke_upgrade_t *u, minke_time_t now)
{
    static const char *const waiting_for[] = {
        [MINKE_UPGRADE_SECURITY] = "no answer: does the remote speak libp2p here?",
        [MINKE_UPGRADE_NOISE] = "the remote did not go on with the Noise handshake",
        [MINKE_UPGRADE_MUXER] = "the remote did not agree on a stream muxer"};
    if (u->state == MINKE_UPGRADE_ENDED) return;
    if (u->state == MINKE_UPGRADE_OPEN) {
        minke__yamux_tick(u->yamux, now);
        follow_yamux(u);
    } else if (now >= u->give_up_at) {
        fail(u, u->state == MINKE_UPGRADE_MUXER ? MINKE_LAYER_STREAM : MINKE_LAYER_NOISE, MINKE_ERROR_TIMEOUT,
             waiting_for[u->state]);
    }
}

/* ---- life */

static bool start(minke_upgrade_t *u, minke_time_t now)
{
    uint8_t out[NEGOTIATION_MAX];
    minke_writer_t w = minke__writer(out, sizeof out);
    u->negotiation = minke__alloc_zero(u->env, sizeof *u->negotiation);
    u->noise = minke__noise_new(u->env, u->options.dialer, u->options.identity, u->options.noise_key, NULL, 0);
    if (u->negotiation == NULL || u->noise == NULL) return false;
    const minke_peer_id_t *expected = u->options.expected;
    if (expected != NULL && expected->len > 0) minke__noise_expect(u->noise, expected);
    u->options.expected = NULL;
    if (u->options.early_muxer) minke__noise_offer_muxers(u->noise, &yamux_protocol, 1);
    begin_negotiation(u, &noise_protocol, &w);
    queue(u, out, w.len);
    if (u->options.dialer) speak_noise(u, now);
    return u->state != MINKE_UPGRADE_ENDED;
}

minke_upgrade_t *minke__upgrade_new(const minke_env_t *env, const minke_upgrade_options_t *options,
                                    minke_handles_t *streams, minke_connection_t connection, minke_time_t now)
{
    minke_upgrade_t *u = minke__alloc_zero(env, sizeof *u);
    if (u == NULL) return NULL;
    u->env = env;
    u->options = *options;
    u->handles = streams;
    u->connection = connection;
    u->give_up_at = now + options->handshake_after;
    minke__frames_init(&u->frames, env);
    if (start(u, now)) return u;
    minke__upgrade_free(u);
    return NULL;
}

void minke__upgrade_free(minke_upgrade_t *u)
{
    if (u == NULL) return;
    if (u->yamux != NULL) minke__yamux_free(u->yamux);
    if (u->noise != NULL) minke__noise_free(u->noise);
    minke__free(u->env, u->negotiation);
    minke__frames_free(&u->frames);
    minke__byte_queue_free(&u->unsent, u->env);
    minke__free(u->env, u);
}

void minke__upgrade_disconnected(minke_upgrade_t *u, const minke_close_t *reason) { end(u, reason); }

void minke__upgrade_close(minke_upgrade_t *u, minke_time_t now)
{
    if (u->state == MINKE_UPGRADE_OPEN) minke__yamux_close(u->yamux, now);
    fail(u, MINKE_LAYER_HOST, MINKE_OK, "closed by the application");
}

minke_upgrade_state_t minke__upgrade_state(const minke_upgrade_t *u) { return u->state; }
const minke_close_t *minke__upgrade_close_reason(const minke_upgrade_t *u) { return &u->close; }
minke_yamux_t *minke__upgrade_yamux(const minke_upgrade_t *u) { return u->yamux; }
const minke_peer_id_t *minke__upgrade_peer(const minke_upgrade_t *u) { return minke__noise_remote_peer(u->noise); }
const uint8_t *minke__upgrade_peer_key(const minke_upgrade_t *u, size_t *len)
{
    return minke__noise_remote_public_key(u->noise, len);
}
