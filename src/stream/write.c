/*
 * The bytes that a stream holds for SCTP: blocks with headroom for the frame header, copied into once. Only the last
 * block has room left; it starts small and grows, so a ping costs little and a bulk writer fills whole frames.
 */
#include <assert.h>
#include <string.h>

#include "stream/mux_state.h"

enum { BLOCK_MIN = 128 };

/* ---- room */

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t below(size_t held, size_t limit) { return held < limit ? limit - held : 0; }

/* What the path takes in a round trip is that of all streams together. */
static size_t path_budget(const minke_mux_t *mux)
{
    const size_t path = mux->sctp != NULL ? minke__sctp_path_bytes(mux->sctp) : 0;
    return least(path, mux->options.send_buffer_max);
}

/* Enough that a writer who is woken a round trip late has not kept the path waiting: who is alone may have all of what
 * it takes. */
static size_t own_limit(const minke_mux_stream_t *stream)
{
    const minke_mux_t *mux = stream->mux;
    const size_t budget = path_budget(mux), others = mux->unsent - stream->unsent;
    return budget > others + mux->options.send_buffer ? budget - others : mux->options.send_buffer;
}

static size_t own_room(const minke_mux_stream_t *stream) { return below(stream->unsent, own_limit(stream)); }

/*
 * What all streams hold together should lie in the cache until it is sent, unless the path itself takes more: 100
 * streams with a quarter of a megabyte each were read back from memory. So when that much is held a stream may have one
 * frame there, which is its turn, and no more; and whoever comes last finds room for it, however greedy the others are.
 *
 * Unsent, in flight and unread: a quarter of the memory for each leaves one for what they cost besides, so that neither
 * side of a connection can be too short of memory to take what the other must get rid of.
 */
static size_t shared_room(const minke_mux_stream_t *stream)
{
    const minke_mux_t *mux = stream->mux;
    const size_t total = least(mux->options.send_buffer_total, minke__account_window(mux->env->account));
    const size_t budget = path_budget(mux), shared = mux->options.send_buffer_shared;
    const size_t freely = below(mux->unsent, budget > shared ? budget : shared);
    const size_t turn = below(stream->unsent, MINKE_FRAME_PAYLOAD_MAX);
    return least(freely > turn ? freely : turn, below(mux->unsent, total));
}

static size_t memory_room(const minke_mux_stream_t *stream) { return minke__account_room(stream->mux->env->account); }

static bool waits_for_memory(const minke_mux_stream_t *stream)
{
    const minke_mux_t *mux = stream->mux;
    return memory_room(stream) == 0 || mux->unsent >= minke__account_window(mux->env->account);
}

size_t minke__mux_writable(const minke_mux_stream_t *stream)
{
    if (stream->error != MINKE_OK || stream->send != MINKE_SEND_OPEN) return 0;
    return least(least(own_room(stream), shared_room(stream)), memory_room(stream));
}

static void wait_for_room(minke_mux_stream_t *stream)
{
    minke_mux_t *mux = stream->mux;
    const bool memory_is_short = memory_room(stream) == 0;
    stream->wants_room = true;
    if (memory_is_short) minke__mux_await_memory(mux);
    if ((memory_is_short || shared_room(stream) == 0) && !minke__list_linked(&stream->starved))
        minke__list_append(&mux->starved, &stream->starved);
}

/* The low-water mark is half of the stream's own buffer, so that a writer is woken for many bytes, not for each frame.
 * One that has its turn in the shared buffer is woken when that has left. */
bool minke__stream_offer_room(minke_mux_stream_t *stream)
{
    if (!stream->wants_room || stream->unsent > own_limit(stream) / 2) return false;
    if (shared_room(stream) == 0) return false;
    stream->wants_room = false;
    minke__list_remove(&stream->starved);
    minke__mux_raise(stream, MINKE_MUX_STREAM_WRITABLE);
    return true;
}

/* ---- blocks */

/* A frame is one SCTP message, so this is where a remote that takes only small ones is spared. */
static size_t block_max(const minke_mux_stream_t *stream)
{
    const minke_sctp_t *sctp = stream->mux->sctp;
    const bool large = sctp != NULL && minke__sctp_takes_large_messages(sctp);
    return large ? MINKE_FRAME_PAYLOAD_MAX : MINKE_FRAME_PAYLOAD_SMALL;
}

/* A block of `capacity` in the place of the last one, with its bytes; or NULL with nothing changed. */
static minke_message_t *grow_last(minke_mux_stream_t *stream, size_t capacity)
{
    minke_message_t *last = *stream->unsent_last;
    minke_message_t *block = minke__message_new(stream->mux->env, MINKE_FRAME_HEADROOM, capacity);
    if (block == NULL) return NULL;
    memcpy(block->bytes + block->start, last->bytes + last->start, last->end - last->start);
    block->end += last->end - last->start;
    *stream->unsent_last = block;
    minke__message_free(stream->mux->env, last);
    return block;
}

