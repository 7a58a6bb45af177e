/* A bounded first-in, first-out queue of datagrams or records, each in a block of its own. */
#ifndef MINKE_DTLS_QUEUE_H
#define MINKE_DTLS_QUEUE_H

#include "base/env.h"

typedef struct minke_dtls_item {
    struct minke_dtls_item *next;
    size_t len;
    size_t capacity;
    uint8_t bytes[];
} minke_dtls_item_t;

typedef struct minke_dtls_queue {
    minke_dtls_item_t *first;
    minke_dtls_item_t *last;
    size_t count;
    size_t bytes; /* sum of the lengths */
} minke_dtls_queue_t;

/* Appends a copy of `bytes` in a block that could hold `capacity` of them. NULL when out of memory. */
minke_dtls_item_t *minke__dtls_queue_add(minke_dtls_queue_t *queue, const minke_env_t *env, const void *bytes,
                                         size_t len, size_t capacity);
/* Appends an item that was popped. */
void minke__dtls_queue_push(minke_dtls_queue_t *queue, minke_dtls_item_t *item);
/* The first item, which is the caller's to free, or NULL. */
minke_dtls_item_t *minke__dtls_queue_pop(minke_dtls_queue_t *queue);
void minke__dtls_queue_free(minke_dtls_queue_t *queue, const minke_env_t *env);

#endif
