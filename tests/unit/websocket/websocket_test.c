#include "ends.h"

#include <stdlib.h>
#include <string.h>

static void write_all(minke_websocket_t *ws, const char *text)
{
    assert_int_equal(minke__websocket_write(ws, (const uint8_t *)text, strlen(text)), strlen(text));
}

static void test_handshake_data_and_close_cut_anywhere(void **state)
{
    (void)state;
    for (size_t step = 1; step < 400; step++) {
        ends_t e;
        ends_init(&e, step);
        const int closer = (int)(step % 2);
        assert_int_equal(minke__websocket_state(e.ends[CLIENT]), MINKE_WEBSOCKET_HANDSHAKE);
        assert_null(minke__websocket_close_reason(e.ends[SERVER]));
        ends_run(&e, step);
        for (int end = CLIENT; end <= SERVER; end++) {
            assert_int_equal(minke__websocket_state(e.ends[end]), MINKE_WEBSOCKET_OPEN);
            write_all(e.ends[end], "one ");
            write_all(e.ends[end], "two");
        }
        assert_int_equal(minke__websocket_write(e.ends[CLIENT], NULL, 0), 0);
        ends_run(&e, step);
        expect_read(e.ends[CLIENT], "one two", 7);
        expect_read(e.ends[SERVER], "one two", 7);
        write_all(e.ends[closer], "last");
        minke__websocket_close(e.ends[closer]);
        expect_ended(e.ends[closer], MINKE_OK, false, "closed");
        assert_int_equal(minke__websocket_write(e.ends[closer], (const uint8_t *)"x", 1),
                         MINKE_ERROR_CONNECTION_CLOSED);
        ends_run(&e, step);
        expect_ended(e.ends[1 - closer], MINKE_OK, true, "code 1000");
        expect_read(e.ends[1 - closer], "last", 4);
        expect_read(e.ends[closer], NULL, 0);
        ends_free(&e);
    }
}

/* What one side says, cut in two at every place. */
static void test_a_recording_cut_at_every_place(void **state)
{
    (void)state;
    static uint8_t recorded[4096], out[4096];
    static const uint8_t data[300];
    ends_t e;
    ends_init(&e, 7);
    size_t len = transmit_all(e.ends[CLIENT], recorded, sizeof recorded);
    minke__websocket_recv(e.ends[SERVER], recorded, len);
    minke__websocket_recv(e.ends[CLIENT], out, transmit_all(e.ends[SERVER], out, sizeof out));
    assert_int_equal(minke__websocket_write(e.ends[CLIENT], data, 5), 5);
    assert_int_equal(minke__websocket_write(e.ends[CLIENT], data, 300), 300);
    minke__websocket_close(e.ends[CLIENT]);
    len += transmit_all(e.ends[CLIENT], recorded + len, sizeof recorded - len);
    ends_free(&e);
    for (size_t cut = 0; cut <= len; cut++) {
        test_env_t test;
        test_env_init(&test, 1);
        minke_websocket_t *server = minke__websocket_server(&test.env);
        minke__websocket_recv(server, recorded, cut);
        if (cut < len) assert_true(minke__websocket_state(server) != MINKE_WEBSOCKET_ENDED);
        minke__websocket_recv(server, recorded + cut, len - cut);
        expect_ended(server, MINKE_OK, true, "code 1000");
        static const uint8_t zeros[305];
        expect_read(server, zeros, 305);
        minke__websocket_free(server);
        assert_int_equal(test.blocks, 0);
    }
}

static void fill(uint8_t *out, size_t len, uint64_t at)
{
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)((at + i) * 2654435761U >> 13);
}

/* As much as fits, of a stream that can be computed. */
static void send_some(minke_websocket_t *ws, uint64_t *sent, uint64_t total, uint64_t *random)
{
    static uint8_t data[100000];
    size_t len = test_random(random) % 8 == 0 ? sizeof data : test_random(random) % 3000;
    if (len > total - *sent) len = (size_t)(total - *sent);
    fill(data, len, *sent);
    const ssize_t n = minke__websocket_write(ws, data, len);
    if (n == MINKE_ERROR_AGAIN) return;
    assert_int_equal(n, len < MINKE_WEBSOCKET_FRAME_MAX ? len : MINKE_WEBSOCKET_FRAME_MAX);
    *sent += (uint64_t)n;
}

