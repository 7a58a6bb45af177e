#include "relay/message.h"

#include "pb/pb.h"

/* The field numbers of one of the two messages; 0: it has no such field. */
typedef struct numbers {
    uint32_t peer, reservation, limit, status;
} numbers_t;

static const numbers_t hop = {.peer = 2, .reservation = 3, .limit = 4, .status = 5};
static const numbers_t stop = {.peer = 2, .limit = 3, .status = 4};

enum { TYPE = 1 };
enum { PEER_ID = 1, PEER_ADDRESS = 2 };
enum { RESERVATION_EXPIRE = 1, RESERVATION_ADDRESS = 2, RESERVATION_VOUCHER = 3 };
enum { LIMIT_SECONDS = 1, LIMIT_BYTES = 2 };

/* ---- reading */

static void append(minke_slice_t *list, size_t *n, const minke_pb_field_t *field)
{
    if (*n < MINKE_RELAY_ADDRESSES_MAX) list[(*n)++] = (minke_slice_t){field->bytes, field->len};
}

static bool is(const minke_pb_field_t *field, uint32_t number, uint8_t wire_type)
{
    return field->number == number && field->wire_type == wire_type;
}

static bool read_peer(const minke_pb_field_t *field, minke_relay_peer_t *peer)
{
    minke_reader_t r = minke__reader(field->bytes, field->len);
    for (minke_pb_field_t inner; minke__pb_next(&r, &inner);) {
        if (is(&inner, PEER_ADDRESS, MINKE_PB_BYTES)) append(peer->addresses, &peer->addresses_n, &inner);
        if (!is(&inner, PEER_ID, MINKE_PB_BYTES)) continue;
        if (!minke__peer_id_from_bytes(inner.bytes, inner.len, &peer->id)) return false;
    }
    return !r.failed;
}

static bool read_reservation(const minke_pb_field_t *field, minke_relay_reservation_t *reservation)
{
    minke_reader_t r = minke__reader(field->bytes, field->len);
    reservation->present = true;
    for (minke_pb_field_t inner; minke__pb_next(&r, &inner);) {
        if (is(&inner, RESERVATION_EXPIRE, MINKE_PB_VARINT)) reservation->expire = inner.value;
        if (is(&inner, RESERVATION_ADDRESS, MINKE_PB_BYTES)) {
            append(reservation->addresses, &reservation->addresses_n, &inner);
        }
        if (is(&inner, RESERVATION_VOUCHER, MINKE_PB_BYTES)) {
            reservation->voucher = (minke_slice_t){inner.bytes, inner.len};
        }
    }
    return !r.failed;
}

static bool read_limit(const minke_pb_field_t *field, minke_relay_limit_t *limit)
{
    minke_reader_t r = minke__reader(field->bytes, field->len);
    limit->present = true;
    for (minke_pb_field_t inner; minke__pb_next(&r, &inner);) {
        if (is(&inner, LIMIT_BYTES, MINKE_PB_VARINT)) limit->bytes = inner.value;
        /* Cutting it to 32 bits, as protobuf does, could make "none" of a large one. */
        if (is(&inner, LIMIT_SECONDS, MINKE_PB_VARINT)) {
            limit->seconds = inner.value < UINT32_MAX ? (uint32_t)inner.value : UINT32_MAX;
        }
    }
    return !r.failed;
}

static bool take_field(const numbers_t *numbers, const minke_pb_field_t *field, minke_relay_message_t *out)
{
    if (field->wire_type == MINKE_PB_VARINT) {
        if (field->number == TYPE) out->type = field->value;
        if (field->number == numbers->status) out->status = field->value;
        return true;
    }
    if (field->wire_type != MINKE_PB_BYTES) return true; /* protobuf takes it for an unknown field */
    if (field->number == numbers->peer) return read_peer(field, &out->peer);
    if (field->number == numbers->limit) return read_limit(field, &out->limit);
    if (field->number == numbers->reservation) return read_reservation(field, &out->reservation);
    return true;
}

static int read_message(const numbers_t *numbers, const uint8_t *data, size_t len, minke_relay_message_t *out)
{
    *out = (minke_relay_message_t){0};
    if (len > MINKE_RELAY_MESSAGE_MAX) return MINKE_ERROR_MALFORMED;
    minke_reader_t r = minke__reader(data, len);
    for (minke_pb_field_t field; minke__pb_next(&r, &field);) {
        if (!take_field(numbers, &field, out)) return MINKE_ERROR_MALFORMED;
    }
    return r.failed ? MINKE_ERROR_MALFORMED : MINKE_OK;
}

