/* DATA in: order within streams, SACKs and when they leave, duplicates, windows, FORWARD-TSN. */
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

/* Up, and the first DATA, which gets its SACK at once, is behind us. */
static void warm(script_t *script)
{
    up(script);
    script_recv(script, "%s", script_data(T, 9, 0, "BE", "first"));
    script_expect(script, "03000010 %08x 00200000 00000000", T);
    script_saw(script, "data 9 [first]");
}

static void delivers_in_order(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    script_recv(&s, "%s %s %s", script_data(T + 1, 1, 0, "B", "abc"), script_data(T + 2, 1, 0, "", "def"),
                script_data(T + 3, 1, 0, "E", "g"));
    script_recv(&s, "%s", script_data(T + 4, 1, 1, "BE", "h"));
    script_saw(&s, "data 1 [abc; data 1 def; data 1 g]; data 1 [h]");
    script_free(&s);
}

static void a_hole_holds_up_only_its_stream(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    /* T+1 (stream 1, SSN 0) is missing */
    script_recv(&s, "%s", script_data(T + 2, 1, 1, "BE", "one"));
    script_recv(&s, "%s", script_data(T + 3, 2, 0, "BE", "two"));
    script_saw(&s, "data 2 [two]");
    assert_true(minke__sctp_stats(s.sctp).held > 3);
    script_recv(&s, "%s", script_data(T + 1, 1, 0, "BE", "zero"));
    script_saw(&s, "data 1 [zero]; data 1 [one]");
    assert_int_equal(minke__sctp_stats(s.sctp).held, 0);
    script_free(&s);
}

/* Every order of five chunks of two messages on one stream and one of another. */
static void any_order_will_do(void **state)
{
    (void)state;
    for (unsigned permutation = 0; permutation < 120; permutation++) {
        unsigned order[5] = {0, 1, 2, 3, 4}, rest = permutation;
        for (unsigned i = 0; i < 5; i++) {
            const unsigned k = i + rest % (5 - i), kept = order[i];
            rest /= 5 - i;
            order[i] = order[k];
            order[k] = kept;
        }
        script_t s;
        warm(&s);
        for (unsigned i = 0; i < 5; i++) {
            switch (order[i]) {
            case 0: script_recv(&s, "%s", script_data(T + 1, 1, 0, "B", "a")); break;
            case 1: script_recv(&s, "%s", script_data(T + 2, 1, 0, "", "b")); break;
            case 2: script_recv(&s, "%s", script_data(T + 3, 1, 0, "E", "c")); break;
            case 3: script_recv(&s, "%s", script_data(T + 4, 1, 1, "BE", "d")); break;
            case 4: script_recv(&s, "%s", script_data(T + 5, 1, 2, "BE", "e")); break;
            }
        }
        script_saw(&s, "data 1 [a; data 1 b; data 1 c]; data 1 [d]; data 1 [e]");
        script_drain(&s);
        script_free(&s);
    }
}

static void acknowledges_every_second_packet_and_in_time(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    script_recv(&s, "%s", script_data(T + 1, 1, 0, "BE", "a"));
    script_expect_nothing(&s);
    assert_int_equal(minke__sctp_deadline(s.sctp) - s.now, 20 * SCRIPT_MS);
    script_recv(&s, "%s", script_data(T + 2, 1, 1, "BE", "b"));
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 2);
    assert_true(minke__sctp_deadline(s.sctp) == MINKE_TIME_NEVER);
    script_recv(&s, "%s", script_data(T + 3, 1, 2, "BE", "c"));
    script_wait(&s, SCRIPT_S);
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 3);
    /* the I bit asks for it now */
    script_recv(&s, "%s", script_data(T + 4, 1, 3, "BEI", "d"));
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 4);
    script_expect_nothing(&s);
    script_free(&s);
}

