/* Messages with a length prefix, cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/frame_inbox.h"
#include "support/test_env.h"

/* That of circuit relay messages, two bytes of prefix, and that of signalling messages, three. */
enum { LIMIT = 4096, LARGE_LIMIT = 65536 };

/* Hands `len` bytes over in pieces of `step`; returns what the last call said, and how many bytes were taken in all. */
static int take(minke_frame_inbox_t *inbox, const uint8_t *data, size_t len, size_t step, size_t *taken)
{
    int error = MINKE_ERROR_AGAIN;
    *taken = 0;
    while (error == MINKE_ERROR_AGAIN && *taken < len) {
        const size_t n = len - *taken < step ? len - *taken : step;
        size_t now;
        error = minke__frame_inbox_take(inbox, data + *taken, n, &now);
        assert_true(now <= n && (now == n || error != MINKE_ERROR_AGAIN));
        *taken += now;
    }
    return error;
}

/* However it is cut, and whatever follows. */
static void cut_anywhere(void **state)
{
    (void)state;
    static const uint32_t lens[] = {0, 1, 2, 127, 128, 129, 300, 4095, 4096, 16383, 16384, 65535, 65536};
    static uint8_t data[MINKE_FRAME_PREFIX_MAX + LARGE_LIMIT + 20];
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        minke_writer_t w = minke__writer(data, sizeof data);
        minke__write_uvarint(&w, lens[i]);
        const size_t whole = w.len + lens[i];
        for (size_t at = w.len; at < whole + 20; at++) data[at] = (uint8_t)(at * 7);
        const size_t stride = lens[i] > LIMIT ? 9001 : 97;
        for (size_t step = 1; step <= whole + 20; step += step < 8 ? 1 : stride) {
            minke_frame_inbox_t inbox;
            size_t taken;
            minke__frame_inbox_init(&inbox, &test.env, lens[i] > LIMIT ? LARGE_LIMIT : LIMIT);
            assert_int_equal(take(&inbox, data, whole + 20, step, &taken), MINKE_OK);
            assert_int_equal(taken, whole);
            assert_int_equal(inbox.len, lens[i]);
            assert_memory_equal(inbox.message, data + w.len, lens[i]);
            /* What follows is not ours. */
            assert_int_equal(minke__frame_inbox_take(&inbox, data, 5, &taken), MINKE_OK);
            assert_int_equal(taken, 0);
            minke__frame_inbox_free(&inbox);
        }
    }
    assert_int_equal(test.blocks, 0);
}

/* One inbox for all messages of a stream. */
static void one_after_the_other(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x02, 'a', 'b', 0x00, 0x01, 'c'};
    static const uint32_t lens[] = {2, 0, 1};
    test_env_t test;
    minke_frame_inbox_t inbox;
    size_t at = 0, taken;
    test_env_init(&test, 1);
    minke__frame_inbox_init(&inbox, &test.env, 2);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(minke__frame_inbox_take(&inbox, data + at, sizeof data - at, &taken), MINKE_OK);
        assert_int_equal(taken, 1 + lens[i]);
        assert_int_equal(inbox.len, lens[i]);
        minke__frame_inbox_free(&inbox);
        at += taken;
    }
    /* The limit has stayed. */
    assert_int_equal(minke__frame_inbox_take(&inbox, (const uint8_t *)"\x03", 1, &taken), MINKE_ERROR_MALFORMED);
    minke__frame_inbox_free(&inbox);
    assert_int_equal(test.blocks, 0);
}

static void waits_for_the_last_byte(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x02, 0x08, 0x00};
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t cut = 0; cut < sizeof data; cut++) {
        minke_frame_inbox_t inbox;
        size_t taken;
        minke__frame_inbox_init(&inbox, &test.env, LIMIT);
        assert_int_equal(minke__frame_inbox_take(&inbox, data, cut, &taken), MINKE_ERROR_AGAIN);
        assert_int_equal(taken, cut);
        assert_int_equal(minke__frame_inbox_take(&inbox, NULL, 0, &taken), MINKE_ERROR_AGAIN);
        assert_int_equal(minke__frame_inbox_take(&inbox, data + cut, sizeof data - cut, &taken), MINKE_OK);
        assert_int_equal(taken, sizeof data - cut);
        minke__frame_inbox_free(&inbox);
    }
    assert_int_equal(test.blocks, 0);
}

static void refuses_bad_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint32_t limit;
    } table[] = {
        {"8000", LIMIT},           /* 0, not minimal */
        {"8100", LIMIT},           /* 1, not minimal */
        {"ff00", LIMIT},           /* 127, not minimal */
        {"8120", LIMIT},           /* 4097 */
        {"ff7f", LIMIT},           /* 16383 */
        {"808001", LIMIT},         /* three bytes */
        {"ffffffff7f", LIMIT},     /* five */
        {"808000", LARGE_LIMIT},   /* 0, not minimal */
        {"818004", LARGE_LIMIT},   /* 65537 */
        {"808040", LARGE_LIMIT},   /* 1 MiB */
        {"80808001", LARGE_LIMIT}, /* four bytes */
        {"80808040", 1 << 20},     /* the same at the highest limit */
        {"818040", 1 << 20},       /* 1 MiB and one */
        {"01", 0},                 /* nothing but empty messages */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (size_t step = 1; step <= 5; step++) {
            test_env_t test;
            uint8_t data[8];
            minke_frame_inbox_t inbox;
            size_t taken;
            test_env_init(&test, 1);
            minke__frame_inbox_init(&inbox, &test.env, table[i].limit);
            const size_t len = test_unhex(table[i].hex, data, sizeof data);
            if (take(&inbox, data, len, step, &taken) != MINKE_ERROR_MALFORMED) fail_msg("%s", table[i].hex);
            assert_int_equal(test.allocations, 0); /* no memory for what will not come */
            minke__frame_inbox_free(&inbox);
        }
    }
}

static void lack_of_memory(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x02, 0x08, 0x00};
    test_env_t test;
    minke_frame_inbox_t inbox;
    size_t taken;
    test_env_init(&test, 1);
    test.fail_at = 1;
    minke__frame_inbox_init(&inbox, &test.env, LIMIT);
    assert_int_equal(minke__frame_inbox_take(&inbox, data, sizeof data, &taken), MINKE_ERROR_NO_MEMORY);
    minke__frame_inbox_free(&inbox);
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(waits_for_the_last_byte),
        cmocka_unit_test(refuses_bad_prefixes),
        cmocka_unit_test(lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
