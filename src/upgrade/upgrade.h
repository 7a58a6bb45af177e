/*
 * A byte connection (TCP, WebSocket, circuit) made into a libp2p connection (spec/host.md 5, 6):
 *
 *     SECURITY   multistream chooses /noise                   the dialer sends its first Noise message right behind
 *     NOISE      XX, empty prologue, the dialer is initiator
 *     MUXER      multistream inside Noise chooses yamux       skipped when both named it in their Noise payloads
 *     OPEN       yamux inside Noise
 *     ENDED      close_reason says why
 *
 * Sans-IO: the bytes of the connection go in and come out.
 */
#ifndef MINKE_UPGRADE_UPGRADE_H
#define MINKE_UPGRADE_UPGRADE_H

#include "noise/noise.h"
#include "yamux/yamux.h"

typedef struct minke_upgrade minke_upgrade_t;

typedef struct minke_upgrade_options {
    bool dialer;
    const minke_identity_t *identity; /* must outlive the connection */
    minke_noise_key_t *noise_key;     /* the same; NULL: a new one for each connection */
    const minke_peer_id_t *expected;  /* copied; NULL or empty: anybody */
    bool early_muxer;                 /* names yamux in the Noise payload, which saves a round trip. Default true */
    minke_time_t handshake_after;     /* to be OPEN by then. Default 10 s */
    minke_yamux_options_t yamux;      /* `client` is set by `dialer` */
} minke_upgrade_options_t;

void minke__upgrade_options_defaults(minke_upgrade_options_t *options);

/* NULL: out of memory. `streams` as for minke__yamux_new. */
MINKE_MUST_USE minke_upgrade_t *minke__upgrade_new(const minke_env_t *env, const minke_upgrade_options_t *options,
                                                   minke_handles_t *streams, minke_connection_t connection,
                                                   minke_time_t now);
void minke__upgrade_free(minke_upgrade_t *upgrade);

typedef enum minke_upgrade_state {
    MINKE_UPGRADE_SECURITY,
    MINKE_UPGRADE_NOISE,
    MINKE_UPGRADE_MUXER,
    MINKE_UPGRADE_OPEN,
    MINKE_UPGRADE_ENDED
} minke_upgrade_state_t;

minke_upgrade_state_t minke__upgrade_state(const minke_upgrade_t *upgrade);
/* ENDED only. */
const minke_close_t *minke__upgrade_close_reason(const minke_upgrade_t *upgrade);

/* Bytes that arrived, cut anywhere; they are changed (decrypted in place). */
void minke__upgrade_recv(minke_upgrade_t *upgrade, uint8_t *data, size_t len, minke_time_t now);
/* The next bytes to send, at most `capacity` (at least 128); 0: none. After ENDED what is left of a farewell. */
MINKE_MUST_USE size_t minke__upgrade_transmit(minke_upgrade_t *upgrade, uint8_t *out, size_t capacity,
                                              minke_time_t now);
minke_time_t minke__upgrade_deadline(const minke_upgrade_t *upgrade);
void minke__upgrade_tick(minke_upgrade_t *upgrade, minke_time_t now);

/* The byte connection has ended: `reason` becomes ours if it still ran. */
void minke__upgrade_disconnected(minke_upgrade_t *upgrade, const minke_close_t *reason);
/* Ends it from our side. */
void minke__upgrade_close(minke_upgrade_t *upgrade, minke_time_t now);

/* From OPEN on, and after that until it is freed; NULL before. */
minke_yamux_t *minke__upgrade_yamux(const minke_upgrade_t *upgrade);
const minke_peer_id_t *minke__upgrade_peer(const minke_upgrade_t *upgrade);
/* The remote's serialized PublicKey. */
const uint8_t *minke__upgrade_peer_key(const minke_upgrade_t *upgrade, size_t *len);

#endif
