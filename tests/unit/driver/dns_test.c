/* Names against a DNS server on loopback. The time that is told is the test's own: ten seconds pass at once. */
#define _GNU_SOURCE
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "driver/dns.h"
#include "support/test_env.h"
#include "unit/driver/dns_server.h"

#define PEER "/p2p/12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
#define OTHER_PEER "/p2p/16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY"

enum { SECOND = 1000000, PATIENCE_MS = 8000 };

typedef struct fixture {
    test_env_t test;
    dns_server_t server;
    minke_dns_t *dns;
    minke_time_t ahead; /* of the real clock */
    minke_dns_answer_t answer;
    minke_time_t still; /* the clock stands here, but for `ahead`; 0: it does not */
} fixture_t;

static fixture_t *begin(void)
{
    static fixture_t f;
    memset(&f, 0, sizeof f);
    test_env_init(&f.test, 1);
    dns_server_start(&f.server);
    assert_int_equal(minke__dns_new(&f.test.env, f.server.text, &f.dns), MINKE_OK);
    return &f;
}

static void end(fixture_t *f)
{
    minke__dns_free(f->dns);
    dns_server_stop(&f->server);
    assert_int_equal(f->test.blocks, 0);
}

static minke_time_t now(const fixture_t *f)
{
    struct timespec t;
    if (f->still != 0) return f->still + f->ahead;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (minke_time_t)t.tv_sec * SECOND + (minke_time_t)t.tv_nsec / 1000 + f->ahead;
}

static int resolve(fixture_t *f, uint64_t user, const char *text)
{
    minke_multiaddr_t address;
    assert_int_equal(minke__multiaddr_parse(text, strlen(text), &address), MINKE_OK);
    return minke__dns_resolve(f->dns, user, &address, now(f));
}

/* One turn of a loop that knows the descriptor and the deadline alone. */
static void turn(fixture_t *f)
{
    struct pollfd fds[3] = {{minke__dns_fd(f->dns), POLLIN, 0}, {f->server.udp, POLLIN, 0}, {f->server.tcp, POLLIN, 0}};
    const minke_time_t at = minke__dns_deadline(f->dns, now(f)), is = now(f);
    const minke_time_t left = at > is ? (at - is + 999) / 1000 : 0;
    (void)poll(fds, 3, left < 5 ? (int)left : 5);
    dns_server_serve(&f->server);
    if ((fds[0].revents & POLLIN) != 0 || minke__dns_deadline(f->dns, now(f)) <= now(f))
        minke__dns_process(f->dns, now(f));
}

static bool wait_for_answer(fixture_t *f)
{
    const minke_time_t until = now(f) + (minke_time_t)PATIENCE_MS * 1000;
    while (now(f) < until) {
        if (minke__dns_next(f->dns, &f->answer)) return true;
        turn(f);
    }
    return false;
}

static void expect_address(const fixture_t *f, size_t i, const char *expected)
{
    char text[MINKE_MULTIADDR_TEXT_BYTES];
    assert_true(i < f->answer.addresses_n);
    assert_true(minke__multiaddr_text(&f->answer.addresses[i], text, sizeof text) > 0);
    assert_string_equal(text, expected);
}

/* The addresses that `text` stands for, NULL behind the last. */
static void expect(fixture_t *f, const char *text, const char *const *expected)
{
    assert_int_equal(resolve(f, 7, text), MINKE_OK);
    assert_true(wait_for_answer(f));
    assert_int_equal(f->answer.user, 7);
    assert_string_equal(f->answer.error, "");
    size_t n = 0;
    for (; expected[n] != NULL; n++) expect_address(f, n, expected[n]);
    assert_int_equal(f->answer.addresses_n, n);
    assert_false(minke__dns_next(f->dns, &f->answer));
}

static void expect_error(fixture_t *f, const char *text, const char *error)
{
    assert_int_equal(resolve(f, 8, text), MINKE_OK);
    assert_true(wait_for_answer(f));
    assert_int_equal(f->answer.user, 8);
    assert_int_equal(f->answer.addresses_n, 0);
    assert_string_equal(f->answer.error, error);
}

/* ---- addresses ---- */

