/* Data channels: who may open which id, what is refused, early streams, and the way of an id back to being free. */
#include "unit/stream/fixture.h"

/* ---- opening */

static void test_open_ids(void **state)
{
    (void)state;
    for (int client = 0; client < 2; client++) {
        for (int handshake = 0; handshake < 2; handshake++) {
            minke_mux_options_t options;
            minke__mux_options_defaults(&options);
            options.dtls_client = client;
            options.handshake_channel = handshake;
            bench_t *b = bench_new(&options);
            minke_mux_stream_t *s;
            for (int i = 0; i < 3; i++) {
                assert_int_equal(minke__mux_open(b->mux, &s), MINKE_OK);
                const int first = client ? (handshake ? 2 : 0) : 1;
                assert_int_equal(minke__mux_stream_channel(s), first + 2 * i);
                assert_false(minke__mux_stream_is_inbound(s));
                assert_int_equal(minke__mux_stream_connection(s), 42);
                minke__mux_stream_set_user(s, b);
                assert_ptr_equal(minke__mux_stream_user(s), b);
            }
            assert_int_equal(minke__mux_stats(b->mux).outbound, 3);
            assert_int_equal(minke__mux_handshake_channel(b->mux) != NULL, handshake);
            bench_free(b);
        }
    }
}

static void test_open_before_sctp_is_up(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s;
    b->sctp->may_send = false;
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_ERROR_STATE);
    assert_null(s);
    bench_free(b);
}

static void test_open_goes_before_the_data_and_waits_for_nothing(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s;
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_OK);
    assert_true(b->sctp->wakes > 0);
    assert_int_equal(wrote(s, "hello"), 5);
    out_dcep(b, 1, OPEN);
    out(b, 1, HELLO);
    out_nothing(b);
    in_dcep(b, 1, ACK);
    no_event(b);
    bench_free(b);
}

static void test_outbound_limits(void **state)
{
    (void)state;
    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.outbound_max = 1000;
    bench_t *b = bench_new(&options);
    b->sctp->streams = 9; /* 1, 3, 5, 7 */
    minke_mux_stream_t *s;
    for (int i = 0; i < 4; i++) assert_int_equal(minke__mux_open(b->mux, &s), MINKE_OK);
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_ERROR_LIMIT);
    b->sctp->streams = 65535; /* ids stay below 1024 all the same */
    for (int i = 4; i < 512; i++) assert_int_equal(minke__mux_open(b->mux, &s), MINKE_OK);
    assert_int_equal(minke__mux_stream_channel(s), 1023);
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_ERROR_LIMIT);
    bench_free(b);

    options.outbound_max = 2;
    b = bench_new(&options);
    minke_mux_stream_t *first;
    assert_int_equal(minke__mux_open(b->mux, &first), MINKE_OK);
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_OK);
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_ERROR_LIMIT);
    assert_int_equal(minke__mux_reset(first, 0), MINKE_OK);
    closed(b, first, MINKE_ERROR_STREAM_RESET);
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_OK);
    bench_free(b);
}

/* Nothing has been said yet, so there is nothing to reset and the id is free at once. */
static void test_reset_before_open_is_out(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s;
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_OK);
    assert_int_equal(wrote(s, "hello"), 5);
    assert_int_equal(minke__mux_reset(s, 0), MINKE_OK);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    out_nothing(b);
    assert_int_equal(b->sctp->resets_n, 0);
    b->sctp->streams = 2;
    (void)opened(b, 1);
    bench_free(b);
}

/* What the remote says on an id that we have only reserved so far is nobody's. */
static void test_remote_ahead_of_our_open(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s;
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_OK);
    in(b, 1, HELLO);
    in_dcep(b, 1, ACK);
    in_dcep(b, 1, OPEN);
    fake_peer_reset(b->sctp, 1);
    no_event(b);
    out_dcep(b, 1, OPEN);
    bench_free(b);
}

