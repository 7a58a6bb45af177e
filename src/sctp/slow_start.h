/*
 * When to leave the first slow start: HyStart++ (RFC 9406). Doubling until packets are lost loses as many as fit into
 * the path; the round trips rise before.
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
    uint8_t samples;           /* of this round, as far as they are needed */
    uint8_t conservative_rounds;
} minke_slow_start_t;

/* `newest` of `packets` sent has arrived after `round_trip` (0: unknown). Returns by what the growth is to be divided:
 * 1 or 4; 0: over. */
unsigned minke__slow_start_acked(minke_slow_start_t *slow_start, uint64_t newest, uint64_t packets,
                                 minke_time_t round_trip);

#endif
