/*
 * A relay and two of its clients, joined by byte connections. The input is a script: in one mode it writes the hop and
 * stop streams of the clients, in the other those of the relay, while the other side is the real one. Streams are cut,
 * finished, reset and not read, time passes, connections break and are made again, memory is missing. The book always
 * agrees with itself, and in the end nothing is left.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "host/dial.h"
#include "host/reservation.h"
#include "host/splice.h"
#include "relay/book_state.h"
#include "support/test_env.h"
#include "webrtc/endpoint.h"

#define HOP "/libp2p/circuit/relay/0.2.0/hop"
#define STOP "/libp2p/circuit/relay/0.2.0/stop"

enum { RELAY = 0, TARGET = 1, SOURCE = 2, NODES_N = 3, SLOTS_N = 24, STEPS_MAX = 400, PIPES_N = 2 };
enum { SECOND = 1000000 };

typedef struct fuzz_pipe_end {
    minke_carrier_t carrier; /* first */
    int owner;
    minke_connection_t connection; /* 0: none */
} fuzz_pipe_end_t;

typedef struct fuzz_pipe {
    fuzz_pipe_end_t ends[2]; /* of the relay, of the client */
} fuzz_pipe_t;

typedef struct slot {
    int owner;
    minke_stream_t id; /* 0: free */
    bool ignores;
} slot_t;

static test_env_t memory[NODES_N];
static minke_node_t *nodes[NODES_N];
static fuzz_pipe_t *pipes[PIPES_N]; /* by client, TARGET - 1 and SOURCE - 1; NULL: broken */
static slot_t slots[SLOTS_N];
static minke_peer_id_t ids[NODES_N];
static bool raw_relay;
static minke_time_t now;
static minke_reader_t script;

/* ---- connections */

static void free_pipe(int client)
{
    fuzz_pipe_t *pipe = pipes[client - 1];
    if (pipe == NULL || pipe->ends[0].connection != 0 || pipe->ends[1].connection != 0) return;
    pipes[client - 1] = NULL;
    free(pipe);
}

static void init_end(fuzz_pipe_end_t *end, int owner, int client)
{
    *end = (fuzz_pipe_end_t){.owner = owner};
    end->carrier = (minke_carrier_t){.kind = MINKE_TARGET_TCP,
                                     .remote = {.ip = {192, 0, 2, (uint8_t)client}, .family = MINKE_FAMILY_IP4}};
    minke__list_init(&end->carrier.released);
}

static void break_pipe(int client)
{
    static const minke_close_t reason = {
        .layer = MINKE_LAYER_NETWORK, .code = MINKE_ERROR_CONNECTION_CLOSED, .text = "it broke"};
    fuzz_pipe_t *pipe = pipes[client - 1];
    if (pipe == NULL) return;
    for (int i = 0; i < 2; i++) {
        fuzz_pipe_end_t *end = &pipe->ends[i];
        if (end->connection != 0) minke__bytes_disconnected(nodes[end->owner]->bytes, end->connection, &reason, now);
    }
}

/* The client dials, the relay accepts, both at once. */
static void carry(int client, uint64_t attempt)
{
    static const minke_close_t refusal = {
        .layer = MINKE_LAYER_NETWORK, .code = MINKE_ERROR_CONNECTION_CLOSED, .text = "refused"};
    fuzz_pipe_t *pipe = pipes[client - 1] == NULL ? calloc(1, sizeof *pipe) : NULL;
    if (pipe == NULL) {
        minke__node_not_carried(nodes[client], attempt, &refusal, now);
        return;
    }
    init_end(&pipe->ends[0], RELAY, client);
    init_end(&pipe->ends[1], client, client);
    if (minke__node_accept(nodes[RELAY], &pipe->ends[0].carrier, now, &pipe->ends[0].connection) < 0) {
        free(pipe);
        minke__node_not_carried(nodes[client], attempt, &refusal, now);
        return;
    }
    pipes[client - 1] = pipe;
    if (minke__node_carried(nodes[client], attempt, &pipe->ends[1].carrier, now, &pipe->ends[1].connection) < 0) {
        pipe->ends[1].connection = 0;
        break_pipe(client);
    }
}

static void release(minke_carrier_t *carrier)
{
    fuzz_pipe_end_t *end = (fuzz_pipe_end_t *)(void *)carrier;
    for (int client = 1; client < NODES_N; client++) {
        fuzz_pipe_t *pipe = pipes[client - 1];
        if (pipe == NULL || (end != &pipe->ends[0] && end != &pipe->ends[1])) continue;
        end->connection = 0;
        break_pipe(client); /* the other end sees that */
        free_pipe(client);
        return;
    }
    abort();
}

