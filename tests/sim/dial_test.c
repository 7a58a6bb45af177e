/* Dials to one or several addresses: which attempt begins when, which one wins, and that the others leave nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "webrtc/dial.h"
#include "world.h"

#define NO_ANSWER "no check was answered: nobody listens at this address, or UDP is blocked on the way"

enum { MILLISECOND = 1000, SECOND = 1000000, TRACED_MAX = 64 };

static const sim_link_t plain = {.delay = 10 * MILLISECOND, .mtu = 1280};
static const sim_link_t dead = {.loss = 1};

typedef struct traced {
    char name[24];
    char detail[128];
    minke_time_t at;
    uint64_t version;
} traced_t;

typedef struct scene {
    sim_world_t world;
    sim_endpoint_t *listener, *dialer;
    char ip6[MINKE_ADDR_BYTES], ip4[MINKE_ADDR_BYTES]; /* of the listener */
    minke_connection_t connection;
    minke_time_t begun, connected_at, closed_at;
    bool connected, closed;
    minke_close_t close;
    size_t traced_n;
    traced_t traced[TRACED_MAX]; /* the dialer's attempts */
} scene_t;

static void on_trace(void *user, const minke_trace_event_t *event)
{
    scene_t *s = user;
    if (strncmp(event->name, "attempt_", 8) != 0) return;
    assert_true(s->traced_n < TRACED_MAX);
    traced_t *line = &s->traced[s->traced_n++];
    line->at = event->at;
    line->version = event->value;
    strncpy(line->name, event->name + 8, sizeof line->name - 1);
    strncpy(line->detail, event->detail, sizeof line->detail - 1);
}

static void on_event(void *user, sim_endpoint_t *e, const minke_transport_event_t *event)
{
    scene_t *s = user;
    (void)e;
    if (event->connection != s->connection) return;
    if (event->type == MINKE_TRANSPORT_CONNECTED) {
        s->connected = true;
        s->connected_at = s->world.now;
    } else if (event->type == MINKE_TRANSPORT_CLOSED) {
        s->closed = true;
        s->closed_at = s->world.now;
        s->close = event->close;
    }
}

static void listen_on_ip4(scene_t *s)
{
    minke_socket_t socket;
    minke_address_t address = s->listener->second_ip;
    address.port = 9090;
    assert_int_equal(minke_transport_listen(s->listener->transport, &address, &socket), MINKE_OK);
    assert_true(minke_transport_address(s->listener->transport, &address, s->ip4, sizeof s->ip4) > 0);
}

static void join_ip4(scene_t *s, const sim_link_t *link)
{
    sim_network_link(s->world.network, &s->dialer->second_ip, &s->listener->second_ip, link);
    sim_network_link(s->world.network, &s->listener->second_ip, &s->dialer->second_ip, link);
}

/* A listener and a dialer with both families. */
static void set_up(scene_t *s)
{
    minke_transport_options_t options;
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 3);
    s->listener = sim_world_add(&s->world, "2001:db8::1", NULL, 1);
    minke_transport_defaults(&options);
    options.trace = (minke_trace_t){s, on_trace};
    options.dial_after = 5 * SECOND;
    s->dialer = sim_world_add(&s->world, "2001:db8::2", &options, 2);
    s->dialer->on_event = on_event;
    s->dialer->user = s;
    sim_second_ip(s->listener, "192.0.2.1");
    sim_second_ip(s->dialer, "192.0.2.2");
    sim_world_join(&s->world, s->dialer, s->listener, &plain);
    join_ip4(s, &plain);
    listen_on_ip4(s);
    sim_listen(&s->world, s->listener, 9090);
    strcpy(s->ip6, s->listener->addr);
}

static void tear_down(scene_t *s) { sim_world_free(&s->world); }

/* `addr` as if it were at another IP, where nobody is. */
static const char *elsewhere(const char *addr, const char *ip)
{
    static char texts[8][MINKE_ADDR_BYTES];
    static unsigned used;
    char *out = texts[used++ % 8];
    strcpy(out, ip);
    strcat(out, strstr(addr, "/udp/"));
    return out;
}

