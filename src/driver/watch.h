/*
 * Descriptors in the host's epoll: each has a function for when it is ready. A number with a generation stands in epoll
 * for the structure, so that one that goes while others are being served is not served any more.
 */
#ifndef MINKE_DRIVER_WATCH_H
#define MINKE_DRIVER_WATCH_H

#include <minke/minke.h>
#include <sys/epoll.h>

#include "base/handles.h"

typedef struct minke_watch {
    int fd;
    uint64_t id; /* 0: not watched */
    uint32_t interest;
    void (*ready)(minke_host_t *host, struct minke_watch *watch, uint32_t events);
} minke_watch_t;

/* EPOLLIN, EPOLLOUT. MINKE_ERROR_SYSTEM: errno says why, and it is not watched. */
MINKE_MUST_USE int minke__watch_add(minke_host_t *host, minke_watch_t *watch, int fd, uint32_t interest);
void minke__watch_change(minke_host_t *host, minke_watch_t *watch, uint32_t interest);
/* Before its descriptor is closed. Harmless when it is not watched. */
void minke__watch_remove(minke_host_t *host, minke_watch_t *watch);
/* Waits until something is ready, at most that many microseconds (MINKE_TIME_NEVER: for ever), takes the time, and
 * serves it. MINKE_OK; MINKE_ERROR_AGAIN: a signal handler has run; MINKE_ERROR_SYSTEM: waiting is impossible. */
MINKE_MUST_USE int minke__watch_serve(minke_host_t *host, minke_time_t after);

#endif
