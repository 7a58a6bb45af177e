#include "vectors.h"

#include "relay/message.h"

#define LIMIT "0878 10808008" /* 120 s, 128 KiB */

typedef int write_t(const minke_relay_message_t *message, minke_writer_t *out);
typedef int read_t(const uint8_t *data, size_t len, minke_relay_message_t *out);

static minke_slice_t text(const char *string) { return (minke_slice_t){(const uint8_t *)string, strlen(string)}; }

static void assert_slice(minke_slice_t slice, const char *expected)
{
    assert_non_null(slice.data);
    assert_int_equal(slice.len, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.len);
}

static const minke_relay_limit_t two_minutes = {.present = true, .seconds = 120, .bytes = 131072};

static minke_relay_message_t read_hex(read_t *read, const char *hex)
{
    static uint8_t data[1024];
    minke_relay_message_t message;
    assert_int_equal(read(data, test_unhex(hex, data, sizeof data), &message), MINKE_OK);
    return message;
}

static int error_of(read_t *read, const char *hex)
{
    uint8_t data[1024];
    minke_relay_message_t message;
    return read(data, test_unhex(hex, data, sizeof data), &message);
}

/* The bytes, the room at every size, and back. `hex` begins with a length prefix of one byte. */
static void assert_writes(write_t *write, read_t *read, const minke_relay_message_t *message, const char *hex)
{
    uint8_t out[512];
    minke_relay_message_t again;
    minke_writer_t whole = minke__writer(out, sizeof out);
    assert_int_equal(write(message, &whole), MINKE_OK);
    assert_bytes(out, whole.len, hex);
    assert_int_equal(read(out + 1, whole.len - 1, &again), MINKE_OK);
    assert_int_equal(again.type, message->type);
    assert_int_equal(again.status, message->status);
    assert_true(minke__peer_id_equal(&again.peer.id, &message->peer.id));
    assert_memory_equal(&again.limit, &message->limit, sizeof again.limit);
    for (size_t room = 0; room < whole.len; room++) {
        minke_writer_t w = minke__writer(out, room + 1);
        minke__write_u8(&w, 0xee); /* what is already there stays */
        assert_int_equal(write(message, &w), MINKE_ERROR_NO_SPACE);
        assert_int_equal(w.len, 1);
        assert_false(w.failed);
    }
}

static void hop_vectors(void **state)
{
    (void)state;
    minke_relay_message_t m = {.type = MINKE_HOP_RESERVE};
    assert_writes(minke__hop_write, minke__hop_read, &m, "02 0800");
    m = (minke_relay_message_t){.type = MINKE_HOP_CONNECT, .peer = {.id = peer_of(PEER_KEY)}};
    assert_writes(minke__hop_write, minke__hop_read, &m, "2d 0801 1229 0a27" PEER_ID);
    m = (minke_relay_message_t){.type = MINKE_HOP_STATUS, .status = MINKE_RELAY_STATUS_OK, .limit = two_minutes};
    assert_writes(minke__hop_write, minke__hop_read, &m, "0c 0802 2206" LIMIT "2864");
    m = (minke_relay_message_t){.type = MINKE_HOP_STATUS, .status = MINKE_RELAY_STATUS_NO_RESERVATION};
    assert_writes(minke__hop_write, minke__hop_read, &m, "05 0802 28cc01");
}

static void stop_vectors(void **state)
{
    (void)state;
    minke_relay_message_t m = {.type = MINKE_STOP_CONNECT, .peer = {.id = peer_of(PEER_KEY)}, .limit = two_minutes};
    assert_writes(minke__stop_write, minke__stop_read, &m, "35 0800 1229 0a27" PEER_ID "1a06" LIMIT);
    m = (minke_relay_message_t){.type = MINKE_STOP_STATUS, .status = MINKE_RELAY_STATUS_OK};
    assert_writes(minke__stop_write, minke__stop_read, &m, "04 0801 2064");
}

/* A limit that limits nothing still says that the connection is a limited one. */
static void a_limit_of_nothing(void **state)
{
    (void)state;
    const minke_relay_message_t m = {.type = MINKE_HOP_STATUS, .status = 100, .limit = {.present = true}};
    assert_writes(minke__hop_write, minke__hop_read, &m, "06 0802 2200 2864");
    const minke_relay_message_t read = read_hex(minke__hop_read, "2204 0800 1000");
    assert_true(read.limit.present && read.limit.seconds == 0 && read.limit.bytes == 0);
    assert_false(read_hex(minke__hop_read, "0802 2864").limit.present);
}

static const char reservation_hex[] =
    "0802"
    "1a13 08808080a80d 1202 6131 1202 6132 1a03 766368" /* expire, "a1", "a2", "vch" */
    "2206" LIMIT "2864";

