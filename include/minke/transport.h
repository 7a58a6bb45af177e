/*
 * The transport: webrtc-direct without any I/O, for programs that own their loop, their sockets or their libp2p host.
 *
 * Nothing here opens a socket, reads a clock or calls the application. The caller
 *
 *   - hands in datagrams and time:   minke_transport_recv, minke_transport_tick
 *   - sends what comes out:          minke_transport_transmit, until it returns 0
 *   - drains events:                 minke_transport_event, until it returns false
 *   - sleeps until                   minke_transport_deadline, or until a datagram arrives
 *
 * in that order after everything it does, on one thread; sending and draining by turns until neither has more, since
 * what is done at an event makes something to send, and sending makes room, which is an event. Connections and streams
 * are numbers; a stale number is an error, never a crash.
 */
#ifndef MINKE_TRANSPORT_H
#define MINKE_TRANSPORT_H

#include <minke/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A transport: opaque. Many may live in a process, each on a thread of its own; they share nothing. */
typedef struct minke_transport minke_transport_t;

/** Sizes that every multiaddr and every peer id of ours fits in, terminator included. */
enum { MINKE_ADDR_BYTES = 1024, MINKE_PEER_BYTES = 64 };

/** A datagram buffer of this size takes everything that the transport wants to send at once. */
enum { MINKE_TRAIN_BYTES = 65536 };

/**
 * How a transport is made. Fill it with minke_transport_defaults, then change what you need.
 * Functions and what they point to must outlive the transport; keys are copied.
 */
