/*
 * Two DTLS ends joined by a network in virtual time: each end is ours or a stock OpenSSL. gettimeofday() and time() are
 * defined here, so that OpenSSL's timers live in the same time.
 */
#ifndef MINKE_TESTS_DTLS_LAB_H
#define MINKE_TESTS_DTLS_LAB_H

#include <openssl/ssl.h>

#include "dtls/private.h"
#include "support/test_env.h"

enum { LAB_CLIENT, LAB_SERVER };
enum { LAB_DATAGRAM_MAX = 2048, LAB_DATAGRAMS_MAX = 512 };

typedef struct lab lab_t;

typedef struct lab_datagram {
    minke_time_t at;
    uint64_t order;
    int to;
    size_t len;
    uint8_t data[LAB_DATAGRAM_MAX];
} lab_datagram_t;

typedef struct lab_end {
    lab_t *lab;
    int side;
    minke_dtls_t *dtls; /* ours, or */
    SSL *ssl;           /* a stock OpenSSL */
    const lab_datagram_t *incoming;
    int64_t ssl_deadline; /* wall clock; 0: none */
    int ssl_state;        /* -1 failed or closed, 0 handshake, 1 established */
    int ssl_error;        /* SSL_get_error when it ended */
    unsigned long ssl_reason;
    unsigned sent_n;                    /* datagrams */
    size_t largest;                     /* of those */
    unsigned received_n;                /* plaintexts */
    uint8_t received[LAB_DATAGRAM_MAX]; /* the last of those */
    size_t received_len;
} lab_end_t;

struct lab {
    minke_time_t now;
    minke_time_t latency;
    lab_end_t ends[2];
    lab_datagram_t *datagrams; /* on their way, unordered */
    size_t datagrams_n;
    uint64_t orders;
    /* Sees every datagram that is sent and may change it; false: lost. May post others itself. */
    bool (*tap)(lab_t *lab, int to, uint8_t *data, size_t len);
    void *user;
};

/* One environment, certificate and context per side, for all tests of a program. */
extern test_env_t lab_test;
extern minke_certificate_t *lab_certificates[2];
extern minke_dtls_context_t *lab_contexts[2];
int lab_set_up(void **state);
int lab_tear_down(void **state); /* checks that nothing leaked */

/* An empty lab with 10 ms of latency; at first, both ends are missing. */
void lab_init(lab_t *lab);
void lab_free(lab_t *lab);
/* Makes `side` one of ours; `options` may be NULL. */
void lab_use_ours(lab_t *lab, int side, const minke_dtls_options_t *options);
void lab_use_openssl(lab_t *lab, int side, SSL_CTX *context);
/* The client speaks. */
void lab_start(lab_t *lab);

/* Puts a datagram on its way, past the tap. */
void lab_post(lab_t *lab, int to, const uint8_t *data, size_t len, minke_time_t after);
/* Hands a datagram over at this instant. */
void lab_inject(lab_t *lab, int to, const uint8_t *data, size_t len);
/* The next arrival or timer up to `until`; false if there is none. */
bool lab_step(lab_t *lab, minke_time_t until);
/* Until both ends are established or ended, but not beyond `until`. True: both established. */
bool lab_connect(lab_t *lab, minke_time_t until);
/* Everything that happens up to `until`. */
void lab_run(lab_t *lab, minke_time_t until);
/* An application record. */
void lab_send(lab_t *lab, int side, const void *bytes, size_t len);
/* -1 ended, 0 in the handshake, 1 established. */
int lab_state(const lab_t *lab, int side);
/* Why one of ours has ended. */
const minke_close_t *lab_reason(const lab_t *lab, int side);
/* Sends a text each way and checks that it arrives. */
void lab_check_traffic(lab_t *lab);

/* A stock OpenSSL's context: `suites` NULL takes its default list, `groups` likewise. With an RSA or a P-256
 * certificate. */
SSL_CTX *lab_openssl_context(bool rsa, const char *suites, const char *groups);

/* Gives a context a new key with a self-signed certificate, made `padding` bytes longer. */
void lab_use_new_certificate(SSL_CTX *context, bool rsa, const char *curve, size_t padding);

/* Seeded randomness for OpenSSL, and the system's again with 0. */
void lab_seed_openssl(uint64_t seed);

/* The virtual clock, microseconds since 1970. */
extern int64_t lab_wall;

#endif
