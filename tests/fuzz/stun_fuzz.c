/* Parse, verify, and write what was understood: it must be understood again, the same. A plain request is answered, as
 * often as the limit allows, and no answer is larger than it may be. */
#include "ice/credentials.h"
#include "stun/responder.h"
#include "stun/stun.h"
#include "support/test_env.h"

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

static void check_answer(const minke_stun_message_t *request, const minke_path_t *path, const uint8_t *out, size_t len)
{
    minke_stun_message_t answer;
    check(len <= request->len + MINKE_RESPONDER_GROWTH_IP6_MAX && minke__stun_parse(out, len, &answer));
    check(memcmp(answer.transaction_id, request->transaction_id, MINKE_STUN_TRANSACTION_ID_BYTES) == 0);
    check(answer.has_fingerprint == request->has_fingerprint && answer.integrity_at == 0 && answer.username == NULL);
    if (request->unknown_n > 0) {
        check(answer.type == MINKE_STUN_BINDING_ERROR && answer.error_code == MINKE_STUN_UNKNOWN_ATTRIBUTE);
    } else {
        check(answer.type == MINKE_STUN_BINDING_SUCCESS && answer.has_mapped_address);
        check(memcmp(&answer.mapped_address, &path->remote, sizeof path->remote) == 0);
    }
}

static void serve(const minke_stun_message_t *request)
{
    test_env_t test;
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    minke_path_t back;
    minke_path_t path = {.socket = 1, .remote = {.port = request->transaction_id[0]}};
    if (!minke__responder_serves(request)) return;
    test_env_init(&test, 1);
    minke_responder_t *responder = minke__responder_new(&test.env, 1000);
    path.remote.family = request->transaction_id[1] % 2 == 0 ? MINKE_FAMILY_IP4 : MINKE_FAMILY_IP6;
    memcpy(path.remote.ip, request->transaction_id, path.remote.family == MINKE_FAMILY_IP4 ? 4 : 12);
    for (unsigned i = 0; i < 12; i++) minke__responder_recv(responder, request, &path, 1);
    unsigned answers = 0;
    for (size_t len; (len = minke__responder_transmit(responder, out, sizeof out, &back)) > 0; answers++) {
        check(memcmp(&back, &path, sizeof path) == 0);
        check_answer(request, &path, out, len);
    }
    check(answers == 10 && test.counters.stun_served == 10 && test.counters.stun_limited == 2);
    minke__responder_free(responder);
    check(test.blocks == 0);
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
    serve(&m);
    return 0;
}
