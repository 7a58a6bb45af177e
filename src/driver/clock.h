/* The system's monotonic clock, in microseconds. */
#ifndef MINKE_DRIVER_CLOCK_H
#define MINKE_DRIVER_CLOCK_H

#include <minke/types.h>

minke_time_t minke__clock_now(void);
/* The same some milliseconds late, for a fifth of the price: for what is done for every few bytes. */
minke_time_t minke__clock_lately(void);
/* Seconds since 1970, which the administrator may set: for people and for other machines alone. */
uint64_t minke__clock_wall(void);

#endif
