/* The agent alone, mostly as listener: rules, selection, amplification, timers. Two agents talk in agents_test.c. */
#include "ice_support.h"

#include "ice/binding.h"

typedef struct fixture {
    test_env_t test;
    minke_ice_agent_t *agent;
} fixture_t;

static void set_up(fixture_t *f, bool controlling)
{
    test_env_init(&f->test, 3);
    const minke_ice_options_t options = test_options(controlling);
    f->agent = minke__ice_new(&f->test.env, &options, 1, 0);
    assert_non_null(f->agent);
}

static void tear_down(fixture_t *f)
{
    minke__ice_free(f->agent);
    assert_int_equal(f->test.blocks, 0);
}

static const test_request_t ask_v2 = {.left = S2, .right = UFRAG2, .key = S2};
static const test_request_t nominate_v2 = {.left = S2, .right = UFRAG2, .key = S2, .use_candidate = true};

static bool ask(fixture_t *f, const test_request_t *request, const minke_path_t *path, minke_time_t now)
{
    test_datagram_t datagram;
    test_write_request(request, &datagram);
    return test_agent_recv(f->agent, &datagram, path, now);
}

/* Takes out all that is due; keeps the last check of ours towards `path`, if any. Returns the number of checks. */
static size_t drain(fixture_t *f, minke_time_t now, const minke_path_t *path, test_datagram_t *check)
{
    size_t n = 0;
    for (test_datagram_t out; test_agent_transmits(f->agent, now, &out);) {
        if (test_parsed(&out).type != MINKE_STUN_BINDING_REQUEST) continue;
        n++;
        if (path != NULL && minke__path_equal(&out.path, path) && check != NULL) *check = out;
    }
    return n;
}

static bool answer(fixture_t *f, const test_datagram_t *check, const minke_path_t *path, minke_time_t now)
{
    test_datagram_t datagram;
    test_write_answer(check, PWD2, &datagram);
    return test_agent_recv(f->agent, &datagram, path, now);
}

/* A stranger whose check of ours, if any, is over. */
static int adopt_pair(minke_ice_agent_t *agent, const minke_path_t *path, bool validated, bool nominated,
                      size_t received, size_t sent, minke_time_t now)
{
    const minke_stranger_t stranger = {
        .path = *path, .validated = validated, .nominated = nominated, .received = received, .sent = sent};
    return minke__ice_adopt_stranger(agent, &stranger, now);
}

/* A listener's agent as the endpoint makes it from a proven stranger at `path`. */
static void set_up_listener(fixture_t *f, const minke_path_t *path)
{
    set_up(f, false);
    assert_int_equal(adopt_pair(f->agent, path, true, true, 128, 188, 0), MINKE_OK);
}

static void assert_selected(const fixture_t *f, const minke_path_t *path)
{
    minke_path_t selected;
    assert_true(minke__ice_selected(f->agent, &selected));
    assert_true(minke__path_equal(&selected, path));
}

static void assert_state_is(const fixture_t *f, minke_ice_state_t state)
{
    assert_int_equal(minke__ice_state(f->agent), state);
}

static void follows_the_rules(void **state)
{
    (void)state;
    enum { DROPPED = -1, SUCCESS = 0 };
    static const struct {
        const char *what;
        test_request_t request;
        bool controlling;
        int answer;
    } table[] = {
        {"a check", {.left = S2, .right = UFRAG2, .key = S2}, false, SUCCESS},
        {"another client ufrag", {.left = S2, .right = "k3Fr", .key = S2}, false, DROPPED},
        {"a longer client ufrag", {.left = S2, .right = "k3Fqq", .key = S2}, false, DROPPED},
        {"another server ufrag", {.left = S1, .right = UFRAG2, .key = S1}, false, DROPPED},
        {"halves exchanged", {.left = UFRAG2, .right = S2, .key = S2}, false, DROPPED},
        {"no USERNAME", {.key = S2}, false, DROPPED},
        {"no integrity", {.left = S2, .right = UFRAG2}, false, DROPPED},
        {"the wrong key", {.left = S2, .right = UFRAG2, .key = PWD2}, false, DROPPED},
        {"role conflict", {.left = S2, .right = UFRAG2, .key = S2, .controlled = true}, false, 487},
        {"an unknown attribute", {.left = S2, .right = UFRAG2, .key = S2, .unknown = 0x7fff}, false, 420},
        {"an optional attribute", {.left = S2, .right = UFRAG2, .key = S2, .unknown = 0xc057}, false, SUCCESS},
        {"another method", {.type = 0x0003, .left = S2, .right = UFRAG2, .key = S2}, false, DROPPED},
        {"to the dialer", {.left = UFRAG2, .right = S2, .key = PWD2, .controlled = true}, true, SUCCESS},
        {"to the dialer, controlling too", {.left = UFRAG2, .right = S2, .key = PWD2}, true, 487},
        {"to the dialer, the wrong key", {.left = UFRAG2, .right = S2, .key = S2, .controlled = true}, true, DROPPED},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fixture_t f;
        set_up(&f, table[i].controlling);
        const minke_path_t path = test_path(1, 1);
        assert_int_equal(ask(&f, &table[i].request, &path, 0), table[i].answer != DROPPED);
        test_datagram_t out;
        const bool answered = test_agent_transmits(f.agent, 0, &out);
        if (answered != (table[i].answer != DROPPED)) fail_msg("%s: %d", table[i].what, answered);
        if (answered) {
            const minke_stun_message_t m = test_parsed(&out);
            if (m.error_code != table[i].answer) fail_msg("%s: %d", table[i].what, m.error_code);
            assert_true(minke__stun_verify(&m, table[i].request.key, strlen(table[i].request.key)));
            assert_true(m.has_mapped_address == (m.error_code == 0));
        }
        assert_int_equal(f.test.counters.stun_refused, table[i].answer == DROPPED ? 1 : 0);
        assert_int_equal(minke__ice_knows(f.agent, &path), table[i].answer == SUCCESS);
        tear_down(&f);
    }
}

