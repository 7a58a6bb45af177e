/* Two hosts without their drivers: what a node does by itself, and what it leaves to the application. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sctp/association.h"
#include "webrtc/endpoint.h"
#include "world.h"

enum { MILLISECOND = 1000, SECOND = 1000000, READ_MAX = 4 << 20 };

typedef struct app {
    minke_connection_t connection;
    bool identified, opened, closed, end_seen, echoes;
    unsigned identified_n;
    minke_stream_t stream;
    int error;
    char protocol[256];
    size_t read;
    uint8_t *data;
} app_t;

typedef struct scene {
    sim_world_t world;
    sim_endpoint_t *server, *client;
    app_t at_server, at_client;
} scene_t;

static void echo(sim_endpoint_t *e, minke_stream_t stream)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke__node_peek(e->node, stream, &data)) > 0) {
        const ssize_t taken = minke__node_write(e->node, stream, data, (size_t)n, e->now);
        if (taken <= 0) return;
        (void)minke__node_consume(e->node, stream, (size_t)taken, e->now);
    }
    if (n == 0) (void)minke_transport_finish(e->transport, stream, e->now);
}

static void collect(app_t *app, sim_endpoint_t *e, minke_stream_t stream)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke__node_peek(e->node, stream, &data)) > 0) {
        if (app->read + (size_t)n <= READ_MAX) memcpy(app->data + app->read, data, (size_t)n);
        app->read += (size_t)n;
        (void)minke__node_consume(e->node, stream, (size_t)n, e->now);
    }
    if (n == 0) app->end_seen = true;
}

static void on_event(void *user, sim_endpoint_t *e, const minke_event_t *event)
{
    app_t *app = user;
    switch (event->type) {
    case MINKE_EVENT_CONNECTED: app->connection = event->connection; break;
    case MINKE_EVENT_IDENTIFIED:
        app->identified = true;
        app->identified_n++;
        break;
    case MINKE_EVENT_STREAM_OPENED:
        app->opened = true;
        app->stream = event->stream;
        strcpy(app->protocol, event->protocol);
        break;
    case MINKE_EVENT_STREAM_READABLE:
    case MINKE_EVENT_STREAM_WRITABLE:
        if (app->echoes) echo(e, event->stream);
        else collect(app, e, event->stream);
        break;
    case MINKE_EVENT_STREAM_CLOSED:
        app->closed = true;
        app->error = event->error;
        break;
    default: break;
    }
}

static void set_up(scene_t *s)
{
    const sim_link_t link = {.delay = 5 * MILLISECOND};
    minke_connection_t connection;
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 11);
    s->server = sim_world_add_node(&s->world, "192.0.2.1", NULL, 1);
    s->client = sim_world_add_node(&s->world, "192.0.2.2", NULL, 2);
    s->server->on_node_event = s->client->on_node_event = on_event;
    s->server->user = &s->at_server;
    s->client->user = &s->at_client;
    s->at_server.data = malloc(READ_MAX);
    s->at_client.data = malloc(READ_MAX);
    s->at_server.echoes = true;
    assert_int_equal(minke__node_handle(s->server->node, "/echo/1.0.0"), MINKE_OK);
    sim_world_join(&s->world, s->server, s->client, &link);
    sim_listen(&s->world, s->server, 9090);
    assert_int_equal(minke__node_listening(s->server->node, s->server->addr, s->world.now), MINKE_OK);
    assert_int_equal(sim_dial(s->client->transport, s->server->addr, 1, s->world.now, &connection), MINKE_OK);
}

static void tear_down(scene_t *s)
{
    sim_world_free(&s->world);
    free(s->at_server.data);
    free(s->at_client.data);
}

static bool run(scene_t *s, minke_time_t span, bool (*done)(void *user))
{
    return sim_world_run(&s->world, s->world.now + span, done, s);
}

static bool both_identified(void *user)
{
    const scene_t *s = user;
    return s->at_client.identified && s->at_server.identified;
}

static bool client_closed(void *user) { return ((scene_t *)user)->at_client.closed; }

static void open_stream(scene_t *s, const char *protocol)
{
    app_t *app = &s->at_client;
    app->closed = app->opened = app->end_seen = false;
    app->read = 0;
    assert_int_equal(minke__node_open(s->client->node, app->connection, protocol, s->world.now, &app->stream),
                     MINKE_OK);
}

static void write_all(scene_t *s, const void *data, size_t len)
{
    assert_int_equal(minke__node_write(s->client->node, s->at_client.stream, data, len, s->world.now), len);
    assert_int_equal(minke__node_finish(s->client->node, s->at_client.stream, s->world.now), MINKE_OK);
}

/* As a peer does that does not wait for the answer to its question: ours holds data back until it has come. */
static void write_hastily(scene_t *s, const void *data, size_t len)
{
    minke_transport_t *transport = s->client->transport;
    assert_int_equal(minke_transport_write(transport, s->at_client.stream, data, len, s->world.now), len);
    assert_int_equal(minke_transport_finish(transport, s->at_client.stream, s->world.now), MINKE_OK);
}

