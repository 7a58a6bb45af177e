/* A voucher as a relay may send it, and the same bytes as the payload of one that is signed properly: a relay may sign
 * what it likes. */
#include <assert.h>

#include "relay/envelope.h"
#include "support/test_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 4096 };

static const uint8_t voucher_type[] = {0x03, 0x02};
static const minke_envelope_purpose_t purpose = {"libp2p-relay-rsvp", {voucher_type, sizeof voucher_type}};

/* The relay of spec/host.md 3, for which the seeds were made. */
static minke_identity_t *relay_of(const minke_env_t *env)
{
    uint8_t key[128];
    minke_identity_t *identity;
    const size_t len = test_unhex("080112407e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d"
                                  "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
                                  key, sizeof key);
    const int error = minke__identity_load(env, key, len, &identity);
    assert(error == MINKE_OK);
    return identity;
}

static minke_peer_id_t the_peer(void)
{
    uint8_t key[64];
    minke_peer_id_t id;
    minke__peer_id_from_public_key(
        key, test_unhex("08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99", key, sizeof key),
        &id);
    return id;
}

static void open_it(const minke_env_t *env, const uint8_t *data, size_t size, const minke_peer_id_t *relay)
{
    const minke_peer_id_t peer = the_peer();
    minke_envelope_t envelope;
    minke_voucher_t voucher;
    const int error = minke__envelope_open(env, data, size, &purpose, &envelope);
    assert(error <= MINKE_OK && (error == MINKE_OK) == (envelope.signer.len != 0));
    if (minke__voucher_open(env, data, size, relay, &peer, &voucher) < 0) {
        assert(voucher.relay.len == 0 && voucher.peer.len == 0 && voucher.expire == 0);
    } else {
        assert(error == MINKE_OK && minke__peer_id_equal(&envelope.signer, relay));
        assert(minke__peer_id_equal(&voucher.relay, relay) && minke__peer_id_equal(&voucher.peer, &peer));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t sealed[LARGEST + 256];
    if (size > LARGEST) return 0;
    test_env_t test;
    test_env_init(&test, 1);
    minke_identity_t *relay = relay_of(&test.env);
    const minke_peer_id_t *id = minke__identity_peer_id(relay);
    open_it(&test.env, data, size, id);
    minke_writer_t w = minke__writer(sealed, sizeof sealed);
    const int error = minke__envelope_seal(&test.env, relay, &purpose, (minke_slice_t){data, size}, &w);
    assert(error == MINKE_OK);
    open_it(&test.env, sealed, w.len, id);
    minke__identity_free(relay);
    assert(test.blocks == 0);
    return 0;
}
