#include "noise/noise.h"

#include <assert.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/primitives.h"
#include "noise/payload.h"
#include "noise/symmetric.h"

enum {
    KEY_LEN = MINKE_NOISE_KEY_LEN,
    TAG_LEN = MINKE_NOISE_TAG_LEN,
    SEALED_KEY_LEN = KEY_LEN + TAG_LEN,
    MESSAGES = 3,
    PLAINTEXT_MAX = MINKE_NOISE_MESSAGE_MAX - TAG_LEN,
    /* Two peer ids and the words around them. */
    ERROR_TEXT_BYTES = 2 * MINKE_PEER_ID_TEXT_BYTES + 32
};

/* What only the handshake needs, wiped when it ends. */
typedef struct handshake_keys {
    uint8_t static_secret[KEY_LEN];
    uint8_t static_public[KEY_LEN];
    uint8_t ephemeral_secret[KEY_LEN];
    uint8_t remote_ephemeral[KEY_LEN];
    uint8_t remote_static[KEY_LEN];
} handshake_keys_t;

struct minke_noise {
    const minke_env_t *env;
    const minke_identity_t *identity;
    minke_noise_key_t *key; /* NULL: the static key is of this handshake alone */
    const char *error;      /* NULL unless failed */
    minke_noise_muxers_t muxers;
    const char *muxer;
    uint8_t *remote_public_key;
    size_t remote_public_key_len;
    handshake_keys_t keys;
    minke_noise_symmetric_t symmetric;
    minke_noise_cipher_t sending, receiving;
    minke_peer_id_t expected, remote_peer;
    bool initiator;
    uint8_t messages; /* done so far */
    char error_text[ERROR_TEXT_BYTES];
};

static bool make_static_key(const minke_env_t *env, uint8_t secret[KEY_LEN], uint8_t public_key[KEY_LEN])
{
    minke__random_fill(env, secret, KEY_LEN);
    return minke__x25519_public(secret, public_key) == MINKE_OK;
}

static bool take_static_key(minke_noise_t *noise)
{
    minke_noise_key_t *key = noise->key;
    if (key == NULL) return make_static_key(noise->env, noise->keys.static_secret, noise->keys.static_public);
    if (!key->made) key->made = make_static_key(noise->env, key->secret, key->public_key);
    memcpy(noise->keys.static_secret, key->secret, KEY_LEN);
    memcpy(noise->keys.static_public, key->public_key, KEY_LEN);
    return key->made;
}

minke_noise_t *minke__noise_new(const minke_env_t *env, bool initiator, const minke_identity_t *identity,
                                minke_noise_key_t *key, const void *prologue, size_t prologue_len)
{
    minke_noise_t *noise = minke__alloc_zero(env, sizeof *noise);
    if (noise == NULL) return NULL;
    noise->env = env;
    noise->initiator = initiator;
    noise->identity = identity;
    noise->key = key;
    minke__noise_symmetric_init(&noise->symmetric, prologue, prologue_len);
    if (take_static_key(noise)) return noise;
    minke__noise_free(noise);
    return NULL;
}

void minke__noise_free(minke_noise_t *noise)
{
    if (noise == NULL) return;
    const minke_env_t *env = noise->env;
    minke__free(env, noise->remote_public_key);
    minke__wipe(noise, sizeof *noise);
    minke__free(env, noise);
}

void minke__noise_expect(minke_noise_t *noise, const minke_peer_id_t *peer) { noise->expected = *peer; }

void minke__noise_offer_muxers(minke_noise_t *noise, const char *const *muxers, size_t n)
{
    noise->muxers = (minke_noise_muxers_t){muxers, n};
}

minke_noise_next_t minke__noise_next(const minke_noise_t *noise)
{
    if (noise->error != NULL) return MINKE_NOISE_FAILED;
    if (noise->messages == MESSAGES) return MINKE_NOISE_DONE;
    return (noise->messages % 2 == 0) == noise->initiator ? MINKE_NOISE_WRITE : MINKE_NOISE_READ;
}

const char *minke__noise_error(const minke_noise_t *noise) { return noise->error != NULL ? noise->error : "no error"; }

