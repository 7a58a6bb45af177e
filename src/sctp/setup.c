/*
 * Set-up: RFC 9260 5. Both ends send INIT at once, so the collision is the common case (spec/sctp.md 4):
 *
 *     CLOSED --connect--> COOKIE_WAIT --INIT ACK--> COOKIE_ECHOED --COOKIE ACK--> ESTABLISHED
 *        '-------------------'-- a valid COOKIE ECHO --'-----------------------------^
 *
 * An INIT never changes our state: everything it says travels in our cookie and comes back. All INITs and INIT ACKs of
 * ours carry one tag and one TSN.
 */
#include <string.h>

#include "sctp/association.h"

/* INIT or INIT ACK: tag, a_rwnd, streams, TSN. */
enum { INIT_FIXED_BYTES = 16, COOKIE_BYTES = 40, FLAG_FORWARD_TSN = 1, FLAG_RECONFIG = 2 };

static const char cookie_mark[8] = {'m', 'i', 'n', 'k', 'e', '-', '0', '1'}; /* tells our stack in a capture */

/* -- writing ------------------------------------------------------------------------------------------------------ */

static void write_init_body(const minke_sctp_t *sctp, minke_writer_t *w)
{
    minke__write_u32(w, sctp->tag);
    minke__write_u32(w, minke__sctp_window(sctp));
    minke__write_u16(w, sctp->options.streams_max);
    minke__write_u16(w, sctp->options.streams_max);
    minke__write_u32(w, sctp->initial_tsn);
    minke__write_u16(w, MINKE_PARAMETER_FORWARD_TSN);
    minke__write_u16(w, 4);
    minke__write_u16(w, MINKE_PARAMETER_EXTENSIONS);
    minke__write_u16(w, 6);
    minke__write_u8(w, MINKE_CHUNK_RE_CONFIG);
    minke__write_u8(w, MINKE_CHUNK_FORWARD_TSN);
}

/* The chunk that began at `at` is complete: its length, and its padding, which the length leaves out. */
static void end_chunk(minke_writer_t *w, size_t at)
{
    minke__patch_u16(w, at + 2, (uint16_t)(w->len - at));
    minke__write_zeros(w, (0 - w->len) & 3);
}

static void write_init(const minke_sctp_t *sctp, minke_writer_t *w)
{
    minke__sctp_write_header(w, 0);
    const size_t at = w->len;
    minke__write_u8(w, MINKE_CHUNK_INIT);
    minke__write_u8(w, 0);
    minke__write_u16(w, 0);
    write_init_body(sctp, w);
    end_chunk(w, at);
}

static void write_cookie(const minke_sctp_t *sctp, const minke_sctp_peer_t *peer, minke_writer_t *w)
{
    minke__write_bytes(w, cookie_mark, sizeof cookie_mark);
    minke__write_bytes(w, sctp->cookie_secret, sizeof sctp->cookie_secret);
    minke__write_u32(w, sctp->tag);
    minke__write_u32(w, peer->tag);
    minke__write_u32(w, peer->initial_tsn);
    minke__write_u32(w, peer->receive_window);
    minke__write_u16(w, peer->streams_out);
    minke__write_u16(w, peer->streams_in);
    minke__write_u32(w, (peer->forward_tsn ? FLAG_FORWARD_TSN : 0u) | (peer->reconfig ? FLAG_RECONFIG : 0u));
}

/* `unknown`: the Unrecognized Parameters to report, already in wire form. */
static bool write_init_ack(const minke_sctp_t *sctp, const minke_sctp_peer_t *peer, const minke_writer_t *unknown,
                           minke_writer_t *w)
{
    minke__sctp_write_header(w, peer->tag);
    const size_t at = w->len;
    minke__write_u8(w, MINKE_CHUNK_INIT_ACK);
    minke__write_u8(w, 0);
    minke__write_u16(w, 0);
    write_init_body(sctp, w);
    minke__write_zeros(w, (0 - w->len) & 3);
    minke__write_u16(w, MINKE_PARAMETER_STATE_COOKIE);
    minke__write_u16(w, MINKE_SCTP_CHUNK_HEADER_BYTES + COOKIE_BYTES);
    write_cookie(sctp, peer, w);
    minke__write_bytes(w, unknown->data, unknown->len);
    end_chunk(w, at);
    return !w->failed;
}

void minke__sctp_write_cookie_echo(minke_sctp_t *sctp, minke_writer_t *w, minke_time_t now)
{
    const size_t at = w->len;
    minke__write_u8(w, MINKE_CHUNK_COOKIE_ECHO);
    minke__write_u8(w, 0);
    minke__write_u16(w, 0);
    minke__write_bytes(w, sctp->setup.cookie.bytes, sctp->setup.cookie.len);
    end_chunk(w, at);
    sctp->setup.cookie_due = false;
    sctp->setup.sent_at = now;
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_COOKIE_ECHOED, NULL, sctp->setup.tries);
    minke__sctp_timers_setup_sent(sctp, now);
}

