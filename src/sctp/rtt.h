/* Round trip estimate and what follows from it: RFC 9260 6.3.1, RFC 6298. */
#ifndef MINKE_SCTP_RTT_H
#define MINKE_SCTP_RTT_H

#include "base/env.h"

typedef struct minke_rtt {
    minke_time_t smoothed; /* 0: nothing measured yet */
    minke_time_t variation;
    minke_time_t latest;
    minke_time_t minimum;
    unsigned backoff; /* expiries of T3 in a row */
} minke_rtt_t;

void minke__rtt_sample(minke_rtt_t *rtt, minke_time_t sample);
/* The retransmission timeout without back-off, and with it. */
minke_time_t minke__rtt_base_timeout(const minke_rtt_t *rtt);
minke_time_t minke__rtt_timeout(const minke_rtt_t *rtt);
/* How long after the last packet of a flight to probe for a lost tail (RFC 8985 7.2). 0: too early to say. */
minke_time_t minke__rtt_probe_after(const minke_rtt_t *rtt);

#endif
