/* The two halves of a stream, row by row of the table in spec/streams.md 5, from both sides. */
#include "unit/stream/fixture.h"

/* ---- local close-write */

static void test_finish_sends_fin_after_the_data(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = opened(b, 1);
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    assert_int_equal(wrote(s, "more"), MINKE_ERROR_STREAM_FINISHED);
    assert_int_equal(minke__mux_writable(s), 0);
    out(b, 1, HELLO);
    out(b, 1, FIN);
    out_nothing(b);
    no_event(b);
    in(b, 1, FIN_ACK);
    no_event(b); /* the other half is open */
    assert_int_equal(peeked(s), MINKE_ERROR_AGAIN);
    assert_int_equal(minke__mux_deadline(b->mux), MINKE_TIME_NEVER);
    bench_free(b);
}

static void test_fin_ack_is_waited_for_10_s(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, FIN);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 2, FIN);
    out(b, 2, FIN_ACK);
    fake_ack_all(b->sctp);
    assert_int_equal(minke__mux_deadline(b->mux), b->now + 10 * SECOND);
    bench_advance(b, 10 * SECOND - 1);
    no_event(b);
    assert_false(fake_reset_asked(b->sctp, 2));
    bench_advance(b, 1);
    assert_true(fake_reset_asked(b->sctp, 2));
    closed(b, s, MINKE_OK);
    resets_complete(b, 2);
    bench_free(b);
}

static void test_giving_up_on_fin_ack_leaves_reading(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = opened(b, 1);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 1, FIN);
    bench_advance(b, 60 * SECOND);
    no_event(b);
    in(b, 1, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    readable(s, "hello");
    in(b, 1, FIN);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    closed(b, s, MINKE_OK);
    out(b, 1, FIN_ACK);
    bench_free(b);
}

/* ---- FIN received */

static void test_fin_ends_reading(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, HELLO);
    in(b, 2, FIN);
    event_of(b, MINKE_MUX_STREAM_READABLE, s); /* one for both */
    no_event(b);
    readable(s, "hello");
    assert_int_equal(peeked(s), 0);
    in(b, 2, HELLO); /* after the end: nobody's */
    assert_int_equal(peeked(s), 0);
    no_event(b);
    bench_free(b);
}

/* rust takes FIN_ACK for our FIN: it goes behind the data and the FIN (spec/streams.md 5, rust-libp2p 1). */
static void test_fin_ack_waits_for_our_fin(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, FIN);
    out_nothing(b);
    bench_advance(b, 4 * SECOND);
    out_nothing(b);
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 2, HELLO);
    out(b, 2, FIN);
    out(b, 2, FIN_ACK);
    out_nothing(b);
    bench_free(b);
}

static void test_fin_ack_waits_5_s_at_most(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, FIN);
    in(b, 2, FIN); /* the first one counts */
    assert_int_equal(minke__mux_deadline(b->mux), b->now + 5 * SECOND);
    bench_advance(b, 5 * SECOND);
    out(b, 2, FIN_ACK);
    out_nothing(b);
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 2, HELLO);
    out(b, 2, FIN);
    out_nothing(b);
    bench_free(b);
}

static void test_fin_ack_at_once_when_our_half_is_over(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = opened(b, 1);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 1, FIN);
    in(b, 1, FIN);
    out(b, 1, FIN_ACK);
    in(b, 1, FIN); /* again */
    out(b, 1, FIN_ACK);
    out_nothing(b);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    no_event(b);
    in(b, 1, FIN_ACK);
    closed(b, s, MINKE_OK);
    fake_ack_all(b->sctp);
    resets_complete(b, 1);
    bench_free(b);
}

/* ---- the end waits for the reader */

static void test_closed_waits_until_all_is_read(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = opened(b, 1);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 1, FIN);
    in(b, 1, FIN_ACK);
    in(b, 1, HELLO);
    in(b, 1, FIN);
    out(b, 1, FIN_ACK);
    fake_ack_all(b->sctp);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    no_event(b);
    resets_complete(b, 1); /* the wire is done, the reader is not */
    assert_int_equal(minke__mux_stats(b->mux).outbound, 1);
    const uint8_t *data;
    assert_int_equal(minke__mux_peek(s, &data), 5);
    assert_int_equal(minke__mux_consume(s, 6), MINKE_ERROR_INVALID);
    assert_int_equal(minke__mux_consume(s, 4), MINKE_OK);
    no_event(b);
    assert_int_equal(minke__mux_peek(s, &data), 1);
    assert_memory_equal(data, "o", 1);
    assert_int_equal(minke__mux_consume(s, 1), MINKE_OK);
    assert_int_equal(peeked(s), 0);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    closed(b, s, MINKE_OK);
    assert_int_equal(minke__mux_stats(b->mux).outbound, 0);
    bench_free(b);
}

