/* A relay, its clients and what goes over it, when everybody behaves: reservations that are kept, circuits that are
 * used, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
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

static const relay_told_t *last(const sim_endpoint_t *e, minke_event_type_t type)
{
    const relay_told_t *told = relay_told(e, type, relay_told_n(e, type));
    assert_non_null(told);
    return told;
}

static void begin(bool tcp)
{
    relay_scene_options_t options;
    relay_scene_defaults(&options);
    options.tcp = tcp;
    relay_set_up(&scene, &options);
}

/* The target is reachable and the source has called: their connection, at each. */
static void call(minke_connection_t *at_source, minke_connection_t *at_target)
{
    relay_reserve(&scene, scene.target);
    *at_source = relay_connect(&scene, scene.source, scene.circuit);
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_CONNECTED, 2, SECOND));
    *at_target = last(scene.target, MINKE_EVENT_CONNECTED)->connection;
}

/* ---- reservation and connection ---- */

static void a_reserved_address_is_announced_and_dialled(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        begin(tcp);
        char expected[MINKE_ADDR_BYTES * 2];
        minke_connection_t at_source, at_target;
        call(&at_source, &at_target);
        const relay_told_t *listening = relay_told(scene.target, MINKE_EVENT_LISTENING, 1);
        assert_string_equal(listening->addr, scene.circuit);
        /* Itself and with /webrtc; the relay names the same ones. */
        assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTENING), 2);
        const relay_told_t *out = last(scene.source, MINKE_EVENT_CONNECTED);
        const relay_told_t *in = last(scene.target, MINKE_EVENT_CONNECTED);
        assert_true(out->limited && in->limited && in->inbound && !out->inbound);
        assert_string_equal(out->peer, scene.target_id);
        assert_string_equal(in->peer, scene.source_id);
        assert_int_equal(out->connection, at_source);
        strcpy(expected, scene.reserve_at);
        if (!tcp) *strstr(expected, "/certhash/") = 0;
        assert_int_equal(strncmp(out->addr, expected, strlen(expected)), 0);
        assert_non_null(strstr(out->addr, "/p2p-circuit"));
        assert_int_equal(relay_statistics(&scene)->circuits, 1);
        relay_tear_down(&scene);
    }
}

static void echo_and_ping_run_over_a_circuit(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        begin(tcp);
        uint8_t ping[32];
        minke_connection_t at_source, at_target;
        for (size_t i = 0; i < sizeof ping; i++) ping[i] = (uint8_t)(i * 7);
        relay_app(scene.target)->echoes = true;
        assert_int_equal(minke__node_allow_limited(scene.target->node, "/echo/1.0.0"), MINKE_OK);
        assert_int_equal(minke__node_allow_limited(scene.source->node, "/echo/1.0.0"), MINKE_OK);
        call(&at_source, &at_target);
        relay_stream_t *stream = relay_open(&scene, scene.source, at_source, "/ipfs/ping/1.0.0");
        relay_write(&scene, scene.source, stream, ping, sizeof ping);
        assert_true(relay_wait_read(&scene, stream, sizeof ping, SECOND));
        assert_true(relay_has_read(stream, ping, sizeof ping));
        relay_finish(&scene, scene.source, stream);
        assert_true(relay_wait_closed(&scene, stream, SECOND));
        assert_int_equal(stream->error, MINKE_OK);
        stream = relay_open(&scene, scene.source, at_source, "/echo/1.0.0");
        stream->pattern_from = 0;
        relay_pour(&scene, scene.source, stream, 60000);
        relay_finish(&scene, scene.source, stream);
        assert_true(relay_wait_closed(&scene, stream, 5 * SECOND));
        assert_int_equal(stream->error, MINKE_OK);
        assert_int_equal(stream->read, 60000);
        assert_false(stream->wrong);
        relay_tear_down(&scene);
    }
}