/* pion loses what more than 16 unaccepted streams send, js takes 10 early ones. */
static void test_opens_wait_for_acks(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s[60];
    for (size_t i = 0; i < 60; i++) {
        assert_int_equal(minke__mux_open(b->mux, &s[i]), MINKE_OK);
        assert_int_equal(wrote(s[i], "x"), 1);
    }
    for (uint16_t i = 0; i < 10; i++) out_dcep(b, (uint16_t)(2 * i + 1), OPEN);
    for (uint16_t i = 0; i < 10; i++) out(b, (uint16_t)(2 * i + 1), "03 1201 78");
    out_nothing(b);
    in_dcep(b, 1, ACK); /* one is back: 16 may be out */
    in_dcep(b, 1, ACK); /* counts once */
    for (uint16_t i = 10; i < 17; i++) out_dcep(b, (uint16_t)(2 * i + 1), OPEN);
    for (uint16_t i = 10; i < 17; i++) out(b, (uint16_t)(2 * i + 1), "03 1201 78");
    out_nothing(b);
    in(b, 3, HELLO); /* an answer is as good as an ACK */
    out_dcep(b, 35, OPEN);
    out(b, 35, "03 1201 78");
    assert_int_equal(minke__mux_reset(s[59], 0), MINKE_OK); /* still waiting: gone without a word */
    /* libwebrtc may never answer: after a second the others go on. */
    out_nothing(b);
    assert_int_equal(minke__mux_deadline(b->mux), b->now + SECOND);
    bench_advance(b, SECOND);
    for (uint16_t i = 18; i < 28; i++) out_dcep(b, (uint16_t)(2 * i + 1), OPEN);
    for (int i = 0; i < 10; i++) {
        fake_flush(b->sctp);
        bench_advance(b, SECOND);
    }
    fake_flush(b->sctp);
    assert_int_equal(minke__mux_stats(b->mux).unsent, 0);
    assert_int_equal(minke__mux_deadline(b->mux), MINKE_TIME_NEVER);
    bench_free(b);
}

/* ---- being opened */

static void test_accept(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    in_dcep(b, 2, OPEN);
    in(b, 2, HELLO);
    minke_mux_stream_t *s = event(b, MINKE_MUX_STREAM_OPENED).stream;
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    no_event(b);
    out_dcep(b, 2, ACK);
    out_nothing(b);
    assert_int_equal(minke__mux_stats(b->mux).inbound, 1);
    assert_int_equal(b->test.counters.streams_opened, 1);
    assert_int_equal(minke__mux_stream_channel(accepted(b, 65534)), 65534);
    bench_free(b);
}

static void test_accept_in_pieces(void **state)
{
    (void)state;
    uint8_t bytes[600] = {3, 0, 1, 0, 0, 0, 0, 0, 1, 244, 0, 88}; /* label of 500 bytes, protocol of 88 */
    for (size_t cut = 1; cut < sizeof bytes; cut = cut < 16 ? cut + 1 : cut * 3) {
        bench_t *b = bench_surfaced();
        fake_deliver_cut(b->sctp, 2, 50, bytes, sizeof bytes, cut);
        (void)event(b, MINKE_MUX_STREAM_OPENED);
        out_dcep(b, 2, ACK);
        bench_free(b);
    }
}

static void test_pieces_are_bounded(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    for (uint16_t i = 0; i < 40; i++)
        fake_piece(b->sctp, (uint16_t)(2 + 2 * i), 50, (const uint8_t *)"\3", 1, true, false);
    assert_int_equal(minke__mux_stats(b->mux).closing, 24);
    /* The remote gives up on one of those: its place is free. */
    fake_peer_reset(b->sctp, 2);
    fake_piece(b->sctp, 1000, 50, (const uint8_t *)"\3", 1, true, false);
    assert_int_equal(minke__mux_stats(b->mux).closing, 25);
    in_dcep(b, 1000, OPEN); /* a second beginning */
    assert_int_equal(minke__mux_stats(b->mux).closing, 26);
    bench_free(b);
}