typedef struct minke_transport_options {
    size_t size; /**< sizeof of this structure, set by minke_transport_defaults: how a later library knows yours */

    minke_allocator_t allocator; /**< default: realloc and free of the C library */
    minke_random_t random;       /**< default: OpenSSL's generator */
    minke_trace_t trace;         /**< default: none */
    minke_tap_t tap;             /**< default: none; minke_transport_tap changes it later */

    /** The identity: a serialized libp2p PrivateKey of any of the four types. NULL: see `public_key`. The certificate,
     * and so the certhash of every address, follows from it: one key, one address. */
    const uint8_t *private_key;
    size_t private_key_len; /**< bytes */
    /** An identity whose private key is elsewhere: a serialized PublicKey and a function that signs. Both NULL: a fresh
     * Ed25519 identity. With a signer the certhash is another one at every start. */
    const uint8_t *public_key;
    size_t public_key_len; /**< bytes */
    /** Signs `message`, writing at most `capacity` bytes and returning how many, or a negative error, which ends the
     * connection in set-up. It is called inside recv, tick and transmit, which wait for it, by the first connection. */
    ssize_t (*sign)(void *user, const uint8_t *message, size_t len, uint8_t *signature, size_t capacity);
    void *sign_user; /**< handed to `sign` */

    uint32_t connections_max; /**< connections at once, both directions. Default 4096 */
    /** Inbound connections at once, in set-up or up, from one IPv4 address or one IPv6 /64, counted where they came
     * from first. Default 64: an office or a home behind one NAT, where a page opens one or two, and yet 64 addresses
     * are needed to fill connections_max. Raise it behind a proxy that gives every client its own address. */
    uint32_t connections_per_address_max;
    uint32_t handshakes_max;      /**< inbound connections that have not completed Noise. Default 128, as go-libp2p */
    uint32_t strangers_max;       /**< addresses that sent a check and nothing more yet. Default 1024 */
    uint32_t inbound_streams_max; /**< per connection; further ones are reset. Default 512 */
    /** Per connection, opened by us; further ones are MINKE_ERROR_LIMIT. Default 510, and never more: peers know ids
     * below 1024 only, and half of them are the remote's. */
    uint32_t outbound_streams_max;
    /** Bytes per connection, received and not yet consumed: 16 KiB to 1 GiB. Default 8 MiB, which 100 Mbit/s over 600
     * ms need. A connection begins with 2 MiB at most and is given more as the application consumes, four times what
     * that is in a round trip; who does not read is not sent more. At most a quarter of connection_memory_max is
     * announced. */
    uint32_t receive_window;
    /** Bytes per stream, written and not yet sent: from 16 KiB. Default 4 MiB. A stream takes 256 KiB of it (over byte
     * connections never more), and where the path takes more in a round trip as much as that, shared by the streams of
     * the connection: at most 8 MiB for all, and a quarter of connection_memory_max. */
    uint32_t send_buffer;
    minke_congestion_control_t congestion; /**< how fast connections send. Default MINKE_CONGESTION_CUBIC */

    /**
     * The largest IP packet that is sent, bytes: 1280 to 65535 (of which a DTLS record fills 16384). Default 1280,
     * which every path carries; a host's is 1500, an Ethernet's. Above 1280 connections that move data try larger
     * packets, with padding, and use what the remote has acknowledged (RFC 8899). Who sets it must obey
     * minke_transport_fragmentation, or sizes may be found that the system cuts into pieces.
     */
    uint32_t mtu_max;

    /**
     * Bytes that one connection may hold: its state (7 KiB, a host's part included), its streams (1 KiB each), what is
     * unread and what is not acknowledged. OpenSSL's own memory is not seen: a handshake counts 80 KiB for it. Default
     * 32 MiB: a quarter each for what is unread, in flight and unsent, and one for what they cost besides. At least
     * 256 KiB.
     *
     * Well before it is reached writes take nothing (MINKE_ERROR_AGAIN), the receive window shrinks and streams are
     * refused. An allocation beyond it fails and ends the connection: MINKE_ERROR_NO_MEMORY in `close`.
     */
    size_t connection_memory_max;
    /**
     * The same of the whole transport, and of a host on it: connections, tables, buffers. Default 1 GiB: 4096 idle
     * connections take 32 MiB of it. At least 4 MiB, and not less than connection_memory_max.
     *
     * A connection may hold an eighth of what is left at most, so that many greedy ones leave room for a modest one.
     * With less than 1/32 left nobody new is accepted, and dials are MINKE_ERROR_LIMIT.
     */
    size_t memory_max;

    minke_time_t handshake_after; /**< set-up must be done by then. Default 10 s for inbound, as go and js */
    minke_time_t dial_after;      /**< the same for a dial. Default 15 s */
    minke_time_t silent_after;    /**< nothing authentic received this long ends a connection. Default 30 s */

    /** Be a STUN server too: a Binding Request without USERNAME (RFC 8489) to a listening socket is told the address
     * that it came from. Default false: it is refused, as strangers are whom nobody has asked for. Takes 270 KiB. */
    bool serve_stun;
    /** Such answers per second, to all: 1 to 1,000,000. Default 1000, which is some 100 KB/s. Requests may come from
     * addresses that are not the sender's: one IPv4 address or IPv6 /64 is answered 10 times at once, then 5 times per
     * second, and no answer is more than 24 bytes larger than its request. What is over the limits is dropped. */
    uint32_t stun_per_second_max;
} minke_transport_options_t;

/** Fills in every default, `size` included. */
MINKE_API void minke_transport_defaults(minke_transport_options_t *options);

/**
 * Makes a transport. `options` NULL: all defaults.
 * @return MINKE_OK; MINKE_ERROR_NO_MEMORY; MINKE_ERROR_MALFORMED or MINKE_ERROR_UNSUPPORTED for a key that cannot be
 *         used; MINKE_ERROR_INVALID for options out of range or of another size (not filled by
 *         minke_transport_defaults, or by that of another version); MINKE_ERROR_CRYPTO if OpenSSL refuses to work.
 *         Nothing is left behind then, and `*out` is unchanged.
 */
MINKE_API MINKE_MUST_USE int minke_transport_new(const minke_transport_options_t *options, minke_transport_t **out);

