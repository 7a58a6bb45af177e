#include "driver/watch.h"

#include <errno.h>

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

void minke__watch_serve(minke_host_t *host)
{
    struct epoll_event ready[EVENTS_PER_TURN];
    const int n = epoll_wait(host->epoll, ready, EVENTS_PER_TURN, 0);
    for (int i = 0; i < n; i++) {
        minke_watch_t *watch = minke__handles_get(&host->watches, ready[i].data.u64);
        if (watch != NULL) watch->ready(host, watch, ready[i].events);
    }
}
