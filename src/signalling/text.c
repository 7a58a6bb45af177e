#include "signalling/text.h"

#include <string.h>

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c; }
static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool minke__text_begins(minke_slice_t text, const char *with)
{
    const size_t len = strlen(with);
    return text.len >= len && memcmp(text.data, with, len) == 0;
}

bool minke__text_is(minke_slice_t text, const char *other)
{
    return text.len == strlen(other) && minke__text_begins(text, other);
}

bool minke__text_is_caseless(minke_slice_t text, const char *other)
{
    if (text.len != strlen(other)) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (lower(text.data[i]) != lower((uint8_t)other[i])) return false;
    }
    return true;
}

minke_slice_t minke__text_after(minke_slice_t text, size_t len)
{
    return (minke_slice_t){text.data + len, text.len - len};
}

minke_slice_t minke__text_word(minke_slice_t *rest)
{
    size_t begin = 0, end;
    while (begin < rest->len && is_blank(rest->data[begin])) begin++;
    for (end = begin; end < rest->len && !is_blank(rest->data[end]);) end++;
    const minke_slice_t word = {rest->data + begin, end - begin};
    *rest = minke__text_after(*rest, end);
    return word;
}

minke_slice_t minke__text_until(minke_slice_t *rest, char separator)
{
    const uint8_t *found = rest->len > 0 ? memchr(rest->data, separator, rest->len) : NULL;
    const minke_slice_t before = {rest->data, found != NULL ? (size_t)(found - rest->data) : rest->len};
    *rest = minke__text_after(*rest, before.len + (found != NULL ? 1 : 0));
    return before;
}

minke_slice_t minke__text_trim(minke_slice_t text)
{
    while (text.len > 0 && is_blank(text.data[0])) text = minke__text_after(text, 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1])) text.len--;
    return text;
}

bool minke__text_number(minke_slice_t text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        const uint64_t digit = (uint64_t)(text.data[i] - '0');
        value = value > max || value > (max - digit) / 10 ? max + 1 : value * 10 + digit;
    }
    *out = value;
    return text.len > 0;
}

int minke__text_hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
    return -1;
}

bool minke__text_copy(minke_slice_t text, char *out, size_t capacity)
{
    minke_writer_t w = minke__writer(out, capacity);
    minke__write_bytes(&w, text.data, text.len);
    minke__write_u8(&w, 0);
    return !w.failed;
}
