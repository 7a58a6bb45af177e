/* Ours with a stock OpenSSL on the other side. */
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
#include "dtls/keys.h"
#include "unit/dtls/lab.h"

enum { SECOND = 1000000 };

typedef struct suite {
    uint16_t number;
    const char *name;
    bool rsa; /* the server's certificate */
} suite_t;

static const suite_t suites[] = {
    {0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256", false}, {0xc02f, "ECDHE-RSA-AES128-GCM-SHA256", true},
    {0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384", false}, {0xc030, "ECDHE-RSA-AES256-GCM-SHA384", true},
    {0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305", false}, {0xcca8, "ECDHE-RSA-CHACHA20-POLY1305", true},
};

/* Ours is `side`; the context is freed with the lab's OpenSSL. */
static void begin(lab_t *lab, int side, SSL_CTX *context)
{
    lab_init(lab);
    lab_use_ours(lab, side, NULL);
    lab_use_openssl(lab, !side, context);
    SSL_CTX_free(context);
    lab_start(lab);
}

static void check_suite(int side, bool rsa, const suite_t *suite, const char *groups, bool extended)
{
    lab_t lab;
    SSL_CTX *context = lab_openssl_context(rsa, suite->name, groups);
    if (!extended) SSL_CTX_set_options(context, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    begin(&lab, side, context);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    assert_int_equal(minke__dtls_cipher_suite(lab.ends[side].dtls), suite->number);
    assert_int_equal(SSL_get_extms_support(lab.ends[!side].ssl), extended);
    assert_true(lab.ends[side].largest <= 1200);
    lab_check_traffic(&lab);
    lab_free(&lab);
}

static void client_takes_every_suite(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        check_suite(LAB_CLIENT, suites[i].rsa, &suites[i], NULL, true);
}

/* Our own certificate is ECDSA, so the RSA suites cannot come up; a client's certificate may be either. */
static void server_takes_every_suite(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        if (suites[i].rsa) continue;
        check_suite(LAB_SERVER, false, &suites[i], NULL, true);
        check_suite(LAB_SERVER, true, &suites[i], NULL, true);
    }
}

/* js-libp2p on node offers P-256 alone. */
static void takes_p256_only_peers(void **state)
{
    (void)state;
    check_suite(LAB_SERVER, false, &suites[0], "P-256", true);
    check_suite(LAB_CLIENT, false, &suites[0], "P-256", true);
    check_suite(LAB_SERVER, false, &suites[0], "P-384:P-256", true);
}

static void works_without_extended_master_secret(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i += 2) {
        check_suite(LAB_SERVER, false, &suites[i], NULL, false);
        check_suite(LAB_CLIENT, false, &suites[i], NULL, false);
    }
}

typedef struct losses {
    unsigned seen;
    unsigned lost; /* number of a datagram, from 1 on */
} losses_t;

static bool lose(lab_t *lab, int to, uint8_t *data, size_t len)
{
    losses_t *losses = lab->user;
    (void)to;
    (void)data;
    (void)len;
    return ++losses->seen != losses->lost;
}

static void any_datagram_may_be_lost(void **state)
{
    (void)state;
    SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
    for (int side = 0; side < 2; side++)
        for (unsigned lost = 1; lost <= 6; lost++) {
            lab_t lab;
            losses_t losses = {0, lost};
            lab_init(&lab);
            lab.tap = lose;
            lab.user = &losses;
            lab_use_ours(&lab, side, NULL);
            lab_use_openssl(&lab, !side, context);
            lab_start(&lab);
            assert_true(lab_connect(&lab, lab.now + 3 * (minke_time_t)SECOND));
            assert_true(lab.ends[side].largest <= 1200);
            lab.tap = NULL;
            lab_run(&lab, lab.now + SECOND);
            lab_check_traffic(&lab);
            lab_free(&lab);
        }
    SSL_CTX_free(context);
}

static void takes_p384_certificates_but_no_p521(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++)
        for (int big = 0; big < 2; big++) {
            lab_t lab;
            SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
            lab_use_new_certificate(context, false, big ? "P-521" : "P-384", 0);
            begin(&lab, side, context);
            assert_int_equal(lab_connect(&lab, lab.now + SECOND), !big);
            if (big) assert_true(lab_reason(&lab, side)->code > 0);
            lab_free(&lab);
        }
}

static const unsigned char cookie[] = "a cookie of some length";

static int make_cookie(SSL *ssl, unsigned char *out, unsigned *len)
{
    (void)ssl;
    memcpy(out, cookie, sizeof cookie);
    *len = sizeof cookie;
    return 1;
}

static int check_cookie(SSL *ssl, const unsigned char *bytes, unsigned len)
{
    (void)ssl;
    return len == sizeof cookie && memcmp(bytes, cookie, len) == 0;
}

/* pion servers always send a HelloVerifyRequest. */
static void client_answers_a_cookie(void **state)
{
    (void)state;
    for (unsigned lost = 0; lost <= 6; lost++) {
        lab_t lab;
        losses_t losses = {0, lost};
        SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
        SSL_CTX_set_options(context, SSL_OP_COOKIE_EXCHANGE);
        SSL_CTX_set_cookie_generate_cb(context, make_cookie);
        SSL_CTX_set_cookie_verify_cb(context, check_cookie);
        lab_init(&lab);
        lab.tap = lose;
        lab.user = &losses;
        lab_use_ours(&lab, LAB_CLIENT, NULL);
        lab_use_openssl(&lab, LAB_SERVER, context);
        SSL_CTX_free(context);
        lab_start(&lab);
        assert_true(lab_connect(&lab, lab.now + 3 * (minke_time_t)SECOND));
        if (lost == 0) assert_int_equal(losses.seen, 6);
        lab.tap = NULL;
        lab_run(&lab, lab.now + SECOND);
        lab_check_traffic(&lab);
        lab_free(&lab);
    }
}

/* The whole of OpenSSL's defaults on the other side: our preference decides. */
static void server_prefers_c02b(void **state)
{
    (void)state;
    lab_t lab;
    begin(&lab, LAB_SERVER, lab_openssl_context(false, NULL, NULL));
    assert_true(lab_connect(&lab, lab.now + SECOND));
    assert_int_equal(minke__dtls_cipher_suite(lab.ends[LAB_SERVER].dtls), 0xc02b);
    assert_int_equal(SSL_get_negotiated_group(lab.ends[LAB_CLIENT].ssl), NID_X25519);
    lab_free(&lab);
}

static void knows_the_remote_certificate(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        lab_t lab;
        uint8_t digest[32];
        unsigned len;
        begin(&lab, side, lab_openssl_context(false, NULL, NULL));
        assert_true(lab_connect(&lab, lab.now + SECOND));
        assert_int_equal(X509_digest(SSL_get_certificate(lab.ends[!side].ssl), EVP_sha256(), digest, &len), 1);
        assert_memory_equal(minke__dtls_remote_fingerprint(lab.ends[side].dtls), digest, 32);
        X509 *ours = SSL_get1_peer_certificate(lab.ends[!side].ssl);
        assert_non_null(ours);
        assert_int_equal(X509_digest(ours, EVP_sha256(), digest, &len), 1);
        assert_memory_equal(minke__certificate_fingerprint(lab_certificates[side]), digest, 32);
        X509_free(ours);
        lab_free(&lab);
    }
}

