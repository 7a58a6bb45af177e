/*
 * Server-reflexive candidates (RFC 8445 5.1.1.2): plain Binding Requests from each base to each server of its family,
 * repeated after 0.5 s, 1 s and then every 2 s. Nobody waits for it after the fourth (gathering is done then), but it
 * goes on until we are connected: an address that comes late can still make the connection. What was answered is asked
 * again every 15 s: that keeps the NAT's binding, and shows when it has changed.
 *
 * Nothing in an answer is protected, and whoever sees the request can forge it. He gains an address of his choice in
 * our list of candidates, which the remote will check in vain.
 */
#include "ice/full.h"

#include "base/address.h"

#include <string.h>

enum { TRIES_MAX = 4, DOUBLINGS_MAX = 2 };

static const minke_time_t first_wait = 500 * 1000;
static const minke_time_t keep_binding_after = 15 * 1000 * 1000;

static bool is_asked(const minke_ice_full_t *full, uint8_t base, uint8_t server)
{
    for (size_t i = 0; i < full->gathers_n; i++) {
        if (full->gathers[i].base == base && full->gathers[i].server == server) return true;
    }
    return false;
}

static int ask(minke_ice_agent_t *agent, uint8_t base, uint8_t server, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    const minke_address_t *from = &full->bases[base].address, *to = &full->servers[server];
    const bool anywhere = minke__address_is_unspecified(from);
    if (from->family != to->family || is_asked(full, base, server)) return MINKE_OK;
    if (!anywhere && minke__address_is_loopback(from) != minke__address_is_loopback(to)) return MINKE_OK;
    if (!anywhere && minke__address_is_link_local(from) != minke__address_is_link_local(to)) return MINKE_OK;
    if (agent->state != MINKE_ICE_CHECKING || full->gathers_n == MINKE_FULL_GATHERS_MAX) return MINKE_OK;
    minke_full_gather_t *gathers =
        minke__full_grown(agent->env, full->gathers, full->gathers_n, &full->gathers_capacity, sizeof gathers[0]);
    if (gathers == NULL) return MINKE_ERROR_NO_MEMORY;
    full->gathers = gathers;
    minke_full_gather_t *gather = &gathers[full->gathers_n++];
    *gather = (minke_full_gather_t){.base = base, .server = server, .send_at = now};
    minke__random_fill(agent->env, gather->transaction_id, sizeof gather->transaction_id);
    return MINKE_OK;
}

int minke__full_gather_from(minke_ice_agent_t *agent, uint8_t base, minke_time_t now)
{
    for (uint8_t i = 0; i < agent->full->servers_n; i++) {
        const int asked = ask(agent, base, i, now);
        if (asked < 0) return asked;
    }
    return MINKE_OK;
}

/* Its index, or an error. */
static int add_server(minke_ice_full_t *full, const minke_address_t *server)
{
    for (int i = 0; i < full->servers_n; i++) {
        if (minke__address_equal(&full->servers[i], server)) return i;
    }
    if (full->servers_n == MINKE_FULL_SERVERS_MAX) return MINKE_ERROR_LIMIT;
    full->servers[full->servers_n] = *server;
    return full->servers_n++;
}

int minke__ice_add_server(minke_ice_agent_t *agent, const minke_address_t *server, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    if (full == NULL || agent->state == MINKE_ICE_FAILED) return MINKE_ERROR_STATE;
    if (!minke__candidate_is_sendable(server)) return MINKE_ERROR_ADDRESS;
    const int index = add_server(full, server);
    if (index < 0) return index;
    for (uint8_t i = 0; i < full->bases_n; i++) {
        const int asked = ask(agent, i, (uint8_t)index, now);
        if (asked < 0) return asked;
    }
    return MINKE_OK;
}

bool minke__ice_gathering_done(const minke_ice_agent_t *agent)
{
    if (agent->full == NULL) return true;
    for (size_t i = 0; i < agent->full->gathers_n; i++) {
        if (!agent->full->gathers[i].done) return false;
    }
    return true;
}

const minke_full_gather_t *minke__full_find_gather(const minke_ice_full_t *full, const uint8_t transaction_id[12])
{
    for (size_t i = 0; i < full->gathers_n; i++) {
        const minke_full_gather_t *gather = &full->gathers[i];
        if (gather->tries > 0 && memcmp(gather->transaction_id, transaction_id, sizeof gather->transaction_id) == 0)
            return gather;
    }
    return NULL;
}

bool minke__full_gather_recv(minke_ice_agent_t *agent, const minke_full_gather_t *found,
                             const minke_stun_message_t *message, const minke_path_t *path, minke_time_t now)
{
    minke_ice_full_t *full = agent->full;
    minke_full_gather_t *gather = &full->gathers[found - full->gathers];
    const minke_full_base_t *base = &full->bases[gather->base];
    if (path->socket != base->socket || !minke__address_equal(&path->remote, &full->servers[gather->server])) {
        agent->env->counters->stun_unexpected++;
        return false;
    }
    gather->done = true;
    gather->tries = 0;
    gather->send_at = minke__ice_later(now, keep_binding_after);
    minke__random_fill(agent->env, gather->transaction_id, sizeof gather->transaction_id);
    const minke_address_t *mapped =
        message->has_mapped_address ? &message->mapped_address : &message->plain_mapped_address;
    /* A refusal, and what no remote could use, are answers too: asking again would not improve them. */
    if (message->type == MINKE_STUN_BINDING_SUCCESS && mapped->family == base->address.family &&
        minke__candidate_is_sendable(mapped)) {
        const int added =
            minke__full_add_local_candidate(agent, MINKE_CANDIDATE_SRFLX, mapped, gather->base, gather->server);
        (void)added; /* one that is known, or one too many, is no fault; without memory, it is seen again in 15 s */
    }
    return true;
}

minke_full_gather_t *minke__full_next_gather(const minke_ice_full_t *full)
{
    minke_full_gather_t *next = NULL;
    for (size_t i = 0; i < full->gathers_n; i++) {
        minke_full_gather_t *gather = &full->gathers[i];
        if (next == NULL || gather->send_at < next->send_at) next = gather;
    }
    return next;
}

size_t minke__full_gather_send(minke_ice_agent_t *agent, minke_full_gather_t *gather, uint8_t *out, size_t capacity,
                               minke_path_t *path, minke_time_t now)
{
    const minke_full_base_t *base = &agent->full->bases[gather->base];
    if (gather->tries == TRIES_MAX) gather->done = true;
    gather->send_at =
        minke__ice_later(now, first_wait << (gather->tries < DOUBLINGS_MAX ? gather->tries : DOUBLINGS_MAX));
    if (gather->tries < UINT8_MAX) gather->tries++;
    *path = (minke_path_t){base->socket, base->address, agent->full->servers[gather->server]};
    minke_writer_t w = minke__writer(out, capacity);
    minke__stun_begin(&w, MINKE_STUN_BINDING_REQUEST, gather->transaction_id);
    return minke__stun_finish(&w, NULL, 0) ? w.len : 0;
}

void minke__full_gather_end(minke_ice_agent_t *agent)
{
    minke__free(agent->env, agent->full->gathers);
    agent->full->gathers = NULL;
    agent->full->gathers_n = agent->full->gathers_capacity = 0;
}
