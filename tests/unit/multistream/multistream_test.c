#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "multistream/multistream.h"
#include "support/test_env.h"

/* Messages as they travel (spec/host.md 4). */
#define HEADER "\x13/multistream/1.0.0\n"
#define NA "\x03na\n"
#define PING "\x11/ipfs/ping/1.0.0\n"
#define ECHO "\x0c/echo/1.0.0\n"
#define NOISE "\x07/noise\n"

static const char *const served[] = {"/noise", "/ipfs/ping/1.0.0", "/echo/1.0.0"};
enum { SERVED_N = sizeof served / sizeof served[0] };

static int lookup(void *user, const char *name, size_t len)
{
    (void)user;
    for (int i = 0; i < SERVED_N; i++) {
        if (strlen(served[i]) == len && memcmp(served[i], name, len) == 0) return i;
    }
    return -1;
}

static void assert_bytes(const uint8_t *got, size_t len, const char *expected, size_t expected_len)
{
    assert_int_equal(len, expected_len);
    assert_memory_equal(got, expected, expected_len);
}

typedef struct exchange {
    const char *in;
    size_t in_len;
    const char *out; /* all that we answer; for the initiator after start */
    size_t out_len;
    minke_multistream_result_t result;
    size_t taken;
    int protocol;
} exchange_t;

#define BYTES(text) (text), sizeof(text) - 1
#define ALL(text) (sizeof(text) - 1)

/* Runs an exchange with the input in pieces of `step` bytes. */
static void run(minke_multistream_t *negotiation, const exchange_t *exchange, size_t step)
{
    uint8_t out[4096];
    minke_writer_t w = minke__writer(out, sizeof out);
    minke_multistream_result_t result = MINKE_MULTISTREAM_MORE;
    size_t at = 0;
    while (at < exchange->in_len && result == MINKE_MULTISTREAM_MORE) {
        const size_t left = exchange->in_len - at;
        const size_t len = left < step ? left : step;
        size_t taken;
        result =
            minke__multistream_recv(negotiation, (const uint8_t *)exchange->in + at, len, &taken, &w, lookup, NULL);
        assert_true(taken <= len);
        if (result == MINKE_MULTISTREAM_MORE) assert_int_equal(taken, len);
        at += taken;
    }
    assert_int_equal(result, exchange->result);
    assert_int_equal(at, exchange->taken);
    assert_bytes(out, w.len, exchange->out, exchange->out_len);
    assert_int_equal(minke__multistream_protocol(negotiation), exchange->protocol);
    /* It stays with what it said. */
    size_t taken = 99;
    const uint8_t more[] = {0x01, '\n'};
    if (result == MINKE_MULTISTREAM_MORE) return;
    assert_int_equal(minke__multistream_recv(negotiation, more, sizeof more, &taken, &w, lookup, NULL), result);
    assert_int_equal(taken, 0);
    assert_int_equal(w.len, exchange->out_len);
}

static const exchange_t responses[] = {
    {BYTES(HEADER PING), BYTES(HEADER PING), MINKE_MULTISTREAM_SELECTED, ALL(HEADER PING), 1},
    {BYTES(HEADER PING "data"), BYTES(HEADER PING), MINKE_MULTISTREAM_SELECTED, ALL(HEADER PING), 1},
    {BYTES(HEADER), BYTES(HEADER), MINKE_MULTISTREAM_MORE, ALL(HEADER), -1},
    {BYTES(""), BYTES(""), MINKE_MULTISTREAM_MORE, 0, -1},
    {BYTES(HEADER "\x04/no\n" ECHO "\x01"), BYTES(HEADER NA ECHO), MINKE_MULTISTREAM_SELECTED,
     ALL(HEADER "\x04/no\n" ECHO), 2},
    /* `ls`, an empty name and the remote's own na are unknown protocols */
    {BYTES(HEADER "\x03ls\n\x01\n" NA NOISE), BYTES(HEADER NA NA NA NOISE), MINKE_MULTISTREAM_SELECTED,
     ALL(HEADER "\x03ls\n\x01\n" NA NOISE), 0},
    /* a second header too */
    {BYTES(HEADER HEADER NOISE), BYTES(HEADER NA NOISE), MINKE_MULTISTREAM_SELECTED, ALL(HEADER HEADER NOISE), 0},
    /* almost a known name */
    {BYTES(HEADER "\x06/nois\n\x08/noise2\n"), BYTES(HEADER NA NA), MINKE_MULTISTREAM_MORE,
     ALL(HEADER "\x06/nois\n\x08/noise2\n"), -1},
    /* no header, wrong header, header without newline */
    {BYTES(PING), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(PING), -1},
    {BYTES("\x13/multistream/1.0.1\n"), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(HEADER), -1},
    {BYTES("\x13/multistream/1.0.0\r"), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(HEADER), -1},
    {BYTES("\x12/multistream/1.0.0"), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(HEADER) - 1, -1},
    {BYTES("\x14/multistream/1.0.0x\n"), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(HEADER) + 1, -1},
    {BYTES(HEADER "\x06/noise\n"), BYTES(HEADER), MINKE_MULTISTREAM_FAILED, ALL(HEADER) + 7, -1},
    /* lengths: zero, not minimal, above 1024, above two bytes */
    {BYTES("\x00"), BYTES(""), MINKE_MULTISTREAM_FAILED, 1, -1},
    {BYTES("\x93\x00"), BYTES(""), MINKE_MULTISTREAM_FAILED, 2, -1},
    {BYTES("\x81\x08"), BYTES(""), MINKE_MULTISTREAM_FAILED, 2, -1},
    {BYTES("\x80\x80\x01"), BYTES(""), MINKE_MULTISTREAM_FAILED, 2, -1},
    {BYTES("GET / HTTP/1.1\r\n"), BYTES(""), MINKE_MULTISTREAM_MORE, 16, -1},
    {BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 0123456789abcdef"), BYTES(""), MINKE_MULTISTREAM_FAILED, 23,
     -1},
};

