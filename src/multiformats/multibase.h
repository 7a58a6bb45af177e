/*
 * Multibase: bytes in text, told apart by the first letter (https://github.com/multiformats/multibase). Decoding is
 * strict: one text for one run of bytes, so wrong padding and non-zero bits beyond the last byte are refused.
 */
#ifndef MINKE_MULTIFORMATS_MULTIBASE_H
#define MINKE_MULTIFORMATS_MULTIBASE_H

#include <minke/types.h>

/* The bases that we know, by their letter. */
enum {
    MINKE_BASE16 = 'f',
    MINKE_BASE16_UPPER = 'F',
    MINKE_BASE32 = 'b',
    MINKE_BASE32_UPPER = 'B',
    MINKE_BASE36 = 'k',
    MINKE_BASE36_UPPER = 'K',
    MINKE_BASE58BTC = 'z',
    MINKE_BASE64 = 'm',
    MINKE_BASE64_PADDED = 'M',
    MINKE_BASE64URL = 'u',
    MINKE_BASE64URL_PADDED = 'U'
};

/* `base` says which; the text has no letter in front. Not terminated. Return the length; MINKE_ERROR_NO_SPACE,
 * MINKE_ERROR_UNSUPPORTED (unknown base) or, decoding, MINKE_ERROR_MALFORMED. Bases 36 and 58 take time that is
 * quadratic in the capacity, so keep that small. */
MINKE_MUST_USE ssize_t minke__base_encode(char base, const uint8_t *data, size_t len, char *out, size_t capacity);
MINKE_MUST_USE ssize_t minke__base_decode(char base, const char *text, size_t len, uint8_t *out, size_t capacity);

/* The same with the letter in front. */
MINKE_MUST_USE ssize_t minke__multibase_encode(char base, const uint8_t *data, size_t len, char *out, size_t capacity);
MINKE_MUST_USE ssize_t minke__multibase_decode(const char *text, size_t len, uint8_t *out, size_t capacity);

#endif
