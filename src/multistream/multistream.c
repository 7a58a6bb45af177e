#include "multistream/multistream.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/*
 *     HEADER --the remote's header--> PROTOCOL --echo (or known name)--> SELECTED
 *                                      |    ^
 *                                      +-na-+
 *
 * The initiator goes from PROTOCOL to REFUSED when its list is at an end. Anything else that arrives: FAILED.
 */
enum { HEADER, PROTOCOL, SELECTED, REFUSED, FAILED };

static const char header[] = "/multistream/1.0.0";
static const char not_available[] = "na";

static void write_message(minke_writer_t *out, const char *text)
{
    minke__write_uvarint(out, strlen(text) + 1);
    minke__write_text(out, text);
    minke__write_u8(out, '\n');
}

void minke__multistream_initiate(minke_multistream_t *negotiation, const char *const *protocols, size_t n)
{
    assert(n > 0 && n <= INT_MAX);
    for (size_t i = 0; i < n; i++) assert(strlen(protocols[i]) <= MINKE_PROTOCOL_MAX);
    *negotiation = (minke_multistream_t){.initiator = true, .protocols = protocols, .protocols_n = n};
}

void minke__multistream_respond(minke_multistream_t *negotiation)
{
    *negotiation = (minke_multistream_t){.initiator = false};
}

void minke__multistream_start(minke_multistream_t *negotiation, minke_writer_t *out)
{
    assert(negotiation->initiator);
    write_message(out, header);
    write_message(out, negotiation->protocols[0]);
}

/* Lengths up to MINKE_MULTISTREAM_MESSAGE_MAX take two bytes, minimally encoded. False: malformed. */
static bool take_prefix_byte(minke_multistream_t *negotiation, uint8_t byte)
{
    negotiation->expected |= (uint16_t)((byte & 0x7f) << (7 * negotiation->prefix_bytes));
    negotiation->prefix_bytes++;
    if ((byte & 0x80) != 0) return negotiation->prefix_bytes < 2;
    negotiation->in_text = true;
    /* Zero means no room for the newline in a first byte, not minimal in a second one. */
    return byte != 0 && negotiation->expected <= MINKE_MULTISTREAM_MESSAGE_MAX;
}

/* Keeps what fits: longer names are nobody's. Returns how many bytes were used. */
static size_t take_text(minke_multistream_t *negotiation, const uint8_t *in, size_t len)
{
    const size_t missing = (size_t)negotiation->expected - negotiation->have;
    const size_t n = len < missing ? len : missing;
    const size_t room =
        negotiation->have < sizeof negotiation->message ? sizeof negotiation->message - negotiation->have : 0;
    const size_t kept = n < room ? n : room;
    if (kept > 0) memcpy(negotiation->message + negotiation->have, in, kept);
    negotiation->have = (uint16_t)(negotiation->have + n);
    return n;
}

static bool message_is(const minke_multistream_t *negotiation, const char *text)
{
    const size_t len = strlen(text);
    return len + 1 == negotiation->expected && memcmp(negotiation->message, text, len) == 0;
}

static void header_arrived(minke_multistream_t *negotiation, minke_writer_t *out)
{
    if (!message_is(negotiation, header)) {
        negotiation->state = FAILED;
        return;
    }
    negotiation->state = PROTOCOL;
    if (!negotiation->initiator) write_message(out, header);
}

static void answer_arrived(minke_multistream_t *negotiation, minke_writer_t *out)
{
    if (message_is(negotiation, negotiation->protocols[negotiation->selected])) {
        negotiation->state = SELECTED;
    } else if (!message_is(negotiation, not_available)) {
        negotiation->state = FAILED;
    } else if ((size_t)negotiation->selected + 1 == negotiation->protocols_n) {
        negotiation->state = REFUSED;
    } else if (++negotiation->rounds == MINKE_MULTISTREAM_ROUNDS_MAX) {
        negotiation->state = FAILED;
    } else {
        write_message(out, negotiation->protocols[++negotiation->selected]);
    }
}

static void proposal_arrived(minke_multistream_t *negotiation, minke_writer_t *out, minke_multistream_lookup_t lookup,
                             void *user)
{
    const char *name = (const char *)negotiation->message;
    const size_t len = (size_t)negotiation->expected - 1;
    negotiation->selected = len <= MINKE_PROTOCOL_MAX ? lookup(user, name, len) : -1;
    if (negotiation->selected >= 0) {
        negotiation->state = SELECTED;
        minke__write_uvarint(out, negotiation->expected);
        minke__write_bytes(out, negotiation->message, negotiation->expected);
    } else if (negotiation->rounds == MINKE_MULTISTREAM_ROUNDS_MAX) {
        negotiation->state = FAILED;
    } else {
        negotiation->rounds++; /* the obsolete `ls` ends up here too */
        write_message(out, not_available);
    }
}

static void message_arrived(minke_multistream_t *negotiation, minke_writer_t *out, minke_multistream_lookup_t lookup,
                            void *user)
{
    if (negotiation->state == HEADER) header_arrived(negotiation, out);
    else if (negotiation->initiator) answer_arrived(negotiation, out);
    else proposal_arrived(negotiation, out, lookup, user);
    negotiation->in_text = false;
    negotiation->prefix_bytes = 0;
    negotiation->expected = negotiation->have = 0;
    if (out->failed) negotiation->state = FAILED;
}

static minke_multistream_result_t result(const minke_multistream_t *negotiation)
{
    switch (negotiation->state) {
    case SELECTED: return MINKE_MULTISTREAM_SELECTED;
    case REFUSED: return MINKE_MULTISTREAM_REFUSED;
    case FAILED: return MINKE_MULTISTREAM_FAILED;
    default: return MINKE_MULTISTREAM_MORE;
    }
}

minke_multistream_result_t minke__multistream_recv(minke_multistream_t *negotiation, const uint8_t *in, size_t len,
                                                   size_t *taken, minke_writer_t *out,
                                                   minke_multistream_lookup_t lookup, void *user)
{
    size_t at = 0;
    while (at < len && result(negotiation) == MINKE_MULTISTREAM_MORE) {
        if (!negotiation->in_text) {
            if (!take_prefix_byte(negotiation, in[at++])) negotiation->state = FAILED;
            continue;
        }
        at += take_text(negotiation, in + at, len - at);
        if (negotiation->have < negotiation->expected) break;
        if (in[at - 1] == '\n') message_arrived(negotiation, out, lookup, user);
        else negotiation->state = FAILED;
    }
    *taken = at;
    return result(negotiation);
}

int minke__multistream_protocol(const minke_multistream_t *negotiation)
{
    return negotiation->state == SELECTED ? negotiation->selected : -1;
}