static const char *const one[] = {"/ipfs/ping/1.0.0"};
static const char *const two[] = {"/ipfs/ping/1.0.0", "/echo/1.0.0"};

static const exchange_t answers_to_two[] = {
    {BYTES(HEADER PING), BYTES(""), MINKE_MULTISTREAM_SELECTED, ALL(HEADER PING), 0},
    {BYTES(HEADER PING "pong"), BYTES(""), MINKE_MULTISTREAM_SELECTED, ALL(HEADER PING), 0},
    {BYTES(HEADER NA ECHO "x"), BYTES(ECHO), MINKE_MULTISTREAM_SELECTED, ALL(HEADER NA ECHO), 1},
    {BYTES(HEADER NA), BYTES(ECHO), MINKE_MULTISTREAM_MORE, ALL(HEADER NA), -1},
    {BYTES(HEADER NA NA "x"), BYTES(ECHO), MINKE_MULTISTREAM_REFUSED, ALL(HEADER NA NA), -1},
    {BYTES(HEADER ECHO), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(HEADER ECHO), -1},
    {BYTES(HEADER NA PING), BYTES(ECHO), MINKE_MULTISTREAM_FAILED, ALL(HEADER NA PING), -1},
    {BYTES(HEADER "\x12/ipfs/ping/1.0.0x\n"), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(HEADER PING) + 1, -1},
    {BYTES(HEADER "\x04nay\n"), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(HEADER NA) + 1, -1},
    {BYTES(NA), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(NA), -1},
    {BYTES(PING), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(PING), -1},
    {BYTES(HEADER HEADER), BYTES(""), MINKE_MULTISTREAM_FAILED, ALL(HEADER HEADER), -1},
};

static const size_t steps[] = {1, 2, 3, 7, 19, 21, 1000};
enum { STEPS_N = sizeof steps / sizeof steps[0] };

static void test_responder(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
        for (size_t j = 0; j < STEPS_N; j++) {
            minke_multistream_t negotiation;
            minke__multistream_respond(&negotiation);
            run(&negotiation, &responses[i], steps[j]);
        }
    }
}

static void test_initiator(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers_to_two / sizeof answers_to_two[0]; i++) {
        for (size_t j = 0; j < STEPS_N; j++) {
            minke_multistream_t negotiation;
            uint8_t out[64];
            minke_writer_t w = minke__writer(out, sizeof out);
            minke__multistream_initiate(&negotiation, two, 2);
            minke__multistream_start(&negotiation, &w);
            assert_bytes(out, w.len, BYTES(HEADER PING));
            run(&negotiation, &answers_to_two[i], steps[j]);
        }
    }
}

/* A remote that sends its header before ours has reached it, and an application that does not wait for the answer. */
static void test_both_roles_against_each_other(void **state)
{
    (void)state;
    minke_multistream_t initiator, responder;
    uint8_t there[4096], back[4096];
    minke_writer_t to = minke__writer(there, sizeof there), from = minke__writer(back, sizeof back);
    size_t taken;
    minke__multistream_initiate(&initiator, one, 1);
    minke__multistream_respond(&responder);
    minke__multistream_start(&initiator, &to);
    minke__write_text(&to, "at once");
    assert_int_equal(minke__multistream_recv(&responder, there, to.len, &taken, &from, lookup, NULL),
                     MINKE_MULTISTREAM_SELECTED);
    assert_bytes(there + taken, to.len - taken, BYTES("at once"));
    assert_int_equal(minke__multistream_protocol(&responder), 1);
    minke__write_text(&from, "answer");
    assert_int_equal(minke__multistream_recv(&initiator, back, from.len, &taken, &to, NULL, NULL),
                     MINKE_MULTISTREAM_SELECTED);
    assert_bytes(back + taken, from.len - taken, BYTES("answer"));
    assert_int_equal(minke__multistream_protocol(&initiator), 0);
}

