#include "noise/symmetric.h"

#include <assert.h>
#include <string.h>

#include "crypto/primitives.h"

/* Four zero bytes, then the counter in little-endian. */
static void nonce_bytes(uint64_t nonce, uint8_t out[12])
{
    memset(out, 0, 4);
    for (int i = 0; i < 8; i++) out[4 + i] = (uint8_t)(nonce >> (8 * i));
}

int minke__noise_cipher_seal(minke_noise_cipher_t *cipher, const void *ad, size_t ad_len, const void *in, size_t len,
                             uint8_t *out)
{
    uint8_t nonce[12];
    if (cipher->nonce == UINT64_MAX) return MINKE_ERROR_LIMIT;
    nonce_bytes(cipher->nonce++, nonce);
    return minke__chachapoly_seal(cipher->key, nonce, ad, ad_len, in, len, out);
}

int minke__noise_cipher_open(minke_noise_cipher_t *cipher, const void *ad, size_t ad_len, const void *in, size_t len,
                             uint8_t *out)
{
    uint8_t nonce[12];
    if (len < MINKE_NOISE_TAG_LEN) return MINKE_ERROR_MALFORMED;
    if (cipher->nonce == UINT64_MAX) return MINKE_ERROR_LIMIT;
    nonce_bytes(cipher->nonce, nonce);
    const int error = minke__chachapoly_open(cipher->key, nonce, ad, ad_len, in, len, out);
    if (error == MINKE_OK) cipher->nonce++;
    return error;
}

void minke__noise_symmetric_init(minke_noise_symmetric_t *symmetric, const void *prologue, size_t prologue_len)
{
    /* Exactly as long as a hash, so it is not hashed first (Noise 5.2). */
    static const char name[] = "Noise_XX_25519_ChaChaPoly_SHA256";
    static_assert(sizeof name - 1 == sizeof symmetric->hash, "the name is the first hash");
    *symmetric = (minke_noise_symmetric_t){.has_key = false};
    memcpy(symmetric->hash, name, sizeof symmetric->hash);
    memcpy(symmetric->chaining_key, name, sizeof symmetric->chaining_key);
    minke__noise_mix_hash(symmetric, prologue, prologue_len);
}

void minke__noise_mix_hash(minke_noise_symmetric_t *symmetric, const void *data, size_t len)
{
    minke__sha256_2(symmetric->hash, sizeof symmetric->hash, data, len, symmetric->hash);
}

static void set_key(minke_noise_cipher_t *cipher, const uint8_t key[32])
{
    memcpy(cipher->key, key, sizeof cipher->key);
    cipher->nonce = 0;
}

void minke__noise_mix_key(minke_noise_symmetric_t *symmetric, const uint8_t secret[32])
{
    uint8_t keys[64];
    minke__hkdf_sha256_two(symmetric->chaining_key, secret, 32, keys);
    memcpy(symmetric->chaining_key, keys, sizeof symmetric->chaining_key);
    set_key(&symmetric->cipher, keys + 32);
    symmetric->has_key = true;
    minke__wipe(keys, sizeof keys);
}

int minke__noise_seal_and_hash(minke_noise_symmetric_t *symmetric, const void *in, size_t len, uint8_t *out)
{
    assert(symmetric->has_key);
    const int error =
        minke__noise_cipher_seal(&symmetric->cipher, symmetric->hash, sizeof symmetric->hash, in, len, out);
    if (error == MINKE_OK) minke__noise_mix_hash(symmetric, out, len + MINKE_NOISE_TAG_LEN);
    return error;
}

int minke__noise_open_and_hash(minke_noise_symmetric_t *symmetric, const void *in, size_t len, uint8_t *out)
{
    assert(symmetric->has_key);
    minke_noise_symmetric_t next = *symmetric;
    /* Hashed first: opening in place overwrites the ciphertext. */
    minke__noise_mix_hash(&next, in, len);
    const int error = minke__noise_cipher_open(&next.cipher, symmetric->hash, sizeof symmetric->hash, in, len, out);
    if (error == MINKE_OK) *symmetric = next;
    minke__wipe(&next, sizeof next);
    return error;
}

void minke__noise_split(const minke_noise_symmetric_t *symmetric, minke_noise_cipher_t *from_initiator,
                        minke_noise_cipher_t *from_responder)
{
    uint8_t keys[64];
    minke__hkdf_sha256_two(symmetric->chaining_key, "", 0, keys);
    set_key(from_initiator, keys);
    set_key(from_responder, keys + 32);
    minke__wipe(keys, sizeof keys);
}
