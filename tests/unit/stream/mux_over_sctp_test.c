/* Two muxes on two real associations, with a path between them that delays, loses and reorders packets. */
#include <stdlib.h>
#include <string.h>

#include "unit/stream/echo.h"

enum { SIDES = 2, PACKETS_MAX = 4096 };

#define MILLISECOND ((minke_time_t)1000)

typedef struct packet {
    minke_time_t at;
    int to;
    size_t len;
    uint8_t bytes[MINKE_SCTP_PACKET_MAX];
} packet_t;

typedef struct lab {
    test_env_t test;
    uint64_t random;
    minke_time_t now;
    minke_handles_t handles[SIDES];
    minke_mux_t *muxes[SIDES];
    minke_sctp_t *sctps[SIDES];
    unsigned loss;       /* per 1000 packets */
    minke_time_t jitter; /* above a delay of 5 ms */
    packet_t *packets;   /* under way, in no order */
    size_t packets_n;
} lab_t;

/* `direct`: with the handshake channel; without, the connection is a private one. */
static lab_t *lab_new_as(uint64_t seed, unsigned loss, minke_time_t jitter, bool direct)
{
    lab_t *lab = calloc(1, sizeof *lab);
    test_env_init(&lab->test, seed);
    lab->random = seed * 991 + 1;
    lab->now = 1000 * MILLISECOND;
    lab->loss = loss;
    lab->jitter = jitter;
    lab->packets = malloc(PACKETS_MAX * sizeof lab->packets[0]);
    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.handshake_channel = direct;
    minke_sctp_options_t sctp_options;
    minke__sctp_options_defaults(&sctp_options);
    for (int i = 0; i < SIDES; i++) {
        options.dtls_client = i == 0;
        minke__handles_init(&lab->handles[i], &lab->test.env);
        lab->muxes[i] = minke__mux_new(&lab->test.env, &options, &lab->handles[i], (minke_connection_t)i);
        assert_non_null(lab->muxes[i]);
        const minke_sctp_user_t user = minke__mux_sctp_user(lab->muxes[i]);
        lab->sctps[i] = minke__sctp_new(&lab->test.env, &sctp_options, &user, (minke_connection_t)i);
        assert_non_null(lab->sctps[i]);
        minke__mux_attach(lab->muxes[i], lab->sctps[i]);
        minke__mux_set_now(lab->muxes[i], lab->now);
        minke__mux_surface(lab->muxes[i]);
        minke__sctp_connect(lab->sctps[i], lab->now);
    }
    return lab;
}

static lab_t *lab_new(uint64_t seed, unsigned loss, minke_time_t jitter)
{
    return lab_new_as(seed, loss, jitter, true);
}

static void lab_free(lab_t *lab)
{
    for (int i = 0; i < SIDES; i++) {
        minke__sctp_free(lab->sctps[i]);
        minke__mux_free(lab->muxes[i]);
        assert_int_equal(lab->handles[i].count, 0);
        minke__handles_free(&lab->handles[i]);
    }
    assert_int_equal(lab->test.blocks, 0);
    free(lab->packets);
    free(lab);
}

static void send_all(lab_t *lab, int from)
{
    packet_t packet = {.to = 1 - from};
    while (lab->packets_n < PACKETS_MAX) {
        packet.len = minke__sctp_transmit(lab->sctps[from], packet.bytes, sizeof packet.bytes, lab->now);
        if (packet.len == 0) return;
        if (test_random(&lab->random) % 1000 < lab->loss) continue;
        packet.at = lab->now + 5 * MILLISECOND + (lab->jitter > 0 ? test_random(&lab->random) % lab->jitter : 0);
        lab->packets[lab->packets_n++] = packet;
    }
}

static minke_time_t earliest(minke_time_t a, minke_time_t b) { return a < b ? a : b; }

