/*
 * OpenSSL fetches an algorithm by name on every one-shot call, which costs more than a short HMAC itself. So each
 * algorithm is fetched once per process, at first use. The cached objects are never changed afterwards, so threads
 * that each run a transport of their own may share them; the loser of a race frees its copy.
 */
#include "crypto/primitives.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#ifdef MINKE_SODIUM
#include <sodium.h>
#endif

enum { KEY_BYTES = 32, TAG_BYTES = 16 };

/*
 * A hash has no error return. It can fail only when OpenSSL itself has no memory for a context or was built without
 * the algorithm, and every value that we could return instead would be one that an attacker may know.
 */
static void require(bool done)
{
    if (!done) abort();
}

static const EVP_MD *sha256(void)
{
    static _Atomic(EVP_MD *) cached;
    EVP_MD *digest = atomic_load_explicit(&cached, memory_order_acquire);
    if (digest != NULL) return digest;
    digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    require(digest != NULL);
    EVP_MD *winner = NULL;
    if (atomic_compare_exchange_strong(&cached, &winner, digest)) return digest;
    EVP_MD_free(digest);
    return winner;
}

static const EVP_CIPHER *chachapoly(void)
{
    static _Atomic(EVP_CIPHER *) cached;
    EVP_CIPHER *cipher = atomic_load_explicit(&cached, memory_order_acquire);
    if (cipher != NULL) return cipher;
    cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    if (cipher == NULL) return NULL;
    EVP_CIPHER *winner = NULL;
    if (atomic_compare_exchange_strong(&cached, &winner, cipher)) return cipher;
    EVP_CIPHER_free(cipher);
    return winner;
}

/* An HMAC context that has its digest but no key yet: copied for every use. */
static const EVP_MAC_CTX *hmac_template(_Atomic(EVP_MAC_CTX *) *cached, char *digest)
{
    EVP_MAC_CTX *context = atomic_load_explicit(cached, memory_order_acquire);
    if (context != NULL) return context;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    context = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    require(context != NULL && EVP_MAC_CTX_set_params(context, params) == 1);
    EVP_MAC_CTX *winner = NULL;
    if (atomic_compare_exchange_strong(cached, &winner, context)) return context;
    EVP_MAC_CTX_free(context);
    return winner;
}

void minke__sha256(const void *data, size_t len, uint8_t out[32]) { minke__sha256_2(data, len, NULL, 0, out); }

void minke__sha256_2(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[32])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    require(context != NULL && EVP_DigestInit_ex(context, sha256(), NULL) == 1 &&
            EVP_DigestUpdate(context, a, a_len) == 1 && EVP_DigestUpdate(context, b, b_len) == 1 &&
            EVP_DigestFinal_ex(context, out, NULL) == 1);
    EVP_MD_CTX_free(context);
}

typedef struct piece {
    const void *data;
    size_t len;
} piece_t;

static void hmac_with(EVP_MAC_CTX *context, const void *key, size_t key_len, piece_t a, piece_t b, uint8_t *out,
                      size_t out_len)
{
    size_t written = 0;
    /* NULL would mean "the key of before". */
    require(context != NULL && EVP_MAC_init(context, key_len > 0 ? key : "", key_len, NULL) == 1);
    if (a.len > 0) require(EVP_MAC_update(context, a.data, a.len) == 1);
    if (b.len > 0) require(EVP_MAC_update(context, b.data, b.len) == 1);
    require(EVP_MAC_final(context, out, &written, out_len) == 1 && written == out_len);
}

static void hmac(const EVP_MAC_CTX *template, const void *key, size_t key_len, piece_t a, piece_t b, uint8_t *out,
                 size_t out_len)
{
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(template);
    hmac_with(context, key, key_len, a, b, out, out_len);
    EVP_MAC_CTX_free(context);
}

/* Of what is wanted once a connection at most, so the look-up does not count. */
static void digest_by_name(const char *name, const void *data, size_t len, uint8_t *out)
{
    require(EVP_Q_digest(NULL, name, NULL, len > 0 ? data : "", len, out, NULL) == 1);
}

