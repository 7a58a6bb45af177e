/* SACK in: acknowledgement, loss detection, timeouts, probes, the remote's window, malformed and malicious ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script.h"

enum { FULL = 1160 };

static void up(script_t *script)
{
    script_init(script, NULL);
    script_establish(script);
}

static uint32_t taken_tsn(const script_t *script)
{
    assert_int_equal(script->packet[12], 0);
    return script_u32(script->packet + 16);
}

static uint8_t taken_flags(const script_t *script) { return script->packet[13]; }

static void expect_tsn(script_t *script, uint32_t tsn)
{
    assert_true(script_take(script));
    assert_int_equal(taken_tsn(script), tsn);
}

static minke_sctp_stats_t stats(const script_t *script) { return minke__sctp_stats(script->sctp); }

/* `gaps`: "" or pairs of 16-bit offsets */
static void sack(script_t *script, uint32_t cumulative, const char *gaps)
{
    const unsigned n = (unsigned)strlen(gaps) / 8;
    script_recv(script, "0300%04x %08x 00100000 %04x0000 %s", 16 + 4 * n, cumulative, n, gaps);
}

/* Lets a span pass, with every timer in it. */
static void pass(script_t *script, minke_time_t span)
{
    const minke_time_t until = script->now + span;
    while (script->now < until) script_wait(script, until - script->now);
}

static void sends_messages_as_chunks(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 3, 2500);
    script_message(&s, 3, "abc");
    expect_tsn(&s, s.tsn);
    assert_int_equal(s.packet_len, 12 + 16 + FULL);
    assert_int_equal(taken_flags(&s), 2);
    assert_int_equal(script_u32(s.packet + 20), 0x00030000);
    expect_tsn(&s, s.tsn + 1);
    assert_int_equal(taken_flags(&s), 0);
    /* the tail, the next message behind it, and the I bit on the last of all */
    expect_tsn(&s, s.tsn + 2);
    assert_int_equal(taken_flags(&s), 1);
    assert_string_equal(script_chunks(&s) + 2 * (s.packet_len - 12 - 20) + 2,
                        script_chunks(&s) + 2 * (s.packet_len - 32) + 2);
    assert_int_equal(s.packet[s.packet_len - 20], 0);
    assert_int_equal(s.packet[s.packet_len - 19], 0xb);
    assert_int_equal(script_u32(s.packet + s.packet_len - 12), 0x00030001);
    script_expect_nothing(&s);
    sack(&s, s.tsn + 2, "");
    script_saw(&s, "done 3");
    sack(&s, s.tsn + 3, "");
    script_saw(&s, "done 3");
    assert_int_equal(stats(&s).bytes_acked, 2503);
    assert_true(minke__sctp_deadline(s.sctp) == MINKE_TIME_NEVER);
    script_free(&s);
}

static void keeps_to_the_congestion_window(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 200 * FULL);
    assert_int_equal(script_drain(&s), 10);
    assert_int_equal(taken_flags(&s) & 8, 8); /* the last of a burst asks for its SACK */
    sack(&s, s.tsn + 1, "");
    assert_int_equal(script_drain(&s), 4); /* slow start: two went, two more than that may */
    sack(&s, s.tsn + 13, "");
    assert_int_equal(script_drain(&s), 24);
    script_free(&s);
}

static void bundles_its_sack(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_recv(&s, "%s", script_data(SCRIPT_PEER_TSN, 1, 0, "BE", "x"));
    script_drain(&s);
    script_recv(&s, "%s", script_data(SCRIPT_PEER_TSN + 1, 1, 1, "BE", "x"));
    script_expect_nothing(&s);
    script_message(&s, 1, "abcd");
    script_expect(&s, "03000010 00000021 00200000 00000000 000b0014 %08x 00010000 00000035 61626364", s.tsn);
    script_wait(&s, 100 * SCRIPT_MS);
    script_drain(&s);
    script_free(&s);
}

