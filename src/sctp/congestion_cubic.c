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
enum { C_TENTHS = 4, BETA_TENTHS = 7, SPAN_MAX = 100000, PAUSE = 1000000 };

static uint32_t cube_root(uint64_t value)
{
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 20; bit > 0; bit >>= 1) {
        const uint64_t larger = root | bit;
        if (larger * larger * larger <= value) root = larger;
    }
    return (uint32_t)root;
}

static uint32_t at_most_max(uint64_t window)
{
    return window < MINKE_CONGESTION_WINDOW_MAX ? (uint32_t)window : MINKE_CONGESTION_WINDOW_MAX;
}

static uint32_t reduced(const minke_congestion_t *congestion)
{
    const uint32_t window = (uint32_t)((uint64_t)congestion->window * BETA_TENTHS / 10);
    const uint32_t least = MINKE_CONGESTION_PACKETS_MIN * congestion->unit;
    return window > least ? window : least;
}

static void begin_epoch(minke_congestion_t *congestion, minke_time_t now)
{
    congestion->cubic.epoch_at = now;
    congestion->cubic.reno = congestion->window;
    if (congestion->cubic.plateau < congestion->window) congestion->cubic.plateau = congestion->window;
    const uint64_t packets = (congestion->cubic.plateau - congestion->window) / congestion->unit;
    congestion->cubic.rise_after = cube_root(packets * scale / C_TENTHS);
}

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
    return at_most_max((uint64_t)(wanted < window + window / 2 ? wanted : window + window / 2));
}

/* RFC 9438 4.3: alpha = 3 (1 - beta) / (1 + beta) = 9 / 17 up to the plateau, then 1. */
static void grow_reno(minke_congestion_t *congestion, uint32_t bytes)
{
    const bool below = congestion->cubic.reno < congestion->cubic.plateau;
    const uint64_t step = (uint64_t)congestion->unit * bytes / congestion->window;
    congestion->cubic.reno = at_most_max(congestion->cubic.reno + (below ? step * 9 / 17 : step));
}

static void on_acked(minke_congestion_t *congestion, uint32_t bytes, minke_time_t smoothed_rtt, minke_time_t now)
{
    if (congestion->window < congestion->threshold) {
        congestion->window = at_most_max((uint64_t)congestion->window + bytes);
        return;
    }
    if (congestion->cubic.epoch_at == 0) begin_epoch(congestion, now);
    /* Time in which the window was not needed does not count (RFC 9438 5.8). */
    if (now > congestion->cubic.acked_at + PAUSE) congestion->cubic.epoch_at += now - congestion->cubic.acked_at;
    if (congestion->cubic.epoch_at > now) congestion->cubic.epoch_at = now;
    congestion->cubic.acked_at = now;
    grow_reno(congestion, bytes);
    const uint64_t growth = (uint64_t)(target(congestion, smoothed_rtt, now) - congestion->window) * bytes;
    congestion->window = at_most_max(congestion->window + growth / congestion->window);
    if (congestion->window < congestion->cubic.reno) congestion->window = congestion->cubic.reno;
}

static void remember_plateau(minke_congestion_t *congestion)
{
    /* Fast convergence: lost below the last plateau, so someone else needs the room. */
    const bool below = congestion->window < congestion->cubic.plateau;
    const uint64_t plateau = below ? (uint64_t)congestion->window * (10 + BETA_TENTHS) / 20 : congestion->window;
    congestion->cubic.plateau = (uint32_t)plateau;
    congestion->cubic.epoch_at = 0;
}

static void on_loss(minke_congestion_t *congestion, minke_time_t now)
{
    remember_plateau(congestion);
    congestion->threshold = congestion->window = reduced(congestion);
    congestion->cubic.acked_at = now;
}

static void on_timeout(minke_congestion_t *congestion, minke_time_t now)
{
    remember_plateau(congestion);
    congestion->threshold = reduced(congestion);
    congestion->window = congestion->unit;
    congestion->cubic.acked_at = now;
}

const minke_congestion_algorithm_t minke__congestion_cubic = {"CUBIC", on_acked, on_loss, on_timeout};
