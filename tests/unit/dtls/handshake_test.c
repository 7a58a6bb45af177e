/* Our client with our server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/primitives.h"
#include "unit/dtls/lab.h"

enum { SECOND = 1000000, MILLISECOND = 1000 };

static void begin(lab_t *lab, const minke_dtls_options_t *client, const minke_dtls_options_t *server)
{
    lab_init(lab);
    lab_use_ours(lab, LAB_CLIENT, client);
    lab_use_ours(lab, LAB_SERVER, server);
}

static void connects_in_two_round_trips(void **state)
{
    (void)state;
    lab_t lab;
    begin(&lab, NULL, NULL);
    const minke_time_t start = lab.now;
    assert_int_equal(minke__dtls_cipher_suite(lab.ends[0].dtls), 0);
    lab_start(&lab);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    assert_int_equal(lab.now, start + 4 * lab.latency);
    for (int side = 0; side < 2; side++) {
        const lab_end_t *end = &lab.ends[side];
        assert_int_equal(end->sent_n, 2);
        assert_true(end->largest <= 1200);
        assert_int_equal(minke__dtls_cipher_suite(end->dtls), 0xc02b);
        assert_int_equal(minke__dtls_head(end->dtls), 21);
        assert_int_equal(minke__dtls_tail(end->dtls), 16);
        assert_int_equal(minke__dtls_deadline(end->dtls), MINKE_TIME_NEVER);
        assert_memory_equal(minke__dtls_remote_fingerprint(end->dtls),
                            minke__certificate_fingerprint(lab_certificates[!side]), 32);
        assert_null(end->dtls->handshake);
    }
    lab_check_traffic(&lab);
    /* No timer ever again, and nothing is sent unasked. */
    lab_run(&lab, lab.now + 100 * (minke_time_t)SECOND);
    assert_int_equal(lab.ends[LAB_SERVER].sent_n, 2 + 3);
    lab_free(&lab);
}

static void plaintexts_of_every_size(void **state)
{
    (void)state;
    lab_t lab;
    uint8_t bytes[1163];
    begin(&lab, NULL, NULL);
    lab_start(&lab);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    for (size_t len = 1; len <= sizeof bytes; len += len < 40 ? 1 : 97) {
        for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(i * len);
        for (int side = 0; side < 2; side++) {
            lab_send(&lab, side, bytes, len);
            lab_run(&lab, lab.now + lab.latency);
            assert_int_equal(lab.ends[!side].received_len, len);
            assert_memory_equal(lab.ends[!side].received, bytes, len);
        }
    }
    lab_free(&lab);
}

/* ---- loss */

typedef struct losses {
    unsigned seen;
    unsigned lost[2]; /* numbers of datagrams, from 1 on */
} losses_t;

static bool lose(lab_t *lab, int to, uint8_t *data, size_t len)
{
    losses_t *losses = lab->user;
    (void)to;
    (void)data;
    (void)len;
    losses->seen++;
    return losses->seen != losses->lost[0] && losses->seen != losses->lost[1];
}

/* The number of datagrams it took. */
static unsigned connect_with_losses(unsigned first, unsigned second, minke_time_t within)
{
    lab_t lab;
    losses_t losses = {0, {first, second}};
    begin(&lab, NULL, NULL);
    lab.tap = lose;
    lab.user = &losses;
    lab_start(&lab);
    const bool connected = lab_connect(&lab, lab.now + within);
    if (!connected) print_message("datagrams %u and %u lost\n", first, second);
    assert_true(connected);
    for (int side = 0; side < 2; side++) assert_true(lab.ends[side].largest <= 1200);
    lab.tap = NULL;
    lab_run(&lab, lab.now + lab.latency);
    lab_check_traffic(&lab);
    lab_free(&lab);
    return losses.seen;
}

/* 4 flights of one datagram each; a lost one is sent again after 200 ms, in one datagram again. */
static void any_datagram_may_be_lost(void **state)
{
    (void)state;
    assert_int_equal(connect_with_losses(0, 0, 40 * MILLISECOND), 4);
    for (unsigned i = 1; i <= 4; i++) assert_true(connect_with_losses(i, 0, 240 * MILLISECOND) <= 6);
}

