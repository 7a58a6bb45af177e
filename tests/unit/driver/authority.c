#define _GNU_SOURCE
#include "unit/driver/authority.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void add_extension(X509 *certificate, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, (X509 *)issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void set_times(X509 *certificate, const certificate_wish_t *wish)
{
    const bool is_default = wish->from_days == 0 && wish->to_days == 0;
    const long day = 86400;
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), is_default ? -3600 : wish->from_days * day));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), is_default ? day : wish->to_days * day));
}

authority_t make_certificate(const certificate_wish_t *wish)
{
    static long serial = 1;
    authority_t made = {X509_new(), EVP_EC_gen("P-256")};
    assert_non_null(made.certificate);
    assert_non_null(made.key);
    const authority_t *issuer = wish->issuer != NULL ? wish->issuer : &made;
    X509_NAME *name = X509_get_subject_name(made.certificate);
    const char *common_name = wish->common_name != NULL ? wish->common_name : "test";
    assert_int_equal(X509_set_version(made.certificate, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++), 1);
    set_times(made.certificate, wish);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(made.certificate, X509_get_subject_name(issuer->certificate)), 1);
    assert_int_equal(X509_set_pubkey(made.certificate, made.key), 1);
    add_extension(made.certificate, issuer->certificate, NID_basic_constraints,
                  wish->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (wish->names != NULL) add_extension(made.certificate, issuer->certificate, NID_subject_alt_name, wish->names);
    assert_true(X509_sign(made.certificate, issuer->key, EVP_sha256()) > 0);
    return made;
}

void free_certificate(authority_t *made)
{
    X509_free(made->certificate);
    EVP_PKEY_free(made->key);
    *made = (authority_t){NULL, NULL};
}

void write_pem(const authority_t *made, char *path)
{
    strcpy(path, "/tmp/minke-tls-test-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, made->certificate), 1);
    assert_int_equal(fclose(file), 0);
}

SSL_CTX *make_server(const authority_t *own, const authority_t *above)
{
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());
    assert_non_null(server);
    assert_int_equal(SSL_CTX_use_certificate(server, own->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server, own->key), 1);
    if (above != NULL) assert_int_equal(SSL_CTX_add1_chain_cert(server, above->certificate), 1);
    return server;
}
