/*
 * Time and randomness of OpenSSL under the simulation's control. Its DTLS retransmission timer reads gettimeofday,
 * which this executable defines itself; its generator is replaced by a seeded one. So a run repeats byte for byte.
 */
#ifndef MINKE_SIM_VIRTUAL_CLOCK_H
#define MINKE_SIM_VIRTUAL_CLOCK_H

#include <stdint.h>

/* Sets the wall clock to this many microseconds after a fixed day. */
void sim_clock_set(uint64_t now);
/* Replaces OpenSSL's generator, now seeded with this. */
void sim_random_seed(uint64_t seed);

#endif
