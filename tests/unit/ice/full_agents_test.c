/* Two full agents connect through every pair of NATs that lets them, and fail with a reason through the others. */
#include "full_world.h"

#include <stdlib.h>

/*
 * Which NATs let two agents connect with the help of a STUN server, and no relay.
 *
 * Each knows where the other's mapping for the server is. If both mappings are endpoint-independent, that is where all
 * comes from and goes to, and both filters open, since both send. If one is not, its checks come from another port than
 * the one that was signalled: the other side has to let them in and answer there, which a filter by address and port
 * never does. If neither is, that first check comes to a mapping which has sent to the server alone: its filter must be
 * endpoint-independent. The answer's source is a new port then as well, so that the first side must not filter by port,
 * and one of the two has to keep its port, or new ports go on for ever.
 */
static bool can_connect(const nat_t *a, const nat_t *b)
{
    const bool a_keeps = a->mapping == NAT_ENDPOINT_INDEPENDENT, b_keeps = b->mapping == NAT_ENDPOINT_INDEPENDENT;
    if (a_keeps && b_keeps) return true;
    if (a_keeps) return a->filtering != NAT_ADDRESS_AND_PORT_DEPENDENT;
    if (b_keeps) return b->filtering != NAT_ADDRESS_AND_PORT_DEPENDENT;
    if (a->mapping == NAT_ADDRESS_AND_PORT_DEPENDENT && b->mapping == NAT_ADDRESS_AND_PORT_DEPENDENT) return false;
    return (a->filtering == NAT_ENDPOINT_INDEPENDENT && b->filtering != NAT_ADDRESS_AND_PORT_DEPENDENT) ||
           (b->filtering == NAT_ENDPOINT_INDEPENDENT && a->filtering != NAT_ADDRESS_AND_PORT_DEPENDENT);
}

static void set_kinds(full_world_t *w, unsigned kinds)
{
    for (int i = 0; i < 2; i++) {
        w->sides[i].nat.mapping = (nat_rule_t)(kinds % 3);
        w->sides[i].nat.filtering = (nat_rule_t)(kinds / 3 % 3);
        kinds /= 9;
    }
}

static void fail_seed(uint64_t seed, const full_world_t *w, const char *what)
{
    const minke_ice_stats_t a = minke__ice_stats(w->sides[0].agent), b = minke__ice_stats(w->sides[1].agent);
    print_message("offerer: %u pairs, %u succeeded, nominated %d; answerer: %u, %u, %d\n", a.pairs, a.succeeded,
                  a.nominated, b.pairs, b.succeeded, b.nominated);
    fail_msg("seed %u, mapping %d/%d, filtering %d/%d, loss %u %%: %s", (unsigned)seed, w->sides[0].nat.mapping,
             w->sides[1].nat.mapping, w->sides[0].nat.filtering, w->sides[1].nat.filtering, w->loss_percent, what);
}

static void expect_failure(uint64_t seed, full_world_t *w)
{
    world_run_until(w, 21 * SECOND);
    for (int i = 0; i < 2; i++) {
        const minke_ice_agent_t *agent = w->sides[i].agent;
        if (minke__ice_state(agent) != MINKE_ICE_FAILED) fail_seed(seed, w, "connected against theory");
        assert_non_null(strstr(minke__ice_close_reason(agent)->text, "no pair of addresses works"));
        /* RFC 8445 14.2: at most a datagram every 50 ms, and what the remote triggers. */
        assert_true(w->sides[i].sent < 20 * 20 + 2 * w->sides[i].received + 20);
    }
}

typedef struct outcome {
    minke_time_t at;
    uint64_t fingerprint;
} outcome_t;

