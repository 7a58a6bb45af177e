/* The window algorithms, and the round trip estimate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sctp/congestion.h"
#include "sctp/rtt.h"

enum { UNIT = 1000, MS = 1000, S = 1000000, RTT = 100 * MS };

static const minke_congestion_algorithm_t *const algorithms[] = {&minke__congestion_new_reno, &minke__congestion_cubic};

static void init(minke_congestion_t *c, const minke_congestion_algorithm_t *algorithm)
{
    minke__congestion_init(c, algorithm, UNIT);
}

static uint64_t packets; /* numbers of packets, for all tests */

static void acked(minke_congestion_t *c, uint32_t bytes, bool limited, minke_time_t round_trip, minke_time_t now)
{
    packets += bytes / UNIT;
    const minke_congestion_ack_t ack = {.now = now,
                                        .round_trip = round_trip,
                                        .smoothed_rtt = RTT,
                                        .newest = packets,
                                        .packets = packets + c->window / UNIT,
                                        .bytes = bytes,
                                        .growth = bytes,
                                        .in_flight_before = limited ? c->window : UNIT,
                                        .paced = true,
                                        .limited = limited};
    c->algorithm->on_acked(c, &ack);
}

/* One round trip in which the whole window is acknowledged, two packets at a time. */
static void round_trip(minke_congestion_t *c, minke_time_t *now)
{
    const uint32_t window = c->window;
    for (uint32_t at = 0; at < window; at += 2 * UNIT) {
        acked(c, 2 * UNIT, true, RTT, *now + (minke_time_t)RTT * at / window);
    }
    *now += RTT;
}

static void starts_by_doubling(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        minke_congestion_t c;
        minke_time_t now = S;
        init(&c, algorithms[i]);
        assert_int_equal(c.window, 10 * UNIT);
        round_trip(&c, &now);
        assert_int_equal(c.window, 20 * UNIT);
        round_trip(&c, &now);
        assert_int_equal(c.window, 40 * UNIT);
    }
}

static void gives_way_after_a_loss(void **state)
{
    (void)state;
    static const uint32_t kept_tenths[] = {5, 7};
    for (unsigned i = 0; i < 2; i++) {
        minke_congestion_t c;
        init(&c, algorithms[i]);
        c.window = 100 * UNIT;
        c.algorithm->on_loss(&c, S);
        assert_int_equal(c.window, kept_tenths[i] * 10 * UNIT);
        assert_int_equal(c.threshold, c.window);
        for (unsigned k = 0; k < 50; k++) c.algorithm->on_loss(&c, S);
        assert_int_equal(c.window, 4 * UNIT);
        c.window = 100 * UNIT;
        c.algorithm->on_timeout(&c, S);
        assert_int_equal(c.window, UNIT);
        assert_true(c.threshold >= 50 * UNIT && c.threshold <= 70 * UNIT);
    }
}

static void new_reno_adds_a_packet_per_round_trip(void **state)
{
    (void)state;
    minke_congestion_t c;
    minke_time_t now = S;
    init(&c, &minke__congestion_new_reno);
    c.window = 100 * UNIT;
    c.algorithm->on_loss(&c, now);
    for (unsigned i = 0; i < 20; i++) round_trip(&c, &now);
    assert_in_range(c.window, 69 * UNIT, 71 * UNIT);
}

/* RFC 9438: K = cbrt(W_max * 0.3 / 0.4) = 9.1 s for 1000 packets; flat there; beyond it faster and faster. */
static void cubic_returns_to_its_plateau(void **state)
{
    (void)state;
    minke_congestion_t c;
    minke_time_t now = S;
    init(&c, &minke__congestion_cubic);
    c.window = 1000 * UNIT;
    c.algorithm->on_loss(&c, now);
    assert_int_equal(c.window, 700 * UNIT);
    const minke_time_t lost_at = now;
    while (now < lost_at + 4500 * MS) round_trip(&c, &now);
    assert_in_range(c.window, 940 * UNIT, 985 * UNIT); /* 1000 - 0.4 * 4.6^3 = 961 */
    while (now < lost_at + 9000 * MS) round_trip(&c, &now);
    assert_in_range(c.window, 990 * UNIT, 1005 * UNIT);
    while (now < lost_at + 15000 * MS) round_trip(&c, &now);
    assert_in_range(c.window, 1060 * UNIT, 1100 * UNIT); /* 1000 + 0.4 * 5.9^3 = 1082 */
}

