/*
 * The messages of /webrtc-signaling/0.0.1 (spec/webrtc-private.md 4), on a stream over a relay:
 *
 *     offerer                         answerer
 *       | SDP_OFFER ------------------->|
 *       | ICE_CANDIDATE .. ------------>|     may be in the same bytes as the offer
 *       |<------------------ SDP_ANSWER |     always the answerer's first
 *       |<--------------- ICE_CANDIDATE |
 *
 * Bytes become messages in a minke_frame_inbox_t whose limit is MINKE_SIGNALLING_MESSAGE_MAX.
 */
#ifndef MINKE_SIGNALLING_MESSAGE_H
#define MINKE_SIGNALLING_MESSAGE_H

#include <minke/types.h>

#include "base/wire.h"

enum {
    MINKE_SIGNALLING_MESSAGE_MAX = 65536, /* read: of a message without its length prefix, py-libp2p's limit */
    MINKE_SIGNALLING_SEND_MAX = 16384,    /* written, likewise */
    MINKE_SIGNALLING_PREFIX_MAX = 3
};

typedef enum minke_signalling_type {
    MINKE_SIGNALLING_OTHER = -1, /* absent, or a number that we do not know: not an offer for js either */
    MINKE_SIGNALLING_SDP_OFFER = 0,
    MINKE_SIGNALLING_SDP_ANSWER = 1,
    MINKE_SIGNALLING_ICE_CANDIDATE = 2,
    MINKE_SIGNALLING_ICE_DONE = 3 /* py-libp2p's own: no more candidates. Never sent: js stops reading at it */
} minke_signalling_type_t;

typedef struct minke_signalling_message {
    minke_signalling_type_t type;
    minke_slice_t data; /* a description, or a candidate's JSON; NULL: absent. It leads into the input */
} minke_signalling_message_t;

/* One message without its length prefix; the last of a field that comes twice wins. MINKE_ERROR_MALFORMED. */
MINKE_MUST_USE int minke__signalling_read(const uint8_t *message, size_t len, minke_signalling_message_t *out);
/*
 * One message with its length prefix; the type is written even if it is 0. Nothing is written with an error:
 * MINKE_ERROR_INVALID: a type that is never sent; MINKE_ERROR_TOO_LARGE: above MINKE_SIGNALLING_SEND_MAX;
 * MINKE_ERROR_NO_SPACE.
 */
MINKE_MUST_USE int minke__signalling_write(const minke_signalling_message_t *message, minke_writer_t *out);

#endif
