#include "base/heap.h"

#include <assert.h>

/* Fewer levels than two, and the children of one lie beside each other. */
enum { CHILDREN = 4, COUNT_MIN = 4 };

void minke__heap_init(minke_heap_t *heap, const minke_env_t *env) { *heap = (minke_heap_t){.env = env}; }

void minke__heap_free(minke_heap_t *heap)
{
    minke__free(heap->env, heap->entries);
    *heap = (minke_heap_t){.env = heap->env};
}

int minke__heap_reserve(minke_heap_t *heap, size_t count)
{
    const bool is_large = heap->capacity > COUNT_MIN && count < heap->capacity / 8 && heap->count <= count;
    if (count <= heap->capacity && !is_large) return MINKE_OK;
    const size_t capacity = count < COUNT_MIN ? COUNT_MIN : count + count / 2;
    minke_heap_entry_t *entries = minke__realloc(heap->env, heap->entries, capacity * sizeof entries[0]);
    if (entries == NULL) return is_large ? MINKE_OK : MINKE_ERROR_NO_MEMORY;
    heap->entries = entries;
    heap->capacity = capacity;
    return MINKE_OK;
}

static bool before(const minke_heap_entry_t *a, const minke_heap_entry_t *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void place(minke_heap_t *heap, minke_heap_entry_t entry, size_t index)
{
    heap->entries[index] = entry;
    entry.node->index = index + 1;
}

static void sift_up(minke_heap_t *heap, minke_heap_entry_t entry, size_t index)
{
    for (size_t parent; index > 0; index = parent) {
        parent = (index - 1) / CHILDREN;
        if (!before(&entry, &heap->entries[parent])) break;
        place(heap, heap->entries[parent], index);
    }
    place(heap, entry, index);
}

static size_t first_of(const minke_heap_t *heap, size_t from, size_t end)
{
    size_t first = from;
    for (size_t i = from + 1; i < end; i++) {
        if (before(&heap->entries[i], &heap->entries[first])) first = i;
    }
    return first;
}

static void sift_down(minke_heap_t *heap, minke_heap_entry_t entry, size_t index)
{
    for (size_t child; (child = CHILDREN * index + 1) < heap->count; index = child) {
        const size_t end = child + CHILDREN < heap->count ? child + CHILDREN : heap->count;
        child = first_of(heap, child, end);
        if (!before(&heap->entries[child], &entry)) break;
        place(heap, heap->entries[child], index);
    }
    place(heap, entry, index);
}

static void settle(minke_heap_t *heap, minke_heap_entry_t entry, size_t index)
{
    if (index > 0 && before(&entry, &heap->entries[(index - 1) / CHILDREN])) sift_up(heap, entry, index);
    else sift_down(heap, entry, index);
}

static void take_out(minke_heap_t *heap, minke_heap_node_t *node)
{
    const size_t index = node->index - 1;
    const minke_heap_entry_t last = heap->entries[--heap->count];
    node->index = 0;
    if (last.node != node) settle(heap, last, index);
}

void minke__heap_set(minke_heap_t *heap, minke_heap_node_t *node, minke_time_t at)
{
    if (node->index != 0 && node->at == at) return;
    const minke_heap_entry_t entry = {at, heap->orders++, node};
    node->at = at;
    if (at == MINKE_TIME_NEVER) {
        if (node->index != 0) take_out(heap, node);
    } else if (node->index != 0) {
        settle(heap, entry, node->index - 1);
    } else {
        assert(heap->count < heap->capacity);
        sift_up(heap, entry, heap->count++);
    }
}

minke_heap_node_t *minke__heap_top(const minke_heap_t *heap) { return heap->count > 0 ? heap->entries[0].node : NULL; }
