/* Session descriptions. */
#include "support.h"

#include "signalling/sdp.h"

#define FINGERPRINT "30:FC:9F:46:9C:20:74:19:DF:DD:0A:AB:5F:27:A8:6C:97:3C:94:E4:05:48:DB:93:75:CC:A2:E9:15:97:3B:99"

/* The example of spec/webrtc-private.md 6. */
static const char example[] = "v=0\r\n"
                              "o=- 4611686018427387904 2 IN IP4 127.0.0.1\r\n"
                              "s=-\r\n"
                              "t=0 0\r\n"
                              "a=group:BUNDLE 0\r\n"
                              "a=msid-semantic: WMS\r\n"
                              "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                              "c=IN IP4 0.0.0.0\r\n"
                              "a=ice-ufrag:Qx7a\r\n"
                              "a=ice-pwd:r9VwKf2mTz0LhYp4Bn6Jc8Sd\r\n"
                              "a=ice-options:trickle\r\n"
                              "a=fingerprint:sha-256 " FINGERPRINT "\r\n"
                              "a=setup:actpass\r\n"
                              "a=mid:0\r\n"
                              "a=sctp-port:5000\r\n"
                              "a=max-message-size:262144\r\n";

static minke_remote_description_t remote;

static int read_sdp(minke_sdp_kind_t kind, const char *text, const char **why)
{
    const int error = minke__sdp_read(kind, (const uint8_t *)text, strlen(text), &remote, why);
    assert_true((error == MINKE_OK) == (*why == NULL));
    return error;
}

/* The example with `with` in the place of `what`. */
static int read_changed(minke_sdp_kind_t kind, const char *what, const char *with, const char **why)
{
    static char text[MINKE_SDP_MAX + 16];
    replace(example, what, with, text, sizeof text);
    return read_sdp(kind, text, why);
}

static void assert_accepted(const char *what, const char *with)
{
    const char *why;
    if (read_changed(MINKE_SDP_OFFER, what, with, &why) != MINKE_OK) fail_msg("%s: %s", with, why);
}

static minke_local_description_t local(minke_ice_credentials_t *credentials, uint8_t digest[32])
{
    (void)test_unhex("30fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99", digest, 32);
    *credentials = (minke_ice_credentials_t){.ufrag = "Qx7a", .pwd = "r9VwKf2mTz0LhYp4Bn6Jc8Sd"};
    return (minke_local_description_t){
        .credentials = credentials,
        .fingerprint = digest,
        .session_id = 4611686018427387904u,
        .setup = MINKE_SDP_ACTPASS,
        .mid = "0",
        .max_message_size = 262144,
    };
}

/* ---- writing */

static void writes_the_example(void **state)
{
    (void)state;
    minke_ice_credentials_t credentials;
    uint8_t digest[32];
    char text[MINKE_SDP_BYTES];
    const minke_local_description_t d = local(&credentials, digest);
    assert_int_equal(strlen(example), 436);
    for (size_t capacity = 0; capacity <= 436; capacity++) {
        minke_writer_t w = minke__writer(text, capacity);
        assert_int_equal(minke__sdp_write(&d, &w), capacity < 436 ? MINKE_ERROR_NO_SPACE : MINKE_OK);
        assert_int_equal(w.len, capacity < 436 ? 0 : 436);
    }
    assert_memory_equal(text, example, 436);
}

