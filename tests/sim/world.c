#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "host/dial.h"
#include "virtual_clock.h"

static uint8_t train_buffer[MINKE_TRAIN_BYTES];

void sim_world_init(sim_world_t *world, uint64_t seed)
{
    *world = (sim_world_t){.now = 1000000, .network = sim_network_new(seed), .tcp = sim_tcp_new(seed)};
    sim_clock_set(world->now);
    sim_random_seed(seed);
}

static void free_inside(sim_endpoint_t *e)
{
    if (e->node != NULL) minke__node_free(e->node);
    else minke_transport_free(e->transport);
    if (e->memory.blocks != 0) abort(); /* leaked */
    e->node = NULL;
    e->transport = NULL;
}

void sim_world_free(sim_world_t *world)
{
    for (size_t i = 0; i < world->endpoints_n; i++) {
        free_inside(world->endpoints[i]);
        free(world->endpoints[i]);
    }
    sim_network_free(world->network);
    sim_tcp_free(world->tcp);
}

static sim_endpoint_t *place(sim_world_t *world, const char *ip, uint64_t seed)
{
    sim_endpoint_t *e = calloc(1, sizeof *e);
    if (e == NULL || world->endpoints_n == SIM_ENDPOINTS_MAX) abort();
    test_env_init(&e->memory, seed);
    if (!minke__parse_ip(ip, strlen(ip), &e->ip)) abort();
    e->next_port = 40000;
    world->endpoints[world->endpoints_n++] = e;
    return e;
}

sim_endpoint_t *sim_world_add(sim_world_t *world, const char *ip, const minke_transport_options_t *options,
                              uint64_t seed)
{
    sim_endpoint_t *e = place(world, ip, seed);
    minke_transport_options_t chosen;
    minke_transport_defaults(&chosen);
    if (options != NULL) chosen = *options;
    chosen.allocator = e->memory.env.allocator;
    chosen.random = e->memory.env.random;
    if (minke_transport_new(&chosen, &e->transport) < 0) abort();
    return e;
}

static void make_node(const sim_world_t *world, sim_endpoint_t *e, const minke_host_options_t *options)
{
    minke_host_options_t chosen = {.size = sizeof chosen, .agent = "simulated/1", .serve_perf = true, .identify = true};
    minke_transport_defaults(&chosen.transport);
    if (options != NULL) chosen = *options;
    chosen.transport.allocator = e->memory.env.allocator;
    chosen.transport.random = e->memory.env.random;
    if (minke__node_new(&chosen, world->now, &e->node) < 0) abort();
    e->transport = e->node->transport;
}

sim_endpoint_t *sim_world_add_node(sim_world_t *world, const char *ip, const minke_host_options_t *options,
                                   uint64_t seed)
{
    sim_endpoint_t *e = place(world, ip, seed);
    make_node(world, e, options);
    return e;
}

void sim_world_remove_node(sim_world_t *world, sim_endpoint_t *e)
{
    sim_tcp_leave(world, e);
    free_inside(e);
    memset(e->sockets, 0, sizeof e->sockets);
}

void sim_world_restart_node(sim_world_t *world, sim_endpoint_t *e, const minke_host_options_t *options)
{
    if (e->node != NULL) sim_world_remove_node(world, e);
    make_node(world, e, options);
}

void sim_behind_nat(sim_endpoint_t *e, sim_nat_t *nat) { e->nat = nat; }

static const minke_address_t *outside_ip(const sim_endpoint_t *e) { return e->nat != NULL ? &e->nat->outside : &e->ip; }

void sim_world_join(sim_world_t *world, const sim_endpoint_t *a, const sim_endpoint_t *b, const sim_link_t *link)
{
    sim_network_link(world->network, outside_ip(a), outside_ip(b), link);
    sim_network_link(world->network, outside_ip(b), outside_ip(a), link);
}

/* ---- sockets ---- */

static sim_socket_t *socket_by_id(sim_endpoint_t *e, minke_socket_t id)
{
    for (size_t i = 0; i < SIM_SOCKETS_MAX; i++) {
        if (e->sockets[i].id == id) return &e->sockets[i];
    }
    return NULL;
}

static void open_socket(sim_endpoint_t *e, const minke_transport_event_t *event, minke_time_t now)
{
    sim_socket_t *s = socket_by_id(e, 0);
    if (s == NULL) abort();
    const minke_address_t *ip = event->address.family == e->ip.family ? &e->ip : &e->second_ip;
    if (ip->family == MINKE_FAMILY_NONE) {
        minke_transport_socket_failed(e->transport, event->socket, "no address of this family", now);
        return;
    }
    s->id = event->socket;
    s->bound = *ip;
    if (s->bound.family == MINKE_FAMILY_IP6 && s->bound.ip[15] == 0) {
        const size_t index = (size_t)(s - e->sockets) + 1;
        s->bound.ip[14] = (uint8_t)(index >> 8);
        s->bound.ip[15] = (uint8_t)index;
    }
    s->bound.port = event->address.port != 0 ? event->address.port : e->next_port++;
    s->seen = s->bound;
    if (minke_transport_socket_opened(e->transport, s->id, &s->bound, now) < 0) s->id = 0;
}

