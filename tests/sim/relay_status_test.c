/* What a relay and a target answer, status by status and byte by byte; and what their clients make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/dial.h"
#include "host/hop.h"
#include "host/reservation.h"
#include "relay_scene.h"

#define SECOND ((minke_time_t)RELAY_SECOND)

enum { MILLISECOND = RELAY_MILLISECOND };

static relay_scene_t scene;
static minke_connection_t to_relay; /* the source's */

static void begin(const relay_scene_options_t *options)
{
    relay_scene_options_t raw;
    relay_scene_defaults(&raw);
    raw.raw_source = raw.raw_target = raw.quiet = true;
    relay_set_up(&scene, options != NULL ? options : &raw);
    to_relay = relay_connect(&scene, scene.source, scene.relay_addr);
}

static relay_stream_t *reserve_raw(sim_endpoint_t *e, minke_connection_t connection)
{
    relay_stream_t *stream = relay_open(&scene, e, connection, RELAY_HOP);
    relay_write_hex(&scene, e, stream, "020800");
    assert_true(relay_wait_read(&scene, stream, 5, 5 * SECOND));
    return stream;
}

/* The status is the last field of a message of ours. */
static bool is_ok(const relay_stream_t *stream)
{
    return stream->read > 2 && memcmp(stream->first + stream->read - 2, "\x28\x64", 2) == 0;
}

static relay_stream_t *connect_raw(sim_endpoint_t *e, minke_connection_t connection, const char *peer)
{
    uint8_t message[128];
    relay_stream_t *stream = relay_open(&scene, e, connection, RELAY_HOP);
    relay_write(&scene, e, stream, message, relay_hop_connect(peer, message));
    return stream;
}

/* The status alone, then the end. */
static void assert_hop_answer(relay_stream_t *stream, minke_relay_status_t status, minke_time_t within)
{
    uint8_t expected[16];
    const size_t len = relay_hop_status(status, expected);
    assert_true(relay_wait_read(&scene, stream, len, within));
    relay_run(&scene, 100 * MILLISECOND);
    assert_true(relay_has_read(stream, expected, len));
    assert_true(stream->end_seen);
}

static void assert_idle_soon(void)
{
    relay_run(&scene, 20 * SECOND);
    relay_assert_idle(&scene);
    relay_tear_down(&scene);
}

static uint64_t refused(const uint64_t *by_status, minke_relay_status_t status)
{
    return by_status[minke__relay_status_index(status)];
}

/* ---- the relay */

static void nobody_without_a_reservation_can_be_called(void **state)
{
    (void)state;
    begin(NULL);
    (void)relay_connect(&scene, scene.target, scene.relay_addr);
    assert_hop_answer(connect_raw(scene.source, to_relay, scene.target_id), MINKE_RELAY_STATUS_NO_RESERVATION, SECOND);
    assert_int_equal(refused(relay_statistics(&scene)->circuits_refused, MINKE_RELAY_STATUS_NO_RESERVATION), 1);
    assert_idle_soon();
}

static void a_full_relay_refuses_reservations(void **state)
{
    (void)state;
    relay_scene_options_t options;
    relay_scene_defaults(&options);
    options.quiet = true;
    options.relay.reservations_max = 1;
    begin(&options);
    const minke_connection_t other = relay_connect(&scene, scene.target, scene.relay_addr);
    assert_true(is_ok(reserve_raw(scene.source, to_relay)));
    assert_hop_answer(reserve_raw(scene.target, other), MINKE_RELAY_STATUS_RESERVATION_REFUSED, SECOND);
    assert_int_equal(refused(relay_statistics(&scene)->reservations_refused, MINKE_RELAY_STATUS_RESERVATION_REFUSED),
                     1);
    assert_idle_soon();
}

static void an_address_that_has_its_share_is_refused(void **state)
{
    (void)state;
    relay_scene_options_t options;
    relay_scene_defaults(&options);
    options.quiet = true;
    options.relay.reservations_per_address_max = 1;
    begin(&options);
    sim_endpoint_t *neighbour = relay_add(&scene, "192.0.2.3", true); /* behind the NAT of the source */
    neighbour->next_port = 50000;
    const minke_connection_t of_neighbour = relay_connect(&scene, neighbour, scene.relay_addr);
    const minke_connection_t of_target = relay_connect(&scene, scene.target, scene.relay_addr);
    assert_true(is_ok(reserve_raw(scene.source, to_relay)));
    assert_hop_answer(reserve_raw(neighbour, of_neighbour), MINKE_RELAY_STATUS_RESERVATION_REFUSED, SECOND);
    assert_true(is_ok(reserve_raw(scene.target, of_target)));
    assert_true(is_ok(reserve_raw(scene.source, to_relay))); /* renewed */
    assert_int_equal(relay_statistics(&scene)->reservations, 2);
    assert_idle_soon();
}

