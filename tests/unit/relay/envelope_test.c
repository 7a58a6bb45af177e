#include "vectors.h"

#include "relay/envelope.h"

#include "../crypto/key_vectors.h"
#include "pb/pb.h"

#define EXPIRE 1767225600
#define PAYLOAD                                                                                                        \
    "0a26002408011220"                                                                                                 \
    "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"                                                 \
    "1227002508021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca991880f2d6ca06"
#define SIGNATURE                                                                                                      \
    "1870c879fc6d9d9062a92c13dba8d59a37a8b9321759c29ce1bdf206e84ad04d"                                                 \
    "48be4b22cfea5c58887b430b58608ae8773c9d2c9004c0abafa54f7c1e77b309"
#define VOUCHER "0a24" RELAY_KEY "12020302 1a57" PAYLOAD "2a40" SIGNATURE

static const uint8_t some_type[] = {0x03, 0x01};
static const minke_envelope_purpose_t some_purpose = {"libp2p-peer-record", {some_type, sizeof some_type}};

static minke_identity_t *load(test_env_t *test, const char *private_hex)
{
    static uint8_t key[MINKE_PRIVATE_KEY_MAX];
    minke_identity_t *identity;
    const size_t len = test_unhex(private_hex, key, sizeof key);
    assert_int_equal(minke__identity_load(&test->env, key, len, &identity), MINKE_OK);
    return identity;
}

static void the_vector(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t out[MINKE_VOUCHER_BYTES];
    minke_voucher_t voucher;
    test_env_init(&test, 1);
    minke_identity_t *relay = load(&test, RELAY_SECRET);
    const minke_peer_id_t peer = peer_of(PEER_KEY), relay_id = peer_of(RELAY_KEY);
    minke_writer_t w = minke__writer(out, sizeof out);
    assert_int_equal(minke__voucher_seal(&test.env, relay, &peer, EXPIRE, &w), MINKE_OK);
    assert_bytes(out, w.len, VOUCHER);
    assert_int_equal(minke__voucher_open(&test.env, out, w.len, &relay_id, &peer, &voucher), MINKE_OK);
    assert_true(minke__peer_id_equal(&voucher.relay, &relay_id) && minke__peer_id_equal(&voucher.peer, &peer));
    assert_int_equal(voucher.expire, EXPIRE);
    minke__identity_free(relay);
    assert_int_equal(test.blocks, 0);
}

static void every_type_of_key(void **state)
{
    (void)state;
    static const char *const keys[] = {ed25519_private, secp256k1_private, ecdsa_private, rsa_private};
    const minke_peer_id_t peer = peer_of(PEER_KEY);
    for (size_t i = 0; i < 4; i++) {
        test_env_t test;
        uint8_t out[MINKE_VOUCHER_BYTES];
        minke_voucher_t voucher;
        test_env_init(&test, 1);
        minke_identity_t *relay = load(&test, keys[i]);
        const minke_peer_id_t id = *minke__identity_peer_id(relay);
        minke_writer_t w = minke__writer(out, sizeof out);
        assert_int_equal(minke__voucher_seal(&test.env, relay, &peer, EXPIRE, &w), MINKE_OK);
        assert_int_equal(minke__voucher_open(&test.env, out, w.len, &id, &peer, &voucher), MINKE_OK);
        assert_int_equal(voucher.expire, EXPIRE);
        minke__identity_free(relay);
        assert_int_equal(test.blocks, 0);
    }
}

/* All or nothing. */
static void room_to_the_byte(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t out[256];
    test_env_init(&test, 1);
    minke_identity_t *relay = load(&test, RELAY_SECRET);
    const minke_peer_id_t peer = peer_of(PEER_KEY);
    const size_t len = 197;
    for (size_t room = 0; room <= len; room++) {
        minke_writer_t w = minke__writer(out, room + 1);
        minke__write_u8(&w, 0xee);
        const int error = minke__voucher_seal(&test.env, relay, &peer, EXPIRE, &w);
        assert_int_equal(error, room == len ? MINKE_OK : MINKE_ERROR_NO_SPACE);
        assert_int_equal(w.len, room == len ? len + 1 : 1);
        assert_false(w.failed);
    }
    minke__identity_free(relay);
    assert_int_equal(test.blocks, 0);
}

