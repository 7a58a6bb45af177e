/*
 * TSNs are unwrapped to 64 bits at the door, so that everything inside compares them with < and >. The low 32 bits are
 * the number on the wire. The first one sits at 2^32 or above: subtracting never wraps, and 0 can mean "none".
 */
#ifndef MINKE_SCTP_TSN_H
#define MINKE_SCTP_TSN_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t minke__tsn_first(uint32_t initial) { return (uint64_t)1 << 32 | initial; }

/* The number nearest to `reference` that reads `tsn` on the wire. */
static inline uint64_t minke__tsn_unwrap(uint64_t reference, uint32_t tsn)
{
    return reference + (uint64_t)(int64_t)(int32_t)(tsn - (uint32_t)reference);
}

/* Serial number arithmetic for SSNs (RFC 1982): a comes before b. */
static inline bool minke__ssn_before(uint16_t a, uint16_t b) { return (int16_t)(uint16_t)(a - b) < 0; }

#endif
