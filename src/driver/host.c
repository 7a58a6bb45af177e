#define _GNU_SOURCE
#include "driver/host.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "driver/clock.h"
#include "host/hop.h"
#include "webrtc/endpoint.h"

/* A turn ends at either limit: what it took in is consumed, its memory used again and its SACK sent while all of it is
 * still in the cache. */
enum { IN_BYTES = MINKE_HOST_IN_BYTES, READS_PER_TURN = 32, BYTES_PER_TURN = 96 << 10 };

const char *minke_version(void) { return MINKE_VERSION; }

void minke_host_defaults(minke_host_options_t *options)
{
    *options = (minke_host_options_t){.size = sizeof *options, .agent = "minke/" MINKE_VERSION, .identify = true};
    options->relay = minke__relay_options_defaults();
    minke_transport_defaults(&options->transport);
    options->transport.mtu_max = 1500;
}

/* ---- making and freeing ---- */

static int copy_text(const minke_env_t *env, const char *text, char **copy)
{
    if (text == NULL) return MINKE_OK;
    const size_t bytes = strlen(text) + 1;
    *copy = minke__alloc(env, bytes);
    if (*copy == NULL) return MINKE_ERROR_NO_MEMORY;
    memcpy(*copy, text, bytes);
    return MINKE_OK;
}

/* What private connections offer: no wildcard stands for them. */
static void read_interfaces(minke_host_t *host)
{
    enum { OF_FAMILY_MAX = 8 };
    minke_address_t all[2 * OF_FAMILY_MAX];
    size_t n = minke__interface_addresses(MINKE_FAMILY_IP6, all, OF_FAMILY_MAX);
    n += minke__interface_addresses(MINKE_FAMILY_IP4, all + n, OF_FAMILY_MAX);
    minke_transport_local_addresses(host->node->transport, all, n);
}

minke_host_t *minke_host_new(const minke_host_options_t *options)
{
    minke_host_options_t chosen;
    minke_host_defaults(&chosen);
    if (options != NULL && options->size != sizeof chosen) return NULL;
    if (options != NULL) chosen = *options;
    minke_node_t *node;
    if (minke__node_new(&chosen, minke__clock_now(), &node) < 0) return NULL;
    minke_host_t *host = minke__alloc_zero(&node->env, sizeof *host);
    if (host == NULL) {
        minke__node_free(node);
        return NULL;
    }
    host->node = node;
    host->now = host->started_at = minke__clock_now();
    host->started_at_s = minke__clock_wall();
    host->relay_limits = chosen.relay;
    minke__node_set_unix_time(node, host->started_at_s, host->now);
    minke__map_init(&host->sockets, &node->env);
    minke__map_init(&host->attempts, &node->env);
    minke__handles_init(&host->watches, &node->env);
    minke__list_init(&host->listeners);
    read_interfaces(host);
    minke__list_init(&host->carriers);
    host->look_again_at = MINKE_TIME_NEVER;
    host->epoll = epoll_create1(EPOLL_CLOEXEC);
    host->out = minke__alloc(&node->env, MINKE_TRAIN_BYTES);
    host->in = minke__alloc(&node->env, IN_BYTES);
    if (host->epoll < 0 || host->out == NULL || host->in == NULL ||
        copy_text(&node->env, chosen.ca_file, &host->ca_file) < 0 ||
        copy_text(&node->env, chosen.dns_servers, &host->dns_servers) < 0) {
        minke_host_free(host);
        return NULL;
    }
    return host;
}

static minke_host_socket_t *find_socket(const minke_host_t *host, minke_socket_t id)
{
    minke_map_node_t *node = minke__map_first(&host->sockets, id);
    return node != NULL ? MINKE_CONTAINER(node, minke_host_socket_t, by_id) : NULL;
}