int sim_dial(minke_transport_t *transport, const char *addr, int version, minke_time_t now,
             minke_connection_t *connection)
{
    return minke_transport_dial(transport, &addr, 1, version, now, connection);
}

void sim_second_ip(sim_endpoint_t *e, const char *ip)
{
    if (!minke__parse_ip(ip, strlen(ip), &e->second_ip) || e->second_ip.family == e->ip.family) abort();
}

size_t sim_sockets(const sim_endpoint_t *e)
{
    size_t n = 0;
    for (size_t i = 0; i < SIM_SOCKETS_MAX; i++) n += e->sockets[i].id != 0;
    return n;
}

void sim_rebind(sim_endpoint_t *e)
{
    for (size_t i = 0; i < SIM_SOCKETS_MAX; i++) e->sockets[i].seen.port = e->next_port++;
}

void sim_listen(sim_world_t *world, sim_endpoint_t *e, uint16_t port)
{
    minke_socket_t socket;
    minke_address_t address = e->ip;
    address.port = port;
    if (minke_transport_listen(e->transport, &address, &socket) < 0) abort();
    if (minke_transport_address(e->transport, &address, e->addr, sizeof e->addr) < 0) abort();
    (void)sim_world_run(world, world->now, NULL, NULL);
}

/* ---- running ---- */

static void send_train(sim_world_t *world, sim_endpoint_t *e, const minke_train_t *train, const minke_path_t *path)
{
    const sim_socket_t *s = socket_by_id(e, path->socket);
    if (s == NULL) return;
    minke_address_t seen = s->seen;
    if (e->nat != NULL) sim_nat_out(e->nat, &s->bound, &path->remote, world->now, &seen);
    sim_network_may_fragment(world->network, minke_transport_fragmentation(e->transport) == MINKE_FRAGMENT_ALLOWED);
    if (e->mtu != 0 && train->segment_len + (path->remote.family == MINKE_FAMILY_IP6 ? 48 : 28) > e->mtu &&
        minke_transport_fragmentation(e->transport) != MINKE_FRAGMENT_ALLOWED) {
        minke_transport_too_large(e->transport, path, train->segment_len, world->now);
        return;
    }
    for (size_t at = 0; at < train->len; at += train->segment_len) {
        const size_t left = train->len - at;
        sim_network_send(world->network, &seen, &path->remote, train->data + at,
                         left < train->segment_len ? left : train->segment_len, world->now);
    }
}

static void tell_application(sim_endpoint_t *e, const minke_event_t *event)
{
    if (e->on_node_event != NULL) e->on_node_event(e->user, e, event);
}

static bool tell_events(sim_world_t *world, sim_endpoint_t *e)
{
    minke_transport_event_t event;
    minke_event_t told;
    bool any = false;
    while (minke_transport_event(e->transport, &event)) {
        any = true;
        if (event.type == MINKE_TRANSPORT_SOCKET_OPEN) {
            open_socket(e, &event, world->now);
        } else if (event.type == MINKE_TRANSPORT_SOCKET_CLOSE) {
            sim_socket_t *s = socket_by_id(e, event.socket);
            if (s != NULL) s->id = 0;
        } else if (e->node != NULL) {
            if (minke__node_event(e->node, &event, &told, e->now)) tell_application(e, &told);
            while (minke__node_own_event(e->node, &told, e->now)) tell_application(e, &told);
        } else if (e->on_event != NULL) {
            e->on_event(e->user, e, &event);
        }
    }
    return any;
}

static void serve(sim_world_t *world, sim_endpoint_t *e, const minke_node_request_t *request)
{
    switch (request->type) {
    case MINKE_REQUEST_RESOLVE:
        minke__node_resolved(e->node, request->attempt, NULL, NULL, 0, "there are no names here", world->now);
        break;
    case MINKE_REQUEST_CONNECT: sim_tcp_connect(world, e, request); break;
    case MINKE_REQUEST_CANCEL: sim_tcp_cancel(world, e, request->attempt); break;
    case MINKE_REQUEST_RELEASE: sim_tcp_release(world, request->carrier); break;
    case MINKE_REQUEST_NONE: break;
    }
}