static void reservations(void **state)
{
    (void)state;
    uint8_t out[64];
    minke_relay_message_t m = read_hex(minke__hop_read, reservation_hex);
    assert_int_equal(m.type, MINKE_HOP_STATUS);
    assert_int_equal(m.status, MINKE_RELAY_STATUS_OK);
    assert_true(m.reservation.present);
    assert_int_equal(m.reservation.expire, 3573547008);
    assert_int_equal(m.reservation.addresses_n, 2);
    assert_slice(m.reservation.addresses[0], "a1");
    assert_slice(m.reservation.addresses[1], "a2");
    assert_slice(m.reservation.voucher, "vch");
    assert_memory_equal(&m.limit, &two_minutes, sizeof m.limit);
    minke_writer_t w = minke__writer(out, sizeof out);
    assert_int_equal(minke__hop_write(&m, &w), MINKE_OK);
    assert_int_equal(out[0], w.len - 1);
    assert_bytes(out + 1, w.len - 1, reservation_hex);

    /* As refused ones have it, and as js has it: no voucher, no address. */
    m = read_hex(minke__hop_read, "0802 1a02 0801 2864");
    assert_true(m.reservation.present && m.reservation.addresses_n == 0 && m.reservation.voucher.data == NULL);
    /* Stop has none: field 3 is its limit, and nothing is written of what is there. */
    m.type = MINKE_STOP_STATUS;
    w = minke__writer(out, sizeof out);
    assert_int_equal(minke__stop_write(&m, &w), MINKE_OK);
    assert_bytes(out, w.len, "04 0801 2064");
}

static void peers_with_addresses(void **state)
{
    (void)state;
    uint8_t out[128];
    minke_relay_message_t m = {.type = MINKE_HOP_CONNECT, .peer = {.id = peer_of(PEER_KEY), .addresses_n = 2}};
    m.peer.addresses[0] = text("x");
    m.peer.addresses[1] = text("");
    minke_writer_t w = minke__writer(out, sizeof out);
    assert_int_equal(minke__hop_write(&m, &w), MINKE_OK);
    assert_bytes(out, w.len, "32 0801 122e 0a27" PEER_ID "1201 78 1200");
    minke_relay_message_t again;
    assert_int_equal(minke__hop_read(out + 1, w.len - 1, &again), MINKE_OK);
    assert_int_equal(again.peer.addresses_n, 2);
    assert_slice(again.peer.addresses[0], "x");
    assert_slice(again.peer.addresses[1], "");
}

static void what_is_kept_of_long_lists(void **state)
{
    (void)state;
    uint8_t data[256];
    minke_relay_message_t m;
    minke_writer_t w = minke__writer(data, sizeof data);
    minke__write_u24(&w, 0x1a0000 | 2 * (MINKE_RELAY_ADDRESSES_MAX + 1) << 8 | 0x12);
    for (int i = 0; i < MINKE_RELAY_ADDRESSES_MAX; i++) minke__write_u16(&w, 0x0012);
    minke__write_u8(&w, 0);
    assert_int_equal(minke__hop_read(data, w.len, &m), MINKE_OK);
    assert_int_equal(m.reservation.addresses_n, MINKE_RELAY_ADDRESSES_MAX);
}

/* What protobuf asks of a reader, and where we are stricter. */
static void unusual_messages(void **state)
{
    (void)state;
    minke_relay_message_t m = read_hex(minke__hop_read, "");
    assert_true(m.type == MINKE_HOP_RESERVE && m.status == 0 && m.peer.id.len == 0);
    m = read_hex(minke__hop_read, "0801 0802 28c801 2864"); /* the last one wins */
    assert_true(m.type == MINKE_HOP_STATUS && m.status == 100);
    m = read_hex(minke__hop_read, "0863 28e707 3a01 00 4005 4d00000000 5100000000 00000000"); /* unknown numbers */
    assert_true(m.type == 99 && m.status == 999);
    m = read_hex(minke__hop_read, "0802 28ffffffffffffffffff01"); /* -1 */
    assert_true(m.status == UINT64_MAX);
    m = read_hex(minke__hop_read, "28e480808010"); /* 2^32 + 100 is not 100 */
    assert_true(m.status != MINKE_RELAY_STATUS_OK);
    m = read_hex(minke__hop_read, "1001 0a0101 2a0164 1864"); /* known numbers of another wire type */
    assert_true(m.type == 0 && m.status == 0 && !m.reservation.present && m.peer.id.len == 0);
    m = read_hex(minke__hop_read, "2206 088080808010"); /* 2^32 s are not none */
    assert_true(m.limit.seconds == UINT32_MAX);
    m = read_hex(minke__hop_read, "1229 0a27" PEER_ID "1203 120178"); /* parts of one field add up */
    assert_true(m.peer.id.len == 39 && m.peer.addresses_n == 1);
}

