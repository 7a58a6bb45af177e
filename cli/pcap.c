/*
 * A tap that writes pcapng (draft-ietf-opsawg-pcapng), for Wireshark: what crosses the wire as UDP datagrams, and the
 * SCTP packets inside, decrypted, as IP protocol 132 between the same addresses.
 *
 *     interface 0 "wire"               IP | UDP | STUN, DTLS
 *     interface 1 "SCTP, decrypted"    IP | SCTP chunks, with their own CRC32c
 *
 * Each packet is one write, so that a process that is killed leaves a file that can be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ip_header.h"
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
    PACKET_MAX = 65535,
    BLOCK_MAX = 66000 /* the largest packet, its block header, options, trailer */
};

/* A block under construction. Numbers are in the machine's order, which the section header tells. */
typedef struct block {
    size_t len;
    uint8_t bytes[BLOCK_MAX];
} block_t;

static int file = -1;
static const char *file_path;
static off_t complete;       /* the length of the file up to the last whole block */
static uint64_t wall_offset; /* wall-clock minus monotonic microseconds, when the capture began */
static block_t block;

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

static void put_packet(const minke_packet_t *packet, const uint8_t *headers, size_t headers_len)
{
    const uint64_t at = packet->at + wall_offset;
    const uint32_t len = (uint32_t)(headers_len + packet->len), flags = packet->received ? 1 : 2;
    begin_block(ENHANCED_PACKET);
    put_u32(packet->kind == MINKE_PACKET_SCTP ? 1 : 0);
    put_u32((uint32_t)(at >> 32));
    put_u32((uint32_t)at);
    put_u32(len);
    put_u32(len);
    put(headers, headers_len);
    put(packet->data, packet->len);
    pad();
    put_option(OPTION_PACKET_FLAGS, &flags, sizeof flags);
}

static void on_packet(void *user, const minke_packet_t *packet)
{
    uint8_t headers[CLI_IP_HEADERS_MAX];
    (void)user;
    if (file < 0 || packet->len > PACKET_MAX - CLI_IP_HEADERS_MAX) return; /* no IP packet is that long */
    put_packet(packet, headers, cli_ip_headers(packet, headers));
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
