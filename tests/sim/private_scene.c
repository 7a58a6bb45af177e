#include "private_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void on_event(void *user, sim_endpoint_t *endpoint, const minke_transport_event_t *event)
{
    private_side_t *side = user;
    switch (event->type) {
    case MINKE_TRANSPORT_SIGNAL:
        assert_in_range(side->out_n, 0, PRIVATE_SIGNALS_MAX - 1);
        side->out[side->out_n].signal = event->signal;
        side->out[side->out_n].due = endpoint->now;
        assert_in_range(strlen(event->text), 1, PRIVATE_TEXT_MAX - 1);
        memcpy(side->out[side->out_n++].text, event->text, strlen(event->text) + 1);
        break;
    case MINKE_TRANSPORT_CONNECTED:
        side->connected = true;
        side->connected_at = endpoint->now;
        break;
    case MINKE_TRANSPORT_CLOSED:
        side->closed = true;
        side->close = event->close;
        break;
    case MINKE_TRANSPORT_STREAM_OPENED: side->stream = event->stream; break;
    default: break;
    }
}

static void tell_addresses(sim_endpoint_t *e)
{
    minke_address_t all[2] = {e->ip, e->second_ip};
    minke_transport_local_addresses(e->transport, all, e->second_ip.family != MINKE_FAMILY_NONE ? 2 : 1);
}

void private_set_up(private_scene_t *s, uint64_t seed, const char *const ips[2])
{
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, seed);
    private_side_t *sides[] = {&s->offerer, &s->answerer};
    for (size_t i = 0; i < 2; i++) {
        sides[i]->endpoint = sim_world_add(&s->world, ips[i], NULL, seed * 2 + i);
        sides[i]->endpoint->on_event = on_event;
        sides[i]->endpoint->user = sides[i];
        tell_addresses(sides[i]->endpoint);
    }
    s->signal_delay = 20 * PRIVATE_MILLISECOND;
}

static void take(private_scene_t *s, private_side_t *to, const private_signal_t *signal)
{
    minke_private_options_t options;
    const char *why = NULL;
    minke_private_defaults(&options);
    options.stun_servers = s->stun_servers;
    options.stun_servers_n = s->stun_servers_n;
    options.give_up_after = s->give_up_after;
    options.gather_first = s->gather_first;
    if (signal->signal == MINKE_SIGNAL_OFFER) {
        const int error = minke_transport_answer(to->endpoint->transport, &options, signal->text, strlen(signal->text),
                                                 s->world.now, &to->connection, &why);
        assert_true(error == MINKE_OK || s->may_fail);
        assert_null(why);
        if (error < 0) to->closed = true;
    } else {
        const int error = minke_transport_signal(to->endpoint->transport, to->connection, signal->signal, signal->text,
                                                 strlen(signal->text), s->world.now);
        assert_true(error == MINKE_OK || to->closed || s->may_fail);
    }
}

static minke_time_t arrival(const private_scene_t *s, const private_signal_t *signal)
{
    return signal->due + s->signal_delay + (signal->signal == MINKE_SIGNAL_ANSWER ? s->answer_delay : 0);
}

static void carry(private_scene_t *s, private_side_t *from, private_side_t *to)
{
    for (; from->carried_n < from->out_n; from->carried_n++) {
        const private_signal_t *signal = &from->out[from->carried_n];
        if (arrival(s, signal) > s->world.now) return;
        if (from->drops_candidates && signal->signal == MINKE_SIGNAL_CANDIDATE) continue;
        take(s, to, signal);
    }
}

static bool is_decided(const private_scene_t *s)
{
    return (s->offerer.connected || s->offerer.closed) && (s->answerer.connected || s->answerer.closed);
}

static bool has_news(void *user)
{
    const private_scene_t *s = user;
    return is_decided(s) || s->offerer.out_n + s->answerer.out_n != s->told_n;
}

static minke_time_t next_arrival(const private_scene_t *s)
{
    const private_side_t *const sides[] = {&s->offerer, &s->answerer};
    minke_time_t at = MINKE_TIME_NEVER;
    for (size_t i = 0; i < 2; i++) {
        if (sides[i]->carried_n == sides[i]->out_n) continue;
        const minke_time_t due = arrival(s, &sides[i]->out[sides[i]->carried_n]);
        if (due < at) at = due;
    }
    return at;
}

void private_run(private_scene_t *s, minke_time_t length)
{
    const minke_time_t until = s->world.now + length;
    while (s->world.now < until && !is_decided(s)) {
        s->told_n = s->offerer.out_n + s->answerer.out_n;
        const minke_time_t at = next_arrival(s);
        (void)sim_world_run(&s->world, at < until ? at : until, has_news, s);
        carry(s, &s->offerer, &s->answerer);
        carry(s, &s->answerer, &s->offerer);
        sim_world_settle(&s->world, s->offerer.endpoint);
        sim_world_settle(&s->world, s->answerer.endpoint);
    }
}

void private_offer(private_scene_t *s)
{
    minke_private_options_t options;
    minke_private_defaults(&options);
    options.stun_servers = s->stun_servers;
    options.stun_servers_n = s->stun_servers_n;
    options.give_up_after = s->give_up_after;
    options.gather_first = s->gather_first;
    const int error =
        minke_transport_offer(s->offerer.endpoint->transport, &options, s->world.now, &s->offerer.connection);
    assert_true(error == MINKE_OK || s->may_fail);
    if (error < 0) s->offerer.closed = s->answerer.closed = true;
    sim_world_settle(&s->world, s->offerer.endpoint);
}

static bool has_heard(const private_side_t *side)
{
    const uint8_t *data;
    return side->stream != 0 && minke_transport_peek(side->endpoint->transport, side->stream, &data) == 5 &&
           memcmp(data, "hello", 5) == 0;
}

static bool have_heard(void *user)
{
    const private_scene_t *s = user;
    return has_heard(&s->offerer) && has_heard(&s->answerer);
}

bool private_talk(private_scene_t *s, minke_time_t length)
{
    private_side_t *sides[] = {&s->offerer, &s->answerer};
    for (size_t i = 0; i < 2; i++) {
        minke_stream_t opened;
        minke_transport_t *t = sides[i]->endpoint->transport;
        assert_int_equal(minke_transport_open(t, sides[i]->connection, s->world.now, &opened), MINKE_OK);
        assert_int_equal(minke_transport_write(t, opened, "hello", 5, s->world.now), 5);
        assert_int_equal(minke_transport_finish(t, opened, s->world.now), MINKE_OK);
        sim_world_settle(&s->world, sides[i]->endpoint);
    }
    return sim_world_run(&s->world, s->world.now + length, have_heard, s);
}
