/* Private connections between hosts: agreed on over a relay, kept beside the circuit, and what a hostile peer may
 * signal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "host/dial.h"
#include "relay_scene.h"

#define SIGNALLING "/webrtc-signaling/0.0.1"

enum { MILLISECOND = RELAY_MILLISECOND, SECOND = RELAY_SECOND };

static relay_scene_t scene;
static char private_addr[MINKE_ADDR_BYTES * 2];

/* `joined`: there is a direct path between the two. */
static void begin(bool joined, bool tcp)
{
    relay_scene_options_t options;
    relay_scene_defaults(&options);
    options.tcp = tcp;
    relay_set_up(&scene, &options);
    if (joined) sim_world_join(&scene.world, scene.source, scene.target, &options.link);
    sim_endpoint_t *both[] = {scene.source, scene.target};
    for (size_t i = 0; i < 2; i++) minke_transport_local_addresses(both[i]->transport, &both[i]->ip, 1);
    relay_reserve(&scene, scene.target);
    strcpy(private_addr, scene.reserve_at);
    strcat(private_addr, "/webrtc/p2p/");
    strcat(private_addr, scene.target_id);
}

static minke_connection_stats_t stats_of(const sim_endpoint_t *e, minke_connection_t connection)
{
    minke_connection_stats_t stats = {0};
    assert_int_equal(minke__node_stats(e->node, connection, &stats), MINKE_OK);
    return stats;
}

static const relay_told_t *told_of_kind(const sim_endpoint_t *e, bool limited)
{
    for (size_t n = 1;; n++) {
        const relay_told_t *told = relay_told(e, MINKE_EVENT_CONNECTED, n);
        if (told == NULL || (told->limited == limited && strcmp(told->peer, scene.relay_id) != 0)) return told;
    }
}

static void echo(minke_connection_t connection, size_t bytes)
{
    relay_app(scene.target)->echoes = true;
    relay_stream_t *stream = relay_open(&scene, scene.source, connection, "/echo/1.0.0");
    stream->pattern_from = 0;
    relay_pour(&scene, scene.source, stream, bytes);
    assert_true(relay_wait_read(&scene, stream, bytes, 30 * SECOND));
    assert_false(stream->wrong);
    relay_finish(&scene, scene.source, stream);
    assert_true(relay_wait_closed(&scene, stream, 5 * SECOND));
}

static void a_dial_ends_directly(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        begin(true, tcp != 0);
        const minke_connection_t connection = relay_connect(&scene, scene.source, private_addr);
        assert_int_equal(stats_of(scene.source, connection).kind, MINKE_PATH_PRIVATE);
        relay_run(&scene, SECOND);
        const relay_told_t *in = told_of_kind(scene.target, false);
        assert_non_null(in);
        assert_true(in->inbound);
        assert_string_equal(in->peer, scene.source_id);
        assert_string_equal(in->addr, "/webrtc");
        echo(connection, 1 << 20); /* far more than the relay would let through in time */
        assert_true(relay_statistics(&scene)->bytes_relayed < 32 << 10);
        relay_tear_down(&scene);
    }
}

/* The circuit was made for the dial alone: it goes when the direct connection has been up for a while. */
/* docs/private.md: 10 ms to the relay from either side, and 10 ms between them. */
static void each_step_takes_the_round_trips_that_are_documented(void **state)
{
    (void)state;
    begin(true, true);
    (void)relay_connect(&scene, scene.source, scene.circuit);
    relay_run(&scene, SECOND);
    const minke_time_t began_at = scene.world.now;
    const minke_connection_t connection = relay_connect(&scene, scene.source, private_addr);
    const minke_connection_stats_t here = stats_of(scene.source, connection);
    const minke_connection_stats_t there = stats_of(scene.target, told_of_kind(scene.target, false)->connection);
    const struct {
        minke_time_t at, expected;
    } steps[] = {{here.ice_at, 60},    /* offer, answer: 20 + 20; then a check and its answer */
                 {there.ice_at, 70},   /* checked at 50, and 20 for libdatachannel's sake */
                 {here.dtls_at, 100},  /* ClientHello, ServerHello .. Done, Certificate .. Finished */
                 {there.dtls_at, 110}, /* Finished, and INIT with it */
                 {there.sctp_at, 130}, /* INIT ACK, COOKIE ECHO */
                 {here.sctp_at, 140}}; /* COOKIE ACK */
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal((steps[i].at - began_at) / MILLISECOND, steps[i].expected);
    }
    relay_tear_down(&scene);
}

static void the_circuit_ends_after_a_while(void **state)
{
    (void)state;
    begin(true, true);
    const minke_connection_t connection = relay_connect(&scene, scene.source, private_addr);
    relay_run(&scene, 10 * SECOND);
    assert_int_equal(relay_statistics(&scene)->circuits, 1);
    relay_run(&scene, 10 * SECOND);
    assert_int_equal(relay_statistics(&scene)->circuits, 0);
    echo(connection, 1000);
    relay_tear_down(&scene);
}

