/* Reservations and circuits as any program has them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peers.h"

static const char protocol[] = "/relay-load/1.0.0";

static bool prepare(peer_t *peer)
{
    return minke_handle(peer->host, protocol) == MINKE_OK && minke_allow_limited(peer->host, protocol) == MINKE_OK;
}

static bool reserve(peer_t *peer)
{
    char address[512];
    const int n = snprintf(address, sizeof address, "%s/p2p-circuit", peer->all->relay);
    return n > 0 && (size_t)n < sizeof address && minke_listen(peer->host, address) == MINKE_OK;
}

static bool call(peer_t *caller)
{
    return minke_dial(caller->host, caller->partner->address, 0, &caller->connection) == MINKE_OK;
}

static void connected(peer_t *peer, const minke_event_t *event)
{
    minke_stream_t stream;
    if (event->connection != peer->connection) return; /* the one to the relay */
    const int error = minke_open(peer->host, event->connection, protocol, &stream);
    if (error < 0) peer_failed(peer, "opening a stream", minke_error_text(error));
}

static void listening(peer_t *peer, const minke_event_t *event)
{
    if (peer->address == NULL) peer->address = strdup(event->addr);
    if (peer->address == NULL) peer_failed(peer, "the reservation", "out of memory");
    peer_reserved(peer);
}

static void on_event(peer_t *peer, const minke_event_t *event)
{
    switch (event->type) {
    case MINKE_EVENT_LISTENING: listening(peer, event); break;
    case MINKE_EVENT_LISTEN_FAILED: peer_failed(peer, "no reservation", event->close.text); break;
    case MINKE_EVENT_LISTEN_CLOSED: peer_failed(peer, "the reservation is lost", event->close.text); break;
    case MINKE_EVENT_CONNECTED: connected(peer, event); break;
    case MINKE_EVENT_DISCONNECTED: peer_failed(peer, "a connection has ended", event->close.text); break;
    case MINKE_EVENT_IDENTIFIED: break;
    case MINKE_EVENT_STREAM_OPENED: peer_opened(peer, event->stream); break;
    case MINKE_EVENT_STREAM_READABLE:
    case MINKE_EVENT_STREAM_WRITABLE: peer_move(peer); break;
    case MINKE_EVENT_STREAM_CLOSED: peer_closed(peer, event->error); break;
    }
}

const manner_t through_hosts = {"hosts", prepare, reserve, call, on_event};