static void read_some(minke_websocket_t *ws, uint64_t *got, uint64_t *random)
{
    static uint8_t data[70000], expected[70000];
    ssize_t n;
    while ((n = minke__websocket_read(ws, data, 1 + test_random(random) % sizeof data)) > 0) {
        fill(expected, (size_t)n, *got);
        assert_memory_equal(data, expected, (size_t)n);
        *got += (uint64_t)n;
    }
    assert_int_equal(n, MINKE_ERROR_AGAIN);
}

static void test_megabytes_both_ways(void **state)
{
    (void)state;
    enum { TOTAL = 4 << 20 };
    ends_t e;
    uint64_t sent[2] = {0}, got[2] = {0}, random = 99;
    ends_init(&e, 3);
    ends_run(&e, 1000);
    while (got[CLIENT] < TOTAL || got[SERVER] < TOTAL) {
        const int end = (int)(test_random(&random) % 2);
        send_some(e.ends[end], &sent[end], TOTAL, &random);
        (void)ends_carry(&e, end, 1 + test_random(&random) % 65536);
        read_some(e.ends[1 - end], &got[1 - end], &random);
    }
    ends_free(&e);
}

static void test_writes_wait(void **state)
{
    (void)state;
    static uint8_t data[MINKE_WEBSOCKET_FRAME_MAX + 1], out[1000];
    ends_t e;
    ends_init(&e, 1);
    assert_int_equal(minke__websocket_write(e.ends[CLIENT], data, 1), MINKE_ERROR_AGAIN);
    assert_int_equal(minke__websocket_write(e.ends[SERVER], data, 1), MINKE_ERROR_AGAIN);
    ends_run(&e, 1000);
    for (int end = CLIENT; end <= SERVER; end++) {
        const size_t header = end == CLIENT ? 14 : 10;
        size_t written = 0;
        ssize_t n;
        for (; (n = minke__websocket_write(e.ends[end], data, sizeof data)) > 0; written += (size_t)n) {
            assert_int_equal(n, MINKE_WEBSOCKET_FRAME_MAX);
        }
        assert_int_equal(n, MINKE_ERROR_AGAIN);
        assert_int_equal(written, 2 * MINKE_WEBSOCKET_FRAME_MAX);
        size_t waiting = written + 2 * header; /* two headers are more than what may wait */
        while (minke__websocket_write(e.ends[end], data, 1) == MINKE_ERROR_AGAIN) {
            n = (ssize_t)minke__websocket_transmit(e.ends[end], out, 7);
            assert_int_equal(n, 7);
            waiting -= 7;
        }
        assert_true(waiting <= MINKE_WEBSOCKET_UNSENT_MAX && waiting > MINKE_WEBSOCKET_UNSENT_MAX - 7);
    }
    ends_free(&e);
}

static void test_what_nobody_reads_ends_it(void **state)
{
    (void)state;
    static uint8_t payload[65536], frame[65536 + 14], out[64];
    for (int role = CLIENT; role <= SERVER; role++) {
        test_env_t test;
        test_env_init(&test, 1);
        minke_websocket_t *ws = open_end(&test, role);
        minke_writer_t w = minke__writer(frame, sizeof frame);
        put_frame(&w, 0x82, role == SERVER, payload, sizeof payload);
        for (size_t n = 0; n < MINKE_WEBSOCKET_UNREAD_MAX; n += sizeof payload) {
            minke__websocket_recv(ws, frame, w.len);
            assert_int_equal(minke__websocket_state(ws), MINKE_WEBSOCKET_OPEN);
        }
        w = minke__writer(frame, sizeof frame);
        put_frame(&w, 0x82, role == SERVER, "x", 1);
        minke__websocket_recv(ws, frame, w.len);
        expect_ended(ws, MINKE_ERROR_LIMIT, false, "more arrives than is read");
        assert_true(transmit_all(ws, out, sizeof out) > 0);
        assert_int_equal(out[0], 0x88);
        size_t got = 0;
        for (ssize_t n; (n = minke__websocket_read(ws, payload, sizeof payload)) > 0;) got += (size_t)n;
        assert_int_equal(got, MINKE_WEBSOCKET_UNREAD_MAX);
        minke__websocket_free(ws);
        assert_int_equal(test.blocks, 0);
    }
}

