#include "signalling/message.h"

#include "pb/pb.h"

enum { TYPE = 1, DATA = 2 };

static minke_signalling_type_t type_of(uint64_t value)
{
    return value <= MINKE_SIGNALLING_ICE_DONE ? (minke_signalling_type_t)value : MINKE_SIGNALLING_OTHER;
}

int minke__signalling_read(const uint8_t *message, size_t len, minke_signalling_message_t *out)
{
    *out = (minke_signalling_message_t){.type = MINKE_SIGNALLING_OTHER};
    if (len > MINKE_SIGNALLING_MESSAGE_MAX) return MINKE_ERROR_MALFORMED;
    minke_reader_t r = minke__reader(message, len);
    for (minke_pb_field_t field; minke__pb_next(&r, &field);) {
        if (field.number == TYPE && field.wire_type == MINKE_PB_VARINT) out->type = type_of(field.value);
        if (field.number == DATA && field.wire_type == MINKE_PB_BYTES) {
            out->data = (minke_slice_t){field.bytes, field.len};
        }
    }
    return r.failed ? MINKE_ERROR_MALFORMED : MINKE_OK;
}

int minke__signalling_write(const minke_signalling_message_t *message, minke_writer_t *out)
{
    enum { TYPE_LEN = 2 };
    const bool has_data = message->data.data != NULL;
    if (message->type < MINKE_SIGNALLING_SDP_OFFER || message->type > MINKE_SIGNALLING_ICE_CANDIDATE) {
        return MINKE_ERROR_INVALID;
    }
    if (has_data && message->data.len > MINKE_SIGNALLING_SEND_MAX) return MINKE_ERROR_TOO_LARGE;
    const size_t len = TYPE_LEN + (has_data ? minke__pb_bytes_size(DATA, message->data.len) : 0);
    if (len > MINKE_SIGNALLING_SEND_MAX) return MINKE_ERROR_TOO_LARGE;
    if (minke__uvarint_len(len) + len > minke__writer_left(out)) return MINKE_ERROR_NO_SPACE;
    minke__write_uvarint(out, len);
    minke__pb_write_varint(out, TYPE, (uint64_t)message->type);
    if (has_data) minke__pb_write_bytes(out, DATA, message->data.data, message->data.len);
    return MINKE_OK;
}
