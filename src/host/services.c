/* The services that answer with bytes: ping and perf (spec/host.md 9, 10). */
#include "host/link.h"

/* ---- ping: 32 bytes in, the same 32 bytes out, until the remote finishes. So is any echo. ---- */

static void run_ping(minke_node_t *node, minke_node_stream_t *s)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke__link_peek(node, s->id, &data)) > 0) {
        const ssize_t taken = minke__link_write(node, s->id, data, (size_t)n);
        if (taken == MINKE_ERROR_AGAIN) return;
        if (taken < 0) { /* nobody is there to hear the rest: what is left unread would keep the connection */
            (void)minke__link_reset(node, s->id, 0);
            return;
        }
        (void)minke__link_consume(node, s->id, (size_t)taken);
    }
    if (n == 0) (void)minke__link_finish(node, s->id);
}

const minke_service_t minke__service_ping = {.protocol = "/ipfs/ping/1.0.0", .on_limited = true, .run = run_ping};

/* ---- perf: 8 bytes say how much is wanted; all that follows is dropped; then that much is sent ---- */

typedef struct perf_state {
    uint8_t header[8];
    uint8_t header_len;
    bool sending;
    uint64_t left;
} perf_state_t;

/* What follows the header is only counted by the sender. */
static void read_header(perf_state_t *perf, const uint8_t *data, size_t n)
{
    size_t used = 0;
    while (used < n && perf->header_len < sizeof perf->header) perf->header[perf->header_len++] = data[used++];
    if (used > 0 && perf->header_len == sizeof perf->header) {
        minke_reader_t r = minke__reader(perf->header, sizeof perf->header);
        perf->left = minke__read_u64(&r);
    }
}

static void receive_perf(minke_node_t *node, minke_node_stream_t *s, perf_state_t *perf)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke__link_peek(node, s->id, &data)) > 0) {
        read_header(perf, data, (size_t)n);
        (void)minke__link_consume(node, s->id, (size_t)n);
    }
    if (n != 0) return;
    if (perf->header_len == sizeof perf->header) perf->sending = true;
    else (void)minke__link_reset(node, s->id, 0);
}

static void send_perf(minke_node_t *node, minke_node_stream_t *s, perf_state_t *perf)
{
    static const uint8_t zeros[16384];
    while (perf->left > 0) {
        const size_t n = perf->left < sizeof zeros ? (size_t)perf->left : sizeof zeros;
        const ssize_t taken = minke__link_write(node, s->id, zeros, n);
        if (taken <= 0) return;
        perf->left -= (uint64_t)taken;
    }
    (void)minke__link_finish(node, s->id);
}

static void run_perf(minke_node_t *node, minke_node_stream_t *s)
{
    if (s->state == NULL) s->state = minke__alloc_zero(minke__node_env(node, s->connection), sizeof(perf_state_t));
    if (s->state == NULL) {
        (void)minke__link_reset(node, s->id, 0);
        return;
    }
    perf_state_t *perf = s->state;
    if (!perf->sending) receive_perf(node, s, perf);
    if (perf->sending) send_perf(node, s, perf);
}

static void free_state(minke_node_t *node, minke_node_stream_t *s) { minke__free(&node->env, s->state); }

const minke_service_t minke__service_perf = {.protocol = "/perf/1.0.0", .run = run_perf, .done = free_state};

/* ---- what is left of a stream that nobody needs any more ---- */

static void run_drain(minke_node_t *node, minke_node_stream_t *s)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke__link_peek(node, s->id, &data)) > 0) (void)minke__link_consume(node, s->id, (size_t)n);
}

static const minke_service_t drain = {.protocol = "", .run = run_drain};

void minke__node_drain(minke_node_t *node, minke_node_stream_t *s)
{
    s->service = &drain;
    s->state = NULL;
    minke__node_limit_time(node, s);
    run_drain(node, s);
}
