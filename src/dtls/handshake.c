/*
 * The handshake: what comes in is checked and handed to OpenSSL one message at a time, what OpenSSL writes is queued,
 * and when it is done its keys are taken over and the SSL object is freed.
 *
 *   clear record --> judge --> pieces put together --> renumbered --> SSL_do_handshake
 *                      \-> fatal alert: held for a while; if nothing genuine comes until then, the handshake has failed
 *   epoch-1 record --> Finished, once ChangeCipherSpec is through --> SSL_do_handshake
 *                  \-> everything else is kept until there are keys (bounded)
 */
#include <openssl/err.h>
#include <string.h>
#include <sys/time.h>

#include "dtls/private.h"

enum {
    SECOND = 1000000,
    /* 200 ms doubling to 3 s: a server's lost flight is repaired by this alone (spec/dtls-openssl.md 3). */
    RETRANSMIT_MIN = SECOND / 5,
    RETRANSMIT_MAX = 3 * SECOND,
    RETRANSMIT_EARLY = SECOND / 2,
    /* OpenSSL takes its timer for expired this much early. */
    RETRANSMIT_SLOP = 15000,
    DEADLINE_DEFAULT = 30 * SECOND,
    /* Long enough for a retransmission and its answer to show that a clear alert was forged. */
    ALERT_HOLD = 400000
};

static unsigned int next_timeout(SSL *ssl, unsigned int last)
{
    const minke_dtls_handshake_t *handshake = minke__dtls_of(ssl)->handshake;
    const bool unanswered = handshake != NULL && handshake->options.early && handshake->incoming_sequence == 0;
    if (last == 0) return unanswered ? RETRANSMIT_EARLY : RETRANSMIT_MIN;
    return last > RETRANSMIT_MAX / 2 ? RETRANSMIT_MAX : 2 * last;
}

