#include "dtls/ciphers.h"

#include <stddef.h>

void minke__dtls_ciphers_free(minke_dtls_ciphers_t *ciphers)
{
    for (size_t i = 0; i < ciphers->slots_n; i++) EVP_CIPHER_CTX_free(ciphers->slots[i].context);
    *ciphers = (minke_dtls_ciphers_t){.slots_n = 0};
}

/* A slot that nobody has, while there are any; else, after one round at most, that of a key which was not used in it.
 */
static uint8_t find_slot(minke_dtls_ciphers_t *ciphers)
{
    if (ciphers->slots_n < MINKE_DTLS_CIPHERS_MAX) return ciphers->slots_n++;
    for (;;) {
        const uint8_t slot = ciphers->hand;
        minke_dtls_key_t *holder = ciphers->slots[slot].holder;
        ciphers->hand = (uint8_t)((slot + 1) % MINKE_DTLS_CIPHERS_MAX);
        if (holder == NULL || !holder->used) return slot;
        holder->used = false;
    }
}

/* A context that had the same algorithm keeps all that OpenSSL has set up for it. */
static bool set_key(EVP_CIPHER_CTX *context, const minke_dtls_key_t *key, const EVP_CIPHER *algorithm, bool write)
{
    const bool known = EVP_CIPHER_CTX_get0_cipher(context) == algorithm;
    return EVP_CipherInit_ex2(context, known ? NULL : algorithm, key->bytes, NULL, write, NULL) == 1;
}

bool minke__dtls_cipher_take(minke_dtls_ciphers_t *ciphers, minke_dtls_key_t *key, const EVP_CIPHER *algorithm,
                             bool write)
{
    const uint8_t index = find_slot(ciphers);
    minke_dtls_cipher_slot_t *slot = &ciphers->slots[index];
    if (slot->holder != NULL) slot->holder->cipher = NULL;
    slot->holder = NULL;
    if (slot->context == NULL) slot->context = EVP_CIPHER_CTX_new();
    if (slot->context == NULL) return false;
    if (!set_key(slot->context, key, algorithm, write)) {
        EVP_CIPHER_CTX_free(slot->context);
        slot->context = NULL;
        return false;
    }
    slot->holder = key;
    key->cipher = slot->context;
    key->slot = index;
    return true;
}

void minke__dtls_cipher_give_back(minke_dtls_ciphers_t *ciphers, minke_dtls_key_t *key)
{
    if (key->cipher == NULL) return;
    minke_dtls_cipher_slot_t *slot = &ciphers->slots[key->slot];
    EVP_CIPHER_CTX_free(slot->context);
    *slot = (minke_dtls_cipher_slot_t){NULL, NULL};
    key->cipher = NULL;
}
