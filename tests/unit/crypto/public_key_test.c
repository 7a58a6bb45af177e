#include "crypto/public_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"
#include "unit/crypto/key_vectors.h"

typedef struct bytes {
    size_t len;
    uint8_t data[2048];
} bytes_t;

static bytes_t unhex(const char *hex)
{
    bytes_t bytes;
    bytes.len = test_unhex(hex, bytes.data, sizeof bytes.data);
    return bytes;
}

static int read_key(const bytes_t *bytes)
{
    minke_key_type_t type;
    EVP_PKEY *key = NULL;
    const int result = minke__public_key_read(bytes->data, bytes->len, &type, &key);
    assert_int_equal(result == MINKE_OK, key != NULL);
    if (key != NULL) { /* what is read is written the same */
        uint8_t written[MINKE_PUBLIC_KEY_MAX];
        minke_writer_t w = minke__writer(written, sizeof written);
        minke__public_key_write(&w, type, key);
        assert_false(w.failed);
        assert_int_equal(w.len, bytes->len);
        assert_memory_equal(written, bytes->data, w.len);
    }
    EVP_PKEY_free(key);
    return result;
}

static const char *const vectors[] = {ed25519_public, secp256k1_public, ecdsa_public, rsa_public};

enum { VECTORS_N = sizeof vectors / sizeof vectors[0] };

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        const bytes_t key = unhex(vectors[i]);
        assert_int_equal(read_key(&key), MINKE_OK);
    }
}

static void test_cut_anywhere_and_one_byte_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        bytes_t key = unhex(vectors[i]);
        key.data[key.len++] = 0;
        assert_int_equal(read_key(&key), MINKE_ERROR_MALFORMED);
        key.len--;
        while (key.len-- > 0) assert_int_equal(read_key(&key), MINKE_ERROR_MALFORMED);
    }
}

static void test_frame(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        int result;
    } cases[] = {
        {"0804 12 00", MINKE_ERROR_UNSUPPORTED},
        {"08ffffffff0f 12 00", MINKE_ERROR_UNSUPPORTED},
        {"088100 12 00", MINKE_ERROR_MALFORMED}, /* type not minimal */
        {"0801 12 8000", MINKE_ERROR_MALFORMED}, /* length not minimal */
        {"0801 12 00", MINKE_ERROR_MALFORMED},   /* a key of no bytes */
        {"12 00 0801", MINKE_ERROR_MALFORMED},   /* wrong order */
        {"0801 1a 00", MINKE_ERROR_MALFORMED},   /* wrong field */
        {"0801 12 ffffffffffffffff7f", MINKE_ERROR_MALFORMED},
        {"0802 12 21 04 7777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99", MINKE_ERROR_MALFORMED},
        {"0802 12 21 02 ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", MINKE_ERROR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bytes_t key = unhex(cases[i].hex);
        assert_int_equal(read_key(&key), cases[i].result);
    }
    static const uint8_t huge[MINKE_PUBLIC_KEY_MAX + 1] = {0x08, 0x04, 0x12};
    minke_key_type_t type;
    EVP_PKEY *key;
    assert_int_equal(minke__public_key_read(huge, sizeof huge, &type, &key), MINKE_ERROR_MALFORMED);
}

static void test_ecdsa_forms(void **state)
{
    (void)state;
    /* The generators of P-384 and P-521 as keys. */
    const bytes_t p384 =
        unhex("0803 1278 3076301006072a8648ce3d020106052b81040022036200"
              "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7"
              "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f");
    const bytes_t p521 =
        unhex("0803 129e01 30819b301006072a8648ce3d020106052b8104002303818600"
              "0400c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de33"
              "48b3c1856a429bf97e7e31c2e5bd66"
              "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c"
              "7086a272c24088be94769fd16650");
    assert_int_equal(read_key(&p384), MINKE_OK);
    assert_int_equal(read_key(&p521), MINKE_OK);
    bytes_t key = unhex(ecdsa_public);
    for (size_t i = 0; i < key.len; i++) { /* nowhere is there a second way to write it, or another point */
        bytes_t wrong = key;
        wrong.data[i] ^= 0x20;
        assert_true(read_key(&wrong) < 0);
    }
}