static void writes_candidates_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char line[] = "a=candidate:1 1 udp 2130706431 192.0.2.7 40000 typ host\r\n",
                      end[] = "a=end-of-candidates\r\n";
    const size_t line_len = sizeof line - 1, end_len = sizeof end - 1;
    const minke_candidate_t candidate = {.type = MINKE_CANDIDATE_HOST,
                                         .address = {.family = MINKE_FAMILY_IP4, .port = 40000, .ip = {192, 0, 2, 7}},
                                         .priority = 2130706431,
                                         .foundation = "1"};
    char text[128];
    for (size_t capacity = 0; capacity <= line_len; capacity++) {
        minke_writer_t w = minke__writer(text, capacity);
        assert_int_equal(minke__sdp_write_candidate(&candidate, &w),
                         capacity < line_len ? MINKE_ERROR_NO_SPACE : MINKE_OK);
        assert_int_equal(w.len, capacity < line_len ? 0 : line_len);
    }
    assert_memory_equal(text, line, line_len);
    for (size_t capacity = 0; capacity <= end_len; capacity++) {
        minke_writer_t w = minke__writer(text, capacity);
        assert_int_equal(minke__sdp_write_end_of_candidates(&w), capacity < end_len ? MINKE_ERROR_NO_SPACE : MINKE_OK);
        assert_int_equal(w.len, capacity < end_len ? 0 : end_len);
    }
    assert_memory_equal(text, end, end_len);
}

static void writes_answers(void **state)
{
    (void)state;
    minke_ice_credentials_t credentials;
    uint8_t digest[32];
    char text[MINKE_SDP_BYTES];
    const char *why;
    minke_local_description_t d = local(&credentials, digest);
    d.setup = MINKE_SDP_ACTIVE;
    d.mid = "data";
    minke_writer_t w = minke__writer(text, sizeof text - 1);
    assert_int_equal(minke__sdp_write(&d, &w), MINKE_OK);
    text[w.len] = 0;
    assert_non_null(strstr(text, "a=group:BUNDLE data\r\n"));
    assert_non_null(strstr(text, "a=mid:data\r\n"));
    assert_non_null(strstr(text, "a=setup:active\r\n"));
    assert_null(strstr(text, "candidates"));
    assert_int_equal(read_sdp(MINKE_SDP_ANSWER, text, &why), MINKE_OK);
    assert_string_equal(remote.mid, "data");
    d.setup = MINKE_SDP_PASSIVE;
    d.mid = "";
    w = minke__writer(text, sizeof text - 1);
    assert_int_equal(minke__sdp_write(&d, &w), MINKE_OK);
    text[w.len] = 0;
    assert_null(strstr(text, "mid"));
    assert_null(strstr(text, "BUNDLE"));
    assert_int_equal(read_sdp(MINKE_SDP_ANSWER, text, &why), MINKE_OK);
    assert_int_equal(remote.setup, MINKE_SDP_PASSIVE);
    assert_int_equal(minke__sdp_answer_setup(MINKE_SDP_ACTPASS), MINKE_SDP_ACTIVE);
    assert_int_equal(minke__sdp_answer_setup(MINKE_SDP_PASSIVE), MINKE_SDP_ACTIVE);
    assert_int_equal(minke__sdp_answer_setup(MINKE_SDP_ACTIVE), MINKE_SDP_PASSIVE);
}

static void writes_the_longest(void **state)
{
    (void)state;
    static minke_ice_credentials_t credentials;
    uint8_t digest[32];
    char text[MINKE_SDP_BYTES], mid[MINKE_SDP_MID_MAX + 2] = {0};
    const char *why;
    minke_local_description_t d = local(&credentials, digest);
    (void)memset(credentials.ufrag, 'u', MINKE_ICE_UFRAG_MAX);
    (void)memset(credentials.pwd, 'p', MINKE_ICE_PWD_MAX);
    (void)memset(mid, 'm', MINKE_SDP_MID_MAX);
    d.mid = mid;
    d.session_id = d.max_message_size = UINT64_MAX;
    minke_writer_t w = minke__writer(text, sizeof text);
    assert_int_equal(minke__sdp_write(&d, &w), MINKE_OK);
    assert_int_equal(minke__sdp_read(MINKE_SDP_OFFER, w.data, w.len, &remote, &why), MINKE_OK);
    assert_string_equal(remote.credentials.ufrag, credentials.ufrag);
    assert_string_equal(remote.credentials.pwd, credentials.pwd);
    assert_string_equal(remote.mid, mid);

    static const char *const mids[] = {"a b", "a\r\nb", "a:b", "\xc3\xa4", "a\"", "mmmm"};
    for (size_t i = 0; i < sizeof mids / sizeof mids[0]; i++) {
        w = minke__writer(text, sizeof text);
        d.mid = i < 5 ? mids[i] : mid;
        mid[MINKE_SDP_MID_MAX] = 'm'; /* one too long */
        assert_int_equal(minke__sdp_write(&d, &w), MINKE_ERROR_INVALID);
    }
    d.mid = "0";
    (void)strcpy(credentials.ufrag, "Qx7");
    assert_int_equal(minke__sdp_write(&d, &w), MINKE_ERROR_INVALID);
    (void)strcpy(credentials.ufrag, "Qx7\n");
    assert_int_equal(minke__sdp_write(&d, &w), MINKE_ERROR_INVALID);
    (void)strcpy(credentials.ufrag, "Qx7a");
    (void)strcpy(credentials.pwd, "short");
    assert_int_equal(minke__sdp_write(&d, &w), MINKE_ERROR_INVALID);
    assert_int_equal(w.len, 0);
}

