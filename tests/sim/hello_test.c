/* The ClientHello that goes with a dial's first check, and the rest of the set-up: what happens when any of its
 * datagrams is lost, and that nobody who has not answered is sent more than the first two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transfer.h"
#include "webrtc/endpoint.h"

enum { MILLISECOND = 1000, SECOND = 1000000, ROUND_TRIP = 10 * MILLISECOND };

/* From the flight of the listener to CONNECTED of the dialer: DTLS, SCTP and the last Noise message. */
enum { FROM_FLIGHT = 3 * ROUND_TRIP };

typedef struct scene {
    sim_world_t world;
    sim_endpoint_t *listener, *dialer;
    sim_transfer_t at_listener, at_dialer;
    minke_time_t begun;
    size_t records; /* datagrams of DTLS that the dialer has sent */
} scene_t;

static void on_packet(void *user, const minke_packet_t *packet)
{
    scene_t *s = user;
    if (packet->kind == MINKE_PACKET_DATAGRAM && !packet->received && packet->data[0] > 3) s->records++;
}

/* The n-th datagram of the dialer is lost if bit n of `there` is set, of the listener if that of `back` is. */
static void dial(scene_t *s, int version, uint64_t there, uint64_t back)
{
    const sim_link_t out = {.delay = ROUND_TRIP / 2, .loss_mask = there};
    const sim_link_t in = {.delay = ROUND_TRIP / 2, .loss_mask = back};
    minke_connection_t connection;
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 3);
    s->listener = sim_world_add(&s->world, "192.0.2.1", NULL, 1);
    s->dialer = sim_world_add(&s->world, "192.0.2.2", NULL, 2);
    s->dialer->on_event = s->listener->on_event = sim_transfer_event;
    s->dialer->user = &s->at_dialer;
    s->listener->user = &s->at_listener;
    sim_network_link(s->world.network, &s->dialer->ip, &s->listener->ip, &out);
    sim_network_link(s->world.network, &s->listener->ip, &s->dialer->ip, &in);
    sim_listen(&s->world, s->listener, 9090);
    const minke_tap_t tap = {s, on_packet};
    minke_transport_tap(s->dialer->transport, &tap);
    s->begun = s->world.now;
    assert_int_equal(sim_dial(s->dialer->transport, s->listener->addr, version, s->begun, &connection), MINKE_OK);
}

static bool connected(void *user) { return ((scene_t *)user)->at_dialer.connected_at != 0; }

/* Microseconds. */
static void assert_connected_after(scene_t *s, minke_time_t after)
{
    assert_true(sim_world_run(&s->world, s->begun + 10 * SECOND, connected, s));
    assert_int_equal(s->at_dialer.connected_at - s->begun, after);
    sim_world_free(&s->world);
}

static void it_saves_a_round_trip(void **state)
{
    (void)state;
    scene_t s;
    for (int version = 1; version <= 2; version++) {
        dial(&s, version, 0, 0);
        assert_connected_after(&s, ROUND_TRIP + FROM_FLIGHT);
    }
}

/* The answer comes without a flight: ten milliseconds later the hello goes again. */
static void when_it_is_lost_the_answer_brings_another(void **state)
{
    (void)state;
    scene_t s;
    dial(&s, 1, 1 << 1, 0);
    assert_connected_after(&s, ROUND_TRIP + 10 * MILLISECOND + ROUND_TRIP + FROM_FLIGHT);
}

/* Without the check the hello is a stranger's, and dropped; the check's repetition is answered, and the hello goes with
 * no more delay. */
static void when_the_check_is_lost_it_goes_again_with_the_answer(void **state)
{
    (void)state;
    scene_t s;
    dial(&s, 1, 1 << 0, 0);
    assert_connected_after(&s, 50 * MILLISECOND + ROUND_TRIP + ROUND_TRIP + FROM_FLIGHT);
}

/* The listener sends answer, check, flight. The flight waits for another answer. */
static void when_the_answer_is_lost_the_flight_is_kept(void **state)
{
    (void)state;
    scene_t s;
    dial(&s, 1, 0, 1 << 0);
    assert_connected_after(&s, 50 * MILLISECOND + ROUND_TRIP + FROM_FLIGHT);
}

/* The listener's own timer repairs it, after 200 ms. */
static void when_the_flight_is_lost_the_listener_repeats_it(void **state)
{
    (void)state;
    scene_t s;
    dial(&s, 1, 0, 1 << 2);
    assert_connected_after(&s, ROUND_TRIP / 2 + 200 * MILLISECOND + ROUND_TRIP / 2 + FROM_FLIGHT);
}

