/*
 * The pure part of a host: connections of either kind, a table of protocols, multistream-select on every stream, and
 * the services that every libp2p node runs. No sockets and no clock; src/driver/ adds those.
 *
 *   datagrams: transport --.
 *                           >-- link.h --> node --> negotiation (multistream)
 *   bytes:     upgrade   --'                    \-> service (ping, identify, perf, relay): consumed here
 *                                                \-> application stream: passed on as minke_event_t
 *
 *   dial.h     several addresses of a peer, of every kind, names and relays included
 *   circuit.h  connections over a relay: a stream of one connection carries the bytes of another
 */
#ifndef MINKE_HOST_NODE_H
#define MINKE_HOST_NODE_H

#include <minke/minke.h>

#include "base/byte_queue.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "host/identify_message.h"
#include "multiformats/multiaddr.h"
#include "multistream/multistream.h"
#include "upgrade/endpoint.h"

typedef struct minke_node minke_node_t;
typedef struct minke_node_stream minke_node_stream_t;
typedef struct minke_node_connection minke_node_connection_t;

/* Something that happens later. Its owner embeds it. */
typedef struct minke_node_timer {
    minke_heap_node_t node;
    void (*fire)(minke_node_t *node, struct minke_node_timer *timer);
} minke_node_timer_t;

/*
 * A protocol served or spoken by the node itself. `run` is called when the stream has been negotiated and whenever
 * something about it may have changed; it reads and writes until told to stop. `done` frees what `state` points to.
 */
typedef struct minke_service {
    const char *protocol;
    bool short_lived; /* must be over within the time limit of a negotiation */
    bool on_limited;  /* may run on limited connections */
    void (*run)(minke_node_t *node, minke_node_stream_t *stream);
    void (*done)(minke_node_t *node, minke_node_stream_t *stream); /* may be NULL */
} minke_service_t;

struct minke_node_stream {
    minke_list_t siblings; /* in the connection's list of streams */
    minke_list_t waiting;  /* in the node's list of those with a time limit, oldest first */
    minke_list_t to_tell;  /* in the node's list of application streams with events of the node's own */
    minke_time_t give_up_at;
    minke_stream_t id;
    minke_node_connection_t *connection;
    void *user; /* the application's */
    bool inbound;
    bool negotiated;
    bool refused; /* the remote does not speak the protocol */
    bool tell_opened, tell_readable;
    const minke_service_t *service;   /* NULL: the application's */
    void *state;                      /* the service's */
    minke_multistream_t *negotiation; /* NULL once negotiated */
    minke_byte_queue_t negotiation_out;
    minke_byte_queue_t early; /* what the application wrote before the remote agreed */
    bool finish_early;        /* and that this was all */
    const char *proposals[1]; /* outbound: what we propose */
    char protocol[MINKE_PROTOCOL_MAX + 1];
};

struct minke_node_connection {
    minke_list_t siblings;
    minke_list_t streams;
    minke_map_node_t by_peer; /* in the node's table of peers */
    minke_connection_t id;    /* the application's number for it */
    minke_connection_t
        below; /* the transport's, or that of the byte connections; the same number if nothing was chosen from */
    struct minke_node_dial *dial; /* that it came from; NULL: none of ours */
    void *user;                   /* the application's */
    size_t early;                 /* bytes that its streams keep back */
    bool inbound;
    bool relayed; /* a circuit: relays take no requests over it */
    bool limited;
    bool speaks_push; /* the remote's identify lists identify push */
    bool identified;
    uint8_t *identify; /* what it said: one message, pushes merged into it */
    size_t identify_len;
    char peer[MINKE_PEER_BYTES];
    char address[]; /* as the remote is known to us, without its peer id; terminated */
};

/* A LISTENING, LISTEN_FAILED or LISTEN_CLOSED event that waits. */
typedef struct minke_node_notice {
    minke_list_t siblings;
    minke_event_type_t type;
    char addr[MINKE_ADDR_BYTES];
    minke_close_t close;
} minke_node_notice_t;

typedef struct minke_node_text {
    minke_list_t siblings;
    size_t len;
    char text[]; /* terminated */
} minke_node_text_t;

struct minke_node {
    minke_env_t env;
    minke_transport_t *transport;
    minke_byte_endpoint_t *bytes;
    minke_time_t now; /* of the call in progress */
    bool serve_perf, identify;
    char agent[129];
    minke_list_t connections;
    minke_map_t peers;
    minke_list_t protocols; /* of minke_node_text_t: the application's */
    minke_list_t limited;   /* of minke_node_text_t: those of them that may run on limited connections */
    minke_list_t addresses; /* of minke_node_text_t: what we listen on */
    minke_list_t waiting;
    minke_list_t to_tell;
    minke_list_t notices;
    minke_node_notice_t *noticed;  /* the one whose strings the application may still look at */
    minke_connection_t identified; /* an IDENTIFIED event is due; 0: none */
    minke_heap_t timers;
    size_t timers_n; /* those that may be armed at once */

