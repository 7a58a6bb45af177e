/*
 * What an agent and the strangers' table have in common on the wire: the check they send, the answers they give, and
 * when two paths are the same.
 */
#ifndef MINKE_ICE_BINDING_H
#define MINKE_ICE_BINDING_H

#include "base/env.h"
#include "base/list.h"
#include "stun/stun.h"

enum {
    MINKE_ICE_TRY_AGAIN_AFTER = 100 * 1000, /* from a check to its first repetition, in microseconds */
    MINKE_ICE_UNPROVEN_FACTOR = 3           /* bytes out per byte in until an address is proven: RFC 9000 8.1 */
};

/* Socket and remote are the same, and so is the local address unless one of the two leaves it to the system. */
bool minke__path_equal(const minke_path_t *a, const minke_path_t *b);

/* A Binding Request of ours: USERNAME "left:right", integrity under the remote's password. */
typedef struct minke_check {
    const uint8_t *transaction_id;
    const char *left, *right, *pwd;
    size_t left_len, right_len, pwd_len;
    bool controlling, use_candidate;
    uint64_t tie_breaker;
    uint32_t priority; /* 0: that of a lone peer-reflexive candidate, 6effffff */
} minke_check_t;

/* Its length; 0 when it does not fit. */
MINKE_MUST_USE size_t minke__check_write(const minke_check_t *check, uint8_t *out, size_t capacity);

/*
 * Answers that wait to be sent: a queue with a bound, so that a flood of checks costs no more than the bound. They are
 * small (RFC 8445 wants three attributes), encoded at once and never larger than the request that they answer; an empty
 * queue holds no memory.
 */
typedef struct minke_answers {
    const minke_env_t *env;
    minke_list_t list;
    uint16_t count, max;
} minke_answers_t;

void minke__answers_init(minke_answers_t *answers, const minke_env_t *env, uint16_t max);
void minke__answers_free(minke_answers_t *answers);
static inline bool minke__answers_full(const minke_answers_t *answers) { return answers->count >= answers->max; }
/* Which error a verified request to a controlled (or controlling) agent with a fixed role earns; 0: success. */
uint16_t minke__answer_error(const minke_stun_message_t *request, bool controlling);
/* Queues the answer, for which there must be room: a success when `error` is 0. Its length; 0 when there is no memory:
 * a lost answer. */
size_t minke__answers_push(minke_answers_t *answers, const minke_stun_message_t *request, const minke_path_t *path,
                           uint16_t error, const char *pwd, size_t pwd_len);
MINKE_MUST_USE size_t minke__answers_pop(minke_answers_t *answers, uint8_t *out, size_t capacity, minke_path_t *path);

#endif
