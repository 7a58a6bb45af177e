/* What happens below becomes what the application is told, or what the node does about it; and time. */
#include <string.h>

#include "host/circuit.h"
#include "host/dial.h"
#include "host/hop.h"
#include "host/link.h"
#include "host/reservation.h"
#include "host/signalling.h"

/* ---- connections come and go ---- */

static void fail_without_memory(minke_node_t *node, minke_connection_t below, minke_node_dial_t *dial)
{
    const minke_close_t reason = {.layer = MINKE_LAYER_HOST, .code = MINKE_ERROR_NO_MEMORY, .text = "out of memory"};
    (void)minke__link_close(node, below, reason.text);
    if (dial != NULL) minke__dial_failed(node, dial, &reason);
}

static void ask_who_it_is(minke_node_t *node, minke_node_connection_t *c)
{
    const minke_service_t *query = &minke__service_identify_query;
    minke_node_stream_t *s;
    if (node->identify) (void)minke__node_open_stream(node, c, query->protocol, query, &s);
}

static bool connected(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event)
{
    const bool is_attempt = minke__dial_attempts(node, from->connection);
    minke_node_dial_t *dial = is_attempt ? minke__dial_won(node, from->connection) : NULL;
    if (is_attempt && dial == NULL) return false; /* another was faster, and this one is being closed */
    minke_node_connection_t *c = minke__node_connection_new(node, from->connection, from->inbound);
    if (c == NULL) {
        fail_without_memory(node, from->connection, dial);
        return false;
    }
    minke__signalling_connected(node, from->connection);
    if (dial != NULL) {
        minke__dial_becomes(node, dial, c);
        minke__reservations_connected(node, c);
    }
    ask_who_it_is(node, c);
    memcpy(node->event_address, c->address, strlen(c->address) + 1);
    memcpy(node->event_peer, c->peer, sizeof c->peer);
    *event = (minke_event_t){.type = MINKE_EVENT_CONNECTED,
                             .connection = c->id,
                             .peer = node->event_peer,
                             .addr = node->event_address,
                             .inbound = c->inbound,
                             .limited = c->limited};
    return true;
}

static bool closed(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event)
{
    minke_node_connection_t *c = minke__node_connection_below(node, from->connection);
    const bool never_told = minke__signalling_closed(node, from->connection);
    if (c == NULL && minke__dial_lost(node, from->connection, &from->close)) return false;
    if (c == NULL && never_told) return false;
    if (c == NULL && minke__is_bytes_id(from->connection) && !from->inbound) return false; /* its dial has been told */
    node->event_peer[0] = 0;
    *event = (minke_event_t){.type = MINKE_EVENT_DISCONNECTED,
                             .connection = c != NULL ? c->id : from->connection,
                             .peer = node->event_peer,
                             .inbound = from->inbound,
                             .close = from->close,
                             .user = c != NULL ? c->user : NULL};
    if (c == NULL) return true;
    memcpy(node->event_peer, c->peer, sizeof c->peer);
    minke__reservations_disconnected(node, c, &from->close);
    minke__hop_connection_ended(node, c);
    minke__node_connection_free(node, c);
    return true;
}

bool minke__node_event(minke_node_t *node, const minke_transport_event_t *from, minke_event_t *event, minke_time_t now)
{
    node->now = now;
    switch (from->type) {
    case MINKE_TRANSPORT_CONNECTED: return connected(node, from, event);
    case MINKE_TRANSPORT_CLOSED: return closed(node, from, event);
    case MINKE_TRANSPORT_STREAM_OPENED: minke__node_stream_opened(node, from); return false;
    case MINKE_TRANSPORT_STREAM_READABLE:
    case MINKE_TRANSPORT_STREAM_WRITABLE: return minke__node_stream_changed(node, from, event);
    case MINKE_TRANSPORT_STREAM_CLOSED: return minke__node_stream_closed(node, from, event);
    case MINKE_TRANSPORT_SIGNAL: minke__signalling_signal(node, from); return false;
    case MINKE_TRANSPORT_SOCKET_OPEN:
    case MINKE_TRANSPORT_SOCKET_CLOSE: break; /* the driver's */
    }
    return false;
}

/* ---- what the node itself has to tell ---- */

