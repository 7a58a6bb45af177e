/*
 * Every timer of an association. No other file sets one.
 *
 *   SETUP       INIT or COOKIE ECHO unanswered (RFC 9260 5.1 T1): again after 500 ms, doubling up to 3 s
 *   HANDSHAKE   set-up as a whole takes too long: ends
 *   RETRANSMIT  T3-rtx (6.3): data outstanding and nothing acknowledged for RTO: everything is lost
 *   PROBE       tail loss probe (RFC 8985 7): some two round trips of silence after the last packet, or when T3 would
 *               expire: one more packet, and T3 starts anew
 *   REORDER     a packet was overtaken; when this passes it is lost, not late (RFC 8985 6.2 step 5)
 *   PACE        data may leave, but not yet (pacing.h)
 *   SACK        delayed SACK (6.2)
 *   RECONFIG    our stream reset is unanswered, or the answer was "in progress" (RFC 6525 5.1.1)
 *   SILENT      data outstanding and nothing acknowledged for a long time: ends
 *   SHUTDOWN    the remote wants to end and we still have data: how long it waits
 *   WINDOW      memory is short, the window is shut: looks whether others have given some back
 */
#include "sctp/association.h"

enum {
    SETUP_FIRST = 500000,
    SETUP_MAX = 3000000,
    SACK_DELAY = 20000,
    SHUTDOWN_PATIENCE = 1000000,
    WINDOW_AGAIN = 100000,
    REST_AFTER = 1000000
};

/* The user may have ended the association from inside a callback, half-way through a chunk. */
static void set(minke_sctp_t *sctp, minke_sctp_timer_t timer, minke_time_t at)
{
    if (!minke__sctp_ended(sctp)) sctp->timers[timer] = at;
}

static void stop(minke_sctp_t *sctp, minke_sctp_timer_t timer) { sctp->timers[timer] = MINKE_TIME_NEVER; }
static bool is_set(const minke_sctp_t *sctp, minke_sctp_timer_t timer)
{
    return sctp->timers[timer] != MINKE_TIME_NEVER;
}

void minke__sctp_timers_stop(minke_sctp_t *sctp)
{
    for (unsigned i = 0; i < MINKE_TIMERS_N; i++) sctp->timers[i] = MINKE_TIME_NEVER;
}

void minke__sctp_timers_connecting(minke_sctp_t *sctp, minke_time_t now)
{
    set(sctp, MINKE_TIMER_HANDSHAKE, now + sctp->options.handshake_after);
}

void minke__sctp_timers_setup_sent(minke_sctp_t *sctp, minke_time_t now)
{
    const unsigned doublings = sctp->setup.tries < 3 ? sctp->setup.tries : 3;
    const minke_time_t after = (minke_time_t)SETUP_FIRST << doublings;
    sctp->setup.tries++;
    set(sctp, MINKE_TIMER_SETUP, now + (after < SETUP_MAX ? after : SETUP_MAX));
}

static void start_data_timers(minke_sctp_t *sctp, minke_time_t now)
{
    if (!is_set(sctp, MINKE_TIMER_RETRANSMIT)) {
        set(sctp, MINKE_TIMER_RETRANSMIT, now + minke__rtt_timeout(&sctp->out.rtt));
    }
    if (!is_set(sctp, MINKE_TIMER_SILENT)) set(sctp, MINKE_TIMER_SILENT, now + sctp->options.silent_after);
}

void minke__sctp_timers_setup_done(minke_sctp_t *sctp, minke_time_t now)
{
    stop(sctp, MINKE_TIMER_SETUP);
    stop(sctp, MINKE_TIMER_HANDSHAKE);
    if (!minke__flight_empty(&sctp->out.flight)) start_data_timers(sctp, now);
}

/* One probe per flight: if it does not help, T3 takes over. */
static void start_probe(minke_sctp_t *sctp, minke_time_t now)
{
    const minke_time_t after = minke__rtt_probe_after(&sctp->out.rtt);
    stop(sctp, MINKE_TIMER_PROBE);
    if (after == 0 || sctp->out.probed || sctp->out.window_probe || sctp->out.flight.in_flight == 0) return;
    const minke_time_t at = now + after, timeout_at = sctp->timers[MINKE_TIMER_RETRANSMIT];
    set(sctp, MINKE_TIMER_PROBE, at < timeout_at ? at : timeout_at);
}

void minke__sctp_timers_data_sent(minke_sctp_t *sctp, minke_time_t now)
{
    if (!minke__sctp_up(sctp)) return; /* with COOKIE ECHO: its timer covers the data as well */
    start_data_timers(sctp, now);
    start_probe(sctp, now);
}

void minke__sctp_timers_sack(minke_sctp_t *sctp, bool progress, bool alive, minke_time_t now)
{
    if (minke__flight_empty(&sctp->out.flight)) {
        stop(sctp, MINKE_TIMER_RETRANSMIT);
        stop(sctp, MINKE_TIMER_PROBE);
        stop(sctp, MINKE_TIMER_SILENT);
        return;
    }
    if (progress) {
        set(sctp, MINKE_TIMER_RETRANSMIT, now + minke__rtt_timeout(&sctp->out.rtt));
        start_probe(sctp, now);
    }
    if (progress || alive) set(sctp, MINKE_TIMER_SILENT, now + sctp->options.silent_after);
}

