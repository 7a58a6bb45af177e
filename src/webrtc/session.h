/*
 * An ICE session (RFC 8445 4): an agent, its place in the endpoint's tables, and the socket that it may have to itself.
 * A listener's connection has one from the start; a dial has one for each attempt, until the first that is answered
 * becomes the connection's.
 */
#ifndef MINKE_WEBRTC_SESSION_H
#define MINKE_WEBRTC_SESSION_H

#include "base/list.h"
#include "base/map.h"
#include "ice/agent.h"

typedef struct minke_ice_session {
    const minke_env_t *env;
    struct minke_connection_state *owner;
    minke_ice_agent_t *ice;
    minke_socket_t own_socket; /* a dial's; 0: none */

    /* the endpoint's book-keeping */
    minke_map_node_t by_ufrag;
    minke_list_t paths;      /* of minke_path_entry_t */
    uint32_t ice_generation; /* of the agent when `paths` was brought up to date */
} minke_ice_session_t;

/* An entry of the endpoint's table of addresses: datagrams from `remote` on `socket` belong to `session`. */
typedef struct minke_path_entry {
    minke_map_node_t node;
    minke_list_t siblings; /* in session->paths */
    minke_ice_session_t *session;
    minke_socket_t socket;
    minke_address_t remote;
} minke_path_entry_t;

/* In no table yet. NULL when out of memory. */
MINKE_MUST_USE minke_ice_session_t *minke__session_new(const minke_env_t *env, struct minke_connection_state *owner,
                                                       minke_connection_t id, const minke_ice_options_t *options,
                                                       minke_time_t now);
/* Must be in no table any more. NULL is allowed. */
void minke__session_free(minke_ice_session_t *session);

#endif
