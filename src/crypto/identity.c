#include "crypto/identity.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include "crypto/elliptic.h"
#include "crypto/primitives.h"
#include "crypto/public_key.h"

enum { SEED_BYTES = 32, PUBLIC_BYTES = 32, ED25519_SECRET_BYTES = 64, ED25519_OLD_SECRET_BYTES = 96 };

struct minke_identity {
    const minke_env_t *env;
    minke_key_type_t type;
    EVP_PKEY *key; /* NULL with a signer */
    minke_signer_t signer;
    minke_peer_id_t peer_id;
    size_t public_key_len;
    uint8_t public_key[MINKE_PUBLIC_KEY_MAX]; /* serialized */
    size_t secret_len;
    uint8_t secret[]; /* the Data field of the PrivateKey; none with a signer */
};

static minke_identity_t *new_identity(const minke_env_t *env, minke_key_type_t type, const uint8_t *secret,
                                      size_t secret_len)
{
    minke_identity_t *identity = minke__alloc_zero(env, sizeof *identity + secret_len);
    if (identity == NULL) return NULL;
    identity->env = env;
    identity->type = type;
    identity->secret_len = secret_len;
    if (secret_len > 0) memcpy(identity->secret, secret, secret_len);
    return identity;
}

static int set_public_key(minke_identity_t *identity)
{
    minke_writer_t w = minke__writer(identity->public_key, sizeof identity->public_key);
    minke__public_key_write(&w, identity->type, identity->key);
    if (w.failed) return MINKE_ERROR_MALFORMED;
    identity->public_key_len = w.len;
    minke__peer_id_from_public_key(identity->public_key, w.len, &identity->peer_id);
    return MINKE_OK;
}

static int set_key(minke_identity_t *identity, EVP_PKEY *key)
{
    identity->key = key;
    if (key != NULL) return set_public_key(identity);
    ERR_clear_error();
    return MINKE_ERROR_MALFORMED;
}

static int from_seed(const minke_env_t *env, const uint8_t seed[SEED_BYTES], minke_identity_t **out)
{
    uint8_t secret[ED25519_SECRET_BYTES] = {0};
    memcpy(secret, seed, SEED_BYTES);
    minke_identity_t *identity = *out = new_identity(env, MINKE_KEY_ED25519, secret, sizeof secret);
    minke__wipe(secret, sizeof secret);
    if (identity == NULL) return MINKE_ERROR_NO_MEMORY;
    const int result = set_key(identity, EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SEED_BYTES));
    if (result < 0) return result;
    const uint8_t *public = identity->public_key + identity->public_key_len - PUBLIC_BYTES;
    memcpy(identity->secret + SEED_BYTES, public, PUBLIC_BYTES);
    return MINKE_OK;
}

/* Seed and public key (twice in old files), which must belong together. */
static int load_ed25519(const minke_env_t *env, const uint8_t *data, size_t len, minke_identity_t **out)
{
    if (len != ED25519_SECRET_BYTES && len != ED25519_OLD_SECRET_BYTES) return MINKE_ERROR_MALFORMED;
    const int result = from_seed(env, data, out);
    if (result < 0) return result;
    for (size_t at = SEED_BYTES; at < len; at += PUBLIC_BYTES) {
        if (memcmp((*out)->secret + SEED_BYTES, data + at, PUBLIC_BYTES) != 0) return MINKE_ERROR_MALFORMED;
    }
    return MINKE_OK;
}

static int load_secp256k1(const minke_env_t *env, const uint8_t *data, size_t len, minke_identity_t **out)
{
    if (len != MINKE_SCALAR_BYTES) return MINKE_ERROR_MALFORMED;
    minke_identity_t *identity = *out = new_identity(env, MINKE_KEY_SECP256K1, data, len);
    if (identity == NULL) return MINKE_ERROR_NO_MEMORY;
    return set_key(identity, minke__ec_private_key(NID_secp256k1, data));
}

