#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/identify_message.h"
#include "support/test_env.h"

static minke_slice_t text(const char *string) { return (minke_slice_t){(const uint8_t *)string, strlen(string)}; }

static void assert_slice(minke_slice_t slice, const char *expected)
{
    assert_non_null(slice.data);
    assert_int_equal(slice.len, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.len);
}

static void assert_absent(minke_slice_t slice)
{
    assert_null(slice.data);
    assert_int_equal(slice.len, 0);
}

static const char full_hex[] = "0a03 6b6579"               /* publicKey "key" */
                               "1202 6131 1202 6132"       /* listenAddrs "a1", "a2" */
                               "1a02 7031 1a02 7032"       /* protocols "p1", "p2" */
                               "2203 6f6273"               /* observedAddr "obs" */
                               "2a0a 697066732f302e312e30" /* protocolVersion "ipfs/0.1.0" */
                               "3205 6d696e6b65"           /* agentVersion "minke" */
                               "4203 726563";              /* signedPeerRecord "rec" */

static minke_identify_t full(void)
{
    minke_identify_t identify = {0};
    identify.public_key = text("key");
    identify.listen_addresses[0] = text("a1");
    identify.listen_addresses[1] = text("a2");
    identify.listen_addresses_n = 2;
    identify.protocols[0] = text("p1");
    identify.protocols[1] = text("p2");
    identify.protocols_n = 2;
    identify.observed_address = text("obs");
    identify.protocol_version = text("ipfs/0.1.0");
    identify.agent_version = text("minke");
    identify.signed_peer_record = text("rec");
    return identify;
}

static void assert_full(const minke_identify_t *identify)
{
    assert_slice(identify->public_key, "key");
    assert_int_equal(identify->listen_addresses_n, 2);
    assert_slice(identify->listen_addresses[0], "a1");
    assert_slice(identify->listen_addresses[1], "a2");
    assert_int_equal(identify->protocols_n, 2);
    assert_slice(identify->protocols[0], "p1");
    assert_slice(identify->protocols[1], "p2");
    assert_slice(identify->observed_address, "obs");
    assert_slice(identify->protocol_version, "ipfs/0.1.0");
    assert_slice(identify->agent_version, "minke");
    assert_slice(identify->signed_peer_record, "rec");
}

/* A message with its length prefix. */
static size_t prefixed(const char *hex, uint8_t *out, size_t capacity)
{
    uint8_t message[256];
    const size_t len = test_unhex(hex, message, sizeof message);
    minke_writer_t w = minke__writer(out, capacity);
    minke__write_uvarint(&w, len);
    minke__write_bytes(&w, message, len);
    assert_false(w.failed);
    return w.len;
}

static void test_write(void **state)
{
    (void)state;
    uint8_t expected[256], out[256];
    const minke_identify_t identify = full();
    const size_t len = test_unhex(full_hex, expected, sizeof expected);
    for (size_t room = 0; room <= len; room++) {
        minke_writer_t w = minke__writer(out, room + 1);
        minke__write_u8(&w, 0xee); /* what is already there stays */
        const int error = minke__identify_write(&identify, &w);
        assert_int_equal(error, room == len ? MINKE_OK : MINKE_ERROR_NO_SPACE);
        assert_int_equal(w.len, room == len ? len + 1 : 1);
        assert_int_equal(out[0], 0xee);
    }
    assert_memory_equal(out + 1, expected, len);
}

static void test_write_on_a_failed_writer(void **state)
{
    (void)state;
    uint8_t out[256];
    const minke_identify_t identify = full();
    minke_writer_t w = minke__writer(out, sizeof out);
    w.failed = true;
    assert_int_equal(minke__identify_write(&identify, &w), MINKE_ERROR_NO_SPACE);
    assert_int_equal(w.len, 0);
}

static void test_nothing_to_say(void **state)
{
    (void)state;
    uint8_t out[8];
    static const minke_identify_t nothing;
    minke_writer_t w = minke__writer(out, sizeof out);
    assert_int_equal(minke__identify_write(&nothing, &w), MINKE_OK);
    assert_int_equal(w.len, 0);
}

