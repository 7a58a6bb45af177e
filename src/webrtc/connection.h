/*
 * One webrtc-direct connection: ICE, DTLS, SCTP, streams and Noise stacked, and the order they come up in.
 *
 *   listener                                     dialer
 *   --------                                     ------
 *   stranger becomes connection (ClientHello)    SOCKET one for each attempt (webrtc/dial.h)
 *         |                                            |  checks
 *        DTLS  server                                 ICE    the first attempt that is answered wins
 *         |                                            |
 *        SCTP  INIT both ways                         DTLS  client
 *         |                                            |
 *        NOISE initiator, on stream 0                 SCTP
 *         |                                            |
 *        OPEN                                         NOISE responder
 *                                                      |
 *                                                     OPEN
 *
 * A private connection has phases of its own before DTLS, and no Noise: webrtc/private.h.
 *
 * From any of these: CLOSING (ABORT and close_notify still to be sent), then gone. The endpoint owns connections.
 */
#ifndef MINKE_WEBRTC_CONNECTION_H
#define MINKE_WEBRTC_CONNECTION_H

#include <minke/transport.h>

#include "base/heap.h"
#include "base/list.h"
#include "dtls/dtls.h"
#include "ice/strangers.h"
#include "noise/noise.h"
#include "sctp/sctp.h"
#include "stream/mux.h"
#include "webrtc/hello.h"
#include "webrtc/session.h"
#include "webrtc/setup.h"

typedef enum minke_connection_phase {
    MINKE_PHASE_SOCKET, /* dialer: no attempt has its socket yet */
    MINKE_PHASE_ICE,    /* dialer: no attempt has been answered yet; private: no pair, or no description */
    MINKE_PHASE_DTLS,
    MINKE_PHASE_SCTP,
    MINKE_PHASE_NOISE,
    MINKE_PHASE_OPEN,
    MINKE_PHASE_CLOSING,
    MINKE_PHASE_CLOSED /* nothing left to send */
} minke_connection_phase_t;

typedef struct minke_connection_state {
    const minke_env_t *env; /* own_env: all below is charged to this connection */
    minke_env_t own_env;
    minke_account_t account;
    size_t handshake_estimate; /* charged for what OpenSSL allocates itself, while it does */
    const struct minke_connection_config *config;
    minke_connection_t id;
    bool inbound;
    bool dtls_client;
    int version; /* of webrtc-direct; 0: a dial that nobody has answered yet, or private */
    minke_connection_phase_t phase;

    struct minke_private *private_part; /* NULL: webrtc-direct */
    struct minke_dial *dial;            /* attempts under way; NULL before and after, and for a listener */
    minke_ice_session_t *session;       /* NULL while dialling, and after a dial that nobody has answered */
    minke_dtls_t *dtls;
    minke_hello_t *hello; /* of a dial, until DTLS has been answered, or it has been sent once more */
    minke_sctp_t *sctp;
    minke_mux_t *mux;
    minke_setup_t *setup; /* Noise on stream 0; freed when it is done */

    minke_peer_id_t peer; /* authenticated once open; before that who it must be, len 0: anybody */
    uint8_t *peer_key;    /* serialized PublicKey */
    size_t peer_key_len;
    minke_close_t close; /* from CLOSING on */

    minke_layer_t last_step; /* of the set-up: the last one done */
    minke_time_t started_at, ice_at, dtls_at, sctp_at, noise_at;
    minke_time_t give_up_at; /* set-up must be done by then; after the end, somebody must have read */
    size_t lingering_unread;
    uint64_t bytes_sent, bytes_received;
    minke_address_t sized_remote; /* the path that SCTP knows */
    minke_socket_t sized_socket;
    minke_fragmentation_t fragmentation; /* of the train that was made last */
    bool in_pieces;                      /* the path does not even take what every path should: all is cut below */

    void *user; /* of the layer above; NULL at first */

    /* the endpoint's book-keeping */
    minke_list_t siblings; /* in the endpoint's list of all connections */
    minke_heap_node_t timer;
    minke_time_t above_at;       /* what `timer` would be without the ICE agent: see quiet.h */
    minke_list_t to_send;        /* in the endpoint's list of connections that may have something to send */
    minke_list_t to_tell;        /* ... that may have events */
    struct minke_origin *origin; /* inbound: where it counts */
    bool connected_told, closed_told, was_open;
    bool counted;     /* among the inbound handshakes */
    bool checks_only; /* in to_send for its ICE agent alone */
} minke_connection_state_t;

