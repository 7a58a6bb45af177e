/*
 * A mux on a scripted SCTP. The input says what happens next: pieces of messages on any id, resets, acknowledgements,
 * time, calls of the application, a failing allocation. After every step each delivered byte is unread or given back.
 */
#include <stdlib.h>

#include "base/wire.h"
#include "unit/stream/fake_sctp.h"

enum { IDS = 12, STREAMS_MAX = 16 };

typedef struct bench {
    test_env_t test;
    minke_handles_t handles;
    minke_mux_t *mux;
    minke_time_t now;
    minke_reader_t script;
    bool inside[IDS]; /* a message of this id has begun and not ended */
    minke_stream_t streams[STREAMS_MAX];
    bool failed;
} bench_t;

static minke_sctp_t sctp;

static const uint16_t ids[IDS] = {0, 1, 2, 3, 4, 5, 6, 8, 1022, 1024, 65534, 65535};

static void remember(bench_t *b, minke_stream_t id)
{
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        if (b->streams[i] != 0 && minke__handles_get(&b->handles, b->streams[i]) != NULL) continue;
        b->streams[i] = id;
        return;
    }
}

static void drain(bench_t *b)
{
    minke_mux_event_t event;
    while (minke__mux_event(b->mux, &event)) {
        const minke_stream_t id = minke__mux_stream_id(event.stream);
        assert(minke__handles_get(&b->handles, id) == event.stream);
        if (event.type == MINKE_MUX_STREAM_OPENED) remember(b, id);
    }
}

static void piece(bench_t *b)
{
    static const uint32_t ppids[] = {53, 50, 53, 50, 51, 57, 52, 99};
    const uint8_t head = minke__read_u8(&b->script);
    const size_t which = head % IDS;
    const uint8_t form = minke__read_u8(&b->script);
    size_t len = minke__read_u8(&b->script) % 64U + 1;
    if (len > minke__reader_left(&b->script)) len = minke__reader_left(&b->script);
    const uint8_t *data = minke__read_bytes(&b->script, len);
    if (data == NULL || len == 0 || b->failed) return;
    const bool begin = !b->inside[which];
    b->inside[which] = (form & 8) != 0;
    fake_piece(&sctp, ids[which], ppids[form & 7], data, len, begin, !b->inside[which]);
}

static void call(bench_t *b, uint8_t which)
{
    static const uint8_t bytes[20000];
    minke_mux_stream_t *stream = minke__handles_get(&b->handles, b->streams[which % STREAMS_MAX]);
    if (which % 17 == 16) stream = minke__mux_handshake_channel(b->mux);
    if (stream == NULL) return;
    const uint8_t *data;
    ssize_t n;
    switch (minke__read_u8(&b->script) % 6) {
    case 0: (void)!minke__mux_finish(stream); break;
    case 1: (void)!minke__mux_stop(stream, which); break;
    case 2: (void)!minke__mux_reset(stream, which); break;
    case 3: (void)!minke__mux_write(stream, bytes, minke__read_u16(&b->script) % sizeof bytes); break;
    default:
        n = minke__mux_peek(stream, &data);
        if (n > 0) (void)!minke__mux_consume(stream, (size_t)n - which % 2);
    }
}

static void peer_reset(bench_t *b, uint8_t which)
{
    if (b->failed) return;
    b->inside[which % IDS] = false;
    fake_peer_reset(&sctp, ids[which % IDS]);
}

static void reset_done(uint8_t which)
{
    if (sctp.resets_n > 0)
        fake_reset_done(&sctp, sctp.resets[which % sctp.resets_n],
                        which % 8 == 7 ? MINKE_SCTP_RESET_FAILED : MINKE_SCTP_RESET_PERFORMED);
}

static void step(bench_t *b, uint8_t op)
{
    minke_mux_stream_t *stream;
    const uint8_t argument = op >> 4;
    switch (op & 15) {
    case 0:
    case 1:
    case 2: piece(b); break;
    case 3:
        if (minke__mux_open(b->mux, &stream) == MINKE_OK) remember(b, minke__mux_stream_id(stream));
        break;
    case 4:
    case 5: call(b, minke__read_u8(&b->script)); break;
    case 6:
    case 7:
        for (int i = 0; i <= argument && fake_pull(&sctp) != NULL;) i++;
        break;
    case 8:
        for (int i = 0; i <= argument && fake_ack(&sctp);) i++;
        break;
    case 9: peer_reset(b, argument); break;
    case 10: reset_done(argument); break;
    case 11:
        b->now += (minke_time_t)1000 << argument;
        minke__mux_tick(b->mux, b->now);
        break;
    case 12: drain(b); break;
    case 13: minke__mux_surface(b->mux); break;
    case 14: b->test.fail_at = argument == 15 ? 0 : b->test.allocations + argument + 1; break;
    default:
        sctp.refuse_reset = argument == 1;
        if (argument == 15) minke__mux_fail(b->mux);
        b->failed = b->failed || argument == 15;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bench_t b;
    b = (bench_t){.now = 1};
    test_env_init(&b.test, 1);
    minke__handles_init(&b.handles, &b.test.env);
    b.script = minke__reader(data, size);
    const uint8_t settings = minke__read_u8(&b.script);
    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.dtls_client = (settings & 1) != 0;
    options.handshake_channel = (settings & 2) != 0;
    if ((settings & 4) != 0) options.inbound_max = 2;
    if ((settings & 8) != 0) options.send_buffer_total = options.send_buffer = 4000;
    if ((settings & 16) != 0) options.unread_max = 100;
    b.mux = minke__mux_new(&b.test.env, &options, &b.handles, 1);
    assert(b.mux != NULL);
    fake_init(&sctp, &b.test.env, b.mux);
    if ((settings & 32) != 0) minke__mux_surface(b.mux);
    while (minke__reader_left(&b.script) > 0) {
        step(&b, minke__read_u8(&b.script));
        assert(b.failed || sctp.delivered - sctp.consumed == minke__mux_stats(b.mux).unread);
        assert(minke__mux_stats(b.mux).unsent <= options.send_buffer_total);
    }
    minke__mux_fail(b.mux);
    drain(&b);
    fake_end(&sctp);
    minke__mux_free(b.mux);
    assert(b.handles.count == 0);
    minke__handles_free(&b.handles);
    assert(b.test.blocks == 0);
    return 0;
}
