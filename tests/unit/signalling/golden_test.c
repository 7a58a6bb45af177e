/* Descriptions and candidates as peers wrote them: tests/golden/signalling. */
#include "support.h"

#include "base/address.h"
#include "signalling/sdp.h"

static minke_remote_description_t remote;

static void descriptions(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        minke_sdp_kind_t kind;
        const char *ufrag;
        size_t pwd_len, fingerprints_n;
        minke_fingerprint_hash_t hash;
        minke_sdp_setup_t setup;
        uint64_t max_message_size;
        size_t addresses_n, names_n, ignored_n;
        bool end;
    } table[] = {
        {"chromium-offer.sdp", MINKE_SDP_OFFER, "v/mY", 24, 1, 32, MINKE_SDP_ACTPASS, 262144, 0, 0, 0, false},
        {"chromium-gathered.sdp", MINKE_SDP_OFFER, "v/mY", 24, 1, 32, MINKE_SDP_ACTPASS, 262144, 0, 2, 0, false},
        {"chromium-answer.sdp", MINKE_SDP_ANSWER, "dqjE", 24, 1, 32, MINKE_SDP_ACTIVE, 262144, 0, 0, 0, false},
        {"firefox-offer.sdp", MINKE_SDP_OFFER, "07fbf038", 32, 1, 32, MINKE_SDP_ACTPASS, 1073741823, 0, 0, 0, false},
        {"firefox-gathered.sdp", MINKE_SDP_OFFER, "07fbf038", 32, 1, 32, MINKE_SDP_ACTPASS, 1073741823, 0, 2, 2, true},
        {"firefox-answer.sdp", MINKE_SDP_ANSWER, "7db4c63d", 32, 1, 32, MINKE_SDP_ACTIVE, 1073741823, 0, 0, 0, false},
        {"libdatachannel-offer.sdp", MINKE_SDP_OFFER, "k1tN", 22, 1, 32, MINKE_SDP_ACTPASS, 262144, 0, 0, 0, false},
        {"libdatachannel-gathered.sdp", MINKE_SDP_OFFER, "k1tN", 22, 1, 32, MINKE_SDP_ACTPASS, 262144, 2, 0, 0, true},
        {"libdatachannel-answer.sdp", MINKE_SDP_ANSWER, "aXCA", 22, 1, 32, MINKE_SDP_ACTIVE, 262144, 0, 0, 0, false},
        {"pion-offer.sdp", MINKE_SDP_OFFER, "MsZdGxOsnfJneaDM", 32, 1, 32, MINKE_SDP_ACTPASS, 1073741823, 0, 0, 0,
         false},
        /* pion writes every candidate for component 2 as well. */
        {"pion-gathered.sdp", MINKE_SDP_OFFER, "MsZdGxOsnfJneaDM", 32, 1, 32, MINKE_SDP_ACTPASS, 1073741823, 2, 0, 2,
         true},
        {"pion-answer.sdp", MINKE_SDP_ANSWER, "gncPdOHtyoBkyenY", 32, 1, 32, MINKE_SDP_ACTIVE, 1073741823, 0, 0, 0,
         false},
        /* aiortc names three hashes, of which the strongest counts. */
        {"aiortc-offer.sdp", MINKE_SDP_OFFER, "VRfn", 22, 3, 64, MINKE_SDP_ACTPASS, 262144, 0, 0, 0, false},
        {"aiortc-gathered.sdp", MINKE_SDP_OFFER, "VRfn", 22, 3, 64, MINKE_SDP_ACTPASS, 262144, 2, 0, 0, true},
        {"aiortc-answer.sdp", MINKE_SDP_ANSWER, "oGyh", 22, 3, 64, MINKE_SDP_ACTIVE, 262144, 2, 0, 0, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[2048];
        const char *why;
        size_t names_n = 0;
        const size_t len = read_golden(table[i].file, text, sizeof text);
        if (minke__sdp_read(table[i].kind, (const uint8_t *)text, len, &remote, &why) != MINKE_OK) {
            fail_msg("%s: %s", table[i].file, why);
        }
        assert_string_equal(remote.credentials.ufrag, table[i].ufrag);
        assert_int_equal(strlen(remote.credentials.pwd), table[i].pwd_len);
        assert_int_equal(remote.fingerprints.n, table[i].fingerprints_n);
        assert_int_equal(remote.fingerprints.list[0].hash, table[i].hash);
        assert_int_equal(remote.setup, table[i].setup);
        assert_string_equal(remote.mid, "0");
        assert_int_equal(remote.sctp_port, 5000);
        assert_int_equal(remote.max_message_size, table[i].max_message_size);
        for (size_t k = 0; k < remote.candidates_n; k++) names_n += remote.candidates[k].name[0] != 0;
        assert_int_equal(names_n, table[i].names_n);
        assert_int_equal(remote.candidates_n, table[i].names_n + table[i].addresses_n);
        assert_int_equal(remote.ignored_n, table[i].ignored_n);
        assert_int_equal(remote.end_of_candidates, table[i].end);
        assert_false(remote.ice_lite);
    }
}

/* One letter a line: address, name, unsupported, end. */
static void candidates(void **state)
{
    (void)state;
    static const struct {
        const char *file, *ufrag, *kinds;
    } table[] = {
        {"chromium-candidates.txt", "v/mY", "nn"},
        {"firefox-candidates.txt", "07fbf038", "nnuuee"},
        {"libdatachannel-candidates.txt", "k1tN", "aa"},
        {"pion-candidates.txt", "MsZdGxOsnfJneaDM", "aae"},
    };
    test_env_t test;
    test_env_init(&test, 1);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[4096], kinds[16] = {0};
        size_t n = 0;
        (void)read_golden(table[i].file, text, sizeof text);
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            minke_remote_candidate_t c;
            const char *why;
            const int error =
                minke__candidate_json_read(&test.env, (uint8_t *)line, strlen(line), "0", table[i].ufrag, &c, &why);
            kinds[n++] = error == MINKE_OK ? "ane"[c.kind] : error == MINKE_ERROR_UNSUPPORTED ? 'u' : '?';
            /* Of another session, only what names none is taken. */
            const bool names_none = strstr(line, table[i].ufrag) == NULL;
            assert_int_equal(minke__candidate_json_read(&test.env, (uint8_t *)line, strlen(line), "0", "other", &c,
                                                        &why) == MINKE_OK,
                             names_none && error == MINKE_OK);
        }
        assert_string_equal(kinds, table[i].kinds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptions),
        cmocka_unit_test(candidates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