static void three_later_packets_mean_loss(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 20 * FULL);
    assert_int_equal(script_drain(&s), 10);
    s.now += 10 * SCRIPT_MS;
    sack(&s, s.tsn - 1, "00020003"); /* two packets after the first */
    assert_int_equal(s.test.counters.sctp_fast_recoveries, 0);
    expect_tsn(&s, s.tsn + 10);
    script_drain(&s);
    const uint32_t window = stats(&s).congestion_window;
    sack(&s, s.tsn - 1, "00020004");
    assert_int_equal(s.test.counters.sctp_fast_recoveries, 1);
    assert_in_range(stats(&s).congestion_window, window / 10 * 7, window / 10 * 7 + FULL);
    /* at once, although more is in flight than the window allows now */
    expect_tsn(&s, s.tsn);
    assert_int_equal(s.test.counters.sctp_data_retransmitted, 1);
    script_expect_nothing(&s);
    /* further losses of the same round trip cost nothing more */
    sack(&s, s.tsn - 1, "000200040006000a");
    assert_int_equal(s.test.counters.sctp_fast_recoveries, 1);
    script_drain(&s);
    script_free(&s);
}

static void time_means_loss_too(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 2 * FULL);
    assert_int_equal(script_drain(&s), 2);
    s.now += 10 * SCRIPT_MS;
    sack(&s, s.tsn - 1, "00020002");
    script_expect_nothing(&s);
    assert_true(minke__sctp_deadline(s.sctp) - s.now < 5 * SCRIPT_MS);
    script_wait(&s, SCRIPT_S);
    expect_tsn(&s, s.tsn);
    assert_int_equal(s.test.counters.sctp_timeouts, 0);
    script_free(&s);
}

static void a_retransmission_may_be_lost_again(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 30 * FULL);
    script_drain(&s);
    s.now += 10 * SCRIPT_MS;
    sack(&s, s.tsn - 1, "0002000a");
    expect_tsn(&s, s.tsn);
    assert_true(script_drain(&s) >= 3); /* new data behind it */
    s.now += 10 * SCRIPT_MS;
    sack(&s, s.tsn - 1, "0002000d");
    expect_tsn(&s, s.tsn); /* again, without waiting for a timeout */
    assert_int_equal(s.test.counters.sctp_timeouts, 0);
    assert_int_equal(s.test.counters.sctp_data_retransmitted, 2);
    script_free(&s);
}

static void a_lost_tail_is_probed_for(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 3 * FULL);
    assert_int_equal(script_drain(&s), 3);
    s.now += 10 * SCRIPT_MS;
    sack(&s, s.tsn, "");
    script_wait(&s, SCRIPT_S);
    expect_tsn(&s, s.tsn + 2);
    assert_int_equal(taken_flags(&s) & 8, 8);
    script_expect_nothing(&s);
    s.now += 10 * SCRIPT_MS;
    sack(&s, s.tsn, "00020002");
    script_wait(&s, 20 * SCRIPT_MS);
    expect_tsn(&s, s.tsn + 1);
    assert_int_equal(s.test.counters.sctp_timeouts, 0);
    script_free(&s);
}

static void a_probe_carries_new_data_if_there_is_any(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 20 * FULL);
    assert_int_equal(script_drain(&s), 10);
    script_wait(&s, SCRIPT_S);
    expect_tsn(&s, s.tsn + 10); /* although the window is full */
    script_expect_nothing(&s);
    script_free(&s);
}

static void everything_is_lost_after_a_timeout(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 8 * FULL);
    assert_int_equal(script_drain(&s), 8);
    while (s.test.counters.sctp_timeouts == 0) {
        script_wait(&s, SCRIPT_S);
        if (s.test.counters.sctp_timeouts == 0) script_drain(&s); /* the probe */
    }
    assert_int_equal(stats(&s).congestion_window, FULL);
    assert_int_equal(stats(&s).in_flight, 0);
    const minke_time_t rto = stats(&s).rto;
    expect_tsn(&s, s.tsn);
    script_expect_nothing(&s);
    s.now += 50 * SCRIPT_MS;
    sack(&s, s.tsn, "");
    assert_true(stats(&s).rto < rto);
    expect_tsn(&s, s.tsn + 1);
    expect_tsn(&s, s.tsn + 2);
    script_expect_nothing(&s);
    script_free(&s);
}

