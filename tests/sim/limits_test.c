/* Every cap reached, by whole transports in virtual time: what is over it is refused and counted, those who keep to the
 * rules notice nothing, and all is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transfer.h"
#include "webrtc/endpoint.h"

enum { MILLISECOND = 1000, SECOND = 1000000, KIB = 1024, MIB = 1 << 20, STREAMS_MAX = 510 };

static const sim_link_t plain = {.delay = 10 * MILLISECOND, .mtu = 1280};

/* An application of many streams, which writes to each as much as it is allowed to and reads only when told. */
typedef struct hoarder {
    size_t streams_wanted;
    size_t streams_more; /* wanted for each further connection */
    size_t block;        /* bytes of one write; 0: it never writes */
    bool once;           /* and no more after the first one */
    bool reads;
    minke_connection_t connection;
    minke_stream_t streams[STREAMS_MAX];
    uint64_t written[STREAMS_MAX];
    size_t streams_n;
    uint64_t read;
    bool closed;
    minke_close_t close;
} hoarder_t;

static void fill(hoarder_t *h, sim_endpoint_t *e, size_t i)
{
    static const uint8_t zeros[64 * KIB];
    ssize_t n = h->block > 0 && !(h->once && h->written[i] > 0) ? 1 : 0;
    while (n > 0 && (n = minke_transport_write(e->transport, h->streams[i], zeros, h->block, e->now)) > 0) {
        h->written[i] += (uint64_t)n;
        if (h->once) break;
    }
}

static void drain(hoarder_t *h, sim_endpoint_t *e, minke_stream_t stream)
{
    const uint8_t *data;
    ssize_t n;
    while (h->reads && (n = minke_transport_peek(e->transport, stream, &data)) > 0) {
        h->read += (uint64_t)n;
        assert_int_equal(minke_transport_consume(e->transport, stream, (size_t)n, e->now), MINKE_OK);
    }
}

static void open_streams(hoarder_t *h, sim_endpoint_t *e)
{
    while (h->streams_n < h->streams_wanted) {
        if (minke_transport_open(e->transport, h->connection, e->now, &h->streams[h->streams_n]) < 0) break;
        h->streams_n++;
    }
}

static void on_event(void *user, sim_endpoint_t *e, const minke_transport_event_t *event)
{
    hoarder_t *h = user;
    switch (event->type) {
    case MINKE_TRANSPORT_CONNECTED:
        h->connection = event->connection;
        open_streams(h, e);
        h->streams_wanted += h->streams_more;
        for (size_t i = 0; i < h->streams_n; i++) fill(h, e, i);
        break;
    case MINKE_TRANSPORT_STREAM_WRITABLE:
        for (size_t i = 0; i < h->streams_n; i++) { /* it alone: who is woken writes */
            if (h->streams[i] == event->stream) fill(h, e, i);
        }
        break;
    case MINKE_TRANSPORT_STREAM_OPENED: h->streams[h->streams_n++] = event->stream; break;
    case MINKE_TRANSPORT_STREAM_READABLE: drain(h, e, event->stream); break;
    case MINKE_TRANSPORT_CLOSED:
        h->closed = true;
        h->close = event->close;
        break;
    default: break;
    }
}

typedef struct scene {
    sim_world_t world;
    sim_endpoint_t *listener, *dialer, *honest;
    hoarder_t at_listener, at_dialer;
    sim_transfer_t at_honest;
} scene_t;

static sim_endpoint_t *add(scene_t *s, const char *ip, const minke_transport_options_t *options, hoarder_t *app)
{
    sim_endpoint_t *e = sim_world_add(&s->world, ip, options, s->world.endpoints_n + 1);
    e->on_event = on_event;
    e->user = app;
    return e;
}

static void set_up(scene_t *s, const minke_transport_options_t *listener, const minke_transport_options_t *dialer)
{
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 3);
    s->listener = add(s, "2001:db8::1", listener, &s->at_listener);
    s->dialer = add(s, "2001:db8:0:1::", dialer, &s->at_dialer);
    s->honest = add(s, "2001:db8:0:2::", NULL, NULL);
    s->honest->on_event = NULL;
    sim_world_join(&s->world, s->dialer, s->listener, &plain);
    sim_world_join(&s->world, s->honest, s->listener, &plain);
    sim_listen(&s->world, s->listener, 9090);
}

static bool run(scene_t *s, minke_time_t span, bool (*done)(void *user))
{
    return sim_world_run(&s->world, s->world.now + span, done, s);
}

