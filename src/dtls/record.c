#include "dtls/record.h"

#include <string.h>

#include "base/wire.h"

/* OpenSSL ends the handshake over anything larger; a whole flight of ours has a tenth of it. */
enum { MESSAGE_LEN_MAX = 16384 - MINKE_DTLS_MESSAGE_HEADER_BYTES };

bool minke__dtls_record_read(uint8_t *data, size_t len, minke_dtls_record_t *record)
{
    minke_reader_t r = minke__reader(data, len);
    record->type = minke__read_u8(&r);
    record->version = minke__read_u16(&r);
    record->epoch = minke__read_u16(&r);
    record->sequence = minke__read_u48(&r);
    record->body_len = minke__read_u16(&r);
    if (r.failed || record->body_len > minke__reader_left(&r)) return false;
    record->data = data;
    record->body = data + MINKE_DTLS_HEADER_BYTES;
    record->len = MINKE_DTLS_HEADER_BYTES + record->body_len;
    return true;
}

void minke__dtls_record_write_header(uint8_t *data, uint8_t type, uint16_t epoch, uint64_t sequence, size_t body_len)
{
    minke_writer_t w = minke__writer(data, MINKE_DTLS_HEADER_BYTES);
    minke__write_u8(&w, type);
    minke__write_u16(&w, MINKE_DTLS_VERSION_1_2);
    minke__write_u16(&w, epoch);
    minke__write_u48(&w, sequence);
    minke__write_u16(&w, (uint16_t)body_len);
}

bool minke__dtls_message_read(const uint8_t **body, size_t *body_len, minke_dtls_message_t *message)
{
    minke_reader_t r = minke__reader(*body, *body_len);
    message->type = minke__read_u8(&r);
    message->total_len = minke__read_u24(&r);
    message->sequence = minke__read_u16(&r);
    message->piece_at = minke__read_u24(&r);
    message->piece_len = minke__read_u24(&r);
    message->piece = minke__read_bytes(&r, message->piece_len);
    if (r.failed || message->total_len > MESSAGE_LEN_MAX) return false;
    if (message->piece_at > message->total_len || message->piece_len > message->total_len - message->piece_at)
        return false;
    /* An empty piece of a message that is not empty: OpenSSL takes it for the whole. */
    if (message->piece_len == 0 && message->total_len > 0) return false;
    *body += r.at;
    *body_len -= r.at;
    return true;
}

static bool is_within(uint16_t sequence, uint16_t first, uint16_t last)
{
    return sequence >= first && sequence <= last;
}

/* What a server gets in a full handshake, each in its one place: it has not sent a HelloVerifyRequest. */
static bool is_expected_by_server(const minke_dtls_message_t *message)
{
    switch (message->type) {
    case MINKE_DTLS_CLIENT_HELLO: return message->sequence == 0;
    case MINKE_DTLS_CERTIFICATE: return message->sequence == 1;
    case MINKE_DTLS_CLIENT_KEY_EXCHANGE: return message->sequence == 2;
    case MINKE_DTLS_CERTIFICATE_VERIFY: return message->sequence == 3;
    default: return false;
    }
}

/* What a client gets. Up to two HelloVerifyRequests move everything, and CertificateRequest may be missing. */
static bool is_expected_by_client(const minke_dtls_message_t *message)
{
    switch (message->type) {
    case MINKE_DTLS_HELLO_VERIFY_REQUEST: return is_within(message->sequence, 0, 1);
    case MINKE_DTLS_SERVER_HELLO: return is_within(message->sequence, 0, 2);
    case MINKE_DTLS_CERTIFICATE: return is_within(message->sequence, 1, 3);
    case MINKE_DTLS_SERVER_KEY_EXCHANGE: return is_within(message->sequence, 2, 4);
    case MINKE_DTLS_CERTIFICATE_REQUEST: return is_within(message->sequence, 3, 5);
    case MINKE_DTLS_SERVER_HELLO_DONE: return is_within(message->sequence, 3, 6);
    default: return false;
    }
}

/* Finished comes in epoch 1 only; tickets, status requests and renegotiation are not on offer. OpenSSL ends the
 * handshake over a message that is not the next one, so what cannot have its place is dropped here. */
static bool is_expected(const minke_dtls_message_t *message, bool client)
{
    return client ? is_expected_by_client(message) : is_expected_by_server(message);
}

/* RFC 6347 4.2.3 allows several messages in one record. */
static bool are_expected_messages(const minke_dtls_record_t *record, bool client)
{
    const uint8_t *body = record->body;
    size_t body_len = record->body_len;
    minke_dtls_message_t message;
    if (body_len == 0) return false;
    while (body_len > 0) {
        if (!minke__dtls_message_read(&body, &body_len, &message)) return false;
        if (!is_expected(&message, client)) return false;
    }
    return true;
}

static minke_dtls_verdict_t judge_alert(const minke_dtls_record_t *record)
{
    if (record->body_len != 2) return MINKE_DTLS_MALFORMED;
    const uint8_t level = record->body[0];
    if (level == MINKE_DTLS_ALERT_FATAL) return MINKE_DTLS_HOLD;
    if (level != MINKE_DTLS_ALERT_WARNING) return MINKE_DTLS_MALFORMED;
    return record->body[1] == MINKE_DTLS_CLOSE_NOTIFY ? MINKE_DTLS_HOLD : MINKE_DTLS_IGNORE;
}

minke_dtls_verdict_t minke__dtls_judge_clear(const minke_dtls_record_t *record, bool client)
{
    /* A first ClientHello, and all that BoringSSL sends before it knows the version, says DTLS 1.0. */
    if (record->version != MINKE_DTLS_VERSION_1_2 && record->version != MINKE_DTLS_VERSION_1_0)
        return MINKE_DTLS_MALFORMED;
    switch (record->type) {
    case MINKE_DTLS_CHANGE_CIPHER_SPEC:
        return record->body_len == 1 && record->body[0] == 1 ? MINKE_DTLS_FEED : MINKE_DTLS_MALFORMED;
    case MINKE_DTLS_ALERT: return judge_alert(record);
    case MINKE_DTLS_HANDSHAKE_MESSAGE:
        return are_expected_messages(record, client) ? MINKE_DTLS_FEED : MINKE_DTLS_MALFORMED;
    default: return MINKE_DTLS_MALFORMED;
    }
}

static uint64_t *window_word(minke_dtls_window_t *window, uint64_t sequence)
{
    return &window->seen[sequence / 64 % MINKE_DTLS_WINDOW_WORDS];
}

bool minke__dtls_window_is_fresh(const minke_dtls_window_t *window, uint64_t sequence)
{
    if (sequence > window->top) return true;
    if (window->top - sequence >= MINKE_DTLS_WINDOW) return false;
    return (window->seen[sequence / 64 % MINKE_DTLS_WINDOW_WORDS] >> sequence % 64 & 1) == 0;
}

void minke__dtls_window_mark(minke_dtls_window_t *window, uint64_t sequence)
{
    if (sequence > window->top) {
        const uint64_t words = sequence / 64 - window->top / 64;
        for (uint64_t i = 1; i <= words && i <= MINKE_DTLS_WINDOW_WORDS; i++)
            *window_word(window, (window->top / 64 + i) * 64) = 0;
        window->top = sequence;
    }
    *window_word(window, sequence) |= UINT64_C(1) << sequence % 64;
}
