/*
 * Being a relay (spec/host.md 11): the hop protocol served, and circuits joined from a hop and a stop stream. What it
 * decides and counts is src/relay/book.h's; this moves the bytes.
 *
 *     hop stream   RESERVE --> STATUS, finished
 *     hop stream   CONNECT --> a stop stream to the target: CONNECT --> its STATUS --> STATUS, and the two are one
 * circuit
 *
 * A circuit buffers nothing: what a stream has is taken when the other one has room. Each has a share of bytes a turn,
 * so that a busy one does not hold up the others.
 */
#ifndef MINKE_HOST_HOP_H
#define MINKE_HOST_HOP_H

#include "host/node.h"
#include "relay/book.h"

typedef struct minke_hop minke_hop_t;

/* NULL: out of memory, or options that cannot be used. */
MINKE_MUST_USE minke_hop_t *minke__hop_new(minke_node_t *node, const minke_relay_options_t *options);
/* When the streams of the node have gone. NULL is allowed. */
void minke__hop_free(minke_node_t *node);

const minke_relay_statistics_t *minke__hop_statistics(const minke_hop_t *hop);
void minke__hop_connection_ended(minke_node_t *node, const minke_node_connection_t *connection);
minke_time_t minke__hop_deadline(const minke_node_t *node);
/* The next share of those who have not had all they could. */
void minke__hop_tick(minke_node_t *node);

extern const minke_service_t minke__service_hop;

#endif
