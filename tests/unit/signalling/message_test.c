/* Signalling messages. */
#include "support.h"

#include "base/frame_inbox.h"
#include "signalling/message.h"

static int read_hex(const char *hex, minke_signalling_message_t *out)
{
    static uint8_t bytes[128];
    return minke__signalling_read(bytes, test_unhex(hex, bytes, sizeof bytes), out);
}

static void types(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        minke_signalling_type_t type;
        const char *data; /* NULL: absent */
    } table[] = {
        {"0800 12027630", MINKE_SIGNALLING_SDP_OFFER, "v0"},
        {"0801 12027630", MINKE_SIGNALLING_SDP_ANSWER, "v0"},
        {"0802 12046e756c6c", MINKE_SIGNALLING_ICE_CANDIDATE, "null"},
        {"0802 1200", MINKE_SIGNALLING_ICE_CANDIDATE, ""},
        {"0802", MINKE_SIGNALLING_ICE_CANDIDATE, NULL},
        {"0803", MINKE_SIGNALLING_ICE_DONE, NULL},
        {"0804", MINKE_SIGNALLING_OTHER, NULL},
        {"08ffffffffffffffffff01", MINKE_SIGNALLING_OTHER, NULL}, /* -1 as an enum is written */
        {"088080808010", MINKE_SIGNALLING_OTHER, NULL},           /* 2^32: not cut to 0 */
        {"", MINKE_SIGNALLING_OTHER, NULL},
        {"12027630", MINKE_SIGNALLING_OTHER, "v0"},                           /* no type is not an offer */
        {"0a0100 12027630", MINKE_SIGNALLING_OTHER, "v0"},                    /* a type that is not a number */
        {"0800 1001", MINKE_SIGNALLING_SDP_OFFER, NULL},                      /* data that is not a string */
        {"12027630 0800", MINKE_SIGNALLING_SDP_OFFER, "v0"},                  /* any order */
        {"0802 0801 120178 12027630", MINKE_SIGNALLING_SDP_ANSWER, "v0"},     /* the last wins */
        {"0801 1a0378797a 2005 12027630", MINKE_SIGNALLING_SDP_ANSWER, "v0"}, /* unknown fields */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_signalling_message_t m;
        if (read_hex(table[i].hex, &m) != MINKE_OK) fail_msg("%s", table[i].hex);
        assert_int_equal(m.type, table[i].type);
        assert_int_equal(m.data.data != NULL, table[i].data != NULL);
        if (table[i].data == NULL) continue;
        assert_int_equal(m.data.len, strlen(table[i].data));
        assert_memory_equal(m.data.data, table[i].data, m.data.len);
    }
}

static void malformed(void **state)
{
    (void)state;
    static const char *const table[] = {"08", "0880", "12", "1202", "120276", "00", "0b", "1280808080808080808001",
                                        "ff"};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_signalling_message_t m;
        if (read_hex(table[i], &m) != MINKE_ERROR_MALFORMED) fail_msg("%s", table[i]);
    }
    static uint8_t large[MINKE_SIGNALLING_MESSAGE_MAX + 1] = {0x08, 0x00, 0x12, 0xfc, 0xff, 0x03};
    minke_signalling_message_t m;
    assert_int_equal(minke__signalling_read(large, sizeof large, &m), MINKE_ERROR_MALFORMED);
    large[3] = 0xfa; /* 65530 bytes */
    assert_int_equal(minke__signalling_read(large, sizeof large - 1, &m), MINKE_OK);
    assert_int_equal(m.data.len, 65530);
}

static void truncated(void **state)
{
    (void)state;
    static const uint8_t message[] = {0x08, 0x00, 0x12, 0x03, 'v', '=', '0'};
    for (size_t len = 0; len < sizeof message; len++) {
        minke_signalling_message_t m;
        const bool whole_fields = len == 0 || len == 2;
        assert_int_equal(minke__signalling_read(message, len, &m), whole_fields ? MINKE_OK : MINKE_ERROR_MALFORMED);
    }
}

