#include "pb/pb.h"

/* The tenth byte has room for one bit; a value beyond 64 bits is malformed, as in go, and not cut as in C++. */
static uint64_t read_varint(minke_reader_t *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const uint8_t byte = minke__read_u8(r);
        if (r->failed || (shift == 63 && byte > 1)) break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) return value;
    }
    r->failed = true;
    return 0;
}

static uint64_t read_little_endian(minke_reader_t *r, size_t len)
{
    const uint8_t *bytes = minke__read_bytes(r, len);
    uint64_t value = 0;
    for (size_t i = len; bytes != NULL && i > 0; i--) value = value << 8 | bytes[i - 1];
    return value;
}

static void read_length_delimited(minke_reader_t *r, minke_pb_field_t *field)
{
    const uint64_t len = read_varint(r);
    if (r->failed || len > minke__reader_left(r)) {
        r->failed = true;
        return;
    }
    field->len = (size_t)len;
    field->bytes = minke__read_bytes(r, field->len);
}

bool minke__pb_next(minke_reader_t *r, minke_pb_field_t *field)
{
    *field = (minke_pb_field_t){0};
    if (minke__reader_left(r) == 0) return false;
    const uint64_t tag = read_varint(r);
    /* Field numbers go from 1 to 2^29 - 1, so a tag fits 32 bits. */
    if (tag < 8 || tag > UINT32_MAX) r->failed = true;
    field->number = (uint32_t)(tag >> 3);
    field->wire_type = tag & 7;
    switch (field->wire_type) {
    case MINKE_PB_VARINT: field->value = read_varint(r); break;
    case MINKE_PB_FIXED64: field->value = read_little_endian(r, 8); break;
    case MINKE_PB_BYTES: read_length_delimited(r, field); break;
    case MINKE_PB_FIXED32: field->value = read_little_endian(r, 4); break;
    default: r->failed = true; /* groups: nobody has used them since proto2's youth */
    }
    return !r->failed;
}

static void write_tag(minke_writer_t *w, uint32_t number, unsigned wire_type)
{
    minke__write_uvarint(w, (uint64_t)number << 3 | wire_type);
}

void minke__pb_write_varint(minke_writer_t *w, uint32_t number, uint64_t value)
{
    write_tag(w, number, MINKE_PB_VARINT);
    minke__write_uvarint(w, value);
}

void minke__pb_write_bytes_head(minke_writer_t *w, uint32_t number, size_t len)
{
    write_tag(w, number, MINKE_PB_BYTES);
    minke__write_uvarint(w, len);
}

void minke__pb_write_bytes(minke_writer_t *w, uint32_t number, const void *bytes, size_t len)
{
    minke__pb_write_bytes_head(w, number, len);
    minke__write_bytes(w, bytes, len);
}

size_t minke__pb_bytes_size(uint32_t number, size_t len)
{
    return minke__uvarint_len((uint64_t)number << 3) + minke__uvarint_len(len) + len;
}
