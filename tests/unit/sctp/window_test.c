/* The receive window: grows with what is consumed in a round trip, and with nothing else. */
#include "sctp/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MS = 1000, MIB = 1 << 20, FIRST = MINKE_WINDOW_FIRST };

/* `rate` bytes per millisecond for `span` milliseconds, in steps of one. */
static void consume(minke_window_t *w, uint64_t *total, minke_time_t *now, uint64_t rate, unsigned span,
                    minke_time_t round_trip)
{
    for (unsigned i = 0; i < span; i++) {
        *now += MS;
        *total += rate;
        minke__window_consumed(w, *total, round_trip, *now);
    }
}

static void begins_at_its_first_size_or_below(void **state)
{
    (void)state;
    assert_int_equal(minke__window(8 * MIB).size, FIRST);
    assert_int_equal(minke__window(64 << 10).size, 64 << 10);
}

static void follows_what_a_round_trip_takes(void **state)
{
    (void)state;
    minke_window_t w = minke__window(32 * MIB);
    uint64_t total = 0;
    minke_time_t now = 5 * MS;
    consume(&w, &total, &now, 12500, 1000, 200 * MS); /* 100 Mbit/s */
    assert_in_range(w.size, 4 * 2480000, 4 * 2520000);
    const uint32_t before = w.size;
    consume(&w, &total, &now, 1250, 1000, 200 * MS);
    assert_int_equal(w.size, before); /* never back */
}

static void doubles_at_most(void **state)
{
    (void)state;
    minke_window_t w = minke__window(32 * MIB);
    minke__window_consumed(&w, 0, MS, 1 * MS);
    minke__window_consumed(&w, 100 * MIB, MS, 2 * MS);
    assert_int_equal(w.size, 2 * FIRST);
    minke__window_consumed(&w, 200 * MIB, MS, 3 * MS);
    assert_int_equal(w.size, 4 * FIRST);
}

static void stays_where_the_path_is_short(void **state)
{
    (void)state;
    minke_window_t w = minke__window(32 * MIB);
    uint64_t total = 0;
    minke_time_t now = 5 * MS;
    consume(&w, &total, &now, 1250000, 1000, 100); /* 10 Gbit/s, 0.1 ms: 125 kB in a round trip */
    assert_int_equal(w.size, FIRST);
}

static void stops_at_its_cap(void **state)
{
    (void)state;
    minke_window_t w = minke__window(3 * MIB);
    uint64_t total = 0;
    minke_time_t now = 5 * MS;
    consume(&w, &total, &now, 125000, 1000, 200 * MS);
    assert_int_equal(w.size, 3 * MIB);
}

static void a_slow_reader_gets_no_more(void **state)
{
    (void)state;
    minke_window_t w = minke__window(32 * MIB);
    uint64_t total = 0;
    minke_time_t now = 5 * MS;
    consume(&w, &total, &now, 1000, 10000, 200 * MS);
    assert_int_equal(w.size, FIRST);
    /* What has waited long is not fast when it is read at once. */
    for (int i = 0; i < 10; i++) {
        now += 5000 * MS;
        total += FIRST;
        minke__window_consumed(&w, total, 200 * MS, now);
    }
    assert_int_equal(w.size, FIRST);
}

static void knows_nothing_without_a_round_trip(void **state)
{
    (void)state;
    minke_window_t w = minke__window(32 * MIB);
    uint64_t total = 0;
    minke_time_t now = 5 * MS;
    consume(&w, &total, &now, 125000, 1000, 0);
    assert_int_equal(w.size, FIRST);
}

static void time_may_step_back(void **state)
{
    (void)state;
    minke_window_t w = minke__window(32 * MIB);
    minke__window_consumed(&w, 1000, 100 * MS, 500 * MS);
    minke__window_consumed(&w, 100 * MIB, 100 * MS, 400 * MS);
    minke__window_consumed(&w, 100 * MIB + 1000, 100 * MS, 510 * MS);
    assert_int_equal(w.size, FIRST);
}

static void numbers_do_not_overflow(void **state)
{
    (void)state;
    minke_window_t w = minke__window(UINT32_MAX);
    minke__window_consumed(&w, 0, UINT64_MAX / 8, 1);
    minke__window_consumed(&w, 1000, UINT64_MAX / 8, UINT64_MAX / 4);
    assert_int_equal(w.size, FIRST);
    minke__window_consumed(&w, UINT64_MAX / 2, 10, UINT64_MAX / 4 + 10);
    assert_int_equal(w.size, FIRST); /* nobody consumes that: it counts for nothing */
    minke__window_consumed(&w, UINT64_MAX / 2 + UINT32_MAX, 10, UINT64_MAX / 4 + 20);
    assert_int_equal(w.size, 2 * FIRST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_at_its_first_size_or_below),
        cmocka_unit_test(follows_what_a_round_trip_takes),
        cmocka_unit_test(doubles_at_most),
        cmocka_unit_test(stays_where_the_path_is_short),
        cmocka_unit_test(stops_at_its_cap),
        cmocka_unit_test(a_slow_reader_gets_no_more),
        cmocka_unit_test(knows_nothing_without_a_round_trip),
        cmocka_unit_test(time_may_step_back),
        cmocka_unit_test(numbers_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
