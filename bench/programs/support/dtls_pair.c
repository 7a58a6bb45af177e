#include "dtls_pair.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

enum { QUEUE_MAX = 16, DATAGRAM_MAX = 1500, MTU = 1200, CLIENT = 0, SERVER = 1, TURNS_MAX = 20 };

typedef struct queue {
    int first, n;
    int len[QUEUE_MAX];
    uint8_t datagrams[QUEUE_MAX][DATAGRAM_MAX];
} queue_t;

/* What a BIO reads from and writes to. */
typedef struct end {
    queue_t *in, *out;
} end_t;

struct dtls_pair {
    SSL_CTX *contexts[2];
    queue_t to[2];
    end_t ends[2];
    BIO_METHOD *method;
};

static void check(bool fine, const char *what)
{
    if (fine) return;
    (void)fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* ---- a BIO that keeps datagrams apart ---- */

static int write_datagram(BIO *bio, const char *data, int len)
{
    queue_t *queue = ((end_t *)BIO_get_data(bio))->out;
    BIO_clear_retry_flags(bio);
    if (queue->n == QUEUE_MAX || len > DATAGRAM_MAX) return len;
    const int at = (queue->first + queue->n++) % QUEUE_MAX;
    memcpy(queue->datagrams[at], data, (size_t)len);
    queue->len[at] = len;
    return len;
}

static int read_datagram(BIO *bio, char *data, int capacity)
{
    queue_t *queue = ((end_t *)BIO_get_data(bio))->in;
    BIO_clear_retry_flags(bio);
    if (queue->n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const int at = queue->first, len = queue->len[at] < capacity ? queue->len[at] : capacity;
    memcpy(data, queue->datagrams[at], (size_t)len);
    queue->first = (at + 1) % QUEUE_MAX;
    queue->n--;
    return len;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU: return MTU;
    default: return 0;
    }
}

static int created(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *new_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "datagrams");
    check(method != NULL && BIO_meth_set_write(method, write_datagram) == 1 &&
              BIO_meth_set_read(method, read_datagram) == 1 && BIO_meth_set_ctrl(method, control) == 1 &&
              BIO_meth_set_create(method, created) == 1,
          "BIO");
    return method;
}

/* ---- contexts ---- */

static X509 *new_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    check(certificate != NULL && X509_set_version(certificate, 2) == 1, "certificate");
    X509_NAME *name = X509_get_subject_name(certificate);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), 14L * 86400);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1, 0);
    (void)X509_set_issuer_name(certificate, name);
    check(X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0, "certificate");
    return certificate;
}

static int accept_any(int preverified, X509_STORE_CTX *context)
{
    (void)preverified, (void)context;
    return 1;
}

static SSL_CTX *new_context(bool server, const char *groups)
{
    SSL_CTX *context = SSL_CTX_new(server ? DTLS_server_method() : DTLS_client_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    check(context != NULL && key != NULL, "context");
    X509 *certificate = new_certificate(key);
    check(SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
              SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
              SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256") == 1 &&
              SSL_CTX_set1_groups_list(context, groups) == 1 && SSL_CTX_use_certificate(context, certificate) == 1 &&
              SSL_CTX_use_PrivateKey(context, key) == 1,
          "context");
    X509_free(certificate);
    EVP_PKEY_free(key);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

dtls_pair_t *dtls_pair_new(const char *groups)
{
    dtls_pair_t *pair = calloc(1, sizeof *pair);
    check(pair != NULL, "out of memory");
    pair->method = new_method();
    for (int side = CLIENT; side <= SERVER; side++) {
        pair->contexts[side] = new_context(side == SERVER, groups);
        pair->ends[side] = (end_t){&pair->to[side], &pair->to[1 - side]};
    }
    return pair;
}

void dtls_pair_free(dtls_pair_t *pair)
{
    for (int side = CLIENT; side <= SERVER; side++) SSL_CTX_free(pair->contexts[side]);
    BIO_meth_free(pair->method);
    free(pair);
}

/* ---- handshakes ---- */

static SSL *begin(dtls_pair_t *pair, int side)
{
    SSL *ssl = SSL_new(pair->contexts[side]);
    BIO *bio = BIO_new(pair->method);
    check(ssl != NULL && bio != NULL, "SSL_new");
    BIO_set_data(bio, &pair->ends[side]);
    SSL_set_bio(ssl, bio, bio);
    (void)SSL_set_mtu(ssl, MTU);
    if (side == SERVER) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    return ssl;
}

/* The fingerprint is what WebRTC compares. */
static void end(SSL *ssl)
{
    uint8_t fingerprint[32];
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    check(X509_digest(certificate, EVP_sha256(), fingerprint, NULL) == 1, "fingerprint");
    X509_free(certificate);
    SSL_free(ssl);
}

void dtls_pair_shake(dtls_pair_t *pair, double *client_s, double *server_s)
{
    SSL *sides[2];
    double used[2] = {0, 0};
    int done[2] = {0, 0};
    for (int side = CLIENT; side <= SERVER; side++) {
        const double before = cpu_s();
        sides[side] = begin(pair, side);
        used[side] += cpu_s() - before;
    }
    for (int turn = 0; turn < 2 * TURNS_MAX && (done[CLIENT] != 1 || done[SERVER] != 1); turn++) {
        const int side = turn % 2;
        const double before = cpu_s();
        if (done[side] != 1) done[side] = SSL_do_handshake(sides[side]);
        used[side] += cpu_s() - before;
    }
    check(done[CLIENT] == 1 && done[SERVER] == 1, "no handshake");
    for (int side = CLIENT; side <= SERVER; side++) {
        const double before = cpu_s();
        end(sides[side]);
        used[side] += cpu_s() - before;
        pair->to[side].n = 0;
    }
    *client_s += used[CLIENT];
    *server_s += used[SERVER];
}
