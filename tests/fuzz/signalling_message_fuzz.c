/* A stream of signalling messages, whole and cut: the same messages come out, each is the same when written and read
 * again, and what is in them is read as whoever receives it would. The first byte says how the stream is cut. */
#include <assert.h>
#include <string.h>

#include "base/frame_inbox.h"
#include "signalling/candidate_json.h"
#include "signalling/message.h"
#include "signalling/sdp.h"
#include "support/test_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const minke_signalling_message_t *m)
{
    static uint8_t again[MINKE_SIGNALLING_SEND_MAX + MINKE_SIGNALLING_PREFIX_MAX];
    minke_signalling_message_t same;
    minke_writer_t w = minke__writer(again, sizeof again);
    const int error = minke__signalling_write(m, &w);
    if (m->type == MINKE_SIGNALLING_OTHER || m->type == MINKE_SIGNALLING_ICE_DONE) {
        assert(error == MINKE_ERROR_INVALID);
        return;
    }
    if (error < 0) {
        assert(error == MINKE_ERROR_TOO_LARGE && m->data.len > MINKE_SIGNALLING_SEND_MAX - 8);
        return;
    }
    minke_reader_t r = minke__reader(again, w.len);
    const uint64_t len = minke__read_uvarint(&r);
    assert(len == minke__reader_left(&r));
    const int read = minke__signalling_read(again + r.at, w.len - r.at, &same);
    assert(read == MINKE_OK);
    assert(same.type == m->type && (same.data.data == NULL) == (m->data.data == NULL) && same.data.len == m->data.len);
    assert(m->data.len == 0 || memcmp(same.data.data, m->data.data, m->data.len) == 0);
}

static void check(const test_env_t *test, const minke_frame_inbox_t *inbox)
{
    static minke_remote_description_t description;
    minke_remote_candidate_t candidate;
    minke_signalling_message_t m;
    const char *why;
    const int error = minke__signalling_read(inbox->message, inbox->len, &m);
    assert(error == MINKE_OK || error == MINKE_ERROR_MALFORMED);
    if (error < 0) return;
    check_again(&m);
    if (m.type == MINKE_SIGNALLING_SDP_OFFER) {
        (void)!minke__sdp_read(MINKE_SDP_OFFER, m.data.data, m.data.len, &description, &why);
    } else if (m.type == MINKE_SIGNALLING_SDP_ANSWER) {
        (void)!minke__sdp_read(MINKE_SDP_ANSWER, m.data.data, m.data.len, &description, &why);
    } else if (m.type == MINKE_SIGNALLING_ICE_CANDIDATE) {
        (void)!minke__candidate_json_read(&test->env, m.data.data, m.data.len, "0", NULL, &candidate, &why);
    }
}

/* How many messages there were, and what ended it. */
static size_t run(const test_env_t *test, const uint8_t *data, size_t size, size_t step, int *end)
{
    minke_frame_inbox_t inbox;
    size_t messages_n = 0;
    minke__frame_inbox_init(&inbox, &test->env, MINKE_SIGNALLING_MESSAGE_MAX);
    *end = MINKE_ERROR_AGAIN;
    for (size_t at = 0; at < size && messages_n < 64;) {
        size_t taken;
        const size_t n = size - at < step ? size - at : step;
        *end = minke__frame_inbox_take(&inbox, data + at, n, &taken);
        assert(taken <= n);
        at += taken;
        if (*end == MINKE_ERROR_AGAIN) continue;
        if (*end < 0) break;
        messages_n++;
        check(test, &inbox);
        minke__frame_inbox_free(&inbox);
    }
    minke__frame_inbox_free(&inbox);
    return messages_n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    test_env_t test;
    int whole, cut;
    test_env_init(&test, 1);
    const size_t whole_n = run(&test, data + 1, size - 1, SIZE_MAX, &whole);
    const size_t cut_n = run(&test, data + 1, size - 1, 1 + data[0] % 32, &cut);
    assert(whole_n == cut_n && whole == cut && test.blocks == 0);
    return 0;
}
