#include "stun/responder.h"

#include "base/address.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000, SECOND = 1000 * 1000 };

/* The transaction of RFC 5769 2.1 to 2.3. */
#define ID "2112a442b7e7a701bc34d686fa87dfae"

typedef struct fixture {
    test_env_t test;
    minke_responder_t *responder;
} fixture_t;

static void set_up(fixture_t *f, uint32_t per_second_max)
{
    test_env_init(&f->test, 7);
    f->responder = minke__responder_new(&f->test.env, per_second_max);
    assert_non_null(f->responder);
}

static void tear_down(fixture_t *f)
{
    minke__responder_free(f->responder);
    assert_int_equal(f->test.blocks, 0);
}

static minke_path_t path_from(const char *ip, uint16_t port)
{
    minke_path_t path = {.socket = 4, .local = {.ip = {192, 0, 2, 99}, .port = 3478, .family = MINKE_FAMILY_IP4}};
    assert_true(minke__parse_ip(ip, strlen(ip), &path.remote));
    path.remote.port = port;
    return path;
}

/* False: not a request for the responder. */
static bool ask_bytes(fixture_t *f, const uint8_t *data, size_t len, const minke_path_t *path, minke_time_t now)
{
    minke_stun_message_t m;
    if (!minke__stun_parse(data, len, &m) || !minke__responder_serves(&m)) return false;
    minke__responder_recv(f->responder, &m, path, now);
    return true;
}

/* A request with these attributes; its length, 0: not served. */
static size_t ask(fixture_t *f, const char *attributes, const minke_path_t *path, minke_time_t now)
{
    uint8_t data[512];
    size_t len = test_unhex("00010000" ID, data, sizeof data);
    len += test_unhex(attributes, data + len, sizeof data - len);
    data[3] = (uint8_t)(len - 20);
    return ask_bytes(f, data, len, path, now) ? len : 0;
}

/* The same with a FINGERPRINT behind. */
static size_t ask_with_fingerprint(fixture_t *f, const char *attributes, const minke_path_t *path, minke_time_t now)
{
    uint8_t data[512], id[16];
    minke_writer_t w = minke__writer(data, sizeof data);
    (void)test_unhex(ID, id, sizeof id);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, id + 4);
    w.len += test_unhex(attributes, data + w.len, sizeof data - w.len);
    assert_true(minke__stun_finish(&w, NULL, 0));
    return ask_bytes(f, data, w.len, path, now) ? w.len : 0;
}

static size_t next(fixture_t *f, uint8_t out[MINKE_STUN_MESSAGE_MAX], minke_path_t *path)
{
    return minke__responder_transmit(f->responder, out, MINKE_STUN_MESSAGE_MAX, path);
}

static void assert_answer(fixture_t *f, const char *hex, const minke_path_t *asked)
{
    uint8_t out[MINKE_STUN_MESSAGE_MAX], expected[MINKE_STUN_MESSAGE_MAX];
    minke_path_t path;
    const size_t expected_len = test_unhex(hex, expected, sizeof expected);
    assert_int_equal(next(f, out, &path), expected_len);
    assert_memory_equal(out, expected, expected_len);
    assert_memory_equal(&path, asked, sizeof path); /* from the address that was asked */
    assert_int_equal(next(f, out, &path), 0);
}

/* RFC 5769 2.2 and 2.3: their addresses and their transaction, so their XOR-MAPPED-ADDRESS byte for byte. What they add
 * (SOFTWARE, MESSAGE-INTEGRITY) is not for a plain request. */
static void tells_the_addresses_of_rfc5769(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 1000);
    const minke_path_t ip4 = path_from("192.0.2.1", 32853);
    assert_int_equal(ask(&f, "", &ip4, 0), 20);
    assert_answer(&f, "0101000c" ID "002000080001a147e112a643", &ip4);
    const minke_path_t ip6 = path_from("2001:db8:1234:5678:11:2233:4455:6677", 32853);
    assert_int_equal(ask(&f, "", &ip6, 0), 20);
    assert_answer(&f, "01010018" ID "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9", &ip6);
    assert_int_equal(f.test.counters.stun_served, 2);
    tear_down(&f);
}

/* FINGERPRINT of both computed with zlib. */
static void answers_with_a_fingerprint_where_there_was_one(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 1000);
    const minke_path_t ip4 = path_from("192.0.2.1", 32853);
    assert_int_equal(ask(&f, "80280004 fdf6ae02", &ip4, 0), 28);
    assert_answer(&f, "01010014" ID "002000080001a147e112a643 80280004 7d281f59", &ip4);
    tear_down(&f);
}

