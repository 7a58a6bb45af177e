#define _GNU_SOURCE
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "driver/udp.h"

/* Link-local addresses are left out: they mean nothing without the name of an interface on the remote's machine. */
static bool read_address(const struct ifaddrs *from, uint8_t family, minke_address_t *out)
{
    *out = (minke_address_t){.family = family};
    if (from->ifa_addr == NULL || (from->ifa_flags & IFF_UP) == 0) return false;
    if (family == MINKE_FAMILY_IP4 && from->ifa_addr->sa_family == AF_INET) {
        memcpy(out->ip, &((const struct sockaddr_in *)(const void *)from->ifa_addr)->sin_addr, 4);
        return true;
    }
    if (family == MINKE_FAMILY_IP6 && from->ifa_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)(const void *)from->ifa_addr;
        memcpy(out->ip, &ip6->sin6_addr, 16);
        return !IN6_IS_ADDR_LINKLOCAL(&ip6->sin6_addr);
    }
    return false;
}

size_t minke__interface_addresses(uint8_t family, minke_address_t *out, size_t capacity)
{
    struct ifaddrs *all;
    size_t n = 0;
    if (getifaddrs(&all) < 0) return 0;
    for (int loopback = 0; loopback < 2; loopback++) {
        for (const struct ifaddrs *one = all; one != NULL && n < capacity; one = one->ifa_next) {
            const bool is_loopback = (one->ifa_flags & IFF_LOOPBACK) != 0;
            if (is_loopback == (loopback == 1) && read_address(one, family, &out[n])) n++;
        }
    }
    freeifaddrs(all);
    return n;
}
