/* Set-up: the packets' bytes, the table of states and packets, collisions, losses in every combination. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"
#include "script.h"

#define PEER_INIT "0100001a 11223344 00100000 ffffffff 00000020 80080006 82c00000"
#define PEER_INIT_ACK "02000028 11223344 00100000 ffffffff 00000020 c0000004 80080006 82c00000 00070008 41424344"

static minke_sctp_state_t state_of(const script_t *script) { return minke__sctp_state(script->sctp); }

static void start(script_t *script)
{
    script_init(script, NULL);
    script_connect(script);
}

/* What our INIT ACK echoes when the peer sends it back. */
static void take_cookie(script_t *script, char *echo, size_t capacity)
{
    assert_true(script_take(script));
    assert_int_equal(script->packet[12], 2);
    const char *cookie = strstr(script_chunks(script), "0007002c");
    assert_non_null(cookie);
    (void)snprintf(echo, capacity, "0a00002c%.80s", cookie + 8);
}

static void sends_the_init_of_the_spec(void **state)
{
    (void)state;
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    options.receive_window = 0x100000;
    script_t script;
    script_init_at(&script, &options, 0x10);
    minke__sctp_connect(script.sctp, script.now);
    assert_true(script_take(&script));
    /* The vector of spec/sctp.md 12, but for the tag: here both random numbers are 16. */
    assert_string_equal(script_chunks(&script), "0100001e0000001000100000ffffffff00000010c00000048008000682c00000");
    assert_int_equal(script.packet_len, 44);
    script_expect_nothing(&script);
    script_free(&script);
}

static void goes_through_all_states(void **state)
{
    (void)state;
    script_t script;
    script_init(&script, NULL);
    assert_int_equal(state_of(&script), MINKE_SCTP_CLOSED);
    assert_false(minke__sctp_may_send(script.sctp));
    script_establish(&script);
    assert_true(minke__sctp_may_send(script.sctp));
    assert_int_equal(minke__sctp_streams_out(script.sctp), 65535);
    assert_int_equal(minke__sctp_stats(script.sctp).peer_window, 1 << 20);
    script_expect_nothing(&script);
    assert_true(minke__sctp_deadline(script.sctp) == MINKE_TIME_NEVER);
    script_free(&script);
}

static void takes_the_smaller_number_of_streams(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    assert_int_equal(minke__sctp_streams_out(script.sctp), 0);
    /* libdatachannel: 1024 each; here 1024 out, 1000 in */
    script_recv(&script, "02000024 11223344 00100000 040003e8 00000020 80080006 82c00000 00070008 41424344");
    assert_int_equal(minke__sctp_streams_out(script.sctp), 1000);
    assert_int_equal(minke__sctp_streams_in(script.sctp), 1024);
    script_free(&script);
}

static void answers_an_init_without_a_change_of_state(void **state)
{
    (void)state;
    for (unsigned connected = 0; connected < 2; connected++) {
        script_t script;
        script_init(&script, NULL);
        if (connected != 0) {
            minke__sctp_connect(script.sctp, script.now);
            assert_true(script_take(&script));
        }
        script_recv_tagged(&script, 0, PEER_INIT);
        assert_int_equal(state_of(&script), connected != 0 ? MINKE_SCTP_COOKIE_WAIT : MINKE_SCTP_CLOSED);
        char echo[256];
        take_cookie(&script, echo, sizeof echo);
        script.tag = script_u32(script.packet + 16);
        script_expect_nothing(&script);
        script_recv(&script, "%s", echo);
        assert_int_equal(state_of(&script), MINKE_SCTP_ESTABLISHED);
        script_expect(&script, "0b000004");
        /* COOKIE ACK was lost: the echo comes again */
        script_recv(&script, "%s", echo);
        script_expect(&script, "0b000004");
        /* INIT ACK and COOKIE ACK of the peer come late */
        script_recv(&script, PEER_INIT_ACK);
        script_recv(&script, "0b000004");
        script_expect_nothing(&script);
        assert_int_equal(state_of(&script), MINKE_SCTP_ESTABLISHED);
        script_free(&script);
    }
}

static void tells_one_tag_and_tsn_to_everybody(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv_tagged(&script, 0, PEER_INIT);
    assert_true(script_take(&script));
    assert_int_equal(script_u32(script.packet + 4), SCRIPT_PEER_TAG);
    assert_int_equal(script_u32(script.packet + 16), script.tag);
    assert_int_equal(script_u32(script.packet + 28), script.tsn);
    script_free(&script);
}

