/* Which certificates are taken, and what is said of the others. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/driver/tls_pair.h"

static void expect_certificate_refused(world_t *world, const certificate_wish_t *wish, const char *name,
                                       const char *text)
{
    authority_t own = make_certificate(wish);
    SSL_CTX *server = make_server(&own, NULL);
    free_certificate(&own);
    tls_expect_refused(world, server, name, MINKE_ERROR_CRYPTO, text);
}

static void good_certificates_open(void **state)
{
    world_t *world = *state;
    tls_expect_open(world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    tls_expect_open(world, tls_good_server(world, "DNS:a.example,DNS:relay.example"), "Relay.Example.");
    tls_expect_open(world, tls_good_server(world, "DNS:*.relay.example"), "a.relay.example");
    tls_expect_open(world, tls_good_server(world, "IP:192.0.2.1"), "192.0.2.1");
    tls_expect_open(world, tls_good_server(world, "IP:2001:db8::1"), "2001:db8::1");
}

static void certificates_of_others_are_refused(void **state)
{
    world_t *world = *state;
    tls_expect_refused(world, tls_good_server(world, "DNS:a.example,DNS:b.example"), "c.example", MINKE_ERROR_CRYPTO,
                       "the certificate is for a.example, b.example, not for c.example");
    tls_expect_refused(world, tls_good_server(world, "DNS:*.b.example"), "a.a.b.example", MINKE_ERROR_CRYPTO,
                       "the certificate is for *.b.example, not for a.a.b.example");
    tls_expect_refused(world, tls_good_server(world, "DNS:a*.b.example"), "ab.b.example", MINKE_ERROR_CRYPTO,
                       "the certificate is for a*.b.example, not for ab.b.example");
    tls_expect_refused(world, tls_good_server(world, "IP:192.0.2.1,IP:2001:db8::1,DNS:a,DNS:b,DNS:c"), "192.0.2.2",
                       MINKE_ERROR_CRYPTO,
                       "the certificate is for 192.0.2.1, 2001:db8::1, a and 2 more, not for 192.0.2.2");
    tls_expect_refused(world, tls_good_server(world, "DNS:192.0.2.1"), "192.0.2.1", MINKE_ERROR_CRYPTO,
                       "the certificate is for 192.0.2.1, not for 192.0.2.1");
    tls_expect_refused(world, tls_good_server(world, "email:a@example"), "c.example", MINKE_ERROR_CRYPTO,
                       "the certificate is for no host at all, not for c.example");
}

/* The common name is not looked at, as browsers do not. */
static void common_names_do_not_count(void **state)
{
    world_t *world = *state;
    expect_certificate_refused(world,
                               &(certificate_wish_t){.common_name = "relay.example", .issuer = &world->authority},
                               "relay.example", "the certificate is for no host at all, not for relay.example");
}

static void date_in(char *out, long days)
{
    const time_t at = time(NULL) + days * 86400;
    struct tm parts;
    assert_non_null(gmtime_r(&at, &parts));
    assert_true(strftime(out, 16, "%Y-%m-%d", &parts) > 0);
}

static void dates_are_told(void **state)
{
    world_t *world = *state;
    char date[16], text[192];
    certificate_wish_t wish = {.names = "DNS:relay.example", .issuer = &world->authority, .from_days = -30};
    wish.to_days = -10;
    date_in(date, wish.to_days);
    (void)snprintf(text, sizeof text,
                   "the certificate of relay.example expired on %s: its operator must renew it, or this machine's "
                   "clock is wrong",
                   date);
    expect_certificate_refused(world, &wish, "relay.example", text);
    wish.from_days = 5;
    wish.to_days = 10;
    date_in(date, wish.from_days);
    (void)snprintf(text, sizeof text,
                   "the certificate of relay.example is not valid before %s: is this machine's clock right?", date);
    expect_certificate_refused(world, &wish, "relay.example", text);
}

static void unknown_authorities_are_refused(void **state)
{
    world_t *world = *state;
    const char *text = "the certificate of relay.example is signed by an authority that this machine does not trust: "
                       "\"Strange?[31m CA\"; is ca-certificates installed?";
    const certificate_wish_t wish = {.names = "DNS:relay.example", .issuer = &world->stranger};
    expect_certificate_refused(world, &wish, "relay.example", text);
    authority_t own = make_certificate(&wish);
    SSL_CTX *server = make_server(&own, &world->stranger);
    free_certificate(&own);
    tls_expect_refused(world, server, "relay.example", MINKE_ERROR_CRYPTO, text);
    expect_certificate_refused(
        world, &(certificate_wish_t){.names = "DNS:relay.example"}, "relay.example",
        "the certificate of relay.example is self-signed: nobody vouches for it; if it is yours, "
        "add it to the trusted ones");
}

