/* What a receiver has got and when, the same for every kind of flow: bins of 100 ms, and how long nothing came. */
#ifndef FLOWS_ARRIVALS_H
#define FLOWS_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

enum { ARRIVALS_BIN_MS = 100, ARRIVALS_BINS_MAX = 36000 };

typedef struct arrivals {
    double begun_at, last_at; /* CLOCK_MONOTONIC, s */
    double seconds;           /* what comes later does not count */
    uint64_t bytes;
    double longest_gap, longest_gap_at; /* s; the latter since `begun_at` */
    uint64_t gaps;                      /* longer than 200 ms, the shortest timeout that anybody has */
    uint64_t bins[ARRIVALS_BINS_MAX];
} arrivals_t;

/* The connection is there. */
void arrivals_begin(arrivals_t *arrivals, double seconds);
void arrivals_add(arrivals_t *arrivals, uint64_t bytes);
bool arrivals_are_over(const arrivals_t *arrivals);
/* A line of JSON on standard output. `more`: further members, each with a comma in front, or "". */
void arrivals_print(const arrivals_t *arrivals, const char *kind, const char *more);

#endif
