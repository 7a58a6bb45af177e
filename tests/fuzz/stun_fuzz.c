/* Parse, verify, and write what was understood: it must be understood again, the same. */
#include "ice/credentials.h"
#include "stun/stun.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds)
{
    if (!holds) abort();
}

static void write_again(const minke_stun_message_t *m)
{
    uint8_t out[2048];
    minke_writer_t w = minke__writer(out, sizeof out);
    minke__stun_begin(&w, m->type, m->transaction_id);
    const char *colon = m->username != NULL ? memchr(m->username, ':', m->username_len) : NULL;
    const size_t left = colon != NULL ? (size_t)(colon - m->username) : 0;
    if (colon != NULL) minke__stun_write_username(&w, m->username, left, colon + 1, m->username_len - left - 1);
    if (m->has_priority) minke__stun_write_priority(&w, m->priority);
    if (m->ice_controlling) minke__stun_write_role(&w, true, m->tie_breaker);
    if (m->use_candidate) minke__stun_write_use_candidate(&w);
    if (m->has_mapped_address) minke__stun_write_mapped_address(&w, &m->mapped_address);
    if (m->error_code != 0) minke__stun_write_error(&w, m->error_code);
    if (m->unknown_n > 0) minke__stun_write_unknown(&w, m->unknown, m->unknown_n);
    if (!minke__stun_finish(&w, "key", 3)) return; /* a USERNAME longer than anything we write */
    minke_stun_message_t again;
    check(minke__stun_parse(w.data, w.len, &again));
    check(minke__stun_verify(&again, "key", 3) && !minke__stun_verify(&again, "kez", 3));
    check(again.has_fingerprint && again.type == m->type && again.unknown_n == 0);
    check(again.has_priority == m->has_priority && again.priority == m->priority);
    check(again.ice_controlling == m->ice_controlling && again.use_candidate == m->use_candidate);
    check(!m->ice_controlling || again.tie_breaker == m->tie_breaker);
    check(memcmp(&again.mapped_address, &m->mapped_address, sizeof m->mapped_address) == 0);
    check(again.error_code == m->error_code);
    check(colon == NULL || again.username_len == m->username_len);
    check(colon == NULL || memcmp(again.username, m->username, m->username_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    minke_stun_message_t m;
    const bool looks = minke__stun_looks_like(data, len);
    if (!minke__stun_parse(data, len, &m)) return 0;
    check(looks);
    minke_direct_username_t names;
    if (m.username != NULL && minke__direct_username_parse(m.username, m.username_len, &names)) {
        check(names.version == 1 || names.version == 2);
        check(names.server_ufrag_len + 1 + names.client_ufrag_len == m.username_len);
        (void)minke__stun_verify(&m, names.server_ufrag, names.server_ufrag_len);
    }
    (void)minke__stun_verify(&m, "key", 3);
    write_again(&m);
    return 0;
}
