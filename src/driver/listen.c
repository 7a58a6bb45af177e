/* Listeners: from "listen on this" to addresses that can be dialled. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "driver/clock.h"
#include "driver/host.h"
#include "driver/tcp.h"
#include "host/reservation.h"
#include "webrtc/endpoint.h"

static minke_host_listener_t *new_listener(minke_host_t *host, minke_target_kind_t kind, const char *multiaddr)
{
    minke_host_listener_t *listener = minke__alloc_zero(&host->node->env, sizeof *listener);
    if (listener == NULL) return NULL;
    listener->kind = kind;
    listener->watch.fd = -1;
    memcpy(listener->addr, multiaddr, strlen(multiaddr)); /* it was parsed, so it fits */
    minke__list_init(&listener->siblings);
    minke__list_append(&host->listeners, &listener->siblings);
    return listener;
}

static void free_listener(minke_host_t *host, minke_host_listener_t *listener)
{
    minke__watch_remove(host, &listener->watch);
    if (listener->watch.fd >= 0) (void)close(listener->watch.fd);
    minke__list_remove(&listener->siblings);
    minke__free(&host->node->env, listener);
}

/* ---- which addresses ---- */

static void announce(minke_host_t *host, const char *address)
{
    if (address[0] == 0) return;
    minke__node_notify(host->node, MINKE_EVENT_LISTENING, address, NULL);
    (void)minke__node_listening(host->node, address, host->now);
}

static void announce_ip(minke_host_t *host, minke_target_kind_t kind, const minke_address_t *address)
{
    char text[MINKE_MULTIADDR_TEXT_BYTES] = "";
    minke_multiaddr_t binary;
    const minke_peer_id_t *self = minke__identity_peer_id(host->node->transport->identity);
    if (kind == MINKE_TARGET_DIRECT) {
        if (minke_transport_address(host->node->transport, address, text, sizeof text) < 0) return;
    } else if (minke__target_write(kind, address, self, &binary) < 0 ||
               minke__multiaddr_text(&binary, text, sizeof text) < 0) {
        return;
    }
    announce(host, text);
}

/* A WebSocket announced with TLS has a proxy in front that does it. */
static bool stands_for(const minke_host_announced_t *announced, minke_target_kind_t kind, uint8_t family)
{
    const minke_target_kind_t stands = announced->target.kind;
    const bool same = stands == kind || (kind == MINKE_TARGET_WEBSOCKET && stands == MINKE_TARGET_WEBSOCKET_TLS);
    const uint8_t own = announced->target.address.family;
    return same && (own == family || own == MINKE_FAMILY_NONE);
}

static void announce_as_told(minke_host_t *host, const minke_host_announced_t *announced)
{
    char text[MINKE_MULTIADDR_TEXT_BYTES] = "";
    minke_multiaddr_t address = announced->address;
    const minke_peer_id_t *self = minke__identity_peer_id(host->node->transport->identity);
    if (announced->target.kind == MINKE_TARGET_DIRECT && announced->target.name[0] == 0) {
        announce_ip(host, MINKE_TARGET_DIRECT, &announced->target.address); /* with our certhash */
        return;
    }
    if (announced->target.peer.len == 0 &&
        minke__multiaddr_append(&address, MINKE_MULTIADDR_P2P, self->bytes, self->len) < 0)
        return;
    if (minke__multiaddr_text(&address, text, sizeof text) > 0) announce(host, text);
}

static void announce_all(minke_host_t *host, minke_target_kind_t kind, const minke_address_t *bound)
{
    enum { INTERFACES_MAX = 32 };
    minke_address_t interfaces[INTERFACES_MAX];
    size_t told = 0;
    for (size_t i = 0; i < host->announced_n; i++) {
        if (!stands_for(&host->announced[i], kind, bound->family)) continue;
        announce_as_told(host, &host->announced[i]);
        told++;
    }
    if (told > 0) return;
    if (!minke__address_is_unspecified(bound)) {
        announce_ip(host, kind, bound);
        return;
    }
    const size_t n = minke__interface_addresses(bound->family, interfaces, INTERFACES_MAX);
    for (size_t i = 0; i < n; i++) {
        interfaces[i].port = bound->port;
        announce_ip(host, kind, &interfaces[i]);
    }
}

int minke_announce(minke_host_t *host, const char *multiaddr)
{
    minke_host_announced_t announced;
    const int error = minke__target_parse_text(multiaddr, &announced.address, &announced.target);
    if (error != MINKE_OK) return error;
    const bool by_name = announced.target.name[0] != 0;
    if (announced.target.circuit || announced.target.kind == MINKE_TARGET_UNKNOWN) return MINKE_ERROR_ADDRESS;
    if (announced.target.address.port == 0) return MINKE_ERROR_ADDRESS;
    if (!by_name && minke__address_is_unspecified(&announced.target.address)) return MINKE_ERROR_ADDRESS;
    if (host->announced_n == sizeof host->announced / sizeof host->announced[0]) return MINKE_ERROR_LIMIT;
    host->announced[host->announced_n++] = announced;
    return MINKE_OK;
}

