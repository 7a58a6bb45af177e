/*
 * A circuit as the relay has it: two streams whose bytes are passed on, from one to the other.
 *
 *     ASKING   the stop stream has been opened, the target has not answered
 *     OPEN     bytes go both ways, counted
 *     over     by the peers: both have finished; by time or bytes: both streams are reset
 */
#ifndef MINKE_HOST_SPLICE_H
#define MINKE_HOST_SPLICE_H

#include "host/hop.h"

struct minke_hop {
    minke_relay_book_t *book;
    minke_list_t unfinished; /* splices that have had their share of this turn, and could move more */
};

/* Opens the stop stream; the hop stream's answer comes later. Any status but OK: nothing has changed. */
MINKE_MUST_USE minke_relay_status_t minke__splice_begin(minke_node_t *node, minke_node_stream_t *hop,
                                                        minke_relay_circuit_t *account,
                                                        const minke_relay_limit_t *limit);
/* `splice` is the account's user. */
void minke__splice_time_is_up(minke_node_t *node, void *splice);
void minke__splices_go_on(minke_node_t *node);

/* hop.c */
void minke__hop_answer(minke_node_t *node, minke_node_stream_t *stream, minke_relay_status_t status);

#endif
