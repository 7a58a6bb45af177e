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

void minke__trace(const minke_env_t *env, minke_time_t at, minke_connection_t connection, minke_layer_t layer,
                  const char *name, const char *detail, uint64_t value)
{
    if (!minke__tracing(env)) return;
    const minke_trace_event_t event = {at, connection, layer, name, detail != NULL ? detail : "", value};
    env->trace.event(env->trace.user, &event);
}
