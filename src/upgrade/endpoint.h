/*
 * All upgraded byte connections of a host: what minke_transport_t is for datagrams. Sans-IO: somebody else has the TCP
 * sockets, WebSockets or circuits ("carriers") and moves bytes.
 *
 *     add            a carrier is connected: CONNECTED follows, or CLOSED
 *     recv           bytes that came
 *     ready, transmit    who has something to send, and what; a carrier that is full is asked again later (touch)
 *     disconnected   the carrier has ended
 *     event          CONNECTED, CLOSED, STREAM_*: as of a transport. After CLOSED the carrier is to be closed
 *
 * Ids have a high bit set, so that a host can tell them from those of its transport.
 */
#ifndef MINKE_UPGRADE_ENDPOINT_H
#define MINKE_UPGRADE_ENDPOINT_H

#include <minke/transport.h>

#include "base/list.h"
#include "multiformats/target.h"
#include "upgrade/upgrade.h"

#define MINKE_BYTES_ID (UINT64_C(1) << 62)
static inline bool minke__is_bytes_id(uint64_t id) { return (id & MINKE_BYTES_ID) != 0; }

/* What moves the bytes of a connection. Its owner embeds this at the front of what he knows of it. */
typedef struct minke_carrier {
    minke_list_t released;       /* its owner's: the connection has ended */
    minke_target_kind_t kind;    /* TCP, WEBSOCKET or WEBSOCKET_TLS; of a circuit UNKNOWN */
    bool circuit;                /* a stream of another connection */
    bool limited;                /* a circuit with a limit of time or bytes */
    minke_address_t remote;      /* family NONE: a circuit's */
    struct minke_origin *origin; /* the host's: where it counts, if it came in */
} minke_carrier_t;

typedef struct minke_byte_endpoint minke_byte_endpoint_t;

typedef struct minke_byte_endpoint_options {
    const minke_identity_t *identity;
    uint32_t connections_max; /* both directions. Default 4096 */
    uint32_t handshakes_max;  /* inbound ones that are not through Noise yet. Default 128 */
    size_t memory_max;        /* bytes that one connection may hold. Default 16 MiB */
    minke_upgrade_options_t upgrade;
} minke_byte_endpoint_options_t;

void minke__bytes_options_defaults(minke_byte_endpoint_options_t *options);
/* NULL: out of memory. */
MINKE_MUST_USE minke_byte_endpoint_t *minke__bytes_new(const minke_env_t *env,
                                                       const minke_byte_endpoint_options_t *options);
/* Ends everything without a word to the remotes. */
void minke__bytes_free(minke_byte_endpoint_t *endpoint);

/* Is there room for one more? MINKE_ERROR_LIMIT, counted. */
MINKE_MUST_USE int minke__bytes_admit(const minke_byte_endpoint_t *endpoint, bool inbound);
/* `expected` may be NULL; the carrier must outlive the connection. MINKE_ERROR_LIMIT, as above; MINKE_ERROR_NO_MEMORY:
 * close the carrier. */
MINKE_MUST_USE int minke__bytes_add(minke_byte_endpoint_t *endpoint, minke_carrier_t *carrier, bool inbound,
                                    const minke_peer_id_t *expected, minke_time_t now, minke_connection_t *connection);
/* As it was added; NULL for a stale id, and once it was taken back: with CLOSED its work is done. */
minke_carrier_t *minke__bytes_carrier(const minke_byte_endpoint_t *endpoint, minke_connection_t id);
minke_carrier_t *minke__bytes_take_carrier(minke_byte_endpoint_t *endpoint, minke_connection_t id);
/* The bytes are changed (decrypted in place). A stale id is ignored. */
void minke__bytes_recv(minke_byte_endpoint_t *endpoint, minke_connection_t id, uint8_t *data, size_t len,
                       minke_time_t now);
/* The next connection that has something to send; each is named once until it is touched again. False: none. */
bool minke__bytes_ready(minke_byte_endpoint_t *endpoint, minke_connection_t *connection);
/* What it has to send, until 0: only then CLOSED may follow, so that the last word is sent too, or a second later.
 * `capacity` at least 128. */