static void negotiates_srtp_profile_1(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        lab_t lab;
        SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
        assert_int_equal(SSL_CTX_set_tlsext_use_srtp(context, "SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"), 0);
        begin(&lab, side, context);
        assert_true(lab_connect(&lab, lab.now + SECOND));
        const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(lab.ends[!side].ssl);
        assert_non_null(profile);
        assert_int_equal(profile->id, 1);
        lab_free(&lab);
    }
}

static SSL_CTX *context_without_certificate(void)
{
    SSL_CTX *context = SSL_CTX_new(DTLS_method());
    SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU);
    return context;
}

static void server_refuses_client_without_certificate(void **state)
{
    (void)state;
    lab_t lab;
    begin(&lab, LAB_SERVER, context_without_certificate());
    assert_false(lab_connect(&lab, lab.now + SECOND));
    const minke_close_t *reason = lab_reason(&lab, LAB_SERVER);
    assert_int_equal(lab_state(&lab, LAB_SERVER), -1);
    assert_int_equal(reason->layer, MINKE_LAYER_DTLS);
    assert_int_equal(reason->code, 40);
    assert_false(reason->by_remote);
    assert_non_null(strstr(reason->text, "certificate"));
    lab_run(&lab, lab.now + SECOND / 10);
    assert_int_equal(lab.ends[LAB_CLIENT].ssl_error, SSL_ERROR_SSL);
    assert_int_equal(ERR_GET_REASON(lab.ends[LAB_CLIENT].ssl_reason), SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE);
    lab_free(&lab);
}

