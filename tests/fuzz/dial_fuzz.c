/*
 * A dial to several addresses, and a listener at some of them. The input is a script: sockets open late, fail or never
 * open, datagrams arrive, get lost or come from elsewhere, ways are missing, memory is missing, the application closes
 * and dials again. Nothing may crash or leak, and a dial that is over leaves no entry in any table.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "support/test_env.h"
#include "webrtc/endpoint.h"

enum { STEPS_MAX = 300, SOCKETS_MAX = 40, QUEUE_MAX = 64, DATAGRAM_MAX = 1500, ADDRESSES_N = 4 };

typedef struct fuzz_socket {
    minke_socket_t id; /* 0: free */
    minke_address_t address;
    bool open;
} fuzz_socket_t;

typedef struct datagram {
    minke_address_t from, to;
    size_t len;
    uint8_t data[DATAGRAM_MAX];
} datagram_t;

typedef struct side {
    test_env_t memory;
    minke_transport_t *transport;
    fuzz_socket_t sockets[SOCKETS_MAX];
    size_t queued; /* for this side */
    datagram_t queue[QUEUE_MAX];
} side_t;

static side_t sides[2]; /* 0: listener, 1: dialer */
static char addrs[ADDRESSES_N][MINKE_ADDR_BYTES];
static minke_connection_t connection; /* 0: none */
static uint16_t last_port;
static minke_time_t now;
static uint8_t train_space[MINKE_TRAIN_BYTES];

static fuzz_socket_t *socket_by_id(side_t *side, minke_socket_t id)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (side->sockets[i].id == id) return &side->sockets[i];
    }
    return NULL;
}

static void open_socket(side_t *side, fuzz_socket_t *s)
{
    if (s->address.port == 0) s->address.port = ++last_port;
    s->open = true;
    if (minke_transport_socket_opened(side->transport, s->id, &s->address, now) < 0) s->id = 0;
}

static void on_event(side_t *side, const minke_transport_event_t *event)
{
    if (event->type == MINKE_TRANSPORT_SOCKET_OPEN) {
        fuzz_socket_t *s = socket_by_id(side, 0);
        if (s == NULL) {
            minke_transport_socket_failed(side->transport, event->socket, "too many", now);
            return;
        }
        *s = (fuzz_socket_t){.id = event->socket, .address = event->address};
        if (side == &sides[0]) open_socket(side, s); /* the dialer's open when the script says so */
    } else if (event->type == MINKE_TRANSPORT_SOCKET_CLOSE) {
        fuzz_socket_t *s = socket_by_id(side, event->socket);
        if (s != NULL) s->id = 0;
    } else if (event->type == MINKE_TRANSPORT_CLOSED && side == &sides[1] && event->connection == connection) {
        assert(event->close.layer != MINKE_LAYER_NONE && event->close.text[0] != 0);
        connection = 0;
    }
}

static void queue_train(side_t *from, const minke_train_t *train, const minke_path_t *path)
{
    const fuzz_socket_t *s = socket_by_id(from, path->socket);
    side_t *to = from == &sides[0] ? &sides[1] : &sides[0];
    assert(s == NULL || s->open);
    for (size_t at = 0; s != NULL && at < train->len && to->queued < QUEUE_MAX; at += train->segment_len) {
        const size_t left = train->len - at;
        datagram_t *datagram = &to->queue[to->queued++];
        *datagram = (datagram_t){.from = s->address, .to = path->remote};
        datagram->len = left < train->segment_len ? left : train->segment_len;
        memcpy(datagram->data, train->data + at, datagram->len);
    }
}

static void settle(side_t *side)
{
    minke_transport_event_t event;
    minke_train_t train;
    minke_path_t path;
    unsigned turns = 0;
    bool more = true;
    while (more) {
        assert(++turns < 1000);
        while (minke_transport_transmit(side->transport, train_space, sizeof train_space, &train, &path, now) > 0) {
            queue_train(side, &train, &path);
        }
        for (more = false; minke_transport_event(side->transport, &event); more = true) on_event(side, &event);
    }
}

