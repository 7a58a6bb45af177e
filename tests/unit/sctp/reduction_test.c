/* Proportional rate reduction, against the examples of RFC 6937 4 and RFC 9937: 20 packets fly, half or seven tenths
 * may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sctp/reduction.h"

enum { UNIT = 1000 };

/* One packet arrives, `lost_n` are found lost; sends what may leave. Returns how many packets that is. */
static unsigned arrive(minke_reduction_t *r, uint32_t *in_flight, unsigned lost_n, bool clean)
{
    *in_flight -= UNIT + lost_n * UNIT;
    minke__reduction_acked(r, UNIT, *in_flight, UNIT, clean);
    unsigned n = 0;
    for (; *in_flight < r->limit; n++) {
        *in_flight += UNIT;
        minke__reduction_sent(r, UNIT);
    }
    return n;
}

/* One loss among twenty, window halved: every other acknowledgement lets one packet go, from the first on. */
static void one_loss_halves_evenly(void **state)
{
    (void)state;
    minke_reduction_t r;
    uint32_t in_flight = 20 * UNIT;
    minke__reduction_begin(&r, in_flight, 10 * UNIT);
    unsigned sent = arrive(&r, &in_flight, 1, false), longest = 0, pause = 0;
    assert_int_equal(sent, 1);
    for (unsigned i = 0; i < 18; i++) {
        const unsigned n = arrive(&r, &in_flight, 0, true);
        assert_true(n <= 1);
        pause = n > 0 ? 0 : pause + 1;
        if (pause > longest) longest = pause;
        sent += n;
    }
    assert_int_equal(sent, 10); /* 19 arrived, half of them */
    assert_true(longest <= 2);
    assert_int_equal(in_flight, 10 * UNIT);
}

/* Most of the window is lost at once: what is left flies on by itself, and grows by a packet with each arrival. */
static void many_losses_do_not_silence(void **state)
{
    (void)state;
    minke_reduction_t r;
    uint32_t in_flight = 20 * UNIT;
    minke__reduction_begin(&r, in_flight, 10 * UNIT);
    assert_int_equal(arrive(&r, &in_flight, 15, false), 1); /* 4 fly, 1 arrived */
    assert_int_equal(in_flight, 5 * UNIT);
    assert_int_equal(arrive(&r, &in_flight, 0, true), 2);
    assert_int_equal(arrive(&r, &in_flight, 0, true), 2);
    assert_int_equal(arrive(&r, &in_flight, 0, false), 1); /* further losses: no more than arrives */
    for (unsigned i = 0; i < 10; i++) (void)arrive(&r, &in_flight, 0, true);
    assert_int_equal(in_flight, 10 * UNIT);
}

static void the_first_leaves_at_once(void **state)
{
    (void)state;
    minke_reduction_t r;
    minke__reduction_begin(&r, 20 * UNIT, 14 * UNIT);
    minke__reduction_acked(&r, 0, 19 * UNIT, UNIT, false); /* found by a timer: nothing has arrived */
    assert_int_equal(r.limit, 20 * UNIT);
    minke__reduction_sent(&r, UNIT);
    minke__reduction_acked(&r, 0, 20 * UNIT, UNIT, false);
    assert_int_equal(r.limit, 20 * UNIT);
}

static void off_means_off(void **state)
{
    (void)state;
    minke_reduction_t r = {0};
    minke__reduction_sent(&r, UNIT);
    minke__reduction_acked(&r, UNIT, 5 * UNIT, UNIT, true);
    assert_int_equal(r.sent, 0);
    assert_int_equal(r.limit, 0);
    minke__reduction_begin(&r, 0, 10 * UNIT); /* no flight: no division by it */
    minke__reduction_acked(&r, 0, UINT32_MAX, UNIT, true);
    assert_true(r.limit > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_loss_halves_evenly),
        cmocka_unit_test(many_losses_do_not_silence),
        cmocka_unit_test(the_first_leaves_at_once),
        cmocka_unit_test(off_means_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
