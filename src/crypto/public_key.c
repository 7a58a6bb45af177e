#include "crypto/public_key.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "crypto/elliptic.h"
#include "crypto/primitives.h"

enum {
    TAG_TYPE = 0x08,
    TAG_DATA = 0x12,
    ED25519_BYTES = 32,
    ED25519_SIGNATURE_BYTES = 64,
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 8192
};

int minke__key_message_read(const uint8_t *message, size_t len, minke_key_type_t *type, const uint8_t **data,
                            size_t *data_len)
{
    minke_reader_t r = minke__reader(message, len);
    const bool type_first = minke__read_u8(&r) == TAG_TYPE;
    const uint64_t key_type = minke__read_uvarint(&r);
    const bool data_second = minke__read_u8(&r) == TAG_DATA;
    const uint64_t content_len = minke__read_uvarint(&r);
    if (r.failed || !type_first || !data_second || content_len != minke__reader_left(&r)) return MINKE_ERROR_MALFORMED;
    if (key_type > MINKE_KEY_ECDSA) return MINKE_ERROR_UNSUPPORTED;
    *type = (minke_key_type_t)key_type;
    *data_len = (size_t)content_len;
    *data = minke__read_bytes(&r, *data_len);
    return MINKE_OK;
}

void minke__key_message_write(minke_writer_t *w, minke_key_type_t type, const uint8_t *data, size_t len)
{
    minke__write_u8(w, TAG_TYPE);
    minke__write_uvarint(w, type);
    minke__write_u8(w, TAG_DATA);
    minke__write_uvarint(w, len);
    minke__write_bytes(w, data, len);
}

/*
 * An RSA SubjectPublicKeyInfo, with a modulus of at least 256 bytes:
 *
 *     30 82 .. ..  30 0d 06 09 2a 86 48 86 f7 0d 01 01 01 05 00     rsaEncryption, NULL
 *                  03 82 .. .. 00                                   BIT STRING
 *                     30 82 .. ..  02 82 .. .. n  02 .. e
 */
static bool skip(minke_reader_t *r, const uint8_t *expected, size_t len)
{
    const uint8_t *bytes = minke__read_bytes(r, len);
    if (bytes == NULL || memcmp(bytes, expected, len) != 0) r->failed = true;
    return !r->failed;
}

/* A header whose two length bytes must say "all the rest". */
static void read_long_head(minke_reader_t *r, uint8_t tag)
{
    const uint8_t head[] = {tag, 0x82};
    skip(r, head, sizeof head);
    const size_t len = minke__read_u16(r);
    if (len != minke__reader_left(r)) r->failed = true;
}

/* The content of a positive INTEGER in its only encoding, without the leading zero byte. */
static BIGNUM *read_integer(minke_reader_t *r, size_t len)
{
    const uint8_t *bytes = minke__read_bytes(r, len);
    if (bytes == NULL || len == 0 || (bytes[0] & 0x80) != 0) return NULL;
    if (len > 1 && bytes[0] == 0 && (bytes[1] & 0x80) == 0) return NULL;
    return BN_bin2bn(bytes, (int)len, NULL);
}

static EVP_PKEY *rsa_from_numbers(const BIGNUM *n, const BIGNUM *e)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (context != NULL && build != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1) {
        params = OSSL_PARAM_BLD_to_param(build);
    }
    if (params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    return key;
}

/* Verifying takes time that grows with n squared and with e, so both have an end: e as go-libp2p has it, below 2^31. */
static bool rsa_numbers_fit(const BIGNUM *n, const BIGNUM *e)
{
    return BN_num_bits(n) >= RSA_BITS_MIN && BN_num_bits(n) <= RSA_BITS_MAX && BN_is_odd(n) && BN_num_bits(e) <= 31 &&
           BN_is_odd(e) && !BN_is_one(e);
}

static EVP_PKEY *read_rsa(const uint8_t *data, size_t len)
{
    static const uint8_t algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
    static const uint8_t no_unused_bits[] = {0x00}, modulus_head[] = {0x02, 0x82}, exponent_head[] = {0x02};
    minke_reader_t r = minke__reader(data, len);
    read_long_head(&r, 0x30);
    skip(&r, algorithm, sizeof algorithm);
    read_long_head(&r, 0x03);
    skip(&r, no_unused_bits, sizeof no_unused_bits);
    read_long_head(&r, 0x30);
    skip(&r, modulus_head, sizeof modulus_head);
    BIGNUM *n = read_integer(&r, minke__read_u16(&r));
    skip(&r, exponent_head, sizeof exponent_head);
    BIGNUM *e = read_integer(&r, minke__read_u8(&r));
    const bool good = minke__reader_done(&r) && n != NULL && e != NULL && rsa_numbers_fit(n, e);
    EVP_PKEY *key = good ? rsa_from_numbers(n, e) : NULL;
    BN_free(n);
    BN_free(e);
    return key;
}

