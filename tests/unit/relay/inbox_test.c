#include "vectors.h"

#include "relay/message.h"

/* Hands `len` bytes over in pieces of `step`; returns what the last call said, and how many bytes were taken in all. */
static int take(minke_relay_inbox_t *inbox, const uint8_t *data, size_t len, size_t step, size_t *taken)
{
    int error = MINKE_ERROR_AGAIN;
    *taken = 0;
    while (error == MINKE_ERROR_AGAIN && *taken < len) {
        const size_t n = len - *taken < step ? len - *taken : step;
        size_t now;
        error = minke__relay_inbox_take(inbox, data + *taken, n, &now);
        assert_true(now <= n && (now == n || error != MINKE_ERROR_AGAIN));
        *taken += now;
    }
    return error;
}

/* However it is cut, and whatever follows. */
static void cut_anywhere(void **state)
{
    (void)state;
    static const uint16_t lens[] = {0, 1, 2, 127, 128, 129, 300, 4095, 4096};
    static uint8_t data[MINKE_RELAY_PREFIX_MAX + MINKE_RELAY_MESSAGE_MAX + 20];
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        minke_writer_t w = minke__writer(data, sizeof data);
        minke__write_uvarint(&w, lens[i]);
        const size_t whole = w.len + lens[i];
        for (size_t at = w.len; at < sizeof data; at++) data[at] = (uint8_t)(at * 7);
        for (size_t step = 1; step <= whole + 20; step += step < 8 ? 1 : 97) {
            minke_relay_inbox_t inbox;
            size_t taken;
            minke__relay_inbox_init(&inbox, &test.env);
            assert_int_equal(take(&inbox, data, whole + 20, step, &taken), MINKE_OK);
            assert_int_equal(taken, whole);
            assert_int_equal(inbox.len, lens[i]);
            assert_memory_equal(inbox.message, data + w.len, lens[i]);
            /* What follows is not ours. */
            assert_int_equal(minke__relay_inbox_take(&inbox, data, 5, &taken), MINKE_OK);
            assert_int_equal(taken, 0);
            minke__relay_inbox_free(&inbox);
        }
    }
    assert_int_equal(test.blocks, 0);
}

static void waits_for_the_last_byte(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x02, 0x08, 0x00};
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t cut = 0; cut < sizeof data; cut++) {
        minke_relay_inbox_t inbox;
        size_t taken;
        minke__relay_inbox_init(&inbox, &test.env);
        assert_int_equal(minke__relay_inbox_take(&inbox, data, cut, &taken), MINKE_ERROR_AGAIN);
        assert_int_equal(taken, cut);
        assert_int_equal(minke__relay_inbox_take(&inbox, NULL, 0, &taken), MINKE_ERROR_AGAIN);
        assert_int_equal(minke__relay_inbox_take(&inbox, data + cut, sizeof data - cut, &taken), MINKE_OK);
        assert_int_equal(taken, sizeof data - cut);
        minke__relay_inbox_free(&inbox);
    }
    assert_int_equal(test.blocks, 0);
}

static void refuses_bad_prefixes(void **state)
{
    (void)state;
    static const char *const table[] = {
        "8000",       /* 0, not minimal */
        "8100",       /* 1, not minimal */
        "ff00",       /* 127, not minimal */
        "8120",       /* 4097 */
        "ff7f",       /* 16383 */
        "808001",     /* three bytes */
        "ffffffff7f", /* five */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (size_t step = 1; step <= 5; step++) {
            test_env_t test;
            uint8_t data[8];
            minke_relay_inbox_t inbox;
            size_t taken;
            test_env_init(&test, 1);
            minke__relay_inbox_init(&inbox, &test.env);
            const size_t len = test_unhex(table[i], data, sizeof data);
            if (take(&inbox, data, len, step, &taken) != MINKE_ERROR_MALFORMED) fail_msg("%s", table[i]);
            assert_int_equal(test.allocations, 0); /* no memory for what will not come */
            minke__relay_inbox_free(&inbox);
        }
    }
}

static void lack_of_memory(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x02, 0x08, 0x00};
    test_env_t test;
    minke_relay_inbox_t inbox;
    size_t taken;
    test_env_init(&test, 1);
    test.fail_at = 1;
    minke__relay_inbox_init(&inbox, &test.env);
    assert_int_equal(minke__relay_inbox_take(&inbox, data, sizeof data, &taken), MINKE_ERROR_NO_MEMORY);
    minke__relay_inbox_free(&inbox);
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(waits_for_the_last_byte),
        cmocka_unit_test(refuses_bad_prefixes),
        cmocka_unit_test(lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
