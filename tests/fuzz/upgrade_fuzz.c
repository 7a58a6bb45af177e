/*
 * Both ends of an upgraded byte connection, with a meddler between them: the input cuts, changes, drops and adds bytes.
 * Whatever he does, both end with a reason or go on, and nothing is left behind.
 */
#include <assert.h>
#include <string.h>

#include "base/wire.h"
#include "support/test_env.h"
#include "upgrade/upgrade.h"

typedef struct bench {
    test_env_t test;
    minke_handles_t handles;
    minke_identity_t *identity;
    minke_upgrade_t *ends[2];
    minke_time_t now;
    minke_reader_t script;
} bench_t;

static void meddle(bench_t *b, uint8_t what, uint8_t *bytes, size_t *len)
{
    const uint8_t how = minke__read_u8(&b->script);
    switch (what) {
    case 1:
        if (*len > 0) bytes[how * 7U % *len] ^= (uint8_t)(1U << how % 8);
        break;
    case 2: *len = *len * how / 256; break;
    case 3: {
        const size_t left = minke__reader_left(&b->script), n = how < left ? how : left;
        if (n > 0) memcpy(bytes + *len, minke__read_bytes(&b->script, n), n);
        *len += n;
        break;
    }
    default: break;
    }
}

static void carry(bench_t *b, int from, uint8_t what)
{
    static uint8_t bytes[70000];
    size_t len = minke__upgrade_transmit(b->ends[from], bytes, 69000, b->now);
    if (what != 0) meddle(b, what, bytes, &len);
    minke__upgrade_recv(b->ends[!from], bytes, len, b->now);
    b->now += 1000;
}

static void open_stream(bench_t *b, int end)
{
    minke_yamux_t *yamux = minke__upgrade_yamux(b->ends[end]);
    minke_yamux_stream_t *stream;
    if (yamux == NULL || minke__yamux_open(yamux, &stream) < 0) return;
    (void)!minke__yamux_write(stream, "hello", 5);
}

static void step(bench_t *b)
{
    const uint8_t what = minke__read_u8(&b->script);
    const int end = what & 1;
    switch (what >> 1 & 7) {
    case 4: open_stream(b, end); break;
    case 5:
        b->now += 3000000;
        minke__upgrade_tick(b->ends[end], b->now);
        break;
    case 6: minke__upgrade_close(b->ends[end], b->now); break;
    case 7: b->test.fail_at = b->test.allocations + 1; break;
    default: carry(b, end, what >> 1 & 3); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bench_t b;
    b = (bench_t){.script = minke__reader(data, size), .now = 1};
    test_env_init(&b.test, 1);
    minke__handles_init(&b.handles, &b.test.env);
    if (minke__identity_new(&b.test.env, &b.identity) < 0) return 0;
    for (int end = 0; end < 2; end++) {
        minke_upgrade_options_t options;
        minke__upgrade_options_defaults(&options);
        options.dialer = end == 0;
        options.identity = b.identity;
        options.early_muxer = (size & 1) != 0;
        b.ends[end] = minke__upgrade_new(&b.test.env, &options, &b.handles, 1, b.now);
    }
    while (minke__reader_left(&b.script) > 0) step(&b);
    for (int end = 0; end < 2; end++) minke__upgrade_free(b.ends[end]);
    minke__identity_free(b.identity);
    assert(b.handles.count == 0);
    minke__handles_free(&b.handles);
    assert(b.test.blocks == 0);
    return 0;
}
