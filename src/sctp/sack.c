/* SACK in: what has arrived, and how long it took; loss.c tells what has not. */
#include "sctp/association.h"

typedef struct ack {
    uint64_t bytes;         /* newly acknowledged */
    uint64_t growth;        /* of these, sent after the last loss event began */
    uint64_t newest;        /* number of the newest packet among them */
    minke_time_t newest_at; /* and when it left */
    bool newest_first_time; /* and whether its round trip is unambiguous (Karn) */
    bool original_lived;    /* a chunk thought lost was acknowledged without having been sent again */
    uint32_t in_flight_before;
} ack_t;

/* -- acknowledgement ---------------------------------------------------------------------------------------------- */

static void note_acked(minke_sctp_t *sctp, ack_t *ack, const minke_sent_t *sent, minke_time_t now)
{
    minke_recovery_t *recovery = &sctp->out.recovery;
    ack->bytes += sent->len;
    if (sent->large) sctp->path.large_acked_at = now;
    if (sctp->out.congestion.algorithm->modelled) {
        minke__delivery_acked(&sctp->out.delivery, sent->packet, sent->len, now);
    }
    if (sent->packet > recovery->through) ack->growth += sent->len;
    if (sent->state == MINKE_SENT_LOST) {
        recovery->lived_n++;
        if (sent->sent_n == 1) ack->original_lived = true;
    }
    if (sent->sent_n == 1) {
        if (sent->packet < sctp->out.newest_acked) recovery->reorders = true; /* RFC 8985 6.2 step 3 */
    } else if (minke__sctp_since(sent->at, now) < sctp->out.rtt.minimum) {
        /* A retransmission acknowledged faster than light was not it but the original (RFC 8985 6.2 step 2). */
        recovery->reorders = true;
        if (sent->state == MINKE_SENT_FLYING) recovery->overtook_n++;
        return;
    }
    if (sent->packet <= ack->newest) return;
    ack->newest = sent->packet;
    ack->newest_at = sent->at;
    ack->newest_first_time = sent->sent_n == 1;
}

static void ack_through(minke_sctp_t *sctp, ack_t *ack, uint64_t cumulative, minke_time_t now)
{
    minke_flight_t *flight = &sctp->out.flight;
    while (flight->base <= cumulative) {
        minke_sent_t *sent = minke__flight_at(flight, flight->base);
        if (sent->state != MINKE_SENT_ACKED) note_acked(sctp, ack, sent, now);
        minke_message_t *message = sent->message;
        (void)minke__flight_pop(flight);
        if (--message->chunks_n == 0 && message != sctp->out.message) {
            sctp->user.message_done(sctp->user.user, message);
        }
    }
    minke__tsn_set_remove_through(&flight->acked, cumulative);
}

static void ack_block(minke_sctp_t *sctp, ack_t *ack, uint64_t first, uint64_t last, minke_time_t now)
{
    minke_flight_t *flight = &sctp->out.flight;
    minke_tsn_range_t run;
    while (first <= last && minke__tsn_set_missing(&flight->acked, first, last, &run)) {
        if (!minke__tsn_set_room(&flight->acked, run.first, run.last)) return; /* it will be reported again */
        minke__tsn_set_insert(&flight->acked, run.first, run.last);
        for (uint64_t tsn = run.first; tsn <= run.last; tsn++) {
            note_acked(sctp, ack, minke__flight_at(flight, tsn), now);
            minke__flight_ack(flight, tsn);
        }
        first = run.last + 1;
    }
}

/* -- the chunk ---------------------------------------------------------------------------------------------------- */

typedef struct sack {
    uint64_t cumulative;
    uint32_t window;
    uint16_t gaps_n, duplicates_n;
    minke_reader_t gaps, duplicates;
} sack_t;

/* Every block must lie above the cumulative TSN and below what was sent: pion once looped for ever on others
 * (pion/sctp#469). */
static bool are_blocks_valid(const minke_sctp_t *sctp, const sack_t *sack)
{
    minke_reader_t r = sack->gaps;
    for (unsigned i = 0; i < sack->gaps_n; i++) {
        const uint16_t start = minke__read_u16(&r);
        const uint16_t end = minke__read_u16(&r);
        if (start < 2 || end < start || sack->cumulative + end >= sctp->out.flight.next) return false;
    }
    return !r.failed;
}

static bool read_sack(const minke_sctp_t *sctp, minke_reader_t body, sack_t *sack)
{
    sack->cumulative = minke__tsn_unwrap(sctp->out.flight.base - 1, minke__read_u32(&body));
    sack->window = minke__read_u32(&body);
    sack->gaps_n = minke__read_u16(&body);
    sack->duplicates_n = minke__read_u16(&body);
    sack->gaps = minke__read_sub(&body, (size_t)4 * sack->gaps_n);
    sack->duplicates = body;
    return !sack->gaps.failed && sack->cumulative < sctp->out.flight.next && are_blocks_valid(sctp, sack);
}

static void measure(minke_sctp_t *sctp, const ack_t *ack, minke_time_t now)
{
    if (ack->newest == 0) return;
    if (ack->newest > sctp->out.newest_acked) {
        sctp->out.newest_acked = ack->newest;
        sctp->out.recovery.newest_rtt = minke__sctp_since(ack->newest_at, now);
    }
    if (ack->newest_first_time) minke__rtt_sample(&sctp->out.rtt, minke__sctp_since(ack->newest_at, now));
}