/* SubjectPublicKeyInfo of the three curves in use, up to the point: named, never spelled out, and uncompressed, as
 * every implementation writes them. */
static EVP_PKEY *read_ecdsa(const uint8_t *data, size_t len)
{
    static const uint8_t p256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                   0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
    static const uint8_t p384[] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                   0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00};
    static const uint8_t p521[] = {0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                   0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00};
    static const struct {
        const uint8_t *head;
        size_t head_len, point_len;
        int curve;
    } forms[] = {{p256, sizeof p256, 1 + 2 * 32, NID_X9_62_prime256v1},
                 {p384, sizeof p384, 1 + 2 * 48, NID_secp384r1},
                 {p521, sizeof p521, 1 + 2 * 66, NID_secp521r1}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (len != forms[i].head_len + forms[i].point_len || memcmp(data, forms[i].head, forms[i].head_len) != 0) {
            continue;
        }
        const uint8_t *point = data + forms[i].head_len;
        return point[0] == 0x04 ? minke__ec_public_key(forms[i].curve, point, forms[i].point_len) : NULL;
    }
    return NULL;
}

static EVP_PKEY *read_data(minke_key_type_t type, const uint8_t *data, size_t len)
{
    switch (type) {
    case MINKE_KEY_RSA: return read_rsa(data, len);
    case MINKE_KEY_ED25519:
        return len == ED25519_BYTES ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, data, len) : NULL;
    case MINKE_KEY_SECP256K1:
        return len == MINKE_POINT_COMPRESSED_BYTES && (data[0] | 1) == 0x03
                   ? minke__ec_public_key(NID_secp256k1, data, len)
                   : NULL;
    case MINKE_KEY_ECDSA: return read_ecdsa(data, len);
    }
    return NULL;
}

int minke__public_key_read(const uint8_t *message, size_t len, minke_key_type_t *type, EVP_PKEY **out)
{
    const uint8_t *data;
    size_t data_len;
    if (len > MINKE_PUBLIC_KEY_MAX) return MINKE_ERROR_MALFORMED;
    const int result = minke__key_message_read(message, len, type, &data, &data_len);
    if (result < 0) return result;
    *out = read_data(*type, data, data_len);
    if (*out != NULL) return MINKE_OK;
    ERR_clear_error();
    return MINKE_ERROR_MALFORMED;
}

void minke__public_key_write(minke_writer_t *w, minke_key_type_t type, const EVP_PKEY *key)
{
    uint8_t raw[MINKE_PUBLIC_KEY_MAX];
    uint8_t *at = raw;
    size_t len = 0;
    if (type == MINKE_KEY_ED25519) {
        len = sizeof raw;
        if (EVP_PKEY_get_raw_public_key(key, raw, &len) != 1) len = 0;
    } else if (type == MINKE_KEY_SECP256K1) {
        if (minke__ec_public_point(key, raw, MINKE_POINT_COMPRESSED_BYTES) == MINKE_OK) {
            len = MINKE_POINT_COMPRESSED_BYTES;
        }
    } else {
        const int wanted = i2d_PUBKEY(key, NULL);
        if (wanted > 0 && (size_t)wanted <= sizeof raw && i2d_PUBKEY(key, &at) == wanted) len = (size_t)wanted;
    }
    if (len > 0) {
        minke__key_message_write(w, type, raw, len);
    } else {
        w->failed = true;
        ERR_clear_error();
    }
}

const EVP_MD *minke__signature_digest(minke_key_type_t type) { return type == MINKE_KEY_ED25519 ? NULL : EVP_sha256(); }

/* What nearly everybody has, without an object for the key. */
static int verify_ed25519(const uint8_t *key, size_t key_len, const void *message, size_t len, const uint8_t *signature,
                          size_t signature_len)
{
    if (key_len != ED25519_BYTES) return MINKE_ERROR_MALFORMED;
    if (signature_len != ED25519_SIGNATURE_BYTES) return MINKE_ERROR_CRYPTO;
    return minke__ed25519_verify(key, message, len, signature) ? MINKE_OK : MINKE_ERROR_CRYPTO;
}

int minke__verify(const uint8_t *public_key, size_t public_key_len, const void *message, size_t len,
                  const uint8_t *signature, size_t signature_len)
{
    minke_key_type_t type;
    EVP_PKEY *key;
    const uint8_t *data;
    size_t data_len;
    int result = minke__key_message_read(public_key, public_key_len, &type, &data, &data_len);
    if (result == MINKE_OK && type == MINKE_KEY_ED25519) {
        return verify_ed25519(data, data_len, message, len, signature, signature_len);
    }
    result = minke__public_key_read(public_key, public_key_len, &type, &key);
    if (result < 0) return result;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool right = context != NULL &&
                       EVP_DigestVerifyInit(context, NULL, minke__signature_digest(type), NULL, key) == 1 &&
                       EVP_DigestVerify(context, signature, signature_len, message, len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    if (right) return MINKE_OK;
    ERR_clear_error();
    return MINKE_ERROR_CRYPTO;
}