static void listener_starts_connected(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false);
    minke_path_t selected, path = test_path(1, 1);
    assert_state_is(&f, MINKE_ICE_CHECKING);
    assert_false(minke__ice_selected(f.agent, &selected));
    assert_int_equal(minke__ice_may_send(f.agent), 0);
    const uint32_t generation = minke__ice_generation(f.agent);
    assert_int_equal(adopt_pair(f.agent, &path, false, false, 128, 188, 0), MINKE_OK);
    assert_true(minke__ice_generation(f.agent) != generation);
    assert_state_is(&f, MINKE_ICE_CONNECTED);
    assert_selected(&f, &path);
    assert_int_equal(minke__ice_pairs(f.agent, &selected, 1), 1);
    const minke_ice_credentials_view_t local = minke__ice_local(f.agent);
    assert_string_equal(local.ufrag, S2);
    assert_int_equal(local.pwd_len, strlen(S2));
    tear_down(&f);
}

/* An adopted pair that is not proven: its check is repeated quickly, and the limit counts all that goes there. */
static void proves_an_adopted_address(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false);
    const minke_path_t path = test_path(1, 1);
    assert_int_equal(adopt_pair(f.agent, &path, false, false, 128, 188, 0), MINKE_OK);
    assert_int_equal(minke__ice_may_send(f.agent), 3 * 128 - 188);
    minke__ice_received(f.agent, &path, 1000, false, 0); /* the ClientHello */
    size_t left = 3 * 1128 - 188;
    static const minke_time_t tries[] = {0, 100 * MS, 300 * MS, 700 * MS, 1500 * MS, 3100 * MS};
    test_datagram_t check;
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        assert_int_equal(minke__ice_deadline(f.agent), tries[i]);
        if (tries[i] > 0) assert_int_equal(drain(&f, tries[i] - 1, &path, &check), 0);
        minke__ice_tick(f.agent, tries[i]);
        assert_int_equal(drain(&f, tries[i], &path, &check), 1);
        left -= check.len;
        assert_int_equal(minke__ice_may_send(f.agent), left);
    }
    assert_true(minke__ice_deadline(f.agent) > 3100 * MS);
    minke__ice_sent(f.agent, left - 10);
    assert_int_equal(minke__ice_may_send(f.agent), 10);
    minke__ice_sent(f.agent, 20);
    assert_int_equal(minke__ice_may_send(f.agent), 0);
    /* No further check either, though the dialer asks again: but that it asks leaves room for the answer. */
    minke__ice_sent(f.agent, 1000);
    assert_true(ask(&f, &ask_v2, &path, 3200 * MS));
    assert_int_equal(drain(&f, 3200 * MS, &path, &check), 0);
    assert_int_equal(f.test.counters.amplification_held, 1);
    minke__ice_received(f.agent, &path, 1000, false, 3200 * MS); /* its ClientHello again: and so does our check */
    assert_int_equal(drain(&f, 3200 * MS, &path, &check), 1);
    minke__ice_received(f.agent, &path, 1000, false, 3299 * MS);
    assert_int_equal(drain(&f, 3299 * MS, &path, &check), 0);
    minke__ice_received(f.agent, &path, 1000, false, 3300 * MS);
    assert_int_equal(drain(&f, 3300 * MS, &path, &check), 1);
    assert_true(minke__ice_expects(f.agent, check.data + 8));
    const minke_path_t elsewhere = test_path(2, 1);
    assert_false(answer(&f, &check, &elsewhere, 3300 * MS));
    assert_int_equal(f.test.counters.stun_unexpected, 1);
    assert_true(answer(&f, &check, &path, 3300 * MS));
    assert_true(minke__ice_may_send(f.agent) == SIZE_MAX);
    assert_false(answer(&f, &check, &path, 3300 * MS)); /* once only */
    assert_int_equal(f.test.counters.stun_unexpected, 2);
    tear_down(&f);
}

