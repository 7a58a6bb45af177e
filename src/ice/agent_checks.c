/* Binding Requests and responses: what comes in, what goes out, and which pair carries data as a result. */
#include "ice/full.h"

#include <string.h>

enum {
    TRIES_MAX = 6, /* of a check, within 3.1 s; a pair of the dialer is tried for as long as the handshake may take */
    DOUBLINGS_MAX =
        4 /* 100 ms, 200 ms .. 1.6 s: RFC 8445 14.3 wants 500 ms first, but a lost check delays everything */
};

/*
 * The dialer's first repetition comes earlier: js-libp2p's listener (libdatachannel) makes state of the first check of
 * a dial and answers only the next, so every dial to it costs this interval. On a path that is longer than it, a dial
 * costs one small datagram more.
 */
static const minke_time_t first_repetition_after = 50 * 1000;

static const minke_time_t silent_after = 1000 * 1000;

void minke__ice_start_check(minke_ice_agent_t *agent, minke_ice_pair_t *pair, bool retransmits, minke_time_t now)
{
    minke__random_fill(agent->env, pair->transaction_id, sizeof pair->transaction_id);
    /* A lone pair is nominated by its first check; of several, the first that works, by a second one. */
    pair->nominating = agent->controlling && (agent->pairs_n == 1 || pair == minke__ice_selected_pair(agent));
    pair->awaiting = true;
    pair->retransmits = retransmits;
    pair->tries = 0;
    pair->check_at = now;
}

void minke__ice_hurry_check(minke_ice_agent_t *agent, minke_ice_pair_t *pair, minke_time_t now)
{
    if (pair->validated) return;
    if (!pair->awaiting) minke__ice_start_check(agent, pair, true, now);
    else if (pair->check_at > now && minke__ice_since(pair->sent_at, MINKE_ICE_TRY_AGAIN_AFTER, now))
        pair->check_at = now;
}

/* agent.h says when. `first`: it is nominated now and was not before, or has only now become able to take over. */
static bool takes_over(const minke_ice_agent_t *agent, const minke_ice_pair_t *pair, bool nominated, bool first,
                       minke_time_t now)
{
    const minke_ice_pair_t *present = minke__ice_selected_pair(agent);
    if (present == pair) return false;
    if (present == NULL) return pair->checked || pair->validated;
    if (!pair->validated) return false;
    if (!present->validated) return true;
    if (agent->controlling) return false;
    if (minke__ice_since(present->received_at, agent->keepalive_after, now)) return true;
    if (!nominated) return false;
    return first || !present->nominated || pair->remote_priority >= present->remote_priority ||
           minke__ice_since(present->received_at, silent_after, now);
}

void minke__ice_heard(minke_ice_agent_t *agent, minke_ice_pair_t *pair, bool nominated, minke_time_t now)
{
    const bool first = nominated && !pair->nominated;
    if (nominated && !agent->controlling) pair->nominated = true;
    agent->received_at = now;
    pair->received_at = now;
    if (takes_over(agent, pair, nominated, first, now)) minke__ice_select(agent, pair, now);
}

static void stop_other_checks(minke_ice_agent_t *agent, const minke_ice_pair_t *pair)
{
    for (size_t i = 0; i < agent->pairs_n; i++) {
        if (&agent->pairs[i] != pair) agent->pairs[i].check_at = MINKE_TIME_NEVER;
    }
}

/* The controlling side nominates the pair that it has selected. */
static void nominate(minke_ice_agent_t *agent, minke_ice_pair_t *pair, minke_time_t now)
{
    if (pair->nominated) return;
    if (pair->nominating) pair->nominated = true;
    else minke__ice_start_check(agent, pair, true, now);
}

void minke__ice_validated(minke_ice_agent_t *agent, minke_ice_pair_t *pair, minke_time_t now)
{
    if (!pair->validated) minke__ice_trace(agent, now, MINKE_TRACE_ICE_PAIR_VALIDATED, &pair->path, 0);
    const bool first = !pair->validated;
    pair->validated = true;
    minke__ice_connected(agent, now);
    agent->received_at = now;
    pair->received_at = now;
    if (takes_over(agent, pair, pair->nominated, first, now)) minke__ice_select(agent, pair, now);
    if (!agent->controlling || pair != minke__ice_selected_pair(agent)) return;
    stop_other_checks(agent, pair);
    nominate(agent, pair, now);
}

