/*
 * Many hosts in one process and one epoll, each with an identity and a TCP connection of its own: with the relay's, two
 * descriptors a peer. Of 2 * `circuits` of them every second one calls the one behind it; the others are idle.
 *
 *     idle       reserving --> reserved
 *     caller     reserving --> reserved --call--> calling --> open --begin--> sending, comparing --> done
 *     called     reserving --> reserved -----------------------------> echoes, for as long as anything comes
 *
 * How a peer reserves and calls is one of two manners. `through_hosts`: as any program would, with minke_listen and
 * minke_dial, so that each circuit carries a connection of its own with Noise and yamux in it. `by_hand`: the hop and
 * stop protocols spoken here, over minke_open and minke_handle, and the circuit carries the bytes as they are: what
 * passes the relay is the same, and the peers have half of the work, so that the relay is what is measured.
 */
#ifndef RELAY_PEERS_H
#define RELAY_PEERS_H

#include <minke/minke.h>

#include "flow.h"

typedef struct peers peers_t;

typedef struct peer {
    peers_t *all;
    struct peer *partner; /* whom it calls, or who calls it; NULL: it is idle */
    minke_host_t *host;
    uint8_t id[38];        /* of an Ed25519 key: the peer id's bytes */
    char *address;         /* where it can be dialled over the relay */
    uint64_t poll_at;      /* milliseconds on now_s's clock: when its host wants a turn; UINT64_MAX: never */
    minke_stream_t stream; /* of its circuit; 0: none yet */
    minke_connection_t connection;
    unsigned index;
    bool calls, reserving, reserved, open, done;
    flow_t flow; /* the caller's */

    /* by_hand: the answer that it waits for */
    uint8_t inbox[1024];
    size_t inbox_len;
    minke_stream_t asking;
} peer_t;

typedef struct manner {
    const char *name;
    bool (*prepare)(peer_t *peer);
    bool (*reserve)(peer_t *peer);
    bool (*call)(peer_t *caller);
    void (*event)(peer_t *peer, const minke_event_t *event);
} manner_t;

extern const manner_t through_hosts, by_hand;

struct peers {
    const manner_t *manner;
    const char *relay; /* its multiaddr */
    peer_t *list;
    unsigned n, circuits;
    uint64_t bytes, window; /* of each circuit: flow.h */
    int epoll;
    bool begun; /* callers may send */
    unsigned reserving, reserved, calling, open, done, errors;
    char first_error[256];
};

/* NULL: memory or descriptors. */
peers_t *peers_new(const manner_t *manner, const char *relay, unsigned n, unsigned circuits, uint64_t bytes,
                   uint64_t window);
void peers_free(peers_t *all);

/* Each runs until it is done, an error, or `until` on the clock of now_s. */
void peers_reserve(peers_t *all, double until);
void peers_call(peers_t *all, double until);
void peers_run_flows(peers_t *all, double until);
void peers_idle(peers_t *all, double until);

/* ---- for the manners */

void peer_failed(peer_t *peer, const char *what, const char *why);
void peer_reserved(peer_t *peer);
/* The caller's stream or the called's is there. */
void peer_opened(peer_t *peer, minke_stream_t stream);
/* Something changed on it. */
void peer_move(peer_t *peer);
/* It has ended, with this error. */
void peer_closed(peer_t *peer, int error);

#endif
