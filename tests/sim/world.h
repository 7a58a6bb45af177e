/*
 * Whole endpoints in virtual time: transports joined by a virtual network. A world steps from event to event, so an
 * hour of waiting costs nothing.
 */
#ifndef MINKE_SIM_WORLD_H
#define MINKE_SIM_WORLD_H

#include <minke/transport.h>

#include "host/node.h"
#include "nat.h"
#include "network.h"
#include "support/test_env.h"
#include "tcp.h"

enum { SIM_ENDPOINTS_MAX = 8, SIM_SOCKETS_MAX = 260 };

typedef struct sim_socket {
    minke_socket_t id; /* 0: free */
    minke_address_t bound;
    minke_address_t seen; /* what others see: differs after sim_rebind */
} sim_socket_t;

typedef struct sim_endpoint {
    test_env_t memory;
    minke_transport_t *transport;
    minke_node_t *node; /* NULL: a bare transport */
    minke_address_t ip; /* without port */
    minke_address_t second_ip;
    size_t mtu;          /* of its interface: larger packets are refused. 0: none is */
    sim_nat_t *nat;      /* between it and the network, which knows the outside address alone; NULL: none */
    const char *deaf_to; /* datagrams with this text in them are lost on arrival; NULL: none */
    sim_socket_t sockets[SIM_SOCKETS_MAX];
    uint16_t next_port;
    uint16_t tcp_port;           /* where its node listens for TCP; 0: nowhere */
    char addr[MINKE_ADDR_BYTES]; /* of its listener, once it has one */
    /* The application: called for every event but those of sockets. */
    void (*on_event)(void *user, struct sim_endpoint *endpoint, const minke_transport_event_t *event);
    /* The same of a node. */
    void (*on_node_event)(void *user, struct sim_endpoint *endpoint, const minke_event_t *event);
    void *user;
    minke_time_t now;
} sim_endpoint_t;

typedef struct sim_world {
    minke_time_t now;
    sim_network_t *network;
    sim_tcp_t *tcp;
    sim_endpoint_t *endpoints[SIM_ENDPOINTS_MAX];
    size_t endpoints_n;
} sim_world_t;

/* Seeds everything, OpenSSL included. */
void sim_world_init(sim_world_t *world, uint64_t seed);
void sim_world_free(sim_world_t *world);

/* `options` NULL: defaults. An IPv6 address without a lower half is a /64, of which every socket has an address of its
 * own. Memory and randomness are replaced by the test's. */
sim_endpoint_t *sim_world_add(sim_world_t *world, const char *ip, const minke_transport_options_t *options,
                              uint64_t seed);
/* A host without its driver. `options` NULL: defaults. */
sim_endpoint_t *sim_world_add_node(sim_world_t *world, const char *ip, const minke_host_options_t *options,
                                   uint64_t seed);
/* A node without its driver, in the place of the one that was there, which leaves without a word; its sockets are gone.
 */
void sim_world_restart_node(sim_world_t *world, sim_endpoint_t *endpoint, const minke_host_options_t *options);
/* The same, and none comes: nobody is there any more. */
void sim_world_remove_node(sim_world_t *world, sim_endpoint_t *endpoint);
/* Before it is joined to others. The NAT must outlive the world. */
void sim_behind_nat(sim_endpoint_t *endpoint, sim_nat_t *nat);
/* Both directions alike. */
void sim_world_join(sim_world_t *world, const sim_endpoint_t *a, const sim_endpoint_t *b, const sim_link_t *link);
/* Opens a listener on this port; its address is in `addr` afterwards. */
void sim_listen(sim_world_t *world, sim_endpoint_t *endpoint, uint16_t port);
/* Dials one address. */
int sim_dial(minke_transport_t *transport, const char *addr, int version, minke_time_t now,
             minke_connection_t *connection);
/* Gives the endpoint an address of the other family as well; without it, sockets of that family cannot be opened. */
void sim_second_ip(sim_endpoint_t *endpoint, const char *ip);
/* Sockets that are open now. */
size_t sim_sockets(const sim_endpoint_t *endpoint);
/* What the endpoint sends comes from other ports from now on, as after a NAT has forgotten it. */
void sim_rebind(sim_endpoint_t *endpoint);

/* What the endpoint has to send and to tell leaves, without time passing. */
void sim_world_settle(sim_world_t *world, sim_endpoint_t *endpoint);
/* Goes on until `done` says so or `until` is reached. True: done. */
bool sim_world_run(sim_world_t *world, minke_time_t until, bool (*done)(void *user), void *user);

#endif
