#include <string.h>

#include "signalling/sdp.h"
#include "signalling/sdp_token.h"

static void write_line(minke_writer_t *w, const char *name, const char *value)
{
    minke__write_text(w, name);
    minke__write_text(w, value);
    minke__write_text(w, "\r\n");
}

static void write_number_line(minke_writer_t *w, const char *name, uint64_t value)
{
    minke__write_text(w, name);
    minke__write_decimal(w, value);
    minke__write_text(w, "\r\n");
}

static const char *setup_text(minke_sdp_setup_t setup)
{
    switch (setup) {
    case MINKE_SDP_ACTIVE: return "active";
    case MINKE_SDP_PASSIVE: return "passive";
    default: return "actpass";
    }
}

/* Strict parsers want a c= line and a group, though neither says anything here. */
static void write_session(const minke_local_description_t *description, minke_writer_t *w)
{
    minke__write_text(w, "v=0\r\no=- ");
    minke__write_decimal(w, description->session_id);
    minke__write_text(w, " 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    if (description->mid[0] != 0) write_line(w, "a=group:BUNDLE ", description->mid);
    minke__write_text(w, "a=msid-semantic: WMS\r\n");
}

static void write_media(const minke_local_description_t *description, minke_writer_t *w)
{
    minke__write_text(w, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n");
    write_line(w, "a=ice-ufrag:", description->credentials->ufrag);
    write_line(w, "a=ice-pwd:", description->credentials->pwd);
    minke__write_text(w, "a=ice-options:trickle\r\n");
    minke__write_text(w, "a=fingerprint:");
    minke__fingerprint_write(w, MINKE_FINGERPRINT_SHA256, description->fingerprint);
    minke__write_text(w, "\r\n");
    write_line(w, "a=setup:", setup_text(description->setup));
    if (description->mid[0] != 0) write_line(w, "a=mid:", description->mid);
    minke__write_text(w, "a=sctp-port:5000\r\n");
    write_number_line(w, "a=max-message-size:", description->max_message_size);
}

static bool is_valid(const minke_local_description_t *description)
{
    const minke_ice_credentials_t *credentials = description->credentials;
    const minke_slice_t mid = {(const uint8_t *)description->mid, strlen(description->mid)};
    return minke__ice_chars(credentials->ufrag, strlen(credentials->ufrag), MINKE_SDP_UFRAG_MIN, MINKE_ICE_UFRAG_MAX) &&
           minke__ice_chars(credentials->pwd, strlen(credentials->pwd), MINKE_SDP_PWD_MIN, MINKE_ICE_PWD_MAX) &&
           (mid.len == 0 || minke__sdp_is_mid(mid));
}

static int append(const minke_writer_t *text, minke_writer_t *out)
{
    if (text->failed || text->len > minke__writer_left(out)) return MINKE_ERROR_NO_SPACE;
    minke__write_bytes(out, text->data, text->len);
    return MINKE_OK;
}

int minke__sdp_write(const minke_local_description_t *description, minke_writer_t *out)
{
    uint8_t text[MINKE_SDP_BYTES];
    minke_writer_t w = minke__writer(text, sizeof text);
    if (!is_valid(description)) return MINKE_ERROR_INVALID;
    write_session(description, &w);
    write_media(description, &w);
    return append(&w, out);
}

int minke__sdp_write_candidate(const minke_candidate_t *candidate, minke_writer_t *out)
{
    uint8_t text[MINKE_CANDIDATE_TEXT_BYTES + 4];
    minke_writer_t line = minke__writer(text, sizeof text);
    minke__write_text(&line, "a=");
    if (minke__candidate_text_write(candidate, &line) < 0) return MINKE_ERROR_NO_SPACE;
    minke__write_text(&line, "\r\n");
    return append(&line, out);
}

int minke__sdp_write_end_of_candidates(minke_writer_t *out)
{
    uint8_t text[32];
    minke_writer_t line = minke__writer(text, sizeof text);
    minke__write_text(&line, "a=end-of-candidates\r\n");
    return append(&line, out);
}
