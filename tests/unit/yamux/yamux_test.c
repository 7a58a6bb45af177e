/* Sessions against each other, and against what a remote should not do. */
#include <string.h>

#include "pair.h"

enum { SECOND = 1000000, KIB = 1024 };

static uint8_t pattern(uint64_t at) { return (uint8_t)(at * 131 + (at >> 8)); }

static size_t write_pattern(minke_yamux_stream_t *stream, uint64_t from, size_t len)
{
    static uint8_t bytes[64 * KIB];
    if (len > sizeof bytes) len = sizeof bytes;
    for (size_t i = 0; i < len; i++) bytes[i] = pattern(from + i);
    const ssize_t taken = minke__yamux_write(stream, bytes, len);
    assert_true(taken > 0 || taken == MINKE_ERROR_AGAIN);
    return taken > 0 ? (size_t)taken : 0;
}

/* Reads up to `max` bytes and compares them; returns how many. */
static size_t read_pattern(minke_yamux_stream_t *stream, uint64_t from, size_t max)
{
    const uint8_t *data;
    size_t done = 0;
    for (ssize_t n; done < max && (n = minke__yamux_peek(stream, &data)) > 0;) {
        if ((size_t)n > max - done) n = (ssize_t)(max - done);
        for (ssize_t i = 0; i < n; i++) assert_int_equal(data[i], pattern(from + done + (uint64_t)i));
        assert_int_equal(minke__yamux_consume(stream, (size_t)n), MINKE_OK);
        done += (size_t)n;
    }
    return done;
}

static int closed_error(pair_t *pair, int end)
{
    minke_yamux_event_t event;
    while (minke__yamux_event(pair->ends[end], &event)) {
        if (event.type == MINKE_YAMUX_STREAM_CLOSED) return event.error;
    }
    fail();
    return 0;
}

static void test_echo(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_stream_t *there;
    const uint8_t *data;
    pair_init(&pair, 1, NULL);
    minke_yamux_stream_t *here = pair_open(&pair, CLIENT, &there);
    assert_int_equal(write_pattern(here, 0, 5), 5);
    assert_int_equal(minke__yamux_finish(here), MINKE_OK);
    assert_int_equal(minke__yamux_finish(here), MINKE_OK);
    assert_int_equal(minke__yamux_write(here, "x", 1), MINKE_ERROR_STREAM_FINISHED);
    pair_run(&pair);
    assert_ptr_equal(pair_expect(&pair, SERVER, MINKE_YAMUX_STREAM_READABLE), there);
    assert_int_equal(read_pattern(there, 0, 100), 5);
    assert_int_equal(minke__yamux_peek(there, &data), 0);
    pair_expect_none(&pair, SERVER);
    assert_int_equal(write_pattern(there, 7, 3), 3);
    assert_int_equal(minke__yamux_finish(there), MINKE_OK);
    pair_run(&pair);
    assert_int_equal(closed_error(&pair, SERVER), MINKE_OK);
    assert_int_equal(read_pattern(here, 7, 100), 3);
    assert_int_equal(closed_error(&pair, CLIENT), MINKE_OK);
    pair_expect_none(&pair, CLIENT);
    assert_int_equal(minke__yamux_stats(pair.ends[CLIENT]).outbound, 0);
    pair_free(&pair);
}

/* Many streams both ways at once, random sizes and reading habits; every byte arrives in order. */
static void test_many_streams(void **state)
{
    enum { STREAMS = 40, BYTES = 300 * KIB };
    (void)state;
    pair_t pair;
    pair_init(&pair, 7, NULL);
    minke_yamux_stream_t *here[STREAMS], *there[STREAMS];
    uint64_t sent[2][STREAMS] = {{0}}, received[2][STREAMS] = {{0}};
    for (int i = 0; i < STREAMS; i++) {
        here[i] = pair_open(&pair, i % 2, &there[i]);
        pair_drain(&pair, SERVER);
        pair_drain(&pair, CLIENT);
    }
    for (uint64_t total = 0; total < UINT64_C(2) * STREAMS * BYTES;) {
        for (int i = 0; i < STREAMS; i++) {
            minke_yamux_stream_t *both[2] = {here[i], there[i]};
            for (int k = 0; k < 2; k++) {
                const size_t want = (size_t)(test_random(&pair.random) % 20000);
                const size_t left = BYTES - (size_t)sent[k][i];
                if (left > 0) sent[k][i] += write_pattern(both[k], sent[k][i], want < left ? want + 1 : left);
                if (test_random(&pair.random) % 3 == 0) continue;
                const size_t n = read_pattern(both[!k], received[k][i], 30000);
                received[k][i] += n;
                total += n;
            }
        }
        (void)pair_carry(&pair, CLIENT);
        (void)pair_carry(&pair, SERVER);
        pair.now += 500;
        pair_drain(&pair, CLIENT);
        pair_drain(&pair, SERVER);
    }
    assert_null(minke__yamux_close_reason(pair.ends[CLIENT]));
    assert_int_equal(minke__yamux_stats(pair.ends[CLIENT]).unread, 0);
    assert_int_equal(minke__yamux_stats(pair.ends[SERVER]).unsent, 0);
    pair_free(&pair);
}

