#include "sctp/slow_start.h"

/* RFC 9406 4.3. Growth per acknowledgement has no limit L: packets are paced. */
enum { RISE_MIN = 4000, RISE_MAX = 16000, RISE_DIVISOR = 8, SAMPLES = 8, GROWTH_DIVISOR = 4, ROUNDS = 5 };

static minke_time_t rise(minke_time_t minimum)
{
    const minke_time_t part = minimum / RISE_DIVISOR;
    if (part < RISE_MIN) return RISE_MIN;
    return part < RISE_MAX ? part : RISE_MAX;
}

static void begin_round(minke_slow_start_t *s, uint64_t packets)
{
    s->round_end = packets;
    s->last_minimum = s->minimum;
    s->minimum = 0;
    if (s->baseline != 0) s->conservative_rounds++;
}

/* The least of eight samples in a row. */
static void judge(minke_slow_start_t *s, minke_time_t least)
{
    if (s->baseline == 0) {
        if (s->last_minimum == 0 || least < s->last_minimum + rise(s->last_minimum)) return;
        s->baseline = least;
        s->conservative_rounds = 0;
    } else if (least < s->baseline) {
        s->baseline = 0; /* the rise has passed */
    }
}

static void note_sample(minke_slow_start_t *s, minke_time_t round_trip)
{
    if (round_trip == 0) return;
    if (s->minimum == 0 || round_trip < s->minimum) s->minimum = round_trip;
    if (s->samples == 0 || round_trip < s->recent) s->recent = round_trip;
    if (++s->samples < SAMPLES) return;
    s->samples = 0;
    judge(s, s->recent);
}

unsigned minke__slow_start_acked(minke_slow_start_t *s, uint64_t newest, uint64_t packets, minke_time_t round_trip)
{
    note_sample(s, round_trip);
    if (newest > s->round_end) begin_round(s, packets);
    if (s->baseline == 0) return 1;
    return s->conservative_rounds < ROUNDS ? GROWTH_DIVISOR : 0;
}
