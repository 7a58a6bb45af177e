/*
 * The libp2p Noise handshake: Noise_XX_25519_ChaChaPoly_SHA256 with the NoiseHandshakePayload (spec/host.md 5).
 * Messages in, messages out; their 2-byte length prefix belongs to the layer above.
 *
 *     initiator                         responder
 *     1  -> e
 *     2                                 <- e, ee, s, es, payload
 *     3  -> s, se, payload
 */
#ifndef MINKE_NOISE_NOISE_H
#define MINKE_NOISE_NOISE_H

#include "base/env.h"
#include "crypto/identity.h"

enum { MINKE_NOISE_MESSAGE_MAX = 65535, MINKE_NOISE_PROLOGUE_MAX = 128 };

typedef struct minke_noise minke_noise_t;

/* No message of ours is longer, as long as the muxer names offered stay below 512 bytes in all. */
enum { MINKE_NOISE_WRITE_MAX = 3072 };

/*
 * A static key with the identity's signature, for many handshakes: begin with zeros. It is made by the first handshake
 * and signed with the first payload. What keeps connections apart, and their secrets when this one leaks, are the
 * ephemeral keys.
 */
typedef struct minke_noise_key {
    bool made;
    size_t signature_len; /* 0: not signed yet */
    uint8_t secret[32], public_key[32];
    uint8_t signature[MINKE_SIGNATURE_MAX];
} minke_noise_key_t;

/* `identity` and `key` must outlive it and always go together; `key` NULL: one for this handshake alone. The prologue
 * is not kept. NULL when out of memory. From env->random come first, here, the 32 bytes of a static key that is to be
 * made, then, with our first message, the 32 bytes of the ephemeral key. */
MINKE_MUST_USE minke_noise_t *minke__noise_new(const minke_env_t *env, bool initiator, const minke_identity_t *identity,
                                               minke_noise_key_t *key, const void *prologue, size_t prologue_len);
void minke__noise_free(minke_noise_t *noise);
/* The remote must turn out to have this peer id, else reading its payload fails. To be called before that. */
void minke__noise_expect(minke_noise_t *noise, const minke_peer_id_t *peer);
/* Muxer protocols to list in our payload (early muxer negotiation, TCP only); not called: no extension, and the
 * remote's is ignored. Array and strings must stay. */
void minke__noise_offer_muxers(minke_noise_t *noise, const char *const *muxers, size_t n);

typedef enum minke_noise_next {
    MINKE_NOISE_WRITE, /* it is our turn: minke__noise_write */
    MINKE_NOISE_READ,  /* it is the remote's */
    MINKE_NOISE_DONE,
    MINKE_NOISE_FAILED /* minke__noise_error says why */
} minke_noise_next_t;

minke_noise_next_t minke__noise_next(const minke_noise_t *noise);
/* A sentence for people, never NULL. */
const char *minke__noise_error(const minke_noise_t *noise);
/* Returns the message's length. MINKE_ERROR_STATE and MINKE_ERROR_NO_SPACE change nothing; MINKE_ERROR_CRYPTO, or what
 * the signer says: the handshake has failed for good. */
MINKE_MUST_USE ssize_t minke__noise_write(minke_noise_t *noise, uint8_t *out, size_t capacity);
/* MINKE_ERROR_STATE changes nothing. MINKE_ERROR_MALFORMED, MINKE_ERROR_CRYPTO (does not decrypt, wrong signature,
 * wrong peer id), MINKE_ERROR_UNSUPPORTED (type of the identity key, no muxer in common), MINKE_ERROR_NO_MEMORY: the
 * handshake has failed for good. */
MINKE_MUST_USE int minke__noise_read(minke_noise_t *noise, const uint8_t *message, size_t len);

/* After DONE (the initiator knows the remote once it has read message 2); before: of length 0, and NULL. */
const minke_peer_id_t *minke__noise_remote_peer(const minke_noise_t *noise);
const uint8_t *minke__noise_remote_public_key(const minke_noise_t *noise, size_t *len);
/* The first muxer of the initiator's list that both listed; NULL: one side listed none. Points to one of ours. */
const char *minke__noise_muxer(const minke_noise_t *noise);

/* Transport messages (TCP and circuits), after DONE. seal writes len + 16 bytes, len <= 65519; open gives back len
 * - 16. In place is allowed. MINKE_ERROR_STATE, MINKE_ERROR_TOO_LARGE, MINKE_ERROR_MALFORMED (shorter than a tag),
 * MINKE_ERROR_CRYPTO, MINKE_ERROR_LIMIT (2^64 - 1 messages); after any of them the connection is of no more use. */
MINKE_MUST_USE int minke__noise_seal(minke_noise_t *noise, const void *plaintext, size_t len, uint8_t *out);
MINKE_MUST_USE int minke__noise_open(minke_noise_t *noise, const void *ciphertext, size_t len, uint8_t *out);

/* The handshake hash, after DONE: 32 bytes. */
const uint8_t *minke__noise_hash(const minke_noise_t *noise);

#endif
