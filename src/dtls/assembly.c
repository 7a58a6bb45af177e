#include "dtls/assembly.h"

#include <string.h>

#include "base/wire.h"

enum { BODY_AT = MINKE_DTLS_HEADER_BYTES + MINKE_DTLS_MESSAGE_HEADER_BYTES };

static uint8_t *body_of(minke_dtls_partial_t *partial) { return partial->bytes + BODY_AT; }
static uint8_t *bitmap_of(minke_dtls_partial_t *partial) { return partial->bytes + BODY_AT + partial->total_len; }

static bool is_held(minke_dtls_partial_t *partial, uint32_t at)
{
    return (bitmap_of(partial)[at / 8] >> at % 8 & 1) != 0;
}

static bool is_complete(const minke_dtls_partial_t *partial)
{
    return partial != NULL && partial->held_len == partial->total_len;
}

static bool is_version_of(const minke_dtls_partial_t *partial, const minke_dtls_message_t *message)
{
    return partial != NULL && partial->sequence == message->sequence && partial->type == message->type &&
           partial->total_len == message->total_len;
}

/* Whether the piece may belong to this version of the message. */
static bool fits(minke_dtls_partial_t *partial, const minke_dtls_message_t *message)
{
    if (!is_version_of(partial, message)) return false;
    for (uint32_t i = 0; i < message->piece_len; i++) {
        const uint32_t at = message->piece_at + i;
        if (is_held(partial, at) && body_of(partial)[at] != message->piece[i]) return false;
    }
    return true;
}

static void put(minke_dtls_partial_t *partial, const minke_dtls_message_t *message)
{
    for (uint32_t i = 0; i < message->piece_len; i++) {
        const uint32_t at = message->piece_at + i;
        body_of(partial)[at] = message->piece[i];
        if (is_held(partial, at)) continue;
        bitmap_of(partial)[at / 8] |= (uint8_t)(1 << at % 8);
        partial->held_len++;
    }
}

static void write_headers(minke_dtls_partial_t *partial)
{
    const size_t message_len = MINKE_DTLS_MESSAGE_HEADER_BYTES + (size_t)partial->total_len;
    minke__dtls_record_write_header(partial->bytes, MINKE_DTLS_HANDSHAKE_MESSAGE, 0, 0, message_len);
    minke_writer_t w = minke__writer(partial->bytes + MINKE_DTLS_HEADER_BYTES, MINKE_DTLS_MESSAGE_HEADER_BYTES);
    minke__write_u8(&w, partial->type);
    minke__write_u24(&w, partial->total_len);
    minke__write_u16(&w, partial->sequence);
    minke__write_u24(&w, 0);
    minke__write_u24(&w, partial->total_len);
}

/* A free place, or that of the oldest. */
static minke_dtls_partial_t **find_place(minke_dtls_assembly_t *assembly)
{
    minke_dtls_partial_t **place = &assembly->partials[0];
    for (size_t i = 0; i < MINKE_DTLS_PARTIALS_MAX; i++) {
        minke_dtls_partial_t **candidate = &assembly->partials[i];
        if (*candidate == NULL) return candidate;
        if ((*candidate)->order < (*place)->order) place = candidate;
    }
    return place;
}

static size_t size_of(uint32_t total_len)
{
    return sizeof(minke_dtls_partial_t) + BODY_AT + total_len + total_len / 8 + 1;
}

/* A new version. If there are others it begins as a copy of the youngest, in which the piece then prevails: one of the
 * two has all the genuine pieces so far, whichever was forged. */
static minke_dtls_partial_t *begin(minke_dtls_assembly_t *assembly, const minke_env_t *env,
                                   const minke_dtls_message_t *message)
{
    const minke_dtls_partial_t *model = NULL;
    minke_dtls_partial_t *partial = minke__alloc_zero(env, size_of(message->total_len));
    if (partial == NULL) return NULL;
    for (size_t i = 0; i < MINKE_DTLS_PARTIALS_MAX; i++) {
        const minke_dtls_partial_t *other = assembly->partials[i];
        if (is_version_of(other, message) && (model == NULL || other->order > model->order)) model = other;
    }
    if (model != NULL) memcpy(partial, model, size_of(message->total_len));
    partial->order = ++assembly->orders;
    partial->total_len = message->total_len;
    partial->sequence = message->sequence;
    partial->type = message->type;
    write_headers(partial);
    put(partial, message);
    minke_dtls_partial_t **place = find_place(assembly);
    minke__free(env, *place);
    *place = partial;
    return partial;
}

/* What was given out by the previous call is done with. */
static void drop_complete(minke_dtls_assembly_t *assembly, const minke_env_t *env)
{
    for (size_t i = 0; i < MINKE_DTLS_PARTIALS_MAX; i++) {
        if (!is_complete(assembly->partials[i])) continue;
        minke__free(env, assembly->partials[i]);
        assembly->partials[i] = NULL;
    }
}

uint8_t *minke__dtls_assembly_add(minke_dtls_assembly_t *assembly, const minke_env_t *env,
                                  const minke_dtls_message_t *message, size_t *len)
{
    minke_dtls_partial_t *whole = NULL;
    bool found = false;
    drop_complete(assembly, env);
    for (size_t i = 0; i < MINKE_DTLS_PARTIALS_MAX; i++) {
        minke_dtls_partial_t *partial = assembly->partials[i];
        if (!fits(partial, message)) continue;
        put(partial, message);
        found = true;
        if (is_complete(partial) && (whole == NULL || partial->order < whole->order)) whole = partial;
    }
    if (!found) whole = begin(assembly, env, message);
    if (!is_complete(whole)) return NULL;
    *len = BODY_AT + (size_t)whole->total_len;
    return whole->bytes;
}

void minke__dtls_assembly_free(minke_dtls_assembly_t *assembly, const minke_env_t *env)
{
    for (size_t i = 0; i < MINKE_DTLS_PARTIALS_MAX; i++) minke__free(env, assembly->partials[i]);
    *assembly = (minke_dtls_assembly_t){0};
}
