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
enum { READS_PER_TURN = 32, BYTES_PER_TURN = 96 << 10 };

/* Of all that a host may hold, what it reads to is a small part. */
enum { INBOX_PART = 32 };
_Static_assert((int)MINKE_UDP_INBOX_LEAST >= (int)MINKE_HOST_IN_BYTES, "other sockets read to the same place");

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
    host->udp_batching = chosen.udp_batching;
    host->spin_after = chosen.spin_us;
    if (host->epoll < 0 || minke__outbox_init(&host->outbox, &node->env) < 0 ||
        minke__udp_inbox_init(&host->inbox, &node->env, chosen.transport.memory_max / INBOX_PART) < 0 ||
        copy_text(&node->env, chosen.ca_file, &host->ca_file) < 0 ||
        copy_text(&node->env, chosen.dns_servers, &host->dns_servers) < 0) {
        minke_host_free(host);
        return NULL;
    }
    host->in = host->inbox.bytes;
    return host;
}

minke_host_socket_t *minke__host_socket(const minke_host_t *host, minke_socket_t id)
{
    minke_map_node_t *node = minke__map_first(&host->sockets, id);
    return node != NULL ? MINKE_CONTAINER(node, minke_host_socket_t, by_id) : NULL;
}

void minke__host_close_socket(minke_host_t *host, minke_host_socket_t *s)
{
    minke__outbox_forget(&host->outbox, s->id);
    minke__watch_remove(host, &s->watch);
    minke__udp_close(&s->udp);
    minke__map_remove(&host->sockets, &s->by_id);
    minke__free(&host->node->env, s);
}

void minke_host_free(minke_host_t *host)
{
    if (host == NULL) return;
    host->now = minke__clock_now();
    if (host->in != NULL) {
        minke__node_close_all(host->node, host->now);
        minke__host_transmit(host);
    }
    for (minke_map_node_t *item; (item = minke__map_any(&host->sockets)) != NULL;) {
        minke__host_close_socket(host, MINKE_CONTAINER(item, minke_host_socket_t, by_id));
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
    minke__outbox_free(&host->outbox, &node->env);
    minke__udp_inbox_free(&host->inbox, &node->env);
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
    if (minke__udp_open(&s->udp, address, host->udp_batching) < 0) {
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
        minke__host_close_socket(host, s);
        errno = error;
        return MINKE_ERROR_SYSTEM;
    }
    const minke_address_t bound = s->udp.bound;
    const minke_connection_state_t *owner = minke__endpoint_socket_owner(host->node->transport, id);
    if (owner != NULL && owner->private_part != NULL) read_interfaces(host);
    if (minke_transport_socket_opened(host->node->transport, id, &bound, host->now) < 0) {
        minke__host_close_socket(host, s);
        return MINKE_OK;
    }
    minke__host_socket_opened(host, id, &bound);
    return MINKE_OK;
}

void minke__host_open_socket(minke_host_t *host, const minke_transport_event_t *event)
{
    if (add_socket(host, event->socket, &event->address) == MINKE_OK) return;
    const char *reason = strerror(errno);
    (void)minke__host_listener_failed(host, event->socket, reason);
    minke_transport_socket_failed(host->node->transport, event->socket, reason, host->now);
}

/* ---- out ---- */

/* Byte connections first: a circuit of theirs makes something to send for the transport. */
void minke__host_transmit(minke_host_t *host)
{
    minke__carriers_transmit(host);
    minke__outbox_transmit(host);
}

/* ---- in ---- */

/* One call of the system. False: there is nothing, or the socket is gone. */
static bool receive_some(minke_host_t *host, minke_socket_t id, size_t *bytes)
{
    minke_host_socket_t *s = minke__host_socket(host, id);
    bool drained;
    if (s == NULL) return false;
    const int result = minke__udp_recv(&s->udp, &host->inbox, &drained);
    if (result < 0) return result != MINKE_ERROR_AGAIN; /* an ICMP error of an earlier send, for one */
    for (size_t i = 0; i < host->inbox.trains_n; i++) {
        minke_routed_train_t *arrived = &host->inbox.trains[i];
        arrived->path.socket = id;
        *bytes += arrived->train.len;
        (void)minke_transport_recv(host->node->transport, &arrived->train, &arrived->path, host->now);
    }
    return !drained;
}

static void receive(minke_host_t *host, minke_socket_t id)
{
    size_t bytes = 0;
    bool more = true;
    for (int reads = 0; more && reads < READS_PER_TURN && bytes < BYTES_PER_TURN; reads++) {
        more = receive_some(host, id, &bytes);
    }
    host->received_bytes += bytes;
}

static void on_udp_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events)
{
    const minke_host_socket_t *s = MINKE_CONTAINER(watch, minke_host_socket_t, watch);
    const minke_socket_t id = s->id;
    if ((events & EPOLLOUT) != 0) minke__outbox_resume(host);
    if ((events & (uint32_t)~EPOLLOUT) != 0) receive(host, id);
}

/* ---- calls that the node does ----
 *
 * A foreign loop may make them long after the last minke_poll: they read the clock themselves. */

/* When bytes are written and consumed: nothing that they start is exact to a few milliseconds, and time never goes
 * back. */
static minke_time_t lately(const minke_host_t *host)
{
    const minke_time_t now = minke__clock_lately();
    return now > host->now ? now : host->now;
}

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
    return minke__node_write(host->node, stream, data, len, lately(host));
}

ssize_t minke_stream_peek(minke_host_t *host, minke_stream_t stream, const uint8_t **data)
{
    return minke__node_peek(host->node, stream, data);
}

int minke_stream_consume(minke_host_t *host, minke_stream_t stream, size_t len)
{
    return minke__node_consume(host->node, stream, len, lately(host));
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
