/* What a circuit may take, to the byte and to the microsecond; that one does not hold up the others; and that those who
 * only ask cost little and not for long. The streams of both ends are raw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay_scene.h"

#define SECOND ((minke_time_t)RELAY_SECOND)

enum { MILLISECOND = RELAY_MILLISECOND, KIB = 1024 };

static relay_scene_t scene;

static void defaults(relay_scene_options_t *options)
{
    relay_scene_defaults(options);
    options->raw_source = options->raw_target = options->quiet = true;
}

static void begin(const relay_scene_options_t *options, relay_stream_t **hop, relay_stream_t **stop)
{
    relay_set_up(&scene, options);
    relay_join(&scene, hop, stop);
}

static void end(void)
{
    relay_run(&scene, 40 * SECOND);
    relay_assert_idle(&scene);
    relay_tear_down(&scene);
}

/* ---- bytes */

static void a_circuit_passes_what_it_may_and_not_a_byte_more(void **state)
{
    (void)state;
    static const uint64_t limits[] = {1, 2, 1000, 16384, 65536, 65537, 131072};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        for (int side = 0; side < 4; side++) { /* who goes too far, and with which kind of connection */
            relay_scene_options_t options;
            relay_stream_t *hop, *stop;
            const size_t limit = (size_t)limits[i];
            defaults(&options);
            options.relay.circuit_bytes = limit;
            options.tcp = side >= 2;
            begin(&options, &hop, &stop);
            const size_t hop_head = hop->pattern_from, stop_head = stop->pattern_from;
            relay_pour(&scene, scene.source, hop, limit);
            relay_pour(&scene, scene.target, stop, limit);
            assert_true(relay_wait_read(&scene, hop, hop_head + limit, 10 * SECOND));
            assert_true(relay_wait_read(&scene, stop, stop_head + limit, 10 * SECOND));
            relay_run(&scene, 5 * SECOND);
            assert_true(!hop->closed && !stop->closed && !hop->wrong && !stop->wrong);
            assert_int_equal(relay_statistics(&scene)->bytes_relayed, 2 * limit);
            relay_pour(&scene, side % 2 ? scene.target : scene.source, side % 2 ? stop : hop, 1);
            assert_true(relay_wait_closed(&scene, hop, SECOND));
            assert_true(relay_wait_closed(&scene, stop, SECOND));
            assert_int_equal(hop->error, MINKE_ERROR_STREAM_RESET);
            assert_int_equal(stop->error, MINKE_ERROR_STREAM_RESET);
            assert_int_equal(hop->read - hop_head, limit);
            assert_int_equal(stop->read - stop_head, limit);
            const minke_relay_statistics_t *statistics = relay_statistics(&scene);
            assert_int_equal(statistics->bytes_relayed, 2 * limit);
            assert_int_equal(statistics->circuits_ended[MINKE_RELAY_ENDED_BY_BYTES], 1);
            assert_int_equal(statistics->circuits_ended[MINKE_RELAY_ENDED_BY_PEERS], 0);
            end();
        }
    }
}

/* All that is allowed, and the end behind it: that is no byte more. */
static void an_end_costs_nothing(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        relay_scene_options_t options;
        relay_stream_t *hop, *stop;
        defaults(&options);
        options.relay.circuit_bytes = 5000;
        options.tcp = tcp;
        begin(&options, &hop, &stop);
        const size_t hop_head = hop->pattern_from, stop_head = stop->pattern_from;
        relay_pour(&scene, scene.source, hop, 5000);
        relay_finish(&scene, scene.source, hop);
        relay_run(&scene, 2 * SECOND);
        assert_true(stop->end_seen && !stop->closed && !hop->closed);
        relay_pour(&scene, scene.target, stop, 5000);
        relay_finish(&scene, scene.target, stop);
        assert_true(relay_wait_closed(&scene, hop, 20 * SECOND));
        assert_true(relay_wait_closed(&scene, stop, 20 * SECOND));
        assert_int_equal(hop->error, MINKE_OK);
        assert_int_equal(stop->error, MINKE_OK);
        assert_true(hop->read - hop_head == 5000 && stop->read - stop_head == 5000 && !hop->wrong && !stop->wrong);
        assert_int_equal(relay_statistics(&scene)->circuits_ended[MINKE_RELAY_ENDED_BY_PEERS], 1);
        end();
    }
}

