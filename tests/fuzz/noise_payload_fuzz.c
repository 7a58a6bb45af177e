/* What an authenticated stranger may say inside the handshake: the payload and its muxers. */
#include <assert.h>
#include <string.h>

#include "noise/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 4096 };

static void assert_inside(const uint8_t *data, size_t size, const uint8_t *bytes, size_t len)
{
    assert(bytes == NULL ? len == 0 : bytes >= data && len <= (size_t)(data + size - bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"/yamux/1.0.0", "/mplex/6.7.0", "a"};
    static const minke_noise_muxers_t ours = {names, 3};
    static uint8_t again[LARGEST];
    minke_noise_payload_t payload, reread;
    const char *as_initiator = NULL, *as_responder = NULL;
    if (size > LARGEST) return 0;
    const int error = minke__noise_payload_read(data, size, &payload);
    const int first = minke__noise_payload_choose_muxer(data, size, ours, true, &as_initiator);
    const int second = minke__noise_payload_choose_muxer(data, size, ours, false, &as_responder);
    assert(first == second && (as_initiator == NULL) == (as_responder == NULL));
    assert(error == MINKE_OK || first == MINKE_ERROR_MALFORMED);
    if (error < 0) return 0;
    assert_inside(data, size, payload.identity_key, payload.identity_key_len);
    assert_inside(data, size, payload.signature, payload.signature_len);
    if (payload.identity_key == NULL || payload.signature == NULL) return 0;
    minke_writer_t w = minke__writer(again, sizeof again);
    minke__noise_payload_write(&w, &payload, (minke_noise_muxers_t){NULL, 0});
    assert(!w.failed && minke__noise_payload_read(again, w.len, &reread) == MINKE_OK);
    assert(reread.identity_key_len == payload.identity_key_len && reread.signature_len == payload.signature_len);
    assert(memcmp(reread.identity_key, payload.identity_key, payload.identity_key_len) == 0);
    assert(memcmp(reread.signature, payload.signature, payload.signature_len) == 0);
    return 0;
}
