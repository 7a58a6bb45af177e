#include "base/blocks.h"

struct minke_block {
    struct minke_block *next;
};

void *minke__block_alloc(const minke_env_t *env)
{
    minke_blocks_t *blocks = env->blocks;
    if (blocks == NULL || blocks->first == NULL) return minke__alloc(env, MINKE_BLOCK_BYTES);
    struct minke_block *block = blocks->first;
    blocks->first = block->next;
    blocks->kept--;
    return block;
}

void minke__block_free(const minke_env_t *env, void *memory)
{
    minke_blocks_t *blocks = env->blocks;
    if (blocks == NULL || memory == NULL || blocks->kept >= MINKE_BLOCKS_KEPT_MAX) {
        minke__free(env, memory);
        return;
    }
    struct minke_block *block = memory;
    block->next = blocks->first;
    blocks->first = block;
    blocks->kept++;
}

void minke__blocks_empty(const minke_env_t *env)
{
    if (env->blocks == NULL) return;
    while (env->blocks->first != NULL) {
        struct minke_block *block = env->blocks->first;
        env->blocks->first = block->next;
        env->blocks->kept--;
        minke__free(env, block);
    }
}
