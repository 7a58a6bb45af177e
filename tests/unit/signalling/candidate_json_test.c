/* Candidates as JSON. */
#include "support.h"

#include "base/address.h"
#include "signalling/candidate_json.h"

#define LINE "candidate:1 1 udp 2130706431 192.0.2.7 40000 typ host"
/* The example of spec/webrtc-private.md 5; 126 bytes, as its frame in section 4 says. */
#define EXAMPLE "{\"candidate\":\"" LINE "\",\"sdpMid\":\"0\",\"sdpMLineIndex\":0,\"usernameFragment\":\"Qx7a\"}"

static test_env_t test;

static int read_json(const char *json, const char *mid, const char *ufrag, minke_remote_candidate_t *out)
{
    const char *why;
    const int error = minke__candidate_json_read(&test.env, (const uint8_t *)json, strlen(json), mid, ufrag, out, &why);
    assert_true((error == MINKE_OK || error == MINKE_ERROR_NO_MEMORY) == (why == NULL));
    return error;
}

static void accepted(void **state)
{
    (void)state;
    static const char *const table[] = {
        EXAMPLE,
        /* libdatachannel: "a=" and nothing that is not needed */
        "{\"candidate\":\"a=" LINE "\",\"sdpMLineIndex\":null,\"sdpMid\":\"0\",\"usernameFragment\":null}",
        /* any order, unknown keys, blanks */
        " { \"foundation\" : \"1\", \"usernameFragment\": \"Qx7a\", \"nested\": {\"a\": [1, 2.5, true]}, "
        "\"sdpMLineIndex\" : 0 ,"
        "\"sdpMid\":\"0\", \"candidate\":\"" LINE "\" }\n",
        "{\"candidate\":\"" LINE "\"}",
        "{\"candidate\":\"" LINE "\",\"sdpMid\":null,\"sdpMLineIndex\":null,\"usernameFragment\":null}",
        "{\"candidate\":\"" LINE "\",\"sdpMid\":\"\",\"usernameFragment\":\"\"}",
        /* numbers and strings for each other */
        "{\"candidate\":\"" LINE "\",\"sdpMLineIndex\":\"0\"}",
        "{\"candidate\":\"" LINE "\",\"sdpMid\":0}",
        /* the mid counts, not the index */
        "{\"candidate\":\"" LINE "\",\"sdpMid\":\"0\",\"sdpMLineIndex\":1}",
        /* escapes */
        "{\"\\u0063andidate\":\"candidate:1 1 \\u0075dp 2130706431 192.0.2.7 40000 typ "
        "host\",\"x\":\"\\/\\ud83d\\ude00\"}",
        /* the last of a key that comes twice */
        "{\"candidate\":\"x\",\"sdpMid\":\"1\",\"candidate\":\"" LINE "\",\"sdpMid\":\"0\"}",
        "{\"candidate\":\"" LINE " ufrag Qx7a\"}",
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_remote_candidate_t c;
        char text[MINKE_ADDRESS_TEXT_BYTES];
        if (read_json(table[i], "0", "Qx7a", &c) != MINKE_OK) fail_msg("%s", table[i]);
        minke__address_text(&c.candidate.address, text, sizeof text);
        assert_int_equal(c.kind, MINKE_REMOTE_CANDIDATE_ADDRESS);
        assert_string_equal(text, "192.0.2.7:40000");
        assert_int_equal(c.candidate.priority, 2130706431);
        assert_int_equal(read_json(table[i], NULL, NULL, &c), MINKE_OK);
        assert_int_equal(read_json(table[i], "", "", &c), MINKE_OK);
    }
}

static void ends(void **state)
{
    (void)state;
    static const char *const table[] = {
        "",
        "null",
        " null\n",
        "\"\"",
        "{}",
        "{\"candidate\":\"\"}",
        "{\"candidate\":null}",
        "{\"candidate\":\" \"}",
        "{\"candidate\":\"\",\"sdpMLineIndex\":0,\"sdpMid\":\"0\",\"usernameFragment\":\"Qx7a\"}", /* Firefox 153 */
        "{\"candidate\":\"a=end-of-candidates\",\"sdpMid\":\"0\"}",
        "\"end-of-candidates\"",
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_remote_candidate_t c;
        if (read_json(table[i], "0", "Qx7a", &c) != MINKE_OK) fail_msg("%s", table[i]);
        assert_int_equal(c.kind, MINKE_REMOTE_CANDIDATE_END);
    }
    minke_remote_candidate_t c;
    const char *why;
    assert_int_equal(minke__candidate_json_read(&test.env, NULL, 0, "0", "Qx7a", &c, &why), MINKE_OK);
    assert_int_equal(c.kind, MINKE_REMOTE_CANDIDATE_END);
}

