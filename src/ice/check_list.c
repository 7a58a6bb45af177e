/* The remote's candidates, and the pairs that they make with our bases (RFC 8445 6.1.2). */
#include "ice/full.h"

#include "base/address.h"

#include <string.h>

/*
 * Checks that may go to one IP address without an answer. The remote may name whom it likes; this many small datagrams,
 * spread over seconds, are what it can have us send to a victim. A pair of ours is tried some 14 times in 20 s, and the
 * same NAT may show several ports to several bases of ours.
 */
enum { UNANSWERED_MAX = 200 };

static bool same_ip(const minke_address_t *a, const minke_address_t *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

/* Can a datagram go from there to there at all? */
static bool reaches(const minke_address_t *base, const minke_address_t *remote)
{
    if (base->family != remote->family) return false;
    if (minke__address_is_unspecified(base)) return true;
    if (minke__address_is_loopback(base) != minke__address_is_loopback(remote)) return false;
    return minke__address_is_link_local(base) == minke__address_is_link_local(remote) && base->scope == remote->scope;
}

static uint64_t priority_of(const minke_ice_agent_t *agent, uint8_t base, uint8_t remote)
{
    const uint32_t ours = minke__candidate_priority(MINKE_CANDIDATE_HOST, agent->full->bases[base].local_preference);
    const uint32_t theirs = agent->full->remotes[remote].priority;
    return agent->controlling ? minke__candidate_pair_priority(ours, theirs)
                              : minke__candidate_pair_priority(theirs, ours);
}

void minke__full_prioritize(minke_ice_agent_t *agent)
{
    minke_ice_full_t *full = agent->full;
    for (size_t i = 0; i < full->pairs_n; i++) {
        minke_full_pair_t *pair = &full->pairs[i];
        pair->priority = priority_of(agent, pair->base, pair->remote);
    }
}

int minke__full_find_remote(const minke_ice_full_t *full, const minke_address_t *address)
{
    for (int i = 0; i < full->remotes_n; i++) {
        if (full->remotes[i].used && minke__address_equal(&full->remotes[i].address, address)) return i;
    }
    return -1;
}

static minke_full_pair_t *find(const minke_ice_full_t *full, int base, int remote)
{
    for (size_t i = 0; i < full->pairs_n; i++) {
        if (full->pairs[i].base == base && full->pairs[i].remote == remote) return &full->pairs[i];
    }
    return NULL;
}

minke_full_pair_t *minke__full_find_pair(const minke_ice_full_t *full, const minke_path_t *path)
{
    const int base = minke__full_find_base(full, path), remote = minke__full_find_remote(full, &path->remote);
    return base >= 0 && remote >= 0 ? find(full, base, remote) : NULL;
}

static void remove_pair(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    minke__full_trace(agent, now, MINKE_TRACE_ICE_PAIR_REMOVED, pair, 0);
    if (minke__full_pair_is_known(pair)) agent->generation++;
    const int8_t index = (int8_t)(pair - full->pairs), last = (int8_t)(--full->pairs_n);
    int8_t *const holders[] = {&full->selected, &full->nominee};
    for (size_t i = 0; i < 2; i++) {
        if (*holders[i] == index) *holders[i] = -1;
        else if (*holders[i] == last) *holders[i] = index;
    }
    if (index != last) *pair = full->pairs[last];
}

/* The pair of the lowest priority of which nothing has been heard. */
static minke_full_pair_t *least_useful(const minke_ice_full_t *full)
{
    minke_full_pair_t *least = NULL;
    for (size_t i = 0; i < full->pairs_n; i++) {
        minke_full_pair_t *pair = &full->pairs[i];
        if (minke__full_pair_is_known(pair)) continue;
        if (least == NULL || pair->priority < least->priority) least = pair;
    }
    return least;
}

/* Adds it, in place of a lesser one if the list is full: of any that nothing has been heard of if `heard`. 0: it is
 * there, or was not worth it. */
static int add_pair(minke_ice_agent_t *agent, uint8_t base, uint8_t remote, bool heard, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    if (find(full, base, remote) != NULL) return MINKE_OK;
    if (!heard && !reaches(&full->bases[base].address, &full->remotes[remote].address)) return MINKE_OK;
    const uint64_t priority = priority_of(agent, base, remote);
    if (full->pairs_n == MINKE_ICE_FULL_PAIRS_MAX) {
        minke_full_pair_t *least = least_useful(full);
        if (least == NULL || (!heard && least->priority >= priority)) return MINKE_OK;
        remove_pair(agent, least, now);
    }
    minke_full_pair_t *pairs =
        minke__full_grown(agent->env, full->pairs, full->pairs_n, &full->pairs_capacity, sizeof pairs[0]);
    if (pairs == NULL) return MINKE_ERROR_NO_MEMORY;
    full->pairs = pairs;
    minke_full_pair_t *pair = &pairs[full->pairs_n++];
    *pair = (minke_full_pair_t){.priority = priority, .base = base, .remote = remote, .check_at = MINKE_TIME_NEVER};
    minke__full_trace(agent, now, MINKE_TRACE_ICE_PAIR_ADDED, pair, 0);
    /* Once a pair has been nominated, new ones are checked only if the remote checks them (RFC 8445 8.1.2). */
    if (full->settled) return MINKE_OK;
    minke__full_start_check(agent, pair, false, true, now);
    pair->urgent = false;
    return MINKE_OK;
}

int minke__full_pair_base(minke_ice_agent_t *agent, uint8_t base, minke_time_t now)
{
    for (uint8_t i = 0; i < agent->full->remotes_n; i++) {
        const int added = agent->full->remotes[i].used ? add_pair(agent, base, i, false, now) : MINKE_OK;
        if (added < 0) return added;
    }
    return MINKE_OK;
}

static int pair_remote(minke_ice_agent_t *agent, uint8_t remote, minke_time_t now)
{
    for (uint8_t i = 0; i < agent->full->bases_n; i++) {
        const int added = add_pair(agent, i, remote, false, now);
        if (added < 0) return added;
    }
    return MINKE_OK;
}

/* Its index, or an error. */
static int add_remote(minke_ice_agent_t *agent, const minke_full_remote_t *remote)
{
    minke_ice_full_t *full = agent->full;
    int at = 0;
    while (at < full->remotes_n && full->remotes[at].used) at++;
    if (at == full->remotes_n) {
        minke_full_remote_t *remotes =
            minke__full_grown(agent->env, full->remotes, full->remotes_n, &full->remotes_capacity, sizeof remotes[0]);
        if (remotes == NULL) return MINKE_ERROR_NO_MEMORY;
        full->remotes = remotes;
        full->remotes_n++;
    }
    full->remotes[at] = *remote;
    return at;
}

/* The remote has told us of an address at which it was seen before: the pairs keep their states. */
static int name_remote(minke_ice_agent_t *agent, uint8_t index, const minke_candidate_t *candidate, minke_time_t now)
{
    minke_full_remote_t *remote = &agent->full->remotes[index];
    if (remote->type != MINKE_CANDIDATE_PRFLX) { /* for the second time, perhaps since there was no memory for pairs */
        const int paired = pair_remote(agent, index, now);
        return paired < 0 ? paired : MINKE_ERROR_EXISTS;
    }
    if (agent->full->signalled_n == MINKE_ICE_REMOTE_CANDIDATES_MAX) return MINKE_ERROR_LIMIT;
    remote->type = (uint8_t)candidate->type;
    remote->priority = candidate->priority;
    agent->full->signalled_n++;
    minke__full_prioritize(agent);
    return pair_remote(agent, index, now);
}

int minke__ice_add_remote(minke_ice_agent_t *agent, const minke_candidate_t *candidate, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    if (full == NULL || agent->state == MINKE_ICE_FAILED) return MINKE_ERROR_STATE;
    if (!minke__candidate_is_sendable(&candidate->address)) return MINKE_ERROR_ADDRESS;
    if (full->refuse_private && minke__candidate_is_private(&candidate->address)) return MINKE_ERROR_ADDRESS;
    const int known = minke__full_find_remote(full, &candidate->address);
    if (known < 0 && full->signalled_n == MINKE_ICE_REMOTE_CANDIDATES_MAX) return MINKE_ERROR_LIMIT;
    minke_candidate_t named = *candidate;
    /* A peer-reflexive one is nothing to be signalled; it would count as unnamed here. */
    if (named.type == MINKE_CANDIDATE_PRFLX) named.type = MINKE_CANDIDATE_SRFLX;
    if (known >= 0) return name_remote(agent, (uint8_t)known, &named, now);
    const int added = add_remote(
        agent, &(minke_full_remote_t){
                   .address = named.address, .priority = named.priority, .type = (uint8_t)named.type, .used = true});
    if (added < 0) return added;
    full->signalled_n++;
    return pair_remote(agent, (uint8_t)added, now);
}

static bool is_at_work(const minke_ice_full_t *full, uint8_t remote)
{
    const minke_full_pair_t *selected = minke__full_pair_at(full, full->selected);
    return selected != NULL && selected->remote == remote;
}

static void remove_remote(minke_ice_agent_t *agent, uint8_t remote, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    for (size_t i = full->pairs_n; i-- > 0;) {
        if (full->pairs[i].remote == remote) remove_pair(agent, &full->pairs[i], now);
    }
    minke_full_remote_t *gone = &full->remotes[remote];
    gone->used = false;
    /* What went to that IP in vain is not forgotten with the port. */
    for (size_t i = 0; i < full->remotes_n; i++) {
        minke_full_remote_t *other = &full->remotes[i];
        if (!other->used || !same_ip(&other->address, &gone->address)) continue;
        const unsigned unanswered = other->unanswered + gone->unanswered;
        other->unanswered = unanswered < UNANSWERED_MAX ? (uint16_t)unanswered : UNANSWERED_MAX;
        break;
    }
    minke__full_reconsider(agent, now);
}

/* Of the addresses that the remote was only seen at, the one that has been silent longest gives way. */
static void make_room_for_unnamed(minke_ice_agent_t *agent, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    size_t n = 0;
    int oldest = -1;
    for (uint8_t i = 0; i < full->remotes_n; i++) {
        const minke_full_remote_t *remote = &full->remotes[i];
        if (!remote->used || remote->type != MINKE_CANDIDATE_PRFLX) continue;
        n++;
        if (is_at_work(full, i)) continue;
        if (oldest < 0 || remote->heard_at < full->remotes[oldest].heard_at) oldest = i;
    }
    if (n >= MINKE_FULL_PRFLX_MAX) remove_remote(agent, (uint8_t)oldest, now);
}

minke_full_pair_t *minke__full_obtain_pair(minke_ice_agent_t *agent, uint8_t base, const minke_address_t *source,
                                           uint32_t priority, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    int remote = minke__full_find_remote(full, source);
    if (remote < 0) {
        if (!minke__candidate_is_sendable(source)) return NULL;
        make_room_for_unnamed(agent, now);
        remote = add_remote(agent,
                            &(minke_full_remote_t){
                                .address = *source, .priority = priority, .type = MINKE_CANDIDATE_PRFLX, .used = true});
        if (remote < 0) return NULL;
    }
    full->remotes[remote].heard_at = now;
    if (add_pair(agent, base, (uint8_t)remote, true, now) < 0) return NULL;
    return find(full, base, remote);
}

static bool is_check(const minke_full_check_t *check, const uint8_t transaction_id[12])
{
    return check->in_flight && memcmp(check->id, transaction_id, sizeof check->id) == 0;
}

minke_full_pair_t *minke__full_find_check(const minke_ice_full_t *full, const uint8_t transaction_id[12],
                                          minke_full_check_t **check)
{
    for (size_t i = 0; i < full->pairs_n; i++) {
        minke_full_pair_t *pair = &full->pairs[i];
        *check = is_check(&pair->check, transaction_id) ? &pair->check : &pair->former;
        if (is_check(*check, transaction_id)) return pair;
    }
    return NULL;
}

void minke__full_start_check(minke_ice_agent_t *agent, minke_full_pair_t *pair, bool nominates, bool repeats,
                             minke_time_t now)
{
    if (pair->check.in_flight && pair->tries > 0) pair->former = pair->check;
    pair->check = (minke_full_check_t){.in_flight = true, .controlling = agent->controlling, .nominates = nominates};
    minke__random_fill(agent->env, pair->check.id, sizeof pair->check.id);
    pair->urgent = true;
    pair->repeats = repeats;
    pair->tries = 0;
    pair->check_at = now;
}

void minke__full_pair_failed(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    const int8_t index = (int8_t)(pair - full->pairs);
    if (pair->state == MINKE_FULL_PAIR_SUCCEEDED && !pair->checked) agent->generation++;
    pair->state = MINKE_FULL_PAIR_FAILED;
    pair->check_at = MINKE_TIME_NEVER;
    pair->urgent = pair->repeats = false;
    pair->nominated = pair->followed = false;
    if (full->nominee == index) full->nominee = -1;
    if (full->selected == index) full->selected = -1;
    minke__full_reconsider(agent, now);
}

size_t minke__full_budget(const minke_ice_full_t *full, const minke_full_remote_t *remote)
{
    size_t unanswered = 0;
    for (size_t i = 0; i < full->remotes_n; i++) {
        const minke_full_remote_t *other = &full->remotes[i];
        if (other->used && same_ip(&other->address, &remote->address)) unanswered += other->unanswered;
    }
    return unanswered < UNANSWERED_MAX ? UNANSWERED_MAX - unanswered : 0;
}

void minke__full_refill_budget(minke_ice_full_t *full, const minke_full_remote_t *remote)
{
    for (size_t i = 0; i < full->remotes_n; i++) {
        if (same_ip(&full->remotes[i].address, &remote->address)) full->remotes[i].unanswered = 0;
    }
}
