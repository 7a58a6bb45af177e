#include "host/splice.h"

#include "host/circuit.h"
#include "host/link.h"

/* How long the target may take to agree (go's relay gives 30 s to open the stream, 60 s for the answer); and the bytes
 * that a circuit moves each way before it is the others' turn. */
enum { ASKING_LIMIT = 30 * 1000000, SHARE = 65536 };

enum { SOURCE = MINKE_RELAY_FROM_SOURCE, TARGET = MINKE_RELAY_FROM_TARGET };

typedef struct splice {
    minke_list_t unfinished;
    minke_node_timer_t timer; /* ASKING */
    minke_node_stream_t *ends[2];
    minke_relay_circuit_t *account; /* NULL: over, for the book */
    minke_relay_limit_t limit;
    minke_frame_inbox_t inbox; /* the target's answer */
    bool asked, open;
    bool finished[2]; /* that end has sent its last byte, and the other was told */
} splice_t;

/* ---- the end */

static void free_splice(minke_node_t *node, splice_t *x)
{
    minke__list_remove(&x->unfinished);
    minke__node_timer_free(node, &x->timer);
    minke__frame_inbox_free(&x->inbox);
    minke__free(&node->env, x);
}

static void reset(minke_node_t *node, const minke_node_stream_t *s)
{
    if (s != NULL) (void)minke__link_reset(node, s->id, 0);
}

/* Streams end by themselves after this; the splice lives until both have. */
static void close_open(minke_node_t *node, splice_t *x, minke_relay_end_t end)
{
    if (x->account == NULL) return;
    minke__relay_circuit_close(node->hop->book, x->account, end);
    x->account = NULL;
    minke__list_remove(&x->unfinished);
    if (x->finished[SOURCE] && x->finished[TARGET]) return;
    reset(node, x->ends[SOURCE]);
    reset(node, x->ends[TARGET]);
}

/* Before it was open: the source is told, the target's stream is of no use. */
static void refuse(minke_node_t *node, splice_t *x, minke_relay_status_t status)
{
    if (x->account == NULL) return;
    minke__relay_circuit_refuse(node->hop->book, x->account, status);
    x->account = NULL;
    minke__node_timer_set(node, &x->timer, MINKE_TIME_NEVER);
    if (x->ends[SOURCE] != NULL) minke__hop_answer(node, x->ends[SOURCE], status); /* it is no longer ours then */
    x->ends[SOURCE] = NULL;
    reset(node, x->ends[TARGET]);
}

static void on_timer(minke_node_t *node, minke_node_timer_t *timer)
{
    refuse(node, MINKE_CONTAINER(timer, splice_t, timer), MINKE_RELAY_STATUS_CONNECTION_FAILED);
}

void minke__splice_time_is_up(minke_node_t *node, void *splice) { close_open(node, splice, MINKE_RELAY_ENDED_BY_TIME); }

/* ---- bytes */

/* One share in one direction. False: the circuit is over. */
static bool move(minke_node_t *node, splice_t *x, int side, bool *more)
{
    const minke_node_stream_t *from = x->ends[side], *to = x->ends[!side];
    const uint8_t *data;
    ssize_t n = MINKE_ERROR_AGAIN;
    for (size_t share = SHARE; share > 0 && (n = minke__link_peek(node, from->id, &data)) > 0;) {
        const uint64_t allowed = minke__relay_circuit_allowance(node->hop->book, x->account, side);
        if (allowed == 0) {
            close_open(node, x, MINKE_RELAY_ENDED_BY_BYTES);
            return false;
        }
        size_t piece = (size_t)n < share ? (size_t)n : share;
        if (piece > allowed) piece = (size_t)allowed;
        const ssize_t taken = minke__link_write(node, to->id, data, piece);
        if (taken == MINKE_ERROR_AGAIN || taken == MINKE_ERROR_NO_MEMORY) return true;
        if (taken <= 0) {
            close_open(node, x, MINKE_RELAY_ENDED_BY_PEERS);
            return false;
        }
        (void)minke__link_consume(node, from->id, (size_t)taken);
        minke__relay_circuit_count(node->hop->book, x->account, side, (uint64_t)taken);
        share -= (size_t)taken;
        *more |= share == 0;
    }
    if (n == 0 && !x->finished[side]) {
        x->finished[side] = true;
        (void)minke__link_finish(node, to->id);
    } else if (n < 0 && n != MINKE_ERROR_AGAIN) {
        close_open(node, x, MINKE_RELAY_ENDED_BY_PEERS);
        return false;
    }
    return true;
}

static void pump(minke_node_t *node, splice_t *x)
{
    bool more = false;
    if (x->account == NULL || x->ends[SOURCE] == NULL || x->ends[TARGET] == NULL) return;
    if (!move(node, x, SOURCE, &more) || !move(node, x, TARGET, &more)) return;
    if (x->finished[SOURCE] && x->finished[TARGET]) {
        close_open(node, x, MINKE_RELAY_ENDED_BY_PEERS);
        return;
    }
    if (!more) minke__list_remove(&x->unfinished);
    else if (!minke__list_linked(&x->unfinished)) minke__list_append(&node->hop->unfinished, &x->unfinished);
}