/* ---- reading */

static void reads_the_example(void **state)
{
    (void)state;
    uint8_t digest[32];
    const char *why;
    (void)test_unhex("30fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99", digest, 32);
    assert_int_equal(read_sdp(MINKE_SDP_OFFER, example, &why), MINKE_OK);
    assert_string_equal(remote.credentials.ufrag, "Qx7a");
    assert_string_equal(remote.credentials.pwd, "r9VwKf2mTz0LhYp4Bn6Jc8Sd");
    assert_int_equal(remote.fingerprints.n, 1);
    assert_int_equal(remote.fingerprints.list[0].hash, MINKE_FINGERPRINT_SHA256);
    assert_memory_equal(remote.fingerprints.list[0].digest, digest, 32);
    assert_int_equal(remote.setup, MINKE_SDP_ACTPASS);
    assert_string_equal(remote.mid, "0");
    assert_int_equal(remote.sctp_port, 5000);
    assert_int_equal(remote.max_message_size, 262144);
    assert_false(remote.ice_lite);
    assert_false(remote.end_of_candidates);
    assert_int_equal(remote.candidates_n + remote.ignored_n, 0);
}

static void line_ends(void **state)
{
    (void)state;
    static char text[sizeof example];
    const char *why;
    size_t len = 0;
    for (const char *c = example; *c != 0; c++) {
        if (*c != '\r') text[len++] = *c;
    }
    text[len] = 0;
    assert_int_equal(read_sdp(MINKE_SDP_OFFER, text, &why), MINKE_OK);
    text[len - 1] = 0; /* the last line has none */
    assert_int_equal(read_sdp(MINKE_SDP_OFFER, text, &why), MINKE_OK);
    assert_int_equal(remote.max_message_size, 262144);
    assert_accepted("t=0 0\r\n", "\r\nt=0 0\r\n\n"); /* empty lines */
}

/* Whatever may be otherwise than in the example. */
static void tolerated(void **state)
{
    (void)state;
    assert_accepted("a=msid-semantic: WMS", "a=unknown\r\na=other:value\r\nb=AS:1\r\ni=\xc3\xa4\xff\r\nx=y");
    assert_accepted("a=setup:actpass", "a=setup: ACTPASS ");
    assert_accepted("a=setup:actpass", "a=setup:passive");
    assert_int_equal(remote.setup, MINKE_SDP_PASSIVE);
    assert_accepted("a=setup:actpass", "a=setup:active");
    assert_accepted("a=fingerprint:sha-256", "a=fingerprint:SHA-256");
    assert_accepted("a=ice-ufrag:Qx7a", "a=ice-ufrag:Qx7a\r\na=ice-ufrag:Qx7a"); /* twice the same */
    assert_accepted("m=application 9", "m=application 40000");
    assert_accepted("UDP/DTLS/SCTP", "TCP/DTLS/SCTP");
}

