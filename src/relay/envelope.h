/*
 * Signed envelopes: a payload that names its type, under the signature of a libp2p identity. The domain is part of what
 * is signed, so that a signature made for one purpose is of no use for another.
 *
 *     Envelope { 1: PublicKey; 2: payload type; 3: payload; 5: signature }
 *     signed: uv(len) domain uv(len) payload type uv(len) payload
 */
#ifndef MINKE_RELAY_ENVELOPE_H
#define MINKE_RELAY_ENVELOPE_H

#include "base/wire.h"
#include "crypto/identity.h"

/* What a signature is for; static strings and bytes. */
typedef struct minke_envelope_purpose {
    const char *domain;
    minke_slice_t payload_type;
} minke_envelope_purpose_t;

/* Appends an envelope to `out`. MINKE_ERROR_NO_SPACE, MINKE_ERROR_NO_MEMORY, or what the signer says; nothing is
 * written then. `env` is for a buffer that lives as long as the call. */
MINKE_MUST_USE int minke__envelope_seal(const minke_env_t *env, const minke_identity_t *identity,
                                        const minke_envelope_purpose_t *purpose, minke_slice_t payload,
                                        minke_writer_t *out);

typedef struct minke_envelope {
    minke_peer_id_t signer;
    minke_slice_t payload; /* leads into the input */
} minke_envelope_t;

/*
 * Reads an envelope and verifies its signature. MINKE_ERROR_MALFORMED; MINKE_ERROR_UNSUPPORTED: another payload type,
 * or an unknown type of key; MINKE_ERROR_CRYPTO: the signature is wrong, or made for another domain;
 * MINKE_ERROR_NO_MEMORY. `out` is cleared unless MINKE_OK.
 */
MINKE_MUST_USE int minke__envelope_open(const minke_env_t *env, const uint8_t *data, size_t len,
                                        const minke_envelope_purpose_t *purpose, minke_envelope_t *out);

/* A relay's word that it holds a reservation for a peer. */
typedef struct minke_voucher {
    minke_peer_id_t relay, peer;
    uint64_t expire; /* unix time in seconds */
} minke_voucher_t;

/* Enough for the voucher of a relay whose key is no RSA of more than 4096 bits. */
enum { MINKE_VOUCHER_BYTES = 1280 };

/* Appends a voucher for `peer`, signed by the relay that `identity` is. Errors as minke__envelope_seal. */
MINKE_MUST_USE int minke__voucher_seal(const minke_env_t *env, const minke_identity_t *identity,
                                       const minke_peer_id_t *peer, uint64_t expire, minke_writer_t *out);
/*
 * Reads a voucher that must have been made by `relay`, with its own key, for `peer`. Errors as minke__envelope_open,
 * and MINKE_ERROR_CRYPTO for a voucher of or for somebody else. Whether it has expired is for the caller to say, who
 * knows how far clocks are to be trusted. `out` is cleared unless MINKE_OK.
 */
MINKE_MUST_USE int minke__voucher_open(const minke_env_t *env, const uint8_t *data, size_t len,
                                       const minke_peer_id_t *relay, const minke_peer_id_t *peer, minke_voucher_t *out);

#endif
