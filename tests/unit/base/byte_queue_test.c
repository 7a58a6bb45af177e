#include "base/byte_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

static uint8_t pattern(uint64_t position) { return (uint8_t)(position * 31 + (position >> 8)); }

/* Appends what comes at `position` of an endless pattern. */
static int append(minke_byte_queue_t *queue, const minke_env_t *env, uint64_t position, size_t len)
{
    static uint8_t data[70000];
    assert_true(len <= sizeof data);
    for (size_t i = 0; i < len; i++) data[i] = pattern(position + i);
    return minke__byte_queue_append(queue, env, data, len);
}

/* Takes everything out, piece by piece. */
static void check_drained(minke_byte_queue_t *queue, const minke_env_t *env, uint64_t position, size_t len)
{
    const uint8_t *data;
    size_t done = 0;
    for (size_t n; (n = minke__byte_queue_peek(queue, &data)) > 0; done += n) {
        for (size_t i = 0; i < n; i++) assert_int_equal(data[i], pattern(position + done + i));
        minke__byte_queue_consume(queue, env, n);
    }
    assert_int_equal(done, len);
}

static void check_content(const minke_byte_queue_t *queue, uint64_t position, size_t len)
{
    assert_int_equal(queue->len, len);
    const uint8_t *data = NULL;
    const size_t n = minke__byte_queue_peek(queue, &data);
    assert_true(len == 0 ? n == 0 : n > 0 && n <= len);
    for (size_t i = 0; i < n; i++) assert_int_equal(data[i], pattern(position + i));
}

static void test_empty(void **state)
{
    (void)state;
    test_env_t test;
    minke_byte_queue_t queue = {0};
    test_env_init(&test, 1);
    check_content(&queue, 0, 0);
    minke__byte_queue_consume(&queue, &test.env, 10);
    assert_int_equal(minke__byte_queue_append(&queue, &test.env, NULL, 0), MINKE_OK);
    check_content(&queue, 0, 0);
    assert_int_equal(test.allocations, 0);
    minke__byte_queue_free(&queue, &test.env);
}

static void test_first_in_first_out(void **state)
{
    (void)state;
    test_env_t test;
    minke_byte_queue_t queue = {0};
    uint64_t random = 3, appended = 0, consumed = 0;
    test_env_init(&test, 1);
    for (int i = 0; i < 600; i++) {
        const size_t more = test_random(&random) % (i % 10 == 0 ? 40000 : 700);
        assert_int_equal(append(&queue, &test.env, appended, more), MINKE_OK);
        appended += more;
        const size_t less = test_random(&random) % (i % 7 == 0 ? 40000 : 700);
        minke__byte_queue_consume(&queue, &test.env, less);
        consumed += less < appended - consumed ? less : appended - consumed;
        if (i % 8 == 0 || queue.len < 2000) check_content(&queue, consumed, (size_t)(appended - consumed));
    }
    minke__byte_queue_consume(&queue, &test.env, SIZE_MAX);
    check_content(&queue, 0, 0);
    assert_int_equal(test.blocks, 0); /* an empty queue holds no memory */
}

static void test_drained_in_order(void **state)
{
    (void)state;
    test_env_t test;
    minke_byte_queue_t queue = {0};
    test_env_init(&test, 1);
    assert_int_equal(append(&queue, &test.env, 0, 60000), MINKE_OK);
    minke__byte_queue_consume(&queue, &test.env, 100);
    check_drained(&queue, &test.env, 100, 59900);
    assert_int_equal(test.blocks, 0);
    check_content(&queue, 0, 0);
}

/* Little queued costs little: the chunks of a stream of pings are small. */
static void test_small_chunks(void **state)
{
    (void)state;
    test_env_t test;
    minke_byte_queue_t queue = {0};
    test_env_init(&test, 1);
    for (int i = 0; i < 12; i++) assert_int_equal(append(&queue, &test.env, (uint64_t)i * 32, 32), MINKE_OK);
    assert_int_equal(test.allocations, 1);
    check_content(&queue, 0, 12 * 32);
    minke__byte_queue_free(&queue, &test.env);
}

/* All or nothing, at whichever chunk the memory ends. */
static void test_allocation_failure(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        test_env_t test;
        minke_byte_queue_t queue = {0};
        test_env_init(&test, 1);
        assert_int_equal(append(&queue, &test.env, 0, 300), MINKE_OK);
        test.fail_at = test.allocations + n;
        const int result = append(&queue, &test.env, 300, 60000);
        test.fail_at = 0;
        if (result < 0) {
            assert_int_equal(result, MINKE_ERROR_NO_MEMORY);
            check_content(&queue, 0, 300);
            assert_int_equal(append(&queue, &test.env, 300, 60000), MINKE_OK);
        }
        check_content(&queue, 0, 60300);
        check_drained(&queue, &test.env, 0, 60300);
        minke__byte_queue_free(&queue, &test.env);
        assert_int_equal(test.blocks, 0);
        if (result == MINKE_OK) {
            assert_true(n > 2);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_first_in_first_out),
        cmocka_unit_test(test_drained_in_order),
        cmocka_unit_test(test_small_chunks),
        cmocka_unit_test(test_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
