#include "dtls/queue.h"

#include <string.h>

minke_dtls_item_t *minke__dtls_queue_add(minke_dtls_queue_t *queue, const minke_env_t *env, const void *bytes,
                                         size_t len, size_t capacity)
{
    if (capacity < len) capacity = len;
    minke_dtls_item_t *item = minke__alloc(env, sizeof *item + capacity);
    if (item == NULL) return NULL;
    item->len = len;
    item->capacity = capacity;
    if (len > 0) memcpy(item->bytes, bytes, len);
    minke__dtls_queue_push(queue, item);
    return item;
}

void minke__dtls_queue_push(minke_dtls_queue_t *queue, minke_dtls_item_t *item)
{
    item->next = NULL;
    if (queue->last != NULL) queue->last->next = item;
    else queue->first = item;
    queue->last = item;
    queue->count++;
    queue->bytes += item->len;
}

minke_dtls_item_t *minke__dtls_queue_pop(minke_dtls_queue_t *queue)
{
    minke_dtls_item_t *item = queue->first;
    if (item == NULL) return NULL;
    queue->first = item->next;
    if (queue->first == NULL) queue->last = NULL;
    queue->count--;
    queue->bytes -= item->len;
    item->next = NULL;
    return item;
}

void minke__dtls_queue_free(minke_dtls_queue_t *queue, const minke_env_t *env)
{
    minke_dtls_item_t *item;
    while ((item = minke__dtls_queue_pop(queue)) != NULL) minke__free(env, item);
}
