/* Identity keys for programs: make one, look at one. */
#include <string.h>

#include "crypto/certificate.h"
#include "crypto/identity.h"
#include "crypto/primitives.h"
#include "multiformats/multibase.h"

#include <minke/minke.h>

static minke_env_t plain_env(minke_counters_t *counters)
{
    return (minke_env_t){
        .allocator = minke__default_allocator(), .random = minke__default_random(), .counters = counters};
}

ssize_t minke_key_new(uint8_t *out, size_t capacity)
{
    minke_counters_t counters = {0};
    const minke_env_t env = plain_env(&counters);
    minke_identity_t *identity;
    const int error = minke__identity_new(&env, &identity);
    if (error < 0) return error;
    const ssize_t len = minke__identity_save(identity, out, capacity);
    minke__identity_free(identity);
    return len;
}

int minke_key_peer(const uint8_t *key, size_t len, char text[MINKE_PEER_BYTES], const char **type)
{
    static const char *const types[] = {"RSA", "Ed25519", "secp256k1", "ECDSA"};
    minke_counters_t counters = {0};
    const minke_env_t env = plain_env(&counters);
    minke_identity_t *identity;
    const int error = minke__identity_load(&env, key, len, &identity);
    if (error < 0) return error;
    minke__peer_id_text(minke__identity_peer_id(identity), text);
    if (type != NULL) *type = types[minke__identity_type(identity)];
    minke__identity_free(identity);
    return MINKE_OK;
}

static int derive(const minke_env_t *env, const uint8_t *key, size_t len, uint8_t multihash[34])
{
    minke_identity_t *identity;
    minke_certificate_t *certificate;
    int error = minke__identity_load(env, key, len, &identity);
    if (error < 0) return error;
    error = minke__certificate_derive(env, identity, &certificate);
    minke__identity_free(identity);
    if (error < 0) return error;
    multihash[0] = 0x12; /* sha2-256 */
    multihash[1] = 32;
    memcpy(multihash + 2, minke__certificate_fingerprint(certificate), 32);
    minke__certificate_free(certificate);
    return MINKE_OK;
}

int minke_key_certhash(const uint8_t *key, size_t len, char *out, size_t capacity)
{
    minke_counters_t counters = {0};
    const minke_env_t env = plain_env(&counters);
    uint8_t multihash[34];
    const int error = derive(&env, key, len, multihash);
    if (error < 0) return error;
    const ssize_t text_len = minke__multibase_encode(MINKE_BASE64URL, multihash, sizeof multihash, out, capacity);
    if (text_len < 0) return (int)text_len;
    if ((size_t)text_len == capacity) return MINKE_ERROR_NO_SPACE;
    out[text_len] = 0;
    return MINKE_OK;
}
