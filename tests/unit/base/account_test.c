#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

typedef struct ledger {
    test_env_t test;
    minke_account_t all, one;
    uint64_t all_refused, one_refused;
} ledger_t;

static void set_up(ledger_t *l, size_t all_max, size_t one_max)
{
    memset(l, 0, sizeof *l);
    test_env_init(&l->test, 1);
    l->all = (minke_account_t){.max = all_max, .refusals = &l->all_refused};
    l->one = (minke_account_t){.parent = &l->all, .max = one_max, .refusals = &l->one_refused};
    l->test.env.account = &l->one;
}

static void test_every_byte_is_charged_and_given_back(void **state)
{
    (void)state;
    ledger_t l;
    set_up(&l, 1 << 20, 1 << 20);
    void *a = minke__alloc(&l.test.env, 100), *b = minke__alloc_zero(&l.test.env, 1);
    assert_int_equal(l.one.used, 101 + 2 * MINKE_BLOCK_OVERHEAD);
    assert_int_equal(l.all.used, l.one.used);
    a = minke__realloc(&l.test.env, a, 5000);
    assert_int_equal(l.one.used, 5001 + 2 * MINKE_BLOCK_OVERHEAD);
    a = minke__realloc(&l.test.env, a, 10);
    assert_int_equal(l.one.used, 11 + 2 * MINKE_BLOCK_OVERHEAD);
    void *c = minke__realloc(&l.test.env, NULL, 7);
    assert_int_equal(l.one.used, 18 + 3 * MINKE_BLOCK_OVERHEAD);
    minke__free(&l.test.env, a);
    minke__free(&l.test.env, b);
    minke__free(&l.test.env, c);
    minke__free(&l.test.env, NULL);
    assert_int_equal(l.one.used, 0);
    assert_int_equal(l.all.used, 0);
    assert_int_equal(l.test.blocks, 0);
}

/* A block knows whom it was charged to, whoever frees it. */
static void test_another_env_may_free(void **state)
{
    (void)state;
    ledger_t l;
    set_up(&l, 1 << 20, 1 << 20);
    minke_env_t other = l.test.env;
    other.account = &l.all;
    void *memory = minke__alloc(&l.test.env, 100);
    memory = minke__realloc(&other, memory, 200);
    assert_int_equal(l.one.used, 200 + MINKE_BLOCK_OVERHEAD);
    minke__free(&other, memory);
    assert_int_equal(l.one.used, 0);
    assert_int_equal(l.all.used, 0);
}

static void test_the_caps_are_exact(void **state)
{
    (void)state;
    ledger_t l;
    set_up(&l, 3000, 1000);
    void *memory = minke__alloc(&l.test.env, 1000 - MINKE_BLOCK_OVERHEAD);
    assert_non_null(memory);
    assert_null(l.one.refused_by);
    assert_null(minke__alloc(&l.test.env, 1));
    assert_null(minke__realloc(&l.test.env, memory, 1000));
    assert_ptr_equal(l.one.refused_by, &l.one);
    assert_int_equal(l.one_refused, 2);
    assert_int_equal(l.all_refused, 0);
    assert_int_equal(l.one.used, 1000);
    assert_int_equal(l.all.used, 1000);
    minke__free(&l.test.env, memory);
    /* The transport's cap, with room left in the connection's. */
    l.one.refused_by = NULL;
    assert_true(minke__account_charge(&l.all, 2500));
    assert_null(minke__alloc(&l.test.env, 501));
    assert_ptr_equal(l.one.refused_by, &l.all);
    assert_int_equal(l.all_refused, 1);
    assert_int_equal(l.one.used, 0);
    assert_int_equal(l.all.used, 2500);
}

static void test_sizes_beyond_counting(void **state)
{
    (void)state;
    ledger_t l;
    set_up(&l, SIZE_MAX, SIZE_MAX);
    void *memory = minke__alloc(&l.test.env, 1);
    assert_null(minke__alloc(&l.test.env, SIZE_MAX));
    assert_null(minke__realloc(&l.test.env, memory, SIZE_MAX - 3));
    minke__free(&l.test.env, memory);
    assert_int_equal(l.all.used, 0);
}

/* What the system refuses is not charged either. */
static void test_failure_below_is_not_charged(void **state)
{
    (void)state;
    ledger_t l;
    set_up(&l, 1 << 20, 1 << 20);
    void *memory = minke__alloc(&l.test.env, 100);
    l.test.fail_at = l.test.allocations + 1;
    l.test.fail_for_good = true;
    assert_null(minke__alloc(&l.test.env, 100));
    assert_null(minke__realloc(&l.test.env, memory, 200));
    assert_int_equal(l.one.used, 100 + MINKE_BLOCK_OVERHEAD);
    assert_null(l.one.refused_by);
    minke__free(&l.test.env, memory);
    assert_int_equal(l.all.used, 0);
}

static void test_shares_of_the_limit(void **state)
{
    (void)state;
    ledger_t l;
    set_up(&l, 1 << 20, 1 << 16);
    assert_int_equal(minke__account_limit(NULL), SIZE_MAX);
    assert_int_equal(minke__account_room(NULL), SIZE_MAX);
    assert_false(minke__account_is_short(NULL));
    assert_int_equal(minke__account_limit(&l.one), 1 << 16);
    assert_int_equal(minke__account_window(&l.one), 1 << 14);
    assert_int_equal(minke__account_room(&l.one), 3 << 14);
    assert_true(minke__account_charge(&l.one, 3 << 14));
    assert_int_equal(minke__account_room(&l.one), 0);
    assert_false(minke__account_is_short(&l.one));
    assert_true(minke__account_charge(&l.one, 1 << 13));
    assert_true(minke__account_is_short(&l.one));
    /* As the transport fills up the limit falls, for those who hold much first. */
    assert_true(minke__account_charge(&l.all, (1 << 20) - (1 << 16) - l.all.used));
    assert_int_equal(minke__account_limit(&l.one), 1 << 13);
    assert_false(minke__account_is_crowded(&l.all));
    assert_true(minke__account_charge(&l.all, (1 << 15) + 1));
    assert_true(minke__account_is_crowded(&l.all));
}

/* Greedy accounts that take all they may leave an eighth of theirs and more to a newcomer, however many they are. */
static void test_the_greedy_leave_room(void **state)
{
    (void)state;
    enum { GREEDY = 1000 };
    static minke_account_t greedy[GREEDY];
    uint64_t refused = 0;
    minke_account_t all = {.max = 1 << 30, .refusals = &refused};
    for (int i = 0; i < GREEDY; i++)
        greedy[i] = (minke_account_t){.parent = &all, .max = 16 << 20, .refusals = &refused};
    for (bool any = true; any;) {
        any = false;
        for (int i = 0; i < GREEDY; i++) {
            if (minke__account_room(&greedy[i]) < 1024) continue;
            any = true;
            assert_true(minke__account_charge(&greedy[i], 1024));
        }
    }
    const minke_account_t newcomer = {.parent = &all, .max = 16 << 20, .refusals = &refused};
    assert_true(minke__account_room(&newcomer) > 512 << 10);
    assert_int_equal(refused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_is_charged_and_given_back),
        cmocka_unit_test(test_another_env_may_free),
        cmocka_unit_test(test_the_caps_are_exact),
        cmocka_unit_test(test_sizes_beyond_counting),
        cmocka_unit_test(test_failure_below_is_not_charged),
        cmocka_unit_test(test_shares_of_the_limit),
        cmocka_unit_test(test_the_greedy_leave_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
