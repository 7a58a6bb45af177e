/* Messages into DATA chunks: what may leave now (RFC 9260 6.1), new or again. */
#include <assert.h>
#include <string.h>

#include "sctp/association.h"

/* A head of the next message shorter than this does not join a packet. */
enum { FRAGMENT_MIN = 128 };

/* -- streams ------------------------------------------------------------------------------------------------------ */

minke_sctp_out_stream_t *minke__sctp_find_out_stream(minke_sctp_t *sctp, uint16_t id)
{
    if (sctp->out.recent != NULL && sctp->out.recent->id == id) return sctp->out.recent;
    minke_map_node_t *node = minke__map_first(&sctp->out.streams, minke__hash(&sctp->out.streams, &id, sizeof id));
    for (; node != NULL; node = minke__map_next(node)) {
        minke_sctp_out_stream_t *stream = MINKE_CONTAINER(node, minke_sctp_out_stream_t, node);
        if (stream->id == id) return sctp->out.recent = stream;
    }
    return NULL;
}

minke_sctp_out_stream_t *minke__sctp_need_out_stream(minke_sctp_t *sctp, uint16_t id)
{
    minke_sctp_out_stream_t *stream = minke__sctp_find_out_stream(sctp, id);
    if (stream != NULL) return stream;
    stream = minke__alloc(sctp->env, sizeof *stream);
    if (stream == NULL) return NULL;
    *stream = (minke_sctp_out_stream_t){.id = id};
    minke__list_init(&stream->link);
    const uint64_t hash = minke__hash(&sctp->out.streams, &id, sizeof id);
    if (minke__map_insert(&sctp->out.streams, &stream->node, hash) < 0) {
        minke__free(sctp->env, stream);
        return NULL;
    }
    return sctp->out.recent = stream;
}

void minke__sctp_drop_out_stream(minke_sctp_t *sctp, minke_sctp_out_stream_t *stream)
{
    minke__list_remove(&stream->link);
    minke__map_remove(&sctp->out.streams, &stream->node);
    if (sctp->out.recent == stream) sctp->out.recent = NULL;
    minke__free(sctp->env, stream);
}

static void free_messages(minke_sctp_t *sctp)
{
    minke_message_t *message = NULL; /* a message's chunks are neighbours, so each is given back once */
    for (uint64_t tsn = sctp->out.flight.base; tsn < sctp->out.flight.next; tsn++) {
        minke_message_t *next = minke__flight_at(&sctp->out.flight, tsn)->message;
        if (message != NULL && message != next) sctp->user.message_done(sctp->user.user, message);
        message = next;
    }
    minke_message_t *last = sctp->out.message;
    if (message != NULL && message != last) sctp->user.message_done(sctp->user.user, message);
    if (last != NULL) sctp->user.message_done(sctp->user.user, last);
}

void minke__sctp_free_outgoing(minke_sctp_t *sctp)
{
    free_messages(sctp);
    minke__flight_free(&sctp->out.flight);
    for (size_t i = 0; i < sctp->out.streams.buckets_n; i++) {
        while (sctp->out.streams.buckets[i] != NULL) {
            minke__sctp_drop_out_stream(sctp,
                                        MINKE_CONTAINER(sctp->out.streams.buckets[i], minke_sctp_out_stream_t, node));
        }
    }
    minke__map_free(&sctp->out.streams);
}

/* -- what may leave ----------------------------------------------------------------------------------------------- */

static void no_memory(minke_sctp_t *sctp, minke_time_t now)
{
    minke__sctp_fail(sctp, MINKE_CAUSE_OUT_OF_RESOURCE, MINKE_ERROR_NO_MEMORY, "out of memory", now);
}

/* The message to cut from, pulled when there is none: one at a time, so that the layer above decides as late as
 * possible what comes next. */
static minke_message_t *pull(minke_sctp_t *sctp)
{
    if (sctp->out.message != NULL || sctp->out.user_empty) return sctp->out.message;
    minke_message_t *message = sctp->user.next_message(sctp->user.user);
    if (message == NULL) {
        sctp->out.user_empty = true;
        return NULL;
    }
    assert(message->end > message->start && message->end <= message->capacity);
    message->chunks_n = 0;
    sctp->out.message = message;
    sctp->out.offset = 0;
    return message;
}

