/* Two endpoints and the carriers between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"
#include "upgrade/endpoint.h"

enum { DIALER, LISTENER, SECOND = 1000000, CARRIERS = 20 };

static minke_carrier_t moved_by_hand;

typedef struct lab {
    test_env_t test;
    minke_identity_t *identities[2];
    minke_byte_endpoint_t *ends[2];
    minke_time_t now;
    minke_connection_t carriers[CARRIERS][2];
    int carriers_n;
} lab_t;

static void lab_init(lab_t *lab, const minke_byte_endpoint_options_t *chosen)
{
    minke_byte_endpoint_options_t options;
    memset(lab, 0, sizeof *lab);
    test_env_init(&lab->test, 1);
    lab->now = SECOND;
    minke__bytes_options_defaults(&options);
    if (chosen != NULL) options = *chosen;
    for (int end = 0; end < 2; end++) {
        assert_int_equal(minke__identity_new(&lab->test.env, &lab->identities[end]), MINKE_OK);
        options.identity = lab->identities[end];
        lab->ends[end] = minke__bytes_new(&lab->test.env, &options);
        assert_non_null(lab->ends[end]);
    }
}

static void lab_free(lab_t *lab)
{
    for (int end = 0; end < 2; end++) {
        minke__bytes_free(lab->ends[end]);
        minke__identity_free(lab->identities[end]);
    }
    assert_int_equal(lab->test.blocks, 0);
}

static int lab_connect(lab_t *lab)
{
    minke_connection_t *carrier = lab->carriers[lab->carriers_n];
    for (int end = 0; end < 2; end++) {
        const int error =
            minke__bytes_add(lab->ends[end], &moved_by_hand, end == LISTENER, NULL, lab->now, &carrier[end]);
        if (error < 0) return error;
        assert_true(minke__is_bytes_id(carrier[end]));
    }
    lab->carriers_n++;
    return MINKE_OK;
}

static void carry(lab_t *lab, int from, minke_connection_t id)
{
    static uint8_t bytes[4096];
    for (int i = 0; i < lab->carriers_n; i++) {
        if (lab->carriers[i][from] != id) continue;
        for (size_t n; (n = minke__bytes_transmit(lab->ends[from], id, bytes, sizeof bytes, lab->now)) > 0;)
            minke__bytes_recv(lab->ends[!from], lab->carriers[i][!from], bytes, n, lab->now);
    }
}

static void run(lab_t *lab)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (int from = 0; from < 2; from++) {
            minke_connection_t id;
            while (minke__bytes_ready(lab->ends[from], &id)) {
                moved = true;
                carry(lab, from, id);
            }
            lab->now += 1000;
        }
    }
}

static minke_transport_event_t expect(lab_t *lab, int end, minke_transport_event_type_t type)
{
    minke_transport_event_t event;
    assert_true(minke__bytes_event(lab->ends[end], &event));
    assert_int_equal(event.type, type);
    return event;
}

static void expect_none(lab_t *lab, int end)
{
    minke_transport_event_t event;
    assert_false(minke__bytes_event(lab->ends[end], &event));
}

/* A connection with a stream on which "hello" has arrived. */
static minke_stream_t hello(lab_t *lab, minke_stream_t *there)
{
    minke_stream_t here;
    const uint8_t *data;
    assert_int_equal(lab_connect(lab), MINKE_OK);
    assert_int_equal(minke__bytes_open(lab->ends[DIALER], lab->carriers[0][DIALER], lab->now, &here),
                     MINKE_ERROR_STATE);
    run(lab);
    assert_false(expect(lab, DIALER, MINKE_TRANSPORT_CONNECTED).inbound);
    assert_true(expect(lab, LISTENER, MINKE_TRANSPORT_CONNECTED).inbound);
    assert_int_equal(minke__bytes_open(lab->ends[DIALER], lab->carriers[0][DIALER], lab->now, &here), MINKE_OK);
    assert_true(minke__is_bytes_id(here));
    assert_int_equal(minke__bytes_write(lab->ends[DIALER], here, "hello", 5, lab->now), 5);
    run(lab);
    *there = expect(lab, LISTENER, MINKE_TRANSPORT_STREAM_OPENED).stream;
    (void)expect(lab, LISTENER, MINKE_TRANSPORT_STREAM_READABLE);
    expect_none(lab, LISTENER);
    assert_int_equal(minke__bytes_peek(lab->ends[LISTENER], *there, &data), 5);
    assert_memory_equal(data, "hello", 5);
    return here;
}

