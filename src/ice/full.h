/*
 * What a full agent has besides (private mode: RFC 8445 both ways, candidates that trickle in by RFC 8838): candidates
 * of both sides, the check list that they make, the STUN servers that are asked. For the agent's own files:
 *
 *   full.c        made, named, asked about, ended    local_candidates.c  our addresses, and what is signalled
 *   gather.c      server-reflexive candidates        check_list.c        theirs, and the pairs of both
 *   full_recv.c   what comes in, and the roles       nomination.c        which pair carries data
 *   full_timers.c what is due, and what goes out
 *
 * A base is one of our sockets at one of our addresses. A pair is a base and an address of the remote's: of the local
 * candidates with one base only the host candidate would survive the pruning (RFC 8445 6.1.2.4).
 *
 *   WAITING --(its turn)--> IN_PROGRESS --(answered)--> SUCCEEDED <--(consent, every 5 s if selected)
 *                                 |                         |
 *                                 +------> FAILED <---------+  refused, answered from elsewhere, or no longer answered
 *                                             |
 *                                             +--(a check of the remote's)--> IN_PROGRESS
 *
 * Nothing is frozen: there is one component of one stream, and foundations say nothing about the order then.
 */
#ifndef MINKE_ICE_FULL_H
#define MINKE_ICE_FULL_H

#include "ice/agent_state.h"
#include "ice/candidate.h"

enum {
    MINKE_FULL_BASES_MAX = 16,
    MINKE_FULL_LOCALS_MAX = 32,
    MINKE_FULL_SERVERS_MAX = 8,
    MINKE_FULL_GATHERS_MAX = 32,
    MINKE_FULL_PRFLX_MAX = 16 /* addresses that the remote was seen at and has not named */
};

typedef struct minke_full_base {
    minke_socket_t socket;
    minke_address_t address;
    uint16_t local_preference; /* of the candidates on it; no two bases share one */
} minke_full_base_t;

typedef struct minke_full_local {
    minke_address_t address;
    uint8_t type; /* HOST or SRFLX */
    uint8_t base;
    uint8_t server; /* SRFLX: which saw it */
} minke_full_local_t;

/* A Binding Request to a STUN server from one base, asked for as long as we are not connected. */
typedef struct minke_full_gather {
    uint8_t transaction_id[MINKE_STUN_TRANSACTION_ID_BYTES];
    uint8_t base, server;
    uint8_t tries;
    bool done; /* answered, or not for so long that nobody should wait */
    minke_time_t send_at;
} minke_full_gather_t;

typedef struct minke_full_remote {
    minke_address_t address;
    uint32_t priority;
    uint8_t type;
    bool used;
    uint16_t unanswered; /* checks sent there since the last answer from that IP */
    minke_time_t heard_at;
} minke_full_remote_t;

typedef enum minke_full_pair_state {
    MINKE_FULL_PAIR_WAITING,
    MINKE_FULL_PAIR_IN_PROGRESS,
    MINKE_FULL_PAIR_SUCCEEDED,
    MINKE_FULL_PAIR_FAILED
} minke_full_pair_state_t;

/* A transaction of ours. The role is part of it: a refusal says which role was wrong. */
typedef struct minke_full_check {
    uint8_t id[MINKE_STUN_TRANSACTION_ID_BYTES];
    bool in_flight;
    bool controlling;
    bool nominates;
} minke_full_check_t;

typedef struct minke_full_pair {
    uint64_t priority;
    minke_full_check_t check;  /* the present one */
    minke_full_check_t former; /* the one before: its answer may be on the way */
    uint8_t base, remote;      /* indices */
    uint8_t state;
    uint8_t local_type;        /* what the remote's answer says our address is */
    bool checked;              /* the remote's check came in on it */
    bool nominated;            /* controlled: USE-CANDIDATE came in; controlling: it went out and was answered */
    bool followed;             /* controlled: that was heeded once */
    bool urgent;               /* the check that is due does not wait for its turn: RFC 8445 6.1.4.2, triggered */
    bool repeats;              /* the check is repeated until it is answered */
    uint8_t tries;             /* times that the check has been sent, or 255 */
    minke_time_t check_at;     /* it is sent next, or NEVER */
    minke_time_t sent_at;      /* it was last */
    minke_time_t answered_at;  /* a check of ours was last: the consent of RFC 7675 */
    minke_time_t received_at;  /* anything authentic was last */
    minke_time_t nominated_at; /* USE-CANDIDATE last came in */
} minke_full_pair_t;

