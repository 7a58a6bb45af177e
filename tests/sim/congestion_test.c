/*
 * What flows make of a link of 100 Mbit/s with a queue of one product of rate and round trip, in virtual time, with a
 * driver that sleeps in whole milliseconds. `sim-link` prints the same for other links (bench/simulated/link.c).
 *
 * Shares are of user data: a packet of 1191 bytes carries 1160 of them and takes 1256 on the link, so that 92.4 % is
 * the most.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "flows.h"

enum { MILLISECOND = 1000, SECOND = 1000000 };

static sim_bottleneck_t link_of(minke_time_t round_trip, double loss)
{
    return (sim_bottleneck_t){
        .bits_per_second = 100000000, .round_trip = round_trip, .loss = loss, .granularity = MILLISECOND};
}

static void show(const char *what, const sim_flow_result_t *r)
{
    (void)printf("  %s: %.1f %%, silent %.0f ms, stalled %.0f ms, cut %llu, timeouts %llu, again %llu of %llu\n", what,
                 r->share * 100, (double)r->silence / MILLISECOND, (double)r->stall / MILLISECOND,
                 (unsigned long long)r->losses, (unsigned long long)r->timeouts, (unsigned long long)r->retransmitted,
                 (unsigned long long)r->packets);
}

/* ---- alone, without loss ---- */

static void fills_a_link(minke_congestion_control_t congestion, minke_time_t round_trip, double least)
{
    const sim_bottleneck_t link = link_of(round_trip, 0);
    const sim_flow_plan_t plan = {.congestion = congestion};
    sim_flow_result_t r;
    sim_flows_run(&link, &plan, 1, 5ull * SECOND, 25ull * SECOND, 1, &r);
    show("alone", &r);
    assert_true(r.share >= least);
    assert_int_equal(r.timeouts, 0);
    assert_true(r.silence <= 2 * round_trip);
}

static void cubic_fills_long_links(void **state)
{
    (void)state;
    fills_a_link(MINKE_CONGESTION_CUBIC, 50 * MILLISECOND, 0.90);
    fills_a_link(MINKE_CONGESTION_CUBIC, 100 * MILLISECOND, 0.90);
    fills_a_link(MINKE_CONGESTION_CUBIC, 200 * MILLISECOND, 0.90);
}

static void the_others_fill_them_too(void **state)
{
    (void)state;
    fills_a_link(MINKE_CONGESTION_NEW_RENO, 50 * MILLISECOND, 0.85);
    fills_a_link(MINKE_CONGESTION_BBR, 50 * MILLISECOND, 0.85);
    fills_a_link(MINKE_CONGESTION_BBR, 200 * MILLISECOND, 0.80);
}

/* From nothing on: 200 ms take some eleven round trips until the pipe is full. */
static void the_start_is_no_waste(void **state)
{
    (void)state;
    static const double least[] = {0.88, 0.85, 0.80};
    static const unsigned round_trips[] = {50, 100, 200};
    for (unsigned i = 0; i < 3; i++) {
        const sim_bottleneck_t link = link_of((minke_time_t)round_trips[i] * MILLISECOND, 0);
        const sim_flow_plan_t plan = {.congestion = MINKE_CONGESTION_CUBIC};
        sim_flow_result_t r;
        sim_flows_run(&link, &plan, 1, 0, 20ull * SECOND, 1, &r);
        show("the first 20 s", &r);
        assert_true(r.share >= least[i]);
        /* less than half of a window of both pipe and queue */
        const double window = 2e8 / 8 / 1256 * round_trips[i] / 1000;
        assert_true((double)r.dropped_n < window / 2);
    }
}

/* ---- alone, with loss ---- */

typedef struct average {
    double share;
    minke_time_t silence;
    uint64_t timeouts;
} average_t;

/* Of 20 s, after the start: how far slow start came before its first loss is luck, and counts for much. */
static average_t average_of(const sim_bottleneck_t *link, const sim_flow_plan_t *plan)
{
    enum { SEEDS = 8 };
    average_t sum = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sim_flow_result_t r;
        sim_flows_run(link, plan, 1, 10ull * SECOND, 30ull * SECOND, seed, &r);
        sum.share += r.share / SEEDS;
        sum.timeouts += r.timeouts;
        if (r.silence > sum.silence) sum.silence = r.silence;
    }
    (void)printf("  loss %.1f %%, %s: %.2f %%, silent %.0f ms, timeouts %llu\n", link->loss * 100,
                 plan->textbook ? "text-book TCP" : "Minke", sum.share * 100, (double)sum.silence / MILLISECOND,
                 (unsigned long long)sum.timeouts);
    return sum;
}

/* No pause of a timeout, and as much as a TCP CUBIC with packets of the same size. SACKs are lost too. */
static void keeps_up_with_tcp_under_loss(void **state)
{
    (void)state;
    static const double losses[] = {0.001, 0.01, 0.03};
    for (unsigned i = 0; i < 3; i++) {
        sim_bottleneck_t link = link_of(100 * MILLISECOND, losses[i]);
        link.loss_back = losses[i];
        const sim_flow_plan_t minke = {.packet_max = 1435}, tcp = {.textbook = true};
        const average_t ours = average_of(&link, &minke);
        const average_t theirs = average_of(&link, &tcp);
        assert_true(ours.share >= 0.9 * theirs.share);
        if (losses[i] > 0.01) continue;
        assert_int_equal(ours.timeouts, 0);
        assert_true(ours.silence <= 205 * MILLISECOND); /* below two round trips and the timer's millisecond */
    }
}

