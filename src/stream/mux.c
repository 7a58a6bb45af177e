#include "stream/mux.h"

#include "stream/mux_state.h"

void minke__mux_options_defaults(minke_mux_options_t *options)
{
    *options = (minke_mux_options_t){.inbound_max = 512,
                                     .outbound_max = 510,
                                     .send_buffer = 256 << 10,
                                     .send_buffer_shared = 1 << 20,
                                     .send_buffer_max = 4 << 20,
                                     .send_buffer_total = 8 << 20,
                                     .unread_max = 16 << 20,
                                     .frame_max = 263168};
}

/* ---- life */

static bool open_handshake_channel(minke_mux_t *mux)
{
    minke_channel_t *channel = minke__channel_new(mux, 0);
    if (channel == NULL) return false;
    channel->negotiated = channel->known = true;
    mux->handshake = minke__stream_new(mux, channel, false);
    return mux->handshake != NULL;
}

minke_mux_t *minke__mux_new(const minke_env_t *env, const minke_mux_options_t *options, minke_handles_t *streams,
                            minke_connection_t connection)
{
    minke_mux_t *mux = minke__alloc_zero(env, sizeof *mux);
    if (mux == NULL) return NULL;
    mux->env = env;
    mux->options = *options;
    mux->handles = streams;
    mux->connection = connection;
    mux->retry_at = mux->gate_at = mux->memory_at = MINKE_TIME_NEVER;
    mux->opens_max = MINKE_MUX_OPENS_FIRST;
    minke__map_init(&mux->channels, env);
    minke__heap_init(&mux->timers, env);
    minke_list_t *lists[] = {&mux->ready,  &mux->gated, &mux->waiting, &mux->streams,
                             &mux->events, &mux->held,  &mux->starved};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) minke__list_init(lists[i]);
    if (options->handshake_channel && !open_handshake_channel(mux)) {
        minke__mux_free(mux);
        return NULL;
    }
    return mux;
}

void minke__mux_free(minke_mux_t *mux)
{
    mux->failed = true;
    mux->sctp = NULL;
    while (!minke__list_empty(&mux->streams))
        minke__stream_free(MINKE_CONTAINER(mux->streams.next, minke_mux_stream_t, in_mux));
    minke_map_node_t *node;
    while ((node = minke__map_any(&mux->channels)) != NULL) {
        minke__map_remove(&mux->channels, node);
        minke__free(mux->env, MINKE_CONTAINER(node, minke_channel_t, by_id));
    }
    minke__map_free(&mux->channels);
    minke__heap_free(&mux->timers);
    minke__free(mux->env, mux);
}

static minke_message_t *on_next_message(void *user) { return minke__mux_next_message(user); }

static void on_message_done(void *user, minke_message_t *message) { minke__mux_message_done(user, message); }

static void on_data(void *user, const minke_sctp_fragment_t *fragment)
{
    minke_mux_t *mux = user;
    if (!mux->failed) minke__mux_receive(mux, fragment);
}

static void on_stream_reset(void *user, uint16_t stream_id)
{
    minke_mux_t *mux = user;
    if (!mux->failed) minke__channel_peer_reset(mux, stream_id);
}

static void on_reset_done(void *user, uint16_t stream_id, minke_sctp_reset_result_t result)
{
    minke_mux_t *mux = user;
    if (!mux->failed) minke__channel_reset_done(mux, stream_id, result);
}

minke_sctp_user_t minke__mux_sctp_user(minke_mux_t *mux)
{
    return (minke_sctp_user_t){mux, on_next_message, on_message_done, on_data, on_stream_reset, on_reset_done};
}

void minke__mux_attach(minke_mux_t *mux, minke_sctp_t *sctp) { mux->sctp = sctp; }

void minke__mux_surface(minke_mux_t *mux)
{
    mux->surfaced = true;
    minke_list_t *node;
    while ((node = minke__list_pop(&mux->held)) != NULL) {
        mux->held_n--;
        minke__stream_surface(MINKE_CONTAINER(node, minke_mux_stream_t, events));
    }
}

void minke__mux_fail(minke_mux_t *mux)
{
    if (mux->failed) return;
    mux->failed = true;
    mux->sctp = NULL;
    for (minke_list_t *node = mux->streams.next; node != &mux->streams; node = node->next)
        minke__stream_connection_closed(MINKE_CONTAINER(node, minke_mux_stream_t, in_mux));
}

bool minke__mux_lingers(const minke_mux_t *mux) { return mux->failed && mux->inbound_n + mux->outbound_n > 0; }

void minke__mux_abandon(minke_mux_t *mux)
{
    minke__mux_fail(mux);
    for (minke_list_t *node = mux->streams.next, *next; node != &mux->streams; node = next) {
        next = node->next;
        minke__stream_fail(MINKE_CONTAINER(node, minke_mux_stream_t, in_mux), MINKE_ERROR_CONNECTION_CLOSED, 0);
    }
}

/* ---- time */

minke_time_t minke__mux_deadline(const minke_mux_t *mux)
{
    if (mux->failed) return MINKE_TIME_NEVER;
    const minke_heap_node_t *top = minke__heap_top(&mux->timers);
    minke_time_t at = top != NULL ? top->at : MINKE_TIME_NEVER;
    if (mux->retry_at < at) at = mux->retry_at;
    if (mux->memory_at < at) at = mux->memory_at;
    return mux->gate_at < at ? mux->gate_at : at;
}

