/* Relays that lie, answer late or not at all, and memory that runs out: whoever trusted them hears why, tries again,
 * and nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/dial.h"
#include "host/reservation.h"
#include "relay/envelope.h"
#include "relay_scene.h"
#include "webrtc/endpoint.h"

#define SECOND ((minke_time_t)RELAY_SECOND)

enum { MILLISECOND = RELAY_MILLISECOND };

static relay_scene_t scene;

static void begin(bool tcp)
{
    relay_scene_options_t options;
    relay_scene_defaults(&options);
    options.raw_relay = options.quiet = true;
    options.tcp = tcp;
    relay_set_up(&scene, &options);
}

/* ---- answers to RESERVE */

typedef struct answer {
    uint64_t expire;
    const char *addresses[3];
    const char *voucher_for; /* NULL: no voucher */
    bool foreign_voucher;    /* signed by somebody else */
} answer_t;

static size_t write_answer(const answer_t *answer, uint8_t out[2048])
{
    minke_multiaddr_t addresses[3];
    uint8_t voucher[MINKE_VOUCHER_BYTES];
    minke_relay_message_t message = {.type = MINKE_HOP_STATUS,
                                     .status = MINKE_RELAY_STATUS_OK,
                                     .reservation = {.present = true, .expire = answer->expire}};
    for (size_t i = 0; i < 3 && answer->addresses[i] != NULL; i++) {
        assert_true(minke__multiaddr_parse(answer->addresses[i], strlen(answer->addresses[i]), &addresses[i]) >= 0);
        message.reservation.addresses[message.reservation.addresses_n++] =
            (minke_slice_t){addresses[i].bytes, addresses[i].len};
    }
    if (answer->voucher_for != NULL) {
        minke_peer_id_t peer;
        minke_writer_t w = minke__writer(voucher, sizeof voucher);
        const sim_endpoint_t *signer = answer->foreign_voucher ? scene.source : scene.relay;
        assert_true(minke__peer_id_parse(answer->voucher_for, strlen(answer->voucher_for), &peer));
        assert_int_equal(
            minke__voucher_seal(&signer->node->env, signer->transport->identity, &peer, answer->expire, &w), MINKE_OK);
        message.reservation.voucher = (minke_slice_t){voucher, w.len};
    }
    minke_writer_t w = minke__writer(out, 2048);
    assert_int_equal(minke__hop_write(&message, &w), MINKE_OK);
    return w.len;
}

/* The n-th RESERVE that came in, from 0 on. */
static relay_stream_t *asked(size_t n)
{
    static const uint8_t reserve[] = {2, 8, 0};
    assert_true(relay_wait_streams(&scene, scene.relay, n + 1, 70 * SECOND));
    relay_stream_t *stream = &relay_app(scene.relay)->streams[n];
    assert_true(relay_wait_read(&scene, stream, 3, SECOND));
    assert_true(relay_has_read(stream, reserve, sizeof reserve));
    return stream;
}

static void ask(void)
{
    assert_int_equal(minke__node_reserve(scene.target->node, scene.reserve_at, scene.world.now), MINKE_OK);
}

static void reply(relay_stream_t *stream, const answer_t *answer)
{
    uint8_t message[2048];
    relay_write(&scene, scene.relay, stream, message, write_answer(answer, message));
}

static void an_answer_may_come_in_pieces(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        uint8_t message[2048];
        begin(tcp);
        ask();
        relay_stream_t *stream = asked(0);
        const answer_t answer = {.expire = 1767225600 + 3600, .voucher_for = scene.target_id};
        const size_t len = write_answer(&answer, message);
        for (size_t i = 0; i < len; i++) {
            assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTENING), 0);
            relay_write(&scene, scene.relay, stream, message + i, 1);
            relay_run(&scene, 15 * MILLISECOND);
        }
        assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTENING), 1);
        assert_string_equal(relay_told(scene.target, MINKE_EVENT_LISTENING, 1)->addr, scene.circuit);
        relay_tear_down(&scene);
    }
}

