/* CRC-32 with the zlib polynomial, for FINGERPRINT (RFC 8489 14.7). */
#ifndef MINKE_STUN_CRC32_H
#define MINKE_STUN_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t minke__crc32(const void *data, size_t len);

#endif