    /* dial.h */
    minke_handles_t dials, attempts;
    minke_list_t dialling;       /* dials without a connection */
    minke_map_t below;           /* connections that are attempts still: their number -> minke_node_attempt_t */
    minke_list_t dials_to_tell;  /* that have failed */
    minke_list_t attempts_to_do; /* the driver has something to do for them */
    minke_list_t released;       /* carriers whose connections have ended */
    minke_time_t dial_after;

    minke_list_t reservations; /* reservation.h */
    minke_list_t signalling;   /* signalling.h */
    minke_map_t signalled;     /* the transport's number of a private connection -> its session there */
    minke_address_t stun_servers[MINKE_STUN_SERVERS_MAX];
    size_t stun_servers_n;
    struct minke_hop *hop; /* hop.h; NULL: no relay */
    uint64_t unix_base;    /* unix time in seconds at `unix_base_at` */
    minke_time_t unix_base_at;

    /* strings of the last event, and of minke_identify_get */
    char event_protocol[MINKE_PROTOCOL_MAX + 1];
    char event_peer[MINKE_PEER_BYTES];
    char event_address[MINKE_ADDR_BYTES];
    struct minke_identify_texts *texts;
};

MINKE_MUST_USE int minke__node_new(const minke_host_options_t *options, minke_time_t now, minke_node_t **out);
void minke__node_free(minke_node_t *node);
/* Says goodbye to all; there are then last datagrams and bytes to send. */
void minke__node_close_all(minke_node_t *node, minke_time_t now);

MINKE_MUST_USE int minke__node_handle(minke_node_t *node, const char *protocol);
MINKE_MUST_USE int minke__node_allow_limited(minke_node_t *node, const char *protocol);
/* A full multiaddr that can be dialled, for identify, and one that no longer can. Peers that are connected get it
 * pushed. */
int minke__node_listening(minke_node_t *node, const char *address, minke_time_t now);
void minke__node_not_listening(minke_node_t *node, const char *address, minke_time_t now);
MINKE_MUST_USE int minke__node_open(minke_node_t *node, minke_connection_t connection, const char *protocol,
                                    minke_time_t now, minke_stream_t *stream);

/* The wall clock, which only relays' messages want: seconds since 1970. */
void minke__node_set_unix_time(minke_node_t *node, uint64_t seconds, minke_time_t now);
uint64_t minke__node_unix_time(const minke_node_t *node);

/* What the application is told of an address; `close` NULL: nothing more. Out of memory nothing is. */
void minke__node_notify(minke_node_t *node, minke_event_type_t type, const char *address, const minke_close_t *close);

/* An event of the transport goes in; true: `event` is for the application. */
bool minke__node_event(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event, minke_time_t now);
/* All other events, to be drained after each of the transport's and after the last one. */
bool minke__node_own_event(minke_node_t *node, minke_event_t *event, minke_time_t now);
minke_time_t minke__node_deadline(const minke_node_t *node);
void minke__node_tick(minke_node_t *node, minke_time_t now);
/* There is something to tell or to do that neither a descriptor nor a deadline would bring up. */
bool minke__node_is_busy(const minke_node_t *node);

/* ---- byte connections: the carriers are the driver's, but for circuits */

/* A carrier has come in. MINKE_ERROR_LIMIT (counted) or MINKE_ERROR_NO_MEMORY: close it. */
MINKE_MUST_USE int minke__node_accept(minke_node_t *node, minke_carrier_t *carrier, minke_time_t now,
                                      minke_connection_t *connection);
/* The carrier is closed before its connection has ended: nobody looks at it any more. NULL: there was none. */
minke_carrier_t *minke__node_take_carrier(minke_node_t *node, minke_connection_t below);
/* The next connection whose carrier, one of the driver's, may have something to send. False: none. */
bool minke__node_ready(minke_node_t *node, minke_connection_t *connection, minke_time_t now);

/* ---- the application's calls: they do not reach into negotiation or services */

