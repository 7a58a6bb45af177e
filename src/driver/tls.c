#include "driver/tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/wire.h"
#include "driver/dns_address.h"
#include "driver/tls_refusal.h"

struct minke_tls_context {
    const minke_env_t *env;
    SSL_CTX *ssl;
};

struct minke_tls {
    const minke_env_t *env;
    SSL *ssl;
    BIO *in, *out; /* the SSL's own */
    minke_tls_state_t state;
    bool below_ended;
    uint8_t head_n; /* bytes of the first record that have been looked at */
    minke_close_t close;
    char name[MINKE_DNS_NAME_BYTES];
    char refusal[sizeof((minke_close_t *)0)->text]; /* "": no certificate was refused */
};

/* ---- the context ---- */

static int on_verified(int good, X509_STORE_CTX *store);

static int prepare(SSL_CTX *ssl)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 || SSL_CTX_set_max_proto_version(ssl, 0) != 1 ||
        SSL_CTX_set_alpn_protos(ssl, alpn, sizeof alpn - 1) != 0 || SSL_CTX_set_default_verify_paths(ssl) != 1)
        return MINKE_ERROR_NO_MEMORY;
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, on_verified);
    /* What a CA file holds is trusted, though it may be no root. */
    if (X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN) != 1)
        return MINKE_ERROR_NO_MEMORY;
    return MINKE_OK;
}

static int trust_file(SSL_CTX *ssl, const char *ca_file)
{
    if (ca_file == NULL) return MINKE_OK;
    if (access(ca_file, R_OK) < 0) return MINKE_ERROR_SYSTEM;
    return SSL_CTX_load_verify_locations(ssl, ca_file, NULL) == 1 ? MINKE_OK : MINKE_ERROR_MALFORMED;
}

int minke__tls_context_new(const minke_env_t *env, const char *ca_file, minke_tls_context_t **out)
{
    minke_tls_context_t *context = minke__alloc(env, sizeof *context);
    if (context == NULL) return MINKE_ERROR_NO_MEMORY;
    *context = (minke_tls_context_t){env, SSL_CTX_new(TLS_client_method())};
    int result = context->ssl != NULL ? prepare(context->ssl) : MINKE_ERROR_NO_MEMORY;
    if (result == MINKE_OK) result = trust_file(context->ssl, ca_file);
    ERR_clear_error();
    if (result < 0) {
        minke__tls_context_free(context);
        return result;
    }
    *out = context;
    return MINKE_OK;
}

void minke__tls_context_free(minke_tls_context_t *context)
{
    if (context == NULL) return;
    SSL_CTX_free(context->ssl);
    minke__free(context->env, context);
}

/* ---- the end ---- */

/* `before` `after` */
static void end(minke_tls_t *tls, int code, bool by_remote, const char *before, const char *after)
{
    if (tls->state == MINKE_TLS_ENDED) return;
    tls->state = MINKE_TLS_ENDED;
    tls->close = (minke_close_t){.layer = MINKE_LAYER_NETWORK, .code = code, .by_remote = by_remote};
    minke_writer_t w = minke__writer(tls->close.text, sizeof tls->close.text);
    minke__write_text(&w, before);
    minke__write_text(&w, after);
    minke__write_terminator(&w);
}

static void end_by_alert(minke_tls_t *tls, int alert)
{
    const bool is_no_match = alert == SSL_AD_PROTOCOL_VERSION || alert == SSL_AD_HANDSHAKE_FAILURE ||
                             alert == SSL_AD_INSUFFICIENT_SECURITY || alert == SSL_AD_NO_APPLICATION_PROTOCOL;
    if (alert == SSL_AD_PROTOCOL_VERSION) {
        end(tls, MINKE_ERROR_UNSUPPORTED, true, "the remote speaks neither TLS 1.2 nor 1.3: it must be updated", "");
        return;
    }
    end(tls, is_no_match ? MINKE_ERROR_UNSUPPORTED : MINKE_ERROR_CONNECTION_CLOSED, true,
        "the remote ended TLS with the alert: ", SSL_alert_desc_string_long(alert));
}