/** Ends everything without a word to the remotes (close connections first to say goodbye). NULL is allowed. */
MINKE_API void minke_transport_free(minke_transport_t *transport);

/* ---- input ---- */

/**
 * Hands in datagrams that arrived together from one address. The bytes are changed (decrypted in place) and not needed
 * afterwards. `path->local` is the address that they were sent to, with the port that the socket is bound to: answers
 * leave from there.
 * @return MINKE_OK, also when they were dropped; MINKE_ERROR_NOT_MINE when the first byte says that they belong to
 *         another protocol on the same port (RFC 7983: QUIC, TURN, RTP): nothing was touched.
 */
MINKE_API int minke_transport_recv(minke_transport_t *transport, const minke_train_t *train, const minke_path_t *path,
                                   minke_time_t now);

/** Lets time pass: call at the deadline, or at any time. `now` never goes back. */
MINKE_API void minke_transport_tick(minke_transport_t *transport, minke_time_t now);

/** When minke_transport_tick is due next; MINKE_TIME_NEVER: not before something else happens. */
MINKE_API minke_time_t minke_transport_deadline(const minke_transport_t *transport);

/* ---- output ---- */

/**
 * The next datagrams to send, built in the caller's buffer of at least MINKE_TRAIN_BYTES (with less nothing is).
 * `train` points into it; `path` says over which socket it goes, to whom, and where the `ip` of `local` is not zero,
 * from where. When the socket has no room keep the train, stop asking, and send it first when there is.
 *
 * @return how many datagrams; 0: nothing now. `train` and `path` say what goes where. A send that fails is a lost
 *         datagram: carry on (but see minke_transport_unreachable).
 */
MINKE_API MINKE_MUST_USE size_t minke_transport_transmit(minke_transport_t *transport, uint8_t *buffer, size_t capacity,
                                                         minke_train_t *train, minke_path_t *path, minke_time_t now);

/** What the system may do with a datagram that does not fit the path. */
typedef enum minke_fragmentation {
    MINKE_FRAGMENT_USUAL = 0, /**< it should fit: best with DF and an error where the system knows better
                                 (IP_PMTUDISC_DO), or as any UDP socket does it */
    MINKE_FRAGMENT_NEVER,     /**< it tries whether it fits: with DF, and an error rather than pieces */
    MINKE_FRAGMENT_ALLOWED    /**< it does not fit any more and cannot be made anew: without DF (IP_PMTUDISC_DONT). Over
                                 IPv6, where only the sender cuts, and not without being told, this hardly comes up */
} minke_fragmentation_t;

/** How to send what minke_transport_transmit gave last. Never anything but USUAL where mtu_max is 1280. */
MINKE_API minke_fragmentation_t minke_transport_fragmentation(const minke_transport_t *transport);

/** The system refused datagrams of `len` bytes, each, for their size (EMSGSIZE). They count as lost, and what follows
 * is smaller, or ALLOWED where it is as small as can be. */
MINKE_API void minke_transport_too_large(minke_transport_t *transport, const minke_path_t *path, size_t len,
                                         minke_time_t now);

/** What has happened, and which fields of the event say more. */
typedef enum minke_transport_event_type {
    /** Open a UDP socket bound to `address`, then call minke_transport_socket_opened or _failed. */
    MINKE_TRANSPORT_SOCKET_OPEN = 1,
    /** Close that socket. */
    MINKE_TRANSPORT_SOCKET_CLOSE,
    /** `connection` is up and authenticated: minke_transport_peer tells whose. */
    MINKE_TRANSPORT_CONNECTED,
    /** `connection` has ended, or a dial failed; `close` says why. Its number is stale from now on. The last events of
     * its streams come before: those that the remote had finished stay readable until they are read, or nobody has read
     * for 60 s; those of a connection that minke_transport_close ends do not. */
    MINKE_TRANSPORT_CLOSED,
    /** The remote opened `stream`. */
    MINKE_TRANSPORT_STREAM_OPENED,
    /** Something can be read from `stream`: bytes, its end, or an error. */
    MINKE_TRANSPORT_STREAM_READABLE,
    /** `stream` takes bytes again, or never will. */
    MINKE_TRANSPORT_STREAM_WRITABLE,
    /** The last event of `stream`: finished both ways (error MINKE_OK), reset (MINKE_ERROR_STREAM_RESET), or gone with
     * its connection (MINKE_ERROR_CONNECTION_CLOSED). Its number is stale from the next minke_transport_event on. */
    MINKE_TRANSPORT_STREAM_CLOSED,
    /** A private connection has something for the other side: carry `text` there, where minke_transport_signal takes
       it. */
    MINKE_TRANSPORT_SIGNAL
} minke_transport_event_type_t;

