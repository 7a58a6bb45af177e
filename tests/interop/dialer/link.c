#include "link.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

bool link_say(link_t *link, bool ok, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(link->facts, sizeof link->facts, format, arguments);
    va_end(arguments);
    if (!ok) WAIT_FOR(link, 100, link->disconnected); /* its streams end before it */
    if (!ok && link->disconnected) {
        const size_t len = strlen(link->facts);
        (void)snprintf(link->facts + len, sizeof link->facts - len, " [disconnected, %s: %s]",
                       minke_layer_name(link->close.layer), link->close.text);
    }
    return ok;
}

/* ---- bytes ---- */

static uint8_t byte_at(uint32_t seed, size_t place) { return (uint8_t)((place + seed) * 2654435761U >> 13); }

static uint8_t sent_at(const flow_t *flow, size_t place)
{
    return place < flow->head_len ? flow->head[place] : byte_at(flow->seed, place);
}

static void send_more(link_t *link, flow_t *flow)
{
    uint8_t block[16384];
    while (flow->sent < flow->to_send && !flow->stopped) {
        const size_t left = flow->to_send - flow->sent;
        const size_t n = left < sizeof block ? left : sizeof block;
        for (size_t i = 0; i < n; i++) block[i] = sent_at(flow, flow->sent + i);
        const ssize_t taken = minke_stream_write(link->host, flow->id, block, n);
        if (taken == MINKE_ERROR_STREAM_STOPPED) flow->stopped = true;
        if (taken <= 0) break;
        flow->sent += (size_t)taken;
    }
    if (flow->finished || flow->keeps_open) return;
    if (flow->sent < flow->to_send && !flow->stopped) return;
    flow->finished = minke_stream_finish(link->host, flow->id) == MINKE_OK;
}

static void receive_more(link_t *link, flow_t *flow)
{
    const uint8_t *data;
    ssize_t n = MINKE_ERROR_AGAIN;
    while (!flow->paused && (n = minke_stream_peek(link->host, flow->id, &data)) > 0) {
        for (size_t i = 0; flow->echoes && i < (size_t)n; i++) {
            if (data[i] != sent_at(flow, flow->received + i)) flow->wrong = true;
        }
        flow->received += (size_t)n;
        (void)minke_stream_consume(link->host, flow->id, (size_t)n);
    }
    if (n == 0) flow->ended = true;
}

void link_go_on(link_t *link, flow_t *flow)
{
    if (flow->id == 0) return;
    receive_more(link, flow);
    send_more(link, flow);
}

/* ---- events ---- */

static flow_t *find(const link_t *link, minke_stream_t id)
{
    for (size_t i = 0; i < link->flows_n; i++) {
        if (link->flows[i]->id == id) return link->flows[i];
    }
    return NULL;
}

static void forget(link_t *link, const flow_t *flow)
{
    for (size_t i = 0; i < link->flows_n; i++) {
        if (link->flows[i] == flow) link->flows[i] = link->flows[--link->flows_n];
    }
}

static void on_stream(link_t *link, const minke_event_t *event)
{
    flow_t *flow = find(link, event->stream);
    if (flow == NULL) return;
    if (event->type != MINKE_EVENT_STREAM_CLOSED) {
        /* With nothing left to write, only an empty write tells that the remote does not read any more. */
        if (minke_stream_write(link->host, flow->id, "", 0) == MINKE_ERROR_STREAM_STOPPED) flow->stopped = true;
        link_go_on(link, flow);
        return;
    }
    receive_more(link, flow);
    flow->closed = true;
    flow->error = event->error;
    flow->id = 0;
    forget(link, flow);
}

bool link_turn(link_t *link, double until)
{
    minke_event_t event;
    const double left = until - now_ms();
    if (left <= 0 || link->disconnected) return false;
    if (minke_wait(link->host, &event, (int)left + 1) != MINKE_OK) return now_ms() < until;
    if (event.stream != 0) on_stream(link, &event);
    if (event.connection != link->connection) return true; /* of a relay on the way, say */
    if (event.type == MINKE_EVENT_CONNECTED) {
        link->connected = true;
        link->limited = event.limited;
    }
    if (event.type == MINKE_EVENT_IDENTIFIED) link->identified = true;
    if (event.type == MINKE_EVENT_DISCONNECTED) {
        link->disconnected = true;
        link->close = event.close;
    }
    return true;
}

/* ---- beginning and end ---- */

static void on_trace(void *user, const minke_trace_event_t *event)
{
    link_t *link = user;
    if (event->id == MINKE_TRACE_STREAM_OPENED && event->value < IDS_MAX) link->ids[event->value] = 1;
}

bool link_dial(link_t *link, const char *addr, int version)
{
    minke_host_options_t options;
    minke_host_defaults(&options);
    options.agent = "minke interop dialer";
    options.transport.trace = (minke_trace_t){link, on_trace};
    *link = (link_t){.host = minke_host_new(&options)};
    if (link->host == NULL) return link_say(link, false, "no host");
    const int error = minke_dial(link->host, addr, version, &link->connection);
    if (error != MINKE_OK) return link_say(link, false, "%s", minke_error_text(error));
    WAIT_FOR(link, 20000, link->connected);
    return link->connected || link_say(link, false, "no connection");
}

void link_free(link_t *link)
{
    minke_host_free(link->host);
    link->host = NULL;
    for (size_t i = 0; i < link->flows_n; i++) link->flows[i]->id = 0;
    link->flows_n = 0;
}

bool link_start(link_t *link, flow_t *flow, const char *protocol)
{
    if (link->flows_n == FLOWS_MAX) return link_say(link, false, "too many flows");
    int error = minke_allow_limited(link->host, protocol); /* a relay in between shall be no obstacle */
    if (error == MINKE_OK) error = minke_open(link->host, link->connection, protocol, &flow->id);
    if (error != MINKE_OK) return link_say(link, false, "no stream: %s", minke_error_text(error));
    link->flows[link->flows_n++] = flow;
    link_go_on(link, flow);
    return true;
}
