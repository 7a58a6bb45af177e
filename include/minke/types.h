/* The small types that every other public header is written in. */
#ifndef MINKE_TYPES_H
#define MINKE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <minke/counters.h>
#include <minke/error.h>
#include <minke/export.h>
#include <minke/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An instant: microseconds on a monotonic clock of the caller's choice. Every call that can move time takes one. */
typedef uint64_t minke_time_t;

/** No instant: nothing is due. */
#define MINKE_TIME_NEVER UINT64_MAX

/** A connection: a number with a generation. A number that has died stays invalid and is never reused. 0 is none. */
typedef uint64_t minke_connection_t;

/** A stream of any connection, likewise. */
typedef uint64_t minke_stream_t;

/** A UDP socket that the transport has asked for, likewise. */
typedef uint32_t minke_socket_t;

/** Address families. The values are our own, not the system's. MINKE_FAMILY_NONE: no address. */
enum { MINKE_FAMILY_NONE = 0, MINKE_FAMILY_IP4 = 4, MINKE_FAMILY_IP6 = 6 };

/** An IP address with a UDP port. Unused bytes must be zero, so that equal addresses are equal bytes. */
typedef struct minke_address {
    uint8_t ip[16];     /**< network byte order; the first four bytes for IPv4 */
    uint32_t scope;     /**< IPv6 interface index of a link-local address, otherwise 0 */
    uint16_t port;      /**< host byte order */
    uint8_t family;     /**< MINKE_FAMILY_* */
    uint8_t reserved_0; /**< zero */
} minke_address_t;

/** What decides how much a connection sends at once, and how fast. Each is fair to the others of its kind. */
typedef enum minke_congestion_control {
    MINKE_CONGESTION_CUBIC = 0, /**< RFC 9438, as TCP on most systems. The default */
    MINKE_CONGESTION_NEW_RENO,  /**< RFC 9260 7.2: slower to return to what it had on long, fast paths */
    MINKE_CONGESTION_BBR        /**< a model of the path, draft-ietf-ccwg-bbr: for paths that lose packets without being
                                   full, where the others find a fraction of the rate. Experimental: it takes more than
                                   its share beside them where queues are short */
} minke_congestion_control_t;

/** Between what a datagram travels. */
typedef struct minke_path {
    minke_socket_t socket;  /**< over which of the sockets that the transport asked for */
    minke_address_t local;  /**< our address; its `ip` is all zero where the system is to choose it */
    minke_address_t remote; /**< the other end's */
} minke_path_t;

/**
 * Datagrams of equal size that travel together: `len` bytes, cut every `segment_len` bytes; the last one may be
 * shorter. One datagram has `segment_len == len`. A train out is one UDP_SEGMENT send, a train in one UDP_GRO receive.
 * It only points at the bytes: they belong to whoever owns the buffer.
 */
typedef struct minke_train {
    uint8_t *data;
    size_t len;         /**< bytes in all */
    size_t segment_len; /**< bytes of one datagram, 1 to `len` */
} minke_train_t;

/**
 * Where memory comes from. It is called from inside the transport's calls, on their thread, and must not call back into
 * the library. NULL from it is an ordinary failure: at most one connection ends. OpenSSL's memory does not come from
 * here (see CRYPTO_set_mem_functions).
 */
typedef struct minke_allocator {
    void *user; /**< handed to `reallocate` */
    /** As realloc: `memory` NULL allocates, aligned as by malloc; `size` 0 frees `memory` and returns NULL. */
    void *(*reallocate)(void *user, void *memory, size_t size);
} minke_allocator_t;

/** Where randomness comes from. Keys of DTLS are OpenSSL's own all the same. */
typedef struct minke_random {
    void *user;                                         /**< handed to `fill` */
    void (*fill)(void *user, uint8_t *out, size_t len); /**< fills `len` bytes, fit for keys; it cannot fail */
} minke_random_t;

/** The layers of a connection, lowest first. Every failure names one. */
typedef enum minke_layer {
    MINKE_LAYER_NONE = 0, /**< no layer, or one that is not known */
    MINKE_LAYER_NETWORK,  /**< sockets of this machine */
    MINKE_LAYER_ICE,      /**< connectivity checks, consent (RFC 8445, RFC 7675) */
    MINKE_LAYER_DTLS,     /**< handshake and records (RFC 6347) */
    MINKE_LAYER_SCTP,     /**< the association (RFC 9260) */
    MINKE_LAYER_STREAM,   /**< data channels and the frames on them (RFC 8832, libp2p WebRTC) */
    MINKE_LAYER_RELAY,    /**< what a relay says of a circuit or a reservation (circuit relay v2) */
    MINKE_LAYER_NOISE,    /**< who the remote is (libp2p Noise) */
    MINKE_LAYER_HOST      /**< everything above, the application included */
} minke_layer_t;

/** The lower-case name of a layer ("dtls"), never NULL, valid for ever. */
MINKE_API const char *minke_layer_name(minke_layer_t layer);

/** One line of trace. Strings are valid during the call only. Secrets never appear. */
typedef struct minke_trace_event {
    minke_time_t at;
    minke_connection_t connection; /**< 0 when it concerns none */
    minke_layer_t layer;
    minke_trace_id_t id; /**< which of MINKE_TRACE_LIST (minke/trace.h), where all are explained */
    minke_trace_level_t level;
    const char *name;   /**< the word that belongs to `id`, such as "handshake_done": stable, unique in its layer */
    const char *detail; /**< for people; may be empty, never NULL */
    uint64_t value;     /**< a number that belongs to the name; 0 if none does */
} minke_trace_event_t;

/** Where trace goes. `event` NULL: nowhere, at the price of one branch. It must not call back into the library. */
typedef struct minke_trace {
    void *user;
    void (*event)(void *user, const minke_trace_event_t *event);
} minke_trace_t;

/** What a tap sees. */
typedef enum minke_packet_kind {
    MINKE_PACKET_DATAGRAM = 1, /**< a UDP payload as it crosses the transport's boundary: STUN, or DTLS records */
    MINKE_PACKET_SCTP = 2      /**< an SCTP packet in the clear, common header and CRC32c included */
} minke_packet_kind_t;

/** A packet, as handed to a tap. What the pointers show is valid during the call only. */
typedef struct minke_packet {
    minke_time_t at;
    minke_packet_kind_t kind;
    bool received; /**< false: it is about to be sent */
    /** 0: it belongs to no connection, or to none yet. */
    minke_connection_t connection;
    const minke_path_t *path; /**< its local address may be unspecified when sending: see minke_path_t */
    const uint8_t *data;
    size_t len;
} minke_packet_t;

/**
 * Where copies of packets go. `packet` NULL: nowhere, at the price of one branch a packet. It must not call back into
 * the library. What it is shown is everything that the application sends and receives, in the clear: treat it as the
 * secret that it is. A packet that is sent comes first in the clear, then as the datagram that carries it; a received
 * one the other way round.
 */
typedef struct minke_tap_t {
    void *user;
    void (*packet)(void *user, const minke_packet_t *packet);
} minke_tap_t;

/** Why a connection has ended. */
typedef struct minke_close_t {
    minke_layer_t layer; /**< which noticed it: a goodbye of the remote's is seen by MINKE_LAYER_SCTP, cause 12 */
    int code;       /**< of that layer: a DTLS alert, an SCTP error cause; else a negative MINKE_ERROR_*; 0: orderly */
    bool by_remote; /**< the remote began it */
    char text[192]; /**< a sentence for people, terminated */
} minke_close_t;

#ifdef __cplusplus
}
#endif

#endif
