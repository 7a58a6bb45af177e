/* Record header, the rules for clear records, the replay window, the assembly of pieces. */
#include "dtls/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dtls/assembly.h"
#include "support/test_env.h"

static size_t unhex(const char *hex, uint8_t *out) { return test_unhex(hex, out, 512); }

static void header_round_trip(void **state)
{
    (void)state;
    uint8_t data[64];
    minke_dtls_record_t record;
    const size_t len = unhex("17 fefd 0001 0102030405 06 0003 aabbcc ff", data);
    assert_true(minke__dtls_record_read(data, len, &record));
    assert_int_equal(record.type, MINKE_DTLS_APPLICATION_DATA);
    assert_int_equal(record.version, MINKE_DTLS_VERSION_1_2);
    assert_int_equal(record.epoch, 1);
    assert_true(record.sequence == UINT64_C(0x010203040506));
    assert_ptr_equal(record.data, data);
    assert_int_equal(record.len, 16);
    assert_ptr_equal(record.body, data + 13);
    assert_int_equal(record.body_len, 3);
    uint8_t header[13];
    minke__dtls_record_write_header(header, 23, 1, UINT64_C(0x010203040506), 3);
    assert_memory_equal(header, data, 13);
}

static void header_cut_anywhere(void **state)
{
    (void)state;
    uint8_t data[64];
    minke_dtls_record_t record;
    const size_t whole = unhex("16 fefd 0000 000000000007 0004 00000000", data);
    for (size_t len = 0; len < whole; len++) assert_false(minke__dtls_record_read(data, len, &record));
    assert_true(minke__dtls_record_read(data, whole, &record));
    assert_false(minke__dtls_record_read(NULL, 0, &record));
}

static minke_dtls_verdict_t judge(const char *hex, bool client)
{
    uint8_t bytes[512];
    minke_dtls_record_t record;
    const size_t len = unhex(hex, bytes);
    uint8_t *exact = malloc(len); /* so that a sanitizer sees reads beyond it */
    memcpy(exact, bytes, len);
    assert_true(minke__dtls_record_read(exact, len, &record));
    assert_int_equal(record.len, len);
    const minke_dtls_verdict_t verdict = minke__dtls_judge_clear(&record, client);
    free(exact);
    return verdict;
}

#define H "fefd 0000 000000000000 "

static void judges_alerts_and_change_cipher_spec(void **state)
{
    (void)state;
    for (int client = 0; client < 2; client++) {
        assert_int_equal(judge("14" H "0001 01", client), MINKE_DTLS_FEED);
        assert_int_equal(judge("14" H "0001 00", client), MINKE_DTLS_MALFORMED);
        assert_int_equal(judge("14" H "0002 0101", client), MINKE_DTLS_MALFORMED);
        assert_int_equal(judge("14" H "0000", client), MINKE_DTLS_MALFORMED);
        assert_int_equal(judge("15" H "0002 0228", client), MINKE_DTLS_HOLD);
        assert_int_equal(judge("15" H "0002 0200", client), MINKE_DTLS_HOLD);
        assert_int_equal(judge("15" H "0002 0100", client), MINKE_DTLS_HOLD);
        assert_int_equal(judge("15" H "0002 015a", client), MINKE_DTLS_IGNORE);
        assert_int_equal(judge("15" H "0002 0300", client), MINKE_DTLS_MALFORMED);
        assert_int_equal(judge("15" H "0001 02", client), MINKE_DTLS_MALFORMED);
        assert_int_equal(judge("15" H "0003 022800", client), MINKE_DTLS_MALFORMED);
    }
}

static void judges_types_and_versions(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t data[] = {(uint8_t)type, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};
        minke_dtls_record_t record;
        assert_true(minke__dtls_record_read(data, sizeof data, &record));
        assert_int_equal(minke__dtls_judge_clear(&record, true), type == 20 ? MINKE_DTLS_FEED : MINKE_DTLS_MALFORMED);
    }
    assert_int_equal(judge("14 feff 0000 000000000000 0001 01", true), MINKE_DTLS_FEED);
    assert_int_equal(judge("14 fefc 0000 000000000000 0001 01", true), MINKE_DTLS_MALFORMED);
    assert_int_equal(judge("14 0303 0000 000000000000 0001 01", true), MINKE_DTLS_MALFORMED);
}

