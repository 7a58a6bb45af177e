/* The limits of the book, each at its very number, byte and microsecond. */
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

static void set_up(fixture_t *f, const minke_relay_options_t *options)
{
    memset(f, 0, sizeof *f);
    test_env_init(&f->test, 3);
    f->account = (minke_account_t){.max = SIZE_MAX, .refusals = &f->refusals};
    f->test.env.account = &f->account;
    assert_int_equal(minke__relay_book_new(&f->test.env, options, &f->book), MINKE_OK);
    f->statistics = minke__relay_book_statistics(f->book);
}

static void tear_down(fixture_t *f)
{
    minke__relay_book_free(f->book);
    assert_int_equal(f->test.blocks, 0);
    assert_int_equal(f->account.used, 0);
}

/* Small numbers, so that limits are near. */
static minke_relay_options_t few(void)
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

static minke_peer_id_t peer(uint32_t n)
{
    uint8_t bytes[6];
    minke_peer_id_t id;
    minke_writer_t w = minke__writer(bytes, sizeof bytes);
    minke__write_u16(&w, 0x0004);
    minke__write_u32(&w, n);
    assert_true(minke__peer_id_from_bytes(bytes, sizeof bytes, &id));
    return id;
}

static minke_address_t ip4(uint32_t n)
{
    minke_address_t address = {.family = MINKE_FAMILY_IP4, .port = (uint16_t)(n * 7)};
    minke__store_u32(address.ip, n);
    return address;
}

static minke_relay_status_t reserve(fixture_t *f, uint32_t n, uint32_t address, minke_connection_t connection,
                                    minke_time_t now)
{
    const minke_peer_id_t id = peer(n);
    const minke_address_t remote = ip4(address);
    const minke_relay_asker_t asker = {.peer = &id, .connection = connection, .remote = &remote};
    return minke__relay_book_reserve(f->book, &asker, now);
}

static minke_relay_status_t reserve_at(fixture_t *f, uint32_t n, const minke_address_t *remote)
{
    const minke_peer_id_t id = peer(n);
    const minke_relay_asker_t asker = {.peer = &id, .connection = n, .remote = remote};
    return minke__relay_book_reserve(f->book, &asker, NOW);
}

static minke_relay_status_t connect(fixture_t *f, uint32_t source, uint32_t target, minke_time_t now,
                                    minke_relay_circuit_t **out)
{
    const minke_peer_id_t from = peer(source), to = peer(target);
    const minke_address_t remote = ip4(source);
    const minke_relay_asker_t asker = {.peer = &from, .connection = source, .remote = &remote};
    return minke__relay_book_connect(f->book, &asker, &to, now, out);
}

static minke_relay_circuit_t *opened(fixture_t *f, uint32_t source, uint32_t target, minke_time_t now)
{
    minke_relay_circuit_t *circuit;
    assert_int_equal(connect(f, source, target, now, &circuit), MINKE_RELAY_STATUS_OK);
    minke__relay_circuit_start(f->book, circuit, now);
    return circuit;
}

static void end(fixture_t *f, uint32_t n, minke_connection_t connection)
{
    const minke_peer_id_t id = peer(n);
    minke__relay_book_connection_ended(f->book, &id, connection);
}

static minke_time_t until(const fixture_t *f, uint32_t n)
{
    const minke_peer_id_t id = peer(n);
    return minke__relay_book_reserved_until(f->book, &id);
}

static uint64_t refused(const uint64_t *by_status, minke_relay_status_t status)
{
    return by_status[minke__relay_status_index(status)];
}

static void defaults_are_those_of_a_public_relay(void **state)
{
    (void)state;
    fixture_t f;
    const minke_relay_options_t options = minke__relay_options_defaults();
    set_up(&f, &options);
    const minke_relay_options_t *o = minke__relay_book_options(f.book);
    assert_int_equal(o->reservation_after, 3600ULL * SECOND);
    assert_int_equal(o->circuit_after, 120ULL * SECOND);
    assert_int_equal(o->circuit_bytes, 131072);
    assert_int_equal(o->circuits_per_peer_max, 16);
    assert_int_equal(minke__relay_book_deadline(f.book), MINKE_TIME_NEVER);
    tear_down(&f);
    minke__relay_book_free(NULL);
}