static void test_life(void **state)
{
    (void)state;
    lab_t lab;
    minke_stream_t there;
    size_t len;
    int user;
    lab_init(&lab, NULL);
    const minke_stream_t here = hello(&lab, &there);
    minke__bytes_set_user(lab.ends[DIALER], lab.carriers[0][DIALER], &user);
    minke__bytes_stream_set_user(lab.ends[DIALER], here, &user);
    assert_ptr_equal(minke__bytes_user(lab.ends[DIALER], lab.carriers[0][DIALER]), &user);
    assert_ptr_equal(minke__bytes_stream_user(lab.ends[DIALER], here), &user);
    assert_true(minke__peer_id_equal(minke__bytes_peer(lab.ends[DIALER], lab.carriers[0][DIALER]),
                                     minke__identity_peer_id(lab.identities[LISTENER])));
    assert_non_null(minke__bytes_peer_key(lab.ends[LISTENER], lab.carriers[0][LISTENER], &len));
    assert_int_equal(minke__bytes_consume(lab.ends[LISTENER], there, 5, lab.now), MINKE_OK);
    assert_true(minke__bytes_writable(lab.ends[LISTENER], there) > 0);
    assert_int_equal(minke__bytes_finish(lab.ends[LISTENER], there, lab.now), MINKE_OK);
    assert_int_equal(minke__bytes_finish(lab.ends[DIALER], here, lab.now), MINKE_OK);
    run(&lab);
    (void)expect(&lab, DIALER, MINKE_TRANSPORT_STREAM_READABLE);
    assert_int_equal(expect(&lab, DIALER, MINKE_TRANSPORT_STREAM_CLOSED).error, MINKE_OK);
    assert_int_equal(minke__bytes_close(lab.ends[DIALER], lab.carriers[0][DIALER], lab.now), MINKE_OK);
    expect_none(&lab, DIALER); /* its last word comes first */
    run(&lab);
    assert_int_equal(expect(&lab, DIALER, MINKE_TRANSPORT_CLOSED).close.layer, MINKE_LAYER_HOST);
    assert_int_equal(minke__bytes_close(lab.ends[DIALER], lab.carriers[0][DIALER], lab.now), MINKE_ERROR_STALE);
    expect_none(&lab, DIALER);
    assert_null(minke__bytes_user(lab.ends[DIALER], lab.carriers[0][DIALER]));
    assert_int_equal(minke__bytes_deadline(lab.ends[DIALER]), MINKE_TIME_NEVER);
    lab_free(&lab);
}

/* The carrier breaks while something that the remote had finished is unread. */
static void test_lingers(void **state)
{
    (void)state;
    for (int reads = 0; reads < 2; reads++) {
        lab_t lab;
        minke_stream_t there;
        const minke_close_t broken = {MINKE_LAYER_NETWORK, MINKE_ERROR_SYSTEM, true, "connection reset"};
        lab_init(&lab, NULL);
        const minke_stream_t here = hello(&lab, &there);
        assert_int_equal(minke__bytes_finish(lab.ends[DIALER], here, lab.now), MINKE_OK);
        run(&lab);
        minke__bytes_disconnected(lab.ends[LISTENER], lab.carriers[0][LISTENER], &broken, lab.now);
        (void)expect(&lab, LISTENER, MINKE_TRANSPORT_STREAM_READABLE);
        expect_none(&lab, LISTENER);
        if (reads == 1) {
            assert_int_equal(minke__bytes_consume(lab.ends[LISTENER], there, 5, lab.now), MINKE_OK);
        } else {
            for (int i = 0; i < 2; i++)
                minke__bytes_tick(lab.ends[LISTENER], minke__bytes_deadline(lab.ends[LISTENER]));
        }
        (void)expect(&lab, LISTENER, MINKE_TRANSPORT_STREAM_CLOSED);
        assert_int_equal(expect(&lab, LISTENER, MINKE_TRANSPORT_CLOSED).close.layer, MINKE_LAYER_NETWORK);
        expect_none(&lab, LISTENER);
        lab_free(&lab);
    }
}

