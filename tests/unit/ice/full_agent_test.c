/* One full agent: roles, triggered checks, pacing, gathering, nomination, consent, limits. Two meet in
 * full_agents_test.c. */
#include "full_world.h"

#include "base/address.h"

#define HOST "192.0.2.1"
#define SERVER "198.51.100.1"

typedef struct fixture {
    test_env_t test;
    minke_ice_agent_t *agent;
} fixture_t;

/* As offerer it is controlling and does not know the answer. */
static void set_up_with(fixture_t *f, const minke_ice_options_t *options, uint64_t seed)
{
    test_env_init(&f->test, seed);
    f->agent = minke__ice_new(&f->test.env, options, 1, 0);
    assert_non_null(f->agent);
}

static void add_host(fixture_t *f, const char *ip)
{
    const minke_address_t base = test_address(ip, 9090);
    assert_int_equal(minke__ice_add_local(f->agent, 1, &base, 0), MINKE_OK);
}

static void set_up(fixture_t *f, bool offerer, bool remote_known)
{
    const minke_ice_options_t options = full_options(offerer, remote_known);
    set_up_with(f, &options, 3);
    add_host(f, HOST);
}

static void tear_down(fixture_t *f)
{
    minke__ice_free(f->agent);
    assert_int_equal(f->test.blocks, 0);
}

static void answer_comes(fixture_t *f, minke_time_t now)
{
    const minke_ice_credentials_t answerers = full_options(false, false).local;
    assert_int_equal(minke__ice_set_remote(f->agent, &answerers, false, now), MINKE_OK);
}

static minke_path_t path_to(const char *ip, uint16_t port)
{
    return (minke_path_t){.socket = 1, .local = test_address(HOST, 9090), .remote = test_address(ip, port)};
}

static void add_remote(fixture_t *f, minke_candidate_type_t type, const char *ip, uint16_t port, minke_time_t now)
{
    const minke_candidate_t candidate = test_candidate(type, ip, port);
    assert_int_equal(minke__ice_add_remote(f->agent, &candidate, now), MINKE_OK);
}

/* A check of the remote's towards our agent, which is the offerer or the answerer. */
typedef struct remote_check {
    bool to_offerer, controlled, both_roles, no_role, use_candidate, wrong_key;
    uint64_t tie_breaker;
} remote_check_t;

static void write_check(const remote_check_t *check, uint8_t id, test_datagram_t *out)
{
    const uint8_t transaction_id[12] = {id, 9};
    const char *left = check->to_offerer ? OFFERER_UFRAG : ANSWERER_UFRAG;
    const char *right = check->to_offerer ? ANSWERER_UFRAG : OFFERER_UFRAG;
    const char *key = check->to_offerer == check->wrong_key ? ANSWERER_PWD : OFFERER_PWD;
    minke_writer_t w = minke__writer(out->data, sizeof out->data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, transaction_id);
    minke__stun_write_username(&w, left, strlen(left), right, strlen(right));
    if (!check->no_role) minke__stun_write_role(&w, !check->controlled, check->tie_breaker);
    if (check->both_roles) minke__stun_write_role(&w, check->controlled, check->tie_breaker);
    if (check->use_candidate) minke__stun_write_use_candidate(&w);
    minke__stun_write_priority(&w, 0x6effffff);
    assert_true(minke__stun_finish(&w, key, strlen(key)));
    out->len = w.len;
}

static bool ask(fixture_t *f, const remote_check_t *check, const minke_path_t *path, minke_time_t now)
{
    test_datagram_t datagram;
    write_check(check, 1, &datagram);
    return test_agent_recv(f->agent, &datagram, path, now);
}

/* Takes out all that is due. Counts our checks; the last goes to `check`, the last answer to `answer`. */
static size_t drain(fixture_t *f, minke_time_t now, test_datagram_t *check, test_datagram_t *answer)
{
    size_t n = 0;
    for (test_datagram_t out; test_agent_transmits(f->agent, now, &out);) {
        const bool asks = test_parsed(&out).type == MINKE_STUN_BINDING_REQUEST;
        n += asks;
        if (asks && check != NULL) *check = out;
        if (!asks && answer != NULL) *answer = out;
    }
    assert_true(minke__ice_deadline(f->agent) > now);
    return n;
}

/* The same for checks that go to that remote. */
static size_t drain_to(fixture_t *f, const minke_path_t *path, minke_time_t now, test_datagram_t *check)
{
    size_t n = 0;
    minke__ice_tick(f->agent, now);
    for (test_datagram_t out; test_agent_transmits(f->agent, now, &out);) {
        if (test_parsed(&out).type != MINKE_STUN_BINDING_REQUEST) continue;
        if (!minke__address_equal(&out.path.remote, &path->remote)) continue;
        n++;
        *check = out;
    }
    return n;
}

static size_t tick(fixture_t *f, minke_time_t now, test_datagram_t *check)
{
    minke__ice_tick(f->agent, now);
    if (minke__ice_state(f->agent) == MINKE_ICE_FAILED) return 0;
    return drain(f, now, check, NULL);
}

static const char *remote_key(bool offerer) { return offerer ? ANSWERER_PWD : OFFERER_PWD; }

static bool succeed_from(fixture_t *f, bool offerer, const test_datagram_t *check, const minke_path_t *from,
                         minke_time_t now)
{
    test_datagram_t datagram;
    test_write_answer(check, remote_key(offerer), &datagram);
    return test_agent_recv(f->agent, &datagram, from, now);
}

static bool succeed(fixture_t *f, bool offerer, const test_datagram_t *check, minke_time_t now)
{
    return succeed_from(f, offerer, check, &check->path, now);
}

static bool refuse(fixture_t *f, bool offerer, const test_datagram_t *check, uint16_t code, minke_time_t now)
{
    test_datagram_t datagram;
    minke_writer_t w = minke__writer(datagram.data, sizeof datagram.data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_ERROR, check->data + 8);
    minke__stun_write_error(&w, code);
    assert_true(minke__stun_finish(&w, remote_key(offerer), strlen(remote_key(offerer))));
    datagram.len = w.len;
    return test_agent_recv(f->agent, &datagram, &check->path, now);
}

static void assert_selected(const fixture_t *f, const minke_path_t *path)
{
    minke_path_t selected;
    assert_true(minke__ice_selected(f->agent, &selected));
    assert_true(minke__address_equal(&selected.remote, &path->remote));
}

/* ---- what comes in */

