/* The mux itself, for the files that share it: channel.c, receive.c, send.c, stream.c and mux.c. */
#ifndef MINKE_STREAM_MUX_STATE_H
#define MINKE_STREAM_MUX_STATE_H

#include "stream/stream.h"

enum {
    MINKE_MUX_IDS_MAX = 1024, /* ids of ours stay below (spec/streams.md 2) */
    MINKE_MUX_ID_WORDS = MINKE_MUX_IDS_MAX / 2 / 64,
    MINKE_MUX_EARLY_STREAMS_MAX = 32,      /* inbound, before Noise is done */
    MINKE_MUX_EARLY_UNREAD_MAX = 64 << 10, /* of each of them, and of the handshake channel */
    MINKE_MUX_OPENING_MAX = 16,            /* OPENs that came in pieces and are not complete */
    MINKE_MUX_CLOSING_MAX = 1024           /* records of channels that wait for resets */
};

/* pion drops DATA of more than 16 streams that it has not accepted yet, js closes a connection with more than 10
 * channels that arrive before its set-up is done (spec/streams.md 3, 7). */
enum { MINKE_MUX_OPENS_FIRST = 10, MINKE_MUX_OPENS_MAX = 16 };

#define MINKE_MUX_FIN_ACK_AFTER ((minke_time_t)10000000) /* without FIN_ACK we are done all the same */
#define MINKE_MUX_FIN_ACK_DELAY ((minke_time_t)5000000)  /* what a FIN waits at most for our own */
#define MINKE_MUX_LINGER_AFTER ((minke_time_t)100000)
#define MINKE_MUX_CLOSE_AFTER ((minke_time_t)30000000) /* for ACK, our reset and the remote's, each */
#define MINKE_MUX_RETRY_AFTER ((minke_time_t)10000)    /* when memory ran out */
#define MINKE_MUX_MEMORY_AFTER ((minke_time_t)50000)   /* others may have given memory back */
#define MINKE_MUX_GATE_AFTER ((minke_time_t)1000000)   /* OPENs that nobody acknowledges stop holding back others */

struct minke_mux {
    const minke_env_t *env;
    minke_mux_options_t options;
    minke_handles_t *handles;
    minke_connection_t connection;
    minke_sctp_t *sctp; /* NULL before attach and after the end */
    minke_time_t now;
    minke_map_t channels;
    minke_channel_t *recent; /* the channel that the last message concerned, or NULL */
    minke_heap_t timers;     /* of channels */
    minke_list_t ready;      /* channels with something to send, in turn */
    minke_list_t gated;      /* channels whose OPEN waits until others are acknowledged */
    minke_list_t waiting;    /* inbound channels that only the remote's reset is missing of, oldest first */
    minke_list_t streams;    /* all */
    minke_list_t events;     /* streams with pending events */
    minke_list_t held;       /* inbound streams before minke__mux_surface */
    minke_list_t starved;    /* streams that wait for room in the send buffer of the connection, or for memory */
    minke_mux_stream_t *handshake;
    minke_mux_stream_t *dying; /* its CLOSED event has been handed out */
    minke_time_t retry_at;
    minke_time_t gate_at;
    minke_time_t memory_at;
    uint64_t busy[MINKE_MUX_ID_WORDS];    /* ids of ours by half their value: with a record */
    uint64_t retired[MINKE_MUX_ID_WORDS]; /* never again */
    uint32_t next_index;                  /* where the search for a free id of ours begins: half its value */
    size_t unread;
    size_t unsent;
    uint32_t inbound_n, outbound_n; /* streams */
    uint32_t held_n;
    uint32_t opening_n; /* channels in OPENING */
    uint32_t closing_n; /* channels from DRAINING on */
    uint32_t retired_n;
    uint32_t opens_n;   /* OPENs of ours admitted and not acknowledged */
    uint32_t opens_max; /* how many may be */
    bool surfaced;
    bool failed;
    bool init_seen; /* the set-up channel of private WebRTC */
};

void minke__mux_raise(minke_mux_stream_t *stream, minke_mux_event_type_t type);
void minke__mux_trace(const minke_mux_t *mux, minke_trace_id_t id, const char *detail, uint64_t value);

/* receive.c: the user interface of SCTP, inwards. */
void minke__mux_receive(minke_mux_t *mux, const minke_sctp_fragment_t *fragment);

/* send.c */
minke_message_t *minke__mux_next_message(minke_mux_t *mux);
void minke__mux_message_done(minke_mux_t *mux, minke_message_t *message);
/* The channel may have something to send. */
void minke__mux_schedule(minke_mux_t *mux, minke_channel_t *channel);
/* Our OPEN on this channel has been acknowledged, or never will be. */
void minke__mux_open_settled(minke_mux_t *mux, minke_channel_t *channel);
void minke__mux_gate_timeout(minke_mux_t *mux);
/* `len` payload bytes have left the send buffers. */
void minke__mux_sent(minke_mux_t *mux, size_t len);
void minke__mux_consumed(minke_mux_t *mux, size_t len);
/* Memory has become free, here or elsewhere: wakes streams that wait for it. */
void minke__mux_offer_room(minke_mux_t *mux);
/* One of them waits. */
void minke__mux_await_memory(minke_mux_t *mux);

#endif