/* RSA in PKCS#1, ECDSA in SEC1 (RFC 5915). The halves of such a key may contradict each other, and the public one may
 * be of a size or curve that we would refuse in others, so it must first sign something that verifies. */
static int load_der(const minke_env_t *env, minke_key_type_t type, const uint8_t *data, size_t len,
                    minke_identity_t **out)
{
    static const char probe[] = "minke";
    uint8_t signature[MINKE_SIGNATURE_MAX];
    const uint8_t *at = data;
    minke_identity_t *identity = *out = new_identity(env, type, data, len);
    if (identity == NULL) return MINKE_ERROR_NO_MEMORY;
    EVP_PKEY *key = d2i_PrivateKey(type == MINKE_KEY_RSA ? EVP_PKEY_RSA : EVP_PKEY_EC, NULL, &at, (long)len);
    const int result = set_key(identity, key);
    if (result < 0) return result;
    minke_key_type_t read_type;
    EVP_PKEY *public;
    if (at != data + len ||
        minke__public_key_read(identity->public_key, identity->public_key_len, &read_type, &public) < 0) {
        return MINKE_ERROR_MALFORMED;
    }
    EVP_PKEY_free(public);
    const ssize_t n = minke__identity_sign(identity, probe, sizeof probe, signature, sizeof signature);
    if (n < 0 ||
        minke__verify(identity->public_key, identity->public_key_len, probe, sizeof probe, signature, (size_t)n) < 0) {
        return MINKE_ERROR_MALFORMED;
    }
    return MINKE_OK;
}

static int load(const minke_env_t *env, minke_key_type_t type, const uint8_t *data, size_t len, minke_identity_t **out)
{
    switch (type) {
    case MINKE_KEY_ED25519: return load_ed25519(env, data, len, out);
    case MINKE_KEY_SECP256K1: return load_secp256k1(env, data, len, out);
    case MINKE_KEY_RSA:
    case MINKE_KEY_ECDSA: return load_der(env, type, data, len, out);
    }
    return MINKE_ERROR_UNSUPPORTED;
}

int minke__identity_load(const minke_env_t *env, const uint8_t *private_key, size_t len, minke_identity_t **out)
{
    minke_key_type_t type;
    const uint8_t *data;
    size_t data_len;
    if (len > MINKE_PRIVATE_KEY_MAX) return MINKE_ERROR_MALFORMED;
    int result = minke__key_message_read(private_key, len, &type, &data, &data_len);
    if (result < 0) return result;
    minke_identity_t *identity = NULL;
    result = load(env, type, data, data_len, &identity);
    if (result < 0) {
        minke__identity_free(identity);
        return result;
    }
    *out = identity;
    return MINKE_OK;
}

int minke__identity_new(const minke_env_t *env, minke_identity_t **out)
{
    uint8_t seed[SEED_BYTES];
    minke_identity_t *identity = NULL;
    minke__random_fill(env, seed, sizeof seed);
    const int result = from_seed(env, seed, &identity);
    minke__wipe(seed, sizeof seed);
    if (result < 0) {
        minke__identity_free(identity);
        return result;
    }
    *out = identity;
    return MINKE_OK;
}

int minke__identity_with_signer(const minke_env_t *env, const uint8_t *public_key, size_t len,
                                const minke_signer_t *signer, minke_identity_t **out)
{
    minke_key_type_t type;
    EVP_PKEY *key;
    const int result = minke__public_key_read(public_key, len, &type, &key);
    if (result < 0) return result;
    EVP_PKEY_free(key);
    minke_identity_t *identity = new_identity(env, type, NULL, 0);
    if (identity == NULL) return MINKE_ERROR_NO_MEMORY;
    identity->signer = *signer;
    identity->public_key_len = len;
    memcpy(identity->public_key, public_key, len);
    minke__peer_id_from_public_key(public_key, len, &identity->peer_id);
    *out = identity;
    return MINKE_OK;
}

