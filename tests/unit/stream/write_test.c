/* Writing: what is taken, how it is framed, who is woken, and whose turn it is. */
#include "base/wire.h"
#include "stream/stream.h"
#include "unit/stream/fixture.h"

enum { KIB = 1024, PAYLOAD_MAX = 16377 };

static uint8_t pattern[1 << 20];

static void fill_pattern(void)
{
    uint64_t state = 9;
    for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (uint8_t)test_random(&state);
}

/* The payload of the next frame is the pattern from `at`; returns how much it holds. */
static size_t frame_of_pattern(bench_t *b, uint16_t id, size_t at)
{
    const minke_message_t *message = fake_pull(b->sctp);
    assert_non_null(message);
    assert_int_equal(message->stream_id, id);
    minke_reader_t r = minke__reader(message->bytes + message->start, message->end - message->start);
    assert_true(r.len <= 16384);
    const uint64_t frame_len = minke__read_uvarint(&r);
    assert_int_equal(frame_len, minke__reader_left(&r));
    assert_int_equal(minke__read_u8(&r), 0x12);
    const size_t len = (size_t)minke__read_uvarint(&r);
    assert_int_equal(len, minke__reader_left(&r));
    assert_memory_equal(minke__read_bytes(&r, len), pattern + at, len);
    return len;
}

static void test_small_writes_share_a_frame(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    size_t at = 0;
    for (size_t n = 1; at + n <= 2 * PAYLOAD_MAX; at += n, n = n * 5 % 97 + 1)
        assert_int_equal(minke__mux_write(s, pattern + at, n), n);
    assert_int_equal(frame_of_pattern(b, 2, 0), PAYLOAD_MAX);
    assert_int_equal(frame_of_pattern(b, 2, PAYLOAD_MAX), at - PAYLOAD_MAX);
    out_nothing(b);
    assert_int_equal(minke__mux_write(s, pattern, 7), 7);
    assert_int_equal(frame_of_pattern(b, 2, 0), 7); /* what has left stays as it is */
    assert_int_equal(minke__mux_write(s, pattern, 0), 0);
    out_nothing(b);
    bench_free(b);
}

/* go-libp2p 0.51 reads through a buffer of 4096 bytes. */
static void test_a_remote_that_takes_small_messages_only(void **state)
{
    (void)state;
    enum { SMALL_MAX = 4089, LEN = 3 * SMALL_MAX + 100 };
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    b->sctp->small_messages = true;
    assert_int_equal(minke__mux_write(s, pattern, LEN), LEN);
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(frame_of_pattern(b, 2, at), SMALL_MAX);
        at += SMALL_MAX;
    }
    assert_int_equal(frame_of_pattern(b, 2, at), 100);
    out_nothing(b);
    /* Once the remote is known to take more, frames grow. */
    b->sctp->small_messages = false;
    assert_int_equal(minke__mux_write(s, pattern, PAYLOAD_MAX), PAYLOAD_MAX);
    assert_int_equal(frame_of_pattern(b, 2, 0), PAYLOAD_MAX);
    bench_free(b);
}

static void test_every_size_round_the_frame(void **state)
{
    (void)state;
    for (size_t first = PAYLOAD_MAX - 2; first <= PAYLOAD_MAX + 2; first++) {
        for (size_t second = 1; second <= PAYLOAD_MAX + 2; second = second < 3 ? second + 1 : second + 8187) {
            bench_t *b = bench_surfaced();
            minke_mux_stream_t *s = accepted(b, 2);
            assert_int_equal(minke__mux_write(s, pattern, first), first);
            assert_int_equal(minke__mux_write(s, pattern + first, second), second);
            size_t at = 0;
            while (at < first + second) {
                const size_t n = frame_of_pattern(b, 2, at);
                at += n;
                assert_true(n == PAYLOAD_MAX || at == first + second);
            }
            out_nothing(b);
            bench_free(b);
        }
    }
}

