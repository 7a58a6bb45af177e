/*
 * Elliptic curve keys from raw scalars, and the one signature that we compute ourselves: deterministic ECDSA on P-256
 * for the derived certificate (see certificate.c). For src/crypto/ only, as it speaks OpenSSL's types.
 */
#ifndef MINKE_CRYPTO_ELLIPTIC_H
#define MINKE_CRYPTO_ELLIPTIC_H

#include <openssl/evp.h>

#include "base/env.h"

enum { MINKE_SCALAR_BYTES = 32, MINKE_POINT_BYTES = 65, MINKE_POINT_COMPRESSED_BYTES = 33 };

/* The private key, with its public half computed. NULL: the scalar is not in 1..n-1, or no memory. `curve` is an
 * OpenSSL NID of a curve with 256 bits. */
EVP_PKEY *minke__ec_private_key(int curve, const uint8_t scalar[MINKE_SCALAR_BYTES]);
/* From a point in compressed or uncompressed form; NULL: not on the curve, or no memory. */
EVP_PKEY *minke__ec_public_key(int curve, const uint8_t *point, size_t len);
/* The public half, compressed or not by `form_len`. */
MINKE_MUST_USE int minke__ec_public_point(const EVP_PKEY *key, uint8_t *out, size_t form_len);

/* A P-256 scalar in 1..n-1 from 48 uniform bytes (FIPS 186-5 A.2.1: 128 bits more than n has, so that the reduction
 * shows no bias). */
MINKE_MUST_USE int minke__p256_scalar(const uint8_t uniform[48], uint8_t out[MINKE_SCALAR_BYTES]);
/* ECDSA with the nonce of RFC 6979 (HMAC-SHA256) over a SHA-256 digest. */
MINKE_MUST_USE int minke__p256_sign(const uint8_t scalar[MINKE_SCALAR_BYTES], const uint8_t digest[32], uint8_t r[32],
                                    uint8_t s[32]);

#endif
