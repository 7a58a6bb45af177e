/*
 * Why the certificate is derived, and why this file signs it by hand.
 *
 * A dialer pins the SHA-256 of the whole DER, so an address stays valid over restarts only if every byte does: key,
 * serial, dates and signature. Keeping the certificate in a file beside the identity would do, but then there are two
 * things to keep together, and an identity that is handed in as bytes has no place for the second. So all of it
 * follows from the identity's private key, by HKDF-SHA256 with labels of our own: one key, one certhash.
 *
 * The signature must then be deterministic too, and it must be P-256 (Chromium refuses other curves, and Ed25519).
 * OpenSSL 3.0 has no deterministic ECDSA (3.2 has, as "nonce-type"). Seeding a private generator for it would pin the
 * bytes only for one release of OpenSSL, for how a nonce is made from random bytes is its private matter. So the nonce
 * is that of RFC 6979, and the signature is put together from OpenSSL's point multiplication and modular arithmetic
 * (elliptic.c), proven against the vectors of the RFC. The secret at stake is the certificate's own key, which
 * authenticates nobody without the identity (Noise signs with that), and it signs one fixed message, once per start.
 *
 * The template below must never change: every published address of every user would break. A unit test pins the
 * certhash of a known identity.
 */
#include "crypto/certificate.h"

#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include "base/wire.h"
#include "crypto/elliptic.h"
#include "crypto/primitives.h"

enum { SERIAL_BYTES = 16, CERTIFICATE_MAX = 400, SIGNATURE_MAX = 80 };

struct minke_certificate {
    const minke_env_t *env;
    X509 *x509;
    EVP_PKEY *private_key;
    uint8_t fingerprint[32];
};