/* The stranger's check was answered while its record became a connection: the answer still counts. */
static void carries_on_a_strangers_check(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false);
    minke_strangers_t *strangers = minke__strangers_new(&f.test.env, 0, 0);
    const minke_path_t path = test_path(1, 1);
    test_datagram_t datagram, check = {.len = 0};
    test_write_request(&ask_v2, &datagram);
    test_strangers_recv(strangers, &datagram, &path, 0);
    while (test_strangers_transmit(strangers, 0, &datagram)) check = datagram;
    minke_stranger_t stranger;
    assert_true(minke__strangers_take(strangers, &path, 0, &stranger));
    assert_int_equal(minke__ice_adopt_stranger(f.agent, &stranger, 0), MINKE_OK);
    test_datagram_t again;
    assert_int_equal(drain(&f, 0, &path, &again), 0); /* it is out */
    assert_int_equal(drain(&f, MINKE_ICE_TRY_AGAIN_AFTER, &path, &again), 1);
    assert_memory_equal(again.data + 8, check.data + 8, 12);
    assert_true(answer(&f, &check, &path, 10));
    assert_true(minke__ice_may_send(f.agent) == SIZE_MAX);
    assert_int_equal(drain(&f, 2 * SECOND, NULL, NULL), 0);
    minke__strangers_free(strangers);
    tear_down(&f);
}

static void follows_a_rebinding(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t old = test_path(1, 1), new = test_path(2, 2);
    set_up_listener(&f, &old);
    const uint32_t generation = minke__ice_generation(f.agent);
    assert_true(ask(&f, &nominate_v2, &new, 1 * SECOND));
    assert_true(minke__ice_generation(f.agent) != generation);
    assert_true(minke__ice_knows(f.agent, &new) && minke__ice_knows(f.agent, &old));
    assert_selected(&f, &old);
    test_datagram_t check = {.len = 0};
    assert_int_equal(drain(&f, 1 * SECOND, &new, &check), 1);
    assert_selected(&f, &old);
    assert_true(answer(&f, &check, &new, 1100 * MS));
    assert_selected(&f, &new);
    assert_true(minke__ice_may_send(f.agent) == SIZE_MAX);
    /* And back again. */
    assert_true(ask(&f, &nominate_v2, &old, 2 * SECOND));
    assert_selected(&f, &old);
    tear_down(&f);
}

/* The proof first, USE-CANDIDATE later. */
static void waits_for_nomination(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t old = test_path(1, 1), new = test_path(2, 2);
    set_up_listener(&f, &old);
    minke__ice_received(f.agent, &old, 100, true, 1 * SECOND);
    assert_true(ask(&f, &ask_v2, &new, 1 * SECOND));
    test_datagram_t check = {.len = 0};
    (void)drain(&f, 1 * SECOND, &new, &check);
    assert_true(answer(&f, &check, &new, 1100 * MS));
    assert_selected(&f, &old);
    minke__ice_received(f.agent, &new, 100, true, 2 * SECOND);
    assert_selected(&f, &old);
    assert_true(ask(&f, &nominate_v2, &new, 3 * SECOND));
    assert_selected(&f, &new);
    tear_down(&f);
}

/* No nomination at all, but the old address has gone silent and the new one is proven. */
static void moves_away_from_silence(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t old = test_path(1, 1), new = test_path(2, 2);
    set_up_listener(&f, &old);
    assert_true(ask(&f, &ask_v2, &new, 1 * SECOND));
    minke__ice_received(f.agent, &new, 100, true, 6 * SECOND); /* not proven: data does not move it */
    assert_selected(&f, &old);
    test_datagram_t check = {.len = 0};
    (void)drain(&f, 6 * SECOND, &new, &check);
    assert_true(answer(&f, &check, &new, 6 * SECOND));
    assert_selected(&f, &new);
    minke__ice_received(f.agent, &old, 100, true, 7 * SECOND);
    assert_selected(&f, &new);
    tear_down(&f);
}