static void of_no_use(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } table[] = {
        {"{\"candidate\":\"" LINE "\",\"sdpMid\":\"1\",\"sdpMLineIndex\":0}", "sdpMid: not the mid of the description"},
        {"{\"candidate\":\"" LINE "\",\"sdpMid\":\"00\"}", "sdpMid: not the mid of the description"},
        {"{\"candidate\":\"" LINE "\",\"sdpMid\":1}", "sdpMid: not the mid of the description"},
        {"{\"candidate\":\"" LINE "\",\"sdpMid\":-1}", "sdpMid: not the mid of the description"},
        {"{\"candidate\":\"" LINE "\",\"sdpMLineIndex\":1}",
         "sdpMLineIndex: the description has one m= line, which is 0"},
        {"{\"candidate\":\"" LINE "\",\"sdpMid\":null,\"sdpMLineIndex\":\"1\"}",
         "sdpMLineIndex: the description has one m= line, which is 0"},
        {"{\"candidate\":\"" LINE "\",\"sdpMLineIndex\":-1}",
         "sdpMLineIndex: the description has one m= line, which is 0"},
        {"{\"candidate\":\"" LINE "\",\"usernameFragment\":\"Qx7b\"}",
         "usernameFragment: not the ufrag of the description"},
        {"{\"candidate\":\"" LINE " ufrag Qx7b\"}", "candidate: its ufrag is not that of the description"},
        {"{\"candidate\":\"\",\"usernameFragment\":\"Qx7b\"}", "usernameFragment: not the ufrag of the description"},
        {"{\"candidate\":\"candidate:2 1 TCP 2105458943 192.0.2.7 9 typ host tcptype active\",\"sdpMid\":\"0\"}",
         "candidate: its transport is not UDP"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_remote_candidate_t c;
        const char *why;
        const uint8_t *json = (const uint8_t *)table[i].json;
        if (minke__candidate_json_read(&test.env, json, strlen(table[i].json), "0", "Qx7a", &c, &why) !=
            MINKE_ERROR_UNSUPPORTED) {
            fail_msg("%s", table[i].json);
        }
        assert_string_equal(why, table[i].why);
    }
}

static void malformed(void **state)
{
    (void)state;
    static const char *const table[] = {
        "x",
        "{",
        "[]",
        "true",
        "0",
        "\"" LINE "\"",
        "{\"candidate\":1}",
        "{\"candidate\":{}}",
        "{\"candidate\":[\"" LINE "\"]}",
        "{\"candidate\":\"x\"}",
        "{\"candidate\":\"candidate:1 1 udp 1 192.0.2.7 65536 typ host\"}",
        EXAMPLE "x",
        EXAMPLE EXAMPLE,
        "{\"candidate\":\"" LINE "\\u0000\"}",
        "{\"candidate\":\"\xff\"}",
        "{'candidate':''}",
        "{\"candidate\":\"" LINE "\",}",
        LINE,
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_remote_candidate_t c;
        if (read_json(table[i], "0", "Qx7a", &c) != MINKE_ERROR_MALFORMED) fail_msg("%s", table[i]);
    }
}

static void limits(void **state)
{
    (void)state;
    char json[MINKE_CANDIDATE_JSON_MAX + 2];
    minke_remote_candidate_t c;
    (void)memset(json, ' ', sizeof json);
    json[sizeof json - 1] = 0;
    memcpy(json, EXAMPLE, strlen(EXAMPLE));
    assert_int_equal(read_json(json, "0", "Qx7a", &c), MINKE_ERROR_TOO_LARGE);
    json[sizeof json - 2] = 0;
    assert_int_equal(read_json(json, "0", "Qx7a", &c), MINKE_OK);
    /* Deep, and wide: neither is a candidate's. */
    (void)memset(json, '[', MINKE_CANDIDATE_JSON_MAX);
    assert_int_equal(read_json(json, "0", "Qx7a", &c), MINKE_ERROR_MALFORMED);
    (void)strcpy(json, "{\"candidate\":\"" LINE "\",\"x\":");
    for (unsigned i = 1; i < MINKE_CANDIDATE_JSON_OPEN_MAX; i++) (void)strcat(json, "[");
    for (unsigned i = 1; i < MINKE_CANDIDATE_JSON_OPEN_MAX; i++) (void)strcat(json, "]");
    (void)strcat(json, "}");
    assert_int_equal(read_json(json, "0", "Qx7a", &c), MINKE_OK);
}

static void truncated(void **state)
{
    (void)state;
    for (size_t len = 1; len < strlen(EXAMPLE); len++) {
        char copy[sizeof EXAMPLE];
        minke_remote_candidate_t c;
        const char *why;
        memcpy(copy + sizeof copy - len, EXAMPLE, len);
        assert_int_equal(
            minke__candidate_json_read(&test.env, (uint8_t *)copy + sizeof copy - len, len, "0", "Qx7a", &c, &why),
            MINKE_ERROR_MALFORMED);
    }
}