void minke__sha384(const void *data, size_t len, uint8_t out[48]) { digest_by_name("SHA384", data, len, out); }
void minke__sha512(const void *data, size_t len, uint8_t out[64]) { digest_by_name("SHA512", data, len, out); }
void minke__sha1(const void *data, size_t len, uint8_t out[20]) { digest_by_name("SHA1", data, len, out); }

/*
 * HMAC-SHA1 (RFC 2104) is what every STUN message costs, thousands a second, so it does without OpenSSL's own, of which
 * two thirds are the copies and look-ups of a context for each call: 1.04 us, against 0.37 us in a context that is
 * kept. One is kept for the whole process; whoever finds it taken, another thread, makes one of his own.
 */
enum { SHA1_BLOCK = 64, SHA1_BYTES = 20 };

static EVP_MD_CTX *new_sha1(void)
{
    EVP_MD *digest = EVP_MD_fetch(NULL, "SHA1", NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    require(digest != NULL && context != NULL && EVP_DigestInit_ex2(context, digest, NULL) == 1);
    EVP_MD_free(digest);
    return context;
}

/* The digest of a pad, that is of the key XORed with `with`, and two pieces. */
static void padded_sha1(EVP_MD_CTX *context, const uint8_t key[SHA1_BLOCK], uint8_t with, piece_t a, piece_t b,
                        uint8_t out[SHA1_BYTES])
{
    uint8_t pad[SHA1_BLOCK];
    for (size_t i = 0; i < sizeof pad; i++) pad[i] = key[i] ^ with;
    require(EVP_DigestInit_ex2(context, NULL, NULL) == 1 && EVP_DigestUpdate(context, pad, sizeof pad) == 1 &&
            EVP_DigestUpdate(context, a.data, a.len) == 1 && EVP_DigestUpdate(context, b.data, b.len) == 1 &&
            EVP_DigestFinal_ex(context, out, NULL) == 1);
    OPENSSL_cleanse(pad, sizeof pad);
}

void minke__hmac_sha1(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[20])
{
    minke__hmac_sha1_2(key, key_len, data, len, NULL, 0, out);
}

void minke__hmac_sha1_2(const void *key, size_t key_len, const void *a, size_t a_len, const void *b, size_t b_len,
                        uint8_t out[20])
{
    static _Atomic(EVP_MD_CTX *) kept;
    uint8_t block[SHA1_BLOCK] = {0}, inner[SHA1_BYTES];
    EVP_MD_CTX *context = atomic_exchange_explicit(&kept, NULL, memory_order_acquire);
    if (context == NULL) context = new_sha1();
    if (key_len > sizeof block) minke__sha1(key, key_len, block);
    else if (key_len > 0) memcpy(block, key, key_len);
    padded_sha1(context, block, 0x36, (piece_t){a, a_len}, (piece_t){b, b_len}, inner);
    padded_sha1(context, block, 0x5c, (piece_t){inner, sizeof inner}, (piece_t){NULL, 0}, out);
    OPENSSL_cleanse(block, sizeof block);
    EVP_MD_CTX *other = NULL;
    if (!atomic_compare_exchange_strong_explicit(&kept, &other, context, memory_order_release, memory_order_relaxed))
        EVP_MD_CTX_free(context);
}

static const EVP_MAC_CTX *hmac_sha256_template(void)
{
    static _Atomic(EVP_MAC_CTX *) template;
    static char digest[] = "SHA256";
    return hmac_template(&template, digest);
}

void minke__hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[32])
{
    hmac(hmac_sha256_template(), key, key_len, (piece_t){data, len}, (piece_t){NULL, 0}, out, 32);
}

