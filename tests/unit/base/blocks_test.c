#include "base/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

static void test_kept_blocks_are_used_again(void **state)
{
    (void)state;
    test_env_t test;
    minke_blocks_t blocks = {0};
    test_env_init(&test, 1);
    test.env.blocks = &blocks;
    void *first = minke__block_alloc(&test.env);
    void *second = minke__block_alloc(&test.env);
    memset(first, 1, MINKE_BLOCK_BYTES);
    memset(second, 2, MINKE_BLOCK_BYTES);
    minke__block_free(&test.env, first);
    minke__block_free(&test.env, second);
    assert_int_equal(blocks.kept, 2);
    /* The last one in is warm: it goes first. */
    assert_ptr_equal(minke__block_alloc(&test.env), second);
    assert_ptr_equal(minke__block_alloc(&test.env), first);
    assert_int_equal(blocks.kept, 0);
    assert_int_equal(test.allocations, 2);
    minke__block_free(&test.env, first);
    minke__block_free(&test.env, second);
    minke__block_free(&test.env, NULL);
    minke__blocks_empty(&test.env);
    assert_int_equal(blocks.kept, 0);
    assert_int_equal(test.blocks, 0);
}

static void test_no_more_than_the_cap_is_kept(void **state)
{
    (void)state;
    static void *all[MINKE_BLOCKS_KEPT_MAX + 3];
    const size_t n = sizeof all / sizeof all[0];
    test_env_t test;
    minke_blocks_t blocks = {0};
    test_env_init(&test, 1);
    test.env.blocks = &blocks;
    for (size_t i = 0; i < n; i++) all[i] = minke__block_alloc(&test.env);
    for (size_t i = 0; i < n; i++) minke__block_free(&test.env, all[i]);
    assert_int_equal(blocks.kept, MINKE_BLOCKS_KEPT_MAX);
    minke__blocks_empty(&test.env);
    assert_int_equal(test.blocks, 0);
}

static void test_nothing_is_kept_without_a_place(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    minke__block_free(&test.env, minke__block_alloc(&test.env));
    minke__blocks_empty(&test.env);
    assert_int_equal(test.blocks, 0);
}

static void test_without_memory_there_is_no_block(void **state)
{
    (void)state;
    test_env_t test;
    minke_blocks_t blocks = {0};
    test_env_init(&test, 1);
    test.env.blocks = &blocks;
    test.fail_at = 1;
    assert_null(minke__block_alloc(&test.env));
    assert_int_equal(blocks.kept, 0);
}

static void test_a_kept_block_is_charged_to_the_transport(void **state)
{
    (void)state;
    test_env_t test;
    minke_blocks_t blocks = {0};
    uint64_t refusals = 0;
    const size_t cost = MINKE_BLOCK_BYTES + MINKE_BLOCK_OVERHEAD;
    minke_account_t all = {.max = 8 * cost, .refusals = &refusals};
    minke_account_t one = {.parent = &all, .max = cost, .refusals = &refusals}, other = one;
    test_env_init(&test, 1);
    test.env.blocks = &blocks;
    test.env.account = &one;
    void *block = minke__block_alloc(&test.env);
    assert_int_equal(one.used, cost);
    minke__block_free(&test.env, block);
    assert_int_equal(one.used, 0);
    assert_int_equal(all.used, cost);
    test.env.account = &other;
    assert_ptr_equal(minke__block_alloc(&test.env), block);
    assert_int_equal(other.used, cost);
    assert_int_equal(all.used, cost);
    minke__block_free(&test.env, block);
    other.max = cost - 1; /* no room: it stays where it was */
    assert_null(minke__block_alloc(&test.env));
    assert_int_equal(blocks.kept, 1);
    minke__blocks_empty(&test.env);
    assert_int_equal(all.used, 0);
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_blocks_are_used_again),
        cmocka_unit_test(test_no_more_than_the_cap_is_kept),
        cmocka_unit_test(test_nothing_is_kept_without_a_place),
        cmocka_unit_test(test_without_memory_there_is_no_block),
        cmocka_unit_test(test_a_kept_block_is_charged_to_the_transport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
