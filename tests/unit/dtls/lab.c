#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method, the only way to seed OpenSSL 3.0 */

#include "unit/dtls/lab.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <cmocka.h>

static const int64_t wall_start = INT64_C(1800000000) * 1000000;
int64_t lab_wall = INT64_C(1800000000) * 1000000;

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    (void)zone;
    tv->tv_sec = lab_wall / 1000000;
    tv->tv_usec = lab_wall % 1000000;
    return 0;
}

time_t time(time_t *out)
{
    if (out != NULL) *out = lab_wall / 1000000;
    return lab_wall / 1000000;
}

static uint64_t random_state;

static int seeded_bytes(unsigned char *out, int len)
{
    for (int i = 0; i < len; i++) out[i] = (uint8_t)(test_random(&random_state) >> 32);
    return 1;
}

static int seeded_status(void) { return 1; }

static const RAND_METHOD seeded = {.bytes = seeded_bytes, .pseudorand = seeded_bytes, .status = seeded_status};

void lab_seed_openssl(uint64_t seed)
{
    random_state = seed;
    RAND_set_rand_method(seed != 0 ? &seeded : NULL);
}

static void set_now(lab_t *lab, minke_time_t now)
{
    lab->now = now;
    lab_wall = wall_start + (int64_t)now;
}

test_env_t lab_test;
minke_certificate_t *lab_certificates[2];
minke_dtls_context_t *lab_contexts[2];

int lab_set_up(void **state)
{
    (void)state;
    test_env_init(&lab_test, 7);
    for (int side = 0; side < 2; side++) {
        assert_int_equal(minke__certificate_new(&lab_test.env, &lab_certificates[side]), MINKE_OK);
        assert_int_equal(minke__dtls_context_new(&lab_test.env, lab_certificates[side], &lab_contexts[side]), MINKE_OK);
    }
    return 0;
}

int lab_tear_down(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        minke__dtls_context_free(lab_contexts[side]);
        minke__certificate_free(lab_certificates[side]);
    }
    assert_int_equal(lab_test.blocks, 0);
    return 0;
}

void lab_init(lab_t *lab)
{
    memset(lab, 0, sizeof *lab);
    lab->latency = 10000;
    lab->datagrams = calloc(LAB_DATAGRAMS_MAX, sizeof *lab->datagrams);
    assert_non_null(lab->datagrams);
    for (int side = 0; side < 2; side++) {
        lab->ends[side].lab = lab;
        lab->ends[side].side = side;
    }
    set_now(lab, 1000000);
}

void lab_free(lab_t *lab)
{
    for (int side = 0; side < 2; side++) {
        minke__dtls_free(lab->ends[side].dtls);
        SSL_free(lab->ends[side].ssl);
    }
    free(lab->datagrams);
}

void lab_post(lab_t *lab, int to, const uint8_t *data, size_t len, minke_time_t after)
{
    assert_true(lab->datagrams_n < LAB_DATAGRAMS_MAX && len <= LAB_DATAGRAM_MAX);
    lab_datagram_t *datagram = &lab->datagrams[lab->datagrams_n++];
    datagram->at = lab->now + after;
    datagram->order = ++lab->orders;
    datagram->to = to;
    datagram->len = len;
    memcpy(datagram->data, data, len);
}

static void send_datagram(lab_end_t *end, const uint8_t *data, size_t len)
{
    uint8_t copy[LAB_DATAGRAM_MAX];
    assert_true(len <= sizeof copy);
    memcpy(copy, data, len);
    end->sent_n++;
    if (len > end->largest) end->largest = len;
    if (end->lab->tap == NULL || end->lab->tap(end->lab, !end->side, copy, len))
        lab_post(end->lab, !end->side, copy, len, end->lab->latency);
}

static void take_plaintext(lab_end_t *end, const uint8_t *data, size_t len)
{
    assert_true(len <= sizeof end->received);
    memcpy(end->received, data, len);
    end->received_len = len;
    end->received_n++;
}

/* ---- ours */

static void flush_ours(lab_end_t *end)
{
    uint8_t out[1200];
    size_t len;
    while ((len = minke__dtls_transmit(end->dtls, out, sizeof out)) > 0) send_datagram(end, out, len);
}

static void hand_to_ours(lab_end_t *end, const uint8_t *data, size_t len)
{
    /* A block of its own size, so that a sanitizer sees every step beyond it. */
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    minke_dtls_input_t input = {copy, len, 0};
    uint8_t *plaintext;
    size_t plaintext_len;
    while (minke__dtls_next(end->dtls, &input, end->lab->now, &plaintext, &plaintext_len))
        take_plaintext(end, plaintext, plaintext_len);
    assert_int_equal(input.at, input.len);
    flush_ours(end);
    free(copy);
}

