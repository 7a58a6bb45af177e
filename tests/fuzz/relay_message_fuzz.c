/* A hop or stop message as it comes off a stream, cut anywhere: read, written and read again, it is the same. The first
 * byte says which message, and how it is cut. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/frame_inbox.h"
#include "relay/message.h"
#include "support/test_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_same(minke_slice_t a, minke_slice_t b)
{
    assert((a.data == NULL) == (b.data == NULL) && a.len == b.len);
    assert(a.data == NULL || b.data == NULL || memcmp(a.data, b.data, a.len) == 0);
}

static void assert_same_lists(const minke_slice_t *a, size_t a_n, const minke_slice_t *b, size_t b_n)
{
    assert(a_n == b_n);
    for (size_t i = 0; i < a_n; i++) assert_same(a[i], b[i]);
}

static void assert_same_messages(const minke_relay_message_t *a, const minke_relay_message_t *b)
{
    assert(a->type == b->type && a->status == b->status);
    assert(minke__peer_id_equal(&a->peer.id, &b->peer.id));
    /* A peer without an id is none. */
    if (a->peer.id.len != 0) {
        assert_same_lists(a->peer.addresses, a->peer.addresses_n, b->peer.addresses, b->peer.addresses_n);
    }
    assert(a->limit.present == b->limit.present && a->limit.seconds == b->limit.seconds);
    assert(a->limit.bytes == b->limit.bytes);
    assert(a->reservation.present == b->reservation.present && a->reservation.expire == b->reservation.expire);
    assert_same_lists(a->reservation.addresses, a->reservation.addresses_n, b->reservation.addresses,
                      b->reservation.addresses_n);
    assert_same(a->reservation.voucher, b->reservation.voucher);
}

static int take(minke_frame_inbox_t *inbox, const uint8_t *data, size_t size, size_t step, size_t *taken)
{
    int error = MINKE_ERROR_AGAIN;
    *taken = 0;
    while (error == MINKE_ERROR_AGAIN && *taken < size) {
        const size_t n = size - *taken < step ? size - *taken : step;
        size_t now;
        error = minke__frame_inbox_take(inbox, data + *taken, n, &now);
        assert(now <= n && (now == n || error != MINKE_ERROR_AGAIN));
        *taken += now;
    }
    return error;
}

static void check(const minke_frame_inbox_t *inbox, bool stop)
{
    static uint8_t again[MINKE_RELAY_PREFIX_MAX + MINKE_RELAY_MESSAGE_MAX];
    static minke_relay_message_t a, b;
    const int error =
        stop ? minke__stop_read(inbox->message, inbox->len, &a) : minke__hop_read(inbox->message, inbox->len, &a);
    if (error < 0) {
        assert(error == MINKE_ERROR_MALFORMED);
        return;
    }
    minke_writer_t w = minke__writer(again, sizeof again);
    /* Numbers that were short of bytes in the input may be longer now. */
    if ((stop ? minke__stop_write(&a, &w) : minke__hop_write(&a, &w)) < 0) {
        assert(inbox->len > MINKE_RELAY_MESSAGE_MAX - 64);
        return;
    }
    minke_reader_t r = minke__reader(again, w.len);
    assert(minke__read_uvarint(&r) == minke__reader_left(&r));
    assert((stop ? minke__stop_read(again + r.at, w.len - r.at, &b)
                 : minke__hop_read(again + r.at, w.len - r.at, &b)) == MINKE_OK);
    assert_same_messages(&a, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    test_env_t test;
    minke_frame_inbox_t whole, cut;
    size_t whole_taken, cut_taken;
    test_env_init(&test, 1);
    minke__frame_inbox_init(&whole, &test.env, MINKE_RELAY_MESSAGE_MAX);
    minke__frame_inbox_init(&cut, &test.env, MINKE_RELAY_MESSAGE_MAX);
    const int error = take(&whole, data + 1, size - 1, SIZE_MAX, &whole_taken);
    assert(take(&cut, data + 1, size - 1, 1 + (data[0] >> 1) % 16, &cut_taken) == error);
    if (error == MINKE_OK) {
        assert(whole_taken == cut_taken && whole.len == cut.len);
        assert(memcmp(whole.message, cut.message, whole.len) == 0);
        check(&whole, (data[0] & 1) != 0);
    }
    minke__frame_inbox_free(&whole);
    minke__frame_inbox_free(&cut);
    assert(test.blocks == 0);
    return 0;
}