static void timeouts_double_and_are_capped(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_message(&s, 1, "abcd");
    script_drain(&s);
    minke_time_t last = s.now, longest = 0;
    while (minke__sctp_state(s.sctp) == MINKE_SCTP_ESTABLISHED) {
        script_wait(&s, 60 * SCRIPT_S);
        if (script_drain(&s) > 0) {
            if (s.now - last > longest) longest = s.now - last;
            last = s.now;
        }
    }
    assert_int_equal(longest, 3 * SCRIPT_S);
    assert_int_equal(minke__sctp_close_reason(s.sctp)->code, MINKE_ERROR_TIMEOUT);
    script_free(&s);
}

static void a_spurious_timeout_is_undone(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 30 * FULL);
    script_drain(&s);
    const uint32_t window = stats(&s).congestion_window;
    while (s.test.counters.sctp_timeouts == 0) {
        script_wait(&s, SCRIPT_S);
        if (s.test.counters.sctp_timeouts == 0) script_drain(&s);
    }
    expect_tsn(&s, s.tsn);
    sack(&s, s.tsn + 9, ""); /* all the originals were only late */
    assert_true(stats(&s).congestion_window >= window);
    script_free(&s);
}

static void learns_that_the_path_reorders(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 100 * FULL);
    script_drain(&s);
    s.now += 10 * SCRIPT_MS;
    sack(&s, s.tsn - 1, "00020004");
    expect_tsn(&s, s.tsn);
    script_drain(&s);
    s.now += 10 * SCRIPT_MS;
    /* the original arrived after all, then the retransmission: reported as duplicate */
    script_recv(&s, "03000014 %08x 00100000 00000001 %08x", s.tsn + 3, s.tsn);
    const uint64_t again = s.test.counters.sctp_data_retransmitted;
    script_recv(&s, "03000014 %08x 00100000 00010000 00020002", s.tsn + 3);
    assert_int_equal(s.test.counters.sctp_data_retransmitted, again);
    script_drain(&s);
    script_free(&s);
}

/* The original arrives before its retransmission could have: the cut is undone, and reordering is known from then on.
 */
static void a_spurious_loss_is_undone(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 100 * FULL);
    script_drain(&s);
    s.now += 10 * SCRIPT_MS;
    const uint32_t window = stats(&s).congestion_window;
    sack(&s, s.tsn - 1, "00020004");
    assert_true(stats(&s).congestion_window < window);
    expect_tsn(&s, s.tsn);
    script_drain(&s);
    s.now += 1 * SCRIPT_MS;
    sack(&s, s.tsn + 3, "");
    assert_true(stats(&s).congestion_window >= window);
    assert_int_equal(stats(&s).undone, 1);
    script_drain(&s);
    /* now three packets alone mean nothing */
    const uint64_t again = s.test.counters.sctp_data_retransmitted;
    sack(&s, s.tsn + 3, "00020005");
    assert_int_equal(s.test.counters.sctp_fast_recoveries, 1);
    pass(&s, 3 * SCRIPT_MS); /* a quarter of the least round trip */
    assert_int_equal(s.test.counters.sctp_fast_recoveries, 2);
    expect_tsn(&s, s.tsn + 4);
    assert_int_equal(s.test.counters.sctp_data_retransmitted, again + 1);
    script_drain(&s);
    script_free(&s);
}

/* Or a duplicate says so, later. */
static void a_duplicate_undoes_the_cut(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 100 * FULL);
    script_drain(&s);
    s.now += 10 * SCRIPT_MS;
    const uint32_t window = stats(&s).congestion_window;
    sack(&s, s.tsn - 1, "00020004");
    expect_tsn(&s, s.tsn);
    script_drain(&s);
    s.now += 10 * SCRIPT_MS;
    sack(&s, s.tsn + 9, "");
    script_drain(&s);
    assert_int_equal(stats(&s).undone, 0);
    script_recv(&s, "03000014 %08x 00100000 00000001 %08x", s.tsn + 9, s.tsn + 900); /* of nothing that was lost */
    assert_int_equal(stats(&s).undone, 0);
    script_recv(&s, "03000014 %08x 00100000 00000001 %08x", s.tsn + 10, s.tsn);
    assert_int_equal(stats(&s).undone, 1);
    assert_true(stats(&s).congestion_window >= window);
    script_drain(&s);
    script_free(&s);
}

