#include "webrtc/endpoint.h"

#include <string.h>

#include "base/address.h"
#include "webrtc/dial.h"
#include "webrtc/private.h"

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

static bool is_path(const minke_path_entry_t *entry, minke_socket_t socket, const minke_address_t *remote)
{
    return entry->socket == socket && minke__address_equal(&entry->remote, remote);
}

static minke_path_entry_t *find_path(const minke_transport_t *t, minke_socket_t socket, const minke_address_t *remote)
{
    minke_map_node_t *node = minke__map_first(&t->paths, hash_path(&t->paths, socket, remote));
    for (; node != NULL; node = minke__map_next(node)) {
        minke_path_entry_t *entry = MINKE_CONTAINER(node, minke_path_entry_t, node);
        if (is_path(entry, socket, remote)) return entry;
    }
    return NULL;
}

/* Who has spoken last often speaks again, and is found without a hash. */
minke_ice_session_t *minke__endpoint_sender(minke_transport_t *t, const minke_path_t *path)
{
    if (t->last_sender == NULL || !is_path(t->last_sender, path->socket, &path->remote)) {
        t->last_sender = find_path(t, path->socket, &path->remote);
    }
    return t->last_sender != NULL ? t->last_sender->session : NULL;
}

minke_ice_session_t *minke__endpoint_by_path(const minke_transport_t *t, const minke_path_t *path)
{
    const minke_path_entry_t *entry = find_path(t, path->socket, &path->remote);
    return entry != NULL ? entry->session : NULL;
}

minke_ice_session_t *minke__endpoint_by_ufrag(const minke_transport_t *t, const char *ufrag, size_t len,
                                              const minke_path_t *path)
{
    minke_ice_session_t *found = NULL;
    minke_map_node_t *node = minke__map_first(&t->ufrags, minke__hash(&t->ufrags, ufrag, len));
    for (; node != NULL; node = minke__map_next(node)) {
        minke_ice_session_t *session = MINKE_CONTAINER(node, minke_ice_session_t, by_ufrag);
        const minke_ice_credentials_view_t own = minke__ice_local(session->ice);
        if (own.ufrag_len != len || memcmp(own.ufrag, ufrag, len) != 0) continue;
        /* In v1 both sides have one ufrag: who dials himself is asked on the listening socket, not on the dial's. */
        if (session->own_socket != 0 && session->own_socket != path->socket) continue;
        found = session;
        if (minke__ice_knows(session->ice, path)) break; /* two dials may share a ufrag: the address tells them apart */
    }
    return found;
}

/* ---- the table of addresses follows the pairs of the ICE agent ---- */

static void forget_path(minke_transport_t *t, minke_path_entry_t *entry)
{
    if (t->last_sender == entry) t->last_sender = NULL;
    minke__map_remove(&t->paths, &entry->node);
    minke__list_remove(&entry->siblings);
    minke__free(&t->env, entry);
}

static void forget_paths(minke_transport_t *t, minke_ice_session_t *session)
{
    while (!minke__list_empty(&session->paths)) {
        forget_path(t, MINKE_CONTAINER(session->paths.next, minke_path_entry_t, siblings));
    }
}

/* The latest owner wins: a NAT may give a new connection the address of a dead one (spec/webrtc-direct.md 4). */
static void learn_path(minke_transport_t *t, minke_ice_session_t *session, const minke_path_t *path)
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
    entry->session = session;
    minke__list_append(&session->paths, &entry->siblings);
}

static void sync_paths(minke_transport_t *t, minke_ice_session_t *session)
{
    minke_path_t paths[MINKE_ICE_FULL_PAIRS_MAX];
    const uint32_t generation = minke__ice_generation(session->ice);
    if (generation == session->ice_generation) return;
    session->ice_generation = generation;
    forget_paths(t, session);
    const size_t n = minke__ice_pairs(session->ice, paths, MINKE_ICE_FULL_PAIRS_MAX);
    for (size_t i = 0; i < n; i++) learn_path(t, session, &paths[i]);
}

