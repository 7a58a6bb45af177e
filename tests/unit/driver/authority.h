/* Certificates and TLS servers for tests, made with OpenSSL while the test runs. */
#ifndef MINKE_TESTS_AUTHORITY_H
#define MINKE_TESTS_AUTHORITY_H

#include <openssl/ssl.h>
#include <stdbool.h>

typedef struct authority {
    X509 *certificate;
    EVP_PKEY *key;
} authority_t;

/* What goes into a certificate. All zero: no names, valid from an hour ago until tomorrow, signed by itself. */
typedef struct certificate_wish {
    const char *common_name;
    const char *names;         /* as in "DNS:a.example,IP:192.0.2.1"; NULL: none */
    const authority_t *issuer; /* NULL: itself */
    long from_days, to_days;   /* from now; both 0: as above */
    bool is_authority;
} certificate_wish_t;

/* A certificate with a new P-256 key. */
authority_t make_certificate(const certificate_wish_t *wish);
void free_certificate(authority_t *made);

/* Writes the certificate as PEM to a new temporary file, whose name is put into `path` (64 bytes). */
void write_pem(const authority_t *made, char *path);

/* A server that shows `own` and, if not NULL, one more certificate behind it. */
SSL_CTX *make_server(const authority_t *own, const authority_t *above);

#endif
