/* Checks and answers that come in at a full agent (RFC 8445 7.2.5, 7.3), and the roles. */
#include "ice/full.h"

#include "base/address.h"

#include <string.h>

enum {
    BAD_REQUEST = 400,
    /* Two agents settle a conflict with one switch, or two if they cross; who goes on conflicting is refused. */
    ROLE_SWITCHES_MAX = 8
};

/* RFC 8445 7.3: the first half is ours. The second is the remote's, once it is known: what does not fit comes from
 * another session of a peer that has our password from this one. */
static bool names_us(const minke_ice_agent_t *agent, const minke_stun_message_t *request)
{
    const size_t left = agent->local.ufrag_len;
    const char *username = request->username;
    if (username == NULL || request->username_len <= left + 1 || username[left] != ':' ||
        memcmp(username, agent->local.ufrag, left) != 0)
        return false;
    const size_t right = request->username_len - left - 1;
    if (!agent->full->remote_known) return right <= MINKE_ICE_UFRAG_MAX;
    return right == agent->remote.ufrag_len && memcmp(username + left + 1, agent->remote.ufrag, right) == 0;
}

/* What is in flight says the wrong role now: it goes out as new transactions, each at its time. */
static void renew_checks(minke_ice_agent_t *agent)
{
    minke_ice_full_t *full = agent->full;
    for (size_t i = 0; i < full->pairs_n; i++) {
        minke_full_pair_t *pair = &full->pairs[i];
        if (!pair->check.in_flight) continue;
        const minke_full_pair_t before = *pair;
        minke__full_start_check(agent, pair, false, before.repeats, 0);
        pair->urgent = before.urgent;
        pair->tries = before.tries;
        pair->check_at = before.check_at;
    }
}

void minke__full_switch_role(minke_ice_agent_t *agent, minke_time_t now)
{
    agent->controlling = !agent->controlling;
    minke__full_prioritize(agent);
    renew_checks(agent);
    minke__full_reconsider(agent, now);
}

static bool may_switch_role(const minke_ice_full_t *full)
{
    return !full->remote_is_lite && full->role_switches < ROLE_SWITCHES_MAX;
}

/* RFC 8445 7.3.1.1. 0: no conflict, or we have given way. */
static uint16_t settle_roles(minke_ice_agent_t *agent, const minke_stun_message_t *request, minke_time_t now)
{
    const bool conflict = agent->controlling ? request->ice_controlling : request->ice_controlled;
    if (!conflict) return 0;
    const bool we_control = agent->tie_breaker >= request->tie_breaker;
    if (we_control == agent->controlling || !may_switch_role(agent->full)) return MINKE_STUN_ROLE_CONFLICT;
    agent->full->role_switches++;
    minke__full_switch_role(agent, now);
    return 0;
}

static uint16_t answer_error(minke_ice_agent_t *agent, const minke_stun_message_t *request, minke_time_t now)
{
    if (request->unknown_n > 0) return MINKE_STUN_UNKNOWN_ATTRIBUTE;
    if (request->ice_controlling && request->ice_controlled) return BAD_REQUEST;
    return settle_roles(agent, request, now);
}

/* RFC 8445 7.3.1.4: the remote is there and lets us through, so our own check goes out at once. The first time also if
 * one is on its way: it came too early to be let in, if the remote's NAT filters, and that has been remedied now. Later
 * not: two sides that hear each other's checks and never an answer must not play ping-pong. */
static void trigger(minke_ice_agent_t *agent, minke_full_pair_t *pair, bool first, minke_time_t now)
{
    if (pair->state == MINKE_FULL_PAIR_SUCCEEDED) return;
    const bool in_progress = pair->state == MINKE_FULL_PAIR_IN_PROGRESS && pair->check.in_flight && pair->repeats;
    if (in_progress && !first && !minke__ice_since(pair->sent_at, MINKE_ICE_TRY_AGAIN_AFTER, now)) return;
    if (!in_progress) minke__full_start_check(agent, pair, false, true, now);
    pair->tries = 0;
    pair->urgent = true;
    pair->check_at = now;
}

static void checked_by_remote(minke_ice_agent_t *agent, minke_full_pair_t *pair, const minke_stun_message_t *request,
                              minke_time_t now)
{
    const bool first = !pair->checked;
    if (!minke__full_pair_is_known(pair)) agent->generation++;
    pair->checked = true;
    /* USE-CANDIDATE from the side that is controlled means nothing; libjuice would answer 400. */
    if (request->use_candidate && request->ice_controlling && !agent->controlling)
        minke__full_use_candidate(agent, pair, now);
    minke__full_heard(agent, pair, now);
    trigger(agent, pair, first, now);
}

static bool recv_request(minke_ice_agent_t *agent, const minke_stun_message_t *request, const minke_path_t *path,
                         minke_time_t now)
{
    /* Without a word: an answer would tell outsiders that they have found us, and be reflected to a source of their
     * choice. */
    if (!names_us(agent, request) || !minke__stun_verify(request, agent->local.pwd, agent->local.pwd_len)) {
        agent->env->counters->stun_refused++;
        return false;
    }
    if (minke__answers_full(&agent->answers)) {
        agent->env->counters->stun_refused++;
        return true;
    }
    const uint16_t error = answer_error(agent, request, now);
    minke_full_pair_t *pair = NULL;
    if (error == 0) {
        const int base = minke__full_obtain_base(agent, path, now);
        const uint32_t priority =
            request->has_priority ? request->priority : minke__candidate_priority(MINKE_CANDIDATE_PRFLX, 0);
        if (base >= 0) pair = minke__full_obtain_pair(agent, (uint8_t)base, &path->remote, priority, now);
        if (pair == NULL) return true; /* no room or no memory: no answer, the remote will ask again */
    }
    (void)minke__answers_push(&agent->answers, request, path, error, agent->local.pwd, agent->local.pwd_len);
    if (pair != NULL) checked_by_remote(agent, pair, request, now);
    return true;
}