static void free_socket(minke_host_t *host, minke_host_socket_t *s)
{
    if (host->unsent.len > 0 && host->unsent_path.socket == s->id) host->unsent.len = 0;
    minke__watch_remove(host, &s->watch);
    minke__udp_close(&s->udp);
    minke__map_remove(&host->sockets, &s->by_id);
    minke__free(&host->node->env, s);
}

static void transmit(minke_host_t *host);

void minke_host_free(minke_host_t *host)
{
    if (host == NULL) return;
    host->now = minke__clock_now();
    if (host->out != NULL && host->in != NULL) {
        minke__node_close_all(host->node, host->now);
        transmit(host);
    }
    for (minke_map_node_t *item; (item = minke__map_any(&host->sockets)) != NULL;) {
        free_socket(host, MINKE_CONTAINER(item, minke_host_socket_t, by_id));
    }
    minke__map_free(&host->sockets);
    minke__metrics_free(host);
    minke__host_listeners_free(host);
    minke__carriers_free(host);
    minke__names_free(host);
    minke__tls_context_free(host->trust);
    minke__map_free(&host->attempts);
    minke__handles_free(&host->watches);
    minke_node_t *node = host->node;
    if (host->epoll >= 0) (void)close(host->epoll);
    minke__free(&node->env, host->out);
    minke__free(&node->env, host->in);
    minke__free(&node->env, host->piece);
    minke__free(&node->env, host->ca_file);
    minke__free(&node->env, host->dns_servers);
    minke__free(&node->env, host);
    minke__node_free(node);
}

/* ---- sockets that the transport asks for ---- */

static void on_udp_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events);

static int add_socket(minke_host_t *host, minke_socket_t id, const minke_address_t *address)
{
    minke_host_socket_t *s = minke__alloc_zero(&host->node->env, sizeof *s);
    if (s == NULL) {
        errno = ENOMEM;
        return MINKE_ERROR_SYSTEM;
    }
    if (minke__udp_open(&s->udp, address) < 0) {
        minke__free(&host->node->env, s);
        return MINKE_ERROR_SYSTEM;
    }
    s->id = id;
    if (minke__map_insert(&host->sockets, &s->by_id, id) < 0) {
        minke__udp_close(&s->udp);
        minke__free(&host->node->env, s);
        errno = ENOMEM;
        return MINKE_ERROR_SYSTEM;
    }
    s->watch.ready = on_udp_ready;
    if (minke__watch_add(host, &s->watch, s->udp.fd, EPOLLIN) < 0) {
        const int error = errno;
        free_socket(host, s);
        errno = error;
        return MINKE_ERROR_SYSTEM;
    }
    const minke_address_t bound = s->udp.bound;
    const minke_connection_state_t *owner = minke__endpoint_socket_owner(host->node->transport, id);
    if (owner != NULL && owner->private_part != NULL) read_interfaces(host);
    if (minke_transport_socket_opened(host->node->transport, id, &bound, host->now) < 0) {
        free_socket(host, s);
        return MINKE_OK;
    }
    minke__host_socket_opened(host, id, &bound);
    return MINKE_OK;
}

static void open_socket(minke_host_t *host, const minke_transport_event_t *event)
{
    if (add_socket(host, event->socket, &event->address) == MINKE_OK) return;
    const char *reason = strerror(errno);
    (void)minke__host_listener_failed(host, event->socket, reason);
    minke_transport_socket_failed(host->node->transport, event->socket, reason, host->now);
}

/* ---- out ---- */