MINKE_MUST_USE size_t minke__bytes_transmit(minke_byte_endpoint_t *endpoint, minke_connection_t id, uint8_t *out,
                                            size_t capacity, minke_time_t now);
/* Its carrier takes bytes again: minke__bytes_ready will name it. */
void minke__bytes_touch(minke_byte_endpoint_t *endpoint, minke_connection_t id);
void minke__bytes_disconnected(minke_byte_endpoint_t *endpoint, minke_connection_t id, const minke_close_t *reason,
                               minke_time_t now);
minke_time_t minke__bytes_deadline(const minke_byte_endpoint_t *endpoint);
void minke__bytes_tick(minke_byte_endpoint_t *endpoint, minke_time_t now);
bool minke__bytes_event(minke_byte_endpoint_t *endpoint, minke_transport_event_t *event);

/* Says goodbye and ends: CLOSED follows. MINKE_ERROR_STALE. */
int minke__bytes_close(minke_byte_endpoint_t *endpoint, minke_connection_t id, minke_time_t now);
/* NULL: stale, or not CONNECTED yet. */
const minke_peer_id_t *minke__bytes_peer(const minke_byte_endpoint_t *endpoint, minke_connection_t id);
const uint8_t *minke__bytes_peer_key(const minke_byte_endpoint_t *endpoint, minke_connection_t id, size_t *len);
/* What is allocated for a connection is charged to it, and freed under any env. NULL for a stale id. */
const minke_env_t *minke__bytes_env(const minke_byte_endpoint_t *endpoint, minke_connection_t id);
bool minke__bytes_inbound(const minke_byte_endpoint_t *endpoint, minke_connection_t id);
size_t minke__bytes_count(const minke_byte_endpoint_t *endpoint);
/* To walk over them all, oldest first: the first after 0, and 0 after the last or a stale one. */
minke_connection_t minke__bytes_after(const minke_byte_endpoint_t *endpoint, minke_connection_t id);
/* False: stale. What datagrams alone have stays zero. */
bool minke__bytes_stats(const minke_byte_endpoint_t *endpoint, minke_connection_t id, minke_connection_stats_t *stats);
bool minke__bytes_is_busy(const minke_byte_endpoint_t *endpoint);
/* For the layer above; NULL at first and for stale ids. */
void minke__bytes_set_user(minke_byte_endpoint_t *endpoint, minke_connection_t id, void *user);
void *minke__bytes_user(const minke_byte_endpoint_t *endpoint, minke_connection_t id);
void minke__bytes_stream_set_user(minke_byte_endpoint_t *endpoint, minke_stream_t id, void *user);
void *minke__bytes_stream_user(const minke_byte_endpoint_t *endpoint, minke_stream_t id);

/* The stream calls of minke/transport.h. A reset has no code here. */
MINKE_MUST_USE int minke__bytes_open(minke_byte_endpoint_t *endpoint, minke_connection_t id, minke_time_t now,
                                     minke_stream_t *stream);
MINKE_MUST_USE ssize_t minke__bytes_write(minke_byte_endpoint_t *endpoint, minke_stream_t id, const void *data,
                                          size_t len, minke_time_t now);
MINKE_MUST_USE ssize_t minke__bytes_peek(minke_byte_endpoint_t *endpoint, minke_stream_t id, const uint8_t **data);
int minke__bytes_consume(minke_byte_endpoint_t *endpoint, minke_stream_t id, size_t len, minke_time_t now);
int minke__bytes_finish(minke_byte_endpoint_t *endpoint, minke_stream_t id, minke_time_t now);
int minke__bytes_reset(minke_byte_endpoint_t *endpoint, minke_stream_t id, minke_time_t now);
int minke__bytes_stop(minke_byte_endpoint_t *endpoint, minke_stream_t id, minke_time_t now);
size_t minke__bytes_writable(const minke_byte_endpoint_t *endpoint, minke_stream_t id);

#endif
