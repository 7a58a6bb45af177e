/*
 * One UDP socket: trains in, trains out, replies from the address that was asked (IP_PKTINFO). As many datagrams go in
 * one call as the system allows, found out at run time and for each socket:
 *
 *              out                                       in
 *   offload    a train in one message (UDP_SEGMENT)      a train in one message (UDP_GRO)
 *      |  refused, again and again (UDP_SEGMENT); unknown (UDP_GRO)
 *   batches    a message for each datagram (sendmmsg)    datagrams of equal size joined again (recvmmsg)
 *      |  ENOSYS
 *   single     one datagram a call: what every POSIX system can
 */
#ifndef MINKE_DRIVER_UDP_H
#define MINKE_DRIVER_UDP_H

#include <minke/minke.h>

#include "base/env.h"

/* A train, and between what it travels. */
typedef struct minke_routed_train {
    minke_train_t train;
    minke_path_t path;
    bool in_pieces;   /* the system may cut its datagrams */
    int no_way;       /* out: errno if the system knows no way to the remote, else 0 */
    size_t too_large; /* out: bytes of a datagram of it that the system refused for its size; 0: of none */
} minke_routed_train_t;

/* As many datagrams, or trains, cross the boundary to the system in one call at most. */
enum { MINKE_UDP_MESSAGES_MAX = 64 };

typedef struct minke_udp {
    int fd;
    minke_address_t bound;
    bool segments;      /* UDP_SEGMENT is used */
    bool joins;         /* UDP_GRO is on: any message may be a train of 64 KiB */
    bool batches;       /* sendmmsg and recvmmsg are used */
    uint8_t refusals_n; /* trains that UDP_SEGMENT was refused for since one went */
    uint8_t lone_reads; /* until it is 0 trains are expected, and come one by one; see udp_recv.c */
} minke_udp_t;

/* Opens and binds. MINKE_ERROR_SYSTEM: errno says why. */
MINKE_MUST_USE int minke__udp_open(minke_udp_t *udp, const minke_address_t *address, minke_udp_batching_t batching);
void minke__udp_close(minke_udp_t *udp);

/* ---- in ---- */

/* Where datagrams go when they are read; all sockets of a thread share one. What was read stays until the next read. */
typedef struct minke_udp_inbox {
    uint8_t *bytes;
    size_t bytes_n;
    minke_routed_train_t trains[MINKE_UDP_MESSAGES_MAX];
    size_t trains_n;
    struct minke_udp_reads *reads; /* what recvmmsg fills in */
} minke_udp_inbox_t;

/* `bytes_max`: use no more of them than this, but MINKE_UDP_INBOX_LEAST in any case. MINKE_ERROR_NO_MEMORY. */
enum { MINKE_UDP_INBOX_LEAST = 2 * 66816 };
MINKE_MUST_USE int minke__udp_inbox_init(minke_udp_inbox_t *inbox, const minke_env_t *env, size_t bytes_max);
void minke__udp_inbox_free(minke_udp_inbox_t *inbox, const minke_env_t *env);

/* One call: fills `inbox->trains`, each from one remote. `path.socket` of each is left at 0. MINKE_OK;
 * MINKE_ERROR_AGAIN: there is nothing; MINKE_ERROR_SYSTEM: the read failed, the socket is still good. `*drained`:
 * nothing was left. */
MINKE_MUST_USE int minke__udp_recv(minke_udp_t *udp, minke_udp_inbox_t *inbox, bool *drained);

/* ---- out ---- */

/* Sends trains in their order. Returns how many are done with, sent or lost: less than all means that the socket's
 * buffer is full; of the first that is left what has been sent is cut off. Try again when the socket is writable. */
MINKE_MUST_USE size_t minke__udp_send(minke_udp_t *udp, minke_routed_train_t *trains, size_t n);

/* ---- */

/* udp_fragments.c: may the system cut the datagrams that are sent from now on into pieces, or do all carry DF? */
void minke__udp_fragment(const minke_udp_t *udp, bool allowed);

/* The addresses of this machine's interfaces of one family, those of loopback last. Returns how many. */
size_t minke__interface_addresses(uint8_t family, minke_address_t *out, size_t capacity);

#endif
