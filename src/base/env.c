#include "base/env.h"

#include <stdlib.h>
#include <string.h>

/* In front of every block. */
typedef struct block {
    _Alignas(MINKE_BLOCK_OVERHEAD) minke_account_t *account; /* NULL: nobody's */
    size_t size;                                             /* in all, this included */
} block_t;

_Static_assert(sizeof(block_t) == MINKE_BLOCK_OVERHEAD,
               "what follows is aligned for anything, and the cost documented");

/* 0: too large to be counted. */
static size_t whole(size_t size) { return size <= SIZE_MAX - sizeof(block_t) ? size + sizeof(block_t) : 0; }

void *minke__alloc(const minke_env_t *env, size_t size)
{
    const size_t charged = whole(size);
    if (charged == 0 || !minke__account_charge(env->account, charged)) return NULL;
    block_t *block = env->allocator.reallocate(env->allocator.user, NULL, charged);
    if (block == NULL) {
        minke__account_release(env->account, charged);
        return NULL;
    }
    *block = (block_t){env->account, charged};
    return block + 1;
}

void *minke__alloc_zero(const minke_env_t *env, size_t size)
{
    void *memory = minke__alloc(env, size);
    if (memory != NULL) memset(memory, 0, size);
    return memory;
}

void *minke__realloc(const minke_env_t *env, void *memory, size_t size)
{
    if (memory == NULL) return minke__alloc(env, size);
    const size_t charged = whole(size);
    block_t *block = (block_t *)memory - 1;
    minke_account_t *account = block->account;
    const size_t before = block->size;
    if (charged == 0 || (charged > before && !minke__account_charge(account, charged - before))) return NULL;
    block = env->allocator.reallocate(env->allocator.user, block, charged);
    if (block == NULL) {
        if (charged > before) minke__account_release(account, charged - before);
        return NULL;
    }
    if (charged < before) minke__account_release(account, before - charged);
    block->size = charged;
    return block + 1;
}

void minke__free(const minke_env_t *env, void *memory)
{
    if (memory == NULL) return;
    block_t *block = (block_t *)memory - 1;
    minke__account_release(block->account, block->size);
    (void)env->allocator.reallocate(env->allocator.user, block, 0);
}

bool minke__recharge(void *memory, minke_account_t *to)
{
    block_t *block = (block_t *)memory - 1;
    minke__account_release(block->account, block->size); /* first: the two may have one above them */
    const bool fits = minke__account_charge(to, block->size);
    if (fits) block->account = to;
    else if (!minke__account_charge(block->account, block->size)) abort(); /* it was there a moment ago */
    return fits;
}

void minke__random_fill(const minke_env_t *env, void *out, size_t len) { env->random.fill(env->random.user, out, len); }

uint32_t minke__random_u32(const minke_env_t *env)
{
    uint32_t value;
    minke__random_fill(env, &value, sizeof value);
    return value;
}

static void *libc_reallocate(void *user, void *memory, size_t size)
{
    (void)user;
    if (size == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, size);
}

minke_allocator_t minke__default_allocator(void) { return (minke_allocator_t){NULL, libc_reallocate}; }

typedef struct trace_info {
    minke_layer_t layer;
    minke_trace_level_t level;
    const char *name;
} trace_info_t;

#define TRACE_INFO(layer, id, name, level, meaning) {MINKE_LAYER_##layer, MINKE_TRACE_LEVEL_##level, name},
static const trace_info_t infos[MINKE_TRACES_N] = {MINKE_TRACE_LIST(TRACE_INFO)};
#undef TRACE_INFO

void minke__trace_emit(const minke_env_t *env, minke_time_t at, minke_connection_t connection, minke_layer_t layer,
                       minke_trace_id_t id, const char *detail, uint64_t value)
{
    const trace_info_t *info = &infos[id];
    const minke_trace_event_t event = {.at = at,
                                       .connection = connection,
                                       .layer = info->layer != MINKE_LAYER_NONE ? info->layer : layer,
                                       .id = id,
                                       .level = info->level,
                                       .name = info->name,
                                       .detail = detail != NULL ? detail : "",
                                       .value = value};
    env->trace.event(env->trace.user, &event);
}