static void too_many_circuits_are_refused(void **state)
{
    (void)state;
    for (int in_all = 0; in_all < 2; in_all++) {
        relay_scene_options_t options;
        relay_stream_t *hop, *stop;
        relay_scene_defaults(&options);
        options.raw_target = options.raw_source = options.quiet = true;
        if (in_all) options.relay.circuits_max = 1;
        else options.relay.circuits_per_peer_max = 1;
        relay_set_up(&scene, &options);
        relay_join(&scene, &hop, &stop);
        to_relay = hop->connection;
        assert_hop_answer(connect_raw(scene.source, to_relay, scene.target_id),
                          MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED, SECOND);
        relay_reset(&scene, scene.target, stop);
        assert_true(relay_wait_closed(&scene, hop, SECOND));
        relay_join_more(&scene, scene.source, scene.target, &hop, &stop); /* there is room again */
        relay_reset(&scene, scene.source, hop);
        assert_true(relay_wait_closed(&scene, stop, SECOND));
        assert_int_equal(stop->error, MINKE_ERROR_STREAM_RESET);
        assert_idle_soon();
    }
}

static void nobody_calls_himself(void **state)
{
    (void)state;
    begin(NULL);
    (void)reserve_raw(scene.source, to_relay);
    assert_hop_answer(connect_raw(scene.source, to_relay, scene.source_id), MINKE_RELAY_STATUS_PERMISSION_DENIED,
                      SECOND);
    assert_idle_soon();
}

/* The target is a relay itself, and is asked over a circuit of the first one. */
static void nothing_is_relayed_twice(void **state)
{
    (void)state;
    relay_scene_options_t options;
    relay_scene_defaults(&options);
    options.host.relay = options.relay;
    options.host.relay.serve = true;
    relay_set_up(&scene, &options);
    relay_reserve(&scene, scene.target);
    assert_int_equal(minke__node_allow_limited(scene.source->node, RELAY_HOP), MINKE_OK);
    const minke_connection_t over_circuit = relay_connect(&scene, scene.source, scene.circuit);
    assert_hop_answer(reserve_raw(scene.source, over_circuit), MINKE_RELAY_STATUS_PERMISSION_DENIED, SECOND);
    assert_hop_answer(connect_raw(scene.source, over_circuit, scene.target_id), MINKE_RELAY_STATUS_PERMISSION_DENIED,
                      SECOND);
    const minke_relay_statistics_t *at_target = minke__hop_statistics(scene.target->node->hop);
    assert_int_equal(refused(at_target->reservations_refused, MINKE_RELAY_STATUS_PERMISSION_DENIED), 1);
    assert_int_equal(refused(at_target->circuits_refused, MINKE_RELAY_STATUS_PERMISSION_DENIED), 1);
    relay_tear_down(&scene);
}

static void what_cannot_be_read_is_malformed(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "03ffffff",       /* no protobuf */
        "0108",           /* it breaks off */
        "ffff7f",         /* a length of two million */
        "8120",           /* 4097 */
        "8000",           /* not minimal */
        "020801",         /* CONNECT to nobody */
        "0608011202 0a00" /* to an empty id */
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        begin(NULL);
        relay_stream_t *stream = relay_open(&scene, scene.source, to_relay, RELAY_HOP);
        relay_write_hex(&scene, scene.source, stream, messages[i]);
        assert_hop_answer(stream, MINKE_RELAY_STATUS_MALFORMED_MESSAGE, SECOND);
        /* What comes later is nobody's. */
        if (!stream->closed) (void)minke__node_write(scene.source->node, stream->id, "\2\b\0", 3, scene.world.now);
        relay_run(&scene, SECOND);
        assert_int_equal(stream->read, 6);
        const minke_relay_statistics_t *statistics = relay_statistics(&scene);
        assert_int_equal(refused(statistics->requests_refused, MINKE_RELAY_STATUS_MALFORMED_MESSAGE) +
                             refused(statistics->circuits_refused, MINKE_RELAY_STATUS_MALFORMED_MESSAGE),
                         1);
        assert_int_equal(statistics->reservations, 0);
        assert_idle_soon();
    }
}