static int try_to_dial(scene_t *s, int version, const char *const *addrs, size_t n)
{
    s->begun = s->world.now;
    s->connected = s->closed = false;
    s->traced_n = 0;
    return minke_transport_dial(s->dialer->transport, addrs, n, version, s->world.now, &s->connection);
}

#define DIAL(s, version, ...)                                                                                          \
    do {                                                                                                               \
        const char *const addrs_[] = {__VA_ARGS__};                                                                    \
        assert_int_equal(try_to_dial(s, version, addrs_, sizeof addrs_ / sizeof addrs_[0]), MINKE_OK);                 \
    } while (false)

static bool decided(void *user)
{
    const scene_t *s = user;
    return s->connected || s->closed;
}

static bool is_closed(void *user) { return ((scene_t *)user)->closed; }

static bool run(scene_t *s, minke_time_t span, bool (*done)(void *user))
{
    return sim_world_run(&s->world, s->world.now + span, done, s);
}

/* One line of trace: the n-th is this, at this time after the dial's beginning. */
static void assert_traced(const scene_t *s, size_t n, const char *name, uint64_t version, unsigned after_ms)
{
    assert_true(n < s->traced_n);
    assert_string_equal(s->traced[n].name, name);
    assert_int_equal(s->traced[n].version, version);
    assert_int_equal(s->traced[n].at - s->begun, after_ms * MILLISECOND);
}

/* What the dialer holds: sockets, entries of its tables, timers. */
static void assert_holds(const scene_t *s, size_t sessions)
{
    const minke_transport_t *t = s->dialer->transport;
    assert_int_equal(sim_sockets(s->dialer), sessions);
    assert_int_equal(t->ufrags.count, sessions);
    assert_int_equal(t->paths.count, sessions);
    assert_true((t->sockets.count == 0) == (sessions == 0));
}

static void assert_connected(scene_t *s, int version, uint8_t family)
{
    minke_connection_stats_t stats;
    assert_true(run(s, 10 * SECOND, decided));
    assert_true(s->connected);
    assert_holds(s, 1);
    assert_int_equal(minke_transport_stats(s->dialer->transport, s->connection, &stats), MINKE_OK);
    assert_int_equal(stats.version, version);
    assert_int_equal(stats.path.remote.family, family);
}

/* Ends it and compares what is left with what was there before. */
static void close_and_compare(scene_t *s, size_t blocks_before)
{
    assert_int_equal(minke_transport_close(s->dialer->transport, s->connection, "enough", s->world.now), MINKE_OK);
    assert_true(run(s, 5 * SECOND, is_closed));
    (void)run(s, 1 * SECOND, NULL);
    assert_holds(s, 0);
    assert_int_equal(s->dialer->transport->timers.count, 0);
    assert_int_equal(s->dialer->transport->connections.count, 0);
    if (blocks_before > 0) assert_int_equal(s->dialer->memory.blocks, blocks_before);
}

/* Tables that have grown once stay: what a connection leaves is measured after a first one. */
static size_t warm_up(scene_t *s)
{
    DIAL(s, 1, s->ip6);
    assert_connected(s, 1, MINKE_FAMILY_IP6);
    close_and_compare(s, 0);
    return s->dialer->memory.blocks;
}

/* ---- versions ---- */

static void both_versions_known_the_first_wins(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    const size_t blocks = warm_up(&s);
    DIAL(&s, 0, s.ip6);
    assert_connected(&s, 1, MINKE_FAMILY_IP6);
    (void)run(&s, 2 * SECOND, NULL);
    assert_int_equal(s.traced_n, 2);
    assert_traced(&s, 0, "begun", 1, 0);
    assert_traced(&s, 1, "won", 1, 20);
    close_and_compare(&s, blocks);
    tear_down(&s);
}

static void version_2_alone_is_found_after_500_ms(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    const size_t blocks = warm_up(&s);
    s.listener->deaf_to = "libp2p+webrtc+v1/";
    DIAL(&s, 0, s.ip6);
    assert_connected(&s, 2, MINKE_FAMILY_IP6);
    assert_int_equal(s.traced_n, 3);
    assert_traced(&s, 0, "begun", 1, 0);
    assert_traced(&s, 1, "begun", 2, 500);
    assert_traced(&s, 2, "won", 2, 520);
    close_and_compare(&s, blocks);
    tear_down(&s);
}

