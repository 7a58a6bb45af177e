/*
 * The TCP sockets of a host, as carriers of its byte connections: dialled, with TLS and a WebSocket over it where the
 * address wants them, or accepted.
 *
 *     dialled     CONNECTING --> SHAKING: TLS, WebSocket --> OPEN: the node has its connection
 *     accepted    OPEN at once: the WebSocket's handshake is on the connection's time
 *     any         DEAD: nothing more comes or goes; released when the connection has told its end
 *
 * Sending never ends a carrier: an error there waits until what has arrived is read, because that may say better why.
 */
#ifndef MINKE_DRIVER_CARRIER_H
#define MINKE_DRIVER_CARRIER_H

#include "driver/watch.h"
#include "host/dial.h"

typedef struct minke_tcp_carrier minke_tcp_carrier_t;

/* MINKE_REQUEST_CONNECT, _CANCEL and _RELEASE of a node. */
void minke__carrier_connect(minke_host_t *host, const minke_node_request_t *request);
void minke__carrier_cancel(minke_host_t *host, uint64_t attempt);
void minke__carrier_release(minke_host_t *host, minke_carrier_t *carrier);
/* A socket that a listener has accepted; it belongs to the carrier from now on, or is closed. */
void minke__carrier_accept(minke_host_t *host, int fd, minke_target_kind_t kind, const minke_address_t *remote);
/* Sends what the node's byte connections have to send. */
void minke__carriers_transmit(minke_host_t *host);
/* Ends all of them. */
void minke__carriers_free(minke_host_t *host);

#endif
