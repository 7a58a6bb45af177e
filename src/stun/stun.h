/*
 * STUN messages as ICE and the responder use them (RFC 8489, RFC 8445; spec/webrtc-direct.md 5): parse, verify, write.
 */
#ifndef MINKE_STUN_STUN_H
#define MINKE_STUN_STUN_H

#include <minke/types.h>

#include "base/wire.h"

enum {
    MINKE_STUN_BINDING_REQUEST = 0x0001,
    MINKE_STUN_BINDING_INDICATION = 0x0011,
    MINKE_STUN_BINDING_SUCCESS = 0x0101,
    MINKE_STUN_BINDING_ERROR = 0x0111,
    MINKE_STUN_UNKNOWN_ATTRIBUTE = 420,
    MINKE_STUN_ROLE_CONFLICT = 487,
    MINKE_STUN_TRANSACTION_ID_BYTES = 12,
    MINKE_STUN_USERNAME_MAX = 513, /* RFC 8489 14.3 */
    MINKE_STUN_MESSAGE_MAX = 700   /* the largest message that we write: a USERNAME of 513 and all else we send */
};

/* Pointers lead into the datagram. Absent attributes are NULL, zero or false. */
typedef struct minke_stun_message {
    const uint8_t *data;
    size_t len;
    uint16_t type;
    const uint8_t *transaction_id;
    const char *username;
    size_t username_len;
    bool has_priority;
    uint32_t priority;
    bool ice_controlling, ice_controlled;
    uint64_t tie_breaker;
    bool use_candidate;
    bool has_mapped_address;
    minke_address_t mapped_address; /* XOR-MAPPED-ADDRESS, decoded */
    bool has_plain_mapped_address;
    minke_address_t plain_mapped_address; /* MAPPED-ADDRESS, all that servers of RFC 3489 write */
    uint16_t error_code;
    size_t integrity_at;  /* offset of MESSAGE-INTEGRITY; 0: absent */
    bool has_fingerprint; /* present, and it was right: a wrong one makes the message malformed */
    uint8_t unknown_n;    /* comprehension-required attributes that we do not know, the first four */
    uint16_t unknown[4];
} minke_stun_message_t;

/* First byte 0..3, magic cookie, lengths: could this be STUN at all (RFC 7983). */
bool minke__stun_looks_like(const uint8_t *data, size_t len);
/* False: malformed, a wrong FINGERPRINT included. */
bool minke__stun_parse(const uint8_t *data, size_t len, minke_stun_message_t *message);
/* MESSAGE-INTEGRITY is there and right under this short-term password. */
bool minke__stun_verify(const minke_stun_message_t *message, const void *password, size_t password_len);

/* Writing: begin, attributes, finish. */
void minke__stun_begin(minke_writer_t *w, uint16_t type, const uint8_t transaction_id[12]);
void minke__stun_write_username(minke_writer_t *w, const char *left, size_t left_len, const char *right,
                                size_t right_len);
void minke__stun_write_priority(minke_writer_t *w, uint32_t priority);
void minke__stun_write_role(minke_writer_t *w, bool controlling, uint64_t tie_breaker);
void minke__stun_write_use_candidate(minke_writer_t *w);
void minke__stun_write_mapped_address(minke_writer_t *w, const minke_address_t *address);
void minke__stun_write_error(minke_writer_t *w, uint16_t code);
/* Without a reason phrase, which may be empty (RFC 8489 14.8): where an answer has to be small. */
void minke__stun_write_bare_error(minke_writer_t *w, uint16_t code);
void minke__stun_write_unknown(minke_writer_t *w, const uint16_t *types, size_t n);
/* Appends MESSAGE-INTEGRITY (unless password is NULL) and FINGERPRINT. False: did not fit. */
bool minke__stun_finish(minke_writer_t *w, const void *password, size_t password_len);
/* The end of a message with neither of them. */
bool minke__stun_finish_bare(minke_writer_t *w);

#endif
