/* The search for the largest packet that a path carries, as a state machine against paths of every MTU. */
#include "sctp/packet_size.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { BASE = 1191, FULL = 1188, IP4 = 20 + 8 + 37, IP6 = 40 + 8 + 37, SECOND = 1000000 };

typedef struct walk {
    minke_packet_size_t size;
    minke_time_t now;
    unsigned probes;
} walk_t;

static void start(walk_t *w, uint32_t mtu_max, uint16_t overhead)
{
    *w = (walk_t){.now = 5 * SECOND};
    minke__packet_size_init(&w->size, BASE);
    minke__packet_size_path(&w->size, mtu_max, overhead);
    assert_int_equal(w->size.confirmed, FULL);
    assert_int_equal(minke__packet_size_due(&w->size, w->now), 0);
    minke__packet_size_begin(&w->size, w->now);
}

/* Until the search is over: probes that fit an MTU arrive 50 ms later. */
static void search(walk_t *w, size_t mtu)
{
    for (unsigned i = 0; w->size.state == MINKE_PACKET_SEARCHING; i++) {
        assert_true(i < 1000);
        const uint16_t len = minke__packet_size_due(&w->size, w->now);
        if (len == 0) {
            if (w->size.state == MINKE_PACKET_SEARCHING) w->now = w->size.next_at;
            continue;
        }
        assert_int_equal(len % 4, 0);
        assert_true(len > w->size.confirmed);
        minke__packet_size_sent(&w->size, 300000, w->now);
        w->probes++;
        assert_int_equal(minke__packet_size_due(&w->size, w->now), 0); /* one at a time, a second apart */
        if (len + (size_t)w->size.overhead > mtu) continue;
        w->now += 50000;
        assert_true(minke__packet_size_arrived(&w->size, len, w->now));
        assert_int_equal(w->size.confirmed, len);
    }
}

static void an_ethernet_takes_one_probe(void **state)
{
    (void)state;
    walk_t w;
    start(&w, 1500, IP4);
    search(&w, 1500);
    assert_int_equal(w.size.confirmed, 1432);
    assert_int_equal(w.probes, 1);
    assert_int_equal(w.size.next_at, MINKE_TIME_NEVER); /* there is nothing to raise */
    start(&w, 1500, IP6);
    search(&w, 1500);
    assert_int_equal(w.size.confirmed, 1412);
    assert_int_equal(w.probes, 1);
}

static void nothing_is_tried_where_nothing_is_allowed(void **state)
{
    (void)state;
    for (uint32_t mtu_max = 0; mtu_max <= 1280; mtu_max++) {
        walk_t w;
        start(&w, mtu_max, IP4);
        assert_int_equal(w.size.state, MINKE_PACKET_BASE);
        assert_int_equal(minke__packet_size_due(&w.size, w.now + 1000 * (minke_time_t)SECOND), 0);
    }
}

/* What is found fits, and is one of the usual sizes next below. */
static void every_mtu(void **state)
{
    (void)state;
    static const size_t usual[] = {1320, 1360, 1400, 1420, 1440, 1460, 1480, 1492, 1500, 2304, 4352, 8000, 9000};
    for (size_t mtu = 1280; mtu <= 9100; mtu += mtu < 1510 ? 1 : 37) {
        for (int ip6 = 0; ip6 < 2; ip6++) {
            for (int jumbo = 0; jumbo < 2; jumbo++) {
                walk_t w;
                start(&w, jumbo ? 9000 : 1500, ip6 ? IP6 : IP4);
                search(&w, mtu);
                size_t best = FULL;
                for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
                    const size_t len = (usual[i] - w.size.overhead) & ~(size_t)3;
                    if (len > best && len + w.size.overhead <= mtu && (usual[i] <= 1500 || jumbo)) best = len;
                }
                assert_int_equal(w.size.confirmed, best);
                assert_true(w.probes <= 3 * 5);
            }
        }
    }
}

static void a_limit_between_the_usual_sizes(void **state)
{
    (void)state;
    walk_t w;
    start(&w, 1300, IP4);
    search(&w, 1300);
    assert_int_equal(w.size.confirmed, 1232);
    start(&w, 65535, IP4);
    search(&w, 65535);
    assert_int_equal(w.size.confirmed, 16384 - IP4 - 3); /* a DTLS record ends there */
    assert_int_equal(w.probes, 2);
}

static void no_jumbo_frames(void **state)
{
    (void)state;
    walk_t w;
    start(&w, 9000, IP4);
    minke__packet_size_no_jumbo(&w.size);
    minke__packet_size_no_jumbo(&w.size);
    search(&w, 9000);
    assert_int_equal(w.size.confirmed, 1432);
    start(&w, 1400, IP4);
    minke__packet_size_no_jumbo(&w.size);
    search(&w, 9000);
    assert_int_equal(w.size.confirmed, 1400 - IP4 - 3);
}

static void a_lost_probe_is_no_answer(void **state)
{
    (void)state;
    walk_t w;
    start(&w, 1500, IP4);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(minke__packet_size_due(&w.size, w.now), 1432);
        minke__packet_size_sent(&w.size, 300000, w.now);
        assert_int_equal(minke__packet_size_due(&w.size, w.now + SECOND - 1), 0);
        w.now += SECOND;
    }
    assert_int_equal(minke__packet_size_due(&w.size, w.now), 1432);
    minke__packet_size_sent(&w.size, 2 * SECOND, w.now); /* a long round trip */
    assert_int_equal(minke__packet_size_due(&w.size, w.now + 2 * SECOND - 1), 0);
    assert_true(minke__packet_size_arrived(&w.size, 1432, w.now + SECOND));
    assert_int_equal(w.size.confirmed, 1432);
}

