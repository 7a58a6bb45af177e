/* The set of ranges, and the flight built on it, against models that are too simple to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sctp/flight.h"
#include "sctp/tsn.h"
#include "sctp/tsn_set.h"
#include "support/test_env.h"

enum { SPAN = 300, BASE = 1000 };

static void check(const minke_tsn_set_t *set, const bool *model)
{
    uint32_t ranges = 0;
    for (uint64_t i = 0; i < SPAN; i++) {
        assert_int_equal(minke__tsn_set_contains(set, BASE + i), model[i]);
        if (model[i] && (i == 0 || !model[i - 1])) ranges++;
    }
    assert_int_equal(set->count, ranges);
    for (uint32_t i = 0; i + 1 < set->count; i++) assert_true(set->ranges[i].last + 1 < set->ranges[i + 1].first);
}

static void check_missing(const minke_tsn_set_t *set, const bool *model, uint64_t from, uint64_t to)
{
    uint64_t first = from;
    while (first <= to && model[first]) first++;
    minke_tsn_range_t run;
    assert_int_equal(minke__tsn_set_missing(set, BASE + from, BASE + to, &run), first <= to);
    if (first > to) return;
    uint64_t last = first;
    while (last < to && !model[last + 1]) last++;
    assert_int_equal(run.first, BASE + first);
    assert_int_equal(run.last, BASE + last);
}

static void behaves_like_a_set(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        test_env_t test;
        test_env_init(&test, seed);
        minke_tsn_set_t set;
        bool model[SPAN] = {false};
        uint64_t random_state = seed, removed = 0;
        minke__tsn_set_init(&set, &test.env, 1000);
        for (unsigned i = 0; i < 300; i++) {
            const uint64_t first = removed + test_random(&random_state) % (SPAN - removed);
            uint64_t last = first + test_random(&random_state) % 4;
            if (last >= SPAN) last = SPAN - 1;
            assert_true(minke__tsn_set_room(&set, BASE + first, BASE + last));
            minke__tsn_set_insert(&set, BASE + first, BASE + last);
            for (uint64_t k = first; k <= last; k++) model[k] = true;
            if (i % 50 == 49) {
                removed += 10;
                minke__tsn_set_remove_through(&set, BASE + removed - 1);
                memset(model, 0, removed);
            }
            check(&set, model);
            check_missing(&set, model, first > 20 ? first - 20 : 0, last + 20 < SPAN ? last + 20 : SPAN - 1);
        }
        minke__tsn_set_free(&set);
        assert_int_equal(test.blocks, 0);
    }
}

static void is_bounded(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    minke_tsn_set_t set;
    minke__tsn_set_init(&set, &test.env, 20);
    for (uint64_t i = 0; i < 20; i++) {
        assert_true(minke__tsn_set_room(&set, 1000 + 2 * i, 1000 + 2 * i));
        minke__tsn_set_insert(&set, 1000 + 2 * i, 1000 + 2 * i);
    }
    assert_false(minke__tsn_set_room(&set, 2000, 2000));
    assert_true(minke__tsn_set_room(&set, 1001, 1001)); /* joins two */
    minke__tsn_set_insert(&set, 1001, 1001);
    assert_int_equal(set.count, 19);
    minke__tsn_set_free(&set);
    test.fail_at = test.allocations + 1;
    assert_false(minke__tsn_set_room(&set, 1, 1));
    assert_int_equal(test.blocks, 0);
}

static void unwraps(void **state)
{
    (void)state;
    const uint64_t first = minke__tsn_first(0xfffffff0);
    assert_int_equal((uint32_t)first, 0xfffffff0);
    assert_int_equal(minke__tsn_unwrap(first, 5) - first, 21);
    assert_int_equal(minke__tsn_unwrap(first + 21, 0xfffffff0), first);
    assert_true(minke__tsn_unwrap(minke__tsn_first(0), 0xffffffff) < minke__tsn_first(0));
    assert_int_equal(minke__tsn_unwrap(first, 0x7ffffff0), first - 0x80000000u);
    assert_true(minke__ssn_before(0xffff, 0));
    assert_true(minke__ssn_before(0, 1));
    assert_false(minke__ssn_before(1, 1));
    assert_false(minke__ssn_before(0, 0xffff));
}

