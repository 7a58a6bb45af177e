/* Single situations, each with whole transports: what the seeds do not reach by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transfer.h"

enum { MILLISECOND = 1000, SECOND = 1000000 };

static const sim_link_t plain = {.delay = 10 * MILLISECOND, .mtu = 1280};

typedef struct scene {
    sim_world_t world;
    sim_endpoint_t *listener, *dialer;
    sim_transfer_t at_listener, at_dialer;
    minke_connection_t connection;
} scene_t;

static void set_up_with(scene_t *s, const minke_transport_options_t *options, const sim_link_t *link, uint64_t bytes)
{
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, 7);
    s->listener = sim_world_add(&s->world, "2001:db8::1", options, 1);
    s->dialer = sim_world_add(&s->world, "2001:db8::2", options, 2);
    s->at_dialer = (sim_transfer_t){.bytes = bytes, .send_key = 1, .receive_key = 2, .opens = true};
    s->at_listener = (sim_transfer_t){.bytes = bytes, .send_key = 2, .receive_key = 1};
    s->dialer->on_event = s->listener->on_event = sim_transfer_event;
    s->dialer->user = &s->at_dialer;
    s->listener->user = &s->at_listener;
    sim_world_join(&s->world, s->dialer, s->listener, link);
    sim_listen(&s->world, s->listener, 9090);
}

static void dial(scene_t *s)
{
    assert_int_equal(sim_dial(s->dialer->transport, s->listener->addr, 2, s->world.now, &s->connection), MINKE_OK);
}

static bool both_connected(void *user)
{
    const scene_t *s = user;
    return s->at_dialer.connection != 0 && s->at_listener.connection != 0;
}

static bool both_over(void *user)
{
    const scene_t *s = user;
    return sim_transfer_is_over(&s->at_dialer) && sim_transfer_is_over(&s->at_listener);
}

static bool run(scene_t *s, minke_time_t span, bool (*done)(void *user))
{
    return sim_world_run(&s->world, s->world.now + span, done, s);
}

/* ---- addresses change ---- */

static void the_dialer_moves_to_another_port(void **state)
{
    (void)state;
    scene_t s;
    set_up_with(&s, NULL, &plain, 1 << 20);
    dial(&s);
    assert_true(run(&s, 5 * SECOND, both_connected));
    sim_rebind(s.dialer);
    assert_true(run(&s, 60 * SECOND, both_over));
    assert_false(s.at_dialer.wrong || s.at_listener.wrong);
    sim_world_free(&s.world);
}

static bool listener_saw_two(void *user)
{
    const scene_t *s = user;
    return minke_transport_counters(s->listener->transport)->connections_accepted == 2;
}

/* A NAT gives the 5-tuple of a dead connection to a new one (spec/webrtc-direct.md 4). */
static void a_new_connection_takes_a_used_address_over(void **state)
{
    (void)state;
    scene_t s;
    set_up_with(&s, NULL, &plain, 0);
    dial(&s);
    assert_true(run(&s, 5 * SECOND, both_connected));
    /* The first dialer falls silent, and a second one comes from the very same address and port. */
    s.dialer->sockets[0].id = 0;
    s.dialer->next_port = s.dialer->sockets[0].bound.port;
    dial(&s);
    assert_true(run(&s, 5 * SECOND, listener_saw_two));
    sim_world_free(&s.world);
}

/* ---- ends ---- */

static bool listener_closed(void *user) { return ((scene_t *)user)->at_listener.connection_closed; }

static void a_close_is_heard_at_once(void **state)
{
    (void)state;
    scene_t s;
    set_up_with(&s, NULL, &plain, 0);
    dial(&s);
    assert_true(run(&s, 5 * SECOND, both_connected));
    const minke_time_t closed_at = s.world.now;
    assert_int_equal(minke_transport_close(s.dialer->transport, s.connection, "enough", s.world.now), MINKE_OK);
    assert_true(run(&s, 5 * SECOND, listener_closed));
    assert_true(s.world.now - closed_at <= 20 * MILLISECOND);
    assert_true(s.at_listener.close.by_remote);
    assert_true(run(&s, 1 * SECOND, NULL) || s.at_dialer.connection_closed);
    assert_int_equal(minke_transport_close(s.dialer->transport, s.connection, NULL, s.world.now), MINKE_ERROR_STALE);
    sim_world_free(&s.world);
}