/* ---- webrtc-direct: the transport asks for the socket ---- */

static int listen_direct(minke_host_t *host, const minke_address_t *address, const char *multiaddr)
{
    minke_host_listener_t *listener = new_listener(host, MINKE_TARGET_DIRECT, multiaddr);
    if (listener == NULL) return MINKE_ERROR_NO_MEMORY;
    const int error = minke_transport_listen(host->node->transport, address, &listener->socket);
    if (error < 0) free_listener(host, listener);
    return error;
}

static minke_host_listener_t *find(const minke_host_t *host, minke_socket_t socket)
{
    for (minke_list_t *item = host->listeners.next; item != &host->listeners; item = item->next) {
        minke_host_listener_t *listener = MINKE_CONTAINER(item, minke_host_listener_t, siblings);
        if (listener->kind == MINKE_TARGET_DIRECT && listener->socket == socket) return listener;
    }
    return NULL;
}

void minke__host_socket_opened(minke_host_t *host, minke_socket_t socket, const minke_address_t *bound)
{
    if (find(host, socket) != NULL) announce_all(host, MINKE_TARGET_DIRECT, bound);
}

static void tell_failure(minke_host_t *host, const char *addr, const char *reason)
{
    const minke_close_t close = minke__close_reason(MINKE_LAYER_NETWORK, MINKE_ERROR_SYSTEM, reason);
    minke__node_notify(host->node, MINKE_EVENT_LISTEN_FAILED, addr, &close);
}

bool minke__host_listener_failed(minke_host_t *host, minke_socket_t socket, const char *reason)
{
    minke_host_listener_t *listener = find(host, socket);
    if (listener == NULL) return false;
    tell_failure(host, listener->addr, reason);
    free_listener(host, listener);
    return true;
}

/* ---- TCP and WebSocket ---- */

/* Without a descriptor to spare nobody can be taken in, and the listener would stay readable for ever: it looks away
 * until some connection has gone, or for a second, since whoever holds the descriptors need not be one of ours. */
static void on_listener_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events)
{
    enum { ACCEPTS_PER_TURN = 64, LOOK_AWAY = 1000000 };
    const minke_host_listener_t *listener = MINKE_CONTAINER(watch, minke_host_listener_t, watch);
    minke_address_t remote;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        const int fd = minke__tcp_accept(watch->fd, &remote);
        if (fd == MINKE_ERROR_AGAIN) return;
        if (fd >= 0) {
            minke__carrier_accept(host, fd, listener->kind, &remote);
            continue;
        }
        if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) continue;
        host->node->env.counters->connections_refused++;
        minke__watch_change(host, watch, 0);
        host->look_again_at = host->now + LOOK_AWAY;
        return;
    }
}

void minke__host_listeners_look_again(minke_host_t *host)
{
    if (host->look_again_at == MINKE_TIME_NEVER) return;
    host->look_again_at = MINKE_TIME_NEVER;
    for (minke_list_t *item = host->listeners.next; item != &host->listeners; item = item->next) {
        minke__watch_change(host, &MINKE_CONTAINER(item, minke_host_listener_t, siblings)->watch, EPOLLIN);
    }
}

static int listen_tcp(minke_host_t *host, const minke_target_t *target, const char *multiaddr)
{
    minke_address_t bound;
    minke_host_listener_t *listener = new_listener(host, target->kind, multiaddr);
    if (listener == NULL) return MINKE_ERROR_NO_MEMORY;
    const int fd = minke__tcp_listen(&target->address, &bound);
    listener->watch = (minke_watch_t){.fd = fd, .ready = on_listener_ready};
    if (fd < 0 || minke__watch_add(host, &listener->watch, fd, EPOLLIN) < 0) {
        tell_failure(host, multiaddr, strerror(errno));
        free_listener(host, listener);
        return MINKE_OK;
    }
    announce_all(host, target->kind, &bound);
    return MINKE_OK;
}

/* ---- all of them ---- */

int minke_listen(minke_host_t *host, const char *multiaddr)
{
    minke_target_t target;
    const int error = minke__target_parse_text(multiaddr, NULL, &target);
    if (error < 0) return error;
    host->now = minke__clock_now();
    if (target.circuit) return minke__node_reserve(host->node, multiaddr, host->now);
    if (target.name[0] != 0) return MINKE_ERROR_ADDRESS;
    switch (target.kind) {
    case MINKE_TARGET_DIRECT: return listen_direct(host, &target.address, multiaddr);
    case MINKE_TARGET_TCP:
    case MINKE_TARGET_WEBSOCKET: return listen_tcp(host, &target, multiaddr);
    case MINKE_TARGET_WEBSOCKET_TLS: /* a proxy's business: it has the certificate */
    case MINKE_TARGET_UNKNOWN: break;
    }
    return MINKE_ERROR_ADDRESS;
}

void minke__host_listeners_free(minke_host_t *host)
{
    for (minke_list_t *item; (item = host->listeners.next) != &host->listeners;) {
        free_listener(host, MINKE_CONTAINER(item, minke_host_listener_t, siblings));
    }
}
