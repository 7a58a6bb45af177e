/* Who has a reservation, from where, and until when. */
#include <string.h>

#include "relay/book_state.h"

/* ---- addresses */

/* An IPv4 address in IPv6's clothes, as a socket of both families shows it, is the IPv4 address. */
static minke_relay_origin_t origin_of(const minke_address_t *remote)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    minke_relay_origin_t origin = {.family = remote->family};
    const uint8_t *ip = remote->ip;
    if (remote->family == MINKE_FAMILY_IP6 && memcmp(ip, mapped, sizeof mapped) == 0) {
        origin.family = MINKE_FAMILY_IP4;
        ip += sizeof mapped;
    }
    if (origin.family != MINKE_FAMILY_NONE) {
        memcpy(origin.prefix, ip, origin.family == MINKE_FAMILY_IP4 ? 4 : sizeof origin.prefix);
    }
    return origin;
}

static bool origin_equal(const minke_relay_origin_t *a, const minke_relay_origin_t *b)
{
    return a->family == b->family && memcmp(a->prefix, b->prefix, sizeof a->prefix) == 0;
}

static uint64_t hash_origin(const minke_map_t *map, const minke_relay_origin_t *origin)
{
    uint8_t key[sizeof origin->prefix + 1];
    memcpy(key, origin->prefix, sizeof origin->prefix);
    key[sizeof origin->prefix] = origin->family;
    return minke__hash(map, key, sizeof key);
}

/* Finds or makes it. NULL: no memory. */
static minke_relay_origin_t *origin_get(minke_relay_book_t *book, const minke_relay_origin_t *wanted)
{
    const uint64_t hash = hash_origin(&book->origins, wanted);
    for (minke_map_node_t *node = minke__map_first(&book->origins, hash); node != NULL; node = minke__map_next(node)) {
        minke_relay_origin_t *origin = MINKE_CONTAINER(node, minke_relay_origin_t, node);
        if (origin_equal(origin, wanted)) return origin;
    }
    minke_relay_origin_t *origin = minke__alloc(book->env, sizeof *origin);
    if (origin == NULL) return NULL;
    *origin = *wanted;
    if (minke__map_insert(&book->origins, &origin->node, hash) == MINKE_OK) return origin;
    minke__free(book->env, origin);
    return NULL;
}

/* Counts one reservation more. NULL: there is no room, or no memory. */
static minke_relay_origin_t *origin_enter(minke_relay_book_t *book, const minke_relay_origin_t *wanted)
{
    const uint32_t max = book->options.reservations_per_address_max;
    minke_relay_origin_t *origin = origin_get(book, wanted);
    if (origin == NULL || (max != 0 && origin->reservations >= max)) return NULL;
    origin->reservations++;
    return origin;
}

static void origin_leave(minke_relay_book_t *book, minke_relay_origin_t *origin)
{
    if (--origin->reservations > 0) return;
    minke__map_remove(&book->origins, &origin->node);
    minke__free(book->env, origin);
}

/* ---- parties */

static uint64_t hash_id(const minke_map_t *map, const minke_peer_id_t *id)
{
    return minke__hash(map, id->bytes, id->len);
}

minke_relay_party_t *minke__relay_party_find(const minke_relay_book_t *book, const minke_peer_id_t *id)
{
    minke_map_node_t *node = minke__map_first(&book->parties, hash_id(&book->parties, id));
    for (; node != NULL; node = minke__map_next(node)) {
        minke_relay_party_t *party = MINKE_CONTAINER(node, minke_relay_party_t, node);
        if (minke__peer_id_equal(&party->id, id)) return party;
    }
    return NULL;
}

minke_relay_party_t *minke__relay_party_get(minke_relay_book_t *book, const minke_peer_id_t *id)
{
    minke_relay_party_t *party = minke__relay_party_find(book, id);
    if (party != NULL) return party;
    party = minke__alloc_zero(book->env, sizeof *party);
    if (party == NULL) return NULL;
    party->id = *id;
    if (minke__map_insert(&book->parties, &party->node, hash_id(&book->parties, id)) == MINKE_OK) return party;
    minke__free(book->env, party);
    return NULL;
}

void minke__relay_party_release(minke_relay_book_t *book, minke_relay_party_t *party)
{
    if (party->origin != NULL || party->circuits > 0) return;
    minke__map_remove(&book->parties, &party->node);
    minke__free(book->env, party);
}

