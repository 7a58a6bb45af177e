/* One TXT record for each of some addresses. What is taken is a valid address that begins with an IP or a name. */
#include <stdlib.h>
#include <string.h>

#include "driver/dns_address.h"

#define PEER "/p2p/12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const minke_multiaddr_t *out)
{
    minke_multiaddr_t again;
    minke_multiaddr_component_t first;
    minke_dns_name_t name;
    size_t at = 0;
    if (minke__multiaddr_from_bytes(out->bytes, out->len, &again) < 0) abort();
    if (!minke__multiaddr_next(out, &at, &first)) abort();
    if (first.code == MINKE_MULTIADDR_IP4 || first.code == MINKE_MULTIADDR_IP6) return;
    if (!minke__dns_name_of(out, &name) || strlen(name.text) >= sizeof name.text) abort();
    if (minke__dns_name_is_valid(name.text)) {
        static const uint8_t ip[4] = {192, 0, 2, 1};
        if (minke__dns_replace(out, ip, sizeof ip, &again) == MINKE_OK) check(&again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const asked[] = {"/dnsaddr/a", "/dnsaddr/a" PEER, "/dnsaddr/a/tcp/1/ws",
                                        "/dnsaddr/a" PEER "/p2p-circuit" PEER, "/dnsaddr/a/p2p-circuit"};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        minke_multiaddr_t address, out;
        if (minke__multiaddr_parse(asked[i], strlen(asked[i]), &address) < 0) abort();
        if (minke__dnsaddr_read(&address, data, size, &out) == MINKE_OK) check(&out);
    }
    return 0;
}
