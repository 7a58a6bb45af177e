#include "crypto/elliptic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/obj_mac.h>

#include "crypto/primitives.h"
#include "support/test_env.h"

static const char order_hex[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

static void check_signature(const uint8_t scalar[32], const char *message, const char *r_hex, const char *s_hex)
{
    uint8_t digest[32], r[32], s[32], expected[32];
    minke__sha256(message, strlen(message), digest);
    assert_int_equal(minke__p256_sign(scalar, digest, r, s), MINKE_OK);
    test_unhex(r_hex, expected, sizeof expected);
    assert_memory_equal(r, expected, sizeof expected);
    test_unhex(s_hex, expected, sizeof expected);
    assert_memory_equal(s, expected, sizeof expected);
}

/* RFC 6979 A.2.5, with SHA-256. */
static void test_signature_of_rfc_6979(void **state)
{
    (void)state;
    uint8_t scalar[32];
    test_unhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721", scalar, sizeof scalar);
    check_signature(scalar, "sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
                    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
    check_signature(scalar, "test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
                    "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083");
}

static void test_public_key_of_rfc_6979(void **state)
{
    (void)state;
    uint8_t scalar[32], point[65], expected[65];
    test_unhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721", scalar, sizeof scalar);
    test_unhex("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
               "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
               expected, sizeof expected);
    EVP_PKEY *key = minke__ec_private_key(NID_X9_62_prime256v1, scalar);
    assert_non_null(key);
    assert_int_equal(minke__ec_public_point(key, point, MINKE_POINT_BYTES), MINKE_OK);
    assert_memory_equal(point, expected, MINKE_POINT_BYTES);
    expected[0] = 0x03; /* y is odd */
    assert_int_equal(minke__ec_public_point(key, point, MINKE_POINT_COMPRESSED_BYTES), MINKE_OK);
    assert_memory_equal(point, expected, MINKE_POINT_COMPRESSED_BYTES);
    EVP_PKEY *public = minke__ec_public_key(NID_X9_62_prime256v1, point, MINKE_POINT_COMPRESSED_BYTES);
    assert_non_null(public);
    assert_int_equal(EVP_PKEY_eq(key, public), 1);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
}

static void test_scalars_out_of_range(void **state)
{
    (void)state;
    uint8_t scalar[32] = {0}, digest[32] = {1}, r[32], s[32];
    assert_null(minke__ec_private_key(NID_X9_62_prime256v1, scalar));
    assert_int_equal(minke__p256_sign(scalar, digest, r, s), MINKE_ERROR_CRYPTO);
    test_unhex(order_hex, scalar, sizeof scalar);
    assert_null(minke__ec_private_key(NID_X9_62_prime256v1, scalar));
    assert_int_equal(minke__p256_sign(scalar, digest, r, s), MINKE_ERROR_CRYPTO);
    scalar[31]--;
    EVP_PKEY *key = minke__ec_private_key(NID_X9_62_prime256v1, scalar);
    assert_non_null(key);
    EVP_PKEY_free(key);
}

/* A digest of n or more is reduced: n + 1 signs like 1. */
static void test_digest_above_the_order(void **state)
{
    (void)state;
    uint8_t scalar[32] = {0, 7}, one[32] = {0}, above[32], r[2][32], s[2][32];
    one[31] = 1;
    test_unhex(order_hex, above, sizeof above);
    above[31]++;
    assert_int_equal(minke__p256_sign(scalar, one, r[0], s[0]), MINKE_OK);
    assert_int_equal(minke__p256_sign(scalar, above, r[1], s[1]), MINKE_OK);
    assert_memory_equal(r[0], r[1], 32);
    assert_memory_equal(s[0], s[1], 32);
}

static void test_uniform_bytes_to_scalar(void **state)
{
    (void)state;
    uint8_t uniform[48] = {0}, scalar[32], expected[32] = {0};
    assert_int_equal(minke__p256_scalar(uniform, scalar), MINKE_OK);
    expected[31] = 1;
    assert_memory_equal(scalar, expected, sizeof scalar);
    test_unhex(order_hex, uniform + 16, 32);
    uniform[47]--; /* n - 1, the modulus itself, comes round to the first scalar again */
    assert_int_equal(minke__p256_scalar(uniform, scalar), MINKE_OK);
    assert_memory_equal(scalar, expected, sizeof scalar);
    uniform[47]--; /* n - 2 gives the last one */
    assert_int_equal(minke__p256_scalar(uniform, scalar), MINKE_OK);
    test_unhex(order_hex, expected, sizeof expected);
    expected[31]--;
    assert_memory_equal(scalar, expected, sizeof scalar);
}

static void test_points_that_are_none(void **state)
{
    (void)state;
    uint8_t point[65] = {0x04, 1};
    assert_null(minke__ec_public_key(NID_X9_62_prime256v1, point, 65)); /* not on the curve */
    assert_null(minke__ec_public_key(NID_X9_62_prime256v1, point, 1));
    point[0] = 0x00; /* infinity */
    assert_null(minke__ec_public_key(NID_X9_62_prime256v1, point, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature_of_rfc_6979),   cmocka_unit_test(test_public_key_of_rfc_6979),
        cmocka_unit_test(test_scalars_out_of_range),    cmocka_unit_test(test_digest_above_the_order),
        cmocka_unit_test(test_uniform_bytes_to_scalar), cmocka_unit_test(test_points_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
