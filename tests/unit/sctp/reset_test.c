/* Stream resets in both directions, and what each peer is known to do about them (spec/sctp.md 8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script.h"

#define T ((uint32_t)SCRIPT_PEER_TSN)

static void up(script_t *script)
{
    script_init(script, NULL);
    script_establish(script);
}

static void reset(script_t *script, uint16_t id)
{
    assert_int_equal(minke__sctp_reset_stream(script->sctp, id, script->now), MINKE_OK);
}

/* The peer's Outgoing SSN Reset Request for one stream. */
static void request(script_t *script, uint32_t seq, uint32_t last_tsn, unsigned id)
{
    script_recv(script, "82000016 000d0012 %08x %08x %08x %04x0000", seq, script->tsn - 1, last_tsn, id);
}

static void respond(script_t *script, uint32_t seq, unsigned result)
{
    script_recv(script, "82000010 0010000c %08x %08x", seq, result);
}

static void expect_response(script_t *script, uint32_t seq, unsigned result)
{
    script_expect(script, "82000010 0010000c %08x %08x", seq, result);
}

static void expect_request(script_t *script, uint32_t seq, uint32_t last_tsn, unsigned id)
{
    script_expect(script, "82000016 000d0012 %08x %08x %08x %04x0000", seq, T - 1, last_tsn, id);
}

static void acknowledge(script_t *script, uint32_t tsn) { script_recv(script, "03000010 %08x 00100000 00000000", tsn); }

/* -- ours --------------------------------------------------------------------------------------------------------- */

static void waits_until_all_is_acknowledged(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_message(&s, 7, "abcd");
    script_message(&s, 8, "efgh");
    reset(&s, 7);
    reset(&s, 7);
    assert_true(script_take(&s));
    script_expect_nothing(&s);
    /* a gap block is not enough: the remote compares with its cumulative TSN */
    script_recv(&s, "03000014 %08x 00100000 00010000 00020002", s.tsn - 1);
    script_expect_nothing(&s);
    acknowledge(&s, s.tsn + 1);
    script_saw(&s, "done 7; done 8");
    expect_request(&s, s.tsn, s.tsn, 7);
    script_expect_nothing(&s);
    respond(&s, s.tsn, 1);
    script_saw(&s, "reset_done 7 ok");
    /* the stream starts with SSN 0 again, the other goes on */
    script_message(&s, 7, "abcd");
    script_expect(&s, "000b0014 %08x 00070000 00000035 61626364", s.tsn + 2);
    script_message(&s, 8, "efgh");
    script_expect(&s, "000b0014 %08x 00080001 00000035 65666768", s.tsn + 3);
    script_free(&s);
}

/* A stream on which nothing was sent, under the load of another. */
static void names_the_last_tsn_of_its_streams(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_message(&s, 1, "abcd");
    script_drain(&s);
    acknowledge(&s, s.tsn);
    script_message(&s, 2, "busy");
    script_drain(&s);
    reset(&s, 1);
    expect_request(&s, s.tsn, s.tsn, 1);
    respond(&s, s.tsn, 1);
    reset(&s, 3);
    expect_request(&s, s.tsn + 1, s.tsn, 3); /* never used: what is acknowledged */
    respond(&s, s.tsn + 1, 0);
    script_saw(&s, "done 1; reset_done 1 ok; reset_done 3 ok");
    script_free(&s);
}

static void puts_several_into_one_request(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    for (uint16_t id = 1; id <= 3; id++) reset(&s, id);
    script_expect(&s, "8200001a 000d0016 %08x %08x %08x 000100020003 0000", s.tsn, T - 1, s.tsn - 1);
    reset(&s, 4); /* one request at a time */
    script_expect_nothing(&s);
    respond(&s, s.tsn, 1);
    script_saw(&s, "reset_done 1 ok; reset_done 2 ok; reset_done 3 ok");
    expect_request(&s, s.tsn + 1, s.tsn - 1, 4);
    script_free(&s);
}

