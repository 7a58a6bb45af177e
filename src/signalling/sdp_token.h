/* What reading and writing a description share: which texts may stand in one. */
#ifndef MINKE_SIGNALLING_SDP_TOKEN_H
#define MINKE_SIGNALLING_SDP_TOKEN_H

#include <stdbool.h>

#include "base/wire.h"

enum { MINKE_SDP_UFRAG_MIN = 4, MINKE_SDP_PWD_MIN = 22 }; /* RFC 8839 5.4 */

/* A token (RFC 8866 9) of 1 to MINKE_SDP_MID_MAX characters. */
bool minke__sdp_is_mid(minke_slice_t text);

#endif