static void test_send_buffer_of_a_stream(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    assert_int_equal(minke__mux_writable(s), 256 * KIB);
    assert_int_equal(minke__mux_write(s, pattern, 300 * KIB), 256 * KIB);
    assert_int_equal(minke__mux_writable(s), 0);
    assert_int_equal(minke__mux_write(s, pattern, 1), MINKE_ERROR_AGAIN);
    assert_int_equal(minke__mux_stats(b->mux).unsent, 256 * KIB);
    size_t at = 0;
    while (minke__mux_stats(b->mux).unsent > 128 * KIB) {
        no_event(b);
        at += frame_of_pattern(b, 2, at);
    }
    event_of(b, MINKE_MUX_STREAM_WRITABLE, s); /* once, at half */
    at += frame_of_pattern(b, 2, at);
    no_event(b);
    assert_int_equal(minke__mux_writable(s), at);
    bench_free(b);
}

static void test_no_writable_without_need(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    assert_int_equal(minke__mux_write(s, pattern, 200 * KIB), 200 * KIB);
    fake_flush(b->sctp);
    no_event(b);
    assert_int_equal(minke__mux_write(s, pattern, 300 * KIB), 256 * KIB);
    assert_int_equal(minke__mux_finish(s), MINKE_OK); /* interest is gone */
    fake_flush(b->sctp);
    no_event(b);
    bench_free(b);
}

static void test_send_buffer_of_the_connection(void **state)
{
    (void)state;
    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.handshake_channel = true;
    options.send_buffer = 64 * KIB;
    options.send_buffer_total = 100 * KIB;
    bench_t *b = bench_new(&options);
    minke__mux_surface(b->mux);
    minke_mux_stream_t *s[6];
    for (uint16_t i = 0; i < 6; i++) s[i] = accepted(b, (uint16_t)(2 + 2 * i));
    assert_int_equal(minke__mux_write(s[0], pattern, 100 * KIB), 64 * KIB);
    assert_int_equal(minke__mux_write(s[1], pattern, 50 * KIB), 36 * KIB);
    for (int i = 2; i < 6; i++) assert_int_equal(minke__mux_write(s[i], pattern, 1), MINKE_ERROR_AGAIN);
    /* Those that got nothing are woken in their order, one for each frame that leaves. */
    assert_int_equal(frame_of_pattern(b, 2, 0), PAYLOAD_MAX);
    event_of(b, MINKE_MUX_STREAM_WRITABLE, s[2]); /* s[0] and s[1] hold more than half of their own */
    no_event(b);
    fake_flush(b->sctp);
    minke_mux_event_t e;
    unsigned seen = 0;
    while (minke__mux_event(b->mux, &e)) {
        assert_int_equal(e.type, MINKE_MUX_STREAM_WRITABLE);
        for (unsigned i = 0; i < 6; i++) seen |= e.stream == s[i] ? 1U << i : 0;
    }
    assert_int_equal(seen, 0x3b); /* all but s[2] */
    assert_int_equal(minke__mux_stats(b->mux).unsent, 0);
    bench_free(b);
}

/* Over a long path one stream may hold what the path takes in a round trip; others have what is left.
 */
static void test_send_buffer_follows_the_path(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2), *other = accepted(b, 4), *third = accepted(b, 6);
    b->sctp->path_bytes = 100 * KIB;
    assert_int_equal(minke__mux_writable(s), 256 * KIB);
    b->sctp->path_bytes = 1000 * KIB;
    assert_int_equal(minke__mux_write(s, pattern, 1024 * KIB), 1000 * KIB);
    assert_int_equal(minke__mux_write(other, pattern, 1024 * KIB), 24 * KIB); /* of the buffer that is shared */
    assert_int_equal(minke__mux_write(s, pattern, 1), MINKE_ERROR_AGAIN);
    size_t at = 0;
    while (minke__mux_stats(b->mux).unsent > 500 * KIB) {
        assert_non_null(fake_pull(b->sctp));
        fake_ack_all(b->sctp);
        if (++at > 1000) fail();
    }
    unsigned woken = 0;
    minke_mux_event_t e;
    while (minke__mux_event(b->mux, &e)) woken |= e.stream == s ? 1 : e.stream == other ? 2 : 4;
    assert_int_equal(woken, 3);
    assert_int_equal(minke__mux_writable(third), 1000 * KIB - minke__mux_stats(b->mux).unsent);
    b->sctp->path_bytes = UINT32_MAX; /* a cap in any case */
    fake_flush(b->sctp);
    assert_int_equal(minke__mux_writable(third), 4096 * KIB);
    bench_free(b);
}

