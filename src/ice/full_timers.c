/*
 * A full agent's timers, and what goes out when:
 *
 *   handshake   CHECKING only. No pair works within handshake_after: failed (RFC 8863: not earlier, whatever the state
 *               of the pairs; candidates may still come, and addresses show themselves).
 *   check       one per pair: 0.5 s from the first transmission to the second, then 1 s, then every 1.6 s, after half a
 *               minute every 10 s, for as long as the handshake lasts, since a NAT lets the remote's checks in only
 * after ours have gone out. To an address that was only seen, and once we are connected, seven times (RFC 8445 14.3,
 * RFC 8489 6.2.1). gathering   gather.c slot        what is not urgent leaves 50 ms after the last such datagram at the
 * earliest (Ta, RFC 8445 14.2): new pairs by priority, repeated checks and questions to servers by age, in turns.
 *   nomination  nomination.c
 *   consent     CONNECTED only. A check on the selected pair 5 s, +-20 %, after the last answer; unanswered, again
 * after 1 to 2.5 s. No answer for consent_after: failed (RFC 7675 5.1). Data that comes in is not consent to send.
 */
#include "ice/full.h"

static const minke_time_t pace = 50 * 1000;
static const minke_time_t first_wait = 500 * 1000;
static const minke_time_t longest_wait = 1600 * 1000;

/* Where people carry the answer it takes minutes. From the 25th try on, half a minute later, a check is there to keep
 * our NAT open for the remote's, and what a remote IP may be sent without an answer (check_list.c) lasts. */
static const minke_time_t patient_wait = 10 * 1000 * 1000;

enum { TRIES_MAX = 7, HASTY_TRIES = 24 };

static size_t write_check(const minke_ice_agent_t *agent, const minke_full_pair_t *pair, uint8_t *out, size_t capacity)
{
    const uint16_t preference = agent->full->bases[pair->base].local_preference;
    const minke_check_t check = {
        .transaction_id = pair->check.id,
        .left = agent->remote.ufrag,
        .left_len = agent->remote.ufrag_len,
        .right = agent->local.ufrag,
        .right_len = agent->local.ufrag_len,
        .pwd = agent->remote.pwd,
        .pwd_len = agent->remote.pwd_len,
        .controlling = agent->controlling,
        .use_candidate = pair->check.nominates,
        .tie_breaker = agent->tie_breaker,
        .priority = minke__candidate_priority(MINKE_CANDIDATE_PRFLX, preference),
    };
    return minke__check_write(&check, out, capacity);
}

static bool is_given_up(const minke_ice_agent_t *agent, const minke_full_pair_t *pair)
{
    const bool named = agent->full->remotes[pair->remote].type != MINKE_CANDIDATE_PRFLX;
    const bool for_good = agent->state == MINKE_ICE_CHECKING && named;
    return pair->tries >= TRIES_MAX && !for_good;
}

static minke_time_t next_try_at(const minke_full_pair_t *pair, minke_time_t now)
{
    if (!pair->repeats) return MINKE_TIME_NEVER;
    if (pair->tries > HASTY_TRIES) return minke__ice_later(now, patient_wait);
    const minke_time_t wait = pair->tries < 3 ? first_wait << (pair->tries - 1) : longest_wait;
    return minke__ice_later(now, wait < longest_wait ? wait : longest_wait);
}

/* It has had its chances. A pair that works is not given up for a question, but if the question was its nomination. */
static void give_up(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now)
{
    pair->check_at = MINKE_TIME_NEVER;
    pair->urgent = pair->repeats = false;
    if (pair->state != MINKE_FULL_PAIR_SUCCEEDED || pair->check.nominates) minke__full_pair_failed(agent, pair, now);
}

/* 0: it was given up. Either way the next time is set, so that a loop over due checks ends. */
static size_t send_check(minke_ice_agent_t *agent, minke_full_pair_t *pair, uint8_t *out, size_t capacity,
                         minke_path_t *path, minke_time_t now)
{
    minke_full_remote_t *remote = &agent->full->remotes[pair->remote];
    const bool works = pair->state == MINKE_FULL_PAIR_SUCCEEDED;
    const bool spent = !works && minke__full_budget(agent->full, remote) == 0;
    if (spent) agent->env->counters->amplification_held++;
    if (spent || is_given_up(agent, pair)) {
        give_up(agent, pair, now);
        return 0;
    }
    if (pair->tries < UINT8_MAX) pair->tries++;
    if (!works) pair->state = MINKE_FULL_PAIR_IN_PROGRESS;
    pair->urgent = false;
    pair->sent_at = now;
    pair->check_at = next_try_at(pair, now);
    if (remote->unanswered < UINT8_MAX) remote->unanswered++; /* consent is bounded by its time */
    agent->full->checks_sent++;
    minke__full_path(agent->full, pair, path);
    return write_check(agent, pair, out, capacity);
}

static minke_full_pair_t *urgent_pair(const minke_ice_full_t *full, minke_time_t now)
{
    for (size_t i = 0; i < full->pairs_n; i++) {
        if (full->pairs[i].urgent && full->pairs[i].check_at <= now) return &full->pairs[i];
    }
    return NULL;
}

