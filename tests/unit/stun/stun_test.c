#include "stun/stun.h"

#include "stun/crc32.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S1 "libp2p+webrtc+v1/abcdefghijklmnopqrstuvwxyz012345"
#define S2 "libp2p+webrtc+v2/ZkXb0Qn8yTgH2sLw9VrPdE4a"

static const uint8_t transaction_id[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/* spec/webrtc-direct.md 5.7 and spec/webrtc-private.md 7, whose 487 has a slip in its FINGERPRINT: CRC-32 gives
 * 8fd41744. */
static const char v1_request[] =
    "000100a02112a4420102030405060708090a0b0c000600636c69627032702b7765627274632b76312f6162636465666768696a6b6c6d6e6f70"
    "7172"
    "737475767778797a3031323334353a6c69627032702b7765627274632b76312f6162636465666768696a6b6c6d6e6f70717273747576777879"
    "7a"
    "30313233343500802a0008112233445566778800250000002400046e7f1eff00080014052442602b2e5d84ad66cad3c4d4123d64a3b2058028"
    "0004a01e3144";
static const char v1_response[] = "0101002c2112a4420102030405060708090a0b0c002000080001a147e112a643000800"
                                  "1487d26901da7aa5df3f12beb939d241f03313912c80280004ac1ea3b2";
static const char v2_request[] =
    "0001006c2112a4420102030405060708090a0b0c0006002e6c69627032702b7765627274632b76322f5a6b586230516e387954674832734c77"
    "3956"
    "7250644534613a6b3346710000802a0008112233445566778800250000002400046e7f1eff0008001424d5f71320323685d4ee2bc28d7aeafa"
    "2e3e7f7e80280004a351f001";
static const char v2_response[] = "0101002c2112a4420102030405060708090a0b0c002000080001a147e112a6430008001"
                                  "46dee833fd5646ee40343d3368f71ec3ba84077b180280004e9e17e30";
static const char private_request[] =
    "000100442112a4420102030405060708090a0b0c000600094c6d33743a51783761000000002400046effffff802a00081122334455667788"
    "000800148cf38576b1638e968d564af395c694d615610d4d80280004de6f32ad";
static const char private_response[] = "0101002c2112a4420102030405060708090a0b0c002000080001bd53e112a645"
                                       "00080014293f1b2644944de1429b38f85f531e6042fca81880280004a7c3b825";
static const char private_conflict[] =
    "011100382112a4420102030405060708090a0b0c0009001100000457526f6c6520436f6e666c69637400000000080014a70947e98dcc6418"
    "f468efc6d53be450bdf7c98c802800048fd41744";
static const char private_pwd[] = "k4Zt8Wq1Xe5Rv7Uy3Io9Pa2G";

static minke_address_t ip4(uint8_t d, uint8_t c, uint8_t b, uint8_t a, uint16_t port)
{
    return (minke_address_t){.ip = {d, c, b, a}, .port = port, .family = MINKE_FAMILY_IP4};
}

static minke_stun_message_t parsed(const uint8_t *data, size_t len)
{
    minke_stun_message_t m;
    assert_true(minke__stun_looks_like(data, len));
    assert_true(minke__stun_parse(data, len, &m));
    return m;
}

static void assert_bytes(const minke_writer_t *w, const char *hex)
{
    uint8_t expected[MINKE_STUN_MESSAGE_MAX];
    const size_t len = test_unhex(hex, expected, sizeof expected);
    assert_int_equal(w->len, len);
    assert_memory_equal(w->data, expected, len);
}

static void crc32_is_zlibs(void **state)
{
    (void)state;
    assert_int_equal(minke__crc32("123456789", 9), 0xcbf43926);
    assert_int_equal(minke__crc32("", 0), 0);
}

static void reads_the_direct_requests(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *username, *password;
        size_t len;
    } table[] = {
        {v1_request, S1 ":" S1, S1, 180},
        {v2_request, S2 ":k3Fq", S2, 128},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t data[256];
        const size_t len = test_unhex(table[i].hex, data, sizeof data);
        assert_int_equal(len, table[i].len);
        const minke_stun_message_t m = parsed(data, len);
        assert_int_equal(m.type, MINKE_STUN_BINDING_REQUEST);
        assert_memory_equal(m.transaction_id, transaction_id, 12);
        assert_int_equal(m.username_len, strlen(table[i].username));
        assert_memory_equal(m.username, table[i].username, m.username_len);
        assert_true(m.has_priority && m.priority == 0x6e7f1eff);
        assert_true(m.ice_controlling && !m.ice_controlled && m.tie_breaker == 0x1122334455667788);
        assert_true(m.use_candidate && m.has_fingerprint);
        assert_int_equal(m.unknown_n, 0);
        assert_true(minke__stun_verify(&m, table[i].password, strlen(table[i].password)));
        assert_false(minke__stun_verify(&m, table[i].password, strlen(table[i].password) - 1));
        assert_false(minke__stun_verify(&m, "", 0));
    }
}

