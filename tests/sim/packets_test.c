/* Packets as large as the path takes, by whole transports in virtual time over links of several MTUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bulk.h"
#include "private_scene.h"
#include "webrtc/endpoint.h"

enum { MILLISECOND = 1000, SECOND = 1000000, MIB = 1 << 20, FULL = 1188, DTLS = 37 };

typedef struct scene {
    sim_world_t world;
    sim_endpoint_t *listener, *dialer;
    sim_bulk_t reader, sender;
} scene_t;

static sim_link_t link_of(size_t mtu)
{
    return (sim_link_t){.delay = 10 * MILLISECOND, .bits_per_second = 8000000, .queue = 50000, .mtu = mtu};
}

static void set_up(scene_t *s, uint32_t mtu_max, bool ip6, const sim_link_t *link)
{
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.mtu_max = mtu_max;
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 11);
    s->listener = sim_world_add(&s->world, ip6 ? "2001:db8::1" : "192.0.2.1", &options, 1);
    s->dialer = sim_world_add(&s->world, ip6 ? "2001:db8::2" : "192.0.2.2", &options, 2);
    s->sender = (sim_bulk_t){.sends = true, .streams_n = 1};
    s->listener->on_event = s->dialer->on_event = sim_bulk_event;
    s->listener->user = &s->reader;
    s->dialer->user = &s->sender;
    sim_world_join(&s->world, s->dialer, s->listener, link);
    sim_listen(&s->world, s->listener, 9090);
    minke_connection_t connection;
    assert_int_equal(sim_dial(s->dialer->transport, s->listener->addr, 2, s->world.now, &connection), MINKE_OK);
}

static void run(scene_t *s, minke_time_t span)
{
    (void)sim_world_run(&s->world, s->world.now + span, NULL, NULL);
    assert_false(s->reader.closed || s->sender.closed);
}

static uint32_t packet_max(const scene_t *s) { return sim_bulk_stats(&s->sender, s->dialer).packet_max; }

static const minke_counters_t *counters(const sim_endpoint_t *e) { return minke_transport_counters(e->transport); }

static uint32_t fits(size_t mtu, bool ip6) { return (uint32_t)(mtu - (ip6 ? 48 : 28) - DTLS) & ~3u; }

/* Each MTU is found, or the usual size below it, with few probes; what they cost shows nowhere. */
static void links_of_every_mtu(void **state)
{
    (void)state;
    static const struct {
        size_t mtu, found;
        uint32_t mtu_max;
    } cases[] = {{1280, 0, 1500},    {1400, 1400, 1500}, {1420, 1420, 1500}, {1450, 1440, 1500}, {1500, 1500, 1500},
                 {9000, 1500, 1500}, {9000, 9000, 9000}, {1500, 1500, 9000}, {1500, 0, 1280},    {4400, 4352, 9000}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        static scene_t s;
        const bool ip6 = (i & 1) != 0;
        const sim_link_t link = link_of(cases[i / 2].mtu);
        set_up(&s, cases[i / 2].mtu_max, ip6, &link);
        run(&s, 16 * SECOND);
        assert_int_equal(packet_max(&s), cases[i / 2].found > 0 ? fits(cases[i / 2].found, ip6) : FULL);
        assert_true(counters(s.dialer)->sctp_probes <= 16);
        assert_int_equal(counters(s.dialer)->sctp_packets_shrunk + counters(s.dialer)->sctp_timeouts, 0);
        assert_int_equal(counters(s.listener)->sctp_probes, 0); /* it has nothing to send */
        assert_int_equal(sim_network_fragmented(s.world.network), 0);
        assert_true(s.reader.got > 13000000);
        sim_world_free(&s.world);
    }
}

/* An interface that refuses a size says so at once. */
static void interfaces_that_refuse(void **state)
{
    (void)state;
    static scene_t s;
    const sim_link_t link = link_of(0);
    set_up(&s, 1500, false, &link);
    s.dialer->mtu = 1420;
    run(&s, 2 * SECOND);
    assert_int_equal(packet_max(&s), fits(1420, false));
    assert_true(counters(s.dialer)->sctp_probes <= 5);
    /* Another one takes its place. */
    s.dialer->mtu = 1360;
    run(&s, 10 * SECOND);
    assert_int_equal(packet_max(&s), fits(1360, false));
    assert_int_equal(counters(s.dialer)->sctp_packets_shrunk, 1);
    const uint64_t got = s.reader.got;
    run(&s, 1 * SECOND);
    assert_true(s.reader.got - got > 800000);
    sim_world_free(&s.world);
}

/* Not even what IPv6 asks of every path: datagrams go in pieces from the handshake on. */
static void an_interface_below_the_minimum(void **state)
{
    (void)state;
    static scene_t s;
    const sim_link_t link = link_of(1000);
    set_up(&s, 1500, false, &link);
    s.dialer->mtu = s.listener->mtu = 1000;
    run(&s, 20 * SECOND);
    assert_true(s.reader.got > 10000000);
    assert_true(sim_network_fragmented(s.world.network) > 0);
    assert_int_equal(packet_max(&s), FULL);
    sim_world_free(&s.world);
}

/* The way there takes smaller packets from now on, and nobody says so: what is in flight gets through in pieces, what
 * follows is small, and soon as large as it may be. */