/* Greedy writers, four of whom are woken at a time: the first of them once took what was there, again and again, and
 * the other three nothing until it was done. */
static void test_many_writers_share_the_buffer(void **state)
{
    enum { N = 100, ROUNDS = 400, AT_ONCE = 4 };
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s[N];
    minke_mux_event_t e;
    size_t frames[N] = {0};
    for (uint16_t i = 0; i < N; i++) s[i] = accepted(b, (uint16_t)(2 + 2 * i));
    for (int i = 0; i < N; i++) assert_true(minke__mux_write(s[i], pattern, sizeof pattern) >= PAYLOAD_MAX);
    assert_true(minke__mux_stats(b->mux).unsent <= 1024 * KIB + N * PAYLOAD_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < AT_ONCE; i++) {
            const minke_message_t *message = fake_pull(b->sctp);
            assert_non_null(message);
            frames[message->stream_id / 2 - 1]++;
        }
        fake_ack_all(b->sctp);
        while (minke__mux_event(b->mux, &e)) {
            assert_int_equal(e.type, MINKE_MUX_STREAM_WRITABLE);
            assert_true(minke__mux_write(e.stream, pattern, sizeof pattern) > 0); /* nobody is woken for nothing */
            assert_int_equal(minke__mux_write(e.stream, pattern, 1), MINKE_ERROR_AGAIN);
        }
    }
    for (int i = 0; i < N; i++) assert_int_equal(frames[i], ROUNDS * AT_ONCE / N);
    bench_free(b);
}

/* A stream that is reset gives its part of the buffer back. */
static void test_reset_makes_room(void **state)
{
    (void)state;
    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.send_buffer_total = 256 * KIB;
    bench_t *b = bench_new(&options);
    minke__mux_surface(b->mux);
    minke_mux_stream_t *greedy = accepted(b, 2);
    minke_mux_stream_t *poor = accepted(b, 4);
    assert_int_equal(minke__mux_write(greedy, pattern, 256 * KIB), 256 * KIB);
    assert_int_equal(minke__mux_write(poor, pattern, 1), MINKE_ERROR_AGAIN);
    in(b, 2, RESET);
    (void)event(b, MINKE_MUX_STREAM_WRITABLE);
    (void)event(b, MINKE_MUX_STREAM_CLOSED);
    no_event(b);
    assert_int_equal(minke__mux_write(poor, pattern, 1), 1);
    bench_free(b);
}

static void test_turns(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s[3];
    for (uint16_t i = 0; i < 3; i++) s[i] = accepted(b, (uint16_t)(2 + 2 * i));
    assert_int_equal(minke__mux_write(s[0], pattern, 4 * PAYLOAD_MAX), 4 * PAYLOAD_MAX);
    assert_int_equal(minke__mux_write(s[1], pattern, 2 * PAYLOAD_MAX), 2 * PAYLOAD_MAX);
    assert_int_equal(minke__mux_write(s[2], pattern, 1), 1);
    static const uint16_t order[] = {2, 4, 6, 2, 4, 2, 2};
    size_t at[7] = {0};
    for (size_t i = 0; i < 7; i++) at[order[i]] += frame_of_pattern(b, order[i], at[order[i]]);
    out_nothing(b);
    bench_free(b);
}

static void test_wakes_sctp(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    uint64_t wakes = b->sctp->wakes;
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(b->sctp->wakes, wakes + 1);
    assert_int_equal(wrote(s, "hello"), 5); /* it is up already */
    assert_int_equal(b->sctp->wakes, wakes + 1);
    fake_flush(b->sctp);
    in(b, 2, FIN);
    bench_advance(b, 5 * SECOND);
    assert_int_equal(b->sctp->wakes, wakes + 2);
    bench_free(b);
}

