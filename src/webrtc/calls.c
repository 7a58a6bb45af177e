/* The public calls that name a connection or a stream by its number. */
#include "webrtc/endpoint.h"

static minke_connection_state_t *live(const minke_transport_t *t, minke_connection_t id)
{
    minke_connection_state_t *c = minke__endpoint_connection(t, id);
    return c != NULL && !c->closed_told ? c : NULL;
}

int minke_transport_close(minke_transport_t *t, minke_connection_t id, const char *reason, minke_time_t now)
{
    minke_connection_state_t *c = live(t, id);
    if (c == NULL) return MINKE_ERROR_STALE;
    const minke_close_t close =
        minke__close_reason(MINKE_LAYER_HOST, MINKE_OK, reason != NULL ? reason : "closed by the application");
    minke__connection_close(c, &close, now);
    minke__endpoint_touch(t, c);
    return MINKE_OK;
}

int minke_transport_peer(const minke_transport_t *t, minke_connection_t id, char text[MINKE_PEER_BYTES])
{
    const minke_connection_state_t *c = live(t, id);
    if (c == NULL) return MINKE_ERROR_STALE;
    if (!c->was_open) return MINKE_ERROR_STATE;
    minke__peer_id_text(&c->peer, text);
    return MINKE_OK;
}

int minke_transport_peer_key(const minke_transport_t *t, minke_connection_t id, const uint8_t **key, size_t *len)
{
    const minke_connection_state_t *c = live(t, id);
    if (c == NULL) return MINKE_ERROR_STALE;
    if (!c->was_open) return MINKE_ERROR_STATE;
    *key = c->peer_key;
    *len = c->peer_key_len;
    return MINKE_OK;
}

int minke_transport_stats(const minke_transport_t *t, minke_connection_t id, minke_connection_stats_t *stats)
{
    static const minke_layer_t layers[] = {
        [MINKE_PHASE_SOCKET] = MINKE_LAYER_NETWORK, [MINKE_PHASE_ICE] = MINKE_LAYER_ICE,
        [MINKE_PHASE_DTLS] = MINKE_LAYER_DTLS,      [MINKE_PHASE_SCTP] = MINKE_LAYER_SCTP,
        [MINKE_PHASE_NOISE] = MINKE_LAYER_NOISE,    [MINKE_PHASE_OPEN] = MINKE_LAYER_HOST,
        [MINKE_PHASE_CLOSING] = MINKE_LAYER_NONE,   [MINKE_PHASE_CLOSED] = MINKE_LAYER_NONE};
    const minke_connection_state_t *c = live(t, id);
    if (c == NULL) return MINKE_ERROR_STALE;
    *stats = (minke_connection_stats_t){.inbound = c->inbound,
                                        .version = c->version,
                                        .kind = c->private_part != NULL ? MINKE_PATH_PRIVATE : MINKE_PATH_DIRECT,
                                        .layer = layers[c->phase],
                                        .last_step = c->last_step,
                                        .started_at = c->started_at,
                                        .ice_at = c->ice_at,
                                        .dtls_at = c->dtls_at,
                                        .sctp_at = c->sctp_at,
                                        .noise_at = c->noise_at,
                                        .bytes_sent = c->bytes_sent,
                                        .bytes_received = c->bytes_received,
                                        .memory = c->account.used};
    if (c->session != NULL) {
        minke_path_t paths[MINKE_ICE_PAIRS_MAX];
        stats->pairs = (uint32_t)minke__ice_pairs(c->session->ice, paths, MINKE_ICE_PAIRS_MAX);
        stats->pairs_validated = (uint32_t)minke__ice_validated_pairs(c->session->ice);
        (void)minke__ice_selected(c->session->ice, &stats->path);
    }
    if (c->sctp != NULL) {
        const minke_sctp_stats_t sctp = minke__sctp_stats(c->sctp);
        const minke_mux_stats_t mux = minke__mux_stats(c->mux);
        stats->smoothed_rtt = sctp.smoothed_rtt;
        stats->retransmit_after = sctp.rto;
        stats->bytes_acked = sctp.bytes_acked;
        stats->bytes_delivered = sctp.bytes_delivered;
        stats->chunks_retransmitted = sctp.retransmitted;
        stats->losses = sctp.losses;
        stats->timeouts = sctp.timeouts;
        stats->undone = sctp.undone;
        stats->pacing_rate = sctp.pacing_rate;
        stats->congestion = c->config->sctp.congestion;
        stats->congestion_window = sctp.congestion_window;
        stats->in_flight = sctp.in_flight;
        stats->peer_window = sctp.peer_window;
        stats->receive_window = sctp.receive_window;
        stats->packet_max = sctp.packet_max;
        stats->streams = mux.inbound + mux.outbound;
        stats->unread = mux.unread;
        stats->unsent = mux.unsent;
    }
    return MINKE_OK;
}