/* USERNAME is "<our ufrag>:<the remote's>": both halves must be right, or it is a check of another session. */
static bool names_us(const minke_ice_agent_t *agent, const minke_stun_message_t *request)
{
    const size_t left = agent->local.ufrag_len, right = agent->remote.ufrag_len;
    const char *username = request->username;
    return username != NULL && request->username_len == left + 1 + right &&
           memcmp(username, agent->local.ufrag, left) == 0 && username[left] == ':' &&
           memcmp(username + left + 1, agent->remote.ufrag, right) == 0;
}

static minke_ice_pair_t *find_transaction(const minke_ice_agent_t *agent, const uint8_t transaction_id[12])
{
    for (size_t i = 0; i < agent->pairs_n; i++) {
        minke_ice_pair_t *pair = &agent->pairs[i];
        const uint8_t *ours = pair->transaction_id;
        if (pair->awaiting && memcmp(ours, transaction_id, sizeof pair->transaction_id) == 0) return pair;
    }
    return NULL;
}

static bool recv_request(minke_ice_agent_t *agent, const minke_stun_message_t *request, const minke_path_t *path,
                         minke_time_t now)
{
    /* In version 1 both sides have one and the same credential: an echo server would seem to know it. */
    if (find_transaction(agent, request->transaction_id) != NULL) {
        agent->env->counters->stun_refused++;
        agent->reflected = true;
        return false;
    }
    if (!names_us(agent, request) || !minke__stun_verify(request, agent->local.pwd, agent->local.pwd_len)) {
        agent->env->counters->stun_refused++;
        return false;
    }
    if (minke__answers_full(&agent->answers)) {
        agent->env->counters->stun_refused++;
        return true;
    }
    const uint16_t error = minke__answer_error(request, agent->controlling);
    minke_ice_pair_t *pair = error == 0 ? minke__ice_obtain_pair(agent, path, now) : minke__ice_find_pair(agent, path);
    if (error == 0 && pair == NULL) return true; /* no memory: no answer, the remote will ask again */
    const size_t answer_len =
        minke__answers_push(&agent->answers, request, path, error, agent->local.pwd, agent->local.pwd_len);
    if (pair == NULL) return true;
    if (!pair->validated) {
        pair->received += request->len;
        pair->sent += answer_len;
    }
    if (error != 0) return true;
    pair->checked = true;
    pair->remote_priority = request->priority;
    minke__ice_heard(agent, pair, request->use_candidate, now);
    minke__ice_hurry_check(agent, pair, now);
    if (!agent->controlling) minke__ice_connected(agent, now);
    return true;
}

bool minke__ice_expects(const minke_ice_agent_t *agent, const uint8_t transaction_id[12])
{
    if (agent->full != NULL) return minke__full_expects(agent, transaction_id);
    return find_transaction(agent, transaction_id) != NULL;
}

static bool recv_response(minke_ice_agent_t *agent, const minke_stun_message_t *response, const minke_path_t *path,
                          minke_time_t now)
{
    minke_ice_pair_t *pair = find_transaction(agent, response->transaction_id);
    /* An answer from elsewhere than the check was sent to proves neither address (RFC 8445 7.2.5.2.1). */
    if (pair == NULL || !minke__path_equal(&pair->path, path) || response->unknown_n > 0 ||
        !minke__stun_verify(response, agent->remote.pwd, agent->remote.pwd_len)) {
        agent->env->counters->stun_unexpected++;
        return false;
    }
    if (response->type == MINKE_STUN_BINDING_ERROR && agent->controlling) {
        minke__ice_trace(agent, now, MINKE_TRACE_ICE_CHECK_REFUSED, path, response->error_code);
        /* Refused: the pair does not work, unless the next try, at its ordinary time, is answered otherwise. */
        minke__random_fill(agent->env, pair->transaction_id, sizeof pair->transaction_id);
        minke__ice_heard(agent, pair, false, now);
        return true;
    }
    /* For a listener the address is what had to be proved, and an authentic refusal proves it as well. */
    pair->awaiting = false;
    pair->check_at = MINKE_TIME_NEVER;
    minke__ice_validated(agent, pair, now);
    return true;
}

