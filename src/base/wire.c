#include "base/wire.h"

#include <assert.h>
#include <string.h>

minke_reader_t minke__reader(const void *data, size_t len)
{
    /* An input that is not there is an empty one; NULL from a read must mean failure alone. */
    static const uint8_t nothing[1];
    return (minke_reader_t){data != NULL ? data : nothing, len, 0, false};
}

const uint8_t *minke__read_bytes(minke_reader_t *r, size_t len)
{
    if (r->failed || len > r->len - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *bytes = r->data + r->at;
    r->at += len;
    return bytes;
}

static uint64_t read_big_endian(minke_reader_t *r, size_t len)
{
    const uint8_t *bytes = minke__read_bytes(r, len);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < len; i++) value = value << 8 | bytes[i];
    return value;
}

uint8_t minke__read_u8(minke_reader_t *r) { return (uint8_t)read_big_endian(r, 1); }
uint16_t minke__read_u16(minke_reader_t *r) { return (uint16_t)read_big_endian(r, 2); }
uint32_t minke__read_u24(minke_reader_t *r) { return (uint32_t)read_big_endian(r, 3); }
uint32_t minke__read_u32(minke_reader_t *r) { return (uint32_t)read_big_endian(r, 4); }
uint64_t minke__read_u48(minke_reader_t *r) { return read_big_endian(r, 6); }
uint64_t minke__read_u64(minke_reader_t *r) { return read_big_endian(r, 8); }

uint64_t minke__read_uvarint(minke_reader_t *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        const uint8_t byte = minke__read_u8(r);
        if (r->failed) return 0;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            if (byte == 0 && shift > 0) break; /* not minimal */
            return value;
        }
    }
    r->failed = true;
    return 0;
}

minke_reader_t minke__read_sub(minke_reader_t *r, size_t len)
{
    const uint8_t *bytes = minke__read_bytes(r, len);
    if (bytes == NULL) return (minke_reader_t){NULL, 0, 0, true};
    return minke__reader(bytes, len);
}

minke_writer_t minke__writer(void *data, size_t capacity)
{
    static uint8_t nowhere;
    return (minke_writer_t){data != NULL ? data : &nowhere, capacity, 0, false};
}

uint8_t *minke__write_space(minke_writer_t *w, size_t len)
{
    if (w->failed || len > w->capacity - w->len) {
        w->failed = true;
        return NULL;
    }
    uint8_t *space = w->data + w->len;
    w->len += len;
    return space;
}

static void write_big_endian(minke_writer_t *w, uint64_t value, size_t len)
{
    uint8_t *space = minke__write_space(w, len);
    if (space == NULL) return;
    for (size_t i = len; i > 0; i--) {
        space[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

void minke__write_u8(minke_writer_t *w, uint8_t value) { write_big_endian(w, value, 1); }
void minke__write_u16(minke_writer_t *w, uint16_t value) { write_big_endian(w, value, 2); }
void minke__write_u24(minke_writer_t *w, uint32_t value) { write_big_endian(w, value, 3); }
void minke__write_u32(minke_writer_t *w, uint32_t value) { write_big_endian(w, value, 4); }
void minke__write_u48(minke_writer_t *w, uint64_t value) { write_big_endian(w, value, 6); }
void minke__write_u64(minke_writer_t *w, uint64_t value) { write_big_endian(w, value, 8); }

void minke__write_uvarint(minke_writer_t *w, uint64_t value)
{
    while (value >= 0x80) {
        minke__write_u8(w, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    minke__write_u8(w, (uint8_t)value);
}

void minke__write_bytes(minke_writer_t *w, const void *bytes, size_t len)
{
    uint8_t *space = minke__write_space(w, len);
    if (space != NULL && len > 0) memcpy(space, bytes, len);
}

void minke__write_zeros(minke_writer_t *w, size_t len)
{
    uint8_t *space = minke__write_space(w, len);
    if (space != NULL && len > 0) memset(space, 0, len);
}

void minke__write_text(minke_writer_t *w, const char *text) { minke__write_bytes(w, text, strlen(text)); }

void minke__write_decimal(minke_writer_t *w, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[sizeof digits - ++n] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    minke__write_bytes(w, digits + sizeof digits - n, n);
}

void minke__patch_u16(minke_writer_t *w, size_t at, uint16_t value)
{
    if (w->failed) return;
    assert(w->len >= 2 && at <= w->len - 2);
    w->data[at] = (uint8_t)(value >> 8);
    w->data[at + 1] = (uint8_t)value;
}

void minke__write_terminator(minke_writer_t *w)
{
    if (w->capacity == 0) return;
    w->data[w->len < w->capacity ? w->len : w->capacity - 1] = 0;
}

size_t minke__uvarint_len(uint64_t value)
{
    size_t len = 1;
    while (value >= 0x80) {
        value >>= 7;
        len++;
    }
    return len;
}