static void wait_for_room(minke_host_t *host, minke_host_socket_t *s, bool wanted)
{
    minke__watch_change(host, &s->watch, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* False: the socket has no room, and will say when it has. */
static bool send_train(minke_host_t *host, const minke_train_t *train, const minke_path_t *path)
{
    minke_host_socket_t *s = find_socket(host, path->socket);
    if (s == NULL) return true;
    const minke_fragmentation_t fragmentation = minke_transport_fragmentation(host->node->transport);
    if (fragmentation != MINKE_FRAGMENT_USUAL) minke__udp_fragment(&s->udp, fragmentation);
    const size_t done = minke__udp_send(&s->udp, train, path);
    if (fragmentation != MINKE_FRAGMENT_USUAL) minke__udp_fragment(&s->udp, MINKE_FRAGMENT_USUAL);
    if (s->udp.too_large > 0) minke_transport_too_large(host->node->transport, path, s->udp.too_large, host->now);
    if (s->udp.no_way != 0) {
        minke_transport_unreachable(host->node->transport, path, strerror(s->udp.no_way), host->now);
    }
    if (done == train->len) return true;
    host->unsent = (minke_train_t){train->data + done, train->len - done, train->segment_len};
    host->unsent_path = *path;
    wait_for_room(host, s, true);
    return false;
}

static void send_unsent(minke_host_t *host)
{
    const minke_train_t train = host->unsent;
    const minke_path_t path = host->unsent_path;
    minke_host_socket_t *s = find_socket(host, path.socket);
    host->unsent.len = 0;
    if (s != NULL && send_train(host, &train, &path)) wait_for_room(host, s, false);
}

static void transmit_trains(minke_host_t *host)
{
    minke_train_t train;
    minke_path_t path;
    if (host->unsent.len > 0) return;
    while (minke_transport_transmit(host->node->transport, host->out, MINKE_TRAIN_BYTES, &train, &path, host->now) >
           0) {
        if (!send_train(host, &train, &path)) return;
    }
}

/* Byte connections first: a circuit of theirs makes something to send for the transport. */
static void transmit(minke_host_t *host)
{
    minke__carriers_transmit(host);
    transmit_trains(host);
}

/* ---- in ---- */

static void receive(minke_host_t *host, minke_socket_t id)
{
    minke_train_t train;
    minke_path_t path;
    size_t bytes = 0;
    for (int reads = 0; reads < READS_PER_TURN && bytes < BYTES_PER_TURN; reads++) {
        minke_host_socket_t *s = find_socket(host, id);
        if (s == NULL) return;
        const int result = minke__udp_recv(&s->udp, host->in, IN_BYTES, &train, &path);
        if (result == MINKE_ERROR_AGAIN) return;
        if (result < 0) continue; /* an ICMP error of an earlier send, for one */
        path.socket = id;
        bytes += train.len;
        (void)minke_transport_recv(host->node->transport, &train, &path, host->now);
    }
}

static void on_udp_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events)
{
    const minke_host_socket_t *s = MINKE_CONTAINER(watch, minke_host_socket_t, watch);
    const minke_socket_t id = s->id;
    if ((events & EPOLLOUT) != 0 && host->unsent.len > 0) send_unsent(host);
    if ((events & (uint32_t)~EPOLLOUT) != 0) receive(host, id);
}

/* ---- events ---- */

static void serve(minke_host_t *host, const minke_node_request_t *request)
{
    switch (request->type) {
    case MINKE_REQUEST_RESOLVE: minke__names_resolve(host, request); break;
    case MINKE_REQUEST_CONNECT: minke__carrier_connect(host, request); break;
    case MINKE_REQUEST_CANCEL:
        minke__names_cancel(host, request->attempt);
        minke__carrier_cancel(host, request->attempt);
        break;
    case MINKE_REQUEST_RELEASE: minke__carrier_release(host, request->carrier); break;
    case MINKE_REQUEST_NONE: break;
    }
}

static bool next_event(minke_host_t *host, minke_event_t *event)
{
    minke_transport_event_t from;
    minke_node_request_t request;
    for (;;) {
        while (minke__node_request(host->node, &request, host->now)) serve(host, &request);
        if (minke__node_own_event(host->node, event, host->now)) return true;
        if (minke__node_has_request(host->node)) continue;
        if (!minke_transport_event(host->node->transport, &from)) return false;
        if (from.type == MINKE_TRANSPORT_SOCKET_OPEN) {
            open_socket(host, &from);
        } else if (from.type == MINKE_TRANSPORT_SOCKET_CLOSE) {
            minke_host_socket_t *s = find_socket(host, from.socket);
            if (s != NULL) free_socket(host, s);
        } else if (minke__node_event(host->node, &from, event, host->now)) {
            return true;
        }
    }
}

int minke_poll(minke_host_t *host, minke_event_t *event)
{
    host->now = minke__clock_now();
    minke__node_set_unix_time(host->node, minke__clock_wall(), host->now);
    if (next_event(host, event)) return MINKE_OK;
    transmit(host);
    minke__watch_serve(host);
    minke_transport_tick(host->node->transport, host->now);
    minke__node_tick(host->node, host->now);
    minke__names_tick(host);
    if (host->now >= host->look_again_at) minke__host_listeners_look_again(host);
    minke__metrics_tick(host);
    bool found = next_event(host, event);
    transmit(host);
    if (!found) found = next_event(host, event); /* sending makes room, or finds that there is no way for a dial */
    return found ? MINKE_OK : MINKE_ERROR_AGAIN;
}

int minke_fd(const minke_host_t *host) { return host->epoll; }

/* Something is to be told or sent that no descriptor and no deadline would bring up. */
static bool is_busy(const minke_host_t *host)
{
    const minke_transport_t *t = host->node->transport;
    return minke__node_is_busy(host->node) || !minke__list_empty(&t->sockets_to_tell) ||
           !minke__list_empty(&t->to_tell) || (!minke__list_empty(&t->to_send) && host->unsent.len == 0);
}

static minke_time_t deadline(const minke_host_t *host, minke_time_t now)
{
    const minke_time_t all[] = {minke_transport_deadline(host->node->transport), minke__node_deadline(host->node),
                                minke__names_deadline(host, now), minke__metrics_deadline(host), host->look_again_at};
    minke_time_t at = all[0];
    for (size_t i = 1; i < sizeof all / sizeof all[0]; i++) at = all[i] < at ? all[i] : at;
    return at;
}

int minke_timeout(const minke_host_t *host)
{
    if (is_busy(host)) return 0;
    const minke_time_t now = minke__clock_now(), at = deadline(host, now);
    if (at == MINKE_TIME_NEVER) return -1;
    if (at <= now) return 0;
    const minke_time_t ms = (at - now + 999) / 1000;
    return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

static int shorter(int a, int b)
{
    if (a < 0) return b;
    return b < 0 || a < b ? a : b;
}

int minke_wait(minke_host_t *host, minke_event_t *event, int timeout_ms)
{
    const minke_time_t until =
        timeout_ms >= 0 ? minke__clock_now() + (minke_time_t)timeout_ms * 1000 : MINKE_TIME_NEVER;
    for (;;) {
        if (minke_poll(host, event) == MINKE_OK) return MINKE_OK;
        const minke_time_t now = minke__clock_now();
        if (now >= until) return MINKE_ERROR_TIMEOUT;
        const int left = until == MINKE_TIME_NEVER ? -1 : (int)((until - now + 999) / 1000);
        struct epoll_event ready;
        /* Level-triggered: what is ready here is found again by minke_poll. */
        if (epoll_wait(host->epoll, &ready, 1, shorter(left, minke_timeout(host))) < 0) {
            return errno == EINTR ? MINKE_ERROR_AGAIN : MINKE_ERROR_SYSTEM;
        }
    }
}

/* ---- calls that the node does ----
 *
 * A foreign loop may make them long after the last minke_poll: they read the clock themselves. */

int minke_handle(minke_host_t *host, const char *protocol) { return minke__node_handle(host->node, protocol); }

int minke_allow_limited(minke_host_t *host, const char *protocol)
{
    return minke__node_allow_limited(host->node, protocol);
}

int minke_dial(minke_host_t *host, const char *multiaddr, int version, minke_connection_t *connection)
{
    return minke_dial_any(host, &multiaddr, 1, version, connection);
}

int minke_dial_any(minke_host_t *host, const char *const *multiaddrs, size_t count, int version,
                   minke_connection_t *connection)
{
    host->now = minke__clock_now();
    return minke__node_dial(host->node, multiaddrs, count, version, host->now, connection);
}

int minke_close(minke_host_t *host, minke_connection_t connection)
{
    return minke__node_close(host->node, connection, minke__clock_now());
}

int minke_open(minke_host_t *host, minke_connection_t connection, const char *protocol, minke_stream_t *stream)
{
    return minke__node_open(host->node, connection, protocol, minke__clock_now(), stream);
}

ssize_t minke_stream_write(minke_host_t *host, minke_stream_t stream, const void *data, size_t len)
{
    return minke__node_write(host->node, stream, data, len, minke__clock_now());
}

ssize_t minke_stream_peek(minke_host_t *host, minke_stream_t stream, const uint8_t **data)
{
    return minke__node_peek(host->node, stream, data);
}

int minke_stream_consume(minke_host_t *host, minke_stream_t stream, size_t len)
{
    return minke__node_consume(host->node, stream, len, minke__clock_now());
}

int minke_stream_finish(minke_host_t *host, minke_stream_t stream)
{
    return minke__node_finish(host->node, stream, minke__clock_now());
}

int minke_stream_reset(minke_host_t *host, minke_stream_t stream, uint32_t code)
{
    return minke__node_reset(host->node, stream, code, minke__clock_now());
}

int minke_stream_stop(minke_host_t *host, minke_stream_t stream, uint32_t code)
{
    return minke__node_stop(host->node, stream, code, minke__clock_now());
}

int minke_identify_get(minke_host_t *host, minke_connection_t connection, minke_identify_info_t *info)
{
    return minke__node_identify_get(host->node, connection, info);
}

void minke_self(const minke_host_t *host, char text[MINKE_PEER_BYTES])
{
    minke_transport_self(host->node->transport, text);
}

static int set_user(void **place, void *user)
{
    if (place == NULL) return MINKE_ERROR_STALE;
    *place = user;
    return MINKE_OK;
}

int minke_stream_set_user(minke_host_t *host, minke_stream_t stream, void *user)
{
    return set_user(minke__node_stream_user(host->node, stream), user);
}

void *minke_stream_user(const minke_host_t *host, minke_stream_t stream)
{
    void **place = minke__node_stream_user(host->node, stream);
    return place != NULL ? *place : NULL;
}

int minke_connection_set_user(minke_host_t *host, minke_connection_t connection, void *user)
{
    return set_user(minke__node_connection_user(host->node, connection), user);
}

void *minke_connection_user(const minke_host_t *host, minke_connection_t connection)
{
    void **place = minke__node_connection_user(host->node, connection);
    return place != NULL ? *place : NULL;
}

int minke_peer(const minke_host_t *host, minke_connection_t connection, char text[MINKE_PEER_BYTES])
{
    return minke__node_peer(host->node, connection, text);
}

size_t minke_connections(const minke_host_t *host, minke_connection_t *connections, size_t capacity)
{
    return minke__node_connections(host->node, connections, capacity);
}

void minke_tap(minke_host_t *host, const minke_tap_t *tap) { minke_transport_tap(host->node->transport, tap); }

int minke_stats(const minke_host_t *host, minke_connection_t connection, minke_connection_stats_t *stats)
{
    return minke__node_stats(host->node, connection, stats);
}

const minke_relay_statistics_t *minke_relay_stats(const minke_host_t *host)
{
    return host->node->hop != NULL ? minke__hop_statistics(host->node->hop) : NULL;
}

size_t minke_memory(const minke_host_t *host) { return minke_transport_memory(host->node->transport); }

const minke_counters_t *minke_counters(const minke_host_t *host)
{
    return minke_transport_counters(host->node->transport);
}
