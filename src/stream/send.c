/*
 * What SCTP pulls: one message of each ready channel in turn. A frame is sealed at that moment, so small writes that
 * wait together leave together, and a channel with nothing to say is in no list.
 */
#include <assert.h>

#include "stream/mux_state.h"

enum { PPID_DCEP = 50, PPID_BINARY = 53 };

static bool has_output(const minke_channel_t *channel)
{
    return channel->pending != 0 || (channel->stream != NULL && minke__stream_has_output(channel->stream));
}

/* ---- the order of turns */

static void make_ready(minke_mux_t *mux, minke_channel_t *channel)
{
    minke__list_append(&mux->ready, &channel->queue);
    if (mux->sctp != NULL) minke__sctp_wake(mux->sctp);
}

static void admit(minke_mux_t *mux, minke_channel_t *channel)
{
    channel->admitted = true;
    mux->opens_n++;
    make_ready(mux, channel);
}

void minke__mux_schedule(minke_mux_t *mux, minke_channel_t *channel)
{
    if (mux->failed || channel->blocked || minke__list_linked(&channel->queue) || !has_output(channel)) return;
    if ((channel->pending & MINKE_CHANNEL_SEND_OPEN) == 0 || channel->admitted) {
        make_ready(mux, channel);
    } else if (mux->opens_n < mux->opens_max && minke__list_empty(&mux->gated)) {
        admit(mux, channel);
    } else {
        minke__list_append(&mux->gated, &channel->queue);
        if (mux->gate_at == MINKE_TIME_NEVER) mux->gate_at = mux->now + MINKE_MUX_GATE_AFTER;
    }
}

static void open_gate(minke_mux_t *mux)
{
    while (mux->opens_n < mux->opens_max && !minke__list_empty(&mux->gated))
        admit(mux, MINKE_CONTAINER(minke__list_pop(&mux->gated), minke_channel_t, queue));
    mux->gate_at = minke__list_empty(&mux->gated) ? MINKE_TIME_NEVER : mux->now + MINKE_MUX_GATE_AFTER;
}

void minke__mux_open_settled(minke_mux_t *mux, minke_channel_t *channel)
{
    if (!channel->admitted) return;
    channel->admitted = false;
    mux->opens_n--;
    if (mux->opens_n < MINKE_MUX_OPENS_MAX) mux->opens_max = MINKE_MUX_OPENS_MAX;
    open_gate(mux);
}

/* libwebrtc ignores some OPENs without a word (spec/streams.md 2): those must not hold back the others for ever. */
void minke__mux_gate_timeout(minke_mux_t *mux)
{
    mux->opens_max = mux->opens_n + MINKE_MUX_OPENS_FIRST;
    open_gate(mux);
}

/* ---- messages */

static minke_message_t *small_message(minke_mux_t *mux, uint32_t ppid, const minke_writer_t *w)
{
    assert(!w->failed);
    minke_message_t *message = minke__message_new(mux->env, 0, w->len);
    if (message == NULL) return NULL;
    message->ppid = ppid;
    for (size_t i = 0; i < w->len; i++) message->bytes[message->end++] = w->data[i];
    return message;
}

static minke_message_t *dcep_message(minke_mux_t *mux, bool is_open, bool init)
{
    uint8_t bytes[MINKE_DCEP_HEAD_BYTES];
    minke_writer_t w = minke__writer(bytes, sizeof bytes);
    if (is_open) minke__dcep_write_open(&w, init);
    else minke__write_u8(&w, MINKE_DCEP_ACK);
    return small_message(mux, PPID_DCEP, &w);
}

static minke_message_t *flag_message(minke_mux_t *mux, minke_frame_flag_t flag, uint32_t code)
{
    uint8_t bytes[MINKE_FRAME_CONTROL_MAX];
    minke_writer_t w = minke__writer(bytes, sizeof bytes);
    minke__frame_write_flag(&w, flag, code);
    return small_message(mux, PPID_BINARY, &w);
}

static minke_message_t *pending_message(minke_mux_t *mux, minke_channel_t *channel, uint8_t which)
{
    minke_message_t *message = NULL;
    switch (which) {
    case MINKE_CHANNEL_SEND_OPEN:
    case MINKE_CHANNEL_SEND_ACK: message = dcep_message(mux, which == MINKE_CHANNEL_SEND_OPEN, channel->init); break;
    case MINKE_CHANNEL_SEND_RESET: message = flag_message(mux, MINKE_FRAME_RESET, channel->reset_code); break;
    case MINKE_CHANNEL_SEND_FIN_ACK: message = flag_message(mux, MINKE_FRAME_FIN_ACK, 0); break;
    default: message = flag_message(mux, MINKE_FRAME_STOP_SENDING, channel->reset_code); break;
    }
    if (message != NULL) channel->pending &= (uint8_t)~which;
    return message;
}

