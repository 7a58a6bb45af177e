/*
 * Private connections of a host (spec/webrtc-private.md): two peers that reach each other over a relay, and no better,
 * agree on a direct connection by the signalling protocol, and have both then.
 *
 *     dialer     a connection to the peer, relayed if there is no other --> stream: OFFER, candidates ... ANSWER,
 * candidates listener   the same stream from the other side
 *
 * The descriptions and candidates are the transport's (MINKE_TRANSPORT_SIGNAL); here they are put on a stream. The end
 * of that stream means nothing: the remote may have seen the connection come up first. The relayed connection stays;
 * when the direct one has been up for a while, the dialer's end closes it if it was made for this alone.
 */
#ifndef MINKE_HOST_SIGNALLING_H
#define MINKE_HOST_SIGNALLING_H

#include "host/dial.h"

/* Served always: whoever reaches us over a relay may ask. */
extern const minke_service_t minke__service_signalling;

/* Asks the peer of `carrier` for a direct connection on behalf of an attempt, which ends up BELOW or failed. */
void minke__signalling_dial(minke_node_t *node, minke_node_attempt_t *attempt, minke_node_connection_t *carrier);
/* The attempt is over. */
void minke__signalling_forget(minke_node_t *node, minke_node_attempt_t *attempt);

/* For events.c; signals of connections that nobody here knows of are dropped. */
void minke__signalling_signal(minke_node_t *node, const minke_transport_event_t *from);
void minke__signalling_connected(minke_node_t *node, minke_connection_t below);
/* True: it never came up, and the application has not been told of it. */
bool minke__signalling_closed(minke_node_t *node, minke_connection_t below);
void minke__signalling_free(minke_node_t *node);

#endif