/* Whoever does not read stops the writer: never more than a window and a send buffer under way. */
static void test_slow_reader(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_stream_t *there;
    pair_init(&pair, 3, NULL);
    minke_yamux_stream_t *here = pair_open(&pair, CLIENT, &there);
    uint64_t sent = 0;
    for (int i = 0; i < 100; i++) {
        sent += write_pattern(here, sent, 64 * KIB);
        pair_run(&pair);
    }
    assert_int_equal(sent, 512 * KIB); /* the first window, and the send buffer */
    assert_int_equal(minke__yamux_stats(pair.ends[SERVER]).unread, MINKE_YAMUX_WINDOW_FIRST);
    pair_drain(&pair, CLIENT);
    /* A little is not worth a window update, half of the window is. */
    uint64_t received = read_pattern(there, 0, 1000);
    pair_run(&pair);
    assert_int_equal(minke__yamux_writable(here), 0);
    received += read_pattern(there, received, 200 * KIB);
    pair_run(&pair);
    assert_ptr_equal(pair_expect(&pair, CLIENT, MINKE_YAMUX_STREAM_WRITABLE), here);
    for (int i = 0; i < 1000 && received < sent; i++) {
        received += read_pattern(there, received, 100 * KIB);
        pair_run(&pair);
    }
    assert_int_equal(received, sent);
    pair_free(&pair);
}

/* A reader that keeps up gets a window that covers the round trip, up to the cap. */
static void test_window_grows(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_stream_t *there;
    pair_init(&pair, 4, NULL);
    pair.latency = 50000;
    minke_yamux_stream_t *here = pair_open(&pair, CLIENT, &there);
    uint64_t sent = 0, received = 0;
    size_t most = 0;
    for (int i = 0; i < 200; i++) {
        for (size_t n = 1; n > 0; sent += n) n = write_pattern(here, sent, 64 * KIB);
        const uint64_t before = pair.carried[CLIENT];
        while (pair_carry(&pair, CLIENT)) {
            for (size_t n = 1; n > 0; sent += n) n = write_pattern(here, sent, 64 * KIB);
        }
        if (pair.carried[CLIENT] - before > most) most = (size_t)(pair.carried[CLIENT] - before);
        pair.now += pair.latency;
        received += read_pattern(there, received, SIZE_MAX);
        while (pair_carry(&pair, SERVER)) continue;
        pair.now += pair.latency;
    }
    assert_true(most > 1000 * KIB);
    assert_true(most < 1100 * KIB);
    pair_free(&pair);
}

static void test_reset(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_stream_t *there, *other_there;
    const uint8_t *data;
    pair_init(&pair, 5, NULL);
    minke_yamux_stream_t *here = pair_open(&pair, CLIENT, &there);
    minke_yamux_stream_t *other = pair_open(&pair, SERVER, &other_there);
    (void)write_pattern(here, 0, 1000);
    pair_run(&pair);
    (void)write_pattern(there, 0, 1000);
    assert_int_equal(minke__yamux_reset(here), MINKE_OK);
    assert_int_equal(minke__yamux_peek(here, &data), MINKE_ERROR_STREAM_RESET);
    assert_int_equal(minke__yamux_write(here, "x", 1), MINKE_ERROR_STREAM_RESET);
    assert_int_equal(closed_error(&pair, CLIENT), MINKE_ERROR_STREAM_RESET);
    pair_expect_none(&pair, CLIENT); /* told; its RST goes all the same */
    pair_run(&pair);
    assert_int_equal(minke__yamux_peek(there, &data), MINKE_ERROR_STREAM_RESET);
    assert_int_equal(closed_error(&pair, SERVER), MINKE_ERROR_STREAM_RESET);
    assert_int_equal(write_pattern(other, 0, 10), 10);
    pair_run(&pair);
    assert_int_equal(read_pattern(other_there, 0, 100), 10);
    pair_free(&pair);
}

