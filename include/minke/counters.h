/* What has been received, sent and dropped: plain numbers of one transport, for anyone to read. */
#ifndef MINKE_COUNTERS_H
#define MINKE_COUNTERS_H

#include <stdint.h>

/* X(name, meaning): one list makes the structure, the names and the documentation. */
#define MINKE_COUNTER_LIST(X)                                                                                          \
    X(datagrams_received, "UDP payloads handed in")                                                                    \
    X(datagrams_sent, "UDP payloads handed out")                                                                       \
    X(bytes_received, "bytes of those received")                                                                       \
    X(bytes_sent, "bytes of those sent")                                                                               \
    X(datagrams_not_mine, "payloads of another protocol, by first byte (RFC 7983)")                                    \
    X(datagrams_unknown_source, "payloads from an address that no connection owns")                                    \
    X(stun_malformed, "STUN messages that do not parse")                                                               \
    X(stun_refused, "Binding Requests refused: no or wrong USERNAME, unknown prefix, bad integrity")                   \
    X(stun_unexpected, "STUN responses to no request of ours")                                                         \
    X(stun_served, "Binding Requests without USERNAME answered, with serve_stun")                                      \
    X(stun_limited, "Binding Requests not answered because of stun_per_second_max or the limit per address")           \
    X(strangers_evicted, "records of unproven addresses dropped for newer ones")                                       \
    X(amplification_held, "sends held back because the address is not proven yet")                                     \
    X(connections_accepted, "inbound connections that completed Noise")                                                \
    X(connections_dialled, "outbound connections that completed Noise")                                                \
    X(connections_failed, "connections that ended before Noise completed")                                             \
    X(handshakes_refused, "ClientHellos refused because handshakes_max was reached")                                   \
    X(connections_refused, "ClientHellos refused because connections_max was reached")                                 \
    X(address_refused, "ClientHellos refused because connections_per_address_max was reached")                         \
    X(memory_refused, "ClientHellos and dials refused because little of memory_max was left")                          \
    X(memory_waits, "writes that took nothing because memory was short")                                               \
    X(memory_streams_refused, "streams refused because memory was short")                                              \
    X(memory_data_dropped, "DATA chunks dropped because memory was short")                                             \
    X(memory_exhausted_connection, "allocations beyond connection_memory_max")                                         \
    X(memory_exhausted, "allocations beyond memory_max")                                                               \
    X(memory_closed, "connections ended by either of these")                                                           \
    X(dtls_record_malformed, "DTLS records that do not parse or are not allowed there")                                \
    X(dtls_record_replayed, "DTLS records already seen or too old")                                                    \
    X(dtls_record_bad, "DTLS records that do not decrypt")                                                             \
    X(sctp_malformed, "SCTP packets or chunks that do not parse")                                                      \
    X(sctp_bad_checksum, "SCTP packets with a wrong CRC32c")                                                           \
    X(sctp_bad_tag, "SCTP packets with a wrong verification tag")                                                      \
    X(sctp_data_duplicate, "DATA chunks received twice")                                                               \
    X(sctp_data_dropped, "DATA chunks dropped: outside the window, or no buffer left")                                 \
    X(sctp_data_retransmitted, "DATA chunks sent again")                                                               \
    X(sctp_fast_recoveries, "losses repaired by fast retransmit")                                                      \
    X(sctp_timeouts, "retransmission timeouts (T3-rtx)")                                                               \
    X(sctp_probes, "packets sent to find out whether a path carries their size")                                       \
    X(sctp_packets_shrunk, "times that packets had to be small again: larger ones vanished or were refused")           \
    X(streams_opened, "streams opened by either side")                                                                 \
    X(streams_refused, "inbound streams refused: limit, wrong parity, bad OPEN")                                       \
    X(streams_reset, "streams that ended by reset of either side")                                                     \
    X(stream_frame_malformed, "stream frames that do not parse")

/** The counters of one transport since it was made. They only grow. */
typedef struct minke_counters_t {
#define MINKE_COUNTER_FIELD(name, meaning) uint64_t name;
    MINKE_COUNTER_LIST(MINKE_COUNTER_FIELD)
#undef MINKE_COUNTER_FIELD
} minke_counters_t;

#endif
