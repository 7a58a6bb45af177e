#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "crypto/primitives.h"
#include "unit/noise/fixture.h"

/* Two ends with ordinary identities and the same prologue. */
typedef struct pair {
    test_env_t test;
    minke_identity_t *identity_i, *identity_r;
    minke_noise_t *i, *r;
} pair_t;

static void pair_init_with(pair_t *pair, const char *private_key_i, const char *private_key_r)
{
    test_env_init(&pair->test, 7);
    pair->identity_i = load(&pair->test.env, private_key_i);
    pair->identity_r = load(&pair->test.env, private_key_r);
    pair->i = with_prologue(&pair->test.env, true, pair->identity_i);
    pair->r = with_prologue(&pair->test.env, false, pair->identity_r);
    assert_non_null(pair->i);
    assert_non_null(pair->r);
}

static void pair_init(pair_t *pair) { pair_init_with(pair, private_i, private_r); }

static void pair_free(pair_t *pair)
{
    minke__noise_free(pair->i);
    minke__noise_free(pair->r);
    minke__identity_free(pair->identity_i);
    minke__identity_free(pair->identity_r);
    assert_int_equal(pair->test.blocks, 0);
}

/* The whole handshake. */
static void shake(pair_t *pair)
{
    assert_int_equal(pass(pair->i, pair->r), MINKE_OK);
    assert_int_equal(pass(pair->r, pair->i), MINKE_OK);
    assert_int_equal(pass(pair->i, pair->r), MINKE_OK);
}

static void assert_failed(const minke_noise_t *noise, const char *sentence)
{
    assert_int_equal(minke__noise_next(noise), MINKE_NOISE_FAILED);
    assert_string_equal(minke__noise_error(noise), sentence);
}

static void assert_hex(const uint8_t *got, size_t len, const char *hex)
{
    uint8_t expected[512];
    assert_int_equal(len, test_unhex(hex, expected, sizeof expected));
    assert_memory_equal(got, expected, len);
}

static void assert_peer(const minke_noise_t *noise, const char *text)
{
    char remote[MINKE_PEER_ID_TEXT_BYTES];
    minke__peer_id_text(minke__noise_remote_peer(noise), remote);
    assert_string_equal(remote, text);
}

static void assert_next(const minke_noise_t *i, minke_noise_next_t next_i, const minke_noise_t *r,
                        minke_noise_next_t next_r)
{
    assert_int_equal(minke__noise_next(i), next_i);
    assert_int_equal(minke__noise_next(r), next_r);
}

/* The vector of spec/host.md 5, byte for byte. A write that does not fit changes nothing, whatever room there was. */
static void test_vector(void **state)
{
    (void)state;
    script_t random_i, random_r;
    script_init(&random_i, 1);
    script_init(&random_r, 3);
    minke_identity_t *identity_i = load(&random_i.env, private_i), *identity_r = load(&random_r.env, private_r);
    minke_noise_t *i = with_prologue(&random_i.env, true, identity_i);
    minke_noise_t *r = with_prologue(&random_r.env, false, identity_r);
    static const char *const messages[] = {MESSAGE_1, MESSAGE_2, MESSAGE_3};
    uint8_t message[512];
    for (int n = 0; n < 3; n++) {
        minke_noise_t *from = n % 2 == 0 ? i : r, *to = n % 2 == 0 ? r : i;
        assert_next(from, MINKE_NOISE_WRITE, to, MINKE_NOISE_READ);
        const size_t len = strlen(messages[n]) / 2;
        for (size_t room = 0; room < len; room++) {
            assert_int_equal(minke__noise_write(from, message, room), MINKE_ERROR_NO_SPACE);
        }
        assert_int_equal(minke__noise_write(from, message, len), len);
        assert_hex(message, len, messages[n]);
        assert_int_equal(minke__noise_read(to, message, len), MINKE_OK);
        assert_string_equal(minke__noise_error(to), "no error");
    }
    assert_next(i, MINKE_NOISE_DONE, r, MINKE_NOISE_DONE);
    assert_hex(minke__noise_hash(i), 32, HASH);
    assert_hex(minke__noise_hash(r), 32, HASH);
    assert_peer(i, PEER_R);
    assert_peer(r, PEER_I);
    size_t key_len;
    const uint8_t *key = minke__noise_remote_public_key(i, &key_len);
    assert_hex(key, key_len, KEY_R);
    key = minke__noise_remote_public_key(r, &key_len);
    assert_hex(key, key_len, KEY_I);
    assert_null(minke__noise_muxer(i));
    assert_null(minke__noise_muxer(r));

    uint8_t sealed[20], plain[4];
    assert_int_equal(minke__noise_seal(i, "ping", 4, sealed), MINKE_OK);
    assert_hex(sealed, sizeof sealed, PING_SEALED);
    assert_int_equal(minke__noise_open(r, sealed, sizeof sealed, plain), MINKE_OK);
    assert_memory_equal(plain, "ping", 4);
    minke__noise_free(i);
    minke__noise_free(r);
    minke__identity_free(identity_i);
    minke__identity_free(identity_r);
    assert_int_equal(random_i.test.blocks + random_r.test.blocks, 0);
}