/* Either end may be the first to have said all, at once or much later. */
static void a_circuit_is_half_closed_in_either_order(void **state)
{
    (void)state;
    for (int how = 0; how < 16; how++) {
        relay_scene_options_t options;
        relay_stream_t *hop, *stop;
        defaults(&options);
        options.tcp = (how & 4) != 0;
        /* The last byte of 64 KiB is the last of a turn's share as well. */
        const size_t bytes = (how & 8) != 0 ? 65536 : 100000;
        begin(&options, &hop, &stop);
        sim_endpoint_t *const ends[] = {scene.source, scene.target};
        relay_stream_t *const streams[] = {hop, stop};
        const size_t heads[] = {hop->pattern_from, stop->pattern_from};
        for (int turn = 0; turn < 2; turn++) {
            const int i = turn ^ (how & 1);
            relay_pour(&scene, ends[i], streams[i], bytes);
            relay_finish(&scene, ends[i], streams[i]);
            if ((how & 2) != 0) relay_run(&scene, 15 * SECOND);
        }
        assert_true(relay_wait_closed(&scene, hop, 20 * SECOND));
        assert_true(relay_wait_closed(&scene, stop, 20 * SECOND));
        for (int i = 0; i < 2; i++) {
            assert_int_equal(streams[i]->error, MINKE_OK);
            assert_int_equal(streams[i]->read - heads[i], bytes);
            assert_true(streams[i]->end_seen && !streams[i]->wrong);
        }
        assert_int_equal(relay_statistics(&scene)->circuits_ended[MINKE_RELAY_ENDED_BY_PEERS], 1);
        end();
    }
}

/* What the target says right behind its agreement, and the source before it, belongs to the circuit. */
static void bytes_that_are_in_a_hurry_are_not_lost(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        uint8_t message[256];
        relay_scene_options_t options;
        relay_stream_t *hop, *stop;
        defaults(&options);
        options.tcp = tcp;
        begin(&options, &hop, &stop);
        hop = relay_open(&scene, scene.source, hop->connection, RELAY_HOP);
        size_t len = relay_hop_connect(scene.target_id, message);
        memcpy(message + len, "knock, knock", 12);
        relay_write(&scene, scene.source, hop, message, len + 12);
        assert_true(relay_wait_streams(&scene, scene.target, 3, SECOND));
        stop = &relay_app(scene.target)->streams[2];
        assert_true(relay_wait_read(&scene, stop, 1, SECOND));
        relay_run(&scene, SECOND);
        const size_t head = 1u + stop->first[0];
        assert_int_equal(stop->read, head); /* not before it has agreed */
        len = relay_stop_status(MINKE_RELAY_STATUS_OK, message);
        memcpy(message + len, "who is there?", 13);
        relay_write(&scene, scene.target, stop, message, len + 13);
        assert_true(relay_wait_read(&scene, stop, head + 12, SECOND));
        assert_memory_equal(stop->first + head, "knock, knock", 12);
        assert_true(relay_wait_read(&scene, hop, 14, SECOND));
        assert_true(relay_wait_read(&scene, hop, 1u + hop->first[0] + 13, SECOND));
        assert_memory_equal(hop->first + 1 + hop->first[0], "who is there?", 13);
        relay_reset(&scene, scene.source, hop);
        relay_run(&scene, 121 * SECOND);
        end();
    }
}

/* ---- time */

