/* Addresses as a caller of the transport gives and gets them: multiaddr in, socket addresses both ways. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>

#include <minke/loop.h>
#include <minke/transport.h>
#include <cmocka.h>

#define TAIL "/certhash/uEiAw_J9GnCB0Gd_dCqtfJ6hslzyU5AVI25N1zKLpFZc7mQ"

static void parse_reads_ip_and_port(void **state)
{
    (void)state;
    static const char *const texts[] = {"/ip4/192.0.2.7/udp/9090/webrtc-direct",
                                        "/ip4/192.0.2.7/udp/9090/webrtc-direct" TAIL};
    const minke_address_t expected = {.ip = {192, 0, 2, 7}, .port = 9090, .family = MINKE_FAMILY_IP4};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        minke_address_t address;
        memset(&address, 0xff, sizeof address);
        assert_int_equal(minke_address_parse(texts[i], &address), MINKE_OK);
        assert_memory_equal(&address, &expected, sizeof address);
    }
}

static void parse_says_what_is_wrong(void **state)
{
    (void)state;
    minke_address_t address = {.port = 7};
    assert_int_equal(minke_address_parse("", &address), MINKE_ERROR_MALFORMED);
    assert_int_equal(minke_address_parse("/ip4/192.0.2.7/tcp/1", &address), MINKE_ERROR_ADDRESS);
    assert_int_equal(minke_address_parse("/ip4/192.0.2.700/udp/1/webrtc-direct", &address), MINKE_ERROR_MALFORMED);
    assert_int_equal(minke_address_parse("/nonsense/1", &address), MINKE_ERROR_UNSUPPORTED);
    assert_int_equal(address.port, 7);
}

static void round_trip(const char *text, socklen_t len, sa_family_t family)
{
    minke_address_t address, again;
    struct sockaddr_storage system;
    assert_int_equal(minke_address_parse(text, &address), MINKE_OK);
    assert_int_equal(minke_address_to_sockaddr(&address, &system), len);
    assert_int_equal(system.ss_family, family);
    memset(&again, 0xff, sizeof again);
    assert_true(minke_address_from_sockaddr(&system, &again));
    assert_memory_equal(&address, &again, sizeof address);
}

static void socket_addresses_go_both_ways(void **state)
{
    (void)state;
    round_trip("/ip4/192.0.2.7/udp/9090/webrtc-direct", sizeof(struct sockaddr_in), AF_INET);
    round_trip("/ip6/2001:db8::7/udp/65535/webrtc-direct", sizeof(struct sockaddr_in6), AF_INET6);
    round_trip("/ip6zone/3/ip6/fe80::1/udp/1/webrtc-direct", sizeof(struct sockaddr_in6), AF_INET6);
}

/* The system's own reading of them, so that both directions cannot be wrong alike. */
static void socket_addresses_are_the_systems(void **state)
{
    (void)state;
    minke_address_t address;
    struct sockaddr_storage system;
    struct sockaddr_in6 ip6;
    char text[INET6_ADDRSTRLEN];
    assert_int_equal(minke_address_parse("/ip6zone/3/ip6/fe80::1/udp/258/webrtc-direct", &address), MINKE_OK);
    assert_int_equal(minke_address_to_sockaddr(&address, &system), sizeof ip6);
    memcpy(&ip6, &system, sizeof ip6);
    assert_string_equal(inet_ntop(AF_INET6, &ip6.sin6_addr, text, sizeof text), "fe80::1");
    assert_memory_equal(&ip6.sin6_port, "\x01\x02", 2);
    assert_int_equal(ip6.sin6_scope_id, 3);
}

static void other_families_are_refused(void **state)
{
    (void)state;
    const minke_address_t none = {0};
    minke_address_t address;
    struct sockaddr_storage system;
    assert_int_equal(minke_address_to_sockaddr(&none, &system), 0);
    memset(&address, 0xff, sizeof address);
    system.ss_family = AF_UNIX;
    assert_false(minke_address_from_sockaddr(&system, &address));
    assert_memory_equal(&address, &none, sizeof none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reads_ip_and_port),       cmocka_unit_test(parse_says_what_is_wrong),
        cmocka_unit_test(socket_addresses_go_both_ways), cmocka_unit_test(socket_addresses_are_the_systems),
        cmocka_unit_test(other_families_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
