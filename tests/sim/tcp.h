/*
 * TCP between the nodes of a world, in memory: bytes take their time, are cut anywhere, and a connection breaks when a
 * test says so. It is the part of a driver that connects, accepts and carries; a node listens once its endpoint has a
 * tcp_port.
 */
#ifndef MINKE_SIM_TCP_H
#define MINKE_SIM_TCP_H

#include "upgrade/endpoint.h"

struct sim_world;
struct sim_endpoint;
struct minke_node_request;
typedef struct sim_tcp sim_tcp_t;

sim_tcp_t *sim_tcp_new(uint64_t seed);
void sim_tcp_free(sim_tcp_t *tcp);
/* One way; default 10 ms. */
void sim_tcp_set_delay(sim_tcp_t *tcp, minke_time_t delay);
/* What is written arrives in pieces of 1 to `most` bytes, each for itself. 0: whole. */
void sim_tcp_set_piece(sim_tcp_t *tcp, size_t most);
/* Bytes on their way or unread in a direction, before the sender has to wait; default 64 KiB. */
void sim_tcp_set_window(sim_tcp_t *tcp, size_t bytes);

/* What the nodes ask for. */
void sim_tcp_connect(struct sim_world *world, struct sim_endpoint *dialer, const struct minke_node_request *request);
void sim_tcp_cancel(struct sim_world *world, struct sim_endpoint *dialer, uint64_t attempt);
void sim_tcp_release(struct sim_world *world, minke_carrier_t *carrier);
void sim_tcp_send(struct sim_world *world, struct sim_endpoint *endpoint, minke_connection_t connection);

minke_time_t sim_tcp_deadline(const sim_tcp_t *tcp);
void sim_tcp_deliver(struct sim_world *world);

/* Every connection of this endpoint breaks, at both ends and at once. */
void sim_tcp_break(struct sim_world *world, const struct sim_endpoint *endpoint);
/* Its node is about to go without a word: the others see their connections end. */
void sim_tcp_leave(struct sim_world *world, const struct sim_endpoint *endpoint);

#endif
