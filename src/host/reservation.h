/*
 * Being reachable over a relay (spec/host.md 11): a reservation there, kept as long as it is wanted.
 *
 *     WAITING --> DIALLING --connected--> ASKING --STATUS OK--> HELD --half its time over--> ASKING
 *        ^            |                      |                   |
 *        '--back-off--'----------------------'-------------------'   refused, no relay, connection lost
 *
 * While it is HELD its addresses are among those that we listen on, and who calls comes in by a stop stream.
 */
#ifndef MINKE_HOST_RESERVATION_H
#define MINKE_HOST_RESERVATION_H

#include "host/node.h"

/* At once; a relay has several addresses, and two or three relays are plenty. */
enum { MINKE_RESERVATIONS_MAX = 8 };

/* RELAY/p2p-circuit[/p2p/us]: notices tell of what comes of it. MINKE_ERROR_ADDRESS: not of this form; _EXISTS; _LIMIT;
 * _NO_MEMORY. */
MINKE_MUST_USE int minke__node_reserve(minke_node_t *node, const char *multiaddr, minke_time_t now);
void minke__reservations_free(minke_node_t *node);
bool minke__node_has_reservations(const minke_node_t *node);

/* For events.c and dial.c: a connection is up or has gone, a dial of ours has failed. */
void minke__reservations_connected(minke_node_t *node, minke_node_connection_t *connection);
void minke__reservations_disconnected(minke_node_t *node, const minke_node_connection_t *connection,
                                      const minke_close_t *reason);
void minke__reservations_not_connected(minke_node_t *node, minke_connection_t dial, const minke_close_t *reason);

/* Served while there are any: inbound circuits. */
extern const minke_service_t minke__service_stop;

#endif
