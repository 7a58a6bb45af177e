/* Candidate lines. */
#include "support.h"

#include "base/address.h"
#include "signalling/candidate_text.h"

#define UUID "973b10c9-1d99-4ee5-8934-4a497ab52158"
#define HEAD "candidate:1 1 udp 2130706431 "

static int read_line(const char *line, const char *ufrag, minke_remote_candidate_t *out)
{
    const char *why;
    const int error = minke__candidate_text_read(line, strlen(line), ufrag, out, &why);
    assert_true((error == MINKE_OK) == (why == NULL));
    return error;
}

static void usable(void **state)
{
    (void)state;
    static const struct {
        const char *line, *address, *related;
        minke_candidate_type_t type;
        uint32_t priority;
    } table[] = {
        {HEAD "192.0.2.7 40000 typ host", "192.0.2.7:40000", NULL, MINKE_CANDIDATE_HOST, 2130706431},
        {"a=" HEAD "192.0.2.7 40000 typ host", "192.0.2.7:40000", NULL, MINKE_CANDIDATE_HOST, 2130706431},
        {"1 1 udp 1 192.0.2.7 1 typ host", "192.0.2.7:1", NULL, MINKE_CANDIDATE_HOST, 1},
        {"a=1 1 udp 2147483647 192.0.2.7 65535 typ host\r\n", "192.0.2.7:65535", NULL, MINKE_CANDIDATE_HOST,
         2147483647},
        {"  candidate:1  1 UDP 1\t192.0.2.7 1 TYP HOST ", "192.0.2.7:1", NULL, MINKE_CANDIDATE_HOST, 1},
        {HEAD "2001:DB8:0::7 40000 typ host", "[2001:db8::7]:40000", NULL, MINKE_CANDIDATE_HOST, 2130706431},
        {HEAD "64:ff9b::192.0.2.7 4 typ host", "[64:ff9b::c000:207]:4", NULL, MINKE_CANDIDATE_HOST, 2130706431},
        {HEAD "127.0.0.1 4 typ host", "127.0.0.1:4", NULL, MINKE_CANDIDATE_HOST, 2130706431},
        {HEAD "198.51.100.9 4 typ srflx raddr 192.0.2.7 rport 40000", "198.51.100.9:4", "192.0.2.7:40000",
         MINKE_CANDIDATE_SRFLX, 2130706431},
        {HEAD "198.51.100.9 4 typ srflx generation 0 rport 40000 raddr 2001:db8::1 network-id 1", "198.51.100.9:4",
         "[2001:db8::1]:40000", MINKE_CANDIDATE_SRFLX, 2130706431},
        {HEAD "198.51.100.9 4 typ srflx raddr 0.0.0.0 rport 0", "198.51.100.9:4", NULL, MINKE_CANDIDATE_SRFLX,
         2130706431},
        {HEAD "198.51.100.9 4 typ srflx raddr :: rport 9", "198.51.100.9:4", NULL, MINKE_CANDIDATE_SRFLX, 2130706431},
        {HEAD "198.51.100.9 4 typ srflx", "198.51.100.9:4", NULL, MINKE_CANDIDATE_SRFLX, 2130706431},
        {HEAD "198.51.100.9 4 typ prflx raddr 10.0.0.1 rport 65536", "198.51.100.9:4", NULL, MINKE_CANDIDATE_PRFLX,
         2130706431},
        {HEAD "198.51.100.9 4 typ prflx raddr " UUID ".local rport 1", "198.51.100.9:4", NULL, MINKE_CANDIDATE_PRFLX,
         2130706431},
        {HEAD "198.51.100.9 4 typ relay raddr 10.0.0.1 rport 7", "198.51.100.9:4", "10.0.0.1:7", MINKE_CANDIDATE_RELAY,
         2130706431},
        {HEAD "192.0.2.7 4 typ host raddr 10.0.0.1 rport 7", "192.0.2.7:4", NULL, MINKE_CANDIDATE_HOST, 2130706431},
        {HEAD "192.0.2.7 4 typ host generation 0 ufrag Qx7a network-cost 999", "192.0.2.7:4", NULL,
         MINKE_CANDIDATE_HOST, 2130706431},
        {HEAD "192.0.2.7 4 typ host generation", "192.0.2.7:4", NULL, MINKE_CANDIDATE_HOST, 2130706431},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_remote_candidate_t c;
        char text[MINKE_ADDRESS_TEXT_BYTES];
        if (read_line(table[i].line, "Qx7a", &c) != MINKE_OK) fail_msg("%s", table[i].line);
        minke__address_text(&c.candidate.address, text, sizeof text);
        assert_int_equal(c.kind, MINKE_REMOTE_CANDIDATE_ADDRESS);
        assert_string_equal(text, table[i].address);
        assert_int_equal(c.candidate.type, table[i].type);
        assert_int_equal(c.candidate.priority, table[i].priority);
        assert_string_equal(c.candidate.foundation, "1");
        assert_string_equal(c.name, "");
        assert_int_equal(c.candidate.has_related, table[i].related != NULL);
        minke__address_text(&c.candidate.related, text, sizeof text);
        if (table[i].related != NULL) assert_string_equal(text, table[i].related);
    }
}

