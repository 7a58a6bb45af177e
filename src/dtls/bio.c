/* The BIO between OpenSSL and the queues: one write is a datagram, one read is a record. spec/dtls-openssl.md 1. */
#include <openssl/bio.h>
#include <string.h>

#include "base/wire.h"
#include "dtls/private.h"

void minke__dtls_queue_out(minke_dtls_t *dtls, const uint8_t *data, size_t len, size_t capacity)
{
    if (dtls->out.count >= MINKE_DTLS_OUT_MAX) minke__free(dtls->env, minke__dtls_queue_pop(&dtls->out));
    (void)minke__dtls_queue_add(&dtls->out, dtls->env, data, len, capacity);
}

/* A retransmitted flight comes as one message per datagram: what one call wrote goes together again. */
static bool join(minke_dtls_t *dtls, const uint8_t *data, size_t len)
{
    minke_dtls_item_t *last = dtls->out.last;
    if (!dtls->handshake->join || last == NULL || len > last->capacity - last->len) return false;
    memcpy(last->bytes + last->len, data, len);
    last->len += len;
    dtls->out.bytes += len;
    return true;
}

/* OpenSSL does not tell its sequence numbers: they are read off the records. */
static void note_numbers(minke_dtls_handshake_t *handshake, uint8_t *data, size_t len)
{
    minke_dtls_record_t record;
    for (size_t at = 0; minke__dtls_record_read(data + at, len - at, &record); at += record.len) {
        if (record.epoch > 1) continue;
        handshake->next_sequence[record.epoch] = record.sequence + 1;
        if (record.epoch == 0 || record.body_len < 8) continue;
        minke_reader_t r = minke__reader(record.body, 8);
        handshake->finished_nonce = minke__read_u64(&r);
        handshake->finished_sequence = record.sequence;
    }
}

static int write_datagram(BIO *bio, const char *bytes, int len)
{
    minke_dtls_t *dtls = BIO_get_data(bio);
    uint8_t data[MINKE_DTLS_DATAGRAM_MAX];
    BIO_clear_retry_flags(bio);
    if (dtls->handshake == NULL || len <= 0 || (size_t)len > sizeof data) {
        if (dtls->handshake != NULL) dtls->handshake->broken = true;
        return -1;
    }
    memcpy(data, bytes, (size_t)len);
    note_numbers(dtls->handshake, data, (size_t)len);
    if (!join(dtls, data, (size_t)len)) minke__dtls_queue_out(dtls, data, (size_t)len, MINKE_DTLS_DATAGRAM_MAX);
    dtls->handshake->join = true;
    return len;
}

static int read_record(BIO *bio, char *out, int capacity)
{
    minke_dtls_t *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (dtls->handshake == NULL || dtls->handshake->incoming == NULL || capacity <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const size_t held = dtls->handshake->incoming_len;
    const size_t len = held < (size_t)capacity ? held : (size_t)capacity;
    memcpy(out, dtls->handshake->incoming, len);
    dtls->handshake->incoming = NULL;
    return (int)len;
}

static long control(BIO *bio, int command, long number, void *argument)
{
    minke_dtls_t *dtls = BIO_get_data(bio);
    (void)number;
    (void)argument;
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT && dtls->handshake != NULL) dtls->handshake->timer_changed = true;
    return 0;
}

static int create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *minke__dtls_bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "minke datagrams");
    if (method == NULL) return NULL;
    if (BIO_meth_set_write(method, write_datagram) == 1 && BIO_meth_set_read(method, read_record) == 1 &&
        BIO_meth_set_ctrl(method, control) == 1 && BIO_meth_set_create(method, create) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

BIO *minke__dtls_bio_new(minke_dtls_t *dtls)
{
    BIO *bio = BIO_new(dtls->context->bio_method);
    if (bio != NULL) BIO_set_data(bio, dtls);
    return bio;
}