static void many_take_several_requests(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    for (uint16_t id = 0; id < 500; id++) reset(&s, id);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(script_take(&s));
        script_expect_nothing(&s);
        respond(&s, s.tsn + i, 1);
        s.log[0] = 0;
    }
    script_expect_nothing(&s);
    script_free(&s);
}

static void repeats_the_same_request_after_a_timeout(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    reset(&s, 7);
    expect_request(&s, s.tsn, s.tsn - 1, 7);
    for (unsigned i = 0; i < 4; i++) {
        script_wait(&s, 60 * SCRIPT_S);
        expect_request(&s, s.tsn, s.tsn - 1, 7);
    }
    respond(&s, s.tsn, 1);
    script_saw(&s, "reset_done 7 ok");
    assert_true(minke__sctp_deadline(s.sctp) == MINKE_TIME_NEVER);
    script_free(&s);
}

static void gives_up_on_a_mute_peer(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    const minke_time_t began_at = s.now;
    reset(&s, 7);
    script_drain(&s);
    reset(&s, 8);
    while (s.log[0] == 0) {
        script_wait(&s, 60 * SCRIPT_S);
        script_drain(&s);
    }
    script_saw(&s, "reset_done 7 failed");
    assert_in_range(s.now - began_at, 30 * SCRIPT_S, 34 * SCRIPT_S);
    respond(&s, s.tsn + 1, 1); /* the next one is out under the next seq */
    script_saw(&s, "reset_done 8 ok");
    script_free(&s);
}

/* dcSCTP repeats a stored "in progress" under the old seq for ever. */
static void asks_under_a_new_seq_after_in_progress(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    reset(&s, 7);
    expect_request(&s, s.tsn, s.tsn - 1, 7);
    respond(&s, s.tsn, 6);
    script_expect_nothing(&s);
    script_wait(&s, 60 * SCRIPT_S);
    expect_request(&s, s.tsn + 1, s.tsn - 1, 7);
    /* a late second answer to the old one (pion, usrsctp) says nothing any more */
    respond(&s, s.tsn, 1);
    script_saw(&s, "");
    /* no answer: the same seq */
    script_wait(&s, 60 * SCRIPT_S);
    expect_request(&s, s.tsn + 1, s.tsn - 1, 7);
    respond(&s, s.tsn + 1, 1);
    script_saw(&s, "reset_done 7 ok");
    respond(&s, s.tsn + 1, 1);
    script_saw(&s, "");
    script_free(&s);
}

/* pion and usrsctp answer 6, then, when the data is there, 1 under the same seq and unasked. */
static void takes_a_second_answer(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    reset(&s, 7);
    script_drain(&s);
    respond(&s, s.tsn, 6);
    respond(&s, s.tsn, 1);
    script_saw(&s, "reset_done 7 ok");
    script_expect_nothing(&s);
    assert_true(minke__sctp_deadline(s.sctp) == MINKE_TIME_NEVER);
    script_free(&s);
}

static void takes_a_refusal(void **state)
{
    (void)state;
    static const unsigned results[] = {2, 3, 5, 77};
    for (size_t i = 0; i < 4; i++) {
        script_t s;
        up(&s);
        reset(&s, 7);
        script_drain(&s);
        respond(&s, s.tsn, results[i]);
        script_saw(&s, "reset_done 7 failed");
        script_free(&s);
    }
}

static void fails_with_a_peer_that_cannot(void **state)
{
    (void)state;
    script_t s;
    script_init(&s, NULL);
    script_connect(&s);
    script_recv(&s, "0200001c 11223344 00100000 ffffffff 00000020 00070008 41424344");
    script_drain(&s);
    script_recv(&s, "0b000004");
    reset(&s, 7);
    script_expect_nothing(&s);
    script_saw(&s, "reset_done 7 failed");
    script_free(&s);
}

