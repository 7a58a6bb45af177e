/*
 * The wire cursors: every byte that is parsed or written goes through one of these two.
 *
 * Both are sticky: after the first read past the end, or write past the capacity, `failed` is set and everything that
 * follows does nothing (reads give zero or NULL). So a parser reads a whole structure and asks once, at the end.
 */
#ifndef MINKE_BASE_WIRE_H
#define MINKE_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to somebody else: mostly a piece of the message that it was read from. NULL: absent. */
typedef struct minke_slice {
    const uint8_t *data;
    size_t len;
} minke_slice_t;

typedef struct minke_reader {
    const uint8_t *data; /* the whole input */
    size_t len;
    size_t at; /* next byte to read; never above len */
    bool failed;
} minke_reader_t;

/* An input that is not there is an empty one; NULL from a read means failure alone. */
static inline minke_reader_t minke__reader(const void *data, size_t len)
{
    static const uint8_t nothing[1];
    return (minke_reader_t){data != NULL ? data : nothing, len, 0, false};
}
static inline size_t minke__reader_left(const minke_reader_t *r) { return r->failed ? 0 : r->len - r->at; }
/* All bytes read and no failure. */
static inline bool minke__reader_done(const minke_reader_t *r) { return !r->failed && r->at == r->len; }

/* `len` bytes in place, or NULL (and failed). */
static inline const uint8_t *minke__read_bytes(minke_reader_t *r, size_t len)
{
    if (r->failed || len > r->len - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *bytes = r->data + r->at;
    r->at += len;
    return bytes;
}

/* Big-endian, as all of these. Spelt out, because each is one load then, and a packet has twenty of them. */
static inline uint32_t minke__load_u16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static inline uint32_t minke__load_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
static inline uint8_t minke__read_u8(minke_reader_t *r)
{
    const uint8_t *at = minke__read_bytes(r, 1);
    return at != NULL ? at[0] : 0;
}
static inline uint16_t minke__read_u16(minke_reader_t *r)
{
    const uint8_t *at = minke__read_bytes(r, 2);
    return at != NULL ? (uint16_t)minke__load_u16(at) : 0;
}
static inline uint32_t minke__read_u24(minke_reader_t *r)
{
    const uint8_t *at = minke__read_bytes(r, 3);
    return at != NULL ? minke__load_u16(at) << 8 | at[2] : 0;
}
static inline uint32_t minke__read_u32(minke_reader_t *r)
{
    const uint8_t *at = minke__read_bytes(r, 4);
    return at != NULL ? minke__load_u32(at) : 0;
}
static inline uint64_t minke__read_u48(minke_reader_t *r)
{
    const uint8_t *at = minke__read_bytes(r, 6);
    return at != NULL ? (uint64_t)minke__load_u16(at) << 32 | minke__load_u32(at + 2) : 0;
}
static inline uint64_t minke__read_u64(minke_reader_t *r)
{
    const uint8_t *at = minke__read_bytes(r, 8);
    return at != NULL ? (uint64_t)minke__load_u32(at) << 32 | minke__load_u32(at + 4) : 0;
}
/* LEB128 of at most 9 bytes (63 bits), minimal encoding required (multiformats/unsigned-varint). */
uint64_t minke__read_uvarint(minke_reader_t *r);
/* A reader of the next `len` bytes, which are skipped here. It is failed if they are not there. */
minke_reader_t minke__read_sub(minke_reader_t *r, size_t len);

typedef struct minke_writer {
    uint8_t *data;
    size_t capacity;
    size_t len; /* written so far; never above capacity */
    bool failed;
} minke_writer_t;

static inline minke_writer_t minke__writer(void *data, size_t capacity)
{
    static uint8_t nowhere;
    return (minke_writer_t){data != NULL ? data : &nowhere, capacity, 0, false};
}
static inline size_t minke__writer_left(const minke_writer_t *w) { return w->failed ? 0 : w->capacity - w->len; }

/* Room for `len` bytes that the caller fills in now, or NULL (and failed). */
static inline uint8_t *minke__write_space(minke_writer_t *w, size_t len)
{
    if (w->failed || len > w->capacity - w->len) {
        w->failed = true;
        return NULL;
    }
    uint8_t *space = w->data + w->len;
    w->len += len;
    return space;
}

static inline void minke__store_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}
static inline void minke__store_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}
static inline void minke__write_u8(minke_writer_t *w, uint8_t value)
{
    uint8_t *at = minke__write_space(w, 1);
    if (at != NULL) at[0] = value;
}
static inline void minke__write_u16(minke_writer_t *w, uint16_t value)
{
    uint8_t *at = minke__write_space(w, 2);
    if (at != NULL) minke__store_u16(at, value);
}
static inline void minke__write_u24(minke_writer_t *w, uint32_t value)
{
    uint8_t *at = minke__write_space(w, 3);
    if (at == NULL) return;
    minke__store_u16(at, value >> 8);
    at[2] = (uint8_t)value;
}
static inline void minke__write_u32(minke_writer_t *w, uint32_t value)
{
    uint8_t *at = minke__write_space(w, 4);
    if (at != NULL) minke__store_u32(at, value);
}
static inline void minke__write_u48(minke_writer_t *w, uint64_t value)
{
    uint8_t *at = minke__write_space(w, 6);
    if (at == NULL) return;
    minke__store_u16(at, (uint32_t)(value >> 32));
    minke__store_u32(at + 2, (uint32_t)value);
}
static inline void minke__write_u64(minke_writer_t *w, uint64_t value)
{
    uint8_t *at = minke__write_space(w, 8);
    if (at == NULL) return;
    minke__store_u32(at, (uint32_t)(value >> 32));
    minke__store_u32(at + 4, (uint32_t)value);
}
void minke__write_uvarint(minke_writer_t *w, uint64_t value);
void minke__write_bytes(minke_writer_t *w, const void *bytes, size_t len);
void minke__write_zeros(minke_writer_t *w, size_t len);
void minke__write_text(minke_writer_t *w, const char *text);  /* without its terminator */
void minke__write_decimal(minke_writer_t *w, uint64_t value); /* as text */
/* Overwrites two bytes written earlier: a length that is known at the end. */
void minke__patch_u16(minke_writer_t *w, size_t at, uint16_t value);
/* Ends text with a zero byte that is not counted in len; cuts the last character off if there is no room. */
void minke__write_terminator(minke_writer_t *w);

/* How many bytes the uvarint of `value` takes. */
size_t minke__uvarint_len(uint64_t value);

#endif
