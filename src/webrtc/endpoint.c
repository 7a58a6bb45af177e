#include "webrtc/endpoint.h"

#include <string.h>

#include "base/address.h"

/* ---- look-ups ---- */

minke_connection_state_t *minke__endpoint_connection(const minke_transport_t *t, minke_connection_t id)
{
    return minke__handles_get(&t->connections, id);
}

static uint64_t hash_path(const minke_map_t *map, minke_socket_t socket, const minke_address_t *remote)
{
    uint8_t key[sizeof socket + sizeof *remote];
    memcpy(key, &socket, sizeof socket);
    memcpy(key + sizeof socket, remote, sizeof *remote); /* has no padding: minke/types.h */
    return minke__hash(map, key, sizeof key);
}

static minke_path_entry_t *find_path(const minke_transport_t *t, minke_socket_t socket, const minke_address_t *remote)
{
    minke_map_node_t *node = minke__map_first(&t->paths, hash_path(&t->paths, socket, remote));
    for (; node != NULL; node = minke__map_next(node)) {
        minke_path_entry_t *entry = MINKE_CONTAINER(node, minke_path_entry_t, node);
        if (entry->socket == socket && minke__address_equal(&entry->remote, remote)) return entry;
    }
    return NULL;
}

minke_connection_state_t *minke__endpoint_by_path(const minke_transport_t *t, const minke_path_t *path)
{
    const minke_path_entry_t *entry = find_path(t, path->socket, &path->remote);
    return entry != NULL ? entry->owner : NULL;
}

minke_connection_state_t *minke__endpoint_by_ufrag(const minke_transport_t *t, const char *ufrag, size_t len,
                                                   const minke_path_t *path)
{
    minke_connection_state_t *found = NULL;
    minke_map_node_t *node = minke__map_first(&t->ufrags, minke__hash(&t->ufrags, ufrag, len));
    for (; node != NULL; node = minke__map_next(node)) {
        minke_connection_state_t *c = MINKE_CONTAINER(node, minke_connection_state_t, by_ufrag);
        const minke_ice_credentials_view_t own = minke__ice_local(c->ice);
        if (own.ufrag_len != len || memcmp(own.ufrag, ufrag, len) != 0) continue;
        found = c;
        if (minke__ice_knows(c->ice, path)) break; /* two dials may share a ufrag: the address tells them apart */
    }
    return found;
}

/* ---- the table of addresses follows the pairs of the ICE agent ---- */

static void forget_path(minke_transport_t *t, minke_path_entry_t *entry)
{
    minke__map_remove(&t->paths, &entry->node);
    minke__list_remove(&entry->siblings);
    minke__free(&t->env, entry);
}

static void forget_paths(minke_transport_t *t, minke_connection_state_t *c)
{
    while (!minke__list_empty(&c->paths)) {
        forget_path(t, MINKE_CONTAINER(c->paths.next, minke_path_entry_t, siblings));
    }
}

/* The latest owner wins: a NAT may give a new connection the address of a dead one (spec/webrtc-direct.md 4). */
static void learn_path(minke_transport_t *t, minke_connection_state_t *c, const minke_path_t *path)
{
    minke_path_entry_t *entry = find_path(t, path->socket, &path->remote);
    if (entry != NULL) {
        minke__list_remove(&entry->siblings);
    } else {
        entry = minke__alloc(&t->env, sizeof *entry);
        if (entry == NULL) return; /* the next check of the remote tries again */
        entry->socket = path->socket;
        entry->remote = path->remote;
        if (minke__map_insert(&t->paths, &entry->node, hash_path(&t->paths, path->socket, &path->remote)) < 0) {
            minke__free(&t->env, entry);
            return;
        }
    }
    entry->owner = c;
    minke__list_append(&c->paths, &entry->siblings);
}

static void sync_paths(minke_transport_t *t, minke_connection_state_t *c)
{
    minke_path_t paths[MINKE_ICE_PAIRS_MAX];
    const uint32_t generation = minke__ice_generation(c->ice);
    if (generation == c->ice_generation) return;
    c->ice_generation = generation;
    forget_paths(t, c);
    const size_t n = minke__ice_pairs(c->ice, paths, MINKE_ICE_PAIRS_MAX);
    for (size_t i = 0; i < n; i++) learn_path(t, c, &paths[i]);
}

/* ---- book-keeping ---- */

static void count_handshake(minke_transport_t *t, minke_connection_state_t *c)
{
    const bool in_setup = c->inbound && minke__connection_in_setup(c);
    if (in_setup == c->counted) return;
    c->counted = in_setup;
    if (in_setup) t->handshakes++;
    else t->handshakes--;
}

static void append_once(minke_list_t *list, minke_list_t *node)
{
    if (!minke__list_linked(node)) minke__list_append(list, node);
}

void minke__endpoint_touch(minke_transport_t *t, minke_connection_state_t *c)
{
    sync_paths(t, c);
    count_handshake(t, c);
    minke__heap_set(&t->timers, &c->timer, minke__connection_deadline(c));
    append_once(&t->to_send, &c->to_send);
    append_once(&t->to_tell, &c->to_tell);
}

minke_connection_t minke__endpoint_reserve(minke_transport_t *t)
{
    /* Any object will do until the connection exists; nobody knows the id yet. */
    return minke__handles_add(&t->connections, t);
}

int minke__endpoint_add(minke_transport_t *t, minke_connection_state_t *c)
{
    const minke_ice_credentials_view_t own = minke__ice_local(c->ice);
    int error = minke__heap_reserve(&t->timers, t->connections.count);
    if (error == MINKE_OK) {
        error = minke__map_insert(&t->ufrags, &c->by_ufrag, minke__hash(&t->ufrags, own.ufrag, own.ufrag_len));
    }
    if (error < 0) {
        minke__handles_remove(&t->connections, c->id);
        minke__connection_free(c);
        return error;
    }
    minke__handles_replace(&t->connections, c->id, c);
    minke__list_append(&t->everyone, &c->siblings);
    minke__endpoint_touch(t, c);
    return MINKE_OK;
}

void minke__endpoint_remove(minke_transport_t *t, minke_connection_state_t *c)
{
    if (c->counted) t->handshakes--;
    forget_paths(t, c);
    minke__heap_set(&t->timers, &c->timer, MINKE_TIME_NEVER);
    minke__list_remove(&c->siblings);
    minke__list_remove(&c->to_send);
    minke__list_remove(&c->to_tell);
    minke__map_remove(&t->ufrags, &c->by_ufrag);
    minke__handles_remove(&t->connections, c->id);
    if (c->own_socket != 0) minke__endpoint_socket_close(t, c->own_socket);
    minke__connection_free(c);
    minke__blocks_empty(&t->env); /* whoever needed them may have been this one */
}
