#include "dtls/keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/wire.h"

enum { GCM_SALT = 4, GCM_EXPLICIT = 8, CHACHA_IV = 12, KEY_MAX = 32, MASTER_SECRET = 48, RANDOM = 32, AAD = 13 };

#define SEQUENCE_MAX ((UINT64_C(1) << 48) - 1)

bool minke__dtls_algorithms_fetch(minke_dtls_algorithms_t *algorithms)
{
    algorithms->ciphers = (minke_dtls_ciphers_t){.slots_n = 0};
    algorithms->prf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    algorithms->aes_128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    algorithms->aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    algorithms->chacha20_poly1305 = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    if (algorithms->prf != NULL && algorithms->aes_128_gcm != NULL && algorithms->aes_256_gcm != NULL &&
        algorithms->chacha20_poly1305 != NULL)
        return true;
    minke__dtls_algorithms_free(algorithms);
    return false;
}

void minke__dtls_algorithms_free(minke_dtls_algorithms_t *algorithms)
{
    EVP_KDF_free(algorithms->prf);
    EVP_CIPHER_free(algorithms->aes_128_gcm);
    EVP_CIPHER_free(algorithms->aes_256_gcm);
    EVP_CIPHER_free(algorithms->chacha20_poly1305);
    minke__dtls_ciphers_free(&algorithms->ciphers);
    *algorithms = (minke_dtls_algorithms_t){0};
}

/* What a suite needs from the key block. */
typedef struct suite {
    EVP_CIPHER *cipher;
    size_t key_len;
    size_t iv_len;
} suite_t;

static bool find_suite(uint16_t number, const minke_dtls_algorithms_t *algorithms, suite_t *suite)
{
    switch (number) {
    case 0xc02b:
    case 0xc02f: *suite = (suite_t){algorithms->aes_128_gcm, 16, GCM_SALT}; return true;
    case 0xc02c:
    case 0xc030: *suite = (suite_t){algorithms->aes_256_gcm, 32, GCM_SALT}; return true;
    case 0xcca8:
    case 0xcca9: *suite = (suite_t){algorithms->chacha20_poly1305, 32, CHACHA_IV}; return true;
    default: return false;
    }
}

/* key_block = PRF(master_secret, "key expansion", server_random + client_random), RFC 5246 6.3. */
static bool derive_key_block(SSL *ssl, EVP_KDF *prf, uint8_t *block, size_t len)
{
    static char label[] = "key expansion";
    uint8_t secret[MASTER_SECRET], client[RANDOM], server[RANDOM];
    const EVP_MD *hash = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl));
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(prf);
    bool ok = context != NULL && hash != NULL;
    ok = ok && SSL_SESSION_get_master_key(SSL_get0_session(ssl), secret, sizeof secret) == sizeof secret;
    ok = ok && SSL_get_client_random(ssl, client, sizeof client) == sizeof client;
    ok = ok && SSL_get_server_random(ssl, server, sizeof server) == sizeof server;
    if (ok) {
        char hash_name[32]; /* OSSL_PARAM takes no const */
        minke_writer_t w = minke__writer(hash_name, sizeof hash_name);
        minke__write_text(&w, EVP_MD_get0_name(hash));
        minke__write_terminator(&w);
        const OSSL_PARAM parameters[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash_name, 0),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret, sizeof secret),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label, sizeof label - 1),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, server, sizeof server),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, client, sizeof client),
            OSSL_PARAM_construct_end()};
        ok = EVP_KDF_derive(context, block, len, parameters) == 1;
    }
    EVP_KDF_CTX_free(context);
    OPENSSL_cleanse(secret, sizeof secret);
    return ok;
}

static void set_key(minke_dtls_key_t *key, const suite_t *suite, const uint8_t *bytes, const uint8_t *iv)
{
    memcpy(key->iv, iv, suite->iv_len);
    memcpy(key->bytes, bytes, suite->key_len);
}