typedef struct minke_ice_full {
    minke_full_base_t *bases;
    minke_full_local_t *locals;
    minke_full_remote_t *remotes;
    minke_full_pair_t *pairs;
    minke_full_gather_t *gathers;
    char *remote_texts; /* the credentials that came later */
    minke_address_t servers[MINKE_FULL_SERVERS_MAX];
    uint8_t bases_n, bases_capacity;
    uint8_t locals_n, locals_capacity, locals_told;
    uint8_t remotes_n, remotes_capacity; /* slots: some may be unused */
    uint8_t pairs_n, pairs_capacity;
    uint8_t gathers_n, gathers_capacity;
    uint8_t servers_n;
    uint8_t signalled_n; /* remote candidates that were named, not seen */
    uint8_t role_switches;
    uint8_t turn; /* who is next among waiting, repeated and gathering: full_timers.c */
    uint8_t consents_unanswered;
    bool remote_known;   /* its credentials */
    bool remote_is_lite; /* it never checks, and never controls */
    bool remote_ended;   /* it has named all its candidates */
    bool refuse_private;
    bool settled;             /* a pair has been nominated and heeded */
    int8_t selected, nominee; /* indices of pairs, or -1 */
    minke_time_t slot_at;     /* not before: the next paced datagram */
    minke_time_t nominate_at; /* controlling: the best valid pair is nominated then; NEVER: not yet, or no more */
    uint32_t checks_sent, checks_answered;
    minke_close_t reason;
} minke_ice_full_t;

/* ---- full.c */

/* The array, moved or not, with room for one more; NULL: no memory. */
void *minke__full_grown(const minke_env_t *env, void *array, size_t n, uint8_t *capacity, size_t element_size);
MINKE_MUST_USE int minke__full_new(minke_ice_agent_t *agent, const minke_ice_options_t *options);
void minke__full_free(minke_ice_agent_t *agent);
void minke__full_path(const minke_ice_full_t *full, const minke_full_pair_t *pair, minke_path_t *path);
/* A line of trace about a pair. */
void minke__full_trace(const minke_ice_agent_t *agent, minke_time_t now, minke_trace_id_t id,
                       const minke_full_pair_t *pair, uint64_t value);
void minke__full_fail_unconnected(minke_ice_agent_t *agent, minke_time_t now);
static inline minke_full_pair_t *minke__full_pair_at(const minke_ice_full_t *full, int index)
{
    return index >= 0 ? &full->pairs[index] : NULL;
}
/* Data is taken from it. */
static inline bool minke__full_pair_is_known(const minke_full_pair_t *pair)
{
    return pair->checked || pair->state == MINKE_FULL_PAIR_SUCCEEDED;
}
/* The functions of agent.h for a full agent. */
bool minke__full_selected(const minke_ice_agent_t *agent, minke_path_t *path);
bool minke__full_knows(const minke_ice_agent_t *agent, const minke_path_t *path);
size_t minke__full_pairs(const minke_ice_agent_t *agent, minke_path_t *paths, size_t capacity);
size_t minke__full_validated_pairs(const minke_ice_agent_t *agent);
bool minke__full_is_checked(const minke_ice_full_t *full);
void minke__full_received(minke_ice_agent_t *agent, const minke_path_t *path, bool authentic, minke_time_t now);
void minke__full_remove_pair(minke_ice_agent_t *agent, const minke_path_t *path, minke_time_t now);

/* ---- local_candidates.c */

/* Does the path begin at that base? Where the system does not tell our address, the socket has to do. */
bool minke__full_is_at_base(const minke_full_base_t *base, const minke_path_t *path);
/* The base that a path begins at; -1: none. */
int minke__full_find_base(const minke_ice_full_t *full, const minke_path_t *path);
/* The same, made if it is not there: the system received something at an address of ours that nobody has named. -1: no
 * room or no memory. */
int minke__full_obtain_base(minke_ice_agent_t *agent, const minke_path_t *path, minke_time_t now);
/* A local candidate to be signalled, unless its address is known. */
MINKE_MUST_USE int minke__full_add_local_candidate(minke_ice_agent_t *agent, minke_candidate_type_t type,
                                                   const minke_address_t *address, uint8_t base, uint8_t server);
