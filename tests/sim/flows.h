/*
 * Flows that share one bottleneck, in virtual time: pairs of SCTP associations with nothing above or below them, and
 * a text-book TCP CUBIC to compare them with. Every sender always has data.
 *
 *     sender 0 --\                                     /--> receiver 0 --\
 *     sender 1 ---[ loss ][ queue, rate ][ delay ]----+---> receiver 1 ---+--[ loss ][ delay ]--> back to the senders
 *
 * A packet counts on the link with what IP, UDP and DTLS add to it. A sender's timers fire late by up to `granularity`,
 * as those of a driver do that sleeps in whole milliseconds; an arrival wakes it at once.
 */
#ifndef MINKE_SIM_FLOWS_H
#define MINKE_SIM_FLOWS_H

#include "sctp/sctp.h"

enum { SIM_FLOWS_MAX = 4 };

typedef struct sim_bottleneck {
    uint64_t bits_per_second;
    size_t queue;            /* bytes; 0: one product of rate and round trip */
    minke_time_t round_trip; /* without queue */
    double loss, loss_back;  /* of data, of SACKs: 0 .. 1 */
    double reorder;          /* chance that a packet of data is held back by reorder_delay and overtaken */
    minke_time_t reorder_delay;
    minke_time_t granularity; /* of a sender's timers; 0: exact */
    minke_time_t trace_every; /* prints what flows do; 0: nothing */
} sim_bottleneck_t;

typedef struct sim_flow_plan {
    bool textbook;                         /* TCP, else SCTP */
    minke_congestion_control_t congestion; /* SCTP */
    minke_time_t begins_at;
    minke_time_t sack_delay; /* SCTP: the receiver is a foreign one that holds its SACK back this long; 0: Minke */
    uint16_t packet_max;     /* SCTP: 0: default */
} sim_flow_plan_t;

typedef struct sim_flow_result {
    uint64_t bytes;              /* of user data, received in order between `from` and `until` */
    double share;                /* of the link's rate, by these bytes */
    uint64_t packets, dropped_n; /* sent; of those, dropped at the queue, in all */
    minke_time_t silence;        /* longest between two arrivals of data at the receiver, from its first on */
    minke_time_t stall;          /* longest without progress of the in-order data */
    uint64_t losses, timeouts, retransmitted;
    minke_time_t queueing; /* mean wait in the queue */
} sim_flow_result_t;

/* Runs until `until`; results count from `from`. */
void sim_flows_run(const sim_bottleneck_t *link, const sim_flow_plan_t *plans, size_t n, minke_time_t from,
                   minke_time_t until, uint64_t seed, sim_flow_result_t *results);
/* Jain's index of the results' bytes: 1 is fair, 1/n is one for all. */
double sim_flows_fairness(const sim_flow_result_t *results, size_t n);

#endif