static void test_limits(void **state)
{
    (void)state;
    lab_t lab;
    minke_byte_endpoint_options_t options;
    minke_connection_t id;
    minke__bytes_options_defaults(&options);
    options.handshakes_max = 3;
    options.connections_max = 5;
    lab_init(&lab, &options);
    for (int i = 0; i < 3; i++) assert_int_equal(lab_connect(&lab), MINKE_OK);
    assert_int_equal(minke__bytes_add(lab.ends[LISTENER], &moved_by_hand, true, NULL, lab.now, &id), MINKE_ERROR_LIMIT);
    assert_int_equal(lab.test.counters.handshakes_refused, 1);
    run(&lab); /* through Noise: room again */
    for (int i = 0; i < 2; i++) assert_int_equal(lab_connect(&lab), MINKE_OK);
    assert_int_equal(minke__bytes_add(lab.ends[DIALER], &moved_by_hand, false, NULL, lab.now, &id), MINKE_ERROR_LIMIT);
    lab_free(&lab);
}

/* Nobody speaks: each end gives up by itself, and says so. */
static void test_silence(void **state)
{
    (void)state;
    lab_t lab;
    lab_init(&lab, NULL);
    assert_int_equal(lab_connect(&lab), MINKE_OK);
    for (int end = 0; end < 2; end++) {
        const minke_time_t at = minke__bytes_deadline(lab.ends[end]);
        assert_int_equal(at, lab.now + 10 * SECOND);
        minke__bytes_tick(lab.ends[end], at);
        expect_none(&lab, end); /* the carrier takes nothing: it has a second to take our last word */
        minke__bytes_tick(lab.ends[end], at + SECOND);
        assert_int_equal(expect(&lab, end, MINKE_TRANSPORT_CLOSED).close.code, MINKE_ERROR_TIMEOUT);
        expect_none(&lab, end);
    }
    assert_int_equal(lab.test.counters.connections_failed, 2);
    lab_free(&lab);
}

static void test_stale(void **state)
{
    (void)state;
    lab_t lab;
    const uint8_t *data;
    lab_init(&lab, NULL);
    const uint64_t bad[] = {0, 77, MINKE_BYTES_ID, MINKE_BYTES_ID | 77, UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        minke_byte_endpoint_t *e = lab.ends[0];
        minke_stream_t stream;
        uint8_t byte = 0;
        minke__bytes_recv(e, bad[i], &byte, 1, lab.now);
        minke__bytes_touch(e, bad[i]);
        assert_int_equal(minke__bytes_transmit(e, bad[i], &byte, 1, lab.now), 0);
        assert_int_equal(minke__bytes_open(e, bad[i], lab.now, &stream), MINKE_ERROR_STALE);
        assert_int_equal(minke__bytes_write(e, bad[i], "x", 1, lab.now), MINKE_ERROR_STALE);
        assert_int_equal(minke__bytes_peek(e, bad[i], &data), MINKE_ERROR_STALE);
        assert_int_equal(minke__bytes_consume(e, bad[i], 0, lab.now), MINKE_ERROR_STALE);
        assert_int_equal(minke__bytes_finish(e, bad[i], lab.now), MINKE_ERROR_STALE);
        assert_int_equal(minke__bytes_reset(e, bad[i], lab.now), MINKE_ERROR_STALE);
        assert_int_equal(minke__bytes_stop(e, bad[i], lab.now), MINKE_ERROR_STALE);
        assert_int_equal(minke__bytes_writable(e, bad[i]), 0);
        assert_null(minke__bytes_peer(e, bad[i]));
    }
    lab_free(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_life), cmocka_unit_test(test_lingers),
                                       cmocka_unit_test(test_limits), cmocka_unit_test(test_silence),
                                       cmocka_unit_test(test_stale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
