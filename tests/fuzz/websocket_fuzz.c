/*
 * One end of a WebSocket and a remote that sends anything. The first byte says which end, and whether the handshake is
 * the input's too or already done. Then the input says what happens next: bytes of the remote, calls of the
 * application, output taken, a failing allocation. Whatever arrives, what we send is understood by an honest other end.
 */
#include <assert.h>

#include "base/wire.h"
#include "support/test_env.h"
#include "websocket/websocket.h"

typedef struct bench {
    test_env_t test, honest_test;
    minke_websocket_t *ws;
    minke_websocket_t *honest; /* NULL: the handshake is the input's */
    minke_reader_t script;
} bench_t;

static void read_all(minke_websocket_t *ws)
{
    static uint8_t out[70000];
    size_t total = 0;
    for (ssize_t n; (n = minke__websocket_read(ws, out, sizeof out)) > 0;) total += (size_t)n;
    assert(total <= MINKE_WEBSOCKET_UNREAD_MAX);
}

/* The honest end may be told goodbye, but has nothing to complain of. */
static size_t transmit(bench_t *b, size_t capacity)
{
    static uint8_t out[70000];
    const size_t n = minke__websocket_transmit(b->ws, out, capacity < sizeof out ? capacity : sizeof out);
    if (b->honest == NULL || n == 0) return n;
    minke__websocket_recv(b->honest, out, n);
    read_all(b->honest);
    const minke_close_t *close = minke__websocket_close_reason(b->honest);
    assert(close == NULL || close->by_remote);
    return n;
}

static void shake_hands(bench_t *b, bool client)
{
    static uint8_t out[4096];
    test_env_init(&b->honest_test, 2);
    b->honest =
        client ? minke__websocket_server(&b->honest_test.env) : minke__websocket_client(&b->honest_test.env, "a", "/");
    minke_websocket_t *first = client ? b->ws : b->honest, *second = client ? b->honest : b->ws;
    minke__websocket_recv(second, out, minke__websocket_transmit(first, out, sizeof out));
    minke__websocket_recv(first, out, minke__websocket_transmit(second, out, sizeof out));
    assert(minke__websocket_state(b->ws) == MINKE_WEBSOCKET_OPEN);
    assert(minke__websocket_state(b->honest) == MINKE_WEBSOCKET_OPEN);
}

static void application(bench_t *b, uint8_t how)
{
    static const uint8_t bytes[70000];
    static uint8_t out[256];
    const bool ended = minke__websocket_state(b->ws) == MINKE_WEBSOCKET_ENDED;
    const size_t len = minke__read_u16(&b->script);
    ssize_t n;
    switch (how % 8) {
    case 0: minke__websocket_close(b->ws); break;
    case 1: b->test.fail_at = b->test.allocations + how / 8; break;
    case 2:
    case 3:
        n = minke__websocket_write(b->ws, bytes, len);
        assert(n <= (ssize_t)len && (!ended || n == MINKE_ERROR_CONNECTION_CLOSED));
        break;
    case 4:
        n = minke__websocket_read(b->ws, out, how);
        assert(n <= how && (n >= 0 || (n == MINKE_ERROR_AGAIN && !ended)));
        break;
    default: read_all(b->ws);
    }
}

static void step(bench_t *b)
{
    const uint8_t what = minke__read_u8(&b->script), how = minke__read_u8(&b->script);
    const minke_websocket_state_t before = minke__websocket_state(b->ws);
    size_t len = (size_t)how * (what / 4 % 2 == 0 ? 1 : 64);
    switch (what % 4) {
    case 0: application(b, how); break;
    case 1: (void)transmit(b, (size_t)how * 100); break;
    default:
        if (len > minke__reader_left(&b->script)) len = minke__reader_left(&b->script);
        minke__websocket_recv(b->ws, minke__read_bytes(&b->script, len), len);
    }
    assert(minke__websocket_state(b->ws) >= before);
    assert((minke__websocket_close_reason(b->ws) != NULL) == (minke__websocket_state(b->ws) == MINKE_WEBSOCKET_ENDED));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bench_t b;
    b = (bench_t){.script = minke__reader(data, size)};
    test_env_init(&b.test, 1);
    const uint8_t flags = minke__read_u8(&b.script);
    const bool client = (flags & 1) != 0;
    b.ws = client ? minke__websocket_client(&b.test.env, "a", "/") : minke__websocket_server(&b.test.env);
    if ((flags & 2) != 0) shake_hands(&b, client);
    while (minke__reader_left(&b.script) > 0) step(&b);
    while (transmit(&b, 70000) > 0) {
    }
    minke__websocket_free(b.ws);
    minke__websocket_free(b.honest);
    assert(b.test.blocks == 0 && b.honest_test.blocks == 0);
    return 0;
}
