#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sctp/crc32c.h"
#include "support/test_env.h"

static void gives_the_check_values(void **state)
{
    (void)state;
    const uint8_t zeros[32] = {0};
    assert_int_equal(minke__crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(minke__crc32c_portable("123456789", 9), 0xe3069283);
    assert_int_equal(minke__crc32c(zeros, 32), 0x8a9136aa);
    assert_int_equal(minke__crc32c_portable(zeros, 32), 0x8a9136aa);
    assert_int_equal(minke__crc32c("", 0), 0);
}

static void agrees_with_itself(void **state)
{
    (void)state;
    static uint8_t bytes[5000]; /* lanes of every length, and several in a row */
    uint64_t random_state = 3;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)test_random(&random_state);
    for (size_t len = 0; len + 8 < sizeof bytes; len += len < 1700 ? 1 : 37) {
        const size_t at = len % 8;
        assert_int_equal(minke__crc32c(bytes + at, len), minke__crc32c_portable(bytes + at, len));
    }
}

static void skips_the_field_of_a_packet(void **state)
{
    (void)state;
    uint8_t packet[200], zeroed[200];
    uint64_t random_state = 5;
    for (size_t i = 0; i < sizeof packet; i++) zeroed[i] = packet[i] = (uint8_t)test_random(&random_state);
    memset(zeroed + 8, 0, 4);
    for (size_t len = 12; len <= sizeof packet; len++) {
        assert_int_equal(minke__crc32c_packet(packet, len), minke__crc32c(zeroed, len));
    }
}

/* spec/sctp.md 12 */
static void matches_the_vectors(void **state)
{
    (void)state;
    static const char *const vectors[] = {
        "1388138800000000c0f7ba610100001ea1b2c3d400100000ffffffff00000010c00000048008000682c00000",
        "138813881122334402436eef0003001c000000100002000000000032030000000000000000000000",
        "13881388112233449ae68e2f0003001100000020000200000000003202000000",
        "13881388a1b2c3d4a5119d9d03000010000000100010000000000000",
        "13881388112233440d6aaaf082000016000d0012000000100000000f0000002a00020000",
        "13881388a1b2c3d4c75f9571820000100010000c0000001000000001",
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t packet[64];
        const size_t len = test_unhex(vectors[i], packet, sizeof packet);
        const uint32_t sum =
            (uint32_t)packet[11] << 24 | (uint32_t)packet[10] << 16 | (uint32_t)packet[9] << 8 | packet[8];
        assert_int_equal(minke__crc32c_packet(packet, len), sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_the_check_values), cmocka_unit_test(agrees_with_itself),
                                       cmocka_unit_test(skips_the_field_of_a_packet),
                                       cmocka_unit_test(matches_the_vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