/* The hash stays. */
static void wipe_handshake(minke_noise_t *noise)
{
    minke__wipe(&noise->keys, sizeof noise->keys);
    minke__wipe(noise->symmetric.chaining_key, sizeof noise->symmetric.chaining_key);
    minke__wipe(&noise->symmetric.cipher, sizeof noise->symmetric.cipher);
}

static int fail(minke_noise_t *noise, int error, const char *sentence)
{
    wipe_handshake(noise);
    noise->error = sentence;
    return error;
}

/* The sentence is `before` and the error's own text. */
static int fail_because(minke_noise_t *noise, int error, const char *before)
{
    minke_writer_t w = minke__writer(noise->error_text, sizeof noise->error_text);
    minke__write_text(&w, before);
    minke__write_text(&w, minke_error_text(error));
    minke__write_terminator(&w);
    return fail(noise, error, noise->error_text);
}

static int fail_wrong_peer(minke_noise_t *noise, const minke_peer_id_t *peer)
{
    char remote[MINKE_PEER_ID_TEXT_BYTES], expected[MINKE_PEER_ID_TEXT_BYTES];
    minke__peer_id_text(peer, remote);
    minke__peer_id_text(&noise->expected, expected);
    minke_writer_t w = minke__writer(noise->error_text, sizeof noise->error_text);
    minke__write_text(&w, "remote peer id is ");
    minke__write_text(&w, remote);
    minke__write_text(&w, ", expected ");
    minke__write_text(&w, expected);
    minke__write_terminator(&w);
    return fail(noise, MINKE_ERROR_CRYPTO, noise->error_text);
}

static void finish_message(minke_noise_t *noise)
{
    if (++noise->messages < MESSAGES) return;
    minke_noise_cipher_t *from_initiator = noise->initiator ? &noise->sending : &noise->receiving;
    minke_noise_cipher_t *from_responder = noise->initiator ? &noise->receiving : &noise->sending;
    minke__noise_split(&noise->symmetric, from_initiator, from_responder);
    wipe_handshake(noise);
}

static int mix_dh(minke_noise_t *noise, const uint8_t secret[KEY_LEN], const uint8_t remote_public[KEY_LEN])
{
    uint8_t shared[KEY_LEN];
    const int error = minke__x25519_derive(secret, remote_public, shared);
    if (error < 0) return fail(noise, error, "the remote's X25519 key is of low order");
    minke__noise_mix_key(&noise->symmetric, shared);
    minke__wipe(shared, sizeof shared);
    return MINKE_OK;
}

/* The tokens of the patterns. `es` is the initiator's ephemeral with the responder's static key, `se` the reverse. */

static int mix_ee(minke_noise_t *noise)
{
    return mix_dh(noise, noise->keys.ephemeral_secret, noise->keys.remote_ephemeral);
}

static int mix_es(minke_noise_t *noise)
{
    if (noise->initiator) return mix_dh(noise, noise->keys.ephemeral_secret, noise->keys.remote_static);
    return mix_dh(noise, noise->keys.static_secret, noise->keys.remote_ephemeral);
}

static int mix_se(minke_noise_t *noise)
{
    if (noise->initiator) return mix_dh(noise, noise->keys.static_secret, noise->keys.remote_ephemeral);
    return mix_dh(noise, noise->keys.ephemeral_secret, noise->keys.remote_static);
}

static int write_e(minke_noise_t *noise, uint8_t *out)
{
    minke__random_fill(noise->env, noise->keys.ephemeral_secret, KEY_LEN);
    const int error = minke__x25519_public(noise->keys.ephemeral_secret, out);
    if (error < 0) return fail_because(noise, error, "cannot make an ephemeral key: ");
    minke__noise_mix_hash(&noise->symmetric, out, KEY_LEN);
    return MINKE_OK;
}

/* `in` may be `out`. */
static int write_sealed(minke_noise_t *noise, const uint8_t *in, size_t len, uint8_t *out)
{
    const int error = minke__noise_seal_and_hash(&noise->symmetric, in, len, out);
    return error < 0 ? fail_because(noise, error, "cannot encrypt: ") : MINKE_OK;
}

