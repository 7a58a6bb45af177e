/*
 * Noise over stream 0: the last step of webrtc-direct (spec/webrtc-direct.md 8). Takes the stream's bytes apart into
 * Noise messages (2-byte length prefix) and writes ours. The listener is the Noise initiator.
 */
#ifndef MINKE_WEBRTC_SETUP_H
#define MINKE_WEBRTC_SETUP_H

#include "noise/noise.h"
#include "stream/mux.h"

typedef struct minke_setup minke_setup_t;

typedef enum minke_setup_result { MINKE_SETUP_MORE, MINKE_SETUP_DONE, MINKE_SETUP_FAILED } minke_setup_result_t;

/* Fingerprints of both certificates go into the prologue, dialer first. `expected` may be NULL. */
MINKE_MUST_USE minke_setup_t *minke__setup_new(const minke_env_t *env, const minke_identity_t *identity,
                                               minke_noise_key_t *key, bool listener,
                                               const uint8_t dialer_fingerprint[32],
                                               const uint8_t listener_fingerprint[32], const minke_peer_id_t *expected);
void minke__setup_free(minke_setup_t *setup);
/* Reads and writes what is possible now. */
minke_setup_result_t minke__setup_advance(minke_setup_t *setup, minke_mux_stream_t *channel);
/* After FAILED: a sentence. */
const char *minke__setup_error(const minke_setup_t *setup);
const minke_noise_t *minke__setup_noise(const minke_setup_t *setup);

/* "libp2p-webrtc-noise:" and both multihashes. */
enum { MINKE_PROLOGUE_BYTES = 20 + 34 + 34 };
void minke__direct_prologue(const uint8_t dialer_fingerprint[32], const uint8_t listener_fingerprint[32],
                            uint8_t out[MINKE_PROLOGUE_BYTES]);

#endif