static void test_a_request_that_cannot_be_made(void **state)
{
    (void)state;
    static char long_path[MINKE_WEBSOCKET_REQUEST_MAX];
    memset(long_path, '/', sizeof long_path - 1);
    const char *const bad[][2] = {{"a\r\nX: y", "/"}, {"a", "/ b"}, {"a", ""}, {"a", "/\n"}, {"a", long_path}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        test_env_t test;
        uint8_t out[16];
        test_env_init(&test, 1);
        minke_websocket_t *ws = minke__websocket_client(&test.env, bad[i][0], bad[i][1]);
        assert_non_null(ws);
        expect_ended(ws, MINKE_ERROR_INVALID, false, "host and path");
        assert_int_equal(minke__websocket_transmit(ws, out, sizeof out), 0);
        assert_int_equal(minke__websocket_read(ws, out, sizeof out), 0);
        minke__websocket_recv(ws, out, sizeof out);
        minke__websocket_free(ws);
        assert_int_equal(test.blocks, 0);
    }
}

static void test_closed_before_it_was_open(void **state)
{
    (void)state;
    ends_t e;
    ends_init(&e, 1);
    minke__websocket_close(e.ends[SERVER]);
    minke__websocket_close(e.ends[CLIENT]);
    minke__websocket_close(e.ends[CLIENT]);
    expect_ended(e.ends[CLIENT], MINKE_OK, false, "closed");
    ends_run(&e, 10);
    ends_free(&e);
    minke__websocket_free(NULL);
}

/* A whole life with an allocation that fails. True: it did not come to that. */
static bool live_without(uint64_t n, bool for_good)
{
    static const uint8_t data[70000];
    static uint8_t out[70000];
    ends_t e = {0};
    test_env_init(&e.test, 1);
    e.test.fail_at = n;
    e.test.fail_for_good = for_good;
    e.ends[CLIENT] = minke__websocket_client(&e.test.env, "a", "/");
    e.ends[SERVER] = minke__websocket_server(&e.test.env);
    if (e.ends[CLIENT] != NULL && e.ends[SERVER] != NULL) {
        ends_run(&e, 100);
        for (int i = 0; i < 8; i++) {
            (void)!minke__websocket_write(e.ends[i % 2], data, i < 4 ? sizeof data : 10);
            ends_run(&e, 50000);
            (void)!minke__websocket_read(e.ends[1 - i % 2], out, 100 + 10000 * (size_t)i);
        }
        minke__websocket_close(e.ends[n % 2]);
        ends_run(&e, 50000);
    }
    const bool done = e.test.allocations < n;
    for (int end = CLIENT; !done && end <= SERVER; end++) {
        const minke_close_t *close = e.ends[end] != NULL ? minke__websocket_close_reason(e.ends[end]) : NULL;
        if (close == NULL || close->code == MINKE_OK) continue;
        /* 1011 is what the other side is told, if there is memory for that. */
        assert_true(close->code == MINKE_ERROR_NO_MEMORY || close->code == MINKE_ERROR_CONNECTION_CLOSED);
    }
    ends_free(&e);
    return done;
}

static void test_no_memory(void **state)
{
    (void)state;
    uint64_t n = 1;
    while (!live_without(n, false)) n++;
    assert_true(n > 20);
    for (uint64_t i = 1; i < n; i++) (void)live_without(i, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake_data_and_close_cut_anywhere),
        cmocka_unit_test(test_a_recording_cut_at_every_place),
        cmocka_unit_test(test_megabytes_both_ways),
        cmocka_unit_test(test_writes_wait),
        cmocka_unit_test(test_what_nobody_reads_ends_it),
        cmocka_unit_test(test_a_request_that_cannot_be_made),
        cmocka_unit_test(test_closed_before_it_was_open),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
