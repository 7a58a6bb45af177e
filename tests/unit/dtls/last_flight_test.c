/* The server's last flight is lost: what it keeps of it, and when it sends that again (spec/dtls-openssl.md 7). */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "unit/dtls/lab.h"

enum { SECOND = 1000000, MILLISECOND = 1000 };

typedef struct losses {
    unsigned flights; /* last flights seen */
    unsigned lost;    /* how many of them get lost */
    bool let_change_cipher_spec_through;
    lab_datagram_t repeated; /* the client's latest datagram that ends with its Finished */
} losses_t;

static bool lose_last_flight(lab_t *lab, int to, uint8_t *data, size_t len)
{
    losses_t *losses = lab->user;
    minke_dtls_record_t record;
    bool has_finished = false;
    for (size_t at = 0; minke__dtls_record_read(data + at, len - at, &record); at += record.len)
        has_finished = has_finished || (record.epoch == 1 && record.type == MINKE_DTLS_HANDSHAKE_MESSAGE);
    if (!has_finished) return true;
    if (to == LAB_SERVER) {
        losses->repeated.len = len;
        memcpy(losses->repeated.data, data, len);
        return true;
    }
    losses->flights++;
    if (losses->flights > losses->lost) return true;
    if (losses->let_change_cipher_spec_through) lab_post(lab, to, data, 14, lab->latency);
    return false;
}

static lab_t lab;
static losses_t losses;

static void begin(SSL_CTX *client, SSL_CTX *server, unsigned lost)
{
    lab_init(&lab);
    losses = (losses_t){.lost = lost};
    lab.tap = lose_last_flight;
    lab.user = &losses;
    if (client != NULL) lab_use_openssl(&lab, LAB_CLIENT, client);
    else lab_use_ours(&lab, LAB_CLIENT, NULL);
    if (server != NULL) lab_use_openssl(&lab, LAB_SERVER, server);
    else lab_use_ours(&lab, LAB_SERVER, NULL);
    lab_start(&lab);
}

static void run_until_server_is_done(void)
{
    while (lab_state(&lab, LAB_SERVER) == 0) assert_true(lab_step(&lab, lab.now + 2 * SECOND));
    assert_int_equal(lab_state(&lab, LAB_SERVER), 1);
}

/* The client repeats itself, and gets CCS and Finished in one datagram of 75 bytes each time. */
static void is_sent_again_when_asked(void **state)
{
    (void)state;
    for (unsigned lost = 1; lost <= 10; lost++) {
        begin(NULL, NULL, lost);
        assert_true(lab_connect(&lab, lab.now + 25 * SECOND));
        assert_int_equal(losses.flights, lost + 1);
        assert_int_equal(lab.ends[LAB_SERVER].sent_n, 2 + lost);
        lab_check_traffic(&lab);
        lab_free(&lab);
    }
}

static void no_more_than_ten_times(void **state)
{
    (void)state;
    begin(NULL, NULL, 1000);
    assert_false(lab_connect(&lab, lab.now + 40 * SECOND));
    assert_int_equal(losses.flights, 1 + 10);
    assert_int_equal(lab_reason(&lab, LAB_CLIENT)->code, MINKE_ERROR_TIMEOUT);
    lab_free(&lab);
}

static void openssl_client_takes_it(void **state)
{
    (void)state;
    SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
    static const int ahead[] = {0, 30, 120};
    for (int i = 0; i < 3; i++)
        for (int through = 0; through < 2; through++) {
            begin(context, NULL, 2);
            losses.let_change_cipher_spec_through = through != 0;
            run_until_server_is_done();
            for (int k = 0; k < ahead[i]; k++) lab_send(&lab, LAB_SERVER, "ahead", 5);
            assert_true(lab_connect(&lab, lab.now + 10 * SECOND));
            lab_run(&lab, lab.now + lab.latency);
            lab_check_traffic(&lab);
            lab_free(&lab);
        }
    SSL_CTX_free(context);
}

static void chacha_flight_is_sent_again(void **state)
{
    (void)state;
    SSL_CTX *context = lab_openssl_context(false, "ECDHE-ECDSA-CHACHA20-POLY1305", NULL);
    begin(context, NULL, 1);
    assert_true(lab_connect(&lab, lab.now + 5 * SECOND));
    assert_int_equal(minke__dtls_cipher_suite(lab.ends[LAB_SERVER].dtls), 0xcca9);
    lab_check_traffic(&lab);
    lab_free(&lab);
    SSL_CTX_free(context);
}