static void malformed_messages(void **state)
{
    (void)state;
    static const char *const table[] = {
        "08",                  /* cut */
        "0880",                /* a varint without its end */
        "0b",                  /* a group */
        "1201",                /* a peer that is not there */
        "1202 0a01",           /* its id is not there */
        "1202 0a00",           /* an empty id */
        "1205 0a03 000100 00", /* rubbish behind the id */
        "1205 0a03 110100",    /* an unknown hash */
        "1204 0a02 1220",      /* a hash without its digest */
        "1a02 0880",           /* a reservation whose time is cut */
        "1a02 1201",           /* an address that leads out of it */
        "2201 08",             /* a limit without its number */
        "2203 08ffff",         /* the same */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (error_of(minke__hop_read, table[i]) != MINKE_ERROR_MALFORMED) fail_msg("%s", table[i]);
    }
    assert_int_equal(error_of(minke__stop_read, "1a01 08"), MINKE_ERROR_MALFORMED);
    assert_int_equal(error_of(minke__hop_read, "3a01 08"), MINKE_OK); /* inside an unknown field all is well */
}

/* Cut at any byte but the ends of fields, it is malformed. */
static void truncation(void **state)
{
    (void)state;
    uint8_t data[128];
    minke_relay_message_t m;
    const size_t len = test_unhex(reservation_hex, data, sizeof data);
    for (size_t cut = 0; cut <= len; cut++) {
        const bool whole = cut == 0 || cut == 2 || cut == 23 || cut == 31 || cut == len;
        assert_int_equal(minke__hop_read(data, cut, &m), whole ? MINKE_OK : MINKE_ERROR_MALFORMED);
    }
}

/* To the byte, in both directions. */
static void the_largest_message(void **state)
{
    (void)state;
    static uint8_t content[MINKE_RELAY_MESSAGE_MAX + 1], out[MINKE_RELAY_MESSAGE_MAX + MINKE_RELAY_PREFIX_MAX];
    minke_relay_message_t again, m = {.type = MINKE_HOP_STATUS, .reservation = {.present = true}};
    for (size_t excess = 0; excess <= 1; excess++) {
        m.reservation.voucher = (minke_slice_t){content, MINKE_RELAY_MESSAGE_MAX - 10 + excess};
        minke_writer_t w = minke__writer(out, sizeof out);
        assert_int_equal(minke__hop_write(&m, &w), excess ? MINKE_ERROR_TOO_LARGE : MINKE_OK);
        assert_int_equal(w.len, excess ? 0 : sizeof out);
    }
    assert_int_equal(minke__hop_read(out + 2, MINKE_RELAY_MESSAGE_MAX, &again), MINKE_OK);
    assert_int_equal(again.reservation.voucher.len, MINKE_RELAY_MESSAGE_MAX - 10);
    assert_int_equal(minke__hop_read(content, MINKE_RELAY_MESSAGE_MAX + 1, &again), MINKE_ERROR_MALFORMED);
}

static void statuses(void **state)
{
    (void)state;
    assert_string_equal(minke__relay_status_text(100), "OK");
    assert_string_equal(minke__relay_status_text(MINKE_RELAY_STATUS_NO_RESERVATION), "NO_RESERVATION");
    assert_string_equal(minke__relay_status_text(401), "UNEXPECTED_MESSAGE");
    for (size_t i = 0; i < MINKE_RELAY_STATUSES_N; i++) {
        const uint64_t status = minke__relay_status_at(i);
        assert_int_equal(minke__relay_status_index(status), i);
        assert_string_not_equal(minke__relay_status_text(status), "UNKNOWN");
        assert_true(strlen(minke__relay_status_sentence(status)) > 10);
    }
    static const uint64_t unknown[] = {0, 1, 99, 101, 205, 402, (1ULL << 32) + 100, UINT64_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_int_equal(minke__relay_status_index(unknown[i]), MINKE_RELAY_STATUSES_N);
        assert_string_equal(minke__relay_status_text(unknown[i]), "UNKNOWN");
        assert_non_null(minke__relay_status_sentence(unknown[i]));
    }
    assert_int_equal(minke__relay_status_at(MINKE_RELAY_STATUSES_N), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hop_vectors),
        cmocka_unit_test(stop_vectors),
        cmocka_unit_test(a_limit_of_nothing),
        cmocka_unit_test(reservations),
        cmocka_unit_test(peers_with_addresses),
        cmocka_unit_test(what_is_kept_of_long_lists),
        cmocka_unit_test(unusual_messages),
        cmocka_unit_test(malformed_messages),
        cmocka_unit_test(truncation),
        cmocka_unit_test(the_largest_message),
        cmocka_unit_test(statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
