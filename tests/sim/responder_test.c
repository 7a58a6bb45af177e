/* Whole transports asked plain STUN questions: who answers, and what that does to those who want a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/address.h"
#include "stun/responder.h"
#include "transfer.h"

enum { MILLISECOND = 1000, SECOND = 1000000, REQUEST_BYTES = 28 };

static const sim_link_t plain = {.delay = 10 * MILLISECOND, .mtu = 1280};

/* What a listener sends to others than its dialer. */
typedef struct watched {
    minke_address_t dialer;
    uint64_t answers, bytes;
    minke_stun_message_t last;
    uint8_t last_data[128];
    minke_path_t last_path;
} watched_t;

static void watch(void *user, const minke_packet_t *packet)
{
    watched_t *w = user;
    if (packet->received || packet->kind != MINKE_PACKET_DATAGRAM) return;
    if (memcmp(packet->path->remote.ip, w->dialer.ip, 8) == 0) return;
    assert_true(packet->len <= sizeof w->last_data);
    memcpy(w->last_data, packet->data, packet->len);
    assert_true(minke__stun_parse(w->last_data, packet->len, &w->last));
    assert_true(packet->len <= REQUEST_BYTES + MINKE_RESPONDER_GROWTH_IP6_MAX);
    w->last_path = *packet->path;
    w->answers++;
    w->bytes += packet->len;
}

typedef struct scene {
    sim_world_t world;
    sim_endpoint_t *listener, *dialer;
    sim_transfer_t at_listener, at_dialer;
    watched_t watched;
    uint32_t forged; /* sources so far */
} scene_t;

static void set_up(scene_t *s, bool serve_stun, uint64_t bytes)
{
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.serve_stun = serve_stun;
    memset(s, 0, sizeof *s);
    options.tap = (minke_tap_t){.user = &s->watched, .packet = watch};
    sim_world_init(&s->world, 7);
    s->listener = sim_world_add(&s->world, "2001:db8::1", &options, 1);
    options.tap = (minke_tap_t){0};
    s->dialer = sim_world_add(&s->world, "2001:db8:0:1::1", &options, 2);
    s->watched.dialer = s->dialer->ip;
    s->at_dialer = (sim_transfer_t){.bytes = bytes, .send_key = 1, .receive_key = 2, .opens = true};
    s->at_listener = (sim_transfer_t){.bytes = bytes, .send_key = 2, .receive_key = 1};
    s->dialer->on_event = s->listener->on_event = sim_transfer_event;
    s->dialer->user = &s->at_dialer;
    s->listener->user = &s->at_listener;
    sim_world_join(&s->world, s->dialer, s->listener, &plain);
    sim_listen(&s->world, s->listener, 9090);
}

static const minke_counters_t *counters(const sim_endpoint_t *e) { return minke_transport_counters(e->transport); }

/* A plain request, or with `username` one that is a check of nobody. */
static void ask(const scene_t *s, sim_endpoint_t *whom, const minke_address_t *source, const char *username)
{
    uint8_t data[128];
    const uint8_t transaction_id[12] = {1, 2, 3};
    minke_writer_t w = minke__writer(data, sizeof data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, transaction_id);
    if (username != NULL) minke__stun_write_username(&w, username, strlen(username), "abcd", 4);
    assert_true(minke__stun_finish(&w, NULL, 0));
    const minke_train_t train = {data, w.len, w.len};
    const minke_path_t path = {whom->sockets[0].id, whom->sockets[0].bound, *source};
    assert_int_equal(minke_transport_recv(whom->transport, &train, &path, s->world.now), MINKE_OK);
}

/* 2001:db8:1:N::, each the /64 of somebody else. */
static minke_address_t forged(uint32_t n)
{
    return (minke_address_t){.ip = {0x20, 1, 0x0d, 0xb8, 1, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n},
                             .port = 9,
                             .family = MINKE_FAMILY_IP6};
}

static void run(scene_t *s, minke_time_t span) { (void)sim_world_run(&s->world, s->world.now + span, NULL, NULL); }

static void a_listener_that_serves_answers(void **state)
{
    (void)state;
    static scene_t s;
    set_up(&s, true, 0);
    const minke_address_t source = forged(7);
    ask(&s, s.listener, &source, NULL);
    run(&s, SECOND);
    assert_int_equal(s.watched.answers, 1);
    assert_int_equal(s.watched.last.type, MINKE_STUN_BINDING_SUCCESS);
    assert_memory_equal(&s.watched.last.mapped_address, &source, sizeof source);
    assert_true(s.watched.last.has_fingerprint);
    assert_memory_equal(&s.watched.last_path.remote, &source, sizeof source);
    assert_memory_equal(&s.watched.last_path.local, &s.listener->sockets[0].bound, sizeof source);
    assert_int_equal(s.watched.last_path.socket, s.listener->sockets[0].id);
    assert_int_equal(counters(s.listener)->stun_served, 1);
    assert_int_equal(counters(s.listener)->stun_refused, 0);
    ask(&s, s.listener, &source, "somebody"); /* a check is none of its business */
    run(&s, SECOND);
    assert_int_equal(s.watched.answers, 1);
    assert_int_equal(counters(s.listener)->stun_refused, 1);
    sim_world_free(&s.world);
}

static void an_ordinary_listener_does_not(void **state)
{
    (void)state;
    static scene_t s;
    set_up(&s, false, 0);
    const minke_address_t source = forged(7);
    ask(&s, s.listener, &source, NULL);
    run(&s, SECOND);
    assert_int_equal(s.watched.answers, 0);
    assert_int_equal(counters(s.listener)->stun_refused, 1);
    assert_int_equal(counters(s.listener)->stun_served + counters(s.listener)->stun_limited, 0);
    sim_world_free(&s.world);
}

