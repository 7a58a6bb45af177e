#define _POSIX_C_SOURCE 200809L
#include "driver/clock.h"

#include <time.h>

minke_time_t minke__clock_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (minke_time_t)t.tv_sec * 1000000 + (minke_time_t)t.tv_nsec / 1000;
}

uint64_t minke__clock_wall(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec > 0 ? (uint64_t)t.tv_sec : 0;
}
