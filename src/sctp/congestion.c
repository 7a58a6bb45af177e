#include "sctp/congestion.h"

enum {
    WINDOW_INITIAL = 10, /* packets: dcSCTP, libdatachannel and RFC 6928 */
    WINDOW_MAX = MINKE_CONGESTION_WINDOW_MAX
};

void minke__congestion_init(minke_congestion_t *congestion, const minke_congestion_algorithm_t *algorithm,
                            uint32_t unit)
{
    *congestion = (minke_congestion_t){
        .algorithm = algorithm, .window = WINDOW_INITIAL * unit, .threshold = WINDOW_MAX, .unit = unit};
}

static uint32_t half(const minke_congestion_t *congestion)
{
    const uint32_t least = MINKE_CONGESTION_PACKETS_MIN * congestion->unit;
    return congestion->window / 2 > least ? congestion->window / 2 : least;
}

void minke__congestion_on_idle(minke_congestion_t *congestion, minke_time_t idle_for, minke_time_t timeout)
{
    for (; idle_for > timeout && congestion->window > WINDOW_INITIAL * congestion->unit; idle_for -= timeout) {
        const uint32_t least = WINDOW_INITIAL * congestion->unit;
        congestion->window = congestion->window / 2 > least ? congestion->window / 2 : least;
    }
}

static void grow(minke_congestion_t *congestion, uint32_t bytes)
{
    congestion->window = congestion->window < WINDOW_MAX - bytes ? congestion->window + bytes : WINDOW_MAX;
}

static void new_reno_on_acked(minke_congestion_t *congestion, uint32_t bytes, minke_time_t smoothed_rtt,
                              minke_time_t now)
{
    (void)smoothed_rtt;
    (void)now;
    if (bytes > WINDOW_MAX) bytes = WINDOW_MAX;
    if (congestion->window < congestion->threshold) {
        grow(congestion, bytes);
        return;
    }
    congestion->partial += bytes;
    if (congestion->partial < congestion->window) return;
    congestion->partial -= congestion->window;
    grow(congestion, congestion->unit);
}

static void new_reno_on_loss(minke_congestion_t *congestion, minke_time_t now)
{
    (void)now;
    congestion->threshold = congestion->window = half(congestion);
    congestion->partial = 0;
}

static void new_reno_on_timeout(minke_congestion_t *congestion, minke_time_t now)
{
    (void)now;
    congestion->threshold = half(congestion);
    congestion->window = congestion->unit;
    congestion->partial = 0;
}

const minke_congestion_algorithm_t minke__congestion_new_reno = {"NewReno", new_reno_on_acked, new_reno_on_loss,
                                                                 new_reno_on_timeout};
