/*
 * Fingerprints of certificates in session descriptions (RFC 8122 5): which certificate the remote says that it has.
 *
 *     a=fingerprint:sha-256 30:FC:9F:46:..
 */
#ifndef MINKE_SIGNALLING_FINGERPRINT_H
#define MINKE_SIGNALLING_FINGERPRINT_H

#include <minke/types.h>

#include "base/wire.h"

enum { MINKE_FINGERPRINTS_MAX = 4, MINKE_FINGERPRINT_BYTES = 64 };

/* The hashes that we trust. The value is the length of the digest in bytes: a longer one is a stronger one. */
typedef enum minke_fingerprint_hash {
    MINKE_FINGERPRINT_SHA256 = 32,
    MINKE_FINGERPRINT_SHA384 = 48,
    MINKE_FINGERPRINT_SHA512 = 64
} minke_fingerprint_hash_t;

typedef struct minke_fingerprint {
    minke_fingerprint_hash_t hash;
    uint8_t digest[MINKE_FINGERPRINT_BYTES]; /* of the certificate's DER; `hash` bytes */
} minke_fingerprint_t;

typedef struct minke_fingerprints {
    minke_fingerprint_t list[MINKE_FINGERPRINTS_MAX]; /* the strongest first, equals as they came */
    size_t n;
} minke_fingerprints_t;

/* "sha-256 30:FC:..", the hash and the digits in any case. MINKE_ERROR_UNSUPPORTED: a hash that we do not trust;
 * MINKE_ERROR_MALFORMED: not as many bytes as the hash has. */
MINKE_MUST_USE int minke__fingerprint_read(minke_slice_t text, minke_fingerprint_t *out);
/* In upper case, as RFC 8122 wants it. */
void minke__fingerprint_write(minke_writer_t *w, minke_fingerprint_hash_t hash, const uint8_t *digest);
/* False: full of those of the strongest hash. Weaker ones make room, or are left out, since they do not count. */
MINKE_MUST_USE bool minke__fingerprints_add(minke_fingerprints_t *set, const minke_fingerprint_t *fingerprint);
/* Has a certificate (DER) one of the fingerprints of the strongest hash that is given? */
bool minke__fingerprints_match(const minke_fingerprints_t *set, const void *certificate, size_t len);

#endif
