/*
 * A whole listener and a whole dialer. The input is a script: deliver, lose, repeat or damage the next datagram, throw
 * in bytes of its own from a stranger or under the remote's address, let time pass, use the streams. Nothing may crash,
 * leak, or move a deadline into the past for good.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <minke/transport.h>

#include "base/wire.h"
#include "support/test_env.h"

enum { QUEUE_MAX = 64, STEPS_MAX = 400, DATAGRAM_MAX = 1500 };

typedef struct datagram {
    size_t len;
    uint8_t data[DATAGRAM_MAX];
} datagram_t;

typedef struct side {
    test_env_t memory;
    minke_transport_t *transport;
    minke_path_t path; /* towards the other side */
    minke_stream_t stream;
    minke_connection_t connection;
    size_t queued; /* for this side */
    datagram_t queue[QUEUE_MAX];
} side_t;

static side_t sides[2]; /* 0: listener, 1: dialer */
static uint8_t train_space[MINKE_TRAIN_BYTES];
static minke_time_t now;

static void queue(side_t *to, const uint8_t *data, size_t len)
{
    if (to->queued == QUEUE_MAX || len > DATAGRAM_MAX) return;
    to->queue[to->queued].len = len;
    memcpy(to->queue[to->queued++].data, data, len);
}

static void on_event(side_t *side, const minke_transport_event_t *event)
{
    const uint8_t *data;
    if (event->type == MINKE_TRANSPORT_SOCKET_OPEN) {
        side->path.socket = event->socket;
        (void)minke_transport_socket_opened(side->transport, event->socket, &side->path.local, now);
    } else if (event->type == MINKE_TRANSPORT_CONNECTED) {
        side->connection = event->connection;
        if (side == &sides[1] &&
            minke_transport_open(side->transport, event->connection, now, &side->stream) != MINKE_OK) {
            side->stream = 0;
        }
    } else if (event->type == MINKE_TRANSPORT_STREAM_OPENED) {
        side->stream = event->stream;
    } else if (event->type == MINKE_TRANSPORT_STREAM_READABLE) {
        for (ssize_t n; (n = minke_transport_peek(side->transport, event->stream, &data)) > 0;) {
            (void)minke_transport_consume(side->transport, event->stream, (size_t)n, now);
        }
    }
}

static void settle(side_t *side)
{
    side_t *other = side == &sides[0] ? &sides[1] : &sides[0];
    minke_transport_event_t event;
    minke_train_t train;
    minke_path_t path;
    unsigned turns = 0;
    do {
        while (minke_transport_event(side->transport, &event)) on_event(side, &event);
        while (minke_transport_transmit(side->transport, train_space, sizeof train_space, &train, &path, now) > 0) {
            assert(++turns < 10000);
            for (size_t at = 0; at < train.len; at += train.segment_len) {
                const size_t left = train.len - at;
                if (path.remote.port == side->path.remote.port) {
                    queue(other, train.data + at, left < train.segment_len ? left : train.segment_len);
                }
            }
        }
    } while (minke_transport_event(side->transport, &event) && (on_event(side, &event), true));
}

static void give(side_t *to, uint8_t *data, size_t len, uint16_t from_port)
{
    minke_path_t path = to->path;
    const minke_train_t train = {data, len, len};
    path.remote.port = from_port;
    (void)minke_transport_recv(to->transport, &train, &path, now);
    settle(to);
}

static void deliver(side_t *to, minke_reader_t *script, unsigned how)
{
    if (to->queued == 0) return;
    datagram_t datagram = to->queue[0];
    if (how != 2) memmove(to->queue, to->queue + 1, --to->queued * sizeof to->queue[0]); /* 2: it comes again */
    if (how == 1) return;                                                                /* lost */
    if (how == 3) {
        const size_t at = minke__read_u16(script) % (datagram.len + 1);
        if (at < datagram.len) datagram.data[at] ^= minke__read_u8(script);
        else datagram.len /= 2;
    }
    give(to, datagram.data, datagram.len, to->path.remote.port);
}

