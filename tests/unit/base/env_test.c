#include "base/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

static void test_allocator(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    uint8_t *memory = minke__alloc_zero(&test.env, 100);
    assert_non_null(memory);
    for (size_t i = 0; i < 100; i++) assert_int_equal(memory[i], 0);
    memory[99] = 7;
    memory = minke__realloc(&test.env, memory, 10000);
    assert_non_null(memory);
    assert_int_equal(memory[99], 7);
    assert_int_equal(test.blocks, 1);
    minke__free(&test.env, memory);
    minke__free(&test.env, NULL);
    assert_int_equal(test.blocks, 0);
}

/* Size 0 would mean "free" to the allocator: it must never be asked for that. */
static void test_no_bytes(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    void *memory = minke__alloc(&test.env, 0), *zeroed = minke__alloc_zero(&test.env, 0);
    assert_non_null(memory);
    assert_non_null(zeroed);
    memory = minke__realloc(&test.env, memory, 0);
    assert_non_null(memory);
    assert_int_equal(test.blocks, 2);
    minke__free(&test.env, memory);
    minke__free(&test.env, zeroed);
    assert_int_equal(test.blocks, 0);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    test.fail_at = 1;
    test.fail_for_good = true;
    assert_null(minke__alloc(&test.env, 1));
    assert_null(minke__alloc_zero(&test.env, 1));
    assert_null(minke__realloc(&test.env, NULL, 1));
}

static void test_default_allocator(void **state)
{
    (void)state;
    const minke_env_t env = {.allocator = minke__default_allocator()};
    uint8_t *memory = minke__alloc(&env, 10);
    assert_non_null(memory);
    memory[9] = 3;
    memory = minke__realloc(&env, memory, 100000);
    assert_non_null(memory);
    assert_int_equal(memory[9], 3);
    minke__free(&env, memory);
}

static void test_random_comes_from_the_environment(void **state)
{
    (void)state;
    test_env_t a, b;
    uint8_t first[16], second[16];
    test_env_init(&a, 1);
    test_env_init(&b, 1);
    minke__random_fill(&a.env, first, sizeof first);
    minke__random_fill(&b.env, second, sizeof second);
    assert_memory_equal(first, second, sizeof first);
    assert_int_equal(minke__random_u32(&a.env), minke__random_u32(&b.env));
    assert_int_not_equal(minke__random_u32(&a.env), minke__random_u32(&a.env));
}

static minke_trace_event_t last;

static void keep(void *user, const minke_trace_event_t *event)
{
    last = *event;
    ++*(int *)user;
}

static void test_trace(void **state)
{
    (void)state;
    test_env_t test;
    int calls = 0;
    test_env_init(&test, 1);
    assert_false(minke__tracing(&test.env));
    minke__trace(&test.env, 1, 2, MINKE_TRACE_ICE_SILENT, NULL, 0);
    test.env.trace = (minke_trace_t){&calls, keep};
    assert_true(minke__tracing(&test.env));
    minke__trace(&test.env, 1, 2, MINKE_TRACE_ICE_SILENT, NULL, 3);
    assert_int_equal(calls, 1);
    assert_int_equal(last.at, 1);
    assert_int_equal(last.connection, 2);
    assert_int_equal(last.layer, MINKE_LAYER_ICE);
    assert_int_equal(last.value, 3);
    assert_string_equal(last.name, "silent");
    assert_int_equal(last.level, MINKE_TRACE_LEVEL_STATE);
    assert_int_equal(last.id, MINKE_TRACE_ICE_SILENT);
    assert_string_equal(last.detail, ""); /* never NULL */
}

/* Every error has a name and a sentence of its own. */
static void test_errors(void **state)
{
    (void)state;
    static const int errors[] = {
#define ERROR_VALUE(name, value, text) MINKE_ERROR_##name,
        MINKE_ERROR_LIST(ERROR_VALUE)
#undef ERROR_VALUE
    };
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        assert_true(errors[i] < 0);
        assert_string_not_equal(minke_error_text(errors[i]), minke_error_text(-99));
        assert_string_not_equal(minke_error_name(errors[i]), minke_error_name(-99));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(minke_error_text(errors[i]), minke_error_text(errors[j]));
            assert_string_not_equal(minke_error_name(errors[i]), minke_error_name(errors[j]));
        }
    }
    assert_string_equal(minke_error_name(MINKE_ERROR_NO_MEMORY), "NO_MEMORY");
    assert_string_equal(minke_error_text(-99), "unknown error");
    assert_string_equal(minke_error_name(MINKE_OK), "OK");
    assert_string_equal(minke_error_name(5), "OK");
    assert_string_equal(minke_error_text(5), minke_error_text(MINKE_OK));
}

static void test_layer_names(void **state)
{
    (void)state;
    assert_string_equal(minke_layer_name(MINKE_LAYER_NONE), "none");
    assert_string_equal(minke_layer_name(MINKE_LAYER_DTLS), "dtls");
    assert_string_equal(minke_layer_name(MINKE_LAYER_HOST), "host");
    assert_string_equal(minke_layer_name((minke_layer_t)(MINKE_LAYER_HOST + 1)), "unknown");
    assert_string_equal(minke_layer_name((minke_layer_t)-1), "unknown");
}

/* Every name is a word of its own in its layer, and explained. */
static void test_trace_list(void **state)
{
    (void)state;
    static const struct {
        minke_layer_t layer;
        const char *name, *meaning;
    } list[] = {
#define ENTRY(layer, id, name, level, meaning) {MINKE_LAYER_##layer, name, meaning},
        MINKE_TRACE_LIST(ENTRY)
#undef ENTRY
    };
    assert_int_equal(sizeof list / sizeof list[0], MINKE_TRACES_N);
    for (size_t i = 0; i < MINKE_TRACES_N; i++) {
        assert_true(strlen(list[i].meaning) > 8);
        assert_true(strlen(list[i].name) > 2 && strlen(list[i].name) <= 21);
        assert_int_equal(strspn(list[i].name, "abcdefghijklmnopqrstuvwxyz_"), strlen(list[i].name));
        for (size_t k = 0; k < i; k++) {
            assert_true(list[i].layer != list[k].layer || strcmp(list[i].name, list[k].name) != 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocator),
        cmocka_unit_test(test_no_bytes),
        cmocka_unit_test(test_allocation_failure),
        cmocka_unit_test(test_default_allocator),
        cmocka_unit_test(test_random_comes_from_the_environment),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_trace_list),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_layer_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