static void what_may_not_run_on_a_limited_connection_does_not(void **state)
{
    (void)state;
    minke_stream_t id;
    minke_connection_t at_source, at_target;
    begin(false);
    call(&at_source, &at_target);
    minke_node_t *source = scene.source->node, *target = scene.target->node;
    const minke_time_t now = scene.world.now;
    assert_int_equal(minke__node_open(source, at_source, "/echo/1.0.0", now, &id), MINKE_ERROR_LIMITED);
    assert_int_equal(minke__node_open(target, at_target, "/echo/1.0.0", now, &id), MINKE_ERROR_LIMITED);
    assert_int_equal(minke__node_open(source, at_source, "/perf/1.0.0", now, &id), MINKE_ERROR_LIMITED);
    assert_int_equal(minke__node_allow_limited(source, "/echo/1.0.0"), MINKE_OK);
    assert_int_equal(minke__node_allow_limited(source, "/perf/1.0.0"), MINKE_OK);
    /* The other side has its own list. */
    static const char *const refused[] = {"/echo/1.0.0", RELAY_STOP};
    assert_int_equal(minke__node_allow_limited(source, RELAY_STOP), MINKE_OK);
    for (size_t i = 0; i < 2; i++) {
        relay_stream_t *stream = relay_open(&scene, scene.source, at_source, refused[i]);
        assert_true(relay_wait_closed(&scene, stream, 5 * SECOND));
        assert_int_equal(stream->error, MINKE_ERROR_UNSUPPORTED);
    }
    assert_int_equal(relay_app(scene.target)->streams_n, 0);
    relay_tear_down(&scene);
}

static bool lists(const minke_identify_info_t *info, const char *address)
{
    for (size_t i = 0; i < info->addresses_n; i++) {
        if (strcmp(info->addresses[i], address) == 0) return true;
    }
    return false;
}

static void identify_tells_of_the_circuit_and_of_its_loss(void **state)
{
    (void)state;
    minke_identify_info_t info;
    begin(false);
    /* Somebody who is connected to the target for another reason. */
    sim_world_join(&scene.world, scene.source, scene.target, &scene.options.link);
    sim_listen(&scene.world, scene.target, 9091);
    assert_int_equal(minke__node_listening(scene.target->node, scene.target->addr, scene.world.now), MINKE_OK);
    const minke_connection_t direct = relay_connect(&scene, scene.source, scene.target->addr);
    relay_run(&scene, 2 * SECOND);
    assert_int_equal(minke__node_identify_get(scene.source->node, direct, &info), MINKE_OK);
    assert_false(lists(&info, scene.circuit));
    relay_reserve(&scene, scene.target);
    relay_run(&scene, 2 * SECOND);
    assert_int_equal(minke__node_identify_get(scene.source->node, direct, &info), MINKE_OK);
    assert_true(lists(&info, scene.circuit) && lists(&info, scene.target->addr));
    sim_world_remove_node(&scene.world, scene.relay);
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTEN_CLOSED, 1, 60 * SECOND));
    relay_run(&scene, 2 * SECOND);
    assert_int_equal(minke__node_identify_get(scene.source->node, direct, &info), MINKE_OK);
    assert_true(!lists(&info, scene.circuit) && lists(&info, scene.target->addr));
    relay_tear_down(&scene);
}

/* The port is for this connection alone: nobody else could dial it, by webrtc-direct or otherwise. */
static void who_has_a_private_connection_is_not_told_where_the_other_is(void **state)
{
    (void)state;
    minke_identify_info_t info;
    char private_addr[sizeof scene.circuit + sizeof "/webrtc"];
    begin(false);
    relay_reserve(&scene, scene.target);
    sim_world_join(&scene.world, scene.source, scene.target, &scene.options.link);
    sim_endpoint_t *const ends[] = {scene.source, scene.target};
    for (size_t i = 0; i < 2; i++) minke_transport_local_addresses(ends[i]->transport, &ends[i]->ip, 1);
    strcpy(private_addr, scene.reserve_at);
    strcat(private_addr, "/webrtc");
    strcat(private_addr, strrchr(scene.circuit, '/') - strlen("/p2p"));
    const minke_connection_t at_source = relay_connect(&scene, scene.source, private_addr);
    relay_run(&scene, 2 * SECOND);
    for (size_t i = 0; i < 2; i++) {
        const relay_told_t *told = last(ends[i], MINKE_EVENT_CONNECTED);
        assert_false(told->limited);
        assert_string_equal(told->addr, "/webrtc");
    }
    assert_int_equal(minke__node_identify_get(scene.source->node, at_source, &info), MINKE_OK);
    assert_string_equal(info.observed, "");
    relay_tear_down(&scene);
}

