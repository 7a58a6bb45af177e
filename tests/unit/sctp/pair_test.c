/* Whole associations against each other over bad links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pair.h"

static void moves_data_both_ways(void **state)
{
    (void)state;
    pair_t *pair = malloc(sizeof *pair);
    pair_init(pair, 1, NULL);
    for (uint16_t id = 0; id < 4; id++) {
        pair_send(pair, 0, id, 300000, 3);
        pair_send(pair, 1, id, 200000, 2);
    }
    pair_connect(pair);
    assert_true(pair_run(pair, 100 * PAIR_S));
    assert_int_equal(pair->ends[0].resets, 8);
    assert_int_equal(pair->ends[1].resets, 12);
    assert_int_equal(pair->ends[0].test.counters.sctp_data_retransmitted, 0);
    pair_free(pair);
    free(pair);
}

static void survives_bad_links(void **state)
{
    (void)state;
    const uint64_t only = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10) : 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        if (only != 0 && seed != only) continue;
        pair_t *pair = malloc(sizeof *pair);
        pair_init(pair, seed, NULL);
        uint64_t random_state = seed + 1000;
        pair->loss = (unsigned)(test_random(&random_state) % 200);
        pair->duplicate = (unsigned)(test_random(&random_state) % 100);
        pair->reorder = (unsigned)(test_random(&random_state) % 200);
        pair->jitter = 30 * PAIR_MS;
        pair->delay = test_random(&random_state) % (60 * PAIR_MS);
        pair->message_max = 1 + (uint32_t)(test_random(&random_state) % 20000);
        for (uint16_t id = 0; id < 6; id++) {
            const unsigned from = id & 1;
            pair_send(pair, from, id, 1 + (uint32_t)(test_random(&random_state) % 40000), 4);
            pair_send(pair, !from, id, 1 + (uint32_t)(test_random(&random_state) % 4000), 4);
        }
        pair_connect(pair);
        if (!pair_run(pair, 1000 * PAIR_S)) {
            print_message("seed %llu: loss %u duplicate %u reorder %u delay %llu: stuck at %llu (%s / %s)\n",
                          (unsigned long long)seed, pair->loss, pair->duplicate, pair->reorder,
                          (unsigned long long)pair->delay, (unsigned long long)pair->now,
                          minke__sctp_close_reason(pair->ends[0].sctp)->text,
                          minke__sctp_close_reason(pair->ends[1].sctp)->text);
            fail();
        }
        pair_free(pair);
        free(pair);
    }
}

/* The promise of the first release: 50 ms round trip, 3 % loss, no pause above 3 s. */
static void never_stalls_for_long(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        pair_t *pair = malloc(sizeof *pair);
        pair_init(pair, seed, NULL);
        pair->loss = 30;
        pair->delay = 25 * PAIR_MS;
        pair_send(pair, 0, 1, 2000000, 1);
        pair_connect(pair);
        assert_true(pair_run(pair, 1000 * PAIR_S));
        assert_true(pair->ends[1].longest_silence < 3 * PAIR_S);
        if (getenv("VERBOSE") != NULL) {
            print_message("seed %llu: %.2f MB/s, longest silence %llu ms, retransmitted %llu, lost %llu, T3 %llu\n",
                          (unsigned long long)seed, 2e6 / (double)(pair->now - PAIR_S),
                          (unsigned long long)pair->ends[1].longest_silence / 1000,
                          (unsigned long long)pair->ends[0].test.counters.sctp_data_retransmitted,
                          (unsigned long long)pair->dropped,
                          (unsigned long long)pair->ends[0].test.counters.sctp_timeouts);
        }
        pair_free(pair);
        free(pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(moves_data_both_ways), cmocka_unit_test(survives_bad_links),
                                       cmocka_unit_test(never_stalls_for_long)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
