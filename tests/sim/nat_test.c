/*
 * Private connections between NATs of every behaviour (RFC 4787), in virtual time: which pairs of NATs come together is
 * said by a rule, and all pairs are held against it. Then pairs that can, over links that lose and reorder.
 *
 *   sim-nat_test [SEEDS [FIRST]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "private_scene.h"

enum { MILLISECOND = PRIVATE_MILLISECOND, SECOND = PRIVATE_SECOND, SEEDS = 1000, KINDS = 10, STUN_PORT = 3478 };

static size_t seeds_n = SEEDS;
static uint64_t first_seed = 1;

/* ---- the NAT itself ---- */

static minke_address_t address(uint8_t host, uint16_t port)
{
    return (minke_address_t){.ip = {198, 51, 100, host}, .port = port, .family = MINKE_FAMILY_IP4};
}

static const minke_address_t inside = {.ip = {10, 0, 0, 2}, .port = 40000, .family = MINKE_FAMILY_IP4};

static uint16_t mapped(sim_nat_t *nat, uint8_t host, uint16_t port, minke_time_t now)
{
    const minke_address_t remote = address(host, port);
    minke_address_t seen;
    sim_nat_out(nat, &inside, &remote, now, &seen);
    assert_memory_equal(seen.ip, nat->outside.ip, sizeof seen.ip);
    return seen.port;
}

static bool lets_in(sim_nat_t *nat, uint16_t at, uint8_t host, uint16_t port, minke_time_t now)
{
    const minke_address_t remote = address(host, port);
    minke_address_t to;
    if (!sim_nat_in(nat, at, &remote, now, &to)) return false;
    assert_memory_equal(&to, &inside, sizeof to);
    return true;
}

static void a_nat_maps_by_its_behaviour(void **state)
{
    (void)state;
    for (sim_nat_behaviour_t mapping = 0; mapping < SIM_NAT_BEHAVIOURS; mapping++) {
        sim_nat_t nat;
        sim_nat_init(&nat, "203.0.113.1", mapping, SIM_NAT_PORT_DEPENDENT, SECOND, 1);
        const uint16_t first = mapped(&nat, 1, 1, 0);
        assert_int_equal(mapped(&nat, 1, 1, 0), first);
        assert_int_equal(mapped(&nat, 1, 2, 0) == first, mapping != SIM_NAT_PORT_DEPENDENT);
        assert_int_equal(mapped(&nat, 2, 1, 0) == first, mapping == SIM_NAT_ENDPOINT_INDEPENDENT);
    }
}

static void a_nat_filters_by_its_behaviour(void **state)
{
    (void)state;
    for (sim_nat_behaviour_t filtering = 0; filtering < SIM_NAT_BEHAVIOURS; filtering++) {
        sim_nat_t nat;
        sim_nat_init(&nat, "203.0.113.1", SIM_NAT_ENDPOINT_INDEPENDENT, filtering, SECOND, 1);
        const uint16_t at = mapped(&nat, 1, 1, 0);
        assert_true(lets_in(&nat, at, 1, 1, 0));
        assert_int_equal(lets_in(&nat, at, 1, 2, 0), filtering != SIM_NAT_PORT_DEPENDENT);
        assert_int_equal(lets_in(&nat, at, 2, 1, 0), filtering == SIM_NAT_ENDPOINT_INDEPENDENT);
        assert_false(lets_in(&nat, at ^ 1, 1, 1, 0));
    }
}

static void a_nat_forgets(void **state)
{
    (void)state;
    sim_nat_t nat;
    sim_nat_init(&nat, "203.0.113.1", SIM_NAT_ENDPOINT_INDEPENDENT, SIM_NAT_PORT_DEPENDENT, SECOND, 1);
    const uint16_t at = mapped(&nat, 1, 1, 0);
    assert_int_equal(mapped(&nat, 2, 2, SECOND / 2), at);
    assert_true(lets_in(&nat, at, 1, 1, SECOND - 1)); /* does not prolong it */
    assert_false(lets_in(&nat, at, 1, 1, SECOND));
    assert_true(lets_in(&nat, at, 2, 2, SECOND));
    assert_int_equal(mapped(&nat, 3, 3, SECOND), at);
    assert_int_not_equal(mapped(&nat, 1, 1, 3 * SECOND), at);
}

/* ---- which pairs can ---- */

typedef struct kind {
    bool none; /* no NAT at all */
    sim_nat_behaviour_t mapping, filtering;
} kind_t;

