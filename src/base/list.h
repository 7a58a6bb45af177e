/* Intrusive doubly linked list. A node is in at most one list; an unlinked node points to itself. */
#ifndef MINKE_BASE_LIST_H
#define MINKE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct minke_list {
    struct minke_list *next;
    struct minke_list *previous;
} minke_list_t;

/* The structure of type `type` whose member `member` is the node. */
#define MINKE_CONTAINER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void minke__list_init(minke_list_t *list) { list->next = list->previous = list; }
static inline bool minke__list_empty(const minke_list_t *list) { return list->next == list; }
static inline bool minke__list_linked(const minke_list_t *node) { return node->next != node; }

static inline void minke__list_insert_before(minke_list_t *position, minke_list_t *node)
{
    node->previous = position->previous;
    node->next = position;
    position->previous->next = node;
    position->previous = node;
}

static inline void minke__list_append(minke_list_t *list, minke_list_t *node) { minke__list_insert_before(list, node); }

static inline void minke__list_remove(minke_list_t *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    minke__list_init(node);
}

/* Takes the first node out, or NULL. */
static inline minke_list_t *minke__list_pop(minke_list_t *list)
{
    minke_list_t *node = list->next;
    if (node == list) return NULL;
    minke__list_remove(node);
    return node;
}

#endif