static void ignores_answers_to_nothing(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    respond(&s, s.tsn, 1);
    reset(&s, 7);
    respond(&s, s.tsn, 1); /* not asked yet */
    script_saw(&s, "");
    script_drain(&s);
    respond(&s, s.tsn + 1, 1);
    respond(&s, s.tsn - 1, 1);
    script_saw(&s, "");
    script_free(&s);
}

/* -- the remote's ------------------------------------------------------------------------------------------------- */

static void performs_and_answers(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_recv(&s, "%s", script_data(T, 7, 0, "BE", "a"));
    script_drain(&s);
    request(&s, T, T, 7);
    script_saw(&s, "data 7 [a]; reset 7");
    expect_response(&s, T, 1);
    /* the answer was lost */
    request(&s, T, T, 7);
    expect_response(&s, T, 1);
    script_saw(&s, "");
    /* a new generation begins with SSN 0 */
    script_recv(&s, "%s", script_data(T + 1, 7, 0, "BE", "b"));
    script_saw(&s, "data 7 [b]");
    script_free(&s);
}

/* The vector of spec/sctp.md 12, with the numbers of this script. */
static void answers_with_its_own_reset(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    s.reset_back = true;
    script_recv(&s, "%s", script_data(T, 7, 0, "BE", "a"));
    script_drain(&s);
    request(&s, T, T, 7);
    script_expect(&s, "82000010 0010000c %08x 00000001 82000016 000d0012 %08x %08x %08x 00070000", T, s.tsn, T,
                  s.tsn - 1);
    respond(&s, s.tsn, 1);
    script_saw(&s, "data 7 [a]; reset 7; reset_done 7 ok");
    script_free(&s);
}

static void counts_unknown_streams_as_performed(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    request(&s, T, T - 1, 500);
    expect_response(&s, T, 1);
    script_saw(&s, "reset 500");
    script_free(&s);
}

static void an_empty_list_means_all(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_recv(&s, "%s %s", script_data(T, 7, 0, "BE", "a"), script_data(T + 1, 8, 0, "BE", "b"));
    script_drain(&s);
    s.log[0] = 0;
    script_recv(&s, "82000014 000d0010 %08x %08x %08x", T, s.tsn - 1, T + 1);
    expect_response(&s, T, 1);
    assert_true(strcmp(s.log, "reset 7; reset 8") == 0 || strcmp(s.log, "reset 8; reset 7") == 0);
    s.log[0] = 0;
    script_recv(&s, "%s %s", script_data(T + 2, 7, 0, "BE", "a"), script_data(T + 3, 8, 0, "BE", "b"));
    script_saw(&s, "data 7 [a]; data 8 [b]");
    script_free(&s);
}

/* The last TSN is missing: 6 now, and by ourselves when it comes; data of the next generation waits meanwhile. */
static void completes_a_deferred_reset_by_itself(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    request(&s, T, T + 1, 7);
    expect_response(&s, T, 6);
    request(&s, T, T + 1, 7); /* pion asks again under the same seq */
    expect_response(&s, T, 6);
    script_recv(&s, "%s", script_data(T + 1, 7, 1, "BE", "old 1"));
    script_recv(&s, "%s", script_data(T + 3, 7, 1, "BE", "new 1"));
    script_recv(&s, "%s", script_data(T + 2, 7, 0, "BE", "new 0"));
    script_saw(&s, "");
    script_recv(&s, "%s", script_data(T, 7, 0, "BE", "old 0"));
    script_saw(&s, "data 7 [old 0]; data 7 [old 1]; reset 7; data 7 [new 0]; data 7 [new 1]");
    bool answered = false; /* unasked */
    while (script_take(&s)) answered |= strstr(script_chunks(&s), "820000100010000c0000002000000001") != NULL;
    assert_true(answered);
    request(&s, T, T + 1, 7);
    expect_response(&s, T, 1);
    script_saw(&s, "");
    assert_int_equal(minke__sctp_stats(s.sctp).held, 0);
    script_free(&s);
}

