/* webrtc-direct addresses (spec/webrtc-direct.md 1), with the zone of a link-local address in front when it has one. */
#include <string.h>

#include "base/address.h"
#include "multiformats/target.h"

enum { SHA2_256_BYTES = 32, CERTHASHES_MAX = 4 };

static const uint8_t sha2_256_head[] = {0x12, SHA2_256_BYTES};

static void add_certhash(minke_direct_address_t *out, const minke_multiaddr_component_t *component)
{
    if (component->value_len != sizeof sha2_256_head + SHA2_256_BYTES || out->certhashes_n == CERTHASHES_MAX ||
        memcmp(component->value, sha2_256_head, sizeof sha2_256_head) != 0) {
        return;
    }
    memcpy(out->certhashes[out->certhashes_n++], component->value + sizeof sha2_256_head, SHA2_256_BYTES);
}

int minke__multiaddr_to_direct(const minke_multiaddr_t *address, minke_direct_address_t *out)
{
    minke_target_t target;
    minke_multiaddr_component_t component;
    *out = (minke_direct_address_t){0};
    if (minke__target_parse(address, &target) < 0) return MINKE_ERROR_ADDRESS;
    if (target.kind != MINKE_TARGET_DIRECT || target.name[0] != 0 || target.circuit) return MINKE_ERROR_ADDRESS;
    out->address = target.address;
    out->peer = target.peer;
    for (size_t at = 0; minke__multiaddr_next(address, &at, &component);) {
        if (component.code == MINKE_MULTIADDR_CERTHASH) add_certhash(out, &component);
    }
    return MINKE_OK;
}

/* [/ip6zone/..]/ip4|ip6/.. */
int minke__multiaddr_append_ip(minke_multiaddr_t *out, const minke_address_t *address)
{
    const bool ip4 = address->family == MINKE_FAMILY_IP4;
    int result = MINKE_OK;
    if (!ip4 && address->family != MINKE_FAMILY_IP6) return MINKE_ERROR_ADDRESS;
    if (!ip4 && address->scope != 0) {
        char zone[10];
        minke_writer_t w = minke__writer(zone, sizeof zone);
        minke__write_decimal(&w, address->scope);
        result = minke__multiaddr_append(out, MINKE_MULTIADDR_IP6ZONE, zone, w.len);
    }
    if (result < 0) return result;
    return minke__multiaddr_append(out, ip4 ? MINKE_MULTIADDR_IP4 : MINKE_MULTIADDR_IP6, address->ip,
                                   minke__ip_len(address->family));
}

static int append_base(const minke_address_t *address, minke_multiaddr_t *out)
{
    const uint8_t port[2] = {(uint8_t)(address->port >> 8), (uint8_t)address->port};
    int result = minke__multiaddr_append_ip(out, address);
    if (result == MINKE_OK) result = minke__multiaddr_append(out, MINKE_MULTIADDR_UDP, port, sizeof port);
    if (result == MINKE_OK) result = minke__multiaddr_append(out, MINKE_MULTIADDR_WEBRTC_DIRECT, NULL, 0);
    return result;
}

int minke__multiaddr_from_direct(const minke_direct_address_t *direct, minke_multiaddr_t *out)
{
    uint8_t hash[sizeof sha2_256_head + SHA2_256_BYTES];
    out->len = 0;
    if (direct->certhashes_n > CERTHASHES_MAX) return MINKE_ERROR_INVALID;
    int result = append_base(&direct->address, out);
    memcpy(hash, sha2_256_head, sizeof sha2_256_head);
    for (size_t i = 0; result == MINKE_OK && i < direct->certhashes_n; i++) {
        memcpy(hash + sizeof sha2_256_head, direct->certhashes[i], SHA2_256_BYTES);
        result = minke__multiaddr_append(out, MINKE_MULTIADDR_CERTHASH, hash, sizeof hash);
    }
    if (result == MINKE_OK && direct->peer.len > 0) {
        result = minke__multiaddr_append(out, MINKE_MULTIADDR_P2P, direct->peer.bytes, direct->peer.len);
    }
    return result;
}
