/* Frames made by hand against one end: fragments, control frames between them, and every violation. */
#include "ends.h"

#include <string.h>

enum { FIN = 0x80, CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

static uint8_t input[300000], output[300000];

typedef struct bench {
    test_env_t test;
    minke_websocket_t *ws;
    int role;
    minke_writer_t w;
} bench_t;

static void begin(bench_t *b, int role)
{
    test_env_init(&b->test, 1);
    b->role = role;
    b->ws = open_end(&b->test, role);
    b->w = minke__writer(input, sizeof input);
}

static void finish(bench_t *b)
{
    minke__websocket_free(b->ws);
    assert_int_equal(b->test.blocks, 0);
}

/* As the remote ought to mask. */
static void put(bench_t *b, unsigned first, const void *payload, size_t len)
{
    put_frame(&b->w, (uint8_t)first, b->role == SERVER, payload, len);
}

static void deliver(bench_t *b, size_t step)
{
    for (size_t at = 0; at < b->w.len; at += step) {
        minke__websocket_recv(b->ws, input + at, b->w.len - at < step ? b->w.len - at : step);
    }
    b->w = minke__writer(input, sizeof input);
}

/* The next frame that it has sent, at `*at` of output; unmasked in place. Returns its first byte. */
static uint8_t next_frame(const bench_t *b, minke_reader_t *r, const uint8_t **payload, size_t *len)
{
    const uint8_t first = minke__read_u8(r), second = minke__read_u8(r);
    assert_int_equal(second >> 7, b->role == CLIENT);
    *len = second & 0x7f;
    if (*len == 126) *len = minke__read_u16(r);
    else if (*len == 127) *len = (size_t)minke__read_u64(r);
    const uint8_t *key = b->role == CLIENT ? minke__read_bytes(r, 4) : NULL;
    uint8_t *bytes = output + r->at;
    *payload = minke__read_bytes(r, *len);
    assert_false(r->failed);
    for (size_t i = 0; key != NULL && i < *len; i++) bytes[i] ^= key[i % 4];
    return first;
}

/* It sends one frame and nothing else. */
static void expect_sent(const bench_t *b, uint8_t first, const void *expected, size_t len)
{
    const uint8_t *payload;
    size_t got;
    minke_reader_t r = minke__reader(output, transmit_all(b->ws, output, sizeof output));
    assert_int_equal(next_frame(b, &r, &payload, &got), first);
    assert_int_equal(got, len);
    if (len > 0) assert_memory_equal(payload, expected, len);
    assert_true(minke__reader_done(&r));
}

static void expect_nothing_sent(const bench_t *b) { assert_int_equal(transmit_all(b->ws, output, sizeof output), 0); }

static void expect_close_sent(const bench_t *b, unsigned code)
{
    uint8_t payload[2];
    minke__store_u16(payload, code);
    expect_sent(b, FIN | CLOSE, payload, 2);
}

static void test_fragments_with_control_frames_between(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 2, 3, 5, 14, 1000};
    static const uint8_t longest[125] = {1, 2, 3};
    for (size_t i = 0; i < 2 * sizeof steps / sizeof steps[0]; i++) {
        bench_t b;
        begin(&b, (int)(i % 2));
        put(&b, BINARY, "frag", 4);
        put(&b, FIN | PING, "p1", 2);
        put(&b, CONTINUATION, "men", 3);
        put(&b, FIN | PONG, "unasked", 7);
        put(&b, CONTINUATION, "", 0);
        put(&b, FIN | PING, "", 0);
        put(&b, FIN | CONTINUATION, "ts", 2);
        put(&b, FIN | BINARY, "", 0);
        put(&b, FIN | PING, "last", 4);
        put(&b, FIN | BINARY, " and more", 9);
        deliver(&b, steps[i / 2]);
        expect_read(b.ws, "fragments and more", 18);
        expect_sent(&b, FIN | PONG, "last", 4); /* the last is answered, the others need not be */
        put(&b, FIN | PING, longest, sizeof longest);
        deliver(&b, steps[i / 2]);
        expect_sent(&b, FIN | PONG, longest, sizeof longest);
        finish(&b);
    }
}

/* Payload is handed on before its frame is complete, and a frame may say that it is endless. */
static void test_payload_of_a_huge_frame_comes_at_once(void **state)
{
    (void)state;
    for (int role = CLIENT; role <= SERVER; role++) {
        bench_t b;
        static uint8_t piece[50000];
        begin(&b, role);
        minke__write_u8(&b.w, BINARY);
        minke__write_u8(&b.w, role == SERVER ? 0xff : 0x7f);
        minke__write_u64(&b.w, UINT64_MAX >> 1);
        if (role == SERVER) minke__write_u32(&b.w, 0);
        deliver(&b, 3);
        for (int i = 0; i < 100; i++) {
            memset(piece, i, sizeof piece);
            minke__websocket_recv(b.ws, piece, sizeof piece);
            expect_read(b.ws, piece, sizeof piece);
        }
        assert_int_equal(minke__websocket_state(b.ws), MINKE_WEBSOCKET_OPEN);
        minke__websocket_close(b.ws);
        expect_close_sent(&b, 1000);
        finish(&b);
    }
}

