/*
 * When data may leave: at a rate, in bursts short enough for the queues of the path and long enough for trains.
 *
 *     credit
 *       depth |- - - - ,---          filled at the rate; no fuller than two milliseconds of it, or ten packets
 *             |      .'
 *     quantum |- - .' - - - -        once it ran dry, nothing leaves before there is enough for a train
 *           0 +--.'------------> t
 *
 * A wake-up that comes late finds the credit of the time it missed: timers of a millisecond, as epoll has them, do not
 * slow it down. Where round trips take less than a millisecond nothing is paced: there a train is the window, and
 * queues are short. RFC 9002 7.7 says why.
 */
#ifndef MINKE_SCTP_PACING_H
#define MINKE_SCTP_PACING_H

#include "base/env.h"

/* Paths with a shorter round trip are not paced. */
enum { MINKE_PACING_RTT_MIN = 1000 };

typedef struct minke_pacer {
    uint64_t rate;   /* bytes per second; 0: no limit */
    int64_t credit;  /* millionths of bytes; below 0: more left than it had */
    minke_time_t at; /* when it was computed */
    uint32_t unit;   /* payload of a full packet */
    bool dry;        /* waits for a quantum */
} minke_pacer_t;

void minke__pacer_init(minke_pacer_t *pacer, uint32_t unit);
/* From now on; what is due is kept. */
void minke__pacer_set_rate(minke_pacer_t *pacer, uint64_t rate, minke_time_t now);
/* When the next packet may leave: `now` or before it, if it may at once. */
minke_time_t minke__pacer_next(minke_pacer_t *pacer, minke_time_t now);
void minke__pacer_sent(minke_pacer_t *pacer, uint32_t bytes);

#endif