static void test_bad_opens_are_reset(void **state)
{
    (void)state;
    static const struct {
        uint16_t id;
        uint32_t ppid;
        const char *hex;
    } rows[] = {{2, 50, "03 00 0000 00000000 0000 00"}, /* short */
                {2, 50, "03"},
                {2, 50, "03 00 0000 00000000 0001 0000"}, /* a label that is not there */
                {2, 50, "03 80 0000 00000000 0000 0000"}, /* unordered */
                {2, 50, "03 01 0000 00000003 0000 0000"}, /* limited retransmissions */
                {2, 50, "01"},                            /* no such DCEP message */
                {1, 50, "03 00 0000 00000000 0000 0000"}, /* our parity */
                {1025, 50, "03 00 0000 00000000 0000 0000"},
                {65535, 50, "03 00 0000 00000000 0000 0000"},
                {2, 53, "07 1205 68656c6c6f"}, /* data on an unknown id */
                {1, 53, "07 1205 68656c6c6f"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench_t *b = bench_surfaced();
        fake_deliver(b->sctp, rows[i].id, rows[i].ppid, rows[i].hex);
        no_event(b);
        out_nothing(b); /* no ACK */
        assert_int_equal(b->test.counters.streams_refused, 1);
        fake_deliver(b->sctp, rows[i].id, rows[i].ppid, rows[i].hex); /* while that is under way */
        assert_int_equal(b->sctp->resets_n, 1);
        resets_complete(b, rows[i].id);
        (void)accepted(b, 2);
        (void)opened(b, 1);
        bench_free(b);
    }
}

static void test_ack_for_unknown_id_is_ignored(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    in_dcep(b, 2, ACK);
    in_dcep(b, 1, ACK);
    assert_int_equal(b->sctp->resets_n, 0);
    assert_int_equal(minke__mux_stats(b->mux).closing, 0);
    bench_free(b);
}

static void test_violation_on_a_live_channel(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        bench_t *b = bench_surfaced();
        minke_mux_stream_t *s = accepted(b, 2);
        minke_mux_stream_t *other = opened(b, 1);
        assert_int_equal(wrote(s, "hello"), 5);
        in_dcep(b, 2, which == 0 ? OPEN : "09");
        closed(b, s, MINKE_ERROR_STREAM_RESET);
        out_nothing(b);
        resets_complete(b, 2);
        in(b, 1, HELLO); /* the connection lives */
        event_of(b, MINKE_MUX_STREAM_READABLE, other);
        bench_free(b);
    }
}

