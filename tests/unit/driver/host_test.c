/* Two hosts with real sockets on loopback, in one thread, driven by a poll loop of the test's own. */
#define _GNU_SOURCE
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <minke/minke.h>
#include <cmocka.h>

enum { ECHO_BYTES = 1 << 20, PATIENCE_MS = 20000 };

typedef struct side {
    minke_host_t *host;
    char addr[MINKE_ADDR_BYTES];
    minke_connection_t connection;
    minke_stream_t stream;
    bool connected, disconnected, opened, closed, listen_failed, echoes, identified;
    int error;
    size_t sent, received;
    bool wrong;
    void *stream_user, *connection_user; /* what was set on those of this side */
    minke_close_t close;
} side_t;

static uint8_t byte_at(size_t place) { return (uint8_t)(place * 2654435761U >> 13); }

static void send_more(side_t *side)
{
    uint8_t block[10000];
    while (side->sent < ECHO_BYTES) {
        size_t n = ECHO_BYTES - side->sent < sizeof block ? ECHO_BYTES - side->sent : sizeof block;
        for (size_t i = 0; i < n; i++) block[i] = byte_at(side->sent + i);
        const ssize_t taken = minke_stream_write(side->host, side->stream, block, n);
        if (taken <= 0) return;
        side->sent += (size_t)taken;
        if (side->sent == ECHO_BYTES) (void)minke_stream_finish(side->host, side->stream);
    }
}

static void receive_more(side_t *side)
{
    const uint8_t *data;
    for (ssize_t n; (n = minke_stream_peek(side->host, side->stream, &data)) > 0;) {
        for (ssize_t i = 0; i < n; i++) side->wrong |= data[i] != byte_at(side->received + (size_t)i);
        side->received += (size_t)n;
        (void)minke_stream_consume(side->host, side->stream, (size_t)n);
    }
}

static void echo(side_t *side, minke_stream_t stream)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(side->host, stream, &data)) > 0) {
        const ssize_t taken = minke_stream_write(side->host, stream, data, (size_t)n);
        if (taken <= 0) return;
        (void)minke_stream_consume(side->host, stream, (size_t)taken);
    }
    if (n == 0) (void)minke_stream_finish(side->host, stream);
}

/* Each event carries what was set on what it is about. */
static void check_user(side_t *side, const minke_event_t *event)
{
    if (event->stream != 0) assert_ptr_equal(event->user, side->stream_user);
    else assert_ptr_equal(event->user, event->connection != 0 ? side->connection_user : NULL);
}