/* The record layer and the certificate callbacks find the connection through the SSL object and its BIO. */
static SSL *new_ssl(minke_dtls_t *dtls)
{
    SSL *ssl = SSL_new(dtls->context->ssl_context);
    BIO *bio = minke__dtls_bio_new(dtls);
    if (ssl == NULL || bio == NULL || SSL_set_app_data(ssl, dtls) != 1 || SSL_set_mtu(ssl, MINKE_DTLS_MTU) == 0) {
        SSL_free(ssl);
        BIO_free(bio);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_bio(ssl, bio, bio);
    DTLS_set_timer_cb(ssl, next_timeout);
    if (dtls->client) SSL_set_connect_state(ssl);
    else SSL_set_accept_state(ssl);
    return ssl;
}

minke_dtls_handshake_t *minke__dtls_handshake_new(minke_dtls_t *dtls, const minke_dtls_options_t *options,
                                                  minke_time_t now)
{
    minke_dtls_handshake_t *handshake = minke__alloc_zero(dtls->env, sizeof *handshake);
    if (handshake == NULL) return NULL;
    handshake->options = *options;
    handshake->deadline = now + (options->handshake_after > 0 ? options->handshake_after : DEADLINE_DEFAULT);
    handshake->retransmit_at = MINKE_TIME_NEVER;
    handshake->alert_at = MINKE_TIME_NEVER;
    handshake->ssl = new_ssl(dtls);
    if (handshake->ssl != NULL) return handshake;
    minke__free(dtls->env, handshake);
    return NULL;
}

void minke__dtls_handshake_free(minke_dtls_t *dtls)
{
    minke_dtls_handshake_t *handshake = dtls->handshake;
    if (handshake == NULL) return;
    dtls->handshake = NULL; /* the BIO looks */
    SSL_free(handshake->ssl);
    minke__dtls_assembly_free(&handshake->assembly, dtls->env);
    OPENSSL_cleanse(handshake, sizeof *handshake);
    minke__free(dtls->env, handshake);
}

/* From here on the records are ours, and nothing of OpenSSL's handshake is needed but what is copied here. */
static void complete(minke_dtls_t *dtls, minke_time_t now)
{
    minke_dtls_handshake_t *handshake = dtls->handshake;
    /* The nonces count on from OpenSSL's own, so that all of them differ for certain. */
    const uint64_t sequence = handshake->next_sequence[1];
    const uint64_t nonce = handshake->finished_nonce + (sequence - handshake->finished_sequence);
    if (!handshake->certificate_seen ||
        !minke__dtls_keys_derive(&dtls->keys, &dtls->context->algorithms, handshake->ssl)) {
        minke__dtls_end(dtls, now, MINKE_ERROR_CRYPTO, false, "the keys of the handshake cannot be used", NULL);
        return;
    }
    minke__dtls_keys_start(&dtls->keys, sequence, nonce);
    dtls->suite = dtls->keys.suite;
    memcpy(dtls->remote_fingerprint, handshake->fingerprint, sizeof dtls->remote_fingerprint);
    dtls->last_flight.kept = !dtls->client; /* in a full handshake the server speaks last */
    dtls->last_flight.next_clear_sequence = handshake->next_sequence[0];
    memcpy(dtls->last_flight.finished, handshake->finished, sizeof dtls->last_flight.finished);
    dtls->state = MINKE_DTLS_ESTABLISHED;
    minke__trace(dtls->env, now, dtls->connection, MINKE_TRACE_DTLS_HANDSHAKE_DONE, NULL, dtls->suite);
    minke__dtls_handshake_free(dtls);
}

static void fail(minke_dtls_t *dtls, minke_time_t now)
{
    const minke_dtls_handshake_t *handshake = dtls->handshake;
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    const int code = handshake->alert_sent != 0 ? handshake->alert_sent : MINKE_ERROR_CRYPTO;
    if (handshake->certificate_refused)
        minke__dtls_end(dtls, now, MINKE_DTLS_BAD_CERTIFICATE, false,
                        "the remote's certificate does not match the certhash", NULL);
    else minke__dtls_end(dtls, now, code, false, "handshake failed: ", reason != NULL ? reason : "unknown cause");
}

/* The span that OpenSSL's timer has left is turned into an instant of ours: only libssl ever reads the wall clock. */
static void follow_timer(minke_dtls_handshake_t *handshake, minke_time_t now)
{
    struct timeval left = {0, 0};
    handshake->timer_changed = false;
    if (DTLSv1_get_timeout(handshake->ssl, &left) != 1) {
        handshake->retransmit_at = MINKE_TIME_NEVER;
        return;
    }
    handshake->retransmit_at = now + (minke_time_t)left.tv_sec * SECOND + (minke_time_t)left.tv_usec;
}

static void take_outcome(minke_dtls_t *dtls, minke_time_t now, bool failed)
{
    minke_dtls_handshake_t *handshake = dtls->handshake;
    if (failed || handshake->broken) {
        fail(dtls, now);
        return;
    }
    if (handshake->progress) handshake->alert_at = MINKE_TIME_NEVER; /* who has given up sends no more messages */
    handshake->progress = false;
    if (handshake->timer_changed) follow_timer(handshake, now);
}

void minke__dtls_handshake_advance(minke_dtls_t *dtls, minke_time_t now)
{
    ERR_clear_error();
    dtls->handshake->join = false;
    const int result = SSL_do_handshake(dtls->handshake->ssl);
    if (result == 1) complete(dtls, now);
    else take_outcome(dtls, now, SSL_get_error(dtls->handshake->ssl, result) == SSL_ERROR_SSL);
    ERR_clear_error();
}

static void feed(minke_dtls_t *dtls, const uint8_t *record, size_t len, minke_time_t now)
{
    dtls->handshake->incoming = record;
    dtls->handshake->incoming_len = len;
    minke__dtls_handshake_advance(dtls, now);
    if (dtls->handshake != NULL) dtls->handshake->incoming = NULL;
}

/* A clear record under a number of ours: with the number on the wire, one forged record could make all real ones look
 * old. The version becomes the one that OpenSSL will insist on, whatever the remote took for a start. */
static void feed_clear(minke_dtls_t *dtls, uint8_t type, uint8_t *record, size_t body_len, minke_time_t now)
{
    minke__dtls_record_write_header(record, type, 0, dtls->handshake->incoming_sequence++, body_len);
    feed(dtls, record, MINKE_DTLS_HEADER_BYTES + body_len, now);
}

static void feed_message(minke_dtls_t *dtls, const minke_dtls_message_t *message, uint8_t *record, minke_time_t now)
{
    size_t len = MINKE_DTLS_HEADER_BYTES + MINKE_DTLS_MESSAGE_HEADER_BYTES + (size_t)message->piece_len;
    if (message->piece_len < message->total_len)
        record = minke__dtls_assembly_add(&dtls->handshake->assembly, dtls->env, message, &len);
    if (record != NULL) feed_clear(dtls, MINKE_DTLS_HANDSHAKE_MESSAGE, record, len - MINKE_DTLS_HEADER_BYTES, now);
}

/* One message at a time. Each gets a record header of its own, written over what precedes it: the record's header, or
 * the message before, which is done with. */
static void take_messages(minke_dtls_t *dtls, const minke_dtls_record_t *record, minke_time_t now)
{
    const uint8_t *body = record->body;
    size_t body_len = record->body_len;
    minke_dtls_message_t message;
    while (dtls->state == MINKE_DTLS_HANDSHAKE && body_len > 0) {
        uint8_t *start = record->data + (body - record->body);
        if (!minke__dtls_message_read(&body, &body_len, &message)) return;
        /* What OpenSSL has had it drops, but looks at first. */
        if (message.sequence >= dtls->handshake->next_message) feed_message(dtls, &message, start, now);
    }
}

static void hold_alert(minke_dtls_t *dtls, uint8_t alert, minke_time_t now)
{
    minke_dtls_handshake_t *handshake = dtls->handshake;
    if (handshake->alert_at != MINKE_TIME_NEVER) return;
    handshake->alert_held = true;
    handshake->alert = alert;
    handshake->alert_at = now + ALERT_HOLD;
    minke__trace(dtls->env, now, dtls->connection, MINKE_TRACE_DTLS_ALERT_HELD, SSL_alert_desc_string_long(alert),
                 alert);
}

static void take_clear(minke_dtls_t *dtls, const minke_dtls_record_t *record, minke_time_t now)
{
    switch (minke__dtls_judge_clear(record, dtls->client)) {
    case MINKE_DTLS_MALFORMED: dtls->env->counters->dtls_record_malformed++; break;
    case MINKE_DTLS_IGNORE: break;
    case MINKE_DTLS_HOLD: hold_alert(dtls, record->body[1], now); break;
    case MINKE_DTLS_FEED:
        if (record->type == MINKE_DTLS_HANDSHAKE_MESSAGE) take_messages(dtls, record, now);
        else feed_clear(dtls, record->type, record->data, record->body_len, now);
        break;
    }
}

static void keep_early(minke_dtls_t *dtls, const minke_dtls_record_t *record)
{
    if (dtls->early.count >= MINKE_DTLS_EARLY_MAX || dtls->early.bytes + record->len > MINKE_DTLS_EARLY_BYTES_MAX)
        return;
    (void)minke__dtls_queue_add(&dtls->early, dtls->env, record->data, record->len, record->len);
}

/* The only handshake message under protection is Finished. A record too short to hold its tag would be fatal to OpenSSL
 * since 3.0.20; earlier ones dropped it. */
static bool is_finished_sized(size_t body_len)
{
    return body_len >= MINKE_DTLS_FINISHED_RECORD_MIN && body_len <= MINKE_DTLS_FINISHED_RECORD_MAX;
}

static bool may_be_protected(const minke_dtls_record_t *record)
{
    if (record->version != MINKE_DTLS_VERSION_1_2) return false;
    if (record->type == MINKE_DTLS_HANDSHAKE_MESSAGE) return is_finished_sized(record->body_len);
    return record->type == MINKE_DTLS_ALERT || record->type == MINKE_DTLS_APPLICATION_DATA;
}

/* A Finished is fed only after ChangeCipherSpec: OpenSSL would keep it until then in a buffer of 16 KiB a record.
 * Application data never: it would be lost inside the SSL object (spec/dtls-openssl.md 6). */
static void take_protected(minke_dtls_t *dtls, const minke_dtls_record_t *record, minke_time_t now)
{
    if (!may_be_protected(record)) {
        dtls->env->counters->dtls_record_malformed++;
        return;
    }
    if (record->type == MINKE_DTLS_HANDSHAKE_MESSAGE && dtls->handshake->cipher_changed)
        feed(dtls, record->data, record->len, now);
    else keep_early(dtls, record);
}

/* Finished messages that came before their ChangeCipherSpec; once there is one, none is left in the queue. */
static void feed_early_finished(minke_dtls_t *dtls, minke_time_t now)
{
    for (size_t n = dtls->early.count; n > 0; n--) {
        minke_dtls_item_t *item = minke__dtls_queue_pop(&dtls->early);
        if (item->bytes[0] != MINKE_DTLS_HANDSHAKE_MESSAGE) {
            minke__dtls_queue_push(&dtls->early, item);
            continue;
        }
        if (dtls->state == MINKE_DTLS_HANDSHAKE) feed(dtls, item->bytes, item->len, now);
        minke__free(dtls->env, item);
        if (dtls->state == MINKE_DTLS_ENDED) return; /* which has emptied the queue */
    }
}

void minke__dtls_handshake_record(minke_dtls_t *dtls, const minke_dtls_record_t *record, minke_time_t now)
{
    const bool before = dtls->handshake->cipher_changed;
    if (record->epoch == 0) take_clear(dtls, record, now);
    else if (record->epoch == 1) take_protected(dtls, record, now);
    else dtls->env->counters->dtls_record_malformed++;
    if (dtls->state == MINKE_DTLS_HANDSHAKE && dtls->handshake->cipher_changed && !before)
        feed_early_finished(dtls, now);
}

minke_time_t minke__dtls_handshake_deadline(const minke_dtls_handshake_t *handshake)
{
    minke_time_t at = handshake->deadline;
    if (handshake->retransmit_at < at) at = handshake->retransmit_at;
    if (handshake->alert_at < at) at = handshake->alert_at;
    return at;
}

/* The remote's clear alert, if there was one, is the likelier cause of whatever made us give up. */
static void give_up(minke_dtls_t *dtls, minke_time_t now)
{
    const minke_dtls_handshake_t *handshake = dtls->handshake;
    const uint8_t alert = handshake->alert;
    if (!handshake->alert_held)
        minke__dtls_end(dtls, now, MINKE_ERROR_TIMEOUT, false,
                        "the DTLS handshake was not answered, or not finished, in time", NULL);
    else if (alert == MINKE_DTLS_CLOSE_NOTIFY)
        minke__dtls_end(dtls, now, 0, true, "the remote closed the connection in the handshake", NULL);
    else
        minke__dtls_end(dtls, now, alert, true,
                        "the remote refused the handshake: ", SSL_alert_desc_string_long(alert));
}

static void retransmit(minke_dtls_t *dtls, minke_time_t now)
{
    minke_dtls_handshake_t *handshake = dtls->handshake;
    ERR_clear_error();
    handshake->join = false;
    const bool failed = DTLSv1_handle_timeout(handshake->ssl) < 0;
    ERR_clear_error();
    if (failed) {
        give_up(dtls, now); /* OpenSSL allows 12 retransmissions */
        return;
    }
    minke__trace(dtls->env, now, dtls->connection, MINKE_TRACE_DTLS_FLIGHT_REPEATED, NULL, 0);
    follow_timer(handshake, now);
    /* The clocks disagree by more than the slop if it is due once more: no busy loop. */
    if (handshake->retransmit_at <= now) handshake->retransmit_at = now + RETRANSMIT_SLOP;
}

void minke__dtls_handshake_tick(minke_dtls_t *dtls, minke_time_t now)
{
    const minke_dtls_handshake_t *handshake = dtls->handshake;
    if (now >= handshake->alert_at || now >= handshake->deadline) give_up(dtls, now);
    else if (now >= handshake->retransmit_at) retransmit(dtls, now);
}