/* dcSCTP asks again under a new seq. Meanwhile the user may have opened the stream anew: it must not hear of it. */
static void does_not_reset_twice_for_dcsctp(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    s.reset_back = true;
    request(&s, T, T, 7);
    expect_response(&s, T, 6);
    script_recv(&s, "%s", script_data(T, 7, 0, "BE", "a"));
    script_saw(&s, "data 7 [a]; reset 7");
    script_drain(&s);
    respond(&s, s.tsn, 1);
    script_saw(&s, "reset_done 7 ok");
    request(&s, T + 1, T, 7);
    expect_response(&s, T + 1, 1);
    script_saw(&s, "");
    /* the next one is another */
    request(&s, T + 2, T, 7);
    script_saw(&s, "reset 7");
    script_free(&s);
}

/* The same, but the new seq comes while the first is still waiting, with another stream and a later TSN. */
static void merges_a_repeated_request(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    request(&s, T, T, 7);
    expect_response(&s, T, 6);
    script_recv(&s, "82000018 000d0014 %08x %08x %08x 00070008", T + 1, s.tsn - 1, T + 1);
    expect_response(&s, T + 1, 6);
    script_recv(&s, "%s", script_data(T, 7, 0, "BE", "a"));
    script_saw(&s, "data 7 [a]; reset 7");
    script_recv(&s, "%s", script_data(T + 1, 8, 0, "BE", "b"));
    script_saw(&s, "data 8 [b]; reset 8");
    script_drain(&s);
    script_recv(&s, "82000018 000d0014 %08x %08x %08x 00070008", T + 2, s.tsn - 1, T + 1);
    expect_response(&s, T + 2, 1);
    s.log[0] = 0;
    script_free(&s);
}

/* pion: several at once, in any order, some lost and sent again. */
static void takes_several_in_any_order(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    request(&s, T + 2, T - 1, 9);
    expect_response(&s, T + 2, 1);
    request(&s, T, T - 1, 7);
    expect_response(&s, T, 1);
    request(&s, T + 3, T, 10);
    expect_response(&s, T + 3, 6);
    request(&s, T + 1, T - 1, 8);
    expect_response(&s, T + 1, 1);
    request(&s, T + 2, T - 1, 9);
    expect_response(&s, T + 2, 1);
    script_saw(&s, "reset 9; reset 7; reset 8");
    script_recv(&s, "%s", script_data(T, 10, 0, "BE", "x"));
    script_saw(&s, "data 10 [x]; reset 10");
    script_free(&s);
}

static void refuses_a_seq_out_of_the_blue(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    request(&s, T + 1000, T - 1, 7);
    expect_response(&s, T + 1000, 5);
    request(&s, T - 1000, T - 1, 7);
    expect_response(&s, T - 1000, 5);
    request(&s, T - 1, T - 1, 7); /* before the first: nothing to do, as for any that has been dealt with */
    expect_response(&s, T - 1, 0);
    script_saw(&s, "");
    request(&s, T, T - 1, 7);
    script_saw(&s, "reset 7");
    script_free(&s);
}

/* webrtc-rs 0.17: its own request first, then the answer to ours, in two packets. */
static void takes_request_before_response(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    reset(&s, 7);
    script_drain(&s);
    request(&s, T, T - 1, 7);
    respond(&s, s.tsn, 1);
    script_saw(&s, "reset 7; reset_done 7 ok");
    expect_response(&s, T, 1);
    script_free(&s);
}

static void takes_both_parameters_in_one_chunk(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    reset(&s, 7);
    script_drain(&s);
    script_recv(&s, "82000024 0010000c %08x 00000001 000d0012 %08x %08x %08x 00070000", s.tsn, T, s.tsn, T - 1);
    script_saw(&s, "reset_done 7 ok; reset 7");
    expect_response(&s, T, 1);
    script_free(&s);
}

