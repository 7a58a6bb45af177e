/* Which addresses of a dial are tried in which order, and which do not go together. */
#include "webrtc/dial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CERTHASH "/webrtc-direct/certhash/uEiBFbWs2pQw2MhUn6RU53u17GXXIu-Cxs6jN18REMWc8Fw"

/* A family per address, '4' or '6'; the n-th has port n, and the ports come back in this order. */
static void assert_order(const char *families, const char *ports)
{
    char texts[MINKE_DIAL_ADDRESSES_MAX][MINKE_ADDR_BYTES];
    const char *addrs[MINKE_DIAL_ADDRESSES_MAX] = {NULL};
    minke_dial_plan_t plan;
    const size_t n = strlen(families);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(texts[i], sizeof texts[i],
                       families[i] == '6' ? "/ip6/::1/udp/%zu%s" : "/ip4/127.0.0.1/udp/%zu%s", i + 1, CERTHASH);
        addrs[i] = texts[i];
    }
    assert_int_equal(minke__dial_plan(&plan, addrs, n), MINKE_OK);
    assert_int_equal(plan.targets_n, n);
    assert_int_equal(plan.peer.len, 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(plan.targets[i].address.port, ports[i] - '0');
        assert_int_equal(plan.targets[i].certhashes.n, 1);
    }
}

static void families_take_turns(void **state)
{
    (void)state;
    assert_order("4", "1");
    assert_order("6", "1");
    assert_order("46", "21");
    assert_order("64", "12");
    assert_order("444", "123");
    assert_order("666", "123");
    assert_order("4466", "3142");
    assert_order("6664", "1423");
    assert_order("4446", "4123");
    assert_order("46464646", "21436587");
    assert_order("44444446", "81234567");
    assert_order("66666664", "18234567");
}

static void the_first_peer_named_binds_all(void **state)
{
    (void)state;
    static const char nobody[] = "/ip4/192.0.2.1/udp/1" CERTHASH,
                      one[] =
                          "/ip4/192.0.2.2/udp/1" CERTHASH "/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
                      same[] =
                          "/ip6/2001:db8::1/udp/1" CERTHASH "/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
                      other[] = "/ip4/192.0.2.3/udp/1" CERTHASH "/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
    minke_dial_plan_t plan;
    const char *const good[] = {nobody, one, same, nobody}, *const bad[] = {nobody, one, nobody, other};
    assert_int_equal(minke__dial_plan(&plan, good, 4), MINKE_OK);
    assert_true(plan.peer.len > 0);
    assert_int_equal(minke__dial_plan(&plan, bad, 4), MINKE_ERROR_ADDRESS);
    assert_int_equal(minke__dial_plan(&plan, bad, 3), MINKE_OK);
}

static void one_bad_address_spoils_all(void **state)
{
    (void)state;
    static const char good[] = "/ip4/192.0.2.1/udp/1" CERTHASH;
    minke_dial_plan_t plan;
    const char *const no_certhash[] = {good, "/ip4/192.0.2.1/udp/1/webrtc-direct"};
    const char *const no_port[] = {good, "/ip4/192.0.2.1/udp/0" CERTHASH};
    const char *const no_address[] = {good, "nonsense"};
    assert_int_equal(minke__dial_plan(&plan, no_certhash, 2), MINKE_ERROR_ADDRESS);
    assert_int_equal(minke__dial_plan(&plan, no_port, 2), MINKE_ERROR_ADDRESS);
    assert_int_equal(minke__dial_plan(&plan, no_address, 2), MINKE_ERROR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_take_turns),
        cmocka_unit_test(the_first_peer_named_binds_all),
        cmocka_unit_test(one_bad_address_spoils_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
