/*
 * Addresses between Minke and the system, for programs that own their sockets. The one public header that includes the
 * system's: nothing of it is in the libraries, and who does not open sockets does not need it.
 */
#ifndef MINKE_LOOP_H
#define MINKE_LOOP_H

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <minke/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Writes `from` as a socket address, for bind or sendto. Returns its length; 0: it is of no family. */
static inline socklen_t minke_address_to_sockaddr(const minke_address_t *from, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (from->family == MINKE_FAMILY_IP4) {
        struct sockaddr_in ip4;
        memset(&ip4, 0, sizeof ip4);
        ip4.sin_family = AF_INET;
        ip4.sin_port = htons(from->port);
        memcpy(&ip4.sin_addr, from->ip, sizeof ip4.sin_addr);
        memcpy(to, &ip4, sizeof ip4);
        return (socklen_t)sizeof ip4;
    }
    if (from->family != MINKE_FAMILY_IP6) return 0;
    struct sockaddr_in6 ip6;
    memset(&ip6, 0, sizeof ip6);
    ip6.sin6_family = AF_INET6;
    ip6.sin6_port = htons(from->port);
    ip6.sin6_scope_id = from->scope;
    memcpy(&ip6.sin6_addr, from->ip, sizeof ip6.sin6_addr);
    memcpy(to, &ip6, sizeof ip6);
    return (socklen_t)sizeof ip6;
}

/**
 * Reads a socket address, as getsockname or recvfrom gave it. False: neither IPv4 nor IPv6, `to` is then all zero. A
 * socket that takes both families (without IPV6_V6ONLY) names IPv4 remotes ::ffff:a.b.c.d: they stay IPv6 here.
 */
static inline bool minke_address_from_sockaddr(const struct sockaddr_storage *from, minke_address_t *to)
{
    memset(to, 0, sizeof *to);
    if (from->ss_family == AF_INET) {
        struct sockaddr_in ip4;
        memcpy(&ip4, from, sizeof ip4);
        to->family = MINKE_FAMILY_IP4;
        to->port = ntohs(ip4.sin_port);
        memcpy(to->ip, &ip4.sin_addr, sizeof ip4.sin_addr);
        return true;
    }
    if (from->ss_family != AF_INET6) return false;
    struct sockaddr_in6 ip6;
    memcpy(&ip6, from, sizeof ip6);
    to->family = MINKE_FAMILY_IP6;
    to->port = ntohs(ip6.sin6_port);
    to->scope = ip6.sin6_scope_id;
    memcpy(to->ip, &ip6.sin6_addr, sizeof ip6.sin6_addr);
    return true;
}

#ifdef __cplusplus
}
#endif

#endif
