#include "sctp/pacing.h"

enum {
    QUANTUM_SPAN = 1000, /* of time, at the rate: a longer train would cost queues more than it saves here */
    QUANTUM_PACKETS_MAX = 64,
    DEPTH_SPAN = 2000, /* a timer of milliseconds is late by one, and the sleeper's own turn takes some time */
    DEPTH_PACKETS_MIN = 10,
    FULL_AFTER = 1000000 /* longer than this fills it from any debt */
};

static const uint64_t rate_max = 1000000000000ULL; /* bytes per second: beyond any machine */

static int64_t millionths(uint64_t bytes) { return (int64_t)(bytes * 1000000); }

void minke__pacer_init(minke_pacer_t *pacer, uint32_t unit)
{
    *pacer = (minke_pacer_t){.unit = unit, .credit = millionths((uint64_t)unit * DEPTH_PACKETS_MIN)};
}

static int64_t depth(const minke_pacer_t *pacer)
{
    const int64_t span = (int64_t)(pacer->rate * DEPTH_SPAN);
    const int64_t least = millionths((uint64_t)pacer->unit * DEPTH_PACKETS_MIN);
    return span > least ? span : least;
}

static int64_t quantum(const minke_pacer_t *pacer)
{
    const int64_t span = (int64_t)(pacer->rate * QUANTUM_SPAN);
    const int64_t least = millionths(pacer->unit), most = QUANTUM_PACKETS_MAX * least;
    if (span > most) return most;
    return span > least ? span : least;
}

static void fill(minke_pacer_t *pacer, minke_time_t now)
{
    if (now <= pacer->at) return;
    const minke_time_t since = now - pacer->at;
    const int64_t most = depth(pacer);
    const int64_t filled = since > FULL_AFTER ? most : pacer->credit + (int64_t)(pacer->rate * since);
    pacer->credit = filled < most ? filled : most;
    pacer->at = now;
}

void minke__pacer_set_rate(minke_pacer_t *pacer, uint64_t rate, minke_time_t now)
{
    if (rate > rate_max) rate = rate_max;
    if (rate == pacer->rate) return;
    fill(pacer, now);
    pacer->rate = rate;
}

minke_time_t minke__pacer_next(minke_pacer_t *pacer, minke_time_t now)
{
    if (pacer->rate == 0) return now;
    fill(pacer, now);
    if (pacer->credit <= 0) pacer->dry = true;
    const int64_t wanted = quantum(pacer);
    if (!pacer->dry || pacer->credit >= wanted) {
        pacer->dry = false;
        return now;
    }
    const uint64_t missing = (uint64_t)(wanted - pacer->credit);
    return now + (missing + pacer->rate - 1) / pacer->rate;
}

void minke__pacer_sent(minke_pacer_t *pacer, uint32_t bytes)
{
    if (pacer->rate != 0) pacer->credit -= millionths(bytes);
}
