/*
 * A private connection (spec/webrtc-private.md): two peers of which neither can be dialled, and somebody who carries
 * texts between them.
 *
 *   offerer                                       answerer
 *   SOCKET   SIGNAL offer ----------------------> minke_transport_answer
 *   ICE      SIGNAL candidate ------------------> ICE
 *            answer, candidates <---------------- SIGNAL answer, SIGNAL candidate
 *            both check all pairs of addresses
 *   DTLS     server, if the answer says "active"  client; it begins when a pair works and a check of
 *                                                         the offerer's shows that it has the answer
 *   SCTP
 *   OPEN     the channel "init" is opened and reset again; there is no Noise: who the remote is follows from who
 * carried the texts, and the fingerprint in them
 *
 * Each family has a socket of its own, so that what arrives there is this connection's. DTLS that comes before the
 * remote's description does, or before a check of ours is answered, is kept: the remote may know more than we do.
 */
#ifndef MINKE_WEBRTC_PRIVATE_H
#define MINKE_WEBRTC_PRIVATE_H

#include "signalling/sdp.h"
#include "webrtc/endpoint.h"

enum {
    MINKE_PRIVATE_SOCKETS = 2, /* IPv4, IPv6 */
    MINKE_PRIVATE_KEPT_MAX = 4 /* datagrams: a flight */
};

typedef struct minke_private_datagram {
    uint8_t *data;
    size_t len;
    minke_path_t path;
} minke_private_datagram_t;

typedef struct minke_private {
    bool offerer, described; /* described: the remote's description has been taken */
    bool description_told;   /* ours */
    minke_time_t hello_at;   /* NEVER: not known yet; see minke__private_is_ready */
    bool gather_first;       /* it is told when all our candidates are known, and has them in it */
    uint8_t sockets_awaited; /* asked for; neither open nor failed yet */
    minke_sdp_setup_t setup; /* ours */
    minke_ice_credentials_t local;
    uint64_t session_id;
    char mid[MINKE_SDP_MID_MAX + 1];
    char remote_ufrag[MINKE_ICE_UFRAG_MAX + 1];
    minke_certhashes_t fingerprints;
    minke_socket_t sockets[MINKE_PRIVATE_SOCKETS]; /* 0: none */
    minke_private_datagram_t kept[MINKE_PRIVATE_KEPT_MAX];
    size_t kept_n;
    char *text; /* of the latest event */
} minke_private_t;

/* NULL is allowed. The sockets are closed by the caller. */
void minke__private_free(const minke_env_t *env, minke_private_t *private_part);
void minke__private_sockets_close(minke_transport_t *transport, const minke_private_t *private_part);

/* Of these the caller touches the connection afterwards. */
void minke__private_socket_opened(minke_transport_t *transport, minke_connection_state_t *connection,
                                  minke_socket_t socket, const minke_address_t *bound, minke_time_t now);
/* The socket is gone already. `was_open`: it had been told to be open before. */
void minke__private_socket_failed(minke_connection_state_t *connection, minke_socket_t socket, bool was_open,
                                  const minke_close_t *failure, minke_time_t now);

/* False: nothing to signal now. */
bool minke__private_event(minke_connection_state_t *connection, minke_transport_event_t *event);
/* ICE is up and the remote is described; the answerer's ClientHello also waits until the remote can take it. */
bool minke__private_is_ready(minke_connection_state_t *connection, minke_time_t now);
/* When that may be so without anything coming in; NEVER: not by itself. */
minke_time_t minke__private_deadline(const minke_connection_state_t *connection);
/* For data that comes too early. */
void minke__private_keep(minke_connection_state_t *connection, const minke_train_t *train, const minke_path_t *path);

#endif
