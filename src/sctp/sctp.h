/*
 * SCTP for data channels over DTLS: RFC 9260 on one path, RFC 6525 outgoing stream resets, RFC 3758 FORWARD-TSN as
 * receiver. `spec/sctp.md` is the subset and the list of peer quirks. Sans-IO: packets and time in, packets out.
 *
 *              minke__sctp_connect                     user->next_message  (pulled, one message at a time)
 *                      |                                        |
 *   packets in --> [ association ] --> user->data, ...   [ association ] --> minke__sctp_transmit --> packets out
 *
 * The layer above hands in a minke_sctp_user_t. Its functions are called from inside recv, tick, transmit and free,
 * and must not call recv, tick, transmit or free themselves; every other function is allowed.
 */
#ifndef MINKE_SCTP_SCTP_H
#define MINKE_SCTP_SCTP_H

#include "base/env.h"
#include "sctp/message.h"

/* The largest packet that every known path carries: 1280 - 40 (IPv6) - 8 (UDP) - 37 (DTLS) - 4; see spec/sctp.md 5. */
enum { MINKE_SCTP_PACKET_MAX = 1191, MINKE_SCTP_PORT = 5000 };

/*
 * A piece of an incoming message. Pieces of one stream come in order and belong to one message from `begin` to `end`;
 * pieces of different streams may alternate. `data` is valid during the call only, and never empty. (Should a remote
 * give up a message half-way, which reliable channels never do, the next piece has `begin` set although no `end` came.)
 */
typedef struct minke_sctp_fragment {
    const uint8_t *data;
    size_t len;
    uint32_t ppid;
    uint16_t stream_id;
    bool begin, end;
} minke_sctp_fragment_t;

/* Outcome of a stream reset of ours. */
typedef enum minke_sctp_reset_result {
    MINKE_SCTP_RESET_PERFORMED, /* the id may be used again as far as our direction goes */
    MINKE_SCTP_RESET_FAILED     /* refused for good: never use the id again */
} minke_sctp_reset_result_t;

typedef struct minke_sctp_user {
    void *user;
    /* The next message to send, or NULL: nothing now (minke__sctp_wake says when there is again). SCTP owns it until
     * message_done. Message length is 1 .. 262144. */
    minke_message_t *(*next_message)(void *user);
    /* All of it is acknowledged, or the association ended: free it. */
    void (*message_done)(void *user, minke_message_t *message);
    /* Bytes arrived. They count against the receive window until minke__sctp_consumed says otherwise. */
    void (*data)(void *user, const minke_sctp_fragment_t *fragment);
    /* The remote reset its direction of the stream; everything it sent before has been delivered. A message that was
     * cut short by it will not be completed. */
    void (*stream_reset)(void *user, uint16_t stream_id);
    void (*reset_done)(void *user, uint16_t stream_id, minke_sctp_reset_result_t result);
} minke_sctp_user_t;

typedef struct minke_sctp_options {
    uint32_t receive_window; /* bytes; what a_rwnd says at most while nothing is held. It begins with 2 MiB and grows
                                with what is consumed (sctp/window.h). Default 8 MiB, range 16 KiB .. 1 GiB */
    uint32_t held_max;       /* bytes kept for chunks that cannot be delivered yet, overhead counted. Default as
                                receive_window */
    uint16_t packet_max;     /* bytes of a whole SCTP packet on a path of which nothing is known. Default
                                MINKE_SCTP_PACKET_MAX, range 512 .. 65535 */
    minke_congestion_control_t congestion; /* Default MINKE_CONGESTION_CUBIC */
    uint16_t streams_max;                  /* outbound and inbound streams to announce. Default 65535 */
    minke_time_t handshake_after;          /* give up set-up after this long. Default 30 s */
    minke_time_t silent_after;             /* give up when data stays unacknowledged this long. Default 30 s */
} minke_sctp_options_t;

void minke__sctp_options_defaults(minke_sctp_options_t *options);

typedef enum minke_sctp_state {
    MINKE_SCTP_CLOSED,
    MINKE_SCTP_COOKIE_WAIT,
    MINKE_SCTP_COOKIE_ECHOED,
    MINKE_SCTP_ESTABLISHED,
    MINKE_SCTP_SHUTDOWN_RECEIVED, /* the remote wants to end: sends what is queued, then answers SHUTDOWN ACK */
    MINKE_SCTP_ENDED              /* for good; minke__sctp_close_reason says why */
} minke_sctp_state_t;

typedef struct minke_sctp minke_sctp_t;

/* NULL when out of memory. `user` is copied. `connection` marks trace lines. */
MINKE_MUST_USE minke_sctp_t *minke__sctp_new(const minke_env_t *env, const minke_sctp_options_t *options,
                                             const minke_sctp_user_t *user, minke_connection_t connection);
/* Gives every message back through message_done. */
void minke__sctp_free(minke_sctp_t *sctp);

/* Starts set-up: an INIT is due. Both ends do it (spec/sctp.md 4). */
void minke__sctp_connect(minke_sctp_t *sctp, minke_time_t now);
/* Queues an ABORT (user initiated, with the text as reason) and ends; transmit gives it out once. */
void minke__sctp_abort(minke_sctp_t *sctp, const char *reason, minke_time_t now);