/* By the earliest error in OpenSSL's queue, which is the cause of the others. */
static void end_by_error(minke_tls_t *tls)
{
    const unsigned long error = ERR_peek_error();
    const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    if (tls->refusal[0] != 0) {
        end(tls, MINKE_ERROR_CRYPTO, false, tls->refusal, "");
    } else if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + UCHAR_MAX) {
        end_by_alert(tls, reason - SSL_AD_REASON_OFFSET);
    } else if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
        end(tls, MINKE_ERROR_NO_MEMORY, false, "out of memory in TLS", "");
    } else if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_WRONG_SSL_VERSION) {
        end(tls, MINKE_ERROR_UNSUPPORTED, false, "the remote speaks neither TLS 1.2 nor 1.3: it must be updated", "");
    } else {
        const char *text = ERR_reason_error_string(error);
        end(tls, MINKE_ERROR_CRYPTO, false,
            "TLS is broken by what the remote sent: ", text != NULL ? text : "unknown error");
    }
}

static void end_truncated(minke_tls_t *tls)
{
    end(tls, MINKE_ERROR_CONNECTION_CLOSED, true,
        "the remote ended the connection without a TLS farewell: something may be missing", "");
}

/* ---- certificates ---- */

/* Called for each certificate of the chain; the first refusal ends the handshake. */
static int on_verified(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    minke_tls_t *tls = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
    if (good || tls == NULL || tls->refusal[0] != 0) return good;
    minke_writer_t w = minke__writer(tls->refusal, sizeof tls->refusal);
    minke__tls_refusal(&w, X509_STORE_CTX_get_current_cert(store), X509_STORE_CTX_get_error_depth(store),
                       X509_STORE_CTX_get_error(store), tls->name);
    minke__write_terminator(&w);
    return 0;
}

/* An empty name would switch the check off, one with a dot in front would take every host below it: both are no names.
 */
static int expect_name(minke_tls_t *tls)
{
    minke_address_t ip;
    X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);
    if (minke__parse_ip(tls->name, strlen(tls->name), &ip))
        return X509_VERIFY_PARAM_set1_ip(param, ip.ip, minke__ip_len(ip.family)) == 1 ? MINKE_OK
                                                                                      : MINKE_ERROR_NO_MEMORY;
    if (!minke__dns_name_is_valid(tls->name)) return MINKE_ERROR_ADDRESS;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_host(param, tls->name, 0) != 1 || SSL_set_tlsext_host_name(tls->ssl, tls->name) != 1)
        return MINKE_ERROR_NO_MEMORY;
    return MINKE_OK;
}

/* ---- lifecycle ---- */

static void handshake(minke_tls_t *tls)
{
    ERR_clear_error();
    const int result = SSL_do_handshake(tls->ssl);
    if (result == 1) tls->state = MINKE_TLS_OPEN;
    else if (SSL_get_error(tls->ssl, result) != SSL_ERROR_WANT_READ) end_by_error(tls);
    ERR_clear_error();
}

static int make_ssl(minke_tls_t *tls, SSL_CTX *context)
{
    tls->ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (tls->ssl == NULL || in == NULL || out == NULL) {
        (void)BIO_free(in);
        (void)BIO_free(out);
        return MINKE_ERROR_NO_MEMORY;
    }
    SSL_set_bio(tls->ssl, in, out);
    tls->in = in;
    tls->out = out;
    if (SSL_set_app_data(tls->ssl, tls) != 1) return MINKE_ERROR_NO_MEMORY;
    SSL_set_connect_state(tls->ssl);
    return MINKE_OK;
}

/* Without the dot of the root, which certificates do not have. */
static bool keep_name(minke_tls_t *tls, const char *name)
{
    const size_t len = strlen(name);
    if (len == 0 || len >= sizeof tls->name) return false;
    memcpy(tls->name, name, len);
    if (name[len - 1] == '.') tls->name[len - 1] = 0;
    return true;
}

minke_tls_t *minke__tls_client(minke_tls_context_t *context, const minke_env_t *env, const char *name)
{
    minke_tls_t *tls = minke__alloc_zero(env, sizeof *tls);
    if (tls == NULL) return NULL;
    tls->env = env;
    int result = make_ssl(tls, context->ssl);
    if (result == MINKE_OK) result = keep_name(tls, name) ? expect_name(tls) : MINKE_ERROR_ADDRESS;
    ERR_clear_error();
    if (result == MINKE_ERROR_ADDRESS) {
        end(tls, MINKE_ERROR_ADDRESS, false, "that is no host name that a certificate could be for: ", tls->name);
    } else if (result < 0) {
        minke__tls_free(tls);
        return NULL;
    } else {
        handshake(tls);
    }
    return tls;
}

void minke__tls_free(minke_tls_t *tls)
{
    if (tls == NULL) return;
    SSL_free(tls->ssl);
    minke__free(tls->env, tls);
}