bool minke__ice_recv(minke_ice_agent_t *agent, const minke_stun_message_t *message, const minke_path_t *path,
                     minke_time_t now)
{
    if (agent->state == MINKE_ICE_FAILED) return false;
    if (agent->full != NULL) return minke__full_recv(agent, message, path, now);
    switch (message->type) {
    case MINKE_STUN_BINDING_REQUEST: return recv_request(agent, message, path, now);
    case MINKE_STUN_BINDING_SUCCESS:
    case MINKE_STUN_BINDING_ERROR: return recv_response(agent, message, path, now);
    case MINKE_STUN_BINDING_INDICATION: return false; /* a keep-alive for NATs, without credentials */
    default: agent->env->counters->stun_refused++; return false;
    }
}

static size_t write_check(const minke_ice_agent_t *agent, const minke_ice_pair_t *pair, uint8_t *out, size_t capacity)
{
    const minke_check_t check = {
        .transaction_id = pair->transaction_id,
        .left = agent->remote.ufrag,
        .left_len = agent->remote.ufrag_len,
        .right = agent->local.ufrag,
        .right_len = agent->local.ufrag_len,
        .pwd = agent->remote.pwd,
        .pwd_len = agent->remote.pwd_len,
        .controlling = agent->controlling,
        .use_candidate = pair->nominating,
        .tie_breaker = agent->tie_breaker,
    };
    return minke__check_write(&check, out, capacity);
}

static minke_time_t next_try_at(const minke_ice_agent_t *agent, const minke_ice_pair_t *pair, minke_time_t now)
{
    const bool for_good = pair->ours && agent->state == MINKE_ICE_CHECKING;
    if (!pair->retransmits || (pair->tries >= TRIES_MAX && !for_good)) return MINKE_TIME_NEVER;
    /* The dialer: 50 ms, then as everybody. */
    if (for_good && pair->tries == 1) return minke__ice_later(now, first_repetition_after);
    const unsigned before = pair->tries - (for_good ? 2u : 1u);
    const unsigned doublings = before < DOUBLINGS_MAX ? before : DOUBLINGS_MAX;
    return minke__ice_later(now, (minke_time_t)MINKE_ICE_TRY_AGAIN_AFTER << doublings);
}

/* 0: held back. Either way the next time is set, so that a loop over due checks ends. */
static size_t send_check(minke_ice_agent_t *agent, minke_ice_pair_t *pair, uint8_t *out, size_t capacity,
                         minke_time_t now)
{
    if (pair->tries < UINT8_MAX) pair->tries++;
    pair->check_at = next_try_at(agent, pair, now);
    const size_t len = write_check(agent, pair, out, capacity);
    const bool limited = !pair->validated && !pair->ours;
    if (limited && pair->sent + len > MINKE_ICE_UNPROVEN_FACTOR * pair->received) {
        agent->env->counters->amplification_held++;
        return 0;
    }
    if (limited) pair->sent += len;
    pair->sent_at = now;
    return len;
}

size_t minke__ice_transmit(minke_ice_agent_t *agent, uint8_t *out, size_t capacity, minke_path_t *path,
                           minke_time_t now)
{
    if (agent->state == MINKE_ICE_FAILED) return 0;
    const size_t answer_len = minke__answers_pop(&agent->answers, out, capacity, path);
    if (answer_len > 0) return answer_len;
    if (agent->full != NULL) return minke__full_transmit(agent, out, capacity, path, now);
    for (size_t i = 0; i < agent->pairs_n; i++) {
        minke_ice_pair_t *pair = &agent->pairs[i];
        if (pair->check_at > now) continue;
        const size_t len = send_check(agent, pair, out, capacity, now);
        if (len == 0) continue;
        *path = pair->path;
        return len;
    }
    return 0;
}