static void written(void **state)
{
    (void)state;
    static const minke_candidate_t candidate = {
        .type = MINKE_CANDIDATE_HOST,
        .address = {.ip = {192, 0, 2, 7}, .port = 40000, .family = MINKE_FAMILY_IP4},
        .priority = 2130706431,
        .foundation = "1"};
    char json[MINKE_CANDIDATE_JSON_BYTES];
    const size_t len = strlen(EXAMPLE);
    assert_int_equal(len, 126);
    for (size_t capacity = 0; capacity <= len; capacity++) {
        minke_writer_t w = minke__writer(json, capacity);
        const int expected = capacity < len ? MINKE_ERROR_NO_SPACE : MINKE_OK;
        assert_int_equal(minke__candidate_json_write(&test.env, &candidate, "0", "Qx7a", &w), expected);
        assert_int_equal(w.len, capacity < len ? 0 : len);
    }
    assert_memory_equal(json, EXAMPLE, len);

    minke_writer_t w = minke__writer(json, sizeof json);
    assert_int_equal(minke__candidate_json_write(&test.env, &candidate, "", "Qx7a", &w), MINKE_OK);
    json[w.len] = 0;
    assert_non_null(strstr(json, "\"sdpMid\":null,"));
}

/* The longest of everything. */
static void written_in_full(void **state)
{
    (void)state;
    minke_candidate_t candidate = {.type = MINKE_CANDIDATE_SRFLX,
                                   .address = {.port = 65535, .family = MINKE_FAMILY_IP6},
                                   .priority = INT32_MAX,
                                   .foundation = "12345678901234567890123456789012",
                                   .has_related = true};
    char mid[65], ufrag[257], json[MINKE_CANDIDATE_JSON_BYTES];
    minke_remote_candidate_t c;
    const char *why;
    (void)memset(candidate.address.ip, 0xee, 16);
    candidate.related = candidate.address;
    (void)memset(mid, 'm', sizeof mid - 1);
    (void)memset(ufrag, 'u', sizeof ufrag - 1);
    mid[sizeof mid - 1] = ufrag[sizeof ufrag - 1] = 0;
    minke_writer_t w = minke__writer(json, sizeof json);
    assert_int_equal(minke__candidate_json_write(&test.env, &candidate, mid, ufrag, &w), MINKE_OK);
    assert_int_equal(minke__candidate_json_read(&test.env, w.data, w.len, mid, ufrag, &c, &why), MINKE_OK);
    assert_true(minke__address_equal(&c.candidate.related, &candidate.related));
    assert_string_equal(c.candidate.foundation, candidate.foundation);
}

/* Of jansson's own: it goes on without a byte where a string does not grow, so what it reads then may be anything. */
static void lack_of_memory(void **state)
{
    (void)state;
    unsigned failures_n = 0, told_n = 0;
    for (unsigned n = 1; n < 40; n++) {
        minke_remote_candidate_t c;
        fail_json_at(n);
        told_n += read_json(EXAMPLE, "0", "Qx7a", &c) == MINKE_ERROR_NO_MEMORY;
        assert_int_equal(json_blocks(), 0);
    }
    assert_true(told_n > 2);
    fail_json_at(0);
    minke_remote_candidate_t c;
    assert_int_equal(read_json(EXAMPLE, "0", "Qx7a", &c), MINKE_OK);
    assert_int_equal(c.kind, MINKE_REMOTE_CANDIDATE_ADDRESS);
    for (unsigned n = 1;; n++) {
        static const minke_candidate_t candidate = {.address = {.port = 1, .family = MINKE_FAMILY_IP4},
                                                    .foundation = "1"};
        char json[MINKE_CANDIDATE_JSON_BYTES];
        minke_writer_t w = minke__writer(json, sizeof json);
        fail_json_at(n);
        const int error = minke__candidate_json_write(&test.env, &candidate, "0", "Qx7a", &w);
        assert_int_equal(json_blocks(), 0);
        if (error == MINKE_OK) break;
        assert_int_equal(error, MINKE_ERROR_NO_MEMORY);
        assert_int_equal(w.len, 0);
        failures_n++;
    }
    assert_true(failures_n > 5);
    fail_json_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),       cmocka_unit_test(ends),
        cmocka_unit_test(of_no_use),      cmocka_unit_test(malformed),
        cmocka_unit_test(limits),         cmocka_unit_test(truncated),
        cmocka_unit_test(written),        cmocka_unit_test(written_in_full),
        cmocka_unit_test(lack_of_memory),
    };
    test_env_init(&test, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
