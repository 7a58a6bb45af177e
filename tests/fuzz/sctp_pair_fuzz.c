/*
 * Two associations, and an input that plays the network: which packet is delivered, lost, doubled or held back, how
 * much time passes, when the ends send and reset. Afterwards the network behaves, and everything must arrive, in
 * order, with every reset done.
 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "sctp/sctp.h"
#include "support/test_env.h"

enum { MS = 1000, STREAMS = 4, PACKETS_MAX = 256 };

typedef struct packet {
    size_t len;
    uint8_t bytes[MINKE_SCTP_PACKET_MAX];
} packet_t;

typedef struct stream {
    uint32_t out, in; /* bytes of this generation */
    uint32_t out_generation, in_generation;
    bool resetting, in_message;
} stream_t;

typedef struct end {
    test_env_t test;
    minke_sctp_t *sctp;
    struct end *other;
    minke_message_t *first, **last;
    stream_t streams[STREAMS];
    packet_t *packets[PACKETS_MAX]; /* to the other end */
    unsigned packets_n;
} end_t;

static minke_time_t now;

static uint8_t content(unsigned stream, uint32_t generation, uint32_t at)
{
    return (uint8_t)(at * 29 + (at >> 8) + generation * 7 + stream);
}

static minke_message_t *next_message(void *user)
{
    end_t *end = user;
    minke_message_t *message = end->first;
    if (message == NULL) return NULL;
    end->first = message->next;
    if (end->first == NULL) end->last = &end->first;
    return message;
}

static void message_done(void *user, minke_message_t *message)
{
    end_t *end = user;
    minke__free(&end->test.env, message);
}

static void data(void *user, const minke_sctp_fragment_t *fragment)
{
    end_t *end = user;
    if (fragment->stream_id >= STREAMS || fragment->len == 0) abort();
    stream_t *stream = &end->streams[fragment->stream_id];
    if (fragment->begin == stream->in_message) abort();
    stream->in_message = !fragment->end;
    for (size_t i = 0; i < fragment->len; i++) {
        if (fragment->data[i] != content(fragment->stream_id, stream->in_generation, stream->in++)) abort();
    }
    minke__sctp_consumed(end->sctp, fragment->len, now);
}

static void stream_reset(void *user, uint16_t id)
{
    end_t *end = user;
    stream_t *stream = &end->streams[id];
    if (stream->in_message || stream->in != end->other->streams[id].out) abort();
    stream->in = 0;
    stream->in_generation++;
}

static void reset_done(void *user, uint16_t id, minke_sctp_reset_result_t result)
{
    end_t *end = user;
    stream_t *stream = &end->streams[id];
    if (!stream->resetting || result != MINKE_SCTP_RESET_PERFORMED) abort();
    stream->resetting = false;
    stream->out = 0;
    stream->out_generation++;
}

static void write_message(end_t *end, unsigned id, uint32_t len)
{
    stream_t *stream = &end->streams[id];
    if (stream->resetting) return;
    minke_message_t *message = minke__message_new(&end->test.env, 0, len);
    if (message == NULL) abort();
    message->stream_id = (uint16_t)id;
    for (; message->end < len; message->end++) {
        message->bytes[message->end] = content(id, stream->out_generation, stream->out++);
    }
    *end->last = message;
    end->last = &message->next;
    minke__sctp_wake(end->sctp);
}

/* As the stream layer would: once nothing of it waits any more. */
static void reset(end_t *end, unsigned id)
{
    for (const minke_message_t *m = end->first; m != NULL; m = m->next) {
        if (m->stream_id == id) return;
    }
    if (end->streams[id].resetting || minke__sctp_reset_stream(end->sctp, (uint16_t)id, now) < 0) return;
    end->streams[id].resetting = true;
}

static void send_all(end_t *end)
{
    uint8_t bytes[MINKE_SCTP_PACKET_MAX];
    for (unsigned n = 0;; n++) {
        const size_t len = minke__sctp_transmit(end->sctp, bytes, sizeof bytes, now);
        if (len == 0) break;
        if (n > 10000) abort();
        if (end->packets_n == PACKETS_MAX) continue;
        packet_t *packet = malloc(sizeof *packet);
        if (packet == NULL) abort();
        packet->len = len;
        memcpy(packet->bytes, bytes, len);
        end->packets[end->packets_n++] = packet;
    }
}

