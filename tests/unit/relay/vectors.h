/* The peers of the vectors in spec/host.md 11, and how to come by them. */
#ifndef MINKE_TESTS_RELAY_VECTORS_H
#define MINKE_TESTS_RELAY_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/identity.h"
#include "support/test_env.h"

#define RELAY_KEY "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
#define RELAY_SECRET                                                                                                   \
    "080112407e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d"                                         \
    "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
#define PEER_KEY "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99"
#define PEER_ID "0025" PEER_KEY

static inline minke_peer_id_t peer_of(const char *key_hex)
{
    uint8_t key[64];
    minke_peer_id_t id;
    minke__peer_id_from_public_key(key, test_unhex(key_hex, key, sizeof key), &id);
    return id;
}

static inline void assert_bytes(const uint8_t *bytes, size_t len, const char *hex)
{
    uint8_t expected[1024];
    assert_int_equal(len, test_unhex(hex, expected, sizeof expected));
    assert_memory_equal(bytes, expected, len);
}

#endif