/** What two private peers tell each other; the numbers are those of /webrtc-signaling/0.0.1. */
typedef enum minke_signal {
    MINKE_SIGNAL_OFFER = 0,    /**< a session description (SDP), from whoever begins */
    MINKE_SIGNAL_ANSWER = 1,   /**< a session description, to it */
    MINKE_SIGNAL_CANDIDATE = 2 /**< an ICE candidate, as the JSON text of RTCIceCandidate */
} minke_signal_t;

/** Which fields hold something is said at each type; the others are zero. */
typedef struct minke_transport_event_t {
    minke_transport_event_type_t type;
    minke_socket_t socket;
    minke_connection_t connection;
    minke_stream_t stream;
    minke_address_t address; /**< SOCKET_OPEN: what to bind; port 0 is any, an `ip` of zeros every address */
    bool inbound;            /**< CONNECTED, CLOSED: the remote dialled */
    int error;               /**< STREAM_CLOSED */
    uint32_t error_code;     /**< STREAM_CLOSED by reset: the remote's code, 0 if it gave none */
    minke_close_t close;     /**< CLOSED */
    minke_signal_t signal;   /**< SIGNAL */
    const char *text;        /**< SIGNAL: terminated, valid until the next minke_transport_event */
} minke_transport_event_t;

/** The next event. At most one of each type is pending per stream, so their number is bounded however late you ask.
 * False: none. */
MINKE_API MINKE_MUST_USE bool minke_transport_event(minke_transport_t *transport, minke_transport_event_t *event);

/* ---- sockets ---- */

/**
 * The IP address and port of /ip4|ip6/../udp/../webrtc-direct, as minke_transport_listen wants them; what follows there
 * (certhash, peer) is checked and left out. minke/loop.h has the way from and to the system's socket addresses.
 * @return MINKE_OK; MINKE_ERROR_MALFORMED, _UNSUPPORTED or _TOO_LARGE: no multiaddr that we can read;
 *         MINKE_ERROR_ADDRESS: one of another kind. `address` is then left alone.
 */
MINKE_API MINKE_MUST_USE int minke_address_parse(const char *multiaddr, minke_address_t *address);

/**
 * Asks for a listening socket on an IP address and port (0: any). A SOCKET_OPEN event follows.
 * @return MINKE_OK and the socket's number; MINKE_ERROR_INVALID: no address family; MINKE_ERROR_NO_MEMORY.
 */
MINKE_API MINKE_MUST_USE int minke_transport_listen(minke_transport_t *transport, const minke_address_t *address,
                                                    minke_socket_t *socket);

/** The socket is open and bound to this address. MINKE_ERROR_STALE: nobody wants it any more, close it. */
MINKE_API MINKE_MUST_USE int minke_transport_socket_opened(minke_transport_t *transport, minke_socket_t socket,
                                                           const minke_address_t *bound, minke_time_t now);
/** It could not be opened: what waited for it fails. `reason` is a sentence for people. */
MINKE_API void minke_transport_socket_failed(minke_transport_t *transport, minke_socket_t socket, const char *reason,
                                             minke_time_t now);