/* The socket of a dial serves nobody, whatever the option says. */
static void a_dialer_does_not(void **state)
{
    (void)state;
    static scene_t s;
    minke_connection_t connection;
    set_up(&s, true, 1000);
    assert_int_equal(sim_dial(s.dialer->transport, s.listener->addr, 1, s.world.now, &connection), MINKE_OK);
    run(&s, SECOND);
    const minke_address_t source = forged(7);
    ask(&s, s.dialer, &source, NULL);
    ask(&s, s.dialer, &s.listener->sockets[0].bound, NULL); /* not even the one it is connected to */
    run(&s, SECOND);
    assert_int_equal(counters(s.dialer)->stun_served + counters(s.dialer)->stun_limited, 0);
    assert_true(sim_transfer_is_over(&s.at_dialer));
    sim_world_free(&s.world);
}

/* Somebody who is connected may ask as well: from the same port, which a page's browser does not do, but a host may. */
static void a_remote_that_is_connected_is_served(void **state)
{
    (void)state;
    static scene_t s;
    minke_connection_t connection;
    set_up(&s, true, 1000);
    assert_int_equal(sim_dial(s.dialer->transport, s.listener->addr, 1, s.world.now, &connection), MINKE_OK);
    run(&s, SECOND);
    ask(&s, s.listener, &s.dialer->sockets[0].bound, NULL);
    run(&s, SECOND);
    assert_int_equal(counters(s.listener)->stun_served, 1);
    assert_int_equal(counters(s.dialer)->stun_unexpected + counters(s.dialer)->datagrams_unknown_source, 1);
    assert_false(s.at_listener.connection_closed || s.at_dialer.connection_closed);
    sim_world_free(&s.world);
}

/* Plain requests, 40,000 a second from forged sources and 10,000 from one, as long as a dialer needs to connect and to
 * move 2 MB each way. It is as fast as without, and what leaves for others is what the limit allows. */
static minke_time_t transfer_beside(scene_t *s, unsigned per_millisecond)
{
    minke_connection_t connection;
    const minke_time_t began = s->world.now;
    const minke_address_t one = forged(0);
    assert_int_equal(sim_dial(s->dialer->transport, s->listener->addr, 1, s->world.now, &connection), MINKE_OK);
    while (!sim_transfer_is_over(&s->at_dialer) || !sim_transfer_is_over(&s->at_listener)) {
        assert_true(s->world.now < began + 60 * SECOND);
        for (unsigned i = 0; i < per_millisecond; i++) {
            const minke_address_t source = forged(++s->forged);
            ask(s, s->listener, i % 5 == 0 ? &one : &source, NULL);
        }
        run(s, MILLISECOND);
    }
    assert_false(s->at_listener.wrong || s->at_dialer.wrong);
    return s->world.now - began;
}

static void a_flood_does_not_hinder_connections(void **state)
{
    (void)state;
    static scene_t s;
    enum { BYTES = 2000000, PER_MILLISECOND = 50 };
    set_up(&s, true, BYTES);
    const minke_time_t alone = transfer_beside(&s, 0);
    sim_world_free(&s.world);
    set_up(&s, true, BYTES);
    const size_t before = minke_transport_memory(s.listener->transport);
    const minke_time_t beside = transfer_beside(&s, PER_MILLISECOND);
    assert_true(beside <= alone + 5 * MILLISECOND);
    const minke_counters_t *n = counters(s.listener);
    const uint64_t asked = beside / MILLISECOND * PER_MILLISECOND, earned = 64 + beside / MILLISECOND;
    assert_int_equal(n->stun_served + n->stun_limited, asked);
    assert_true(n->stun_served >= beside / MILLISECOND && n->stun_served <= earned);
    assert_int_equal(s.watched.answers, n->stun_served);
    assert_true(s.watched.bytes <= earned * (REQUEST_BYTES + MINKE_RESPONDER_GROWTH_IP6_MAX));
    assert_int_equal(n->stun_refused, 0);
    /* No memory for those who asked, but the index of the table. */
    assert_int_equal(minke_transport_close(s.listener->transport, s.at_listener.connection, NULL, s.world.now), 0);
    run(&s, SECOND);
    assert_true(minke_transport_memory(s.listener->transport) <= before + 64 * 1024);
    sim_world_free(&s.world);
}

static void options_are_checked(void **state)
{
    (void)state;
    static const struct {
        uint32_t per_second;
        int result;
    } table[] = {{0, MINKE_ERROR_INVALID}, {1, MINKE_OK}, {1000000, MINKE_OK}, {1000001, MINKE_ERROR_INVALID}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        test_env_t test;
        minke_transport_options_t options;
        minke_transport_t *transport = NULL;
        test_env_init(&test, 1);
        minke_transport_defaults(&options);
        assert_false(options.serve_stun);
        assert_int_equal(options.stun_per_second_max, 1000);
        options.allocator = test.env.allocator;
        options.random = test.env.random;
        options.serve_stun = true;
        options.stun_per_second_max = table[i].per_second;
        assert_int_equal(minke_transport_new(&options, &transport), table[i].result);
        if (transport != NULL) assert_true(minke_transport_memory(transport) < 300 * 1024);
        minke_transport_free(transport);
        assert_int_equal(test.blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_that_serves_answers),
        cmocka_unit_test(an_ordinary_listener_does_not),
        cmocka_unit_test(a_dialer_does_not),
        cmocka_unit_test(a_remote_that_is_connected_is_served),
        cmocka_unit_test(a_flood_does_not_hinder_connections),
        cmocka_unit_test(options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
