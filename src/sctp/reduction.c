#include "sctp/reduction.h"

void minke__reduction_begin(minke_reduction_t *r, uint32_t flight, uint32_t target)
{
    *r = (minke_reduction_t){.on = true, .flight = flight > 0 ? flight : 1, .target = target};
}

static uint64_t more_than(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }
static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* RFC 9937 5: how much may leave now. */
static uint64_t may_leave(const minke_reduction_t *r, uint32_t bytes, uint32_t in_flight, uint32_t unit, bool clean)
{
    if (in_flight > r->target) return more_than((r->delivered * r->target + r->flight - 1) / r->flight, r->sent);
    const uint64_t wanted = larger(more_than(r->delivered, r->sent), bytes) + (clean ? unit : 0);
    const uint64_t room = r->target - in_flight;
    return wanted < room ? wanted : room;
}

void minke__reduction_acked(minke_reduction_t *r, uint32_t bytes, uint32_t in_flight, uint32_t unit, bool clean)
{
    if (!r->on) return;
    r->delivered += bytes;
    uint64_t now = may_leave(r, bytes, in_flight, unit, clean);
    if (r->sent == 0 && now < unit) now = unit; /* the first retransmission leaves at once */
    const uint64_t limit = in_flight + now;
    r->limit = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
}