static minke_full_pair_t *best_waiting(const minke_ice_full_t *full, minke_time_t now)
{
    minke_full_pair_t *best = NULL;
    for (size_t i = 0; i < full->pairs_n; i++) {
        minke_full_pair_t *pair = &full->pairs[i];
        if (pair->state != MINKE_FULL_PAIR_WAITING || pair->check_at > now) continue;
        if (best == NULL || pair->priority > best->priority) best = pair;
    }
    return best;
}

static minke_full_pair_t *longest_due(const minke_ice_full_t *full, minke_time_t now)
{
    minke_full_pair_t *longest = NULL;
    for (size_t i = 0; i < full->pairs_n; i++) {
        minke_full_pair_t *pair = &full->pairs[i];
        if (pair->state == MINKE_FULL_PAIR_WAITING || pair->check_at > now) continue;
        if (longest == NULL || pair->check_at < longest->check_at) longest = pair;
    }
    return longest;
}

/* The next of the three kinds whose turn it is. False: nothing is due. `len` may be 0: given up instead. */
static bool take_turn(minke_ice_agent_t *agent, uint8_t *out, size_t capacity, minke_path_t *path, minke_time_t now,
                      size_t *len)
{
    enum { NEW, REPEATED, GATHERING, KINDS };
    minke_ice_full_t *full = agent->full;
    for (int i = 0; i < KINDS; i++) {
        const int kind = (full->turn + i) % KINDS;
        minke_full_gather_t *gather = kind == GATHERING ? minke__full_next_gather(full) : NULL;
        minke_full_pair_t *pair = NULL;
        if (gather != NULL && gather->send_at > now) gather = NULL;
        if (full->remote_known && kind == NEW) pair = best_waiting(full, now);
        if (full->remote_known && kind == REPEATED) pair = longest_due(full, now);
        if (pair == NULL && gather == NULL) continue;
        full->turn = (uint8_t)((kind + 1) % KINDS);
        *len = pair != NULL ? send_check(agent, pair, out, capacity, path, now)
                            : minke__full_gather_send(agent, gather, out, capacity, path, now);
        return true;
    }
    return false;
}

size_t minke__full_transmit(minke_ice_agent_t *agent, uint8_t *out, size_t capacity, minke_path_t *path,
                            minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    size_t len = 0;
    for (minke_full_pair_t *pair; full->remote_known && (pair = urgent_pair(full, now)) != NULL;) {
        len = send_check(agent, pair, out, capacity, path, now);
        if (len > 0) return len;
    }
    if (full->slot_at > now) return 0;
    while (len == 0 && take_turn(agent, out, capacity, path, now, &len)) continue;
    if (len > 0) full->slot_at = minke__ice_later(now, pace);
    return len;
}

static minke_time_t consent_at(const minke_ice_agent_t *agent)
{
    const minke_full_pair_t *selected = minke__full_pair_at(agent->full, agent->full->selected);
    const minke_time_t answered_at = selected != NULL ? selected->answered_at : agent->received_at;
    return minke__ice_later(answered_at, agent->consent_after);
}

static void ask_for_consent(minke_ice_agent_t *agent, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    if (full->consents_unanswered > 0) {
        minke__trace(agent->env, now, agent->connection, MINKE_TRACE_ICE_SILENT, NULL, now - agent->received_at);
        minke__full_leave_silent(agent, now);
    }
    minke_full_pair_t *pair = minke__full_pair_at(full, full->selected);
    /* USE-CANDIDATE again, so that the remote follows if our NAT has given us another port meanwhile. A check that is
     * being repeated anyway is left alone. */
    const bool nominates = agent->controlling && pair != NULL && pair->nominated;
    if (pair != NULL && !pair->repeats) minke__full_start_check(agent, pair, nominates, false, now);
    if (full->consents_unanswered < UINT8_MAX) full->consents_unanswered++;
    agent->keepalive_at = minke__ice_later(now, minke__ice_ask_again_after(agent));
}

void minke__full_tick(minke_ice_agent_t *agent, minke_time_t now)
{
    if (agent->state == MINKE_ICE_CHECKING && agent->handshake_at <= now) minke__full_fail_unconnected(agent, now);
    if (agent->state != MINKE_ICE_CONNECTED) return;
    if (consent_at(agent) <= now) {
        minke__ice_fail_consent(agent, now);
        return;
    }
    minke__full_nominate(agent, now);
    if (agent->keepalive_at <= now) ask_for_consent(agent, now);
}

static minke_time_t earlier(minke_time_t a, minke_time_t b) { return a < b ? a : b; }
static minke_time_t later(minke_time_t a, minke_time_t b) { return a > b ? a : b; }

minke_time_t minke__full_deadline(const minke_ice_agent_t *agent)
{
    const minke_ice_full_t *full = agent->full;
    minke_time_t at = agent->handshake_at;
    if (agent->state == MINKE_ICE_CONNECTED)
        at = earlier(full->nominate_at, earlier(agent->keepalive_at, consent_at(agent)));
    for (size_t i = 0; full->remote_known && i < full->pairs_n; i++) {
        const minke_full_pair_t *pair = &full->pairs[i];
        at = earlier(at, pair->urgent ? pair->check_at : later(pair->check_at, full->slot_at));
    }
    const minke_full_gather_t *gather = minke__full_next_gather(full);
    return gather != NULL ? earlier(at, later(gather->send_at, full->slot_at)) : at;
}
