/* Two hosts that ask and answer: how many calls that takes, when an acknowledgement leaves, and how exactly they wait.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <minke/minke.h>
#include <cmocka.h>

#include "driver/clock.h"

/* ---- the system ---- */

static struct {
    unsigned sends, receives, waits;
    bool no_pwait2;
} calls;

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    calls.sends++;
    return (ssize_t)syscall(SYS_sendmsg, fd, message, flags);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags, struct timespec *tmo)
{
    calls.receives++;
    return (int)syscall(SYS_recvmmsg, fd, messages, n, flags, tmo);
}

int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
    calls.waits++;
    return (int)syscall(SYS_epoll_pwait, epfd, events, maxevents, timeout, NULL, (size_t)8);
}

int epoll_pwait2(int epfd, struct epoll_event *events, int maxevents, const struct timespec *timeout,
                 const sigset_t *ss)
{
    if (calls.no_pwait2) {
        errno = ENOSYS;
        return -1;
    }
    calls.waits++;
    return (int)syscall(SYS_epoll_pwait2, epfd, events, maxevents, timeout, ss, (size_t)8);
}

/* ---- one who asks, and one who answers ---- */

enum { PATIENCE_MS = 10000, QUESTION = 64 };

typedef struct fixture {
    minke_host_t *answerer, *asker;
    char addr[MINKE_ADDR_BYTES];
    minke_stream_t stream;
    bool opened, identified;
    size_t answered;
    int again;         /* so many questions follow, each upon an answer */
    unsigned pause_us; /* of the answerer, before it answers */
} fixture_t;

static void echo(fixture_t *f, minke_stream_t stream)
{
    const uint8_t *data;
    for (ssize_t n; (n = minke_stream_peek(f->answerer, stream, &data)) > 0;) {
        if (f->pause_us > 0) (void)usleep(f->pause_us);
        assert_int_equal(minke_stream_write(f->answerer, stream, data, (size_t)n), n);
        (void)minke_stream_consume(f->answerer, stream, (size_t)n);
    }
}

static void serve_answerer(fixture_t *f)
{
    minke_event_t event;
    while (minke_poll(f->answerer, &event) == MINKE_OK) {
        if (event.type == MINKE_EVENT_LISTENING) (void)snprintf(f->addr, sizeof f->addr, "%s", event.addr);
        if (event.type == MINKE_EVENT_STREAM_READABLE) echo(f, event.stream);
    }
}

static void write_question(fixture_t *f)
{
    static const uint8_t question[QUESTION];
    assert_int_equal(minke_stream_write(f->asker, f->stream, question, sizeof question), QUESTION);
}

static void serve_asker(fixture_t *f)
{
    minke_event_t event;
    const uint8_t *data;
    while (minke_poll(f->asker, &event) == MINKE_OK) {
        assert_int_not_equal(event.type, MINKE_EVENT_DISCONNECTED);
        if (event.type == MINKE_EVENT_CONNECTED) {
            assert_int_equal(minke_open(f->asker, event.connection, "/echo/1.0.0", &f->stream), MINKE_OK);
        }
        f->opened |= event.type == MINKE_EVENT_STREAM_OPENED && event.stream == f->stream;
        f->identified |= event.type == MINKE_EVENT_IDENTIFIED;
        if (event.type != MINKE_EVENT_STREAM_READABLE) continue;
        for (ssize_t n; (n = minke_stream_peek(f->asker, event.stream, &data)) > 0;) {
            f->answered += (size_t)n;
            (void)minke_stream_consume(f->asker, event.stream, (size_t)n);
            if (f->again-- > 0) write_question(f);
        }
    }
}

/* Until the asker has what it asked for, or nothing happens for `quiet_ms`. */
static void run(fixture_t *f, size_t answered, int quiet_ms)
{
    for (const minke_time_t until = minke__clock_now() + PATIENCE_MS * 1000; minke__clock_now() < until;) {
        serve_asker(f);
        serve_answerer(f);
        if (answered > 0 && f->answered >= answered) return;
        const int a = minke_timeout(f->asker), b = minke_timeout(f->answerer);
        int timeout = quiet_ms;
        if (a >= 0 && a < timeout) timeout = a;
        if (b >= 0 && b < timeout) timeout = b;
        struct pollfd fds[2] = {{.fd = minke_fd(f->asker), .events = POLLIN},
                                {.fd = minke_fd(f->answerer), .events = POLLIN}};
        if (poll(fds, 2, timeout) == 0 && timeout == quiet_ms && answered == 0) return;
    }
    fail_msg("nothing came back in time");
}

static fixture_t *begin(void)
{
    static fixture_t f;
    minke_connection_t connection;
    memset(&f, 0, sizeof f);
    memset(&calls, 0, sizeof calls);
    f.answerer = minke_host_new(NULL);
    f.asker = minke_host_new(NULL);
    assert_int_equal(minke_handle(f.answerer, "/echo/1.0.0"), MINKE_OK);
    assert_int_equal(minke_listen(f.answerer, "/ip4/127.0.0.1/udp/0/webrtc-direct"), MINKE_OK);
    serve_answerer(&f);
    assert_int_equal(minke_dial(f.asker, f.addr, 1, &connection), MINKE_OK);
    while (!f.opened || !f.identified) run(&f, 0, 30);
    return &f;
}