static void port_0_of_a_bundle(void **state)
{
    (void)state;
    const char *why;
    assert_int_equal(read_changed(MINKE_SDP_OFFER, "m=application 9", "m=application 0", &why),
                     MINKE_ERROR_UNSUPPORTED);
    static char text[1024];
    replace(example, "m=application 9", "m=application 0", text, sizeof text);
    (void)strcat(text, "a=bundle-only\r\n");
    assert_int_equal(read_sdp(MINKE_SDP_OFFER, text, &why), MINKE_OK);
}

static void defaults(void **state)
{
    (void)state;
    assert_accepted("a=sctp-port:5000\r\na=max-message-size:262144\r\n", "");
    assert_int_equal(remote.sctp_port, 5000);
    assert_int_equal(remote.max_message_size, 65536);
    assert_accepted("a=mid:0\r\n", "");
    assert_string_equal(remote.mid, "");
    assert_accepted("a=max-message-size:262144", "a=max-message-size:0");
    assert_int_equal(remote.max_message_size, 0);
    assert_accepted("a=max-message-size:262144", "a=max-message-size:99999999999999999999999999");
    assert_true(remote.max_message_size == UINT64_MAX);
    assert_accepted("a=sctp-port:5000", "a=sctp-port:65535");
    assert_int_equal(remote.sctp_port, 65535);
    /* The form of before 2018. */
    assert_accepted("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5001\r\na=sctpmap:5001 webrtc-datachannel 256");
    assert_int_equal(remote.sctp_port, 5001);
    assert_accepted("a=mid:0", "a=mid:0\r\na=ice-lite");
    assert_true(remote.ice_lite);
    assert_accepted("a=msid-semantic: WMS", "a=ice-lite");
    assert_true(remote.ice_lite);
    assert_accepted("a=mid:0", "a=mid:0123456789012345678901234567890123456789012345678901234567890123");
}