/* All or nothing, at the very byte: rust refuses messages above MINKE_IDENTIFY_SEND_MAX. */
static void test_write_stays_within_the_room(void **state)
{
    (void)state;
    static uint8_t out[MINKE_IDENTIFY_SEND_MAX], content[MINKE_IDENTIFY_SEND_MAX];
    for (int excess = 0; excess <= 1; excess++) {
        minke_identify_t identify = {0};
        identify.agent_version = (minke_slice_t){content, MINKE_IDENTIFY_SEND_MAX - 3 + (size_t)excess};
        minke_writer_t w = minke__writer(out, sizeof out);
        assert_int_equal(minke__identify_write(&identify, &w), excess ? MINKE_ERROR_NO_SPACE : MINKE_OK);
        assert_int_equal(w.len, excess ? 0 : MINKE_IDENTIFY_SEND_MAX);
    }
}

static void test_read_one_is_what_write_wrote(void **state)
{
    (void)state;
    uint8_t in[256], out[256];
    minke_identify_t identify, again;
    assert_int_equal(minke__identify_read(in, prefixed(full_hex, in, sizeof in), &identify), MINKE_OK);
    minke_writer_t w = minke__writer(out, sizeof out);
    assert_int_equal(minke__identify_write(&identify, &w), MINKE_OK);
    assert_int_equal(minke__identify_read_one(out, w.len, &again), MINKE_OK);
    assert_full(&again);
    assert_int_equal(minke__identify_read_one(out, w.len - 1, &again), MINKE_ERROR_MALFORMED);
}

static void test_read(void **state)
{
    (void)state;
    uint8_t in[256];
    minke_identify_t identify;
    const size_t len = prefixed(full_hex, in, sizeof in);
    assert_int_equal(minke__identify_read(in, len, &identify), MINKE_OK);
    assert_full(&identify);
}

static void test_nothing_said(void **state)
{
    (void)state;
    const uint8_t empty_message[] = {0};
    for (size_t len = 0; len <= 1; len++) {
        minke_identify_t identify = full();
        assert_int_equal(minke__identify_read(empty_message, len, &identify), MINKE_OK);
        assert_absent(identify.public_key);
        assert_absent(identify.observed_address);
        assert_absent(identify.protocol_version);
        assert_absent(identify.agent_version);
        assert_absent(identify.signed_peer_record);
        assert_int_equal(identify.listen_addresses_n, 0);
        assert_int_equal(identify.protocols_n, 0);
    }
}

typedef struct reading {
    const char *messages[3];
    const char *agent; /* NULL: absent */
    const char *key;
    size_t addresses_n, protocols_n;
} reading_t;

static const reading_t readings[] = {
    /* merging: the later scalar wins, lists add up, the absent does not undo */
    {{"0a0161 320161 1a0161", "320162 1a0162 120178", NULL}, "b", "a", 1, 2},
    {{"320161", "", "320162"}, "b", NULL, 0, 0},
    {{"320161", "3200", NULL}, "", NULL, 0, 0},
    /* repeated within one message */
    {{"320161 320162", NULL, NULL}, "b", NULL, 0, 0},
    /* unknown fields of every kind, and field 7 */
    {{"3a0161 7801 49 0102030405060708 6d 01020304 820100 320161 f2ff7f0178", NULL, NULL}, "a", NULL, 0, 0},
    /* our numbers with another wire type are unknown fields */
    {{"0801 1001 1801 2001 2801 3001 4001 0d01020304 320161", NULL, NULL}, "a", NULL, 0, 0},
};

static void test_readings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        const reading_t *reading = &readings[i];
        uint8_t in[512];
        size_t len = 0;
        minke_identify_t identify;
        for (size_t j = 0; j < 3 && reading->messages[j] != NULL; j++) {
            len += prefixed(reading->messages[j], in + len, sizeof in - len);
        }
        assert_int_equal(minke__identify_read(in, len, &identify), MINKE_OK);
        if (reading->agent != NULL) assert_slice(identify.agent_version, reading->agent);
        else assert_absent(identify.agent_version);
        if (reading->key != NULL) assert_slice(identify.public_key, reading->key);
        else assert_absent(identify.public_key);
        assert_int_equal(identify.listen_addresses_n, reading->addresses_n);
        assert_int_equal(identify.protocols_n, reading->protocols_n);
        assert_absent(identify.observed_address);
        assert_absent(identify.protocol_version);
        assert_absent(identify.signed_peer_record);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const malformed[] = {
        "01",                         /* the message is missing */
        "80",                         /* half a length */
        "83 00 320161",               /* a length that is not minimal */
        "ff ff ff ff ff ff ff ff 7f", /* longer than anything */
        "02 3201",                    /* a field leaves the message */
        "02 3201 61",                 /* although there are more bytes */
        "01 32",
        "01 33",             /* a group */
        "03 320161 02 3201", /* the second message */
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        uint8_t in[64];
        minke_identify_t identify;
        const size_t len = test_unhex(malformed[i], in, sizeof in);
        assert_int_equal(minke__identify_read(in, len, &identify), MINKE_ERROR_MALFORMED);
    }
}

