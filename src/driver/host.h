/*
 * Inside of minke_host_t: a node (src/host/node.h) driven by epoll.
 *
 *     sockets --recv--> transport --> node --> events --> application
 *     sockets <--send-- transport <-- node <-- calls  <--
 */
#ifndef MINKE_DRIVER_HOST_H
#define MINKE_DRIVER_HOST_H

#include "base/list.h"
#include "base/map.h"
#include "driver/udp.h"
#include "host/node.h"
#include "webrtc/connection.h"

/* A socket that the transport asked for. */
typedef struct minke_host_socket {
    minke_map_node_t by_id;
    minke_socket_t id;
    minke_udp_t udp;
} minke_host_socket_t;

/* A listener that was asked for. */
typedef struct minke_host_listener {
    minke_list_t siblings;
    minke_socket_t socket;
    char addr[MINKE_ADDR_BYTES];
} minke_host_listener_t;

/* A LISTENING or LISTEN_FAILED event that waits. */
typedef struct minke_host_notice {
    minke_list_t siblings;
    bool failed;
    char addr[MINKE_ADDR_BYTES];
    char reason[96];
} minke_host_notice_t;

struct minke_host {
    minke_node_t *node;
    minke_time_t now;
    int epoll;
    minke_map_t sockets; /* id -> minke_host_socket_t */
    minke_list_t listeners, notices;
    minke_address_t announced[8];
    size_t announced_n;
    minke_host_notice_t *told; /* the one whose strings the application may still look at */

    /* A train that its socket had no room for; nothing else is sent before it. */
    minke_train_t unsent;
    minke_path_t unsent_path;
    uint8_t *out; /* MINKE_TRAIN_BYTES */
    uint8_t *in;
};

/* listen.c */
void minke__host_socket_opened(minke_host_t *host, minke_socket_t socket, const minke_address_t *bound);
/* False: no listener asked for this socket. */
bool minke__host_listener_failed(minke_host_t *host, minke_socket_t socket, const char *reason);
bool minke__host_notice(minke_host_t *host, minke_event_t *event);
void minke__host_listeners_free(minke_host_t *host);

#endif