static outcome_t live(uint64_t seed, bool impaired)
{
    full_world_t *w = malloc(sizeof *w);
    assert_non_null(w);
    const bool ip6 = seed % 4 == 1 || seed % 4 == 2, ip4 = seed % 4 != 1;
    world_init(w, seed, ip4, ip6);
    set_kinds(w, (unsigned)(seed % 81));
    if (impaired) {
        w->loss_percent = (uint32_t)(test_random(&w->random_state) % 21);
        w->delay = test_random(&w->random_state) % (150 * MS);
        w->jitter = test_random(&w->random_state) % (60 * MS);
        w->signalling_delay = test_random(&w->random_state) % (400 * MS);
        w->trickle_delay = seed % 5 == 0 ? 3 * SECOND : 100 * MS;
        w->candidates_first = seed % 3 == 0;
        w->plain_server = seed % 7 == 0;
    }
    world_start(w);
    outcome_t outcome = {.at = MINKE_TIME_NEVER};
    if (!can_connect(&w->sides[0].nat, &w->sides[1].nat)) {
        expect_failure(seed, w);
    } else {
        if (!world_connects(w, 20 * SECOND)) fail_seed(seed, w, "not connected");
        outcome.at = w->now;
        for (int i = 0; i < 2; i++) {
            if (!world_data_passes(w, i)) fail_seed(seed, w, "data does not pass");
        }
        world_run_until(w, w->now + 60 * SECOND);
        for (int i = 0; i < 2; i++) {
            if (minke__ice_state(w->sides[i].agent) != MINKE_ICE_CONNECTED) fail_seed(seed, w, "did not stay");
            if (!world_data_passes(w, i)) fail_seed(seed, w, "data passes no longer");
        }
    }
    outcome.fingerprint = w->fingerprint;
    world_free(w);
    free(w);
    return outcome;
}

static int by_time(const void *a, const void *b)
{
    const minke_time_t x = *(const minke_time_t *)a, y = *(const minke_time_t *)b;
    return x < y ? -1 : x > y;
}

/* No loss, 20 ms each way: every pair of NATs, and how long it takes. */
static void connects_through_every_nat_that_lets_it(void **state)
{
    (void)state;
    for (uint64_t seed = 81; seed < 81 * 5; seed++) {
        const outcome_t outcome = live(seed, false);
        if (outcome.at != MINKE_TIME_NEVER && outcome.at > 1500 * MS)
            fail_msg("seed %u: only after %u ms", (unsigned)seed, (unsigned)(outcome.at / MS));
    }
}

/* One side has the other's candidates first, and checks while the other's NAT filters still: when the other's check
 * comes it must not wait until its own is due again. */
static void a_check_that_came_too_early_is_repeated_at_once(void **state)
{
    (void)state;
    enum { PORT_RESTRICTED = NAT_ENDPOINT_INDEPENDENT + 3 * NAT_ADDRESS_AND_PORT_DEPENDENT };
    for (uint64_t seed = 1; seed <= 50; seed++) {
        full_world_t *w = malloc(sizeof *w);
        assert_non_null(w);
        world_init(w, seed, true, false);
        set_kinds(w, PORT_RESTRICTED * (1 + 9));
        w->delay = MS;
        w->signalling_delay = seed * MS;
        world_start(w);
        if (!world_connects(w, 5 * SECOND)) fail_seed(seed, w, "not connected");
        if (w->now > 300 * MS) fail_msg("seed %u: only after %u ms", (unsigned)seed, (unsigned)(w->now / MS));
        world_free(w);
        free(w);
    }
}

static void connects_through_loss_delay_and_late_signals(void **state)
{
    (void)state;
    enum { SEEDS = 1000 };
    static minke_time_t times[SEEDS];
    size_t n = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const outcome_t outcome = live(seed, true);
        if (outcome.at != MINKE_TIME_NEVER) times[n++] = outcome.at;
    }
    qsort(times, n, sizeof times[0], by_time);
    print_message("%u of %u connect; nominated on both sides after: median %u ms, 90 %% %u ms, last %u ms\n",
                  (unsigned)n, SEEDS, (unsigned)(times[n / 2] / MS), (unsigned)(times[n * 9 / 10] / MS),
                  (unsigned)(times[n - 1] / MS));
    assert_true(times[n / 2] < 2 * SECOND);
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    for (uint64_t seed = 81; seed < 90; seed++)
        assert_true(live(seed, true).fingerprint == live(seed, true).fingerprint);
    assert_true(live(81, true).fingerprint != live(162, true).fingerprint);
}