ssize_t minke__node_write(minke_node_t *node, minke_stream_t stream, const void *data, size_t len, minke_time_t now);
int minke__node_finish(minke_node_t *node, minke_stream_t stream, minke_time_t now);
ssize_t minke__node_peek(minke_node_t *node, minke_stream_t stream, const uint8_t **data);
int minke__node_consume(minke_node_t *node, minke_stream_t stream, size_t len, minke_time_t now);
int minke__node_reset(minke_node_t *node, minke_stream_t stream, uint32_t code, minke_time_t now);
int minke__node_stop(minke_node_t *node, minke_stream_t stream, uint32_t code, minke_time_t now);
int minke__node_close(minke_node_t *node, minke_connection_t connection, minke_time_t now);
/* Where the application's pointer is kept; NULL: no such stream of the application, or no such connection. */
void **minke__node_stream_user(const minke_node_t *node, minke_stream_t stream);
void **minke__node_connection_user(const minke_node_t *node, minke_connection_t connection);
MINKE_MUST_USE int minke__node_peer(const minke_node_t *node, minke_connection_t connection,
                                    char text[MINKE_PEER_BYTES]);
MINKE_MUST_USE int minke__node_stats(const minke_node_t *node, minke_connection_t connection,
                                     minke_connection_stats_t *stats);
size_t minke__node_connections(const minke_node_t *node, minke_connection_t *connections, size_t capacity);
MINKE_MUST_USE int minke__node_identify_get(minke_node_t *node, minke_connection_t connection,
                                            minke_identify_info_t *info);

/* ---- among the files of this folder */

/* By the application's number, and by the one below. NULL: none, or none that is up. */
minke_node_connection_t *minke__node_connection(const minke_node_t *node, minke_connection_t id);
minke_node_connection_t *minke__node_connection_below(const minke_node_t *node, minke_connection_t below);
/* One to this peer, rather one that is no circuit. NULL: none. */
minke_node_connection_t *minke__node_connection_to(const minke_node_t *node, const minke_peer_id_t *peer);
/* A connection is up, and one has gone. */
minke_node_connection_t *minke__node_connection_new(minke_node_t *node, minke_connection_t below, bool inbound);
void minke__node_connection_free(minke_node_t *node, minke_node_connection_t *connection);

/* It is a dial of ours that is not up yet. */
bool minke__node_is_dialling(const minke_node_t *node, minke_connection_t id);

/* Room for a timer, so that setting it cannot fail. */
MINKE_MUST_USE int minke__node_timer_init(minke_node_t *node, minke_node_timer_t *timer,
                                          void (*fire)(minke_node_t *node, minke_node_timer_t *timer));
void minke__node_timer_set(minke_node_t *node, minke_node_timer_t *timer, minke_time_t at);
/* Harmless for one that was never made. */
void minke__node_timer_free(minke_node_t *node, minke_node_timer_t *timer);

/* streams.c */
minke_node_stream_t *minke__node_stream(const minke_node_t *node, minke_stream_t id);
void minke__node_stream_opened(minke_node_t *node, const minke_transport_event_t *from);
/* READABLE or WRITABLE. True: `event` is for the application. */
bool minke__node_stream_changed(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event);
bool minke__node_stream_closed(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event);
/* OPENED and READABLE, which the node itself raises. */
bool minke__node_stream_event(minke_node_t *node, minke_event_t *event);
void minke__node_stream_free(minke_node_t *node, minke_node_stream_t *stream);
/* `service` NULL: the application's. */
int minke__node_open_stream(minke_node_t *node, minke_node_connection_t *c, const char *protocol,
                            const minke_service_t *service, minke_node_stream_t **out);
void minke__node_push_to_all(minke_node_t *node);
bool minke__node_has_text(const minke_list_t *list, const char *text, size_t len);
/* What is allocated for a connection is charged to it; any env frees it. */
const minke_env_t *minke__node_env(const minke_node_t *node, const minke_node_connection_t *connection);
/* Nothing may be written yet: the proposal is not out, or the remote has to agree first. */
bool minke__node_stream_waits(const minke_node_t *node, const minke_node_stream_t *stream);
void minke__node_limit_time(minke_node_t *node, minke_node_stream_t *stream);
/* Nobody needs this stream any more: it takes what still comes, and if the remote does not end it, time does. Its state
 * is its owner's to free before. */
void minke__node_drain(minke_node_t *node, minke_node_stream_t *stream);
/* Those that are served, in turn; NULL: no more. And which of them has this name; negative: none. */
const minke_service_t *minke__node_service(const minke_node_t *node, size_t index);
int minke__node_service_index(const minke_node_t *node, const char *name, size_t len);
/* May this protocol, a service's or the application's, run on limited connections? */
bool minke__node_may_be_limited(const minke_node_t *node, const char *protocol, size_t len);

/* services.c */
extern const minke_service_t minke__service_ping;
extern const minke_service_t minke__service_perf;
/* identify.c */
extern const minke_service_t minke__service_identify;       /* answers */
extern const minke_service_t minke__service_push;           /* reads a push */
extern const minke_service_t minke__service_identify_query; /* asks */
extern const minke_service_t minke__service_push_send;      /* pushes */

#endif
