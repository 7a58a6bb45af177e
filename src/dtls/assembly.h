/*
 * Puts handshake messages together that come in pieces, so that OpenSSL only ever sees whole ones. Left to itself it
 * keeps the first piece it sees as the truth and stumbles over the real ones when that was forged.
 *
 * Pieces that contradict each other (another length, other bytes) are kept apart as rival versions of the message: a
 * forged piece delays nothing, it only takes one of a few places until a newer one needs it.
 */
#ifndef MINKE_DTLS_ASSEMBLY_H
#define MINKE_DTLS_ASSEMBLY_H

#include "dtls/record.h"

enum { MINKE_DTLS_PARTIALS_MAX = 4 };

/* A message with holes. The record it will be stands ready: header, message header, body; a bitmap follows. */
typedef struct minke_dtls_partial {
    uint64_t order; /* age: the lowest is the oldest */
    uint32_t total_len;
    uint32_t held_len;
    uint16_t sequence;
    uint8_t type;
    uint8_t bytes[];
} minke_dtls_partial_t;

typedef struct minke_dtls_assembly {
    minke_dtls_partial_t *partials[MINKE_DTLS_PARTIALS_MAX];
    uint64_t orders;
} minke_dtls_assembly_t;

/* Adds a piece. If that completes a message, its record of `*len` bytes (sequence number 0, epoch 0) is returned, valid
 * until the next call; else NULL. Without memory the piece is dropped, as if the network had lost it. */
uint8_t *minke__dtls_assembly_add(minke_dtls_assembly_t *assembly, const minke_env_t *env,
                                  const minke_dtls_message_t *message, size_t *len);
void minke__dtls_assembly_free(minke_dtls_assembly_t *assembly, const minke_env_t *env);

#endif