/* Which side may get what, RFC 5246 7.3, and where: a HelloVerifyRequest or two before it shift what a client gets. */
static void judges_message_types_and_places(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, first, last;
    } to_client[] = {{2, 0, 2}, {3, 0, 1}, {11, 1, 3}, {12, 2, 4}, {13, 3, 5}, {14, 3, 6}},
      to_server[] = {{1, 0, 0}, {11, 1, 1}, {16, 2, 2}, {15, 3, 3}};
    for (unsigned type = 0; type < 256; type++)
        for (unsigned place = 0; place < 512; place++) {
            uint8_t data[25] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, (uint8_t)type};
            minke_dtls_record_t record;
            bool for_client = false, for_server = false;
            data[17] = (uint8_t)(place >> 8);
            data[18] = (uint8_t)place;
            assert_true(minke__dtls_record_read(data, sizeof data, &record));
            for (size_t i = 0; i < 6; i++)
                if (to_client[i].type == type && place >= to_client[i].first && place <= to_client[i].last)
                    for_client = true;
            for (size_t i = 0; i < 4; i++)
                if (to_server[i].type == type && place >= to_server[i].first && place <= to_server[i].last)
                    for_server = true;
            assert_int_equal(minke__dtls_judge_clear(&record, true) == MINKE_DTLS_FEED, for_client);
            assert_int_equal(minke__dtls_judge_clear(&record, false) == MINKE_DTLS_FEED, for_server);
        }
}

static void judges_message_headers(void **state)
{
    (void)state;
    assert_int_equal(judge("16" H "000e 0b 000002 0001 000000 000002 aabb", true), MINKE_DTLS_FEED);
    assert_int_equal(judge("16" H "000d 0b 000002 0001 000001 000001 bb", true), MINKE_DTLS_FEED);
    /* two in one record */
    assert_int_equal(judge("16" H "0019 0b 000001 0001 000000 000001 aa 0e 000000 0004 000000 000000", true),
                     MINKE_DTLS_FEED);
    assert_int_equal(judge("16" H "0019 0b 000001 0001 000000 000001 aa 10 000000 0004 000000 000000", true),
                     MINKE_DTLS_MALFORMED);
    assert_int_equal(judge("16" H "000f 0b 000001 0001 000000 000001 aa 0e00", true), MINKE_DTLS_MALFORMED);
    /* no header, no whole header, less body than it says */
    assert_int_equal(judge("16" H "0000", true), MINKE_DTLS_MALFORMED);
    assert_int_equal(judge("16" H "000b 0b 000002 0001 000000 0000", true), MINKE_DTLS_MALFORMED);
    assert_int_equal(judge("16" H "000d 0b 000002 0001 000000 000002 aa", true), MINKE_DTLS_MALFORMED);
    /* a piece beyond its message, an empty one, one of a message that is too long */
    assert_int_equal(judge("16" H "000d 0b 000002 0001 000002 000001 aa", true), MINKE_DTLS_MALFORMED);
    assert_int_equal(judge("16" H "000d 0b 000002 0001 ffffff 000001 aa", true), MINKE_DTLS_MALFORMED);
    assert_int_equal(judge("16" H "000c 0b 000002 0001 000000 000000", true), MINKE_DTLS_MALFORMED);
    assert_int_equal(judge("16" H "000d 0b 003ff4 0001 000000 000001 aa", true), MINKE_DTLS_FEED);
    assert_int_equal(judge("16" H "000d 0b 003ff5 0001 000000 000001 aa", true), MINKE_DTLS_MALFORMED);
    assert_int_equal(judge("16" H "000d 0b ffffff 0001 000000 000001 aa", true), MINKE_DTLS_MALFORMED);
}

