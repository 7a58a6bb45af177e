#include "crypto/elliptic.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

#include "crypto/primitives.h"

static EVP_PKEY *key_from_parts(int curve, const uint8_t *point, size_t len, const BIGNUM *scalar)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    bool ready = context != NULL && build != NULL &&
                 OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, OBJ_nid2sn(curve), 0) == 1 &&
                 OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len) == 1;
    if (scalar != NULL) ready = ready && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar) == 1;
    if (ready) params = OSSL_PARAM_BLD_to_param(build);
    if (params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, scalar != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1) {
        ERR_clear_error();
        key = NULL;
    }
    if (params != NULL && scalar != NULL) { /* the parameters hold a copy of the scalar */
        OSSL_PARAM *secret = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_PRIV_KEY);
        if (secret != NULL) minke__wipe(secret->data, secret->data_size);
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    return key;
}

/* Zero, and numbers from n on, are no private keys. */
static bool in_range(const BIGNUM *scalar, const BIGNUM *order)
{
    return !BN_is_zero(scalar) && BN_cmp(scalar, order) < 0;
}

EVP_PKEY *minke__ec_private_key(int curve, const uint8_t scalar[MINKE_SCALAR_BYTES])
{
    uint8_t point[MINKE_POINT_BYTES];
    EVP_PKEY *key = NULL;
    EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
    EC_POINT *public = group != NULL ? EC_POINT_new(group) : NULL;
    BIGNUM *d = BN_bin2bn(scalar, MINKE_SCALAR_BYTES, NULL);
    if (public != NULL && d != NULL && in_range(d, EC_GROUP_get0_order(group))) {
        BN_set_flags(d, BN_FLG_CONSTTIME);
        if (EC_POINT_mul(group, public, d, NULL, NULL, NULL) == 1 &&
            EC_POINT_point2oct(group, public, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL) ==
                sizeof point) {
            key = key_from_parts(curve, point, sizeof point, d);
        }
    }
    BN_clear_free(d);
    EC_POINT_free(public);
    EC_GROUP_free(group);
    if (key == NULL) ERR_clear_error();
    return key;
}

EVP_PKEY *minke__ec_public_key(int curve, const uint8_t *point, size_t len)
{
    if (len < MINKE_POINT_COMPRESSED_BYTES) return NULL; /* one zero byte would be the point at infinity */
    return key_from_parts(curve, point, len, NULL);
}

int minke__ec_public_point(const EVP_PKEY *key, uint8_t *out, size_t form_len)
{
    uint8_t point[MINKE_POINT_BYTES];
    size_t len = 0;
    /* OpenSSL gives the form that the key was made with, so ask for the coordinates and choose ourselves. */
    BIGNUM *x = NULL, *y = NULL;
    const bool done = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
                      EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
                      BN_bn2binpad(x, point + 1, 32) == 32 && BN_bn2binpad(y, point + 33, 32) == 32;
    if (done) {
        point[0] = form_len == MINKE_POINT_BYTES ? 0x04 : (uint8_t)(0x02 | (point[64] & 1));
        len = form_len;
        memcpy(out, point, len);
    } else {
        ERR_clear_error();
    }
    BN_free(x);
    BN_free(y);
    return done ? MINKE_OK : MINKE_ERROR_CRYPTO;
}

int minke__p256_scalar(const uint8_t uniform[48], uint8_t out[MINKE_SCALAR_BYTES])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BN_CTX *context = BN_CTX_new();
    BIGNUM *number = BN_bin2bn(uniform, 48, NULL);
    BIGNUM *limit = group != NULL ? BN_dup(EC_GROUP_get0_order(group)) : NULL;
    bool done = context != NULL && number != NULL && limit != NULL;
    if (done) BN_set_flags(number, BN_FLG_CONSTTIME);
    done = done && BN_sub_word(limit, 1) == 1 && BN_mod(number, number, limit, context) == 1 &&
           BN_add_word(number, 1) == 1 && BN_bn2binpad(number, out, MINKE_SCALAR_BYTES) == MINKE_SCALAR_BYTES;
    BN_clear_free(number);
    BN_free(limit);
    BN_CTX_free(context);
    EC_GROUP_free(group);
    if (done) return MINKE_OK;
    ERR_clear_error();
    return MINKE_ERROR_NO_MEMORY;
}

/* The HMAC-DRBG of RFC 6979 3.2; n of P-256 has as many bits as SHA-256 gives, so bits2int is the plain number. */
typedef struct nonces {
    uint8_t k[32];
    uint8_t v[32];
} nonces_t;

/* K = HMAC(K, V || separator || seed), V = HMAC(K, V). */
static void nonces_update(nonces_t *nonces, uint8_t separator, const uint8_t *seed, size_t seed_len)
{
    uint8_t message[32 + 1 + 64];
    memcpy(message, nonces->v, 32);
    message[32] = separator;
    if (seed_len > 0) memcpy(message + 33, seed, seed_len);
    minke__hmac_sha256(nonces->k, 32, message, 33 + seed_len, nonces->k);
    minke__hmac_sha256(nonces->k, 32, nonces->v, 32, nonces->v);
    minke__wipe(message, sizeof message);
}

