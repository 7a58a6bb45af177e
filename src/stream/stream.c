#include "stream/stream.h"

#include "stream/mux_state.h"

/* ---- life */

minke_mux_stream_t *minke__stream_new(minke_mux_t *mux, minke_channel_t *channel, bool public_id)
{
    minke_mux_stream_t *stream = minke__alloc_zero(mux->env, sizeof *stream);
    if (stream == NULL) return NULL;
    if (public_id && (stream->id = minke__handles_add(mux->handles, stream)) == 0) {
        minke__free(mux->env, stream);
        return NULL;
    }
    stream->mux = mux;
    stream->channel = channel;
    stream->channel_id = channel->id;
    stream->inbound = channel->inbound;
    stream->unsent_last = &stream->unsent_first;
    minke__list_init(&stream->events);
    minke__list_init(&stream->starved);
    minke__list_append(&mux->streams, &stream->in_mux);
    channel->stream = stream;
    if (public_id) ++*(stream->inbound ? &mux->inbound_n : &mux->outbound_n);
    return stream;
}

static void drop_unread(minke_mux_stream_t *stream)
{
    const size_t len = stream->unread.len;
    minke__byte_queue_free(&stream->unread, stream->mux->env);
    stream->mux->unread -= len;
    minke__mux_consumed(stream->mux, len);
}

void minke__stream_free(minke_mux_stream_t *stream)
{
    minke_mux_t *mux = stream->mux;
    minke__stream_drop_unsent(stream);
    drop_unread(stream);
    if (stream->channel != NULL) stream->channel->stream = NULL;
    if (!stream->visible && minke__list_linked(&stream->events)) mux->held_n--;
    minke__list_remove(&stream->events);
    minke__list_remove(&stream->starved);
    minke__list_remove(&stream->in_mux);
    if (stream->id != 0) {
        minke__handles_remove(mux->handles, stream->id);
        --*(stream->inbound ? &mux->inbound_n : &mux->outbound_n);
    }
    minke__free(mux->env, stream);
}

void minke__stream_surface(minke_mux_stream_t *stream)
{
    stream->visible = true;
    minke__mux_raise(stream, MINKE_MUX_STREAM_OPENED);
    if (stream->unread.len > 0 || stream->remote_fin) minke__mux_raise(stream, MINKE_MUX_STREAM_READABLE);
    if (stream->send == MINKE_SEND_STOPPED) minke__mux_raise(stream, MINKE_MUX_STREAM_WRITABLE);
}

/* ---- the end */

/* Nobody has seen a stream that is held back: it goes at once. The handshake channel stays to be asked. */
static void announce_closed(minke_mux_stream_t *stream)
{
    stream->closed = true;
    if (stream->visible) minke__mux_raise(stream, MINKE_MUX_STREAM_CLOSED);
    else if (stream != stream->mux->handshake) minke__stream_free(stream);
}

static bool send_over(const minke_mux_stream_t *stream) { return stream->send >= MINKE_SEND_DONE; }

/* Ends what is over: the channel with both halves, the stream when nothing is left to read either. */
static void settle(minke_mux_stream_t *stream)
{
    if (stream->closed || !send_over(stream) || stream->receive == MINKE_RECEIVE_OPEN) return;
    minke_channel_t *channel = stream->channel;
    if (channel != NULL && !channel->negotiated) minke__channel_close(stream->mux, channel);
    if (stream->unread.len > 0) return;
    if (stream->send != MINKE_SEND_CUT) {
        minke__mux_trace(stream->mux, MINKE_TRACE_STREAM_FINISHED, NULL, stream->channel_id);
    }
    announce_closed(stream);
}

void minke__stream_fail(minke_mux_stream_t *stream, int error, uint32_t code)
{
    if (stream->closed) return;
    minke__stream_drop_unsent(stream);
    drop_unread(stream);
    stream->error = error;
    stream->error_code = code;
    stream->mux->env->counters->streams_reset++;
    announce_closed(stream);
}

/* The channel goes its own way from here. */
static minke_channel_t *detach(minke_mux_stream_t *stream)
{
    minke_channel_t *channel = stream->channel;
    if (channel == NULL) return NULL;
    minke__channel_stop_timer(stream->mux, channel);
    channel->fin_ack_owed = false;
    channel->stream = NULL;
    stream->channel = NULL;
    return channel;
}