static void test_truncation(void **state)
{
    (void)state;
    uint8_t in[512];
    minke_identify_t identify;
    const size_t first = prefixed(full_hex, in, sizeof in);
    const size_t len = first + prefixed("320162", in + first, sizeof in - first);
    for (size_t cut = 0; cut <= len; cut++) {
        const bool whole = cut == 0 || cut == first || cut == len;
        assert_int_equal(minke__identify_read(in, cut, &identify), whole ? MINKE_OK : MINKE_ERROR_MALFORMED);
    }
}

static void test_ten_messages_at_most(void **state)
{
    (void)state;
    uint8_t in[64];
    size_t len = 0;
    minke_identify_t identify;
    for (int n = 1; n <= 11; n++) {
        len += prefixed("1a0161", in + len, sizeof in - len);
        assert_int_equal(minke__identify_read(in, len, &identify), n <= 10 ? MINKE_OK : MINKE_ERROR_MALFORMED);
        if (n <= 10) assert_int_equal(identify.protocols_n, n);
    }
}

static void test_no_more_than_8_KiB(void **state)
{
    (void)state;
    static uint8_t in[MINKE_IDENTIFY_MAX + 1], content[MINKE_IDENTIFY_MAX];
    for (size_t len = MINKE_IDENTIFY_MAX; len <= sizeof in; len++) {
        minke_identify_t identify;
        minke_writer_t w = minke__writer(in, len);
        minke__write_uvarint(&w, len - 2);
        minke__write_text(&w, "\x32");
        minke__write_uvarint(&w, len - 5);
        minke__write_bytes(&w, content, len - 5);
        assert_false(w.failed);
        assert_int_equal(w.len, len);
        const bool fits = len <= MINKE_IDENTIFY_MAX;
        assert_int_equal(minke__identify_read(in, len, &identify), fits ? MINKE_OK : MINKE_ERROR_MALFORMED);
        if (fits) assert_int_equal(identify.agent_version.len, len - 5);
    }
}

/* What does not fit the lists is left out, the rest is read. */
static void test_long_lists(void **state)
{
    (void)state;
    static uint8_t in[4096];
    uint8_t message[2048];
    minke_identify_t identify;
    minke_writer_t m = minke__writer(message, sizeof message), w = minke__writer(in, sizeof in);
    for (int i = 0; i < 200; i++) {
        const char name[2] = {(char)('A' + i % 50), 0};
        minke__write_text(&m, "\x12\x01");
        minke__write_text(&m, name);
        minke__write_text(&m, "\x1a\x01");
        minke__write_text(&m, name);
    }
    minke__write_text(&m, "\x32\x01z");
    minke__write_uvarint(&w, m.len);
    minke__write_bytes(&w, message, m.len);
    assert_false(m.failed || w.failed);
    assert_int_equal(minke__identify_read(in, w.len, &identify), MINKE_OK);
    assert_int_equal(identify.listen_addresses_n, MINKE_IDENTIFY_ADDRESSES_MAX);
    assert_int_equal(identify.protocols_n, MINKE_IDENTIFY_PROTOCOLS_MAX);
    assert_slice(identify.listen_addresses[31], "`");
    assert_slice(identify.protocols[127], "\\");
    assert_slice(identify.agent_version, "z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_on_a_failed_writer),
        cmocka_unit_test(test_nothing_to_say),
        cmocka_unit_test(test_write_stays_within_the_room),
        cmocka_unit_test(test_read_one_is_what_write_wrote),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_nothing_said),
        cmocka_unit_test(test_readings),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_ten_messages_at_most),
        cmocka_unit_test(test_no_more_than_8_KiB),
        cmocka_unit_test(test_long_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
