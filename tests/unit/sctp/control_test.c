/* HEARTBEAT, ERROR, ABORT, SHUTDOWN, unknown chunks, broken packets, and what happens without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"
#include "script.h"
#include "sctp/crc32c.h"

#define T ((uint32_t)SCRIPT_PEER_TSN)

static void up(script_t *script)
{
    script_init(script, NULL);
    script_establish(script);
}

static minke_sctp_state_t state_of(const script_t *script) { return minke__sctp_state(script->sctp); }

static void echoes_heartbeats(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_recv(&s, "0400000d 00010009 0102030405 000000");
    script_expect(&s, "0500000d 00010009 01020304 05000000");
    script_recv(&s, "04000004"); /* without its parameter: nothing to echo */
    script_expect_nothing(&s);
    for (unsigned i = 0; i < 100; i++) script_recv(&s, "0400000c 00010008 %08x", i);
    assert_int_equal(script_drain(&s), 1); /* so many fit, the rest was dropped */
    script_free(&s);
}

static void answers_unknown_chunks_as_told(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    const char *data = script_data(T, 1, 0, "BE", "seen");
    script_recv(&s, "3f000004 %s", data); /* 00: stop */
    script_saw(&s, "");
    script_expect_nothing(&s);
    script_recv(&s, "7f000008 01020304 %s", data); /* 01: stop and report */
    script_saw(&s, "");
    script_expect(&s, "09000010 0006000c 7f000008 01020304");
    script_recv(&s, "bf000004 %s", data); /* 10: skip */
    script_saw(&s, "data 1 [seen]");
    script_drain(&s);
    script_recv(&s, "ff000004 84000008 00000000 %s", script_data(T + 1, 1, 1, "BEI", "seen")); /* 11: skip, report */
    script_saw(&s, "data 1 [seen]");
    script_expect(&s, "03000010 00000021 00200000 00000000 0900000c 00060008 ff000004");
    script_free(&s);
}

static void takes_an_error_calmly(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_recv(&s, "0900000c 00010008 00070000");
    script_recv(&s, "09000004");
    script_recv(&s, "09000006 0001");
    script_recv(&s, "0900000c 0001ffff 00070000");
    assert_int_equal(state_of(&s), MINKE_SCTP_ESTABLISHED);
    script_expect_nothing(&s);
    script_free(&s);
}

static void ends_by_an_abort(void **state)
{
    (void)state;
    static const struct {
        const char *chunk;
        int code;
        const char *text;
    } aborts[] = {{"06000011 000c000d 676f6f64206279ff65 000000", 12, "good by?e"},
                  {"0600000c 000d0008 6f6f7073", 13, "oops"},
                  {"06000004", 0, "aborted by the remote"},
                  {"0600000c 00090008 00000020", 9, "aborted by the remote"},
                  {"0600000c 000c00ff 61626364", 12, "abcd"}};
    for (size_t i = 0; i < sizeof aborts / sizeof aborts[0]; i++) {
        script_t s;
        up(&s);
        script_message(&s, 1, "abc");
        script_drain(&s);
        script_recv(&s, "%s", aborts[i].chunk);
        assert_int_equal(state_of(&s), MINKE_SCTP_ENDED);
        const minke_close_t *close = minke__sctp_close_reason(s.sctp);
        assert_int_equal(close->layer, MINKE_LAYER_SCTP);
        assert_int_equal(close->code, aborts[i].code);
        assert_true(close->by_remote);
        assert_string_equal(close->text, aborts[i].text);
        script_expect_nothing(&s);
        assert_true(minke__sctp_deadline(s.sctp) == MINKE_TIME_NEVER);
        assert_true(minke__sctp_reset_stream(s.sctp, 1, s.now) == MINKE_ERROR_CONNECTION_CLOSED);
        script_recv(&s, "%s", script_data(T, 1, 0, "BE", "late"));
        minke__sctp_consumed(s.sctp, 0, s.now);
        minke__sctp_abort(s.sctp, "too late", s.now);
        script_expect_nothing(&s);
        script_saw(&s, "");
        script_free(&s);
    }
}

