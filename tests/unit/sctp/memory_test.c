/* An association under an account: what grows at the remote's will stays below the cap, and nothing stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "script.h"

enum { T = SCRIPT_PEER_TSN };

typedef struct ledger {
    minke_account_t account;
    uint64_t refused;
} ledger_t;

static void set_up(script_t *s, ledger_t *l, const minke_sctp_options_t *options)
{
    script_init(s, options);
    *l = (ledger_t){.account = {.max = SIZE_MAX / 2, .refusals = &l->refused}};
    s->test.env.account = &l->account; /* what came before is nobody's */
}

/* Every chunk begins another stream, of which something must be remembered: 65536 of them would be 10 MiB. */
static void a_stream_for_every_chunk(void **state)
{
    (void)state;
    script_t s;
    ledger_t l;
    set_up(&s, &l, NULL);
    script_establish(&s);
    l.account.max = 256 << 10;
    for (unsigned i = 0; i < 8000; i++) {
        script_recv(&s, "%s", script_data(T + i, i, 0, "BE", "x"));
        (void)script_drain(&s);
        s.log[0] = 0;
    }
    assert_true(s.test.counters.memory_data_dropped > 0);
    assert_int_equal(l.refused, 0);
    assert_true(l.account.used <= 256 << 10);
    assert_int_equal(minke__sctp_state(s.sctp), MINKE_SCTP_ESTABLISHED);
    script_free(&s);
    assert_int_equal(l.account.used, 0);
}

/* The window that is announced is what can be afforded, and it opens again by itself. */
static void the_window_follows_memory(void **state)
{
    (void)state;
    script_t s;
    ledger_t l;
    set_up(&s, &l, NULL);
    script_establish(&s);
    l.account.max = 256 << 10;
    script_recv(&s, "%s", script_data(T, 1, 0, "BEI", "first"));
    script_expect(&s, "03000010 %08x %08x 00000000", T, 64 << 10);
    l.account.max = l.account.used;
    script_recv(&s, "%s", script_data(T + 1, 1, 1, "BEI", "too much"));
    script_expect(&s, "03000010 %08x %08x 00000000", T, (unsigned)l.account.used / 4);
    assert_int_equal(s.test.counters.memory_data_dropped, 1);
    for (int i = 0; i < 20; i++) script_wait(&s, 50 * SCRIPT_MS);
    script_expect_nothing(&s);
    l.account.max = 256 << 10;
    script_wait(&s, 100 * SCRIPT_MS);
    script_expect(&s, "03000010 %08x %08x 00000000", T, 64 << 10);
    s.log[0] = 0;
    script_recv(&s, "%s", script_data(T + 1, 1, 1, "BEI", "again"));
    script_saw(&s, "data 1 [again]");
    script_free(&s);
    assert_int_equal(l.account.used, 0);
}

/* Thousands of small messages would fly at once; without memory for their records they go in smaller flights. */
static void flights_are_as_large_as_memory_allows(void **state)
{
    (void)state;
    enum { MESSAGES = 1000, RECORDS = 64 };
    script_t s;
    ledger_t l;
    set_up(&s, &l, NULL);
    script_establish_with(&s, 1 << 20, T);
    for (int i = 0; i < MESSAGES; i++) script_message(&s, 1, "x");
    l.account.max = l.account.used / 3 * 4;
    unsigned flights = 0;
    for (uint32_t acked = 0; acked < MESSAGES; flights++) {
        (void)script_drain(&s);
        const uint32_t flying = minke__sctp_stats(s.sctp).in_flight;
        assert_true(flying > 0);
        if (flights == 0) assert_int_equal(flying, RECORDS);
        acked += flying;
        script_recv(&s, "03000010 %08x 00100000 00000000", s.tsn + acked - 1);
        s.log[0] = 0;
    }
    assert_true(flights > 2);
    assert_int_equal(s.messages, 0);
    assert_int_equal(l.refused, 0);
    script_free(&s);
    assert_int_equal(l.account.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_for_every_chunk),
        cmocka_unit_test(the_window_follows_memory),
        cmocka_unit_test(flights_are_as_large_as_memory_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
