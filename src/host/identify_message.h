/* The Identify message (spec/host.md 8), written and read by hand on the wire cursors. */
#ifndef MINKE_HOST_IDENTIFY_MESSAGE_H
#define MINKE_HOST_IDENTIFY_MESSAGE_H

#include "base/env.h"
#include "base/wire.h"
#include "multiformats/multiaddr.h"

enum {
    MINKE_IDENTIFY_MAX = 8192,      /* what we read in all */
    MINKE_IDENTIFY_SEND_MAX = 4096, /* what we write: rust's limit */
    MINKE_IDENTIFY_ADDRESSES_MAX = 32,
    MINKE_IDENTIFY_PROTOCOLS_MAX = 128
};

/* Absent fields are {NULL, 0}; slices lead into the input. */
typedef struct minke_identify {
    minke_slice_t public_key;
    minke_slice_t listen_addresses[MINKE_IDENTIFY_ADDRESSES_MAX]; /* binary multiaddrs; what does not fit is left out */
    size_t listen_addresses_n;
    minke_slice_t protocols[MINKE_IDENTIFY_PROTOCOLS_MAX];
    size_t protocols_n;
    minke_slice_t observed_address;
    minke_slice_t protocol_version;
    minke_slice_t agent_version;
    minke_slice_t signed_peer_record;
} minke_identify_t;

/* One message without its length prefix. MINKE_ERROR_NO_SPACE: nothing is written. Give no more room than
 * MINKE_IDENTIFY_SEND_MAX for what is sent. */
MINKE_MUST_USE int minke__identify_write(const minke_identify_t *identify, minke_writer_t *out);
/* All messages up to the end of `data`, each with its uvarint length prefix, merged: later scalars win, lists add up.
 * No message at all is as good as an empty one; more than ten are not. MINKE_ERROR_MALFORMED. */
MINKE_MUST_USE int minke__identify_read(const uint8_t *data, size_t len, minke_identify_t *out);

/* One message without its length prefix. MINKE_ERROR_MALFORMED. */
MINKE_MUST_USE int minke__identify_read_one(const uint8_t *data, size_t len, minke_identify_t *out);

#endif