/* Where T3 would expire first, the probe takes its place, and T3 starts anew. */
static void a_probe_goes_before_the_timeout(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    for (unsigned i = 0; i < 30; i++) { /* round trips of 150 ms, all alike: RTO 200 ms, below two of them */
        script_message(&s, 1, "abcd");
        script_drain(&s);
        s.now += 150 * SCRIPT_MS;
        sack(&s, s.tsn + i, "");
    }
    assert_int_equal(stats(&s).rto, 200 * SCRIPT_MS);
    script_long_message(&s, 1, 3 * FULL);
    assert_int_equal(script_drain(&s), 3);
    pass(&s, 200 * SCRIPT_MS);
    assert_int_equal(s.test.counters.sctp_timeouts, 0);
    expect_tsn(&s, s.tsn + 32);
    s.now += 150 * SCRIPT_MS;
    sack(&s, s.tsn + 29, "00030003"); /* it alone has arrived: the others were lost before it */
    expect_tsn(&s, s.tsn + 30);
    sack(&s, s.tsn + 30, "00020002");
    expect_tsn(&s, s.tsn + 31);
    assert_int_equal(s.test.counters.sctp_timeouts, 0);
    script_drain(&s);
    script_free(&s);
}

/* RFC 8985 7.4.2: what the probe repaired was lost, and costs what a loss costs; a duplicate says that it was not. */
static void a_probe_that_repairs_counts_as_a_loss(void **state)
{
    (void)state;
    for (unsigned duplicate = 0; duplicate < 2; duplicate++) {
        script_t s;
        up(&s);
        script_long_message(&s, 1, 2 * FULL);
        script_drain(&s);
        s.now += 10 * SCRIPT_MS;
        sack(&s, s.tsn, "");
        script_wait(&s, SCRIPT_S);
        expect_tsn(&s, s.tsn + 1);
        s.now += 10 * SCRIPT_MS;
        if (duplicate != 0) script_recv(&s, "03000014 %08x 00100000 00000001 %08x", s.tsn + 1, s.tsn + 1);
        else sack(&s, s.tsn + 1, "");
        assert_int_equal(s.test.counters.sctp_fast_recoveries, duplicate != 0 ? 0 : 1);
        assert_int_equal(s.test.counters.sctp_timeouts, 0);
        script_free(&s);
    }
}

/* A window is lost but for its last packet: what leaves keeps step with what arrives, and there is no pause. */
static void recovers_without_pause_or_burst(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 200 * FULL);
    script_drain(&s);
    s.now += SCRIPT_MS / 2; /* too short a path to be paced */
    sack(&s, s.tsn + 9, "");
    assert_int_equal(script_drain(&s), 20);
    s.now += SCRIPT_MS / 2;          /* too short a path to be paced */
    sack(&s, s.tsn + 9, "00050006"); /* four are lost of twenty: 14 fly, as many as may */
    assert_int_equal(script_drain(&s), 1);
    for (unsigned i = 7; i < 20; i++) {
        char blocks[16];
        (void)snprintf(blocks, sizeof blocks, "0005%04x", i);
        sack(&s, s.tsn + 9, blocks);
        assert_true(script_drain(&s) <= 2);
    }
    assert_in_range(stats(&s).in_flight, 12 * FULL, 15 * FULL);
    script_free(&s);
}

static void reneging_is_survived(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 5 * FULL);
    assert_int_equal(script_drain(&s), 5);
    sack(&s, s.tsn, "00020003");
    /* tsn+1 arrives, and the remote has thrown tsn+2 and tsn+3 away */
    sack(&s, s.tsn + 1, "");
    expect_tsn(&s, s.tsn + 2);
    expect_tsn(&s, s.tsn + 3);
    script_drain(&s);
    sack(&s, s.tsn + 4, "");
    script_saw(&s, "done 1");
    script_free(&s);
}

/* -- the remote's window ------------------------------------------------------------------------------------------ */

