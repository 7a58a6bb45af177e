/*
 * BBR (draft-ietf-ccwg-bbr, the third version): a model of the path instead of a window that grows until it breaks.
 * Packets leave at the rate at which the path delivers; what flies is a small multiple of rate times round trip. Single
 * losses are no sign of congestion: more than 2 % of what flew is. For lossy paths.
 *
 *   STARTUP ---> DRAIN ---> PROBE_DOWN ---> PROBE_CRUISE ---> PROBE_REFILL ---> PROBE_UP --.
 *   rate * 2.77  * 0.5      * 0.9           * 1.0             * 1.0, one round   * 1.25    |
 *   until it     until the   ^                2 to 3 s, or as many rounds as the           |
 *   stops        queue       |                window has packets, 63 at most               |
 *   growing      is gone     '-------------------------------------------------------------'
 *
 *   PROBE_RTT, from any of them: when the least round trip is 5 s old, half of the product flies for 200 ms
 *
 * bbr_model.c is what is believed of the path, congestion_bbr.c what is done about it.
 */
#ifndef MINKE_SCTP_BBR_H
#define MINKE_SCTP_BBR_H

#include "sctp/congestion.h"
#include "sctp/delivery.h"

/* "Infinity" of the draft: no bound known. */
#define MINKE_BBR_UNBOUND UINT64_MAX

typedef enum minke_bbr_state {
    MINKE_BBR_STARTUP,
    MINKE_BBR_DRAIN,
    MINKE_BBR_PROBE_DOWN,
    MINKE_BBR_PROBE_CRUISE,
    MINKE_BBR_PROBE_REFILL,
    MINKE_BBR_PROBE_UP,
    MINKE_BBR_PROBE_RTT
} minke_bbr_state_t;

/* What SACKs tell of a bandwidth probe: nothing; of its refill; nothing yet of it; of it; of it, although it is over.
 */
typedef enum minke_bbr_phase {
    MINKE_BBR_ACKS_INIT,
    MINKE_BBR_ACKS_REFILLING,
    MINKE_BBR_ACKS_STARTING,
    MINKE_BBR_ACKS_FEEDBACK,
    MINKE_BBR_ACKS_STOPPING
} minke_bbr_phase_t;

/* Bytes, bytes per second, and microseconds. Names are the draft's, as far as they are words. */
struct minke_bbr {
    const minke_env_t *env;
    minke_delivery_t *delivery;
    minke_bbr_state_t state;
    minke_bbr_phase_t phase;
    uint64_t pacing_rate;

    /* the model */
    uint64_t bandwidth;        /* of the two below the lower */
    uint64_t bandwidths[2];    /* max_bw: the greatest of the probing cycle before, and of this one */
    uint64_t bandwidth_short;  /* bw_shortterm */
    uint64_t in_flight_long;   /* inflight_longterm: more causes loss */
    uint64_t in_flight_short;  /* inflight_shortterm */
    uint64_t bandwidth_latest; /* of this round */
    uint64_t in_flight_latest;
    minke_time_t minimum_rtt; /* 0: none */
    minke_time_t minimum_rtt_at;
    minke_time_t probe_minimum; /* probe_rtt_min_delay: the least of the last five seconds */
    minke_time_t probe_minimum_at;
    bool probe_expired;

    /* rounds: over when a packet has arrived that left after they began */
    uint64_t round_end; /* by bytes delivered */
    uint64_t rounds;
    bool round_begins; /* with this SACK */

    /* aggregation: what arrives beyond the bandwidth */
    minke_time_t extra_at;
    uint64_t extra_delivered;
    uint64_t extras[2]; /* the most of five to ten rounds, in two halves */
    uint64_t extra_round;

    /* loss */
    uint64_t loss_round_end;
    uint64_t lost_before_round; /* bytes, in all */
    bool loss_round_begins, loss_in_round;
    uint32_t loss_events; /* of a round, apart from each other */
    uint64_t last_lost;   /* packet number */

    /* is the pipe full */
    uint64_t full_bandwidth;
    uint32_t full_count;
    bool full_now, full_reached;

    /* probing for bandwidth */
    bool probing_sample;      /* SACKs tell of data sent while probing */
    bool probe_too_high;      /* the last probe lost too much */
    bool probe_precautionary; /* and this one ended where that did */
    uint32_t up_rounds;
    uint64_t up_acked, up_per_packet;
    uint64_t rounds_since_probe;
    minke_time_t cycle_at, wait;
    uint64_t drain_round;

    /* probing for the round trip */
    minke_time_t probe_rtt_done_at; /* 0: not small enough yet */
    bool probe_rtt_round_done;
    bool restarted; /* from idleness */
    uint32_t prior_window;
    bool restore; /* it, when something arrives again after a timeout */

    /* undo */
    minke_bbr_state_t undo_state; /* STARTUP or PROBE_UP, left for a loss; else any */
    uint64_t undo_bandwidth_short, undo_in_flight_short, undo_in_flight_long;
};

/* NULL: no memory. The delivery must outlive it. */
MINKE_MUST_USE minke_bbr_t *minke__bbr_new(const minke_env_t *env, minke_delivery_t *delivery);

/* -- the model, for congestion_bbr.c and tests */
static inline bool minke__bbr_is_in_probe_bandwidth(const minke_bbr_t *bbr)
{
    return bbr->state >= MINKE_BBR_PROBE_DOWN && bbr->state <= MINKE_BBR_PROBE_UP;
}
uint64_t minke__bbr_max_bandwidth(const minke_bbr_t *bbr);
/* `percent` of bandwidth times least round trip. */
uint64_t minke__bbr_product(const minke_bbr_t *bbr, uint64_t bandwidth, unsigned percent, uint32_t unit);
void minke__bbr_begin_round(minke_bbr_t *bbr);
void minke__bbr_reset_full(minke_bbr_t *bbr);
void minke__bbr_reset_short(minke_bbr_t *bbr);
void minke__bbr_reset_signals(minke_bbr_t *bbr);
/* Every SACK: first the one, then the state machine, then the other. */
void minke__bbr_update_model(minke_congestion_t *congestion, const minke_congestion_ack_t *ack);
void minke__bbr_advance(minke_bbr_t *bbr, const minke_rate_sample_t *sample);
/* A new cycle: what was measured in the one before the last is forgotten. */
void minke__bbr_next_cycle(minke_bbr_t *bbr);
/* More than 2 % of what flew is lost. */
bool minke__bbr_is_too_high(uint64_t lost, uint64_t in_flight, uint32_t unit);

#endif
