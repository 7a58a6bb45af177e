/*
 * Inside of a minke_sctp_t, shared by the files of this folder:
 *
 *     sctp.c       lifecycle, queries            receive.c    packets in: header, chunk dispatch
 *     setup.c      INIT .. COOKIE ACK            arrival.c    DATA and FORWARD-TSN in, when to SACK, the SACK itself
 *     control.c    HEARTBEAT, ERROR, ABORT, ...  sack.c       SACK in: acknowledgement; loss.c: what was lost
 *     timers.c     every timer                   transmit.c   packets out; outgoing.c: messages into chunks
 *     reset_out.c, reset_in.c                    RE-CONFIG, both directions
 *     path.c                                     HEARTBEAT of ours: which sizes the path carries
 */
#ifndef MINKE_SCTP_ASSOCIATION_H
#define MINKE_SCTP_ASSOCIATION_H

#include "base/list.h"
#include "base/wire.h"
#include "sctp/bbr.h"
#include "sctp/chunk.h"
#include "sctp/flight.h"
#include "sctp/inbound.h"
#include "sctp/pacing.h"
#include "sctp/packet_size.h"
#include "sctp/reduction.h"
#include "sctp/rtt.h"
#include "sctp/sctp.h"
#include "sctp/tsn.h"
#include "sctp/window.h"

enum {
    MINKE_SCTP_DUPLICATES_MAX = 20, /* reported in one SACK, as dcSCTP */
    MINKE_SCTP_RESULTS_N = 64,      /* answers to RE-CONFIG requests that are remembered */
    MINKE_SCTP_RESULT_NONE = 0xff
};

/* What timers.c explains. */
typedef enum minke_sctp_timer {
    MINKE_TIMER_SETUP,
    MINKE_TIMER_HANDSHAKE,
    MINKE_TIMER_PROBE, /* before RETRANSMIT, which it puts off */
    MINKE_TIMER_RETRANSMIT,
    MINKE_TIMER_REORDER,
    MINKE_TIMER_PACE,
    MINKE_TIMER_SACK,
    MINKE_TIMER_RECONFIG,
    MINKE_TIMER_SILENT,
    MINKE_TIMER_SHUTDOWN,
    MINKE_TIMER_WINDOW,
    MINKE_TIMERS_N
} minke_sctp_timer_t;

/* What an INIT, an INIT ACK or a cookie says about the remote. */
typedef struct minke_sctp_peer {
    uint32_t tag;
    uint32_t initial_tsn;
    uint32_t receive_window;
    uint16_t streams_out, streams_in; /* OS and MIS as the remote put them */
    bool forward_tsn, reconfig;
} minke_sctp_peer_t;

typedef struct minke_sctp_bytes {
    uint8_t *bytes;
    size_t len;
} minke_sctp_bytes_t;

/* A chunk that leaves with the next packet that has room. */
typedef struct minke_sctp_control {
    struct minke_sctp_control *next;
    size_t len;
    uint8_t bytes[];
} minke_sctp_control_t;

typedef enum minke_reset_state { MINKE_RESET_NONE, MINKE_RESET_PENDING, MINKE_RESET_REQUESTED } minke_reset_state_t;

/* An outgoing stream, from its first message or reset until the reset is done. */
typedef struct minke_sctp_out_stream {
    minke_map_node_t node;
    minke_list_t link; /* in resets.pending */
    uint64_t last_tsn; /* the highest used for it; 0: none */
    uint16_t id;
    uint16_t next_ssn;
    uint8_t reset; /* minke_reset_state_t */
} minke_sctp_out_stream_t;

typedef enum minke_undo { MINKE_UNDO_NONE, MINKE_UNDO_LOSS, MINKE_UNDO_TIMEOUT } minke_undo_t;