/* 0: none, 1 to 9: all the others. As to what follows, none is a NAT that depends on nothing. */
static kind_t kind_of(size_t index)
{
    if (index == 0) return (kind_t){.none = true};
    return (kind_t){false, (sim_nat_behaviour_t)((index - 1) / 3), (sim_nat_behaviour_t)((index - 1) % 3)};
}

static const char *kind_text(size_t index)
{
    static const char *const texts[KINDS] = {"none",
                                             "independent/independent",
                                             "independent/address",
                                             "independent/port",
                                             "address/independent",
                                             "address/address",
                                             "address/port",
                                             "port/independent",
                                             "port/address",
                                             "port/port"};
    return texts[index];
}

static bool is_independent(const kind_t *k) { return k->mapping == SIM_NAT_ENDPOINT_INDEPENDENT; }

/* Nothing from `far` ever passes the filter of `near`. */
static bool is_shut_out(const kind_t *far, const kind_t *near)
{
    return !is_independent(far) && near->filtering == SIM_NAT_PORT_DEPENDENT;
}

/*
 * Both know of the other what the STUN server saw, a and b, and send there (RFC 5128 3.3, hole punching): that opens
 * their filters to the other's IP address, and to its port a or b.
 *
 * - A mapping that is independent of the endpoint (RFC 4787 REQ-1) has the checks come from a itself. Any other has
 *   them come from an address that nobody could tell of. A filter that depends on the port is shut for it, as its owner
 *   has sent to a alone, and will never hear of another: what RFC 5128 3.5 can but guess at.
 * - Where neither is shut out, whoever is heard first shows the address that it has towards the other (a
 *   peer-reflexive candidate, RFC 8445 7.3.1.3), and the check that this triggers goes there. It is answered from where
 *   it was sent to (7.2.5.2.1 wants that) if the mapping there is the same towards what the check came from: it is if
 *   one of the two sides does not change its port with the port of the other. If both do, each answer comes from one
 *   more new port, without end.
 */
static bool can_connect(size_t a_kind, size_t b_kind)
{
    const kind_t a = kind_of(a_kind), b = kind_of(b_kind);
    if (is_shut_out(&a, &b) || is_shut_out(&b, &a)) return false;
    return a.mapping != SIM_NAT_PORT_DEPENDENT || b.mapping != SIM_NAT_PORT_DEPENDENT;
}

/* ---- a pair in the world ---- */

typedef struct pair {
    private_scene_t scene;
    sim_endpoint_t *server;
    minke_address_t server_address;
    sim_nat_t nats[2];
    minke_time_t began_at;
} pair_t;

typedef struct outcome {
    bool ok;
    minke_time_t took; /* until it was decided */
    uint64_t trace;
} outcome_t;

typedef struct conditions {
    sim_link_t link;
    minke_time_t signal_delay;
    minke_time_t expire_after;
} conditions_t;

static void set_up(pair_t *p, uint64_t seed, const size_t kinds[2], const conditions_t *conditions)
{
    static const char *const private_ips[] = {"10.0.0.2", "10.0.1.2"}, *const public_ips[] = {"203.0.113.1",
                                                                                              "203.0.113.2"};
    const char *ips[2];
    for (size_t i = 0; i < 2; i++) ips[i] = kinds[i] == 0 ? public_ips[i] : private_ips[i];
    private_set_up(&p->scene, seed, ips);
    sim_endpoint_t *const ends[] = {p->scene.offerer.endpoint, p->scene.answerer.endpoint};
    for (size_t i = 0; i < 2; i++) {
        const kind_t kind = kind_of(kinds[i]);
        sim_nat_init(&p->nats[i], public_ips[i], kind.mapping, kind.filtering, conditions->expire_after, seed * 2 + i);
        if (!kind.none) sim_behind_nat(ends[i], &p->nats[i]);
    }
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.serve_stun = true;
    p->server = sim_world_add(&p->scene.world, "198.51.100.1", &options, seed * 2 + 2);
    sim_world_join(&p->scene.world, ends[0], ends[1], &conditions->link);
    for (size_t i = 0; i < 2; i++) sim_world_join(&p->scene.world, ends[i], p->server, &conditions->link);
    sim_listen(&p->scene.world, p->server, STUN_PORT);
    p->server_address = address(1, STUN_PORT);
    p->scene.stun_servers = &p->server_address;
    p->scene.stun_servers_n = 1;
    p->scene.signal_delay = conditions->signal_delay;
    p->began_at = p->scene.world.now;
}

