/*
 * A libp2p host over WebRTC: sockets, time and the standard protocols included.
 *
 *     minke_host_t *host = minke_host_new(NULL);
 *     minke_listen(host, "/ip4/0.0.0.0/udp/9090/webrtc-direct");
 *     minke_handle(host, "/echo/1.0.0");
 *     minke_event_t event;
 *     while (minke_wait(host, &event, -1) == MINKE_OK) ...
 *
 * A host lives on one thread, takes no lock and never calls you: things happen inside minke_wait or minke_poll, and
 * come out as events. Identify and ping are served by the host itself.
 */
#ifndef MINKE_MINKE_H
#define MINKE_MINKE_H

#include <minke/relay.h>
#include <minke/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of this header. */
#define MINKE_VERSION "0.1.0"
/** The version of the library. */
MINKE_API const char *minke_version(void);

/** A host: opaque. Many may live in a process, each on a thread of its own; they share nothing. A child process after
 * fork must not touch it, not even free it: both would speak with the same keys. */
typedef struct minke_host minke_host_t;

/** How datagrams cross the boundary to the system. */
typedef enum minke_udp_batching {
    /** Trains of datagrams as a whole, where the system can cut and join them (Linux: UDP_SEGMENT and UDP_GRO). What
     * it cannot is found out for each socket, and it goes on as with the next. */
    MINKE_UDP_AUTOMATIC = 0,
    MINKE_UDP_MMSG,  /**< many datagrams a call, each by itself (sendmmsg, recvmmsg) */
    MINKE_UDP_SINGLE /**< one datagram a call, as every POSIX system knows it */
} minke_udp_batching_t;

/** How a host is made. Fill it with minke_host_defaults, then change what you need. */
typedef struct minke_host_options {
    size_t size;                         /**< sizeof of this structure, set by minke_host_defaults */
    minke_transport_options_t transport; /**< identity, memory, limits, times: see minke/transport.h */
    const char *agent;   /**< what identify says we are; copied. Default "minke/" MINKE_VERSION. At most 128 bytes */
    bool serve_perf;     /**< serve /perf/1.0.0: whoever connects can make us send. Default false */
    bool identify;       /**< ask every peer who it is when it connects. Default true */
    const char *ca_file; /**< wss: a PEM file of certificates that are trusted besides the system's authorities, read
                            when the first /wss is dialled; the name is copied. Default NULL: none besides */
    const char *dns_servers; /**< whom to ask for names, such as "127.0.0.1:5353,[::1]:53", instead of the system's
                                servers and without its search list; the hosts file counts in any case. Copied.
                                Default NULL: the system's */
    const minke_address_t
        *stun_servers; /**< asked for our address as others see it, when a private connection is made
                          (/p2p-circuit/webrtc): up to MINKE_STUN_SERVERS_MAX, copied. Default NULL: nobody is asked,
                          and peers behind NATs are found only from outside of them */
    size_t stun_servers_n;
    minke_relay_options_t relay; /**< be a circuit relay, and its limits. Default: none, and those of a public one */
    minke_udp_batching_t udp_batching; /**< the best way that may be tried. Default MINKE_UDP_AUTOMATIC; the others are
                                          slower, and there for tests, measurements, and systems that break trains */
    uint32_t spin_us; /**< microseconds that minke_wait looks again and again before it sleeps: to wake a process takes
                         longer than all the rest of a short way. It takes a core of its own. Default 0: it sleeps */
} minke_host_options_t;

/** Fills in every default, `size` included. */
MINKE_API void minke_host_defaults(minke_host_options_t *options);

/** A host, or NULL: out of memory or descriptors, or options that cannot be used (those of minke_transport_new, a key
 * among them; `agent` too long; another `size`). `options` NULL: all defaults. */
MINKE_API minke_host_t *minke_host_new(const minke_host_options_t *options);