/* loss.c */
typedef struct minke_recovery {
    uint64_t through; /* packets up to this one have been answered with a smaller window already */
    uint64_t tsn;     /* TSNs below this one were outstanding when they were */
    minke_reduction_t reduction;

    minke_time_t newest_rtt; /* how long the newest packet known to have arrived took, or its latest transmission */
    minke_time_t widened_at; /* when `steps` last grew */
    uint8_t steps;           /* the reordering window is as many quarters of the least round trip, and one */
    uint8_t calm;            /* recoveries without duplicates until `steps` is 0 again */
    bool reorders;           /* something overtaken has arrived after all */

    minke_undo_t undo;         /* what `before` is from */
    minke_congestion_t before; /* what it was, should it turn out that nothing was lost */
    uint64_t through_before;   /* likewise */
    uint64_t first_lost;       /* lowest TSN thought lost since; 0: none */
    uint32_t lost_n;           /* chunks thought lost since */
    uint32_t lived_n;          /* of those: acknowledged before they were sent again */
    uint32_t overtook_n;       /* acknowledged sooner after that than a round trip takes */
    uint32_t duplicates_n;     /* reported as duplicates */

    uint64_t probe_tsn; /* the tail probe was a retransmission of this; 0: there is none */
    uint64_t probe_packet;
    minke_time_t probed_at;
} minke_recovery_t;

struct minke_sctp {
    bool takes_large_messages; /* the peer's stack is known to hand messages of 16 KiB on whole */
    bool with_minke;           /* the peer is one of us */
    bool skips_padding;        /* the peer's stack is known to read a packet on behind a PAD chunk */
    const minke_env_t *env;
    minke_sctp_options_t options;
    minke_sctp_user_t user;
    minke_connection_t connection;
    minke_sctp_state_t state;
    minke_close_t close;
    minke_time_t timers[MINKE_TIMERS_N];

    uint32_t tag; /* ours: what packets to us must carry */
    uint32_t initial_tsn;
    uint8_t cookie_secret[8];
    minke_sctp_peer_t peer;
    uint32_t streams_out, streams_in; /* negotiated */

    struct {
        minke_sctp_bytes_t init_ack; /* whole packet, waiting to leave */
        minke_sctp_bytes_t cookie;   /* the remote's, until it has been acknowledged */
        minke_time_t sent_at;        /* of INIT or COOKIE ECHO */
        unsigned tries;              /* of the same */
        bool init_due, cookie_due, cookie_ack_due;
    } setup;

    struct {
        minke_inbound_t streams;
        minke_tsn_set_t above; /* received above the cumulative TSN */
        minke_window_t window;
        uint64_t cumulative; /* everything up to here was received */
        uint64_t announced;  /* a_rwnd of the last SACK */
        uint32_t duplicates[MINKE_SCTP_DUPLICATES_MAX];
        uint32_t duplicates_n;
        uint32_t unacknowledged_n;   /* packets with DATA since the last SACK */
        minke_sctp_control_t *early; /* SACKs for the middle of a train, to go before the one for its end */
        uint32_t early_n;
        uint32_t early_stride; /* packets between two of them */
        uint32_t since_early;
        uint8_t sack_repeats; /* packets with DATA of ours that still say again what has arrived */
        bool packet_has_data;
        bool sack_now; /* this train deserves one at once */
        bool sack_due;
        bool anything; /* the first DATA has come */
    } in;

    struct {
        minke_flight_t flight;
        minke_congestion_t congestion;
        minke_recovery_t recovery;
        minke_delivery_t delivery; /* only for algorithms that are `modelled` */
        minke_pacer_t pacer;
        minke_rtt_t rtt;
        minke_map_t streams;
        minke_sctp_out_stream_t *recent;
        minke_message_t *message; /* being cut into chunks */
        uint32_t offset;          /* how far */
        uint16_t ssn;             /* its number */
        uint64_t packets;         /* with DATA, sent so far: the number of the last */
        uint64_t newest_acked;    /* the highest number of a packet known to have arrived */
        uint64_t blocked;         /* when this was the last packet, the congestion window held something back */
        minke_time_t last_sent_at;
        minke_time_t last_resent_at;
        uint64_t bytes_acked;
        uint64_t retransmitted;
        uint64_t losses, timeouts; /* events: windows cut by SACKs, T3-rtx expired */
        uint64_t undone;           /* of those, spurious ones */
        uint32_t peer_window;      /* a_rwnd as last announced */
        uint32_t chunks_max;       /* outstanding at once */
        bool user_empty;           /* next_message had none, and nobody called wake since */
        bool probe_due;            /* one packet may leave in spite of the window: to find out about a tail loss */
        bool probed;               /* the probe of this flight has been sent */
        bool window_probe;         /* what flies does not fit the remote's window */
    } out;

