/* Fingerprints of certificates. */
#include "support.h"

#include "signalling/fingerprint.h"

/* Of "abc" (FIPS 180-2 B.1, C.1, D.1). */
#define SHA256 "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD"
#define SHA384                                                                                                         \
    "CB:00:75:3F:45:A3:5E:8B:B5:A0:3D:69:9A:C6:50:07:27:2C:32:AB:0E:DE:D1:63:1A:8B:60:5A:43:FF:5B:ED:"                 \
    "80:86:07:2B:A1:E7:CC:23:58:BA:EC:A1:34:C8:25:A7"
#define SHA512                                                                                                         \
    "DD:AF:35:A1:93:61:7A:BA:CC:41:73:49:AE:20:41:31:12:E6:FA:4E:89:A9:7E:A2:0A:9E:EE:E6:4B:55:D3:9A:"                 \
    "21:92:99:2A:27:4F:C1:A8:36:BA:3C:23:A3:FE:EB:BD:45:4D:44:23:64:3C:E8:0E:2A:9A:C9:4F:A5:4C:A4:9F"

static minke_slice_t of(const char *text) { return (minke_slice_t){(const uint8_t *)text, strlen(text)}; }

static minke_fingerprint_t fingerprint(minke_fingerprint_hash_t hash, uint8_t first)
{
    return (minke_fingerprint_t){.hash = hash, .digest = {first}};
}

static void one_of_each(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        minke_fingerprint_hash_t hash;
    } table[] = {
        {"sha-256 " SHA256, MINKE_FINGERPRINT_SHA256},
        {"sha-384 " SHA384, MINKE_FINGERPRINT_SHA384},
        {"sha-512 " SHA512, MINKE_FINGERPRINT_SHA512},
    };
    for (size_t i = 0; i < 3; i++) {
        minke_fingerprint_t f;
        minke_fingerprints_t set = {0};
        char text[256] = {0};
        assert_int_equal(minke__fingerprint_read(of(table[i].text), &f), MINKE_OK);
        assert_int_equal(f.hash, table[i].hash);
        assert_true(minke__fingerprints_add(&set, &f));
        assert_true(minke__fingerprints_match(&set, "abc", 3));
        assert_false(minke__fingerprints_match(&set, "abd", 3));
        minke_writer_t w = minke__writer(text, sizeof text);
        minke__fingerprint_write(&w, f.hash, f.digest);
        assert_int_equal(w.len, strlen(table[i].text));
        assert_string_equal(text, table[i].text);
    }
    const minke_fingerprints_t none = {0};
    assert_false(minke__fingerprints_match(&none, "abc", 3));
}

static void forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int error;
    } table[] = {
        {"SHA-256 " SHA256, MINKE_OK},
        {" sha-256\t" SHA256 " ", MINKE_OK},
        {"Sha-256 ba:78:16:bf:8f:01:cf:ea:41:41:40:de:5d:ae:22:23:b0:03:61:a3:96:17:7a:9c:b4:10:ff:61:f2:00:15:ad",
         MINKE_OK},
        {"sha-1 A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D", MINKE_ERROR_UNSUPPORTED},
        {"sha-224 00", MINKE_ERROR_UNSUPPORTED},
        {"md5 00", MINKE_ERROR_UNSUPPORTED},
        {"sha256 " SHA256, MINKE_ERROR_UNSUPPORTED},
        {SHA256, MINKE_ERROR_UNSUPPORTED},
        {"", MINKE_ERROR_UNSUPPORTED},
        {"sha-256", MINKE_ERROR_MALFORMED},
        {"sha-256 " SHA256 ":00", MINKE_ERROR_MALFORMED},
        {"sha-256 " SHA256 ":", MINKE_ERROR_MALFORMED},
        {"sha-256 " SHA256 " x", MINKE_ERROR_MALFORMED},
        {"sha-256 " SHA384, MINKE_ERROR_MALFORMED},
        {"sha-512 " SHA384, MINKE_ERROR_MALFORMED},
        {"sha-256 BA78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD:",
         MINKE_ERROR_MALFORMED},
        {"sha-256 GA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD",
         MINKE_ERROR_MALFORMED},
        {"sha-256 BA-78-16-BF-8F-01-CF-EA-41-41-40-DE-5D-AE-22-23-B0-03-61-A3-96-17-7A-9C-B4-10-FF-61-F2-00-15-AD",
         MINKE_ERROR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        minke_fingerprint_t f;
        if (minke__fingerprint_read(of(table[i].text), &f) != table[i].error) fail_msg("%s", table[i].text);
    }
}

/* A certificate that fits a weak one alone is not accepted, whichever came first. */
static void the_strongest_counts(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        minke_fingerprints_t set = {0};
        minke_fingerprint_t weak;
        const minke_fingerprint_t strong = fingerprint(MINKE_FINGERPRINT_SHA512, 1);
        assert_int_equal(minke__fingerprint_read(of("sha-256 " SHA256), &weak), MINKE_OK);
        assert_true(minke__fingerprints_add(&set, order == 0 ? &weak : &strong));
        assert_true(minke__fingerprints_add(&set, order == 0 ? &strong : &weak));
        assert_int_equal(set.n, 2);
        assert_int_equal(set.list[0].hash, MINKE_FINGERPRINT_SHA512);
        assert_false(minke__fingerprints_match(&set, "abc", 3));
        /* Any of the strongest does. */
        assert_int_equal(minke__fingerprint_read(of("sha-512 " SHA512), &weak), MINKE_OK);
        assert_true(minke__fingerprints_add(&set, &weak));
        assert_true(minke__fingerprints_match(&set, "abc", 3));
    }
}

static void at_the_limit(void **state)
{
    (void)state;
    const minke_fingerprint_t weak = fingerprint(MINKE_FINGERPRINT_SHA256, 1),
                              middle = fingerprint(MINKE_FINGERPRINT_SHA384, 2),
                              strong = fingerprint(MINKE_FINGERPRINT_SHA512, 3);
    minke_fingerprints_t set = {0};
    for (size_t i = 0; i < MINKE_FINGERPRINTS_MAX; i++) assert_true(minke__fingerprints_add(&set, &weak));
    assert_false(minke__fingerprints_add(&set, &weak));
    /* Stronger ones push weaker ones out. */
    assert_true(minke__fingerprints_add(&set, &middle));
    assert_int_equal(set.n, 4);
    assert_int_equal(set.list[0].digest[0], 2);
    for (size_t i = 0; i < MINKE_FINGERPRINTS_MAX; i++) assert_true(minke__fingerprints_add(&set, &strong));
    for (size_t i = 0; i < MINKE_FINGERPRINTS_MAX; i++) assert_int_equal(set.list[i].digest[0], 3);
    assert_true(minke__fingerprints_add(&set, &weak)); /* left out: it does not count */
    assert_int_equal(set.list[3].digest[0], 3);
    assert_false(minke__fingerprints_add(&set, &strong));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_each),
        cmocka_unit_test(forms),
        cmocka_unit_test(the_strongest_counts),
        cmocka_unit_test(at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