/* Both transport keys of the vector, the second message of each direction. */
static void test_vector_transport_keys(void **state)
{
    (void)state;
    script_t random_i, random_r;
    script_init(&random_i, 1);
    script_init(&random_r, 3);
    minke_identity_t *identity_i = load(&random_i.env, private_i), *identity_r = load(&random_r.env, private_r);
    minke_noise_t *i = with_prologue(&random_i.env, true, identity_i);
    minke_noise_t *r = with_prologue(&random_r.env, false, identity_r);
    assert_int_equal(pass(i, r), MINKE_OK);
    assert_int_equal(pass(r, i), MINKE_OK);
    assert_int_equal(pass(i, r), MINKE_OK);
    static const char *const keys[] = {KEY_I_TO_R, KEY_R_TO_I};
    for (int n = 0; n < 2; n++) {
        uint8_t key[32], sealed[21], expected[21];
        static const uint8_t nonce[12] = {[4] = 1};
        (void)test_unhex(keys[n], key, sizeof key);
        assert_int_equal(minke__noise_seal(n == 0 ? i : r, "first", 5, sealed), MINKE_OK);
        assert_int_equal(minke__noise_seal(n == 0 ? i : r, "other", 5, sealed), MINKE_OK);
        assert_int_equal(minke__chachapoly_seal(key, nonce, NULL, 0, "other", 5, expected), MINKE_OK);
        assert_memory_equal(sealed, expected, sizeof sealed);
    }
    minke__noise_free(i);
    minke__noise_free(r);
    minke__identity_free(identity_i);
    minke__identity_free(identity_r);
}

static void test_every_identity_type_with_every_other(void **state)
{
    (void)state;
    static const char *const private_keys[] = {private_i, private_secp256k1, private_ecdsa, private_rsa};
    static const char *const peers[] = {PEER_I, "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY",
                                        "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk", NULL};
    for (int i = 0; i < 4; i++) {
        for (int r = 0; r < 4; r++) {
            pair_t pair;
            pair_init_with(&pair, private_keys[i], private_keys[r]);
            minke__noise_expect(pair.i, minke__identity_peer_id(pair.identity_r));
            shake(&pair);
            assert_next(pair.i, MINKE_NOISE_DONE, pair.r, MINKE_NOISE_DONE);
            if (peers[r] != NULL) assert_peer(pair.i, peers[r]);
            if (peers[i] != NULL) assert_peer(pair.r, peers[i]);
            assert_true(
                minke__peer_id_equal(minke__noise_remote_peer(pair.r), minke__identity_peer_id(pair.identity_i)));
            size_t len, expected_len;
            const uint8_t *key = minke__noise_remote_public_key(pair.i, &len);
            const uint8_t *expected = minke__identity_public_key(pair.identity_r, &expected_len);
            assert_int_equal(len, expected_len);
            assert_memory_equal(key, expected, len);
            pair_free(&pair);
        }
    }
}

static void test_the_initiator_knows_the_remote_after_message_2(void **state)
{
    (void)state;
    pair_t pair;
    size_t len;
    pair_init(&pair);
    assert_int_equal(pass(pair.i, pair.r), MINKE_OK);
    assert_int_equal(minke__noise_remote_peer(pair.i)->len, 0);
    assert_null(minke__noise_remote_public_key(pair.i, &len));
    assert_int_equal(len, 0);
    assert_int_equal(pass(pair.r, pair.i), MINKE_OK);
    assert_peer(pair.i, PEER_R);
    assert_int_equal(minke__noise_remote_peer(pair.r)->len, 0);
    pair_free(&pair);
}

