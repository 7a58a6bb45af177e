#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static uint8_t content(unsigned from, unsigned stream, uint32_t generation, uint32_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + generation * 13 + stream * 5 + from);
}

/* -- the application ---------------------------------------------------------------------------------------------- */

static minke_message_t *make_message(pair_end_t *end, uint16_t id)
{
    pair_stream_t *stream = &end->streams[id];
    const uint32_t left = stream->bytes - stream->out_sent;
    uint32_t len = 1 + (uint32_t)(test_random(&end->pair->random_state) % end->pair->message_max);
    if (len > left) len = left;
    minke_message_t *message = minke__message_new(&end->test.env, 3, len);
    end->starved = message == NULL;
    if (message == NULL) return NULL;
    message->stream_id = id;
    message->ppid = 51;
    for (uint32_t i = 0; i < len; i++) {
        message->bytes[message->end++] = content(end->index, id, stream->out_generation, stream->out_sent + i);
    }
    stream->out_sent += len;
    end->messages++;
    return message;
}

static minke_message_t *next_message(void *user)
{
    pair_end_t *end = user;
    for (unsigned i = 0; i < PAIR_STREAMS_MAX; i++) {
        const uint16_t id = end->turn++ % PAIR_STREAMS_MAX;
        pair_stream_t *stream = &end->streams[id];
        if (stream->out_generation >= stream->generations || stream->resetting) continue;
        if (stream->out_sent < stream->bytes) return make_message(end, id);
    }
    return NULL;
}

static void message_done(void *user, minke_message_t *message)
{
    pair_end_t *end = user;
    CHECK(end->messages > 0);
    end->messages--;
    minke__free(&end->test.env, message);
}

static void data(void *user, const minke_sctp_fragment_t *fragment)
{
    pair_end_t *end = user;
    CHECK(fragment->len > 0 && fragment->stream_id < PAIR_STREAMS_MAX && fragment->ppid == 51);
    pair_stream_t *stream = &end->streams[fragment->stream_id];
    CHECK(fragment->begin == !stream->in_message);
    stream->in_message = !fragment->end;
    for (size_t i = 0; i < fragment->len; i++) {
        CHECK(fragment->data[i] ==
              content(!end->index, fragment->stream_id, stream->in_generation, stream->in_got + (uint32_t)i));
    }
    stream->in_got += (uint32_t)fragment->len;
    end->got += fragment->len;
    if (end->got_at != 0 && end->pair->now - end->got_at > end->longest_silence) {
        end->longest_silence = end->pair->now - end->got_at;
    }
    end->got_at = end->pair->now;
    if (end->hold) end->held += fragment->len;
    else minke__sctp_consumed(end->sctp, fragment->len, end->pair->now);
}

static void stream_reset(void *user, uint16_t id)
{
    pair_end_t *end = user;
    CHECK(id < PAIR_STREAMS_MAX);
    pair_stream_t *stream = &end->streams[id];
    CHECK(!stream->in_message);
    CHECK(stream->in_got == end->pair->ends[!end->index].streams[id].bytes);
    stream->in_got = 0;
    stream->in_generation++;
    end->resets++;
}

static void reset_done(void *user, uint16_t id, minke_sctp_reset_result_t result)
{
    pair_end_t *end = user;
    pair_stream_t *stream = &end->streams[id];
    CHECK(stream->resetting);
    if (result != MINKE_SCTP_RESET_PERFORMED) {
        end->resets_failed++;
        return;
    }
    stream->resetting = false;
    stream->out_sent = 0;
    stream->out_generation++;
    end->resets_done++;
    minke__sctp_wake(end->sctp);
}

static void ask_for_resets(pair_end_t *end)
{
    for (uint16_t id = 0; id < PAIR_STREAMS_MAX; id++) {
        pair_stream_t *stream = &end->streams[id];
        if (stream->out_generation >= stream->generations || stream->resetting) continue;
        if (stream->out_sent < stream->bytes) continue;
        if (minke__sctp_reset_stream(end->sctp, id, end->pair->now) == MINKE_OK) stream->resetting = true;
    }
}

/* -- the link ----------------------------------------------------------------------------------------------------- */

static bool chance(pair_t *pair, unsigned in_1000) { return test_random(&pair->random_state) % 1000 < in_1000; }

static void enqueue(pair_t *pair, unsigned to, const uint8_t *bytes, size_t len, minke_time_t at)
{
    pair_packet_t *packet = malloc(sizeof *packet + len);
    CHECK(packet != NULL);
    *packet = (pair_packet_t){.at = at, .to = to, .len = len};
    memcpy(packet->bytes, bytes, len);
    pair_packet_t **link = &pair->packets;
    while (*link != NULL && (*link)->at <= at) link = &(*link)->next;
    packet->next = *link;
    *link = packet;
}

static void carry(pair_t *pair, unsigned from, uint8_t *bytes, size_t len)
{
    if (pair->filter != NULL && !pair->filter(pair, from, bytes, len)) return;
    minke_time_t at = pair->now + pair->delay;
    if (pair->rate != 0) {
        minke_time_t *busy = &pair->busy_until[from];
        if (*busy < pair->now) *busy = pair->now;
        if (*busy - pair->now > pair->queue) {
            pair->dropped++;
            return;
        }
        *busy += len * PAIR_S / pair->rate;
        at = *busy + pair->delay;
    }
    if (chance(pair, pair->loss)) {
        pair->dropped++;
        return;
    }
    if (chance(pair, pair->reorder)) at += test_random(&pair->random_state) % (pair->jitter + 1);
    enqueue(pair, !from, bytes, len, at);
    if (chance(pair, pair->duplicate)) enqueue(pair, !from, bytes, len, at + pair->delay / 2);
}

