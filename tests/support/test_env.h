/*
 * An environment for tests: seeded randomness (same seed, same bytes), an allocator that counts what is out and can
 * fail at the n-th call, counters to look at.
 */
#ifndef MINKE_TESTS_TEST_ENV_H
#define MINKE_TESTS_TEST_ENV_H

#include "base/env.h"

typedef struct test_env {
    minke_env_t env; /* hand &test.env to what is tested */
    minke_counters_t counters;
    uint64_t random_state;
    uint64_t allocations; /* calls that allocate or grow, so far */
    uint64_t fail_at;     /* this call (1 is the first) fails; 0: none */
    bool fail_for_good;   /* from fail_at on, all fail */
    size_t blocks;        /* not yet freed */
} test_env_t;

/* The structure must not move afterwards. */
void test_env_init(test_env_t *test, uint64_t seed);

/* xorshift for tests that need their own numbers; `state` must not be 0. */
uint64_t test_random(uint64_t *state);

/* "0a0b.." to bytes; blanks and newlines are skipped. Aborts on anything else. Returns the length. */
size_t test_unhex(const char *hex, uint8_t *out, size_t capacity);

#endif