static void read_e(minke_noise_t *noise, const uint8_t *in)
{
    memcpy(noise->keys.remote_ephemeral, in, KEY_LEN);
    minke__noise_mix_hash(&noise->symmetric, in, KEY_LEN);
}

static int read_sealed(minke_noise_t *noise, const uint8_t *in, size_t len, uint8_t *out)
{
    const int error = minke__noise_open_and_hash(&noise->symmetric, in, len, out);
    if (error == MINKE_OK) return MINKE_OK;
    return fail(noise, error, "the remote's message does not decrypt: it was changed, or the prologues differ");
}

/* What the identity key signs: that this static key is its own. */
enum { SIGNED_PREFIX_LEN = 24, SIGNED_LEN = SIGNED_PREFIX_LEN + KEY_LEN };

static void signed_bytes(const uint8_t static_public[KEY_LEN], uint8_t out[SIGNED_LEN])
{
    memcpy(out, "noise-libp2p-static-key:", SIGNED_PREFIX_LEN);
    memcpy(out + SIGNED_PREFIX_LEN, static_public, KEY_LEN);
}

/* Its length. The one of a key that is kept is made once. */
static ssize_t sign_static_key(const minke_noise_t *noise, uint8_t signature[MINKE_SIGNATURE_MAX])
{
    uint8_t to_sign[SIGNED_LEN];
    minke_noise_key_t *key = noise->key;
    if (key != NULL && key->signature_len > 0) {
        memcpy(signature, key->signature, key->signature_len);
        return (ssize_t)key->signature_len;
    }
    signed_bytes(noise->keys.static_public, to_sign);
    const ssize_t n = minke__identity_sign(noise->identity, to_sign, sizeof to_sign, signature, MINKE_SIGNATURE_MAX);
    if (n <= 0 || key == NULL) return n;
    memcpy(key->signature, signature, (size_t)n);
    key->signature_len = (size_t)n;
    return n;
}

/* Plain, and before anything of the handshake has changed, because only this can find too little space. Returns its
 * length. */
static ssize_t write_payload(minke_noise_t *noise, uint8_t *out, size_t capacity)
{
    uint8_t signature[MINKE_SIGNATURE_MAX];
    const ssize_t n = sign_static_key(noise, signature);
    if (n < 0) return fail_because(noise, (int)n, "the identity did not sign: ");
    minke_noise_payload_t payload = {.signature = signature, .signature_len = (size_t)n};
    payload.identity_key = minke__identity_public_key(noise->identity, &payload.identity_key_len);
    minke_writer_t w = minke__writer(out, capacity);
    minke__noise_payload_write(&w, &payload, noise->muxers);
    return w.failed ? MINKE_ERROR_NO_SPACE : (ssize_t)w.len;
}

static ssize_t write_first(minke_noise_t *noise, uint8_t *out, size_t capacity)
{
    if (capacity < KEY_LEN) return MINKE_ERROR_NO_SPACE;
    const int error = write_e(noise, out);
    if (error < 0) return error;
    minke__noise_mix_hash(&noise->symmetric, "", 0); /* the empty payload, not encrypted yet */
    return KEY_LEN;
}

static ssize_t write_second(minke_noise_t *noise, uint8_t *out, size_t capacity)
{
    enum { HEAD = KEY_LEN + SEALED_KEY_LEN };
    if (capacity < HEAD + TAG_LEN) return MINKE_ERROR_NO_SPACE;
    const ssize_t len = write_payload(noise, out + HEAD, capacity - HEAD - TAG_LEN);
    if (len < 0) return len;
    int error = write_e(noise, out);
    if (error == MINKE_OK) error = mix_ee(noise);
    if (error == MINKE_OK) error = write_sealed(noise, noise->keys.static_public, KEY_LEN, out + KEY_LEN);
    if (error == MINKE_OK) error = mix_es(noise);
    if (error == MINKE_OK) error = write_sealed(noise, out + HEAD, (size_t)len, out + HEAD);
    return error < 0 ? error : HEAD + len + TAG_LEN;
}

