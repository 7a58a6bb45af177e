/* Rates of delivery: packets that are sent and acknowledged at known times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sctp/delivery.h"
#include "support/test_env.h"

enum { UNIT = 1000, MS = 1000, S = 1000000 };

typedef struct lab {
    test_env_t test;
    minke_delivery_t d;
    uint64_t sent_n, acked_n;
    minke_time_t now;
} lab_t;

static void set_up(lab_t *lab)
{
    *lab = (lab_t){.now = S};
    test_env_init(&lab->test, 1);
    minke__delivery_init(&lab->d, &lab->test.env);
}

static void tear_down(lab_t *lab)
{
    minke__delivery_free(&lab->d);
    assert_int_equal(lab->test.blocks, 0);
}

static void send(lab_t *lab)
{
    lab->sent_n++;
    const uint32_t in_flight = (uint32_t)(lab->sent_n - lab->acked_n) * UNIT;
    minke__delivery_sent(&lab->d, lab->sent_n, lab->acked_n + 1, UNIT, in_flight, lab->now);
}

static minke_rate_sample_t ack(lab_t *lab, unsigned n)
{
    for (; n > 0; n--) minke__delivery_acked(&lab->d, ++lab->acked_n, UNIT, lab->now);
    return minke__delivery_sample(&lab->d, 5 * MS);
}

static void tells_the_rate_of_an_even_flow(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    for (unsigned i = 0; i < 10; i++, lab.now += MS) send(&lab);
    for (unsigned i = 0; i < 200; i++, lab.now += MS) {
        const minke_rate_sample_t sample = ack(&lab, 1);
        assert_true(sample.valid && !sample.limited);
        if (i >= 10) { /* a packet a millisecond */
            assert_int_equal(sample.rate, UNIT * 1000);
            assert_int_equal(sample.in_flight, 10 * UNIT);
        }
        send(&lab);
    }
    tear_down(&lab);
}

/* Acknowledgements that come in a lump show no more than the rate of sending: the longer of both times counts. */
static void is_not_deceived_by_lumps(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    for (unsigned i = 0; i < 20; i++, lab.now += MS) send(&lab);
    for (unsigned round = 0; round < 20; round++) {
        const minke_rate_sample_t sample = ack(&lab, 10); /* all at one instant */
        assert_in_range(sample.rate, 450000, 1050000);
        for (unsigned i = 0; i < 10; i++, lab.now += MS) send(&lab);
    }
    tear_down(&lab);
}

static void knows_when_the_user_was_the_limit(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    send(&lab);
    send(&lab);
    minke__delivery_limited(&lab.d, 2 * UNIT); /* no more to send */
    lab.now += 10 * MS;
    assert_false(ack(&lab, 1).limited); /* those left before that was so */
    send(&lab);
    lab.now += 10 * MS;
    assert_false(ack(&lab, 1).limited);
    lab.now += 10 * MS;
    assert_true(ack(&lab, 1).limited);
    send(&lab); /* what was in flight then has arrived: no longer */
    lab.now += 10 * MS;
    assert_false(ack(&lab, 1).limited);
    tear_down(&lab);
}

static void counts_losses_since_a_packet_left(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    for (unsigned i = 0; i < 5; i++) send(&lab);
    const minke_delivery_packet_t *lost = minke__delivery_lost(&lab.d, 1, UNIT);
    assert_non_null(lost);
    assert_int_equal(lost->in_flight, UNIT);
    assert_int_equal(lab.d.lost - lost->lost, UNIT);
    lab.acked_n = 1;
    lab.now += 10 * MS;
    send(&lab);
    assert_int_equal(ack(&lab, 4).lost, UNIT);
    lab.now += 10 * MS;
    assert_int_equal(ack(&lab, 1).lost, 0); /* it left afterwards */
    tear_down(&lab);
}

static void what_comes_too_soon_is_no_rate(void **state)
{
    (void)state;
    lab_t lab;
    set_up(&lab);
    send(&lab);
    lab.now += MS;
    const minke_rate_sample_t sample = ack(&lab, 1);
    assert_true(sample.valid);
    assert_int_equal(sample.rate, 0);
    assert_false(ack(&lab, 0).valid);
    tear_down(&lab);
}

static void lives_without_memory(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 8; fail_at++) {
        lab_t lab;
        set_up(&lab);
        lab.test.fail_at = fail_at;
        lab.test.fail_for_good = true;
        for (unsigned i = 0; i < 5000; i++, lab.now += 10) send(&lab);
        (void)minke__delivery_lost(&lab.d, 1, UNIT);
        (void)minke__delivery_lost(&lab.d, 5000, UNIT);
        for (unsigned i = 0; i < 500; i++, lab.now += 10) (void)ack(&lab, 10);
        assert_int_equal(lab.d.delivered, 5000 * UNIT);
        tear_down(&lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_rate_of_an_even_flow),    cmocka_unit_test(is_not_deceived_by_lumps),
        cmocka_unit_test(knows_when_the_user_was_the_limit), cmocka_unit_test(counts_losses_since_a_packet_left),
        cmocka_unit_test(what_comes_too_soon_is_no_rate),    cmocka_unit_test(lives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
