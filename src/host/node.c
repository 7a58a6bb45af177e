#include "host/node.h"

#include <string.h>

#include "host/circuit.h"
#include "host/dial.h"
#include "host/hop.h"
#include "host/link.h"
#include "host/reservation.h"
#include "host/signalling.h"
#include "webrtc/endpoint.h"

/* ---- services ---- */

const minke_service_t *minke__node_service(const minke_node_t *node, size_t index)
{
    const struct {
        const minke_service_t *service;
        bool served;
    } all[] = {{&minke__service_identify, true},
               {&minke__service_push, true},
               {&minke__service_ping, true},
               {&minke__service_perf, node->serve_perf},
               {&minke__service_signalling, true},
               {&minke__service_hop, node->hop != NULL},
               {&minke__service_stop, minke__node_has_reservations(node)}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].served && index-- == 0) return all[i].service;
    }
    return NULL;
}

int minke__node_service_index(const minke_node_t *node, const char *name, size_t len)
{
    const minke_service_t *service;
    for (size_t i = 0; (service = minke__node_service(node, i)) != NULL; i++) {
        if (strlen(service->protocol) == len && memcmp(service->protocol, name, len) == 0) return (int)i;
    }
    return -1;
}

/* ---- making and freeing ---- */

static void init_lists(minke_node_t *node)
{
    minke_list_t *lists[] = {&node->connections, &node->protocols,      &node->limited,  &node->addresses,
                             &node->waiting,     &node->to_tell,        &node->notices,  &node->dials_to_tell,
                             &node->released,    &node->attempts_to_do, &node->dialling, &node->reservations,
                             &node->signalling};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) minke__list_init(lists[i]);
    minke__map_init(&node->peers, &node->env);
    minke__map_init(&node->below, &node->env);
    minke__map_init(&node->signalled, &node->env);
    minke__handles_init(&node->dials, &node->env);
    minke__handles_init(&node->attempts, &node->env);
    minke__heap_init(&node->timers, &node->env);
}

/* Byte connections have the limits of the others. */
static minke_byte_endpoint_t *new_bytes(const minke_node_t *node)
{
    const minke_transport_options_t *given = &node->transport->options;
    minke_byte_endpoint_options_t options;
    minke__bytes_options_defaults(&options);
    options.identity = node->transport->identity;
    options.upgrade.noise_key = &node->transport->noise_key;
    options.connections_max = given->connections_max;
    options.handshakes_max = given->handshakes_max;
    options.memory_max = given->connection_memory_max;
    options.upgrade.handshake_after = given->handshake_after;
    options.upgrade.yamux.inbound_max = given->inbound_streams_max;
    options.upgrade.yamux.outbound_max = given->outbound_streams_max;
    /* TCP has a buffer of its own that follows the path. */
    if (given->send_buffer < options.upgrade.yamux.send_buffer) {
        options.upgrade.yamux.send_buffer = given->send_buffer;
    }
    return minke__bytes_new(&node->env, &options);
}

int minke__node_new(const minke_host_options_t *options, minke_time_t now, minke_node_t **out)
{
    if (strlen(options->agent) > 128 || options->stun_servers_n > MINKE_STUN_SERVERS_MAX) return MINKE_ERROR_INVALID;
    minke_transport_t *transport;
    const int error = minke_transport_new(&options->transport, &transport);
    if (error < 0) return error;
    minke_node_t *node = minke__alloc_zero(&transport->env, sizeof *node);
    if (node == NULL) {
        minke_transport_free(transport);
        return MINKE_ERROR_NO_MEMORY;
    }
    node->env = transport->env;
    node->transport = transport;
    node->now = now;
    node->serve_perf = options->serve_perf;
    node->identify = options->identify;
    node->dial_after = transport->options.dial_after;
    memcpy(node->agent, options->agent, strlen(options->agent));
    node->stun_servers_n = options->stun_servers_n;
    for (size_t i = 0; i < node->stun_servers_n; i++) node->stun_servers[i] = options->stun_servers[i];
    init_lists(node);
    node->bytes = new_bytes(node);
    if (options->relay.serve && node->bytes != NULL) node->hop = minke__hop_new(node, &options->relay);
    if (node->bytes == NULL || (options->relay.serve && node->hop == NULL)) {
        minke__node_free(node);
        return MINKE_ERROR_NO_MEMORY;
    }
    *out = node;
    return MINKE_OK;
}

