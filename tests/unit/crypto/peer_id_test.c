#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/identity.h"
#include "crypto/primitives.h"
#include "multiformats/multibase.h"
#include "support/test_env.h"
#include "unit/crypto/key_vectors.h"

typedef struct vector {
    const char *public_key;
    const char *text;
    const char *cid;
} vector_t;

/* spec/host.md 3; all texts as js-libp2p prints them. */
static const vector_t vectors[] = {
    {ed25519_public, "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq",
     "bafzaajaiaejcahwr5d5ofrfbis4l5d6uwr57hu5tjodrypfm6yaq6dsc2r2pzyt6"},
    {secp256k1_public, "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY",
     "bafzaajiiaijcca3xo7uzjzcsyilaj6i54cj44qk7kqzpoao5rti2pjx6udtdbp6kte"},
    {ecdsa_public, "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk", NULL},
    {rsa_public, "QmaeANgBs1DTSxWSrPPtobgQuxW8XTfsS4ydbK4rCHzqxG",
     "bafzbeifwzcumbiyql7bhv7fe7mixg6i7aohegq75k234m63bnw6dbicmzu"},
};

enum { VECTORS_N = sizeof vectors / sizeof vectors[0] };

static minke_peer_id_t peer_id_of(const char *public_key_hex)
{
    uint8_t public_key[MINKE_PUBLIC_KEY_MAX];
    minke_peer_id_t id;
    const size_t len = test_unhex(public_key_hex, public_key, sizeof public_key);
    minke__peer_id_from_public_key(public_key, len, &id);
    return id;
}

static bool parse(const char *text, minke_peer_id_t *out) { return minke__peer_id_parse(text, strlen(text), out); }

static void test_from_public_key(void **state)
{
    (void)state;
    uint8_t expected[64];
    minke_peer_id_t id = peer_id_of(ed25519_public);
    size_t len = test_unhex("0024", expected, sizeof expected);
    len += test_unhex(ed25519_public, expected + len, sizeof expected - len);
    assert_int_equal(id.len, len);
    assert_memory_equal(id.bytes, expected, len);
    id = peer_id_of(ecdsa_public);
    len =
        test_unhex("1220 68362c312e155f4f7290b67f5cd094a22a0a4fbf20efd8c287934419350d36f7", expected, sizeof expected);
    assert_int_equal(id.len, len);
    assert_memory_equal(id.bytes, expected, len);
}

static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        char text[MINKE_PEER_ID_TEXT_BYTES];
        const minke_peer_id_t id = peer_id_of(vectors[i].public_key);
        minke__peer_id_text(&id, text);
        assert_string_equal(text, vectors[i].text);
    }
}

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        const minke_peer_id_t expected = peer_id_of(vectors[i].public_key);
        minke_peer_id_t id;
        assert_true(parse(vectors[i].text, &id));
        assert_true(minke__peer_id_equal(&id, &expected));
        if (vectors[i].cid == NULL) continue;
        assert_true(parse(vectors[i].cid, &id));
        assert_true(minke__peer_id_equal(&id, &expected));
    }
}

static void test_parse_cids_in_every_base(void **state)
{
    (void)state;
    const minke_peer_id_t expected = peer_id_of(rsa_public);
    uint8_t cid[2 + MINKE_PEER_ID_BYTES_MAX] = {0x01, 0x72};
    memcpy(cid + 2, expected.bytes, expected.len);
    for (const char *base = "fFbBkKzmMuU"; *base != 0; base++) {
        char text[128];
        minke_peer_id_t id;
        const ssize_t n = minke__multibase_encode(*base, cid, 2u + expected.len, text, sizeof text);
        assert_true(n > 0);
        assert_true(minke__peer_id_parse(text, (size_t)n, &id));
        assert_true(minke__peer_id_equal(&id, &expected));
    }
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "1",
        "Q",
        "Qm",
        "12D3KooW",
        "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgD",                 /* a character short */
        "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDkk",               /* one too many */
        "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgD0",                /* 0 is no digit */
        "zQmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk",               /* multibase without a CID inside */
        "bafybeifwzcumbiyql7bhv7fe7mixg6i7aohegq75k234m63bnw6dbicmzu",   /* codec dag-pb */
        "bafzbeifwzcumbiyql7bhv7fe7mixg6i7aohegq75k234m63bnw6dbicmzuaa", /* trailing bytes */
        "xafzbeifwzcumbiyql7bhv7fe7mixg6i7aohegq75k234m63bnw6dbicmzu",
    };
    minke_peer_id_t id;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_false(parse(texts[i], &id));
        assert_int_equal(id.len, 0);
    }
}

