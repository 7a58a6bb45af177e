/*
 * How much may be in flight, and how fast it may leave. Loss recovery tells what happened to the packets; the algorithm
 * answers with a window, in bytes of user data, and a rate.
 *
 *   sack.c ----- on_acked, at every SACK ---------.                     window
 *   loss.c ----- on_loss, once per round trip,    +--> [ algorithm ] -----------> outgoing.c
 *                on_timeout, on_undone -----------'                     rate      pacing.c
 *
 * Between the first loss of a round trip and the acknowledgement of what was sent after it, reduction.c brings what
 * flies down to the new window step by step.
 */
#ifndef MINKE_SCTP_CONGESTION_H
#define MINKE_SCTP_CONGESTION_H

#include "sctp/delivery.h"
#include "sctp/slow_start.h"

/* The window never grows beyond this. */
enum { MINKE_CONGESTION_WINDOW_MAX = 1 << 30 };
/* Packets that are always allowed, after a loss as well: min(..) of RFC 9260 7.2.3. */
enum { MINKE_CONGESTION_PACKETS_MIN = 4 };
/* Packets at first, and after idleness: dcSCTP, libdatachannel and RFC 6928. */
enum { MINKE_CONGESTION_PACKETS_INITIAL = 10 };

/* What a SACK told. */
typedef struct minke_congestion_ack {
    minke_time_t now;
    minke_time_t round_trip;           /* of the newest packet; 0: ambiguous */
    minke_time_t smoothed_rtt;         /* with it */
    uint64_t newest;                   /* number of the newest packet known to have arrived */
    uint64_t packets;                  /* sent so far: the number of the last */
    uint32_t bytes;                    /* newly acknowledged */
    uint32_t growth;                   /* of these, sent after the last loss event began */
    uint32_t in_flight_before;         /* when it came */
    uint32_t in_flight;                /* now, without what it shows to be lost */
    const minke_rate_sample_t *sample; /* for algorithms that are `modelled` */
    bool paced;                        /* the path is long enough for it, and for round trips to tell of its queues */
    bool limited;                      /* within a round trip the window, and nothing else, held something back */
} minke_congestion_ack_t;

/* A packet, or a part of it, that was found lost. */
typedef struct minke_congestion_lost {
    minke_time_t now;
    uint64_t packet; /* its number */
    uint64_t lost;   /* bytes found lost since it left, these included */
    uint32_t bytes;
    uint32_t in_flight; /* when it left, itself included */
    bool limited;       /* by the user then */
} minke_congestion_lost_t;

typedef struct minke_congestion minke_congestion_t;
typedef struct minke_bbr minke_bbr_t;

typedef struct minke_congestion_algorithm {
    const char *name;
    /* It has a model of the path: wants rates (delivery.h) and to hear of every lost packet, and answers to losses and
     * idleness itself. Else the window is brought down step by step after a loss, and by idleness. */
    bool modelled;
    void (*on_acked)(minke_congestion_t *congestion, const minke_congestion_ack_t *ack);
    /* Only if `modelled`. */
    void (*on_lost)(minke_congestion_t *congestion, const minke_congestion_lost_t *lost);
    /* Packets were lost: the first of this round trip. */
    void (*on_loss)(minke_congestion_t *congestion, minke_time_t now);
    /* T3 expired: nothing was heard for a whole timeout. */
    void (*on_timeout)(minke_congestion_t *congestion, minke_time_t now);
    /* Nothing had been lost. NULL: the window and all else is as before the loss. */
    void (*on_undone)(minke_congestion_t *congestion);
    /* Data leaves, and nothing was in flight. May be NULL. */
    void (*on_restart)(minke_congestion_t *congestion, minke_time_t now);
    /* Bytes per second that may leave; 0: as many as the window allows. */
    uint64_t (*rate)(const minke_congestion_t *congestion, minke_time_t smoothed_rtt);
} minke_congestion_algorithm_t;

struct minke_congestion {
    const minke_congestion_algorithm_t *algorithm;
    uint32_t window;
    uint32_t threshold; /* slow start below it */
    uint32_t unit;      /* payload of a full packet */
    uint32_t partial;   /* NewReno: bytes acknowledged towards the next step */
    minke_slow_start_t slow_start;
    struct {
        uint32_t plateau;       /* W_max; 0: the coming epoch begins at it */
        uint32_t prior;         /* cwnd_prior: the window when the threshold was last set */
        uint64_t reno;          /* W_est: what NewReno would have by now, in 1/65536 bytes */
        uint32_t rise_after;    /* K: milliseconds from the loss to the plateau */
        minke_time_t epoch_at;  /* the growth began; 0: it has not */
        minke_time_t growth_at; /* the time up to here has been counted, or left out */
    } cubic;
    minke_bbr_t *bbr; /* NULL: another algorithm */
};

/* RFC 9260 7.2, with slow start that doubles per round trip as TCP does (spec/sctp.md 7). */
extern const minke_congestion_algorithm_t minke__congestion_new_reno;

/* RFC 9438: after a loss back to where it happened in a few seconds, however long the path. The default. */
extern const minke_congestion_algorithm_t minke__congestion_cubic;

/* bbr.h. */
extern const minke_congestion_algorithm_t minke__congestion_bbr;

void minke__congestion_init(minke_congestion_t *congestion, const minke_congestion_algorithm_t *algorithm,
                            uint32_t unit);
/* RFC 9260 7.2.1: a window that was not used for a timeout says little about the path. */
void minke__congestion_on_idle(minke_congestion_t *congestion, minke_time_t idle_for, minke_time_t timeout);

/* -- shared by the algorithms */

/* The window when slow start is over at once (below the threshold), else unchanged. True: it was slow start. */
bool minke__congestion_slow_start(minke_congestion_t *congestion, const minke_congestion_ack_t *ack);
static inline uint32_t minke__congestion_at_most_max(uint64_t window)
{
    return window < MINKE_CONGESTION_WINDOW_MAX ? (uint32_t)window : MINKE_CONGESTION_WINDOW_MAX;
}
/* `tenths` of the window, or the few packets that are always allowed. */
uint32_t minke__congestion_reduced(const minke_congestion_t *congestion, unsigned tenths);
/* A window algorithm's rate: twice the window per round trip in slow start, 5/4 of it afterwards (RFC 9002 7.7). */
uint64_t minke__congestion_window_rate(const minke_congestion_t *congestion, minke_time_t smoothed_rtt);

#endif
