/*
 * A host at one moment, as plain figures: what the metrics and the status page are written from (metrics.h). The lists
 * are what makes an unexplained figure impossible: fields, names and explanations come from one place.
 */
#ifndef MINKE_DRIVER_SNAPSHOT_H
#define MINKE_DRIVER_SNAPSHOT_H

#include <minke/minke.h>

#include "base/list.h"

/* X(field, name for Prometheus, meaning): of every host. */
#define MINKE_SNAPSHOT_LIST(X)                                                                                         \
    X(started_at_s, "minke_start_time_seconds", "when this host was made, in seconds since 1970")                      \
    X(connections_pending, "minke_connections_pending", "connections in set-up, or on their way out")                  \
    X(connections_limited, "minke_connections_limited", "connections over a relay that limits their time or bytes")    \
    X(connections_max, "minke_connections_max", "how many connections there may be")                                   \
    X(connections_per_address_max, "minke_connections_per_address_max",                                                \
      "how many inbound connections may come from one IPv4 address or IPv6 /64")                                       \
    X(handshakes_max, "minke_handshakes_max", "how many inbound connections may be in set-up")                         \
    X(streams, "minke_streams", "streams that are open, whoever opened them")                                          \
    X(memory, "minke_memory_bytes", "bytes that count against the limit of memory")                                    \
    X(memory_max, "minke_memory_max_bytes", "the limit of memory")                                                     \
    X(stun_per_second_max, "minke_stun_per_second_max", "how many STUN requests are answered per second; 0: none")     \
    X(resident, "process_resident_memory_bytes", "what the process has in memory; 0: the system does not say")         \
    X(descriptors, "process_open_fds", "descriptors that the process has open; 0: the system does not say")            \
    X(descriptors_max, "process_max_fds", "how many descriptors it may have; 0: the system does not say")

/* The same, of a host that is a relay. */
#define MINKE_SNAPSHOT_RELAY_LIST(X)                                                                                   \
    X(reservations, "minke_relay_reservations", "reservations held")                                                   \
    X(reservations_max, "minke_relay_reservations_max", "how many reservations there may be")                          \
    X(reservations_per_address_max, "minke_relay_reservations_per_address_max",                                        \
      "how many may be of one IPv4 address or IPv6 /64; 0: no limit")                                                  \
    X(reservation_s, "minke_relay_reservation_seconds", "how long a reservation lives unless it is refreshed")         \
    X(circuits, "minke_relay_circuits", "circuits that are open")                                                      \
    X(circuits_asking, "minke_relay_circuits_asking", "circuits whose target has not answered yet")                    \
    X(circuits_max, "minke_relay_circuits_max", "how many circuits there may be, those that ask included")             \
    X(circuits_per_peer_max, "minke_relay_circuits_per_peer_max", "how many circuits one peer may have; 0: no limit")  \
    X(circuit_s, "minke_relay_circuit_max_seconds", "how long a circuit may live; 0: no limit")                        \
    X(circuit_bytes, "minke_relay_circuit_max_bytes", "bytes that a circuit may carry in each direction; 0: no limit")

typedef struct minke_snapshot {
    char self[MINKE_PEER_BYTES];
    const char *agent;
    const minke_list_t *addresses; /* of minke_node_text_t: where it listens */
    const minke_counters_t *counters;
    const minke_relay_statistics_t *relay;           /* NULL: it is none; all below that is a relay's is zero then */
    minke_time_t age;                                /* of the host */
    uint64_t connections[MINKE_PATH_UNKNOWN + 1][2]; /* up, by kind of path; [1]: inbound */
#define MINKE_SNAPSHOT_FIELD(field, name, meaning) uint64_t field;
    MINKE_SNAPSHOT_LIST(MINKE_SNAPSHOT_FIELD)
    MINKE_SNAPSHOT_RELAY_LIST(MINKE_SNAPSHOT_FIELD)
#undef MINKE_SNAPSHOT_FIELD
} minke_snapshot_t;

/* Walks over all connections. What it points at is valid until something happens. MINKE_ERROR_NO_MEMORY. */
MINKE_MUST_USE int minke__snapshot_take(const minke_host_t *host, minke_snapshot_t *out);

#endif