bool minke__dtls_keys_derive(minke_dtls_keys_t *keys, minke_dtls_algorithms_t *algorithms, SSL *ssl)
{
    uint8_t block[2 * KEY_MAX + 2 * CHACHA_IV];
    suite_t suite;
    *keys = (minke_dtls_keys_t){0};
    keys->suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl));
    if (!find_suite(keys->suite, algorithms, &suite)) return false;
    if (!derive_key_block(ssl, algorithms->prf, block, 2 * (suite.key_len + suite.iv_len))) return false;
    keys->explicit_len = suite.iv_len == GCM_SALT ? GCM_EXPLICIT : 0;
    const bool server = SSL_is_server(ssl) == 1;
    minke_dtls_key_t *client_key = server ? &keys->read : &keys->write;
    minke_dtls_key_t *server_key = server ? &keys->write : &keys->read;
    const uint8_t *ivs = block + 2 * suite.key_len;
    keys->ciphers = &algorithms->ciphers;
    keys->algorithm = suite.cipher;
    set_key(client_key, &suite, block, ivs);
    set_key(server_key, &suite, block + suite.key_len, ivs + suite.iv_len);
    OPENSSL_cleanse(block, sizeof block);
    return true;
}

void minke__dtls_keys_free(minke_dtls_keys_t *keys)
{
    minke__dtls_cipher_give_back(keys->ciphers, &keys->write);
    minke__dtls_cipher_give_back(keys->ciphers, &keys->read);
    OPENSSL_cleanse(keys, sizeof *keys);
}

void minke__dtls_keys_start(minke_dtls_keys_t *keys, uint64_t sequence, uint64_t nonce)
{
    keys->next_sequence = sequence;
    keys->nonce_ahead = nonce - sequence;
}

/* GCM: OpenSSL counts the nonces from here on. They follow from the records' numbers, so a key that was parked goes on
 * where it was, and where it failed in between it has skipped some: none is ever used twice. */
static bool set_nonce(minke_dtls_keys_t *keys, minke_dtls_key_t *key, bool write)
{
    minke_writer_t w = minke__writer(key->iv + GCM_SALT, GCM_EXPLICIT);
    if (keys->explicit_len == 0) return true;
    minke__write_u64(&w, keys->next_sequence + keys->nonce_ahead);
    /* -1: salt and counter, not the salt alone with a random counter. */
    return EVP_CIPHER_CTX_ctrl(key->cipher, EVP_CTRL_AEAD_SET_IV_FIXED, write ? -1 : GCM_SALT, key->iv) == 1;
}

static bool take_cipher(minke_dtls_keys_t *keys, minke_dtls_key_t *key, bool write)
{
    if (keys->ciphers == NULL || !minke__dtls_cipher_take(keys->ciphers, key, keys->algorithm, write)) return false;
    if (set_nonce(keys, key, write)) return true;
    minke__dtls_cipher_give_back(keys->ciphers, key);
    return false;
}

static inline bool have_cipher(minke_dtls_keys_t *keys, minke_dtls_key_t *key, bool write)
{
    key->used = true;
    return key->cipher != NULL || take_cipher(keys, key, write);
}

/* RFC 5246 6.2.3.3: epoch and sequence number, type, version, a length. */
static void write_aad(uint8_t aad[AAD], const uint8_t *header, size_t len)
{
    minke_writer_t w = minke__writer(aad, AAD);
    minke__write_bytes(&w, header + 3, 8);
    minke__write_bytes(&w, header, 3);
    minke__write_u16(&w, (uint16_t)len);
}

/*
 * GCM, the way that libssl itself takes: one call for nonce, additional data, text and tag, where the general interface
 * needs four and looks up parameters by name in each. `body` is explicit nonce, text and tag; sealing fills in the
 * first and the last. In the additional data goes the length with what is not text, which OpenSSL subtracts.
 */
