/* After the handshake: records in and out under our own keys, alerts, and the server's last flight. */
#include <string.h>

#include "dtls/private.h"

/* Between two answers to a repeated flight: below the shortest timer known (Chromium starts near 50 ms). */
enum { RESEND_AFTER = 40000 };

enum { CHANGE_CIPHER_SPEC_BYTES = MINKE_DTLS_HEADER_BYTES + 1 };

/* ChangeCipherSpec and Finished again, under fresh numbers: old ones may have fallen out of the client's window
 * (spec/dtls-openssl.md 7). */
static void resend_last_flight(minke_dtls_t *dtls, minke_time_t now)
{
    minke_dtls_last_flight_t *flight = &dtls->last_flight;
    uint8_t out[CHANGE_CIPHER_SPEC_BYTES + MINKE_DTLS_HEAD_MAX + MINKE_DTLS_FINISHED_BYTES + MINKE_DTLS_TAIL_MAX];
    uint8_t *record = out + CHANGE_CIPHER_SPEC_BYTES;
    minke__dtls_record_write_header(out, MINKE_DTLS_CHANGE_CIPHER_SPEC, 0, flight->next_clear_sequence++, 1);
    out[MINKE_DTLS_HEADER_BYTES] = 1;
    memcpy(record + minke__dtls_keys_head(&dtls->keys), flight->finished, sizeof flight->finished);
    const size_t len =
        minke__dtls_keys_seal(&dtls->keys, MINKE_DTLS_HANDSHAKE_MESSAGE, record, sizeof flight->finished);
    if (len == 0) return;
    minke__dtls_queue_out(dtls, out, CHANGE_CIPHER_SPEC_BYTES + len, 0);
    flight->resends++;
    flight->not_before = now + RESEND_AFTER;
    minke__trace(dtls->env, now, dtls->connection, MINKE_TRACE_DTLS_LAST_FLIGHT_REPEATED, NULL, flight->resends);
}

/* Of what a client repeats only its Finished proves anything. All other handshake records of epoch 1 are attempts to
 * renegotiate; to answer one ends the connection with OpenSSL peers, to ignore it does not. */
static void take_handshake(minke_dtls_t *dtls, const minke_dtls_record_t *record, minke_time_t now)
{
    const minke_dtls_last_flight_t *flight = &dtls->last_flight;
    size_t len;
    if (!flight->kept || flight->resends >= MINKE_DTLS_RESENDS_MAX || now < flight->not_before) return;
    const uint8_t *message = minke__dtls_keys_open(&dtls->keys, record, &len);
    if (message == NULL) dtls->env->counters->dtls_record_bad++;
    else if (len == MINKE_DTLS_FINISHED_BYTES && message[0] == MINKE_DTLS_FINISHED) resend_last_flight(dtls, now);
}

void minke__dtls_send_alert(minke_dtls_t *dtls, uint8_t level, uint8_t description)
{
    uint8_t record[MINKE_DTLS_HEAD_MAX + 2 + MINKE_DTLS_TAIL_MAX];
    uint8_t *plaintext = record + minke__dtls_keys_head(&dtls->keys);
    plaintext[0] = level;
    plaintext[1] = description;
    const size_t len = minke__dtls_keys_seal(&dtls->keys, MINKE_DTLS_ALERT, record, 2);
    if (len > 0) minke__dtls_queue_out(dtls, record, len, 0);
}

static void take_alert(minke_dtls_t *dtls, const uint8_t *alert, size_t len, minke_time_t now)
{
    if (len != 2) return;
    if (alert[1] == MINKE_DTLS_CLOSE_NOTIFY) {
        /* To be answered, RFC 5246 7.2.1. */
        minke__dtls_send_alert(dtls, MINKE_DTLS_ALERT_WARNING, MINKE_DTLS_CLOSE_NOTIFY);
        minke__dtls_end(dtls, now, 0, true, "the remote closed the connection", NULL);
    } else if (alert[0] == MINKE_DTLS_ALERT_FATAL)
        minke__dtls_end(dtls, now, alert[1], true,
                        "the remote sent a fatal alert: ", SSL_alert_desc_string_long(alert[1]));
}

/* Alerts and application data. */
static uint8_t *open_fresh(minke_dtls_t *dtls, const minke_dtls_record_t *record, size_t *len)
{
    if (!minke__dtls_window_is_fresh(&dtls->keys.window, record->sequence)) {
        dtls->env->counters->dtls_record_replayed++;
        return NULL;
    }
    uint8_t *plaintext = minke__dtls_keys_open(&dtls->keys, record, len);
    if (plaintext == NULL) {
        dtls->env->counters->dtls_record_bad++;
        return NULL;
    }
    minke__dtls_window_mark(&dtls->keys.window, record->sequence);
    dtls->last_flight.kept = false; /* the client can only have sealed this after our Finished */
    return plaintext;
}

bool minke__dtls_established_record(minke_dtls_t *dtls, const minke_dtls_record_t *record, minke_time_t now,
                                    uint8_t **plaintext, size_t *len)
{
    if (record->epoch == 0) return false; /* late, repeated or forged: proves nothing */
    if (record->epoch > 1 || record->version != MINKE_DTLS_VERSION_1_2 || record->type < MINKE_DTLS_ALERT ||
        record->type > MINKE_DTLS_APPLICATION_DATA) {
        dtls->env->counters->dtls_record_malformed++;
        return false;
    }
    if (record->type == MINKE_DTLS_HANDSHAKE_MESSAGE) {
        take_handshake(dtls, record, now);
        return false;
    }
    *plaintext = open_fresh(dtls, record, len);
    if (*plaintext == NULL) return false;
    if (record->type == MINKE_DTLS_APPLICATION_DATA) return *len > 0;
    take_alert(dtls, *plaintext, *len, now);
    return false;
}