    struct {
        minke_packet_size_t size;
        uint64_t nonce;              /* of the HEARTBEAT that is on its way; 0: none is */
        minke_time_t sent_at;        /* when it left */
        minke_time_t large_acked_at; /* when a large packet is known to have arrived last */
        uint16_t probe_len;          /* its packet; 0: it only measures the round trip */
        bool pad_behind;             /* it is padded by a chunk of its own */
        bool measure_due;
        bool is_cut; /* on the way, if it must be: what is too large all at once still arrives */
    } path;

    minke_sctp_control_t *controls; /* in order */
    uint32_t controls_n;

    struct {                  /* ours */
        minke_list_t pending; /* minke_sctp_out_stream_t */
        uint16_t *ids;        /* of the outstanding request, or NULL */
        uint32_t ids_n;
        uint32_t seq; /* of the outstanding request, else of the next one */
        uint64_t last_tsn;
        minke_time_t asked_at; /* first time */
        unsigned tries;        /* under this seq */
        bool due;
        bool patience; /* the answer was "in progress": the next try has a new seq */
        bool check;    /* something changed that may make a pending one ready */
    } resets;

    struct { /* the remote's */
        minke_list_t deferred;
        uint32_t deferred_n;
        uint64_t deferred_first; /* lowest TSN that one of them waits for; UINT64_MAX: none waits */
        uint32_t next_seq;
        uint8_t results[MINKE_SCTP_RESULTS_N]; /* by seq modulo their number */
    } requests;

    struct {
        uint16_t cause;
        uint8_t info[96];
        size_t info_len;
        uint32_t tag; /* to send it under */
        bool abort_due, shutdown_ack_due;
    } farewell;
};

/* The caller's clock may step back: then no time has passed. */
static inline minke_time_t minke__sctp_since(minke_time_t then, minke_time_t now)
{
    return now > then ? now - then : 0;
}

/* -- sctp.c */
static inline bool minke__sctp_ended(const minke_sctp_t *sctp) { return sctp->state == MINKE_SCTP_ENDED; }
/* DATA can go both ways. */
static inline bool minke__sctp_up(const minke_sctp_t *sctp)
{
    return sctp->state == MINKE_SCTP_ESTABLISHED || sctp->state == MINKE_SCTP_SHUTDOWN_RECEIVED;
}
/* Ends for good. Messages stay until minke__sctp_free, so this may happen at any depth. */
void minke__sctp_end(minke_sctp_t *sctp, int code, bool by_remote, const char *text, size_t text_len, minke_time_t now);
/* Ends with an ABORT to the remote. `code` is what the close reason says: the cause, or a MINKE_ERROR. */
void minke__sctp_fail(minke_sctp_t *sctp, uint16_t cause, int code, const char *text, minke_time_t now);
static inline void minke__sctp_violation(minke_sctp_t *sctp, const char *text, minke_time_t now)
{
    minke__sctp_fail(sctp, MINKE_CAUSE_PROTOCOL_VIOLATION, MINKE_CAUSE_PROTOCOL_VIOLATION, text, now);
}

