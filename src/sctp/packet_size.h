/*
 * How large a packet may be: packetization layer path MTU discovery (RFC 8899). Every path carries `base`; larger sizes
 * are tried with packets that carry nothing, one at a time, and used once such a probe has been acknowledged.
 *
 *               begin                          nothing is left to try
 *     BASE --------------------> SEARCHING ----------------------------> COMPLETE
 *       ^                        |  ^     after RAISE_AFTER: all is tried anew |
 *       |                        |  '------------------------------------------'
 *       '--- another path, or the path swallows what is larger than base ------'
 *
 * Tried are the sizes of usual links: first an Ethernet's, then whatever lies in the middle of what is known to pass
 * and known not to. A size counts as too large when TRIES probes of it stay unanswered or the system refuses it, so a
 * remote that cannot read packets of a size, or throws probes away, is never sent one.
 *
 * Sizes are bytes of a whole SCTP packet, multiples of four.
 */
#ifndef MINKE_SCTP_PACKET_SIZE_H
#define MINKE_SCTP_PACKET_SIZE_H

#include "base/env.h"

typedef enum minke_packet_search {
    MINKE_PACKET_BASE,
    MINKE_PACKET_SEARCHING,
    MINKE_PACKET_COMPLETE
} minke_packet_search_t;

typedef struct minke_packet_size {
    uint16_t base;
    uint16_t confirmed;   /* what packets may have now */
    uint16_t too_large;   /* this size does not pass, or may not be tried */
    uint16_t limit;       /* the largest that may be tried */
    uint16_t overhead;    /* bytes of the layers below in an IP packet */
    uint16_t probing;     /* the size that is being tried; 0: none */
    uint8_t state;        /* minke_packet_search_t */
    uint8_t tries;        /* of it */
    minke_time_t next_at; /* the next probe may leave, or the raise timer */
} minke_packet_size_t;

/* Nothing but `base` until minke__packet_size_path. */
void minke__packet_size_init(minke_packet_size_t *size, uint16_t base);
/* Another path: back to base. IP packets of `mtu_max` bytes are the largest to try, of which the layers below take
 * `overhead`. */
void minke__packet_size_path(minke_packet_size_t *size, uint32_t mtu_max, uint16_t overhead);
/* No more than an Ethernet's is to be tried. Before the search begins. */
void minke__packet_size_no_jumbo(minke_packet_size_t *size);
/* There is enough to be sent for larger packets to pay. Does nothing unless in BASE. */
void minke__packet_size_begin(minke_packet_size_t *size, minke_time_t now);

/* The size of a probe to send now; 0: none. If the last one has stayed unanswered that counts now. */
uint16_t minke__packet_size_due(minke_packet_size_t *size, minke_time_t now);
/* It is on its way, and lost if unanswered `patience` later. */
void minke__packet_size_sent(minke_packet_size_t *size, minke_time_t patience, minke_time_t now);

/* A probe of this size has arrived. True: `confirmed` has grown. */
bool minke__packet_size_arrived(minke_packet_size_t *size, uint16_t len, minke_time_t now);
/* The system refused a packet of this size. True: `confirmed` has fallen. */
bool minke__packet_size_refused(minke_packet_size_t *size, uint16_t len, minke_time_t now);
/* Packets larger than base vanish. True: `confirmed` has fallen. */
bool minke__packet_size_vanish(minke_packet_size_t *size, minke_time_t now);

#endif
