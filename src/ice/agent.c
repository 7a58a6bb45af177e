#include "ice/agent_state.h"

#include "base/address.h"
#include "ice/full.h"

#include <assert.h>
#include <string.h>

enum { ANSWERS_MAX = 16 };

static const minke_time_t default_handshake_after = 10 * 1000 * 1000;
static const minke_time_t default_full_handshake_after = 20 * 1000 * 1000;
static const minke_time_t default_consent_after = 30 * 1000 * 1000;
static const minke_time_t default_keepalive_after = 5 * 1000 * 1000;
static const minke_time_t longest_after = MINKE_TIME_NEVER / 4; /* for ever, with room for jitter */

/* In version 1 of direct mode all four are one and the same text: it is kept once. */
static bool same_texts(const minke_ice_options_t *options)
{
    const char *text = options->local.ufrag;
    return strcmp(text, options->local.pwd) == 0 && strcmp(text, options->remote.ufrag) == 0 &&
           strcmp(text, options->remote.pwd) == 0;
}

static const char *keep_text(char **at, const char *text, size_t len)
{
    char *copy = *at;
    memcpy(copy, text, len);
    copy[len] = 0;
    *at += len + 1;
    return copy;
}

static minke_ice_credentials_view_t keep_credentials(char **at, const minke_ice_credentials_t *from)
{
    minke_ice_credentials_view_t view = {.ufrag_len = strlen(from->ufrag), .pwd_len = strlen(from->pwd)};
    view.ufrag = keep_text(at, from->ufrag, view.ufrag_len);
    view.pwd = keep_text(at, from->pwd, view.pwd_len);
    return view;
}

static void keep_texts(minke_ice_agent_t *agent, const minke_ice_options_t *options, bool same)
{
    char *at = agent->texts;
    if (!same) {
        agent->local = keep_credentials(&at, &options->local);
        agent->remote = keep_credentials(&at, &options->remote);
        return;
    }
    const size_t len = strlen(options->local.ufrag);
    const char *text = keep_text(&at, options->local.ufrag, len);
    agent->local = agent->remote =
        (minke_ice_credentials_view_t){.ufrag = text, .ufrag_len = len, .pwd = text, .pwd_len = len};
}

static size_t texts_len(const minke_ice_options_t *options, bool same)
{
    if (same) return strlen(options->local.ufrag) + 1;
    return strlen(options->local.ufrag) + strlen(options->local.pwd) + strlen(options->remote.ufrag) +
           strlen(options->remote.pwd) + 4;
}

static minke_time_t or_default(minke_time_t after, minke_time_t otherwise)
{
    if (after == 0) return otherwise;
    return after < longest_after ? after : longest_after;
}

minke_ice_agent_t *minke__ice_new(const minke_env_t *env, const minke_ice_options_t *options,
                                  minke_connection_t connection, minke_time_t now)
{
    const bool same = same_texts(options);
    minke_ice_agent_t *agent = minke__alloc_zero(env, sizeof *agent + texts_len(options, same));
    if (agent == NULL) return NULL;
    agent->pairs = &agent->first;
    agent->pairs_capacity = 1;
    agent->env = env;
    agent->connection = connection;
    agent->selected = -1;
    agent->controlling = options->controlling;
    keep_texts(agent, options, same);
    agent->consent_after = or_default(options->consent_after, default_consent_after);
    agent->keepalive_after = or_default(options->keepalive_after, default_keepalive_after);
    const minke_time_t default_after = options->full ? default_full_handshake_after : default_handshake_after;
    agent->handshake_at = minke__ice_later(now, or_default(options->handshake_after, default_after));
    agent->received_at = now;
    agent->keepalive_at = MINKE_TIME_NEVER;
    agent->keepalive_sent_at = MINKE_TIME_NEVER;
    minke__random_fill(env, &agent->tie_breaker, sizeof agent->tie_breaker);
    minke__answers_init(&agent->answers, env, ANSWERS_MAX);
    if (!options->full || minke__full_new(agent, options) == MINKE_OK) return agent;
    minke__free(env, agent);
    return NULL;
}

void minke__ice_free(minke_ice_agent_t *agent)
{
    if (agent == NULL) return;
    minke__full_free(agent);
    minke__answers_free(&agent->answers);
    if (agent->pairs != &agent->first) minke__free(agent->env, agent->pairs);
    minke__free(agent->env, agent);
}

void minke__ice_trace(const minke_ice_agent_t *agent, minke_time_t now, minke_trace_id_t id, const minke_path_t *path,
                      uint64_t value)
{
    if (!minke__tracing(agent->env)) return;
    char text[MINKE_ADDRESS_TEXT_BYTES];
    minke__address_text(&path->remote, text, sizeof text);
    minke__trace(agent->env, now, agent->connection, id, text, value);
}

minke_ice_pair_t *minke__ice_find_pair(const minke_ice_agent_t *agent, const minke_path_t *path)
{
    minke_ice_pair_t *selected = minke__ice_selected_pair(agent);
    if (selected != NULL && minke__path_equal(&selected->path, path)) return selected;
    for (size_t i = 0; i < agent->pairs_n; i++) {
        if (minke__path_equal(&agent->pairs[i].path, path)) return &agent->pairs[i];
    }
    return NULL;
}