/** Optional: a datagram of minke_transport_transmit could not be sent because the system knows no way to
 * `path->remote`. An attempt of a dial then fails at once instead of in time; everything else carries on. */
MINKE_API void minke_transport_unreachable(minke_transport_t *transport, const minke_path_t *path, const char *reason,
                                           minke_time_t now);
/** Gives a listening socket up. Connections that came over it end. */
MINKE_API void minke_transport_unlisten(minke_transport_t *transport, minke_socket_t socket, minke_time_t now);

/* ---- connections ---- */

/** As many addresses of a peer can be dialled at once. */
enum { MINKE_DIAL_ADDRESSES_MAX = 8 };

/**
 * Dials a peer at one or several addresses, each /ip4|ip6/../udp/../webrtc-direct/certhash/..[/p2p/..]; those that name
 * a peer must name the same one, and only that peer is accepted at any of them. IPv6 and IPv4 take turns, IPv6 first,
 * otherwise the order is the caller's: the next address is tried beside the others when 250 ms have passed, or at once
 * when one fails. The first that answers becomes the connection, everything else is dropped; minke_transport_stats
 * tells which it is. A SOCKET_OPEN event follows for each attempt, then CONNECTED, or CLOSED with the failure of the
 * attempt that got furthest. To answer proves nothing yet: if it was somebody else, the dial ends (layer DTLS or
 * NOISE); dial the other addresses again then.
 * @param count 1 .. MINKE_DIAL_ADDRESSES_MAX.
 * @param version 1 or 2: only that version of webrtc-direct. 0: version 1, and from a second socket version 2 if an
 *        address has not answered for 500 ms. js and rust listeners know only 1, go and Minke know both.
 * @return MINKE_OK and the connection's number; MINKE_ERROR_MALFORMED or MINKE_ERROR_ADDRESS for what is no such
 *         address, or for two peers; MINKE_ERROR_INVALID: count or version; MINKE_ERROR_LIMIT: connections_max or
 *         memory_max is near; MINKE_ERROR_NO_MEMORY.
 */
MINKE_API MINKE_MUST_USE int minke_transport_dial(minke_transport_t *transport, const char *const *multiaddrs,
                                                  size_t count, int version, minke_time_t now,
                                                  minke_connection_t *connection);

/* ---- private connections: offer and answer ---- */

/** How many STUN servers a private connection asks. */
enum { MINKE_STUN_SERVERS_MAX = 8 };

/** How a private connection is made. Fill it with minke_private_defaults. */
typedef struct minke_private_options {
    size_t size;      /**< sizeof of this structure, set by minke_private_defaults */
    const char *peer; /**< who the remote is, base58btc: whoever carries its signals must know; minke_transport_peer
                         says so once its certificate is that of its description. Default NULL: nobody in particular */
    const minke_address_t
        *stun_servers;          /**< asked for our address as the outside sees it; at most MINKE_STUN_SERVERS_MAX */
    size_t stun_servers_n;      /**< default 0: only addresses of this machine are offered */
    minke_time_t give_up_after; /**< it must be up by then, and people who carry texts by hand take minutes.
                                   Default 20 s for offers, 30 s for answers when 0 */
    bool gather_first; /**< one text each way: the description is told when all our addresses are known, has them in
                          it, and no candidate follows. Where a STUN server does not answer that is some 6 s later.
                          Default false: at once, with candidates after it */
} minke_private_options_t;

/** Fills in every default, `size` included. */
MINKE_API void minke_private_defaults(minke_private_options_t *options);

/** The addresses of this machine's interfaces (getifaddrs), ports ignored: what private connections offer to others, at
 * most 16; loopback only where there is nothing else. Tell them before the first, and when they change: without, there
 * are no candidates but those that STUN servers show. A host (minke/minke.h) does it for its own transport. */
MINKE_API void minke_transport_local_addresses(minke_transport_t *transport, const minke_address_t *addresses,
                                               size_t n);