/* A stopped stream takes what comes and ends when the remote has finished. */
static void test_stop(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_stream_t *there;
    const uint8_t *data;
    pair_init(&pair, 6, NULL);
    minke_yamux_stream_t *here = pair_open(&pair, CLIENT, &there);
    (void)write_pattern(here, 0, 1000);
    pair_run(&pair);
    assert_int_equal(minke__yamux_stop(there), MINKE_OK);
    assert_int_equal(minke__yamux_peek(there, &data), 0);
    uint64_t sent = 1000;
    for (int i = 0; i < 100; i++) {
        sent += write_pattern(here, sent, 64 * KIB);
        pair_run(&pair);
    }
    assert_true(sent > 2000 * KIB);
    assert_int_equal(minke__yamux_stats(pair.ends[SERVER]).unread, 0);
    assert_int_equal(minke__yamux_finish(here), MINKE_OK);
    assert_int_equal(minke__yamux_finish(there), MINKE_OK);
    pair_run(&pair);
    assert_int_equal(closed_error(&pair, CLIENT), MINKE_OK);
    assert_int_equal(closed_error(&pair, SERVER), MINKE_OK);
    pair_free(&pair);
}

static void test_limits(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_options_t options;
    minke_yamux_stream_t *stream;
    minke__yamux_options_defaults(&options);
    options.inbound_max = 10;
    options.outbound_max = 300;
    pair_init(&pair, 8, &options);
    for (int i = 0; i < MINKE_YAMUX_UNACKNOWLEDGED_MAX; i++) {
        assert_int_equal(minke__yamux_open(pair.ends[CLIENT], &stream), MINKE_OK);
        if (i % 50 == 49) { /* a remote that reads is told of each refusal */
            pair_run(&pair);
            pair_drain(&pair, CLIENT);
        }
    }
    pair_run(&pair);
    pair_drain(&pair, CLIENT);
    assert_int_equal(minke__yamux_stats(pair.ends[CLIENT]).outbound, 10);
    assert_int_equal(minke__yamux_stats(pair.ends[SERVER]).inbound, 10);
    assert_int_equal(pair.test.counters.streams_refused, MINKE_YAMUX_UNACKNOWLEDGED_MAX - 10);
    /* Nothing is acknowledged while nothing is carried. */
    for (int i = 0; i < MINKE_YAMUX_UNACKNOWLEDGED_MAX; i++) {
        assert_int_equal(minke__yamux_open(pair.ends[CLIENT], &stream), MINKE_OK);
    }
    assert_int_equal(minke__yamux_open(pair.ends[CLIENT], &stream), MINKE_ERROR_LIMIT);
    pair_free(&pair);
}

static void test_refusals_unread(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_options_t options;
    minke__yamux_options_defaults(&options);
    options.inbound_max = 1;
    pair_init(&pair, 9, &options);
    for (uint32_t i = 0; i < 65; i++) {
        assert_null(minke__yamux_close_reason(pair.ends[SERVER]));
        pair_inject(&pair, SERVER, &(minke_yamux_frame_t){MINKE_YAMUX_DATA, MINKE_YAMUX_SYN, 1 + 2 * i, 4}, "abcd", 4);
    }
    pair_inject(&pair, SERVER, &(minke_yamux_frame_t){MINKE_YAMUX_DATA, MINKE_YAMUX_SYN, 1001, 0}, "", 0);
    assert_int_equal(minke__yamux_close_reason(pair.ends[SERVER])->code, MINKE_ERROR_MALFORMED);
    pair_free(&pair);
}

/* Each of these ends the session with a GO_AWAY, and its streams with it. */
static void test_violations(void **state)
{
    (void)state;
    static const minke_yamux_frame_t bad[] = {
        {MINKE_YAMUX_DATA, 0, 0, 4},                            /* data of the session */
        {MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_SYN, 2, 0},     /* our parity */
        {MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_SYN, 1, 0},     /* in use */
        {MINKE_YAMUX_DATA, 0, 1, MINKE_YAMUX_WINDOW_FIRST + 1}, /* beyond the window */
        {MINKE_YAMUX_WINDOW_UPDATE, 0, 1, UINT32_MAX},          /* window overflow */
        {4, 0, 0, 0},                                           /* no such type */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pair_t pair;
        minke_yamux_stream_t *there;
        pair_init(&pair, 10, NULL);
        (void)pair_open(&pair, CLIENT, &there);
        pair_inject(&pair, SERVER, &bad[i], "abcd", 4);
        assert_int_equal(minke__yamux_close_reason(pair.ends[SERVER])->code, MINKE_ERROR_MALFORMED);
        assert_int_equal(minke__yamux_close_reason(pair.ends[SERVER])->layer, MINKE_LAYER_STREAM);
        assert_int_equal(closed_error(&pair, SERVER), MINKE_ERROR_CONNECTION_CLOSED);
        pair_run(&pair);
        assert_true(minke__yamux_close_reason(pair.ends[CLIENT])->by_remote);
        assert_int_equal(minke__yamux_close_reason(pair.ends[CLIENT])->code, MINKE_YAMUX_PROTOCOL_ERROR);
        pair_free(&pair);
    }
}

