#define _GNU_SOURCE
#include "driver/clock.h"

#include <time.h>

#ifdef CLOCK_MONOTONIC_COARSE
enum { LATELY = CLOCK_MONOTONIC_COARSE, WALL = CLOCK_REALTIME_COARSE };
#else
enum { LATELY = CLOCK_MONOTONIC, WALL = CLOCK_REALTIME };
#endif

static minke_time_t read_clock(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (minke_time_t)t.tv_sec * 1000000 + (minke_time_t)t.tv_nsec / 1000;
}

minke_time_t minke__clock_now(void) { return read_clock(CLOCK_MONOTONIC); }
minke_time_t minke__clock_lately(void) { return read_clock(LATELY); }

uint64_t minke__clock_wall(void)
{
    struct timespec t;
    (void)clock_gettime(WALL, &t);
    return t.tv_sec > 0 ? (uint64_t)t.tv_sec : 0;
}
