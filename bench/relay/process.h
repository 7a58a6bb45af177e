/* Another process as /proc shows it: what it has used, and what it holds. Linux alone; elsewhere all is 0. */
#ifndef RELAY_PROCESS_H
#define RELAY_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Seconds of processor time so far, those in the kernel included. */
double process_cpu_s(pid_t pid);
/* Resident memory, in bytes: now, and the most that it ever was. */
double process_resident(pid_t pid);
double process_resident_peak(pid_t pid);
/* The newest `memory_bytes` in what `minke --json --stats 1` writes to this file, 0 if there is none. */
double process_memory_stats(const char *file_name);
/* CLOCK_MONOTONIC, in seconds. */
double now_s(void);

#endif