static void only_addresses_of_the_relay_are_announced(void **state)
{
    (void)state;
    begin(true);
    ask();
    const answer_t answer = {
        .expire = 1767225600 + 3600,
        .addresses = {"/ip4/198.51.100.7/tcp/4001", /* without its id, as older js relays have it */
                      "/ip4/198.51.100.8/tcp/4001/p2p/12D3KooWGrs5GYcamD36UTt8EyYEPCpSu5YbBkwm7Gg4wEMdDvN3",
                      "/dns4/relay.example/tcp/443/tls/ws"}};
    reply(asked(0), &answer);
    relay_run(&scene, SECOND);
    char expected[3][MINKE_ADDR_BYTES];
    const char *const starts[] = {NULL, answer.addresses[0], answer.addresses[2]};
    strcpy(expected[0], scene.circuit);
    assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTENING), 3);
    for (size_t i = 0; i < 3; i++) {
        if (starts[i] != NULL) {
            strcpy(expected[i], starts[i]);
            strcat(expected[i], "/p2p/");
            strcat(expected[i], scene.relay_id);
            strcat(expected[i], "/p2p-circuit/p2p/");
            strcat(expected[i], scene.target_id);
        }
        assert_string_equal(relay_told(scene.target, MINKE_EVENT_LISTENING, i + 1)->addr, expected[i]);
    }
    sim_tcp_break(&scene.world, scene.relay);
    relay_run(&scene, 100 * MILLISECOND);
    assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTEN_CLOSED), 3);
    assert_true(minke__list_empty(&scene.target->node->addresses));
    relay_tear_down(&scene);
}

/* One that has passed, or that never will, is taken within reason: five seconds, and nearly a day. */
static void the_end_of_a_reservation_is_taken_within_reason(void **state)
{
    (void)state;
    static const struct {
        uint64_t expire;
        minke_time_t asks_after;
    } cases[] = {{0, 5}, {1, 5}, {1767225600, 5}, {UINT64_MAX, 24 * 3600 - 300}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(true);
        ask();
        reply(asked(0), &(answer_t){.expire = cases[i].expire});
        assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTENING, 1, SECOND));
        relay_run(&scene, cases[i].asks_after * SECOND - MILLISECOND);
        assert_int_equal(relay_app(scene.relay)->streams_n, 1);
        relay_run(&scene, 100 * MILLISECOND);
        assert_int_equal(relay_app(scene.relay)->streams_n, 2);
        relay_tear_down(&scene);
    }
}

static void assert_failed(size_t n, int code, const char *text)
{
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTEN_FAILED, n, 12 * SECOND));
    const relay_told_t *told = relay_told(scene.target, MINKE_EVENT_LISTEN_FAILED, n);
    assert_string_equal(told->addr, scene.reserve_at);
    assert_int_equal(told->close.layer, MINKE_LAYER_RELAY);
    assert_int_equal(told->close.code, code);
    assert_string_equal(told->close.text, text);
}

static const char unreadable[] = "what the relay answers cannot be read";

static void a_relay_that_does_not_answer_properly_is_not_believed(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *text;
        int code;
    } cases[] = {
        {"04ffffffff", unreadable, MINKE_ERROR_MALFORMED},
        {"020800", unreadable, MINKE_ERROR_MALFORMED},       /* RESERVE */
        {"04 0801 2864", unreadable, MINKE_ERROR_MALFORMED}, /* CONNECT, OK */
        {"04 0802 2864", "the relay agrees, but names no reservation", MINKE_ERROR_MALFORMED},
        {"02 0802", "UNKNOWN (0): the other side gave a status that is not known here", 0},
        {"ffff7f", "the relay gave no answer that can be read", MINKE_ERROR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(i % 2);
        ask();
        relay_write_hex(&scene, scene.relay, asked(0), cases[i].hex);
        assert_failed(1, cases[i].code, cases[i].text);
        reply(asked(1), &(answer_t){.expire = 1767225600 + 3600}); /* the next time it does */
        assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTENING, 1, SECOND));
        relay_tear_down(&scene);
    }
}

static void a_voucher_must_be_the_relays_own_and_for_us(void **state)
{
    (void)state;
    static const char text[] = "the relay's voucher is not its own, or not for us";
    begin(false);
    ask();
    reply(asked(0), &(answer_t){.expire = 1767225600 + 3600, .voucher_for = scene.source_id});
    assert_failed(1, MINKE_ERROR_CRYPTO, text);
    reply(asked(1), &(answer_t){.expire = 1767225600 + 3600, .voucher_for = scene.target_id, .foreign_voucher = true});
    relay_run(&scene, SECOND);
    assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTEN_FAILED), 1); /* told once */
    assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTENING), 0);
    reply(asked(2), &(answer_t){.expire = 1767225600 + 3600, .voucher_for = scene.target_id});
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTENING, 1, SECOND));
    relay_tear_down(&scene);
}

