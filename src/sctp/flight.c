#include "sctp/flight.h"

#include <assert.h>
#include <string.h>

enum { RING_MIN = 16, RING_KEPT = 64, ACKED_RANGES_MAX = 4096 };

void minke__flight_init(minke_flight_t *flight, const minke_env_t *env, uint64_t first_tsn)
{
    *flight = (minke_flight_t){.env = env, .base = first_tsn, .next = first_tsn};
    minke__tsn_set_init(&flight->acked, env, ACKED_RANGES_MAX);
}

void minke__flight_free(minke_flight_t *flight)
{
    minke__free(flight->env, flight->ring);
    minke__tsn_set_free(&flight->acked);
    flight->ring = NULL;
    flight->capacity = 0;
}

minke_sent_t *minke__flight_at(const minke_flight_t *flight, uint64_t tsn)
{
    assert(tsn >= flight->base && tsn < flight->next);
    return &flight->ring[tsn & (flight->capacity - 1)];
}

bool minke__flight_may_grow(const minke_flight_t *flight)
{
    if (flight->next - flight->base < flight->capacity || flight->capacity < RING_KEPT) return true;
    return 2 * flight->capacity * sizeof *flight->ring <= minke__account_room(flight->env->account);
}

int minke__flight_reserve(minke_flight_t *flight)
{
    const uint64_t count = flight->next - flight->base;
    if (count < flight->capacity) return MINKE_OK;
    const uint64_t capacity = flight->capacity > 0 ? flight->capacity * 2 : RING_MIN;
    minke_sent_t *ring = minke__alloc(flight->env, capacity * sizeof *ring);
    if (ring == NULL) return MINKE_ERROR_NO_MEMORY;
    for (uint64_t tsn = flight->base; tsn < flight->next; tsn++) {
        ring[tsn & (capacity - 1)] = *minke__flight_at(flight, tsn);
    }
    minke__free(flight->env, flight->ring);
    flight->ring = ring;
    flight->capacity = capacity;
    return MINKE_OK;
}

static void append(minke_flight_t *flight, minke_sent_list_t *list, uint64_t tsn, minke_sent_t *sent)
{
    sent->previous = list->last;
    sent->next = 0;
    if (list->last != 0) minke__flight_at(flight, list->last)->next = tsn;
    else list->first = tsn;
    list->last = tsn;
}

static void prepend(minke_flight_t *flight, minke_sent_list_t *list, uint64_t tsn, minke_sent_t *sent)
{
    sent->previous = 0;
    sent->next = list->first;
    if (list->first != 0) minke__flight_at(flight, list->first)->previous = tsn;
    else list->last = tsn;
    list->first = tsn;
}

/* Out of the list that its state names, and out of that list's bytes. */
static void unlink_sent(minke_flight_t *flight, minke_sent_t *sent)
{
    const bool flying = sent->state == MINKE_SENT_FLYING;
    minke_sent_list_t *list = flying ? &flight->flying : &flight->lost;
    if (sent->previous != 0) minke__flight_at(flight, sent->previous)->next = sent->next;
    else list->first = sent->next;
    if (sent->next != 0) minke__flight_at(flight, sent->next)->previous = sent->previous;
    else list->last = sent->previous;
    if (flying) flight->in_flight -= sent->len;
    else flight->lost_bytes -= sent->len;
}

static void fly(minke_flight_t *flight, uint64_t tsn, minke_sent_t *sent, uint64_t packet, minke_time_t now)
{
    sent->state = MINKE_SENT_FLYING;
    sent->packet = packet;
    sent->at = now;
    if (sent->sent_n < UINT8_MAX) sent->sent_n++;
    append(flight, &flight->flying, tsn, sent);
    flight->in_flight += sent->len;
}

minke_sent_t *minke__flight_push(minke_flight_t *flight, uint16_t len, uint64_t packet, minke_time_t now)
{
    const uint64_t tsn = flight->next++;
    minke_sent_t *sent = minke__flight_at(flight, tsn);
    *sent = (minke_sent_t){.len = len};
    fly(flight, tsn, sent, packet, now);
    return sent;
}

void minke__flight_resent(minke_flight_t *flight, uint64_t tsn, uint64_t packet, minke_time_t now)
{
    minke_sent_t *sent = minke__flight_at(flight, tsn);
    unlink_sent(flight, sent);
    fly(flight, tsn, sent, packet, now);
}

void minke__flight_lose(minke_flight_t *flight, uint64_t tsn)
{
    minke_sent_t *sent = minke__flight_at(flight, tsn);
    assert(sent->state == MINKE_SENT_FLYING);
    unlink_sent(flight, sent);
    sent->state = MINKE_SENT_LOST;
    flight->lost_bytes += sent->len;
    /* A retransmission lost again is older than what waits: it goes first. */
    if (tsn < flight->lost.first) prepend(flight, &flight->lost, tsn, sent);
    else append(flight, &flight->lost, tsn, sent);
}

static void rebuild_lost(minke_flight_t *flight, bool acked_too)
{
    flight->flying = flight->lost = (minke_sent_list_t){0};
    flight->in_flight = flight->lost_bytes = 0;
    for (uint64_t tsn = flight->base; tsn < flight->next; tsn++) {
        minke_sent_t *sent = minke__flight_at(flight, tsn);
        if (sent->state == MINKE_SENT_ACKED && !acked_too) continue;
        sent->state = MINKE_SENT_LOST;
        flight->lost_bytes += sent->len;
        append(flight, &flight->lost, tsn, sent);
    }
}

void minke__flight_lose_all(minke_flight_t *flight) { rebuild_lost(flight, false); }

void minke__flight_ack(minke_flight_t *flight, uint64_t tsn)
{
    minke_sent_t *sent = minke__flight_at(flight, tsn);
    assert(sent->state != MINKE_SENT_ACKED);
    unlink_sent(flight, sent);
    sent->state = MINKE_SENT_ACKED;
}

minke_sent_t *minke__flight_pop(minke_flight_t *flight)
{
    minke_sent_t *sent = minke__flight_at(flight, flight->base);
    if (sent->state != MINKE_SENT_ACKED) minke__flight_ack(flight, flight->base);
    flight->base++;
    return sent;
}

void minke__flight_renege(minke_flight_t *flight)
{
    rebuild_lost(flight, true);
    flight->acked.count = 0;
}

void minke__flight_trim(minke_flight_t *flight)
{
    if (!minke__flight_empty(flight) || flight->capacity <= RING_KEPT) return;
    minke__flight_free(flight);
}
