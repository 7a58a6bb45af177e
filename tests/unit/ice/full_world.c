#include "full_world.h"

#include "base/address.h"

#include <stdlib.h>

minke_ice_options_t full_options(bool offerer, bool remote_known)
{
    const minke_ice_credentials_t one = {OFFERER_UFRAG, OFFERER_PWD}, other = {ANSWERER_UFRAG, ANSWERER_PWD};
    minke_ice_options_t options = {.full = true, .controlling = offerer, .local = offerer ? one : other};
    if (remote_known) options.remote = offerer ? other : one;
    return options;
}

minke_address_t test_address(const char *ip, uint16_t port)
{
    minke_address_t address;
    assert_true(minke__parse_ip(ip, strlen(ip), &address));
    address.port = port;
    return address;
}

minke_candidate_t test_candidate(minke_candidate_type_t type, const char *ip, uint16_t port)
{
    return (minke_candidate_t){
        .type = type, .address = test_address(ip, port), .priority = minke__candidate_priority(type, 65535)};
}

static int family_index(const minke_address_t *address) { return address->family == MINKE_FAMILY_IP4 ? 0 : 1; }

static bool same_ip(const minke_address_t *a, const minke_address_t *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

/* ---- NATs */

static minke_address_t as_far_as_it_matters(nat_rule_t rule, const minke_address_t *address)
{
    minke_address_t out = *address;
    if (rule != NAT_ADDRESS_AND_PORT_DEPENDENT) out.port = 0;
    if (rule == NAT_ENDPOINT_INDEPENDENT) memset(out.ip, 0, sizeof out.ip);
    return out;
}

static nat_mapping_t *obtain_mapping(nat_t *nat, const minke_address_t *inside, const minke_address_t *to)
{
    const minke_address_t key = as_far_as_it_matters(nat->mapping, to);
    for (size_t i = 0; i < nat->mappings_n; i++) {
        nat_mapping_t *mapping = &nat->mappings[i];
        if (minke__address_equal(&mapping->inside, inside) && minke__address_equal(&mapping->to, &key)) return mapping;
    }
    assert_true(nat->mappings_n < NAT_MAPPINGS_MAX);
    nat_mapping_t *mapping = &nat->mappings[nat->mappings_n++];
    *mapping = (nat_mapping_t){.inside = *inside, .to = key, .outside_port = nat->next_port};
    nat->next_port = (uint16_t)(nat->next_port + 7);
    return mapping;
}

static minke_address_t nat_out(nat_t *nat, const minke_address_t *inside, const minke_address_t *to)
{
    if (nat->open) return *inside;
    nat_mapping_t *mapping = obtain_mapping(nat, inside, to);
    mapping->sent_to[mapping->sent_to_n++ % 64] = *to;
    minke_address_t outside = nat->outside[family_index(to)];
    outside.port = mapping->outside_port;
    return outside;
}

static bool filter_passes(const nat_t *nat, const nat_mapping_t *mapping, const minke_address_t *from)
{
    const minke_address_t source = as_far_as_it_matters(nat->filtering, from);
    for (size_t i = 0; i < mapping->sent_to_n && i < 64; i++) {
        const minke_address_t known = as_far_as_it_matters(nat->filtering, &mapping->sent_to[i]);
        if (minke__address_equal(&known, &source)) return true;
    }
    return false;
}

/* To whom inside; false: to nobody. */
static bool nat_in(const nat_t *nat, const minke_address_t *from, const minke_address_t *to, minke_address_t *inside)
{
    if (nat->open || !same_ip(&nat->outside[family_index(to)], to)) return false;
    for (size_t i = 0; i < nat->mappings_n; i++) {
        const nat_mapping_t *mapping = &nat->mappings[i];
        if (mapping->outside_port != to->port || mapping->inside.family != to->family) continue;
        *inside = mapping->inside;
        return filter_passes(nat, mapping, from);
    }
    return false;
}

/* ---- the network */

static void fly(full_world_t *w, uint8_t lan, const minke_address_t *from, const minke_address_t *to,
                const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) w->fingerprint = (w->fingerprint ^ data[i]) * 0x100000001b3ULL;
    w->fingerprint ^= w->now;
    if (test_random(&w->random_state) % 100 < w->loss_percent) return;
    assert_true(w->flying_n < WORLD_IN_FLIGHT_MAX);
    world_flying_t *flying = &w->flying[w->flying_n++];
    flying->at = w->now + w->delay + test_random(&w->random_state) % (w->jitter + 1);
    flying->from = *from;
    flying->to = *to;
    flying->lan = lan;
    flying->len = len;
    memcpy(flying->data, data, len);
}

