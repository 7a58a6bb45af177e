#include "base/handles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

enum { OBJECTS_N = 100 };

static int objects[OBJECTS_N];

static void test_add_get_remove(void **state)
{
    (void)state;
    test_env_t test;
    minke_handles_t handles;
    uint64_t ids[OBJECTS_N];
    test_env_init(&test, 1);
    minke__handles_init(&handles, &test.env);
    for (size_t i = 0; i < OBJECTS_N; i++) {
        ids[i] = minke__handles_add(&handles, &objects[i]);
        assert_int_not_equal(ids[i], 0);
        for (size_t j = 0; j < i; j++) assert_int_not_equal(ids[i], ids[j]);
    }
    assert_int_equal(handles.count, OBJECTS_N);
    for (size_t i = 0; i < OBJECTS_N; i++) assert_ptr_equal(minke__handles_get(&handles, ids[i]), &objects[i]);
    for (size_t i = 0; i < OBJECTS_N; i += 2) minke__handles_remove(&handles, ids[i]);
    assert_int_equal(handles.count, OBJECTS_N / 2);
    for (size_t i = 0; i < OBJECTS_N; i++) {
        assert_ptr_equal(minke__handles_get(&handles, ids[i]), i % 2 == 0 ? NULL : &objects[i]);
    }
    minke__handles_free(&handles);
    assert_null(minke__handles_get(&handles, ids[1]));
    assert_int_equal(test.blocks, 0);
}

/* An id stays dead although its slot is used again and again. */
static void test_stale_ids(void **state)
{
    (void)state;
    test_env_t test;
    minke_handles_t handles;
    uint64_t ids[50];
    test_env_init(&test, 1);
    minke__handles_init(&handles, &test.env);
    for (size_t i = 0; i < 50; i++) {
        ids[i] = minke__handles_add(&handles, &objects[0]);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ids[i], ids[j]);
            assert_null(minke__handles_get(&handles, ids[j]));
            minke__handles_remove(&handles, ids[j]); /* of no effect */
        }
        assert_ptr_equal(minke__handles_get(&handles, ids[i]), &objects[0]);
        minke__handles_remove(&handles, ids[i]);
        assert_null(minke__handles_get(&handles, ids[i]));
    }
    assert_int_equal(handles.count, 0);
    assert_int_equal(handles.slots_n, 8); /* it did not grow */
    minke__handles_free(&handles);
}

static void test_invented_ids(void **state)
{
    (void)state;
    test_env_t test;
    minke_handles_t handles;
    test_env_init(&test, 1);
    minke__handles_init(&handles, &test.env);
    assert_null(minke__handles_get(&handles, 0));
    assert_null(minke__handles_get(&handles, UINT64_MAX));
    const uint64_t id = minke__handles_add(&handles, &objects[0]);
    for (unsigned bit = 0; bit < 64; bit++) assert_null(minke__handles_get(&handles, id ^ (uint64_t)1 << bit));
    assert_null(minke__handles_get(&handles, 0));
    minke__handles_remove(&handles, 0);
    minke__handles_remove(&handles, UINT64_MAX);
    assert_int_equal(handles.count, 1);
    minke__handles_free(&handles);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    test_env_t test;
    minke_handles_t handles;
    test_env_init(&test, 1);
    minke__handles_init(&handles, &test.env);
    test.fail_at = 1;
    assert_int_equal(minke__handles_add(&handles, &objects[0]), 0);
    uint64_t ids[8];
    for (size_t i = 0; i < 8; i++) ids[i] = minke__handles_add(&handles, &objects[i]);
    test.fail_at = test.allocations + 1;
    assert_int_equal(minke__handles_add(&handles, &objects[8]), 0);
    for (size_t i = 0; i < 8; i++) assert_ptr_equal(minke__handles_get(&handles, ids[i]), &objects[i]);
    assert_int_not_equal(minke__handles_add(&handles, &objects[8]), 0);
    minke__handles_free(&handles);
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_get_remove),
        cmocka_unit_test(test_stale_ids),
        cmocka_unit_test(test_invented_ids),
        cmocka_unit_test(test_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