static void on_event(side_t *side, const minke_event_t *event)
{
    check_user(side, event);
    switch (event->type) {
    case MINKE_EVENT_LISTENING:
        if (side->addr[0] == 0) strcpy(side->addr, event->addr);
        break;
    case MINKE_EVENT_LISTEN_FAILED: side->listen_failed = true; break;
    case MINKE_EVENT_LISTEN_CLOSED: break;
    case MINKE_EVENT_CONNECTED:
        side->connected = true;
        side->connection = event->connection;
        break;
    case MINKE_EVENT_IDENTIFIED: side->identified = true; break;
    case MINKE_EVENT_DISCONNECTED:
        side->disconnected = true;
        side->close = event->close;
        break;
    case MINKE_EVENT_STREAM_OPENED: side->opened = true; break;
    case MINKE_EVENT_STREAM_READABLE:
    case MINKE_EVENT_STREAM_WRITABLE:
        if (side->echoes) {
            echo(side, event->stream);
        } else {
            receive_more(side);
            send_more(side);
        }
        break;
    case MINKE_EVENT_STREAM_CLOSED:
        side->closed = true;
        side->error = event->error;
        break;
    }
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A foreign loop: minke_fd and minke_timeout are all that it knows. */
static bool run(side_t *sides, const bool *done)
{
    const int64_t until = now_ms() + PATIENCE_MS;
    minke_event_t event;
    while (now_ms() < until) {
        struct pollfd fds[2];
        int timeout = 1000;
        for (int i = 0; i < 2; i++) {
            while (minke_poll(sides[i].host, &event) == MINKE_OK) on_event(&sides[i], &event);
        }
        if (*done) return true;
        for (int i = 0; i < 2; i++) {
            const int wanted = minke_timeout(sides[i].host);
            fds[i] = (struct pollfd){.fd = minke_fd(sides[i].host), .events = POLLIN};
            if (wanted >= 0 && wanted < timeout) timeout = wanted;
        }
        (void)poll(fds, 2, timeout);
    }
    return false;
}

static void set_up_with(side_t *sides, const char *listen, const minke_udp_batching_t ways[2])
{
    minke_host_options_t options;
    minke_host_defaults(&options);
    memset(sides, 0, 2 * sizeof sides[0]);
    for (int i = 0; i < 2; i++) {
        options.udp_batching = ways[i];
        sides[i].host = minke_host_new(&options);
        assert_non_null(sides[i].host);
    }
    sides[0].echoes = true;
    assert_int_equal(minke_handle(sides[0].host, "/echo/1.0.0"), MINKE_OK);
    assert_int_equal(minke_listen(sides[0].host, listen), MINKE_OK);
    minke_event_t event;
    while (minke_poll(sides[0].host, &event) == MINKE_OK) on_event(&sides[0], &event);
}

static void set_up(side_t *sides, const char *listen)
{
    set_up_with(sides, listen, (const minke_udp_batching_t[2]){MINKE_UDP_AUTOMATIC, MINKE_UDP_AUTOMATIC});
}

static void tear_down(side_t *sides)
{
    minke_host_free(sides[0].host);
    minke_host_free(sides[1].host);
}

static void echo_with(const char *listen, int version, minke_udp_batching_t listener, minke_udp_batching_t dialer)
{
    side_t sides[2];
    minke_connection_t connection;
    char self[MINKE_PEER_BYTES];
    set_up_with(sides, listen, (const minke_udp_batching_t[2]){listener, dialer});
    assert_true(sides[0].addr[0] != 0);
    minke_self(sides[0].host, self);
    assert_non_null(strstr(sides[0].addr, self));
    assert_int_equal(minke_dial(sides[1].host, sides[0].addr, version, &connection), MINKE_OK);
    assert_true(run(sides, &sides[1].connected));
    assert_int_equal(minke_open(sides[1].host, sides[1].connection, "/echo/1.0.0", &sides[1].stream), MINKE_OK);
    sides[1].stream_user = &connection;
    sides[1].connection_user = self;
    assert_int_equal(minke_stream_set_user(sides[1].host, sides[1].stream, &connection), MINKE_OK);
    assert_int_equal(minke_connection_set_user(sides[1].host, connection, self), MINKE_OK);
    assert_ptr_equal(minke_stream_user(sides[1].host, sides[1].stream), &connection);
    assert_ptr_equal(minke_connection_user(sides[1].host, connection), self);
    send_more(&sides[1]);
    assert_true(run(sides, &sides[1].closed));
    assert_int_equal(minke_stream_set_user(sides[1].host, sides[1].stream, self), MINKE_ERROR_STALE);
    assert_null(minke_stream_user(sides[1].host, sides[1].stream));
    assert_null(minke_connection_user(sides[1].host, 77));
    assert_int_equal(sides[1].error, MINKE_OK);
    assert_int_equal(sides[1].received, ECHO_BYTES);
    assert_false(sides[1].wrong);
    assert_true(run(sides, &sides[1].identified));
    assert_int_equal(minke_close(sides[1].host, sides[1].connection), MINKE_OK);
    assert_true(run(sides, &sides[0].disconnected));
    assert_true(sides[0].close.by_remote);
    tear_down(sides);
}

static void echo_over(const char *listen, int version)
{
    echo_with(listen, version, MINKE_UDP_AUTOMATIC, MINKE_UDP_AUTOMATIC);
}

/* Whoever knows no trains meets whoever does. */
static void every_way_of_sending(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 9; i++) {
        echo_with("/ip4/127.0.0.1/udp/0/webrtc-direct", 1, (minke_udp_batching_t)(i / 3),
                  (minke_udp_batching_t)(i % 3));
    }
}