/* What goes before the stream's own bytes. STOP_SENDING goes behind the FIN if there will be one: rust takes any frame
 * without data for the end of what we send (spec/streams.md 5). */
static uint8_t urgent(const minke_channel_t *channel)
{
    static const uint8_t order[] = {MINKE_CHANNEL_SEND_OPEN, MINKE_CHANNEL_SEND_ACK, MINKE_CHANNEL_SEND_RESET,
                                    MINKE_CHANNEL_SEND_FIN_ACK, MINKE_CHANNEL_SEND_STOP};
    const bool finishing = channel->stream != NULL && channel->stream->send == MINKE_SEND_FINISHING;
    for (size_t i = 0; i < sizeof order; i++) {
        if (order[i] == MINKE_CHANNEL_SEND_STOP && finishing) break;
        if ((channel->pending & order[i]) != 0) return order[i];
    }
    return 0;
}

static minke_message_t *message_of(minke_mux_t *mux, minke_channel_t *channel)
{
    const uint8_t first = urgent(channel);
    if (first != 0) return pending_message(mux, channel, first);
    minke_mux_stream_t *stream = channel->stream;
    minke_message_t *message = minke__stream_take_message(stream);
    if (message != NULL) {
        message->ppid = PPID_BINARY;
        return message;
    }
    /* In a frame of its own: the one form that every peer's reader agrees on. */
    message = flag_message(mux, MINKE_FRAME_FIN, 0);
    if (message != NULL) minke__stream_fin_written(stream);
    return message;
}

/* What a channel had to say may have become void meanwhile. */
static minke_channel_t *next_channel(minke_mux_t *mux)
{
    while (!minke__list_empty(&mux->ready)) {
        minke_channel_t *channel = MINKE_CONTAINER(mux->ready.next, minke_channel_t, queue);
        if (has_output(channel)) return channel;
        minke__list_remove(&channel->queue);
    }
    return NULL;
}

minke_message_t *minke__mux_next_message(minke_mux_t *mux)
{
    minke_channel_t *channel = mux->failed ? NULL : next_channel(mux);
    if (channel == NULL) return NULL;
    minke_message_t *message = message_of(mux, channel);
    if (message == NULL) {
        mux->retry_at = mux->now + MINKE_MUX_RETRY_AFTER;
        return NULL;
    }
    message->stream_id = channel->id;
    channel->unacked_n++;
    minke__list_remove(&channel->queue);
    if (has_output(channel)) minke__list_append(&mux->ready, &channel->queue);
    return message;
}

void minke__mux_message_done(minke_mux_t *mux, minke_message_t *message)
{
    minke_channel_t *channel = minke__channel_find(mux, message->stream_id);
    minke__message_free(mux->env, message);
    if (mux->failed) return;
    if (mux->memory_at != MINKE_TIME_NEVER) minke__mux_offer_room(mux);
    if (channel == NULL) return;
    channel->unacked_n--;
    minke__channel_advance(mux, channel);
}

/* ---- the send buffer of the connection */

/* Not for each small message: a writer is woken for something. */
enum { MEMORY_WORTH_WAKING = MINKE_FRAME_BYTES_MAX };

/* One waiting stream is woken for each message that leaves, all of them when nothing is left: fair, and none is
 * forgotten. One that still holds much itself is woken by its own messages. */
void minke__mux_offer_room(minke_mux_t *mux)
{
    while (!minke__list_empty(&mux->starved)) {
        if (minke__account_room(mux->env->account) < MEMORY_WORTH_WAKING) {
            minke__mux_await_memory(mux);
            return;
        }
        minke_list_t *node = minke__list_pop(&mux->starved);
        if (minke__stream_offer_room(MINKE_CONTAINER(node, minke_mux_stream_t, starved)) && mux->unsent > 0) return;
    }
}

void minke__mux_await_memory(minke_mux_t *mux)
{
    if (mux->memory_at == MINKE_TIME_NEVER) mux->memory_at = mux->now + MINKE_MUX_MEMORY_AFTER;
}

void minke__mux_sent(minke_mux_t *mux, size_t len)
{
    mux->unsent -= len;
    minke__mux_offer_room(mux);
}

void minke__mux_consumed(minke_mux_t *mux, size_t len)
{
    if (len > 0 && mux->sctp != NULL) minke__sctp_consumed(mux->sctp, len, mux->now);
}
