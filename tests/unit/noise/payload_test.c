#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "crypto/primitives.h"
#include "noise/payload.h"
#include "noise/symmetric.h"
#include "unit/noise/fixture.h"

/*
 * A responder that says in its payload whatever the test wants: message 2 with the vector's static key 03.. and
 * ephemeral key 04.., so that the vector's signature fits.
 */
static size_t forge_second(const uint8_t first[32], const uint8_t *payload, size_t len, uint8_t *out)
{
    uint8_t static_secret[32], ephemeral_secret[32], static_public[32], shared[32], prologue[128];
    minke_noise_symmetric_t symmetric;
    memset(static_secret, 3, 32);
    memset(ephemeral_secret, 4, 32);
    minke__noise_symmetric_init(&symmetric, prologue, test_unhex(PROLOGUE, prologue, sizeof prologue));
    minke__noise_mix_hash(&symmetric, first, 32);
    minke__noise_mix_hash(&symmetric, "", 0);
    assert_int_equal(minke__x25519_public(static_secret, static_public), MINKE_OK);
    assert_int_equal(minke__x25519_public(ephemeral_secret, out), MINKE_OK);
    minke__noise_mix_hash(&symmetric, out, 32);
    assert_int_equal(minke__x25519_derive(ephemeral_secret, first, shared), MINKE_OK);
    minke__noise_mix_key(&symmetric, shared);
    assert_int_equal(minke__noise_seal_and_hash(&symmetric, static_public, 32, out + 32), MINKE_OK);
    assert_int_equal(minke__x25519_derive(static_secret, first, shared), MINKE_OK);
    minke__noise_mix_key(&symmetric, shared);
    assert_int_equal(minke__noise_seal_and_hash(&symmetric, payload, len, out + 80), MINKE_OK);
    return 80 + len + 16;
}

static const char *const yamux[] = {"/yamux/1.0.0", "/mplex/6.7.0"};

typedef struct heard {
    int result;
    char sentence[160];
    const char *muxer;
    minke_peer_id_t peer;
} heard_t;

/* What the initiator makes of this payload. */
static heard_t hear_bytes(const uint8_t *payload, size_t len, bool offer_muxers)
{
    static uint8_t second[MINKE_NOISE_MESSAGE_MAX];
    uint8_t first[32];
    script_t script;
    heard_t heard;
    script_init(&script, 1);
    minke_identity_t *identity = load(&script.env, private_i);
    minke_noise_t *i = with_prologue(&script.env, true, identity);
    if (offer_muxers) minke__noise_offer_muxers(i, yamux, 2);
    assert_int_equal(minke__noise_write(i, first, sizeof first), 32);
    heard.result = minke__noise_read(i, second, forge_second(first, payload, len, second));
    assert_int_equal(minke__noise_next(i), heard.result == MINKE_OK ? MINKE_NOISE_WRITE : MINKE_NOISE_FAILED);
    heard.muxer = minke__noise_muxer(i);
    heard.peer = *minke__noise_remote_peer(i);
    strncpy(heard.sentence, minke__noise_error(i), sizeof heard.sentence - 1);
    heard.sentence[sizeof heard.sentence - 1] = 0;
    minke__noise_free(i);
    minke__identity_free(identity);
    assert_int_equal(script.test.blocks, 0);
    return heard;
}

static heard_t hear(const char *payload_hex, bool offer_muxers)
{
    uint8_t payload[4096];
    return hear_bytes(payload, test_unhex(payload_hex, payload, sizeof payload), offer_muxers);
}

static void test_the_forger_speaks_the_vector(void **state)
{
    (void)state;
    uint8_t first[32], payload[256], second[512], expected[512];
    (void)test_unhex(MESSAGE_1, first, sizeof first);
    const size_t len = forge_second(first, payload, test_unhex(PAYLOAD_R, payload, sizeof payload), second);
    assert_int_equal(len, test_unhex(MESSAGE_2, expected, sizeof expected));
    assert_memory_equal(second, expected, len);
}

typedef struct payload_case {
    const char *hex;
    int result;
    const char *sentence;
} payload_case_t;

#define NO_KEY "the remote sent no identity key"
#define NO_SIGNATURE "the remote sent no signature"
#define MALFORMED_PAYLOAD "the remote's handshake payload is malformed"
#define MALFORMED_KEY "the remote's identity key is malformed"
#define NOT_SIGNED "the remote's identity key did not sign its Noise key"
#define UNKNOWN_TYPE "the remote's identity key is of a type not supported"