static void test_out_of_turn(void **state)
{
    (void)state;
    pair_t pair;
    uint8_t bytes[256] = {0};
    pair_init(&pair);
    for (int n = 0; n < 4; n++) {
        minke_noise_t *ends[] = {pair.i, pair.r};
        for (int e = 0; e < 2; e++) {
            const minke_noise_next_t next = minke__noise_next(ends[e]);
            if (next != MINKE_NOISE_READ) assert_int_equal(minke__noise_read(ends[e], bytes, 32), MINKE_ERROR_STATE);
            if (next != MINKE_NOISE_WRITE) {
                assert_int_equal(minke__noise_write(ends[e], bytes, sizeof bytes), MINKE_ERROR_STATE);
            }
            if (next != MINKE_NOISE_DONE) {
                assert_int_equal(minke__noise_seal(ends[e], "", 0, bytes), MINKE_ERROR_STATE);
                assert_int_equal(minke__noise_open(ends[e], bytes, 16, bytes), MINKE_ERROR_STATE);
            }
            assert_int_equal(minke__noise_next(ends[e]), next);
        }
        if (n < 3) assert_int_equal(n % 2 == 0 ? pass(pair.i, pair.r) : pass(pair.r, pair.i), MINKE_OK);
    }
    assert_next(pair.i, MINKE_NOISE_DONE, pair.r, MINKE_NOISE_DONE);
    pair_free(&pair);
}

static void test_prologues_differ(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    minke_identity_t *identity = load(&test.env, private_i);
    minke_noise_t *i = minke__noise_new(&test.env, true, identity, NULL, "a", 1);
    minke_noise_t *r = minke__noise_new(&test.env, false, identity, NULL, NULL, 0);
    assert_int_equal(pass(i, r), MINKE_OK);
    assert_int_equal(pass(r, i), MINKE_ERROR_CRYPTO);
    assert_failed(i, "the remote's message does not decrypt: it was changed, or the prologues differ");
    minke__noise_free(i);
    minke__noise_free(r);
    minke__identity_free(identity);
}

static void test_empty_prologue(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    minke_identity_t *identity = load(&test.env, private_i);
    minke_noise_t *i = minke__noise_new(&test.env, true, identity, NULL, NULL, 0);
    minke_noise_t *r = minke__noise_new(&test.env, false, identity, NULL, "", 0);
    assert_int_equal(pass(i, r), MINKE_OK);
    assert_int_equal(pass(r, i), MINKE_OK);
    assert_int_equal(pass(i, r), MINKE_OK);
    minke__noise_free(i);
    minke__noise_free(r);
    minke__identity_free(identity);
}

/*
 * What is done to a message on its way: `at` is the byte, or the length that is left. The three kinds go through every
 * byte of every message; one of the ends must notice, at once or with the next message, and no later.
 */
typedef enum damage { CHANGE, CUT, EXTEND } damage_t;

static int pass_damaged(minke_noise_t *from, minke_noise_t *to, damage_t damage, size_t at, size_t *len_out)
{
    uint8_t message[512];
    const ssize_t len = minke__noise_write(from, message, sizeof message - 1);
    assert_true(len > 0);
    *len_out = (size_t)len;
    /* On the heap, so that a read beyond the end is seen. */
    const size_t damaged_len = damage == CUT ? at : damage == EXTEND ? (size_t)len + 1 : (size_t)len;
    if (damage == CHANGE) message[at] ^= (uint8_t)(1 << at % 8);
    if (damage == EXTEND) message[len] = (uint8_t)at;
    uint8_t *exact = malloc(damaged_len > 0 ? damaged_len : 1);
    assert_non_null(exact);
    memcpy(exact, message, damaged_len);
    const int error = minke__noise_read(to, exact, damaged_len);
    free(exact);
    return error;
}

static void damage_everywhere(damage_t damage, int message)
{
    size_t len = 1;
    for (size_t at = 0; at < len; at++) {
        pair_t pair;
        pair_init(&pair);
        for (int n = 0; n < message; n++) {
            assert_int_equal(n % 2 == 0 ? pass(pair.i, pair.r) : pass(pair.r, pair.i), MINKE_OK);
        }
        minke_noise_t *from = message % 2 == 0 ? pair.i : pair.r, *to = message % 2 == 0 ? pair.r : pair.i;
        int error = pass_damaged(from, to, damage, at, &len);
        minke_noise_t *victim = to;
        if (message == 0 && damage == CHANGE) { /* not protected itself, but in the hash of what follows */
            assert_int_equal(error, MINKE_OK);
            error = pass(to, from);
            victim = from;
        }
        assert_true(error == MINKE_ERROR_CRYPTO || error == MINKE_ERROR_MALFORMED);
        assert_int_equal(minke__noise_next(victim), MINKE_NOISE_FAILED);
        assert_int_equal(minke__noise_remote_peer(victim)->len, 0);
        assert_int_equal(minke__noise_read(victim, (const uint8_t *)"", 0), MINKE_ERROR_STATE);
        pair_free(&pair);
        if (damage == EXTEND) break;
    }
}

