/* Probes of the path and what follows from their answers: packets grow, and fall back without anything being lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pair.h"
#include "script.h"
#include "sctp/association.h"

enum { T = SCRIPT_PEER_TSN, OVERHEAD = 65, LARGE = 1432, FULL = 1188, PAYS_FROM = 64 << 10 };

static bool take_probe(script_t *s)
{
    s->packet_len = minke__sctp_transmit_probe(s->sctp, s->packet, sizeof s->packet, s->now);
    return s->packet_len > 0;
}

static void recv_sack(script_t *s, uint32_t acked) /* so many TSNs */
{
    script_recv(s, "03000010 %08x 00100000 00000000", s->tsn + acked - 1);
}

/* Up, with a path and as much acknowledged as makes larger packets pay; something is in flight. */
static uint32_t set_up(script_t *s, bool known_stack)
{
    script_init(s, NULL);
    script_establish(s);
    s->large = true;
    s->sctp->skips_padding = known_stack;
    assert_false(take_probe(s));
    minke__sctp_path(s->sctp, 1500, OVERHEAD, true, s->now);
    script_long_message(s, 1, 400000);
    assert_int_equal(script_drain(s), 10);
    assert_false(take_probe(s)); /* not yet */
    uint32_t acked = 0;
    for (uint32_t sent = 10; acked * 1160 < PAYS_FROM;) {
        acked = sent;
        s->now += 20 * SCRIPT_MS;
        recv_sack(s, acked);
        sent += script_drain(s);
    }
    return acked;
}

static const uint8_t *nonce_of(const script_t *s) { return s->packet + 12 + 8; }

static void answer(script_t *s)
{
    script_recv(s, "05000010 0001000c %08x %08x", script_u32(nonce_of(s)), script_u32(nonce_of(s) + 4));
}

static uint32_t packet_max(const script_t *s) { return minke__sctp_packet_max(s->sctp); }

static void a_probe_is_a_padded_heartbeat(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        script_t s;
        (void)set_up(&s, known);
        assert_true(take_probe(&s));
        assert_int_equal(s.packet_len, LARGE);
        assert_int_equal(s.packet[12], 4);
        const uint32_t len = script_u32(s.packet + 12) & 0xffff;
        assert_int_equal(script_u32(s.packet + 16), 0x00010000u + len - 4); /* one Heartbeat Info, and nothing else */
        if (known) {
            assert_int_equal(len, 16);
            assert_int_equal(script_u32(s.packet + 28), 0x84000000u + LARGE - 28);
        } else {
            assert_int_equal(len, LARGE - 12);
        }
        for (size_t i = 32; i < LARGE; i++) assert_int_equal(s.packet[i], 0);
        assert_int_equal(s.test.counters.sctp_probes, 1);
        assert_false(take_probe(&s)); /* one at a time */
        script_free(&s);
    }
}

static void an_answer_makes_packets_larger(void **state)
{
    (void)state;
    script_t s;
    uint32_t acked = set_up(&s, true);
    assert_true(take_probe(&s));
    script_recv(&s, "05000010 0001000c 01020304 05060708"); /* another's */
    assert_int_equal(packet_max(&s), FULL);
    answer(&s);
    assert_int_equal(packet_max(&s), LARGE);
    assert_int_equal(s.sctp->out.congestion.unit, LARGE - 28);
    recv_sack(&s, acked + 3);
    assert_true(script_take(&s));
    assert_int_equal(s.packet_len, LARGE);
    assert_false(take_probe(&s)); /* an Ethernet's was all that may be tried */
    answer(&s);                   /* twice */
    assert_int_equal(packet_max(&s), LARGE);
    script_free(&s);
}

static void broken_answers_are_counted(void **state)
{
    (void)state;
    script_t s;
    (void)set_up(&s, true);
    assert_true(take_probe(&s));
    const char *broken[] = {"05000004", "05000008 0001000c", "05000010 0002000c 01020304 05060708",
                            "05000010 0001000b 01020304 05060708"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        script_recv(&s, "%s", broken[i]);
        assert_int_equal(s.test.counters.sctp_malformed, i + 1);
    }
    assert_int_equal(packet_max(&s), FULL);
    script_free(&s);
}

/* Large packets, some of them in flight. Returns how many TSNs are acknowledged. */
static uint32_t grow(script_t *s)
{
    uint32_t acked = set_up(s, true);
    assert_true(take_probe(s));
    answer(s);
    s->now += 20 * SCRIPT_MS;
    acked = (uint32_t)(s->sctp->out.flight.next - s->sctp->out.flight.base) + acked;
    recv_sack(s, acked); /* the small ones */
    assert_true(script_drain(s) > 3);
    return acked;
}

