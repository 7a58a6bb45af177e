/*
 * Minke to Minke over a thousand bad networks: set-up, then 4 MiB each way at the same time, every byte checked.
 *
 *     sim-seeds_test [COUNT [FIRST_SEED]]     default 1000 from 1
 *
 * The deadline of a seed, in virtual time, comes from its network (see deadline_of). A seed that fails is printed with
 * its parameters; put it into the table of regressions below.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer.h"

enum { TRANSFER_BYTES = 4 << 20, MILLISECOND = 1000, SECOND = 1000000 };

/* Seeds that once failed. */
static const uint64_t regressions[] = {30, 581, 959, 1000};

typedef struct outcome {
    bool ok;
    double setup_ms;
    double took_s, deadline_s;
    uint64_t trace;
} outcome_t;

static double between(uint64_t *random, double low, double high)
{
    return low + (high - low) * (double)(test_random(random) >> 11) / 9007199254740992.0;
}

/* Round trips to 600 ms, loss to 20 %, one in three with bursts, reordering, duplication, a rate limit; MTU 1280. */
static sim_link_t link_of(uint64_t seed)
{
    uint64_t random = seed * 0x2545f4914f6cdd1dULL + 99;
    sim_link_t link = {.mtu = 1280};
    link.delay = (minke_time_t)between(&random, 0, 300 * MILLISECOND);
    link.jitter = (minke_time_t)between(&random, 0, 5 * MILLISECOND);
    const unsigned kinds = (unsigned)(test_random(&random) % 64);
    link.loss = (kinds & 1) != 0 ? between(&random, 0, 0.20) : between(&random, 0, 0.02);
    if (kinds % 3 == 0) {
        link.burst = 0.002;
        link.burst_span = 100 * MILLISECOND;
    }
    if ((kinds & 4) != 0) {
        link.reorder = between(&random, 0, 0.05);
        link.reorder_delay = (minke_time_t)between(&random, 1 * MILLISECOND, 50 * MILLISECOND);
    }
    if ((kinds & 8) != 0) link.duplicate = between(&random, 0, 0.05);
    if ((kinds & 16) != 0) {
        link.bits_per_second = (uint64_t)between(&random, 2e6, 100e6);
        link.queue = 64 * 1024 + (size_t)(link.bits_per_second / 8 / 5);
    }
    return link;
}

/*
 * What a TCP-like sender may take. Padhye's formula gives the rate of NewReno at loss p, with the timeout T0; every
 * transfer must do at least half as well (both directions share the link's losses, data and acknowledgements), and has
 * the time of its rate limit, and a minute of grace for set-up and unlucky back-offs, on top.
 */
static minke_time_t deadline_of(const sim_link_t *link)
{
    const double rtt = 2e-6 * (double)(link->delay + link->jitter) + 0.02;
    const double t0 = 1.0 + rtt;
    double p = link->loss + 5 * link->burst + link->reorder / 4 + 0.0001;
    if (p > 0.5) p = 0.5;
    const double timeouts = fmin(1, 3 * sqrt(3 * p / 8)) * p * (1 + 32 * p * p);
    const double per_packet = rtt * sqrt(2 * p / 3) + t0 * timeouts;
    double seconds = 2 * per_packet * TRANSFER_BYTES / 1160;
    if (link->bits_per_second > 0) seconds += 4.0 * TRANSFER_BYTES * 8 / (double)link->bits_per_second;
    return (minke_time_t)((seconds + 60) * SECOND);
}

typedef struct pair {
    sim_transfer_t dialer, listener;
} pair_t;

static bool is_over(void *user)
{
    const pair_t *pair = user;
    const sim_transfer_t *d = &pair->dialer, *l = &pair->listener;
    if (d->wrong || l->wrong || d->connection_closed || l->connection_closed) return true;
    return sim_transfer_is_over(d) && sim_transfer_is_over(l) && d->stream_closed && l->stream_closed;
}

static bool is_good(const pair_t *pair)
{
    return sim_transfer_is_over(&pair->dialer) && sim_transfer_is_over(&pair->listener) && !pair->dialer.wrong &&
           !pair->listener.wrong && pair->dialer.stream_error == MINKE_OK && pair->listener.stream_error == MINKE_OK;
}