static void keeps_to_the_remotes_window(void **state)
{
    (void)state;
    script_t s;
    script_init(&s, NULL);
    script_establish_with(&s, 3 * FULL + 10, SCRIPT_PEER_TSN);
    script_long_message(&s, 1, 20 * FULL);
    assert_int_equal(script_drain(&s), 3);
    script_recv(&s, "03000010 %08x %08x 00000000", s.tsn, 2 * FULL);
    script_expect_nothing(&s);
    script_recv(&s, "03000010 %08x %08x 00000000", s.tsn, 4 * FULL);
    assert_int_equal(script_drain(&s), 2);
    script_free(&s);
}

static void tries_a_closed_window_for_ever(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 3 * FULL);
    script_drain(&s);
    script_recv(&s, "03000010 %08x 00000000 00000000", s.tsn + 2);
    script_message(&s, 1, "abcd");
    const minke_time_t began_at = s.now;
    const uint32_t window = stats(&s).congestion_window;
    unsigned probes = 0;
    while (s.now < began_at + 100 * SCRIPT_S) {
        if (script_take(&s)) {
            assert_int_equal(taken_tsn(&s), s.tsn + 3);
            script_expect_nothing(&s);
            probes++;
            script_recv(&s, "03000010 %08x 00000000 00000000", s.tsn + 2); /* dropped */
        }
        script_wait(&s, 60 * SCRIPT_S);
    }
    assert_in_range(probes, 30, 50);
    assert_int_equal(minke__sctp_state(s.sctp), MINKE_SCTP_ESTABLISHED);
    assert_int_equal(stats(&s).congestion_window, window);
    assert_int_equal(s.test.counters.sctp_timeouts, 0);
    /* open again: the probe that was thrown away goes at once */
    if (script_take(&s)) script_drain(&s);
    script_recv(&s, "03000010 %08x 00100000 00000000", s.tsn + 2);
    expect_tsn(&s, s.tsn + 3);
    script_recv(&s, "03000010 %08x 00100000 00000000", s.tsn + 3);
    script_saw(&s, "done 1; done 1");
    script_free(&s);
}

static void silence_ends_it_even_with_a_closed_window(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, FULL);
    script_drain(&s);
    script_recv(&s, "03000010 %08x 00000000 00000000", s.tsn);
    script_message(&s, 1, "abcd");
    while (minke__sctp_state(s.sctp) == MINKE_SCTP_ESTABLISHED) {
        script_drain(&s);
        script_wait(&s, 60 * SCRIPT_S);
    }
    assert_int_equal(minke__sctp_close_reason(s.sctp)->code, MINKE_ERROR_TIMEOUT);
    script_free(&s);
}

static void pulls_no_more_than_it_can_send(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    for (unsigned i = 0; i < 30; i++) script_long_message(&s, 1, FULL);
    script_drain(&s);
    unsigned waiting = 0;
    for (const minke_message_t *m = s.first; m != NULL; m = m->next) waiting++;
    assert_in_range(waiting, 19, 20);
    script_free(&s);
}

static void may_be_aborted_from_inside(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_message(&s, 1, "abcd");
    script_message(&s, 2, "abcd");
    script_long_message(&s, 3, 3 * FULL);
    script_drain(&s);
    s.abort_on_done = true;
    sack(&s, s.tsn, "");
    script_saw(&s, "done 1");
    assert_int_equal(minke__sctp_state(s.sctp), MINKE_SCTP_ENDED);
    assert_true(minke__sctp_deadline(s.sctp) == MINKE_TIME_NEVER);
    assert_true(script_take(&s));
    assert_int_equal(s.packet[12], 6);
    script_expect_nothing(&s);
    script_free(&s);
}

/* -- nonsense ----------------------------------------------------------------------------------------------------- */