static void any_two_datagrams_may_be_lost(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 8; i++)
        for (unsigned k = i + 1; k <= 9; k++) connect_with_losses(i, k, 2 * SECOND);
}

/* With a longer certificate flights fill a datagram and more: none is above 1200 bytes, whether OpenSSL counts the
 * AEAD's overhead or not, and sent again neither. */
static void no_datagram_is_above_1200_bytes(void **state)
{
    (void)state;
    minke_dtls_context_t *const usual[2] = {lab_contexts[0], lab_contexts[1]};
    minke_dtls_context_t *padded;
    size_t largest = 0;
    assert_int_equal(minke__dtls_context_new(&lab_test.env, lab_certificates[0], &padded), MINKE_OK);
    for (size_t padding = 0; padding<1500; padding += padding> 350 && padding < 480 ? 1 : 70) {
        lab_t lab;
        losses_t losses = {0, {(unsigned)(padding % 7), (unsigned)(padding % 5)}};
        lab_use_new_certificate(padded->ssl_context, false, "P-256", padding);
        lab_contexts[0] = lab_contexts[1] = padded;
        begin(&lab, NULL, NULL);
        lab.tap = lose;
        lab.user = &losses;
        lab_start(&lab);
        assert_true(lab_connect(&lab, lab.now + 3 * SECOND));
        for (int side = 0; side < 2; side++) {
            assert_true(lab.ends[side].largest <= 1200);
            if (lab.ends[side].largest > largest) largest = lab.ends[side].largest;
        }
        lab_free(&lab);
    }
    assert_true(largest > 1176);
    lab_contexts[0] = usual[0];
    lab_contexts[1] = usual[1];
    minke__dtls_context_free(padded);
}

typedef struct weather {
    uint64_t random;
    unsigned loss, copies; /* percent */
    minke_time_t jitter;
} weather_t;

static bool rough(lab_t *lab, int to, uint8_t *data, size_t len)
{
    weather_t *weather = lab->user;
    const int copies = test_random(&weather->random) % 100 < weather->copies ? 2 : 1;
    for (int i = 0; i < copies; i++) {
        if (test_random(&weather->random) % 100 < weather->loss) continue;
        lab_post(lab, to, data, len, lab->latency + test_random(&weather->random) % (weather->jitter + 1));
    }
    return false;
}

static void survives_rough_networks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        lab_t lab;
        weather_t weather = {seed * 0x9e3779b97f4a7c15, seed % 2 != 0 ? 25 : 0, 40, 150 * MILLISECOND};
        begin(&lab, NULL, NULL);
        lab.tap = rough;
        lab.user = &weather;
        lab_start(&lab);
        if (!lab_connect(&lab, lab.now + 20 * SECOND)) {
            print_message("seed %d\n", (int)seed);
            fail();
        }
        lab_run(&lab, lab.now + SECOND);
        lab.tap = NULL;
        lab_check_traffic(&lab);
        lab_free(&lab);
    }
}

/* ---- timers */

static bool note_instants(lab_t *lab, int to, uint8_t *data, size_t len)
{
    minke_time_t **next = lab->user;
    (void)to;
    (void)data;
    (void)len;
    *(*next)++ = lab->now;
    return false;
}