static void test_reset_while_only_the_reader_is_left(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = opened(b, 1);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 1, FIN);
    in(b, 1, FIN_ACK);
    in(b, 1, HELLO);
    in(b, 1, FIN);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    assert_int_equal(minke__mux_reset(s, 5), MINKE_OK);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    out(b, 1, FIN_ACK); /* and no RESET */
    out_nothing(b);
    bench_free(b);
}

/* ---- local close-read */

static void test_stop_sends_stop_sending_once(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    assert_int_equal(minke__mux_stop(s, 0), MINKE_OK);
    assert_int_equal(minke__mux_stop(s, 0), MINKE_OK);
    out(b, 2, STOP_SENDING);
    out_nothing(b);
    assert_int_equal(peeked(s), 0);
    in(b, 2, HELLO); /* dropped, but flags still count */
    no_event(b);
    assert_int_equal(minke__mux_stats(b->mux).unread, 0);
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 2, HELLO);
    out(b, 2, FIN);
    in(b, 2, "06 0803 1202 6869"); /* FIN_ACK with data */
    closed(b, s, MINKE_OK);
    fake_ack_all(b->sctp);
    resets_complete(b, 2);
    bench_free(b);
}

static void test_stop_with_a_code(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    assert_int_equal(minke__mux_stop(s, 1001), MINKE_OK);
    out(b, 2, "05 0801 18e907");
    bench_free(b);
}

/* rust takes a frame without data for the end of the stream, so the FIN goes first when there is one. */
static void test_stop_goes_behind_fin(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(minke__mux_stop(s, 0), MINKE_OK);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 2, HELLO);
    out(b, 2, FIN);
    out(b, 2, STOP_SENDING);
    out_nothing(b);
    in(b, 2, FIN);
    out(b, 2, FIN_ACK);
    in(b, 2, FIN_ACK);
    closed(b, s, MINKE_OK);
    bench_free(b);
}

static void test_stop_after_fin_says_nothing(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, HELLO);
    in(b, 2, FIN);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    assert_int_equal(minke__mux_stop(s, 0), MINKE_OK);
    out_nothing(b);
    no_event(b);
    bench_free(b);
}

/* ---- STOP_SENDING received */

static void test_stop_sending_ends_writing(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    assert_int_equal(wrote(s, "hello"), 5);
    in(b, 2, "04 0801 1800"); /* go */
    event_of(b, MINKE_MUX_STREAM_WRITABLE, s);
    no_event(b);
    out_nothing(b); /* the queue is dropped, no RESET */
    assert_int_equal(minke__mux_stats(b->mux).unsent, 0);
    assert_int_equal(wrote(s, "more"), MINKE_ERROR_STREAM_STOPPED);
    assert_int_equal(minke__mux_finish(s), MINKE_ERROR_STREAM_STOPPED);
    in(b, 2, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    readable(s, "hello");
    in(b, 2, FIN);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    closed(b, s, MINKE_OK);
    out(b, 2, FIN_ACK);
    fake_ack_all(b->sctp);
    resets_complete(b, 2);
    bench_free(b);
}

static void test_stop_sending_while_finishing(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    in(b, 2, FIN);
    in(b, 2, STOP_SENDING);
    out(b, 2, FIN_ACK); /* the delayed one; FIN is void */
    out_nothing(b);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    event_of(b, MINKE_MUX_STREAM_WRITABLE, s);
    closed(b, s, MINKE_OK);
    bench_free(b);
}

/* go's Close: FIN, then STOP_SENDING, then it waits for FIN_ACK. */
static void test_close_of_go(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, FIN);
    in(b, 2, "04 0801 1800");
    out(b, 2, FIN_ACK);
    out_nothing(b);
    assert_false(fake_reset_asked(b->sctp, 2)); /* first the FIN_ACK arrives */
    fake_ack_all(b->sctp);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    event_of(b, MINKE_MUX_STREAM_WRITABLE, s);
    closed(b, s, MINKE_OK);
    resets_complete(b, 2);
    bench_free(b);
}

