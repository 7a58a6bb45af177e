/* Priorities, foundations, and which addresses are fit to be candidates. */
#include "ice/candidate.h"

#include "base/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static minke_address_t address(const char *ip, uint16_t port)
{
    minke_address_t out;
    assert_true(minke__parse_ip(ip, strlen(ip), &out));
    out.port = port;
    return out;
}

static void has_the_priorities_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        minke_candidate_type_t type;
        uint16_t local_preference;
        uint32_t priority;
        const char *text;
    } table[] = {
        {MINKE_CANDIDATE_HOST, 65535, 2130706431, "host"},   {MINKE_CANDIDATE_HOST, 65534, 2130706175, "host"},
        {MINKE_CANDIDATE_PRFLX, 65535, 0x6effffff, "prflx"}, {MINKE_CANDIDATE_SRFLX, 65535, 0x64ffffff, "srflx"},
        {MINKE_CANDIDATE_SRFLX, 0, 0x640000ff, "srflx"},     {MINKE_CANDIDATE_RELAY, 65535, 0x00ffffff, "relay"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(minke__candidate_priority(table[i].type, table[i].local_preference), table[i].priority);
        assert_string_equal(minke__candidate_type_text(table[i].type), table[i].text);
    }
}

static void orders_pairs_alike_on_both_sides(void **state)
{
    (void)state;
    static const struct {
        uint32_t controlling, controlled;
        uint64_t priority;
    } table[] = {
        {1, 1, 0x0000000100000002},
        {2, 1, 0x0000000100000005},
        {1, 2, 0x0000000100000004},
        {0x7effffff, 0x7effffff, 0x7efffffffdfffffe},
        {0x7effffff, 0x64ffffff, 0x64fffffffdffffff},
        {0x64ffffff, 0x7effffff, 0x64fffffffdfffffe},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_true(minke__candidate_pair_priority(table[i].controlling, table[i].controlled) == table[i].priority);
}

static void same_foundation_for_same_origin(void **state)
{
    (void)state;
    const minke_address_t one = address("192.0.2.1", 1000), one_again = address("192.0.2.1", 2000);
    const minke_address_t other = address("192.0.2.2", 1000), server = address("198.51.100.1", 3478);
    minke_candidate_t a = {.type = MINKE_CANDIDATE_HOST}, b = a;
    minke__candidate_foundation(&a, &one, NULL);
    minke__candidate_foundation(&b, &one_again, NULL);
    assert_string_equal(a.foundation, b.foundation);
    assert_in_range(strlen(a.foundation), 1, MINKE_FOUNDATION_MAX);
    minke__candidate_foundation(&b, &other, NULL);
    assert_string_not_equal(a.foundation, b.foundation);
    b.type = MINKE_CANDIDATE_SRFLX;
    minke__candidate_foundation(&b, &one, NULL);
    assert_string_not_equal(a.foundation, b.foundation);
    a = b;
    minke__candidate_foundation(&a, &one, &server);
    assert_string_not_equal(a.foundation, b.foundation);
}

static void refuses_what_nobody_can_be_reached_at(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        uint16_t port;
        uint32_t scope;
        bool sendable, private;
    } table[] = {
        {"192.0.2.1", 1, 0, true, false},
        {"192.0.2.1", 0, 0, false, false},
        {"0.0.0.0", 1, 0, false, false},
        {"0.1.2.3", 1, 0, false, false},
        {"255.255.255.255", 1, 0, false, false},
        {"224.0.0.251", 1, 0, false, false},
        {"239.255.255.255", 1, 0, false, false},
        {"240.0.0.1", 1, 0, true, false},
        {"127.0.0.1", 1, 0, true, true},
        {"10.0.0.1", 1, 0, true, true},
        {"172.15.255.255", 1, 0, true, false},
        {"172.16.0.1", 1, 0, true, true},
        {"172.32.0.1", 1, 0, true, false},
        {"192.168.1.1", 1, 0, true, true},
        {"192.169.1.1", 1, 0, true, false},
        {"100.64.0.1", 1, 0, true, true},
        {"100.128.0.1", 1, 0, true, false},
        {"169.254.1.1", 1, 0, true, true},
        {"2001:db8::1", 1, 0, true, false},
        {"::", 1, 0, false, false},
        {"::1", 1, 0, true, true},
        {"ff02::fb", 1, 0, false, false},
        {"fe80::1", 1, 0, false, true},
        {"fe80::1", 1, 2, true, true},
        {"fd00::1", 1, 0, true, true},
        {"::ffff:192.0.2.1", 1, 0, false, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_address_t a = address(table[i].ip, table[i].port);
        a.scope = table[i].scope;
        if (minke__candidate_is_sendable(&a) != table[i].sendable) fail_msg("%s: sendable?", table[i].ip);
        if (minke__candidate_is_private(&a) != table[i].private) fail_msg("%s: private?", table[i].ip);
    }
    const minke_address_t none = {.port = 1};
    assert_false(minke__candidate_is_sendable(&none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_priorities_of_the_rfc),
        cmocka_unit_test(orders_pairs_alike_on_both_sides),
        cmocka_unit_test(same_foundation_for_same_origin),
        cmocka_unit_test(refuses_what_nobody_can_be_reached_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
