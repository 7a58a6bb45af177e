/*
 * The STUN server: plain Binding Requests, those without USERNAME, are told where they came from (RFC 8489 2, 6.3.1).
 *
 * No state is kept of anybody but how often he was served (stun/rate_limit.h), and nothing is proven about a source: so
 * reflection must not pay. An answer is larger than its request by XOR-MAPPED-ADDRESS at most, 12 bytes for IPv4 and 24
 * for IPv6: it has a FINGERPRINT only if the request had one, no SOFTWARE, and an error has no reason phrase. What is
 * over the limits is dropped without a word, and counted.
 *
 * Answers wait in a ring of fixed size; after the first source was served no request allocates, but for the table's
 * index, which doubles ten times at most.
 */
#ifndef MINKE_STUN_RESPONDER_H
#define MINKE_STUN_RESPONDER_H

#include "base/env.h"
#include "stun/stun.h"

enum {
    MINKE_RESPONDER_ANSWERS_MAX = 64,    /* that wait; as many are served at once */
    MINKE_RESPONDER_GROWTH_IP4_MAX = 12, /* bytes that an answer is larger than its request, at most */
    MINKE_RESPONDER_GROWTH_IP6_MAX = 24,
    MINKE_RESPONDER_PER_SECOND_MAX = 1000 * 1000 /* the largest limit that may be set */
};

typedef struct minke_responder minke_responder_t;

/* `per_second_max`: answers in all, 1 to MINKE_RESPONDER_PER_SECOND_MAX. Holds some 270 KiB. NULL: no memory. */
MINKE_MUST_USE minke_responder_t *minke__responder_new(const minke_env_t *env, uint32_t per_second_max);
void minke__responder_free(minke_responder_t *responder);

/* A Binding Request that asks for its address and nothing else. With a USERNAME it is a check (RFC 8445 7.2.2). */
static inline bool minke__responder_serves(const minke_stun_message_t *message)
{
    return message->type == MINKE_STUN_BINDING_REQUEST && message->username == NULL;
}

/* A message that it serves. The answer leaves by `path`, from the address that was asked: a success, or 420 and the
 * first four attributes that we do not know. */
void minke__responder_recv(minke_responder_t *responder, const minke_stun_message_t *request, const minke_path_t *path,
                           minke_time_t now);
/* The next answer; its length, 0: none. `capacity` is at least MINKE_STUN_MESSAGE_MAX. */
MINKE_MUST_USE size_t minke__responder_transmit(minke_responder_t *responder, uint8_t *out, size_t capacity,
                                                minke_path_t *path);

#endif