size_t minke__sctp_write_setup(minke_sctp_t *sctp, minke_writer_t *w, minke_time_t now)
{
    if (sctp->setup.init_ack.bytes != NULL) {
        minke__write_bytes(w, sctp->setup.init_ack.bytes, sctp->setup.init_ack.len);
        minke__free(sctp->env, sctp->setup.init_ack.bytes);
        sctp->setup.init_ack = (minke_sctp_bytes_t){0};
    } else if (sctp->setup.init_due) {
        write_init(sctp, w);
        sctp->setup.init_due = false;
        sctp->setup.sent_at = now;
        minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_INIT_SENT, NULL, sctp->setup.tries);
        minke__sctp_timers_setup_sent(sctp, now);
    }
    return w->failed ? 0 : w->len;
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

static void note_extensions(minke_sctp_peer_t *peer, minke_reader_t types)
{
    while (minke__reader_left(&types) > 0) {
        const uint8_t type = minke__read_u8(&types);
        if (type == MINKE_CHUNK_RE_CONFIG) peer->reconfig = true;
        if (type == MINKE_CHUNK_FORWARD_TSN) peer->forward_tsn = true;
    }
}

/* Known ones that do not concern us included: AUTH, addresses, ECN, zero checksum (spec/sctp.md 3). */
static bool is_known(uint16_t type)
{
    switch (type) {
    case MINKE_PARAMETER_IP4:
    case MINKE_PARAMETER_IP6:
    case MINKE_PARAMETER_STATE_COOKIE:
    case MINKE_PARAMETER_UNRECOGNIZED:
    case MINKE_PARAMETER_COOKIE_PRESERVATIVE:
    case MINKE_PARAMETER_HOST_NAME:
    case MINKE_PARAMETER_ADDRESS_TYPES:
    case MINKE_PARAMETER_ECN_CAPABLE:
    case MINKE_PARAMETER_ZERO_CHECKSUM:
    case MINKE_PARAMETER_AUTH_RANDOM:
    case MINKE_PARAMETER_AUTH_CHUNKS:
    case MINKE_PARAMETER_AUTH_HMACS:
    case MINKE_PARAMETER_EXTENSIONS:
    case MINKE_PARAMETER_FORWARD_TSN:
    case MINKE_PARAMETER_ADAPTATION: return true;
    default: return false;
    }
}

static void report_unknown(minke_writer_t *unknown, const uint8_t *parameter, size_t len)
{
    const size_t padded = (len + 3) & ~(size_t)3;
    if (minke__writer_left(unknown) < MINKE_SCTP_CHUNK_HEADER_BYTES + padded) return;
    minke__write_u16(unknown, MINKE_PARAMETER_UNRECOGNIZED);
    minke__write_u16(unknown, (uint16_t)(MINKE_SCTP_CHUNK_HEADER_BYTES + len));
    minke__write_bytes(unknown, parameter, len);
    minke__write_zeros(unknown, padded - len);
}

typedef struct init {
    minke_sctp_peer_t peer;
    minke_reader_t cookie;
    bool has_cookie;
} init_t;

/* False: go no further in this chunk. */
static bool read_parameter(init_t *init, minke_reader_t *r, minke_writer_t *unknown)
{
    const uint8_t *start = r->data + r->at;
    const uint16_t type = minke__read_u16(r);
    const uint16_t len = minke__read_u16(r);
    if (r->failed || len < MINKE_SCTP_CHUNK_HEADER_BYTES) {
        r->failed = true;
        return false;
    }
    minke_reader_t value = minke__read_sub(r, (size_t)len - MINKE_SCTP_CHUNK_HEADER_BYTES);
    if (value.failed) return false;
    const size_t padding = (0 - (size_t)len) & 3;
    (void)minke__read_bytes(r, padding < minke__reader_left(r) ? padding : minke__reader_left(r));
    if (type == MINKE_PARAMETER_EXTENSIONS) note_extensions(&init->peer, value);
    if (type == MINKE_PARAMETER_FORWARD_TSN) init->peer.forward_tsn = true;
    if (type == MINKE_PARAMETER_STATE_COOKIE) {
        init->cookie = value;
        init->has_cookie = true;
    }
    if (is_known(type)) return true;
    if ((type & 0x4000) != 0) report_unknown(unknown, start, len);
    return (type & 0x8000) != 0;
}

