/*
 * Multiaddrs (spec/host.md 2, spec/webrtc-direct.md 1): the binary form is what travels and what we keep; text is for
 * people. A multiaddr here is a run of bytes; these functions check it, print it, read it and walk its components.
 */
#ifndef MINKE_MULTIFORMATS_MULTIADDR_H
#define MINKE_MULTIFORMATS_MULTIADDR_H

#include <minke/types.h>

#include "base/wire.h"
#include "crypto/identity.h"

/* Codes of https://github.com/multiformats/multicodec that we know. */
typedef enum minke_multiaddr_code {
    MINKE_MULTIADDR_IP4 = 4,
    MINKE_MULTIADDR_TCP = 6,
    MINKE_MULTIADDR_IP6 = 41,
    MINKE_MULTIADDR_IP6ZONE = 42,
    MINKE_MULTIADDR_DNS = 53,
    MINKE_MULTIADDR_DNS4 = 54,
    MINKE_MULTIADDR_DNS6 = 55,
    MINKE_MULTIADDR_DNSADDR = 56,
    MINKE_MULTIADDR_UDP = 273,
    MINKE_MULTIADDR_WEBRTC_DIRECT = 280,
    MINKE_MULTIADDR_WEBRTC = 281,
    MINKE_MULTIADDR_P2P_CIRCUIT = 290,
    MINKE_MULTIADDR_UNIX = 400,
    MINKE_MULTIADDR_P2P = 421,
    MINKE_MULTIADDR_TLS = 448,
    MINKE_MULTIADDR_SNI = 449,
    MINKE_MULTIADDR_QUIC = 460,
    MINKE_MULTIADDR_QUIC_V1 = 461,
    MINKE_MULTIADDR_WEBTRANSPORT = 465,
    MINKE_MULTIADDR_CERTHASH = 466,
    MINKE_MULTIADDR_WS = 477,
    MINKE_MULTIADDR_WSS = 478,
    MINKE_MULTIADDR_HTTP = 480,
    MINKE_MULTIADDR_MEMORY = 777
} minke_multiaddr_code_t;

enum { MINKE_MULTIADDR_MAX = 512, MINKE_MULTIADDR_TEXT_BYTES = 1024 };

typedef struct minke_multiaddr {
    uint16_t len;
    uint8_t bytes[MINKE_MULTIADDR_MAX];
} minke_multiaddr_t;

/* One component; `value` leads into the address, without its length prefix. */
typedef struct minke_multiaddr_component {
    uint32_t code;
    const uint8_t *value;
    size_t value_len;
} minke_multiaddr_component_t;

/* MINKE_ERROR_MALFORMED, MINKE_ERROR_UNSUPPORTED (unknown protocol), MINKE_ERROR_TOO_LARGE. The alias /ipfs/ is read as
 * /p2p/. */
MINKE_MUST_USE int minke__multiaddr_parse(const char *text, size_t len, minke_multiaddr_t *out);
/* Checks and copies the binary form. Same errors. */
MINKE_MUST_USE int minke__multiaddr_from_bytes(const uint8_t *bytes, size_t len, minke_multiaddr_t *out);
/* Terminated text; returns its length or MINKE_ERROR_NO_SPACE. The address must be valid. */
MINKE_MUST_USE ssize_t minke__multiaddr_text(const minke_multiaddr_t *address, char *out, size_t capacity);
/* Goes to the next component; *at starts at 0. False at the end. The address must be valid. */
bool minke__multiaddr_next(const minke_multiaddr_t *address, size_t *at, minke_multiaddr_component_t *component);
MINKE_MUST_USE int minke__multiaddr_append(minke_multiaddr_t *address, uint32_t code, const void *value,
                                           size_t value_len);
/* Appends [/ip6zone/..]/ip4|ip6/..; the port is left out. MINKE_ERROR_ADDRESS: no family. */
MINKE_MUST_USE int minke__multiaddr_append_ip(minke_multiaddr_t *out, const minke_address_t *address);

/* What a webrtc-direct address says. */
typedef struct minke_direct_address {
    minke_address_t address;
    uint8_t certhashes_n;
    uint8_t certhashes[4][32]; /* sha2-256 only; others are skipped */
    minke_peer_id_t peer;      /* len 0: none given */
} minke_direct_address_t;

/* /ip4|ip6/../udp/../webrtc-direct[/certhash/..]*[/p2p/..]. MINKE_ERROR_ADDRESS if it is another kind. */
MINKE_MUST_USE int minke__multiaddr_to_direct(const minke_multiaddr_t *address, minke_direct_address_t *out);
MINKE_MUST_USE int minke__multiaddr_from_direct(const minke_direct_address_t *direct, minke_multiaddr_t *out);

#endif