/* Two addresses of one relay: what can be dialled is announced once, and as long as either reservation is held. */
static void an_address_that_two_reservations_bring_is_announced_once(void **state)
{
    (void)state;
    minke_connection_t connection;
    char bare[MINKE_ADDR_BYTES];
    begin(false);
    relay_reserve(&scene, scene.target);
    strcpy(bare, scene.relay_addr);
    *strstr(bare, "/p2p/") = 0;
    strcat(bare, "/p2p-circuit");
    assert_int_equal(minke__node_reserve(scene.target->node, bare, scene.world.now), MINKE_OK);
    assert_int_equal(minke__node_reserve(scene.target->node, bare, scene.world.now), MINKE_ERROR_EXISTS);
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_CONNECTED, 2, 5 * SECOND));
    relay_run(&scene, 5 * SECOND);
    assert_int_equal(relay_statistics(&scene)->reservations, 1);
    assert_int_equal(relay_statistics(&scene)->reservations_refreshed, 1);
    assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTENING), 2);
    /* The connection of the first one goes; it is back at once, over the other. */
    connection = relay_told(scene.target, MINKE_EVENT_CONNECTED, 1)->connection;
    assert_int_equal(minke__node_close(scene.target->node, connection, scene.world.now), MINKE_OK);
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_DISCONNECTED, 1, SECOND));
    assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTEN_CLOSED), 0);
    assert_true(minke__node_has_text(&scene.target->node->addresses, scene.circuit, strlen(scene.circuit)));
    (void)relay_connect(&scene, scene.source, scene.circuit);
    relay_tear_down(&scene);
}

/* ---- how long a reservation lives ---- */

static minke_time_t asked_again(uint64_t refreshed, minke_time_t span)
{
    const minke_time_t until = scene.world.now + span;
    while (relay_statistics(&scene)->reservations_refreshed < refreshed && scene.world.now < until) {
        relay_run(&scene, MILLISECOND);
    }
    assert_int_equal(relay_statistics(&scene)->reservations_refreshed, refreshed);
    return scene.world.now;
}

static void a_reservation_is_refreshed_in_time(void **state)
{
    (void)state;
    static const struct {
        minke_time_t lives, asks_after;
    } cases[] = {{3600, 3300}, {600, 300}, {400, 200}, {20, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        relay_scene_options_t options;
        relay_scene_defaults(&options);
        options.relay.reservation_after = cases[i].lives * SECOND;
        relay_set_up(&scene, &options);
        relay_reserve(&scene, scene.target);
        const minke_time_t held_at = scene.world.now;
        relay_run(&scene, cases[i].asks_after * SECOND - MILLISECOND);
        assert_int_equal(relay_statistics(&scene)->reservations_refreshed, 0);
        /* A round trip for the protocol, then RESERVE. */
        assert_in_range(asked_again(1, SECOND) - held_at - cases[i].asks_after * SECOND, 30 * MILLISECOND,
                        32 * MILLISECOND);
        relay_run(&scene, 5 * cases[i].lives * SECOND);
        assert_int_equal(relay_statistics(&scene)->reservations_expired, 0);
        assert_int_equal(relay_statistics(&scene)->reservations, 1);
        assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTENING), 2);
        assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTEN_CLOSED), 0);
        relay_tear_down(&scene);
    }
}