/* ---- tests ---- */

static bool lists(const minke_identify_info_t *info, const char *protocol)
{
    for (size_t i = 0; i < info->protocols_n; i++) {
        if (strcmp(info->protocols[i], protocol) == 0) return true;
    }
    return false;
}

static void both_identify_each_other(void **state)
{
    (void)state;
    scene_t s;
    minke_identify_info_t info;
    set_up(&s);
    assert_true(run(&s, 5 * SECOND, both_identified));
    assert_int_equal(minke__node_identify_get(s.client->node, s.at_client.connection, &info), MINKE_OK);
    assert_string_equal(info.agent, "simulated/1");
    assert_true(lists(&info, "/ipfs/ping/1.0.0") && lists(&info, "/echo/1.0.0") && lists(&info, "/perf/1.0.0"));
    assert_int_equal(info.addresses_n, 1);
    assert_string_equal(info.addresses[0], s.server->addr);
    assert_non_null(strstr(info.observed, "/ip4/192.0.2.2/udp/40000"));
    tear_down(&s);
}

static bool client_identified_again(void *user) { return ((scene_t *)user)->at_client.identified_n >= 2; }

static void a_new_protocol_is_pushed(void **state)
{
    (void)state;
    scene_t s;
    minke_identify_info_t info;
    set_up(&s);
    assert_true(run(&s, 5 * SECOND, both_identified));
    assert_int_equal(minke__node_handle(s.server->node, "/new/1.0.0"), MINKE_OK);
    assert_true(run(&s, 5 * SECOND, client_identified_again));
    assert_int_equal(minke__node_identify_get(s.client->node, s.at_client.connection, &info), MINKE_OK);
    assert_true(lists(&info, "/new/1.0.0"));
    size_t echoes = 0;
    for (size_t i = 0; i < info.protocols_n; i++) echoes += strcmp(info.protocols[i], "/echo/1.0.0") == 0;
    assert_int_equal(echoes, 1); /* replaced, not added to */
    assert_string_equal(info.agent, "simulated/1");
    tear_down(&s);
}

static void pings_come_back(void **state)
{
    (void)state;
    scene_t s;
    uint8_t ping[64];
    for (size_t i = 0; i < sizeof ping; i++) ping[i] = (uint8_t)(i * 7);
    set_up(&s);
    assert_true(run(&s, 5 * SECOND, both_identified));
    open_stream(&s, "/ipfs/ping/1.0.0");
    write_all(&s, ping, sizeof ping);
    assert_true(run(&s, 5 * SECOND, client_closed));
    assert_int_equal(s.at_client.error, MINKE_OK);
    assert_int_equal(s.at_client.read, sizeof ping);
    assert_memory_equal(s.at_client.data, ping, sizeof ping);
    tear_down(&s);
}

