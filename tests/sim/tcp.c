#include "tcp.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "host/dial.h"
#include "world.h"

enum { BUFFER = 65536 };

typedef struct chunk {
    struct chunk *next;
    minke_time_t at;
    size_t len;
    uint8_t data[];
} chunk_t;

typedef struct tcp_end {
    minke_carrier_t carrier; /* first: nodes hand it back */
    struct sim_pipe *pipe;
    sim_endpoint_t *owner;
    minke_connection_t connection; /* 0: its node does not have it yet, or any more */
    bool open;                     /* its node has not released it */
    chunk_t *first, *last;         /* on their way to this end */
    size_t coming;
    minke_time_t end_at; /* when it sees the other's end */
} tcp_end_t;

typedef struct sim_pipe {
    struct sim_pipe *next;
    tcp_end_t ends[2];    /* dialer, listener */
    uint64_t attempt;     /* 0: answered, or cancelled */
    minke_time_t step_at; /* the listener accepts, then the dialer hears of it; NEVER: both are done */
    bool accepted, refused;
} sim_pipe_t;

struct sim_tcp {
    sim_pipe_t *pipes;
    minke_time_t delay;
    size_t piece, window;
    uint64_t random;
};

sim_tcp_t *sim_tcp_new(uint64_t seed)
{
    sim_tcp_t *tcp = calloc(1, sizeof *tcp);
    if (tcp == NULL) abort();
    tcp->delay = 10000;
    tcp->window = BUFFER;
    tcp->random = seed * 0x9e3779b97f4a7c15ULL + 3;
    return tcp;
}

static void drop_chunks(tcp_end_t *end)
{
    for (chunk_t *chunk; (chunk = end->first) != NULL;) {
        end->first = chunk->next;
        free(chunk);
    }
    end->last = NULL;
    end->coming = 0;
}

static void free_pipe(sim_pipe_t *pipe)
{
    drop_chunks(&pipe->ends[0]);
    drop_chunks(&pipe->ends[1]);
    free(pipe);
}

void sim_tcp_free(sim_tcp_t *tcp)
{
    for (sim_pipe_t *pipe; (pipe = tcp->pipes) != NULL;) {
        tcp->pipes = pipe->next;
        free_pipe(pipe);
    }
    free(tcp);
}

void sim_tcp_set_delay(sim_tcp_t *tcp, minke_time_t delay) { tcp->delay = delay; }
void sim_tcp_set_piece(sim_tcp_t *tcp, size_t most) { tcp->piece = most; }
void sim_tcp_set_window(sim_tcp_t *tcp, size_t bytes) { tcp->window = bytes; }

static tcp_end_t *other_end(tcp_end_t *end) { return &end->pipe->ends[end == &end->pipe->ends[0]]; }

/* ---- connecting ---- */

static sim_endpoint_t *listener_at(const sim_world_t *world, const minke_address_t *address)
{
    for (size_t i = 0; i < world->endpoints_n; i++) {
        sim_endpoint_t *e = world->endpoints[i];
        if (e->tcp_port == address->port && memcmp(e->ip.ip, address->ip, sizeof e->ip.ip) == 0) return e;
    }
    return NULL;
}

static void init_end(sim_pipe_t *pipe, int side, sim_endpoint_t *owner, const minke_address_t *remote)
{
    tcp_end_t *end = &pipe->ends[side];
    *end = (tcp_end_t){.pipe = pipe, .owner = owner, .end_at = MINKE_TIME_NEVER};
    end->carrier = (minke_carrier_t){.kind = MINKE_TARGET_TCP, .remote = *remote};
    minke__list_init(&end->carrier.released);
}