static void assert_pause(minke_time_t pause, minke_time_t least)
{
    assert_in_range(pause, least, least + least / 4 + 200 * MILLISECOND);
}

/* Nobody is there: tries are 1, 2, 4.. 60 s apart and a quarter more at most, and the failure is told once. */
static void who_is_not_there_is_asked_again_and_again(void **state)
{
    (void)state;
    relay_scene_options_t options;
    relay_scene_defaults(&options);
    options.tcp = true; /* refused at once: only the pauses take time */
    relay_set_up(&scene, &options);
    scene.relay->tcp_port = 0;
    minke_time_t before = scene.world.now;
    unsigned tries = 1;
    assert_int_equal(minke__node_reserve(scene.target->node, scene.reserve_at, scene.world.now), MINKE_OK);
    const minke_time_t until = scene.world.now + 600 * SECOND;
    while (scene.world.now < until) {
        const bool idle = minke__list_empty(&scene.target->node->dialling);
        relay_run(&scene, MILLISECOND);
        if (minke__list_empty(&scene.target->node->dialling) || !idle) continue;
        assert_pause(scene.world.now - before, (tries < 7 ? 1u << (tries - 1) : 60) * SECOND);
        before = scene.world.now;
        tries++;
    }
    assert_in_range(tries, 12, 15);
    assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTEN_FAILED), 1);
    const relay_told_t *failed = relay_told(scene.target, MINKE_EVENT_LISTEN_FAILED, 1);
    assert_string_equal(failed->addr, scene.reserve_at);
    assert_int_equal(failed->close.layer, MINKE_LAYER_NETWORK);
    assert_string_equal(failed->close.text, "nobody listens there");
    /* It is there at last, and later goes again: from the beginning. */
    scene.relay->tcp_port = 4001;
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTENING, 1, 80 * SECOND));
    sim_tcp_break(&scene.world, scene.relay);
    scene.relay->tcp_port = 0;
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTEN_FAILED, 2, SECOND));
    const minke_time_t lost_at = scene.world.now;
    assert_string_equal(last(scene.target, MINKE_EVENT_LISTEN_CLOSED)->addr, scene.circuit);
    assert_string_equal(last(scene.target, MINKE_EVENT_LISTEN_CLOSED)->close.text, "the TCP connection broke");
    while (minke__list_empty(&scene.target->node->dialling)) relay_run(&scene, MILLISECOND);
    assert_pause(scene.world.now - lost_at, SECOND);
    relay_tear_down(&scene);
}

static void a_relay_that_comes_back_is_reserved_at_again(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        minke_connection_t at_source, at_target;
        begin(tcp);
        call(&at_source, &at_target);
        relay_restart(&scene);
        /* Noticed by silence with webrtc-direct. */
        assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTEN_CLOSED, 2, 40 * SECOND));
        assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTENING, 4, 3 * SECOND));
        assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTEN_FAILED), 1);
        const relay_app_t *app = relay_app(scene.target);
        minke_event_type_t order[8];
        size_t n = 0;
        for (size_t i = 0; i < app->told_n; i++) {
            const minke_event_type_t type = app->told[i].type;
            if (type == MINKE_EVENT_CONNECTED || type == MINKE_EVENT_DISCONNECTED) continue;
            assert_true(n < 8);
            order[n++] = type;
        }
        static const minke_event_type_t expected[] = {
            MINKE_EVENT_LISTENING,     MINKE_EVENT_LISTENING, MINKE_EVENT_LISTEN_CLOSED, MINKE_EVENT_LISTEN_CLOSED,
            MINKE_EVENT_LISTEN_FAILED, MINKE_EVENT_LISTENING, MINKE_EVENT_LISTENING};
        assert_int_equal(n, 7);
        assert_memory_equal(order, expected, sizeof expected);
        /* The connection over it has gone at both ends, and another can be made. */
        relay_run(&scene, 40 * SECOND);
        assert_true(relay_told_n(scene.source, MINKE_EVENT_DISCONNECTED) >= 1);
        assert_true(last(scene.target, MINKE_EVENT_DISCONNECTED)->close.text[0] != 0);
        (void)relay_connect(&scene, scene.source, scene.circuit);
        assert_int_equal(relay_statistics(&scene)->circuits, 1);
        relay_tear_down(&scene);
    }
}