static void a_silent_remote_is_given_up(void **state)
{
    (void)state;
    scene_t s;
    const sim_link_t dead = {.loss = 1};
    set_up_with(&s, NULL, &plain, 0);
    dial(&s);
    assert_true(run(&s, 5 * SECOND, both_connected));
    (void)run(&s, 2 * SECOND, NULL); /* nothing is under way any more: only ICE can notice */
    const minke_time_t silent_from = s.world.now;
    sim_world_join(&s.world, s.dialer, s.listener, &dead);
    assert_true(run(&s, 60 * SECOND, listener_closed));
    assert_true(s.world.now - silent_from <= 35 * SECOND);
    assert_int_equal(s.at_listener.close.layer, MINKE_LAYER_ICE);
    sim_world_free(&s.world);
}

/* ---- a reader that is slower than the remote's good-bye ---- */

enum { LATE_BYTES = 300000 };

typedef struct late {
    minke_stream_t stream;
    bool stream_closed, closed;
    int error;
} late_t;

static void read_nothing(void *user, sim_endpoint_t *e, const minke_transport_event_t *event)
{
    late_t *late = user;
    if (event->type == MINKE_TRANSPORT_STREAM_OPENED) {
        late->stream = event->stream;
        (void)minke_transport_finish(e->transport, event->stream, e->now);
    } else if (event->type == MINKE_TRANSPORT_STREAM_CLOSED) {
        assert_false(late->closed); /* streams end before their connection */
        late->stream_closed = true;
        late->error = event->error;
    } else if (event->type == MINKE_TRANSPORT_CLOSED) {
        late->closed = true;
    }
}

static void send_and_leave(void *user, sim_endpoint_t *e, const minke_transport_event_t *event)
{
    static const uint8_t data[LATE_BYTES];
    scene_t *s = user;
    minke_stream_t stream;
    if (event->type == MINKE_TRANSPORT_CONNECTED) {
        assert_int_equal(minke_transport_open(e->transport, event->connection, e->now, &stream), MINKE_OK);
        for (size_t sent = 0; sent < LATE_BYTES;) {
            const ssize_t n = minke_transport_write(e->transport, stream, data + sent, LATE_BYTES - sent, e->now);
            if (n <= 0) break;
            sent += (size_t)n;
            s->at_dialer.sent = sent;
        }
        s->at_dialer.stream = stream;
    } else if (event->type == MINKE_TRANSPORT_STREAM_WRITABLE && s->at_dialer.sent < LATE_BYTES) {
        const ssize_t n =
            minke_transport_write(e->transport, event->stream, data, LATE_BYTES - s->at_dialer.sent, e->now);
        if (n > 0) s->at_dialer.sent += (uint64_t)n;
    } else if (event->type == MINKE_TRANSPORT_STREAM_CLOSED) {
        s->at_dialer.stream_closed = true;
        s->at_dialer.stream_error = event->error;
        assert_int_equal(minke_transport_close(e->transport, event->connection, "done", e->now), MINKE_OK);
    }
    if (!s->at_dialer.finished && s->at_dialer.sent == LATE_BYTES) {
        assert_int_equal(minke_transport_finish(e->transport, s->at_dialer.stream, e->now), MINKE_OK);
        s->at_dialer.finished = true;
    }
}

static void leave_it_unread(scene_t *s, late_t *late)
{
    memset(late, 0, sizeof *late);
    set_up_with(s, NULL, &plain, 0);
    s->listener->on_event = read_nothing;
    s->listener->user = late;
    s->dialer->on_event = send_and_leave;
    s->dialer->user = s;
    dial(s);
    (void)run(s, 20 * SECOND, NULL);
    assert_true(s->at_dialer.stream_closed);
    assert_int_equal(s->at_dialer.stream_error, MINKE_OK);
    assert_false(late->stream_closed || late->closed);
}