static void end(fixture_t *f)
{
    minke_host_free(f->asker);
    minke_host_free(f->answerer);
}

static void ask(fixture_t *f)
{
    write_question(f);
    run(f, f->answered + QUESTION, 1000);
}

/* ---- */

static void an_answer_carries_the_acknowledgement(void **state)
{
    enum { N = 50 };
    (void)state;
    fixture_t *f = begin();
    ask(f);
    memset(&calls, 0, sizeof calls);
    f->again = N - 1;
    write_question(f);
    run(f, f->answered + (size_t)N * QUESTION, 1000);
    /* One send and one read for each side; a check for consent may come between. */
    assert_in_range(calls.sends, 2 * N, 2 * N + 10);
    assert_in_range(calls.receives, 2 * N, 2 * N + 10);
    end(f);
}

/* Whoever takes his time has the acknowledgement sent without the answer once he comes back; nothing times out. */
static void a_slow_answer_is_acknowledged_too(void **state)
{
    (void)state;
    fixture_t *f = begin();
    minke_connection_t connection;
    minke_connection_stats_t stats;
    f->pause_us = 5000;
    for (int i = 0; i < 10; i++) ask(f);
    run(f, 0, 60);
    assert_int_equal(minke_connections(f->asker, &connection, 1), 1);
    assert_int_equal(minke_stats(f->asker, connection, &stats), MINKE_OK);
    assert_int_equal(stats.in_flight, 0);
    assert_int_equal(minke_counters(f->asker)->sctp_timeouts, 0);
    end(f);
}

static void one_way_is_acknowledged_at_once(void **state)
{
    (void)state;
    fixture_t *f = begin();
    minke_stream_t silent;
    minke_connection_t connection;
    minke_connection_stats_t stats;
    assert_int_equal(minke_connections(f->asker, &connection, 1), 1);
    assert_int_equal(minke_handle(f->answerer, "/silent/1.0.0"), MINKE_OK);
    assert_int_equal(minke_open(f->asker, connection, "/silent/1.0.0", &silent), MINKE_OK);
    assert_int_equal(minke_stream_write(f->asker, silent, "x", 1), 1);
    run(f, 0, 10);
    assert_int_equal(minke_stats(f->asker, connection, &stats), MINKE_OK);
    assert_int_equal(stats.in_flight, 0);
    end(f);
}

static void timeouts_in_both_units(void **state)
{
    (void)state;
    fixture_t *f = begin();
    const int64_t us = minke_timeout_us(f->asker);
    const int ms = minke_timeout(f->asker);
    assert_true(us > 0);
    assert_true(ms > 0 && (int64_t)ms * 1000 <= us + 1000 && (int64_t)ms * 1000 + 1000 >= us);
    end(f);
    minke_host_t *idle = minke_host_new(NULL);
    assert_int_equal(minke_timeout_us(idle), -1);
    assert_int_equal(minke_timeout(idle), -1);
    minke_host_free(idle);
}

/* Never before the time, with the exact wait and without. */
static void waits_are_not_cut_short(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        memset(&calls, 0, sizeof calls);
        calls.no_pwait2 = i != 0;
        minke_host_t *idle = minke_host_new(NULL);
        minke_event_t event;
        const minke_time_t begun = minke__clock_now();
        assert_int_equal(minke_wait(idle, &event, 3), MINKE_ERROR_TIMEOUT);
        assert_true(minke__clock_now() - begun >= 3000);
        assert_in_range(calls.waits, 1, 3);
        assert_int_equal(minke_wait(idle, &event, 0), MINKE_ERROR_TIMEOUT);
        minke_host_free(idle);
    }
}

static void it_looks_before_it_sleeps(void **state)
{
    (void)state;
    minke_host_options_t options;
    minke_event_t event;
    minke_host_defaults(&options);
    assert_int_equal(options.spin_us, 0);
    options.spin_us = 2000;
    minke_host_t *idle = minke_host_new(&options);
    for (int ms = 1; ms <= 4; ms += 3) {
        memset(&calls, 0, sizeof calls);
        const minke_time_t begun = minke__clock_now();
        assert_int_equal(minke_wait(idle, &event, ms), MINKE_ERROR_TIMEOUT);
        assert_true(minke__clock_now() - begun >= (minke_time_t)ms * 1000);
        assert_true(ms == 1 ? calls.waits <= 3 : calls.waits >= 2); /* what is shorter than the look is slept */
    }
    assert_int_equal(minke_wait(idle, &event, 0), MINKE_ERROR_TIMEOUT);
    minke_host_free(idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_carries_the_acknowledgement),
        cmocka_unit_test(a_slow_answer_is_acknowledged_too),
        cmocka_unit_test(one_way_is_acknowledged_at_once),
        cmocka_unit_test(timeouts_in_both_units),
        cmocka_unit_test(waits_are_not_cut_short),
        cmocka_unit_test(it_looks_before_it_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