/* ---- the end of a connection over a circuit ---- */

/* Everybody hears why, once, and the relay has nothing left but what is not the circuit's. */
static void assert_both_ended(minke_connection_t at_source, minke_connection_t at_target)
{
    const struct {
        const sim_endpoint_t *e;
        minke_connection_t connection;
    } ends[] = {{scene.source, at_source}, {scene.target, at_target}};
    for (size_t i = 0; i < 2; i++) {
        const relay_app_t *app = relay_app(ends[i].e);
        unsigned n = 0;
        for (size_t k = 0; k < app->told_n; k++) {
            const relay_told_t *told = &app->told[k];
            if (told->type != MINKE_EVENT_DISCONNECTED || told->connection != ends[i].connection) continue;
            assert_true(told->close.layer != MINKE_LAYER_NONE && told->close.text[0] != 0);
            n++;
        }
        assert_int_equal(n, 1);
    }
}

static void either_end_may_close(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        for (int by_target = 0; by_target < 2; by_target++) {
            minke_connection_t at_source, at_target;
            begin(tcp);
            call(&at_source, &at_target);
            sim_endpoint_t *e = by_target ? scene.target : scene.source;
            assert_int_equal(minke__node_close(e->node, by_target ? at_target : at_source, scene.world.now), MINKE_OK);
            relay_run(&scene, SECOND);
            assert_both_ended(at_source, at_target);
            const sim_endpoint_t *other = by_target ? scene.source : scene.target;
            assert_true(last(other, MINKE_EVENT_DISCONNECTED)->close.by_remote);
            assert_int_equal(relay_statistics(&scene)->circuits_ended[MINKE_RELAY_ENDED_BY_PEERS], 1);
            relay_run(&scene, 60 * SECOND);
            relay_assert_idle(&scene);
            assert_int_equal(relay_statistics(&scene)->reservations, 1);
            /* The connections to the relay are as they were. */
            (void)relay_connect(&scene, scene.source, scene.circuit);
            relay_tear_down(&scene);
        }
    }
}

static void the_relay_dies_in_the_middle(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        minke_connection_t at_source, at_target;
        begin(tcp);
        call(&at_source, &at_target);
        sim_world_remove_node(&scene.world, scene.relay);
        relay_run(&scene, 50 * SECOND);
        assert_both_ended(at_source, at_target);
        assert_int_equal(scene.source->node->bytes != NULL && minke__bytes_after(scene.source->node->bytes, 0) == 0, 1);
        relay_tear_down(&scene);
    }
}

static void an_end_dies_in_the_middle(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        for (int target = 0; target < 2; target++) {
            minke_connection_t at_source, at_target;
            begin(tcp);
            call(&at_source, &at_target);
            sim_world_remove_node(&scene.world, target ? scene.target : scene.source);
            relay_run(&scene, 50 * SECOND);
            const relay_told_t *told = last(target ? scene.source : scene.target, MINKE_EVENT_DISCONNECTED);
            assert_int_equal(told->connection, target ? at_source : at_target);
            if (tcp) assert_string_equal(told->close.text, "the circuit over the relay has ended");
            assert_true(told->close.text[0] != 0);
            relay_assert_idle(&scene);
            assert_int_equal(relay_statistics(&scene)->reservations, target ? 0 : 1);
            assert_int_equal(relay_statistics(&scene)->reservations_lost, target ? 1 : 0);
            relay_tear_down(&scene);
        }
    }
}

