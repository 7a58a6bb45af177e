/*
 * What waits to be handed to the system. Trains of several connections are put into one buffer, one behind the other,
 * and leave in one call where they leave by one socket: thousands of idle connections send small datagrams only. What
 * is as large as a call pays for leaves at once, while it is in the cache.
 *
 *            transmit: there is more, and it is small        the socket has no room
 *          +-----------+                          +-----------------------------------+
 *          v           |      sent                |                                   v
 *     COLLECTING ------+-----------------> (emptied)      resume: writable <------- HELD
 *
 * While it is held nothing is asked of the transport: what it would say now is old by then.
 */
#ifndef MINKE_DRIVER_OUTBOX_H
#define MINKE_DRIVER_OUTBOX_H

#include "driver/udp.h"

typedef struct minke_outbox {
    minke_routed_train_t trains[MINKE_UDP_MESSAGES_MAX];
    size_t trains_n;
    size_t at;      /* those before have been sent */
    uint8_t *bytes; /* what the trains point into */
    size_t bytes_n; /* used */
    bool held;
} minke_outbox_t;

/* MINKE_ERROR_NO_MEMORY. */
MINKE_MUST_USE int minke__outbox_init(minke_outbox_t *outbox, const minke_env_t *env);
void minke__outbox_free(minke_outbox_t *outbox, const minke_env_t *env);

/* Sends what the transport has, as far as there is room. */
void minke__outbox_transmit(minke_host_t *host);
/* A socket is writable again. */
void minke__outbox_resume(minke_host_t *host);
/* A socket is about to go: what should have left by it is lost. */
void minke__outbox_forget(minke_outbox_t *outbox, minke_socket_t socket);

#endif
