#include "base/wire.h"

#include <assert.h>
#include <string.h>

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
