/*
 * libp2p streams over data channels: DCEP, id allocation, message framing, the half-close state machine
 * (spec/streams.md). One mux per connection; it sits on a minke_sctp_t as its user.
 *
 * Stream 0 is the handshake channel of webrtc-direct: it exists from the start on request, without DCEP, and is never
 * reset by us. Inbound streams are held back (opened, receiving, bounded) until minke__mux_surface is called, which the
 * connection does when Noise has succeeded.
 */
#ifndef MINKE_STREAM_MUX_H
#define MINKE_STREAM_MUX_H

#include "base/handles.h"
#include "base/list.h"
#include "sctp/sctp.h"

typedef struct minke_mux minke_mux_t;
typedef struct minke_mux_stream minke_mux_stream_t;

typedef struct minke_mux_options {
    bool dtls_client;            /* parity of our ids: the DTLS client opens even ones, the server odd ones */
    bool handshake_channel;      /* stream 0 is pre-negotiated (webrtc-direct) */
    uint32_t inbound_max;        /* inbound streams at once. Default 512; more are reset */
    uint32_t outbound_max;       /* outbound streams at once. Default 510 (ids stay below 1024, spec/streams.md 2) */
    uint32_t send_buffer;        /* bytes accepted per stream and not yet handed to SCTP, whatever the others hold.
                                    Default 256 KiB */
    uint32_t send_buffer_max;    /* the same where the path takes more in a round trip: what that is, shared by the
                                    streams. Default 4 MiB */
    uint32_t send_buffer_shared; /* of all streams of the connection, or what the path takes if that is more: beyond it
                                    each may have one frame. Default 1 MiB, half of a core's own cache */
    uint32_t send_buffer_total;  /* for all streams of the connection. Default 8 MiB, and a quarter of its memory */
    uint32_t unread_max;         /* bytes a stream may hold unread before it is reset: more than honest remotes
                                    send, by the window. Default 16 MiB */
    uint32_t frame_max;          /* largest frame accepted, prefix not counted. Default 263168 (spec/streams.md 4) */
} minke_mux_options_t;

void minke__mux_options_defaults(minke_mux_options_t *options);

/* `streams` gives every stream its public id; the object behind an id is the minke_mux_stream_t. */
MINKE_MUST_USE minke_mux_t *minke__mux_new(const minke_env_t *env, const minke_mux_options_t *options,
                                           minke_handles_t *streams, minke_connection_t connection);
/* All streams go, and their ids with them. The association goes first: it gives the messages back. */
void minke__mux_free(minke_mux_t *mux);
/* What to hand to minke__sctp_new; then the association itself. */
minke_sctp_user_t minke__mux_sctp_user(minke_mux_t *mux);
void minke__mux_attach(minke_mux_t *mux, minke_sctp_t *sctp);

/* Noise is done: inbound streams that came early become visible, in order, as events. */
void minke__mux_surface(minke_mux_t *mux);
/* The connection has ended: every stream that is visible gets its CLOSED event. Bytes that have arrived can be read
 * until that event is over. The association is not touched from here on and may be freed. */
void minke__mux_fail(minke_mux_t *mux);
/* After that: are there streams that the remote finished and nobody has read to the end yet? They keep their bytes, and
 * have their CLOSED event when those are consumed. */
bool minke__mux_lingers(const minke_mux_t *mux);
/* The end for those too. */
void minke__mux_abandon(minke_mux_t *mux);

/* Timers: FIN_ACK (10 s), delayed FIN_ACK (5 s), unanswered resets. */
minke_time_t minke__mux_deadline(const minke_mux_t *mux);
void minke__mux_tick(minke_mux_t *mux, minke_time_t now);
/* Every entry that can move time sets the mux's clock first; streams use it. */
void minke__mux_set_now(minke_mux_t *mux, minke_time_t now);

typedef enum minke_mux_event_type {
    MINKE_MUX_STREAM_OPENED,   /* by the remote */
    MINKE_MUX_STREAM_READABLE, /* bytes, end of stream or an error can be read */
    MINKE_MUX_STREAM_WRITABLE, /* room again, or writing failed for good */
    MINKE_MUX_STREAM_CLOSED    /* the last event of a stream: after the next call to minke__mux_event it is freed and
                                  its id is stale */
} minke_mux_event_type_t;

