#include "ice_support.h"

#include "ice/binding.h"

typedef struct fixture {
    test_env_t test;
    minke_strangers_t *strangers;
} fixture_t;

static void set_up(fixture_t *f, uint32_t capacity)
{
    test_env_init(&f->test, 7);
    f->strangers = minke__strangers_new(&f->test.env, capacity, 0);
    assert_non_null(f->strangers);
}

static void tear_down(fixture_t *f)
{
    minke__strangers_free(f->strangers);
    assert_int_equal(f->test.blocks, 0);
}

static const test_request_t v1 = {.left = S1, .right = S1, .key = S1};
static const test_request_t v2 = {.left = S2, .right = UFRAG2, .key = S2};

static size_t ask(fixture_t *f, const test_request_t *request, const minke_path_t *path, minke_time_t now)
{
    test_datagram_t datagram;
    test_write_request(request, &datagram);
    test_strangers_recv(f->strangers, &datagram, path, now);
    return datagram.len;
}

/* Takes all that is to be sent; returns the last check of ours in it, with the number of bytes. */
static size_t drain(fixture_t *f, minke_time_t now, test_datagram_t *check)
{
    size_t bytes = 0;
    for (test_datagram_t out; test_strangers_transmit(f->strangers, now, &out);) {
        bytes += out.len;
        if (test_parsed(&out).type == MINKE_STUN_BINDING_REQUEST && check != NULL) *check = out;
    }
    return bytes;
}

/* The rules of spec/webrtc-direct.md 5.2 as a table: what a request gets, and whether it leaves a record. */
static void follows_the_rules(void **state)
{
    (void)state;
    enum { DROPPED = -1, SUCCESS = 0 };
    static const struct {
        const char *what;
        test_request_t request;
        int answer;
    } table[] = {
        {"v1", {.left = S1, .right = S1, .key = S1}, SUCCESS},
        {"v2", {.left = S2, .right = UFRAG2, .key = S2}, SUCCESS},
        {"v1 with unequal halves", {.left = S1, .right = "abcd", .key = S1}, SUCCESS},
        {"no USERNAME", {.key = S1}, DROPPED},
        {"no USERNAME, no integrity", {0}, DROPPED},
        {"an unknown prefix", {.left = "libp2p+webrtc+v3/abcdefghijklmnopqrstuv", .right = "abcd", .key = S1}, DROPPED},
        {"no prefix", {.left = PWD2, .right = PWD2, .key = PWD2}, DROPPED},
        {"a bad character", {.left = S1 "-", .right = S1, .key = S1 "-"}, DROPPED},
        {"a short client ufrag", {.left = S2, .right = "abc", .key = S2}, DROPPED},
        {"a short client password", {.left = "libp2p+webrtc+v2/abc", .right = "abcd", .key = S1}, DROPPED},
        {"no integrity", {.left = S1, .right = S1}, DROPPED},
        {"the wrong key", {.left = S1, .right = S1, .key = S2}, DROPPED},
        {"v2 keyed with the client's password", {.left = S2, .right = UFRAG2, .key = PWD2}, DROPPED},
        {"a dialer that wants to be controlled", {.left = S1, .right = S1, .key = S1, .controlled = true}, 487},
        {"an unknown attribute", {.left = S1, .right = S1, .key = S1, .unknown = 0x0030}, 420},
        {"both", {.left = S1, .right = S1, .key = S1, .controlled = true, .unknown = 0x0030}, 487},
        {"an unknown attribute, not authentic", {.left = S1, .right = S1, .key = S2, .unknown = 0x0030}, DROPPED},
        {"an optional attribute", {.left = S1, .right = S1, .key = S1, .unknown = 0xc057}, SUCCESS},
        {"an indication", {.type = MINKE_STUN_BINDING_INDICATION, .left = S1, .right = S1, .key = S1}, DROPPED},
        {"another method", {.type = 0x0003, .left = S1, .right = S1, .key = S1}, DROPPED},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture_t f;
        set_up(&f, 0);
        const minke_path_t path = test_path(1, 1);
        const size_t asked = ask(&f, &table[i].request, &path, 0);
        test_datagram_t out;
        const bool answered = test_strangers_transmit(f.strangers, 0, &out);
        if (answered != (table[i].answer != DROPPED)) fail_msg("%s: %d", table[i].what, answered);
        if (answered) {
            const minke_stun_message_t m = test_parsed(&out);
            if (m.error_code != table[i].answer) fail_msg("%s: %d", table[i].what, m.error_code);
            assert_memory_equal(m.transaction_id, ((const uint8_t[12]){0, 1, 2, 3}), 12);
            assert_true(m.has_fingerprint);
            assert_true(minke__stun_verify(&m, table[i].request.left, strlen(table[i].request.left)));
            assert_true(out.len <= asked);
            assert_true(minke__path_equal(&out.path, &path));
        }
        assert_int_equal(minke__strangers_count(f.strangers), table[i].answer == SUCCESS ? 1 : 0);
        const bool indication = table[i].request.type == MINKE_STUN_BINDING_INDICATION;
        assert_int_equal(f.test.counters.stun_refused, table[i].answer == DROPPED && !indication ? 1 : 0);
        tear_down(&f);
    }
}