static void perf_sends_what_was_asked_for(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 100000, 3000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        scene_t s;
        uint8_t request[8 + 5000];
        minke_writer_t w = minke__writer(request, sizeof request);
        minke__write_u64(&w, sizes[i]);
        minke__write_zeros(&w, 5000);
        set_up(&s);
        assert_true(run(&s, 5 * SECOND, both_identified));
        open_stream(&s, "/perf/1.0.0");
        write_all(&s, request, i % 2 == 0 ? 8 : sizeof request);
        assert_true(run(&s, 60 * SECOND, client_closed));
        assert_int_equal(s.at_client.error, MINKE_OK);
        assert_int_equal(s.at_client.read, sizes[i]);
        tear_down(&s);
    }
}

static void perf_without_its_header_is_reset(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    assert_true(run(&s, 5 * SECOND, both_identified));
    open_stream(&s, "/perf/1.0.0");
    write_all(&s, "1234567", 7);
    assert_true(run(&s, 5 * SECOND, client_closed));
    assert_int_equal(s.at_client.error, MINKE_ERROR_STREAM_RESET);
    tear_down(&s);
}

/* The application's protocol, more data than any buffer holds. */
static void an_echo_by_the_application(void **state)
{
    (void)state;
    scene_t s;
    static uint8_t data[200000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 31 >> 3);
    set_up(&s);
    assert_true(run(&s, 5 * SECOND, both_identified));
    open_stream(&s, "/echo/1.0.0");
    write_all(&s, data, sizeof data);
    assert_true(run(&s, 30 * SECOND, client_closed));
    assert_true(s.at_client.opened);
    assert_string_equal(s.at_server.protocol, "/echo/1.0.0");
    assert_int_equal(s.at_client.error, MINKE_OK);
    assert_int_equal(s.at_client.read, sizeof data);
    assert_memory_equal(s.at_client.data, data, sizeof data);
    tear_down(&s);
}

static void an_unknown_protocol_is_refused(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    assert_true(run(&s, 5 * SECOND, both_identified));
    open_stream(&s, "/nobody/1.0.0");
    assert_true(run(&s, 5 * SECOND, client_closed));
    assert_false(s.at_client.opened || s.at_server.opened);
    assert_int_equal(s.at_client.error, MINKE_ERROR_UNSUPPORTED);
    tear_down(&s);
}

/* Also when the remote has already said all that it wants to say. */
static void a_refusal_is_heard_after_our_end(void **state)
{
    (void)state;
    scene_t s;
    set_up(&s);
    assert_true(run(&s, 5 * SECOND, both_identified));
    open_stream(&s, "/nobody/1.0.0");
    write_hastily(&s, "hello", 5);
    assert_true(run(&s, 5 * SECOND, client_closed));
    assert_int_equal(s.at_client.error, MINKE_ERROR_UNSUPPORTED);
    tear_down(&s);
}

/* And when what follows the question is no message of the negotiation: whoever did not wait for the answer must have
 * it. */
static void a_refusal_is_heard_behind_early_data(void **state)
{
    (void)state;
    scene_t s;
    uint8_t data[5000];
    memset(data, 0xff, sizeof data);
    set_up(&s);
    assert_true(run(&s, 5 * SECOND, both_identified));
    open_stream(&s, "/nobody/1.0.0");
    write_hastily(&s, data, sizeof data);
    assert_true(run(&s, 5 * SECOND, client_closed));
    assert_int_equal(s.at_client.error, MINKE_ERROR_UNSUPPORTED);
    tear_down(&s);
}

static minke_sctp_t *sctp_of(const scene_t *s)
{
    return minke__endpoint_connection(s->client->transport, s->at_client.connection)->sctp;
}

/* Between two of us what is written leaves at once; for others it is kept, up to a limit, until they have agreed. All
 * of it arrives, and in order. */