/* Cut anywhere, or with any bit changed, it is not a voucher: the key, type, payload and signature are all bound. */
static void truncation_and_forgery(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t data[256];
    minke_voucher_t voucher;
    test_env_init(&test, 1);
    const minke_peer_id_t peer = peer_of(PEER_KEY), relay = peer_of(RELAY_KEY);
    const size_t len = test_unhex(VOUCHER, data, sizeof data);
    for (size_t cut = 0; cut < len; cut++) {
        assert_true(minke__voucher_open(&test.env, data, cut, &relay, &peer, &voucher) < 0);
        assert_int_equal(voucher.relay.len, 0);
    }
    for (size_t at = 0; at < len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            data[at] ^= (uint8_t)(1U << bit);
            assert_true(minke__voucher_open(&test.env, data, len, &relay, &peer, &voucher) < 0);
            data[at] ^= (uint8_t)(1U << bit);
        }
    }
    assert_int_equal(minke__voucher_open(&test.env, data, len, &relay, &peer, &voucher), MINKE_OK);
    assert_int_equal(test.blocks, 0);
}

static void for_and_of_the_right_ones(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t data[256];
    minke_voucher_t voucher;
    test_env_init(&test, 1);
    const minke_peer_id_t peer = peer_of(PEER_KEY), relay = peer_of(RELAY_KEY);
    const size_t len = test_unhex(VOUCHER, data, sizeof data);
    assert_int_equal(minke__voucher_open(&test.env, data, len, &peer, &peer, &voucher), MINKE_ERROR_CRYPTO);
    assert_int_equal(minke__voucher_open(&test.env, data, len, &relay, &relay, &voucher), MINKE_ERROR_CRYPTO);
    assert_int_equal(voucher.expire, 0);
}

/* Seals any payload as a voucher with this key, and opens it as one of the vectors' relay for their peer. */
static int open_signed(test_env_t *test, const char *secret_hex, const char *hex)
{
    static const uint8_t type[] = {0x03, 0x02};
    static const minke_envelope_purpose_t purpose = {"libp2p-relay-rsvp", {type, sizeof type}};
    uint8_t payload[256], out[512];
    minke_voucher_t voucher;
    const minke_peer_id_t peer = peer_of(PEER_KEY), relay_id = peer_of(RELAY_KEY);
    minke_identity_t *signer = load(test, secret_hex);
    minke_writer_t w = minke__writer(out, sizeof out);
    const minke_slice_t slice = {payload, test_unhex(hex, payload, sizeof payload)};
    assert_int_equal(minke__envelope_seal(&test->env, signer, &purpose, slice, &w), MINKE_OK);
    minke__identity_free(signer);
    return minke__voucher_open(&test->env, out, w.len, &relay_id, &peer, &voucher);
}

static int open_payload(test_env_t *test, const char *hex) { return open_signed(test, RELAY_SECRET, hex); }

static void payloads(void **state)
{
    (void)state;
    test_env_t test;
    test_env_init(&test, 1);
    assert_int_equal(open_payload(&test, PAYLOAD), MINKE_OK);
    assert_int_equal(open_payload(&test, PAYLOAD "2005 2a0100"), MINKE_OK);               /* unknown fields */
    assert_int_equal(open_payload(&test, "0a260024" RELAY_KEY "1227" PEER_ID), MINKE_OK); /* no expiry */
    assert_int_equal(open_payload(&test, ""), MINKE_ERROR_MALFORMED);
    assert_int_equal(open_payload(&test, "0a260024" RELAY_KEY), MINKE_ERROR_MALFORMED);
    assert_int_equal(open_payload(&test, "1227" PEER_ID), MINKE_ERROR_MALFORMED);
    assert_int_equal(open_payload(&test, "0a00 1227" PEER_ID), MINKE_ERROR_MALFORMED);
    assert_int_equal(open_payload(&test, PAYLOAD "18"), MINKE_ERROR_MALFORMED);
    /* Signed by this relay, in the name of another; and in its name, by another. */
    assert_int_equal(open_payload(&test, "0a27" PEER_ID "1227" PEER_ID), MINKE_ERROR_CRYPTO);
    assert_int_equal(open_signed(&test, secp256k1_private, PAYLOAD), MINKE_ERROR_CRYPTO);
    assert_int_equal(test.blocks, 0);
}

