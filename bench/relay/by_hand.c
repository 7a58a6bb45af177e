/* Circuit relay v2 spoken by hand: RESERVE and CONNECT on a hop stream, the answer to CONNECT on a stop stream, and
 * then the bytes of the circuit as they are. */
#include <string.h>

#include "peers.h"

static const char hop_protocol[] = "/libp2p/circuit/relay/0.2.0/hop",
                  stop_protocol[] = "/libp2p/circuit/relay/0.2.0/stop";

enum { HOP_STATUS_FIELD = 5, OK = 100 };

static bool prepare(peer_t *peer) { return minke_handle(peer->host, stop_protocol) == MINKE_OK; }

static bool reserve(peer_t *peer) { return minke_dial(peer->host, peer->all->relay, 0, &peer->connection) == MINKE_OK; }

/* ---- messages */

static bool read_varint(const uint8_t *bytes, size_t len, size_t *at, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; *at < len && shift < 63; shift += 7) {
        const uint8_t byte = bytes[(*at)++];
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

/* A number of a message; 0: it is not there. Only what relays send: varints and byte strings. */
static uint64_t field(const uint8_t *bytes, size_t len, unsigned wanted)
{
    uint64_t key, value;
    for (size_t at = 0; at < len;) {
        if (!read_varint(bytes, len, &at, &key) || !read_varint(bytes, len, &at, &value)) return 0;
        if (key == (uint64_t)wanted << 3) return value;
        if ((key & 7) == 2) at = value < len - at ? at + (size_t)value : len;
    }
    return 0;
}

/* Takes the next message and not a byte more: what follows belongs to the circuit. 1: it is in the inbox, from
 * `*begin`; 0: more is to come; -1: it never will. */
static int read_message(peer_t *peer, minke_stream_t stream, size_t *begin)
{
    const uint8_t *data;
    uint64_t len = 0;
    for (;;) {
        *begin = 0;
        const bool known = read_varint(peer->inbox, peer->inbox_len, begin, &len);
        if (known && peer->inbox_len == *begin + len) return 1;
        const ssize_t n = minke_stream_peek(peer->host, stream, &data);
        if (n == MINKE_ERROR_AGAIN) return 0;
        size_t wanted = known ? (size_t)(*begin + len - peer->inbox_len) : 1;
        if (n <= 0 || wanted > sizeof peer->inbox - peer->inbox_len) return -1;
        if (wanted > (size_t)n) wanted = (size_t)n;
        memcpy(peer->inbox + peer->inbox_len, data, wanted);
        peer->inbox_len += wanted;
        (void)minke_stream_consume(peer->host, stream, wanted);
    }
}

static bool write_message(peer_t *peer, minke_stream_t stream, const uint8_t *message, size_t len)
{
    return minke_stream_write(peer->host, stream, message, len) == (ssize_t)len;
}

/* ---- reserving and calling */

static bool ask(peer_t *peer, const uint8_t *message, size_t len)
{
    peer->inbox_len = 0;
    return minke_open(peer->host, peer->connection, hop_protocol, &peer->asking) == MINKE_OK &&
           write_message(peer, peer->asking, message, len);
}

static void connected(peer_t *peer)
{
    static const uint8_t reserve_message[] = {0x02, 0x08, 0x00};
    if (!ask(peer, reserve_message, sizeof reserve_message)) peer_failed(peer, "the reservation", "it cannot be asked");
}

static bool call(peer_t *caller)
{
    uint8_t message[45] = {44, 0x08, 0x01, 0x12, 40, 0x0a, 38};
    memcpy(message + 7, caller->partner->id, sizeof caller->partner->id);
    return ask(caller, message, 7 + sizeof caller->partner->id);
}

static void answered(peer_t *peer)
{
    size_t begin;
    const minke_stream_t stream = peer->asking;
    const int result = read_message(peer, stream, &begin);
    if (result == 0) return;
    peer->asking = 0;
    if (result < 0 || field(peer->inbox + begin, peer->inbox_len - begin, HOP_STATUS_FIELD) != OK) {
        peer_failed(peer, "the relay", "it did not agree");
    } else if (!peer->reserved) {
        (void)minke_stream_finish(peer->host, stream);
        peer_reserved(peer);
    } else {
        peer_opened(peer, stream);
    }
}

/* The relay asks: CONNECT, whoever it is from. */
static void called(peer_t *peer)
{
    static const uint8_t agreed[] = {0x04, 0x08, 0x01, 0x20, OK};
    size_t begin;
    const minke_stream_t stream = peer->stream;
    const int result = read_message(peer, stream, &begin);
    if (result == 0) return;
    if (result < 0 || !write_message(peer, stream, agreed, sizeof agreed))
        peer_failed(peer, "the stop stream", "broken");
    else peer_opened(peer, stream);
}

static void changed(peer_t *peer, minke_stream_t stream)
{
    if (stream == peer->asking) answered(peer);
    else if (stream == peer->stream && !peer->calls && !peer->open) called(peer);
    if (stream == peer->stream) peer_move(peer);
}

static void on_event(peer_t *peer, const minke_event_t *event)
{
    switch (event->type) {
    case MINKE_EVENT_CONNECTED: connected(peer); break;
    case MINKE_EVENT_DISCONNECTED: peer_failed(peer, "the connection has ended", event->close.text); break;
    case MINKE_EVENT_STREAM_OPENED:
        if (!event->inbound) break;
        peer->inbox_len = 0;
        peer->stream = event->stream;
        break;
    case MINKE_EVENT_STREAM_READABLE:
    case MINKE_EVENT_STREAM_WRITABLE: changed(peer, event->stream); break;
    case MINKE_EVENT_STREAM_CLOSED:
        if (event->stream == peer->stream) peer_closed(peer, event->error);
        break;
    case MINKE_EVENT_IDENTIFIED:
    case MINKE_EVENT_LISTENING:
    case MINKE_EVENT_LISTEN_FAILED:
    case MINKE_EVENT_LISTEN_CLOSED: break;
    }
}

const manner_t by_hand = {"by hand", prepare, reserve, call, on_event};
