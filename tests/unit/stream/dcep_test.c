/* DCEP OPEN: spec/streams.md 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/dcep.h"
#include "support/test_env.h"

static minke_dcep_verdict_t judge(const char *hex)
{
    uint8_t bytes[64];
    return minke__dcep_judge_open(bytes, test_unhex(hex, bytes, sizeof bytes));
}

static void test_judge(void **state)
{
    (void)state;
    assert_int_equal(judge("03 00 0000 00000000 0000 0000"), MINKE_DCEP_STREAM);
    assert_int_equal(judge("03 00 0100 00000000 0000 0000"), MINKE_DCEP_STREAM); /* Chromium's priority */
    assert_int_equal(judge("03 00 0100 00000000 0003 0000 616263"), MINKE_DCEP_STREAM);
    assert_int_equal(judge("03 00 0100 00000000 0004 0000 696e6974"), MINKE_DCEP_INIT);
    assert_int_equal(judge("03 00 0100 00000000 0004 0002 696e6974 7878"), MINKE_DCEP_INIT);
    assert_int_equal(judge("03 00 0100 00000000 0004 0000 696e6e74"), MINKE_DCEP_STREAM);
    assert_int_equal(judge("03 00 0100 00000000 0003 0001 696e6974"), MINKE_DCEP_STREAM);
    assert_int_equal(judge("03 00 0100 00000000 0004 0001 696e6974"), MINKE_DCEP_MALFORMED);
    assert_int_equal(judge("03 00 0100 00000000 ffff ffff"), MINKE_DCEP_MALFORMED);
    assert_int_equal(judge("02 00 0000 00000000 0000 0000"), MINKE_DCEP_MALFORMED);
    static const char *const other_types[] = {"01", "02", "80", "81", "82", "7f"};
    for (size_t i = 0; i < sizeof other_types / sizeof other_types[0]; i++) {
        uint8_t bytes[MINKE_DCEP_OPEN_BYTES] = {3};
        (void)test_unhex(other_types[i], bytes + 1, 1);
        assert_int_equal(minke__dcep_judge_open(bytes, sizeof bytes), MINKE_DCEP_UNSUPPORTED);
    }
}

static void test_truncated(void **state)
{
    (void)state;
    uint8_t bytes[64];
    const size_t len = test_unhex("03 00 0100 00000000 0004 0002 696e6974 7878", bytes, sizeof bytes);
    for (size_t n = 0; n < len; n++) assert_int_equal(minke__dcep_judge_open(bytes, n), MINKE_DCEP_MALFORMED);
    /* Only the head of a long one is held. */
    bytes[11] = 200;
    assert_int_equal(minke__dcep_judge_open(bytes, 216), MINKE_DCEP_INIT);
    assert_int_equal(minke__dcep_judge_open(bytes, 215), MINKE_DCEP_MALFORMED);
}

static void test_write(void **state)
{
    (void)state;
    uint8_t bytes[MINKE_DCEP_OPEN_BYTES], expected[MINKE_DCEP_OPEN_BYTES];
    minke_writer_t w = minke__writer(bytes, sizeof bytes);
    minke__dcep_write_open(&w, false);
    assert_true(!w.failed && w.len == test_unhex("03 00 0000 00000000 0000 0000", expected, sizeof expected));
    assert_memory_equal(bytes, expected, sizeof expected);
    assert_int_equal(minke__dcep_judge_open(bytes, w.len), MINKE_DCEP_STREAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
