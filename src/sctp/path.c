/*
 * The path and what it carries: HEARTBEATs of ours, padded to the sizes that are tried (packet_size.h), and what is
 * seen when a path swallows large packets.
 *
 * A probe is HEARTBEAT and PAD (RFC 4820), so that its answer is short. pion and webrtc-rs throw a packet away that
 * holds a PAD: for them the padding is inside the Heartbeat Info, and comes back. A stack that is not known, which may
 * be Minke's own whose INIT ACK was lost, gets it both ways by turns: Minke echoes nothing that is larger than what it
 * may send. The info is one parameter in any case, the only form that pion (1.8) survives (spec/sctp.md 10).
 */
#include "sctp/association.h"

enum {
    PAYS_FROM = 64 << 10,
    SHORT_PATH = 1000,
    INFO_BYTES = 12,
    HEARTBEAT_BYTES = MINKE_SCTP_CHUNK_HEADER_BYTES + INFO_BYTES
};

static uint32_t payload_of(uint32_t packet_len)
{
    return (packet_len - MINKE_SCTP_HEADER_BYTES - MINKE_SCTP_DATA_HEADER_BYTES) & ~3u;
}

uint32_t minke__sctp_payload_max(const minke_sctp_t *sctp) { return payload_of(sctp->path.size.confirmed); }

uint32_t minke__sctp_chunk_max(const minke_sctp_t *sctp)
{
    return payload_of(sctp->path.is_cut ? sctp->path.size.confirmed : sctp->path.size.base);
}

uint32_t minke__sctp_packet_max(const minke_sctp_t *sctp) { return sctp->path.size.confirmed; }

static void size_changed(minke_sctp_t *sctp, minke_time_t now)
{
    sctp->out.congestion.unit = sctp->out.pacer.unit = minke__sctp_payload_max(sctp);
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_PACKET_SIZE, NULL, sctp->path.size.confirmed);
}

static void shrunk(minke_sctp_t *sctp, minke_time_t now)
{
    sctp->env->counters->sctp_packets_shrunk++;
    size_changed(sctp, now);
}

void minke__sctp_path(minke_sctp_t *sctp, uint32_t mtu_max, uint16_t overhead, bool is_cut, minke_time_t now)
{
    const bool was_larger = sctp->path.size.confirmed > sctp->path.size.base;
    const bool first = sctp->path.size.overhead == 0;
    minke__packet_size_path(&sctp->path.size, mtu_max, overhead);
    sctp->path.nonce = 0;
    sctp->path.is_cut = is_cut;
    if (was_larger) size_changed(sctp, now);
    if (first) return;
    /* It says nothing about the new one; who only receives would never measure it again. */
    sctp->out.rtt.minimum = 0;
    sctp->path.measure_due = true;
}

/* ---- probes out ---- */

/* Data is on its way and some has arrived. Two chunks in a packet in place of one cost more than fewer packets save,
 * so there must be a round trip in which a larger packet makes up for it: windows grow by packets. */
static bool pays(const minke_sctp_t *sctp)
{
    if (sctp->out.bytes_acked < PAYS_FROM || minke__flight_empty(&sctp->out.flight)) return false;
    const minke_packet_size_t *size = &sctp->path.size;
    return sctp->path.is_cut || sctp->out.rtt.minimum >= SHORT_PATH || size->limit >= 2 * size->base;
}

static uint16_t probe_len(minke_sctp_t *sctp, minke_time_t now)
{
    if (sctp->path.measure_due) return MINKE_SCTP_HEADER_BYTES + HEARTBEAT_BYTES;
    if (!pays(sctp)) return 0;
    /* pion reads 1500 bytes, dcSCTP 2048, libjuice 4096 (and fails for good on Windows where that is not enough). */
    if (!sctp->with_minke) minke__packet_size_no_jumbo(&sctp->path.size);
    minke__packet_size_begin(&sctp->path.size, now);
    return minke__packet_size_due(&sctp->path.size, now);
}

