/* What SCTP delivers: DCEP messages and stream bytes (spec/streams.md 1, 3). */
#include <string.h>

#include "stream/mux_state.h"

enum {
    PPID_DCEP = 50,
    PPID_STRING = 51,
    PPID_BINARY_PARTIAL = 52,
    PPID_BINARY = 53,
    PPID_STRING_PARTIAL = 54
    /* 56 and 57 carry one byte that means an empty message: nothing for a byte stream */
};

enum { STREAM_ID_NEVER = 65535 };

static bool may_open(const minke_mux_t *mux, uint16_t id)
{
    return (id % 2 == 0) != mux->options.dtls_client && id != STREAM_ID_NEVER;
}

static bool inbound_full(const minke_mux_t *mux)
{
    return mux->inbound_n >= mux->options.inbound_max || (!mux->surfaced && mux->held_n >= MINKE_MUX_EARLY_STREAMS_MAX);
}

static void accept_channel(minke_mux_t *mux, minke_channel_t *channel)
{
    channel->pending |= MINKE_CHANNEL_SEND_ACK;
    minke__mux_schedule(mux, channel);
}

/* There is memory for another stream. */
static bool memory_allows(minke_mux_t *mux)
{
    if (minke__account_room(mux->env->account) > 0) return true;
    mux->env->counters->memory_streams_refused++;
    return false;
}

static void accept_stream(minke_mux_t *mux, minke_channel_t *channel)
{
    const bool allowed = !inbound_full(mux) && memory_allows(mux);
    minke_mux_stream_t *stream = allowed ? minke__stream_new(mux, channel, true) : NULL;
    if (stream == NULL) {
        minke__channel_refuse(mux, channel, true);
        return;
    }
    accept_channel(mux, channel);
    mux->env->counters->streams_opened++;
    minke__mux_trace(mux, MINKE_TRACE_STREAM_ACCEPTED, NULL, channel->id);
    mux->held_n++;
    minke__list_append(&mux->held, &stream->events);
    if (mux->surfaced) minke__mux_surface(mux);
}

/* A whole OPEN of `total` bytes. */
static void accept_open(minke_mux_t *mux, minke_channel_t *channel, const uint8_t *head, size_t total)
{
    if (channel->phase == MINKE_CHANNEL_OPENING) {
        channel->phase = MINKE_CHANNEL_OPEN;
        mux->opening_n--;
    }
    switch (minke__dcep_judge_open(head, total)) {
    case MINKE_DCEP_STREAM: accept_stream(mux, channel); return;
    case MINKE_DCEP_INIT:
        if (mux->options.handshake_channel || mux->init_seen) {
            accept_stream(mux, channel);
            return;
        }
        /* Lives without a stream until the remote resets it (spec/webrtc-private.md). */
        mux->init_seen = true;
        accept_channel(mux, channel);
        return;
    default: minke__channel_refuse(mux, channel, false);
    }
}

static void gather(minke_mux_t *mux, minke_channel_t *channel, const minke_sctp_fragment_t *fragment)
{
    if (channel->dcep_len < sizeof channel->dcep_head) {
        const size_t room = sizeof channel->dcep_head - channel->dcep_len;
        memcpy(channel->dcep_head + channel->dcep_len, fragment->data, fragment->len < room ? fragment->len : room);
    }
    channel->dcep_len += (uint32_t)fragment->len;
    if (fragment->end) accept_open(mux, channel, channel->dcep_head, channel->dcep_len);
}

/* The first piece of an OPEN that came in several. */
static void start_gathering(minke_mux_t *mux, minke_channel_t *channel, const minke_sctp_fragment_t *fragment)
{
    if (mux->opening_n >= MINKE_MUX_OPENING_MAX) {
        minke__channel_refuse(mux, channel, true);
        return;
    }
    channel->phase = MINKE_CHANNEL_OPENING;
    channel->dcep_len = 0;
    mux->opening_n++;
    gather(mux, channel, fragment);
}

/* DCEP that must not come on a live channel, or at all: only this one channel suffers. */
static void violation(minke_mux_t *mux, minke_channel_t *channel, uint16_t id)
{
    if (channel == NULL) {
        minke__channel_refuse_id(mux, id);
        return;
    }
    if (channel->negotiated || channel->phase > MINKE_CHANNEL_OPEN) return;
    if ((channel->pending & MINKE_CHANNEL_SEND_OPEN) != 0) return;
    minke__channel_stop_timer(mux, channel);
    minke__list_remove(&channel->queue);
    minke_mux_stream_t *stream = channel->stream;
    channel->stream = NULL;
    if (stream != NULL) {
        stream->channel = NULL;
        minke__stream_fail(stream, MINKE_ERROR_STREAM_RESET, 0);
    }
    minke__channel_refuse(mux, channel, false);
}

