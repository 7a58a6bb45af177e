/*
 * The pure part of a host: a transport, a table of protocols, multistream-select on every stream, and the services that
 * every libp2p node runs. No sockets and no clock; src/driver/ adds those.
 *
 *   transport event --> node --> negotiation (multistream)
 *                            \-> service (ping, identify, perf): consumed here
 *                            \-> application stream: passed on as minke_event_t
 */
#ifndef MINKE_HOST_NODE_H
#define MINKE_HOST_NODE_H

#include <minke/minke.h>

#include "base/byte_queue.h"
#include "base/list.h"
#include "host/identify_message.h"
#include "multiformats/multiaddr.h"
#include "multistream/multistream.h"

typedef struct minke_node minke_node_t;
typedef struct minke_node_stream minke_node_stream_t;
typedef struct minke_node_connection minke_node_connection_t;

/*
 * A protocol served or spoken by the node itself. `run` is called when the stream has been negotiated and whenever
 * something about it may have changed; it reads and writes until told to stop. `done` frees what `state` points to.
 */
typedef struct minke_service {
    const char *protocol;
    bool short_lived; /* must be over within the time limit of a negotiation */
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
    minke_connection_t id;
    void *user;   /* the application's */
    size_t early; /* bytes that its streams keep back */
    bool inbound;
    bool speaks_push; /* the remote's identify lists identify push */
    bool identified;
    uint8_t *identify; /* what it said: one message, pushes merged into it */
    size_t identify_len;
    char peer[MINKE_PEER_BYTES];
    char address[MINKE_ADDR_BYTES];
};

typedef struct minke_node_text {
    minke_list_t siblings;
    size_t len;
    char text[]; /* terminated */
} minke_node_text_t;

struct minke_node {
    minke_env_t env;
    minke_transport_t *transport;
    minke_time_t now; /* of the call in progress */
    bool serve_perf, identify;
    char agent[129];
    minke_list_t connections;
    minke_list_t protocols; /* of minke_node_text_t: the application's */
    minke_list_t addresses; /* of minke_node_text_t: what we listen on */
    minke_list_t waiting;
    minke_list_t to_tell;
    minke_connection_t identified; /* an IDENTIFIED event is due; 0: none */
    /* strings of the last event, and of minke_identify_get */
    char event_protocol[MINKE_PROTOCOL_MAX + 1];
    char event_peer[MINKE_PEER_BYTES];
    char event_address[MINKE_ADDR_BYTES];
    struct minke_identify_texts *texts;
};

MINKE_MUST_USE int minke__node_new(const minke_host_options_t *options, minke_time_t now, minke_node_t **out);
void minke__node_free(minke_node_t *node);
/* Says goodbye to all; the transport then has the last datagrams to send. */
void minke__node_close_all(minke_node_t *node, minke_time_t now);

MINKE_MUST_USE int minke__node_handle(minke_node_t *node, const char *protocol);
/* A full multiaddr that can be dialled: for identify. Peers that are connected get it pushed. */
int minke__node_listening(minke_node_t *node, const char *address, minke_time_t now);
MINKE_MUST_USE int minke__node_open(minke_node_t *node, minke_connection_t connection, const char *protocol,
                                    minke_time_t now, minke_stream_t *stream);

/* A transport event goes in; true: `event` is for the application. */
bool minke__node_event(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event, minke_time_t now);
/* Events of the node's own, to be drained after each transport event and after the last one. */
bool minke__node_own_event(minke_node_t *node, minke_event_t *event, minke_time_t now);
minke_time_t minke__node_deadline(const minke_node_t *node);
void minke__node_tick(minke_node_t *node, minke_time_t now);

/* The application's stream calls: they do not reach into negotiation or services. */
ssize_t minke__node_write(minke_node_t *node, minke_stream_t stream, const void *data, size_t len, minke_time_t now);
int minke__node_finish(minke_node_t *node, minke_stream_t stream, minke_time_t now);
ssize_t minke__node_peek(minke_node_t *node, minke_stream_t stream, const uint8_t **data);
int minke__node_consume(minke_node_t *node, minke_stream_t stream, size_t len, minke_time_t now);
/* Where the application's pointer is kept; NULL: no such stream of the application, or no such connection. */
void **minke__node_stream_user(const minke_node_t *node, minke_stream_t stream);
void **minke__node_connection_user(const minke_node_t *node, minke_connection_t connection);
MINKE_MUST_USE int minke__node_identify_get(minke_node_t *node, minke_connection_t connection,
                                            minke_identify_info_t *info);

/* For the services. */
minke_node_connection_t *minke__node_connection(const minke_node_t *node, minke_connection_t id);
/* What is allocated for a connection is charged to it; any env frees it. */
const minke_env_t *minke__node_env(const minke_node_t *node, const minke_node_connection_t *connection);
int minke__node_start_service(minke_node_t *node, minke_node_connection_t *connection, const minke_service_t *service);
void minke__node_limit_time(minke_node_t *node, minke_node_stream_t *stream);
const minke_service_t *minke__node_service(const minke_node_t *node, size_t index);

/* services.c */
extern const minke_service_t minke__service_ping;
extern const minke_service_t minke__service_perf;
/* identify.c */
extern const minke_service_t minke__service_identify;       /* answers */
extern const minke_service_t minke__service_push;           /* reads a push */
extern const minke_service_t minke__service_identify_query; /* asks */
extern const minke_service_t minke__service_push_send;      /* pushes */

#endif