static int dial_from(scene_t *s, sim_endpoint_t *e, minke_connection_t *connection)
{
    return sim_dial(e->transport, s->listener->addr, 1, s->world.now, connection);
}

static bool both_up(void *user)
{
    const scene_t *s = user;
    return s->at_listener.connection != 0 && s->at_dialer.connection != 0;
}

static void connect_both(scene_t *s)
{
    minke_connection_t connection;
    assert_int_equal(dial_from(s, s->dialer, &connection), MINKE_OK);
    assert_true(run(s, 5 * SECOND, both_up));
}

static const minke_counters_t *counters(const sim_endpoint_t *e) { return minke_transport_counters(e->transport); }

static uint64_t memory_of(const sim_endpoint_t *e, minke_connection_t connection)
{
    minke_connection_stats_t stats;
    assert_int_equal(minke_transport_stats(e->transport, connection, &stats), MINKE_OK);
    return stats.memory;
}

/* ---- an honest one beside: a stream of its own, echoed by nobody, answered when the listener has read it all */

typedef struct passer_by {
    minke_stream_t stream;
    minke_connection_t connection;
    uint64_t left, read;
    bool finished;
} passer_by_t;

static void passer_by_event(void *user, sim_endpoint_t *e, const minke_transport_event_t *event)
{
    static const uint8_t zeros[16 * KIB];
    passer_by_t *p = user;
    if (event->type == MINKE_TRANSPORT_CONNECTED) {
        p->connection = event->connection;
        assert_int_equal(minke_transport_open(e->transport, p->connection, e->now, &p->stream), MINKE_OK);
    }
    if (p->stream == 0) return;
    for (ssize_t n = 1; p->left > 0 && n > 0;) {
        const size_t most = p->left < sizeof zeros ? (size_t)p->left : sizeof zeros;
        n = minke_transport_write(e->transport, p->stream, zeros, most, e->now);
        if (n > 0) p->left -= (uint64_t)n;
    }
    if (p->left > 0 || p->finished) return;
    p->finished = minke_transport_finish(e->transport, p->stream, e->now) == MINKE_OK;
}

enum { IGNORED_MAX = 16 };

/* The listener ignores those who came first and reads from whoever comes later. */
typedef struct choosy {
    hoarder_t *others;
    unsigned to_ignore;
    minke_connection_t ignored[IGNORED_MAX];
    uint64_t read;
    unsigned ends;
    unsigned connections;
} choosy_t;

static bool is_ignored(const choosy_t *c, minke_connection_t connection)
{
    for (unsigned i = 0; i < c->connections && i < c->to_ignore; i++) {
        if (c->ignored[i] == connection) return true;
    }
    return false;
}

static void choosy_event(void *user, sim_endpoint_t *e, const minke_transport_event_t *event)
{
    choosy_t *c = user;
    const uint8_t *data;
    ssize_t n;
    if (event->type == MINKE_TRANSPORT_CONNECTED && c->connections++ < c->to_ignore) {
        c->ignored[c->connections - 1] = event->connection;
    }
    if (is_ignored(c, event->connection)) {
        on_event(c->others, e, event);
        return;
    }
    if (event->type != MINKE_TRANSPORT_STREAM_READABLE) return;
    while ((n = minke_transport_peek(e->transport, event->stream, &data)) > 0) {
        c->read += (uint64_t)n;
        assert_int_equal(minke_transport_consume(e->transport, event->stream, (size_t)n, e->now), MINKE_OK);
    }
    if (n != 0) return;
    c->ends++;
    assert_int_equal(minke_transport_finish(e->transport, event->stream, e->now), MINKE_OK);
}

/* ---- connections by address */

static bool sixty_four_and_settled(void *user)
{
    const scene_t *s = user;
    return counters(s->listener)->connections_accepted == 64;
}

