#include "multiformats/multibase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

static const char all_bases[] = "fFbBkKzmMuU";

typedef struct vector {
    const char *text; /* with its letter */
    const char *hex;
} vector_t;

/* "yes mani !" and its variants are multiformats/multibase's own test vectors; the base64 ones RFC 4648 10. */
static const vector_t vectors[] = {
    {"f796573206d616e692021", "796573206d616e692021"},
    {"F796573206D616E692021", "796573206d616e692021"},
    {"bpfsxgidnmfxgsibb", "796573206d616e692021"},
    {"BPFSXGIDNMFXGSIBB", "796573206d616e692021"},
    {"k2lcpzo5yikidynfl", "796573206d616e692021"},
    {"K2LCPZO5YIKIDYNFL", "796573206d616e692021"},
    {"z7paNL19xttacUY", "796573206d616e692021"},
    {"meWVzIG1hbmkgIQ", "796573206d616e692021"},
    {"MeWVzIG1hbmkgIQ==", "796573206d616e692021"},
    {"ueWVzIG1hbmkgIQ", "796573206d616e692021"},
    {"UeWVzIG1hbmkgIQ==", "796573206d616e692021"},
    {"f00796573206d616e692021", "00796573206d616e692021"},
    {"bab4wk4zanvqw42jaee", "00796573206d616e692021"},
    {"k02lcpzo5yikidynfl", "00796573206d616e692021"},
    {"z17paNL19xttacUY", "00796573206d616e692021"},
    {"uAHllcyBtYW5pICE", "00796573206d616e692021"},
    {"z117paNL19xttacUY", "0000796573206d616e692021"},
    {"MZg==", "66"},
    {"MZm8=", "666f"},
    {"MZm9v", "666f6f"},
    {"MZm9vYg==", "666f6f62"},
    {"m+/8", "fbff"},
    {"u-_8", "fbff"},
    {"U-_8=", "fbff"},
    {"z", ""},
    {"u", ""},
    {"U", ""},
    {"b", ""},
    {"z1", "00"},
    {"k0", "00"},
    /* spec/webrtc-direct.md 1 */
    {"uEiAw_J9GnCB0Gd_dCqtfJ6hslzyU5AVI25N1zKLpFZc7mQ",
     "122030fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99"},
};

enum { VECTORS_N = sizeof vectors / sizeof vectors[0] };

static void test_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        uint8_t expected[64], out[64];
        const size_t len = test_unhex(vectors[i].hex, expected, sizeof expected);
        assert_int_equal(minke__multibase_decode(vectors[i].text, strlen(vectors[i].text), out, sizeof out), len);
        assert_memory_equal(out, expected, len);
    }
}

static void test_encode(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        uint8_t data[64];
        char out[128];
        const size_t len = test_unhex(vectors[i].hex, data, sizeof data);
        assert_int_equal(minke__multibase_encode(vectors[i].text[0], data, len, out, sizeof out),
                         strlen(vectors[i].text));
        assert_memory_equal(out, vectors[i].text, strlen(vectors[i].text));
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",     "f0",                                                      /* half a byte */
        "f0g",  "f0A",                                                     /* upper case in a lower case base */
        "Fa0",  "bB",        "ba",                                         /* five bits are no byte */
        "baaa",                                                            /* 15 bits: one digit too many */
        "bab",                                                             /* a bit beyond the last byte */
        "b1",   "z0",        "zO",        "zI",    "zl",    "k-",   "mZh", /* bits beyond the last byte */
        "mZ",   "mZg==",                                                   /* padding where there is none */
        "MZg",                                                             /* no padding where there must be */
        "MZg=", "MZ===",     "MZm9v====", "M=Zm9", "MZ=g=", "m-_8",        /* the other alphabet */
        "u+/8", "u\xc3\xa4", "u ",
    };
    uint8_t out[64];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(minke__multibase_decode(texts[i], strlen(texts[i]), out, sizeof out), MINKE_ERROR_MALFORMED);
    }
    for (const char *base = all_bases; *base != 0; base++) { /* a zero byte is no digit */
        assert_int_equal(minke__base_decode(*base, "\0\0\0", 4, out, sizeof out), MINKE_ERROR_MALFORMED);
    }
}

static void test_unknown_base(void **state)
{
    (void)state;
    uint8_t out[8];
    char text[8];
    assert_int_equal(minke__multibase_decode("Zabc", 4, out, sizeof out), MINKE_ERROR_UNSUPPORTED);
    assert_int_equal(minke__multibase_decode("\0abc", 4, out, sizeof out), MINKE_ERROR_UNSUPPORTED);
    assert_int_equal(minke__multibase_encode('0', out, 0, text, sizeof text), MINKE_ERROR_UNSUPPORTED);
}

static void round_trip(char base, const uint8_t *data, size_t len)
{
    char text[256];
    uint8_t back[64];
    const ssize_t n = minke__multibase_encode(base, data, len, text, sizeof text);
    assert_true(n > 0);
    assert_int_equal(minke__multibase_decode(text, (size_t)n, back, sizeof back), len);
    assert_memory_equal(back, data, len);
    for (size_t room = 0; room < (size_t)n; room++) {
        char *exact = test_malloc(room + 1);
        exact[room] = 0x55;
        assert_int_equal(minke__multibase_encode(base, data, len, exact, room), MINKE_ERROR_NO_SPACE);
        assert_int_equal(exact[room], 0x55);
        test_free(exact);
    }
    for (size_t room = 0; room < len; room++) {
        uint8_t *exact = test_malloc(room + 1);
        exact[room] = 0x55;
        assert_int_equal(minke__multibase_decode(text, (size_t)n, exact, room), MINKE_ERROR_NO_SPACE);
        assert_int_equal(exact[room], 0x55);
        test_free(exact);
    }
}

static void test_round_trips(void **state)
{
    (void)state;
    uint64_t random = 17;
    for (const char *base = all_bases; *base != 0; base++) {
        for (size_t len = 0; len <= 40; len++) {
            uint8_t data[40];
            for (size_t i = 0; i < len; i++) data[i] = (uint8_t)test_random(&random);
            round_trip(*base, data, len);
            memset(data, 0, len / 2);
            round_trip(*base, data, len);
            memset(data, 0, len);
            round_trip(*base, data, len);
            memset(data, 0xff, len);
            round_trip(*base, data, len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),       cmocka_unit_test(test_encode),      cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_unknown_base), cmocka_unit_test(test_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
