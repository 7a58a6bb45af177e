/*
 * What can be seen of two transports that are joined without loss: the tap shows every datagram and every SCTP packet
 * in the clear, the same at both ends; without a tap nothing; trace and figures tell how the connection came up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <minke/transport.h>
#include <cmocka.h>

#include "sctp/crc32c.h"
#include "support/test_env.h"

enum { RECORD_OVERHEAD = 37, APPLICATION_DATA = 23 };

/* What went one way, as one end saw it. */
typedef struct flow {
    unsigned packets;
    size_t bytes;
    uint32_t sum; /* over all bytes in order */
} flow_t;

typedef struct endpoint {
    test_env_t memory;
    minke_transport_t *transport;
    minke_address_t address; /* of its only socket */
    minke_socket_t socket;
    minke_connection_t connection;
    minke_stream_t inbound;
    bool connected;
    flow_t flows[3][2]; /* by kind and direction: 1 is received */
    flow_t records[2];  /* of the datagrams, those that hold application data */
    unsigned secrets;   /* packets in the clear in which the application's bytes stand */
    unsigned strangers; /* packets that belong to no connection */
    char trace[4096];
    size_t trace_len;
} endpoint_t;

static endpoint_t ends[2]; /* the listener, the dialer */
static minke_time_t now;
static const char secret[] = "the application's own words";

/* ---- the taps ---- */

static void count(flow_t *flow, const minke_packet_t *packet)
{
    flow->packets++;
    flow->bytes += packet->len;
    flow->sum = flow->sum * 31 + minke__crc32c(packet->data, packet->len);
}

static bool contains(const uint8_t *data, size_t len, const char *text)
{
    const size_t text_len = strlen(text);
    for (size_t at = 0; at + text_len <= len; at++) {
        if (memcmp(data + at, text, text_len) == 0) return true;
    }
    return false;
}

static void check_sctp(const minke_packet_t *packet)
{
    uint32_t checksum;
    assert_true(packet->len >= 16 && packet->len % 4 == 0);
    assert_memory_equal(packet->data, "\x13\x88\x13\x88", 4); /* port 5000 to port 5000 */
    memcpy(&checksum, packet->data + 8, sizeof checksum);
    const uint32_t wanted = minke__crc32c_packet(packet->data, packet->len);
    const uint8_t bytes[4] = {(uint8_t)wanted, (uint8_t)(wanted >> 8), (uint8_t)(wanted >> 16),
                              (uint8_t)(wanted >> 24)};
    assert_memory_equal(&checksum, bytes, sizeof bytes);
}

static void on_packet(void *user, const minke_packet_t *packet)
{
    endpoint_t *e = user;
    const endpoint_t *other = e == &ends[0] ? &ends[1] : &ends[0];
    assert_true(packet->kind == MINKE_PACKET_DATAGRAM || packet->kind == MINKE_PACKET_SCTP);
    assert_int_equal(packet->at, now);
    assert_int_equal(packet->path->remote.port, other->address.port);
    count(&e->flows[packet->kind][packet->received], packet);
    if (packet->connection == 0) e->strangers++;
    if (packet->kind == MINKE_PACKET_SCTP) {
        assert_int_not_equal(packet->connection, 0);
        check_sctp(packet);
        if (contains(packet->data, packet->len, secret)) e->secrets++;
    } else {
        if (packet->data[0] == APPLICATION_DATA) count(&e->records[packet->received], packet);
        assert_false(contains(packet->data, packet->len, secret));
    }
}

static void on_trace(void *user, const minke_trace_event_t *event)
{
    endpoint_t *e = user;
    /* Credentials of the checks begin with this. */
    assert_false(contains((const uint8_t *)event->detail, strlen(event->detail), "libp2p+webrtc"));
    assert_true(event->id < MINKE_TRACES_N);
    assert_int_not_equal(event->layer, MINKE_LAYER_NONE);
    if (event->level != MINKE_TRACE_LEVEL_STATE) return;
    e->trace_len += (size_t)snprintf(e->trace + e->trace_len, sizeof e->trace - e->trace_len, "%s %s\n",
                                     minke_layer_name(event->layer), event->name);
}

/* ---- two transports, joined ---- */

