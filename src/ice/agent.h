/*
 * The ICE agent: candidate pairs, connectivity checks, nomination, consent (RFC 8445, RFC 7675). Sans-IO. One agent per
 * connection; direct mode is a check list of one or a few pairs, private mode (later) the same list grown by trickling.
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
 */
#ifndef MINKE_ICE_AGENT_H
#define MINKE_ICE_AGENT_H

#include "base/env.h"
#include "ice/credentials.h"
#include "ice/strangers.h"
#include "stun/stun.h"

enum { MINKE_ICE_PAIRS_MAX = 8 };

typedef struct minke_ice_options {
    bool controlling;
    bool lite_remote; /* the remote is ICE-lite: nominate the first pair that succeeds */
    minke_ice_credentials_t local;
    minke_ice_credentials_t remote;
    minke_time_t handshake_after; /* no pair valid this long: failed. Default 10 s when 0 */
    minke_time_t consent_after;   /* nothing authentic received this long: failed. Default 30 s when 0 (RFC 7675 5.1) */
    minke_time_t keepalive_after; /* own check after this long without receiving anything. Default 5 s when 0 */
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
/* Does this response answer a check of ours? */
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

#endif
