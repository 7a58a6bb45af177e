#include "relay/envelope.h"

#include <string.h>

#include "pb/pb.h"

/* Field numbers; 4 is not used. */
enum { PUBLIC_KEY = 1, PAYLOAD_TYPE = 2, PAYLOAD = 3, SIGNATURE = 5 };
enum { VOUCHER_RELAY = 1, VOUCHER_PEER = 2, VOUCHER_EXPIRE = 3 };

static void write_with_length(minke_writer_t *w, const void *bytes, size_t len)
{
    minke__write_uvarint(w, len);
    minke__write_bytes(w, bytes, len);
}

/* The bytes that are signed, to be freed by the caller; NULL: no memory. */
static uint8_t *signed_bytes(const minke_env_t *env, const minke_envelope_purpose_t *purpose, minke_slice_t payload,
                             size_t *len)
{
    const size_t domain_len = strlen(purpose->domain);
    *len = minke__uvarint_len(domain_len) + domain_len;
    *len += minke__uvarint_len(purpose->payload_type.len) + purpose->payload_type.len;
    *len += minke__uvarint_len(payload.len) + payload.len;
    uint8_t *bytes = minke__alloc(env, *len);
    if (bytes == NULL) return NULL;
    minke_writer_t w = minke__writer(bytes, *len);
    write_with_length(&w, purpose->domain, domain_len);
    write_with_length(&w, purpose->payload_type.data, purpose->payload_type.len);
    write_with_length(&w, payload.data, payload.len);
    return bytes;
}

int minke__envelope_seal(const minke_env_t *env, const minke_identity_t *identity,
                         const minke_envelope_purpose_t *purpose, minke_slice_t payload, minke_writer_t *out)
{
    uint8_t signature[MINKE_SIGNATURE_MAX];
    size_t len, public_key_len;
    uint8_t *bytes = signed_bytes(env, purpose, payload, &len);
    if (bytes == NULL) return MINKE_ERROR_NO_MEMORY;
    const ssize_t signature_len = minke__identity_sign(identity, bytes, len, signature, sizeof signature);
    minke__free(env, bytes);
    if (signature_len < 0) return (int)signature_len;
    const uint8_t *public_key = minke__identity_public_key(identity, &public_key_len);
    minke_writer_t w = minke__writer(out->data + out->len, minke__writer_left(out));
    minke__pb_write_bytes(&w, PUBLIC_KEY, public_key, public_key_len);
    minke__pb_write_bytes(&w, PAYLOAD_TYPE, purpose->payload_type.data, purpose->payload_type.len);
    minke__pb_write_bytes(&w, PAYLOAD, payload.data, payload.len);
    minke__pb_write_bytes(&w, SIGNATURE, signature, (size_t)signature_len);
    if (w.failed) return MINKE_ERROR_NO_SPACE;
    out->len += w.len;
    return MINKE_OK;
}

typedef struct fields {
    minke_slice_t public_key, payload_type, payload, signature;
} fields_t;