void minke__stream_abort(minke_mux_stream_t *stream, uint32_t code, bool stop_too, const char *why)
{
    minke_mux_t *mux = stream->mux;
    minke_channel_t *channel = detach(stream);
    minke__mux_trace(mux, MINKE_TRACE_STREAM_RESET, why, stream->channel_id);
    minke__stream_fail(stream, MINKE_ERROR_STREAM_RESET, 0);
    if (channel == NULL) return;
    channel->pending &= MINKE_CHANNEL_SEND_OPEN | MINKE_CHANNEL_SEND_ACK;
    channel->pending |= MINKE_CHANNEL_SEND_RESET | (stop_too ? MINKE_CHANNEL_SEND_STOP : 0);
    channel->reset_code = code;
    channel->linger = MINKE_LINGER_WANTED;
    if (channel->negotiated) minke__mux_schedule(mux, channel);
    else minke__channel_close(mux, channel);
}

void minke__stream_channel_reset(minke_mux_stream_t *stream)
{
    (void)detach(stream);
    minke__mux_trace(stream->mux, MINKE_TRACE_STREAM_CHANNEL_RESET, NULL, stream->channel_id);
    if (!stream->remote_fin) {
        minke__stream_fail(stream, MINKE_ERROR_STREAM_RESET, 0);
        return;
    }
    /* Chromium may lose the FIN_ACK that was queued when the page closed the channel (issue 40072842). */
    if (stream->send == MINKE_SEND_FIN_SENT) stream->send = MINKE_SEND_DONE;
    if (!send_over(stream)) {
        minke__stream_drop_unsent(stream);
        stream->send = MINKE_SEND_CUT;
        stream->mux->env->counters->streams_reset++;
        minke__mux_raise(stream, MINKE_MUX_STREAM_WRITABLE);
    }
    settle(stream);
}

void minke__stream_connection_closed(minke_mux_stream_t *stream)
{
    if (stream->closed) return;
    (void)detach(stream);
    minke__stream_drop_unsent(stream);
    if (!send_over(stream) || stream->receive == MINKE_RECEIVE_OPEN) stream->error = MINKE_ERROR_CONNECTION_CLOSED;
    if (!send_over(stream)) stream->send = MINKE_SEND_CUT;
    if (stream->unread.len > 0) minke__mux_raise(stream, MINKE_MUX_STREAM_READABLE);
    /* A remote may leave as soon as it has our FIN_ACK: what it finished is complete here and ends when it has been
     * read. What it did not finish can be read until the CLOSED event is over. */
    if (stream->receive == MINKE_RECEIVE_FINISHED && stream->unread.len > 0) return;
    stream->closed = true;
    minke__mux_raise(stream, MINKE_MUX_STREAM_CLOSED);
}

/* ---- what arrives */

size_t minke__stream_receive(minke_mux_stream_t *stream, const uint8_t *data, size_t len)
{
    minke_mux_t *mux = stream->mux;
    if (stream->receive != MINKE_RECEIVE_OPEN || stream->error != MINKE_OK) return 0;
    const size_t limit = stream->visible ? mux->options.unread_max : MINKE_MUX_EARLY_UNREAD_MAX;
    if (stream->unread.len + len > limit) {
        minke__stream_abort(stream, 0, true, "LIMIT: too much unread");
        return 0;
    }
    if (minke__byte_queue_append(&stream->unread, mux->env, data, len) < 0) {
        minke__stream_abort(stream, 0, true, "NO_MEMORY");
        return 0;
    }
    mux->unread += len;
    minke__mux_raise(stream, MINKE_MUX_STREAM_READABLE);
    return len;
}

static void send_fin_ack(minke_mux_stream_t *stream)
{
    minke_channel_t *channel = stream->channel;
    channel->fin_ack_owed = false;
    channel->pending |= MINKE_CHANNEL_SEND_FIN_ACK;
    minke__mux_schedule(stream->mux, channel);
}

static void fin_received(minke_mux_stream_t *stream)
{
    stream->remote_fin = true;
    if (stream->receive == MINKE_RECEIVE_OPEN) {
        stream->receive = MINKE_RECEIVE_FINISHED;
        minke__mux_raise(stream, MINKE_MUX_STREAM_READABLE);
    }
    /* rust-libp2p takes FIN_ACK for our FIN (0.53 to 0.56) or for garbage (2026): while we may still have something to
     * say it has to wait, spec/streams.md 5. */
    if (stream->send >= MINKE_SEND_FIN_SENT) {
        send_fin_ack(stream);
    } else if (!stream->channel->fin_ack_owed) {
        stream->channel->fin_ack_owed = true;
        minke__channel_set_timer(stream->mux, stream->channel, MINKE_MUX_FIN_ACK_DELAY);
    }
    settle(stream);
}