static void drops_impossible_sacks(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    script_long_message(&s, 1, 5 * FULL);
    assert_int_equal(script_drain(&s), 5);
    const uint32_t t = s.tsn;
    sack(&s, t + 5, "");           /* beyond what was sent */
    sack(&s, t + 0x80000000u, ""); /* far off */
    sack(&s, t - 1, "00000001");   /* blocks that start at or below the cumulative TSN */
    sack(&s, t - 1, "00010001");
    sack(&s, t - 1, "00030002"); /* end before start */
    sack(&s, t - 1, "00020006"); /* beyond what was sent */
    sack(&s, t - 1, "0002ffff");
    sack(&s, t - 1, "000200020003ffff");
    script_recv(&s, "03000010 %08x 00100000 00010000", t - 1); /* a block that is not there */
    script_recv(&s, "03000010 %08x 00100000 ffffffff", t - 1);
    script_recv(&s, "0300000c %08x 00100000", t - 1);
    script_recv(&s, "03000004");
    assert_in_range(s.test.counters.sctp_malformed, 11, 12);
    assert_int_equal(stats(&s).bytes_acked, 0);
    assert_int_equal(stats(&s).in_flight, 5 * FULL);
    sack(&s, t - 2, "");                                         /* old: nothing */
    sack(&s, t - 1, "0002000300020003000300040002000500020002"); /* overlapping, unsorted: fine */
    assert_int_equal(stats(&s).bytes_acked, 4 * FULL);
    sack(&s, t + 4, "");
    script_saw(&s, "done 1");
    script_free(&s);
}

static void many_blocks_cost_no_more_than_they_tell(void **state)
{
    (void)state;
    script_t s;
    up(&s);
    for (unsigned i = 0; i < 1500; i++) script_message(&s, (uint16_t)(i % 10), "abcd");
    script_drain(&s);
    /* every second TSN, 250 blocks, again and again */
    char hex[8192];
    for (unsigned round = 0; round < 50; round++) {
        int at = snprintf(hex, sizeof hex, "030003f8 %08x 00100000 00fa0000", s.tsn - 1);
        for (unsigned i = 1; i <= 250; i++) at += snprintf(hex + at, sizeof hex - (size_t)at, "%04x%04x", 2 * i, 2 * i);
        script_recv(&s, "%s", hex);
        script_drain(&s);
    }
    assert_int_equal(s.test.counters.sctp_malformed, 0);
    assert_true(stats(&s).bytes_acked >= 1000);
    s.log[0] = 0;
    sack(&s, s.tsn + 1499, "");
    assert_int_equal(stats(&s).bytes_acked, 6000);
    script_free(&s);
}

static void wraps_around(void **state)
{
    (void)state;
    script_t s;
    script_init_at(&s, NULL, 0xfffffffc);
    script_establish(&s);
    assert_int_equal(s.tsn, 0xfffffffc);
    script_long_message(&s, 1, 10 * FULL);
    assert_int_equal(script_drain(&s), 10);
    assert_int_equal(taken_tsn(&s), 5);
    sack(&s, 0xfffffffd, "00020005");
    expect_tsn(&s, 0xfffffffe);
    sack(&s, 2, "");
    sack(&s, 5, "");
    script_saw(&s, "done 1");
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_messages_as_chunks),
        cmocka_unit_test(keeps_to_the_congestion_window),
        cmocka_unit_test(bundles_its_sack),
        cmocka_unit_test(three_later_packets_mean_loss),
        cmocka_unit_test(time_means_loss_too),
        cmocka_unit_test(a_retransmission_may_be_lost_again),
        cmocka_unit_test(a_lost_tail_is_probed_for),
        cmocka_unit_test(a_probe_carries_new_data_if_there_is_any),
        cmocka_unit_test(everything_is_lost_after_a_timeout),
        cmocka_unit_test(timeouts_double_and_are_capped),
        cmocka_unit_test(a_spurious_timeout_is_undone),
        cmocka_unit_test(learns_that_the_path_reorders),
        cmocka_unit_test(a_spurious_loss_is_undone),
        cmocka_unit_test(a_duplicate_undoes_the_cut),
        cmocka_unit_test(a_probe_goes_before_the_timeout),
        cmocka_unit_test(a_probe_that_repairs_counts_as_a_loss),
        cmocka_unit_test(recovers_without_pause_or_burst),
        cmocka_unit_test(reneging_is_survived),
        cmocka_unit_test(keeps_to_the_remotes_window),
        cmocka_unit_test(tries_a_closed_window_for_ever),
        cmocka_unit_test(silence_ends_it_even_with_a_closed_window),
        cmocka_unit_test(pulls_no_more_than_it_can_send),
        cmocka_unit_test(may_be_aborted_from_inside),
        cmocka_unit_test(drops_impossible_sacks),
        cmocka_unit_test(many_blocks_cost_no_more_than_they_tell),
        cmocka_unit_test(wraps_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
