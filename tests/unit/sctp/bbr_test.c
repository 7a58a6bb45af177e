/* BBR, a round at a time: what it makes of rates, round trips and losses that the test gives (draft-ietf-ccwg-bbr). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sctp/bbr.h"
#include "support/test_env.h"

enum { UNIT = 1000, MS = 1000, S = 1000000, RTT = 100 * MS };

typedef struct lab {
    test_env_t test;
    minke_delivery_t delivery;
    minke_congestion_t c;
    minke_time_t now;
    uint64_t packets;
    uint32_t in_flight; /* what the next SACK finds; 0: the window */
    bool limited;
} lab_t;

static void set_up(lab_t *lab)
{
    *lab = (lab_t){.now = S, .limited = true};
    test_env_init(&lab->test, 1);
    minke__delivery_init(&lab->delivery, &lab->test.env);
    minke__congestion_init(&lab->c, &minke__congestion_bbr, UNIT);
    lab->c.bbr = minke__bbr_new(&lab->test.env, &lab->delivery);
    assert_non_null(lab->c.bbr);
}

static void tear_down(lab_t *lab)
{
    minke__free(&lab->test.env, lab->c.bbr);
    minke__delivery_free(&lab->delivery);
}

/* A whole round: `rate` bytes a second arrive for a round trip, in one SACK. */
static void round_trip(lab_t *lab, uint64_t rate, minke_time_t rtt)
{
    const uint64_t delivered = rate * rtt / S;
    const minke_rate_sample_t sample = {.valid = true,
                                        .rate = rate,
                                        .delivered = delivered,
                                        .prior_delivered = lab->delivery.delivered,
                                        .in_flight = lab->in_flight != 0 ? lab->in_flight : lab->c.window};
    lab->now += rtt;
    lab->delivery.delivered += delivered;
    lab->packets += delivered / UNIT;
    const minke_congestion_ack_t ack = {.now = lab->now,
                                        .round_trip = rtt,
                                        .smoothed_rtt = rtt,
                                        .newest = lab->packets,
                                        .packets = lab->packets,
                                        .bytes = (uint32_t)delivered,
                                        .growth = (uint32_t)delivered,
                                        .in_flight = lab->in_flight != 0 ? lab->in_flight : lab->c.window,
                                        .sample = &sample,
                                        .limited = lab->limited};
    lab->c.algorithm->on_acked(&lab->c, &ack);
}

/* Ten megabytes a second over 100 ms, until the pipe is known to be full. */
static void fill(lab_t *lab)
{
    for (uint64_t rate = 100000; rate < 10000000; rate *= 2) round_trip(lab, rate, RTT);
    while (lab->c.bbr->state == MINKE_BBR_STARTUP) round_trip(lab, 10000000, RTT);
}

static void lose(lab_t *lab, unsigned n, uint32_t in_flight)
{
    for (unsigned i = 1; i <= n; i++) {
        lab->delivery.lost += UNIT;
        const minke_congestion_lost_t lost = {.now = lab->now,
                                              .packet = lab->packets + 2ull * i,
                                              .bytes = UNIT,
                                              .lost = (uint64_t)i * UNIT,
                                              .in_flight = in_flight};
        lab->c.algorithm->on_lost(&lab->c, &lost);
    }
}

static void startup_doubles_until_rates_stop_growing(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    round_trip(&lab, 10000, RTT); /* of the set-up: the initial window's rate stands */
    assert_int_equal(lab.c.algorithm->rate(&lab.c, RTT), 100000 * 277 / 100);
    for (uint64_t rate = 200000; rate < 10000000; rate *= 2) {
        round_trip(&lab, rate, RTT);
        assert_int_equal(lab.c.bbr->state, MINKE_BBR_STARTUP);
        assert_int_equal(lab.c.algorithm->rate(&lab.c, RTT), rate * 277 / 100 * 99 / 100);
    }
    round_trip(&lab, 10000000, RTT); /* a quarter more than the last: still growing */
    round_trip(&lab, 10000000, RTT);
    round_trip(&lab, 10000000, RTT);
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_STARTUP);
    round_trip(&lab, 10000000, RTT);
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_DRAIN);
    assert_int_equal(lab.c.algorithm->rate(&lab.c, RTT), 10000000 / 2 * 99 / 100);
    lab.in_flight = 900000; /* below the product: drained */
    round_trip(&lab, 10000000, RTT);
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_PROBE_CRUISE); /* nothing is left for PROBE_DOWN to drain */
    assert_int_equal(lab.c.algorithm->rate(&lab.c, RTT), 10000000 / 100 * 99);
    assert_true(lab.c.window >= 2000000);
    tear_down(&lab);
}

/* By 2 to 3 s, or 63 rounds if those are shorter. */
static void probes_for_more_every_few_seconds(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    fill(&lab);
    lab.in_flight = 900000;
    while (lab.c.bbr->state != MINKE_BBR_PROBE_CRUISE) round_trip(&lab, 10000000, RTT);
    const minke_time_t begun = lab.now;
    while (lab.c.bbr->state == MINKE_BBR_PROBE_CRUISE) round_trip(&lab, 10000000, RTT);
    assert_in_range(lab.now - begun, 1800 * MS, 3200 * MS);
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_PROBE_REFILL);
    round_trip(&lab, 10000000, RTT);
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_PROBE_UP);
    assert_int_equal(lab.c.algorithm->rate(&lab.c, RTT), 10000000 / 4 * 5 / 100 * 99);
    round_trip(&lab, 12500000, RTT); /* there is more */
    assert_int_equal(minke__bbr_max_bandwidth(lab.c.bbr), 12500000);
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_PROBE_UP);
    for (unsigned i = 0; i < 3; i++) round_trip(&lab, 12500000, RTT); /* and no more than that */
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_PROBE_DOWN);
    tear_down(&lab);
}

