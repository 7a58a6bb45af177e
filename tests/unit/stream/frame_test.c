/* The frame codec: every frame of spec/streams.md 4, cut everywhere, and what must not parse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/frame.h"
#include "support/test_env.h"

enum { FRAME_MAX = 263168, NONE = MINKE_FRAME_NO_FLAG };

/* What a run of frames amounts to. */
typedef struct outcome {
    uint8_t payload[600];
    size_t payload_len;
    struct {
        int flag;
        uint32_t code;
        size_t after; /* payload bytes before it */
    } ends[16];
    size_t ends_n;
    bool malformed;
} outcome_t;

static void feed(minke_frame_parser_t *parser, uint32_t frame_max, const uint8_t *data, size_t len, outcome_t *out)
{
    minke_reader_t r = minke__reader(data, len);
    while (!out->malformed) {
        const uint8_t *payload = NULL;
        size_t n = 0;
        switch (minke__frame_next(parser, frame_max, &r, &payload, &n)) {
        case MINKE_FRAME_MORE: assert_int_equal(minke__reader_left(&r), 0); return;
        case MINKE_FRAME_PAYLOAD:
            assert_true(n > 0 && out->payload_len + n <= sizeof out->payload);
            memcpy(out->payload + out->payload_len, payload, n);
            out->payload_len += n;
            break;
        case MINKE_FRAME_END:
            assert_true(out->ends_n < 16);
            out->ends[out->ends_n].flag = parser->flag;
            out->ends[out->ends_n].code = parser->code;
            out->ends[out->ends_n++].after = out->payload_len;
            break;
        case MINKE_FRAME_MALFORMED: out->malformed = true;
        }
    }
}