static bool leads_into_a_lan(const full_world_t *w, const minke_address_t *to)
{
    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; !w->sides[i].nat.open && k < w->sides[i].hosts_n; k++) {
            if (same_ip(&w->sides[i].hosts[k], to)) return true;
        }
    }
    return false;
}

static void side_sends(full_world_t *w, int i, const minke_path_t *path, const uint8_t *data, size_t len)
{
    world_side_t *side = &w->sides[i];
    const bool inside = leads_into_a_lan(w, &path->remote);
    side->sent++;
    const minke_address_t from = inside ? path->local : nat_out(&side->nat, &path->local, &path->remote);
    if (!w->one_way[i]) fly(w, side->lan, &from, &path->remote, data, len);
}

static void server_answers(full_world_t *w, const world_flying_t *asked)
{
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    minke_writer_t writer = minke__writer(out, sizeof out);
    minke__stun_begin(&writer, MINKE_STUN_BINDING_SUCCESS, asked->data + 8);
    if (w->plain_server) {
        minke__write_u16(&writer, 0x0001);
        minke__write_u16(&writer, (uint16_t)(4 + minke__ip_len(asked->from.family)));
        minke__write_u16(&writer, asked->from.family == MINKE_FAMILY_IP4 ? 1 : 2);
        minke__write_u16(&writer, asked->from.port);
        minke__write_bytes(&writer, asked->from.ip, minke__ip_len(asked->from.family));
    } else {
        minke__stun_write_mapped_address(&writer, &asked->from);
    }
    assert_true(minke__stun_finish_bare(&writer));
    fly(w, 0, &asked->to, &asked->from, out, writer.len);
}

static void side_receives(full_world_t *w, int i, const minke_address_t *at, const world_flying_t *flying)
{
    world_side_t *side = &w->sides[i];
    if (side->agent == NULL) return;
    for (size_t k = 0; k < side->hosts_n; k++) {
        if (!minke__address_equal(&side->hosts[k], at)) continue;
        const minke_path_t path = {(minke_socket_t)k + 1, *at, flying->from};
        minke_stun_message_t message;
        assert_true(minke__stun_parse(flying->data, flying->len, &message));
        side->received++;
        (void)minke__ice_recv(side->agent, &message, &path, w->now);
    }
}

static void deliver(full_world_t *w, const world_flying_t *flying)
{
    for (int i = 0; i < 2; i++) {
        if (minke__address_equal(&flying->to, &w->servers[i])) {
            server_answers(w, flying);
            return;
        }
    }
    for (int i = 0; i < 2; i++) {
        world_side_t *side = &w->sides[i];
        minke_address_t inside;
        const bool direct = side->nat.open || side->lan == flying->lan;
        if (direct) side_receives(w, i, &flying->to, flying);
        if (nat_in(&side->nat, &flying->from, &flying->to, &inside)) side_receives(w, i, &inside, flying);
    }
}

/* ---- signalling */

static void signal_to(full_world_t *w, const world_signal_t *signal)
{
    assert_true(w->signals_n < WORLD_SIGNALS_MAX);
    w->signals[w->signals_n++] = *signal;
}

