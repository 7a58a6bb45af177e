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

typedef struct minke_reader {
    const uint8_t *data; /* the whole input */
    size_t len;
    size_t at; /* next byte to read; never above len */
    bool failed;
} minke_reader_t;

minke_reader_t minke__reader(const void *data, size_t len);
static inline size_t minke__reader_left(const minke_reader_t *r) { return r->failed ? 0 : r->len - r->at; }
/* All bytes read and no failure. */
static inline bool minke__reader_done(const minke_reader_t *r) { return !r->failed && r->at == r->len; }
uint8_t minke__read_u8(minke_reader_t *r);
uint16_t minke__read_u16(minke_reader_t *r); /* big-endian, as all of these */
uint32_t minke__read_u24(minke_reader_t *r);
uint32_t minke__read_u32(minke_reader_t *r);
uint64_t minke__read_u48(minke_reader_t *r);
uint64_t minke__read_u64(minke_reader_t *r);
/* LEB128 of at most 9 bytes (63 bits), minimal encoding required (multiformats/unsigned-varint). */
uint64_t minke__read_uvarint(minke_reader_t *r);
/* `len` bytes in place, or NULL (and failed). */
const uint8_t *minke__read_bytes(minke_reader_t *r, size_t len);
/* A reader of the next `len` bytes, which are skipped here. It is failed if they are not there. */
minke_reader_t minke__read_sub(minke_reader_t *r, size_t len);

typedef struct minke_writer {
    uint8_t *data;
    size_t capacity;
    size_t len; /* written so far; never above capacity */
    bool failed;
} minke_writer_t;

minke_writer_t minke__writer(void *data, size_t capacity);
static inline size_t minke__writer_left(const minke_writer_t *w) { return w->failed ? 0 : w->capacity - w->len; }
void minke__write_u8(minke_writer_t *w, uint8_t value);
void minke__write_u16(minke_writer_t *w, uint16_t value);
void minke__write_u24(minke_writer_t *w, uint32_t value);
void minke__write_u32(minke_writer_t *w, uint32_t value);
void minke__write_u48(minke_writer_t *w, uint64_t value);
void minke__write_u64(minke_writer_t *w, uint64_t value);
void minke__write_uvarint(minke_writer_t *w, uint64_t value);
void minke__write_bytes(minke_writer_t *w, const void *bytes, size_t len);
void minke__write_zeros(minke_writer_t *w, size_t len);
void minke__write_text(minke_writer_t *w, const char *text);  /* without its terminator */
void minke__write_decimal(minke_writer_t *w, uint64_t value); /* as text */
/* Room for `len` bytes that the caller fills in now, or NULL (and failed). */
uint8_t *minke__write_space(minke_writer_t *w, size_t len);
/* Overwrites two bytes written earlier: a length that is known at the end. */
void minke__patch_u16(minke_writer_t *w, size_t at, uint16_t value);
/* Ends text with a zero byte that is not counted in len; cuts the last character off if there is no room. */
void minke__write_terminator(minke_writer_t *w);

/* How many bytes the uvarint of `value` takes. */
size_t minke__uvarint_len(uint64_t value);

#endif
