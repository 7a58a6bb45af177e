/* From the caller's multiaddrs to what is tried in which order; and the call that dials. */
#include <string.h>

#include "multiformats/multiaddr.h"
#include "webrtc/dial.h"

static int read_target(minke_dial_plan_t *plan, const char *multiaddr, minke_dial_target_t *target)
{
    minke_multiaddr_t parsed;
    minke_direct_address_t direct;
    int error = minke__multiaddr_parse(multiaddr, strlen(multiaddr), &parsed);
    if (error < 0) return error;
    error = minke__multiaddr_to_direct(&parsed, &direct);
    if (error < 0) return error;
    if (direct.certhashes_n == 0 || direct.address.port == 0) return MINKE_ERROR_ADDRESS;
    if (plan->peer.len == 0) plan->peer = direct.peer;
    if (direct.peer.len > 0 && !minke__peer_id_equal(&direct.peer, &plan->peer)) return MINKE_ERROR_ADDRESS;
    *target = (minke_dial_target_t){.address = direct.address, .certhashes.n = direct.certhashes_n};
    memcpy(target->certhashes.sha256, direct.certhashes, sizeof target->certhashes.sha256);
    return MINKE_OK;
}

/* The next target from `*at` on that is, or is not, IPv6; NULL: there is none. */
static const minke_dial_target_t *next_of(const minke_dial_target_t *targets, size_t n, bool ip6, size_t *at)
{
    while (*at < n) {
        const minke_dial_target_t *target = &targets[(*at)++];
        if ((target->address.family == MINKE_FAMILY_IP6) == ip6) return target;
    }
    return NULL;
}

/* RFC 8305 4, with one address of the first family at a time. */
static void interleave(minke_dial_plan_t *plan, const minke_dial_target_t *from)
{
    size_t places[2] = {0}; /* how far each family has been read */
    bool ip6 = true;
    for (size_t i = 0; i < plan->targets_n; i++, ip6 = !ip6) {
        const minke_dial_target_t *next = next_of(from, plan->targets_n, ip6, &places[ip6]);
        if (next == NULL) next = next_of(from, plan->targets_n, !ip6, &places[!ip6]);
        plan->targets[i] = *next;
    }
}

int minke__dial_plan(minke_dial_plan_t *plan, const char *const *multiaddrs, size_t count)
{
    minke_dial_target_t targets[MINKE_DIAL_ADDRESSES_MAX];
    *plan = (minke_dial_plan_t){.targets_n = (uint8_t)count};
    for (size_t i = 0; i < count; i++) {
        const int error = read_target(plan, multiaddrs[i], &targets[i]);
        if (error < 0) return error;
    }
    interleave(plan, targets);
    return MINKE_OK;
}

static int make_connection(minke_transport_t *t, const minke_peer_id_t *peer, minke_time_t now,
                           minke_connection_state_t **out)
{
    const minke_connection_t id = minke__endpoint_reserve(t);
    *out = id != 0 ? minke__connection_dial(&t->config, peer, id, t->options.dial_after, now) : NULL;
    if (*out != NULL) return minke__endpoint_add(t, *out);
    minke__handles_remove(&t->connections, id);
    return MINKE_ERROR_NO_MEMORY;
}

int minke_transport_dial(minke_transport_t *t, const char *const *multiaddrs, size_t count, int version,
                         minke_time_t now, minke_connection_t *connection)
{
    minke_dial_plan_t plan;
    minke_connection_state_t *c;
    if (version < 0 || version > 2 || count < 1 || count > MINKE_DIAL_ADDRESSES_MAX) return MINKE_ERROR_INVALID;
    int error = minke__dial_plan(&plan, multiaddrs, count);
    if (error == MINKE_OK) error = minke__endpoint_has_room(t);
    if (error < 0) return error;
    error = make_connection(t, &plan.peer, now, &c);
    if (error < 0) return error;
    error = minke__dial_start(t, c, &plan, version, now);
    if (error < 0) {
        minke__endpoint_remove(t, c);
        return error;
    }
    minke__endpoint_touch(t, c);
    *connection = c->id;
    return MINKE_OK;
}
