/*
 * A data channel: the pair of SCTP streams with one id, from DCEP OPEN to the reset of both directions. It is the small
 * record that outlives its stream: the application may be done with a stream while its id still waits for resets.
 *
 *                  OPEN sent or accepted                 everything acknowledged,
 *                           |                            the remote knows the id
 *     [opening] ------> [ open ] ------> [ draining ] ----------------------> [ resetting ]
 *     pieces of an OPEN     |      both halves over,            RE-CONFIG out      |
 *                           |      or a reset of either side                       | performed
 *                           v                                                      v
 *                   the remote resets: the same way, nothing           [ waiting ] for the remote's reset,
 *                   is left to drain                                   skipped if it has come; then released
 *
 * Ids of ours are reused lowest first, but only after both resets; an id whose resets do not come within 30 s is
 * retired for good (spec/streams.md 6). Ids of the remote keep no state after release.
 */
#ifndef MINKE_STREAM_CHANNEL_H
#define MINKE_STREAM_CHANNEL_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "stream/dcep.h"
#include "stream/mux.h"

typedef enum minke_channel_phase {
    MINKE_CHANNEL_OPENING,
    MINKE_CHANNEL_OPEN,
    MINKE_CHANNEL_DRAINING,
    MINKE_CHANNEL_RESETTING,
    MINKE_CHANNEL_WAITING
} minke_channel_phase_t;

/* Messages without payload that wait to be sent; stream bytes and FIN follow from the stream itself. */
enum {
    MINKE_CHANNEL_SEND_OPEN = 1 << 0,
    MINKE_CHANNEL_SEND_ACK = 1 << 1,
    MINKE_CHANNEL_SEND_RESET = 1 << 2,
    MINKE_CHANNEL_SEND_FIN_ACK = 1 << 3,
    MINKE_CHANNEL_SEND_STOP = 1 << 4
};

/* Between the acknowledgement of a RESET frame and the reset of its channel: js reported a clean end when both came at
 * once (spec/peers-measured.md, Streams). */
typedef enum minke_channel_linger { MINKE_LINGER_NO, MINKE_LINGER_WANTED, MINKE_LINGER_RUNNING } minke_channel_linger_t;

typedef struct minke_channel {
    minke_map_node_t by_id;
    minke_list_t queue;         /* of the mux: ready, gated, or (inbound, in phase WAITING) waiting */
    minke_heap_node_t timer;    /* FIN_ACK while open, the give-up of each later phase */
    minke_mux_stream_t *stream; /* while open, unless it is the handshake channel after its end, or "init" */
    uint32_t unacked_n;         /* messages that SCTP holds */
    uint32_t reset_code;        /* errorCode of a waiting RESET or STOP_SENDING */
    uint32_t dcep_len;          /* opening: bytes so far */
    uint16_t id;
    uint8_t phase;     /* minke_channel_phase_t */
    uint8_t pending;   /* MINKE_CHANNEL_SEND_* */
    uint8_t linger;    /* minke_channel_linger_t */
    bool inbound;      /* an id of the remote's parity */
    bool init;         /* ours, labelled "init": see minke__mux_open_init */
    bool negotiated;   /* the handshake channel: never reset by us first */
    bool known;        /* the remote knows the id: its ACK, data or reset came, or the OPEN was its own */
    bool admitted;     /* our OPEN counts against those that may be out at once */
    bool open_again;   /* the OPEN has come twice: once is forgiven */
    bool peer_reset;   /* the remote has reset its direction */
    bool blocked;      /* opened anew by the remote while our reset of the last life is unconfirmed */
    bool fin_ack_owed; /* FIN came while we still write: FIN_ACK follows our own FIN, or in 5 s */
    uint8_t dcep_head[MINKE_DCEP_HEAD_BYTES];
} minke_channel_t;

minke_channel_t *minke__channel_find(minke_mux_t *mux, uint16_t id);
/* In phase OPEN, for any id that has no record. NULL: out of memory. */
minke_channel_t *minke__channel_new(minke_mux_t *mux, uint16_t id);
/* The next free id of ours after the one used last, or -1. */
int minke__channel_next_id(minke_mux_t *mux);
/* Forgets everything, without a word to anyone. */
void minke__channel_release(minke_mux_t *mux, minke_channel_t *channel);
/* Room for one more record: there is a bound on those that wait for resets. */
bool minke__channel_room(minke_mux_t *mux);
/* Closes what the remote must not have: `politely` with ACK and RESET, so that it learns why, else by reset alone. */
void minke__channel_refuse(minke_mux_t *mux, minke_channel_t *channel, bool politely);
/* The same for an id without a record. */
void minke__channel_refuse_id(minke_mux_t *mux, uint16_t id);

/* From OPEN or OPENING to DRAINING; the stream, if any, is let go. The channel may be gone afterwards. */
void minke__channel_close(minke_mux_t *mux, minke_channel_t *channel);
/* Something that DRAINING waits for may have come. */
void minke__channel_advance(minke_mux_t *mux, minke_channel_t *channel);
/* The remote opens the id again before we know that our reset arrived (its answer was lost). */
bool minke__channel_can_reopen(const minke_channel_t *channel);
void minke__channel_reopen(minke_mux_t *mux, minke_channel_t *channel);
/* There is proof that the remote knows this id: ACK, or anything else on it. */
void minke__channel_acknowledged(minke_mux_t *mux, minke_channel_t *channel);

void minke__channel_peer_reset(minke_mux_t *mux, uint16_t id);
void minke__channel_reset_done(minke_mux_t *mux, uint16_t id, minke_sctp_reset_result_t result);
void minke__channel_set_timer(minke_mux_t *mux, minke_channel_t *channel, minke_time_t after);
void minke__channel_stop_timer(minke_mux_t *mux, minke_channel_t *channel);
void minke__channel_timeout(minke_mux_t *mux, minke_channel_t *channel);

#endif
