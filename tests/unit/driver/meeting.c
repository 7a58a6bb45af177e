#define _GNU_SOURCE
#include "unit/driver/meeting.h"

#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/test_env.h"

int64_t meeting_now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

size_t meeting_descriptors(void)
{
    size_t n = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) n++;
    (void)closedir(folder);
    return n;
}

/* ---- bytes ---- */

static uint8_t byte_at(size_t place) { return (uint8_t)(place * 2654435761U >> 13); }

static void send_more(meeting_t *m, meeting_stream_t *s)
{
    uint8_t block[10000];
    while (s->sent < s->wanted) {
        const size_t n = s->wanted - s->sent < sizeof block ? s->wanted - s->sent : sizeof block;
        for (size_t i = 0; i < n; i++) block[i] = byte_at(s->sent + i);
        const ssize_t taken = minke_stream_write(m->dialer, s->id, block, n);
        if (taken <= 0) return;
        s->sent += (size_t)taken;
        if (s->sent == s->wanted) (void)minke_stream_finish(m->dialer, s->id);
    }
}

static void receive_more(meeting_t *m, meeting_stream_t *s)
{
    const uint8_t *data;
    for (ssize_t n; (n = minke_stream_peek(m->dialer, s->id, &data)) > 0;) {
        for (ssize_t i = 0; i < n; i++) s->wrong |= data[i] != byte_at(s->received + (size_t)i);
        s->received += (size_t)n;
        (void)minke_stream_consume(m->dialer, s->id, (size_t)n);
    }
}

static void echo(minke_host_t *host, minke_stream_t stream)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(host, stream, &data)) > 0) {
        const ssize_t taken = minke_stream_write(host, stream, data, (size_t)n);
        if (taken <= 0) return;
        (void)minke_stream_consume(host, stream, (size_t)taken);
    }
    if (n == 0) (void)minke_stream_finish(host, stream);
}

/* ---- events ---- */

static void on_listener_event(meeting_t *m, const minke_event_t *event)
{
    switch (event->type) {
    case MINKE_EVENT_LISTENING: (void)snprintf(m->address, sizeof m->address, "%s", event->addr); break;
    case MINKE_EVENT_CONNECTED: m->inbound++; break;
    case MINKE_EVENT_DISCONNECTED:
        m->inbound_ended++;
        m->inbound_close = event->close;
        break;
    case MINKE_EVENT_STREAM_READABLE:
    case MINKE_EVENT_STREAM_WRITABLE: echo(m->listener, event->stream); break;
    default: break;
    }
}

static void on_dialer_event(meeting_t *m, const minke_event_t *event)
{
    meeting_stream_t *s = NULL;
    for (size_t i = 0; i < m->streams_n; i++) {
        if (event->stream == m->streams[i].id) s = &m->streams[i];
    }
    if (event->type == MINKE_EVENT_CONNECTED) {
        assert_int_equal(event->connection, m->connection);
        m->connected = true;
        (void)snprintf(m->remote, sizeof m->remote, "%s", event->addr);
    } else if (event->type == MINKE_EVENT_DISCONNECTED) {
        assert_int_equal(event->connection, m->connection);
        m->ended = true;
        m->close = event->close;
    } else if (s != NULL && event->type == MINKE_EVENT_STREAM_CLOSED) {
        s->closed = true;
    } else if (s != NULL) {
        receive_more(m, s);
        send_more(m, s);
    }
}

static void drain(meeting_t *m)
{
    minke_event_t event;
    while (m->dialer != NULL && minke_poll(m->dialer, &event) == MINKE_OK) on_dialer_event(m, &event);
    while (m->listener != NULL && !m->listener_sleeps && minke_poll(m->listener, &event) == MINKE_OK)
        on_listener_event(m, &event);
}

void meeting_turn(meeting_t *m)
{
    minke_host_t *hosts[] = {m->dialer, m->listener_sleeps ? NULL : m->listener};
    struct pollfd fds[2] = {{.fd = -1}, {.fd = -1}};
    int timeout = 10;
    drain(m);
    if (m->turn != NULL) m->turn(m->user);
    for (int i = 0; i < 2; i++) {
        if (hosts[i] == NULL) continue;
        const int wanted = minke_timeout(hosts[i]);
        fds[i] = (struct pollfd){.fd = minke_fd(hosts[i]), .events = POLLIN};
        if (wanted >= 0 && wanted < timeout) timeout = wanted;
    }
    if (poll(fds, 2, timeout) == 0 && timeout == 10) return;
    m->wakeups++;
}

bool meeting_run_until(meeting_t *m, const bool *flag)
{
    const int64_t until = meeting_now_ms() + MEETING_PATIENCE_MS;
    while (!*flag && meeting_now_ms() < until) meeting_turn(m);
    return *flag;
}

/* ---- life ---- */

void meeting_begin(meeting_t *m, const char *address, const minke_host_options_t *options)
{
    memset(m, 0, sizeof *m);
    m->dialer = minke_host_new(options);
    assert_non_null(m->dialer);
    if (address == NULL) return;
    minke_host_options_t listening;
    minke_host_defaults(&listening);
    listening.transport.connection_memory_max = MEETING_MEMORY;
    m->listener = minke_host_new(&listening);
    assert_non_null(m->listener);
    assert_int_equal(minke_handle(m->listener, "/echo/1.0.0"), MINKE_OK);
    assert_int_equal(minke_listen(m->listener, address), MINKE_OK);
    minke_self(m->listener, m->peer);
    drain(m);
    const char *port = strstr(m->address, "/tcp/");
    if (port != NULL) m->port = (unsigned)strtoul(port + strlen("/tcp/"), NULL, 10);
}