static void test_stop_sending_after_our_fin(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = opened(b, 1);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 1, FIN);
    in(b, 1, STOP_SENDING); /* no FIN_ACK will come */
    assert_int_equal(wrote(s, "x"), MINKE_ERROR_STREAM_FINISHED);
    assert_int_equal(minke__mux_deadline(b->mux), MINKE_TIME_NEVER);
    event_of(b, MINKE_MUX_STREAM_WRITABLE, s);
    in(b, 1, FIN);
    out(b, 1, FIN_ACK);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    closed(b, s, MINKE_OK);
    bench_free(b);
}

/* ---- resets */

static void test_local_reset(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(minke__mux_reset(s, 1001), MINKE_OK);
    assert_int_equal(minke__mux_reset(s, 1001), MINKE_OK);
    assert_int_equal(wrote(s, "x"), MINKE_ERROR_STREAM_RESET);
    assert_int_equal(peeked(s), MINKE_ERROR_STREAM_RESET);
    assert_int_equal(minke__mux_finish(s), MINKE_ERROR_STREAM_RESET);
    assert_int_equal(minke__mux_stop(s, 0), MINKE_ERROR_STREAM_RESET);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    out(b, 2, "05 0802 18e907");
    out_nothing(b);
    /* js reports a clean end if the reset comes with the frame: some time after it has arrived. */
    fake_ack_all(b->sctp);
    assert_false(fake_reset_asked(b->sctp, 2));
    assert_int_equal(minke__mux_deadline(b->mux), b->now + 100000);
    in(b, 2, HELLO); /* still under way */
    bench_advance(b, 100000);
    resets_complete(b, 2);
    assert_int_equal(b->test.counters.streams_reset, 1);
    bench_free(b);
}

static void test_remote_reset(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    assert_int_equal(wrote(s, "hello"), 5);
    in(b, 2, "05 0802 18e907");
    assert_int_equal(peeked(s), MINKE_ERROR_STREAM_RESET);
    assert_int_equal(wrote(s, "x"), MINKE_ERROR_STREAM_RESET);
    const minke_mux_event_t last = event(b, MINKE_MUX_STREAM_CLOSED);
    assert_int_equal(last.error, MINKE_ERROR_STREAM_RESET);
    assert_int_equal(last.error_code, 1001);
    no_event(b);
    out_nothing(b); /* no reply but the reset of the channel */
    resets_complete(b, 2);
    bench_free(b);
}

static void test_remote_reset_after_stop(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    assert_int_equal(minke__mux_stop(s, 0), MINKE_OK);
    out(b, 2, STOP_SENDING);
    in(b, 2, RESET);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    bench_free(b);
}

/* go cannot accept the stream. */
static void test_busy_go(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = opened(b, 1);
    in(b, 1, "00 00 00 02 08 02");
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    bench_free(b);
}

static void test_malformed_frame_resets_the_stream(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, "07 1205 68656c6c6f 818810"); /* a frame of 263169 bytes */
    assert_int_equal(b->test.counters.stream_frame_malformed, 1);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    out(b, 2, RESET);
    fake_ack_all(b->sctp);
    bench_advance(b, 100000);
    resets_complete(b, 2);
    bench_free(b);
}

static void test_too_much_unread(void **state)
{
    (void)state;
    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.unread_max = 9;
    bench_t *b = bench_new(&options);
    minke__mux_surface(b->mux);
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    in(b, 2, HELLO);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    out(b, 2, RESET);
    out(b, 2, STOP_SENDING);
    out_nothing(b);
    bench_free(b);
}

/* ---- the channel is reset by the remote */

static void test_channel_reset_without_fin(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, HELLO);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 2, FIN);
    fake_peer_reset(b->sctp, 2);
    assert_int_equal(peeked(s), MINKE_ERROR_STREAM_RESET);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    assert_false(fake_reset_asked(b->sctp, 2)); /* not before the FIN is acknowledged */
    fake_ack_all(b->sctp);
    fake_reset_done(b->sctp, 2, MINKE_SCTP_RESET_PERFORMED);
    assert_int_equal(minke__mux_stats(b->mux).closing, 0);
    bench_free(b);
}