static ssize_t write_third(minke_noise_t *noise, uint8_t *out, size_t capacity)
{
    enum { HEAD = SEALED_KEY_LEN };
    if (capacity < HEAD + TAG_LEN) return MINKE_ERROR_NO_SPACE;
    const ssize_t len = write_payload(noise, out + HEAD, capacity - HEAD - TAG_LEN);
    if (len < 0) return len;
    int error = write_sealed(noise, noise->keys.static_public, KEY_LEN, out);
    if (error == MINKE_OK) error = mix_se(noise);
    if (error == MINKE_OK) error = write_sealed(noise, out + HEAD, (size_t)len, out + HEAD);
    return error < 0 ? error : HEAD + len + TAG_LEN;
}

ssize_t minke__noise_write(minke_noise_t *noise, uint8_t *out, size_t capacity)
{
    static ssize_t (*const steps[MESSAGES])(minke_noise_t *, uint8_t *, size_t) = {write_first, write_second,
                                                                                   write_third};
    if (minke__noise_next(noise) != MINKE_NOISE_WRITE) return MINKE_ERROR_STATE;
    if (capacity > MINKE_NOISE_MESSAGE_MAX) capacity = MINKE_NOISE_MESSAGE_MAX;
    const ssize_t len = steps[noise->messages](noise, out, capacity);
    if (len >= 0) finish_message(noise);
    return len;
}

static int verify(minke_noise_t *noise, const minke_noise_payload_t *payload)
{
    uint8_t to_sign[SIGNED_LEN];
    signed_bytes(noise->keys.remote_static, to_sign);
    const int error = minke__verify(payload->identity_key, payload->identity_key_len, to_sign, sizeof to_sign,
                                    payload->signature, payload->signature_len);
    switch (error) {
    case MINKE_OK: return MINKE_OK;
    case MINKE_ERROR_MALFORMED: return fail(noise, error, "the remote's identity key is malformed");
    case MINKE_ERROR_UNSUPPORTED: return fail(noise, error, "the remote's identity key is of a type not supported");
    case MINKE_ERROR_CRYPTO: return fail(noise, error, "the remote's identity key did not sign its Noise key");
    default: return fail_because(noise, error, "cannot check the remote's identity: ");
    }
}

static int choose_muxer(minke_noise_t *noise, const uint8_t *data, size_t len)
{
    if (noise->muxers.n == 0) return MINKE_OK;
    const int error = minke__noise_payload_choose_muxer(data, len, noise->muxers, noise->initiator, &noise->muxer);
    switch (error) {
    case MINKE_OK: return MINKE_OK;
    case MINKE_ERROR_UNSUPPORTED: return fail(noise, error, "no stream muxer in common");
    default: return fail(noise, error, "the remote's Noise extensions are malformed");
    }
}

static int remember_remote(minke_noise_t *noise, const minke_peer_id_t *peer, const uint8_t *key, size_t len)
{
    noise->remote_public_key = minke__alloc(noise->env, len);
    if (noise->remote_public_key == NULL) return fail(noise, MINKE_ERROR_NO_MEMORY, "out of memory");
    memcpy(noise->remote_public_key, key, len);
    noise->remote_public_key_len = len;
    noise->remote_peer = *peer;
    return MINKE_OK;
}

static int take_payload(minke_noise_t *noise, const uint8_t *data, size_t len)
{
    minke_noise_payload_t payload;
    minke_peer_id_t peer;
    int error = minke__noise_payload_read(data, len, &payload);
    if (error < 0) return fail(noise, error, "the remote's handshake payload is malformed");
    if (payload.identity_key_len == 0) return fail(noise, MINKE_ERROR_MALFORMED, "the remote sent no identity key");
    if (payload.signature_len == 0) return fail(noise, MINKE_ERROR_MALFORMED, "the remote sent no signature");
    if (payload.identity_key_len > MINKE_PUBLIC_KEY_MAX) {
        return fail(noise, MINKE_ERROR_MALFORMED, "the remote's identity key is too long");
    }
    error = verify(noise, &payload);
    if (error < 0) return error;
    minke__peer_id_from_public_key(payload.identity_key, payload.identity_key_len, &peer);
    if (noise->expected.len > 0 && !minke__peer_id_equal(&peer, &noise->expected)) return fail_wrong_peer(noise, &peer);
    error = choose_muxer(noise, data, len);
    if (error < 0) return error;
    return remember_remote(noise, &peer, payload.identity_key, payload.identity_key_len);
}

