#include "multiformats/multibase.h"

#include <string.h>

typedef struct base {
    char letter;
    char pad;     /* what fills the last group, or 0 */
    uint8_t bits; /* per digit; 0: the radix is not a power of two */
    const char *digits;
} base_t;

static const base_t bases[] = {
    {MINKE_BASE16, 0, 4, "0123456789abcdef"},
    {MINKE_BASE16_UPPER, 0, 4, "0123456789ABCDEF"},
    {MINKE_BASE32, 0, 5, "abcdefghijklmnopqrstuvwxyz234567"},
    {MINKE_BASE32_UPPER, 0, 5, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"},
    {MINKE_BASE36, 0, 0, "0123456789abcdefghijklmnopqrstuvwxyz"},
    {MINKE_BASE36_UPPER, 0, 0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {MINKE_BASE58BTC, 0, 0, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"},
    {MINKE_BASE64, 0, 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"},
    {MINKE_BASE64_PADDED, '=', 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"},
    {MINKE_BASE64URL, 0, 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"},
    {MINKE_BASE64URL_PADDED, '=', 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"},
};

static const base_t *base_of(char letter)
{
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        if (bases[i].letter == letter) return &bases[i];
    }
    return NULL;
}

static int digit_value(const base_t *base, char c)
{
    const char *digit = c != 0 ? strchr(base->digits, c) : NULL;
    return digit != NULL ? (int)(digit - base->digits) : -1;
}

static ssize_t encode_bits(const base_t *base, const uint8_t *data, size_t len, char *out, size_t capacity)
{
    size_t n = 0;
    unsigned held = 0, held_bits = 0;
    for (size_t i = 0; i < len || held_bits > 0;) {
        if (held_bits < base->bits) {
            held = i < len ? held << 8 | data[i] : held << (base->bits - held_bits);
            held_bits = i < len ? held_bits + 8 : base->bits;
            if (i < len) i++;
            continue;
        }
        if (n == capacity) return MINKE_ERROR_NO_SPACE;
        held_bits -= base->bits;
        out[n++] = base->digits[held >> held_bits];
        held &= (1u << held_bits) - 1;
    }
    while (base->pad != 0 && n % 4 != 0) {
        if (n == capacity) return MINKE_ERROR_NO_SPACE;
        out[n++] = base->pad;
    }
    return (ssize_t)n;
}

static ssize_t decode_bits(const base_t *base, const char *text, size_t len, uint8_t *out, size_t capacity)
{
    if (base->pad != 0) {
        if (len % 4 != 0) return MINKE_ERROR_MALFORMED;
        for (int i = 0; i < 2 && len > 0 && text[len - 1] == base->pad; i++) len--;
    }
    size_t n = 0;
    unsigned held = 0, held_bits = 0;
    for (size_t i = 0; i < len; i++) {
        const int value = digit_value(base, text[i]);
        if (value < 0) return MINKE_ERROR_MALFORMED;
        held = held << base->bits | (unsigned)value;
        held_bits += base->bits;
        if (held_bits < 8) continue;
        if (n == capacity) return MINKE_ERROR_NO_SPACE;
        held_bits -= 8;
        out[n++] = (uint8_t)(held >> held_bits);
        held &= (1u << held_bits) - 1;
    }
    /* A whole digit too many, or bits that no byte holds. */
    if (held_bits >= base->bits || held != 0) return MINKE_ERROR_MALFORMED;
    return (ssize_t)n;
}

/*
 * The other bases write the bytes as one big number, after one zero digit for each leading zero byte. Both directions
 * keep the number in `out`, least significant digit first, multiply and add, and turn it round at the end.
 */
static void reverse(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len / 2; i++) {
        const uint8_t byte = bytes[i];
        bytes[i] = bytes[len - 1 - i];
        bytes[len - 1 - i] = byte;
    }
}

/* number = number * factor + addend, in digits of `radix`; false: more than `capacity` of them. */
static bool multiply_add(uint8_t *number, size_t *len, size_t capacity, unsigned radix, unsigned factor,
                         unsigned addend)
{
    for (size_t i = 0; i < *len; i++) {
        addend += number[i] * factor;
        number[i] = (uint8_t)(addend % radix);
        addend /= radix;
    }
    while (addend > 0) {
        if (*len == capacity) return false;
        number[(*len)++] = (uint8_t)(addend % radix);
        addend /= radix;
    }
    return true;
}

static ssize_t encode_number(const base_t *base, const uint8_t *data, size_t len, char *out, size_t capacity)
{
    const unsigned radix = (unsigned)strlen(base->digits);
    uint8_t *number = (uint8_t *)out;
    size_t zeros = 0, n = 0;
    while (zeros < len && data[zeros] == 0) zeros++;
    if (zeros > capacity) return MINKE_ERROR_NO_SPACE;
    for (size_t i = zeros; i < len; i++) {
        if (!multiply_add(number, &n, capacity - zeros, radix, 256, data[i])) return MINKE_ERROR_NO_SPACE;
    }
    for (size_t i = 0; i < zeros; i++) number[n++] = 0;
    reverse(number, n);
    for (size_t i = 0; i < n; i++) out[i] = base->digits[number[i]];
    return (ssize_t)n;
}

static ssize_t decode_number(const base_t *base, const char *text, size_t len, uint8_t *out, size_t capacity)
{
    const unsigned radix = (unsigned)strlen(base->digits);
    size_t zeros = 0, n = 0;
    while (zeros < len && text[zeros] == base->digits[0]) zeros++;
    if (zeros > capacity) return MINKE_ERROR_NO_SPACE;
    for (size_t i = zeros; i < len; i++) {
        const int value = digit_value(base, text[i]);
        if (value < 0) return MINKE_ERROR_MALFORMED;
        if (!multiply_add(out, &n, capacity - zeros, 256, radix, (unsigned)value)) return MINKE_ERROR_NO_SPACE;
    }
    for (size_t i = 0; i < zeros; i++) out[n++] = 0;
    reverse(out, n);
    return (ssize_t)n;
}

ssize_t minke__base_encode(char letter, const uint8_t *data, size_t len, char *out, size_t capacity)
{
    const base_t *base = base_of(letter);
    if (base == NULL) return MINKE_ERROR_UNSUPPORTED;
    if (base->bits > 0) return encode_bits(base, data, len, out, capacity);
    return encode_number(base, data, len, out, capacity);
}

ssize_t minke__base_decode(char letter, const char *text, size_t len, uint8_t *out, size_t capacity)
{
    const base_t *base = base_of(letter);
    if (base == NULL) return MINKE_ERROR_UNSUPPORTED;
    if (base->bits > 0) return decode_bits(base, text, len, out, capacity);
    return decode_number(base, text, len, out, capacity);
}

ssize_t minke__multibase_encode(char base, const uint8_t *data, size_t len, char *out, size_t capacity)
{
    if (capacity == 0) return MINKE_ERROR_NO_SPACE;
    const ssize_t n = minke__base_encode(base, data, len, out + 1, capacity - 1);
    if (n < 0) return n;
    out[0] = base;
    return n + 1;
}

ssize_t minke__multibase_decode(const char *text, size_t len, uint8_t *out, size_t capacity)
{
    if (len == 0) return MINKE_ERROR_MALFORMED;
    return minke__base_decode(text[0], text + 1, len - 1, out, capacity);
}