/* Firefox and go nominate every pair in every check: the higher priority settles it. */
static void settles_aggressive_nomination(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t high = test_path(1, 1), low = test_path(2, 2);
    set_up(&f, false);
    assert_int_equal(adopt_pair(f.agent, &high, true, false, 128, 188, 0), MINKE_OK);
    test_request_t from_high = nominate_v2, from_low = nominate_v2;
    from_high.priority = 0x6e7f1eff;
    from_low.priority = 0x6e7e1eff;
    assert_true(ask(&f, &from_high, &high, 0));
    assert_true(ask(&f, &from_low, &low, 0));
    test_datagram_t check = {.len = 0};
    (void)drain(&f, 0, &low, &check);
    assert_true(answer(&f, &check, &low, 20 * MS));
    assert_selected(&f, &low); /* nominated for the first time */
    for (minke_time_t now = 100 * MS; now < 2 * SECOND; now += 500 * MS) {
        assert_true(ask(&f, &from_high, &high, now));
        assert_selected(&f, &high);
        assert_true(ask(&f, &from_low, &low, now + 250 * MS));
        assert_selected(&f, &high);
    }
    tear_down(&f);
}

/* Valid checks, copied and sent from forged sources with USE-CANDIDATE: no traffic goes there, and little is sent. */
static void forged_sources_get_nothing(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t honest = test_path(1, 1);
    set_up_listener(&f, &honest);
    size_t in = 0, out = 0;
    for (uint16_t i = 0; i < 2000; i++) {
        const minke_time_t now = i * 10 * MS;
        const minke_path_t forged = test_path((uint16_t)(100 + i % 50), i);
        test_datagram_t datagram;
        test_write_request(&nominate_v2, &datagram);
        in += datagram.len;
        assert_true(test_agent_recv(f.agent, &datagram, &forged, now));
        minke__ice_received(f.agent, &forged, 100, true, now); /* and a datagram of the session, copied */
        in += 100;
        while (test_agent_transmits(f.agent, now, &datagram)) {
            if (!minke__path_equal(&datagram.path, &honest)) out += datagram.len;
        }
        minke_path_t paths[32];
        assert_true(minke__ice_pairs(f.agent, paths, 32) <= MINKE_ICE_PAIRS_MAX);
        assert_selected(&f, &honest);
        assert_true(minke__ice_knows(f.agent, &honest));
    }
    assert_true(out <= MINKE_ICE_UNPROVEN_FACTOR * in);
    tear_down(&f);
}

/* The list is full of proven addresses: the one that has been silent longest gives way, never the selected one. */
static void rebinds_for_ever(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t first = test_path(1, 1);
    set_up_listener(&f, &first);
    for (uint16_t i = 2; i < 40; i++) {
        const minke_time_t now = (minke_time_t)i * SECOND;
        const minke_path_t path = test_path(i, i), previous = test_path((uint16_t)(i - 1), (uint16_t)(i - 1));
        assert_true(ask(&f, &nominate_v2, &path, now));
        test_datagram_t check = {.len = 0};
        (void)drain(&f, now, &path, &check);
        assert_selected(&f, &previous);
        assert_true(answer(&f, &check, &path, now));
        assert_selected(&f, &path);
        assert_true(minke__ice_knows(f.agent, &previous));
    }
    assert_false(minke__ice_knows(f.agent, &first));
    tear_down(&f);
}

static void hands_over_a_5_tuple(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t one = test_path(1, 1), other = test_path(2, 2);
    set_up_listener(&f, &one);
    assert_int_equal(adopt_pair(f.agent, &other, true, false, 0, 0, 1), MINKE_OK);
    const uint32_t generation = minke__ice_generation(f.agent);
    minke__ice_remove_pair(f.agent, &one, 2);
    assert_true(minke__ice_generation(f.agent) != generation);
    assert_false(minke__ice_knows(f.agent, &one));
    assert_selected(&f, &other);
    minke__ice_remove_pair(f.agent, &one, 2);
    minke__ice_remove_pair(f.agent, &other, 2);
    minke_path_t selected;
    assert_false(minke__ice_selected(f.agent, &selected));
    assert_int_equal(minke__ice_may_send(f.agent), 0);
    /* With no pair left it runs into the consent timeout, without a check to anywhere. */
    for (minke_time_t now = 3; minke__ice_state(f.agent) == MINKE_ICE_CONNECTED; now = minke__ice_deadline(f.agent)) {
        minke__ice_tick(f.agent, now);
        assert_int_equal(drain(&f, now, NULL, NULL), 0);
        assert_true(minke__ice_deadline(f.agent) > now);
    }
    tear_down(&f);
}

