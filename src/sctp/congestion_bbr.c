/* What BBR does about the path (draft-ietf-ccwg-bbr 5.3, 5.6). */
#include "sctp/bbr.h"

enum {
    STARTUP_LOSS_EVENTS = 6,
    DRAIN_ROUNDS = 3,
    BETA_PERCENT = 70,
    LOSS_PERCENT = 2,
    HEADROOM_PERCENT = 15,
    MARGIN_PERCENT = 1,       /* paced so much below the bandwidth */
    QUANTUM_SPAN = 1000,      /* pacing.c: trains of so long at the rate, */
    QUANTUM_PACKETS_MAX = 64, /* and of so many packets */
    RENO_ROUNDS_MAX = 63,     /* a NewReno beside it has had its turn by then */
    PROBE_WAIT = 2000000,     /* and up to a second more */
    PROBE_RTT_DURATION = 200000,
    UP_ROUNDS_MAX = 30
};

static const struct {
    unsigned pacing, window; /* percent, of the bandwidth and of its product with the round trip */
} gains[] = {
    [MINKE_BBR_STARTUP] = {277, 200},      [MINKE_BBR_DRAIN] = {50, 200},         [MINKE_BBR_PROBE_DOWN] = {90, 200},
    [MINKE_BBR_PROBE_CRUISE] = {100, 200}, [MINKE_BBR_PROBE_REFILL] = {100, 200}, [MINKE_BBR_PROBE_UP] = {125, 225},
    [MINKE_BBR_PROBE_RTT] = {100, 50}};

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

minke_bbr_t *minke__bbr_new(const minke_env_t *env, minke_delivery_t *delivery)
{
    minke_bbr_t *bbr = minke__alloc_zero(env, sizeof *bbr);
    if (bbr == NULL) return NULL;
    bbr->env = env;
    bbr->delivery = delivery;
    bbr->in_flight_long = bbr->up_per_packet = MINKE_BBR_UNBOUND;
    bbr->undo_state = MINKE_BBR_PROBE_RTT;
    minke__bbr_reset_short(bbr);
    return bbr;
}

/* ---- how much ---- */

static uint64_t least_window(const minke_congestion_t *congestion)
{
    return (uint64_t)MINKE_CONGESTION_PACKETS_MIN * congestion->unit;
}

/* No less than what trains and pipelining need. */
static uint64_t with_budget(const minke_congestion_t *congestion, uint64_t in_flight)
{
    const minke_bbr_t *bbr = congestion->bbr;
    const uint64_t most = (uint64_t)QUANTUM_PACKETS_MAX * congestion->unit;
    const uint64_t quantum = smaller(bbr->pacing_rate * QUANTUM_SPAN / 1000000, most);
    in_flight = larger(larger(in_flight, quantum), least_window(congestion));
    return bbr->state == MINKE_BBR_PROBE_UP ? in_flight + 2ull * congestion->unit : in_flight;
}

static uint64_t with_headroom(const minke_congestion_t *congestion)
{
    const uint64_t bound = congestion->bbr->in_flight_long;
    if (bound == MINKE_BBR_UNBOUND) return bound;
    const uint64_t headroom = larger(bound * HEADROOM_PERCENT / 100, congestion->unit);
    return larger(bound > headroom ? bound - headroom : 0, least_window(congestion));
}

static uint64_t target_in_flight(const minke_congestion_t *congestion)
{
    const minke_bbr_t *bbr = congestion->bbr;
    return smaller(minke__bbr_product(bbr, bbr->bandwidth, 100, congestion->unit), congestion->window);
}

static uint64_t probe_rtt_window(const minke_congestion_t *congestion)
{
    const minke_bbr_t *bbr = congestion->bbr;
    const unsigned percent = gains[MINKE_BBR_PROBE_RTT].window;
    return larger(minke__bbr_product(bbr, bbr->bandwidth, percent, congestion->unit), least_window(congestion));
}

/* ---- probing for bandwidth ---- */

