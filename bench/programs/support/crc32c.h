/* CRC32c as fast as an x86 processor's instruction allows: three lanes at once. Not Minke's own code, so that what it
 * is compared with does not change with it. */
#ifndef BENCH_CRC32C_H
#define BENCH_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prepares constants. False: this processor cannot. */
bool crc32c_init(void);
uint32_t crc32c(const uint8_t *data, size_t len);

#endif
