/*
 * One end of a WebSocket as a byte stream, as `/ws` of libp2p uses it (RFC 6455, spec/host.md 6): upgraded from
 * HTTP/1.1, bytes in binary messages whose boundaries mean nothing. Sans-IO: the bytes of the connection below (TCP or
 * TLS) go in and come out, those of the layer above are read and written.
 *
 *     HANDSHAKE --101 sent or received--> OPEN --close frame of either side, or a violation--> ENDED
 *         |                                                                                      ^
 *         +--refused, or no HTTP at all----------------------------------------------------------+
 *
 * Payload is handed on as it arrives, so a message or a frame may be of any length. After ENDED what had arrived can
 * still be read, and what waits (the close frame, a refusal's HTTP response) is still to be transmitted; then the
 * connection below should be closed, without waiting for the remote's close frame.
 */
#ifndef MINKE_WEBSOCKET_WEBSOCKET_H
#define MINKE_WEBSOCKET_WEBSOCKET_H

#include "base/env.h"

typedef struct minke_websocket minke_websocket_t;

enum {
    MINKE_WEBSOCKET_FRAME_MAX = 65536,    /* payload bytes of a frame that we send */
    MINKE_WEBSOCKET_UNSENT_MAX = 131072,  /* writes wait while more than this is to be transmitted */
    MINKE_WEBSOCKET_UNREAD_MAX = 1048576, /* more than this, received and not read, ends it */
    MINKE_WEBSOCKET_REQUEST_MAX = 2048    /* bytes of our request: what `host` and `path` must fit in with the rest */
};

typedef enum minke_websocket_state {
    MINKE_WEBSOCKET_HANDSHAKE,
    MINKE_WEBSOCKET_OPEN,
    MINKE_WEBSOCKET_ENDED
} minke_websocket_state_t;

/* `host` is the Host field: name or address, with `:port` unless that is the scheme's own. `path` begins with a slash.
 * Both are copied; what may not stand in a request ends it at once (MINKE_ERROR_INVALID). NULL: no memory. */
MINKE_MUST_USE minke_websocket_t *minke__websocket_client(const minke_env_t *env, const char *host, const char *path);
/* Accepts any path and any Origin: whom it talks to is proved above. What is no upgrade is told so, in HTTP. */
MINKE_MUST_USE minke_websocket_t *minke__websocket_server(const minke_env_t *env);
/* NULL is allowed. */
void minke__websocket_free(minke_websocket_t *ws);

minke_websocket_state_t minke__websocket_state(const minke_websocket_t *ws);
/*
 * NULL until it has ended. Layer NETWORK; the code is 0 (closed by either side), MINKE_ERROR_CONNECTION_CLOSED (by the
 * remote, which complains: its close code is in the text), MINKE_ERROR_UNSUPPORTED (the upgrade is refused, or was not
 * asked for; text messages), MINKE_ERROR_MALFORMED, MINKE_ERROR_LIMIT (unread), MINKE_ERROR_NO_MEMORY or
 * MINKE_ERROR_INVALID (see above).
 */
const minke_close_t *minke__websocket_close_reason(const minke_websocket_t *ws);

/* Bytes of the connection below, cut anywhere; all are taken. Read after each call: see MINKE_WEBSOCKET_UNREAD_MAX. */
void minke__websocket_recv(minke_websocket_t *ws, const uint8_t *data, size_t len);
/* Bytes for the layer above: how many were put into `out`; MINKE_ERROR_AGAIN: none now; 0: ended, and all are read. */
MINKE_MUST_USE ssize_t minke__websocket_read(minke_websocket_t *ws, uint8_t *out, size_t capacity);
/* Sends the first MINKE_WEBSOCKET_FRAME_MAX bytes, or all, as one frame and returns how many. MINKE_ERROR_AGAIN: not
 * open yet, or too much waits to be transmitted. MINKE_ERROR_CONNECTION_CLOSED: it has ended, perhaps just now for want
 * of memory. */
MINKE_MUST_USE ssize_t minke__websocket_write(minke_websocket_t *ws, const uint8_t *data, size_t len);
/* The next bytes for the connection below, up to `capacity`; 0: none. */
MINKE_MUST_USE size_t minke__websocket_transmit(minke_websocket_t *ws, uint8_t *out, size_t capacity);
/* Ends it from our side, with a close frame (1000) if it was open. */
void minke__websocket_close(minke_websocket_t *ws);

#endif
