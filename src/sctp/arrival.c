/* DATA and FORWARD-TSN in: which TSNs have come, what to tell the remote about it, and when (RFC 9260 6.2). */
#include <assert.h>

#include "sctp/association.h"

/* Gap blocks are 16-bit offsets; more of them than this pay off for nobody. */
enum {
    TSN_WINDOW = 65535,
    GAP_BLOCKS_MAX = 128,
    LOWEST_BLOCKS = 16,
    TOLD_TIMES = 8,
    EARLY_MAX = 32,
    EARLY_GAP_BLOCKS_MAX = 16,
    SACK_REPEATS = 3
};

void minke__sctp_arrival_start(minke_sctp_t *sctp)
{
    sctp->in.cumulative = minke__tsn_first(sctp->peer.initial_tsn) - 1;
    sctp->in.above.count = 0;
    sctp->requests.next_seq = sctp->peer.initial_tsn;
    for (uint32_t i = 0; i < MINKE_SCTP_RESULTS_N; i++) sctp->requests.results[i] = MINKE_RECONFIG_NOTHING_TO_DO;
}

uint64_t minke__sctp_full_window(const minke_sctp_t *sctp)
{
    const uint64_t affordable = minke__account_window(sctp->env->account);
    return affordable < sctp->in.window.size ? affordable : sctp->in.window.size;
}

uint32_t minke__sctp_window(const minke_sctp_t *sctp)
{
    const uint64_t used = minke__inbound_unconsumed(&sctp->in.streams) + sctp->in.streams.held_bytes;
    const uint64_t full = minke__sctp_full_window(sctp);
    return used < full ? (uint32_t)(full - used) : 0;
}

bool minke__sctp_window_is_shut(const minke_sctp_t *sctp)
{
    return minke__sctp_full_window(sctp) < sctp->in.window.size && sctp->in.anything &&
           sctp->in.announced < 2u * sctp->options.packet_max;
}

/* -- SACK out ----------------------------------------------------------------------------------------------------- */

bool minke__sctp_sack_pending(const minke_sctp_t *sctp)
{
    return sctp->in.sack_due || sctp->in.unacknowledged_n > 0 || sctp->in.sack_repeats > 0;
}

void minke__sctp_recv_end(minke_sctp_t *sctp, minke_time_t now)
{
    if (minke__sctp_ended(sctp)) return;
    if (sctp->in.sack_now || sctp->in.unacknowledged_n >= 2) sctp->in.sack_due = true;
    else if (sctp->in.unacknowledged_n > 0) minke__sctp_timers_sack_delayed(sctp, now);
    sctp->in.sack_now = false;
    if (minke__sctp_window_is_shut(sctp)) minke__sctp_timers_window(sctp, now);
    minke__sctp_finish_shutdown(sctp, false, now);
}

/*
 * Which gap blocks a SACK carries. All of them, the lowest first, is what every stack takes: one that is not repeated
 * counts as taken back (RFC 9260 6.2.1). One of us does not read it like that, so it is told what a TCP would be told:
 * what has changed in the last few SACKs, and the lowest. Else a path that drops every second packet for a round trip
 * ends in blocks of which a SACK has room for a few, and the sender hears nothing of what it repairs beyond them.
 */
/* Indices, the highest first. */
static uint32_t choose_blocks(const minke_sctp_t *sctp, uint32_t room, uint32_t *chosen)
{
    const minke_tsn_set_t *above = &sctp->in.above;
    if (room > GAP_BLOCKS_MAX) room = GAP_BLOCKS_MAX;
    uint32_t lowest = sctp->with_minke && room > LOWEST_BLOCKS ? LOWEST_BLOCKS : room, n = 0;
    if (lowest > above->count) lowest = above->count;
    for (uint32_t i = above->count; i > lowest && n < room - lowest; i--) {
        if (above->stamp - above->ranges[i - 1].stamp < TOLD_TIMES) chosen[n++] = i - 1;
    }
    for (uint32_t i = lowest; i > 0; i--) chosen[n++] = i - 1;
    return n;
}

