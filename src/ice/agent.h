/*
 * The ICE agent: candidate pairs, connectivity checks, nomination, consent (RFC 8445, RFC 7675). Sans-IO. One agent per
 * connection; direct mode is a check list of one or a few pairs, private mode, a full agent, has its own (ice/full.h).
 *
 * As direct listener (controlled): pairs come from checks that arrive; each new pair gets a triggered check of our own
 * with an unpredictable transaction id, whose answer validates the address. As dialer (controlling): pairs come from
 * the caller, checks are retransmitted until one succeeds.
 *
 * A pair:
 *
 *     added --(our check is answered)--> validated --(USE-CANDIDATE received, or sent and answered)--> nominated
 *
 * Which pair carries data, as listener: the one that was adopted. Another takes its place only once it is validated, so
 * that nobody draws traffic to an address that he merely wrote on a datagram, and then
 *   - at once if the present one is not validated;
 *   - when it is nominated for the first time, or again with a PRIORITY that is not lower, or while the present one has
 *     been silent for a second (dialers that nominate aggressively put USE-CANDIDATE on every check of every pair);
 *   - without nomination when something authentic arrives on it and the present one has been silent for
 * keepalive_after. As dialer: the first pair that is validated, for good.
 *
 * As full agent (private mode): candidates of both sides come in as they are known, in any order, before and after the
 * remote's credentials, and pairs are made of them. The offerer is controlling.
 *
 *     CHECKING --(a check of ours is answered)--> CONNECTED --(no consent for 30 s)--> FAILED
 *         +--(handshake_after)--> FAILED
 *
 * Data goes to the best pair that works until one is nominated. Controlling: when a pair works that no other can beat,
 * or a tenth of a second after the first one, that pair is checked again with USE-CANDIDATE. Controlled: the remote's
 * nomination is followed once our own check on that pair has been answered, and so are later ones: browsers nominate
 * several. A pair that falls silent makes way for another on which the remote is heard: it has another address now.
 */
#ifndef MINKE_ICE_AGENT_H
#define MINKE_ICE_AGENT_H

#include "base/env.h"
#include "ice/candidate.h"
#include "ice/credentials.h"
#include "ice/strangers.h"
#include "stun/stun.h"

enum {
    MINKE_ICE_PAIRS_MAX = 8,        /* of a direct agent */
    MINKE_ICE_FULL_PAIRS_MAX = 100, /* of a full one: RFC 8445 6.1.2.5 */
    MINKE_ICE_REMOTE_CANDIDATES_MAX = 64
};

typedef struct minke_ice_options {
    bool controlling;
    bool lite_remote; /* the remote is ICE-lite: nominate the first pair that succeeds. Full: we are controlling then */
    bool full;        /* private mode */
    bool refuse_private; /* full: no checks to loopback, link-local and private addresses that the remote names */
    minke_ice_credentials_t local;
    minke_ice_credentials_t remote; /* full: empty strings if they are not known yet */
    minke_time_t handshake_after;   /* no pair valid this long: failed. Default 10 s when 0; 20 s if full */
    minke_time_t consent_after;   /* nothing authentic received this long: failed. Default 30 s when 0 (RFC 7675 5.1) */
    minke_time_t keepalive_after; /* controlling: own check so often; else after twice as long without receiving
                                     anything. Default 5 s when 0 */
} minke_ice_options_t;

typedef struct minke_ice_agent minke_ice_agent_t;

MINKE_MUST_USE minke_ice_agent_t *minke__ice_new(const minke_env_t *env, const minke_ice_options_t *options,
                                                 minke_connection_t connection, minke_time_t now);
void minke__ice_free(minke_ice_agent_t *agent);

/* A pair to check: the dialer's. */
MINKE_MUST_USE int minke__ice_add_pair(minke_ice_agent_t *agent, const minke_path_t *path, minke_time_t now);
/* A pair that has already passed a check on us: a record of the strangers' table, with what has been sent and received
 * so far, for the amplification limit. The check that it may have in flight is repeated under its transaction id, so
 * that the answer to either validates the pair. */
MINKE_MUST_USE int minke__ice_adopt_stranger(minke_ice_agent_t *agent, const minke_stranger_t *stranger,
                                             minke_time_t now);

/* A STUN message that names this agent (by ufrag, or by path or transaction for responses). True: it is authentic. Its
 * bytes are counted here and it is taken as the sign of life that it is: do not call minke__ice_received for it. False:
 * it is not, or answers no request of ours, which is counted; or it is an indication, which proves nothing. */
bool minke__ice_recv(minke_ice_agent_t *agent, const minke_stun_message_t *message, const minke_path_t *path,
                     minke_time_t now);
/* Does this response answer a check of ours, or (full) a request of ours to a STUN server? */
bool minke__ice_expects(const minke_ice_agent_t *agent, const uint8_t transaction_id[12]);

/* The next STUN datagram and where it goes; 0: none. Capacity at least MINKE_STUN_MESSAGE_MAX. */
MINKE_MUST_USE size_t minke__ice_transmit(minke_ice_agent_t *agent, uint8_t *out, size_t capacity, minke_path_t *path,
                                          minke_time_t now);
minke_time_t minke__ice_deadline(const minke_ice_agent_t *agent);
void minke__ice_tick(minke_ice_agent_t *agent, minke_time_t now);

/* Where data goes now: the nominated pair, else the best valid one, else the one the latest check came from. False: no
 * pair yet. */
