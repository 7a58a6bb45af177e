#include "yamux/session.h"

#include <string.h>

#include "base/wire.h"

enum { SECOND = 1000000 };

void minke__yamux_options_defaults(minke_yamux_options_t *options)
{
    *options = (minke_yamux_options_t){.inbound_max = 512,
                                       .outbound_max = 512,
                                       .window_max = 1 << 20,
                                       .send_buffer = 256 << 10,
                                       .keepalive_after = 30 * SECOND,
                                       .silent_after = 10 * SECOND};
}

/* ---- life */

static void ping(minke_yamux_t *s)
{
    s->ping_due = s->ping_out = true;
    s->ping_value++;
    s->pinged_at = s->now;
}

minke_yamux_t *minke__yamux_new(const minke_env_t *env, const minke_yamux_options_t *options, minke_handles_t *streams,
                                minke_connection_t connection, minke_time_t now)
{
    minke_yamux_t *s = minke__alloc_zero(env, sizeof *s);
    if (s == NULL) return NULL;
    s->env = env;
    s->options = *options;
    s->handles = streams;
    s->connection = connection;
    s->next_number = options->client ? 1 : 2;
    s->now = s->heard_at = now;
    minke__map_init(&s->by_number, env);
    minke__list_init(&s->streams);
    minke__list_init(&s->events);
    minke__list_init(&s->to_send);
    minke__list_init(&s->starved);
    s->feed_at = MINKE_TIME_NEVER;
    ping(s); /* its round trip tells how fast windows should grow */
    return s;
}

static minke_yamux_stream_t *first_of(const minke_list_t *streams)
{
    return MINKE_CONTAINER(streams->next, minke_yamux_stream_t, siblings);
}

void minke__yamux_free(minke_yamux_t *s)
{
    while (!minke__list_empty(&s->streams)) minke__yamux_stream_free(first_of(&s->streams));
    minke__map_free(&s->by_number);
    minke__free(s->env, s);
}

static void end_streams(minke_yamux_t *s)
{
    for (minke_list_t *node = s->streams.next, *next; node != &s->streams; node = next) {
        next = node->next;
        minke__yamux_stream_session_ended(MINKE_CONTAINER(node, minke_yamux_stream_t, siblings));
    }
}

void minke__yamux_end(minke_yamux_t *s, int code, bool by_remote, const char *text)
{
    if (s->ended) return;
    s->ended = true;
    s->close = (minke_close_t){.layer = MINKE_LAYER_STREAM, .code = code, .by_remote = by_remote};
    minke_writer_t w = minke__writer(s->close.text, sizeof s->close.text);
    minke__write_text(&w, text);
    minke__write_terminator(&w);
    end_streams(s);
}

void minke__yamux_violation(minke_yamux_t *s, const char *text)
{
    if (s->ended) return;
    s->go_away_due = true;
    s->go_away_code = MINKE_YAMUX_PROTOCOL_ERROR;
    s->env->counters->stream_frame_malformed++;
    minke__yamux_end(s, MINKE_ERROR_MALFORMED, false, text);
}

void minke__yamux_close(minke_yamux_t *s, minke_time_t now)
{
    s->now = now;
    if (s->ended) return;
    s->go_away_due = true;
    minke__yamux_end(s, MINKE_OK, false, "closed");
}

void minke__yamux_fail(minke_yamux_t *s) { minke__yamux_end(s, MINKE_ERROR_CONNECTION_CLOSED, false, "disconnected"); }

bool minke__yamux_lingers(const minke_yamux_t *s)
{
    for (const minke_list_t *node = s->streams.next; node != &s->streams; node = node->next) {
        if (!MINKE_CONTAINER(node, minke_yamux_stream_t, siblings)->closed) return true;
    }
    return false;
}