static void inject(side_t *to, minke_reader_t *script)
{
    uint8_t data[256];
    const uint8_t flags = minke__read_u8(script);
    size_t len = minke__read_u8(script);
    if (len > minke__reader_left(script)) len = minke__reader_left(script);
    const uint8_t *bytes = minke__read_bytes(script, len);
    if (bytes == NULL || len == 0) return;
    memcpy(data, bytes, len);
    give(to, data, len, (flags & 1) != 0 ? to->path.remote.port : (uint16_t)(1000 + flags));
}

static void let_time_pass(minke_time_t span)
{
    now += span;
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned turns = 0; minke_transport_deadline(sides[i].transport) <= now; turns++) {
            assert(turns < 1000);
            minke_transport_tick(sides[i].transport, now);
            settle(&sides[i]);
        }
    }
}

static void use_streams(side_t *side, minke_reader_t *script)
{
    static const uint8_t data[5000];
    switch (minke__read_u8(script) % 6) {
    case 0: (void)!minke_transport_write(side->transport, side->stream, data, sizeof data, now); break;
    case 1: (void)minke_transport_finish(side->transport, side->stream, now); break;
    case 2: (void)minke_transport_reset(side->transport, side->stream, 3, now); break;
    case 3: (void)minke_transport_stop(side->transport, side->stream, 0, now); break;
    case 4:
        if (minke_transport_open(side->transport, side->connection, now, &side->stream) < 0) return;
        break;
    default: (void)minke_transport_close(side->transport, side->connection, "script", now); break;
    }
    settle(side);
}

static void start(void)
{
    static const minke_address_t addresses[2] = {{.ip = {192, 0, 2, 1}, .port = 9090, .family = MINKE_FAMILY_IP4},
                                                 {.ip = {192, 0, 2, 2}, .port = 40000, .family = MINKE_FAMILY_IP4}};
    char addr[MINKE_ADDR_BYTES];
    const char *const addrs[] = {addr};
    minke_socket_t socket;
    minke_connection_t connection;
    now = 1000000;
    for (unsigned i = 0; i < 2; i++) {
        minke_transport_options_t options;
        memset(&sides[i], 0, sizeof sides[i]);
        test_env_init(&sides[i].memory, i + 1);
        minke_transport_defaults(&options);
        options.allocator = sides[i].memory.env.allocator;
        options.random = sides[i].memory.env.random;
        options.serve_stun = true;
        sides[i].path = (minke_path_t){.local = addresses[i], .remote = addresses[1 - i]};
        if (minke_transport_new(&options, &sides[i].transport) < 0) abort();
    }
    if (minke_transport_listen(sides[0].transport, &addresses[0], &socket) < 0) abort();
    if (minke_transport_address(sides[0].transport, &addresses[0], addr, sizeof addr) < 0) abort();
    settle(&sides[0]);
    if (minke_transport_dial(sides[1].transport, addrs, 1, 2, now, &connection) < 0) abort();
    settle(&sides[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    minke_reader_t script = minke__reader(data, size);
    start();
    for (unsigned step = 0; step < STEPS_MAX && minke__reader_left(&script) > 0; step++) {
        const uint8_t what = minke__read_u8(&script);
        side_t *side = &sides[what & 1];
        switch (what >> 1 & 7) {
        case 0:
        case 1: deliver(side, &script, 0); break;
        case 2: deliver(side, &script, 1); break;
        case 3: deliver(side, &script, 2); break;
        case 4: deliver(side, &script, 3); break;
        case 5: inject(side, &script); break;
        case 6: let_time_pass((minke_time_t)minke__read_u16(&script) * 100); break;
        default: use_streams(side, &script); break;
        }
        for (unsigned i = what >> 4; i > 0; i--) deliver(&sides[(i + what) & 1], &script, 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        minke_transport_free(sides[i].transport);
        assert(sides[i].memory.blocks == 0);
    }
    return 0;
}
