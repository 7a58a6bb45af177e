#define _GNU_SOURCE
#include "unit/driver/tls_pair.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int tls_world_new(void **state)
{
    static world_t world;
    char path[64];
    test_env_init(&world.test, 1);
    world.authority = make_certificate(&(certificate_wish_t){.common_name = "Test Authority", .is_authority = true});
    world.stranger = make_certificate(&(certificate_wish_t){.common_name = "Strange\x1b[31m CA", .is_authority = true});
    write_pem(&world.authority, path);
    assert_int_equal(minke__tls_context_new(&world.test.env, path, &world.context), MINKE_OK);
    (void)unlink(path);
    *state = &world;
    return 0;
}

int tls_world_free(void **state)
{
    world_t *world = *state;
    minke__tls_context_free(world->context);
    free_certificate(&world->authority);
    free_certificate(&world->stranger);
    assert_int_equal(world->test.blocks, 0);
    return 0;
}

void tls_pair_begin(pair_t *pair, world_t *world, SSL_CTX *server, const char *name)
{
    *pair = (pair_t){.tls = minke__tls_client(world->context, &world->test.env, name), .piece = TLS_PAIR_PIECE_MAX};
    assert_non_null(pair->tls);
    assert_int_equal(ERR_peek_error(), 0);
    pair->server = SSL_new(server);
    pair->to_server = BIO_new(BIO_s_mem());
    pair->from_server = BIO_new(BIO_s_mem());
    SSL_set_bio(pair->server, pair->to_server, pair->from_server);
    SSL_set_accept_state(pair->server);
    SSL_CTX_free(server);
}

void tls_pair_end(pair_t *pair)
{
    assert_int_equal(ERR_peek_error(), 0);
    minke__tls_free(pair->tls);
    SSL_free(pair->server);
    ERR_clear_error();
}

/* True: something moved. */
bool tls_pair_move(pair_t *pair)
{
    static uint8_t bytes[TLS_PAIR_PIECE_MAX];
    bool moved = false;
    size_t n;
    while ((n = minke__tls_transmit(pair->tls, bytes, pair->piece)) > 0) {
        assert_int_equal(BIO_write(pair->to_server, bytes, (int)n), (int)n);
        moved = true;
    }
    (void)SSL_do_handshake(pair->server);
    ERR_clear_error();
    while (BIO_ctrl_pending(pair->from_server) > 0) {
        const int got = BIO_read(pair->from_server, bytes, (int)pair->piece);
        minke__tls_recv(pair->tls, bytes, (size_t)got);
        assert_int_equal(ERR_peek_error(), 0);
        moved = true;
    }
    return moved;
}

void tls_pair_run(pair_t *pair)
{
    for (int turn = 0; turn < 50 && tls_pair_move(pair); turn++) continue;
}

SSL_CTX *tls_good_server(const world_t *world, const char *names)
{
    authority_t own = make_certificate(&(certificate_wish_t){.names = names, .issuer = &world->authority});
    SSL_CTX *server = make_server(&own, NULL);
    free_certificate(&own);
    return server;
}

void tls_expect_open(world_t *world, SSL_CTX *server, const char *name)
{
    pair_t pair;
    tls_pair_begin(&pair, world, server, name);
    tls_pair_run(&pair);
    assert_string_equal(minke__tls_close_reason(pair.tls)->text, "");
    assert_int_equal(minke__tls_state(pair.tls), MINKE_TLS_OPEN);
    tls_pair_end(&pair);
}

void tls_expect_refused(world_t *world, SSL_CTX *server, const char *name, int code, const char *text)
{
    pair_t pair;
    uint8_t byte;
    tls_pair_begin(&pair, world, server, name);
    tls_pair_run(&pair);
    const minke_close_t *reason = minke__tls_close_reason(pair.tls);
    assert_int_equal(minke__tls_state(pair.tls), MINKE_TLS_ENDED);
    assert_string_equal(reason->text, text);
    assert_int_equal(reason->code, code);
    assert_int_equal(reason->layer, MINKE_LAYER_NETWORK);
    assert_int_equal(minke__tls_read(pair.tls, &byte, 1), 0);
    assert_int_equal(minke__tls_write(pair.tls, &byte, 1), MINKE_ERROR_CONNECTION_CLOSED);
    tls_pair_end(&pair);
}
