/*
 * Blocks of one size, for bulk data on its way in and out. What is given back is kept for the next one, up to a cap: a
 * C library returns much memory that becomes free at once, as a window does, to the system, and getting it again costs
 * a page fault for every 4 KiB, which is more than it costs to encrypt them.
 */
#ifndef MINKE_BASE_BLOCKS_H
#define MINKE_BASE_BLOCKS_H

#include "base/env.h"

/* A frame of 16 KiB with its bookkeeping; two megabytes of them, a connection's window. */
enum { MINKE_BLOCK_BYTES = 16416, MINKE_BLOCKS_KEPT_MAX = 128 };

/* All zero: empty. An env without any allocates and frees each block. */
typedef struct minke_blocks {
    struct minke_block *first;
    uint32_t kept;
} minke_blocks_t;

/* Uninitialised, or NULL when there is no memory. */
MINKE_MUST_USE void *minke__block_alloc(const minke_env_t *env);
void minke__block_free(const minke_env_t *env, void *memory);
/* Frees those that are kept. */
void minke__blocks_empty(const minke_env_t *env);

#endif