/* A loop in a hurry: one event a turn, and a write between turns that nobody follows up. Descriptor and timeout alone
 * must bring it back. */
static void one_event_a_turn_loses_nothing(void **state)
{
    (void)state;
    side_t sides[2];
    minke_connection_t connection;
    set_up(sides, "/ip4/127.0.0.1/udp/0/webrtc-direct");
    assert_int_equal(minke_dial(sides[1].host, sides[0].addr, 1, &connection), MINKE_OK);
    assert_int_equal(minke_timeout(sides[1].host), 0);
    assert_true(run(sides, &sides[1].connected));
    assert_int_equal(minke_open(sides[1].host, sides[1].connection, "/echo/1.0.0", &sides[1].stream), MINKE_OK);
    send_more(&sides[1]);
    assert_int_equal(minke_timeout(sides[1].host), 0);
    const int64_t start = now_ms();
    while (!sides[1].closed && now_ms() < start + PATIENCE_MS) {
        struct pollfd fds[2];
        int timeout = -1;
        for (int i = 0; i < 2; i++) {
            minke_event_t event;
            if (minke_poll(sides[i].host, &event) == MINKE_OK) on_event(&sides[i], &event);
        }
        for (int i = 0; i < 2; i++) {
            const int wanted = minke_timeout(sides[i].host);
            fds[i] = (struct pollfd){.fd = minke_fd(sides[i].host), .events = POLLIN};
            if (wanted >= 0 && (timeout < 0 || wanted < timeout)) timeout = wanted;
        }
        (void)poll(fds, 2, timeout);
    }
    assert_true(sides[1].closed);
    assert_int_equal(sides[1].received, ECHO_BYTES);
    assert_false(sides[1].wrong);
    tear_down(sides);
}

static void ip4_version_1(void **state)
{
    (void)state;
    echo_over("/ip4/127.0.0.1/udp/0/webrtc-direct", 1);
}

static void ip4_version_2(void **state)
{
    (void)state;
    echo_over("/ip4/127.0.0.1/udp/0/webrtc-direct", 2);
}

static bool has_ip6(void)
{
    side_t sides[2];
    set_up(sides, "/ip6/::1/udp/0/webrtc-direct");
    tear_down(sides);
    return sides[0].addr[0] != 0;
}

static void ip6(void **state)
{
    (void)state;
    if (!has_ip6()) {
        print_message("this machine has no IPv6 on loopback: not tested\n");
        return;
    }
    echo_over("/ip6/::1/udp/0/webrtc-direct", 1);
}

/* On a wildcard the reply must leave from the address that was asked. */
static void all_interfaces(void **state)
{
    (void)state;
    side_t sides[2];
    minke_connection_t connection;
    set_up(sides, "/ip4/0.0.0.0/udp/0/webrtc-direct");
    char *ip = strstr(sides[0].addr, "/udp/");
    assert_non_null(ip);
    char target[MINKE_ADDR_BYTES + 16] = "/ip4/127.0.0.2"; /* not the interface's first address */
    strcat(target, ip);
    assert_int_equal(minke_dial(sides[1].host, target, 1, &connection), MINKE_OK);
    assert_true(run(sides, &sides[1].connected));
    tear_down(sides);
}

/* The system refuses to send to the first, nobody is at the second, and over all this the third answers. */
static void one_of_several_addresses(void **state)
{
    (void)state;
    side_t sides[2];
    minke_connection_t connection;
    minke_connection_stats_t stats;
    char broadcast[MINKE_ADDR_BYTES + 16] = "/ip4/255.255.255.255", nobody[MINKE_ADDR_BYTES + 16] = "/ip4/127.0.0.3";
    set_up(sides, "/ip4/127.0.0.1/udp/0/webrtc-direct");
    strcat(broadcast, strstr(sides[0].addr, "/udp/"));
    strcat(nobody, strstr(sides[0].addr, "/udp/"));
    const char *const addrs[] = {broadcast, nobody, sides[0].addr};
    const int64_t begun = now_ms();
    assert_int_equal(minke_dial_any(sides[1].host, addrs, 3, 0, &connection), MINKE_OK);
    assert_true(run(sides, &sides[1].connected));
    assert_true(now_ms() - begun >= 250);
    assert_int_equal(minke_stats(sides[1].host, connection, &stats), MINKE_OK);
    assert_int_equal(stats.version, 1);
    assert_int_equal(stats.path.remote.ip[3], 1);
    assert_int_equal(minke_dial_any(sides[1].host, addrs, 1, 0, &connection), MINKE_OK);
    assert_true(run(sides, &sides[1].disconnected)); /* at once */
    assert_int_equal(sides[1].close.layer, MINKE_LAYER_NETWORK);
    tear_down(sides);
}