static void take_event(endpoint_t *e, const minke_transport_event_t *event)
{
    if (event->type == MINKE_TRANSPORT_SOCKET_OPEN) {
        e->socket = event->socket;
        assert_int_equal(minke_transport_socket_opened(e->transport, event->socket, &e->address, now), MINKE_OK);
    }
    if (event->type == MINKE_TRANSPORT_CONNECTED) {
        e->connected = true;
        e->connection = event->connection;
    }
    if (event->type == MINKE_TRANSPORT_STREAM_OPENED) e->inbound = event->stream;
}

/* One round: events, then all that is to send is delivered. False: nothing happened. */
static bool move(endpoint_t *from, endpoint_t *to)
{
    static uint8_t buffer[MINKE_TRAIN_BYTES];
    minke_transport_event_t event;
    minke_train_t train;
    minke_path_t path;
    bool any = false;
    while (minke_transport_event(from->transport, &event)) {
        take_event(from, &event);
        any = true;
    }
    while (minke_transport_transmit(from->transport, buffer, sizeof buffer, &train, &path, now) > 0) {
        const minke_path_t back = {to->socket, to->address, from->address};
        assert_int_equal(minke_transport_recv(to->transport, &train, &back, now), MINKE_OK);
        any = true;
    }
    return any;
}

static void run(unsigned ms)
{
    for (unsigned i = 0; i < ms; i++, now += 1000) {
        for (int k = 0; k < 2; k++) minke_transport_tick(ends[k].transport, now);
        while (move(&ends[0], &ends[1]) || move(&ends[1], &ends[0])) continue;
    }
}

static void make(endpoint_t *e, uint8_t host, bool tapped)
{
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    memset(e, 0, sizeof *e);
    test_env_init(&e->memory, host);
    e->address =
        (minke_address_t){.ip = {192, 0, 2, host}, .port = (uint16_t)(4000 + host), .family = MINKE_FAMILY_IP4};
    options.allocator = e->memory.env.allocator;
    options.random = e->memory.env.random;
    options.trace = (minke_trace_t){e, on_trace};
    if (tapped) options.tap = (minke_tap_t){e, on_packet};
    assert_int_equal(minke_transport_new(&options, &e->transport), MINKE_OK);
}

static void connect_them(bool tapped)
{
    char addr[MINKE_ADDR_BYTES];
    const char *const addrs[] = {addr};
    minke_socket_t socket;
    now = 1000000;
    make(&ends[0], 1, tapped);
    make(&ends[1], 2, tapped);
    assert_int_equal(minke_transport_listen(ends[0].transport, &ends[0].address, &socket), MINKE_OK);
    assert_true(minke_transport_address(ends[0].transport, &ends[0].address, addr, sizeof addr) > 0);
    run(1);
    assert_int_equal(minke_transport_dial(ends[1].transport, addrs, 1, 1, now, &ends[1].connection), MINKE_OK);
    run(50);
    assert_true(ends[0].connected && ends[1].connected);
}

static void write_secret(void)
{
    minke_stream_t stream;
    assert_int_equal(minke_transport_open(ends[1].transport, ends[1].connection, now, &stream), MINKE_OK);
    assert_int_equal(minke_transport_write(ends[1].transport, stream, secret, sizeof secret, now), sizeof secret);
    run(50);
    const uint8_t *data;
    assert_int_not_equal(ends[0].inbound, 0);
    assert_int_equal(minke_transport_peek(ends[0].transport, ends[0].inbound, &data), sizeof secret);
    assert_int_equal(minke_transport_consume(ends[0].transport, ends[0].inbound, sizeof secret, now), MINKE_OK);
}

static void free_them(void)
{
    for (int i = 0; i < 2; i++) {
        minke_transport_free(ends[i].transport);
        assert_int_equal(ends[i].memory.blocks, 0);
    }
}

/* ---- tests ---- */

static void same(const flow_t *a, const flow_t *b)
{
    assert_int_not_equal(a->packets, 0);
    assert_int_equal(a->packets, b->packets);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->sum, b->sum);
}

