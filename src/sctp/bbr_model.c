/* What BBR believes of the path (draft-ietf-ccwg-bbr 5.5). */
#include "sctp/bbr.h"

enum {
    BETA_PERCENT = 70,
    LOSS_PERCENT = 2,
    CHANCE_PACKETS = 4, /* of a few hundred packets at 1 % as many more are lost now and then */
    FULL_ROUNDS = 3,
    EXTRA_ROUNDS = 5, /* half of the ten that a maximum counts */
    MINIMUM_RTT_AGE = 10000000,
    PROBE_RTT_INTERVAL = 5000000
};

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }
static minke_time_t since(minke_time_t then, minke_time_t now) { return now > then ? now - then : 0; }

uint64_t minke__bbr_max_bandwidth(const minke_bbr_t *bbr) { return larger(bbr->bandwidths[0], bbr->bandwidths[1]); }

uint64_t minke__bbr_product(const minke_bbr_t *bbr, uint64_t bandwidth, unsigned percent, uint32_t unit)
{
    if (bbr->minimum_rtt == 0) return (uint64_t)MINKE_CONGESTION_PACKETS_INITIAL * unit;
    return bandwidth * bbr->minimum_rtt / 1000000 * percent / 100;
}

bool minke__bbr_is_too_high(uint64_t lost, uint64_t in_flight, uint32_t unit)
{
    const uint64_t tolerated = in_flight * LOSS_PERCENT / 100;
    return lost > tolerated + smaller(tolerated, (uint64_t)CHANCE_PACKETS * unit);
}

void minke__bbr_begin_round(minke_bbr_t *bbr) { bbr->round_end = bbr->delivery->delivered; }

void minke__bbr_reset_full(minke_bbr_t *bbr)
{
    bbr->full_bandwidth = 0;
    bbr->full_count = 0;
    bbr->full_now = false;
}

void minke__bbr_reset_short(minke_bbr_t *bbr) { bbr->bandwidth_short = bbr->in_flight_short = MINKE_BBR_UNBOUND; }

void minke__bbr_reset_signals(minke_bbr_t *bbr)
{
    bbr->loss_in_round = false;
    bbr->bandwidth_latest = bbr->in_flight_latest = 0;
}

void minke__bbr_next_cycle(minke_bbr_t *bbr)
{
    if (bbr->bandwidths[1] == 0) return;
    bbr->bandwidths[0] = bbr->bandwidths[1];
    bbr->bandwidths[1] = 0;
}

static void update_latest(minke_bbr_t *bbr, const minke_rate_sample_t *sample)
{
    bbr->bandwidth_latest = larger(bbr->bandwidth_latest, sample->rate);
    bbr->in_flight_latest = larger(bbr->in_flight_latest, sample->delivered);
    bbr->loss_round_begins = sample->prior_delivered >= bbr->loss_round_end;
    if (bbr->loss_round_begins) bbr->loss_round_end = bbr->delivery->delivered;
}

static void update_bandwidth(minke_bbr_t *bbr, const minke_rate_sample_t *sample)
{
    bbr->round_begins = sample->prior_delivered >= bbr->round_end;
    if (bbr->round_begins) {
        minke__bbr_begin_round(bbr);
        bbr->rounds++;
        bbr->rounds_since_probe++;
    }
    if (sample->rate == 0 || (sample->limited && sample->rate < minke__bbr_max_bandwidth(bbr))) return;
    bbr->bandwidths[1] = larger(bbr->bandwidths[1], sample->rate);
}

static bool is_probing(const minke_bbr_t *bbr)
{
    return bbr->state == MINKE_BBR_STARTUP || bbr->state == MINKE_BBR_PROBE_REFILL || bbr->state == MINKE_BBR_PROBE_UP;
}