/* ---- replay window */

static void window_takes_each_number_once(void **state)
{
    (void)state;
    minke_dtls_window_t window = {0};
    assert_true(minke__dtls_window_is_fresh(&window, 0));
    for (uint64_t i = 0; i < 2000; i++) {
        assert_true(minke__dtls_window_is_fresh(&window, i));
        minke__dtls_window_mark(&window, i);
        assert_false(minke__dtls_window_is_fresh(&window, i));
    }
}

/* Against a plain model: a table of what was seen. */
static void window_agrees_with_a_table(void **state)
{
    (void)state;
    static bool seen[4096];
    minke_dtls_window_t window = {0};
    uint64_t random = 5, top = 0;
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 20000; i++) {
        const uint64_t jump = test_random(&random) % 100 == 0 ? 400 : 20;
        const uint64_t around = top + test_random(&random) % jump;
        uint64_t number = test_random(&random) % 2 == 0 ? around : around - test_random(&random) % (around + 1) % 260;
        if (number >= 4096) break;
        const bool fresh = number > top || (top - number < MINKE_DTLS_WINDOW && !seen[number]);
        assert_int_equal(minke__dtls_window_is_fresh(&window, number), fresh);
        if (!fresh) continue;
        minke__dtls_window_mark(&window, number);
        seen[number] = true;
        if (number > top) top = number;
    }
    assert_true(top > 2000);
}

static void window_at_its_edges(void **state)
{
    (void)state;
    minke_dtls_window_t window = {0};
    const uint64_t top = (UINT64_C(1) << 48) - 1;
    minke__dtls_window_mark(&window, top);
    assert_false(minke__dtls_window_is_fresh(&window, top));
    assert_true(minke__dtls_window_is_fresh(&window, top - MINKE_DTLS_WINDOW + 1));
    assert_false(minke__dtls_window_is_fresh(&window, top - MINKE_DTLS_WINDOW));
    assert_false(minke__dtls_window_is_fresh(&window, 0));
    assert_true(MINKE_DTLS_WINDOW >= 64); /* RFC 6347 4.1.2.6 */
}

/* ---- assembly */

static uint8_t text[300];

static uint8_t *add(minke_dtls_assembly_t *assembly, test_env_t *test, uint16_t sequence, uint32_t total, uint32_t at,
                    const uint8_t *piece, uint32_t len)
{
    size_t record_len = 0;
    const minke_dtls_message_t message = {piece, at, len, total, sequence, MINKE_DTLS_CERTIFICATE};
    uint8_t *record = minke__dtls_assembly_add(assembly, &test->env, &message, &record_len);
    if (record == NULL) return NULL;
    minke_dtls_record_t read;
    minke_dtls_message_t whole;
    assert_true(minke__dtls_record_read(record, record_len, &read));
    assert_int_equal(read.len, record_len);
    assert_int_equal(read.type, MINKE_DTLS_HANDSHAKE_MESSAGE);
    const uint8_t *body = read.body;
    assert_true(minke__dtls_message_read(&body, &read.body_len, &whole));
    assert_int_equal(read.body_len, 0);
    assert_int_equal(whole.type, MINKE_DTLS_CERTIFICATE);
    assert_int_equal(whole.sequence, sequence);
    assert_int_equal(whole.total_len, total);
    assert_int_equal(whole.piece_len, total);
    return record + 25;
}

static void assembles_in_any_order(void **state)
{
    (void)state;
    test_env_t test;
    uint64_t random = 11;
    test_env_init(&test, 1);
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 7 + i / 256);
    for (int round = 0; round < 200; round++) {
        minke_dtls_assembly_t assembly = {0};
        const uint32_t total = 2 + (uint32_t)(test_random(&random) % (sizeof text - 2));
        uint8_t *whole = NULL;
        for (int pieces = 0; whole == NULL && pieces < 10000; pieces++) {
            const uint32_t at = (uint32_t)(test_random(&random) % total);
            const uint32_t len = 1 + (uint32_t)(test_random(&random) % (total - at));
            if (len < total) whole = add(&assembly, &test, 3, total, at, text + at, len);
        }
        assert_non_null(whole);
        assert_memory_equal(whole, text, total);
        minke__dtls_assembly_free(&assembly, &test.env);
        assert_int_equal(test.blocks, 0);
    }
}

