#include "stun/responder.h"

#include "stun/rate_limit.h"

#include <assert.h>
#include <string.h>

/* The largest is a success over IPv6 with FINGERPRINT; 420 with four unknown attributes has 48 bytes. */
enum { ANSWER_BYTES_MAX = 52 };

typedef struct answer {
    minke_path_t path;
    uint8_t len;
    uint8_t data[ANSWER_BYTES_MAX];
} answer_t;

struct minke_responder {
    const minke_env_t *env;
    minke_rate_limit_t *limit;
    uint32_t first, count; /* answers[first] is the next to go, the others follow and wrap around */
    answer_t answers[MINKE_RESPONDER_ANSWERS_MAX];
};

minke_responder_t *minke__responder_new(const minke_env_t *env, uint32_t per_second_max)
{
    /* More at once than can wait would be dropped at the ring. */
    const uint32_t at_once =
        per_second_max < MINKE_RESPONDER_ANSWERS_MAX ? per_second_max : (uint32_t)MINKE_RESPONDER_ANSWERS_MAX;
    minke_responder_t *responder = minke__alloc_zero(env, sizeof *responder);
    if (responder == NULL) return NULL;
    responder->env = env;
    responder->limit = minke__rate_limit_new(env, at_once, per_second_max);
    if (responder->limit != NULL) return responder;
    minke__responder_free(responder);
    return NULL;
}

void minke__responder_free(minke_responder_t *responder)
{
    if (responder == NULL) return;
    minke__rate_limit_free(responder->limit);
    minke__free(responder->env, responder);
}

/* MESSAGE-INTEGRITY without USERNAME is nobody's, and earns no other answer (RFC 8489 9: this usage has no
 * authentication). */
static size_t write_answer(const minke_stun_message_t *request, const minke_address_t *from, uint8_t *out)
{
    const bool understood = request->unknown_n == 0;
    minke_writer_t w = minke__writer(out, ANSWER_BYTES_MAX);
    minke__stun_begin(&w, understood ? MINKE_STUN_BINDING_SUCCESS : MINKE_STUN_BINDING_ERROR, request->transaction_id);
    if (understood) {
        minke__stun_write_mapped_address(&w, from);
    } else {
        minke__stun_write_bare_error(&w, MINKE_STUN_UNKNOWN_ATTRIBUTE);
        minke__stun_write_unknown(&w, request->unknown, request->unknown_n);
    }
    const bool complete = request->has_fingerprint ? minke__stun_finish(&w, NULL, 0) : minke__stun_finish_bare(&w);
    assert(complete);
    return complete ? w.len : 0;
}

void minke__responder_recv(minke_responder_t *responder, const minke_stun_message_t *request, const minke_path_t *path,
                           minke_time_t now)
{
    if (responder->count == MINKE_RESPONDER_ANSWERS_MAX ||
        !minke__rate_limit_take(responder->limit, &path->remote, now)) {
        responder->env->counters->stun_limited++;
        return;
    }
    answer_t *answer = &responder->answers[(responder->first + responder->count) % MINKE_RESPONDER_ANSWERS_MAX];
    answer->path = *path;
    answer->len = (uint8_t)write_answer(request, &path->remote, answer->data);
    responder->count++;
    responder->env->counters->stun_served++;
}

size_t minke__responder_transmit(minke_responder_t *responder, uint8_t *out, size_t capacity, minke_path_t *path)
{
    assert(capacity >= ANSWER_BYTES_MAX);
    if (responder->count == 0) return 0;
    const answer_t *answer = &responder->answers[responder->first];
    responder->first = (responder->first + 1) % MINKE_RESPONDER_ANSWERS_MAX;
    responder->count--;
    memcpy(out, answer->data, answer->len);
    *path = answer->path;
    return answer->len;
}