void sim_tcp_connect(sim_world_t *world, sim_endpoint_t *dialer, const minke_node_request_t *request)
{
    sim_pipe_t *pipe = calloc(1, sizeof *pipe);
    if (pipe == NULL) abort();
    minke_address_t from = dialer->ip;
    from.port = dialer->next_port++;
    init_end(pipe, 0, dialer, &request->target->address);
    init_end(pipe, 1, listener_at(world, &request->target->address), &from);
    pipe->attempt = request->attempt;
    pipe->step_at = world->now + world->tcp->delay;
    pipe->next = world->tcp->pipes;
    world->tcp->pipes = pipe;
}

void sim_tcp_cancel(sim_world_t *world, sim_endpoint_t *dialer, uint64_t attempt)
{
    for (sim_pipe_t *pipe = world->tcp->pipes; pipe != NULL; pipe = pipe->next) {
        if (pipe->ends[0].owner == dialer && pipe->attempt == attempt) pipe->attempt = 0;
    }
}

static void shut(sim_world_t *world, tcp_end_t *end)
{
    end->open = false;
    end->connection = 0;
    drop_chunks(end);
    tcp_end_t *other = other_end(end);
    if (other->open && other->end_at == MINKE_TIME_NEVER) other->end_at = world->now + world->tcp->delay;
}

static void accept_it(sim_world_t *world, sim_pipe_t *pipe)
{
    tcp_end_t *end = &pipe->ends[1];
    pipe->step_at = world->now + world->tcp->delay;
    pipe->accepted = true;
    pipe->refused = end->owner == NULL || end->owner->node == NULL ||
                    minke__node_accept(end->owner->node, &end->carrier, world->now, &end->connection) < 0;
    end->open = !pipe->refused;
}

static void answer(sim_world_t *world, sim_pipe_t *pipe)
{
    static const minke_close_t refusal = {.layer = MINKE_LAYER_NETWORK,
                                          .code = MINKE_ERROR_CONNECTION_CLOSED,
                                          .by_remote = true,
                                          .text = "nobody listens there"};
    tcp_end_t *end = &pipe->ends[0];
    const uint64_t attempt = pipe->attempt;
    pipe->step_at = MINKE_TIME_NEVER;
    pipe->attempt = 0;
    end->open = !pipe->refused;
    if (attempt == 0) {
        if (end->open) shut(world, end);
    } else if (pipe->refused) {
        minke__node_not_carried(end->owner->node, attempt, &refusal, world->now);
    } else if (minke__node_carried(end->owner->node, attempt, &end->carrier, world->now, &end->connection) < 0) {
        shut(world, end);
    }
}

/* ---- bytes ---- */

static void append(sim_tcp_t *tcp, tcp_end_t *to, const uint8_t *data, size_t len, minke_time_t at)
{
    for (size_t n; len > 0; data += n, len -= n) {
        n = tcp->piece > 0 ? 1 + (size_t)(test_random(&tcp->random) % tcp->piece) : len;
        if (n > len) n = len;
        chunk_t *chunk = malloc(sizeof *chunk + n);
        if (chunk == NULL) abort();
        *chunk = (chunk_t){.at = at, .len = n};
        memcpy(chunk->data, data, n);
        if (to->last != NULL) to->last->next = chunk;
        else to->first = chunk;
        to->last = chunk;
        to->coming += n;
    }
}

void sim_tcp_send(sim_world_t *world, sim_endpoint_t *e, minke_connection_t connection)
{
    static uint8_t buffer[BUFFER];
    tcp_end_t *end = (tcp_end_t *)(void *)minke__bytes_carrier(e->node->bytes, connection);
    tcp_end_t *to = other_end(end);
    while (to->coming < world->tcp->window) {
        const size_t n = minke__bytes_transmit(e->node->bytes, connection, buffer, sizeof buffer, world->now);
        if (n == 0) return;
        if (to->end_at == MINKE_TIME_NEVER) append(world->tcp, to, buffer, n, world->now + world->tcp->delay);
    }
}

void sim_tcp_release(sim_world_t *world, minke_carrier_t *carrier) { shut(world, (tcp_end_t *)(void *)carrier); }

