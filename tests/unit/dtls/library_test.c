/* The library context of our handshakes: whoever asks gets the same one, and it reads the certificates that peers have.
 * Handshakes in it, against peers in OpenSSL's own, are openssl_test.c's. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "dtls/library.h"

enum { THREADS = 4 };

static void *ask(void *unused)
{
    (void)unused;
    return minke__dtls_library();
}

/* First of all tests, so that the threads make it. */
static void all_threads_get_one(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, ask, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        void *got;
        assert_int_equal(pthread_join(threads[i], &got), 0);
        assert_ptr_equal(got, minke__dtls_library());
    }
    /* Of the releases that it is for, none may fall back unnoticed. */
    const bool is_for = OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2;
    assert_int_equal(minke__dtls_library() != NULL, is_for);
}

static X509 *certificate_of(EVP_PKEY *key)
{
    X509 *x509 = X509_new();
    assert_non_null(x509);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x509), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x509), 1000));
    assert_int_equal(X509_set_pubkey(x509, key), 1);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    return x509;
}

/* The key must be usable here, and come out as it went in. */
static void reads(EVP_PKEY *key)
{
    OSSL_LIB_CTX *library = minke__dtls_library();
    assert_non_null(key);
    X509 *x509 = certificate_of(key), *here = minke__dtls_library_certificate(library, x509);
    assert_non_null(here);
    assert_non_null(X509_get0_pubkey(here));
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(here), key), 1);
    assert_int_equal(X509_verify(here, X509_get0_pubkey(here)), 1);
    X509_free(here);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static void it_reads_the_certificates_of_peers(void **state)
{
    (void)state;
    reads(EVP_EC_gen("P-256"));
    reads(EVP_EC_gen("P-384"));
    reads(EVP_RSA_gen(2048));
}

static void a_private_key_can_be_brought_in(void **state)
{
    (void)state;
    static const uint8_t message[] = "message";
    uint8_t signature[128];
    size_t len = sizeof signature;
    OSSL_LIB_CTX *library = minke__dtls_library();
    EVP_PKEY *key = EVP_EC_gen("P-256"), *here = minke__dtls_library_key(library, key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_non_null(here);
    assert_int_equal(EVP_DigestSignInit_ex(context, NULL, "SHA256", library, NULL, here, NULL), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &len, message, sizeof message), 1);
    EVP_MD_CTX_free(context);
    context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(context, signature, len, message, sizeof message), 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(here);
    EVP_PKEY_free(key);
}

/* What nobody needs is not there: that is what saves the time. And the application's own context knows nothing of it.
 */
static void it_has_no_more_than_that(void **state)
{
    (void)state;
    OSSL_LIB_CTX *library = minke__dtls_library();
    if (library == NULL) {
        print_message("skipped: this OpenSSL is not one of 3.0 or 3.1, or refuses: the default context is used\n");
        skip();
    }
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(library, "AES-128-CBC", NULL);
    EVP_MD *digest = EVP_MD_fetch(library, "SHA3-256", NULL);
    assert_null(cipher);
    assert_null(digest);
    assert_int_equal(OSSL_PROVIDER_available(NULL, "minke"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_threads_get_one),
        cmocka_unit_test(it_reads_the_certificates_of_peers),
        cmocka_unit_test(a_private_key_can_be_brought_in),
        cmocka_unit_test(it_has_no_more_than_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