/* The i-th packet waiting at `from`: arrives, and stays for another time if it is to be doubled. */
static void deliver(end_t *from, unsigned i, bool keep, bool lose)
{
    if (from->packets_n == 0) return;
    i %= from->packets_n;
    packet_t *packet = from->packets[i];
    if (!lose) minke__sctp_recv(from->other->sctp, packet->bytes, packet->len, now);
    if (keep) return;
    free(packet);
    memmove(&from->packets[i], &from->packets[i + 1], (--from->packets_n - i) * sizeof from->packets[0]);
}

static void pass_time(end_t ends[2], minke_time_t span)
{
    now += span;
    for (unsigned i = 0; i < 2; i++) minke__sctp_tick(ends[i].sctp, now);
}

static void operate(end_t ends[2], minke_reader_t *r)
{
    const uint8_t operation = minke__read_u8(r);
    end_t *end = &ends[operation >> 7];
    const unsigned argument = operation >> 3 & 15;
    switch (operation & 7) {
    case 0: deliver(end, argument, false, false); break;
    case 1: deliver(end, argument, true, false); break;
    case 2: deliver(end, argument, false, true); break;
    case 3: pass_time(ends, (minke_time_t)(argument + 1) * 20 * MS); break;
    case 4: write_message(end, argument % STREAMS, 1 + minke__read_u16(r) % 5000u); break;
    case 5: reset(end, argument % STREAMS); break;
    case 6: minke__sctp_recv_end(end->sctp, now); break;
    case 7: send_all(end); break;
    }
}

static bool is_done(const end_t *end)
{
    if (end->first != NULL) return false;
    for (unsigned id = 0; id < STREAMS; id++) {
        const stream_t *out = &end->streams[id], *in = &end->other->streams[id];
        if (out->resetting || out->out_generation != in->in_generation || out->out != in->in) return false;
    }
    return true;
}

static void settle(end_t ends[2])
{
    for (unsigned round = 0; !is_done(&ends[0]) || !is_done(&ends[1]); round++) {
        if (round > 20000) abort();
        for (unsigned i = 0; i < 2; i++) {
            minke__sctp_recv_end(ends[i].sctp, now);
            send_all(&ends[i]);
        }
        now += 5 * MS;
        for (unsigned i = 0; i < 2; i++) {
            while (ends[i].packets_n > 0) deliver(&ends[i], 0, false, false);
            minke__sctp_recv_end(ends[i].other->sctp, now);
        }
        for (unsigned i = 0; i < 2; i++) minke__sctp_tick(ends[i].sctp, now);
    }
}

static void start(end_t ends[2], minke_congestion_control_t congestion)
{
    for (unsigned i = 0; i < 2; i++) {
        end_t *end = &ends[i];
        test_env_init(&end->test, i + 1);
        end->other = &ends[!i];
        end->last = &end->first;
        minke_sctp_options_t options;
        minke__sctp_options_defaults(&options);
        options.congestion = congestion;
        options.silent_after = options.handshake_after = 100000000ull * MS; /* the input may let hours pass */
        const minke_sctp_user_t user = {end, next_message, message_done, data, stream_reset, reset_done};
        end->sctp = minke__sctp_new(&end->test.env, &options, &user, i + 1);
        if (end->sctp == NULL) abort();
        minke__sctp_connect(end->sctp, now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    static end_t ends[2];
    memset(ends, 0, sizeof ends);
    now = 1000 * MS;
    start(ends, (minke_congestion_control_t)(len % 3)); /* any of the three */
    const minke_time_t began_at = now;
    if (len > 2000) len = 2000;
    minke_reader_t r = minke__reader(input, len);
    while (minke__reader_left(&r) > 0 && now < began_at + 20000ull * MS) operate(ends, &r);
    settle(ends);
    for (unsigned i = 0; i < 2; i++) {
        minke__sctp_free(ends[i].sctp);
        while (ends[i].packets_n > 0) free(ends[i].packets[--ends[i].packets_n]);
        if (ends[i].test.blocks != 0) abort();
    }
    return 0;
}
