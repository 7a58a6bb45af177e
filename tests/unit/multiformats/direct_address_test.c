#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "multiformats/multiaddr.h"
#include "support/test_env.h"

#define CERTHASH "uEiAw_J9GnCB0Gd_dCqtfJ6hslzyU5AVI25N1zKLpFZc7mQ"
#define PEER "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"

static int to_direct(const char *text, minke_direct_address_t *out)
{
    minke_multiaddr_t address;
    assert_int_equal(minke__multiaddr_parse(text, strlen(text), &address), MINKE_OK);
    return minke__multiaddr_to_direct(&address, out);
}

static void test_vector(void **state)
{
    (void)state;
    minke_direct_address_t direct;
    uint8_t digest[32];
    test_unhex("30fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99", digest, sizeof digest);
    assert_int_equal(to_direct("/ip4/192.0.2.7/udp/9090/webrtc-direct/certhash/" CERTHASH, &direct), MINKE_OK);
    assert_int_equal(direct.address.family, MINKE_FAMILY_IP4);
    assert_memory_equal(direct.address.ip, "\xc0\x00\x02\x07\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(direct.address.port, 9090);
    assert_int_equal(direct.certhashes_n, 1);
    assert_memory_equal(direct.certhashes[0], digest, sizeof digest);
    assert_int_equal(direct.peer.len, 0);
}

static void test_round_trips(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "/ip4/192.0.2.7/udp/9090/webrtc-direct",
        "/ip4/0.0.0.0/udp/0/webrtc-direct",
        "/ip6/::/udp/65535/webrtc-direct/certhash/" CERTHASH,
        "/ip6/2001:db8::1/udp/1/webrtc-direct/p2p/" PEER,
        "/ip6zone/4294967295/ip6/fe80::1/udp/1/webrtc-direct/certhash/" CERTHASH "/p2p/" PEER,
        "/ip4/192.0.2.7/udp/9090/webrtc-direct/certhash/" CERTHASH "/certhash/" CERTHASH "/certhash/" CERTHASH
        "/certhash/" CERTHASH "/p2p/" PEER,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        minke_direct_address_t direct;
        minke_multiaddr_t address;
        char text[MINKE_MULTIADDR_TEXT_BYTES];
        assert_int_equal(to_direct(texts[i], &direct), MINKE_OK);
        assert_int_equal(minke__multiaddr_from_direct(&direct, &address), MINKE_OK);
        assert_true(minke__multiaddr_text(&address, text, sizeof text) > 0);
        assert_string_equal(text, texts[i]);
    }
}

static void test_other_kinds(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "/ip4/1.2.3.4",
        "/ip4/1.2.3.4/udp/1",
        "/ip4/1.2.3.4/tcp/1/webrtc-direct",
        "/ip4/1.2.3.4/udp/1/quic-v1",
        "/dns4/example.org/udp/1/webrtc-direct",
        "/udp/1/webrtc-direct",
        "/webrtc-direct",
        "/ip4/1.2.3.4/udp/1/webrtc-direct/webrtc-direct",
        "/ip4/1.2.3.4/udp/1/webrtc-direct/p2p/" PEER "/p2p/" PEER,
        "/ip4/1.2.3.4/udp/1/webrtc-direct/p2p/" PEER "/certhash/" CERTHASH,
        "/ip4/1.2.3.4/udp/1/webrtc-direct/p2p/" PEER "/p2p-circuit",
        "/ip4/1.2.3.4/udp/1/webrtc-direct/ws",
        "/ip4/1.2.3.4/udp/1/certhash/" CERTHASH "/webrtc-direct",
        "/ip6zone/3/ip4/1.2.3.4/udp/1/webrtc-direct",
        "/ip6zone/eth0/ip6/fe80::1/udp/1/webrtc-direct", /* names of interfaces are the system's */
        "/ip6zone/0/ip6/fe80::1/udp/1/webrtc-direct",
        "/ip6zone/4294967296/ip6/fe80::1/udp/1/webrtc-direct",
        "/ip6zone/99999999999999999999999/ip6/fe80::1/udp/1/webrtc-direct",
        "/ip6zone/3",
        "/unix/a",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        minke_direct_address_t direct;
        assert_int_equal(to_direct(texts[i], &direct), MINKE_ERROR_ADDRESS);
    }
}

/* Hashes of other kinds are skipped, and those beyond the fourth. */
static void test_certhashes_that_do_not_count(void **state)
{
    (void)state;
    minke_direct_address_t direct;
    assert_int_equal(to_direct("/ip4/1.2.3.4/udp/1/webrtc-direct/certhash/f130401020304/certhash/" CERTHASH
                               "/certhash/f1e2000000000000000000000000000000000000000000000000000000000000000"
                               "ff",
                               &direct),
                     MINKE_OK);
    assert_int_equal(direct.certhashes_n, 1);
    assert_int_equal(direct.certhashes[0][0], 0x30);
    assert_int_equal(to_direct("/ip4/1.2.3.4/udp/1/webrtc-direct/certhash/" CERTHASH "/certhash/" CERTHASH
                               "/certhash/" CERTHASH "/certhash/" CERTHASH "/certhash/" CERTHASH,
                               &direct),
                     MINKE_OK);
    assert_int_equal(direct.certhashes_n, 4);
}

static void test_from_direct_refuses(void **state)
{
    (void)state;
    minke_direct_address_t direct = {0};
    minke_multiaddr_t address;
    assert_int_equal(minke__multiaddr_from_direct(&direct, &address), MINKE_ERROR_ADDRESS);
    direct.address.family = MINKE_FAMILY_IP4;
    assert_int_equal(minke__multiaddr_from_direct(&direct, &address), MINKE_OK);
    direct.certhashes_n = 5;
    assert_int_equal(minke__multiaddr_from_direct(&direct, &address), MINKE_ERROR_INVALID);
    direct.certhashes_n = 4;
    direct.peer.len = 3; /* not a multihash */
    assert_int_equal(minke__multiaddr_from_direct(&direct, &address), MINKE_ERROR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_certhashes_that_do_not_count),
        cmocka_unit_test(test_from_direct_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
