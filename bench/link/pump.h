/*
 * The loop of a link: packets from one tun device into the direction, and out of it into the other device when they are
 * due, on one thread, until somebody says that it is enough.
 */
#ifndef LINK_PUMP_H
#define LINK_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "direction.h"
#include "site.h"

typedef struct pump_lateness {
    uint64_t sum, max; /* ns, over all packets handed over */
    uint64_t over_ms;  /* packets that came more than a millisecond late */
    uint64_t refused;  /* packets that the system did not take */
} pump_lateness_t;

typedef struct pump {
    const site_t *from, *to;
    direction_t *direction;
    pump_lateness_t lateness;
} pump_t;

typedef struct pump_rest {
    uint64_t grain; /* ns: what comes or is due within so long is looked after at once; 0: each packet when it is due */
    uint64_t at;    /* the last time that it was */
} pump_rest_t;

/* CLOCK_MONOTONIC, ns. */
uint64_t pump_now(void);

/* Asks the system to run this process at once when it is its turn. False: it may not, others' load will show. */
bool pump_hurry(void);

/* Pumps both directions until the moment `end_at`, or until `watched_fd` has something to read: true then. */
bool pump_run(pump_t pumps[2], pump_rest_t *rest, int watched_fd, uint64_t end_at);

#endif
