/* The same flows over plain TCP connections through relay-splice: what relay and encryption are compared with. */
#ifndef RELAY_PLAIN_H
#define RELAY_PLAIN_H

#include "flow.h"

typedef struct plain plain_t;

/* All connections, through the splice at this port of 127.0.0.1; NULL: some system call failed (errno). */
plain_t *plain_open(uint16_t splice_port, unsigned circuits, uint64_t bytes, uint64_t window);
/* Moves and compares all, at the longest until `until` on the clock of now_s. How many are complete. */
unsigned plain_run(plain_t *plain, double until);
void plain_free(plain_t *plain);

#endif