static void write_sack(const minke_sctp_t *sctp, minke_writer_t *w, uint32_t room, uint32_t duplicates)
{
    const minke_tsn_set_t *above = &sctp->in.above;
    uint32_t chosen[GAP_BLOCKS_MAX];
    const uint32_t gaps = choose_blocks(sctp, room, chosen);
    minke__write_u8(w, MINKE_CHUNK_SACK);
    minke__write_u8(w, 0);
    minke__write_u16(w, (uint16_t)(MINKE_SCTP_SACK_BYTES + 4 * (gaps + duplicates)));
    minke__write_u32(w, (uint32_t)sctp->in.cumulative);
    minke__write_u32(w, minke__sctp_window(sctp));
    minke__write_u16(w, (uint16_t)gaps);
    minke__write_u16(w, (uint16_t)duplicates);
    for (uint32_t i = gaps; i > 0; i--) {
        const minke_tsn_range_t *range = &above->ranges[chosen[i - 1]];
        minke__write_u16(w, (uint16_t)(range->first - sctp->in.cumulative));
        minke__write_u16(w, (uint16_t)(range->last - sctp->in.cumulative));
    }
    for (uint32_t i = 0; i < duplicates; i++) minke__write_u32(w, sctp->in.duplicates[i]);
}

static uint32_t least(size_t a, size_t b) { return (uint32_t)(a < b ? a : b); }

void minke__sctp_write_sack(minke_sctp_t *sctp, minke_writer_t *w)
{
    if (minke__writer_left(w) < MINKE_SCTP_SACK_BYTES) return;
    const size_t room = (minke__writer_left(w) - MINKE_SCTP_SACK_BYTES) / 4;
    const uint32_t gaps = least(least(sctp->in.above.count, GAP_BLOCKS_MAX), room);
    write_sack(sctp, w, gaps, least(sctp->in.duplicates_n, room - gaps));
    sctp->in.above.stamp++;
    sctp->in.announced = minke__sctp_window(sctp);
    sctp->in.duplicates_n = 0;
    sctp->in.unacknowledged_n = 0;
    sctp->in.since_early = 0;
    sctp->in.early_stride = 0;
    sctp->in.sack_due = false;
    if (sctp->in.sack_repeats > 0) sctp->in.sack_repeats--;
    minke__sctp_timers_sack_sent(sctp);
}

/*
 * One SACK per train would be enough to say what has arrived, and is all that one of us gets. Other stacks count SACKs:
 * dcSCTP sends at most 4 packets per SACK, usrsctp 10; they fast-retransmit after three SACKs with a hole. So a train
 * is acknowledged as if its packets had come one by one: every second packet, or every packet beside a hole, thinned
 * out to at most EARLY_MAX.
 */
static void thin_out(minke_sctp_t *sctp)
{
    for (minke_sctp_control_t *sack = sctp->in.early; sack != NULL && sack->next != NULL; sack = sack->next) {
        minke_sctp_control_t *next = sack->next;
        sack->next = next->next;
        minke__free(sctp->env, next);
        sctp->in.early_n--;
    }
    sctp->in.early_stride = sctp->in.early_stride > 0 ? sctp->in.early_stride * 2 : 2;
}

static void note_early_sack(minke_sctp_t *sctp)
{
    const uint32_t usual = sctp->in.above.count > 0 ? 1 : 2;
    const uint32_t stride = sctp->in.early_stride > usual ? sctp->in.early_stride : usual;
    if (sctp->with_minke || sctp->in.since_early < stride) return;
    if (sctp->in.early_n >= EARLY_MAX) thin_out(sctp);
    const size_t capacity = MINKE_SCTP_SACK_BYTES + 4 * EARLY_GAP_BLOCKS_MAX;
    minke_sctp_control_t *sack = minke__alloc(sctp->env, sizeof *sack + capacity);
    if (sack == NULL) return; /* the one at the end says it all */
    minke_writer_t w = minke__writer(sack->bytes, capacity);
    write_sack(sctp, &w, least(sctp->in.above.count, EARLY_GAP_BLOCKS_MAX), 0);
    sack->len = w.len;
    sack->next = NULL;
    minke_sctp_control_t **end = &sctp->in.early;
    while (*end != NULL) end = &(*end)->next;
    *end = sack;
    sctp->in.early_n++;
    sctp->in.since_early = 0;
}