/* One packet from the remote, complete with common header. Whatever is wrong with it is counted, or ends the
 * association. */
void minke__sctp_recv(minke_sctp_t *sctp, const uint8_t *packet, size_t len, minke_time_t now);
/* The train that the packets came in is over: decides on a SACK once for all of them. */
void minke__sctp_recv_end(minke_sctp_t *sctp, minke_time_t now);
/* Writes the next packet, at most `capacity` bytes (give minke__sctp_packet_max, or minke__sctp_oversize if that is not
 * 0); 0: nothing to send now. */
MINKE_MUST_USE size_t minke__sctp_transmit(minke_sctp_t *sctp, uint8_t *out, size_t capacity, minke_time_t now);
/* After it has returned 0: a packet that tries whether the path carries its size. Nothing below may cut it, and that it
 * is lost does no harm. 0: none is due. */
MINKE_MUST_USE size_t minke__sctp_transmit_probe(minke_sctp_t *sctp, uint8_t *out, size_t capacity, minke_time_t now);
minke_time_t minke__sctp_deadline(const minke_sctp_t *sctp);
void minke__sctp_tick(minke_sctp_t *sctp, minke_time_t now);

/*
 * Which path packets take: the first, or another one. They have the smallest size again and may grow up to what fits an
 * IP packet of `mtu_max` bytes, of which the layers below take `overhead`. `is_cut`: a packet may be cut on the way
 * (IPv4). Where it may not, chunks stay as small as ever and a larger packet holds several, since a path that takes
 * less one day would never take a larger chunk again that is in flight by then.
 */
void minke__sctp_path(minke_sctp_t *sctp, uint32_t mtu_max, uint16_t overhead, bool is_cut, minke_time_t now);
/* Bytes of a full packet now. */
uint32_t minke__sctp_packet_max(const minke_sctp_t *sctp);
/* The next packet carries a chunk again that was cut when the path took larger ones: its size, or 0. A TSN cannot be
 * cut anew, so the packet has to be cut below (RFC 9260 6.9). */
uint32_t minke__sctp_oversize(minke_sctp_t *sctp);
/* The system refused a packet of `len` bytes for its size. */
void minke__sctp_refused(minke_sctp_t *sctp, size_t len, minke_time_t now);

/* The layer above has messages again. */
void minke__sctp_wake(minke_sctp_t *sctp);
/* `len` delivered bytes no longer occupy memory. */
void minke__sctp_consumed(minke_sctp_t *sctp, size_t len, minke_time_t now);
/*
 * Resets our direction of a stream: RE-CONFIG goes out once everything pulled for it is acknowledged. The caller gives
 * no further message for the id until reset_done. Repeated calls while one is pending do nothing.
 */
MINKE_MUST_USE int minke__sctp_reset_stream(minke_sctp_t *sctp, uint16_t stream_id, minke_time_t now);

minke_sctp_state_t minke__sctp_state(const minke_sctp_t *sctp);
/* May messages be sent: COOKIE ECHO is out (data may follow it in the packet) or the association is up. */
bool minke__sctp_may_send(const minke_sctp_t *sctp);
/* May a message be larger than 4096 bytes? Not before the remote's stack is known, and not to all of them. */
bool minke__sctp_takes_large_messages(const minke_sctp_t *sctp);
/* Is the remote Minke too? Not before its stack is known. */
bool minke__sctp_is_with_minke(const minke_sctp_t *sctp);
/* What the path takes in a round trip, as far as can be told from the window in use: bytes, without what only fills a
 * queue on the way. */
uint32_t minke__sctp_path_bytes(const minke_sctp_t *sctp);
/* Nothing is outstanding, and nothing has been for a while: ticking it changes nothing. */
bool minke__sctp_is_at_rest(const minke_sctp_t *sctp);
/* Negotiated: ids 0 .. n - 1 may be used by us; 0 before that is known. */
uint32_t minke__sctp_streams_out(const minke_sctp_t *sctp);
uint32_t minke__sctp_streams_in(const minke_sctp_t *sctp);
/* Only in MINKE_SCTP_ENDED. */
const minke_close_t *minke__sctp_close_reason(const minke_sctp_t *sctp);

typedef struct minke_sctp_stats {
    minke_time_t smoothed_rtt; /* 0: not measured yet */
    minke_time_t rto;
    uint64_t bytes_acked;
    uint64_t bytes_delivered;
    uint64_t retransmitted; /* chunks */
    uint64_t losses;        /* times that SACKs showed loss and the window was cut */
    uint64_t timeouts;      /* T3-rtx */
    uint64_t undone;        /* of both, those for nothing: what was thought lost had arrived */
    uint64_t pacing_rate;   /* bytes per second; 0: not paced */
    uint32_t congestion_window;
    uint32_t in_flight;
    uint32_t peer_window;
    uint32_t receive_window; /* ours, with nothing held */
    uint32_t packet_max;     /* bytes of a full packet */
    uint32_t held;           /* bytes received that cannot be delivered yet */
} minke_sctp_stats_t;

minke_sctp_stats_t minke__sctp_stats(const minke_sctp_t *sctp);

#endif
