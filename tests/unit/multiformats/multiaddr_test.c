#include "multiformats/multiaddr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

typedef struct vector {
    const char *text;
    const char *hex;
} vector_t;

#define CERTHASH "uEiAw_J9GnCB0Gd_dCqtfJ6hslzyU5AVI25N1zKLpFZc7mQ"
#define CERTHASH_HEX "122030fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99"
#define PEER "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
#define PEER_HEX "0024080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
#define RELAY "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk"
#define RELAY_HEX "122068362c312e155f4f7290b67f5cd094a22a0a4fbf20efd8c287934419350d36f7"

/* Every code of spec/host.md 2; the bytes as @multiformats/multiaddr 13 makes them, but for the paths (its form of
 * these differs) where they are go-multiaddr's. */
static const vector_t vectors[] = {
    {"/ip4/192.0.2.7/udp/9090/webrtc-direct/certhash/" CERTHASH, "04c0000207 91022382 9802 d20322" CERTHASH_HEX},
    {"/ip4/192.0.2.7/udp/9090/webrtc-direct/certhash/" CERTHASH "/p2p/" PEER,
     "04c0000207 91022382 9802 d20322" CERTHASH_HEX "a50326" PEER_HEX},
    {"/ip4/1.2.3.4/tcp/1/p2p/" RELAY "/p2p-circuit/webrtc/p2p/" PEER,
     "0401020304 060001 a50322" RELAY_HEX "a202 9902 a50326" PEER_HEX},
    {"/ip6zone/3/ip6/fe80::1/udp/1/webrtc-direct", "2a0133 29fe800000000000000000000000000001 91020001 9802"},
    {"/ip6/::ffff:1.2.3.4/tcp/0", "2900000000000000000000ffff01020304 060000"},
    {"/ip6/2001:db8::1/tcp/65535", "2920010db8000000000000000000000001 06ffff"},
    {"/dns4/a.b/tcp/443/tls/sni/x/ws", "3603612e62 0601bb c003 c1030178 dd03"},
    {"/dns6/x/tcp/2", "370178 060002"},
    {"/dns/x/udp/1", "350178 91020001"},
    {"/dnsaddr/bootstrap.libp2p.io", "3813626f6f7473747261702e6c69627032702e696f"},
    {"/ip4/1.2.3.4/udp/4001/quic-v1/webtransport/certhash/" CERTHASH,
     "0401020304 91020fa1 cd03 d103 d20322" CERTHASH_HEX},
    {"/ip4/1.2.3.4/udp/1/quic", "0401020304 91020001 cc03"},
    {"/ip4/1.2.3.4/tcp/1/http", "0401020304 060001 e003"},
    {"/ip4/1.2.3.4/tcp/1/wss", "0401020304 060001 de03"},
    {"/memory/12", "8906023132"},
    {"/unix/a/b/c", "9003062f612f622f63"},
    {"/ip4/127.0.0.1/tcp/80/unix/sock", "047f000001 060050 9003052f736f636b"},
};

enum { VECTORS_N = sizeof vectors / sizeof vectors[0] };

static int parse(const char *text, minke_multiaddr_t *out) { return minke__multiaddr_parse(text, strlen(text), out); }

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        uint8_t expected[MINKE_MULTIADDR_MAX];
        minke_multiaddr_t address;
        const size_t len = test_unhex(vectors[i].hex, expected, sizeof expected);
        assert_int_equal(parse(vectors[i].text, &address), MINKE_OK);
        assert_int_equal(address.len, len);
        assert_memory_equal(address.bytes, expected, len);
    }
}

static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        uint8_t bytes[MINKE_MULTIADDR_MAX];
        char text[MINKE_MULTIADDR_TEXT_BYTES];
        minke_multiaddr_t address;
        const size_t len = test_unhex(vectors[i].hex, bytes, sizeof bytes);
        assert_int_equal(minke__multiaddr_from_bytes(bytes, len, &address), MINKE_OK);
        assert_int_equal(address.len, len);
        const size_t text_len = strlen(vectors[i].text);
        assert_int_equal(minke__multiaddr_text(&address, text, sizeof text), text_len);
        assert_string_equal(text, vectors[i].text);
        assert_int_equal(minke__multiaddr_text(&address, text, text_len + 1), text_len);
        for (size_t room = 0; room <= text_len; room++) {
            assert_int_equal(minke__multiaddr_text(&address, text, room), MINKE_ERROR_NO_SPACE);
        }
    }
}

