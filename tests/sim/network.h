/*
 * The virtual network: datagrams in flight, in virtual time. A link has a delay, a rate with a queue, loss (random, in
 * bursts, or by mask), reordering, duplication and an MTU, each way on its own. Everything follows from the seed.
 */
#ifndef MINKE_SIM_NETWORK_H
#define MINKE_SIM_NETWORK_H

#include <minke/types.h>
#include <stdio.h>

typedef struct sim_link {
    minke_time_t delay;       /* one way */
    minke_time_t jitter;      /* added at random, order kept */
    uint64_t bits_per_second; /* 0: no limit */
    size_t queue;             /* bytes that wait for their turn; more are dropped */
    double loss;              /* 0 .. 1 */
    double burst;             /* chance per datagram that a burst of loss begins with it */
    minke_time_t burst_span;  /* such a burst loses everything for up to twice this long: time, not a count, or it would
                                 never end for somebody who has backed off */
    uint64_t loss_mask;       /* the n-th datagram is lost if bit n is set, for the first 64 */
    double reorder;           /* chance that a datagram is held back by reorder_delay and overtaken */
    minke_time_t reorder_delay;
    double duplicate;
    size_t mtu; /* IP packet; larger ones are dropped, or cut into pieces where that is allowed. 0: no limit */
} sim_link_t;

typedef struct sim_network sim_network_t;

sim_network_t *sim_network_new(uint64_t seed);
void sim_network_free(sim_network_t *network);
/* Every datagram from `from` to `to` (by IP address, or IPv6 /64 where the lower half is zero) passes this link. */
void sim_network_link(sim_network_t *network, const minke_address_t *from, const minke_address_t *to,
                      const sim_link_t *link);
/* Takes a datagram; `from` is what the receiver sees. */
void sim_network_send(sim_network_t *network, const minke_address_t *from, const minke_address_t *to,
                      const uint8_t *data, size_t len, minke_time_t now);
/* May what is sent from now on be cut into pieces. Not, at first. */
void sim_network_may_fragment(sim_network_t *network, bool allowed);
/* When the next datagram arrives. */
minke_time_t sim_network_deadline(const sim_network_t *network);

typedef struct sim_datagram {
    minke_address_t from, to;
    size_t len;
    uint8_t data[16512];
} sim_datagram_t;

/* The next one that has arrived by `now`. */
bool sim_network_recv(sim_network_t *network, sim_datagram_t *out, minke_time_t now);

/* A hash over everything that was sent and when: equal runs have equal ones. */
uint64_t sim_network_trace(const sim_network_t *network);
uint64_t sim_network_sent(const sim_network_t *network);
uint64_t sim_network_lost(const sim_network_t *network);
/* Datagrams that were cut into pieces. */
uint64_t sim_network_fragmented(const sim_network_t *network);

#endif