/* RFC 9260 5.2.4 case D, from COOKIE_ECHOED. */
static void meets_in_the_middle(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv_tagged(&script, 0, PEER_INIT);
    char echo[256];
    take_cookie(&script, echo, sizeof echo);
    script_recv(&script, PEER_INIT_ACK);
    assert_int_equal(state_of(&script), MINKE_SCTP_COOKIE_ECHOED);
    script_expect(&script, "0a000008 41424344");
    script_recv(&script, "%s", echo);
    assert_int_equal(state_of(&script), MINKE_SCTP_ESTABLISHED);
    script_expect(&script, "0b000004");
    script_free(&script);
}

/* Case B: the INIT ACK came under one tag, the INIT under another; what was sent under the first goes again. */
static void takes_the_newer_tag(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv_tagged(&script, 0, "0100001a 99999999 00100000 ffffffff 00000100 80080006 82c00000");
    char echo[256];
    take_cookie(&script, echo, sizeof echo);
    script_recv(&script, PEER_INIT_ACK);
    script_message(&script, 1, "abcd");
    script_expect(&script, "0a000008 41424344 000b0014 %08x 00010000 00000035 61626364", script.tsn);
    script_recv(&script, "%s", echo);
    assert_int_equal(state_of(&script), MINKE_SCTP_ESTABLISHED);
    script_expect(&script, "0b000004 000b0014 %08x 00010000 00000035 61626364", script.tsn);
    assert_memory_equal(script.packet + 4, "\x99\x99\x99\x99", 4);
    script_recv(&script, "%s", script_data(0x100, 0, 0, "BE", "hi"));
    script_saw(&script, "data 0 [hi]");
    script_free(&script);
}

static void ignores_a_restart(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv_tagged(&script, 0, "0100001a 99999999 00100000 ffffffff 00000100 80080006 82c00000");
    char echo[256];
    take_cookie(&script, echo, sizeof echo);
    script_recv(&script, PEER_INIT_ACK);
    script_drain(&script);
    script_recv(&script, "0b000004");
    assert_int_equal(state_of(&script), MINKE_SCTP_ESTABLISHED);
    script_recv(&script, "%s", echo);
    script_recv_tagged(&script, 0, PEER_INIT);
    script_expect_nothing(&script);
    script_recv(&script, "%s", script_data(SCRIPT_PEER_TSN, 0, 0, "BE", "hi"));
    script_saw(&script, "data 0 [hi]");
    script_free(&script);
}

static void refuses_forged_cookies(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv_tagged(&script, 0, PEER_INIT);
    char echo[256];
    take_cookie(&script, echo, sizeof echo);
    for (size_t at = 8; at < 8 + 40; at++) { /* mark, secret and our tag: 20 bytes */
        char forged[256];
        (void)snprintf(forged, sizeof forged, "%s", echo);
        forged[at] = forged[at] == '0' ? '1' : '0';
        script_recv(&script, "%s", forged);
        assert_int_equal(state_of(&script), MINKE_SCTP_COOKIE_WAIT);
    }
    script_recv(&script, "0a000008 41424344");
    script_recv(&script, "0a000004");
    assert_int_equal(state_of(&script), MINKE_SCTP_COOKIE_WAIT);
    assert_int_equal(script.test.counters.sctp_malformed, 42);
    script_free(&script);
}

static void refuses_impossible_inits(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "01000014 00000000 00100000 ffffffff 00000020", /* tag 0 */
        "01000014 11223344 00100000 0000ffff 00000020", /* no streams out */
        "01000014 11223344 00100000 ffff0000 00000020"  /* none in */
    };
    for (size_t i = 0; i < 3; i++) {
        script_t script;
        start(&script);
        script_recv_tagged(&script, 0, bad[i]);
        assert_int_equal(state_of(&script), MINKE_SCTP_ENDED);
        assert_int_equal(minke__sctp_close_reason(script.sctp)->code, 7);
        assert_false(minke__sctp_close_reason(script.sctp)->by_remote);
        if (i > 0) {
            assert_true(script_take(&script));
            assert_int_equal(script.packet[12], 6);
        }
        script_expect_nothing(&script);
        script_free(&script);
    }
}