/* The packets that are due, in the order in which they were sent. */
static void deliver_due(lab_t *lab)
{
    size_t kept = 0;
    for (size_t i = 0; i < lab->packets_n; i++) {
        packet_t *packet = &lab->packets[i];
        if (packet->at <= lab->now) minke__sctp_recv(lab->sctps[packet->to], packet->bytes, packet->len, lab->now);
        else lab->packets[kept++] = *packet;
    }
    lab->packets_n = kept;
    for (int i = 0; i < SIDES; i++) minke__sctp_recv_end(lab->sctps[i], lab->now);
}

/* To the next instant at which something happens; false: nothing will. */
static bool step(lab_t *lab)
{
    for (int i = 0; i < SIDES; i++) send_all(lab, i);
    minke_time_t next = MINKE_TIME_NEVER;
    for (int i = 0; i < SIDES; i++) {
        next = earliest(next, minke__sctp_deadline(lab->sctps[i]));
        next = earliest(next, minke__mux_deadline(lab->muxes[i]));
    }
    for (size_t i = 0; i < lab->packets_n; i++) next = earliest(next, lab->packets[i].at);
    if (next == MINKE_TIME_NEVER) return false;
    if (next > lab->now) lab->now = next;
    for (int i = 0; i < SIDES; i++) minke__mux_set_now(lab->muxes[i], lab->now);
    deliver_due(lab);
    for (int i = 0; i < SIDES; i++) {
        minke__sctp_tick(lab->sctps[i], lab->now);
        minke__mux_tick(lab->muxes[i], lab->now);
        assert_int_not_equal(minke__sctp_state(lab->sctps[i]), MINKE_SCTP_ENDED);
    }
    dialer_events(lab->muxes[0], &lab->random);
    listener_events(lab->muxes[1]);
    return true;
}

static void connect(lab_t *lab)
{
    while (!minke__sctp_may_send(lab->sctps[0])) assert_true(step(lab));
}

static void run(lab_t *lab, size_t n)
{
    while (!all_closed(n)) assert_true(step(lab));
    check_jobs(n);
}

/* A minute later no stream and no channel is left. */
static void settle_down(lab_t *lab)
{
    const minke_time_t end = lab->now + 60000 * MILLISECOND;
    while (lab->now < end && step(lab)) continue;
    for (int i = 0; i < SIDES; i++) {
        check_empty(lab->muxes[i]);
        assert_int_equal(minke__sctp_stats(lab->sctps[i]).held, 0);
    }
}

static void test_echo(void **state)
{
    (void)state;
    static const struct {
        unsigned loss;
        minke_time_t jitter;
    } paths[] = {{0, 0}, {0, 20 * MILLISECOND}, {20, 2 * MILLISECOND}, {100, 0}};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        lab_t *lab = lab_new(i + 1, paths[i].loss, paths[i].jitter);
        connect(lab);
        for (size_t n = 0; n < 3; n++) start(lab->muxes[0], &lab->random, &jobs[n], 100000 * n);
        run(lab, 3);
        settle_down(lab);
        lab_free(lab);
    }
}

/* Bytes written before the association is up leave with it: Noise does so on channel 0. */
static void test_handshake_channel(void **state)
{
    (void)state;
    lab_t *lab = lab_new(1, 0, 0);
    minke_mux_stream_t *ends[SIDES];
    for (int i = 0; i < SIDES; i++) {
        ends[i] = minke__mux_handshake_channel(lab->muxes[i]);
        assert_int_equal(minke__mux_write(ends[i], "hello", 5), 5);
    }
    const uint8_t *data;
    while (minke__mux_peek(ends[0], &data) <= 0 || minke__mux_peek(ends[1], &data) <= 0) assert_true(step(lab));
    assert_memory_equal(data, "hello", 5);
    for (int i = 0; i < SIDES; i++) assert_int_equal(minke__mux_consume(ends[i], 5), MINKE_OK);
    lab_free(lab);
}

static void test_256_streams_at_once(void **state)
{
    (void)state;
    lab_t *lab = lab_new(5, 5, MILLISECOND);
    connect(lab);
    for (size_t n = 0; n < 256; n++) start(lab->muxes[0], &lab->random, &jobs[n], 2000);
    run(lab, 256);
    settle_down(lab);
    assert_int_equal(minke__mux_stats(lab->muxes[0]).retired, 0);
    lab_free(lab);
}

