#include "webrtc/setup.h"

#include <string.h>

#include "base/wire.h"

/* Ours carry a key, a signature and little else; nobody's comes near this. */
enum { MESSAGE_MAX = 4096 };

struct minke_setup {
    const minke_env_t *env;
    minke_noise_t *noise;
    const char *error;
    size_t have; /* bytes of the frame in `frame` */
    size_t out_len, out_sent;
    uint8_t frame[2 + MESSAGE_MAX];
    uint8_t out[2 + MESSAGE_MAX];
};

void minke__direct_prologue(const uint8_t dialer_fingerprint[32], const uint8_t listener_fingerprint[32],
                            uint8_t out[MINKE_PROLOGUE_BYTES])
{
    minke_writer_t w = minke__writer(out, MINKE_PROLOGUE_BYTES);
    minke__write_text(&w, "libp2p-webrtc-noise:");
    minke__write_u16(&w, 0x1220); /* multihash: sha2-256, 32 bytes */
    minke__write_bytes(&w, dialer_fingerprint, 32);
    minke__write_u16(&w, 0x1220);
    minke__write_bytes(&w, listener_fingerprint, 32);
}

minke_setup_t *minke__setup_new(const minke_env_t *env, const minke_identity_t *identity, minke_noise_key_t *key,
                                bool listener, const uint8_t dialer_fingerprint[32],
                                const uint8_t listener_fingerprint[32], const minke_peer_id_t *expected)
{
    minke_setup_t *setup = minke__alloc(env, sizeof *setup);
    if (setup == NULL) return NULL;
    setup->env = env;
    setup->error = "";
    setup->have = setup->out_len = setup->out_sent = 0;
    uint8_t prologue[MINKE_PROLOGUE_BYTES];
    minke__direct_prologue(dialer_fingerprint, listener_fingerprint, prologue);
    setup->noise = minke__noise_new(env, listener, identity, key, prologue, sizeof prologue);
    if (setup->noise == NULL) {
        minke__free(env, setup);
        return NULL;
    }
    if (expected != NULL && expected->len > 0) minke__noise_expect(setup->noise, expected);
    return setup;
}

void minke__setup_free(minke_setup_t *setup)
{
    if (setup == NULL) return;
    minke__noise_free(setup->noise);
    minke__free(setup->env, setup);
}

const char *minke__setup_error(const minke_setup_t *setup) { return setup->error; }
const minke_noise_t *minke__setup_noise(const minke_setup_t *setup) { return setup->noise; }

static minke_setup_result_t fail(minke_setup_t *setup, const char *error)
{
    setup->error = error;
    return MINKE_SETUP_FAILED;
}

/* What did not fit into the stream yet. False: still not. */
static bool flush(minke_setup_t *setup, minke_mux_stream_t *channel)
{
    while (setup->out_sent < setup->out_len) {
        const ssize_t n = minke__mux_write(channel, setup->out + setup->out_sent, setup->out_len - setup->out_sent);
        if (n <= 0) return false;
        setup->out_sent += (size_t)n;
    }
    return true;
}

static minke_setup_result_t write_message(minke_setup_t *setup, minke_mux_stream_t *channel)
{
    const ssize_t len = minke__noise_write(setup->noise, setup->out + 2, MESSAGE_MAX);
    if (len < 0) return fail(setup, minke_error_text((int)len));
    minke_writer_t w = minke__writer(setup->out, 2);
    minke__write_u16(&w, (uint16_t)len);
    setup->out_len = 2 + (size_t)len;
    setup->out_sent = 0;
    (void)flush(setup, channel);
    return MINKE_SETUP_MORE;
}

/* Moves bytes from the stream into `frame` until it holds `wanted`. */
static bool gather(minke_setup_t *setup, minke_mux_stream_t *channel, size_t wanted, ssize_t *state)
{
    while (setup->have < wanted) {
        const uint8_t *data;
        const ssize_t n = minke__mux_peek(channel, &data);
        *state = n;
        if (n <= 0) return false;
        const size_t take = (size_t)n < wanted - setup->have ? (size_t)n : wanted - setup->have;
        memcpy(setup->frame + setup->have, data, take);
        setup->have += take;
        if (minke__mux_consume(channel, take) < 0) return false;
    }
    return true;
}

static minke_setup_result_t read_message(minke_setup_t *setup, minke_mux_stream_t *channel, bool *blocked)
{
    ssize_t state = MINKE_ERROR_AGAIN;
    size_t len = 0;
    if (gather(setup, channel, 2, &state)) {
        len = (size_t)setup->frame[0] << 8 | setup->frame[1];
        if (len > MESSAGE_MAX) return fail(setup, "the remote's Noise message is too long");
        if (gather(setup, channel, 2 + len, &state)) {
            setup->have = 0;
            if (minke__noise_read(setup->noise, setup->frame + 2, len) < 0) {
                return fail(setup, minke__noise_error(setup->noise));
            }
            return MINKE_SETUP_MORE;
        }
    }
    *blocked = true;
    if (state == MINKE_ERROR_AGAIN) return MINKE_SETUP_MORE;
    return fail(setup, "the remote closed the handshake channel");
}

minke_setup_result_t minke__setup_advance(minke_setup_t *setup, minke_mux_stream_t *channel)
{
    for (;;) {
        if (!flush(setup, channel)) return MINKE_SETUP_MORE;
        minke_setup_result_t result = MINKE_SETUP_MORE;
        bool blocked = false;
        switch (minke__noise_next(setup->noise)) {
        case MINKE_NOISE_DONE: return MINKE_SETUP_DONE;
        case MINKE_NOISE_FAILED: return fail(setup, minke__noise_error(setup->noise));
        case MINKE_NOISE_WRITE: result = write_message(setup, channel); break;
        case MINKE_NOISE_READ: result = read_message(setup, channel, &blocked); break;
        }
        if (result != MINKE_SETUP_MORE || blocked) return result;
    }
}