static void cubic_is_never_slower_than_new_reno(void **state)
{
    (void)state;
    minke_congestion_t c;
    minke_time_t now = S;
    init(&c, &minke__congestion_cubic);
    c.window = 20 * UNIT;
    c.algorithm->on_loss(&c, now);
    for (unsigned i = 0; i < 20; i++) round_trip(&c, &now);
    assert_true(c.window >= 23 * UNIT);
}

static void cubic_does_not_grow_while_idle(void **state)
{
    (void)state;
    minke_congestion_t c;
    minke_time_t now = S;
    init(&c, &minke__congestion_cubic);
    c.window = 1000 * UNIT;
    c.algorithm->on_loss(&c, now);
    round_trip(&c, &now);
    const uint32_t window = c.window;
    now += 3600ull * S;
    c.algorithm->on_restart(&c, now);
    round_trip(&c, &now);
    assert_in_range(c.window, window, window + 20 * UNIT);
}

/* RFC 9438 5.8: neither grows, nor moves on along the curve. */
static void cubic_does_not_grow_while_the_window_is_not_used(void **state)
{
    (void)state;
    minke_congestion_t c;
    minke_time_t now = S;
    init(&c, &minke__congestion_cubic);
    c.window = 1000 * UNIT;
    c.algorithm->on_loss(&c, now);
    for (unsigned i = 0; i < 10; i++) round_trip(&c, &now);
    const uint32_t window = c.window;
    for (unsigned i = 0; i < 1000; i++) acked(&c, 2 * UNIT, false, RTT, now += RTT);
    assert_int_equal(c.window, window);
    round_trip(&c, &now);
    assert_in_range(c.window, window, window + 20 * UNIT);
}

/* W_est: alpha is 9 / 17 up to the window before the loss, then 1 (RFC 9438 4.3). Packets are few, so the cubic term
 * is far below it. */
static void cubic_follows_new_reno_where_windows_are_small(void **state)
{
    (void)state;
    minke_congestion_t c;
    minke_time_t now = S;
    init(&c, &minke__congestion_cubic);
    c.window = 20 * UNIT;
    c.algorithm->on_loss(&c, now);
    assert_int_equal(c.window, 14 * UNIT);
    for (unsigned i = 0; i < 10; i++) round_trip(&c, &now);
    assert_in_range(c.window, 19 * UNIT, 20 * UNIT); /* 14 + 10 * 9 / 17 = 19.3 */
    for (unsigned i = 0; i < 5; i++) round_trip(&c, &now);
    assert_in_range(c.window, 23 * UNIT, 25 * UNIT); /* 1.3 of them at 9 / 17, then 1 each */
}

/* Lost below the plateau: 0.85 of the window is the next one (RFC 9438 4.7), so K is cbrt(0.15 * 700 / 0.4) = 6.4 s. */
static void cubic_gives_room_to_newcomers(void **state)
{
    (void)state;
    minke_congestion_t c;
    init(&c, &minke__congestion_cubic);
    c.window = 1000 * UNIT;
    c.algorithm->on_loss(&c, S);
    c.algorithm->on_loss(&c, S);
    assert_int_equal(c.window, 490 * UNIT);
    assert_int_equal(c.cubic.plateau, 595 * UNIT);
    assert_int_equal(c.cubic.prior, 700 * UNIT);
    acked(&c, UNIT, true, RTT, 2 * S);
    assert_in_range(c.cubic.rise_after, 6400, 6405); /* cbrt((595 - 490) / 0.4) */
}

