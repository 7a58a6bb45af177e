#include "webrtc/observe.h"

#include "base/address.h"

void minke__trace_remote(const minke_connection_state_t *c, minke_trace_id_t id, const minke_address_t *remote,
                         minke_time_t now)
{
    char text[MINKE_ADDRESS_TEXT_BYTES];
    if (!minke__tracing(c->env)) return;
    minke__address_text(remote, text, sizeof text);
    minke__trace(c->env, now, c->id, id, text, (uint64_t)c->version);
}

void minke__trace_peer(const minke_connection_state_t *c, minke_time_t now)
{
    char text[MINKE_PEER_BYTES];
    if (!minke__tracing(c->env)) return;
    minke__peer_id_text(&c->peer, text);
    minke__trace(c->env, now, c->id, MINKE_TRACE_NOISE_AUTHENTICATED, text, 0);
}

void minke__trace_closed(const minke_connection_state_t *c, minke_time_t now)
{
    char text[sizeof c->close.text + 16];
    minke_writer_t w = minke__writer(text, sizeof text);
    if (!minke__tracing(c->env)) return;
    if (c->close.by_remote) minke__write_text(&w, "by the remote: ");
    minke__write_text(&w, c->close.text);
    minke__write_terminator(&w);
    minke__trace_of_layer(c->env, now, c->id, c->close.layer, MINKE_TRACE_NONE_CLOSED, text,
                          (uint64_t)(int64_t)c->close.code);
}

void minke__tap_train(const minke_env_t *env, minke_connection_t connection, bool received, const minke_train_t *train,
                      const minke_path_t *path, minke_time_t now)
{
    minke_packet_t packet = {
        .at = now, .kind = MINKE_PACKET_DATAGRAM, .received = received, .connection = connection, .path = path};
    for (size_t at = 0; at < train->len; at += train->segment_len) {
        packet.data = train->data + at;
        packet.len = train->len - at < train->segment_len ? train->len - at : train->segment_len;
        env->tap.packet(env->tap.user, &packet);
    }
}

void minke__tap_sctp(const minke_connection_state_t *c, const minke_path_t *path, const uint8_t *data, size_t len,
                     minke_time_t now)
{
    minke_path_t selected = {0};
    if (path == NULL) (void)minke__ice_selected(c->session->ice, &selected);
    const minke_packet_t packet = {.at = now,
                                   .kind = MINKE_PACKET_SCTP,
                                   .received = path != NULL,
                                   .connection = c->id,
                                   .path = path != NULL ? path : &selected,
                                   .data = data,
                                   .len = len};
    c->env->tap.packet(c->env->tap.user, &packet);
}