static void free_texts(minke_node_t *node, minke_list_t *list)
{
    for (minke_list_t *item; (item = minke__list_pop(list)) != NULL;) {
        minke__free(&node->env, MINKE_CONTAINER(item, minke_node_text_t, siblings));
    }
}

/* Those that nobody has taken back. The streams of circuits have gone with their connections. */
static void free_carriers(minke_node_t *node)
{
    if (node->bytes == NULL) return;
    for (minke_connection_t id = 0; (id = minke__bytes_after(node->bytes, id)) != 0;) {
        minke_carrier_t *carrier = minke__node_take_carrier(node, id);
        if (carrier != NULL && carrier->circuit) minke__circuit_release(node, carrier);
    }
}

void minke__node_free(minke_node_t *node)
{
    if (node == NULL) return;
    minke__reservations_free(node);
    minke__dials_free(node);
    while (!minke__list_empty(&node->connections)) {
        minke__node_connection_free(node, MINKE_CONTAINER(node->connections.next, minke_node_connection_t, siblings));
    }
    free_texts(node, &node->protocols);
    free_texts(node, &node->limited);
    free_texts(node, &node->addresses);
    for (minke_list_t *item; (item = minke__list_pop(&node->notices)) != NULL;) {
        minke__free(&node->env, MINKE_CONTAINER(item, minke_node_notice_t, siblings));
    }
    minke__free(&node->env, node->noticed);
    minke__free(&node->env, node->texts);
    minke__signalling_free(node);
    free_carriers(node);
    minke__hop_free(node);
    minke__bytes_free(node->bytes);
    minke__map_free(&node->peers);
    minke__map_free(&node->below);
    minke__map_free(&node->signalled);
    minke__handles_free(&node->dials);
    minke__handles_free(&node->attempts);
    minke__heap_free(&node->timers);
    minke_transport_t *transport = node->transport;
    const minke_env_t env = node->env;
    minke__free(&env, node);
    minke_transport_free(transport);
}

void minke__node_close_all(minke_node_t *node, minke_time_t now)
{
    node->now = now;
    for (minke_list_t *item = node->connections.next; item != &node->connections; item = item->next) {
        const minke_node_connection_t *c = MINKE_CONTAINER(item, minke_node_connection_t, siblings);
        (void)minke__link_close(node, c->below, "the host is shutting down");
    }
}

/* ---- protocols and addresses ---- */

bool minke__node_has_text(const minke_list_t *list, const char *text, size_t len)
{
    for (const minke_list_t *item = list->next; item != list; item = item->next) {
        const minke_node_text_t *known = MINKE_CONTAINER(item, minke_node_text_t, siblings);
        if (known->len == len && memcmp(known->text, text, len) == 0) return true;
    }
    return false;
}

static int add_text(minke_node_t *node, minke_list_t *list, const char *text)
{
    const size_t len = strlen(text);
    if (minke__node_has_text(list, text, len)) return MINKE_OK;
    minke_node_text_t *item = minke__alloc(&node->env, sizeof *item + len + 1);
    if (item == NULL) return MINKE_ERROR_NO_MEMORY;
    item->len = len;
    memcpy(item->text, text, len + 1);
    minke__list_init(&item->siblings);
    minke__list_append(list, &item->siblings);
    return MINKE_OK;
}

/* Tells every peer that listens to pushes what has changed about us (spec/host.md 8). */
void minke__node_push_to_all(minke_node_t *node)
{
    minke_node_stream_t *s;
    for (minke_list_t *item = node->connections.next; item != &node->connections; item = item->next) {
        minke_node_connection_t *c = MINKE_CONTAINER(item, minke_node_connection_t, siblings);
        const minke_service_t *push = &minke__service_push_send;
        if (c->speaks_push) (void)minke__node_open_stream(node, c, push->protocol, push, &s);
    }
}

