/* Private connections between two transports in virtual time; the texts between them are carried by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

enum { MILLISECOND = 1000, SECOND = 1000000, SIGNALS_MAX = 64, TEXT_MAX = 2048 };

typedef struct signal {
    minke_time_t due;
    minke_signal_t signal;
    char text[TEXT_MAX];
} signal_t;

typedef struct side {
    sim_endpoint_t *endpoint;
    minke_connection_t connection;
    minke_stream_t stream; /* that the remote opened */
    signal_t out[SIGNALS_MAX];
    size_t out_n, carried_n;
    bool connected, closed, drops_candidates;
    minke_close_t close;
    minke_time_t connected_at;
} side_t;

typedef struct scene {
    sim_world_t world;
    side_t offerer, answerer;
    minke_time_t signal_delay, answer_delay;
    const minke_address_t *stun_servers;
    size_t stun_servers_n;
    minke_time_t give_up_after;
    bool gather_first;
    bool may_fail; /* a side is short of memory */
} scene_t;

static void on_event(void *user, sim_endpoint_t *endpoint, const minke_transport_event_t *event)
{
    side_t *side = user;
    switch (event->type) {
    case MINKE_TRANSPORT_SIGNAL:
        assert_in_range(side->out_n, 0, SIGNALS_MAX - 1);
        side->out[side->out_n].signal = event->signal;
        side->out[side->out_n].due = endpoint->now;
        assert_in_range(strlen(event->text), 1, TEXT_MAX - 1);
        memcpy(side->out[side->out_n++].text, event->text, strlen(event->text) + 1);
        break;
    case MINKE_TRANSPORT_CONNECTED:
        side->connected = true;
        side->connected_at = endpoint->now;
        break;
    case MINKE_TRANSPORT_CLOSED:
        side->closed = true;
        side->close = event->close;
        break;
    case MINKE_TRANSPORT_STREAM_OPENED: side->stream = event->stream; break;
    default: break;
    }
}

static void tell_addresses(sim_endpoint_t *e)
{
    minke_address_t all[2] = {e->ip, e->second_ip};
    minke_transport_local_addresses(e->transport, all, e->second_ip.family != MINKE_FAMILY_NONE ? 2 : 1);
}

static void set_up(scene_t *s, uint64_t seed, const sim_link_t *link)
{
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, seed);
    side_t *sides[] = {&s->offerer, &s->answerer};
    static const char *const ips[] = {"192.0.2.1", "192.0.2.2"};
    for (size_t i = 0; i < 2; i++) {
        sides[i]->endpoint = sim_world_add(&s->world, ips[i], NULL, seed * 2 + i);
        sides[i]->endpoint->on_event = on_event;
        sides[i]->endpoint->user = sides[i];
        tell_addresses(sides[i]->endpoint);
    }
    sim_world_join(&s->world, s->offerer.endpoint, s->answerer.endpoint, link);
    s->signal_delay = 20 * MILLISECOND;
}

static void take(scene_t *s, side_t *to, const signal_t *signal)
{
    minke_private_options_t options;
    const char *why = NULL;
    minke_private_defaults(&options);
    options.stun_servers = s->stun_servers;
    options.stun_servers_n = s->stun_servers_n;
    options.give_up_after = s->give_up_after;
    options.gather_first = s->gather_first;
    if (signal->signal == MINKE_SIGNAL_OFFER) {
        const int error = minke_transport_answer(to->endpoint->transport, &options, signal->text, strlen(signal->text),
                                                 s->world.now, &to->connection, &why);
        assert_true(error == MINKE_OK || s->may_fail);
        assert_null(why);
        if (error < 0) to->closed = true;
    } else {
        const int error = minke_transport_signal(to->endpoint->transport, to->connection, signal->signal, signal->text,
                                                 strlen(signal->text), s->world.now);
        assert_true(error == MINKE_OK || to->closed || s->may_fail);
    }
}

