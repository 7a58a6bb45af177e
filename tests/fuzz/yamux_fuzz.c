/*
 * A yamux session and a remote that sends anything. The input says what happens next: bytes of the remote, calls of the
 * application, time, output taken, a failing allocation. What is announced as unread can be read, and no more than the
 * windows allow is ever held.
 */
#include <assert.h>

#include "base/wire.h"
#include "support/test_env.h"
#include "yamux/yamux.h"

enum { STREAMS_MAX = 8, INBOUND_MAX = 6 };

typedef struct bench {
    test_env_t test;
    minke_handles_t handles;
    minke_yamux_t *session;
    minke_time_t now;
    minke_reader_t script;
    minke_stream_t streams[STREAMS_MAX];
} bench_t;

static void remember(bench_t *b, minke_stream_t id)
{
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        if (minke__handles_get(&b->handles, b->streams[i]) != NULL) continue;
        b->streams[i] = id;
        return;
    }
}

static void drain(bench_t *b)
{
    minke_yamux_event_t event;
    while (minke__yamux_event(b->session, &event)) {
        const minke_stream_t id = minke__yamux_stream_id(event.stream);
        assert(minke__handles_get(&b->handles, id) == event.stream);
        if (event.type == MINKE_YAMUX_STREAM_OPENED) remember(b, id);
    }
}

static void application(bench_t *b, uint8_t call)
{
    static const uint8_t bytes[70000];
    minke_yamux_stream_t *s = minke__handles_get(&b->handles, b->streams[call % STREAMS_MAX]);
    if (s == NULL) {
        if (minke__yamux_open(b->session, &s) == MINKE_OK) remember(b, minke__yamux_stream_id(s));
        return;
    }
    const uint8_t *data;
    const ssize_t n = minke__yamux_peek(s, &data);
    switch (call / STREAMS_MAX % 6) {
    case 0: (void)!minke__yamux_write(s, bytes, minke__read_u16(&b->script)); break;
    case 1: (void)minke__yamux_consume(s, n > 0 ? (size_t)n : 0); break;
    case 2: (void)minke__yamux_finish(s); break;
    case 3: (void)minke__yamux_reset(s); break;
    case 4: (void)minke__yamux_stop(s); break;
    default: (void)minke__yamux_consume(s, n > 0 ? 1 : 0); break;
    }
}

static void step(bench_t *b)
{
    static uint8_t out[70000];
    const uint8_t what = minke__read_u8(&b->script), how = minke__read_u8(&b->script);
    size_t len = how;
    switch (what % 8) {
    case 0: application(b, how); break;
    case 1: (void)!minke__yamux_transmit(b->session, out, 64 + how * 200U, b->now); break;
    case 2:
        b->now += (minke_time_t)how * 500000;
        minke__yamux_tick(b->session, b->now);
        break;
    case 3: drain(b); break;
    case 4:
        if (how == 0) minke__yamux_close(b->session, b->now);
        if (how == 1) minke__yamux_fail(b->session);
        if (how == 2) b->test.fail_at = b->test.allocations + 1;
        break;
    default:
        if (len > minke__reader_left(&b->script)) len = minke__reader_left(&b->script);
        minke__yamux_recv(b->session, minke__read_bytes(&b->script, len), len, b->now);
    }
    assert(minke__yamux_stats(b->session).inbound <= INBOUND_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bench_t b;
    minke_yamux_options_t options;
    b = (bench_t){.script = minke__reader(data, size), .now = 1};
    test_env_init(&b.test, 1);
    minke__handles_init(&b.handles, &b.test.env);
    minke__yamux_options_defaults(&options);
    options.client = (minke__read_u8(&b.script) & 1) != 0;
    options.inbound_max = INBOUND_MAX;
    b.session = minke__yamux_new(&b.test.env, &options, &b.handles, 1, b.now);
    while (minke__reader_left(&b.script) > 0) step(&b);
    minke__yamux_abandon(b.session);
    drain(&b);
    assert(b.handles.count == 0);
    minke__yamux_free(b.session);
    minke__handles_free(&b.handles);
    assert(b.test.blocks == 0);
    return 0;
}