static void writes_the_direct_requests(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *left, *right;
    } table[] = {{v1_request, S1, S1}, {v2_request, S2, "k3Fq"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *left = table[i].left, *right = table[i].right;
        uint8_t data[MINKE_STUN_MESSAGE_MAX];
        minke_writer_t w = minke__writer(data, sizeof data);
        minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, transaction_id);
        minke__stun_write_username(&w, left, strlen(left), right, strlen(right));
        minke__stun_write_role(&w, true, 0x1122334455667788);
        minke__stun_write_use_candidate(&w);
        minke__stun_write_priority(&w, 0x6e7f1eff);
        assert_true(minke__stun_finish(&w, left, strlen(left)));
        assert_bytes(&w, table[i].hex);
    }
}

static void writes_and_reads_the_responses(void **state)
{
    (void)state;
    const struct {
        const char *hex, *password;
        minke_address_t mapped;
    } table[] = {
        {v1_response, S1, ip4(192, 0, 2, 1, 32853)},
        {v2_response, S2, ip4(192, 0, 2, 1, 32853)},
        {private_response, private_pwd, ip4(192, 0, 2, 7, 40001)},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t data[128];
        minke_writer_t w = minke__writer(data, sizeof data);
        minke__stun_begin(&w, MINKE_STUN_BINDING_SUCCESS, transaction_id);
        minke__stun_write_mapped_address(&w, &table[i].mapped);
        assert_true(minke__stun_finish(&w, table[i].password, strlen(table[i].password)));
        assert_bytes(&w, table[i].hex);
        const minke_stun_message_t m = parsed(w.data, w.len);
        assert_int_equal(m.type, MINKE_STUN_BINDING_SUCCESS);
        assert_true(m.has_mapped_address);
        assert_memory_equal(&m.mapped_address, &table[i].mapped, sizeof m.mapped_address);
        assert_true(minke__stun_verify(&m, table[i].password, strlen(table[i].password)));
    }
}

static void writes_and_reads_the_private_ones(void **state)
{
    (void)state;
    uint8_t data[128];
    minke_writer_t w = minke__writer(data, sizeof data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, transaction_id);
    minke__stun_write_username(&w, "Lm3t", 4, "Qx7a", 4);
    minke__stun_write_priority(&w, 0x6effffff);
    minke__stun_write_role(&w, true, 0x1122334455667788);
    assert_true(minke__stun_finish(&w, private_pwd, strlen(private_pwd)));
    assert_bytes(&w, private_request);

    w = minke__writer(data, sizeof data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_ERROR, transaction_id);
    minke__stun_write_error(&w, 487);
    assert_true(minke__stun_finish(&w, private_pwd, strlen(private_pwd)));
    assert_bytes(&w, private_conflict);
    const minke_stun_message_t m = parsed(w.data, w.len);
    assert_int_equal(m.type, MINKE_STUN_BINDING_ERROR);
    assert_int_equal(m.error_code, 487);
    assert_true(minke__stun_verify(&m, private_pwd, strlen(private_pwd)));
}

static void maps_ip6(void **state)
{
    (void)state;
    /* RFC 5769 2.3 has this address under another transaction id; here the round trip and the cover are checked. */
    const minke_address_t address = {.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 9}, .port = 9, .family = MINKE_FAMILY_IP6};
    uint8_t data[128];
    minke_writer_t w = minke__writer(data, sizeof data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_SUCCESS, transaction_id);
    minke__stun_write_mapped_address(&w, &address);
    assert_true(minke__stun_finish(&w, NULL, 0));
    static const uint8_t covered[] = {0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0x21, 0x1b, 0x01, 0x13, 0xa9, 0xfa,
                                      0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x05};
    assert_memory_equal(data + 20, covered, sizeof covered);
    const minke_stun_message_t m = parsed(w.data, w.len);
    assert_memory_equal(&m.mapped_address, &address, sizeof address);
    assert_int_equal(m.integrity_at, 0);
    assert_false(minke__stun_verify(&m, "", 0));
}

