/* A proxy that takes TLS off, as the one in front of a relay does: loopback, one thread, whatever has come each turn.
 */
#ifndef MINKE_TESTS_TLS_PROXY_H
#define MINKE_TESTS_TLS_PROXY_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TLS_PROXY_LINKS_MAX = 4, TLS_PROXY_PIECE = 16384 };

typedef enum tls_proxy_mode {
    TLS_PROXY_FORWARD,
    TLS_PROXY_SILENT,  /* accepts, and reads nothing */
    TLS_PROXY_GARBAGE, /* answers what is no TLS */
    TLS_PROXY_CLOSE,   /* reads, and closes within the handshake */
    TLS_PROXY_END,     /* says goodbye once the handshake is done */
    TLS_PROXY_CUT      /* closes then, without a word */
} tls_proxy_mode_t;

typedef struct tls_proxy_piece {
    size_t at, len;
    uint8_t bytes[TLS_PROXY_PIECE];
} tls_proxy_piece_t;

typedef struct tls_proxy_link {
    int fd, upstream; /* -1: none */
    SSL *ssl;
    tls_proxy_piece_t up, down;
} tls_proxy_link_t;

typedef struct tls_proxy {
    SSL_CTX *context;
    tls_proxy_mode_t mode;
    int listener;
    unsigned port, upstream_port;
    tls_proxy_link_t links[TLS_PROXY_LINKS_MAX];
    char asked[256]; /* the name that was asked for last, by SNI; "": none */
    char alpn[32];
    size_t accepted;
} tls_proxy_t;

/* Takes the context. */
void tls_proxy_start(tls_proxy_t *proxy, SSL_CTX *context, unsigned upstream_port);
/* Ends all connections, and shows another certificate from now on; takes the context. */
void tls_proxy_become(tls_proxy_t *proxy, SSL_CTX *context, tls_proxy_mode_t mode);
void tls_proxy_stop(tls_proxy_t *proxy);
/* For meeting_t; `user` is the proxy. */
void tls_proxy_turn(void *user);

#endif
