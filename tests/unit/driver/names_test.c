/* Hosts dial names: a DNS server of the test's own, and hosts on loopback behind its answers. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/driver/dns_server.h"
#include "unit/driver/meeting.h"

typedef struct fixture {
    meeting_t m;
    dns_server_t dns;
} fixture_t;

static void turn(void *user) { dns_server_serve(user); }

/* `kind` stands behind the listener's port. */
static fixture_t *begin(const char *kind)
{
    static fixture_t f;
    char listen[64];
    minke_host_options_t options;
    memset(&f, 0, sizeof f);
    dns_server_start(&f.dns);
    char servers[sizeof f.dns.text];
    memcpy(servers, f.dns.text, sizeof servers);
    minke_host_defaults(&options);
    options.dns_servers = servers;
    (void)snprintf(listen, sizeof listen, "/ip4/127.0.0.1/tcp/0%s", kind);
    meeting_begin(&f.m, listen, &options);
    memset(servers, 'x', sizeof servers); /* it was copied */
    f.m.turn = turn;
    f.m.user = &f.dns;
    return &f;
}

static void end(fixture_t *f)
{
    meeting_end(&f->m);
    dns_server_stop(&f->dns);
}

static const char *address_of(const fixture_t *f, const char *host, const char *behind)
{
    static char text[256];
    (void)snprintf(text, sizeof text, "%s/tcp/%u%s", host, f->m.port, behind);
    return text;
}

static void names_are_dialled(void **state)
{
    (void)state;
    const char *kinds[] = {"", "/ws"};
    for (int i = 0; i < 2; i++) {
        fixture_t *f = begin(kinds[i]);
        dns_server_add(&f->dns, "here.example", DNS_A, "127.0.0.1");
        meeting_expect_success(&f->m, address_of(f, "/dns4/localhost", kinds[i]));
        meeting_expect_success(&f->m, address_of(f, "/dns/localhost", kinds[i])); /* ::1 refuses, 127.0.0.1 is next */
        assert_int_equal(f->dns.questions_n, 0);
        meeting_expect_success(&f->m, address_of(f, "/dns/here.example", kinds[i]));
        meeting_expect_success(&f->m, address_of(f, "/dns4/here.example", kinds[i]));
        assert_string_equal(f->m.remote, address_of(f, "/ip4/127.0.0.1", kinds[i]));
        end(f);
    }
}

/* The records of other peers, and of transports that we do not have, are passed over. */
static void records_are_followed(void **state)
{
    (void)state;
    const char *kinds[] = {"", "/ws"};
    for (int i = 0; i < 2; i++) {
        fixture_t *f = begin(kinds[i]);
        char record[300], peer[128];
        (void)snprintf(peer, sizeof peer, "%s/p2p/%s", kinds[i], f->m.peer);
        dns_server_add(&f->dns, "here.example", DNS_A, "127.0.0.1");
        dns_server_add(&f->dns, "_dnsaddr.many.example", DNS_TXT,
                       "dnsaddr=/ip4/127.0.0.1/tcp/1/p2p/12D3KooWErJSuHF2E1vzbJdfSU4G6EQ5Vu8E46GevhKSqSsyVVw5");
        (void)snprintf(record, sizeof record, "dnsaddr=/ip4/127.0.0.1/udp/1/quic-v1/p2p/%s", f->m.peer);
        dns_server_add(&f->dns, "_dnsaddr.many.example", DNS_TXT, record);
        (void)snprintf(record, sizeof record, "dnsaddr=%s", address_of(f, "/dns4/here.example", peer));
        dns_server_add(&f->dns, "_dnsaddr.many.example", DNS_TXT, record);
        (void)snprintf(record, sizeof record, "/dnsaddr/many.example/p2p/%s", f->m.peer);
        meeting_expect_success(&f->m, record);
        end(f);
    }
}

