#include "nat.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "support/test_env.h"

void sim_nat_init(sim_nat_t *nat, const char *outside_ip, sim_nat_behaviour_t mapping, sim_nat_behaviour_t filtering,
                  minke_time_t expire_after, uint64_t seed)
{
    *nat = (sim_nat_t){.mapping = mapping, .filtering = filtering, .expire_after = expire_after};
    nat->random = seed * 0x9e3779b97f4a7c15ULL + 11;
    if (!minke__parse_ip(outside_ip, strlen(outside_ip), &nat->outside)) abort();
}

/* What the behaviour looks at is the same in both. */
static bool is_alike(sim_nat_behaviour_t behaviour, const minke_address_t *a, const minke_address_t *b)
{
    if (behaviour == SIM_NAT_ENDPOINT_INDEPENDENT) return true;
    if (a->family != b->family || memcmp(a->ip, b->ip, sizeof a->ip) != 0) return false;
    return behaviour == SIM_NAT_ADDRESS_DEPENDENT || a->port == b->port;
}

static void expire(sim_nat_t *nat, minke_time_t now)
{
    for (size_t i = 0; i < SIM_NAT_FLOWS_MAX; i++) {
        sim_nat_flow_t *flow = &nat->flows[i];
        if (flow->port == 0 || flow->expires_at > now) continue;
        flow->port = 0;
        nat->expired++;
    }
}

static sim_nat_flow_t *find_flow(sim_nat_t *nat, sim_nat_behaviour_t behaviour, const minke_address_t *inside,
                                 const minke_address_t *remote)
{
    for (size_t i = 0; i < SIM_NAT_FLOWS_MAX; i++) {
        sim_nat_flow_t *flow = &nat->flows[i];
        if (flow->port == 0 || !minke__address_equal(&flow->inside, inside)) continue;
        if (is_alike(behaviour, &flow->remote, remote)) return flow;
    }
    return NULL;
}

static sim_nat_flow_t *find_port(sim_nat_t *nat, uint16_t port)
{
    for (size_t i = 0; i < SIM_NAT_FLOWS_MAX; i++) {
        if (nat->flows[i].port == port) return &nat->flows[i];
    }
    return NULL;
}

static uint16_t new_port(sim_nat_t *nat)
{
    enum { FIRST = 1024 };
    uint16_t port;
    do port = (uint16_t)(FIRST + test_random(&nat->random) % (65536 - FIRST));
    while (find_port(nat, port) != NULL);
    nat->mapped++;
    return port;
}

void sim_nat_out(sim_nat_t *nat, const minke_address_t *inside, const minke_address_t *remote, minke_time_t now,
                 minke_address_t *seen)
{
    expire(nat, now);
    sim_nat_flow_t *flow = find_flow(nat, SIM_NAT_PORT_DEPENDENT, inside, remote);
    if (flow == NULL) {
        const sim_nat_flow_t *mapped = find_flow(nat, nat->mapping, inside, remote);
        flow = find_port(nat, 0);
        if (flow == NULL) abort();
        *flow = (sim_nat_flow_t){
            .inside = *inside, .remote = *remote, .port = mapped != NULL ? mapped->port : new_port(nat)};
    }
    flow->expires_at = now + nat->expire_after;
    *seen = nat->outside;
    seen->port = flow->port;
}

bool sim_nat_in(sim_nat_t *nat, uint16_t port, const minke_address_t *remote, minke_time_t now, minke_address_t *inside)
{
    expire(nat, now);
    const sim_nat_flow_t *mapped = port != 0 ? find_port(nat, port) : NULL;
    if (mapped == NULL || find_flow(nat, nat->filtering, &mapped->inside, remote) == NULL) {
        nat->filtered++;
        return false;
    }
    *inside = mapped->inside;
    return true;
}

void sim_nat_restart(sim_nat_t *nat) { expire(nat, MINKE_TIME_NEVER); }