void meeting_end(meeting_t *m)
{
    minke_host_free(m->dialer);
    minke_host_free(m->listener);
    m->dialer = m->listener = NULL;
}

void meeting_dial(meeting_t *m, const char *const *addresses, size_t n)
{
    m->connected = m->ended = false;
    m->streams_n = 0;
    m->close = (minke_close_t){0};
    assert_int_equal(minke_dial_any(m->dialer, addresses, n, 0, &m->connection), MINKE_OK);
}

void meeting_dial_one(meeting_t *m, const char *address) { meeting_dial(m, &address, 1); }

bool meeting_connects(meeting_t *m)
{
    const int64_t until = meeting_now_ms() + MEETING_PATIENCE_MS;
    while (!m->connected && !m->ended && meeting_now_ms() < until) meeting_turn(m);
    if (m->ended) (void)fprintf(stderr, "ended: %s\n", m->close.text);
    return m->connected && !m->ended;
}

void meeting_open(meeting_t *m, size_t bytes)
{
    assert_true(m->streams_n < MEETING_STREAMS_MAX);
    meeting_stream_t *s = &m->streams[m->streams_n++];
    *s = (meeting_stream_t){.wanted = bytes};
    assert_int_equal(minke_open(m->dialer, m->connection, "/echo/1.0.0", &s->id), MINKE_OK);
    send_more(m, s);
}

void meeting_send(meeting_t *m, size_t bytes)
{
    for (size_t i = 0; i < m->streams_n; i++) {
        m->streams[i].wanted = bytes;
        send_more(m, &m->streams[i]);
    }
}

static bool all_closed(const meeting_t *m)
{
    bool all = true;
    for (size_t i = 0; i < m->streams_n; i++) all &= m->streams[i].closed;
    return all;
}

bool meeting_echoes(meeting_t *m)
{
    const int64_t until = meeting_now_ms() + MEETING_PATIENCE_MS;
    while (!all_closed(m) && !m->ended && meeting_now_ms() < until) meeting_turn(m);
    bool right = !m->ended;
    for (size_t i = 0; i < m->streams_n; i++) {
        const meeting_stream_t *s = &m->streams[i];
        right &= s->closed && !s->wrong && s->received == s->wanted;
    }
    return right;
}

void meeting_expect_success(meeting_t *m, const char *address)
{
    meeting_dial_one(m, address);
    assert_true(meeting_connects(m));
    meeting_open(m, 100000);
    assert_true(meeting_echoes(m));
    assert_int_equal(minke_close(m->dialer, m->connection), MINKE_OK);
    assert_true(meeting_run_until(m, &m->ended));
    assert_string_equal(m->close.text, "closed by the application");
}

void meeting_expect_failure(meeting_t *m, const char *address, int code, const char *text)
{
    meeting_dial_one(m, address);
    assert_true(meeting_run_until(m, &m->ended));
    assert_false(m->connected);
    assert_string_equal(m->close.text, text);
    assert_int_equal(m->close.code, code);
    assert_int_equal(m->close.layer, MINKE_LAYER_NETWORK);
}

/* ---- memory ---- */

static void echo_and_close(meeting_t *m)
{
    minke_stream_t stream;
    const int64_t until = meeting_now_ms() + MEETING_PATIENCE_MS;
    while (!m->connected && !m->ended && meeting_now_ms() < until) meeting_turn(m);
    if (!m->ended && minke_open(m->dialer, m->connection, "/echo/1.0.0", &stream) == MINKE_OK) {
        m->streams[0] = (meeting_stream_t){.id = stream, .wanted = 1000};
        m->streams_n = 1;
        send_more(m, &m->streams[0]);
        for (int turn = 0; turn < 30 && !m->streams[0].closed && !m->ended; turn++) meeting_turn(m);
    }
    if (!m->ended) (void)minke_close(m->dialer, m->connection);
    assert_true(meeting_run_until(m, &m->ended));
}

/* False: there is no n-th allocation. */
static bool survives(meeting_t *m, const char *address, const minke_host_options_t *options, test_env_t *test,
                     uint64_t n)
{
    minke_host_free(m->dialer);
    assert_int_equal(test->blocks, 0);
    m->dialer = minke_host_new(options);
    assert_non_null(m->dialer);
    m->connected = m->ended = false;
    m->streams_n = 0;
    test->fail_at = test->allocations + n;
    if (minke_dial(m->dialer, address, 0, &m->connection) == MINKE_OK) echo_and_close(m);
    const bool reached = test->allocations >= test->fail_at;
    test->fail_at = 0;
    return reached;
}

void meeting_survives_without_memory(meeting_t *m, const char *address, minke_host_options_t *options)
{
    test_env_t test;
    uint64_t n = 1;
    test_env_init(&test, 7);
    options->transport.allocator = test.env.allocator;
    options->transport.dial_after = 1000000;
    options->identify = false;
    while (survives(m, address, options, &test, n)) n++;
    assert_in_range(n, 20, 1000);
    minke_host_free(m->dialer);
    m->dialer = NULL;
    assert_int_equal(test.blocks, 0);
}