/* What all connections of an endpoint share. */
typedef struct minke_connection_config {
    const minke_env_t *env; /* the transport's */
    size_t memory_max;      /* of one connection */
    const minke_identity_t *identity;
    minke_noise_key_t *noise_key;
    minke_dtls_context_t *dtls;
    const uint8_t *fingerprint; /* of our certificate */
    minke_handles_t *streams;
    minke_mux_options_t mux;
    minke_sctp_options_t sctp;
    minke_time_t silent_after;
    uint32_t mtu_max;
} minke_connection_config_t;

/* The certificates of which a listener must show one. */
typedef struct minke_certhashes {
    uint8_t n;
    uint8_t sha256[4][32];
} minke_certhashes_t;

/* Both leave the book-keeping fields to the endpoint. NULL when out of memory. */
MINKE_MUST_USE minke_connection_state_t *minke__connection_accept(const minke_connection_config_t *config,
                                                                  const minke_stranger_t *stranger,
                                                                  minke_connection_t id, minke_time_t give_up_after,
                                                                  minke_time_t now);
/* `peer` is who must answer. Without a session: its attempts come from webrtc/dial.h. */
MINKE_MUST_USE minke_connection_state_t *minke__connection_dial(const minke_connection_config_t *config,
                                                                const minke_peer_id_t *peer, minke_connection_t id,
                                                                minke_time_t give_up_after, minke_time_t now);
/* With a session of a full agent. */
MINKE_MUST_USE minke_connection_state_t *minke__connection_private(const minke_connection_config_t *config,
                                                                   const minke_peer_id_t *peer,
                                                                   const minke_ice_options_t *ice, bool inbound,
                                                                   minke_connection_t id, minke_time_t give_up_after,
                                                                   minke_time_t now);
/* Goes as far up as what is there allows; recv and tick do so themselves. */
void minke__connection_advance(minke_connection_state_t *connection, minke_time_t now);
/* Makes the ClientHello of a dial. MINKE_ERROR_NO_MEMORY. */
MINKE_MUST_USE int minke__connection_greet(minke_connection_state_t *connection, minke_time_t now);
/* An attempt was answered: its session is the connection's, and DTLS goes on. `first`: on its first check. */
void minke__connection_answered(minke_connection_state_t *connection, minke_ice_session_t *session, int version,
                                const minke_certhashes_t *certhashes, bool first, minke_time_t now);
/* Its session must be in no table any more, its dial over. NULL is allowed. */
void minke__connection_free(minke_connection_state_t *connection);

void minke__connection_recv_dtls(minke_connection_state_t *connection, const minke_train_t *train,
                                 const minke_path_t *path, minke_time_t now);
void minke__connection_tick(minke_connection_state_t *connection, minke_time_t now);
/* Keeps in `above_at` what of it is not the ICE agent's. */
minke_time_t minke__connection_deadline(minke_connection_state_t *connection);
/* The next datagrams, as minke_transport_transmit. */
size_t minke__connection_transmit(minke_connection_state_t *connection, uint8_t *buffer, size_t capacity,
                                  minke_train_t *train, minke_path_t *path, minke_time_t now);
/* path_size.c: data leaves by this path from now on. */
void minke__connection_follow_path(minke_connection_state_t *connection, const minke_path_t *path, minke_time_t now);
/* A datagram that tries a size, if one is due. */
size_t minke__connection_transmit_probe(minke_connection_state_t *connection, uint8_t *buffer, size_t capacity,
                                        minke_time_t now);
bool minke__connection_event(minke_connection_state_t *connection, minke_transport_event_t *event);

/* Ends it from our side, or because something failed. Does nothing when it is ending already. */
void minke__connection_close(minke_connection_state_t *connection, const minke_close_t *reason, minke_time_t now);
static inline bool minke__connection_is_open(const minke_connection_state_t *connection)
{
    return connection->phase == MINKE_PHASE_OPEN;
}
/* Still owes Noise: counts against the limit of handshakes. */
static inline bool minke__connection_in_setup(const minke_connection_state_t *connection)
{
    return connection->phase < MINKE_PHASE_OPEN;
}

/* A close reason with a sentence, cut to fit. */
minke_close_t minke__close_reason(minke_layer_t layer, int code, const char *text);

#endif
