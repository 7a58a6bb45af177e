#include "multiformats/target.h"

#include <string.h>

#include "base/address.h"

static bool is_name(uint32_t code)
{
    return code == MINKE_MULTIADDR_DNS || code == MINKE_MULTIADDR_DNS4 || code == MINKE_MULTIADDR_DNS6 ||
           code == MINKE_MULTIADDR_DNSADDR;
}

static bool copy_name(const minke_multiaddr_component_t *component, char out[MINKE_NAME_BYTES])
{
    if (component->value_len == 0 || component->value_len >= MINKE_NAME_BYTES) return false;
    memcpy(out, component->value, component->value_len);
    out[component->value_len] = 0;
    return true;
}

/* ---- the components, one after the other: `component` is always the one to look at, or none is left */

typedef struct walk {
    const minke_multiaddr_t *address;
    size_t at, begun_at; /* begun_at: where `component` begins */
    bool left;
    minke_multiaddr_component_t component;
} walk_t;

static void next(walk_t *walk)
{
    walk->begun_at = walk->at;
    walk->left = minke__multiaddr_next(walk->address, &walk->at, &walk->component);
}

static bool is(const walk_t *walk, minke_multiaddr_code_t code)
{
    return walk->left && walk->component.code == (uint32_t)code;
}

static bool skip(walk_t *walk, minke_multiaddr_code_t code)
{
    if (!is(walk, code)) return false;
    next(walk);
    return true;
}

static bool read_port(walk_t *walk, minke_target_t *out)
{
    out->address.port = (uint16_t)(walk->component.value[0] << 8 | walk->component.value[1]);
    next(walk);
    return true;
}

/* A zone is the interface's index here: its name is the system's business. */
static bool read_zone(walk_t *walk, minke_target_t *out)
{
    uint64_t value = 0;
    if (!is(walk, MINKE_MULTIADDR_IP6ZONE)) return true;
    for (size_t i = 0; i < walk->component.value_len; i++) {
        const uint8_t digit = walk->component.value[i];
        if (digit < '0' || digit > '9' || value > UINT32_MAX / 10) return false;
        value = value * 10 + (uint64_t)(digit - '0');
    }
    next(walk);
    out->address.scope = (uint32_t)value;
    return value > 0 && value <= UINT32_MAX && is(walk, MINKE_MULTIADDR_IP6);
}

static bool read_host(walk_t *walk, minke_target_t *out)
{
    if (!read_zone(walk, out)) return false;
    if (is(walk, MINKE_MULTIADDR_IP4) || is(walk, MINKE_MULTIADDR_IP6)) {
        out->address.family = is(walk, MINKE_MULTIADDR_IP4) ? MINKE_FAMILY_IP4 : MINKE_FAMILY_IP6;
        memcpy(out->address.ip, walk->component.value, walk->component.value_len);
    } else if (!walk->left || !is_name(walk->component.code) || !copy_name(&walk->component, out->name)) {
        return false;
    }
    next(walk);
    return true;
}

static bool read_direct(walk_t *walk, minke_target_t *out)
{
    if (!skip(walk, MINKE_MULTIADDR_WEBRTC_DIRECT)) return false;
    out->kind = MINKE_TARGET_DIRECT;
    while (skip(walk, MINKE_MULTIADDR_CERTHASH)) continue;
    return true;
}

/* What stands between the TCP port and the peer. */
static bool read_stream(walk_t *walk, minke_target_t *out)
{
    out->kind = MINKE_TARGET_TCP;
    if (skip(walk, MINKE_MULTIADDR_WS)) {
        out->kind = MINKE_TARGET_WEBSOCKET;
    } else if (skip(walk, MINKE_MULTIADDR_WSS)) {
        out->kind = MINKE_TARGET_WEBSOCKET_TLS;
    } else if (skip(walk, MINKE_MULTIADDR_TLS)) {
        out->kind = MINKE_TARGET_WEBSOCKET_TLS;
        if (is(walk, MINKE_MULTIADDR_SNI)) {
            if (!copy_name(&walk->component, out->sni)) return false;
            next(walk);
        }
        return skip(walk, MINKE_MULTIADDR_WS); /* /tls alone is libp2p's own TLS, which we do not speak */
    }
    return true;
}

