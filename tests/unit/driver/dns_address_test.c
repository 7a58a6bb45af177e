#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "driver/dns_address.h"

#define PEER "/p2p/12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
#define OTHER_PEER "/p2p/16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY"

static minke_multiaddr_t parse(const char *text)
{
    minke_multiaddr_t address;
    assert_int_equal(minke__multiaddr_parse(text, strlen(text), &address), MINKE_OK);
    return address;
}

static void expect_text(const minke_multiaddr_t *address, const char *expected)
{
    char text[MINKE_MULTIADDR_TEXT_BYTES];
    assert_true(minke__multiaddr_text(address, text, sizeof text) > 0);
    assert_string_equal(text, expected);
}

static void only_the_first_component_is_a_name(void **state)
{
    (void)state;
    minke_dns_name_t name;
    minke_multiaddr_t address = parse("/dns6/a.example/tcp/1");
    assert_true(minke__dns_name_of(&address, &name));
    assert_int_equal(name.code, MINKE_MULTIADDR_DNS6);
    assert_string_equal(name.text, "a.example");
    assert_int_equal(name.rest_at, 2 + strlen("a.example"));
    address = parse("/ip4/192.0.2.1/tcp/1/tls/sni/a.example/ws");
    assert_false(minke__dns_name_of(&address, &name));
    address = parse("/ip4/192.0.2.1/dns/a.example");
    assert_false(minke__dns_name_of(&address, &name));
    address.len = 0;
    assert_false(minke__dns_name_of(&address, &name));
}