static void without_a_direct_path_the_circuit_stays(void **state)
{
    (void)state;
    begin(false, true);
    const char *addr = private_addr;
    minke_connection_t dial;
    assert_int_equal(minke__node_dial(scene.source->node, &addr, 1, 1, scene.world.now, &dial), MINKE_OK);
    assert_true(relay_wait_told(&scene, scene.source, MINKE_EVENT_DISCONNECTED, 1, 40 * SECOND));
    const relay_told_t *failed = relay_told(scene.source, MINKE_EVENT_DISCONNECTED, 1);
    assert_int_equal(failed->connection, dial);
    assert_int_equal(failed->close.layer, MINKE_LAYER_ICE);
    const relay_told_t *circuit = told_of_kind(scene.source, true);
    assert_non_null(circuit);
    assert_int_equal(minke__node_allow_limited(scene.source->node, "/echo/1.0.0"), MINKE_OK);
    assert_int_equal(minke__node_allow_limited(scene.target->node, "/echo/1.0.0"), MINKE_OK);
    echo(circuit->connection, 1000);
    relay_run(&scene, 30 * SECOND);
    assert_null(told_of_kind(scene.target, false)); /* the target never heard of it */
    assert_int_equal(minke_transport_connections(scene.target->transport, NULL, 0), scene.options.tcp ? 0 : 1);
    relay_tear_down(&scene);
}

static void both_may_dial_at_once(void **state)
{
    (void)state;
    begin(true, false);
    relay_reserve(&scene, scene.source);
    char back[MINKE_ADDR_BYTES * 2];
    strcpy(back, scene.reserve_at);
    strcat(back, "/webrtc/p2p/");
    strcat(back, scene.source_id);
    const char *there = private_addr, *here = back;
    minke_connection_t a, b;
    assert_int_equal(minke__node_dial(scene.source->node, &there, 1, 1, scene.world.now, &a), MINKE_OK);
    assert_int_equal(minke__node_dial(scene.target->node, &here, 1, 1, scene.world.now, &b), MINKE_OK);
    relay_run(&scene, 10 * SECOND);
    assert_int_equal(stats_of(scene.source, a).kind, MINKE_PATH_PRIVATE);
    assert_int_equal(stats_of(scene.target, b).kind, MINKE_PATH_PRIVATE);
    relay_tear_down(&scene);
}

static void a_dial_may_be_cancelled_at_any_time(void **state)
{
    (void)state;
    for (minke_time_t after = 0; after < 400 * MILLISECOND; after += 7 * MILLISECOND) {
        begin(true, true);
        const char *addr = private_addr;
        minke_connection_t dial;
        assert_int_equal(minke__node_dial(scene.source->node, &addr, 1, 1, scene.world.now, &dial), MINKE_OK);
        relay_run(&scene, after);
        (void)minke__node_close(scene.source->node, dial, scene.world.now);
        relay_run(&scene, 60 * SECOND);
        assert_int_equal(minke_transport_connections(scene.source->transport, NULL, 0), 0);
        assert_int_equal(minke_transport_connections(scene.target->transport, NULL, 0), 0);
        assert_int_equal(sim_sockets(scene.source), 0);
        relay_tear_down(&scene);
    }
}

/* ---- abuse ---- */

static minke_connection_t begin_abuse(void)
{
    begin(true, true);
    assert_int_equal(minke__node_allow_limited(scene.source->node, SIGNALLING), MINKE_OK);
    return relay_connect(&scene, scene.source, scene.circuit);
}

/* Others are served as if nothing had been. */
static void end_abuse(size_t memory_before)
{
    relay_run(&scene, 60 * SECOND);
    assert_in_range(minke_transport_memory(scene.target->transport), 0, memory_before + (64 << 10));
    const minke_connection_t connection = relay_connect(&scene, scene.source, private_addr);
    echo(connection, 100000);
    relay_tear_down(&scene);
}

static size_t message(uint8_t *out, uint8_t type, const char *text)
{
    const size_t len = strlen(text), body = 2 + 1 + (size_t)(len < 128 ? 1 : 2) + len;
    size_t at = 0;
    if (body >= 128) out[at++] = (uint8_t)(body | 0x80);
    out[at++] = (uint8_t)(body >= 128 ? body >> 7 : body);
    out[at++] = 0x08;
    out[at++] = type;
    out[at++] = 0x12;
    if (len >= 128) out[at++] = (uint8_t)(len | 0x80);
    out[at++] = (uint8_t)(len >= 128 ? len >> 7 : len);
    memcpy(out + at, text, len);
    return at + len;
}