static void denies_the_rest(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_recv(&s, "8200000e 000e000a %08x 00070000", T); /* incoming reset */
    expect_response(&s, T, 0);
    script_recv(&s, "8200000c 000f0008 %08x", T + 1); /* SSN/TSN reset */
    expect_response(&s, T + 1, 2);
    script_recv(&s, "82000010 0011000c %08x 00100000", T + 2); /* add streams */
    expect_response(&s, T + 2, 2);
    script_recv(&s, "82000010 0012000c %08x 00100000", T + 3);
    expect_response(&s, T + 3, 2);
    script_saw(&s, "");
    script_free(&s);
}

static void survives_malformed_requests(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_recv(&s, "82000008 000d0012");
    script_recv(&s, "82000008 000d0003");
    script_recv(&s, "8200000c 000d0008 %08x", T);
    script_recv(&s, "8200000c 00100008 %08x", T);
    script_recv(&s, "82000006 000d0000");
    script_recv(&s, "82000008 00ff0004");
    assert_int_equal(s.test.counters.sctp_malformed, 6);
    script_expect_nothing(&s);
    script_saw(&s, "");
    script_free(&s);
}

/* More deferred requests than are kept: the rest is answered 6 and taken later. */
static void defers_only_so_many(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    for (unsigned i = 0; i < 40; i++) {
        request(&s, T + i, T, i);
        expect_response(&s, T + i, 6);
    }
    script_recv(&s, "%s", script_data(T, 100, 0, "BE", "x"));
    s.log[0] = 0;
    script_drain(&s);
    request(&s, T + 39, T, 39);
    expect_response(&s, T + 39, 1);
    script_saw(&s, "reset 39");
    request(&s, T, T, 0);
    expect_response(&s, T, 1);
    script_saw(&s, "");
    script_free(&s);
}

/* The queue of a mediasoup attack: data of the next generation is bounded like everything that is held. */
static void holds_only_so_much_of_the_next_generation(void **state)
{
    (void)state;
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    options.held_max = 16384;
    script_t s;
    script_init(&s, &options);
    script_establish(&s);
    request(&s, T, T, 7);
    for (unsigned i = 1; i < 1000; i++) script_recv(&s, "%s", script_data(T + i, 7, i - 1, "BE", "later"));
    assert_in_range(minke__sctp_stats(s.sctp).held, 10000, 16384);
    script_drain(&s);
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_until_all_is_acknowledged),
        cmocka_unit_test(names_the_last_tsn_of_its_streams),
        cmocka_unit_test(puts_several_into_one_request),
        cmocka_unit_test(many_take_several_requests),
        cmocka_unit_test(repeats_the_same_request_after_a_timeout),
        cmocka_unit_test(gives_up_on_a_mute_peer),
        cmocka_unit_test(asks_under_a_new_seq_after_in_progress),
        cmocka_unit_test(takes_a_second_answer),
        cmocka_unit_test(takes_a_refusal),
        cmocka_unit_test(fails_with_a_peer_that_cannot),
        cmocka_unit_test(ignores_answers_to_nothing),
        cmocka_unit_test(performs_and_answers),
        cmocka_unit_test(answers_with_its_own_reset),
        cmocka_unit_test(counts_unknown_streams_as_performed),
        cmocka_unit_test(an_empty_list_means_all),
        cmocka_unit_test(completes_a_deferred_reset_by_itself),
        cmocka_unit_test(does_not_reset_twice_for_dcsctp),
        cmocka_unit_test(merges_a_repeated_request),
        cmocka_unit_test(takes_several_in_any_order),
        cmocka_unit_test(refuses_a_seq_out_of_the_blue),
        cmocka_unit_test(takes_request_before_response),
        cmocka_unit_test(takes_both_parameters_in_one_chunk),
        cmocka_unit_test(denies_the_rest),
        cmocka_unit_test(survives_malformed_requests),
        cmocka_unit_test(defers_only_so_many),
        cmocka_unit_test(holds_only_so_much_of_the_next_generation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