static void flush(pair_end_t *end)
{
    uint8_t packet[65536];
    size_t len;
    if (end->starved) minke__sctp_wake(end->sctp);
    ask_for_resets(end);
    while ((len = minke__sctp_transmit(end->sctp, packet, sizeof packet, end->pair->now)) > 0) {
        end->packets++;
        carry(end->pair, end->index, packet, len);
        ask_for_resets(end);
    }
}

void pair_flush(pair_t *pair)
{
    flush(&pair->ends[0]);
    flush(&pair->ends[1]);
}

/* -- the whole ---------------------------------------------------------------------------------------------------- */

void pair_new_association(pair_end_t *end, const minke_sctp_options_t *options)
{
    const minke_sctp_user_t user = {end, next_message, message_done, data, stream_reset, reset_done};
    end->sctp = minke__sctp_new(&end->test.env, options, &user, end->index + 1);
    CHECK(end->sctp != NULL);
}

void pair_init(pair_t *pair, uint64_t seed, const minke_sctp_options_t *options)
{
    memset(pair, 0, sizeof *pair);
    pair->random_state = seed * 0x9e3779b97f4a7c15ULL + 7;
    pair->now = PAIR_S;
    pair->delay = 10 * PAIR_MS;
    pair->message_max = 20000;
    for (unsigned i = 0; i < 2; i++) {
        pair_end_t *end = &pair->ends[i];
        end->pair = pair;
        end->index = i;
        test_env_init(&end->test, seed * 2 + i);
        pair_new_association(end, options);
    }
}

void pair_free(pair_t *pair)
{
    for (unsigned i = 0; i < 2; i++) {
        minke__sctp_free(pair->ends[i].sctp);
        CHECK(pair->ends[i].messages == 0);
        CHECK(pair->ends[i].test.blocks == 0);
    }
    while (pair->packets != NULL) {
        pair_packet_t *packet = pair->packets;
        pair->packets = packet->next;
        free(packet);
    }
}

void pair_connect(pair_t *pair)
{
    minke__sctp_connect(pair->ends[0].sctp, pair->now);
    minke__sctp_connect(pair->ends[1].sctp, pair->now);
}

void pair_send(pair_t *pair, unsigned from, uint16_t stream, uint32_t bytes, uint32_t generations)
{
    pair->ends[from].streams[stream].bytes = bytes;
    pair->ends[from].streams[stream].generations = generations;
    minke__sctp_wake(pair->ends[from].sctp);
}

static void deliver_due(pair_t *pair)
{
    bool touched[2] = {false, false};
    while (pair->packets != NULL && pair->packets->at <= pair->now) {
        pair_packet_t *packet = pair->packets;
        pair->packets = packet->next;
        minke__sctp_recv(pair->ends[packet->to].sctp, packet->bytes, packet->len, pair->now);
        touched[packet->to] = true;
        free(packet);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (touched[i]) minke__sctp_recv_end(pair->ends[i].sctp, pair->now);
    }
}

bool pair_step(pair_t *pair)
{
    pair_flush(pair);
    minke_time_t at = pair->packets != NULL ? pair->packets->at : MINKE_TIME_NEVER;
    for (unsigned i = 0; i < 2; i++) {
        const minke_time_t deadline = minke__sctp_deadline(pair->ends[i].sctp);
        if (deadline < at) at = deadline;
        if (pair->ends[i].starved && at > pair->now + PAIR_MS) at = pair->now + PAIR_MS;
    }
    if (at == MINKE_TIME_NEVER) return false;
    if (at > pair->now) pair->now = at;
    deliver_due(pair);
    for (unsigned i = 0; i < 2; i++) minke__sctp_tick(pair->ends[i].sctp, pair->now);
    pair_flush(pair);
    return true;
}

bool pair_is_done(const pair_t *pair)
{
    for (unsigned i = 0; i < 2; i++) {
        const pair_end_t *from = &pair->ends[i], *to = &pair->ends[!i];
        if (minke__sctp_state(from->sctp) != MINKE_SCTP_ESTABLISHED) return false;
        for (unsigned id = 0; id < PAIR_STREAMS_MAX; id++) {
            if (from->streams[id].out_generation < from->streams[id].generations) return false;
            if (to->streams[id].in_generation < from->streams[id].generations) return false;
        }
    }
    return true;
}

bool pair_run(pair_t *pair, minke_time_t limit)
{
    while (!pair_is_done(pair) && pair->now < limit) {
        if (!pair_step(pair)) break;
    }
    return pair_is_done(pair);
}

void pair_run_for(pair_t *pair, minke_time_t span)
{
    const minke_time_t until = pair->now + span;
    for (;;) {
        pair_flush(pair);
        minke_time_t at = pair->packets != NULL ? pair->packets->at : MINKE_TIME_NEVER;
        for (unsigned i = 0; i < 2; i++) {
            const minke_time_t deadline = minke__sctp_deadline(pair->ends[i].sctp);
            if (deadline < at) at = deadline;
        }
        if (at > until) break;
        pair_step(pair);
    }
    pair->now = until;
}

void pair_consume(pair_end_t *end, uint64_t bytes)
{
    CHECK(bytes <= end->held);
    end->held -= bytes;
    minke__sctp_consumed(end->sctp, bytes, end->pair->now);
}