/* A serialized RSA key with a modulus of `bits` bits (all zero but the ends, for nobody computes with it). */
static bytes_t rsa_of(size_t bits, uint8_t last_byte, const char *exponent_hex)
{
    static const uint8_t algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
    uint8_t exponent[16];
    const size_t exponent_len = test_unhex(exponent_hex, exponent, sizeof exponent);
    const size_t modulus_len = bits / 8 + 1, numbers_len = 4 + modulus_len + 2 + exponent_len;
    bytes_t key;
    minke_writer_t w = minke__writer(key.data, sizeof key.data);
    minke__write_u24(&w, 0x080012);
    minke__write_uvarint(&w, 4 + sizeof algorithm + 5 + 4 + numbers_len);
    minke__write_u16(&w, 0x3082);
    minke__write_u16(&w, (uint16_t)(sizeof algorithm + 5 + 4 + numbers_len));
    minke__write_bytes(&w, algorithm, sizeof algorithm);
    minke__write_u16(&w, 0x0382);
    minke__write_u16(&w, (uint16_t)(1 + 4 + numbers_len));
    minke__write_u8(&w, 0);
    minke__write_u16(&w, 0x3082);
    minke__write_u16(&w, (uint16_t)numbers_len);
    minke__write_u16(&w, 0x0282);
    minke__write_u16(&w, (uint16_t)modulus_len);
    uint8_t *modulus = minke__write_space(&w, modulus_len);
    memset(modulus, 0, modulus_len);
    modulus[bits % 8 > 0 ? 0 : 1] = (uint8_t)(1u << (bits + 7) % 8);
    modulus[modulus_len - 1] = last_byte;
    minke__write_u8(&w, 0x02);
    minke__write_u8(&w, (uint8_t)exponent_len);
    minke__write_bytes(&w, exponent, exponent_len);
    assert_false(w.failed);
    key.len = w.len;
    return key;
}

static void test_rsa_sizes(void **state)
{
    (void)state;
    static const struct {
        size_t bits;
        uint8_t last_byte;
        const char *exponent;
        int result;
    } cases[] = {
        {2048, 1, "010001", MINKE_OK},
        {2049, 1, "03", MINKE_OK},
        {3072, 1, "7fffffff", MINKE_OK},
        {8192, 1, "010001", MINKE_OK},
        {2047, 1, "010001", MINKE_ERROR_MALFORMED},
        {1024, 1, "010001", MINKE_ERROR_MALFORMED},
        {8193, 1, "010001", MINKE_ERROR_MALFORMED},
        {8200, 1, "010001", MINKE_ERROR_MALFORMED},
        {2048, 2, "010001", MINKE_ERROR_MALFORMED}, /* an even modulus */
        {2048, 1, "", MINKE_ERROR_MALFORMED},       /* no exponent */
        {2048, 1, "00", MINKE_ERROR_MALFORMED},
        {2048, 1, "01", MINKE_ERROR_MALFORMED},
        {2048, 1, "010000", MINKE_ERROR_MALFORMED},     /* even */
        {2048, 1, "810001", MINKE_ERROR_MALFORMED},     /* negative */
        {2048, 1, "00010001", MINKE_ERROR_MALFORMED},   /* not minimal */
        {2048, 1, "0080000001", MINKE_ERROR_MALFORMED}, /* too large: verifying would take long */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bytes_t key = rsa_of(cases[i].bits, cases[i].last_byte, cases[i].exponent);
        assert_int_equal(read_key(&key), cases[i].result);
    }
}

/* Nothing outside the two numbers may differ. */
static void test_rsa_frame_is_strict(void **state)
{
    (void)state;
    const bytes_t key = unhex(rsa_public);
    for (size_t i = 0; i < 5 + 32; i++) {
        bytes_t wrong = key;
        wrong.data[i] ^= 0x01;
        assert_true(read_key(&wrong) < 0);
    }
    for (size_t i = key.len - 5; i < key.len - 3; i++) { /* tag and length of the exponent */
        bytes_t wrong = key;
        wrong.data[i] ^= 0x01;
        assert_true(read_key(&wrong) < 0);
    }
}

static void test_verify_reports_the_key(void **state)
{
    (void)state;
    const bytes_t unknown = unhex("0804 12 00"), bad = unhex("0801 12 00"), good = unhex(ed25519_public);
    const uint8_t signature[64] = {0};
    assert_int_equal(minke__verify(unknown.data, unknown.len, "m", 1, signature, 64), MINKE_ERROR_UNSUPPORTED);
    assert_int_equal(minke__verify(bad.data, bad.len, "m", 1, signature, 64), MINKE_ERROR_MALFORMED);
    assert_int_equal(minke__verify(good.data, good.len, "m", 1, signature, 64), MINKE_ERROR_CRYPTO);
    assert_int_equal(minke__verify(good.data, good.len, "m", 1, NULL, 0), MINKE_ERROR_CRYPTO);
}

static void test_write_needs_room_and_the_right_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        const bytes_t bytes = unhex(vectors[i]);
        uint8_t out[MINKE_PUBLIC_KEY_MAX];
        minke_key_type_t type;
        EVP_PKEY *key = NULL;
        assert_int_equal(minke__public_key_read(bytes.data, bytes.len, &type, &key), MINKE_OK);
        minke_writer_t w = minke__writer(out, bytes.len - 1);
        minke__public_key_write(&w, type, key);
        assert_true(w.failed);
        if (type == MINKE_KEY_RSA) {
            w = minke__writer(out, sizeof out);
            minke__public_key_write(&w, MINKE_KEY_SECP256K1, key);
            assert_true(w.failed);
        }
        EVP_PKEY_free(key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_cut_anywhere_and_one_byte_more),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_ecdsa_forms),
        cmocka_unit_test(test_rsa_sizes),
        cmocka_unit_test(test_rsa_frame_is_strict),
        cmocka_unit_test(test_verify_reports_the_key),
        cmocka_unit_test(test_write_needs_room_and_the_right_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