/* RFC 8445 7.2.5.1 */
static void role_refused(minke_ice_agent_t *agent, minke_full_pair_t *pair, const minke_full_check_t *check,
                         minke_time_t now)
{
    const bool present = check->controlling == agent->controlling;
    if (present && !may_switch_role(agent->full)) {
        minke__full_pair_failed(agent, pair, now);
        return;
    }
    if (present) {
        agent->full->role_switches++;
        minke__random_fill(agent->env, &agent->tie_breaker, sizeof agent->tie_breaker);
        minke__full_switch_role(agent, now);
    }
    if (pair->state != MINKE_FULL_PAIR_SUCCEEDED) minke__full_start_check(agent, pair, false, true, now);
}

static void refused(minke_ice_agent_t *agent, minke_full_pair_t *pair, const minke_full_check_t *check, uint16_t code,
                    minke_time_t now)
{
    minke__full_trace(agent, now, MINKE_TRACE_ICE_CHECK_REFUSED, pair, code);
    if (code == MINKE_STUN_ROLE_CONFLICT) role_refused(agent, pair, check, now);
    else if (pair->state != MINKE_FULL_PAIR_SUCCEEDED || check->nominates) minke__full_pair_failed(agent, pair, now);
}

/* The check is over; the other one of the pair goes on if it nominates. */
static void end_check(minke_full_pair_t *pair, minke_full_check_t *check)
{
    check->in_flight = false;
    if (check == &pair->former && pair->check.in_flight && pair->check.nominates) return;
    pair->check.in_flight = false;
    pair->urgent = pair->repeats = false;
    pair->check_at = MINKE_TIME_NEVER;
}

static void answered(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_full_check_t *check,
                     const minke_stun_message_t *response, minke_time_t now)
{
    const minke_full_check_t done = *check;
    const minke_full_base_t *base = &agent->full->bases[pair->base];
    end_check(pair, check);
    agent->full->checks_answered++;
    if (response->type == MINKE_STUN_BINDING_ERROR) {
        refused(agent, pair, &done, response->error_code, now);
        return;
    }
    /* Who does not say where he saw us saw us where we are: old stacks. */
    const minke_address_t *seen = response->has_mapped_address ? &response->mapped_address : &base->address;
    pair->local_type = (uint8_t)minke__full_local_type(agent->full, seen);
    minke__full_succeeded(agent, pair, done.nominates && done.controlling == agent->controlling, now);
}

static bool is_symmetric(const minke_ice_full_t *full, const minke_full_pair_t *pair, const minke_path_t *path)
{
    return minke__full_is_at_base(&full->bases[pair->base], path) &&
           minke__address_equal(&full->remotes[pair->remote].address, &path->remote);
}

static bool recv_response(minke_ice_agent_t *agent, const minke_stun_message_t *response, const minke_path_t *path,
                          minke_time_t now)
{
    minke_full_check_t *check;
    minke_full_pair_t *pair = minke__full_find_check(agent->full, response->transaction_id, &check);
    const minke_full_gather_t *gather =
        pair == NULL ? minke__full_find_gather(agent->full, response->transaction_id) : NULL;
    if (gather != NULL) return minke__full_gather_recv(agent, gather, response, path, now);
    if (pair == NULL || response->unknown_n > 0 ||
        !minke__stun_verify(response, agent->remote.pwd, agent->remote.pwd_len)) {
        agent->env->counters->stun_unexpected++;
        return false;
    }
    if (is_symmetric(agent->full, pair, path)) {
        answered(agent, pair, check, response, now);
        return true;
    }
    /* RFC 8445 7.2.5.2.1. A pair that has worked before may be answered otherwise; that is no consent either. */
    agent->env->counters->stun_unexpected++;
    if (pair->state == MINKE_FULL_PAIR_SUCCEEDED) return false;
    check->in_flight = false;
    minke__full_pair_failed(agent, pair, now);
    return false;
}

bool minke__full_recv(minke_ice_agent_t *agent, const minke_stun_message_t *message, const minke_path_t *path,
                      minke_time_t now)
{
    switch (message->type) {
    case MINKE_STUN_BINDING_REQUEST: return recv_request(agent, message, path, now);
    case MINKE_STUN_BINDING_SUCCESS:
    case MINKE_STUN_BINDING_ERROR: return recv_response(agent, message, path, now);
    case MINKE_STUN_BINDING_INDICATION: return false; /* a keep-alive for NATs, without credentials */
    default: agent->env->counters->stun_refused++; return false;
    }
}

bool minke__full_expects(const minke_ice_agent_t *agent, const uint8_t transaction_id[12])
{
    minke_full_check_t *check;
    return minke__full_find_check(agent->full, transaction_id, &check) != NULL ||
           minke__full_find_gather(agent->full, transaction_id) != NULL;
}