static void carry(scene_t *s, side_t *from, side_t *to)
{
    for (; from->carried_n < from->out_n; from->carried_n++) {
        const signal_t *signal = &from->out[from->carried_n];
        const minke_time_t delay = signal->signal == MINKE_SIGNAL_ANSWER ? s->answer_delay : 0;
        if (signal->due + s->signal_delay + delay > s->world.now) return;
        if (from->drops_candidates && signal->signal == MINKE_SIGNAL_CANDIDATE) continue;
        take(s, to, signal);
    }
}

static bool is_decided(const scene_t *s)
{
    return (s->offerer.connected || s->offerer.closed) && (s->answerer.connected || s->answerer.closed);
}

static void run(scene_t *s, minke_time_t length)
{
    const minke_time_t until = s->world.now + length;
    while (s->world.now < until && !is_decided(s)) {
        (void)sim_world_run(&s->world, s->world.now + MILLISECOND, NULL, NULL);
        carry(s, &s->offerer, &s->answerer);
        carry(s, &s->answerer, &s->offerer);
        sim_world_settle(&s->world, s->offerer.endpoint);
        sim_world_settle(&s->world, s->answerer.endpoint);
    }
}

static void offer(scene_t *s)
{
    minke_private_options_t options;
    minke_private_defaults(&options);
    options.stun_servers = s->stun_servers;
    options.stun_servers_n = s->stun_servers_n;
    options.give_up_after = s->give_up_after;
    options.gather_first = s->gather_first;
    const int error =
        minke_transport_offer(s->offerer.endpoint->transport, &options, s->world.now, &s->offerer.connection);
    assert_true(error == MINKE_OK || s->may_fail);
    if (error < 0) s->offerer.closed = s->answerer.closed = true;
    sim_world_settle(&s->world, s->offerer.endpoint);
}

/* Both sides open a stream and send on it. */
static void talk(scene_t *s)
{
    side_t *sides[] = {&s->offerer, &s->answerer};
    minke_stream_t opened[2];
    for (size_t i = 0; i < 2; i++) {
        minke_transport_t *t = sides[i]->endpoint->transport;
        assert_int_equal(minke_transport_open(t, sides[i]->connection, s->world.now, &opened[i]), MINKE_OK);
        assert_int_equal(minke_transport_write(t, opened[i], "hello", 5, s->world.now), 5);
        assert_int_equal(minke_transport_finish(t, opened[i], s->world.now), MINKE_OK);
        sim_world_settle(&s->world, sides[i]->endpoint);
    }
    (void)sim_world_run(&s->world, s->world.now + SECOND, NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *data;
        assert_int_not_equal(sides[i]->stream, 0);
        assert_int_equal(minke_transport_peek(sides[i]->endpoint->transport, sides[i]->stream, &data), 5);
        assert_memory_equal(data, "hello", 5);
    }
}

static const sim_link_t plain = {.delay = 10 * MILLISECOND};

static void assert_up(const scene_t *s)
{
    if (s->answerer.closed) fail_msg("answerer: %s", s->answerer.close.text);
    if (s->offerer.closed) fail_msg("offerer: %s", s->offerer.close.text);
    if (s->answerer.closed) fail_msg("answerer: %s", s->answerer.close.text);
    assert_true(s->offerer.connected);
    assert_true(s->answerer.connected);
}

static void test_offer_and_answer_become_a_connection(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s, 1, &plain);
    offer(&s);
    run(&s, 20 * SECOND);
    assert_up(&s);
    talk(&s);
    minke_connection_stats_t stats;
    assert_int_equal(minke_transport_stats(s.offerer.endpoint->transport, s.offerer.connection, &stats), MINKE_OK);
    assert_int_equal(stats.kind, MINKE_PATH_PRIVATE);
    assert_false(stats.inbound);
    sim_world_free(&s.world);
}

/* The answerer checks and begins DTLS long before the offerer knows who it is. */
static void test_an_answer_that_is_late_loses_nothing(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s, 2, &plain);
    s.answer_delay = 3 * SECOND;
    offer(&s);
    run(&s, 20 * SECOND);
    assert_up(&s);
    talk(&s);
    sim_world_free(&s.world);
}

