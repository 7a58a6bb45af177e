/*
 * A tap that writes pcapng (draft-ietf-opsawg-pcapng), for Wireshark: what crosses the wire as UDP datagrams, and the
 * SCTP packets inside, decrypted, as IP protocol 132 between the same addresses. The transport knows no IP headers, so
 * they are made up here.
 *
 *     interface 0 "wire"               IP | UDP | STUN, DTLS
 *     interface 1 "SCTP, decrypted"    IP | SCTP chunks, with their own CRC32c
 *
 * Each packet is one write, so that a process that is killed leaves a file that can be read.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "observe.h"

enum {
    SECTION_HEADER = 0x0a0d0d0a,
    INTERFACE_DESCRIPTION = 1,
    ENHANCED_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    LINKTYPE_RAW = 101, /* an IP packet, of either version */
    OPTION_IF_NAME = 2,
    OPTION_USER_APPLICATION = 4,
    OPTION_PACKET_FLAGS = 2, /* 1: inbound, 2: outbound */
    UDP_HEADER_BYTES = 8,
    IP4_HEADER_BYTES = 20,
    IP6_HEADER_BYTES = 40,
    PACKET_MAX = 65535,
    BLOCK_MAX = 66000, /* the largest packet, its block header, options, trailer */
    ROUTES_N = 64
};

/* A block under construction. Numbers are in the machine's order, which the section header tells. */
typedef struct block {
    size_t len;
    uint8_t bytes[BLOCK_MAX];
} block_t;

/* Which of our addresses packets to a remote leave from, as the system says. */
typedef struct route {
    minke_address_t remote, local;
} route_t;

static int file = -1;
static const char *file_path;
static off_t complete;       /* the length of the file up to the last whole block */
static uint64_t wall_offset; /* wall-clock minus monotonic microseconds, when the capture began */
static block_t block;
static route_t routes[ROUTES_N];

/* ---- blocks ---- */

static void put(const void *data, size_t len)
{
    memcpy(block.bytes + block.len, data, len);
    block.len += len;
}

static void put_u16(uint16_t value) { put(&value, sizeof value); }
static void put_u32(uint32_t value) { put(&value, sizeof value); }
static void pad(void)
{
    while (block.len % 4 != 0) block.bytes[block.len++] = 0;
}

static void put_option(uint16_t code, const void *value, size_t len)
{
    put_u16(code);
    put_u16((uint16_t)len);
    put(value, len);
    pad();
}

static void begin_block(uint32_t type)
{
    block.len = 0;
    put_u32(type);
    put_u32(0); /* the length, once it is known */
}

