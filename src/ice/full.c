/* A full agent as its owner sees it: made, told the remote's credentials, asked, ended. */
#include "ice/full.h"

#include "base/address.h"

#include <string.h>

enum { UFRAG_MIN = 4, PWD_MIN = 22 }; /* RFC 8839 5.4 */

void *minke__full_grown(const minke_env_t *env, void *array, size_t n, uint8_t *capacity, size_t element_size)
{
    if (n < *capacity) return array;
    const uint8_t larger = *capacity > 0 ? (uint8_t)(*capacity * 2) : 2;
    void *grown = minke__realloc(env, array, larger * element_size);
    if (grown != NULL) *capacity = larger;
    return grown;
}

int minke__full_new(minke_ice_agent_t *agent, const minke_ice_options_t *options)
{
    minke_ice_full_t *full = minke__alloc_zero(agent->env, sizeof *full);
    if (full == NULL) return MINKE_ERROR_NO_MEMORY;
    full->selected = full->nominee = -1;
    full->nominate_at = MINKE_TIME_NEVER;
    full->refuse_private = options->refuse_private;
    full->remote_known = agent->remote.ufrag_len > 0;
    full->remote_is_lite = options->lite_remote;
    if (options->lite_remote) agent->controlling = true;
    agent->full = full;
    return MINKE_OK;
}

void minke__full_free(minke_ice_agent_t *agent)
{
    minke_ice_full_t *full = agent->full;
    if (full == NULL) return;
    void *const blocks[] = {full->bases, full->locals, full->remotes, full->pairs, full->gathers, full->remote_texts};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) minke__free(agent->env, blocks[i]);
    minke__free(agent->env, full);
}

void minke__full_path(const minke_ice_full_t *full, const minke_full_pair_t *pair, minke_path_t *path)
{
    const minke_full_base_t *base = &full->bases[pair->base];
    *path = (minke_path_t){base->socket, base->address, full->remotes[pair->remote].address};
}

void minke__full_trace(const minke_ice_agent_t *agent, minke_time_t now, minke_trace_id_t id,
                       const minke_full_pair_t *pair, uint64_t value)
{
    minke_path_t path;
    if (!minke__tracing(agent->env)) return;
    minke__full_path(agent->full, pair, &path);
    minke__ice_trace(agent, now, id, &path, value);
}

static bool are_credentials(const minke_ice_credentials_t *c)
{
    return minke__ice_chars(c->ufrag, strlen(c->ufrag), UFRAG_MIN, MINKE_ICE_UFRAG_MAX) &&
           minke__ice_chars(c->pwd, strlen(c->pwd), PWD_MIN, MINKE_ICE_PWD_MAX);
}

int minke__ice_set_remote(minke_ice_agent_t *agent, const minke_ice_credentials_t *remote, bool remote_is_lite,
                          minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    if (full == NULL || full->remote_known || agent->state == MINKE_ICE_FAILED) return MINKE_ERROR_STATE;
    /* Who has our own would have our checks answer themselves. */
    if (!are_credentials(remote) || strcmp(remote->pwd, agent->local.pwd) == 0) return MINKE_ERROR_MALFORMED;
    const size_t ufrag_len = strlen(remote->ufrag), pwd_len = strlen(remote->pwd);
    char *texts = minke__alloc(agent->env, ufrag_len + 1 + pwd_len + 1);
    if (texts == NULL) return MINKE_ERROR_NO_MEMORY;
    memcpy(texts, remote->ufrag, ufrag_len + 1);
    memcpy(texts + ufrag_len + 1, remote->pwd, pwd_len + 1);
    agent->remote = (minke_ice_credentials_view_t){texts, ufrag_len, texts + ufrag_len + 1, pwd_len};
    full->remote_texts = texts;
    full->remote_known = true;
    full->remote_is_lite = remote_is_lite;
    /* RFC 8445 6.1.1: of a full and a lite agent the full one controls, whoever made the offer. */
    if (remote_is_lite && !agent->controlling) minke__full_switch_role(agent, now);
    return MINKE_OK;
}

void minke__ice_end_of_remote(minke_ice_agent_t *agent, minke_time_t now)
{
    if (agent->full == NULL || agent->state == MINKE_ICE_FAILED) return;
    agent->full->remote_ended = true;
    minke__full_nominate(agent, now);
}

bool minke__full_selected(const minke_ice_agent_t *agent, minke_path_t *path)
{
    const minke_full_pair_t *pair = minke__full_pair_at(agent->full, agent->full->selected);
    if (pair == NULL) return false;
    minke__full_path(agent->full, pair, path);
    return true;
}

bool minke__full_knows(const minke_ice_agent_t *agent, const minke_path_t *path)
{
    const minke_full_pair_t *pair = minke__full_find_pair(agent->full, path);
    return pair != NULL && minke__full_pair_is_known(pair);
}

/* The selected one first, then those that work, then those on which the remote was heard: who has little room has the
 * best of them. */
