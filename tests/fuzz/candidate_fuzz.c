/* A candidate as a line, and as JSON: what is accepted is written and read again the same, both ways. */
#include <assert.h>
#include <string.h>

#include "base/address.h"
#include "signalling/candidate_json.h"
#include "support/test_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UFRAG "Qx7a"

static void assert_same(const minke_candidate_t *a, const minke_candidate_t *b)
{
    assert(a->type == b->type && a->priority == b->priority && strcmp(a->foundation, b->foundation) == 0);
    assert(minke__address_equal(&a->address, &b->address) && minke__address_equal(&a->related, &b->related));
    assert(a->has_related == b->has_related);
}

static void check(const test_env_t *test, const minke_remote_candidate_t *c)
{
    char line[MINKE_CANDIDATE_TEXT_BYTES], json[MINKE_CANDIDATE_JSON_BYTES];
    minke_remote_candidate_t again;
    const char *why;
    if (c->kind == MINKE_REMOTE_CANDIDATE_NAME) assert(strlen(c->name) == MINKE_MDNS_NAME_BYTES - 1);
    if (c->kind != MINKE_REMOTE_CANDIDATE_ADDRESS) return;
    assert(minke__candidate_is_sendable(&c->candidate.address) && c->name[0] == 0);

    minke_writer_t w = minke__writer(line, sizeof line);
    int error = minke__candidate_text_write(&c->candidate, &w);
    assert(error == MINKE_OK);
    error = minke__candidate_text_read(line, w.len, UFRAG, &again, &why);
    assert(error == MINKE_OK);
    assert_same(&c->candidate, &again.candidate);

    w = minke__writer(json, sizeof json);
    error = minke__candidate_json_write(&test->env, &c->candidate, "0", UFRAG, &w);
    assert(error == MINKE_OK);
    error = minke__candidate_json_read(&test->env, w.data, w.len, "0", UFRAG, &again, &why);
    assert(error == MINKE_OK);
    assert_same(&c->candidate, &again.candidate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_env_t test;
    minke_remote_candidate_t c;
    const char *why;
    test_env_init(&test, 1);
    int error = minke__candidate_text_read((const char *)data, size, UFRAG, &c, &why);
    assert((error == MINKE_OK) == (why == NULL));
    assert(error == MINKE_OK || error == MINKE_ERROR_MALFORMED || error == MINKE_ERROR_UNSUPPORTED);
    if (error == MINKE_OK) check(&test, &c);
    error = minke__candidate_json_read(&test.env, data, size, "0", UFRAG, &c, &why);
    assert((error == MINKE_OK) == (why == NULL));
    assert(error == MINKE_OK || error == MINKE_ERROR_MALFORMED || error == MINKE_ERROR_UNSUPPORTED ||
           error == MINKE_ERROR_TOO_LARGE);
    if (error == MINKE_OK) check(&test, &c);
    return 0;
}