/* Chromium may lose its FIN_ACK when the page closes the channel. */
static void test_channel_reset_counts_as_fin_ack(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = opened(b, 1);
    in(b, 1, HELLO);
    in(b, 1, FIN);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 1, FIN);
    out(b, 1, FIN_ACK);
    fake_peer_reset(b->sctp, 1);
    no_event(b);
    readable(s, "hello");
    closed(b, s, MINKE_OK);
    bench_free(b);
}

static void test_channel_reset_after_fin_cuts_our_writing(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, HELLO);
    in(b, 2, FIN);
    assert_int_equal(wrote(s, "lost"), 4);
    fake_peer_reset(b->sctp, 2);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    event_of(b, MINKE_MUX_STREAM_WRITABLE, s);
    no_event(b);
    out_nothing(b);
    assert_int_equal(wrote(s, "x"), MINKE_ERROR_STREAM_RESET);
    assert_int_equal(minke__mux_finish(s), MINKE_ERROR_STREAM_RESET);
    readable(s, "hello");
    assert_int_equal(peeked(s), 0);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    assert_true(fake_reset_asked(b->sctp, 2));
    bench_free(b);
}

/* ---- the connection is lost */

static void test_connection_closed(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *writing = accepted(b, 2);
    minke_mux_stream_t *unread = accepted(b, 4);
    in(b, 4, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, unread);
    minke_mux_stream_t *complete = accepted(b, 6);
    assert_int_equal(minke__mux_finish(complete), MINKE_OK);
    fake_flush(b->sctp);
    in(b, 6, FIN_ACK);
    in(b, 6, HELLO);
    in(b, 6, FIN);
    event_of(b, MINKE_MUX_STREAM_READABLE, complete);
    assert_int_equal(wrote(writing, "hello"), 5);
    const minke_mux_stats_t stats = minke__mux_stats(b->mux);
    minke__mux_fail(b->mux);
    minke__mux_fail(b->mux);
    assert_int_equal(minke__mux_deadline(b->mux), MINKE_TIME_NEVER);
    out_nothing(b);
    minke_mux_event_t e = event(b, MINKE_MUX_STREAM_CLOSED);
    assert_ptr_equal(e.stream, writing);
    assert_int_equal(e.error, MINKE_ERROR_CONNECTION_CLOSED);
    assert_int_equal(wrote(writing, "x"), MINKE_ERROR_CONNECTION_CLOSED);
    assert_int_equal(peeked(writing), MINKE_ERROR_CONNECTION_CLOSED);
    event_of(b, MINKE_MUX_STREAM_READABLE, unread); /* what came can be read until CLOSED is over */
    readable(unread, "hello");
    assert_int_equal(peeked(unread), MINKE_ERROR_CONNECTION_CLOSED);
    e = event(b, MINKE_MUX_STREAM_CLOSED);
    assert_int_equal(e.error, MINKE_ERROR_CONNECTION_CLOSED);
    event_of(b, MINKE_MUX_STREAM_READABLE, complete);
    readable(complete, "hello");
    assert_int_equal(peeked(complete), 0);
    closed(b, complete, MINKE_OK);
    minke_mux_stream_t *s;
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_ERROR_CONNECTION_CLOSED);
    in(b, 8, OPEN); /* too late */
    b->sctp->consumed = b->sctp->delivered - minke__mux_stats(b->mux).unread;
    assert_int_equal(stats.unread, 10);
    bench_free(b);
}

/* ---- frames and messages */

static void test_cut_everywhere(void **state)
{
    (void)state;
    uint8_t bytes[128];
    /* js: prefix and body apart; data and FIN in one; then STOP_SENDING */
    const size_t len = test_unhex("07 12 05 68656c6c6f 00 06 0800 1202 6869 04 0801 1800", bytes, sizeof bytes);
    for (size_t cut = 1; cut <= len; cut++) {
        for (int whole = 0; whole < 2; whole++) { /* the pieces are fragments, or messages of their own */
            bench_t *b = bench_surfaced();
            minke_mux_stream_t *s = accepted(b, 2);
            for (size_t at = 0; at < len; at += cut) {
                const size_t n = len - at < cut ? len - at : cut;
                fake_piece(b->sctp, 2, 53, bytes + at, n, whole || at == 0, whole || at + n == len);
            }
            event_of(b, MINKE_MUX_STREAM_READABLE, s);
            event_of(b, MINKE_MUX_STREAM_WRITABLE, s);
            no_event(b);
            readable(s, "hellohi");
            assert_int_equal(peeked(s), 0);
            closed(b, s, MINKE_OK);
            out(b, 2, FIN_ACK);
            bench_free(b);
        }
    }
}