void minke__sctp_timers_reorder(minke_sctp_t *sctp, minke_time_t at) { set(sctp, MINKE_TIMER_REORDER, at); }

void minke__sctp_timers_pace(minke_sctp_t *sctp, minke_time_t at) { set(sctp, MINKE_TIMER_PACE, at); }

void minke__sctp_timers_sack_delayed(minke_sctp_t *sctp, minke_time_t now)
{
    if (!is_set(sctp, MINKE_TIMER_SACK)) set(sctp, MINKE_TIMER_SACK, now + SACK_DELAY);
}

void minke__sctp_timers_sack_sent(minke_sctp_t *sctp) { stop(sctp, MINKE_TIMER_SACK); }

void minke__sctp_timers_reconfig(minke_sctp_t *sctp, minke_time_t after, minke_time_t now)
{
    set(sctp, MINKE_TIMER_RECONFIG, now + after);
}

void minke__sctp_timers_reconfig_stop(minke_sctp_t *sctp) { stop(sctp, MINKE_TIMER_RECONFIG); }

void minke__sctp_timers_shutdown(minke_sctp_t *sctp, minke_time_t now)
{
    set(sctp, MINKE_TIMER_SHUTDOWN, now + SHUTDOWN_PATIENCE);
}

void minke__sctp_timers_window(minke_sctp_t *sctp, minke_time_t now)
{
    if (!is_set(sctp, MINKE_TIMER_WINDOW)) set(sctp, MINKE_TIMER_WINDOW, now + WINDOW_AGAIN);
}

static void setup_timeout(minke_sctp_t *sctp)
{
    if (sctp->state == MINKE_SCTP_COOKIE_WAIT) sctp->setup.init_due = true;
    if (sctp->state != MINKE_SCTP_COOKIE_ECHOED) return;
    sctp->setup.cookie_due = true;
    minke__flight_lose_all(&sctp->out.flight); /* what was bundled goes with it again */
}

static void probe_timeout(minke_sctp_t *sctp, minke_time_t now)
{
    sctp->out.probe_due = true;
    sctp->out.probed = true;
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_TAIL_PROBE, NULL, 0);
    set(sctp, MINKE_TIMER_RETRANSMIT, now + minke__rtt_timeout(&sctp->out.rtt));
}

static void expire(minke_sctp_t *sctp, minke_sctp_timer_t timer, minke_time_t now)
{
    switch (timer) {
    case MINKE_TIMER_SETUP: setup_timeout(sctp); break;
    case MINKE_TIMER_HANDSHAKE:
        minke__sctp_fail(sctp, MINKE_CAUSE_USER_INITIATED, MINKE_ERROR_TIMEOUT, "set-up took too long", now);
        break;
    case MINKE_TIMER_RETRANSMIT: minke__sctp_retransmit_timeout(sctp, now); break;
    case MINKE_TIMER_PROBE: probe_timeout(sctp, now); break;
    case MINKE_TIMER_REORDER: minke__sctp_reorder_timeout(sctp, now); break;
    case MINKE_TIMER_PACE: break; /* transmit follows */
    case MINKE_TIMER_SACK: sctp->in.sack_due = true; break;
    case MINKE_TIMER_RECONFIG: minke__sctp_reset_timeout(sctp, now); break;
    case MINKE_TIMER_SILENT:
        minke__sctp_fail(sctp, MINKE_CAUSE_USER_INITIATED, MINKE_ERROR_TIMEOUT, "data stayed unacknowledged", now);
        break;
    case MINKE_TIMER_WINDOW:
        minke__sctp_consumed(sctp, 0, now);
        if (minke__sctp_window_is_shut(sctp)) minke__sctp_timers_window(sctp, now);
        break;
    case MINKE_TIMER_SHUTDOWN: minke__sctp_finish_shutdown(sctp, true, now); break;
    case MINKE_TIMERS_N: break;
    }
}

minke_time_t minke__sctp_deadline(const minke_sctp_t *sctp)
{
    minke_time_t earliest = MINKE_TIME_NEVER;
    for (unsigned i = 0; i < MINKE_TIMERS_N; i++) {
        if (sctp->timers[i] < earliest) earliest = sctp->timers[i];
    }
    return earliest;
}

/* Who has been silent for so long has no use for records of what flies; the next message makes them anew. No timer is
 * set for this: whoever ticks for another reason, as the keep-alive of every connection does, comes by here. */
static void rest(minke_sctp_t *sctp, minke_time_t now)
{
    minke_flight_t *flight = &sctp->out.flight;
    if (flight->capacity == 0 || !minke__flight_empty(flight)) return;
    if (minke__sctp_since(sctp->out.last_sent_at, now) >= REST_AFTER) minke__flight_free(flight);
}

bool minke__sctp_is_at_rest(const minke_sctp_t *sctp) { return sctp->out.flight.capacity == 0; }

void minke__sctp_tick(minke_sctp_t *sctp, minke_time_t now)
{
    for (unsigned i = 0; i < MINKE_TIMERS_N && !minke__sctp_ended(sctp); i++) {
        if (!is_set(sctp, i) || sctp->timers[i] > now) continue;
        stop(sctp, i);
        expire(sctp, i, now);
    }
    rest(sctp, now);
}
