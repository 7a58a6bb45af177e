#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sctp/crc32c.h"

/* -- the layer above ---------------------------------------------------------------------------------------------- */

static void note(script_t *script, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(script_t *script, const char *format, ...)
{
    const size_t at = strlen(script->log);
    va_list list;
    va_start(list, format);
    assert_true(at + 128 < sizeof script->log);
    if (at > 0) strcat(script->log, "; ");
    (void)vsnprintf(script->log + strlen(script->log), 120, format, list);
    va_end(list);
}

static minke_message_t *next_message(void *user)
{
    script_t *script = user;
    minke_message_t *message = script->first;
    if (message == NULL) return NULL;
    script->first = message->next;
    if (script->first == NULL) script->last = &script->first;
    return message;
}

static void message_done(void *user, minke_message_t *message)
{
    script_t *script = user;
    note(script, "done %u", message->stream_id);
    minke__free(&script->test.env, message);
    script->messages--;
    if (script->abort_on_done) minke__sctp_abort(script->sctp, "enough", script->now);
}

static void data(void *user, const minke_sctp_fragment_t *fragment)
{
    script_t *script = user;
    if (fragment->len > 64) note(script, "data %u", fragment->stream_id);
    else {
        note(script, "data %u %s%.*s%s", fragment->stream_id, fragment->begin ? "[" : "", (int)fragment->len,
             (const char *)fragment->data, fragment->end ? "]" : "");
    }
    if (script->consume) minke__sctp_consumed(script->sctp, fragment->len, script->now);
    if (script->abort_on_data) minke__sctp_abort(script->sctp, "enough", script->now);
}

static void stream_reset(void *user, uint16_t stream_id)
{
    script_t *script = user;
    note(script, "reset %u", stream_id);
    if (script->reset_back) assert_int_equal(minke__sctp_reset_stream(script->sctp, stream_id, script->now), MINKE_OK);
}

static void reset_done(void *user, uint16_t stream_id, minke_sctp_reset_result_t result)
{
    note(user, "reset_done %u %s", stream_id, result == MINKE_SCTP_RESET_PERFORMED ? "ok" : "failed");
}

static minke_message_t *new_message(script_t *script, uint16_t stream, size_t len)
{
    minke_message_t *message = minke__message_new(&script->test.env, 4, len);
    assert_non_null(message);
    message->stream_id = stream;
    message->ppid = 53;
    message->end = message->start + (uint32_t)len;
    message->next = NULL;
    *script->last = message;
    script->last = &message->next;
    script->messages++;
    minke__sctp_wake(script->sctp);
    return message;
}

void script_message(script_t *script, uint16_t stream, const char *text)
{
    minke_message_t *message = new_message(script, stream, strlen(text));
    memcpy(message->bytes + message->start, text, strlen(text));
}

void script_long_message(script_t *script, uint16_t stream, uint32_t len)
{
    minke_message_t *message = new_message(script, stream, len);
    memset(message->bytes + message->start, 'x', len);
}

void script_saw(script_t *script, const char *log)
{
    assert_string_equal(script->log, log);
    script->log[0] = 0;
}

/* -- life --------------------------------------------------------------------------------------------------------- */

static void make(script_t *script, const minke_sctp_options_t *options)
{
    const minke_sctp_user_t user = {script, next_message, message_done, data, stream_reset, reset_done};
    script->now = 5 * SCRIPT_S;
    script->last = &script->first;
    script->consume = true;
    script->sctp = minke__sctp_new(&script->test.env, options, &user, 1);
    assert_non_null(script->sctp);
}

void script_init(script_t *script, const minke_sctp_options_t *options)
{
    memset(script, 0, sizeof *script);
    test_env_init(&script->test, 11);
    make(script, options);
}

static uint32_t fixed_random;

static void fill_fixed(void *user, uint8_t *out, size_t len)
{
    (void)user;
    for (size_t i = 0; i < len; i++) out[i] = ((const uint8_t *)&fixed_random)[i & 3];
}

void script_init_at(script_t *script, const minke_sctp_options_t *options, uint32_t tsn)
{
    memset(script, 0, sizeof *script);
    test_env_init(&script->test, 11);
    fixed_random = tsn;
    script->test.env.random.fill = fill_fixed;
    make(script, options);
}

void script_free(script_t *script)
{
    minke__sctp_free(script->sctp);
    while (script->first != NULL) {
        minke_message_t *message = script->first;
        script->first = message->next;
        minke__free(&script->test.env, message);
        script->messages--;
    }
    assert_int_equal(script->messages, 0);
    assert_int_equal(script->test.blocks, 0);
}

uint32_t script_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void script_connect(script_t *script)
{
    minke__sctp_connect(script->sctp, script->now);
    assert_true(script_take(script));
    assert_int_equal(script->packet[12], 1);
    script->tag = script_u32(script->packet + 16);
    script->tsn = script_u32(script->packet + 28);
}

void script_establish_with(script_t *script, uint32_t window, uint32_t peer_tsn)
{
    script_connect(script);
    script_recv(script, "02000028 11223344 %08x ffffffff %08x c0000004 80080006 82c00000 00070008 41424344", window,
                peer_tsn);
    script_expect(script, "0a000008 41424344");
    script->now += 10 * SCRIPT_MS;
    script_recv(script, "0b000004");
    assert_int_equal(minke__sctp_state(script->sctp), MINKE_SCTP_ESTABLISHED);
}

void script_establish(script_t *script) { script_establish_with(script, 1 << 20, SCRIPT_PEER_TSN); }

/* -- packets in --------------------------------------------------------------------------------------------------- */

static void put_u32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void recv_hex(script_t *script, uint32_t tag, const char *hex)
{
    uint8_t *packet = malloc(65536);
    put_u32(packet, 5000u << 16 | 5000u);
    put_u32(packet + 4, tag);
    const size_t len = 12 + test_unhex(hex, packet + 12, 65536 - 12);
    const uint32_t sum = minke__crc32c_packet(packet, len);
    for (unsigned i = 0; i < 4; i++) packet[8 + i] = (uint8_t)(sum >> (8 * i));
    uint8_t *exact = malloc(len); /* so that the sanitizer sees a read past the end */
    memcpy(exact, packet, len);
    minke__sctp_recv(script->sctp, exact, len, script->now);
    free(exact);
    free(packet);
}

void script_recv_tagged(script_t *script, uint32_t tag, const char *hex)
{
    recv_hex(script, tag, hex);
    minke__sctp_recv_end(script->sctp, script->now);
}

void script_recv_more(script_t *script, const char *format, ...)
{
    char hex[8192];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(hex, sizeof hex, format, list);
    va_end(list);
    recv_hex(script, script->tag, hex);
}

void script_recv(script_t *script, const char *format, ...)
{
    char hex[8192];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(hex, sizeof hex, format, list);
    va_end(list);
    recv_hex(script, script->tag, hex);
    minke__sctp_recv_end(script->sctp, script->now);
}

const char *script_data(uint32_t tsn, unsigned stream, unsigned ssn, const char *flags, const char *text)
{
    static char hex[8][8192];
    static unsigned turn;
    char *out = hex[turn++ % 8];
    unsigned bits = 0;
    for (const char *f = flags; *f != 0; f++) bits |= *f == 'E' ? 1u : *f == 'B' ? 2u : *f == 'U' ? 4u : 8u;
    const size_t len = strlen(text);
    int at = snprintf(out, 8192, "00%02x%04x %08x %04x %04x 00000035 ", bits, (unsigned)(16 + len), tsn, stream, ssn);
    for (size_t i = 0; i < ((len + 3) & ~(size_t)3); i++) {
        at += snprintf(out + at, 8192 - (size_t)at, "%02x", i < len ? (unsigned char)text[i] : 0u);
    }
    return out;
}

/* -- packets out -------------------------------------------------------------------------------------------------- */

bool script_take(script_t *script)
{
    script->packet_len = minke__sctp_transmit(script->sctp, script->packet, sizeof script->packet, script->now);
    if (script->packet_len == 0) return false;
    const uint8_t *p = script->packet;
    assert_true(script->packet_len >= 16);
    assert_true(script->large || script->packet_len <= MINKE_SCTP_PACKET_MAX);
    assert_int_equal(script->packet_len % 4, 0);
    assert_int_equal(script_u32(p), 5000u << 16 | 5000u);
    const uint32_t sum = (uint32_t)p[11] << 24 | (uint32_t)p[10] << 16 | (uint32_t)p[9] << 8 | p[8];
    assert_int_equal(sum, minke__crc32c_packet(p, script->packet_len));
    return true;
}

const char *script_chunks(const script_t *script)
{
    static char hex[2 * 2048 + 1];
    hex[0] = 0;
    for (size_t i = 12; i < script->packet_len; i++) (void)snprintf(hex + 2 * (i - 12), 3, "%02x", script->packet[i]);
    return hex;
}

void script_expect(script_t *script, const char *format, ...)
{
    char wanted[8192], plain[8192];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(wanted, sizeof wanted, format, list);
    va_end(list);
    size_t n = 0;
    for (const char *c = wanted; *c != 0; c++) {
        if (*c != ' ') plain[n++] = *c;
    }
    plain[n] = 0;
    assert_true(script_take(script));
    assert_string_equal(script_chunks(script), plain);
}

void script_expect_nothing(script_t *script)
{
    if (script_take(script)) assert_string_equal(script_chunks(script), "");
}

unsigned script_drain(script_t *script)
{
    unsigned n = 0;
    while (script_take(script)) n++;
    return n;
}

void script_wait(script_t *script, minke_time_t span)
{
    const minke_time_t until = script->now + span;
    minke_time_t deadline = minke__sctp_deadline(script->sctp);
    if (deadline < script->now) deadline = script->now;
    script->now = deadline < until ? deadline : until;
    minke__sctp_tick(script->sctp, script->now);
}
