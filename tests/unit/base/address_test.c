#include "base/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

static minke_address_t ip_of(const char *text)
{
    minke_address_t address;
    assert_true(minke__parse_ip(text, strlen(text), &address));
    return address;
}

static void check_ip(const char *text, const char *canonical)
{
    char out[64];
    const minke_address_t address = ip_of(text);
    minke_writer_t w = minke__writer(out, sizeof out);
    minke__write_ip(&w, &address);
    minke__write_terminator(&w);
    assert_string_equal(out, canonical);
}

/* The examples of RFC 5952 2 to 5 among them. */
static void test_ip_text(void **state)
{
    (void)state;
    check_ip("0.0.0.0", "0.0.0.0");
    check_ip("255.255.255.255", "255.255.255.255");
    check_ip("::", "::");
    check_ip("::1", "::1");
    check_ip("1::", "1::");
    check_ip("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    check_ip("2001:0db8::0001", "2001:db8::1");
    check_ip("2001:db8:0:0:0:0:2:1", "2001:db8::2:1");
    check_ip("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"); /* one zero group is not shortened */
    check_ip("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
    check_ip("2001:DB8::ABCD", "2001:db8::abcd");
    check_ip("0:0:0:0:0:0:0:1", "::1");
    check_ip("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
    check_ip("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::");
    check_ip("0:0:3:4:5:6:7:8", "::3:4:5:6:7:8");
    check_ip("::ffff:192.0.2.1", "::ffff:192.0.2.1");
    check_ip("::ffff:c000:201", "::ffff:192.0.2.1");
    check_ip("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
    check_ip("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
    check_ip("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304");
}

static void test_ip_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        ".",
        "1",
        "1.2.3",
        "1.2.3.",
        ".1.2.3",
        "1.2.3.4.",
        "1.2.3.4.5",
        "1..2.3",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.04",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.-1",
        "1.2.3.1000",
        "a.b.c.d",
        ":",
        ":::",
        "1:",
        ":1",
        "1:2",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:",
        "::1:",
        "1::2::3",
        "1:::2",
        "12345::",
        "::g",
        "::1.2.3",
        "::1.2.3.4.5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1.2.3.4:5",
        "1.2.3.4::",
        "::%1",
        "[::1]",
        "1:2:3:4::5:6:7:8",
        "::1:2:3:4:5:6:7:8",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        minke_address_t address;
        assert_false(minke__parse_ip(texts[i], strlen(texts[i]), &address));
        assert_int_equal(address.family, MINKE_FAMILY_NONE);
    }
    minke_address_t address;
    assert_false(minke__parse_ip("1.2.3.4\0", 8, &address));
    assert_true(minke__parse_ip("1.2.3.45", 7, &address)); /* the length counts, not a terminator */
    assert_int_equal(address.ip[3], 4);
}

/* Random texts of the letters that matter: the same verdict as inet_pton. */
static void test_against_inet_pton(void **state)
{
    (void)state;
    uint64_t random = 11;
    int valid = 0;
    for (int i = 0; i < 200000; i++) {
        char text[24];
        uint8_t expected[16];
        minke_address_t address;
        const size_t len = test_random(&random) % (sizeof text - 1);
        for (size_t j = 0; j < len; j++) text[j] = ":::1f0.2"[test_random(&random) % 8];
        text[len] = 0;
        const bool ok = minke__parse_ip(text, len, &address);
        const bool ip4 = inet_pton(AF_INET, text, expected) == 1,
                   ip6 = !ip4 && inet_pton(AF_INET6, text, expected) == 1;
        assert_int_equal(ok, ip4 || ip6);
        if (!ok) continue;
        assert_int_equal(address.family, ip4 ? MINKE_FAMILY_IP4 : MINKE_FAMILY_IP6);
        assert_memory_equal(address.ip, expected, ip4 ? 4 : 16);
        valid++;
    }
    assert_true(valid > 100);
}

static void test_with_port(void **state)
{
    (void)state;
    char out[MINKE_ADDRESS_TEXT_BYTES];
    minke_address_t address = ip_of("192.0.2.1");
    address.port = 9090;
    minke__address_text(&address, out, sizeof out);
    assert_string_equal(out, "192.0.2.1:9090");
    minke__address_text(&address, out, 5);
    assert_string_equal(out, "192."); /* cut */
    address = ip_of("fe80::1");
    address.scope = 7;
    minke__address_text(&address, out, sizeof out);
    assert_string_equal(out, "[fe80::1%7]:0");
    memset(address.ip, 0xff, sizeof address.ip);
    address.scope = UINT32_MAX;
    address.port = UINT16_MAX;
    minke__address_text(&address, out, sizeof out);
    assert_string_equal(out, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
    memset(&address, 0, sizeof address);
    minke__address_text(&address, out, sizeof out);
    assert_string_equal(out, "none:0");
}

static void test_equal(void **state)
{
    (void)state;
    const minke_address_t a = ip_of("192.0.2.1");
    minke_address_t b = a;
    assert_true(minke__address_equal(&a, &b));
    b.port = 1;
    assert_false(minke__address_equal(&a, &b));
    b = a;
    b.scope = 1;
    assert_false(minke__address_equal(&a, &b));
    b = a;
    b.family = MINKE_FAMILY_IP6;
    assert_false(minke__address_equal(&a, &b));
    b = a;
    b.ip[3]++;
    assert_false(minke__address_equal(&a, &b));
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool unspecified, loopback, link_local;
    } cases[] = {
        {"0.0.0.0", true, false, false},     {"::", true, false, false},           {"127.0.0.1", false, true, false},
        {"127.255.0.9", false, true, false}, {"::1", false, true, false},          {"128.0.0.1", false, false, false},
        {"fe80::1", false, false, true},     {"febf::1", false, false, true},      {"fec0::1", false, false, false},
        {"ff02::1", false, false, false},    {"254.128.0.1", false, false, false}, {"7f00::", false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const minke_address_t address = ip_of(cases[i].text);
        assert_int_equal(minke__address_is_unspecified(&address), cases[i].unspecified);
        assert_int_equal(minke__address_is_loopback(&address), cases[i].loopback);
        assert_int_equal(minke__address_is_link_local(&address), cases[i].link_local);
    }
    const minke_address_t none = {0};
    assert_true(minke__address_is_unspecified(&none));
    assert_false(minke__address_is_loopback(&none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ip_text),   cmocka_unit_test(test_ip_refused), cmocka_unit_test(test_against_inet_pton),
        cmocka_unit_test(test_with_port), cmocka_unit_test(test_equal),      cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
