/*
 * A dial of a node: several addresses of one peer, of every kind, until one of them is a connection.
 *
 *   address --.   first a name?      RESOLVING     the driver asks DNS, and what comes takes its place
 *             |   over a relay?      RELAY         until there is a connection to the relay; then its answer to CONNECT
 *             |   and then direct?   RELAY         until there is any connection to the peer; then BELOW: signalling.h
 *             |   webrtc-direct?     BELOW         the transport dials
 *             '-- TCP, WebSocket?    CONNECTING    the driver connects; then BELOW: the upgrade
 *
 * Attempts begin 250 ms apart, or at once when one fails (RFC 8305 5), in the order given; the first whose remote is
 * authenticated is the connection, and the others end. So a stale address where somebody else answers costs nothing but
 * time. When all have failed, the dial has, for the reason of the one that got furthest.
 *
 * A dial of webrtc-direct addresses alone is left to the transport (webrtc/dial.h), which has sockets in common.
 */
#ifndef MINKE_HOST_DIAL_H
#define MINKE_HOST_DIAL_H

#include "host/node.h"
#include "multiformats/target.h"

#define MINKE_DIAL_ID (UINT64_C(1) << 61)
static inline bool minke__is_dial_id(uint64_t id) { return (id & MINKE_DIAL_ID) != 0; }

/* What names may become: enough for a relay's IPv4 and IPv6 addresses on every transport. */
enum { MINKE_NODE_ATTEMPTS_MAX = 32 };

typedef struct minke_node_attempt minke_node_attempt_t;

typedef struct minke_node_dial {
    minke_list_t siblings; /* in the node's list of those without a connection */
    minke_list_t to_tell;  /* in the node's list of those that have failed */
    minke_list_t attempts;
    minke_list_t dependants; /* attempts that wait for this one, to a relay */
    minke_node_timer_t timer;
    minke_connection_t id;
    minke_peer_id_t peer; /* who it must be; len 0: anybody */
    int version;          /* of webrtc-direct; 0: find out */
    size_t attempts_n;    /* ever made */
    minke_time_t started_at, next_at, give_up_at;
    minke_node_connection_t *connection; /* NULL: still dialling, or failed */
    minke_close_t failure;
    bool quiet; /* the application does not know of it */
    bool over;  /* failed; told next */
} minke_node_dial_t;

typedef enum minke_attempt_state {
    MINKE_ATTEMPT_WAITING,
    MINKE_ATTEMPT_RESOLVING,
    MINKE_ATTEMPT_CONNECTING,
    MINKE_ATTEMPT_RELAY,
    MINKE_ATTEMPT_BELOW,
    MINKE_ATTEMPT_ENDED /* only the driver has to hear of it */
} minke_attempt_state_t;

struct minke_node_attempt {
    minke_list_t siblings;
    minke_list_t to_do;        /* in the node's list: the driver has to begin, or to give up */
    minke_list_t dependant;    /* in the list of the dial that it waits for */
    minke_map_node_t by_below; /* in the node's table, while BELOW */
    minke_node_dial_t *dial;
    uint64_t id;
    minke_attempt_state_t state;
    bool with_driver; /* the driver has begun, and has not answered */
    minke_multiaddr_t address;
    minke_target_t target;
    minke_connection_t below;
    minke_connection_t relay; /* the dial to the relay that was made for it; 0: none */
    minke_node_stream_t *hop; /* the question to the relay */
    void *signalling;         /* of signalling.c; NULL: none */
    minke_time_t started_at;
};

/* ---- for the application */

/* As minke_dial_any, for addresses of every kind. */
MINKE_MUST_USE int minke__node_dial(minke_node_t *node, const char *const *multiaddrs, size_t count, int version,
                                    minke_time_t now, minke_connection_t *connection);

/* ---- for the driver */