static bool read_init(init_t *init, minke_reader_t body, minke_writer_t *unknown)
{
    *init = (init_t){0};
    init->peer.tag = minke__read_u32(&body);
    init->peer.receive_window = minke__read_u32(&body);
    init->peer.streams_out = minke__read_u16(&body);
    init->peer.streams_in = minke__read_u16(&body);
    init->peer.initial_tsn = minke__read_u32(&body);
    if (body.failed) return false;
    while (minke__reader_left(&body) > 0 && read_parameter(init, &body, unknown)) continue;
    return !body.failed;
}

static bool is_valid(const minke_sctp_peer_t *peer)
{
    return peer->tag != 0 && peer->streams_out != 0 && peer->streams_in != 0;
}

static void refuse(minke_sctp_t *sctp, const minke_sctp_peer_t *peer, minke_time_t now)
{
    sctp->peer.tag = peer->tag;
    minke__sctp_fail(sctp, MINKE_CAUSE_INVALID_PARAMETER, MINKE_CAUSE_INVALID_PARAMETER,
                     "INIT with a zero tag or no streams", now);
}

static void replace(const minke_sctp_t *sctp, minke_sctp_bytes_t *place, const uint8_t *bytes, size_t len)
{
    minke__free(sctp->env, place->bytes);
    *place = (minke_sctp_bytes_t){0};
    uint8_t *copy = minke__alloc(sctp->env, len);
    if (copy == NULL) return; /* the remote will ask again */
    memcpy(copy, bytes, len);
    *place = (minke_sctp_bytes_t){copy, len};
}

bool minke__sctp_recv_init(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now)
{
    /* Under one DTLS session nobody restarts: what comes now is a late duplicate. pion ignores it as well. */
    if (minke__sctp_up(sctp)) return true;
    uint8_t report[256], packet[512];
    minke_writer_t unknown = minke__writer(report, sizeof report), w = minke__writer(packet, sizeof packet);
    init_t init;
    if (!read_init(&init, body, &unknown)) return false;
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_INIT_RECEIVED, NULL, init.peer.receive_window);
    if (!is_valid(&init.peer)) {
        refuse(sctp, &init.peer, now);
        return true;
    }
    if (write_init_ack(sctp, &init.peer, &unknown, &w)) replace(sctp, &sctp->setup.init_ack, w.data, w.len);
    return true;
}

/* Takes over what the remote says about itself; its TSNs begin here. */
static void adopt(minke_sctp_t *sctp, const minke_sctp_peer_t *peer)
{
    sctp->peer = *peer;
    const uint32_t mine = sctp->options.streams_max;
    sctp->streams_out = mine < peer->streams_in ? mine : peer->streams_in;
    sctp->streams_in = mine < peer->streams_out ? mine : peer->streams_out;
    sctp->out.peer_window = peer->receive_window;
    /* pion takes only so many TSNs ahead (spec/sctp.md 5), and drops the rest. */
    const uint32_t chunks = peer->receive_window / 125;
    sctp->out.chunks_max = chunks < 2000 ? 2000 : chunks > 40000 ? 40000 : chunks;
    minke__sctp_arrival_start(sctp);
}

static void measure(minke_sctp_t *sctp, minke_time_t now)
{
    if (sctp->setup.tries == 1 && now > sctp->setup.sent_at) {
        minke__rtt_sample(&sctp->out.rtt, now - sctp->setup.sent_at);
    }
}

static void established(minke_sctp_t *sctp, minke_time_t now)
{
    sctp->state = MINKE_SCTP_ESTABLISHED;
    sctp->setup.init_due = sctp->setup.cookie_due = false;
    minke__free(sctp->env, sctp->setup.cookie.bytes);
    sctp->setup.cookie = (minke_sctp_bytes_t){0};
    sctp->resets.check = true;
    minke__sctp_timers_setup_done(sctp, now);
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_ESTABLISHED, NULL, sctp->streams_out);
}

static bool cookie_begins(const init_t *init, const char mark[8])
{
    return init->has_cookie && init->cookie.len >= 8 && memcmp(init->cookie.data, mark, 8) == 0;
}

static bool is_ours(const init_t *init) { return init->cookie.len == COOKIE_BYTES && cookie_begins(init, cookie_mark); }

/*
 * The stack tells what is behind it (spec/sctp.md 4). Browsers, libdatachannel and Minke hand a message of any size on;
 * behind pion there is go-libp2p, which reads through a buffer of 4096 bytes and fails with "short buffer" on a longer
 * message that begins with the length prefix (seen in 0.51). webrtc-rs has a random cookie like pion's, and both throw
 * away a packet with a chunk that they do not know (pion 1.8, webrtc-rs 0.17), whatever its type says.
 */
static bool is_known_stack(const init_t *init)
{
    return is_ours(init) || cookie_begins(init, "dcSCTP00") || cookie_begins(init, "KAME-BSD");
}