int minke__hop_read(const uint8_t *data, size_t len, minke_relay_message_t *out)
{
    return read_message(&hop, data, len, out);
}

int minke__stop_read(const uint8_t *data, size_t len, minke_relay_message_t *out)
{
    return read_message(&stop, data, len, out);
}

/* ---- writing */

static size_t varint_size(uint32_t number, uint64_t value)
{
    return minke__uvarint_len((uint64_t)number << 3) + minke__uvarint_len(value);
}

static size_t list_size(uint32_t number, const minke_slice_t *list, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++) size += minke__pb_bytes_size(number, list[i].len);
    return size;
}

static void write_list(minke_writer_t *w, uint32_t number, const minke_slice_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++) minke__pb_write_bytes(w, number, list[i].data, list[i].len);
}

static void write_peer(minke_writer_t *w, uint32_t number, const minke_relay_peer_t *peer)
{
    minke__pb_write_bytes_head(w, number,
                               minke__pb_bytes_size(PEER_ID, peer->id.len) +
                                   list_size(PEER_ADDRESS, peer->addresses, peer->addresses_n));
    minke__pb_write_bytes(w, PEER_ID, peer->id.bytes, peer->id.len);
    write_list(w, PEER_ADDRESS, peer->addresses, peer->addresses_n);
}

static void write_reservation(minke_writer_t *w, uint32_t number, const minke_relay_reservation_t *reservation)
{
    const bool has_voucher = reservation->voucher.data != NULL;
    size_t size = varint_size(RESERVATION_EXPIRE, reservation->expire);
    size += list_size(RESERVATION_ADDRESS, reservation->addresses, reservation->addresses_n);
    if (has_voucher) size += minke__pb_bytes_size(RESERVATION_VOUCHER, reservation->voucher.len);
    minke__pb_write_bytes_head(w, number, size);
    minke__pb_write_varint(w, RESERVATION_EXPIRE, reservation->expire);
    write_list(w, RESERVATION_ADDRESS, reservation->addresses, reservation->addresses_n);
    if (has_voucher) {
        minke__pb_write_bytes(w, RESERVATION_VOUCHER, reservation->voucher.data, reservation->voucher.len);
    }
}

static void write_limit(minke_writer_t *w, uint32_t number, const minke_relay_limit_t *limit)
{
    size_t size = limit->seconds != 0 ? varint_size(LIMIT_SECONDS, limit->seconds) : 0;
    if (limit->bytes != 0) size += varint_size(LIMIT_BYTES, limit->bytes);
    minke__pb_write_bytes_head(w, number, size);
    if (limit->seconds != 0) minke__pb_write_varint(w, LIMIT_SECONDS, limit->seconds);
    if (limit->bytes != 0) minke__pb_write_varint(w, LIMIT_BYTES, limit->bytes);
}

static int write_message(const numbers_t *numbers, const minke_relay_message_t *message, minke_writer_t *out)
{
    uint8_t body[MINKE_RELAY_MESSAGE_MAX];
    minke_writer_t w = minke__writer(body, sizeof body);
    minke__pb_write_varint(&w, TYPE, message->type);
    if (message->peer.id.len != 0) write_peer(&w, numbers->peer, &message->peer);
    if (message->reservation.present && numbers->reservation != 0) {
        write_reservation(&w, numbers->reservation, &message->reservation);
    }
    if (message->limit.present) write_limit(&w, numbers->limit, &message->limit);
    if (message->status != 0) minke__pb_write_varint(&w, numbers->status, message->status);
    if (w.failed) return MINKE_ERROR_TOO_LARGE;
    if (minke__uvarint_len(w.len) + w.len > minke__writer_left(out)) return MINKE_ERROR_NO_SPACE;
    minke__write_uvarint(out, w.len);
    minke__write_bytes(out, body, w.len);
    return MINKE_OK;
}

int minke__hop_write(const minke_relay_message_t *message, minke_writer_t *out)
{
    return write_message(&hop, message, out);
}

int minke__stop_write(const minke_relay_message_t *message, minke_writer_t *out)
{
    return write_message(&stop, message, out);
}