/* A round with losses while not asking for more: down to what was delivered, by no more than CUBIC would. */
static void adapt_to_loss(minke_bbr_t *bbr, uint32_t window, uint32_t unit)
{
    const uint64_t lost = bbr->delivery->lost - bbr->lost_before_round;
    bbr->lost_before_round = bbr->delivery->lost;
    if (is_probing(bbr) || !bbr->loss_in_round) return;
    if (!minke__bbr_is_too_high(lost, bbr->in_flight_latest, unit)) return;
    if (bbr->bandwidth_short == MINKE_BBR_UNBOUND) bbr->bandwidth_short = minke__bbr_max_bandwidth(bbr);
    if (bbr->in_flight_short == MINKE_BBR_UNBOUND) bbr->in_flight_short = window;
    bbr->bandwidth_short = larger(bbr->bandwidth_latest, bbr->bandwidth_short * BETA_PERCENT / 100);
    bbr->in_flight_short = larger(bbr->in_flight_latest, bbr->in_flight_short * BETA_PERCENT / 100);
}

/* What has arrived beyond the bandwidth since it last fell below: acknowledgements come in lumps. */
static void update_extra(minke_bbr_t *bbr, const minke_congestion_ack_t *ack, uint32_t window)
{
    uint64_t expected = bbr->bandwidth * (since(bbr->extra_at, ack->now) / 1000) / 1000;
    if (bbr->extra_delivered <= expected) {
        bbr->extra_delivered = expected = 0;
        bbr->extra_at = ack->now;
    }
    bbr->extra_delivered += ack->bytes;
    const uint64_t extra = smaller(bbr->extra_delivered - expected, window);
    if (bbr->rounds >= bbr->extra_round + (bbr->full_reached ? EXTRA_ROUNDS : 1)) {
        bbr->extra_round = bbr->rounds;
        bbr->extras[0] = bbr->extras[1];
        bbr->extras[1] = 0;
    }
    bbr->extras[1] = larger(bbr->extras[1], extra);
}

/* Three rounds without a quarter more. */
static void check_full(minke_bbr_t *bbr, const minke_rate_sample_t *sample)
{
    if (bbr->full_now || !bbr->round_begins || sample->limited || sample->rate == 0) return;
    if (sample->rate >= bbr->full_bandwidth + bbr->full_bandwidth / 4) {
        minke__bbr_reset_full(bbr);
        bbr->full_bandwidth = sample->rate;
        return;
    }
    bbr->full_now = ++bbr->full_count >= FULL_ROUNDS;
    if (bbr->full_now) bbr->full_reached = true;
}

static void update_minimum(minke_bbr_t *bbr, minke_time_t round_trip, minke_time_t now)
{
    bbr->probe_expired = since(bbr->probe_minimum_at, now) > PROBE_RTT_INTERVAL;
    if (round_trip != 0 && (bbr->probe_minimum == 0 || round_trip < bbr->probe_minimum || bbr->probe_expired)) {
        bbr->probe_minimum = round_trip;
        bbr->probe_minimum_at = now;
    }
    if (bbr->probe_minimum == 0) return;
    const bool expired = since(bbr->minimum_rtt_at, now) > MINIMUM_RTT_AGE;
    if (bbr->minimum_rtt != 0 && bbr->probe_minimum >= bbr->minimum_rtt && !expired) return;
    bbr->minimum_rtt = bbr->probe_minimum;
    bbr->minimum_rtt_at = bbr->probe_minimum_at;
}

void minke__bbr_update_model(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    minke_bbr_t *bbr = congestion->bbr;
    update_latest(bbr, ack->sample);
    update_bandwidth(bbr, ack->sample);
    if (bbr->loss_round_begins) {
        adapt_to_loss(bbr, congestion->window, congestion->unit);
        bbr->loss_in_round = false;
    }
    update_extra(bbr, ack, congestion->window);
    check_full(bbr, ack->sample);
    update_minimum(bbr, ack->round_trip, ack->now);
}

void minke__bbr_advance(minke_bbr_t *bbr, const minke_rate_sample_t *sample)
{
    if (bbr->loss_round_begins) {
        bbr->bandwidth_latest = sample->rate;
        bbr->in_flight_latest = sample->delivered;
        bbr->loss_events = 0;
    }
    bbr->bandwidth = smaller(minke__bbr_max_bandwidth(bbr), bbr->bandwidth_short);
}