static void reports_gaps_and_duplicates_at_once(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    script_recv(&s, "%s", script_data(T + 2, 1, 1, "BE", "b"));
    script_expect(&s, "03000014 %08x %08x 00010000 00020002", T, 0x200000 - minke__sctp_stats(s.sctp).held);
    script_recv(&s, "%s", script_data(T + 5, 1, 4, "BE", "e"));
    script_expect(&s, "03000018 %08x %08x 00020000 00020002 00050005", T, 0x200000 - minke__sctp_stats(s.sctp).held);
    script_recv(&s, "%s", script_data(T + 2, 1, 1, "BE", "b"));
    script_expect(&s, "0300001c %08x %08x 00020001 00020002 00050005 %08x", T,
                  0x200000 - minke__sctp_stats(s.sctp).held, T + 2);
    assert_int_equal(s.test.counters.sctp_data_duplicate, 1);
    script_recv(&s, "%s", script_data(T + 3, 1, 2, "BE", "c"));
    script_expect(&s, "03000018 %08x %08x 00020000 00020003 00050005", T, 0x200000 - minke__sctp_stats(s.sctp).held);
    script_recv(&s, "%s", script_data(T + 1, 1, 0, "BE", "a"));
    script_expect(&s, "03000014 %08x %08x 00010000 00020002", T + 3, 0x200000 - minke__sctp_stats(s.sctp).held);
    script_recv(&s, "%s", script_data(T + 4, 1, 3, "BE", "d"));
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 5);
    script_recv(&s, "%s", script_data(T - 1, 1, 3, "BE", "old"));
    script_expect(&s, "03000014 %08x 00200000 00000001 %08x", T + 5, T - 1);
    script_saw(&s, "data 1 [a]; data 1 [b]; data 1 [c]; data 1 [d]; data 1 [e]");
    script_free(&s);
}

/* A duplicate says that a SACK was lost. The next may be too, so packets that go anyway carry it again, a few times. */
static void repeats_the_sack_after_a_duplicate(void **state)
{
    (void)state;
    script_t s;
    char sack[64];
    warm(&s);
    script_recv(&s, "%s", script_data(T, 1, 0, "BE", "a"));
    (void)snprintf(sack, sizeof sack, "03000014 %08x 00200000 00000001 %08x", T, T);
    script_expect(&s, "%s", sack);
    for (int i = 0; i < 4; i++) {
        script_message(&s, 1, "x");
        assert_true(script_take(&s));
        (void)snprintf(sack, sizeof sack, "03000010%08x0020000000000000", T);
        assert_int_equal(strncmp(script_chunks(&s), sack, strlen(sack)) == 0, i < 2);
    }
    script_free(&s);
}

/* dcSCTP and usrsctp send only so much per SACK, and count SACKs with a hole. */
static void acknowledges_a_train_as_if_packets_came_singly(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    for (unsigned i = 1; i <= 5; i++) script_recv_more(&s, "%s", script_data(T + i, 1, i - 1, "BE", "x"));
    minke__sctp_recv_end(s.sctp, s.now);
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 2);
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 4);
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 5);
    script_expect_nothing(&s);
    for (unsigned i = 7; i <= 9; i++) script_recv_more(&s, "%s", script_data(T + i, 1, i - 1, "BE", "x"));
    minke__sctp_recv_end(s.sctp, s.now);
    for (unsigned i = 2; i <= 4; i++) {
        assert_true(script_take(&s));
        assert_int_equal(s.packet[12], 3);
        assert_int_equal(script_u32(s.packet + 28), 0x20000 | i);
    }
    script_expect_nothing(&s);
    script_free(&s);
}

static void thins_out_the_sacks_of_a_long_train(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    for (unsigned i = 1; i <= 300; i++) script_recv_more(&s, "%s", script_data(T + i, 1, i - 1, "BE", "x"));
    minke__sctp_recv_end(s.sctp, s.now);
    uint32_t last = T;
    unsigned n = 0;
    while (script_take(&s)) {
        const uint32_t cumulative = script_u32(s.packet + 16);
        assert_true(cumulative > last && cumulative <= last + 33);
        last = cumulative;
        n++;
    }
    assert_int_equal(last, T + 300);
    assert_in_range(n, 10, 33);
    script_free(&s);
}

