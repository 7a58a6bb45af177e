#include "signalling/candidate_text.h"

#include <string.h>

#include "base/address.h"
#include "ice/credentials.h"
#include "signalling/text.h"

/* The words of a line that stand in a fixed order. */
typedef struct words {
    minke_slice_t foundation, component, transport, priority, address, port, typ, type;
} words_t;

/* ---- what an address may be */

static int refuse(const char **why, int error, const char *sentence)
{
    *why = sentence;
    return error;
}

/* 8-4-4-4-12 hexadecimal digits and ".local". */
static bool is_mdns_name(minke_slice_t text)
{
    enum { UUID_LEN = 36 };
    if (text.len != MINKE_MDNS_NAME_BYTES - 1) return false;
    for (size_t i = 0; i < UUID_LEN; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.data[i] != '-' : minke__text_hex_digit(text.data[i]) < 0) return false;
    }
    return minke__text_is_caseless(minke__text_after(text, UUID_LEN), ".local");
}

static void copy_name(minke_slice_t text, char out[MINKE_MDNS_NAME_BYTES])
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = (char)text.data[i];
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    out[text.len] = 0;
}

static bool is_host_name(minke_slice_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_') return false;
    }
    return text.len > 0 && text.len <= 253;
}

/* An IPv6 address with a zone, which has a meaning on the remote's machine alone. */
static bool has_zone(minke_slice_t text)
{
    minke_address_t ip;
    minke_slice_t rest = text;
    const minke_slice_t before = minke__text_until(&rest, '%');
    return before.len < text.len && minke__parse_ip((const char *)before.data, before.len, &ip);
}

static bool is_ip4_mapped(const minke_address_t *address)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return address->family == MINKE_FAMILY_IP6 && memcmp(address->ip, prefix, sizeof prefix) == 0;
}

static int read_ip(minke_slice_t text, uint16_t port, minke_candidate_t *candidate, const char **why)
{
    minke_address_t *address = &candidate->address;
    if (!minke__parse_ip((const char *)text.data, text.len, address)) {
        if (has_zone(text)) return refuse(why, MINKE_ERROR_UNSUPPORTED, "candidate: its IPv6 address has a zone");
        if (!is_host_name(text)) {
            return refuse(why, MINKE_ERROR_MALFORMED, "candidate: the address is neither IPv4, IPv6 nor a name");
        }
        return refuse(why, MINKE_ERROR_UNSUPPORTED, "candidate: host names are not resolved, except <UUID>.local");
    }
    address->port = port;
    if (is_ip4_mapped(address)) {
        return refuse(why, MINKE_ERROR_UNSUPPORTED, "candidate: IPv4-mapped IPv6 addresses are not used");
    }
    if (minke__address_is_link_local(address)) {
        return refuse(why, MINKE_ERROR_UNSUPPORTED,
                      "candidate: a link-local IPv6 address leads nowhere without its zone");
    }
    if (!minke__candidate_is_sendable(address)) {
        return refuse(why, MINKE_ERROR_UNSUPPORTED, "candidate: the address is unspecified, multicast or broadcast");
    }
    return MINKE_OK;
}

static int read_address(const words_t *words, minke_remote_candidate_t *out, const char **why)
{
    uint64_t port;
    if (!minke__text_number(words->port, UINT16_MAX, &port) || port > UINT16_MAX) {
        return refuse(why, MINKE_ERROR_MALFORMED, "candidate: the port is no number up to 65535");
    }
    if (port == 0) return refuse(why, MINKE_ERROR_UNSUPPORTED, "candidate: nothing can be sent to port 0");
    if (!is_mdns_name(words->address)) return read_ip(words->address, (uint16_t)port, &out->candidate, why);
    out->kind = MINKE_REMOTE_CANDIDATE_NAME;
    copy_name(words->address, out->name);
    out->candidate.address.port = (uint16_t)port;
    return MINKE_OK;
}

/* ---- the words in front of it and behind it */

/* So that what follows need not think of other bytes; blanks and line ends are skipped between words. */
static bool is_plain(minke_slice_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];
        if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c > '~') return false;
    }
    return true;
}

static bool read_words(minke_slice_t *rest, words_t *out)
{
    *out = (words_t){0};
    out->foundation = minke__text_word(rest);
    out->component = minke__text_word(rest);
    out->transport = minke__text_word(rest);
    out->priority = minke__text_word(rest);
    out->address = minke__text_word(rest);
    out->port = minke__text_word(rest);
    out->typ = minke__text_word(rest);
    out->type = minke__text_word(rest);
    return out->type.len > 0;
}

static bool read_type(minke_slice_t text, minke_candidate_type_t *out)
{
    for (int i = MINKE_CANDIDATE_HOST; i <= MINKE_CANDIDATE_RELAY; i++) {
        *out = (minke_candidate_type_t)i;
        if (minke__text_is_caseless(text, minke__candidate_type_text(*out))) return true;
    }
    return false;
}