static bool grow(minke_ice_agent_t *agent)
{
    const size_t capacity = agent->pairs_capacity * 2u;
    const bool within = agent->pairs == &agent->first;
    minke_ice_pair_t *pairs = minke__realloc(agent->env, within ? NULL : agent->pairs, capacity * sizeof pairs[0]);
    if (pairs == NULL) return false;
    if (within) pairs[0] = agent->first;
    agent->pairs = pairs;
    agent->pairs_capacity = (uint8_t)capacity;
    return true;
}

static void remove_pair(minke_ice_agent_t *agent, minke_ice_pair_t *pair, minke_time_t now)
{
    minke__ice_trace(agent, now, MINKE_TRACE_ICE_PAIR_REMOVED, &pair->path, 0);
    const int8_t index = (int8_t)(pair - agent->pairs);
    const int8_t last = (int8_t)(--agent->pairs_n);
    if (agent->selected == index) agent->selected = -1;
    else if (agent->selected == last) agent->selected = index;
    if (index != last) *pair = agent->pairs[last];
    agent->generation++;
}

/* Who gives way in a full list: unproven addresses first, then the one that has been silent longest. */
static bool less_useful(const minke_ice_pair_t *a, const minke_ice_pair_t *b)
{
    if (a->validated != b->validated) return b->validated;
    return a->received_at < b->received_at;
}

static void evict_pair(minke_ice_agent_t *agent, minke_time_t now)
{
    const minke_ice_pair_t *const selected = minke__ice_selected_pair(agent);
    minke_ice_pair_t *victim = NULL;
    for (size_t i = 0; i < agent->pairs_n; i++) {
        minke_ice_pair_t *pair = &agent->pairs[i];
        if (pair != selected && (victim == NULL || less_useful(pair, victim))) victim = pair;
    }
    assert(victim != NULL);
    remove_pair(agent, victim, now);
}

minke_ice_pair_t *minke__ice_obtain_pair(minke_ice_agent_t *agent, const minke_path_t *path, minke_time_t now)
{
    minke_ice_pair_t *pair = minke__ice_find_pair(agent, path);
    if (pair != NULL) return pair;
    if (agent->pairs_n == MINKE_ICE_PAIRS_MAX) evict_pair(agent, now);
    if (agent->pairs_n == agent->pairs_capacity && !grow(agent)) return NULL;
    pair = &agent->pairs[agent->pairs_n++];
    *pair = (minke_ice_pair_t){.path = *path, .check_at = MINKE_TIME_NEVER, .received_at = now};
    agent->generation++;
    minke__ice_trace(agent, now, MINKE_TRACE_ICE_PAIR_ADDED, path, 0);
    return pair;
}

void minke__ice_connected(minke_ice_agent_t *agent, minke_time_t now)
{
    if (agent->state != MINKE_ICE_CHECKING) return;
    agent->state = MINKE_ICE_CONNECTED;
    agent->received_at = now;
    minke__ice_arm_keepalive(agent, now);
}

void minke__ice_select(minke_ice_agent_t *agent, minke_ice_pair_t *pair, minke_time_t now)
{
    const int8_t index = (int8_t)(pair - agent->pairs);
    if (agent->selected == index) return;
    minke__ice_trace(agent, now, MINKE_TRACE_ICE_PAIR_SELECTED, &pair->path, agent->selected >= 0);
    agent->selected = index;
}

void minke__ice_fail(minke_ice_agent_t *agent, const minke_close_t *reason, minke_time_t now)
{
    agent->state = MINKE_ICE_FAILED;
    agent->close_reason = reason;
    minke__answers_free(&agent->answers);
    minke__trace(agent->env, now, agent->connection, MINKE_TRACE_ICE_FAILED, reason->text, 0);
}

int minke__ice_add_pair(minke_ice_agent_t *agent, const minke_path_t *path, minke_time_t now)
{
    if (agent->state == MINKE_ICE_FAILED || agent->full != NULL) return MINKE_ERROR_STATE;
    if (minke__ice_find_pair(agent, path) != NULL) return MINKE_ERROR_EXISTS;
    if (agent->pairs_n == MINKE_ICE_PAIRS_MAX) return MINKE_ERROR_LIMIT;
    minke_ice_pair_t *pair = minke__ice_obtain_pair(agent, path, now);
    if (pair == NULL) return MINKE_ERROR_NO_MEMORY;
    pair->ours = true;
    minke__ice_start_check(agent, pair, true, now);
    return MINKE_OK;
}

