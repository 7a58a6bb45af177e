/*
 * What a relay remembers and decides (spec/host.md 11): who has a reservation, which circuits are open, what each may
 * still take. It knows no streams: whoever does asks here, answers with the status that he gets, and tells what became
 * of it.
 *
 *     reservation   reserve() --> HELD --reserve()--> HELD, until later and by the connection that asked last
 *                                 HELD --its connection ends, or its time--> gone
 *
 *     circuit       connect() --> ASKING --start()--> OPEN --its time is up--> DUE, told once by next_due()
 *                                 ASKING --refuse()--> gone
 *                                                     OPEN, DUE --close()--> gone
 *
 * A circuit outlives the reservation that it was opened on, as with go (js ends it with the reservation): what ends
 * with the target's connection is its stop stream, and the owner of that one closes the circuit.
 *
 * Every call is O(1) or O(log n). Memory, overhead of blocks included:
 *     a reservation                                MINKE_RELAY_RESERVATION_BYTES
 *     a circuit                                    MINKE_RELAY_CIRCUIT_BYTES
 *     a source of circuits without a reservation   MINKE_RELAY_SOURCE_BYTES
 */
#ifndef MINKE_RELAY_BOOK_H
#define MINKE_RELAY_BOOK_H

#include <minke/relay.h>

#include "base/heap.h"
#include "base/list.h"
#include "relay/message.h"

enum { MINKE_RELAY_RESERVATION_BYTES = 232, MINKE_RELAY_CIRCUIT_BYTES = 136, MINKE_RELAY_SOURCE_BYTES = 144 };

minke_relay_options_t minke__relay_options_defaults(void);

typedef struct minke_relay_book minke_relay_book_t;

/* MINKE_ERROR_NO_MEMORY, MINKE_ERROR_INVALID: reservation_after is no number of whole seconds. */
MINKE_MUST_USE int minke__relay_book_new(const minke_env_t *env, const minke_relay_options_t *options,
                                         minke_relay_book_t **out);
/* Ends every circuit that is left: their pointers are void then. */
void minke__relay_book_free(minke_relay_book_t *book);

/* When tick has something to do, or MINKE_TIME_NEVER. */
minke_time_t minke__relay_book_deadline(const minke_relay_book_t *book);
/* Drops reservations and finds circuits whose time is up: at `now`, not only before it. */
void minke__relay_book_tick(minke_relay_book_t *book, minke_time_t now);

const minke_relay_options_t *minke__relay_book_options(const minke_relay_book_t *book);
const minke_relay_statistics_t *minke__relay_book_statistics(const minke_relay_book_t *book);
/* Counts a refusal that was no decision of the book's: of a hop message of this type (any other number: one that could
 * not be read, or no request). */
void minke__relay_book_count_refusal(minke_relay_book_t *book, uint64_t hop_type, minke_relay_status_t status);

/* Who sends a request, and how it came here. */
typedef struct minke_relay_asker {
    const minke_peer_id_t *peer;
    minke_connection_t connection;
    const minke_address_t *remote; /* that the connection comes from; family NONE: not known, counted as one address */
    bool relayed;                  /* the connection is a circuit itself */
} minke_relay_asker_t;

/*
 * Makes a reservation, or renews the one that the peer has: OK, and it lives until now + reservation_after. Otherwise
 * nothing changes, and one that is there lives on:
 *     PERMISSION_DENIED     over a circuit
 *     RESERVATION_REFUSED   as many as may be, in all or from this address; or no memory
 * Renewing counts nothing anew, so it only fails if the peer comes from another address by now, and that one is full.
 */
minke_relay_status_t minke__relay_book_reserve(minke_relay_book_t *book, const minke_relay_asker_t *asker,
                                               minke_time_t now);
/* A connection of this peer has ended; its reservation goes if it was held by that one. */
void minke__relay_book_connection_ended(minke_relay_book_t *book, const minke_peer_id_t *peer,
                                        minke_connection_t connection);
/* Until when; 0: no reservation. One whose time is up is seen here until the next tick. */
minke_time_t minke__relay_book_reserved_until(const minke_relay_book_t *book, const minke_peer_id_t *peer);

/* The directions of a circuit, and who sends in each. */
enum { MINKE_RELAY_FROM_SOURCE = 0, MINKE_RELAY_FROM_TARGET = 1 };

/* An account. The book's, to be read by its user but for `user`. */
typedef struct minke_relay_circuit {
    void *user;                           /* whatever the user wants to find again */
    minke_connection_t target_connection; /* to open the stop stream on */
    uint64_t relayed[2];                  /* bytes, by direction */
    struct minke_relay_party *parties[2]; /* source, target */
    minke_heap_node_t timer;
    minke_list_t node; /* in book.circuits, or in book.due until it was told */
    bool open;
} minke_relay_circuit_t;

/*
 * May the asker have a circuit to `target`? OK: `*out` is one that counts from now on, to be started or refused when
 * the target has answered. Otherwise `*out` is NULL; the first that applies:
 *
 *     PERMISSION_DENIED         over a circuit, or to oneself
 *     NO_RESERVATION            the target has none
 *     RESOURCE_LIMIT_EXCEEDED   as many circuits as may be: of the source, of the target, in all; or no memory
 */
minke_relay_status_t minke__relay_book_connect(minke_relay_book_t *book, const minke_relay_asker_t *asker,
                                               const minke_peer_id_t *target, minke_time_t now,
                                               minke_relay_circuit_t **out);
/* The target has agreed: time runs. */
void minke__relay_circuit_start(minke_relay_book_t *book, minke_relay_circuit_t *circuit, minke_time_t now);
/* There was no such agreement, and the source is told `status` (if it still is there). Frees the circuit. */
void minke__relay_circuit_refuse(minke_relay_book_t *book, minke_relay_circuit_t *circuit, minke_relay_status_t status);
/* How many more bytes may be relayed in a direction; UINT64_MAX: no limit. 0: with the next byte the circuit ends. */
uint64_t minke__relay_circuit_allowance(const minke_relay_book_t *book, const minke_relay_circuit_t *circuit,
                                        int direction);
/* `n` bytes, at most that many, were relayed. */
void minke__relay_circuit_count(minke_relay_book_t *book, minke_relay_circuit_t *circuit, int direction, uint64_t n);
/* A circuit whose time was up at the last tick, each one once; NULL: no more. It has to be closed. */
minke_relay_circuit_t *minke__relay_book_next_due(minke_relay_book_t *book);
/* A circuit that was started has ended. Frees it. */
void minke__relay_circuit_close(minke_relay_book_t *book, minke_relay_circuit_t *circuit, minke_relay_end_t end);
/* Who is at this end: that of MINKE_RELAY_FROM_SOURCE or _FROM_TARGET. */
const minke_peer_id_t *minke__relay_circuit_peer(const minke_relay_circuit_t *circuit, int direction);

#endif