/* What a candidate of ours with this address is. */
minke_candidate_type_t minke__full_local_type(const minke_ice_full_t *full, const minke_address_t *address);

/* ---- gather.c */

MINKE_MUST_USE int minke__full_gather_from(minke_ice_agent_t *agent, uint8_t base, minke_time_t now);
const minke_full_gather_t *minke__full_find_gather(const minke_ice_full_t *full, const uint8_t transaction_id[12]);
/* The answer of a STUN server: of the transaction `gather`. False: not from there. */
bool minke__full_gather_recv(minke_ice_agent_t *agent, const minke_full_gather_t *gather,
                             const minke_stun_message_t *message, const minke_path_t *path, minke_time_t now);
/* The request that has waited longest; NULL: none. */
minke_full_gather_t *minke__full_next_gather(const minke_ice_full_t *full);
size_t minke__full_gather_send(minke_ice_agent_t *agent, minke_full_gather_t *gather, uint8_t *out, size_t capacity,
                               minke_path_t *path, minke_time_t now);
/* No more of it: we are connected. */
void minke__full_gather_end(minke_ice_agent_t *agent);

/* ---- check_list.c */

/* Pairs of a new base with all that is known of the remote. */
MINKE_MUST_USE int minke__full_pair_base(minke_ice_agent_t *agent, uint8_t base, minke_time_t now);
int minke__full_find_remote(const minke_ice_full_t *full, const minke_address_t *address);
/* The pair at (base, source), with a peer-reflexive candidate if the source is new. NULL: no room or no memory. */
minke_full_pair_t *minke__full_obtain_pair(minke_ice_agent_t *agent, uint8_t base, const minke_address_t *source,
                                           uint32_t priority, minke_time_t now);
minke_full_pair_t *minke__full_find_pair(const minke_ice_full_t *full, const minke_path_t *path);
/* After the role or a priority has changed. */
void minke__full_prioritize(minke_ice_agent_t *agent);
minke_full_pair_t *minke__full_find_check(const minke_ice_full_t *full, const uint8_t transaction_id[12],
                                          minke_full_check_t **check);
/* A new transaction on the pair, due now. */
void minke__full_start_check(minke_ice_agent_t *agent, minke_full_pair_t *pair, bool nominates, bool repeats,
                             minke_time_t now);
void minke__full_pair_failed(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now);
/* How many checks that nobody answers may still go to the IP of this remote. */
size_t minke__full_budget(const minke_ice_full_t *full, const minke_full_remote_t *remote);
void minke__full_refill_budget(minke_ice_full_t *full, const minke_full_remote_t *remote);

/* ---- full_recv.c */

bool minke__full_recv(minke_ice_agent_t *agent, const minke_stun_message_t *message, const minke_path_t *path,
                      minke_time_t now);
void minke__full_switch_role(minke_ice_agent_t *agent, minke_time_t now);
bool minke__full_expects(const minke_ice_agent_t *agent, const uint8_t transaction_id[12]);

/* ---- nomination.c */

/* A check of ours on `pair` was answered; it carried USE-CANDIDATE if `nominates`. */
void minke__full_succeeded(minke_ice_agent_t *agent, minke_full_pair_t *pair, bool nominates, minke_time_t now);
/* The remote's check on `pair` carried USE-CANDIDATE. */
void minke__full_use_candidate(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now);
/* Something authentic came in on `pair`. */
void minke__full_heard(minke_ice_agent_t *agent, minke_full_pair_t *pair, minke_time_t now);
/* The selected pair has not answered: another takes its place, if one has been heard since. */
void minke__full_leave_silent(minke_ice_agent_t *agent, minke_time_t now);
/* A pair is gone, or the role has changed: what was being nominated may have to be chosen anew. */
void minke__full_reconsider(minke_ice_agent_t *agent, minke_time_t now);
/* Controlling: nominates, if it is time. */
void minke__full_nominate(minke_ice_agent_t *agent, minke_time_t now);

/* ---- full_timers.c */

size_t minke__full_transmit(minke_ice_agent_t *agent, uint8_t *out, size_t capacity, minke_path_t *path,
                            minke_time_t now);
minke_time_t minke__full_deadline(const minke_ice_agent_t *agent);
void minke__full_tick(minke_ice_agent_t *agent, minke_time_t now);

#endif