/* The n-th datagram that waits for this side: to the socket that it was sent to, if that is open. */
static void deliver(side_t *side, size_t n, bool lost)
{
    if (side->queued == 0) return;
    n %= side->queued;
    datagram_t datagram = side->queue[n];
    memmove(&side->queue[n], &side->queue[n + 1], (--side->queued - n) * sizeof side->queue[0]);
    for (size_t i = 0; i < SOCKETS_MAX && !lost; i++) {
        const fuzz_socket_t *s = &side->sockets[i];
        if (s->id == 0 || !s->open || memcmp(&s->address, &datagram.to, sizeof s->address) != 0) continue;
        const minke_train_t train = {datagram.data, datagram.len, datagram.len};
        const minke_path_t path = {s->id, s->address, datagram.from};
        (void)minke_transport_recv(side->transport, &train, &path, now);
        settle(side);
        return;
    }
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

static void decide_a_socket(unsigned which, bool fails)
{
    fuzz_socket_t *s = &sides[1].sockets[which % SOCKETS_MAX];
    if (s->id == 0) return;
    if (fails) {
        const minke_socket_t id = s->id;
        s->id = 0;
        minke_transport_socket_failed(sides[1].transport, id, "the script says so", now);
    } else if (!s->open) {
        open_socket(&sides[1], s);
    }
    settle(&sides[1]);
}

static void lose_a_way(unsigned which)
{
    if (sides[0].queued == 0) return;
    const datagram_t *datagram = &sides[0].queue[which % sides[0].queued]; /* on its way to a listener, or nowhere */
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        const fuzz_socket_t *s = &sides[1].sockets[i];
        if (s->id == 0 || s->address.port != datagram->from.port) continue;
        const minke_path_t path = {s->id, s->address, datagram->to};
        minke_transport_unreachable(sides[1].transport, &path, "no way", now);
        settle(&sides[1]);
        return;
    }
}

static void dial_again(uint8_t how)
{
    const char *chosen[MINKE_DIAL_ADDRESSES_MAX];
    const size_t n = 1 + (how >> 2 & 7);
    if (connection != 0) return;
    for (size_t i = 0; i < n; i++) chosen[i] = addrs[(i + (how >> 5)) % ADDRESSES_N];
    if (minke_transport_dial(sides[1].transport, chosen, n, how % 3, now, &connection) < 0) connection = 0;
    settle(&sides[1]);
}

static void close_it(void)
{
    if (connection != 0) (void)minke_transport_close(sides[1].transport, connection, NULL, now);
    settle(&sides[1]);
}

static void make_side(side_t *side, uint64_t seed)
{
    minke_transport_options_t options;
    memset(side, 0, sizeof *side);
    test_env_init(&side->memory, seed);
    minke_transport_defaults(&options);
    options.allocator = side->memory.env.allocator;
    options.random = side->memory.env.random;
    if (minke_transport_new(&options, &side->transport) < 0) abort();
}

/* The listener is at two of the addresses, one of each family. */
static void start(void)
{
    static const minke_address_t at[ADDRESSES_N] = {
        {.ip = {0x20, 1, 0xd, 0xb8, [15] = 1}, .port = 9090, .family = MINKE_FAMILY_IP6},
        {.ip = {192, 0, 2, 1}, .port = 9090, .family = MINKE_FAMILY_IP4},
        {.ip = {0x20, 1, 0xd, 0xb8, [15] = 9}, .port = 9090, .family = MINKE_FAMILY_IP6},
        {.ip = {192, 0, 2, 9}, .port = 9090, .family = MINKE_FAMILY_IP4}};
    minke_socket_t socket;
    now = 1000000;
    connection = 0;
    last_port = 40000;
    for (unsigned i = 0; i < 2; i++) make_side(&sides[i], i + 1);
    for (size_t i = 0; i < ADDRESSES_N; i++) {
        if (i < 2 && minke_transport_listen(sides[0].transport, &at[i], &socket) < 0) abort();
        if (minke_transport_address(sides[0].transport, &at[i], addrs[i], sizeof addrs[i]) < 0) abort();
    }
    settle(&sides[0]);
}

static void step(minke_reader_t *script)
{
    const uint8_t what = minke__read_u8(script), how = minke__read_u8(script);
    switch (what % 12) {
    case 0: dial_again(how); break;
    case 1:
    case 2: decide_a_socket(how, false); break;
    case 3: decide_a_socket(how, true); break;
    case 4:
    case 5: deliver(&sides[0], how, false); break;
    case 6:
    case 7: deliver(&sides[1], how, false); break;
    case 8: deliver(&sides[how & 1], how >> 1, true); break;
    case 9: lose_a_way(how); break;
    case 10: let_time_pass((minke_time_t)how * how * 100); break;
    default:
        if (how < 128) close_it();
        else sides[1].memory.fail_at = sides[1].memory.allocations + 1 + how % 32;
        break;
    }
}

static void check_tables(void)
{
    const minke_transport_t *t = sides[1].transport;
    if (connection != 0) return;
    assert(t->ufrags.count == 0 && t->paths.count == 0 && t->timers.count == 0 && t->connections.count == 0);
    assert(t->sockets.count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    minke_reader_t script = minke__reader(data, size);
    start();
    for (unsigned steps = 0; steps < STEPS_MAX && minke__reader_left(&script) > 1; steps++) {
        step(&script);
        check_tables();
    }
    for (unsigned i = 0; i < 2; i++) {
        minke_transport_free(sides[i].transport);
        assert(sides[i].memory.blocks == 0);
    }
    return 0;
}
