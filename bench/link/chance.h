/*
 * Seeded chance: the same seed, the same fate for the n-th packet of a direction.
 *
 *     good --with `enter`--> bad --with `leave`--> good        (Gilbert and Elliott; a packet in `bad` is lost)
 *
 * Losses without bursts need no state: each packet is lost for itself.
 */
#ifndef LINK_CHANCE_H
#define LINK_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct chance {
    uint64_t state[4];
} chance_t;

/* Directions of one link take different streams of the same seed. */
void chance_begin(chance_t *chance, uint64_t seed, uint64_t stream);
/* True with this probability, 0 to 1. */
bool chance_happens(chance_t *chance, double probability);

typedef struct losses {
    double rate;  /* of packets, in the long run */
    double burst; /* packets lost in a row, on average; 1 or less: independent losses */
    bool bad;
} losses_t;

/* Is this packet lost? Draws the same number of random numbers whatever the answer. */
bool losses_take(losses_t *losses, chance_t *chance);

#endif