/* Frames for streams that are gone: a body is skipped, the rest means nothing. */
static void test_unknown_streams(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_stream_t *there;
    pair_init(&pair, 11, NULL);
    pair_inject(&pair, SERVER, &(minke_yamux_frame_t){MINKE_YAMUX_DATA, MINKE_YAMUX_FIN, 77, 6}, "\0\1\0\0\0\0", 6);
    pair_inject(&pair, SERVER, &(minke_yamux_frame_t){MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_RST, 79, 0}, "", 0);
    pair_inject(&pair, SERVER, &(minke_yamux_frame_t){MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_ACK, 2, 9}, "", 0);
    pair_expect_none(&pair, SERVER);
    minke_yamux_stream_t *here = pair_open(&pair, CLIENT, &there);
    assert_int_equal(write_pattern(here, 0, 10), 10);
    pair_run(&pair);
    assert_int_equal(read_pattern(there, 0, 100), 10);
    pair_free(&pair);
}

/* FIN and RST of a data frame count once its body is there. */
static void test_flags_with_body(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_stream_t *there;
    const uint8_t *data;
    pair_init(&pair, 12, NULL);
    const minke_yamux_frame_t frame = {MINKE_YAMUX_DATA, MINKE_YAMUX_SYN | MINKE_YAMUX_FIN, 1, 4};
    pair_inject(&pair, SERVER, &frame, "ab", 2);
    there = pair_expect(&pair, SERVER, MINKE_YAMUX_STREAM_OPENED);
    assert_int_equal(minke__yamux_peek(there, &data), 2);
    assert_int_equal(minke__yamux_consume(there, 2), MINKE_OK);
    assert_int_equal(minke__yamux_peek(there, &data), MINKE_ERROR_AGAIN);
    minke__yamux_recv(pair.ends[SERVER], (const uint8_t *)"cd", 2, pair.now);
    assert_int_equal(minke__yamux_peek(there, &data), 2);
    assert_int_equal(minke__yamux_consume(there, 2), MINKE_OK);
    assert_int_equal(minke__yamux_peek(there, &data), 0);
    assert_int_equal(minke__yamux_consume(there, 1), MINKE_ERROR_INVALID);
    pair_free(&pair);
}

static void test_keepalive(void **state)
{
    (void)state;
    pair_t pair;
    pair_init(&pair, 13, NULL);
    pair_run(&pair);
    assert_true(minke__yamux_stats(pair.ends[CLIENT]).rtt > 0);
    const minke_time_t due = minke__yamux_deadline(pair.ends[CLIENT]);
    assert_in_range(due, pair.now + 29 * SECOND, pair.now + 30 * SECOND);
    pair.now = due;
    minke__yamux_tick(pair.ends[CLIENT], pair.now);
    assert_true(pair_carry(&pair, CLIENT));
    pair_run(&pair);
    assert_null(minke__yamux_close_reason(pair.ends[CLIENT]));
    /* No answer, and nothing else either. */
    pair.now = minke__yamux_deadline(pair.ends[CLIENT]);
    minke__yamux_tick(pair.ends[CLIENT], pair.now);
    assert_int_equal(minke__yamux_deadline(pair.ends[CLIENT]), pair.now + 10 * SECOND);
    minke__yamux_tick(pair.ends[CLIENT], pair.now + 10 * SECOND);
    assert_int_equal(minke__yamux_close_reason(pair.ends[CLIENT])->code, MINKE_ERROR_TIMEOUT);
    assert_int_equal(minke__yamux_deadline(pair.ends[CLIENT]), MINKE_TIME_NEVER);
    pair_free(&pair);
}