/* A signature for one purpose is none for another. */
static void purposes(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t out[256];
    minke_envelope_t envelope;
    const minke_envelope_purpose_t other_domain = {"libp2p-relay-rsvp", some_purpose.payload_type};
    static const uint8_t other_bytes[] = {0x03, 0x02};
    const minke_envelope_purpose_t other_type = {some_purpose.domain, {other_bytes, sizeof other_bytes}};
    test_env_init(&test, 1);
    minke_identity_t *identity = load(&test, RELAY_SECRET);
    const minke_slice_t payload = {(const uint8_t *)"hello", 5};
    minke_writer_t w = minke__writer(out, sizeof out);
    assert_int_equal(minke__envelope_seal(&test.env, identity, &some_purpose, payload, &w), MINKE_OK);
    assert_int_equal(minke__envelope_open(&test.env, out, w.len, &some_purpose, &envelope), MINKE_OK);
    assert_true(minke__peer_id_equal(&envelope.signer, minke__identity_peer_id(identity)));
    assert_int_equal(envelope.payload.len, 5);
    assert_memory_equal(envelope.payload.data, "hello", 5);
    assert_int_equal(minke__envelope_open(&test.env, out, w.len, &other_domain, &envelope), MINKE_ERROR_CRYPTO);
    assert_int_equal(minke__envelope_open(&test.env, out, w.len, &other_type, &envelope), MINKE_ERROR_UNSUPPORTED);
    assert_int_equal(envelope.signer.len, 0);
    /* The last field of a number counts: a second payload is not what was signed. */
    minke__pb_write_bytes(&w, 3, "hallo", 5);
    assert_int_equal(minke__envelope_open(&test.env, out, w.len, &some_purpose, &envelope), MINKE_ERROR_CRYPTO);
    minke__identity_free(identity);
    assert_int_equal(test.blocks, 0);
}

static void an_empty_payload(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t out[256];
    minke_envelope_t envelope;
    test_env_init(&test, 1);
    minke_identity_t *identity = load(&test, RELAY_SECRET);
    minke_writer_t w = minke__writer(out, sizeof out);
    assert_int_equal(minke__envelope_seal(&test.env, identity, &some_purpose, (minke_slice_t){NULL, 0}, &w), MINKE_OK);
    assert_int_equal(minke__envelope_open(&test.env, out, w.len, &some_purpose, &envelope), MINKE_OK);
    assert_int_equal(envelope.payload.len, 0);
    minke__identity_free(identity);
}

static void lack_of_memory(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t out[256];
    minke_envelope_t envelope;
    test_env_init(&test, 1);
    minke_identity_t *identity = load(&test, RELAY_SECRET);
    const minke_slice_t payload = {(const uint8_t *)"hello", 5};
    minke_writer_t w = minke__writer(out, sizeof out);
    test.fail_at = test.allocations + 1;
    assert_int_equal(minke__envelope_seal(&test.env, identity, &some_purpose, payload, &w), MINKE_ERROR_NO_MEMORY);
    assert_int_equal(w.len, 0);
    assert_int_equal(minke__envelope_seal(&test.env, identity, &some_purpose, payload, &w), MINKE_OK);
    test.fail_at = test.allocations + 1;
    assert_int_equal(minke__envelope_open(&test.env, out, w.len, &some_purpose, &envelope), MINKE_ERROR_NO_MEMORY);
    assert_int_equal(envelope.signer.len, 0);
    minke__identity_free(identity);
    assert_int_equal(test.blocks, 0);
}

static ssize_t refuse_to_sign(void *user, const uint8_t *message, size_t len, uint8_t *signature, size_t capacity)
{
    (void)user;
    (void)message;
    (void)len;
    (void)signature;
    (void)capacity;
    return MINKE_ERROR_SYSTEM;
}

static void a_signer_that_fails(void **state)
{
    (void)state;
    test_env_t test;
    uint8_t key[64], out[256];
    minke_identity_t *identity;
    const minke_signer_t signer = {NULL, refuse_to_sign};
    test_env_init(&test, 1);
    const size_t len = test_unhex(RELAY_KEY, key, sizeof key);
    assert_int_equal(minke__identity_with_signer(&test.env, key, len, &signer, &identity), MINKE_OK);
    minke_writer_t w = minke__writer(out, sizeof out);
    const minke_peer_id_t peer = peer_of(PEER_KEY);
    assert_int_equal(minke__voucher_seal(&test.env, identity, &peer, EXPIRE, &w), MINKE_ERROR_SYSTEM);
    assert_int_equal(w.len, 0);
    minke__identity_free(identity);
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector),
        cmocka_unit_test(every_type_of_key),
        cmocka_unit_test(room_to_the_byte),
        cmocka_unit_test(truncation_and_forgery),
        cmocka_unit_test(for_and_of_the_right_ones),
        cmocka_unit_test(payloads),
        cmocka_unit_test(purposes),
        cmocka_unit_test(an_empty_payload),
        cmocka_unit_test(lack_of_memory),
        cmocka_unit_test(a_signer_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