/* RFC 5769 2.1: a request of another implementation, with SOFTWARE and padding of blanks. */
static void reads_rfc5769(void **state)
{
    (void)state;
    static const char hex[] =
        "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9"
        "b1"
        "51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
    uint8_t data[128];
    const size_t len = test_unhex(hex, data, sizeof data);
    const minke_stun_message_t m = parsed(data, len);
    assert_memory_equal(m.username, "evtj:h6vY", 9);
    assert_true(m.ice_controlled && m.tie_breaker == 0x932ff9b151263b36);
    assert_true(minke__stun_verify(&m, "VOkJxbRl1RmTxUk/WvJxBt", 22));
}

/* Every cut and every flipped bit is seen: by the parser, or by integrity where FINGERPRINT itself was made right. */
static void notices_damage(void **state)
{
    (void)state;
    uint8_t data[256];
    const size_t len = test_unhex(v1_request, data, sizeof data);
    minke_stun_message_t m;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = malloc(cut + 1); /* its end is where the address sanitizer looks */
        memcpy(copy, data, cut);
        assert_false(minke__stun_looks_like(copy, cut));
        assert_false(minke__stun_parse(copy, cut, &m));
        if (cut >= 20) { /* with a length that fits the cut */
            copy[2] = 0;
            copy[3] = (uint8_t)(cut - 20);
            if (minke__stun_parse(copy, cut, &m)) assert_false(cut < len - 8 && minke__stun_verify(&m, S1, strlen(S1)));
        }
        free(copy);
    }
    for (size_t bit = 0; bit < len * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        /* The one exception is the FINGERPRINT's own type turned into another that may be ignored. */
        if (minke__stun_parse(data, len, &m)) {
            assert_false(m.has_fingerprint);
            assert_true(bit / 8 >= len - 8 && bit / 8 < len - 6);
        }
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(minke__stun_parse(data, len, &m));
}

static void looks_only_like_stun(void **state)
{
    (void)state;
    uint8_t data[256];
    const size_t len = test_unhex(v1_response, data, sizeof data);
    assert_true(minke__stun_looks_like(data, len));
    assert_false(minke__stun_looks_like(data, len - 1));
    assert_false(minke__stun_looks_like(data, 19));
    for (int first = 4; first < 256; first++) {
        data[0] = (uint8_t)first;
        assert_false(minke__stun_looks_like(data, len));
    }
    data[0] = 1;
    data[4] ^= 1;
    assert_false(minke__stun_looks_like(data, len));
}

/* One attribute in a message without integrity or fingerprint. */
static bool parse_attribute(const char *attribute_hex, minke_stun_message_t *m)
{
    static uint8_t data[256];
    const size_t len = 20 + test_unhex(attribute_hex, data + 20, sizeof data - 20);
    minke_writer_t w = minke__writer(data, sizeof data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, transaction_id);
    data[2] = (uint8_t)((len - 20) >> 8);
    data[3] = (uint8_t)(len - 20);
    return minke__stun_parse(data, len, m);
}