/* As libdatachannel sends it now and then, and no more than that. */
static void test_an_open_may_come_twice_on_a_private_connection(void **state)
{
    (void)state;
    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.handshake_channel = false;
    bench_t *b = bench_new(&options);
    minke__mux_surface(b->mux);
    minke_mux_stream_t *s = accepted(b, 2);
    in_dcep(b, 2, OPEN);
    no_event(b);
    out_nothing(b); /* no second ACK */
    in(b, 2, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    in_dcep(b, 2, OPEN);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    resets_complete(b, 2);
    bench_free(b);
}

/* ---- limits */

static void test_inbound_limit(void **state)
{
    (void)state;
    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.inbound_max = 2;
    bench_t *b = bench_new(&options);
    minke__mux_surface(b->mux);
    minke_mux_stream_t *first = accepted(b, 2);
    (void)accepted(b, 4);
    in_dcep(b, 6, OPEN);
    no_event(b);
    out_dcep(b, 6, ACK); /* a page sees nothing before its channel is open */
    out(b, 6, RESET);
    fake_ack_all(b->sctp);
    assert_int_equal(b->test.counters.streams_refused, 1);
    assert_false(fake_reset_asked(b->sctp, 6));
    bench_advance(b, 100000);
    resets_complete(b, 6);
    /* A stream counts until its CLOSED event is over. */
    in(b, 2, RESET);
    in_dcep(b, 6, OPEN);
    assert_int_equal(b->test.counters.streams_refused, 2);
    closed(b, first, MINKE_ERROR_STREAM_RESET);
    fake_flush(b->sctp);
    (void)accepted(b, 65534);
    bench_free(b);
}

/* Open and reset without end, never answering our resets. */
static void test_records_are_bounded(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    for (uint16_t id = 2; id < 8000; id = (uint16_t)(id + 2)) {
        in_dcep(b, id, OPEN);
        in(b, id, RESET);
        fake_flush(b->sctp);
        minke_mux_event_t e;
        while (minke__mux_event(b->mux, &e)) continue;
    }
    assert_int_equal(minke__mux_stats(b->mux).closing, 1024);
    assert_int_equal(minke__mux_stats(b->mux).inbound, 0);
    assert_true(b->test.blocks < 3 * 1024);
    bench_free(b);
}

/* rust does not reset its direction of channels that we close: of those, the oldest make room. */
static void test_waiting_records_make_room(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    for (uint16_t id = 2; id < 8000; id = (uint16_t)(id + 2)) {
        in_dcep(b, id, OPEN);
        in(b, id, RESET);
        fake_flush(b->sctp);
        closed(b, event(b, MINKE_MUX_STREAM_OPENED).stream, MINKE_ERROR_STREAM_RESET);
        fake_reset_done(b->sctp, id, MINKE_SCTP_RESET_PERFORMED);
    }
    assert_int_equal(minke__mux_stats(b->mux).closing, 1024);
    assert_int_equal(b->test.counters.streams_refused, 0);
    bench_advance(b, 30 * SECOND);
    assert_int_equal(minke__mux_stats(b->mux).closing, 0);
    assert_int_equal(minke__mux_stats(b->mux).retired, 0);
    bench_free(b);
}

/* ---- early streams */

static void test_early_streams_are_held_back(void **state)
{
    (void)state;
    bench_t *b = bench_new(NULL);
    in_dcep(b, 2, OPEN);
    in(b, 2, HELLO);
    in_dcep(b, 4, OPEN);
    in_dcep(b, 6, OPEN);
    in(b, 6, FIN);
    in_dcep(b, 8, OPEN);
    in(b, 8, RESET); /* nobody will ever have seen it */
    in_dcep(b, 10, OPEN);
    in(b, 10, STOP_SENDING);
    no_event(b);
    out_dcep(b, 2, ACK);
    out_dcep(b, 4, ACK);
    out_dcep(b, 6, ACK);
    fake_flush(b->sctp);
    minke__mux_surface(b->mux);
    minke_mux_stream_t *s = event(b, MINKE_MUX_STREAM_OPENED).stream;
    assert_int_equal(minke__mux_stream_channel(s), 2);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    readable(s, "hello");
    assert_int_equal(minke__mux_stream_channel(event(b, MINKE_MUX_STREAM_OPENED).stream), 4);
    s = event(b, MINKE_MUX_STREAM_OPENED).stream;
    assert_int_equal(minke__mux_stream_channel(s), 6);
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    s = event(b, MINKE_MUX_STREAM_OPENED).stream;
    event_of(b, MINKE_MUX_STREAM_WRITABLE, s);
    no_event(b);
    (void)accepted(b, 12);
    bench_free(b);
}

static void test_early_streams_are_bounded(void **state)
{
    (void)state;
    bench_t *b = bench_new(NULL);
    for (uint16_t i = 0; i < 40; i++) in_dcep(b, (uint16_t)(2 + 2 * i), OPEN);
    assert_int_equal(minke__mux_stats(b->mux).inbound, 32);
    assert_int_equal(b->test.counters.streams_refused, 8);
    uint8_t frame[16384] = {0xfc, 0x7f, 0x12, 0xf9, 0x7f};
    for (int i = 0; i < 4; i++) fake_deliver_cut(b->sctp, 2, 53, frame, 16382, 1000);
    assert_int_equal(minke__mux_stats(b->mux).inbound, 32);
    fake_deliver_cut(b->sctp, 2, 53, frame, 16382, 1000);
    assert_int_equal(minke__mux_stats(b->mux).inbound, 31);
    minke__mux_surface(b->mux);
    for (int i = 0; i < 31; i++) (void)event(b, MINKE_MUX_STREAM_OPENED);
    no_event(b);
    bench_free(b);
}

static void test_early_streams_die_with_the_connection(void **state)
{
    (void)state;
    bench_t *b = bench_new(NULL);
    in_dcep(b, 2, OPEN);
    in(b, 2, HELLO);
    minke__mux_fail(b->mux);
    no_event(b);
    bench_free(b);
}

/* ---- the handshake channel */

static void test_handshake_channel(void **state)
{
    (void)state;
    bench_t *b = bench_new(NULL);
    minke_mux_stream_t *s = minke__mux_handshake_channel(b->mux);
    assert_int_equal(minke__mux_stream_channel(s), 0);
    assert_int_equal(minke__mux_stream_id(s), 0);
    assert_int_equal(wrote(s, "hello"), 5);
    out(b, 0, HELLO); /* no DCEP */
    in(b, 0, HELLO);
    readable(s, "hello");
    in_dcep(b, 0, OPEN); /* ignored */
    in_dcep(b, 0, "07");
    in(b, 0, FIN);
    assert_int_equal(peeked(s), 0);
    bench_advance(b, 5 * SECOND);
    out(b, 0, FIN_ACK);
    assert_int_equal(minke__mux_finish(s), MINKE_OK);
    out(b, 0, FIN);
    in(b, 0, FIN_ACK);
    in(b, 0, FIN);
    out(b, 0, FIN_ACK);
    fake_ack_all(b->sctp);
    bench_advance(b, 60 * SECOND);
    assert_int_equal(b->sctp->resets_n, 0); /* never by us */
    no_event(b);
    bench_free(b);
}

static void test_handshake_channel_reset_by_frame(void **state)
{
    (void)state;
    for (int remote = 0; remote < 2; remote++) {
        bench_t *b = bench_new(NULL);
        minke_mux_stream_t *s = minke__mux_handshake_channel(b->mux);
        if (remote) in(b, 0, RESET);
        else assert_int_equal(minke__mux_reset(s, 0), MINKE_OK);
        if (!remote) out(b, 0, RESET);
        out_nothing(b);
        fake_ack_all(b->sctp);
        in(b, 0, HELLO);
        assert_int_equal(peeked(s), MINKE_ERROR_STREAM_RESET);
        bench_advance(b, 60 * SECOND);
        assert_int_equal(b->sctp->resets_n, 0);
        bench_free(b);
    }
}

/* rust closed the channel and used id 0 for its next stream (rust-libp2p#5986). */
static void test_handshake_channel_reset_by_the_remote(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = minke__mux_handshake_channel(b->mux);
    fake_peer_reset(b->sctp, 0);
    assert_int_equal(peeked(s), MINKE_ERROR_STREAM_RESET);
    fake_reset_done(b->sctp, 0, MINKE_SCTP_RESET_PERFORMED);
    minke_mux_stream_t *next = accepted(b, 0);
    assert_ptr_not_equal(next, s);
    in(b, 0, HELLO);
    event_of(b, MINKE_MUX_STREAM_READABLE, next);
    no_event(b);
    assert_ptr_equal(minke__mux_handshake_channel(b->mux), s);
    bench_free(b);

    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.handshake_channel = options.dtls_client = true;
    b = bench_new(&options);
    fake_peer_reset(b->sctp, 0);
    fake_reset_done(b->sctp, 0, MINKE_SCTP_RESET_PERFORMED);
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_OK);
    assert_int_equal(minke__mux_stream_channel(s), 2); /* as dialer we do not use it either */
    bench_free(b);
}

