/*
 * Captures of real peers (tests/golden/peers) replayed to a fresh listener: every check is answered, and the
 * ClientHello, in pieces where a browser sends it so, draws our flight, all within three times what came in. Later
 * records belong to keys that nobody has. Of the SCTP captures, each INIT draws an INIT ACK and each packet is
 * well-formed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <minke/transport.h>
#include <cmocka.h>

#include "sctp/sctp.h"
#include "support/test_env.h"

enum { LINE_MAX_BYTES = 8192, DATAGRAM_MAX = 2048 };

/* The next datagram of a capture; its direction, or 0 at the end. */
static char next_line(FILE *file, uint8_t *data, size_t *len)
{
    char line[LINE_MAX_BYTES], hex[LINE_MAX_BYTES], direction;
    double at;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' || sscanf(line, "%c %lf %8191s", &direction, &at, hex) != 3) continue;
        *len = test_unhex(hex, data, DATAGRAM_MAX);
        return direction;
    }
    return 0;
}

static FILE *open_capture(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "tests/golden/peers/%s", name);
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("%s cannot be opened: run from the top of the source tree", path);
    return file;
}

typedef struct replay {
    minke_transport_t *transport;
    size_t received, sent;
    unsigned requests, answers, flights;
} replay_t;

static void drain(replay_t *r, const uint8_t *request)
{
    static uint8_t buffer[MINKE_TRAIN_BYTES];
    minke_train_t train;
    minke_path_t path;
    minke_transport_event_t event;
    while (minke_transport_transmit(r->transport, buffer, sizeof buffer, &train, &path, 1000) > 0) {
        r->sent += train.len;
        if (train.data[0] == 1 && train.data[1] == 1 && memcmp(train.data + 8, request + 8, 12) == 0) r->answers++;
        if (train.data[0] == 22 && train.data[13] == 2) r->flights++;
    }
    while (minke_transport_event(r->transport, &event)) continue;
}

/* The capture's listening socket is the first that is asked for: number 1. */
static void open_listener(replay_t *r)
{
    const minke_address_t any = {.port = 9090, .family = MINKE_FAMILY_IP4};
    minke_transport_event_t event;
    minke_socket_t socket;
    assert_int_equal(minke_transport_listen(r->transport, &any, &socket), MINKE_OK);
    assert_true(minke_transport_event(r->transport, &event));
    assert_int_equal(event.type, MINKE_TRANSPORT_SOCKET_OPEN);
    assert_int_equal(socket, 1);
    assert_int_equal(minke_transport_socket_opened(r->transport, socket, &any, 1000), MINKE_OK);
}

static void feed(replay_t *r, uint8_t *data, size_t len)
{
    static const minke_path_t path = {1,
                                      {.ip = {192, 0, 2, 1}, .port = 9090, .family = MINKE_FAMILY_IP4},
                                      {.ip = {192, 0, 2, 2}, .port = 40000, .family = MINKE_FAMILY_IP4}};
    uint8_t copy[DATAGRAM_MAX];
    memcpy(copy, data, len);
    const minke_train_t train = {data, len, len};
    assert_int_equal(minke_transport_recv(r->transport, &train, &path, 1000), MINKE_OK);
    r->received += len;
    drain(r, copy);
}

static void replay_dialer(const char *name)
{
    test_env_t test;
    replay_t r = {0};
    minke_transport_options_t options;
    uint8_t data[DATAGRAM_MAX];
    size_t len;
    test_env_init(&test, 3);
    minke_transport_defaults(&options);
    options.allocator = test.env.allocator;
    options.random = test.env.random;
    assert_int_equal(minke_transport_new(&options, &r.transport), MINKE_OK);
    open_listener(&r);
    FILE *file = open_capture(name);
    for (char direction; (direction = next_line(file, data, &len)) != 0;) {
        const bool check = data[0] == 0 && data[1] == 1;
        const bool client_hello = data[0] == 22 && data[13] == 1;
        if (direction != '>' || (!check && !client_hello)) continue;
        if (check) r.requests++;
        feed(&r, data, len);
    }
    (void)fclose(file);
    const minke_counters_t *counters = minke_transport_counters(r.transport);
    assert_true(r.requests > 0);
    assert_int_equal(r.answers, r.requests);
    assert_int_equal(r.flights, 1);
    assert_true(r.sent <= 3 * r.received);
    assert_int_equal(counters->stun_refused + counters->stun_malformed + counters->dtls_record_malformed, 0);
    minke_transport_free(r.transport);
    assert_int_equal(test.blocks, 0);
}