typedef enum minke_node_request_type {
    MINKE_REQUEST_NONE,
    MINKE_REQUEST_RESOLVE, /* `address` begins with a name: minke__node_resolved or minke__node_not_carried */
    MINKE_REQUEST_CONNECT, /* to `target`: minke__node_carried or minke__node_not_carried */
    MINKE_REQUEST_CANCEL,  /* neither is wanted any more */
    MINKE_REQUEST_RELEASE  /* the connection of this carrier has ended: close it */
} minke_node_request_type_t;

/* Pointers are valid until the next call to the node. */
typedef struct minke_node_request {
    minke_node_request_type_t type;
    uint64_t attempt;
    const minke_multiaddr_t *address;
    const minke_target_t *target;
    const char *name; /* what a certificate must be for */
    minke_carrier_t *carrier;
} minke_node_request_t;

/* False: nothing to do. */
bool minke__node_request(minke_node_t *node, minke_node_request_t *request, minke_time_t now);
bool minke__node_has_request(const minke_node_t *node);
/* Answers; an attempt that is gone is ignored. `names`: of each address, what its IP address was found under, "" if a
 * record named the IP address itself. `reason`: a sentence for people, if there are none. */
void minke__node_resolved(minke_node_t *node, uint64_t attempt, const minke_multiaddr_t *addresses,
                          const char (*names)[MINKE_NAME_BYTES], size_t addresses_n, const char *reason,
                          minke_time_t now);
/* MINKE_OK: the carrier belongs to `connection` now; else close it. */
MINKE_MUST_USE int minke__node_carried(minke_node_t *node, uint64_t attempt, minke_carrier_t *carrier, minke_time_t now,
                                       minke_connection_t *connection);
/* Either request has failed. */
void minke__node_not_carried(minke_node_t *node, uint64_t attempt, const minke_close_t *reason, minke_time_t now);

/* ---- for this folder */

minke_node_dial_t *minke__dial_find(const minke_node_t *node, minke_connection_t id);
/* The same as minke__node_dial for one address, and the application hears of it only if it comes up. 0: it cannot be.
 */
minke_connection_t minke__dial_quietly(minke_node_t *node, const minke_multiaddr_t *address);
void minke__dial_cancel(minke_node_t *node, minke_connection_t id);
void minke__dials_free(minke_node_t *node);
/* Is this connection below an attempt that is not decided? */
bool minke__dial_attempts(const minke_node_t *node, minke_connection_t below);
/* A connection below has come up: the dial whose attempt it was; NULL: of none that wants it still. */
minke_node_dial_t *minke__dial_won(minke_node_t *node, minke_connection_t below);
/* And it is this connection now: all other attempts end. */
void minke__dial_becomes(minke_node_t *node, minke_node_dial_t *dial, minke_node_connection_t *connection);
/* It could not be made. */
void minke__dial_failed(minke_node_t *node, minke_node_dial_t *dial, const minke_close_t *reason);
/* A connection below has ended. True: it was an attempt, and nobody else's business. */
bool minke__dial_lost(minke_node_t *node, minke_connection_t below, const minke_close_t *reason);
/* The connection that a dial became has ended. */
void minke__dial_connection_ended(minke_node_t *node, minke_node_connection_t *connection);
/* DISCONNECTED of a dial that has failed. */
bool minke__dial_event(minke_node_t *node, minke_event_t *event);

/* circuit.c: asks the relay for a circuit, and answers with one of the two below; or nobody wants it any more. */
void minke__circuit_dial(minke_node_t *node, minke_node_attempt_t *attempt, minke_node_connection_t *relay);
void minke__circuit_forget(minke_node_t *node, minke_node_attempt_t *attempt);
/* The relay has agreed: this is the connection over it. Or it has not. */
void minke__attempt_relayed(minke_node_t *node, minke_node_attempt_t *attempt, minke_connection_t below);
void minke__attempt_failed(minke_node_t *node, minke_node_attempt_t *attempt, const minke_close_t *reason);

#endif