static void test_both_directions(void **state)
{
    (void)state;
    connect_them(true);
    write_secret();
    for (int i = 0; i < 2; i++) {
        const endpoint_t *e = &ends[i], *other = &ends[1 - i];
        const minke_counters_t *counters = minke_transport_counters(e->transport);
        for (int kind = MINKE_PACKET_DATAGRAM; kind <= MINKE_PACKET_SCTP; kind++) {
            same(&e->flows[kind][0], &other->flows[kind][1]);
        }
        for (int received = 0; received < 2; received++) {
            assert_int_equal(e->records[received].packets, e->flows[MINKE_PACKET_SCTP][received].packets);
            assert_int_equal(e->records[received].bytes, e->flows[MINKE_PACKET_SCTP][received].bytes +
                                                             (size_t)RECORD_OVERHEAD * e->records[received].packets);
        }
        assert_int_equal(e->flows[MINKE_PACKET_DATAGRAM][0].packets, counters->datagrams_sent);
        assert_int_equal(e->flows[MINKE_PACKET_DATAGRAM][0].bytes, counters->bytes_sent);
        assert_int_equal(e->flows[MINKE_PACKET_DATAGRAM][1].packets, counters->datagrams_received);
        assert_int_equal(e->flows[MINKE_PACKET_DATAGRAM][1].bytes, counters->bytes_received);
        assert_int_equal(e->secrets, 1);
    }
    assert_int_not_equal(ends[0].strangers, 0); /* the first check of the dialer, and its answer */
    free_them();
}

static void test_switch(void **state)
{
    (void)state;
    connect_them(false);
    assert_int_equal(ends[0].flows[MINKE_PACKET_DATAGRAM][0].packets + ends[0].flows[MINKE_PACKET_SCTP][0].packets, 0);
    const minke_tap_t tap = {&ends[0], on_packet};
    minke_transport_tap(ends[0].transport, &tap);
    write_secret();
    assert_int_equal(ends[0].secrets, 1);
    assert_int_equal(ends[1].secrets, 0);
    minke_transport_tap(ends[0].transport, NULL);
    write_secret();
    assert_int_equal(ends[0].secrets, 1);
    free_them();
}

static void test_trace(void **state)
{
    (void)state;
    connect_them(false);
    /* The listener's cookie sets both ends up: the dialer need not send its own. */
    assert_string_equal(ends[0].trace, "host accepted\ndtls handshake_started\nice pair_selected\nice pair_validated\n"
                                       "dtls handshake_done\ndtls step_done\nsctp init_sent\nsctp cookie_echoed\n"
                                       "sctp established\nsctp step_done\nnoise authenticated\nnoise step_done\n");
    assert_string_equal(ends[1].trace,
                        "dtls handshake_started\nhost dialling\nnetwork attempt_begun\nice pair_validated\n"
                        "ice pair_selected\nice attempt_won\nice step_done\n"
                        "dtls handshake_done\ndtls step_done\nsctp init_sent\n"
                        "sctp established\nsctp step_done\n"
                        "noise authenticated\nnoise step_done\n");
    free_them();
}

static void test_figures(void **state)
{
    (void)state;
    minke_connection_stats_t stats;
    minke_connection_t connections[2] = {0};
    connect_them(false);
    write_secret();
    assert_int_equal(minke_transport_connections(ends[1].transport, NULL, 0), 1);
    assert_int_equal(minke_transport_connections(ends[1].transport, connections, 2), 1);
    assert_int_equal(connections[0], ends[1].connection);
    assert_int_equal(minke_transport_stats(ends[1].transport, connections[0], &stats), MINKE_OK);
    assert_int_equal(stats.layer, MINKE_LAYER_HOST);
    assert_int_equal(stats.last_step, MINKE_LAYER_NOISE);
    assert_int_equal(stats.pairs, 1);
    assert_int_equal(stats.pairs_validated, 1);
    assert_int_equal(stats.streams, 1);
    assert_int_equal(stats.losses + stats.timeouts + stats.chunks_retransmitted, 0);
    assert_true(stats.bytes_acked > sizeof secret && stats.bytes_delivered > 0 && stats.retransmit_after > 0);
    assert_int_equal(minke_transport_close(ends[1].transport, connections[0], NULL, now), MINKE_OK);
    run(10);
    assert_int_equal(minke_transport_connections(ends[1].transport, connections, 2), 0);
    assert_int_equal(minke_transport_connections(ends[0].transport, connections, 2), 0);
    free_them();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_directions),
        cmocka_unit_test(test_switch),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