static void keeps_messages_apart(void **state)
{
    (void)state;
    test_env_t test;
    minke_dtls_assembly_t assembly = {0};
    test_env_init(&test, 1);
    assert_null(add(&assembly, &test, 1, 10, 0, text, 5));
    assert_null(add(&assembly, &test, 2, 10, 5, text, 5));
    assert_null(add(&assembly, &test, 1, 11, 5, text, 5));
    assert_non_null(add(&assembly, &test, 1, 10, 5, text, 5));
    assert_non_null(add(&assembly, &test, 2, 10, 0, text, 5));
    assert_non_null(add(&assembly, &test, 1, 11, 0, text, 11));
    minke__dtls_assembly_free(&assembly, &test.env);
    assert_int_equal(test.blocks, 0);
}

/* The genuine pieces win in whatever order a contradicting one comes among them. */
static void rival_versions_both_complete(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t forged[100];
    test_env_init(&test, 1);
    for (size_t i = 0; i < sizeof forged; i++) forged[i] = (uint8_t)~text[i];
    for (int when = 0; when < 3; when++)
        for (int reversed = 0; reversed < 2; reversed++) {
            minke_dtls_assembly_t assembly = {0};
            uint8_t *whole = NULL;
            for (int step = 0; step < 3 && whole == NULL; step++) {
                if (step == when && step < 2) assert_null(add(&assembly, &test, 1, 100, 20, forged + 20, 10));
                if (step == 2) break;
                if ((step == 0) != (reversed == 1)) whole = add(&assembly, &test, 1, 100, 0, text, 60);
                else whole = add(&assembly, &test, 1, 100, 60, text + 60, 40);
            }
            assert_non_null(whole);
            assert_memory_equal(whole, text, 100);
            minke__dtls_assembly_free(&assembly, &test.env);
        }
}

static void assembly_is_bounded(void **state)
{
    (void)state;
    test_env_t test;
    minke_dtls_assembly_t assembly = {0};
    test_env_init(&test, 1);
    for (uint16_t i = 0; i < 1000; i++) {
        add(&assembly, &test, (uint16_t)(i % 7), 16000u + i % 300, i, text + i % 100, 3);
        assert_true(test.blocks <= MINKE_DTLS_PARTIALS_MAX);
    }
    minke__dtls_assembly_free(&assembly, &test.env);
    assert_int_equal(test.blocks, 0);
}

static void assembly_without_memory(void **state)
{
    (void)state;
    test_env_t test;
    minke_dtls_assembly_t assembly = {0};
    test_env_init(&test, 1);
    test.fail_at = 1;
    assert_null(add(&assembly, &test, 1, 10, 0, text, 5));
    assert_null(add(&assembly, &test, 1, 10, 5, text + 5, 5)); /* the first one was lost */
    assert_non_null(add(&assembly, &test, 1, 10, 0, text, 5));
    minke__dtls_assembly_free(&assembly, &test.env);
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_round_trip),
        cmocka_unit_test(header_cut_anywhere),
        cmocka_unit_test(judges_alerts_and_change_cipher_spec),
        cmocka_unit_test(judges_types_and_versions),
        cmocka_unit_test(judges_message_types_and_places),
        cmocka_unit_test(judges_message_headers),
        cmocka_unit_test(window_takes_each_number_once),
        cmocka_unit_test(window_agrees_with_a_table),
        cmocka_unit_test(window_at_its_edges),
        cmocka_unit_test(assembles_in_any_order),
        cmocka_unit_test(keeps_messages_apart),
        cmocka_unit_test(rival_versions_both_complete),
        cmocka_unit_test(assembly_is_bounded),
        cmocka_unit_test(assembly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
