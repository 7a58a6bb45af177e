/* The headers of spec/host.md 7, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/test_env.h"
#include "yamux/frame.h"

static const struct {
    const char *hex;
    minke_yamux_frame_t frame;
} vectors[] = {
    {"00 01 0001 00000001 00000000", {MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_SYN, 1, 0}},
    {"00 01 0002 00000001 00000000", {MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_ACK, 1, 0}},
    {"00 00 0001 00000001 00000005", {MINKE_YAMUX_DATA, MINKE_YAMUX_SYN, 1, 5}},
    {"00 01 0004 00000001 00000000", {MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_FIN, 1, 0}},
    {"00 01 0008 00000001 00000000", {MINKE_YAMUX_WINDOW_UPDATE, MINKE_YAMUX_RST, 1, 0}},
    {"00 02 0001 00000000 deadbeef", {MINKE_YAMUX_PING, MINKE_YAMUX_SYN, 0, 0xdeadbeef}},
    {"00 02 0002 00000000 deadbeef", {MINKE_YAMUX_PING, MINKE_YAMUX_ACK, 0, 0xdeadbeef}},
    {"00 03 0000 00000000 00000000", {MINKE_YAMUX_GO_AWAY, 0, 0, MINKE_YAMUX_NORMAL}},
    {"00 03 0000 00000000 00000001", {MINKE_YAMUX_GO_AWAY, 0, 0, MINKE_YAMUX_PROTOCOL_ERROR}},
    {"00 00 000f fffffffe ffffffff", {MINKE_YAMUX_DATA, 15, 0xfffffffe, 0xffffffff}},
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t expected[MINKE_YAMUX_HEADER_BYTES], written[MINKE_YAMUX_HEADER_BYTES];
        minke_yamux_frame_t read;
        assert_int_equal(test_unhex(vectors[i].hex, expected, sizeof expected), sizeof expected);
        minke__yamux_frame_write(written, &vectors[i].frame);
        assert_memory_equal(written, expected, sizeof expected);
        assert_true(minke__yamux_frame_read(expected, &read));
        assert_int_equal(read.type, vectors[i].frame.type);
        assert_int_equal(read.flags, vectors[i].frame.flags);
        assert_int_equal(read.stream, vectors[i].frame.stream);
        assert_int_equal(read.len, vectors[i].frame.len);
    }
}

static void test_refused(void **state)
{
    (void)state;
    minke_yamux_frame_t frame;
    const uint8_t version_1[MINKE_YAMUX_HEADER_BYTES] = {1}, type_4[MINKE_YAMUX_HEADER_BYTES] = {0, 4};
    assert_false(minke__yamux_frame_read(version_1, &frame));
    assert_false(minke__yamux_frame_read(type_4, &frame));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
