#include "yamux/session.h"

/* ---- life */

minke_yamux_stream_t *minke__yamux_stream_find(const minke_yamux_t *s, uint32_t number)
{
    minke_map_node_t *node = minke__map_first(&s->by_number, number);
    return node != NULL ? MINKE_CONTAINER(node, minke_yamux_stream_t, by_number) : NULL;
}

minke_yamux_stream_t *minke__yamux_stream_new(minke_yamux_t *s, uint32_t number, bool inbound)
{
    minke_yamux_stream_t *stream = minke__alloc_zero(s->env, sizeof *stream);
    if (stream == NULL) return NULL;
    stream->id = minke__handles_add(s->handles, stream);
    if (stream->id == 0 || minke__map_insert(&s->by_number, &stream->by_number, number) < 0) {
        if (stream->id != 0) minke__handles_remove(s->handles, stream->id);
        minke__free(s->env, stream);
        return NULL;
    }
    stream->session = s;
    stream->number = number;
    stream->inbound = inbound;
    stream->known = true;
    stream->send_window = stream->receive_window = stream->window_target = MINKE_YAMUX_WINDOW_FIRST;
    minke__list_init(&stream->events);
    minke__list_init(&stream->to_send);
    minke__list_init(&stream->starved);
    minke__list_init(&stream->siblings);
    minke__list_append(&s->streams, &stream->siblings);
    if (inbound) s->inbound++;
    else s->outbound++, s->unacknowledged++;
    s->env->counters->streams_opened++;
    return stream;
}

/* The remote's frames no longer concern it. */
static void forget(minke_yamux_stream_t *stream)
{
    minke_yamux_t *s = stream->session;
    if (!stream->known) return;
    stream->known = false;
    minke__map_remove(&s->by_number, &stream->by_number);
    if (s->body_of == stream) s->body_of = NULL;
    if (stream->inbound) s->inbound--;
    else s->outbound--;
    if (!stream->inbound && !stream->acknowledged) s->unacknowledged--;
}

static void drop_bytes(minke_yamux_stream_t *stream)
{
    stream->session->unread -= stream->unread.len;
    stream->session->unsent -= stream->unsent.len;
    minke__byte_queue_free(&stream->unread, stream->session->env);
    minke__byte_queue_free(&stream->unsent, stream->session->env);
}

void minke__yamux_stream_free(minke_yamux_stream_t *stream)
{
    minke_yamux_t *s = stream->session;
    forget(stream);
    drop_bytes(stream);
    minke__list_remove(&stream->siblings);
    minke__list_remove(&stream->events);
    minke__list_remove(&stream->to_send);
    minke__list_remove(&stream->starved);
    if (stream->id != 0) minke__handles_remove(s->handles, stream->id);
    if (s->told == stream) s->told = NULL;
    minke__free(s->env, stream);
}

/* ---- events and the end */

void minke__yamux_stream_raise(minke_yamux_stream_t *stream, minke_yamux_event_type_t type)
{
    if (type == MINKE_YAMUX_STREAM_CLOSED) stream->closed = true;
    stream->pending_events |= (uint8_t)(1U << type);
    if (!minke__list_linked(&stream->events)) minke__list_append(&stream->session->events, &stream->events);
}

bool minke__yamux_stream_has_output(const minke_yamux_stream_t *stream)
{
    if (stream->reset_due) return true;
    if (stream->error != 0 || !stream->known) return false;
    return stream->flags_due != 0 || minke__yamux_stream_credit_due(stream) ||
           (stream->unsent.len > 0 && stream->send_window > 0) ||
           (stream->finishing && !stream->fin_sent && stream->unsent.len == 0);
}