static void refuses_what_does_not_continue_a_message(void **state)
{
    (void)state;
    for (unsigned bad = 0; bad < 5; bad++) {
        script_t s;
        warm(&s);
        script_recv(&s, "%s", script_data(T + 1, 1, 0, "B", "abc"));
        switch (bad) {
        case 0: script_recv(&s, "%s", script_data(T + 2, 1, 1, "BE", "begins anew")); break;
        case 1: script_recv(&s, "%s", script_data(T + 2, 1, 1, "E", "other SSN")); break;
        case 2: script_recv(&s, "%s", script_data(T + 3, 1, 0, "B", "begins twice")); break;
        case 3:
            script_recv(&s, "%s", script_data(T + 3, 1, 1, "B", "x"));
            script_recv(&s, "%s", script_data(T + 5, 1, 1, "B", "same SSN"));
            break;
        case 4:
            script_recv(&s, "%s", script_data(T + 3, 1, 1, "E", "held"));
            script_recv(&s, "%s", script_data(T + 2, 1, 0, "", "but T+3 had to go on"));
            break;
        }
        assert_int_equal(minke__sctp_state(s.sctp), MINKE_SCTP_ENDED);
        assert_int_equal(minke__sctp_close_reason(s.sctp)->code, 13);
        assert_true(script_take(&s));
        assert_int_equal(s.packet[12], 6);
        assert_int_equal(s.packet[17], 13);
        script_expect_nothing(&s);
        script_free(&s);
    }
}

static void refuses_empty_data(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    script_recv(&s, "00030010 %08x 00010000 00000035", T + 1);
    script_expect(&s, "0600000c 00090008 %08x", T + 1);
    assert_int_equal(minke__sctp_close_reason(s.sctp)->code, 9);
    script_free(&s);
}

static void refuses_other_streams_but_acknowledges(void **state)
{
    (void)state;
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    options.streams_max = 10;
    script_t s;
    script_init(&s, &options);
    script_establish(&s);
    script_recv(&s, "%s", script_data(T, 10, 0, "BE", "abc"));
    script_expect(&s, "03000010 %08x 00200000 00000000 0900000c 00010008 000a0000", T);
    script_saw(&s, "");
    script_free(&s);
}

/* The SSN of the past: that stream stands still, nothing else does. */
static void survives_an_old_ssn(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    script_recv(&s, "%s", script_data(T + 1, 9, 0, "BE", "again"));
    script_recv(&s, "%s", script_data(T + 2, 2, 0, "BE", "ok"));
    script_saw(&s, "data 2 [ok]");
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 2);
    assert_int_equal(s.test.counters.sctp_malformed, 1);
    script_free(&s);
}

static void ignores_what_lies_far_ahead(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    script_recv(&s, "%s", script_data(T + 65536, 1, 0, "BE", "far"));
    script_recv(&s, "%s", script_data(T + 0x7fffffff, 1, 0, "BE", "further"));
    script_saw(&s, "");
    assert_int_equal(s.test.counters.sctp_data_dropped, 2);
    script_recv(&s, "%s", script_data(T + 65535, 1, 0, "BE", "just"));
    script_saw(&s, "data 1 [just]");
    script_free(&s);
}

static void holds_only_so_many_ranges(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    for (unsigned i = 0; i < 5000; i++) {
        script_recv(&s, "%s", script_data(T + 2 + 2 * i, i, 0, "BE", "x"));
        s.log[0] = 0;
    }
    assert_int_equal(s.test.counters.sctp_data_dropped, 5000 - 4096);
    script_drain(&s);
    s.log[0] = 0;
    /* what joins a range still gets in */
    script_recv(&s, "%s", script_data(T + 3, 50000, 0, "BE", "x"));
    script_saw(&s, "data 50000 [x]");
    script_free(&s);
}

static void wraps_around(void **state)
{
    (void)state;
    script_t s;
    script_init(&s, NULL);
    script_establish_with(&s, 1 << 20, 0xfffffffe);
    script_recv(&s, "%s", script_data(0xfffffffe, 1, 0, "BE", "a"));
    script_recv(&s, "%s", script_data(0, 1, 2, "BE", "c"));
    script_recv(&s, "%s", script_data(1, 1, 3, "BE", "d"));
    script_recv(&s, "%s", script_data(0xffffffff, 1, 1, "BE", "b"));
    script_saw(&s, "data 1 [a]; data 1 [b]; data 1 [c]; data 1 [d]");
    while (script_take(&s)) continue;
    assert_int_equal(script_u32(s.packet + 16), 1);
    script_free(&s);
}

