/* Two muxes joined by a pipe that keeps order inside a direction and nothing else: everything moves at random times. */
#include "unit/stream/echo.h"
#include "unit/stream/fixture.h"

enum { SIDES = 2, IN_FLIGHT_MAX = 24 };

typedef struct side {
    minke_mux_t *mux;
    minke_sctp_t *sctp;
    minke_handles_t handles;
    const minke_message_t *undelivered; /* the first such among those pulled */
    size_t offset;                      /* of what is delivered of it */
    size_t in_flight;
    uint16_t performed[1024]; /* resets that the other side has seen, their answers still under way */
    size_t performed_n;
} side_t;

typedef struct pair {
    test_env_t test;
    uint64_t random;
    minke_time_t now;
    side_t sides[SIDES]; /* 0 dials */
} pair_t;

static size_t chance(pair_t *p, size_t n) { return (size_t)(test_random(&p->random) >> 20) % n; }

static pair_t *pair_new(uint64_t seed, const minke_mux_options_t *options)
{
    pair_t *p = calloc(1, sizeof *p);
    test_env_init(&p->test, seed);
    p->random = seed * 77 + 1;
    for (int i = 0; i < SIDES; i++) {
        side_t *side = &p->sides[i];
        minke_mux_options_t mine;
        if (options != NULL) mine = *options;
        else minke__mux_options_defaults(&mine);
        mine.handshake_channel = true;
        mine.dtls_client = i == 0;
        minke__handles_init(&side->handles, &p->test.env);
        side->mux = minke__mux_new(&p->test.env, &mine, &side->handles, (minke_connection_t)i);
        assert_non_null(side->mux);
        side->sctp = malloc(sizeof *side->sctp);
        fake_init(side->sctp, &p->test.env, side->mux);
        side->sctp->streams = 1024;
        minke__mux_surface(side->mux);
    }
    return p;
}

static void pair_free(pair_t *p)
{
    for (int i = 0; i < SIDES; i++) {
        side_t *side = &p->sides[i];
        assert_int_equal(side->sctp->delivered - side->sctp->consumed, minke__mux_stats(side->mux).unread);
        minke__mux_fail(side->mux);
        fake_end(side->sctp);
        minke__mux_free(side->mux);
        assert_int_equal(side->handles.count, 0);
        minke__handles_free(&side->handles);
        free(side->sctp);
    }
    assert_int_equal(p->test.blocks, 0);
    free(p);
}

/* ---- the pipe */

static bool pull_one(side_t *from)
{
    if (from->in_flight == IN_FLIGHT_MAX) return false;
    const minke_message_t *message = fake_pull(from->sctp);
    if (message == NULL) return false;
    from->in_flight++;
    if (from->undelivered == NULL) from->undelivered = message;
    return true;
}

static bool deliver_some(pair_t *p, side_t *from, side_t *to)
{
    const minke_message_t *message = from->undelivered;
    if (message == NULL) return false;
    const size_t left = message->end - message->start - from->offset;
    size_t n = chance(p, 4) == 0 ? 1 + chance(p, 20) : 1100;
    if (n > left) n = left;
    const bool begin = from->offset == 0, end = n == left;
    fake_piece(to->sctp, message->stream_id, message->ppid, message->bytes + message->start + from->offset, n, begin,
               end);
    from->offset += n;
    if (!end) return true;
    from->offset = 0;
    from->undelivered = message->next;
    return true;
}

static bool ack_one(side_t *from)
{
    if (from->sctp->pulled_first == NULL || from->sctp->pulled_first == from->undelivered) return false;
    from->in_flight--;
    return fake_ack(from->sctp);
}

static bool contains(const uint16_t *ids, size_t n, uint16_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == id) return true;
    }
    return false;
}

/* The request of a reset arrives; it left after everything pulled for the id had been acknowledged. */
static bool reset_one(pair_t *p, side_t *from, side_t *to)
{
    if (from->sctp->resets_n == 0) return false;
    const uint16_t id = from->sctp->resets[chance(p, from->sctp->resets_n)];
    if (contains(from->performed, from->performed_n, id)) return false;
    for (const minke_message_t *m = from->sctp->pulled_first; m != NULL; m = m->next) {
        if (m->stream_id == id) return false;
    }
    fake_peer_reset(to->sctp, id);
    from->performed[from->performed_n++] = id;
    return true;
}

static bool answer_one(pair_t *p, side_t *from)
{
    if (from->performed_n == 0) return false;
    const size_t i = chance(p, from->performed_n);
    const uint16_t id = from->performed[i];
    from->performed[i] = from->performed[--from->performed_n];
    fake_reset_done(from->sctp, id, MINKE_SCTP_RESET_PERFORMED);
    return true;
}

/* One random thing happens; false: nothing can any more. */
static bool step(pair_t *p)
{
    const size_t first = chance(p, 10);
    for (size_t i = 0; i < 10; i++) {
        const size_t what = (first + i) % 10;
        side_t *from = &p->sides[what % 2], *to = &p->sides[1 - what % 2];
        bool done = false;
        switch (what / 2) {
        case 0: done = pull_one(from); break;
        case 1: done = deliver_some(p, from, to); break;
        case 2: done = ack_one(from); break;
        case 3: done = reset_one(p, from, to); break;
        default: done = answer_one(p, from); break;
        }
        if (done) return true;
    }
    return false;
}

