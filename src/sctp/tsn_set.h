/*
 * A sorted set of TSN ranges, neighbours merged: what was received, or acknowledged, above the cumulative TSN.
 * The number of ranges is capped; room is asked for first, so that an insertion itself cannot fail.
 */
#ifndef MINKE_SCTP_TSN_SET_H
#define MINKE_SCTP_TSN_SET_H

#include "base/env.h"

typedef struct minke_tsn_range {
    uint64_t first, last;
    uint32_t stamp; /* of the set when it last changed */
} minke_tsn_range_t;

typedef struct minke_tsn_set {
    const minke_env_t *env;
    minke_tsn_range_t *ranges;
    uint32_t count;
    uint32_t capacity;
    uint32_t max;   /* ranges at most */
    uint32_t stamp; /* what ranges that change are marked with: for whoever wants to know which are new */
} minke_tsn_set_t;

void minke__tsn_set_init(minke_tsn_set_t *set, const minke_env_t *env, uint32_t max);
void minke__tsn_set_free(minke_tsn_set_t *set);
bool minke__tsn_set_contains(const minke_tsn_set_t *set, uint64_t tsn);
/* Can first .. last be inserted: it touches a range, or there is room for one more. False: cap or memory. */
MINKE_MUST_USE bool minke__tsn_set_room(minke_tsn_set_t *set, uint64_t first, uint64_t last);
/* After minke__tsn_set_room said so. */
void minke__tsn_set_insert(minke_tsn_set_t *set, uint64_t first, uint64_t last);
/* Forgets everything up to `tsn`. */
void minke__tsn_set_remove_through(minke_tsn_set_t *set, uint64_t tsn);
/* The first run within from .. to that is not in the set; false: all of it is. */
bool minke__tsn_set_missing(const minke_tsn_set_t *set, uint64_t from, uint64_t to, minke_tsn_range_t *run);

#endif