static void check_same(const char *text, const char *canonical)
{
    minke_multiaddr_t address;
    char out[MINKE_MULTIADDR_TEXT_BYTES];
    assert_int_equal(parse(text, &address), MINKE_OK);
    assert_true(minke__multiaddr_text(&address, out, sizeof out) > 0);
    assert_string_equal(out, canonical);
}

static void test_other_ways_to_write_it(void **state)
{
    (void)state;
    check_same("/ipfs/" PEER, "/p2p/" PEER);
    check_same("/p2p/bafzaajaiaejcahwr5d5ofrfbis4l5d6uwr57hu5tjodrypfm6yaq6dsc2r2pzyt6", "/p2p/" PEER);
    check_same("/ip6/2001:DB8:0:0:0:0:0:1", "/ip6/2001:db8::1");
    check_same("/certhash/f" CERTHASH_HEX, "/certhash/" CERTHASH);
}

static void test_certhash_bases(void **state)
{
    (void)state;
    check_same("/certhash/UEiAw_J9GnCB0Gd_dCqtfJ6hslzyU5AVI25N1zKLpFZc7mQ==", "/certhash/" CERTHASH);
    check_same("/certhash/F122030FC9F469C207419DFDD0AAB5F27A86C973C94E40548DB9375CCA2E915973B99",
               "/certhash/" CERTHASH);
}

static void test_text_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
    } cases[] = {
        {"", MINKE_ERROR_MALFORMED},
        {"/", MINKE_ERROR_MALFORMED},
        {"//", MINKE_ERROR_MALFORMED},
        {"ip4/1.2.3.4", MINKE_ERROR_MALFORMED},
        {"/ip4", MINKE_ERROR_MALFORMED},
        {"/ip4/", MINKE_ERROR_MALFORMED},
        {"/ip4/1.2.3", MINKE_ERROR_MALFORMED},
        {"/ip4/1.2.3.256", MINKE_ERROR_MALFORMED},
        {"/ip4/::1", MINKE_ERROR_MALFORMED},
        {"/ip6/1.2.3.4", MINKE_ERROR_MALFORMED},
        {"/ip6/fe80::1%3", MINKE_ERROR_MALFORMED},
        {"/ip4/1.2.3.4/", MINKE_ERROR_MALFORMED},
        {"/ip4/1.2.3.4//udp/1", MINKE_ERROR_MALFORMED},
        {"/udp", MINKE_ERROR_MALFORMED},
        {"/udp/", MINKE_ERROR_MALFORMED},
        {"/udp/65536", MINKE_ERROR_MALFORMED},
        {"/udp/123456", MINKE_ERROR_MALFORMED},
        {"/udp/-1", MINKE_ERROR_MALFORMED},
        {"/udp/+1", MINKE_ERROR_MALFORMED},
        {"/udp/01", MINKE_ERROR_MALFORMED},
        {"/udp/1x", MINKE_ERROR_MALFORMED},
        {"/dns4/", MINKE_ERROR_MALFORMED},
        {"/dns4/a b", MINKE_ERROR_MALFORMED},
        {"/dns4/a\nb", MINKE_ERROR_MALFORMED},
        {"/dns4/a\x7f", MINKE_ERROR_MALFORMED},
        {"/dns4/\xc3\xa4.de", MINKE_ERROR_MALFORMED},
        {"/ip6zone//ip6/fe80::1", MINKE_ERROR_MALFORMED},
        {"/unix", MINKE_ERROR_MALFORMED},
        {"/unix/", MINKE_ERROR_MALFORMED},
        {"/unix/a\x1b[2J", MINKE_ERROR_MALFORMED},
        {"/p2p", MINKE_ERROR_MALFORMED},
        {"/p2p/", MINKE_ERROR_MALFORMED},
        {"/p2p/12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3p", MINKE_ERROR_MALFORMED},
        {"/certhash/", MINKE_ERROR_MALFORMED},
        {"/certhash/u", MINKE_ERROR_MALFORMED},
        {"/certhash/uEiAw_J9GnCB0Gd_dCqtfJ6hslzyU5AVI25N1zKLpFZc7m", MINKE_ERROR_MALFORMED},
        {"/certhash/Z1234", MINKE_ERROR_UNSUPPORTED},
        {"/p2p-webrtc-star", MINKE_ERROR_UNSUPPORTED},
        {"/p2p-webrtc-direct", MINKE_ERROR_UNSUPPORTED},
        {"/IP4/1.2.3.4", MINKE_ERROR_UNSUPPORTED},
        {"/ip4/1.2.3.4/sctp/1", MINKE_ERROR_UNSUPPORTED},
        {"/webrtc-direct/certhash", MINKE_ERROR_MALFORMED},
        {"/webrtc-direct/1", MINKE_ERROR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        minke_multiaddr_t address;
        assert_int_equal(parse(cases[i].text, &address), cases[i].result);
        assert_int_equal(address.len, 0);
    }
}

