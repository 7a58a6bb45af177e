/*
 * What was lost, and whether it really was.
 *
 * Losses are found by time, RACK (RFC 8985): what was sent before a packet that has arrived, and takes longer than that
 * one and a reordering window, is lost; a retransmission as well, again and again. RFC 9260's rule of three miss
 * indications (7.2.4) counts SACKs, which would be slow with a remote that sends one per train.
 *
 *     no reordering seen yet   lost at once if three packets lie between, or during a recovery; else min RTT / 4 later
 *     reordering seen          min RTT / 4 later, and more with every round trip in which duplicates came back
 */
#include "sctp/association.h"

enum {
    LOST_AFTER_PACKETS = 3,
    REORDER_STEPS_MAX = 15,
    CALM_RECOVERIES = 16, /* without duplicates, until the reordering window is small again */
    REORDER_WINDOW_MIN = 1000
};

/* -- undo --------------------------------------------------------------------------------------------------------- */

static void remember(minke_sctp_t *sctp, minke_undo_t kind)
{
    minke_recovery_t *r = &sctp->out.recovery;
    /* Timeouts in a row go back to before the first. */
    if (kind != MINKE_UNDO_TIMEOUT || r->undo != MINKE_UNDO_TIMEOUT) r->before = sctp->out.congestion;
    r->undo = kind;
    r->through_before = r->through;
    r->lost_n = r->lived_n = r->overtook_n = r->duplicates_n = 0;
    r->first_lost = 0;
}

/* Every chunk that was thought lost has turned out to have arrived: acknowledged before it was sent again, or too soon
 * afterwards; or its retransmission was a duplicate (RFC 3708, RFC 8985 6.2). */
static bool none_was_lost(const minke_recovery_t *r)
{
    if (r->lost_n == 0) return false;
    return r->lived_n + r->overtook_n >= r->lost_n || r->lived_n + r->duplicates_n >= r->lost_n;
}

void minke__sctp_undo(minke_sctp_t *sctp, bool original_lived, bool progress)
{
    minke_recovery_t *r = &sctp->out.recovery;
    minke_congestion_t *congestion = &sctp->out.congestion;
    if (r->undo == MINKE_UNDO_NONE) return;
    /* T3 fired, then an original turned out to have arrived: the path was slow, not lossy (the idea of RFC 3522). */
    const bool spurious = r->undo == MINKE_UNDO_TIMEOUT ? original_lived : none_was_lost(r);
    const bool smaller = congestion->window < r->before.window; /* RFC 9438 4.9.2 */
    if (spurious && (smaller || congestion->algorithm->modelled)) {
        if (congestion->algorithm->on_undone != NULL) congestion->algorithm->on_undone(congestion);
        else *congestion = r->before;
        congestion->unit = minke__sctp_payload_max(sctp); /* packets may be smaller meanwhile */
        r->reduction.on = false;
        r->through = r->through_before;
        sctp->out.undone++;
    }
    if (spurious || (r->undo == MINKE_UNDO_TIMEOUT && progress)) r->undo = MINKE_UNDO_NONE;
}

/* RFC 8985 6.2 step 4. Duplicates that follow retransmissions: those were not needed. */
void minke__sctp_note_duplicate(minke_sctp_t *sctp, uint64_t tsn, minke_time_t now)
{
    minke_recovery_t *r = &sctp->out.recovery;
    const minke_time_t round_trip = sctp->out.rtt.smoothed;
    if (tsn == r->probe_tsn || tsn < r->first_lost || tsn >= r->tsn) return;
    if (sctp->out.last_resent_at == 0 || minke__sctp_since(sctp->out.last_resent_at, now) > 2 * round_trip) return;
    r->duplicates_n++;
    r->reorders = true;
    r->calm = CALM_RECOVERIES;
    if (minke__sctp_since(r->widened_at, now) < round_trip || r->steps >= REORDER_STEPS_MAX) return;
    r->widened_at = now;
    r->steps++;
}

/* -- losses ------------------------------------------------------------------------------------------------------- */

static void loss_event(minke_sctp_t *sctp, uint64_t packet, uint32_t in_flight, minke_time_t now)
{
    minke_recovery_t *r = &sctp->out.recovery;
    minke_congestion_t *congestion = &sctp->out.congestion;
    if (packet <= r->through) return; /* of a round trip that has been paid for */
    remember(sctp, MINKE_UNDO_LOSS);
    r->through = sctp->out.packets;
    r->tsn = sctp->out.flight.next;
    if (r->calm > 0 && --r->calm == 0) r->steps = 0;
    congestion->algorithm->on_loss(congestion, now);
    if (!congestion->algorithm->modelled) minke__reduction_begin(&r->reduction, in_flight, congestion->window);
    sctp->out.losses++;
    sctp->env->counters->sctp_fast_recoveries++;
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_RECOVERY, NULL, congestion->window);
}

