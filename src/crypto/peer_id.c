/* Peer ids: multihashes of serialized public keys (spec/host.md 3). */
#include <string.h>

#include "base/wire.h"
#include "crypto/identity.h"
#include "crypto/primitives.h"
#include "multiformats/multibase.h"

enum {
    MULTIHASH_IDENTITY = 0x00,
    MULTIHASH_SHA2_256 = 0x12,
    INLINE_KEY_MAX = 42, /* longer keys are hashed */
    CID_VERSION = 0x01,
    CODEC_LIBP2P_KEY = 0x72
};

bool minke__peer_id_equal(const minke_peer_id_t *a, const minke_peer_id_t *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void minke__peer_id_text(const minke_peer_id_t *id, char out[MINKE_PEER_ID_TEXT_BYTES])
{
    const ssize_t n = minke__base_encode(MINKE_BASE58BTC, id->bytes, id->len, out, MINKE_PEER_ID_TEXT_BYTES - 1);
    out[n > 0 ? n : 0] = 0;
}

bool minke__peer_id_from_bytes(const uint8_t *bytes, size_t len, minke_peer_id_t *out)
{
    *out = (minke_peer_id_t){0};
    minke_reader_t r = minke__reader(bytes, len);
    const uint64_t hash = minke__read_uvarint(&r);
    const uint64_t digest_len = minke__read_uvarint(&r);
    if (r.failed || digest_len != minke__reader_left(&r) || len > sizeof out->bytes) return false;
    if (hash == MULTIHASH_IDENTITY ? digest_len == 0 || digest_len > INLINE_KEY_MAX
                                   : hash != MULTIHASH_SHA2_256 || digest_len != 32) {
        return false;
    }
    out->len = (uint8_t)len;
    memcpy(out->bytes, bytes, len);
    return true;
}

bool minke__peer_id_parse(const char *text, size_t len, minke_peer_id_t *out)
{
    uint8_t bytes[2 + MINKE_PEER_ID_BYTES_MAX];
    *out = (minke_peer_id_t){0};
    /* No multibase letter is a 1, and none that we know a Q, so these two are never CIDs. */
    if (len >= 2 && (text[0] == '1' || (text[0] == 'Q' && text[1] == 'm'))) {
        const ssize_t n = minke__base_decode(MINKE_BASE58BTC, text, len, bytes, MINKE_PEER_ID_BYTES_MAX);
        return n > 0 && minke__peer_id_from_bytes(bytes, (size_t)n, out);
    }
    const ssize_t n = minke__multibase_decode(text, len, bytes, sizeof bytes);
    return n > 2 && bytes[0] == CID_VERSION && bytes[1] == CODEC_LIBP2P_KEY &&
           minke__peer_id_from_bytes(bytes + 2, (size_t)n - 2, out);
}

void minke__peer_id_from_public_key(const uint8_t *public_key, size_t len, minke_peer_id_t *out)
{
    *out = (minke_peer_id_t){0};
    minke_writer_t w = minke__writer(out->bytes, sizeof out->bytes);
    if (len <= INLINE_KEY_MAX) {
        minke__write_u8(&w, MULTIHASH_IDENTITY);
        minke__write_u8(&w, (uint8_t)len);
        minke__write_bytes(&w, public_key, len);
    } else {
        minke__write_u8(&w, MULTIHASH_SHA2_256);
        minke__write_u8(&w, 32);
        minke__sha256(public_key, len, out->bytes + w.len);
        w.len += 32;
    }
    out->len = (uint8_t)w.len;
}