/* -- setup.c */
bool minke__sctp_recv_init(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now);
void minke__sctp_recv_init_ack(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now);
/* False: the rest of the packet must not be looked at. */
bool minke__sctp_recv_cookie_echo(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now);
void minke__sctp_recv_cookie_ack(minke_sctp_t *sctp, minke_time_t now);
/* A packet of set-up that stands alone, or 0. */
size_t minke__sctp_write_setup(minke_sctp_t *sctp, minke_writer_t *w, minke_time_t now);
void minke__sctp_write_cookie_echo(minke_sctp_t *sctp, minke_writer_t *w, minke_time_t now);
void minke__sctp_restart_setup(minke_sctp_t *sctp);

/* -- control.c */
void minke__sctp_recv_heartbeat(minke_sctp_t *sctp, minke_reader_t body);
void minke__sctp_recv_error(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now);
void minke__sctp_recv_abort(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now);
void minke__sctp_recv_shutdown(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now);
/* After SHUTDOWN: nothing left to send, so answer and end. */
void minke__sctp_finish_shutdown(minke_sctp_t *sctp, bool at_once, minke_time_t now);
/* Queues a chunk; dropped silently when too many wait or memory is short: the remote asks again. */
void minke__sctp_queue_control(minke_sctp_t *sctp, uint8_t type, const void *body, size_t len);
void minke__sctp_queue_error(minke_sctp_t *sctp, uint16_t cause, const void *info, size_t len);
void minke__sctp_write_controls(minke_sctp_t *sctp, minke_writer_t *w);
void minke__sctp_free_controls(minke_sctp_t *sctp);

/* -- arrival.c */
void minke__sctp_recv_data(minke_sctp_t *sctp, uint8_t flags, minke_reader_t body, minke_time_t now);
void minke__sctp_recv_forward_tsn(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now);
/* The remote's first TSN is known. */
void minke__sctp_arrival_start(minke_sctp_t *sctp);
bool minke__sctp_sack_pending(const minke_sctp_t *sctp);
void minke__sctp_write_sack(minke_sctp_t *sctp, minke_writer_t *w);
/* The next early one, if any. */
bool minke__sctp_write_early_sack(minke_sctp_t *sctp, minke_writer_t *w);
void minke__sctp_free_early_sacks(minke_sctp_t *sctp);
uint32_t minke__sctp_window(const minke_sctp_t *sctp);
/* The same with nothing held: as much as the application takes, less while memory is short. */
uint64_t minke__sctp_full_window(const minke_sctp_t *sctp);
/* Memory is short and the remote has been told of (nearly) no window. */
bool minke__sctp_window_is_shut(const minke_sctp_t *sctp);

/* -- path.c */
/* The largest chunk to make. */
uint32_t minke__sctp_chunk_max(const minke_sctp_t *sctp);
/* Payload of a full DATA packet with one chunk now. */
uint32_t minke__sctp_payload_max(const minke_sctp_t *sctp);
void minke__sctp_recv_heartbeat_ack(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now);
/* It seems to be the path that swallows packets for their size. */
void minke__sctp_black_hole(minke_sctp_t *sctp, minke_time_t now);

/* -- transmit.c */
void minke__sctp_write_header(minke_writer_t *w, uint32_t tag);
/* Puts the checksum in. Returns the packet's length, 0 if it is empty or broken. */
size_t minke__sctp_finish_packet(minke_writer_t *w);

/* -- sack.c */
void minke__sctp_recv_sack(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now);
/* The cumulative TSN alone, as SHUTDOWN carries it. */
void minke__sctp_recv_cumulative(minke_sctp_t *sctp, uint32_t tsn, minke_time_t now);

