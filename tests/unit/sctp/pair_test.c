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

/* A pair of which each seed's both ends are controlled in one of the three ways. */
static void init_with_any_control(pair_t *pair, uint64_t seed)
{
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    options.congestion = (minke_congestion_control_t)(seed % 3);
    pair_init(pair, seed, &options);
}

static void survives_bad_links(void **state)
{
    (void)state;
    const char *wanted = getenv("SEED");
    const uint64_t only = wanted != NULL ? strtoull(wanted, NULL, 10) : 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        if (only != 0 && seed != only) continue;
        pair_t *pair = malloc(sizeof *pair);
        init_with_any_control(pair, seed);
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
        init_with_any_control(pair, seed);
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

/* More messages than there are SSNs, over the wrap of the TSNs as well. */
static void fill_high(void *user, uint8_t *out, size_t len)
{
    (void)user;
    for (size_t i = 0; i < len; i++) out[i] = i % 4 == 0 ? 0xf0 : 0xff;
}

static void numbers_wrap_around(void **state)
{
    (void)state;
    pair_t *pair = malloc(sizeof *pair);
    pair_init(pair, 1, NULL);
    for (unsigned i = 0; i < 2; i++) { /* anew, with TSNs just below 2^32 */
        minke__sctp_free(pair->ends[i].sctp);
        pair->ends[i].test.env.random.fill = fill_high;
        pair_new_association(&pair->ends[i], NULL);
    }
    pair->message_max = 1;
    pair->loss = 20;
    pair_send(pair, 0, 1, 70000, 2);
    pair_connect(pair);
    assert_true(pair_run(pair, 10000ull * PAIR_S));
    assert_int_equal(pair->ends[1].got, 140000);
    pair_free(pair);
    free(pair);
}

/* A reader that stops reading, with more to come than the window holds. */
static void waits_for_a_slow_reader(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        minke_sctp_options_t options;
        minke__sctp_options_defaults(&options);
        options.receive_window = options.held_max = 65536;
        pair_t *pair = malloc(sizeof *pair);
        pair_init(pair, seed, &options);
        pair->loss = seed > 3 ? 50 : 0;
        pair->ends[1].hold = true;
        pair_send(pair, 0, 1, 300000, 1);
        pair_send(pair, 0, 2, 300000, 1);
        pair_connect(pair);
        pair_run_for(pair, 100 * PAIR_S);
        assert_in_range(pair->ends[1].got, 65536 - 1160, 65536 + 1160);
        assert_int_equal(minke__sctp_state(pair->ends[0].sctp), MINKE_SCTP_ESTABLISHED);
        while (!pair_is_done(pair) && pair->now < 1000 * PAIR_S) {
            pair_consume(&pair->ends[1], pair->ends[1].held < 20000 ? pair->ends[1].held : 20000);
            pair_run_for(pair, 100 * PAIR_MS);
        }
        assert_true(pair_is_done(pair));
        pair_free(pair);
        free(pair);
    }
}

/* A narrow link with a short queue: losses are ours, and must not starve the transfer. */
static void fills_a_narrow_link(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        pair_t *pair = malloc(sizeof *pair);
        init_with_any_control(pair, seed);
        pair->delay = 25 * PAIR_MS;
        pair->rate = 1250000; /* 10 Mbit/s: one round trip holds 62 kB */
        pair->queue = 50 * PAIR_MS;
        pair_send(pair, 0, 1, 5000000, 1);
        pair_connect(pair);
        const minke_time_t began_at = pair->now;
        assert_true(pair_run(pair, 1000 * PAIR_S));
        const double used = 5e6 / (double)(pair->now - began_at) * 1e6 / (double)pair->rate;
        if (getenv("VERBOSE") != NULL) {
            print_message("%.0f %% of the link, dropped %llu, again %llu, T3 %llu\n", used * 100,
                          (unsigned long long)pair->dropped,
                          (unsigned long long)minke__sctp_stats(pair->ends[0].sctp).retransmitted,
                          (unsigned long long)pair->ends[0].test.counters.sctp_timeouts);
        }
        assert_true(used > 0.7);
        pair_free(pair);
        free(pair);
    }
}

/* A link that goes away for a while. */
static bool closed_gate(pair_t *pair, unsigned from, uint8_t *packet, size_t len)
{
    (void)pair, (void)from, (void)packet, (void)len;
    return false;
}

static void survives_an_outage(void **state)
{
    (void)state;
    for (unsigned seconds = 1; seconds < 25; seconds += 3) {
        pair_t *pair = malloc(sizeof *pair);
        init_with_any_control(pair, seconds / 3);
        pair_send(pair, 0, 1, 3000000, 1);
        pair_send(pair, 1, 2, 3000000, 1);
        pair_connect(pair);
        pair_run_for(pair, 100 * PAIR_MS);
        pair->filter = closed_gate;
        pair_run_for(pair, seconds * PAIR_S);
        pair->filter = NULL;
        const minke_time_t open_at = pair->now;
        assert_true(pair_run(pair, 1000 * PAIR_S));
        assert_in_range(pair->now - open_at, 1, 6 * PAIR_S);
        pair_free(pair);
        free(pair);
    }
}

/* The clock jumps an hour, or steps back. */
static void survives_a_jumping_clock(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        pair_t *pair = malloc(sizeof *pair);
        init_with_any_control(pair, seed);
        pair_send(pair, 0, 1, 100000, 4);
        pair_connect(pair);
        pair_run_for(pair, 100 * PAIR_MS);
        pair->now -= 50 * PAIR_MS;
        pair_run_for(pair, 100 * PAIR_MS);
        assert_true(pair_run(pair, 1000 * PAIR_S));
        pair->now += 3600ull * PAIR_S;
        for (unsigned i = 0; i < 2; i++) minke__sctp_tick(pair->ends[i].sctp, pair->now);
        pair_send(pair, 0, 1, 100000, 8);
        assert_true(pair_run(pair, 5000ull * PAIR_S));
        pair_free(pair);
        free(pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_data_both_ways),    cmocka_unit_test(survives_bad_links),
        cmocka_unit_test(never_stalls_for_long),   cmocka_unit_test(numbers_wrap_around),
        cmocka_unit_test(waits_for_a_slow_reader), cmocka_unit_test(fills_a_narrow_link),
        cmocka_unit_test(survives_an_outage),      cmocka_unit_test(survives_a_jumping_clock)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
