/* What can be traced: every line of trace has one of these names. `minke --trace-events` prints this list. */
#ifndef MINKE_TRACE_H
#define MINKE_TRACE_H

/** How much a line weighs. */
typedef enum minke_trace_level {
    MINKE_TRACE_LEVEL_STATE = 1, /**< something has changed its state: a few dozen lines in a connection's life */
    MINKE_TRACE_LEVEL_DETAIL = 2 /**< how it came to that; under load several a second, never one for each packet */
} minke_trace_level_t;

/*
 * X(layer, ID, name, level, meaning)
 *
 * One list makes the enumeration, the names and the documentation. Names do not change once released; new ones come.
 * Layer NONE: the line itself says which. The meaning says what `detail` and `value` hold, where they hold anything.
 */
#define MINKE_TRACE_LIST(X)                                                                                            \
    X(NONE, STEP_DONE, "step_done", STATE,                                                                             \
      "a set-up step is complete; value: microseconds since the connection began")                                     \
    X(NONE, CLOSED, "closed", STATE,                                                                                   \
      "the connection ends; detail: why, and whether the remote began it; value: the code of minke_close_t")           \
    X(HOST, DIALLING, "dialling", STATE,                                                                               \
      "a dial begins; detail: the address that is tried first; value: how many addresses")                             \
    X(NETWORK, ATTEMPT_BEGUN, "attempt_begun", STATE,                                                                  \
      "an address of a dial is tried; detail: the address; value: version of webrtc-direct")                           \
    X(NONE, ATTEMPT_FAILED, "attempt_failed", STATE,                                                                   \
      "the dial goes on without it; detail: the address, and why; value: version of webrtc-direct")                    \
    X(ICE, ATTEMPT_WON, "attempt_won", STATE,                                                                          \
      "the first that was answered, all others end; detail: the address; value: version of webrtc-direct")             \
    X(HOST, DIAL_DECIDED, "dial_decided", STATE,                                                                       \
      "of several kinds of addresses this one is the connection; detail: the address")                                 \
    X(HOST, ACCEPTED, "accepted", STATE,                                                                               \
      "a checked stranger has sent a ClientHello; detail: its address; value: version of webrtc-direct")               \
    X(HOST, LIMIT_REACHED, "limit_reached", DETAIL,                                                                    \
      "a ClientHello was refused; detail: the option that refuses it; value: that limit")                              \
    X(HOST, PROTOCOL_SELECTED, "protocol_selected", DETAIL, "negotiated; detail: the protocol; value: the stream")     \
    X(HOST, PROTOCOL_REFUSED, "protocol_refused", DETAIL,                                                              \
      "the remote does not speak it; detail: the protocol; value: the stream")                                         \
    X(HOST, STREAM_TIMEOUT, "stream_timeout", STATE,                                                                   \
      "negotiation or a service took too long, the stream is reset; detail: the protocol; value: the stream")          \
    X(HOST, IDENTIFIED, "identified", STATE, "identify was answered")                                                  \
    X(ICE, PAIR_ADDED, "pair_added", DETAIL, "another address of the remote; detail: the address")                     \
    X(ICE, PAIR_VALIDATED, "pair_validated", STATE, "a check of ours was answered; detail: the remote's address")      \
    X(ICE, PAIR_SELECTED, "pair_selected", STATE,                                                                      \
      "data goes there from now on; detail: the remote's address; value: 1 if it went elsewhere before")               \
    X(ICE, PAIR_REMOVED, "pair_removed", DETAIL, "forgotten for another, or taken over; detail: the remote's address") \
    X(ICE, CHECK_REFUSED, "check_refused", STATE,                                                                      \
      "the remote refuses our check; detail: its address; value: the STUN error code")                                 \
    X(ICE, SILENT, "silent", STATE, "a keep-alive is unanswered; value: microseconds since anything was received")     \
    X(ICE, FAILED, "failed", STATE, "no check was answered, or consent has expired; detail: which")                    \
    X(DTLS, HANDSHAKE_STARTED, "handshake_started", STATE, "value: 1 as client, 0 as server")                          \
    X(DTLS, FLIGHT_REPEATED, "flight_repeated", STATE, "no answer to our flight in the handshake: sent again")         \
    X(DTLS, LAST_FLIGHT_REPEATED, "last_flight_repeated", STATE,                                                       \
      "the client has repeated its Finished, so we repeat ours; value: how often")                                     \
    X(DTLS, ALERT_HELD, "alert_held", STATE,                                                                           \
      "a clear alert, which anybody can forge, is held for 400 ms; detail: its name; value: its number")               \
    X(DTLS, HANDSHAKE_DONE, "handshake_done", STATE, "value: the cipher suite")                                        \
    X(DTLS, ENDED, "ended", STATE, "detail: why; value: the alert, 0 if there is none")                                \
    X(SCTP, INIT_SENT, "init_sent", STATE, "value: how often before")                                                  \
    X(SCTP, INIT_RECEIVED, "init_received", DETAIL, "value: the receive window in it, bytes")                          \
    X(SCTP, COOKIE_ECHOED, "cookie_echoed", STATE, "COOKIE ECHO sent; value: how often before")                        \
    X(SCTP, ESTABLISHED, "established", STATE, "value: outgoing streams that both allow")                              \
    X(SCTP, RECOVERY, "recovery", DETAIL,                                                                              \
      "losses found by SACK, fast retransmit; value: the congestion window, bytes")                                    \
    X(SCTP, TIMEOUT, "timeout", STATE, "T3-rtx: all that is in flight counts as lost; value: expiries in a row")       \
    X(SCTP, WINDOW_PROBE, "window_probe", DETAIL, "the remote's window is closed, and tried; value: times in a row")   \
    X(SCTP, TAIL_PROBE, "tail_probe", DETAIL, "two round trips of silence after the last packet: one more")            \
    X(SCTP, PACKET_SIZE, "packet_size", STATE, "the path takes larger packets, or only small ones; value: bytes")      \
    X(SCTP, RESET_REQUESTED, "reset_requested", DETAIL, "RE-CONFIG sent; value: how many streams it names")            \
    X(SCTP, RESET_ANSWERED, "reset_answered", DETAIL, "value: the result of RFC 6525 4.4, 1 is performed")             \
    X(SCTP, RESET_RECEIVED, "reset_received", DETAIL, "the remote resets; value: the SCTP stream")                     \
    X(SCTP, ERROR_RECEIVED, "error_received", STATE, "an ERROR chunk; value: its first cause")                         \
    X(SCTP, SHUTDOWN_RECEIVED, "shutdown_received", STATE, "the remote ends the association in order")                 \
    X(SCTP, ENDED, "ended", STATE, "detail: why; value: the error cause, 0 if there is none")                          \
    X(STREAM, OPENED, "opened", DETAIL, "by us; value: the SCTP stream")                                               \
    X(STREAM, ACCEPTED, "accepted", DETAIL, "opened by the remote; value: the SCTP stream")                            \
    X(STREAM, REFUSED, "refused", STATE, "detail: limit or violation; value: the SCTP stream")                         \
    X(STREAM, FINISHED, "finished", DETAIL, "both directions in order; value: the SCTP stream")                        \
    X(STREAM, RESET, "reset", DETAIL, "detail: why, or that the remote did it; value: the SCTP stream")                \
    X(STREAM, CHANNEL_RESET, "channel_reset", DETAIL, "the remote has reset the channel; value: the SCTP stream")      \
    X(STREAM, ID_RETIRED, "id_retired", STATE,                                                                         \
      "the remote never confirmed a reset, so the id is not used again; value: the SCTP stream")                       \
    X(RELAY, RESERVE, "reserve", STATE, "somebody asks us for a reservation; detail, value: the status answered")      \
    X(RELAY, CONNECT, "connect", STATE,                                                                                \
      "somebody asks us for a circuit; detail, value: the status answered, OK: the target is asked")                   \
    X(NOISE, AUTHENTICATED, "authenticated", STATE, "detail: the remote's peer id")

typedef enum minke_trace_id {
#define MINKE_TRACE_ENUM(layer, id, name, level, meaning) MINKE_TRACE_##layer##_##id,
    MINKE_TRACE_LIST(MINKE_TRACE_ENUM)
#undef MINKE_TRACE_ENUM
        MINKE_TRACES_N
} minke_trace_id_t;

#endif
