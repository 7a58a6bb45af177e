/* Reservations, each limit at its very number and microsecond. */
#include "book_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_reservations),        cmocka_unit_test(a_thousand_from_one_address_by_option),
        cmocka_unit_test(so_many_of_one_address),      cmocka_unit_test(what_one_address_is),
        cmocka_unit_test(reservations_end_in_time),    cmocka_unit_test(strange_clocks),
        cmocka_unit_test(a_new_connection_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