static void hidden_behind_a_name(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "candidate:0 1 UDP 2122252543 " UUID ".local 50054 typ host",
        "candidate:0 1 UDP 2122252543 973B10C9-1D99-4EE5-8934-4a497ab52158.LOCAL 50054 typ host generation 0",
    };
    for (size_t i = 0; i < 2; i++) {
        minke_remote_candidate_t c;
        assert_int_equal(read_line(lines[i], NULL, &c), MINKE_OK);
        assert_int_equal(c.kind, MINKE_REMOTE_CANDIDATE_NAME);
        assert_string_equal(c.name, UUID ".local");
        assert_int_equal(c.candidate.address.family, MINKE_FAMILY_NONE);
        assert_int_equal(c.candidate.address.port, 50054);
        assert_int_equal(c.candidate.priority, 2122252543);
    }
}

static void ignored(void **state)
{
    (void)state;
    static const struct {
        const char *line, *why;
    } table[] = {
        {"candidate:2 1 TCP 2105458943 192.0.2.7 9 typ host tcptype active", "candidate: its transport is not UDP"},
        {"candidate:2 1 tcp 1 192.0.2.7 0 typ host", "candidate: its transport is not UDP"},
        {"candidate:2 1 ssltcp 1 192.0.2.7 443 typ host", "candidate: its transport is not UDP"},
        {"candidate:1 2 udp 1 192.0.2.7 4 typ host", "candidate: of a component other than 1"},
        {"candidate:1 256 udp 1 192.0.2.7 4 typ host", "candidate: of a component other than 1"},
        {HEAD "192.0.2.7 4 typ token", "candidate: neither host, srflx, prflx nor relay"},
        {HEAD "192.0.2.7 4 typ host ufrag other", "candidate: its ufrag is not that of the description"},
        {HEAD "192.0.2.7 4 typ host generation 0 ufrag Qx7", "candidate: its ufrag is not that of the description"},
        {HEAD "192.0.2.7 0 typ host", "candidate: nothing can be sent to port 0"},
        {HEAD UUID ".local 0 typ host", "candidate: nothing can be sent to port 0"},
        {HEAD "example.org 4 typ host", "candidate: host names are not resolved, except <UUID>.local"},
        {HEAD "printer.local 4 typ host", "candidate: host names are not resolved, except <UUID>.local"},
        {HEAD "x" UUID ".local 4 typ host", "candidate: host names are not resolved, except <UUID>.local"},
        {HEAD "973b10c9-1d99-4ee5-8934-4a497ab5215g.local 4 typ host",
         "candidate: host names are not resolved, except <UUID>.local"},
        {HEAD "973b10c9-1d99-4ee5-8934x4a497ab52158.local 4 typ host",
         "candidate: host names are not resolved, except <UUID>.local"},
        {HEAD UUID ".locax 4 typ host", "candidate: host names are not resolved, except <UUID>.local"},
        {HEAD UUID ".local. 4 typ host", "candidate: host names are not resolved, except <UUID>.local"},
        {HEAD "192.0.2.256 4 typ host", "candidate: host names are not resolved, except <UUID>.local"},
        {HEAD "fe80::1 4 typ host", "candidate: a link-local IPv6 address leads nowhere without its zone"},
        {HEAD "fe80::1%eth0 4 typ host", "candidate: its IPv6 address has a zone"},
        {HEAD "2001:db8::1%1 4 typ host", "candidate: its IPv6 address has a zone"},
        {HEAD "::ffff:192.0.2.7 4 typ host", "candidate: IPv4-mapped IPv6 addresses are not used"},
        {HEAD "0.0.0.0 4 typ host", "candidate: the address is unspecified, multicast or broadcast"},
        {HEAD ":: 4 typ host", "candidate: the address is unspecified, multicast or broadcast"},
        {HEAD "224.0.0.251 4 typ host", "candidate: the address is unspecified, multicast or broadcast"},
        {HEAD "ff02::fb 4 typ host", "candidate: the address is unspecified, multicast or broadcast"},
        {HEAD "255.255.255.255 4 typ host", "candidate: the address is unspecified, multicast or broadcast"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_remote_candidate_t c;
        const char *why;
        if (minke__candidate_text_read(table[i].line, strlen(table[i].line), "Qx7a", &c, &why) !=
            MINKE_ERROR_UNSUPPORTED) {
            fail_msg("%s", table[i].line);
        }
        assert_string_equal(why, table[i].why);
    }
}

static void malformed(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "a=",
        "candidate:",
        "candidate",
        "a=a=" HEAD "192.0.2.7 4 typ host",
        "candidate: 1 udp 1 192.0.2.7 4 typ host",
        "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.7 4 typ host",
        "candidate:1-2 1 udp 1 192.0.2.7 4 typ host",
        "candidate:1 0 udp 1 192.0.2.7 4 typ host",
        "candidate:1 257 udp 1 192.0.2.7 4 typ host",
        "candidate:1 x udp 1 192.0.2.7 4 typ host",
        "candidate:1 1 udp 0 192.0.2.7 4 typ host",
        "candidate:1 1 udp 2147483648 192.0.2.7 4 typ host",
        "candidate:1 1 udp 99999999999999999999 192.0.2.7 4 typ host",
        "candidate:1 1 udp -1 192.0.2.7 4 typ host",
        HEAD "192.0.2.7 65536 typ host",
        HEAD "192.0.2.7 -1 typ host",
        HEAD "192.0.2.7 x typ host",
        HEAD "[2001:db8::1] 4 typ host",
        HEAD "192.0.2.7:4 4 typ host",
        HEAD "1:2:3 4 typ host",
        HEAD "x%eth0 4 typ host",
        HEAD "192.0.2.7 4 host typ",
        HEAD "192.0.2.7 4 typ",
        HEAD "192.0.2.7 4 typ host \x01 x",
        HEAD "192.0.2.7 4 typ host name \xc3\xa4",
        HEAD "192.0.2.7 4 typ host \x7f x",
        /* What is malformed and of another transport is malformed. */
        "candidate:1 1 tcp x 192.0.2.7 4 typ host",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        minke_remote_candidate_t c;
        if (read_line(lines[i], NULL, &c) != MINKE_ERROR_MALFORMED) fail_msg("%s", lines[i]);
    }
    minke_remote_candidate_t c;
    const char *why;
    assert_int_equal(minke__candidate_text_read(NULL, 0, NULL, &c, &why), MINKE_ERROR_MALFORMED);
    assert_int_equal(minke__candidate_text_read("candidate:1\0 1 udp 1 192.0.2.7 4 typ host", 41, NULL, &c, &why),
                     MINKE_ERROR_MALFORMED);
}