static void a_connection_ends_when_the_time_of_its_circuit_is_up(void **state)
{
    (void)state;
    minke_connection_t at_source, at_target;
    begin(false);
    call(&at_source, &at_target);
    relay_run(&scene, 119 * SECOND);
    assert_int_equal(relay_told_n(scene.source, MINKE_EVENT_DISCONNECTED), 0);
    relay_run(&scene, SECOND + 100 * MILLISECOND);
    assert_both_ended(at_source, at_target);
    assert_int_equal(last(scene.source, MINKE_EVENT_DISCONNECTED)->close.layer, MINKE_LAYER_RELAY);
    assert_int_equal(relay_statistics(&scene)->circuits_ended[MINKE_RELAY_ENDED_BY_TIME], 1);
    relay_tear_down(&scene);
}

/* A relay without limits makes connections without limits. */
static void without_limits_a_circuit_is_a_connection_like_others(void **state)
{
    (void)state;
    relay_scene_options_t options;
    minke_connection_t at_source, at_target;
    relay_scene_defaults(&options);
    options.relay.circuit_after = options.relay.circuit_bytes = 0;
    relay_set_up(&scene, &options);
    relay_app(scene.target)->echoes = true;
    call(&at_source, &at_target);
    assert_false(last(scene.source, MINKE_EVENT_CONNECTED)->limited);
    assert_false(last(scene.target, MINKE_EVENT_CONNECTED)->limited);
    relay_stream_t *stream = relay_open(&scene, scene.source, at_source, "/echo/1.0.0");
    stream->pattern_from = 0;
    relay_pour(&scene, scene.source, stream, 3 << 20);
    relay_finish(&scene, scene.source, stream);
    assert_true(relay_wait_closed(&scene, stream, 60 * SECOND));
    assert_true(stream->read == 3 << 20 && !stream->wrong && stream->error == MINKE_OK);
    relay_run(&scene, 3600 * SECOND);
    assert_int_equal(relay_told_n(scene.source, MINKE_EVENT_DISCONNECTED), 0);
    relay_tear_down(&scene);
}

/* ---- how a dial ends ---- */

/* Nobody hears of a connection that nobody wants any more; the one to the relay included. */
static void a_dial_is_cancelled_at_every_step(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        unsigned connected = 0;
        for (minke_time_t after = 0; after < 400 * MILLISECOND; after += 7 * MILLISECOND) {
            const char *addr = scene.circuit;
            minke_connection_t dial;
            begin(tcp);
            relay_reserve(&scene, scene.target);
            assert_int_equal(minke__node_dial(scene.source->node, &addr, 1, 0, scene.world.now, &dial), MINKE_OK);
            relay_run(&scene, after);
            const size_t connected_before = relay_told_n(scene.source, MINKE_EVENT_CONNECTED);
            assert_int_equal(minke__node_close(scene.source->node, dial, scene.world.now), MINKE_OK);
            relay_run(&scene, 40 * SECOND);
            assert_int_equal(relay_told_n(scene.source, MINKE_EVENT_CONNECTED), connected_before);
            const relay_told_t *told = last(scene.source, MINKE_EVENT_DISCONNECTED);
            assert_int_equal(told->connection, dial);
            assert_string_equal(told->close.text, "closed by the application");
            assert_int_equal(relay_told_n(scene.source, MINKE_EVENT_DISCONNECTED), 1);
            connected += relay_told_n(scene.source, MINKE_EVENT_CONNECTED) == 2;
            if (relay_told_n(scene.source, MINKE_EVENT_CONNECTED) == 0) {
                assert_int_equal(minke__node_connections(scene.source->node, NULL, 0), 0);
            }
            assert_int_equal(scene.source->node->attempts.count, 0);
            relay_assert_idle(&scene);
            relay_tear_down(&scene);
        }
        assert_true(connected > 0);
    }
}