/* Writes a proposal of `len` bytes of name. */
static void write_long(minke_writer_t *w, size_t len, char last)
{
    minke__write_uvarint(w, len + 1);
    for (size_t i = 0; i < len; i++) minke__write_u8(w, 'a');
    minke__write_u8(w, (uint8_t)last);
}

static int lookup_any(void *user, const char *name, size_t len)
{
    *(size_t *)user = len;
    for (size_t i = 0; i < len; i++) assert_int_equal(name[i], 'a');
    return 7;
}

typedef struct long_name {
    size_t len;
    char last;
    minke_multistream_result_t result;
    bool answered_na;
} long_name_t;

static void test_long_names(void **state)
{
    (void)state;
    static const long_name_t names[] = {
        {127, '\n', MINKE_MULTISTREAM_SELECTED, false}, {254, '\n', MINKE_MULTISTREAM_SELECTED, false},
        {255, '\n', MINKE_MULTISTREAM_SELECTED, false}, {255, 'a', MINKE_MULTISTREAM_FAILED, false},
        {256, '\n', MINKE_MULTISTREAM_MORE, true},      {256, 'a', MINKE_MULTISTREAM_FAILED, false},
        {700, '\n', MINKE_MULTISTREAM_MORE, true},      {1023, '\n', MINKE_MULTISTREAM_MORE, true},
        {1023, 'a', MINKE_MULTISTREAM_FAILED, false},   {1024, '\n', MINKE_MULTISTREAM_FAILED, false},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t j = 0; j < STEPS_N; j++) {
            uint8_t in[2048], out[2048];
            minke_writer_t w = minke__writer(in, sizeof in), answer = minke__writer(out, sizeof out);
            minke_multistream_t negotiation;
            minke_multistream_result_t result = MINKE_MULTISTREAM_MORE;
            size_t seen = 0;
            minke__multistream_respond(&negotiation);
            minke__write_text(&w, HEADER);
            write_long(&w, names[i].len, names[i].last);
            for (size_t at = 0, taken; at < w.len && result == MINKE_MULTISTREAM_MORE; at += taken) {
                const size_t len = w.len - at < steps[j] ? w.len - at : steps[j];
                result = minke__multistream_recv(&negotiation, in + at, len, &taken, &answer, lookup_any, &seen);
            }
            assert_int_equal(result, names[i].result);
            if (names[i].answered_na) assert_bytes(out, answer.len, BYTES(HEADER NA));
            if (result != MINKE_MULTISTREAM_SELECTED) continue;
            assert_int_equal(seen, names[i].len);
            assert_int_equal(minke__multistream_protocol(&negotiation), 7);
            assert_int_equal(answer.len, w.len);
            assert_memory_equal(out, in, w.len); /* header and echo */
        }
    }
}

static void test_a_long_proposal_of_ours(void **state)
{
    (void)state;
    char name[MINKE_PROTOCOL_MAX + 1];
    memset(name, 'a', MINKE_PROTOCOL_MAX);
    name[MINKE_PROTOCOL_MAX] = 0;
    const char *const names[] = {name};
    minke_multistream_t negotiation;
    uint8_t out[1024];
    minke_writer_t w = minke__writer(out, sizeof out);
    size_t taken;
    minke__multistream_initiate(&negotiation, names, 1);
    minke__multistream_start(&negotiation, &w);
    assert_int_equal(w.len, 20 + 2 + 255 + 1);
    assert_int_equal(minke__multistream_recv(&negotiation, out, w.len, &taken, &w, NULL, NULL),
                     MINKE_MULTISTREAM_SELECTED);
    assert_int_equal(taken, 278);
}

static void test_responder_answers_ten_times_na(void **state)
{
    (void)state;
    minke_multistream_t negotiation;
    uint8_t out[256];
    minke_writer_t w = minke__writer(out, sizeof out);
    size_t taken;
    minke__multistream_respond(&negotiation);
    assert_int_equal(
        minke__multistream_recv(&negotiation, (const uint8_t *)HEADER, ALL(HEADER), &taken, &w, lookup, NULL),
        MINKE_MULTISTREAM_MORE);
    for (int i = 0; i < MINKE_MULTISTREAM_ROUNDS_MAX; i++) {
        assert_int_equal(minke__multistream_recv(&negotiation, (const uint8_t *)"\x02x\n", 3, &taken, &w, lookup, NULL),
                         MINKE_MULTISTREAM_MORE);
        assert_int_equal(w.len, ALL(HEADER) + (size_t)(i + 1) * ALL(NA));
    }
    minke_multistream_t patient = negotiation;
    assert_int_equal(minke__multistream_recv(&negotiation, (const uint8_t *)"\x02x\n", 3, &taken, &w, lookup, NULL),
                     MINKE_MULTISTREAM_FAILED);
    assert_int_equal(w.len, ALL(HEADER) + MINKE_MULTISTREAM_ROUNDS_MAX * ALL(NA));
    assert_int_equal(minke__multistream_recv(&patient, (const uint8_t *)NOISE, ALL(NOISE), &taken, &w, lookup, NULL),
                     MINKE_MULTISTREAM_SELECTED);
}