bool minke__sctp_all_sent(minke_sctp_t *sctp) { return minke__flight_empty(&sctp->out.flight) && pull(sctp) == NULL; }

static uint32_t outstanding(const minke_sctp_t *sctp)
{
    return sctp->out.flight.in_flight + sctp->out.flight.lost_bytes;
}

/* RFC 9260 6.1 A: the remote's window has room, or nothing is outstanding, then one packet tries it. */
static bool remote_has_room(const minke_sctp_t *sctp, uint32_t len)
{
    return outstanding(sctp) == 0 || outstanding(sctp) + len <= sctp->out.peer_window;
}

static uint32_t left_of_message(const minke_sctp_t *sctp)
{
    return sctp->out.message->end - sctp->out.message->start - sctp->out.offset;
}

static bool new_data_ready(minke_sctp_t *sctp)
{
    if (sctp->out.flight.next - sctp->out.flight.base >= sctp->out.chunks_max) return false;
    if (!minke__flight_may_grow(&sctp->out.flight)) return false;
    if (pull(sctp) == NULL) return false;
    const uint32_t full = minke__sctp_payload_max(sctp), left = left_of_message(sctp);
    return remote_has_room(sctp, left < full ? left : full);
}

uint32_t minke__sctp_oversize(minke_sctp_t *sctp)
{
    const minke_flight_t *flight = &sctp->out.flight;
    uint64_t tsn = flight->lost.first;
    if (tsn == 0 && sctp->out.probe_due && !minke__sctp_ended(sctp) && !new_data_ready(sctp)) tsn = flight->flying.last;
    if (tsn == 0) return 0;
    const uint32_t padded = (minke__flight_at(flight, tsn)->len + 3u) & ~3u;
    const uint32_t len = MINKE_SCTP_HEADER_BYTES + MINKE_SCTP_DATA_HEADER_BYTES + padded;
    return len > minke__sctp_packet_max(sctp) ? len : 0;
}

/* What may fly. */
static uint32_t flight_max(const minke_sctp_t *sctp)
{
    const minke_reduction_t *reduction = &sctp->out.recovery.reduction;
    return reduction->on ? reduction->limit : sctp->out.congestion.window;
}

static bool window_is_open(minke_sctp_t *sctp)
{
    const minke_flight_t *flight = &sctp->out.flight;
    if (flight->in_flight < flight_max(sctp)) return true;
    const bool something = flight->lost.first != 0 || sctp->out.message != NULL || !sctp->out.user_empty;
    if (something) sctp->out.blocked = sctp->out.packets;
    return false;
}

static bool may_leave(minke_sctp_t *sctp, minke_time_t now)
{
    if (sctp->out.pacer.rate == 0) return true;
    const minke_time_t at = minke__pacer_next(&sctp->out.pacer, now);
    minke__sctp_timers_pace(sctp, at > now ? at : MINKE_TIME_NEVER);
    return at <= now;
}

bool minke__sctp_data_ready(minke_sctp_t *sctp, minke_time_t now)
{
    const minke_flight_t *flight = &sctp->out.flight;
    if (minke__sctp_ended(sctp)) return false;
    if (sctp->out.probe_due && (flight->flying.first != 0 || flight->lost.first != 0)) return true;
    if (!window_is_open(sctp)) return false;
    return (flight->lost.first != 0 || new_data_ready(sctp)) && may_leave(sctp, now);
}

/* -- chunks ------------------------------------------------------------------------------------------------------- */

typedef struct packet {
    minke_writer_t *w;
    uint64_t number;
    uint32_t bytes;  /* of user data so far */
    size_t flags_at; /* of the last DATA chunk; 0: none yet */
    minke_time_t now;
} packet_t;