/** Says goodbye to every peer, once and without waiting, and frees all, what is unsent too. NULL is allowed. */
MINKE_API void minke_host_free(minke_host_t *host);

/** What has happened, and which fields of the event say more. */
typedef enum minke_event_type {
    MINKE_EVENT_LISTENING = 1,   /**< `addr`: a full multiaddr that can be dialled now */
    MINKE_EVENT_LISTEN_FAILED,   /**< `addr`: what was asked for; `close.text`: why not */
    MINKE_EVENT_CONNECTED,       /**< `connection`, `peer`, `addr` (the remote's), `inbound`, `limited`. Also for a
                                      relay that a dial or a listener had to connect to: compare `connection` */
    MINKE_EVENT_DISCONNECTED,    /**< `connection`, `peer` ("" if it never got that far), `inbound`, `close` */
    MINKE_EVENT_IDENTIFIED,      /**< `connection`, `peer`: minke_identify_get has news */
    MINKE_EVENT_STREAM_OPENED,   /**< `connection`, `stream`, `protocol`, `inbound`: negotiated */
    MINKE_EVENT_STREAM_READABLE, /**< `stream`: something changed, read until told to stop */
    MINKE_EVENT_STREAM_WRITABLE, /**< `stream`: something changed, write until told to stop */
    MINKE_EVENT_STREAM_CLOSED, /**< `stream`, `error` as for transport streams, MINKE_ERROR_UNSUPPORTED: the remote does
                                   not speak the protocol. The last event of a stream */
    MINKE_EVENT_LISTEN_CLOSED  /**< `addr`: it can no longer be dialled, a relay's for one; `close`: why. It comes back
                                  by  itself as LISTENING if it can */
} minke_event_type_t;

/** Fields that a type does not name are zero or NULL. Strings are valid until the next minke_wait or minke_poll. */
typedef struct minke_event {
    minke_event_type_t type;
    minke_connection_t connection; /**< with every event but LISTENING and LISTEN_FAILED */
    minke_stream_t stream;         /**< with the STREAM events */
    const char *addr;              /**< a multiaddr */
    const char *peer;              /**< a peer id, base58btc; authenticated */
    const char *protocol;          /**< as in minke_handle or minke_open */
    bool inbound;                  /**< the remote dialled, or opened the stream */
    bool limited;        /**< CONNECTED: over a relay that limits its time or bytes; see minke_allow_limited */
    int error;           /**< STREAM_CLOSED: MINKE_OK or why */
    uint32_t error_code; /**< STREAM_CLOSED by reset: the remote's code, 0 if it gave none */
    minke_close_t close; /**< why not, or why no longer */
    void *user;          /**< what you set on the stream; with the events of a connection, on that */
} minke_event_t;

/**
 * Waits for the next event, at most `timeout_ms` (negative: for ever).
 * @return MINKE_OK: `event` is filled in; MINKE_ERROR_TIMEOUT; MINKE_ERROR_AGAIN: a signal handler has run while it
 *         waited, call it again; MINKE_ERROR_SYSTEM: waiting is impossible (errno), which only a closed descriptor
 *         explains.
 */
MINKE_API MINKE_MUST_USE int minke_wait(minke_host_t *host, minke_event_t *event, int timeout_ms);

/** The same without waiting: MINKE_OK or MINKE_ERROR_AGAIN. Call it until AGAIN whenever minke_fd is readable or
 * minke_timeout has passed, and after calls that make something to send. Under load AGAIN may be long in coming: a loop
 * with other things to do may stop after some events, minke_timeout is then 0. */
MINKE_API MINKE_MUST_USE int minke_poll(minke_host_t *host, minke_event_t *event);

/** For a loop of your own: readable when there is something to do. Valid as long as the host; do not read from it. */
MINKE_API int minke_fd(const minke_host_t *host);
/** Milliseconds until minke_poll must be called even if the descriptor is quiet; -1: no need; 0: now, an event or
 * something to send waits. Ask again after every turn and after every call: almost each of them changes it. Parts of a
 * millisecond are rounded up, which is late for a sender that paces itself: see minke_timeout_us. */
