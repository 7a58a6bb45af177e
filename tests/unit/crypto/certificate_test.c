#include "crypto/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/primitives.h"
#include "support/test_env.h"
#include "unit/crypto/key_vectors.h"

/* The same key in the old form. */
static const char ed25519_private_old[] = "08011260"
                                          "7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d"
                                          "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
                                          "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e";

/* If one of these changes, every address that anybody has published stops working. */
static const char ed25519_fingerprint[] = "57df48801a8eca75b9acbec62177cc5aa75bee6ce30d30d74775547419cf16a1";
static const char secp256k1_fingerprint[] = "f408da83a338b27ee80b2591089cdb3219fa9a592f6601a9923c2ac98669970b";

static minke_identity_t *identity_of(const minke_env_t *env, const char *hex)
{
    uint8_t bytes[256];
    const size_t len = test_unhex(hex, bytes, sizeof bytes);
    minke_identity_t *identity = NULL;
    assert_int_equal(minke__identity_load(env, bytes, len, &identity), MINKE_OK);
    return identity;
}

static minke_certificate_t *derive(const minke_env_t *env, const char *hex)
{
    minke_identity_t *identity = identity_of(env, hex);
    minke_certificate_t *certificate = NULL;
    assert_int_equal(minke__certificate_derive(env, identity, &certificate), MINKE_OK);
    minke__identity_free(identity);
    return certificate;
}

static void check_pinned(const char *key, const char *expected_hex)
{
    test_env_t test;
    uint8_t expected[32];
    test_env_init(&test, 1);
    minke_certificate_t *certificate = derive(&test.env, key);
    assert_int_equal(test_unhex(expected_hex, expected, sizeof expected), sizeof expected);
    assert_memory_equal(minke__certificate_fingerprint(certificate), expected, sizeof expected);
    minke__certificate_free(certificate);
    assert_int_equal(test.blocks, 0);
}

static void test_derived_certificate_never_changes(void **state)
{
    (void)state;
    check_pinned(ed25519_private, ed25519_fingerprint);
    check_pinned(ed25519_private_old, ed25519_fingerprint);
    check_pinned(secp256k1_private, secp256k1_fingerprint);
}

static void check_date(const ASN1_TIME *time, int years_since_1900)
{
    struct tm date;
    assert_int_equal(ASN1_TIME_to_tm(time, &date), 1);
    assert_int_equal(date.tm_year, years_since_1900);
    assert_int_equal(date.tm_mon, 0);
    assert_int_equal(date.tm_mday, 1);
    assert_int_equal(date.tm_hour * 3600 + date.tm_min * 60 + date.tm_sec, 0);
}

static void check_certificate(const minke_certificate_t *certificate)
{
    X509 *x509 = minke__certificate_x509(certificate);
    EVP_PKEY *key = minke__certificate_private_key(certificate);
    char text[64];
    size_t len;
    uint8_t digest[32], *der = NULL;

    assert_int_equal(X509_verify(x509, key), 1);
    assert_int_equal(X509_check_private_key(x509, key), 1);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_check(context), 1);
    EVP_PKEY_CTX_free(context);
    assert_int_equal(EVP_PKEY_get_group_name(key, text, sizeof text, &len), 1);
    assert_string_equal(text, "prime256v1");
    assert_int_equal(X509_get_signature_nid(x509), NID_ecdsa_with_SHA256);
    assert_int_equal(X509_get_version(x509), X509_VERSION_3);
    assert_int_equal(X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, text, sizeof text), 5);
    assert_string_equal(text, "minke");
    assert_int_equal(X509_NAME_cmp(X509_get_subject_name(x509), X509_get_issuer_name(x509)), 0);
    check_date(X509_get0_notBefore(x509), 120);
    check_date(X509_get0_notAfter(x509), 220);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
    assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER); /* not V_ASN1_NEG_INTEGER */
    assert_int_equal(ASN1_STRING_length(serial), 16);

    /* The DER that OpenSSL will send is the one whose digest we announce. */
    const int der_len = i2d_X509(x509, &der);
    assert_true(der_len > 0);
    minke__sha256(der, (size_t)der_len, digest);
    assert_memory_equal(digest, minke__certificate_fingerprint(certificate), sizeof digest);
    OPENSSL_free(der);
}