static minke_message_t *append_block(minke_mux_stream_t *stream, size_t capacity)
{
    minke_message_t *block = minke__message_new(stream->mux->env, MINKE_FRAME_HEADROOM, capacity);
    if (block == NULL) return NULL;
    if (stream->unsent_first != NULL) {
        assert(*stream->unsent_last != NULL);
        stream->unsent_last = &(*stream->unsent_last)->next;
    }
    *stream->unsent_last = block;
    return block;
}

/* A last block with room for at least one byte, better for `wanted`; NULL: out of memory. */
static minke_message_t *block_with_room(minke_mux_stream_t *stream, size_t wanted)
{
    const size_t max = block_max(stream);
    minke_message_t *last = *stream->unsent_last;
    if (last == NULL) return append_block(stream, least(wanted > BLOCK_MIN ? wanted : BLOCK_MIN, max));
    if (last->end < last->capacity) return last;
    const size_t held = last->end - last->start;
    if (held >= max) return append_block(stream, max);
    return grow_last(stream, least(held + (wanted > held ? wanted : held), max));
}

static size_t append(minke_mux_stream_t *stream, const uint8_t *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        minke_message_t *block = block_with_room(stream, len - done);
        if (block == NULL) break;
        const size_t n = least(block->capacity - block->end, len - done);
        memcpy(block->bytes + block->end, data + done, n);
        block->end += (uint32_t)n;
        done += n;
    }
    stream->unsent += (uint32_t)done;
    stream->mux->unsent += done;
    return done;
}

static minke_message_t *pop_block(minke_mux_stream_t *stream)
{
    minke_message_t *block = stream->unsent_first;
    if (block == NULL) return NULL;
    stream->unsent_first = block->next;
    if (stream->unsent_last == &block->next) stream->unsent_last = &stream->unsent_first;
    block->next = NULL;
    return block;
}

/* ---- what the scheduler asks */

bool minke__stream_has_output(const minke_mux_stream_t *stream)
{
    return stream->unsent_first != NULL || stream->send == MINKE_SEND_FINISHING;
}

minke_message_t *minke__stream_take_message(minke_mux_stream_t *stream)
{
    minke_message_t *block = pop_block(stream);
    if (block == NULL) return NULL;
    const uint32_t len = block->end - block->start;
    minke__frame_seal(block);
    stream->unsent -= len;
    minke__mux_sent(stream->mux, len);
    minke__stream_offer_room(stream);
    return block;
}

void minke__stream_fin_written(minke_mux_stream_t *stream)
{
    minke_channel_t *channel = stream->channel;
    stream->send = MINKE_SEND_FIN_SENT;
    minke__channel_set_timer(stream->mux, channel, MINKE_MUX_FIN_ACK_AFTER);
    if (!channel->fin_ack_owed) return;
    channel->fin_ack_owed = false;
    channel->pending |= MINKE_CHANNEL_SEND_FIN_ACK;
}

void minke__stream_drop_unsent(minke_mux_stream_t *stream)
{
    stream->wants_room = false;
    minke__list_remove(&stream->starved);
    const uint32_t len = stream->unsent;
    minke_message_t *block;
    while ((block = pop_block(stream)) != NULL) minke__message_free(stream->mux->env, block);
    stream->unsent = 0;
    if (len > 0) minke__mux_sent(stream->mux, len);
}

/* ---- the public calls */

static int write_error(const minke_mux_stream_t *stream)
{
    if (stream->error != MINKE_OK) return stream->error;
    switch (stream->send) {
    case MINKE_SEND_OPEN: return MINKE_OK;
    case MINKE_SEND_STOPPED: return MINKE_ERROR_STREAM_STOPPED;
    case MINKE_SEND_CUT: return MINKE_ERROR_STREAM_RESET;
    default: return MINKE_ERROR_STREAM_FINISHED;
    }
}

ssize_t minke__mux_write(minke_mux_stream_t *stream, const void *data, size_t len)
{
    const int error = write_error(stream);
    if (error < 0) return error;
    if (len == 0) return 0;
    const size_t fits = least(len, minke__mux_writable(stream));
    const size_t done = append(stream, data, fits);
    if (fits < len) wait_for_room(stream);
    if (fits == 0) {
        if (waits_for_memory(stream)) stream->mux->env->counters->memory_waits++;
        return MINKE_ERROR_AGAIN;
    }
    if (done == 0) return MINKE_ERROR_NO_MEMORY;
    minke__mux_schedule(stream->mux, stream->channel);
    return (ssize_t)done;
}

int minke__mux_finish(minke_mux_stream_t *stream)
{
    const int error = write_error(stream);
    if (error == MINKE_ERROR_STREAM_FINISHED) return MINKE_OK;
    if (error < 0) return error;
    stream->send = MINKE_SEND_FINISHING;
    stream->wants_room = false;
    minke__list_remove(&stream->starved);
    minke__mux_schedule(stream->mux, stream->channel);
    return MINKE_OK;
}
