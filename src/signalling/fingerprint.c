#include "signalling/fingerprint.h"

#include <string.h>

#include "crypto/primitives.h"
#include "signalling/text.h"

static const char *name_of(minke_fingerprint_hash_t hash)
{
    switch (hash) {
    case MINKE_FINGERPRINT_SHA384: return "sha-384";
    case MINKE_FINGERPRINT_SHA512: return "sha-512";
    default: return "sha-256";
    }
}

static bool read_hash(minke_slice_t name, minke_fingerprint_hash_t *out)
{
    static const minke_fingerprint_hash_t all[] = {MINKE_FINGERPRINT_SHA256, MINKE_FINGERPRINT_SHA384,
                                                   MINKE_FINGERPRINT_SHA512};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        *out = all[i];
        if (minke__text_is_caseless(name, name_of(all[i]))) return true;
    }
    return false;
}

static bool read_byte(minke_slice_t text, uint8_t *out)
{
    if (text.len != 2) return false;
    const int high = minke__text_hex_digit(text.data[0]), low = minke__text_hex_digit(text.data[1]);
    if (high < 0 || low < 0) return false;
    *out = (uint8_t)(high << 4 | low);
    return true;
}

int minke__fingerprint_read(minke_slice_t text, minke_fingerprint_t *out)
{
    enum { DIGITS_OF_BYTE = 3 }; /* a colon included, of which the last has none */
    *out = (minke_fingerprint_t){0};
    if (!read_hash(minke__text_word(&text), &out->hash)) return MINKE_ERROR_UNSUPPORTED;
    minke_slice_t rest = minke__text_trim(text);
    if (rest.len != (size_t)out->hash * DIGITS_OF_BYTE - 1) return MINKE_ERROR_MALFORMED;
    for (size_t i = 0; i < (size_t)out->hash; i++) {
        if (!read_byte(minke__text_until(&rest, ':'), &out->digest[i])) return MINKE_ERROR_MALFORMED;
    }
    return MINKE_OK;
}

void minke__fingerprint_write(minke_writer_t *w, minke_fingerprint_hash_t hash, const uint8_t *digest)
{
    static const char hex[] = "0123456789ABCDEF";
    minke__write_text(w, name_of(hash));
    for (size_t i = 0; i < (size_t)hash; i++) {
        minke__write_text(w, i == 0 ? " " : ":");
        minke__write_u8(w, (uint8_t)hex[digest[i] >> 4]);
        minke__write_u8(w, (uint8_t)hex[digest[i] & 15]);
    }
}

bool minke__fingerprints_add(minke_fingerprints_t *set, const minke_fingerprint_t *fingerprint)
{
    if (set->n == MINKE_FINGERPRINTS_MAX && set->list[set->n - 1].hash < fingerprint->hash) set->n--;
    if (set->n == MINKE_FINGERPRINTS_MAX) return fingerprint->hash < set->list[0].hash;
    size_t at = set->n++;
    for (; at > 0 && set->list[at - 1].hash < fingerprint->hash; at--) set->list[at] = set->list[at - 1];
    set->list[at] = *fingerprint;
    return true;
}

static void digest(minke_fingerprint_hash_t hash, const void *data, size_t len, uint8_t out[MINKE_FINGERPRINT_BYTES])
{
    switch (hash) {
    case MINKE_FINGERPRINT_SHA384: minke__sha384(data, len, out); break;
    case MINKE_FINGERPRINT_SHA512: minke__sha512(data, len, out); break;
    default: minke__sha256(data, len, out); break;
    }
}

bool minke__fingerprints_match(const minke_fingerprints_t *set, const void *certificate, size_t len)
{
    uint8_t ours[MINKE_FINGERPRINT_BYTES];
    if (set->n == 0) return false;
    const minke_fingerprint_hash_t strongest = set->list[0].hash;
    digest(strongest, certificate, len, ours);
    for (size_t i = 0; i < set->n && set->list[i].hash == strongest; i++) {
        if (memcmp(set->list[i].digest, ours, (size_t)strongest) == 0) return true;
    }
    return false;
}