static void serve(int owner, const minke_node_request_t *request)
{
    switch (request->type) {
    case MINKE_REQUEST_RESOLVE: minke__node_resolved(nodes[owner], request->attempt, NULL, NULL, 0, "none", now); break;
    case MINKE_REQUEST_CONNECT: carry(owner, request->attempt); break;
    case MINKE_REQUEST_RELEASE: release(request->carrier); break;
    case MINKE_REQUEST_CANCEL:
    case MINKE_REQUEST_NONE: break;
    }
}

static void send_bytes(int owner, minke_connection_t connection)
{
    static uint8_t bytes[65536];
    const fuzz_pipe_end_t *end = (fuzz_pipe_end_t *)(void *)minke__bytes_carrier(nodes[owner]->bytes, connection);
    const fuzz_pipe_t *pipe = pipes[(owner == RELAY ? end->carrier.remote.ip[3] : owner) - 1];
    const fuzz_pipe_end_t *other = pipe == NULL ? NULL : &pipe->ends[end == &pipe->ends[0]];
    for (size_t n; (n = minke__bytes_transmit(nodes[owner]->bytes, connection, bytes, sizeof bytes, now)) > 0;) {
        if (other == NULL || other->connection == 0) continue;
        minke__bytes_recv(nodes[other->owner]->bytes, other->connection, bytes, n, now);
    }
}

/* ---- the applications */

static slot_t *slot_of(int owner, minke_stream_t id)
{
    for (size_t i = 0; i < SLOTS_N; i++) {
        if (slots[i].id == id && (id == 0 || slots[i].owner == owner)) return &slots[i];
    }
    return NULL;
}

static void read_slot(const slot_t *slot)
{
    const uint8_t *data;
    ssize_t n;
    while (!slot->ignores && (n = minke__node_peek(nodes[slot->owner], slot->id, &data)) > 0) {
        (void)minke__node_consume(nodes[slot->owner], slot->id, (size_t)n, now);
    }
}

static void on_event(int owner, const minke_event_t *event)
{
    slot_t *slot;
    switch (event->type) {
    case MINKE_EVENT_STREAM_OPENED:
        slot = event->inbound ? slot_of(owner, 0) : slot_of(owner, event->stream);
        if (event->inbound && slot != NULL) *slot = (slot_t){.owner = owner, .id = event->stream};
        if (slot == NULL) (void)minke__node_reset(nodes[owner], event->stream, 0, now);
        break;
    case MINKE_EVENT_STREAM_READABLE:
        slot = slot_of(owner, event->stream);
        if (slot != NULL) read_slot(slot);
        break;
    case MINKE_EVENT_STREAM_CLOSED:
        slot = slot_of(owner, event->stream);
        if (slot != NULL) *slot = (slot_t){0};
        break;
    case MINKE_EVENT_DISCONNECTED:
    case MINKE_EVENT_LISTEN_FAILED:
    case MINKE_EVENT_LISTEN_CLOSED: assert(event->close.layer != MINKE_LAYER_NONE && event->close.text[0] != 0); break;
    default: break;
    }
}

static bool settle_one(int owner)
{
    minke_node_t *node = nodes[owner];
    minke_node_request_t request;
    minke_connection_t connection;
    minke_transport_event_t from;
    minke_event_t event;
    bool any = false;
    for (; minke__node_request(node, &request, now); any = true) serve(owner, &request);
    for (; minke_transport_event(node->transport, &from); any = true) continue;
    for (; minke__node_own_event(node, &event, now); any = true) on_event(owner, &event);
    for (; minke__node_ready(node, &connection, now); any = true) send_bytes(owner, connection);
    return any;
}

static void settle(void)
{
    unsigned turns = 0;
    for (bool any = true; any;) {
        assert(++turns < 100000);
        any = false;
        for (int i = 0; i < NODES_N; i++) any |= settle_one(i);
        while (nodes[RELAY]->hop != NULL && !minke__list_empty(&nodes[RELAY]->hop->unfinished)) {
            minke__node_tick(nodes[RELAY], now);
            any = true;
            assert(++turns < 100000);
        }
    }
}