static void retransmits_at_200_ms_doubling_to_3_s(void **state)
{
    (void)state;
    static const unsigned expected[] = {0, 200, 600, 1400, 3000, 6000, 9000, 12000, 15000, 18000, 21000, 24000, 27000};
    minke_time_t instants[32] = {0}, *next = instants;
    lab_t lab;
    begin(&lab, NULL, NULL);
    lab.tap = note_instants;
    lab.user = &next;
    const minke_time_t start = lab.now;
    lab_start(&lab);
    assert_false(lab_connect(&lab, start + 40 * SECOND));
    assert_int_equal(next - instants, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(instants[i], start + expected[i] * (minke_time_t)MILLISECOND);
    assert_int_equal(lab.now, start + 30 * SECOND);
    const minke_close_t *reason = lab_reason(&lab, LAB_CLIENT);
    assert_int_equal(reason->layer, MINKE_LAYER_DTLS);
    assert_int_equal(reason->code, MINKE_ERROR_TIMEOUT);
    assert_false(reason->by_remote);
    /* A server that never hears anything waits no longer either. */
    assert_int_equal(lab_reason(&lab, LAB_SERVER)->code, MINKE_ERROR_TIMEOUT);
    lab_free(&lab);
}

static void gives_up_when_told(void **state)
{
    (void)state;
    minke_time_t instants[32], *next = instants;
    const minke_dtls_options_t options = {.handshake_after = 700 * MILLISECOND};
    lab_t lab;
    begin(&lab, &options, &options);
    lab.tap = note_instants;
    lab.user = &next;
    const minke_time_t start = lab.now;
    lab_start(&lab);
    while (lab_state(&lab, LAB_CLIENT) == 0) assert_true(lab_step(&lab, start + 2 * SECOND));
    assert_int_equal(lab.now, start + 700 * MILLISECOND);
    assert_int_equal(next - instants, 3);
    lab_free(&lab);
}

/* The wall clock jumps while ours does not: no retransmission in time, but no busy loop, and it ends. */
static void survives_a_clock_that_steps_back(void **state)
{
    (void)state;
    lab_t lab;
    begin(&lab, NULL, NULL);
    minke_dtls_t *dtls = lab.ends[LAB_CLIENT].dtls;
    lab_start(&lab);
    const minke_time_t start = lab.now;
    unsigned ticks = 0;
    lab_wall -= 3600 * INT64_C(1000000);
    for (minke_time_t now; minke__dtls_state(dtls) == MINKE_DTLS_HANDSHAKE; ticks++) {
        now = minke__dtls_deadline(dtls);
        assert_true(now > start && now <= start + 30 * (minke_time_t)SECOND);
        minke__dtls_tick(dtls, now);
    }
    assert_true(ticks < 200);
    assert_int_equal(minke__dtls_close_reason(dtls)->code, MINKE_ERROR_TIMEOUT);
    lab_free(&lab);
}

/* ---- certificates */

static minke_dtls_options_t wanting(const uint8_t *fingerprint)
{
    minke_dtls_options_t options = {.check_fingerprint = true, .fingerprints_n = 2};
    memset(options.fingerprints[0], 0x55, 32);
    memcpy(options.fingerprints[1], fingerprint, 32);
    return options;
}

static void takes_the_expected_certificate(void **state)
{
    (void)state;
    lab_t lab;
    const minke_dtls_options_t client = wanting(minke__certificate_fingerprint(lab_certificates[LAB_SERVER]));
    const minke_dtls_options_t server = wanting(minke__certificate_fingerprint(lab_certificates[LAB_CLIENT]));
    begin(&lab, &client, &server);
    lab_start(&lab);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    lab_free(&lab);
}

static void refuses_any_other_certificate(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        lab_t lab;
        minke_dtls_options_t options = wanting(minke__certificate_fingerprint(lab_certificates[!side]));
        options.fingerprints[1][31] ^= 1;
        begin(&lab, side == LAB_CLIENT ? &options : NULL, side == LAB_SERVER ? &options : NULL);
        lab_start(&lab);
        assert_false(lab_connect(&lab, lab.now + SECOND));
        const minke_close_t *reason = lab_reason(&lab, side);
        assert_int_equal(reason->layer, MINKE_LAYER_DTLS);
        assert_int_equal(reason->code, 42);
        assert_false(reason->by_remote);
        assert_string_equal(reason->text, "the remote's certificate does not match the certhash");
        lab_run(&lab, lab.now + SECOND);
        reason = lab_reason(&lab, !side);
        assert_int_equal(reason->code, 42);
        assert_true(reason->by_remote);
        assert_string_equal(reason->text, "the remote refused the handshake: bad certificate");
        lab_free(&lab);
    }
}