/* What is malformed comes before what is of no use, whichever stands first. */
static int read_head(const words_t *words, minke_candidate_t *out, const char **why)
{
    uint64_t component, priority;
    if (!minke__ice_chars((const char *)words->foundation.data, words->foundation.len, 1, MINKE_FOUNDATION_MAX)) {
        return refuse(why, MINKE_ERROR_MALFORMED, "candidate: the foundation is not 1 to 32 ice-chars");
    }
    (void)minke__text_copy(words->foundation, out->foundation, sizeof out->foundation);
    if (!minke__text_number(words->component, 256, &component) || component < 1 || component > 256) {
        return refuse(why, MINKE_ERROR_MALFORMED, "candidate: the component is no number from 1 to 256");
    }
    if (!minke__text_number(words->priority, INT32_MAX, &priority) || priority < 1 || priority > INT32_MAX) {
        return refuse(why, MINKE_ERROR_MALFORMED, "candidate: the priority is no number from 1 to 2147483647");
    }
    out->priority = (uint32_t)priority;
    if (!minke__text_is_caseless(words->typ, "typ")) {
        return refuse(why, MINKE_ERROR_MALFORMED, "candidate: \"typ\" does not follow the port");
    }
    if (!minke__text_is_caseless(words->transport, "udp")) {
        return refuse(why, MINKE_ERROR_UNSUPPORTED, "candidate: its transport is not UDP");
    }
    if (component != 1) return refuse(why, MINKE_ERROR_UNSUPPORTED, "candidate: of a component other than 1");
    if (!read_type(words->type, &out->type)) {
        return refuse(why, MINKE_ERROR_UNSUPPORTED, "candidate: neither host, srflx, prflx nor relay");
    }
    return MINKE_OK;
}

/* Only for people and logs, so whatever is odd about it is no reason to lose the candidate. Browsers write 0.0.0.0 or
 * :: for what they will not tell. */
static void read_related(minke_slice_t address, minke_slice_t port, minke_candidate_t *out)
{
    uint64_t number = 0;
    minke_address_t related;
    if (out->type == MINKE_CANDIDATE_HOST || address.len == 0) return;
    if (!minke__parse_ip((const char *)address.data, address.len, &related)) return;
    if (minke__address_is_unspecified(&related)) return;
    if (!minke__text_number(port, UINT16_MAX, &number) || number > UINT16_MAX) return;
    related.port = (uint16_t)number;
    out->related = related;
    out->has_related = true;
}

/* Pairs of a name and a value: raddr and rport, then anything. */
static int read_pairs(minke_slice_t rest, const char *ufrag, minke_candidate_t *out, const char **why)
{
    minke_slice_t raddr = {0}, rport = {0};
    for (;;) {
        const minke_slice_t name = minke__text_word(&rest), value = minke__text_word(&rest);
        if (value.len == 0) break;
        if (minke__text_is_caseless(name, "raddr")) raddr = value;
        if (minke__text_is_caseless(name, "rport")) rport = value;
        if (minke__text_is_caseless(name, "ufrag") && ufrag != NULL && !minke__text_is(value, ufrag)) {
            return refuse(why, MINKE_ERROR_UNSUPPORTED, "candidate: its ufrag is not that of the description");
        }
    }
    read_related(raddr, rport, out);
    return MINKE_OK;
}

static minke_slice_t without_prefixes(minke_slice_t text)
{
    text = minke__text_trim(text);
    if (minke__text_begins(text, "a=")) text = minke__text_after(text, strlen("a="));
    if (minke__text_begins(text, "candidate:")) text = minke__text_after(text, strlen("candidate:"));
    return text;
}

int minke__candidate_text_read(const char *line, size_t len, const char *ufrag, minke_remote_candidate_t *out,
                               const char **why)
{
    *out = (minke_remote_candidate_t){0};
    *why = NULL;
    const minke_reader_t r = minke__reader(line, len);
    minke_slice_t rest = without_prefixes((minke_slice_t){r.data, r.len});
    words_t words;
    if (!is_plain(rest)) return refuse(why, MINKE_ERROR_MALFORMED, "candidate: a character that is not visible ASCII");
    if (!read_words(&rest, &words)) {
        return refuse(why, MINKE_ERROR_MALFORMED,
                      "candidate: expected foundation, component, transport, priority, address, port, typ and a type");
    }
    int error = read_head(&words, &out->candidate, why);
    if (error == MINKE_OK) error = read_pairs(rest, ufrag, &out->candidate, why);
    if (error == MINKE_OK) error = read_address(&words, out, why);
    return error;
}

static void write_related(const minke_candidate_t *candidate, minke_writer_t *w)
{
    const minke_address_t nothing = {.family = candidate->address.family, .port = MINKE_CANDIDATE_NO_PORT};
    const minke_address_t *related = candidate->has_related ? &candidate->related : &nothing;
    minke__write_text(w, " raddr ");
    minke__write_ip(w, related);
    minke__write_text(w, " rport ");
    minke__write_decimal(w, related->port);
}

int minke__candidate_text_write(const minke_candidate_t *candidate, minke_writer_t *out)
{
    uint8_t line[MINKE_CANDIDATE_TEXT_BYTES];
    minke_writer_t w = minke__writer(line, sizeof line);
    minke__write_text(&w, "candidate:");
    minke__write_text(&w, candidate->foundation);
    minke__write_text(&w, " 1 udp ");
    minke__write_decimal(&w, candidate->priority);
    minke__write_text(&w, " ");
    minke__write_ip(&w, &candidate->address);
    minke__write_text(&w, " ");
    minke__write_decimal(&w, candidate->address.port);
    minke__write_text(&w, " typ ");
    minke__write_text(&w, minke__candidate_type_text(candidate->type));
    if (candidate->type != MINKE_CANDIDATE_HOST) write_related(candidate, &w);
    if (w.failed || w.len > minke__writer_left(out)) return MINKE_ERROR_NO_SPACE;
    minke__write_bytes(out, line, w.len);
    return MINKE_OK;
}