/* RFC 9438 4.8: the epoch after a timeout begins at its plateau. */
static void cubic_starts_flat_after_a_timeout(void **state)
{
    (void)state;
    minke_congestion_t c;
    minke_time_t now = S;
    init(&c, &minke__congestion_cubic);
    c.window = 100 * UNIT;
    c.algorithm->on_timeout(&c, now);
    while (c.window < c.threshold) round_trip(&c, &now);
    round_trip(&c, &now);
    assert_int_equal(c.cubic.rise_after, 0);
    assert_int_equal(c.cubic.prior, 100 * UNIT);
}

static void rates_are_above_the_window_per_round_trip(void **state)
{
    (void)state;
    minke_congestion_t c;
    init(&c, &minke__congestion_cubic);
    assert_int_equal(c.algorithm->rate(&c, 0), 0);
    assert_int_equal(c.algorithm->rate(&c, RTT), 2 * 10 * UNIT * 10);
    c.threshold = c.window;
    assert_int_equal(c.algorithm->rate(&c, RTT), 10 * UNIT * 10 * 5 / 4);
}

/* -- slow start (RFC 9406) ---------------------------------------------------------------------------------------- */

/* A round of eight packets, all with this round trip. Returns the growth's last divisor. */
static unsigned slow_round(minke_slow_start_t *s, uint64_t *newest, minke_time_t round_trip)
{
    unsigned divisor = 0;
    const uint64_t sent = *newest + 8;
    for (unsigned i = 0; i < 8; i++) divisor = minke__slow_start_acked(s, ++*newest, sent + i, round_trip);
    return divisor;
}

static void slow_start_turns_careful_when_round_trips_rise(void **state)
{
    (void)state;
    /* by an eighth, within 4 and 16 ms */
    static const minke_time_t cases[][2] = {{10 * MS, 4 * MS}, {80 * MS, 10 * MS}, {400 * MS, 16 * MS}};
    for (unsigned i = 0; i < 3; i++) {
        minke_slow_start_t s = {0};
        uint64_t newest = 0;
        const minke_time_t base = cases[i][0], rise = cases[i][1];
        assert_int_equal(slow_round(&s, &newest, base), 1);
        assert_int_equal(slow_round(&s, &newest, base), 1);
        assert_int_equal(slow_round(&s, &newest, base + rise - 1), 1);
        assert_int_equal(slow_round(&s, &newest, base + 2 * rise + 2 * MS), 4);
        for (unsigned k = 1; k < 5; k++) assert_int_equal(slow_round(&s, &newest, base + 9 * rise), 4);
        (void)slow_round(&s, &newest, base + 9 * rise);
        assert_int_equal(slow_round(&s, &newest, base + 9 * rise), 0);
    }
}

static void slow_start_goes_on_when_the_rise_has_passed(void **state)
{
    (void)state;
    minke_slow_start_t s = {0};
    uint64_t newest = 0;
    slow_round(&s, &newest, 50 * MS);
    slow_round(&s, &newest, 50 * MS);
    assert_int_equal(slow_round(&s, &newest, 70 * MS), 4);
    assert_int_equal(slow_round(&s, &newest, 69 * MS), 1);
}

static void slow_start_needs_eight_samples(void **state)
{
    (void)state;
    minke_slow_start_t s = {.last_minimum = 50 * MS, .round_end = 100};
    for (uint64_t i = 1; i < 8; i++) assert_int_equal(minke__slow_start_acked(&s, i, 110, 90 * MS), 1);
    assert_int_equal(minke__slow_start_acked(&s, 8, 110, 0), 1); /* no sample */
    minke_slow_start_t spike = s;
    assert_int_equal(minke__slow_start_acked(&s, 8, 110, 90 * MS), 4);
    assert_int_equal(minke__slow_start_acked(&spike, 8, 110, 51 * MS), 1);
}

static void windows_are_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        minke_congestion_t c;
        init(&c, algorithms[i]);
        for (unsigned k = 0; k < 10000; k++) acked(&c, 1u << 30, true, RTT, S + k);
        assert_int_equal(c.window, MINKE_CONGESTION_WINDOW_MAX);
        c.algorithm->on_loss(&c, S);
        for (unsigned k = 0; k < 10000; k++) acked(&c, 1u << 30, true, RTT, S + (minke_time_t)k * S);
        assert_true(c.window <= MINKE_CONGESTION_WINDOW_MAX);
        acked(&c, 1, true, RTT, 0); /* the clock stepped back */
        assert_true(c.window <= MINKE_CONGESTION_WINDOW_MAX);
    }
}