static void reports_unknown_parameters(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    /* 0x4099: report and stop; 0x8098 before it: skip; 0xc097: report and go on; 0x0042 after the stop is not seen */
    script_recv_tagged(&script, 0,
                       "01000030 11223344 00100000 ffffffff 00000020 80980005 01000000 c0970006 0a0b0000 40990004 "
                       "c0000004 c1980004");
    assert_true(script_take(&script));
    const char *chunks = script_chunks(&script);
    assert_non_null(strstr(chunks, "0008000ac09700060a0b0000"));
    assert_non_null(strstr(chunks, "0008000840990004"));
    assert_null(strstr(chunks, "c1980004"));
    assert_null(strstr(chunks, "8098"));
    /* in an INIT ACK: an ERROR behind the COOKIE ECHO, once we are up */
    script_recv(&script, "02000024 11223344 00100000 ffffffff 00000020 c0970005 ff000000 00070008 41424344");
    script_expect(&script, "0a000008 41424344 09000010 00080009 c0970005 ff000000");
    script_free(&script);
}

static void wants_a_cookie(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv(&script, "02000014 11223344 00100000 ffffffff 00000020");
    assert_int_equal(state_of(&script), MINKE_SCTP_ENDED);
    script_expect(&script, "06000028 00020024 %s", "494e49542041434b20776974686f7574206120757361626c6520636f6f6b6965");
    script_free(&script);
}

static void repeats_what_is_not_answered(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    static const minke_time_t after[] = {500, 1000, 2000, 3000, 3000};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(minke__sctp_deadline(script.sctp) - script.now, after[i] * SCRIPT_MS);
        script_wait(&script, 60 * SCRIPT_S);
        assert_true(script_take(&script));
        assert_int_equal(script.packet[12], 1);
    }
    script_recv(&script, PEER_INIT_ACK);
    for (size_t i = 0; i < 5; i++) {
        script_expect(&script, "0a000008 41424344");
        assert_int_equal(minke__sctp_deadline(script.sctp) - script.now, after[i] * SCRIPT_MS);
        script_wait(&script, 60 * SCRIPT_S);
    }
    script_free(&script);
}

static void gives_up_in_time(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    const minke_time_t began_at = script.now;
    while (state_of(&script) != MINKE_SCTP_ENDED) {
        script_wait(&script, 60 * SCRIPT_S);
        script_drain(&script);
    }
    assert_int_equal(script.now - began_at, 30 * SCRIPT_S);
    assert_int_equal(minke__sctp_close_reason(script.sctp)->code, MINKE_ERROR_TIMEOUT);
    assert_true(minke__sctp_deadline(script.sctp) == MINKE_TIME_NEVER);
    script_free(&script);
}

static void asks_again_when_its_cookie_is_stale(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv(&script, PEER_INIT_ACK);
    script_drain(&script);
    script_recv(&script, "0900000c 00030008 00000001");
    assert_true(script_take(&script));
    assert_int_equal(script.packet[12], 1);
    script_recv(&script, PEER_INIT_ACK);
    script_expect(&script, "0a000008 41424344");
    script_free(&script);
}

/* webrtc-rs#405 */
static void accepts_an_init_with_a_tag(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv_tagged(&script, 0x12345678, PEER_INIT);
    assert_true(script_take(&script));
    assert_int_equal(script.packet[12], 2);
    script_free(&script);
}

static void drops_other_tags(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv_tagged(&script, script.tag + 1, PEER_INIT_ACK);
    assert_int_equal(state_of(&script), MINKE_SCTP_COOKIE_WAIT);
    assert_int_equal(script.test.counters.sctp_bad_tag, 1);
    script_recv(&script, PEER_INIT_ACK);
    script_recv_tagged(&script, SCRIPT_PEER_TAG, "06000004"); /* reflected tag without the T bit */
    assert_int_equal(state_of(&script), MINKE_SCTP_COOKIE_ECHOED);
    script_recv_tagged(&script, SCRIPT_PEER_TAG, "06010004");
    assert_int_equal(state_of(&script), MINKE_SCTP_ENDED);
    script_free(&script);
}

static void takes_data_before_the_cookie_ack(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv(&script, PEER_INIT_ACK);
    script_expect(&script, "0a000008 41424344");
    script_recv(&script, "%s", script_data(SCRIPT_PEER_TSN, 0, 0, "BE", "hi"));
    script_saw(&script, "data 0 [hi]");
    /* the COOKIE ACK is missing: ask again at once, with the SACK */
    script_expect(&script, "0a000008 41424344 03000010 00000020 00200000 00000000");
    script_recv(&script, "0b000004");
    assert_int_equal(state_of(&script), MINKE_SCTP_ESTABLISHED);
    script_free(&script);
}