static void write_chunk(const minke_sctp_t *sctp, packet_t *packet, minke_sent_t *sent, uint64_t tsn)
{
    minke_writer_t *w = packet->w;
    const minke_message_t *message = sent->message;
    minke__write_u8(w, MINKE_CHUNK_DATA);
    packet->flags_at = w->len;
    minke__write_u8(w, sent->flags);
    minke__write_u16(w, (uint16_t)(MINKE_SCTP_DATA_HEADER_BYTES + sent->len));
    minke__write_u32(w, (uint32_t)tsn);
    minke__write_u16(w, message->stream_id);
    minke__write_u16(w, sent->ssn);
    minke__write_u32(w, message->ppid);
    minke__write_bytes(w, message->bytes + message->start + sent->offset, sent->len);
    minke__write_zeros(w, (0 - (size_t)sent->len) & 3);
    packet->bytes += sent->len;
    sent->large = w->len > sctp->path.size.base;
}

static bool fits(const packet_t *packet, uint16_t len)
{
    return MINKE_SCTP_DATA_HEADER_BYTES + (((size_t)len + 3) & ~(size_t)3) <= minke__writer_left(packet->w);
}

static bool write_again(minke_sctp_t *sctp, packet_t *packet, uint64_t tsn)
{
    minke_flight_t *flight = &sctp->out.flight;
    minke_sent_t *sent = minke__flight_at(flight, tsn);
    if (!fits(packet, sent->len)) return false;
    minke__flight_resent(flight, tsn, packet->number, packet->now);
    write_chunk(sctp, packet, sent, tsn);
    sctp->out.last_resent_at = packet->now;
    sctp->out.retransmitted++;
    sctp->env->counters->sctp_data_retransmitted++;
    return true;
}

/* What a chunk gets of the room: all of it, or, where chunks must be smaller, an equal share, so that the last one
 * fills the packet exactly. */
static uint32_t share_of(const minke_sctp_t *sctp, uint32_t room)
{
    const uint32_t whole = minke__sctp_chunk_max(sctp) + MINKE_SCTP_DATA_HEADER_BYTES;
    const uint32_t chunks = (room + whole - 1) / whole;
    return (room / chunks - MINKE_SCTP_DATA_HEADER_BYTES) & ~3u;
}

/* How much of the message goes into this packet; 0: nothing. */
static uint32_t cut(const minke_sctp_t *sctp, const packet_t *packet)
{
    const size_t room = minke__writer_left(packet->w);
    if (room <= MINKE_SCTP_DATA_HEADER_BYTES) return 0;
    const uint32_t left = left_of_message(sctp), space = share_of(sctp, (uint32_t)room);
    if (left <= space) return left;
    return space >= FRAGMENT_MIN ? space : 0;
}

static bool write_new(minke_sctp_t *sctp, packet_t *packet)
{
    const uint32_t len = cut(sctp, packet);
    if (len == 0 || !remote_has_room(sctp, len) || !minke__flight_may_grow(&sctp->out.flight)) return false;
    minke_message_t *message = sctp->out.message;
    minke_sctp_out_stream_t *stream = minke__sctp_need_out_stream(sctp, message->stream_id);
    if (stream == NULL || minke__flight_reserve(&sctp->out.flight) < 0) {
        no_memory(sctp, packet->now);
        return false;
    }
    if (outstanding(sctp) + len > sctp->out.peer_window) sctp->out.window_probe = true;
    const bool first = sctp->out.offset == 0, last = len == left_of_message(sctp);
    if (first) sctp->out.ssn = stream->next_ssn++;
    const uint64_t tsn = sctp->out.flight.next;
    minke_sent_t *sent = minke__flight_push(&sctp->out.flight, (uint16_t)len, packet->number, packet->now);
    sent->message = message;
    sent->offset = sctp->out.offset;
    sent->ssn = sctp->out.ssn;
    sent->flags = (uint8_t)((first ? MINKE_DATA_BEGIN : 0) | (last ? MINKE_DATA_END : 0));
    stream->last_tsn = tsn;
    message->chunks_n++;
    sctp->out.offset += len;
    if (last) sctp->out.message = NULL;
    write_chunk(sctp, packet, sent, tsn);
    return true;
}

static bool write_all_new(minke_sctp_t *sctp, packet_t *packet)
{
    bool any = false;
    while (!minke__sctp_ended(sctp) && new_data_ready(sctp) && write_new(sctp, packet)) any = true;
    return any;
}