/* A flood of pings is answered as far as the remote reads. */
static void test_ping_flood(void **state)
{
    (void)state;
    pair_t pair;
    uint8_t out[4096];
    pair_init(&pair, 14, NULL);
    pair_run(&pair);
    for (uint32_t i = 0; i < 10000; i++) {
        pair_inject(&pair, SERVER, &(minke_yamux_frame_t){MINKE_YAMUX_PING, MINKE_YAMUX_SYN, 0, i}, "", 0);
    }
    const size_t len = minke__yamux_transmit(pair.ends[SERVER], out, sizeof out, pair.now);
    assert_int_equal(len, 8 * MINKE_YAMUX_HEADER_BYTES);
    minke_yamux_frame_t last;
    assert_true(minke__yamux_frame_read(out + len - MINKE_YAMUX_HEADER_BYTES, &last));
    assert_int_equal(last.len, 9999);
    pair_free(&pair);
}

/* The remote wants no more streams; those that are open go on. */
static void test_go_away(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_stream_t *there, *more;
    pair_init(&pair, 15, NULL);
    minke_yamux_stream_t *here = pair_open(&pair, CLIENT, &there);
    pair_inject(&pair, CLIENT, &(minke_yamux_frame_t){MINKE_YAMUX_GO_AWAY, 0, 0, 0}, "", 0);
    assert_int_equal(minke__yamux_open(pair.ends[CLIENT], &more), MINKE_ERROR_CONNECTION_CLOSED);
    assert_int_equal(write_pattern(here, 0, 10), 10);
    pair_run(&pair);
    assert_int_equal(read_pattern(there, 0, 100), 10);
    minke__yamux_close(pair.ends[CLIENT], pair.now);
    assert_int_equal(closed_error(&pair, CLIENT), MINKE_ERROR_CONNECTION_CLOSED);
    pair_run(&pair);
    assert_null(minke__yamux_close_reason(pair.ends[SERVER])); /* whose byte stream ends next */
    pair_free(&pair);
}

/* What the remote had finished can be read after the end. */
static void test_lingers(void **state)
{
    (void)state;
    pair_t pair;
    minke_yamux_stream_t *there, *half;
    pair_init(&pair, 16, NULL);
    minke_yamux_stream_t *here = pair_open(&pair, CLIENT, &there);
    minke_yamux_stream_t *unfinished = pair_open(&pair, CLIENT, &half);
    (void)write_pattern(here, 0, 5000);
    (void)write_pattern(unfinished, 0, 5000);
    (void)minke__yamux_finish(here);
    pair_run(&pair);
    pair_drain(&pair, SERVER);
    minke__yamux_fail(pair.ends[SERVER]);
    assert_int_equal(closed_error(&pair, SERVER), MINKE_ERROR_CONNECTION_CLOSED);
    pair_expect_none(&pair, SERVER);
    assert_true(minke__yamux_lingers(pair.ends[SERVER]));
    assert_int_equal(minke__yamux_write(there, "x", 1), MINKE_ERROR_CONNECTION_CLOSED);
    assert_int_equal(read_pattern(there, 0, SIZE_MAX), 5000);
    assert_int_equal(closed_error(&pair, SERVER), MINKE_ERROR_CONNECTION_CLOSED);
    pair_expect_none(&pair, SERVER);
    assert_false(minke__yamux_lingers(pair.ends[SERVER]));
    minke__yamux_abandon(pair.ends[SERVER]);
    pair_free(&pair);
}

/* Whatever allocation fails, nothing leaks and nothing crashes. */
static void test_no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 60; n++) {
        pair_t pair;
        minke_yamux_stream_t *stream = NULL;
        pair_init(&pair, 17, NULL);
        pair.test.fail_at = pair.test.allocations + n;
        pair.test.fail_for_good = n % 2 == 0;
        for (int i = 0; i < 10; i++) {
            if (minke__yamux_open(pair.ends[i % 2], &stream) < 0) continue;
            (void)!minke__yamux_write(stream, "0123456789", 10);
            if (i % 3 == 0) (void)minke__yamux_finish(stream);
            if (i % 4 == 0) (void)minke__yamux_reset(stream);
            pair_run(&pair);
            pair_drain(&pair, CLIENT);
        }
        pair_free(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_many_streams),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_window_grows),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_refusals_unread),
        cmocka_unit_test(test_violations),
        cmocka_unit_test(test_unknown_streams),
        cmocka_unit_test(test_flags_with_body),
        cmocka_unit_test(test_keepalive),
        cmocka_unit_test(test_ping_flood),
        cmocka_unit_test(test_go_away),
        cmocka_unit_test(test_lingers),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