static const char *const vector_request =
    "000100442112a4420102030405060708090a0b0c 000600094c6d33743a51783761000000 002400046effffff"
    "802a00081122334455667788 000800148cf38576b1638e968d564af395c694d615610d4d 80280004de6f32ad";
static const char *const vector_success = "0101002c2112a4420102030405060708090a0b0c 002000080001bd53e112a645"
                                          "00080014293f1b2644944de1429b38f85f531e6042fca818 80280004a7c3b825";
static const char *const vector_conflict =
    "011100382112a4420102030405060708090a0b0c 0009001100000457526f6c6520436f6e666c696374000000"
    "00080014a70947e98dcc6418f468efc6d53be450bdf7c98c 802800048fd41744";

static void assert_vector(fixture_t *f, const char *response)
{
    test_datagram_t datagram, answer = {.len = 0};
    const minke_path_t path = path_to("192.0.2.7", 40001);
    uint8_t expected[200];
    const size_t expected_len = test_unhex(response, expected, sizeof expected);
    datagram.len = test_unhex(vector_request, datagram.data, sizeof datagram.data);
    assert_true(test_agent_recv(f->agent, &datagram, &path, 0));
    (void)drain(f, 0, NULL, &answer);
    assert_int_equal(answer.len, expected_len);
    assert_memory_equal(answer.data, expected, expected_len);
}

static void answers_the_vectors(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false, true);
    assert_vector(&f, vector_success);
    tear_down(&f);
    minke_ice_options_t options = full_options(false, true);
    options.controlling = true; /* with a tie-breaker above 1122334455667788 */
    set_up_with(&f, &options, 3);
    add_host(&f, HOST);
    assert_vector(&f, vector_conflict);
    assert_true(minke__ice_stats(f.agent).controlling);
    tear_down(&f);
}

/* Our tie-breaker, as it goes out. */
static uint64_t tie_breaker_of(fixture_t *f)
{
    test_datagram_t check = {.len = 0};
    add_remote(f, MINKE_CANDIDATE_HOST, "192.0.2.99", 1, 0);
    assert_int_equal(drain(f, 0, &check, NULL), 1);
    return test_parsed(&check).tie_breaker;
}

static void follows_the_table_of_roles(void **state)
{
    (void)state;
    enum { LOWER, EQUAL, HIGHER };
    static const struct {
        bool controlling, request_controlled;
        int theirs; /* their tie-breaker against ours */
        uint16_t answer;
        bool controlling_after;
    } table[] = {
        {true, true, LOWER, 0, true},      {true, true, HIGHER, 0, true},   {false, false, LOWER, 0, false},
        {false, false, HIGHER, 0, false},  {true, false, LOWER, 487, true}, {true, false, EQUAL, 487, true},
        {true, false, HIGHER, 0, false},   {false, true, LOWER, 0, true},   {false, true, EQUAL, 0, true},
        {false, true, HIGHER, 487, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture_t f;
        minke_ice_options_t options = full_options(true, true);
        options.controlling = table[i].controlling;
        set_up_with(&f, &options, 3 + i);
        add_host(&f, HOST);
        const uint64_t ours = tie_breaker_of(&f);
        const remote_check_t request = {.to_offerer = true,
                                        .controlled = table[i].request_controlled,
                                        .tie_breaker = table[i].theirs == LOWER   ? ours - 1
                                                       : table[i].theirs == EQUAL ? ours
                                                                                  : ours + 1};
        const minke_path_t path = path_to("192.0.2.7", 40001);
        test_datagram_t answer = {.len = 0}, check = {.len = 0};
        assert_true(ask(&f, &request, &path, 0));
        (void)drain(&f, 0, &check, &answer);
        const minke_stun_message_t m = test_parsed(&answer);
        if (m.error_code != table[i].answer) fail_msg("row %u: %u", (unsigned)i, m.error_code);
        assert_true(minke__stun_verify(&m, OFFERER_PWD, strlen(OFFERER_PWD)));
        if (minke__ice_stats(f.agent).controlling != table[i].controlling_after) fail_msg("row %u: role", (unsigned)i);
        assert_true(minke__ice_knows(f.agent, &path) == (table[i].answer == 0));
        /* The triggered check says the role that we have now, and no other. */
        if (table[i].answer == 0) {
            const minke_stun_message_t ours_now = test_parsed(&check);
            assert_true(ours_now.ice_controlling == table[i].controlling_after);
            assert_true(ours_now.ice_controlled != ours_now.ice_controlling);
            assert_int_equal(ours_now.priority, 0x6effffff);
            assert_true(minke__address_equal(&check.path.remote, &path.remote));
        }
        tear_down(&f);
    }
}

static void refuses_what_is_not_for_it(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        remote_check_t request;
        int answer; /* -1: none */
    } table[] = {
        {"a check", {.to_offerer = true, .controlled = true}, 0},
        {"no role", {.to_offerer = true, .no_role = true}, 0},
        {"both roles", {.to_offerer = true, .both_roles = true}, 400},
        {"the wrong key", {.to_offerer = true, .controlled = true, .wrong_key = true}, -1},
        {"another's ufrag", {.controlled = true}, -1},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture_t f;
        set_up(&f, true, true);
        test_datagram_t answer = {.len = 0};
        const minke_path_t path = path_to("192.0.2.7", 1);
        if (ask(&f, &table[i].request, &path, 0) != (table[i].answer >= 0)) fail_msg("%s", table[i].what);
        (void)drain(&f, 0, NULL, &answer);
        if ((answer.len > 0) != (table[i].answer >= 0)) fail_msg("%s: answered?", table[i].what);
        if (answer.len > 0) assert_int_equal(test_parsed(&answer).error_code, table[i].answer);
        assert_int_equal(f.test.counters.stun_refused, table[i].answer < 0);
        tear_down(&f);
    }
}