/**
 * Begins a connection with a peer that can be told something, but not dialled (WebRTC, as between browsers). SIGNAL
 * events follow: the offer, then candidates; carry them over, and give minke_transport_signal what comes back, in the
 * order in which it came. Then CONNECTED, or CLOSED. Anything may carry them; who can change them can be the remote.
 * With `gather_first` the offer is all that there is to carry, and the answer all that comes back.
 * @return as minke_transport_dial.
 */
MINKE_API MINKE_MUST_USE int minke_transport_offer(minke_transport_t *transport, const minke_private_options_t *options,
                                                   minke_time_t now, minke_connection_t *connection);
/** The other side: takes an offer. SIGNAL events follow: the answer, then candidates.
 * @return as minke_transport_dial; MINKE_ERROR_MALFORMED or MINKE_ERROR_UNSUPPORTED: an offer that cannot be used,
 * `why` (if not NULL) says in a sentence what is wrong with it; MINKE_ERROR_LIMIT also for handshakes_max. */
MINKE_API MINKE_MUST_USE int minke_transport_answer(minke_transport_t *transport,
                                                    const minke_private_options_t *options, const char *offer,
                                                    size_t len, minke_time_t now, minke_connection_t *connection,
                                                    const char **why);
/** What the remote has signalled: an answer, or a candidate; for MINKE_SIGNAL_CANDIDATE an empty text or "null" says
 * that there are no more. Candidates of kinds that are of no use are passed over.
 * @return MINKE_OK; MINKE_ERROR_STALE; MINKE_ERROR_STATE: not now (an answer to no offer); MINKE_ERROR_MALFORMED: a
 *         candidate that is none: nothing has changed. An answer that cannot be used ends the connection. */
MINKE_API MINKE_MUST_USE int minke_transport_signal(minke_transport_t *transport, minke_connection_t connection,
                                                    minke_signal_t signal, const char *text, size_t len,
                                                    minke_time_t now);

/** Ends a connection: its streams fail, what is unsent or unread is lost, the remote is told with `reason` (a sentence,
 * copied; NULL: a standard one). CLOSED follows. MINKE_ERROR_STALE: it has gone already. */
MINKE_API int minke_transport_close(minke_transport_t *transport, minke_connection_t connection, const char *reason,
                                    minke_time_t now);

/** The authenticated peer id (base58btc, terminated). MINKE_ERROR_STATE before CONNECTED; MINKE_ERROR_STALE after
 * CLOSED. */
MINKE_API MINKE_MUST_USE int minke_transport_peer(const minke_transport_t *transport, minke_connection_t connection,
                                                  char text[MINKE_PEER_BYTES]);

/** The remote's serialized libp2p PublicKey, valid until CLOSED. MINKE_ERROR_STATE or
 * MINKE_ERROR_STALE outside of that. */
MINKE_API MINKE_MUST_USE int minke_transport_peer_key(const minke_transport_t *transport, minke_connection_t connection,
                                                      const uint8_t **key, size_t *len);

/**
 * The connections that there are, set-up and closing ones included, oldest first.
 * @return how many; the first `capacity` of them are in `connections`, which may be NULL if that is 0.
 */
MINKE_API size_t minke_transport_connections(const minke_transport_t *transport, minke_connection_t *connections,
                                             size_t capacity);

/** What a connection goes over. */
typedef enum minke_path_kind {
    MINKE_PATH_DIRECT = 0,    /**< webrtc-direct: the others but PRIVATE are a host's */
    MINKE_PATH_TCP,           /**< TCP */
    MINKE_PATH_WEBSOCKET,     /**< a WebSocket over TCP */
    MINKE_PATH_WEBSOCKET_TLS, /**< a WebSocket over TLS */
    MINKE_PATH_RELAYED,       /**< a circuit over a relay */
    MINKE_PATH_PRIVATE,       /**< WebRTC between two private peers: minke_transport_offer */
    MINKE_PATH_UNKNOWN        /**< a dial of several kinds that is not decided */
} minke_path_kind_t;

