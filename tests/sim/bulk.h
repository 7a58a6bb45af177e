/*
 * The application of a simulated endpoint that moves bytes without end: a sender writes to all its streams as much as
 * is taken, a reader takes what comes, up to a rate.
 */
#ifndef MINKE_SIM_BULK_H
#define MINKE_SIM_BULK_H

#include "world.h"

enum { SIM_BULK_STREAMS_MAX = 8 };

typedef struct sim_bulk {
    unsigned streams_n; /* to open; a reader: that were opened */
    bool sends;
    uint64_t rate;         /* of reading, bytes per second; 0: all at once */
    uint64_t allowed, got; /* of it, so far */
    minke_connection_t connection;
    minke_stream_t streams[SIM_BULK_STREAMS_MAX];
    uint64_t read[SIM_BULK_STREAMS_MAX];
    size_t unsent_max;
    bool closed;
} sim_bulk_t;

/* As sim_endpoint_t.on_event, with a sim_bulk_t as user. */
void sim_bulk_event(void *user, sim_endpoint_t *endpoint, const minke_transport_event_t *event);
/* More may be read than before. */
void sim_bulk_read(sim_bulk_t *bulk, sim_endpoint_t *endpoint);
/* A link whose queue holds one product of bandwidth and round trip. */
sim_link_t sim_bulk_link(uint64_t bits_per_second, minke_time_t round_trip);
minke_connection_stats_t sim_bulk_stats(const sim_bulk_t *bulk, const sim_endpoint_t *endpoint);

#endif