static unsigned takes_of(script_t *s, size_t len)
{
    unsigned n = 0;
    while (minke__sctp_oversize(s->sctp) > 0 || len < LARGE) {
        if (!script_take(s)) break;
        n += s->packet_len == len;
    }
    return n;
}

/* T3, twice: what was cut large is sent as it is, one to a packet, for the system to cut; what is new is small. */
static void timeouts_make_packets_small(void **state)
{
    (void)state;
    script_t s;
    uint32_t acked = grow(&s);
    while (s.test.counters.sctp_timeouts == 0) script_wait(&s, SCRIPT_S);
    assert_int_equal(packet_max(&s), LARGE); /* it may have been something else */
    (void)script_drain(&s);
    while (s.test.counters.sctp_timeouts == 1) script_wait(&s, SCRIPT_S);
    assert_int_equal(packet_max(&s), FULL);
    assert_int_equal(s.test.counters.sctp_packets_shrunk, 1);
    assert_int_equal(s.sctp->out.congestion.unit, FULL - 28);
    assert_int_equal(minke__sctp_oversize(s.sctp), LARGE);
    assert_int_equal(takes_of(&s, LARGE), 1);
    /* They arrive, in pieces; the rest follows. */
    const uint32_t last = (uint32_t)(s.sctp->out.flight.next - s.sctp->out.flight.base) + acked;
    while (acked < last) {
        s.now += 20 * SCRIPT_MS;
        recv_sack(&s, ++acked);
        if (acked < last) assert_true(takes_of(&s, LARGE) > 0 || s.sctp->out.flight.flying.first != 0);
    }
    assert_int_equal(minke__sctp_oversize(s.sctp), 0);
    assert_true(script_take(&s));
    assert_int_equal(s.packet_len, FULL);
    assert_false(take_probe(&s)); /* not at once: data first */
    s.now += 6 * SCRIPT_S;
    assert_true(take_probe(&s));
    assert_int_equal(s.packet_len, LARGE);
    script_free(&s);
}

/* Where nobody cuts packets on the way, none is ever needed: chunks are as small as ever, and fill larger packets. */
static void chunks_that_fit_any_path(void **state)
{
    (void)state;
    for (uint16_t overhead = OVERHEAD; overhead < 220; overhead += 4) {
        script_t s;
        script_init(&s, NULL);
        script_establish(&s);
        s.large = true;
        s.sctp->skips_padding = true;
        minke__sctp_path(s.sctp, 1500, overhead, false, s.now);
        script_long_message(&s, 1, 200000);
        s.sctp->out.bytes_acked = PAYS_FROM;
        (void)script_drain(&s);
        assert_true(take_probe(&s));
        answer(&s);
        assert_int_equal(packet_max(&s), 1500 - overhead - (1500 - overhead) % 4);
        s.now += 20 * SCRIPT_MS;
        recv_sack(&s, 10);
        assert_true(script_take(&s));
        assert_int_equal(s.packet_len, packet_max(&s)); /* full: a train goes on */
        const uint64_t tsn = s.sctp->out.flight.next - 1;
        assert_true(minke__flight_at(&s.sctp->out.flight, tsn)->len <= FULL - 28);
        assert_true(minke__flight_at(&s.sctp->out.flight, tsn - 1)->len <= FULL - 28);
        minke__sctp_path(s.sctp, 1500, OVERHEAD, false, s.now);
        while (s.test.counters.sctp_timeouts == 0) script_wait(&s, SCRIPT_S);
        assert_int_equal(minke__sctp_oversize(s.sctp), 0);
        assert_true(script_take(&s));
        assert_true(s.packet_len <= FULL);
        script_free(&s);
    }
}

/* Small chunks get through; large ones are lost again and again. Of a flight this small one retransmission may leave at
 * a time (RFC 6937), so that T3 says it, the second time at the latest. */
static void large_chunks_alone_vanish(void **state)
{
    (void)state;
    script_t s;
    uint32_t acked = grow(&s);
    while (s.sctp->out.message != NULL) { /* the last flight is out */
        s.now += 20 * SCRIPT_MS;
        recv_sack(&s, ++acked);
        (void)script_drain(&s);
    }
    acked += (uint32_t)(s.sctp->out.flight.next - s.sctp->out.flight.base) - 3;
    recv_sack(&s, acked);
    const uint64_t first_small = s.sctp->out.flight.next - s.sctp->out.flight.base + 1;
    for (int i = 0; i < 400 && packet_max(&s) == LARGE; i++) {
        script_message(&s, 2, "small");
        s.now += 10 * SCRIPT_MS;
        (void)script_drain(&s);
        s.now += 20 * SCRIPT_MS;
        const uint64_t newest = s.sctp->out.flight.next - s.sctp->out.flight.base;
        script_recv(&s, "03000014 %08x 00100000 00010000 %04x%04x", s.tsn + acked - 1, (unsigned)first_small,
                    (unsigned)newest);
        (void)script_drain(&s);
        script_wait(&s, 20 * SCRIPT_MS);
    }
    assert_int_equal(packet_max(&s), FULL);
    assert_true(s.test.counters.sctp_timeouts <= 2);
    script_free(&s);
}

