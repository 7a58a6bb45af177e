/* Our addresses as the system's, and back. */
#ifndef MINKE_DRIVER_SOCKET_ADDRESS_H
#define MINKE_DRIVER_SOCKET_ADDRESS_H

#include <minke/types.h>
#include <netinet/in.h>
#include <sys/socket.h>

typedef union minke_socket_address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
} minke_socket_address_t;

socklen_t minke__to_system(const minke_address_t *from, minke_socket_address_t *to);
/* Of another family: no address. */
void minke__from_system(const minke_socket_address_t *from, minke_address_t *to);

#endif