static void names_become_addresses(void **state)
{
    (void)state;
    fixture_t *f = begin();
    dns_server_add(&f->server, "both.example", DNS_A, "192.0.2.1");
    dns_server_add(&f->server, "both.example", DNS_AAAA, "2001:db8::1");
    dns_server_add(&f->server, "four.example", DNS_A, "192.0.2.4");
    dns_server_add(&f->server, "six.example", DNS_AAAA, "2001:db8::6");
    expect(f, "/dns/both.example/tcp/443/wss" PEER,
           (const char *[]){"/ip6/2001:db8::1/tcp/443/wss" PEER, "/ip4/192.0.2.1/tcp/443/wss" PEER, NULL});
    expect(f, "/dns4/both.example/tcp/4001", (const char *[]){"/ip4/192.0.2.1/tcp/4001", NULL});
    expect(f, "/dns6/both.example/tcp/4001", (const char *[]){"/ip6/2001:db8::1/tcp/4001", NULL});
    expect(f, "/dns/four.example/udp/1/webrtc-direct", (const char *[]){"/ip4/192.0.2.4/udp/1/webrtc-direct", NULL});
    expect(f, "/dns/SIX.example./tcp/1", (const char *[]){"/ip6/2001:db8::6/tcp/1", NULL});
    expect(f, "/dns4/both.example/tcp/1" PEER "/p2p-circuit" OTHER_PEER,
           (const char *[]){"/ip4/192.0.2.1/tcp/1" PEER "/p2p-circuit" OTHER_PEER, NULL});
    end(f);
}

static void families_take_turns_up_to_the_limit(void **state)
{
    (void)state;
    fixture_t *f = begin();
    char value[40];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(value, sizeof value, "192.0.2.%d", i + 1);
        dns_server_add(&f->server, "many.example", DNS_A, value);
        dns_server_add(&f->server, "many.example", DNS_A, value); /* the same again does not count */
        if (i >= 3) continue;
        (void)snprintf(value, sizeof value, "2001:db8::%d", i + 1);
        dns_server_add(&f->server, "many.example", DNS_AAAA, value);
    }
    assert_int_equal(resolve(f, 1, "/dns/many.example/tcp/1"), MINKE_OK);
    assert_true(wait_for_answer(f));
    assert_int_equal(f->answer.addresses_n, MINKE_DNS_ADDRESSES_MAX);
    const minke_multiaddr_t *addresses = f->answer.addresses;
    for (size_t i = 0; i < MINKE_DNS_ADDRESSES_MAX; i++)
        assert_int_equal(addresses[i].bytes[0], i < 6 && i % 2 == 0 ? MINKE_MULTIADDR_IP6 : MINKE_MULTIADDR_IP4);
    end(f);
}

static void localhost_needs_no_server(void **state)
{
    (void)state;
    fixture_t *f = begin();
    expect(f, "/dns/localhost/tcp/1", (const char *[]){"/ip6/::1/tcp/1", "/ip4/127.0.0.1/tcp/1", NULL});
    expect(f, "/dns4/LocalHost./tcp/1", (const char *[]){"/ip4/127.0.0.1/tcp/1", NULL});
    expect(f, "/dns6/a.localhost/tcp/1", (const char *[]){"/ip6/::1/tcp/1", NULL});
    assert_int_equal(f->server.questions_n, 0);
    end(f);
}

static void what_has_no_name_is_not_resolved(void **state)
{
    (void)state;
    fixture_t *f = begin();
    assert_int_equal(resolve(f, 1, "/ip4/192.0.2.1/tcp/1"), MINKE_ERROR_ADDRESS);
    assert_int_equal(resolve(f, 1, "/ip4/192.0.2.1/tcp/1/tls/sni/a.example/ws"), MINKE_ERROR_ADDRESS);
    assert_false(minke__dns_next(f->dns, &f->answer));
    assert_true(minke__dns_deadline(f->dns, 5) == MINKE_TIME_NEVER);
    end(f);
}

/* ---- failures ---- */