static void follows_the_rules(void **state)
{
    (void)state;
    enum { NOT_SERVED = -1, SUCCESS = 0 };
    static const struct {
        const char *what, *attributes;
        int answer;
        const char *unknown; /* UNKNOWN-ATTRIBUTES of a 420 */
    } table[] = {
        {"nothing", "", SUCCESS, NULL},
        {"SOFTWARE, as most clients send", "8022000462616265", SUCCESS, NULL},
        {"GOOG-NETWORK-INFO", "c0570004000003e8", SUCCESS, NULL},
        {"PRIORITY", "002400046e7f1eff", SUCCESS, NULL},
        {"MESSAGE-INTEGRITY of nobody", "000800140000000000000000000000000000000000000000", SUCCESS, NULL},
        {"USERNAME", "0006000461616161", NOT_SERVED, NULL},
        {"an empty USERNAME", "00060000", NOT_SERVED, NULL},
        {"CHANGE-REQUEST (RFC 5780)", "0003000400000006", 420, "000a00020003 0000"},
        {"USERHASH and an algorithm", "001e000400000000 001d000400020000", 420, "000a0004001e001d"},
        {"three", "003000000031000000320000", 420, "000a0006003000310032 0000"},
        {"five", "0030000000310000003200000033000000340000", 420, "000a00080030003100320033"},
        {"a wrong FINGERPRINT", "8028000400000000", NOT_SERVED, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture_t f;
        uint8_t out[MINKE_STUN_MESSAGE_MAX];
        minke_path_t path = path_from("192.0.2.1", 32853);
        set_up(&f, 1000);
        const bool served = ask(&f, table[i].attributes, &path, 0) > 0;
        if (served != (table[i].answer != NOT_SERVED)) fail_msg("%s: %d", table[i].what, served);
        const size_t len = next(&f, out, &path);
        assert_int_equal(len > 0, served);
        minke_stun_message_t m;
        if (served) {
            assert_true(minke__stun_parse(out, len, &m));
            if (m.error_code != table[i].answer) fail_msg("%s: %d", table[i].what, m.error_code);
            assert_int_equal(m.type, m.error_code != 0 ? MINKE_STUN_BINDING_ERROR : MINKE_STUN_BINDING_SUCCESS);
            assert_int_equal(m.has_mapped_address, m.error_code == 0);
            assert_true(m.integrity_at == 0 && !m.has_fingerprint);
        }
        if (table[i].unknown != NULL) {
            uint8_t expected[16];
            const size_t expected_len = test_unhex(table[i].unknown, expected, sizeof expected);
            assert_int_equal(len, 20 + 8 + expected_len);
            assert_memory_equal(out + 28, expected, expected_len);
        }
        tear_down(&f);
    }
}

static void only_requests_are_answered(void **state)
{
    (void)state;
    static const char *const table[] = {
        "00110000" ID,                            /* an indication: a keep-alive */
        "0101000c" ID "002000080001a147e112a643", /* an answer: two servers cannot be set upon each other */
        "01110008" ID "0009000400000400",         /* an error */
        "00030000" ID,                            /* Allocate */
        "00010000"
        "00000000b7e7a701bc34d686fa87dfae", /* RFC 3489: no magic cookie */
        "00010008"
        "00000000b7e7a701bc34d686fa87dfae00030004 00000000",
        "00010004" ID, /* shorter than it says */
    };
    fixture_t f;
    set_up(&f, 1000);
    const minke_path_t path = path_from("192.0.2.1", 1);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t data[64];
        const size_t len = test_unhex(table[i], data, sizeof data);
        assert_false(ask_bytes(&f, data, len, &path, 0));
    }
    assert_int_equal(f.test.counters.stun_served + f.test.counters.stun_limited, 0);
    tear_down(&f);
}

/* Reflection does not pay: whatever is asked, the answer is larger by the mapped address at most. */
static void answers_are_hardly_larger(void **state)
{
    (void)state;
    static const char *const table[] = {"",
                                        "0030 0000",
                                        "00300000 00310000",
                                        "00300000 00310000 00320000",
                                        "00300000 00310000 00320000 00330000",
                                        "8022000462616265"};
    static const struct {
        const char *ip;
        size_t growth;
    } sources[] = {{"192.0.2.1", MINKE_RESPONDER_GROWTH_IP4_MAX}, {"2001:db8::1", MINKE_RESPONDER_GROWTH_IP6_MAX}};
    for (size_t k = 0; k < 2; k++) {
        fixture_t f;
        size_t largest = 0;
        set_up(&f, 1000);
        for (size_t i = 0; i < 2 * sizeof table / sizeof table[0]; i++) {
            uint8_t out[MINKE_STUN_MESSAGE_MAX];
            minke_path_t path = path_from(sources[k].ip, 1);
            const minke_time_t now = i * SECOND;
            const size_t asked =
                i % 2 == 0 ? ask(&f, table[i / 2], &path, now) : ask_with_fingerprint(&f, table[i / 2], &path, now);
            const size_t answered = next(&f, out, &path);
            assert_true(asked > 0 && answered > 0);
            assert_true(answered <= asked + sources[k].growth);
            if (answered > asked + largest) largest = answered - asked;
        }
        assert_int_equal(largest, sources[k].growth);
        tear_down(&f);
    }
}