static void sync_all_paths(minke_transport_t *t, const minke_connection_state_t *c)
{
    minke_ice_session_t *sessions[MINKE_ATTEMPTS_MAX];
    const size_t n = c->dial != NULL ? minke__dial_sessions(c->dial, sessions) : 0;
    for (size_t i = 0; i < n; i++) sync_paths(t, sessions[i]);
    if (c->session != NULL) sync_paths(t, c->session);
}

int minke__endpoint_session_add(minke_transport_t *t, minke_ice_session_t *session)
{
    const minke_ice_credentials_view_t own = minke__ice_local(session->ice);
    return minke__map_insert(&t->ufrags, &session->by_ufrag, minke__hash(&t->ufrags, own.ufrag, own.ufrag_len));
}

void minke__endpoint_session_remove(minke_transport_t *t, minke_ice_session_t *session)
{
    forget_paths(t, session);
    minke__map_remove(&t->ufrags, &session->by_ufrag);
    if (session->own_socket != 0) minke__endpoint_socket_close(t, session->own_socket);
    minke__session_free(session);
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

static minke_time_t deadline_of(minke_connection_state_t *c)
{
    return c->dial != NULL ? minke__dial_deadline(c) : minke__connection_deadline(c);
}

void minke__endpoint_wake(minke_transport_t *t, minke_connection_state_t *c)
{
    c->checks_only = false;
    append_once(&t->to_send, &c->to_send);
    append_once(&t->to_tell, &c->to_tell);
}

void minke__endpoint_touch(minke_transport_t *t, minke_connection_state_t *c)
{
    if (c->dial != NULL && c->phase >= MINKE_PHASE_CLOSING) minke__dial_free(t, c);
    sync_all_paths(t, c);
    count_handshake(t, c);
    minke__heap_set(&t->timers, &c->timer, deadline_of(c));
    minke__endpoint_wake(t, c);
}

int minke__endpoint_has_room(minke_transport_t *t)
{
    if (t->connections.count >= t->options.connections_max) return MINKE_ERROR_LIMIT;
    if (!minke__account_is_crowded(&t->account)) return MINKE_OK;
    t->counters.memory_refused++;
    return MINKE_ERROR_LIMIT;
}

minke_connection_t minke__endpoint_reserve(minke_transport_t *t)
{
    /* Any object will do until the connection exists; nobody knows the id yet. */
    return minke__handles_add(&t->connections, t);
}

int minke__endpoint_add(minke_transport_t *t, minke_connection_state_t *c)
{
    int error = minke__heap_reserve(&t->timers, t->connections.count);
    if (error == MINKE_OK && c->session != NULL) error = minke__endpoint_session_add(t, c->session);
    if (error < 0) {
        minke__handles_remove(&t->connections, c->id);
        minke__connection_free(c);
        return error;
    }
    minke__handles_replace(&t->connections, c->id, c);
    minke__list_append(&t->everyone, &c->siblings);
    return MINKE_OK;
}

void minke__endpoint_remove(minke_transport_t *t, minke_connection_state_t *c)
{
    if (c->counted) t->handshakes--;
    minke__origin_leave(t, &c->origin);
    minke__heap_set(&t->timers, &c->timer, MINKE_TIME_NEVER);
    minke__list_remove(&c->siblings);
    minke__list_remove(&c->to_send);
    minke__list_remove(&c->to_tell);
    minke__handles_remove(&t->connections, c->id);
    if (c->dial != NULL) minke__dial_free(t, c);
    if (c->private_part != NULL) minke__private_sockets_close(t, c->private_part);
    if (c->session != NULL) minke__endpoint_session_remove(t, c->session);
    c->session = NULL;
    minke__connection_free(c);
    minke__blocks_empty(&t->env); /* whoever needed them may have been this one */
}
