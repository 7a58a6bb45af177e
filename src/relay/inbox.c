/* One message with its length prefix, from bytes cut anywhere. */
#include <string.h>

#include "relay/message.h"

void minke__relay_inbox_init(minke_relay_inbox_t *inbox, const minke_env_t *env)
{
    *inbox = (minke_relay_inbox_t){.env = env};
}

void minke__relay_inbox_free(minke_relay_inbox_t *inbox)
{
    minke__free(inbox->env, inbox->message);
    *inbox = (minke_relay_inbox_t){.env = inbox->env};
}

static int begin(minke_relay_inbox_t *inbox, uint64_t expected)
{
    if (expected > MINKE_RELAY_MESSAGE_MAX) return MINKE_ERROR_MALFORMED;
    inbox->expected = (uint16_t)expected;
    inbox->message = minke__alloc(inbox->env, expected > 0 ? (size_t)expected : 1);
    if (inbox->message == NULL) return MINKE_ERROR_NO_MEMORY;
    inbox->started = true;
    return MINKE_OK;
}

/* A prefix has one byte or two: a third would be of a length that is refused anyway. */
static int take_prefix_byte(minke_relay_inbox_t *inbox, uint8_t byte)
{
    if (!inbox->has_first && (byte & 0x80) != 0) {
        inbox->first = byte;
        inbox->has_first = true;
        return MINKE_ERROR_AGAIN;
    }
    const uint8_t prefix[MINKE_RELAY_PREFIX_MAX] = {inbox->has_first ? inbox->first : byte, byte};
    minke_reader_t r = minke__reader(prefix, inbox->has_first ? 2 : 1);
    const uint64_t expected = minke__read_uvarint(&r);
    return r.failed ? MINKE_ERROR_MALFORMED : begin(inbox, expected);
}

int minke__relay_inbox_take(minke_relay_inbox_t *inbox, const uint8_t *data, size_t len, size_t *taken)
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
    inbox->len = (uint16_t)(inbox->len + n);
    *taken += n;
    return n == missing ? MINKE_OK : MINKE_ERROR_AGAIN;
}
