/*
 * CRC32c, the checksum of SCTP (RFC 9260 appendix A): polynomial 0x1edc6f41 reflected. By machine instruction where
 * there is one: by table it would cost more than the encryption.
 */
#ifndef MINKE_SCTP_CRC32C_H
#define MINKE_SCTP_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t minke__crc32c(const void *data, size_t len);
/* The same without special instructions: what other processors use, and a second opinion for tests. */
uint32_t minke__crc32c_portable(const void *data, size_t len);
/* The checksum of an SCTP packet (at least 12 bytes), computed as if its checksum field were zero. */
uint32_t minke__crc32c_packet(const uint8_t *packet, size_t len);

#endif
