/*
 * A yamux session: libp2p streams over one reliable byte stream (spec/host.md 7). Sans-IO: the bytes of the connection
 * go in and come out, streams have the calls of stream/mux.h with the same promises.
 *
 *     recv --> frames --> streams --> events, peek / consume
 *     write / finish / reset --> streams --> transmit
 *
 * What yamux cannot say: stop. A stopped stream takes what still comes and drops it.
 */
#ifndef MINKE_YAMUX_YAMUX_H
#define MINKE_YAMUX_YAMUX_H

#include "base/handles.h"
#include "yamux/frame.h"

typedef struct minke_yamux minke_yamux_t;
typedef struct minke_yamux_stream minke_yamux_stream_t;

/* Every stream starts with this window in each direction; only a later update can change it. */
enum { MINKE_YAMUX_WINDOW_FIRST = 262144 };
/* OPENs that the remote has not acknowledged: go-yamux and js refuse more. */
enum { MINKE_YAMUX_UNACKNOWLEDGED_MAX = 256 };

typedef struct minke_yamux_options {
    bool client;                  /* opened the connection: our ids are odd */
    uint32_t inbound_max;         /* inbound streams at once. Default 512; more are reset */
    uint32_t outbound_max;        /* outbound streams at once. Default 512 */
    uint32_t window_max;          /* a stream's receive window grows up to this. Default 1 MiB, at least the first */
    uint32_t send_buffer;         /* bytes accepted per stream and not yet sent. Default 256 KiB */
    minke_time_t keepalive_after; /* between pings. Default 30 s, as go and js */
    minke_time_t silent_after;    /* nothing received this long after a ping: the session ends. Default 10 s */
} minke_yamux_options_t;

void minke__yamux_options_defaults(minke_yamux_options_t *options);

/* `streams` gives every stream its public id; the object behind an id is the minke_yamux_stream_t. NULL: no memory. */
MINKE_MUST_USE minke_yamux_t *minke__yamux_new(const minke_env_t *env, const minke_yamux_options_t *options,
                                               minke_handles_t *streams, minke_connection_t connection,
                                               minke_time_t now);
/* All streams go, and their ids with them. */
void minke__yamux_free(minke_yamux_t *session);

/* Bytes of the connection, cut anywhere. Nothing after the session has ended. */
void minke__yamux_recv(minke_yamux_t *session, const uint8_t *data, size_t len, minke_time_t now);
/* The next bytes to send: whole frames, up to `capacity` (at least 64); 0: none. Streams take turns frame by frame. */
MINKE_MUST_USE size_t minke__yamux_transmit(minke_yamux_t *session, uint8_t *out, size_t capacity, minke_time_t now);
minke_time_t minke__yamux_deadline(const minke_yamux_t *session);
void minke__yamux_tick(minke_yamux_t *session, minke_time_t now);

/* Ends it from our side: a GO_AWAY is still to be sent. Streams end as in minke__yamux_fail. */
void minke__yamux_close(minke_yamux_t *session, minke_time_t now);
/* The connection below has gone. Streams get their CLOSED events; those that the remote had finished keep their bytes
 * until they are consumed, as with minke__mux_fail. */
void minke__yamux_fail(minke_yamux_t *session);
bool minke__yamux_lingers(const minke_yamux_t *session);
/* The end for those too. */
void minke__yamux_abandon(minke_yamux_t *session);
/* NULL while it runs. It may end by the remote's GO_AWAY, a violation (a GO_AWAY of ours is then still to be sent), or
 * because a ping was not answered. */
const minke_close_t *minke__yamux_close_reason(const minke_yamux_t *session);

typedef enum minke_yamux_event_type {
    MINKE_YAMUX_STREAM_OPENED,
    MINKE_YAMUX_STREAM_READABLE,
    MINKE_YAMUX_STREAM_WRITABLE,
    MINKE_YAMUX_STREAM_CLOSED /* after the next call to minke__yamux_event the stream is freed and its id stale */
} minke_yamux_event_type_t;

typedef struct minke_yamux_event {
    minke_yamux_event_type_t type;
    minke_yamux_stream_t *stream;
    int error; /* CLOSED: MINKE_OK, MINKE_ERROR_STREAM_RESET or MINKE_ERROR_CONNECTION_CLOSED */
} minke_yamux_event_t;

/* Coalesced: at most one event of each type is pending per stream. False: none. */
bool minke__yamux_event(minke_yamux_t *session, minke_yamux_event_t *event);

/* MINKE_ERROR_LIMIT: outbound_max, or 256 are not acknowledged yet; MINKE_ERROR_CONNECTION_CLOSED: the session has
 * ended or the remote wants no more streams; MINKE_ERROR_NO_MEMORY. */
MINKE_MUST_USE int minke__yamux_open(minke_yamux_t *session, minke_yamux_stream_t **stream);

minke_stream_t minke__yamux_stream_id(const minke_yamux_stream_t *stream);
minke_connection_t minke__yamux_stream_connection(const minke_yamux_stream_t *stream);
void minke__yamux_stream_set_user(minke_yamux_stream_t *stream, void *user);
void *minke__yamux_stream_user(const minke_yamux_stream_t *stream);

MINKE_MUST_USE ssize_t minke__yamux_write(minke_yamux_stream_t *stream, const void *data, size_t len);
MINKE_MUST_USE ssize_t minke__yamux_peek(minke_yamux_stream_t *stream, const uint8_t **data);
int minke__yamux_consume(minke_yamux_stream_t *stream, size_t len);
int minke__yamux_finish(minke_yamux_stream_t *stream);
int minke__yamux_reset(minke_yamux_stream_t *stream);
int minke__yamux_stop(minke_yamux_stream_t *stream);
size_t minke__yamux_writable(const minke_yamux_stream_t *stream);

typedef struct minke_yamux_stats {
    uint32_t inbound, outbound;
    minke_time_t rtt; /* of the last ping; 0: none answered yet */
    size_t unread, unsent;
} minke_yamux_stats_t;

minke_yamux_stats_t minke__yamux_stats(const minke_yamux_t *session);

#endif