typedef enum silence { SAYS_NOTHING, SAYS_HALF, FINISHES, RESETS, LEAVES, SILENCES_N } silence_t;

static void be_silent(silence_t kind, relay_stream_t *stream)
{
    sim_endpoint_t *e = scene.relay;
    switch (kind) {
    case SAYS_HALF: relay_write_hex(&scene, e, stream, "7f0802"); break;
    case FINISHES: relay_finish(&scene, e, stream); break;
    case RESETS: relay_reset(&scene, e, stream); break;
    case LEAVES: assert_int_equal(minke__node_close(e->node, stream->connection, scene.world.now), MINKE_OK); break;
    case SAYS_NOTHING:
    case SILENCES_N: break;
    }
}

/* Also when it was asked to renew one: then what was announced is withdrawn, and in a moment it is tried anew. */
static void a_relay_that_does_not_answer_is_asked_again(void **state)
{
    (void)state;
    for (int held = 0; held < 2; held++) {
        for (int kind = 0; kind < SILENCES_N; kind++) {
            begin(kind % 2);
            ask();
            if (held) reply(asked(0), &(answer_t){.expire = 1767225600 + 20});
            relay_stream_t *stream = asked((size_t)held);
            const minke_time_t asked_at = scene.world.now;
            be_silent((silence_t)kind, stream);
            assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTEN_FAILED, 1, 11 * SECOND));
            const bool is_timeout = kind == SAYS_NOTHING || kind == SAYS_HALF;
            assert_true((scene.world.now - asked_at > 9 * SECOND) == is_timeout);
            assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTENING), held);
            assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTEN_CLOSED), held);
            assert_true(relay_told(scene.target, MINKE_EVENT_LISTEN_FAILED, 1)->close.text[0] != 0);
            reply(asked((size_t)held + 1), &(answer_t){.expire = 1767225600 + 3600});
            assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTENING, (size_t)held + 1, SECOND));
            assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_LISTEN_FAILED), 1);
            relay_tear_down(&scene);
        }
    }
}

static void who_is_no_relay_is_told_apart(void **state)
{
    (void)state;
    relay_scene_options_t options;
    minke_connection_t dial;
    relay_scene_defaults(&options);
    options.quiet = true;
    relay_set_up(&scene, &options);
    sim_listen(&scene.world, scene.source, 9091);
    char addr[MINKE_ADDR_BYTES * 2];
    strcpy(addr, scene.source->addr);
    strcat(addr, "/p2p-circuit");
    sim_world_join(&scene.world, scene.source, scene.target, &options.link);
    assert_int_equal(minke__node_reserve(scene.target->node, addr, scene.world.now), MINKE_OK);
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTEN_FAILED, 1, 5 * SECOND));
    const minke_close_t *close = &relay_told(scene.target, MINKE_EVENT_LISTEN_FAILED, 1)->close;
    assert_int_equal(close->code, MINKE_ERROR_UNSUPPORTED);
    assert_int_equal(close->layer, MINKE_LAYER_RELAY);
    strcat(addr, "/p2p/");
    strcat(addr, scene.relay_id);
    const char *circuit = addr;
    assert_int_equal(minke__node_dial(scene.target->node, &circuit, 1, 0, scene.world.now, &dial), MINKE_OK);
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_DISCONNECTED, 1, 5 * SECOND));
    close = &relay_told(scene.target, MINKE_EVENT_DISCONNECTED, 1)->close;
    assert_int_equal(close->code, MINKE_ERROR_UNSUPPORTED);
    relay_tear_down(&scene);
}