MINKE_API int minke_timeout(const minke_host_t *host);
/** The same in microseconds, for a loop that can wait so exactly; minke_wait does, where the system can. */
MINKE_API int64_t minke_timeout_us(const minke_host_t *host);

/**
 * Listens on /ip4|ip6/../udp/../webrtc-direct, /tcp/.. or /tcp/../ws; port 0 takes any, an unspecified address all
 * interfaces. LISTENING events follow, one for each address, or LISTEN_FAILED (the port is taken, no such address
 * here).
 * @return MINKE_OK; MINKE_ERROR_MALFORMED: no multiaddr; MINKE_ERROR_ADDRESS: not one of this form;
 *         MINKE_ERROR_NO_MEMORY.
 */
MINKE_API MINKE_MUST_USE int minke_listen(minke_host_t *host, const char *multiaddr);

/** Announces these instead of the interfaces' own addresses from now on, as the outside sees the listeners (port
 * forwarding, cloud, a proxy that does TLS): each stands for the listeners of its kind and family, /dns and /wss ones
 * for all of TCP or WebSocket. Call it before minke_listen; several calls add up, to eight. MINKE_ERROR_MALFORMED;
 * MINKE_ERROR_ADDRESS: of no form that can be dialled, or without address or port; MINKE_ERROR_LIMIT. */
MINKE_API MINKE_MUST_USE int minke_announce(minke_host_t *host, const char *multiaddr);

/** Serves a protocol from now on: STREAM_OPENED tells of each stream. `protocol` is copied, and has no newline.
 * MINKE_ERROR_EXISTS: served already, perhaps by the host; MINKE_ERROR_INVALID: empty or longer than 255 bytes;
 * MINKE_ERROR_NO_MEMORY. */
MINKE_API MINKE_MUST_USE int minke_handle(minke_host_t *host, const char *protocol);

/** Lets a protocol run on limited connections too, those over a relay that allows a peer two minutes and 128 KiB, say:
 * inbound, where it is refused otherwise, and by minke_open. Identify and ping may anyway, perf may not.
 * MINKE_ERROR_INVALID as for minke_handle; MINKE_ERROR_NO_MEMORY. */
MINKE_API MINKE_MUST_USE int minke_allow_limited(minke_host_t *host, const char *protocol);

/** Dials one address; see minke_dial_any. */
MINKE_API MINKE_MUST_USE int minke_dial(minke_host_t *host, const char *multiaddr, int version,
                                        minke_connection_t *connection);
/**
 * Dials a peer at one or several of its addresses, up to MINKE_DIAL_ADDRESSES_MAX. CONNECTED or DISCONNECTED follows.
 * They may be of any kind: webrtc-direct (see minke_transport_dial, and `version`), /tcp/.., /tcp/../ws, /tcp/../wss or
 * /tls/ws with a certificate that this machine trusts, with /dns, /dns4 or /dns6 instead of the IP address,
 * /dnsaddr/.., over a relay: RELAY/p2p-circuit/p2p/PEER with any of these as RELAY, and by its help directly:
 * RELAY/p2p-circuit/webrtc/p2p/PEER (WebRTC between peers that nobody can dial). The relay is connected to first
 * where there is no connection to it.
 *
 * Where all are webrtc-direct the first that answers is it; otherwise they are tried 250 ms apart, or at once when one
 * fails, and the first that proves who it is wins.
 * @return as minke_transport_dial.
 */
MINKE_API MINKE_MUST_USE int minke_dial_any(minke_host_t *host, const char *const *multiaddrs, size_t count,
                                            int version, minke_connection_t *connection);
/** Ends a connection. DISCONNECTED follows. */
MINKE_API int minke_close(minke_host_t *host, minke_connection_t connection);

