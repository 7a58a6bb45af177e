/*
 * When to leave the first slow start: HyStart++ (RFC 9406). Doubling until packets are lost loses as many as fit into
 * the path; the round trips rise before.
 *
 * The RFC compares the least round trip of a whole round so far. Here it is the least of every eight samples: what is
 * paced raises round trips evenly, and within a round the window may grow from too little to twice too much.
 *
 *              the round trip has risen              five rounds long
 *   [ doubling ] --------------------> [ conservative ] -----------> over: the window is the threshold
 *              <--------------------
 *              it has fallen again
 */
#ifndef MINKE_SCTP_SLOW_START_H
#define MINKE_SCTP_SLOW_START_H

#include "base/env.h"

typedef struct minke_slow_start {
    uint64_t round_end;        /* a round is over when a packet after this one has arrived */
    minke_time_t last_minimum; /* of the round before; 0: none */
    minke_time_t minimum;      /* of this round; 0: none yet */
    minke_time_t baseline;     /* the round trip that began the conservative phase; 0: doubling */
    minke_time_t recent;       /* the least of the latest samples, */
    uint8_t samples;           /* of so many */
    uint8_t conservative_rounds;
} minke_slow_start_t;

/* `newest` of `packets` sent has arrived after `round_trip` (0: unknown). Returns by what the growth is to be divided:
 * 1 or 4; 0: over. */
unsigned minke__slow_start_acked(minke_slow_start_t *slow_start, uint64_t newest, uint64_t packets,
                                 minke_time_t round_trip);

#endif