/* The remote had its FIN_ACK and left: what was acknowledged is not lost. */
static void what_was_finished_can_be_read_after_the_end(void **state)
{
    (void)state;
    scene_t s;
    late_t late;
    const uint8_t *data;
    size_t got = 0;
    leave_it_unread(&s, &late);
    for (ssize_t n; (n = minke_transport_peek(s.listener->transport, late.stream, &data)) > 0; got += (size_t)n) {
        assert_int_equal(minke_transport_consume(s.listener->transport, late.stream, (size_t)n, s.world.now), MINKE_OK);
    }
    assert_int_equal(got, LATE_BYTES);
    assert_int_equal(minke_transport_peek(s.listener->transport, late.stream, &data), 0);
    (void)run(&s, 1 * SECOND, NULL);
    assert_true(late.stream_closed && late.closed);
    assert_int_equal(late.error, MINKE_OK);
    sim_world_free(&s.world);
}

static void who_never_reads_is_not_waited_for(void **state)
{
    (void)state;
    scene_t s;
    late_t late;
    leave_it_unread(&s, &late);
    (void)run(&s, 130 * SECOND, NULL);
    assert_true(late.stream_closed && late.closed);
    assert_int_equal(late.error, MINKE_ERROR_CONNECTION_CLOSED);
    sim_world_free(&s.world);
}

static bool dialer_closed(void *user) { return ((scene_t *)user)->at_dialer.connection_closed; }

static void nobody_there_names_the_layer(void **state)
{
    (void)state;
    scene_t s;
    const sim_link_t dead = {.loss = 1};
    set_up_with(&s, NULL, &dead, 0);
    dial(&s);
    assert_true(run(&s, 60 * SECOND, dialer_closed));
    assert_int_equal(s.at_dialer.close.layer, MINKE_LAYER_ICE);
    assert_int_equal(s.at_dialer.close.code, MINKE_ERROR_TIMEOUT);
    sim_world_free(&s.world);
}

static void a_wrong_certhash_is_refused_by_dtls(void **state)
{
    (void)state;
    scene_t s;
    set_up_with(&s, NULL, &plain, 0);
    char *hash = strstr(s.listener->addr, "/certhash/uEi");
    assert_non_null(hash);
    hash[20] = hash[20] == 'A' ? 'B' : 'A';
    dial(&s);
    assert_true(run(&s, 30 * SECOND, dialer_closed));
    assert_int_equal(s.at_dialer.close.layer, MINKE_LAYER_DTLS);
    assert_int_equal(s.at_listener.connection, 0);
    sim_world_free(&s.world);
}

static void a_wrong_peer_id_is_refused_by_noise(void **state)
{
    (void)state;
    scene_t s;
    char self[MINKE_PEER_BYTES];
    set_up_with(&s, NULL, &plain, 0);
    minke_transport_self(s.dialer->transport, self);
    char *peer = strstr(s.listener->addr, "/p2p/");
    assert_non_null(peer);
    memcpy(peer + 5, self, strlen(self) + 1);
    dial(&s);
    assert_true(run(&s, 30 * SECOND, dialer_closed));
    assert_int_equal(s.at_dialer.close.layer, MINKE_LAYER_NOISE);
    sim_world_free(&s.world);
}

/* ---- limits ---- */

static void handshakes_have_a_limit(void **state)
{
    (void)state;
    scene_t s;
    minke_transport_options_t options;
    minke_transport_defaults(&options);
    options.handshakes_max = 1;
    options.dial_after = 3 * SECOND;
    set_up_with(&s, &options, &plain, 0);
    for (int i = 0; i < 4; i++) dial(&s);
    (void)run(&s, 200 * MILLISECOND, NULL);
    assert_true(minke_transport_counters(s.listener->transport)->handshakes_refused > 0);
    /* Those who were refused ask again and get in one after the other, or give up: nobody is stuck. */
    (void)run(&s, 20 * SECOND, NULL);
    const minke_counters_t *dialled = minke_transport_counters(s.dialer->transport);
    assert_true(dialled->connections_dialled >= 1);
    assert_int_equal(dialled->connections_dialled + dialled->connections_failed, 4);
    sim_world_free(&s.world);
}