/* NULL, or what is wrong. */
static const char *check_connected(pair_t *p)
{
    private_side_t *const sides[] = {&p->scene.offerer, &p->scene.answerer};
    for (size_t i = 0; i < 2; i++) {
        if (sides[i]->closed) return sides[i]->close.text;
        if (!sides[i]->connected) return "neither connected nor closed";
    }
    if (!private_talk(&p->scene, 10 * SECOND)) return "what was sent on streams has not arrived";
    return sides[0]->closed || sides[1]->closed ? "closed after it was up" : NULL;
}

/* Both sides, for want of a path, and nothing is left of it. */
static const char *check_ended(const pair_t *p)
{
    const private_side_t *const sides[] = {&p->scene.offerer, &p->scene.answerer};
    for (size_t i = 0; i < 2; i++) {
        if (!sides[i]->closed) return "not closed in time";
        if (sides[i]->close.layer != MINKE_LAYER_ICE) return sides[i]->close.text;
        if (sim_sockets(sides[i]->endpoint) != 0) return "sockets are left";
        if (minke_transport_connections(sides[i]->endpoint->transport, NULL, 0) != 0) return "a connection is left";
    }
    return NULL;
}

static const char *check_failed(const pair_t *p)
{
    if (p->scene.offerer.connected || p->scene.answerer.connected) return "connected, and the rule says that it cannot";
    return check_ended(p);
}

static void connect(pair_t *p, uint64_t seed, const size_t kinds[2], const conditions_t *conditions)
{
    set_up(p, seed, kinds, conditions);
    private_offer(&p->scene);
    private_run(&p->scene, 40 * SECOND);
}

/* True: it is. sim_world_free ends the program if memory is left. */
static bool is_right(pair_t *p, const char *wrong, uint64_t seed, const size_t kinds[2])
{
    if (wrong != NULL) {
        print_error("seed %llu, %s with %s, after %.1f s: %s\n", (unsigned long long)seed, kind_text(kinds[0]),
                    kind_text(kinds[1]), (double)(p->scene.world.now - p->began_at) / SECOND, wrong);
    }
    sim_world_free(&p->scene.world);
    return wrong == NULL;
}

/* Is it as the rule says? */
static outcome_t run_pair(uint64_t seed, const size_t kinds[2], const conditions_t *conditions)
{
    static pair_t p;
    outcome_t outcome;
    connect(&p, seed, kinds, conditions);
    outcome.took = p.scene.world.now - p.began_at;
    const char *wrong = can_connect(kinds[0], kinds[1]) ? check_connected(&p) : check_failed(&p);
    outcome.trace = sim_network_trace(p.scene.world.network);
    outcome.ok = is_right(&p, wrong, seed, kinds);
    return outcome;
}

static const conditions_t plain = {
    .link = {.delay = 20 * MILLISECOND}, .signal_delay = 50 * MILLISECOND, .expire_after = 120 * SECOND};

static void every_pair_is_as_the_rule_says(void **state)
{
    (void)state;
    size_t wrong_n = 0, can_n = 0;
    minke_time_t longest = 0;
    for (size_t i = 0; i < KINDS * KINDS; i++) {
        const size_t kinds[2] = {i / KINDS, i % KINDS};
        const bool can = can_connect(kinds[0], kinds[1]);
        can_n += can;
        const outcome_t outcome = run_pair(i + 1, kinds, &plain);
        wrong_n += !outcome.ok;
        if (can && outcome.took > longest) longest = outcome.took;
    }
    print_message("%zu of %d pairs can, the slowest after %.0f ms\n", can_n, KINDS * KINDS, (double)longest / 1000);
    assert_int_equal(can_n, 64);
    assert_int_equal(wrong_n, 0);
}

/* ---- later ---- */

/* NATs that forget after 20 s, and nothing to say for five minutes: consent (RFC 7675) keeps the mappings. */
static void idle_connections_keep_their_mappings(void **state)
{
    (void)state;
    static pair_t p;
    conditions_t conditions = plain;
    conditions.expire_after = 20 * SECOND;
    size_t wrong_n = 0;
    for (size_t i = 0; i < KINDS * KINDS; i++) {
        const size_t kinds[2] = {i / KINDS, i % KINDS};
        if (!can_connect(kinds[0], kinds[1])) continue;
        connect(&p, i + 1, kinds, &conditions);
        (void)sim_world_run(&p.scene.world, p.scene.world.now + 300 * SECOND, NULL, NULL);
        wrong_n += !is_right(&p, check_connected(&p), i + 1, kinds);
    }
    assert_int_equal(wrong_n, 0);
}

