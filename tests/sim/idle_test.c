/*
 * What 1000 idle connections do to a listener: memory, everything counted, OpenSSL's too; datagrams, allocations and
 * wake-ups, exactly, in virtual time; and that nothing is left of those that come and go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "ice/agent_state.h"
#include "webrtc/endpoint.h"
#include "world.h"

enum {
    SECOND = 1000000,
    KIB = 1024,
    DIALERS = 4,
    OF_EACH = 250,
    CONNECTIONS = DIALERS * OF_EACH,
    HEAP_BYTES_MAX = 6 * KIB,      /* docs/memory.md says so too */
    OPENSSL_BYTES_MAX = 1280 * 128 /* of a transport: a fixed number of contexts for ciphers */
};

static const sim_link_t plain = {.delay = 10000};

/* ---- what OpenSSL holds, and how often connections are ticked */

enum { FRONT = 16 };
static size_t openssl_bytes;

static void *count_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    uint8_t *block = malloc(size + FRONT);
    if (block == NULL) return NULL;
    memcpy(block, &size, sizeof size);
    openssl_bytes += size + FRONT;
    return block + FRONT;
}

static void count_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    size_t size;
    if (memory == NULL) return;
    uint8_t *block = (uint8_t *)memory - FRONT;
    memcpy(&size, block, sizeof size);
    openssl_bytes -= size + FRONT;
    free(block);
}

static void *count_realloc(void *memory, size_t size, const char *file, int line)
{
    size_t before;
    if (memory == NULL) return count_malloc(size, file, line);
    memcpy(&before, (uint8_t *)memory - FRONT, sizeof before);
    void *larger = size > 0 ? count_malloc(size, file, line) : NULL;
    if (larger != NULL) memcpy(larger, memory, before < size ? before : size);
    if (larger != NULL || size == 0) count_free(memory, file, line);
    return larger;
}

static uint64_t asking_ticks, listening_ticks; /* of dialers' agents, of listeners' */
static uint64_t listening_instants;            /* at which there were any of the latter */
static minke_time_t last_instant;

/* The linker puts it in front of the real one: cmake/tests.cmake. Its names are not ours to choose.
 * NOLINTBEGIN(bugprone-reserved-identifier) */
