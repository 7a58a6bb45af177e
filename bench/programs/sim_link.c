/*
 * What flows make of a link, in virtual time: a table of many situations, or one that the command line names.
 *
 *     sim_link                                                    the table
 *     sim_link [OPTION VALUE]... FLOW[@SECONDS] [FLOW[@SECONDS]]  one: FLOW is minke or tcp, begun SECONDS late
 *
 * Options: --rate MBIT, --rtt MS, --queue PRODUCTS of rate and round trip, --loss PERCENT, --loss-back PERCENT,
 * --reorder PERCENT, --reorder-by MS, --granularity MS of timers, --packet BYTES, --seconds N, --from N, --seed N,
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
    double queue;
} run_t;

static void print(const run_t *run, const char *name, const sim_flow_result_t *results)
{
    double share = 0;
    for (size_t i = 0; i < run->n; i++) share += results[i].share;
    (void)printf("%-28s %6.1f ms %5.2f %% | share %5.1f %% jain %.3f wait %5.1f ms |", name,
                 (double)run->link.round_trip / MILLISECOND, run->link.loss * 100, share * 100,
                 sim_flows_fairness(results, run->n), (double)results[0].queueing / MILLISECOND);
    for (size_t i = 0; i < run->n; i++) {
        const sim_flow_result_t *r = &results[i];
        (void)printf(" %5.1f %% silent %4.0f stalled %4.0f ms, cut %llu rto %llu again %llu dropped %llu;",
                     r->share * 100, (double)r->silence / MILLISECOND, (double)r->stall / MILLISECOND,
                     (unsigned long long)r->losses, (unsigned long long)r->timeouts,
                     (unsigned long long)r->retransmitted, (unsigned long long)r->dropped_n);
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

static void go(run_t *run, const char *name)
{
    sim_flow_result_t results[SIM_FLOWS_MAX];
    if (run->queue > 0) {
        run->link.queue =
            (size_t)(run->queue * (double)run->link.bits_per_second / 8 * (double)run->link.round_trip / SECOND);
    }
    sim_flows_run(&run->link, run->plans, run->n, run->from, run->until, run->seed, results);
    print(run, name, results);
}

static run_t plain(void)
{
    return (run_t){.link = {.bits_per_second = 100000000, .round_trip = 50 * MILLISECOND, .granularity = MILLISECOND},
                   .n = 1,
                   .from = 0,
                   .until = 20ull * SECOND,
                   .seed = 1,
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
            go(&run, "minke");
            run.plans[0].textbook = true;
            go(&run, "tcp");
        }
    }
    for (size_t k = 0; k < 2; k++) {
        run_t run = plain();
        run.n = 2;
        run.until = 60ull * SECOND;
        run.from = 10ull * SECOND;
        run.plans[1].begins_at = 2ull * SECOND;
        go(&run, "minke, minke 2 s later");
        run.plans[1].textbook = true;
        go(&run, "minke, tcp 2 s later");
        run.plans[1].textbook = false;
        run.plans[0].textbook = true;
        go(&run, "tcp, minke 2 s later");
        run.plans[1].textbook = true;
        go(&run, "tcp, tcp 2 s later");
        break;
    }
}

static bool take_flow(run_t *run, const char *text)
{
    if (run->n == SIM_FLOWS_MAX) return false;
    sim_flow_plan_t *plan = &run->plans[run->n++];
    const char *late = strchr(text, '@');
    const size_t len = late != NULL ? (size_t)(late - text) : strlen(text);
    if (late != NULL) plan->begins_at = (minke_time_t)(strtod(late + 1, NULL) * SECOND);
    plan->textbook = len == 3 && memcmp(text, "tcp", 3) == 0;
    return plan->textbook || (len == 5 && memcmp(text, "minke", 5) == 0);
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
    else if (strcmp(name, "--seed") == 0) run->seed = (uint64_t)value;
    else return false;
    return true;
}

int main(int argc, char **argv)
{
    run_t run = plain();
    run.n = 0;
    if (argc == 1) table();
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