static void aborts_once(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    minke__sctp_abort(s.sctp, "bye", s.now);
    minke__sctp_abort(s.sctp, "bye again", s.now);
    assert_int_equal(state_of(&s), MINKE_SCTP_ENDED);
    assert_string_equal(minke__sctp_close_reason(s.sctp)->text, "bye");
    assert_int_equal(minke__sctp_close_reason(s.sctp)->code, 12);
    script_expect(&s, "0600000b 000c0007 62796500");
    script_expect_nothing(&s);
    script_free(&s);
    /* nobody to tell */
    script_init(&s, NULL);
    minke__sctp_connect(s.sctp, s.now);
    minke__sctp_abort(s.sctp, "bye", s.now);
    script_expect_nothing(&s);
    script_free(&s);
}

/* libdatachannel */
static void shuts_down_on_request(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_message(&s, 1, "abcd");
    script_drain(&s);
    script_recv(&s, "07000008 %08x", s.tsn - 1);
    assert_int_equal(state_of(&s), MINKE_SCTP_SHUTDOWN_RECEIVED);
    script_message(&s, 1, "more");
    assert_int_equal(script_drain(&s), 1);
    script_recv(&s, "07000008 %08x", s.tsn);
    script_saw(&s, "done 1");
    script_recv(&s, "07000008 %08x", s.tsn + 1);
    script_saw(&s, "done 1");
    assert_int_equal(state_of(&s), MINKE_SCTP_ENDED);
    assert_int_equal(minke__sctp_close_reason(s.sctp)->code, 0);
    assert_true(minke__sctp_close_reason(s.sctp)->by_remote);
    script_expect(&s, "08000004");
    script_expect_nothing(&s);
    script_free(&s);
    /* nothing to send: at once */
    up(&s);
    script_recv(&s, "07000008 %08x", s.tsn - 1);
    script_expect(&s, "08000004");
    script_free(&s);
    /* the remote does not take what is left: a second, no longer */
    up(&s);
    script_message(&s, 1, "abcd");
    script_drain(&s);
    script_recv(&s, "07000008 %08x", s.tsn - 1);
    const minke_time_t began_at = s.now;
    while (state_of(&s) != MINKE_SCTP_ENDED) {
        script_wait(&s, SCRIPT_S);
        if (state_of(&s) != MINKE_SCTP_ENDED) script_drain(&s);
    }
    assert_int_equal(s.now - began_at, SCRIPT_S);
    script_expect(&s, "08000004");
    script_free(&s);
}

/* -- broken packets ----------------------------------------------------------------------------------------------- */

static void counts_broken_packets(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    uint8_t packet[64] = {0x13, 0x88, 0x13, 0x88};
    for (size_t len = 0; len < 16; len++) minke__sctp_recv(s.sctp, packet, len, s.now);
    assert_int_equal(s.test.counters.sctp_malformed, 16);
    minke__sctp_recv(s.sctp, packet, 16, s.now);
    assert_int_equal(s.test.counters.sctp_bad_checksum, 1);
    packet[3] = 0x89; /* another port */
    minke__sctp_recv(s.sctp, packet, 16, s.now);
    assert_int_equal(s.test.counters.sctp_malformed, 17);
    script_recv(&s, "0b000003"); /* shorter than its own header */
    script_recv(&s, "0b000008"); /* longer than the packet */
    script_recv(&s, "0b000004 0b00");
    script_recv(&s, "0b000004 01000014 11223344 00100000 ffffffff 00000020"); /* INIT behind something */
    assert_int_equal(s.test.counters.sctp_malformed, 21);
    assert_int_equal(state_of(&s), MINKE_SCTP_ESTABLISHED);
    script_free(&s);
}

/* The last chunk may lack its padding. */
static void forgives_missing_padding(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_recv(&s, "00030011 00000020 00010000 00000035 61");
    script_saw(&s, "data 1 [a]");
    assert_int_equal(s.test.counters.sctp_malformed, 0);
    script_drain(&s);
    script_free(&s);
}

