#include "stun/rate_limit.h"

#include "base/address.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000, SECOND = 1000 * 1000, PLENTY = 1000 * 1000 };

typedef struct fixture {
    test_env_t test;
    minke_rate_limit_t *limit;
} fixture_t;

static void set_up(fixture_t *f, uint32_t at_once, uint32_t per_second)
{
    test_env_init(&f->test, 7);
    f->limit = minke__rate_limit_new(&f->test.env, at_once, per_second);
    assert_non_null(f->limit);
}

static void tear_down(fixture_t *f)
{
    minke__rate_limit_free(f->limit);
    assert_int_equal(f->test.blocks, 0);
}

static minke_address_t ip4(uint32_t number)
{
    return (minke_address_t){.ip = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number},
                             .port = 1,
                             .family = MINKE_FAMILY_IP4};
}

static minke_address_t text(const char *ip)
{
    minke_address_t address;
    assert_true(minke__parse_ip(ip, strlen(ip), &address));
    return address;
}

static bool take(fixture_t *f, minke_address_t source, minke_time_t now)
{
    return minke__rate_limit_take(f->limit, &source, now);
}

/* How many of `tries` at one instant are served. */
static unsigned take_many(fixture_t *f, minke_address_t source, minke_time_t now, unsigned tries)
{
    unsigned n = 0;
    while (tries-- > 0) n += take(f, source, now) ? 1 : 0;
    return n;
}

static void a_source_has_ten_then_five_per_second(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, PLENTY, PLENTY);
    assert_int_equal(take_many(&f, ip4(1), 5 * SECOND, 100), 10);
    for (minke_time_t i = 1; i <= 20; i++) { /* one in 200 ms, not a microsecond earlier */
        assert_false(take(&f, ip4(1), 5 * SECOND + i * 200 * MS - 1));
        assert_true(take(&f, ip4(1), 5 * SECOND + i * 200 * MS));
        assert_false(take(&f, ip4(1), 5 * SECOND + i * 200 * MS));
    }
    assert_int_equal(take_many(&f, ip4(1), 9 * SECOND + 2 * SECOND - 1, 100), 9); /* full again after 2 s ... */
    assert_int_equal(take_many(&f, ip4(1), 11 * SECOND, 100), 1);
    assert_int_equal(take_many(&f, ip4(1), 99 * SECOND, 100), 10); /* ... and never more than that */
    tear_down(&f);
}

/* Whoever asks without end gets no less for it. */
static void refusals_cost_nothing(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, PLENTY, PLENTY);
    unsigned n = 0;
    for (minke_time_t now = SECOND; now < 11 * SECOND; now += MS) n += take(&f, ip4(1), now) ? 1 : 0;
    assert_int_equal(n, 10 + 49); /* the fiftieth would come at 11 s */
    tear_down(&f);
}

static void what_is_one_source(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool one;
    } table[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"32.1.13.184", "2001:db8::1", false}, /* the same first four bytes */
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"::ffff:192.0.2.1", "192.0.2.1", true},
        {"fe80::1", "fe80::2", true},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture_t f;
        set_up(&f, PLENTY, PLENTY);
        minke_address_t a = text(table[i].a), b = text(table[i].b);
        a.port = 1;
        b.port = 2;
        b.scope = 3;
        assert_int_equal(take_many(&f, a, 0, 11), 10);
        if (take_many(&f, b, 0, 11) != (table[i].one ? 0 : 10)) fail_msg("%s and %s", table[i].a, table[i].b);
        assert_int_equal(minke__rate_limit_sources(f.limit), table[i].one ? 1 : 2);
        tear_down(&f);
    }
}

static void all_together_have_their_own_limit(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 3, 7, 1000, 999983, 1000000};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        const uint32_t rate = rates[i], at_once = rate < 64 ? rate : 64;
        fixture_t f;
        set_up(&f, at_once, rate);
        uint32_t source = 0, n = 0;
        const minke_time_t steps = 1000, step = 977; /* some time that no rate divides */
        while (take(&f, ip4(source++), 0)) n++;
        assert_int_equal(n, at_once);
        n = 0;
        for (minke_time_t now = step; now <= steps * step; now += step) {
            for (unsigned tries = 0; tries < 70 && take(&f, ip4(source), now); tries++, source++) n++;
        }
        const uint64_t earned = steps * step * rate / SECOND;
        const uint64_t most = steps * at_once; /* what a step can take, however much it has earned */
        assert_int_equal(n, earned < most ? earned : most);
        tear_down(&f);
    }
}

/* A bucket is not full before it is: what is left of a division counts too. */
static void rounds_nothing_up(void **state)
{
    (void)state;
    fixture_t f;
    uint32_t source = 0, n = 0;
    set_up(&f, 64, 999983);
    while (take(&f, ip4(source++), SECOND)) n++;
    assert_int_equal(n, 64);
    for (n = 0; take(&f, ip4(source++), SECOND + 64);) n++;
    assert_int_equal(n, 63);
    tear_down(&f);
}

