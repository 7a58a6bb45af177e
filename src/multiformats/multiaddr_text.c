/* Multiaddrs as text: /name/value/name/value.. */
#include <string.h>

#include "base/address.h"
#include "multiformats/multibase.h"
#include "multiformats/protocols.h"

/* The text up to the next slash. Skips both. */
typedef struct word {
    const char *text;
    size_t len;
} word_t;

/* `at` stands on the slash in front of the word. */
static bool next_word(const char *text, size_t len, size_t *at, word_t *word)
{
    if (*at >= len || text[*at] != '/') return false;
    const char *start = text + *at + 1;
    const char *slash = memchr(start, '/', len - *at - 1);
    *word = (word_t){start, slash != NULL ? (size_t)(slash - start) : len - *at - 1};
    *at += 1 + word->len;
    return true;
}

static int append_port(minke_multiaddr_t *address, uint32_t code, word_t word)
{
    uint32_t port = 0;
    if (word.len == 0 || word.len > 5 || (word.len > 1 && word.text[0] == '0')) return MINKE_ERROR_MALFORMED;
    for (size_t i = 0; i < word.len; i++) {
        if (word.text[i] < '0' || word.text[i] > '9') return MINKE_ERROR_MALFORMED;
        port = port * 10 + (uint32_t)(word.text[i] - '0');
    }
    if (port > 65535) return MINKE_ERROR_MALFORMED;
    const uint8_t bytes[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    return minke__multiaddr_append(address, code, bytes, sizeof bytes);
}

static int append_ip(minke_multiaddr_t *address, uint32_t code, word_t word)
{
    minke_address_t ip;
    const uint8_t family = code == MINKE_MULTIADDR_IP4 ? MINKE_FAMILY_IP4 : MINKE_FAMILY_IP6;
    if (!minke__parse_ip(word.text, word.len, &ip) || ip.family != family) return MINKE_ERROR_MALFORMED;
    return minke__multiaddr_append(address, code, ip.ip, minke__ip_len(family));
}

static int append_peer(minke_multiaddr_t *address, uint32_t code, word_t word)
{
    minke_peer_id_t peer;
    if (!minke__peer_id_parse(word.text, word.len, &peer)) return MINKE_ERROR_MALFORMED;
    return minke__multiaddr_append(address, code, peer.bytes, peer.len);
}

static int append_multihash(minke_multiaddr_t *address, uint32_t code, word_t word)
{
    uint8_t hash[128];
    const ssize_t n = minke__multibase_decode(word.text, word.len, hash, sizeof hash);
    if (n == MINKE_ERROR_NO_SPACE) return MINKE_ERROR_TOO_LARGE;
    if (n < 0) return (int)n;
    return minke__multiaddr_append(address, code, hash, (size_t)n);
}

static int append_word(minke_multiaddr_t *address, const minke_protocol_t *protocol, word_t word)
{
    switch (protocol->value) {
    case MINKE_VALUE_IP4:
    case MINKE_VALUE_IP6: return append_ip(address, protocol->code, word);
    case MINKE_VALUE_PORT: return append_port(address, protocol->code, word);
    case MINKE_VALUE_PEER: return append_peer(address, protocol->code, word);
    case MINKE_VALUE_MULTIHASH: return append_multihash(address, protocol->code, word);
    case MINKE_VALUE_NAME:
    case MINKE_VALUE_PATH:
    case MINKE_VALUE_NONE: break;
    }
    return minke__multiaddr_append(address, protocol->code, word.text, word.len);
}

static int append_text(minke_multiaddr_t *address, const char *text, size_t len, size_t *at)
{
    word_t name, value = {"", 0};
    if (!next_word(text, len, at, &name) || name.len == 0) return MINKE_ERROR_MALFORMED;
    const minke_protocol_t *protocol = minke__protocol_by_name(name.text, name.len);
    if (protocol == NULL) return MINKE_ERROR_UNSUPPORTED;
    if (protocol->value == MINKE_VALUE_PATH) {
        value = (word_t){text + *at, len - *at}; /* its slash belongs to it */
        *at = len;
    } else if (protocol->value != MINKE_VALUE_NONE && !next_word(text, len, at, &value)) {
        return MINKE_ERROR_MALFORMED;
    }
    return append_word(address, protocol, value);
}

int minke__multiaddr_parse(const char *text, size_t len, minke_multiaddr_t *out)
{
    size_t at = 0;
    out->len = 0;
    do {
        const int result = append_text(out, text, len, &at);
        if (result < 0) {
            out->len = 0;
            return result;
        }
    } while (at < len);
    return MINKE_OK;
}

static void write_multihash(minke_writer_t *w, const minke_multiaddr_component_t *component)
{
    const ssize_t n = minke__multibase_encode(MINKE_BASE64URL, component->value, component->value_len,
                                              (char *)w->data + w->len, minke__writer_left(w));
    if (n < 0) w->failed = true;
    else w->len += (size_t)n;
}

static void write_ip(minke_writer_t *w, const minke_multiaddr_component_t *component)
{
    minke_address_t ip = {.family = component->value_len == 4 ? MINKE_FAMILY_IP4 : MINKE_FAMILY_IP6};
    memcpy(ip.ip, component->value, component->value_len);
    minke__write_ip(w, &ip);
}

static void write_peer(minke_writer_t *w, const minke_multiaddr_component_t *component)
{
    char text[MINKE_PEER_ID_TEXT_BYTES];
    minke_peer_id_t peer;
    if (!minke__peer_id_from_bytes(component->value, component->value_len, &peer)) return;
    minke__peer_id_text(&peer, text);
    minke__write_text(w, text);
}

static void write_component(minke_writer_t *w, const minke_multiaddr_component_t *component)
{
    const minke_protocol_t *protocol = minke__protocol_by_code(component->code);
    minke__write_text(w, "/");
    minke__write_text(w, protocol->name);
    if (protocol->value != MINKE_VALUE_NONE && protocol->value != MINKE_VALUE_PATH) minke__write_text(w, "/");
    switch (protocol->value) {
    case MINKE_VALUE_NONE: break;
    case MINKE_VALUE_IP4:
    case MINKE_VALUE_IP6: write_ip(w, component); break;
    case MINKE_VALUE_PORT: minke__write_decimal(w, (uint64_t)component->value[0] << 8 | component->value[1]); break;
    case MINKE_VALUE_NAME:
    case MINKE_VALUE_PATH: minke__write_bytes(w, component->value, component->value_len); break;
    case MINKE_VALUE_PEER: write_peer(w, component); break;
    case MINKE_VALUE_MULTIHASH: write_multihash(w, component); break;
    }
}

ssize_t minke__multiaddr_text(const minke_multiaddr_t *address, char *out, size_t capacity)
{
    minke_multiaddr_component_t component;
    if (capacity == 0) return MINKE_ERROR_NO_SPACE;
    minke_writer_t w = minke__writer(out, capacity - 1);
    for (size_t at = 0; minke__multiaddr_next(address, &at, &component);) write_component(&w, &component);
    out[w.failed ? 0 : w.len] = 0;
    return w.failed ? MINKE_ERROR_NO_SPACE : (ssize_t)w.len;
}