static void a_name_that_leads_nowhere(void **state)
{
    (void)state;
    fixture_t *f = begin("");
    char record[300];
    meeting_expect_failure(&f->m, "/dns/none.example/tcp/1", MINKE_ERROR_ADDRESS,
                           "none.example does not exist: is it spelt right?");
    (void)snprintf(record, sizeof record, "dnsaddr=/ip4/127.0.0.1/udp/1/quic-v1/p2p/%s", f->m.peer);
    dns_server_add(&f->dns, "_dnsaddr.quic.example", DNS_TXT, record);
    meeting_expect_failure(&f->m, "/dnsaddr/quic.example", MINKE_ERROR_ADDRESS,
                           "the name leads to no address of a kind that can be dialled from here");
    end(f);
}

/* A name that nobody answers for does not keep the next address from being tried. */
static void a_name_without_an_answer(void **state)
{
    (void)state;
    fixture_t *f = begin("");
    dns_server_behave(&f->dns, "slow.example", DNS_A, DNS_SILENCE);
    const size_t before = meeting_descriptors();
    const int64_t begun = meeting_now_ms();
    meeting_dial(&f->m, (const char *[]){"/dns4/slow.example/tcp/1", f->m.address}, 2);
    assert_true(meeting_connects(&f->m));
    assert_in_range(meeting_now_ms() - begun, 200, 3000);
    for (int i = 0; i < 5; i++) meeting_turn(&f->m);
    /* One for c-ares' epoll, two for the connection; the question has been given up. */
    assert_int_equal(meeting_descriptors(), before + 3);
    assert_int_equal(minke_close(f->m.dialer, f->m.connection), MINKE_OK);
    assert_true(meeting_run_until(&f->m, &f->m.ended));

    meeting_dial_one(&f->m, "/dns4/slow.example/tcp/1");
    for (int i = 0; i < 10; i++) meeting_turn(&f->m);
    assert_false(f->m.ended);
    f->m.wakeups = 0;
    for (int i = 0; i < 20; i++) meeting_turn(&f->m);
    assert_in_range(f->m.wakeups, 0, 2);
    assert_int_equal(minke_close(f->m.dialer, f->m.connection), MINKE_OK);
    assert_true(meeting_run_until(&f->m, &f->m.ended));
    assert_string_equal(f->m.close.text, "closed by the application");
    for (int i = 0; i < 5; i++) meeting_turn(&f->m);
    assert_int_equal(meeting_descriptors(), before + 1);

    meeting_dial_one(&f->m, "/dns4/slow.example/tcp/1"); /* and the host ends with it */
    for (int i = 0; i < 10; i++) meeting_turn(&f->m);
    end(f);
}

/* minke_wait and nothing else: descriptors and deadlines of DNS are among those of the host. */
static void waiting_is_enough(void **state)
{
    (void)state;
    fixture_t *f = begin("");
    minke_event_t event;
    dns_server_behave(&f->dns, "slow.example", DNS_A, DNS_SILENCE);
    dns_server_behave(&f->dns, "slow.example", DNS_AAAA, DNS_SILENCE);
    minke_connection_t connection;
    const int64_t begun = meeting_now_ms();
    assert_int_equal(minke_dial(f->m.dialer, "/dns/slow.example/tcp/1", 0, &connection), MINKE_OK);
    int result;
    while ((result = minke_wait(f->m.dialer, &event, 20000)) == MINKE_OK && event.type != MINKE_EVENT_DISCONNECTED)
        continue;
    assert_int_equal(result, MINKE_OK);
    assert_string_equal(event.close.text, "no DNS server answered within 10 s: is there a network?");
    assert_in_range(meeting_now_ms() - begun, 9900, 11000);
    end(f);
}

static void servers_are_checked(void **state)
{
    (void)state;
    meeting_t m;
    minke_host_options_t options;
    minke_host_defaults(&options);
    options.dns_servers = "nonsense";
    meeting_begin(&m, NULL, &options);
    for (int i = 0; i < 2; i++) {
        meeting_expect_failure(&m, "/dns/a.example/tcp/1", MINKE_ERROR_SYSTEM,
                               "the DNS servers to ask are not of the form ADDRESS[:PORT],..: nonsense");
    }
    meeting_end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_dialled),         cmocka_unit_test(records_are_followed),
        cmocka_unit_test(a_name_that_leads_nowhere), cmocka_unit_test(a_name_without_an_answer),
        cmocka_unit_test(waiting_is_enough),         cmocka_unit_test(servers_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