static void check(const char *hex, const char *payload, size_t ends_n, int flag, uint32_t code)
{
    uint8_t bytes[600];
    const size_t len = test_unhex(hex, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= len; cut++) { /* in two pieces; cut 0: one byte at a time */
        minke_frame_parser_t parser = {0};
        outcome_t out = {.payload_len = 0};
        if (cut == 0) {
            for (size_t i = 0; i < len; i++) feed(&parser, FRAME_MAX, bytes + i, 1, &out);
        } else {
            feed(&parser, FRAME_MAX, bytes, cut, &out);
            feed(&parser, FRAME_MAX, bytes + cut, len - cut, &out);
        }
        assert_false(out.malformed);
        assert_int_equal(out.payload_len, strlen(payload));
        assert_memory_equal(out.payload, payload, out.payload_len);
        assert_int_equal(out.ends_n, ends_n);
        assert_int_equal(out.ends[ends_n - 1].flag, flag);
        assert_int_equal(out.ends[ends_n - 1].code, code);
        assert_int_equal(out.ends[ends_n - 1].after, out.payload_len);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    check("02 0800", "", 1, MINKE_FRAME_FIN, 0);
    check("02 0801", "", 1, MINKE_FRAME_STOP_SENDING, 0);
    check("04 0801 1800", "", 1, MINKE_FRAME_STOP_SENDING, 0);
    check("02 0802", "", 1, MINKE_FRAME_RESET, 0);
    check("05 0802 18e907", "", 1, MINKE_FRAME_RESET, 1001);
    check("02 0803", "", 1, MINKE_FRAME_FIN_ACK, 0);
    check("07 1205 68656c6c6f", "hello", 1, NONE, 0);
    check("06 0800 1202 6869", "hi", 1, MINKE_FRAME_FIN, 0);
    check("06 1202 6869 0800", "hi", 1, MINKE_FRAME_FIN, 0);
    check("00", "", 1, NONE, 0);
}

static void test_dialects(void **state)
{
    (void)state;
    check("00 00 00 02 08 02", "", 4, MINKE_FRAME_RESET, 0);                   /* go is busy */
    check("04 1202 6869 04 1202 6f68 02 0800", "hioh", 3, MINKE_FRAME_FIN, 0); /* one message, three frames */
    check("02 1200", "", 1, NONE, 0);                                          /* a payload of no bytes */
    check("02 0807", "", 1, NONE, 0);                                          /* an unknown flag */
    check("06 0807 1202 6869", "hi", 1, NONE, 0);                              /* its data counts */
    check("0b 08 ffffffffffffffffff01", "", 1, NONE, 0);                       /* flag -1 */
    check("04 0800 0801", "", 1, MINKE_FRAME_STOP_SENDING, 0);                 /* the last one wins */
    check("03 088000", "", 1, MINKE_FRAME_FIN, 0);                             /* protobuf varints may be long */
    check("04 4805 0803", "", 1, MINKE_FRAME_FIN_ACK, 0);                      /* unknown varint */
    check("0b 49 0102030405060708 0802", "", 1, MINKE_FRAME_RESET, 0);         /* unknown fixed64 */
    check("07 4d 01020304 0802", "", 1, MINKE_FRAME_RESET, 0);                 /* unknown fixed32 */
    check("09 4a03 010203 1202 6869", "hi", 1, NONE, 0);                       /* unknown bytes */
    check("04 4a00 0801", "", 1, MINKE_FRAME_STOP_SENDING, 0);                 /* unknown, empty */
    check("05 0a01 00 0802", "", 1, MINKE_FRAME_RESET, 0);                     /* field 1 of another wire type */
    check("04 1007 0802", "", 1, MINKE_FRAME_RESET, 0);                        /* field 2 as varint */
    check("08 f8ffffff0f00 0800", "", 1, MINKE_FRAME_FIN, 0);                  /* the largest field number */
}

static void test_flag_does_not_outlive_its_frame(void **state)
{
    (void)state;
    check("05 0802 18e907 00", "", 2, NONE, 0);
}

static void check_malformed(const char *hex)
{
    uint8_t bytes[64];
    const size_t len = test_unhex(hex, bytes, sizeof bytes);
    for (int single = 0; single < 2; single++) {
        minke_frame_parser_t parser = {0};
        outcome_t out = {.payload_len = 0};
        if (single == 0) feed(&parser, FRAME_MAX, bytes, len, &out);
        for (size_t i = 0; single == 1 && i < len; i++) feed(&parser, FRAME_MAX, bytes + i, 1, &out);
        assert_true(out.malformed);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    check_malformed("818810");                           /* a frame one byte too large */
    check_malformed("ffffffffffff");                     /* a length without end */
    check_malformed("8200 0800");                        /* a length that is not minimal */
    check_malformed("01 08");                            /* the flag is missing */
    check_malformed("02 0880");                          /* the flag is cut */
    check_malformed("01 80");                            /* the tag is cut */
    check_malformed("03 1202 68");                       /* payload past the end of its frame */
    check_malformed("05 1202 6869 12");                  /* payload length cut */
    check_malformed("08 1201 68 1201 69 0800");          /* two payloads */
    check_malformed("02 0000");                          /* field number 0 */
    check_malformed("02 0b0c");                          /* a group */
    check_malformed("01 0f");                            /* wire type 7 */
    check_malformed("04 49 010203");                     /* fixed64 cut */
    check_malformed("07 f8ffffff1f00 00");               /* a field number past the largest */
    check_malformed("0d 08 ffffffffffffffffffff 01 00"); /* a varint of eleven bytes */
    check_malformed("0b 08 ffffffffffffffffff02");       /* past 64 bits */
    check_malformed("05 4affffff7f");                    /* unknown field past the end */
}

/* Every prefix of a frame leaves the parser waiting, not failing and not done. */
static void test_truncated(void **state)
{
    (void)state;
    static const char *const frames[] = {"050802 18e907", "06 0800 1202 6869", "09 4a03 010203 1202 6869"};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        uint8_t bytes[64];
        const size_t len = test_unhex(frames[i], bytes, sizeof bytes);
        for (size_t n = 0; n < len; n++) {
            minke_frame_parser_t parser = {0};
            outcome_t out = {.payload_len = 0};
            feed(&parser, FRAME_MAX, bytes, n, &out);
            assert_false(out.malformed);
            assert_int_equal(out.ends_n, 0);
        }
    }
}

static void test_frame_max(void **state)
{
    (void)state;
    const uint8_t at_limit[] = {0x90, 0x4e}; /* 10000 */
    minke_frame_parser_t parser = {0};
    outcome_t out = {.payload_len = 0};
    feed(&parser, 10000, at_limit, sizeof at_limit, &out);
    assert_false(out.malformed);
    parser = (minke_frame_parser_t){0};
    feed(&parser, 9999, at_limit, sizeof at_limit, &out);
    assert_true(out.malformed);
}

static void test_write_flags(void **state)
{
    (void)state;
    static const struct {
        minke_frame_flag_t flag;
        uint32_t code;
        const char *hex;
    } rows[] = {{MINKE_FRAME_FIN, 0, "020800"},
                {MINKE_FRAME_STOP_SENDING, 0, "020801"},
                {MINKE_FRAME_RESET, 0, "020802"},
                {MINKE_FRAME_RESET, 1001, "05080218e907"},
                {MINKE_FRAME_STOP_SENDING, UINT32_MAX, "08080118ffffffff0f"},
                {MINKE_FRAME_FIN_ACK, 0, "020803"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[MINKE_FRAME_CONTROL_MAX], expected[16];
        minke_writer_t w = minke__writer(bytes, sizeof bytes);
        minke__frame_write_flag(&w, rows[i].flag, rows[i].code);
        assert_false(w.failed);
        assert_int_equal(w.len, test_unhex(rows[i].hex, expected, sizeof expected));
        assert_memory_equal(bytes, expected, w.len);
    }
}

static void test_seal(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    static const size_t sizes[] = {1, 5, 125, 126, 127, 128, 16377};
    static const char *const heads[] = {"031201",   "071205",     "7f127d",    "8001127e",
                                        "8101127f", "8301128001", "fc7f12f97f"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        minke_message_t *message = minke__message_new(&test.env, MINKE_FRAME_HEADROOM, sizes[i]);
        message->end += (uint32_t)sizes[i];
        minke__frame_seal(message);
        uint8_t head[8];
        const size_t head_len = test_unhex(heads[i], head, sizeof head);
        assert_int_equal(message->end - message->start, head_len + sizes[i]);
        assert_true(message->end - message->start <= MINKE_FRAME_BYTES_MAX);
        assert_memory_equal(message->bytes + message->start, head, head_len);
        minke__free(&test.env, message);
    }
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),     cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_malformed),   cmocka_unit_test(test_flag_does_not_outlive_its_frame),
        cmocka_unit_test(test_truncated),   cmocka_unit_test(test_frame_max),
        cmocka_unit_test(test_write_flags), cmocka_unit_test(test_seal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