static void failures_are_told_in_words(void **state)
{
    (void)state;
    fixture_t *f = begin();
    dns_server_add(&f->server, "four.example", DNS_A, "192.0.2.4");
    dns_server_behave(&f->server, "four.example", DNS_AAAA, DNS_EMPTY);
    dns_server_behave(&f->server, "text.example", DNS_TXT, DNS_EMPTY);
    dns_server_add(&f->server, "_dnsaddr.other.example", DNS_TXT, "dnsaddr=/ip4/192.0.2.1/tcp/1" OTHER_PEER);
    expect_error(f, "/dns/none.example/tcp/1", "none.example does not exist: is it spelt right?");
    expect_error(f, "/dns/text.example/tcp/1", "text.example has no address");
    expect_error(f, "/dns6/four.example/tcp/1", "four.example has no IPv6 address: try /dns or /dns4");
    expect_error(f, "/dns/a..b/tcp/1", "\"a..b\" is no name that DNS could know: is it spelt right?");
    expect_error(f, "/dns/a\\.b/tcp/1", "\"a\\.b\" is no name that DNS could know: is it spelt right?");
    expect_error(f, "/dnsaddr/four.example" PEER, "there is no TXT record at _dnsaddr.four.example: try /dns");
    expect_error(f, "/dnsaddr/other.example" PEER,
                 "no TXT record at _dnsaddr.other.example is for this address: is the peer id right?");
    end(f);
}

/* c-ares 1.18 does not tell it from a server that cannot be reached; later releases do. */
static void servers_that_fail_are_told(void **state)
{
    (void)state;
    fixture_t *f = begin();
    dns_server_behave(&f->server, "broken.example", DNS_A, DNS_FAILURE);
    assert_int_equal(resolve(f, 8, "/dns4/broken.example/tcp/1"), MINKE_OK);
    assert_true(wait_for_answer(f));
    assert_non_null(strstr(f->answer.error, " fails "));
    assert_non_null(strstr(f->answer.error, "broken.example"));
    end(f);
}

static void long_names_are_refused_and_shown_short(void **state)
{
    (void)state;
    fixture_t *f = begin();
    char label[65], text[320];
    memset(label, 'a', 64);
    label[64] = 0;
    (void)snprintf(text, sizeof text, "/dns/%s.example/tcp/1", label);
    (void)resolve(f, 1, text);
    assert_true(minke__dns_next(f->dns, &f->answer));
    (void)snprintf(text, sizeof text, "\"%.64s..\" is no name that DNS could know: is it spelt right?", label);
    assert_string_equal(f->answer.error, text);
    /* Good for /dns, and too long with _dnsaddr. in front. */
    (void)snprintf(text, sizeof text, "/dnsaddr/%.62s.%.62s.%.62s.%.62s/tcp/1", label, label, label, label);
    (void)resolve(f, 1, text);
    assert_true(minke__dns_next(f->dns, &f->answer));
    assert_non_null(strstr(f->answer.error, "is too long a name for /dnsaddr"));
    assert_int_equal(f->server.questions_n, 0);
    end(f);
}

static void broken_answers_do_no_harm(void **state)
{
    (void)state;
    fixture_t *f = begin();
    dns_server_behave(&f->server, "garbage.example", DNS_AAAA, DNS_GARBAGE);
    dns_server_behave(&f->server, "garbage.example", DNS_A, DNS_GARBAGE);
    dns_server_behave(&f->server, "_dnsaddr.garbage.example", DNS_TXT, DNS_GARBAGE);
    dns_server_add(&f->server, "short.example", DNS_A, "192.0.2.1");
    f->server.records[f->server.records_n - 1].behaviour = DNS_SHORT;
    dns_server_behave(&f->server, "half.example", DNS_AAAA, DNS_GARBAGE);
    dns_server_add(&f->server, "half.example", DNS_A, "192.0.2.9");
    /* Some releases of c-ares wait for a better answer, some fail at once: either way there is an end. */
    const char *const broken[] = {"/dns/garbage.example/tcp/1", "/dnsaddr/garbage.example/tcp/1",
                                  "/dns4/short.example/tcp/1"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(resolve(f, i, broken[i]), MINKE_OK);
        for (int turns = 0; turns < 20; turns++) turn(f);
        f->ahead += 10 * (minke_time_t)SECOND;
        assert_true(wait_for_answer(f));
        assert_int_equal(f->answer.addresses_n, 0);
        assert_true(f->answer.error[0] != 0);
    }
    expect(f, "/dns/half.example/tcp/1", (const char *[]){"/ip4/192.0.2.9/tcp/1", NULL});
    end(f);
}

