/* TCP and WebSocket connections of hosts with real sockets, and remotes that misbehave. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/driver/meeting.h"

#define TCP "/ip4/127.0.0.1/tcp/0"
#define WS TCP "/ws"

/* ---- a remote of the test's own: accepts, says something, and ends ---- */

typedef enum raw_end { RAW_KEEP, RAW_CLOSE, RAW_RESET } raw_end_t;

typedef struct raw {
    int listener, fd;
    unsigned port;
    const char *says;
    bool reads_first; /* something of the dialer's, before it speaks */
    raw_end_t end;
    bool done;
} raw_t;

static int loopback_listener(int backlog, unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    if (backlog >= 0) assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static int connect_to(unsigned port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    (void)connect(fd, (const struct sockaddr *)&address, sizeof address);
    return fd;
}

static void raw_begin(raw_t *raw)
{
    raw->listener = loopback_listener(8, &raw->port);
    raw->fd = -1;
}

static void raw_turn(void *user)
{
    raw_t *raw = user;
    char bytes[64];
    if (raw->fd < 0 && !raw->done) raw->fd = accept4(raw->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (raw->fd < 0 || raw->done) return;
    if (raw->reads_first && recv(raw->fd, bytes, sizeof bytes, 0) <= 0) return;
    raw->done = true;
    if (raw->says != NULL) assert_true(send(raw->fd, raw->says, strlen(raw->says), MSG_NOSIGNAL) > 0);
    if (raw->end == RAW_KEEP) return;
    const struct linger at_once = {.l_onoff = 1};
    if (raw->end == RAW_RESET) (void)setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(raw->fd);
    raw->fd = -1;
}

static void raw_stop(raw_t *raw)
{
    (void)close(raw->listener);
    if (raw->fd >= 0) (void)close(raw->fd);
}

/* Dials it with this behind the port, and fails for this reason. */
static void expect_raw(raw_t raw, const char *behind, int code, const char *text)
{
    meeting_t m;
    char address[64], expected[192], shown[32];
    minke_host_options_t options;
    minke_host_defaults(&options);
    options.transport.dial_after = 2000000;
    raw_begin(&raw);
    meeting_begin(&m, NULL, &options);
    m.turn = raw_turn;
    m.user = &raw;
    const size_t before = meeting_descriptors();
    (void)snprintf(address, sizeof address, "/ip4/127.0.0.1/tcp/%u%s", raw.port, behind);
    (void)snprintf(shown, sizeof shown, "127.0.0.1:%u", raw.port);
    (void)snprintf(expected, sizeof expected, text, shown);
    meeting_expect_failure(&m, address, code, expected);
    if (raw.fd >= 0) (void)close(raw.fd);
    raw.fd = -1;
    meeting_turn(&m);
    assert_int_equal(meeting_descriptors(), before);
    meeting_end(&m);
    raw_stop(&raw);
}

static void remotes_that_end_it(void **state)
{
    (void)state;
    const char *closed = "the remote closed the TCP connection";
    const char *reset = "the TCP connection to %s broke: Connection reset by peer";
    const char *both[] = {"", "/ws"};
    for (int i = 0; i < 2; i++) {
        expect_raw((raw_t){.end = RAW_CLOSE, .reads_first = true}, both[i], MINKE_ERROR_CONNECTION_CLOSED,
                   i == 0 ? closed : reset); /* more of an HTTP request was unread */
        expect_raw((raw_t){.end = RAW_RESET, .reads_first = true}, both[i], MINKE_ERROR_CONNECTION_CLOSED, reset);
    }
}

static void what_was_said_before_the_end_counts(void **state)
{
    (void)state;
    /* Bytes of ours are unread when it closes: the system resets the connection. */
    expect_raw((raw_t){.says = "HTTP/1.1 403 Go away\r\n\r\n", .end = RAW_CLOSE, .reads_first = true}, "/ws",
               MINKE_ERROR_UNSUPPORTED, "the remote refuses the WebSocket: 403 Go away");
    expect_raw((raw_t){.says = "HTTP/1.1 403 Go away\r\n\r\n", .end = RAW_CLOSE}, "/ws", MINKE_ERROR_UNSUPPORTED,
               "the remote refuses the WebSocket: 403 Go away");
}

static void a_remote_that_says_nothing(void **state)
{
    (void)state;
    expect_raw((raw_t){.end = RAW_KEEP}, "/ws", MINKE_ERROR_TIMEOUT,
               "no answer within 2 s: is anybody listening there, and does a firewall let it through?");
}

/* ---- addresses where nobody is ---- */

static void refused_and_unreachable(void **state)
{
    (void)state;
    meeting_t m;
    char address[64], text[128];
    unsigned port;
    const int fd = loopback_listener(-1, &port); /* bound, and does not listen */
    meeting_begin(&m, NULL, NULL);
    const size_t before = meeting_descriptors();
    const int64_t begun = meeting_now_ms();
    for (int i = 0; i < 2; i++) {
        (void)snprintf(address, sizeof address, "/ip4/127.0.0.1/tcp/%u%s", port, i == 0 ? "" : "/ws");
        (void)snprintf(text, sizeof text, "no TCP connection to 127.0.0.1:%u: Connection refused", port);
        meeting_expect_failure(&m, address, MINKE_ERROR_CONNECTION_CLOSED, text);
        assert_true(m.close.by_remote);
    }
    meeting_expect_failure(&m, "/ip4/255.255.255.255/tcp/4001", MINKE_ERROR_CONNECTION_CLOSED,
                           "no TCP connection to 255.255.255.255:4001: Network is unreachable");
    assert_true(meeting_now_ms() - begun < 2000);
    assert_int_equal(meeting_descriptors(), before);
    meeting_end(&m);
    (void)close(fd);
}

/* A listener that takes nobody in: further SYNs are dropped. */
typedef struct black_hole {
    int listener, waiting[4];
    unsigned port;
} black_hole_t;

static void black_hole_begin(black_hole_t *hole)
{
    hole->listener = loopback_listener(0, &hole->port);
    for (int i = 0; i < 4; i++) hole->waiting[i] = connect_to(hole->port);
}

static void black_hole_end(const black_hole_t *hole)
{
    (void)close(hole->listener);
    for (int i = 0; i < 4; i++) (void)close(hole->waiting[i]);
}

static void the_second_address_is_tried_beside_a_black_hole(void **state)
{
    (void)state;
    meeting_t m;
    black_hole_t hole;
    char nowhere[64];
    black_hole_begin(&hole);
    meeting_begin(&m, WS, NULL);
    (void)snprintf(nowhere, sizeof nowhere, "/ip4/127.0.0.1/tcp/%u", hole.port);
    const size_t before = meeting_descriptors();
    const int64_t begun = meeting_now_ms();
    meeting_dial(&m, (const char *[]){nowhere, m.address}, 2);
    assert_true(meeting_connects(&m));
    assert_in_range(meeting_now_ms() - begun, 200, 3000);
    meeting_turn(&m);
    assert_int_equal(meeting_descriptors(), before + 2); /* one at each end: the attempt at the black hole has gone */
    meeting_open(&m, 1000);
    assert_true(meeting_echoes(&m));
    meeting_end(&m);
    black_hole_end(&hole);
}

/* ---- dials that are given up ---- */

static void a_dial_may_be_closed_while_it_connects(void **state)
{
    (void)state;
    meeting_t m;
    black_hole_t hole;
    raw_t raw = {.end = RAW_KEEP};
    char address[64];
    black_hole_begin(&hole);
    raw_begin(&raw);
    meeting_begin(&m, NULL, NULL);
    m.turn = raw_turn;
    m.user = &raw;
    meeting_turn(&m);
    const size_t before = meeting_descriptors();
    for (int i = 0; i < 3; i++) {
        (void)snprintf(address, sizeof address, "/ip4/127.0.0.1/tcp/%u%s", i == 0 ? hole.port : raw.port,
                       i == 2 ? "/ws" : "");
        raw.done = false;
        meeting_dial_one(&m, address);
        for (int turn = 0; turn < 20; turn++) meeting_turn(&m);
        assert_false(m.ended);
        assert_int_equal(minke_close(m.dialer, m.connection), MINKE_OK);
        assert_true(meeting_run_until(&m, &m.ended));
        assert_string_equal(m.close.text, "closed by the application");
        if (raw.fd >= 0) (void)close(raw.fd);
        raw.fd = -1;
        for (int turn = 0; turn < 5; turn++) meeting_turn(&m);
        assert_int_equal(meeting_descriptors(), before);
    }
    /* And at once, before the driver has heard of it. */
    meeting_dial_one(&m, address);
    assert_int_equal(minke_close(m.dialer, m.connection), MINKE_OK);
    assert_true(meeting_run_until(&m, &m.ended));
    meeting_end(&m);
    raw_stop(&raw);
    black_hole_end(&hole);
}

static void hosts_end_with_dials_under_way(void **state)
{
    (void)state;
    meeting_t m;
    black_hole_t hole;
    raw_t raw = {.end = RAW_KEEP};
    char addresses[2][64];
    const size_t before = meeting_descriptors();
    black_hole_begin(&hole);
    raw_begin(&raw);
    meeting_begin(&m, NULL, NULL);
    m.turn = raw_turn;
    m.user = &raw;
    (void)snprintf(addresses[0], sizeof addresses[0], "/ip4/127.0.0.1/tcp/%u", hole.port);
    (void)snprintf(addresses[1], sizeof addresses[1], "/ip4/127.0.0.1/tcp/%u/ws", raw.port);
    meeting_dial(&m, (const char *[]){addresses[1], addresses[0]}, 2);
    for (int turn = 0; turn < 50; turn++) meeting_turn(&m);
    assert_false(m.ended);
    meeting_end(&m);
    raw_stop(&raw);
    black_hole_end(&hole);
    assert_int_equal(meeting_descriptors(), before);
}

/* ---- whole connections ---- */

static void connections_come_and_go(void **state)
{
    (void)state;
    const char *kinds[] = {TCP, WS};
    for (int i = 0; i < 2; i++) {
        meeting_t m;
        const size_t before = meeting_descriptors();
        meeting_begin(&m, kinds[i], NULL);
        const size_t idle = meeting_descriptors();
        for (int round = 0; round < 3; round++) meeting_expect_success(&m, m.address);
        for (int turn = 0; turn < 20; turn++) meeting_turn(&m);
        assert_int_equal(m.inbound, 3);
        assert_int_equal(m.inbound_ended, 3);
        assert_true(m.inbound_close.by_remote);
        assert_string_equal(m.inbound_close.text, i == 0 ? "the remote closed the TCP connection"
                                                         : "the remote closed the WebSocket with code 1000");
        assert_int_equal(meeting_descriptors(), idle);
        meeting_end(&m);
        assert_int_equal(meeting_descriptors(), before);
    }
}

/* Nothing is left that would keep a loop awake. */
static void nobody_spins(void **state)
{
    (void)state;
    const char *kinds[] = {TCP, WS};
    for (int i = 0; i < 2; i++) {
        meeting_t m;
        meeting_begin(&m, kinds[i], NULL);
        meeting_dial_one(&m, m.address);
        assert_true(meeting_connects(&m));
        for (int turn = 0; turn < 30; turn++) meeting_turn(&m);
        m.wakeups = 0;
        for (int turn = 0; turn < 20; turn++) meeting_turn(&m);
        assert_in_range(m.wakeups, 0, 2); /* idle */
        minke_host_free(m.listener);
        m.listener = NULL;
        assert_true(meeting_run_until(&m, &m.ended));
        for (int turn = 0; turn < 5; turn++) meeting_turn(&m);
        m.wakeups = 0;
        for (int turn = 0; turn < 20; turn++) meeting_turn(&m);
        assert_int_equal(m.wakeups, 0);
        meeting_end(&m);
    }
}

/* More than the sockets hold, to somebody who does not look: it waits, and then all of it is there. */
static void a_remote_that_is_late(void **state)
{
    (void)state;
    const char *kinds[] = {TCP, WS};
    for (int i = 0; i < 2; i++) {
        meeting_t m;
        minke_host_options_t options;
        minke_host_defaults(&options);
        options.transport.connection_memory_max = MEETING_MEMORY; /* else streams would be reset to save memory */
        meeting_begin(&m, kinds[i], &options);
        meeting_dial_one(&m, m.address);
        assert_true(meeting_connects(&m));
        for (int turn = 0; turn < 20; turn++) meeting_turn(&m);
        for (int n = 0; n < 60; n++) meeting_open(&m, 0);
        for (int turn = 0; turn < 20; turn++) meeting_turn(&m);
        m.listener_sleeps = true;
        meeting_send(&m, 500000);
        for (int turn = 0; turn < 20; turn++) meeting_turn(&m);
        m.wakeups = 0;
        for (int turn = 0; turn < 20; turn++) meeting_turn(&m);
        assert_in_range(m.wakeups, 0, 2);
        minke_connection_stats_t stats;
        assert_int_equal(minke_stats(m.dialer, m.connection, &stats), MINKE_OK);
        assert_true(stats.bytes_sent < 60 * (250 << 10)); /* the windows would allow that */
        m.listener_sleeps = false;
        assert_true(meeting_echoes(&m));
        meeting_end(&m);
    }
}

/* We find it out by sending, which fails; but its last word has arrived, and says why. */
static void a_last_word_is_heard_though_sending_fails(void **state)
{
    (void)state;
    meeting_t m;
    meeting_begin(&m, WS, NULL);
    meeting_dial_one(&m, m.address);
    assert_true(meeting_connects(&m));
    meeting_open(&m, 0);
    for (int turn = 0; turn < 20; turn++) meeting_turn(&m);
    m.listener_sleeps = true;
    meeting_send(&m, 1000);
    meeting_turn(&m);
    minke_host_free(m.listener); /* with bytes of ours unread: the system resets the connection */
    m.listener = NULL;
    meeting_open(&m, 1000);
    assert_true(meeting_run_until(&m, &m.ended));
    assert_string_equal(m.close.text, "the remote closed the WebSocket with code 1000");
    meeting_end(&m);
}

/* ---- a process without descriptors ---- */

static void a_listener_without_descriptors_looks_away_for_a_while(void **state)
{
    (void)state;
    meeting_t m;
    struct rlimit before, now;
    meeting_begin(&m, TCP, NULL);
    const int fd = connect_to(m.port);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = (rlim_t)fd + 1; /* descriptors are given out from below, and all below are taken */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    meeting_turn(&m);
    m.wakeups = 0;
    for (int turn = 0; turn < 20; turn++) meeting_turn(&m);
    const unsigned wakeups = m.wakeups;
    const uint64_t refused = minke_counters(m.listener)->connections_refused;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_in_range(wakeups, 0, 2);
    assert_int_equal(refused, 1);
    const int64_t begun = meeting_now_ms();
    while (minke_connections(m.listener, NULL, 0) == 0 && meeting_now_ms() < begun + 5000) meeting_turn(&m);
    assert_int_equal(minke_connections(m.listener, NULL, 0), 1); /* though nothing of ours has ended meanwhile */
    (void)close(fd);
    meeting_end(&m);
}

/* ---- memory ---- */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const size_t before = meeting_descriptors();
    const char *kinds[] = {TCP, WS, WS};
    for (int i = 0; i < 3; i++) {
        meeting_t m;
        char address[MINKE_ADDR_BYTES];
        minke_host_options_t options;
        minke_host_defaults(&options);
        meeting_begin(&m, kinds[i], &options);
        (void)snprintf(address, sizeof address, i < 2 ? "/ip4/127.0.0.1/tcp/%u%s" : "/dns/localhost/tcp/%u%s", m.port,
                       i > 0 ? "/ws" : "");
        meeting_survives_without_memory(&m, address, &options);
        meeting_end(&m);
    }
    assert_int_equal(meeting_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remotes_that_end_it),
        cmocka_unit_test(what_was_said_before_the_end_counts),
        cmocka_unit_test(a_remote_that_says_nothing),
        cmocka_unit_test(refused_and_unreachable),
        cmocka_unit_test(the_second_address_is_tried_beside_a_black_hole),
        cmocka_unit_test(a_dial_may_be_closed_while_it_connects),
        cmocka_unit_test(hosts_end_with_dials_under_way),
        cmocka_unit_test(connections_come_and_go),
        cmocka_unit_test(nobody_spins),
        cmocka_unit_test(a_remote_that_is_late),
        cmocka_unit_test(a_last_word_is_heard_though_sending_fails),
        cmocka_unit_test(a_listener_without_descriptors_looks_away_for_a_while),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