static bool gcm_record(const minke_dtls_key_t *key, const uint8_t *header, uint8_t *body, size_t body_len,
                       size_t aad_len)
{
    uint8_t aad[AAD];
    /* EVP_CTRL_AEAD_TLS1_AAD without its second half, which asks for the length of the tag. */
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_AAD, aad, AAD),
                                     OSSL_PARAM_construct_end()};
    write_aad(aad, header, aad_len);
    return EVP_CIPHER_CTX_set_params(key->cipher, parameters) == 1 &&
           EVP_Cipher(key->cipher, body, body, (unsigned)body_len) >= 0;
}

/* ChaCha20: the nonce is the IV with epoch and sequence number. */
static bool chacha_start(const minke_dtls_key_t *key, const uint8_t *header, size_t text_len)
{
    uint8_t aad[AAD], nonce[CHACHA_IV];
    int n;
    write_aad(aad, header, text_len);
    memcpy(nonce, key->iv, sizeof nonce);
    for (size_t i = 0; i < 8; i++) nonce[4 + i] ^= aad[i];
    return EVP_CipherInit_ex(key->cipher, NULL, NULL, NULL, nonce, -1) == 1 &&
           EVP_CipherUpdate(key->cipher, NULL, &n, aad, AAD) == 1;
}

static bool chacha_seal(const minke_dtls_key_t *key, const uint8_t *header, uint8_t *text, size_t len)
{
    int n;
    return chacha_start(key, header, len) && EVP_CipherUpdate(key->cipher, text, &n, text, (int)len) == 1 &&
           EVP_CipherFinal_ex(key->cipher, text + len, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(key->cipher, EVP_CTRL_AEAD_GET_TAG, MINKE_DTLS_TAG_BYTES, text + len) == 1;
}

static bool chacha_open(const minke_dtls_key_t *key, const uint8_t *header, uint8_t *text, size_t len)
{
    int n;
    return chacha_start(key, header, len) &&
           EVP_CIPHER_CTX_ctrl(key->cipher, EVP_CTRL_AEAD_SET_TAG, MINKE_DTLS_TAG_BYTES, text + len) == 1 &&
           EVP_CipherUpdate(key->cipher, text, &n, text, (int)len) == 1 &&
           EVP_CipherFinal_ex(key->cipher, text + len, &n) == 1;
}

size_t minke__dtls_keys_seal(minke_dtls_keys_t *keys, uint8_t type, uint8_t *record, size_t len)
{
    minke_dtls_key_t *key = &keys->write;
    uint8_t *body = record + MINKE_DTLS_HEADER_BYTES;
    const size_t body_len = keys->explicit_len + len + MINKE_DTLS_TAG_BYTES;
    if (keys->next_sequence > SEQUENCE_MAX || len > MINKE_DTLS_PLAINTEXT_MAX) return 0;
    if (!have_cipher(keys, key, true)) return 0;
    minke__dtls_record_write_header(record, type, 1, keys->next_sequence++, body_len);
    const bool sealed = keys->explicit_len > 0 ? gcm_record(key, record, body, body_len, GCM_EXPLICIT + len)
                                               : chacha_seal(key, record, body, len);
    return sealed ? MINKE_DTLS_HEADER_BYTES + body_len : 0;
}

uint8_t *minke__dtls_keys_open(minke_dtls_keys_t *keys, const minke_dtls_record_t *record, size_t *len)
{
    minke_dtls_key_t *key = &keys->read;
    const size_t overhead = keys->explicit_len + (size_t)MINKE_DTLS_TAG_BYTES;
    uint8_t *plaintext = record->body + keys->explicit_len;
    if (record->body_len < overhead || !have_cipher(keys, key, false)) return NULL;
    *len = record->body_len - overhead;
    const bool opened = keys->explicit_len > 0
                            ? gcm_record(key, record->data, record->body, record->body_len, record->body_len)
                            : chacha_open(key, record->data, plaintext, *len);
    return opened ? plaintext : NULL;
}
