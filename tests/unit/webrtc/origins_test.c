/* How many connections an address has: what counts as one address, and that every connection is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/address.h"
#include "support/test_env.h"
#include "webrtc/endpoint.h"

static minke_address_t address(const char *ip, uint16_t port)
{
    minke_address_t a;
    assert_true(minke__parse_ip(ip, strlen(ip), &a));
    a.port = port;
    return a;
}

static minke_transport_t *new_transport(test_env_t *test)
{
    minke_transport_options_t options;
    minke_transport_t *t;
    test_env_init(test, 1);
    minke_transport_defaults(&options);
    options.allocator = test->env.allocator;
    options.random = test->env.random;
    assert_int_equal(minke_transport_new(&options, &t), MINKE_OK);
    return t;
}

static void what_one_address_is(void **state)
{
    (void)state;
    test_env_t test;
    minke_transport_t *t = new_transport(&test);
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {{"192.0.2.1", "192.0.2.1", true},
                 {"192.0.2.1", "192.0.2.2", false},
                 {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
                 {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
                 {"0.0.0.1", "0:1::", false},
                 {"32.1.13.184", "2001:db8::", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        minke_origin_t *c = {0};
        const minke_address_t a = address(cases[i].a, 1), b = address(cases[i].b, 2);
        assert_int_equal(minke__origin_enter(t, &a, &c), MINKE_OK);
        assert_int_equal(minke__origin_connections(t, &a), 1);
        assert_int_equal(minke__origin_connections(t, &b), cases[i].same);
        minke__origin_leave(t, &c);
        assert_int_equal(minke__origin_connections(t, &a), 0);
    }
    minke_transport_free(t);
    assert_int_equal(test.blocks, 0);
}

static void all_are_given_back(void **state)
{
    (void)state;
    enum { N = 1000 };
    test_env_t test;
    static minke_origin_t *c[N];
    minke_transport_t *t = new_transport(&test);
    for (unsigned i = 0; i < N; i++) {
        minke_address_t a = address("10.0.0.0", 7);
        a.ip[3] = (uint8_t)(i % 100);
        assert_int_equal(minke__origin_enter(t, &a, &c[i]), MINKE_OK);
        assert_int_equal(minke__origin_connections(t, &a), i / 100 + 1);
    }
    assert_int_equal(t->origins.count, 100);
    for (unsigned i = 0; i < N; i++) minke__origin_leave(t, &c[i]);
    minke__origin_leave(t, &c[0]); /* and a second time */
    assert_int_equal(t->origins.count, 0);
    minke_transport_free(t);
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_address_is),
        cmocka_unit_test(all_are_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
