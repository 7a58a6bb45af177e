/* The remote's side of a negotiation, whole and in pieces: the same answers, the same end, at the same byte. The first
 * byte of the input says our role and the size of the pieces. */
#include <assert.h>
#include <string.h>

#include "multistream/multistream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 4096 };

typedef struct outcome {
    minke_multistream_result_t result;
    int protocol;
    size_t taken, out_len;
    uint8_t out[ROOM];
} outcome_t;

static const char *const protocols[] = {"/ipfs/ping/1.0.0", "/a", "/echo/1.0.0"};

static int lookup(void *user, const char *name, size_t len)
{
    (void)user;
    for (int i = 0; i < 3; i++) {
        if (len == strlen(protocols[i]) && memcmp(name, protocols[i], len) == 0) return i;
    }
    return -1;
}

static void negotiate(bool initiator, const uint8_t *data, size_t size, size_t step, outcome_t *outcome)
{
    minke_multistream_t negotiation;
    minke_writer_t w = minke__writer(outcome->out, ROOM);
    outcome->result = MINKE_MULTISTREAM_MORE;
    outcome->taken = 0;
    if (initiator) {
        minke__multistream_initiate(&negotiation, protocols, 3);
        minke__multistream_start(&negotiation, &w);
    } else {
        minke__multistream_respond(&negotiation);
    }
    while (outcome->taken < size && outcome->result == MINKE_MULTISTREAM_MORE) {
        const size_t left = size - outcome->taken, len = left < step ? left : step;
        size_t taken;
        outcome->result = minke__multistream_recv(&negotiation, data + outcome->taken, len, &taken, &w, lookup, NULL);
        assert(taken <= len);
        assert(outcome->result != MINKE_MULTISTREAM_MORE || taken == len);
        outcome->taken += taken;
    }
    assert(!w.failed);
    outcome->out_len = w.len;
    outcome->protocol = minke__multistream_protocol(&negotiation);
    assert((outcome->protocol >= 0) == (outcome->result == MINKE_MULTISTREAM_SELECTED));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static outcome_t whole, pieces;
    if (size == 0) return 0;
    const bool initiator = data[0] & 1;
    negotiate(initiator, data + 1, size - 1, size, &whole);
    negotiate(initiator, data + 1, size - 1, (size_t)(data[0] >> 1) % 32 + 1, &pieces);
    assert(whole.result == pieces.result && whole.protocol == pieces.protocol && whole.taken == pieces.taken);
    assert(whole.out_len == pieces.out_len && memcmp(whole.out, pieces.out, whole.out_len) == 0);
    return 0;
}