/* spec/webrtc-direct.md 5.7: the very bytes. */
static void answers_the_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *request, *response;
    } table[] = {
        {"000100a02112a4420102030405060708090a0b0c000600636c69627032702b7765627274632b76312f6162636465666768696a6b6c6d6"
         "e6f"
         "707172737475767778797a3031323334353a6c69627032702b7765627274632b76312f6162636465666768696a6b6c6d6e6f70717273"
         "7475767778797a30313233343500802a0008112233445566778800250000002400046e7f1eff00080014052442602b2e5d84ad66cad3"
         "c4d4123d64a3b20580280004a01e3144",
         "0101002c2112a4420102030405060708090a0b0c002000080001a147e112a6430008001487d26901da7aa5df3f12beb939d241f03313"
         "912c80280004ac1ea3b2"},
        {"0001006c2112a4420102030405060708090a0b0c0006002e6c69627032702b7765627274632b76322f5a6b586230516e3879546748327"
         "34c"
         "773956725064453461 "
         "3a6b3346710000802a0008112233445566778800250000002400046e7f1eff0008001424d5f71320323685d4ee2"
         "bc28d7aeafa2e3e7f7e80280004a351f001",
         "0101002c2112a4420102030405060708090a0b0c002000080001a147e112a643000800146dee833fd5646ee40343d3368f71ec3ba840"
         "77b180280004e9e17e30"},
    };
    const minke_path_t path = {.socket = 1,
                               .remote = {.ip = {192, 0, 2, 1}, .port = 32853, .family = MINKE_FAMILY_IP4}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture_t f;
        set_up(&f, 0);
        test_datagram_t in, out;
        uint8_t expected[128];
        in.len = test_unhex(table[i].request, in.data, sizeof in.data);
        const size_t expected_len = test_unhex(table[i].response, expected, sizeof expected);
        test_strangers_recv(f.strangers, &in, &path, 0);
        assert_true(test_strangers_transmit(f.strangers, 0, &out));
        assert_int_equal(out.len, expected_len);
        assert_memory_equal(out.data, expected, expected_len);
        tear_down(&f);
    }
}