/* -- loss.c */
/* `in_flight`: bytes before the SACK that is the reason to look. */
void minke__sctp_detect_losses(minke_sctp_t *sctp, uint32_t in_flight, minke_time_t now);
/* The reordering window of something has passed. */
void minke__sctp_reorder_timeout(minke_sctp_t *sctp, minke_time_t now);
void minke__sctp_retransmit_timeout(minke_sctp_t *sctp, minke_time_t now);
/* The remote had this TSN already. */
void minke__sctp_note_duplicate(minke_sctp_t *sctp, uint64_t tsn, minke_time_t now);
/* After every SACK: it may have acknowledged the tail probe; `duplicates`: it reports some. */
void minke__sctp_probe_acked(minke_sctp_t *sctp, bool duplicates, uint32_t in_flight, minke_time_t now);
/* The window as before, if the last cut was for nothing. `original_lived`: something thought lost was acknowledged
 * without having been sent again; `progress`: something sent since was. */
void minke__sctp_undo(minke_sctp_t *sctp, bool original_lived, bool progress);

/* -- outgoing.c */
/* A packet with DATA could leave now. If pacing alone keeps it, the timer for it is set. */
bool minke__sctp_data_ready(minke_sctp_t *sctp, minke_time_t now);
/* Appends DATA chunks as far as there is room. */
void minke__sctp_write_data(minke_sctp_t *sctp, minke_writer_t *w, minke_time_t now);
minke_sctp_out_stream_t *minke__sctp_find_out_stream(minke_sctp_t *sctp, uint16_t id);
minke_sctp_out_stream_t *minke__sctp_need_out_stream(minke_sctp_t *sctp, uint16_t id);
void minke__sctp_drop_out_stream(minke_sctp_t *sctp, minke_sctp_out_stream_t *stream);
/* Tells the model of the path when the user, or the remote's window, is what limits it. */
void minke__sctp_note_limits(minke_sctp_t *sctp);
/* Nothing pulled, nothing outstanding, nothing to pull. */
bool minke__sctp_all_sent(minke_sctp_t *sctp);
void minke__sctp_free_outgoing(minke_sctp_t *sctp);

/* -- reset_out.c, reset_in.c */
void minke__sctp_recv_re_config(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now);
void minke__sctp_recv_reset_response(minke_sctp_t *sctp, uint32_t seq, uint32_t result, minke_time_t now);
void minke__sctp_write_reset_request(minke_sctp_t *sctp, minke_writer_t *w, minke_time_t now);
void minke__sctp_reset_timeout(minke_sctp_t *sctp, minke_time_t now);
void minke__sctp_free_resets(minke_sctp_t *sctp);
/* The cumulative TSN has moved: performs what waited for it. */
void minke__sctp_perform_deferred(minke_sctp_t *sctp, minke_time_t now);
void minke__sctp_free_requests(minke_sctp_t *sctp);

/* -- timers.c */
void minke__sctp_timers_stop(minke_sctp_t *sctp);
void minke__sctp_timers_connecting(minke_sctp_t *sctp, minke_time_t now);
void minke__sctp_timers_setup_sent(minke_sctp_t *sctp, minke_time_t now);
void minke__sctp_timers_setup_done(minke_sctp_t *sctp, minke_time_t now);
void minke__sctp_timers_data_sent(minke_sctp_t *sctp, minke_time_t now);
/* A SACK came. `progress`: it acknowledged something new; `alive`: or says why it cannot (no window). */
void minke__sctp_timers_sack(minke_sctp_t *sctp, bool progress, bool alive, minke_time_t now);
void minke__sctp_timers_reorder(minke_sctp_t *sctp, minke_time_t at);
/* MINKE_TIME_NEVER: nothing waits for it. */
void minke__sctp_timers_pace(minke_sctp_t *sctp, minke_time_t at);
void minke__sctp_timers_sack_delayed(minke_sctp_t *sctp, minke_time_t now);
void minke__sctp_timers_sack_sent(minke_sctp_t *sctp);
void minke__sctp_timers_reconfig(minke_sctp_t *sctp, minke_time_t after, minke_time_t now);
void minke__sctp_timers_reconfig_stop(minke_sctp_t *sctp);
void minke__sctp_timers_shutdown(minke_sctp_t *sctp, minke_time_t now);
void minke__sctp_timers_window(minke_sctp_t *sctp, minke_time_t now);

#endif