/* When nothing can happen, time passes; false: not even that would help. */
static bool step_or_wait(pair_t *p)
{
    if (step(p)) return true;
    minke_time_t next = MINKE_TIME_NEVER;
    for (int i = 0; i < SIDES; i++) {
        const minke_time_t at = minke__mux_deadline(p->sides[i].mux);
        if (at < next) next = at;
    }
    if (next == MINKE_TIME_NEVER) return false;
    p->now = next;
    for (int i = 0; i < SIDES; i++) minke__mux_tick(p->sides[i].mux, p->now);
    return true;
}

/* ---- echoes */

static void events(pair_t *p)
{
    dialer_events(p->sides[0].mux, &p->random);
    listener_events(p->sides[1].mux);
}

static void run(pair_t *p, size_t n)
{
    while (!all_closed(n)) {
        const bool moved = step(p);
        if (moved && chance(p, 8) != 0) continue;
        events(p);
        if (!moved && !all_closed(n)) assert_true(step_or_wait(p));
    }
    check_jobs(n);
}

/* All streams and channels are gone, on both sides. */
static void settle_down(pair_t *p)
{
    do {
        events(p);
    } while (step_or_wait(p));
    for (int i = 0; i < SIDES; i++) {
        check_empty(p->sides[i].mux);
        assert_int_equal(minke__mux_stats(p->sides[i].mux).retired, 0);
    }
}

static void test_half_close_echo(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        pair_t *p = pair_new(seed, NULL);
        for (size_t i = 0; i < 3; i++)
            start(p->sides[0].mux, &p->random, &jobs[i], seed % 3 == 0 ? chance(p, 1 << 20) : chance(p, 60000));
        run(p, 3);
        /* Nobody had to wait for a timer. */
        assert_true(p->now < 10 * SECOND);
        settle_down(p);
        pair_free(p);
    }
}

static void test_256_streams_at_once(void **state)
{
    (void)state;
    pair_t *p = pair_new(99, NULL);
    for (size_t i = 0; i < 256; i++) start(p->sides[0].mux, &p->random, &jobs[i], 4096);
    run(p, 256);
    settle_down(p);
    pair_free(p);
}

static void test_small_buffers(void **state)
{
    (void)state;
    minke_mux_options_t options;
    minke__mux_options_defaults(&options);
    options.send_buffer = 3000;
    options.send_buffer_total = 10000;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        pair_t *p = pair_new(seed, &options);
        for (size_t i = 0; i < 20; i++) start(p->sides[0].mux, &p->random, &jobs[i], chance(p, 50000));
        run(p, 20);
        settle_down(p);
        pair_free(p);
    }
}

/* js used 2 to 3 ids for the same (spec/peers-measured.md). */
static void test_2000_streams_in_sequence(void **state)
{
    (void)state;
    pair_t *p = pair_new(5, NULL);
    uint16_t highest = 0;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        job_t *job = &jobs[0];
        start(p->sides[0].mux, &p->random, job, 32);
        const uint16_t id = minke__mux_stream_channel(job->stream);
        if (id > highest) highest = id;
        run(p, 1);
    }
    assert_true(highest < 1024);
    settle_down(p);
    pair_free(p);
}

/* Both sides do anything at any time. What is left at the end is nothing. */
static void anything(pair_t *p, side_t *side, minke_mux_stream_t *stream)
{
    static const uint8_t bytes[3000] = {0};
    const uint8_t *data;
    ssize_t n;
    switch (chance(p, 12)) {
    case 0: (void)!minke__mux_finish(stream); break;
    case 1: (void)!minke__mux_stop(stream, (uint32_t)chance(p, 3)); break;
    case 2: (void)!minke__mux_reset(stream, (uint32_t)chance(p, 3)); break;
    case 3:
    case 4:
    case 5: (void)!minke__mux_write(stream, bytes, chance(p, sizeof bytes)); break;
    default:
        if ((n = minke__mux_peek(stream, &data)) > 0) (void)!minke__mux_consume(stream, 1 + chance(p, (size_t)n));
    }
    (void)side;
}

typedef struct crowd {
    minke_stream_t ids[64];
    size_t n;
} crowd_t;

static void crowd_events(side_t *side, crowd_t *crowd)
{
    minke_mux_event_t e;
    while (minke__mux_event(side->mux, &e)) {
        const minke_stream_t id = minke__mux_stream_id(e.stream);
        if (e.type == MINKE_MUX_STREAM_OPENED && crowd->n < 64) crowd->ids[crowd->n++] = id;
        else if (e.type == MINKE_MUX_STREAM_OPENED) (void)!minke__mux_reset(e.stream, 0);
        if (e.type != MINKE_MUX_STREAM_CLOSED) continue;
        for (size_t i = 0; i < crowd->n; i++) {
            if (crowd->ids[i] == id) crowd->ids[i--] = crowd->ids[--crowd->n];
        }
    }
}