static void one_subnet_gets_its_share(void **state)
{
    (void)state;
    enum { DIALS = 256 };
    static scene_t s;
    minke_connection_t ids[DIALS];
    passer_by_t honest = {.left = 100 * KIB};
    set_up(&s, NULL, NULL);
    choosy_t listener = {.others = &s.at_listener};
    s.listener->on_event = choosy_event;
    s.listener->user = &listener;
    s.honest->on_event = passer_by_event;
    s.honest->user = &honest;
    const size_t before = minke_transport_memory(s.listener->transport);
    for (int i = 0; i < DIALS; i++) assert_int_equal(dial_from(&s, s.dialer, &ids[i]), MINKE_OK);
    assert_true(run(&s, 10 * SECOND, sixty_four_and_settled));
    minke_connection_t other;
    assert_int_equal(dial_from(&s, s.honest, &other), MINKE_OK);
    (void)run(&s, 10 * SECOND, NULL);
    const minke_counters_t *n = counters(s.listener);
    assert_int_equal(n->connections_accepted, 65);
    assert_true(n->address_refused >= DIALS - 64);
    assert_int_equal(n->handshakes_refused + n->connections_refused + n->memory_refused, 0);
    assert_int_equal(listener.read, 100 * KIB);
    /* Those who could not get in have given up; one that leaves makes room for exactly one. */
    (void)run(&s, 10 * SECOND, NULL);
    assert_int_equal(counters(s.dialer)->connections_failed, DIALS - 64);
    for (int i = 0, left = 0; i < DIALS && left < 1; i++) {
        if (minke_transport_close(s.dialer->transport, ids[i], NULL, s.world.now) == MINKE_OK) left++;
    }
    (void)run(&s, 1 * SECOND, NULL);
    for (int i = 0; i < 3; i++) assert_int_equal(dial_from(&s, s.dialer, &ids[i]), MINKE_OK);
    (void)run(&s, 5 * SECOND, NULL);
    assert_int_equal(n->connections_accepted, 66);
    /* All gone: nothing remembers them. */
    for (size_t i = 0; i < SIM_SOCKETS_MAX; i++) s.dialer->sockets[i].id = s.honest->sockets[i].id = 0; /* silence */
    (void)run(&s, 60 * SECOND, NULL);
    assert_int_equal(s.listener->transport->connections.count, 0);
    assert_int_equal(s.listener->transport->origins.count, 0);
    assert_true(minke_transport_memory(s.listener->transport) <= before + 64 * KIB); /* tables that have grown */
    sim_world_free(&s.world);
}

/* A move to another address neither frees a place at the old one nor takes one at the new one. */
static void a_move_changes_nothing(void **state)
{
    (void)state;
    static scene_t s;
    set_up(&s, NULL, NULL);
    connect_both(&s);
    const minke_address_t from = s.dialer->sockets[0].bound;
    assert_int_equal(minke__origin_connections(s.listener->transport, &from), 1);
    minke_address_t to = from;
    to.ip[7] = 2; /* the subnet of the honest one, whose link it takes */
    s.dialer->sockets[0].seen = to;
    (void)run(&s, 40 * SECOND, NULL);
    minke_connection_stats_t stats;
    assert_int_equal(minke_transport_stats(s.listener->transport, s.at_listener.connection, &stats), MINKE_OK);
    assert_memory_equal(&stats.path.remote, &to, sizeof to);
    assert_int_equal(minke__origin_connections(s.listener->transport, &from), 1);
    assert_int_equal(minke__origin_connections(s.listener->transport, &to), 0);
    assert_int_equal(minke_transport_close(s.listener->transport, s.at_listener.connection, NULL, s.world.now), 0);
    (void)run(&s, SECOND, NULL);
    assert_int_equal(s.listener->transport->origins.count, 0);
    sim_world_free(&s.world);
}

/* ---- connections in all */

static void connections_in_all(void **state)
{
    (void)state;
    static scene_t s;
    minke_connection_t id;
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.connections_max = 3;
    set_up(&s, &options, NULL);
    for (int i = 0; i < 5; i++) assert_int_equal(dial_from(&s, s.dialer, &id), MINKE_OK);
    (void)run(&s, 5 * SECOND, NULL);
    assert_int_equal(counters(s.listener)->connections_accepted, 3);
    assert_true(counters(s.listener)->connections_refused >= 2);
    assert_int_equal(counters(s.listener)->handshakes_refused, 0);
    sim_world_free(&s.world);
}

/* ---- streams */

static void outbound_streams_have_a_cap(void **state)
{
    (void)state;
    static scene_t s;
    minke_stream_t stream;
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.outbound_streams_max = 3;
    set_up(&s, NULL, &options);
    s.at_dialer.streams_wanted = 5;
    connect_both(&s);
    (void)run(&s, SECOND, NULL);
    minke_transport_t *t = s.dialer->transport;
    assert_int_equal(s.at_dialer.streams_n, 3);
    assert_int_equal(minke_transport_open(t, s.at_dialer.connection, s.world.now, &stream), MINKE_ERROR_LIMIT);
    assert_int_equal(minke_transport_reset(t, s.at_dialer.streams[1], 0, s.world.now), MINKE_OK);
    (void)run(&s, SECOND, NULL);
    assert_int_equal(minke_transport_open(t, s.at_dialer.connection, s.world.now, &stream), MINKE_OK);
    sim_world_free(&s.world);
}

