#include "base/frame_inbox.h"

#include <assert.h>
#include <string.h>

void minke__frame_inbox_init(minke_frame_inbox_t *inbox, const minke_env_t *env, uint32_t limit)
{
    assert(limit <= MINKE_FRAME_LIMIT_MAX);
    *inbox = (minke_frame_inbox_t){.env = env, .limit = limit};
}

void minke__frame_inbox_free(minke_frame_inbox_t *inbox)
{
    minke__free(inbox->env, inbox->message);
    *inbox = (minke_frame_inbox_t){.env = inbox->env, .limit = inbox->limit};
}

static int begin(minke_frame_inbox_t *inbox, uint64_t expected)
{
    if (expected > inbox->limit) return MINKE_ERROR_MALFORMED;
    inbox->expected = (uint32_t)expected;
    inbox->message = minke__alloc(inbox->env, expected > 0 ? (size_t)expected : 1);
    if (inbox->message == NULL) return MINKE_ERROR_NO_MEMORY;
    inbox->started = true;
    return MINKE_OK;
}

/* A prefix that goes on longer than that of the limit is of a length that is refused anyway. */
static int take_prefix_byte(minke_frame_inbox_t *inbox, uint8_t byte)
{
    inbox->prefix[inbox->prefix_n++] = byte;
    if ((byte & 0x80) != 0) {
        return inbox->prefix_n < minke__uvarint_len(inbox->limit) ? MINKE_ERROR_AGAIN : MINKE_ERROR_MALFORMED;
    }
    minke_reader_t r = minke__reader(inbox->prefix, inbox->prefix_n);
    const uint64_t expected = minke__read_uvarint(&r);
    return r.failed ? MINKE_ERROR_MALFORMED : begin(inbox, expected);
}

int minke__frame_inbox_take(minke_frame_inbox_t *inbox, const uint8_t *data, size_t len, size_t *taken)
{
    *taken = 0;
    while (!inbox->started) {
        if (*taken == len) return MINKE_ERROR_AGAIN;
        const int error = take_prefix_byte(inbox, data[(*taken)++]);
        if (error < 0 && error != MINKE_ERROR_AGAIN) return error;
    }
    const size_t missing = (size_t)inbox->expected - inbox->len, here = len - *taken;
    const size_t n = missing < here ? missing : here;
    if (n > 0) memcpy(inbox->message + inbox->len, data + *taken, n);
    inbox->len += (uint32_t)n;
    *taken += n;
    return n == missing ? MINKE_OK : MINKE_ERROR_AGAIN;
}
