/*
 * What a set-up of webrtc-direct costs at least with OpenSSL as it is: the handshake of DTLS and the parts of Noise, on
 * one core, without packets, ICE and SCTP. In microseconds of processor time, medians; one JSON object on stdout:
 *
 *     build/bench/setup-cost [--repeat N]
 *
 * dtls_client_us, dtls_server_us: a DTLS 1.2 handshake, both with a certificate, X25519, its objects made and freed.
 * noise_us: Noise XX of one side, the sum of its parts as OpenSSL's EVP has them: one new X25519 key, three agreements,
 * 24 hashes of 96 bytes, 4 ChaCha20-Poly1305 of 128 bytes with their keys, one Ed25519 signature checked (our own is
 * kept). noise_sodium_us: the same with X25519 and Ed25519 of libsodium, where it was there when this was built.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/arguments.h"
#include "support/dtls_pair.h"
#include "support/measure.h"

#ifdef BENCH_SODIUM
#include <sodium.h>
#endif

static const char usage[] = "usage: setup-cost [--repeat N]\n";

enum { REPEAT_MAX = 200, HANDSHAKES = 40, CALLS = 100, AGREEMENTS = 3, HASHES = 24, SEALS = 4 };

static EVP_PKEY *agreement_key, *remote_key, *signature_key;
static EVP_CIPHER_CTX *cipher;
static uint8_t message[256], signature[64], out[256];

static void check(bool fine)
{
    if (!fine) die("a primitive failed");
}

static void new_key(void) { EVP_PKEY_free(EVP_PKEY_Q_keygen(NULL, NULL, "X25519")); }

static void agree(void)
{
    size_t len = 32;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(agreement_key, NULL);
    check(EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, remote_key) == 1 &&
          EVP_PKEY_derive(context, out, &len) == 1);
    EVP_PKEY_CTX_free(context);
}

static void sign(void)
{
    size_t len = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    check(EVP_DigestSignInit(context, NULL, NULL, NULL, signature_key) == 1 &&
          EVP_DigestSign(context, signature, &len, message, 56) == 1);
    EVP_MD_CTX_free(context);
}

static void verify(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    check(EVP_DigestVerifyInit(context, NULL, NULL, NULL, signature_key) == 1 &&
          EVP_DigestVerify(context, signature, sizeof signature, message, 56) == 1);
    EVP_MD_CTX_free(context);
}

static void hash(void) { check(EVP_Digest(message, 96, out, NULL, EVP_sha256(), NULL) == 1); }

static void seal(void)
{
    static const uint8_t nonce[12];
    int n;
    check(EVP_EncryptInit_ex(cipher, EVP_chacha20_poly1305(), NULL, message, nonce) == 1 &&
          EVP_EncryptUpdate(cipher, NULL, &n, message, 32) == 1 &&
          EVP_EncryptUpdate(cipher, out, &n, message, 128) == 1 && EVP_EncryptFinal_ex(cipher, out + n, &n) == 1 &&
          EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, out + 200) == 1);
}

#ifdef BENCH_SODIUM
static uint8_t sodium_secret[64], sodium_public[32], sodium_signature[64], scalar[32], point[32], product[32];

static void prepare_sodium(void)
{
    check(sodium_init() >= 0 && crypto_sign_keypair(sodium_public, sodium_secret) == 0 &&
          crypto_sign_detached(sodium_signature, NULL, message, 56, sodium_secret) == 0);
    randombytes_buf(scalar, sizeof scalar);
    check(crypto_scalarmult_base(point, scalar) == 0);
}

static void sodium_new_key(void) { check(crypto_scalarmult_base(product, scalar) == 0); }

static void sodium_agree(void) { check(crypto_scalarmult(product, scalar, point) == 0); }

static void sodium_verify(void)
{
    check(crypto_sign_verify_detached(sodium_signature, message, 56, sodium_public) == 0);
}
#endif

/* Everything that is measured, and how often one side of Noise does it: with EVP, and with libsodium. */
typedef struct part {
    void (*call)(void);
    double evp, sodium;
    double times[REPEAT_MAX];
} part_t;

static part_t parts[] = {
    {.call = new_key, .evp = 1},
    {.call = agree, .evp = AGREEMENTS},
    {.call = verify, .evp = 1},
    {.call = hash, .evp = HASHES, .sodium = HASHES},
    {.call = seal, .evp = SEALS, .sodium = SEALS},
#ifdef BENCH_SODIUM
    {.call = sodium_new_key, .sodium = 1},
    {.call = sodium_agree, .sodium = AGREEMENTS},
    {.call = sodium_verify, .sodium = 1},
#endif
};
enum { PARTS_N = sizeof parts / sizeof *parts };

static void prepare(void)
{
    agreement_key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    remote_key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    signature_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    cipher = EVP_CIPHER_CTX_new();
    check(agreement_key != NULL && remote_key != NULL && signature_key != NULL && cipher != NULL);
    sign();
#ifdef BENCH_SODIUM
    prepare_sodium();
#endif
}

static double time_of(void (*call)(void))
{
    const double before = cpu_s();
    for (int i = 0; i < CALLS; i++) call();
    return (cpu_s() - before) / CALLS;
}

int main(int argc, char **argv)
{
    static double clients[REPEAT_MAX], servers[REPEAT_MAX];
    double repeat_wanted = 10, noise = 0, noise_sodium = 0;
    const argument_t known[] = {{"--repeat", &repeat_wanted, NULL}, {NULL, NULL, NULL}};
    const char *word = read_arguments(argc, argv, known, usage);
    if (word != NULL || repeat_wanted < 1 || repeat_wanted > REPEAT_MAX) {
        (void)fputs(usage, stderr);
        return 2;
    }
    const size_t repeat = (size_t)repeat_wanted;
    pin(1);
    prepare();
    dtls_pair_t *pair = dtls_pair_new("X25519:P-256");
    for (size_t i = 0; i < repeat; i++) {
        for (int k = 0; k < HANDSHAKES; k++) dtls_pair_shake(pair, &clients[i], &servers[i]);
        for (size_t k = 0; k < PARTS_N; k++) parts[k].times[i] = time_of(parts[k].call);
    }
    dtls_pair_free(pair);
    for (size_t k = 0; k < PARTS_N; k++) {
        const double us = median(parts[k].times, repeat) * 1e6;
        noise += us * parts[k].evp;
        noise_sodium += us * parts[k].sodium;
    }
    (void)printf("{\"dtls_client_us\":%.1f,\"dtls_server_us\":%.1f,\"noise_us\":%.1f",
                 median(clients, repeat) * 1e6 / HANDSHAKES, median(servers, repeat) * 1e6 / HANDSHAKES, noise);
#ifdef BENCH_SODIUM
    (void)printf(",\"noise_sodium_us\":%.1f", noise_sodium);
#endif
    (void)printf("}\n");
    return 0;
}