/* ---- single worlds */

static full_world_t *new_world(uint64_t seed, unsigned kinds)
{
    full_world_t *w = malloc(sizeof *w);
    assert_non_null(w);
    world_init(w, seed, true, false);
    set_kinds(w, kinds);
    return w;
}

static void end_world(full_world_t *w)
{
    world_free(w);
    free(w);
}

static void assert_types(const full_world_t *w, int side, minke_candidate_type_t local, minke_candidate_type_t remote)
{
    minke_candidate_type_t types[2];
    assert_true(minke__ice_selected_types(w->sides[side].agent, &types[0], &types[1]));
    assert_int_equal(types[0], local);
    assert_int_equal(types[1], remote);
}

enum { CONES = 0, RESTRICTED_CONES = 1 * 3 + 1 * 27, PORT_RESTRICTED_CONES = 2 * 3 + 2 * 27, SYMMETRIC = 8 + 8 * 9 };

/* Without NATs: one round trip after the signalling. */
static void hosts_that_see_each_other_need_one_round_trip(void **state)
{
    (void)state;
    full_world_t *w = new_world(1, CONES);
    for (int i = 0; i < 2; i++) w->sides[i].nat.open = true;
    world_start(w);
    assert_true(world_connects(w, 1 * SECOND));
    /* The offer takes 30 ms, a check of the answerer's needs its candidates, 10 to 130 ms; then 40 ms, and a tenth of a
     * second and 40 ms more until it is nominated. */
    assert_true(w->sides[0].connected_at <= 250 * MS && w->sides[1].connected_at <= 250 * MS);
    for (int i = 0; i < 2; i++) assert_types(w, i, MINKE_CANDIDATE_HOST, MINKE_CANDIDATE_HOST);
    end_world(w);
}

/* Behind one NAT that does not hairpin, on one LAN. */
static void neighbours_connect_on_their_lan(void **state)
{
    (void)state;
    full_world_t *w = new_world(1, SYMMETRIC);
    w->sides[1].lan = w->sides[0].lan;
    w->sides[1].nat.outside[0] = w->sides[0].nat.outside[0];
    world_start(w);
    assert_true(world_connects(w, 1 * SECOND));
    for (int i = 0; i < 2; i++) {
        assert_types(w, i, MINKE_CANDIDATE_HOST, MINKE_CANDIDATE_HOST);
        assert_true(world_data_passes(w, i));
    }
    end_world(w);
}

static void names_the_kinds_of_addresses(void **state)
{
    (void)state;
    full_world_t *w = new_world(1, PORT_RESTRICTED_CONES);
    world_start(w);
    assert_true(world_connects(w, 2 * SECOND));
    for (int i = 0; i < 2; i++) assert_types(w, i, MINKE_CANDIDATE_SRFLX, MINKE_CANDIDATE_SRFLX);
    end_world(w);
    /* A symmetric NAT at the offerer's: its port is another one towards the answerer. */
    w = new_world(1, 8);
    world_start(w);
    assert_true(world_connects(w, 2 * SECOND));
    assert_types(w, 0, MINKE_CANDIDATE_PRFLX, MINKE_CANDIDATE_SRFLX);
    assert_types(w, 1, MINKE_CANDIDATE_SRFLX, MINKE_CANDIDATE_PRFLX);
    end_world(w);
}

static void prefers_ip6(void **state)
{
    (void)state;
    full_world_t *w = malloc(sizeof *w);
    assert_non_null(w);
    world_init(w, 1, true, true);
    world_start(w);
    assert_true(world_connects(w, 2 * SECOND));
    minke_path_t path;
    assert_true(minke__ice_selected(w->sides[0].agent, &path));
    assert_int_equal(path.remote.family, MINKE_FAMILY_IP6);
    end_world(w);
}

