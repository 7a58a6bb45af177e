#include "noise/payload.h"

#include <string.h>

#include "pb/pb.h"

/* Field 3 was early data once. */
enum { IDENTITY_KEY = 1, IDENTITY_SIGNATURE = 2, EXTENSIONS = 4 };
enum { STREAM_MUXERS = 2 };

static void write_extensions(minke_writer_t *w, minke_noise_muxers_t muxers)
{
    size_t len = 0;
    for (size_t i = 0; i < muxers.n; i++) len += minke__pb_bytes_size(STREAM_MUXERS, strlen(muxers.names[i]));
    minke__pb_write_bytes_head(w, EXTENSIONS, len);
    for (size_t i = 0; i < muxers.n; i++) {
        minke__pb_write_bytes(w, STREAM_MUXERS, muxers.names[i], strlen(muxers.names[i]));
    }
}

void minke__noise_payload_write(minke_writer_t *w, const minke_noise_payload_t *payload, minke_noise_muxers_t muxers)
{
    minke__pb_write_bytes(w, IDENTITY_KEY, payload->identity_key, payload->identity_key_len);
    minke__pb_write_bytes(w, IDENTITY_SIGNATURE, payload->signature, payload->signature_len);
    if (muxers.n > 0) write_extensions(w, muxers);
}

int minke__noise_payload_read(const uint8_t *data, size_t len, minke_noise_payload_t *out)
{
    minke_reader_t r = minke__reader(data, len);
    minke_pb_field_t field;
    *out = (minke_noise_payload_t){0};
    while (minke__pb_next(&r, &field)) {
        if (field.wire_type != MINKE_PB_BYTES) continue;
        if (field.number == IDENTITY_KEY) {
            out->identity_key = field.bytes;
            out->identity_key_len = field.len;
        } else if (field.number == IDENTITY_SIGNATURE) {
            out->signature = field.bytes;
            out->signature_len = field.len;
        }
    }
    return r.failed ? MINKE_ERROR_MALFORMED : MINKE_OK;
}

static size_t index_of(minke_noise_muxers_t muxers, const uint8_t *name, size_t len)
{
    size_t i = 0;
    while (i < muxers.n && (strlen(muxers.names[i]) != len || memcmp(muxers.names[i], name, len) != 0)) i++;
    return i;
}

/* The index of the choice among `ours` goes down to the best one when the order is ours, and stays with the first hit
 * when it is the remote's; ours.n: no hit yet. */
static bool compare_muxers(minke_reader_t *extensions, minke_noise_muxers_t ours, bool ours_is_the_initiators,
                           size_t *choice, bool *listed)
{
    minke_pb_field_t field;
    while (minke__pb_next(extensions, &field)) {
        if (field.number != STREAM_MUXERS || field.wire_type != MINKE_PB_BYTES) continue;
        *listed = true;
        const size_t i = index_of(ours, field.bytes, field.len);
        if (ours_is_the_initiators ? i < *choice : *choice == ours.n) *choice = i;
    }
    return !extensions->failed;
}

int minke__noise_payload_choose_muxer(const uint8_t *data, size_t len, minke_noise_muxers_t ours,
                                      bool ours_is_the_initiators, const char **out)
{
    minke_reader_t r = minke__reader(data, len);
    minke_pb_field_t field;
    size_t choice = ours.n;
    bool listed = false;
    *out = NULL;
    while (minke__pb_next(&r, &field)) {
        if (field.number != EXTENSIONS || field.wire_type != MINKE_PB_BYTES) continue;
        minke_reader_t extensions = minke__reader(field.bytes, field.len);
        if (!compare_muxers(&extensions, ours, ours_is_the_initiators, &choice, &listed)) return MINKE_ERROR_MALFORMED;
    }
    if (r.failed) return MINKE_ERROR_MALFORMED;
    if (choice < ours.n) *out = ours.names[choice];
    return listed && choice == ours.n && ours.n > 0 ? MINKE_ERROR_UNSUPPORTED : MINKE_OK;
}