typedef struct minke_mux_event {
    minke_mux_event_type_t type;
    minke_mux_stream_t *stream;
    int error;           /* CLOSED: MINKE_OK, MINKE_ERROR_STREAM_RESET or MINKE_ERROR_CONNECTION_CLOSED */
    uint32_t error_code; /* CLOSED by reset: what the remote said, 0 if nothing */
} minke_mux_event_t;

/* Coalesced: at most one event of each type is pending per stream. False: none. */
bool minke__mux_event(minke_mux_t *mux, minke_mux_event_t *event);

/* A new outbound stream; DCEP OPEN goes out with or before its first data.
 * MINKE_ERROR_LIMIT: outbound_max, or no free id; MINKE_ERROR_STATE: SCTP is not up yet; MINKE_ERROR_NO_MEMORY. */
MINKE_MUST_USE int minke__mux_open(minke_mux_t *mux, minke_mux_stream_t **stream);
/* The channel "init" of private connections (spec/webrtc-private.md 3, fact 10): opened, and reset as soon as the
 * remote knows it. No stream, and no event tells of it. Errors as minke__mux_open. */
MINKE_MUST_USE int minke__mux_open_init(minke_mux_t *mux);
/* The handshake channel, or NULL. It gives no events; ask it after every packet. */
minke_mux_stream_t *minke__mux_handshake_channel(minke_mux_t *mux);

minke_stream_t minke__mux_stream_id(const minke_mux_stream_t *stream);
minke_connection_t minke__mux_stream_connection(const minke_mux_stream_t *stream);
/* The SCTP stream id. */
uint16_t minke__mux_stream_channel(const minke_mux_stream_t *stream);
bool minke__mux_stream_is_inbound(const minke_mux_stream_t *stream);
/* For the layer above; NULL at first. */
void minke__mux_stream_set_user(minke_mux_stream_t *stream, void *user);
void *minke__mux_stream_user(const minke_mux_stream_t *stream);

/*
 * The public stream calls (minke/transport.h says what they promise).
 * - write takes what fits (> 0), or MINKE_ERROR_AGAIN. After AGAIN and after a part, WRITABLE follows once half of the
 *   stream's send buffer is free and the connection's has room. It fails with MINKE_ERROR_STREAM_FINISHED, _STOPPED,
 *   _RESET, MINKE_ERROR_CONNECTION_CLOSED, and MINKE_ERROR_NO_MEMORY when not even a part could be taken.
 * - peek: bytes in one piece, 0 at the end of the stream (and after stop), MINKE_ERROR_AGAIN, or why it ended.
 * - finish: again is harmless. reset: always MINKE_OK. stop: again is harmless; finish first where both are meant, rust
 *   takes STOP_SENDING for the end of what we send.
 */
MINKE_MUST_USE ssize_t minke__mux_write(minke_mux_stream_t *stream, const void *data, size_t len);
MINKE_MUST_USE ssize_t minke__mux_peek(minke_mux_stream_t *stream, const uint8_t **data);
int minke__mux_consume(minke_mux_stream_t *stream, size_t len);
int minke__mux_finish(minke_mux_stream_t *stream);
/* Both directions at once; `error_code` 0 sends none (field 3 of the frame). The stream's CLOSED event follows. */
int minke__mux_reset(minke_mux_stream_t *stream, uint32_t error_code);
/* No more reading: STOP_SENDING, unread bytes are dropped. */
int minke__mux_stop(minke_mux_stream_t *stream, uint32_t error_code);
/* Room for write: bytes. */
size_t minke__mux_writable(const minke_mux_stream_t *stream);

typedef struct minke_mux_stats {
    uint32_t inbound;
    uint32_t outbound;
    uint32_t closing; /* ids waiting for both resets */
    uint32_t retired; /* ids never to be used again */
    size_t unread;    /* bytes */
    size_t unsent;    /* bytes */
} minke_mux_stats_t;

minke_mux_stats_t minke__mux_stats(const minke_mux_t *mux);

#endif
