/*
 * CUBIC, RFC 9438. Whole numbers throughout: bytes and milliseconds.
 *
 *     window
 *       |                       .
 *       |------- - - -,. - - --'      plateau: where packets were lost
 *       |          .'                 W(t) = plateau + C * (t - K)^3
 *       |       .'
 *       |------'  window after the loss: 0.7 of the plateau
 *       +------|----------|-------->  t
 *            loss      loss + K
 */
#include "sctp/congestion.h"

/* C = 0.4 packets / s^3 = 4 / 10^10 packets / ms^3; beta = 0.7. */
static const uint64_t scale = 10000000000ULL;
enum { C_TENTHS = 4, BETA_TENTHS = 7, SPAN_MAX = 100000, RENO_BITS = 16 };

static uint32_t cube_root(uint64_t value)
{
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 20; bit > 0; bit >>= 1) {
        const uint64_t larger = root | bit;
        if (larger * larger * larger <= value) root = larger;
    }
    return (uint32_t)root;
}

static void begin_epoch(minke_congestion_t *congestion, minke_time_t now)
{
    congestion->cubic.epoch_at = now;
    congestion->cubic.reno = (uint64_t)congestion->window << RENO_BITS;
    /* After a timeout, or out of slow start without a loss: it begins at its plateau (RFC 9438 4.8, 4.10). */
    if (congestion->cubic.plateau < congestion->window) congestion->cubic.plateau = congestion->window;
    if (congestion->cubic.prior == 0) congestion->cubic.prior = congestion->window;
    const uint64_t rise = congestion->cubic.plateau - congestion->window;
    congestion->cubic.rise_after = cube_root(rise * scale / C_TENTHS / congestion->unit);
}

/* RFC 9438 4.2: where the window is to be a round trip from now. */
static uint32_t target(const minke_congestion_t *congestion, minke_time_t smoothed_rtt, minke_time_t now)
{
    const minke_time_t elapsed = now > congestion->cubic.epoch_at ? now - congestion->cubic.epoch_at : 0;
    int64_t span = (int64_t)((elapsed + smoothed_rtt) / 1000) - (int64_t)congestion->cubic.rise_after;
    if (span > SPAN_MAX) span = SPAN_MAX;
    if (span < -SPAN_MAX) span = -SPAN_MAX;
    const int64_t packets_scaled = C_TENTHS * span * span * span;
    const int64_t offset = packets_scaled / (int64_t)(scale / 1000) * congestion->unit / 1000;
    const int64_t wanted = (int64_t)congestion->cubic.plateau + offset;
    const int64_t window = congestion->window;
    if (wanted < window) return congestion->window;
    return minke__congestion_at_most_max((uint64_t)(wanted < window + window / 2 ? wanted : window + window / 2));
}

/* RFC 9438 4.3: alpha = 3 (1 - beta) / (1 + beta) = 9 / 17 until the window before the loss is reached, then 1. */
static uint32_t grow_reno(minke_congestion_t *congestion, uint32_t bytes)
{
    const bool below = congestion->cubic.reno >> RENO_BITS < congestion->cubic.prior;
    const uint64_t step = ((uint64_t)congestion->unit * bytes << RENO_BITS) / congestion->window;
    const uint64_t most = (uint64_t)MINKE_CONGESTION_WINDOW_MAX << RENO_BITS;
    congestion->cubic.reno += below ? step * 9 / 17 : step;
    if (congestion->cubic.reno > most) congestion->cubic.reno = most;
    return (uint32_t)(congestion->cubic.reno >> RENO_BITS);
}

/* Time in which the window was not needed does not count (RFC 9438 5.8). */
static void leave_out(minke_congestion_t *congestion, minke_time_t now)
{
    const minke_time_t since = congestion->cubic.growth_at;
    if (congestion->cubic.epoch_at != 0 && now > since) congestion->cubic.epoch_at += now - since;
    congestion->cubic.growth_at = now;
}

static void on_acked(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    if (minke__congestion_slow_start(congestion, ack) || ack->growth == 0) return;
    if (!ack->limited) {
        leave_out(congestion, ack->now);
        return;
    }
    if (congestion->cubic.epoch_at == 0) begin_epoch(congestion, ack->now);
    congestion->cubic.growth_at = ack->now;
    const uint32_t reno = grow_reno(congestion, ack->growth);
    const uint32_t wanted = target(congestion, ack->smoothed_rtt, ack->now);
    const uint64_t growth = (uint64_t)(wanted - congestion->window) * ack->growth / congestion->window;
    congestion->window = minke__congestion_at_most_max(congestion->window + growth);
    if (congestion->window < reno) congestion->window = reno;
}

/* Fast convergence (RFC 9438 4.7): lost below the last plateau, so someone else needs the room. */
static void on_loss(minke_congestion_t *congestion, minke_time_t now)
{
    const bool below = congestion->window < congestion->cubic.plateau;
    const uint64_t plateau = below ? (uint64_t)congestion->window * (10 + BETA_TENTHS) / 20 : congestion->window;
    congestion->cubic.plateau = (uint32_t)plateau;
    congestion->cubic.prior = congestion->window;
    congestion->cubic.epoch_at = 0;
    congestion->cubic.growth_at = now;
    congestion->threshold = congestion->window = minke__congestion_reduced(congestion, BETA_TENTHS);
}

static void on_timeout(minke_congestion_t *congestion, minke_time_t now)
{
    on_loss(congestion, now);
    congestion->cubic.plateau = 0;
    congestion->window = congestion->unit;
}

const minke_congestion_algorithm_t minke__congestion_cubic = {.name = "CUBIC",
                                                              .on_acked = on_acked,
                                                              .on_loss = on_loss,
                                                              .on_timeout = on_timeout,
                                                              .on_restart = leave_out,
                                                              .rate = minke__congestion_window_rate};
