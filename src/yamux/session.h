/*
 * Inside of a session and its streams.
 *
 *     send:     open --finish--> finishing --FIN written--> fin_sent
 *     receive:  open --FIN--> remote_fin          stop: what comes is dropped until then
 *
 * RST of either side, or the end of the session, sets `error` and ends both at once. When both are over and nothing is
 * left to read the stream has its CLOSED event.
 */
#ifndef MINKE_YAMUX_SESSION_H
#define MINKE_YAMUX_SESSION_H

#include "base/byte_queue.h"
#include "base/list.h"
#include "base/map.h"
#include "yamux/yamux.h"

struct minke_yamux_stream {
    minke_yamux_t *session;
    minke_map_node_t by_number; /* while the remote may speak of it */
    minke_list_t siblings;
    minke_list_t events;
    minke_list_t to_send;
    minke_list_t starved; /* a write took nothing because memory is short */
    void *user;
    minke_stream_t id;
    minke_byte_queue_t unread, unsent;
    minke_time_t window_opened_at; /* when the last update was sent */
    uint32_t number;               /* on the wire */
    uint32_t send_window;          /* bytes that the remote still allows */
    uint32_t receive_window;       /* bytes that we still allow */
    uint32_t window_target;        /* what receive_window and unread bytes should add up to */
    int error;
    uint16_t flags_due;     /* SYN or ACK: goes with a window update of its own */
    uint8_t pending_events; /* 1 << minke_yamux_event_type_t */
    bool inbound, known;    /* known: in the session's map */
    bool acknowledged;
    bool finishing, fin_sent, reset_due;
    bool remote_fin, stopped;
    bool wants_room; /* a write was cut short: WRITABLE when there is room */
    bool closed;     /* CLOSED has been raised */
};

/* Refusals and pongs wait for transmit; a remote that does not read and asks for more has it coming. */
enum { MINKE_YAMUX_REFUSALS_MAX = 64, MINKE_YAMUX_PONGS_MAX = 8 };

struct minke_yamux {
    const minke_env_t *env;
    minke_yamux_options_t options;
    minke_handles_t *handles;
    minke_connection_t connection;
    minke_map_t by_number;
    minke_list_t streams, events, to_send, starved;
    minke_time_t feed_at;       /* when the starved look again: what they wait for may be another connection's */
    minke_yamux_stream_t *told; /* its CLOSED event was given out: freed at the next call */
    uint32_t next_number;
    uint32_t inbound, outbound, unacknowledged;
    size_t unread, unsent;
    bool remote_went_away, ended, go_away_due;
    uint8_t go_away_code;
    minke_close_t close;

    /* A frame being received: its header, then its body. */
    uint8_t header[MINKE_YAMUX_HEADER_BYTES];
    uint8_t header_len;
    minke_yamux_frame_t frame;
    uint32_t body_left;
    minke_yamux_stream_t *body_of; /* NULL: dropped */

    uint32_t refusals[MINKE_YAMUX_REFUSALS_MAX];
    uint8_t refusals_n;
    uint32_t pongs[MINKE_YAMUX_PONGS_MAX];
    uint8_t pongs_n;

    minke_time_t now;
    bool ping_due, ping_out;
    uint32_t ping_value;
    minke_time_t pinged_at, keepalive_at, heard_at, rtt;
};

/* session.c */
void minke__yamux_end(minke_yamux_t *session, int code, bool by_remote, const char *text);
/* What the remote did is against the rules: tells it so, and ends. */
void minke__yamux_violation(minke_yamux_t *session, const char *text);

/* stream.c */
MINKE_MUST_USE minke_yamux_stream_t *minke__yamux_stream_new(minke_yamux_t *session, uint32_t number, bool inbound);
void minke__yamux_stream_free(minke_yamux_stream_t *stream);
minke_yamux_stream_t *minke__yamux_stream_find(const minke_yamux_t *session, uint32_t number);
void minke__yamux_stream_raise(minke_yamux_stream_t *stream, minke_yamux_event_type_t type);
/* After any change: is there something to send, is it over? */
void minke__yamux_stream_settle(minke_yamux_stream_t *stream);
bool minke__yamux_stream_has_output(const minke_yamux_stream_t *stream);
/* What the remote's window lacks by now, and whether it is enough to be worth a frame. */
uint32_t minke__yamux_stream_credit(const minke_yamux_stream_t *stream);
bool minke__yamux_stream_credit_due(const minke_yamux_stream_t *stream);
void minke__yamux_stream_sent(minke_yamux_stream_t *stream, size_t len);
/* Bytes of a data frame: false, out of memory. */
MINKE_MUST_USE bool minke__yamux_stream_receive(minke_yamux_stream_t *stream, const uint8_t *data, size_t len);
/* Both directions end with `error`, locally. */
void minke__yamux_stream_fail(minke_yamux_stream_t *stream, int error);
/* There may be memory again. */
void minke__yamux_feed(minke_yamux_t *session);
/* The session has ended: what the remote had finished stays readable. */
void minke__yamux_stream_session_ended(minke_yamux_stream_t *stream);

#endif
