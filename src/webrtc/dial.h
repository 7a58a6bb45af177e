/*
 * A dial: one connection on its way to one of several addresses of a peer. It belongs to a connection for as long as
 * nobody has answered (phases SOCKET and ICE).
 *
 * An attempt is an address and a version of webrtc-direct, with a session of its own: credentials, agent, socket.
 *
 *   planned --(its time has come)--> begun --(a check of ours is answered)--> won: the session is the connection's,
 *      \                               |                                      all other attempts leave nothing behind
 *       \--(the address has failed)----+--(no socket, no way there, no answer in time)--> failed
 *
 * When an attempt begins (RFC 8305 in spirit): addresses alternate between the families, IPv6 first, otherwise in the
 * caller's order; the next one begins 250 ms after the last, or as soon as an attempt fails. If both versions are
 * wanted, version 1 begins and version 2 follows 500 ms later from a second socket: js and rust listeners know only the
 * first and leave the second unanswered.
 */
#ifndef MINKE_WEBRTC_DIAL_H
#define MINKE_WEBRTC_DIAL_H

#include "webrtc/endpoint.h"

enum { MINKE_ATTEMPTS_MAX = 2 * MINKE_DIAL_ADDRESSES_MAX };

typedef struct minke_dial_target {
    minke_address_t address;
    minke_certhashes_t certhashes;
} minke_dial_target_t;

/* What the addresses of a dial say, in the order in which they are tried: dial_targets.c. */
typedef struct minke_dial_plan {
    minke_peer_id_t peer; /* len 0: none of them names one */
    uint8_t targets_n;
    minke_dial_target_t targets[MINKE_DIAL_ADDRESSES_MAX];
} minke_dial_plan_t;

typedef struct minke_attempt {
    const minke_dial_target_t *target;
    int version;
    minke_time_t begins_at;       /* while it is planned, else NEVER */
    minke_ice_session_t *session; /* from begun to won or failed, else NULL */
    uint32_t sent_n;              /* datagrams of STUN */
} minke_attempt_t;

typedef struct minke_dial {
    minke_dial_plan_t plan;
    int version;              /* 1 or 2; 0: both */
    uint8_t begun_n;          /* targets whose turn has come */
    minke_close_t failure;    /* of the attempt that got furthest; layer NONE: none has failed yet */
    minke_attempt_t *greeted; /* the latest one that has the ClientHello go with its first check */
    bool hello_due;           /* which is next */
    minke_path_t hello_path;
    minke_attempt_t
        attempts[MINKE_ATTEMPTS_MAX]; /* of target 0 by version 1 and 2, of target 1 by version 1 and 2, .. */
} minke_dial_t;

/* MINKE_ERROR_MALFORMED; MINKE_ERROR_ADDRESS: one is of another kind, or they name different peers. */
MINKE_MUST_USE int minke__dial_plan(minke_dial_plan_t *plan, const char *const *multiaddrs, size_t count);

/* Gives a connection its dial and begins the first attempt. MINKE_ERROR_NO_MEMORY: it has none. */
MINKE_MUST_USE int minke__dial_start(minke_transport_t *transport, minke_connection_state_t *connection,
                                     const minke_dial_plan_t *plan, int version, minke_time_t now);
/* Ends all attempts that are left. */
void minke__dial_free(minke_transport_t *transport, minke_connection_state_t *connection);

/* Of these the caller touches the connection afterwards. */
void minke__dial_recv(minke_transport_t *transport, minke_connection_state_t *connection, minke_ice_session_t *session,
                      const minke_stun_message_t *message, const minke_path_t *path, minke_time_t now);
void minke__dial_tick(minke_transport_t *transport, minke_connection_state_t *connection, minke_time_t now);
void minke__dial_socket_opened(minke_transport_t *transport, minke_connection_state_t *connection,
                               minke_socket_t socket, const minke_address_t *bound, minke_time_t now);
/* The socket is gone already. */
void minke__dial_socket_failed(minke_transport_t *transport, minke_connection_state_t *connection,
                               minke_socket_t socket, const minke_close_t *failure, minke_time_t now);
void minke__dial_unreachable(minke_transport_t *transport, minke_connection_state_t *connection,
                             const minke_ice_session_t *session, const minke_close_t *failure, minke_time_t now);

minke_time_t minke__dial_deadline(const minke_connection_state_t *connection);
/* As minke_transport_transmit. */
size_t minke__dial_transmit(minke_connection_state_t *connection, uint8_t *buffer, size_t capacity,
                            minke_train_t *train, minke_path_t *path, minke_time_t now);
/* Those of the attempts under way. Returns how many. */
size_t minke__dial_sessions(const minke_dial_t *dial, minke_ice_session_t *sessions[MINKE_ATTEMPTS_MAX]);

#endif