/* Also where the address does not say who the relay is: a refusal does not leave a connection behind for each try. */
static void a_refused_reservation_keeps_to_one_connection(void **state)
{
    (void)state;
    char addr[MINKE_ADDR_BYTES];
    begin(false);
    strcpy(addr, scene.relay_addr);
    *strstr(addr, "/p2p/") = 0;
    strcat(addr, "/p2p-circuit");
    assert_int_equal(minke__node_reserve(scene.target->node, addr, scene.world.now), MINKE_OK);
    for (size_t i = 0; i < 6; i++) relay_write_hex(&scene, scene.relay, asked(i), "05 0802 28c801");
    assert_int_equal(relay_told_n(scene.target, MINKE_EVENT_CONNECTED), 1);
    reply(asked(6), &(answer_t){.expire = 1767225600 + 3600});
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTENING, 1, SECOND));
    assert_string_equal(relay_told(scene.target, MINKE_EVENT_LISTENING, 1)->addr, scene.circuit);
    relay_tear_down(&scene);
}

/* A relay may bring as many at once as other callers may come. */
static void a_target_takes_only_so_many_calls_at_once(void **state)
{
    (void)state;
    enum { CALLS_MAX = 3 };
    uint8_t message[128], expected[16];
    relay_scene_options_t options;
    relay_scene_defaults(&options);
    options.raw_relay = options.quiet = true;
    options.host.transport.handshakes_max = CALLS_MAX;
    relay_set_up(&scene, &options);
    ask();
    reply(asked(0), &(answer_t){.expire = 1767225600 + 3600});
    assert_true(relay_wait_told(&scene, scene.target, MINKE_EVENT_LISTENING, 1, SECOND));
    const size_t len = relay_hop_connect(scene.source_id, message);
    message[2] = 0;
    for (size_t i = 0; i < 10; i++) {
        relay_stream_t *stop =
            relay_open(&scene, scene.relay, relay_app(scene.relay)->streams[0].connection, RELAY_STOP);
        relay_write(&scene, scene.relay, stop, message, len);
        relay_run(&scene, 100 * MILLISECOND);
        const size_t answer_len = relay_stop_status(
            i < CALLS_MAX ? MINKE_RELAY_STATUS_OK : MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED, expected);
        assert_true(stop->read >= answer_len && memcmp(stop->first, expected, answer_len) == 0);
    }
    assert_int_equal(minke_transport_counters(scene.target->transport)->handshakes_refused, 10 - CALLS_MAX);
    relay_run(&scene, 12 * SECOND);
    assert_true(minke__bytes_after(scene.target->node->bytes, 0) == 0);
    relay_tear_down(&scene);
}

/* ---- answers to CONNECT */