static void test_every_length(void **state)
{
    (void)state;
    static uint8_t payload[70000];
    static const size_t lens[] = {0, 1, 125, 126, 127, 4095, 4096, 4097, 65535, 65536, 70000};
    for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < 2 * sizeof lens / sizeof lens[0]; i++) {
        const size_t len = lens[i / 2], written = len < 65536 ? len : 65536;
        bench_t b;
        begin(&b, (int)(i % 2));
        put(&b, FIN | BINARY, payload, len);
        deliver(&b, 997);
        expect_read(b.ws, payload, len);
        assert_int_equal(minke__websocket_write(b.ws, payload, len), written);
        if (len > 0) expect_sent(&b, FIN | BINARY, payload, written);
        expect_nothing_sent(&b);
        finish(&b);
    }
}

typedef struct violation {
    const char *name;
    uint8_t first;
    uint8_t second; /* without the mask bit */
    bool wrong_mask, within_message;
    const char *more; /* in hex, before the mask: a longer length */
    unsigned close_code;
    int error;
} violation_t;

static const violation_t violations[] = {
    {"wrong mask", 0x82, 1, true, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"wrong mask of a ping", 0x89, 0, true, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"RSV1", 0xc2, 1, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"RSV2", 0xa2, 1, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"RSV3", 0x92, 1, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"RSV1 of a ping", 0xc9, 0, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"opcode 3", 0x83, 1, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"opcode 7", 0x87, 0, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"opcode 11", 0x8b, 0, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"opcode 15", 0x8f, 1, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"text", 0x81, 1, false, false, "", 1003, MINKE_ERROR_UNSUPPORTED},
    {"empty text", 0x81, 0, false, false, "", 1003, MINKE_ERROR_UNSUPPORTED},
    {"text fragment", 0x01, 1, false, false, "", 1003, MINKE_ERROR_UNSUPPORTED},
    {"continuation of nothing", 0x80, 1, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"unfinished continuation of nothing", 0x00, 1, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"message within a message", 0x82, 1, false, true, "", 1002, MINKE_ERROR_MALFORMED},
    {"fragment of another message", 0x02, 1, false, true, "", 1002, MINKE_ERROR_MALFORMED},
    {"ping in fragments", 0x09, 1, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"close in fragments", 0x08, 0, false, false, "", 1002, MINKE_ERROR_MALFORMED},
    {"ping of 126 bytes", 0x89, 126, false, false, "007e", 1002, MINKE_ERROR_MALFORMED},
    {"close of 64 KiB", 0x88, 127, false, false, "0000000000010000", 1002, MINKE_ERROR_MALFORMED},
    {"16 bits for 125", 0x82, 126, false, false, "007d", 1002, MINKE_ERROR_MALFORMED},
    {"64 bits for 65535", 0x82, 127, false, false, "000000000000ffff", 1002, MINKE_ERROR_MALFORMED},
    {"2^63 bytes", 0x82, 127, false, false, "8000000000000000", 1002, MINKE_ERROR_MALFORMED},
};

static void put_violation(bench_t *b, const violation_t *v)
{
    uint8_t more[8];
    const bool masked = (b->role == SERVER) != v->wrong_mask;
    if (v->within_message) put(b, BINARY, "abc", 3);
    minke__write_u8(&b->w, v->first);
    minke__write_u8(&b->w, (uint8_t)(v->second | (masked ? 0x80 : 0)));
    minke__write_bytes(&b->w, more, test_unhex(v->more, more, sizeof more));
    if (masked) minke__write_u32(&b->w, 0);
    minke__write_text(&b->w, "x"); /* wslay tells of a frame with its first byte of payload */
}

static void test_violations(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * sizeof violations / sizeof violations[0]; i++) {
        const violation_t *v = &violations[i / 4];
        bench_t b;
        begin(&b, (int)(i % 2));
        put_violation(&b, v);
        deliver(&b, i % 4 < 2 ? 1 : 100);
        if (minke__websocket_state(b.ws) != MINKE_WEBSOCKET_ENDED) print_error("%s\n", v->name);
        expect_ended(b.ws, v->error, false, "");
        expect_close_sent(&b, v->close_code);
        expect_read(b.ws, "abc", v->within_message ? 3 : 0);
        put(&b, FIN | BINARY, "later", 5);
        deliver(&b, 100);
        expect_read(b.ws, NULL, 0);
        expect_nothing_sent(&b);
        finish(&b);
    }
}

typedef struct goodbye {
    const char *payload; /* in hex */
    int error;
    bool by_remote;
    const char *text;
    unsigned answer; /* close code of ours; 0: none in it */
} goodbye_t;

