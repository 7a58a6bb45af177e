/* Chunks beside set-up, data and resets: HEARTBEAT, ERROR, ABORT, SHUTDOWN (spec/sctp.md 10). */
#include <string.h>

#include "sctp/association.h"

enum { CONTROLS_MAX = 16 };

void minke__sctp_queue_control(minke_sctp_t *sctp, uint8_t type, const void *body, size_t len)
{
    const size_t most = (size_t)sctp->options.packet_max - MINKE_SCTP_HEADER_BYTES - MINKE_SCTP_CHUNK_HEADER_BYTES;
    if (sctp->controls_n >= CONTROLS_MAX || len > (most & ~(size_t)3)) return;
    const size_t chunk_len = MINKE_SCTP_CHUNK_HEADER_BYTES + len, padded = (chunk_len + 3) & ~(size_t)3;
    minke_sctp_control_t *control = minke__alloc(sctp->env, sizeof *control + padded);
    if (control == NULL) return;
    minke_writer_t w = minke__writer(control->bytes, padded);
    minke__write_u8(&w, type);
    minke__write_u8(&w, 0);
    minke__write_u16(&w, (uint16_t)chunk_len);
    minke__write_bytes(&w, body, len);
    minke__write_zeros(&w, padded - chunk_len);
    control->len = padded;
    control->next = NULL;
    minke_sctp_control_t **end = &sctp->controls;
    while (*end != NULL) end = &(*end)->next;
    *end = control;
    sctp->controls_n++;
}

void minke__sctp_queue_error(minke_sctp_t *sctp, uint16_t cause, const void *info, size_t len)
{
    uint8_t body[256];
    if (len > sizeof body - MINKE_SCTP_CHUNK_HEADER_BYTES) len = sizeof body - MINKE_SCTP_CHUNK_HEADER_BYTES;
    minke_writer_t w = minke__writer(body, sizeof body);
    minke__write_u16(&w, cause);
    minke__write_u16(&w, (uint16_t)(MINKE_SCTP_CHUNK_HEADER_BYTES + len));
    minke__write_bytes(&w, info, len);
    minke__sctp_queue_control(sctp, MINKE_CHUNK_ERROR, w.data, w.len);
}

void minke__sctp_write_controls(minke_sctp_t *sctp, minke_writer_t *w)
{
    while (sctp->controls != NULL && sctp->controls->len <= minke__writer_left(w)) {
        minke_sctp_control_t *control = sctp->controls;
        minke__write_bytes(w, control->bytes, control->len);
        sctp->controls = control->next;
        sctp->controls_n--;
        minke__free(sctp->env, control);
    }
}

void minke__sctp_free_controls(minke_sctp_t *sctp)
{
    while (sctp->controls != NULL) {
        minke_sctp_control_t *control = sctp->controls;
        sctp->controls = control->next;
        minke__free(sctp->env, control);
    }
    sctp->controls_n = 0;
}

void minke__sctp_recv_heartbeat(minke_sctp_t *sctp, minke_reader_t body)
{
    if (body.len > 0) minke__sctp_queue_control(sctp, MINKE_CHUNK_HEARTBEAT_ACK, body.data, body.len);
}

/* The first cause, and what it says: `text` is NULL if that is nothing. */
static uint16_t read_cause(minke_reader_t body, const uint8_t **text, size_t *len)
{
    const uint16_t cause = minke__read_u16(&body);
    const uint16_t cause_len = minke__read_u16(&body);
    *text = NULL;
    *len = 0;
    if (body.failed || cause_len < MINKE_SCTP_CHUNK_HEADER_BYTES) return body.failed ? 0 : cause;
    const size_t most = minke__reader_left(&body), want = (size_t)cause_len - MINKE_SCTP_CHUNK_HEADER_BYTES;
    *len = want < most ? want : most;
    *text = minke__read_bytes(&body, *len);
    return cause;
}

void minke__sctp_recv_error(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now)
{
    const uint8_t *text;
    size_t len;
    const uint16_t cause = read_cause(body, &text, &len);
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_ERROR_RECEIVED, NULL, cause);
    if (cause == MINKE_CAUSE_STALE_COOKIE && sctp->state == MINKE_SCTP_COOKIE_ECHOED) minke__sctp_restart_setup(sctp);
}

void minke__sctp_recv_abort(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now)
{
    const uint8_t *text;
    size_t len;
    const uint16_t cause = read_cause(body, &text, &len);
    const bool is_text = cause == MINKE_CAUSE_USER_INITIATED || cause == MINKE_CAUSE_PROTOCOL_VIOLATION;
    static const char nothing[] = "aborted by the remote";
    if (is_text && len > 0) minke__sctp_end(sctp, cause, true, (const char *)text, len, now);
    else minke__sctp_end(sctp, cause, true, nothing, sizeof nothing - 1, now);
}

/* libdatachannel ends its associations this way; Chromium and pion send ABORT. */
void minke__sctp_recv_shutdown(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now)
{
    const uint32_t cumulative = minke__read_u32(&body);
    if (body.failed) {
        sctp->env->counters->sctp_malformed++;
        return;
    }
    if (!minke__sctp_up(sctp)) return;
    minke__sctp_recv_cumulative(sctp, cumulative, now);
    if (sctp->state != MINKE_SCTP_ESTABLISHED) return;
    sctp->state = MINKE_SCTP_SHUTDOWN_RECEIVED;
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_SHUTDOWN_RECEIVED, NULL, 0);
    minke__sctp_timers_shutdown(sctp, now);
}

void minke__sctp_finish_shutdown(minke_sctp_t *sctp, bool at_once, minke_time_t now)
{
    if (sctp->state != MINKE_SCTP_SHUTDOWN_RECEIVED || (!at_once && !minke__sctp_all_sent(sctp))) return;
    static const char text[] = "shut down by the remote";
    minke__sctp_end(sctp, 0, true, text, sizeof text - 1, now);
    sctp->farewell.tag = sctp->peer.tag;
    sctp->farewell.shutdown_ack_due = true;
}