static bool identified(minke_node_t *node, minke_event_t *event)
{
    const minke_node_connection_t *c = minke__node_connection(node, node->identified);
    node->identified = 0;
    if (c == NULL) return false;
    memcpy(node->event_peer, c->peer, sizeof c->peer);
    *event = (minke_event_t){.type = MINKE_EVENT_IDENTIFIED,
                             .connection = c->id,
                             .peer = node->event_peer,
                             .inbound = c->inbound,
                             .user = c->user};
    return true;
}

static bool notice_event(minke_node_t *node, minke_event_t *event)
{
    minke__free(&node->env, node->noticed);
    node->noticed = NULL;
    minke_list_t *item = minke__list_pop(&node->notices);
    if (item == NULL) return false;
    node->noticed = MINKE_CONTAINER(item, minke_node_notice_t, siblings);
    *event = (minke_event_t){.type = node->noticed->type, .addr = node->noticed->addr, .close = node->noticed->close};
    return true;
}

/* A carrier has nothing more to do; those of the driver's are handed back, a circuit's is ours. */
static void release_carrier(minke_node_t *node, minke_connection_t below)
{
    minke_carrier_t *carrier = minke__node_take_carrier(node, below);
    if (carrier->circuit) minke__circuit_release(node, carrier);
    else minke__list_append(&node->released, &carrier->released);
}

static bool bytes_event(minke_node_t *node, minke_event_t *event)
{
    minke_transport_event_t from;
    while (minke__bytes_event(node->bytes, &from)) {
        if (from.type == MINKE_TRANSPORT_CLOSED) release_carrier(node, from.connection);
        if (minke__node_event(node, &from, event, node->now)) return true;
    }
    return false;
}

bool minke__node_own_event(minke_node_t *node, minke_event_t *event, minke_time_t now)
{
    node->now = now;
    if (notice_event(node, event)) return true;
    if (node->identified != 0 && identified(node, event)) return true;
    if (minke__dial_event(node, event) || minke__node_stream_event(node, event)) return true;
    return bytes_event(node, event);
}

/* ---- time ---- */

minke_time_t minke__node_deadline(const minke_node_t *node)
{
    minke_time_t at = minke__bytes_deadline(node->bytes);
    const minke_heap_node_t *timer = minke__heap_top(&node->timers);
    if (timer != NULL && timer->at < at) at = timer->at;
    if (minke__hop_deadline(node) < at) at = minke__hop_deadline(node);
    if (minke__list_empty(&node->waiting)) return at;
    const minke_time_t give_up_at = MINKE_CONTAINER(node->waiting.next, minke_node_stream_t, waiting)->give_up_at;
    return give_up_at < at ? give_up_at : at;
}

static void end_late_streams(minke_node_t *node)
{
    while (!minke__list_empty(&node->waiting)) {
        minke_node_stream_t *s = MINKE_CONTAINER(node->waiting.next, minke_node_stream_t, waiting);
        if (s->give_up_at > node->now) return;
        minke__list_remove(&s->waiting);
        minke__trace(&node->env, node->now, s->connection->below, MINKE_TRACE_HOST_STREAM_TIMEOUT, s->protocol, s->id);
        (void)minke__link_reset(node, s->id, 0);
    }
}

void minke__node_tick(minke_node_t *node, minke_time_t now)
{
    node->now = now;
    minke__bytes_tick(node->bytes, now);
    size_t turns = node->timers.count;
    for (minke_heap_node_t *item; (item = minke__heap_top(&node->timers)) != NULL && item->at <= now && turns > 0;
         turns--) {
        minke_node_timer_t *timer = MINKE_CONTAINER(item, minke_node_timer_t, node);
        minke__node_timer_set(node, timer, MINKE_TIME_NEVER);
        timer->fire(node, timer);
    }
    minke__hop_tick(node);
    end_late_streams(node);
}

bool minke__node_is_busy(const minke_node_t *node)
{
    return !minke__list_empty(&node->to_tell) || !minke__list_empty(&node->notices) || node->identified != 0 ||
           !minke__list_empty(&node->dials_to_tell) || !minke__list_empty(&node->attempts_to_do) ||
           !minke__list_empty(&node->released) || minke__bytes_is_busy(node->bytes);
}

/* ---- bytes to send ---- */

bool minke__node_ready(minke_node_t *node, minke_connection_t *connection, minke_time_t now)
{
    node->now = now;
    while (minke__bytes_ready(node->bytes, connection)) {
        minke_carrier_t *carrier = minke__bytes_carrier(node->bytes, *connection);
        if (carrier == NULL) continue;
        if (!carrier->circuit) return true;
        minke__circuit_send(node, carrier);
    }
    return false;
}