static void server_refuses_dtls_1_0(void **state)
{
    (void)state;
    lab_t lab;
    SSL_CTX *context = lab_openssl_context(false, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", NULL);
    SSL_CTX_set_min_proto_version(context, DTLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, DTLS1_VERSION);
    begin(&lab, LAB_SERVER, context);
    assert_false(lab_connect(&lab, lab.now + SECOND));
    assert_int_equal(lab_reason(&lab, LAB_SERVER)->code, 70);
    lab_run(&lab, lab.now + SECOND / 10);
    assert_int_equal(ERR_GET_REASON(lab.ends[LAB_CLIENT].ssl_reason), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
    lab_free(&lab);
}

/* The remote's clear alert ends the handshake after the 400 ms that it is held. */
static void reports_what_the_remote_refused(void **state)
{
    (void)state;
    lab_t lab;
    begin(&lab, LAB_SERVER, lab_openssl_context(false, "ECDHE-ECDSA-AES256-SHA", NULL));
    assert_false(lab_connect(&lab, lab.now + SECOND));
    assert_int_equal(lab_reason(&lab, LAB_SERVER)->code, 40);
    lab_free(&lab);

    begin(&lab, LAB_CLIENT, lab_openssl_context(false, "ECDHE-ECDSA-AES256-SHA", NULL));
    const minke_time_t start = lab.now;
    assert_false(lab_connect(&lab, lab.now + SECOND));
    assert_int_equal(lab.now, start + 2 * lab.latency + 400000);
    const minke_close_t *reason = lab_reason(&lab, LAB_CLIENT);
    assert_int_equal(reason->code, 40);
    assert_true(reason->by_remote);
    assert_string_equal(reason->text, "the remote refused the handshake: handshake failure");
    lab_free(&lab);
}

static void close_notify_goes_both_ways(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        lab_t lab;
        uint8_t out[1200];
        begin(&lab, side, lab_openssl_context(false, NULL, NULL));
        assert_true(lab_connect(&lab, lab.now + SECOND));
        minke__dtls_close(lab.ends[side].dtls, lab.now);
        assert_int_equal(lab_state(&lab, side), -1);
        assert_int_equal(lab_reason(&lab, side)->code, 0);
        assert_false(lab_reason(&lab, side)->by_remote);
        const size_t len = minke__dtls_transmit(lab.ends[side].dtls, out, sizeof out);
        assert_true(len > 0);
        assert_int_equal(minke__dtls_transmit(lab.ends[side].dtls, out + len, sizeof out - len), 0);
        lab_inject(&lab, !side, out, len);
        assert_int_equal(lab.ends[!side].ssl_error, SSL_ERROR_ZERO_RETURN);
        lab_free(&lab);

        begin(&lab, side, lab_openssl_context(false, NULL, NULL));
        assert_true(lab_connect(&lab, lab.now + SECOND));
        const unsigned sent = lab.ends[side].sent_n;
        SSL_shutdown(lab.ends[!side].ssl);
        lab_run(&lab, lab.now + SECOND / 10);
        assert_int_equal(lab_state(&lab, side), -1);
        assert_int_equal(lab_reason(&lab, side)->code, 0);
        assert_true(lab_reason(&lab, side)->by_remote);
        assert_int_equal(lab.ends[side].sent_n, sent + 1); /* the answer */
        lab_free(&lab);
    }
}

/* A peer that asks for renegotiation is ignored, and data flows on (spec/dtls-openssl.md 7). */
static void ignores_renegotiation(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        lab_t lab;
        begin(&lab, side, lab_openssl_context(false, NULL, NULL));
        assert_true(lab_connect(&lab, lab.now + SECOND));
        const unsigned sent = lab.ends[side].sent_n;
        assert_int_equal(SSL_renegotiate(lab.ends[!side].ssl), 1);
        SSL_do_handshake(lab.ends[!side].ssl);
        ERR_clear_error();
        lab_run(&lab, lab.now + SECOND / 10);
        assert_int_equal(lab_state(&lab, side), 1);
        assert_int_equal(lab.ends[side].sent_n, sent);
        lab_send(&lab, side, "still", 5);
        lab_run(&lab, lab.now + SECOND / 10);
        assert_int_equal(lab.ends[!side].received_len, 5);
        lab_free(&lab);
    }
}

static bool swallow(lab_t *lab, int to, uint8_t *data, size_t len)
{
    lab_datagram_t *kept = lab->user;
    kept->to = to;
    kept->len = len;
    memcpy(kept->data, data, len);
    return false;
}

static void drops_replays(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        lab_t lab;
        lab_datagram_t kept;
        begin(&lab, side, lab_openssl_context(false, NULL, NULL));
        assert_true(lab_connect(&lab, lab.now + SECOND));
        lab.tap = swallow;
        lab.user = &kept;
        for (int from = 0; from < 2; from++) {
            const unsigned before = lab.ends[!from].received_n;
            lab_send(&lab, from, "once", 4);
            for (int i = 0; i < 3; i++) lab_inject(&lab, !from, kept.data, kept.len);
            assert_int_equal(lab.ends[!from].received_n, before + 1);
        }
        assert_int_equal(lab_test.counters.dtls_record_replayed, 2);
        lab_test.counters.dtls_record_replayed = 0;
        lab_free(&lab);
    }
}