static void let_time_pass(minke_time_t span)
{
    const minke_time_t until = now + span;
    unsigned turns = 0;
    for (;;) {
        minke_time_t at = until;
        for (int i = 0; i < NODES_N; i++) {
            if (minke__node_deadline(nodes[i]) < at) at = minke__node_deadline(nodes[i]);
        }
        if (at > now) now = at;
        assert(++turns < 100000);
        for (int i = 0; i < NODES_N; i++) minke__node_tick(nodes[i], now);
        settle();
        if (now == until) return;
    }
}

/* ---- the script */

static const char *relay_text(bool circuit_to_target)
{
    static char text[512];
    char id[MINKE_PEER_ID_TEXT_BYTES];
    strcpy(text, "/ip4/192.0.2.9/tcp/4001/p2p/");
    minke__peer_id_text(&ids[RELAY], id);
    strcat(text, id);
    if (!circuit_to_target) return text;
    strcat(text, "/p2p-circuit/p2p/");
    minke__peer_id_text(&ids[TARGET], id);
    strcat(text, id);
    return text;
}

static void dial(int client, bool over_relay)
{
    const char *address = relay_text(over_relay);
    minke_connection_t connection;
    (void)!minke__node_dial(nodes[client], &address, 1, 0, now, &connection);
}

/* On the connection over the pipe, as long as there is one. */
static void open_stream(int owner, int client, const char *protocol)
{
    const fuzz_pipe_t *pipe = pipes[client - 1];
    slot_t *slot = slot_of(owner, 0);
    if (pipe == NULL || slot == NULL) return;
    const minke_connection_t below = pipe->ends[owner != RELAY].connection;
    const minke_node_connection_t *c = minke__node_connection_below(nodes[owner], below);
    minke_stream_t id;
    if (c == NULL || minke__node_open(nodes[owner], c->id, protocol, now, &id) < 0) return;
    *slot = (slot_t){.owner = owner, .id = id};
}

static void say(const slot_t *slot, const void *data, size_t len)
{
    if (slot->id != 0) (void)!minke__node_write(nodes[slot->owner], slot->id, data, len, now);
}

static void say_message(const slot_t *slot, uint8_t which)
{
    uint8_t bytes[600];
    minke_writer_t w = minke__writer(bytes, sizeof bytes);
    minke_relay_message_t message = {.type = which % 3, .status = 100};
    message.peer.id = ids[which / 3 % 3];
    message.limit.present = (which & 16) != 0;
    message.reservation = (minke_relay_reservation_t){.present = (which & 32) != 0, .expire = which};
    if ((which & 64) != 0) message.status = minke__relay_status_at(which % MINKE_RELAY_STATUSES_N);
    const int error = which >= 128 ? minke__stop_write(&message, &w) : minke__hop_write(&message, &w);
    if (error == MINKE_OK) say(slot, w.data, w.len);
}

static void pour(const slot_t *slot, uint8_t how)
{
    static const uint8_t zeros[4096];
    for (unsigned i = 0; i < how; i++) say(slot, zeros, sizeof zeros - how);
}

static void step(void)
{
    const uint8_t what = minke__read_u8(&script), how = minke__read_u8(&script);
    slot_t *slot = &slots[how % SLOTS_N];
    const int client = how & 1 ? SOURCE : TARGET;
    switch (what % 16) {
    case 0: open_stream(client, client, HOP); break;
    case 1: open_stream(RELAY, client, STOP); break;
    case 2: {
        const size_t left = minke__reader_left(&script), n = what / 16 < left ? what / 16 : left;
        if (n > 0) say(slot, minke__read_bytes(&script, n), n);
        break;
    }
    case 3:
    case 4:
    case 5: say_message(slot, minke__read_u8(&script)); break;
    case 6:
        if (slot->id != 0) (void)minke__node_finish(nodes[slot->owner], slot->id, now);
        break;
    case 7:
        if (slot->id != 0) (void)minke__node_reset(nodes[slot->owner], slot->id, 0, now);
        break;
    case 8:
        slot->ignores = slot->id != 0 && !slot->ignores;
        if (slot->id != 0) read_slot(slot);
        break;
    case 9: pour(slot, what / 4); break;
    case 10: let_time_pass((minke_time_t)how * how * 2000); break;
    case 11:
        if (how > 200) break_pipe(client);
        else dial(client, false);
        break;
    case 12: dial(SOURCE, true); break;
    case 13:
        memory[how % NODES_N].fail_at = memory[how % NODES_N].allocations + 1 + how / NODES_N % 16;
        memory[how % NODES_N].fail_for_good = false;
        break;
    case 14:
        if (pipes[client - 1] != NULL) {
            (void)minke__bytes_close(nodes[client]->bytes, pipes[client - 1]->ends[1].connection, now);
        }
        break;
    default: break; /* what is written in a row arrives in one piece */
    }
    if (what % 16 != 15 && what < 192) settle();
}

