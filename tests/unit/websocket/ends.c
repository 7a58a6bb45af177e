#include "ends.h"

#include <string.h>

void ends_init(ends_t *ends, uint64_t seed)
{
    test_env_init(&ends->test, seed);
    ends->ends[CLIENT] = minke__websocket_client(&ends->test.env, "127.0.0.1:4001", "/");
    ends->ends[SERVER] = minke__websocket_server(&ends->test.env);
    assert_non_null(ends->ends[CLIENT]);
    assert_non_null(ends->ends[SERVER]);
}

void ends_free(ends_t *ends)
{
    minke__websocket_free(ends->ends[CLIENT]);
    minke__websocket_free(ends->ends[SERVER]);
    assert_int_equal(ends->test.blocks, 0);
}

bool ends_carry(ends_t *ends, int from, size_t step)
{
    static uint8_t piece[65536];
    const size_t capacity = step < sizeof piece ? step : sizeof piece;
    const size_t n = minke__websocket_transmit(ends->ends[from], piece, capacity);
    assert_true(n <= capacity);
    if (n > 0) minke__websocket_recv(ends->ends[1 - from], piece, n);
    return n > 0;
}

void ends_run(ends_t *ends, size_t step)
{
    bool moved = true;
    while (moved) {
        moved = ends_carry(ends, CLIENT, step);
        moved = ends_carry(ends, SERVER, step) || moved;
    }
}

static void recv_text(minke_websocket_t *ws, const char *text)
{
    minke__websocket_recv(ws, (const uint8_t *)text, strlen(text));
}

/* The client's key is random: it is cut out of its request. */
static void answer_request(minke_websocket_t *client)
{
    static uint8_t out[4096];
    test_env_t test;
    test_env_init(&test, 1);
    minke_websocket_t *server = minke__websocket_server(&test.env);
    minke__websocket_recv(server, out, transmit_all(client, out, sizeof out));
    minke__websocket_recv(client, out, transmit_all(server, out, sizeof out));
    minke__websocket_free(server);
}

minke_websocket_t *open_end(test_env_t *test, int role)
{
    static uint8_t out[4096];
    minke_websocket_t *ws =
        role == CLIENT ? minke__websocket_client(&test->env, "a", "/") : minke__websocket_server(&test->env);
    assert_non_null(ws);
    if (role == CLIENT) answer_request(ws);
    else {
        recv_text(ws, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Key: " UPGRADE_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n");
        assert_true(transmit_all(ws, out, sizeof out) > 0);
    }
    assert_int_equal(minke__websocket_state(ws), MINKE_WEBSOCKET_OPEN);
    return ws;
}

void put_frame(minke_writer_t *w, uint8_t first, bool masked, const void *payload, size_t len)
{
    static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    const uint8_t mask_bit = masked ? 0x80 : 0;
    minke__write_u8(w, first);
    if (len < 126) {
        minke__write_u8(w, (uint8_t)(mask_bit | len));
    } else if (len < 65536) {
        minke__write_u8(w, mask_bit | 126);
        minke__write_u16(w, (uint16_t)len);
    } else {
        minke__write_u8(w, mask_bit | 127);
        minke__write_u64(w, len);
    }
    if (masked) minke__write_bytes(w, key, sizeof key);
    for (size_t i = 0; i < len; i++) {
        const uint8_t byte = ((const uint8_t *)payload)[i];
        minke__write_u8(w, masked ? byte ^ key[i % 4] : byte);
    }
    assert_false(w->failed);
}

size_t transmit_all(minke_websocket_t *ws, uint8_t *out, size_t capacity)
{
    size_t len = 0;
    for (size_t n; (n = minke__websocket_transmit(ws, out + len, capacity - len)) > 0;) len += n;
    assert_true(len < capacity);
    return len;
}

void expect_read(minke_websocket_t *ws, const void *expected, size_t len)
{
    static uint8_t out[300000];
    size_t got = 0;
    assert_true(len < sizeof out);
    for (ssize_t n; (n = minke__websocket_read(ws, out + got, sizeof out - got)) > 0;) got += (size_t)n;
    assert_int_equal(got, len);
    if (len > 0) assert_memory_equal(out, expected, len);
    const bool ended = minke__websocket_state(ws) == MINKE_WEBSOCKET_ENDED;
    assert_int_equal(minke__websocket_read(ws, out, sizeof out), ended ? 0 : MINKE_ERROR_AGAIN);
}

void expect_ended(const minke_websocket_t *ws, int code, bool by_remote, const char *text)
{
    const minke_close_t *close = minke__websocket_close_reason(ws);
    assert_int_equal(minke__websocket_state(ws), MINKE_WEBSOCKET_ENDED);
    assert_non_null(close);
    assert_int_equal(close->layer, MINKE_LAYER_NETWORK);
    if (strstr(close->text, text) == NULL) print_error("%s\n", close->text);
    assert_non_null(strstr(close->text, text));
    assert_int_equal(close->code, code);
    assert_int_equal(close->by_remote, by_remote);
}