void lab_use_ours(lab_t *lab, int side, const minke_dtls_options_t *options)
{
    minke_dtls_options_t chosen = {0};
    if (options != NULL) chosen = *options;
    chosen.client = side == LAB_CLIENT;
    lab->ends[side].dtls = minke__dtls_new(lab_contexts[side], &chosen, 1, lab->now);
    assert_non_null(lab->ends[side].dtls);
}

/* ---- OpenSSL */

static int bio_write(BIO *bio, const char *data, int len)
{
    BIO_clear_retry_flags(bio);
    send_datagram(BIO_get_data(bio), (const uint8_t *)data, (size_t)len);
    return len;
}

static int bio_read(BIO *bio, char *out, int capacity)
{
    lab_end_t *end = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (end->incoming == NULL) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const int len = (int)end->incoming->len < capacity ? (int)end->incoming->len : capacity;
    memcpy(out, end->incoming->data, (size_t)len);
    end->incoming = NULL;
    return len;
}

static long bio_control(BIO *bio, int command, long number, void *argument)
{
    (void)number;
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT) {
        const struct timeval *tv = argument;
        ((lab_end_t *)BIO_get_data(bio))->ssl_deadline = tv->tv_sec * INT64_C(1000000) + tv->tv_usec;
    }
    return 0;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *method;
    if (method != NULL) return method;
    method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "lab");
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
    return method;
}

void lab_use_openssl(lab_t *lab, int side, SSL_CTX *context)
{
    lab_end_t *end = &lab->ends[side];
    BIO *bio = BIO_new(bio_method());
    BIO_set_data(bio, end);
    end->ssl = SSL_new(context);
    assert_non_null(end->ssl);
    SSL_set_bio(end->ssl, bio, bio);
    assert_true(SSL_set_mtu(end->ssl, 1176) != 0);
    if (side == LAB_SERVER) SSL_set_accept_state(end->ssl);
    else SSL_set_connect_state(end->ssl);
}

static void note_outcome(lab_end_t *end, int result)
{
    const int error = SSL_get_error(end->ssl, result);
    if (error == SSL_ERROR_WANT_READ) return;
    end->ssl_state = -1;
    end->ssl_error = error;
    end->ssl_reason = ERR_peek_last_error();
    ERR_clear_error();
}

static void drive_openssl(lab_end_t *end)
{
    uint8_t data[LAB_DATAGRAM_MAX];
    int result;
    ERR_clear_error();
    if (end->ssl_state == 0) {
        result = SSL_do_handshake(end->ssl);
        if (result == 1) end->ssl_state = 1;
        else note_outcome(end, result);
    }
    while (end->ssl_state == 1) {
        result = SSL_read(end->ssl, data, sizeof data);
        if (result > 0) {
            take_plaintext(end, data, (size_t)result);
            continue;
        }
        note_outcome(end, result);
        break;
    }
}

static int accept_chain(X509_STORE_CTX *store, void *argument)
{
    (void)store;
    (void)argument;
    return 1;
}

/* One RSA key for all: making one takes longer than anything else here. */
static EVP_PKEY *rsa_key(void)
{
    static EVP_PKEY *key;
    if (key == NULL) key = EVP_RSA_gen(2048);
    EVP_PKEY_up_ref(key);
    return key;
}

void lab_use_new_certificate(SSL_CTX *context, bool rsa, const char *curve, size_t padding)
{
    EVP_PKEY *key = rsa ? rsa_key() : EVP_EC_gen(curve);
    X509 *x509 = X509_new();
    unsigned char unit[64];
    assert_true(key != NULL && x509 != NULL);
    memset(unit, 'x', sizeof unit);
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 0x1234567);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400 * 14);
    X509_NAME *name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"peer", -1, -1, 0);
    for (size_t done = 0; done < padding; done += 60)
        X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC, unit, padding - done < 60 ? (int)(padding - done) : 60, -1,
                                   0);
    X509_set_issuer_name(x509, name);
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(context, x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    X509_free(x509);
    EVP_PKEY_free(key);
}

SSL_CTX *lab_openssl_context(bool rsa, const char *suites, const char *groups)
{
    SSL_CTX *context = SSL_CTX_new(DTLS_method());
    assert_non_null(context);
    SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION);
    if (suites != NULL) assert_int_equal(SSL_CTX_set_cipher_list(context, suites), 1);
    if (groups != NULL) assert_int_equal(SSL_CTX_set1_groups_list(context, groups), 1);
    lab_use_new_certificate(context, rsa, "P-256", 0);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, accept_chain, NULL);
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU);
    return context;
}

/* ---- both */

void lab_start(lab_t *lab)
{
    lab_end_t *end = &lab->ends[LAB_CLIENT];
    if (end->dtls == NULL) {
        drive_openssl(end);
        return;
    }
    minke__dtls_connect(end->dtls, lab->now);
    flush_ours(end);
}

