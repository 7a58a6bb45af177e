/*
 * Multiaddrs that begin with a name, and what stands in their place once the name is known (multiaddr specification,
 * protocols dns, dns4, dns6 and dnsaddr). Pure: who asks DNS is dns.h.
 *
 *     /dns/a.example/tcp/443/wss/p2p/R     the name becomes /ip4 or /ip6, what follows stays
 *     /dnsaddr/a.example/p2p/R             becomes each TXT "dnsaddr=<multiaddr>" of _dnsaddr.a.example that ends in
 * /p2p/R /dnsaddr/a.example/p2p/R/p2p-circuit/..   the same for what stands before /p2p-circuit; the rest goes behind
 */
#ifndef MINKE_DRIVER_DNS_ADDRESS_H
#define MINKE_DRIVER_DNS_ADDRESS_H

#include "multiformats/multiaddr.h"

/* A name in text has at most 253 bytes, and perhaps a dot at its end. */
enum { MINKE_DNS_NAME_MAX = 253, MINKE_DNS_NAME_BYTES = MINKE_DNS_NAME_MAX + 2 };

/* The first component of an address. */
typedef struct minke_dns_name {
    minke_multiaddr_code_t code; /* DNS, DNS4, DNS6 or DNSADDR */
    size_t rest_at;              /* where in the address the next component begins */
    char text[MINKE_DNS_NAME_BYTES];
} minke_dns_name_t;

/* False: the address does not begin with a name. The name may be none that DNS can know: see below. */
bool minke__dns_name_of(const minke_multiaddr_t *address, minke_dns_name_t *out);
/* Letters, digits, '-' and '_' in labels of 1 to 63, 253 bytes in all without a dot at the end. A backslash, for one,
 * is an escape to resolvers. */
bool minke__dns_name_is_valid(const char *name);
/* RFC 6761 6.3: localhost and all below it are this machine, whatever DNS says. */
bool minke__dns_name_is_localhost(const char *name);

/* `ip` (4 or 16 bytes) in place of the name. MINKE_ERROR_ADDRESS: there is no name; MINKE_ERROR_TOO_LARGE. */
MINKE_MUST_USE int minke__dns_replace(const minke_multiaddr_t *asked, const uint8_t *ip, size_t ip_len,
                                      minke_multiaddr_t *out);

/*
 * What the text of one TXT record says about `asked`, which begins with /dnsaddr. MINKE_OK: `out` begins with an IP or
 * another name; MINKE_ERROR_ADDRESS: it is for another address; MINKE_ERROR_MALFORMED, MINKE_ERROR_UNSUPPORTED: it is
 * no "dnsaddr=<multiaddr>" that we know; MINKE_ERROR_TOO_LARGE.
 */
MINKE_MUST_USE int minke__dnsaddr_read(const minke_multiaddr_t *asked, const uint8_t *text, size_t len,
                                       minke_multiaddr_t *out);

#endif