static void sends_data_with_the_cookie_and_again(void **state)
{
    (void)state;
    script_t script;
    start(&script);
    script_recv(&script, PEER_INIT_ACK);
    script_message(&script, 0, "abcd");
    script_expect(&script, "0a000008 41424344 000b0014 %08x 00000000 00000035 61626364", script.tsn);
    script_message(&script, 0, "efgh");
    script_expect_nothing(&script); /* one packet until the remote is known to be up */
    script_wait(&script, SCRIPT_S);
    script_expect(&script,
                  "0a000008 41424344 00030014 %08x 00000000 00000035 61626364 000b0014 %08x 00000001 00000035 65666768",
                  script.tsn, script.tsn + 1);
    script_recv(&script, "0b000004 03000010 %08x 00100000 00000000", script.tsn + 1);
    script_saw(&script, "done 0; done 0");
    assert_true(minke__sctp_deadline(script.sctp) == MINKE_TIME_NEVER);
    script_free(&script);
}

/* -- two of us, every combination of lost set-up packets ----------------------------------------------------------- */

typedef struct losses {
    unsigned mask, seen;
} losses_t;

static bool lose_by_mask(pair_t *pair, unsigned from, uint8_t *packet, size_t len)
{
    (void)from, (void)packet, (void)len;
    losses_t *losses = pair->filter_user;
    const unsigned i = losses->seen++;
    return i >= 8 || (losses->mask >> i & 1) == 0;
}

static void survives_every_loss(void **state)
{
    (void)state;
    for (unsigned mask = 0; mask < 256; mask++) {
        for (unsigned style = 0; style < 3; style++) { /* both at once; one later; one never connects by itself */
            losses_t losses = {mask, 0};
            pair_t *pair = malloc(sizeof *pair);
            pair_init(pair, mask + 1, NULL);
            pair->filter = lose_by_mask;
            pair->filter_user = &losses;
            pair_send(pair, 0, 1, 3000, 1);
            pair_send(pair, 1, 2, 3000, 1);
            minke__sctp_connect(pair->ends[0].sctp, pair->now);
            if (style == 1) pair_run_for(pair, 7 * PAIR_MS);
            if (style < 2) minke__sctp_connect(pair->ends[1].sctp, pair->now);
            if (!pair_run(pair, 30 * PAIR_S)) fail_msg("mask %02x style %u", mask, style);
            pair_free(pair);
            free(pair);
        }
    }
}

static void survives_doubling_and_disorder(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        pair_t *pair = malloc(sizeof *pair);
        pair_init(pair, seed, NULL);
        pair->duplicate = 500;
        pair->reorder = 500;
        pair->jitter = 40 * PAIR_MS;
        pair_send(pair, 0, 1, 3000, 1);
        pair_send(pair, 1, 2, 3000, 1);
        pair_connect(pair);
        if (!pair_run(pair, 10 * PAIR_S)) fail_msg("seed %u", (unsigned)seed);
        pair_free(pair);
        free(pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_the_init_of_the_spec),
        cmocka_unit_test(goes_through_all_states),
        cmocka_unit_test(takes_the_smaller_number_of_streams),
        cmocka_unit_test(answers_an_init_without_a_change_of_state),
        cmocka_unit_test(tells_one_tag_and_tsn_to_everybody),
        cmocka_unit_test(meets_in_the_middle),
        cmocka_unit_test(takes_the_newer_tag),
        cmocka_unit_test(ignores_a_restart),
        cmocka_unit_test(refuses_forged_cookies),
        cmocka_unit_test(refuses_impossible_inits),
        cmocka_unit_test(reports_unknown_parameters),
        cmocka_unit_test(wants_a_cookie),
        cmocka_unit_test(repeats_what_is_not_answered),
        cmocka_unit_test(gives_up_in_time),
        cmocka_unit_test(asks_again_when_its_cookie_is_stale),
        cmocka_unit_test(accepts_an_init_with_a_tag),
        cmocka_unit_test(drops_other_tags),
        cmocka_unit_test(takes_data_before_the_cookie_ack),
        cmocka_unit_test(sends_data_with_the_cookie_and_again),
        cmocka_unit_test(survives_every_loss),
        cmocka_unit_test(survives_doubling_and_disorder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