static const payload_case_t payloads[] = {
    {PAYLOAD_R, MINKE_OK, "no error"},
    {"1240" SIGNATURE_R "0a24" KEY_R, MINKE_OK, "no error"}, /* the other way round */
    /* field 3 and unknown fields of every wire type */
    {"1a03646174" PAYLOAD_R, MINKE_OK, "no error"},
    {PAYLOAD_R "1a00 2801 31 0102030405060708 3d 01020304 fa0103616263", MINKE_OK, "no error"},
    {"0801 1002" PAYLOAD_R, MINKE_OK, "no error"},     /* our numbers with another wire type */
    {"0a0100 120100" PAYLOAD_R, MINKE_OK, "no error"}, /* the later one counts */
    {PAYLOAD_R "0a0100", MINKE_ERROR_MALFORMED, MALFORMED_KEY},
    /* extensions: certificate hashes, unknown ones, empty; nonsense too, as long as we listed no muxers */
    {PAYLOAD_R "2200", MINKE_OK, "no error"},
    {PAYLOAD_R "2204 0a021220", MINKE_OK, "no error"},
    {PAYLOAD_R "220e 120c 2f79616d75782f312e302e30", MINKE_OK, "no error"},
    {PAYLOAD_R "2202 1205", MINKE_OK, "no error"},
    {"", MINKE_ERROR_MALFORMED, NO_KEY},
    {"1240" SIGNATURE_R, MINKE_ERROR_MALFORMED, NO_KEY},
    {"0a00 1240" SIGNATURE_R, MINKE_ERROR_MALFORMED, NO_KEY},
    {"0a24" KEY_R, MINKE_ERROR_MALFORMED, NO_SIGNATURE},
    {"0a24" KEY_R "1200", MINKE_ERROR_MALFORMED, NO_SIGNATURE},
    {PAYLOAD_R "0b", MINKE_ERROR_MALFORMED, MALFORMED_PAYLOAD},
    {PAYLOAD_R "22", MINKE_ERROR_MALFORMED, MALFORMED_PAYLOAD},
    {"00" PAYLOAD_R, MINKE_ERROR_MALFORMED, MALFORMED_PAYLOAD},
    {"0a24" KEY_I "1240" SIGNATURE_R, MINKE_ERROR_CRYPTO, NOT_SIGNED},
    {"0a24" KEY_R "1201 54", MINKE_ERROR_CRYPTO, NOT_SIGNED},
    {"0a24" KEY_R "1241" SIGNATURE_R "00", MINKE_ERROR_CRYPTO, NOT_SIGNED},
    {"0a02 0801 1240" SIGNATURE_R, MINKE_ERROR_MALFORMED, MALFORMED_KEY},
    {"0a04 08041200 1240" SIGNATURE_R, MINKE_ERROR_UNSUPPORTED, UNKNOWN_TYPE},
};

static void test_payloads(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof payloads / sizeof payloads[0]; n++) {
        const heard_t heard = hear(payloads[n].hex, false);
        assert_string_equal(heard.sentence, payloads[n].sentence);
        assert_int_equal(heard.result, payloads[n].result);
        assert_int_equal(heard.peer.len, heard.result == MINKE_OK ? 38 : 0);
        assert_null(heard.muxer);
    }
}

static void test_truncated_payloads(void **state)
{
    (void)state;
    uint8_t payload[256];
    const size_t len = test_unhex(PAYLOAD_R, payload, sizeof payload);
    for (size_t cut = 0; cut < len; cut++) {
        const heard_t heard = hear_bytes(payload, cut, false);
        assert_int_equal(heard.result, MINKE_ERROR_MALFORMED);
        const char *sentence = cut == 0 ? NO_KEY : cut == 38 ? NO_SIGNATURE : MALFORMED_PAYLOAD;
        assert_string_equal(heard.sentence, sentence);
    }
}

static void test_every_byte_of_the_payload_changed(void **state)
{
    (void)state;
    uint8_t payload[256];
    const size_t len = test_unhex(PAYLOAD_R, payload, sizeof payload);
    for (size_t at = 0; at < len; at++) {
        payload[at] ^= 0x11;
        assert_true(hear_bytes(payload, len, false).result < 0);
        payload[at] ^= 0x11;
    }
}

static void test_too_long_a_key(void **state)
{
    (void)state;
    static uint8_t payload[2048], zeros[MINKE_PUBLIC_KEY_MAX + 1];
    minke_writer_t w = minke__writer(payload, sizeof payload);
    const minke_noise_payload_t said = {zeros, sizeof zeros, zeros, 64};
    minke__noise_payload_write(&w, &said, (minke_noise_muxers_t){NULL, 0});
    const heard_t heard = hear_bytes(payload, w.len, false);
    assert_int_equal(heard.result, MINKE_ERROR_MALFORMED);
    assert_string_equal(heard.sentence, "the remote's identity key is too long");
}

