/*
 * ICE candidates: an address at which an agent may be reached, where it came from, and what it is worth (RFC 8445 5.1).
 * Their text in SDP and JSON is the signalling's matter.
 */
#ifndef MINKE_ICE_CANDIDATE_H
#define MINKE_ICE_CANDIDATE_H

#include <minke/types.h>

enum { MINKE_FOUNDATION_MAX = 32 }; /* ice-chars (RFC 8839 5.1) */

typedef enum minke_candidate_type {
    MINKE_CANDIDATE_HOST,  /* an interface's own address */
    MINKE_CANDIDATE_SRFLX, /* server-reflexive: what a STUN server saw */
    MINKE_CANDIDATE_PRFLX, /* peer-reflexive: what the other agent saw */
    MINKE_CANDIDATE_RELAY  /* a TURN server's; we have none, but peers may */
} minke_candidate_type_t;

typedef struct minke_candidate {
    minke_candidate_type_t type;
    minke_address_t address;
    uint32_t priority;                         /* 1 .. 2^31 - 1 */
    char foundation[MINKE_FOUNDATION_MAX + 1]; /* terminated; candidates of one kind, base and server share it */
    bool has_related;                          /* raddr and rport are known: of all types but HOST, if at all */
    minke_address_t related;                   /* SRFLX, PRFLX: the base; RELAY: what the TURN server saw */
} minke_candidate_t;

/* "host", "srflx", "prflx", "relay" */
const char *minke__candidate_type_text(minke_candidate_type_t type);
/* RFC 8445 5.1.2.1, for component 1. Local preference 65535 is the best; two addresses must not share one. */
uint32_t minke__candidate_priority(minke_candidate_type_t type, uint16_t local_preference);
/* RFC 8445 6.1.2.3: of the controlling agent's candidate and the controlled one's. */
uint64_t minke__candidate_pair_priority(uint32_t controlling, uint32_t controlled);
/* RFC 8445 5.1.1.3: one text for each (type, IP of the base, IP of the server); `server` NULL: none was asked. */
void minke__candidate_foundation(minke_candidate_t *candidate, const minke_address_t *base,
                                 const minke_address_t *server);

/* Could one host send a datagram there: no port 0, no multicast, broadcast, "this network", unspecified or IPv4-mapped
 * address, no link-local IPv6 without its interface. */
bool minke__candidate_is_sendable(const minke_address_t *address);
/* Loopback, link-local, and what RFC 1918, RFC 4193 and RFC 6598 set aside: another's candidates of this kind lead into
 * our own network. */
bool minke__candidate_is_private(const minke_address_t *address);

#endif
