/*
 * Packets out, one a call, in this order: farewell; INIT ACK; INIT; else
 *
 *     COOKIE ECHO or COOKIE ACK | early SACK, alone
 *     COOKIE ECHO or COOKIE ACK | SACK | HEARTBEAT ACK, ERROR, RE-CONFIG answers | RE-CONFIG request | DATA
 */
#include "sctp/association.h"
#include "sctp/crc32c.h"

void minke__sctp_write_header(minke_writer_t *w, uint32_t tag)
{
    minke__write_u16(w, MINKE_SCTP_PORT);
    minke__write_u16(w, MINKE_SCTP_PORT);
    minke__write_u32(w, tag);
    minke__write_u32(w, 0);
}

static void write_empty_chunk(minke_writer_t *w, uint8_t type)
{
    minke__write_u8(w, type);
    minke__write_u8(w, 0);
    minke__write_u16(w, MINKE_SCTP_CHUNK_HEADER_BYTES);
}

static void write_abort(const minke_sctp_t *sctp, minke_writer_t *w)
{
    const size_t cause_len = MINKE_SCTP_CHUNK_HEADER_BYTES + sctp->farewell.info_len;
    minke__write_u8(w, MINKE_CHUNK_ABORT);
    minke__write_u8(w, 0);
    minke__write_u16(w, (uint16_t)(MINKE_SCTP_CHUNK_HEADER_BYTES + cause_len));
    minke__write_u16(w, sctp->farewell.cause);
    minke__write_u16(w, (uint16_t)cause_len);
    minke__write_bytes(w, sctp->farewell.info, sctp->farewell.info_len);
    minke__write_zeros(w, (0 - w->len) & 3);
}

static void write_farewell(minke_sctp_t *sctp, minke_writer_t *w)
{
    if (!sctp->farewell.abort_due && !sctp->farewell.shutdown_ack_due) return;
    minke__sctp_write_header(w, sctp->farewell.tag);
    if (sctp->farewell.abort_due) write_abort(sctp, w);
    else write_empty_chunk(w, MINKE_CHUNK_SHUTDOWN_ACK);
    sctp->farewell.abort_due = sctp->farewell.shutdown_ack_due = false;
}

/* DATA may leave: up, or in the packet of our COOKIE ECHO. */
static void write_chunks(minke_sctp_t *sctp, minke_writer_t *w, minke_time_t now)
{
    if (sctp->state == MINKE_SCTP_COOKIE_ECHOED) {
        if (!sctp->setup.cookie_due) return;
        minke__sctp_write_cookie_echo(sctp, w, now);
    } else if (!minke__sctp_up(sctp)) {
        return;
    }
    if (sctp->setup.cookie_ack_due) write_empty_chunk(w, MINKE_CHUNK_COOKIE_ACK);
    sctp->setup.cookie_ack_due = false;
    if (minke__sctp_write_early_sack(sctp, w)) return;
    const bool data = minke__sctp_data_ready(sctp, now);
    if (sctp->in.sack_due || (data && minke__sctp_sack_pending(sctp))) minke__sctp_write_sack(sctp, w);
    minke__sctp_write_controls(sctp, w);
    if (minke__sctp_up(sctp)) minke__sctp_write_reset_request(sctp, w, now);
    if (data) minke__sctp_write_data(sctp, w, now);
}

size_t minke__sctp_finish_packet(minke_writer_t *w)
{
    if (w->failed || w->len <= MINKE_SCTP_HEADER_BYTES) return 0;
    const uint32_t sum = minke__crc32c_packet(w->data, w->len);
    for (unsigned i = 0; i < 4; i++) w->data[8 + i] = (uint8_t)(sum >> (8 * i)); /* little-endian, unlike all else */
    return w->len;
}

size_t minke__sctp_transmit(minke_sctp_t *sctp, uint8_t *out, size_t capacity, minke_time_t now)
{
    const uint32_t oversize = minke__sctp_oversize(sctp), most = oversize > 0 ? oversize : minke__sctp_packet_max(sctp);
    if (capacity > most) capacity = most;
    minke_writer_t w = minke__writer(out, capacity);
    if (!minke__sctp_ended(sctp)) {
        if (minke__sctp_write_setup(sctp, &w, now) > 0) return minke__sctp_finish_packet(&w);
        minke__sctp_write_header(&w, sctp->peer.tag);
        write_chunks(sctp, &w, now);
        /* Allocation can fail half-way: then the packet is whole up to there, and the farewell follows it. */
        if (w.len > MINKE_SCTP_HEADER_BYTES) return minke__sctp_finish_packet(&w);
        if (!minke__sctp_ended(sctp)) return 0;
        w = minke__writer(out, capacity);
    }
    write_farewell(sctp, &w);
    return minke__sctp_finish_packet(&w);
}
