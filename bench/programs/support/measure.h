/* What every program here needs: time, processor time, a core of its own, memory that two processes share. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program: what failed, and errno. */
_Noreturn void die(const char *what);

/* CLOCK_MONOTONIC, in seconds. */
double now_s(void);
/* Processor time of this process so far, all its threads and the kernel included, in seconds. */
double cpu_s(void);

/* Pins the calling thread, and those that it begins, to a core. Where there is none, nothing happens. */
void pin(int core);

/* Zeroed memory that stays shared after fork. */
void *shared_memory(size_t bytes);

/* Sorts the values. */
double median(double *values, size_t n);

/* Two UDP sockets on loopback, connected with each other, with buffers of so many bytes (0: the system's) and a limit
 * of so many milliseconds for a blocking read. */
void udp_pair(int fds[2], int buffer_bytes, int patience_ms);

#endif