/* What there was no memory for comes again. */
static void signal_arrives(full_world_t *w, const world_signal_t *signal)
{
    minke_ice_agent_t *agent = w->sides[signal->to].agent;
    if (minke__ice_state(agent) == MINKE_ICE_FAILED) return;
    const minke_ice_credentials_t answerers = full_options(false, false).local;
    const int done = signal->is_candidate ? minke__ice_add_remote(agent, &signal->candidate, w->now)
                                          : minke__ice_set_remote(agent, &answerers, false, w->now);
    assert_true(done == MINKE_OK || done == MINKE_ERROR_EXISTS ||
                (done == MINKE_ERROR_NO_MEMORY && w->test.fail_at > 0));
    if (done != MINKE_ERROR_NO_MEMORY) return;
    world_signal_t again = *signal;
    again.at = w->now + 10 * MS;
    signal_to(w, &again);
}

static void signal_candidates(full_world_t *w, int i)
{
    world_side_t *side = &w->sides[i];
    world_signal_t signal = {.to = (uint8_t)(1 - i), .is_candidate = true};
    while (minke__ice_next_local(side->agent, &signal.candidate)) {
        signal.at = w->now + w->signalling_delay + test_random(&w->random_state) % (w->trickle_delay + 1);
        if (i == 1 && w->candidates_first) signal.at = w->now + 1;
        signal_to(w, &signal);
    }
}

static void start_side(full_world_t *w, int i)
{
    world_side_t *side = &w->sides[i];
    minke_ice_options_t options = full_options(i == 0, i == 1);
    if (w->same_role) options.controlling = w->both_controlling;
    side->agent = minke__ice_new(&w->test.env, &options, i == 0 ? 1 : 2, w->now);
    assert_non_null(side->agent);
    for (size_t k = 0; k < side->hosts_n; k++)
        assert_int_equal(minke__ice_add_local(side->agent, (minke_socket_t)k + 1, &side->hosts[k], w->now), MINKE_OK);
    for (size_t k = 0; k < 2; k++)
        assert_int_equal(minke__ice_add_server(side->agent, &w->servers[k], w->now), MINKE_OK);
    if (i == 1) {
        const world_signal_t answer = {.at = w->now + w->signalling_delay, .to = 0};
        signal_to(w, &answer);
    }
}

/* ---- time */

void world_init(full_world_t *w, uint64_t seed, bool ip4, bool ip6)
{
    memset(w, 0, sizeof *w);
    test_env_init(&w->test, seed);
    w->random_state = seed * 77 + 1;
    w->flying = malloc(WORLD_IN_FLIGHT_MAX * sizeof w->flying[0]);
    assert_non_null(w->flying);
    w->delay = 20 * MS;
    w->signalling_delay = 30 * MS;
    w->servers[0] = test_address("198.51.100.1", 3478);
    w->servers[1] = test_address("2001:db8:ffff::1", 3478);
    static const char *const inside[2][2] = {{"10.1.0.2", "fd01::2"}, {"10.2.0.2", "fd02::2"}};
    static const char *const outside[2][2] = {{"203.0.113.1", "2001:db8:1::1"}, {"203.0.113.2", "2001:db8:2::1"}};
    for (int i = 0; i < 2; i++) {
        world_side_t *side = &w->sides[i];
        side->lan = (uint8_t)(i + 1);
        side->connected_at = MINKE_TIME_NEVER;
        side->nat.next_port = (uint16_t)(20000 + test_random(&w->random_state) % 10000);
        for (int k = 0; k < 2; k++) side->nat.outside[k] = test_address(outside[i][k], 0);
        if (ip6) side->hosts[side->hosts_n++] = test_address(inside[i][1], 5000);
        if (ip4) side->hosts[side->hosts_n++] = test_address(inside[i][0], 5000);
    }
}

void world_start(full_world_t *w)
{
    w->sides[1].starts_at = w->signalling_delay; /* the offer has arrived */
    start_side(w, 0);
}

void world_free(full_world_t *w)
{
    for (int i = 0; i < 2; i++) minke__ice_free(w->sides[i].agent);
    free(w->flying);
    assert_int_equal(w->test.blocks, 0);
}

