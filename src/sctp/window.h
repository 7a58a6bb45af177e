/*
 * How much unread data the remote may cause: the window that a_rwnd announces while nothing is held. It begins small
 * and follows what the application takes, so that a connection that is idle, slow or not read promises little, and a
 * fast one over a long path as much as it can use:
 *
 *     window = 4 x bytes consumed in a round trip, at least the first window, at most the option's
 *
 * Four: a sender that doubles its flight with each round trip sends now, in answer to what we announce now, four times
 * what was consumed in the round trip that has just ended. It doubles at most, as the flight does: one gulp of a reader
 * that stops after it says little. The round trip is the shortest one seen: a queue that the window itself has filled
 * is no reason for a larger one. It never shrinks, since a remote counts on what it was told; when memory is short less
 * of it is announced (minke__sctp_full_window).
 */
#ifndef MINKE_SCTP_WINDOW_H
#define MINKE_SCTP_WINDOW_H

#include "base/env.h"

enum { MINKE_WINDOW_FIRST = 2 << 20 };

typedef struct minke_window {
    uint32_t size;
    uint32_t max;
    minke_time_t since; /* the round trip that is being watched began; 0: none is */
    uint64_t consumed;  /* what had been consumed by then */
} minke_window_t;

/* `max`: bytes, never exceeded. */
static inline minke_window_t minke__window(uint32_t max)
{
    return (minke_window_t){.size = max < MINKE_WINDOW_FIRST ? max : MINKE_WINDOW_FIRST, .max = max};
}

/* The application has consumed `consumed` bytes in all. `round_trip`: the shortest; 0: not known, nothing follows. */
void minke__window_consumed(minke_window_t *window, uint64_t consumed, minke_time_t round_trip, minke_time_t now);

#endif
