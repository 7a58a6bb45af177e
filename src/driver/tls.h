/*
 * A TLS client (1.2 and 1.3) for dialling /wss and /tls/ws, with the certificate verification that browsers do: the
 * name, the dates, an authority that this machine trusts. OpenSSL over two memory buffers, sans-IO in shape:
 *
 *     HANDSHAKE   the ClientHello is ready to be sent         recv and transmit until it is OPEN
 *     OPEN        bytes go both ways                          until either side says close_notify, or it breaks
 *     ENDED       close_reason says why                       what is left to transmit is a farewell or an alert
 */
#ifndef MINKE_DRIVER_TLS_H
#define MINKE_DRIVER_TLS_H

#include "base/env.h"

/* What all connections of a host share. */
typedef struct minke_tls_context minke_tls_context_t;

/* It trusts the system's authorities; besides, if not NULL, the certificates of a PEM file. MINKE_ERROR_SYSTEM: errno
 * says why that cannot be read; MINKE_ERROR_MALFORMED: it holds no certificate; MINKE_ERROR_NO_MEMORY. */
MINKE_MUST_USE int minke__tls_context_new(const minke_env_t *env, const char *ca_file, minke_tls_context_t **out);
/* NULL is allowed. Connections may outlive it. */
void minke__tls_context_free(minke_tls_context_t *context);

typedef struct minke_tls minke_tls_t;

typedef enum minke_tls_state { MINKE_TLS_HANDSHAKE, MINKE_TLS_OPEN, MINKE_TLS_ENDED } minke_tls_state_t;

enum {
    MINKE_TLS_RECV_MAX = 64 << 10,    /* what recv takes in one call */
    MINKE_TLS_UNREAD_MAX = 256 << 10, /* what may wait to be read; more ends the connection */
    MINKE_TLS_UNSENT_MAX = 128 << 10  /* what may wait to be transmitted before write says AGAIN */
};

/* `name` is a host name, which the server is told (SNI), or an IP in text; the certificate must be for it. Copied.
 * NULL: out of memory. A name that none can be for ends it at once. */
MINKE_MUST_USE minke_tls_t *minke__tls_client(minke_tls_context_t *context, const minke_env_t *env, const char *name);
void minke__tls_free(minke_tls_t *tls);

minke_tls_state_t minke__tls_state(const minke_tls_t *tls);
/* ENDED only. MINKE_LAYER_NETWORK, and as code: 0: close_notify, of either side; MINKE_ERROR_CRYPTO: a certificate is
 * refused, or bytes were forged; MINKE_ERROR_UNSUPPORTED: no version or cipher in common; MINKE_ERROR_MALFORMED: that
 * is no TLS; MINKE_ERROR_CONNECTION_CLOSED: the remote went without a word, or refused us; MINKE_ERROR_LIMIT: nobody
 * read; MINKE_ERROR_NO_MEMORY; MINKE_ERROR_ADDRESS: the name is none. */
const minke_close_t *minke__tls_close_reason(const minke_tls_t *tls);

/* Bytes from below, at most MINKE_TLS_RECV_MAX, cut anywhere. Read until AGAIN after it: only reading finds the end. */
void minke__tls_recv(minke_tls_t *tls, const uint8_t *data, size_t len);
/* Nothing more comes from below. Read what is there. */
void minke__tls_recv_end(minke_tls_t *tls);
/* Plain bytes for above, into at least one byte of room; MINKE_ERROR_AGAIN; 0: ENDED, and all is read. */
MINKE_MUST_USE ssize_t minke__tls_read(minke_tls_t *tls, uint8_t *out, size_t capacity);
/* Takes what fits: how many bytes; MINKE_ERROR_AGAIN: not OPEN yet, or transmit first; MINKE_ERROR_CONNECTION_CLOSED.
 */
MINKE_MUST_USE ssize_t minke__tls_write(minke_tls_t *tls, const uint8_t *data, size_t len);
/* The next bytes to send below, at most `capacity`; 0: none. */
MINKE_MUST_USE size_t minke__tls_transmit(minke_tls_t *tls, uint8_t *out, size_t capacity);
/* Ends it from our side: close_notify goes behind what was written, what comes is not read any more. */
void minke__tls_close(minke_tls_t *tls);

#endif