void minke__sctp_recv_init_ack(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now)
{
    uint8_t report[256];
    minke_writer_t unknown = minke__writer(report, sizeof report);
    init_t init;
    if (!read_init(&init, body, &unknown)) {
        sctp->env->counters->sctp_malformed++;
        return;
    }
    sctp->with_minke = is_ours(&init);
    sctp->takes_large_messages = sctp->skips_padding = is_known_stack(&init);
    if (sctp->state != MINKE_SCTP_COOKIE_WAIT) return;
    if (!is_valid(&init.peer)) {
        refuse(sctp, &init.peer, now);
        return;
    }
    const size_t room = (size_t)sctp->options.packet_max - MINKE_SCTP_HEADER_BYTES - MINKE_SCTP_CHUNK_HEADER_BYTES;
    if (!init.has_cookie || init.cookie.len == 0 || init.cookie.len > room) {
        sctp->peer.tag = init.peer.tag;
        minke__sctp_fail(sctp, MINKE_CAUSE_MISSING_PARAMETER, MINKE_CAUSE_MISSING_PARAMETER,
                         "INIT ACK without a usable cookie", now);
        return;
    }
    replace(sctp, &sctp->setup.cookie, init.cookie.data, init.cookie.len);
    if (sctp->setup.cookie.bytes == NULL) return; /* INIT goes out again */
    measure(sctp, now);
    adopt(sctp, &init.peer);
    sctp->state = MINKE_SCTP_COOKIE_ECHOED;
    sctp->setup.tries = 0;
    sctp->setup.init_due = false;
    sctp->setup.cookie_due = true;
    if (unknown.len > 0) minke__sctp_queue_control(sctp, MINKE_CHUNK_ERROR, unknown.data, unknown.len);
}

static bool read_cookie(const minke_sctp_t *sctp, minke_reader_t body, minke_sctp_peer_t *peer)
{
    const uint8_t *mark = minke__read_bytes(&body, sizeof cookie_mark);
    const uint8_t *secret = minke__read_bytes(&body, sizeof sctp->cookie_secret);
    const uint32_t tag = minke__read_u32(&body);
    *peer = (minke_sctp_peer_t){0};
    peer->tag = minke__read_u32(&body);
    peer->initial_tsn = minke__read_u32(&body);
    peer->receive_window = minke__read_u32(&body);
    peer->streams_out = minke__read_u16(&body);
    peer->streams_in = minke__read_u16(&body);
    const uint32_t flags = minke__read_u32(&body);
    peer->forward_tsn = (flags & FLAG_FORWARD_TSN) != 0;
    peer->reconfig = (flags & FLAG_RECONFIG) != 0;
    return minke__reader_done(&body) && memcmp(mark, cookie_mark, sizeof cookie_mark) == 0 &&
           memcmp(secret, sctp->cookie_secret, sizeof sctp->cookie_secret) == 0 && tag == sctp->tag && is_valid(peer);
}

/*
 * RFC 9260 5.2.4. Our own tag never changes, so the table shrinks to the remote's tag:
 *   same or not known yet  (case D)  ESTABLISHED, COOKIE ACK
 *   another, setting up    (case B)  the remote answered with one tag and went on with another: take the newer
 *   another, established             a restart, which DTLS rules out: ignored
 */
bool minke__sctp_recv_cookie_echo(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now)
{
    minke_sctp_peer_t peer;
    if (!read_cookie(sctp, body, &peer)) {
        sctp->env->counters->sctp_malformed++;
        return false;
    }
    if (minke__sctp_up(sctp)) {
        if (peer.tag != sctp->peer.tag) return false;
        sctp->setup.cookie_ack_due = true;
        return true;
    }
    if (peer.tag != sctp->peer.tag) {
        if (sctp->in.anything) return false; /* the tag that we know is in use */
        adopt(sctp, &peer);
        minke__flight_lose_all(&sctp->out.flight); /* what went with our COOKIE ECHO carried the old tag */
    }
    sctp->setup.cookie_ack_due = true;
    established(sctp, now);
    return true;
}

void minke__sctp_recv_cookie_ack(minke_sctp_t *sctp, minke_time_t now)
{
    if (sctp->state != MINKE_SCTP_COOKIE_ECHOED) return;
    measure(sctp, now);
    established(sctp, now);
}

/* Our cookie was too old for the remote (RFC 9260 5.2.6): ask for a fresh one. */
void minke__sctp_restart_setup(minke_sctp_t *sctp)
{
    sctp->state = MINKE_SCTP_COOKIE_WAIT;
    sctp->setup.cookie_due = false;
    sctp->setup.init_due = true;
    sctp->setup.tries = 0;
}
