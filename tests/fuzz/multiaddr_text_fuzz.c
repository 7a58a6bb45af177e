/* Text to multiaddr. What is accepted is valid, and its own text reads back as the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "multiformats/target.h"

/* What is to be dialled lies within the address, and every host has a text. */
static void check_target(const minke_multiaddr_t *address)
{
    minke_target_t target;
    minke_multiaddr_t relay, written;
    char host[MINKE_NAME_BYTES];
    if (minke__target_parse(address, &target) < 0) return;
    minke__target_host(&target, host);
    if (host[0] == 0 || strlen(target.name) >= sizeof target.name) abort();
    if (target.circuit && minke__multiaddr_from_bytes(address->bytes, target.relay_len, &relay) < 0) abort();
    if (!target.circuit && target.destination.len != 0) abort();
    if (target.kind <= MINKE_TARGET_DIRECT || target.name[0] != 0) return;
    if (minke__target_write(target.kind, &target.address, &target.peer, &written) < 0) abort();
    minke_target_t again;
    if (minke__target_parse(&written, &again) < 0 || again.kind != target.kind) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[16 * MINKE_MULTIADDR_MAX];
    minke_multiaddr_t address, checked, again;
    minke_direct_address_t direct;
    if (minke__multiaddr_parse((const char *)data, size, &address) < 0) {
        if (address.len != 0) abort();
        return 0;
    }
    if (minke__multiaddr_from_bytes(address.bytes, address.len, &checked) < 0) abort();
    const ssize_t len = minke__multiaddr_text(&address, text, sizeof text);
    if (len < 0 || strlen(text) != (size_t)len) abort();
    if (minke__multiaddr_parse(text, (size_t)len, &again) < 0) abort();
    if (again.len != address.len || memcmp(again.bytes, address.bytes, address.len) != 0) abort();
    if (minke__multiaddr_to_direct(&address, &direct) == MINKE_OK &&
        minke__multiaddr_from_direct(&direct, &again) < 0) {
        abort();
    }
    check_target(&address);
    return 0;
}