/* -- flight ------------------------------------------------------------------------------------------------------- */

static uint32_t count_list(const minke_flight_t *flight, minke_sent_list_t list, minke_sent_state_t state,
                           uint32_t *bytes)
{
    uint32_t n = 0;
    uint64_t previous = 0, packet = 0;
    *bytes = 0;
    for (uint64_t tsn = list.first; tsn != 0; tsn = minke__flight_at(flight, tsn)->next) {
        const minke_sent_t *sent = minke__flight_at(flight, tsn);
        assert_int_equal(sent->state, state);
        assert_int_equal(sent->previous, previous);
        if (state == MINKE_SENT_FLYING) {
            assert_true(sent->packet >= packet); /* in the order of sending */
            packet = sent->packet;
        }
        previous = tsn;
        *bytes += sent->len;
        n++;
    }
    assert_int_equal(list.last, previous);
    return n;
}

static void check_flight(const minke_flight_t *flight)
{
    uint32_t flying_bytes, lost_bytes, acked = 0;
    const uint32_t flying = count_list(flight, flight->flying, MINKE_SENT_FLYING, &flying_bytes);
    const uint32_t lost = count_list(flight, flight->lost, MINKE_SENT_LOST, &lost_bytes);
    for (uint64_t tsn = flight->base; tsn < flight->next; tsn++) {
        if (minke__flight_at(flight, tsn)->state == MINKE_SENT_ACKED) acked++;
    }
    assert_int_equal(flying + lost + acked, flight->next - flight->base);
    assert_int_equal(flying_bytes, flight->in_flight);
    assert_int_equal(lost_bytes, flight->lost_bytes);
}

static void step(minke_flight_t *flight, uint64_t *random_state, uint64_t packet)
{
    const uint64_t count = flight->next - flight->base;
    const uint64_t tsn = count > 0 ? flight->base + test_random(random_state) % count : 0;
    switch (test_random(random_state) % 8) {
    case 0:
    case 1:
    case 2:
        assert_int_equal(minke__flight_reserve(flight), MINKE_OK);
        (void)minke__flight_push(flight, (uint16_t)(1 + test_random(random_state) % 1000), packet, packet);
        break;
    case 3:
        if (count > 0 && minke__flight_at(flight, tsn)->state == MINKE_SENT_FLYING) minke__flight_lose(flight, tsn);
        break;
    case 4:
        if (count > 0 && minke__flight_at(flight, tsn)->state != MINKE_SENT_ACKED) minke__flight_ack(flight, tsn);
        break;
    case 5:
        if (count > 0) (void)minke__flight_pop(flight);
        break;
    case 6:
        if (flight->lost.first != 0) minke__flight_resent(flight, flight->lost.first, packet, packet);
        break;
    case 7:
        if (test_random(random_state) % 20 == 0) minke__flight_lose_all(flight);
        if (test_random(random_state) % 50 == 0) minke__flight_renege(flight);
        break;
    }
}

static void keeps_its_books(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        test_env_t test;
        test_env_init(&test, seed);
        minke_flight_t flight;
        uint64_t random_state = seed;
        minke__flight_init(&flight, &test.env, minke__tsn_first(0xffffffc0));
        for (uint64_t packet = 1; packet < 1000; packet++) {
            step(&flight, &random_state, packet);
            check_flight(&flight);
        }
        while (!minke__flight_empty(&flight)) (void)minke__flight_pop(&flight);
        check_flight(&flight);
        minke__flight_trim(&flight);
        if (flight.capacity == 0) assert_int_equal(test.blocks, 0);
        minke__flight_free(&flight);
        assert_int_equal(test.blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(behaves_like_a_set), cmocka_unit_test(is_bounded),
                                       cmocka_unit_test(unwraps), cmocka_unit_test(keeps_its_books)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