static void no_fingerprint_at_all_matches_nothing(void **state)
{
    (void)state;
    lab_t lab;
    const minke_dtls_options_t options = {.check_fingerprint = true};
    begin(&lab, &options, NULL);
    lab_start(&lab);
    assert_false(lab_connect(&lab, lab.now + SECOND));
    assert_int_equal(lab_reason(&lab, LAB_CLIENT)->code, 42);
    lab_free(&lab);
}

/* ---- the end */

static void close_reaches_the_other_side(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        lab_t lab;
        uint8_t out[1200], record[100] = {0};
        begin(&lab, NULL, NULL);
        lab_start(&lab);
        assert_true(lab_connect(&lab, lab.now + SECOND));
        minke_dtls_t *dtls = lab.ends[side].dtls;
        minke__dtls_close(dtls, lab.now);
        minke__dtls_close(dtls, lab.now);
        assert_int_equal(minke__dtls_seal(dtls, record, 10), 0);
        assert_int_equal(minke__dtls_deadline(dtls), MINKE_TIME_NEVER);
        minke__dtls_tick(dtls, lab.now);
        const size_t len = minke__dtls_transmit(dtls, out, sizeof out);
        assert_true(len > 0);
        assert_int_equal(minke__dtls_transmit(dtls, out + len, sizeof out - len), 0);
        lab_inject(&lab, !side, out, len);
        assert_int_equal(lab_state(&lab, !side), -1);
        assert_int_equal(lab_reason(&lab, !side)->code, 0);
        assert_true(lab_reason(&lab, !side)->by_remote);
        assert_false(lab_reason(&lab, side)->by_remote);
        lab_run(&lab, lab.now + SECOND); /* the answer meets a closed end */
        lab_free(&lab);
    }
}

static void close_in_the_handshake_is_silent(void **state)
{
    (void)state;
    lab_t lab;
    begin(&lab, NULL, NULL);
    lab_start(&lab);
    lab_step(&lab, lab.now + SECOND);
    for (int side = 0; side < 2; side++) {
        const unsigned sent = lab.ends[side].sent_n;
        minke__dtls_close(lab.ends[side].dtls, lab.now);
        lab_run(&lab, lab.now + SECOND);
        assert_int_equal(lab_state(&lab, side), -1);
        assert_int_equal(lab_reason(&lab, side)->code, 0);
        assert_int_equal(lab.ends[side].sent_n, sent);
    }
    lab_free(&lab);
}

static void fatal_alert_is_named(void **state)
{
    (void)state;
    lab_t lab;
    uint8_t out[1200];
    begin(&lab, NULL, NULL);
    lab_start(&lab);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    minke__dtls_send_alert(lab.ends[LAB_CLIENT].dtls, MINKE_DTLS_ALERT_WARNING, 90); /* user_canceled: no end */
    size_t len = minke__dtls_transmit(lab.ends[LAB_CLIENT].dtls, out, sizeof out);
    lab_inject(&lab, LAB_SERVER, out, len);
    assert_int_equal(lab_state(&lab, LAB_SERVER), 1);
    minke__dtls_send_alert(lab.ends[LAB_CLIENT].dtls, MINKE_DTLS_ALERT_FATAL, 80);
    len = minke__dtls_transmit(lab.ends[LAB_CLIENT].dtls, out, sizeof out);
    lab_inject(&lab, LAB_SERVER, out, len);
    const minke_close_t *reason = lab_reason(&lab, LAB_SERVER);
    assert_int_equal(reason->code, 80);
    assert_true(reason->by_remote);
    assert_string_equal(reason->text, "the remote sent a fatal alert: internal error");
    lab_free(&lab);
}