static void judges_attributes(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *what;
        bool good;
        uint8_t unknown_n;
    } table[] = {
        {"", "none at all", true, 0},
        {"00250000", "USE-CANDIDATE", true, 0},
        {"0025000400000000", "USE-CANDIDATE with a value", false, 0},
        {"0024000400000001", "PRIORITY", true, 0},
        {"0024000301020300", "PRIORITY too short", false, 0},
        {"002400050000000100000000", "PRIORITY too long", false, 0},
        {"8029000400000001", "ICE-CONTROLLED too short", false, 0},
        {"802a000c000000000000000000000001", "ICE-CONTROLLING too long", false, 0},
        {"000800100102030405060708090a0b0c0d0e0f10", "MESSAGE-INTEGRITY too short", false, 0},
        {"802800020000ffff", "FINGERPRINT too short", false, 0},
        {"8028000400000000", "a wrong FINGERPRINT", false, 0},
        {"002000080001a147e112a643", "XOR-MAPPED-ADDRESS", true, 0},
        {"002000080003a147e112a643", "XOR-MAPPED-ADDRESS of no family", false, 0},
        {"002000080002a147e112a643", "XOR-MAPPED-ADDRESS IPv6 too short", false, 0},
        {"0020000200010000", "XOR-MAPPED-ADDRESS cut", false, 0},
        {"0009000400000414", "ERROR-CODE without reason", true, 0},
        {"0009000400000764", "ERROR-CODE out of range", false, 0},
        {"0009000200000000", "ERROR-CODE too short", false, 0},
        {"00060000", "an empty USERNAME", true, 0},
        {"000600056162636465000000", "padding", true, 0},
        {"0006000561626364650000", "a body that is no multiple of four", false, 0},
        {"0006000561626364", "a value that is not there", false, 0},
        {"00060009616263646500", "a value that runs over the end", false, 0},
        {"000600", "half a header", false, 0},
        {"c0570004000003e8", "GOOG-NETWORK-INFO", true, 0},
        {"0030000400000001", "unknown, comprehension-required", true, 1},
        {"00300000 00310000 00320000 00330000 00340000", "more of them than are noted", true, 4},
        {"ffff0003010203ff", "unknown, optional", true, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_stun_message_t m;
        const bool good = parse_attribute(table[i].hex, &m);
        if (good != table[i].good) fail_msg("%s: %d", table[i].what, good);
        if (good) assert_int_equal(m.unknown_n, table[i].unknown_n);
    }
}

static void takes_the_first_of_two(void **state)
{
    (void)state;
    minke_stun_message_t m;
    assert_true(parse_attribute("0024000400000001 0024000400000002 0006000461616161 0006000462626262", &m));
    assert_int_equal(m.priority, 1);
    assert_memory_equal(m.username, "aaaa", 4);
}

static void ignores_what_integrity_does_not_cover(void **state)
{
    (void)state;
    uint8_t data[256];
    minke_writer_t w = minke__writer(data, sizeof data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, transaction_id);
    minke__stun_write_username(&w, S1, strlen(S1), "abcd", 4);
    assert_true(minke__stun_finish(&w, S1, strlen(S1)));
    w.len -= 8; /* in place of the fingerprint */
    minke__stun_write_use_candidate(&w);
    assert_true(minke__stun_finish(&w, NULL, 0));
    const minke_stun_message_t m = parsed(w.data, w.len);
    assert_true(minke__stun_verify(&m, S1, strlen(S1)));
    assert_false(m.use_candidate);
    /* Behind a fingerprint that is right for the length that the header then has. */
    w.len -= 8;
    minke__patch_u16(&w, 2, (uint16_t)(w.len + 8 + 4 - 20));
    const uint32_t fingerprint = minke__crc32(w.data, w.len) ^ 0x5354554e;
    minke__write_u32(&w, 0x80280004);
    minke__write_u32(&w, fingerprint);
    minke__stun_write_use_candidate(&w);
    minke_stun_message_t other;
    assert_true(minke__stun_looks_like(w.data, w.len));
    assert_false(minke__stun_parse(w.data, w.len, &other));
}

/* Chromium's WebRTC-IceHandshakeDtls lets the first request grow to 1134 bytes (spec/peers-measured.md). */
static void takes_large_messages(void **state)
{
    (void)state;
    uint8_t data[1400];
    minke_writer_t w = minke__writer(data, sizeof data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, transaction_id);
    minke__stun_write_username(&w, S2, strlen(S2), "k3Fq", 4);
    minke__write_u16(&w, 0xc070);
    minke__write_u16(&w, 1026);
    minke__write_zeros(&w, 1028);
    assert_true(minke__stun_finish(&w, S2, strlen(S2)));
    assert_int_equal(w.len, 1136);
    const minke_stun_message_t m = parsed(w.data, w.len);
    assert_true(minke__stun_verify(&m, S2, strlen(S2)));
    assert_int_equal(m.unknown_n, 0);
}

