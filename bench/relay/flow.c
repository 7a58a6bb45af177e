#include "flow.h"

#include <string.h>

/* A prime: no buffer or frame size divides it, so that a piece that comes twice or not at all does not fit. Twice over,
 * so that any place has as many bytes behind it. */
enum { PERIOD = 65521, STEP = 7919 };

static const uint8_t *table(void)
{
    static uint8_t bytes[2 * PERIOD];
    static bool filled;
    uint32_t x = 2463534242;
    for (size_t i = 0; !filled && i < PERIOD; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        bytes[i] = bytes[PERIOD + i] = (uint8_t)x;
    }
    filled = true;
    return bytes;
}

static const uint8_t *at(const flow_t *flow, uint64_t offset)
{
    return table() + (offset + (uint64_t)flow->circuit * STEP) % PERIOD;
}

void flow_begin(flow_t *flow, unsigned circuit, uint64_t total, uint64_t window)
{
    *flow = (flow_t){.circuit = circuit, .total = total, .window = window > 0 ? window : total};
}

const uint8_t *flow_next(const flow_t *flow, size_t *len)
{
    const uint64_t room = flow->window - (flow->sent - flow->received);
    const uint64_t left = flow->total - flow->sent < room ? flow->total - flow->sent : room;
    *len = left < PERIOD ? (size_t)left : PERIOD;
    return at(flow, flow->sent);
}

bool flow_check(flow_t *flow, const uint8_t *data, size_t len)
{
    if (len > flow->sent - flow->received) return false;
    while (len > 0) {
        const size_t n = len < PERIOD ? len : PERIOD;
        if (memcmp(data, at(flow, flow->received), n) != 0) return false;
        flow->received += n;
        data += n;
        len -= n;
    }
    return true;
}

bool flow_is_complete(const flow_t *flow) { return flow->received == flow->total; }