static void seals_nothing_without_keys_or_numbers(void **state)
{
    (void)state;
    lab_t lab;
    uint8_t record[100] = {0};
    begin(&lab, NULL, NULL);
    assert_int_equal(minke__dtls_seal(lab.ends[LAB_CLIENT].dtls, record, 10), 0);
    lab_start(&lab);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    minke_dtls_t *dtls = lab.ends[LAB_CLIENT].dtls;
    dtls->keys.next_sequence = (UINT64_C(1) << 48) - 1;
    assert_true(minke__dtls_seal(dtls, record, 10) > 0);
    assert_int_equal(minke__dtls_seal(dtls, record, 10), 0);
    assert_int_equal(minke__dtls_seal(dtls, record, 10), 0);
    lab_free(&lab);
}

/* ---- records that come before the keys */

static bool hold_back(lab_t *lab, int to, uint8_t *data, size_t len)
{
    lab_datagram_t *held = lab->user;
    if (to != LAB_CLIENT || data[0] != MINKE_DTLS_CHANGE_CIPHER_SPEC) return true;
    held->len = len;
    memcpy(held->data, data, len);
    return false;
}

/* Up to where the server is done and its last flight is kept back. */
static void begin_with_flight_held(lab_t *lab, lab_datagram_t *held)
{
    begin(lab, NULL, NULL);
    held->len = 0;
    lab->tap = hold_back;
    lab->user = held;
    lab_start(lab);
    while (held->len == 0) assert_true(lab_step(lab, lab->now + SECOND));
    assert_int_equal(lab_state(lab, LAB_SERVER), 1);
    assert_int_equal(lab_state(lab, LAB_CLIENT), 0);
}

static void early_records_come_out_after_the_handshake(void **state)
{
    (void)state;
    lab_t lab;
    lab_datagram_t held;
    begin_with_flight_held(&lab, &held);
    for (int i = 0; i < 20; i++) lab_send(&lab, LAB_SERVER, &i, sizeof i);
    lab_run(&lab, lab.now + lab.latency);
    assert_int_equal(lab.ends[LAB_CLIENT].received_n, 0);
    lab_inject(&lab, LAB_CLIENT, held.data, held.len);
    assert_int_equal(lab_state(&lab, LAB_CLIENT), 1);
    assert_int_equal(lab.ends[LAB_CLIENT].received_n, 16); /* the cap */
    int last;
    memcpy(&last, lab.ends[LAB_CLIENT].received, sizeof last);
    assert_int_equal(last, 15);
    lab_check_traffic(&lab);
    lab_free(&lab);
}

static void early_bytes_are_bounded(void **state)
{
    (void)state;
    lab_t lab;
    uint8_t record[1500] = {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, (1500 - 13) / 256, (1500 - 13) % 256};
    begin(&lab, NULL, NULL);
    for (int i = 0; i < 30; i++) lab_inject(&lab, LAB_CLIENT, record, sizeof record);
    assert_true(lab.ends[LAB_CLIENT].dtls->early.bytes <= 20 * 1024);
    assert_int_equal(lab.ends[LAB_CLIENT].dtls->early.count, 20 * 1024 / 1500);
    /* They cost the handshake nothing, and were counted as what they are when there were keys. */
    lab_test.counters.dtls_record_bad = 0;
    lab_start(&lab);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    assert_int_equal(lab_test.counters.dtls_record_bad, 20 * 1024 / 1500);
    lab_free(&lab);
}

/* An SCTP INIT may ride in the datagram of the server's Finished. The datagram is walked one call at a time, and what
 * was kept can be had with empty input. */