static void silence_ends_after_ten_seconds(void **state)
{
    (void)state;
    fixture_t *f = begin();
    f->server.is_silent = true;
    const minke_time_t start = now(f);
    assert_int_equal(resolve(f, 3, "/dns/silent.example/tcp/1"), MINKE_OK);
    for (int i = 0; i < 10; i++) turn(f);
    assert_false(minke__dns_next(f->dns, &f->answer));
    assert_true(minke__dns_deadline(f->dns, now(f)) <= start + 11 * (minke_time_t)SECOND);
    f->ahead += 10 * (minke_time_t)SECOND;
    minke__dns_process(f->dns, now(f));
    assert_true(minke__dns_next(f->dns, &f->answer));
    assert_string_equal(f->answer.error, "no DNS server answered within 10 s: is there a network?");
    assert_true(f->server.questions_n > 0);
    assert_true(minke__dns_deadline(f->dns, now(f)) == MINKE_TIME_NEVER);
    end(f);
}

/* RFC 4074: some servers never answer when asked for AAAA. */
static void one_silent_family_costs_a_second(void **state)
{
    (void)state;
    fixture_t *f = begin();
    dns_server_behave(&f->server, "half.example", DNS_AAAA, DNS_SILENCE);
    dns_server_add(&f->server, "half.example", DNS_A, "192.0.2.1");
    f->still = now(f); /* on a machine that is slow a second may pass in a few turns */
    assert_int_equal(resolve(f, 1, "/dns/half.example/tcp/1"), MINKE_OK);
    for (int i = 0; i < 60; i++) turn(f);
    assert_false(minke__dns_next(f->dns, &f->answer));
    /* c-ares itself would ask again half a second later. */
    const minke_time_t at = minke__dns_deadline(f->dns, now(f));
    assert_true(at <= now(f) + SECOND);
    f->ahead += at - now(f);
    minke__dns_process(f->dns, now(f));
    assert_true(minke__dns_next(f->dns, &f->answer));
    assert_string_equal(f->answer.error, "");
    expect_address(f, 0, "/ip4/192.0.2.1/tcp/1");
    end(f);
}

static void nobody_at_the_port_is_told(void **state)
{
    (void)state;
    fixture_t *f = begin();
    dns_server_stop(&f->server);
    f->server.udp = f->server.tcp = -1;
    assert_int_equal(resolve(f, 1, "/dns4/any.example/tcp/1"), MINKE_OK);
    assert_true(wait_for_answer(f));
    /* What c-ares calls a refused port has changed over its releases. */
    assert_non_null(strstr(f->answer.error, " DNS server "));
    assert_non_null(strstr(f->answer.error, "is there a network"));
    minke__dns_free(f->dns);
    assert_int_equal(f->test.blocks, 0);
}

static void servers_are_checked_first(void **state)
{
    (void)state;
    test_env_t test;
    minke_dns_t *dns;
    test_env_init(&test, 1);
    assert_int_equal(minke__dns_new(&test.env, "127.0.0.1:53,[::1]:5353", &dns), MINKE_OK);
    minke__dns_free(dns);
    assert_int_equal(minke__dns_new(&test.env, "not a server", &dns), MINKE_ERROR_INVALID);
    minke__dns_free(NULL);
    assert_int_equal(test.blocks, 0);
}

/* ---- TXT records ---- */

