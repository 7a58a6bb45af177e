/* Listeners: from "listen on this" to addresses that can be dialled. */
#include <string.h>

#include "base/address.h"
#include "driver/host.h"

int minke_listen(minke_host_t *host, const char *multiaddr)
{
    minke_address_t address;
    int error = minke_address_parse(multiaddr, &address);
    if (error < 0) return error;
    minke_host_listener_t *listener = minke__alloc_zero(&host->node->env, sizeof *listener);
    if (listener == NULL) return MINKE_ERROR_NO_MEMORY;
    error = minke_transport_listen(host->node->transport, &address, &listener->socket);
    if (error < 0) {
        minke__free(&host->node->env, listener);
        return error;
    }
    memcpy(listener->addr, multiaddr, strlen(multiaddr)); /* it was parsed, so it fits */
    minke__list_init(&listener->siblings);
    minke__list_append(&host->listeners, &listener->siblings);
    return MINKE_OK;
}

int minke_announce(minke_host_t *host, const char *multiaddr)
{
    minke_address_t address;
    const int error = minke_address_parse(multiaddr, &address);
    if (error != MINKE_OK) return error;
    if (minke__address_is_unspecified(&address) || address.port == 0) return MINKE_ERROR_ADDRESS;
    if (host->announced_n == sizeof host->announced / sizeof host->announced[0]) return MINKE_ERROR_LIMIT;
    host->announced[host->announced_n++] = address;
    return MINKE_OK;
}

/* ---- notices ---- */

static minke_host_notice_t *new_notice(minke_host_t *host)
{
    minke_host_notice_t *notice = minke__alloc_zero(&host->node->env, sizeof *notice);
    if (notice == NULL) return NULL;
    minke__list_init(&notice->siblings);
    minke__list_append(&host->notices, &notice->siblings);
    return notice;
}

static void announce(minke_host_t *host, const minke_address_t *address)
{
    minke_host_notice_t *notice = new_notice(host);
    if (notice == NULL) return;
    if (minke_transport_address(host->node->transport, address, notice->addr, sizeof notice->addr) < 0) {
        minke__list_remove(&notice->siblings);
        minke__free(&host->node->env, notice);
        return;
    }
    (void)minke__node_listening(host->node, notice->addr, host->now);
}

static void announce_all(minke_host_t *host, const minke_address_t *bound)
{
    enum { INTERFACES_MAX = 32 };
    minke_address_t interfaces[INTERFACES_MAX];
    size_t of_this_family = 0;
    for (size_t i = 0; i < host->announced_n; i++) {
        if (host->announced[i].family != bound->family) continue;
        announce(host, &host->announced[i]);
        of_this_family++;
    }
    if (of_this_family > 0) return;
    if (!minke__address_is_unspecified(bound)) {
        announce(host, bound);
        return;
    }
    const size_t n = minke__interface_addresses(bound->family, interfaces, INTERFACES_MAX);
    for (size_t i = 0; i < n; i++) {
        interfaces[i].port = bound->port;
        announce(host, &interfaces[i]);
    }
}

static minke_host_listener_t *find(const minke_host_t *host, minke_socket_t socket)
{
    for (minke_list_t *item = host->listeners.next; item != &host->listeners; item = item->next) {
        minke_host_listener_t *listener = MINKE_CONTAINER(item, minke_host_listener_t, siblings);
        if (listener->socket == socket) return listener;
    }
    return NULL;
}

void minke__host_socket_opened(minke_host_t *host, minke_socket_t socket, const minke_address_t *bound)
{
    if (find(host, socket) != NULL) announce_all(host, bound);
}

bool minke__host_listener_failed(minke_host_t *host, minke_socket_t socket, const char *reason)
{
    minke_host_listener_t *listener = find(host, socket);
    if (listener == NULL) return false;
    minke_host_notice_t *notice = new_notice(host);
    if (notice != NULL) {
        minke_writer_t w = minke__writer(notice->reason, sizeof notice->reason);
        minke__write_text(&w, reason);
        minke__write_terminator(&w);
        memcpy(notice->addr, listener->addr, sizeof notice->addr);
        notice->failed = true;
    }
    minke__list_remove(&listener->siblings);
    minke__free(&host->node->env, listener);
    return true;
}

bool minke__host_notice(minke_host_t *host, minke_event_t *event)
{
    minke__free(&host->node->env, host->told);
    host->told = NULL;
    minke_list_t *item = minke__list_pop(&host->notices);
    if (item == NULL) return false;
    minke_host_notice_t *notice = MINKE_CONTAINER(item, minke_host_notice_t, siblings);
    host->told = notice;
    *event = (minke_event_t){.type = notice->failed ? MINKE_EVENT_LISTEN_FAILED : MINKE_EVENT_LISTENING,
                             .addr = notice->addr};
    if (notice->failed) {
        event->close = minke__close_reason(MINKE_LAYER_NETWORK, MINKE_ERROR_SYSTEM, notice->reason);
    }
    return true;
}

void minke__host_listeners_free(minke_host_t *host)
{
    for (minke_list_t *item; (item = minke__list_pop(&host->notices)) != NULL;) {
        minke__free(&host->node->env, MINKE_CONTAINER(item, minke_host_notice_t, siblings));
    }
    for (minke_list_t *item; (item = minke__list_pop(&host->listeners)) != NULL;) {
        minke__free(&host->node->env, MINKE_CONTAINER(item, minke_host_listener_t, siblings));
    }
    minke__free(&host->node->env, host->told);
    host->told = NULL;
}