void minke__yamux_stream_settle(minke_yamux_stream_t *stream)
{
    if (stream->fin_sent && stream->remote_fin) {
        forget(stream);
        if (stream->unread.len == 0 && !stream->closed) minke__yamux_stream_raise(stream, MINKE_YAMUX_STREAM_CLOSED);
    }
    if (!minke__yamux_stream_has_output(stream)) minke__list_remove(&stream->to_send);
    else if (!minke__list_linked(&stream->to_send)) minke__list_append(&stream->session->to_send, &stream->to_send);
}

void minke__yamux_stream_fail(minke_yamux_stream_t *stream, int error)
{
    if (stream->closed) return;
    forget(stream);
    drop_bytes(stream);
    minke__list_remove(&stream->starved);
    stream->error = error;
    if (error == MINKE_ERROR_STREAM_RESET) stream->session->env->counters->streams_reset++;
    minke__yamux_stream_raise(stream, MINKE_YAMUX_STREAM_CLOSED);
    minke__yamux_stream_settle(stream);
}

void minke__yamux_stream_session_ended(minke_yamux_stream_t *stream)
{
    stream->reset_due = false;
    if (stream->id == 0) {
        minke__yamux_stream_free(stream);
    } else if (!stream->remote_fin || stream->unread.len == 0) {
        minke__yamux_stream_fail(stream, MINKE_ERROR_CONNECTION_CLOSED);
    } else { /* stays readable; writing is over */
        forget(stream);
        stream->session->unsent -= stream->unsent.len;
        minke__byte_queue_free(&stream->unsent, stream->session->env);
        minke__list_remove(&stream->to_send);
    }
}

/* ---- windows */

uint32_t minke__yamux_stream_credit(const minke_yamux_stream_t *stream)
{
    const size_t used = stream->receive_window + stream->unread.len;
    return used < stream->window_target ? stream->window_target - (uint32_t)used : 0;
}

bool minke__yamux_stream_credit_due(const minke_yamux_stream_t *stream)
{
    return !stream->remote_fin && minke__yamux_stream_credit(stream) >= stream->window_target / 2;
}

bool minke__yamux_stream_receive(minke_yamux_stream_t *stream, const uint8_t *data, size_t len)
{
    minke_yamux_t *s = stream->session;
    if (stream->stopped || stream->remote_fin || len == 0) {
        minke__yamux_stream_settle(stream);
        return true;
    }
    /* The window was given before memory became short, and yamux cannot take it back: the stream goes, not the rest. */
    if (minke__account_is_short(s->env->account)) {
        s->env->counters->memory_data_dropped++;
        (void)minke__yamux_reset(stream);
        return true;
    }
    if (minke__byte_queue_append(&stream->unread, s->env, data, len) < 0) return false;
    s->unread += len;
    minke__yamux_stream_raise(stream, MINKE_YAMUX_STREAM_READABLE);
    return true;
}

void minke__yamux_stream_sent(minke_yamux_stream_t *stream, size_t len)
{
    minke__byte_queue_consume(&stream->unsent, stream->session->env, len);
    stream->session->unsent -= len;
    stream->send_window -= (uint32_t)len;
    if (stream->wants_room && stream->unsent.len <= stream->session->options.send_buffer / 2) {
        stream->wants_room = false;
        minke__yamux_stream_raise(stream, MINKE_YAMUX_STREAM_WRITABLE);
    }
}

/* ---- the calls of the layer above */

minke_stream_t minke__yamux_stream_id(const minke_yamux_stream_t *stream) { return stream->id; }
minke_connection_t minke__yamux_stream_connection(const minke_yamux_stream_t *stream)
{
    return stream->session->connection;
}
void minke__yamux_stream_set_user(minke_yamux_stream_t *stream, void *user) { stream->user = user; }
void *minke__yamux_stream_user(const minke_yamux_stream_t *stream) { return stream->user; }

/* Why nothing can be written any more, or MINKE_OK. */
static int write_error(const minke_yamux_stream_t *stream)
{
    if (stream->error != 0) return stream->error;
    if (stream->finishing) return MINKE_ERROR_STREAM_FINISHED;
    return stream->session->ended ? MINKE_ERROR_CONNECTION_CLOSED : MINKE_OK;
}

