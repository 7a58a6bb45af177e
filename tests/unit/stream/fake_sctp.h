/*
 * An SCTP association that is a script: it records what the mux asks of it, hands over the messages that it pulls, and
 * delivers what a test says. Two of them make a pipe. Include it in one file of a program: it defines the functions
 * of sctp/sctp.h that the mux calls, so the real ones are not linked.
 */
#ifndef MINKE_TESTS_STREAM_FAKE_SCTP_H
#define MINKE_TESTS_STREAM_FAKE_SCTP_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "stream/mux.h"
#include "support/test_env.h"

struct minke_sctp {
    minke_sctp_user_t user;
    const minke_env_t *env;
    bool may_send, small_messages;
    uint32_t streams;
    uint32_t path_bytes;
    bool refuse_reset; /* minke__sctp_reset_stream fails */
    size_t delivered, consumed;
    uint64_t wakes;
    uint16_t resets[4096]; /* asked for, oldest first */
    size_t resets_n;
    minke_message_t *pulled_first, *pulled_last; /* not yet acknowledged */
};

void minke__sctp_wake(minke_sctp_t *sctp) { sctp->wakes++; }

void minke__sctp_consumed(minke_sctp_t *sctp, size_t len, minke_time_t now)
{
    (void)now;
    sctp->consumed += len;
    assert(sctp->consumed <= sctp->delivered);
}

int minke__sctp_reset_stream(minke_sctp_t *sctp, uint16_t stream_id, minke_time_t now)
{
    (void)now;
    if (sctp->refuse_reset) return MINKE_ERROR_NO_MEMORY;
    for (size_t i = 0; i < sctp->resets_n; i++) {
        if (sctp->resets[i] == stream_id) return MINKE_OK;
    }
    assert(sctp->resets_n < sizeof sctp->resets / sizeof sctp->resets[0]);
    sctp->resets[sctp->resets_n++] = stream_id;
    return MINKE_OK;
}

minke_sctp_state_t minke__sctp_state(const minke_sctp_t *sctp)
{
    return sctp->may_send ? MINKE_SCTP_ESTABLISHED : MINKE_SCTP_COOKIE_WAIT;
}

bool minke__sctp_may_send(const minke_sctp_t *sctp) { return sctp->may_send; }
bool minke__sctp_takes_large_messages(const minke_sctp_t *sctp) { return !sctp->small_messages; }
uint32_t minke__sctp_path_bytes(const minke_sctp_t *sctp) { return sctp->path_bytes; }
uint32_t minke__sctp_streams_out(const minke_sctp_t *sctp) { return sctp->may_send ? sctp->streams : 0; }
uint32_t minke__sctp_streams_in(const minke_sctp_t *sctp) { return sctp->may_send ? sctp->streams : 0; }

static inline void fake_init(minke_sctp_t *sctp, const minke_env_t *env, minke_mux_t *mux)
{
    memset(sctp, 0, sizeof *sctp);
    sctp->user = minke__mux_sctp_user(mux);
    sctp->env = env;
    sctp->may_send = true;
    sctp->streams = 65535;
    minke__mux_attach(mux, sctp);
}

/* The next message of the mux, kept until fake_ack; NULL: none. */
static inline minke_message_t *fake_pull(minke_sctp_t *sctp)
{
    minke_message_t *message = sctp->user.next_message(sctp->user.user);
    if (message == NULL) return NULL;
    assert(message->end > message->start && message->end <= message->capacity);
    for (size_t i = 0; i < sctp->resets_n; i++) assert(sctp->resets[i] != message->stream_id);
    message->next = NULL;
    if (sctp->pulled_last != NULL) sctp->pulled_last->next = message;
    else sctp->pulled_first = message;
    sctp->pulled_last = message;
    return message;
}

/* Acknowledges the oldest message that was pulled; false: none. */
static inline bool fake_ack(minke_sctp_t *sctp)
{
    minke_message_t *message = sctp->pulled_first;
    if (message == NULL) return false;
    sctp->pulled_first = message->next;
    if (sctp->pulled_first == NULL) sctp->pulled_last = NULL;
    sctp->user.message_done(sctp->user.user, message);
    return true;
}

static inline void fake_ack_all(minke_sctp_t *sctp)
{
    while (fake_ack(sctp)) continue;
}

/* Pulls and acknowledges everything. */
static inline void fake_flush(minke_sctp_t *sctp)
{
    while (fake_pull(sctp) != NULL) continue;
    fake_ack_all(sctp);
}

static inline void fake_piece(minke_sctp_t *sctp, uint16_t id, uint32_t ppid, const uint8_t *data, size_t len,
                              bool begin, bool end)
{
    /* A copy of exactly this size, so that a sanitizer sees a read past its end. */
    uint8_t *copy = minke__default_allocator().reallocate(NULL, NULL, len);
    memcpy(copy, data, len);
    sctp->delivered += len;
    sctp->user.data(sctp->user.user, &(minke_sctp_fragment_t){copy, len, ppid, id, begin, end});
    minke__default_allocator().reallocate(NULL, copy, 0);
}

/* A message in fragments of `cut` bytes. */
static inline void fake_deliver_cut(minke_sctp_t *sctp, uint16_t id, uint32_t ppid, const uint8_t *data, size_t len,
                                    size_t cut)
{
    for (size_t at = 0; at < len; at += cut) {
        const size_t n = len - at < cut ? len - at : cut;
        fake_piece(sctp, id, ppid, data + at, n, at == 0, at + n == len);
    }
}

static inline void fake_deliver(minke_sctp_t *sctp, uint16_t id, uint32_t ppid, const char *hex)
{
    uint8_t bytes[512];
    fake_deliver_cut(sctp, id, ppid, bytes, test_unhex(hex, bytes, sizeof bytes), sizeof bytes);
}

static inline bool fake_reset_asked(const minke_sctp_t *sctp, uint16_t id)
{
    for (size_t i = 0; i < sctp->resets_n; i++) {
        if (sctp->resets[i] == id) return true;
    }
    return false;
}

/* The remote answers our reset of `id`. */
static inline void fake_reset_done(minke_sctp_t *sctp, uint16_t id, minke_sctp_reset_result_t result)
{
    for (size_t i = 0; i < sctp->resets_n; i++) {
        if (sctp->resets[i] != id) continue;
        memmove(&sctp->resets[i], &sctp->resets[i + 1], (sctp->resets_n - i - 1) * sizeof sctp->resets[0]);
        sctp->resets_n--;
        sctp->user.reset_done(sctp->user.user, id, result);
        return;
    }
    abort(); /* no such reset */
}

static inline void fake_peer_reset(minke_sctp_t *sctp, uint16_t id) { sctp->user.stream_reset(sctp->user.user, id); }

/* As minke__sctp_free does: gives the messages back. */
static inline void fake_end(minke_sctp_t *sctp) { fake_ack_all(sctp); }

#endif
