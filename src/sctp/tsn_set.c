#include "sctp/tsn_set.h"

#include <string.h>

void minke__tsn_set_init(minke_tsn_set_t *set, const minke_env_t *env, uint32_t max)
{
    *set = (minke_tsn_set_t){.env = env, .max = max};
}

void minke__tsn_set_free(minke_tsn_set_t *set)
{
    minke__free(set->env, set->ranges);
    *set = (minke_tsn_set_t){.env = set->env, .max = set->max};
}

/* Index of the first range that ends at `tsn` or later. */
static uint32_t find(const minke_tsn_set_t *set, uint64_t tsn)
{
    uint32_t low = 0, high = set->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (set->ranges[middle].last < tsn) low = middle + 1;
        else high = middle;
    }
    return low;
}

bool minke__tsn_set_contains(const minke_tsn_set_t *set, uint64_t tsn)
{
    const uint32_t i = find(set, tsn);
    return i < set->count && set->ranges[i].first <= tsn;
}

static bool grow(minke_tsn_set_t *set)
{
    uint32_t capacity = set->capacity > 0 ? set->capacity * 2 : 16;
    if (capacity > set->max) capacity = set->max;
    minke_tsn_range_t *ranges = minke__realloc(set->env, set->ranges, capacity * sizeof *ranges);
    if (ranges == NULL) return false;
    set->ranges = ranges;
    set->capacity = capacity;
    return true;
}

bool minke__tsn_set_room(minke_tsn_set_t *set, uint64_t first, uint64_t last)
{
    if (set->count < set->capacity) return true;
    const uint32_t i = find(set, first - 1);
    if (i < set->count && set->ranges[i].first <= last + 1) return true;
    return set->count < set->max && grow(set);
}

void minke__tsn_set_insert(minke_tsn_set_t *set, uint64_t first, uint64_t last)
{
    const uint32_t i = find(set, first - 1);
    uint32_t end = i; /* ranges i .. end - 1 touch the new one */
    while (end < set->count && set->ranges[end].first <= last + 1) {
        if (set->ranges[end].first < first) first = set->ranges[end].first;
        if (set->ranges[end].last > last) last = set->ranges[end].last;
        end++;
    }
    if (end != i + 1) {
        memmove(&set->ranges[i + 1], &set->ranges[end], (set->count - end) * sizeof set->ranges[0]);
        set->count = set->count + 1 - (end - i);
    }
    set->ranges[i] = (minke_tsn_range_t){first, last, set->stamp};
}

void minke__tsn_set_remove_through(minke_tsn_set_t *set, uint64_t tsn)
{
    if (set->count == 0 || tsn < set->ranges[0].first) return;
    const uint32_t i = find(set, tsn + 1);
    set->count -= i;
    if (i > 0 && set->count > 0) memmove(set->ranges, &set->ranges[i], set->count * sizeof set->ranges[0]);
    if (set->count > 0 && set->ranges[0].first <= tsn) set->ranges[0].first = tsn + 1;
}

bool minke__tsn_set_missing(const minke_tsn_set_t *set, uint64_t from, uint64_t to, minke_tsn_range_t *run)
{
    uint32_t i = find(set, from);
    if (i < set->count && set->ranges[i].first <= from) {
        from = set->ranges[i].last + 1;
        i++;
    }
    if (from > to) return false;
    run->first = from;
    run->last = i < set->count && set->ranges[i].first <= to ? set->ranges[i].first - 1 : to;
    return true;
}