static void ssn_wraps_around(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    for (unsigned i = 0; i < 65530; i++) {
        script_recv_more(&s, "%s", script_data(T + i, 1, i, "BE", "x"));
        s.log[0] = 0;
    }
    for (unsigned i = 65540; i > 65530; i--)
        script_recv(&s, "%s", script_data(T + i - 1, 1, (i - 1) & 0xffff, "BE", "y"));
    script_saw(&s, "data 1 [y]; data 1 [y]; data 1 [y]; data 1 [y]; data 1 [y]; data 1 [y]; data 1 [y]; data 1 [y]; "
                   "data 1 [y]; data 1 [y]");
    script_free(&s);
}

/* -- unordered ---------------------------------------------------------------------------------------------------- */

static void delivers_unordered_messages_whole(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    script_recv(&s, "%s", script_data(T + 5, 1, 0, "UBE", "single"));
    script_saw(&s, "data 1 [single]");
    script_recv(&s, "%s", script_data(T + 4, 1, 0, "UE", "3"));
    script_recv(&s, "%s", script_data(T + 2, 1, 0, "UB", "1"));
    script_saw(&s, "");
    script_recv(&s, "%s", script_data(T + 3, 1, 0, "U", "2"));
    script_saw(&s, "data 1 [1; data 1 2; data 1 3]");
    assert_int_equal(minke__sctp_stats(s.sctp).held, 0);
    script_free(&s);
}

static void keeps_unordered_out_of_ordered_messages(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    script_recv(&s, "%s", script_data(T + 1, 1, 0, "B", "a"));
    script_recv(&s, "%s", script_data(T + 3, 1, 0, "UBE", "u"));
    script_recv(&s, "%s", script_data(T + 4, 1, 0, "UBE", "v"));
    script_saw(&s, "data 1 [a");
    script_recv(&s, "%s", script_data(T + 2, 1, 0, "E", "b"));
    script_saw(&s, "data 1 b]; data 1 [u]; data 1 [v]");
    script_free(&s);
}

/* -- windows ------------------------------------------------------------------------------------------------------ */

static void announces_and_reopens_its_window(void **state)
{
    (void)state;
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    options.receive_window = 16384;
    script_t s;
    script_init(&s, &options);
    s.consume = false;
    script_establish(&s);
    char kilobyte[1025];
    memset(kilobyte, 'k', 1024);
    kilobyte[1024] = 0;
    for (unsigned i = 0; i < 16; i++) {
        script_recv(&s, "%s", script_data(T + i, 1, i, "BEI", kilobyte));
        script_expect(&s, "03000010 %08x %08x 00000000", T + i, 16384 - 1024 * (i + 1));
    }
    s.log[0] = 0;
    /* full: new data is dropped, unacknowledged, and answered */
    script_recv(&s, "%s", script_data(T + 16, 1, 16, "BE", "more"));
    script_expect(&s, "03000010 %08x 00000000 00000000", T + 15);
    script_saw(&s, "");
    assert_int_equal(s.test.counters.sctp_data_dropped, 1);
    /* a little room is not worth a packet; two packets' worth is */
    minke__sctp_consumed(s.sctp, 2000, s.now);
    script_expect_nothing(&s);
    minke__sctp_consumed(s.sctp, 500, s.now);
    script_expect(&s, "03000010 %08x %08x 00000000", T + 15, 2500);
    minke__sctp_consumed(s.sctp, 3000, s.now);
    script_expect_nothing(&s);
    minke__sctp_consumed(s.sctp, 2000, s.now);
    script_expect(&s, "03000010 %08x %08x 00000000", T + 15, 7500);
    minke__sctp_consumed(s.sctp, 16384 - 7500, s.now);
    script_expect(&s, "03000010 %08x %08x 00000000", T + 15, 16384);
    script_expect_nothing(&s);
    script_free(&s);
}

static void takes_what_fills_a_gap_when_full(void **state)
{
    (void)state;
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    options.receive_window = 16384;
    script_t s;
    script_init(&s, &options);
    s.consume = false;
    script_establish(&s);
    char kilobyte[1025];
    memset(kilobyte, 'k', 1024);
    kilobyte[1024] = 0;
    for (unsigned i = 1; i <= 16; i++) script_recv(&s, "%s", script_data(T + 2 * i, i, 0, "BE", kilobyte));
    assert_int_equal(s.test.counters.sctp_data_dropped, 0);
    s.log[0] = 0;
    script_recv(&s, "%s", script_data(T + 33, 40, 0, "BE", "new"));
    script_saw(&s, "");
    script_recv(&s, "%s", script_data(T + 3, 40, 0, "BE", "gap"));
    script_saw(&s, "data 40 [gap]");
    /* but not for ever */
    for (unsigned i = 2; i < 16; i++) script_recv(&s, "%s", script_data(T + 2 * i + 1, i, 1, "BE", kilobyte));
    assert_in_range(minke__sctp_stats(s.sctp).bytes_delivered, 16384, 2 * 16384 + 1024);
    script_free(&s);
}

