/* Multiaddrs in their binary form: check, walk, extend. */
#include "multiformats/multiaddr.h"

#include <string.h>

#include "multiformats/protocols.h"

/* The next component, checked. MINKE_OK or an error of from_bytes. */
static int read_component(minke_reader_t *r, minke_multiaddr_component_t *component)
{
    const uint64_t code = minke__read_uvarint(r);
    if (r->failed) return MINKE_ERROR_MALFORMED;
    const minke_protocol_t *protocol = minke__protocol_by_code(code);
    if (protocol == NULL) return MINKE_ERROR_UNSUPPORTED;
    size_t len = minke__protocol_size(protocol);
    if (len == SIZE_MAX) {
        const uint64_t given = minke__read_uvarint(r);
        if (given > minke__reader_left(r)) return MINKE_ERROR_MALFORMED;
        len = (size_t)given;
    }
    const uint8_t *value = minke__read_bytes(r, len);
    if (r->failed || !minke__protocol_accepts(protocol, value, len)) return MINKE_ERROR_MALFORMED;
    /* In text nothing could follow a path. */
    if (protocol->value == MINKE_VALUE_PATH && minke__reader_left(r) > 0) return MINKE_ERROR_MALFORMED;
    *component = (minke_multiaddr_component_t){protocol->code, value, len};
    return MINKE_OK;
}

int minke__multiaddr_from_bytes(const uint8_t *bytes, size_t len, minke_multiaddr_t *out)
{
    if (len > MINKE_MULTIADDR_MAX) return MINKE_ERROR_TOO_LARGE;
    if (len == 0) return MINKE_ERROR_MALFORMED;
    minke_reader_t r = minke__reader(bytes, len);
    while (!minke__reader_done(&r)) {
        minke_multiaddr_component_t component;
        const int result = read_component(&r, &component);
        if (result < 0) return result;
    }
    out->len = (uint16_t)len;
    memcpy(out->bytes, bytes, len);
    return MINKE_OK;
}

bool minke__multiaddr_next(const minke_multiaddr_t *address, size_t *at, minke_multiaddr_component_t *component)
{
    if (*at >= address->len) return false;
    minke_reader_t r = minke__reader(address->bytes + *at, address->len - *at);
    if (read_component(&r, component) < 0) return false;
    *at += r.at;
    return true;
}

/* Does it end with a path, behind which nothing can stand? */
static bool ends_with_path(const minke_multiaddr_t *address)
{
    minke_multiaddr_component_t last = {0};
    for (size_t at = 0; minke__multiaddr_next(address, &at, &last);) continue;
    return address->len > 0 && minke__protocol_by_code(last.code)->value == MINKE_VALUE_PATH;
}

int minke__multiaddr_append(minke_multiaddr_t *address, uint32_t code, const void *value, size_t value_len)
{
    const minke_protocol_t *protocol = minke__protocol_by_code(code);
    if (protocol == NULL) return MINKE_ERROR_UNSUPPORTED;
    if (value_len > MINKE_MULTIADDR_MAX) return MINKE_ERROR_TOO_LARGE;
    if (!minke__protocol_accepts(protocol, value, value_len) || ends_with_path(address)) return MINKE_ERROR_MALFORMED;
    minke_writer_t w = minke__writer(address->bytes + address->len, sizeof address->bytes - address->len);
    minke__write_uvarint(&w, code);
    if (minke__protocol_size(protocol) == SIZE_MAX) minke__write_uvarint(&w, value_len);
    minke__write_bytes(&w, value, value_len);
    if (w.failed) return MINKE_ERROR_TOO_LARGE;
    address->len = (uint16_t)(address->len + w.len);
    return MINKE_OK;
}