/* Steps b to g; `reduced` is the digest modulo n. */
static void nonces_init(nonces_t *nonces, const uint8_t scalar[32], const uint8_t reduced[32])
{
    uint8_t seed[64];
    memcpy(seed, scalar, 32);
    memcpy(seed + 32, reduced, 32);
    memset(nonces->k, 0, 32);
    memset(nonces->v, 1, 32);
    nonces_update(nonces, 0, seed, sizeof seed);
    nonces_update(nonces, 1, seed, sizeof seed);
    minke__wipe(seed, sizeof seed);
}

/* The numbers of one signature. Freed together, the secret ones wiped. */
typedef struct signing {
    EC_GROUP *group;
    const BIGNUM *n;
    BN_CTX *context;
    EC_POINT *point;
    BIGNUM *d, *z, *k, *exponent, *r, *s;
} signing_t;

static bool signing_init(signing_t *signing, const uint8_t scalar[32], const uint8_t digest[32])
{
    *signing = (signing_t){.group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)};
    if (signing->group == NULL) return false;
    signing->n = EC_GROUP_get0_order(signing->group);
    signing->context = BN_CTX_new();
    signing->point = EC_POINT_new(signing->group);
    signing->d = BN_bin2bn(scalar, 32, NULL);
    signing->z = BN_bin2bn(digest, 32, NULL);
    signing->k = BN_new();
    signing->exponent = BN_dup(signing->n);
    signing->r = BN_new();
    signing->s = BN_new();
    if (signing->context == NULL || signing->point == NULL || signing->d == NULL || signing->z == NULL ||
        signing->k == NULL || signing->exponent == NULL || signing->r == NULL || signing->s == NULL) {
        return false;
    }
    BN_set_flags(signing->d, BN_FLG_CONSTTIME);
    BN_set_flags(signing->k, BN_FLG_CONSTTIME);
    BN_set_flags(signing->s, BN_FLG_CONSTTIME);
    return in_range(signing->d, signing->n) && BN_nnmod(signing->z, signing->z, signing->n, signing->context) == 1 &&
           BN_sub_word(signing->exponent, 2) == 1;
}

static void signing_free(signing_t *signing)
{
    BN_clear_free(signing->d);
    BN_clear_free(signing->k);
    BN_clear_free(signing->s);
    BN_free(signing->z);
    BN_free(signing->exponent);
    BN_free(signing->r);
    EC_POINT_clear_free(signing->point);
    BN_CTX_free(signing->context);
    EC_GROUP_free(signing->group);
}

/* r = (k G).x mod n; s = (z + r d) / k mod n. The inverse is k^(n-2), whose time does not depend on k. */
static bool sign_with_nonce(signing_t *signing)
{
    const BIGNUM *n = signing->n;
    BN_CTX *context = signing->context;
    return EC_POINT_mul(signing->group, signing->point, signing->k, NULL, NULL, context) == 1 &&
           EC_POINT_get_affine_coordinates(signing->group, signing->point, signing->r, NULL, context) == 1 &&
           BN_nnmod(signing->r, signing->r, n, context) == 1 &&
           BN_mod_mul(signing->s, signing->r, signing->d, n, context) == 1 &&
           BN_mod_add(signing->s, signing->s, signing->z, n, context) == 1 &&
           BN_mod_exp(signing->k, signing->k, signing->exponent, n, context) == 1 &&
           BN_mod_mul(signing->s, signing->s, signing->k, n, context) == 1;
}

int minke__p256_sign(const uint8_t scalar[MINKE_SCALAR_BYTES], const uint8_t digest[32], uint8_t r[32], uint8_t s[32])
{
    signing_t signing;
    nonces_t nonces = {{0}, {0}};
    uint8_t reduced[32];
    bool ok = signing_init(&signing, scalar, digest) && BN_bn2binpad(signing.z, reduced, 32) == 32;
    if (ok) nonces_init(&nonces, scalar, reduced);
    for (bool again = ok; again;) {
        minke__hmac_sha256(nonces.k, 32, nonces.v, 32, nonces.v);
        ok = BN_bin2bn(nonces.v, 32, signing.k) != NULL;
        again = ok && !in_range(signing.k, signing.n);
        if (ok && !again) {
            ok = sign_with_nonce(&signing);
            again = ok && (BN_is_zero(signing.r) || BN_is_zero(signing.s));
        }
        if (again) nonces_update(&nonces, 0, NULL, 0);
    }
    ok = ok && BN_bn2binpad(signing.r, r, 32) == 32 && BN_bn2binpad(signing.s, s, 32) == 32;
    signing_free(&signing);
    minke__wipe(&nonces, sizeof nonces);
    if (ok) return MINKE_OK;
    ERR_clear_error();
    return MINKE_ERROR_CRYPTO;
}