static void test_bytes_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        int result;
    } cases[] = {
        {"", MINKE_ERROR_MALFORMED},
        {"8400c0000207", MINKE_ERROR_MALFORMED}, /* a code that is not minimal */
        {"05", MINKE_ERROR_UNSUPPORTED},
        {"93 02", MINKE_ERROR_UNSUPPORTED},                /* 275, p2p-webrtc-star */
        {"94 02", MINKE_ERROR_UNSUPPORTED},                /* 276 */
        {"84808080 10 c0000207", MINKE_ERROR_UNSUPPORTED}, /* 2^32 + 4 is not 4 */
        {"ffffffffffffffff7f", MINKE_ERROR_UNSUPPORTED},
        {"ffffffffffffffffff01", MINKE_ERROR_MALFORMED},
        {"35 00", MINKE_ERROR_MALFORMED},        /* an empty name */
        {"35 03 612f62", MINKE_ERROR_MALFORMED}, /* a/b */
        {"35 03 610062", MINKE_ERROR_MALFORMED},
        {"35 8100 61", MINKE_ERROR_MALFORMED}, /* a length that is not minimal */
        {"35 ffffffffffffffff7f 61", MINKE_ERROR_MALFORMED},
        {"2a 03 312f32", MINKE_ERROR_MALFORMED},
        {"9003 01 2f", MINKE_ERROR_MALFORMED},        /* the path "/" */
        {"9003 02 6162", MINKE_ERROR_MALFORMED},      /* "ab" */
        {"9003 02 2f61 9802", MINKE_ERROR_MALFORMED}, /* something after a path */
        {"a503 00", MINKE_ERROR_MALFORMED},
        {"a503 03 110120", MINKE_ERROR_MALFORMED}, /* sha1 */
        {"d203 00", MINKE_ERROR_MALFORMED},
        {"d203 02 1200", MINKE_ERROR_MALFORMED},
        {"d203 03 120101", MINKE_ERROR_MALFORMED}, /* sha2-256 of one byte */
        {"d203 05 1302010100", MINKE_ERROR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[64];
        minke_multiaddr_t address;
        const size_t len = test_unhex(cases[i].hex, bytes, sizeof bytes);
        assert_int_equal(minke__multiaddr_from_bytes(bytes, len, &address), cases[i].result);
    }
}

/* Cut at every byte: fails, except between two components. */
static void test_bytes_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        uint8_t bytes[MINKE_MULTIADDR_MAX];
        bool boundary[MINKE_MULTIADDR_MAX + 1] = {false};
        minke_multiaddr_t address, cut;
        minke_multiaddr_component_t component;
        const size_t len = test_unhex(vectors[i].hex, bytes, sizeof bytes);
        assert_int_equal(minke__multiaddr_from_bytes(bytes, len, &address), MINKE_OK);
        for (size_t at = 0; minke__multiaddr_next(&address, &at, &component);) boundary[at] = true;
        assert_true(boundary[len]);
        for (size_t n = 0; n < len; n++) {
            const int result = minke__multiaddr_from_bytes(bytes, n, &cut);
            assert_int_equal(result, boundary[n] ? MINKE_OK : MINKE_ERROR_MALFORMED);
        }
    }
}

static void test_next(void **state)
{
    (void)state;
    minke_multiaddr_t address;
    minke_multiaddr_component_t component;
    size_t at = 0;
    assert_int_equal(parse("/ip4/192.0.2.7/udp/9090/webrtc-direct/p2p/" PEER, &address), MINKE_OK);
    assert_true(minke__multiaddr_next(&address, &at, &component));
    assert_int_equal(component.code, MINKE_MULTIADDR_IP4);
    assert_int_equal(component.value_len, 4);
    assert_memory_equal(component.value, "\xc0\x00\x02\x07", 4);
    assert_true(minke__multiaddr_next(&address, &at, &component));
    assert_int_equal(component.code, MINKE_MULTIADDR_UDP);
    assert_int_equal(component.value_len, 2);
    assert_true(minke__multiaddr_next(&address, &at, &component));
    assert_int_equal(component.code, MINKE_MULTIADDR_WEBRTC_DIRECT);
    assert_int_equal(component.value_len, 0);
    assert_true(minke__multiaddr_next(&address, &at, &component));
    assert_int_equal(component.code, MINKE_MULTIADDR_P2P);
    assert_int_equal(component.value_len, 38);
    assert_false(minke__multiaddr_next(&address, &at, &component));
    assert_int_equal(at, address.len);
}