void minke__mux_tick(minke_mux_t *mux, minke_time_t now)
{
    mux->now = now;
    if (mux->failed) return;
    minke_heap_node_t *top;
    while ((top = minke__heap_top(&mux->timers)) != NULL && top->at <= now) {
        minke__heap_set(&mux->timers, top, MINKE_TIME_NEVER);
        minke__channel_timeout(mux, MINKE_CONTAINER(top, minke_channel_t, timer));
    }
    if (mux->gate_at <= now) minke__mux_gate_timeout(mux);
    if (mux->memory_at <= now) {
        mux->memory_at = MINKE_TIME_NEVER;
        minke__mux_offer_room(mux);
    }
    if (mux->retry_at > now) return;
    mux->retry_at = MINKE_TIME_NEVER;
    if (mux->sctp != NULL) minke__sctp_wake(mux->sctp);
}

void minke__mux_set_now(minke_mux_t *mux, minke_time_t now) { mux->now = now; }

/* ---- events */

void minke__mux_raise(minke_mux_stream_t *stream, minke_mux_event_type_t type)
{
    if (!stream->visible) return;
    stream->pending_events |= (uint8_t)(1U << type);
    if (!minke__list_linked(&stream->events)) minke__list_append(&stream->mux->events, &stream->events);
}

/* What CLOSED says. */
static int outcome(const minke_mux_stream_t *stream)
{
    return stream->send == MINKE_SEND_CUT && stream->error == MINKE_OK ? MINKE_ERROR_STREAM_RESET : stream->error;
}

bool minke__mux_event(minke_mux_t *mux, minke_mux_event_t *event)
{
    if (mux->dying != NULL) minke__stream_free(mux->dying);
    mux->dying = NULL;
    if (minke__list_empty(&mux->events)) return false;
    minke_mux_stream_t *stream = MINKE_CONTAINER(mux->events.next, minke_mux_stream_t, events);
    unsigned type = MINKE_MUX_STREAM_OPENED;
    while ((stream->pending_events >> type & 1) == 0) type++;
    stream->pending_events &= (uint8_t) ~(1U << type);
    if (stream->pending_events == 0) minke__list_remove(&stream->events);
    *event = (minke_mux_event_t){.type = (minke_mux_event_type_t)type, .stream = stream};
    if (type == MINKE_MUX_STREAM_CLOSED) {
        event->error = outcome(stream);
        event->error_code = stream->error_code;
        mux->dying = stream;
    }
    return true;
}

void minke__mux_trace(const minke_mux_t *mux, minke_trace_id_t id, const char *detail, uint64_t value)
{
    minke__trace(mux->env, mux->now, mux->connection, id, detail, value);
}

/* ---- opening, and questions */

int minke__mux_open(minke_mux_t *mux, minke_mux_stream_t **stream)
{
    *stream = NULL;
    if (mux->failed) return MINKE_ERROR_CONNECTION_CLOSED;
    if (mux->sctp == NULL || !minke__sctp_may_send(mux->sctp)) return MINKE_ERROR_STATE;
    if (mux->outbound_n >= mux->options.outbound_max) return MINKE_ERROR_LIMIT;
    const int id = minke__channel_next_id(mux);
    if (id < 0) return MINKE_ERROR_LIMIT;
    if (minke__account_room(mux->env->account) == 0) {
        mux->env->counters->memory_streams_refused++;
        return MINKE_ERROR_LIMIT;
    }
    minke_channel_t *channel = minke__channel_new(mux, (uint16_t)id);
    if (channel == NULL) return MINKE_ERROR_NO_MEMORY;
    *stream = minke__stream_new(mux, channel, true);
    if (*stream == NULL) {
        minke__channel_release(mux, channel);
        return MINKE_ERROR_NO_MEMORY;
    }
    (*stream)->visible = true;
    channel->pending = MINKE_CHANNEL_SEND_OPEN;
    minke__mux_schedule(mux, channel);
    mux->env->counters->streams_opened++;
    minke__mux_trace(mux, MINKE_TRACE_STREAM_OPENED, NULL, channel->id);
    return MINKE_OK;
}

minke_mux_stream_t *minke__mux_handshake_channel(minke_mux_t *mux) { return mux->handshake; }
minke_stream_t minke__mux_stream_id(const minke_mux_stream_t *stream) { return stream->id; }
minke_connection_t minke__mux_stream_connection(const minke_mux_stream_t *stream) { return stream->mux->connection; }
uint16_t minke__mux_stream_channel(const minke_mux_stream_t *stream) { return stream->channel_id; }
bool minke__mux_stream_is_inbound(const minke_mux_stream_t *stream) { return stream->inbound; }
void minke__mux_stream_set_user(minke_mux_stream_t *stream, void *user) { stream->user = user; }
void *minke__mux_stream_user(const minke_mux_stream_t *stream) { return stream->user; }

minke_mux_stats_t minke__mux_stats(const minke_mux_t *mux)
{
    return (minke_mux_stats_t){.inbound = mux->inbound_n,
                               .outbound = mux->outbound_n,
                               .closing = mux->closing_n,
                               .retired = mux->retired_n,
                               .unread = mux->unread,
                               .unsent = mux->unsent};
}