/* What stands before m= is for all that follows, unless that says otherwise. */
static void levels(void **state)
{
    (void)state;
    static char text[1024], media[1024];
    const char *why;
    replace(example,
            "a=ice-ufrag:Qx7a\r\na=ice-pwd:r9VwKf2mTz0LhYp4Bn6Jc8Sd\r\na=ice-options:trickle\r\na=fingerprint:sha-"
            "256 " FINGERPRINT "\r\na=setup:actpass\r\n",
            "", media, sizeof media);
    replace(media, "m=application",
            "a=ice-ufrag:session\r\na=ice-pwd:0123456789012345678901\r\na=setup:active\r\na=fingerprint:sha-"
            "256 " FINGERPRINT "\r\nm=application",
            text, sizeof text);
    assert_int_equal(read_sdp(MINKE_SDP_OFFER, text, &why), MINKE_OK);
    assert_string_equal(remote.credentials.ufrag, "session");
    assert_string_equal(remote.credentials.pwd, "0123456789012345678901");
    assert_int_equal(remote.setup, MINKE_SDP_ACTIVE);
    assert_int_equal(remote.fingerprints.n, 1);

    replace(example, "m=application",
            "a=ice-ufrag:session\r\na=ice-pwd:0123456789012345678901\r\na=setup:active\r\n"
            "a=fingerprint:sha-256 "
            "00:FC:9F:46:9C:20:74:19:DF:DD:0A:AB:5F:27:A8:6C:97:3C:94:E4:05:48:DB:93:75:CC:A2:E9:15:97:3B:99\r\n"
            "a=mid:session\r\na=sctp-port:1\r\na=max-message-size:1\r\n"
            "a=candidate:1 1 udp 1 192.0.2.7 1 typ host\r\nm=application",
            text, sizeof text);
    assert_int_equal(read_sdp(MINKE_SDP_OFFER, text, &why), MINKE_OK);
    assert_string_equal(remote.credentials.ufrag, "Qx7a");
    assert_string_equal(remote.credentials.pwd, "r9VwKf2mTz0LhYp4Bn6Jc8Sd");
    assert_int_equal(remote.setup, MINKE_SDP_ACTPASS);
    assert_int_equal(remote.fingerprints.n, 1);
    assert_int_equal(remote.fingerprints.list[0].digest[0], 0x30);
    /* These have no meaning there. */
    assert_string_equal(remote.mid, "0");
    assert_int_equal(remote.sctp_port, 5000);
    assert_int_equal(remote.max_message_size, 262144);
    assert_int_equal(remote.candidates_n, 0);

    /* A weak one in the media level hides a strong one of the session level. */
    replace(example, "a=fingerprint:sha-256 " FINGERPRINT, "a=fingerprint:sha-1 00", media, sizeof media);
    replace(media, "m=application", "a=fingerprint:sha-256 " FINGERPRINT "\r\nm=application", text, sizeof text);
    assert_int_equal(read_sdp(MINKE_SDP_OFFER, text, &why), MINKE_ERROR_UNSUPPORTED);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *what, *with;
        int error;
        const char *why;
    } table[] = {
        {"v=0", "v=1", MINKE_ERROR_MALFORMED, "SDP: the first line is not v=0"},
        {"v=0\r\n", "", MINKE_ERROR_MALFORMED, "SDP: the first line is not v=0"},
        {"v=0", "{\"type\":\"offer\"}", MINKE_ERROR_MALFORMED, "SDP: the first line is not v=0"},
        {"s=-", "s", MINKE_ERROR_MALFORMED, "SDP: a line that is not a letter, \"=\" and a value"},
        {"s=-", "session: -", MINKE_ERROR_MALFORMED, "SDP: a line that is not a letter, \"=\" and a value"},
        {"s=-", "s=\r-", MINKE_ERROR_MALFORMED, "SDP: a CR without the LF of a line's end"},
        {"s=-\r\n", "s=-\r", MINKE_ERROR_MALFORMED, "SDP: a CR without the LF of a line's end"},
        {"s=-\r\n", "s=-\r\r\n", MINKE_ERROR_MALFORMED, "SDP: a CR without the LF of a line's end"},
        {"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", "", MINKE_ERROR_MALFORMED, "m=: there is none"},
        {"c=IN", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN", MINKE_ERROR_UNSUPPORTED,
         "m=: more than one; expected a single one, of data channels"},
        {"m=app", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nm=app", MINKE_ERROR_UNSUPPORTED,
         "m=: more than one; expected a single one, of data channels"},
        {"m=application", "m=audio", MINKE_ERROR_UNSUPPORTED, "m=: the media is not application"},
        {"m=application 9", "m=application x", MINKE_ERROR_MALFORMED, "m=: the port is no number up to 65535"},
        {"m=application 9", "m=application 65536", MINKE_ERROR_MALFORMED, "m=: the port is no number up to 65535"},
        {"m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "m=application", MINKE_ERROR_MALFORMED,
         "m=: the port is no number up to 65535"},
        {"m=application 9", "m=application 0", MINKE_ERROR_UNSUPPORTED, "m=: port 0, so it is rejected"},
        {"UDP/DTLS/SCTP", "UDP/TLS/RTP/SAVPF", MINKE_ERROR_UNSUPPORTED, "m=: the protocol is not UDP/DTLS/SCTP"},
        {"UDP/DTLS/SCTP", "SCTP", MINKE_ERROR_UNSUPPORTED, "m=: the protocol is not UDP/DTLS/SCTP"},
        {"webrtc-datachannel", "t38", MINKE_ERROR_UNSUPPORTED, "m=: the format is not webrtc-datachannel"},
        {"UDP/DTLS/SCTP webrtc-datachannel", "UDP/DTLS/SCTP", MINKE_ERROR_UNSUPPORTED,
         "m=: the format is not webrtc-datachannel"},
        {"UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP webrtc-datachannel", MINKE_ERROR_MALFORMED,
         "a=sctp-port: expected a number from 1 to 65535"},
        {"a=ice-ufrag:Qx7a\r\n", "", MINKE_ERROR_MALFORMED, "a=ice-ufrag: there is none"},
        {"a=ice-ufrag:Qx7a", "a=ice-ufrag", MINKE_ERROR_MALFORMED,
         "a=ice-ufrag: expected 4 to 256 letters, digits, \"+\" or \"/\""},
        {"a=ice-ufrag:Qx7a", "a=ice-ufrag:Qx7", MINKE_ERROR_MALFORMED,
         "a=ice-ufrag: expected 4 to 256 letters, digits, \"+\" or \"/\""},
        {"a=ice-ufrag:Qx7a", "a=ice-ufrag:Qx7-", MINKE_ERROR_MALFORMED,
         "a=ice-ufrag: expected 4 to 256 letters, digits, \"+\" or \"/\""},
        {"a=ice-ufrag:Qx7a", "a=ice-ufrag:Qx7a\r\na=ice-ufrag:Qx7b", MINKE_ERROR_MALFORMED,
         "a=ice-ufrag: two that differ"},
        {"a=ice-pwd:r9VwKf2mTz0LhYp4Bn6Jc8Sd\r\n", "", MINKE_ERROR_MALFORMED, "a=ice-pwd: there is none"},
        {"a=ice-pwd:r9VwKf2mTz0LhYp4Bn6Jc8Sd", "a=ice-pwd:123456789012345678901", MINKE_ERROR_MALFORMED,
         "a=ice-pwd: expected 22 to 256 letters, digits, \"+\" or \"/\""},
        {"a=ice-pwd:", "a=ice-pwd:1234567890123456789012\r\na=ice-pwd:", MINKE_ERROR_MALFORMED,
         "a=ice-pwd: two that differ"},
        {"a=fingerprint:sha-256 " FINGERPRINT "\r\n", "", MINKE_ERROR_MALFORMED, "a=fingerprint: there is none"},
        {"a=fingerprint:sha-256", "a=fingerprint:sha-1", MINKE_ERROR_UNSUPPORTED,
         "a=fingerprint: neither sha-256, sha-384 nor sha-512"},
        {"a=fingerprint:sha-256 30:", "a=fingerprint:sha-256 ", MINKE_ERROR_MALFORMED,
         "a=fingerprint: expected a hash and as many bytes as it has, as 0A:1B:.."},
        {"a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:", MINKE_ERROR_MALFORMED,
         "a=fingerprint: expected a hash and as many bytes as it has, as 0A:1B:.."},
        {"a=fingerprint:sha-256 30", "a=fingerprint:sha-256 3g", MINKE_ERROR_MALFORMED,
         "a=fingerprint: expected a hash and as many bytes as it has, as 0A:1B:.."},
        {"a=setup:actpass\r\n", "", MINKE_ERROR_MALFORMED, "a=setup: there is none"},
        {"a=setup:actpass", "a=setup:holdconn", MINKE_ERROR_UNSUPPORTED,
         "a=setup: holdconn, so no connection is wanted"},
        {"a=setup:actpass", "a=setup:both", MINKE_ERROR_MALFORMED, "a=setup: expected actpass, active or passive"},
        {"a=setup:actpass", "a=setup:actpass\r\na=setup:active", MINKE_ERROR_MALFORMED, "a=setup: two that differ"},
        {"a=mid:0", "a=mid:", MINKE_ERROR_MALFORMED, "a=mid: expected a token of 1 to 64 characters"},
        {"a=mid:0", "a=mid:0 1", MINKE_ERROR_MALFORMED, "a=mid: expected a token of 1 to 64 characters"},
        {"a=mid:0", "a=mid:01234567890123456789012345678901234567890123456789012345678901234", MINKE_ERROR_MALFORMED,
         "a=mid: expected a token of 1 to 64 characters"},
        {"a=mid:0", "a=mid:0\r\na=mid:1", MINKE_ERROR_MALFORMED, "a=mid: two that differ"},
        {"a=sctp-port:5000", "a=sctp-port:0", MINKE_ERROR_MALFORMED, "a=sctp-port: expected a number from 1 to 65535"},
        {"a=sctp-port:5000", "a=sctp-port:65536", MINKE_ERROR_MALFORMED,
         "a=sctp-port: expected a number from 1 to 65535"},
        {"a=sctp-port:5000", "a=sctp-port:5000\r\na=sctp-port:5001", MINKE_ERROR_MALFORMED,
         "a=sctp-port: two that differ"},
        {"a=max-message-size:262144", "a=max-message-size:-1", MINKE_ERROR_MALFORMED,
         "a=max-message-size: expected a number"},
        {"a=max-message-size:262144", "a=max-message-size:1\r\na=max-message-size:2", MINKE_ERROR_MALFORMED,
         "a=max-message-size: two that differ"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *why;
        const int error = read_changed(MINKE_SDP_OFFER, table[i].what, table[i].with, &why);
        if (error != table[i].error) fail_msg("%s gives %d: %s", table[i].with, error, why);
        assert_string_equal(why, table[i].why);
    }
}