/* Three are: the size is too large, until its answer comes after all. */
static void a_late_answer_counts(void **state)
{
    (void)state;
    walk_t w;
    start(&w, 1500, IP4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(minke__packet_size_due(&w.size, w.now), 1432);
        minke__packet_size_sent(&w.size, 300000, w.now);
        w.now += SECOND;
    }
    const uint16_t next = minke__packet_size_due(&w.size, w.now);
    assert_true(next > FULL && next < 1432);
    assert_true(minke__packet_size_arrived(&w.size, 1432, w.now));
    assert_int_equal(minke__packet_size_due(&w.size, w.now), 0);
    assert_int_equal(w.size.confirmed, 1432);
    assert_int_equal(w.size.state, MINKE_PACKET_COMPLETE);
}

static void what_the_system_refuses_needs_no_second_try(void **state)
{
    (void)state;
    walk_t w;
    start(&w, 1500, IP4);
    assert_int_equal(minke__packet_size_due(&w.size, w.now), 1432);
    minke__packet_size_sent(&w.size, 300000, w.now);
    assert_false(minke__packet_size_refused(&w.size, 1432, w.now));
    const uint16_t next = minke__packet_size_due(&w.size, w.now);
    assert_true(next > FULL && next < 1432);
    assert_false(minke__packet_size_refused(&w.size, FULL, w.now)); /* nothing smaller is known */
    search(&w, 1420);
    assert_int_equal(w.size.confirmed, 1420 - IP4 - 3);
    /* Later it refuses what went before: another interface. */
    assert_true(minke__packet_size_refused(&w.size, w.size.confirmed, w.now));
    assert_int_equal(w.size.confirmed, FULL);
    minke__packet_size_begin(&w.size, w.now);
    assert_int_equal(minke__packet_size_due(&w.size, w.now), 0);
    w.now += 5 * SECOND;
    minke__packet_size_begin(&w.size, w.now);
    search(&w, 1400);
    assert_int_equal(w.size.confirmed, 1400 - IP4 - 3);
}

static void a_black_hole_ends_at_base(void **state)
{
    (void)state;
    walk_t w;
    start(&w, 1500, IP6);
    assert_false(minke__packet_size_vanish(&w.size, w.now)); /* nothing is large yet */
    search(&w, 1500);
    assert_true(minke__packet_size_vanish(&w.size, w.now));
    assert_false(minke__packet_size_vanish(&w.size, w.now));
    assert_int_equal(w.size.confirmed, FULL);
    assert_int_equal(w.size.state, MINKE_PACKET_BASE);
    w.now += 5 * SECOND;
    minke__packet_size_begin(&w.size, w.now);
    w.probes = 0;
    search(&w, 1450);
    assert_int_equal(w.size.confirmed, 1440 - IP6 - 3);
}

static void what_was_too_large_is_tried_again(void **state)
{
    (void)state;
    walk_t w;
    start(&w, 1500, IP4);
    search(&w, 1400);
    assert_int_equal(w.size.state, MINKE_PACKET_COMPLETE);
    assert_int_equal(minke__packet_size_due(&w.size, w.now + 599 * (minke_time_t)SECOND), 0);
    w.now += 601 * (minke_time_t)SECOND;
    assert_int_equal(minke__packet_size_due(&w.size, w.now), 1432);
    search(&w, 1500);
    assert_int_equal(w.size.confirmed, 1432);
}

static void another_path_knows_nothing(void **state)
{
    (void)state;
    walk_t w;
    start(&w, 1500, IP4);
    search(&w, 1500);
    minke__packet_size_path(&w.size, 1500, IP6);
    assert_int_equal(w.size.confirmed, FULL);
    assert_false(minke__packet_size_arrived(&w.size, 1412, w.now)); /* an answer from the old one */
    assert_int_equal(minke__packet_size_due(&w.size, w.now), 0);
    minke__packet_size_begin(&w.size, w.now);
    search(&w, 1500);
    assert_int_equal(w.size.confirmed, 1412);
}

static void answers_that_cannot_be(void **state)
{
    (void)state;
    walk_t w;
    start(&w, 1500, IP4);
    assert_false(minke__packet_size_arrived(&w.size, 1436, w.now));
    assert_false(minke__packet_size_arrived(&w.size, FULL, w.now));
    assert_false(minke__packet_size_arrived(&w.size, UINT16_MAX, w.now));
    assert_false(minke__packet_size_refused(&w.size, UINT16_MAX, w.now));
    assert_int_equal(w.size.confirmed, FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ethernet_takes_one_probe),
        cmocka_unit_test(nothing_is_tried_where_nothing_is_allowed),
        cmocka_unit_test(every_mtu),
        cmocka_unit_test(a_limit_between_the_usual_sizes),
        cmocka_unit_test(no_jumbo_frames),
        cmocka_unit_test(a_lost_probe_is_no_answer),
        cmocka_unit_test(a_late_answer_counts),
        cmocka_unit_test(what_the_system_refuses_needs_no_second_try),
        cmocka_unit_test(a_black_hole_ends_at_base),
        cmocka_unit_test(what_was_too_large_is_tried_again),
        cmocka_unit_test(another_path_knows_nothing),
        cmocka_unit_test(answers_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