static bool read_transport(walk_t *walk, minke_target_t *out)
{
    if (is(walk, MINKE_MULTIADDR_UDP)) return read_port(walk, out) && read_direct(walk, out);
    if (is(walk, MINKE_MULTIADDR_TCP)) return read_port(walk, out) && read_stream(walk, out);
    return false;
}

static bool read_peer(walk_t *walk, minke_peer_id_t *out)
{
    if (!is(walk, MINKE_MULTIADDR_P2P)) return true;
    if (!minke__peer_id_from_bytes(walk->component.value, walk->component.value_len, out)) return false;
    next(walk);
    return true;
}

static bool read_circuit(walk_t *walk, minke_target_t *out)
{
    if (!is(walk, MINKE_MULTIADDR_P2P_CIRCUIT)) return true;
    out->circuit = true;
    out->relay_len = walk->begun_at;
    next(walk);
    out->webrtc = skip(walk, MINKE_MULTIADDR_WEBRTC);
    return read_peer(walk, &out->destination);
}

int minke__target_parse(const minke_multiaddr_t *address, minke_target_t *out)
{
    walk_t walk = {.address = address};
    *out = (minke_target_t){0};
    next(&walk);
    const bool by_dnsaddr = is(&walk, MINKE_MULTIADDR_DNSADDR);
    if (!read_host(&walk, out)) return MINKE_ERROR_ADDRESS;
    if (!by_dnsaddr && !read_transport(&walk, out)) return MINKE_ERROR_ADDRESS;
    if (!read_peer(&walk, &out->peer) || !read_circuit(&walk, out) || walk.left) return MINKE_ERROR_ADDRESS;
    return MINKE_OK;
}

int minke__target_parse_text(const char *text, minke_multiaddr_t *binary, minke_target_t *out)
{
    minke_multiaddr_t own;
    if (binary == NULL) binary = &own;
    const int error = minke__multiaddr_parse(text, strlen(text), binary);
    return error < 0 ? error : minke__target_parse(binary, out);
}

int minke__target_write(minke_target_kind_t kind, const minke_address_t *address, const minke_peer_id_t *peer,
                        minke_multiaddr_t *out)
{
    const uint8_t port[2] = {(uint8_t)(address->port >> 8), (uint8_t)address->port};
    out->len = 0;
    int result = minke__multiaddr_append_ip(out, address);
    if (result == MINKE_OK) result = minke__multiaddr_append(out, MINKE_MULTIADDR_TCP, port, sizeof port);
    if (result == MINKE_OK && kind == MINKE_TARGET_WEBSOCKET) {
        result = minke__multiaddr_append(out, MINKE_MULTIADDR_WS, NULL, 0);
    } else if (result == MINKE_OK && kind == MINKE_TARGET_WEBSOCKET_TLS) {
        result = minke__multiaddr_append(out, MINKE_MULTIADDR_WSS, NULL, 0);
    }
    if (result == MINKE_OK && peer != NULL && peer->len > 0) {
        result = minke__multiaddr_append(out, MINKE_MULTIADDR_P2P, peer->bytes, peer->len);
    }
    return result;
}

void minke__target_host(const minke_target_t *target, char out[MINKE_NAME_BYTES])
{
    minke_writer_t w = minke__writer(out, MINKE_NAME_BYTES);
    if (target->name[0] != 0) minke__write_text(&w, target->name);
    else minke__write_ip(&w, &target->address);
    minke__write_terminator(&w);
}

int minke__target_circuit(const minke_multiaddr_t *address, minke_multiaddr_t *out)
{
    minke_target_t target;
    if (minke__target_parse(address, &target) < 0 || !target.circuit) return MINKE_ERROR_ADDRESS;
    *out = *address;
    out->len = (uint16_t)target.relay_len;
    int result = minke__multiaddr_append(out, MINKE_MULTIADDR_P2P_CIRCUIT, NULL, 0);
    if (result == MINKE_OK && target.destination.len > 0) {
        result = minke__multiaddr_append(out, MINKE_MULTIADDR_P2P, target.destination.bytes, target.destination.len);
    }
    return result;
}