static void answers(void **state)
{
    (void)state;
    const char *why;
    assert_int_equal(read_sdp(MINKE_SDP_ANSWER, example, &why), MINKE_ERROR_MALFORMED);
    assert_string_equal(why, "a=setup: actpass in an answer, which must choose active or passive");
    assert_int_equal(read_changed(MINKE_SDP_ANSWER, "actpass", "active", &why), MINKE_OK);
    assert_int_equal(remote.setup, MINKE_SDP_ACTIVE);
    assert_int_equal(read_changed(MINKE_SDP_ANSWER, "actpass", "passive", &why), MINKE_OK);
    assert_int_equal(remote.setup, MINKE_SDP_PASSIVE);
    assert_int_equal(read_changed(MINKE_SDP_ANSWER, "actpass", "holdconn", &why), MINKE_ERROR_UNSUPPORTED);
}

static void several_fingerprints(void **state)
{
    (void)state;
    static char text[1024], more[1024];
    const char *why;
    /* A weak one beside a strong one does no harm. */
    assert_accepted("a=fingerprint:", "a=fingerprint:sha-1 xx\r\na=fingerprint:");
    assert_int_equal(remote.fingerprints.n, 1);
    replace(example, "a=setup", "a=fingerprint:sha-256 " FINGERPRINT "\r\na=setup", text, sizeof text);
    for (size_t n = 2;; n++) {
        const int error = read_sdp(MINKE_SDP_OFFER, text, &why);
        if (n > MINKE_FINGERPRINTS_MAX) {
            assert_int_equal(error, MINKE_ERROR_TOO_LARGE);
            assert_string_equal(why, "a=fingerprint: more than 4 of one hash");
            break;
        }
        assert_int_equal(error, MINKE_OK);
        assert_int_equal(remote.fingerprints.n, n);
        (void)strcpy(more, text);
        replace(more, "a=setup", "a=fingerprint:sha-256 " FINGERPRINT "\r\na=setup", text, sizeof text);
    }
}