static void test_every_byte_changed(void **state)
{
    (void)state;
    for (int message = 0; message < 3; message++) damage_everywhere(CHANGE, message);
}

static void test_every_length_cut(void **state)
{
    (void)state;
    for (int message = 0; message < 3; message++) damage_everywhere(CUT, message);
}

static void test_one_byte_more(void **state)
{
    (void)state;
    for (int message = 0; message < 3; message++) damage_everywhere(EXTEND, message);
}

static void test_wrong_lengths_have_sentences(void **state)
{
    (void)state;
    static uint8_t zeros[MINKE_NOISE_MESSAGE_MAX + 1];
    pair_t pair;
    pair_init(&pair);
    assert_int_equal(minke__noise_read(pair.r, zeros, 33), MINKE_ERROR_MALFORMED);
    assert_failed(pair.r, "Noise message 1 is not 32 bytes long");
    pair_free(&pair);

    pair_init(&pair);
    assert_int_equal(minke__noise_read(pair.r, zeros, sizeof zeros), MINKE_ERROR_MALFORMED);
    assert_failed(pair.r, "the Noise message is too long");
    pair_free(&pair);

    pair_init(&pair);
    assert_int_equal(pass(pair.i, pair.r), MINKE_OK);
    assert_int_equal(minke__noise_read(pair.i, zeros, 95), MINKE_ERROR_MALFORMED);
    assert_failed(pair.i, "Noise message 2 is too short");
    pair_free(&pair);

    pair_init(&pair);
    assert_int_equal(pass(pair.i, pair.r), MINKE_OK);
    assert_int_equal(pass(pair.r, pair.i), MINKE_OK);
    assert_int_equal(minke__noise_read(pair.r, zeros, 63), MINKE_ERROR_MALFORMED);
    assert_failed(pair.r, "Noise message 3 is too short");
    pair_free(&pair);
}

/* Points of low order make the shared secret zero, whoever sends them. */
static void test_low_order_keys(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    };
    for (size_t n = 0; n < sizeof points / sizeof points[0]; n++) {
        uint8_t message[512];
        pair_t pair;
        pair_init(&pair);
        assert_int_equal(minke__noise_read(pair.r, message, test_unhex(points[n], message, sizeof message)), MINKE_OK);
        assert_int_equal(minke__noise_write(pair.r, message, sizeof message), MINKE_ERROR_CRYPTO);
        assert_failed(pair.r, "the remote's X25519 key is of low order");
        assert_int_equal(minke__noise_write(pair.i, message, sizeof message), 32);
        (void)test_unhex(points[n], message, sizeof message);
        assert_int_equal(minke__noise_read(pair.i, message, 200), MINKE_ERROR_CRYPTO);
        assert_failed(pair.i, "the remote's X25519 key is of low order");
        pair_free(&pair);
    }
}

static void expect(minke_noise_t *noise, const char *text)
{
    minke_peer_id_t peer;
    assert_true(minke__peer_id_parse(text, strlen(text), &peer));
    minke__noise_expect(noise, &peer);
}

static void test_wrong_peer(void **state)
{
    (void)state;
    pair_t pair;
    pair_init(&pair);
    expect(pair.i, PEER_I);
    assert_int_equal(pass(pair.i, pair.r), MINKE_OK);
    assert_int_equal(pass(pair.r, pair.i), MINKE_ERROR_CRYPTO);
    assert_failed(pair.i, "remote peer id is " PEER_R ", expected " PEER_I);
    assert_int_equal(minke__noise_remote_peer(pair.i)->len, 0);
    pair_free(&pair);

    pair_init(&pair);
    expect(pair.r, "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk");
    assert_int_equal(pass(pair.i, pair.r), MINKE_OK);
    assert_int_equal(pass(pair.r, pair.i), MINKE_OK);
    assert_int_equal(pass(pair.i, pair.r), MINKE_ERROR_CRYPTO);
    assert_failed(pair.r, "remote peer id is " PEER_I ", expected QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk");
    pair_free(&pair);
}

