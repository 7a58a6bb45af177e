/* The book as a whole: options, lack of memory, and what it costs. */
#include "book_fixture.h"

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
        cmocka_unit_test(none_at_all),
        cmocka_unit_test(lack_of_memory),
        cmocka_unit_test(lack_of_memory_when_renewing),
        cmocka_unit_test(what_it_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
