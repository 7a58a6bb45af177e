#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "pb/pb.h"
#include "support/test_env.h"

enum { VARINT = MINKE_PB_VARINT, FIXED64 = MINKE_PB_FIXED64, BYTES = MINKE_PB_BYTES, FIXED32 = MINKE_PB_FIXED32 };

typedef struct one_field {
    const char *hex;
    uint32_t number;
    uint8_t wire_type;
    uint64_t value;
    const char *bytes_hex;
} one_field_t;

static const one_field_t well_formed[] = {
    {"0800", 1, VARINT, 0, ""},
    {"08 96 01", 1, VARINT, 150, ""},
    {"78 7f", 15, VARINT, 127, ""},
    {"80 01 01", 16, VARINT, 1, ""},
    {"f8 ff ff ff 0f 05", 0x1fffffff, VARINT, 5, ""},
    {"08 80 00", 1, VARINT, 0, ""},       /* not minimal */
    {"88 80 80 00 07", 1, VARINT, 7, ""}, /* nor is this tag */
    {"08 ff ff ff ff ff ff ff ff ff 01", 1, VARINT, UINT64_MAX, ""},
    {"08 80 80 80 80 80 80 80 80 80 01", 1, VARINT, 1ULL << 63, ""},
    {"09 01 02 03 04 05 06 07 08", 1, FIXED64, 0x0807060504030201ULL, ""},
    {"0d 01 02 03 84", 1, FIXED32, 0x84030201, ""},
    {"12 00", 2, BYTES, 0, ""},
    {"12 03 61 62 63", 2, BYTES, 0, "616263"},
    {"12 83 00 61 62 63", 2, BYTES, 0, "616263"},
};

static void test_one_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof well_formed / sizeof well_formed[0]; i++) {
        const one_field_t *expected = &well_formed[i];
        uint8_t in[64], bytes[64];
        const size_t len = test_unhex(expected->hex, in, sizeof in);
        const size_t bytes_len = test_unhex(expected->bytes_hex, bytes, sizeof bytes);
        minke_reader_t r = minke__reader(in, len);
        minke_pb_field_t field;
        assert_true(minke__pb_next(&r, &field));
        assert_int_equal(field.number, expected->number);
        assert_int_equal(field.wire_type, expected->wire_type);
        assert_int_equal(field.value, expected->value);
        assert_int_equal(field.len, bytes_len);
        if (expected->wire_type == BYTES) {
            assert_ptr_equal(field.bytes, in + len - bytes_len);
            assert_memory_equal(field.bytes, bytes, bytes_len);
        } else {
            assert_null(field.bytes);
        }
        assert_false(minke__pb_next(&r, &field));
        assert_true(minke__reader_done(&r));
    }
}

static const char *const malformed[] = {
    "00 00",                               /* field number 0 */
    "02 01 61",                            /* the same with bytes */
    "0b",                                  /* start of a group */
    "0b 0c",                               /* a whole group */
    "0c",                                  /* end of a group */
    "0e 00",                               /* wire type 6 */
    "0f 00",                               /* wire type 7 */
    "80 80 80 80 10 00",                   /* field number 2^29 */
    "08 80 80 80 80 80 80 80 80 80 02",    /* 65 bits */
    "08 ff ff ff ff ff ff ff ff ff 7f",    /* 70 bits */
    "08 80 80 80 80 80 80 80 80 80 80 00", /* eleven bytes */
    "12 ff ff ff ff ff ff ff ff ff 01",    /* a length of 2^64 - 1 */
    "12 04 61 62 63",                      /* one byte short */
};

static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        uint8_t in[64];
        minke_reader_t r = minke__reader(in, test_unhex(malformed[i], in, sizeof in));
        minke_pb_field_t field;
        assert_false(minke__pb_next(&r, &field));
        assert_true(r.failed);
        assert_false(minke__pb_next(&r, &field));
    }
}

static void test_truncation_is_malformed_except_between_fields(void **state)
{
    (void)state;
    uint8_t in[64];
    const size_t len =
        test_unhex("08 96 01  80 01 05  09 01 02 03 04 05 06 07 08  0d 01 02 03 04  12 03 61 62 63", in, sizeof in);
    static const size_t boundaries[] = {0, 3, 6, 15, 20, 25};
    size_t whole = 0;
    for (size_t cut = 0; cut <= len; cut++) {
        if (whole < 5 && cut == boundaries[whole + 1]) whole++;
        minke_reader_t r = minke__reader(in, cut);
        minke_pb_field_t field;
        size_t n = 0;
        while (minke__pb_next(&r, &field)) n++;
        assert_int_equal(n, whole);
        assert_int_equal(r.failed, cut != boundaries[whole]);
    }
    assert_int_equal(whole, 5);
}

static void test_a_failed_reader_gives_no_field(void **state)
{
    (void)state;
    const uint8_t in[] = {0x08, 0x01};
    minke_reader_t r = minke__reader(in, sizeof in);
    r.failed = true;
    minke_pb_field_t field;
    assert_false(minke__pb_next(&r, &field));
}

static void test_writing(void **state)
{
    (void)state;
    uint8_t out[64], expected[64];
    minke_writer_t w = minke__writer(out, sizeof out);
    minke__pb_write_varint(&w, 1, 0);
    minke__pb_write_varint(&w, 5, 204);
    minke__pb_write_varint(&w, 2, UINT64_MAX);
    minke__pb_write_bytes(&w, 2, "abc", 3);
    minke__pb_write_bytes(&w, 16, "", 0);
    minke__pb_write_bytes_head(&w, 3, 2);
    minke__write_text(&w, "xy");
    const size_t len =
        test_unhex("0800 28cc01 10ffffffffffffffffff01 1203616263 820100 1a027879", expected, sizeof expected);
    assert_false(w.failed);
    assert_int_equal(w.len, len);
    assert_memory_equal(out, expected, len);
}

static void test_sizes(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 127, 128, 300, 16383, 16384};
    static const uint32_t numbers[] = {1, 15, 16, 2047, 2048, 0x1fffffff};
    static uint8_t content[16384], out[16500];
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof numbers / sizeof numbers[0]; j++) {
            minke_writer_t w = minke__writer(out, sizeof out);
            minke__pb_write_bytes(&w, numbers[j], content, lengths[i]);
            assert_false(w.failed);
            assert_int_equal(w.len, minke__pb_bytes_size(numbers[j], lengths[i]));
            minke_reader_t r = minke__reader(out, w.len);
            minke_pb_field_t field;
            assert_true(minke__pb_next(&r, &field));
            assert_int_equal(field.number, numbers[j]);
            assert_int_equal(field.len, lengths[i]);
            assert_true(minke__reader_done(&r));
        }
    }
}

static void test_writing_without_room(void **state)
{
    (void)state;
    uint8_t out[8];
    for (size_t room = 0; room < 5; room++) {
        minke_writer_t w = minke__writer(out, room);
        minke__pb_write_bytes(&w, 2, "abc", 3);
        assert_true(w.failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_field),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_truncation_is_malformed_except_between_fields),
        cmocka_unit_test(test_a_failed_reader_gives_no_field),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_writing_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