/** Opens a stream for a protocol. Up to 256 KiB may be written at once (4 MiB on all such streams of a connection);
 * they leave when the remote has agreed. STREAM_OPENED tells that it has, STREAM_CLOSED with MINKE_ERROR_UNSUPPORTED
 * that it does not. Errors as for minke_transport_open, and MINKE_ERROR_INVALID: `protocol` is longer than 255 bytes.
 * It is copied. MINKE_ERROR_LIMITED: see minke_allow_limited. */
MINKE_API MINKE_MUST_USE int minke_open(minke_host_t *host, minke_connection_t connection, const char *protocol,
                                        minke_stream_t *stream);

/*
 * These are the stream calls of minke/transport.h; only the arguments differ. What they make ready to send leaves with
 * the next minke_wait or minke_poll. MINKE_ERROR_STALE also for streams that the host itself uses.
 */

/** Takes what fits, never blocks: bytes taken, or MINKE_ERROR_AGAIN and STREAM_WRITABLE follows; the other errors are
 * those of minke_transport_write. */
MINKE_API MINKE_MUST_USE ssize_t minke_stream_write(minke_host_t *host, minke_stream_t stream, const void *data,
                                                    size_t len);
/** Shows the next bytes: how many, 0 at the end, or an error, as minke_transport_peek. They are valid until this stream
 * is consumed, stopped or reset, its connection closed, or the next minke_wait or minke_poll. */
MINKE_API MINKE_MUST_USE ssize_t minke_stream_peek(minke_host_t *host, minke_stream_t stream, const uint8_t **data);
/** Drops bytes that were peeked at; only this makes room for more. As minke_transport_consume. */
MINKE_API int minke_stream_consume(minke_host_t *host, minke_stream_t stream, size_t len);
/** Ends our direction after what was written. As minke_transport_finish. */
MINKE_API int minke_stream_finish(minke_host_t *host, minke_stream_t stream);
/** Ends both directions at once, with a code for the remote. As minke_transport_reset. */
MINKE_API int minke_stream_reset(minke_host_t *host, minke_stream_t stream, uint32_t code);
/** Wants no more of what the remote sends. As minke_transport_stop. */
MINKE_API int minke_stream_stop(minke_host_t *host, minke_stream_t stream, uint32_t code);

/** Hangs something of yours on a stream: each of its events from now on carries it in `user`, so that you need no table
 * of streams. The host does not look at it; STREAM_CLOSED is the last event that has it, and the place to free it.
 * MINKE_ERROR_STALE. */
MINKE_API int minke_stream_set_user(minke_host_t *host, minke_stream_t stream, void *user);
/** What was set; NULL: nothing, or the stream has ended. */
MINKE_API void *minke_stream_user(const minke_host_t *host, minke_stream_t stream);
/** The same for a connection, from CONNECTED to DISCONNECTED. MINKE_ERROR_STALE, also before CONNECTED. */
MINKE_API int minke_connection_set_user(minke_host_t *host, minke_connection_t connection, void *user);
/** What was set; NULL: nothing, or the connection is not up. */
MINKE_API void *minke_connection_user(const minke_host_t *host, minke_connection_t connection);

/** What a peer said of itself, and nobody has checked. Strings and arrays are valid until the next minke_wait or
 * minke_poll, or the next minke_identify_get. */
typedef struct minke_identify_info {
    const char *agent;            /**< "" if it gave none */
    const char *protocol_version; /**< "" if it gave none */
    const char *observed;         /**< our address as it sees us, "" if it did not say */
    const char *const *protocols; /**< what it serves */
    size_t protocols_n;           /**< at most 128; what is more is left out */
    const char *const *addresses; /**< where it listens, as multiaddrs */
    size_t addresses_n;           /**< at most 32; what is more is left out */
} minke_identify_info_t;