/* The end of the options, and the length at both ends. False: it could not be written. */
static bool end_block(void)
{
    put_u32(0);
    const uint32_t len = (uint32_t)block.len + 4;
    memcpy(block.bytes + 4, &len, sizeof len);
    put_u32(len);
    for (size_t at = 0; at < block.len;) {
        const ssize_t n = write(file, block.bytes + at, block.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        at += (size_t)n;
    }
    complete += (off_t)block.len;
    return true;
}

static bool write_section(void)
{
    static const char us[] = "minke " MINKE_VERSION;
    const int64_t unknown_len = -1;
    begin_block(SECTION_HEADER);
    put_u32(BYTE_ORDER_MAGIC);
    put_u16(1); /* version 1.0 */
    put_u16(0);
    put(&unknown_len, sizeof unknown_len);
    put_option(OPTION_USER_APPLICATION, us, sizeof us - 1);
    return end_block();
}

static bool write_interface(const char *name)
{
    begin_block(INTERFACE_DESCRIPTION);
    put_u16(LINKTYPE_RAW);
    put_u16(0);
    put_u32(0); /* nothing is cut */
    put_option(OPTION_IF_NAME, name, strlen(name));
    return end_block();
}

/* ---- addresses ---- */

static bool is_unspecified(const minke_address_t *address)
{
    static const uint8_t zero[16];
    return memcmp(address->ip, zero, sizeof zero) == 0;
}

/* The system chooses where packets of a socket without an address leave from: ask it as a connected socket would. */
static minke_address_t source_for(const minke_address_t *remote)
{
    struct sockaddr_in ip4 = {.sin_family = AF_INET, .sin_port = htons(remote->port)};
    struct sockaddr_in6 ip6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(remote->port), .sin6_scope_id = remote->scope};
    const bool is_ip4 = remote->family == MINKE_FAMILY_IP4;
    struct sockaddr *system = is_ip4 ? (struct sockaddr *)&ip4 : (struct sockaddr *)&ip6;
    socklen_t len = is_ip4 ? sizeof ip4 : sizeof ip6;
    minke_address_t local = {.family = remote->family};
    memcpy(&ip4.sin_addr, remote->ip, 4);
    memcpy(&ip6.sin6_addr, remote->ip, 16);
    const int fd = socket(system->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return local;
    if (connect(fd, system, len) == 0 && getsockname(fd, system, &len) == 0) {
        if (is_ip4) memcpy(local.ip, &ip4.sin_addr, 4);
        else memcpy(local.ip, &ip6.sin6_addr, 16);
    }
    (void)close(fd);
    return local;
}

static minke_address_t local_of(const minke_path_t *path)
{
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

static void store_be16(uint8_t *out, size_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static void put_ip4(const minke_address_t *from, const minke_address_t *to, uint8_t protocol, size_t payload_len)
{
    uint8_t header[IP4_HEADER_BYTES] = {0x45};
    store_be16(header + 2, sizeof header + payload_len);
    header[8] = 64;
    header[9] = protocol;
    memcpy(header + 12, from->ip, 4);
    memcpy(header + 16, to->ip, 4);
    store_be16(header + 10, folded(sum16(0, header, sizeof header)));
    put(header, sizeof header);
}

static void put_ip6(const minke_address_t *from, const minke_address_t *to, uint8_t protocol, size_t payload_len)
{
    uint8_t header[IP6_HEADER_BYTES] = {0x60};
    store_be16(header + 4, payload_len);
    header[6] = protocol;
    header[7] = 64;
    memcpy(header + 8, from->ip, 16);
    memcpy(header + 24, to->ip, 16);
    put(header, sizeof header);
}

static void put_udp(const minke_address_t *from, const minke_address_t *to, const uint8_t *data, size_t len)
{
    uint8_t header[UDP_HEADER_BYTES] = {0};
    const size_t ip_len = from->family == MINKE_FAMILY_IP4 ? 4 : 16;
    store_be16(header, from->port);
    store_be16(header + 2, to->port);
    store_be16(header + 4, sizeof header + len);
    /* the pseudo-header: addresses, protocol, length */
    uint32_t sum = IPPROTO_UDP + (uint32_t)(sizeof header + len);
    sum = sum16(sum16(sum, from->ip, ip_len), to->ip, ip_len);
    const uint16_t checksum = folded(sum16(sum16(sum, header, sizeof header), data, len));
    store_be16(header + 6, checksum != 0 ? checksum : 0xffff);
    put(header, sizeof header);
}

/* ---- the tap ---- */

/* A full disk ends the capture, not the command. What was begun is taken back, so that the rest can be read. */
static void give_up(void)
{
    const int error = errno;
    (void)fprintf(stderr, "minke: nothing more is captured in %s: %s\n", file_path, strerror(error));
    if (lseek(file, 0, SEEK_CUR) >= 0 && ftruncate(file, complete) < 0) {
        (void)fprintf(stderr, "minke: the end of %s cannot be read\n", file_path);
    }
    cli_pcap_close();
}

static void put_packet(const minke_packet_t *packet, size_t headers_len)
{
    const minke_address_t local = local_of(packet->path), *remote = &packet->path->remote;
    const minke_address_t *from = packet->received ? remote : &local, *to = packet->received ? &local : remote;
    const bool is_sctp = packet->kind == MINKE_PACKET_SCTP;
    const size_t payload_len = packet->len + (is_sctp ? 0 : UDP_HEADER_BYTES);
    const uint64_t at = packet->at + wall_offset;
    const uint32_t flags = packet->received ? 1 : 2;
    begin_block(ENHANCED_PACKET);
    put_u32(is_sctp ? 1 : 0);
    put_u32((uint32_t)(at >> 32));
    put_u32((uint32_t)at);
    put_u32((uint32_t)(headers_len + packet->len));
    put_u32((uint32_t)(headers_len + packet->len));
    (remote->family == MINKE_FAMILY_IP4 ? put_ip4 : put_ip6)(from, to, is_sctp ? IPPROTO_SCTP : IPPROTO_UDP,
                                                             payload_len);
    if (!is_sctp) put_udp(from, to, packet->data, packet->len);
    put(packet->data, packet->len);
    pad();
    put_option(OPTION_PACKET_FLAGS, &flags, sizeof flags);
}

static void on_packet(void *user, const minke_packet_t *packet)
{
    (void)user;
    if (file < 0) return;
    const size_t headers_len = (packet->path->remote.family == MINKE_FAMILY_IP4 ? IP4_HEADER_BYTES : IP6_HEADER_BYTES) +
                               (packet->kind == MINKE_PACKET_SCTP ? 0u : UDP_HEADER_BYTES);
    if (headers_len + packet->len > PACKET_MAX) return; /* no IP packet is that long */
    put_packet(packet, headers_len);
    if (!end_block()) give_up();
}

static uint64_t microseconds(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

bool cli_pcap_open(const char *path, minke_tap_t *tap)
{
    /* For its owner alone: it holds what was meant to be encrypted. */
    file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    file_path = path;
    complete = 0;
    wall_offset = microseconds(CLOCK_REALTIME) - microseconds(CLOCK_MONOTONIC);
    if (file < 0 || !write_section() || !write_interface("wire") || !write_interface("SCTP, decrypted")) {
        cli_complain("cannot write the capture %s: %s", path, strerror(errno));
        cli_pcap_close();
        return false;
    }
    *tap = (minke_tap_t){.packet = on_packet};
    return true;
}

void cli_pcap_close(void)
{
    if (file >= 0) (void)close(file);
    file = -1;
}
