/*
 * One direction of a link: a bottleneck with a drop-tail queue, a wire behind it, and what is lost there.
 *
 *     offered --> queue of so many bytes --> serialised at the rate --> lost? --> propagation --> due, taken
 *                   | full                                              |          (or late: overtaken by others)
 *                   v dropped                                           v dropped
 *
 * Nothing here waits or asks for the time. As the queue is first in, first out, the moment in which a packet leaves it
 * is known when it arrives: the one before it plus its own bytes at the rate, exact to the byte, whatever the loop that
 * drives this is late by. Packets are copied into a ring that is allocated once. Times are nanoseconds.
 */
#ifndef LINK_DIRECTION_H
#define LINK_DIRECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chance.h"

enum { DIRECTION_MTU = 1500, DIRECTION_BIN_MS = 100, DIRECTION_BINS_MAX = 36000 };

typedef struct direction_options {
    uint64_t rate;    /* bytes a second; 0: no bottleneck */
    uint64_t delay;   /* of the wire, ns */
    size_t queue_len; /* bytes that may wait, the packet that is being serialised among them */
    double loss;      /* 0 to 0.9, behind the bottleneck: a lost packet has used its share of it */
    double burst;     /* see losses_t */
    double reorder;   /* probability that a packet comes later than others that were sent after it */
    uint64_t late_by; /* ns, by which those are late */
    uint64_t seed, stream;
} direction_options_t;

typedef struct direction_bin {
    uint32_t packets, lost, overflowed; /* out of the bottleneck; of those lost; dropped by the full queue */
    uint32_t bytes;                     /* out of the bottleneck */
    uint32_t queue_max;                 /* bytes */
    uint32_t arrivals;
    uint64_t queue_sum; /* of what each arrival found waiting: mean is queue_sum / arrivals */
} direction_bin_t;

typedef struct direction_counts {
    uint64_t packets, bytes; /* offered */
    uint64_t overflowed;     /* dropped: the queue was full */
    uint64_t lost;           /* dropped: by chance */
    uint64_t no_room;        /* dropped: the ring was full, which is a fault of this program */
    uint64_t late;           /* to be overtaken */
    uint64_t taken, taken_bytes;
    size_t largest;   /* packet, bytes */
    size_t queue_max; /* bytes */
} direction_counts_t;

typedef struct packet_ring {
    uint8_t *bytes;
    size_t capacity, head, tail; /* positions in `bytes`; equal: empty */
} packet_ring_t;

typedef struct direction {
    direction_options_t options;
    chance_t chance;
    losses_t losses;
    uint64_t begun_at;
    uint64_t free_at, remainder; /* the bottleneck is free then, and so many (rate)ths of a nanosecond later */
    packet_ring_t in_order, late;
    direction_counts_t counts;
    direction_bin_t *bins;
    size_t bins_n; /* those that anything fell into, and all before */
} direction_t;

/* False: out of memory. */
bool direction_begin(direction_t *direction, const direction_options_t *options, uint64_t now);
void direction_end(direction_t *direction);

/* A packet has come: it is copied, or dropped and counted. At most DIRECTION_MTU bytes. */
void direction_offer(direction_t *direction, const uint8_t *packet, size_t len, uint64_t now);
/* When the next packet is at the far end; UINT64_MAX: none is on its way. */
uint64_t direction_due(const direction_t *direction);
/* Takes that packet: its bytes stay valid until the next call. There must be one. */
const uint8_t *direction_take(direction_t *direction, size_t *len);

#endif
