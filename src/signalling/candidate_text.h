/*
 * Candidates as lines of text (RFC 8839 5.1; spec/webrtc-private.md 5):
 *
 *     candidate:1 1 udp 2130706431 192.0.2.7 40000 typ host
 *     candidate:2 1 UDP 1694498815 198.51.100.9 40001 typ srflx raddr 192.0.2.7 rport 40000 generation 0
 *
 *     read ---> OK            an address, or the name that a browser hides one behind
 *          ---> UNSUPPORTED   well formed and of no use to us: TCP, another component, a host name
 *          ---> MALFORMED
 *
 * Neither of the last two is the end of anything: such a candidate is left out, and others may follow.
 */
#ifndef MINKE_SIGNALLING_CANDIDATE_TEXT_H
#define MINKE_SIGNALLING_CANDIDATE_TEXT_H

#include "base/wire.h"
#include "ice/candidate.h"

enum {
    MINKE_MDNS_NAME_BYTES = 43,       /* a UUID of 36 characters, ".local", the terminator */
    MINKE_CANDIDATE_TEXT_BYTES = 256, /* what the longest line that is written fits in */
    /* The port that a line without a related address is written with (RFC 8839 5.1). */
    MINKE_CANDIDATE_NO_PORT = 9
};

typedef enum minke_remote_candidate_kind {
    MINKE_REMOTE_CANDIDATE_ADDRESS, /* `candidate` is complete */
    MINKE_REMOTE_CANDIDATE_NAME,    /* all but the IP of `candidate.address`, whose family is NONE: `name` hides it */
    MINKE_REMOTE_CANDIDATE_END      /* no more candidates, in JSON alone; the other fields are empty */
} minke_remote_candidate_kind_t;

typedef struct minke_remote_candidate {
    minke_remote_candidate_kind_t kind;
    minke_candidate_t candidate;
    /* NAME: "<uuid>.local" in lower case, for multicast DNS alone (draft-ietf-mmusic-mdns-ice-candidates). No other
     * name is ever returned: a resolver would let the remote make us ask for anything. Otherwise "". */
    char name[MINKE_MDNS_NAME_BYTES];
} minke_remote_candidate_t;

/*
 * One line, with or without "a=" and "candidate:", and without what ends it. `ufrag`: the remote's, terminated; a line
 * that names another belongs to another session. NULL: not compared.
 * MINKE_ERROR_UNSUPPORTED, MINKE_ERROR_MALFORMED: `*why` is a sentence for people then, kept for ever.
 */
MINKE_MUST_USE int minke__candidate_text_read(const char *line, size_t len, const char *ufrag,
                                              minke_remote_candidate_t *out, const char **why);
/* "candidate:.." for component 1 and UDP, without "a=" and terminator. A type that has a related address is written
 * with one that says nothing if it is unknown, since the grammar wants it. MINKE_ERROR_NO_SPACE: nothing is written. */
MINKE_MUST_USE int minke__candidate_text_write(const minke_candidate_t *candidate, minke_writer_t *out);

#endif
