#include <string.h>

#include "signalling/sdp.h"
#include "signalling/sdp_token.h"
#include "signalling/text.h"

/* What may stand before the m= line, for all that follows, as well as after it. */
typedef struct level {
    minke_slice_t ufrag, pwd, setup; /* data NULL: absent */
    minke_fingerprints_t fingerprints;
    bool has_fingerprint; /* even if it is of a hash that we do not trust */
} level_t;

typedef struct description {
    level_t session, media;
    minke_slice_t media_line; /* what follows "m="; data NULL: none yet */
    minke_slice_t mid, sctp_port, max_message_size;
    bool bundle_only, ice_lite, end_of_candidates;
    const char *why;
} description_t;

static int refuse(description_t *d, int error, const char *sentence)
{
    d->why = sentence;
    return error;
}

bool minke__sdp_is_mid(minke_slice_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];
        if (c <= ' ' || c > '~' || strchr("\"(),/:;<=>?@[\\]", c) != NULL) return false;
    }
    return text.len > 0 && text.len <= MINKE_SDP_MID_MAX;
}

/* ---- lines */

/* The next line without its end; false: there is none. */
static bool next_line(minke_slice_t *rest, minke_slice_t *out)
{
    if (rest->len == 0) return false;
    *out = minke__text_until(rest, '\n');
    if (out->len > 0 && out->data[out->len - 1] == '\r') out->len--;
    return true;
}

static int check_line(description_t *d, minke_slice_t line)
{
    if (line.len > MINKE_SDP_LINE_MAX) {
        return refuse(d, MINKE_ERROR_TOO_LARGE, "SDP: a line of more than 8192 bytes");
    }
    if (line.len == 0) return MINKE_OK;
    if (memchr(line.data, 0, line.len) != NULL) return refuse(d, MINKE_ERROR_MALFORMED, "SDP: a NUL in a line");
    if (memchr(line.data, '\r', line.len) != NULL) {
        return refuse(d, MINKE_ERROR_MALFORMED, "SDP: a CR without the LF of a line's end");
    }
    if (line.len < 2 || line.data[1] != '=') {
        return refuse(d, MINKE_ERROR_MALFORMED, "SDP: a line that is not a letter, \"=\" and a value");
    }
    return MINKE_OK;
}

/* ---- attributes */

static int take_fingerprint(description_t *d, level_t *level, minke_slice_t value)
{
    minke_fingerprint_t fingerprint;
    const int error = minke__fingerprint_read(value, &fingerprint);
    level->has_fingerprint = true;
    if (error == MINKE_ERROR_UNSUPPORTED) return MINKE_OK; /* there may be better ones */
    if (error < 0) {
        return refuse(d, error, "a=fingerprint: expected a hash and as many bytes as it has, as 0A:1B:..");
    }
    if (!minke__fingerprints_add(&level->fingerprints, &fingerprint)) {
        return refuse(d, MINKE_ERROR_TOO_LARGE, "a=fingerprint: more than 4 of one hash");
    }
    return MINKE_OK;
}

/* Twice the same is once; two that differ leave open which was meant. */
static int take_once(description_t *d, minke_slice_t *slot, minke_slice_t value, const char *twice)
{
    if (slot->data != NULL && (slot->len != value.len || memcmp(slot->data, value.data, value.len) != 0)) {
        return refuse(d, MINKE_ERROR_MALFORMED, twice);
    }
    *slot = value;
    return MINKE_OK;
}

static int take_media_attribute(description_t *d, minke_slice_t name, minke_slice_t value)
{
    if (minke__text_is(name, "mid")) return take_once(d, &d->mid, value, "a=mid: two that differ");
    if (minke__text_is(name, "sctp-port")) {
        return take_once(d, &d->sctp_port, value, "a=sctp-port: two that differ");
    }
    if (minke__text_is(name, "max-message-size")) {
        return take_once(d, &d->max_message_size, value, "a=max-message-size: two that differ");
    }
    if (minke__text_is(name, "bundle-only")) d->bundle_only = true;
    return MINKE_OK;
}

static int take_attribute(description_t *d, minke_slice_t attribute)
{
    const bool in_media = d->media_line.data != NULL;
    level_t *level = in_media ? &d->media : &d->session;
    const minke_slice_t name = minke__text_trim(minke__text_until(&attribute, ':'));
    const minke_slice_t value = minke__text_trim(attribute);
    if (minke__text_is(name, "ice-ufrag")) return take_once(d, &level->ufrag, value, "a=ice-ufrag: two that differ");
    if (minke__text_is(name, "ice-pwd")) return take_once(d, &level->pwd, value, "a=ice-pwd: two that differ");
    if (minke__text_is(name, "setup")) return take_once(d, &level->setup, value, "a=setup: two that differ");
    if (minke__text_is(name, "fingerprint")) return take_fingerprint(d, level, value);
    if (minke__text_is(name, "ice-lite")) d->ice_lite = true;
    if (minke__text_is(name, "end-of-candidates")) d->end_of_candidates = true;
    return in_media ? take_media_attribute(d, name, value) : MINKE_OK;
}