static void dnsaddr_takes_the_records_of_the_peer(void **state)
{
    (void)state;
    fixture_t *f = begin();
    const char *name = "_dnsaddr.a.example";
    dns_server_add(&f->server, name, DNS_TXT, "dnsaddr=/ip4/192.0.2.1/tcp/1" PEER);
    dns_server_add(&f->server, name, DNS_TXT, "dnsaddr=/ip4/192.0.2.2/tcp/1" OTHER_PEER);
    dns_server_add(&f->server, name, DNS_TXT, "v=spf1 -all");
    dns_server_add(&f->server, name, DNS_TXT, "dnsaddr=/ip4/192.0.2.3/nonsense/1" PEER);
    dns_server_add(&f->server, name, DNS_TXT, "dnsaddr=" PEER);
    dns_server_add(&f->server, name, DNS_TXT, "dnsaddr=/ip6/2001:db8::1/udp/1/quic-v1" PEER);
    expect(f, "/dnsaddr/a.example" PEER,
           (const char *[]){"/ip6/2001:db8::1/udp/1/quic-v1" PEER, "/ip4/192.0.2.1/tcp/1" PEER, NULL});
    expect(f, "/dnsaddr/a.example" OTHER_PEER, (const char *[]){"/ip4/192.0.2.2/tcp/1" OTHER_PEER, NULL});
    expect(f, "/dnsaddr/a.example",
           (const char *[]){"/ip6/2001:db8::1/udp/1/quic-v1" PEER, "/ip4/192.0.2.1/tcp/1" PEER,
                            "/ip4/192.0.2.2/tcp/1" OTHER_PEER, NULL});
    expect(f, "/dnsaddr/a.example" OTHER_PEER "/p2p-circuit" PEER,
           (const char *[]){"/ip4/192.0.2.2/tcp/1" OTHER_PEER "/p2p-circuit" PEER, NULL});
    end(f);
}

static void dnsaddr_goes_on_to_other_names(void **state)
{
    (void)state;
    fixture_t *f = begin();
    dns_server_add(&f->server, "_dnsaddr.a.example", DNS_TXT, "dnsaddr=/dnsaddr/b.example" PEER);
    dns_server_add(&f->server, "_dnsaddr.a.example", DNS_TXT, "dnsaddr=/dnsaddr/c.example" OTHER_PEER);
    dns_server_add(&f->server, "_dnsaddr.b.example", DNS_TXT, "dnsaddr=/dns4/host.example/tcp/443/wss" PEER);
    dns_server_add(&f->server, "_dnsaddr.b.example", DNS_TXT, "dnsaddr=/dns/nowhere.example/tcp/443/wss" PEER);
    dns_server_add(&f->server, "host.example", DNS_A, "192.0.2.1");
    expect(f, "/dnsaddr/a.example" PEER, (const char *[]){"/ip4/192.0.2.1/tcp/443/wss" PEER, NULL});
    end(f);
}

/* 0 leads to 1, and so on; the last has an address. */
static void make_chain(dns_server_t *server, int steps)
{
    static char names[8][32];
    char value[100];
    for (int i = 0; i < steps; i++) {
        (void)snprintf(names[i], sizeof names[i], "_dnsaddr.%d.example", i);
        (void)snprintf(value, sizeof value, "dnsaddr=/dnsaddr/%d.example/tcp/1", i + 1);
        dns_server_add(server, names[i], DNS_TXT, value);
    }
    (void)snprintf(names[steps], sizeof names[steps], "_dnsaddr.%d.example", steps);
    dns_server_add(server, names[steps], DNS_TXT, "dnsaddr=/ip4/192.0.2.1/tcp/1");
}

static void four_steps_are_the_most(void **state)
{
    (void)state;
    fixture_t *f = begin();
    make_chain(&f->server, 4);
    expect(f, "/dnsaddr/0.example/tcp/1", (const char *[]){"/ip4/192.0.2.1/tcp/1", NULL});
    end(f);
    f = begin();
    make_chain(&f->server, 5);
    expect_error(f, "/dnsaddr/0.example/tcp/1",
                 "too many /dnsaddr records lead from one to the next, the last to 5.example");
    end(f);
}

static void circles_end(void **state)
{
    (void)state;
    fixture_t *f = begin();
    dns_server_add(&f->server, "_dnsaddr.a.example", DNS_TXT, "dnsaddr=/dnsaddr/b.example");
    dns_server_add(&f->server, "_dnsaddr.b.example", DNS_TXT, "dnsaddr=/dnsaddr/a.example");
    expect_error(f, "/dnsaddr/a.example", "the /dnsaddr records lead in a circle, back to a.example");
    assert_int_equal(f->server.questions_n, 2);
    end(f);
}

