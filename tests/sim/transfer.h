/*
 * The application of a simulated endpoint: opens or accepts one stream, sends a known sequence of bytes, checks the one
 * it receives byte by byte, and finishes.
 */
#ifndef MINKE_SIM_TRANSFER_H
#define MINKE_SIM_TRANSFER_H

#include "world.h"

typedef struct sim_transfer {
    uint64_t bytes; /* to send, and to expect */
    uint64_t send_key, receive_key;
    bool opens; /* opens the stream once connected */
    minke_connection_t connection;
    minke_stream_t stream;
    minke_time_t connected_at, finished_at;
    uint64_t sent, received;
    bool finished, end_seen, wrong;
    bool stream_closed, connection_closed;
    int stream_error;
    minke_close_t close;
} sim_transfer_t;

/* As sim_endpoint_t.on_event, with a sim_transfer_t as user. */
void sim_transfer_event(void *user, sim_endpoint_t *endpoint, const minke_transport_event_t *event);
/* All sent, all received, both ends seen. */
bool sim_transfer_is_over(const sim_transfer_t *transfer);

#endif
