/* Circuits, each limit at its very number, byte and microsecond. */
#include "book_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_denied), cmocka_unit_test(so_many_circuits), cmocka_unit_test(who_is_who),
        cmocka_unit_test(so_many_bytes),  cmocka_unit_test(so_much_time),     cmocka_unit_test(freed_with_circuits_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
