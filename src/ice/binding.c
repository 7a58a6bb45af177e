#include "ice/binding.h"

#include "base/address.h"

#include <assert.h>
#include <string.h>

/* Type preference of a peer-reflexive candidate, full local preference, component 1 (RFC 8445 5.1.2.1, 7.1.1). */
static const uint32_t check_priority = 110u << 24 | 65535u << 8 | 255u;

bool minke__path_equal(const minke_path_t *a, const minke_path_t *b)
{
    if (a->socket != b->socket || !minke__address_equal(&a->remote, &b->remote)) return false;
    return minke__address_equal(&a->local, &b->local) || minke__address_is_unspecified(&a->local) ||
           minke__address_is_unspecified(&b->local);
}

size_t minke__check_write(const minke_check_t *check, uint8_t *out, size_t capacity)
{
    minke_writer_t w = minke__writer(out, capacity);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, check->transaction_id);
    minke__stun_write_username(&w, check->left, check->left_len, check->right, check->right_len);
    minke__stun_write_role(&w, check->controlling, check->tie_breaker);
    if (check->use_candidate) minke__stun_write_use_candidate(&w);
    minke__stun_write_priority(&w, check->priority != 0 ? check->priority : check_priority);
    return minke__stun_finish(&w, check->pwd, check->pwd_len) ? w.len : 0;
}

/* The largest: 420 with its reason, four unknown types, integrity, fingerprint. A success over IPv6 has 76 bytes. */
enum { ANSWER_BYTES_MAX = 92 };

typedef struct answer {
    minke_list_t node;
    minke_path_t path;
    uint8_t len;
    uint8_t data[ANSWER_BYTES_MAX];
} answer_t;

void minke__answers_init(minke_answers_t *answers, const minke_env_t *env, uint16_t max)
{
    *answers = (minke_answers_t){.env = env, .max = max};
    minke__list_init(&answers->list);
}

static answer_t *take_first(minke_answers_t *answers)
{
    minke_list_t *node = minke__list_pop(&answers->list);
    if (node == NULL) return NULL;
    answers->count--;
    return MINKE_CONTAINER(node, answer_t, node);
}

void minke__answers_free(minke_answers_t *answers)
{
    for (answer_t *answer; (answer = take_first(answers)) != NULL;) minke__free(answers->env, answer);
}

uint16_t minke__answer_error(const minke_stun_message_t *request, bool controlling)
{
    /* Roles are fixed in direct mode (spec/webrtc-direct.md 5.2 step 7), so the tie-breakers do not matter. */
    if (controlling ? request->ice_controlling : request->ice_controlled) return MINKE_STUN_ROLE_CONFLICT;
    return request->unknown_n > 0 ? MINKE_STUN_UNKNOWN_ATTRIBUTE : 0;
}

static size_t write_answer(const minke_stun_message_t *request, const minke_address_t *from, uint16_t error,
                           const char *pwd, size_t pwd_len, uint8_t *out)
{
    minke_writer_t w = minke__writer(out, ANSWER_BYTES_MAX);
    minke__stun_begin(&w, error == 0 ? MINKE_STUN_BINDING_SUCCESS : MINKE_STUN_BINDING_ERROR, request->transaction_id);
    if (error == 0) minke__stun_write_mapped_address(&w, from);
    else minke__stun_write_error(&w, error);
    if (error == MINKE_STUN_UNKNOWN_ATTRIBUTE) minke__stun_write_unknown(&w, request->unknown, request->unknown_n);
    const bool complete = minke__stun_finish(&w, pwd, pwd_len);
    assert(complete);
    return complete ? w.len : 0;
}

size_t minke__answers_push(minke_answers_t *answers, const minke_stun_message_t *request, const minke_path_t *path,
                           uint16_t error, const char *pwd, size_t pwd_len)
{
    assert(!minke__answers_full(answers));
    answer_t *answer = minke__alloc(answers->env, sizeof *answer);
    if (answer == NULL) return 0;
    answer->path = *path;
    answer->len = (uint8_t)write_answer(request, &path->remote, error, pwd, pwd_len, answer->data);
    minke__list_append(&answers->list, &answer->node);
    answers->count++;
    return answer->len;
}

size_t minke__answers_pop(minke_answers_t *answers, uint8_t *out, size_t capacity, minke_path_t *path)
{
    assert(capacity >= ANSWER_BYTES_MAX);
    answer_t *answer = take_first(answers);
    if (answer == NULL) return 0;
    const size_t len = answer->len;
    memcpy(out, answer->data, len);
    *path = answer->path;
    minke__free(answers->env, answer);
    return len;
}