/* RFC 8985 7.3: new data if there is any, else the newest that flies. Its SACK tells what is missing before it. */
static bool write_probe(minke_sctp_t *sctp, packet_t *packet)
{
    if (write_all_new(sctp, packet)) return true;
    const uint64_t tsn = sctp->out.flight.flying.last;
    if (tsn == 0 || !write_again(sctp, packet, tsn)) return false;
    sctp->out.recovery.probe_tsn = tsn;
    sctp->out.recovery.probe_packet = packet->number;
    sctp->out.recovery.probed_at = packet->now;
    return true;
}

static void write_chunks(minke_sctp_t *sctp, packet_t *packet)
{
    const minke_flight_t *flight = &sctp->out.flight;
    const bool window_open = flight->in_flight < flight_max(sctp);
    bool any = false;
    while (flight->lost.first != 0 && write_again(sctp, packet, flight->lost.first)) any = true;
    if (flight->lost.first == 0 && window_open && write_all_new(sctp, packet)) any = true;
    if (!any && flight->lost.first == 0 && sctp->out.probe_due) any = write_probe(sctp, packet);
    if (any) sctp->out.probe_due = false;
}

void minke__sctp_note_limits(minke_sctp_t *sctp)
{
    const minke_flight_t *flight = &sctp->out.flight;
    if (flight->in_flight >= sctp->out.congestion.window || flight->lost.first != 0) return;
    const bool nothing = sctp->out.message == NULL && sctp->out.user_empty;
    if (nothing || !remote_has_room(sctp, minke__sctp_payload_max(sctp))) {
        minke__delivery_limited(&sctp->out.delivery, flight->in_flight);
    }
}

/* For the model of the path. */
static void note_sent(minke_sctp_t *sctp, uint32_t bytes, minke_time_t now)
{
    const minke_flight_t *flight = &sctp->out.flight;
    const uint64_t oldest =
        flight->flying.first != 0 ? minke__flight_at(flight, flight->flying.first)->packet : sctp->out.packets;
    minke__delivery_sent(&sctp->out.delivery, sctp->out.packets, oldest, bytes, flight->in_flight, now);
}

/* RFC 9260 7.2.1 */
static void note_idle(minke_sctp_t *sctp, minke_time_t now)
{
    minke_congestion_t *congestion = &sctp->out.congestion;
    if (!minke__flight_empty(&sctp->out.flight) || sctp->out.last_sent_at == 0) return;
    minke__congestion_on_idle(congestion, minke__sctp_since(sctp->out.last_sent_at, now),
                              minke__rtt_base_timeout(&sctp->out.rtt));
    if (congestion->algorithm->on_restart != NULL) congestion->algorithm->on_restart(congestion, now);
}

/* Nothing follows soon: ask for the SACK now, it would be delayed otherwise (RFC 9260 6.2, RFC 7053). */
static bool is_last_for_now(minke_sctp_t *sctp, minke_time_t now)
{
    enum { SOON = 5000 };
    if (minke__sctp_data_ready(sctp, now)) return false;
    const minke_time_t next = sctp->timers[MINKE_TIMER_PACE];
    return next == MINKE_TIME_NEVER || next > now + SOON;
}

void minke__sctp_write_data(minke_sctp_t *sctp, minke_writer_t *w, minke_time_t now)
{
    packet_t packet = {.w = w, .number = sctp->out.packets + 1, .now = now};
    note_idle(sctp, now);
    write_chunks(sctp, &packet);
    if (packet.flags_at == 0) return;
    sctp->out.packets++;
    sctp->out.last_sent_at = now;
    minke__pacer_sent(&sctp->out.pacer, packet.bytes);
    if (sctp->out.congestion.algorithm->modelled) note_sent(sctp, packet.bytes, now);
    minke__reduction_sent(&sctp->out.recovery.reduction, packet.bytes);
    minke__sctp_timers_data_sent(sctp, now);
    if (is_last_for_now(sctp, now)) w->data[packet.flags_at] |= MINKE_DATA_IMMEDIATE;
}
