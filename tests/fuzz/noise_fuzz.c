/*
 * A handshake with an attacker on the path: the first byte of the input says which message it touches and how, the rest
 * replaces it or is laid over it. Nothing but the untouched handshake may succeed.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "noise/noise.h"
#include "support/test_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 4096 };

static size_t attack(const uint8_t *data, size_t size, bool replace, uint8_t *message, size_t len)
{
    if (replace) {
        memcpy(message, data, size);
        return size;
    }
    for (size_t i = 0; i < size; i++) message[i] = (uint8_t)(i < len ? message[i] ^ data[i] : data[i]);
    return size > len ? size : len;
}

/* Whether all three messages were taken; and that no end is sure of the other when one was not what was sent. */
static void handshake(minke_noise_t *ends[2], int touched, bool replace, const uint8_t *data, size_t size)
{
    static uint8_t message[LARGEST], original[LARGEST];
    bool changed = false;
    for (int n = 0; n < 3; n++) {
        const ssize_t written = minke__noise_write(ends[n % 2], message, sizeof message);
        if (written < 0) {
            assert(changed);
            return;
        }
        size_t len = (size_t)written;
        memcpy(original, message, len);
        if (n == touched) len = attack(data, size, replace, message, len);
        changed = changed || len != (size_t)written || memcmp(original, message, len) != 0;
        if (minke__noise_read(ends[(n + 1) % 2], message, len) < 0) {
            assert(changed);
            assert(minke__noise_next(ends[(n + 1) % 2]) == MINKE_NOISE_FAILED);
            return;
        }
        assert(!changed || n == 0); /* message 1 alone says nothing about anybody */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static test_env_t keys;
    static minke_identity_t *identity;
    if (identity == NULL) {
        test_env_init(&keys, 1);
        if (minke__identity_new(&keys.env, &identity) < 0) abort();
    }
    if (size == 0 || size > LARGEST) return 0;
    test_env_t test;
    test_env_init(&test, 2);
    minke_noise_t *ends[2] = {minke__noise_new(&test.env, true, identity, NULL, "prologue", 8),
                              minke__noise_new(&test.env, false, identity, NULL, "prologue", 8)};
    assert(ends[0] != NULL && ends[1] != NULL);
    handshake(ends, data[0] % 3, data[0] & 0x80, data + 1, size - 1);
    minke__noise_free(ends[0]);
    minke__noise_free(ends[1]);
    assert(test.blocks == 0);
    return 0;
}