/* Every explicit nonce of GCM differs, those of OpenSSL's Finished included. */
static bool collect_nonces(lab_t *lab, int to, uint8_t *data, size_t len)
{
    minke_dtls_record_t record;
    uint8_t(*nonces)[2][8] = lab->user;
    for (size_t at = 0; minke__dtls_record_read(data + at, len - at, &record); at += record.len) {
        if (record.epoch != 1 || to != LAB_CLIENT) continue;
        memcpy(nonces[0][0], nonces[0][1], 8);
        memcpy(nonces[0][1], record.body, 8);
    }
    return true;
}

static void nonces_count_on(void **state)
{
    (void)state;
    lab_t lab;
    uint8_t nonces[2][8] = {{0}};
    lab_init(&lab);
    SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
    lab_use_ours(&lab, LAB_SERVER, NULL);
    lab_use_openssl(&lab, LAB_CLIENT, context);
    SSL_CTX_free(context);
    lab.tap = collect_nonces;
    lab.user = &nonces;
    lab_start(&lab);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    lab_send(&lab, LAB_SERVER, "x", 1);
    uint64_t values[2] = {0, 0};
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 8; k++) values[i] = values[i] << 8 | nonces[i][k];
    assert_true(values[1] == values[0] + 1);
    lab_free(&lab);
}

/* What a stock OpenSSL seals, sealed by us under the same key, number and nonce: the same bytes. */
static void check_record(lab_t *lab, const minke_dtls_keys_t *theirs, size_t len)
{
    static uint8_t text[1200], ours[1200 + MINKE_DTLS_HEAD_MAX + MINKE_DTLS_TAIL_MAX];
    lab_datagram_t sealed;
    minke_dtls_record_t record;
    minke_dtls_keys_t keys = *theirs;
    for (size_t i = 0; i < len; i++) text[i] = (uint8_t)(i * 7 + len);
    lab->user = &sealed;
    lab_send(lab, LAB_CLIENT, text, len);
    assert_true(minke__dtls_record_read(sealed.data, sealed.len, &record));
    minke_reader_t r = minke__reader(record.body, 8);
    keys.write.cipher = keys.read.cipher = NULL; /* the contexts are those of the original */
    minke__dtls_keys_start(&keys, record.sequence, minke__read_u64(&r));
    memcpy(ours + minke__dtls_keys_head(&keys), text, len);
    assert_int_equal(minke__dtls_keys_seal(&keys, MINKE_DTLS_APPLICATION_DATA, ours, len), sealed.len);
    assert_memory_equal(ours, sealed.data, sealed.len);
    minke__dtls_keys_free(&keys);
}

static void records_are_those_of_openssl(void **state)
{
    (void)state;
    static const size_t lens[] = {1, 15, 16, 17, 64, 1155};
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        lab_t lab;
        minke_dtls_keys_t keys;
        minke_dtls_algorithms_t algorithms;
        if (suites[i].rsa) continue; /* our certificate is ECDSA; the records are the same */
        begin(&lab, LAB_SERVER, lab_openssl_context(false, suites[i].name, NULL));
        assert_true(lab_connect(&lab, lab.now + SECOND));
        lab.tap = swallow;
        assert_true(minke__dtls_algorithms_fetch(&algorithms));
        assert_true(minke__dtls_keys_derive(&keys, &algorithms, lab.ends[LAB_CLIENT].ssl));
        for (size_t k = 0; k < sizeof lens / sizeof lens[0]; k++) check_record(&lab, &keys, lens[k]);
        minke__dtls_keys_free(&keys);
        minke__dtls_algorithms_free(&algorithms);
        lab_free(&lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_those_of_openssl),
        cmocka_unit_test(client_takes_every_suite),
        cmocka_unit_test(server_takes_every_suite),
        cmocka_unit_test(takes_p256_only_peers),
        cmocka_unit_test(works_without_extended_master_secret),
        cmocka_unit_test(any_datagram_may_be_lost),
        cmocka_unit_test(takes_p384_certificates_but_no_p521),
        cmocka_unit_test(client_answers_a_cookie),
        cmocka_unit_test(server_prefers_c02b),
        cmocka_unit_test(knows_the_remote_certificate),
        cmocka_unit_test(negotiates_srtp_profile_1),
        cmocka_unit_test(server_refuses_client_without_certificate),
        cmocka_unit_test(server_refuses_dtls_1_0),
        cmocka_unit_test(reports_what_the_remote_refused),
        cmocka_unit_test(close_notify_goes_both_ways),
        cmocka_unit_test(ignores_renegotiation),
        cmocka_unit_test(drops_replays),
        cmocka_unit_test(nonces_count_on),
    };
    return cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
}
