/* Which characters may stand where in a head (RFC 9110 5.5, 5.6; RFC 9112 3). Plain tests of one byte. */
#ifndef MINKE_HTTP_CHARACTERS_H
#define MINKE_HTTP_CHARACTERS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool minke__http_is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static inline uint8_t minke__http_lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c; }
static inline bool minke__http_is_blank(uint8_t c) { return c == ' ' || c == '\t'; }
/* VCHAR: a target is made of these. */
static inline bool minke__http_is_visible(uint8_t c) { return c > ' ' && c < 0x7f; }
/* Of a field's value or a reason phrase: visible, blank, or above ASCII. */
static inline bool minke__http_is_text(uint8_t c) { return c >= ' ' ? c != 0x7f : c == '\t'; }

/* tchar: methods and field names. */
static inline bool minke__http_is_token(uint8_t c)
{
    switch (c) {
    case '(':
    case ')':
    case ',':
    case '/':
    case ':':
    case ';':
    case '<':
    case '=':
    case '>':
    case '?':
    case '@':
    case '[':
    case '\\':
    case ']':
    case '{':
    case '}':
    case '"': return false;
    default: return minke__http_is_visible(c);
    }
}

#endif
