/*
 * The metrics of a host, over HTTP: /metrics for Prometheus, / for people. A server of its own on a TCP socket of its
 * own; one request a connection.
 *
 *     HEAD ---complete, or wrong---> ANSWER ---all is sent---> DRAIN ---the client closes, or sends too much---> gone
 *     any  ---5 s after it came---> gone
 *
 * What a client still sends after its answer is read and dropped for a while: closing with bytes unread would reset the
 * connection, and the answer might be lost with it (RFC 9112 9.6).
 *
 * While as many clients are there as may be, the next ones wait in the system's queue.
 */
#ifndef MINKE_DRIVER_METRICS_H
#define MINKE_DRIVER_METRICS_H

#include "base/list.h"
#include "base/wire.h"
#include "driver/snapshot.h"
#include "driver/watch.h"
#include "http/head.h"

enum { MINKE_METRICS_CLIENTS_MAX = 16, MINKE_METRICS_ANSWER_MAX = 1 << 20, MINKE_METRICS_DRAINED_MAX = 1 << 16 };
#define MINKE_METRICS_CLIENT_AFTER (5 * (minke_time_t)1000000)

typedef enum minke_metrics_state {
    MINKE_METRICS_HEAD,
    MINKE_METRICS_ANSWER,
    MINKE_METRICS_DRAIN
} minke_metrics_state_t;

typedef struct minke_metrics_answer {
    uint8_t *block; /* to be freed; NULL: nothing to send */
    size_t at, len; /* of the block: what is to be sent next, and the end of it */
} minke_metrics_answer_t;

typedef struct minke_metrics_client {
    minke_list_t siblings;
    minke_watch_t watch;
    minke_time_t give_up_at;
    minke_metrics_state_t state;
    minke_http_head_t head;
    minke_metrics_answer_t answer;
    size_t drained;
} minke_metrics_client_t;

typedef struct minke_metrics {
    minke_watch_t watch; /* the listener */
    minke_address_t bound;
    minke_time_t look_again_at; /* there was no descriptor for the next client; else NEVER */
    minke_list_t clients;       /* oldest first */
    size_t clients_n;
} minke_metrics_t;

/* All harmless when nobody is served. */
minke_time_t minke__metrics_deadline(const minke_host_t *host);
void minke__metrics_tick(minke_host_t *host);
void minke__metrics_free(minke_host_t *host);

/* ---- among the files of this module */

/* The whole answer to a head that is complete or wrong. Out of memory there may be none. */
minke_metrics_answer_t minke__metrics_answer(const minke_host_t *host, const minke_http_head_t *head);
/* In the text format of Prometheus, version 0.0.4. The writer fails when it is too small, as for the page. */
void minke__metrics_write_text(minke_writer_t *w, const minke_snapshot_t *snapshot);
void minke__metrics_write_page(minke_writer_t *w, const minke_snapshot_t *snapshot);

#endif
