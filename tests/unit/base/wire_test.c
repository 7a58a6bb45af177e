#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

static const uint8_t counted[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c,
                                  0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};

static void test_read_numbers(void **state)
{
    (void)state;
    minke_reader_t r = minke__reader(counted, sizeof counted);
    assert_int_equal(minke__read_u8(&r), 0x01);
    assert_int_equal(minke__read_u16(&r), 0x0203);
    assert_int_equal(minke__read_u24(&r), 0x040506);
    assert_int_equal(minke__read_u32(&r), 0x0708090a);
    assert_int_equal(minke__read_u48(&r), 0x0b0c0d0e0f10);
    assert_int_equal(minke__read_u64(&r), 0x1112131415161718);
    assert_true(minke__reader_done(&r));
    assert_int_equal(minke__read_u8(&r), 0);
    assert_true(r.failed);
    assert_false(minke__reader_done(&r));
}

static uint64_t read_u8(minke_reader_t *r) { return minke__read_u8(r); }
static uint64_t read_u16(minke_reader_t *r) { return minke__read_u16(r); }
static uint64_t read_u24(minke_reader_t *r) { return minke__read_u24(r); }
static uint64_t read_u32(minke_reader_t *r) { return minke__read_u32(r); }

static void test_read_past_the_end(void **state)
{
    (void)state;
    static const struct {
        uint64_t (*read)(minke_reader_t *r);
        size_t len;
    } numbers[] = {{read_u8, 1},  {read_u16, 2},        {read_u24, 3},
                   {read_u32, 4}, {minke__read_u48, 6}, {minke__read_u64, 8}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (size_t len = 0; len <= numbers[i].len; len++) {
            minke_reader_t r = minke__reader(counted, len);
            const uint64_t value = numbers[i].read(&r);
            assert_int_equal(r.failed, len < numbers[i].len);
            if (r.failed) assert_int_equal(value, 0);
        }
    }
}

static void test_reader_failure_sticks(void **state)
{
    (void)state;
    minke_reader_t r = minke__reader(counted, 3);
    assert_null(minke__read_bytes(&r, 4));
    assert_int_equal(minke__reader_left(&r), 0);
    assert_int_equal(minke__read_u8(&r), 0); /* although a byte is there */
    assert_null(minke__read_bytes(&r, 0));
    assert_null(minke__read_bytes(&r, SIZE_MAX));
    minke_reader_t sub = minke__read_sub(&r, 1);
    assert_true(sub.failed);
    assert_true(r.failed);
}

static void test_read_bytes(void **state)
{
    (void)state;
    minke_reader_t r = minke__reader(counted, 5);
    assert_ptr_equal(minke__read_bytes(&r, 2), counted);
    assert_int_equal(minke__reader_left(&r), 3);
    assert_ptr_equal(minke__read_bytes(&r, 0), counted + 2);
    assert_ptr_equal(minke__read_bytes(&r, 3), counted + 2);
    assert_true(minke__reader_done(&r));
    assert_non_null(minke__read_bytes(&r, 0));
    assert_false(r.failed);
}

/* An input that is not there at all reads like an empty one. */
static void test_empty_readers(void **state)
{
    (void)state;
    minke_reader_t r = minke__reader(NULL, 0);
    assert_true(minke__reader_done(&r));
    minke_reader_t sub = minke__read_sub(&r, 0);
    assert_false(sub.failed);
    assert_true(minke__reader_done(&sub));
    assert_non_null(minke__read_bytes(&r, 0)); /* NULL would mean failure */
    assert_false(r.failed);
    assert_null(minke__read_bytes(&r, 1));
    assert_true(r.failed);
}

static void test_read_sub(void **state)
{
    (void)state;
    minke_reader_t r = minke__reader(counted, 5);
    minke_reader_t sub = minke__read_sub(&r, 3);
    assert_int_equal(minke__read_u8(&r), 4);
    assert_int_equal(minke__read_u24(&sub), 0x010203);
    assert_true(minke__reader_done(&sub));
    assert_int_equal(minke__read_u8(&sub), 0);
    assert_true(sub.failed);
    assert_false(r.failed);
    sub = minke__read_sub(&r, 2);
    assert_true(sub.failed);
    assert_true(r.failed);
}

static void check_uvarint(uint64_t value, const char *hex)
{
    uint8_t expected[10], out[10];
    const size_t len = test_unhex(hex, expected, sizeof expected);
    assert_int_equal(minke__uvarint_len(value), len);
    minke_writer_t w = minke__writer(out, sizeof out);
    minke__write_uvarint(&w, value);
    assert_int_equal(w.len, len);
    assert_memory_equal(out, expected, len);
    for (size_t cut = 0; cut < len; cut++) {
        minke_reader_t r = minke__reader(expected, cut);
        assert_int_equal(minke__read_uvarint(&r), 0);
        assert_true(r.failed);
        w = minke__writer(out, cut);
        minke__write_uvarint(&w, value);
        assert_true(w.failed);
    }
    minke_reader_t r = minke__reader(expected, len);
    if (value >> 63 == 0) {
        assert_int_equal(minke__read_uvarint(&r), value);
        assert_true(minke__reader_done(&r));
    } else {
        assert_int_equal(minke__read_uvarint(&r), 0);
        assert_true(r.failed);
    }
}

/* multiformats/unsigned-varint, its examples and its limit. */
static void test_uvarint(void **state)
{
    (void)state;
    check_uvarint(0, "00");
    check_uvarint(1, "01");
    check_uvarint(127, "7f");
    check_uvarint(128, "8001");
    check_uvarint(255, "ff01");
    check_uvarint(300, "ac02");
    check_uvarint(16383, "ff7f");
    check_uvarint(16384, "808001");
    check_uvarint(INT64_MAX, "ffffffffffffffff7f");
    check_uvarint((uint64_t)INT64_MAX + 1, "80808080808080808001");
    check_uvarint(UINT64_MAX, "ffffffffffffffffff01");
}

