#include "sctp/congestion.h"

void minke__congestion_init(minke_congestion_t *congestion, const minke_congestion_algorithm_t *algorithm,
                            uint32_t unit)
{
    *congestion = (minke_congestion_t){.algorithm = algorithm,
                                       .window = MINKE_CONGESTION_PACKETS_INITIAL * unit,
                                       .threshold = MINKE_CONGESTION_WINDOW_MAX,
                                       .unit = unit};
}

void minke__congestion_on_idle(minke_congestion_t *congestion, minke_time_t idle_for, minke_time_t timeout)
{
    const uint32_t least = MINKE_CONGESTION_PACKETS_INITIAL * congestion->unit;
    if (congestion->algorithm->modelled) return;
    for (; idle_for > timeout && congestion->window > least; idle_for -= timeout) {
        congestion->window = congestion->window / 2 > least ? congestion->window / 2 : least;
    }
}

uint32_t minke__congestion_reduced(const minke_congestion_t *congestion, unsigned tenths)
{
    const uint32_t window = (uint32_t)((uint64_t)congestion->window * tenths / 10);
    const uint32_t least = MINKE_CONGESTION_PACKETS_MIN * congestion->unit;
    return window > least ? window : least;
}

uint64_t minke__congestion_window_rate(const minke_congestion_t *congestion, minke_time_t smoothed_rtt)
{
    if (smoothed_rtt == 0) return 0;
    const bool slow_start = congestion->window < congestion->threshold;
    return (uint64_t)congestion->window * 1000000 / smoothed_rtt * (slow_start ? 8 : 5) / 4;
}

static void grow(minke_congestion_t *congestion, uint32_t bytes)
{
    congestion->window = minke__congestion_at_most_max((uint64_t)congestion->window + bytes);
}

bool minke__congestion_slow_start(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    if (congestion->window >= congestion->threshold) return false;
    /* Half of the window is enough: it has doubled since what is acknowledged now was sent. */
    const bool limited = ack->limited || ack->in_flight_before >= congestion->window / 2;
    unsigned divisor = 1;
    if (congestion->threshold == MINKE_CONGESTION_WINDOW_MAX && ack->paced) {
        divisor = minke__slow_start_acked(&congestion->slow_start, ack->newest, ack->packets, ack->round_trip);
    }
    if (divisor == 0) {
        congestion->threshold = congestion->window;
        return false;
    }
    if (limited) grow(congestion, ack->growth / divisor);
    return true;
}

static void new_reno_on_acked(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    if (minke__congestion_slow_start(congestion, ack) || !ack->limited) return;
    congestion->partial = minke__congestion_at_most_max((uint64_t)congestion->partial + ack->growth);
    if (congestion->partial < congestion->window) return;
    congestion->partial -= congestion->window;
    grow(congestion, congestion->unit);
}

static void new_reno_on_loss(minke_congestion_t *congestion, minke_time_t now)
{
    (void)now;
    congestion->threshold = congestion->window = minke__congestion_reduced(congestion, 5);
    congestion->partial = 0;
}

static void new_reno_on_timeout(minke_congestion_t *congestion, minke_time_t now)
{
    (void)now;
    congestion->threshold = minke__congestion_reduced(congestion, 5);
    congestion->window = congestion->unit;
    congestion->partial = 0;
}

const minke_congestion_algorithm_t minke__congestion_new_reno = {.name = "NewReno",
                                                                 .on_acked = new_reno_on_acked,
                                                                 .on_loss = new_reno_on_loss,
                                                                 .on_timeout = new_reno_on_timeout,
                                                                 .rate = minke__congestion_window_rate};