static void questions_are_counted(void **state)
{
    (void)state;
    fixture_t *f = begin();
    char value[100];
    for (int i = 0; i < 60; i++) {
        (void)snprintf(value, sizeof value, "dnsaddr=/dns4/%d.example/tcp/1", i);
        dns_server_add(&f->server, "_dnsaddr.a.example", DNS_TXT, value);
    }
    for (int i = 0; i < DNS_RECORDS_MAX - 60; i++) dns_server_behave(&f->server, "unused.example", DNS_A, DNS_EMPTY);
    f->server.records[60] = (dns_record_t){.name = "59.example", .type = DNS_A, .value = "192.0.2.59"};
    expect_error(f, "/dnsaddr/a.example", "too many names are to be looked up, among them 31.example");
    /* The first may have been asked again over TCP: its answer is longer than c-ares 1.18 takes over UDP. */
    assert_in_range(f->server.questions_n, MINKE_DNS_QUESTIONS_MAX, MINKE_DNS_QUESTIONS_MAX + 1);
    end(f);
}

static void long_answers_come_over_tcp(void **state)
{
    (void)state;
    fixture_t *f = begin();
    char text[280] = "dnsaddr=/dns4/";
    memset(text + strlen(text), 'a', 60);
    strcat(text, ".example/tcp/1/tls/sni/");
    memset(text + strlen(text), 'b', 60);
    strcat(text, ".example/ws" PEER);
    dns_server_add(&f->server, "_dnsaddr.long.example", DNS_TXT, text);
    f->server.records[0].behaviour = DNS_TRUNCATED;
    dns_server_add(&f->server, "_dnsaddr.long.example", DNS_TXT, "dnsaddr=/ip4/192.0.2.1/tcp/1" PEER);
    expect(f, "/dnsaddr/long.example" PEER, (const char *[]){"/ip4/192.0.2.1/tcp/1" PEER, NULL});
    end(f);
}

/* ---- many, and none any more ---- */

static void each_number_gets_its_answer(void **state)
{
    (void)state;
    fixture_t *f = begin();
    bool seen[MINKE_DNS_RESOLUTIONS_MAX] = {false};
    char text[64];
    dns_server_add(&f->server, "a.example", DNS_A, "192.0.2.1");
    for (uint64_t i = 0; i < MINKE_DNS_RESOLUTIONS_MAX; i++) {
        (void)snprintf(text, sizeof text, "/dns4/a.example/tcp/%u", (unsigned)i + 1);
        assert_int_equal(resolve(f, i, text), MINKE_OK);
    }
    assert_int_equal(resolve(f, 99, "/dns4/a.example/tcp/1"), MINKE_ERROR_LIMIT);
    assert_int_equal(resolve(f, 99, "/dns/localhost/tcp/1"), MINKE_ERROR_LIMIT);
    for (size_t i = 0; i < MINKE_DNS_RESOLUTIONS_MAX; i++) {
        assert_true(wait_for_answer(f));
        assert_true(f->answer.user < MINKE_DNS_RESOLUTIONS_MAX);
        assert_false(seen[f->answer.user]);
        seen[f->answer.user] = true;
        (void)snprintf(text, sizeof text, "/ip4/192.0.2.1/tcp/%u", (unsigned)f->answer.user + 1);
        expect_address(f, 0, text);
    }
    assert_int_equal(resolve(f, 99, "/dns4/a.example/tcp/1"), MINKE_OK);
    end(f);
}

static void cancelled_ones_are_silent(void **state)
{
    (void)state;
    fixture_t *f = begin();
    dns_server_add(&f->server, "a.example", DNS_A, "192.0.2.1");
    assert_int_equal(resolve(f, 1, "/dns/a.example/tcp/1"), MINKE_OK);
    assert_int_equal(resolve(f, 2, "/dns4/a.example/tcp/2"), MINKE_OK);
    assert_int_equal(resolve(f, 3, "/dns/localhost/tcp/2"), MINKE_OK);
    minke__dns_cancel(f->dns, 1);
    minke__dns_cancel(f->dns, 3);
    minke__dns_cancel(f->dns, 4);
    assert_true(wait_for_answer(f));
    assert_int_equal(f->answer.user, 2);
    for (int i = 0; i < 10; i++) turn(f);
    assert_false(minke__dns_next(f->dns, &f->answer));
    /* The last one: nothing is asked for any more, nothing is due. */
    assert_int_equal(resolve(f, 5, "/dns/a.example/tcp/1"), MINKE_OK);
    minke__dns_cancel(f->dns, 5);
    assert_true(minke__dns_deadline(f->dns, 5) == MINKE_TIME_NEVER);
    end(f);
}

