/* Walks a protobuf message, writes its varints and bytes again in their shortest form and reads that: the same. */
#include <assert.h>
#include <string.h>

#include "pb/pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 4096 };

static size_t write_again(const uint8_t *data, size_t size, uint8_t *out)
{
    minke_reader_t r = minke__reader(data, size);
    minke_writer_t w = minke__writer(out, LARGEST);
    minke_pb_field_t field;
    while (minke__pb_next(&r, &field)) {
        assert(field.number > 0);
        if (field.wire_type == MINKE_PB_VARINT) minke__pb_write_varint(&w, field.number, field.value);
        if (field.wire_type != MINKE_PB_BYTES) continue;
        assert(field.bytes >= data && field.len <= (size_t)(data + size - field.bytes));
        const size_t before = w.len;
        minke__pb_write_bytes(&w, field.number, field.bytes, field.len);
        assert(w.len - before == minke__pb_bytes_size(field.number, field.len));
    }
    assert(r.failed || minke__reader_done(&r));
    assert(!w.failed); /* the shortest form is no longer than what was read */
    return w.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t once[LARGEST], twice[LARGEST];
    if (size > LARGEST) return 0;
    const size_t len = write_again(data, size, once);
    assert(write_again(once, len, twice) == len);
    assert(memcmp(once, twice, len) == 0);
    return 0;
}