/** What the peer of a connection said last. MINKE_ERROR_STATE before its IDENTIFIED event; MINKE_ERROR_STALE;
 * MINKE_ERROR_NO_MEMORY. */
MINKE_API MINKE_MUST_USE int minke_identify_get(minke_host_t *host, minke_connection_t connection,
                                                minke_identify_info_t *info);

/** Our peer id, base58btc. */
MINKE_API void minke_self(const minke_host_t *host, char text[MINKE_PEER_BYTES]);
/** The peer id of a remote, base58btc. MINKE_ERROR_STATE before CONNECTED. */
MINKE_API MINKE_MUST_USE int minke_peer(const minke_host_t *host, minke_connection_t connection,
                                        char text[MINKE_PEER_BYTES]);
/** The connections that there are; see minke_transport_connections. */
MINKE_API size_t minke_connections(const minke_host_t *host, minke_connection_t *connections, size_t capacity);
/** Shows packets to this tap from now on; NULL: to none. */
MINKE_API void minke_tap(minke_host_t *host, const minke_tap_t *tap);
/** Figures of one connection, and counters of all. Times in figures, trace and packets are CLOCK_MONOTONIC's. */
MINKE_API MINKE_MUST_USE int minke_stats(const minke_host_t *host, minke_connection_t connection,
                                         minke_connection_stats_t *stats);
/** What a relay has done so far, valid as long as the host; NULL: it is none. */
MINKE_API const minke_relay_statistics_t *minke_relay_stats(const minke_host_t *host);
/** Bytes that count against memory_max now: see minke_transport_memory. */
MINKE_API size_t minke_memory(const minke_host_t *host);
/** The counters since the host was made. Valid as long as it. */
MINKE_API const minke_counters_t *minke_counters(const minke_host_t *host);

/**
 * Serves what the host knows of itself over HTTP from now on: /metrics in the text format of Prometheus
 * (docs/metrics.md explains each), / as a page for people. Anybody who reaches this address can read it, though not who
 * the peers are.
 * @param where HOST:PORT, HOST an IP address, that of IPv6 in brackets: "127.0.0.1:9464", "[::1]:0"; port 0 is any.
 * @return MINKE_OK; MINKE_ERROR_MALFORMED: not of this form; MINKE_ERROR_EXISTS: served already; MINKE_ERROR_SYSTEM:
 *         errno says why not, the port is taken for one; MINKE_ERROR_NO_MEMORY.
 */
MINKE_API MINKE_MUST_USE int minke_serve_metrics(minke_host_t *host, const char *where);
/** Where they are served, as HOST:PORT with the port that was taken, and a terminator. The longest has 72 bytes.
 * @return its length; MINKE_ERROR_STATE: they are not; MINKE_ERROR_NO_SPACE. */
MINKE_API MINKE_MUST_USE ssize_t minke_metrics_address(const minke_host_t *host, char *text, size_t capacity);

/* ---- keys ---- */

/** Makes a new Ed25519 identity: a serialized libp2p PrivateKey. Returns its length; MINKE_ERROR_NO_SPACE (128 bytes
 * are enough); MINKE_ERROR_CRYPTO. */
MINKE_API MINKE_MUST_USE ssize_t minke_key_new(uint8_t *out, size_t capacity);
/** The peer id that belongs to a serialized PrivateKey, and the name of its type ("Ed25519"). `type` may be NULL.
 * MINKE_ERROR_MALFORMED; MINKE_ERROR_UNSUPPORTED; MINKE_ERROR_NO_MEMORY. */
MINKE_API MINKE_MUST_USE int minke_key_peer(const uint8_t *key, size_t len, char text[MINKE_PEER_BYTES],
                                            const char **type);
/** Its certhash, multibase: what a listener with this key announces. `out` of 64 bytes is enough. */
MINKE_API MINKE_MUST_USE int minke_key_certhash(const uint8_t *key, size_t len, char *out, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