static void note_window(minke_sctp_t *sctp, uint32_t window, bool progress)
{
    minke_flight_t *flight = &sctp->out.flight;
    sctp->out.peer_window = window;
    if (!sctp->out.window_probe) return;
    if (!progress && window < flight->in_flight + flight->lost_bytes) return;
    sctp->out.window_probe = false;
    /* The window is open again and the probe was thrown away while it was not. */
    if (!progress) minke__flight_lose_all(flight);
}

static uint32_t at_most(uint64_t bytes) { return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX; }

static void acked(minke_sctp_t *sctp, const ack_t *ack)
{
    if (ack->bytes == 0) return;
    sctp->out.bytes_acked += ack->bytes;
    sctp->out.rtt.backoff = 0;
    sctp->out.probed = false;
}

static void read_duplicates(minke_sctp_t *sctp, const sack_t *sack, minke_time_t now)
{
    minke_reader_t r = sack->duplicates;
    for (unsigned i = 0; i < sack->duplicates_n; i++) {
        const uint32_t tsn = minke__read_u32(&r);
        if (r.failed) return;
        minke__sctp_note_duplicate(sctp, minke__tsn_unwrap(sack->cumulative, tsn), now);
    }
}

/* What was sent after the loss arrives: what flies has come down. */
static void reduce(minke_sctp_t *sctp, const ack_t *ack, bool clean)
{
    minke_reduction_t *reduction = &sctp->out.recovery.reduction;
    const minke_flight_t *flight = &sctp->out.flight;
    if (sctp->out.newest_acked > sctp->out.recovery.through || minke__flight_empty(flight)) reduction->on = false;
    minke__reduction_acked(reduction, at_most(ack->bytes), flight->in_flight, sctp->out.congestion.unit, clean);
}

/* After the losses: what a SACK acknowledges beside showing a loss makes nothing grow. */
static void adapt(minke_sctp_t *sctp, const ack_t *ack, bool lost, minke_time_t now)
{
    if (ack->bytes == 0) return;
    const minke_rtt_t *rtt = &sctp->out.rtt;
    minke_congestion_t *congestion = &sctp->out.congestion;
    minke_rate_sample_t sample = {.valid = false};
    const bool paced = rtt->minimum >= MINKE_PACING_RTT_MIN;
    if (congestion->algorithm->modelled) sample = minke__delivery_sample(&sctp->out.delivery, rtt->minimum);
    const minke_congestion_ack_t told = {.now = now,
                                         .round_trip = ack->newest_first_time ? rtt->latest : 0,
                                         .smoothed_rtt = rtt->smoothed,
                                         .newest = sctp->out.newest_acked,
                                         .packets = sctp->out.packets,
                                         .bytes = at_most(ack->bytes),
                                         .growth = lost ? 0 : at_most(ack->growth),
                                         .in_flight_before = ack->in_flight_before,
                                         .in_flight = sctp->out.flight.in_flight,
                                         .sample = &sample,
                                         .paced = paced,
                                         .limited = sctp->out.blocked >= sctp->out.newest_acked};
    congestion->algorithm->on_acked(congestion, &told);
    minke__pacer_set_rate(&sctp->out.pacer, paced ? congestion->algorithm->rate(congestion, rtt->smoothed) : 0, now);
}

static void apply(minke_sctp_t *sctp, const sack_t *sack, minke_time_t now)
{
    minke_flight_t *flight = &sctp->out.flight;
    const uint64_t base_before = flight->base, losses_before = sctp->out.losses;
    ack_t ack = {.in_flight_before = flight->in_flight};
    if (sctp->out.congestion.algorithm->modelled) minke__sctp_note_limits(sctp);
    ack_through(sctp, &ack, sack->cumulative, now);
    minke_reader_t r = sack->gaps;
    for (unsigned i = 0; i < sack->gaps_n; i++) {
        const uint64_t start = sack->cumulative + minke__read_u16(&r);
        const uint64_t end = sack->cumulative + minke__read_u16(&r);
        ack_block(sctp, &ack, start, end, now);
    }
    if (!minke__flight_empty(flight) && minke__flight_at(flight, flight->base)->state == MINKE_SENT_ACKED) {
        minke__flight_renege(flight);
    }
    measure(sctp, &ack, now);
    if (sack->duplicates_n > 0) read_duplicates(sctp, sack, now);
    acked(sctp, &ack);
    minke__sctp_undo(sctp, ack.original_lived, ack.growth > 0);
    note_window(sctp, sack->window, ack.bytes > 0);
    minke__sctp_probe_acked(sctp, sack->duplicates_n > 0, ack.in_flight_before, now);
    minke__sctp_detect_losses(sctp, ack.in_flight_before, now);
    const bool lost = sctp->out.losses != losses_before;
    reduce(sctp, &ack, !lost && flight->base != base_before);
    adapt(sctp, &ack, lost, now);
    if (flight->base != base_before) sctp->resets.check = true;
    minke__flight_trim(flight);
    minke__sctp_timers_sack(sctp, ack.bytes > 0, sack->window < sctp->options.packet_max, now);
}

void minke__sctp_recv_sack(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now)
{
    sack_t sack;
    if (!read_sack(sctp, body, &sack)) {
        sctp->env->counters->sctp_malformed++;
        return;
    }
    if (sack.cumulative + 1 < sctp->out.flight.base) return; /* overtaken by a later one */
    apply(sctp, &sack, now);
}

void minke__sctp_recv_cumulative(minke_sctp_t *sctp, uint32_t tsn, minke_time_t now)
{
    const sack_t sack = {.cumulative = minke__tsn_unwrap(sctp->out.flight.base - 1, tsn),
                         .window = sctp->out.peer_window};
    if (sack.cumulative + 1 < sctp->out.flight.base || sack.cumulative >= sctp->out.flight.next) return;
    apply(sctp, &sack, now);
}