/* The answer to version 1 is still under way when version 2 begins. */
static void a_late_answer_to_version_1_wins(void **state)
{
    (void)state;
    scene_t s;
    const sim_link_t slow = {.delay = 300 * MILLISECOND};
    set_up(&s);
    const size_t blocks = warm_up(&s);
    sim_world_join(&s.world, s.dialer, s.listener, &slow);
    s.listener->deaf_to = "libp2p+webrtc+v2/";
    DIAL(&s, 0, s.ip6);
    assert_connected(&s, 1, MINKE_FAMILY_IP6);
    assert_int_equal(s.traced_n, 3);
    assert_traced(&s, 1, "begun", 2, 500);
    assert_traced(&s, 2, "won", 1, 600);
    close_and_compare(&s, blocks);
    tear_down(&s);
}

static void a_pinned_version_is_the_only_one(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    for (int version = 1; version <= 2; version++) {
        s.listener->deaf_to = version == 1 ? "libp2p+webrtc+v1/" : "libp2p+webrtc+v2/";
        DIAL(&s, version, s.ip6);
        assert_true(run(&s, 10 * SECOND, decided));
        assert_true(s.closed);
        assert_int_equal(s.close.layer, MINKE_LAYER_ICE);
        assert_string_equal(s.close.text, NO_ANSWER);
        assert_int_equal(s.traced_n, 2);
        assert_traced(&s, 0, "begun", (uint64_t)version, 0);
        assert_traced(&s, 1, "failed", (uint64_t)version, 5000);
    }
    tear_down(&s);
}

/* ---- addresses ---- */

static void a_dead_address_costs_250_ms(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    const size_t blocks = warm_up(&s);
    DIAL(&s, 0, elsewhere(s.ip6, "/ip6/2001:db8::9"), s.ip6);
    assert_connected(&s, 1, MINKE_FAMILY_IP6);
    assert_int_equal(s.traced_n, 3);
    assert_traced(&s, 0, "begun", 1, 0);
    assert_traced(&s, 1, "begun", 1, 250);
    assert_traced(&s, 2, "won", 1, 270);
    assert_string_equal(s.traced[2].detail, "[2001:db8::1]:9090");
    close_and_compare(&s, blocks);
    tear_down(&s);
}

/* However the caller orders them. */
static void ip6_is_tried_first_and_ip4_when_it_is_dead(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    const size_t blocks = warm_up(&s);
    sim_world_join(&s.world, s.dialer, s.listener, &dead);
    DIAL(&s, 0, s.ip4, s.ip6);
    assert_connected(&s, 1, MINKE_FAMILY_IP4);
    assert_int_equal(s.traced_n, 3);
    assert_string_equal(s.traced[0].detail, "[2001:db8::1]:9090");
    assert_string_equal(s.traced[1].detail, "192.0.2.1:9090");
    assert_traced(&s, 2, "won", 1, 270);
    close_and_compare(&s, blocks);
    tear_down(&s);
}

static void without_ip6_nothing_is_waited_for(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    const minke_address_t ip4 = s.dialer->second_ip;
    s.dialer->ip = ip4; /* its only address */
    s.dialer->second_ip.family = MINKE_FAMILY_NONE;
    DIAL(&s, 0, s.ip6, s.ip4);
    assert_connected(&s, 1, MINKE_FAMILY_IP4);
    assert_int_equal(s.traced_n, 4);
    assert_traced(&s, 0, "begun", 1, 0);
    assert_traced(&s, 1, "failed", 1, 0);
    assert_traced(&s, 2, "begun", 1, 0);
    assert_traced(&s, 3, "won", 1, 20);
    tear_down(&s);
}

static size_t connections_of_the_listener(const scene_t *s) { return s->listener->transport->connections.count; }