/* The same datagrams at the socket of a dial: nobody comes in over it, and nobody is answered. */
static void a_dials_socket_takes_nobody_in(void **state)
{
    (void)state;
    static const char *const addr =
        "/ip4/198.51.100.1/udp/9/webrtc-direct/certhash/uEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const minke_address_t bound = {.port = 9090, .family = MINKE_FAMILY_IP4};
    replay_t r = {0};
    minke_transport_event_t event;
    minke_connection_t connection;
    uint8_t data[DATAGRAM_MAX];
    size_t len;
    assert_int_equal(minke_transport_new(NULL, &r.transport), MINKE_OK);
    assert_int_equal(minke_transport_dial(r.transport, &addr, 1, 2, 1000, &connection), MINKE_OK);
    assert_true(minke_transport_event(r.transport, &event));
    assert_int_equal(minke_transport_socket_opened(r.transport, event.socket, &bound, 1000), MINKE_OK);
    FILE *file = open_capture("chromium-v2-udp.txt");
    for (char direction; (direction = next_line(file, data, &len)) != 0;) {
        if (direction == '>') feed(&r, data, len);
    }
    (void)fclose(file);
    assert_int_equal(r.answers, 0);
    assert_int_equal(r.flights, 0);
    assert_true(minke_transport_counters(r.transport)->datagrams_unknown_source > 0);
    minke_transport_free(r.transport);
}

static void chromium_v1(void **state)
{
    (void)state;
    replay_dialer("chromium-v1-udp.txt");
}

static void chromium_v2(void **state)
{
    (void)state;
    replay_dialer("chromium-v2-udp.txt");
}

static void node_v1(void **state)
{
    (void)state;
    replay_dialer("js-udp.txt");
}

/* ---- SCTP ---- */

static minke_message_t *nothing_to_send(void *user)
{
    (void)user;
    return NULL;
}
static void message_done(void *user, minke_message_t *message)
{
    (void)user;
    (void)message;
}
static void data(void *user, const minke_sctp_fragment_t *fragment)
{
    (void)user;
    (void)fragment;
}
static void stream_reset(void *user, uint16_t stream_id)
{
    (void)user;
    (void)stream_id;
}
static void reset_done(void *user, uint16_t stream_id, minke_sctp_reset_result_t result)
{
    (void)user;
    (void)stream_id;
    (void)result;
}

/* A fresh association gets one packet; returns the type of the first chunk of its answer besides its own INIT. */
static int answer_to(const uint8_t *packet, size_t len)
{
    static const minke_sctp_user_t user = {NULL, nothing_to_send, message_done, data, stream_reset, reset_done};
    enum { INIT = 1, CHUNK_AT = 12 };
    test_env_t test;
    uint8_t out[MINKE_SCTP_PACKET_MAX];
    int type = -1;
    test_env_init(&test, 4);
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    minke_sctp_t *sctp = minke__sctp_new(&test.env, &options, &user, 1);
    minke__sctp_connect(sctp, 1000);
    minke__sctp_recv(sctp, packet, len, 1000);
    minke__sctp_recv_end(sctp, 1000);
    while (minke__sctp_transmit(sctp, out, sizeof out, 1000) > 0) {
        if (out[CHUNK_AT] != INIT) type = out[CHUNK_AT];
    }
    assert_int_equal(test.counters.sctp_bad_checksum + test.counters.sctp_malformed, 0);
    minke__sctp_free(sctp);
    assert_int_equal(test.blocks, 0);
    return type;
}

static void sctp_packets(void **state)
{
    (void)state;
    enum { INIT = 1, INIT_ACK = 2, CHUNK_AT = 12 };
    static const char *const captures[] = {"chromium-v1-sctp.txt", "chromium-v2-sctp.txt"};
    uint8_t packet[DATAGRAM_MAX];
    size_t len;
    for (size_t i = 0; i < 2; i++) {
        unsigned inits = 0;
        FILE *file = open_capture(captures[i]);
        while (next_line(file, packet, &len) != 0) {
            if (memcmp(packet + 8, "\0\0\0\0", 4) == 0) continue; /* zero checksum, which we do not announce */
            const int type = answer_to(packet, len);
            if (packet[CHUNK_AT] != INIT) continue;
            assert_int_equal(type, INIT_ACK);
            inits++;
        }
        (void)fclose(file);
        assert_int_equal(inits, 2); /* dcSCTP's and usrsctp's */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dials_socket_takes_nobody_in),
        cmocka_unit_test(chromium_v1),
        cmocka_unit_test(chromium_v2),
        cmocka_unit_test(node_v1),
        cmocka_unit_test(sctp_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