/* ---- what always holds */

static size_t count(const minke_list_t *list)
{
    size_t n = 0;
    for (const minke_list_t *item = list->next; item != list; item = item->next) n++;
    return n;
}

static void check_book(void)
{
    if (nodes[RELAY]->hop == NULL) return;
    const minke_relay_book_t *book = nodes[RELAY]->hop->book;
    const minke_relay_statistics_t *s = &book->statistics;
    uint64_t ended = 0;
    for (size_t i = 0; i < MINKE_RELAY_ENDS_N; i++) ended += s->circuits_ended[i];
    assert(s->circuits_opened == ended + s->circuits);
    assert(count(&book->circuits) + count(&book->due) == s->circuits + s->circuits_asking);
    assert(book->expiries.count == s->reservations && book->timers.count <= s->circuits);
    assert(s->reservations_made == s->reservations + s->reservations_expired + s->reservations_lost);
    assert(book->parties.count <= s->reservations + 2 * (s->circuits + s->circuits_asking));
    assert(book->origins.count <= s->reservations);
    assert(s->circuits + s->circuits_asking <= book->options.circuits_max);
}

static void make_node(int i)
{
    minke_host_options_t options = {.size = sizeof options, .agent = "fuzz"};
    test_env_init(&memory[i], (uint64_t)i + 1);
    minke_transport_defaults(&options.transport);
    options.transport.allocator = memory[i].env.allocator;
    options.transport.random = memory[i].env.random;
    options.relay = minke__relay_options_defaults();
    options.relay.serve = i == RELAY && !raw_relay;
    options.relay.circuits_max = 6;
    options.relay.circuits_per_peer_max = 4;
    options.relay.reservation_after = 600 * (minke_time_t)SECOND;
    if (minke__node_new(&options, now, &nodes[i]) < 0) abort();
    minke__node_set_unix_time(nodes[i], 100, now);
    ids[i] = *minke__identity_peer_id(nodes[i]->transport->identity);
    if (raw_relay == (i == RELAY) && minke__node_handle(nodes[i], i == RELAY ? HOP : STOP) < 0) abort();
}

static void check_end(void)
{
    for (int i = 0; i < NODES_N; i++) memory[i].fail_at = 0;
    settle();
    for (int i = 0; i < 2; i++) { /* a dial on its way makes one more */
        break_pipe(TARGET);
        break_pipe(SOURCE);
        settle();
        let_time_pass(130 * (minke_time_t)SECOND); /* what was finished waits for its readers for a minute */
    }
    for (int i = 0; i < NODES_N; i++) {
        if (!raw_relay) assert(minke__list_empty(&nodes[i]->connections) && nodes[i]->bytes != NULL);
        if (!raw_relay) assert(minke__bytes_after(nodes[i]->bytes, 0) == 0 && nodes[i]->timers_n == 0);
    }
    if (raw_relay) return; /* its clients call again */
    const minke_relay_book_t *book = nodes[RELAY]->hop->book;
    assert(book->parties.count == 0 && book->origins.count == 0 && minke__list_empty(&nodes[RELAY]->hop->unfinished));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    script = minke__reader(data, size);
    raw_relay = (minke__read_u8(&script) & 1) != 0;
    now = 1000000;
    memset(slots, 0, sizeof slots);
    for (int i = 0; i < NODES_N; i++) make_node(i);
    if (raw_relay)
        (void)!minke__node_reserve(nodes[TARGET], strcat((char *)(uintptr_t)relay_text(false), "/p2p-circuit"), now);
    else dial(TARGET, false);
    dial(SOURCE, false);
    settle();
    let_time_pass(1000);
    for (unsigned i = 0; i < STEPS_MAX && minke__reader_left(&script) > 1; i++) {
        step();
        check_book();
    }
    check_end();
    for (int i = 0; i < NODES_N; i++) {
        minke__node_free(nodes[i]);
        assert(memory[i].blocks == 0);
    }
    for (int i = 0; i < PIPES_N; i++) {
        free(pipes[i]);
        pipes[i] = NULL;
    }
    return 0;
}
