/*
 * A DTLS 1.2 client and server of OpenSSL in one thread, joined by a queue of datagrams instead of sockets. Both have a
 * P-256 certificate and want one, as in WebRTC.
 */
#ifndef BENCH_DTLS_PAIR_H
#define BENCH_DTLS_PAIR_H

typedef struct dtls_pair dtls_pair_t;

/* `groups` as for SSL_CTX_set1_groups_list. Errors end the program. */
dtls_pair_t *dtls_pair_new(const char *groups);
void dtls_pair_free(dtls_pair_t *pair);

/* One complete handshake: objects made, shaken hands, the remote's certificate hashed, objects freed. Adds the
 * processor time of either side, in seconds. */
void dtls_pair_shake(dtls_pair_t *pair, double *client_s, double *server_s);

#endif
