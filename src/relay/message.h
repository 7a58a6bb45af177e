/*
 * The messages of circuit relay v2 (spec/host.md 11): hop between a client and its relay, stop between the relay and
 * the one that is called. Each stream carries one request and one answer, then the bytes of the circuit:
 *
 *     client                        relay                            target
 *       | hop RESERVE ------------->|                                  |
 *       |<- hop STATUS, reservation |                                  |
 *       | hop CONNECT, peer ------->| stop CONNECT, peer, limit ------>|
 *       |                           |<--------------------- stop STATUS|
 *       |<------- hop STATUS, limit |                                  |
 *       |<==================== bytes of the circuit ==================>|
 */
#ifndef MINKE_RELAY_MESSAGE_H
#define MINKE_RELAY_MESSAGE_H

#include <minke/relay.h>

#include "base/wire.h"
#include "crypto/identity.h"

enum {
    MINKE_RELAY_MESSAGE_MAX = 4096, /* of a message without its length prefix: go's limit */
    MINKE_RELAY_PREFIX_MAX = 2,     /* the length prefix of such a message */
    MINKE_RELAY_ADDRESSES_MAX = 32  /* that are kept of one list */
};

typedef enum minke_hop_type { MINKE_HOP_RESERVE = 0, MINKE_HOP_CONNECT = 1, MINKE_HOP_STATUS = 2 } minke_hop_type_t;
typedef enum minke_stop_type { MINKE_STOP_CONNECT = 0, MINKE_STOP_STATUS = 1 } minke_stop_type_t;

/* "NO_RESERVATION"; "UNKNOWN" for a number that is not in the list. */
const char *minke__relay_status_text(uint64_t status);
/* A sentence for people, without a stop. */
const char *minke__relay_status_sentence(uint64_t status);
/* The place of a status in the list, and back; what is not in it: MINKE_RELAY_STATUSES_N, 0. */
size_t minke__relay_status_index(uint64_t status);
uint64_t minke__relay_status_at(size_t index);

/* What a circuit may take. 0: no such limit. */
typedef struct minke_relay_limit {
    bool present;     /* even if both are 0: then the circuit counts as a limited connection */
    uint32_t seconds; /* js relays write milliseconds (seen in July 2026): no limit to rely on */
    uint64_t bytes;   /* in each direction; js relays count both together */
} minke_relay_limit_t;

typedef struct minke_relay_reservation {
    bool present;
    uint64_t expire;                                    /* unix time in seconds */
    minke_slice_t addresses[MINKE_RELAY_ADDRESSES_MAX]; /* the relay's, without /p2p-circuit */
    size_t addresses_n;
    minke_slice_t voucher; /* an envelope (relay/envelope.h); NULL: absent */
} minke_relay_reservation_t;

typedef struct minke_relay_peer {
    minke_peer_id_t id; /* len 0: absent */
    minke_slice_t addresses[MINKE_RELAY_ADDRESSES_MAX];
    size_t addresses_n;
} minke_relay_peer_t;

/*
 * Both messages: they differ in the numbers of their fields, and only hop has a reservation. Slices lead into the
 * input; addresses are binary multiaddrs as they came, to be validated by whoever uses them; what does not fit is left
 * out.
 */
typedef struct minke_relay_message {
    uint64_t type;   /* minke_hop_type_t or minke_stop_type_t, or a number that we do not know */
    uint64_t status; /* 0: absent; any other that is not MINKE_RELAY_STATUS_OK is a failure, known or not */
    minke_relay_peer_t peer;
    minke_relay_reservation_t reservation; /* hop alone */
    minke_relay_limit_t limit;
} minke_relay_message_t;

/*
 * One message without its length prefix; later scalars win, lists add up. An absent type is 0, as go reads it: early
 * py-libp2p left out what is 0. MINKE_ERROR_MALFORMED, also for a peer id that is none.
 */
MINKE_MUST_USE int minke__hop_read(const uint8_t *data, size_t len, minke_relay_message_t *out);
MINKE_MUST_USE int minke__stop_read(const uint8_t *data, size_t len, minke_relay_message_t *out);

/* One message with its length prefix; the type is written even if it is 0, which js insists on. MINKE_ERROR_TOO_LARGE:
 * more than MINKE_RELAY_MESSAGE_MAX. MINKE_ERROR_NO_SPACE. Nothing is written then. */
MINKE_MUST_USE int minke__hop_write(const minke_relay_message_t *message, minke_writer_t *out);
MINKE_MUST_USE int minke__stop_write(const minke_relay_message_t *message, minke_writer_t *out);

#endif
