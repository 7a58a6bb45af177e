/* Packets as large as the path takes: what SCTP has to know of the layers below, and what the driver has to know of a
 * datagram. */
#include "base/address.h"
#include "webrtc/endpoint.h"
#include "webrtc/observe.h"

/* SMALLEST: no datagram is larger before the path is known to take it. */
enum { IP4_BYTES = 20, IP6_BYTES = 40, UDP_BYTES = 8, SMALLEST = 1232 };

static size_t dtls_bytes(const minke_connection_state_t *c)
{
    return minke__dtls_head(c->dtls) + minke__dtls_tail(c->dtls);
}

void minke__connection_follow_path(minke_connection_state_t *c, const minke_path_t *path, minke_time_t now)
{
    if (c->sized_socket == path->socket && minke__address_equal(&c->sized_remote, &path->remote)) return;
    c->sized_socket = path->socket;
    c->sized_remote = path->remote;
    c->in_pieces = false;
    const bool ip6 = path->remote.family == MINKE_FAMILY_IP6;
    const size_t below = (size_t)(ip6 ? IP6_BYTES : IP4_BYTES) + UDP_BYTES + dtls_bytes(c);
    minke__sctp_path(c->sctp, c->config->mtu_max, (uint16_t)below, !ip6, now);
}

size_t minke__connection_transmit_probe(minke_connection_state_t *c, uint8_t *buffer, size_t capacity, minke_time_t now)
{
    const size_t head = minke__dtls_head(c->dtls), around = dtls_bytes(c);
    if (capacity <= around) return 0;
    const size_t len = minke__sctp_transmit_probe(c->sctp, buffer + head, capacity - around, now);
    if (len == 0) return 0;
    if (minke__tapping(c->env)) minke__tap_sctp(c, NULL, buffer + head, len, now);
    c->fragmentation = MINKE_FRAGMENT_NEVER;
    return minke__dtls_seal(c->dtls, buffer, len);
}

minke_fragmentation_t minke_transport_fragmentation(const minke_transport_t *t) { return t->fragmentation; }

void minke_transport_too_large(minke_transport_t *t, const minke_path_t *path, size_t len, minke_time_t now)
{
    const minke_ice_session_t *session = minke__endpoint_by_path(t, path);
    if (session == NULL || session->owner->dial != NULL || session->owner->phase >= MINKE_PHASE_CLOSING) return;
    minke_connection_state_t *c = session->owner;
    if (len <= SMALLEST) c->in_pieces = true;
    else if (c->sctp != NULL) minke__sctp_refused(c->sctp, len - dtls_bytes(c), now);
    minke__endpoint_touch(t, c);
}
