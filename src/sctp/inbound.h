/*
 * Received DATA chunks on their way to the layer above: order within each stream.
 *
 * A chunk that continues its stream goes up at once, straight from the packet. Everything else is copied and held in
 * one hash map, where its stream will ask for it: the start of a message under (stream, generation, SSN), any other
 * fragment under its TSN. So nothing is ever scanned, whatever order a remote chooses, and a hole in one stream does
 * not hold up the others.
 *
 *     at a boundary  -- B with the next SSN -->  inside a message  -- next TSN without E -->  inside
 *           ^------------------------------------ next TSN with E ---------------------------'
 *
 * A generation ends with a stream reset. While a reset waits for missing data (spec/sctp.md 8), chunks beyond its last
 * TSN belong to the next generation and are held under it.
 *
 * Unordered messages (nothing of ours, and of today's peers nobody's: streams.md 2.6) are held until complete, then go
 * up in the order of completion, between two ordered messages.
 *
 * TSNs reach this layer once each: duplicates are filtered below.
 */
#ifndef MINKE_SCTP_INBOUND_H
#define MINKE_SCTP_INBOUND_H

#include "base/map.h"
#include "sctp/sctp.h"

typedef struct minke_sctp_data {
    const uint8_t *bytes;
    uint64_t tsn;
    uint32_t ppid;
    uint16_t len;
    uint16_t stream_id;
    uint16_t ssn;
    uint8_t flags;
} minke_sctp_data_t;

typedef struct minke_inbound {
    const minke_env_t *env;
    const minke_sctp_user_t *user;
    minke_map_t streams; /* by id, made by the first chunk, gone with a reset */
    minke_map_t held;
    struct minke_inbound_stream *recent; /* what the last look-up found */
    uint64_t delivered;                  /* bytes in all */
    uint64_t consumed;                   /* of these, bytes that occupy no memory any more */
    uint32_t held_bytes;                 /* with overhead */
    uint32_t held_max;
    bool stopped; /* the association has ended: nothing goes up any more */
} minke_inbound_t;

typedef enum minke_inbound_result {
    MINKE_INBOUND_TAKEN,    /* delivered or held: acknowledge it */
    MINKE_INBOUND_STALE,    /* acknowledge it, but it is of no use */
    MINKE_INBOUND_REFUSED,  /* no room or memory: as if it had never arrived */
    MINKE_INBOUND_VIOLATION /* does not fit what came before */
} minke_inbound_result_t;

void minke__inbound_init(minke_inbound_t *inbound, const minke_env_t *env, const minke_sctp_user_t *user,
                         uint32_t held_max);
void minke__inbound_free(minke_inbound_t *inbound);

/* `urgent`: the chunk moves the cumulative TSN on, so it may be held beyond the cap. */
minke_inbound_result_t minke__inbound_data(minke_inbound_t *inbound, const minke_sctp_data_t *data, bool urgent);

/* A reset of the stream waits until everything up to `tsn` has arrived. MINKE_ERROR_EXISTS: another one waits. */
MINKE_MUST_USE int minke__inbound_defer_reset(minke_inbound_t *inbound, uint16_t stream_id, uint64_t tsn);
/* What a reset of the stream waits for; 0: none does. */
uint64_t minke__inbound_deferred(minke_inbound_t *inbound, uint16_t stream_id);
/* Has anything arrived for the stream since its last reset. */
bool minke__inbound_knows(minke_inbound_t *inbound, uint16_t stream_id);
/* The stream starts anew, tells the user, and delivers what was held for the new generation. */
minke_inbound_result_t minke__inbound_reset(minke_inbound_t *inbound, uint16_t stream_id);
minke_inbound_result_t minke__inbound_reset_all(minke_inbound_t *inbound);

/* The remote gave up messages (RFC 3758 3.6): those up to `ssn` of the stream, with fragments up to `tsn`. If part of
 * one went up already, the next fragment on the stream has `begin` set although no `end` came. */
minke_inbound_result_t minke__inbound_skip(minke_inbound_t *inbound, uint16_t stream_id, uint16_t ssn, uint64_t tsn);

static inline uint64_t minke__inbound_unconsumed(const minke_inbound_t *inbound)
{
    return inbound->delivered - inbound->consumed;
}

#endif
