/*
 * The PublicKey and PrivateKey messages, and public keys in OpenSSL's form. For src/crypto/ only.
 *
 * libp2p asks for one encoding of a key (both fields, in order, minimal), because the peer id is made of these bytes.
 * So reading is strict, down to the DER inside: a key that another implementation would write differently is refused.
 */
#ifndef MINKE_CRYPTO_PUBLIC_KEY_H
#define MINKE_CRYPTO_PUBLIC_KEY_H

#include <openssl/evp.h>

#include "base/wire.h"
#include "crypto/identity.h"

/* The frame of both messages. MINKE_ERROR_MALFORMED, MINKE_ERROR_UNSUPPORTED (unknown type). */
MINKE_MUST_USE int minke__key_message_read(const uint8_t *message, size_t len, minke_key_type_t *type,
                                           const uint8_t **data, size_t *data_len);
void minke__key_message_write(minke_writer_t *w, minke_key_type_t type, const uint8_t *data, size_t len);

/* A serialized PublicKey as a key to verify with. The same errors. */
MINKE_MUST_USE int minke__public_key_read(const uint8_t *message, size_t len, minke_key_type_t *type, EVP_PKEY **out);
/* The serialized PublicKey of a key of the given type; `w` fails if there is no room, or no such key. */
void minke__public_key_write(minke_writer_t *w, minke_key_type_t type, const EVP_PKEY *key);

/* The digest that signatures of this type are made over; NULL: none, the message itself is signed. */
const EVP_MD *minke__signature_digest(minke_key_type_t type);

#endif
