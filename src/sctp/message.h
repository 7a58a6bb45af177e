/*
 * An outgoing SCTP user message: one block that the stream layer fills and SCTP cuts into DATA chunks.
 *
 * The application's bytes are copied once, into such a block. The stream layer leaves headroom for its frame header
 * and writes it when SCTP asks for the message, so small writes that wait together leave in one frame. SCTP keeps the
 * block until every chunk of it has been acknowledged, then gives it back through minke_sctp_user_t.message_done.
 */
#ifndef MINKE_SCTP_MESSAGE_H
#define MINKE_SCTP_MESSAGE_H

#include "base/blocks.h"

typedef struct minke_message {
    struct minke_message *next; /* free for whoever holds it */
    uint32_t ppid;
    uint32_t start, end, capacity; /* the message is bytes[start .. end) */
    uint32_t chunks_n;             /* SCTP: chunks not yet acknowledged */
    uint16_t stream_id;
    uint8_t bytes[];
} minke_message_t;

/* The larger half of all sizes takes a whole block. */
static inline bool minke__message_in_block(size_t capacity)
{
    const size_t size = sizeof(minke_message_t) + capacity;
    return size > MINKE_BLOCK_BYTES / 2 && size <= MINKE_BLOCK_BYTES;
}

static inline minke_message_t *minke__message_new(const minke_env_t *env, size_t headroom, size_t capacity)
{
    minke_message_t *message = minke__message_in_block(headroom + capacity)
                                   ? minke__block_alloc(env)
                                   : minke__alloc(env, sizeof *message + headroom + capacity);
    if (message == NULL) return NULL;
    *message = (minke_message_t){
        .start = (uint32_t)headroom, .end = (uint32_t)headroom, .capacity = (uint32_t)(headroom + capacity)};
    return message;
}

static inline void minke__message_free(const minke_env_t *env, minke_message_t *message)
{
    if (minke__message_in_block(message->capacity)) minke__block_free(env, message);
    else minke__free(env, message);
}

#endif