static minke_time_t next_event(const full_world_t *w)
{
    minke_time_t at = w->sides[1].agent == NULL ? w->sides[1].starts_at : MINKE_TIME_NEVER;
    for (int i = 0; i < 2; i++) {
        const minke_ice_agent_t *agent = w->sides[i].agent;
        const minke_time_t deadline = agent != NULL ? minke__ice_deadline(agent) : MINKE_TIME_NEVER;
        if (deadline < at) at = deadline;
    }
    for (size_t i = 0; i < w->flying_n; i++) {
        if (w->flying[i].at < at) at = w->flying[i].at;
    }
    for (size_t i = 0; w->sides[1].agent != NULL && i < w->signals_n; i++) {
        if (w->signals[i].at < at) at = w->signals[i].at;
    }
    return at;
}

static void deliver_what_is_due(full_world_t *w)
{
    for (size_t i = 0; w->sides[1].agent != NULL && i < w->signals_n;) {
        if (w->signals[i].at > w->now) {
            i++;
            continue;
        }
        const world_signal_t due = w->signals[i];
        w->signals[i] = w->signals[--w->signals_n];
        signal_arrives(w, &due);
    }
    for (size_t i = 0; i < w->flying_n;) {
        if (w->flying[i].at > w->now) {
            i++;
            continue;
        }
        const world_flying_t due = w->flying[i];
        w->flying[i] = w->flying[--w->flying_n];
        deliver(w, &due);
    }
}

void world_step(full_world_t *w)
{
    const minke_time_t at = next_event(w);
    assert_true(at != MINKE_TIME_NEVER);
    if (at > w->now) w->now = at;
    if (w->sides[1].agent == NULL && w->now >= w->sides[1].starts_at) start_side(w, 1);
    deliver_what_is_due(w);
    for (int i = 0; i < 2; i++) {
        world_side_t *side = &w->sides[i];
        if (side->agent == NULL) continue;
        minke__ice_tick(side->agent, w->now);
        for (test_datagram_t out; test_agent_transmits(side->agent, w->now, &out);)
            side_sends(w, i, &out.path, out.data, out.len);
        signal_candidates(w, i);
        assert_true(minke__ice_deadline(side->agent) > w->now);
        if (side->connected_at == MINKE_TIME_NEVER && minke__ice_state(side->agent) == MINKE_ICE_CONNECTED)
            side->connected_at = w->now;
    }
}

void world_rebind(full_world_t *w, int i)
{
    w->sides[i].nat.mappings_n = 0;
    w->sides[i].nat.next_port = (uint16_t)(w->sides[i].nat.next_port + 10000);
}

void world_run_until(full_world_t *w, minke_time_t until)
{
    while (next_event(w) <= until) world_step(w);
    w->now = until;
}

static bool side_is_ready(const world_side_t *side)
{
    return side->agent != NULL && minke__ice_state(side->agent) == MINKE_ICE_CONNECTED &&
           minke__ice_stats(side->agent).nominated;
}

bool world_connects(full_world_t *w, minke_time_t until)
{
    while (!side_is_ready(&w->sides[0]) || !side_is_ready(&w->sides[1])) {
        if (next_event(w) > until) return false;
        world_step(w);
    }
    return true;
}

bool world_data_passes(full_world_t *w, int i)
{
    minke_path_t path;
    world_side_t *side = &w->sides[i], *other = &w->sides[1 - i];
    if (!minke__ice_selected(side->agent, &path) || minke__ice_may_send(side->agent) != SIZE_MAX) return false;
    minke_address_t from = path.local, at = path.remote;
    if (!leads_into_a_lan(w, &path.remote)) from = nat_out(&side->nat, &path.local, &path.remote);
    if (!other->nat.open && side->lan != other->lan && !nat_in(&other->nat, &from, &path.remote, &at)) return false;
    for (size_t k = 0; k < other->hosts_n; k++) {
        const minke_path_t arrives = {(minke_socket_t)k + 1, at, from};
        if (minke__address_equal(&other->hosts[k], &at)) return minke__ice_knows(other->agent, &arrives);
    }
    return false;
}
