/* The vectors of spec/host.md 11, put together from what is there already: protobuf fields, peer ids, signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/identity.h"
#include "pb/pb.h"
#include "support/test_env.h"

#define RELAY_KEY "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
#define RELAY_SECRET                                                                                                   \
    "080112407e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d"                                         \
    "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
#define PEER_KEY "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99"
#define VOUCHER                                                                                                        \
    "0a26002408011220"                                                                                                 \
    "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"                                                 \
    "1227002508021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca991880f2d6ca06"

static minke_peer_id_t peer_of(const char *key_hex)
{
    uint8_t key[64];
    minke_peer_id_t id;
    minke__peer_id_from_public_key(key, test_unhex(key_hex, key, sizeof key), &id);
    return id;
}

static void assert_message(const minke_writer_t *body, const char *hex)
{
    uint8_t expected[256], prefixed[256];
    minke_writer_t w = minke__writer(prefixed, sizeof prefixed);
    minke__write_uvarint(&w, body->len);
    minke__write_bytes(&w, body->data, body->len);
    assert_int_equal(test_unhex(hex, expected, sizeof expected), w.len);
    assert_memory_equal(prefixed, expected, w.len);
}

static void hop_messages(void **state)
{
    (void)state;
    enum { TYPE = 1, PEER = 2, LIMIT = 4, STATUS = 5, RESERVE = 0, CONNECT = 1, IS_STATUS = 2 };
    uint8_t space[128], limit_space[16];
    const minke_peer_id_t target = peer_of(PEER_KEY);
    minke_writer_t w = minke__writer(space, sizeof space);
    minke__pb_write_varint(&w, TYPE, RESERVE);
    assert_message(&w, "02 0800");

    w = minke__writer(space, sizeof space);
    minke__pb_write_varint(&w, TYPE, CONNECT);
    minke__pb_write_bytes_head(&w, PEER, minke__pb_bytes_size(1, target.len));
    minke__pb_write_bytes(&w, 1, target.bytes, target.len);
    assert_message(&w, "2d 0801 1229 0a27 0025" PEER_KEY);

    minke_writer_t limit = minke__writer(limit_space, sizeof limit_space);
    minke__pb_write_varint(&limit, 1, 120);
    minke__pb_write_varint(&limit, 2, 131072);
    w = minke__writer(space, sizeof space);
    minke__pb_write_varint(&w, TYPE, IS_STATUS);
    minke__pb_write_bytes(&w, LIMIT, limit.data, limit.len);
    minke__pb_write_varint(&w, STATUS, 100);
    assert_message(&w, "0c 0802 2206 0878 10808008 2864");

    w = minke__writer(space, sizeof space);
    minke__pb_write_varint(&w, TYPE, IS_STATUS);
    minke__pb_write_varint(&w, STATUS, 204);
    assert_message(&w, "05 0802 28cc01");
}

static void stop_messages(void **state)
{
    (void)state;
    enum { TYPE = 1, PEER = 2, LIMIT = 3, STATUS = 4, CONNECT = 0, IS_STATUS = 1 };
    uint8_t space[128], limit_space[16];
    const minke_peer_id_t from = peer_of(PEER_KEY);
    minke_writer_t limit = minke__writer(limit_space, sizeof limit_space);
    minke__pb_write_varint(&limit, 1, 120);
    minke__pb_write_varint(&limit, 2, 131072);
    minke_writer_t w = minke__writer(space, sizeof space);
    minke__pb_write_varint(&w, TYPE, CONNECT);
    minke__pb_write_bytes_head(&w, PEER, minke__pb_bytes_size(1, from.len));
    minke__pb_write_bytes(&w, 1, from.bytes, from.len);
    minke__pb_write_bytes(&w, LIMIT, limit.data, limit.len);
    assert_message(&w, "35 0800 1229 0a27 0025" PEER_KEY "1a06 0878 10808008");

    w = minke__writer(space, sizeof space);
    minke__pb_write_varint(&w, TYPE, IS_STATUS);
    minke__pb_write_varint(&w, STATUS, 100);
    assert_message(&w, "04 0801 2064");
}

/* The envelope signs uv(len) domain uv(len) type uv(len) payload. */
static void voucher_and_its_signature(void **state)
{
    (void)state;
    static const char domain[] = "libp2p-relay-rsvp";
    test_env_t test;
    minke_identity_t *relay;
    uint8_t secret[128], voucher[128], expected[128], signed_bytes[160], signature[MINKE_SIGNATURE_MAX];
    const minke_peer_id_t relay_id = peer_of(RELAY_KEY), peer_id = peer_of(PEER_KEY);
    test_env_init(&test, 1);
    minke_writer_t w = minke__writer(voucher, sizeof voucher);
    minke__pb_write_bytes(&w, 1, relay_id.bytes, relay_id.len);
    minke__pb_write_bytes(&w, 2, peer_id.bytes, peer_id.len);
    minke__pb_write_varint(&w, 3, 1767225600);
    assert_int_equal(test_unhex(VOUCHER, expected, sizeof expected), w.len);
    assert_memory_equal(voucher, expected, w.len);

    minke_writer_t s = minke__writer(signed_bytes, sizeof signed_bytes);
    minke__write_uvarint(&s, strlen(domain));
    minke__write_text(&s, domain);
    minke__write_u24(&s, 0x020302); /* the length and both bytes of the payload type */
    minke__write_uvarint(&s, w.len);
    minke__write_bytes(&s, voucher, w.len);
    assert_int_equal(minke__identity_load(&test.env, secret, test_unhex(RELAY_SECRET, secret, sizeof secret), &relay),
                     MINKE_OK);
    const ssize_t len = minke__identity_sign(relay, s.data, s.len, signature, sizeof signature);
    assert_int_equal(len, test_unhex("1870c879fc6d9d9062a92c13dba8d59a37a8b9321759c29ce1bdf206e84ad04d"
                                     "48be4b22cfea5c58887b430b58608ae8773c9d2c9004c0abafa54f7c1e77b309",
                                     expected, sizeof expected));
    assert_memory_equal(signature, expected, (size_t)len);
    minke__identity_free(relay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hop_messages),
        cmocka_unit_test(stop_messages),
        cmocka_unit_test(voucher_and_its_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
