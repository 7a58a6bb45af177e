/* When packets may leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sctp/pacing.h"

enum { UNIT = 1000, MS = 1000, S = 1000000 };

/* Sends whatever may leave until `until`, asleep in between with timers of this granularity. */
static uint64_t send_until(minke_pacer_t *p, minke_time_t *now, minke_time_t until, minke_time_t granularity)
{
    uint64_t sent = 0;
    while (*now < until) {
        const minke_time_t next = minke__pacer_next(p, *now);
        if (next > *now) {
            *now = (next + granularity - 1) / granularity * granularity;
            continue;
        }
        minke__pacer_sent(p, UNIT);
        sent += UNIT;
    }
    return sent;
}

static void without_a_rate_everything_leaves(void **state)
{
    (void)state;
    minke_pacer_t p;
    minke__pacer_init(&p, UNIT);
    for (unsigned i = 0; i < 100000; i++) {
        assert_true(minke__pacer_next(&p, S) <= S);
        minke__pacer_sent(&p, UNIT);
    }
}

static void keeps_its_rate_whatever_the_timers(void **state)
{
    (void)state;
    static const uint64_t rates[] = {3000, 77777, 1250001, 12500000, 125000000, 1250000000};
    static const minke_time_t granularities[] = {1, 50, MS};
    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        for (unsigned k = 0; k < sizeof granularities / sizeof granularities[0]; k++) {
            minke_pacer_t p;
            minke_time_t now = S;
            minke__pacer_init(&p, UNIT);
            minke__pacer_set_rate(&p, rates[i], now);
            (void)send_until(&p, &now, 2 * S, granularities[k]);
            const minke_time_t begun = now;
            const uint64_t sent = send_until(&p, &now, 22 * S, granularities[k]);
            const double ratio = (double)sent / ((double)rates[i] * (double)(now - begun) / S);
            assert_true(ratio > 0.97 && ratio < 1.03);
        }
    }
}

/* Looking often must not lose the fractions of bytes. */
static void being_asked_often_costs_nothing(void **state)
{
    (void)state;
    minke_pacer_t p;
    minke__pacer_init(&p, UNIT);
    minke__pacer_set_rate(&p, 100000, S);
    uint64_t sent = 0;
    for (minke_time_t now = S; now < 3 * S; now++) {
        if (minke__pacer_next(&p, now) > now) continue;
        minke__pacer_sent(&p, UNIT);
        sent += UNIT;
    }
    assert_in_range(sent, 200000, 200000 + 11 * UNIT);
}

static void leaves_in_trains(void **state)
{
    (void)state;
    /* bytes per second, and how many packets a millisecond of it is, at least one, at most 64 */
    static const uint64_t cases[][2] = {{100000, 1}, {12500000, 12}, {125000000, 64}, {1250000000, 64}};
    for (unsigned i = 0; i < 4; i++) {
        minke_pacer_t p;
        minke__pacer_init(&p, UNIT);
        minke__pacer_set_rate(&p, cases[i][0], S);
        minke_time_t now = S;
        while (minke__pacer_next(&p, now) <= now) minke__pacer_sent(&p, UNIT);
        now = minke__pacer_next(&p, now);
        unsigned n = 0;
        for (; minke__pacer_next(&p, now) <= now; n++) minke__pacer_sent(&p, UNIT);
        assert_in_range(n, cases[i][1], cases[i][1] + 1);
    }
}

static void idleness_saves_up_little(void **state)
{
    (void)state;
    static const uint64_t cases[][2] = {{100000, 10}, {12500000, 25}, {125000000, 250}};
    for (unsigned i = 0; i < 3; i++) {
        minke_pacer_t p;
        minke__pacer_init(&p, UNIT);
        minke__pacer_set_rate(&p, cases[i][0], S);
        unsigned n = 0;
        for (const minke_time_t now = 3600ull * S; minke__pacer_next(&p, now) <= now; n++) minke__pacer_sent(&p, UNIT);
        assert_int_equal(n, cases[i][1]);
    }
}

static void the_clock_may_step_back(void **state)
{
    (void)state;
    minke_pacer_t p;
    minke__pacer_init(&p, UNIT);
    minke__pacer_set_rate(&p, UINT64_MAX, S);
    while (minke__pacer_next(&p, S) <= S) minke__pacer_sent(&p, 100 * UNIT);
    assert_true(minke__pacer_next(&p, 0) > 0);
    assert_true(minke__pacer_next(&p, UINT64_MAX - 1) <= UINT64_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_rate_everything_leaves), cmocka_unit_test(keeps_its_rate_whatever_the_timers),
        cmocka_unit_test(being_asked_often_costs_nothing),  cmocka_unit_test(leaves_in_trains),
        cmocka_unit_test(idleness_saves_up_little),         cmocka_unit_test(the_clock_may_step_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
