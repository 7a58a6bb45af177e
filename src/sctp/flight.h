/*
 * What was sent and is not cumulatively acknowledged: one record per DATA chunk, apart from the data itself.
 *
 *      base                                        next
 *       |  acked   flying   lost   flying   acked   |         TSNs, in a ring
 *       +-------------------------------------------+
 *
 *   sent --> FLYING <--> LOST        flying: a list in the order of sending, oldest first
 *               |          |         lost:   a list in the order of retransmission, TSNs ascending as far as possible
 *               +--> ACKED <+        acked:  above base, also in the set, so that a SACK costs only what is new in it
 *
 * Both lists share a record's links. Loss detection looks at the old end of `flying` and nowhere else.
 */
#ifndef MINKE_SCTP_FLIGHT_H
#define MINKE_SCTP_FLIGHT_H

#include "sctp/message.h"
#include "sctp/tsn_set.h"

typedef enum minke_sent_state { MINKE_SENT_FLYING, MINKE_SENT_LOST, MINKE_SENT_ACKED } minke_sent_state_t;

typedef struct minke_sent {
    minke_message_t *message;
    minke_time_t at;   /* of the last transmission */
    uint64_t packet;   /* number of the packet that carried it last */
    uint64_t previous; /* neighbours in its list, by TSN; 0: none */
    uint64_t next;
    uint32_t offset; /* in the message, from its start */
    uint16_t len;
    uint16_t ssn;
    uint8_t flags;  /* B and E */
    uint8_t state;  /* minke_sent_state_t */
    uint8_t sent_n; /* transmissions, stops counting at 255 */
    bool large;     /* it left in a packet that not every path takes */
} minke_sent_t;

typedef struct minke_sent_list {
    uint64_t first, last; /* TSNs; 0: empty */
} minke_sent_list_t;

typedef struct minke_flight {
    const minke_env_t *env;
    minke_sent_t *ring;
    uint64_t capacity; /* a power of two, or 0 */
    uint64_t base;     /* lowest TSN not cumulatively acknowledged */
    uint64_t next;     /* the next new TSN */
    minke_sent_list_t flying;
    minke_sent_list_t lost;
    minke_tsn_set_t acked;
    uint32_t in_flight;  /* bytes flying */
    uint32_t lost_bytes; /* bytes waiting to be sent again */
} minke_flight_t;

void minke__flight_init(minke_flight_t *flight, const minke_env_t *env, uint64_t first_tsn);
/* Frees the records; the messages belong to whoever owns them. */
void minke__flight_free(minke_flight_t *flight);
/* The record of base <= tsn < next. */
minke_sent_t *minke__flight_at(const minke_flight_t *flight, uint64_t tsn);
static inline bool minke__flight_empty(const minke_flight_t *flight) { return flight->base == flight->next; }

/* Room for one more record. */
MINKE_MUST_USE int minke__flight_reserve(minke_flight_t *flight);
/* The ring has room for another record, or there is memory to double it: else wait for acknowledgements. */
bool minke__flight_may_grow(const minke_flight_t *flight);
/* A record for TSN `next`, flying; after minke__flight_reserve. The caller fills in the message's part. */
minke_sent_t *minke__flight_push(minke_flight_t *flight, uint16_t len, uint64_t packet, minke_time_t now);
/* A chunk, flying or lost, went out again. */
void minke__flight_resent(minke_flight_t *flight, uint64_t tsn, uint64_t packet, minke_time_t now);
void minke__flight_lose(minke_flight_t *flight, uint64_t tsn);
/* All that is not acknowledged, in TSN order. */
void minke__flight_lose_all(minke_flight_t *flight);
/* Acknowledged without being the base: stays until the base has passed it. */
void minke__flight_ack(minke_flight_t *flight, uint64_t tsn);
/* The base moves up by one. The record stays readable until the next push. */
minke_sent_t *minke__flight_pop(minke_flight_t *flight);
/* The remote took back acknowledgements of what lies above the base: all of it is lost (RFC 9260 6.2.1 "reneging"). */
void minke__flight_renege(minke_flight_t *flight);

/* Gives memory back when nothing is outstanding. */
void minke__flight_trim(minke_flight_t *flight);

#endif
