#include "base/heap.h"

#include <assert.h>

void minke__heap_init(minke_heap_t *heap, const minke_env_t *env) { *heap = (minke_heap_t){.env = env}; }

void minke__heap_free(minke_heap_t *heap)
{
    minke__free(heap->env, heap->nodes);
    *heap = (minke_heap_t){.env = heap->env};
}

int minke__heap_reserve(minke_heap_t *heap, size_t count)
{
    if (count <= heap->capacity) return MINKE_OK;
    const size_t capacity = count < 16 ? 16 : count * 2;
    minke_heap_node_t **nodes = minke__realloc(heap->env, heap->nodes, capacity * sizeof nodes[0]);
    if (nodes == NULL) return MINKE_ERROR_NO_MEMORY;
    heap->nodes = nodes;
    heap->capacity = capacity;
    return MINKE_OK;
}

static bool before(const minke_heap_node_t *a, const minke_heap_node_t *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void place(minke_heap_t *heap, minke_heap_node_t *node, size_t index)
{
    heap->nodes[index] = node;
    node->index = index + 1;
}

static void sift_up(minke_heap_t *heap, minke_heap_node_t *node, size_t index)
{
    while (index > 0 && before(node, heap->nodes[(index - 1) / 2])) {
        place(heap, heap->nodes[(index - 1) / 2], index);
        index = (index - 1) / 2;
    }
    place(heap, node, index);
}

static void sift_down(minke_heap_t *heap, minke_heap_node_t *node, size_t index)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count && before(heap->nodes[child + 1], heap->nodes[child])) child++;
        if (!before(heap->nodes[child], node)) break;
        place(heap, heap->nodes[child], index);
        index = child;
    }
    place(heap, node, index);
}

static void settle(minke_heap_t *heap, minke_heap_node_t *node, size_t index)
{
    if (index > 0 && before(node, heap->nodes[(index - 1) / 2])) sift_up(heap, node, index);
    else sift_down(heap, node, index);
}

static void take_out(minke_heap_t *heap, minke_heap_node_t *node)
{
    const size_t index = node->index - 1;
    minke_heap_node_t *last = heap->nodes[--heap->count];
    node->index = 0;
    if (last != node) settle(heap, last, index);
}

void minke__heap_set(minke_heap_t *heap, minke_heap_node_t *node, minke_time_t at)
{
    if (node->index != 0 && node->at == at) return;
    node->order = heap->orders++;
    node->at = at;
    if (at == MINKE_TIME_NEVER) {
        if (node->index != 0) take_out(heap, node);
    } else if (node->index != 0) {
        settle(heap, node, node->index - 1);
    } else {
        assert(heap->count < heap->capacity);
        sift_up(heap, node, heap->count++);
    }
}

minke_heap_node_t *minke__heap_top(const minke_heap_t *heap) { return heap->count > 0 ? heap->nodes[0] : NULL; }
