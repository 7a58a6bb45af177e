#include "sctp/packet_size.h"

/* Probes of one size are spaced so that one congested queue does not eat them all (RFC 8899 5.1.1: not below 1 s). */
enum { TRIES_MAX = 3, PROBE_AFTER = 1000000 };
/* For less nothing is tried: over IPv4 the smallest packets leave some bytes of 1280. */
enum { GAIN_MIN = 32 };
/* RFC 8899 5.1.1: PMTU_RAISE_TIMER. */
static const minke_time_t raise_after = 600 * (minke_time_t)1000000;
/* After a fall, before larger packets are tried again: data is to get through first. */
static const minke_time_t again_after = 5 * (minke_time_t)1000000;

/* IP packets: tunnels and mobile networks, PPPoE, Ethernet; FDDI, jumbo frames; a DTLS record's largest. */
static const uint16_t usual[] = {1320, 1360, 1400, 1420, 1440, 1460, 1480, 1492, 1500, 2304, 4352, 8000, 9000, 16384};
enum { USUAL_N = sizeof usual / sizeof usual[0], ETHERNET = 1500 };

void minke__packet_size_init(minke_packet_size_t *size, uint16_t base)
{
    base &= (uint16_t)~3u;
    *size = (minke_packet_size_t){.base = base, .confirmed = base, .limit = base, .too_large = (uint16_t)(base + 4)};
}

static void allow(minke_packet_size_t *size, uint32_t mtu_max)
{
    if (mtu_max < (uint32_t)size->base + size->overhead + GAIN_MIN) return;
    size->limit = (uint16_t)((mtu_max - size->overhead) & ~3u);
    size->too_large = (uint16_t)(size->limit + 4);
}

void minke__packet_size_path(minke_packet_size_t *size, uint32_t mtu_max, uint16_t overhead)
{
    minke__packet_size_init(size, size->base);
    size->overhead = overhead;
    allow(size, mtu_max < usual[USUAL_N - 1] ? mtu_max : usual[USUAL_N - 1]);
}

void minke__packet_size_no_jumbo(minke_packet_size_t *size)
{
    if ((uint32_t)size->limit + size->overhead > ETHERNET) allow(size, ETHERNET);
}

static void search(minke_packet_size_t *size, minke_time_t now)
{
    size->state = MINKE_PACKET_SEARCHING;
    size->probing = 0;
    size->tries = 0;
    size->next_at = now;
}

void minke__packet_size_begin(minke_packet_size_t *size, minke_time_t now)
{
    if (size->state == MINKE_PACKET_BASE && size->limit > size->base && now >= size->next_at) search(size, now);
}

/* ---- what to try ---- */

/* The i-th candidate; the last one is the limit itself. 0: it is none. */
static uint16_t candidate(const minke_packet_size_t *size, unsigned i)
{
    uint32_t len = size->limit;
    if (i < USUAL_N) {
        if (usual[i] <= size->overhead) return 0;
        len = (uint32_t)(usual[i] - size->overhead) & ~3u;
        if (len >= size->limit) return 0;
    }
    return len > size->confirmed && len < size->too_large ? (uint16_t)len : 0;
}

/* An Ethernet's first, the largest once that has passed, then the middle. 0: nothing is left. */
static uint16_t choose(const minke_packet_size_t *size)
{
    uint16_t left[USUAL_N + 1];
    unsigned n = 0;
    const uint16_t ethernet = (uint16_t)((ETHERNET - size->overhead) & ~3);
    const bool nothing_failed = size->too_large > size->limit;
    for (unsigned i = 0; i <= USUAL_N; i++) {
        const uint16_t len = candidate(size, i);
        if (len == 0) continue;
        if (len == ethernet && nothing_failed) return len;
        left[n++] = len;
    }
    if (n == 0) return 0;
    return nothing_failed ? left[n - 1] : left[n / 2];
}

static void complete(minke_packet_size_t *size, minke_time_t now)
{
    size->state = MINKE_PACKET_COMPLETE;
    size->probing = 0;
    size->next_at = size->confirmed < size->limit ? now + raise_after : MINKE_TIME_NEVER;
}

static void failed(minke_packet_size_t *size, uint16_t len)
{
    if (len < size->too_large) size->too_large = len;
    size->probing = 0;
    size->tries = 0;
}

uint16_t minke__packet_size_due(minke_packet_size_t *size, minke_time_t now)
{
    if (size->state == MINKE_PACKET_BASE || now < size->next_at) return 0;
    if (size->state == MINKE_PACKET_COMPLETE) {
        size->too_large = (uint16_t)(size->limit + 4);
        search(size, now);
    }
    if (size->probing != 0 && size->tries >= TRIES_MAX) failed(size, size->probing);
    if (size->probing == 0) size->probing = choose(size);
    if (size->probing == 0) complete(size, now);
    return size->probing;
}

void minke__packet_size_sent(minke_packet_size_t *size, minke_time_t patience, minke_time_t now)
{
    size->tries++;
    size->next_at = now + (patience > PROBE_AFTER ? patience : PROBE_AFTER);
}

/* ---- what becomes of it ---- */

bool minke__packet_size_arrived(minke_packet_size_t *size, uint16_t len, minke_time_t now)
{
    if (size->state != MINKE_PACKET_SEARCHING || len <= size->confirmed || len > size->limit) return false;
    size->confirmed = len;
    if (size->too_large <= len) size->too_large = (uint16_t)(size->limit + 4); /* it only came late */
    search(size, now);
    return true;
}

static bool fall(minke_packet_size_t *size, minke_time_t now)
{
    const bool fell = size->confirmed > size->base;
    size->confirmed = size->base;
    size->state = MINKE_PACKET_BASE;
    size->probing = 0;
    size->tries = 0;
    size->next_at = now + again_after;
    return fell;
}

bool minke__packet_size_refused(minke_packet_size_t *size, uint16_t len, minke_time_t now)
{
    if (len <= size->base) return false;
    if (len <= size->confirmed) {
        const bool fell = fall(size, now);
        failed(size, len);
        return fell;
    }
    if (len != size->probing) return false;
    failed(size, len);
    size->next_at = now;
    return false;
}

bool minke__packet_size_vanish(minke_packet_size_t *size, minke_time_t now)
{
    if (size->confirmed <= size->base) return false;
    size->too_large = (uint16_t)(size->limit + 4);
    return fall(size, now);
}