static void lose(const sim_world_t *world, tcp_end_t *end, const char *text)
{
    minke_close_t reason = {.layer = MINKE_LAYER_NETWORK, .code = MINKE_ERROR_CONNECTION_CLOSED, .by_remote = true};
    strcpy(reason.text, text);
    end->end_at = MINKE_TIME_NEVER;
    drop_chunks(end);
    if (end->connection != 0) minke__bytes_disconnected(end->owner->node->bytes, end->connection, &reason, world->now);
}

static void deliver_to(sim_world_t *world, tcp_end_t *end)
{
    tcp_end_t *from = other_end(end);
    for (chunk_t *chunk; end->connection != 0 && (chunk = end->first) != NULL && chunk->at <= world->now;) {
        end->first = chunk->next;
        if (end->first == NULL) end->last = NULL;
        end->coming -= chunk->len;
        minke__bytes_recv(end->owner->node->bytes, end->connection, chunk->data, chunk->len, world->now);
        free(chunk);
        if (from->connection != 0) minke__bytes_touch(from->owner->node->bytes, from->connection);
        sim_world_settle(world, end->owner);
    }
    if (end->first == NULL && end->end_at <= world->now) lose(world, end, "the remote closed the TCP connection");
}

static void step(sim_world_t *world, sim_pipe_t *pipe)
{
    if (pipe->step_at > world->now) return;
    if (!pipe->accepted) accept_it(world, pipe);
    else answer(world, pipe);
}

static bool is_over(const sim_pipe_t *pipe)
{
    return pipe->step_at == MINKE_TIME_NEVER && !pipe->ends[0].open && !pipe->ends[1].open;
}

void sim_tcp_deliver(sim_world_t *world)
{
    for (sim_pipe_t *pipe = world->tcp->pipes; pipe != NULL; pipe = pipe->next) {
        step(world, pipe);
        deliver_to(world, &pipe->ends[0]);
        deliver_to(world, &pipe->ends[1]);
    }
    for (sim_pipe_t **at = &world->tcp->pipes; *at != NULL;) {
        sim_pipe_t *pipe = *at;
        if (!is_over(pipe)) {
            at = &pipe->next;
            continue;
        }
        *at = pipe->next;
        free_pipe(pipe);
    }
}

static minke_time_t end_deadline(const tcp_end_t *end)
{
    if (end->connection == 0) return MINKE_TIME_NEVER;
    return end->first != NULL ? end->first->at : end->end_at;
}

minke_time_t sim_tcp_deadline(const sim_tcp_t *tcp)
{
    minke_time_t at = MINKE_TIME_NEVER;
    for (const sim_pipe_t *pipe = tcp->pipes; pipe != NULL; pipe = pipe->next) {
        const minke_time_t candidates[] = {pipe->step_at, end_deadline(&pipe->ends[0]), end_deadline(&pipe->ends[1])};
        for (size_t i = 0; i < 3; i++) {
            if (candidates[i] < at) at = candidates[i];
        }
    }
    return at;
}

/* ---- accidents ---- */

void sim_tcp_break(sim_world_t *world, const sim_endpoint_t *e)
{
    for (sim_pipe_t *pipe = world->tcp->pipes; pipe != NULL; pipe = pipe->next) {
        if (pipe->ends[0].owner != e && pipe->ends[1].owner != e) continue;
        lose(world, &pipe->ends[0], "the TCP connection broke");
        lose(world, &pipe->ends[1], "the TCP connection broke");
    }
}

void sim_tcp_leave(sim_world_t *world, const sim_endpoint_t *e)
{
    for (sim_pipe_t *pipe = world->tcp->pipes; pipe != NULL; pipe = pipe->next) {
        for (int side = 0; side < 2; side++) {
            tcp_end_t *end = &pipe->ends[side];
            if (end->owner != e) continue;
            if (side == 0) pipe->attempt = 0;
            else if (!pipe->accepted) end->owner = NULL;
            if (end->open) shut(world, end);
            else if (side == 0) pipe->refused = true;
        }
    }
}