/* SEQUENCE { ecdsa-with-SHA256 } */
static const uint8_t signature_algorithm[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
/* Version 3, as WebRTC stacks make theirs; the serial's tag and length. */
static const uint8_t before_serial[] = {0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, SERIAL_BYTES};
/* CN=minke */
static const uint8_t name[] = {0x30, 0x10, 0x31, 0x0e, 0x30, 0x0c, 0x06, 0x03, 0x55,
                               0x04, 0x03, 0x0c, 0x05, 'm',  'i',  'n',  'k',  'e'};
/* From 2020-01-01 (UTCTime, which ends in 2049) to 2120-01-01 (GeneralizedTime). */
static const uint8_t validity[] = {0x30, 0x20, 0x17, 0x0d, '2', '0',  '0',  '1', '0', '1', '0', '0',
                                   '0',  '0',  '0',  '0',  'Z', 0x18, 0x0f, '2', '1', '2', '0', '0',
                                   '1',  '0',  '1',  '0',  '0', '0',  '0',  '0', '0', 'Z'};
/* SubjectPublicKeyInfo of a P-256 key up to the uncompressed point. */
static const uint8_t before_point[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                       0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

/* SEQUENCE of 128 to 255 bytes (both of ours are). */
static void write_sequence_head(minke_writer_t *w, size_t len)
{
    minke__write_u8(w, 0x30);
    minke__write_u8(w, 0x81);
    minke__write_u8(w, (uint8_t)len);
}

static void write_unsigned_part(minke_writer_t *w, const uint8_t serial[SERIAL_BYTES],
                                const uint8_t point[MINKE_POINT_BYTES])
{
    write_sequence_head(w, sizeof before_serial + SERIAL_BYTES + sizeof signature_algorithm + 2 * sizeof name +
                               sizeof validity + sizeof before_point + MINKE_POINT_BYTES);
    minke__write_bytes(w, before_serial, sizeof before_serial);
    minke__write_bytes(w, serial, SERIAL_BYTES);
    minke__write_bytes(w, signature_algorithm, sizeof signature_algorithm);
    minke__write_bytes(w, name, sizeof name);
    minke__write_bytes(w, validity, sizeof validity);
    minke__write_bytes(w, name, sizeof name);
    minke__write_bytes(w, before_point, sizeof before_point);
    minke__write_bytes(w, point, MINKE_POINT_BYTES);
}

/* The DER of an ECDSA signature; 0 on failure. */
static size_t signature_der(const uint8_t r[32], const uint8_t s[32], uint8_t out[SIGNATURE_MAX])
{
    int len = 0;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r_number = BN_bin2bn(r, 32, NULL), *s_number = BN_bin2bn(s, 32, NULL);
    if (signature != NULL && r_number != NULL && s_number != NULL &&
        ECDSA_SIG_set0(signature, r_number, s_number) == 1) {
        r_number = s_number = NULL; /* owned by the signature now */
        len = i2d_ECDSA_SIG(signature, &out);
    }
    BN_free(r_number);
    BN_free(s_number);
    ECDSA_SIG_free(signature);
    return len > 0 ? (size_t)len : 0;
}

/* The whole certificate; returns its length, or 0. */
static size_t write_certificate(const uint8_t scalar[32], const uint8_t serial[SERIAL_BYTES],
                                const uint8_t point[MINKE_POINT_BYTES], uint8_t out[CERTIFICATE_MAX])
{
    uint8_t to_sign[CERTIFICATE_MAX], digest[32], r[32], s[32], signature[SIGNATURE_MAX];
    minke_writer_t body = minke__writer(to_sign, sizeof to_sign);
    write_unsigned_part(&body, serial, point);
    minke__sha256(to_sign, body.len, digest);
    if (minke__p256_sign(scalar, digest, r, s) < 0) return 0;
    const size_t signature_len = signature_der(r, s, signature);
    if (signature_len == 0) return 0;

    minke_writer_t w = minke__writer(out, CERTIFICATE_MAX);
    minke__write_u8(&w, 0x30);
    minke__write_u8(&w, 0x82);
    minke__write_u16(&w, (uint16_t)(body.len + sizeof signature_algorithm + 3 + signature_len));
    minke__write_bytes(&w, to_sign, body.len);
    minke__write_bytes(&w, signature_algorithm, sizeof signature_algorithm);
    minke__write_u8(&w, 0x03); /* BIT STRING without unused bits */
    minke__write_u8(&w, (uint8_t)(1 + signature_len));
    minke__write_u8(&w, 0);
    minke__write_bytes(&w, signature, signature_len);
    return w.failed ? 0 : w.len;
}

typedef struct parts {
    uint8_t uniform[48]; /* becomes the private key */
    uint8_t serial[SERIAL_BYTES];
} parts_t;

static int make(const parts_t *parts, minke_certificate_t *certificate)
{
    uint8_t scalar[MINKE_SCALAR_BYTES], serial[SERIAL_BYTES], point[MINKE_POINT_BYTES], der[CERTIFICATE_MAX];
    int result = minke__p256_scalar(parts->uniform, scalar);
    if (result < 0) return result;
    memcpy(serial, parts->serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40); /* positive, and always of one length */
    certificate->private_key = minke__ec_private_key(NID_X9_62_prime256v1, scalar);
    size_t len = 0;
    if (certificate->private_key != NULL &&
        minke__ec_public_point(certificate->private_key, point, sizeof point) == MINKE_OK) {
        len = write_certificate(scalar, serial, point, der);
    }
    minke__wipe(scalar, sizeof scalar);
    const uint8_t *at = der;
    if (len > 0) certificate->x509 = d2i_X509(NULL, &at, (long)len);
    if (certificate->x509 == NULL) {
        ERR_clear_error();
        return MINKE_ERROR_CRYPTO;
    }
    minke__sha256(der, len, certificate->fingerprint);
    return MINKE_OK;
}

static int new_certificate(const minke_env_t *env, const parts_t *parts, minke_certificate_t **out)
{
    minke_certificate_t *certificate = minke__alloc_zero(env, sizeof *certificate);
    if (certificate == NULL) return MINKE_ERROR_NO_MEMORY;
    certificate->env = env;
    const int result = make(parts, certificate);
    if (result < 0) {
        minke__certificate_free(certificate);
        return result;
    }
    *out = certificate;
    return MINKE_OK;
}

int minke__certificate_derive(const minke_env_t *env, const minke_identity_t *identity, minke_certificate_t **out)
{
    static const char salt[] = "minke webrtc-direct certificate 1", key_label[] = "key", serial_label[] = "serial";
    size_t secret_len;
    const uint8_t *secret = minke__identity_secret(identity, &secret_len);
    if (secret == NULL) return MINKE_ERROR_UNSUPPORTED;
    parts_t parts;
    int result = minke__hkdf_sha256(salt, sizeof salt - 1, secret, secret_len, key_label, sizeof key_label - 1,
                                    parts.uniform, sizeof parts.uniform);
    if (result == MINKE_OK) {
        result = minke__hkdf_sha256(salt, sizeof salt - 1, secret, secret_len, serial_label, sizeof serial_label - 1,
                                    parts.serial, sizeof parts.serial);
    }
    if (result == MINKE_OK) result = new_certificate(env, &parts, out);
    minke__wipe(&parts, sizeof parts);
    return result;
}

int minke__certificate_new(const minke_env_t *env, minke_certificate_t **out)
{
    parts_t parts;
    minke__random_fill(env, parts.uniform, sizeof parts.uniform);
    minke__random_fill(env, parts.serial, sizeof parts.serial);
    const int result = new_certificate(env, &parts, out);
    minke__wipe(&parts, sizeof parts);
    return result;
}

void minke__certificate_free(minke_certificate_t *certificate)
{
    if (certificate == NULL) return;
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->private_key);
    minke__free(certificate->env, certificate);
}

const uint8_t *minke__certificate_fingerprint(const minke_certificate_t *certificate)
{
    return certificate->fingerprint;
}

void *minke__certificate_x509(const minke_certificate_t *certificate) { return certificate->x509; }

void *minke__certificate_private_key(const minke_certificate_t *certificate) { return certificate->private_key; }
