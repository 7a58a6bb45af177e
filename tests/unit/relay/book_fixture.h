/* A book with an account to look at, and the short way to say what happens to it. */
#ifndef MINKE_TESTS_RELAY_BOOK_FIXTURE_H
#define MINKE_TESTS_RELAY_BOOK_FIXTURE_H

#include "vectors.h"

#include "relay/book.h"

enum { SECOND = 1000 * 1000 };
#define NOW ((minke_time_t)1000 * SECOND)

typedef struct fixture {
    test_env_t test;
    uint64_t refusals;
    minke_account_t account;
    minke_relay_book_t *book;
    const minke_relay_statistics_t *statistics;
} fixture_t;

static inline void set_up(fixture_t *f, const minke_relay_options_t *options)
{
    memset(f, 0, sizeof *f);
    test_env_init(&f->test, 3);
    f->account = (minke_account_t){.max = SIZE_MAX, .refusals = &f->refusals};
    f->test.env.account = &f->account;
    assert_int_equal(minke__relay_book_new(&f->test.env, options, &f->book), MINKE_OK);
    f->statistics = minke__relay_book_statistics(f->book);
}

static inline void tear_down(fixture_t *f)
{
    minke__relay_book_free(f->book);
    assert_int_equal(f->test.blocks, 0);
    assert_int_equal(f->account.used, 0);
}

/* Small numbers, so that limits are near. */
static inline minke_relay_options_t few(void)
{
    return (minke_relay_options_t){
        .reservations_max = 4,
        .reservations_per_address_max = 2,
        .reservation_after = 100 * (minke_time_t)SECOND,
        .circuits_max = 5,
        .circuits_per_peer_max = 3,
        .circuit_after = 10 * (minke_time_t)SECOND,
        .circuit_bytes = 1000,
    };
}

static inline minke_peer_id_t peer(uint32_t n)
{
    uint8_t bytes[6];
    minke_peer_id_t id;
    minke_writer_t w = minke__writer(bytes, sizeof bytes);
    minke__write_u16(&w, 0x0004);
    minke__write_u32(&w, n);
    assert_true(minke__peer_id_from_bytes(bytes, sizeof bytes, &id));
    return id;
}

static inline minke_address_t ip4(uint32_t n)
{
    minke_address_t address = {.family = MINKE_FAMILY_IP4, .port = (uint16_t)(n * 7)};
    minke__store_u32(address.ip, n);
    return address;
}

static inline minke_relay_status_t reserve(fixture_t *f, uint32_t n, uint32_t address, minke_connection_t connection,
                                           minke_time_t now)
{
    const minke_peer_id_t id = peer(n);
    const minke_address_t remote = ip4(address);
    const minke_relay_asker_t asker = {.peer = &id, .connection = connection, .remote = &remote};
    return minke__relay_book_reserve(f->book, &asker, now);
}

static inline minke_relay_status_t reserve_at(fixture_t *f, uint32_t n, const minke_address_t *remote)
{
    const minke_peer_id_t id = peer(n);
    const minke_relay_asker_t asker = {.peer = &id, .connection = n, .remote = remote};
    return minke__relay_book_reserve(f->book, &asker, NOW);
}

static inline minke_relay_status_t connect(fixture_t *f, uint32_t source, uint32_t target, minke_time_t now,
                                           minke_relay_circuit_t **out)
{
    const minke_peer_id_t from = peer(source), to = peer(target);
    const minke_address_t remote = ip4(source);
    const minke_relay_asker_t asker = {.peer = &from, .connection = source, .remote = &remote};
    return minke__relay_book_connect(f->book, &asker, &to, now, out);
}

static inline minke_relay_circuit_t *opened(fixture_t *f, uint32_t source, uint32_t target, minke_time_t now)
{
    minke_relay_circuit_t *circuit;
    assert_int_equal(connect(f, source, target, now, &circuit), MINKE_RELAY_STATUS_OK);
    minke__relay_circuit_start(f->book, circuit, now);
    return circuit;
}

static inline void end(fixture_t *f, uint32_t n, minke_connection_t connection)
{
    const minke_peer_id_t id = peer(n);
    minke__relay_book_connection_ended(f->book, &id, connection);
}

static inline minke_time_t until(const fixture_t *f, uint32_t n)
{
    const minke_peer_id_t id = peer(n);
    return minke__relay_book_reserved_until(f->book, &id);
}

static inline uint64_t refused(const uint64_t *by_status, minke_relay_status_t status)
{
    return by_status[minke__relay_status_index(status)];
}

#endif