/* One side's candidates are enough: the other's addresses show themselves. */
static void test_candidates_of_one_side_are_enough(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        scene_t s;
        set_up(&s, 3 + i, &plain);
        (i == 0 ? &s.offerer : &s.answerer)->drops_candidates = true;
        offer(&s);
        run(&s, 20 * SECOND);
        assert_up(&s);
        talk(&s);
        sim_world_free(&s.world);
    }
}

static void test_without_an_answer_it_ends(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s, 5, &plain);
    s.signal_delay = 60 * SECOND;
    offer(&s);
    run(&s, 25 * SECOND);
    assert_true(s.offerer.closed);
    assert_int_equal(s.offerer.close.layer, MINKE_LAYER_ICE);
    assert_int_equal(sim_sockets(s.offerer.endpoint), 0);
    sim_world_free(&s.world);
}

/* Both see the same certificate as in the description, or nothing comes up. */
static void test_another_certificate_than_described_is_refused(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s, 6, &plain);
    offer(&s);
    char *fingerprint = strstr(s.offerer.out[0].text, "a=fingerprint:sha-256 ");
    assert_non_null(fingerprint);
    fingerprint += strlen("a=fingerprint:sha-256 ");
    *fingerprint = *fingerprint == '0' ? '1' : '0';
    run(&s, 40 * SECOND);
    assert_false(s.answerer.connected);
    assert_true(s.answerer.closed);
    assert_int_equal(s.answerer.close.layer, MINKE_LAYER_DTLS);
    sim_world_free(&s.world);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)) != NULL; text += strlen(what)) n++;
    return n;
}

/* One text each way, and people who carry it: minutes between offer and answer. */
static void test_what_is_gathered_first_is_one_text(void **state)
{
    (void)state;
    static const minke_time_t delays[] = {0, 10 * SECOND, 100 * SECOND, 500 * SECOND};
    for (unsigned i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        scene_t s;
        set_up(&s, 60 + i, &plain);
        s.gather_first = true;
        s.give_up_after = 600 * SECOND;
        s.answer_delay = delays[i];
        offer(&s);
        run(&s, 600 * SECOND);
        assert_up(&s);
        assert_int_equal(s.offerer.out_n, 1);
        assert_int_equal(s.answerer.out_n, 1);
        assert_int_equal(count(s.offerer.out[0].text, "\r\na=candidate:"), 1);
        assert_non_null(strstr(s.offerer.out[0].text, " 192.0.2.1 "));
        assert_int_equal(count(s.offerer.out[0].text, "\r\na=end-of-candidates\r\n"), 1);
        assert_int_equal(count(s.answerer.out[0].text, "\r\na=candidate:"), 1);
        talk(&s);
        sim_world_free(&s.world);
    }
}

/* Both are behind NATs: what the answerer sends is lost until the offerer has read the answer and sends too. */
static void test_a_nat_stays_open_until_the_answer_has_come(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s, 66, &plain);
    s.gather_first = true;
    s.give_up_after = 900 * SECOND;
    s.answer_delay = 800 * SECOND;
    offer(&s);
    const sim_link_t closed = {.delay = 10 * MILLISECOND, .loss = 1};
    sim_world_join(&s.world, s.offerer.endpoint, s.answerer.endpoint, &closed);
    run(&s, 800 * SECOND);
    assert_false(s.answerer.closed);
    sim_world_join(&s.world, s.offerer.endpoint, s.answerer.endpoint, &plain);
    run(&s, 100 * SECOND);
    assert_up(&s);
    assert_in_range(s.offerer.connected_at, 800 * SECOND, 803 * SECOND);
    sim_world_free(&s.world);
}

