/* Windows and buffers that follow the path and the application, by whole transports in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bulk.h"

enum { MILLISECOND = 1000, SECOND = 1000000, KIB = 1024, MIB = 1 << 20 };

typedef struct scene {
    sim_world_t world;
    sim_endpoint_t *listener, *dialer;
    sim_bulk_t reader, sender;
} scene_t;

static void set_up(scene_t *s, const minke_transport_options_t *options, sim_link_t link, unsigned streams)
{
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 5);
    s->listener = sim_world_add(&s->world, "192.0.2.1", options, 1);
    s->dialer = sim_world_add(&s->world, "192.0.2.2", options, 2);
    s->sender = (sim_bulk_t){.sends = true, .streams_n = streams};
    s->listener->on_event = s->dialer->on_event = sim_bulk_event;
    s->listener->user = &s->reader;
    s->dialer->user = &s->sender;
    sim_world_join(&s->world, s->dialer, s->listener, &link);
    sim_listen(&s->world, s->listener, 9090);
    minke_connection_t connection;
    assert_int_equal(sim_dial(s->dialer->transport, s->listener->addr, 2, s->world.now, &connection), MINKE_OK);
}

static void run(scene_t *s, minke_time_t span)
{
    (void)sim_world_run(&s->world, s->world.now + span, NULL, NULL);
    assert_false(s->reader.closed || s->sender.closed);
}

/* A reader with a rate, a hundred turns per second. */
static void run_slowly(scene_t *s, minke_time_t span)
{
    for (minke_time_t t = 0; t < span; t += 10 * MILLISECOND) {
        s->reader.allowed += s->reader.rate / 100;
        s->listener->now = s->world.now;
        sim_bulk_read(&s->reader, s->listener);
        run(s, 10 * MILLISECOND);
    }
}

/* Share of the link that user data gets in the seconds after the first ones. */
static double share(scene_t *s, uint64_t bits_per_second, minke_time_t begin, minke_time_t span)
{
    run(s, begin);
    const uint64_t before = s->reader.got;
    run(s, span);
    const double bits = 8.0 * (double)(s->reader.got - before);
    return bits / ((double)bits_per_second * (double)span / SECOND);
}

static void one_stream_fills_a_long_path(void **state)
{
    (void)state;
    static scene_t s;
    const uint64_t rate = 100000000;
    set_up(&s, NULL, sim_bulk_link(rate, 200 * MILLISECOND), 1);
    const double got = share(&s, rate, 10 * SECOND, 10 * SECOND);
    const minke_connection_stats_t in = sim_bulk_stats(&s.reader, s.listener);
    print_message("100 Mbit/s at 200 ms: %.1f %% of the link, receive window %u, unsent at most %zu\n", got * 100,
                  in.receive_window, s.sender.unsent_max);
    assert_true(got > 0.85);
    assert_true(in.receive_window >= 5 * MIB);
    assert_true(s.sender.unsent_max > 1 * MIB && s.sender.unsent_max <= 4 * MIB);
    sim_world_free(&s.world);
}

static void a_short_path_keeps_small_buffers(void **state)
{
    (void)state;
    static scene_t s;
    const uint64_t rate = 100000000;
    set_up(&s, NULL, sim_bulk_link(rate, 2 * MILLISECOND), 1);
    assert_true(share(&s, rate, 1 * SECOND, 3 * SECOND) > 0.85);
    assert_int_equal(sim_bulk_stats(&s.reader, s.listener).receive_window, 2 * MIB);
    assert_true(s.sender.unsent_max <= 256 * KIB);
    sim_world_free(&s.world);
}