/* A remote opens stream after stream, writes a byte into each and reads nothing. */
static void streams_without_a_reader(void **state)
{
    (void)state;
    static scene_t s;
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.inbound_streams_max = 100;
    set_up(&s, &options, NULL);
    s.at_dialer.streams_wanted = STREAMS_MAX;
    s.at_dialer.block = 1;
    s.at_dialer.once = true;
    connect_both(&s);
    const uint64_t idle = memory_of(s.listener, s.at_listener.connection);
    (void)run(&s, 20 * SECOND, NULL);
    assert_int_equal(s.at_listener.closed, false);
    assert_true(counters(s.listener)->streams_refused >= STREAMS_MAX - 100);
    assert_true(memory_of(s.listener, s.at_listener.connection) <= idle + 3 * MIB);
    sim_world_free(&s.world);
}

/* ---- memory of one connection */

/* A remote fills the receive queue of every stream of its connection, and nobody reads them. Another one is served
 * meanwhile as if nothing were. */
static void a_full_connection_does_not_slow_another(void **state)
{
    (void)state;
    static scene_t s;
    passer_by_t honest = {.left = 4 * MIB};
    set_up(&s, NULL, NULL);
    choosy_t listener = {.others = &s.at_listener, .to_ignore = 1};
    s.listener->on_event = choosy_event;
    s.listener->user = &listener;
    s.honest->on_event = passer_by_event;
    s.honest->user = &honest;
    s.at_dialer.streams_wanted = STREAMS_MAX;
    s.at_dialer.block = 16 * KIB;
    const size_t before = minke_transport_memory(s.listener->transport);
    connect_both(&s);
    (void)run(&s, 10 * SECOND, NULL);
    const uint64_t filled = memory_of(s.listener, s.at_listener.connection);
    assert_true(filled > 2 * MIB); /* the window is full ... */
    assert_true(filled < 6 * MIB); /* ... and costs no multiple of it */
    minke_connection_t other;
    assert_int_equal(dial_from(&s, s.honest, &other), MINKE_OK);
    (void)run(&s, 5 * SECOND, NULL);
    assert_int_equal(listener.read, 4 * MIB);
    assert_int_equal(listener.ends, 1);
    assert_false(s.at_listener.closed);
    /* The sender's side of the same connection is bounded too. */
    assert_true(memory_of(s.dialer, s.at_dialer.connection) < 12 * MIB);
    assert_int_equal(minke_transport_close(s.listener->transport, listener.ignored[0], NULL, s.world.now), MINKE_OK);
    assert_int_equal(minke_transport_close(s.honest->transport, other, NULL, s.world.now), MINKE_OK);
    (void)run(&s, 5 * SECOND, NULL);
    assert_int_equal(s.listener->transport->connections.count, 0);
    assert_true(minke_transport_memory(s.listener->transport) <= before + 64 * KIB);
    sim_world_free(&s.world);
}

/* An application writes without end to all its streams while the remote reads nothing: it is told to wait, and when the
 * remote reads all of them go on. */
static void writers_wait_for_memory(void **state)
{
    (void)state;
    static scene_t s;
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.connection_memory_max = 3 * MIB;
    set_up(&s, NULL, &options);
    s.at_dialer.streams_wanted = STREAMS_MAX;
    s.at_dialer.block = 2 * KIB;
    connect_both(&s);
    (void)run(&s, 10 * SECOND, NULL);
    assert_int_equal(s.at_dialer.streams_n, STREAMS_MAX);
    assert_true(counters(s.dialer)->memory_waits > 0);
    assert_int_equal(counters(s.dialer)->memory_exhausted_connection, 0);
    assert_true(memory_of(s.dialer, s.at_dialer.connection) <= 3 * MIB / 8 * 7);
    uint64_t written[STREAMS_MAX];
    memcpy(written, s.at_dialer.written, sizeof written);
    (void)run(&s, 10 * SECOND, NULL);
    assert_memory_equal(written, s.at_dialer.written, sizeof written); /* nothing moves while nobody reads */
    s.at_listener.reads = true;
    for (size_t i = 0; i < s.at_listener.streams_n; i++) drain(&s.at_listener, s.listener, s.at_listener.streams[i]);
    unsigned behind = STREAMS_MAX;
    for (int i = 0; i < 100 && behind > 0; i++) {
        (void)run(&s, 100 * MILLISECOND, NULL);
        behind = 0;
        for (size_t k = 0; k < STREAMS_MAX; k++) behind += s.at_dialer.written[k] == written[k];
    }
    assert_int_equal(behind, 0);
    assert_false(s.at_dialer.closed || s.at_listener.closed);
    assert_int_equal(counters(s.dialer)->memory_exhausted_connection, 0);
    sim_world_free(&s.world);
}

