/* The primitives that the layers use, all from OpenSSL, without its types. */
#ifndef MINKE_CRYPTO_PRIMITIVES_H
#define MINKE_CRYPTO_PRIMITIVES_H

#include "base/env.h"

void minke__sha256(const void *data, size_t len, uint8_t out[32]);
/* Two pieces as one message. */
void minke__sha256_2(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[32]);
/* For certificates whose fingerprint somebody else has chosen the hash of. */
void minke__sha384(const void *data, size_t len, uint8_t out[48]);
void minke__sha512(const void *data, size_t len, uint8_t out[64]);
/* For what others have laid down with it: WebSocket's handshake, where it protects nothing (RFC 6455 10.8). */
void minke__sha1(const void *data, size_t len, uint8_t out[20]);
void minke__hmac_sha1(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[20]);
/* Over two pieces: STUN patches the length in its header (RFC 8489 14.5). */
void minke__hmac_sha1_2(const void *key, size_t key_len, const void *a, size_t a_len, const void *b, size_t b_len,
                        uint8_t out[20]);
void minke__hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[32]);
/* HKDF-SHA256 without info, 64 bytes: what Noise derives two keys with (Noise 4.3). It cannot fail. */
void minke__hkdf_sha256_two(const uint8_t salt[32], const void *secret, size_t len, uint8_t out[64]);
/* HKDF-SHA256 extract with `salt` and expand with `info` (RFC 5869). */
MINKE_MUST_USE int minke__hkdf_sha256(const void *salt, size_t salt_len, const void *secret, size_t secret_len,
                                      const void *info, size_t info_len, uint8_t *out, size_t out_len);

/* X25519 (RFC 7748). derive fails on an all-zero result. */
MINKE_MUST_USE int minke__x25519_public(const uint8_t secret[32], uint8_t out[32]);
MINKE_MUST_USE int minke__x25519_derive(const uint8_t secret[32], const uint8_t remote_public[32], uint8_t out[32]);

/* Ed25519 (RFC 8032). */
bool minke__ed25519_verify(const uint8_t public_key[32], const void *message, size_t len, const uint8_t signature[64]);

/* ChaCha20-Poly1305 (RFC 8439). seal writes len + 16 bytes; open takes len >= 16, writes len - 16, and fails on a wrong
 * tag with MINKE_ERROR_CRYPTO. In place is allowed. */
MINKE_MUST_USE int minke__chachapoly_seal(const uint8_t key[32], const uint8_t nonce[12], const void *ad, size_t ad_len,
                                          const void *in, size_t len, uint8_t *out);
MINKE_MUST_USE int minke__chachapoly_open(const uint8_t key[32], const uint8_t nonce[12], const void *ad, size_t ad_len,
                                          const void *in, size_t len, uint8_t *out);

bool minke__constant_time_equal(const void *a, const void *b, size_t len);
void minke__wipe(void *memory, size_t len);
/* OpenSSL's generator (RAND_bytes), the source of randomness when none is given. */
minke_random_t minke__default_random(void);

#endif
