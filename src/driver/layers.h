/*
 * What stands between a TCP socket and the bytes of a connection: nothing, a WebSocket, or a WebSocket over TLS.
 *
 *     socket --recv--> [TLS] --> [WebSocket] --read--> connection
 *     socket <--transmit-- [TLS] <-- [WebSocket] <--write-- connection
 *
 * Whatever ends them ends from below: the reason is that of the highest layer which has ended, because it did so while
 * those below it were still whole.
 */
#ifndef MINKE_DRIVER_LAYERS_H
#define MINKE_DRIVER_LAYERS_H

#include "driver/tls.h"
#include "multiformats/target.h"
#include "websocket/websocket.h"

typedef struct minke_layers {
    minke_tls_t *tls;             /* NULL: none */
    minke_websocket_t *websocket; /* NULL: plain TCP */
} minke_layers_t;

/* `name`: what the certificate and the Host field are for, "" for the IP address. `context`: of WEBSOCKET_TLS alone.
 * MINKE_ERROR_NO_MEMORY. */
MINKE_MUST_USE int minke__layers_client(minke_layers_t *layers, const minke_env_t *env, minke_tls_context_t *context,
                                        const minke_target_t *target, const char *name);
MINKE_MUST_USE int minke__layers_server(minke_layers_t *layers, const minke_env_t *env, minke_target_kind_t kind);
void minke__layers_free(minke_layers_t *layers);

static inline bool minke__layers_is_plain(const minke_layers_t *layers) { return layers->websocket == NULL; }
/* Would bytes of the connection be taken now, up to 64 KiB? Not before all handshakes are done. */
bool minke__layers_take(const minke_layers_t *layers);
/* NULL: none of them has ended. */
const minke_close_t *minke__layers_close_reason(const minke_layers_t *layers);

/* Not for plain ones, but for transmit, which then has nothing, and recv_end, which does nothing. */

/* At most MINKE_TLS_RECV_MAX bytes; read all of them after it. */
void minke__layers_recv(minke_layers_t *layers, const uint8_t *data, size_t len);
/* Nothing more comes from the socket. */
void minke__layers_recv_end(minke_layers_t *layers);
MINKE_MUST_USE ssize_t minke__layers_read(minke_layers_t *layers, uint8_t *out, size_t capacity);
/* Only when they take, and transmit has nothing more. */
void minke__layers_write(minke_layers_t *layers, const uint8_t *data, size_t len);
MINKE_MUST_USE size_t minke__layers_transmit(minke_layers_t *layers, uint8_t *out, size_t capacity);
/* From our side; the farewells are to be transmitted. */
void minke__layers_close(minke_layers_t *layers);

#endif