static void chains_are_followed(void **state)
{
    world_t *world = *state;
    certificate_wish_t between = {.common_name = "Between", .issuer = &world->authority, .is_authority = true};
    for (int expired = 0; expired < 2; expired++) {
        authority_t middle = make_certificate(&between);
        authority_t own = make_certificate(&(certificate_wish_t){.names = "DNS:relay.example", .issuer = &middle});
        SSL_CTX *server = make_server(&own, &middle);
        char date[16], text[192];
        date_in(date, between.to_days);
        (void)snprintf(text, sizeof text,
                       "the certificate of the authority \"Between\" of relay.example expired on %s: its operator must "
                       "renew it, or this machine's clock is wrong",
                       date);
        if (expired) tls_expect_refused(world, server, "relay.example", MINKE_ERROR_CRYPTO, text);
        else tls_expect_open(world, server, "relay.example");
        free_certificate(&own);
        free_certificate(&middle);
        between.from_days = -20;
        between.to_days = -10;
    }
}

/* What the sentence advises. */
static void a_self_signed_one_may_be_trusted(void **state)
{
    world_t *world = *state;
    minke_tls_context_t *before = world->context;
    char path[64];
    authority_t own = make_certificate(&(certificate_wish_t){.names = "DNS:relay.example"});
    write_pem(&own, path);
    assert_int_equal(minke__tls_context_new(&world->test.env, path, &world->context), MINKE_OK);
    (void)unlink(path);
    tls_expect_open(world, make_server(&own, NULL), "relay.example");
    minke__tls_context_free(world->context);
    world->context = before;
    free_certificate(&own);
}

/* One that may sign nothing signs all the same: a refusal without a sentence of its own. */
static void other_refusals_are_told_as_openssl_does(void **state)
{
    world_t *world = *state;
    authority_t middle = make_certificate(&(certificate_wish_t){.common_name = "Between", .issuer = &world->authority});
    authority_t own = make_certificate(&(certificate_wish_t){.names = "DNS:relay.example", .issuer = &middle});
    pair_t pair;
    tls_pair_begin(&pair, world, make_server(&own, &middle), "relay.example");
    tls_pair_run(&pair);
    assert_memory_equal(minke__tls_close_reason(pair.tls)->text, "the certificate of relay.example is refused: ", 45);
    tls_pair_end(&pair);
    free_certificate(&own);
    free_certificate(&middle);
}

/* As long as names can be: the sentence is cut, not its buffer. */
static void long_names_do_not_overflow(void **state)
{
    world_t *world = *state;
    char label[64], names[900], host[256];
    memset(label, 'a', 63);
    label[63] = 0;
    (void)snprintf(names, sizeof names, "DNS:%s.%s.example,DNS:%s.b,DNS:%s.c,DNS:%s.d", label, label, label, label,
                   label);
    (void)snprintf(host, sizeof host, "%s.%s.%s", label, label, label);
    pair_t pair;
    tls_pair_begin(&pair, world, tls_good_server(world, names), host);
    tls_pair_run(&pair);
    const char *text = minke__tls_close_reason(pair.tls)->text;
    assert_memory_equal(text, "the certificate is for aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.., aaaa", 60);
    assert_non_null(strstr(text, " and 1 more, not for aaaaa"));
    tls_pair_end(&pair);
}

static void what_is_no_name_ends_at_once(void **state)
{
    world_t *world = *state;
    static const char *const names[] = {"", ".", ".example", "a..b", "a b", "*.example", "[::1]", "a\\b"};
    char too_long[300];
    uint8_t byte;
    memset(too_long, 'a', sizeof too_long);
    too_long[sizeof too_long - 1] = 0;
    for (size_t i = 0; i <= sizeof names / sizeof names[0]; i++) {
        const char *name = i < sizeof names / sizeof names[0] ? names[i] : too_long;
        minke_tls_t *tls = minke__tls_client(world->context, &world->test.env, name);
        assert_non_null(tls);
        assert_int_equal(minke__tls_state(tls), MINKE_TLS_ENDED);
        assert_int_equal(minke__tls_close_reason(tls)->code, MINKE_ERROR_ADDRESS);
        assert_int_equal(minke__tls_transmit(tls, &byte, 1), 0);
        minke__tls_recv(tls, &byte, 1);
        minke__tls_recv_end(tls);
        minke__tls_close(tls);
        minke__tls_free(tls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_certificates_open),           cmocka_unit_test(certificates_of_others_are_refused),
        cmocka_unit_test(common_names_do_not_count),        cmocka_unit_test(dates_are_told),
        cmocka_unit_test(unknown_authorities_are_refused),  cmocka_unit_test(chains_are_followed),
        cmocka_unit_test(a_self_signed_one_may_be_trusted), cmocka_unit_test(other_refusals_are_told_as_openssl_does),
        cmocka_unit_test(long_names_do_not_overflow),       cmocka_unit_test(what_is_no_name_ends_at_once),
    };
    return cmocka_run_group_tests(tests, tls_world_new, tls_world_free);
}