/* The first cut that is a candidate is the one whose type is complete. */
static void truncated(void **state)
{
    (void)state;
    static const char line[] = "a=" HEAD "198.51.100.9 40001 typ srflx raddr 192.0.2.7 rport 40000";
    const size_t complete = (size_t)(strstr(line, " raddr") - line);
    for (size_t len = 0; len < sizeof line; len++) {
        char copy[sizeof line]; /* so that a sanitizer sees what is read behind it */
        minke_remote_candidate_t c;
        const char *why;
        memcpy(copy + sizeof copy - len, line, len);
        const int error = minke__candidate_text_read(copy + sizeof copy - len, len, NULL, &c, &why);
        assert_int_equal(error == MINKE_OK, len >= complete);
    }
}

static void written(void **state)
{
    (void)state;
    static const struct {
        minke_candidate_t candidate;
        const char *line;
    } table[] = {
        {{.type = MINKE_CANDIDATE_HOST,
          .address = {.ip = {192, 0, 2, 7}, .port = 40000, .family = MINKE_FAMILY_IP4},
          .priority = 2130706431,
          .foundation = "1"},
         "candidate:1 1 udp 2130706431 192.0.2.7 40000 typ host"},
        {{.type = MINKE_CANDIDATE_SRFLX,
          .address = {.ip = {198, 51, 100, 9}, .port = 40001, .family = MINKE_FAMILY_IP4},
          .priority = 1694498815,
          .foundation = "2",
          .has_related = true,
          .related = {.ip = {192, 0, 2, 7}, .port = 40000, .family = MINKE_FAMILY_IP4}},
         "candidate:2 1 udp 1694498815 198.51.100.9 40001 typ srflx raddr 192.0.2.7 rport 40000"},
        {{.type = MINKE_CANDIDATE_SRFLX,
          .address = {.ip = {198, 51, 100, 9}, .port = 40001, .family = MINKE_FAMILY_IP4},
          .priority = 1694498815,
          .foundation = "2"},
         "candidate:2 1 udp 1694498815 198.51.100.9 40001 typ srflx raddr 0.0.0.0 rport 9"},
        {{.type = MINKE_CANDIDATE_RELAY,
          .address = {.ip = {0x20, 1, 0xd, 0xb8, [15] = 1}, .port = 65535, .family = MINKE_FAMILY_IP6},
          .priority = 16777215,
          .foundation = "12345678901234567890123456789012"},
         "candidate:12345678901234567890123456789012 1 udp 16777215 2001:db8::1 65535 typ relay raddr :: rport 9"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[MINKE_CANDIDATE_TEXT_BYTES];
        minke_remote_candidate_t c;
        const size_t len = strlen(table[i].line);
        for (size_t capacity = 0; capacity <= len; capacity++) {
            minke_writer_t w = minke__writer(text, capacity);
            const int expected = capacity < len ? MINKE_ERROR_NO_SPACE : MINKE_OK;
            assert_int_equal(minke__candidate_text_write(&table[i].candidate, &w), expected);
            assert_int_equal(w.len, capacity < len ? 0 : len);
        }
        assert_memory_equal(text, table[i].line, len);
        assert_int_equal(read_line(table[i].line, NULL, &c), MINKE_OK);
        assert_true(minke__address_equal(&c.candidate.address, &table[i].candidate.address));
        assert_true(minke__address_equal(&c.candidate.related, &table[i].candidate.related));
        assert_int_equal(c.candidate.has_related, table[i].candidate.has_related);
        assert_int_equal(c.candidate.type, table[i].candidate.type);
        assert_int_equal(c.candidate.priority, table[i].candidate.priority);
        assert_string_equal(c.candidate.foundation, table[i].candidate.foundation);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usable),    cmocka_unit_test(hidden_behind_a_name),
        cmocka_unit_test(ignored),   cmocka_unit_test(malformed),
        cmocka_unit_test(truncated), cmocka_unit_test(written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
