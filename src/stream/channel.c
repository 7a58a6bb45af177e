#include "stream/channel.h"

#include "stream/mux_state.h"

static uint64_t hash_of(const minke_mux_t *mux, uint16_t id) { return minke__hash(&mux->channels, &id, sizeof id); }

minke_channel_t *minke__channel_find(minke_mux_t *mux, uint16_t id)
{
    if (mux->recent != NULL && mux->recent->id == id) return mux->recent;
    minke_map_node_t *node = minke__map_first(&mux->channels, hash_of(mux, id));
    for (; node != NULL; node = minke__map_next(node)) {
        minke_channel_t *channel = MINKE_CONTAINER(node, minke_channel_t, by_id);
        if (channel->id == id) return mux->recent = channel;
    }
    return NULL;
}

/* ---- ids of ours */

static bool is_inbound(const minke_mux_t *mux, uint16_t id) { return (id % 2 == 0) != mux->options.dtls_client; }

static bool is_tracked(const minke_channel_t *channel) { return !channel->inbound && channel->id < MINKE_MUX_IDS_MAX; }

static void set_bit(uint64_t *words, uint16_t id, bool value)
{
    const uint64_t bit = UINT64_C(1) << (id / 2 % 64);
    if (value) words[id / 2 / 64] |= bit;
    else words[id / 2 / 64] &= ~bit;
}

/* The ids go round. A remote that has just confirmed a reset may hold the id a little longer, and pion ends the
 * connection over one that comes back too soon (go-libp2p 0.51, under load). */
int minke__channel_next_id(minke_mux_t *mux)
{
    uint32_t ids_n = minke__sctp_streams_out(mux->sctp);
    if (ids_n > MINKE_MUX_IDS_MAX) ids_n = MINKE_MUX_IDS_MAX;
    const uint32_t parity = mux->options.dtls_client ? 0 : 1;
    const uint32_t indices_n = (ids_n + 1 - parity) / 2;
    for (uint32_t step = 0; step < indices_n; step++) {
        const uint32_t index = (mux->next_index + step) % indices_n;
        const uint64_t taken = mux->busy[index / 64] | mux->retired[index / 64];
        if ((taken >> index % 64 & 1) != 0) continue;
        mux->next_index = index + 1;
        return (int)(index * 2 + parity);
    }
    return -1;
}

/* ---- records */

minke_channel_t *minke__channel_new(minke_mux_t *mux, uint16_t id)
{
    if (minke__heap_reserve(&mux->timers, mux->channels.count + 1) < 0) return NULL;
    minke_channel_t *channel = minke__alloc_zero(mux->env, sizeof *channel);
    if (channel == NULL) return NULL;
    channel->id = id;
    channel->phase = MINKE_CHANNEL_OPEN;
    channel->inbound = channel->known = is_inbound(mux, id);
    minke__list_init(&channel->queue);
    if (minke__map_insert(&mux->channels, &channel->by_id, hash_of(mux, id)) < 0) {
        minke__free(mux->env, channel);
        return NULL;
    }
    if (is_tracked(channel)) set_bit(mux->busy, id, true);
    return channel;
}

void minke__channel_release(minke_mux_t *mux, minke_channel_t *channel)
{
    minke__list_remove(&channel->queue);
    minke__channel_stop_timer(mux, channel);
    minke__map_remove(&mux->channels, &channel->by_id);
    if (mux->recent == channel) mux->recent = NULL;
    if (channel->phase == MINKE_CHANNEL_OPENING) mux->opening_n--;
    if (channel->phase >= MINKE_CHANNEL_DRAINING) mux->closing_n--;
    /* Id 0 is not ours to allocate even after the remote has closed the handshake channel (rust-libp2p#5986). */
    if (is_tracked(channel) && !channel->negotiated) set_bit(mux->busy, channel->id, false);
    minke__mux_open_settled(mux, channel);
    minke__free(mux->env, channel);
}

static void retire(minke_mux_t *mux, minke_channel_t *channel)
{
    if (is_tracked(channel)) {
        set_bit(mux->retired, channel->id, true);
        mux->retired_n++;
        minke__mux_trace(mux, MINKE_TRACE_STREAM_ID_RETIRED, NULL, channel->id);
    }
    minke__channel_release(mux, channel);
}