static void connections_have_a_limit(void **state)
{
    (void)state;
    scene_t s;
    minke_transport_options_t options;
    minke_connection_t connection;
    minke_transport_defaults(&options);
    options.connections_max = 2;
    set_up_with(&s, &options, &plain, 0);
    dial(&s);
    dial(&s);
    assert_int_equal(sim_dial(s.dialer->transport, s.listener->addr, 1, s.world.now, &connection), MINKE_ERROR_LIMIT);
    sim_world_free(&s.world);
}

/* ---- what a caller may get wrong ---- */

static void invented_numbers_are_stale(void **state)
{
    (void)state;
    scene_t s;
    const uint8_t *data;
    minke_stream_t stream;
    minke_connection_stats_t stats;
    set_up_with(&s, NULL, &plain, 0);
    minke_transport_t *t = s.listener->transport;
    const uint64_t invented[] = {0, 1, 1 << 24, UINT64_MAX, 0x123456789abcdefULL};
    for (size_t i = 0; i < sizeof invented / sizeof invented[0]; i++) {
        assert_int_equal(minke_transport_write(t, invented[i], "x", 1, s.world.now), MINKE_ERROR_STALE);
        assert_int_equal(minke_transport_peek(t, invented[i], &data), MINKE_ERROR_STALE);
        assert_int_equal(minke_transport_consume(t, invented[i], 1, s.world.now), MINKE_ERROR_STALE);
        assert_int_equal(minke_transport_finish(t, invented[i], s.world.now), MINKE_ERROR_STALE);
        assert_int_equal(minke_transport_reset(t, invented[i], 0, s.world.now), MINKE_ERROR_STALE);
        assert_int_equal(minke_transport_stop(t, invented[i], 0, s.world.now), MINKE_ERROR_STALE);
        assert_int_equal(minke_transport_writable(t, invented[i]), 0);
        assert_int_equal(minke_transport_open(t, invented[i], s.world.now, &stream), MINKE_ERROR_STALE);
        assert_int_equal(minke_transport_close(t, invented[i], NULL, s.world.now), MINKE_ERROR_STALE);
        assert_int_equal(minke_transport_stats(t, invented[i], &stats), MINKE_ERROR_STALE);
    }
    sim_world_free(&s.world);
}