static outcome_t run_seed(uint64_t seed)
{
    sim_world_t world;
    minke_transport_options_t options;
    const sim_link_t link = link_of(seed);
    minke_transport_defaults(&options);
    /* At 600 ms and 20 % each way a set-up of seven round trips needs its retransmissions. */
    options.handshake_after = options.dial_after = 60 * SECOND;
    sim_world_init(&world, seed);
    sim_endpoint_t *listener = sim_world_add(&world, "192.0.2.1", &options, seed * 2);
    sim_endpoint_t *dialer = sim_world_add(&world, "192.0.2.2", &options, seed * 2 + 1);
    pair_t pair = {.dialer = {.bytes = TRANSFER_BYTES, .send_key = seed, .receive_key = ~seed, .opens = true},
                   .listener = {.bytes = TRANSFER_BYTES, .send_key = ~seed, .receive_key = seed}};
    dialer->on_event = listener->on_event = sim_transfer_event;
    dialer->user = &pair.dialer;
    listener->user = &pair.listener;
    sim_world_join(&world, dialer, listener, &link);
    sim_listen(&world, listener, 9090);
    const minke_time_t begun = world.now, deadline = deadline_of(&link);
    minke_connection_t connection;
    if (sim_dial(dialer->transport, listener->addr, 1 + (int)(seed & 1), world.now, &connection) < 0) {
        abort();
    }
    (void)sim_world_run(&world, begun + deadline, is_over, &pair);
    outcome_t outcome = {.ok = is_good(&pair),
                         .setup_ms = (double)(pair.dialer.connected_at - begun) / MILLISECOND,
                         .took_s = (double)(world.now - begun) / SECOND,
                         .deadline_s = (double)deadline / SECOND,
                         .trace = sim_network_trace(world.network)};
    if (!outcome.ok) {
        (void)printf("seed %llu failed after %.1f of %.1f s: rtt %.0f ms, loss %.1f %%, burst %.3f, reorder %.1f %%, "
                     "rate %llu; dialer sent %llu received %llu (%s), listener sent %llu received %llu (%s)\n",
                     (unsigned long long)seed, outcome.took_s, outcome.deadline_s, (double)link.delay / 500,
                     link.loss * 100, link.burst, link.reorder * 100, (unsigned long long)link.bits_per_second,
                     (unsigned long long)pair.dialer.sent, (unsigned long long)pair.dialer.received,
                     pair.dialer.close.text, (unsigned long long)pair.listener.sent,
                     (unsigned long long)pair.listener.received, pair.listener.close.text);
    }
    sim_world_free(&world);
    return outcome;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool repeats_exactly(uint64_t seed)
{
    const outcome_t first = run_seed(seed), second = run_seed(seed);
    if (first.trace == second.trace && first.took_s == second.took_s) return true;
    (void)printf("seed %llu: two runs differ\n", (unsigned long long)seed);
    return false;
}

static void print_quantiles(double *setup_ms, size_t n)
{
    qsort(setup_ms, n, sizeof setup_ms[0], by_value);
    (void)printf("set-up of the dialer, virtual ms: min %.0f, 10 %% %.0f, median %.0f, 90 %% %.0f, 99 %% %.0f, max "
                 "%.0f\n",
                 setup_ms[0], setup_ms[n / 10], setup_ms[n / 2], setup_ms[n * 9 / 10], setup_ms[n * 99 / 100],
                 setup_ms[n - 1]);
}

int main(int argc, char **argv)
{
    const size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    const uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    double *setup_ms = calloc(count + 1, sizeof *setup_ms), closest = 0;
    size_t failed = 0;
    if (setup_ms == NULL || count == 0) return 2;
    for (size_t i = 0; i < sizeof regressions / sizeof regressions[0]; i++) {
        if (!run_seed(regressions[i]).ok) failed++;
    }
    for (size_t i = 0; i < count; i++) {
        const outcome_t outcome = run_seed(first + i);
        setup_ms[i] = outcome.setup_ms;
        if (!outcome.ok) failed++;
        if (outcome.took_s / outcome.deadline_s > closest) closest = outcome.took_s / outcome.deadline_s;
    }
    for (uint64_t seed = first; seed < first + 3; seed++) {
        if (!repeats_exactly(seed)) failed++;
    }
    print_quantiles(setup_ms, count);
    (void)printf("%zu seeds, %zu failures; the slowest took %.0f %% of its deadline\n", count, failed, closest * 100);
    free(setup_ms);
    return failed == 0 ? 0 : 1;
}
