/* The agent's insides, for its own files: agent.c, agent_checks.c, agent_timers.c. */
#ifndef MINKE_ICE_AGENT_STATE_H
#define MINKE_ICE_AGENT_STATE_H

#include "ice/agent.h"
#include "ice/binding.h"

typedef struct minke_ice_pair {
    minke_path_t path;
    uint8_t transaction_id[MINKE_STUN_TRANSACTION_ID_BYTES];
    bool ours;        /* the caller named it: not limited by what came from there */
    bool awaiting;    /* a check of ours is in flight, under transaction_id */
    bool checked;     /* a check of the remote has come in on it */
    bool validated;   /* a check of ours was answered */
    bool nominated;   /* controlled: USE-CANDIDATE came in; controlling: it went out and was answered */
    bool nominating;  /* the check in flight carries USE-CANDIDATE */
    bool retransmits; /* the check in flight is repeated; a keep-alive is not */
    uint8_t tries;    /* times that the check in flight has been sent */
    uint32_t remote_priority;
    size_t received, sent;    /* bytes, counted until validated */
    minke_time_t received_at; /* the last time that something authentic came in on it */
    minke_time_t check_at;    /* when our check goes out next, or NEVER */
    minke_time_t sent_at;     /* when it last did */
} minke_ice_pair_t;

struct minke_ice_agent {
    const minke_env_t *env;
    minke_connection_t connection;
    const minke_close_t *close_reason; /* FAILED only */
    minke_ice_pair_t *pairs;           /* the check list; grown by doubling, as most connections have one pair: */
    minke_ice_pair_t first;            /* which is kept here, beside all else that a check needs */
    uint8_t pairs_n, pairs_capacity;
    int8_t selected; /* index, or -1 */
    bool controlling;
    bool reflected; /* a check of our own came back to us */
    minke_ice_state_t state;
    uint32_t generation;
    uint64_t tie_breaker;
    minke_answers_t answers;
    struct minke_ice_full *full; /* NULL: direct */
    minke_time_t consent_after, keepalive_after;
    minke_time_t handshake_at;       /* while CHECKING: failed then */
    minke_time_t received_at;        /* the last authentic sign of life, on any pair */
    minke_time_t keepalive_at;       /* while CONNECTED: see agent_timers.c */
    minke_time_t keepalive_interval; /* of this turn, with its jitter */
    minke_time_t keepalive_sent_at;  /* the last one, or NEVER */
    minke_ice_credentials_view_t local, remote;
    char texts[]; /* the strings of those, each terminated */
};

static inline minke_ice_pair_t *minke__ice_selected_pair(const minke_ice_agent_t *agent)
{
    return agent->selected >= 0 ? &agent->pairs[agent->selected] : NULL;
}

minke_ice_pair_t *minke__ice_find_pair(const minke_ice_agent_t *agent, const minke_path_t *path);
/* Finds the pair, or adds it in place of the least useful one if the list is full. NULL: no memory. */
minke_ice_pair_t *minke__ice_obtain_pair(minke_ice_agent_t *agent, const minke_path_t *path, minke_time_t now);
void minke__ice_select(minke_ice_agent_t *agent, minke_ice_pair_t *pair, minke_time_t now);
void minke__ice_connected(minke_ice_agent_t *agent, minke_time_t now);
void minke__ice_fail(minke_ice_agent_t *agent, const minke_close_t *reason, minke_time_t now);
/* A line of trace about a path. */
void minke__ice_trace(const minke_ice_agent_t *agent, minke_time_t now, minke_trace_id_t id, const minke_path_t *path,
                      uint64_t value);

/* A new transaction on this pair, due at once. */
void minke__ice_start_check(minke_ice_agent_t *agent, minke_ice_pair_t *pair, bool retransmits, minke_time_t now);
/* The remote is at that address and waits: while it is not proven, our check is due again, 100 ms after the last. */
void minke__ice_hurry_check(minke_ice_agent_t *agent, minke_ice_pair_t *pair, minke_time_t now);
/* A check of ours was answered from this address. */
void minke__ice_validated(minke_ice_agent_t *agent, minke_ice_pair_t *pair, minke_time_t now);
/* Something authentic came in on `pair`: a sign of life, and perhaps a reason to send there. `nominated`: it was a
 * check with USE-CANDIDATE. */
void minke__ice_heard(minke_ice_agent_t *agent, minke_ice_pair_t *pair, bool nominated, minke_time_t now);

/* Saturates, so that an option of NEVER means what it says. */
static inline minke_time_t minke__ice_later(minke_time_t now, minke_time_t after)
{
    return after < MINKE_TIME_NEVER - now ? now + after : MINKE_TIME_NEVER;
}
/* `at` lies `after` or more in the past. */
static inline bool minke__ice_since(minke_time_t at, minke_time_t after, minke_time_t now)
{
    return minke__ice_later(at, after) <= now;
}
/* The ordinary interval from now, jittered by a fifth. */
void minke__ice_arm_keepalive(minke_ice_agent_t *agent, minke_time_t now);
/* From an unanswered keep-alive to the next. */
minke_time_t minke__ice_ask_again_after(const minke_ice_agent_t *agent);
void minke__ice_fail_consent(minke_ice_agent_t *agent, minke_time_t now);

#endif
