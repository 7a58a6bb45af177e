/* Intrusive heap of deadlines: the earliest on top, equal ones in the order they were set. What is compared lies in the
 * heap itself, so that of many thousand owners only those are touched that move. */
#ifndef MINKE_BASE_HEAP_H
#define MINKE_BASE_HEAP_H

#include "base/env.h"

typedef struct minke_heap_node {
    minke_time_t at;
    size_t index; /* place in the heap plus one; 0: not in it */
} minke_heap_node_t;

typedef struct minke_heap_entry {
    minke_time_t at;
    uint64_t order;
    minke_heap_node_t *node;
} minke_heap_entry_t;

typedef struct minke_heap {
    const minke_env_t *env;
    minke_heap_entry_t *entries;
    size_t count;
    size_t capacity;
    uint64_t orders;
} minke_heap_t;

void minke__heap_init(minke_heap_t *heap, const minke_env_t *env);
void minke__heap_free(minke_heap_t *heap);
/* Room for `count` nodes, so that a later set of that many cannot fail. Gives memory back where there was room for many
 * more. */
MINKE_MUST_USE int minke__heap_reserve(minke_heap_t *heap, size_t count);
/* Inserts, moves or (MINKE_TIME_NEVER) removes. There must be room for a node that is new. */
void minke__heap_set(minke_heap_t *heap, minke_heap_node_t *node, minke_time_t at);
/* The earliest node, or NULL. */
minke_heap_node_t *minke__heap_top(const minke_heap_t *heap);

#endif
