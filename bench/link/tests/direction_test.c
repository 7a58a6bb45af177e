/* One direction of a link: when packets come out, which are dropped, and that a seed decides which. In virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "direction.h"

enum { PACKET = 1500 };

static const uint64_t MS = 1000000, RATE = 12500000; /* 100 Mbit/s: 120 us a packet */

static direction_t make(direction_options_t options)
{
    direction_t direction;
    assert_true(direction_begin(&direction, &options, 0));
    return direction;
}

static void offer(direction_t *direction, uint32_t number, size_t len, uint64_t now)
{
    uint8_t packet[PACKET] = {0};
    memcpy(packet, &number, sizeof number);
    direction_offer(direction, packet, len, now);
}

static uint32_t take(direction_t *direction, size_t *len)
{
    uint32_t number;
    memcpy(&number, direction_take(direction, len), sizeof number);
    return number;
}

static void packets_leave_at_the_rate(void **state)
{
    (void)state;
    direction_t direction = make((direction_options_t){.rate = RATE, .delay = 25 * MS, .queue_len = 10 * PACKET});
    size_t len;
    for (uint32_t i = 0; i < 10; i++) offer(&direction, i, PACKET, MS);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(direction_due(&direction), 26 * MS + (i + 1) * 120000);
        assert_int_equal(take(&direction, &len), i);
        assert_int_equal(len, PACKET);
    }
    assert_true(direction_due(&direction) == UINT64_MAX);
    offer(&direction, 10, 40, 50 * MS); /* the bottleneck is idle again */
    assert_int_equal(direction_due(&direction), 75 * MS + 3200);
    direction_end(&direction);
}

/* A rate that divides nothing: after a million bytes no more than the last nanosecond is missing. */
static void no_time_is_lost_to_rounding(void **state)
{
    (void)state;
    const uint64_t rate = 1234567, packets = 1000;
    direction_t direction = make((direction_options_t){.rate = rate, .queue_len = 2000000});
    size_t len;
    uint64_t last = 0;
    for (uint32_t i = 0; i < packets; i++) offer(&direction, i, 1000, 0);
    for (uint32_t i = 0; i < packets; i++) {
        last = direction_due(&direction);
        (void)take(&direction, &len);
    }
    assert_int_equal(last, packets * 1000 * 1000000000ull / rate);
    direction_end(&direction);
}

static void a_full_queue_drops_what_comes_last(void **state)
{
    (void)state;
    direction_t direction = make((direction_options_t){.rate = RATE, .queue_len = 3 * PACKET});
    size_t len;
    for (uint32_t i = 0; i < 5; i++) offer(&direction, i, PACKET, 0);
    assert_int_equal(direction.counts.overflowed, 2);
    assert_int_equal(direction.counts.queue_max, 3 * PACKET);
    offer(&direction, 5, PACKET, 120000); /* one has left */
    offer(&direction, 6, PACKET, 120000);
    assert_int_equal(direction.counts.overflowed, 3);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(take(&direction, &len), i);
    assert_int_equal(take(&direction, &len), 5);
    assert_int_equal(direction.bins[0].overflowed, 3);
    assert_int_equal(direction.bins[0].bytes, 4 * PACKET);
    direction_end(&direction);
}

/* Every packet of its own, taken at once: the ring is walked round many times with packets of all lengths. */
static uint64_t pass(direction_t *direction, unsigned packets)
{
    uint64_t fingerprint = 14695981039346656037ull;
    size_t len;
    for (uint32_t i = 0; i < packets; i++) {
        const size_t wanted = 40 + i * 37 % (PACKET - 39);
        offer(direction, i, wanted, i * MS);
        while (direction_due(direction) <= (i + 1) * MS) {
            const uint32_t number = take(direction, &len);
            assert_int_equal(len, 40 + number * 37 % (PACKET - 39));
            fingerprint = (fingerprint ^ number) * 1099511628211ull;
        }
    }
    return fingerprint;
}

static uint64_t fingerprint_of(uint64_t seed, uint64_t stream, double *rate)
{
    enum { PACKETS = 200000 };
    direction_t direction = make(
        (direction_options_t){.rate = RATE, .queue_len = 100 * PACKET, .loss = 0.01, .seed = seed, .stream = stream});
    const uint64_t fingerprint = pass(&direction, PACKETS);
    *rate = (double)direction.counts.lost / PACKETS;
    assert_int_equal(direction.counts.no_room, 0);
    assert_int_equal(direction.counts.taken + direction.counts.lost, PACKETS);
    direction_end(&direction);
    return fingerprint;
}

static void a_seed_decides_what_is_lost(void **state)
{
    (void)state;
    double rate, other;
    const uint64_t first = fingerprint_of(7, 0, &rate);
    assert_true(rate > 0.009 && rate < 0.011);
    assert_true(fingerprint_of(7, 0, &other) == first);
    assert_true(fingerprint_of(8, 0, &other) != first);
    assert_true(fingerprint_of(7, 1, &other) != first);
}

static void bursts_are_as_long_as_asked_for(void **state)
{
    (void)state;
    enum { PACKETS = 400000 };
    chance_t chance;
    losses_t losses = {.rate = 0.02, .burst = 4};
    unsigned lost = 0, bursts = 0;
    bool before = false;
    chance_begin(&chance, 1, 0);
    for (unsigned i = 0; i < PACKETS; i++) {
        const bool now = losses_take(&losses, &chance);
        lost += now;
        bursts += now && !before;
        before = now;
    }
    assert_true(lost > 0.018 * PACKETS && lost < 0.022 * PACKETS);
    assert_true((double)lost / bursts > 3.7 && (double)lost / bursts < 4.3);
}

static void late_packets_are_overtaken(void **state)
{
    (void)state;
    direction_t direction = make(
        (direction_options_t){.rate = RATE, .queue_len = 2000 * PACKET, .reorder = 0.1, .late_by = 5 * MS, .seed = 3});
    size_t len;
    unsigned overtaken = 0;
    uint32_t highest = 0;
    uint64_t due_before = 0;
    for (uint32_t i = 0; i < 1000; i++) offer(&direction, i, PACKET, 0);
    while (direction_due(&direction) != UINT64_MAX) {
        assert_true(direction_due(&direction) >= due_before);
        due_before = direction_due(&direction);
        const uint32_t number = take(&direction, &len);
        overtaken += number < highest;
        if (number > highest) highest = number;
    }
    assert_int_equal(direction.counts.taken, 1000);
    assert_true(overtaken > 50 && overtaken <= direction.counts.late);
    direction_end(&direction);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_leave_at_the_rate),          cmocka_unit_test(no_time_is_lost_to_rounding),
        cmocka_unit_test(a_full_queue_drops_what_comes_last), cmocka_unit_test(a_seed_decides_what_is_lost),
        cmocka_unit_test(bursts_are_as_long_as_asked_for),    cmocka_unit_test(late_packets_are_overtaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