static void test_events_are_coalesced_and_ordered(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    in_dcep(b, 2, OPEN);
    for (int i = 0; i < 3; i++) in(b, 2, HELLO);
    in(b, 2, STOP_SENDING);
    in(b, 2, HELLO);
    minke_mux_stream_t *s = event(b, MINKE_MUX_STREAM_OPENED).stream;
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    event_of(b, MINKE_MUX_STREAM_WRITABLE, s);
    no_event(b);
    in_dcep(b, 4, OPEN);
    in(b, 2, HELLO); /* again, though nothing was read */
    in(b, 4, HELLO);
    in(b, 2, RESET);
    minke_mux_stream_t *other = event(b, MINKE_MUX_STREAM_OPENED).stream;
    event_of(b, MINKE_MUX_STREAM_READABLE, other);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    bench_free(b);
}

/* Out of memory while SCTP asks: it asks again a little later. */
static void test_message_is_retried_without_memory(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    in_dcep(b, 2, OPEN);
    b->test.fail_at = b->test.allocations + 1;
    out_nothing(b);
    const uint64_t wakes = b->sctp->wakes;
    assert_int_equal(minke__mux_deadline(b->mux), b->now + 10000);
    bench_advance(b, 10000);
    assert_int_equal(b->sctp->wakes, wakes + 1);
    assert_int_equal(minke__mux_deadline(b->mux), MINKE_TIME_NEVER);
    out_dcep(b, 2, ACK);
    bench_free(b);
}

static void test_write_without_memory(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    b->test.fail_at = b->test.allocations + 1;
    assert_int_equal(minke__mux_write(s, pattern, 20), MINKE_ERROR_NO_MEMORY);
    b->test.fail_at = b->test.allocations + 3;
    b->test.fail_for_good = true;
    assert_int_equal(minke__mux_write(s, pattern, 3 * PAYLOAD_MAX), 2 * PAYLOAD_MAX);
    assert_int_equal(minke__mux_write(s, pattern, 20), MINKE_ERROR_NO_MEMORY);
    b->test.fail_at = 0;
    assert_int_equal(frame_of_pattern(b, 2, 0), PAYLOAD_MAX);
    assert_int_equal(frame_of_pattern(b, 2, PAYLOAD_MAX), PAYLOAD_MAX);
    assert_int_equal(minke__mux_write(s, pattern, 128), 128);
    b->test.fail_at = b->test.allocations + 1; /* the block cannot grow */
    assert_int_equal(minke__mux_write(s, pattern, 20), MINKE_ERROR_NO_MEMORY);
    b->test.fail_at = 0;
    assert_int_equal(frame_of_pattern(b, 2, 0), 128);
    bench_free(b);
}

static void test_receive_without_memory(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    b->test.fail_at = b->test.allocations + 1;
    in(b, 2, HELLO);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    bench_free(b);
}

/* What an idle stream costs beside its slot in the handle table: written down so that it cannot drift unnoticed. */
static void test_cost_of_an_idle_stream(void **state)
{
    (void)state;
    assert_true(sizeof(struct minke_mux_stream) + sizeof(minke_channel_t) <= 288);
    bench_t *b = bench_surfaced();
    const size_t before = b->test.blocks;
    (void)accepted(b, 2);
    assert_true(b->test.blocks <= before + 3); /* the stream, the channel, and the handle table once */
    (void)accepted(b, 4);
    assert_true(b->test.blocks <= before + 5);
    bench_free(b);
}

int main(void)
{
    fill_pattern();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_writes_share_a_frame),
        cmocka_unit_test(test_a_remote_that_takes_small_messages_only),
        cmocka_unit_test(test_every_size_round_the_frame),
        cmocka_unit_test(test_send_buffer_of_a_stream),
        cmocka_unit_test(test_no_writable_without_need),
        cmocka_unit_test(test_send_buffer_of_the_connection),
        cmocka_unit_test(test_send_buffer_follows_the_path),
        cmocka_unit_test(test_many_writers_share_the_buffer),
        cmocka_unit_test(test_reset_makes_room),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_wakes_sctp),
        cmocka_unit_test(test_events_are_coalesced_and_ordered),
        cmocka_unit_test(test_message_is_retried_without_memory),
        cmocka_unit_test(test_write_without_memory),
        cmocka_unit_test(test_receive_without_memory),
        cmocka_unit_test(test_cost_of_an_idle_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