/* The same from the other side: an OpenSSL server sends its last flight again for us. */
static void our_client_gets_it_from_openssl(void **state)
{
    (void)state;
    SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
    begin(NULL, context, 1);
    const minke_time_t start = lab.now;
    assert_true(lab_connect(&lab, lab.now + 2 * SECOND));
    assert_int_equal(lab.now, start + 200 * MILLISECOND + 4 * lab.latency);
    lab_check_traffic(&lab);
    lab_free(&lab);
    SSL_CTX_free(context);
}

static void is_not_sent_unasked(void **state)
{
    (void)state;
    begin(NULL, NULL, 1);
    run_until_server_is_done();
    minke__dtls_close(lab.ends[LAB_CLIENT].dtls, lab.now);
    lab_run(&lab, lab.now + 60 * SECOND);
    assert_int_equal(losses.flights, 1);
    lab_free(&lab);
}

static unsigned answers_to(const uint8_t *data, size_t len)
{
    const unsigned before = lab.ends[LAB_SERVER].sent_n;
    lab_inject(&lab, LAB_SERVER, data, len);
    return lab.ends[LAB_SERVER].sent_n - before;
}

/* Somebody who recorded the client's flight: slowed down, limited, and without effect on an OpenSSL client. */
static void replays_are_limited(void **state)
{
    (void)state;
    SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
    begin(context, NULL, 0);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    unsigned answers = 0;
    for (int i = 0; i < 100; i++) answers += answers_to(losses.repeated.data, losses.repeated.len);
    assert_int_equal(answers, 1);
    for (int i = 0; i < 100; i++) {
        lab_run(&lab, lab.now + 10 * MILLISECOND);
        answers += answers_to(losses.repeated.data, losses.repeated.len);
    }
    assert_int_equal(answers, 10);
    lab_run(&lab, lab.now + SECOND);
    lab_check_traffic(&lab);
    lab_free(&lab);
    SSL_CTX_free(context);
}

static void data_of_the_client_ends_it(void **state)
{
    (void)state;
    begin(NULL, NULL, 0);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    lab_run(&lab, lab.now + 100 * MILLISECOND);
    assert_int_equal(answers_to(losses.repeated.data, losses.repeated.len), 1);
    lab_run(&lab, lab.now + 100 * MILLISECOND);
    lab_send(&lab, LAB_CLIENT, "data", 4);
    lab_run(&lab, lab.now + 100 * MILLISECOND);
    assert_int_equal(answers_to(losses.repeated.data, losses.repeated.len), 0);
    lab_free(&lab);
}

/* Only a Finished that decrypts is answered: neither noise, nor its clear companions, nor another message. */
static void nothing_else_is_answered(void **state)
{
    (void)state;
    begin(NULL, NULL, 0);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    lab_run(&lab, lab.now + 100 * MILLISECOND);
    uint8_t *data = losses.repeated.data;
    const size_t len = losses.repeated.len;
    lab_test.counters.dtls_record_bad = 0;
    data[len - 1] ^= 1;
    assert_int_equal(answers_to(data, len), 0);
    assert_int_equal(lab_test.counters.dtls_record_bad, 1);
    data[len - 1] ^= 1;
    assert_int_equal(answers_to(data, len - 61), 0);
    uint8_t record[100] = {0};
    record[21] = 1; /* a ClientHello */
    const size_t sealed =
        minke__dtls_keys_seal(&lab.ends[LAB_CLIENT].dtls->keys, MINKE_DTLS_HANDSHAKE_MESSAGE, record, 24);
    assert_int_equal(answers_to(record, sealed), 0);
    assert_int_equal(answers_to(data, len), 1);
    lab_free(&lab);
}

/* A client of ours has nothing to send again, whatever it is shown. */
static void client_answers_nothing(void **state)
{
    (void)state;
    begin(NULL, NULL, 0);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    lab_run(&lab, lab.now + 100 * MILLISECOND);
    const unsigned sent = lab.ends[LAB_CLIENT].sent_n;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(answers_to(losses.repeated.data, losses.repeated.len), 1);
        lab_run(&lab, lab.now + 100 * MILLISECOND);
    }
    assert_int_equal(lab.ends[LAB_CLIENT].sent_n, sent);
    lab_check_traffic(&lab);
    lab_free(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_sent_again_when_asked),
        cmocka_unit_test(no_more_than_ten_times),
        cmocka_unit_test(openssl_client_takes_it),
        cmocka_unit_test(chacha_flight_is_sent_again),
        cmocka_unit_test(our_client_gets_it_from_openssl),
        cmocka_unit_test(is_not_sent_unasked),
        cmocka_unit_test(replays_are_limited),
        cmocka_unit_test(data_of_the_client_ends_it),
        cmocka_unit_test(nothing_else_is_answered),
        cmocka_unit_test(client_answers_nothing),
    };
    return cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
}
