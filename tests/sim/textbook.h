/*
 * A TCP sender and receiver as the text-books have them, to compare with: segments of 1448 bytes, selective
 * acknowledgements for every second segment, fast retransmit after three, CUBIC (RFC 9438) with classic HyStart, a
 * timeout of at least 200 ms. Neither paced nor probing its tail. No bytes: a segment is a number.
 */
#ifndef MINKE_SIM_TEXTBOOK_H
#define MINKE_SIM_TEXTBOOK_H

#include <minke/types.h>

enum { TEXTBOOK_SEGMENT = 1448, TEXTBOOK_WIRE = 1500, TEXTBOOK_RING = 1 << 15 };

typedef enum textbook_state { TEXTBOOK_FLYING, TEXTBOOK_LOST, TEXTBOOK_ACKED } textbook_state_t;

typedef struct textbook_segment {
    minke_time_t sent_at;
    uint64_t order;   /* of its last transmission */
    uint64_t told_by; /* the acknowledgement that was the first to tell of it; 0: none yet */
    unsigned char state;
    bool again, arrived;
} textbook_segment_t;

typedef struct textbook {
    textbook_segment_t ring[TEXTBOOK_RING];
    /* sender */
    uint64_t base, next, orders, newest_order, recovery_end;
    double window, threshold, plateau, prior, reno, rise_after, epoch_at; /* segments and seconds; epoch_at < 0: none */
    uint32_t in_flight, lost_n;
    bool recovering, forced;
    double smoothed, variation, minimum; /* seconds */
    double round_minimum;
    uint64_t round_end;
    unsigned round_samples, backoff;
    minke_time_t timeout_at;
    uint64_t losses, timeouts, retransmitted;
    /* receiver */
    uint64_t received, unacknowledged, acks;
    minke_time_t ack_at;
} textbook_t;

textbook_t *textbook_new(void);
void textbook_free(textbook_t *tcp);
/* The number of the next segment to leave now; false: none may. */
bool textbook_send(textbook_t *tcp, minke_time_t now, uint64_t *segment);
/* A segment arrives; true: an acknowledgement leaves at once, with this number. */
bool textbook_arrive(textbook_t *tcp, uint64_t segment, minke_time_t now, uint64_t *ack);
/* The delayed one is due at `ack_at`. */
uint64_t textbook_delayed_ack(textbook_t *tcp);
/* An acknowledgement has come back. */
void textbook_acked(textbook_t *tcp, uint64_t ack, uint64_t received, minke_time_t now);
void textbook_timeout(textbook_t *tcp, minke_time_t now);

#endif