static void idleness_shrinks_the_window(void **state)
{
    (void)state;
    minke_congestion_t c;
    init(&c, &minke__congestion_cubic);
    c.window = 100 * UNIT;
    minke__congestion_on_idle(&c, 300 * MS, 200 * MS);
    assert_int_equal(c.window, 50 * UNIT);
    minke__congestion_on_idle(&c, 3600ull * S, 200 * MS);
    assert_int_equal(c.window, 10 * UNIT);
    c.window = 5 * UNIT;
    minke__congestion_on_idle(&c, 3600ull * S, 200 * MS);
    assert_int_equal(c.window, 5 * UNIT);
}

/* -- round trips -------------------------------------------------------------------------------------------------- */

static void estimates_as_rfc_6298(void **state)
{
    (void)state;
    minke_rtt_t rtt = {0};
    assert_int_equal(minke__rtt_timeout(&rtt), S);
    assert_int_equal(minke__rtt_probe_after(&rtt), 0);
    minke__rtt_sample(&rtt, 80 * MS);
    assert_int_equal(rtt.smoothed, 80 * MS);
    assert_int_equal(rtt.variation, 40 * MS);
    assert_int_equal(minke__rtt_timeout(&rtt), 240 * MS);
    minke__rtt_sample(&rtt, 160 * MS);
    assert_int_equal(rtt.smoothed, 90 * MS);
    assert_int_equal(rtt.variation, 50 * MS);
    assert_int_equal(rtt.minimum, 80 * MS);
    for (unsigned i = 0; i < 100; i++) minke__rtt_sample(&rtt, 10 * MS);
    assert_int_equal(minke__rtt_timeout(&rtt), 200 * MS);
    minke__rtt_sample(&rtt, 0);
    assert_true(rtt.smoothed > 0);
}

static void backs_off_within_limits(void **state)
{
    (void)state;
    minke_rtt_t rtt = {0};
    minke__rtt_sample(&rtt, 10 * MS);
    for (rtt.backoff = 0; rtt.backoff < 100; rtt.backoff++) {
        const minke_time_t timeout = minke__rtt_timeout(&rtt);
        assert_int_equal(timeout, rtt.backoff < 4 ? (minke_time_t)200 * MS << rtt.backoff : 3 * S);
    }
    for (unsigned i = 0; i < 50; i++) minke__rtt_sample(&rtt, 30ull * S); /* a path slower than the cap */
    assert_int_equal(minke__rtt_timeout(&rtt), 10 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_by_doubling),
        cmocka_unit_test(gives_way_after_a_loss),
        cmocka_unit_test(new_reno_adds_a_packet_per_round_trip),
        cmocka_unit_test(cubic_returns_to_its_plateau),
        cmocka_unit_test(cubic_is_never_slower_than_new_reno),
        cmocka_unit_test(cubic_does_not_grow_while_idle),
        cmocka_unit_test(cubic_does_not_grow_while_the_window_is_not_used),
        cmocka_unit_test(cubic_follows_new_reno_where_windows_are_small),
        cmocka_unit_test(cubic_gives_room_to_newcomers),
        cmocka_unit_test(cubic_starts_flat_after_a_timeout),
        cmocka_unit_test(rates_are_above_the_window_per_round_trip),
        cmocka_unit_test(slow_start_turns_careful_when_round_trips_rise),
        cmocka_unit_test(slow_start_goes_on_when_the_rise_has_passed),
        cmocka_unit_test(slow_start_needs_eight_samples),
        cmocka_unit_test(windows_are_bounded),
        cmocka_unit_test(idleness_shrinks_the_window),
        cmocka_unit_test(estimates_as_rfc_6298),
        cmocka_unit_test(backs_off_within_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