static void addresses_that_cannot_be_dialled(void **state)
{
    (void)state;
    scene_t s;
    minke_connection_t connection;
    set_up_with(&s, NULL, &plain, 0);
    minke_transport_t *t = s.dialer->transport;
    static const struct {
        const char *addr;
        int error;
    } cases[] = {{"", MINKE_ERROR_ADDRESS},
                 {"192.0.2.1:9090", MINKE_ERROR_MALFORMED},
                 {"/ip4/192.0.2.1/tcp/9090", MINKE_ERROR_ADDRESS},
                 {"/ip4/192.0.2.1/udp/9090/webrtc-direct", MINKE_ERROR_ADDRESS},
                 {"/ip4/192.0.2.1/udp/99999/webrtc-direct", MINKE_ERROR_MALFORMED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int error = sim_dial(t, cases[i].addr, 1, s.world.now, &connection);
        assert_true(error == cases[i].error || (i == 0 && error == MINKE_ERROR_MALFORMED));
    }
    assert_int_equal(sim_dial(t, s.listener->addr, 3, s.world.now, &connection), MINKE_ERROR_INVALID);
    sim_world_free(&s.world);
}

/* ---- bad input ---- */

static void inject(scene_t *s, sim_endpoint_t *to, const minke_address_t *from, uint8_t *data, size_t len)
{
    const minke_train_t train = {data, len, len};
    const minke_path_t path = {to->sockets[0].id, to->sockets[0].bound, *from};
    (void)minke_transport_recv(to->transport, &train, &path, s->world.now);
}

/* Noise of every first byte, from strangers and from the remote's own address, does not disturb a transfer. */
static void noise_does_not_disturb(void **state)
{
    (void)state;
    scene_t s;
    uint64_t random = 5;
    uint8_t data[1500];
    set_up_with(&s, NULL, &plain, 1 << 20);
    dial(&s);
    for (int round = 0; round < 2000 && !both_over(&s); round++) {
        minke_address_t from = s.dialer->sockets[0].bound;
        if ((round & 1) != 0) from.port = (uint16_t)(20000 + round);
        const size_t len = test_random(&random) % sizeof data;
        for (size_t i = 0; i < len; i++) data[i] = (uint8_t)test_random(&random);
        if (len > 13 && (round & 6) == 0) {
            data[0] = (uint8_t)(20 + round % 4); /* looks like a record of our epoch */
            data[1] = 0xfe;
            data[2] = 0xfd;
            data[3] = 0;
            data[4] = (uint8_t)(round >> 3 & 1);
            data[11] = (uint8_t)((len - 13) >> 8);
            data[12] = (uint8_t)(len - 13);
        }
        inject(&s, s.listener, &from, data, len);
        (void)run(&s, 2 * MILLISECOND, both_over);
    }
    assert_true(run(&s, 60 * SECOND, both_over));
    assert_false(s.at_dialer.wrong || s.at_listener.wrong);
    assert_false(s.at_dialer.connection_closed || s.at_listener.connection_closed);
    sim_world_free(&s.world);
}

static void other_protocols_are_handed_back(void **state)
{
    (void)state;
    scene_t s;
    set_up_with(&s, NULL, &plain, 0);
    for (int first = 0; first < 256; first++) {
        uint8_t data[40] = {(uint8_t)first};
        const minke_train_t train = {data, sizeof data, sizeof data};
        const minke_path_t path = {s.listener->sockets[0].id, s.listener->sockets[0].bound, s.dialer->ip};
        const bool ours = first <= 3 || (first >= 20 && first <= 63);
        assert_int_equal(minke_transport_recv(s.listener->transport, &train, &path, s.world.now),
                         ours ? MINKE_OK : MINKE_ERROR_NOT_MINE);
    }
    sim_world_free(&s.world);
}

/* ---- memory ---- */

static bool settled(void *user)
{
    const scene_t *s = user;
    return both_over(user) || s->at_dialer.connection_closed;
}

/*
 * The n-th allocation after set-up fails, at the listener or at the dialer: something ends with a reason, or carries
 * on; nothing leaks (sim_world_free looks) and nothing crashes.
 */
static void out_of_memory_ends_cleanly(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 400; n += n < 60 ? 1 : 9) {
        scene_t s;
        minke_transport_options_t options;
        minke_transport_defaults(&options);
        options.dial_after = options.handshake_after = 3 * SECOND;
        options.silent_after = 5 * SECOND;
        set_up_with(&s, &options, &plain, 40000);
        test_env_t *memory = (n & 1) != 0 ? &s.listener->memory : &s.dialer->memory;
        memory->fail_at = memory->allocations + n;
        if (sim_dial(s.dialer->transport, s.listener->addr, 1, s.world.now, &s.connection) == MINKE_OK) {
            (void)run(&s, 10 * SECOND, settled);
        }
        assert_false(s.at_dialer.wrong || s.at_listener.wrong);
        sim_world_free(&s.world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dialer_moves_to_another_port),
        cmocka_unit_test(a_new_connection_takes_a_used_address_over),
        cmocka_unit_test(a_close_is_heard_at_once),
        cmocka_unit_test(a_silent_remote_is_given_up),
        cmocka_unit_test(what_was_finished_can_be_read_after_the_end),
        cmocka_unit_test(who_never_reads_is_not_waited_for),
        cmocka_unit_test(nobody_there_names_the_layer),
        cmocka_unit_test(a_wrong_certhash_is_refused_by_dtls),
        cmocka_unit_test(a_wrong_peer_id_is_refused_by_noise),
        cmocka_unit_test(handshakes_have_a_limit),
        cmocka_unit_test(connections_have_a_limit),
        cmocka_unit_test(invented_numbers_are_stale),
        cmocka_unit_test(addresses_that_cannot_be_dialled),
        cmocka_unit_test(noise_does_not_disturb),
        cmocka_unit_test(other_protocols_are_handed_back),
        cmocka_unit_test(out_of_memory_ends_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
