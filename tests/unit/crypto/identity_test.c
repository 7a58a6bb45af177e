#include "crypto/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
#include "crypto/primitives.h"
#include "support/test_env.h"
#include "unit/crypto/key_vectors.h"

typedef struct vector {
    minke_key_type_t type;
    const char *private_key;
    const char *public_key;
    const char *signature; /* by another implementation, over `message`; NULL: none */
    bool one_signature;    /* the scheme has no randomness */
} vector_t;

static const char message[] = "minke";

enum { MESSAGE_LEN = sizeof message - 1 };

static const vector_t vectors[] = {
    {MINKE_KEY_ED25519, ed25519_private, ed25519_public, ed25519_signature, true},
    {MINKE_KEY_SECP256K1, secp256k1_private, secp256k1_public, secp256k1_signature, false},
    {MINKE_KEY_ECDSA, ecdsa_private, ecdsa_public, NULL, false},
    {MINKE_KEY_RSA, rsa_private, rsa_public, rsa_signature, true},
};

enum { VECTORS_N = sizeof vectors / sizeof vectors[0] };

typedef struct bytes {
    size_t len;
    uint8_t data[MINKE_PRIVATE_KEY_MAX + 8];
} bytes_t;

static bytes_t unhex(const char *hex)
{
    bytes_t bytes;
    bytes.len = test_unhex(hex, bytes.data, sizeof bytes.data);
    return bytes;
}

static int load(test_env_t *test, const bytes_t *key)
{
    minke_identity_t *identity = NULL;
    const int result = minke__identity_load(&test->env, key->data, key->len, &identity);
    assert_int_equal(result == MINKE_OK, identity != NULL);
    minke__identity_free(identity);
    assert_int_equal(test->blocks, 0);
    return result;
}

static minke_identity_t *identity_of(test_env_t *test, const char *hex)
{
    const bytes_t key = unhex(hex);
    minke_identity_t *identity = NULL;
    assert_int_equal(minke__identity_load(&test->env, key.data, key.len, &identity), MINKE_OK);
    return identity;
}

static void test_load_and_save(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t i = 0; i < VECTORS_N; i++) {
        const bytes_t private_key = unhex(vectors[i].private_key), public_key = unhex(vectors[i].public_key);
        minke_identity_t *identity = identity_of(&test, vectors[i].private_key);
        uint8_t saved[MINKE_PRIVATE_KEY_MAX];
        size_t len;
        assert_int_equal(minke__identity_type(identity), vectors[i].type);
        const uint8_t *serialized = minke__identity_public_key(identity, &len);
        assert_int_equal(len, public_key.len);
        assert_memory_equal(serialized, public_key.data, len);
        assert_int_equal(minke__identity_save(identity, saved, sizeof saved), private_key.len);
        assert_memory_equal(saved, private_key.data, private_key.len);
        for (size_t room = 0; room < private_key.len; room++) {
            assert_int_equal(minke__identity_save(identity, saved, room), MINKE_ERROR_NO_SPACE);
        }
        minke_peer_id_t expected;
        minke__peer_id_from_public_key(public_key.data, public_key.len, &expected);
        assert_true(minke__peer_id_equal(minke__identity_peer_id(identity), &expected));
        minke__identity_free(identity);
    }
    assert_int_equal(test.blocks, 0);
}

static void check_own_signature(const minke_identity_t *identity, const vector_t *vector)
{
    uint8_t signature[MINKE_SIGNATURE_MAX];
    size_t len;
    const uint8_t *public_key = minke__identity_public_key(identity, &len);
    const ssize_t n = minke__identity_sign(identity, message, MESSAGE_LEN, signature, sizeof signature);
    assert_true(n > 0);
    assert_int_equal(minke__verify(public_key, len, message, MESSAGE_LEN, signature, (size_t)n), MINKE_OK);
    if (vector->one_signature) {
        const bytes_t expected = unhex(vector->signature);
        assert_int_equal(n, expected.len);
        assert_memory_equal(signature, expected.data, expected.len);
    }
    uint8_t small[1];
    assert_int_equal(minke__identity_sign(identity, message, MESSAGE_LEN, small, sizeof small), MINKE_ERROR_NO_SPACE);
    const ssize_t empty = minke__identity_sign(identity, NULL, 0, signature, sizeof signature);
    assert_true(empty > 0);
    assert_int_equal(minke__verify(public_key, len, NULL, 0, signature, (size_t)empty), MINKE_OK);
}

