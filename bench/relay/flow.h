/*
 * The bytes of one circuit: so many of a pattern that nobody can lose, double or reorder a piece of without its being
 * seen, sent by the one end and compared when they have come back from the other.
 *
 *     begin --next, sent--> all sent --check--> all back
 */
#ifndef RELAY_FLOW_H
#define RELAY_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct flow {
    unsigned circuit; /* each has a pattern of its own */
    uint64_t total;   /* bytes in each direction */
    uint64_t window;  /* at most so many on their way there and back; 0: as many as fit */
    uint64_t sent, received;
} flow_t;

void flow_begin(flow_t *flow, unsigned circuit, uint64_t total, uint64_t window);
/* What is to be sent next: `*len` bytes that stay where they are, 0 when all have been, or others must come back first.
 */
const uint8_t *flow_next(const flow_t *flow, size_t *len);
/* What has come back. False: it is not what was sent, or more than that. */
bool flow_check(flow_t *flow, const uint8_t *data, size_t len);
bool flow_is_complete(const flow_t *flow);

#endif
