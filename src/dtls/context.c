/* The SSL_CTX: what we offer, accept and look at in every handshake. spec/dtls-openssl.md 4 and 5. */
#include <openssl/err.h>
#include <openssl/srtp.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/primitives.h"
#include "dtls/library.h"
#include "dtls/private.h"

/* C02B C02F C02C C030 CCA9 CCA8: AEAD only, since the records are ours (spec/webrtc-direct.md 6). */
static const char *const suites = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
/* Also the curves that certificates may have. A pion server takes the first one unseen, and node offers P-256 only. */
static const char *const groups = "X25519:P-256:P-384";
static const char *const signatures = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";

/* Renegotiation and resumption are off: there is exactly one handshake, and OpenSSL's part ends with it. */
static const uint64_t options = SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE;

enum {
    /* What OpenSSL would put together from pieces, per message. */
    CERTIFICATE_LIST_MAX = 16384,
    /* Shrinks the write buffer; records of a flight are below the MTU anyway. */
    SEND_FRAGMENT_MAX = 1280
};

static bool is_wanted(const minke_dtls_handshake_t *handshake)
{
    if (!handshake->options.check_fingerprint) return true;
    for (size_t i = 0; i < handshake->options.fingerprints_n; i++)
        if (memcmp(handshake->options.fingerprints[i], handshake->fingerprint, 32) == 0) return true;
    return false;
}

/* Instead of a chain check: any certificate will do, if its digest is the one expected (spec/webrtc-direct.md 6). */
static int verify(X509_STORE_CTX *store, void *argument)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    minke_dtls_handshake_t *handshake = minke__dtls_of(ssl)->handshake;
    (void)argument;
    if (handshake->certificate_seen && is_wanted(handshake)) return 1;
    handshake->certificate_refused = true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); /* alert 42 */
    return 0;
}

/* The Certificate message, reassembled: header, length of the list, length of the first, its DER. */
static void note_certificate(minke_dtls_handshake_t *handshake, const uint8_t *message, size_t len)
{
    minke_reader_t r = minke__reader(message, len);
    (void)minke__read_bytes(&r, MINKE_DTLS_MESSAGE_HEADER_BYTES);
    (void)minke__read_u24(&r);
    const uint32_t der_len = minke__read_u24(&r);
    const uint8_t *der = minke__read_bytes(&r, der_len);
    if (der == NULL) return;
    minke__sha256(der, der_len, handshake->fingerprint);
    handshake->certificate_seen = true;
}

static void note_received(minke_dtls_handshake_t *handshake, int type, const uint8_t *bytes, size_t len)
{
    if (type == SSL3_RT_CHANGE_CIPHER_SPEC) handshake->cipher_changed = true;
    if (type != SSL3_RT_HANDSHAKE || len == 0) return;
    handshake->progress = true;
    if (len >= MINKE_DTLS_MESSAGE_HEADER_BYTES) handshake->next_message = (uint16_t)((bytes[4] << 8 | bytes[5]) + 1);
    if (bytes[0] == MINKE_DTLS_CERTIFICATE) note_certificate(handshake, bytes, len);
}

static void note_sent(minke_dtls_handshake_t *handshake, int type, const uint8_t *bytes, size_t len)
{
    if (type == SSL3_RT_ALERT && len == 2) handshake->alert_sent = bytes[1];
    if (type == SSL3_RT_HANDSHAKE && len == MINKE_DTLS_FINISHED_BYTES && bytes[0] == MINKE_DTLS_FINISHED)
        memcpy(handshake->finished, bytes, len);
}

/* OpenSSL calls this with every whole message and alert. */
static void note_message(int sent, int version, int type, const void *bytes, size_t len, SSL *ssl, void *argument)
{
    minke_dtls_handshake_t *handshake = minke__dtls_of(ssl)->handshake;
    (void)version;
    (void)argument;
    if (handshake == NULL) return;
    if (sent) note_sent(handshake, type, bytes, len);
    else note_received(handshake, type, bytes, len);
}

static bool set_parameters(SSL_CTX *context)
{
    SSL_CTX_set_options(context, options);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, CERTIFICATE_LIST_MAX);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify, NULL);
    SSL_CTX_set_msg_callback(context, note_message);
    /* use_srtp without any media: pion and webrtc-rs refuse to go on without it; profile 8 crashed webrtc-rs
     * (spec/interop-quirks.md 2.7). This one function returns 0 for success. */
    if (SSL_CTX_set_tlsext_use_srtp(context, "SRTP_AES128_CM_SHA1_80") != 0) return false;
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, suites) == 1 && SSL_CTX_set1_groups_list(context, groups) == 1 &&
           SSL_CTX_set1_sigalgs_list(context, signatures) == 1 &&
           SSL_CTX_set_max_send_fragment(context, SEND_FRAGMENT_MAX) == 1;
}

static bool use_certificate(SSL_CTX *context, OSSL_LIB_CTX *library, const minke_certificate_t *certificate)
{
    X509 *x509 = minke__dtls_library_certificate(library, minke__certificate_x509(certificate));
    EVP_PKEY *key = minke__dtls_library_key(library, minke__certificate_private_key(certificate));
    const bool used = x509 != NULL && key != NULL && SSL_CTX_use_certificate(context, x509) == 1 &&
                      SSL_CTX_use_PrivateKey(context, key) == 1;
    X509_free(x509);
    EVP_PKEY_free(key);
    return used;
}

/* NULL: not in this library context. */
static SSL_CTX *new_ssl_context(OSSL_LIB_CTX *library, const minke_certificate_t *certificate)
{
    SSL_CTX *context = SSL_CTX_new_ex(library, NULL, DTLS_method());
    if (context != NULL && set_parameters(context) && use_certificate(context, library, certificate)) return context;
    SSL_CTX_free(context);
    return NULL;
}

static int init_context(minke_dtls_context_t *context, const minke_certificate_t *certificate)
{
    OSSL_LIB_CTX *library = minke__dtls_library();
    if (!minke__dtls_algorithms_fetch(&context->algorithms)) return MINKE_ERROR_CRYPTO;
    context->bio_method = minke__dtls_bio_method_new();
    if (context->bio_method == NULL) return MINKE_ERROR_NO_MEMORY;
    context->ssl_context = new_ssl_context(library, certificate);
    if (context->ssl_context == NULL && library != NULL) context->ssl_context = new_ssl_context(NULL, certificate);
    return context->ssl_context != NULL ? MINKE_OK : MINKE_ERROR_CRYPTO;
}

int minke__dtls_context_new(const minke_env_t *env, const minke_certificate_t *certificate, minke_dtls_context_t **out)
{
    minke_dtls_context_t *context = minke__alloc_zero(env, sizeof *context);
    *out = NULL;
    if (context == NULL) return MINKE_ERROR_NO_MEMORY;
    context->env = env;
    const int result = init_context(context, certificate);
    ERR_clear_error();
    if (result < 0) minke__dtls_context_free(context);
    else *out = context;
    return result;
}

void minke__dtls_context_free(minke_dtls_context_t *context)
{
    if (context == NULL) return;
    SSL_CTX_free(context->ssl_context);
    BIO_meth_free(context->bio_method);
    minke__dtls_algorithms_free(&context->algorithms);
    minke__free(context->env, context);
}
