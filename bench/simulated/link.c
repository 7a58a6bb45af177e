/*
 * What flows make of a link, in virtual time: a table of many situations, or one that the command line names.
 *
 *     sim_link                                                    the table
 *     sim_link [OPTION VALUE]... FLOW[@SECONDS] [FLOW[@SECONDS]]  one: FLOW is cubic, newreno, bbr or
 *                                                               tcp (a text-book CUBIC), begun SECONDS late
 *
 * Options: --rate MBIT, --rtt MS, --queue PRODUCTS of rate and round trip, --loss PERCENT, --loss-back PERCENT,
 * --reorder PERCENT, --reorder-by MS, --granularity MS of timers, --packet BYTES, --seconds N, --from N, --seed N,
 * --seeds N,
 * --trace MS: prints what the flows do as often as that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/flows.h"

enum { SECOND = 1000000, MILLISECOND = 1000 };

typedef struct run {
    sim_bottleneck_t link;
    sim_flow_plan_t plans[SIM_FLOWS_MAX];
    size_t n;
    minke_time_t from, until;
    uint64_t seed;
    unsigned seeds_n; /* runs with as many seeds, of which means are printed, and the longest times */
    double queue;
} run_t;

static void print(const run_t *run, const char *name, const sim_flow_result_t *results)
{
    double share = 0;
    for (size_t i = 0; i < run->n; i++) share += results[i].share;
    (void)printf("%-24s %4.0f ms %4.1f %% | %5.1f %% jain %.3f queue %5.1f ms |", name,
                 (double)run->link.round_trip / MILLISECOND, run->link.loss * 100, share * 100,
                 sim_flows_fairness(results, run->n), (double)results[0].queueing / MILLISECOND);
    for (size_t i = 0; i < run->n; i++) {
        const sim_flow_result_t *r = &results[i];
        (void)printf(" %5.2f %%, silent %4.0f, stalled %4.0f ms, cut %llu rto %llu, again %llu, dropped %llu;",
                     r->share * 100, (double)r->silence / MILLISECOND, (double)r->stall / MILLISECOND,
                     (unsigned long long)r->losses, (unsigned long long)r->timeouts,
                     (unsigned long long)r->retransmitted, (unsigned long long)r->dropped_n);
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

static void add(sim_flow_result_t *sum, const sim_flow_result_t *one, unsigned seeds_n)
{
    sum->bytes += one->bytes;
    sum->share += one->share / seeds_n;
    sum->queueing += one->queueing / seeds_n;
    if (one->silence > sum->silence) sum->silence = one->silence;
    if (one->stall > sum->stall) sum->stall = one->stall;
    sum->losses += one->losses;
    sum->timeouts += one->timeouts;
    sum->retransmitted += one->retransmitted;
    sum->dropped_n += one->dropped_n;
}

static void go(run_t *run, const char *name)
{
    sim_flow_result_t sums[SIM_FLOWS_MAX] = {0};
    if (run->queue > 0) {
        const double bytes = (double)run->link.bits_per_second / 8 * (double)run->link.round_trip / SECOND;
        run->link.queue = (size_t)(run->queue * bytes);
    }
    for (unsigned k = 0; k < run->seeds_n; k++) {
        sim_flow_result_t results[SIM_FLOWS_MAX];
        sim_flows_run(&run->link, run->plans, run->n, run->from, run->until, run->seed + k, results);
        for (size_t i = 0; i < run->n; i++) add(&sums[i], &results[i], run->seeds_n);
    }
    print(run, name, sums);
}

static run_t plain(void)
{
    return (run_t){.link = {.bits_per_second = 100000000, .round_trip = 50 * MILLISECOND, .granularity = MILLISECOND},
                   .n = 1,
                   .from = 0,
                   .until = 20ull * SECOND,
                   .seed = 1,
                   .seeds_n = 1,
                   .queue = 1};
}

static void table(void)
{
    static const unsigned round_trips[] = {50, 100, 200};
    static const double losses[] = {0, 0.001, 0.01};
    for (size_t l = 0; l < 3; l++) {
        for (size_t r = 0; r < 3; r++) {
            run_t run = plain();
            run.link.round_trip = (minke_time_t)round_trips[r] * MILLISECOND;
            run.link.loss = losses[l];
            run.seeds_n = losses[l] > 0 ? 20 : 1;
            go(&run, "cubic");
            run.plans[0].textbook = true;
            go(&run, "tcp");
        }
    }
}

static void pairs(void)
{
    static const char *const names[] = {"cubic, cubic 2 s later", "cubic, tcp 2 s later", "tcp, cubic 2 s later",
                                        "tcp, tcp 2 s later"};
    for (unsigned k = 0; k < 4; k++) {
        run_t run = plain();
        run.n = 2;
        run.from = 10ull * SECOND;
        run.until = 60ull * SECOND;
        run.seeds_n = 5;
        run.plans[1].begins_at = 2ull * SECOND;
        run.plans[0].textbook = (k & 2) != 0;
        run.plans[1].textbook = (k & 1) != 0;
        go(&run, names[k]);
    }
}

static bool take_flow(run_t *run, const char *text)
{
    if (run->n == SIM_FLOWS_MAX) return false;
    sim_flow_plan_t *plan = &run->plans[run->n++];
    const char *late = strchr(text, '@');
    const size_t len = late != NULL ? (size_t)(late - text) : strlen(text);
    if (late != NULL) plan->begins_at = (minke_time_t)(strtod(late + 1, NULL) * SECOND);
    static const char *const names[] = {"cubic", "newreno", "bbr", "tcp"};
    for (unsigned i = 0; i < 4; i++) {
        if (len != strlen(names[i]) || memcmp(text, names[i], len) != 0) continue;
        plan->textbook = i == 3;
        if (i < 3) plan->congestion = (minke_congestion_control_t)i;
        return true;
    }
    return false;
}

static bool take_option(run_t *run, const char *name, double value)
{
    if (strcmp(name, "--rate") == 0) run->link.bits_per_second = (uint64_t)(value * 1e6);
    else if (strcmp(name, "--rtt") == 0) run->link.round_trip = (minke_time_t)(value * MILLISECOND);
    else if (strcmp(name, "--queue") == 0) run->queue = value;
    else if (strcmp(name, "--loss") == 0) run->link.loss = value / 100;
    else if (strcmp(name, "--loss-back") == 0) run->link.loss_back = value / 100;
    else if (strcmp(name, "--reorder") == 0) run->link.reorder = value / 100;
    else if (strcmp(name, "--reorder-by") == 0) run->link.reorder_delay = (minke_time_t)(value * MILLISECOND);
    else if (strcmp(name, "--granularity") == 0) run->link.granularity = (minke_time_t)(value * MILLISECOND);
    else if (strcmp(name, "--packet") == 0) {
        for (size_t i = 0; i < SIM_FLOWS_MAX; i++) run->plans[i].packet_max = (uint16_t)value;
    } else if (strcmp(name, "--trace") == 0) run->link.trace_every = (minke_time_t)(value * MILLISECOND);
    else if (strcmp(name, "--seconds") == 0) run->until = (minke_time_t)(value * SECOND);
    else if (strcmp(name, "--from") == 0) run->from = (minke_time_t)(value * SECOND);
    else if (strcmp(name, "--seeds") == 0) run->seeds_n = (unsigned)value;
    else if (strcmp(name, "--seed") == 0) run->seed = (uint64_t)value;
    else return false;
    return true;
}

int main(int argc, char **argv)
{
    run_t run = plain();
    run.n = 0;
    if (argc == 1) {
        table();
        pairs();
    }
    for (int i = 1; i < argc; i++) {
        const bool is_option = argv[i][0] == '-';
        if (is_option ? i + 1 == argc || !take_option(&run, argv[i], strtod(argv[i + 1], NULL))
                      : !take_flow(&run, argv[i])) {
            (void)fprintf(stderr, "sim_link: what is %s?\n", argv[i]);
            return 2;
        }
        i += is_option;
    }
    if (run.n > 0) go(&run, "");
    return 0;
}
