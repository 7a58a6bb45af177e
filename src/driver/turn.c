/*
 * A turn: what the application has done since the last one leaves, then whoever is ready is served, then what is due.
 *
 *     events told? --> send --> wait, receive --> timers --> events? -- something can be read, little came --> told
 *                                                              |                                   (held)
 *                                                              +--> send --> told
 *
 * Held: what came may be a question, and its answer carries the acknowledgement. The application is told before it is
 * sent, and what is written comes along with the next turn. An application that takes its time is not waited for by
 * those who did not ask: HELD_MOST after that everything is sent before anything else is told.
 */
#include <minke/minke.h>

#include "driver/clock.h"
#include "driver/host.h"
#include "webrtc/endpoint.h"

enum { HELD_MOST = 1000 };

/* ---- events ---- */

static void serve(minke_host_t *host, const minke_node_request_t *request)
{
    switch (request->type) {
    case MINKE_REQUEST_RESOLVE: minke__names_resolve(host, request); break;
    case MINKE_REQUEST_CONNECT: minke__carrier_connect(host, request); break;
    case MINKE_REQUEST_CANCEL:
        minke__names_cancel(host, request->attempt);
        minke__carrier_cancel(host, request->attempt);
        break;
    case MINKE_REQUEST_RELEASE: minke__carrier_release(host, request->carrier); break;
    case MINKE_REQUEST_NONE: break;
    }
}

static bool next_event(minke_host_t *host, minke_event_t *event)
{
    minke_transport_event_t from;
    minke_node_request_t request;
    for (;;) {
        while (minke__node_request(host->node, &request, host->now)) serve(host, &request);
        if (minke__node_own_event(host->node, event, host->now)) return true;
        if (minke__node_has_request(host->node)) continue;
        if (!minke_transport_event(host->node->transport, &from)) return false;
        if (from.type == MINKE_TRANSPORT_SOCKET_OPEN) {
            minke__host_open_socket(host, &from);
        } else if (from.type == MINKE_TRANSPORT_SOCKET_CLOSE) {
            minke_host_socket_t *s = minke__host_socket(host, from.socket);
            if (s != NULL) minke__host_close_socket(host, s);
        } else if (minke__node_event(host->node, &from, event, host->now)) {
            return true;
        }
    }
}

/* ---- when ---- */

/* Something is to be told or sent that no descriptor and no deadline would bring up. */
static bool is_busy(const minke_host_t *host)
{
    const minke_transport_t *t = host->node->transport;
    return minke__node_is_busy(host->node) || !minke__list_empty(&t->sockets_to_tell) ||
           !minke__list_empty(&t->to_tell) ||
           (!host->outbox.held && (!minke__list_empty(&t->to_send) || host->outbox.trains_n > 0));
}

static minke_time_t deadline(const minke_host_t *host, minke_time_t now)
{
    const minke_time_t all[] = {minke_transport_deadline(host->node->transport), minke__node_deadline(host->node),
                                minke__names_deadline(host, now), minke__metrics_deadline(host), host->look_again_at};
    minke_time_t at = all[0];
    for (size_t i = 1; i < sizeof all / sizeof all[0]; i++) at = all[i] < at ? all[i] : at;
    return at;
}

/* How long the host can be left alone; `until` it must not be. */
static minke_time_t spare_time(const minke_host_t *host, minke_time_t now, minke_time_t until)
{
    if (until <= now || is_busy(host)) return 0;
    const minke_time_t due = deadline(host, now), at = due < until ? due : until;
    return at == MINKE_TIME_NEVER ? MINKE_TIME_NEVER : at > now ? at - now : 0;
}

int minke_fd(const minke_host_t *host) { return host->epoll; }

int64_t minke_timeout_us(const minke_host_t *host)
{
    const minke_time_t after = spare_time(host, minke__clock_now(), MINKE_TIME_NEVER);
    return after < INT64_MAX ? (int64_t)after : -1;
}

int minke_timeout(const minke_host_t *host)
{
    const int64_t us = minke_timeout_us(host);
    if (us < 0) return -1;
    const int64_t ms = us / 1000 + (us % 1000 != 0);
    return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* ---- turns ---- */

static void take_time(minke_host_t *host)
{
    host->now = minke__clock_now();
    minke__node_set_unix_time(host->node, minke__clock_wall(), host->now);
}

static void send_all(minke_host_t *host)
{
    host->held_at = 0;
    minke__host_transmit(host);
}

static void tick(minke_host_t *host)
{
    minke_transport_tick(host->node->transport, host->now);
    minke__node_tick(host->node, host->now);
    minke__names_tick(host);
    if (host->now >= host->look_again_at) minke__host_listeners_look_again(host);
    minke__metrics_tick(host);
}

/* More than questions and answers comes from somebody who waits for acknowledgements. */
static bool may_hold(const minke_host_t *host, const minke_event_t *event)
{
    return event->type == MINKE_EVENT_STREAM_READABLE && host->received_bytes <= MINKE_HOST_QUESTION_BYTES;
}

static bool find_event(minke_host_t *host, minke_event_t *event)
{
    const bool found = next_event(host, event);
    if (found && may_hold(host, event)) {
        host->held_at = host->now;
        return true;
    }
    send_all(host);
    return found || next_event(host, event); /* sending makes room, or finds that there is no way for a dial */
}

/* Sleeps `until` then at most; 0: not at all. */
static int turn(minke_host_t *host, minke_event_t *event, minke_time_t until)
{
    take_time(host);
    if (host->held_at != 0 && host->now - host->held_at > HELD_MOST) send_all(host);
    if (next_event(host, event)) {
        if (host->held_at != 0 && !may_hold(host, event)) send_all(host);
        return MINKE_OK;
    }
    send_all(host);
    host->received_bytes = 0;
    const int error = minke__watch_serve(host, spare_time(host, host->now, until));
    if (error < 0) return error;
    tick(host);
    return find_event(host, event) ? MINKE_OK : MINKE_ERROR_TIMEOUT;
}

int minke_poll(minke_host_t *host, minke_event_t *event)
{
    return turn(host, event, 0) == MINKE_OK ? MINKE_OK : MINKE_ERROR_AGAIN;
}

int minke_wait(minke_host_t *host, minke_event_t *event, int timeout_ms)
{
    const minke_time_t until =
        timeout_ms >= 0 ? minke__clock_now() + (minke_time_t)timeout_ms * 1000 : MINKE_TIME_NEVER;
    int result;
    do {
        result = turn(host, event, until);
    } while (result == MINKE_ERROR_TIMEOUT && host->now < until);
    return result;
}