/* Private WebRTC: the offerer's channel "init" is no stream, and is reset as soon as its opener resets it. */
static void test_init_channel(void **state)
{
    (void)state;
    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.dtls_client = true;
    bench_t *b = bench_new(&options);
    minke__mux_surface(b->mux);
    in_dcep(b, 1, "03 00 0100 00000000 0004 0000 696e6974");
    out_dcep(b, 1, ACK);
    fake_ack_all(b->sctp);
    in(b, 1, HELLO);
    no_event(b);
    assert_int_equal(minke__mux_stats(b->mux).inbound, 0);
    fake_peer_reset(b->sctp, 1);
    fake_reset_done(b->sctp, 1, MINKE_SCTP_RESET_PERFORMED);
    assert_int_equal(minke__mux_stats(b->mux).closing, 0);
    in_dcep(b, 1, "03 00 0100 00000000 0004 0000 696e6974");
    (void)event(b, MINKE_MUX_STREAM_OPENED); /* only the first one */
    bench_free(b);
}

/* ---- an id on its way back */

static minke_mux_stream_t *reset_stream(bench_t *b, uint16_t id)
{
    minke_mux_stream_t *s;
    assert_int_equal(minke__mux_open(b->mux, &s), MINKE_OK);
    assert_int_equal(minke__mux_stream_channel(s), id);
    fake_flush(b->sctp);
    assert_int_equal(minke__mux_reset(s, 0), MINKE_OK);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    fake_flush(b->sctp);
    return s;
}