/* The browser has answered and checks at once; its answer is still on the way to us. */
static void answers_before_the_answer(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true, false);
    const remote_check_t request = {.to_offerer = true, .controlled = true};
    const minke_path_t path = path_to("203.0.113.9", 40001);
    test_datagram_t check = {.len = 0}, answer = {.len = 0};
    add_remote(&f, MINKE_CANDIDATE_HOST, "192.0.2.99", 1, 0);
    assert_true(ask(&f, &request, &path, 10 * MS));
    assert_int_equal(drain(&f, 10 * MS, &check, &answer), 0);
    assert_int_equal(test_parsed(&answer).type, MINKE_STUN_BINDING_SUCCESS);
    assert_true(minke__ice_knows(f.agent, &path)); /* its ClientHello may be next */
    assert_int_equal(tick(&f, 5 * SECOND, &check), 0);
    answer_comes(&f, 5 * SECOND);
    assert_int_equal(drain_to(&f, &path, 5 * SECOND, &check), 1);
    assert_true(succeed(&f, true, &check, 5 * SECOND));
    assert_selected(&f, &path);
    minke_candidate_type_t local, remote;
    assert_true(minke__ice_selected_types(f.agent, &local, &remote));
    assert_int_equal(remote, MINKE_CANDIDATE_PRFLX);
    /* And now it is named. */
    add_remote(&f, MINKE_CANDIDATE_SRFLX, "203.0.113.9", 40001, 6 * SECOND);
    assert_true(minke__ice_selected_types(f.agent, &local, &remote));
    assert_int_equal(local, MINKE_CANDIDATE_HOST);
    assert_int_equal(remote, MINKE_CANDIDATE_SRFLX);
    assert_int_equal(minke__ice_stats(f.agent).pairs, 2);
    tear_down(&f);
}

static void takes_credentials_once(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true, false);
    minke_ice_credentials_t bad = full_options(false, false).local;
    strcpy(bad.pwd, OFFERER_PWD);
    assert_int_equal(minke__ice_set_remote(f.agent, &bad, false, 0), MINKE_ERROR_MALFORMED);
    strcpy(bad.pwd, "short");
    assert_int_equal(minke__ice_set_remote(f.agent, &bad, false, 0), MINKE_ERROR_MALFORMED);
    answer_comes(&f, 0);
    assert_int_equal(minke__ice_set_remote(f.agent, &bad, false, 0), MINKE_ERROR_STATE);
    tear_down(&f);
}

static void believes_only_answers_from_where_it_asked(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false, true);
    test_datagram_t check = {.len = 0}, forged;
    add_remote(&f, MINKE_CANDIDATE_HOST, "192.0.2.7", 1, 0);
    assert_int_equal(drain(&f, 0, &check, NULL), 1);
    assert_true(minke__ice_expects(f.agent, check.data + 8));
    test_write_answer(&check, "another password of theirs", &forged);
    assert_false(test_agent_recv(f.agent, &forged, &check.path, 1));
    const minke_path_t elsewhere = path_to("192.0.2.8", 1);
    assert_false(succeed_from(&f, false, &check, &elsewhere, 2));
    assert_int_equal(f.test.counters.stun_unexpected, 2);
    assert_int_equal(minke__ice_stats(f.agent).failed, 1);
    assert_int_equal(tick(&f, 10 * SECOND, &check), 0); /* RFC 8445 7.2.5.2.1: it does not work */
    /* Unless the remote says that it does. */
    const remote_check_t request = {.use_candidate = true};
    assert_true(ask(&f, &request, &check.path, 10 * SECOND));
    assert_int_equal(drain(&f, 10 * SECOND, &check, NULL), 1);
    assert_true(succeed(&f, false, &check, 10 * SECOND));
    assert_true(minke__ice_stats(f.agent).nominated);
    tear_down(&f);
}

/* ---- what goes out */

static void repeats_a_check_at_these_times(void **state)
{
    (void)state;
    static const minke_time_t times[] = {0,         500 * MS,  1500 * MS, 3100 * MS, 4700 * MS,
                                         6300 * MS, 7900 * MS, 9500 * MS, 11100 * MS};
    fixture_t f;
    set_up(&f, false, true);
    test_datagram_t first = {.len = 0}, again = {.len = 0};
    add_remote(&f, MINKE_CANDIDATE_HOST, "192.0.2.7", 1, 0);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_int_equal(minke__ice_deadline(f.agent), times[i]);
        assert_int_equal(tick(&f, times[i], i == 0 ? &first : &again), 1);
        if (i == 0) continue;
        assert_int_equal(again.len, first.len);
        assert_memory_equal(again.data, first.data, first.len);
    }
    tear_down(&f);
}

static void checks_the_best_first_one_in_50_ms(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false, true);
    add_remote(&f, MINKE_CANDIDATE_RELAY, "192.0.2.7", 1, 0);
    add_remote(&f, MINKE_CANDIDATE_SRFLX, "192.0.2.7", 2, 0);
    add_remote(&f, MINKE_CANDIDATE_HOST, "192.0.2.7", 3, 0);
    static const uint16_t order[] = {3, 2, 1};
    test_datagram_t check = {.len = 0};
    for (size_t i = 0; i < 3; i++) {
        const minke_time_t at = i * 50 * MS;
        assert_int_equal(minke__ice_deadline(f.agent), at);
        if (at > 0) assert_int_equal(tick(&f, at - 1, NULL), 0);
        assert_int_equal(tick(&f, at, &check), 1);
        assert_int_equal(check.path.remote.port, order[i]);
        assert_int_equal(test_parsed(&check).ice_controlled, true);
        assert_false(test_parsed(&check).use_candidate);
    }
    /* A triggered check does not wait. */
    const remote_check_t request = {.controlled = false};
    const minke_path_t path = path_to("192.0.2.8", 1);
    assert_true(ask(&f, &request, &path, 110 * MS));
    assert_int_equal(drain(&f, 110 * MS, &check, NULL), 1);
    assert_true(minke__address_equal(&check.path.remote, &path.remote));
    tear_down(&f);
}

/* Its check got through, so the NATs on the way are open now; but answers to each other's checks are no ping-pong. */
static void repeats_at_once_when_the_remote_is_heard(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false, true);
    test_datagram_t first = {.len = 0}, again = {.len = 0};
    const remote_check_t request = {.controlled = false};
    add_remote(&f, MINKE_CANDIDATE_HOST, "192.0.2.7", 1, 0);
    assert_int_equal(tick(&f, 0, &first), 1);
    assert_true(ask(&f, &request, &first.path, 20 * MS)); /* the first time in any case */
    assert_int_equal(drain(&f, 20 * MS, &again, NULL), 1);
    assert_memory_equal(again.data, first.data, first.len);
    assert_true(ask(&f, &request, &first.path, 119 * MS));
    assert_int_equal(drain(&f, 119 * MS, &again, NULL), 0);
    assert_true(ask(&f, &request, &first.path, 120 * MS));
    assert_int_equal(drain(&f, 120 * MS, &again, NULL), 1);
    assert_memory_equal(again.data, first.data, first.len);
    assert_true(ask(&f, &request, &first.path, 170 * MS));
    assert_int_equal(drain(&f, 170 * MS, &again, NULL), 0);
    tear_down(&f);
}