static void crowd_act(pair_t *p, side_t *side, crowd_t *crowd)
{
    minke_mux_stream_t *stream;
    if (crowd->n < 40 && chance(p, 4) == 0 && minke__mux_open(side->mux, &stream) == MINKE_OK)
        crowd->ids[crowd->n++] = minke__mux_stream_id(stream);
    if (crowd->n == 0) return;
    stream = minke__handles_get(&side->handles, crowd->ids[chance(p, crowd->n)]);
    if (stream != NULL) anything(p, side, stream);
}

static void test_anything_goes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        pair_t *p = pair_new(seed, NULL);
        crowd_t crowds[SIDES] = {{.n = 0}};
        for (int round = 0; round < 4000; round++) {
            for (int i = 0; i < SIDES; i++) {
                crowd_act(p, &p->sides[i], &crowds[i]);
                crowd_events(&p->sides[i], &crowds[i]);
            }
            (void)step(p);
            if (chance(p, 200) != 0) continue;
            p->now += chance(p, 3 * SECOND);
            for (int i = 0; i < SIDES; i++) minke__mux_tick(p->sides[i].mux, p->now);
        }
        for (int i = 0; i < SIDES; i++) {
            while (crowds[i].n > 0) {
                minke_mux_stream_t *stream = minke__handles_get(&p->sides[i].handles, crowds[i].ids[--crowds[i].n]);
                if (stream != NULL) assert_int_equal(minke__mux_reset(stream, 0), MINKE_OK);
            }
        }
        minke_mux_event_t e;
        do {
            for (int i = 0; i < SIDES; i++) {
                while (minke__mux_event(p->sides[i].mux, &e)) {
                    if (e.type == MINKE_MUX_STREAM_OPENED) assert_int_equal(minke__mux_reset(e.stream, 0), MINKE_OK);
                }
            }
        } while (step_or_wait(p));
        for (int i = 0; i < SIDES; i++) check_empty(p->sides[i].mux);
        pair_free(p);
    }
}

/* ---- the n-th allocation fails, for every n */

static bool echo_without_memory(uint64_t fail_at)
{
    test_env_t test;
    test_env_init(&test, 3);
    test.fail_at = fail_at;
    minke_handles_t handles[SIDES];
    minke_mux_t *muxes[SIDES] = {NULL, NULL};
    pair_t *p = calloc(1, sizeof *p);
    p->random = 1;
    for (int i = 0; i < SIDES; i++) {
        minke_mux_options_t options;
        minke__mux_options_defaults(&options);
        options.handshake_channel = true;
        options.dtls_client = i == 0;
        minke__handles_init(&handles[i], &test.env);
        muxes[i] = minke__mux_new(&test.env, &options, &handles[i], 0);
    }
    bool complete = muxes[0] != NULL && muxes[1] != NULL;
    if (complete) {
        for (int i = 0; i < SIDES; i++) {
            side_t *side = &p->sides[i];
            side->mux = muxes[i];
            side->sctp = malloc(sizeof *side->sctp);
            fake_init(side->sctp, &test.env, side->mux);
            minke__mux_surface(side->mux);
        }
        minke_mux_stream_t *stream;
        minke_mux_event_t e;
        complete = minke__mux_open(muxes[0], &stream) == MINKE_OK;
        if (complete) {
            complete = minke__mux_write(stream, jobs, 20000) == 20000;
            (void)!minke__mux_finish(stream);
        }
        size_t received = 0;
        bool closed_well = false;
        do {
            listener_events(muxes[1]);
            while (minke__mux_event(muxes[0], &e)) {
                const uint8_t *data;
                ssize_t n;
                while ((n = minke__mux_peek(e.stream, &data)) > 0) {
                    received += (size_t)n;
                    assert_int_equal(minke__mux_consume(e.stream, (size_t)n), MINKE_OK);
                }
                if (e.type == MINKE_MUX_STREAM_CLOSED) closed_well = e.error == MINKE_OK;
            }
        } while (step_or_wait(p));
        complete = complete && closed_well && received == 20000;
    }
    for (int i = 0; i < SIDES; i++) {
        if (muxes[i] != NULL) minke__mux_fail(muxes[i]);
        if (p->sides[i].sctp != NULL) fake_end(p->sides[i].sctp);
        free(p->sides[i].sctp);
        if (muxes[i] != NULL) minke__mux_free(muxes[i]);
        minke__handles_free(&handles[i]);
    }
    free(p);
    assert_int_equal(test.blocks, 0);
    return complete && test.allocations < fail_at;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    uint64_t n = 1;
    while (!echo_without_memory(n)) {
        n++;
        assert_true(n < 1000);
    }
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_close_echo), cmocka_unit_test(test_256_streams_at_once),
        cmocka_unit_test(test_small_buffers),   cmocka_unit_test(test_2000_streams_in_sequence),
        cmocka_unit_test(test_anything_goes),   cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
