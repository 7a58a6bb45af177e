/*
 * libp2p identities (spec/host.md 3): the four key types, peer ids, signatures.
 */
#ifndef MINKE_CRYPTO_IDENTITY_H
#define MINKE_CRYPTO_IDENTITY_H

#include "base/env.h"

/* The values are libp2p's KeyType. */
typedef enum minke_key_type {
    MINKE_KEY_RSA = 0,
    MINKE_KEY_ED25519 = 1,
    MINKE_KEY_SECP256K1 = 2,
    MINKE_KEY_ECDSA = 3
} minke_key_type_t;

enum {
    MINKE_PUBLIC_KEY_MAX = 1100,  /* serialized PublicKey; RSA of 8192 bits is 1062 */
    MINKE_PRIVATE_KEY_MAX = 5000, /* serialized PrivateKey; RSA of 8192 bits in PKCS#1 */
    MINKE_SIGNATURE_MAX = 1024,
    MINKE_PEER_ID_BYTES_MAX = 44, /* identity multihash of at most 42 bytes, or sha2-256: 34 */
    MINKE_PEER_ID_TEXT_BYTES = 64 /* base58btc with terminator */
};

/* A peer id: a multihash. Unused bytes are zero. len 0: none. */
typedef struct minke_peer_id {
    uint8_t len;
    uint8_t bytes[MINKE_PEER_ID_BYTES_MAX];
} minke_peer_id_t;

bool minke__peer_id_equal(const minke_peer_id_t *a, const minke_peer_id_t *b);
/* base58btc, terminated. */
void minke__peer_id_text(const minke_peer_id_t *id, char out[MINKE_PEER_ID_TEXT_BYTES]);
/* base58btc or CIDv1 (base32 or base58btc, codec libp2p-key). False: neither. */
bool minke__peer_id_parse(const char *text, size_t len, minke_peer_id_t *out);
/* From the raw multihash; checks that it is one that a peer id may have. */
bool minke__peer_id_from_bytes(const uint8_t *bytes, size_t len, minke_peer_id_t *out);
/* From a serialized PublicKey. */
void minke__peer_id_from_public_key(const uint8_t *public_key, size_t len, minke_peer_id_t *out);

typedef struct minke_identity minke_identity_t;

/* A signer for an identity whose private key is elsewhere. Fills `signature` (capacity MINKE_SIGNATURE_MAX) and returns
 * its length, or a negative error. */
typedef struct minke_signer {
    void *user;
    ssize_t (*sign)(void *user, const uint8_t *message, size_t len, uint8_t *signature, size_t capacity);
} minke_signer_t;

/* A fresh Ed25519 identity; its seed comes from env->random. */
MINKE_MUST_USE int minke__identity_new(const minke_env_t *env, minke_identity_t **out);
/* From a serialized PrivateKey of any of the four types (Ed25519 in the 64 and the old 96 byte form).
 * MINKE_ERROR_MALFORMED, MINKE_ERROR_UNSUPPORTED (unknown type), MINKE_ERROR_NO_MEMORY. */
MINKE_MUST_USE int minke__identity_load(const minke_env_t *env, const uint8_t *private_key, size_t len,
                                        minke_identity_t **out);
MINKE_MUST_USE int minke__identity_with_signer(const minke_env_t *env, const uint8_t *public_key, size_t len,
                                               const minke_signer_t *signer, minke_identity_t **out);
/* Wipes the private key. */
void minke__identity_free(minke_identity_t *identity);

/* The serialized PrivateKey; returns its length, MINKE_ERROR_NO_SPACE, or MINKE_ERROR_UNSUPPORTED with a signer. */
MINKE_MUST_USE ssize_t minke__identity_save(const minke_identity_t *identity, uint8_t *out, size_t capacity);
minke_key_type_t minke__identity_type(const minke_identity_t *identity);
const minke_peer_id_t *minke__identity_peer_id(const minke_identity_t *identity);
/* The serialized PublicKey. */
const uint8_t *minke__identity_public_key(const minke_identity_t *identity, size_t *len);
/* The Data field of the PrivateKey, Ed25519 in its 64 byte form: what other keys are derived from. NULL with a signer.
 */
const uint8_t *minke__identity_secret(const minke_identity_t *identity, size_t *len);
/* Returns the signature's length, or a negative error. */
MINKE_MUST_USE ssize_t minke__identity_sign(const minke_identity_t *identity, const void *message, size_t len,
                                            uint8_t *signature, size_t capacity);
/* Checks a signature under a serialized PublicKey of any type: MINKE_OK, MINKE_ERROR_MALFORMED (the key),
 * MINKE_ERROR_UNSUPPORTED (its type), MINKE_ERROR_CRYPTO (the signature is wrong). */
MINKE_MUST_USE int minke__verify(const uint8_t *public_key, size_t public_key_len, const void *message, size_t len,
                                 const uint8_t *signature, size_t signature_len);

#endif