static int take_lines(description_t *d, minke_slice_t text)
{
    minke_slice_t rest = text, line;
    if (!next_line(&rest, &line) || !minke__text_is(minke__text_trim(line), "v=0")) {
        return refuse(d, MINKE_ERROR_MALFORMED, "SDP: the first line is not v=0");
    }
    for (rest = text; next_line(&rest, &line);) {
        int error = check_line(d, line);
        if (error < 0) return error;
        if (minke__text_begins(line, "m=")) {
            if (d->media_line.data != NULL) {
                return refuse(d, MINKE_ERROR_UNSUPPORTED, "m=: more than one; expected a single one, of data channels");
            }
            d->media_line = minke__text_after(line, 2);
        }
        if (minke__text_begins(line, "a=")) error = take_attribute(d, minke__text_after(line, 2));
        if (error < 0) return error;
    }
    return MINKE_OK;
}

/* ---- what it all says */

static int read_sctp_port(description_t *d, minke_slice_t text, minke_remote_description_t *out)
{
    uint64_t port;
    if (!minke__text_number(text, UINT16_MAX, &port) || port < 1 || port > UINT16_MAX) {
        return refuse(d, MINKE_ERROR_MALFORMED, "a=sctp-port: expected a number from 1 to 65535");
    }
    out->sctp_port = (uint16_t)port;
    return MINKE_OK;
}

/* Until 2018 the format was the SCTP port, and an a=sctpmap said what it is for. */
static int read_format(description_t *d, minke_slice_t protocol, minke_slice_t format, minke_remote_description_t *out)
{
    if (minke__text_is_caseless(protocol, "DTLS/SCTP")) return read_sctp_port(d, format, out);
    if (!minke__text_is_caseless(protocol, "UDP/DTLS/SCTP") && !minke__text_is_caseless(protocol, "TCP/DTLS/SCTP")) {
        return refuse(d, MINKE_ERROR_UNSUPPORTED, "m=: the protocol is not UDP/DTLS/SCTP");
    }
    if (!minke__text_is_caseless(format, "webrtc-datachannel")) {
        return refuse(d, MINKE_ERROR_UNSUPPORTED, "m=: the format is not webrtc-datachannel");
    }
    if (d->sctp_port.data != NULL) return read_sctp_port(d, d->sctp_port, out);
    return MINKE_OK;
}

static int read_media_line(description_t *d, minke_remote_description_t *out)
{
    uint64_t port;
    minke_slice_t rest = d->media_line;
    if (rest.data == NULL) return refuse(d, MINKE_ERROR_MALFORMED, "m=: there is none");
    const minke_slice_t media = minke__text_word(&rest), port_text = minke__text_word(&rest);
    const minke_slice_t protocol = minke__text_word(&rest), format = minke__text_word(&rest);
    if (!minke__text_is(media, "application")) {
        return refuse(d, MINKE_ERROR_UNSUPPORTED, "m=: the media is not application");
    }
    if (!minke__text_number(port_text, UINT16_MAX, &port) || port > UINT16_MAX) {
        return refuse(d, MINKE_ERROR_MALFORMED, "m=: the port is no number up to 65535");
    }
    if (port == 0 && !d->bundle_only) return refuse(d, MINKE_ERROR_UNSUPPORTED, "m=: port 0, so it is rejected");
    return read_format(d, protocol, format, out);
}

static int read_credentials(description_t *d, minke_ice_credentials_t *out)
{
    const minke_slice_t ufrag = d->media.ufrag.data != NULL ? d->media.ufrag : d->session.ufrag;
    const minke_slice_t pwd = d->media.pwd.data != NULL ? d->media.pwd : d->session.pwd;
    if (ufrag.data == NULL) return refuse(d, MINKE_ERROR_MALFORMED, "a=ice-ufrag: there is none");
    if (pwd.data == NULL) return refuse(d, MINKE_ERROR_MALFORMED, "a=ice-pwd: there is none");
    if (!minke__ice_chars((const char *)ufrag.data, ufrag.len, MINKE_SDP_UFRAG_MIN, MINKE_ICE_UFRAG_MAX)) {
        return refuse(d, MINKE_ERROR_MALFORMED, "a=ice-ufrag: expected 4 to 256 letters, digits, \"+\" or \"/\"");
    }
    if (!minke__ice_chars((const char *)pwd.data, pwd.len, MINKE_SDP_PWD_MIN, MINKE_ICE_PWD_MAX)) {
        return refuse(d, MINKE_ERROR_MALFORMED, "a=ice-pwd: expected 22 to 256 letters, digits, \"+\" or \"/\"");
    }
    (void)minke__text_copy(ufrag, out->ufrag, sizeof out->ufrag);
    (void)minke__text_copy(pwd, out->pwd, sizeof out->pwd);
    return MINKE_OK;
}