static void sizes(void **state)
{
    (void)state;
    static char text[MINKE_SDP_MAX + 16], line[MINKE_SDP_LINE_MAX + 16];
    const char *why;
    (void)memset(line, 'x', sizeof line);
    memcpy(line, "s=", 2);
    line[MINKE_SDP_LINE_MAX] = 0;
    assert_accepted("s=-", line);
    line[MINKE_SDP_LINE_MAX] = 'x';
    line[MINKE_SDP_LINE_MAX + 1] = 0;
    assert_int_equal(read_changed(MINKE_SDP_OFFER, "s=-", line, &why), MINKE_ERROR_TOO_LARGE);
    assert_string_equal(why, "SDP: a line of more than 8192 bytes");

    (void)strcpy(text, example);
    (void)memset(text + 436, '\n', sizeof text - 436);
    assert_int_equal(minke__sdp_read(MINKE_SDP_OFFER, (uint8_t *)text, MINKE_SDP_MAX, &remote, &why), MINKE_OK);
    assert_int_equal(minke__sdp_read(MINKE_SDP_OFFER, (uint8_t *)text, MINKE_SDP_MAX + 1, &remote, &why),
                     MINKE_ERROR_TOO_LARGE);
    assert_string_equal(why, "SDP: more than 65536 bytes");
    assert_int_equal(minke__sdp_read(MINKE_SDP_OFFER, NULL, 0, &remote, &why), MINKE_ERROR_MALFORMED);
    memcpy(text, example, sizeof example); /* the terminator is a line of its own now */
    assert_int_equal(minke__sdp_read(MINKE_SDP_OFFER, (uint8_t *)text, sizeof example, &remote, &why),
                     MINKE_ERROR_MALFORMED);
    assert_string_equal(why, "SDP: a NUL in a line");
}

