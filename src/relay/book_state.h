/* The inside of the relay's book. For src/relay/ only. */
#ifndef MINKE_RELAY_BOOK_STATE_H
#define MINKE_RELAY_BOOK_STATE_H

#include "base/map.h"
#include "relay/book.h"

/* How many reservations one address has: an IPv4 address, or the /64 of an IPv6 one. */
typedef struct minke_relay_origin {
    minke_map_node_t node;
    uint32_t reservations;
    uint8_t prefix[8]; /* IPv4: the rest is zero */
    uint8_t family;
} minke_relay_origin_t;

/* A peer with a reservation, with circuits, or with both; it goes with the last of them. */
typedef struct minke_relay_party {
    minke_map_node_t node;
    minke_heap_node_t expiry;      /* in book.expiries while it has a reservation */
    minke_relay_origin_t *origin;  /* that its reservation counts for; NULL: it has none */
    minke_connection_t connection; /* that holds the reservation */
    uint32_t circuits;             /* at either end */
    minke_peer_id_t id;
} minke_relay_party_t;

struct minke_relay_book {
    const minke_env_t *env;
    minke_relay_options_t options;
    minke_relay_statistics_t statistics;
    minke_map_t parties;   /* peer id -> minke_relay_party_t */
    minke_map_t origins;   /* prefix -> minke_relay_origin_t */
    minke_heap_t expiries; /* of reservations */
    minke_heap_t timers;   /* of circuits; there is room for those that are asking, too */
    minke_list_t circuits, due;
};

/* When a span has passed; 0: never. Time that runs over stands still just before the end. */
minke_time_t minke__relay_time_after(minke_time_t now, minke_time_t span);

/* reservations.c. NULL: no such party. */
minke_relay_party_t *minke__relay_party_find(const minke_relay_book_t *book, const minke_peer_id_t *id);
/* Finds or makes it. NULL: no memory. */
minke_relay_party_t *minke__relay_party_get(minke_relay_book_t *book, const minke_peer_id_t *id);
/* Forgets a party that has nothing left. */
void minke__relay_party_release(minke_relay_book_t *book, minke_relay_party_t *party);
void minke__relay_reservations_expire(minke_relay_book_t *book, minke_time_t now);
void minke__relay_reservations_free(minke_relay_book_t *book);

/* circuits.c */
void minke__relay_circuits_find_due(minke_relay_book_t *book, minke_time_t now);
void minke__relay_circuits_free(minke_relay_book_t *book);

#endif