static void begin_down(minke_bbr_t *bbr, minke_time_t now)
{
    minke__bbr_reset_signals(bbr);
    bbr->up_per_packet = MINKE_BBR_UNBOUND;
    bbr->rounds_since_probe = minke__random_u32(bbr->env) & 1;
    bbr->wait = PROBE_WAIT + minke__random_u32(bbr->env) % 1000000;
    bbr->cycle_at = now;
    bbr->phase = MINKE_BBR_ACKS_STOPPING;
    minke__bbr_begin_round(bbr);
    bbr->state = MINKE_BBR_PROBE_DOWN;
}

static void begin_refill(minke_bbr_t *bbr)
{
    minke__bbr_reset_short(bbr);
    bbr->up_rounds = 0;
    bbr->up_acked = 0;
    bbr->probe_precautionary = false;
    bbr->phase = MINKE_BBR_ACKS_REFILLING;
    minke__bbr_begin_round(bbr);
    bbr->state = MINKE_BBR_PROBE_REFILL;
}

/* The bound grows by 1, 2, 4, .. packets a round. */
static void raise_slope(minke_congestion_t *congestion)
{
    minke_bbr_t *bbr = congestion->bbr;
    const uint64_t growth = (uint64_t)1 << bbr->up_rounds;
    if (bbr->up_rounds < UP_ROUNDS_MAX) bbr->up_rounds++;
    bbr->up_per_packet = larger(congestion->window / growth, congestion->unit);
}

static void begin_up(minke_congestion_t *congestion, const minke_rate_sample_t *sample)
{
    minke_bbr_t *bbr = congestion->bbr;
    bbr->phase = MINKE_BBR_ACKS_STARTING;
    minke__bbr_begin_round(bbr);
    minke__bbr_reset_full(bbr);
    bbr->full_bandwidth = sample->rate;
    bbr->state = MINKE_BBR_PROBE_UP;
    raise_slope(congestion);
}

static bool is_time_to_probe(const minke_congestion_t *congestion, minke_time_t now)
{
    const minke_bbr_t *bbr = congestion->bbr;
    const uint64_t reno_rounds = smaller(target_in_flight(congestion) / congestion->unit, RENO_ROUNDS_MAX);
    return now > bbr->cycle_at + bbr->wait || bbr->rounds_since_probe >= reno_rounds;
}

static bool is_time_to_cruise(const minke_congestion_t *congestion, uint32_t in_flight)
{
    const minke_bbr_t *bbr = congestion->bbr;
    const uint64_t product = minke__bbr_product(bbr, minke__bbr_max_bandwidth(bbr), 100, congestion->unit);
    return in_flight <= with_headroom(congestion) && in_flight <= with_budget(congestion, product);
}

static bool is_time_to_go_down(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (bbr->probe_too_high && ack->in_flight >= bbr->in_flight_long) {
        bbr->probe_precautionary = true;
        return true;
    }
    if (!ack->limited || congestion->window < bbr->in_flight_long) return bbr->full_now;
    minke__bbr_reset_full(bbr); /* the bound is what keeps the bandwidth from growing */
    bbr->full_bandwidth = ack->sample->rate;
    return false;
}

static void raise_bound(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (!ack->limited || congestion->window < bbr->in_flight_long) return;
    bbr->up_acked += ack->bytes;
    if (bbr->up_acked >= bbr->up_per_packet) {
        const uint64_t packets = bbr->up_acked / bbr->up_per_packet;
        bbr->up_acked -= packets * bbr->up_per_packet;
        bbr->in_flight_long += packets * congestion->unit;
    }
    if (bbr->round_begins) raise_slope(congestion);
}