static void test_expected_peer(void **state)
{
    (void)state;
    pair_t pair;
    pair_init(&pair);
    expect(pair.i, PEER_R);
    expect(pair.r, PEER_I);
    shake(&pair);
    assert_next(pair.i, MINKE_NOISE_DONE, pair.r, MINKE_NOISE_DONE);
    pair_free(&pair);
}

/* A signer of the test: signs with `identity`, or says `error`. */
typedef struct signing {
    const minke_identity_t *identity;
    ssize_t error;
    int calls;
} signing_t;

static ssize_t sign(void *user, const uint8_t *message, size_t len, uint8_t *signature, size_t capacity)
{
    const signing_t *signing = user;
    if (signing->error < 0) return signing->error;
    return minke__identity_sign(signing->identity, message, len, signature, capacity);
}

typedef struct signer_case {
    const char *public_key_of, *signed_by;
    ssize_t error;
    int written, read;
    const char *sentence;
} signer_case_t;

static void test_signers(void **state)
{
    (void)state;
    static const signer_case_t cases[] = {
        {private_r, private_r, 0, 200, MINKE_OK, "no error"},
        {private_r, private_i, 0, 200, MINKE_ERROR_CRYPTO, "the remote's identity key did not sign its Noise key"},
        {private_r, private_r, MINKE_ERROR_CRYPTO, MINKE_ERROR_CRYPTO, 0,
         "the identity did not sign: a cryptographic operation failed"},
        {private_r, private_r, MINKE_ERROR_SYSTEM, MINKE_ERROR_SYSTEM, 0,
         "the identity did not sign: the operating system refused (see errno)"},
    };
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        test_env_t test;
        test_env_init(&test, 1);
        minke_identity_t *owner = load(&test.env, cases[n].public_key_of), *by = load(&test.env, cases[n].signed_by);
        signing_t signing = {by, cases[n].error, 0};
        const minke_signer_t signer = {&signing, sign};
        size_t key_len;
        const uint8_t *key = minke__identity_public_key(owner, &key_len);
        minke_identity_t *identity;
        assert_int_equal(minke__identity_with_signer(&test.env, key, key_len, &signer, &identity), MINKE_OK);
        minke_noise_t *i = with_prologue(&test.env, true, owner), *r = with_prologue(&test.env, false, identity);
        uint8_t message[512];
        assert_int_equal(pass(i, r), MINKE_OK);
        const ssize_t len = minke__noise_write(r, message, sizeof message);
        assert_int_equal(len, cases[n].written);
        if (len < 0) {
            assert_failed(r, cases[n].sentence);
        } else {
            assert_int_equal(minke__noise_read(i, message, (size_t)len), cases[n].read);
            assert_string_equal(minke__noise_error(i), cases[n].sentence);
        }
        minke__noise_free(i);
        minke__noise_free(r);
        minke__identity_free(identity);
        minke__identity_free(owner);
        minke__identity_free(by);
        assert_int_equal(test.blocks, 0);
    }
}

static ssize_t sign_and_count(void *user, const uint8_t *message, size_t len, uint8_t *signature, size_t capacity)
{
    signing_t *signing = user;
    signing->calls++;
    return sign(user, message, len, signature, capacity);
}

/* A key that is kept is made once and signed once, and what is secret of a connection differs all the same. A signer
 * that refuses is asked again. */
static void test_kept_key(void **state)
{
    (void)state;
    enum { HANDSHAKES = 3 };
    test_env_t test;
    test_env_init(&test, 1);
    minke_identity_t *owner = load(&test.env, private_r), *identity;
    signing_t signing = {owner, MINKE_ERROR_SYSTEM, 0};
    const minke_signer_t signer = {&signing, sign_and_count};
    size_t key_len;
    const uint8_t *public_key = minke__identity_public_key(owner, &key_len);
    assert_int_equal(minke__identity_with_signer(&test.env, public_key, key_len, &signer, &identity), MINKE_OK);
    minke_noise_key_t key = {0}, before = {0};
    uint8_t hashes[HANDSHAKES][32], message[512];
    for (int n = -1; n < HANDSHAKES; n++) {
        minke_noise_t *i = minke__noise_new(&test.env, true, owner, NULL, "p", 1);
        minke_noise_t *r = minke__noise_new(&test.env, false, identity, &key, "p", 1);
        if (n >= 0) assert_memory_equal(key.public_key, before.public_key, sizeof key.public_key);
        before = key;
        assert_int_equal(pass(i, r), MINKE_OK);
        if (n < 0) {
            assert_int_equal(minke__noise_write(r, message, sizeof message), MINKE_ERROR_SYSTEM);
            signing.error = 0;
        } else {
            assert_int_equal(pass(r, i), MINKE_OK);
            assert_int_equal(pass(i, r), MINKE_OK);
            memcpy(hashes[n], minke__noise_hash(r), 32);
            for (int k = 0; k < n; k++) assert_memory_not_equal(hashes[k], hashes[n], 32);
        }
        minke__noise_free(i);
        minke__noise_free(r);
    }
    assert_int_equal(signing.calls, 2);
    minke__identity_free(identity);
    minke__identity_free(owner);
    assert_int_equal(test.blocks, 0);
}

