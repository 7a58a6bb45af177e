#include "crypto/primitives.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

/* Compares with what a hexadecimal text says. */
static void assert_hex(const uint8_t *actual, size_t len, const char *expected_hex)
{
    uint8_t expected[256];
    assert_int_equal(test_unhex(expected_hex, expected, sizeof expected), len);
    assert_memory_equal(actual, expected, len);
}

/* FIPS 180-2, B.1 and B.2; the digest of nothing. */
static void test_sha256(void **state)
{
    (void)state;
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    uint8_t digest[32];
    minke__sha256("abc", 3, digest);
    assert_hex(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    minke__sha256(NULL, 0, digest);
    assert_hex(digest, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t cut = 0; cut <= sizeof two_blocks - 1; cut++) {
        memset(digest, 0, sizeof digest);
        minke__sha256_2(two_blocks, cut, two_blocks + cut, sizeof two_blocks - 1 - cut, digest);
        assert_hex(digest, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    }
}

/* RFC 2202 3, cases 1, 2 and 6; an empty key. */
static void test_hmac_sha1(void **state)
{
    (void)state;
    uint8_t key[80], mac[20];
    memset(key, 0x0b, 20);
    minke__hmac_sha1(key, 20, "Hi There", 8, mac);
    assert_hex(mac, 20, "b617318655057264e28bc0b6fb378c8ef146be00");
    minke__hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, mac);
    assert_hex(mac, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    memset(key, 0xaa, 80);
    minke__hmac_sha1(key, 80, "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
    assert_hex(mac, 20, "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    minke__hmac_sha1(NULL, 0, NULL, 0, mac);
    assert_hex(mac, 20, "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

static void test_hmac_sha1_in_two_pieces(void **state)
{
    (void)state;
    uint8_t mac[20];
    for (size_t cut = 0; cut <= 28; cut++) {
        static const char message[] = "what do ya want for nothing?";
        minke__hmac_sha1_2("Jefe", 4, message, cut, message + cut, 28 - cut, mac);
        assert_hex(mac, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }
}

/* RFC 4231 4.2, 4.3, 4.7; an empty key. */
/* FIPS 180-2, A.1; and of nothing. */
static void test_sha1(void **state)
{
    (void)state;
    uint8_t digest[20], expected[20];
    minke__sha1("abc", 3, digest);
    test_unhex("a9993e364706816aba3e25717850c26c9cd0d89d", expected, sizeof expected);
    assert_memory_equal(digest, expected, sizeof digest);
    minke__sha1(NULL, 0, digest);
    test_unhex("da39a3ee5e6b4b0d3255bfef95601890afd80709", expected, sizeof expected);
    assert_memory_equal(digest, expected, sizeof digest);
}

static void test_hmac_sha256(void **state)
{
    (void)state;
    uint8_t key[131], mac[32];
    memset(key, 0x0b, 20);
    minke__hmac_sha256(key, 20, "Hi There", 8, mac);
    assert_hex(mac, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    minke__hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    assert_hex(mac, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    minke__hmac_sha256(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
    assert_hex(mac, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    minke__hmac_sha256(NULL, 0, NULL, 0, mac);
    assert_hex(mac, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* The key is not remembered from one call to the next. */
static void test_hmac_with_empty_key_after_another(void **state)
{
    (void)state;
    uint8_t first[32], second[32];
    minke__hmac_sha256("", 0, "x", 1, first);
    minke__hmac_sha256("key", 3, "x", 1, second);
    assert_memory_not_equal(first, second, 32);
    minke__hmac_sha256("", 0, "x", 1, second);
    assert_memory_equal(first, second, 32);
}

static void check_hkdf(const char *salt_hex, const char *secret_hex, const char *info_hex, const char *expected_hex)
{
    uint8_t salt[128], secret[128], info[128], expected[128], out[128];
    const size_t salt_len = test_unhex(salt_hex, salt, sizeof salt);
    const size_t secret_len = test_unhex(secret_hex, secret, sizeof secret);
    const size_t info_len = test_unhex(info_hex, info, sizeof info);
    const size_t len = test_unhex(expected_hex, expected, sizeof expected);
    assert_int_equal(minke__hkdf_sha256(salt, salt_len, secret, secret_len, info, info_len, out, len), MINKE_OK);
    assert_memory_equal(out, expected, len);
}

/* RFC 5869 A.1 to A.3. */
static void test_hkdf(void **state)
{
    (void)state;
    check_hkdf("000102030405060708090a0b0c", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "f0f1f2f3f4f5f6f7f8f9",
               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    check_hkdf("606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
               "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
               "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
               "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
               "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
               "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
               "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
               "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
    check_hkdf("", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "",
               "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

/* Noise ends its handshake with HKDF over an empty secret (Split). */
static void test_hkdf_with_empty_secret(void **state)
{
    (void)state;
    uint8_t salt[32], out[64], prk[32], expected[64], message[33];
    memset(salt, 7, sizeof salt);
    assert_int_equal(minke__hkdf_sha256(salt, 32, NULL, 0, NULL, 0, out, sizeof out), MINKE_OK);
    minke__hmac_sha256(salt, 32, NULL, 0, prk);
    message[0] = 1;
    minke__hmac_sha256(prk, 32, message, 1, expected);
    memcpy(message, expected, 32);
    message[32] = 2;
    minke__hmac_sha256(prk, 32, message, 33, expected + 32);
    assert_memory_equal(out, expected, sizeof expected);
}

static void test_hkdf_of_two_keys(void **state)
{
    (void)state;
    uint8_t salt[32], secret[32], whole[64], two[64];
    for (size_t i = 0; i < 32; i++) salt[i] = (uint8_t)i, secret[i] = (uint8_t)(0xa0 + i);
    for (size_t len = 0; len <= sizeof secret; len += sizeof secret) {
        assert_int_equal(minke__hkdf_sha256(salt, sizeof salt, secret, len, NULL, 0, whole, sizeof whole), MINKE_OK);
        minke__hkdf_sha256_two(salt, secret, len, two);
        assert_memory_equal(two, whole, sizeof two);
    }
}

/* RFC 8032 7.1, TEST 3; and each bit of it changed. */
static void test_ed25519_verify(void **state)
{
    (void)state;
    uint8_t key[32], message[2], signature[64];
    (void)test_unhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", key, sizeof key);
    (void)test_unhex("af82", message, sizeof message);
    (void)test_unhex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
                     signature, sizeof signature);
    assert_true(minke__ed25519_verify(key, message, sizeof message, signature));
    assert_false(minke__ed25519_verify(key, message, 1, signature));
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(minke__ed25519_verify(key, message, sizeof message, signature));
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof key; bit++) {
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(minke__ed25519_verify(key, message, sizeof message, signature));
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_hkdf_has_an_end(void **state)
{
    (void)state;
    static uint8_t out[255 * 32 + 1];
    assert_int_equal(minke__hkdf_sha256("s", 1, "k", 1, "", 0, out, sizeof out - 1), MINKE_OK);
    assert_int_equal(minke__hkdf_sha256("s", 1, "k", 1, "", 0, out, sizeof out), MINKE_ERROR_CRYPTO);
}

/* RFC 7748 5.2 (the iterated vector after one round, the first pair) and Bob's side of 6.1. */
static void test_x25519(void **state)
{
    (void)state;
    uint8_t first[32] = {9}, second[32], third[32];
    assert_int_equal(minke__x25519_public(first, second), MINKE_OK);
    assert_hex(second, 32, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    assert_int_equal(minke__x25519_derive(first, first, third), MINKE_OK);
    assert_memory_equal(second, third, 32);

    test_unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", first, 32);
    test_unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", second, 32);
    assert_int_equal(minke__x25519_derive(first, second, third), MINKE_OK);
    assert_hex(third, 32, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");

    test_unhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", first, 32);
    assert_int_equal(minke__x25519_public(first, second), MINKE_OK);
    assert_hex(second, 32, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    test_unhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", second, 32);
    assert_int_equal(minke__x25519_derive(first, second, third), MINKE_OK);
    assert_hex(third, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

/* Points of small order give an all-zero secret, whatever the key. */
static void test_x25519_refuses_small_order(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t secret[32] = {1, 2, 3}, point[32], shared[32];
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        test_unhex(points[i], point, sizeof point);
        assert_int_equal(minke__x25519_derive(secret, point, shared), MINKE_ERROR_CRYPTO);
    }
}

/* RFC 8439 2.8.2. */
static const char sealed_hex[] = "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                                 "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                                 "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                                 "3ff4def08e4b7a9de576d26586cec64b6116"
                                 "1ae10b594f09e26a7e902ecbd0600691";
static const char plain[] = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
                            "future, sunscreen would be it.";

enum { PLAIN_LEN = sizeof plain - 1, SEALED_LEN = PLAIN_LEN + 16 };

typedef struct box {
    uint8_t key[32], nonce[12], ad[12], sealed[SEALED_LEN];
} box_t;

static box_t box_of_the_rfc(void)
{
    box_t box;
    for (int i = 0; i < 32; i++) box.key[i] = (uint8_t)(0x80 + i);
    test_unhex("070000004041424344454647", box.nonce, sizeof box.nonce);
    test_unhex("50515253c0c1c2c3c4c5c6c7", box.ad, sizeof box.ad);
    assert_int_equal(test_unhex(sealed_hex, box.sealed, sizeof box.sealed), SEALED_LEN);
    return box;
}

static void test_chachapoly(void **state)
{
    (void)state;
    const box_t box = box_of_the_rfc();
    uint8_t out[SEALED_LEN];
    assert_int_equal(minke__chachapoly_seal(box.key, box.nonce, box.ad, 12, plain, PLAIN_LEN, out), MINKE_OK);
    assert_memory_equal(out, box.sealed, SEALED_LEN);
    assert_int_equal(minke__chachapoly_open(box.key, box.nonce, box.ad, 12, box.sealed, SEALED_LEN, out), MINKE_OK);
    assert_memory_equal(out, plain, PLAIN_LEN);
}

static void test_chachapoly_in_place(void **state)
{
    (void)state;
    const box_t box = box_of_the_rfc();
    uint8_t buffer[SEALED_LEN];
    memcpy(buffer, plain, PLAIN_LEN);
    assert_int_equal(minke__chachapoly_seal(box.key, box.nonce, box.ad, 12, buffer, PLAIN_LEN, buffer), MINKE_OK);
    assert_memory_equal(buffer, box.sealed, SEALED_LEN);
    assert_int_equal(minke__chachapoly_open(box.key, box.nonce, box.ad, 12, buffer, SEALED_LEN, buffer), MINKE_OK);
    assert_memory_equal(buffer, plain, PLAIN_LEN);
}

static void test_chachapoly_of_nothing(void **state)
{
    (void)state;
    const box_t box = box_of_the_rfc();
    uint8_t tag[16];
    assert_int_equal(minke__chachapoly_seal(box.key, box.nonce, NULL, 0, NULL, 0, tag), MINKE_OK);
    assert_int_equal(minke__chachapoly_open(box.key, box.nonce, NULL, 0, tag, 16, NULL), MINKE_OK);
    tag[3] ^= 1;
    assert_int_equal(minke__chachapoly_open(box.key, box.nonce, NULL, 0, tag, 16, NULL), MINKE_ERROR_CRYPTO);
}

static void test_chachapoly_notices_every_changed_byte(void **state)
{
    (void)state;
    static const uint8_t zeros[PLAIN_LEN];
    const box_t good = box_of_the_rfc();
    uint8_t out[SEALED_LEN];
    for (size_t i = 0; i < sizeof good; i++) {
        box_t box = good;
        ((uint8_t *)&box)[i] ^= 0x10;
        memset(out, 0xee, sizeof out);
        assert_int_equal(minke__chachapoly_open(box.key, box.nonce, box.ad, 12, box.sealed, SEALED_LEN, out),
                         MINKE_ERROR_CRYPTO);
        assert_memory_equal(out, zeros, PLAIN_LEN); /* nothing of the plain text is left */
    }
    for (size_t len = 0; len < SEALED_LEN; len++) {
        assert_int_equal(minke__chachapoly_open(good.key, good.nonce, good.ad, 12, good.sealed, len, out),
                         MINKE_ERROR_CRYPTO);
    }
}

static void test_constant_time_equal(void **state)
{
    (void)state;
    assert_true(minke__constant_time_equal("abc", "abc", 3));
    assert_false(minke__constant_time_equal("abc", "abd", 3));
    assert_true(minke__constant_time_equal("abc", "abd", 2));
    assert_true(minke__constant_time_equal("a", "b", 0));
}

static void test_wipe(void **state)
{
    (void)state;
    uint8_t memory[] = {1, 2, 3, 4};
    minke__wipe(memory, 3);
    assert_int_equal(memory[0] | memory[1] | memory[2], 0);
    assert_int_equal(memory[3], 4);
}

static void test_default_random(void **state)
{
    (void)state;
    const minke_random_t random = minke__default_random();
    uint8_t a[64] = {0}, b[64] = {0};
    random.fill(random.user, a, sizeof a);
    random.fill(random.user, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    random.fill(random.user, a, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_sha1),
        cmocka_unit_test(test_hmac_sha1),
        cmocka_unit_test(test_hmac_sha1_in_two_pieces),
        cmocka_unit_test(test_hmac_sha256),
        cmocka_unit_test(test_hmac_with_empty_key_after_another),
        cmocka_unit_test(test_hkdf),
        cmocka_unit_test(test_hkdf_with_empty_secret),
        cmocka_unit_test(test_hkdf_of_two_keys),
        cmocka_unit_test(test_ed25519_verify),
        cmocka_unit_test(test_hkdf_has_an_end),
        cmocka_unit_test(test_x25519),
        cmocka_unit_test(test_x25519_refuses_small_order),
        cmocka_unit_test(test_chachapoly),
        cmocka_unit_test(test_chachapoly_in_place),
        cmocka_unit_test(test_chachapoly_of_nothing),
        cmocka_unit_test(test_chachapoly_notices_every_changed_byte),
        cmocka_unit_test(test_constant_time_equal),
        cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_default_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
