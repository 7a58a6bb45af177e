#include "base/address.h"
#include "crypto/primitives.h"
#include "stun/attributes.h"
#include "stun/crc32.h"
#include "stun/stun.h"

#include <string.h>

bool minke__stun_looks_like(const uint8_t *data, size_t len)
{
    if (len < MINKE_STUN_HEADER_BYTES || data[0] > 3) return false;
    minke_reader_t r = minke__reader(data + 2, MINKE_STUN_HEADER_BYTES - 2);
    const size_t body_len = minke__read_u16(&r);
    const uint32_t cookie = minke__read_u32(&r);
    return cookie == MINKE_STUN_MAGIC_COOKIE && body_len == len - MINKE_STUN_HEADER_BYTES && body_len % 4 == 0;
}

/* RFC 8489 14.2: the address is XORed with the cookie, for IPv6 followed by the transaction id; both stand together in
 * the header. */
static bool parse_mapped_address(minke_stun_message_t *m, minke_reader_t value)
{
    minke_address_t *address = &m->mapped_address;
    (void)minke__read_u8(&value);
    const uint8_t family = minke__read_u8(&value);
    const uint16_t port = minke__read_u16(&value);
    if (family != MINKE_STUN_FAMILY_IP4 && family != MINKE_STUN_FAMILY_IP6) return false;
    address->family = family == MINKE_STUN_FAMILY_IP4 ? MINKE_FAMILY_IP4 : MINKE_FAMILY_IP6;
    address->port = port ^ (MINKE_STUN_MAGIC_COOKIE >> 16);
    const size_t ip_len = minke__ip_len(address->family);
    const uint8_t *ip = minke__read_bytes(&value, ip_len);
    if (!minke__reader_done(&value)) return false;
    for (size_t i = 0; i < ip_len; i++) address->ip[i] = ip[i] ^ m->data[4 + i];
    m->has_mapped_address = true;
    return true;
}

/* NATs have been seen to rewrite it (RFC 8489 14.1), so what is wrong with it is no fault of the sender's. */
static void note_plain_mapped_address(minke_stun_message_t *m, minke_reader_t value)
{
    minke_address_t address = {.family = 0};
    (void)minke__read_u8(&value);
    const uint8_t family = minke__read_u8(&value);
    address.port = minke__read_u16(&value);
    if (family != MINKE_STUN_FAMILY_IP4 && family != MINKE_STUN_FAMILY_IP6) return;
    address.family = family == MINKE_STUN_FAMILY_IP4 ? MINKE_FAMILY_IP4 : MINKE_FAMILY_IP6;
    const size_t ip_len = minke__ip_len(address.family);
    const uint8_t *ip = minke__read_bytes(&value, ip_len);
    if (m->has_plain_mapped_address || !minke__reader_done(&value)) return;
    memcpy(address.ip, ip, ip_len);
    m->plain_mapped_address = address;
    m->has_plain_mapped_address = true;
}

static bool parse_error_code(minke_stun_message_t *m, minke_reader_t value)
{
    (void)minke__read_u16(&value);
    const uint8_t class = minke__read_u8(&value) & 7;
    const uint8_t number = minke__read_u8(&value);
    if (value.failed || class < 3 || class > 6 || number > 99) return false;
    m->error_code = (uint16_t)(class * 100 + number);
    return true;
}

static bool parse_role(minke_stun_message_t *m, bool controlling, minke_reader_t value)
{
    m->tie_breaker = minke__read_u64(&value);
    if (controlling) m->ice_controlling = true;
    else m->ice_controlled = true;
    return minke__reader_done(&value);
}

static void note_unknown(minke_stun_message_t *m, uint16_t type)
{
    const size_t room = sizeof m->unknown / sizeof m->unknown[0];
    if (type >= MINKE_STUN_COMPREHENSION_OPTIONAL || m->unknown_n == room) return;
    m->unknown[m->unknown_n++] = type;
}

static bool parse_fingerprint(minke_stun_message_t *m, minke_reader_t value, size_t at)
{
    const uint32_t fingerprint = minke__read_u32(&value);
    const uint32_t expected = minke__crc32(m->data, at) ^ MINKE_STUN_FINGERPRINT_XOR;
    m->has_fingerprint = true;
    return minke__reader_done(&value) && fingerprint == expected;
}