static const char *const none[] = {NULL};
static const char *const yamux[] = {"/yamux/1.0.0", NULL};
static const char *const mplex[] = {"/mplex/6.7.0", NULL};
static const char *const yamux_mplex[] = {"/yamux/1.0.0", "/mplex/6.7.0", NULL};
static const char *const mplex_yamux[] = {"/mplex/6.7.0", "/yamux/1.0.0", NULL};
static const char *const new_mplex[] = {"/yamux/2.0.0", "/mplex/6.7.0", NULL};
static const char *const almost[] = {"/yamux/1.0.", "/yamux/1.0.00", "", NULL};

typedef struct muxer_case {
    const char *const *i, *const *r;
    const char *muxer;
    bool fails;
} muxer_case_t;

static size_t count(const char *const *names)
{
    size_t n = 0;
    while (names[n] != NULL) n++;
    return n;
}

static void test_muxers(void **state)
{
    (void)state;
    static const muxer_case_t cases[] = {
        {none, none, NULL, false},
        {yamux, none, NULL, false},
        {none, yamux, NULL, false},
        {yamux, yamux, "/yamux/1.0.0", false},
        {yamux_mplex, mplex_yamux, "/yamux/1.0.0", false},
        {mplex_yamux, yamux_mplex, "/mplex/6.7.0", false},
        {mplex_yamux, yamux, "/yamux/1.0.0", false},
        {yamux, mplex_yamux, "/yamux/1.0.0", false},
        {new_mplex, yamux_mplex, "/mplex/6.7.0", false},
        {yamux, mplex, NULL, true},
        {almost, yamux, NULL, true},
        {yamux, almost, NULL, true},
    };
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        pair_t pair;
        pair_init(&pair);
        if (cases[n].i != none) minke__noise_offer_muxers(pair.i, cases[n].i, count(cases[n].i));
        if (cases[n].r != none) minke__noise_offer_muxers(pair.r, cases[n].r, count(cases[n].r));
        assert_int_equal(pass(pair.i, pair.r), MINKE_OK);
        if (cases[n].fails) {
            assert_int_equal(pass(pair.r, pair.i), MINKE_ERROR_UNSUPPORTED);
            assert_failed(pair.i, "no stream muxer in common");
        } else {
            assert_int_equal(pass(pair.r, pair.i), MINKE_OK);
            assert_int_equal(pass(pair.i, pair.r), MINKE_OK);
            if (cases[n].muxer == NULL) {
                assert_null(minke__noise_muxer(pair.i));
                assert_null(minke__noise_muxer(pair.r));
            } else {
                assert_string_equal(minke__noise_muxer(pair.i), cases[n].muxer);
                assert_string_equal(minke__noise_muxer(pair.r), cases[n].muxer);
            }
        }
        pair_free(&pair);
    }
}

static void test_transport(void **state)
{
    (void)state;
    enum { MAX = MINKE_NOISE_MESSAGE_MAX - 16 };
    static uint8_t plain[MAX + 1], sealed[MINKE_NOISE_MESSAGE_MAX + 1], opened[MAX];
    static const size_t sizes[] = {0, 1, 15, 16, 4096, MAX};
    pair_t pair;
    pair_init(&pair);
    shake(&pair);
    for (size_t i = 0; i < sizeof plain; i++) plain[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        minke_noise_t *from = n % 2 == 0 ? pair.i : pair.r, *to = n % 2 == 0 ? pair.r : pair.i;
        assert_int_equal(minke__noise_seal(from, plain, sizes[n], sealed), MINKE_OK);
        assert_int_equal(minke__noise_open(to, sealed, sizes[n] + 16, opened), MINKE_OK);
        assert_memory_equal(opened, plain, sizes[n]);
    }
    assert_int_equal(minke__noise_seal(pair.i, plain, MAX + 1, sealed), MINKE_ERROR_TOO_LARGE);
    assert_int_equal(minke__noise_open(pair.i, sealed, sizeof sealed, opened), MINKE_ERROR_TOO_LARGE);
    assert_int_equal(minke__noise_open(pair.i, sealed, 15, opened), MINKE_ERROR_MALFORMED);
    assert_int_equal(minke__noise_open(pair.i, sealed, 0, opened), MINKE_ERROR_MALFORMED);

    memcpy(sealed, "in place", 8);
    assert_int_equal(minke__noise_seal(pair.i, sealed, 8, sealed), MINKE_OK);
    assert_int_equal(minke__noise_open(pair.r, sealed, 24, sealed), MINKE_OK);
    assert_memory_equal(sealed, "in place", 8);
    pair_free(&pair);
}

