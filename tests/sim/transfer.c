#include "transfer.h"

#include <stdlib.h>
#include <string.h>

/* The byte at a place of the sequence that belongs to a key. */
static uint8_t byte_at(uint64_t key, uint64_t place)
{
    uint64_t x = (place >> 3) + key;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    x ^= x >> 31;
    return (uint8_t)(x >> (8 * (place & 7)));
}

static void send_more(sim_transfer_t *t, sim_endpoint_t *e)
{
    uint8_t block[16384];
    while (t->sent < t->bytes) {
        const uint64_t left = t->bytes - t->sent;
        const size_t n = left < sizeof block ? (size_t)left : sizeof block;
        for (size_t i = 0; i < n; i++) block[i] = byte_at(t->send_key, t->sent + i);
        const ssize_t taken = minke_transport_write(e->transport, t->stream, block, n, e->now);
        if (taken <= 0) return;
        t->sent += (uint64_t)taken;
    }
    if (!t->finished && minke_transport_finish(e->transport, t->stream, e->now) == MINKE_OK) t->finished = true;
}

static void receive_more(sim_transfer_t *t, sim_endpoint_t *e)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_transport_peek(e->transport, t->stream, &data)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (data[i] != byte_at(t->receive_key, t->received + (uint64_t)i)) t->wrong = true;
        }
        t->received += (uint64_t)n;
        (void)minke_transport_consume(e->transport, t->stream, (size_t)n, e->now);
    }
    if (n == 0) t->end_seen = true;
}

void sim_transfer_event(void *user, sim_endpoint_t *e, const minke_transport_event_t *event)
{
    sim_transfer_t *t = user;
    switch (event->type) {
    case MINKE_TRANSPORT_CONNECTED:
        t->connection = event->connection;
        t->connected_at = e->now;
        if (t->opens && minke_transport_open(e->transport, t->connection, e->now, &t->stream) < 0) {
            (void)minke_transport_close(e->transport, t->connection, "no stream", e->now); /* out of memory */
        }
        break;
    case MINKE_TRANSPORT_STREAM_OPENED: t->stream = event->stream; break;
    case MINKE_TRANSPORT_STREAM_CLOSED:
        if (event->stream != t->stream) return;
        t->stream_closed = true;
        t->stream_error = event->error;
        return;
    case MINKE_TRANSPORT_CLOSED:
        t->connection_closed = true;
        t->close = event->close;
        return;
    default: break;
    }
    if (t->stream == 0) return;
    receive_more(t, e);
    send_more(t, e);
    if (t->finished_at == 0 && sim_transfer_is_over(t)) t->finished_at = e->now;
}

bool sim_transfer_is_over(const sim_transfer_t *t)
{
    return t->finished && t->end_seen && t->sent == t->bytes && t->received == t->bytes;
}