/* Whoever goes at any moment leaves nothing behind: tear_down looks. */
static void a_node_is_freed_at_every_step(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        for (minke_time_t after = 0; after < 600 * MILLISECOND; after += 11 * MILLISECOND) {
            const char *addr = scene.circuit;
            minke_connection_t dial;
            begin(tcp);
            assert_int_equal(minke__node_reserve(scene.target->node, scene.reserve_at, scene.world.now), MINKE_OK);
            relay_run(&scene, after);
            assert_int_equal(minke__node_dial(scene.source->node, &addr, 1, 0, scene.world.now, &dial), MINKE_OK);
            relay_run(&scene, after / 2);
            sim_endpoint_t *const all[] = {scene.source, scene.target, scene.relay};
            sim_world_remove_node(&scene.world, all[after / MILLISECOND % 3]);
            relay_run(&scene, after / 3);
            relay_tear_down(&scene);
        }
    }
}

/* ---- seeds ---- */

static uint64_t one_run(uint64_t seed, double loss, bool tcp)
{
    relay_scene_options_t options;
    minke_connection_t at_source, at_target;
    relay_scene_defaults(&options);
    options.seed = seed;
    options.link.loss = loss;
    options.link.jitter = 5 * MILLISECOND;
    options.tcp = tcp;
    relay_set_up(&scene, &options);
    if (tcp) sim_tcp_set_piece(scene.world.tcp, 1 + seed % 97);
    relay_app(scene.target)->echoes = true;
    assert_int_equal(minke__node_allow_limited(scene.target->node, "/echo/1.0.0"), MINKE_OK);
    assert_int_equal(minke__node_allow_limited(scene.source->node, "/echo/1.0.0"), MINKE_OK);
    call(&at_source, &at_target);
    relay_stream_t *stream = relay_open(&scene, scene.source, at_source, "/echo/1.0.0");
    stream->pattern_from = 0;
    relay_pour(&scene, scene.source, stream, 50000);
    relay_finish(&scene, scene.source, stream);
    assert_true(relay_wait_closed(&scene, stream, 60 * SECOND));
    assert_true(stream->read == 50000 && !stream->wrong && stream->error == MINKE_OK);
    assert_int_equal(minke__node_close(scene.source->node, at_source, scene.world.now), MINKE_OK);
    relay_run(&scene, 60 * SECOND);
    assert_both_ended(at_source, at_target);
    relay_assert_idle(&scene);
    const uint64_t trace = sim_network_trace(scene.world.network) + relay_statistics(&scene)->bytes_relayed;
    relay_tear_down(&scene);
    return trace;
}

static void lost_datagrams_and_cut_bytes_change_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        (void)one_run(seed, 0.05, false);
        (void)one_run(seed, 0, true);
    }
    assert_int_equal(one_run(5, 0.05, false), one_run(5, 0.05, false));
    assert_true(one_run(5, 0.05, false) != one_run(6, 0.05, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reserved_address_is_announced_and_dialled),
        cmocka_unit_test(echo_and_ping_run_over_a_circuit),
        cmocka_unit_test(what_may_not_run_on_a_limited_connection_does_not),
        cmocka_unit_test(identify_tells_of_the_circuit_and_of_its_loss),
        cmocka_unit_test(who_has_a_private_connection_is_not_told_where_the_other_is),
        cmocka_unit_test(an_address_that_two_reservations_bring_is_announced_once),
        cmocka_unit_test(a_reservation_is_refreshed_in_time),
        cmocka_unit_test(who_is_not_there_is_asked_again_and_again),
        cmocka_unit_test(a_relay_that_comes_back_is_reserved_at_again),
        cmocka_unit_test(either_end_may_close),
        cmocka_unit_test(the_relay_dies_in_the_middle),
        cmocka_unit_test(an_end_dies_in_the_middle),
        cmocka_unit_test(a_connection_ends_when_the_time_of_its_circuit_is_up),
        cmocka_unit_test(without_limits_a_circuit_is_a_connection_like_others),
        cmocka_unit_test(a_dial_is_cancelled_at_every_step),
        cmocka_unit_test(a_node_is_freed_at_every_step),
        cmocka_unit_test(lost_datagrams_and_cut_bytes_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
