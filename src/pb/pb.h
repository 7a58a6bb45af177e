/*
 * Protobuf wire format by hand: just what ten small messages need (proto2, no groups). Writing is one call per field;
 * reading walks the fields and lets a switch pick.
 */
#ifndef MINKE_PB_PB_H
#define MINKE_PB_PB_H

#include "base/wire.h"

enum { MINKE_PB_VARINT = 0, MINKE_PB_FIXED64 = 1, MINKE_PB_BYTES = 2, MINKE_PB_FIXED32 = 5 };

typedef struct minke_pb_field {
    uint32_t number;
    uint8_t wire_type;    /* MINKE_PB_* */
    uint64_t value;       /* varint, fixed */
    const uint8_t *bytes; /* into the input */
    size_t len;
} minke_pb_field_t;

/* The next field; false at the end or when malformed (then r->failed is set). Varints may have up to 10 bytes and need
 * not be minimal, as in protobuf and unlike multiformats. */
bool minke__pb_next(minke_reader_t *r, minke_pb_field_t *field);
void minke__pb_write_varint(minke_writer_t *w, uint32_t number, uint64_t value);
void minke__pb_write_bytes(minke_writer_t *w, uint32_t number, const void *bytes, size_t len);
/* Tag and length of a bytes field whose content the caller writes next. */
void minke__pb_write_bytes_head(minke_writer_t *w, uint32_t number, size_t len);
/* Size of such a field, tag and length included. */
size_t minke__pb_bytes_size(uint32_t number, size_t len);

#endif