/* The longest message there is. */
static void test_the_longest_payload(void **state)
{
    (void)state;
    static uint8_t payload[MINKE_NOISE_MESSAGE_MAX - 96];
    size_t len = test_unhex(PAYLOAD_R, payload, sizeof payload);
    minke_writer_t w = minke__writer(payload, sizeof payload);
    w.len = len;
    minke__write_text(&w, "\x1a");
    minke__write_uvarint(&w, sizeof payload - len - 4);
    minke__write_zeros(&w, sizeof payload - len - 4);
    assert_false(w.failed);
    assert_int_equal(w.len, sizeof payload);
    assert_int_equal(hear_bytes(payload, w.len, false).result, MINKE_OK);
}

typedef struct muxer_case {
    const char *extensions; /* behind the payload */
    int result;
    const char *muxer;
    const char *sentence;
} muxer_case_t;

#define YAMUX "120c 2f79616d75782f312e302e30"
#define MPLEX "120c 2f6d706c65782f362e372e30"

static const muxer_case_t muxer_cases[] = {
    {"", MINKE_OK, NULL, "no error"},
    {"2200", MINKE_OK, NULL, "no error"},
    {"2204 0a021220", MINKE_OK, NULL, "no error"},
    {"2203 12017a", MINKE_ERROR_UNSUPPORTED, NULL, "no stream muxer in common"},
    {"220e" YAMUX, MINKE_OK, "/yamux/1.0.0", "no error"},
    {"220e" MPLEX, MINKE_OK, "/mplex/6.7.0", "no error"},
    {"221c" MPLEX YAMUX, MINKE_OK, "/yamux/1.0.0", "no error"}, /* our order: we are the initiator */
    {"2211" YAMUX "1a017a", MINKE_OK, "/yamux/1.0.0", "no error"},
    {"220e" MPLEX "220e" YAMUX, MINKE_OK, "/yamux/1.0.0", "no error"}, /* two pieces are one message */
    {"220e 120d 2f79616d75782f312e302e30", MINKE_ERROR_MALFORMED, NULL, "the remote's Noise extensions are malformed"},
    {"2201 0b", MINKE_ERROR_MALFORMED, NULL, "the remote's Noise extensions are malformed"},
};

static void test_muxers_of_the_remote(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof muxer_cases / sizeof muxer_cases[0]; n++) {
        char hex[1024] = PAYLOAD_R;
        strncat(hex, muxer_cases[n].extensions, sizeof hex - strlen(hex) - 1);
        const heard_t heard = hear(hex, true);
        assert_string_equal(heard.sentence, muxer_cases[n].sentence);
        assert_int_equal(heard.result, muxer_cases[n].result);
        if (muxer_cases[n].muxer == NULL) assert_null(heard.muxer);
        else assert_string_equal(heard.muxer, muxer_cases[n].muxer);
    }
}

static void test_writing(void **state)
{
    (void)state;
    uint8_t key[64], signature[64], out[256], expected[256];
    minke_noise_payload_t payload = {.identity_key = key, .signature = signature};
    payload.identity_key_len = test_unhex(KEY_R, key, sizeof key);
    payload.signature_len = test_unhex(SIGNATURE_R, signature, sizeof signature);
    for (size_t n = 0; n <= 2; n++) {
        static const char *const hex[] = {PAYLOAD_R, PAYLOAD_R "220e" YAMUX, PAYLOAD_R "221c" YAMUX MPLEX};
        const size_t len = test_unhex(hex[n], expected, sizeof expected);
        minke_writer_t w = minke__writer(out, sizeof out);
        minke__noise_payload_write(&w, &payload, (minke_noise_muxers_t){yamux, n});
        assert_int_equal(w.len, len);
        assert_memory_equal(out, expected, len);
    }
}

/* Noise 5.1: the last nonce is reserved. */
static void test_a_cipher_ends(void **state)
{
    (void)state;
    minke_noise_cipher_t cipher = {.nonce = UINT64_MAX - 1};
    uint8_t sealed[17], plain[1];
    assert_int_equal(minke__noise_cipher_seal(&cipher, NULL, 0, "x", 1, sealed), MINKE_OK);
    assert_int_equal(minke__noise_cipher_seal(&cipher, NULL, 0, "x", 1, sealed), MINKE_ERROR_LIMIT);
    cipher.nonce = UINT64_MAX - 1;
    assert_int_equal(minke__noise_cipher_open(&cipher, NULL, 0, sealed, 17, plain), MINKE_OK);
    assert_int_equal(plain[0], 'x');
    assert_int_equal(minke__noise_cipher_open(&cipher, NULL, 0, sealed, 17, plain), MINKE_ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_forger_speaks_the_vector),
        cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_truncated_payloads),
        cmocka_unit_test(test_every_byte_of_the_payload_changed),
        cmocka_unit_test(test_too_long_a_key),
        cmocka_unit_test(test_the_longest_payload),
        cmocka_unit_test(test_muxers_of_the_remote),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_a_cipher_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
