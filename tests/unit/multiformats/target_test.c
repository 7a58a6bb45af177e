/* What addresses ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "multiformats/target.h"

#define R "/p2p/12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
#define B "/p2p/16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY"

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        minke_target_kind_t kind;
        const char *host, *sni;
        uint16_t port;
        bool peer, circuit, destination;
    } cases[] = {
        {"/ip4/192.0.2.1/udp/9090/webrtc-direct", MINKE_TARGET_DIRECT, "192.0.2.1", "", 9090, false, false, false},
        {"/ip6/2001:db8::1/udp/1/webrtc-direct" R, MINKE_TARGET_DIRECT, "2001:db8::1", "", 1, true, false, false},
        {"/ip4/192.0.2.1/tcp/4001", MINKE_TARGET_TCP, "192.0.2.1", "", 4001, false, false, false},
        {"/ip6zone/7/ip6/fe80::1/tcp/4001" R, MINKE_TARGET_TCP, "fe80::1", "", 4001, true, false, false},
        {"/dns/example.org/tcp/4001" R, MINKE_TARGET_TCP, "example.org", "", 4001, true, false, false},
        {"/ip4/192.0.2.1/tcp/80/ws", MINKE_TARGET_WEBSOCKET, "192.0.2.1", "", 80, false, false, false},
        {"/dns4/example.org/tcp/443/wss" R, MINKE_TARGET_WEBSOCKET_TLS, "example.org", "", 443, true, false, false},
        {"/dns6/example.org/tcp/443/tls/ws", MINKE_TARGET_WEBSOCKET_TLS, "example.org", "", 443, false, false, false},
        {"/dns6/a.b/tcp/443/tls/sni/c.d/ws", MINKE_TARGET_WEBSOCKET_TLS, "a.b", "c.d", 443, false, false, false},
        {"/dnsaddr/example.org" R, MINKE_TARGET_UNKNOWN, "example.org", "", 0, true, false, false},
        {"/ip4/192.0.2.1/tcp/4001" R "/p2p-circuit" B, MINKE_TARGET_TCP, "192.0.2.1", "", 4001, true, true, true},
        {"/ip4/192.0.2.1/tcp/4001/p2p-circuit", MINKE_TARGET_TCP, "192.0.2.1", "", 4001, false, true, false},
        {"/dnsaddr/example.org/p2p-circuit" B, MINKE_TARGET_UNKNOWN, "example.org", "", 0, false, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        minke_multiaddr_t address;
        minke_target_t target;
        char host[MINKE_NAME_BYTES];
        assert_int_equal(minke__target_parse_text(cases[i].text, &address, &target), MINKE_OK);
        minke__target_host(&target, host);
        assert_int_equal(target.kind, cases[i].kind);
        assert_string_equal(host, cases[i].host);
        assert_string_equal(target.sni, cases[i].sni);
        assert_int_equal(target.address.port, cases[i].port);
        assert_int_equal(target.peer.len > 0, cases[i].peer);
        assert_int_equal(target.circuit, cases[i].circuit);
        assert_int_equal(target.destination.len > 0, cases[i].destination);
    }
}

static void the_relay_is_what_stands_before(void **state)
{
    (void)state;
    minke_multiaddr_t address, relay, expected;
    minke_target_t target;
    assert_int_equal(minke__target_parse_text("/dns4/r.example/tcp/4001/ws" R "/p2p-circuit" B, &address, &target),
                     MINKE_OK);
    assert_int_equal(minke__multiaddr_from_bytes(address.bytes, target.relay_len, &relay), MINKE_OK);
    assert_int_equal(
        minke__multiaddr_parse("/dns4/r.example/tcp/4001/ws" R, strlen("/dns4/r.example/tcp/4001/ws" R), &expected),
        MINKE_OK);
    assert_int_equal(relay.len, expected.len);
    assert_memory_equal(relay.bytes, expected.bytes, expected.len);
}

static void direct_after_all(void **state)
{
    (void)state;
    minke_multiaddr_t address, circuit;
    minke_target_t target;
    char text[MINKE_MULTIADDR_TEXT_BYTES];
    assert_int_equal(minke__target_parse_text("/ip4/192.0.2.1/tcp/4001" R "/p2p-circuit/webrtc" B, &address, &target),
                     MINKE_OK);
    assert_true(target.circuit && target.webrtc && target.destination.len > 0);
    assert_int_equal(minke__target_circuit(&address, &circuit), MINKE_OK);
    assert_true(minke__multiaddr_text(&circuit, text, sizeof text) > 0);
    assert_string_equal(text, "/ip4/192.0.2.1/tcp/4001" R "/p2p-circuit" B);
    assert_int_equal(minke__target_parse_text("/ip4/192.0.2.1/tcp/4001" R, &address, &target), MINKE_OK);
    assert_int_equal(minke__target_circuit(&address, &circuit), MINKE_ERROR_ADDRESS);
}

static void other_forms_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "/ip4/192.0.2.1",
        "/ip4/192.0.2.1/udp/9090",
        "/ip4/192.0.2.1/udp/9090/quic-v1",
        "/ip4/192.0.2.1/tcp/4001/tls",
        "/ip4/192.0.2.1/tcp/4001/tls/sni/a",
        "/ip4/192.0.2.1/tcp/4001/ws/ws",
        "/ip4/192.0.2.1/tcp/4001" R R,
        "/ip4/192.0.2.1/tcp/4001" R "/p2p-circuit" B "/p2p-circuit" B,
        "/ip4/192.0.2.1/tcp/4001" R "/p2p-circuit" B "/webrtc",
        "/ip4/192.0.2.1/tcp/4001" R "/webrtc" B,
        "/tcp/4001",
        ("/p2p-circuit" B),
        "/ip6zone/eth0/ip6/fe80::1/tcp/4001",
        "/ip6zone/0/ip6/fe80::1/tcp/4001",
        "/ip6zone/1/ip4/192.0.2.1/tcp/4001",
    };
    minke_target_t target;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(minke__target_parse_text(bad[i], NULL, &target), MINKE_ERROR_ADDRESS);
    }
    assert_int_equal(minke__target_parse_text("nonsense", NULL, &target), MINKE_ERROR_MALFORMED);
}

static void written_as_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"/ip4/192.0.2.1/tcp/4001" R, "/ip4/192.0.2.1/tcp/80/ws",
                                        "/ip6/2001:db8::1/tcp/443/wss" R, "/ip6zone/3/ip6/fe80::1/tcp/1/ws" R};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        minke_target_t target;
        minke_multiaddr_t written;
        char text[MINKE_MULTIADDR_TEXT_BYTES];
        assert_int_equal(minke__target_parse_text(texts[i], NULL, &target), MINKE_OK);
        assert_int_equal(minke__target_write(target.kind, &target.address, &target.peer, &written), MINKE_OK);
        assert_true(minke__multiaddr_text(&written, text, sizeof text) > 0);
        assert_string_equal(text, texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds), cmocka_unit_test(the_relay_is_what_stands_before),
                                       cmocka_unit_test(direct_after_all), cmocka_unit_test(other_forms_are_refused),
                                       cmocka_unit_test(written_as_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