static void with_candidates(void **state)
{
    (void)state;
    /* Before the ufrag that they are compared with; a malformed one is no reason to refuse the rest. */
    assert_accepted("a=ice-ufrag:",
                    "a=candidate:1 1 udp 2130706431 192.0.2.7 40000 typ host\r\n"
                    "a=candidate:2 1 tcp 2105458943 192.0.2.7 9 typ host tcptype active\r\n"
                    "a=candidate:x\r\n"
                    "a=candidate:3 1 udp 2130706430 2001:db8::7 40000 typ host ufrag Qx7a\r\n"
                    "a=candidate:3 1 udp 2130706430 2001:db8::7 40000 typ host ufrag other\r\n"
                    "a=candidate:4 1 udp 1 973b10c9-1d99-4ee5-8934-4a497ab52158.local 42347 typ host\r\n"
                    "a=end-of-candidates\r\na=ice-ufrag:");
    assert_int_equal(remote.candidates_n, 3);
    assert_int_equal(remote.candidates[0].candidate.address.family, MINKE_FAMILY_IP4);
    assert_int_equal(remote.candidates[1].candidate.address.family, MINKE_FAMILY_IP6);
    assert_string_equal(remote.candidates[2].name, "973b10c9-1d99-4ee5-8934-4a497ab52158.local");
    assert_int_equal(remote.ignored_n, 3);
    assert_string_equal(remote.ignored_why, "candidate: its transport is not UDP");
    assert_true(remote.end_of_candidates);
}

static void a_thousand_candidates(void **state)
{
    (void)state;
    static char text[MINKE_SDP_MAX];
    static const char line[] = "a=candidate:1 1 udp 2130706431 192.0.2.7 40000 typ host\r\n";
    const char *why;
    (void)strcpy(text, example);
    for (size_t i = 0; i < 1000; i++) memcpy(text + 436 + i * (sizeof line - 1), line, sizeof line);
    assert_int_equal(read_sdp(MINKE_SDP_OFFER, text, &why), MINKE_OK);
    assert_int_equal(remote.candidates_n, MINKE_SDP_CANDIDATES_MAX);
    assert_int_equal(remote.ignored_n, 1000 - MINKE_SDP_CANDIDATES_MAX);
    assert_string_equal(remote.ignored_why, "candidate: more than 64");
}

/* The example needs all up to its setup; cut behind that, it is a description again. */
static void truncated(void **state)
{
    (void)state;
    const size_t complete = (size_t)(strstr(example, "actpass") + strlen("actpass") - example);
    for (size_t len = 0; len < sizeof example; len++) {
        static char copy[sizeof example];
        const char *why;
        memcpy(copy + sizeof copy - len, example, len);
        const int error = minke__sdp_read(MINKE_SDP_OFFER, (uint8_t *)copy + sizeof copy - len, len, &remote, &why);
        assert_true((error == MINKE_OK) == (why == NULL));
        if (len < complete) assert_true(error < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_example),
        cmocka_unit_test(writes_candidates_whole_or_not_at_all),
        cmocka_unit_test(writes_answers),
        cmocka_unit_test(writes_the_longest),
        cmocka_unit_test(reads_the_example),
        cmocka_unit_test(line_ends),
        cmocka_unit_test(tolerated),
        cmocka_unit_test(port_0_of_a_bundle),
        cmocka_unit_test(defaults),
        cmocka_unit_test(levels),
        cmocka_unit_test(refused),
        cmocka_unit_test(answers),
        cmocka_unit_test(several_fingerprints),
        cmocka_unit_test(sizes),
        cmocka_unit_test(with_candidates),
        cmocka_unit_test(a_thousand_candidates),
        cmocka_unit_test(truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
