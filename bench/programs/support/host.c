#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 20000 };

void must(int result, const char *what)
{
    if (result >= 0) return;
    (void)fprintf(stderr, "%s: %s\n", what, minke_error_text(result));
    exit(1);
}

static minke_udp_batching_t udp_batching;
static uint32_t spin_us;

void choose_spin(uint32_t us) { spin_us = us; }

void choose_udp(const char *way)
{
    static const char *const names[] = {
        [MINKE_UDP_AUTOMATIC] = "auto", [MINKE_UDP_MMSG] = "mmsg", [MINKE_UDP_SINGLE] = "single"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], way) != 0) continue;
        udp_batching = (minke_udp_batching_t)i;
        return;
    }
    must(MINKE_ERROR_INVALID, way);
}

minke_host_t *new_host(uint32_t connections, bool identify)
{
    minke_host_options_t options;
    minke_host_defaults(&options);
    options.identify = identify;
    options.transport.connections_max = options.transport.connections_per_address_max = connections;
    options.udp_batching = udp_batching;
    options.spin_us = spin_us;
    minke_host_t *host = minke_host_new(&options);
    if (host == NULL) must(MINKE_ERROR_NO_MEMORY, "host");
    return host;
}

static void wait_for(minke_host_t *host, minke_event_t *event, minke_event_type_t wanted, const char *what)
{
    do {
        must(minke_wait(host, event, PATIENCE_MS), what);
        if (event->type == MINKE_EVENT_DISCONNECTED || event->type == MINKE_EVENT_LISTEN_FAILED) {
            (void)fprintf(stderr, "%s: %s\n", what, event->close.text);
            exit(1);
        }
    } while (event->type != wanted);
}

void listen_at(minke_host_t *host, const char *multiaddr)
{
    minke_event_t event;
    must(minke_listen(host, multiaddr), multiaddr);
    wait_for(host, &event, MINKE_EVENT_LISTENING, multiaddr);
    (void)printf("{\"addr\":\"%s\"}\n", event.addr);
    (void)fflush(stdout);
}

minke_connection_t dial_to(minke_host_t *host, const char *multiaddr)
{
    minke_event_t event;
    minke_connection_t connection;
    must(minke_dial(host, multiaddr, 1, &connection), multiaddr);
    wait_for(host, &event, MINKE_EVENT_CONNECTED, multiaddr);
    return connection;
}

minke_stream_t open_stream(minke_host_t *host, minke_connection_t connection, const char *protocol)
{
    minke_stream_t stream;
    must(minke_open(host, connection, protocol, &stream), protocol);
    return stream;
}

void put_u64(uint8_t bytes[8], uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (56 - 8 * i));
}

uint64_t get_u64(const uint8_t bytes[8])
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) value = value << 8 | bytes[i];
    return value;
}
