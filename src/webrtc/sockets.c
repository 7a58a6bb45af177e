/* The sockets that a transport asks its caller for: listeners, and one for every attempt of a dial. */
#include "base/address.h"
#include "webrtc/dial.h"
#include "webrtc/private.h"

static minke_endpoint_socket_t *find(const minke_transport_t *t, minke_socket_t id)
{
    minke_map_node_t *node = minke__map_first(&t->sockets, id);
    return node != NULL ? MINKE_CONTAINER(node, minke_endpoint_socket_t, by_id) : NULL;
}

minke_endpoint_socket_t *minke__endpoint_socket_new(minke_transport_t *t, const minke_address_t *address,
                                                    minke_connection_t dial)
{
    minke_endpoint_socket_t *s = minke__alloc_zero(&t->env, sizeof *s);
    if (s == NULL) return NULL;
    s->id = t->last_socket + 1;
    if (minke__map_insert(&t->sockets, &s->by_id, s->id) < 0) {
        minke__free(&t->env, s);
        return NULL;
    }
    t->last_socket = s->id;
    s->address = *address;
    s->dial = dial;
    minke__list_init(&s->to_tell);
    minke__list_append(&t->sockets_to_tell, &s->to_tell);
    return s;
}

bool minke__endpoint_listens(const minke_transport_t *t, minke_socket_t id)
{
    const minke_endpoint_socket_t *s = find(t, id);
    return s != NULL && s->dial == 0;
}

minke_connection_state_t *minke__endpoint_socket_owner(const minke_transport_t *t, minke_socket_t id)
{
    const minke_endpoint_socket_t *s = find(t, id);
    return s != NULL && s->dial != 0 ? minke__endpoint_connection(t, s->dial) : NULL;
}

static void free_socket(minke_transport_t *t, minke_endpoint_socket_t *s)
{
    minke__map_remove(&t->sockets, &s->by_id);
    minke__list_remove(&s->to_tell);
    minke__free(&t->env, s);
}

void minke__endpoint_sockets_free(minke_transport_t *t)
{
    for (minke_map_node_t *node; (node = minke__map_any(&t->sockets)) != NULL;) {
        free_socket(t, MINKE_CONTAINER(node, minke_endpoint_socket_t, by_id));
    }
    minke__map_free(&t->sockets);
}

void minke__endpoint_socket_close(minke_transport_t *t, minke_socket_t id)
{
    minke_endpoint_socket_t *s = find(t, id);
    if (s == NULL || s->closing) return;
    s->closing = true;
    if (!s->open_told) free_socket(t, s);
    else if (!minke__list_linked(&s->to_tell)) minke__list_append(&t->sockets_to_tell, &s->to_tell);
}

bool minke__endpoint_socket_event(minke_transport_t *t, minke_transport_event_t *event)
{
    minke_list_t *node = minke__list_pop(&t->sockets_to_tell);
    if (node == NULL) return false;
    minke_endpoint_socket_t *s = MINKE_CONTAINER(node, minke_endpoint_socket_t, to_tell);
    *event = (minke_transport_event_t){.type = MINKE_TRANSPORT_SOCKET_OPEN, .socket = s->id, .address = s->address};
    if (s->closing) {
        event->type = MINKE_TRANSPORT_SOCKET_CLOSE;
        free_socket(t, s);
    } else {
        s->open_told = true;
    }
    return true;
}

int minke_transport_listen(minke_transport_t *t, const minke_address_t *address, minke_socket_t *socket)
{
    if (address->family != MINKE_FAMILY_IP4 && address->family != MINKE_FAMILY_IP6) return MINKE_ERROR_INVALID;
    const minke_endpoint_socket_t *s = minke__endpoint_socket_new(t, address, 0);
    if (s == NULL) return MINKE_ERROR_NO_MEMORY;
    *socket = s->id;
    return MINKE_OK;
}

int minke_transport_socket_opened(minke_transport_t *t, minke_socket_t id, const minke_address_t *bound,
                                  minke_time_t now)
{
    minke_endpoint_socket_t *s = find(t, id);
    if (s == NULL || s->closing) return MINKE_ERROR_STALE;
    s->opened = true;
    s->address = *bound;
    minke_connection_state_t *c = s->dial != 0 ? minke__endpoint_connection(t, s->dial) : NULL;
    if (c == NULL) return MINKE_OK;
    if (c->dial != NULL) minke__dial_socket_opened(t, c, id, bound, now);
    else if (c->private_part != NULL) minke__private_socket_opened(t, c, id, bound, now);
    minke__endpoint_touch(t, c);
    return MINKE_OK;
}

/* A socket that only a connection which is up, or coming up, uses. */
static void fail_connection(minke_connection_state_t *c, minke_socket_t id, const minke_close_t *reason,
                            minke_time_t now)
{
    if (c->session == NULL || c->session->own_socket != id) return;
    c->session->own_socket = 0;
    minke__connection_close(c, reason, now);
}

void minke_transport_socket_failed(minke_transport_t *t, minke_socket_t id, const char *reason, minke_time_t now)
{
    minke_endpoint_socket_t *s = find(t, id);
    if (s == NULL) return;
    minke_connection_state_t *c = s->dial != 0 ? minke__endpoint_connection(t, s->dial) : NULL;
    const minke_close_t failure = minke__close_reason(MINKE_LAYER_NETWORK, MINKE_ERROR_SYSTEM, reason);
    const bool was_open = s->opened;
    free_socket(t, s);
    if (c == NULL) return;
    if (c->dial != NULL) minke__dial_socket_failed(t, c, id, &failure, now);
    else if (c->private_part != NULL) minke__private_socket_failed(c, id, was_open, &failure, now);
    else fail_connection(c, id, &failure, now);
    minke__endpoint_touch(t, c);
}

void minke_transport_unreachable(minke_transport_t *t, const minke_path_t *path, const char *reason, minke_time_t now)
{
    const minke_ice_session_t *session = minke__endpoint_by_path(t, path);
    if (session == NULL || session->owner->dial == NULL) return;
    minke_connection_state_t *c = session->owner;
    const minke_close_t failure = minke__close_reason(MINKE_LAYER_NETWORK, MINKE_ERROR_ADDRESS, reason);
    minke__dial_unreachable(t, c, session, &failure, now);
    minke__endpoint_touch(t, c);
}

void minke_transport_unlisten(minke_transport_t *t, minke_socket_t id, minke_time_t now)
{
    const minke_close_t close = minke__close_reason(MINKE_LAYER_NETWORK, MINKE_OK, "the listener was closed");
    for (minke_list_t *node = t->everyone.next; node != &t->everyone; node = node->next) {
        minke_connection_state_t *c = MINKE_CONTAINER(node, minke_connection_state_t, siblings);
        minke_path_t path;
        if (!c->inbound || !minke__ice_selected(c->session->ice, &path) || path.socket != id) continue;
        minke__connection_close(c, &close, now);
        minke__endpoint_touch(t, c);
    }
    minke__endpoint_socket_close(t, id);
}
