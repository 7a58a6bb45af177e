/* Two ends of a byte connection, cut anywhere; and remotes that stop, lie or speak something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"
#include "upgrade/upgrade.h"

enum { DIALER, LISTENER, SECOND = 1000000 };

typedef struct lab {
    test_env_t test;
    minke_handles_t handles;
    minke_identity_t *identities[2];
    minke_upgrade_options_t options[2];
    minke_upgrade_t *ends[2];
    minke_time_t now;
    uint64_t random;
    int turns; /* in which either side had something to send */
} lab_t;

static void lab_init(lab_t *lab, uint64_t seed)
{
    memset(lab, 0, sizeof *lab);
    test_env_init(&lab->test, seed);
    minke__handles_init(&lab->handles, &lab->test.env);
    lab->random = 2 * seed + 1;
    lab->now = SECOND;
    for (int end = 0; end < 2; end++) {
        assert_int_equal(minke__identity_new(&lab->test.env, &lab->identities[end]), MINKE_OK);
        minke__upgrade_options_defaults(&lab->options[end]);
        lab->options[end].dialer = end == DIALER;
        lab->options[end].identity = lab->identities[end];
    }
}

static void lab_start(lab_t *lab)
{
    for (int end = 0; end < 2; end++) {
        lab->ends[end] = minke__upgrade_new(&lab->test.env, &lab->options[end], &lab->handles, 1, lab->now);
        assert_non_null(lab->ends[end]);
    }
}

static void lab_free(lab_t *lab)
{
    for (int end = 0; end < 2; end++) {
        minke__upgrade_free(lab->ends[end]);
        minke__identity_free(lab->identities[end]);
    }
    minke__handles_free(&lab->handles);
    assert_int_equal(lab->test.blocks, 0);
}

static void give(lab_t *lab, int end, const void *bytes, size_t len)
{
    uint8_t copy[70000];
    for (size_t at = 0, n; at < len; at += n) {
        const size_t piece = test_random(&lab->random) % 3 == 0 ? 1 + test_random(&lab->random) % 5 : len;
        n = len - at < piece ? len - at : piece;
        memcpy(copy, (const uint8_t *)bytes + at, n);
        minke__upgrade_recv(lab->ends[end], copy, n, lab->now);
    }
}

static bool carry(lab_t *lab, int from)
{
    uint8_t bytes[70000];
    const size_t capacity = 128 + test_random(&lab->random) % (sizeof bytes - 128);
    const size_t len = minke__upgrade_transmit(lab->ends[from], bytes, capacity, lab->now);
    assert_true(len <= capacity);
    give(lab, !from, bytes, len);
    return len > 0;
}

static void run(lab_t *lab)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (int from = 0; from < 2; from++) {
            while (carry(lab, from)) moved = true;
            lab->now += 1000;
        }
        lab->turns += moved;
    }
}

static void expect_open(const lab_t *lab)
{
    for (int end = 0; end < 2; end++) {
        size_t len;
        assert_int_equal(minke__upgrade_state(lab->ends[end]), MINKE_UPGRADE_OPEN);
        assert_true(
            minke__peer_id_equal(minke__upgrade_peer(lab->ends[end]), minke__identity_peer_id(lab->identities[!end])));
        assert_non_null(minke__upgrade_peer_key(lab->ends[end], &len));
    }
}

static void echo(lab_t *lab)
{
    minke_yamux_stream_t *here;
    minke_yamux_event_t event;
    const uint8_t *data;
    assert_int_equal(minke__yamux_open(minke__upgrade_yamux(lab->ends[DIALER]), &here), MINKE_OK);
    assert_int_equal(minke__yamux_write(here, "hello", 5), 5);
    run(lab);
    assert_true(minke__yamux_event(minke__upgrade_yamux(lab->ends[LISTENER]), &event));
    assert_int_equal(event.type, MINKE_YAMUX_STREAM_OPENED);
    assert_int_equal(minke__yamux_peek(event.stream, &data), 5);
    assert_memory_equal(data, "hello", 5);
}

static void test_connects(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 30; seed++) {
        lab_t lab;
        lab_init(&lab, seed);
        lab.options[DIALER].expected = minke__identity_peer_id(lab.identities[LISTENER]);
        lab_start(&lab);
        run(&lab);
        expect_open(&lab);
        echo(&lab);
        lab_free(&lab);
    }
}

/* Whoever does not name a muxer in Noise negotiates it inside: one turn more. */
static void test_muxer_by_multistream(void **state)
{
    (void)state;
    for (int who = 0; who < 4; who++) {
        lab_t lab;
        lab_init(&lab, 40);
        lab.options[DIALER].early_muxer = (who & 1) != 0;
        lab.options[LISTENER].early_muxer = (who & 2) != 0;
        lab_start(&lab);
        run(&lab);
        expect_open(&lab);
        echo(&lab);
        lab_free(&lab);
    }
}

/* What the dialer can say without an answer it says at once: security and Noise take one round trip and a half. */
static void test_round_trips(void **state)
{
    (void)state;
    lab_t lab;
    lab_init(&lab, 41);
    lab_start(&lab);
    for (int i = 0; i < 2; i++) {
        while (carry(&lab, DIALER)) continue;
        assert_int_equal(minke__upgrade_state(lab.ends[DIALER]), i == 0 ? MINKE_UPGRADE_SECURITY : MINKE_UPGRADE_OPEN);
        if (i == 0)
            while (carry(&lab, LISTENER)) continue;
    }
    expect_open(&lab);
    lab_free(&lab);
}