static void test_transport_messages_are_bound_to_order_and_direction(void **state)
{
    (void)state;
    uint8_t first[20], second[20], plain[20];
    pair_t pair;
    pair_init(&pair);
    shake(&pair);
    assert_int_equal(minke__noise_seal(pair.i, "one ", 4, first), MINKE_OK);
    assert_int_equal(minke__noise_seal(pair.i, "two ", 4, second), MINKE_OK);
    assert_int_equal(minke__noise_open(pair.i, first, 20, plain), MINKE_ERROR_CRYPTO);  /* its own */
    assert_int_equal(minke__noise_open(pair.r, second, 20, plain), MINKE_ERROR_CRYPTO); /* early */
    for (size_t at = 0; at < sizeof first; at++) {
        first[at] ^= 0x40;
        assert_int_equal(minke__noise_open(pair.r, first, 20, plain), MINKE_ERROR_CRYPTO);
        first[at] ^= 0x40;
    }
    assert_int_equal(minke__noise_open(pair.r, first, 19, plain), MINKE_ERROR_CRYPTO);
    assert_int_equal(minke__noise_open(pair.r, first, 20, plain), MINKE_OK);
    assert_int_equal(minke__noise_open(pair.r, first, 20, plain), MINKE_ERROR_CRYPTO); /* again */
    assert_int_equal(minke__noise_open(pair.r, second, 20, plain), MINKE_OK);
    assert_memory_equal(plain, "two ", 4);
    pair_free(&pair);
}

/* Runs a handshake as far as it goes; false when it was stopped by a lack of memory, cleanly. */
static bool shake_in_little_memory(const test_env_t *test, const minke_identity_t *identity)
{
    uint8_t message[512];
    minke_noise_t *i = with_prologue(&test->env, true, identity), *r = with_prologue(&test->env, false, identity);
    minke_noise_t *ends[] = {i, r};
    bool done = i != NULL && r != NULL;
    for (int n = 0; done && n < 3; n++) {
        minke_noise_t *to = ends[(n + 1) % 2];
        const ssize_t len = minke__noise_write(ends[n % 2], message, sizeof message);
        assert_true(len > 0);
        const int error = minke__noise_read(to, message, (size_t)len);
        assert_true(error == MINKE_OK || error == MINKE_ERROR_NO_MEMORY);
        done = error == MINKE_OK;
        if (!done) assert_failed(to, "out of memory");
    }
    minke__noise_free(i);
    minke__noise_free(r);
    return done;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    test_env_t keys;
    test_env_init(&keys, 1);
    minke_identity_t *identity = load(&keys.env, private_i);
    uint64_t fail_at = 1;
    for (bool done = false; !done; fail_at++) {
        test_env_t test;
        test_env_init(&test, 1);
        test.fail_at = fail_at;
        done = shake_in_little_memory(&test, identity);
        assert_int_equal(test.blocks, 0);
        assert_true(fail_at < 100);
    }
    assert_int_equal(fail_at, 8); /* two objects, two payloads, two keys; and the one that succeeded */
    minke__identity_free(identity);
}

/* An allocator that knows every block, to look for secrets in them. */
typedef struct watched {
    struct {
        uint8_t *memory;
        size_t size;
    } blocks[8];
    size_t largest;
    bool secret_freed;
} watched_t;

static bool contains(const uint8_t *memory, size_t size, const char *secret_hex)
{
    uint8_t secret[32];
    (void)test_unhex(secret_hex, secret, sizeof secret);
    for (size_t i = 0; i + sizeof secret <= size; i++) {
        if (memcmp(memory + i, secret, sizeof secret) == 0) return true;
    }
    return false;
}

