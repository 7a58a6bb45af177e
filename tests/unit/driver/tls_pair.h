/* Our TLS client with OpenSSL's server on the other side of two buffers. */
#ifndef MINKE_TESTS_TLS_PAIR_H
#define MINKE_TESTS_TLS_PAIR_H

#include "driver/tls.h"
#include "support/test_env.h"
#include "unit/driver/authority.h"

enum { TLS_PAIR_PIECE_MAX = 60000 };

/* One authority, one context that trusts it, and one that nobody does. */
typedef struct world {
    test_env_t test;
    authority_t authority, stranger;
    minke_tls_context_t *context;
} world_t;

/* Set-up and tear-down of a group of tests. */
int tls_world_new(void **state);
int tls_world_free(void **state);

/* A context for a server whose certificate is good, for these names. */
SSL_CTX *tls_good_server(const world_t *world, const char *names);

/* A client and a server; `piece` bytes at most go from one to the other at a time. */
typedef struct pair {
    minke_tls_t *tls;
    SSL *server;
    BIO *to_server, *from_server;
    size_t piece;
} pair_t;

/* Takes the context of the server. */
void tls_pair_begin(pair_t *pair, world_t *world, SSL_CTX *server, const char *name);
/* One turn each way. True: something moved. */
bool tls_pair_move(pair_t *pair);
/* Until nothing moves. */
void tls_pair_run(pair_t *pair);
void tls_pair_end(pair_t *pair);

/* The whole life of a pair that opens, or does not and why. */
void tls_expect_open(world_t *world, SSL_CTX *server, const char *name);
void tls_expect_refused(world_t *world, SSL_CTX *server, const char *name, int code, const char *text);

#endif