static void a_port_in_use_fails_with_a_reason(void **state)
{
    (void)state;
    side_t sides[2];
    char again[MINKE_ADDR_BYTES];
    set_up(sides, "/ip4/127.0.0.1/udp/0/webrtc-direct");
    strcpy(again, sides[0].addr);
    *strstr(again, "/certhash") = 0;
    assert_int_equal(minke_listen(sides[1].host, again), MINKE_OK);
    assert_true(run(sides, &sides[1].listen_failed));
    tear_down(sides);
}

static void one_key_is_one_certhash(void **state)
{
    (void)state;
    uint8_t key[128];
    char certhash[64], peer[MINKE_PEER_BYTES];
    const char *type;
    const ssize_t len = minke_key_new(key, sizeof key);
    assert_true(len > 0);
    assert_int_equal(minke_key_certhash(key, (size_t)len, certhash, sizeof certhash), MINKE_OK);
    assert_int_equal(minke_key_peer(key, (size_t)len, peer, &type), MINKE_OK);
    assert_string_equal(type, "Ed25519");
    minke_host_options_t options;
    minke_host_defaults(&options);
    options.transport.private_key = key;
    options.transport.private_key_len = (size_t)len;
    for (int i = 0; i < 2; i++) {
        side_t side = {.host = minke_host_new(&options)};
        minke_event_t event;
        assert_int_equal(minke_listen(side.host, "/ip4/127.0.0.1/udp/0/webrtc-direct"), MINKE_OK);
        while (minke_poll(side.host, &event) == MINKE_OK) on_event(&side, &event);
        assert_non_null(strstr(side.addr, certhash));
        assert_non_null(strstr(side.addr, peer));
        minke_host_free(side.host);
    }
    assert_int_equal(minke_key_certhash(key, (size_t)len, certhash, 47), MINKE_ERROR_NO_SPACE);
}

static void announced_addresses_replace_those_of_interfaces(void **state)
{
    (void)state;
    side_t side = {.host = minke_host_new(NULL)};
    minke_event_t event;
    assert_int_equal(minke_announce(side.host, "/ip4/203.0.113.7/udp/4001/webrtc-direct"), MINKE_OK);
    assert_int_equal(minke_announce(side.host, "/ip4/0.0.0.0/udp/4001/webrtc-direct"), MINKE_ERROR_ADDRESS);
    assert_int_equal(minke_announce(side.host, "/ip4/203.0.113.7/udp/4001/quic-v1"), MINKE_ERROR_ADDRESS);
    assert_int_equal(minke_listen(side.host, "/ip4/127.0.0.1/udp/0/webrtc-direct"), MINKE_OK);
    while (minke_poll(side.host, &event) == MINKE_OK) on_event(&side, &event);
    assert_ptr_equal(strstr(side.addr, "/ip4/203.0.113.7/udp/4001/webrtc-direct/certhash/uEi"), side.addr);
    minke_host_free(side.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip4_version_1),
        cmocka_unit_test(ip4_version_2),
        cmocka_unit_test(every_way_of_sending),
        cmocka_unit_test(one_event_a_turn_loses_nothing),
        cmocka_unit_test(ip6),
        cmocka_unit_test(all_interfaces),
        cmocka_unit_test(one_of_several_addresses),
        cmocka_unit_test(a_port_in_use_fails_with_a_reason),
        cmocka_unit_test(one_key_is_one_certhash),
        cmocka_unit_test(announced_addresses_replace_those_of_interfaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
