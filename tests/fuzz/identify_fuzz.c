/* Reads Identify messages, writes the result and reads it again: the same. */
#include <assert.h>
#include <string.h>

#include "host/identify_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_same(minke_slice_t a, minke_slice_t b)
{
    assert((a.data == NULL) == (b.data == NULL) && a.len == b.len);
    assert(a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void assert_same_lists(const minke_slice_t *a, size_t a_n, const minke_slice_t *b, size_t b_n)
{
    assert(a_n == b_n);
    for (size_t i = 0; i < a_n; i++) assert_same(a[i], b[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[2 + MINKE_IDENTIFY_SEND_MAX], message[MINKE_IDENTIFY_SEND_MAX];
    minke_identify_t a, b;
    if (minke__identify_read(data, size, &a) < 0) return 0;
    assert(size <= MINKE_IDENTIFY_MAX);
    minke_writer_t m = minke__writer(message, sizeof message), w = minke__writer(again, sizeof again);
    if (minke__identify_write(&a, &m) < 0) return 0;
    minke__write_uvarint(&w, m.len);
    minke__write_bytes(&w, message, m.len);
    assert(minke__identify_read(again, w.len, &b) == MINKE_OK);
    assert_same(a.public_key, b.public_key);
    assert_same_lists(a.listen_addresses, a.listen_addresses_n, b.listen_addresses, b.listen_addresses_n);
    assert_same_lists(a.protocols, a.protocols_n, b.protocols, b.protocols_n);
    assert_same(a.observed_address, b.observed_address);
    assert_same(a.protocol_version, b.protocol_version);
    assert_same(a.agent_version, b.agent_version);
    assert_same(a.signed_peer_record, b.signed_peer_record);
    return 0;
}
