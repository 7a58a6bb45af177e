/*
 * Circuits (spec/host.md 11): a stream to a relay whose other end is a stream to another peer. It carries the bytes of
 * a connection of its own, upgraded like TCP: Noise tells who is really there, whatever the relay says.
 *
 *     dialer   hop stream   CONNECT --> relay,  <-- STATUS OK     then it is the initiator of Noise
 *     target   stop stream  relay --> CONNECT,  STATUS OK -->     then it is the responder
 */
#ifndef MINKE_HOST_CIRCUIT_H
#define MINKE_HOST_CIRCUIT_H

#include "host/node.h"

/* There is room on its stream, perhaps. */
void minke__circuit_send(minke_node_t *node, minke_carrier_t *carrier);
/* Its connection has ended. */
void minke__circuit_release(minke_node_t *node, minke_carrier_t *carrier);

#endif