static void names_are_letters_digits_and_hyphens(void **state)
{
    (void)state;
    char label[66], name[300];
    const char *const good[] = {"a", "a.b", "A-1.example.", "_dnsaddr.x", "xn--nxasmq6b", "127.0.0.1"};
    const char *const bad[] = {"",      ".",   "..",  "a..b",  ".a",  "a..",        "a b",
                               "a\\.b", "a\n", "a,b", "[::1]", "a:1", "\xc3\xa4.de"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) assert_true(minke__dns_name_is_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(minke__dns_name_is_valid(bad[i]));
    memset(label, 'a', 64);
    label[64] = 0;
    assert_false(minke__dns_name_is_valid(label));
    assert_true(minke__dns_name_is_valid(label + 1));
    memset(name, 0, sizeof name);
    for (int i = 0; i < 4; i++) {
        memcpy(name + strlen(name), label + 1, 62);
        strcat(name, ".");
    }
    strcat(name, "a"); /* 253 */
    assert_true(minke__dns_name_is_valid(name));
    strcat(name, ".");
    assert_true(minke__dns_name_is_valid(name));
    strcat(name, "b");
    assert_false(minke__dns_name_is_valid(name));
}

static void localhost_is_known(void **state)
{
    (void)state;
    assert_true(minke__dns_name_is_localhost("localhost"));
    assert_true(minke__dns_name_is_localhost("LOCALHOST."));
    assert_true(minke__dns_name_is_localhost("a.b.localhost"));
    assert_false(minke__dns_name_is_localhost("notlocalhost"));
    assert_false(minke__dns_name_is_localhost("localhost.example"));
    assert_false(minke__dns_name_is_localhost("a"));
    assert_false(minke__dns_name_is_localhost("localhost.."));
}

static void the_name_is_replaced_and_the_rest_stays(void **state)
{
    (void)state;
    static const uint8_t ip4[] = {192, 0, 2, 1}, ip6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    minke_multiaddr_t address = parse("/dns/a.example/tcp/443/wss" PEER "/p2p-circuit" OTHER_PEER), out;
    assert_int_equal(minke__dns_replace(&address, ip4, sizeof ip4, &out), MINKE_OK);
    expect_text(&out, "/ip4/192.0.2.1/tcp/443/wss" PEER "/p2p-circuit" OTHER_PEER);
    assert_int_equal(minke__dns_replace(&address, ip6, sizeof ip6, &out), MINKE_OK);
    expect_text(&out, "/ip6/2001:db8::1/tcp/443/wss" PEER "/p2p-circuit" OTHER_PEER);
    address = parse("/dns/a");
    assert_int_equal(minke__dns_replace(&address, ip4, sizeof ip4, &out), MINKE_OK);
    expect_text(&out, "/ip4/192.0.2.1");
    address = parse("/dns/a/unix/tmp/x");
    assert_int_equal(minke__dns_replace(&address, ip4, sizeof ip4, &out), MINKE_OK);
    expect_text(&out, "/ip4/192.0.2.1/unix/tmp/x");
    assert_int_equal(minke__dns_replace(&address, ip4, 3, &out), MINKE_ERROR_MALFORMED);
    address = parse("/ip4/192.0.2.1/tcp/1");
    assert_int_equal(minke__dns_replace(&address, ip4, sizeof ip4, &out), MINKE_ERROR_ADDRESS);
}

/* An IPv6 address is longer than a short name. */
static void an_address_may_get_too_long(void **state)
{
    (void)state;
    static const uint8_t ip6[16] = {0x20};
    char name[251];
    minke_multiaddr_t address = {0}, out;
    memset(name, 'a', sizeof name);
    assert_int_equal(minke__multiaddr_append(&address, MINKE_MULTIADDR_DNS, "a", 1), MINKE_OK);
    for (int i = 0; i < 2; i++) {
        const int result = minke__multiaddr_append(&address, MINKE_MULTIADDR_SNI, name, i == 0 ? 250 : 246);
        assert_int_equal(result, MINKE_OK);
    }
    assert_true(address.len > MINKE_MULTIADDR_MAX - 14);
    assert_int_equal(minke__dns_replace(&address, ip6, sizeof ip6, &out), MINKE_ERROR_TOO_LARGE);
}

typedef struct record {
    const char *asked, *text;
    int result;
    const char *out;
} record_t;

static const record_t records[] = {
    {"/dnsaddr/a", "dnsaddr=/ip4/192.0.2.1/tcp/1", MINKE_OK, "/ip4/192.0.2.1/tcp/1"},
    {"/dnsaddr/a" PEER, "dnsaddr=/ip4/192.0.2.1/tcp/1" PEER, MINKE_OK, "/ip4/192.0.2.1/tcp/1" PEER},
    {"/dnsaddr/a" PEER, "dnsaddr=/dnsaddr/b" PEER, MINKE_OK, "/dnsaddr/b" PEER},
    {"/dnsaddr/a" PEER, "dnsaddr=/ip6/::1/tcp/1" OTHER_PEER, MINKE_ERROR_ADDRESS, NULL},
    {"/dnsaddr/a" PEER, "dnsaddr=/ip6/::1/tcp/1", MINKE_ERROR_ADDRESS, NULL},
    {"/dnsaddr/a" PEER, "dnsaddr=" PEER, MINKE_ERROR_ADDRESS, NULL},
    {"/dnsaddr/a" PEER, "dnsaddr=/ip6/::1/tcp/1" PEER "/p2p-circuit", MINKE_ERROR_ADDRESS, NULL},
    {"/dnsaddr/a/tcp/1/ws", "dnsaddr=/ip6/::1/tcp/1/ws", MINKE_OK, "/ip6/::1/tcp/1/ws"},
    {"/dnsaddr/a/tcp/1/ws", "dnsaddr=/ip6/::1/tcp/2/ws", MINKE_ERROR_ADDRESS, NULL},
    {"/dnsaddr/a" PEER "/p2p-circuit" OTHER_PEER, "dnsaddr=/ip6/::1/tcp/1" PEER, MINKE_OK,
     "/ip6/::1/tcp/1" PEER "/p2p-circuit" OTHER_PEER},
    {"/dnsaddr/a" PEER "/p2p-circuit" OTHER_PEER, "dnsaddr=/ip6/::1/tcp/1" OTHER_PEER, MINKE_ERROR_ADDRESS, NULL},
    {"/dnsaddr/a/p2p-circuit", "dnsaddr=/ip6/::1/tcp/1" PEER, MINKE_OK, "/ip6/::1/tcp/1" PEER "/p2p-circuit"},
    {"/dnsaddr/a", "dnsaddr=/unix/a", MINKE_ERROR_ADDRESS, NULL},
    {"/dnsaddr/a/p2p-circuit", "dnsaddr=/ip4/192.0.2.1/unix/a", MINKE_ERROR_MALFORMED, NULL},
    {"/dnsaddr/a", "dnsaddr=", MINKE_ERROR_MALFORMED, NULL},
    {"/dnsaddr/a", "dnsaddr", MINKE_ERROR_MALFORMED, NULL},
    {"/dnsaddr/a", "", MINKE_ERROR_MALFORMED, NULL},
    {"/dnsaddr/a", "DNSADDR=/ip4/192.0.2.1", MINKE_ERROR_MALFORMED, NULL},
    {"/dnsaddr/a", " dnsaddr=/ip4/192.0.2.1", MINKE_ERROR_MALFORMED, NULL},
    {"/dnsaddr/a", "dnsaddr=/ip4/192.0.2.1/", MINKE_ERROR_MALFORMED, NULL},
    {"/dnsaddr/a", "dnsaddr=/ip4/192.0.2.1/new", MINKE_ERROR_UNSUPPORTED, NULL},
    {"/ip4/192.0.2.1", "dnsaddr=/ip4/192.0.2.1", MINKE_ERROR_ADDRESS, NULL},
};

static void records_are_taken_by_their_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        const minke_multiaddr_t asked = parse(records[i].asked);
        const char *text = records[i].text;
        minke_multiaddr_t out;
        const int result = minke__dnsaddr_read(&asked, (const uint8_t *)text, strlen(text), &out);
        assert_int_equal(result, records[i].result);
        if (result == MINKE_OK) expect_text(&out, records[i].out);
    }
}