/** Figures of one connection. Bytes and chunks are counted since it began, the rest is as it is now. */
typedef struct minke_connection_stats {
    bool inbound;
    int version;              /**< of webrtc-direct: 1 or 2; 0 while a dial has not been answered */
    minke_layer_t layer;      /**< the set-up step in progress; MINKE_LAYER_HOST once connected, _NONE when closing */
    minke_layer_t last_step;  /**< the last one completed: MINKE_LAYER_ICE, _DTLS, _SCTP, _NOISE; _NONE: not one yet */
    minke_path_t path;        /**< where data goes now; all zero while a dial has not been answered */
    uint32_t pairs;           /**< addresses of the remote that are known: candidate pairs */
    uint32_t pairs_validated; /**< of those, how many have answered a check of ours */
    minke_time_t started_at;
    minke_time_t ice_at, dtls_at, sctp_at, noise_at; /**< when each step was done; 0: not yet */
    minke_time_t smoothed_rtt;                       /**< 0: not measured yet */
    minke_time_t retransmit_after;                   /**< RTO: how long T3-rtx waits, back-off included */
    uint64_t bytes_sent, bytes_received;             /**< UDP payload, checks not counted */
    uint64_t bytes_acked, bytes_delivered;           /**< stream bytes and framing: the remote has, we have got */
    uint64_t chunks_retransmitted;                   /**< DATA chunks sent again */
    uint64_t losses;                                 /**< times that SACKs showed loss and the window was cut for it */
    uint64_t timeouts;                               /**< times that T3-rtx expired */
    uint64_t undone;      /**< of both, those that were for nothing: what was thought lost had arrived */
    uint64_t pacing_rate; /**< bytes per second at which data leaves; 0: not paced, the path is too short */
    minke_congestion_control_t congestion;
    uint32_t congestion_window, in_flight, peer_window; /**< bytes */
    uint32_t receive_window; /**< bytes that the remote may have unread here: grows with what is consumed */
    uint32_t packet_max;     /**< bytes of an SCTP packet: grows with what the path is found to carry */
    uint32_t streams;        /**< open now, both directions */
    size_t unread, unsent;   /**< bytes: received and not consumed; written and not handed to SCTP */
    uint64_t memory;         /**< bytes that count against connection_memory_max now, a host's part included */
    minke_path_kind_t
        kind;     /**< what it goes over; what only webrtc-direct has (pairs, windows, losses) is zero elsewhere */
    bool limited; /**< the relay limits its time or its bytes */
} minke_connection_stats_t;

/** Figures of one connection, from its dial or its ClientHello on. MINKE_ERROR_STALE after CLOSED. */
MINKE_API MINKE_MUST_USE int minke_transport_stats(const minke_transport_t *transport, minke_connection_t connection,
                                                   minke_connection_stats_t *stats);

/** Bytes that count against memory_max now. */
MINKE_API size_t minke_transport_memory(const minke_transport_t *transport);

/** The counters since the transport was made. Valid as long as it. */
MINKE_API const minke_counters_t *minke_transport_counters(const minke_transport_t *transport);

/** Shows packets to another tap from now on; NULL: to none. A tap sees all connections, and can tell them apart. */
MINKE_API void minke_transport_tap(minke_transport_t *transport, const minke_tap_t *tap);

/** Our own peer id, base58btc. */
MINKE_API void minke_transport_self(const minke_transport_t *transport, char text[MINKE_PEER_BYTES]);

/** The full multiaddr of a listener at this IP address and port: with certhash and peer id.
 * @return its length; MINKE_ERROR_NO_SPACE (MINKE_ADDR_BYTES is always enough); MINKE_ERROR_ADDRESS. */
MINKE_API MINKE_MUST_USE ssize_t minke_transport_address(const minke_transport_t *transport,
                                                         const minke_address_t *address, char *text, size_t capacity);

