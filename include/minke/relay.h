/*
 * Being a circuit relay (version 2): what peers behind NATs meet over. A host is one when its options say so; what it
 * gives away is bounded by these.
 */
#ifndef MINKE_RELAY_H
#define MINKE_RELAY_H

#include <minke/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a relay, or the peer behind it, answers. X(name, value, sentence for people) */
#define MINKE_RELAY_STATUS_LIST(X)                                                                                     \
    X(OK, 100, "the relay agreed")                                                                                     \
    X(RESERVATION_REFUSED, 200, "the relay is full: it takes no more reservations, at least none from this address")   \
    X(RESOURCE_LIMIT_EXCEEDED, 201, "too many circuits are open, over the relay or with one of the two peers")         \
    X(PERMISSION_DENIED, 202, "the relay does not allow this")                                                         \
    X(CONNECTION_FAILED, 203, "the relay could not reach the peer, or the peer did not want the circuit")              \
    X(NO_RESERVATION, 204, "the peer has no reservation at this relay")                                                \
    X(MALFORMED_MESSAGE, 400, "the other side could not read the message")                                             \
    X(UNEXPECTED_MESSAGE, 401, "the other side expected another message")

/** The numbers on the wire. With MINKE_LAYER_RELAY they are the `code` of a minke_close_t. */
typedef enum minke_relay_status {
#define MINKE_RELAY_STATUS_ENUM(name, value, sentence) MINKE_RELAY_STATUS_##name = (value),
    MINKE_RELAY_STATUS_LIST(MINKE_RELAY_STATUS_ENUM)
#undef MINKE_RELAY_STATUS_ENUM
} minke_relay_status_t;

/** How many there are. */
enum { MINKE_RELAY_STATUSES_N = 8 };

/** The limits of a relay. minke_host_defaults fills them in for a public relay that somebody runs on purpose; go's are
 * for any node that happens to be public. */
typedef struct minke_relay_options {
    bool serve; /**< be a relay: serve circuit relay v2 to everybody. Default false */
    /** Reservations in all; 0: none are taken. Default 1024 (go 128, js 15): each keeps a connection open, and a
     * quarter of those that a transport takes by default leaves room for the ones that come to call. */
    uint32_t reservations_max;
    /** Of one IPv4 address, or one IPv6 /64, which is what a subscriber gets; 0: no limit. Default 16 (go 8): a NAT
     * hides an office, and it takes 64 addresses to shut everybody else out, as with connections. */
    uint32_t reservations_per_address_max;
    /** How long one lives, in whole seconds, at least one: peers are told so. Default 1 h (go, rust; js 2 h): a refresh
     * costs two small messages, and whoever has gone for good without a word holds a slot no longer than this. */
    minke_time_t reservation_after;
    /** Circuits in all; 0: none are opened. Default 1024: at the limits below they move at most 1.1 MB/s each way. */
    uint32_t circuits_max;
    /** Of one peer, those that it opened and those that were opened to it counted together; 0: no limit. Default 16
     * (go): more would let one peer take what many need, and a browser upgrades a circuit within seconds. */
    uint32_t circuits_per_peer_max;
    /** How long one lives; 0: no limit. Default 120 s (go, js, rust), enough for any exchange of offers. */
    minke_time_t circuit_after;
    /** Bytes in each direction; 0: no limit. Default 131072 (go, js, rust), enough for Noise, offers, candidates and
     * identify. */
    uint64_t circuit_bytes;
} minke_relay_options_t;

/** How a circuit came to its end. */
typedef enum minke_relay_end {
    MINKE_RELAY_ENDED_BY_PEERS = 0, /**< by either of them, or the loss of either connection */
    MINKE_RELAY_ENDED_BY_TIME = 1,  /**< circuit_after */
    MINKE_RELAY_ENDED_BY_BYTES = 2  /**< circuit_bytes */
} minke_relay_end_t;
/** How many there are. */
enum { MINKE_RELAY_ENDS_N = 3 };

/** What a relay has done so far. Arrays by status are in the order of MINKE_RELAY_STATUS_LIST. */
typedef struct minke_relay_statistics {
    uint32_t reservations;                                 /**< held now */
    uint32_t circuits_asking;                              /**< now: the target has not answered yet */
    uint32_t circuits;                                     /**< open now */
    uint64_t reservations_made;                            /**< new ones */
    uint64_t reservations_refreshed;                       /**< that were there already */
    uint64_t reservations_expired;                         /**< not refreshed in time */
    uint64_t reservations_lost;                            /**< gone with their connection */
    uint64_t circuits_opened;                              /**< the target has agreed */
    uint64_t circuits_ended[MINKE_RELAY_ENDS_N];           /**< by minke_relay_end_t */
    uint64_t bytes_relayed;                                /**< in both directions */
    uint64_t reservations_refused[MINKE_RELAY_STATUSES_N]; /**< RESERVE, by status */
    uint64_t circuits_refused[MINKE_RELAY_STATUSES_N];     /**< CONNECT, by status */
    uint64_t requests_refused[MINKE_RELAY_STATUSES_N];     /**< neither of them, by status */
} minke_relay_statistics_t;

#ifdef __cplusplus
}
#endif

#endif
