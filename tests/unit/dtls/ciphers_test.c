/* Keys that share cipher contexts: what they seal does not show it, and those in use keep theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "base/wire.h"
#include "dtls/keys.h"

enum { TEXT = 40, SUITES = 3, KEYS_N = MINKE_DTLS_CIPHERS_MAX + 8, SALT = 4 };

static minke_dtls_algorithms_t algorithms;

static void set_keys(minke_dtls_keys_t *keys, unsigned suite, uint32_t number, uint64_t sequence, uint64_t nonce)
{
    const EVP_CIPHER *known[SUITES] = {algorithms.aes_128_gcm, algorithms.aes_256_gcm, algorithms.chacha20_poly1305};
    *keys = (minke_dtls_keys_t){
        .ciphers = &algorithms.ciphers, .algorithm = known[suite], .explicit_len = suite == 2 ? 0 : 8};
    memset(keys->write.bytes, 7, sizeof keys->write.bytes);
    memcpy(keys->write.bytes, &number, sizeof number);
    keys->read = keys->write;
    minke__dtls_keys_start(keys, sequence, nonce);
}

static size_t seal(minke_dtls_keys_t *keys, uint8_t record[128])
{
    uint8_t *text = record + minke__dtls_keys_head(keys);
    for (size_t i = 0; i < TEXT; i++) text[i] = (uint8_t)i;
    return minke__dtls_keys_seal(keys, MINKE_DTLS_APPLICATION_DATA, record, TEXT);
}

static bool opens(minke_dtls_keys_t *keys, uint8_t *bytes, size_t len)
{
    minke_dtls_record_t record;
    size_t text_len;
    if (!minke__dtls_record_read(bytes, len, &record)) return false;
    const uint8_t *text = minke__dtls_keys_open(keys, &record, &text_len);
    return text != NULL && text_len == TEXT && text[0] == 0 && text[TEXT - 1] == TEXT - 1;
}

static uint64_t nonce_of(const uint8_t *record)
{
    minke_reader_t r = minke__reader(record + MINKE_DTLS_HEADER_BYTES, 8);
    return minke__read_u64(&r);
}

static size_t contexts(void)
{
    size_t n = 0;
    for (size_t i = 0; i < algorithms.ciphers.slots_n; i++) n += algorithms.ciphers.slots[i].context != NULL;
    return n;
}

static void park(minke_dtls_keys_t *keys)
{
    minke__dtls_cipher_give_back(&algorithms.ciphers, &keys->write);
    minke__dtls_cipher_give_back(&algorithms.ciphers, &keys->read);
    assert_null(keys->write.cipher);
}

/* The same bytes as without, and never a nonce twice. */
static void parking_does_not_show(void **state)
{
    (void)state;
    for (unsigned suite = 0; suite < SUITES; suite++) {
        minke_dtls_keys_t parked, kept;
        uint8_t a[128], b[128];
        set_keys(&parked, suite, 1, 5, UINT64_MAX - 3); /* counted modulo 2^64 */
        set_keys(&kept, suite, 1, 5, UINT64_MAX - 3);
        for (uint64_t i = 0; i < 10; i++) {
            const size_t len = seal(&kept, a);
            assert_int_equal(seal(&parked, b), len);
            assert_memory_equal(a, b, len);
            if (suite < 2) assert_true(nonce_of(a) == UINT64_MAX - 3 + i);
            assert_true(opens(&kept, a, len) && opens(&parked, b, len));
            if (i % 3 == 2) park(&parked);
        }
        minke__dtls_keys_free(&parked);
        minke__dtls_keys_free(&kept);
        assert_int_equal(contexts(), 0);
    }
}

/* More keys than contexts, of all suites, in turn: all go on, in a fixed number of contexts. */
static void many_keys_share_a_few_contexts(void **state)
{
    (void)state;
    static minke_dtls_keys_t keys[KEYS_N];
    uint8_t record[128];
    for (unsigned i = 0; i < KEYS_N; i++) set_keys(&keys[i], i % SUITES, i, 1, 1);
    for (uint64_t round = 0; round < 5; round++) {
        for (unsigned i = 0; i < KEYS_N; i++) {
            const size_t len = seal(&keys[i], record);
            assert_true(len > 0);
            if (keys[i].explicit_len > 0) assert_true(nonce_of(record) == 1 + round);
            if (i % 5 == 0) assert_true(opens(&keys[i], record, len));
        }
        assert_int_equal(contexts(), MINKE_DTLS_CIPHERS_MAX);
    }
    for (unsigned i = 0; i < KEYS_N; i++) minke__dtls_keys_free(&keys[i]);
    assert_int_equal(contexts(), 0);
}

/* Who moves data is not disturbed by others that say a word now and then. */
static void a_busy_key_keeps_its_context(void **state)
{
    (void)state;
    static minke_dtls_keys_t keys[KEYS_N];
    minke_dtls_keys_t busy;
    uint8_t record[128];
    unsigned lost = 0;
    set_keys(&busy, 0, KEYS_N, 1, 1);
    for (unsigned i = 0; i < KEYS_N; i++) set_keys(&keys[i], 0, i, 1, 1);
    for (unsigned turn = 0; turn < 10 * KEYS_N; turn++) {
        assert_true(seal(&keys[turn % KEYS_N], record) > 0);
        lost += busy.write.cipher == NULL;
        assert_true(seal(&busy, record) > 0);
    }
    assert_true(lost <= 2); /* the first time, and when the hand has cleared all marks in one round */
    minke__dtls_keys_free(&busy);
    for (unsigned i = 0; i < KEYS_N; i++) minke__dtls_keys_free(&keys[i]);
}

/* A forged record spoils nothing, keyed or parked. */
static void forgeries_open_nothing(void **state)
{
    (void)state;
    minke_dtls_keys_t keys;
    uint8_t record[128], forged[128];
    for (unsigned suite = 0; suite < SUITES; suite++) {
        set_keys(&keys, suite, 3, 1, 1);
        const size_t len = seal(&keys, record);
        memcpy(forged, record, len);
        forged[len - 1] ^= 1;
        assert_false(opens(&keys, forged, len));
        park(&keys);
        memcpy(forged, record, len);
        forged[len - 1] ^= 1;
        assert_false(opens(&keys, forged, len));
        assert_true(opens(&keys, record, len));
        minke__dtls_keys_free(&keys);
    }
}

static int fetch(void **state)
{
    (void)state;
    return minke__dtls_algorithms_fetch(&algorithms) ? 0 : -1;
}

static int release(void **state)
{
    (void)state;
    minke__dtls_algorithms_free(&algorithms);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parking_does_not_show),
        cmocka_unit_test(many_keys_share_a_few_contexts),
        cmocka_unit_test(a_busy_key_keeps_its_context),
        cmocka_unit_test(forgeries_open_nothing),
    };
    return cmocka_run_group_tests(tests, fetch, release);
}