/* Silence: the first check after 8 to 12 s, then one every 1 to 2.5 s, failed after 30 s. */
static void listener_notices_silence(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t path = test_path(1, 1);
    set_up_listener(&f, &path);
    minke_time_t now = 0, last = 0;
    size_t checks = 0;
    while (minke__ice_state(f.agent) == MINKE_ICE_CONNECTED) {
        now = minke__ice_deadline(f.agent);
        assert_true(now <= 30 * SECOND);
        minke__ice_tick(f.agent, now);
        if (drain(&f, now, &path, NULL) == 0) continue;
        if (checks++ == 0) assert_in_range(now, 8 * SECOND, 12 * SECOND);
        else assert_in_range(now - last, 1 * SECOND, 2500 * MS);
        last = now;
    }
    assert_int_equal(now, 30 * SECOND);
    assert_in_range(checks, 8, 22);
    const minke_close_t *reason = minke__ice_close_reason(f.agent);
    assert_int_equal(reason->layer, MINKE_LAYER_ICE);
    assert_int_equal(reason->code, MINKE_ERROR_TIMEOUT);
    assert_string_equal(reason->text, "nothing received for 30 s");
    assert_true(minke__ice_deadline(f.agent) == MINKE_TIME_NEVER);
    assert_int_equal(minke__ice_may_send(f.agent), 0);
    assert_false(ask(&f, &ask_v2, &path, now)); /* dead is dead */
    assert_int_equal(drain(&f, now, NULL, NULL), 0);
    tear_down(&f);
}

/* While something arrives at least every 8 s, the listener asks nothing (Chromium 2.7 s, Minke 6 s at most); a go
 * dialer's 15 s are enough to live on. */
static void listener_is_quiet_while_it_hears(void **state)
{
    (void)state;
    static const struct {
        minke_time_t every;
        size_t checks_max, checks_min;
    } table[] = {{2700 * MS, 0, 0}, {6 * SECOND, 0, 0}, {7900 * MS, 0, 0}, {15 * SECOND, 30, 7}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (int by_data = 0; by_data < 2; by_data++) {
            fixture_t f;
            const minke_path_t path = test_path(1, 1);
            set_up_listener(&f, &path);
            size_t checks = 0, wakes = 0;
            for (minke_time_t next = table[i].every; next < 120 * SECOND; next += table[i].every) {
                for (minke_time_t at; (at = minke__ice_deadline(f.agent)) <= next; wakes++) {
                    minke__ice_tick(f.agent, at);
                    checks += drain(&f, at, &path, NULL);
                    assert_true(minke__ice_deadline(f.agent) > at);
                }
                if (by_data != 0) minke__ice_received(f.agent, &path, 100, true, next);
                else assert_true(ask(&f, &ask_v2, &path, next));
                assert_int_equal(drain(&f, next, &path, NULL), 0);
            }
            assert_state_is(&f, MINKE_ICE_CONNECTED);
            assert_in_range(checks, table[i].checks_min, table[i].checks_max);
            assert_true(wakes <= 120);
            tear_down(&f);
        }
    }
}

static void gives_up_on_a_mute_address(void **state)
{
    (void)state;
    fixture_t f;
    test_env_init(&f.test, 1);
    minke_ice_options_t options = test_options(false);
    options.keepalive_after = 25 * SECOND;
    f.agent = minke__ice_new(&f.test.env, &options, 1, 0);
    const minke_path_t path = test_path(1, 1);
    assert_int_equal(adopt_pair(f.agent, &path, false, false, 10000, 0, 0), MINKE_OK);
    size_t checks = 0;
    for (minke_time_t now; (now = minke__ice_deadline(f.agent)) < 15 * SECOND;) checks += drain(&f, now, &path, NULL);
    assert_int_equal(checks, 6);
    tear_down(&f);
}

static void counts_checks_and_answers(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false);
    const minke_path_t path = test_path(1, 1);
    test_datagram_t in, out;
    test_write_request(&ask_v2, &in);
    assert_true(test_agent_recv(f.agent, &in, &path, 0));
    size_t left = 3 * in.len;
    while (test_agent_transmits(f.agent, 0, &out)) left -= out.len;
    assert_int_equal(minke__ice_may_send(f.agent), left);
    tear_down(&f);
}

static void prove(fixture_t *f, const minke_path_t *path, minke_time_t now)
{
    test_datagram_t check = {.len = 0};
    assert_true(ask(f, &ask_v2, path, now));
    (void)drain(f, now, path, &check);
    assert_true(answer(f, &check, path, now));
}

/* Never the pair that carries data, however silent; an unproven one before a proven one, however fresh. */
static void evicts_the_least_useful(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t selected = test_path(1, 1), unproven = test_path(50, 1), last = test_path(51, 1);
    set_up_listener(&f, &selected);
    for (uint16_t i = 2; i < (uint16_t)MINKE_ICE_PAIRS_MAX; i++) {
        const minke_path_t path = test_path(i, i);
        prove(&f, &path, i);
    }
    assert_true(ask(&f, &ask_v2, &unproven, 100));
    prove(&f, &last, 200);
    assert_false(minke__ice_knows(f.agent, &unproven));
    const minke_path_t one_more = test_path(52, 1), oldest = test_path(2, 2), next = test_path(3, 3);
    prove(&f, &one_more, 300);
    assert_false(minke__ice_knows(f.agent, &oldest));
    assert_true(minke__ice_knows(f.agent, &next) && minke__ice_knows(f.agent, &selected));
    assert_selected(&f, &selected);
    tear_down(&f);
}

