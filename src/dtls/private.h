/* What the files of this folder share: the context and the connection, from inside. */
#ifndef MINKE_DTLS_PRIVATE_H
#define MINKE_DTLS_PRIVATE_H

#include <openssl/ssl.h>

#include "dtls/assembly.h"
#include "dtls/dtls.h"
#include "dtls/keys.h"
#include "dtls/queue.h"
#include "dtls/record.h"

enum {
    /* Largest datagram of a flight. OpenSSL does not count the AEAD's overhead of the Finished against its MTU, hence
     * 24 less for that (spec/dtls-openssl.md 1). */
    MINKE_DTLS_DATAGRAM_MAX = 1200,
    MINKE_DTLS_MTU = 1176,
    /* A flight of ours is one datagram; more wait only when nobody takes them. */
    MINKE_DTLS_OUT_MAX = 8,
    /* Epoch-1 records that overtook the end of the handshake. */
    MINKE_DTLS_EARLY_MAX = 16,
    MINKE_DTLS_EARLY_BYTES_MAX = 20 * 1024,
    MINKE_DTLS_FINISHED_BYTES = 24,
    /* The body of its record: with GCM 8 bytes in front and a tag behind. */
    MINKE_DTLS_FINISHED_RECORD_MIN = MINKE_DTLS_FINISHED_BYTES + MINKE_DTLS_TAG_BYTES, /* ChaCha20: no explicit nonce */
    MINKE_DTLS_FINISHED_RECORD_MAX = 8 + MINKE_DTLS_FINISHED_BYTES + MINKE_DTLS_TAG_BYTES,
    /* An OpenSSL client gives up at the 13th Finished it did not need (spec/dtls-openssl.md 7). */
    MINKE_DTLS_RESENDS_MAX = 10
};

struct minke_dtls_context {
    const minke_env_t *env;
    SSL_CTX *ssl_context;
    BIO_METHOD *bio_method;
    minke_dtls_algorithms_t algorithms;
};

/* What is gone once the handshake is over. */
typedef struct minke_dtls_handshake {
    minke_dtls_options_t options;
    SSL *ssl;
    minke_dtls_assembly_t assembly;

    /* The BIO: the one record that OpenSSL may read, and what it has written. */
    const uint8_t *incoming;
    size_t incoming_len;
    uint64_t incoming_sequence; /* our own numbers for clear records: those on the wire may be forged */
    bool join;                  /* the last datagram queued is of the present call and may be added to */
    bool timer_changed;
    bool broken; /* OpenSSL wrote what cannot be sent */
    uint64_t next_sequence[2];
    uint64_t finished_nonce; /* explicit nonce of the last epoch-1 record, and its number */
    uint64_t finished_sequence;

    /* Seen by the message callback. */
    bool progress;         /* a message of the remote's was taken */
    uint16_t next_message; /* number of the first one that has not been */
    bool cipher_changed;
    bool certificate_seen;
    bool certificate_refused;
    uint8_t fingerprint[32];
    uint8_t finished[MINKE_DTLS_FINISHED_BYTES]; /* ours */
    uint8_t alert_sent;

    minke_time_t deadline;
    minke_time_t retransmit_at;
    minke_time_t alert_at; /* end with the alert held unless there is progress until then */
    bool alert_held;
    uint8_t alert;
} minke_dtls_handshake_t;

/* What is left of the handshake on the server until the client has shown that its Finished arrived. */
typedef struct minke_dtls_last_flight {
    bool kept;
    uint8_t resends;
    uint8_t finished[MINKE_DTLS_FINISHED_BYTES];
    uint64_t next_clear_sequence;
    minke_time_t not_before;
} minke_dtls_last_flight_t;

struct minke_dtls {
    minke_dtls_context_t *context;
    const minke_env_t *env;
    minke_connection_t connection;
    minke_dtls_state_t state;
    bool client;
    minke_dtls_handshake_t *handshake; /* in MINKE_DTLS_HANDSHAKE only */
    minke_dtls_keys_t keys;            /* in MINKE_DTLS_ESTABLISHED only */
    minke_dtls_last_flight_t last_flight;
    minke_dtls_queue_t out;
    minke_dtls_queue_t early;
    minke_dtls_item_t *lent; /* holds the plaintext that was given out last */
    uint16_t suite;
    uint8_t remote_fingerprint[32];
    minke_close_t close;
};

/* bio.c */
MINKE_MUST_USE BIO_METHOD *minke__dtls_bio_method_new(void);
MINKE_MUST_USE BIO *minke__dtls_bio_new(minke_dtls_t *dtls);
/* Queues a datagram; the oldest makes room, and without memory it is lost, as the network might have lost it. Room for
 * `capacity` bytes. */
void minke__dtls_queue_out(minke_dtls_t *dtls, const uint8_t *data, size_t len, size_t capacity);

/* context.c: the callbacks of the SSL_CTX find the connection here. */
static inline minke_dtls_t *minke__dtls_of(const SSL *ssl) { return SSL_get_app_data(ssl); }

/* handshake.c */
MINKE_MUST_USE minke_dtls_handshake_t *minke__dtls_handshake_new(minke_dtls_t *dtls,
                                                                 const minke_dtls_options_t *options, minke_time_t now);
void minke__dtls_handshake_free(minke_dtls_t *dtls);
/* Lets OpenSSL go on. */
void minke__dtls_handshake_advance(minke_dtls_t *dtls, minke_time_t now);
void minke__dtls_handshake_record(minke_dtls_t *dtls, const minke_dtls_record_t *record, minke_time_t now);
minke_time_t minke__dtls_handshake_deadline(const minke_dtls_handshake_t *handshake);
void minke__dtls_handshake_tick(minke_dtls_t *dtls, minke_time_t now);

/* established.c */
/* True: a plaintext for the layer above. */
bool minke__dtls_established_record(minke_dtls_t *dtls, const minke_dtls_record_t *record, minke_time_t now,
                                    uint8_t **plaintext, size_t *len);
void minke__dtls_send_alert(minke_dtls_t *dtls, uint8_t level, uint8_t description);

/* dtls.c */
/* Ends; `text` and, if it is not NULL, `detail` make the sentence of the reason. */
void minke__dtls_end(minke_dtls_t *dtls, minke_time_t now, int code, bool by_remote, const char *text,
                     const char *detail);

#endif
