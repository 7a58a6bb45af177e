/*
 * Intrusive hash map. The owner embeds a node, computes a 64-bit hash and compares keys itself:
 *
 *     for (node = minke__map_first(&map, hash); node != NULL; node = minke__map_next(node)) if (equal) ...
 *
 * Hash attacker-chosen keys with minke__hash and the map's random key. A number of our own is its own hash.
 */
#ifndef MINKE_BASE_MAP_H
#define MINKE_BASE_MAP_H

#include "base/env.h"

typedef struct minke_map_node {
    struct minke_map_node *next;
    uint64_t hash;
} minke_map_node_t;

typedef struct minke_map {
    const minke_env_t *env;
    minke_map_node_t **buckets; /* a power of two of them, or NULL while empty */
    size_t buckets_n;
    size_t count;
    size_t any_from; /* where minke__map_any goes on looking */
    uint64_t key[2];
} minke_map_t;

void minke__map_init(minke_map_t *map, const minke_env_t *env);
/* Frees the buckets; the nodes belong to their owner. */
void minke__map_free(minke_map_t *map);
/* MINKE_ERROR_NO_MEMORY only while the map has never had a node; one that cannot grow becomes slow, not wrong. One that
 * was large and is nearly empty gives memory back. */
MINKE_MUST_USE int minke__map_insert(minke_map_t *map, minke_map_node_t *node, uint64_t hash);
void minke__map_remove(minke_map_t *map, minke_map_node_t *node);
/* First node with exactly this hash, and the next one with the same hash. */
minke_map_node_t *minke__map_first(const minke_map_t *map, uint64_t hash);
minke_map_node_t *minke__map_next(const minke_map_node_t *node);
/* Any node, or NULL when empty: for tearing down, in one pass over the buckets. */
minke_map_node_t *minke__map_any(minke_map_t *map);

/* SipHash-1-3 under the map's key. */
uint64_t minke__hash(const minke_map_t *map, const void *bytes, size_t len);

#endif
