/*
 * Checks from addresses that no connection owns, answered by a direct listener without connection state
 * (spec/webrtc-direct.md 5.2, 5.6; design/direction.md "Strangers").
 *
 * The key of a check follows from its own USERNAME, so a valid check proves nothing about its source. A stranger costs
 * one small record in a table of fixed size (the oldest unproven one is evicted), gets its answer and one triggered
 * check; until that is answered, at most three times the bytes received are sent there. A ClientHello from a recorded
 * address takes the record out and becomes a connection.
 *
 * The table has no timer. The triggered check is repeated, under the same transaction id, when the stranger asks again;
 * records that have outlived their time leave at the next call that takes `now`. At most four records share one
 * address: everything is found by address alone, and no chain that an attacker can lengthen is ever walked.
 */
#ifndef MINKE_ICE_STRANGERS_H
#define MINKE_ICE_STRANGERS_H

#include "base/env.h"
#include "ice/credentials.h"
#include "stun/stun.h"

typedef struct minke_strangers minke_strangers_t;

typedef struct minke_stranger {
    minke_path_t path;
    minke_ice_credentials_t local;  /* server ufrag = pwd */
    minke_ice_credentials_t remote; /* the dialer's */
    int version;
    bool validated, nominated;
    size_t received, sent; /* bytes */
    bool checked;          /* a check of ours is in flight, under this id, since checked_at */
    minke_time_t checked_at;
    uint8_t transaction_id[MINKE_STUN_TRANSACTION_ID_BYTES];
} minke_stranger_t;

/* `capacity` records (default 1024 when 0), each living `live_for` (default 10 s when 0) after its last check. */
MINKE_MUST_USE minke_strangers_t *minke__strangers_new(const minke_env_t *env, uint32_t capacity,
                                                       minke_time_t live_for);
void minke__strangers_free(minke_strangers_t *strangers);

/* A Binding Request or response from an unknown address. Counted and dropped, or answered (transmit). */
void minke__strangers_recv(minke_strangers_t *strangers, const minke_stun_message_t *message, const minke_path_t *path,
                           minke_time_t now);
MINKE_MUST_USE size_t minke__strangers_transmit(minke_strangers_t *strangers, uint8_t *out, size_t capacity,
                                                minke_path_t *path, minke_time_t now);
/* The stranger at this address, taken out of the table: the caller makes a connection of it. The most recently checked
 * one if several ufrags share the address. */
bool minke__strangers_take(minke_strangers_t *strangers, const minke_path_t *path, minke_time_t now,
                           minke_stranger_t *out);
/* Has the one that minke__strangers_take would give proved its address? */
bool minke__strangers_validated(const minke_strangers_t *strangers, const minke_path_t *path);
uint32_t minke__strangers_count(const minke_strangers_t *strangers);

#endif
