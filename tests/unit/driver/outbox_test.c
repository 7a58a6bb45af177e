/* What many connections have to say leaves together, and what has no room leaves later: hosts on loopback, with a
 * system that counts calls and has no room now and then. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver/outbox.h"

/* ---- the system ---- */

static struct {
    unsigned sendmsg_n, sendmmsg_n, messages_n; /* calls, and messages that went by sendmmsg */
    unsigned full_every;                        /* of calls so many, one has no room; 0: none */
} calls;

static bool has_no_room(void)
{
    if (calls.full_every == 0 || (calls.sendmsg_n + calls.sendmmsg_n) % calls.full_every != 0) return false;
    errno = calls.sendmsg_n % 2 == 0 ? EAGAIN : ENOBUFS;
    return true;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    calls.sendmsg_n++;
    return has_no_room() ? -1 : (ssize_t)syscall(SYS_sendmsg, fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
    calls.sendmmsg_n++;
    if (has_no_room()) return -1;
    const int sent = (int)syscall(SYS_sendmmsg, fd, messages, calls.full_every != 0 && n > 3 ? 3 : n, flags);
    if (sent > 0) calls.messages_n += (unsigned)sent;
    return sent;
}

/* ---- a listener and those who dial it ---- */

enum { DIALS = 24, PATIENCE_MS = 20000 };

typedef struct fixture {
    minke_host_t *listener, *dialer;
    char addr[MINKE_ADDR_BYTES];
    minke_connection_t inbound[DIALS];
    size_t inbound_n, connected_n, disconnected_n;
} fixture_t;

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_event(fixture_t *f, const minke_event_t *event)
{
    if (event->type == MINKE_EVENT_LISTENING) (void)snprintf(f->addr, sizeof f->addr, "%s", event->addr);
    if (event->type == MINKE_EVENT_CONNECTED && event->inbound) f->inbound[f->inbound_n++] = event->connection;
    if (event->type == MINKE_EVENT_CONNECTED && !event->inbound) f->connected_n++;
    if (event->type == MINKE_EVENT_DISCONNECTED && !event->inbound) f->disconnected_n++;
}

static void serve(fixture_t *f, minke_host_t *host)
{
    minke_event_t event;
    while (minke_poll(host, &event) == MINKE_OK) on_event(f, &event);
}

static void run_until(fixture_t *f, const size_t *count, size_t wanted)
{
    minke_host_t *hosts[2] = {f->listener, f->dialer};
    for (const int64_t until = now_ms() + PATIENCE_MS; *count < wanted && now_ms() < until;) {
        struct pollfd fds[2];
        int timeout = 1000;
        for (int i = 0; i < 2; i++) serve(f, hosts[i]);
        for (int i = 0; i < 2; i++) {
            const int wanted_ms = minke_timeout(hosts[i]);
            fds[i] = (struct pollfd){.fd = minke_fd(hosts[i]), .events = POLLIN};
            if (wanted_ms >= 0 && wanted_ms < timeout) timeout = wanted_ms;
        }
        (void)poll(fds, 2, timeout);
    }
    assert_int_equal(*count, wanted);
}

static fixture_t *begin(void)
{
    static fixture_t f;
    minke_host_options_t options;
    memset(&f, 0, sizeof f);
    memset(&calls, 0, sizeof calls);
    minke_host_defaults(&options);
    options.identify = false;
    f.listener = minke_host_new(&options);
    f.dialer = minke_host_new(&options);
    assert_non_null(f.listener);
    assert_non_null(f.dialer);
    assert_int_equal(minke_listen(f.listener, "/ip4/127.0.0.1/udp/0/webrtc-direct"), MINKE_OK);
    serve(&f, f.listener);
    return &f;
}

static void dial(fixture_t *f)
{
    minke_connection_t connection;
    for (size_t i = 0; i < DIALS; i++) {
        assert_int_equal(minke_dial(f->dialer, f->addr, 1, &connection), MINKE_OK);
    }
    run_until(f, &f->connected_n, DIALS);
    run_until(f, &f->inbound_n, DIALS);
}

static void end(fixture_t *f)
{
    calls.full_every = 0;
    minke_host_free(f->listener);
    minke_host_free(f->dialer);
}

static void goodbyes_to_many_are_few_calls(void **state)
{
    (void)state;
    fixture_t *f = begin();
    dial(f);
    serve(f, f->listener);
    memset(&calls, 0, sizeof calls);
    for (size_t i = 0; i < DIALS; i++) assert_int_equal(minke_close(f->listener, f->inbound[i]), MINKE_OK);
    serve(f, f->listener);
    assert_true(calls.messages_n >= DIALS);
    assert_true(calls.sendmmsg_n + calls.sendmsg_n < DIALS / 4);
    run_until(f, &f->disconnected_n, DIALS);
    end(f);
}

static void nothing_is_lost_where_there_is_no_room(void **state)
{
    (void)state;
    fixture_t *f = begin();
    const int64_t begun = now_ms();
    calls.full_every = 3;
    dial(f);
    for (size_t i = 0; i < DIALS; i++) assert_int_equal(minke_close(f->listener, f->inbound[i]), MINKE_OK);
    run_until(f, &f->disconnected_n, DIALS);
    assert_true(now_ms() - begun < 5000); /* goodbyes are sent once: a lost one would show after 30 s */
    end(f);
}

/* The socket that has no room is closed; the others need not wait for it any more. */
static void a_socket_that_goes_is_forgotten(void **state)
{
    (void)state;
    minke_outbox_t outbox = {.trains_n = 4, .at = 1, .held = true};
    for (size_t i = 0; i < 4; i++) {
        outbox.trains[i].path.socket = i % 2 == 0 ? 8 : 9;
        outbox.trains[i].train.len = i;
    }
    minke__outbox_forget(&outbox, 9);
    assert_false(outbox.held);
    assert_int_equal(outbox.at, 1);
    assert_int_equal(outbox.trains_n, 2);
    assert_int_equal(outbox.trains[1].train.len, 2);
    minke__outbox_forget(&outbox, 8);
    assert_int_equal(outbox.trains_n, outbox.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goodbyes_to_many_are_few_calls),
        cmocka_unit_test(nothing_is_lost_where_there_is_no_room),
        cmocka_unit_test(a_socket_that_goes_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
