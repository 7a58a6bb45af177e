#include "base/address.h"
#include "crypto/primitives.h"
#include "stun/attributes.h"
#include "stun/crc32.h"
#include "stun/stun.h"

#include <assert.h>
#include <string.h>

void minke__stun_begin(minke_writer_t *w, uint16_t type, const uint8_t transaction_id[12])
{
    assert(w->len == 0);
    minke__write_u16(w, type);
    minke__write_u16(w, 0);
    minke__write_u32(w, MINKE_STUN_MAGIC_COOKIE);
    minke__write_bytes(w, transaction_id, MINKE_STUN_TRANSACTION_ID_BYTES);
}

static void write_attribute_header(minke_writer_t *w, uint16_t type, size_t len)
{
    minke__write_u16(w, type);
    minke__write_u16(w, (uint16_t)len);
}

static void write_padding(minke_writer_t *w) { minke__write_zeros(w, (4 - w->len % 4) % 4); }

void minke__stun_write_username(minke_writer_t *w, const char *left, size_t left_len, const char *right,
                                size_t right_len)
{
    write_attribute_header(w, MINKE_STUN_ATTRIBUTE_USERNAME, left_len + 1 + right_len);
    minke__write_bytes(w, left, left_len);
    minke__write_u8(w, ':');
    minke__write_bytes(w, right, right_len);
    write_padding(w);
}

void minke__stun_write_priority(minke_writer_t *w, uint32_t priority)
{
    write_attribute_header(w, MINKE_STUN_ATTRIBUTE_PRIORITY, 4);
    minke__write_u32(w, priority);
}

void minke__stun_write_role(minke_writer_t *w, bool controlling, uint64_t tie_breaker)
{
    const uint16_t type = controlling ? MINKE_STUN_ATTRIBUTE_ICE_CONTROLLING : MINKE_STUN_ATTRIBUTE_ICE_CONTROLLED;
    write_attribute_header(w, type, 8);
    minke__write_u64(w, tie_breaker);
}

void minke__stun_write_use_candidate(minke_writer_t *w)
{
    write_attribute_header(w, MINKE_STUN_ATTRIBUTE_USE_CANDIDATE, 0);
}

void minke__stun_write_mapped_address(minke_writer_t *w, const minke_address_t *address)
{
    const bool ip4 = address->family == MINKE_FAMILY_IP4;
    const size_t ip_len = minke__ip_len(address->family);
    write_attribute_header(w, MINKE_STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, 4 + ip_len);
    minke__write_u8(w, 0);
    minke__write_u8(w, ip4 ? MINKE_STUN_FAMILY_IP4 : MINKE_STUN_FAMILY_IP6);
    minke__write_u16(w, address->port ^ (MINKE_STUN_MAGIC_COOKIE >> 16));
    uint8_t *ip = minke__write_space(w, ip_len);
    if (ip == NULL) return;
    for (size_t i = 0; i < ip_len; i++) ip[i] = address->ip[i] ^ w->data[4 + i];
}

static const char *reason_of(uint16_t code)
{
    switch (code) {
    case 400: return "Bad Request";
    case 420: return "Unknown Attribute";
    case 487: return "Role Conflict";
    default: return "";
    }
}

static void write_error(minke_writer_t *w, uint16_t code, const char *reason)
{
    write_attribute_header(w, MINKE_STUN_ATTRIBUTE_ERROR_CODE, 4 + strlen(reason));
    minke__write_u16(w, 0);
    minke__write_u8(w, (uint8_t)(code / 100));
    minke__write_u8(w, (uint8_t)(code % 100));
    minke__write_text(w, reason);
    write_padding(w);
}

void minke__stun_write_error(minke_writer_t *w, uint16_t code) { write_error(w, code, reason_of(code)); }

void minke__stun_write_bare_error(minke_writer_t *w, uint16_t code) { write_error(w, code, ""); }

void minke__stun_write_unknown(minke_writer_t *w, const uint16_t *types, size_t n)
{
    write_attribute_header(w, MINKE_STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES, 2 * n);
    for (size_t i = 0; i < n; i++) minke__write_u16(w, types[i]);
    write_padding(w);
}

/* Both closing attributes cover a header whose length already includes them. */
static void patch_len(minke_writer_t *w, size_t value_len)
{
    const size_t end = w->len + MINKE_STUN_ATTRIBUTE_HEADER_BYTES + value_len;
    minke__patch_u16(w, 2, (uint16_t)(end - MINKE_STUN_HEADER_BYTES));
}

static void write_integrity(minke_writer_t *w, const void *password, size_t password_len)
{
    uint8_t mac[MINKE_STUN_INTEGRITY_BYTES];
    patch_len(w, sizeof mac);
    minke__hmac_sha1(password, password_len, w->data, w->len, mac);
    write_attribute_header(w, MINKE_STUN_ATTRIBUTE_MESSAGE_INTEGRITY, sizeof mac);
    minke__write_bytes(w, mac, sizeof mac);
}

bool minke__stun_finish_bare(minke_writer_t *w)
{
    if (w->failed) return false;
    minke__patch_u16(w, 2, (uint16_t)(w->len - MINKE_STUN_HEADER_BYTES));
    return !w->failed;
}

bool minke__stun_finish(minke_writer_t *w, const void *password, size_t password_len)
{
    if (w->failed) return false;
    if (password != NULL) write_integrity(w, password, password_len);
    patch_len(w, MINKE_STUN_FINGERPRINT_BYTES);
    const uint32_t fingerprint = minke__crc32(w->data, w->len) ^ MINKE_STUN_FINGERPRINT_XOR;
    write_attribute_header(w, MINKE_STUN_ATTRIBUTE_FINGERPRINT, MINKE_STUN_FINGERPRINT_BYTES);
    minke__write_u32(w, fingerprint);
    return !w->failed;
}
