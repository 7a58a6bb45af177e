#include "network.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "support/test_env.h"

enum { LINKS_MAX = 32 };

typedef struct directed_link {
    minke_address_t from, to;
    sim_link_t link;
    minke_time_t free_at; /* when the queue has drained */
    minke_time_t latest;  /* arrival of the last datagram: order is kept unless reordering is asked for */
    uint64_t count;
    minke_time_t burst_until;
} directed_link_t;

typedef struct in_flight {
    minke_time_t at;
    uint64_t order;
    sim_datagram_t *datagram;
} in_flight_t;

struct sim_network {
    uint64_t random;
    uint64_t orders, trace, sent, lost, fragmented;
    bool may_fragment;
    directed_link_t links[LINKS_MAX];
    size_t links_n;
    in_flight_t *heap;
    size_t heap_n, heap_capacity;
};

sim_network_t *sim_network_new(uint64_t seed)
{
    sim_network_t *n = calloc(1, sizeof *n);
    if (n == NULL) abort();
    n->random = seed * 0x9e3779b97f4a7c15ULL + 7;
    n->trace = 0xcbf29ce484222325ULL;
    return n;
}

void sim_network_free(sim_network_t *n)
{
    for (size_t i = 0; i < n->heap_n; i++) free(n->heap[i].datagram);
    free(n->heap);
    free(n);
}

static bool is_in(const minke_address_t *link, const minke_address_t *address)
{
    static const uint8_t zeros[8];
    const bool is_prefix = link->family == MINKE_FAMILY_IP6 && memcmp(link->ip + 8, zeros, sizeof zeros) == 0;
    return memcmp(link->ip, address->ip, is_prefix ? 8 : 16) == 0;
}

void sim_network_link(sim_network_t *n, const minke_address_t *from, const minke_address_t *to, const sim_link_t *link)
{
    if (n->links_n == LINKS_MAX) abort();
    n->links[n->links_n++] = (directed_link_t){.from = *from, .to = *to, .link = *link};
}

static double chance(sim_network_t *n) { return (double)(test_random(&n->random) >> 11) / 9007199254740992.0; }

/* ---- the heap of arrivals ---- */

static bool earlier(const in_flight_t *a, const in_flight_t *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(sim_network_t *n, in_flight_t item)
{
    if (n->heap_n == n->heap_capacity) {
        n->heap_capacity = n->heap_capacity > 0 ? n->heap_capacity * 2 : 256;
        n->heap = realloc(n->heap, n->heap_capacity * sizeof n->heap[0]);
        if (n->heap == NULL) abort();
    }
    size_t i = n->heap_n++;
    for (; i > 0 && earlier(&item, &n->heap[(i - 1) / 2]); i = (i - 1) / 2) n->heap[i] = n->heap[(i - 1) / 2];
    n->heap[i] = item;
}

static in_flight_t pop(sim_network_t *n)
{
    const in_flight_t top = n->heap[0], last = n->heap[--n->heap_n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < n->heap_n; i = child) {
        if (child + 1 < n->heap_n && earlier(&n->heap[child + 1], &n->heap[child])) child++;
        if (!earlier(&n->heap[child], &last)) break;
        n->heap[i] = n->heap[child];
    }
    n->heap[i] = last;
    return top;
}

/* ---- what happens to a datagram ---- */

static void trace(sim_network_t *n, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) n->trace = (n->trace ^ at[i]) * 0x100000001b3ULL;
}