/*
 * A NAT that starts anew gives another port to what its side sends. The other side's filter lets that in unless it
 * depends on the port: then the connection ends when consent does, as nobody could tell of the new port. What comes in
 * is a new peer-reflexive candidate, and both move there.
 */
static bool run_restart(uint64_t seed, const size_t kinds[2], size_t restarted)
{
    static pair_t p;
    const kind_t other = kind_of(kinds[1 - restarted]);
    const bool survives = other.none || other.filtering != SIM_NAT_PORT_DEPENDENT;
    connect(&p, seed, kinds, &plain);
    (void)sim_world_run(&p.scene.world, p.scene.world.now + 7 * SECOND, NULL, NULL);
    sim_nat_restart(&p.nats[restarted]);
    (void)sim_world_run(&p.scene.world, p.scene.world.now + 120 * SECOND, NULL, NULL);
    return is_right(&p, survives ? check_connected(&p) : check_ended(&p), seed, kinds);
}

static void nats_may_start_anew(void **state)
{
    (void)state;
    size_t wrong_n = 0;
    for (size_t i = 0; i < KINDS * KINDS * 2; i++) {
        const size_t kinds[2] = {i / 2 / KINDS, i / 2 % KINDS};
        if (!can_connect(kinds[0], kinds[1]) || kinds[i % 2] == 0) continue;
        wrong_n += !run_restart(i + 1, kinds, i % 2);
    }
    assert_int_equal(wrong_n, 0);
}

/* ---- seeds ---- */

static outcome_t run_seed(uint64_t seed)
{
    uint64_t random = seed * 0x9e3779b97f4a7c15ULL + 3;
    size_t kinds[2];
    /* One pair a seed, all that can in turn. */
    for (size_t i = 0, n = (size_t)(seed % 64); i < KINDS * KINDS; i++) {
        kinds[0] = i / KINDS;
        kinds[1] = i % KINDS;
        if (can_connect(kinds[0], kinds[1]) && n-- == 0) break;
    }
    const conditions_t conditions = {
        .link = {.delay = (5 + test_random(&random) % 95) * MILLISECOND,
                 .jitter = test_random(&random) % (20 * MILLISECOND),
                 .loss = 0.05 + (double)(test_random(&random) % 51) / 1000,
                 .reorder = 0.1,
                 .reorder_delay = (1 + test_random(&random) % 100) * MILLISECOND,
                 .duplicate = 0.02},
        .signal_delay = (1 + test_random(&random) % 300) * MILLISECOND,
        .expire_after = (30 + test_random(&random) % 90) * SECOND,
    };
    return run_pair(seed, kinds, &conditions);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_quantiles(double *took_ms, size_t n)
{
    qsort(took_ms, n, sizeof took_ms[0], by_value);
    print_message("%zu seeds; virtual ms until both are up: median %.0f, 90 %% %.0f, 99 %% %.0f, max %.0f\n", n,
                  took_ms[n / 2], took_ms[n * 9 / 10], took_ms[n * 99 / 100], took_ms[n - 1]);
}

static void pairs_that_can_connect_in_spite_of_loss(void **state)
{
    (void)state;
    size_t wrong_n = 0;
    double *took_ms = calloc(seeds_n + 1, sizeof *took_ms);
    assert_non_null(took_ms);
    for (size_t i = 0; i < seeds_n; i++) {
        const outcome_t outcome = run_seed(first_seed + i);
        took_ms[i] = (double)outcome.took / MILLISECOND;
        wrong_n += !outcome.ok;
    }
    if (seeds_n > 0) print_quantiles(took_ms, seeds_n);
    free(took_ms);
    assert_int_equal(wrong_n, 0);
}

static void a_seed_repeats_exactly(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + 3; seed++) {
        const outcome_t first = run_seed(seed), second = run_seed(seed);
        assert_int_equal(first.trace, second.trace);
        assert_int_equal(first.took, second.took);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) seeds_n = strtoul(argv[1], NULL, 10);
    if (argc > 2) first_seed = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_nat_maps_by_its_behaviour),
                                       cmocka_unit_test(a_nat_filters_by_its_behaviour),
                                       cmocka_unit_test(a_nat_forgets),
                                       cmocka_unit_test(every_pair_is_as_the_rule_says),
                                       cmocka_unit_test(idle_connections_keep_their_mappings),
                                       cmocka_unit_test(nats_may_start_anew),
                                       cmocka_unit_test(pairs_that_can_connect_in_spite_of_loss),
                                       cmocka_unit_test(a_seed_repeats_exactly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