void minke__hkdf_sha256_two(const uint8_t salt[32], const void *secret, size_t len, uint8_t out[64])
{
    static const piece_t nothing = {NULL, 0};
    uint8_t key[32];
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(hmac_sha256_template()); /* one for all three */
    hmac_with(context, salt, 32, (piece_t){secret, len}, nothing, key, sizeof key);
    hmac_with(context, key, sizeof key, (piece_t){"\x01", 1}, nothing, out, 32);
    hmac_with(context, key, sizeof key, (piece_t){out, 32}, (piece_t){"\x02", 1}, out + 32, 32);
    EVP_MAC_CTX_free(context);
    minke__wipe(key, sizeof key);
}

static OSSL_PARAM octets(const char *name, const void *data, size_t len)
{
    /* The cast: parameters serve both directions, so OpenSSL has no const here. */
    return OSSL_PARAM_construct_octet_string(name, len > 0 ? (void *)(uintptr_t)data : (void *)(uintptr_t) "", len);
}

int minke__hkdf_sha256(const void *salt, size_t salt_len, const void *secret, size_t secret_len, const void *info,
                       size_t info_len, uint8_t *out, size_t out_len)
{
    static char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                 octets(OSSL_KDF_PARAM_SALT, salt, salt_len),
                                 octets(OSSL_KDF_PARAM_KEY, secret, secret_len),
                                 octets(OSSL_KDF_PARAM_INFO, info, info_len), OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    const bool done = context != NULL && EVP_KDF_derive(context, out, out_len, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    if (done) return MINKE_OK;
    ERR_clear_error();
    return MINKE_ERROR_CRYPTO;
}

/*
 * libsodium's X25519 and Ed25519 take half the time of OpenSSL 3.0's. sodium_init is not called: it prepares
 * randomness, which is not used here, and would choose another X25519 that is no faster, and slower at making a key.
 */
#ifdef MINKE_SODIUM

int minke__x25519_public(const uint8_t secret[32], uint8_t out[32])
{
    return crypto_scalarmult_curve25519_base(out, secret) == 0 ? MINKE_OK : MINKE_ERROR_CRYPTO;
}

/* It fails on an all-zero result by itself, as RFC 7748 6.1 asks. */
int minke__x25519_derive(const uint8_t secret[32], const uint8_t remote_public[32], uint8_t out[32])
{
    return crypto_scalarmult_curve25519(out, secret, remote_public) == 0 ? MINKE_OK : MINKE_ERROR_CRYPTO;
}

bool minke__ed25519_verify(const uint8_t public_key[32], const void *message, size_t len, const uint8_t signature[64])
{
    return crypto_sign_ed25519_verify_detached(signature, message, len, public_key) == 0;
}

#else

int minke__x25519_public(const uint8_t secret[32], uint8_t out[32])
{
    size_t len = KEY_BYTES;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, KEY_BYTES);
    const bool done = key != NULL && EVP_PKEY_get_raw_public_key(key, out, &len) == 1 && len == KEY_BYTES;
    EVP_PKEY_free(key);
    if (done) return MINKE_OK;
    ERR_clear_error();
    return MINKE_ERROR_CRYPTO;
}

/* A key for deriving. Its public half has no part in that, but OpenSSL computes it, at the price of the derivation
 * itself, unless it is given one: any will do. */
static EVP_PKEY *secret_key(const uint8_t secret[32])
{
    static uint8_t anything[KEY_BYTES];
    uint8_t copy[KEY_BYTES]; /* OSSL_PARAM takes no const */
    EVP_PKEY *key = NULL;
    memcpy(copy, secret, sizeof copy);
    OSSL_PARAM parts[] = {OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, copy, sizeof copy),
                          OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, anything, sizeof anything),
                          OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
    const bool done = context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
                      EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parts) == 1;
    EVP_PKEY_CTX_free(context);
    minke__wipe(copy, sizeof copy);
    return done ? key : NULL;
}

