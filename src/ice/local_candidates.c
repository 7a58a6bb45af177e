/* Our own addresses: bases, the candidates on them, and which of those are still to be signalled. */
#include "ice/full.h"

#include "base/address.h"

#include <string.h>

static bool same_ip(const minke_address_t *a, const minke_address_t *b)
{
    return a->family == b->family && a->scope == b->scope && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool minke__full_is_at_base(const minke_full_base_t *base, const minke_path_t *path)
{
    if (base->socket != path->socket || base->address.family != path->remote.family) return false;
    return same_ip(&base->address, &path->local) || minke__address_is_unspecified(&path->local) ||
           minke__address_is_unspecified(&base->address);
}

int minke__full_find_base(const minke_ice_full_t *full, const minke_path_t *path)
{
    int found = -1;
    for (int i = 0; i < full->bases_n; i++) {
        if (!minke__full_is_at_base(&full->bases[i], path)) continue;
        if (found < 0 || same_ip(&full->bases[i].address, &path->local)) found = i;
    }
    return found;
}

/* Its index, or -1. */
static int add_base(minke_ice_agent_t *agent, minke_socket_t socket, const minke_address_t *address)
{
    minke_ice_full_t *full = agent->full;
    minke_full_base_t *bases =
        minke__full_grown(agent->env, full->bases, full->bases_n, &full->bases_capacity, sizeof bases[0]);
    if (bases == NULL) return -1;
    full->bases = bases;
    bases[full->bases_n] = (minke_full_base_t){socket, *address, (uint16_t)(65535 - full->bases_n)};
    return full->bases_n++;
}

int minke__full_obtain_base(minke_ice_agent_t *agent, const minke_path_t *path, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    const int found = minke__full_find_base(full, path);
    if (found >= 0 || full->bases_n == MINKE_FULL_BASES_MAX) return found;
    minke_address_t address = path->local;
    address.family = path->remote.family;
    const int added = add_base(agent, path->socket, &address);
    if (added < 0) return added;
    const int paired = minke__full_pair_base(agent, (uint8_t)added, now);
    (void)paired; /* without memory it has fewer pairs; the one that the remote has chosen is made by the caller */
    return added;
}

int minke__full_add_local_candidate(minke_ice_agent_t *agent, minke_candidate_type_t type,
                                    const minke_address_t *address, uint8_t base, uint8_t server)
{
    minke_ice_full_t *full = agent->full;
    for (size_t i = 0; i < full->locals_n; i++) {
        if (minke__address_equal(&full->locals[i].address, address)) return MINKE_ERROR_EXISTS;
    }
    if (full->locals_n == MINKE_FULL_LOCALS_MAX) return MINKE_ERROR_LIMIT;
    minke_full_local_t *locals =
        minke__full_grown(agent->env, full->locals, full->locals_n, &full->locals_capacity, sizeof locals[0]);
    if (locals == NULL) return MINKE_ERROR_NO_MEMORY;
    full->locals = locals;
    locals[full->locals_n++] = (minke_full_local_t){*address, (uint8_t)type, base, server};
    return MINKE_OK;
}

minke_candidate_type_t minke__full_local_type(const minke_ice_full_t *full, const minke_address_t *address)
{
    for (size_t i = 0; i < full->locals_n; i++) {
        if (minke__address_equal(&full->locals[i].address, address))
            return (minke_candidate_type_t)full->locals[i].type;
    }
    return MINKE_CANDIDATE_PRFLX;
}

static bool is_base_of(const minke_full_base_t *base, minke_socket_t socket, const minke_address_t *address)
{
    return base->socket == socket && minke__address_equal(&base->address, address);
}

/* The base, found or made, with its pairs and its questions to servers. Negative: an error; nothing is left behind that
 * a second call would not use. */
static int prepare_base(minke_ice_agent_t *agent, minke_socket_t socket, const minke_address_t *address,
                        minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    int base = -1;
    for (int i = 0; i < full->bases_n; i++) {
        if (is_base_of(&full->bases[i], socket, address)) base = i;
    }
    if (base < 0 && full->bases_n == MINKE_FULL_BASES_MAX) return MINKE_ERROR_LIMIT;
    if (base < 0) base = add_base(agent, socket, address);
    if (base < 0) return MINKE_ERROR_NO_MEMORY;
    const int paired = minke__full_pair_base(agent, (uint8_t)base, now);
    if (paired < 0) return paired;
    const int gathers = minke__full_gather_from(agent, (uint8_t)base, now);
    return gathers < 0 ? gathers : base;
}

int minke__ice_add_local(minke_ice_agent_t *agent, minke_socket_t socket, const minke_address_t *base, minke_time_t now)
{
    if (agent->full == NULL || agent->state == MINKE_ICE_FAILED) return MINKE_ERROR_STATE;
    const bool anywhere = minke__address_is_unspecified(base);
    if (base->family == 0 || (!anywhere && !minke__candidate_is_sendable(base))) return MINKE_ERROR_ADDRESS;
    const int index = prepare_base(agent, socket, base, now);
    if (index < 0 || anywhere) return index < 0 ? index : MINKE_OK;
    return minke__full_add_local_candidate(agent, MINKE_CANDIDATE_HOST, base, (uint8_t)index, 0);
}

bool minke__ice_next_local(minke_ice_agent_t *agent, minke_candidate_t *out)
{
    minke_ice_full_t *full = agent->full;
    if (full == NULL || full->locals_told == full->locals_n) return false;
    const minke_full_local_t *local = &full->locals[full->locals_told++];
    const minke_full_base_t *base = &full->bases[local->base];
    const bool reflexive = local->type == MINKE_CANDIDATE_SRFLX;
    *out = (minke_candidate_t){
        .type = (minke_candidate_type_t)local->type,
        .address = local->address,
        .priority = minke__candidate_priority((minke_candidate_type_t)local->type, base->local_preference),
        .has_related = reflexive,
    };
    if (reflexive) out->related = base->address;
    minke__candidate_foundation(out, &base->address, reflexive ? &full->servers[local->server] : NULL);
    return true;
}