/* ---- reservations */

static void drop(minke_relay_book_t *book, minke_relay_party_t *party)
{
    minke__heap_set(&book->expiries, &party->expiry, MINKE_TIME_NEVER);
    origin_leave(book, party->origin);
    party->origin = NULL;
    book->statistics.reservations--;
    minke__relay_party_release(book, party);
}

void minke__relay_reservations_expire(minke_relay_book_t *book, minke_time_t now)
{
    for (minke_heap_node_t *top; (top = minke__heap_top(&book->expiries)) != NULL && top->at <= now;) {
        drop(book, MINKE_CONTAINER(top, minke_relay_party_t, expiry));
        book->statistics.reservations_expired++;
    }
}

static void hold(minke_relay_book_t *book, minke_relay_party_t *party, const minke_relay_asker_t *asker,
                 minke_time_t now)
{
    party->connection = asker->connection;
    minke__heap_set(&book->expiries, &party->expiry, minke__relay_time_after(now, book->options.reservation_after));
}

static bool add(minke_relay_book_t *book, const minke_relay_asker_t *asker, minke_time_t now)
{
    if (book->statistics.reservations >= book->options.reservations_max) return false;
    const minke_relay_origin_t wanted = origin_of(asker->remote);
    minke_relay_origin_t *origin = origin_enter(book, &wanted);
    if (origin == NULL) return false;
    minke_relay_party_t *party = NULL;
    if (minke__heap_reserve(&book->expiries, book->expiries.count + 1) == MINKE_OK) {
        party = minke__relay_party_get(book, asker->peer);
    }
    if (party == NULL) {
        origin_leave(book, origin);
        return false;
    }
    party->origin = origin;
    hold(book, party, asker, now);
    book->statistics.reservations++;
    book->statistics.reservations_made++;
    return true;
}

static bool renew(minke_relay_book_t *book, minke_relay_party_t *party, const minke_relay_asker_t *asker,
                  minke_time_t now)
{
    const minke_relay_origin_t wanted = origin_of(asker->remote);
    if (!origin_equal(&wanted, party->origin)) {
        minke_relay_origin_t *origin = origin_enter(book, &wanted);
        if (origin == NULL) return false;
        origin_leave(book, party->origin);
        party->origin = origin;
    }
    hold(book, party, asker, now);
    book->statistics.reservations_refreshed++;
    return true;
}

static minke_relay_status_t reserve(minke_relay_book_t *book, const minke_relay_asker_t *asker, minke_time_t now)
{
    if (asker->relayed) return MINKE_RELAY_STATUS_PERMISSION_DENIED;
    minke__relay_reservations_expire(book, now);
    minke_relay_party_t *party = minke__relay_party_find(book, asker->peer);
    const bool has_one = party != NULL && party->origin != NULL;
    const bool done = has_one ? renew(book, party, asker, now) : add(book, asker, now);
    return done ? MINKE_RELAY_STATUS_OK : MINKE_RELAY_STATUS_RESERVATION_REFUSED;
}

minke_relay_status_t minke__relay_book_reserve(minke_relay_book_t *book, const minke_relay_asker_t *asker,
                                               minke_time_t now)
{
    const minke_relay_status_t status = reserve(book, asker, now);
    if (status != MINKE_RELAY_STATUS_OK) minke__relay_book_count_refusal(book, MINKE_HOP_RESERVE, status);
    return status;
}

void minke__relay_book_connection_ended(minke_relay_book_t *book, const minke_peer_id_t *peer,
                                        minke_connection_t connection)
{
    minke_relay_party_t *party = minke__relay_party_find(book, peer);
    if (party == NULL || party->origin == NULL || party->connection != connection) return;
    drop(book, party);
    book->statistics.reservations_lost++;
}

minke_time_t minke__relay_book_reserved_until(const minke_relay_book_t *book, const minke_peer_id_t *peer)
{
    const minke_relay_party_t *party = minke__relay_party_find(book, peer);
    return party != NULL && party->origin != NULL ? party->expiry.at : 0;
}

void minke__relay_reservations_free(minke_relay_book_t *book)
{
    for (minke_heap_node_t *top; (top = minke__heap_top(&book->expiries)) != NULL;) {
        drop(book, MINKE_CONTAINER(top, minke_relay_party_t, expiry));
    }
}