/* Leaves `left` bytes of the limit to an account, as if something had taken the rest. */
static size_t take_all_but(minke_account_t *account, size_t left)
{
    const size_t taken = account->max - account->used - left;
    assert_true(minke__account_charge(account, taken));
    return taken;
}

static minke_account_t *account_of(const sim_endpoint_t *e, minke_connection_t id)
{
    return &minke__endpoint_connection(e->transport, id)->account;
}

/* Beyond the cap nothing is allocated, and the connection that asked ends, for a reason that says so. */
static void the_cap_of_a_connection_is_hard(void **state)
{
    (void)state;
    static scene_t s;
    minke_connection_t id;
    set_up(&s, NULL, NULL);
    s.at_dialer.streams_wanted = 1;
    s.at_dialer.block = 1;
    s.at_dialer.once = true;
    connect_both(&s);
    const minke_connection_t doomed = s.at_dialer.connection;
    assert_int_equal(dial_from(&s, s.dialer, &id), MINKE_OK);
    (void)run(&s, 2 * SECOND, NULL);
    minke_account_t *account = account_of(s.dialer, doomed);
    account->max = account->used + 10;
    assert_int_equal(minke_transport_finish(s.dialer->transport, s.at_dialer.streams[0], s.world.now), MINKE_OK);
    (void)run(&s, SECOND, NULL);
    assert_true(s.at_dialer.closed);
    assert_int_equal(s.at_dialer.close.layer, MINKE_LAYER_HOST);
    assert_int_equal(s.at_dialer.close.code, MINKE_ERROR_NO_MEMORY);
    assert_non_null(strstr(s.at_dialer.close.text, "connection_memory_max"));
    assert_true(counters(s.dialer)->memory_exhausted_connection > 0);
    assert_int_equal(counters(s.dialer)->memory_closed, 1);
    assert_true(s.at_listener.closed && s.at_listener.close.by_remote);
    assert_true(memory_of(s.dialer, id) > 0); /* the other one lives */
    sim_world_free(&s.world);
}

/* ---- memory of the transport */

static void the_cap_of_a_transport_is_hard(void **state)
{
    (void)state;
    static scene_t s;
    set_up(&s, NULL, NULL);
    s.at_dialer.streams_wanted = 1;
    s.at_dialer.block = 1;
    s.at_dialer.once = true;
    connect_both(&s);
    (void)run(&s, 2 * SECOND, NULL);
    const size_t taken = take_all_but(&s.dialer->transport->account, 10);
    assert_int_equal(minke_transport_finish(s.dialer->transport, s.at_dialer.streams[0], s.world.now), MINKE_OK);
    (void)run(&s, SECOND, NULL);
    assert_true(s.at_dialer.closed);
    assert_int_equal(s.at_dialer.close.code, MINKE_ERROR_NO_MEMORY);
    assert_non_null(strstr(s.at_dialer.close.text, "memory_max"));
    assert_null(strstr(s.at_dialer.close.text, "connection_memory_max"));
    assert_true(counters(s.dialer)->memory_exhausted > 0);
    minke__account_release(&s.dialer->transport->account, taken);
    sim_world_free(&s.world);
}

/* With little left nobody new is let in or dialled; with more again those who ask again get in. */
static void a_crowded_transport_takes_nobody(void **state)
{
    (void)state;
    static scene_t s;
    minke_connection_t id;
    set_up(&s, NULL, NULL);
    minke_transport_t *t = s.listener->transport;
    const size_t taken = take_all_but(&t->account, t->account.max / 32 - 1);
    assert_int_equal(dial_from(&s, s.dialer, &id), MINKE_OK);
    (void)run(&s, 2 * SECOND, NULL);
    assert_int_equal(t->connections.count, 0);
    assert_true(counters(s.listener)->memory_refused > 0);
    assert_int_equal(sim_dial(t, s.listener->addr, 1, s.world.now, &id), MINKE_ERROR_LIMIT);
    minke__account_release(&t->account, taken);
    assert_true(run(&s, 5 * SECOND, both_up));
    sim_world_free(&s.world);
}