static void an_end_without_a_question_is_malformed(void **state)
{
    (void)state;
    static const char *const messages[] = {"", "02", "0208"};
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        begin(NULL);
        relay_stream_t *stream = relay_open(&scene, scene.source, to_relay, RELAY_HOP);
        relay_write_hex(&scene, scene.source, stream, messages[i]);
        relay_finish(&scene, scene.source, stream);
        assert_hop_answer(stream, MINKE_RELAY_STATUS_MALFORMED_MESSAGE, SECOND);
        assert_idle_soon();
    }
}

static void a_status_is_no_question(void **state)
{
    (void)state;
    static const char *const messages[] = {"0408022864", "020803", "0608ffffffff0f"};
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        begin(NULL);
        relay_stream_t *stream = relay_open(&scene, scene.source, to_relay, RELAY_HOP);
        relay_write_hex(&scene, scene.source, stream, messages[i]);
        assert_hop_answer(stream, MINKE_RELAY_STATUS_UNEXPECTED_MESSAGE, SECOND);
        assert_idle_soon();
    }
}

/* One byte at a time is a message as well, and so is one with the next right behind it. */
static void a_question_may_be_cut_anywhere(void **state)
{
    (void)state;
    uint8_t message[128];
    begin(NULL);
    const size_t len = relay_hop_connect(scene.target_id, message);
    relay_stream_t *stream = relay_open(&scene, scene.source, to_relay, RELAY_HOP);
    for (size_t i = 0; i < len; i++) {
        relay_write(&scene, scene.source, stream, message + i, 1);
        relay_run(&scene, 30 * MILLISECOND);
    }
    assert_hop_answer(stream, MINKE_RELAY_STATUS_NO_RESERVATION, SECOND);
    stream = relay_open(&scene, scene.source, to_relay, RELAY_HOP);
    relay_write_hex(&scene, scene.source, stream, "020800020800020800");
    relay_run(&scene, SECOND);
    assert_int_equal(relay_statistics(&scene)->reservations_made, 1);
    assert_int_equal(relay_statistics(&scene)->reservations_refreshed, 0);
    assert_idle_soon();
}

/* ---- a target that does not agree */

typedef enum bad_target {
    REFUSES,
    ANSWERS_CONNECT,
    ANSWERS_GARBAGE,
    ANSWERS_HALF,
    FINISHES,
    RESETS,
    LEAVES,
    VANISHES,
    BAD_TARGETS_N
} bad_target_t;

static void be_a_bad_target(bad_target_t kind, relay_stream_t *stop)
{
    uint8_t message[16];
    sim_endpoint_t *e = scene.target;
    switch (kind) {
    case REFUSES:
        relay_write(&scene, e, stop, message, relay_stop_status(MINKE_RELAY_STATUS_PERMISSION_DENIED, message));
        break;
    case ANSWERS_CONNECT: relay_write_hex(&scene, e, stop, "020800"); break;
    case ANSWERS_GARBAGE: relay_write_hex(&scene, e, stop, "04ffffffff"); break;
    case ANSWERS_HALF:
        relay_write_hex(&scene, e, stop, "0408");
        relay_finish(&scene, e, stop);
        break;
    case FINISHES: relay_finish(&scene, e, stop); break;
    case RESETS: relay_reset(&scene, e, stop); break;
    case LEAVES: assert_int_equal(minke__node_close(e->node, stop->connection, scene.world.now), MINKE_OK); break;
    case VANISHES: sim_world_remove_node(&scene.world, e); break;
    case BAD_TARGETS_N: break;
    }
}