void __real_minke__ice_tick(minke_ice_agent_t *agent, minke_time_t now);
void __wrap_minke__ice_tick(minke_ice_agent_t *agent, minke_time_t now);
void __wrap_minke__ice_tick(minke_ice_agent_t *agent, minke_time_t now)
{
    if (agent->controlling) asking_ticks++;
    else listening_ticks++;
    if (!agent->controlling && now != last_instant) {
        listening_instants++;
        last_instant = now;
    }
    __real_minke__ice_tick(agent, now);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* ---- the scene: one listener, dialers with as many sockets as they have connections */

typedef struct scene {
    sim_world_t world;
    sim_endpoint_t *listener;
    sim_endpoint_t *dialers[DIALERS];
    minke_connection_t connections[DIALERS][OF_EACH];
    size_t up; /* at the listener */
} scene_t;

static void on_listener_event(void *user, sim_endpoint_t *e, const minke_event_t *event)
{
    scene_t *s = user;
    (void)e;
    if (event->type == MINKE_EVENT_CONNECTED) s->up++;
    if (event->type == MINKE_EVENT_DISCONNECTED) s->up--;
}

static minke_host_options_t options_for(uint32_t connections)
{
    minke_host_options_t options = {.size = sizeof options, .agent = "simulated/1", .identify = true};
    minke_transport_defaults(&options.transport);
    options.transport.connections_max = options.transport.connections_per_address_max = connections;
    options.transport.handshakes_max = connections;
    return options;
}

static void set_up(scene_t *s, uint64_t seed)
{
    static const char *ips[DIALERS] = {"2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5"};
    memset(s, 0, sizeof *s);
    sim_world_init(&s->world, seed);
    const minke_host_options_t many = options_for(CONNECTIONS + 1), own = options_for(OF_EACH);
    s->listener = sim_world_add_node(&s->world, "2001:db8::1", &many, seed);
    s->listener->on_node_event = on_listener_event;
    s->listener->user = s;
    for (size_t i = 0; i < DIALERS; i++) {
        s->dialers[i] = sim_world_add_node(&s->world, ips[i], &own, seed + 1 + i);
        sim_world_join(&s->world, s->listener, s->dialers[i], &plain);
    }
    sim_listen(&s->world, s->listener, 9090);
}

/* Every dialer dials one more at a time, 20 ms apart, so that their checks spread. */
static void dial_all(scene_t *s, size_t of_each)
{
    for (size_t k = 0; k < of_each; k++) {
        for (size_t i = 0; i < DIALERS; i++) {
            assert_int_equal(
                sim_dial(s->dialers[i]->transport, s->listener->addr, 1, s->world.now, &s->connections[i][k]),
                MINKE_OK);
        }
        (void)sim_world_run(&s->world, s->world.now + SECOND / 50, NULL, NULL);
    }
    (void)sim_world_run(&s->world, s->world.now + SECOND, NULL, NULL);
    assert_int_equal(s->up, DIALERS * of_each);
}

/* ---- the tests */

static scene_t scene;

static void idle_connections_cost_little(void **state)
{
    (void)state;
    scene_t *s = &scene;
    set_up(s, 1);
    dial_all(s, 2); /* what is made once, by the first */
    const size_t account = minke_transport_memory(s->listener->transport), openssl = openssl_bytes;
    (void)sim_world_run(&s->world, s->world.now + 30 * SECOND, NULL, NULL);
    for (size_t i = 0; i < DIALERS; i++) {
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(minke_transport_close(s->dialers[i]->transport, s->connections[i][k], "", s->world.now),
                             MINKE_OK);
        }
    }
    (void)sim_world_run(&s->world, s->world.now + SECOND, NULL, NULL);
    assert_int_equal(s->up, 0);
    dial_all(s, OF_EACH);
    (void)sim_world_run(&s->world, s->world.now + 60 * SECOND, NULL, NULL); /* identify is over */

    const size_t ours = (minke_transport_memory(s->listener->transport) - account) / CONNECTIONS;
    const size_t theirs = openssl_bytes > openssl ? (openssl_bytes - openssl) / (1 + DIALERS) : 0;
    print_message("an idle connection: %zu bytes, and %zu of OpenSSL for all of a transport\n", ours, theirs);
    assert_true(theirs <= OPENSSL_BYTES_MAX);
    assert_true(ours > 4 * KIB && ours + theirs / CONNECTIONS <= HEAP_BYTES_MAX);

    /* Half a minute. Each dialer's connection asks every 5 s on average, and is answered: nothing else is sent. */
    const minke_counters_t *counters = minke_transport_counters(s->listener->transport);
    const uint64_t received = counters->datagrams_received, sent = counters->datagrams_sent;
    const uint64_t allocations = s->listener->memory.allocations;
    const size_t held = minke_transport_memory(s->listener->transport);
    asking_ticks = listening_ticks = listening_instants = 0;
    (void)sim_world_run(&s->world, s->world.now + 30 * SECOND, NULL, NULL);
    const uint64_t checks = counters->datagrams_received - received;
    print_message(
        "30 s, per connection: %.3f checks, %.3f answers, %.3f allocations, %.3f ticks at the listener; these "
        "at %u instants\n",
        (double)checks / CONNECTIONS, (double)(counters->datagrams_sent - sent) / CONNECTIONS,
        (double)(s->listener->memory.allocations - allocations) / CONNECTIONS, (double)listening_ticks / CONNECTIONS,
        (unsigned)listening_instants);
    assert_in_range(checks, 58 * CONNECTIONS / 10, 62 * CONNECTIONS / 10);
    assert_int_equal(counters->datagrams_sent - sent, checks);
    assert_int_equal(s->listener->memory.allocations - allocations, checks); /* the answer, until it is sent */
    assert_true(minke_transport_memory(s->listener->transport) <= held + KIB);
    assert_in_range(asking_ticks, checks - 10, checks + 10); /* some are on the way at either end */
    /* It looks every 7.5 s or so whether it has heard something: after many at a time, 100 ms apart at the earliest. */
    assert_in_range(listening_ticks, 3 * CONNECTIONS, 5 * CONNECTIONS);
    assert_true(listening_instants <= 30 * 10 + 1);
    sim_world_free(&s->world);
}

/* Nothing grows with what was. */
static void who_comes_and_goes_leaves_nothing(void **state)
{
    (void)state;
    enum { ROUNDS = 6, AT_ONCE = 25 };
    scene_t *s = &scene;
    size_t held[ROUNDS], openssl[ROUNDS], blocks[ROUNDS];
    set_up(s, 2);
    for (size_t round = 0; round < ROUNDS; round++) {
        dial_all(s, AT_ONCE);
        for (size_t i = 0; i < DIALERS; i++) {
            for (size_t k = 0; k < AT_ONCE; k++) {
                /* Some say goodbye, others are never heard again. */
                if (k % 5 == 0) s->dialers[i]->deaf_to = "";
                (void)minke_transport_close(s->dialers[i]->transport, s->connections[i][k], "", s->world.now);
            }
        }
        (void)sim_world_run(&s->world, s->world.now + 120 * SECOND, NULL, NULL);
        for (size_t i = 0; i < DIALERS; i++) s->dialers[i]->deaf_to = NULL;
        assert_int_equal(s->up, 0);
        held[round] = minke_transport_memory(s->listener->transport);
        blocks[round] = s->listener->memory.blocks;
        openssl[round] = openssl_bytes;
    }
    print_message("after %d rounds: %zu bytes in %zu blocks, after the first %zu in %zu\n", ROUNDS, held[ROUNDS - 1],
                  blocks[ROUNDS - 1], held[0], blocks[0]);
    assert_true(held[ROUNDS - 1] <= held[1]);
    assert_int_equal(blocks[ROUNDS - 1], blocks[1]);
    assert_true(openssl[ROUNDS - 1] <= openssl[1] + 4 * KIB);
    sim_world_free(&s->world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_connections_cost_little),
        cmocka_unit_test(who_comes_and_goes_leaves_nothing),
    };
    if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
