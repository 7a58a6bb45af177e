/* A description as it comes from the remote, read as an offer and as an answer: whatever is accepted keeps its
 * promises, and an answer to it can be written and read. */
#include <assert.h>
#include <string.h>

#include "signalling/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static minke_remote_description_t remote, again;

static void check_candidates(void)
{
    assert(remote.candidates_n <= MINKE_SDP_CANDIDATES_MAX);
    assert((remote.ignored_n == 0) == (remote.ignored_why == NULL));
    for (size_t i = 0; i < remote.candidates_n; i++) {
        const minke_remote_candidate_t *c = &remote.candidates[i];
        if (c->kind == MINKE_REMOTE_CANDIDATE_ADDRESS) {
            assert(c->name[0] == 0 && minke__candidate_is_sendable(&c->candidate.address));
        } else {
            assert(c->kind == MINKE_REMOTE_CANDIDATE_NAME && strlen(c->name) == MINKE_MDNS_NAME_BYTES - 1);
        }
    }
}

/* Ours, with everything that is taken over from theirs, and more. */
static void check_answer(void)
{
    uint8_t text[MINKE_SDP_BYTES];
    const char *why;
    const minke_local_description_t local = {
        .credentials = &remote.credentials,
        .fingerprint = remote.fingerprints.list[0].digest,
        .session_id = remote.max_message_size,
        .setup = minke__sdp_answer_setup(remote.setup),
        .mid = remote.mid,
        .max_message_size = remote.max_message_size,
    };
    minke_writer_t w = minke__writer(text, sizeof text);
    const int written = minke__sdp_write(&local, &w);
    assert(written == MINKE_OK);
    const int error = minke__sdp_read(MINKE_SDP_ANSWER, text, w.len, &again, &why);
    assert(error == MINKE_OK);
    assert(strcmp(again.credentials.ufrag, remote.credentials.ufrag) == 0);
    assert(strcmp(again.credentials.pwd, remote.credentials.pwd) == 0);
    assert(strcmp(again.mid, remote.mid) == 0 && again.setup == local.setup);
    assert(again.max_message_size == remote.max_message_size && again.sctp_port == 5000);
    assert(memcmp(again.fingerprints.list[0].digest, remote.fingerprints.list[0].digest, 32) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int kind = MINKE_SDP_OFFER; kind <= MINKE_SDP_ANSWER; kind++) {
        const char *why;
        const int error = minke__sdp_read((minke_sdp_kind_t)kind, data, size, &remote, &why);
        assert((error == MINKE_OK) == (why == NULL));
        assert(error == MINKE_OK || error == MINKE_ERROR_MALFORMED || error == MINKE_ERROR_UNSUPPORTED ||
               error == MINKE_ERROR_TOO_LARGE);
        if (error < 0) continue;
        assert(remote.fingerprints.n > 0 && remote.fingerprints.n <= MINKE_FINGERPRINTS_MAX);
        assert(kind == MINKE_SDP_OFFER || remote.setup != MINKE_SDP_ACTPASS);
        assert(remote.sctp_port != 0);
        (void)minke__fingerprints_match(&remote.fingerprints, data, size);
        check_candidates();
        check_answer();
    }
    return 0;
}