static void pairs_only_what_can_reach_each_other(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false, true);
    add_host(&f, "2001:db8::1");
    add_host(&f, "127.0.0.1");
    minke_address_t link_local = test_address("fe80::1", 9090);
    assert_int_equal(minke__ice_add_local(f.agent, 1, &link_local, 0), MINKE_ERROR_ADDRESS);
    link_local.scope = 2;
    assert_int_equal(minke__ice_add_local(f.agent, 1, &link_local, 0), MINKE_OK);
    assert_int_equal(minke__ice_add_local(f.agent, 1, &link_local, 0), MINKE_ERROR_EXISTS);
    add_remote(&f, MINKE_CANDIDATE_HOST, "198.51.100.7", 1, 0);
    assert_int_equal(minke__ice_stats(f.agent).pairs, 1);
    add_remote(&f, MINKE_CANDIDATE_HOST, "2001:db8::7", 1, 0);
    assert_int_equal(minke__ice_stats(f.agent).pairs, 2);
    add_remote(&f, MINKE_CANDIDATE_HOST, "127.0.0.1", 1, 0);
    assert_int_equal(minke__ice_stats(f.agent).pairs, 3);
    minke_candidate_t candidate = test_candidate(MINKE_CANDIDATE_HOST, "127.0.0.1", 1);
    assert_int_equal(minke__ice_add_remote(f.agent, &candidate, 0), MINKE_ERROR_EXISTS);
    candidate = test_candidate(MINKE_CANDIDATE_HOST, "224.0.0.1", 1);
    assert_int_equal(minke__ice_add_remote(f.agent, &candidate, 0), MINKE_ERROR_ADDRESS);
    tear_down(&f);
    minke_ice_options_t options = full_options(false, true);
    options.refuse_private = true;
    set_up_with(&f, &options, 1);
    candidate = test_candidate(MINKE_CANDIDATE_HOST, "192.168.1.1", 1);
    assert_int_equal(minke__ice_add_remote(f.agent, &candidate, 0), MINKE_ERROR_ADDRESS);
    tear_down(&f);
}

/* Each interface its own preference, and the candidates say so. */
static void tells_each_candidate_once(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true, false);
    add_host(&f, "2001:db8::1");
    minke_address_t anywhere = {.family = MINKE_FAMILY_IP4, .port = 7000};
    assert_int_equal(minke__ice_add_local(f.agent, 2, &anywhere, 0), MINKE_OK); /* paired, but nobody's business */
    minke_candidate_t one, other, none;
    assert_true(minke__ice_next_local(f.agent, &one));
    assert_true(minke__ice_next_local(f.agent, &other));
    assert_false(minke__ice_next_local(f.agent, &none));
    assert_int_equal(one.priority, 0x7effffff);
    assert_int_equal(other.priority, 0x7efffeff);
    assert_string_not_equal(one.foundation, other.foundation);
    assert_int_equal(one.address.family, MINKE_FAMILY_IP4);
    assert_false(one.has_related);
    tear_down(&f);
}

/* ---- STUN servers */

static void server_says(fixture_t *f, const test_datagram_t *asked, const char *ip, uint16_t port, bool plain,
                        minke_time_t now)
{
    test_datagram_t datagram;
    const minke_address_t mapped = test_address(ip, port);
    minke_writer_t w = minke__writer(datagram.data, sizeof datagram.data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_SUCCESS, asked->data + 8);
    if (plain) {
        minke__write_u32(&w, 0x00010008);
        minke__write_u16(&w, 1);
        minke__write_u16(&w, port);
        minke__write_bytes(&w, mapped.ip, 4);
    } else {
        minke__stun_write_mapped_address(&w, &mapped);
    }
    assert_true(minke__stun_finish_bare(&w));
    datagram.len = w.len;
    (void)test_agent_recv(f->agent, &datagram, &asked->path, now);
}

static void asks_servers_where_it_is(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        fixture_t f;
        set_up(&f, true, false);
        minke_candidate_t candidate;
        assert_true(minke__ice_next_local(f.agent, &candidate));
        assert_true(minke__ice_gathering_done(f.agent));
        const minke_address_t server = test_address(SERVER, 3478), ip6_server = test_address("2001:db8::53", 3478);
        assert_int_equal(minke__ice_add_server(f.agent, &server, 0), MINKE_OK);
        assert_int_equal(minke__ice_add_server(f.agent, &server, 0), MINKE_OK);
        assert_int_equal(minke__ice_add_server(f.agent, &ip6_server, 0), MINKE_OK); /* none of our bases is for it */
        assert_false(minke__ice_gathering_done(f.agent));
        test_datagram_t asked = {.len = 0};
        assert_int_equal(drain(&f, 0, &asked, NULL), 1);
        assert_int_equal(asked.len, 28);
        assert_true(minke__address_equal(&asked.path.remote, &server));
        assert_true(minke__ice_expects(f.agent, asked.data + 8));
        /* From elsewhere than it was asked: no. */
        test_datagram_t forged = asked;
        forged.path.remote.port++;
        server_says(&f, &forged, "203.0.113.66", 1, false, 1);
        assert_false(minke__ice_next_local(f.agent, &candidate));
        server_says(&f, &asked, "203.0.113.5", 4000, plain == 1, 30 * MS);
        assert_true(minke__ice_gathering_done(f.agent));
        assert_true(minke__ice_next_local(f.agent, &candidate));
        assert_int_equal(candidate.type, MINKE_CANDIDATE_SRFLX);
        assert_int_equal(candidate.priority, 0x64ffffff);
        const minke_address_t mapped = test_address("203.0.113.5", 4000), base = test_address(HOST, 9090);
        assert_true(minke__address_equal(&candidate.address, &mapped));
        assert_true(candidate.has_related && minke__address_equal(&candidate.related, &base));
        /* The binding is kept, and a new one is noticed. */
        const minke_time_t later = 15 * SECOND + 30 * MS;
        assert_int_equal(minke__ice_deadline(f.agent), later);
        assert_int_equal(tick(&f, later, &asked), 1);
        server_says(&f, &asked, "203.0.113.5", 4000, false, later);
        assert_false(minke__ice_next_local(f.agent, &candidate));
        tear_down(&f);
    }
}

static void drops_a_reflexive_candidate_without_nat(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true, false);
    minke_candidate_t candidate;
    assert_true(minke__ice_next_local(f.agent, &candidate));
    const minke_address_t server = test_address(SERVER, 3478);
    assert_int_equal(minke__ice_add_server(f.agent, &server, 0), MINKE_OK);
    test_datagram_t asked = {.len = 0};
    assert_int_equal(drain(&f, 0, &asked, NULL), 1);
    server_says(&f, &asked, HOST, 9090, false, 30 * MS);
    assert_false(minke__ice_next_local(f.agent, &candidate));
    tear_down(&f);
}

