/*
 * SACK in: what has arrived, what has not, how long it took.
 *
 * Losses are found the way QUIC finds them (RFC 9002 6.1; the same idea as RACK, RFC 8985): a chunk is lost when a
 * packet sent later has arrived and either three packets lie between them, or more time has passed than reordering
 * explains. RFC 9260's rule of three miss indications (7.2.4) counts SACKs instead of packets, which would be slow
 * with a remote that sends one SACK per train, and it gives up on a retransmission that is lost again: this does not.
 */
#include "sctp/association.h"

enum { LOST_AFTER_PACKETS = 3, REORDER_STEPS_MAX = 7 };

typedef struct ack {
    uint64_t bytes;         /* newly acknowledged */
    uint64_t growth;        /* of these, sent after the last loss event began */
    uint64_t newest;        /* number of the newest packet among them */
    minke_time_t newest_at; /* and when it left */
    bool newest_first_time; /* and whether its round trip is unambiguous (Karn) */
    bool original_lived;    /* a chunk thought lost was acknowledged without having been sent again */
} ack_t;

/* -- acknowledgement ---------------------------------------------------------------------------------------------- */

static void note_acked(minke_sctp_t *sctp, ack_t *ack, const minke_sent_t *sent, minke_time_t now)
{
    ack->bytes += sent->len;
    if (sent->large) sctp->path.large_acked_at = now;
    if (sent->state == MINKE_SENT_LOST && sent->sent_n == 1) ack->original_lived = true;
    if (sent->packet > sctp->out.recovery) ack->growth += sent->len;
    /* A retransmission acknowledged faster than light was not it but the original (RFC 8985 6.2 step 2). */
    if (sent->sent_n > 1 && minke__sctp_since(sent->at, now) < sctp->out.rtt.minimum) return;
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

/* -- losses ------------------------------------------------------------------------------------------------------- */

static void loss_event(minke_sctp_t *sctp, uint64_t packet, minke_time_t now)
{
    if (packet <= sctp->out.recovery) return; /* of a round trip that has been paid for */
    sctp->out.recovery = sctp->out.packets;
    sctp->out.grace = true; /* RFC 9260 7.2.4: the first retransmission leaves whatever the window says */
    sctp->out.congestion.algorithm->on_loss(&sctp->out.congestion, now);
    sctp->out.losses++;
    sctp->env->counters->sctp_fast_recoveries++;
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_RECOVERY, NULL, sctp->out.congestion.window);
}

/* Acknowledgements come, but for a whole timeout none of a large chunk. */
static bool is_silent_for_large(const minke_sctp_t *sctp, minke_time_t now)
{
    return minke__sctp_since(sctp->path.large_acked_at, now) > minke__rtt_base_timeout(&sctp->out.rtt);
}

void minke__sctp_detect_losses(minke_sctp_t *sctp, minke_time_t now)
{
    minke_flight_t *flight = &sctp->out.flight;
    const minke_time_t patience = minke__rtt_reorder_after(&sctp->out.rtt, sctp->out.reorder_steps);
    const uint64_t distance = (uint64_t)LOST_AFTER_PACKETS << (sctp->out.reorder_steps / 2);
    minke_time_t look_again_at = MINKE_TIME_NEVER;
    while (flight->flying.first != 0) {
        const uint64_t tsn = flight->flying.first;
        const minke_sent_t *sent = minke__flight_at(flight, tsn);
        if (sent->packet >= sctp->out.newest_acked) break;
        if (sctp->out.newest_acked - sent->packet < distance && now < sent->at + patience) {
            look_again_at = sent->at + patience;
            break;
        }
        loss_event(sctp, sent->packet, now);
        if (sent->large && sent->sent_n > 1 && is_silent_for_large(sctp, now)) minke__sctp_black_hole(sctp, now);
        minke__flight_lose(flight, tsn);
    }
    minke__sctp_timers_reorder(sctp, look_again_at);
}

