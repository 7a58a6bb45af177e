/* Private connections between two transports in virtual time; the texts between them are carried by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "private_scene.h"

enum { MILLISECOND = PRIVATE_MILLISECOND, SECOND = PRIVATE_SECOND };

typedef private_scene_t scene_t;

static void set_up(scene_t *s, uint64_t seed, const sim_link_t *link)
{
    static const char *const ips[] = {"192.0.2.1", "192.0.2.2"};
    private_set_up(s, seed, ips);
    sim_world_join(&s->world, s->offerer.endpoint, s->answerer.endpoint, link);
}

static void talk(scene_t *s) { assert_true(private_talk(s, SECOND)); }

static const sim_link_t plain = {.delay = 10 * MILLISECOND};

static void assert_up(const scene_t *s)
{
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
    private_offer(&s);
    private_run(&s, 20 * SECOND);
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
    private_offer(&s);
    private_run(&s, 20 * SECOND);
    assert_up(&s);
    talk(&s);
    sim_world_free(&s.world);
}

/* The answerer's ClientHello is not there before the remote has read the answer: peers but Minke throw it away. */
static void test_the_hello_waits_for_the_remote(void **state)
{
    (void)state;
    scene_t s;
    minke_connection_stats_t stats;
    set_up(&s, 11, &plain);
    s.answer_delay = 300 * MILLISECOND;
    private_offer(&s);
    private_run(&s, 250 * MILLISECOND);
    const minke_transport_t *t = s.answerer.endpoint->transport;
    assert_int_equal(minke_transport_stats(t, s.answerer.connection, &stats), MINKE_OK);
    assert_true(stats.pairs_validated > 0);
    assert_int_equal(stats.bytes_sent, 0);
    private_run(&s, 10 * SECOND);
    assert_up(&s);
    assert_int_equal(minke_transport_stats(t, s.answerer.connection, &stats), MINKE_OK);
    assert_in_range(stats.dtls_at - stats.started_at, 300 * MILLISECOND, 450 * MILLISECOND);
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
        private_offer(&s);
        private_run(&s, 20 * SECOND);
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
    private_offer(&s);
    private_run(&s, 25 * SECOND);
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
    private_offer(&s);
    char *fingerprint = strstr(s.offerer.out[0].text, "a=fingerprint:sha-256 ");
    assert_non_null(fingerprint);
    fingerprint += strlen("a=fingerprint:sha-256 ");
    *fingerprint = *fingerprint == '0' ? '1' : '0';
    private_run(&s, 40 * SECOND);
    assert_false(s.answerer.connected);
    assert_true(s.answerer.closed);
    assert_int_equal(s.answerer.close.layer, MINKE_LAYER_DTLS);
    sim_world_free(&s.world);
}

/* Checks pass, whatever is larger does not: nobody is asked whether this is a listener. */
static void test_dtls_that_does_not_pass_ends_it(void **state)
{
    (void)state;
    const sim_link_t narrow = {.delay = 10 * MILLISECOND, .mtu = 180};
    scene_t s;
    set_up(&s, 8, &narrow);
    private_offer(&s);
    private_run(&s, 40 * SECOND);
    const private_side_t *const sides[] = {&s.offerer, &s.answerer};
    for (size_t i = 0; i < 2; i++) {
        assert_true(sides[i]->closed);
        assert_int_equal(sides[i]->close.layer, MINKE_LAYER_DTLS);
        if (strstr(sides[i]->close.text, "listener") != NULL) fail_msg("%s", sides[i]->close.text);
    }
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
        private_offer(&s);
        private_run(&s, 600 * SECOND);
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
    private_offer(&s);
    const sim_link_t closed = {.delay = 10 * MILLISECOND, .loss = 1};
    sim_world_join(&s.world, s.offerer.endpoint, s.answerer.endpoint, &closed);
    private_run(&s, 800 * SECOND);
    assert_false(s.answerer.closed);
    sim_world_join(&s.world, s.offerer.endpoint, s.answerer.endpoint, &plain);
    private_run(&s, 100 * SECOND);
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
    private_offer(&s);
    assert_int_equal(s.offerer.out_n, 0);
    private_run(&s, 2 * SECOND);
    assert_int_equal(s.offerer.out_n, 0);
    private_run(&s, 18 * SECOND);
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
        private_offer(&s);
        private_run(&s, 30 * SECOND);
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
        private_side_t *side = n % 2 == 0 ? &s.offerer : &s.answerer;
        side->endpoint->memory.fail_at = side->endpoint->memory.allocations + (n + 3) / 4;
        side->endpoint->memory.fail_for_good = n % 4 < 2;
        s.may_fail = true;
        private_offer(&s);
        private_run(&s, 40 * SECOND);
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
    private_offer(&s);
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
                                       cmocka_unit_test(test_the_hello_waits_for_the_remote),
                                       cmocka_unit_test(test_candidates_of_one_side_are_enough),
                                       cmocka_unit_test(test_without_an_answer_it_ends),
                                       cmocka_unit_test(test_another_certificate_than_described_is_refused),
                                       cmocka_unit_test(test_dtls_that_does_not_pass_ends_it),
                                       cmocka_unit_test(test_what_is_gathered_first_is_one_text),
                                       cmocka_unit_test(test_a_nat_stays_open_until_the_answer_has_come),
                                       cmocka_unit_test(test_gathering_ends_without_a_stun_server),
                                       cmocka_unit_test(test_loss_delays_it),
                                       cmocka_unit_test(test_out_of_memory_leaves_nothing),
                                       cmocka_unit_test(test_what_cannot_be_used_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