bool minke__sctp_write_early_sack(minke_sctp_t *sctp, minke_writer_t *w)
{
    minke_sctp_control_t *sack = sctp->in.early;
    if (sack == NULL || minke__writer_left(w) < sack->len) return false;
    minke__write_bytes(w, sack->bytes, sack->len);
    sctp->in.early = sack->next;
    sctp->in.early_n--;
    minke__free(sctp->env, sack);
    return true;
}

void minke__sctp_free_early_sacks(minke_sctp_t *sctp)
{
    while (sctp->in.early != NULL) {
        minke_sctp_control_t *sack = sctp->in.early;
        sctp->in.early = sack->next;
        minke__free(sctp->env, sack);
    }
    sctp->in.early_n = 0;
}

/* -- DATA in ------------------------------------------------------------------------------------------------------ */

static void note_packet(minke_sctp_t *sctp)
{
    if (sctp->in.packet_has_data) return;
    sctp->in.packet_has_data = true;
    if (minke__sctp_up(sctp)) note_early_sack(sctp);
    sctp->in.since_early++;
    sctp->in.unacknowledged_n++;
}

static bool is_duplicate(minke_sctp_t *sctp, uint64_t tsn)
{
    if (tsn > sctp->in.cumulative && !minke__tsn_set_contains(&sctp->in.above, tsn)) return false;
    sctp->env->counters->sctp_data_duplicate++;
    if (sctp->in.duplicates_n < MINKE_SCTP_DUPLICATES_MAX) {
        sctp->in.duplicates[sctp->in.duplicates_n++] = (uint32_t)tsn;
    }
    /* A SACK of ours was lost, and may be again. At 18 % loss a sender once was not heard for 30 s, with packets of
     * ours on their way all the time: they carry the SACK too. */
    sctp->in.sack_repeats = SACK_REPEATS;
    sctp->in.sack_now = true;
    return true;
}

/* Full: only what fills a gap still gets in (spec/sctp.md 5), and not for ever. What is held must never keep out the
 * very chunk that would release it. */
static bool has_space(const minke_sctp_t *sctp, uint64_t tsn)
{
    const uint64_t unconsumed = minke__inbound_unconsumed(&sctp->in.streams);
    const uint64_t full = minke__sctp_full_window(sctp);
    if (tsn == sctp->in.cumulative + 1 && unconsumed < full) return true;
    const uint64_t used = unconsumed + sctp->in.streams.held_bytes;
    if (used < full) return true;
    const minke_tsn_set_t *above = &sctp->in.above;
    const bool fills_gap = above->count > 0 && tsn < above->ranges[above->count - 1].last;
    return fills_gap && used < 2 * full;
}

static bool is_acceptable(minke_sctp_t *sctp, uint64_t tsn)
{
    if (minke__account_is_short(sctp->env->account)) {
        sctp->env->counters->memory_data_dropped++;
        return false;
    }
    if (tsn - sctp->in.cumulative > TSN_WINDOW || !has_space(sctp, tsn)) return false;
    return tsn == sctp->in.cumulative + 1 || minke__tsn_set_room(&sctp->in.above, tsn, tsn);
}

static void move_cumulative(minke_sctp_t *sctp, uint64_t tsn, minke_time_t now)
{
    sctp->in.cumulative = tsn;
    minke_tsn_set_t *above = &sctp->in.above;
    if (above->count > 0 && above->ranges[0].first <= tsn + 1) {
        if (above->ranges[0].last > tsn) sctp->in.cumulative = above->ranges[0].last;
        minke__tsn_set_remove_through(above, sctp->in.cumulative);
    }
    if (sctp->requests.deferred_first <= sctp->in.cumulative) minke__sctp_perform_deferred(sctp, now);
}

static void mark_received(minke_sctp_t *sctp, uint64_t tsn, minke_time_t now)
{
    if (sctp->in.above.count > 0) sctp->in.sack_now = true; /* a gap, or one that is being filled */
    if (tsn == sctp->in.cumulative + 1) {
        move_cumulative(sctp, tsn, now);
        return;
    }
    minke__tsn_set_insert(&sctp->in.above, tsn, tsn);
    sctp->in.sack_now = true;
}