/* Two addresses, neither proven: the first to prove itself carries the handshake, nominated or not. */
static void prefers_a_proven_address(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, false);
    const minke_path_t one = test_path(1, 1), other = test_path(2, 2);
    assert_int_equal(adopt_pair(f.agent, &one, false, true, 128, 188, 0), MINKE_OK);
    assert_true(ask(&f, &ask_v2, &other, 0));
    assert_selected(&f, &one);
    test_datagram_t check = {.len = 0};
    (void)drain(&f, 0, &other, &check);
    assert_true(answer(&f, &check, &other, 20 * MS));
    assert_selected(&f, &other);
    tear_down(&f);
}

/* Nobody can tell who sent an indication: it neither keeps a connection alive nor earns an answer. */
static void indications_prove_nothing(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t path = test_path(1, 1);
    set_up_listener(&f, &path);
    const test_request_t indication = {.type = MINKE_STUN_BINDING_INDICATION};
    assert_false(ask(&f, &indication, &path, 29 * SECOND));
    assert_int_equal(drain(&f, 0, NULL, NULL), 0);
    assert_int_equal(f.test.counters.stun_refused + f.test.counters.stun_unexpected, 0);
    minke__ice_tick(f.agent, 30 * SECOND);
    assert_state_is(&f, MINKE_ICE_FAILED);
    tear_down(&f);
}

static void unauthentic_data_is_no_sign_of_life(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t path = test_path(1, 1), unknown = test_path(2, 2);
    set_up_listener(&f, &path);
    minke__ice_received(f.agent, &path, 100, false, 29 * SECOND);
    minke__ice_received(f.agent, &unknown, 100, true, 29 * SECOND);
    minke__ice_tick(f.agent, 30 * SECOND);
    assert_state_is(&f, MINKE_ICE_FAILED);
    tear_down(&f);
}

/* A dialer whose checks are never answered: 50 ms, 100 ms, 200 ms .. 1.6 s, and after 10 s it gives up. */
static void dialer_gives_up(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true);
    const minke_path_t path = test_path(1, 1);
    assert_int_equal(minke__ice_add_pair(f.agent, &path, 0), MINKE_OK);
    assert_int_equal(minke__ice_add_pair(f.agent, &path, 0), MINKE_ERROR_EXISTS);
    static const minke_time_t tries[] = {0, 50, 150, 350, 750, 1550, 3150, 4750, 6350, 7950, 9550};
    test_datagram_t check;
    uint8_t id[12];
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        assert_int_equal(minke__ice_deadline(f.agent), tries[i] * MS);
        minke__ice_tick(f.agent, tries[i] * MS);
        assert_int_equal(drain(&f, tries[i] * MS, &path, &check), 1);
        if (i == 0) memcpy(id, check.data + 8, 12);
        assert_memory_equal(id, check.data + 8, 12);
    }
    const minke_stun_message_t m = test_parsed(&check);
    assert_true(m.use_candidate && m.ice_controlling && !m.ice_controlled && m.has_priority);
    assert_int_equal(m.username_len, strlen(S2 ":" UFRAG2));
    assert_memory_equal(m.username, S2 ":" UFRAG2, m.username_len);
    assert_true(minke__stun_verify(&m, S2, strlen(S2)));
    assert_int_equal(minke__ice_deadline(f.agent), 10 * SECOND);
    minke__ice_tick(f.agent, 10 * SECOND);
    assert_state_is(&f, MINKE_ICE_FAILED);
    assert_non_null(strstr(minke__ice_close_reason(f.agent)->text, "no check was answered"));
    assert_int_equal(minke__ice_add_pair(f.agent, &path, 0), MINKE_ERROR_STATE);
    assert_int_equal(adopt_pair(f.agent, &path, true, true, 0, 0, 0), MINKE_ERROR_STATE);
    tear_down(&f);
}

static void answer_to_dialer(fixture_t *f, const test_datagram_t *check, uint16_t error, minke_time_t now)
{
    test_datagram_t out;
    minke_writer_t w = minke__writer(out.data, sizeof out.data);
    minke__stun_begin(&w, error == 0 ? MINKE_STUN_BINDING_SUCCESS : MINKE_STUN_BINDING_ERROR, check->data + 8);
    if (error == 0) minke__stun_write_mapped_address(&w, &check->path.local);
    else minke__stun_write_error(&w, error);
    assert_true(minke__stun_finish(&w, S2, strlen(S2)));
    out.len = w.len;
    assert_true(test_agent_recv(f->agent, &out, &check->path, now));
}

