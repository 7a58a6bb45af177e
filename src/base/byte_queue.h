/*
 * A queue of bytes in chunks: appended at one end by copy, peeked at and consumed at the other without one.
 * An empty queue holds no memory.
 */
#ifndef MINKE_BASE_BYTE_QUEUE_H
#define MINKE_BASE_BYTE_QUEUE_H

#include "base/env.h"

typedef struct minke_byte_queue {
    struct minke_byte_chunk *first;
    struct minke_byte_chunk *last;
    size_t len; /* bytes held */
} minke_byte_queue_t;

/* All of it, or MINKE_ERROR_NO_MEMORY and nothing. */
MINKE_MUST_USE int minke__byte_queue_append(minke_byte_queue_t *queue, const minke_env_t *env, const void *data,
                                            size_t len);
/* The longest contiguous run at the front; 0 when empty. Valid until the queue is consumed or freed. */
size_t minke__byte_queue_peek(const minke_byte_queue_t *queue, const uint8_t **data);
/* Drops `len` bytes, at most what is held. */
void minke__byte_queue_consume(minke_byte_queue_t *queue, const minke_env_t *env, size_t len);
void minke__byte_queue_free(minke_byte_queue_t *queue, const minke_env_t *env);

#endif
