/* The connections of a node, by the application's number, by the number below, and by peer; and the calls that name
 * one. */
#include <string.h>

#include "base/address.h"
#include "host/circuit.h"
#include "host/dial.h"
#include "host/link.h"
#include "webrtc/endpoint.h"

/* ---- finding ---- */

minke_node_connection_t *minke__node_connection(const minke_node_t *node, minke_connection_t id)
{
    if (!minke__is_dial_id(id)) return minke__node_connection_below(node, id);
    const minke_node_dial_t *dial = minke__dial_find(node, id);
    return dial != NULL ? dial->connection : NULL;
}

minke_node_connection_t *minke__node_connection_below(const minke_node_t *node, minke_connection_t below)
{
    return minke__link_user(node, below);
}

static uint64_t hash_peer(const minke_node_t *node, const minke_peer_id_t *peer)
{
    return minke__hash(&node->peers, peer->bytes, peer->len);
}

minke_node_connection_t *minke__node_connection_to(const minke_node_t *node, const minke_peer_id_t *peer)
{
    minke_node_connection_t *relayed = NULL;
    for (minke_map_node_t *item = minke__map_first(&node->peers, hash_peer(node, peer)); item != NULL;
         item = minke__map_next(item)) {
        minke_node_connection_t *c = MINKE_CONTAINER(item, minke_node_connection_t, by_peer);
        const minke_peer_id_t *known = minke__link_peer(node, c->below);
        if (known == NULL || !minke__peer_id_equal(known, peer)) continue;
        if (!c->relayed) return c;
        relayed = c;
    }
    return relayed;
}

const minke_env_t *minke__node_env(const minke_node_t *node, const minke_node_connection_t *c)
{
    const minke_env_t *env = minke__link_env(node, c->below);
    return env != NULL ? env : &node->env;
}

/* ---- coming and going ---- */

/* As the remote is known to us, without its peer id. */
static int address_of(const minke_node_t *node, minke_connection_t below, const minke_carrier_t *carrier,
                      minke_multiaddr_t *address)
{
    minke_connection_stats_t stats;
    minke_direct_address_t direct = {0};
    if (carrier != NULL && carrier->circuit) return minke__circuit_address(carrier, address);
    if (carrier != NULL) return minke__target_write(carrier->kind, &carrier->remote, NULL, address);
    const int error = minke_transport_stats(node->transport, below, &stats);
    if (error < 0) return error;
    /* Its IP address is one of many, and says nothing: as js-libp2p has it. */
    if (stats.kind == MINKE_PATH_PRIVATE) return minke__multiaddr_parse("/webrtc", strlen("/webrtc"), address);
    direct.address = stats.path.remote;
    return minke__multiaddr_from_direct(&direct, address);
}

static minke_node_connection_t *alloc_connection(minke_node_t *node, minke_connection_t below)
{
    const minke_carrier_t *carrier = minke__is_bytes_id(below) ? minke__bytes_carrier(node->bytes, below) : NULL;
    minke_multiaddr_t address = {0};
    char text[MINKE_ADDR_BYTES];
    ssize_t len = address_of(node, below, carrier, &address);
    if (len >= 0) len = minke__multiaddr_text(&address, text, sizeof text);
    if (len < 0) len = 0;
    minke_node_connection_t *c = minke__alloc_zero(minke__link_env(node, below), sizeof *c + (size_t)len + 1);
    if (c == NULL) return NULL;
    memcpy(c->address, text, (size_t)len);
    c->relayed = carrier != NULL && carrier->circuit;
    c->limited = c->relayed && carrier->limited;
    return c;
}

minke_node_connection_t *minke__node_connection_new(minke_node_t *node, minke_connection_t below, bool inbound)
{
    const minke_peer_id_t *peer = minke__link_peer(node, below);
    minke_node_connection_t *c = alloc_connection(node, below);
    if (c == NULL || minke__map_insert(&node->peers, &c->by_peer, hash_peer(node, peer)) < 0) {
        minke__free(&node->env, c);
        return NULL;
    }
    c->id = c->below = below;
    c->inbound = inbound;
    minke__list_init(&c->siblings);
    minke__list_init(&c->streams);
    minke__list_append(&node->connections, &c->siblings);
    minke__link_set_user(node, below, c);
    minke__peer_id_text(peer, c->peer);
    return c;
}

void minke__node_connection_free(minke_node_t *node, minke_node_connection_t *c)
{
    while (!minke__list_empty(&c->streams)) {
        minke__node_stream_free(node, MINKE_CONTAINER(c->streams.next, minke_node_stream_t, siblings));
    }
    minke__link_set_user(node, c->below, NULL);
    minke__list_remove(&c->siblings);
    minke__map_remove(&node->peers, &c->by_peer);
    if (node->identified == c->id) node->identified = 0;
    minke__dial_connection_ended(node, c);
    minke__free(&node->env, c->identify);
    minke__free(&node->env, c);
}

/* ---- who may come in ---- */