/* True: a new state has begun. */
static bool adapt_bound(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    minke_bbr_t *bbr = congestion->bbr;
    const minke_rate_sample_t *sample = ack->sample;
    if (bbr->phase == MINKE_BBR_ACKS_STARTING && bbr->round_begins) bbr->phase = MINKE_BBR_ACKS_FEEDBACK;
    if (bbr->phase == MINKE_BBR_ACKS_STOPPING && bbr->round_begins) {
        bbr->probing_sample = false;
        bbr->phase = MINKE_BBR_ACKS_INIT;
        const bool probing = minke__bbr_is_in_probe_bandwidth(bbr);
        if (probing && !sample->limited) minke__bbr_next_cycle(bbr);
        if (probing && bbr->probe_precautionary && !bbr->probe_too_high) {
            begin_refill(bbr);
            return true;
        }
    }
    if (minke__bbr_is_too_high(sample->lost, sample->in_flight, congestion->unit)) return false;
    if (bbr->in_flight_long == MINKE_BBR_UNBOUND) return false;
    bbr->in_flight_long = larger(bbr->in_flight_long, sample->in_flight);
    if (bbr->state == MINKE_BBR_PROBE_UP) raise_bound(congestion, ack);
    return false;
}

static void probe_bandwidth(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (!bbr->full_reached || adapt_bound(congestion, ack)) return;
    const bool waiting = bbr->state == MINKE_BBR_PROBE_DOWN || bbr->state == MINKE_BBR_PROBE_CRUISE;
    if (waiting && is_time_to_probe(congestion, ack->now)) {
        begin_refill(bbr);
    } else if (bbr->state == MINKE_BBR_PROBE_DOWN) {
        if (is_time_to_cruise(congestion, ack->in_flight)) bbr->state = MINKE_BBR_PROBE_CRUISE;
    } else if (bbr->state == MINKE_BBR_PROBE_REFILL) {
        if (!bbr->round_begins) return;
        bbr->probing_sample = true;
        begin_up(congestion, ack->sample);
    } else if (bbr->state == MINKE_BBR_PROBE_UP && is_time_to_go_down(congestion, ack)) {
        bbr->probe_too_high = false;
        begin_down(bbr, ack->now);
    }
}

/* ---- the other states ---- */

static void check_startup(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (bbr->state != MINKE_BBR_STARTUP) return;
    const minke_rate_sample_t *sample = ack->sample;
    if (bbr->loss_round_begins && bbr->loss_events >= STARTUP_LOSS_EVENTS &&
        minke__bbr_is_too_high(sample->lost, sample->in_flight, congestion->unit)) {
        const uint64_t product = minke__bbr_product(bbr, bbr->bandwidth, 100, congestion->unit);
        bbr->undo_state = MINKE_BBR_STARTUP;
        bbr->full_reached = true;
        bbr->in_flight_long = larger(product, bbr->in_flight_latest);
    }
    if (!bbr->full_reached) return;
    bbr->state = MINKE_BBR_DRAIN;
    bbr->drain_round = bbr->rounds;
}

static void check_drain(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (bbr->state != MINKE_BBR_DRAIN) return;
    const uint64_t product = minke__bbr_product(bbr, bbr->bandwidth, 100, congestion->unit);
    if (ack->in_flight <= with_budget(congestion, product) || bbr->rounds > bbr->drain_round + DRAIN_ROUNDS) {
        begin_down(bbr, ack->now);
    }
}

static void end_probe_rtt(minke_congestion_t *congestion, minke_time_t now)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (bbr->probe_rtt_done_at == 0 || now <= bbr->probe_rtt_done_at) return;
    bbr->probe_minimum_at = now; /* the next one is due five seconds from now */
    congestion->window = (uint32_t)larger(congestion->window, bbr->prior_window);
    minke__bbr_reset_short(bbr);
    if (bbr->full_reached) {
        begin_down(bbr, now);
        bbr->state = MINKE_BBR_PROBE_CRUISE;
    } else {
        bbr->state = MINKE_BBR_STARTUP;
    }
}

static void probe_rtt(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    minke_bbr_t *bbr = congestion->bbr;
    minke__delivery_limited(bbr->delivery, ack->in_flight); /* these rates mean nothing */
    if (bbr->probe_rtt_done_at == 0) {
        if (ack->in_flight > probe_rtt_window(congestion)) return;
        bbr->probe_rtt_done_at = ack->now + PROBE_RTT_DURATION;
        bbr->probe_rtt_round_done = false;
        minke__bbr_begin_round(bbr);
        return;
    }
    if (bbr->round_begins) bbr->probe_rtt_round_done = true;
    if (bbr->probe_rtt_round_done) end_probe_rtt(congestion, ack->now);
}

