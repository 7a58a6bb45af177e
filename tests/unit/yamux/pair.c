#include "pair.h"

#include <string.h>

enum { CARRIED_AT_ONCE = 40000 };

void pair_init(pair_t *pair, uint64_t seed, const minke_yamux_options_t *options)
{
    minke_yamux_options_t chosen;
    memset(pair, 0, sizeof *pair);
    test_env_init(&pair->test, seed);
    minke__handles_init(&pair->handles, &pair->test.env);
    pair->random = seed * 2 + 1;
    pair->now = 1000000;
    pair->latency = 1000;
    minke__yamux_options_defaults(&chosen);
    if (options != NULL) chosen = *options;
    for (int end = 0; end < 2; end++) {
        chosen.client = end == CLIENT;
        pair->ends[end] = minke__yamux_new(&pair->test.env, &chosen, &pair->handles, 1, pair->now);
        assert_non_null(pair->ends[end]);
    }
}

void pair_free(pair_t *pair)
{
    for (int end = 0; end < 2; end++) minke__yamux_free(pair->ends[end]);
    assert_int_equal(pair->handles.count, 0);
    minke__handles_free(&pair->handles);
    assert_int_equal(pair->test.blocks, 0);
}

bool pair_carry(pair_t *pair, int from)
{
    static uint8_t bytes[CARRIED_AT_ONCE];
    const size_t capacity = 64 + test_random(&pair->random) % (sizeof bytes - 64);
    const size_t len = minke__yamux_transmit(pair->ends[from], bytes, capacity, pair->now);
    assert_true(len <= capacity);
    pair->carried[from] += len;
    for (size_t at = 0, n; at < len; at += n) {
        const size_t piece = test_random(&pair->random) % 4 == 0 ? 1 + test_random(&pair->random) % 20 : len;
        n = len - at < piece ? len - at : piece;
        minke__yamux_recv(pair->ends[!from], bytes + at, n, pair->now);
    }
    return len > 0;
}

void pair_run(pair_t *pair)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (int from = 0; from < 2; from++) {
            while (pair_carry(pair, from)) moved = true;
            pair->now += pair->latency;
        }
    }
}

minke_yamux_stream_t *pair_expect(pair_t *pair, int end, minke_yamux_event_type_t type)
{
    minke_yamux_event_t event;
    assert_true(minke__yamux_event(pair->ends[end], &event));
    assert_int_equal(event.type, type);
    return event.stream;
}

void pair_expect_none(pair_t *pair, int end)
{
    minke_yamux_event_t event;
    assert_false(minke__yamux_event(pair->ends[end], &event));
}

void pair_drain(pair_t *pair, int end)
{
    minke_yamux_event_t event;
    while (minke__yamux_event(pair->ends[end], &event)) continue;
}

minke_yamux_stream_t *pair_open(pair_t *pair, int end, minke_yamux_stream_t **other)
{
    minke_yamux_stream_t *stream;
    assert_int_equal(minke__yamux_open(pair->ends[end], &stream), MINKE_OK);
    pair_run(pair);
    *other = pair_expect(pair, !end, MINKE_YAMUX_STREAM_OPENED);
    return stream;
}

void pair_inject(pair_t *pair, int end, const minke_yamux_frame_t *frame, const void *body, size_t len)
{
    uint8_t header[MINKE_YAMUX_HEADER_BYTES];
    minke__yamux_frame_write(header, frame);
    minke__yamux_recv(pair->ends[end], header, sizeof header, pair->now);
    minke__yamux_recv(pair->ends[end], body, len, pair->now);
}