/* The first pair that works is nominated, by a second check if there are several. The others fall silent. */
static void dialer_nominates_the_first(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true);
    const minke_path_t one = test_path(1, 1), other = test_path(2, 2);
    assert_int_equal(minke__ice_add_pair(f.agent, &one, 0), MINKE_OK);
    assert_int_equal(minke__ice_add_pair(f.agent, &other, 0), MINKE_OK);
    test_datagram_t check = {.len = 0};
    assert_int_equal(drain(&f, 0, &other, &check), 2);
    assert_false(test_parsed(&check).use_candidate);
    answer_to_dialer(&f, &check, 0, 50 * MS);
    assert_state_is(&f, MINKE_ICE_CONNECTED);
    assert_selected(&f, &other);
    assert_int_equal(drain(&f, 50 * MS, &other, &check), 1);
    assert_true(test_parsed(&check).use_candidate);
    assert_int_equal(drain(&f, 150 * MS, &other, &check), 1); /* lost, again */
    answer_to_dialer(&f, &check, 0, 200 * MS);
    assert_int_equal(drain(&f, 3 * SECOND, NULL, NULL), 0);
    tear_down(&f);
}

/* 487 with fixed roles: the pair does not work, unless a later try is answered otherwise. */
static void dialer_survives_role_conflict(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true);
    const minke_path_t path = test_path(1, 1);
    assert_int_equal(minke__ice_add_pair(f.agent, &path, 0), MINKE_OK);
    test_datagram_t check = {.len = 0}, again = {.len = 0};
    (void)drain(&f, 0, &path, &check);
    answer_to_dialer(&f, &check, 487, 40 * MS);
    assert_state_is(&f, MINKE_ICE_CHECKING);
    assert_int_equal(drain(&f, 40 * MS, &path, &again), 0);
    assert_int_equal(drain(&f, 50 * MS, &path, &again), 1);
    assert_memory_not_equal(check.data + 8, again.data + 8, 12);
    answer_to_dialer(&f, &again, 0, 150 * MS);
    assert_state_is(&f, MINKE_ICE_CONNECTED);
    tear_down(&f);
}

/* What sends back our own checks is no listener; it must not pass for one that knows the credentials. */
static void dialer_is_not_fooled_by_an_echo(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true);
    minke_path_t path = test_path(1, 1);
    assert_int_equal(minke__ice_add_pair(f.agent, &path, 0), MINKE_OK);
    test_datagram_t check = {.len = 0}, answer = {.len = 0};
    assert_int_equal(drain(&f, 0, &path, &check), 1);
    const minke_stun_message_t reflected = test_parsed(&check);
    assert_false(minke__ice_recv(f.agent, &reflected, &path, 40 * MS));
    assert_int_equal(drain(&f, 40 * MS, &path, &answer), 0);
    assert_state_is(&f, MINKE_ICE_CHECKING);
    minke__ice_tick(f.agent, 10 * SECOND);
    assert_state_is(&f, MINKE_ICE_FAILED);
    assert_non_null(strstr(minke__ice_close_reason(f.agent)->text, "our own checks came back"));
    tear_down(&f);
}

/* RFC 7675: about every 5 s whatever arrives, every 1 to 2.5 s while nothing does. */
static void dialer_asks_for_consent(void **state)
{
    (void)state;
    fixture_t f;
    set_up(&f, true);
    const minke_path_t path = test_path(1, 1);
    assert_int_equal(minke__ice_add_pair(f.agent, &path, 0), MINKE_OK);
    test_datagram_t check = {.len = 0};
    (void)drain(&f, 0, &path, &check);
    answer_to_dialer(&f, &check, 0, 0);
    minke_time_t last = 0, now;
    uint8_t id[12] = {0};
    for (int i = 0; i < 20; i++) {
        now = minke__ice_deadline(f.agent);
        assert_in_range(now - last, 4 * SECOND, 6 * SECOND);
        minke__ice_received(f.agent, &path, 1000, true, now - 1);
        minke__ice_tick(f.agent, now);
        assert_int_equal(drain(&f, now, &path, &check), 1);
        assert_memory_not_equal(id, check.data + 8, 12);
        memcpy(id, check.data + 8, 12);
        assert_true(test_parsed(&check).use_candidate);
        answer_to_dialer(&f, &check, 0, now + 10);
        last = now;
    }
    const minke_time_t heard = last + 10;
    for (size_t i = 0; minke__ice_state(f.agent) == MINKE_ICE_CONNECTED; i++, last = now) {
        now = minke__ice_deadline(f.agent);
        if (i > 1 && now < heard + 30 * SECOND) assert_in_range(now - last, 1 * SECOND, 2500 * MS);
        minke__ice_tick(f.agent, now);
        (void)drain(&f, now, &path, &check);
    }
    assert_int_equal(last, heard + 30 * SECOND);
    tear_down(&f);
}

