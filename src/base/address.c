#include "base/address.h"

#include <string.h>

bool minke__address_equal(const minke_address_t *a, const minke_address_t *b)
{
    return a->port == b->port && a->family == b->family && a->scope == b->scope &&
           memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool minke__address_is_unspecified(const minke_address_t *address)
{
    static const uint8_t zero[16];
    return memcmp(address->ip, zero, sizeof zero) == 0;
}

bool minke__address_is_loopback(const minke_address_t *address)
{
    static const uint8_t ip6_loopback[16] = {[15] = 1};
    if (address->family == MINKE_FAMILY_IP4) return address->ip[0] == 127;
    return memcmp(address->ip, ip6_loopback, sizeof ip6_loopback) == 0;
}

bool minke__address_is_link_local(const minke_address_t *address)
{
    return address->family == MINKE_FAMILY_IP6 && address->ip[0] == 0xfe && (address->ip[1] & 0xc0) == 0x80;
}

static void write_hex_group(minke_writer_t *w, unsigned group)
{
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        const unsigned digit = group >> shift & 0xf;
        started = started || digit != 0 || shift == 0;
        if (started) minke__write_u8(w, (uint8_t) "0123456789abcdef"[digit]);
    }
}

static void write_ip4(minke_writer_t *w, const uint8_t ip[4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0) minke__write_text(w, ".");
        minke__write_decimal(w, ip[i]);
    }
}

static unsigned group_at(const uint8_t ip[16], int i) { return (unsigned)ip[2 * i] << 8 | ip[2 * i + 1]; }

/* RFC 5952: the longest run of two or more zero groups, the first of equals, becomes "::". */
static void longest_zero_run(const uint8_t ip[16], int *start, int *len)
{
    *start = 8;
    *len = 1;
    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && group_at(ip, i + n) == 0) n++;
        if (n > *len) {
            *start = i;
            *len = n;
        }
    }
}

static void write_ip6(minke_writer_t *w, const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(ip, mapped, sizeof mapped) == 0) {
        minke__write_text(w, "::ffff:");
        write_ip4(w, ip + 12);
        return;
    }
    int zeros_at, zeros_n;
    longest_zero_run(ip, &zeros_at, &zeros_n);
    for (int i = 0; i < 8; i++) {
        if (i == zeros_at) {
            minke__write_text(w, "::");
            i += zeros_n - 1;
            continue;
        }
        if (i > 0 && i != zeros_at + zeros_n) minke__write_text(w, ":");
        write_hex_group(w, group_at(ip, i));
    }
}

void minke__write_ip(minke_writer_t *w, const minke_address_t *address)
{
    if (address->family == MINKE_FAMILY_IP4) write_ip4(w, address->ip);
    else if (address->family == MINKE_FAMILY_IP6) write_ip6(w, address->ip);
    else minke__write_text(w, "none");
}

void minke__address_text(const minke_address_t *address, char *out, size_t capacity)
{
    minke_writer_t w = minke__writer(out, capacity);
    const bool brackets = address->family == MINKE_FAMILY_IP6;
    if (brackets) minke__write_text(&w, "[");
    minke__write_ip(&w, address);
    if (address->scope != 0) {
        minke__write_text(&w, "%");
        minke__write_decimal(&w, address->scope);
    }
    minke__write_text(&w, brackets ? "]:" : ":");
    minke__write_decimal(&w, address->port);
    minke__write_terminator(&w);
}

static bool parse_ip4(const char *text, size_t len, uint8_t out[4])
{
    int part = 0, digits = 0;
    unsigned value = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i == len || text[i] == '.') {
            if (digits == 0 || part > 3) return false;
            out[part++] = (uint8_t)value;
            value = 0;
            digits = 0;
        } else {
            if (text[i] < '0' || text[i] > '9' || (digits > 0 && value == 0)) return false;
            value = value * 10 + (unsigned)(text[i] - '0');
            if (++digits > 3 || value > 255) return false;
        }
    }
    return part == 4;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool parse_ip6(const char *text, size_t len, uint8_t out[16])
{
    uint8_t ip[16] = {0};
    size_t filled = 0, gap = SIZE_MAX, at = 0;
    if (len >= 2 && text[0] == ':' && text[1] == ':') {
        gap = 0;
        at = 2;
    }
    while (at < len) {
        size_t end = at;
        unsigned value = 0;
        while (end < len && hex_digit(text[end]) >= 0 && end - at < 4) {
            value = value << 4 | (unsigned)hex_digit(text[end++]);
        }
        if (end < len && text[end] == '.') { /* the last four bytes as IPv4 */
            if (filled > 12 || !parse_ip4(text + at, len - at, ip + filled)) return false;
            filled += 4;
            break;
        }
        if (end == at || filled > 14) return false;
        ip[filled++] = (uint8_t)(value >> 8);
        ip[filled++] = (uint8_t)value;
        if (end == len) break;
        if (text[end] != ':' || end + 1 == len) return false;
        at = end + 1;
        if (text[at] == ':') {
            if (gap != SIZE_MAX) return false;
            gap = filled;
            at++;
        }
    }
    if (gap == SIZE_MAX ? filled != 16 : filled > 14) return false;
    memset(out, 0, 16);
    if (gap == SIZE_MAX) gap = filled;
    memcpy(out, ip, gap);
    memcpy(out + 16 - (filled - gap), ip + gap, filled - gap);
    return true;
}

bool minke__parse_ip(const char *text, size_t len, minke_address_t *out)
{
    *out = (minke_address_t){0};
    if (parse_ip4(text, len, out->ip)) {
        out->family = MINKE_FAMILY_IP4;
        return true;
    }
    memset(out->ip, 0, sizeof out->ip);
    if (!parse_ip6(text, len, out->ip)) return false;
    out->family = MINKE_FAMILY_IP6;
    return true;
}