static bool is_protocol(const char *protocol)
{
    const size_t len = strlen(protocol);
    return len > 0 && len <= MINKE_PROTOCOL_MAX;
}

int minke__node_handle(minke_node_t *node, const char *protocol)
{
    const size_t len = strlen(protocol);
    if (!is_protocol(protocol)) return MINKE_ERROR_INVALID;
    if (minke__node_service_index(node, protocol, len) >= 0 || minke__node_has_text(&node->protocols, protocol, len)) {
        return MINKE_ERROR_EXISTS;
    }
    const int error = add_text(node, &node->protocols, protocol);
    if (error == MINKE_OK) minke__node_push_to_all(node);
    return error;
}

int minke__node_allow_limited(minke_node_t *node, const char *protocol)
{
    return is_protocol(protocol) ? add_text(node, &node->limited, protocol) : MINKE_ERROR_INVALID;
}

bool minke__node_may_be_limited(const minke_node_t *node, const char *protocol, size_t len)
{
    const int index = minke__node_service_index(node, protocol, len);
    if (index >= 0) return minke__node_service(node, (size_t)index)->on_limited;
    return minke__node_has_text(&node->limited, protocol, len);
}

int minke__node_listening(minke_node_t *node, const char *address, minke_time_t now)
{
    node->now = now;
    if (minke__node_has_text(&node->addresses, address, strlen(address))) return MINKE_OK;
    const int error = add_text(node, &node->addresses, address);
    if (error == MINKE_OK) minke__node_push_to_all(node);
    return error;
}

void minke__node_not_listening(minke_node_t *node, const char *address, minke_time_t now)
{
    node->now = now;
    for (minke_list_t *item = node->addresses.next; item != &node->addresses; item = item->next) {
        minke_node_text_t *known = MINKE_CONTAINER(item, minke_node_text_t, siblings);
        if (strcmp(known->text, address) != 0) continue;
        minke__list_remove(&known->siblings);
        minke__free(&node->env, known);
        minke__node_push_to_all(node);
        return;
    }
}

void minke__node_notify(minke_node_t *node, minke_event_type_t type, const char *address, const minke_close_t *close)
{
    minke_node_notice_t *notice = minke__alloc_zero(&node->env, sizeof *notice);
    if (notice == NULL) return;
    minke_writer_t w = minke__writer(notice->addr, sizeof notice->addr);
    minke__write_text(&w, address);
    minke__write_terminator(&w);
    notice->type = type;
    if (close != NULL) notice->close = *close;
    minke__list_init(&notice->siblings);
    minke__list_append(&node->notices, &notice->siblings);
}

/* ---- time ---- */

void minke__node_set_unix_time(minke_node_t *node, uint64_t seconds, minke_time_t now)
{
    node->unix_base = seconds;
    node->unix_base_at = now;
}

uint64_t minke__node_unix_time(const minke_node_t *node)
{
    return node->unix_base + (node->now - node->unix_base_at) / 1000000;
}

/* ---- timers ---- */

int minke__node_timer_init(minke_node_t *node, minke_node_timer_t *timer,
                           void (*fire)(minke_node_t *node, minke_node_timer_t *timer))
{
    if (minke__heap_reserve(&node->timers, node->timers_n + 1) < 0) return MINKE_ERROR_NO_MEMORY;
    node->timers_n++;
    *timer = (minke_node_timer_t){.fire = fire};
    return MINKE_OK;
}

void minke__node_timer_set(minke_node_t *node, minke_node_timer_t *timer, minke_time_t at)
{
    minke__heap_set(&node->timers, &timer->node, at);
}

void minke__node_timer_free(minke_node_t *node, minke_node_timer_t *timer)
{
    if (timer->fire == NULL) return;
    minke__heap_set(&node->timers, &timer->node, MINKE_TIME_NEVER);
    timer->fire = NULL;
    node->timers_n--;
}