/* Twelve connections, each of which would fill a quarter of all memory, and whose streams nobody reads: the thirteenth
 * finds room. */
static void the_greedy_leave_room(void **state)
{
    (void)state;
    enum { GREEDY = 12 };
    static scene_t s;
    passer_by_t honest = {.left = 2 * MIB};
    minke_connection_t id;
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.memory_max = 8 * MIB;
    options.connection_memory_max = 8 * MIB;
    set_up(&s, &options, NULL);
    choosy_t listener = {.others = &s.at_listener, .to_ignore = GREEDY};
    s.listener->on_event = choosy_event;
    s.listener->user = &listener;
    s.honest->on_event = passer_by_event;
    s.honest->user = &honest;
    s.at_dialer.streams_wanted = s.at_dialer.streams_more = 4;
    s.at_dialer.block = 16 * KIB;
    for (int i = 0; i < GREEDY; i++) assert_int_equal(dial_from(&s, s.dialer, &id), MINKE_OK);
    (void)run(&s, 10 * SECOND, NULL);
    assert_int_equal(counters(s.listener)->connections_accepted, GREEDY);
    const size_t taken = minke_transport_memory(s.listener->transport);
    assert_true(taken > 1 * MIB && taken < 6 * MIB);
    assert_int_equal(dial_from(&s, s.honest, &id), MINKE_OK);
    (void)run(&s, 10 * SECOND, NULL);
    assert_int_equal(listener.read, 2 * MIB);
    assert_int_equal(listener.ends, 1);
    assert_int_equal(counters(s.listener)->memory_exhausted + counters(s.listener)->memory_exhausted_connection, 0);
    assert_int_equal(s.listener->transport->connections.count, GREEDY + 1); /* nobody had to go for it */
    sim_world_free(&s.world);
}

/* When others have taken nearly all memory a transfer stands still; it goes on by itself, without a sign of life from
 * the remote, when they give it back: on the receiving side as on the sending one. */
static void a_transfer_waits_for_others(bool receiver)
{
    static scene_t s;
    passer_by_t honest = {.left = 32 * MIB};
    set_up(&s, NULL, NULL);
    choosy_t listener = {.others = &s.at_listener};
    s.listener->on_event = choosy_event;
    s.listener->user = &listener;
    s.honest->on_event = passer_by_event;
    s.honest->user = &honest;
    minke_connection_t id;
    assert_int_equal(dial_from(&s, s.honest, &id), MINKE_OK);
    (void)run(&s, 300 * MILLISECOND, NULL);
    assert_true(listener.read > 0 && listener.read < 32 * MIB);
    sim_endpoint_t *short_of_memory = receiver ? s.listener : s.honest;
    minke_account_t *account = &short_of_memory->transport->account;
    size_t taken = 0;
    for (int i = 0; i < 4; i++) { /* what is acknowledged is given back: that too */
        taken += take_all_but(account, 10 * KIB);
        (void)run(&s, 250 * MILLISECOND, NULL);
    }
    const uint64_t read = listener.read;
    (void)run(&s, 5 * SECOND, NULL);
    assert_int_equal(listener.read, read);
    assert_true((receiver ? counters(s.listener)->memory_data_dropped : counters(s.honest)->memory_waits) > 0);
    minke__account_release(account, taken);
    (void)run(&s, 250 * MILLISECOND, NULL);
    assert_true(listener.read > read);
    (void)run(&s, 20 * SECOND, NULL);
    assert_int_equal(listener.read, 32 * MIB);
    assert_int_equal(listener.ends, 1);
    sim_world_free(&s.world);
}

static void a_receiver_waits_for_others(void **state)
{
    (void)state;
    a_transfer_waits_for_others(true);
}

static void a_sender_waits_for_others(void **state)
{
    (void)state;
    a_transfer_waits_for_others(false);
}

/* A remote opens streams while memory is short: they are refused, with a RESET that says so, and the connection stays.
 */