static void check_probe_rtt(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (bbr->state != MINKE_BBR_PROBE_RTT && bbr->probe_expired && !bbr->restarted) {
        bbr->state = MINKE_BBR_PROBE_RTT;
        bbr->prior_window = congestion->window;
        bbr->probe_rtt_done_at = 0;
        bbr->phase = MINKE_BBR_ACKS_STOPPING;
        minke__bbr_begin_round(bbr);
    }
    if (bbr->state == MINKE_BBR_PROBE_RTT) probe_rtt(congestion, ack);
    if (ack->sample->delivered > 0) bbr->restarted = false;
}

/* ---- rate and window ---- */

static void set_rate(minke_congestion_t *congestion, unsigned percent, minke_time_t smoothed_rtt)
{
    minke_bbr_t *bbr = congestion->bbr;
    /* The first samples tell of the set-up, in which there was little to send. */
    if (bbr->pacing_rate == 0 && smoothed_rtt != 0) {
        const uint64_t initial = (uint64_t)MINKE_CONGESTION_PACKETS_INITIAL * congestion->unit;
        bbr->pacing_rate = initial * 1000000 / smoothed_rtt * percent / 100;
    }
    const uint64_t rate = bbr->bandwidth * percent / 100 * (100 - MARGIN_PERCENT) / 100;
    if (bbr->full_reached || rate > bbr->pacing_rate) bbr->pacing_rate = rate;
}

static uint64_t window_bound(const minke_congestion_t *congestion)
{
    const minke_bbr_t *bbr = congestion->bbr;
    uint64_t bound = MINKE_BBR_UNBOUND;
    if (bbr->state == MINKE_BBR_PROBE_RTT) bound = smaller(with_headroom(congestion), probe_rtt_window(congestion));
    else if (bbr->state == MINKE_BBR_PROBE_CRUISE) bound = with_headroom(congestion);
    else if (minke__bbr_is_in_probe_bandwidth(bbr)) bound = bbr->in_flight_long;
    return larger(smaller(bound, bbr->in_flight_short), least_window(congestion));
}

static void set_window(minke_congestion_t *congestion, uint32_t bytes)
{
    const minke_bbr_t *bbr = congestion->bbr;
    const uint64_t product = minke__bbr_product(bbr, bbr->bandwidth, gains[bbr->state].window, congestion->unit);
    const uint64_t most = with_budget(congestion, product + larger(bbr->extras[0], bbr->extras[1]));
    const uint64_t initial = (uint64_t)MINKE_CONGESTION_PACKETS_INITIAL * congestion->unit;
    uint64_t window = congestion->window;
    if (bbr->full_reached) window = smaller(window + bytes, most);
    else if (window < most || bbr->delivery->delivered < initial) window += bytes;
    window = larger(window, least_window(congestion));
    congestion->window = minke__congestion_at_most_max(smaller(window, window_bound(congestion)));
}

static void on_acked(minke_congestion_t *congestion, const minke_congestion_ack_t *ack)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (bbr->restore && ack->growth > 0) {
        congestion->window = (uint32_t)larger(congestion->window, bbr->prior_window);
        bbr->restore = false;
    }
    if (ack->sample->valid) {
        minke__bbr_update_model(congestion, ack);
        check_startup(congestion, ack);
        check_drain(congestion, ack);
        probe_bandwidth(congestion, ack);
        check_probe_rtt(congestion, ack);
        minke__bbr_advance(bbr, ack->sample);
    }
    set_rate(congestion, gains[bbr->state].pacing, ack->smoothed_rtt);
    set_window(congestion, ack->bytes);
}

/* ---- losses ---- */

/* How much flew when losses crossed the threshold, which may have been in the middle of this packet. */
static uint64_t in_flight_at_loss(const minke_congestion_lost_t *lost)
{
    const uint64_t flying = lost->in_flight > lost->bytes ? lost->in_flight - lost->bytes : 0;
    const uint64_t lost_before = lost->lost - lost->bytes, allowed = flying * LOSS_PERCENT / 100;
    const uint64_t part = allowed > lost_before ? (allowed - lost_before) * 100 / (100 - LOSS_PERCENT) : 0;
    return flying + part;
}