static void test_other_ppids(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    fake_deliver(b->sctp, 2, 51, HELLO);
    fake_deliver(b->sctp, 2, 56, "00");
    fake_deliver(b->sctp, 2, 57, "00");
    fake_deliver(b->sctp, 2, 52, "07 1205 6865");
    fake_deliver(b->sctp, 2, 53, "6c6c6f");
    fake_deliver(b->sctp, 2, 46, HELLO);
    fake_deliver(b->sctp, 2, 0, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    readable(s, "hellohello");
    assert_int_equal(peeked(s), MINKE_ERROR_AGAIN);
    bench_free(b);
}

/* ---- whole conversations */

/* A js page asks, we answer: spec/streams.md 5, "who closes the channel". */
static void test_request_of_js(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    in_dcep(b, 2, "03 00 0100 00000000 0000 0000");
    out_dcep(b, 2, ACK);
    minke_mux_stream_t *s = event(b, MINKE_MUX_STREAM_OPENED).stream;
    in(b, 2, "07");
    in(b, 2, "1205 68656c6c6f");
    in(b, 2, "02");
    in(b, 2, "0800");
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    readable(s, "hello");
    assert_int_equal(peeked(s), 0);
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 2, HELLO);
    out(b, 2, FIN);
    out(b, 2, FIN_ACK);
    fake_ack_all(b->sctp);
    in(b, 2, FIN_ACK);
    fake_peer_reset(b->sctp, 2); /* both close at once */
    closed(b, s, MINKE_OK);
    fake_reset_done(b->sctp, 2, MINKE_SCTP_RESET_PERFORMED);
    assert_int_equal(minke__mux_stats(b->mux).closing, 0);
    (void)accepted(b, 2); /* at once */
    bench_free(b);
}

/* rust never sends FIN_ACK and seldom resets. */
static void test_answer_of_rust(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = opened(b, 1);
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    fake_flush(b->sctp);
    in(b, 1, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    readable(s, "hello");
    in(b, 1, FIN);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    out(b, 1, FIN_ACK);
    fake_ack_all(b->sctp);
    no_event(b);
    bench_advance(b, 10 * SECOND);
    closed(b, s, MINKE_OK);
    fake_reset_done(b->sctp, 1, MINKE_SCTP_RESET_PERFORMED);
    bench_advance(b, 30 * SECOND);
    assert_int_equal(minke__mux_stats(b->mux).retired, 1);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finish_sends_fin_after_the_data),
        cmocka_unit_test(test_fin_ack_is_waited_for_10_s),
        cmocka_unit_test(test_giving_up_on_fin_ack_leaves_reading),
        cmocka_unit_test(test_fin_ends_reading),
        cmocka_unit_test(test_fin_ack_waits_for_our_fin),
        cmocka_unit_test(test_fin_ack_waits_5_s_at_most),
        cmocka_unit_test(test_fin_ack_at_once_when_our_half_is_over),
        cmocka_unit_test(test_closed_waits_until_all_is_read),
        cmocka_unit_test(test_reset_while_only_the_reader_is_left),
        cmocka_unit_test(test_stop_sends_stop_sending_once),
        cmocka_unit_test(test_stop_with_a_code),
        cmocka_unit_test(test_stop_goes_behind_fin),
        cmocka_unit_test(test_stop_after_fin_says_nothing),
        cmocka_unit_test(test_stop_sending_ends_writing),
        cmocka_unit_test(test_stop_sending_while_finishing),
        cmocka_unit_test(test_close_of_go),
        cmocka_unit_test(test_stop_sending_after_our_fin),
        cmocka_unit_test(test_local_reset),
        cmocka_unit_test(test_remote_reset),
        cmocka_unit_test(test_remote_reset_after_stop),
        cmocka_unit_test(test_busy_go),
        cmocka_unit_test(test_malformed_frame_resets_the_stream),
        cmocka_unit_test(test_too_much_unread),
        cmocka_unit_test(test_channel_reset_without_fin),
        cmocka_unit_test(test_channel_reset_counts_as_fin_ack),
        cmocka_unit_test(test_channel_reset_after_fin_cuts_our_writing),
        cmocka_unit_test(test_connection_closed),
        cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_other_ppids),
        cmocka_unit_test(test_request_of_js),
        cmocka_unit_test(test_answer_of_rust),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