/* Every packet of a life, cut off at every byte. */
static void survives_truncation(void **state)
{
    (void)state;
    static const char *const packets[] = {
        "0100001e 55555555 00100000 ffffffff 00000010 c0000004 80080006 82c00000",
        "02000028 11223344 00100000 ffffffff 00000020 c0000004 80080006 82c00000 00070008 41424344",
        "00030014 00000022 00010000 00000035 61626364 00030011 00000021 00010000 00000035 61000000",
        "03000018 00000000 00100000 00010001 00020003 00000001",
        "82000024 0010000c 00000001 00000001 000d0012 00000020 00000001 0000001f 00070000",
        "c0000010 00000024 00010000 00020000",
        "0400000d 00010009 0102030405 000000",
        "0600000c 000c0008 61626364",
        "0900000c 00010008 00070000",
        "07000008 00000000",
        "7f000008 01020304",
    };
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        const size_t digits = strlen(packets[i]);
        for (size_t cut = 0; cut <= digits; cut++) {
            char hex[512];
            (void)snprintf(hex, sizeof hex, "%.*s", (int)cut, packets[i]);
            size_t plain = 0;
            for (size_t k = 0; k < cut; k++) plain += hex[k] != ' ';
            if (plain % 2 != 0) continue;
            script_t s;
            up(&s);
            script_recv(&s, "%s", hex);
            script_drain(&s);
            script_wait(&s, SCRIPT_S);
            script_free(&s);
        }
    }
}

/* -- memory ------------------------------------------------------------------------------------------------------- */

static bool run_without(uint64_t fail_at, bool for_good, unsigned end)
{
    pair_t *pair = malloc(sizeof *pair);
    pair_init(pair, 3, NULL);
    pair->loss = 50;
    pair->reorder = 300;
    pair->jitter = 20 * PAIR_MS;
    pair->message_max = 3000;
    test_env_t *test = &pair->ends[end].test;
    test->fail_at = test->allocations + fail_at;
    test->fail_for_good = for_good;
    for (uint16_t id = 0; id < 3; id++) {
        pair_send(pair, 0, id, 8000, 2);
        pair_send(pair, 1, id, 8000, 2);
    }
    pair_connect(pair);
    (void)pair_run(pair, (for_good ? 20 : 200) * PAIR_S);
    const bool over = test->allocations < test->fail_at;
    /* One failure may end the association for want of memory; the other end learns of it by ABORT, or, when that is
     * lost, by silence. Otherwise all must go on. Failures for good must only not crash, loop or leak. */
    const minke_sctp_t *self = pair->ends[end].sctp;
    if (!for_good && minke__sctp_state(self) == MINKE_SCTP_ENDED) {
        assert_int_equal(minke__sctp_close_reason(self)->code, MINKE_ERROR_NO_MEMORY);
    } else if (!for_good) {
        assert_true(pair_is_done(pair));
    }
    test->fail_at = 0;
    pair_free(pair); /* checks that nothing leaked */
    free(pair);
    return over;
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    for (unsigned end = 0; end < 2; end++) {
        uint64_t n = 1;
        while (!run_without(n, false, end)) n += n < 100 ? 1 : 7;
        for (uint64_t k = 1; k < n; k += 13) (void)run_without(k, true, end);
    }
}

static void fails_to_begin_without_memory(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    test.fail_at = 1;
    const minke_sctp_user_t user = {0};
    assert_null(minke__sctp_new(&test.env, NULL, &user, 1));
    minke__sctp_free(NULL);
    assert_int_equal(test.blocks, 0);
}

/* What an idle association and a stream on it cost: so that it does not drift unseen. */
static void costs_little(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    assert_true(s.test.blocks <= 2);
    script_message(&s, 1, "abcd");
    script_drain(&s);
    script_recv(&s, "%s", script_data(T, 1, 0, "BE", "x"));
    script_recv(&s, "03000010 %08x 00100000 00000000", s.tsn);
    script_drain(&s);
    assert_in_range(s.test.blocks, 1, 8);
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes_heartbeats),
        cmocka_unit_test(answers_unknown_chunks_as_told),
        cmocka_unit_test(takes_an_error_calmly),
        cmocka_unit_test(ends_by_an_abort),
        cmocka_unit_test(aborts_once),
        cmocka_unit_test(shuts_down_on_request),
        cmocka_unit_test(counts_broken_packets),
        cmocka_unit_test(forgives_missing_padding),
        cmocka_unit_test(survives_truncation),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(fails_to_begin_without_memory),
        cmocka_unit_test(costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