static void streams_are_refused_while_memory_is_short(void **state)
{
    (void)state;
    static scene_t s;
    minke_stream_t stream;
    set_up(&s, NULL, NULL);
    connect_both(&s);
    (void)run(&s, 2 * SECOND, NULL);
    minke_account_t *account = account_of(s.dialer, s.at_dialer.connection);
    const size_t taken = take_all_but(account, account->max / 4);
    assert_int_equal(minke_transport_open(s.dialer->transport, s.at_dialer.connection, s.world.now, &stream),
                     MINKE_ERROR_LIMIT);
    assert_int_equal(counters(s.dialer)->memory_streams_refused, 1);
    assert_int_equal(minke_transport_open(s.listener->transport, s.at_listener.connection, s.world.now, &stream),
                     MINKE_OK);
    (void)run(&s, SECOND, NULL);
    assert_int_equal(counters(s.dialer)->memory_streams_refused, 2);
    assert_int_equal(counters(s.dialer)->streams_refused, 1);
    assert_int_equal(counters(s.listener)->streams_reset, 1);
    minke__account_release(account, taken);
    assert_int_equal(minke_transport_open(s.dialer->transport, s.at_dialer.connection, s.world.now, &stream), MINKE_OK);
    (void)run(&s, SECOND, NULL);
    assert_int_equal(s.at_listener.streams_n, 1);
    assert_false(s.at_dialer.closed || s.at_listener.closed);
    sim_world_free(&s.world);
}

/* ---- back-pressure never locks up */

/* Reads only what it can write at once: bytes wait unread while memory is short for writing. */
static void echo_event(void *user, sim_endpoint_t *e, const minke_transport_event_t *event)
{
    const uint8_t *data;
    ssize_t n, taken = 1;
    (void)user;
    if (event->type != MINKE_TRANSPORT_STREAM_READABLE && event->type != MINKE_TRANSPORT_STREAM_WRITABLE) return;
    while (taken > 0 && (n = minke_transport_peek(e->transport, event->stream, &data)) > 0) {
        taken = minke_transport_write(e->transport, event->stream, data, (size_t)n, e->now);
        if (taken <= 0) return;
        assert_int_equal(minke_transport_consume(e->transport, event->stream, (size_t)taken, e->now), MINKE_OK);
    }
    if (n == 0) (void)minke_transport_finish(e->transport, event->stream, e->now);
}

typedef struct echoed {
    sim_world_t world;
    sim_endpoint_t *listener, *dialer;
    sim_transfer_t app;
} echoed_t;

static bool echo_is_over(void *user) { return sim_transfer_is_over(&((echoed_t *)user)->app); }

static void an_echo_under(const minke_transport_options_t *options, const sim_link_t *link, uint64_t seed, size_t bytes)
{
    echoed_t s = {0};
    sim_world_init(&s.world, seed);
    s.listener = sim_world_add(&s.world, "2001:db8::1", options, seed + 1);
    s.dialer = sim_world_add(&s.world, "2001:db8::2", options, seed + 2);
    s.app = (sim_transfer_t){.bytes = bytes, .send_key = seed, .receive_key = seed, .opens = true};
    s.listener->on_event = echo_event;
    s.dialer->on_event = sim_transfer_event;
    s.dialer->user = &s.app;
    sim_world_join(&s.world, s.listener, s.dialer, link);
    sim_listen(&s.world, s.listener, 9090);
    minke_connection_t id;
    assert_int_equal(sim_dial(s.dialer->transport, s.listener->addr, 1, s.world.now, &id), MINKE_OK);
    assert_true(sim_world_run(&s.world, s.world.now + 600 * SECOND, echo_is_over, &s));
    assert_false(s.app.wrong);
    for (int i = 0; i < 2; i++) {
        const minke_counters_t *n = counters(i == 0 ? s.listener : s.dialer);
        assert_int_equal(n->memory_exhausted_connection + n->memory_exhausted, 0);
    }
    sim_world_free(&s.world);
}

static void an_echo_passes_the_smallest_caps(void **state)
{
    (void)state;
    const sim_link_t lossy = {
        .delay = 25 * MILLISECOND, .loss = 0.02, .reorder = 0.02, .reorder_delay = 8 * MILLISECOND, .mtu = 1280};
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.connection_memory_max = 256 * KIB;
    options.memory_max = 4 * MIB;
    for (uint64_t seed = 1; seed <= 6; seed++) an_echo_under(&options, seed % 2 == 0 ? &plain : &lossy, seed, MIB);
}

/* ---- what an idle connection costs */

enum { IDLE_BYTES_MAX = 6 * KIB }; /* docs/memory.md says so too */

