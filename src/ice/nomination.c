/* Which pair carries data: before one is nominated, then, and when it falls silent (RFC 8445 8, RFC 7675). */
#include "ice/full.h"

/*
 * From the first pair that works to the nomination of the best one. Data flows meanwhile, so that the wait costs
 * nothing but a later switch; two more pairs have their turn in it, and whatever is as near as the first one is
 * answered.
 */
static const minke_time_t settle_after = 100 * 1000;
/* An answer this old does not say that data may go there now: a new one is wanted before a pair is switched to. */
static const minke_time_t fresh_for = 10 * 1000 * 1000;
/* The present pair has not been nominated for so long, while another is: browsers repeat it at least every 2.5 s, but
 * on the pairs that they still consider they do so every half a second. */
static const minke_time_t superseded_after = 1000 * 1000;
/* The remote is heard elsewhere, and not on the selected pair for so long: does it still work? */
static const minke_time_t doubted_after = 2500 * 1000;

enum { SILENT_CONSENTS = 2 }; /* so many unanswered: the selected pair is silent */

static bool works(const minke_full_pair_t *pair) { return pair->state == MINKE_FULL_PAIR_SUCCEEDED; }

static bool is_fresh(const minke_full_pair_t *pair, minke_time_t now)
{
    return works(pair) && !minke__ice_since(pair->answered_at, fresh_for, now);
}

/* Of those that work; of those that are fresh, if there are any. */
static minke_full_pair_t *best_working(const minke_ice_full_t *full, minke_time_t now)
{
    minke_full_pair_t *best = NULL;
    for (size_t i = 0; i < full->pairs_n; i++) {
        minke_full_pair_t *pair = &full->pairs[i];
        if (!works(pair)) continue;
        const bool fresher = best != NULL && is_fresh(pair, now) && !is_fresh(best, now);
        const bool staler = best != NULL && !is_fresh(pair, now) && is_fresh(best, now);
        if (best == NULL || fresher || (!staler && pair->priority > best->priority)) best = pair;
    }
    return best;
}

static void select_pair(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    const int8_t index = (int8_t)(pair - full->pairs);
    if (full->selected == index) return;
    minke__full_trace(agent, now, MINKE_TRACE_ICE_PAIR_SELECTED, pair, full->selected >= 0);
    full->selected = index;
    full->consents_unanswered = 0;
    minke__ice_arm_keepalive(agent, now);
}

/* RFC 8445 8.1.2. Checks that the remote triggers go on: browsers change their minds. */
static void stop_ordinary_checks(minke_ice_full_t *full)
{
    for (size_t i = 0; i < full->pairs_n; i++) {
        minke_full_pair_t *pair = &full->pairs[i];
        if (pair->urgent || works(pair)) continue;
        pair->check_at = MINKE_TIME_NEVER;
        pair->repeats = false;
    }
}

/* The pair is nominated, and that is heeded. */
static void settle(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    pair->nominated = pair->followed = true;
    full->nominate_at = MINKE_TIME_NEVER;
    select_pair(agent, pair, now);
    if (!full->settled) stop_ordinary_checks(full);
    full->settled = true;
}

static void nominate_pair(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now)
{
    agent->full->nominee = (int8_t)(pair - agent->full->pairs);
    agent->full->nominate_at = MINKE_TIME_NEVER;
    minke__full_start_check(agent, pair, true, true, now);
}

/* Nothing better can come: neither a candidate nor an answer. */
static bool is_best_possible(const minke_ice_full_t *full, const minke_full_pair_t *best)
{
    for (size_t i = 0; i < full->pairs_n; i++) {
        const minke_full_pair_t *pair = &full->pairs[i];
        const bool pending = pair->state == MINKE_FULL_PAIR_WAITING || pair->state == MINKE_FULL_PAIR_IN_PROGRESS;
        if (pending && pair->priority > best->priority) return false;
    }
    return full->remote_ended;
}

void minke__full_nominate(minke_ice_agent_t *agent, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    if (!agent->controlling || full->settled || full->nominee >= 0 || full->nominate_at == MINKE_TIME_NEVER) return;
    minke_full_pair_t *best = best_working(full, now);
    if (best == NULL) full->nominate_at = MINKE_TIME_NEVER;
    else if (full->nominate_at <= now || is_best_possible(full, best)) nominate_pair(agent, best, now);
}

