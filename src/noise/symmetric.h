/* The symmetric half of a Noise handshake: Noise revision 34 sections 5.1 and 5.2, for ChaChaPoly and SHA256. */
#ifndef MINKE_NOISE_SYMMETRIC_H
#define MINKE_NOISE_SYMMETRIC_H

#include "base/env.h"

enum { MINKE_NOISE_KEY_LEN = 32, MINKE_NOISE_TAG_LEN = 16 };

/* A key and the nonce of its next message. */
typedef struct minke_noise_cipher {
    uint8_t key[MINKE_NOISE_KEY_LEN];
    uint64_t nonce;
} minke_noise_cipher_t;

typedef struct minke_noise_symmetric {
    uint8_t hash[32];
    uint8_t chaining_key[32];
    minke_noise_cipher_t cipher;
    bool has_key;
} minke_noise_symmetric_t;

/* seal writes len + MINKE_NOISE_TAG_LEN bytes, open that many less; in place is allowed. A message that does not
 * open does not count. MINKE_ERROR_CRYPTO; MINKE_ERROR_MALFORMED (shorter than a tag); MINKE_ERROR_LIMIT (2^64 - 1
 * messages). */
MINKE_MUST_USE int minke__noise_cipher_seal(minke_noise_cipher_t *cipher, const void *ad, size_t ad_len, const void *in,
                                            size_t len, uint8_t *out);
MINKE_MUST_USE int minke__noise_cipher_open(minke_noise_cipher_t *cipher, const void *ad, size_t ad_len, const void *in,
                                            size_t len, uint8_t *out);

/* For Noise_XX_25519_ChaChaPoly_SHA256. */
void minke__noise_symmetric_init(minke_noise_symmetric_t *symmetric, const void *prologue, size_t prologue_len);
void minke__noise_mix_hash(minke_noise_symmetric_t *symmetric, const void *data, size_t len);
void minke__noise_mix_key(minke_noise_symmetric_t *symmetric, const uint8_t secret[32]);
/* EncryptAndHash and DecryptAndHash, once there is a key. */
MINKE_MUST_USE int minke__noise_seal_and_hash(minke_noise_symmetric_t *symmetric, const void *in, size_t len,
                                              uint8_t *out);
MINKE_MUST_USE int minke__noise_open_and_hash(minke_noise_symmetric_t *symmetric, const void *in, size_t len,
                                              uint8_t *out);
/* The two transport ciphers: initiator to responder, and back. */
void minke__noise_split(const minke_noise_symmetric_t *symmetric, minke_noise_cipher_t *from_initiator,
                        minke_noise_cipher_t *from_responder);

#endif
