#include "ip_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UDP_HEADER_BYTES = 8, IP4_HEADER_BYTES = 20, IP6_HEADER_BYTES = 40, HOPS = 64, ROUTES_N = 64 };

/* ---- addresses ---- */

/* Which of our addresses packets to a remote leave from. */
typedef struct route {
    minke_address_t remote, local;
} route_t;

static bool is_unspecified(const minke_address_t *address)
{
    static const uint8_t zero[16];
    return memcmp(address->ip, zero, sizeof zero) == 0;
}

/* The system chooses for a socket that is bound to no address: asked as a connected socket would ask. */
static minke_address_t source_for(const minke_address_t *remote)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
    } system;
    const bool is_ip4 = remote->family == MINKE_FAMILY_IP4;
    minke_address_t local = {.family = remote->family};
    memset(&system, 0, sizeof system);
    if (is_ip4) {
        system.ip4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(remote->port)};
        memcpy(&system.ip4.sin_addr, remote->ip, 4);
    } else {
        system.ip6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(remote->port), .sin6_scope_id = remote->scope};
        memcpy(&system.ip6.sin6_addr, remote->ip, 16);
    }
    socklen_t len = is_ip4 ? sizeof system.ip4 : sizeof system.ip6;
    const int fd = socket(system.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return local;
    if (connect(fd, &system.any, len) == 0 && getsockname(fd, &system.any, &len) == 0) {
        if (is_ip4) memcpy(local.ip, &system.ip4.sin_addr, 4);
        else memcpy(local.ip, &system.ip6.sin6_addr, 16);
    }
    (void)close(fd);
    return local;
}

static minke_address_t local_of(const minke_path_t *path)
{
    static route_t routes[ROUTES_N]; /* by a hash of the remote; whoever comes later takes the place */
    minke_address_t local = path->local;
    if (!is_unspecified(&local)) return local;
    route_t *route = &routes[(path->remote.ip[3] ^ path->remote.ip[15] ^ path->remote.port) % ROUTES_N];
    if (memcmp(&route->remote, &path->remote, sizeof route->remote) != 0) {
        *route = (route_t){path->remote, source_for(&path->remote)};
    }
    memcpy(local.ip, route->local.ip, sizeof local.ip);
    return local;
}

/* ---- headers ---- */

static uint32_t sum16(uint32_t sum, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2) sum += (uint32_t)data[i] << 8 | data[i + 1];
    if (len % 2 != 0) sum += (uint32_t)data[len - 1] << 8;
    return sum;
}

static uint16_t folded(uint32_t sum)
{
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void store16(uint8_t *out, size_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static size_t write_ip4(uint8_t *out, const minke_address_t *from, const minke_address_t *to, uint8_t protocol,
                        size_t payload_len)
{
    memset(out, 0, IP4_HEADER_BYTES);
    out[0] = 0x45; /* version 4, five words */
    store16(out + 2, IP4_HEADER_BYTES + payload_len);
    out[8] = HOPS;
    out[9] = protocol;
    memcpy(out + 12, from->ip, 4);
    memcpy(out + 16, to->ip, 4);
    store16(out + 10, folded(sum16(0, out, IP4_HEADER_BYTES)));
    return IP4_HEADER_BYTES;
}

static size_t write_ip6(uint8_t *out, const minke_address_t *from, const minke_address_t *to, uint8_t protocol,
                        size_t payload_len)
{
    memset(out, 0, IP6_HEADER_BYTES);
    out[0] = 0x60; /* version 6 */
    store16(out + 4, payload_len);
    out[6] = protocol;
    out[7] = HOPS;
    memcpy(out + 8, from->ip, 16);
    memcpy(out + 24, to->ip, 16);
    return IP6_HEADER_BYTES;
}

static size_t write_udp(uint8_t *out, const minke_address_t *from, const minke_address_t *to, const uint8_t *data,
                        size_t len)
{
    const size_t ip_len = from->family == MINKE_FAMILY_IP4 ? 4 : 16;
    store16(out, from->port);
    store16(out + 2, to->port);
    store16(out + 4, UDP_HEADER_BYTES + len);
    store16(out + 6, 0);
    /* of the pseudo-header (addresses, protocol, length), the header and the data */
    uint32_t sum = IPPROTO_UDP + (uint32_t)(UDP_HEADER_BYTES + len);
    sum = sum16(sum16(sum, from->ip, ip_len), to->ip, ip_len);
    const uint16_t checksum = folded(sum16(sum16(sum, out, UDP_HEADER_BYTES), data, len));
    store16(out + 6, checksum != 0 ? checksum : 0xffff); /* 0 would mean that there is none */
    return UDP_HEADER_BYTES;
}

size_t cli_ip_headers(const minke_packet_t *packet, uint8_t out[CLI_IP_HEADERS_MAX])
{
    const minke_address_t local = local_of(packet->path), *remote = &packet->path->remote;
    const minke_address_t *from = packet->received ? remote : &local, *to = packet->received ? &local : remote;
    const bool is_udp = packet->kind == MINKE_PACKET_DATAGRAM;
    const uint8_t protocol = is_udp ? IPPROTO_UDP : IPPROTO_SCTP;
    const size_t payload_len = packet->len + (is_udp ? UDP_HEADER_BYTES : 0);
    const size_t len = remote->family == MINKE_FAMILY_IP4 ? write_ip4(out, from, to, protocol, payload_len)
                                                          : write_ip6(out, from, to, protocol, payload_len);
    return is_udp ? len + write_udp(out + len, from, to, packet->data, packet->len) : len;
}