static void nonsense_costs_a_stream(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",         /* an empty message: no type */
        "ffffff7f", /* 256 MiB */
        "808040",   /* 1 MiB */
        "020800",   /* an offer without text */
        "04080012027631",
        "020801",       /* an answer to nothing */
        "02080212",     /* cut */
        "050a03414243", /* a string for a type */
        "06080012027630ff",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const minke_connection_t circuit = begin_abuse();
        const size_t before = minke_transport_memory(scene.target->transport);
        relay_stream_t *stream = relay_open(&scene, scene.source, circuit, SIGNALLING);
        if (texts[i][0] == 0) relay_write(&scene, scene.source, stream, "\0", 1);
        else relay_write_hex(&scene, scene.source, stream, texts[i]);
        relay_run(&scene, SECOND);
        relay_finish(&scene, scene.source, stream);
        assert_true(relay_wait_closed(&scene, stream, 40 * SECOND));
        end_abuse(before);
    }
}

/* Offers that nobody follows up: at most two at a time of one peer, and each ends by itself. */
static void streams_that_never_end_are_ended(void **state)
{
    (void)state;
    static const char offer[] =
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Qx7a\r\n"
        "a=ice-pwd:r9VwKf2mTz0LhYp4Bn6Jc8Sd\r\na=ice-options:trickle\r\n"
        "a=fingerprint:sha-256 "
        "30:FC:9F:46:9C:20:74:19:DF:DD:0A:AB:5F:27:A8:6C:97:3C:94:E4:05:48:DB:93:75:CC:A2:E9:15:97:"
        "3B:99\r\na=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";
    uint8_t bytes[1024];
    const size_t len = message(bytes, 0, offer);
    const minke_connection_t circuit = begin_abuse();
    const size_t before = minke_transport_memory(scene.target->transport);
    relay_stream_t *streams[20];
    for (size_t i = 0; i < 20; i++) {
        streams[i] = relay_open(&scene, scene.source, circuit, SIGNALLING);
        relay_write(&scene, scene.source, streams[i], bytes, i % 2 == 0 ? len : len / 2);
    }
    relay_run(&scene, 2 * SECOND);
    assert_in_range(minke_transport_connections(scene.target->transport, NULL, 0), 1, 2);
    for (size_t i = 0; i < 20; i++) assert_true(relay_wait_closed(&scene, streams[i], 60 * SECOND));
    end_abuse(before);
}

static void ten_thousand_candidates_are_too_many(void **state)
{
    (void)state;
    const minke_connection_t circuit = begin_abuse();
    const size_t before = minke_transport_memory(scene.target->transport);
    relay_stream_t *stream = relay_open(&scene, scene.source, circuit, SIGNALLING);
    uint8_t bytes[1024];
    char json[256];
    static const char offer[] =
        "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:Qx7a\r\n"
        "a=ice-pwd:r9VwKf2mTz0LhYp4Bn6Jc8Sd\r\n"
        "a=fingerprint:sha-256 "
        "30:FC:9F:46:9C:20:74:19:DF:DD:0A:AB:5F:27:A8:6C:97:3C:94:E4:05:48:DB:93:75:CC:A2:E9:15:97:"
        "3B:99\r\na=setup:actpass\r\na=mid:0\r\n";
    relay_write(&scene, scene.source, stream, bytes, message(bytes, 0, offer));
    unsigned sent = 0;
    for (; sent < 10000 && !stream->closed; sent++) {
        (void)snprintf(json, sizeof json,
                       "{\"candidate\":\"candidate:1 1 udp 2130706431 198.51.%u.%u 4000 typ host\",\"sdpMid\":\"0\"}",
                       sent / 250 % 250, sent % 250 + 1);
        const size_t len = message(bytes, 2, json);
        if (minke__node_write(scene.source->node, stream->id, bytes, len, scene.world.now) < 0) break;
        if (sent % 10 == 0) relay_run(&scene, 10 * MILLISECOND);
        assert_in_range(minke_transport_memory(scene.target->transport), 0, before + (512 << 10));
    }
    assert_true(relay_wait_closed(&scene, stream, 5 * SECOND));
    assert_in_range(sent, 200, 5000);
    end_abuse(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dial_ends_directly),
        cmocka_unit_test(each_step_takes_the_round_trips_that_are_documented),
        cmocka_unit_test(the_circuit_ends_after_a_while),
        cmocka_unit_test(without_a_direct_path_the_circuit_stays),
        cmocka_unit_test(both_may_dial_at_once),
        cmocka_unit_test(a_dial_may_be_cancelled_at_any_time),
        cmocka_unit_test(nonsense_costs_a_stream),
        cmocka_unit_test(streams_that_never_end_are_ended),
        cmocka_unit_test(ten_thousand_candidates_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
