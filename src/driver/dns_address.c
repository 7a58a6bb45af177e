#include "driver/dns_address.h"

#include <string.h>
#include <strings.h>

enum { LABEL_MAX = 63 };

bool minke__dns_name_of(const minke_multiaddr_t *address, minke_dns_name_t *out)
{
    minke_multiaddr_component_t first;
    size_t at = 0;
    if (!minke__multiaddr_next(address, &at, &first)) return false;
    switch (first.code) {
    case MINKE_MULTIADDR_DNS:
    case MINKE_MULTIADDR_DNS4:
    case MINKE_MULTIADDR_DNS6:
    case MINKE_MULTIADDR_DNSADDR: break;
    default: return false;
    }
    if (first.value_len >= sizeof out->text) return false; /* no multiaddr has it so long */
    out->code = (minke_multiaddr_code_t)first.code;
    out->rest_at = at;
    memcpy(out->text, first.value, first.value_len);
    out->text[first.value_len] = 0;
    return true;
}

static bool is_of_a_label(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static size_t len_without_root(const char *name)
{
    const size_t len = strlen(name);
    return len > 1 && name[len - 1] == '.' ? len - 1 : len;
}

bool minke__dns_name_is_valid(const char *name)
{
    const size_t len = len_without_root(name);
    size_t label_len = 0;
    if (len > MINKE_DNS_NAME_MAX) return false;
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '.') {
            if (label_len == 0) return false;
            label_len = 0;
        } else if (!is_of_a_label(name[i]) || ++label_len > LABEL_MAX) {
            return false;
        }
    }
    return label_len > 0;
}

bool minke__dns_name_is_localhost(const char *name)
{
    static const char localhost[] = "localhost";
    const size_t len = len_without_root(name), localhost_len = sizeof localhost - 1;
    if (len < localhost_len || strncasecmp(name + len - localhost_len, localhost, localhost_len) != 0) return false;
    return len == localhost_len || name[len - localhost_len - 1] == '.';
}

/* The components of `from` between two places, behind those of `out`. */
static int append_components(minke_multiaddr_t *out, const minke_multiaddr_t *from, size_t at, size_t end)
{
    minke_multiaddr_component_t component;
    while (at < end && minke__multiaddr_next(from, &at, &component)) {
        const int result = minke__multiaddr_append(out, component.code, component.value, component.value_len);
        if (result < 0) return result;
    }
    return MINKE_OK;
}

int minke__dns_replace(const minke_multiaddr_t *asked, const uint8_t *ip, size_t ip_len, minke_multiaddr_t *out)
{
    minke_dns_name_t name;
    if (!minke__dns_name_of(asked, &name)) return MINKE_ERROR_ADDRESS;
    out->len = 0;
    const int result =
        minke__multiaddr_append(out, ip_len == 4 ? MINKE_MULTIADDR_IP4 : MINKE_MULTIADDR_IP6, ip, ip_len);
    return result < 0 ? result : append_components(out, asked, name.rest_at, asked->len);
}

/* Where the first /p2p-circuit begins, or the end. */
static size_t circuit_at(const minke_multiaddr_t *address)
{
    minke_multiaddr_component_t component;
    size_t before = 0;
    for (size_t at = 0; minke__multiaddr_next(address, &at, &component); before = at) {
        if (component.code == MINKE_MULTIADDR_P2P_CIRCUIT) return before;
    }
    return address->len;
}

/* Are the last components of `address` these bytes? */
static bool ends_with(const minke_multiaddr_t *address, const uint8_t *suffix, size_t suffix_len)
{
    minke_multiaddr_component_t component;
    if (suffix_len > address->len) return false;
    const size_t from = address->len - suffix_len;
    if (memcmp(address->bytes + from, suffix, suffix_len) != 0) return false;
    size_t at = 0;
    while (at < from && minke__multiaddr_next(address, &at, &component)) continue;
    return at == from;
}

static bool begins_with_place(const minke_multiaddr_t *address)
{
    minke_multiaddr_component_t first;
    minke_dns_name_t name;
    size_t at = 0;
    if (minke__dns_name_of(address, &name)) return true;
    if (!minke__multiaddr_next(address, &at, &first)) return false;
    return first.code == MINKE_MULTIADDR_IP4 || first.code == MINKE_MULTIADDR_IP6;
}

int minke__dnsaddr_read(const minke_multiaddr_t *asked, const uint8_t *text, size_t len, minke_multiaddr_t *out)
{
    static const char key[] = "dnsaddr=";
    const size_t key_len = sizeof key - 1;
    minke_dns_name_t name;
    if (!minke__dns_name_of(asked, &name)) return MINKE_ERROR_ADDRESS;
    if (len <= key_len || memcmp(text, key, key_len) != 0) return MINKE_ERROR_MALFORMED;
    const int result = minke__multiaddr_parse((const char *)text + key_len, len - key_len, out);
    if (result < 0) return result;
    const size_t circuit = circuit_at(asked);
    if (!begins_with_place(out) || !ends_with(out, asked->bytes + name.rest_at, circuit - name.rest_at))
        return MINKE_ERROR_ADDRESS;
    return append_components(out, asked, circuit, asked->len);
}
