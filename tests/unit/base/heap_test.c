#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

enum { NODES_N = 200 };

static minke_heap_node_t *pop(minke_heap_t *heap)
{
    minke_heap_node_t *top = minke__heap_top(heap);
    if (top != NULL) minke__heap_set(heap, top, MINKE_TIME_NEVER);
    return top;
}

static void test_earliest_first_and_equal_ones_in_order(void **state)
{
    (void)state;
    test_env_t test;
    minke_heap_t heap;
    minke_heap_node_t nodes[6] = {{0}};
    static const minke_time_t at[6] = {30, 10, 20, 10, 0, 10};
    static const size_t order[6] = {4, 1, 3, 5, 2, 0};
    test_env_init(&test, 1);
    minke__heap_init(&heap, &test.env);
    assert_null(minke__heap_top(&heap));
    assert_int_equal(minke__heap_reserve(&heap, 6), MINKE_OK);
    for (size_t i = 0; i < 6; i++) minke__heap_set(&heap, &nodes[i], at[i]);
    for (size_t i = 0; i < 6; i++) {
        assert_ptr_equal(pop(&heap), &nodes[order[i]]);
        assert_int_equal(nodes[order[i]].index, 0);
    }
    assert_null(minke__heap_top(&heap));
    minke__heap_free(&heap);
    assert_int_equal(test.blocks, 0);
}

/* Set to the instant that it has, a node keeps its place among equals; moved away and back, it goes to the end. */
static void test_set_again(void **state)
{
    (void)state;
    test_env_t test;
    minke_heap_t heap;
    minke_heap_node_t a = {0}, b = {0};
    test_env_init(&test, 1);
    minke__heap_init(&heap, &test.env);
    assert_int_equal(minke__heap_reserve(&heap, 2), MINKE_OK);
    minke__heap_set(&heap, &a, 5);
    minke__heap_set(&heap, &b, 5);
    minke__heap_set(&heap, &a, 5);
    assert_ptr_equal(minke__heap_top(&heap), &a);
    minke__heap_set(&heap, &a, 6);
    minke__heap_set(&heap, &a, 5);
    assert_ptr_equal(minke__heap_top(&heap), &b);
    minke__heap_set(&heap, &b, MINKE_TIME_NEVER);
    minke__heap_set(&heap, &b, MINKE_TIME_NEVER);
    assert_ptr_equal(minke__heap_top(&heap), &a);
    assert_int_equal(heap.count, 1);
    minke__heap_free(&heap);
}

/* Of those that are set, with the order in which they were. */
static const minke_heap_node_t *earliest(const minke_heap_node_t *nodes, const int *orders)
{
    const minke_heap_node_t *best = NULL;
    for (size_t i = 0; i < NODES_N; i++) {
        if (nodes[i].index == 0) continue;
        if (best == NULL || nodes[i].at < best->at || (nodes[i].at == best->at && orders[i] < orders[best - nodes])) {
            best = &nodes[i];
        }
    }
    return best;
}

static void test_against_a_plain_search(void **state)
{
    (void)state;
    test_env_t test;
    minke_heap_t heap;
    minke_heap_node_t nodes[NODES_N] = {{0}};
    int orders[NODES_N] = {0};
    uint64_t random = 99;
    test_env_init(&test, 1);
    minke__heap_init(&heap, &test.env);
    assert_int_equal(minke__heap_reserve(&heap, NODES_N), MINKE_OK);
    for (int i = 0; i < 20000; i++) {
        const size_t which = test_random(&random) % NODES_N;
        const uint64_t at = test_random(&random) % 64;
        if (nodes[which].index == 0 || nodes[which].at != at) orders[which] = i;
        minke__heap_set(&heap, &nodes[which], at < 16 ? MINKE_TIME_NEVER : at);
        assert_ptr_equal(minke__heap_top(&heap), earliest(nodes, orders));
        for (size_t n = 0; n < heap.count; n++) assert_int_equal(heap.entries[n].node->index, n + 1);
    }
    minke__heap_free(&heap);
    assert_int_equal(test.blocks, 0);
}

static void test_reserve(void **state)
{
    (void)state;
    test_env_t test;
    minke_heap_t heap;
    minke_heap_node_t nodes[NODES_N] = {{0}};
    test_env_init(&test, 1);
    minke__heap_init(&heap, &test.env);
    test.fail_at = 1;
    assert_int_equal(minke__heap_reserve(&heap, 1), MINKE_ERROR_NO_MEMORY);
    for (size_t i = 0; i < NODES_N; i++) {
        assert_int_equal(minke__heap_reserve(&heap, i + 1), MINKE_OK);
        minke__heap_set(&heap, &nodes[i], NODES_N - i);
        assert_ptr_equal(minke__heap_top(&heap), &nodes[i]);
    }
    test.fail_at = test.allocations + 1;
    test.fail_for_good = true;
    const size_t capacity = heap.capacity;
    assert_int_equal(minke__heap_reserve(&heap, capacity), MINKE_OK);
    assert_int_equal(minke__heap_reserve(&heap, capacity + 1), MINKE_ERROR_NO_MEMORY);
    for (size_t i = NODES_N; i > 2; i--) assert_ptr_equal(pop(&heap), &nodes[i - 1]); /* nothing was lost */
    assert_int_equal(minke__heap_reserve(&heap, 3), MINKE_OK); /* could be smaller, but need not */
    assert_int_equal(heap.capacity, capacity);
    test.fail_at = 0;
    assert_int_equal(minke__heap_reserve(&heap, 3), MINKE_OK);
    assert_in_range(heap.capacity, 3, 8);
    for (size_t i = 2; i > 0; i--) assert_ptr_equal(pop(&heap), &nodes[i - 1]);
    minke__heap_free(&heap);
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_earliest_first_and_equal_ones_in_order),
        cmocka_unit_test(test_set_again),
        cmocka_unit_test(test_against_a_plain_search),
        cmocka_unit_test(test_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
