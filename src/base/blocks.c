#include "base/blocks.h"

struct minke_block {
    struct minke_block *next;
};

/* What is kept is the transport's; it must not weigh on whoever had it last, who may be gone before it. */
static minke_account_t *keeper(const minke_env_t *env)
{
    return env->account != NULL && env->account->parent != NULL ? env->account->parent : env->account;
}

static bool may_keep(const minke_env_t *env)
{
    const minke_account_t *account = keeper(env);
    return env->blocks != NULL && env->blocks->kept < MINKE_BLOCKS_KEPT_MAX &&
           (account == NULL || account->used < account->max / 2);
}

void *minke__block_alloc(const minke_env_t *env)
{
    minke_blocks_t *blocks = env->blocks;
    if (blocks == NULL || blocks->first == NULL) return minke__alloc(env, MINKE_BLOCK_BYTES);
    struct minke_block *block = blocks->first;
    if (!minke__recharge(block, env->account)) return NULL;
    blocks->first = block->next;
    blocks->kept--;
    return block;
}

void minke__block_free(const minke_env_t *env, void *memory)
{
    if (memory == NULL || !may_keep(env) || !minke__recharge(memory, keeper(env))) {
        minke__free(env, memory);
        return;
    }
    struct minke_block *block = memory;
    block->next = env->blocks->first;
    env->blocks->first = block;
    env->blocks->kept++;
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
