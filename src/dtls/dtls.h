/*
 * DTLS 1.2 over OpenSSL: the handshake is OpenSSL's, record protection after it is ours (src/dtls/record.h), so that
 * the SSL object can be freed and records are sealed and opened in place. spec/dtls-openssl.md has the facts and traps.
 *
 *   datagram in --> minke__dtls_next --> handshake records to OpenSSL
 *                                   \--> plaintext of application records, in place, one per call
 *   minke__dtls_transmit --> flights, alerts          minke__dtls_seal --> application records, in place
 *
 * OpenSSL's own retransmission timer reads the system's wall clock; nothing else here reads any clock.
 */
#ifndef MINKE_DTLS_DTLS_H
#define MINKE_DTLS_DTLS_H

#include "base/env.h"
#include "crypto/certificate.h"

/* What a record costs: header and explicit nonce in front (ChaCha20 needs only 13), tag behind. */
enum { MINKE_DTLS_HEAD_MAX = 21, MINKE_DTLS_TAIL_MAX = 16 };

/* Shared by all connections of a transport: the SSL_CTX with our certificate. */
typedef struct minke_dtls_context minke_dtls_context_t;

MINKE_MUST_USE int minke__dtls_context_new(const minke_env_t *env, const minke_certificate_t *certificate,
                                           minke_dtls_context_t **out);
void minke__dtls_context_free(minke_dtls_context_t *context);

typedef struct minke_dtls minke_dtls_t;

typedef struct minke_dtls_options {
    const minke_env_t *env; /* NULL: the context's */
    bool client;
    bool check_fingerprint; /* the remote's certificate must have one of these SHA-256 digests (client: aborts in the
                               handshake; server: fails before anything is surfaced) */
    uint8_t fingerprints_n;
    uint8_t fingerprints[4][32];
    bool early; /* client: the first flight goes before anybody has answered: it is repeated after 500 ms, not 200 */
    minke_time_t handshake_after; /* give up after this long. Default 30 s when 0 */
} minke_dtls_options_t;

/* NULL when out of memory. */
MINKE_MUST_USE minke_dtls_t *minke__dtls_new(minke_dtls_context_t *context, const minke_dtls_options_t *options,
                                             minke_connection_t connection, minke_time_t now);
void minke__dtls_free(minke_dtls_t *dtls);

/* Client: makes the first flight. */
void minke__dtls_connect(minke_dtls_t *dtls, minke_time_t now);
/* One of these digests, at most 4, is the remote's: instead of those of the options, and before it has answered. */
void minke__dtls_expect(minke_dtls_t *dtls, const uint8_t (*fingerprints)[32], uint8_t n);

/* A datagram being taken apart; data is decrypted in place. Start with {data, len, 0}. */
typedef struct minke_dtls_input {
    uint8_t *data;
    size_t len;
    size_t at;
} minke_dtls_input_t;

/*
 * Goes on with a datagram until a plaintext comes out or it is used up. True: `*plaintext` points to `*len` bytes,
 * inside the datagram or in a record that had been kept until the keys were there; it is valid until the next call.
 */
bool minke__dtls_next(minke_dtls_t *dtls, minke_dtls_input_t *input, minke_time_t now, uint8_t **plaintext,
                      size_t *len);

/* The next datagram of a flight or alert (at most 1200 bytes); 0: none. */
MINKE_MUST_USE size_t minke__dtls_transmit(minke_dtls_t *dtls, uint8_t *out, size_t capacity);

/* How long that one is. */
size_t minke__dtls_transmit_len(const minke_dtls_t *dtls);

/* Once established: bytes in front of and behind a plaintext in its record. */
size_t minke__dtls_head(const minke_dtls_t *dtls);
size_t minke__dtls_tail(const minke_dtls_t *dtls);
/* Seals in place: the plaintext lies at record + head, `len` bytes, with room for the tail. Returns the record's whole
 * length; 0 if the keys are used up (2^48 records) or not there. */
MINKE_MUST_USE size_t minke__dtls_seal(minke_dtls_t *dtls, uint8_t *record, size_t len);

minke_time_t minke__dtls_deadline(const minke_dtls_t *dtls);
void minke__dtls_tick(minke_dtls_t *dtls, minke_time_t now);

/* Queues close_notify (once established) and ends. */
void minke__dtls_close(minke_dtls_t *dtls, minke_time_t now);

typedef enum minke_dtls_state { MINKE_DTLS_HANDSHAKE, MINKE_DTLS_ESTABLISHED, MINKE_DTLS_ENDED } minke_dtls_state_t;

minke_dtls_state_t minke__dtls_state(const minke_dtls_t *dtls);
/* Only in MINKE_DTLS_ENDED. */
const minke_close_t *minke__dtls_close_reason(const minke_dtls_t *dtls);
/* SHA-256 of the remote's certificate (DER); valid once established. */
const uint8_t *minke__dtls_remote_fingerprint(const minke_dtls_t *dtls);
/* IANA number of the negotiated suite (0xC02B); 0 before. */
uint16_t minke__dtls_cipher_suite(const minke_dtls_t *dtls);

#endif