static minke_ice_pair_t *adopt(minke_ice_agent_t *agent, const minke_stranger_t *stranger, minke_time_t now)
{
    minke_ice_pair_t *pair = minke__ice_obtain_pair(agent, &stranger->path, now);
    if (pair == NULL) return NULL;
    pair->checked = true;
    if (stranger->validated && !pair->validated) {
        minke__ice_trace(agent, now, MINKE_TRACE_ICE_PAIR_VALIDATED, &pair->path, 0);
    }
    pair->validated = pair->validated || stranger->validated;
    pair->received += stranger->received;
    pair->sent += stranger->sent;
    if (agent->selected < 0) minke__ice_select(agent, pair, now);
    if (!pair->validated && !pair->awaiting) minke__ice_start_check(agent, pair, true, now);
    minke__ice_connected(agent, now);
    minke__ice_heard(agent, pair, stranger->nominated, now);
    return pair;
}

int minke__ice_adopt_stranger(minke_ice_agent_t *agent, const minke_stranger_t *stranger, minke_time_t now)
{
    if (agent->state == MINKE_ICE_FAILED || agent->full != NULL) return MINKE_ERROR_STATE;
    minke_ice_pair_t *pair = adopt(agent, stranger, now);
    if (pair == NULL) return MINKE_ERROR_NO_MEMORY;
    if (stranger->checked && pair->awaiting && pair->tries == 0) {
        memcpy(pair->transaction_id, stranger->transaction_id, sizeof pair->transaction_id);
        pair->tries = 1;
        pair->sent_at = stranger->checked_at;
        pair->check_at = minke__ice_later(stranger->checked_at, MINKE_ICE_TRY_AGAIN_AFTER);
    }
    return MINKE_OK;
}

void minke__ice_remove_pair(minke_ice_agent_t *agent, const minke_path_t *path, minke_time_t now)
{
    if (agent->full != NULL) {
        minke__full_remove_pair(agent, path, now);
        return;
    }
    minke_ice_pair_t *pair = minke__ice_find_pair(agent, path);
    if (pair == NULL) return;
    remove_pair(agent, pair, now);
    if (agent->selected >= 0) return;
    minke_ice_pair_t *best = NULL;
    for (size_t i = 0; i < agent->pairs_n; i++) {
        if (best == NULL || less_useful(best, &agent->pairs[i])) best = &agent->pairs[i];
    }
    if (best != NULL) minke__ice_select(agent, best, now);
}

bool minke__ice_selected(const minke_ice_agent_t *agent, minke_path_t *path)
{
    if (agent->full != NULL) return minke__full_selected(agent, path);
    const minke_ice_pair_t *pair = minke__ice_selected_pair(agent);
    if (pair == NULL) return false;
    *path = pair->path;
    return true;
}

bool minke__ice_knows(const minke_ice_agent_t *agent, const minke_path_t *path)
{
    if (agent->full != NULL) return minke__full_knows(agent, path);
    return minke__ice_find_pair(agent, path) != NULL;
}

size_t minke__ice_may_send(const minke_ice_agent_t *agent)
{
    if (agent->full != NULL) return agent->state == MINKE_ICE_CONNECTED && agent->full->selected >= 0 ? SIZE_MAX : 0;
    const minke_ice_pair_t *pair = minke__ice_selected_pair(agent);
    if (pair == NULL || agent->state == MINKE_ICE_FAILED) return 0;
    if (pair->validated) return SIZE_MAX;
    const size_t limit = MINKE_ICE_UNPROVEN_FACTOR * pair->received;
    return limit > pair->sent ? limit - pair->sent : 0;
}

void minke__ice_sent(minke_ice_agent_t *agent, size_t len)
{
    minke_ice_pair_t *pair = minke__ice_selected_pair(agent);
    if (pair != NULL && !pair->validated) pair->sent += len;
}

void minke__ice_received(minke_ice_agent_t *agent, const minke_path_t *path, size_t len, bool authentic,
                         minke_time_t now)
{
    if (agent->full != NULL) {
        minke__full_received(agent, path, authentic, now);
        return;
    }
    minke_ice_pair_t *pair = minke__ice_find_pair(agent, path);
    if (pair == NULL || agent->state == MINKE_ICE_FAILED) return;
    if (!pair->validated) pair->received += len;
    minke__ice_hurry_check(agent, pair, now);
    if (authentic) minke__ice_heard(agent, pair, false, now);
}

minke_ice_state_t minke__ice_state(const minke_ice_agent_t *agent) { return agent->state; }

const minke_close_t *minke__ice_close_reason(const minke_ice_agent_t *agent) { return agent->close_reason; }

minke_ice_credentials_view_t minke__ice_local(const minke_ice_agent_t *agent) { return agent->local; }

uint32_t minke__ice_generation(const minke_ice_agent_t *agent) { return agent->generation; }

size_t minke__ice_validated_pairs(const minke_ice_agent_t *agent)
{
    if (agent->full != NULL) return minke__full_validated_pairs(agent);
    size_t n = 0;
    for (size_t i = 0; i < agent->pairs_n; i++) n += agent->pairs[i].validated;
    return n;
}

size_t minke__ice_pairs(const minke_ice_agent_t *agent, minke_path_t *paths, size_t capacity)
{
    if (agent->full != NULL) return minke__full_pairs(agent, paths, capacity);
    const size_t n = agent->pairs_n < capacity ? agent->pairs_n : capacity;
    for (size_t i = 0; i < n; i++) paths[i] = agent->pairs[i].path;
    return n;
}