void minke__yamux_abandon(minke_yamux_t *s)
{
    minke__yamux_fail(s);
    for (minke_list_t *node = s->streams.next, *next; node != &s->streams; node = next) {
        next = node->next;
        minke__yamux_stream_fail(MINKE_CONTAINER(node, minke_yamux_stream_t, siblings), MINKE_ERROR_CONNECTION_CLOSED);
    }
}

const minke_close_t *minke__yamux_close_reason(const minke_yamux_t *s) { return s->ended ? &s->close : NULL; }

/* ---- time: a ping when it has been quiet, the end when nothing at all came after it */

static minke_time_t silent_at(const minke_yamux_t *s)
{
    const minke_time_t last = s->heard_at > s->pinged_at ? s->heard_at : s->pinged_at;
    return last + s->options.silent_after;
}

static minke_time_t ping_deadline(const minke_yamux_t *s) { return s->ping_out ? silent_at(s) : s->keepalive_at; }

minke_time_t minke__yamux_deadline(const minke_yamux_t *s)
{
    if (s->ended) return MINKE_TIME_NEVER;
    return s->feed_at < ping_deadline(s) ? s->feed_at : ping_deadline(s);
}

void minke__yamux_tick(minke_yamux_t *s, minke_time_t now)
{
    s->now = now;
    if (now >= s->feed_at) minke__yamux_feed(s);
    if (now < ping_deadline(s)) return;
    if (!s->ping_out) {
        ping(s);
    } else if (s->heard_at > s->pinged_at) { /* busy with something else, but there */
        s->ping_out = false;
        s->keepalive_at = now + s->options.keepalive_after;
    } else {
        minke__yamux_end(s, MINKE_ERROR_TIMEOUT, false, "a yamux ping was not answered");
    }
}

/* ---- streams and events */

int minke__yamux_open(minke_yamux_t *s, minke_yamux_stream_t **out)
{
    if (s->ended || s->remote_went_away) return MINKE_ERROR_CONNECTION_CLOSED;
    if (s->outbound >= s->options.outbound_max || s->unacknowledged >= MINKE_YAMUX_UNACKNOWLEDGED_MAX ||
        s->next_number > UINT32_MAX - 2)
        return MINKE_ERROR_LIMIT;
    minke_yamux_stream_t *stream = minke__yamux_stream_new(s, s->next_number, false);
    if (stream == NULL) return MINKE_ERROR_NO_MEMORY;
    s->next_number += 2;
    stream->flags_due = MINKE_YAMUX_SYN;
    minke__yamux_stream_settle(stream);
    *out = stream;
    return MINKE_OK;
}

/* A stream whose end has been told goes, unless its RST is still to be sent. */
static void free_told(minke_yamux_t *s)
{
    minke_yamux_stream_t *stream = s->told;
    s->told = NULL;
    if (stream == NULL) return;
    if (stream->reset_due && !s->ended) {
        minke__handles_remove(s->handles, stream->id);
        stream->id = 0;
    } else {
        minke__yamux_stream_free(stream);
    }
}

bool minke__yamux_event(minke_yamux_t *s, minke_yamux_event_t *event)
{
    free_told(s);
    if (minke__list_empty(&s->events)) return false;
    minke_yamux_stream_t *stream = MINKE_CONTAINER(s->events.next, minke_yamux_stream_t, events);
    minke_yamux_event_type_t type = MINKE_YAMUX_STREAM_OPENED;
    while ((stream->pending_events & 1U << type) == 0) type++;
    stream->pending_events &= (uint8_t) ~(1U << type);
    if (stream->pending_events == 0) minke__list_remove(&stream->events);
    *event = (minke_yamux_event_t){type, stream, 0};
    if (type == MINKE_YAMUX_STREAM_CLOSED) {
        event->error = stream->error;
        s->told = stream;
    }
    return true;
}

minke_yamux_stats_t minke__yamux_stats(const minke_yamux_t *s)
{
    return (minke_yamux_stats_t){s->inbound, s->outbound, s->rtt, s->unread, s->unsent};
}