/* What is left of a text may happen to be another peer id, as short ones hold whatever they like; never the same. */
static void check_cut(const char *text, size_t len, const minke_peer_id_t *whole)
{
    minke_peer_id_t id;
    if (minke__peer_id_parse(text, len, &id)) assert_false(minke__peer_id_equal(&id, whole));
    else assert_int_equal(id.len, 0);
}

static void test_parse_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_N; i++) {
        const minke_peer_id_t whole = peer_id_of(vectors[i].public_key);
        for (size_t len = 0; len < strlen(vectors[i].text); len++) check_cut(vectors[i].text, len, &whole);
        for (size_t len = 0; vectors[i].cid != NULL && len < strlen(vectors[i].cid); len++) {
            check_cut(vectors[i].cid, len, &whole);
        }
    }
}

static void test_from_bytes(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0x00, 42};
    minke_peer_id_t id;
    assert_true(minke__peer_id_from_bytes(bytes, 44, &id));
    assert_int_equal(id.len, 44);
    bytes[1] = 43; /* must be hashed at this length */
    assert_false(minke__peer_id_from_bytes(bytes, 45, &id));
    bytes[1] = 0;
    assert_false(minke__peer_id_from_bytes(bytes, 2, &id));
    bytes[0] = 0x12;
    bytes[1] = 32;
    assert_true(minke__peer_id_from_bytes(bytes, 34, &id));
    assert_false(minke__peer_id_from_bytes(bytes, 33, &id));
    assert_false(minke__peer_id_from_bytes(bytes, 35, &id));
    bytes[1] = 31;
    assert_false(minke__peer_id_from_bytes(bytes, 33, &id));
    bytes[0] = 0x13; /* sha2-512 */
    bytes[1] = 32;
    assert_false(minke__peer_id_from_bytes(bytes, 34, &id));
    for (size_t len = 0; len < 2; len++) assert_false(minke__peer_id_from_bytes(bytes, len, &id));
    static const uint8_t not_minimal[] = {0x80, 0x00, 0x01, 0xff};
    assert_false(minke__peer_id_from_bytes(not_minimal, sizeof not_minimal, &id));
}

/* The longest text there can be has room. */
static void test_text_of_the_longest(void **state)
{
    (void)state;
    uint8_t bytes[44] = {0x00, 42};
    char text[MINKE_PEER_ID_TEXT_BYTES];
    minke_peer_id_t id, parsed;
    memset(bytes + 2, 0xff, 42);
    assert_true(minke__peer_id_from_bytes(bytes, sizeof bytes, &id));
    minke__peer_id_text(&id, text);
    assert_true(strlen(text) > 50);
    assert_true(parse(text, &parsed));
    assert_true(minke__peer_id_equal(&id, &parsed));
}

static void test_equal(void **state)
{
    (void)state;
    const minke_peer_id_t a = peer_id_of(ed25519_public), none = {0};
    minke_peer_id_t b = a;
    char text[MINKE_PEER_ID_TEXT_BYTES];
    assert_true(minke__peer_id_equal(&a, &b));
    b.bytes[b.len - 1] ^= 1;
    assert_false(minke__peer_id_equal(&a, &b));
    assert_false(minke__peer_id_equal(&a, &none));
    minke__peer_id_text(&none, text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_public_key), cmocka_unit_test(test_text),
        cmocka_unit_test(test_parse),           cmocka_unit_test(test_parse_cids_in_every_base),
        cmocka_unit_test(test_parse_refuses),   cmocka_unit_test(test_parse_cut_anywhere),
        cmocka_unit_test(test_from_bytes),      cmocka_unit_test(test_text_of_the_longest),
        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
