#include "base/byte_queue.h"

#include <string.h>

#include "base/blocks.h"

struct minke_byte_chunk {
    struct minke_byte_chunk *next;
    uint32_t start, end, capacity;
    uint8_t bytes[];
};

/* Chunks start small, so that a stream of pings costs little, and grow with what is queued. */
enum {
    CHUNK_MIN = 512 - sizeof(struct minke_byte_chunk),
    CHUNK_MAX = MINKE_BLOCK_BYTES - sizeof(struct minke_byte_chunk)
};

static struct minke_byte_chunk *new_chunk(const minke_env_t *env, size_t wanted, size_t held)
{
    size_t capacity = wanted > held ? wanted : held;
    if (capacity < CHUNK_MIN) capacity = CHUNK_MIN;
    if (capacity > CHUNK_MAX) capacity = CHUNK_MAX;
    struct minke_byte_chunk *chunk =
        capacity == CHUNK_MAX ? minke__block_alloc(env) : minke__alloc(env, sizeof *chunk + capacity);
    if (chunk != NULL) {
        chunk->next = NULL;
        chunk->start = chunk->end = 0;
        chunk->capacity = (uint32_t)capacity;
    }
    return chunk;
}

static void free_chunk(struct minke_byte_chunk *chunk, const minke_env_t *env)
{
    if (chunk->capacity == CHUNK_MAX) minke__block_free(env, chunk);
    else minke__free(env, chunk);
}

static void free_chunks(struct minke_byte_chunk *chunk, const minke_env_t *env)
{
    while (chunk != NULL) {
        struct minke_byte_chunk *next = chunk->next;
        free_chunk(chunk, env);
        chunk = next;
    }
}

/* The chunks for `len` bytes beyond what the last one takes, allocated before anything is changed. */
static int reserve(const minke_byte_queue_t *queue, const minke_env_t *env, size_t len, struct minke_byte_chunk **chain)
{
    struct minke_byte_chunk **link = chain;
    *chain = NULL;
    for (size_t got = 0; got < len; got += (*link)->capacity, link = &(*link)->next) {
        *link = new_chunk(env, len - got, queue->len);
        if (*link == NULL) {
            free_chunks(*chain, env);
            return MINKE_ERROR_NO_MEMORY;
        }
    }
    return MINKE_OK;
}

static size_t fill(struct minke_byte_chunk *chunk, const uint8_t *data, size_t len)
{
    const size_t room = chunk->capacity - chunk->end;
    const size_t n = len < room ? len : room;
    if (n > 0) memcpy(chunk->bytes + chunk->end, data, n);
    chunk->end += (uint32_t)n;
    return n;
}

int minke__byte_queue_append(minke_byte_queue_t *queue, const minke_env_t *env, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    const size_t room = queue->last != NULL ? queue->last->capacity - queue->last->end : 0;
    struct minke_byte_chunk *chain = NULL;
    if (len > room && reserve(queue, env, len - room, &chain) < 0) return MINKE_ERROR_NO_MEMORY;
    size_t done = queue->last != NULL ? fill(queue->last, bytes, len) : 0;
    while (chain != NULL) {
        struct minke_byte_chunk *chunk = chain;
        chain = chunk->next;
        chunk->next = NULL;
        done += fill(chunk, bytes + done, len - done);
        if (queue->last != NULL) queue->last->next = chunk;
        else queue->first = chunk;
        queue->last = chunk;
    }
    queue->len += len;
    return MINKE_OK;
}

size_t minke__byte_queue_peek(const minke_byte_queue_t *queue, const uint8_t **data)
{
    if (queue->first == NULL) return 0;
    *data = queue->first->bytes + queue->first->start;
    return queue->first->end - queue->first->start;
}

void minke__byte_queue_consume(minke_byte_queue_t *queue, const minke_env_t *env, size_t len)
{
    while (queue->first != NULL) {
        struct minke_byte_chunk *chunk = queue->first;
        const size_t held = chunk->end - chunk->start;
        const size_t n = len < held ? len : held;
        chunk->start += (uint32_t)n;
        queue->len -= n;
        len -= n;
        if (chunk->start < chunk->end) return;
        queue->first = chunk->next;
        free_chunk(chunk, env);
        if (len == 0) break;
    }
    if (queue->first == NULL) queue->last = NULL;
}

void minke__byte_queue_free(minke_byte_queue_t *queue, const minke_env_t *env)
{
    free_chunks(queue->first, env);
    *queue = (minke_byte_queue_t){0};
}
