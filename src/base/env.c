#include "base/env.h"

#include <stdlib.h>
#include <string.h>

void *minke__alloc(const minke_env_t *env, size_t size)
{
    return env->allocator.reallocate(env->allocator.user, NULL, size > 0 ? size : 1);
}

void *minke__alloc_zero(const minke_env_t *env, size_t size)
{
    void *memory = minke__alloc(env, size);
    if (memory != NULL) memset(memory, 0, size);
    return memory;
}

void *minke__realloc(const minke_env_t *env, void *memory, size_t size)
{
    return env->allocator.reallocate(env->allocator.user, memory, size > 0 ? size : 1);
}

void minke__free(const minke_env_t *env, void *memory)
{
    if (memory != NULL) (void)env->allocator.reallocate(env->allocator.user, memory, 0);
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
