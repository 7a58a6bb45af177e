/* IP addresses with ports: comparison and text. minke_address_t itself is public (minke/types.h). */
#ifndef MINKE_BASE_ADDRESS_H
#define MINKE_BASE_ADDRESS_H

#include <minke/types.h>

#include "base/wire.h"

/* The longest text is "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%4294967295]:65535". */
enum { MINKE_ADDRESS_TEXT_BYTES = 72 };

static inline size_t minke__ip_len(uint8_t family) { return family == MINKE_FAMILY_IP4 ? 4 : 16; }
bool minke__address_equal(const minke_address_t *a, const minke_address_t *b);
/* 0.0.0.0, :: or no address at all. */
bool minke__address_is_unspecified(const minke_address_t *address);
bool minke__address_is_loopback(const minke_address_t *address);
/* fe80::/10 */
bool minke__address_is_link_local(const minke_address_t *address);

/* The IP alone; IPv6 in the form of RFC 5952, without its scope. */
void minke__write_ip(minke_writer_t *w, const minke_address_t *address);
/* "192.0.2.1:9090", "[2001:db8::1]:9090"; terminated, cut if there is no room. */
void minke__address_text(const minke_address_t *address, char *out, size_t capacity);
/* An IP in text, as inet_pton reads it; false if it is none. Sets family and ip, clears the rest. */
bool minke__parse_ip(const char *text, size_t len, minke_address_t *out);

#endif