/* ---- streams ---- */

int minke_transport_open(minke_transport_t *t, minke_connection_t id, minke_time_t now, minke_stream_t *stream)
{
    minke_connection_state_t *c = live(t, id);
    if (c == NULL) return MINKE_ERROR_STALE;
    if (!minke__connection_is_open(c)) return c->was_open ? MINKE_ERROR_CONNECTION_CLOSED : MINKE_ERROR_STATE;
    minke_mux_stream_t *opened;
    minke__mux_set_now(c->mux, now);
    const int error = minke__mux_open(c->mux, &opened);
    if (error < 0) return error;
    *stream = minke__mux_stream_id(opened);
    minke__endpoint_touch(t, c);
    return MINKE_OK;
}

static minke_mux_stream_t *stream_of(const minke_transport_t *t, minke_stream_t id)
{
    return minke__handles_get(&t->streams, id);
}

/* A stream about to be changed: its connection's clock is set, and the endpoint will look at it afterwards. */
static minke_mux_stream_t *begin(minke_transport_t *t, minke_stream_t id, minke_time_t now,
                                 minke_connection_state_t **c)
{
    minke_mux_stream_t *stream = stream_of(t, id);
    if (stream == NULL) return NULL;
    *c = minke__endpoint_connection(t, minke__mux_stream_connection(stream));
    minke__mux_set_now((*c)->mux, now);
    return stream;
}

ssize_t minke_transport_write(minke_transport_t *t, minke_stream_t id, const void *data, size_t len, minke_time_t now)
{
    minke_connection_state_t *c;
    minke_mux_stream_t *stream = begin(t, id, now, &c);
    if (stream == NULL) return MINKE_ERROR_STALE;
    const ssize_t taken = minke__mux_write(stream, data, len);
    minke__endpoint_wake(t, c);
    return taken;
}

ssize_t minke_transport_peek(minke_transport_t *t, minke_stream_t id, const uint8_t **data)
{
    minke_mux_stream_t *stream = stream_of(t, id);
    return stream != NULL ? minke__mux_peek(stream, data) : MINKE_ERROR_STALE;
}

int minke_transport_consume(minke_transport_t *t, minke_stream_t id, size_t len, minke_time_t now)
{
    minke_connection_state_t *c;
    minke_mux_stream_t *stream = begin(t, id, now, &c);
    if (stream == NULL) return MINKE_ERROR_STALE;
    const int error = minke__mux_consume(stream, len);
    minke__endpoint_wake(t, c);
    return error;
}

int minke_transport_finish(minke_transport_t *t, minke_stream_t id, minke_time_t now)
{
    minke_connection_state_t *c;
    minke_mux_stream_t *stream = begin(t, id, now, &c);
    if (stream == NULL) return MINKE_ERROR_STALE;
    const int error = minke__mux_finish(stream);
    minke__endpoint_touch(t, c);
    return error;
}

int minke_transport_reset(minke_transport_t *t, minke_stream_t id, uint32_t code, minke_time_t now)
{
    minke_connection_state_t *c;
    minke_mux_stream_t *stream = begin(t, id, now, &c);
    if (stream == NULL) return MINKE_ERROR_STALE;
    const int error = minke__mux_reset(stream, code);
    minke__endpoint_touch(t, c);
    return error;
}

int minke_transport_stop(minke_transport_t *t, minke_stream_t id, uint32_t code, minke_time_t now)
{
    minke_connection_state_t *c;
    minke_mux_stream_t *stream = begin(t, id, now, &c);
    if (stream == NULL) return MINKE_ERROR_STALE;
    const int error = minke__mux_stop(stream, code);
    minke__endpoint_touch(t, c);
    return error;
}

size_t minke_transport_writable(const minke_transport_t *t, minke_stream_t id)
{
    const minke_mux_stream_t *stream = stream_of(t, id);
    return stream != NULL ? minke__mux_writable(stream) : 0;
}
