/*
 * Inside of minke_transport_t: the tables that find a connection by id, by address and by ufrag, the sockets it has
 * asked for, and the lists of who has something to send or to tell.
 */
#ifndef MINKE_WEBRTC_ENDPOINT_H
#define MINKE_WEBRTC_ENDPOINT_H

#include "base/blocks.h"
#include "stun/responder.h"
#include "webrtc/connection.h"

typedef struct minke_endpoint_socket {
    minke_map_node_t by_id;
    minke_list_t to_tell; /* an OPEN or CLOSE event is due */
    minke_socket_t id;
    minke_address_t address; /* to bind to; once open, what it is bound to */
    minke_connection_t dial; /* whose it is; 0: a listener */
    bool open_told, opened, closing;
} minke_endpoint_socket_t;

enum { MINKE_LOCAL_ADDRESSES_MAX = 16 };

/* How many inbound connections came from one address: an IPv4 address, or the /64 of an IPv6 one. */
typedef struct minke_origin {
    minke_map_node_t node;
    uint8_t prefix[8]; /* IPv4: the rest is zero */
    uint8_t family;
    uint32_t connections;
} minke_origin_t;

struct minke_transport {
    minke_env_t env;
    minke_account_t account;
    minke_counters_t counters;
    minke_blocks_t blocks;
    minke_transport_options_t options;
    minke_identity_t *identity;
    minke_noise_key_t noise_key; /* of all connections, of a host's byte connections too */
    minke_certificate_t *certificate;
    minke_connection_config_t config;
    minke_strangers_t *strangers;
    minke_responder_t *responder; /* NULL: STUN is not served */

    minke_handles_t connections;          /* id -> minke_connection_state_t */
    minke_handles_t streams;              /* id -> minke_mux_stream_t */
    minke_map_t paths;                    /* (socket, remote) -> minke_path_entry_t */
    struct minke_path_entry *last_sender; /* of those; NULL: it has gone */
    minke_map_t ufrags;                   /* local ufrag -> minke_ice_session_t */
    minke_map_t origins;                  /* address -> minke_origin_t */
    minke_heap_t timers;
    minke_list_t everyone, to_send, to_tell;
    minke_map_t sockets; /* id -> minke_endpoint_socket_t */
    minke_list_t sockets_to_tell;
    minke_socket_t last_socket;
    minke_address_t local_addresses[MINKE_LOCAL_ADDRESSES_MAX]; /* of this machine; ports mean nothing */
    size_t local_addresses_n;
    uint32_t handshakes;                 /* inbound, not through Noise yet */
    minke_fragmentation_t fragmentation; /* of the datagrams that were given out last */
};

/* endpoint.c: after anything that touched a connection, so that tables, timers and lists know. */
void minke__endpoint_touch(minke_transport_t *transport, minke_connection_state_t *connection);
/* After something that happens for every few bytes and can only have given it more to send or tell:
 * minke_transport_transmit does the rest. */
void minke__endpoint_wake(minke_transport_t *t, minke_connection_state_t *c);
minke_connection_state_t *minke__endpoint_connection(const minke_transport_t *transport, minke_connection_t id);
minke_ice_session_t *minke__endpoint_by_path(const minke_transport_t *transport, const minke_path_t *path);
/* The same for what has just arrived: quick for one who sends much. */
minke_ice_session_t *minke__endpoint_sender(minke_transport_t *transport, const minke_path_t *path);
minke_ice_session_t *minke__endpoint_by_ufrag(const minke_transport_t *transport, const char *ufrag, size_t len,
                                              const minke_path_t *path);
/* Puts a new session into the tables. MINKE_ERROR_NO_MEMORY: it is in none. */
MINKE_MUST_USE int minke__endpoint_session_add(minke_transport_t *transport, minke_ice_session_t *session);
/* Takes it out of all tables, closes its socket and frees it. */
void minke__endpoint_session_remove(minke_transport_t *transport, minke_ice_session_t *session);
/* Puts a new connection, with its session if it has one, into all tables; on failure frees both. The
 * caller gives a dial its attempts and touches it. */
MINKE_MUST_USE int minke__endpoint_add(minke_transport_t *transport, minke_connection_state_t *connection);
/* For connections that we begin. MINKE_ERROR_LIMIT: connections_max, or memory is short, which is counted. */
MINKE_MUST_USE int minke__endpoint_has_room(minke_transport_t *transport);
/* An id for a connection that is about to be made; give it back with minke__handles_remove if that fails. */
minke_connection_t minke__endpoint_reserve(minke_transport_t *transport);
void minke__endpoint_remove(minke_transport_t *transport, minke_connection_state_t *connection);

/* origins.c: where an inbound connection came from, of either kind, counts until it is removed, whatever path it takes
 * later. Leaving what was never entered, NULL, is harmless. */
uint32_t minke__origin_connections(const minke_transport_t *transport, const minke_address_t *remote);
MINKE_MUST_USE int minke__origin_enter(minke_transport_t *transport, const minke_address_t *remote,
                                       minke_origin_t **origin);
void minke__origin_leave(minke_transport_t *transport, minke_origin_t **origin);

/* transport.c: our serialized PublicKey. */
const uint8_t *minke__transport_public_key(const minke_transport_t *transport, size_t *len);

/* sockets.c. NULL when out of memory. */
minke_endpoint_socket_t *minke__endpoint_socket_new(minke_transport_t *transport, const minke_address_t *address,
                                                    minke_connection_t dial);
/* Whose socket it is; NULL: nobody's, or a listener. */
minke_connection_state_t *minke__endpoint_socket_owner(const minke_transport_t *transport, minke_socket_t id);
/* False: a dial's own. Nobody may come in over it. */
bool minke__endpoint_listens(const minke_transport_t *transport, minke_socket_t id);
void minke__endpoint_socket_close(minke_transport_t *transport, minke_socket_t id);
bool minke__endpoint_socket_event(minke_transport_t *transport, minke_transport_event_t *event);
void minke__endpoint_sockets_free(minke_transport_t *transport);

#endif
