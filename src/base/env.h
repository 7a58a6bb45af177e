/*
 * What a transport was given at creation and every layer below needs: memory, randomness, a place for trace, the
 * counters, and whom to charge. One of these per transport and one per connection, which differ in the account alone;
 * layers keep a pointer and never outlive it.
 */
#ifndef MINKE_BASE_ENV_H
#define MINKE_BASE_ENV_H

#include <minke/types.h>

#include "base/account.h"

typedef struct minke_env {
    minke_allocator_t allocator;
    minke_random_t random;
    minke_trace_t trace;
    minke_tap_t tap;
    minke_counters_t *counters;  /* never NULL */
    minke_account_t *account;    /* NULL: nobody counts */
    struct minke_blocks *blocks; /* base/blocks.h; NULL: none are kept */
    uint64_t map_key[2];         /* secret, of all its maps; zero: each draws its own */
} minke_env_t;

/*
 * Memory is uninitialised, or NULL when there is none: an ordinary return that every caller handles. A block remembers
 * which account it was charged to, so it may be freed, and grown, under another env of the same transport; accounts
 * outlive what was charged to them.
 */
enum { MINKE_BLOCK_OVERHEAD = 16 }; /* bytes of each block that are charged besides its own */
MINKE_MUST_USE void *minke__alloc(const minke_env_t *env, size_t size);
MINKE_MUST_USE void *minke__alloc_zero(const minke_env_t *env, size_t size);
MINKE_MUST_USE void *minke__realloc(const minke_env_t *env, void *memory, size_t size);
void minke__free(const minke_env_t *env, void *memory);
/* Charges a block to another account. False: it does not fit there, and stays where it was. */
MINKE_MUST_USE bool minke__recharge(void *memory, minke_account_t *to);

void minke__random_fill(const minke_env_t *env, void *out, size_t len);
uint32_t minke__random_u32(const minke_env_t *env);

/* malloc and free of the C library, the allocator when none is given. */
minke_allocator_t minke__default_allocator(void);

static inline bool minke__tracing(const minke_env_t *env) { return env->trace.event != NULL; }
static inline bool minke__tapping(const minke_env_t *env) { return env->tap.packet != NULL; }

/* The slow half of the two below. `layer` NONE: that of the list. */
void minke__trace_emit(const minke_env_t *env, minke_time_t at, minke_connection_t connection, minke_layer_t layer,
                       minke_trace_id_t id, const char *detail, uint64_t value);

/* A line of trace. `detail` NULL: nothing to say. */
static inline void minke__trace(const minke_env_t *env, minke_time_t at, minke_connection_t connection,
                                minke_trace_id_t id, const char *detail, uint64_t value)
{
    if (minke__tracing(env)) minke__trace_emit(env, at, connection, MINKE_LAYER_NONE, id, detail, value);
}

/* The same for names that any layer may use. */
static inline void minke__trace_of_layer(const minke_env_t *env, minke_time_t at, minke_connection_t connection,
                                         minke_layer_t layer, minke_trace_id_t id, const char *detail, uint64_t value)
{
    if (minke__tracing(env)) minke__trace_emit(env, at, connection, layer, id, detail, value);
}

#endif
