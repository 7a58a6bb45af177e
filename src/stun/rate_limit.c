#include "stun/rate_limit.h"

#include "base/list.h"
#include "base/map.h"

#include <string.h>

/* A request costs as many units as a second has microseconds, so `per_second` units come in each microsecond: exact. */
static const uint64_t request_units = 1000 * 1000;

typedef struct rate {
    uint32_t at_once, per_second;
} rate_t;

typedef struct bucket {
    minke_time_t filled_at;
    uint64_t level; /* units */
} bucket_t;

typedef struct source {
    minke_map_node_t node;
    minke_list_t by_age; /* in rate_limit.served, the latest at the end */
    bucket_t bucket;
    uint8_t prefix[8]; /* IPv4: the rest is zero */
    uint8_t family;
} source_t;

struct minke_rate_limit {
    const minke_env_t *env;
    rate_t rate;
    bucket_t bucket;
    minke_map_t map;
    minke_list_t served;
    uint32_t used; /* sources[0 .. used - 1] have been given out, and are in map and list */
    source_t sources[MINKE_RATE_SOURCES_MAX];
};

static const rate_t rate_of_source = {MINKE_RATE_SOURCE_AT_ONCE, MINKE_RATE_SOURCE_PER_SECOND};

minke_rate_limit_t *minke__rate_limit_new(const minke_env_t *env, uint32_t at_once, uint32_t per_second)
{
    minke_rate_limit_t *limit = minke__alloc_zero(env, sizeof *limit);
    if (limit == NULL) return NULL;
    limit->env = env;
    limit->rate = (rate_t){at_once, per_second};
    limit->bucket.level = at_once * request_units;
    minke__map_init(&limit->map, env);
    minke__list_init(&limit->served);
    return limit;
}

void minke__rate_limit_free(minke_rate_limit_t *limit)
{
    if (limit == NULL) return;
    minke__map_free(&limit->map);
    minke__free(limit->env, limit);
}

/* What a bucket holds at `now`. A clock that goes back adds nothing. */
static bucket_t filled(const bucket_t *bucket, const rate_t *rate, minke_time_t now)
{
    if (now <= bucket->filled_at) return *bucket;
    const uint64_t full = rate->at_once * request_units, missing = full - bucket->level;
    const minke_time_t elapsed = now - bucket->filled_at;
    const bool is_full = elapsed > missing / rate->per_second;
    return (bucket_t){now, is_full ? full : bucket->level + elapsed * rate->per_second};
}

static uint64_t hash_of(const minke_rate_limit_t *limit, const source_t *source)
{
    uint8_t key[sizeof source->prefix + 1];
    memcpy(key, source->prefix, sizeof source->prefix);
    key[sizeof source->prefix] = source->family;
    return minke__hash(&limit->map, key, sizeof key);
}

/* A socket of both families shows IPv4 as ::ffff:a.b.c.d (minke/loop.h): all of it would be one source. */
static source_t source_of(const minke_address_t *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const bool is_mapped = address->family == MINKE_FAMILY_IP6 && memcmp(address->ip, mapped, sizeof mapped) == 0;
    source_t source = {.family = is_mapped ? (uint8_t)MINKE_FAMILY_IP4 : address->family};
    memcpy(source.prefix, is_mapped ? address->ip + sizeof mapped : address->ip,
           source.family == MINKE_FAMILY_IP4 ? 4 : sizeof source.prefix);
    return source;
}

/* NULL when it is not in the table. */
static source_t *find(const minke_rate_limit_t *limit, const source_t *wanted, uint64_t hash)
{
    for (minke_map_node_t *node = minke__map_first(&limit->map, hash); node != NULL; node = minke__map_next(node)) {
        source_t *source = MINKE_CONTAINER(node, source_t, node);
        if (source->family != wanted->family) continue;
        if (memcmp(source->prefix, wanted->prefix, sizeof source->prefix) == 0) return source;
    }
    return NULL;
}

/* A place of the table, in neither map nor list. */
static source_t *free_place(minke_rate_limit_t *limit)
{
    if (limit->used < MINKE_RATE_SOURCES_MAX) return &limit->sources[limit->used++];
    source_t *oldest = MINKE_CONTAINER(minke__list_pop(&limit->served), source_t, by_age);
    minke__map_remove(&limit->map, &oldest->node);
    return oldest;
}

static bool enter(minke_rate_limit_t *limit, const source_t *wanted, uint64_t hash, const bucket_t *bucket)
{
    source_t *source = free_place(limit);
    *source = *wanted;
    source->bucket = *bucket;
    if (minke__map_insert(&limit->map, &source->node, hash) != MINKE_OK) {
        limit->used--; /* only a table without any entry can refuse: this place was the first one */
        return false;
    }
    minke__list_append(&limit->served, &source->by_age);
    return true;
}

bool minke__rate_limit_take(minke_rate_limit_t *limit, const minke_address_t *address, minke_time_t now)
{
    const source_t wanted = source_of(address);
    const uint64_t hash = hash_of(limit, &wanted);
    source_t *known = find(limit, &wanted, hash);
    bucket_t own = {now, MINKE_RATE_SOURCE_AT_ONCE * request_units};
    if (known != NULL) own = filled(&known->bucket, &rate_of_source, now);
    bucket_t all = filled(&limit->bucket, &limit->rate, now);
    if (own.level < request_units || all.level < request_units) return false;
    own.level -= request_units;
    all.level -= request_units;
    if (known == NULL) {
        if (!enter(limit, &wanted, hash, &own)) return false;
    } else {
        known->bucket = own;
        minke__list_remove(&known->by_age);
        minke__list_append(&limit->served, &known->by_age);
    }
    limit->bucket = all;
    return true;
}

uint32_t minke__rate_limit_sources(const minke_rate_limit_t *limit) { return limit->used; }