static void test_uvarint_must_be_minimal(void **state)
{
    (void)state;
    static const char *const texts[] = {"8000", "8100", "ff00", "808000", "80808080808080808000", "ffffffffffffffff00"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t bytes[16];
        const size_t len = test_unhex(texts[i], bytes, sizeof bytes);
        minke_reader_t r = minke__reader(bytes, len);
        assert_int_equal(minke__read_uvarint(&r), 0);
        assert_true(r.failed);
    }
}

static void test_write_numbers(void **state)
{
    (void)state;
    uint8_t out[24];
    minke_writer_t w = minke__writer(out, sizeof out);
    minke__write_u8(&w, 0x01);
    minke__write_u16(&w, 0x0203);
    minke__write_u24(&w, 0x040506);
    minke__write_u32(&w, 0x0708090a);
    minke__write_u48(&w, 0x0b0c0d0e0f10);
    minke__write_u64(&w, 0x1112131415161718);
    assert_false(w.failed);
    assert_int_equal(minke__writer_left(&w), 0);
    assert_memory_equal(out, counted, sizeof out);
    minke__write_u8(&w, 1);
    assert_true(w.failed);
    assert_int_equal(w.len, sizeof out);
}

static void test_writer_failure_sticks_and_writes_nothing(void **state)
{
    (void)state;
    uint8_t out[8];
    memset(out, 0x55, sizeof out);
    minke_writer_t w = minke__writer(out, 3);
    minke__write_u32(&w, 0xffffffff);
    assert_true(w.failed);
    assert_int_equal(w.len, 0);
    assert_int_equal(minke__writer_left(&w), 0);
    minke__write_u8(&w, 1); /* although there would be room */
    minke__write_bytes(&w, "x", 1);
    minke__write_zeros(&w, 1);
    minke__write_text(&w, "x");
    minke__write_decimal(&w, 1);
    assert_null(minke__write_space(&w, 0));
    assert_int_equal(w.len, 0);
    for (size_t i = 0; i < sizeof out; i++) assert_int_equal(out[i], 0x55);
}

static void test_write_bytes_and_text(void **state)
{
    (void)state;
    char out[32];
    minke_writer_t w = minke__writer(out, sizeof out);
    minke__write_text(&w, "port ");
    minke__write_decimal(&w, 0);
    minke__write_text(&w, "");
    minke__write_bytes(&w, NULL, 0);
    minke__write_bytes(&w, "/", 1);
    minke__write_decimal(&w, 65535);
    minke__write_zeros(&w, 2);
    memcpy(minke__write_space(&w, 2), "!!", 2);
    assert_int_equal(w.len, 16);
    assert_memory_equal(out, "port 0/65535\0\0!!", 16);
    w = minke__writer(out, sizeof out);
    minke__write_decimal(&w, UINT64_MAX);
    minke__write_terminator(&w);
    assert_string_equal(out, "18446744073709551615");
}

/* Nothing to write to, and nothing to write. */
static void test_empty_writer(void **state)
{
    (void)state;
    minke_writer_t w = minke__writer(NULL, 0);
    minke__write_bytes(&w, NULL, 0);
    minke__write_zeros(&w, 0);
    minke__write_terminator(&w);
    assert_false(w.failed);
    minke__write_u8(&w, 1);
    assert_true(w.failed);
}

static void test_patch(void **state)
{
    (void)state;
    uint8_t out[4] = {0};
    minke_writer_t w = minke__writer(out, 3);
    minke__write_u24(&w, 0x010203);
    minke__patch_u16(&w, 1, 0xaabb);
    assert_memory_equal(out, "\x01\xaa\xbb\x00", 4);
    minke__write_u8(&w, 0); /* no room: what was to be patched may not be there */
    minke__patch_u16(&w, 0, 0xffff);
    minke__patch_u16(&w, 100, 0xffff);
    assert_memory_equal(out, "\x01\xaa\xbb\x00", 4);
}

static void test_terminator(void **state)
{
    (void)state;
    char out[4];
    minke_writer_t w = minke__writer(out, sizeof out);
    minke__write_text(&w, "abc");
    minke__write_terminator(&w);
    assert_int_equal(w.len, 3);
    assert_string_equal(out, "abc");
    w = minke__writer(out, sizeof out);
    minke__write_text(&w, "abcd");
    minke__write_terminator(&w);
    assert_string_equal(out, "abc");
    w = minke__writer(out, sizeof out);
    minke__write_text(&w, "a");
    minke__write_text(&w, "bcde"); /* does not fit, so nothing of it */
    minke__write_terminator(&w);
    assert_string_equal(out, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_numbers),
        cmocka_unit_test(test_read_past_the_end),
        cmocka_unit_test(test_reader_failure_sticks),
        cmocka_unit_test(test_read_bytes),
        cmocka_unit_test(test_empty_readers),
        cmocka_unit_test(test_read_sub),
        cmocka_unit_test(test_uvarint),
        cmocka_unit_test(test_uvarint_must_be_minimal),
        cmocka_unit_test(test_write_numbers),
        cmocka_unit_test(test_writer_failure_sticks_and_writes_nothing),
        cmocka_unit_test(test_write_bytes_and_text),
        cmocka_unit_test(test_empty_writer),
        cmocka_unit_test(test_patch),
        cmocka_unit_test(test_terminator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