/* ---- streams ---- */

/**
 * Opens a stream; it can be written to at once.
 * @return MINKE_OK; MINKE_ERROR_STALE; MINKE_ERROR_STATE before CONNECTED; MINKE_ERROR_LIMIT: too many are open, or
 *         memory is short: try again when one has closed; MINKE_ERROR_NO_MEMORY.
 */
MINKE_API MINKE_MUST_USE int minke_transport_open(minke_transport_t *transport, minke_connection_t connection,
                                                  minke_time_t now, minke_stream_t *stream);

/**
 * Takes as much of `data` as fits, never blocks; what it took will be sent in order.
 * @return bytes taken, > 0 unless len is 0; MINKE_ERROR_AGAIN: full, STREAM_WRITABLE follows;
 * MINKE_ERROR_STREAM_FINISHED, _STOPPED, _RESET, MINKE_ERROR_CONNECTION_CLOSED, MINKE_ERROR_STALE: never again;
 * MINKE_ERROR_NO_MEMORY: nothing was taken. After a part STREAM_WRITABLE follows as after AGAIN, once half of the
 * stream's buffer is free.
 */
MINKE_API MINKE_MUST_USE ssize_t minke_transport_write(minke_transport_t *transport, minke_stream_t stream,
                                                       const void *data, size_t len, minke_time_t now);

/**
 * Shows the next bytes without copying or consuming them.
 * @return how many, contiguous; 0: the remote finished and all has been consumed, or we have stopped;
 *         MINKE_ERROR_AGAIN: nothing yet, STREAM_READABLE follows; MINKE_ERROR_STREAM_RESET,
 *         MINKE_ERROR_CONNECTION_CLOSED: no end was seen, what came before may be cut short; MINKE_ERROR_STALE.
 *         The bytes are valid until this stream is consumed, stopped or reset, its connection closed, or the next
 *         minke_transport_recv, _tick, _transmit or _event; writing leaves them alone.
 */
MINKE_API MINKE_MUST_USE ssize_t minke_transport_peek(minke_transport_t *transport, minke_stream_t stream,
                                                      const uint8_t **data);

/** Drops `len` bytes that were peeked at: only this makes room for more. MINKE_ERROR_INVALID: more than there are, none
 * was dropped; MINKE_ERROR_STALE. */
MINKE_API int minke_transport_consume(minke_transport_t *transport, minke_stream_t stream, size_t len,
                                      minke_time_t now);

/** Ends our direction after what was written; again is harmless. MINKE_ERROR_STREAM_STOPPED, _RESET,
 * MINKE_ERROR_CONNECTION_CLOSED, MINKE_ERROR_STALE: it has ended otherwise, and not all may have arrived. */
MINKE_API int minke_transport_finish(minke_transport_t *transport, minke_stream_t stream, minke_time_t now);

/** Ends both directions at once; what is unsent or unread is lost. `code` is for the remote, 0: none. STREAM_CLOSED
 * follows. Again is harmless; MINKE_ERROR_STALE. */
MINKE_API int minke_transport_reset(minke_transport_t *transport, minke_stream_t stream, uint32_t code,
                                    minke_time_t now);

/** Tells the remote that nothing more will be read; what is unread is dropped. Writing goes on; where both are meant,
 * finish first: rust-libp2p takes STOP_SENDING for the end of what we send. Again is harmless.
 * MINKE_ERROR_STREAM_RESET, MINKE_ERROR_CONNECTION_CLOSED, MINKE_ERROR_STALE: there is nothing to stop. */
MINKE_API int minke_transport_stop(minke_transport_t *transport, minke_stream_t stream, uint32_t code,
                                   minke_time_t now);

/** How many bytes minke_transport_write would take now; 0 also for a stale number. */
MINKE_API size_t minke_transport_writable(const minke_transport_t *transport, minke_stream_t stream);

#ifdef __cplusplus
}
#endif

#endif