static const goodbye_t goodbyes[] = {
    {"", MINKE_OK, true, "the remote closed the WebSocket", 0},
    {"03e8", MINKE_OK, true, "code 1000", 1000},
    {"03e9 62 79 65", MINKE_OK, true, "code 1001: bye", 1001},
    {"03ea", MINKE_ERROR_CONNECTION_CLOSED, true, "code 1002", 1002},
    {"03f3 6f 0a c3a4 7f 70", MINKE_ERROR_CONNECTION_CLOSED, true, "code 1011: o????p", 1011},
    {"0bb8", MINKE_ERROR_CONNECTION_CLOSED, true, "code 3000", 3000},
    {"1387", MINKE_ERROR_CONNECTION_CLOSED, true, "code 4999", 4999},
    {"03", MINKE_ERROR_MALFORMED, false, "proper code", 1002},
    {"0000", MINKE_ERROR_MALFORMED, false, "proper code", 1002},
    {"03e7", MINKE_ERROR_MALFORMED, false, "proper code", 1002},
    {"03ec", MINKE_ERROR_MALFORMED, false, "proper code", 1002}, /* 1004 to 1006 */
    {"03ed", MINKE_ERROR_MALFORMED, false, "proper code", 1002},
    {"03ee", MINKE_ERROR_MALFORMED, false, "proper code", 1002},
    {"03f7", MINKE_ERROR_MALFORMED, false, "proper code", 1002}, /* 1015 */
    {"0bb7", MINKE_ERROR_MALFORMED, false, "proper code", 1002},
    {"1388", MINKE_ERROR_MALFORMED, false, "proper code", 1002},
    {"ffff", MINKE_ERROR_MALFORMED, false, "proper code", 1002},
};

static void test_goodbyes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof goodbyes / sizeof goodbyes[0]; i++) {
        const goodbye_t *goodbye = &goodbyes[i / 2];
        uint8_t payload[16];
        bench_t b;
        begin(&b, (int)(i % 2));
        put(&b, BINARY, "read me", 7); /* a message need not be complete */
        put(&b, FIN | PING, "too late", 8);
        put(&b, FIN | CLOSE, payload, test_unhex(goodbye->payload, payload, sizeof payload));
        put(&b, FIN | BINARY, "nobody", 6);
        deliver(&b, i % 3 + 1);
        expect_ended(b.ws, goodbye->error, goodbye->by_remote, goodbye->text);
        if (goodbye->answer > 0) expect_close_sent(&b, goodbye->answer);
        else expect_sent(&b, FIN | CLOSE, NULL, 0);
        expect_read(b.ws, "read me", 7);
        finish(&b);
    }
}

/* What was written before the remote closed goes out, then the answer. */
static void test_answer_to_a_close_comes_last(void **state)
{
    (void)state;
    for (int role = CLIENT; role <= SERVER; role++) {
        const uint8_t *payload;
        size_t len;
        bench_t b;
        begin(&b, role);
        assert_int_equal(minke__websocket_write(b.ws, (const uint8_t *)"first", 5), 5);
        put(&b, FIN | CLOSE, "\x03\xe8", 2);
        deliver(&b, 100);
        minke_reader_t r = minke__reader(output, transmit_all(b.ws, output, sizeof output));
        assert_int_equal(next_frame(&b, &r, &payload, &len), FIN | BINARY);
        assert_int_equal(len, 5);
        assert_int_equal(next_frame(&b, &r, &payload, &len), FIN | CLOSE);
        assert_true(minke__reader_done(&r));
        minke__websocket_close(b.ws);
        expect_ended(b.ws, MINKE_OK, true, "code 1000");
        expect_nothing_sent(&b);
        finish(&b);
    }
}

/* A remote that only pings, and does not read, makes us hold nothing. */
static void test_a_flood_of_pings(void **state)
{
    (void)state;
    bench_t b;
    begin(&b, SERVER);
    for (int i = 0; i < 1000; i++) put(&b, FIN | PING, &i, sizeof i);
    const size_t blocks = b.test.blocks;
    deliver(&b, 60000);
    assert_int_equal(b.test.blocks, blocks);
    const int last = 999;
    expect_sent(&b, FIN | PONG, &last, sizeof last);
    finish(&b);
}

/* The mask of each frame of ours is new (RFC 6455 5.3). */
static void test_masks_differ(void **state)
{
    (void)state;
    bench_t b;
    begin(&b, CLIENT);
    for (int i = 0; i < 2; i++) assert_int_equal(minke__websocket_write(b.ws, (const uint8_t *)"\0\0\0\0", 4), 4);
    assert_int_equal(transmit_all(b.ws, output, sizeof output), 20);
    assert_memory_equal(output + 2, output + 6, 4); /* the payload is zero */
    assert_memory_not_equal(output + 2, output + 12, 4);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fragments_with_control_frames_between),
        cmocka_unit_test(test_payload_of_a_huge_frame_comes_at_once),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_violations),
        cmocka_unit_test(test_goodbyes),
        cmocka_unit_test(test_answer_to_a_close_comes_last),
        cmocka_unit_test(test_a_flood_of_pings),
        cmocka_unit_test(test_masks_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
