#include "bulk.h"

#include <stdlib.h>

enum { KIB = 1024, SECOND = 1000000 };

static void write_all(sim_bulk_t *b, sim_endpoint_t *e, minke_stream_t stream)
{
    static const uint8_t zeros[64 * KIB];
    while (minke_transport_write(e->transport, stream, zeros, sizeof zeros, e->now) > 0) continue;
    minke_connection_stats_t stats;
    if (minke_transport_stats(e->transport, b->connection, &stats) == MINKE_OK && stats.unsent > b->unsent_max) {
        b->unsent_max = stats.unsent;
    }
}

void sim_bulk_read(sim_bulk_t *b, sim_endpoint_t *e)
{
    const uint8_t *data;
    for (unsigned i = 0; i < b->streams_n; i++) {
        for (ssize_t n; (n = minke_transport_peek(e->transport, b->streams[i], &data)) > 0;) {
            const uint64_t left = b->rate > 0 ? b->allowed - b->got : (uint64_t)n;
            const size_t take = (uint64_t)n < left ? (size_t)n : (size_t)left;
            if (take == 0) return;
            if (minke_transport_consume(e->transport, b->streams[i], take, e->now) < 0) abort();
            b->read[i] += take;
            b->got += take;
        }
    }
}

void sim_bulk_event(void *user, sim_endpoint_t *e, const minke_transport_event_t *event)
{
    sim_bulk_t *b = user;
    switch (event->type) {
    case MINKE_TRANSPORT_CONNECTED:
        b->connection = event->connection;
        for (unsigned i = 0; b->sends && i < b->streams_n; i++) {
            if (minke_transport_open(e->transport, b->connection, e->now, &b->streams[i]) < 0) abort();
            write_all(b, e, b->streams[i]);
        }
        break;
    case MINKE_TRANSPORT_STREAM_WRITABLE: write_all(b, e, event->stream); break;
    case MINKE_TRANSPORT_STREAM_OPENED: b->streams[b->streams_n++] = event->stream; break;
    case MINKE_TRANSPORT_STREAM_READABLE: sim_bulk_read(b, e); break;
    case MINKE_TRANSPORT_CLOSED: b->closed = true; break;
    default: break;
    }
}

sim_link_t sim_bulk_link(uint64_t bits_per_second, minke_time_t round_trip)
{
    const size_t product = (size_t)(bits_per_second / 8 * round_trip / SECOND);
    return (sim_link_t){
        .delay = round_trip / 2, .bits_per_second = bits_per_second, .queue = product > 65536 ? product : 65536};
}

minke_connection_stats_t sim_bulk_stats(const sim_bulk_t *b, const sim_endpoint_t *e)
{
    minke_connection_stats_t stats;
    if (minke_transport_stats(e->transport, b->connection, &stats) < 0) abort();
    return stats;
}