/* A server that does not answer holds it up, but not for ever; neither does a socket that cannot be opened. */
static void test_gathering_ends_without_a_stun_server(void **state)
{
    (void)state;
    scene_t s;
    const minke_address_t nobody = {.family = MINKE_FAMILY_IP4, .port = 3478, .ip = {192, 0, 2, 77}};
    set_up(&s, 65, &plain);
    s.gather_first = true;
    s.stun_servers = &nobody;
    s.stun_servers_n = 1;
    offer(&s);
    assert_int_equal(s.offerer.out_n, 0);
    run(&s, 2 * SECOND);
    assert_int_equal(s.offerer.out_n, 0);
    run(&s, 18 * SECOND);
    assert_int_equal(s.offerer.out_n, 1);
    assert_up(&s);
    sim_world_free(&s.world);
}

static void test_loss_delays_it(void **state)
{
    (void)state;
    const sim_link_t lossy = {.delay = 20 * MILLISECOND, .loss = 0.1};
    for (uint64_t seed = 10; seed < 40; seed++) {
        scene_t s;
        set_up(&s, seed, &lossy);
        offer(&s);
        run(&s, 30 * SECOND);
        assert_up(&s);
        talk(&s);
        sim_world_free(&s.world);
    }
}

/* At every allocation of either side, once and for good: it comes up or ends, and leaves nothing (sim_world_free
 * looks). */
static void test_out_of_memory_leaves_nothing(void **state)
{
    (void)state;
    unsigned up = 0, ended = 0;
    for (unsigned n = 1; n < 240; n++) {
        scene_t s;
        set_up(&s, 50, &plain);
        side_t *side = n % 2 == 0 ? &s.offerer : &s.answerer;
        side->endpoint->memory.fail_at = side->endpoint->memory.allocations + (n + 3) / 4;
        side->endpoint->memory.fail_for_good = n % 4 < 2;
        s.may_fail = true;
        offer(&s);
        run(&s, 40 * SECOND);
        up += s.offerer.connected && s.answerer.connected;
        ended += s.offerer.closed || s.answerer.closed;
        sim_world_free(&s.world);
    }
    assert_true(up > 0 && ended > 0);
}

static void test_what_cannot_be_used_is_refused(void **state)
{
    (void)state;
    scene_t s;
    minke_private_options_t options;
    minke_connection_t c;
    const char *why;
    set_up(&s, 7, &plain);
    minke_transport_t *t = s.offerer.endpoint->transport;
    minke_private_defaults(&options);
    assert_int_equal(minke_transport_answer(t, &options, "v=0\r\n", 5, 0, &c, &why), MINKE_ERROR_MALFORMED);
    assert_non_null(why);
    options.peer = "nobody";
    assert_int_equal(minke_transport_offer(t, &options, 0, &c), MINKE_ERROR_INVALID);
    offer(&s);
    assert_int_equal(minke_transport_signal(t, s.offerer.connection, MINKE_SIGNAL_CANDIDATE, "{", 1, s.world.now),
                     MINKE_ERROR_MALFORMED);
    assert_int_equal(minke_transport_signal(t, s.offerer.connection, MINKE_SIGNAL_OFFER, "v=0", 3, s.world.now),
                     MINKE_ERROR_STATE);
    assert_int_equal(minke_transport_signal(t, s.offerer.connection + 1, MINKE_SIGNAL_ANSWER, "v=0", 3, s.world.now),
                     MINKE_ERROR_STALE);
    sim_world_free(&s.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_offer_and_answer_become_a_connection),
                                       cmocka_unit_test(test_an_answer_that_is_late_loses_nothing),
                                       cmocka_unit_test(test_candidates_of_one_side_are_enough),
                                       cmocka_unit_test(test_without_an_answer_it_ends),
                                       cmocka_unit_test(test_another_certificate_than_described_is_refused),
                                       cmocka_unit_test(test_what_is_gathered_first_is_one_text),
                                       cmocka_unit_test(test_a_nat_stays_open_until_the_answer_has_come),
                                       cmocka_unit_test(test_gathering_ends_without_a_stun_server),
                                       cmocka_unit_test(test_loss_delays_it),
                                       cmocka_unit_test(test_out_of_memory_leaves_nothing),
                                       cmocka_unit_test(test_what_cannot_be_used_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