static void limits_one_source_and_all(void **state)
{
    (void)state;
    fixture_t f;
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    minke_path_t path;
    set_up(&f, 20);
    for (uint16_t i = 0; i < 100; i++) {
        path = path_from("192.0.2.1", i);
        ask(&f, "", &path, SECOND);
    }
    assert_int_equal(f.test.counters.stun_served, 10);
    assert_int_equal(f.test.counters.stun_limited, 90);
    for (uint16_t i = 0; i < 100; i++) {
        path = path_from("192.0.2.2", 1);
        path.remote.ip[2] = (uint8_t)i;
        ask(&f, "", &path, SECOND);
    }
    assert_int_equal(f.test.counters.stun_served, 20);
    assert_int_equal(f.test.counters.stun_limited, 180);
    unsigned n = 0;
    while (next(&f, out, &path) > 0) n++;
    assert_int_equal(n, 20);
    path = path_from("192.0.2.1", 1);
    ask(&f, "", &path, 1200 * MS - 1);
    assert_int_equal(f.test.counters.stun_served, 20);
    ask(&f, "", &path, 1200 * MS);
    assert_int_equal(f.test.counters.stun_served, 21);
    tear_down(&f);
}

/* Nobody asks for what is to be sent: no more waits than the ring holds, and it leaves in order, wrapped around. */
static void holds_so_many_answers(void **state)
{
    (void)state;
    fixture_t f;
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    minke_path_t path;
    uint16_t asked = 0, told = 0;
    set_up(&f, MINKE_RESPONDER_PER_SECOND_MAX);
    for (unsigned round = 0; round < 5; round++) {
        const uint64_t before = f.test.counters.stun_limited;
        for (unsigned i = 0; i < 100; i++) {
            path = path_from("10.0.0.1", asked);
            path.remote.ip[1] = (uint8_t)(asked >> 8);
            path.remote.ip[2] = (uint8_t)asked;
            ask(&f, "", &path, (round + 1) * SECOND + i * MS);
            if (f.test.counters.stun_limited == before) asked++;
        }
        for (; told < asked - (round < 4 ? 20 : 0) && next(&f, out, &path) > 0; told++) {
            assert_int_equal(path.remote.port, told);
        }
    }
    assert_int_equal(told, asked);
    assert_int_equal(next(&f, out, &path), 0);
    assert_int_equal(f.test.counters.stun_served, MINKE_RESPONDER_ANSWERS_MAX + 4 * (MINKE_RESPONDER_ANSWERS_MAX - 20));
    tear_down(&f);
}

static void a_request_allocates_nothing(void **state)
{
    (void)state;
    fixture_t f;
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    minke_path_t path = path_from("192.0.2.1", 1);
    set_up(&f, 1000);
    assert_int_equal(f.test.blocks, 2);
    ask(&f, "", &path, 0);
    assert_true(next(&f, out, &path) > 0);
    const uint64_t allocations = f.test.allocations;
    for (minke_time_t i = 1; i < 1000; i++) {
        ask_with_fingerprint(&f, i % 3 == 0 ? "00300000" : "", &path, i * SECOND);
        assert_true(next(&f, out, &path) > 0);
    }
    assert_int_equal(f.test.allocations, allocations);
    tear_down(&f);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at <= 3; fail_at++) {
        fixture_t f;
        uint8_t out[MINKE_STUN_MESSAGE_MAX];
        minke_path_t path = path_from("192.0.2.1", 1);
        test_env_init(&f.test, 1);
        f.test.fail_at = fail_at;
        f.responder = minke__responder_new(&f.test.env, 1000);
        assert_int_equal(f.responder != NULL, fail_at == 3);
        if (f.responder != NULL) {
            ask(&f, "", &path, 0);
            assert_int_equal(next(&f, out, &path), 0);
            assert_int_equal(f.test.counters.stun_limited, 1);
            ask(&f, "", &path, 0);
            assert_int_equal(next(&f, out, &path), 32);
        }
        tear_down(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_addresses_of_rfc5769),
        cmocka_unit_test(answers_with_a_fingerprint_where_there_was_one),
        cmocka_unit_test(follows_the_rules),
        cmocka_unit_test(only_requests_are_answered),
        cmocka_unit_test(answers_are_hardly_larger),
        cmocka_unit_test(limits_one_source_and_all),
        cmocka_unit_test(holds_so_many_answers),
        cmocka_unit_test(a_request_allocates_nothing),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