/* Several attempts are answered, all within one round trip: one wins, the others leave nothing on either side. */
static void of_several_that_live_one_wins(void **state)
{
    (void)state;
    scene_t s;
    const sim_link_t slow = {.delay = 300 * MILLISECOND};
    set_up(&s);
    const size_t blocks = warm_up(&s);
    sim_world_join(&s.world, s.dialer, s.listener, &slow);
    join_ip4(&s, &slow);
    DIAL(&s, 0, s.ip6, s.ip4, s.ip6, s.ip4);
    (void)run(&s, 560 * MILLISECOND, decided);
    assert_holds(&s, 4); /* three addresses by version 1, the first by version 2 too */
    assert_connected(&s, 1, MINKE_FAMILY_IP6);
    assert_traced(&s, s.traced_n - 1, "won", 1, 600);
    (void)run(&s, 2 * SECOND, NULL); /* the late answers find nobody */
    assert_holds(&s, 1);
    assert_int_equal(connections_of_the_listener(&s), 1);
    assert_int_equal(minke_transport_counters(s.dialer->transport)->connections_failed, 0);
    close_and_compare(&s, blocks);
    tear_down(&s);
}

static void a_remote_without_a_way_gives_room_at_once(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    sim_world_join(&s.world, s.dialer, s.listener, &dead);
    DIAL(&s, 0, s.ip6, s.ip4);
    (void)run(&s, 30 * MILLISECOND, NULL);
    minke_path_t path = {.socket = s.dialer->sockets[0].id, .remote = s.listener->ip};
    minke_transport_unreachable(s.dialer->transport, &path, "nothing there", s.world.now); /* port 0: nobody's */
    path.remote.port = 9090;
    minke_transport_unreachable(s.dialer->transport, &path, "network unreachable", s.world.now);
    assert_connected(&s, 1, MINKE_FAMILY_IP4);
    assert_int_equal(s.traced_n, 4);
    assert_traced(&s, 1, "failed", 1, 30);
    assert_traced(&s, 2, "begun", 1, 30);
    assert_traced(&s, 3, "won", 1, 50);
    path = (minke_path_t){.socket = s.dialer->sockets[0].id, .remote = s.listener->second_ip};
    path.remote.port = 9090;
    minke_transport_unreachable(s.dialer->transport, &path, "a gap", s.world.now); /* a connection survives gaps */
    (void)run(&s, 1 * SECOND, NULL);
    assert_false(s.closed);
    tear_down(&s);
}

/* ---- failure ---- */

static void the_most_telling_failure_is_named(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    const size_t blocks = warm_up(&s);
    s.dialer->second_ip.family = MINKE_FAMILY_NONE;
    sim_world_join(&s.world, s.dialer, s.listener, &dead);
    DIAL(&s, 0, s.ip4, s.ip6, elsewhere(s.ip6, "/ip6/2001:db8::9"));
    assert_true(run(&s, 10 * SECOND, decided));
    assert_true(s.closed);
    assert_int_equal(s.closed_at - s.begun, 5 * SECOND);
    assert_int_equal(s.close.layer, MINKE_LAYER_ICE); /* not the family that is missing */
    assert_int_equal(s.close.code, MINKE_ERROR_TIMEOUT);
    assert_string_equal(s.close.text, NO_ANSWER " (addresses tried: 3)");
    assert_int_equal(minke_transport_counters(s.dialer->transport)->connections_failed, 1);
    assert_int_equal(s.traced_n, 10); /* five begun, five failed: no version 2 for the family that is missing */
    assert_holds(&s, 0);
    assert_int_equal(s.dialer->memory.blocks, blocks);
    tear_down(&s);
}

static void without_any_socket_it_ends_at_once(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    s.dialer->second_ip.family = MINKE_FAMILY_NONE;
    DIAL(&s, 0, s.ip4, s.ip4);
    assert_true(run(&s, 0, decided));
    assert_true(s.closed);
    assert_int_equal(s.close.layer, MINKE_LAYER_NETWORK);
    assert_int_equal(s.close.code, MINKE_ERROR_SYSTEM);
    assert_string_equal(s.close.text, "no address of this family (addresses tried: 2)");
    assert_holds(&s, 0);
    tear_down(&s);
}

