#include "dtls/dtls.h"

#include <string.h>

#include "base/wire.h"
#include "dtls/private.h"

minke_dtls_t *minke__dtls_new(minke_dtls_context_t *context, const minke_dtls_options_t *options,
                              minke_connection_t connection, minke_time_t now)
{
    const minke_env_t *env = options->env != NULL ? options->env : context->env;
    minke_dtls_t *dtls = minke__alloc_zero(env, sizeof *dtls);
    if (dtls == NULL) return NULL;
    dtls->context = context;
    dtls->env = env;
    dtls->connection = connection;
    dtls->client = options->client;
    dtls->state = MINKE_DTLS_HANDSHAKE;
    dtls->handshake = minke__dtls_handshake_new(dtls, options, now);
    if (dtls->handshake == NULL) {
        minke__free(env, dtls);
        return NULL;
    }
    minke__trace(dtls->env, now, connection, MINKE_TRACE_DTLS_HANDSHAKE_STARTED, NULL, dtls->client);
    return dtls;
}

void minke__dtls_free(minke_dtls_t *dtls)
{
    if (dtls == NULL) return;
    const minke_env_t *env = dtls->env;
    minke__dtls_handshake_free(dtls);
    minke__dtls_keys_free(&dtls->keys);
    minke__dtls_queue_free(&dtls->out, env);
    minke__dtls_queue_free(&dtls->early, env);
    minke__free(env, dtls->lent);
    minke__free(env, dtls);
}

void minke__dtls_end(minke_dtls_t *dtls, minke_time_t now, int code, bool by_remote, const char *text,
                     const char *detail)
{
    minke_close_t *close = &dtls->close;
    minke_writer_t w = minke__writer(close->text, sizeof close->text);
    *close = (minke_close_t){.layer = MINKE_LAYER_DTLS, .code = code, .by_remote = by_remote};
    minke__write_text(&w, text);
    if (detail != NULL) minke__write_text(&w, detail);
    minke__write_terminator(&w);
    dtls->state = MINKE_DTLS_ENDED;
    minke__trace(dtls->env, now, dtls->connection, MINKE_TRACE_DTLS_ENDED, close->text, code > 0 ? (uint64_t)code : 0);
    minke__dtls_handshake_free(dtls);
    minke__dtls_keys_free(&dtls->keys);
    minke__dtls_queue_free(&dtls->early, dtls->env);
}

void minke__dtls_connect(minke_dtls_t *dtls, minke_time_t now)
{
    if (dtls->state == MINKE_DTLS_HANDSHAKE && dtls->client) minke__dtls_handshake_advance(dtls, now);
}

void minke__dtls_expect(minke_dtls_t *dtls, const uint8_t (*fingerprints)[32], uint8_t n)
{
    if (dtls->handshake == NULL) return;
    minke_dtls_options_t *options = &dtls->handshake->options;
    options->check_fingerprint = true;
    options->fingerprints_n = n;
    memcpy(options->fingerprints, fingerprints, n * sizeof options->fingerprints[0]);
}

static bool read_record(minke_dtls_t *dtls, minke_dtls_input_t *input, minke_dtls_record_t *record)
{
    if (input->at >= input->len) return false;
    if (minke__dtls_record_read(input->data + input->at, input->len - input->at, record)) {
        input->at += record->len;
        return true;
    }
    dtls->env->counters->dtls_record_malformed++;
    input->at = input->len;
    return false;
}

/* The next record that came before its keys. It stays allocated while its plaintext is out. */
static bool take_early(minke_dtls_t *dtls, minke_time_t now, uint8_t **plaintext, size_t *len)
{
    minke_dtls_record_t record;
    dtls->lent = minke__dtls_queue_pop(&dtls->early);
    const bool found = minke__dtls_record_read(dtls->lent->bytes, dtls->lent->len, &record) &&
                       minke__dtls_established_record(dtls, &record, now, plaintext, len);
    if (found) return true;
    minke__free(dtls->env, dtls->lent);
    dtls->lent = NULL;
    return false;
}

bool minke__dtls_next(minke_dtls_t *dtls, minke_dtls_input_t *input, minke_time_t now, uint8_t **plaintext, size_t *len)
{
    minke_dtls_record_t record;
    minke__free(dtls->env, dtls->lent);
    dtls->lent = NULL;
    while (dtls->state != MINKE_DTLS_ENDED) {
        if (dtls->state == MINKE_DTLS_ESTABLISHED && dtls->early.count > 0) {
            if (take_early(dtls, now, plaintext, len)) return true;
            continue;
        }
        if (!read_record(dtls, input, &record)) return false;
        if (dtls->state == MINKE_DTLS_HANDSHAKE) minke__dtls_handshake_record(dtls, &record, now);
        else if (minke__dtls_established_record(dtls, &record, now, plaintext, len)) return true;
    }
    input->at = input->len;
    return false;
}

size_t minke__dtls_transmit(minke_dtls_t *dtls, uint8_t *out, size_t capacity)
{
    if (dtls->out.first == NULL || dtls->out.first->len > capacity) return 0;
    minke_dtls_item_t *item = minke__dtls_queue_pop(&dtls->out);
    const size_t len = item->len;
    memcpy(out, item->bytes, len);
    minke__free(dtls->env, item);
    return len;
}

size_t minke__dtls_transmit_len(const minke_dtls_t *dtls) { return dtls->out.first != NULL ? dtls->out.first->len : 0; }

size_t minke__dtls_head(const minke_dtls_t *dtls) { return minke__dtls_keys_head(&dtls->keys); }

size_t minke__dtls_tail(const minke_dtls_t *dtls)
{
    (void)dtls;
    return MINKE_DTLS_TAG_BYTES;
}

size_t minke__dtls_seal(minke_dtls_t *dtls, uint8_t *record, size_t len)
{
    return minke__dtls_keys_seal(&dtls->keys, MINKE_DTLS_APPLICATION_DATA, record, len);
}

minke_time_t minke__dtls_deadline(const minke_dtls_t *dtls)
{
    return dtls->handshake != NULL ? minke__dtls_handshake_deadline(dtls->handshake) : MINKE_TIME_NEVER;
}

void minke__dtls_tick(minke_dtls_t *dtls, minke_time_t now)
{
    if (dtls->handshake != NULL) minke__dtls_handshake_tick(dtls, now);
}

void minke__dtls_close(minke_dtls_t *dtls, minke_time_t now)
{
    if (dtls->state == MINKE_DTLS_ENDED) return;
    if (dtls->state == MINKE_DTLS_ESTABLISHED)
        minke__dtls_send_alert(dtls, MINKE_DTLS_ALERT_WARNING, MINKE_DTLS_CLOSE_NOTIFY);
    minke__dtls_end(dtls, now, 0, false, "closed", NULL);
}

minke_dtls_state_t minke__dtls_state(const minke_dtls_t *dtls) { return dtls->state; }
const minke_close_t *minke__dtls_close_reason(const minke_dtls_t *dtls) { return &dtls->close; }
const uint8_t *minke__dtls_remote_fingerprint(const minke_dtls_t *dtls) { return dtls->remote_fingerprint; }
uint16_t minke__dtls_cipher_suite(const minke_dtls_t *dtls) { return dtls->suite; }