static void a_dial_over_a_bad_relay_fails_for_a_reason(void **state)
{
    (void)state;
    static const char agrees[] = "04 0802 2864";
    static const struct {
        const char *hex, *text;
        minke_layer_t layer;
        int code;
    } cases[] = {
        {"04ffffffff", unreadable, MINKE_LAYER_RELAY, MINKE_ERROR_MALFORMED},
        {"020801", unreadable, MINKE_LAYER_RELAY, MINKE_ERROR_MALFORMED},
        {"ffff7f", unreadable, MINKE_LAYER_RELAY, MINKE_ERROR_MALFORMED},
        {"02 0802", "UNKNOWN (0): the other side gave a status that is not known here", MINKE_LAYER_RELAY, 0},
        /* What is right behind the status is the target's, and this is not what a target says. */
        {"04 0802 2864 ffffffffff", "what the remote sends is not multistream-select", MINKE_LAYER_NOISE,
         MINKE_ERROR_MALFORMED},
        {"04 0802 2864 13 2f6d756c746973747265616d2f312e302e300a 03 6e610a", "the remote does not speak Noise",
         MINKE_LAYER_NOISE, MINKE_ERROR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *addr = scene.circuit;
        minke_connection_t dial;
        begin(i % 2);
        assert_int_equal(minke__node_dial(scene.source->node, &addr, 1, 0, scene.world.now, &dial), MINKE_OK);
        assert_true(relay_wait_streams(&scene, scene.relay, 1, 5 * SECOND));
        relay_write_hex(&scene, scene.relay, &relay_app(scene.relay)->streams[0], cases[i].hex);
        assert_true(relay_wait_told(&scene, scene.source, MINKE_EVENT_DISCONNECTED, 1, 2 * SECOND));
        const relay_told_t *told = relay_told(scene.source, MINKE_EVENT_DISCONNECTED, 1);
        assert_int_equal(told->connection, dial);
        assert_string_equal(told->close.text, cases[i].text);
        assert_int_equal(told->close.layer, cases[i].layer);
        assert_int_equal(told->close.code, cases[i].code);
        relay_run(&scene, 15 * SECOND);
        assert_true(relay_app(scene.relay)->streams[0].closed);
        relay_tear_down(&scene);
    }
    /* It agrees, and there is nobody. */
    for (int kind = 0; kind < SILENCES_N; kind++) {
        const char *addr = scene.circuit;
        minke_connection_t dial;
        begin(kind % 2);
        assert_int_equal(minke__node_dial(scene.source->node, &addr, 1, 0, scene.world.now, &dial), MINKE_OK);
        assert_true(relay_wait_streams(&scene, scene.relay, 1, 5 * SECOND));
        relay_stream_t *stream = &relay_app(scene.relay)->streams[0];
        if (kind != SAYS_HALF) relay_write_hex(&scene, scene.relay, stream, agrees);
        be_silent((silence_t)kind, stream);
        assert_true(relay_wait_told(&scene, scene.source, MINKE_EVENT_DISCONNECTED, 1, 16 * SECOND));
        const minke_close_t *close = &relay_told(scene.source, MINKE_EVENT_DISCONNECTED, 1)->close;
        assert_true(close->layer != MINKE_LAYER_NONE && close->text[0] != 0);
        assert_null(strstr(close->text, "firewall")); /* the relay has been reached */
        relay_run(&scene, 15 * SECOND);
        assert_int_equal(scene.source->node->attempts.count, 0);
        relay_tear_down(&scene);
    }
}

/* A relay that brings somebody else than was asked for: Noise tells. */
static void a_relay_cannot_pass_off_another_peer(void **state)
{
    (void)state;
    for (int honest = 0; honest < 2; honest++) {
        uint8_t message[128];
        minke_connection_t dial;
        begin(false);
        ask();
        reply(asked(0), &(answer_t){.expire = 1767225600 + 3600});
        const char *addr = scene.circuit;
        char other[MINKE_ADDR_BYTES * 2];
        if (!honest) {
            strcpy(other, scene.reserve_at);
            strcat(other, "/p2p/12D3KooWGrs5GYcamD36UTt8EyYEPCpSu5YbBkwm7Gg4wEMdDvN3");
            addr = other;
        }
        assert_int_equal(minke__node_dial(scene.source->node, &addr, 1, 0, scene.world.now, &dial), MINKE_OK);
        assert_true(relay_wait_streams(&scene, scene.relay, 2, 5 * SECOND));
        relay_stream_t *hop = &relay_app(scene.relay)->streams[1];
        relay_stream_t *stop =
            relay_open(&scene, scene.relay, relay_app(scene.relay)->streams[0].connection, RELAY_STOP);
        /* Much the same as a CONNECT of hop, but for its type. */
        const size_t len = relay_hop_connect(scene.source_id, message);
        message[2] = 0;
        relay_write(&scene, scene.relay, stop, message, len);
        assert_true(relay_wait_read(&scene, stop, 5, SECOND));
        relay_write_hex(&scene, scene.relay, hop, "04 0802 2864");
        hop->bridge = stop;
        stop->bridge = hop;
        relay_run(&scene, 2 * SECOND);
        if (honest) {
            assert_true(relay_told_n(scene.source, MINKE_EVENT_CONNECTED) == 2);
            assert_false(relay_told(scene.source, MINKE_EVENT_CONNECTED, 2)->limited); /* it named no limit */
        } else {
            const relay_told_t *told = relay_told(scene.source, MINKE_EVENT_DISCONNECTED, 1);
            assert_non_null(told);
            assert_int_equal(told->connection, dial);
            assert_int_equal(told->close.layer, MINKE_LAYER_NOISE);
            assert_non_null(strstr(told->close.text, scene.target_id));
        }
        relay_tear_down(&scene);
    }
}

/* ---- memory */

static sim_endpoint_t *node_at(int which)
{
    sim_endpoint_t *const all[] = {scene.relay, scene.target, scene.source};
    return all[which];
}

/* Reserve, call, talk, hang up. The allocations of one of the three that this takes; with `fail_at` that one fails. */
static uint64_t one_call(int which, bool tcp, uint64_t fail_at, bool for_good)
{
    relay_scene_options_t options;
    minke_connection_t dial;
    uint8_t ping[32] = {1, 2, 3};
    relay_scene_defaults(&options);
    options.tcp = tcp;
    options.link.delay = MILLISECOND;
    relay_set_up(&scene, &options);
    sim_tcp_set_delay(scene.world.tcp, MILLISECOND);
    test_env_t *memory = &node_at(which)->memory;
    const uint64_t before = memory->allocations;
    if (fail_at != 0) memory->fail_at = before + fail_at;
    memory->fail_for_good = for_good;
    const bool may_fail = fail_at != 0;
    const int asked_for = minke__node_reserve(scene.target->node, scene.reserve_at, scene.world.now);
    assert_true(asked_for == MINKE_OK || (may_fail && asked_for == MINKE_ERROR_NO_MEMORY));
    relay_run(&scene, 300 * MILLISECOND);
    const char *addr = scene.circuit;
    const int dialled = minke__node_dial(scene.source->node, &addr, 1, 0, scene.world.now, &dial);
    assert_true(dialled == MINKE_OK || may_fail);
    relay_run(&scene, 300 * MILLISECOND);
    minke_stream_t id;
    if (minke__node_open(scene.source->node, dialled == MINKE_OK ? dial : 1, "/ipfs/ping/1.0.0", scene.world.now,
                         &id) == MINKE_OK) {
        relay_app_t *app = relay_app(scene.source);
        app->streams[app->streams_n++] = (relay_stream_t){.id = id, .connection = dial, .pattern_from = SIZE_MAX};
        (void)minke__node_write(scene.source->node, id, ping, sizeof ping, scene.world.now);
        relay_run(&scene, 100 * MILLISECOND);
        assert_true(may_fail || relay_has_read(&app->streams[app->streams_n - 1], ping, sizeof ping));
    } else {
        assert_true(may_fail);
    }
    if (dialled == MINKE_OK) (void)minke__node_close(scene.source->node, dial, scene.world.now);
    relay_run(&scene, 100 * MILLISECOND);
    const uint64_t used = memory->allocations - before;
    memory->fail_at = 0;
    if (!may_fail) {
        relay_tear_down(&scene);
        return used;
    }
    /* Afterwards all is as if nothing had happened. */
    relay_run(&scene, 50 * SECOND);
    if (asked_for != MINKE_OK)
        assert_int_equal(minke__node_reserve(scene.target->node, scene.reserve_at, scene.world.now), MINKE_OK);
    relay_run(&scene, 5 * SECOND);
    assert_true(minke__node_has_text(&scene.target->node->addresses, scene.circuit, strlen(scene.circuit)));
    (void)relay_connect(&scene, scene.source, scene.circuit);
    assert_int_equal(relay_statistics(&scene)->circuits, 1);
    assert_int_equal(relay_statistics(&scene)->circuits_asking, 0);
    relay_tear_down(&scene);
    return used;
}

static void memory_may_fail_at_any_call(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        for (int which = 0; which < 3; which++) {
            const uint64_t allocations = one_call(which, tcp, 0, false);
            assert_in_range(allocations, 40, 2000);
            for (uint64_t n = 1; n <= allocations; n++) (void)one_call(which, tcp, n, false);
            for (uint64_t n = 1; n <= allocations; n += 13) (void)one_call(which, tcp, n, true);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_may_come_in_pieces),
        cmocka_unit_test(only_addresses_of_the_relay_are_announced),
        cmocka_unit_test(the_end_of_a_reservation_is_taken_within_reason),
        cmocka_unit_test(a_relay_that_does_not_answer_properly_is_not_believed),
        cmocka_unit_test(a_voucher_must_be_the_relays_own_and_for_us),
        cmocka_unit_test(a_relay_that_does_not_answer_is_asked_again),
        cmocka_unit_test(a_refused_reservation_keeps_to_one_connection),
        cmocka_unit_test(a_target_takes_only_so_many_calls_at_once),
        cmocka_unit_test(who_is_no_relay_is_told_apart),
        cmocka_unit_test(a_dial_over_a_bad_relay_fails_for_a_reason),
        cmocka_unit_test(a_relay_cannot_pass_off_another_peer),
        cmocka_unit_test(memory_may_fail_at_any_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
