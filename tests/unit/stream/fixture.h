/* One mux on a scripted SCTP, and the steps that its tests are made of. For cmocka programs. */
#ifndef MINKE_TESTS_STREAM_FIXTURE_H
#define MINKE_TESTS_STREAM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/stream/fake_sctp.h"

#define SECOND ((minke_time_t)1000000)

static const char OPEN[] = "03 00 0000 00000000 0000 0000";
static const char ACK[] = "02";
static const char FIN[] = "02 0800";
static const char STOP_SENDING[] = "02 0801";
static const char RESET[] = "02 0802";
static const char FIN_ACK[] = "02 0803";
static const char HELLO[] = "07 1205 68656c6c6f";

typedef struct bench {
    test_env_t test;
    minke_handles_t handles;
    minke_mux_options_t options;
    minke_mux_t *mux;
    minke_sctp_t *sctp;
    minke_time_t now;
} bench_t;

static inline void bench_advance(bench_t *b, minke_time_t after)
{
    b->now += after;
    minke__mux_tick(b->mux, b->now);
}

/* A listener of webrtc-direct by default: the DTLS server, whose own ids are odd, with channel 0. */
static inline bench_t *bench_new(const minke_mux_options_t *options)
{
    bench_t *b = calloc(1, sizeof *b);
    test_env_init(&b->test, 7);
    minke__handles_init(&b->handles, &b->test.env);
    minke__mux_options_defaults(&b->options);
    b->options.handshake_channel = true;
    if (options != NULL) b->options = *options;
    b->mux = minke__mux_new(&b->test.env, &b->options, &b->handles, 42);
    assert_non_null(b->mux);
    b->sctp = malloc(sizeof *b->sctp);
    fake_init(b->sctp, &b->test.env, b->mux);
    bench_advance(b, 1000 * SECOND);
    return b;
}

static inline bench_t *bench_surfaced(void)
{
    bench_t *b = bench_new(NULL);
    minke__mux_surface(b->mux);
    return b;
}

/* Every byte is either unread or given back, everything is freed. */
static inline void bench_free(bench_t *b)
{
    assert_int_equal(b->sctp->delivered - b->sctp->consumed, minke__mux_stats(b->mux).unread);
    minke__mux_fail(b->mux);
    fake_end(b->sctp);
    minke__mux_free(b->mux);
    assert_int_equal(b->handles.count, 0);
    minke__handles_free(&b->handles);
    assert_int_equal(b->test.blocks, 0);
    free(b->sctp);
    free(b);
}

static inline void in(bench_t *b, uint16_t id, const char *hex) { fake_deliver(b->sctp, id, 53, hex); }
static inline void in_dcep(bench_t *b, uint16_t id, const char *hex) { fake_deliver(b->sctp, id, 50, hex); }

/* The next message to leave is this one. */
static inline void out_ppid(bench_t *b, uint16_t id, uint32_t ppid, const char *hex)
{
    uint8_t expected[512];
    const size_t len = test_unhex(hex, expected, sizeof expected);
    const minke_message_t *message = fake_pull(b->sctp);
    assert_non_null(message);
    assert_int_equal(message->stream_id, id);
    assert_int_equal(message->ppid, ppid);
    assert_int_equal(message->end - message->start, len);
    assert_memory_equal(message->bytes + message->start, expected, len);
}

static inline void out(bench_t *b, uint16_t id, const char *hex) { out_ppid(b, id, 53, hex); }
static inline void out_dcep(bench_t *b, uint16_t id, const char *hex) { out_ppid(b, id, 50, hex); }
static inline void out_nothing(bench_t *b) { assert_null(fake_pull(b->sctp)); }

static inline minke_mux_event_t event(bench_t *b, minke_mux_event_type_t type)
{
    minke_mux_event_t event;
    assert_true(minke__mux_event(b->mux, &event));
    assert_int_equal(event.type, type);
    assert_ptr_equal(minke__handles_get(&b->handles, minke__mux_stream_id(event.stream)), event.stream);
    return event;
}

static inline void event_of(bench_t *b, minke_mux_event_type_t type, const minke_mux_stream_t *stream)
{
    assert_ptr_equal(event(b, type).stream, stream);
}

static inline void no_event(bench_t *b)
{
    minke_mux_event_t event;
    assert_false(minke__mux_event(b->mux, &event));
}

/* CLOSED with this error, then the id is stale. */
static inline void closed(bench_t *b, const minke_mux_stream_t *stream, int error)
{
    const minke_stream_t id = minke__mux_stream_id(stream);
    const minke_mux_event_t last = event(b, MINKE_MUX_STREAM_CLOSED);
    assert_ptr_equal(last.stream, stream);
    assert_int_equal(last.error, error);
    no_event(b);
    assert_null(minke__handles_get(&b->handles, id));
}

/* The remote opens `id`; our ACK is out and acknowledged. */
static inline minke_mux_stream_t *accepted(bench_t *b, uint16_t id)
{
    in_dcep(b, id, OPEN);
    out_dcep(b, id, ACK);
    fake_ack_all(b->sctp);
    minke_mux_stream_t *stream = event(b, MINKE_MUX_STREAM_OPENED).stream;
    assert_int_equal(minke__mux_stream_channel(stream), id);
    assert_true(minke__mux_stream_is_inbound(stream));
    return stream;
}

/* We open, the remote has acknowledged. */
static inline minke_mux_stream_t *opened(bench_t *b, uint16_t id)
{
    minke_mux_stream_t *stream;
    assert_int_equal(minke__mux_open(b->mux, &stream), MINKE_OK);
    assert_int_equal(minke__mux_stream_channel(stream), id);
    out_dcep(b, id, OPEN);
    fake_ack_all(b->sctp);
    in_dcep(b, id, ACK);
    return stream;
}

/* Peeks and consumes exactly this text, in one piece. */
static inline void readable(minke_mux_stream_t *stream, const char *text)
{
    const uint8_t *data;
    assert_int_equal(minke__mux_peek(stream, &data), strlen(text));
    assert_memory_equal(data, text, strlen(text));
    assert_int_equal(minke__mux_consume(stream, strlen(text)), MINKE_OK);
}

static inline ssize_t peeked(minke_mux_stream_t *stream)
{
    const uint8_t *data;
    return minke__mux_peek(stream, &data);
}

static inline ssize_t wrote(minke_mux_stream_t *stream, const char *text)
{
    return minke__mux_write(stream, text, strlen(text));
}

/* Our reset of `id` has been asked for; the remote performs it and resets its own direction. */
static inline void resets_complete(bench_t *b, uint16_t id)
{
    assert_true(fake_reset_asked(b->sctp, id));
    fake_reset_done(b->sctp, id, MINKE_SCTP_RESET_PERFORMED);
    fake_peer_reset(b->sctp, id);
    assert_int_equal(minke__mux_stats(b->mux).closing, 0);
}

#endif
