/*
 * How much may be in flight. Loss recovery tells what happened to the packets; the algorithm answers with a window, in
 * bytes of user data. One loss event per round trip is reported, however many packets it took.
 */
#ifndef MINKE_SCTP_CONGESTION_H
#define MINKE_SCTP_CONGESTION_H

#include "base/env.h"

typedef struct minke_congestion minke_congestion_t;

typedef struct minke_congestion_algorithm {
    const char *name;
    /* Bytes newly acknowledged outside of a recovery, while the window was what limited the sender. */
    void (*on_acked)(minke_congestion_t *congestion, uint32_t bytes, minke_time_t smoothed_rtt, minke_time_t now);
    /* Packets were lost: the first of this round trip. */
    void (*on_loss)(minke_congestion_t *congestion, minke_time_t now);
    /* T3 expired: nothing was heard for a whole timeout. */
    void (*on_timeout)(minke_congestion_t *congestion, minke_time_t now);
} minke_congestion_algorithm_t;

struct minke_congestion {
    const minke_congestion_algorithm_t *algorithm;
    uint32_t window;
    uint32_t threshold; /* slow start below it */
    uint32_t unit;      /* payload of a full packet */
    uint32_t partial;   /* bytes acknowledged towards the next step */
    struct {
        uint32_t plateau;      /* W_max: the window at which packets were lost */
        uint32_t reno;         /* W_est: what NewReno would have by now */
        uint32_t rise_after;   /* K: milliseconds from the loss to the plateau */
        minke_time_t epoch_at; /* the growth began; 0: it has not */
        minke_time_t acked_at; /* on_acked was called last */
    } cubic;
};

/* RFC 9260 7.2, with slow start that doubles per round trip as TCP does (spec/sctp.md 7). */
extern const minke_congestion_algorithm_t minke__congestion_new_reno;

/* RFC 9438: after a loss back to where it happened in a few seconds, however long the path. The default. */
extern const minke_congestion_algorithm_t minke__congestion_cubic;

/* The window never grows beyond this. */
enum { MINKE_CONGESTION_WINDOW_MAX = 1 << 30 };
/* Packets that are always allowed, after a loss as well: min(..) of RFC 9260 7.2.3. */
enum { MINKE_CONGESTION_PACKETS_MIN = 4 };

void minke__congestion_init(minke_congestion_t *congestion, const minke_congestion_algorithm_t *algorithm,
                            uint32_t unit);
/* RFC 9260 7.2.1: a window that was not used for a timeout says little about the path. */
void minke__congestion_on_idle(minke_congestion_t *congestion, minke_time_t idle_for, minke_time_t timeout);

#endif