/* Foreign receivers hold their SACKs back: 200 ms in pion and dcSCTP, except for every second packet. */
static void slow_receivers_do_not_matter(void **state)
{
    (void)state;
    const sim_bottleneck_t link = link_of(50 * MILLISECOND, 0);
    const sim_flow_plan_t plan = {.sack_delay = 20 * MILLISECOND};
    sim_flow_result_t r;
    sim_flows_run(&link, &plan, 1, 3ull * SECOND, 13ull * SECOND, 1, &r);
    show("SACKs every 20 ms", &r);
    assert_true(r.share >= 0.88);
    assert_int_equal(r.timeouts, 0);
}

/* Reordering by less than a quarter of the round trip is learned, and what it cost at first is undone. */
static void reordering_is_not_loss(void **state)
{
    (void)state;
    sim_bottleneck_t link = link_of(50 * MILLISECOND, 0);
    link.reorder = 0.01;
    link.reorder_delay = 5 * MILLISECOND;
    const sim_flow_plan_t plan = {.congestion = MINKE_CONGESTION_CUBIC};
    sim_flow_result_t r;
    sim_flows_run(&link, &plan, 1, 3ull * SECOND, 13ull * SECOND, 1, &r);
    show("1 % reordered", &r);
    assert_true(r.share >= 0.85);
    assert_int_equal(r.timeouts, 0);
}

/* The aim of BBR. */
static void bbr_does_not_mind_a_percent(void **state)
{
    (void)state;
    const sim_bottleneck_t link = link_of(100 * MILLISECOND, 0.01);
    const sim_flow_plan_t plan = {.congestion = MINKE_CONGESTION_BBR};
    double mean = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        sim_flow_result_t r;
        sim_flows_run(&link, &plan, 1, 0, 20ull * SECOND, seed, &r);
        show("BBR at 1 % loss", &r);
        assert_true(r.share >= 0.70);
        assert_int_equal(r.timeouts, 0);
        mean += r.share / 4;
    }
    assert_true(mean >= 0.80);
}

/* ---- together ---- */

/* Two flows, the second later by `late` and a few milliseconds, as chance would have it: the mean of Jain's index.
 * Neither may ever have less than `least`. */
static double together(const char *what, sim_flow_plan_t first, sim_flow_plan_t second, minke_time_t late, double least)
{
    static const minke_time_t chances[] = {3 * MILLISECOND, 17 * MILLISECOND, 41 * MILLISECOND};
    enum { CHANCES = sizeof chances / sizeof chances[0] };
    const sim_bottleneck_t link = link_of(50 * MILLISECOND, 0);
    double mean = 0, shares[2] = {0};
    for (unsigned i = 0; i < CHANCES; i++) {
        sim_flow_plan_t plans[2] = {first, second};
        plans[1].begins_at = late + chances[i];
        sim_flow_result_t r[2];
        sim_flows_run(&link, plans, 2, 15ull * SECOND, 50ull * SECOND, i + 1, r);
        mean += sim_flows_fairness(r, 2) / CHANCES;
        for (unsigned k = 0; k < 2; k++) {
            shares[k] += r[k].share / CHANCES;
            assert_true(r[k].share >= least);
            assert_int_equal(r[k].timeouts, 0);
        }
        assert_true(r[0].share + r[1].share >= 0.85);
    }
    (void)printf("  %s: %.1f %% and %.1f %%, Jain's index %.3f\n", what, shares[0] * 100, shares[1] * 100, mean);
    return mean;
}

static const sim_flow_plan_t cubic = {.congestion = MINKE_CONGESTION_CUBIC}, bbr = {.congestion = MINKE_CONGESTION_BBR},
                             tcp = {.textbook = true};

static void two_default_flows_share(void **state)
{
    (void)state;
    assert_true(together("CUBIC, CUBIC", cubic, cubic, 0, 0.25) >= 0.95);
    assert_true(together("CUBIC, CUBIC 2 s later", cubic, cubic, 2ull * SECOND, 0.25) >= 0.93);
}

static void neither_tcp_nor_minke_starves(void **state)
{
    (void)state;
    assert_true(together("CUBIC, TCP", cubic, tcp, 0, 0.20) >= 0.85);
    assert_true(together("TCP, CUBIC 2 s later", tcp, cubic, 2ull * SECOND, 0.20) >= 0.85);
}

/* BBR's own: two of it share, a newcomer after a minute or so; beside CUBIC it takes more than half of a short queue's
 * link when it came first, and never all. */
static void bbr_is_fair_enough(void **state)
{
    (void)state;
    assert_true(together("BBR, BBR", bbr, bbr, 0, 0.25) >= 0.95);
    assert_true(together("BBR, BBR 1 s later", bbr, bbr, 1ull * SECOND, 0.20) >= 0.90);
    assert_true(together("BBR, CUBIC 2 s later", bbr, cubic, 2ull * SECOND, 0.06) >= 0.60);
    assert_true(together("CUBIC, BBR 2 s later", cubic, bbr, 2ull * SECOND, 0.20) >= 0.85);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cubic_fills_long_links),        cmocka_unit_test(the_others_fill_them_too),
        cmocka_unit_test(the_start_is_no_waste),         cmocka_unit_test(keeps_up_with_tcp_under_loss),
        cmocka_unit_test(slow_receivers_do_not_matter),  cmocka_unit_test(reordering_is_not_loss),
        cmocka_unit_test(bbr_does_not_mind_a_percent),   cmocka_unit_test(two_default_flows_share),
        cmocka_unit_test(neither_tcp_nor_minke_starves), cmocka_unit_test(bbr_is_fair_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
