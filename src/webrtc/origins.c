/* How many inbound connections each address has. */
#include <string.h>

#include "webrtc/endpoint.h"

/* A /64 is what one subscriber gets (RFC 6177), and he is free to use every address in it. */
static minke_origin_t origin_of(const minke_address_t *remote)
{
    minke_origin_t origin = {.family = remote->family};
    memcpy(origin.prefix, remote->ip, remote->family == MINKE_FAMILY_IP4 ? 4 : sizeof origin.prefix);
    return origin;
}

static uint64_t hash_origin(const minke_map_t *map, const minke_origin_t *origin)
{
    uint8_t key[sizeof origin->prefix + 1];
    memcpy(key, origin->prefix, sizeof origin->prefix);
    key[sizeof origin->prefix] = origin->family;
    return minke__hash(map, key, sizeof key);
}

static minke_origin_t *find(const minke_map_t *map, const minke_origin_t *wanted, uint64_t hash)
{
    for (minke_map_node_t *node = minke__map_first(map, hash); node != NULL; node = minke__map_next(node)) {
        minke_origin_t *origin = MINKE_CONTAINER(node, minke_origin_t, node);
        if (origin->family != wanted->family) continue;
        if (memcmp(origin->prefix, wanted->prefix, sizeof origin->prefix) == 0) return origin;
    }
    return NULL;
}

uint32_t minke__origin_connections(const minke_transport_t *t, const minke_address_t *remote)
{
    const minke_origin_t wanted = origin_of(remote);
    const minke_origin_t *origin = find(&t->origins, &wanted, hash_origin(&t->origins, &wanted));
    return origin != NULL ? origin->connections : 0;
}

int minke__origin_enter(minke_transport_t *t, const minke_address_t *remote, minke_origin_t **out)
{
    const minke_origin_t wanted = origin_of(remote);
    const uint64_t hash = hash_origin(&t->origins, &wanted);
    minke_origin_t *origin = find(&t->origins, &wanted, hash);
    if (origin == NULL) {
        origin = minke__alloc(&t->env, sizeof *origin);
        if (origin == NULL) return MINKE_ERROR_NO_MEMORY;
        *origin = wanted;
        if (minke__map_insert(&t->origins, &origin->node, hash) < 0) {
            minke__free(&t->env, origin);
            return MINKE_ERROR_NO_MEMORY;
        }
    }
    origin->connections++;
    *out = origin;
    return MINKE_OK;
}

void minke__origin_leave(minke_transport_t *t, minke_origin_t **origin)
{
    minke_origin_t *left = *origin;
    *origin = NULL;
    if (left == NULL || --left->connections > 0) return;
    minke__map_remove(&t->origins, &left->node);
    minke__free(&t->env, left);
}