bool minke__channel_room(minke_mux_t *mux)
{
    if (mux->closing_n < MINKE_MUX_CLOSING_MAX) return true;
    /* Of those only the remote's reset is missing; it may come to an id that we have forgotten. */
    if (minke__list_empty(&mux->waiting)) return false;
    minke__channel_release(mux, MINKE_CONTAINER(mux->waiting.next, minke_channel_t, queue));
    return true;
}

void minke__channel_set_timer(minke_mux_t *mux, minke_channel_t *channel, minke_time_t after)
{
    minke__heap_set(&mux->timers, &channel->timer, mux->now + after);
}

void minke__channel_stop_timer(minke_mux_t *mux, minke_channel_t *channel)
{
    minke__heap_set(&mux->timers, &channel->timer, MINKE_TIME_NEVER);
}

/* ---- closing */

static void start_reset(minke_mux_t *mux, minke_channel_t *channel)
{
    if (mux->sctp == NULL) return;
    channel->linger = MINKE_LINGER_NO;
    minke__list_remove(&channel->queue);
    if (minke__sctp_reset_stream(mux->sctp, channel->id, mux->now) < 0) {
        minke__channel_set_timer(mux, channel, MINKE_MUX_RETRY_AFTER);
        return;
    }
    channel->phase = MINKE_CHANNEL_RESETTING;
    minke__channel_set_timer(mux, channel, MINKE_MUX_CLOSE_AFTER);
}

void minke__channel_advance(minke_mux_t *mux, minke_channel_t *channel)
{
    if (channel->phase != MINKE_CHANNEL_DRAINING || channel->pending != 0 || channel->unacked_n > 0) return;
    /* libwebrtc stops at the first unknown id of a request and ignores those behind it: spec/streams.md 6. */
    if (!channel->known || channel->linger == MINKE_LINGER_RUNNING) return;
    if (channel->linger == MINKE_LINGER_WANTED) {
        channel->linger = MINKE_LINGER_RUNNING;
        minke__channel_set_timer(mux, channel, MINKE_MUX_LINGER_AFTER);
        return;
    }
    start_reset(mux, channel);
}

void minke__channel_close(minke_mux_t *mux, minke_channel_t *channel)
{
    if (channel->stream != NULL) channel->stream->channel = NULL;
    channel->stream = NULL;
    if ((channel->pending & MINKE_CHANNEL_SEND_OPEN) != 0) {
        minke__channel_release(mux, channel); /* the remote has never heard of it */
        return;
    }
    if (channel->phase == MINKE_CHANNEL_OPENING) mux->opening_n--;
    channel->phase = MINKE_CHANNEL_DRAINING;
    channel->fin_ack_owed = false;
    mux->closing_n++;
    minke__channel_set_timer(mux, channel, MINKE_MUX_CLOSE_AFTER);
    minke__mux_schedule(mux, channel);
    minke__channel_advance(mux, channel);
}

int minke__mux_open_init(minke_mux_t *mux)
{
    const int id = minke__channel_next_id(mux);
    minke_channel_t *channel = id >= 0 ? minke__channel_new(mux, (uint16_t)id) : NULL;
    if (channel == NULL) return id < 0 ? MINKE_ERROR_LIMIT : MINKE_ERROR_NO_MEMORY;
    channel->init = true;
    channel->pending = MINKE_CHANNEL_SEND_OPEN;
    channel->phase = MINKE_CHANNEL_DRAINING; /* nothing follows: its reset goes when the remote knows it */
    mux->closing_n++;
    minke__channel_set_timer(mux, channel, MINKE_MUX_CLOSE_AFTER);
    minke__mux_schedule(mux, channel);
    return MINKE_OK;
}

void minke__channel_refuse(minke_mux_t *mux, minke_channel_t *channel, bool politely)
{
    mux->env->counters->streams_refused++;
    minke__mux_trace(mux, MINKE_TRACE_STREAM_REFUSED, politely ? "limit" : "violation", channel->id);
    channel->pending = politely ? MINKE_CHANNEL_SEND_ACK | MINKE_CHANNEL_SEND_RESET : 0;
    channel->linger = politely ? MINKE_LINGER_WANTED : MINKE_LINGER_NO;
    channel->known = true;
    minke__channel_close(mux, channel);
}