static void checks_back_and_believes_the_answer(void **state)
{
    (void)state;
    static const struct {
        const test_request_t *request;
        const char *username, *key; /* of our check */
        int version;
    } table[] = {{&v1, S1 ":" S1, S1, 1}, {&v2, UFRAG2 ":" S2, PWD2, 2}};
    for (size_t i = 0; i < 2; i++) {
        fixture_t f;
        set_up(&f, 0);
        const minke_path_t path = test_path(1, 1);
        ask(&f, table[i].request, &path, 0);
        test_datagram_t check, answer;
        check.len = 0;
        (void)drain(&f, 0, &check);
        const minke_stun_message_t m = test_parsed(&check);
        assert_int_equal(m.username_len, strlen(table[i].username));
        assert_memory_equal(m.username, table[i].username, m.username_len);
        assert_true(m.ice_controlled && !m.ice_controlling && !m.use_candidate && m.has_priority);
        assert_true(minke__stun_verify(&m, table[i].key, strlen(table[i].key)));

        test_write_answer(&check, table[i].key, &answer);
        const minke_path_t elsewhere = test_path(2, 1);
        test_strangers_recv(f.strangers, &answer, &elsewhere, 5); /* from another address: proves nothing */
        assert_int_equal(f.test.counters.stun_unexpected, 1);
        answer.data[10] ^= 1; /* under another id; the fingerprint would not fit, so write it anew */
        test_datagram_t forged = check;
        forged.data[10] ^= 1;
        test_write_answer(&forged, table[i].key, &answer);
        test_strangers_recv(f.strangers, &answer, &path, 5);
        test_write_answer(&check, "wrong", &answer);
        test_strangers_recv(f.strangers, &answer, &path, 5);
        assert_int_equal(f.test.counters.stun_unexpected, 3);
        test_write_answer(&check, table[i].key, &answer);
        assert_false(minke__strangers_validated(f.strangers, &path));
        test_strangers_recv(f.strangers, &answer, &path, 5);
        assert_true(minke__strangers_validated(f.strangers, &path));
        test_strangers_recv(f.strangers, &answer, &path, 6); /* twice is harmless */
        assert_int_equal(f.test.counters.stun_unexpected, 3);

        minke_stranger_t stranger;
        assert_true(minke__strangers_take(f.strangers, &path, 7, &stranger));
        assert_true(stranger.validated && !stranger.nominated && stranger.checked);
        assert_int_equal(stranger.version, table[i].version);
        assert_string_equal(stranger.local.ufrag, table[i].request->left);
        assert_string_equal(stranger.local.pwd, table[i].request->left);
        assert_string_equal(stranger.remote.ufrag, table[i].request->right);
        assert_string_equal(stranger.remote.pwd, table[i].key);
        assert_memory_equal(stranger.transaction_id, check.data + 8, 12);
        assert_false(minke__strangers_take(f.strangers, &path, 7, &stranger));
        tear_down(&f);
    }
}

/* Whatever is asked from a source that never answers: three times the bytes at most go there. */
static void stays_within_three_times(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 0);
    const minke_path_t path = test_path(1, 1);
    size_t in = 0, out = 0, checks = 0;
    uint8_t last_id[12];
    for (minke_time_t now = 0; now < 3 * SECOND; now += 10 * MS) {
        in += ask(&f, &v2, &path, now);
        test_datagram_t check = {.len = 0};
        out += drain(&f, now, &check);
        assert_true(out <= MINKE_ICE_UNPROVEN_FACTOR * in);
        if (check.len == 0) continue;
        if (checks++ > 0) assert_memory_equal(last_id, check.data + 8, 12); /* the same transaction, again */
        memcpy(last_id, check.data + 8, 12);
    }
    assert_int_equal(checks, 30); /* one in 100 ms */
    minke_stranger_t stranger;
    assert_true(minke__strangers_take(f.strangers, &path, 3 * SECOND, &stranger));
    assert_int_equal(stranger.received, in);
    assert_int_equal(stranger.sent, out);
    assert_false(stranger.validated);
    tear_down(&f);
}

static void stays_within_three_times_with_the_smallest_request(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 0);
    static const char left[] = "libp2p+webrtc+v1/abcde", right[] = "abcd";
    const minke_path_t path = {.socket = 1, .remote = {.ip = {0x20, 1}, .port = 1, .family = MINKE_FAMILY_IP6}};
    test_datagram_t in;
    minke_writer_t w = minke__writer(in.data, sizeof in.data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, (const uint8_t[12]){0});
    minke__stun_write_username(&w, left, strlen(left), right, strlen(right));
    assert_true(minke__stun_finish(&w, left, strlen(left)));
    in.len = w.len - 8; /* not even a fingerprint */
    in.data[3] = (uint8_t)(in.len - 20);
    test_strangers_recv(f.strangers, &in, &path, 0);
    const size_t out = drain(&f, 0, NULL);
    assert_true(out > in.len && out <= MINKE_ICE_UNPROVEN_FACTOR * in.len);
    tear_down(&f);
}

