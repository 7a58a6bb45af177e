/*
 * How fast the path delivers: a sample with every SACK (draft-ietf-ccwg-bbr 4.1).
 *
 *     sent:      P      what had arrived when P left, and when    --.
 *     arrives:   P      what has arrived now, and when            --+--> rate = what came in between / the longer of
 *                                                                       the times in which it was sent and acknowledged
 *
 * The packets' records are kept here and not with the chunks: only some algorithms want them.
 */
#ifndef MINKE_SCTP_DELIVERY_H
#define MINKE_SCTP_DELIVERY_H

#include "base/env.h"

/* What a packet knew when it left. */
typedef struct minke_delivery_packet {
    uint64_t number;
    uint64_t delivered;        /* bytes, in all, */
    minke_time_t delivered_at; /* and when they last grew */
    minke_time_t first_at;     /* when the packet left that began the sample */
    minke_time_t at;           /* when this one did */
    uint64_t lost;             /* bytes, in all */
    uint32_t in_flight;        /* bytes, its own included */
    bool limited;              /* by the user, not by the path */
} minke_delivery_packet_t;

typedef struct minke_rate_sample {
    bool valid;
    bool limited;             /* the user had nothing more to send when the newest packet left */
    uint64_t rate;            /* bytes per second; 0: nothing reliable */
    uint64_t delivered;       /* bytes that arrived since that packet left */
    uint64_t prior_delivered; /* and before it */
    uint64_t lost;            /* bytes found lost since it left */
    uint32_t in_flight;       /* bytes when it left */
} minke_rate_sample_t;

typedef struct minke_delivery {
    const minke_env_t *env;
    minke_delivery_packet_t *ring; /* by number; NULL: nothing sent yet */
    uint64_t capacity;             /* a power of two */
    uint64_t oldest;               /* number: nothing before it flies */
    uint64_t delivered, lost;      /* bytes */
    minke_time_t delivered_at, first_at;
    uint64_t limited_until; /* until so much is delivered samples tell of the user, not of the path; 0: they do not */
    minke_delivery_packet_t newest; /* of the SACK at hand; number 0: none */
} minke_delivery_t;

void minke__delivery_init(minke_delivery_t *delivery, const minke_env_t *env);
void minke__delivery_free(minke_delivery_t *delivery);
/* A packet has left: `in_flight` with it. `oldest`: the lowest number that may still fly. Without memory for its record
 * there will be no sample from it. */
void minke__delivery_sent(minke_delivery_t *delivery, uint64_t number, uint64_t oldest, uint32_t bytes,
                          uint32_t in_flight, minke_time_t now);
/* Bytes of a packet have arrived, or are lost. */
void minke__delivery_acked(minke_delivery_t *delivery, uint64_t number, uint32_t bytes, minke_time_t now);
/* NULL: there is no record of it. */
const minke_delivery_packet_t *minke__delivery_lost(minke_delivery_t *delivery, uint64_t number, uint32_t bytes);
/* There is no more to send than flies. */
void minke__delivery_limited(minke_delivery_t *delivery, uint32_t in_flight);
/* The SACK has been read. Nothing arrives in less than `minimum_rtt`. */
minke_rate_sample_t minke__delivery_sample(minke_delivery_t *delivery, minke_time_t minimum_rtt);

#endif