static void holds_only_so_much(void **state)
{
    (void)state;
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    options.held_max = 16384;
    script_t s;
    script_init(&s, &options);
    script_establish(&s);
    for (unsigned i = 1; i < 400; i++) script_recv(&s, "%s", script_data(T + i, 1, i, "BE", "tiny"));
    assert_in_range(minke__sctp_stats(s.sctp).held, 16000, 16384);
    assert_true(s.test.counters.sctp_data_dropped > 100);
    s.log[0] = 0;
    script_recv(&s, "%s", script_data(T, 1, 0, "BE", "tiny"));
    assert_true(strlen(s.log) > 1000);
    assert_int_equal(minke__sctp_stats(s.sctp).held, 0);
    s.log[0] = 0;
    script_free(&s);
}

static void may_be_aborted_from_inside(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    s.abort_on_data = true;
    script_recv(&s, "%s %s", script_data(T + 1, 1, 0, "BE", "a"), script_data(T + 2, 1, 1, "BE", "b"));
    script_saw(&s, "data 1 [a]");
    script_expect(&s, "0600000e 000c000a 656e6f75 67680000");
    script_expect_nothing(&s);
    script_free(&s);
}

/* -- FORWARD-TSN -------------------------------------------------------------------------------------------------- */

static void skips_what_the_remote_gave_up(void **state)
{
    (void)state;
    script_t s;
    warm(&s);
    script_recv(&s, "%s", script_data(T + 1, 1, 0, "B", "cut"));
    script_recv(&s, "%s", script_data(T + 4, 2, 1, "BE", "later"));
    script_recv(&s, "%s", script_data(T + 5, 1, 1, "BE", "next"));
    script_drain(&s);
    script_saw(&s, "data 1 [cut");
    script_recv(&s, "c0000010 %08x 00010000 00020000", T + 3);
    script_saw(&s, "data 1 [next]; data 2 [later]");
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 5);
    /* an old one is answered at once */
    script_recv(&s, "c0000008 %08x", T + 3);
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 5);
    /* one from outer space is not believed */
    script_recv(&s, "c0000008 %08x", T + 0x70000000);
    script_expect(&s, "03000010 %08x 00200000 00000000", T + 5);
    assert_int_equal(minke__sctp_stats(s.sctp).held, 0);
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_in_order),
        cmocka_unit_test(a_hole_holds_up_only_its_stream),
        cmocka_unit_test(any_order_will_do),
        cmocka_unit_test(acknowledges_every_second_packet_and_in_time),
        cmocka_unit_test(reports_gaps_and_duplicates_at_once),
        cmocka_unit_test(repeats_the_sack_after_a_duplicate),
        cmocka_unit_test(acknowledges_a_train_as_if_packets_came_singly),
        cmocka_unit_test(thins_out_the_sacks_of_a_long_train),
        cmocka_unit_test(refuses_what_does_not_continue_a_message),
        cmocka_unit_test(refuses_empty_data),
        cmocka_unit_test(refuses_other_streams_but_acknowledges),
        cmocka_unit_test(survives_an_old_ssn),
        cmocka_unit_test(ignores_what_lies_far_ahead),
        cmocka_unit_test(holds_only_so_many_ranges),
        cmocka_unit_test(wraps_around),
        cmocka_unit_test(ssn_wraps_around),
        cmocka_unit_test(delivers_unordered_messages_whole),
        cmocka_unit_test(keeps_unordered_out_of_ordered_messages),
        cmocka_unit_test(announces_and_reopens_its_window),
        cmocka_unit_test(takes_what_fills_a_gap_when_full),
        cmocka_unit_test(holds_only_so_much),
        cmocka_unit_test(may_be_aborted_from_inside),
        cmocka_unit_test(skips_what_the_remote_gave_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