static void addresses_that_do_not_go_together(void **state)
{
    (void)state;
    scene_t s;
    char other[MINKE_ADDR_BYTES], nobody[MINKE_ADDR_BYTES], self[MINKE_PEER_BYTES];
    set_up(&s);
    const size_t blocks = s.dialer->memory.blocks;
    minke_transport_self(s.dialer->transport, self);
    strcpy(other, s.ip4);
    strcpy(strstr(other, "/p2p/") + 5, self);
    strcpy(nobody, s.ip4);
    *strstr(nobody, "/p2p/") = 0;
    const char *const two_peers[] = {s.ip6, other}, *const one_named[] = {nobody, s.ip6},
                      *const one_bad[] = {s.ip6, "/ip4/192.0.2.1/tcp/1"}, *const many[] = {s.ip6, s.ip6, s.ip6,
                                                                                           s.ip6, s.ip6, s.ip6,
                                                                                           s.ip6, s.ip6, s.ip6};
    assert_int_equal(try_to_dial(&s, 0, two_peers, 2), MINKE_ERROR_ADDRESS);
    assert_int_equal(try_to_dial(&s, 0, one_bad, 2), MINKE_ERROR_ADDRESS);
    assert_int_equal(try_to_dial(&s, 0, many, 9), MINKE_ERROR_INVALID);
    assert_int_equal(try_to_dial(&s, 0, many, 0), MINKE_ERROR_INVALID);
    assert_int_equal(try_to_dial(&s, 3, many, 1), MINKE_ERROR_INVALID);
    assert_int_equal(try_to_dial(&s, -1, many, 1), MINKE_ERROR_INVALID);
    assert_int_equal(s.dialer->memory.blocks, blocks);
    assert_int_equal(try_to_dial(&s, 0, one_named, 2), MINKE_OK);
    assert_connected(&s, 1, MINKE_FAMILY_IP6);
    tear_down(&s);
}

/* One address names the peer, and that binds all of them. */
static void whoever_answers_must_be_the_peer(void **state)
{
    (void)state;
    scene_t s;
    char other[MINKE_ADDR_BYTES], nobody[MINKE_ADDR_BYTES], self[MINKE_PEER_BYTES];
    set_up(&s);
    minke_transport_self(s.dialer->transport, self);
    strcpy(other, elsewhere(s.ip4, "/ip4/192.0.2.9"));
    strcpy(strstr(other, "/p2p/") + 5, self);
    strcpy(nobody, s.ip4);
    *strstr(nobody, "/p2p/") = 0;
    DIAL(&s, 0, other, nobody);
    assert_true(run(&s, 10 * SECOND, decided));
    assert_true(s.closed);
    assert_int_equal(s.close.layer, MINKE_LAYER_NOISE);
    tear_down(&s);
}

/* ---- the application changes its mind ---- */

static void a_close_in_the_middle_leaves_nothing(void **state)
{
    (void)state;
    static const unsigned after_ms[] = {0, 10, 240, 260, 510, 900, 4990};
    scene_t s;
    set_up(&s);
    const size_t blocks = warm_up(&s);
    for (size_t i = 0; i < sizeof after_ms / sizeof after_ms[0]; i++) {
        DIAL(&s, 0, elsewhere(s.ip6, "/ip6/2001:db8::9"), elsewhere(s.ip4, "/ip4/192.0.2.9"),
             elsewhere(s.ip6, "/ip6/2001:db8::8"));
        if (after_ms[i] > 0) (void)run(&s, after_ms[i] * MILLISECOND, NULL);
        assert_int_equal(minke_transport_close(s.dialer->transport, s.connection, NULL, s.world.now), MINKE_OK);
        assert_true(run(&s, 0, is_closed));
        assert_int_equal(s.close.layer, MINKE_LAYER_HOST);
        assert_holds(&s, 0);
        assert_int_equal(s.dialer->transport->timers.count, 0);
        assert_int_equal(s.dialer->memory.blocks, blocks);
        assert_int_equal(minke_transport_close(s.dialer->transport, s.connection, NULL, s.world.now),
                         MINKE_ERROR_STALE);
    }
    tear_down(&s);
}

