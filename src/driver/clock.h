/* The system's monotonic clock, in microseconds. */
#ifndef MINKE_DRIVER_CLOCK_H
#define MINKE_DRIVER_CLOCK_H

#include <minke/types.h>

minke_time_t minke__clock_now(void);
/* The wall clock: seconds since 1970. */
uint64_t minke__clock_unix(void);

#endif