static void does_not_wait_for_a_dead_server(void **state)
{
    (void)state;
    static const minke_time_t times[] = {0, 500 * MS, 1500 * MS, 3500 * MS, 5500 * MS};
    fixture_t f;
    set_up(&f, true, false);
    const minke_address_t server = test_address(SERVER, 3478);
    assert_int_equal(minke__ice_add_server(f.agent, &server, 0), MINKE_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(minke__ice_deadline(f.agent), times[i]);
        assert_int_equal(tick(&f, times[i], NULL), 1);
        assert_int_equal(minke__ice_gathering_done(f.agent), i == 4);
    }
    tear_down(&f);
}

/* ---- nomination */

static void two_pairs(fixture_t *f, bool offerer, test_datagram_t checks[2])
{
    set_up(f, offerer, true);
    add_remote(f, MINKE_CANDIDATE_HOST, "192.0.2.7", 1, 0);
    add_remote(f, MINKE_CANDIDATE_SRFLX, "203.0.113.7", 1, 0);
    assert_int_equal(tick(f, 0, &checks[0]), 1);
    assert_int_equal(tick(f, 50 * MS, &checks[1]), 1);
}

static void nominates_after_a_tenth_of_a_second(void **state)
{
    (void)state;
    fixture_t f;
    test_datagram_t checks[2], nomination = {.len = 0};
    two_pairs(&f, true, checks);
    assert_true(succeed(&f, true, &checks[1], 60 * MS));
    assert_int_equal(minke__ice_state(f.agent), MINKE_ICE_CONNECTED);
    assert_selected(&f, &checks[1].path); /* data need not wait */
    assert_int_equal(tick(&f, 159 * MS, &nomination), 0);
    assert_int_equal(tick(&f, 160 * MS, &nomination), 1);
    assert_true(test_parsed(&nomination).use_candidate && test_parsed(&nomination).ice_controlling);
    assert_true(minke__address_equal(&nomination.path.remote, &checks[1].path.remote));
    assert_false(minke__ice_stats(f.agent).nominated);
    assert_true(succeed(&f, true, &nomination, 200 * MS));
    assert_true(minke__ice_stats(f.agent).nominated);
    /* What comes too late does not change it, and no more checks go out. */
    assert_true(succeed(&f, true, &checks[0], 210 * MS));
    assert_selected(&f, &nomination.path);
    add_remote(&f, MINKE_CANDIDATE_HOST, "192.0.2.8", 1, 220 * MS);
    assert_int_equal(tick(&f, 3 * SECOND, NULL), 0);
    tear_down(&f);
}

static void nominates_the_better_one_of_two(void **state)
{
    (void)state;
    fixture_t f;
    test_datagram_t checks[2], nomination = {.len = 0};
    two_pairs(&f, true, checks);
    assert_true(succeed(&f, true, &checks[1], 60 * MS));
    assert_true(succeed(&f, true, &checks[0], 70 * MS));
    assert_selected(&f, &checks[0].path);
    assert_int_equal(tick(&f, 160 * MS, &nomination), 1);
    assert_true(minke__address_equal(&nomination.path.remote, &checks[0].path.remote));
    tear_down(&f);
}

static void nominates_at_once_when_nothing_better_can_come(void **state)
{
    (void)state;
    fixture_t f;
    test_datagram_t checks[2], nomination = {.len = 0};
    two_pairs(&f, true, checks);
    minke__ice_end_of_remote(f.agent, 55 * MS);
    assert_true(succeed(&f, true, &checks[0], 60 * MS));
    assert_int_equal(drain(&f, 60 * MS, &nomination, NULL), 1);
    assert_true(test_parsed(&nomination).use_candidate);
    tear_down(&f);
}

/* The nominated pair answers no more: the other one has its chance. */
static void nominates_another_when_the_first_is_dead(void **state)
{
    (void)state;
    fixture_t f;
    test_datagram_t checks[2], check = {.len = 0};
    two_pairs(&f, true, checks);
    assert_true(succeed(&f, true, &checks[0], 60 * MS));
    assert_true(succeed(&f, true, &checks[1], 60 * MS));
    for (minke_time_t now = 100 * MS; now < 12 * SECOND; now += 10 * MS) {
        if (tick(&f, now, &check) == 0 || check.path.remote.ip[0] != 203) continue;
        assert_true(succeed(&f, true, &check, now));
    }
    assert_selected(&f, &checks[1].path);
    assert_true(minke__ice_stats(f.agent).nominated);
    tear_down(&f);
}

static void controls_a_lite_remote(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false, false); /* as answerer, controlled */
    const minke_ice_credentials_t offerers = full_options(true, false).local;
    assert_int_equal(minke__ice_set_remote(f.agent, &offerers, true, 0), MINKE_OK);
    add_remote(&f, MINKE_CANDIDATE_HOST, "192.0.2.7", 1, 0);
    minke__ice_end_of_remote(f.agent, 0);
    test_datagram_t check = {.len = 0};
    assert_int_equal(tick(&f, 0, &check), 1);
    assert_true(test_parsed(&check).ice_controlling);
    assert_true(succeed(&f, false, &check, 10 * MS));
    assert_int_equal(drain(&f, 10 * MS, &check, NULL), 1);
    assert_true(test_parsed(&check).use_candidate);
    assert_true(succeed(&f, false, &check, 20 * MS));
    assert_true(minke__ice_stats(f.agent).nominated);
    tear_down(&f);
}

/* Chrome's first check carries USE-CANDIDATE already; it may nominate several, and the last word is with the one that
 * it goes on nominating. */
