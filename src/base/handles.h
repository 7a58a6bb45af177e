/*
 * Ids with a generation: 64-bit numbers that find their object in O(1) and go stale for good when it dies.
 *
 *     63            24 23         0
 *     +---------------+-----------+
 *     |  generation   |   slot    |      generation 0 is never used, so an id is never 0
 *     +---------------+-----------+
 */
#ifndef MINKE_BASE_HANDLES_H
#define MINKE_BASE_HANDLES_H

#include "base/env.h"

typedef struct minke_handles {
    const minke_env_t *env;
    struct minke_handle_slot *slots;
    uint32_t slots_n;
    uint32_t free_slot; /* index + 1 of the first free one; 0: none */
    uint32_t count;
} minke_handles_t;

void minke__handles_init(minke_handles_t *handles, const minke_env_t *env);
void minke__handles_free(minke_handles_t *handles);
/* A new id for `object` (not NULL), or 0 when out of memory or slots. */
uint64_t minke__handles_add(minke_handles_t *handles, void *object);
/* The object behind a live id becomes another one. */
void minke__handles_replace(minke_handles_t *handles, uint64_t id, void *object);
void minke__handles_remove(minke_handles_t *handles, uint64_t id);
/* The object, or NULL for a stale or invented id. */
void *minke__handles_get(const minke_handles_t *handles, uint64_t id);

#endif