/* Of an attribute that comes twice the first one counts (RFC 8489 14). A known one of a wrong length makes the message
 * malformed. */
static bool parse_attribute(minke_stun_message_t *m, uint16_t type, minke_reader_t value, size_t at)
{
    switch (type) {
    case MINKE_STUN_ATTRIBUTE_USERNAME:
        if (m->username != NULL) return true;
        m->username = (const char *)value.data;
        m->username_len = value.len;
        return true;
    case MINKE_STUN_ATTRIBUTE_MESSAGE_INTEGRITY: m->integrity_at = at; return value.len == MINKE_STUN_INTEGRITY_BYTES;
    case MINKE_STUN_ATTRIBUTE_ERROR_CODE: return m->error_code != 0 || parse_error_code(m, value);
    case MINKE_STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS: return m->has_mapped_address || parse_mapped_address(m, value);
    case MINKE_STUN_ATTRIBUTE_PRIORITY:
        if (m->has_priority) return true;
        m->has_priority = true;
        m->priority = minke__read_u32(&value);
        return minke__reader_done(&value);
    case MINKE_STUN_ATTRIBUTE_USE_CANDIDATE: m->use_candidate = true; return value.len == 0;
    case MINKE_STUN_ATTRIBUTE_ICE_CONTROLLED: return m->ice_controlled || parse_role(m, false, value);
    case MINKE_STUN_ATTRIBUTE_ICE_CONTROLLING: return m->ice_controlling || parse_role(m, true, value);
    case MINKE_STUN_ATTRIBUTE_MAPPED_ADDRESS: note_plain_mapped_address(m, value); return true;
    case MINKE_STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES: return true;
    default: note_unknown(m, type); return true;
    }
}

bool minke__stun_parse(const uint8_t *data, size_t len, minke_stun_message_t *m)
{
    memset(m, 0, sizeof *m);
    if (!minke__stun_looks_like(data, len)) return false;
    m->data = data;
    m->len = len;
    m->type = (uint16_t)(data[0] << 8 | data[1]);
    m->transaction_id = data + 8;
    minke_reader_t r = minke__reader(data, len);
    (void)minke__read_bytes(&r, MINKE_STUN_HEADER_BYTES);
    while (minke__reader_left(&r) > 0) {
        const size_t at = r.at;
        const uint16_t type = minke__read_u16(&r);
        const size_t value_len = minke__read_u16(&r);
        const minke_reader_t value = minke__read_sub(&r, value_len);
        (void)minke__read_bytes(&r, (4 - value_len % 4) % 4);
        /* FINGERPRINT is the last attribute of all (RFC 8489 14.7). */
        if (r.failed || m->has_fingerprint) return false;
        if (type == MINKE_STUN_ATTRIBUTE_FINGERPRINT) {
            if (!parse_fingerprint(m, value, at)) return false;
        } else if (m->integrity_at == 0) { /* what follows MESSAGE-INTEGRITY is not protected: RFC 8489 14.5 */
            if (!parse_attribute(m, type, value, at)) return false;
        }
    }
    return !r.failed;
}

bool minke__stun_verify(const minke_stun_message_t *m, const void *password, size_t password_len)
{
    if (m->integrity_at == 0) return false;
    /* The header's length as if MESSAGE-INTEGRITY were the last attribute (RFC 8489 14.5). */
    uint8_t header[MINKE_STUN_HEADER_BYTES];
    memcpy(header, m->data, sizeof header);
    const size_t covered = m->integrity_at - sizeof header;
    minke_writer_t w = minke__writer(header + 2, 2);
    minke__write_u16(&w, (uint16_t)(covered + MINKE_STUN_ATTRIBUTE_HEADER_BYTES + MINKE_STUN_INTEGRITY_BYTES));
    uint8_t expected[MINKE_STUN_INTEGRITY_BYTES];
    minke__hmac_sha1_2(password, password_len, header, sizeof header, m->data + sizeof header, covered, expected);
    const uint8_t *actual = m->data + m->integrity_at + MINKE_STUN_ATTRIBUTE_HEADER_BYTES;
    return minke__constant_time_equal(expected, actual, sizeof expected);
}