/* OpenSSL itself fails on an all-zero result, as RFC 7748 6.1 asks. */
int minke__x25519_derive(const uint8_t secret[32], const uint8_t remote_public[32], uint8_t out[32])
{
    size_t len = KEY_BYTES;
    EVP_PKEY *ours = secret_key(secret);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, remote_public, KEY_BYTES);
    EVP_PKEY_CTX *context = ours != NULL ? EVP_PKEY_CTX_new(ours, NULL) : NULL;
    const bool done = context != NULL && theirs != NULL && EVP_PKEY_derive_init(context) == 1 &&
                      EVP_PKEY_derive_set_peer(context, theirs) == 1 && EVP_PKEY_derive(context, out, &len) == 1 &&
                      len == KEY_BYTES;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(theirs);
    EVP_PKEY_free(ours);
    if (done) return MINKE_OK;
    ERR_clear_error();
    return MINKE_ERROR_CRYPTO;
}

bool minke__ed25519_verify(const uint8_t public_key[32], const void *message, size_t len, const uint8_t signature[64])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool right = key != NULL && context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                       EVP_DigestVerify(context, signature, 2 * KEY_BYTES, message, len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return right;
}

#endif

int minke__chachapoly_seal(const uint8_t key[32], const uint8_t nonce[12], const void *ad, size_t ad_len,
                           const void *in, size_t len, uint8_t *out)
{
    if (len > INT_MAX - TAG_BYTES || ad_len > INT_MAX) return MINKE_ERROR_TOO_LARGE;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = chachapoly();
    int n = 0;
    bool done = context != NULL && cipher != NULL && EVP_EncryptInit_ex2(context, cipher, key, nonce, NULL) == 1;
    if (ad_len > 0) done = done && EVP_EncryptUpdate(context, NULL, &n, ad, (int)ad_len) == 1;
    if (len > 0) done = done && EVP_EncryptUpdate(context, out, &n, in, (int)len) == 1;
    done = done && EVP_EncryptFinal_ex(context, out + len, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + len) == 1;
    EVP_CIPHER_CTX_free(context);
    if (done) return MINKE_OK;
    ERR_clear_error();
    return MINKE_ERROR_CRYPTO;
}

int minke__chachapoly_open(const uint8_t key[32], const uint8_t nonce[12], const void *ad, size_t ad_len,
                           const void *in, size_t len, uint8_t *out)
{
    if (len > INT_MAX || ad_len > INT_MAX) return MINKE_ERROR_TOO_LARGE;
    if (len < TAG_BYTES) return MINKE_ERROR_CRYPTO;
    const size_t plain_len = len - TAG_BYTES;
    uint8_t tag[TAG_BYTES];
    for (size_t i = 0; i < TAG_BYTES; i++) tag[i] = ((const uint8_t *)in)[plain_len + i];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = chachapoly();
    int n = 0;
    bool done = context != NULL && cipher != NULL && EVP_DecryptInit_ex2(context, cipher, key, nonce, NULL) == 1 &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1;
    if (ad_len > 0) done = done && EVP_DecryptUpdate(context, NULL, &n, ad, (int)ad_len) == 1;
    if (plain_len > 0) done = done && EVP_DecryptUpdate(context, out, &n, in, (int)plain_len) == 1;
    uint8_t rest[TAG_BYTES];
    done = done && EVP_DecryptFinal_ex(context, rest, &n) == 1;
    EVP_CIPHER_CTX_free(context);
    if (done) return MINKE_OK;
    /* What was decrypted under a wrong tag is nobody's to read. */
    if (plain_len > 0) OPENSSL_cleanse(out, plain_len);
    ERR_clear_error();
    return MINKE_ERROR_CRYPTO;
}

bool minke__constant_time_equal(const void *a, const void *b, size_t len) { return CRYPTO_memcmp(a, b, len) == 0; }

void minke__wipe(void *memory, size_t len) { OPENSSL_cleanse(memory, len); }

static void fill(void *user, uint8_t *out, size_t len)
{
    (void)user;
    /* RAND_bytes takes an int. Going on without randomness is worse than stopping. */
    for (size_t done = 0; done < len;) {
        const size_t n = len - done < INT_MAX ? len - done : INT_MAX;
        require(RAND_bytes(out + done, (int)n) == 1);
        done += n;
    }
}

minke_random_t minke__default_random(void) { return (minke_random_t){NULL, fill}; }
