#include "host/identify_message.h"

#include "pb/pb.h"

/* Field numbers; 7 was never used. */
enum {
    PUBLIC_KEY = 1,
    LISTEN_ADDRESS = 2,
    PROTOCOL = 3,
    OBSERVED_ADDRESS = 4,
    PROTOCOL_VERSION = 5,
    AGENT_VERSION = 6,
    SIGNED_PEER_RECORD = 8
};

/* As many as go reads before it gives up. */
enum { MESSAGES_MAX = 10 };

static void write_slice(minke_writer_t *out, uint32_t number, minke_slice_t slice)
{
    if (slice.data != NULL) minke__pb_write_bytes(out, number, slice.data, slice.len);
}

static void write_slices(minke_writer_t *out, uint32_t number, const minke_slice_t *slices, size_t n)
{
    for (size_t i = 0; i < n; i++) write_slice(out, number, slices[i]);
}

int minke__identify_write(const minke_identify_t *identify, minke_writer_t *out)
{
    if (out->failed) return MINKE_ERROR_NO_SPACE;
    minke_writer_t w = minke__writer(out->data + out->len, minke__writer_left(out));
    write_slice(&w, PUBLIC_KEY, identify->public_key);
    write_slices(&w, LISTEN_ADDRESS, identify->listen_addresses, identify->listen_addresses_n);
    write_slices(&w, PROTOCOL, identify->protocols, identify->protocols_n);
    write_slice(&w, OBSERVED_ADDRESS, identify->observed_address);
    write_slice(&w, PROTOCOL_VERSION, identify->protocol_version);
    write_slice(&w, AGENT_VERSION, identify->agent_version);
    write_slice(&w, SIGNED_PEER_RECORD, identify->signed_peer_record);
    if (w.failed) return MINKE_ERROR_NO_SPACE;
    out->len += w.len;
    return MINKE_OK;
}

static void append(minke_slice_t *list, size_t *n, size_t max, minke_slice_t slice)
{
    if (*n < max) list[(*n)++] = slice;
}

static void take_field(const minke_pb_field_t *field, minke_identify_t *out)
{
    if (field->wire_type != MINKE_PB_BYTES)
        return; /* ours are all of bytes; protobuf takes others for unknown fields */
    const minke_slice_t slice = {field->bytes, field->len};
    switch (field->number) {
    case PUBLIC_KEY: out->public_key = slice; break;
    case LISTEN_ADDRESS:
        append(out->listen_addresses, &out->listen_addresses_n, MINKE_IDENTIFY_ADDRESSES_MAX, slice);
        break;
    case PROTOCOL: append(out->protocols, &out->protocols_n, MINKE_IDENTIFY_PROTOCOLS_MAX, slice); break;
    case OBSERVED_ADDRESS: out->observed_address = slice; break;
    case PROTOCOL_VERSION: out->protocol_version = slice; break;
    case AGENT_VERSION: out->agent_version = slice; break;
    case SIGNED_PEER_RECORD: out->signed_peer_record = slice; break;
    default: break;
    }
}

static bool read_message(minke_reader_t *message, minke_identify_t *out)
{
    minke_pb_field_t field;
    while (minke__pb_next(message, &field)) take_field(&field, out);
    return !message->failed;
}

int minke__identify_read(const uint8_t *data, size_t len, minke_identify_t *out)
{
    *out = (minke_identify_t){0};
    if (len > MINKE_IDENTIFY_MAX) return MINKE_ERROR_MALFORMED;
    minke_reader_t r = minke__reader(data, len);
    for (int n = 0; minke__reader_left(&r) > 0; n++) {
        if (n == MESSAGES_MAX) return MINKE_ERROR_MALFORMED;
        const uint64_t message_len = minke__read_uvarint(&r);
        if (message_len > minke__reader_left(&r)) return MINKE_ERROR_MALFORMED;
        minke_reader_t message = minke__read_sub(&r, (size_t)message_len);
        if (!read_message(&message, out)) return MINKE_ERROR_MALFORMED;
    }
    return r.failed ? MINKE_ERROR_MALFORMED : MINKE_OK;
}

int minke__identify_read_one(const uint8_t *data, size_t len, minke_identify_t *out)
{
    *out = (minke_identify_t){0};
    minke_reader_t message = minke__reader(data, len);
    return read_message(&message, out) ? MINKE_OK : MINKE_ERROR_MALFORMED;
}