static void data_in_the_datagram_of_the_finished(void **state)
{
    (void)state;
    lab_t lab;
    lab_datagram_t held;
    begin_with_flight_held(&lab, &held);
    lab_send(&lab, LAB_SERVER, "early", 5);
    lab_run(&lab, lab.now + lab.latency);
    minke_dtls_t *server = lab.ends[LAB_SERVER].dtls, *client = lab.ends[LAB_CLIENT].dtls;
    static const uint8_t joined[] = {'j', 'o', 'i', 'n', 'e', 'd'};
    uint8_t *record = held.data + held.len;
    memcpy(record + minke__dtls_head(server), joined, sizeof joined);
    held.len += minke__dtls_seal(server, record, sizeof joined);

    minke_dtls_input_t input = {held.data, held.len, 0}, empty = {NULL, 0, 0};
    uint8_t *plaintext;
    size_t len;
    assert_true(minke__dtls_next(client, &input, lab.now, &plaintext, &len));
    assert_int_equal(len, 5);
    assert_memory_equal(plaintext, "early", 5);
    assert_false(minke__dtls_next(client, &empty, lab.now, &plaintext, &len));
    assert_true(minke__dtls_next(client, &input, lab.now, &plaintext, &len));
    assert_int_equal(len, sizeof joined);
    assert_memory_equal(plaintext, joined, sizeof joined);
    assert_true(plaintext > held.data && plaintext < held.data + held.len); /* in place */
    assert_false(minke__dtls_next(client, &input, lab.now, &plaintext, &len));
    lab_free(&lab);
}

/* close_notify right behind the last flight, and before it. */
static void early_alert_ends_after_the_handshake(void **state)
{
    (void)state;
    lab_t lab;
    lab_datagram_t held;
    begin_with_flight_held(&lab, &held);
    lab_send(&lab, LAB_SERVER, "one", 3);
    minke__dtls_close(lab.ends[LAB_SERVER].dtls, lab.now);
    uint8_t out[1200];
    const size_t len = minke__dtls_transmit(lab.ends[LAB_SERVER].dtls, out, sizeof out);
    lab_run(&lab, lab.now + lab.latency);
    lab_inject(&lab, LAB_CLIENT, out, len);
    assert_int_equal(lab_state(&lab, LAB_CLIENT), 0);
    lab_inject(&lab, LAB_CLIENT, held.data, held.len);
    assert_int_equal(lab.ends[LAB_CLIENT].received_n, 1);
    assert_int_equal(lab_state(&lab, LAB_CLIENT), -1);
    assert_true(lab_reason(&lab, LAB_CLIENT)->by_remote);
    lab_free(&lab);
}

/* ChangeCipherSpec and Finished in two datagrams, the wrong way round, in both directions. */
static bool swap_finished(lab_t *lab, int to, uint8_t *data, size_t len)
{
    minke_dtls_record_t record;
    for (size_t at = 0; minke__dtls_record_read(data + at, len - at, &record); at += record.len) {
        if (record.epoch == 0) continue;
        lab_post(lab, to, data + at, len - at, lab->latency);
        lab_post(lab, to, data, at, lab->latency + 5 * MILLISECOND);
        return false;
    }
    return true;
}

static void finished_may_overtake_change_cipher_spec(void **state)
{
    (void)state;
    lab_t lab;
    begin(&lab, NULL, NULL);
    lab.tap = swap_finished;
    lab_start(&lab);
    const minke_time_t start = lab.now;
    assert_true(lab_connect(&lab, lab.now + SECOND));
    assert_int_equal(lab.now, start + 4 * lab.latency + 10 * MILLISECOND);
    assert_int_equal(lab.ends[LAB_CLIENT].dtls->early.count, 0);
    assert_int_equal(lab.ends[LAB_SERVER].dtls->early.count, 0);
    lab.tap = NULL;
    lab_check_traffic(&lab);
    lab_free(&lab);
}