static void does_not_write_past_the_end(void **state)
{
    (void)state;
    const minke_address_t address = ip4(192, 0, 2, 1, 1);
    static const uint16_t unknown[] = {0x30, 0x31, 0x32};
    for (size_t capacity = 0;; capacity++) {
        uint8_t *data = malloc(capacity + 1);
        minke_writer_t w = minke__writer(data, capacity);
        minke__stun_begin(&w, MINKE_STUN_BINDING_ERROR, transaction_id);
        minke__stun_write_mapped_address(&w, &address);
        minke__stun_write_error(&w, 420);
        minke__stun_write_unknown(&w, unknown, 3);
        const bool fits = minke__stun_finish(&w, S1, strlen(S1));
        assert_int_equal(fits, capacity >= 20 + 12 + 28 + 12 + 24 + 8);
        free(data);
        if (fits) break;
    }
    for (size_t capacity = 0;; capacity++) {
        uint8_t *data = malloc(capacity + 1);
        minke_writer_t w = minke__writer(data, capacity);
        minke__stun_begin(&w, MINKE_STUN_BINDING_ERROR, transaction_id);
        minke__stun_write_bare_error(&w, 420);
        const bool fits = minke__stun_finish_bare(&w);
        assert_int_equal(fits, capacity >= 20 + 8);
        if (fits) assert_bytes(&w, "011100082112a4420102030405060708090a0b0c 0009000400000414");
        free(data);
        if (fits) break;
    }
    uint8_t data[MINKE_STUN_MESSAGE_MAX];
    char ufrag[256];
    memset(ufrag, 'a', sizeof ufrag);
    minke_writer_t w = minke__writer(data, sizeof data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, transaction_id);
    minke__stun_write_username(&w, ufrag, sizeof ufrag, ufrag, sizeof ufrag);
    minke__stun_write_role(&w, true, 1);
    minke__stun_write_use_candidate(&w);
    minke__stun_write_priority(&w, 1);
    assert_true(minke__stun_finish(&w, ufrag, sizeof ufrag));
}

/* All that servers of RFC 3489 write. Cut or of another family it is no fault: NATs rewrite it. */
static void reads_a_plain_mapped_address(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool there;
        uint16_t port;
    } table[] = {
        {"0001 1f90 c0000201", true, 8080},
        {"0002 1f90 20010db8000000000000000000000001", true, 8080},
        {"0001 1f90 c00002", false, 0},
        {"0001 1f90 c000020100000000", false, 0},
        {"0003 1f90 c0000201", false, 0},
        {"00", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        static const uint8_t id[12] = {7};
        uint8_t value[32], out[100];
        const size_t value_len = test_unhex(table[i].value, value, sizeof value);
        minke_writer_t w = minke__writer(out, sizeof out);
        minke_stun_message_t m;
        minke__stun_begin(&w, MINKE_STUN_BINDING_SUCCESS, id);
        minke__write_u16(&w, 0x0001);
        minke__write_u16(&w, (uint16_t)value_len);
        minke__write_bytes(&w, value, value_len);
        minke__write_zeros(&w, (4 - value_len % 4) % 4);
        assert_true(minke__stun_finish_bare(&w));
        assert_true(minke__stun_parse(out, w.len, &m));
        assert_false(m.has_mapped_address);
        assert_int_equal(m.has_plain_mapped_address, table[i].there);
        assert_int_equal(m.plain_mapped_address.port, table[i].port);
        if (table[i].there) assert_memory_equal(m.plain_mapped_address.ip, value + 4, value_len - 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32_is_zlibs),
        cmocka_unit_test(reads_the_direct_requests),
        cmocka_unit_test(writes_the_direct_requests),
        cmocka_unit_test(writes_and_reads_the_responses),
        cmocka_unit_test(writes_and_reads_the_private_ones),
        cmocka_unit_test(maps_ip6),
        cmocka_unit_test(reads_rfc5769),
        cmocka_unit_test(notices_damage),
        cmocka_unit_test(looks_only_like_stun),
        cmocka_unit_test(judges_attributes),
        cmocka_unit_test(takes_the_first_of_two),
        cmocka_unit_test(ignores_what_integrity_does_not_cover),
        cmocka_unit_test(takes_large_messages),
        cmocka_unit_test(does_not_write_past_the_end),
        cmocka_unit_test(reads_a_plain_mapped_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