static void run_splice(minke_node_t *node, minke_node_stream_t *s)
{
    splice_t *x = s->state;
    if (!minke__list_linked(&x->unfinished)) pump(node, x); /* else it is in the queue */
}

void minke__splices_go_on(minke_node_t *node)
{
    minke_list_t turn;
    minke__list_init(&turn);
    for (minke_list_t *item; (item = minke__list_pop(&node->hop->unfinished)) != NULL;) minke__list_append(&turn, item);
    for (minke_list_t *item; (item = minke__list_pop(&turn)) != NULL;) {
        pump(node, MINKE_CONTAINER(item, splice_t, unfinished));
    }
}

/* A stream has gone. A clean end of one is no reason to cut the other short: when that comes right behind the last byte
 * of a share, the splice waits for its turn, and the other end was not told yet. */
static void stream_done(minke_node_t *node, minke_node_stream_t *s)
{
    splice_t *x = s->state;
    const int side = x->ends[SOURCE] == s ? SOURCE : TARGET;
    if (x->open) pump(node, x);
    x->ends[side] = NULL;
    if (x->open) close_open(node, x, MINKE_RELAY_ENDED_BY_PEERS);
    else refuse(node, x, MINKE_RELAY_STATUS_CONNECTION_FAILED);
    if (x->ends[!side] == NULL) free_splice(node, x);
}

static const minke_service_t splice_service = {.protocol = "", .run = run_splice, .done = stream_done};

/* ---- the target's answer */

static void open_up(minke_node_t *node, splice_t *x)
{
    const minke_relay_message_t agreed = {.type = MINKE_HOP_STATUS, .status = MINKE_RELAY_STATUS_OK, .limit = x->limit};
    minke__node_timer_set(node, &x->timer, MINKE_TIME_NEVER);
    x->open = true;
    x->ends[TARGET]->service = &splice_service;
    minke__list_remove(&x->ends[SOURCE]->waiting); /* the time limit of the circuit counts from now on */
    minke__list_remove(&x->ends[TARGET]->waiting);
    minke__relay_circuit_start(node->hop->book, x->account, node->now);
    if (minke__relay_write(node, x->ends[SOURCE], minke__hop_write, &agreed)) pump(node, x);
    else close_open(node, x, MINKE_RELAY_ENDED_BY_PEERS);
}

static void run_stop(minke_node_t *node, minke_node_stream_t *s)
{
    splice_t *x = s->state;
    minke_relay_message_t message;
    if (x->account == NULL) return;
    if (!x->asked) {
        const minke_relay_message_t call = {
            .type = MINKE_STOP_CONNECT,
            .peer = {.id = *minke__relay_circuit_peer(x->account, MINKE_RELAY_FROM_SOURCE)},
            .limit = x->limit};
        x->asked = true;
        if (!minke__relay_write(node, s, minke__stop_write, &call)) return;
    }
    const int result = minke__relay_read(node, s, &x->inbox);
    if (result == MINKE_ERROR_AGAIN) return;
    if (result == MINKE_OK && minke__stop_read(x->inbox.message, x->inbox.len, &message) == MINKE_OK &&
        message.type == MINKE_STOP_STATUS && message.status == MINKE_RELAY_STATUS_OK) {
        open_up(node, x);
    } else {
        refuse(node, x, MINKE_RELAY_STATUS_CONNECTION_FAILED);
    }
}

static const minke_service_t stop_service = {
    .protocol = "/libp2p/circuit/relay/0.2.0/stop", .run = run_stop, .done = stream_done};

/* The source may send before it is told that the circuit is open: it waits in its stream. */
static void run_waiting(minke_node_t *node, minke_node_stream_t *s)
{
    splice_t *x = s->state;
    if (x->open) run_splice(node, s);
}

static const minke_service_t source_service = {.protocol = "", .run = run_waiting, .done = stream_done};

minke_relay_status_t minke__splice_begin(minke_node_t *node, minke_node_stream_t *hop, minke_relay_circuit_t *account,
                                         const minke_relay_limit_t *limit)
{
    minke_node_connection_t *target = minke__node_connection(node, account->target_connection);
    minke_node_stream_t *stop;
    if (target == NULL) return MINKE_RELAY_STATUS_NO_RESERVATION;
    splice_t *x = minke__alloc_zero(&node->env, sizeof *x);
    if (x == NULL || minke__node_timer_init(node, &x->timer, on_timer) < 0) {
        minke__free(&node->env, x);
        return MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED;
    }
    minke__list_init(&x->unfinished);
    minke__frame_inbox_init(&x->inbox, &node->env, MINKE_RELAY_MESSAGE_MAX);
    if (minke__node_open_stream(node, target, stop_service.protocol, &stop_service, &stop) < 0) {
        free_splice(node, x);
        return MINKE_RELAY_STATUS_CONNECTION_FAILED;
    }
    x->ends[SOURCE] = hop;
    x->ends[TARGET] = stop;
    x->account = account;
    x->limit = *limit;
    account->user = x;
    stop->state = x;
    hop->state = x;
    hop->service = &source_service;
    minke__list_remove(&stop->waiting);
    minke__list_remove(&hop->waiting);
    minke__node_timer_set(node, &x->timer, node->now + ASKING_LIMIT);
    return MINKE_RELAY_STATUS_OK;
}