/* ---- memory */

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    const uint64_t blocks = lab_test.blocks;
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        assert_true(n < 100);
        minke_dtls_context_t *context = NULL;
        minke_dtls_t *client = NULL;
        lab_t lab;
        lab_init(&lab);
        lab_test.fail_at = lab_test.allocations + n;
        if (minke__dtls_context_new(&lab_test.env, lab_certificates[0], &context) == MINKE_OK) {
            const minke_dtls_options_t options = {.client = true};
            client = minke__dtls_new(context, &options, 1, lab.now);
        }
        if (client != NULL) {
            lab.ends[LAB_CLIENT].dtls = client;
            const minke_dtls_options_t options = {.client = false};
            lab.ends[LAB_SERVER].dtls = minke__dtls_new(context, &options, 1, lab.now);
        }
        if (lab.ends[LAB_SERVER].dtls != NULL) {
            lab_datagram_t held = {.len = 0};
            lab.tap = hold_back;
            lab.user = &held;
            lab_start(&lab);
            while (held.len == 0) assert_true(lab_step(&lab, lab.now + 5 * SECOND));
            lab_send(&lab, LAB_SERVER, "early", 5);
            lab_run(&lab, lab.now + lab.latency);
            lab_inject(&lab, LAB_CLIENT, held.data, held.len);
            done = lab_test.allocations < lab_test.fail_at;
            assert_int_equal(lab_state(&lab, LAB_CLIENT), 1); /* a lost datagram is sent again */
            lab.tap = NULL;
            lab_check_traffic(&lab);
        }
        lab_test.fail_at = 0;
        lab_free(&lab);
        minke__dtls_context_free(context);
        assert_int_equal(lab_test.blocks, blocks);
    }
}

static void idle_connection_is_small(void **state)
{
    (void)state;
    lab_t lab;
    const uint64_t before = lab_test.blocks;
    begin(&lab, NULL, NULL);
    lab_start(&lab);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    assert_int_equal(lab_test.blocks, before + 2); /* one block each */
    assert_true(sizeof(minke_dtls_t) <= 640);      /* its keys are in it; contexts for them are shared */
    lab_free(&lab);
}

/* With seeded randomness two lossy runs are the same, byte by byte. */
static bool digest_all(lab_t *lab, int to, uint8_t *data, size_t len)
{
    uint8_t *digest = lab->user;
    (void)to;
    minke__sha256_2(digest, 32, data, len, digest);
    return test_random(&(uint64_t){digest[0] + 1u}) % 4 != 0;
}

static void seeded_runs_repeat(void **state)
{
    (void)state;
    uint8_t digests[3][32] = {{0}};
    for (int run = 0; run < 3; run++) {
        lab_t lab;
        lab_seed_openssl(run < 2 ? 77 : 78);
        begin(&lab, NULL, NULL);
        lab.tap = digest_all;
        lab.user = digests[run];
        lab_start(&lab);
        assert_true(lab_connect(&lab, lab.now + 20 * SECOND));
        lab_free(&lab);
    }
    lab_seed_openssl(0);
    assert_memory_equal(digests[0], digests[1], 32);
    assert_memory_not_equal(digests[0], digests[2], 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_in_two_round_trips),
        cmocka_unit_test(plaintexts_of_every_size),
        cmocka_unit_test(any_datagram_may_be_lost),
        cmocka_unit_test(any_two_datagrams_may_be_lost),
        cmocka_unit_test(no_datagram_is_above_1200_bytes),
        cmocka_unit_test(survives_rough_networks),
        cmocka_unit_test(retransmits_at_200_ms_doubling_to_3_s),
        cmocka_unit_test(gives_up_when_told),
        cmocka_unit_test(survives_a_clock_that_steps_back),
        cmocka_unit_test(takes_the_expected_certificate),
        cmocka_unit_test(refuses_any_other_certificate),
        cmocka_unit_test(no_fingerprint_at_all_matches_nothing),
        cmocka_unit_test(close_reaches_the_other_side),
        cmocka_unit_test(close_in_the_handshake_is_silent),
        cmocka_unit_test(fatal_alert_is_named),
        cmocka_unit_test(seals_nothing_without_keys_or_numbers),
        cmocka_unit_test(early_records_come_out_after_the_handshake),
        cmocka_unit_test(early_bytes_are_bounded),
        cmocka_unit_test(data_in_the_datagram_of_the_finished),
        cmocka_unit_test(early_alert_ends_after_the_handshake),
        cmocka_unit_test(finished_may_overtake_change_cipher_spec),
        cmocka_unit_test(survives_every_failed_allocation),
        cmocka_unit_test(idle_connection_is_small),
        cmocka_unit_test(seeded_runs_repeat),
    };
    return cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
}