/* libdatachannel (0.24) sends the OPEN of a channel twice that is created in the moment in which SCTP comes up, from
 * two threads: the stream that identify runs on, where js-libp2p answers a private connection. */
static bool is_forgiven(const minke_mux_t *mux, minke_channel_t *channel, const minke_sctp_fragment_t *fragment)
{
    if (mux->options.handshake_channel || channel->open_again) return false;
    if (!channel->inbound || channel->phase != MINKE_CHANNEL_OPEN || channel->stream == NULL) return false;
    if (!fragment->end || minke__dcep_judge_open(fragment->data, fragment->len) != MINKE_DCEP_STREAM) return false;
    channel->open_again = true;
    return true;
}

static void receive_open(minke_mux_t *mux, minke_channel_t *channel, const minke_sctp_fragment_t *fragment)
{
    const uint16_t id = fragment->stream_id;
    if (channel == NULL) {
        if (!may_open(mux, id)) {
            violation(mux, NULL, id);
            return;
        }
        channel = minke__channel_room(mux) ? minke__channel_new(mux, id) : NULL;
        if (channel == NULL) {
            mux->env->counters->streams_refused++;
            return;
        }
    } else if (minke__channel_can_reopen(channel)) {
        minke__channel_reopen(mux, channel);
    } else {
        if (!is_forgiven(mux, channel, fragment)) violation(mux, channel, id);
        return;
    }
    if (fragment->end) accept_open(mux, channel, fragment->data, fragment->len);
    else start_gathering(mux, channel, fragment);
}

static void receive_dcep(minke_mux_t *mux, const minke_sctp_fragment_t *fragment)
{
    minke_channel_t *channel = minke__channel_find(mux, fragment->stream_id);
    if (!fragment->begin) {
        if (channel != NULL && channel->phase == MINKE_CHANNEL_OPENING) gather(mux, channel, fragment);
        return;
    }
    switch (fragment->data[0]) {
    case MINKE_DCEP_OPEN: receive_open(mux, channel, fragment); return;
    case MINKE_DCEP_ACK:
        if (channel != NULL) minke__channel_acknowledged(mux, channel);
        return;
    default: violation(mux, channel, fragment->stream_id);
    }
}

/* How many of the bytes were kept as payload. */
static size_t receive_bytes(minke_mux_t *mux, const minke_sctp_fragment_t *fragment)
{
    minke_channel_t *channel = minke__channel_find(mux, fragment->stream_id);
    if (channel == NULL) {
        if (fragment->begin) minke__channel_refuse_id(mux, fragment->stream_id);
        return 0;
    }
    if ((channel->pending & MINKE_CHANNEL_SEND_OPEN) != 0) return 0; /* nobody told the remote of this id */
    minke__channel_acknowledged(mux, channel);
    minke_reader_t r = minke__reader(fragment->data, fragment->len);
    minke_mux_stream_t *stream;
    size_t kept = 0;
    while ((stream = channel->stream) != NULL) {
        const uint8_t *payload;
        size_t len;
        switch (minke__frame_next(&stream->parser, mux->options.frame_max, &r, &payload, &len)) {
        case MINKE_FRAME_MORE: return kept;
        case MINKE_FRAME_PAYLOAD: kept += minke__stream_receive(stream, payload, len); break;
        case MINKE_FRAME_END: minke__stream_flag(stream, stream->parser.flag, stream->parser.code); break;
        case MINKE_FRAME_MALFORMED:
            mux->env->counters->stream_frame_malformed++;
            minke__stream_abort(stream, 0, false, "malformed frame");
        }
    }
    return kept;
}

void minke__mux_receive(minke_mux_t *mux, const minke_sctp_fragment_t *fragment)
{
    size_t kept = 0;
    switch (fragment->ppid) {
    case PPID_DCEP: receive_dcep(mux, fragment); break;
    case PPID_STRING:
    case PPID_STRING_PARTIAL:
    case PPID_BINARY_PARTIAL:
    case PPID_BINARY: kept = receive_bytes(mux, fragment); break;
    default: break;
    }
    minke__mux_consumed(mux, fragment->len - kept);
}