static void options_are_checked(void **state)
{
    (void)state;
    test_env_t test;
    minke_relay_book_t *book;
    test_env_init(&test, 1);
    static const minke_time_t wrong[] = {0, 1, SECOND - 1, SECOND + 1};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        minke_relay_options_t options = few();
        options.reservation_after = wrong[i];
        assert_int_equal(minke__relay_book_new(&test.env, &options, &book), MINKE_ERROR_INVALID);
        assert_null(book);
    }
}

static void so_many_reservations(void **state)
{
    (void)state;
    fixture_t f;
    const minke_relay_options_t options = few();
    set_up(&f, &options);
    for (uint32_t n = 1; n <= 4; n++) assert_int_equal(reserve(&f, n, n, n, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(reserve(&f, 5, 5, 5, NOW), MINKE_RELAY_STATUS_RESERVATION_REFUSED);
    assert_int_equal(until(&f, 5), 0);
    /* Whoever is in may renew, the relay being full. */
    assert_int_equal(reserve(&f, 2, 2, 2, NOW + 1), MINKE_RELAY_STATUS_OK);
    assert_int_equal(until(&f, 2), NOW + 1 + options.reservation_after);
    end(&f, 3, 3);
    assert_int_equal(reserve(&f, 5, 5, 5, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(f.statistics->reservations, 4);
    assert_int_equal(f.statistics->reservations_made, 5);
    assert_int_equal(f.statistics->reservations_refreshed, 1);
    assert_int_equal(f.statistics->reservations_lost, 1);
    assert_int_equal(refused(f.statistics->reservations_refused, MINKE_RELAY_STATUS_RESERVATION_REFUSED), 1);
    tear_down(&f);
}

static void a_thousand_from_one_address_by_option(void **state)
{
    (void)state;
    fixture_t f;
    minke_relay_options_t options = few();
    options.reservations_max = 1000;
    options.reservations_per_address_max = 0;
    set_up(&f, &options);
    for (uint32_t n = 1; n <= 1000; n++) assert_int_equal(reserve(&f, n, 7, n, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(reserve(&f, 1001, 7, 1001, NOW), MINKE_RELAY_STATUS_RESERVATION_REFUSED);
    tear_down(&f);
}

static void none_at_all(void **state)
{
    (void)state;
    fixture_t f;
    minke_relay_circuit_t *circuit;
    minke_relay_options_t options = few();
    options.reservations_max = 0;
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_RESERVATION_REFUSED);
    tear_down(&f);
    options = few();
    options.circuits_max = 0;
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(connect(&f, 2, 1, NOW, &circuit), MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED);
    tear_down(&f);
}

static void so_many_of_one_address(void **state)
{
    (void)state;
    fixture_t f;
    const minke_relay_options_t options = few();
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 9, 1, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(reserve(&f, 2, 9, 2, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(reserve(&f, 3, 9, 3, NOW), MINKE_RELAY_STATUS_RESERVATION_REFUSED);
    assert_int_equal(reserve(&f, 1, 9, 1, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(reserve(&f, 3, 8, 3, NOW), MINKE_RELAY_STATUS_OK);
    /* Moving to the full address is refused, and what was there stays; moving away makes room. */
    assert_int_equal(reserve(&f, 3, 9, 33, NOW + 5), MINKE_RELAY_STATUS_RESERVATION_REFUSED);
    assert_int_equal(until(&f, 3), NOW + options.reservation_after);
    end(&f, 3, 33);
    assert_int_equal(until(&f, 3), NOW + options.reservation_after);
    assert_int_equal(reserve(&f, 1, 7, 11, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(reserve(&f, 3, 9, 33, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(reserve(&f, 4, 9, 4, NOW), MINKE_RELAY_STATUS_RESERVATION_REFUSED);
    assert_int_equal(f.statistics->reservations, 3);
    tear_down(&f);
}

/* A /64 is one, an IPv4 address is the same in either family, and what is not known is one, too. */
static void what_one_address_is(void **state)
{
    (void)state;
    static const struct {
        minke_address_t a, b;
        bool same;
    } table[] = {
        {{.family = 4, .ip = {192, 0, 2, 1}, .port = 1}, {.family = 4, .ip = {192, 0, 2, 1}, .port = 2}, true},
        {{.family = 4, .ip = {192, 0, 2, 1}}, {.family = 4, .ip = {192, 0, 2, 2}}, false},
        {{.family = 6, .ip = {0x20, 1, [7] = 1, [15] = 1}}, {.family = 6, .ip = {0x20, 1, [7] = 1, [8] = 1}}, true},
        {{.family = 6, .ip = {0x20, 1, [7] = 1}}, {.family = 6, .ip = {0x20, 1, [7] = 2}}, false},
        {{.family = 6, .ip = {[10] = 0xff, 0xff, 192, 0, 2, 1}}, {.family = 4, .ip = {192, 0, 2, 1}}, true},
        {{.family = 6, .ip = {[10] = 0xff, 0xff, 192, 0, 2, 1}},
         {.family = 6, .ip = {[10] = 0xff, 0xff, 192, 0, 2, 2}},
         false},
        {{.family = 6, .ip = {192, 0, 2, 1}}, {.family = 4, .ip = {192, 0, 2, 1}}, false},
        {{.family = 0}, {.family = 0, .port = 5}, true},
        {{.family = 0}, {.family = 4}, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture_t f;
        minke_relay_options_t options = few();
        options.reservations_per_address_max = 1;
        set_up(&f, &options);
        assert_int_equal(reserve_at(&f, 1, &table[i].a), MINKE_RELAY_STATUS_OK);
        const bool refused_there = reserve_at(&f, 2, &table[i].b) == MINKE_RELAY_STATUS_RESERVATION_REFUSED;
        if (refused_there != table[i].same) fail_msg("row %zu", i);
        tear_down(&f);
    }
}

static void reservations_end_in_time(void **state)
{
    (void)state;
    fixture_t f;
    minke_relay_circuit_t *circuit;
    const minke_relay_options_t options = few();
    set_up(&f, &options);
    const minke_time_t expiry = NOW + options.reservation_after;
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(minke__relay_book_deadline(f.book), expiry);
    minke__relay_book_tick(f.book, expiry - 1);
    assert_int_equal(until(&f, 1), expiry);
    assert_int_equal(connect(&f, 2, 1, expiry - 1, &circuit), MINKE_RELAY_STATUS_OK);
    minke__relay_circuit_refuse(f.book, circuit, MINKE_RELAY_STATUS_CONNECTION_FAILED);
    /* At the instant, tick or no tick. */
    assert_int_equal(connect(&f, 2, 1, expiry, &circuit), MINKE_RELAY_STATUS_NO_RESERVATION);
    assert_null(circuit);
    assert_int_equal(until(&f, 1), 0);
    assert_int_equal(f.statistics->reservations_expired, 1);
    assert_int_equal(f.statistics->reservations, 0);
    assert_int_equal(minke__relay_book_deadline(f.book), MINKE_TIME_NEVER);

    /* Renewed a microsecond before, it lives on; a microsecond later it would be a new one. */
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(reserve(&f, 1, 1, 1, expiry - 1), MINKE_RELAY_STATUS_OK);
    minke__relay_book_tick(f.book, expiry + 50);
    assert_int_equal(f.statistics->reservations_refreshed, 1);
    assert_int_equal(reserve(&f, 1, 1, 1, expiry - 1 + options.reservation_after), MINKE_RELAY_STATUS_OK);
    assert_int_equal(f.statistics->reservations_made, 3);
    assert_int_equal(f.statistics->reservations_expired, 2);
    tear_down(&f);
}

/* A clock that goes back, or to its end, does no harm. */
static void strange_clocks(void **state)
{
    (void)state;
    fixture_t f;
    const minke_relay_options_t options = few();
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(reserve(&f, 1, 1, 1, 5), MINKE_RELAY_STATUS_OK);
    assert_int_equal(until(&f, 1), 5 + options.reservation_after);
    assert_int_equal(reserve(&f, 1, 1, 1, MINKE_TIME_NEVER - 1), MINKE_RELAY_STATUS_OK);
    assert_int_equal(until(&f, 1), MINKE_TIME_NEVER - 1);
    minke__relay_book_tick(f.book, MINKE_TIME_NEVER - 2);
    assert_int_equal(f.statistics->reservations, 1);
    minke__relay_book_tick(f.book, MINKE_TIME_NEVER - 1);
    assert_int_equal(f.statistics->reservations, 0);
    tear_down(&f);
}

/* The connection that asked last holds it. */
static void a_new_connection_takes_over(void **state)
{
    (void)state;
    fixture_t f;
    minke_relay_circuit_t *circuit;
    const minke_relay_options_t options = few();
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 100, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(connect(&f, 2, 1, NOW, &circuit), MINKE_RELAY_STATUS_OK);
    assert_int_equal(circuit->target_connection, 100);
    assert_int_equal(reserve(&f, 1, 1, 200, NOW), MINKE_RELAY_STATUS_OK);
    end(&f, 1, 100);
    assert_true(until(&f, 1) != 0);
    minke__relay_circuit_refuse(f.book, circuit, MINKE_RELAY_STATUS_CONNECTION_FAILED);
    assert_int_equal(connect(&f, 2, 1, NOW, &circuit), MINKE_RELAY_STATUS_OK);
    assert_int_equal(circuit->target_connection, 200);
    end(&f, 1, 200);
    assert_int_equal(until(&f, 1), 0);
    end(&f, 1, 200);
    end(&f, 9, 9);
    assert_int_equal(f.statistics->reservations_lost, 1);
    minke__relay_circuit_start(f.book, circuit, NOW); /* the circuit is its own affair */
    minke__relay_circuit_close(f.book, circuit, MINKE_RELAY_ENDED_BY_PEERS);
    tear_down(&f);
}

static void what_is_denied(void **state)
{
    (void)state;
    fixture_t f;
    minke_relay_circuit_t *circuit;
    const minke_relay_options_t options = few();
    set_up(&f, &options);
    const minke_peer_id_t one = peer(1), two = peer(2);
    const minke_address_t remote = ip4(1);
    const minke_relay_asker_t relayed = {.peer = &one, .connection = 1, .remote = &remote, .relayed = true};
    assert_int_equal(minke__relay_book_reserve(f.book, &relayed, NOW), MINKE_RELAY_STATUS_PERMISSION_DENIED);
    /* That comes first, whatever else is wrong. */
    assert_int_equal(minke__relay_book_connect(f.book, &relayed, &two, NOW, &circuit),
                     MINKE_RELAY_STATUS_PERMISSION_DENIED);
    assert_int_equal(connect(&f, 1, 2, NOW, &circuit), MINKE_RELAY_STATUS_NO_RESERVATION);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    assert_int_equal(connect(&f, 1, 1, NOW, &circuit), MINKE_RELAY_STATUS_PERMISSION_DENIED);
    assert_null(circuit);
    assert_int_equal(f.test.counters.stun_refused, 0);
    assert_int_equal(refused(f.statistics->reservations_refused, MINKE_RELAY_STATUS_PERMISSION_DENIED), 1);
    assert_int_equal(refused(f.statistics->circuits_refused, MINKE_RELAY_STATUS_PERMISSION_DENIED), 2);
    assert_int_equal(refused(f.statistics->circuits_refused, MINKE_RELAY_STATUS_NO_RESERVATION), 1);
    minke__relay_book_count_refusal(f.book, MINKE_HOP_CONNECT, MINKE_RELAY_STATUS_MALFORMED_MESSAGE);
    minke__relay_book_count_refusal(f.book, 77, MINKE_RELAY_STATUS_UNEXPECTED_MESSAGE);
    assert_int_equal(refused(f.statistics->circuits_refused, MINKE_RELAY_STATUS_MALFORMED_MESSAGE), 1);
    assert_int_equal(refused(f.statistics->requests_refused, MINKE_RELAY_STATUS_UNEXPECTED_MESSAGE), 1);
    tear_down(&f);
}

/* Three of a peer, at either end, those that are still being asked for included; five in all. */
static void so_many_circuits(void **state)
{
    (void)state;
    fixture_t f;
    minke_relay_circuit_t *circuits[5], *none;
    const minke_relay_options_t options = few();
    set_up(&f, &options);
    for (uint32_t n = 1; n <= 3; n++) assert_int_equal(reserve(&f, n, n, n, NOW), MINKE_RELAY_STATUS_OK);
    circuits[0] = opened(&f, 1, 2, NOW);
    circuits[1] = opened(&f, 4, 1, NOW);
    assert_int_equal(connect(&f, 5, 1, NOW, &circuits[2]), MINKE_RELAY_STATUS_OK);
    assert_int_equal(connect(&f, 1, 3, NOW, &none), MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED); /* as a source */
    assert_int_equal(connect(&f, 6, 1, NOW, &none), MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED); /* as a target */
    minke__relay_circuit_refuse(f.book, circuits[2], MINKE_RELAY_STATUS_CONNECTION_FAILED);
    circuits[2] = opened(&f, 6, 1, NOW);
    circuits[3] = opened(&f, 5, 2, NOW);
    assert_int_equal(connect(&f, 5, 3, NOW, &circuits[4]), MINKE_RELAY_STATUS_OK);
    assert_int_equal(f.statistics->circuits, 4);
    assert_int_equal(f.statistics->circuits_asking, 1);
    assert_int_equal(connect(&f, 7, 3, NOW, &none), MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED);
    minke__relay_circuit_close(f.book, circuits[0], MINKE_RELAY_ENDED_BY_PEERS);
    circuits[0] = opened(&f, 7, 3, NOW);
    assert_int_equal(refused(f.statistics->circuits_refused, MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED), 3);
    assert_int_equal(refused(f.statistics->circuits_refused, MINKE_RELAY_STATUS_CONNECTION_FAILED), 1);
    assert_int_equal(f.statistics->circuits_opened, 5);
    assert_int_equal(f.statistics->circuits_ended[MINKE_RELAY_ENDED_BY_PEERS], 1);
    tear_down(&f); /* with open ones and one that is being asked for */
}

static void who_is_who(void **state)
{
    (void)state;
    fixture_t f;
    const minke_relay_options_t options = few();
    const minke_peer_id_t source = peer(2), target = peer(1);
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    const minke_relay_circuit_t *circuit = opened(&f, 2, 1, NOW);
    assert_true(minke__peer_id_equal(minke__relay_circuit_peer(circuit, MINKE_RELAY_FROM_SOURCE), &source));
    assert_true(minke__peer_id_equal(minke__relay_circuit_peer(circuit, MINKE_RELAY_FROM_TARGET), &target));
    tear_down(&f);
}

static void so_many_bytes(void **state)
{
    (void)state;
    fixture_t f;
    minke_relay_options_t options = few();
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    minke_relay_circuit_t *circuit = opened(&f, 2, 1, NOW);
    assert_int_equal(minke__relay_circuit_allowance(f.book, circuit, MINKE_RELAY_FROM_SOURCE), 1000);
    minke__relay_circuit_count(f.book, circuit, MINKE_RELAY_FROM_SOURCE, 999);
    minke__relay_circuit_count(f.book, circuit, MINKE_RELAY_FROM_SOURCE, 0);
    assert_int_equal(minke__relay_circuit_allowance(f.book, circuit, MINKE_RELAY_FROM_SOURCE), 1);
    minke__relay_circuit_count(f.book, circuit, MINKE_RELAY_FROM_SOURCE, 1);
    assert_int_equal(minke__relay_circuit_allowance(f.book, circuit, MINKE_RELAY_FROM_SOURCE), 0);
    assert_int_equal(minke__relay_circuit_allowance(f.book, circuit, MINKE_RELAY_FROM_TARGET), 1000);
    minke__relay_circuit_count(f.book, circuit, MINKE_RELAY_FROM_TARGET, 30);
    assert_int_equal(circuit->relayed[MINKE_RELAY_FROM_SOURCE], 1000);
    assert_int_equal(circuit->relayed[MINKE_RELAY_FROM_TARGET], 30);
    minke__relay_circuit_close(f.book, circuit, MINKE_RELAY_ENDED_BY_BYTES);
    assert_int_equal(f.statistics->bytes_relayed, 1030);
    assert_int_equal(f.statistics->circuits_ended[MINKE_RELAY_ENDED_BY_BYTES], 1);
    tear_down(&f);

    options.circuit_bytes = 0;
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    circuit = opened(&f, 2, 1, NOW);
    minke__relay_circuit_count(f.book, circuit, MINKE_RELAY_FROM_SOURCE, 1ULL << 40);
    assert_true(minke__relay_circuit_allowance(f.book, circuit, MINKE_RELAY_FROM_SOURCE) == UINT64_MAX);
    tear_down(&f);
}

static void so_much_time(void **state)
{
    (void)state;
    fixture_t f;
    minke_relay_circuit_t *asking, *none;
    minke_relay_options_t options = few();
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    /* Asking takes none of its time. */
    assert_int_equal(connect(&f, 2, 1, NOW, &asking), MINKE_RELAY_STATUS_OK);
    minke__relay_circuit_start(f.book, asking, NOW + SECOND);
    minke_relay_circuit_t *first = opened(&f, 3, 1, NOW);
    minke_relay_circuit_t *third = opened(&f, 4, 1, NOW + 2 * SECOND);
    assert_int_equal(minke__relay_book_deadline(f.book), NOW + 10 * SECOND);
    minke__relay_book_tick(f.book, NOW + 10 * SECOND - 1);
    assert_null(minke__relay_book_next_due(f.book));
    minke__relay_book_tick(f.book, NOW + 11 * SECOND);
    assert_ptr_equal(minke__relay_book_next_due(f.book), first);
    assert_ptr_equal(minke__relay_book_next_due(f.book), asking);
    assert_null(minke__relay_book_next_due(f.book));
    assert_int_equal(minke__relay_book_deadline(f.book), NOW + 12 * SECOND);
    minke__relay_circuit_close(f.book, first, MINKE_RELAY_ENDED_BY_TIME);
    /* Until it is closed it counts. */
    none = opened(&f, 5, 1, NOW + 11 * SECOND);
    assert_int_equal(f.statistics->circuits, 3);
    /* Closed between the tick and the question, it is not told any more. */
    minke__relay_book_tick(f.book, NOW + 12 * SECOND);
    minke__relay_circuit_close(f.book, third, MINKE_RELAY_ENDED_BY_PEERS);
    assert_null(minke__relay_book_next_due(f.book));
    minke__relay_circuit_close(f.book, asking, MINKE_RELAY_ENDED_BY_TIME);
    minke__relay_circuit_close(f.book, none, MINKE_RELAY_ENDED_BY_PEERS);
    assert_int_equal(f.statistics->circuits_ended[MINKE_RELAY_ENDED_BY_TIME], 2);
    assert_int_equal(f.statistics->circuits_ended[MINKE_RELAY_ENDED_BY_PEERS], 2);
    assert_int_equal(f.statistics->circuits, 0);
    tear_down(&f);

    options.circuit_after = 0;
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    (void)opened(&f, 2, 1, NOW);
    assert_int_equal(minke__relay_book_deadline(f.book), NOW + options.reservation_after);
    minke__relay_book_tick(f.book, MINKE_TIME_NEVER - 1);
    assert_null(minke__relay_book_next_due(f.book));
    assert_int_equal(f.statistics->circuits, 1);
    tear_down(&f);
}

/* Torn down with circuits that are due, told or not. */
static void freed_with_circuits_due(void **state)
{
    (void)state;
    fixture_t f;
    const minke_relay_options_t options = few();
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    (void)opened(&f, 2, 1, NOW);
    (void)opened(&f, 3, 1, NOW);
    minke__relay_book_tick(f.book, NOW + 60 * (minke_time_t)SECOND);
    assert_non_null(minke__relay_book_next_due(f.book));
    tear_down(&f);
}

/* The n-th allocation fails: a refusal, nothing left behind, and the next one finds all as it was. */
static void lack_of_memory(void **state)
{
    (void)state;
    enum { RESERVATIONS = 40 };
    minke_relay_options_t options = minke__relay_options_defaults();
    for (uint64_t fail_at = 1;; fail_at++) {
        test_env_t test;
        fixture_t f = {0};
        minke_relay_circuit_t *circuit;
        uint32_t reservations = 0, circuits = 0;
        test_env_init(&test, 1);
        test.fail_at = fail_at;
        if (minke__relay_book_new(&test.env, &options, &f.book) < 0) {
            assert_int_equal(test.blocks, 0);
            continue;
        }
        f.statistics = minke__relay_book_statistics(f.book);
        for (uint32_t n = 1; n <= RESERVATIONS; n++) {
            const minke_relay_status_t status = reserve(&f, n, n, n, NOW);
            assert_true(status == MINKE_RELAY_STATUS_OK || status == MINKE_RELAY_STATUS_RESERVATION_REFUSED);
            reservations += status == MINKE_RELAY_STATUS_OK;
            assert_int_equal(until(&f, n) != 0, status == MINKE_RELAY_STATUS_OK);
        }
        for (uint32_t n = 1; n <= RESERVATIONS; n++) {
            if (until(&f, n) == 0) continue;
            const minke_relay_status_t status = connect(&f, 1000 + n, n, NOW, &circuit);
            assert_true(status == MINKE_RELAY_STATUS_OK || status == MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED);
            assert_int_equal(circuit != NULL, status == MINKE_RELAY_STATUS_OK);
            if (circuit == NULL) continue;
            circuits++;
            minke__relay_circuit_start(f.book, circuit, NOW);
        }
        assert_int_equal(f.statistics->reservations, reservations);
        assert_int_equal(f.statistics->circuits, circuits);
        assert_true(reservations >= RESERVATIONS - 1 && circuits >= RESERVATIONS - 2);
        minke__relay_book_free(f.book);
        assert_int_equal(test.blocks, 0);
        if (test.allocations < fail_at) return;
        assert_true(fail_at < 1000);
    }
}

/* Moving to another address needs memory: without, the reservation stays where it was. */
static void lack_of_memory_when_renewing(void **state)
{
    (void)state;
    fixture_t f;
    const minke_relay_options_t options = few();
    set_up(&f, &options);
    assert_int_equal(reserve(&f, 1, 1, 1, NOW), MINKE_RELAY_STATUS_OK);
    f.test.fail_at = f.test.allocations + 1;
    assert_int_equal(reserve(&f, 1, 2, 2, NOW + 1), MINKE_RELAY_STATUS_RESERVATION_REFUSED);
    assert_int_equal(until(&f, 1), NOW + options.reservation_after);
    f.test.fail_at = f.test.allocations + 1;
    assert_int_equal(reserve(&f, 1, 1, 3, NOW + 1), MINKE_RELAY_STATUS_OK); /* none is needed here */
    tear_down(&f);
}

/* What the header promises, at numbers where tables have just grown. */
static void what_it_costs(void **state)
{
    (void)state;
    static const uint32_t counts[] = {100, 513, 1000, 1025};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        fixture_t f;
        const uint32_t n = counts[i];
        minke_relay_options_t options = minke__relay_options_defaults();
        options.reservations_max = options.circuits_max = n;
        options.circuits_per_peer_max = 0;
        set_up(&f, &options);
        const size_t empty = f.account.used;
        assert_true(empty <= 1024);
        for (uint32_t k = 0; k < n; k++) assert_int_equal(reserve(&f, k, k, k, NOW), MINKE_RELAY_STATUS_OK);
        const size_t reserved = f.account.used - empty;
        assert_true(reserved <= (size_t)MINKE_RELAY_RESERVATION_BYTES * n);
        assert_true(reserved + 48 * (size_t)n >= (size_t)MINKE_RELAY_RESERVATION_BYTES * n); /* and not idly large */
        for (uint32_t k = 0; k < n; k++) (void)opened(&f, (k + 1) % n, k, NOW);
        const size_t circuits = f.account.used - empty - reserved;
        assert_true(circuits <= (size_t)MINKE_RELAY_CIRCUIT_BYTES * n);
        tear_down(&f);

        set_up(&f, &options);
        for (uint32_t k = 0; k < n; k++) assert_int_equal(reserve(&f, k, k, k, NOW), MINKE_RELAY_STATUS_OK);
        for (uint32_t k = 0; k < n; k++) (void)opened(&f, n + k, k, NOW);
        const size_t with_sources = f.account.used - empty - reserved;
        assert_true(with_sources <= (size_t)(MINKE_RELAY_CIRCUIT_BYTES + MINKE_RELAY_SOURCE_BYTES) * n);
        tear_down(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_a_public_relay),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(so_many_reservations),
        cmocka_unit_test(a_thousand_from_one_address_by_option),
        cmocka_unit_test(none_at_all),
        cmocka_unit_test(so_many_of_one_address),
        cmocka_unit_test(what_one_address_is),
        cmocka_unit_test(reservations_end_in_time),
        cmocka_unit_test(strange_clocks),
        cmocka_unit_test(a_new_connection_takes_over),
        cmocka_unit_test(what_is_denied),
        cmocka_unit_test(so_many_circuits),
        cmocka_unit_test(who_is_who),
        cmocka_unit_test(so_many_bytes),
        cmocka_unit_test(so_much_time),
        cmocka_unit_test(freed_with_circuits_due),
        cmocka_unit_test(lack_of_memory),
        cmocka_unit_test(lack_of_memory_when_renewing),
        cmocka_unit_test(what_it_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
