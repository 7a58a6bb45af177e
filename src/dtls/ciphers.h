/*
 * Keyed cipher contexts of OpenSSL. One is 1.1 KiB and a connection needs two, a quarter of what it costs when idle,
 * and to set a key takes less than to protect a record. So a transport has a fixed number of contexts; a key that is
 * used and has none takes one over from a key that has not been used for a while.
 *
 *     parked --(a record)--> keyed --(another key wants a context, and this one was not used since the hand came by)--.
 *        ^------------------------------------------------------------------------------------------------------------'
 */
#ifndef MINKE_DTLS_CIPHERS_H
#define MINKE_DTLS_CIPHERS_H

#include <openssl/evp.h>

#include "base/env.h"

enum { MINKE_DTLS_CIPHERS_MAX = 128, MINKE_DTLS_KEY_BYTES_MAX = 32 };

/* Must not move while it is keyed. */
typedef struct minke_dtls_key {
    EVP_CIPHER_CTX *cipher; /* keyed, only the nonce changes from record to record; NULL: parked */
    bool used;              /* since the hand came by; whoever uses `cipher` sets it */
    uint8_t slot;           /* of `cipher` */
    uint8_t iv[12];         /* GCM: the first 4 are the salt, the rest what OpenSSL began to count with */
    uint8_t bytes[MINKE_DTLS_KEY_BYTES_MAX];
} minke_dtls_key_t;

typedef struct minke_dtls_cipher_slot {
    EVP_CIPHER_CTX *context; /* NULL: none yet, or none any more */
    minke_dtls_key_t *holder;
} minke_dtls_cipher_slot_t;

/* All zero at first. */
typedef struct minke_dtls_ciphers {
    minke_dtls_cipher_slot_t slots[MINKE_DTLS_CIPHERS_MAX];
    uint8_t slots_n; /* those that have been used so far */
    uint8_t hand;
} minke_dtls_ciphers_t;

/* No key is keyed any more. */
void minke__dtls_ciphers_free(minke_dtls_ciphers_t *ciphers);
/* Keys a parked key. False: OpenSSL has no memory; it stays parked. */
MINKE_MUST_USE bool minke__dtls_cipher_take(minke_dtls_ciphers_t *ciphers, minke_dtls_key_t *key,
                                            const EVP_CIPHER *algorithm, bool write);
/* Parks a key; harmless for one that is. Its context, and what OpenSSL has made of the key, are gone. */
void minke__dtls_cipher_give_back(minke_dtls_ciphers_t *ciphers, minke_dtls_key_t *key);

#endif