/* What a driver does for its node, and what the node has to tell of itself. */
static bool serve_node(sim_world_t *world, sim_endpoint_t *e)
{
    minke_node_request_t request;
    minke_connection_t connection;
    minke_event_t event;
    bool any = false;
    for (; minke__node_request(e->node, &request, world->now); any = true) serve(world, e, &request);
    for (; minke__node_own_event(e->node, &event, world->now); any = true) tell_application(e, &event);
    for (; minke__node_ready(e->node, &connection, world->now); any = true) sim_tcp_send(world, e, connection);
    return any || minke__node_has_request(e->node) || minke__node_is_busy(e->node);
}

void sim_world_settle(sim_world_t *world, sim_endpoint_t *e)
{
    minke_train_t train;
    minke_path_t path;
    unsigned turns = 0;
    bool more = e->transport != NULL;
    for (e->now = world->now; more;) {
        if (++turns > 1000000) abort(); /* busy with nothing */
        while (minke_transport_transmit(e->transport, train_buffer, sizeof train_buffer, &train, &path, world->now) >
               0) {
            send_train(world, e, &train, &path);
        }
        more = tell_events(world, e);
        if (e->node != NULL) more |= serve_node(world, e);
    }
}

static bool holds(const sim_datagram_t *datagram, const char *text)
{
    const size_t len = strlen(text);
    for (size_t at = 0; at + len <= datagram->len; at++) {
        if (memcmp(datagram->data + at, text, len) == 0) return true;
    }
    return false;
}

/* Where it goes behind the NAT of this endpoint. False: it is not let in, or is for somebody else. */
static bool pass_nat(const sim_world_t *world, sim_endpoint_t *e, const sim_datagram_t *datagram, minke_address_t *to)
{
    minke_address_t outside = e->nat->outside;
    outside.port = datagram->to.port;
    return minke__address_equal(&outside, &datagram->to) &&
           sim_nat_in(e->nat, outside.port, &datagram->from, world->now, to);
}

static void deliver(sim_world_t *world, sim_datagram_t *datagram)
{
    for (size_t i = 0; i < world->endpoints_n; i++) {
        sim_endpoint_t *e = world->endpoints[i];
        minke_address_t to = datagram->to;
        if (e->nat != NULL && !pass_nat(world, e, datagram, &to)) continue;
        for (size_t k = 0; k < SIM_SOCKETS_MAX; k++) {
            const sim_socket_t *s = &e->sockets[k];
            if (s->id == 0 || !minke__address_equal(e->nat != NULL ? &s->bound : &s->seen, &to)) continue;
            if (e->deaf_to != NULL && holds(datagram, e->deaf_to)) return;
            const minke_train_t train = {datagram->data, datagram->len, datagram->len};
            const minke_path_t path = {s->id, s->bound, datagram->from};
            (void)minke_transport_recv(e->transport, &train, &path, world->now);
            sim_world_settle(world, e);
            return;
        }
    }
}

static minke_time_t next_instant(const sim_world_t *world)
{
    minke_time_t at = sim_network_deadline(world->network);
    if (sim_tcp_deadline(world->tcp) < at) at = sim_tcp_deadline(world->tcp);
    for (size_t i = 0; i < world->endpoints_n; i++) {
        const sim_endpoint_t *e = world->endpoints[i];
        if (e->transport == NULL) continue;
        const minke_time_t due = minke_transport_deadline(e->transport);
        const minke_time_t node_due = e->node != NULL ? minke__node_deadline(e->node) : MINKE_TIME_NEVER;
        if (due < at) at = due;
        if (node_due < at) at = node_due;
    }
    return at;
}

bool sim_world_run(sim_world_t *world, minke_time_t until, bool (*done)(void *user), void *user)
{
    sim_datagram_t datagram;
    unsigned same_instant = 0;
    for (;;) {
        for (size_t i = 0; i < world->endpoints_n; i++) sim_world_settle(world, world->endpoints[i]);
        if (done != NULL && done(user)) return true;
        const minke_time_t at = next_instant(world);
        if (at > until) break;
        same_instant = at <= world->now ? same_instant + 1 : 0;
        if (same_instant > 1000000) abort(); /* a deadline that never moves */
        if (at > world->now) world->now = at;
        sim_clock_set(world->now);
        /* Datagrams before timers, as a driver does. */
        while (sim_network_recv(world->network, &datagram, world->now)) deliver(world, &datagram);
        sim_tcp_deliver(world);
        for (size_t i = 0; i < world->endpoints_n; i++) {
            sim_endpoint_t *e = world->endpoints[i];
            if (e->transport == NULL) continue;
            if (minke_transport_deadline(e->transport) <= world->now) minke_transport_tick(e->transport, world->now);
            if (e->node != NULL) minke__node_tick(e->node, world->now);
        }
    }
    world->now = until;
    sim_clock_set(world->now);
    return false;
}
