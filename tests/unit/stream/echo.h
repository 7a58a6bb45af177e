/*
 * Two applications on two muxes that are joined somehow: side 0 opens streams, sends bytes and its FIN, side 1 echoes.
 * For cmocka programs; the file that includes it says how bytes get across.
 */
#ifndef MINKE_TESTS_STREAM_ECHO_H
#define MINKE_TESTS_STREAM_ECHO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/mux.h"
#include "support/test_env.h"

enum { STREAMS_MAX = 2000 };

typedef struct job {
    minke_mux_stream_t *stream; /* NULL before it is opened and after its end */
    size_t len, sent, received;
    bool eof, closed;
    int error;
} job_t;

static job_t jobs[STREAMS_MAX];

static inline uint8_t byte_of(const job_t *job, size_t at)
{
    return (uint8_t)((size_t)(job - jobs) * 31 + at * 7 + (at >> 8));
}

static inline void job_write(uint64_t *random, job_t *job)
{
    static uint8_t buffer[40000];
    while (job->sent < job->len) {
        size_t n = 1 + (size_t)(test_random(random) >> 20) % sizeof buffer;
        if (n > job->len - job->sent) n = job->len - job->sent;
        for (size_t i = 0; i < n; i++) buffer[i] = byte_of(job, job->sent + i);
        const ssize_t taken = minke__mux_write(job->stream, buffer, n);
        if (taken == MINKE_ERROR_AGAIN || taken == MINKE_ERROR_STREAM_RESET) return;
        assert_true(taken > 0);
        job->sent += (size_t)taken;
    }
    assert_int_equal(minke__mux_finish(job->stream), MINKE_OK);
}

static inline void job_read(job_t *job)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke__mux_peek(job->stream, &data)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (data[i] != byte_of(job, job->received + (size_t)i)) fail_msg("wrong byte");
        }
        job->received += (size_t)n;
        assert_int_equal(minke__mux_consume(job->stream, (size_t)n), MINKE_OK);
    }
    if (n == 0) job->eof = true;
}

static inline void dialer_events(minke_mux_t *mux, uint64_t *random)
{
    minke_mux_event_t e;
    while (minke__mux_event(mux, &e)) {
        job_t *job = minke__mux_stream_user(e.stream);
        switch (e.type) {
        case MINKE_MUX_STREAM_OPENED: fail_msg("nobody opens"); break;
        case MINKE_MUX_STREAM_READABLE: job_read(job); break;
        case MINKE_MUX_STREAM_WRITABLE: job_write(random, job); break;
        case MINKE_MUX_STREAM_CLOSED:
            job->closed = true;
            job->error = e.error;
            job->stream = NULL;
            break;
        }
    }
}

static inline void echo(minke_mux_stream_t *stream)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke__mux_peek(stream, &data)) > 0) {
        const ssize_t taken = minke__mux_write(stream, data, (size_t)n);
        if (taken <= 0) break;
        assert_int_equal(minke__mux_consume(stream, (size_t)taken), MINKE_OK);
    }
    if (n == 0) (void)!minke__mux_finish(stream);
}

static inline void listener_events(minke_mux_t *mux)
{
    minke_mux_event_t e;
    while (minke__mux_event(mux, &e)) {
        if (e.type == MINKE_MUX_STREAM_READABLE || e.type == MINKE_MUX_STREAM_WRITABLE) echo(e.stream);
    }
}

static inline void start(minke_mux_t *mux, uint64_t *random, job_t *job, size_t len)
{
    *job = (job_t){.len = len};
    assert_int_equal(minke__mux_open(mux, &job->stream), MINKE_OK);
    minke__mux_stream_set_user(job->stream, job);
    job_write(random, job);
}

static inline bool all_closed(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!jobs[i].closed) return false;
    }
    return true;
}

/* All came back, and every stream ended well. */
static inline void check_jobs(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(jobs[i].error, MINKE_OK);
        assert_int_equal(jobs[i].received, jobs[i].len);
        assert_true(jobs[i].eof);
    }
}

/* Nothing is left of any stream or channel. */
static inline void check_empty(const minke_mux_t *mux)
{
    const minke_mux_stats_t stats = minke__mux_stats(mux);
    assert_int_equal(stats.inbound, 0);
    assert_int_equal(stats.outbound, 0);
    assert_int_equal(stats.closing, 0);
    assert_int_equal(stats.unread, 0);
    assert_int_equal(stats.unsent, 0);
}

#endif
