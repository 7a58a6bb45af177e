#include "host/link.h"

#include "webrtc/endpoint.h"

int minke__link_open(minke_node_t *node, minke_connection_t below, minke_stream_t *stream)
{
    if (minke__is_bytes_id(below)) return minke__bytes_open(node->bytes, below, node->now, stream);
    return minke_transport_open(node->transport, below, node->now, stream);
}

ssize_t minke__link_write(minke_node_t *node, minke_stream_t stream, const void *data, size_t len)
{
    if (minke__is_bytes_id(stream)) return minke__bytes_write(node->bytes, stream, data, len, node->now);
    return minke_transport_write(node->transport, stream, data, len, node->now);
}

bool minke__link_flush(minke_node_t *node, minke_stream_t stream, minke_byte_queue_t *queue)
{
    const uint8_t *data;
    for (size_t n; (n = minke__byte_queue_peek(queue, &data)) > 0;) {
        const ssize_t taken = minke__link_write(node, stream, data, n);
        if (taken <= 0) return false;
        minke__byte_queue_consume(queue, &node->env, (size_t)taken);
    }
    return true;
}

ssize_t minke__link_peek(const minke_node_t *node, minke_stream_t stream, const uint8_t **data)
{
    if (minke__is_bytes_id(stream)) return minke__bytes_peek(node->bytes, stream, data);
    return minke_transport_peek(node->transport, stream, data);
}

int minke__link_consume(minke_node_t *node, minke_stream_t stream, size_t len)
{
    if (minke__is_bytes_id(stream)) return minke__bytes_consume(node->bytes, stream, len, node->now);
    return minke_transport_consume(node->transport, stream, len, node->now);
}

int minke__link_finish(minke_node_t *node, minke_stream_t stream)
{
    if (minke__is_bytes_id(stream)) return minke__bytes_finish(node->bytes, stream, node->now);
    return minke_transport_finish(node->transport, stream, node->now);
}

int minke__link_reset(minke_node_t *node, minke_stream_t stream, uint32_t code)
{
    if (minke__is_bytes_id(stream)) return minke__bytes_reset(node->bytes, stream, node->now);
    return minke_transport_reset(node->transport, stream, code, node->now);
}

int minke__link_stop(minke_node_t *node, minke_stream_t stream, uint32_t code)
{
    if (minke__is_bytes_id(stream)) return minke__bytes_stop(node->bytes, stream, node->now);
    return minke_transport_stop(node->transport, stream, code, node->now);
}

size_t minke__link_writable(const minke_node_t *node, minke_stream_t stream)
{
    if (minke__is_bytes_id(stream)) return minke__bytes_writable(node->bytes, stream);
    return minke_transport_writable(node->transport, stream);
}

int minke__link_close(minke_node_t *node, minke_connection_t below, const char *reason)
{
    if (minke__is_bytes_id(below)) return minke__bytes_close(node->bytes, below, node->now);
    return minke_transport_close(node->transport, below, reason, node->now);
}

const minke_peer_id_t *minke__link_peer(const minke_node_t *node, minke_connection_t below)
{
    if (minke__is_bytes_id(below)) return minke__bytes_peer(node->bytes, below);
    const minke_connection_state_t *c = minke__endpoint_connection(node->transport, below);
    return c != NULL && c->was_open ? &c->peer : NULL;
}

const minke_env_t *minke__link_env(const minke_node_t *node, minke_connection_t below)
{
    if (minke__is_bytes_id(below)) return minke__bytes_env(node->bytes, below);
    const minke_connection_state_t *c = minke__endpoint_connection(node->transport, below);
    return c != NULL ? c->env : NULL;
}

/*
 * Over bytes, and between two of us, data follows the proposal at once. To others nothing does before the answer is
 * here: libdatachannel (0.24.5) hands a new channel's messages to its user from two threads while that one sets its
 * callback, and of several that come in that moment one can be overtaken.
 */
bool minke__link_is_eager(const minke_node_t *node, minke_connection_t below)
{
    if (minke__is_bytes_id(below)) return true;
    const minke_connection_state_t *c = minke__endpoint_connection(node->transport, below);
    return c != NULL && c->sctp != NULL && minke__sctp_is_with_minke(c->sctp);
}

void minke__link_set_user(minke_node_t *node, minke_connection_t below, void *user)
{
    if (minke__is_bytes_id(below)) {
        minke__bytes_set_user(node->bytes, below, user);
        return;
    }
    minke_connection_state_t *c = minke__endpoint_connection(node->transport, below);
    if (c != NULL) c->user = user;
}

void *minke__link_user(const minke_node_t *node, minke_connection_t below)
{
    if (minke__is_bytes_id(below)) return minke__bytes_user(node->bytes, below);
    const minke_connection_state_t *c = minke__endpoint_connection(node->transport, below);
    return c != NULL ? c->user : NULL;
}

void minke__link_stream_set_user(minke_node_t *node, minke_stream_t stream, void *user)
{
    if (minke__is_bytes_id(stream)) {
        minke__bytes_stream_set_user(node->bytes, stream, user);
        return;
    }
    minke_mux_stream_t *below = minke__handles_get(&node->transport->streams, stream);
    if (below != NULL) minke__mux_stream_set_user(below, user);
}

void *minke__link_stream_user(const minke_node_t *node, minke_stream_t stream)
{
    if (minke__is_bytes_id(stream)) return minke__bytes_stream_user(node->bytes, stream);
    minke_mux_stream_t *below = minke__handles_get(&node->transport->streams, stream);
    return below != NULL ? minke__mux_stream_user(below) : NULL;
}