static void fin_ack_received(minke_mux_stream_t *stream)
{
    if (stream->send != MINKE_SEND_FIN_SENT) return;
    stream->send = MINKE_SEND_DONE;
    minke__channel_stop_timer(stream->mux, stream->channel);
    settle(stream);
}

/* After our FIN the remote has all of it or wants none of it; go does not wait for FIN_ACK then either. */
static void stop_received(minke_mux_stream_t *stream)
{
    if (send_over(stream)) return;
    const bool fin_sent = stream->send == MINKE_SEND_FIN_SENT;
    minke__stream_drop_unsent(stream);
    stream->send = fin_sent ? MINKE_SEND_DONE : MINKE_SEND_STOPPED;
    minke__channel_stop_timer(stream->mux, stream->channel);
    if (stream->channel->fin_ack_owed) send_fin_ack(stream);
    minke__mux_raise(stream, MINKE_MUX_STREAM_WRITABLE);
    settle(stream);
}

static void reset_received(minke_mux_stream_t *stream, uint32_t code)
{
    minke_mux_t *mux = stream->mux;
    minke_channel_t *channel = detach(stream);
    minke__mux_trace(mux, MINKE_TRACE_STREAM_RESET, "by the remote", stream->channel_id);
    minke__stream_fail(stream, MINKE_ERROR_STREAM_RESET, code);
    channel->pending &= MINKE_CHANNEL_SEND_ACK;
    if (!channel->negotiated) minke__channel_close(mux, channel);
}

void minke__stream_flag(minke_mux_stream_t *stream, minke_frame_flag_t flag, uint32_t code)
{
    switch (flag) {
    case MINKE_FRAME_FIN: fin_received(stream); return;
    case MINKE_FRAME_FIN_ACK: fin_ack_received(stream); return;
    case MINKE_FRAME_STOP_SENDING: stop_received(stream); return;
    case MINKE_FRAME_RESET: reset_received(stream, code); return;
    case MINKE_FRAME_NO_FLAG: return;
    }
}

void minke__stream_timeout(minke_mux_stream_t *stream)
{
    if (stream->channel->fin_ack_owed) {
        send_fin_ack(stream);
    } else if (stream->send == MINKE_SEND_FIN_SENT) {
        stream->send = MINKE_SEND_DONE;
        settle(stream);
    }
}

/* ---- the public calls of the receive half, and of both */

ssize_t minke__mux_peek(minke_mux_stream_t *stream, const uint8_t **data)
{
    if (stream->unread.len > 0) return (ssize_t)minke__byte_queue_peek(&stream->unread, data);
    if (stream->receive != MINKE_RECEIVE_OPEN && stream->error != MINKE_ERROR_STREAM_RESET) return 0;
    return stream->error != MINKE_OK ? stream->error : MINKE_ERROR_AGAIN;
}

int minke__mux_consume(minke_mux_stream_t *stream, size_t len)
{
    if (len > stream->unread.len) return MINKE_ERROR_INVALID;
    minke_mux_t *mux = stream->mux;
    minke__byte_queue_consume(&stream->unread, mux->env, len);
    mux->unread -= len;
    minke__mux_consumed(mux, len);
    if (len > 0) settle(stream);
    return MINKE_OK;
}

int minke__mux_stop(minke_mux_stream_t *stream, uint32_t error_code)
{
    if (stream->error != MINKE_OK) return stream->error;
    if (stream->receive == MINKE_RECEIVE_STOPPED) return MINKE_OK;
    const bool still_open = stream->receive == MINKE_RECEIVE_OPEN;
    stream->receive = MINKE_RECEIVE_STOPPED;
    drop_unread(stream);
    if (still_open && stream->channel != NULL) {
        stream->channel->pending |= MINKE_CHANNEL_SEND_STOP;
        stream->channel->reset_code = error_code;
        minke__mux_schedule(stream->mux, stream->channel);
    }
    settle(stream);
    return MINKE_OK;
}

int minke__mux_reset(minke_mux_stream_t *stream, uint32_t error_code)
{
    if (!stream->closed) minke__stream_abort(stream, error_code, false, "by us");
    return MINKE_OK;
}