static void who_does_not_answer_is_sent_one(void **state)
{
    (void)state;
    scene_t s;
    dial(&s, 0, UINT64_MAX, 0);
    (void)sim_world_run(&s.world, s.begun + 5 * SECOND, connected, &s);
    assert_int_equal(s.records, 1);
    sim_world_free(&s.world);
}

/* ---- the whole set-up, for the same reason ---- */

enum { DATAGRAMS = 24, TRANSFER_BYTES = 100 };

static bool both_over(void *user)
{
    const scene_t *s = user;
    return sim_transfer_is_over(&s->at_dialer) && sim_transfer_is_over(&s->at_listener);
}

/* Data must have gone both ways within this time; how long it took. */
static minke_time_t transfer_within(int version, uint64_t there, uint64_t back, minke_time_t limit)
{
    scene_t s;
    dial(&s, version, there, back);
    s.at_dialer = (sim_transfer_t){.bytes = TRANSFER_BYTES, .send_key = 1, .receive_key = 2, .opens = true};
    s.at_listener = (sim_transfer_t){.bytes = TRANSFER_BYTES, .send_key = 2, .receive_key = 1};
    if (!sim_world_run(&s.world, s.begun + limit, both_over, &s)) {
        print_message("lost there %llx, back %llx\n", (unsigned long long)there, (unsigned long long)back);
        fail();
    }
    const minke_time_t took = s.world.now - s.begun;
    sim_world_free(&s.world);
    return took;
}

static void any_datagram_may_be_lost(void **state)
{
    (void)state;
    for (int n = 0; n < DATAGRAMS; n++) {
        const uint64_t lost = UINT64_C(1) << n;
        (void)transfer_within(1, lost, 0, SECOND);
        (void)transfer_within(2, 0, lost, SECOND);
    }
}

/* Together with every single datagram of the other side, and every one of its own that follows. */
static void any_two_datagrams_may_be_lost(void **state)
{
    (void)state;
    for (int n = 0; n < DATAGRAMS / 2; n++) {
        for (int k = 0; k < DATAGRAMS / 2; k++) {
            (void)transfer_within(1, UINT64_C(1) << n, UINT64_C(1) << k, 3 * SECOND);
            if (k > n) (void)transfer_within(1, UINT64_C(1) << n | UINT64_C(1) << k, 0, 3 * SECOND);
            if (k > n) (void)transfer_within(1, 0, UINT64_C(1) << n | UINT64_C(1) << k, 3 * SECOND);
        }
    }
}

/* The listener's last flight of DTLS, its fourth datagram, and the answers to the dialer's attempts to get it again:
 * it is sealed anew each time, and the connection is as good as any afterwards. */
static void the_last_flight_may_be_lost_several_times(void **state)
{
    (void)state;
    const minke_time_t undisturbed = transfer_within(1, 0, 0, SECOND);
    minke_time_t before = undisturbed;
    for (int times = 1; times <= 4; times++) {
        const uint64_t lost = ((UINT64_C(1) << times) - 1) << 3;
        const minke_time_t took = transfer_within(1, 0, lost, 10 * SECOND);
        assert_true(took >= before);
        before = took;
    }
    assert_true(before > undisturbed);
}

/* Before an answer of the dialer's has proved its address, it gets three times what came from it at most. */
static void the_flight_keeps_to_the_limit(void **state)
{
    (void)state;
    scene_t s;
    for (int version = 1; version <= 2; version++) {
        dial(&s, version, 0, 0);
        (void)sim_world_run(&s.world, s.begun + ROUND_TRIP / 2, NULL, NULL);
        const minke_counters_t *counters = minke_transport_counters(s.listener->transport);
        assert_int_equal(counters->datagrams_received, 2);
        assert_int_equal(counters->datagrams_sent, 3);
        assert_true(counters->bytes_sent <= 3 * counters->bytes_received);
        sim_world_free(&s.world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_saves_a_round_trip),
        cmocka_unit_test(when_it_is_lost_the_answer_brings_another),
        cmocka_unit_test(when_the_check_is_lost_it_goes_again_with_the_answer),
        cmocka_unit_test(when_the_answer_is_lost_the_flight_is_kept),
        cmocka_unit_test(when_the_flight_is_lost_the_listener_repeats_it),
        cmocka_unit_test(who_does_not_answer_is_sent_one),
        cmocka_unit_test(the_flight_keeps_to_the_limit),
        cmocka_unit_test(any_datagram_may_be_lost),
        cmocka_unit_test(any_two_datagrams_may_be_lost),
        cmocka_unit_test(the_last_flight_may_be_lost_several_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
