#include "base/map.h"

#include <string.h>

enum { BUCKETS_MIN = 8 };

void minke__map_init(minke_map_t *map, const minke_env_t *env)
{
    *map = (minke_map_t){.env = env};
    minke__random_fill(env, map->key, sizeof map->key);
}

void minke__map_free(minke_map_t *map)
{
    minke__free(map->env, map->buckets);
    map->buckets = NULL;
    map->buckets_n = map->count = 0;
}

static minke_map_node_t **bucket_of(const minke_map_t *map, uint64_t hash)
{
    /* Fibonacci hashing spreads keys that are plain numbers. */
    const uint64_t spread = hash * 0x9e3779b97f4a7c15ULL;
    return &map->buckets[(spread >> 32) & (map->buckets_n - 1)];
}

static bool resize(minke_map_t *map, size_t buckets_n)
{
    minke_map_t other = *map;
    other.buckets_n = buckets_n;
    other.buckets = minke__alloc_zero(map->env, other.buckets_n * sizeof other.buckets[0]);
    if (other.buckets == NULL) return false;
    for (size_t i = 0; i < map->buckets_n; i++) {
        for (minke_map_node_t *node = map->buckets[i], *next; node != NULL; node = next) {
            next = node->next;
            minke_map_node_t **bucket = bucket_of(&other, node->hash);
            node->next = *bucket;
            *bucket = node;
        }
    }
    minke__free(map->env, map->buckets);
    *map = other;
    return true;
}

/* A table that once was large becomes smaller again here and not when nodes leave, so that one may remove them on the
 * way through. Without memory it stays as it is. */
static bool fit(minke_map_t *map)
{
    if (map->buckets_n == 0) return resize(map, BUCKETS_MIN);
    if (map->count >= map->buckets_n) (void)resize(map, map->buckets_n * 2);
    else if (map->buckets_n > BUCKETS_MIN && map->count < map->buckets_n / 8) (void)resize(map, map->buckets_n / 2);
    return true;
}

int minke__map_insert(minke_map_t *map, minke_map_node_t *node, uint64_t hash)
{
    if (!fit(map)) return MINKE_ERROR_NO_MEMORY;
    minke_map_node_t **bucket = bucket_of(map, hash);
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    map->count++;
    return MINKE_OK;
}

void minke__map_remove(minke_map_t *map, minke_map_node_t *node)
{
    minke_map_node_t **link = bucket_of(map, node->hash);
    while (*link != node) link = &(*link)->next;
    *link = node->next;
    node->next = NULL;
    map->count--;
}

static minke_map_node_t *same_hash(minke_map_node_t *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash) node = node->next;
    return node;
}

minke_map_node_t *minke__map_first(const minke_map_t *map, uint64_t hash)
{
    return map->buckets_n > 0 ? same_hash(*bucket_of(map, hash), hash) : NULL;
}

minke_map_node_t *minke__map_next(const minke_map_node_t *node) { return same_hash(node->next, node->hash); }

minke_map_node_t *minke__map_any(minke_map_t *map)
{
    if (map->count == 0) return NULL;
    while (map->buckets[map->any_from % map->buckets_n] == NULL) map->any_from++;
    return map->buckets[map->any_from % map->buckets_n];
}

static uint64_t rotate(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint64_t minke__hash(const minke_map_t *map, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t v[4] = {map->key[0] ^ 0x736f6d6570736575ULL, map->key[1] ^ 0x646f72616e646f6dULL,
                     map->key[0] ^ 0x6c7967656e657261ULL, map->key[1] ^ 0x7465646279746573ULL};
    uint64_t word = 0;
    for (size_t left = len;; at += 8, left -= 8) {
        const bool last = left < 8;
        word = last ? (uint64_t)len << 56 : 0;
        for (size_t i = 0; i < (last ? left : 8); i++) word |= (uint64_t)at[i] << (8 * i);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
        if (last) break;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