/* ::6:1 ends in the bytes of /tcp/1, 06 00 01, but not in that component. */
static void the_end_is_one_of_components(void **state)
{
    (void)state;
    const minke_multiaddr_t asked = parse("/dnsaddr/a/tcp/1");
    const char *const texts[] = {"dnsaddr=/ip6/::6:1", "dnsaddr=/ip6/::6/tcp/1"};
    minke_multiaddr_t out;
    for (int good = 0; good < 2; good++) {
        const int result = minke__dnsaddr_read(&asked, (const uint8_t *)texts[good], strlen(texts[good]), &out);
        assert_int_equal(result, good ? MINKE_OK : MINKE_ERROR_ADDRESS);
    }
}

static void every_cut_of_a_record_is_survived(void **state)
{
    (void)state;
    const char *text = "dnsaddr=/dns4/a.example/tcp/443/wss" PEER;
    const minke_multiaddr_t asked = parse("/dnsaddr/a" PEER);
    minke_multiaddr_t out;
    for (size_t len = 0; len < strlen(text); len++)
        assert_true(minke__dnsaddr_read(&asked, (const uint8_t *)text, len, &out) < 0);
    assert_int_equal(minke__dnsaddr_read(&asked, (const uint8_t *)text, strlen(text), &out), MINKE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_first_component_is_a_name),
        cmocka_unit_test(names_are_letters_digits_and_hyphens),
        cmocka_unit_test(localhost_is_known),
        cmocka_unit_test(the_name_is_replaced_and_the_rest_stays),
        cmocka_unit_test(an_address_may_get_too_long),
        cmocka_unit_test(records_are_taken_by_their_end),
        cmocka_unit_test(the_end_is_one_of_components),
        cmocka_unit_test(every_cut_of_a_record_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