static const char *const handshake_secrets[] = {"0101010101010101010101010101010101010101010101010101010101010101",
                                                "0202020202020202020202020202020202020202020202020202020202020202"};
static const char *const transport_secrets[] = {KEY_I_TO_R, KEY_R_TO_I};

static bool contains_any(const uint8_t *memory, size_t size, const char *const secrets[2])
{
    return contains(memory, size, secrets[0]) || contains(memory, size, secrets[1]);
}

static void *watch(void *user, void *memory, size_t size)
{
    watched_t *watched = user;
    for (size_t n = 0; n < 8; n++) {
        if (watched->blocks[n].memory != memory) continue;
        if (memory == NULL) {
            watched->blocks[n].memory = malloc(size);
            watched->blocks[n].size = size;
            if (size > watched->largest) watched->largest = size;
            return watched->blocks[n].memory;
        }
        assert_int_equal(size, 0); /* nothing grows here */
        if (contains_any(memory, watched->blocks[n].size, handshake_secrets) ||
            contains_any(memory, watched->blocks[n].size, transport_secrets)) {
            watched->secret_freed = true;
        }
        free(memory);
        watched->blocks[n].memory = NULL;
        return NULL;
    }
    abort();
}

static bool held(const watched_t *watched, const char *const secrets[2])
{
    for (size_t n = 0; n < 8; n++) {
        if (watched->blocks[n].memory == NULL) continue;
        if (contains_any(watched->blocks[n].memory, watched->blocks[n].size, secrets)) return true;
    }
    return false;
}

/* Stopped after `messages` messages, three being all. */
static void look_for_secrets(int messages, bool damage)
{
    script_t random_i, random_r;
    watched_t watched = {.largest = 0};
    script_init(&random_i, 1);
    script_init(&random_r, 3);
    minke_identity_t *identity_i = load(&random_i.env, private_i), *identity_r = load(&random_r.env, private_r);
    minke_env_t env = random_i.env;
    env.allocator = (minke_allocator_t){&watched, watch};
    minke_noise_t *i = with_prologue(&env, true, identity_i);
    minke_noise_t *r = with_prologue(&random_r.env, false, identity_r);
    assert_true(held(&watched, handshake_secrets));
    for (int n = 0; n < messages; n++) {
        uint8_t message[512];
        const ssize_t len = minke__noise_write(n % 2 == 0 ? i : r, message, sizeof message);
        assert_true(len > 0);
        if (damage && n == messages - 1) message[len - 1] ^= 1;
        assert_int_equal(minke__noise_read(n % 2 == 0 ? r : i, message, (size_t)len),
                         damage && n == messages - 1 ? MINKE_ERROR_CRYPTO : MINKE_OK);
    }
    assert_int_equal(held(&watched, handshake_secrets), messages < 3 && !damage);
    assert_int_equal(held(&watched, transport_secrets), messages == 3);
    assert_true(watched.largest <= 1024); /* one per connection in its handshake */
    minke__noise_free(i);
    minke__noise_free(r);
    assert_false(watched.secret_freed);
    minke__identity_free(identity_i);
    minke__identity_free(identity_r);
}

static void test_secrets_are_wiped(void **state)
{
    (void)state;
    for (int messages = 0; messages <= 3; messages++) look_for_secrets(messages, false);
    look_for_secrets(2, true);
}

static void test_freeing_nothing(void **state)
{
    (void)state;
    minke__noise_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_vector_transport_keys),
        cmocka_unit_test(test_every_identity_type_with_every_other),
        cmocka_unit_test(test_the_initiator_knows_the_remote_after_message_2),
        cmocka_unit_test(test_out_of_turn),
        cmocka_unit_test(test_prologues_differ),
        cmocka_unit_test(test_empty_prologue),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_every_length_cut),
        cmocka_unit_test(test_one_byte_more),
        cmocka_unit_test(test_wrong_lengths_have_sentences),
        cmocka_unit_test(test_low_order_keys),
        cmocka_unit_test(test_wrong_peer),
        cmocka_unit_test(test_expected_peer),
        cmocka_unit_test(test_signers),
        cmocka_unit_test(test_kept_key),
        cmocka_unit_test(test_muxers),
        cmocka_unit_test(test_transport),
        cmocka_unit_test(test_transport_messages_are_bound_to_order_and_direction),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_secrets_are_wiped),
        cmocka_unit_test(test_freeing_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