/* c-ares keeps the questions of those that were given up; there is an end to how many. */
static void questions_of_the_cancelled_are_bounded(void **state)
{
    (void)state;
    fixture_t *f = begin();
    f->server.is_silent = true;
    assert_int_equal(resolve(f, 1, "/dns4/stays.example/tcp/1"), MINKE_OK);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(resolve(f, 2, "/dns/goes.example/tcp/1"), MINKE_OK);
        if (minke__dns_next(f->dns, &f->answer)) {
            assert_true(i >= 200);
            assert_string_equal(f->answer.error, "too many names are to be looked up, among them goes.example");
        }
        minke__dns_cancel(f->dns, 2);
    }
    minke__dns_cancel(f->dns, 1);
    f->server.is_silent = false;
    for (int i = 0; i < 3; i++) dns_server_serve(&f->server);
    dns_server_add(&f->server, "goes.example", DNS_A, "192.0.2.1");
    expect(f, "/dns/goes.example/tcp/1", (const char *[]){"/ip4/192.0.2.1/tcp/1", NULL});
    end(f);
}

static void freeing_ends_everything(void **state)
{
    (void)state;
    fixture_t *f = begin();
    f->server.is_silent = true;
    for (uint64_t i = 0; i < 5; i++) assert_int_equal(resolve(f, i, "/dns/a.example/tcp/1"), MINKE_OK);
    assert_int_equal(resolve(f, 5, "/dnsaddr/a.example"), MINKE_OK);
    assert_int_equal(resolve(f, 6, "/dns/localhost/tcp/1"), MINKE_OK);
    for (int i = 0; i < 3; i++) turn(f);
    minke__dns_cancel(f->dns, 4);
    end(f);
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    bool answered = false;
    for (uint64_t n = 1; !answered; n++) {
        fixture_t *f = begin();
        dns_server_add(&f->server, "_dnsaddr.a.example", DNS_TXT, "dnsaddr=/dns/b.example/tcp/1");
        dns_server_add(&f->server, "b.example", DNS_A, "192.0.2.1");
        dns_server_add(&f->server, "b.example", DNS_AAAA, "2001:db8::1");
        minke__dns_free(f->dns);
        f->dns = NULL;
        f->test.allocations = 0;
        f->test.fail_at = n;
        f->test.fail_for_good = n % 2 == 0;
        if (minke__dns_new(&f->test.env, f->server.text, &f->dns) == MINKE_OK &&
            resolve(f, 1, "/dnsaddr/a.example/tcp/1") == MINKE_OK) {
            assert_true(wait_for_answer(f));
            answered = f->answer.addresses_n == 2;
            if (f->answer.addresses_n == 0) assert_memory_equal(f->answer.error, "out of memory looking up ", 25);
            else if (!answered) assert_string_equal(f->answer.error, "");
        }
        assert_true(n < 50);
        assert_true(n > 4 || !answered);
        end(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_addresses),
        cmocka_unit_test(families_take_turns_up_to_the_limit),
        cmocka_unit_test(localhost_needs_no_server),
        cmocka_unit_test(what_has_no_name_is_not_resolved),
        cmocka_unit_test(failures_are_told_in_words),
        cmocka_unit_test(servers_that_fail_are_told),
        cmocka_unit_test(long_names_are_refused_and_shown_short),
        cmocka_unit_test(broken_answers_do_no_harm),
        cmocka_unit_test(silence_ends_after_ten_seconds),
        cmocka_unit_test(one_silent_family_costs_a_second),
        cmocka_unit_test(nobody_at_the_port_is_told),
        cmocka_unit_test(servers_are_checked_first),
        cmocka_unit_test(dnsaddr_takes_the_records_of_the_peer),
        cmocka_unit_test(dnsaddr_goes_on_to_other_names),
        cmocka_unit_test(four_steps_are_the_most),
        cmocka_unit_test(circles_end),
        cmocka_unit_test(questions_are_counted),
        cmocka_unit_test(long_answers_come_over_tcp),
        cmocka_unit_test(each_number_gets_its_answer),
        cmocka_unit_test(cancelled_ones_are_silent),
        cmocka_unit_test(questions_of_the_cancelled_are_bounded),
        cmocka_unit_test(freeing_ends_everything),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