static void follows_nominations_as_they_come(void **state)
{
    (void)state;
    fixture_t f;
    test_datagram_t checks[2];
    const remote_check_t nominate = {.use_candidate = true}, plain = {.use_candidate = false};
    two_pairs(&f, false, checks);
    const minke_path_t *better = &checks[0].path, *other = &checks[1].path;
    assert_true(ask(&f, &nominate, other, 60 * MS));
    assert_false(minke__ice_stats(f.agent).nominated); /* our own check first */
    assert_true(succeed(&f, false, &checks[1], 70 * MS));
    assert_true(minke__ice_stats(f.agent).nominated);
    assert_selected(&f, other);
    assert_true(succeed(&f, false, &checks[0], 80 * MS));
    assert_selected(&f, other);
    assert_true(ask(&f, &nominate, better, 100 * MS));
    assert_selected(&f, better);
    /* In turns: the better one. */
    for (minke_time_t now = 200 * MS; now < 2 * SECOND; now += 500 * MS) {
        assert_true(ask(&f, &nominate, other, now));
        assert_true(ask(&f, &nominate, better, now + 10 * MS));
        assert_selected(&f, better);
    }
    /* Only the other one from now on, though the better one is checked as well. */
    for (minke_time_t now = 2 * SECOND; now < 5 * SECOND; now += 500 * MS) {
        assert_true(ask(&f, &nominate, other, now));
        assert_true(ask(&f, &plain, better, now));
    }
    assert_selected(&f, other);
    (void)drain(&f, 5 * SECOND, NULL, NULL);
    tear_down(&f);
}

/* An answer of long ago does not let anybody point our traffic somewhere. */
static void asks_anew_before_it_follows_late(void **state)
{
    (void)state;
    fixture_t f;
    test_datagram_t checks[2], check = {.len = 0};
    const remote_check_t nominate = {.use_candidate = true};
    two_pairs(&f, false, checks);
    assert_true(succeed(&f, false, &checks[0], 60 * MS));
    assert_true(succeed(&f, false, &checks[1], 60 * MS));
    assert_true(ask(&f, &nominate, &checks[0].path, 70 * MS));
    for (minke_time_t now = 100 * MS; now < 20 * SECOND; now += 100 * MS) {
        if (tick(&f, now, &check) > 0) assert_true(succeed(&f, false, &check, now));
    }
    assert_true(ask(&f, &nominate, &checks[1].path, 20 * SECOND));
    assert_selected(&f, &checks[0].path);
    assert_int_equal(drain_to(&f, &checks[1].path, 20 * SECOND, &check), 1);
    assert_true(succeed(&f, false, &check, 20 * SECOND + 10 * MS));
    assert_selected(&f, &checks[1].path);
    tear_down(&f);
}

/* ---- roles that change under way */

static void gives_way_when_its_role_is_refused(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true, true);
    add_remote(&f, MINKE_CANDIDATE_HOST, "192.0.2.7", 1, 0);
    test_datagram_t check = {.len = 0}, again = {.len = 0};
    assert_int_equal(tick(&f, 0, &check), 1);
    assert_true(refuse(&f, true, &check, 487, 10 * MS));
    assert_false(minke__ice_stats(f.agent).controlling);
    assert_int_equal(drain(&f, 10 * MS, &again, NULL), 1); /* at once */
    const minke_stun_message_t first = test_parsed(&check), second = test_parsed(&again);
    assert_true(second.ice_controlled && !second.ice_controlling);
    assert_true(first.tie_breaker != second.tie_breaker);
    assert_memory_not_equal(check.data + 8, again.data + 8, 12);
    assert_true(succeed(&f, true, &again, 20 * MS));
    assert_int_equal(minke__ice_state(f.agent), MINKE_ICE_CONNECTED);
    tear_down(&f);
}

static void does_not_flap_for_ever(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true, true);
    add_remote(&f, MINKE_CANDIDATE_HOST, "192.0.2.7", 1, 0);
    test_datagram_t check = {.len = 0};
    size_t sent = 0;
    for (minke_time_t now = 0; now < 10 * SECOND; now += 10 * MS) {
        const size_t n = tick(&f, now, &check);
        sent += n;
        if (n > 0) (void)refuse(&f, true, &check, 487, now);
        const bool controlling = minke__ice_stats(f.agent).controlling;
        const remote_check_t request = {
            .to_offerer = true, .controlled = !controlling, .tie_breaker = controlling ? UINT64_MAX : 0};
        const minke_path_t path = path_to("192.0.2.8", 1);
        if (now > 5 * SECOND) (void)ask(&f, &request, &path, now);
    }
    assert_in_range(sent, 8, 60);
    tear_down(&f);
}

/* ---- consent */

static void connect_alone(fixture_t *f, bool offerer, minke_path_t *path)
{
    test_datagram_t check = {.len = 0};
    set_up(f, offerer, true);
    add_remote(f, MINKE_CANDIDATE_HOST, "192.0.2.7", 1, 0);
    minke__ice_end_of_remote(f->agent, 0);
    assert_int_equal(tick(f, 0, &check), 1);
    assert_true(succeed(f, offerer, &check, 0));
    if (offerer) {
        assert_int_equal(drain(f, 0, &check, NULL), 1);
        assert_true(succeed(f, offerer, &check, 0));
    }
    *path = check.path;
}

static void asks_for_consent(void **state)
{
    (void)state;
    for (int offerer = 0; offerer < 2; offerer++) {
        fixture_t f;
        minke_path_t path;
        connect_alone(&f, offerer == 1, &path);
        test_datagram_t check = {.len = 0};
        minke_time_t answered_at = 0;
        for (int i = 0; i < 20; i++) {
            const minke_time_t at = minke__ice_deadline(f.agent);
            assert_in_range(at - answered_at, 4 * SECOND, 6 * SECOND);
            assert_int_equal(tick(&f, at, &check), 1);
            assert_int_equal(test_parsed(&check).use_candidate, offerer == 1);
            answered_at = at + 20 * MS;
            assert_true(succeed(&f, offerer == 1, &check, answered_at));
        }
        /* Data comes in, authentic, but no answer: that is no consent to send. */
        minke_time_t at = answered_at;
        while (minke__ice_state(f.agent) == MINKE_ICE_CONNECTED) {
            at = minke__ice_deadline(f.agent);
            minke__ice_received(f.agent, &path, 100, true, at);
            (void)tick(&f, at, NULL);
        }
        assert_int_equal(at, answered_at + 30 * SECOND);
        assert_int_equal(minke__ice_may_send(f.agent), 0);
        tear_down(&f);
    }
}

/* The answer to the check before the last is late, but an answer. */
static void takes_a_late_answer_for_consent(void **state)
{
    (void)state;
    fixture_t f;
    minke_path_t path;
    connect_alone(&f, true, &path);
    test_datagram_t checks[2] = {{.len = 0}};
    for (size_t i = 0; i < 2; i++) assert_int_equal(tick(&f, minke__ice_deadline(f.agent), &checks[i]), 1);
    assert_memory_not_equal(checks[0].data + 8, checks[1].data + 8, 12);
    for (size_t i = 0; i < 2; i++) assert_true(succeed(&f, true, &checks[i], 9 * SECOND));
    assert_false(succeed(&f, true, &checks[0], 9 * SECOND)); /* once */
    assert_in_range(minke__ice_deadline(f.agent), 13 * SECOND, 15 * SECOND);
    tear_down(&f);
}