static void test_derived_certificate_is_sound(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    minke_certificate_t *certificate = derive(&test.env, ed25519_private);
    check_certificate(certificate);
    minke__certificate_free(certificate);
}

/* Many keys, so that the lengths of the signature's integers vary. */
static void test_new_certificates_are_sound_and_differ(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t last[32] = {0};
    test_env_init(&test, 2);
    for (int i = 0; i < 64; i++) {
        minke_certificate_t *certificate = NULL;
        assert_int_equal(minke__certificate_new(&test.env, &certificate), MINKE_OK);
        check_certificate(certificate);
        assert_memory_not_equal(last, minke__certificate_fingerprint(certificate), sizeof last);
        memcpy(last, minke__certificate_fingerprint(certificate), sizeof last);
        minke__certificate_free(certificate);
    }
    assert_int_equal(test.blocks, 0);
}

static void test_new_certificate_follows_the_given_randomness(void **state)
{
    (void)state;
    test_env_t a, b;
    minke_certificate_t *first = NULL, *second = NULL;
    test_env_init(&a, 7);
    test_env_init(&b, 7);
    assert_int_equal(minke__certificate_new(&a.env, &first), MINKE_OK);
    assert_int_equal(minke__certificate_new(&b.env, &second), MINKE_OK);
    assert_memory_equal(minke__certificate_fingerprint(first), minke__certificate_fingerprint(second), 32);
    minke__certificate_free(first);
    minke__certificate_free(second);
}

static ssize_t never_sign(void *user, const uint8_t *message, size_t len, uint8_t *signature, size_t capacity)
{
    (void)user, (void)message, (void)len, (void)signature, (void)capacity;
    return MINKE_ERROR_CRYPTO;
}

static void test_signer_identity_cannot_be_derived_from(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    minke_identity_t *identity = identity_of(&test.env, ed25519_private), *remote = NULL;
    minke_certificate_t *certificate = NULL;
    const minke_signer_t signer = {NULL, never_sign};
    size_t len;
    const uint8_t *public_key = minke__identity_public_key(identity, &len);
    assert_int_equal(minke__identity_with_signer(&test.env, public_key, len, &signer, &remote), MINKE_OK);
    assert_int_equal(minke__certificate_derive(&test.env, remote, &certificate), MINKE_ERROR_UNSUPPORTED);
    assert_null(certificate);
    minke__identity_free(identity);
    minke__identity_free(remote);
    assert_int_equal(test.blocks, 0);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    minke_identity_t *identity = identity_of(&test.env, ed25519_private);
    const size_t blocks = test.blocks;
    for (uint64_t n = 1;; n++) {
        minke_certificate_t *certificate = NULL;
        test.fail_at = test.allocations + n;
        const int result = minke__certificate_derive(&test.env, identity, &certificate);
        if (result == MINKE_OK) {
            assert_true(n > 1);
            minke__certificate_free(certificate);
            break;
        }
        assert_int_equal(result, MINKE_ERROR_NO_MEMORY);
        assert_null(certificate);
        assert_int_equal(test.blocks, blocks);
    }
    test.fail_at = 0;
    minke__identity_free(identity);
    minke__certificate_free(NULL);
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derived_certificate_never_changes),
        cmocka_unit_test(test_derived_certificate_is_sound),
        cmocka_unit_test(test_new_certificates_are_sound_and_differ),
        cmocka_unit_test(test_new_certificate_follows_the_given_randomness),
        cmocka_unit_test(test_signer_identity_cannot_be_derived_from),
        cmocka_unit_test(test_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
