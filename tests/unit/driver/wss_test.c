/* wss through a proxy that takes TLS off, in front of a WebSocket listener; and proxies whose certificates are wrong.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/driver/authority.h"
#include "unit/driver/dns_server.h"
#include "unit/driver/meeting.h"
#include "unit/driver/tls_proxy.h"

typedef struct fixture {
    meeting_t m;
    tls_proxy_t proxy;
    dns_server_t dns;
    authority_t authority, stranger;
    char path[64]; /* of the authority's certificate */
    minke_host_options_t options;
} fixture_t;

static void turn(void *user)
{
    fixture_t *f = user;
    dns_server_serve(&f->dns);
    tls_proxy_turn(&f->proxy);
}

static SSL_CTX *server_with(const certificate_wish_t *wish)
{
    authority_t own = make_certificate(wish);
    SSL_CTX *server = make_server(&own, NULL);
    free_certificate(&own);
    return server;
}

static SSL_CTX *good_server(const fixture_t *f, const char *names)
{
    return server_with(&(certificate_wish_t){.names = names, .issuer = &f->authority});
}

static fixture_t *begin(void)
{
    static fixture_t f;
    char path[64];
    memset(&f, 0, sizeof f);
    f.authority = make_certificate(&(certificate_wish_t){.common_name = "Test Authority", .is_authority = true});
    f.stranger = make_certificate(&(certificate_wish_t){.common_name = "Stranger", .is_authority = true});
    write_pem(&f.authority, f.path);
    memcpy(path, f.path, sizeof path);
    dns_server_start(&f.dns);
    dns_server_add(&f.dns, "relay.example", DNS_A, "127.0.0.1");
    minke_host_defaults(&f.options);
    f.options.ca_file = path;
    f.options.dns_servers = f.dns.text;
    f.options.transport.dial_after = 3000000;
    meeting_begin(&f.m, "/ip4/127.0.0.1/tcp/0/ws", &f.options);
    memset(path, 'x', 10); /* it was copied */
    f.options.ca_file = f.path;
    f.m.turn = turn;
    f.m.user = &f;
    tls_proxy_start(&f.proxy, good_server(&f, "DNS:relay.example,IP:127.0.0.1"), f.m.port);
    return &f;
}

static void end(fixture_t *f)
{
    meeting_end(&f->m);
    tls_proxy_stop(&f->proxy);
    dns_server_stop(&f->dns);
    free_certificate(&f->authority);
    free_certificate(&f->stranger);
    (void)unlink(f->path);
}

/* `host`, the proxy's port, `transport`. The text is valid until the next call. */
static const char *address_of(const fixture_t *f, const char *host, const char *transport)
{
    static char text[256];
    (void)snprintf(text, sizeof text, "%s/tcp/%u%s", host, f->proxy.port, transport);
    return text;
}

static void good_certificates_connect(void **state)
{
    (void)state;
    fixture_t *f = begin();
    const char *named = "/dns4/relay.example";
    meeting_expect_success(&f->m, address_of(f, named, "/wss"));
    assert_string_equal(f->proxy.asked, "relay.example");
    assert_string_equal(f->proxy.alpn, "http/1.1");
    assert_string_equal(f->m.remote, address_of(f, "/ip4/127.0.0.1", "/wss"));
    meeting_expect_success(&f->m, address_of(f, named, "/tls/ws"));
    meeting_expect_success(&f->m, address_of(f, "/ip4/127.0.0.1", "/tls/sni/relay.example/ws"));
    assert_string_equal(f->proxy.asked, "relay.example");
    f->proxy.asked[0] = 0;
    meeting_expect_success(&f->m, address_of(f, "/ip4/127.0.0.1", "/wss"));
    assert_string_equal(f->proxy.asked, ""); /* RFC 6066 3: no IP addresses */
    assert_int_equal(f->proxy.accepted, 4);
    end(f);
}