static void what_the_system_refuses_is_not_repeated(void **state)
{
    (void)state;
    script_t s;
    (void)set_up(&s, true);
    assert_true(take_probe(&s));
    minke__sctp_refused(s.sctp, s.packet_len, s.now);
    assert_true(take_probe(&s)); /* the next size, at once */
    assert_true(s.packet_len < LARGE && s.packet_len > FULL);
    const size_t len = s.packet_len;
    answer(&s);
    assert_int_equal(packet_max(&s), len);
    minke__sctp_refused(s.sctp, FULL, s.now);
    minke__sctp_refused(s.sctp, (size_t)1 << 20, s.now);
    assert_int_equal(packet_max(&s), len);
    minke__sctp_refused(s.sctp, len, s.now);
    assert_int_equal(packet_max(&s), FULL);
    assert_int_equal(s.test.counters.sctp_packets_shrunk, 1);
    script_free(&s);
}

/* Another path: small packets, and its round trip is measured even if nothing of ours is ever sent. */
static void another_path_is_measured(void **state)
{
    (void)state;
    script_t s;
    script_init(&s, NULL);
    script_establish(&s);
    minke__sctp_path(s.sctp, 1500, OVERHEAD, true, s.now);
    assert_false(take_probe(&s));
    assert_true(s.sctp->out.rtt.minimum > 0);
    minke__sctp_path(s.sctp, 1500, OVERHEAD + 20, true, s.now);
    assert_int_equal(s.sctp->out.rtt.minimum, 0);
    assert_true(take_probe(&s));
    assert_int_equal(s.packet_len, 28);
    s.now += 70 * SCRIPT_MS;
    answer(&s);
    assert_int_equal(s.sctp->out.rtt.minimum, 70 * SCRIPT_MS);
    assert_false(take_probe(&s));
    script_free(&s);
}

static void another_path_begins_small(void **state)
{
    (void)state;
    script_t s;
    (void)grow(&s);
    minke__sctp_path(s.sctp, 1500, OVERHEAD + 20, true, s.now);
    assert_int_equal(packet_max(&s), FULL);
    assert_true(take_probe(&s));
    answer(&s);
    assert_true(take_probe(&s));
    assert_int_equal(s.packet_len, LARGE - 20);
    script_free(&s);
}

/* Over a short path two chunks in a packet would only cost; eight in a jumbo frame do not. */
static void short_paths_keep_one_chunk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        const bool is_cut = (i & 1) != 0, is_short = (i & 2) != 0, jumbo = (i & 4) != 0;
        script_t s;
        (void)set_up(&s, true);
        minke__sctp_path(s.sctp, jumbo ? 9000 : 1500, OVERHEAD, is_cut, s.now);
        s.sctp->path.measure_due = false;
        s.sctp->with_minke = true; /* nobody else is sent jumbo frames */
        s.sctp->out.rtt.minimum = is_short ? 100 : 10 * SCRIPT_MS;
        assert_int_equal(take_probe(&s), is_cut || !is_short || jumbo);
        script_free(&s);
    }
}

static void no_probe_where_there_is_nobody(void **state)
{
    (void)state;
    script_t s;
    (void)set_up(&s, true);
    minke__sctp_abort(s.sctp, "enough", s.now);
    assert_false(take_probe(&s));
    script_free(&s);
    script_init(&s, NULL);
    minke__sctp_path(s.sctp, 1500, OVERHEAD, true, s.now);
    minke__sctp_path(s.sctp, 1500, OVERHEAD, true, s.now);
    assert_false(take_probe(&s));
    script_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_probe_is_a_padded_heartbeat),
        cmocka_unit_test(an_answer_makes_packets_larger),
        cmocka_unit_test(broken_answers_are_counted),
        cmocka_unit_test(timeouts_make_packets_small),
        cmocka_unit_test(chunks_that_fit_any_path),
        cmocka_unit_test(large_chunks_alone_vanish),
        cmocka_unit_test(what_the_system_refuses_is_not_repeated),
        cmocka_unit_test(another_path_is_measured),
        cmocka_unit_test(another_path_begins_small),
        cmocka_unit_test(short_paths_keep_one_chunk),
        cmocka_unit_test(no_probe_where_there_is_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