/* The remote is heard elsewhere and not here: it may have another address. The selected pair is asked at once. */
static void doubts_a_pair_when_another_is_heard(void **state)
{
    (void)state;
    fixture_t f;
    test_datagram_t checks[2], check = {.len = 0};
    const remote_check_t request = {.to_offerer = true, .controlled = true};
    two_pairs(&f, true, checks);
    for (size_t i = 0; i < 2; i++) assert_true(succeed(&f, true, &checks[i], 60 * MS));
    assert_int_equal(tick(&f, 160 * MS, &check), 1);
    assert_true(succeed(&f, true, &check, 200 * MS));
    assert_true(ask(&f, &request, &checks[1].path, 2 * SECOND));
    assert_int_equal(drain_to(&f, &checks[0].path, 2 * SECOND, &check), 0);
    assert_true(ask(&f, &request, &checks[1].path, 3 * SECOND));
    assert_int_equal(drain_to(&f, &checks[0].path, 3 * SECOND, &check), 1);
    assert_selected(&f, &checks[0].path);
    while (tick(&f, minke__ice_deadline(f.agent), &check) == 0) continue;
    assert_true(ask(&f, &request, &checks[1].path, 6 * SECOND));
    assert_selected(&f, &checks[1].path);
    assert_int_equal(drain_to(&f, &checks[1].path, 6 * SECOND, &check), 1);
    assert_true(test_parsed(&check).use_candidate);
    tear_down(&f);
}

/* ---- attacks */

static void names_ten_thousand_victims(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false, true);
    add_host(&f, "192.0.2.2");
    for (unsigned i = 0; i < 10000; i++) {
        minke_candidate_t candidate = test_candidate(MINKE_CANDIDATE_HOST, "203.0.113.1", (uint16_t)(1 + i));
        if (i % 2 == 0) candidate.address.ip[3] = (uint8_t)(i / 2);
        candidate.priority -= i;
        const int added = minke__ice_add_remote(f.agent, &candidate, 0);
        assert_int_equal(added, i < 64 ? MINKE_OK : MINKE_ERROR_LIMIT);
    }
    const minke_ice_stats_t stats = minke__ice_stats(f.agent);
    assert_int_equal(stats.remotes, 64);
    assert_int_equal(stats.pairs, MINKE_ICE_FULL_PAIRS_MAX);
    size_t sent = 0, to_one = 0;
    test_datagram_t check = {.len = 0};
    for (minke_time_t now = 0; now < 20 * SECOND; now += 5 * MS) {
        if (tick(&f, now, &check) == 0) continue;
        sent++;
        to_one += check.path.remote.ip[3] == 1;
    }
    assert_in_range(sent, 100, 400);
    assert_in_range(to_one, 100, 200);
    assert_true(f.test.counters.amplification_held > 0);
    tear_down(&f);
}

/* Checks of the remote's from forged sources: each gets an answer, and is checked a few times. */
static void checks_from_ten_thousand_addresses(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false, true);
    const remote_check_t request = {.use_candidate = true};
    size_t sent = 0;
    for (unsigned i = 0; i < 10000; i++) {
        minke_path_t path = path_to("203.0.113.1", (uint16_t)(1 + i));
        path.remote.ip[2] = (uint8_t)(i >> 8);
        const minke_time_t now = i * MS;
        assert_true(ask(&f, &request, &path, now));
        for (test_datagram_t out; test_agent_transmits(f.agent, now, &out);) sent++;
    }
    assert_in_range(minke__ice_stats(f.agent).remotes, 1, 16);
    assert_in_range(minke__ice_stats(f.agent).pairs, 1, 16);
    assert_true(sent <= 2 * 10000 + 200);
    minke_path_t paths[200];
    assert_in_range(minke__ice_pairs(f.agent, paths, 200), 1, 16);
    tear_down(&f);
}

/* Datagrams with wrong keys cost an HMAC each, and nothing else. */
static void wrong_keys_leave_nothing_behind(void **state)
{
    (void)state;
    fixture_t f;
    minke_path_t path;
    connect_alone(&f, true, &path);
    const uint64_t allocations = f.test.allocations;
    const remote_check_t request = {.to_offerer = true, .controlled = true, .wrong_key = true};
    for (unsigned i = 0; i < 1000; i++) {
        const minke_path_t from = path_to("203.0.113.1", (uint16_t)(1 + i));
        assert_false(ask(&f, &request, &from, i));
        assert_int_equal(drain(&f, i, NULL, NULL), 0);
    }
    assert_int_equal(f.test.allocations, allocations);
    assert_int_equal(f.test.counters.stun_refused, 1000);
    tear_down(&f);
}

static void a_path_taken_over_is_left(void **state)
{
    (void)state;
    fixture_t f;
    test_datagram_t checks[2];
    two_pairs(&f, false, checks);
    assert_true(succeed(&f, false, &checks[0], 60 * MS));
    assert_true(succeed(&f, false, &checks[1], 60 * MS));
    const uint32_t generation = minke__ice_generation(f.agent);
    minke__ice_remove_pair(f.agent, &checks[0].path, 70 * MS);
    assert_true(minke__ice_generation(f.agent) != generation);
    assert_false(minke__ice_knows(f.agent, &checks[0].path));
    assert_selected(&f, &checks[1].path);
    minke__ice_remove_pair(f.agent, &checks[1].path, 80 * MS);
    minke_path_t path;
    assert_false(minke__ice_selected(f.agent, &path));
    assert_int_equal(minke__ice_may_send(f.agent), 0);
    (void)tick(&f, 90 * MS, NULL);
    tear_down(&f);
}

/* ---- ends */

