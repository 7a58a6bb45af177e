/*
 * What comes from the remote. A header may be cut anywhere and a body comes in pieces: bytes are handed to the stream
 * as they arrive, flags that end something count when the body is complete.
 */
#include <string.h>

#include "yamux/session.h"

static bool is_from_remote(const minke_yamux_t *s, uint32_t number) { return (number % 2 == 0) == s->options.client; }

static void refuse(minke_yamux_t *s, uint32_t number)
{
    s->env->counters->streams_refused++;
    if (s->refusals_n == MINKE_YAMUX_REFUSALS_MAX) {
        minke__yamux_violation(s, "the remote opens streams faster than it reads that they are refused");
        return;
    }
    s->refusals[s->refusals_n++] = number;
}

/* SYN. False: the session is over. */
static bool open_inbound(minke_yamux_t *s, uint32_t number)
{
    if (!is_from_remote(s, number) || minke__yamux_stream_find(s, number) != NULL) {
        minke__yamux_violation(s, "the remote opened a stream with an id that it may not use");
        return false;
    }
    const bool short_of_memory = minke__account_room(s->env->account) == 0;
    s->env->counters->memory_streams_refused += short_of_memory;
    minke_yamux_stream_t *stream =
        s->inbound < s->options.inbound_max && !short_of_memory ? minke__yamux_stream_new(s, number, true) : NULL;
    if (stream == NULL) {
        refuse(s, number);
        return !s->ended;
    }
    stream->flags_due = MINKE_YAMUX_ACK;
    minke__yamux_stream_raise(stream, MINKE_YAMUX_STREAM_OPENED);
    minke__yamux_stream_settle(stream);
    return true;
}

static void acknowledged(minke_yamux_stream_t *stream)
{
    if (stream->inbound || stream->acknowledged) return;
    stream->acknowledged = true;
    stream->session->unacknowledged--;
}

/* FIN and RST, once the body that they came with is complete. */
static void take_end_flags(minke_yamux_t *s)
{
    minke_yamux_stream_t *stream = minke__yamux_stream_find(s, s->frame.stream);
    if (stream == NULL || (s->frame.flags & (MINKE_YAMUX_FIN | MINKE_YAMUX_RST)) == 0) return;
    if ((s->frame.flags & MINKE_YAMUX_RST) != 0) {
        minke__yamux_stream_fail(stream, MINKE_ERROR_STREAM_RESET);
        return;
    }
    if (stream->remote_fin) return;
    stream->remote_fin = true;
    minke__yamux_stream_raise(stream, MINKE_YAMUX_STREAM_READABLE);
    minke__yamux_stream_settle(stream);
}

static void take_window_update(minke_yamux_t *s, minke_yamux_stream_t *stream)
{
    if (s->frame.len > UINT32_MAX - stream->send_window) {
        minke__yamux_violation(s, "the remote's window is larger than 4 GiB");
        return;
    }
    stream->send_window += s->frame.len;
    minke__yamux_stream_settle(stream);
}

/* The whole announced body must fit, so that a stream never holds more than its window. */
static void begin_body(minke_yamux_t *s, minke_yamux_stream_t *stream)
{
    s->body_left = s->frame.len;
    s->body_of = stream;
    if (stream == NULL) return;
    if (s->frame.len > stream->receive_window) {
        minke__yamux_violation(s, "the remote sent more than the window");
        return;
    }
    stream->receive_window -= s->frame.len;
}

static void take_stream_frame(minke_yamux_t *s)
{
    if (s->frame.stream == 0) {
        minke__yamux_violation(s, "a frame of a stream has the id of the session");
        return;
    }
    if ((s->frame.flags & MINKE_YAMUX_SYN) != 0 && !open_inbound(s, s->frame.stream)) return;
    minke_yamux_stream_t *stream = minke__yamux_stream_find(s, s->frame.stream);
    if (stream != NULL && (s->frame.flags & MINKE_YAMUX_ACK) != 0) acknowledged(stream);
    if (s->frame.type == MINKE_YAMUX_DATA) begin_body(s, stream);
    else if (stream != NULL) take_window_update(s, stream);
    if (!s->ended && s->body_left == 0) take_end_flags(s);
}

static void take_ping(minke_yamux_t *s)
{
    if ((s->frame.flags & MINKE_YAMUX_SYN) != 0) {
        if (s->pongs_n == MINKE_YAMUX_PONGS_MAX) memmove(s->pongs, s->pongs + 1, --s->pongs_n * sizeof *s->pongs);
        s->pongs[s->pongs_n++] = s->frame.len;
    } else if (s->ping_out && !s->ping_due && s->frame.len == s->ping_value) {
        s->ping_out = false;
        s->rtt = s->now > s->pinged_at ? s->now - s->pinged_at : 1;
        s->keepalive_at = s->now + s->options.keepalive_after;
    }
}

static void take_go_away(minke_yamux_t *s)
{
    if (s->frame.len == MINKE_YAMUX_NORMAL) s->remote_went_away = true; /* open streams go on */
    else minke__yamux_end(s, (int)(s->frame.len & 0xff), true, "the remote's yamux gave up on ours");
}

static void take_header(minke_yamux_t *s)
{
    if (!minke__yamux_frame_read(s->header, &s->frame)) {
        minke__yamux_violation(s, "what arrives is not yamux");
        return;
    }
    switch (s->frame.type) {
    case MINKE_YAMUX_PING: take_ping(s); break;
    case MINKE_YAMUX_GO_AWAY: take_go_away(s); break;
    default: take_stream_frame(s); break;
    }
}

/* How much of `data` belonged to the body. */
static size_t take_body(minke_yamux_t *s, const uint8_t *data, size_t len)
{
    const size_t n = len < s->body_left ? len : s->body_left;
    s->body_left -= (uint32_t)n;
    if (s->body_of != NULL && !minke__yamux_stream_receive(s->body_of, data, n)) {
        s->go_away_due = true;
        s->go_away_code = MINKE_YAMUX_INTERNAL_ERROR;
        minke__yamux_end(s, MINKE_ERROR_NO_MEMORY, false, "out of memory");
    } else if (s->body_left == 0) {
        s->body_of = NULL;
        take_end_flags(s);
    }
    return n;
}

void minke__yamux_recv(minke_yamux_t *s, const uint8_t *data, size_t len, minke_time_t now)
{
    s->now = s->heard_at = now;
    for (size_t at = 0; at < len && !s->ended;) {
        if (s->body_left > 0) {
            at += take_body(s, data + at, len - at);
            continue;
        }
        const size_t missing = sizeof s->header - s->header_len;
        const size_t n = len - at < missing ? len - at : missing;
        memcpy(s->header + s->header_len, data + at, n);
        s->header_len = (uint8_t)(s->header_len + n);
        at += n;
        if (s->header_len < sizeof s->header) return;
        s->header_len = 0;
        take_header(s);
    }
}
