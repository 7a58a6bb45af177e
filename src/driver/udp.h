/*
 * One UDP socket: trains in by UDP_GRO, trains out by UDP_SEGMENT, replies from the address that was asked
 * (IP_PKTINFO). Where the kernel knows neither offload, datagrams go one by one.
 */
#ifndef MINKE_DRIVER_UDP_H
#define MINKE_DRIVER_UDP_H

#include <minke/transport.h>

typedef struct minke_udp {
    int fd;
    minke_address_t bound;
    bool segmentation; /* UDP_SEGMENT has not failed yet */
    int no_way;        /* errno of the last send if the system knew no way to the remote, else 0 */
    size_t too_large;  /* bytes of a datagram of the last send that the system refused for its size; 0: of none */
} minke_udp_t;

/* Opens and binds. MINKE_ERROR_SYSTEM: errno says why. */
MINKE_MUST_USE int minke__udp_open(minke_udp_t *udp, const minke_address_t *address);
void minke__udp_close(minke_udp_t *udp);

/* One read: a train of datagrams from one remote. `path->socket` is left alone. MINKE_OK; MINKE_ERROR_AGAIN: nothing
 * there; MINKE_ERROR_SYSTEM: the read failed, the socket is still good. */
MINKE_MUST_USE int minke__udp_recv(minke_udp_t *udp, uint8_t *buffer, size_t capacity, minke_train_t *train,
                                   minke_path_t *path);

/* Sends a train. Returns the bytes of it that are done with, sent or lost: less than all means that the socket's buffer
 * is full, try the rest when it is writable. */
MINKE_MUST_USE size_t minke__udp_send(minke_udp_t *udp, const minke_train_t *train, const minke_path_t *path);

/* udp_fragments.c: what the system may do with the datagrams that are sent from now on. */
void minke__udp_fragment(const minke_udp_t *udp, minke_fragmentation_t fragmentation);

/* The addresses of this machine's interfaces of one family, those of loopback last. Returns how many. */
size_t minke__interface_addresses(uint8_t family, minke_address_t *out, size_t capacity);

#endif
