/*
 * The two kinds of connection below a node behind one set of calls: datagrams (minke_transport_t) and bytes
 * (minke_byte_endpoint_t). The number of a connection or stream says which it is. The time is the node's `now`; errors
 * are those of minke/transport.h.
 */
#ifndef MINKE_HOST_LINK_H
#define MINKE_HOST_LINK_H

#include "host/node.h"

MINKE_MUST_USE int minke__link_open(minke_node_t *node, minke_connection_t below, minke_stream_t *stream);
MINKE_MUST_USE ssize_t minke__link_write(minke_node_t *node, minke_stream_t stream, const void *data, size_t len);
MINKE_MUST_USE ssize_t minke__link_peek(const minke_node_t *node, minke_stream_t stream, const uint8_t **data);
int minke__link_consume(minke_node_t *node, minke_stream_t stream, size_t len);
int minke__link_finish(minke_node_t *node, minke_stream_t stream);
int minke__link_reset(minke_node_t *node, minke_stream_t stream, uint32_t code);
int minke__link_stop(minke_node_t *node, minke_stream_t stream, uint32_t code);
size_t minke__link_writable(const minke_node_t *node, minke_stream_t stream);

/* `reason` NULL: a standard one. */
int minke__link_close(minke_node_t *node, minke_connection_t below, const char *reason);
/* NULL: stale, or not up. */
const minke_peer_id_t *minke__link_peer(const minke_node_t *node, minke_connection_t below);
/* Whose memory: NULL when stale. */
const minke_env_t *minke__link_env(const minke_node_t *node, minke_connection_t below);
/* Writes what is in the queue, as far as it goes. False: some is left; WRITABLE follows, or the end. */
bool minke__link_flush(minke_node_t *node, minke_stream_t stream, minke_byte_queue_t *queue);
/* May data follow a proposal at once? */
bool minke__link_is_eager(const minke_node_t *node, minke_connection_t below);
/* What the node hangs on connections and streams. Setting is ignored for stale numbers, which have NULL. */
void minke__link_set_user(minke_node_t *node, minke_connection_t below, void *user);
void *minke__link_user(const minke_node_t *node, minke_connection_t below);
void minke__link_stream_set_user(minke_node_t *node, minke_stream_t stream, void *user);
void *minke__link_stream_user(const minke_node_t *node, minke_stream_t stream);

#endif