static void test_sign(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t i = 0; i < VECTORS_N; i++) {
        minke_identity_t *identity = identity_of(&test, vectors[i].private_key);
        check_own_signature(identity, &vectors[i]);
        minke__identity_free(identity);
    }
}

static void test_verify_signatures_of_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        if (vectors[i].signature == NULL) continue;
        const bytes_t key = unhex(vectors[i].public_key), signature = unhex(vectors[i].signature);
        assert_int_equal(minke__verify(key.data, key.len, message, MESSAGE_LEN, signature.data, signature.len),
                         MINKE_OK);
        assert_int_equal(minke__verify(key.data, key.len, "mink", 4, signature.data, signature.len),
                         MINKE_ERROR_CRYPTO);
        for (size_t at = 0; at < signature.len; at += 1 + signature.len / 80) {
            bytes_t wrong = signature;
            wrong.data[at] ^= 0x40;
            assert_int_equal(minke__verify(key.data, key.len, message, MESSAGE_LEN, wrong.data, wrong.len),
                             MINKE_ERROR_CRYPTO);
            assert_int_equal(minke__verify(key.data, key.len, message, MESSAGE_LEN, signature.data, at),
                             MINKE_ERROR_CRYPTO);
        }
        bytes_t longer = signature;
        longer.data[longer.len++] = 0;
        assert_int_equal(minke__verify(key.data, key.len, message, MESSAGE_LEN, longer.data, longer.len),
                         MINKE_ERROR_CRYPTO);
    }
}

/* The order of secp256k1, halved: the largest s that we may produce (BIP 62). */
static void test_secp256k1_signatures_have_low_s(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t half[32], signature[MINKE_SIGNATURE_MAX];
    test_unhex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0", half, sizeof half);
    test_env_init(&test, 1);
    minke_identity_t *identity = identity_of(&test, secp256k1_private);
    size_t key_len;
    const uint8_t *key = minke__identity_public_key(identity, &key_len);
    for (int i = 0; i < 50; i++) {
        const ssize_t n = minke__identity_sign(identity, &i, sizeof i, signature, sizeof signature);
        assert_true(n > 8);
        assert_int_equal(minke__verify(key, key_len, &i, sizeof i, signature, (size_t)n), MINKE_OK);
        /* 30 len 02 r_len r.. 02 s_len s.. */
        const uint8_t *s = signature + 4 + signature[3];
        assert_int_equal(s[0], 0x02);
        assert_true(s[1] <= 32);
        uint8_t padded[32] = {0};
        memcpy(padded + 32 - s[1], s + 2, s[1]);
        assert_true(memcmp(padded, half, 32) <= 0);
    }
    minke__identity_free(identity);
}

/* The same signature with n - s in place of s, as implementations that do not normalise send it. */
static void test_high_s_is_accepted(void **state)
{
    (void)state;
    const bytes_t key = unhex(secp256k1_public), low = unhex(secp256k1_signature);
    uint8_t order[32], high[80];
    test_unhex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", order, sizeof order);
    assert_int_equal(low.len, 70); /* both numbers have 32 bytes here */
    memcpy(high, low.data, low.len);
    unsigned borrow = 0;
    for (size_t i = 32; i > 0; i--) {
        const unsigned difference = 0x100u + order[i - 1] - low.data[38 + i - 1] - borrow;
        high[38 + i] = (uint8_t)difference;
        borrow = difference < 0x100;
    }
    high[1]++;
    high[37] = 33;
    high[38] = 0;
    assert_true(high[39] >= 0x80);
    assert_int_equal(minke__verify(key.data, key.len, message, MESSAGE_LEN, high, 71), MINKE_OK);
}

static void test_old_ed25519_form(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    const bytes_t key = unhex(ed25519_private);
    bytes_t old = key;
    uint8_t saved[128];
    memcpy(old.data + old.len, old.data + old.len - 32, 32);
    old.len += 32;
    old.data[3] = 96;
    minke_identity_t *identity = NULL;
    assert_int_equal(minke__identity_load(&test.env, old.data, old.len, &identity), MINKE_OK);
    assert_int_equal(minke__identity_save(identity, saved, sizeof saved), key.len); /* in the new form */
    assert_memory_equal(saved, key.data, key.len);
    minke__identity_free(identity);
    for (size_t at = 4 + 32; at < old.len; at++) { /* either public key is wrong */
        bytes_t wrong = old;
        wrong.data[at] ^= 1;
        assert_int_equal(load(&test, &wrong), MINKE_ERROR_MALFORMED);
    }
}

