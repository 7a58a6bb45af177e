#include "sctp/delivery.h"

enum { RING_MIN = 64, RING_MAX = 1 << 17 };

void minke__delivery_init(minke_delivery_t *delivery, const minke_env_t *env)
{
    *delivery = (minke_delivery_t){.env = env};
}

void minke__delivery_free(minke_delivery_t *delivery)
{
    minke__free(delivery->env, delivery->ring);
    delivery->ring = NULL;
    delivery->capacity = 0;
}

static minke_delivery_packet_t *place(const minke_delivery_t *delivery, uint64_t number)
{
    return &delivery->ring[number & (delivery->capacity - 1)];
}

/* Room for a record beside those that may still be asked for; when that fails the oldest is written over. */
static void make_room(minke_delivery_t *delivery, uint64_t number)
{
    if (delivery->capacity > 0 && number - delivery->oldest < delivery->capacity) return;
    const uint64_t capacity = delivery->capacity > 0 ? 2 * delivery->capacity : RING_MIN;
    if (capacity > RING_MAX) return;
    minke_delivery_packet_t *ring = minke__alloc_zero(delivery->env, capacity * sizeof *ring);
    if (ring == NULL) return;
    for (uint64_t i = 0; i < delivery->capacity; i++) {
        ring[delivery->ring[i].number & (capacity - 1)] = delivery->ring[i];
    }
    minke__free(delivery->env, delivery->ring);
    delivery->ring = ring;
    delivery->capacity = capacity;
}

void minke__delivery_sent(minke_delivery_t *delivery, uint64_t number, uint64_t oldest, uint32_t bytes,
                          uint32_t in_flight, minke_time_t now)
{
    delivery->oldest = oldest;
    make_room(delivery, number);
    if (in_flight <= bytes) delivery->first_at = delivery->delivered_at = now;
    if (delivery->capacity == 0) return;
    *place(delivery, number) = (minke_delivery_packet_t){.number = number,
                                                         .delivered = delivery->delivered,
                                                         .delivered_at = delivery->delivered_at,
                                                         .first_at = delivery->first_at,
                                                         .at = now,
                                                         .lost = delivery->lost,
                                                         .in_flight = in_flight,
                                                         .limited = delivery->limited_until != 0};
}

static const minke_delivery_packet_t *find(const minke_delivery_t *delivery, uint64_t number)
{
    if (delivery->capacity == 0) return NULL;
    const minke_delivery_packet_t *packet = place(delivery, number);
    return packet->number == number ? packet : NULL;
}

void minke__delivery_acked(minke_delivery_t *delivery, uint64_t number, uint32_t bytes, minke_time_t now)
{
    delivery->delivered += bytes;
    delivery->delivered_at = now;
    if (number <= delivery->newest.number) return;
    const minke_delivery_packet_t *packet = find(delivery, number);
    if (packet != NULL) delivery->newest = *packet;
}

const minke_delivery_packet_t *minke__delivery_lost(minke_delivery_t *delivery, uint64_t number, uint32_t bytes)
{
    delivery->lost += bytes;
    return find(delivery, number);
}

void minke__delivery_limited(minke_delivery_t *delivery, uint32_t in_flight)
{
    const uint64_t until = delivery->delivered + in_flight;
    delivery->limited_until = until > 0 ? until : 1;
}

/* The clock may step back. */
static minke_time_t since(minke_time_t then, minke_time_t now) { return now > then ? now - then : 0; }

minke_rate_sample_t minke__delivery_sample(minke_delivery_t *delivery, minke_time_t minimum_rtt)
{
    const minke_delivery_packet_t packet = delivery->newest;
    delivery->newest.number = 0;
    if (delivery->limited_until != 0 && delivery->delivered > delivery->limited_until) delivery->limited_until = 0;
    if (packet.number == 0) return (minke_rate_sample_t){.valid = false};
    const minke_time_t sent_in = since(packet.first_at, packet.at);
    const minke_time_t acked_in = since(packet.delivered_at, delivery->delivered_at);
    const minke_time_t interval = sent_in > acked_in ? sent_in : acked_in;
    minke_rate_sample_t sample = {.valid = true,
                                  .limited = packet.limited,
                                  .delivered = delivery->delivered - packet.delivered,
                                  .prior_delivered = packet.delivered,
                                  .lost = delivery->lost - packet.lost,
                                  .in_flight = packet.in_flight};
    delivery->first_at = packet.at;
    if (interval > 0 && interval >= minimum_rtt) sample.rate = sample.delivered * 1000000 / interval;
    return sample;
}