void minke__full_reconsider(minke_ice_agent_t *agent, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    if (agent->state == MINKE_ICE_FAILED) return;
    minke_full_pair_t *best = full->selected < 0 ? best_working(full, now) : NULL;
    if (full->selected < 0) full->settled = false;
    if (best != NULL && is_fresh(best, now)) select_pair(agent, best, now);
    else if (best != NULL && !best->repeats) minke__full_start_check(agent, best, false, true, now);
    if (!agent->controlling) {
        full->nominee = -1;
        full->nominate_at = MINKE_TIME_NEVER;
    } else if (!full->settled && full->nominee < 0 && full->nominate_at == MINKE_TIME_NEVER && full->selected >= 0) {
        full->nominate_at = minke__ice_later(now, settle_after);
    }
}

/*
 * Controlled: several pairs may be nominated, and again and again. A pair is followed the first time, later only if it
 * is no worse than the present one or that one has not been nominated for a second; so that two that take turns do not
 * draw the data to and fro.
 */
static bool is_to_be_followed(const minke_ice_full_t *full, const minke_full_pair_t *pair, minke_time_t now)
{
    const minke_full_pair_t *present = minke__full_pair_at(full, full->selected);
    if (present == NULL || !present->nominated || !pair->followed) return true;
    return pair->priority >= present->priority || minke__ice_since(present->nominated_at, superseded_after, now);
}

void minke__full_use_candidate(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now)
{
    pair->nominated = true;
    pair->nominated_at = now;
    const bool selected = pair == minke__full_pair_at(agent->full, agent->full->selected);
    if (selected || (is_fresh(pair, now) && is_to_be_followed(agent->full, pair, now))) settle(agent, pair, now);
    else if (works(pair) && !is_fresh(pair, now) && !pair->check.in_flight)
        minke__full_start_check(agent, pair, false, true, now);
}

void minke__full_leave_silent(minke_ice_agent_t *agent, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    minke_full_pair_t *selected = minke__full_pair_at(full, full->selected), *latest = NULL;
    if (selected == NULL || full->consents_unanswered < SILENT_CONSENTS) return;
    for (size_t i = 0; i < full->pairs_n; i++) {
        minke_full_pair_t *pair = &full->pairs[i];
        if (pair == selected || !works(pair) || pair->received_at <= selected->received_at) continue;
        if (latest == NULL || pair->received_at > latest->received_at) latest = pair;
    }
    if (latest == NULL) return;
    if (is_fresh(latest, now)) {
        select_pair(agent, latest, now);
        if (agent->controlling) nominate_pair(agent, latest, now);
    } else if (!latest->check.in_flight) {
        minke__full_start_check(agent, latest, false, true, now);
    }
}

void minke__full_heard(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now)
{
    const minke_ice_full_t *full = agent->full;
    const minke_full_pair_t *selected = minke__full_pair_at(full, full->selected);
    pair->received_at = now;
    if (!works(pair) || selected == NULL || pair == selected) return;
    if (full->consents_unanswered == 0 && minke__ice_since(selected->received_at, doubted_after, now))
        agent->keepalive_at = now;
    minke__full_leave_silent(agent, now);
}

static void works_now(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now)
{
    if (!minke__full_pair_is_known(pair)) agent->generation++;
    pair->state = MINKE_FULL_PAIR_SUCCEEDED;
    minke__full_trace(agent, now, MINKE_TRACE_ICE_PAIR_VALIDATED, pair, 0);
    if (agent->state == MINKE_ICE_CHECKING) minke__full_gather_end(agent);
    minke__ice_connected(agent, now);
}

void minke__full_succeeded(minke_ice_agent_t *agent, minke_full_pair_t *pair, bool nominates, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    if (!works(pair)) works_now(agent, pair, now);
    pair->answered_at = now;
    agent->received_at = now;
    minke__full_refill_budget(full, &full->remotes[pair->remote]);
    if (pair == minke__full_pair_at(full, full->selected)) {
        full->consents_unanswered = 0;
        minke__ice_arm_keepalive(agent, now);
    }
    minke__full_heard(agent, pair, now);
    const bool nominee = pair == minke__full_pair_at(full, full->nominee);
    if (agent->controlling && nominates && nominee) {
        full->nominee = -1;
        settle(agent, pair, now);
        return;
    }
    if (!agent->controlling && pair->nominated && is_to_be_followed(full, pair, now)) {
        settle(agent, pair, now);
        return;
    }
    const minke_full_pair_t *selected = minke__full_pair_at(full, full->selected);
    if (selected == NULL || (!full->settled && pair->priority > selected->priority)) select_pair(agent, pair, now);
    minke__full_reconsider(agent, now);
    minke__full_nominate(agent, now);
}