/* The last name counts, not the one that led to it. */
static void names_of_dnsaddr_are_followed(void **state)
{
    (void)state;
    fixture_t *f = begin();
    char record[300];
    (void)snprintf(record, sizeof record, "dnsaddr=%s", address_of(f, "/dns4/relay.example", "/wss"));
    dns_server_add(&f->dns, "_dnsaddr.start.example", DNS_TXT, record);
    meeting_expect_success(&f->m, "/dnsaddr/start.example");
    assert_string_equal(f->proxy.asked, "relay.example");
    (void)snprintf(record, sizeof record, "dnsaddr=%s", address_of(f, "/ip4/127.0.0.1", "/wss"));
    dns_server_add(&f->dns, "_dnsaddr.other.example", DNS_TXT, record);
    f->proxy.asked[0] = 0;
    meeting_expect_success(&f->m, "/dnsaddr/other.example");
    assert_string_equal(f->proxy.asked, "");
    end(f);
}

/* Many bytes, both ways, in many records. */
static void much_goes_through(void **state)
{
    (void)state;
    fixture_t *f = begin();
    meeting_dial_one(&f->m, address_of(f, "/dns4/relay.example", "/wss"));
    assert_true(meeting_connects(&f->m));
    minke_connection_stats_t stats;
    assert_int_equal(minke_stats(f->m.dialer, f->m.connection, &stats), MINKE_OK);
    assert_int_equal(stats.kind, MINKE_PATH_WEBSOCKET_TLS);
    for (int i = 0; i < 4; i++) meeting_open(&f->m, 2000000);
    assert_true(meeting_echoes(&f->m));
    for (int i = 0; i < 20; i++) meeting_turn(&f->m);
    f->m.wakeups = 0;
    for (int i = 0; i < 20; i++) meeting_turn(&f->m);
    assert_in_range(f->m.wakeups, 0, 2);
    /* The listener goes: its close frame comes through, and is what ended it. */
    minke_host_free(f->m.listener);
    f->m.listener = NULL;
    assert_true(meeting_run_until(&f->m, &f->m.ended));
    assert_string_equal(f->m.close.text, "the remote closed the WebSocket with code 1000");
    end(f);
}

/* ---- what is refused ---- */

static void expect_refused(fixture_t *f, SSL_CTX *server, const char *host, int code, const char *text)
{
    tls_proxy_become(&f->proxy, server, TLS_PROXY_FORWARD);
    meeting_expect_failure(&f->m, address_of(f, host, "/wss"), code, text);
}

static const char *dated(const char *before, long days, const char *after)
{
    static char text[192];
    char date[16];
    const time_t at = time(NULL) + days * 86400;
    struct tm parts;
    assert_non_null(gmtime_r(&at, &parts));
    assert_true(strftime(date, sizeof date, "%Y-%m-%d", &parts) > 0);
    (void)snprintf(text, sizeof text, "%s%s%s", before, date, after);
    return text;
}

static void wrong_certificates_are_refused(void **state)
{
    (void)state;
    fixture_t *f = begin();
    const char *named = "/dns4/relay.example", *names = "DNS:relay.example";
    expect_refused(f, server_with(&(certificate_wish_t){.names = names, .issuer = &f->stranger}), named,
                   MINKE_ERROR_CRYPTO,
                   "the certificate of relay.example is signed by an authority that this machine does not trust: "
                   "\"Stranger\"; is ca-certificates installed?");
    for (int i = 0; i < 5; i++) meeting_turn(&f->m);
    const size_t before = meeting_descriptors();
    expect_refused(f, server_with(&(certificate_wish_t){.names = names}), named, MINKE_ERROR_CRYPTO,
                   "the certificate of relay.example is self-signed: nobody vouches for it; if it is yours, add it to "
                   "the trusted ones");
    expect_refused(f, good_server(f, "DNS:other.example"), named, MINKE_ERROR_CRYPTO,
                   "the certificate is for other.example, not for relay.example");
    expect_refused(f, good_server(f, names), "/ip4/127.0.0.1", MINKE_ERROR_CRYPTO,
                   "the certificate is for relay.example, not for 127.0.0.1");
    expect_refused(
        f,
        server_with(&(certificate_wish_t){.names = names, .issuer = &f->authority, .from_days = -30, .to_days = -10}),
        named, MINKE_ERROR_CRYPTO,
        dated("the certificate of relay.example expired on ", -10,
              ": its operator must renew it, or this machine's clock is wrong"));
    expect_refused(
        f, server_with(&(certificate_wish_t){.names = names, .issuer = &f->authority, .from_days = 5, .to_days = 10}),
        named, MINKE_ERROR_CRYPTO,
        dated("the certificate of relay.example is not valid before ", 5, ": is this machine's clock right?"));
    for (int i = 0; i < 5; i++) meeting_turn(&f->m);
    assert_int_equal(meeting_descriptors(), before);
    end(f);
}

