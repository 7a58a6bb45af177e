/*
 * The two halves of a libp2p stream (spec/streams.md 5) and the bytes that wait in them.
 *
 *     send:     open --finish--> finishing --FIN written--> fin_sent --FIN_ACK, 10 s, channel reset--> done
 *                 \------------------\----------------------STOP_SENDING------------------> stopped (fin_sent: done)
 *                  \------------------\---------channel reset after the remote's FIN------> cut
 *
 *     receive:  open --FIN--> finished        open --stop--> stopped
 *
 * A reset of either side, or the end of the connection, sets `error` and ends both halves at once. When both are over
 * the channel is closed; when also nothing is left to read the stream has its CLOSED event.
 */
#ifndef MINKE_STREAM_STREAM_H
#define MINKE_STREAM_STREAM_H

#include "base/byte_queue.h"
#include "stream/channel.h"
#include "stream/frame.h"

typedef enum minke_send_half {
    MINKE_SEND_OPEN,
    MINKE_SEND_FINISHING,
    MINKE_SEND_FIN_SENT,
    MINKE_SEND_DONE,
    MINKE_SEND_STOPPED,
    MINKE_SEND_CUT
} minke_send_half_t;

typedef enum minke_receive_half {
    MINKE_RECEIVE_OPEN,
    MINKE_RECEIVE_FINISHED,
    MINKE_RECEIVE_STOPPED
} minke_receive_half_t;

struct minke_mux_stream {
    minke_mux_t *mux;
    minke_channel_t *channel; /* NULL once the wire has no more to do with the stream */
    minke_list_t in_mux;
    minke_list_t events;  /* of the mux: those with pending events, or those held back */
    minke_list_t starved; /* of the mux: those that wait for room in the connection's send buffer */
    void *user;
    minke_stream_t id;
    minke_byte_queue_t unread;
    minke_message_t *unsent_first;
    minke_message_t **unsent_last; /* the pointer to the last block; it may still grow */
    uint32_t unsent;               /* payload bytes */
    uint32_t error_code;
    int error; /* MINKE_OK, or why both halves have ended */
    minke_frame_parser_t parser;
    uint16_t channel_id;
    uint8_t send;           /* minke_send_half_t */
    uint8_t receive;        /* minke_receive_half_t */
    uint8_t pending_events; /* 1 << minke_mux_event_type_t */
    bool inbound;
    bool visible;    /* gives events: not the handshake channel, not before minke__mux_surface */
    bool wants_room; /* a write was cut short: WRITABLE when there is room */
    bool remote_fin; /* also seen after stop */
    bool closed;     /* CLOSED has been raised */
};

/* NULL: out of memory. In phase OPEN of its channel; gives no events yet. */
minke_mux_stream_t *minke__stream_new(minke_mux_t *mux, minke_channel_t *channel, bool public_id);
void minke__stream_free(minke_mux_stream_t *stream);
/* Held back no longer. */
void minke__stream_surface(minke_mux_stream_t *stream);

/* Payload: how many of the bytes were kept. The stream may be gone afterwards. */
size_t minke__stream_receive(minke_mux_stream_t *stream, const uint8_t *data, size_t len);
/* A flag of a complete frame. The stream may be gone afterwards. */
void minke__stream_flag(minke_mux_stream_t *stream, minke_frame_flag_t flag, uint32_t code);
/* The FIN timers of an open channel. */
void minke__stream_timeout(minke_mux_stream_t *stream);
void minke__stream_channel_reset(minke_mux_stream_t *stream);
/* Resets from our side: RESET (and STOP_SENDING) to the remote, then the channel. The stream may be gone afterwards. */
void minke__stream_abort(minke_mux_stream_t *stream, uint32_t code, bool stop_too, const char *why);
/* Both halves end with `error`, locally; nothing is sent. The stream may be gone afterwards. */
void minke__stream_fail(minke_mux_stream_t *stream, int error, uint32_t code);
void minke__stream_connection_closed(minke_mux_stream_t *stream);

/* The send half. */
bool minke__stream_has_output(const minke_mux_stream_t *stream);
/* The next sealed frame of stream bytes, or NULL. */
minke_message_t *minke__stream_take_message(minke_mux_stream_t *stream);
/* SCTP has taken the FIN. */
void minke__stream_fin_written(minke_mux_stream_t *stream);
void minke__stream_drop_unsent(minke_mux_stream_t *stream);
/* There is room in the connection's buffer. Is the stream woken for it? */
bool minke__stream_offer_room(minke_mux_stream_t *stream);

#endif
