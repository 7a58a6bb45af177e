#include "driver/watch.h"

#include <errno.h>
#include <time.h>

#include "driver/clock.h"
#include "driver/host.h"

enum { EVENTS_PER_TURN = 16 };

int minke__watch_add(minke_host_t *host, minke_watch_t *watch, int fd, uint32_t interest)
{
    watch->id = minke__handles_add(&host->watches, watch);
    if (watch->id == 0) {
        errno = ENOMEM;
        return MINKE_ERROR_SYSTEM;
    }
    struct epoll_event event = {.events = interest, .data = {.u64 = watch->id}};
    watch->fd = fd;
    watch->interest = interest;
    if (epoll_ctl(host->epoll, EPOLL_CTL_ADD, fd, &event) == 0) return MINKE_OK;
    minke__handles_remove(&host->watches, watch->id);
    watch->id = 0;
    return MINKE_ERROR_SYSTEM;
}

void minke__watch_change(minke_host_t *host, minke_watch_t *watch, uint32_t interest)
{
    struct epoll_event event = {.events = interest, .data = {.u64 = watch->id}};
    if (watch->id == 0 || watch->interest == interest) return;
    watch->interest = interest;
    (void)epoll_ctl(host->epoll, EPOLL_CTL_MOD, watch->fd, &event);
}

void minke__watch_remove(minke_host_t *host, minke_watch_t *watch)
{
    if (watch->id == 0) return;
    (void)epoll_ctl(host->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    minke__handles_remove(&host->watches, watch->id);
    watch->id = 0;
}

/* Rounded up: what is due in half a millisecond is not due yet. */
static int wait_in_ms(int epoll, struct epoll_event *ready, minke_time_t after)
{
    const minke_time_t ms = after / 1000 + (after % 1000 != 0);
    return epoll_wait(epoll, ready, EVENTS_PER_TURN,
                      after == MINKE_TIME_NEVER ? -1
                      : ms < INT32_MAX          ? (int)ms
                                                : INT32_MAX);
}

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 35)
static int wait_in_us(int epoll, struct epoll_event *ready, minke_time_t after)
{
    const struct timespec span = {.tv_sec = (time_t)(after / 1000000), .tv_nsec = (long)(after % 1000000) * 1000};
    return epoll_pwait2(epoll, ready, EVENTS_PER_TURN, &span, NULL);
}
#else
static int wait_in_us(int epoll, struct epoll_event *ready, minke_time_t after)
{
    (void)epoll, (void)ready, (void)after;
    errno = ENOSYS;
    return -1;
}
#endif

/* Linux 5.11; before that, and behind a filter of system calls that is older, in milliseconds. */
static int wait_until_ready(minke_host_t *host, struct epoll_event *ready, minke_time_t after)
{
    enum { LONG = 3600000000 };
    if (!host->waits_in_ms && after > 0 && after < LONG) {
        const int n = wait_in_us(host->epoll, ready, after);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
        host->waits_in_ms = true;
    }
    return wait_in_ms(host->epoll, ready, after);
}

/* Looks again and again, then sleeps for what is left. */
static int look_then_wait(minke_host_t *host, struct epoll_event *ready, minke_time_t after)
{
    const minke_time_t until = host->now + host->spin_after;
    int n = 0;
    if (host->spin_after == 0 || after < host->spin_after) return wait_until_ready(host, ready, after);
    while (n == 0 && minke__clock_now() < until) n = wait_in_ms(host->epoll, ready, 0);
    if (n != 0) return n;
    return wait_until_ready(host, ready, after == MINKE_TIME_NEVER ? after : after - host->spin_after);
}

int minke__watch_serve(minke_host_t *host, minke_time_t after)
{
    struct epoll_event ready[EVENTS_PER_TURN];
    const int n = look_then_wait(host, ready, after);
    if (n < 0) return errno == EINTR ? MINKE_ERROR_AGAIN : MINKE_ERROR_SYSTEM;
    if (after > 0) host->now = minke__clock_now();
    for (int i = 0; i < n; i++) {
        minke_watch_t *watch = minke__handles_get(&host->watches, ready[i].data.u64);
        if (watch != NULL) watch->ready(host, watch, ready[i].events);
    }
    return MINKE_OK;
}