static void a_circuit_lives_as_long_as_it_may(void **state)
{
    (void)state;
    static const minke_time_t spans[] = {1, 1000, 1000000, 120000000};
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        relay_scene_options_t options;
        relay_stream_t *hop, *stop;
        defaults(&options);
        options.relay.circuit_after = spans[i];
        options.link.delay = 10 * MILLISECOND;
        relay_set_up(&scene, &options);
        if (spans[i] < 1000000) { /* over before the source has read that it has begun */
            uint8_t message[128];
            const minke_connection_t of_target = relay_connect(&scene, scene.target, scene.relay_addr);
            relay_stream_t *reserve = relay_open(&scene, scene.target, of_target, RELAY_HOP);
            relay_write_hex(&scene, scene.target, reserve, "020800");
            assert_true(relay_wait_closed(&scene, reserve, 30 * SECOND));
            hop = relay_open(&scene, scene.source, relay_connect(&scene, scene.source, scene.relay_addr), RELAY_HOP);
            relay_write(&scene, scene.source, hop, message, relay_hop_connect(scene.target_id, message));
            assert_true(relay_wait_streams(&scene, scene.target, 2, SECOND));
            stop = &relay_app(scene.target)->streams[1];
            relay_write(&scene, scene.target, stop, message, relay_stop_status(MINKE_RELAY_STATUS_OK, message));
            assert_true(relay_wait_closed(&scene, hop, SECOND));
            assert_true(relay_wait_closed(&scene, stop, SECOND));
            assert_int_equal(relay_statistics(&scene)->circuits_ended[MINKE_RELAY_ENDED_BY_TIME], 1);
            end();
            continue;
        }
        relay_join(&scene, &hop, &stop);
        /* The source has heard of it one way after it began. */
        const minke_time_t begun_at = hop->read_at - 10 * MILLISECOND;
        relay_run(&scene, begun_at + spans[i] - 1 - scene.world.now);
        assert_int_equal(relay_statistics(&scene)->circuits, 1);
        relay_run(&scene, 1);
        assert_int_equal(relay_statistics(&scene)->circuits, 0);
        assert_int_equal(relay_statistics(&scene)->circuits_ended[MINKE_RELAY_ENDED_BY_TIME], 1);
        relay_run(&scene, 10 * MILLISECOND);
        assert_true(hop->closed && stop->closed);
        assert_int_equal(hop->error, MINKE_ERROR_STREAM_RESET);
        assert_int_equal(stop->error, MINKE_ERROR_STREAM_RESET);
        end();
    }
}

static void no_limit_is_none(void **state)
{
    (void)state;
    relay_scene_options_t options;
    relay_stream_t *hop, *stop;
    defaults(&options);
    options.relay.circuit_after = options.relay.circuit_bytes = 0;
    begin(&options, &hop, &stop);
    static const uint8_t agreed[] = {4, 8, 2, 0x28, 100}; /* and no limit in it */
    assert_true(relay_has_read(hop, agreed, sizeof agreed));
    relay_pour(&scene, scene.source, hop, 5 << 20);
    assert_true(relay_wait_read(&scene, stop, stop->pattern_from + (5 << 20), 60 * SECOND));
    relay_run(&scene, 86400 * SECOND);
    assert_true(!hop->closed && !stop->closed && !stop->wrong);
    assert_int_equal(relay_statistics(&scene)->circuits, 1);
    relay_tear_down(&scene);
}

/* ---- one and the others */

static size_t memory_of_relay(void) { return minke_transport_memory(scene.relay->transport); }