static void on_lost(minke_congestion_t *congestion, const minke_congestion_lost_t *lost)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (lost->packet > bbr->last_lost + 1) bbr->loss_events++;
    bbr->last_lost = lost->packet;
    if (!bbr->loss_in_round) {
        bbr->loss_round_end = bbr->delivery->delivered;
        bbr->undo_state = MINKE_BBR_PROBE_RTT;
        bbr->undo_bandwidth_short = bbr->bandwidth_short;
        bbr->undo_in_flight_short = bbr->in_flight_short;
        bbr->undo_in_flight_long = bbr->in_flight_long;
    }
    bbr->loss_in_round = true;
    if (!bbr->probing_sample || !minke__bbr_is_too_high(lost->lost, lost->in_flight, congestion->unit)) return;
    bbr->probe_too_high = true;
    bbr->probing_sample = false; /* one answer a probe */
    if (!lost->limited) {
        const uint64_t least = target_in_flight(congestion) * BETA_PERCENT / 100;
        bbr->in_flight_long = larger(in_flight_at_loss(lost), least);
    }
    if (bbr->state != MINKE_BBR_PROBE_UP) return;
    bbr->undo_state = MINKE_BBR_PROBE_UP;
    begin_down(bbr, lost->now);
}

static void on_loss(minke_congestion_t *congestion, minke_time_t now)
{
    (void)congestion; /* on_lost has looked at each packet */
    (void)now;
}

static void on_timeout(minke_congestion_t *congestion, minke_time_t now)
{
    minke_bbr_t *bbr = congestion->bbr;
    (void)now;
    if (!bbr->restore && bbr->state != MINKE_BBR_PROBE_RTT) bbr->prior_window = congestion->window;
    bbr->restore = true;
    congestion->window = congestion->unit;
}

static void on_undone(minke_congestion_t *congestion)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (bbr->restore) congestion->window = (uint32_t)larger(congestion->window, bbr->prior_window);
    bbr->restore = false;
    bbr->loss_in_round = false;
    minke__bbr_reset_full(bbr);
    bbr->bandwidth_short = larger(bbr->bandwidth_short, bbr->undo_bandwidth_short);
    bbr->in_flight_short = larger(bbr->in_flight_short, bbr->undo_in_flight_short);
    bbr->in_flight_long = larger(bbr->in_flight_long, bbr->undo_in_flight_long);
    if (bbr->state != MINKE_BBR_PROBE_RTT && bbr->state != bbr->undo_state) {
        if (bbr->undo_state == MINKE_BBR_PROBE_UP) begin_refill(bbr);
        if (bbr->undo_state == MINKE_BBR_STARTUP) {
            bbr->full_reached = false;
            bbr->state = MINKE_BBR_STARTUP;
        }
    }
    bbr->undo_state = MINKE_BBR_PROBE_RTT;
}

/* ---- idleness ---- */

static void on_restart(minke_congestion_t *congestion, minke_time_t now)
{
    minke_bbr_t *bbr = congestion->bbr;
    if (bbr->delivery->limited_until == 0) return;
    bbr->restarted = true;
    bbr->extra_at = now;
    if (minke__bbr_is_in_probe_bandwidth(bbr)) set_rate(congestion, 100, 0);
    else if (bbr->state == MINKE_BBR_PROBE_RTT) end_probe_rtt(congestion, now);
}

static uint64_t rate(const minke_congestion_t *congestion, minke_time_t smoothed_rtt)
{
    (void)smoothed_rtt;
    return congestion->bbr->pacing_rate;
}

const minke_congestion_algorithm_t minke__congestion_bbr = {.name = "BBR",
                                                            .modelled = true,
                                                            .on_acked = on_acked,
                                                            .on_lost = on_lost,
                                                            .on_loss = on_loss,
                                                            .on_timeout = on_timeout,
                                                            .on_undone = on_undone,
                                                            .on_restart = on_restart,
                                                            .rate = rate};
