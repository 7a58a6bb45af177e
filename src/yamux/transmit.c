/* What goes to the remote: frames of the session first, then streams in turn, one data frame each. */
#include <string.h>

#include "base/wire.h"
#include "yamux/session.h"

/* Short enough that a hundred busy streams do not wait long for each other; the header is less than a thousandth. */
enum { DATA_FRAME_MAX = 16384 };

static void put(minke_writer_t *w, minke_yamux_type_t type, unsigned flags, uint32_t stream, uint32_t len)
{
    const minke_yamux_frame_t frame = {(uint8_t)type, (uint16_t)flags, stream, len};
    uint8_t *header = minke__write_space(w, MINKE_YAMUX_HEADER_BYTES);
    if (header != NULL) minke__yamux_frame_write(header, &frame);
}

static bool has_room(const minke_writer_t *w) { return minke__writer_left(w) >= MINKE_YAMUX_HEADER_BYTES; }

static void put_session_frames(minke_yamux_t *s, minke_writer_t *w)
{
    while (s->pongs_n > 0 && has_room(w)) {
        put(w, MINKE_YAMUX_PING, MINKE_YAMUX_ACK, 0, s->pongs[0]);
        memmove(s->pongs, s->pongs + 1, --s->pongs_n * sizeof *s->pongs);
    }
    if (s->ping_due && has_room(w)) {
        put(w, MINKE_YAMUX_PING, MINKE_YAMUX_SYN, 0, s->ping_value);
        s->ping_due = false;
    }
    while (s->refusals_n > 0 && has_room(w)) {
        put(w, MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_RST, s->refusals[--s->refusals_n], 0);
    }
}

/* A window that was used up within two round trips is what holds the remote back: it doubles. */
static void grow_window(minke_yamux_stream_t *stream)
{
    const minke_yamux_t *s = stream->session;
    const bool fast = s->rtt > 0 && stream->window_opened_at > 0 && s->now - stream->window_opened_at < 2 * s->rtt;
    if (fast && stream->window_target <= s->options.window_max / 2) stream->window_target *= 2;
    stream->window_opened_at = s->now;
}

static void put_window_update(minke_yamux_stream_t *stream, minke_writer_t *w)
{
    uint32_t credit = 0;
    if (minke__yamux_stream_credit_due(stream)) {
        grow_window(stream);
        credit = minke__yamux_stream_credit(stream);
    }
    put(w, MINKE_YAMUX_WINDOW_UPDATE, stream->flags_due, stream->number, credit);
    stream->receive_window += credit;
    stream->flags_due = 0;
}

static void put_data(minke_yamux_stream_t *stream, minke_writer_t *w)
{
    const uint8_t *data = NULL;
    const size_t room = minke__writer_left(w) - MINKE_YAMUX_HEADER_BYTES;
    size_t len = minke__byte_queue_peek(&stream->unsent, &data);
    if (len > room) len = room;
    if (len > stream->send_window) len = stream->send_window;
    if (len > DATA_FRAME_MAX) len = DATA_FRAME_MAX;
    if (len == 0) return;
    put(w, MINKE_YAMUX_DATA, 0, stream->number, (uint32_t)len);
    minke__write_bytes(w, data, len);
    minke__yamux_stream_sent(stream, len);
}

/* FIN goes in a frame of its own: go-yamux looks at the flags of a data frame before it has stored the data. */
static void put_stream_frames(minke_yamux_stream_t *stream, minke_writer_t *w)
{
    if (stream->reset_due) {
        put(w, MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_RST, stream->number, 0);
        stream->reset_due = false;
        return;
    }
    if (stream->flags_due != 0 || minke__yamux_stream_credit_due(stream)) put_window_update(stream, w);
    if (stream->unsent.len > 0 && stream->send_window > 0 && has_room(w)) put_data(stream, w);
    if (stream->finishing && !stream->fin_sent && stream->unsent.len == 0 && has_room(w)) {
        put(w, MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_FIN, stream->number, 0);
        stream->fin_sent = true;
    }
}

static void put_streams(minke_yamux_t *s, minke_writer_t *w)
{
    enum { WORTH_A_TURN = 2 * MINKE_YAMUX_HEADER_BYTES };
    while (!minke__list_empty(&s->to_send) && minke__writer_left(w) > WORTH_A_TURN) {
        minke_yamux_stream_t *stream = MINKE_CONTAINER(minke__list_pop(&s->to_send), minke_yamux_stream_t, to_send);
        put_stream_frames(stream, w);
        if (stream->id == 0) minke__yamux_stream_free(stream); /* only its RST was missing */
        else minke__yamux_stream_settle(stream);
    }
}

size_t minke__yamux_transmit(minke_yamux_t *s, uint8_t *out, size_t capacity, minke_time_t now)
{
    minke_writer_t w = minke__writer(out, capacity);
    s->now = now;
    if (!s->ended) {
        put_session_frames(s, &w);
        put_streams(s, &w);
    } else if (s->go_away_due) {
        put(&w, MINKE_YAMUX_GO_AWAY, 0, 0, s->go_away_code);
        s->go_away_due = false;
    }
    return w.len;
}