/* The ids come back: soon on a clean path, after a retransmission where a RE-CONFIG may be lost. */
static void test_streams_in_sequence(void **state)
{
    (void)state;
    for (unsigned lossy = 0; lossy < 2; lossy++) {
        lab_t *lab = lab_new(6, lossy * 10, MILLISECOND);
        connect(lab);
        uint16_t highest = 0;
        for (int i = 0; i < 400; i++) {
            start(lab->muxes[0], &lab->random, &jobs[0], 32);
            const uint16_t id = minke__mux_stream_channel(jobs[0].stream);
            if (id > highest) highest = id;
            run(lab, 1);
        }
        assert_in_range(highest, 2 * 400 - 2, 2 * 400 + 2); /* none comes back while others were never used */
        settle_down(lab);
        assert_int_equal(minke__mux_stats(lab->muxes[0]).retired, 0);
        lab_free(lab);
    }
}

static void test_reset_in_the_middle(void **state)
{
    (void)state;
    for (int by = 0; by < SIDES; by++) {
        lab_t *lab = lab_new(7, 0, 0);
        connect(lab);
        start(lab->muxes[0], &lab->random, &jobs[0], 1 << 20);
        while (jobs[0].received < 50000) assert_true(step(lab));
        minke_mux_stream_t *stream = jobs[0].stream;
        if (by == 1) stream = minke__handles_get(&lab->handles[1], UINT64_C(1) << 24);
        assert_non_null(stream);
        assert_int_equal(minke__mux_reset(stream, 5), MINKE_OK);
        while (!jobs[0].closed) assert_true(step(lab));
        assert_int_equal(jobs[0].error, MINKE_ERROR_STREAM_RESET);
        settle_down(lab);
        lab_free(lab);
    }
}

/* Private connections: "init" is no stream, its id comes back, and streams go on beside it. */
static void test_init_channel(void **state)
{
    (void)state;
    for (int by = 0; by < SIDES; by++) {
        for (unsigned lossy = 0; lossy < 2; lossy++) {
            lab_t *lab = lab_new_as(9, lossy * 50, MILLISECOND, false);
            connect(lab);
            assert_int_equal(minke__mux_open_init(lab->muxes[by]), MINKE_OK);
            start(lab->muxes[0], &lab->random, &jobs[0], 20000);
            assert_int_equal(minke__mux_stream_channel(jobs[0].stream), by == 0 ? 2 : 0);
            run(lab, 1);
            settle_down(lab);
            assert_int_equal(minke__mux_stats(lab->muxes[by]).retired, 0);
            assert_int_equal(minke__mux_stats(lab->muxes[1]).inbound, 0);
            start(lab->muxes[0], &lab->random, &jobs[0], 10);
            run(lab, 1);
            lab_free(lab);
        }
    }
}

/* Everything goes at once, with messages, resets and unread bytes under way. */
static void test_freed_at_any_time(void **state)
{
    (void)state;
    for (int steps = 0; steps < 120; steps += 3) {
        lab_t *lab = lab_new(8, 50, MILLISECOND);
        connect(lab);
        for (size_t n = 0; n < 6; n++) start(lab->muxes[0], &lab->random, &jobs[n], 30000 * (n % 3));
        for (int i = 0; i < steps; i++) {
            if (i == 20 && jobs[5].stream != NULL) assert_int_equal(minke__mux_reset(jobs[5].stream, 1), MINKE_OK);
            assert_true(step(lab));
        }
        if (steps % 2 == 0) minke__mux_fail(lab->muxes[steps / 2 % 2]);
        lab_free(lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake_channel),   cmocka_unit_test(test_echo),
        cmocka_unit_test(test_256_streams_at_once), cmocka_unit_test(test_streams_in_sequence),
        cmocka_unit_test(test_reset_in_the_middle), cmocka_unit_test(test_freed_at_any_time),
        cmocka_unit_test(test_init_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
