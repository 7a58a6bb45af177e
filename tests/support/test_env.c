#include "support/test_env.h"

#include <stdlib.h>
#include <string.h>

uint64_t test_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x * 0x2545f4914f6cdd1dULL;
}

static void fill(void *user, uint8_t *out, size_t len)
{
    test_env_t *test = user;
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(test_random(&test->random_state) >> 32);
}

static void *reallocate(void *user, void *memory, size_t size)
{
    test_env_t *test = user;
    if (size == 0) {
        if (memory != NULL) test->blocks--;
        free(memory);
        return NULL;
    }
    test->allocations++;
    if (test->fail_at != 0 &&
        (test->allocations == test->fail_at || (test->fail_for_good && test->allocations > test->fail_at)))
        return NULL;
    void *block = realloc(memory, size);
    if (block != NULL && memory == NULL) test->blocks++;
    return block;
}

void test_env_init(test_env_t *test, uint64_t seed)
{
    memset(test, 0, sizeof *test);
    test->random_state = seed * 0x9e3779b97f4a7c15ULL + 1;
    if (test->random_state == 0) test->random_state = 1;
    test->env.allocator = (minke_allocator_t){test, reallocate};
    test->env.random = (minke_random_t){test, fill};
    test->env.counters = &test->counters;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

size_t test_unhex(const char *hex, uint8_t *out, size_t capacity)
{
    size_t len = 0;
    while (*hex != 0) {
        if (*hex == ' ' || *hex == '\n') {
            hex++;
            continue;
        }
        if (digit(hex[0]) < 0 || digit(hex[1]) < 0 || len == capacity) abort();
        out[len++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
        hex += 2;
    }
    return len;
}