static int read_payload(minke_noise_t *noise, const uint8_t *in, size_t len)
{
    uint8_t *plain = minke__alloc(noise->env, len - TAG_LEN);
    if (plain == NULL) return fail(noise, MINKE_ERROR_NO_MEMORY, "out of memory");
    int error = read_sealed(noise, in, len, plain);
    if (error == MINKE_OK) error = take_payload(noise, plain, len - TAG_LEN);
    minke__free(noise->env, plain);
    return error;
}

static int read_first(minke_noise_t *noise, const uint8_t *message, size_t len)
{
    if (len != KEY_LEN) return fail(noise, MINKE_ERROR_MALFORMED, "Noise message 1 is not 32 bytes long");
    read_e(noise, message);
    minke__noise_mix_hash(&noise->symmetric, "", 0);
    return MINKE_OK;
}

static int read_second(minke_noise_t *noise, const uint8_t *message, size_t len)
{
    enum { HEAD = KEY_LEN + SEALED_KEY_LEN };
    if (len < HEAD + TAG_LEN) return fail(noise, MINKE_ERROR_MALFORMED, "Noise message 2 is too short");
    read_e(noise, message);
    int error = mix_ee(noise);
    if (error == MINKE_OK) error = read_sealed(noise, message + KEY_LEN, SEALED_KEY_LEN, noise->keys.remote_static);
    if (error == MINKE_OK) error = mix_es(noise);
    if (error == MINKE_OK) error = read_payload(noise, message + HEAD, len - HEAD);
    return error;
}

static int read_third(minke_noise_t *noise, const uint8_t *message, size_t len)
{
    enum { HEAD = SEALED_KEY_LEN };
    if (len < HEAD + TAG_LEN) return fail(noise, MINKE_ERROR_MALFORMED, "Noise message 3 is too short");
    int error = read_sealed(noise, message, SEALED_KEY_LEN, noise->keys.remote_static);
    if (error == MINKE_OK) error = mix_se(noise);
    if (error == MINKE_OK) error = read_payload(noise, message + HEAD, len - HEAD);
    return error;
}

int minke__noise_read(minke_noise_t *noise, const uint8_t *message, size_t len)
{
    static int (*const steps[MESSAGES])(minke_noise_t *, const uint8_t *, size_t) = {read_first, read_second,
                                                                                     read_third};
    if (minke__noise_next(noise) != MINKE_NOISE_READ) return MINKE_ERROR_STATE;
    if (len > MINKE_NOISE_MESSAGE_MAX) return fail(noise, MINKE_ERROR_MALFORMED, "the Noise message is too long");
    const int error = steps[noise->messages](noise, message, len);
    if (error == MINKE_OK) finish_message(noise);
    return error;
}

const minke_peer_id_t *minke__noise_remote_peer(const minke_noise_t *noise) { return &noise->remote_peer; }

const uint8_t *minke__noise_remote_public_key(const minke_noise_t *noise, size_t *len)
{
    *len = noise->remote_public_key_len;
    return noise->remote_public_key;
}

const char *minke__noise_muxer(const minke_noise_t *noise) { return noise->muxer; }

int minke__noise_seal(minke_noise_t *noise, const void *plaintext, size_t len, uint8_t *out)
{
    if (minke__noise_next(noise) != MINKE_NOISE_DONE) return MINKE_ERROR_STATE;
    if (len > PLAINTEXT_MAX) return MINKE_ERROR_TOO_LARGE;
    return minke__noise_cipher_seal(&noise->sending, NULL, 0, plaintext, len, out);
}

int minke__noise_open(minke_noise_t *noise, const void *ciphertext, size_t len, uint8_t *out)
{
    if (minke__noise_next(noise) != MINKE_NOISE_DONE) return MINKE_ERROR_STATE;
    if (len > MINKE_NOISE_MESSAGE_MAX) return MINKE_ERROR_TOO_LARGE;
    return minke__noise_cipher_open(&noise->receiving, NULL, 0, ciphertext, len, out);
}

const uint8_t *minke__noise_hash(const minke_noise_t *noise) { return noise->symmetric.hash; }