/* Bytes wait where they are: the relay holds what two streams may, the sender is told to wait, the others go on. */
static void a_slow_reader_stops_its_own_circuit(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        relay_scene_options_t options;
        relay_stream_t *hop, *stop, *slow_hop, *slow_stop;
        defaults(&options);
        options.tcp = tcp;
        options.relay.circuit_after = options.relay.circuit_bytes = 0;
        begin(&options, &hop, &stop);
        relay_join_more(&scene, scene.source, scene.target, &slow_hop, &slow_stop);
        relay_run(&scene, SECOND);
        const size_t before = memory_of_relay();
        slow_stop->ignores = true;
        relay_pour(&scene, scene.source, slow_hop, 64 << 20);
        size_t most = 0;
        for (int i = 0; i < 300; i++) {
            relay_run(&scene, 100 * MILLISECOND);
            if (memory_of_relay() > most) most = memory_of_relay();
        }
        assert_true(slow_hop->written < 16 << 20);
        assert_true(!slow_hop->closed && !slow_stop->closed);
        assert_true(most - before < 8 << 20); /* an SCTP receive window that has grown, and a send buffer */
        const uint64_t stuck_at = slow_hop->written;
        relay_run(&scene, 10 * SECOND);
        assert_int_equal(slow_hop->written, stuck_at);
        /* The other one is not concerned. */
        const minke_time_t asked_at = scene.world.now;
        relay_pour(&scene, scene.target, stop, 1000);
        assert_true(relay_wait_read(&scene, hop, hop->pattern_from + 1000, 2 * SECOND));
        /* yamux has a window for each stream; SCTP one for all of a connection, which what is unread here has filled.
         */
        if (tcp) relay_pour(&scene, scene.source, hop, 1000);
        if (tcp) assert_true(relay_wait_read(&scene, stop, stop->pattern_from + 1000, 2 * SECOND));
        assert_true(scene.world.now - asked_at < 200 * MILLISECOND);
        /* And it goes on where it stopped. */
        relay_drink(&scene, scene.target, slow_stop);
        assert_true(relay_wait_read(&scene, slow_stop, slow_stop->pattern_from + (64 << 20), 600 * SECOND));
        assert_false(slow_stop->wrong);
        relay_reset(&scene, scene.source, hop);
        relay_reset(&scene, scene.source, slow_hop);
        relay_run(&scene, 40 * SECOND);
        assert_true(memory_of_relay() < before + (2 << 20) + 128 * KIB); /* blocks are kept */
        end();
    }
}

/* Fifty that send a little, beside one that sends all it can between two others. */
static void a_greedy_circuit_leaves_the_others_their_turn(void **state)
{
    (void)state;
    enum { SMALL_N = 50 };
    relay_scene_options_t options;
    relay_stream_t *greedy_hop, *greedy_stop, *hops[SMALL_N], *stops[SMALL_N];
    defaults(&options);
    options.relay.circuit_after = options.relay.circuit_bytes = options.relay.circuits_per_peer_max = 0;
    options.link.bits_per_second = 50000000;
    options.link.queue = 256 * KIB;
    begin(&options, &greedy_hop, &greedy_stop);
    relay_pour(&scene, scene.source, greedy_hop, UINT64_C(1) << 40);
    sim_endpoint_t *from = relay_add(&scene, "192.0.2.4", true), *to = relay_add(&scene, "192.0.2.5", true);
    relay_stream_t *reserve = relay_open(&scene, to, relay_connect(&scene, to, scene.relay_addr), RELAY_HOP);
    relay_write_hex(&scene, to, reserve, "020800");
    assert_true(relay_wait_closed(&scene, reserve, 30 * SECOND));
    (void)relay_connect(&scene, from, scene.relay_addr);
    for (int i = 0; i < SMALL_N; i++) {
        relay_join_more(&scene, from, to, &hops[i], &stops[i]);
        stops[i]->echoes = true;
    }
    for (int round = 0; round < 20; round++) {
        const minke_time_t asked_at = scene.world.now;
        const size_t greedy = greedy_stop->read;
        for (int i = 0; i < SMALL_N; i++) relay_pour(&scene, from, hops[i], 100);
        for (int i = 0; i < SMALL_N; i++) {
            const size_t wanted = hops[i]->pattern_from + 100u * (unsigned)(round + 1);
            assert_true(relay_wait_read(&scene, hops[i], wanted, SECOND));
        }
        /* Four ways of 10 ms, and next to nothing for the turns. */
        assert_in_range(scene.world.now - asked_at, 40 * MILLISECOND, 45 * MILLISECOND);
        assert_true(greedy_stop->read > greedy);
    }
    for (int i = 0; i < SMALL_N; i++) assert_false(hops[i]->wrong);
    assert_false(greedy_stop->wrong);
    relay_tear_down(&scene);
}