/* The frames of spec/webrtc-private.md 4. */
static void written(void **state)
{
    (void)state;
    static const struct {
        minke_signalling_type_t type;
        size_t data_len; /* SIZE_MAX: absent */
        const char *head;
    } table[] = {
        {MINKE_SIGNALLING_SDP_OFFER, 436, "b903 0800 12b403"},
        {MINKE_SIGNALLING_SDP_ANSWER, 436, "b903 0801 12b403"},
        {MINKE_SIGNALLING_ICE_CANDIDATE, 126, "8201 0802 127e"},
        {MINKE_SIGNALLING_ICE_CANDIDATE, 0, "04 0802 1200"},
        {MINKE_SIGNALLING_ICE_CANDIDATE, SIZE_MAX, "02 0802"},
        {MINKE_SIGNALLING_SDP_OFFER, MINKE_SIGNALLING_SEND_MAX - 5, "808001 0800 12fb7f"},
    };
    static uint8_t data[MINKE_SIGNALLING_SEND_MAX], out[MINKE_SIGNALLING_SEND_MAX + MINKE_SIGNALLING_PREFIX_MAX];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 5);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t head[16];
        const size_t head_len = test_unhex(table[i].head, head, sizeof head);
        minke_signalling_message_t m = {.type = table[i].type}, again;
        if (table[i].data_len != SIZE_MAX) m.data = (minke_slice_t){data, table[i].data_len};
        const size_t len = head_len + m.data.len;
        for (size_t capacity = len > 8 ? len - 8 : 0; capacity <= len; capacity++) {
            minke_writer_t w = minke__writer(out, capacity);
            const int expected = capacity < len ? MINKE_ERROR_NO_SPACE : MINKE_OK;
            assert_int_equal(minke__signalling_write(&m, &w), expected);
            assert_int_equal(w.len, capacity < len ? 0 : len);
        }
        assert_memory_equal(out, head, head_len);
        if (m.data.len > 0) assert_memory_equal(out + head_len, data, m.data.len);
        minke_reader_t r = minke__reader(out, len);
        const uint64_t prefix = minke__read_uvarint(&r);
        assert_int_equal(prefix, minke__reader_left(&r));
        assert_int_equal(minke__signalling_read(out + r.at, len - r.at, &again), MINKE_OK);
        assert_int_equal(again.type, m.type);
        assert_int_equal(again.data.len, m.data.len);
    }
}

static void refuses_to_write(void **state)
{
    (void)state;
    static uint8_t data[MINKE_SIGNALLING_SEND_MAX + 1], out[2 * MINKE_SIGNALLING_SEND_MAX];
    minke_writer_t w = minke__writer(out, sizeof out);
    minke_signalling_message_t m = {.type = MINKE_SIGNALLING_ICE_DONE};
    assert_int_equal(minke__signalling_write(&m, &w), MINKE_ERROR_INVALID);
    m.type = MINKE_SIGNALLING_OTHER;
    assert_int_equal(minke__signalling_write(&m, &w), MINKE_ERROR_INVALID);
    m = (minke_signalling_message_t){.type = MINKE_SIGNALLING_SDP_OFFER, .data = {data, sizeof data - 5}};
    assert_int_equal(minke__signalling_write(&m, &w), MINKE_ERROR_TOO_LARGE);
    m.data.len = sizeof data;
    assert_int_equal(minke__signalling_write(&m, &w), MINKE_ERROR_TOO_LARGE);
    assert_int_equal(w.len, 0);
}

/* An offer and the candidate right behind it, cut anywhere. */
static void through_the_inbox(void **state)
{
    (void)state;
    uint8_t stream[64];
    const size_t len = test_unhex("06 0800 12027630 04 0802 1200 00 02 0803", stream, sizeof stream);
    static const minke_signalling_type_t expected[] = {MINKE_SIGNALLING_SDP_OFFER, MINKE_SIGNALLING_ICE_CANDIDATE,
                                                       MINKE_SIGNALLING_OTHER, MINKE_SIGNALLING_ICE_DONE};
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t step = 1; step <= len; step++) {
        minke_frame_inbox_t inbox;
        size_t messages_n = 0;
        minke__frame_inbox_init(&inbox, &test.env, MINKE_SIGNALLING_MESSAGE_MAX);
        for (size_t at = 0; at < len;) {
            minke_signalling_message_t m;
            size_t taken;
            const size_t n = len - at < step ? len - at : step;
            const int error = minke__frame_inbox_take(&inbox, stream + at, n, &taken);
            at += taken;
            if (error == MINKE_ERROR_AGAIN) continue;
            assert_int_equal(error, MINKE_OK);
            assert_int_equal(minke__signalling_read(inbox.message, inbox.len, &m), MINKE_OK);
            assert_int_equal(m.type, expected[messages_n++]);
            minke__frame_inbox_free(&inbox);
        }
        assert_int_equal(messages_n, 4);
        minke__frame_inbox_free(&inbox);
    }
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),   cmocka_unit_test(malformed),        cmocka_unit_test(truncated),
        cmocka_unit_test(written), cmocka_unit_test(refuses_to_write), cmocka_unit_test(through_the_inbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
