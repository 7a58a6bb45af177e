/*
 * The record layer of DTLS 1.2 without any cryptography (RFC 6347 4.1): the header, the rules for clear records and the
 * replay window.
 *
 *     0      1         3       5            11      13
 *     +------+---------+-------+------------+-------+-----
 *     | type | version | epoch | sequence   | len   | body
 *     +------+---------+-------+------------+-------+-----
 */
#ifndef MINKE_DTLS_RECORD_H
#define MINKE_DTLS_RECORD_H

#include "base/env.h"

enum { MINKE_DTLS_HEADER_BYTES = 13, MINKE_DTLS_MESSAGE_HEADER_BYTES = 12 };

enum { MINKE_DTLS_VERSION_1_0 = 0xfeff, MINKE_DTLS_VERSION_1_2 = 0xfefd };

typedef enum minke_dtls_type {
    MINKE_DTLS_CHANGE_CIPHER_SPEC = 20,
    MINKE_DTLS_ALERT = 21,
    MINKE_DTLS_HANDSHAKE_MESSAGE = 22,
    MINKE_DTLS_APPLICATION_DATA = 23
} minke_dtls_type_t;

enum { MINKE_DTLS_ALERT_WARNING = 1, MINKE_DTLS_ALERT_FATAL = 2 };
enum { MINKE_DTLS_CLOSE_NOTIFY = 0, MINKE_DTLS_BAD_CERTIFICATE = 42 };

/* HandshakeType, RFC 5246 7.4 and RFC 6347 4.3.2: those of a full handshake. */
enum {
    MINKE_DTLS_CLIENT_HELLO = 1,
    MINKE_DTLS_SERVER_HELLO = 2,
    MINKE_DTLS_HELLO_VERIFY_REQUEST = 3,
    MINKE_DTLS_CERTIFICATE = 11,
    MINKE_DTLS_SERVER_KEY_EXCHANGE = 12,
    MINKE_DTLS_CERTIFICATE_REQUEST = 13,
    MINKE_DTLS_SERVER_HELLO_DONE = 14,
    MINKE_DTLS_CERTIFICATE_VERIFY = 15,
    MINKE_DTLS_CLIENT_KEY_EXCHANGE = 16,
    MINKE_DTLS_FINISHED = 20
};

/* A record inside its datagram. */
typedef struct minke_dtls_record {
    uint8_t *data; /* header and body */
    size_t len;
    uint8_t *body;
    size_t body_len;
    uint64_t sequence;
    uint16_t epoch;
    uint16_t version;
    uint8_t type;
} minke_dtls_record_t;

/* Reads the record at the front of `data`; false if there is no whole one. */
bool minke__dtls_record_read(uint8_t *data, size_t len, minke_dtls_record_t *record);
void minke__dtls_record_write_header(uint8_t *data, uint8_t type, uint16_t epoch, uint64_t sequence, size_t body_len);

/* The header of one handshake message, or piece of one, inside a record (RFC 6347 4.2.2). */
typedef struct minke_dtls_message {
    const uint8_t *piece;
    uint32_t piece_at;
    uint32_t piece_len;
    uint32_t total_len;
    uint16_t sequence;
    uint8_t type;
} minke_dtls_message_t;

/* Takes the next message off the front of `*body`; false if it breaks the rules of spec/dtls-openssl.md 8. */
bool minke__dtls_message_read(const uint8_t **body, size_t *body_len, minke_dtls_message_t *message);

/* What to do with a record of epoch 0 while the handshake runs. */
typedef enum minke_dtls_verdict {
    MINKE_DTLS_MALFORMED, /* drop it: OpenSSL would take offence, or it cannot be meant for this side */
    MINKE_DTLS_IGNORE,    /* drop it: a warning alert */
    MINKE_DTLS_HOLD,      /* a fatal alert or close_notify, perhaps forged: remember it, but feed nothing */
    MINKE_DTLS_FEED
} minke_dtls_verdict_t;

minke_dtls_verdict_t minke__dtls_judge_clear(const minke_dtls_record_t *record, bool client);

/* Replay window, RFC 6347 4.1.2.6: a ring of bits, in which whole words are cleared when the window moves on. */
enum { MINKE_DTLS_WINDOW_WORDS = 4, MINKE_DTLS_WINDOW = 64 * (MINKE_DTLS_WINDOW_WORDS - 1) };

typedef struct minke_dtls_window {
    uint64_t top; /* the highest number marked */
    uint64_t seen[MINKE_DTLS_WINDOW_WORDS];
} minke_dtls_window_t;

bool minke__dtls_window_is_fresh(const minke_dtls_window_t *window, uint64_t sequence);
/* For numbers that are fresh, after the record has proven genuine. */
void minke__dtls_window_mark(minke_dtls_window_t *window, uint64_t sequence);

#endif