static void whatever_a_target_does_instead_is_a_failure(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        for (int kind = 0; kind < BAD_TARGETS_N; kind++) {
            relay_scene_options_t options;
            relay_scene_defaults(&options);
            options.raw_source = options.raw_target = options.quiet = true;
            options.tcp = tcp;
            begin(&options);
            (void)reserve_raw(scene.target, relay_connect(&scene, scene.target, scene.relay_addr));
            relay_stream_t *hop = connect_raw(scene.source, to_relay, scene.target_id);
            assert_true(relay_wait_streams(&scene, scene.target, 2, SECOND));
            relay_stream_t *stop = &relay_app(scene.target)->streams[1];
            assert_true(relay_wait_read(&scene, stop, 10, SECOND));
            assert_int_equal(relay_statistics(&scene)->circuits_asking, 1);
            be_a_bad_target((bad_target_t)kind, stop);
            assert_hop_answer(hop, MINKE_RELAY_STATUS_CONNECTION_FAILED, 31 * SECOND);
            assert_int_equal(refused(relay_statistics(&scene)->circuits_refused, MINKE_RELAY_STATUS_CONNECTION_FAILED),
                             1);
            assert_int_equal(relay_statistics(&scene)->circuits_opened, 0);
            assert_idle_soon();
        }
    }
}

/* Thirty seconds, and not one microsecond more; the target is not asked twice. */
static void a_silent_target_is_waited_for_thirty_seconds(void **state)
{
    (void)state;
    begin(NULL);
    (void)reserve_raw(scene.target, relay_connect(&scene, scene.target, scene.relay_addr));
    relay_stream_t *hop = connect_raw(scene.source, to_relay, scene.target_id);
    minke_time_t asked_at = 0;
    while (relay_statistics(&scene)->circuits_asking == 0) {
        relay_run(&scene, MILLISECOND);
        asked_at = scene.world.now;
    }
    /* It was asked within the last millisecond. */
    relay_run(&scene, asked_at + 30 * SECOND - MILLISECOND - scene.world.now - 1);
    assert_int_equal(relay_statistics(&scene)->circuits_asking, 1);
    relay_run(&scene, MILLISECOND + 1);
    assert_int_equal(relay_statistics(&scene)->circuits_asking, 0);
    assert_hop_answer(hop, MINKE_RELAY_STATUS_CONNECTION_FAILED, SECOND);
    /* An answer that comes too late is of no use. */
    relay_stream_t *stop = &relay_app(scene.target)->streams[1];
    assert_true(stop->closed && stop->error == MINKE_ERROR_STREAM_RESET);
    assert_idle_soon();
}

/* ---- the target */

static void assert_stop_answer(const char *hex, minke_relay_status_t status, bool from_relay)
{
    uint8_t expected[16];
    const size_t len = relay_stop_status(status, expected);
    relay_scene_options_t options;
    relay_scene_defaults(&options);
    options.quiet = true;
    relay_set_up(&scene, &options);
    relay_reserve(&scene, scene.target);
    sim_endpoint_t *caller = from_relay ? scene.relay : scene.source;
    minke_connection_t connection;
    if (from_relay) {
        connection = relay_told(scene.relay, MINKE_EVENT_CONNECTED, 1)->connection;
    } else {
        sim_world_join(&scene.world, scene.source, scene.target, &scene.options.link);
        sim_listen(&scene.world, scene.target, 9091);
        connection = relay_connect(&scene, scene.source, scene.target->addr);
    }
    relay_stream_t *stream = relay_open(&scene, caller, connection, RELAY_STOP);
    relay_write_hex(&scene, caller, stream, hex);
    assert_true(relay_wait_read(&scene, stream, len, SECOND));
    relay_run(&scene, 100 * MILLISECOND);
    assert_true(relay_has_read(stream, expected, len));
    /* And that was all, whatever follows. */
    if (status != MINKE_RELAY_STATUS_OK) {
        assert_true(stream->end_seen);
        (void)minke__node_write(caller->node, stream->id, "\2\b\0", 3, scene.world.now);
        relay_run(&scene, SECOND);
        assert_int_equal(stream->read, len);
    }
    relay_run(&scene, 30 * SECOND);
    assert_true(stream->closed);
    assert_true(minke__bytes_after(scene.target->node->bytes, 0) == 0);
    relay_tear_down(&scene);
}

static void a_target_answers_its_relay_and_nobody_else(void **state)
{
    (void)state;
    /* CONNECT from the peer of section 3 of the specification. */
    static const char call[] =
        "2d 0800 1229 0a27 002508021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630"
        "bfca99";
    assert_stop_answer(call, MINKE_RELAY_STATUS_OK, true);
    assert_stop_answer(call, MINKE_RELAY_STATUS_PERMISSION_DENIED, false);
    assert_stop_answer("020800", MINKE_RELAY_STATUS_MALFORMED_MESSAGE, true);
    assert_stop_answer("03ffffff", MINKE_RELAY_STATUS_MALFORMED_MESSAGE, true);
    assert_stop_answer("ffff7f", MINKE_RELAY_STATUS_MALFORMED_MESSAGE, true);
    assert_stop_answer("0408012064", MINKE_RELAY_STATUS_UNEXPECTED_MESSAGE, true);
    assert_stop_answer("020807", MINKE_RELAY_STATUS_UNEXPECTED_MESSAGE, true);
}