static void write_heartbeat(minke_sctp_t *sctp, minke_writer_t *w, size_t padding)
{
    sctp->path.pad_behind = sctp->skips_padding || sctp->path.size.tries % 2 == 1;
    const size_t inside = sctp->path.pad_behind ? 0 : padding, behind = padding - inside;
    minke__write_u8(w, MINKE_CHUNK_HEARTBEAT);
    minke__write_u8(w, 0);
    minke__write_u16(w, (uint16_t)(HEARTBEAT_BYTES + inside));
    minke__write_u16(w, MINKE_PARAMETER_HEARTBEAT_INFO);
    minke__write_u16(w, (uint16_t)(INFO_BYTES + inside));
    minke__write_u64(w, sctp->path.nonce);
    minke__write_zeros(w, inside);
    if (behind < MINKE_SCTP_CHUNK_HEADER_BYTES) return;
    minke__write_u8(w, MINKE_CHUNK_PAD);
    minke__write_u8(w, 0);
    minke__write_u16(w, (uint16_t)behind);
    minke__write_zeros(w, behind - MINKE_SCTP_CHUNK_HEADER_BYTES);
}

size_t minke__sctp_transmit_probe(minke_sctp_t *sctp, uint8_t *out, size_t capacity, minke_time_t now)
{
    if (!minke__sctp_up(sctp)) return 0;
    const uint16_t len = probe_len(sctp, now);
    if (len == 0 || len > capacity) return 0;
    minke_writer_t w = minke__writer(out, len);
    minke__sctp_write_header(&w, sctp->peer.tag);
    sctp->path.nonce = (uint64_t)minke__random_u32(sctp->env) << 32 | minke__random_u32(sctp->env) | 1;
    sctp->path.sent_at = now;
    sctp->path.probe_len = sctp->path.measure_due ? 0 : len;
    write_heartbeat(sctp, &w, (size_t)len - MINKE_SCTP_HEADER_BYTES - HEARTBEAT_BYTES);
    if (sctp->path.probe_len > 0) {
        minke__packet_size_sent(&sctp->path.size, minke__rtt_base_timeout(&sctp->out.rtt), now);
        sctp->env->counters->sctp_probes++;
    }
    sctp->path.measure_due = false;
    return minke__sctp_finish_packet(&w);
}

/* ---- what comes of them ---- */

void minke__sctp_recv_heartbeat_ack(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now)
{
    const uint16_t type = minke__read_u16(&body);
    const uint16_t len = minke__read_u16(&body);
    const uint64_t nonce = minke__read_u64(&body);
    if (body.failed || type != MINKE_PARAMETER_HEARTBEAT_INFO || len < INFO_BYTES) {
        sctp->env->counters->sctp_malformed++;
        return;
    }
    if (sctp->path.nonce == 0 || nonce != sctp->path.nonce) return; /* too late, or none of ours */
    sctp->path.nonce = 0;
    if (sctp->path.probe_len == 0) {
        minke__rtt_sample(&sctp->out.rtt, minke__sctp_since(sctp->path.sent_at, now));
        return;
    }
    if (sctp->path.pad_behind) sctp->skips_padding = true;
    if (minke__packet_size_arrived(&sctp->path.size, sctp->path.probe_len, now)) {
        sctp->path.large_acked_at = now;
        size_changed(sctp, now);
    }
}

void minke__sctp_refused(minke_sctp_t *sctp, size_t len, minke_time_t now)
{
    if (len > UINT16_MAX || !minke__packet_size_refused(&sctp->path.size, (uint16_t)(len & ~(size_t)3), now)) return;
    shrunk(sctp, now);
}

/* ---- black holes ---- */

void minke__sctp_black_hole(minke_sctp_t *sctp, minke_time_t now)
{
    if (minke__packet_size_vanish(&sctp->path.size, now)) shrunk(sctp, now);
}