static minke_inbound_result_t take(minke_sctp_t *sctp, const minke_sctp_data_t *data)
{
    if (data->stream_id < sctp->streams_in) {
        return minke__inbound_data(&sctp->in.streams, data, data->tsn == sctp->in.cumulative + 1);
    }
    const uint8_t info[4] = {(uint8_t)(data->stream_id >> 8), (uint8_t)data->stream_id};
    minke__sctp_queue_error(sctp, MINKE_CAUSE_INVALID_STREAM, info, sizeof info);
    return MINKE_INBOUND_STALE;
}

static void refuse_empty(minke_sctp_t *sctp, uint64_t tsn, minke_time_t now)
{
    minke__sctp_fail(sctp, MINKE_CAUSE_NO_USER_DATA, MINKE_CAUSE_NO_USER_DATA, "DATA without data", now);
    const uint32_t wire = (uint32_t)tsn;
    for (unsigned i = 0; i < 4; i++) sctp->farewell.info[i] = (uint8_t)(wire >> (24 - 8 * i));
    sctp->farewell.info_len = 4;
}

static void accept(minke_sctp_t *sctp, const minke_sctp_data_t *data, minke_time_t now)
{
    if (!is_acceptable(sctp, data->tsn)) {
        sctp->env->counters->sctp_data_dropped++;
        sctp->in.sack_now = true; /* RFC 9260 6.2: says where the window ends */
        return;
    }
    const minke_inbound_result_t result = take(sctp, data);
    if (result == MINKE_INBOUND_REFUSED) {
        sctp->env->counters->sctp_data_dropped++;
        return;
    }
    if (result == MINKE_INBOUND_STALE) sctp->env->counters->sctp_malformed++;
    if (result == MINKE_INBOUND_VIOLATION) {
        minke__sctp_violation(sctp, "DATA does not continue its message", now);
        return;
    }
    if (!sctp->in.anything) sctp->in.sack_now = true;
    sctp->in.anything = true;
    mark_received(sctp, data->tsn, now);
}

void minke__sctp_recv_data(minke_sctp_t *sctp, uint8_t flags, minke_reader_t body, minke_time_t now)
{
    const uint32_t tsn = minke__read_u32(&body);
    minke_sctp_data_t data = {.flags = flags};
    data.stream_id = minke__read_u16(&body);
    data.ssn = minke__read_u16(&body);
    data.ppid = minke__read_u32(&body);
    if (body.failed) {
        sctp->env->counters->sctp_malformed++;
        return;
    }
    data.len = (uint16_t)minke__reader_left(&body);
    data.bytes = minke__read_bytes(&body, data.len);
    data.tsn = minke__tsn_unwrap(sctp->in.cumulative, tsn);
    if (data.len == 0) {
        refuse_empty(sctp, data.tsn, now);
        return;
    }
    note_packet(sctp);
    /* The remote is up, so the COOKIE ACK went missing: ask for it now, not at the next timeout. */
    if (sctp->state == MINKE_SCTP_COOKIE_ECHOED) sctp->setup.cookie_due = true;
    if ((flags & MINKE_DATA_IMMEDIATE) != 0) sctp->in.sack_now = true;
    if (!is_duplicate(sctp, data.tsn)) accept(sctp, &data, now);
}

/* -- FORWARD-TSN in (RFC 3758 3.6) -------------------------------------------------------------------------------- */

void minke__sctp_recv_forward_tsn(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now)
{
    const uint64_t tsn = minke__tsn_unwrap(sctp->in.cumulative, minke__read_u32(&body));
    if (body.failed) {
        sctp->env->counters->sctp_malformed++;
        return;
    }
    sctp->in.sack_now = true;
    note_packet(sctp);
    if (tsn <= sctp->in.cumulative || tsn - sctp->in.cumulative > TSN_WINDOW) return;
    while (minke__reader_left(&body) >= 4) {
        const uint16_t stream_id = minke__read_u16(&body);
        const uint16_t ssn = minke__read_u16(&body);
        if (minke__inbound_skip(&sctp->in.streams, stream_id, ssn, tsn) == MINKE_INBOUND_VIOLATION) {
            minke__sctp_violation(sctp, "FORWARD-TSN into the middle of a message", now);
            return;
        }
    }
    minke__tsn_set_remove_through(&sctp->in.above, tsn);
    move_cumulative(sctp, tsn, now);
}