static void hand_over(lab_t *lab, const lab_datagram_t *datagram)
{
    lab_end_t *end = &lab->ends[datagram->to];
    if (end->dtls != NULL) {
        hand_to_ours(end, datagram->data, datagram->len);
    } else if (end->ssl != NULL && end->ssl_state >= 0) {
        end->incoming = datagram;
        drive_openssl(end);
        end->incoming = NULL;
    }
}

void lab_inject(lab_t *lab, int to, const uint8_t *data, size_t len)
{
    lab_datagram_t datagram = {.to = to, .len = len};
    memcpy(datagram.data, data, len);
    hand_over(lab, &datagram);
}

static minke_time_t timer_of(const lab_end_t *end)
{
    if (end->dtls != NULL) return minke__dtls_deadline(end->dtls);
    if (end->ssl == NULL || end->ssl_state != 0 || end->ssl_deadline == 0) return MINKE_TIME_NEVER;
    return (minke_time_t)(end->ssl_deadline - wall_start);
}

static void run_timer(lab_end_t *end)
{
    if (end->dtls != NULL) {
        minke__dtls_tick(end->dtls, end->lab->now);
        flush_ours(end);
    } else if (DTLSv1_handle_timeout(end->ssl) < 0) end->ssl_state = -1;
}

static lab_datagram_t *next_arrival(lab_t *lab)
{
    lab_datagram_t *next = NULL;
    for (size_t i = 0; i < lab->datagrams_n; i++) {
        lab_datagram_t *datagram = &lab->datagrams[i];
        if (next == NULL || datagram->at < next->at || (datagram->at == next->at && datagram->order < next->order))
            next = datagram;
    }
    return next;
}

bool lab_step(lab_t *lab, minke_time_t until)
{
    lab_datagram_t *arrival = next_arrival(lab);
    minke_time_t at = arrival != NULL ? arrival->at : MINKE_TIME_NEVER;
    lab_end_t *due = NULL;
    for (int side = 0; side < 2; side++) {
        const minke_time_t timer = timer_of(&lab->ends[side]);
        if (timer >= at) continue;
        at = timer;
        due = &lab->ends[side];
    }
    if (at == MINKE_TIME_NEVER || at > until) return false;
    if (at > lab->now) set_now(lab, at);
    if (due != NULL) {
        run_timer(due);
    } else {
        const lab_datagram_t datagram = *arrival;
        *arrival = lab->datagrams[--lab->datagrams_n];
        hand_over(lab, &datagram);
    }
    return true;
}

void lab_run(lab_t *lab, minke_time_t until)
{
    while (lab_step(lab, until)) continue;
    set_now(lab, until);
}

int lab_state(const lab_t *lab, int side)
{
    const lab_end_t *end = &lab->ends[side];
    if (end->dtls == NULL) return end->ssl_state;
    switch (minke__dtls_state(end->dtls)) {
    case MINKE_DTLS_HANDSHAKE: return 0;
    case MINKE_DTLS_ESTABLISHED: return 1;
    default: return -1;
    }
}

const minke_close_t *lab_reason(const lab_t *lab, int side) { return minke__dtls_close_reason(lab->ends[side].dtls); }

bool lab_connect(lab_t *lab, minke_time_t until)
{
    while ((lab_state(lab, 0) == 0 || lab_state(lab, 1) == 0) && lab_step(lab, until)) continue;
    return lab_state(lab, 0) == 1 && lab_state(lab, 1) == 1;
}

void lab_send(lab_t *lab, int side, const void *bytes, size_t len)
{
    lab_end_t *end = &lab->ends[side];
    uint8_t record[LAB_DATAGRAM_MAX];
    if (end->dtls == NULL) {
        assert_int_equal(SSL_write(end->ssl, bytes, (int)len), (int)len);
        return;
    }
    memcpy(record + minke__dtls_head(end->dtls), bytes, len);
    const size_t record_len = minke__dtls_seal(end->dtls, record, len);
    assert_int_equal(record_len, minke__dtls_head(end->dtls) + len + minke__dtls_tail(end->dtls));
    send_datagram(end, record, record_len);
}

void lab_check_traffic(lab_t *lab)
{
    for (int round = 0; round < 3; round++)
        for (int side = 0; side < 2; side++) {
            const lab_end_t *end = &lab->ends[!side];
            const unsigned before = end->received_n;
            const char text[] = {'p', 'a', 'c', 'k', 'e', 't', (char)('0' + round), (char)('0' + side)};
            lab_send(lab, side, text, sizeof text);
            lab_run(lab, lab->now + lab->latency);
            assert_int_equal(end->received_n, before + 1);
            assert_int_equal(end->received_len, sizeof text);
            assert_memory_equal(end->received, text, sizeof text);
        }
}