static void test_new(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 5);
    minke_identity_t *first = NULL, *second = NULL, *again = NULL;
    uint8_t saved[128];
    assert_int_equal(minke__identity_new(&test.env, &first), MINKE_OK);
    assert_int_equal(minke__identity_new(&test.env, &second), MINKE_OK);
    assert_int_equal(minke__identity_type(first), MINKE_KEY_ED25519);
    assert_false(minke__peer_id_equal(minke__identity_peer_id(first), minke__identity_peer_id(second)));
    const ssize_t n = minke__identity_save(first, saved, sizeof saved);
    assert_int_equal(n, 68);
    assert_int_equal(minke__identity_load(&test.env, saved, (size_t)n, &again), MINKE_OK);
    assert_true(minke__peer_id_equal(minke__identity_peer_id(first), minke__identity_peer_id(again)));
    minke__identity_free(first);
    minke__identity_free(second);
    minke__identity_free(again);
    minke__identity_free(NULL);
    assert_int_equal(test.blocks, 0);
}

static void test_private_keys_cut_anywhere(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t i = 0; i < VECTORS_N; i++) {
        bytes_t key = unhex(vectors[i].private_key);
        while (key.len-- > 0) assert_int_equal(load(&test, &key), MINKE_ERROR_MALFORMED);
    }
}

/* Cut inside Data, with the length in front made to fit: the key's own form must notice. */
static void test_private_key_data_cut_anywhere(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t i = 0; i < VECTORS_N; i++) {
        const bytes_t key = unhex(vectors[i].private_key);
        const size_t head = vectors[i].type == MINKE_KEY_RSA ? 5 : 4; /* the RSA length has two bytes */
        for (size_t len = 0; len < key.len - head; len += 1 + len / 16) {
            bytes_t cut;
            minke_writer_t w = minke__writer(cut.data, sizeof cut.data);
            minke__write_bytes(&w, key.data, 3);
            minke__write_uvarint(&w, len);
            minke__write_bytes(&w, key.data + head, len);
            cut.len = w.len;
            assert_int_equal(load(&test, &cut), MINKE_ERROR_MALFORMED);
        }
    }
}

static void test_malformed_private_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "",
        "12007e",
        "080212200000000000000000000000000000000000000000000000000000000000000000", /* zero */
        "08021220fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", /* the order */
        "0881001200",                                                               /* type not minimal */
        "08011200",
        "0801",
        "08020801",  /* type twice */
        "1200 0801", /* wrong order */
        "0803 12023000",
        "0800 12023000",
        "0800 1200",
    };
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const bytes_t key = unhex(keys[i]);
        assert_int_equal(load(&test, &key), MINKE_ERROR_MALFORMED);
    }
    const bytes_t unknown = unhex("0804 1200");
    assert_int_equal(load(&test, &unknown), MINKE_ERROR_UNSUPPORTED);
    bytes_t longer = unhex(ed25519_private);
    longer.data[longer.len++] = 0;
    assert_int_equal(load(&test, &longer), MINKE_ERROR_MALFORMED);
    static const uint8_t huge[MINKE_PRIVATE_KEY_MAX + 1] = {0x08, 0x00, 0x12};
    minke_identity_t *identity;
    assert_int_equal(minke__identity_load(&test.env, huge, sizeof huge, &identity), MINKE_ERROR_MALFORMED);
}

/* The public half inside the DER belongs to another key. */
static void test_private_key_with_foreign_public_half(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    bytes_t key = unhex(ecdsa_private);
    key.data[20] ^= 1; /* in the private number */
    assert_int_equal(load(&test, &key), MINKE_ERROR_MALFORMED);
    key = unhex(rsa_private);
    key.data[40] ^= 1; /* in the modulus */
    assert_int_equal(load(&test, &key), MINKE_ERROR_MALFORMED);
}

typedef struct far_signer {
    ssize_t result;
    uint8_t fill;
    unsigned calls;
} far_signer_t;

static ssize_t sign_far_away(void *user, const uint8_t *data, size_t len, uint8_t *signature, size_t capacity)
{
    far_signer_t *far = user;
    assert_int_equal(len, MESSAGE_LEN);
    assert_memory_equal(data, message, len);
    assert_int_equal(capacity, MINKE_SIGNATURE_MAX);
    far->calls++;
    memset(signature, far->fill, capacity);
    return far->result;
}