bool minke__ice_selected(const minke_ice_agent_t *agent, minke_path_t *path);
/* Forgets a pair: its 5-tuple belongs to another connection now. */
void minke__ice_remove_pair(minke_ice_agent_t *agent, const minke_path_t *path, minke_time_t now);
/* Any pair that was checked, either way: data from elsewhere is not for this connection. */
bool minke__ice_knows(const minke_ice_agent_t *agent, const minke_path_t *path);
/* The most that may be sent to the selected address now: SIZE_MAX once it is validated, else three times what came from
 * there minus what went there. */
size_t minke__ice_may_send(const minke_ice_agent_t *agent);
/* Bytes of data that went out to the selected pair / came in from `path`. `authentic`: protected by keys, so it counts
 * as a sign of life (RFC 7675 5.1 wants STUN for consent; a DTLS record that decrypts proves as much). */
void minke__ice_sent(minke_ice_agent_t *agent, size_t len);
void minke__ice_received(minke_ice_agent_t *agent, const minke_path_t *path, size_t len, bool authentic,
                         minke_time_t now);

typedef enum minke_ice_state { MINKE_ICE_CHECKING, MINKE_ICE_CONNECTED, MINKE_ICE_FAILED } minke_ice_state_t;

/* CONNECTED: a pair is valid (dialer) or has been checked by the remote (listener). */
minke_ice_state_t minke__ice_state(const minke_ice_agent_t *agent);
const minke_close_t *minke__ice_close_reason(const minke_ice_agent_t *agent);
/* Our own credentials; the text lives as long as the agent. */
minke_ice_credentials_view_t minke__ice_local(const minke_ice_agent_t *agent);
/* Counts up whenever a pair is added or removed: the owner's address table must be brought up to date then. */
uint32_t minke__ice_generation(const minke_ice_agent_t *agent);
size_t minke__ice_pairs(const minke_ice_agent_t *agent, minke_path_t *paths, size_t capacity);
/* How many of them a check of ours has validated. */
size_t minke__ice_validated_pairs(const minke_ice_agent_t *agent);

/*
 * Full agents only. What is added may come in any order and at any time; after the end it is MINKE_ERROR_STATE.
 */

/* The remote's credentials, once, if they were not known at first: the answer has come. MINKE_ERROR_MALFORMED: not
 * those of RFC 8839 5.4, or our own. MINKE_ERROR_NO_MEMORY: may be tried again. */
MINKE_MUST_USE int minke__ice_set_remote(minke_ice_agent_t *agent, const minke_ice_credentials_t *remote,
                                         bool remote_is_lite, minke_time_t now);
/* A host candidate: one of our sockets at one of the host's addresses; once for each of both. `base` is the address
 * with the socket's port. Those that come first are preferred: IPv6 before IPv4, says RFC 8421. An unspecified address,
 * where the system is to choose, is paired but not signalled. MINKE_ERROR_EXISTS, _ADDRESS, _LIMIT (16), _NO_MEMORY. */
MINKE_MUST_USE int minke__ice_add_local(minke_ice_agent_t *agent, minke_socket_t socket, const minke_address_t *base,
                                        minke_time_t now);
/* A STUN server to ask, from each base of its family that there is or will be; until we are connected. Errors as
 * above, the limit is 8. */
MINKE_MUST_USE int minke__ice_add_server(minke_ice_agent_t *agent, const minke_address_t *server, minke_time_t now);
/* The next candidate of ours for the remote; each comes once. */
bool minke__ice_next_local(minke_ice_agent_t *agent, minke_candidate_t *out);
/* Each server that was added has answered, or not for 5.5 s, from each base. True as well where there is none to ask. A
 * candidate may come even so, later. */
bool minke__ice_gathering_done(const minke_ice_agent_t *agent);
/* A candidate that the remote has signalled. MINKE_ERROR_ADDRESS: nobody can be reached there, or refuse_private;
 * MINKE_ERROR_EXISTS: its address is known; MINKE_ERROR_LIMIT: the 65th; MINKE_ERROR_NO_MEMORY. None of them ends the
 * agent: what others write wrongly is theirs to miss. */
MINKE_MUST_USE int minke__ice_add_remote(minke_ice_agent_t *agent, const minke_candidate_t *candidate,
                                         minke_time_t now);
/* It has signalled all it has, so that the best pair need not be waited for. More may come even so. */
void minke__ice_end_of_remote(minke_ice_agent_t *agent, minke_time_t now);
/* A check of the remote's has come in, so that it knows our credentials; of a lite one nothing is to be waited for. */
bool minke__ice_remote_has_checked(const minke_ice_agent_t *agent);
/* Of the selected pair: what our address is, as the remote sees it, and the remote's. False: none yet. */
bool minke__ice_selected_types(const minke_ice_agent_t *agent, minke_candidate_type_t *local,
                               minke_candidate_type_t *remote);

typedef struct minke_ice_stats {
    bool controlling;         /* may have changed: RFC 8445 7.3.1.1 */
    bool nominated;           /* the selected pair is */
    uint32_t locals, remotes; /* candidates, those that were only seen included */
    uint32_t pairs;           /* all of the check list, which are these: */
    uint32_t waiting, in_progress, succeeded, failed;
    uint32_t checks_sent, checks_answered; /* datagrams */
} minke_ice_stats_t;

minke_ice_stats_t minke__ice_stats(const minke_ice_agent_t *agent);

#endif
