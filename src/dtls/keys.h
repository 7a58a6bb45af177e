/*
 * Record protection of epoch 1 (RFC 5288, RFC 7905): keys taken from a finished SSL object, records sealed and opened
 * in place. spec/dtls-openssl.md 6.
 */
#ifndef MINKE_DTLS_KEYS_H
#define MINKE_DTLS_KEYS_H

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>

#include "dtls/ciphers.h"
#include "dtls/record.h"

enum { MINKE_DTLS_TAG_BYTES = 16, MINKE_DTLS_PLAINTEXT_MAX = 16384 };

/* The algorithms, fetched once: fetching costs more than a record does; and the contexts that all keys share. */
typedef struct minke_dtls_algorithms {
    EVP_KDF *prf;
    EVP_CIPHER *aes_128_gcm;
    EVP_CIPHER *aes_256_gcm;
    EVP_CIPHER *chacha20_poly1305;
    minke_dtls_ciphers_t ciphers;
} minke_dtls_algorithms_t;

MINKE_MUST_USE bool minke__dtls_algorithms_fetch(minke_dtls_algorithms_t *algorithms);
void minke__dtls_algorithms_free(minke_dtls_algorithms_t *algorithms);

typedef struct minke_dtls_keys {
    minke_dtls_key_t write;
    minke_dtls_key_t read;
    minke_dtls_ciphers_t *ciphers;
    const EVP_CIPHER *algorithm;
    minke_dtls_window_t window;
    uint64_t next_sequence;
    uint64_t nonce_ahead; /* GCM: what a record's explicit nonce has more than its number, modulo 2^64 */
    uint8_t explicit_len; /* 8 with GCM, 0 with ChaCha20 */
    uint16_t suite;
} minke_dtls_keys_t;

/* False, and nothing to free, on a suite that is not ours or when OpenSSL is out of memory. */
MINKE_MUST_USE bool minke__dtls_keys_derive(minke_dtls_keys_t *keys, minke_dtls_algorithms_t *algorithms, SSL *ssl);
/* Before the first record: its number, and with GCM its explicit nonce; both count on from there. */
void minke__dtls_keys_start(minke_dtls_keys_t *keys, uint64_t sequence, uint64_t nonce);
/* Also for keys that are all zero. */
void minke__dtls_keys_free(minke_dtls_keys_t *keys);

/* In front of a plaintext in its record. */
static inline size_t minke__dtls_keys_head(const minke_dtls_keys_t *keys)
{
    return MINKE_DTLS_HEADER_BYTES + (size_t)keys->explicit_len;
}

/* Seals the plaintext at record + head; returns the record's length, 0 if the sequence numbers are used up or OpenSSL
 * is out of memory. */
MINKE_MUST_USE size_t minke__dtls_keys_seal(minke_dtls_keys_t *keys, uint8_t type, uint8_t *record, size_t len);

/* Opens a record in place: its plaintext, or NULL. The window is the caller's business. */
MINKE_MUST_USE uint8_t *minke__dtls_keys_open(minke_dtls_keys_t *keys, const minke_dtls_record_t *record, size_t *len);

#endif