void minke__identity_free(minke_identity_t *identity)
{
    if (identity == NULL) return;
    EVP_PKEY_free(identity->key);
    minke__wipe(identity->secret, identity->secret_len);
    minke__free(identity->env, identity);
}

ssize_t minke__identity_save(const minke_identity_t *identity, uint8_t *out, size_t capacity)
{
    if (identity->key == NULL) return MINKE_ERROR_UNSUPPORTED;
    minke_writer_t w = minke__writer(out, capacity);
    minke__key_message_write(&w, identity->type, identity->secret, identity->secret_len);
    return w.failed ? MINKE_ERROR_NO_SPACE : (ssize_t)w.len;
}

minke_key_type_t minke__identity_type(const minke_identity_t *identity) { return identity->type; }

const minke_peer_id_t *minke__identity_peer_id(const minke_identity_t *identity) { return &identity->peer_id; }

const uint8_t *minke__identity_public_key(const minke_identity_t *identity, size_t *len)
{
    *len = identity->public_key_len;
    return identity->public_key;
}

const uint8_t *minke__identity_secret(const minke_identity_t *identity, size_t *len)
{
    *len = identity->secret_len;
    return identity->key != NULL ? identity->secret : NULL;
}

/* Of the two values of s that verify, Bitcoin's rules, and so libp2p's, know only the lower one (BIP 62). Rewrites the
 * DER in place; returns its length, or 0. */
static size_t make_s_low(uint8_t *signature, size_t len)
{
    size_t new_len = 0;
    const uint8_t *at = signature;
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &at, (long)len);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_secp256k1);
    BIGNUM *r = NULL, *s = BN_new(), *half = BN_new();
    if (parsed != NULL && group != NULL && s != NULL && half != NULL &&
        BN_rshift1(half, EC_GROUP_get0_order(group)) == 1) {
        if (BN_cmp(ECDSA_SIG_get0_s(parsed), half) <= 0) {
            new_len = len;
        } else if ((r = BN_dup(ECDSA_SIG_get0_r(parsed))) != NULL &&
                   BN_sub(s, EC_GROUP_get0_order(group), ECDSA_SIG_get0_s(parsed)) == 1 &&
                   ECDSA_SIG_set0(parsed, r, s) == 1) {
            r = s = NULL; /* owned by the signature now */
            const int n = i2d_ECDSA_SIG(parsed, &signature);
            new_len = n > 0 ? (size_t)n : 0;
        }
    }
    BN_free(r);
    BN_free(s);
    BN_free(half);
    EC_GROUP_free(group);
    ECDSA_SIG_free(parsed);
    return new_len;
}

/* Into a buffer of MINKE_SIGNATURE_MAX. */
static ssize_t sign_with_key(const minke_identity_t *identity, const void *message, size_t len, uint8_t *signature)
{
    size_t n = MINKE_SIGNATURE_MAX;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool done =
        context != NULL &&
        EVP_DigestSignInit(context, NULL, minke__signature_digest(identity->type), NULL, identity->key) == 1 &&
        EVP_DigestSign(context, signature, &n, message, len) == 1;
    EVP_MD_CTX_free(context);
    if (done && identity->type == MINKE_KEY_SECP256K1) n = make_s_low(signature, n);
    if (done && n > 0) return (ssize_t)n;
    ERR_clear_error();
    return MINKE_ERROR_CRYPTO;
}

ssize_t minke__identity_sign(const minke_identity_t *identity, const void *message, size_t len, uint8_t *signature,
                             size_t capacity)
{
    uint8_t made[MINKE_SIGNATURE_MAX];
    const ssize_t n = identity->key != NULL
                          ? sign_with_key(identity, message, len, made)
                          : identity->signer.sign(identity->signer.user, message, len, made, sizeof made);
    if (n < 0) return n;
    if (n == 0 || (size_t)n > sizeof made) return MINKE_ERROR_CRYPTO;
    if ((size_t)n > capacity) return MINKE_ERROR_NO_SPACE;
    memcpy(signature, made, (size_t)n);
    return n;
}