static void expect_end(const lab_t *lab, int end, minke_layer_t layer, int code)
{
    assert_int_equal(minke__upgrade_state(lab->ends[end]), MINKE_UPGRADE_ENDED);
    assert_int_equal(minke__upgrade_close_reason(lab->ends[end])->layer, layer);
    assert_int_equal(minke__upgrade_close_reason(lab->ends[end])->code, code);
    assert_true(strlen(minke__upgrade_close_reason(lab->ends[end])->text) > 0);
    assert_int_equal(minke__upgrade_deadline(lab->ends[end]), MINKE_TIME_NEVER);
}

static void test_wrong_peer(void **state)
{
    (void)state;
    lab_t lab;
    lab_init(&lab, 42);
    lab.options[DIALER].expected = minke__identity_peer_id(lab.identities[DIALER]);
    lab_start(&lab);
    run(&lab);
    expect_end(&lab, DIALER, MINKE_LAYER_NOISE, MINKE_ERROR_CRYPTO);
    lab_free(&lab);
}

static void test_other_protocols(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int code;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\nServer: something else\r\n\r\n", 90,
         MINKE_ERROR_MALFORMED},
        {"\x13/multistream/1.0.0\n\x03na\n", 24, MINKE_ERROR_UNSUPPORTED},
        {"\x13/multistream/9.0.0\n", 20, MINKE_ERROR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lab_t lab;
        lab_init(&lab, 43);
        lab_start(&lab);
        give(&lab, DIALER, cases[i].bytes, cases[i].len);
        expect_end(&lab, DIALER, MINKE_LAYER_NOISE, cases[i].code);
        lab_free(&lab);
    }
}

/* The remote falls silent after each of its sends; whoever waits says what for, when its time is up. */
static void test_silence(void **state)
{
    (void)state;
    for (int step = 0; step < 3; step++) {
        lab_t lab;
        lab_init(&lab, 44);
        lab_start(&lab);
        const minke_time_t limit = minke__upgrade_deadline(lab.ends[DIALER]);
        assert_int_equal(limit, lab.now + 10 * SECOND);
        for (int i = 0; i < step; i++)
            while (carry(&lab, i % 2)) continue;
        const int waiting = step % 2 == 0 ? (step == 2 ? LISTENER : DIALER) : LISTENER;
        minke__upgrade_tick(lab.ends[waiting], limit - 1);
        assert_int_not_equal(minke__upgrade_state(lab.ends[waiting]), MINKE_UPGRADE_ENDED);
        minke__upgrade_tick(lab.ends[waiting], limit);
        expect_end(&lab, waiting, MINKE_LAYER_NOISE, MINKE_ERROR_TIMEOUT);
        lab_free(&lab);
    }
}

static void test_tampered(void **state)
{
    (void)state;
    lab_t lab;
    uint8_t bytes[4096];
    lab_init(&lab, 45);
    lab_start(&lab);
    run(&lab);
    minke_yamux_stream_t *stream;
    assert_int_equal(minke__yamux_open(minke__upgrade_yamux(lab.ends[DIALER]), &stream), MINKE_OK);
    const size_t len = minke__upgrade_transmit(lab.ends[DIALER], bytes, sizeof bytes, lab.now);
    bytes[len - 1] ^= 1;
    give(&lab, LISTENER, bytes, len);
    expect_end(&lab, LISTENER, MINKE_LAYER_NOISE, MINKE_ERROR_CRYPTO);
    lab_free(&lab);
}

/* A message shorter than its tag, an empty one, a yamux violation inside. */
static void test_ends(void **state)
{
    (void)state;
    lab_t lab;
    lab_init(&lab, 46);
    lab_start(&lab);
    run(&lab);
    give(&lab, LISTENER, "\0\0", 2);
    expect_end(&lab, LISTENER, MINKE_LAYER_NOISE, MINKE_ERROR_CRYPTO);
    minke__upgrade_close(lab.ends[DIALER], lab.now);
    expect_end(&lab, DIALER, MINKE_LAYER_HOST, MINKE_OK);
    assert_true(carry(&lab, DIALER)); /* the farewell */
    assert_false(carry(&lab, DIALER));
    lab_free(&lab);

    const minke_close_t reset = {MINKE_LAYER_NETWORK, MINKE_ERROR_SYSTEM, true, "connection reset"};
    lab_init(&lab, 47);
    lab_start(&lab);
    carry(&lab, DIALER);
    minke__upgrade_disconnected(lab.ends[LISTENER], &reset);
    expect_end(&lab, LISTENER, MINKE_LAYER_NETWORK, MINKE_ERROR_SYSTEM);
    lab_free(&lab);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 80; n++) {
        lab_t lab;
        lab_init(&lab, 48);
        lab.test.fail_at = lab.test.allocations + n;
        bool started = true;
        for (int end = 0; end < 2; end++) {
            lab.ends[end] = minke__upgrade_new(&lab.test.env, &lab.options[end], &lab.handles, 1, lab.now);
            started = started && lab.ends[end] != NULL;
        }
        if (started) run(&lab);
        lab_free(&lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects),        cmocka_unit_test(test_muxer_by_multistream),
        cmocka_unit_test(test_round_trips),     cmocka_unit_test(test_wrong_peer),
        cmocka_unit_test(test_other_protocols), cmocka_unit_test(test_silence),
        cmocka_unit_test(test_tampered),        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
