#include "ice/candidate.h"

#include "base/address.h"
#include "stun/crc32.h"

#include <string.h>

const char *minke__candidate_type_text(minke_candidate_type_t type)
{
    static const char *const texts[] = {"host", "srflx", "prflx", "relay"};
    return (unsigned)type < sizeof texts / sizeof texts[0] ? texts[type] : "unknown";
}

uint32_t minke__candidate_priority(minke_candidate_type_t type, uint16_t local_preference)
{
    static const uint8_t preferences[] = {126, 100, 110, 0};
    const uint32_t preference = (unsigned)type < sizeof preferences ? preferences[type] : 0;
    return preference << 24 | (uint32_t)local_preference << 8 | 255;
}

uint64_t minke__candidate_pair_priority(uint32_t controlling, uint32_t controlled)
{
    const uint64_t lower = controlling < controlled ? controlling : controlled;
    const uint64_t higher = controlling < controlled ? controlled : controlling;
    return (lower << 32) + 2 * higher + (controlling > controlled ? 1 : 0);
}

void minke__candidate_foundation(minke_candidate_t *candidate, const minke_address_t *base,
                                 const minke_address_t *server)
{
    uint8_t key[1 + 16 + 4 + 16] = {(uint8_t)candidate->type};
    memcpy(key + 1, base->ip, sizeof base->ip);
    minke__store_u32(key + 17, base->scope);
    if (server != NULL) memcpy(key + 21, server->ip, sizeof server->ip);
    minke_writer_t w = minke__writer(candidate->foundation, sizeof candidate->foundation);
    minke__write_decimal(&w, minke__crc32(key, sizeof key));
    minke__write_terminator(&w);
}

static bool is_sendable_ip4(const uint8_t ip[4])
{
    static const uint8_t broadcast[4] = {255, 255, 255, 255};
    const bool multicast = (ip[0] & 0xf0) == 224;
    return ip[0] != 0 && !multicast && memcmp(ip, broadcast, 4) != 0;
}

static bool is_sendable_ip6(const minke_address_t *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (address->ip[0] == 0xff || memcmp(address->ip, mapped, sizeof mapped) == 0) return false;
    if (minke__address_is_link_local(address)) return address->scope != 0;
    return !minke__address_is_unspecified(address);
}

bool minke__candidate_is_sendable(const minke_address_t *address)
{
    if (address->port == 0) return false;
    if (address->family == MINKE_FAMILY_IP4) return is_sendable_ip4(address->ip);
    return address->family == MINKE_FAMILY_IP6 && is_sendable_ip6(address);
}

bool minke__candidate_is_private(const minke_address_t *address)
{
    const uint8_t *ip = address->ip;
    if (minke__address_is_loopback(address) || minke__address_is_link_local(address)) return true;
    if (address->family == MINKE_FAMILY_IP6) return (ip[0] & 0xfe) == 0xfc;
    return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) || (ip[0] == 192 && ip[1] == 168) ||
           (ip[0] == 100 && (ip[1] & 0xc0) == 64) || (ip[0] == 169 && ip[1] == 254);
}
