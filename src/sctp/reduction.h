/*
 * How what flies comes down to a smaller window after a loss, within one round trip and without a pause: proportional
 * rate reduction (RFC 6937, RFC 9937). For every byte that has arrived, `target / flight` of one may leave; once less
 * flies than the target, because much was lost, as much as has arrived and a packet more.
 */
#ifndef MINKE_SCTP_REDUCTION_H
#define MINKE_SCTP_REDUCTION_H

#include "base/env.h"

typedef struct minke_reduction {
    bool on;
    uint32_t flight;    /* RecoverFS: bytes in flight when the loss was found */
    uint32_t target;    /* ssthresh: what is to fly afterwards */
    uint64_t delivered; /* bytes arrived since */
    uint64_t sent;      /* bytes sent since */
    uint32_t limit;     /* what may fly now */
} minke_reduction_t;

void minke__reduction_begin(minke_reduction_t *reduction, uint32_t flight, uint32_t target);
/* `bytes` have arrived, `in_flight` are left. `clean`: and this showed no further loss. */
void minke__reduction_acked(minke_reduction_t *reduction, uint32_t bytes, uint32_t in_flight, uint32_t unit,
                            bool clean);
static inline void minke__reduction_sent(minke_reduction_t *reduction, uint32_t bytes)
{
    if (reduction->on) reduction->sent += bytes;
}

#endif
