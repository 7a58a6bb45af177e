/*
 * Candidates as the JSON of RTCIceCandidate (spec/webrtc-private.md 5): what an ICE_CANDIDATE message carries.
 *
 *     {"candidate":"candidate:1 1 udp ..","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"Qx7a"}
 *
 * The JSON itself is jansson's. Its memory comes from the C library and not from an account: it lives for the length of
 * one call, and follows from the size of the input, of which 4 KiB are the most.
 */
#ifndef MINKE_SIGNALLING_CANDIDATE_JSON_H
#define MINKE_SIGNALLING_CANDIDATE_JSON_H

#include "base/env.h"
#include "signalling/candidate_text.h"

enum {
    MINKE_CANDIDATE_JSON_MAX = 4096,   /* bytes that are read */
    MINKE_CANDIDATE_JSON_BYTES = 1024, /* what the longest that is written fits in */
    MINKE_CANDIDATE_JSON_OPEN_MAX = 32 /* brackets and braces that open, in all: a candidate has one */
};

/*
 * `mid` is that of the description, `ufrag` the remote's; both terminated, NULL or "": not compared.
 *
 *     OK            kind END: nothing at all, null, "", {}, an object whose candidate is "" or absent,
 * end-of-candidates UNSUPPORTED   of no use: see candidate_text.h; or of another mid, m-line or ufrag MALFORMED     no
 * JSON, no candidate TOO_LARGE     above MINKE_CANDIDATE_JSON_MAX NO_MEMORY
 *
 * With the middle three `*why` is a sentence for people, kept for ever; otherwise NULL.
 */
MINKE_MUST_USE int minke__candidate_json_read(const minke_env_t *env, const uint8_t *json, size_t len, const char *mid,
                                              const char *ufrag, minke_remote_candidate_t *out, const char **why);
/*
 * All four keys, since browsers want a place and drop candidates of another ufrag. `ufrag`: ours; `mid` NULL or "": the
 * description has none, null is written. MINKE_ERROR_NO_SPACE, MINKE_ERROR_NO_MEMORY: nothing is written.
 */
MINKE_MUST_USE int minke__candidate_json_write(const minke_env_t *env, const minke_candidate_t *candidate,
                                               const char *mid, const char *ufrag, minke_writer_t *out);

#endif