static int choose_fingerprints(description_t *d, minke_remote_description_t *out)
{
    const level_t *level = d->media.has_fingerprint ? &d->media : &d->session;
    if (!level->has_fingerprint) return refuse(d, MINKE_ERROR_MALFORMED, "a=fingerprint: there is none");
    if (level->fingerprints.n == 0) {
        return refuse(d, MINKE_ERROR_UNSUPPORTED, "a=fingerprint: neither sha-256, sha-384 nor sha-512");
    }
    out->fingerprints = level->fingerprints;
    return MINKE_OK;
}

static int read_setup(description_t *d, minke_sdp_kind_t kind, minke_sdp_setup_t *out)
{
    const minke_slice_t value = d->media.setup.data != NULL ? d->media.setup : d->session.setup;
    if (value.data == NULL) return refuse(d, MINKE_ERROR_MALFORMED, "a=setup: there is none");
    if (minke__text_is_caseless(value, "holdconn")) {
        return refuse(d, MINKE_ERROR_UNSUPPORTED, "a=setup: holdconn, so no connection is wanted");
    }
    if (minke__text_is_caseless(value, "actpass")) *out = MINKE_SDP_ACTPASS;
    else if (minke__text_is_caseless(value, "active")) *out = MINKE_SDP_ACTIVE;
    else if (minke__text_is_caseless(value, "passive")) *out = MINKE_SDP_PASSIVE;
    else return refuse(d, MINKE_ERROR_MALFORMED, "a=setup: expected actpass, active or passive");
    if (kind == MINKE_SDP_ANSWER && *out == MINKE_SDP_ACTPASS) {
        return refuse(d, MINKE_ERROR_MALFORMED, "a=setup: actpass in an answer, which must choose active or passive");
    }
    return MINKE_OK;
}

static int read_rest(description_t *d, minke_remote_description_t *out)
{
    if (d->max_message_size.data != NULL &&
        !minke__text_number(d->max_message_size, UINT64_MAX - 1, &out->max_message_size)) {
        return refuse(d, MINKE_ERROR_MALFORMED, "a=max-message-size: expected a number");
    }
    if (d->mid.data != NULL && !minke__sdp_is_mid(d->mid)) {
        return refuse(d, MINKE_ERROR_MALFORMED, "a=mid: expected a token of 1 to 64 characters");
    }
    (void)minke__text_copy(d->mid, out->mid, sizeof out->mid);
    out->ice_lite = d->ice_lite;
    out->end_of_candidates = d->end_of_candidates;
    return MINKE_OK;
}

/* They come last: the ufrag that they are compared with may stand behind them. */
static void read_candidates(minke_slice_t text, minke_remote_description_t *out)
{
    bool in_media = false;
    for (minke_slice_t line; next_line(&text, &line);) {
        const char *why = "candidate: more than 64";
        in_media = in_media || minke__text_begins(line, "m=");
        if (!in_media || !minke__text_begins(line, "a=candidate:")) continue;
        if (out->candidates_n < MINKE_SDP_CANDIDATES_MAX &&
            minke__candidate_text_read((const char *)line.data, line.len, out->credentials.ufrag,
                                       &out->candidates[out->candidates_n], &why) == MINKE_OK) {
            out->candidates_n++;
            continue;
        }
        if (out->ignored_n++ == 0) out->ignored_why = why;
    }
}

static int read_all(description_t *d, minke_sdp_kind_t kind, minke_slice_t text, minke_remote_description_t *out)
{
    int error = take_lines(d, text);
    if (error == MINKE_OK) error = read_media_line(d, out);
    if (error == MINKE_OK) error = read_credentials(d, &out->credentials);
    if (error == MINKE_OK) error = choose_fingerprints(d, out);
    if (error == MINKE_OK) error = read_setup(d, kind, &out->setup);
    if (error == MINKE_OK) error = read_rest(d, out);
    if (error == MINKE_OK) read_candidates(text, out);
    return error;
}

int minke__sdp_read(minke_sdp_kind_t kind, const uint8_t *text, size_t len, minke_remote_description_t *out,
                    const char **why)
{
    description_t d = {0};
    int error;
    memset(out, 0, sizeof *out);
    out->sctp_port = 5000;
    out->max_message_size = 65536;
    if (len > MINKE_SDP_MAX) {
        error = refuse(&d, MINKE_ERROR_TOO_LARGE, "SDP: more than 65536 bytes");
    } else {
        const minke_reader_t r = minke__reader(text, len);
        error = read_all(&d, kind, (minke_slice_t){r.data, r.len}, out);
    }
    *why = d.why;
    return error;
}

minke_sdp_setup_t minke__sdp_answer_setup(minke_sdp_setup_t offer)
{
    return offer == MINKE_SDP_ACTIVE ? MINKE_SDP_PASSIVE : MINKE_SDP_ACTIVE;
}
