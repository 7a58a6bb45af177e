/*
 * Where one message with its length prefix (a uvarint) is put together, from bytes cut anywhere. What follows it is not
 * touched: it belongs to the next message, or to somebody else. Memory is taken when the length is known, and no more
 * than that.
 *
 *     init --take--> prefix --take--> body --take--> complete --free--> init
 */
#ifndef MINKE_BASE_FRAME_INBOX_H
#define MINKE_BASE_FRAME_INBOX_H

#include "base/env.h"
#include "base/wire.h"

enum {
    MINKE_FRAME_LIMIT_MAX = 1 << 20, /* the highest limit that an inbox may have, bytes */
    MINKE_FRAME_PREFIX_MAX = 3       /* bytes of a prefix, up to that limit */
};

typedef struct minke_frame_inbox {
    const minke_env_t *env;
    uint8_t *message;
    uint32_t limit;
    uint32_t len;      /* bytes of the message so far */
    uint32_t expected; /* its length, once `started` */
    uint8_t prefix[MINKE_FRAME_PREFIX_MAX];
    uint8_t prefix_n : 7;
    bool started : 1;
} minke_frame_inbox_t;

/* `limit`: of a message without its prefix, up to MINKE_FRAME_LIMIT_MAX. */
void minke__frame_inbox_init(minke_frame_inbox_t *inbox, const minke_env_t *env, uint32_t limit);
/* It is as after init then: good for the next message. */
void minke__frame_inbox_free(minke_frame_inbox_t *inbox);
/*
 * Takes the first `*taken` of `len` bytes. MINKE_OK: `message` and `len` are complete (and stay so: then nothing more
 * is taken); MINKE_ERROR_AGAIN: more has to come; MINKE_ERROR_MALFORMED: a length above the limit or not minimal;
 * MINKE_ERROR_NO_MEMORY. After the last two the inbox is only good for being freed.
 */
MINKE_MUST_USE int minke__frame_inbox_take(minke_frame_inbox_t *inbox, const uint8_t *data, size_t len, size_t *taken);

#endif