static void test_id_is_free_after_both_resets(void **state)
{
    (void)state;
    for (int ours_first = 0; ours_first < 2; ours_first++) {
        bench_t *b = bench_surfaced();
        b->sctp->streams = 6; /* 1, 3 and 5 are ours */
        (void)reset_stream(b, 1);
        in_dcep(b, 1, ACK);
        bench_advance(b, 100000);
        assert_true(fake_reset_asked(b->sctp, 1));
        (void)opened(b, 3);
        if (ours_first) fake_reset_done(b->sctp, 1, MINKE_SCTP_RESET_PERFORMED);
        else fake_peer_reset(b->sctp, 1);
        (void)opened(b, 5);
        if (ours_first) fake_peer_reset(b->sctp, 1);
        else fake_reset_done(b->sctp, 1, MINKE_SCTP_RESET_PERFORMED);
        (void)opened(b, 1);
        assert_int_equal(minke__mux_deadline(b->mux), MINKE_TIME_NEVER);
        bench_free(b);
    }
}

/* libwebrtc chokes on a reset of an id that it does not know. */
static void test_no_reset_before_ack(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    b->sctp->streams = 2;
    (void)reset_stream(b, 1);
    bench_advance(b, 20 * SECOND);
    assert_int_equal(b->sctp->resets_n, 0);
    in_dcep(b, 1, ACK);
    bench_advance(b, 100000);
    resets_complete(b, 1);

    (void)reset_stream(b, 1);
    bench_advance(b, 30 * SECOND);
    assert_int_equal(b->sctp->resets_n, 0);
    assert_int_equal(minke__mux_stats(b->mux).closing, 0);
    assert_int_equal(minke__mux_stats(b->mux).retired, 1);
    in_dcep(b, 1, ACK); /* too late */
    b->sctp->streams = 4;
    (void)opened(b, 3);
    bench_free(b);
}

static void test_remote_reset_proves_that_it_knows_the_id(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    (void)reset_stream(b, 1);
    fake_peer_reset(b->sctp, 1);
    fake_reset_done(b->sctp, 1, MINKE_SCTP_RESET_PERFORMED);
    b->sctp->streams = 2;
    (void)opened(b, 1);
    bench_free(b);
}

static void test_ids_are_retired(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    for (uint16_t id = 1; id <= 5; id = (uint16_t)(id + 2)) {
        (void)reset_stream(b, id);
        in_dcep(b, id, ACK);
    }
    bench_advance(b, 100000);
    fake_reset_done(b->sctp, 3, MINKE_SCTP_RESET_PERFORMED); /* but the remote does not reset its own */
    fake_reset_done(b->sctp, 5, MINKE_SCTP_RESET_FAILED);
    assert_int_equal(minke__mux_stats(b->mux).retired, 1);
    bench_advance(b, 29 * SECOND);
    assert_int_equal(minke__mux_stats(b->mux).closing, 2);
    bench_advance(b, SECOND);
    assert_int_equal(minke__mux_stats(b->mux).closing, 0);
    assert_int_equal(minke__mux_stats(b->mux).retired, 3);
    fake_reset_done(b->sctp, 1, MINKE_SCTP_RESET_PERFORMED); /* all too late */
    fake_peer_reset(b->sctp, 1);
    fake_peer_reset(b->sctp, 3);
    (void)opened(b, 7);
    bench_free(b);
}

static void test_messages_in_flight_keep_the_record(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = opened(b, 1);
    assert_int_equal(wrote(s, "hello"), 5);
    out(b, 1, HELLO);
    assert_int_equal(minke__mux_reset(s, 0), MINKE_OK);
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    bench_advance(b, 100 * SECOND); /* SCTP cannot get through */
    assert_int_equal(minke__mux_stats(b->mux).closing, 1);
    assert_int_equal(b->sctp->resets_n, 0);
    out(b, 1, RESET);
    fake_ack_all(b->sctp);
    bench_advance(b, 100000);
    resets_complete(b, 1);
    bench_free(b);
}

