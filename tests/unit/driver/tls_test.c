/* A TLS connection from its first byte to its last: versions, bytes, ends. */
#define _GNU_SOURCE
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/driver/tls_pair.h"

enum { BULK = 3 << 20 };

/* ---- versions ---- */

typedef struct asked {
    char name[64];
    bool has_name, chose_http;
} asked_t;

static int take_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned len,
                     void *user)
{
    asked_t *asked = user;
    static const unsigned char http[] = "\x08http/1.1";
    (void)ssl;
    asked->chose_http = len == sizeof http - 1 && memcmp(in, http, len) == 0;
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static int take_name(SSL *ssl, int *alert, void *user)
{
    asked_t *asked = user;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    asked->has_name = name != NULL;
    if (name != NULL) (void)snprintf(asked->name, sizeof asked->name, "%s", name);
    return SSL_TLSEXT_ERR_OK;
}

static void servers_are_told_name_and_protocol(void **state)
{
    world_t *world = *state;
    for (int is_ip = 0; is_ip < 2; is_ip++) {
        asked_t asked = {.name = ""};
        SSL_CTX *server = tls_good_server(world, "DNS:relay.example,IP:192.0.2.1");
        SSL_CTX_set_alpn_select_cb(server, take_alpn, &asked);
        SSL_CTX_set_tlsext_servername_callback(server, take_name);
        SSL_CTX_set_tlsext_servername_arg(server, &asked);
        tls_expect_open(world, server, is_ip ? "192.0.2.1" : "relay.example.");
        assert_true(asked.chose_http);
        assert_int_equal(asked.has_name, !is_ip);
        assert_string_equal(asked.name, is_ip ? "" : "relay.example");
    }
}

static void tls_1_2_is_enough_and_older_is_not(void **state)
{
    world_t *world = *state;
    SSL_CTX *server = tls_good_server(world, "DNS:relay.example");
    SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
    tls_expect_open(world, server, "relay.example");
    server = tls_good_server(world, "DNS:relay.example");
    SSL_CTX_set_security_level(server, 0);
    SSL_CTX_set_min_proto_version(server, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(server, TLS1_1_VERSION);
    tls_expect_refused(world, server, "relay.example", MINKE_ERROR_UNSUPPORTED,
                       "the remote speaks neither TLS 1.2 nor 1.3: it must be updated");
}

/* One that answers with its old version instead of an alert. */
static void an_old_server_hello_is_refused(void **state)
{
    world_t *world = *state;
    uint8_t hello[5 + 4 + 38] = {0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2};
    hello[5 + 4 + 35] = 0xc0; /* ECDHE-RSA-AES128-SHA */
    hello[5 + 4 + 36] = 0x13;
    minke_tls_t *tls = minke__tls_client(world->context, &world->test.env, "relay.example");
    minke__tls_recv(tls, hello, sizeof hello);
    assert_int_equal(minke__tls_state(tls), MINKE_TLS_ENDED);
    assert_int_equal(minke__tls_close_reason(tls)->code, MINKE_ERROR_UNSUPPORTED);
    assert_int_equal(ERR_peek_error(), 0);
    minke__tls_free(tls);
}

static void alerts_are_told(void **state)
{
    world_t *world = *state;
    SSL_CTX *server = tls_good_server(world, "DNS:relay.example");
    SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
    assert_int_equal(SSL_CTX_set_cipher_list(server, "ECDHE-RSA-AES128-GCM-SHA256"), 1);
    tls_expect_refused(world, server, "relay.example", MINKE_ERROR_UNSUPPORTED,
                       "the remote ended TLS with the alert: handshake failure");
    static const uint8_t internal_error[] = {0x15, 3, 3, 0, 2, 2, 80};
    minke_tls_t *tls = minke__tls_client(world->context, &world->test.env, "relay.example");
    minke__tls_recv(tls, internal_error, sizeof internal_error);
    assert_string_equal(minke__tls_close_reason(tls)->text, "the remote ended TLS with the alert: internal error");
    assert_int_equal(minke__tls_close_reason(tls)->code, MINKE_ERROR_CONNECTION_CLOSED);
    assert_true(minke__tls_close_reason(tls)->by_remote);
    minke__tls_free(tls);
}

static void what_is_no_tls_is_told(void **state)
{
    world_t *world = *state;
    static const char *const words[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-x\r\n", "\x16HTTP",
                                        "\x13/multistream/1.0.0\n"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (size_t piece = 1; piece < 8; piece++) {
            minke_tls_t *tls = minke__tls_client(world->context, &world->test.env, "relay.example");
            const size_t len = strlen(words[i]);
            for (size_t at = 0; at < len; at += piece)
                minke__tls_recv(tls, (const uint8_t *)words[i] + at, len - at < piece ? len - at : piece);
            assert_int_equal(minke__tls_state(tls), MINKE_TLS_ENDED);
            assert_int_equal(minke__tls_close_reason(tls)->code, MINKE_ERROR_MALFORMED);
            assert_string_equal(minke__tls_close_reason(tls)->text,
                                "the remote does not speak TLS here: is it /ws rather than /wss?");
            minke__tls_free(tls);
        }
}

/* ---- bytes ---- */

static void handshakes_may_be_cut_anywhere(void **state)
{
    world_t *world = *state;
    for (int old = 0; old < 2; old++) {
        SSL_CTX *server = tls_good_server(world, "DNS:relay.example");
        if (old) SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
        pair_t pair;
        uint8_t out[16];
        tls_pair_begin(&pair, world, server, "relay.example");
        pair.piece = 1;
        tls_pair_run(&pair);
        assert_int_equal(minke__tls_state(pair.tls), MINKE_TLS_OPEN);
        assert_int_equal(SSL_write(pair.server, "over", 4), 4);
        assert_int_equal(minke__tls_write(pair.tls, (const uint8_t *)"under", 5), 5);
        tls_pair_run(&pair);
        assert_int_equal(minke__tls_read(pair.tls, out, 1), 1);
        assert_int_equal(minke__tls_read(pair.tls, out + 1, sizeof out - 1), 3);
        assert_memory_equal(out, "over", 4);
        assert_int_equal(minke__tls_read(pair.tls, out, sizeof out), MINKE_ERROR_AGAIN);
        assert_int_equal(SSL_read(pair.server, out, sizeof out), 5);
        assert_memory_equal(out, "under", 5);
        tls_pair_end(&pair);
    }
}

static uint8_t byte_at(size_t place) { return (uint8_t)(place * 2654435761U >> 13); }

static void fill(uint8_t *out, size_t place, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = byte_at(place + i);
}

static void check(const uint8_t *bytes, size_t place, size_t n)
{
    for (size_t i = 0; i < n; i++) assert_int_equal(bytes[i], byte_at(place + i));
}

static void megabytes_go_both_ways(void **state)
{
    world_t *world = *state;
    static uint8_t block[TLS_PAIR_PIECE_MAX];
    size_t up = 0, up_read = 0, down = 0, down_read = 0;
    bool has_waited = false;
    pair_t pair;
    tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    assert_int_equal(minke__tls_write(pair.tls, block, 1), MINKE_ERROR_AGAIN);
    assert_int_equal(minke__tls_read(pair.tls, block, 1), MINKE_ERROR_AGAIN);
    tls_pair_run(&pair);
    for (int turn = 0; turn < 1000 && (up_read < BULK || down_read < BULK); turn++) {
        while (up < BULK) {
            const size_t n = BULK - up < TLS_PAIR_PIECE_MAX ? BULK - up : TLS_PAIR_PIECE_MAX;
            fill(block, up, n);
            const ssize_t taken = minke__tls_write(pair.tls, block, n);
            if (taken < 0) assert_int_equal(taken, MINKE_ERROR_AGAIN);
            has_waited |= taken < 0;
            if (taken < 0) break;
            up += (size_t)taken;
        }
        if (down < BULK) {
            const size_t n = BULK - down < TLS_PAIR_PIECE_MAX ? BULK - down : TLS_PAIR_PIECE_MAX;
            fill(block, down, n);
            assert_int_equal(SSL_write(pair.server, block, (int)n), (int)n);
            down += n;
        }
        (void)tls_pair_move(&pair);
        for (ssize_t n; (n = minke__tls_read(pair.tls, block, sizeof block)) > 0; down_read += (size_t)n)
            check(block, down_read, (size_t)n);
        for (int n; (n = SSL_read(pair.server, block, sizeof block)) > 0; up_read += (size_t)n)
            check(block, up_read, (size_t)n);
    }
    assert_int_equal(up_read, BULK);
    assert_int_equal(down_read, BULK);
    assert_true(has_waited);
    tls_pair_end(&pair);
}

/* New keys in the middle (RFC 8446 4.6.3). */
static void keys_may_be_renewed(void **state)
{
    world_t *world = *state;
    uint8_t out[16];
    pair_t pair;
    tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    tls_pair_run(&pair);
    assert_int_equal(SSL_key_update(pair.server, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_write(pair.server, "over", 4), 4);
    tls_pair_run(&pair);
    assert_int_equal(minke__tls_read(pair.tls, out, sizeof out), 4);
    assert_int_equal(minke__tls_write(pair.tls, out, 4), 4);
    tls_pair_run(&pair);
    assert_int_equal(SSL_read(pair.server, out, sizeof out), 4);
    tls_pair_end(&pair);
}

static void one_that_nobody_reads_ends(void **state)
{
    world_t *world = *state;
    static uint8_t block[TLS_PAIR_PIECE_MAX];
    pair_t pair;
    tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    tls_pair_run(&pair);
    for (size_t sent = 0; sent < MINKE_TLS_UNREAD_MAX; sent += sizeof block) {
        assert_int_equal(minke__tls_state(pair.tls), MINKE_TLS_OPEN);
        assert_int_equal(SSL_write(pair.server, block, sizeof block), sizeof block);
        (void)tls_pair_move(&pair);
    }
    assert_int_equal(minke__tls_state(pair.tls), MINKE_TLS_ENDED);
    assert_int_equal(minke__tls_close_reason(pair.tls)->code, MINKE_ERROR_LIMIT);
    tls_pair_end(&pair);
}

/* ---- the end ---- */

static void the_remote_says_farewell(void **state)
{
    world_t *world = *state;
    uint8_t out[16];
    pair_t pair;
    tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    tls_pair_run(&pair);
    assert_int_equal(SSL_write(pair.server, "last", 4), 4);
    assert_int_equal(SSL_shutdown(pair.server), 0);
    tls_pair_run(&pair);
    minke__tls_recv_end(pair.tls);
    assert_int_equal(minke__tls_read(pair.tls, out, sizeof out), 4);
    assert_int_equal(minke__tls_state(pair.tls), MINKE_TLS_OPEN);
    assert_int_equal(minke__tls_read(pair.tls, out, sizeof out), 0);
    assert_int_equal(minke__tls_state(pair.tls), MINKE_TLS_ENDED);
    assert_int_equal(minke__tls_close_reason(pair.tls)->code, 0);
    assert_true(minke__tls_close_reason(pair.tls)->by_remote);
    tls_pair_run(&pair);
    assert_int_equal(SSL_shutdown(pair.server), 1); /* ours has come */
    tls_pair_end(&pair);
}

static void we_say_farewell(void **state)
{
    world_t *world = *state;
    uint8_t out[16];
    pair_t pair;
    tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    tls_pair_run(&pair);
    assert_int_equal(minke__tls_write(pair.tls, (const uint8_t *)"last", 4), 4);
    minke__tls_close(pair.tls);
    minke__tls_close(pair.tls);
    assert_int_equal(minke__tls_state(pair.tls), MINKE_TLS_ENDED);
    assert_int_equal(minke__tls_close_reason(pair.tls)->code, 0);
    assert_false(minke__tls_close_reason(pair.tls)->by_remote);
    tls_pair_run(&pair);
    assert_int_equal(SSL_read(pair.server, out, sizeof out), 4);
    assert_int_equal(SSL_read(pair.server, out, sizeof out), 0);
    assert_int_equal(SSL_get_error(pair.server, 0), SSL_ERROR_ZERO_RETURN);
    tls_pair_end(&pair);
}

static void an_end_without_farewell_is_told(void **state)
{
    world_t *world = *state;
    uint8_t out[16];
    pair_t pair;
    tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    tls_pair_run(&pair);
    assert_int_equal(SSL_write(pair.server, "last", 4), 4);
    tls_pair_run(&pair);
    minke__tls_recv_end(pair.tls);
    assert_int_equal(minke__tls_read(pair.tls, out, sizeof out), 4);
    assert_int_equal(minke__tls_read(pair.tls, out, sizeof out), 0);
    assert_int_equal(minke__tls_close_reason(pair.tls)->code, MINKE_ERROR_CONNECTION_CLOSED);
    assert_string_equal(minke__tls_close_reason(pair.tls)->text,
                        "the remote ended the connection without a TLS farewell: something may be missing");
    tls_pair_end(&pair);
    tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    minke__tls_recv_end(pair.tls);
    assert_string_equal(minke__tls_close_reason(pair.tls)->text,
                        "the remote ended the connection during the TLS handshake");
    tls_pair_end(&pair);
    tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    minke__tls_close(pair.tls);
    assert_int_equal(minke__tls_close_reason(pair.tls)->code, 0);
    tls_pair_end(&pair);
}

static void forged_bytes_end_it(void **state)
{
    world_t *world = *state;
    static const uint8_t forged[5 + 20] = {0x17, 3, 3, 0, 20};
    uint8_t out[16];
    pair_t pair;
    tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    tls_pair_run(&pair);
    minke__tls_recv(pair.tls, forged, sizeof forged);
    assert_int_equal(minke__tls_read(pair.tls, out, sizeof out), 0);
    assert_int_equal(minke__tls_close_reason(pair.tls)->code, MINKE_ERROR_CRYPTO);
    assert_true(minke__tls_transmit(pair.tls, out, sizeof out) > 0); /* an alert */
    tls_pair_end(&pair);
}

/* Each byte of the server's first flight in turn is another one: it ends, or it is as if nothing had been. */
static void any_byte_of_the_handshake_may_be_wrong(void **state)
{
    world_t *world = *state;
    bool whole = false;
    for (size_t wrong = 0; !whole; wrong += 7) {
        pair_t pair;
        uint8_t bytes[8192];
        tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
        for (size_t n; (n = minke__tls_transmit(pair.tls, bytes, sizeof bytes)) > 0;)
            (void)BIO_write(pair.to_server, bytes, (int)n);
        (void)SSL_do_handshake(pair.server);
        ERR_clear_error();
        const int n = BIO_read(pair.from_server, bytes, sizeof bytes);
        assert_true(n > 0);
        whole = wrong >= (size_t)n;
        if (!whole) bytes[wrong] ^= 0x55;
        minke__tls_recv(pair.tls, bytes, (size_t)n);
        if (whole) assert_int_equal(minke__tls_state(pair.tls), MINKE_TLS_OPEN);
        minke__tls_recv_end(pair.tls);
        assert_int_equal(minke__tls_read(pair.tls, bytes, sizeof bytes), 0);
        assert_int_equal(minke__tls_state(pair.tls), MINKE_TLS_ENDED);
        assert_true(minke__tls_close_reason(pair.tls)->code < 0);
        tls_pair_end(&pair);
    }
}

/* ---- this machine ---- */

static void memory_may_run_out(void **state)
{
    world_t *world = *state;
    test_env_t test;
    minke_tls_context_t *context;
    test_env_init(&test, 2);
    test.fail_at = 1;
    assert_int_equal(minke__tls_context_new(&test.env, NULL, &context), MINKE_ERROR_NO_MEMORY);
    test.allocations = 0;
    assert_null(minke__tls_client(world->context, &test.env, "relay.example"));
    minke__tls_free(NULL);
    minke__tls_context_free(NULL);
    assert_int_equal(test.blocks, 0);
}

static void files_of_authorities_are_checked(void **state)
{
    world_t *world = *state;
    minke_tls_context_t *context;
    const minke_env_t *env = &world->test.env;
    char path[] = "/tmp/minke-tls-test-XXXXXX";
    assert_int_equal(minke__tls_context_new(env, "/nonexistent/file.pem", &context), MINKE_ERROR_SYSTEM);
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "no certificate", 14), 14);
    (void)close(fd);
    assert_int_equal(minke__tls_context_new(env, path, &context), MINKE_ERROR_MALFORMED);
    (void)unlink(path);
    assert_int_equal(ERR_peek_error(), 0);
}

/* With the system's authorities alone, ours is a stranger. */
static void a_file_is_trusted_by_its_context_alone(void **state)
{
    world_t *world = *state;
    minke_tls_context_t *trusting = world->context;
    pair_t pair;
    assert_int_equal(minke__tls_context_new(&world->test.env, NULL, &world->context), MINKE_OK);
    tls_pair_begin(&pair, world, tls_good_server(world, "DNS:relay.example"), "relay.example");
    minke__tls_context_free(world->context); /* the connection outlives it */
    world->context = trusting;
    tls_pair_run(&pair);
    assert_int_equal(minke__tls_close_reason(pair.tls)->code, MINKE_ERROR_CRYPTO);
    tls_pair_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_are_told_name_and_protocol),
        cmocka_unit_test(tls_1_2_is_enough_and_older_is_not),
        cmocka_unit_test(an_old_server_hello_is_refused),
        cmocka_unit_test(alerts_are_told),
        cmocka_unit_test(what_is_no_tls_is_told),
        cmocka_unit_test(handshakes_may_be_cut_anywhere),
        cmocka_unit_test(megabytes_go_both_ways),
        cmocka_unit_test(keys_may_be_renewed),
        cmocka_unit_test(one_that_nobody_reads_ends),
        cmocka_unit_test(the_remote_says_farewell),
        cmocka_unit_test(we_say_farewell),
        cmocka_unit_test(an_end_without_farewell_is_told),
        cmocka_unit_test(forged_bytes_end_it),
        cmocka_unit_test(any_byte_of_the_handshake_may_be_wrong),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(files_of_authorities_are_checked),
        cmocka_unit_test(a_file_is_trusted_by_its_context_alone),
    };
    return cmocka_run_group_tests(tests, tls_world_new, tls_world_free);
}
