/*
 * Session descriptions of a connection that is one data channel transport (RFC 8866, 8839, 8841, 8842, 8122;
 * spec/webrtc-private.md 6): what SDP_OFFER and SDP_ANSWER carry. There is exactly one m= line.
 *
 *     offerer  write(ACTPASS) -- offer -->  read(OFFER)        ufrag, pwd, fingerprints, setup, mid, sizes, candidates
 *              read(ANSWER)  <-- answer --  write(answer_setup, mid of the offer)
 */
#ifndef MINKE_SIGNALLING_SDP_H
#define MINKE_SIGNALLING_SDP_H

#include "base/wire.h"
#include "ice/credentials.h"
#include "signalling/candidate_text.h"
#include "signalling/fingerprint.h"

enum {
    MINKE_SDP_MAX = 65536,        /* bytes of a description that is read */
    MINKE_SDP_LINE_MAX = 8192,    /* of one of its lines */
    MINKE_SDP_BYTES = 1152,       /* what the longest that is written fits in */
    MINKE_SDP_MID_MAX = 64,       /* characters */
    MINKE_SDP_CANDIDATES_MAX = 64 /* that are kept */
};

typedef enum minke_sdp_kind { MINKE_SDP_OFFER, MINKE_SDP_ANSWER } minke_sdp_kind_t;

/* Who begins the DTLS handshake (RFC 8842 5). */
typedef enum minke_sdp_setup {
    MINKE_SDP_ACTPASS, /* the answerer chooses: in offers alone */
    MINKE_SDP_ACTIVE,  /* whoever says so is the DTLS client */
    MINKE_SDP_PASSIVE  /* and the server */
} minke_sdp_setup_t;

/* ---- ours */

typedef struct minke_local_description {
    const minke_ice_credentials_t *credentials;
    const uint8_t *fingerprint; /* SHA-256 of our certificate, 32 bytes */
    uint64_t session_id;        /* random, below 2^63 (RFC 9429 5.2.1) */
    minke_sdp_setup_t setup;    /* ACTPASS: an offer */
    const char *mid;            /* terminated: "0" in an offer, in an answer that of the offer. "": none is written */
    uint64_t max_message_size;  /* bytes that we can receive; 0: no limit */
} minke_local_description_t;

/* Without candidates: see below. MINKE_ERROR_INVALID: credentials or a mid out of range; MINKE_ERROR_NO_SPACE.
 * Nothing is written then. The same description is the same text. */
MINKE_MUST_USE int minke__sdp_write(const minke_local_description_t *description, minke_writer_t *out);

/* Further lines of the same, where all is told at once: "a=candidate:..", and in the end that there are no more.
 * MINKE_ERROR_NO_SPACE: nothing is written. */
MINKE_MUST_USE int minke__sdp_write_candidate(const minke_candidate_t *candidate, minke_writer_t *out);
MINKE_MUST_USE int minke__sdp_write_end_of_candidates(minke_writer_t *out);

/* ---- the remote's */

/* 10 KiB: mind the stack. */
typedef struct minke_remote_description {
    minke_ice_credentials_t credentials;
    minke_fingerprints_t fingerprints; /* at least one */
    minke_sdp_setup_t setup;           /* not ACTPASS in an answer */
    char mid[MINKE_SDP_MID_MAX + 1];   /* terminated; "": it has none */
    uint16_t sctp_port;                /* 5000 if it does not say */
    uint64_t max_message_size;         /* 65536 if it does not say; 0: no limit (RFC 8841 6) */
    bool ice_lite;                     /* it sends no checks: we must be controlling */
    bool end_of_candidates;            /* no more than these will come */
    minke_remote_candidate_t candidates[MINKE_SDP_CANDIDATES_MAX]; /* kinds ADDRESS and NAME */
    size_t candidates_n;
    size_t ignored_n;        /* further candidates: of no use, malformed, or more than are kept */
    const char *ignored_why; /* the first of them; NULL: there is none. Kept for ever */
} minke_remote_description_t;

/*
 * LF or CRLF; what is unknown is skipped; the media level wins over the session level. `*why` is NULL, or with an error
 * a sentence for people that names the line and what was expected, kept for ever.
 *
 *     MALFORMED     not a description, or a needed part is absent or not as it must be
 *     UNSUPPORTED   nothing that we could answer: media, a rejected m= line, holdconn, only hashes that we do not trust
 *     TOO_LARGE     above the limits
 *
 * `*out` is undefined then.
 */
MINKE_MUST_USE int minke__sdp_read(minke_sdp_kind_t kind, const uint8_t *text, size_t len,
                                   minke_remote_description_t *out, const char **why);
/* What an answer says to an offer's setup: active, as the RFC asks, unless the offerer insists on being that. */
minke_sdp_setup_t minke__sdp_answer_setup(minke_sdp_setup_t offer);

#endif