static void old_versions_are_refused(void **state)
{
    (void)state;
    fixture_t *f = begin();
    SSL_CTX *server = good_server(f, "DNS:relay.example");
    SSL_CTX_set_security_level(server, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(server, 0), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(server, TLS1_1_VERSION), 1);
    expect_refused(f, server, "/dns4/relay.example", MINKE_ERROR_UNSUPPORTED,
                   "the remote speaks neither TLS 1.2 nor 1.3: it must be updated");
    end(f);
}

static void expect_mode(fixture_t *f, tls_proxy_mode_t mode, int code, const char *text)
{
    tls_proxy_become(&f->proxy, good_server(f, "DNS:relay.example"), mode);
    meeting_expect_failure(&f->m, address_of(f, "/dns4/relay.example", "/wss"), code, text);
}

static void what_is_no_tls_is_refused(void **state)
{
    (void)state;
    fixture_t *f = begin();
    expect_mode(f, TLS_PROXY_GARBAGE, MINKE_ERROR_MALFORMED,
                "the remote does not speak TLS here: is it /ws rather than /wss?");
    expect_mode(f, TLS_PROXY_CLOSE, MINKE_ERROR_CONNECTION_CLOSED,
                "the remote ended the connection during the TLS handshake");
    expect_mode(f, TLS_PROXY_SILENT, MINKE_ERROR_TIMEOUT,
                "no answer within 3 s: is anybody listening there, and does a firewall let it through?");
    expect_mode(f, TLS_PROXY_END, MINKE_OK, "the remote closed the TLS connection");
    expect_mode(f, TLS_PROXY_CUT, MINKE_ERROR_CONNECTION_CLOSED,
                "the remote ended the connection without a TLS farewell: something may be missing");
    /* A WebSocket where TLS should be, and the other way round. */
    char address[128];
    (void)snprintf(address, sizeof address, "/ip4/127.0.0.1/tcp/%u/wss", f->m.port);
    meeting_expect_failure(&f->m, address, MINKE_ERROR_MALFORMED,
                           "the remote does not speak TLS here: is it /ws rather than /wss?");
    end(f);
}

/* ---- files of authorities ---- */

static void expect_file(const char *ca_file, int code, const char *text)
{
    meeting_t m;
    minke_host_options_t options;
    minke_host_defaults(&options);
    options.ca_file = ca_file;
    meeting_begin(&m, NULL, &options);
    for (int i = 0; i < 2; i++) meeting_expect_failure(&m, "/ip4/127.0.0.1/tcp/1/wss", code, text);
    meeting_end(&m);
}

static void files_of_authorities_are_checked(void **state)
{
    (void)state;
    expect_file("/nonexistent/ca.pem", MINKE_ERROR_SYSTEM,
                "the file of authorities cannot be read, No such file or directory: /nonexistent/ca.pem");
    expect_file("/dev/null", MINKE_ERROR_SYSTEM, "the file of authorities holds no certificate in PEM form: /dev/null");
}

/* The host ends while TLS is being set up, and while it is open. */
static void hosts_end_at_any_time(void **state)
{
    (void)state;
    for (int turns = 0; turns < 12; turns++) {
        fixture_t *f = begin();
        meeting_dial_one(&f->m, address_of(f, "/dns4/relay.example", "/wss"));
        for (int i = 0; i < turns; i++) meeting_turn(&f->m);
        end(f);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    fixture_t *f = begin();
    meeting_survives_without_memory(&f->m, address_of(f, "/dns4/relay.example", "/wss"), &f->options);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_certificates_connect),
        cmocka_unit_test(names_of_dnsaddr_are_followed),
        cmocka_unit_test(much_goes_through),
        cmocka_unit_test(wrong_certificates_are_refused),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(what_is_no_tls_is_refused),
        cmocka_unit_test(files_of_authorities_are_checked),
        cmocka_unit_test(hosts_end_at_any_time),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
