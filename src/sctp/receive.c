/* Packets in: common header, checksum, tag, then chunk by chunk (RFC 9260 3, 8.5). */
#include "sctp/association.h"
#include "sctp/crc32c.h"

typedef struct chunk {
    uint8_t type;
    uint8_t flags;
    minke_reader_t body;
} chunk_t;

/* False: nothing left, or broken (then the reader has failed). */
static bool read_chunk(minke_reader_t *r, chunk_t *chunk)
{
    if (minke__reader_left(r) == 0) return false;
    chunk->type = minke__read_u8(r);
    chunk->flags = minke__read_u8(r);
    const uint16_t len = minke__read_u16(r);
    if (r->failed || len < MINKE_SCTP_CHUNK_HEADER_BYTES) {
        r->failed = true;
        return false;
    }
    chunk->body = minke__read_sub(r, (size_t)len - MINKE_SCTP_CHUNK_HEADER_BYTES);
    if (r->failed) return false;
    /* The last chunk may come without its padding. */
    const size_t padding = (0 - (size_t)len) & 3, left = minke__reader_left(r);
    (void)minke__read_bytes(r, padding < left ? padding : left);
    return true;
}

/* RFC 9260 3.2: the two high bits of the type say what to do. False: drop the rest of the packet. */
static bool recv_unknown(minke_sctp_t *sctp, const chunk_t *chunk)
{
    if ((chunk->type & 0x40) != 0 && minke__sctp_up(sctp)) {
        uint8_t copy[128];
        minke_writer_t w = minke__writer(copy, sizeof copy);
        const size_t most = sizeof copy - MINKE_SCTP_CHUNK_HEADER_BYTES;
        minke__write_u8(&w, chunk->type);
        minke__write_u8(&w, chunk->flags);
        minke__write_u16(&w, (uint16_t)(MINKE_SCTP_CHUNK_HEADER_BYTES + chunk->body.len));
        minke__write_bytes(&w, chunk->body.data, chunk->body.len < most ? chunk->body.len : most);
        minke__sctp_queue_error(sctp, MINKE_CAUSE_UNRECOGNIZED_CHUNK, w.data, w.len);
    }
    return (chunk->type & 0x80) != 0;
}

/* DATA in COOKIE_ECHOED: the COOKIE ACK was lost or overtaken. dcSCTP takes it as well. */
static bool may_receive(const minke_sctp_t *sctp)
{
    return minke__sctp_up(sctp) || sctp->state == MINKE_SCTP_COOKIE_ECHOED;
}

/* False: the rest of the packet must not be looked at. */
static bool recv_chunk(minke_sctp_t *sctp, const chunk_t *chunk, minke_time_t now)
{
    switch (chunk->type) {
    case MINKE_CHUNK_DATA:
        if (may_receive(sctp)) minke__sctp_recv_data(sctp, chunk->flags, chunk->body, now);
        return true;
    case MINKE_CHUNK_SACK:
        if (minke__sctp_up(sctp)) minke__sctp_recv_sack(sctp, chunk->body, now);
        return true;
    case MINKE_CHUNK_FORWARD_TSN:
        if (may_receive(sctp)) minke__sctp_recv_forward_tsn(sctp, chunk->body, now);
        return true;
    case MINKE_CHUNK_RE_CONFIG:
        if (minke__sctp_up(sctp)) minke__sctp_recv_re_config(sctp, chunk->body, now);
        return true;
    case MINKE_CHUNK_HEARTBEAT:
        if (may_receive(sctp)) minke__sctp_recv_heartbeat(sctp, chunk->body);
        return true;
    case MINKE_CHUNK_INIT_ACK: minke__sctp_recv_init_ack(sctp, chunk->body, now); return false;
    case MINKE_CHUNK_COOKIE_ECHO: return minke__sctp_recv_cookie_echo(sctp, chunk->body, now);
    case MINKE_CHUNK_COOKIE_ACK: minke__sctp_recv_cookie_ack(sctp, now); return true;
    case MINKE_CHUNK_ABORT: minke__sctp_recv_abort(sctp, chunk->body, now); return false;
    case MINKE_CHUNK_SHUTDOWN: minke__sctp_recv_shutdown(sctp, chunk->body, now); return true;
    case MINKE_CHUNK_ERROR: minke__sctp_recv_error(sctp, chunk->body, now); return true;
    case MINKE_CHUNK_INIT: sctp->env->counters->sctp_malformed++; return false; /* never behind another chunk */
    case MINKE_CHUNK_HEARTBEAT_ACK:
        if (minke__sctp_up(sctp)) minke__sctp_recv_heartbeat_ack(sctp, chunk->body, now);
        return true;
    case MINKE_CHUNK_SHUTDOWN_ACK:
    case MINKE_CHUNK_SHUTDOWN_COMPLETE:
    case MINKE_CHUNK_PAD: return true; /* answers to what we never send, or nothing */
    default: return recv_unknown(sctp, chunk);
    }
}

/* RFC 9260 8.5. Before a tag of the remote is known, a reflected one cannot match. */
static bool is_tag_right(const minke_sctp_t *sctp, uint32_t tag, const chunk_t *first)
{
    const bool may_reflect = first->type == MINKE_CHUNK_ABORT || first->type == MINKE_CHUNK_SHUTDOWN_COMPLETE;
    if (may_reflect && (first->flags & MINKE_FLAG_REFLECTED) != 0) return sctp->peer.tag != 0 && tag == sctp->peer.tag;
    return tag == sctp->tag;
}

static void recv_chunks(minke_sctp_t *sctp, minke_reader_t r, uint32_t tag, minke_time_t now)
{
    chunk_t chunk;
    bool more = read_chunk(&r, &chunk);
    if (more && chunk.type == MINKE_CHUNK_INIT) { /* any tag: webrtc-rs of 2023 sent one (spec/interop-quirks.md 2.4) */
        if (!minke__sctp_recv_init(sctp, chunk.body, now)) sctp->env->counters->sctp_malformed++;
        return;
    }
    if (more && !is_tag_right(sctp, tag, &chunk)) {
        sctp->env->counters->sctp_bad_tag++;
        return;
    }
    while (more && recv_chunk(sctp, &chunk, now) && !minke__sctp_ended(sctp)) more = read_chunk(&r, &chunk);
    if (r.failed) sctp->env->counters->sctp_malformed++;
}

void minke__sctp_recv(minke_sctp_t *sctp, const uint8_t *packet, size_t len, minke_time_t now)
{
    if (minke__sctp_ended(sctp)) return;
    minke_reader_t r = minke__reader(packet, len);
    const uint32_t ports = minke__read_u32(&r);
    const uint32_t tag = minke__read_u32(&r);
    const uint8_t *sum = minke__read_bytes(&r, 4);
    if (r.failed || minke__reader_left(&r) < MINKE_SCTP_CHUNK_HEADER_BYTES ||
        ports != (MINKE_SCTP_PORT << 16 | MINKE_SCTP_PORT)) {
        sctp->env->counters->sctp_malformed++;
        return;
    }
    const uint32_t claimed = (uint32_t)sum[3] << 24 | (uint32_t)sum[2] << 16 | (uint32_t)sum[1] << 8 | sum[0];
    if (claimed != minke__crc32c_packet(packet, len)) {
        sctp->env->counters->sctp_bad_checksum++;
        return;
    }
    sctp->in.packet_has_data = false;
    recv_chunks(sctp, r, tag, now);
}