static void keeps_only_so_many(void **state)
{
    (void)state;
    enum { CAPACITY = 100, FLOOD = 5000 };
    fixture_t f;
    set_up(&f, CAPACITY);
    const minke_path_t honest = test_path(9, 9);
    ask(&f, &v1, &honest, 0);
    test_datagram_t check, answer;
    (void)drain(&f, 0, &check);
    test_write_answer(&check, S1, &answer);
    test_strangers_recv(f.strangers, &answer, &honest, 1);
    size_t blocks = 0;
    for (uint16_t i = 0; i < FLOOD; i++) {
        const minke_path_t path = test_path((uint16_t)(1000 + i), (uint16_t)(1 + i));
        ask(&f, i % 2 == 0 ? &v1 : &v2, &path, 2 + i);
        (void)drain(&f, 2 + i, NULL);
        assert_true(minke__strangers_count(f.strangers) <= CAPACITY);
        if (i == CAPACITY) blocks = f.test.blocks;
    }
    assert_int_equal(f.test.blocks, blocks);
    assert_int_equal(f.test.counters.strangers_evicted, FLOOD + 1 - CAPACITY);
    minke_stranger_t stranger;
    const minke_path_t last = test_path((uint16_t)(1000 + FLOOD - 1), (uint16_t)FLOOD), first = test_path(1000, 1);
    assert_false(minke__strangers_take(f.strangers, &first, FLOOD + 2, &stranger));
    assert_true(minke__strangers_take(f.strangers, &last, FLOOD + 2, &stranger));
    /* The proven one has outlived them. */
    assert_true(minke__strangers_take(f.strangers, &honest, FLOOD + 2, &stranger));
    assert_true(stranger.validated);
    tear_down(&f);
}

static void gives_up_proven_ones_last(void **state)
{
    (void)state;
    enum { CAPACITY = 4 };
    fixture_t f;
    set_up(&f, CAPACITY);
    for (uint16_t i = 1; i <= CAPACITY + 1; i++) {
        const minke_path_t path = test_path(i, i);
        ask(&f, &v1, &path, i);
        test_datagram_t check, answer;
        (void)drain(&f, i, &check);
        test_write_answer(&check, S1, &answer);
        test_strangers_recv(f.strangers, &answer, &path, i);
    }
    assert_int_equal(minke__strangers_count(f.strangers), CAPACITY);
    minke_stranger_t stranger;
    minke_path_t path = test_path(1, 1);
    assert_false(minke__strangers_take(f.strangers, &path, 9, &stranger));
    path = test_path(2, 2);
    assert_true(minke__strangers_take(f.strangers, &path, 9, &stranger));
    tear_down(&f);
}

static void holds_few_sessions_of_one_address(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 0);
    const minke_path_t path = test_path(1, 1);
    char ufrag[] = "libp2p+webrtc+v2/aaaaaaaaaaaaaaaaaaaaaaaa";
    for (minke_time_t i = 0; i < 300; i++) {
        ufrag[20] = (char)('a' + i % 26);
        ufrag[21] = (char)('a' + i / 26);
        const test_request_t request = {.left = ufrag, .right = "abcd", .key = ufrag};
        ask(&f, &request, &path, i);
        (void)drain(&f, i, NULL);
    }
    assert_int_equal(minke__strangers_count(f.strangers), 4);
    assert_int_equal(f.test.counters.strangers_evicted, 296);
    /* The latest one is what a ClientHello belongs to. */
    minke_stranger_t stranger;
    assert_true(minke__strangers_take(f.strangers, &path, 300, &stranger));
    assert_string_equal(stranger.local.ufrag, ufrag);
    tear_down(&f);
}

/* A NAT hands the 5-tuple of a session to a new one: both are kept apart, the one that asks counts. */
static void tells_sessions_of_one_address_apart(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 0);
    const minke_path_t path = test_path(1, 1);
    ask(&f, &v1, &path, 0);
    ask(&f, &v2, &path, 1);
    ask(&f, &v1, &path, 2);
    minke_stranger_t stranger;
    assert_true(minke__strangers_take(f.strangers, &path, 3, &stranger));
    assert_int_equal(stranger.version, 1);
    assert_true(minke__strangers_take(f.strangers, &path, 3, &stranger));
    assert_int_equal(stranger.version, 2);
    tear_down(&f);
}

