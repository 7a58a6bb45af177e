/* Serialized keys: the input is read as a private and as a public key. A private key that loads saves to what loads
 * again, and signs what verifies. */
#include <stdlib.h>
#include <string.h>

#include "crypto/identity.h"
#include "crypto/primitives.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static minke_counters_t counters;

static ssize_t refuse(void *user, const uint8_t *message, size_t len, uint8_t *signature, size_t capacity)
{
    (void)user, (void)message, (void)len, (void)signature, (void)capacity;
    return MINKE_ERROR_CRYPTO;
}

static void check_private_key(const minke_env_t *env, const uint8_t *data, size_t size)
{
    minke_identity_t *identity, *again;
    uint8_t saved[MINKE_PRIVATE_KEY_MAX], signature[MINKE_SIGNATURE_MAX];
    if (minke__identity_load(env, data, size, &identity) < 0) return;
    const ssize_t n = minke__identity_save(identity, saved, sizeof saved);
    if (n < 0 || minke__identity_load(env, saved, (size_t)n, &again) < 0) abort();
    if (!minke__peer_id_equal(minke__identity_peer_id(identity), minke__identity_peer_id(again))) abort();
    size_t len;
    const uint8_t *public_key = minke__identity_public_key(identity, &len);
    const ssize_t signature_len = minke__identity_sign(again, data, size, signature, sizeof signature);
    if (signature_len < 0) abort();
    if (minke__verify(public_key, len, data, size, signature, (size_t)signature_len) < 0) abort();
    minke__identity_free(identity);
    minke__identity_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const minke_env_t env = {
        .allocator = minke__default_allocator(), .random = minke__default_random(), .counters = &counters};
    const minke_signer_t signer = {NULL, refuse};
    minke_identity_t *identity;
    check_private_key(&env, data, size);
    if (minke__identity_with_signer(&env, data, size, &signer, &identity) == MINKE_OK) minke__identity_free(identity);
    /* The rest of the input behind a byte of length: a signature. */
    if (size > 0 && data[0] < size) {
        const size_t len = data[0];
        (void)!minke__verify(data + 1, len, "message", 7, data + 1 + len, size - 1 - len);
    }
    return 0;
}