/* It has nothing of its own that will leave and make room: whoever gives memory back wakes it, or time does. */
static void starve(minke_yamux_stream_t *stream)
{
    enum { LOOK_AGAIN_AFTER = 50000 };
    minke_yamux_t *s = stream->session;
    s->env->counters->memory_waits++;
    if (!minke__list_linked(&stream->starved)) minke__list_append(&s->starved, &stream->starved);
    if (s->feed_at == MINKE_TIME_NEVER) s->feed_at = s->now + LOOK_AGAIN_AFTER;
}

void minke__yamux_feed(minke_yamux_t *s)
{
    s->feed_at = MINKE_TIME_NEVER;
    for (minke_list_t *node; (node = minke__list_pop(&s->starved)) != NULL;) {
        minke__yamux_stream_raise(MINKE_CONTAINER(node, minke_yamux_stream_t, starved), MINKE_YAMUX_STREAM_WRITABLE);
    }
}

size_t minke__yamux_writable(const minke_yamux_stream_t *stream)
{
    if (write_error(stream) != MINKE_OK) return 0;
    const size_t held = stream->unsent.len, max = stream->session->options.send_buffer;
    const size_t own = held < max ? max - held : 0, shared = minke__account_room(stream->session->env->account);
    return own < shared ? own : shared;
}

ssize_t minke__yamux_write(minke_yamux_stream_t *stream, const void *data, size_t len)
{
    const int error = write_error(stream);
    if (error != MINKE_OK || len == 0) return error;
    const size_t room = minke__yamux_writable(stream), n = len < room ? len : room;
    if (n > 0 && minke__byte_queue_append(&stream->unsent, stream->session->env, data, n) < 0)
        return MINKE_ERROR_NO_MEMORY;
    stream->session->unsent += n;
    stream->wants_room = n < len;
    if (n == 0 && stream->unsent.len == 0) starve(stream);
    minke__yamux_stream_settle(stream);
    return n > 0 ? (ssize_t)n : MINKE_ERROR_AGAIN;
}

ssize_t minke__yamux_peek(minke_yamux_stream_t *stream, const uint8_t **data)
{
    const size_t n = minke__byte_queue_peek(&stream->unread, data);
    if (n > 0) return (ssize_t)n;
    if (stream->error != 0) return stream->error;
    return stream->remote_fin || stream->stopped ? 0 : MINKE_ERROR_AGAIN;
}

int minke__yamux_consume(minke_yamux_stream_t *stream, size_t len)
{
    if (len > stream->unread.len) return MINKE_ERROR_INVALID;
    minke__byte_queue_consume(&stream->unread, stream->session->env, len);
    stream->session->unread -= len;
    if (stream->session->ended && stream->unread.len == 0 && !stream->closed) {
        stream->error = stream->fin_sent ? MINKE_OK : MINKE_ERROR_CONNECTION_CLOSED;
        minke__yamux_stream_raise(stream, MINKE_YAMUX_STREAM_CLOSED);
    } else {
        minke__yamux_stream_settle(stream);
    }
    return MINKE_OK;
}

int minke__yamux_finish(minke_yamux_stream_t *stream)
{
    if (stream->finishing) return MINKE_OK;
    const int error = write_error(stream);
    if (error != MINKE_OK) return error;
    stream->finishing = true;
    minke__yamux_stream_settle(stream);
    return MINKE_OK;
}

int minke__yamux_reset(minke_yamux_stream_t *stream)
{
    if (stream->closed) return MINKE_OK;
    stream->reset_due = stream->known && !stream->session->ended;
    minke__yamux_stream_fail(stream, MINKE_ERROR_STREAM_RESET);
    return MINKE_OK;
}

int minke__yamux_stop(minke_yamux_stream_t *stream)
{
    stream->stopped = true;
    return minke__yamux_consume(stream, stream->unread.len);
}
