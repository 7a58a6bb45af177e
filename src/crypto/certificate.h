/*
 * The X.509 certificate of DTLS: self-signed, ECDSA P-256, SHA-256 (spec/webrtc-direct.md 2). Nobody looks at more than
 * its digest, the certhash.
 */
#ifndef MINKE_CRYPTO_CERTIFICATE_H
#define MINKE_CRYPTO_CERTIFICATE_H

#include "base/env.h"
#include "crypto/identity.h"

typedef struct minke_certificate minke_certificate_t;

/*
 * The certificate that belongs to an identity: key, serial, validity and signature are all derived from the identity's
 * private key, so the DER, and with it the certhash, is the same after every restart and on every machine.
 * MINKE_ERROR_UNSUPPORTED for an identity that has only a signer (its private key is elsewhere): use a fresh one.
 */
MINKE_MUST_USE int minke__certificate_derive(const minke_env_t *env, const minke_identity_t *identity,
                                             minke_certificate_t **out);
/* A new random one. Key and serial come from env->random. */
MINKE_MUST_USE int minke__certificate_new(const minke_env_t *env, minke_certificate_t **out);
void minke__certificate_free(minke_certificate_t *certificate);

/* SHA-256 over the DER. */
const uint8_t *minke__certificate_fingerprint(const minke_certificate_t *certificate);

/* OpenSSL's X509 and EVP_PKEY, for src/dtls/ only; owned by the certificate. */
void *minke__certificate_x509(const minke_certificate_t *certificate);
void *minke__certificate_private_key(const minke_certificate_t *certificate);

#endif