/* RFC 9260 6.3.3. What went out only to try the remote's window says nothing about the path. */
void minke__sctp_retransmit_timeout(minke_sctp_t *sctp, minke_time_t now)
{
    minke_flight_t *flight = &sctp->out.flight;
    if (minke__flight_empty(flight)) return;
    sctp->out.rtt.backoff++;
    if (!sctp->out.window_probe) {
        sctp->out.timeouts++;
        sctp->env->counters->sctp_timeouts++;
        if (!sctp->out.may_undo) sctp->out.before_timeout = sctp->out.congestion;
        sctp->out.may_undo = true;
        sctp->out.congestion.algorithm->on_timeout(&sctp->out.congestion, now);
        sctp->out.recovery = sctp->out.packets;
        /* Once may be a pause of the remote's machine. */
        if (sctp->out.rtt.backoff > 1) minke__sctp_black_hole(sctp, now);
        minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_TIMEOUT, NULL, sctp->out.rtt.backoff);
    } else {
        minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_WINDOW_PROBE, NULL, sctp->out.rtt.backoff);
    }
    minke__flight_lose_all(flight);
    sctp->out.probe_due = false;
    minke__sctp_timers_reorder(sctp, MINKE_TIME_NEVER);
}

/* Duplicates that follow retransmissions: those were not needed, the path reorders. */
static void note_duplicates(minke_sctp_t *sctp, minke_time_t now)
{
    const minke_time_t round_trip = sctp->out.rtt.smoothed;
    if (sctp->out.last_resent_at == 0 || minke__sctp_since(sctp->out.last_resent_at, now) > 2 * round_trip) return;
    if (minke__sctp_since(sctp->out.reordered_at, now) < round_trip || sctp->out.reorder_steps >= REORDER_STEPS_MAX)
        return;
    sctp->out.reordered_at = now;
    sctp->out.reorder_steps++;
}

/* -- the chunk ---------------------------------------------------------------------------------------------------- */

typedef struct sack {
    uint64_t cumulative;
    uint32_t window;
    uint16_t gaps_n, duplicates_n;
    minke_reader_t gaps;
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
    return !sack->gaps.failed && sack->cumulative < sctp->out.flight.next && are_blocks_valid(sctp, sack);
}

static void measure(minke_sctp_t *sctp, const ack_t *ack, minke_time_t now)
{
    if (ack->newest == 0) return;
    if (ack->newest > sctp->out.newest_acked) sctp->out.newest_acked = ack->newest;
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

/* T3 fired, then the originals turned out to have arrived: the path was slow, not lossy (the idea of RFC 3522). */
static void undo_timeout(minke_sctp_t *sctp, const ack_t *ack)
{
    if (!sctp->out.may_undo) return;
    if (ack->original_lived) {
        sctp->out.congestion = sctp->out.before_timeout;
        sctp->out.congestion.unit = minke__sctp_payload_max(sctp); /* packets may be smaller meanwhile */
    }
    if (ack->original_lived || ack->growth > 0) sctp->out.may_undo = false;
}

static void acked(minke_sctp_t *sctp, const ack_t *ack, uint32_t in_flight_before, minke_time_t now)
{
    if (ack->bytes == 0) return;
    minke_congestion_t *congestion = &sctp->out.congestion;
    sctp->out.bytes_acked += ack->bytes;
    sctp->out.rtt.backoff = 0;
    sctp->out.probed = false;
    undo_timeout(sctp, ack);
    const bool was_full = in_flight_before >= congestion->window / 2;
    if (was_full && ack->growth > 0) {
        congestion->algorithm->on_acked(congestion, (uint32_t)ack->growth, sctp->out.rtt.smoothed, now);
    }
}

static void apply(minke_sctp_t *sctp, const sack_t *sack, minke_time_t now)
{
    minke_flight_t *flight = &sctp->out.flight;
    const uint32_t in_flight_before = flight->in_flight;
    const uint64_t base_before = flight->base;
    ack_t ack = {0};
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
    acked(sctp, &ack, in_flight_before, now);
    note_window(sctp, sack->window, ack.bytes > 0);
    if (sack->duplicates_n > 0) note_duplicates(sctp, now);
    minke__sctp_detect_losses(sctp, now);
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