/* 200 kB/s are read; 12.5 MB/s could come. */
static void a_slow_reader_promises_no_more(void **state)
{
    (void)state;
    static scene_t s;
    set_up(&s, NULL, sim_bulk_link(100000000, 200 * MILLISECOND), 1);
    s.reader.rate = 200000;
    run_slowly(&s, 30 * SECOND);
    const minke_connection_stats_t in = sim_bulk_stats(&s.reader, s.listener),
                                   out = sim_bulk_stats(&s.sender, s.dialer);
    assert_true(s.reader.got > 5000000);
    assert_int_equal(in.receive_window, 2 * MIB);
    assert_true(in.unread <= 2 * MIB + 64 * KIB && in.memory < 3 * MIB);
    assert_true(out.memory < 5 * MIB);
    sim_world_free(&s.world);
}

static void nobody_reads(void **state)
{
    (void)state;
    static scene_t s;
    set_up(&s, NULL, sim_bulk_link(100000000, 200 * MILLISECOND), 1);
    s.reader.rate = 1; /* a byte a second */
    run(&s, 10 * SECOND);
    const minke_connection_stats_t in = sim_bulk_stats(&s.reader, s.listener);
    assert_int_equal(in.receive_window, 2 * MIB);
    assert_true(in.memory < 3 * MIB);
    sim_world_free(&s.world);
}

/* Who was fast and then stops reading holds what was promised, and no more. */
static void a_reader_stops(void **state)
{
    (void)state;
    static scene_t s;
    set_up(&s, NULL, sim_bulk_link(100000000, 200 * MILLISECOND), 1);
    run(&s, 8 * SECOND);
    s.reader.rate = 1;
    s.reader.allowed = s.reader.got;
    run(&s, 10 * SECOND);
    const minke_connection_stats_t in = sim_bulk_stats(&s.reader, s.listener);
    assert_true(in.unread > 4 * MIB && in.unread <= 8 * MIB + 64 * KIB);
    assert_true(in.memory < 10 * MIB);
    s.reader.rate = 0;
    s.listener->now = s.world.now;
    const uint64_t before = s.reader.got;
    sim_bulk_read(&s.reader, s.listener);
    run(&s, 5 * SECOND);
    assert_true(s.reader.got - before > 20 * MIB); /* and it goes on */
    sim_world_free(&s.world);
}

/* The account bounds all of it. */
static void memory_caps_hold(void **state)
{
    (void)state;
    static scene_t s;
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.connection_memory_max = 4 * MIB;
    set_up(&s, &options, sim_bulk_link(100000000, 200 * MILLISECOND), SIM_BULK_STREAMS_MAX);
    run(&s, 10 * SECOND);
    const minke_connection_stats_t in = sim_bulk_stats(&s.reader, s.listener),
                                   out = sim_bulk_stats(&s.sender, s.dialer);
    assert_int_equal(in.receive_window, 1 * MIB);
    assert_true(in.memory <= 4 * MIB && out.memory <= 3 * MIB + 64 * KIB);
    assert_true(s.sender.unsent_max <= 1 * MIB + 64 * KIB);
    assert_int_equal(minke_transport_counters(s.dialer->transport)->memory_exhausted_connection, 0);
    assert_true(s.reader.got > 20 * MIB);
    sim_world_free(&s.world);
}

static void streams_share_a_long_path(void **state)
{
    (void)state;
    static scene_t s;
    set_up(&s, NULL, sim_bulk_link(100000000, 200 * MILLISECOND), SIM_BULK_STREAMS_MAX);
    run(&s, 15 * SECOND);
    uint64_t least = UINT64_MAX, most = 0;
    for (unsigned i = 0; i < SIM_BULK_STREAMS_MAX; i++) {
        if (s.reader.read[i] < least) least = s.reader.read[i];
        if (s.reader.read[i] > most) most = s.reader.read[i];
    }
    assert_true(least * 10 > most * 9);
    assert_true(s.sender.unsent_max <= 4 * MIB + 64 * KIB);
    sim_world_free(&s.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stream_fills_a_long_path),
        cmocka_unit_test(a_short_path_keeps_small_buffers),
        cmocka_unit_test(a_slow_reader_promises_no_more),
        cmocka_unit_test(nobody_reads),
        cmocka_unit_test(a_reader_stops),
        cmocka_unit_test(memory_caps_hold),
        cmocka_unit_test(streams_share_a_long_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