static void test_initiator_proposes_at_most_ten(void **state)
{
    (void)state;
    static const char *const many[] = {"/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9", "/10"};
    for (size_t n = 9; n <= 11; n++) {
        minke_multistream_t negotiation;
        uint8_t out[256];
        minke_writer_t w = minke__writer(out, sizeof out);
        minke_multistream_result_t result = MINKE_MULTISTREAM_MORE;
        size_t taken, rounds = 0;
        minke__multistream_initiate(&negotiation, many, n);
        minke__multistream_start(&negotiation, &w);
        assert_int_equal(
            minke__multistream_recv(&negotiation, (const uint8_t *)HEADER, ALL(HEADER), &taken, &w, NULL, NULL),
            MINKE_MULTISTREAM_MORE);
        for (; result == MINKE_MULTISTREAM_MORE; rounds++) {
            result = minke__multistream_recv(&negotiation, (const uint8_t *)NA, ALL(NA), &taken, &w, NULL, NULL);
        }
        assert_int_equal(result, n <= 10 ? MINKE_MULTISTREAM_REFUSED : MINKE_MULTISTREAM_FAILED);
        assert_int_equal(rounds, n <= 10 ? n : 10);
        assert_int_equal(w.len, ALL(HEADER) + (n <= 10 ? n : 10) * 4);
    }
}

/* The promise of the header: 4 KiB of room are enough for both roles at their worst. */
static void test_the_longest_negotiation_fits_4_KiB(void **state)
{
    (void)state;
    char name[MINKE_PROTOCOL_MAX + 1];
    const char *names[MINKE_MULTISTREAM_ROUNDS_MAX + 1];
    memset(name, 'b', MINKE_PROTOCOL_MAX);
    name[MINKE_PROTOCOL_MAX] = 0;
    for (size_t i = 0; i <= MINKE_MULTISTREAM_ROUNDS_MAX; i++) names[i] = name;
    uint8_t in[4096], out[4096];
    minke_writer_t w = minke__writer(out, sizeof out), remote = minke__writer(in, sizeof in);
    minke_multistream_t negotiation;
    size_t taken;
    minke__multistream_initiate(&negotiation, names, MINKE_MULTISTREAM_ROUNDS_MAX + 1);
    minke__multistream_start(&negotiation, &w);
    minke__write_text(&remote, HEADER);
    while (minke__writer_left(&remote) >= ALL(NA)) minke__write_text(&remote, NA);
    assert_int_equal(minke__multistream_recv(&negotiation, in, remote.len, &taken, &w, NULL, NULL),
                     MINKE_MULTISTREAM_FAILED);
    assert_int_equal(taken, ALL(HEADER) + MINKE_MULTISTREAM_ROUNDS_MAX * ALL(NA));
    assert_false(w.failed);
}

static void test_no_room_for_the_answer(void **state)
{
    (void)state;
    for (size_t room = 0; room < ALL(HEADER PING); room++) {
        minke_multistream_t negotiation;
        uint8_t out[64];
        minke_writer_t w = minke__writer(out, room);
        size_t taken;
        minke__multistream_respond(&negotiation);
        assert_int_equal(minke__multistream_recv(&negotiation, (const uint8_t *)HEADER PING, ALL(HEADER PING), &taken,
                                                 &w, lookup, NULL),
                         MINKE_MULTISTREAM_FAILED);
        assert_int_equal(minke__multistream_protocol(&negotiation), -1);
    }
}

static void test_it_stays_small(void **state)
{
    (void)state;
    assert_true(sizeof(minke_multistream_t) <= 296);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_responder),
        cmocka_unit_test(test_initiator),
        cmocka_unit_test(test_both_roles_against_each_other),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_a_long_proposal_of_ours),
        cmocka_unit_test(test_responder_answers_ten_times_na),
        cmocka_unit_test(test_initiator_proposes_at_most_ten),
        cmocka_unit_test(test_the_longest_negotiation_fits_4_KiB),
        cmocka_unit_test(test_no_room_for_the_answer),
        cmocka_unit_test(test_it_stays_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