static void on_node_event(void *user, sim_endpoint_t *e, const minke_event_t *event)
{
    (void)e;
    if (event->type == MINKE_EVENT_CONNECTED) *(minke_connection_t *)user = event->connection;
}

/* A remote opens as many streams as it can and never says what it wants of them: they end, and cost nothing after. */
static void streams_that_negotiate_nothing_end(void **state)
{
    (void)state;
    static hoarder_t silent;
    sim_world_t world;
    minke_connection_t inbound = 0, id;
    minke_connection_stats_t stats;
    silent = (hoarder_t){.streams_wanted = 100};
    sim_world_init(&world, 6);
    minke_host_options_t options = {.size = sizeof options, .agent = "simulated/1", .identify = false};
    minke_transport_defaults(&options.transport);
    options.transport.inbound_streams_max = 50;
    sim_endpoint_t *listener = sim_world_add_node(&world, "2001:db8::1", &options, 1);
    sim_endpoint_t *dialer = sim_world_add(&world, "2001:db8::2", NULL, 2);
    listener->on_node_event = on_node_event;
    listener->user = &inbound;
    dialer->on_event = on_event;
    dialer->user = &silent;
    sim_world_join(&world, listener, dialer, &plain);
    sim_listen(&world, listener, 9090);
    assert_int_equal(sim_dial(dialer->transport, listener->addr, 1, world.now, &id), MINKE_OK);
    (void)sim_world_run(&world, world.now + 8 * SECOND, NULL, NULL);
    assert_int_equal(minke_transport_stats(listener->transport, inbound, &stats), MINKE_OK);
    assert_int_equal(stats.streams, 50);
    assert_true(counters(listener)->streams_refused >= 50);
    assert_true(stats.memory > 50 * KIB && stats.memory < 100 * KIB);
    (void)sim_world_run(&world, world.now + 60 * SECOND, NULL, NULL);
    assert_int_equal(minke_transport_stats(listener->transport, inbound, &stats), MINKE_OK);
    assert_int_equal(stats.streams, 0);
    assert_true(stats.memory <= IDLE_BYTES_MAX + 6 * KIB); /* tables that have grown */
    sim_world_free(&world);
}

static void an_idle_connection_is_small(void **state)
{
    (void)state;
    sim_world_t world;
    minke_connection_t inbound = 0, outbound = 0;
    sim_world_init(&world, 5);
    sim_endpoint_t *listener = sim_world_add_node(&world, "2001:db8::1", NULL, 1);
    sim_endpoint_t *dialer = sim_world_add_node(&world, "2001:db8::2", NULL, 2);
    listener->on_node_event = dialer->on_node_event = on_node_event;
    listener->user = &inbound;
    dialer->user = &outbound;
    sim_world_join(&world, listener, dialer, &plain);
    sim_listen(&world, listener, 9090);
    minke_connection_t id;
    assert_int_equal(sim_dial(dialer->transport, listener->addr, 1, world.now, &id), MINKE_OK);
    (void)sim_world_run(&world, world.now + 120 * SECOND, NULL, NULL); /* identify is over, its streams are closed */
    const uint64_t in = memory_of(listener, inbound), out = memory_of(dialer, outbound);
    print_message("an idle connection: %u bytes inbound, %u outbound\n", (unsigned)in, (unsigned)out);
    assert_true(in > 4 * KIB && in <= IDLE_BYTES_MAX);
    assert_true(out > 4 * KIB && out <= IDLE_BYTES_MAX);
    sim_world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_subnet_gets_its_share),
        cmocka_unit_test(a_move_changes_nothing),
        cmocka_unit_test(connections_in_all),
        cmocka_unit_test(outbound_streams_have_a_cap),
        cmocka_unit_test(streams_without_a_reader),
        cmocka_unit_test(a_full_connection_does_not_slow_another),
        cmocka_unit_test(writers_wait_for_memory),
        cmocka_unit_test(the_cap_of_a_connection_is_hard),
        cmocka_unit_test(the_cap_of_a_transport_is_hard),
        cmocka_unit_test(a_crowded_transport_takes_nobody),
        cmocka_unit_test(the_greedy_leave_room),
        cmocka_unit_test(a_receiver_waits_for_others),
        cmocka_unit_test(a_sender_waits_for_others),
        cmocka_unit_test(streams_are_refused_while_memory_is_short),
        cmocka_unit_test(an_echo_passes_the_smallest_caps),
        cmocka_unit_test(streams_that_negotiate_nothing_end),
        cmocka_unit_test(an_idle_connection_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