/* ---- what the clients make of it */

static const minke_relay_status_t statuses[] = {
    MINKE_RELAY_STATUS_RESERVATION_REFUSED, MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED,
    MINKE_RELAY_STATUS_PERMISSION_DENIED,   MINKE_RELAY_STATUS_CONNECTION_FAILED,
    MINKE_RELAY_STATUS_NO_RESERVATION,      MINKE_RELAY_STATUS_MALFORMED_MESSAGE,
    MINKE_RELAY_STATUS_UNEXPECTED_MESSAGE,  (minke_relay_status_t)77};

static void assert_refusal(const minke_close_t *close, minke_relay_status_t status)
{
    char number[16];
    (void)snprintf(number, sizeof number, "(%u)", (unsigned)status);
    assert_int_equal(close->layer, MINKE_LAYER_RELAY);
    assert_int_equal(close->code, status);
    assert_true(close->by_remote);
    assert_non_null(strstr(close->text, minke__relay_status_text(status)));
    assert_non_null(strstr(close->text, number));
    assert_non_null(strstr(close->text, minke__relay_status_sentence(status)));
}

static void a_refusal_is_told_as_it_was_given(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        relay_scene_options_t options;
        minke_connection_t dial;
        uint8_t message[16];
        relay_scene_defaults(&options);
        options.raw_relay = options.quiet = true;
        relay_set_up(&scene, &options);
        const char *addr = scene.circuit;
        assert_int_equal(minke__node_dial(scene.source->node, &addr, 1, 0, scene.world.now, &dial), MINKE_OK);
        assert_true(relay_wait_streams(&scene, scene.relay, 1, 5 * SECOND));
        relay_write(&scene, scene.relay, &relay_app(scene.relay)->streams[0], message,
                    relay_hop_status(statuses[i], message));
        assert_true(relay_wait_told(&scene, scene.source, MINKE_EVENT_DISCONNECTED, 1, SECOND));
        const relay_told_t *told = relay_told(scene.source, MINKE_EVENT_DISCONNECTED, 1);
        assert_int_equal(told->connection, dial);
        assert_refusal(&told->close, statuses[i]);
        assert_int_equal(minke__node_reserve(scene.target->node, scene.reserve_at, scene.world.now), MINKE_OK);
        assert_true(relay_wait_streams(&scene, scene.relay, 2, 5 * SECOND));
        relay_write(&scene, scene.relay, &relay_app(scene.relay)->streams[1], message,
                    relay_hop_status(statuses[i], message));
        assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTEN_FAILED, 1, SECOND));
        assert_refusal(&relay_told(scene.target, MINKE_EVENT_LISTEN_FAILED, 1)->close, statuses[i]);
        /* It is asked again over the connection that is there. */
        assert_true(relay_wait_streams(&scene, scene.relay, 3, 2 * SECOND));
        assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_CONNECTED), 1);
        relay_tear_down(&scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_without_a_reservation_can_be_called),
        cmocka_unit_test(a_full_relay_refuses_reservations),
        cmocka_unit_test(an_address_that_has_its_share_is_refused),
        cmocka_unit_test(too_many_circuits_are_refused),
        cmocka_unit_test(nobody_calls_himself),
        cmocka_unit_test(nothing_is_relayed_twice),
        cmocka_unit_test(what_cannot_be_read_is_malformed),
        cmocka_unit_test(an_end_without_a_question_is_malformed),
        cmocka_unit_test(a_status_is_no_question),
        cmocka_unit_test(a_question_may_be_cut_anywhere),
        cmocka_unit_test(whatever_a_target_does_instead_is_a_failure),
        cmocka_unit_test(a_silent_target_is_waited_for_thirty_seconds),
        cmocka_unit_test(a_target_answers_its_relay_and_nobody_else),
        cmocka_unit_test(a_refusal_is_told_as_it_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