static void bounds_its_answers(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t path = test_path(1, 1);
    set_up_listener(&f, &path);
    for (int i = 0; i < 100; i++) assert_true(ask(&f, &ask_v2, &path, 0));
    size_t n = 0;
    for (test_datagram_t out; test_agent_transmits(f.agent, 0, &out);) n++;
    assert_int_equal(n, 16);
    assert_int_equal(f.test.counters.stun_refused, 100 - 16);
    tear_down(&f);
}

static void keeps_clear_of_odd_clocks(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t path = test_path(1, 1);
    set_up_listener(&f, &path);
    assert_true(ask(&f, &ask_v2, &path, 100 * SECOND));
    minke__ice_tick(f.agent, 50 * SECOND); /* back */
    assert_true(ask(&f, &ask_v2, &path, 50 * SECOND));
    assert_state_is(&f, MINKE_ICE_CONNECTED);
    minke__ice_tick(f.agent, 3650 * (minke_time_t)SECOND); /* an hour on: the machine slept */
    assert_state_is(&f, MINKE_ICE_FAILED);
    tear_down(&f);
    minke_ice_options_t options = test_options(false);
    options.consent_after = options.keepalive_after = options.handshake_after = MINKE_TIME_NEVER;
    test_env_init(&f.test, 1);
    f.agent = minke__ice_new(&f.test.env, &options, 1, MINKE_TIME_NEVER - 5);
    assert_int_equal(adopt_pair(f.agent, &path, true, true, 0, 0, MINKE_TIME_NEVER - 5), MINKE_OK);
    minke__ice_tick(f.agent, MINKE_TIME_NEVER - 4);
    assert_state_is(&f, MINKE_ICE_CONNECTED);
    tear_down(&f);
}

static void an_idle_connection_is_small(void **state)
{
    (void)state;
    fixture_t f;
    const minke_path_t path = test_path(1, 1);
    set_up_listener(&f, &path);
    assert_int_equal(f.test.blocks, 1); /* its only pair is in it */
    assert_true(ask(&f, &ask_v2, &path, 0));
    (void)drain(&f, 0, NULL, NULL);
    assert_int_equal(f.test.blocks, 1);
    tear_down(&f);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 100; fail_at++) {
        fixture_t f;
        test_env_init(&f.test, 1);
        f.test.fail_at = fail_at;
        const minke_ice_options_t options = test_options(false);
        f.agent = minke__ice_new(&f.test.env, &options, 1, 0);
        const minke_path_t old = test_path(1, 1), new = test_path(2, 2);
        if (f.agent != NULL && adopt_pair(f.agent, &old, true, true, 0, 0, 0) == MINKE_OK) {
            test_datagram_t check = {.len = 0};
            for (minke_time_t now = 0; now < 1 * SECOND; now += 100 * MS) {
                assert_true(ask(&f, &nominate_v2, &new, now)); /* again, until there is memory */
                (void)drain(&f, now, &new, &check);
                if (check.len > 0) (void)answer(&f, &check, &new, now);
            }
            assert_selected(&f, &new);
        }
        tear_down(&f);
        if (f.test.allocations < fail_at) return;
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_rules),
        cmocka_unit_test(listener_starts_connected),
        cmocka_unit_test(proves_an_adopted_address),
        cmocka_unit_test(carries_on_a_strangers_check),
        cmocka_unit_test(follows_a_rebinding),
        cmocka_unit_test(waits_for_nomination),
        cmocka_unit_test(moves_away_from_silence),
        cmocka_unit_test(settles_aggressive_nomination),
        cmocka_unit_test(forged_sources_get_nothing),
        cmocka_unit_test(rebinds_for_ever),
        cmocka_unit_test(hands_over_a_5_tuple),
        cmocka_unit_test(listener_notices_silence),
        cmocka_unit_test(listener_is_quiet_while_it_hears),
        cmocka_unit_test(gives_up_on_a_mute_address),
        cmocka_unit_test(counts_checks_and_answers),
        cmocka_unit_test(evicts_the_least_useful),
        cmocka_unit_test(prefers_a_proven_address),
        cmocka_unit_test(indications_prove_nothing),
        cmocka_unit_test(unauthentic_data_is_no_sign_of_life),
        cmocka_unit_test(dialer_gives_up),
        cmocka_unit_test(dialer_nominates_the_first),
        cmocka_unit_test(dialer_survives_role_conflict),
        cmocka_unit_test(dialer_is_not_fooled_by_an_echo),
        cmocka_unit_test(dialer_asks_for_consent),
        cmocka_unit_test(bounds_its_answers),
        cmocka_unit_test(keeps_clear_of_odd_clocks),
        cmocka_unit_test(an_idle_connection_is_small),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
