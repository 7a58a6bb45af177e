/*
 * What travels inside Noise messages 2 and 3 (spec/host.md 5):
 *
 *     NoiseHandshakePayload { 1: identity_key; 2: identity_sig; 4: NoiseExtensions { 2: repeated stream_muxers } }
 */
#ifndef MINKE_NOISE_PAYLOAD_H
#define MINKE_NOISE_PAYLOAD_H

#include <minke/error.h>

#include "base/wire.h"

typedef struct minke_noise_muxers {
    const char *const *names;
    size_t n; /* 0: no extension */
} minke_noise_muxers_t;

/* Pieces of the payload it was read from; NULL: absent. */
typedef struct minke_noise_payload {
    const uint8_t *identity_key;
    size_t identity_key_len;
    const uint8_t *signature;
    size_t signature_len;
} minke_noise_payload_t;

void minke__noise_payload_write(minke_writer_t *w, const minke_noise_payload_t *payload, minke_noise_muxers_t muxers);
/* MINKE_ERROR_MALFORMED. */
MINKE_MUST_USE int minke__noise_payload_read(const uint8_t *data, size_t len, minke_noise_payload_t *out);
/*
 * The first muxer of the initiator's list that the other list has too; one of `ours`, or NULL if the remote's payload
 * lists none. MINKE_ERROR_UNSUPPORTED: nothing in common. MINKE_ERROR_MALFORMED.
 */
MINKE_MUST_USE int minke__noise_payload_choose_muxer(const uint8_t *data, size_t len, minke_noise_muxers_t ours,
                                                     bool ours_is_the_initiators, const char **out);

#endif