size_t minke__full_pairs(const minke_ice_agent_t *agent, minke_path_t *paths, size_t capacity)
{
    const minke_ice_full_t *full = agent->full;
    size_t n = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < full->pairs_n; i++) {
            const minke_full_pair_t *pair = &full->pairs[i];
            if (!minke__full_pair_is_known(pair)) continue;
            const int place = i == full->selected ? 0 : pair->state == MINKE_FULL_PAIR_SUCCEEDED ? 1 : 2;
            if (place == round && n < capacity) minke__full_path(full, pair, &paths[n++]);
        }
    }
    return n;
}

size_t minke__full_validated_pairs(const minke_ice_agent_t *agent) { return minke__ice_stats(agent).succeeded; }

bool minke__full_is_checked(const minke_ice_full_t *full)
{
    for (size_t i = 0; i < full->pairs_n; i++) {
        if (full->pairs[i].checked) return true;
    }
    return false;
}

void minke__full_received(minke_ice_agent_t *agent, const minke_path_t *path, bool authentic, minke_time_t now)
{
    minke_full_pair_t *pair = minke__full_find_pair(agent->full, path);
    if (pair != NULL && authentic && agent->state != MINKE_ICE_FAILED) minke__full_heard(agent, pair, now);
}

void minke__full_remove_pair(minke_ice_agent_t *agent, const minke_path_t *path, minke_time_t now)
{
    minke_full_pair_t *pair = minke__full_find_pair(agent->full, path);
    if (pair == NULL || !minke__full_pair_is_known(pair)) return;
    agent->generation++;
    pair->checked = false;
    pair->check.in_flight = pair->former.in_flight = false;
    minke__full_trace(agent, now, MINKE_TRACE_ICE_PAIR_REMOVED, pair, 0);
    minke__full_pair_failed(agent, pair, now);
}

bool minke__ice_selected_types(const minke_ice_agent_t *agent, minke_candidate_type_t *local,
                               minke_candidate_type_t *remote)
{
    const minke_ice_full_t *full = agent->full;
    const minke_full_pair_t *pair = full != NULL ? minke__full_pair_at(full, full->selected) : NULL;
    if (pair == NULL) return false;
    *local = (minke_candidate_type_t)pair->local_type;
    *remote = (minke_candidate_type_t)full->remotes[pair->remote].type;
    return true;
}

minke_ice_stats_t minke__ice_stats(const minke_ice_agent_t *agent)
{
    const minke_ice_full_t *full = agent->full;
    minke_ice_stats_t stats = {.controlling = agent->controlling};
    if (full == NULL) return stats;
    stats.locals = full->locals_n;
    stats.pairs = full->pairs_n;
    stats.checks_sent = full->checks_sent;
    stats.checks_answered = full->checks_answered;
    for (size_t i = 0; i < full->remotes_n; i++) stats.remotes += full->remotes[i].used;
    if (full->pairs == NULL) return stats;
    stats.nominated = full->selected >= 0 && full->pairs[full->selected].nominated;
    uint32_t in_state[4] = {0};
    for (size_t i = 0; i < full->pairs_n; i++) in_state[full->pairs[i].state]++;
    stats.waiting = in_state[MINKE_FULL_PAIR_WAITING];
    stats.in_progress = in_state[MINKE_FULL_PAIR_IN_PROGRESS];
    stats.succeeded = in_state[MINKE_FULL_PAIR_SUCCEEDED];
    stats.failed = in_state[MINKE_FULL_PAIR_FAILED];
    return stats;
}

bool minke__ice_remote_has_checked(const minke_ice_agent_t *agent)
{
    return agent->full != NULL && (agent->full->remote_is_lite || minke__full_is_checked(agent->full));
}

/* What was tried, for people: whoever reads it has to guess at two NATs. */
static void write_failure(const minke_ice_agent_t *agent, minke_writer_t *w)
{
    const minke_ice_full_t *full = agent->full;
    const minke_ice_stats_t stats = minke__ice_stats(agent);
    if (!full->remote_known) {
        minke__write_text(w, "the other side has not said how it wants to be checked");
    } else if (full->bases_n == 0) {
        minke__write_text(w, "no address of ours to check from");
    } else if (stats.remotes == 0) {
        minke__write_text(w, "the other side named no address that can be reached, and was not heard");
    } else {
        minke__write_text(w, "no pair of addresses works: ");
        minke__write_decimal(w, stats.locals);
        minke__write_text(w, " of ours, ");
        minke__write_decimal(w, stats.remotes);
        minke__write_text(w, " of theirs, ");
        minke__write_decimal(w, stats.checks_sent - stats.checks_answered);
        minke__write_text(w, " checks unanswered; ");
        minke__write_text(w, minke__full_is_checked(full)
                                 ? "theirs arrive here, but nothing answers ours"
                                 : "both sides may be behind symmetric NATs, or UDP is blocked");
    }
    minke__write_terminator(w);
}

void minke__full_fail_unconnected(minke_ice_agent_t *agent, minke_time_t now)
{
    minke_close_t *reason = &agent->full->reason;
    *reason = (minke_close_t){MINKE_LAYER_ICE, MINKE_ERROR_TIMEOUT, false, ""};
    minke_writer_t w = minke__writer(reason->text, sizeof reason->text);
    write_failure(agent, &w);
    minke__ice_fail(agent, reason, now);
}