static bool is_lost(sim_network_t *n, directed_link_t *l, size_t len, minke_time_t now)
{
    const uint64_t count = l->count++;
    const size_t headers = l->from.family == MINKE_FAMILY_IP6 ? 48 : 28;
    /* All dice are thrown for every datagram, so that one impairment does not shift the others. */
    const bool random_loss = chance(n) < l->link.loss;
    const bool burst_begins = chance(n) < l->link.burst;
    const minke_time_t burst_span = (minke_time_t)(2 * chance(n) * (double)l->link.burst_span);
    if (burst_begins && now >= l->burst_until) l->burst_until = now + burst_span;
    if (l->link.mtu != 0 && len + headers > l->link.mtu) {
        if (!n->may_fragment) return true;
        n->fragmented++;
    }
    if (count < 64 && (l->link.loss_mask >> count & 1) != 0) return true;
    return random_loss || now < l->burst_until;
}

/* Passes the queue; false: it was full. */
static bool serialize(directed_link_t *l, size_t len, minke_time_t *at)
{
    if (l->link.bits_per_second == 0) return true;
    if (l->free_at < *at) l->free_at = *at;
    const uint64_t waiting = (l->free_at - *at) * l->link.bits_per_second / 8 / 1000000;
    if (waiting + len > l->link.queue) return false;
    l->free_at += (uint64_t)len * 8 * 1000000 / l->link.bits_per_second;
    *at = l->free_at;
    return true;
}

static void deliver(sim_network_t *n, directed_link_t *l, const sim_datagram_t *datagram, minke_time_t at)
{
    minke_time_t arrival = at + l->link.delay;
    if (l->link.jitter > 0) arrival += test_random(&n->random) % l->link.jitter;
    if (chance(n) < l->link.reorder) {
        arrival += l->link.reorder_delay;
    } else {
        if (arrival < l->latest) arrival = l->latest;
        l->latest = arrival;
    }
    sim_datagram_t *copy = malloc(offsetof(sim_datagram_t, data) + datagram->len);
    if (copy == NULL) abort();
    memcpy(copy, datagram, offsetof(sim_datagram_t, data) + datagram->len);
    push(n, (in_flight_t){arrival, n->orders++, copy});
}

static directed_link_t *find_link(sim_network_t *n, const minke_address_t *from, const minke_address_t *to)
{
    for (size_t i = n->links_n; i > 0; i--) { /* the latest one counts: links may be changed on the way */
        if (is_in(&n->links[i - 1].from, from) && is_in(&n->links[i - 1].to, to)) return &n->links[i - 1];
    }
    return NULL;
}

void sim_network_send(sim_network_t *n, const minke_address_t *from, const minke_address_t *to, const uint8_t *data,
                      size_t len, minke_time_t now)
{
    sim_datagram_t datagram; /* not all zero: it is large */
    datagram.from = *from;
    datagram.to = *to;
    datagram.len = len;
    directed_link_t *l = find_link(n, from, to);
    n->sent++;
    trace(n, &now, sizeof now);
    trace(n, data, len);
    if (l == NULL || len > sizeof datagram.data || is_lost(n, l, len, now) || !serialize(l, len, &now)) {
        n->lost++;
        return;
    }
    memcpy(datagram.data, data, len);
    deliver(n, l, &datagram, now);
    if (chance(n) < l->link.duplicate) deliver(n, l, &datagram, now);
}

void sim_network_may_fragment(sim_network_t *n, bool allowed) { n->may_fragment = allowed; }

minke_time_t sim_network_deadline(const sim_network_t *n) { return n->heap_n > 0 ? n->heap[0].at : MINKE_TIME_NEVER; }

bool sim_network_recv(sim_network_t *n, sim_datagram_t *out, minke_time_t now)
{
    if (n->heap_n == 0 || n->heap[0].at > now) return false;
    const in_flight_t item = pop(n);
    memcpy(out, item.datagram, offsetof(sim_datagram_t, data) + item.datagram->len);
    free(item.datagram);
    return true;
}

uint64_t sim_network_trace(const sim_network_t *n) { return n->trace; }
uint64_t sim_network_sent(const sim_network_t *n) { return n->sent; }
uint64_t sim_network_lost(const sim_network_t *n) { return n->lost; }
uint64_t sim_network_fragmented(const sim_network_t *n) { return n->fragmented; }