static void early_data_arrives_in_order(void **state)
{
    (void)state;
    enum { LIMIT = 256 * 1024, PROPOSAL = 33 };
    static uint8_t data[LIMIT + 1];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 29 >> 5);
    for (int waits = 0; waits < 2; waits++) {
        const size_t limit = waits ? LIMIT : LIMIT - PROPOSAL;
        scene_t s;
        set_up(&s);
        s.at_server.echoes = true;
        assert_true(run(&s, 5 * SECOND, both_identified));
        assert_true(minke__sctp_is_with_minke(sctp_of(&s)));
        if (waits) sctp_of(&s)->with_minke = false;
        open_stream(&s, "/echo/1.0.0");
        minke_node_t *node = s.client->node;
        const minke_stream_t stream = s.at_client.stream;
        assert_int_equal(minke__node_write(node, stream, data, sizeof data, s.world.now), limit);
        assert_int_equal(minke__node_write(node, stream, data, 1, s.world.now), MINKE_ERROR_AGAIN);
        assert_int_equal(minke__node_finish(node, stream, s.world.now), MINKE_OK);
        assert_int_equal(minke__node_finish(node, stream, s.world.now), MINKE_OK);
        assert_int_equal(minke__node_write(node, stream, data, 1, s.world.now), MINKE_ERROR_STREAM_FINISHED);
        assert_true(run(&s, 60 * SECOND, client_closed));
        assert_int_equal(s.at_client.read, limit);
        assert_memory_equal(s.at_client.data, data, limit);
        tear_down(&s);
    }
}

/* A stream on which nothing is said ends after ten seconds; the application never hears of it. */
static void a_silent_negotiation_times_out(void **state)
{
    (void)state;
    scene_t s;
    minke_stream_t stream;
    set_up(&s);
    assert_true(run(&s, 5 * SECOND, both_identified));
    assert_int_equal(minke_transport_open(s.client->transport, s.at_client.connection, s.world.now, &stream), MINKE_OK);
    assert_int_equal(minke_transport_write(s.client->transport, stream, "\x13/multi", 7, s.world.now), 7);
    (void)run(&s, 9 * SECOND, NULL);
    assert_true(minke_transport_writable(s.client->transport, stream) > 0);
    (void)run(&s, 3 * SECOND, NULL);
    assert_int_equal(minke_transport_writable(s.client->transport, stream), 0);
    assert_false(s.at_server.opened);
    tear_down(&s);
}

static void protocols_have_sane_names(void **state)
{
    (void)state;
    scene_t s;
    char name[300];
    set_up(&s);
    memset(name, 'a', sizeof name);
    name[256] = 0;
    assert_int_equal(minke__node_handle(s.server->node, name), MINKE_ERROR_INVALID);
    name[255] = 0;
    assert_int_equal(minke__node_handle(s.server->node, name), MINKE_OK);
    assert_int_equal(minke__node_handle(s.server->node, ""), MINKE_ERROR_INVALID);
    assert_int_equal(minke__node_handle(s.server->node, "/echo/1.0.0"), MINKE_ERROR_EXISTS);
    assert_int_equal(minke__node_handle(s.server->node, "/ipfs/ping/1.0.0"), MINKE_ERROR_EXISTS);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_identify_each_other),
        cmocka_unit_test(a_new_protocol_is_pushed),
        cmocka_unit_test(pings_come_back),
        cmocka_unit_test(perf_sends_what_was_asked_for),
        cmocka_unit_test(perf_without_its_header_is_reset),
        cmocka_unit_test(an_echo_by_the_application),
        cmocka_unit_test(an_unknown_protocol_is_refused),
        cmocka_unit_test(a_refusal_is_heard_after_our_end),
        cmocka_unit_test(a_refusal_is_heard_behind_early_data),
        cmocka_unit_test(early_data_arrives_in_order),
        cmocka_unit_test(a_silent_negotiation_times_out),
        cmocka_unit_test(protocols_have_sane_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