static bool read_fields(const uint8_t *data, size_t len, fields_t *out)
{
    minke_reader_t r = minke__reader(data, len);
    *out = (fields_t){{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    for (minke_pb_field_t field; minke__pb_next(&r, &field);) {
        if (field.wire_type != MINKE_PB_BYTES) continue;
        const minke_slice_t slice = {field.bytes, field.len};
        switch (field.number) {
        case PUBLIC_KEY: out->public_key = slice; break;
        case PAYLOAD_TYPE: out->payload_type = slice; break;
        case PAYLOAD: out->payload = slice; break;
        case SIGNATURE: out->signature = slice; break;
        default: break;
        }
    }
    return !r.failed;
}

static bool slice_equal(minke_slice_t a, minke_slice_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int minke__envelope_open(const minke_env_t *env, const uint8_t *data, size_t len,
                         const minke_envelope_purpose_t *purpose, minke_envelope_t *out)
{
    fields_t fields;
    size_t bytes_len;
    *out = (minke_envelope_t){0};
    if (!read_fields(data, len, &fields) || fields.public_key.data == NULL || fields.signature.data == NULL) {
        return MINKE_ERROR_MALFORMED;
    }
    if (!slice_equal(fields.payload_type, purpose->payload_type)) return MINKE_ERROR_UNSUPPORTED;
    uint8_t *bytes = signed_bytes(env, purpose, fields.payload, &bytes_len);
    if (bytes == NULL) return MINKE_ERROR_NO_MEMORY;
    const int error = minke__verify(fields.public_key.data, fields.public_key.len, bytes, bytes_len,
                                    fields.signature.data, fields.signature.len);
    minke__free(env, bytes);
    if (error < 0) return error;
    minke__peer_id_from_public_key(fields.public_key.data, fields.public_key.len, &out->signer);
    out->payload = fields.payload;
    return MINKE_OK;
}

/* ---- the reservation voucher */

/* Two raw bytes: go, js and rust write the multicodec 0x0302 so, and not as the uvarint that it is elsewhere. */
static const uint8_t voucher_type[] = {0x03, 0x02};
static const minke_envelope_purpose_t voucher_purpose = {.domain = "libp2p-relay-rsvp",
                                                         .payload_type = {voucher_type, sizeof voucher_type}};

int minke__voucher_seal(const minke_env_t *env, const minke_identity_t *identity, const minke_peer_id_t *peer,
                        uint64_t expire, minke_writer_t *out)
{
    uint8_t payload[2 * (2 + MINKE_PEER_ID_BYTES_MAX) + 11];
    const minke_peer_id_t *relay = minke__identity_peer_id(identity);
    minke_writer_t w = minke__writer(payload, sizeof payload);
    minke__pb_write_bytes(&w, VOUCHER_RELAY, relay->bytes, relay->len);
    minke__pb_write_bytes(&w, VOUCHER_PEER, peer->bytes, peer->len);
    minke__pb_write_varint(&w, VOUCHER_EXPIRE, expire);
    return minke__envelope_seal(env, identity, &voucher_purpose, (minke_slice_t){payload, w.len}, out);
}

static bool read_voucher(minke_slice_t payload, minke_voucher_t *out)
{
    minke_reader_t r = minke__reader(payload.data, payload.len);
    for (minke_pb_field_t field; minke__pb_next(&r, &field);) {
        if (field.number == VOUCHER_EXPIRE && field.wire_type == MINKE_PB_VARINT) out->expire = field.value;
        if (field.wire_type != MINKE_PB_BYTES) continue;
        if (field.number != VOUCHER_RELAY && field.number != VOUCHER_PEER) continue;
        minke_peer_id_t *id = field.number == VOUCHER_RELAY ? &out->relay : &out->peer;
        if (!minke__peer_id_from_bytes(field.bytes, field.len, id)) return false;
    }
    return !r.failed && out->relay.len != 0 && out->peer.len != 0;
}

int minke__voucher_open(const minke_env_t *env, const uint8_t *data, size_t len, const minke_peer_id_t *relay,
                        const minke_peer_id_t *peer, minke_voucher_t *out)
{
    minke_envelope_t envelope;
    minke_voucher_t voucher = {.expire = 0};
    *out = voucher;
    const int error = minke__envelope_open(env, data, len, &voucher_purpose, &envelope);
    if (error < 0) return error;
    if (!read_voucher(envelope.payload, &voucher)) return MINKE_ERROR_MALFORMED;
    if (!minke__peer_id_equal(&envelope.signer, &voucher.relay) || !minke__peer_id_equal(&voucher.relay, relay) ||
        !minke__peer_id_equal(&voucher.peer, peer)) {
        return MINKE_ERROR_CRYPTO;
    }
    *out = voucher;
    return MINKE_OK;
}
