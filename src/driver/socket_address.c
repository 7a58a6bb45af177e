#include "driver/socket_address.h"

#include <string.h>

socklen_t minke__to_system(const minke_address_t *from, minke_socket_address_t *to)
{
    memset(to, 0, sizeof *to);
    if (from->family == MINKE_FAMILY_IP4) {
        to->ip4.sin_family = AF_INET;
        to->ip4.sin_port = htons(from->port);
        memcpy(&to->ip4.sin_addr, from->ip, 4);
        return sizeof to->ip4;
    }
    to->ip6.sin6_family = AF_INET6;
    to->ip6.sin6_port = htons(from->port);
    to->ip6.sin6_scope_id = from->scope;
    memcpy(&to->ip6.sin6_addr, from->ip, 16);
    return sizeof to->ip6;
}

void minke__from_system(const minke_socket_address_t *from, minke_address_t *to)
{
    memset(to, 0, sizeof *to);
    if (from->any.sa_family == AF_INET) {
        to->family = MINKE_FAMILY_IP4;
        to->port = ntohs(from->ip4.sin_port);
        memcpy(to->ip, &from->ip4.sin_addr, 4);
    } else if (from->any.sa_family == AF_INET6) {
        to->family = MINKE_FAMILY_IP6;
        to->port = ntohs(from->ip6.sin6_port);
        memcpy(to->ip, &from->ip6.sin6_addr, 16);
        to->scope = from->ip6.sin6_scope_id;
    }
}