static void settles_a_conflict_of_roles(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        full_world_t *w = new_world(seed, RESTRICTED_CONES);
        w->same_role = true;
        w->both_controlling = seed % 2 == 0;
        w->loss_percent = seed % 3 == 0 ? 15 : 0;
        world_start(w);
        if (!world_connects(w, 20 * SECOND)) fail_seed(seed, w, "roles are not settled");
        assert_true(minke__ice_stats(w->sides[0].agent).controlling != minke__ice_stats(w->sides[1].agent).controlling);
        end_world(w);
    }
}

/* NATs forget their bindings after a while of sleep, or change their address: the other side sees it and follows. */
static void follows_a_new_binding_of_either_side(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        const int side = seed % 2 == 0;
        full_world_t *w = new_world(seed, RESTRICTED_CONES);
        w->loss_percent = seed % 4 == 0 ? 10 : 0;
        world_start(w);
        assert_true(world_connects(w, 20 * SECOND));
        world_run_until(w, 30 * SECOND);
        world_rebind(w, side);
        const minke_time_t at = w->now;
        while (!world_data_passes(w, 0) || !world_data_passes(w, 1)) {
            if (w->now > at + 29 * SECOND) fail_seed(seed, w, "not followed");
            world_step(w);
        }
        if (w->loss_percent == 0 && w->now - at > 14 * SECOND) fail_seed(seed, w, "followed late");
        world_run_until(w, at + 100 * SECOND);
        for (int i = 0; i < 2; i++) assert_true(world_data_passes(w, i));
        end_world(w);
    }
}

static void fails_when_the_other_side_is_gone(void **state)
{
    (void)state;
    full_world_t *w = new_world(1, CONES);
    world_start(w);
    assert_true(world_connects(w, 2 * SECOND));
    world_run_until(w, 10 * SECOND);
    w->one_way[1] = true; /* which hears us, but is not heard */
    world_run_until(w, 41 * SECOND);
    assert_int_equal(minke__ice_state(w->sides[0].agent), MINKE_ICE_FAILED);
    assert_string_equal(minke__ice_close_reason(w->sides[0].agent)->text, "nothing received for 30 s");
    end_world(w);
}

/* The answerer hears all and answers all, but nothing of it comes back. */
static void says_that_ours_do_not_arrive(void **state)
{
    (void)state;
    full_world_t *w = new_world(1, CONES);
    for (int i = 0; i < 2; i++) w->sides[i].nat.open = true;
    w->one_way[1] = true;
    world_start(w);
    world_run_until(w, 21 * SECOND);
    assert_non_null(
        strstr(minke__ice_close_reason(w->sides[1].agent)->text, "theirs arrive here, but nothing answers ours"));
    assert_non_null(strstr(minke__ice_close_reason(w->sides[0].agent)->text, "symmetric NATs"));
    end_world(w);
}

/* The n-th allocation after the start fails, for every n: the connection comes up all the same. */
static void survives_any_failed_allocation(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        full_world_t *w = new_world(5, PORT_RESTRICTED_CONES);
        world_start(w);
        while (w->sides[1].agent == NULL) world_step(w);
        w->test.fail_at = w->test.allocations + n;
        if (!world_connects(w, 20 * SECOND)) fail_seed(n, w, "a failed allocation is not survived");
        const bool over = w->test.allocations < w->test.fail_at;
        end_world(w);
        if (over) break;
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_through_every_nat_that_lets_it),
        cmocka_unit_test(a_check_that_came_too_early_is_repeated_at_once),
        cmocka_unit_test(connects_through_loss_delay_and_late_signals),
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(hosts_that_see_each_other_need_one_round_trip),
        cmocka_unit_test(neighbours_connect_on_their_lan),
        cmocka_unit_test(names_the_kinds_of_addresses),
        cmocka_unit_test(prefers_ip6),
        cmocka_unit_test(settles_a_conflict_of_roles),
        cmocka_unit_test(follows_a_new_binding_of_either_side),
        cmocka_unit_test(fails_when_the_other_side_is_gone),
        cmocka_unit_test(says_that_ours_do_not_arrive),
        cmocka_unit_test(survives_any_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