/* The same limits, in the same order, as for a ClientHello (webrtc/demux.c). */
int minke__node_accept(minke_node_t *node, minke_carrier_t *carrier, minke_time_t now, minke_connection_t *connection)
{
    minke_transport_t *t = node->transport;
    node->now = now;
    if (minke__origin_connections(t, &carrier->remote) >= t->options.connections_per_address_max) {
        node->env.counters->address_refused++;
        return MINKE_ERROR_LIMIT;
    }
    if (minke__account_is_crowded(node->env.account)) {
        node->env.counters->memory_refused++;
        return MINKE_ERROR_LIMIT;
    }
    if (t->connections.count + minke__bytes_count(node->bytes) >= t->options.connections_max) {
        node->env.counters->connections_refused++;
        return MINKE_ERROR_LIMIT;
    }
    int error = minke__origin_enter(t, &carrier->remote, &carrier->origin);
    if (error == MINKE_OK) error = minke__bytes_add(node->bytes, carrier, true, NULL, now, connection);
    if (error < 0) minke__origin_leave(t, &carrier->origin);
    return error;
}

minke_carrier_t *minke__node_take_carrier(minke_node_t *node, minke_connection_t below)
{
    minke_carrier_t *carrier = minke__bytes_take_carrier(node->bytes, below);
    if (carrier != NULL) minke__origin_leave(node->transport, &carrier->origin);
    return carrier;
}

/* ---- the application's calls ---- */

/* The number below that of the application; 0: a dial that has none yet, or a stale one. */
static minke_connection_t below_of(const minke_node_t *node, minke_connection_t id)
{
    if (!minke__is_dial_id(id)) return id;
    const minke_node_connection_t *c = minke__node_connection(node, id);
    return c != NULL ? c->below : 0;
}

int minke__node_close(minke_node_t *node, minke_connection_t connection, minke_time_t now)
{
    node->now = now;
    if (minke__node_is_dialling(node, connection)) {
        minke__dial_cancel(node, connection);
        return MINKE_OK;
    }
    return minke__link_close(node, below_of(node, connection), NULL);
}

int minke__node_peer(const minke_node_t *node, minke_connection_t id, char text[MINKE_PEER_BYTES])
{
    if (minke__node_is_dialling(node, id)) return MINKE_ERROR_STATE;
    const minke_connection_t below = below_of(node, id);
    if (!minke__is_bytes_id(below)) return minke_transport_peer(node->transport, below, text);
    if (minke__bytes_carrier(node->bytes, below) == NULL) return MINKE_ERROR_STALE;
    const minke_peer_id_t *peer = minke__bytes_peer(node->bytes, below);
    if (peer == NULL) return MINKE_ERROR_STATE;
    minke__peer_id_text(peer, text);
    return MINKE_OK;
}

void **minke__node_connection_user(const minke_node_t *node, minke_connection_t connection)
{
    minke_node_connection_t *c = minke__node_connection(node, connection);
    return c != NULL ? &c->user : NULL;
}

static minke_path_kind_t path_kind(const minke_carrier_t *carrier)
{
    if (carrier->circuit) return MINKE_PATH_RELAYED;
    if (carrier->kind == MINKE_TARGET_WEBSOCKET) return MINKE_PATH_WEBSOCKET;
    return carrier->kind == MINKE_TARGET_WEBSOCKET_TLS ? MINKE_PATH_WEBSOCKET_TLS : MINKE_PATH_TCP;
}

int minke__node_stats(const minke_node_t *node, minke_connection_t id, minke_connection_stats_t *stats)
{
    if (minke__node_is_dialling(node, id)) {
        *stats = (minke_connection_stats_t){.layer = MINKE_LAYER_NETWORK, .kind = MINKE_PATH_UNKNOWN};
        return MINKE_OK;
    }
    const minke_connection_t below = below_of(node, id);
    if (!minke__is_bytes_id(below)) return minke_transport_stats(node->transport, below, stats);
    const minke_carrier_t *carrier = minke__bytes_carrier(node->bytes, below);
    if (carrier == NULL || !minke__bytes_stats(node->bytes, below, stats)) return MINKE_ERROR_STALE;
    stats->kind = path_kind(carrier);
    stats->limited = carrier->limited;
    return MINKE_OK;
}

typedef struct listing {
    minke_connection_t *out;
    size_t n, capacity;
} listing_t;

static void list_one(listing_t *listing, minke_connection_t id)
{
    if (listing->n < listing->capacity) listing->out[listing->n] = id;
    listing->n++;
}

/* By the application's number; attempts of a dial that is not decided are none of its business. */
static void list_below(const minke_node_t *node, listing_t *listing, minke_connection_t below)
{
    const minke_node_connection_t *c = minke__node_connection_below(node, below);
    if (!minke__dial_attempts(node, below)) list_one(listing, c != NULL ? c->id : below);
}

size_t minke__node_connections(const minke_node_t *node, minke_connection_t *connections, size_t capacity)
{
    listing_t listing = {.out = connections, .capacity = capacity};
    const minke_list_t *everyone = &node->transport->everyone;
    for (const minke_list_t *item = everyone->next; item != everyone; item = item->next) {
        list_below(node, &listing, MINKE_CONTAINER(item, minke_connection_state_t, siblings)->id);
    }
    for (minke_connection_t id = 0; (id = minke__bytes_after(node->bytes, id)) != 0;) list_below(node, &listing, id);
    return listing.n;
}