void minke__channel_refuse_id(minke_mux_t *mux, uint16_t id)
{
    minke_channel_t *channel = minke__channel_room(mux) ? minke__channel_new(mux, id) : NULL;
    if (channel != NULL) minke__channel_refuse(mux, channel, false);
    else mux->env->counters->streams_refused++;
}

bool minke__channel_can_reopen(const minke_channel_t *channel)
{
    return channel->phase == MINKE_CHANNEL_RESETTING && channel->peer_reset && channel->inbound;
}

void minke__channel_reopen(minke_mux_t *mux, minke_channel_t *channel)
{
    minke__channel_stop_timer(mux, channel);
    mux->closing_n--;
    channel->phase = MINKE_CHANNEL_OPEN;
    channel->peer_reset = channel->open_again = false;
    channel->blocked = true;
    channel->reset_code = 0;
    channel->dcep_len = 0;
}

void minke__channel_acknowledged(minke_mux_t *mux, minke_channel_t *channel)
{
    if (channel->known || (channel->pending & MINKE_CHANNEL_SEND_OPEN) != 0) return;
    channel->known = true;
    minke__mux_open_settled(mux, channel);
    minke__channel_advance(mux, channel);
}

void minke__channel_peer_reset(minke_mux_t *mux, uint16_t id)
{
    minke_channel_t *channel = minke__channel_find(mux, id);
    if (channel == NULL || (channel->pending & MINKE_CHANNEL_SEND_OPEN) != 0) return;
    channel->peer_reset = true;
    if (channel->phase == MINKE_CHANNEL_WAITING) {
        minke__channel_release(mux, channel);
        return;
    }
    /* Whatever we still had to say would not be read. */
    channel->pending = 0;
    channel->linger = MINKE_LINGER_NO;
    minke__list_remove(&channel->queue);
    if (channel->stream != NULL) minke__stream_channel_reset(channel->stream);
    if (!channel->known) {
        channel->known = true;
        minke__mux_open_settled(mux, channel);
    }
    if (channel->phase <= MINKE_CHANNEL_OPEN) minke__channel_close(mux, channel);
    else minke__channel_advance(mux, channel);
}

void minke__channel_reset_done(minke_mux_t *mux, uint16_t id, minke_sctp_reset_result_t result)
{
    minke_channel_t *channel = minke__channel_find(mux, id);
    if (channel == NULL) return;
    const bool was_blocked = channel->blocked;
    channel->blocked = false;
    if (channel->phase != MINKE_CHANNEL_RESETTING) {
        if (was_blocked) minke__mux_schedule(mux, channel);
    } else if (result == MINKE_SCTP_RESET_FAILED) {
        retire(mux, channel);
    } else if (channel->peer_reset) {
        minke__channel_release(mux, channel);
    } else {
        channel->phase = MINKE_CHANNEL_WAITING;
        if (channel->inbound) minke__list_append(&mux->waiting, &channel->queue);
        minke__channel_set_timer(mux, channel, MINKE_MUX_CLOSE_AFTER);
    }
}

static void draining_timeout(minke_mux_t *mux, minke_channel_t *channel)
{
    if (channel->linger == MINKE_LINGER_RUNNING) start_reset(mux, channel);
    else if (channel->pending != 0 || channel->unacked_n > 0)
        minke__channel_set_timer(mux, channel, MINKE_MUX_CLOSE_AFTER); /* SCTP gives up on a silent remote by itself */
    else if (channel->known) start_reset(mux, channel);                /* it failed before */
    else retire(mux, channel);
}

void minke__channel_timeout(minke_mux_t *mux, minke_channel_t *channel)
{
    switch (channel->phase) {
    case MINKE_CHANNEL_DRAINING: draining_timeout(mux, channel); return;
    case MINKE_CHANNEL_RESETTING:
        /* No message may go out on the id while SCTP has the reset in hand, and the remote may open its own again. */
        if (channel->inbound) minke__channel_set_timer(mux, channel, MINKE_MUX_CLOSE_AFTER);
        else retire(mux, channel);
        return;
    case MINKE_CHANNEL_WAITING: retire(mux, channel); return;
    default:
        if (channel->stream != NULL) minke__stream_timeout(channel->stream);
    }
}