static void losses_below_the_threshold_cost_nothing(void **state)
{
    (void)state;
    /* 2 %, and as much again, at most four packets, for chance */
    assert_false(minke__bbr_is_too_high(24 * UNIT, 1000 * UNIT, UNIT));
    assert_true(minke__bbr_is_too_high(24 * UNIT + 1, 1000 * UNIT, UNIT));
    assert_false(minke__bbr_is_too_high(4 * UNIT, 100 * UNIT, UNIT));
    assert_true(minke__bbr_is_too_high(4 * UNIT + 1, 100 * UNIT, UNIT));
    assert_true(minke__bbr_is_too_high(1, 10, UNIT));
    lab_t lab;
    set_up(&lab);
    fill(&lab);
    lab.in_flight = 900000;
    while (lab.c.bbr->state != MINKE_BBR_PROBE_CRUISE) round_trip(&lab, 10000000, RTT);
    const uint32_t window = lab.c.window;
    for (unsigned i = 0; i < 5; i++) {
        lose(&lab, 10, 1000 * UNIT);
        round_trip(&lab, 9900000, RTT);
    }
    assert_int_equal(lab.c.bbr->bandwidth, 10000000);
    assert_true(lab.c.window >= window);
    /* above it: down to what was delivered */
    lose(&lab, 100, 1000 * UNIT);
    round_trip(&lab, 9000000, RTT);
    round_trip(&lab, 9000000, RTT);
    assert_in_range(lab.c.bbr->bandwidth, 8900000, 9950000);
    tear_down(&lab);
}

static void a_probe_that_loses_much_sets_a_bound(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    fill(&lab);
    lab.in_flight = 900000;
    while (lab.c.bbr->state != MINKE_BBR_PROBE_UP) round_trip(&lab, 10000000, RTT);
    lose(&lab, 100, 1500 * UNIT);
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_PROBE_DOWN);
    /* the 35th loss crossed 2 % and four packets of 1500: then 1499 flew before it, of which 2 % may be lost */
    assert_in_range(lab.c.bbr->in_flight_long, 1498 * UNIT, 1500 * UNIT);
    round_trip(&lab, 10000000, RTT);
    assert_true(lab.c.window <= 1500 * UNIT);
    while (lab.c.bbr->state != MINKE_BBR_PROBE_CRUISE) round_trip(&lab, 10000000, RTT);
    round_trip(&lab, 10000000, RTT);
    assert_true(lab.c.window <= 1500 * UNIT / 100 * 85 + UNIT); /* headroom for others */
    tear_down(&lab);
}

static void startup_ends_when_much_is_lost(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    round_trip(&lab, 1000000, RTT);
    round_trip(&lab, 2000000, RTT);
    lose(&lab, 3, 200 * UNIT);
    round_trip(&lab, 4000000, RTT);
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_STARTUP); /* by chance */
    round_trip(&lab, 8000000, RTT);
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_STARTUP);
    tear_down(&lab);
}

static void looks_at_the_round_trip_every_five_seconds(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    fill(&lab);
    lab.in_flight = 900000;
    const minke_time_t begun = lab.now;
    /* a queue stands: no round trip is as short as the first ones */
    while (lab.c.bbr->state != MINKE_BBR_PROBE_RTT && lab.now < begun + 20ull * S) round_trip(&lab, 10000000, 2 * RTT);
    assert_in_range(lab.now - begun, 3 * S, 6 * S);
    assert_true(lab.c.window <= 500000 + UNIT); /* half of the product */
    const minke_time_t entered = lab.now;
    lab.in_flight = 400000;
    while (lab.c.bbr->state == MINKE_BBR_PROBE_RTT) round_trip(&lab, 5000000, RTT);
    assert_in_range(lab.now - entered, 200 * MS, 500 * MS);
    assert_int_equal(lab.c.bbr->state, MINKE_BBR_PROBE_CRUISE);
    assert_true(lab.c.window > 1000000); /* as before */
    tear_down(&lab);
}

static void a_timeout_leaves_one_packet_until_something_arrives(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    fill(&lab);
    const uint32_t window = lab.c.window;
    lab.c.algorithm->on_timeout(&lab.c, lab.now);
    lab.c.algorithm->on_timeout(&lab.c, lab.now);
    assert_int_equal(lab.c.window, UNIT);
    round_trip(&lab, 10000, RTT);
    assert_true(lab.c.window >= window / 2);
    tear_down(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(startup_doubles_until_rates_stop_growing),
        cmocka_unit_test(probes_for_more_every_few_seconds),
        cmocka_unit_test(losses_below_the_threshold_cost_nothing),
        cmocka_unit_test(a_probe_that_loses_much_sets_a_bound),
        cmocka_unit_test(startup_ends_when_much_is_lost),
        cmocka_unit_test(looks_at_the_round_trip_every_five_seconds),
        cmocka_unit_test(a_timeout_leaves_one_packet_until_something_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