static void says_why_it_failed(void **state)
{
    (void)state;
    static const struct {
        bool remote_known, host, candidate;
        const char *text;
    } table[] = {
        {false, true, true, "the other side has not said how it wants to be checked"},
        {true, false, true, "no address of ours to check from"},
        {true, true, false, "the other side named no address that can be reached, and was not heard"},
        {true, true, true,
         "no pair of addresses works: 1 of ours, 1 of theirs, 14 checks unanswered; both sides may be behind symmetric "
         "NATs, or UDP is blocked"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture_t f;
        const minke_ice_options_t options = full_options(true, table[i].remote_known);
        set_up_with(&f, &options, 3);
        if (table[i].host) add_host(&f, HOST);
        if (table[i].candidate) add_remote(&f, MINKE_CANDIDATE_HOST, "192.0.2.7", 1, 0);
        while (minke__ice_state(f.agent) == MINKE_ICE_CHECKING) (void)tick(&f, minke__ice_deadline(f.agent), NULL);
        const minke_close_t *reason = minke__ice_close_reason(f.agent);
        assert_string_equal(reason->text, table[i].text);
        assert_int_equal(reason->layer, MINKE_LAYER_ICE);
        assert_int_equal(reason->code, MINKE_ERROR_TIMEOUT);
        const minke_candidate_t candidate = test_candidate(MINKE_CANDIDATE_HOST, "192.0.2.8", 1);
        assert_int_equal(minke__ice_add_remote(f.agent, &candidate, 0), MINKE_ERROR_STATE);
        assert_true(minke__ice_deadline(f.agent) == MINKE_TIME_NEVER);
        tear_down(&f);
    }
}

static void direct_agents_have_no_candidates(void **state)
{
    (void)state;
    fixture_t f;
    const minke_ice_options_t options = test_options(true);
    set_up_with(&f, &options, 3);
    const minke_address_t base = test_address(HOST, 1);
    minke_candidate_t candidate = test_candidate(MINKE_CANDIDATE_HOST, HOST, 1);
    assert_int_equal(minke__ice_add_local(f.agent, 1, &base, 0), MINKE_ERROR_STATE);
    assert_int_equal(minke__ice_add_server(f.agent, &base, 0), MINKE_ERROR_STATE);
    assert_int_equal(minke__ice_add_remote(f.agent, &candidate, 0), MINKE_ERROR_STATE);
    assert_int_equal(minke__ice_set_remote(f.agent, &options.remote, false, 0), MINKE_ERROR_STATE);
    assert_false(minke__ice_next_local(f.agent, &candidate));
    assert_true(minke__ice_gathering_done(f.agent));
    tear_down(&f);
    const minke_ice_options_t full = full_options(true, true);
    set_up_with(&f, &full, 3);
    const minke_path_t path = path_to("192.0.2.7", 1);
    assert_int_equal(minke__ice_add_pair(f.agent, &path, 0), MINKE_ERROR_STATE);
    tear_down(&f);
}

/* Everything that adds fails at its n-th allocation, and works when it is called again. */
static void what_fails_for_memory_may_be_repeated(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 20; n++) {
        test_env_t test;
        test_env_init(&test, 1);
        test.fail_at = n;
        const minke_ice_options_t options = full_options(true, false);
        minke_ice_agent_t *agent = minke__ice_new(&test.env, &options, 1, 0);
        if (agent == NULL) agent = minke__ice_new(&test.env, &options, 1, 0);
        assert_non_null(agent);
        const minke_address_t bases[] = {test_address(HOST, 1), test_address("2001:db8::1", 1)};
        const minke_address_t server = test_address(SERVER, 3478);
        const minke_candidate_t candidate = test_candidate(MINKE_CANDIDATE_HOST, "192.0.2.7", 1);
        const minke_ice_credentials_t answerers = full_options(false, false).local;
        for (int i = 0; i < 2; i++) {
            if (minke__ice_add_local(agent, 1, &bases[i], 0) == MINKE_ERROR_NO_MEMORY)
                assert_int_equal(minke__ice_add_local(agent, 1, &bases[i], 0), MINKE_OK);
        }
        if (minke__ice_add_server(agent, &server, 0) == MINKE_ERROR_NO_MEMORY)
            assert_int_equal(minke__ice_add_server(agent, &server, 0), MINKE_OK);
        if (minke__ice_add_remote(agent, &candidate, 0) == MINKE_ERROR_NO_MEMORY) {
            const int again = minke__ice_add_remote(agent, &candidate, 0);
            assert_true(again == MINKE_OK || again == MINKE_ERROR_EXISTS);
        }
        if (minke__ice_set_remote(agent, &answerers, false, 0) == MINKE_ERROR_NO_MEMORY)
            assert_int_equal(minke__ice_set_remote(agent, &answerers, false, 0), MINKE_OK);
        const minke_ice_stats_t stats = minke__ice_stats(agent);
        assert_int_equal(stats.locals, 2);
        assert_int_equal(stats.pairs, 1);
        minke__ice_free(agent);
        assert_int_equal(test.blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_the_vectors),
        cmocka_unit_test(follows_the_table_of_roles),
        cmocka_unit_test(refuses_what_is_not_for_it),
        cmocka_unit_test(answers_before_the_answer),
        cmocka_unit_test(takes_credentials_once),
        cmocka_unit_test(believes_only_answers_from_where_it_asked),
        cmocka_unit_test(repeats_a_check_at_these_times),
        cmocka_unit_test(checks_the_best_first_one_in_50_ms),
        cmocka_unit_test(repeats_at_once_when_the_remote_is_heard),
        cmocka_unit_test(pairs_only_what_can_reach_each_other),
        cmocka_unit_test(tells_each_candidate_once),
        cmocka_unit_test(asks_servers_where_it_is),
        cmocka_unit_test(drops_a_reflexive_candidate_without_nat),
        cmocka_unit_test(does_not_wait_for_a_dead_server),
        cmocka_unit_test(nominates_after_a_tenth_of_a_second),
        cmocka_unit_test(nominates_the_better_one_of_two),
        cmocka_unit_test(nominates_at_once_when_nothing_better_can_come),
        cmocka_unit_test(nominates_another_when_the_first_is_dead),
        cmocka_unit_test(controls_a_lite_remote),
        cmocka_unit_test(follows_nominations_as_they_come),
        cmocka_unit_test(asks_anew_before_it_follows_late),
        cmocka_unit_test(gives_way_when_its_role_is_refused),
        cmocka_unit_test(does_not_flap_for_ever),
        cmocka_unit_test(asks_for_consent),
        cmocka_unit_test(takes_a_late_answer_for_consent),
        cmocka_unit_test(doubts_a_pair_when_another_is_heard),
        cmocka_unit_test(names_ten_thousand_victims),
        cmocka_unit_test(checks_from_ten_thousand_addresses),
        cmocka_unit_test(wrong_keys_leave_nothing_behind),
        cmocka_unit_test(a_path_taken_over_is_left),
        cmocka_unit_test(says_why_it_failed),
        cmocka_unit_test(direct_agents_have_no_candidates),
        cmocka_unit_test(what_fails_for_memory_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
