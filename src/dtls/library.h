/*
 * The library context that our handshakes run in. OpenSSL 3.0 and 3.1 set up every decoder of every type of key for
 * each certificate that comes in, which takes longer than the cryptography of a handshake. In a context whose one
 * provider has only what a handshake of ours can use, there are three of them to set up.
 *
 *     handshakes --> context "lean" --> our provider, a list --> context "whole" --> OpenSSL's provider "default"
 *
 * Both contexts are made once per process, and stay; the application's own context is neither used nor changed.
 */
#ifndef MINKE_DTLS_LIBRARY_H
#define MINKE_DTLS_LIBRARY_H

#include <openssl/types.h>

/* NULL: OpenSSL's default context will do, or has to. May be called from any thread. */
OSSL_LIB_CTX *minke__dtls_library(void);
/* A private key of another context for use in this one. NULL: it cannot be had. */
EVP_PKEY *minke__dtls_library_key(OSSL_LIB_CTX *library, const EVP_PKEY *key);
/* The same of a certificate. */
X509 *minke__dtls_library_certificate(OSSL_LIB_CTX *library, const X509 *certificate);

#endif
