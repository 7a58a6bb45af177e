/* Bytes to multiaddr. What is accepted can be walked to its end, and its text reads back as the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "multiformats/multiaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[16 * MINKE_MULTIADDR_MAX];
    minke_multiaddr_t address, again;
    minke_multiaddr_component_t component;
    minke_direct_address_t direct, same;
    size_t at = 0;
    if (minke__multiaddr_from_bytes(data, size, &address) < 0) return 0;
    while (minke__multiaddr_next(&address, &at, &component)) continue;
    if (at != address.len) abort();
    const ssize_t len = minke__multiaddr_text(&address, text, sizeof text);
    if (len < 0 || minke__multiaddr_parse(text, (size_t)len, &again) < 0) abort();
    if (again.len != address.len || memcmp(again.bytes, address.bytes, address.len) != 0) abort();
    if (minke__multiaddr_to_direct(&address, &direct) == MINKE_OK) {
        if (minke__multiaddr_from_direct(&direct, &again) < 0) abort();
        if (minke__multiaddr_to_direct(&again, &same) < 0 || memcmp(&direct, &same, sizeof same) != 0) abort();
    }
    return 0;
}