static void eight_addresses_twice_are_sixteen_attempts(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    const char *const addrs[] = {
        elsewhere(s.ip6, "/ip6/2001:db8::11"), elsewhere(s.ip6, "/ip6/2001:db8::12"),
        elsewhere(s.ip6, "/ip6/2001:db8::13"), elsewhere(s.ip6, "/ip6/2001:db8::14"),
        elsewhere(s.ip4, "/ip4/192.0.2.11"),   elsewhere(s.ip4, "/ip4/192.0.2.12"),
        elsewhere(s.ip4, "/ip4/192.0.2.13"),   elsewhere(s.ip4, "/ip4/192.0.2.14"),
    };
    assert_int_equal(try_to_dial(&s, 0, addrs, 8), MINKE_OK);
    (void)run(&s, 3 * SECOND, NULL);
    assert_holds(&s, 16);
    assert_int_equal(s.traced_n, 16);
    assert_true(run(&s, 5 * SECOND, is_closed));
    assert_holds(&s, 0);
    assert_non_null(strstr(s.close.text, "(addresses tried: 8)"));
    tear_down(&s);
}

/* In version 1 both sides have the same ufrag. */
static void a_transport_can_dial_itself(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        scene_t s;
        set_up(&s);
        sim_world_join(&s.world, s.dialer, s.dialer, &plain);
        sim_listen(&s.world, s.dialer, 9090);
        DIAL(&s, version, s.dialer->addr);
        assert_true(run(&s, 10 * SECOND, decided));
        assert_true(s.connected);
        tear_down(&s);
    }
}

/* ---- memory ---- */

/*
 * The n-th allocation of a dial to several addresses fails, alone or with all that follow: it succeeds by another
 * attempt or ends with a reason, and leaves nothing (sim_world_free looks for leaks).
 */
static void out_of_memory_leaves_nothing(void **state)
{
    (void)state;
    unsigned connected = 0, closed = 0, refused = 0;
    for (unsigned n = 1; n < 140; n++) {
        scene_t s;
        set_up(&s);
        sim_world_join(&s.world, s.dialer, s.listener, &dead);
        s.listener->deaf_to = "libp2p+webrtc+v1/";
        s.dialer->memory.fail_at = s.dialer->memory.allocations + (n + 1) / 2;
        s.dialer->memory.fail_for_good = n % 2 == 0;
        const char *const addrs[] = {elsewhere(s.ip4, "/ip4/192.0.2.9"), s.ip6, s.ip4};
        const int error = try_to_dial(&s, 0, addrs, 3);
        if (error == MINKE_OK) (void)run(&s, 10 * SECOND, decided);
        else assert_int_equal(error, MINKE_ERROR_NO_MEMORY);
        refused += error != MINKE_OK;
        connected += s.connected;
        closed += s.closed;
        if (error != MINKE_OK || s.closed) assert_holds(&s, 0);
        tear_down(&s);
    }
    assert_true(refused > 0 && closed > 0 && connected > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_versions_known_the_first_wins),
        cmocka_unit_test(version_2_alone_is_found_after_500_ms),
        cmocka_unit_test(a_late_answer_to_version_1_wins),
        cmocka_unit_test(a_pinned_version_is_the_only_one),
        cmocka_unit_test(a_dead_address_costs_250_ms),
        cmocka_unit_test(ip6_is_tried_first_and_ip4_when_it_is_dead),
        cmocka_unit_test(without_ip6_nothing_is_waited_for),
        cmocka_unit_test(of_several_that_live_one_wins),
        cmocka_unit_test(a_remote_without_a_way_gives_room_at_once),
        cmocka_unit_test(the_most_telling_failure_is_named),
        cmocka_unit_test(without_any_socket_it_ends_at_once),
        cmocka_unit_test(addresses_that_do_not_go_together),
        cmocka_unit_test(whoever_answers_must_be_the_peer),
        cmocka_unit_test(a_close_in_the_middle_leaves_nothing),
        cmocka_unit_test(eight_addresses_twice_are_sixteen_attempts),
        cmocka_unit_test(a_transport_can_dial_itself),
        cmocka_unit_test(out_of_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