/* ---- those who only ask */

enum { NEVER_ASK, ASK_HALF, ASK_FOR_SILENCE, HALF_OPEN_KINDS };

static void half_open_requests_end_by_themselves(void **state)
{
    (void)state;
    for (int kind = 0; kind < HALF_OPEN_KINDS; kind++) {
        relay_scene_options_t options;
        relay_stream_t *hop, *stop;
        uint8_t message[128];
        defaults(&options);
        options.relay.circuits_per_peer_max = 0;
        options.relay.circuits_max = 400;
        begin(&options, &hop, &stop);
        relay_run(&scene, SECOND);
        const size_t before = memory_of_relay();
        sim_endpoint_t *others[] = {relay_add(&scene, "192.0.2.4", true), relay_add(&scene, "192.0.2.5", true)};
        size_t tried = 0;
        for (size_t k = 0; k < 2; k++) {
            const minke_connection_t connection = relay_connect(&scene, others[k], scene.relay_addr);
            for (size_t i = 0; i < 500; i++, tried++) {
                relay_stream_t *stream = relay_open(&scene, others[k], connection, RELAY_HOP);
                const size_t len = relay_hop_connect(scene.target_id, message);
                if (kind == ASK_HALF) relay_write(&scene, others[k], stream, message, len / 2);
                if (kind == ASK_FOR_SILENCE) relay_write(&scene, others[k], stream, message, len);
                if (i % 50 == 49) relay_run(&scene, 20 * MILLISECOND);
            }
        }
        relay_run(&scene, 500 * MILLISECOND);
        assert_true(memory_of_relay() - before < 1000 * 4 * KIB);
        if (kind == ASK_FOR_SILENCE) assert_true(relay_statistics(&scene)->circuits_asking <= 400);
        /* Others are served. */
        const minke_time_t asked_at = scene.world.now;
        relay_pour(&scene, scene.source, hop, 1000);
        assert_true(relay_wait_read(&scene, stop, stop->pattern_from + 1000, SECOND));
        assert_true(scene.world.now - asked_at < 50 * MILLISECOND);
        relay_stream_t *stream = relay_open(&scene, scene.source, hop->connection, RELAY_HOP);
        relay_write_hex(&scene, scene.source, stream, "020800");
        assert_true(relay_wait_read(&scene, stream, 10, SECOND));
        relay_run(&scene, (kind == ASK_FOR_SILENCE ? 42 : 11) * SECOND);
        for (size_t k = 0; k < 2; k++) {
            const relay_app_t *app = relay_app(others[k]);
            for (size_t i = 0; i < app->streams_n; i++) assert_true(app->streams[i].closed);
        }
        assert_int_equal(relay_statistics(&scene)->circuits_asking, 0);
        assert_true(memory_of_relay() < before + 256 * KIB); /* two connections more, and tables that have grown */
        relay_reset(&scene, scene.source, hop);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_circuit_passes_what_it_may_and_not_a_byte_more),
        cmocka_unit_test(an_end_costs_nothing),
        cmocka_unit_test(a_circuit_is_half_closed_in_either_order),
        cmocka_unit_test(bytes_that_are_in_a_hurry_are_not_lost),
        cmocka_unit_test(a_circuit_lives_as_long_as_it_may),
        cmocka_unit_test(no_limit_is_none),
        cmocka_unit_test(a_slow_reader_stops_its_own_circuit),
        cmocka_unit_test(a_greedy_circuit_leaves_the_others_their_turn),
        cmocka_unit_test(half_open_requests_end_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