static void test_reset_that_sctp_refuses_is_tried_again(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    (void)accepted(b, 2);
    b->sctp->refuse_reset = true;
    in(b, 2, RESET);
    assert_int_equal(b->sctp->resets_n, 0);
    bench_advance(b, 10000);
    b->sctp->refuse_reset = false;
    bench_advance(b, 10000);
    assert_true(fake_reset_asked(b->sctp, 2));
    bench_free(b);
}

/* Our reset arrived but its answer was lost: to the remote the id is free, and it opens it again. */
static void test_remote_reopens_before_our_reset_is_confirmed(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    minke_mux_stream_t *s = accepted(b, 2);
    in(b, 2, "05 0802 18e907");
    closed(b, s, MINKE_ERROR_STREAM_RESET);
    in_dcep(b, 2, OPEN); /* not yet: its own reset is missing */
    no_event(b);
    fake_peer_reset(b->sctp, 2);
    in_dcep(b, 2, OPEN);
    in(b, 2, HELLO);
    s = event(b, MINKE_MUX_STREAM_OPENED).stream;
    event_of(b, MINKE_MUX_STREAM_READABLE, s);
    assert_int_equal(wrote(s, "hello"), 5);
    out_nothing(b); /* the reset comes first */
    fake_reset_done(b->sctp, 2, MINKE_SCTP_RESET_PERFORMED);
    out_dcep(b, 2, ACK);
    out(b, 2, HELLO);
    fake_ack_all(b->sctp);
    assert_int_equal(minke__mux_reset(s, 0), MINKE_OK);
    out(b, 2, RESET);
    fake_ack_all(b->sctp);
    bench_advance(b, 100000);
    resets_complete(b, 2);
    bench_free(b);
}

static void test_reopened_and_reset_again(void **state)
{
    (void)state;
    bench_t *b = bench_surfaced();
    (void)accepted(b, 2);
    fake_peer_reset(b->sctp, 2);
    in_dcep(b, 2, OPEN);
    fake_peer_reset(b->sctp, 2);
    in_dcep(b, 2, "03"); /* and a bad one */
    assert_int_equal(minke__mux_stats(b->mux).closing, 1);
    fake_reset_done(b->sctp, 2, MINKE_SCTP_RESET_PERFORMED);
    fake_peer_reset(b->sctp, 2);
    assert_int_equal(minke__mux_stats(b->mux).closing, 0);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_ids),
        cmocka_unit_test(test_open_before_sctp_is_up),
        cmocka_unit_test(test_open_goes_before_the_data_and_waits_for_nothing),
        cmocka_unit_test(test_outbound_limits),
        cmocka_unit_test(test_reset_before_open_is_out),
        cmocka_unit_test(test_remote_ahead_of_our_open),
        cmocka_unit_test(test_opens_wait_for_acks),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_accept_in_pieces),
        cmocka_unit_test(test_pieces_are_bounded),
        cmocka_unit_test(test_bad_opens_are_reset),
        cmocka_unit_test(test_ack_for_unknown_id_is_ignored),
        cmocka_unit_test(test_violation_on_a_live_channel),
        cmocka_unit_test(test_an_open_may_come_twice_on_a_private_connection),
        cmocka_unit_test(test_inbound_limit),
        cmocka_unit_test(test_records_are_bounded),
        cmocka_unit_test(test_waiting_records_make_room),
        cmocka_unit_test(test_early_streams_are_held_back),
        cmocka_unit_test(test_early_streams_are_bounded),
        cmocka_unit_test(test_early_streams_die_with_the_connection),
        cmocka_unit_test(test_handshake_channel),
        cmocka_unit_test(test_handshake_channel_reset_by_frame),
        cmocka_unit_test(test_handshake_channel_reset_by_the_remote),
        cmocka_unit_test(test_init_channel),
        cmocka_unit_test(test_id_is_free_after_both_resets),
        cmocka_unit_test(test_no_reset_before_ack),
        cmocka_unit_test(test_remote_reset_proves_that_it_knows_the_id),
        cmocka_unit_test(test_ids_are_retired),
        cmocka_unit_test(test_messages_in_flight_keep_the_record),
        cmocka_unit_test(test_reset_that_sctp_refuses_is_tried_again),
        cmocka_unit_test(test_remote_reopens_before_our_reset_is_confirmed),
        cmocka_unit_test(test_reopened_and_reset_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