/* One that floods is refused on its own account, the others notice nothing. */
static void a_flood_takes_nothing_from_others(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 20, 10);
    for (minke_time_t now = SECOND; now < 3 * SECOND; now += MS) (void)take(&f, ip4(1), now);
    /* 20 + 2 * 10 - (10 + 10), never above 20 */
    unsigned n = 0;
    for (uint32_t i = 2; i < 100; i++) n += take_many(&f, ip4(i), 3 * SECOND, 1);
    assert_int_equal(n, 20);
    /* A source that asks while all is used up keeps what it has. */
    assert_false(take(&f, ip4(200), 3 * SECOND));
    assert_int_equal(minke__rate_limit_sources(f.limit), 21);
    assert_int_equal(take_many(&f, ip4(200), 4 * SECOND, 100), 10);
    tear_down(&f);
}

static void a_clock_that_jumps_does_no_harm(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 20, 20);
    assert_int_equal(take_many(&f, ip4(1), 10 * SECOND, 100), 10);
    assert_int_equal(take_many(&f, ip4(1), 0, 100), 0); /* back: nothing is gained, nothing lost */
    assert_int_equal(take_many(&f, ip4(1), 10 * SECOND + 200 * MS, 100), 1);
    assert_int_equal(take_many(&f, ip4(1), MINKE_TIME_NEVER, 100), 10);
    tear_down(&f);
}

static void evicts_who_was_served_longest_ago(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, PLENTY, PLENTY);
    for (uint32_t i = 0; i < MINKE_RATE_SOURCES_MAX; i++) assert_int_equal(take_many(&f, ip4(i), 0, 10), 10);
    assert_int_equal(minke__rate_limit_sources(f.limit), MINKE_RATE_SOURCES_MAX);
    assert_true(take(&f, ip4(0), 200 * MS)); /* now 1 is the oldest */
    assert_false(take(&f, ip4(0), 200 * MS));
    assert_int_equal(take_many(&f, ip4(1 << 20), 200 * MS, 11), 10);
    assert_int_equal(minke__rate_limit_sources(f.limit), MINKE_RATE_SOURCES_MAX);
    assert_false(take(&f, ip4(0), 200 * MS));
    assert_int_equal(take_many(&f, ip4(2), 200 * MS, 11), 1);
    assert_int_equal(take_many(&f, ip4(1), 200 * MS, 11), 10); /* forgiven; 3 has gone for it, for 2 was served */
    assert_int_equal(take_many(&f, ip4(4), 200 * MS, 11), 1);
    tear_down(&f);
}

/* What the table's size promises: under the default limit nobody is forgiven by a flood of forged sources. */
static void a_flood_of_sources_forgives_nobody(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 64, 1000);
    uint32_t source = 1, served = 0;
    assert_int_equal(take_many(&f, ip4(0), SECOND, 11), 10);
    for (minke_time_t now = SECOND; now < 2900 * MS; now += 500) {
        served += take(&f, ip4(source++), now) ? 1 : 0;
        served += take(&f, ip4(source++), now) ? 1 : 0;
    }
    assert_true(served >= 1900 && served <= 1900 + 64);
    /* Where the limit for all has room again, the first one has 9.82 of its 10. */
    assert_int_equal(take_many(&f, ip4(0), 2964 * MS, 11), 9);
    tear_down(&f);
}

static void allocates_nothing_once_it_is_full(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, PLENTY, PLENTY);
    uint32_t i = 0;
    for (; i < MINKE_RATE_SOURCES_MAX + 10; i++) assert_true(take(&f, ip4(i), 0));
    const uint64_t allocations = f.test.allocations;
    assert_true(allocations < 16);
    for (; i < 4 * MINKE_RATE_SOURCES_MAX; i++) assert_true(take(&f, ip4(i), 0));
    assert_int_equal(f.test.allocations, allocations);
    tear_down(&f);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 100; fail_at++) {
        test_env_t test;
        test_env_init(&test, 1);
        test.fail_at = fail_at;
        minke_rate_limit_t *limit = minke__rate_limit_new(&test.env, PLENTY, PLENTY);
        if (limit == NULL) {
            assert_int_equal(test.blocks, 0);
            continue;
        }
        unsigned served = 0;
        for (uint32_t i = 0; i < 200; i++) {
            const minke_address_t source = ip4(i);
            served += minke__rate_limit_take(limit, &source, 0) ? 1 : 0;
        }
        assert_int_equal(served, fail_at == 2 ? 199 : 200); /* without an index nobody is served */
        assert_int_equal(minke__rate_limit_sources(limit), served);
        minke__rate_limit_free(limit);
        assert_int_equal(test.blocks, 0);
        if (test.allocations < fail_at) return;
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_has_ten_then_five_per_second),
        cmocka_unit_test(refusals_cost_nothing),
        cmocka_unit_test(what_is_one_source),
        cmocka_unit_test(all_together_have_their_own_limit),
        cmocka_unit_test(rounds_nothing_up),
        cmocka_unit_test(a_flood_takes_nothing_from_others),
        cmocka_unit_test(a_clock_that_jumps_does_no_harm),
        cmocka_unit_test(evicts_who_was_served_longest_ago),
        cmocka_unit_test(a_flood_of_sources_forgives_nobody),
        cmocka_unit_test(allocates_nothing_once_it_is_full),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