minke_tls_state_t minke__tls_state(const minke_tls_t *tls) { return tls->state; }
const minke_close_t *minke__tls_close_reason(const minke_tls_t *tls) { return &tls->close; }

/* ---- in ---- */

/* The first record is a handshake or an alert, of a version 3.x: what else speaks (HTTP, SSH) begins otherwise. */
static bool is_tls(minke_tls_t *tls, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len && tls->head_n < 2; i++, tls->head_n++) {
        if (tls->head_n == 0 && data[i] != SSL3_RT_HANDSHAKE && data[i] != SSL3_RT_ALERT) return false;
        if (tls->head_n == 1 && data[i] != SSL3_VERSION_MAJOR) return false;
    }
    return true;
}

void minke__tls_recv(minke_tls_t *tls, const uint8_t *data, size_t len)
{
    if (tls->state == MINKE_TLS_ENDED || len == 0) return;
    if (!is_tls(tls, data, len)) {
        end(tls, MINKE_ERROR_MALFORMED, false, "the remote does not speak TLS here: is it /ws rather than /wss?", "");
        return;
    }
    if (len > MINKE_TLS_RECV_MAX || BIO_ctrl_pending(tls->in) + len > MINKE_TLS_UNREAD_MAX) {
        end(tls, MINKE_ERROR_LIMIT, false, "more TLS bytes wait to be read than may", "");
        return;
    }
    if (BIO_write(tls->in, data, (int)len) != (int)len)
        end(tls, MINKE_ERROR_NO_MEMORY, false, "out of memory in TLS", "");
    if (tls->state == MINKE_TLS_HANDSHAKE) handshake(tls);
    ERR_clear_error();
}

void minke__tls_recv_end(minke_tls_t *tls)
{
    tls->below_ended = true;
    if (tls->state != MINKE_TLS_HANDSHAKE) return;
    end(tls, MINKE_ERROR_CONNECTION_CLOSED, true, "the remote ended the connection during the TLS handshake", "");
}

static ssize_t read_failed(minke_tls_t *tls)
{
    switch (SSL_get_error(tls->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        if (!tls->below_ended) return MINKE_ERROR_AGAIN;
        end_truncated(tls);
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        (void)SSL_shutdown(tls->ssl); /* our farewell */
        end(tls, MINKE_OK, true, "the remote closed the TLS connection", "");
        return 0;
    default: end_by_error(tls); return 0;
    }
}

ssize_t minke__tls_read(minke_tls_t *tls, uint8_t *out, size_t capacity)
{
    size_t n = 0;
    if (tls->state == MINKE_TLS_HANDSHAKE) return MINKE_ERROR_AGAIN;
    if (tls->state == MINKE_TLS_ENDED) return 0;
    ERR_clear_error();
    const ssize_t result = SSL_read_ex(tls->ssl, out, capacity, &n) == 1 ? (ssize_t)n : read_failed(tls);
    ERR_clear_error();
    return result;
}

/* ---- out ---- */

ssize_t minke__tls_write(minke_tls_t *tls, const uint8_t *data, size_t len)
{
    size_t n = 0;
    if (tls->state == MINKE_TLS_HANDSHAKE) return MINKE_ERROR_AGAIN;
    if (tls->state == MINKE_TLS_ENDED) return MINKE_ERROR_CONNECTION_CLOSED;
    const size_t unsent = BIO_ctrl_pending(tls->out);
    if (len == 0) return 0;
    if (unsent >= MINKE_TLS_UNSENT_MAX) return MINKE_ERROR_AGAIN;
    const size_t room = MINKE_TLS_UNSENT_MAX - unsent;
    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, data, len < room ? len : room, &n) != 1) end_by_error(tls);
    ERR_clear_error();
    return tls->state == MINKE_TLS_OPEN ? (ssize_t)n : MINKE_ERROR_CONNECTION_CLOSED;
}

size_t minke__tls_transmit(minke_tls_t *tls, uint8_t *out, size_t capacity)
{
    if (tls->out == NULL) return 0;
    const int n = BIO_read(tls->out, out, capacity < INT_MAX ? (int)capacity : INT_MAX);
    return n > 0 ? (size_t)n : 0;
}

void minke__tls_close(minke_tls_t *tls)
{
    if (tls->state == MINKE_TLS_OPEN) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
    end(tls, MINKE_OK, false, "closed by this side", "");
}
