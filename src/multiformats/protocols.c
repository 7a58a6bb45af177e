#include "multiformats/protocols.h"

#include <string.h>

enum { MULTIHASH_SHA2_256 = 0x12, DNS_NAME_MAX = 253 };

static const minke_protocol_t protocols[] = {
    {MINKE_MULTIADDR_IP4, "ip4", MINKE_VALUE_IP4},
    {MINKE_MULTIADDR_TCP, "tcp", MINKE_VALUE_PORT},
    {MINKE_MULTIADDR_IP6, "ip6", MINKE_VALUE_IP6},
    {MINKE_MULTIADDR_IP6ZONE, "ip6zone", MINKE_VALUE_NAME},
    {MINKE_MULTIADDR_DNS, "dns", MINKE_VALUE_NAME},
    {MINKE_MULTIADDR_DNS4, "dns4", MINKE_VALUE_NAME},
    {MINKE_MULTIADDR_DNS6, "dns6", MINKE_VALUE_NAME},
    {MINKE_MULTIADDR_DNSADDR, "dnsaddr", MINKE_VALUE_NAME},
    {MINKE_MULTIADDR_UDP, "udp", MINKE_VALUE_PORT},
    {MINKE_MULTIADDR_WEBRTC_DIRECT, "webrtc-direct", MINKE_VALUE_NONE},
    {MINKE_MULTIADDR_WEBRTC, "webrtc", MINKE_VALUE_NONE},
    {MINKE_MULTIADDR_P2P_CIRCUIT, "p2p-circuit", MINKE_VALUE_NONE},
    {MINKE_MULTIADDR_UNIX, "unix", MINKE_VALUE_PATH},
    {MINKE_MULTIADDR_P2P, "p2p", MINKE_VALUE_PEER},
    {MINKE_MULTIADDR_P2P, "ipfs", MINKE_VALUE_PEER}, /* the old name; by code the first one is found */
    {MINKE_MULTIADDR_TLS, "tls", MINKE_VALUE_NONE},
    {MINKE_MULTIADDR_SNI, "sni", MINKE_VALUE_NAME},
    {MINKE_MULTIADDR_QUIC, "quic", MINKE_VALUE_NONE},
    {MINKE_MULTIADDR_QUIC_V1, "quic-v1", MINKE_VALUE_NONE},
    {MINKE_MULTIADDR_WEBTRANSPORT, "webtransport", MINKE_VALUE_NONE},
    {MINKE_MULTIADDR_CERTHASH, "certhash", MINKE_VALUE_MULTIHASH},
    {MINKE_MULTIADDR_WS, "ws", MINKE_VALUE_NONE},
    {MINKE_MULTIADDR_WSS, "wss", MINKE_VALUE_NONE},
    {MINKE_MULTIADDR_HTTP, "http", MINKE_VALUE_NONE},
    {MINKE_MULTIADDR_MEMORY, "memory", MINKE_VALUE_NAME},
};

enum { PROTOCOLS_N = sizeof protocols / sizeof protocols[0] };

const minke_protocol_t *minke__protocol_by_code(uint64_t code)
{
    for (size_t i = 0; i < PROTOCOLS_N; i++) {
        if (protocols[i].code == code) return &protocols[i];
    }
    return NULL;
}

const minke_protocol_t *minke__protocol_by_name(const char *name, size_t len)
{
    for (size_t i = 0; i < PROTOCOLS_N; i++) {
        if (strlen(protocols[i].name) == len && memcmp(protocols[i].name, name, len) == 0) return &protocols[i];
    }
    return NULL;
}

size_t minke__protocol_size(const minke_protocol_t *protocol)
{
    switch (protocol->value) {
    case MINKE_VALUE_NONE: return 0;
    case MINKE_VALUE_IP4: return 4;
    case MINKE_VALUE_IP6: return 16;
    case MINKE_VALUE_PORT: return 2;
    case MINKE_VALUE_NAME:
    case MINKE_VALUE_PATH:
    case MINKE_VALUE_PEER:
    case MINKE_VALUE_MULTIHASH: break;
    }
    return SIZE_MAX;
}

/* Names are printed and given to resolvers; anything but visible ASCII would be trouble in both. */
static bool is_name(const uint8_t *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (value[i] <= ' ' || value[i] >= 0x7f || value[i] == '/') return false;
    }
    return len > 0 && len <= DNS_NAME_MAX;
}

static bool is_path(const uint8_t *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (value[i] < ' ' || value[i] == 0x7f) return false;
    }
    return len > 1 && value[0] == '/';
}

static bool is_multihash(const uint8_t *value, size_t len)
{
    minke_reader_t r = minke__reader(value, len);
    const uint64_t hash = minke__read_uvarint(&r);
    const uint64_t digest_len = minke__read_uvarint(&r);
    return !r.failed && digest_len == minke__reader_left(&r) && digest_len > 0 &&
           (hash != MULTIHASH_SHA2_256 || digest_len == 32);
}

bool minke__protocol_accepts(const minke_protocol_t *protocol, const uint8_t *value, size_t len)
{
    minke_peer_id_t peer;
    switch (protocol->value) {
    case MINKE_VALUE_NAME: return is_name(value, len);
    case MINKE_VALUE_PATH: return is_path(value, len);
    case MINKE_VALUE_PEER: return minke__peer_id_from_bytes(value, len, &peer);
    case MINKE_VALUE_MULTIHASH: return is_multihash(value, len);
    case MINKE_VALUE_NONE:
    case MINKE_VALUE_IP4:
    case MINKE_VALUE_IP6:
    case MINKE_VALUE_PORT: break;
    }
    return len == minke__protocol_size(protocol);
}