static minke_time_t reordering_window(const minke_sctp_t *sctp, const minke_sent_t *sent)
{
    const minke_recovery_t *r = &sctp->out.recovery;
    const bool recovering = sctp->out.flight.base < r->tsn;
    if (!r->reorders && (recovering || sctp->out.newest_acked - sent->packet >= LOST_AFTER_PACKETS)) return 0;
    const minke_time_t most = sctp->out.rtt.smoothed;
    const minke_time_t window = sctp->out.rtt.minimum / 4 * (1 + r->steps);
    if (window < REORDER_WINDOW_MIN) return REORDER_WINDOW_MIN;
    return window < most || most < REORDER_WINDOW_MIN ? window : most;
}

static void tell_model(minke_sctp_t *sctp, const minke_sent_t *sent, minke_time_t now)
{
    minke_congestion_t *congestion = &sctp->out.congestion;
    minke_delivery_t *delivery = &sctp->out.delivery;
    const minke_delivery_packet_t *packet = minke__delivery_lost(delivery, sent->packet, sent->len);
    if (packet == NULL) return;
    const minke_congestion_lost_t lost = {.now = now,
                                          .packet = sent->packet,
                                          .lost = delivery->lost - packet->lost,
                                          .bytes = sent->len,
                                          .in_flight = packet->in_flight,
                                          .limited = packet->limited};
    congestion->algorithm->on_lost(congestion, &lost);
}

/* Acknowledgements come, but for a whole timeout none of a large chunk. */
static bool is_silent_for_large(const minke_sctp_t *sctp, minke_time_t now)
{
    return minke__sctp_since(sctp->path.large_acked_at, now) > minke__rtt_base_timeout(&sctp->out.rtt);
}

void minke__sctp_detect_losses(minke_sctp_t *sctp, uint32_t in_flight, minke_time_t now)
{
    minke_flight_t *flight = &sctp->out.flight;
    minke_recovery_t *r = &sctp->out.recovery;
    minke_time_t look_again_at = MINKE_TIME_NEVER;
    while (flight->flying.first != 0) {
        const uint64_t tsn = flight->flying.first;
        const minke_sent_t *sent = minke__flight_at(flight, tsn);
        if (sent->packet >= sctp->out.newest_acked) break;
        const minke_time_t window = reordering_window(sctp, sent);
        const minke_time_t lost_at = sent->at + r->newest_rtt + window;
        if (window > 0 && now < lost_at) {
            look_again_at = lost_at;
            break;
        }
        loss_event(sctp, sent->packet, in_flight, now);
        if (sctp->out.congestion.algorithm->modelled) tell_model(sctp, sent, now);
        if (r->first_lost == 0 || tsn < r->first_lost) r->first_lost = tsn;
        r->lost_n++;
        if (sent->large && sent->sent_n > 1 && is_silent_for_large(sctp, now)) minke__sctp_black_hole(sctp, now);
        minke__flight_lose(flight, tsn);
    }
    minke__sctp_timers_reorder(sctp, look_again_at);
}

void minke__sctp_reorder_timeout(minke_sctp_t *sctp, minke_time_t now)
{
    minke__sctp_detect_losses(sctp, sctp->out.flight.in_flight, now);
    minke__reduction_acked(&sctp->out.recovery.reduction, 0, sctp->out.flight.in_flight, sctp->out.congestion.unit,
                           false);
}

/* RFC 8985 7.4.2: the probe has repaired a loss that nothing else shows, unless its original was a duplicate of it. */
void minke__sctp_probe_acked(minke_sctp_t *sctp, bool duplicates, uint32_t in_flight, minke_time_t now)
{
    minke_recovery_t *r = &sctp->out.recovery;
    if (r->probe_tsn == 0) return;
    const minke_flight_t *flight = &sctp->out.flight;
    if (r->probe_tsn >= flight->base && minke__flight_at(flight, r->probe_tsn)->state != MINKE_SENT_ACKED) return;
    const bool too_soon = minke__sctp_since(r->probed_at, now) < sctp->out.rtt.minimum;
    if (!duplicates && !too_soon) loss_event(sctp, r->probe_packet, in_flight, now);
    r->probe_tsn = 0;
}

/* RFC 9260 6.3.3. What went out only to try the remote's window says nothing about the path. */
void minke__sctp_retransmit_timeout(minke_sctp_t *sctp, minke_time_t now)
{
    minke_flight_t *flight = &sctp->out.flight;
    minke_recovery_t *r = &sctp->out.recovery;
    if (minke__flight_empty(flight)) return;
    sctp->out.rtt.backoff++;
    if (!sctp->out.window_probe) {
        sctp->out.timeouts++;
        sctp->env->counters->sctp_timeouts++;
        remember(sctp, MINKE_UNDO_TIMEOUT);
        sctp->out.congestion.algorithm->on_timeout(&sctp->out.congestion, now);
        r->through = sctp->out.packets;
        r->tsn = flight->next;
        r->reduction.on = false;
        /* Once may be a pause of the remote's machine. */
        if (sctp->out.rtt.backoff > 1) minke__sctp_black_hole(sctp, now);
        minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_TIMEOUT, NULL, sctp->out.rtt.backoff);
    } else {
        minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_WINDOW_PROBE, NULL, sctp->out.rtt.backoff);
    }
    minke__flight_lose_all(flight);
    sctp->out.probe_due = false;
    r->probe_tsn = 0;
    minke__sctp_timers_reorder(sctp, MINKE_TIME_NEVER);
}
