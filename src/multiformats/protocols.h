/* The protocols of multiaddrs: names, sizes and which values are good (spec/host.md 2). */
#ifndef MINKE_MULTIFORMATS_PROTOCOLS_H
#define MINKE_MULTIFORMATS_PROTOCOLS_H

#include "multiformats/multiaddr.h"

typedef enum minke_protocol_value {
    MINKE_VALUE_NONE,
    MINKE_VALUE_IP4,
    MINKE_VALUE_IP6,
    MINKE_VALUE_PORT,
    MINKE_VALUE_NAME, /* visible ASCII without '/' */
    MINKE_VALUE_PATH, /* begins with '/' and takes the rest of the address */
    MINKE_VALUE_PEER,
    MINKE_VALUE_MULTIHASH
} minke_protocol_value_t;

typedef struct minke_protocol {
    uint32_t code;
    const char *name;
    minke_protocol_value_t value;
} minke_protocol_t;

/* NULL: unknown. */
const minke_protocol_t *minke__protocol_by_code(uint64_t code);
const minke_protocol_t *minke__protocol_by_name(const char *name, size_t len);
/* The size of its binary value; SIZE_MAX: a length goes in front. */
size_t minke__protocol_size(const minke_protocol_t *protocol);
/* Is this binary value one that the protocol may have? Its size included. */
bool minke__protocol_accepts(const minke_protocol_t *protocol, const uint8_t *value, size_t len);

#endif