static void a_path_shrinks_in_silence(void **state)
{
    (void)state;
    for (int ip6 = 0; ip6 < 2; ip6++) {
        static scene_t s;
        const sim_link_t wide = link_of(1500), narrow = link_of(1400);
        set_up(&s, 1500, ip6, &wide);
        run(&s, 3 * SECOND);
        assert_int_equal(packet_max(&s), fits(1500, ip6));
        sim_world_join(&s.world, s.dialer, s.listener, &narrow);
        const uint64_t before = s.reader.got;
        run(&s, 2 * SECOND);
        assert_true(s.reader.got > before + 100000);
        assert_int_equal(counters(s.dialer)->sctp_packets_shrunk, 1);
        assert_int_equal(sim_network_fragmented(s.world.network) > 0, !ip6); /* there chunks are small enough */
        run(&s, 15 * SECOND);
        assert_int_equal(packet_max(&s), fits(1400, ip6));
        assert_int_equal(counters(s.dialer)->sctp_packets_shrunk, 1);
        const uint64_t pieces = sim_network_fragmented(s.world.network), got = s.reader.got;
        run(&s, 5 * SECOND);
        assert_int_equal(sim_network_fragmented(s.world.network), pieces); /* no more of them */
        assert_true(s.reader.got - got > 4000000);
        /* Ten minutes later it is looked for larger ones again. */
        sim_world_join(&s.world, s.dialer, s.listener, &wide);
        s.reader.rate = 20000;
        s.reader.allowed = s.reader.got;
        for (int i = 0; i < 620; i++) {
            s.reader.allowed += s.reader.rate;
            s.listener->now = s.world.now;
            sim_bulk_read(&s.reader, s.listener);
            run(&s, SECOND);
        }
        assert_int_equal(packet_max(&s), fits(1500, ip6));
        sim_world_free(&s.world);
    }
}

/* Over a lossy link probes are lost like everything else; sizes that fit are found all the same. */
static void losses_do_not_mislead(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        static scene_t s;
        sim_link_t link = link_of(1500);
        link.loss = round < 2 ? 0.02 : 0.1;
        set_up(&s, 1500, round & 1, &link);
        run(&s, 40 * SECOND);
        if (round < 2) assert_int_equal(packet_max(&s), fits(1500, round & 1));
        assert_true(packet_max(&s) > FULL);
        assert_int_equal(sim_network_fragmented(s.world.network), 0); /* without need nothing is cut */
        sim_world_free(&s.world);
    }
}

/* Who moves to another path begins small there. */
static void a_move_begins_anew(void **state)
{
    (void)state;
    static scene_t s;
    const sim_link_t wide = link_of(1500);
    set_up(&s, 1500, false, &wide);
    run(&s, 3 * SECOND);
    assert_int_equal(packet_max(&s), fits(1500, false));
    /* The listener sees the dialer elsewhere: what goes there is the listener's to probe; the dialer's path stays. */
    sim_rebind(s.dialer);
    run(&s, 40 * SECOND);
    assert_int_equal(packet_max(&s), fits(1500, false));
    assert_true(s.reader.got > 30000000);
    sim_world_free(&s.world);
}

/* Nobody who only says a few words sends probes. */
static void little_is_not_probed(void **state)
{
    (void)state;
    static scene_t s;
    const sim_link_t wide = link_of(1500);
    set_up(&s, 1500, false, &wide);
    s.reader.rate = 1;
    s.sender.streams_n = 0;
    run(&s, 60 * SECOND);
    assert_int_equal(counters(s.dialer)->sctp_probes + counters(s.listener)->sctp_probes, 0);
    assert_int_equal(packet_max(&s), FULL);
    sim_world_free(&s.world);
}

/* A private connection is no different. */
static void private_connections_too(void **state)
{
    (void)state;
    static private_scene_t s;
    static const char *const ips[2] = {"192.0.2.1", "192.0.2.2"};
    const sim_link_t link = link_of(1400);
    private_set_up(&s, 3, ips);
    sim_world_join(&s.world, s.offerer.endpoint, s.answerer.endpoint, &link);
    s.offerer.endpoint->transport->config.mtu_max = 1500;
    private_offer(&s);
    private_run(&s, 10 * SECOND);
    assert_true(s.offerer.connected && s.answerer.connected);
    sim_bulk_t sender = {.sends = true, .streams_n = 1}, reader = {.connection = s.answerer.connection};
    s.offerer.endpoint->on_event = s.answerer.endpoint->on_event = sim_bulk_event;
    s.offerer.endpoint->user = &sender;
    s.answerer.endpoint->user = &reader;
    const minke_transport_event_t again = {.type = MINKE_TRANSPORT_CONNECTED, .connection = s.offerer.connection};
    s.offerer.endpoint->now = s.world.now;
    sim_bulk_event(&sender, s.offerer.endpoint, &again);
    (void)sim_world_run(&s.world, s.world.now + 15 * SECOND, NULL, NULL);
    assert_int_equal(sim_bulk_stats(&sender, s.offerer.endpoint).packet_max, fits(1400, false));
    assert_true(reader.got > 10000000);
    sim_world_free(&s.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_of_every_mtu),
        cmocka_unit_test(interfaces_that_refuse),
        cmocka_unit_test(an_interface_below_the_minimum),
        cmocka_unit_test(a_path_shrinks_in_silence),
        cmocka_unit_test(losses_do_not_mislead),
        cmocka_unit_test(a_move_begins_anew),
        cmocka_unit_test(little_is_not_probed),
        cmocka_unit_test(private_connections_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