static void test_with_signer(void **state)
{
    (void)state;
    test_env_t test;
    far_signer_t far = {64, 0xab, 0};
    const minke_signer_t signer = {&far, sign_far_away};
    uint8_t out[MINKE_SIGNATURE_MAX];
    size_t len;
    test_env_init(&test, 1);
    for (size_t i = 0; i < VECTORS_N; i++) {
        const bytes_t key = unhex(vectors[i].public_key);
        minke_identity_t *identity = NULL;
        assert_int_equal(minke__identity_with_signer(&test.env, key.data, key.len, &signer, &identity), MINKE_OK);
        assert_int_equal(minke__identity_type(identity), vectors[i].type);
        const uint8_t *public_key = minke__identity_public_key(identity, &len);
        assert_int_equal(len, key.len);
        assert_memory_equal(public_key, key.data, len);
        assert_int_equal(minke__identity_save(identity, out, sizeof out), MINKE_ERROR_UNSUPPORTED);
        assert_null(minke__identity_secret(identity, &len));
        far.result = 64;
        assert_int_equal(minke__identity_sign(identity, message, MESSAGE_LEN, out, 64), 64);
        assert_int_equal(out[63], 0xab);
        assert_int_equal(minke__identity_sign(identity, message, MESSAGE_LEN, out, 63), MINKE_ERROR_NO_SPACE);
        far.result = MINKE_ERROR_TIMEOUT;
        assert_int_equal(minke__identity_sign(identity, message, MESSAGE_LEN, out, 64), MINKE_ERROR_TIMEOUT);
        far.result = 0;
        assert_int_equal(minke__identity_sign(identity, message, MESSAGE_LEN, out, 64), MINKE_ERROR_CRYPTO);
        far.result = MINKE_SIGNATURE_MAX + 1;
        assert_int_equal(minke__identity_sign(identity, message, MESSAGE_LEN, out, sizeof out), MINKE_ERROR_CRYPTO);
        minke__identity_free(identity);
    }
    assert_int_equal(far.calls, 5 * VECTORS_N);
    const bytes_t bad = unhex("08011203abcdef"), unknown = unhex("08051200");
    minke_identity_t *identity = NULL;
    assert_int_equal(minke__identity_with_signer(&test.env, bad.data, bad.len, &signer, &identity),
                     MINKE_ERROR_MALFORMED);
    assert_int_equal(minke__identity_with_signer(&test.env, unknown.data, unknown.len, &signer, &identity),
                     MINKE_ERROR_UNSUPPORTED);
    assert_null(identity);
    assert_int_equal(test.blocks, 0);
}

static int new_identity(test_env_t *test, minke_identity_t **out) { return minke__identity_new(&test->env, out); }

static int load_identity(test_env_t *test, minke_identity_t **out)
{
    const bytes_t key = unhex(ecdsa_private);
    return minke__identity_load(&test->env, key.data, key.len, out);
}

static int load_secp256k1(test_env_t *test, minke_identity_t **out)
{
    const bytes_t key = unhex(secp256k1_private);
    return minke__identity_load(&test->env, key.data, key.len, out);
}

static int signer_identity(test_env_t *test, minke_identity_t **out)
{
    const bytes_t key = unhex(ed25519_public);
    const minke_signer_t signer = {NULL, sign_far_away};
    return minke__identity_with_signer(&test->env, key.data, key.len, &signer, out);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    int (*const makers[])(test_env_t *, minke_identity_t **) = {new_identity, load_identity, load_secp256k1,
                                                                signer_identity};
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        for (uint64_t n = 1;; n++) {
            test_env_t test;
            test_env_init(&test, 1);
            test.fail_at = n;
            minke_identity_t *identity = NULL;
            const int result = makers[i](&test, &identity);
            if (result == MINKE_OK) {
                assert_true(n > 1);
                minke__identity_free(identity);
                assert_int_equal(test.blocks, 0);
                break;
            }
            assert_int_equal(result, MINKE_ERROR_NO_MEMORY);
            assert_null(identity);
            assert_int_equal(test.blocks, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_and_save),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_verify_signatures_of_others),
        cmocka_unit_test(test_secp256k1_signatures_have_low_s),
        cmocka_unit_test(test_high_s_is_accepted),
        cmocka_unit_test(test_old_ed25519_form),
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_private_keys_cut_anywhere),
        cmocka_unit_test(test_private_key_data_cut_anywhere),
        cmocka_unit_test(test_malformed_private_keys),
        cmocka_unit_test(test_private_key_with_foreign_public_half),
        cmocka_unit_test(test_with_signer),
        cmocka_unit_test(test_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