static void forgets_in_time(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 0);
    const minke_path_t one = test_path(1, 1), other = test_path(2, 2);
    minke_stranger_t stranger;
    ask(&f, &v1, &one, 0);
    ask(&f, &v1, &other, 5 * SECOND);
    ask(&f, &v1, &one, 9 * SECOND);   /* asking again keeps it */
    ask(&f, &v1, &other, 3 * SECOND); /* a clock that goes back does no harm */
    assert_true(minke__strangers_take(f.strangers, &one, 19 * SECOND - 1, &stranger));
    assert_false(minke__strangers_take(f.strangers, &other, 20 * SECOND, &stranger));
    ask(&f, &v1, &one, 20 * SECOND);
    (void)drain(&f, 30 * SECOND, NULL);
    assert_int_equal(minke__strangers_count(f.strangers), 0);
    tear_down(&f);
}

static void bounds_its_answers(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 0);
    for (uint16_t i = 0; i < 500; i++) {
        const minke_path_t path = test_path(i, 1);
        ask(&f, &v1, &path, 0);
    }
    assert_int_equal(f.test.counters.stun_refused, 500 - 64);
    size_t n = 0;
    for (test_datagram_t out; test_strangers_transmit(f.strangers, 0, &out);) n++;
    assert_int_equal(n, 2 * 64);
    tear_down(&f);
}

static void remembers_nomination(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 0);
    const minke_path_t path = test_path(1, 1);
    test_request_t request = v2;
    request.use_candidate = true;
    ask(&f, &request, &path, 0);
    ask(&f, &v2, &path, 1);
    minke_stranger_t stranger;
    assert_true(minke__strangers_take(f.strangers, &path, 2, &stranger));
    assert_true(stranger.nominated);
    /* What it had to send goes with it, but for the answers that it has earned. */
    assert_int_equal(drain(&f, 2, NULL), 2 * 64);
    tear_down(&f);
}

static void takes_the_longest_username(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, 0);
    char left[257], right[257];
    memset(left, 'a', 256);
    memset(right, 'b', 256);
    memcpy(left, "libp2p+webrtc+v1/", 17);
    left[256] = right[256] = 0;
    const minke_path_t path = test_path(1, 1);
    const test_request_t request = {.left = left, .right = right, .key = left};
    ask(&f, &request, &path, 0);
    test_datagram_t check = {.len = 0};
    (void)drain(&f, 0, &check);
    const minke_stun_message_t m = test_parsed(&check);
    assert_int_equal(m.username_len, 513);
    assert_true(minke__stun_verify(&m, right, 256));
    minke_stranger_t stranger;
    assert_true(minke__strangers_take(f.strangers, &path, 0, &stranger));
    assert_string_equal(stranger.local.ufrag, left);
    assert_string_equal(stranger.remote.pwd, right);
    tear_down(&f);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 100; fail_at++) {
        test_env_t test;
        test_env_init(&test, 1);
        test.fail_at = fail_at;
        fixture_t f = {.strangers = minke__strangers_new(&test.env, 0, 0)};
        if (f.strangers == NULL) {
            assert_int_equal(test.blocks, 0);
            continue;
        }
        size_t answers = 0;
        for (uint16_t i = 1; i <= 12; i++) {
            const minke_path_t path = test_path(i, 1);
            ask(&f, &v1, &path, i);
            answers += drain(&f, i, NULL) > 0 ? 1 : 0;
        }
        assert_true(answers >= 11);
        minke__strangers_free(f.strangers);
        assert_int_equal(test.blocks, 0);
        if (test.allocations < fail_at) return;
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_rules),
        cmocka_unit_test(answers_the_vectors),
        cmocka_unit_test(checks_back_and_believes_the_answer),
        cmocka_unit_test(stays_within_three_times),
        cmocka_unit_test(stays_within_three_times_with_the_smallest_request),
        cmocka_unit_test(keeps_only_so_many),
        cmocka_unit_test(gives_up_proven_ones_last),
        cmocka_unit_test(holds_few_sessions_of_one_address),
        cmocka_unit_test(tells_sessions_of_one_address_apart),
        cmocka_unit_test(forgets_in_time),
        cmocka_unit_test(bounds_its_answers),
        cmocka_unit_test(remembers_nomination),
        cmocka_unit_test(takes_the_longest_username),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