static void test_append(void **state)
{
    (void)state;
    minke_multiaddr_t address = {0};
    char text[MINKE_MULTIADDR_TEXT_BYTES];
    assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_DNS4, "example.org", 11), MINKE_OK);
    assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_TCP, "\x01\xbb", 2), MINKE_OK);
    assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_WSS, NULL, 0), MINKE_OK);
    const uint16_t len = address.len;
    assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_TCP, "\x01", 1), MINKE_ERROR_MALFORMED);
    assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_WSS, "x", 1), MINKE_ERROR_MALFORMED);
    assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_P2P, "x", 1), MINKE_ERROR_MALFORMED);
    assert_int_equal(minke__multiaddr_append(&address, 7, NULL, 0), MINKE_ERROR_UNSUPPORTED);
    assert_int_equal(address.len, len);
    assert_true(minke__multiaddr_text(&address, text, sizeof text) > 0);
    assert_string_equal(text, "/dns4/example.org/tcp/443/wss");
    assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_UNIX, "/s", 2), MINKE_OK);
    assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_WSS, NULL, 0), MINKE_ERROR_MALFORMED);
}

static void test_the_largest(void **state)
{
    (void)state;
    minke_multiaddr_t address = {0};
    uint8_t bytes[MINKE_MULTIADDR_MAX + 2];
    char text[MINKE_MULTIADDR_TEXT_BYTES];
    for (size_t i = 0; i < MINKE_MULTIADDR_MAX / 2; i++) {
        assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_WS, NULL, 0), MINKE_OK);
        memcpy(bytes + 2 * i, "\xdd\x03", 2);
    }
    memcpy(bytes + MINKE_MULTIADDR_MAX, "\xdd\x03", 2);
    assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_WS, NULL, 0), MINKE_ERROR_TOO_LARGE);
    assert_int_equal(address.len, MINKE_MULTIADDR_MAX);
    assert_int_equal(minke__multiaddr_text(&address, text, sizeof text), 3 * MINKE_MULTIADDR_MAX / 2);
    assert_int_equal(minke__multiaddr_from_bytes(bytes, MINKE_MULTIADDR_MAX, &address), MINKE_OK);
    assert_int_equal(minke__multiaddr_from_bytes(bytes, sizeof bytes, &address), MINKE_ERROR_TOO_LARGE);
    for (size_t i = 0; i < MINKE_MULTIADDR_MAX / 2; i++) memcpy(bytes + 2 * i, "\x98\x02", 2); /* much longer as text */
    assert_int_equal(minke__multiaddr_from_bytes(bytes, MINKE_MULTIADDR_MAX, &address), MINKE_OK);
    assert_int_equal(minke__multiaddr_text(&address, text, sizeof text), MINKE_ERROR_NO_SPACE);
    assert_string_equal(text, "");
}

static void test_long_texts(void **state)
{
    (void)state;
    static char text[4000];
    minke_multiaddr_t address;
    memcpy(text, "/dns/", 5);
    memset(text + 5, 'a', sizeof text - 5);
    assert_int_equal(minke__multiaddr_parse(text, 5 + 253, &address), MINKE_OK);
    assert_int_equal(minke__multiaddr_parse(text, 5 + 254, &address), MINKE_ERROR_MALFORMED);
    assert_int_equal(minke__multiaddr_parse(text, sizeof text, &address), MINKE_ERROR_TOO_LARGE);
    memcpy(text, "/certhash/u", 11);
    assert_int_equal(minke__multiaddr_parse(text, sizeof text, &address), MINKE_ERROR_TOO_LARGE);
    memcpy(text, "/p2p/Qm", 7);
    assert_int_equal(minke__multiaddr_parse(text, sizeof text, &address), MINKE_ERROR_MALFORMED);
    for (size_t at = 0; at + 3 <= sizeof text; at += 3) memcpy(text + at, "/ws", 3);
    assert_int_equal(minke__multiaddr_parse(text, sizeof text - sizeof text % 3, &address), MINKE_ERROR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_other_ways_to_write_it),
        cmocka_unit_test(test_certhash_bases),
        cmocka_unit_test(test_text_refused),
        cmocka_unit_test(test_bytes_refused),
        cmocka_unit_test(test_bytes_cut_anywhere),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_the_largest),
        cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
