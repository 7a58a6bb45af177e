#include "driver/carrier.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "driver/host.h"
#include "driver/tcp.h"

typedef enum carrier_state { CONNECTING, SHAKING, OPEN, DEAD } carrier_state_t;

struct minke_tcp_carrier {
    minke_carrier_t base; /* first: the node hands this back */
    minke_list_t siblings;
    minke_map_node_t by_attempt; /* while there is no connection yet */
    minke_watch_t watch;
    carrier_state_t state;
    uint64_t attempt; /* the node's; 0: accepted */
    minke_connection_t connection;
    minke_layers_t layers;
    int broken;      /* errno of what sending ran into; 0: nothing */
    uint8_t *unsent; /* what the socket had no room for; nothing is sent before it */
    size_t unsent_at, unsent_len;
};

/* One read takes at most a buffer full, and so does one turn of a connection: the others are to have theirs. */
enum { PIECE = 65536 };

static const minke_close_t out_of_memory = {
    .layer = MINKE_LAYER_NETWORK, .code = MINKE_ERROR_NO_MEMORY, .text = "out of memory"};

/* ---- making and freeing */

static void on_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events);

static minke_tcp_carrier_t *new_carrier(minke_host_t *host, minke_target_kind_t kind, const minke_address_t *remote)
{
    if (host->piece == NULL) host->piece = minke__alloc(&host->node->env, PIECE);
    if (host->piece == NULL) return NULL;
    minke_tcp_carrier_t *c = minke__alloc_zero(&host->node->env, sizeof *c);
    if (c == NULL) return NULL;
    c->base = (minke_carrier_t){.kind = kind, .remote = *remote};
    c->watch = (minke_watch_t){.fd = -1, .ready = on_ready};
    minke__list_init(&c->base.released);
    minke__list_init(&c->siblings);
    minke__list_append(&host->carriers, &c->siblings);
    return c;
}

static void free_carrier(minke_host_t *host, minke_tcp_carrier_t *c)
{
    minke__watch_remove(host, &c->watch);
    if (c->watch.fd >= 0) (void)close(c->watch.fd);
    minke__host_listeners_look_again(host);
    minke__list_remove(&c->siblings);
    minke__list_remove(&c->base.released);
    if (c->attempt != 0) minke__map_remove(&host->attempts, &c->by_attempt);
    minke__layers_free(&c->layers);
    minke__free(&host->node->env, c->unsent);
    minke__free(&host->node->env, c);
}

/* Nothing more comes or goes; the node hears why, and releases it when the connection has ended. */
static void fail(minke_host_t *host, minke_tcp_carrier_t *c, const minke_close_t *reason)
{
    const uint64_t attempt = c->attempt;
    c->state = DEAD;
    minke__watch_remove(host, &c->watch);
    if (c->connection != 0) {
        minke__bytes_disconnected(host->node->bytes, c->connection, reason, host->now);
        return;
    }
    free_carrier(host, c);
    minke__node_not_carried(host->node, attempt, reason, host->now);
}

/* `before` ADDRESS `after`: what the system says */
static minke_close_t system_failure(const minke_tcp_carrier_t *c, const char *before, const char *after, int error)
{
    char remote[MINKE_ADDRESS_TEXT_BYTES];
    minke__address_text(&c->base.remote, remote, sizeof remote);
    const bool is_local = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
    minke_close_t reason = {.layer = MINKE_LAYER_NETWORK,
                            .code = is_local ? MINKE_ERROR_SYSTEM : MINKE_ERROR_CONNECTION_CLOSED,
                            .by_remote = error == ECONNRESET || error == ECONNREFUSED || error == EPIPE};
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    minke__write_text(&w, before);
    minke__write_text(&w, remote);
    minke__write_text(&w, after);
    minke__write_text(&w, ": ");
    minke__write_text(&w, strerror(error));
    minke__write_terminator(&w);
    return reason;
}

/* ---- out: nothing here frees a carrier or ends it, reading does */

static void want(minke_host_t *host, minke_tcp_carrier_t *c)
{
    minke__watch_change(host, &c->watch, c->unsent_len > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* What has arrived is still read: it may say better why. Its end, which now comes in any case, finds the error. */
static void stop_sending(minke_host_t *host, minke_tcp_carrier_t *c, int error)
{
    c->broken = error;
    c->unsent_len = 0;
    (void)shutdown(c->watch.fd, SHUT_RDWR);
    want(host, c);
}

/* Keeps what the socket does not take. False: no more can be sent now. */
static bool send_some(minke_host_t *host, minke_tcp_carrier_t *c, const uint8_t *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        const ssize_t n = send(c->watch.fd, data + done, len - done, MSG_NOSIGNAL);
        if (n >= 0) {
            done += (size_t)n;
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        stop_sending(host, c, errno);
        return false;
    }
    if (done == len) return true;
    if (c->unsent == NULL) c->unsent = minke__alloc(&host->node->env, PIECE);
    if (c->unsent == NULL) {
        stop_sending(host, c, ENOMEM);
        return false;
    }
    memmove(c->unsent, data + done, len - done);
    c->unsent_at = 0;
    c->unsent_len = len - done;
    want(host, c);
    return false;
}

/* The bytes that the layers have ready, then those of the connection. */
static size_t next_bytes(minke_host_t *host, minke_tcp_carrier_t *c)
{
    for (;;) {
        size_t n = minke__layers_transmit(&c->layers, host->piece, PIECE);
        if (n > 0 || c->connection == 0 || !minke__layers_take(&c->layers)) return n;
        n = minke__bytes_transmit(host->node->bytes, c->connection, host->piece, PIECE, host->now);
        if (n == 0 || minke__layers_is_plain(&c->layers)) return n;
        minke__layers_write(&c->layers, host->piece, n);
    }
}

/* Until there is no more or the socket is full. */
static void pump_out(minke_host_t *host, minke_tcp_carrier_t *c)
{
    if (c->state == CONNECTING || c->state == DEAD || c->broken != 0 || c->unsent_len > 0) return;
    for (size_t n; (n = next_bytes(host, c)) > 0;) {
        if (!send_some(host, c, host->piece, n)) return;
    }
    /* They may have ended just now, for want of memory: so that reading hears of it. */
    if (minke__layers_close_reason(&c->layers) != NULL) (void)shutdown(c->watch.fd, SHUT_RD);
}

static void send_unsent(minke_host_t *host, minke_tcp_carrier_t *c)
{
    const size_t len = c->unsent_len;
    c->unsent_len = 0;
    if (len > 0 && !send_some(host, c, c->unsent + c->unsent_at, len)) return;
    minke__free(&host->node->env, c->unsent);
    c->unsent = NULL;
    want(host, c);
    pump_out(host, c);
}

void minke__carriers_transmit(minke_host_t *host)
{
    minke_connection_t id;
    while (minke__node_ready(host->node, &id, host->now)) {
        pump_out(host, (minke_tcp_carrier_t *)(void *)minke__bytes_carrier(host->node->bytes, id));
    }
}

/* ---- in */

/* The layers may be through with their handshakes, or at an end. False: `c` is gone, or dead. */
static bool check_layers(minke_host_t *host, minke_tcp_carrier_t *c)
{
    const minke_close_t *ended = minke__layers_close_reason(&c->layers);
    if (ended != NULL) {
        const minke_close_t reason = *ended;
        pump_out(host, c); /* their answer to what ended them */
        fail(host, c, &reason);
        return false;
    }
    if (c->state != SHAKING || !minke__layers_take(&c->layers)) return true;
    const uint64_t attempt = c->attempt;
    minke__map_remove(&host->attempts, &c->by_attempt);
    c->attempt = 0;
    if (minke__node_carried(host->node, attempt, &c->base, host->now, &c->connection) < 0) {
        c->connection = 0;
        free_carrier(host, c);
        return false;
    }
    c->state = OPEN;
    return true;
}

static void hand_up(minke_host_t *host, minke_tcp_carrier_t *c)
{
    for (ssize_t n; c->connection != 0 && (n = minke__layers_read(&c->layers, host->in, PIECE)) > 0;) {
        minke__bytes_recv(host->node->bytes, c->connection, host->in, (size_t)n, host->now);
    }
}

/* The layers have been given something. False: `c` is gone, or dead. */
static bool take_up(minke_host_t *host, minke_tcp_carrier_t *c)
{
    if (minke__layers_is_plain(&c->layers)) return true;
    hand_up(host, c);
    if (!check_layers(host, c)) return false;
    hand_up(host, c); /* the connection may have begun just now */
    return true;
}

static void take_bytes(minke_host_t *host, minke_tcp_carrier_t *c, size_t len)
{
    if (minke__layers_is_plain(&c->layers)) {
        minke__bytes_recv(host->node->bytes, c->connection, host->in, len, host->now);
        return;
    }
    minke__layers_recv(&c->layers, host->in, len);
    if (take_up(host, c)) pump_out(host, c);
}

/* Nothing more comes: for this reason of the system's, or 0, because the remote has ended it. */
static void take_end(minke_host_t *host, minke_tcp_carrier_t *c, int error)
{
    minke_close_t reason = {.layer = MINKE_LAYER_NETWORK,
                            .code = MINKE_ERROR_CONNECTION_CLOSED,
                            .by_remote = true,
                            .text = "the remote closed the TCP connection"};
    if (c->broken != 0) error = c->broken;
    if (error == 0) minke__layers_recv_end(&c->layers);
    if (!take_up(host, c)) return;
    if (error != 0) reason = system_failure(c, "the TCP connection to ", " broke", error);
    fail(host, c, &reason);
}

static void receive(minke_host_t *host, minke_tcp_carrier_t *c)
{
    /* TLS takes no more at once. */
    const size_t most = minke__layers_is_plain(&c->layers) ? MINKE_HOST_IN_BYTES : PIECE;
    const ssize_t n = recv(c->watch.fd, host->in, most, 0);
    if (n > 0) take_bytes(host, c, (size_t)n);
    else if (n == 0) take_end(host, c, 0);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) take_end(host, c, errno);
}

/* A WebSocket or TLS begins to speak; a plain connection is the node's at once. False: `c` is gone. */
static bool connected(minke_host_t *host, minke_tcp_carrier_t *c)
{
    const int error = minke__tcp_outcome(c->watch.fd);
    if (error != 0) {
        const minke_close_t reason = system_failure(c, "no TCP connection to ", "", error);
        fail(host, c, &reason);
        return false;
    }
    c->state = SHAKING;
    return check_layers(host, c);
}

static void on_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events)
{
    minke_tcp_carrier_t *c = MINKE_CONTAINER(watch, minke_tcp_carrier_t, watch);
    if (c->state == CONNECTING && !connected(host, c)) return;
    if ((events & EPOLLOUT) != 0) send_unsent(host, c);
    if ((events & (uint32_t)~EPOLLOUT) != 0) receive(host, c);
}

/* ---- what the node and the listeners ask for */

/* False: `reason` says why not. */
static bool stack_layers(minke_host_t *host, minke_tcp_carrier_t *c, const minke_target_t *target, const char *name,
                         minke_close_t *reason)
{
    minke_tls_context_t *context = NULL;
    if (target->kind == MINKE_TARGET_WEBSOCKET_TLS) {
        context = minke__host_trust(host, reason);
        if (context == NULL) return false;
    }
    *reason = out_of_memory;
    if (minke__layers_client(&c->layers, &host->node->env, context, target, name) < 0) return false;
    const minke_close_t *ended = minke__layers_close_reason(&c->layers);
    if (ended != NULL) *reason = *ended;
    return ended == NULL;
}

static bool connect_it(minke_host_t *host, minke_tcp_carrier_t *c, uint64_t attempt, minke_close_t *reason)
{
    c->watch.fd = minke__tcp_connect(&c->base.remote);
    if (c->watch.fd < 0 || minke__watch_add(host, &c->watch, c->watch.fd, EPOLLIN | EPOLLOUT) < 0) {
        *reason = system_failure(c, "no TCP connection to ", "", errno);
        return false;
    }
    *reason = out_of_memory;
    if (minke__map_insert(&host->attempts, &c->by_attempt, attempt) < 0) return false;
    c->attempt = attempt;
    return true;
}

void minke__carrier_connect(minke_host_t *host, const minke_node_request_t *request)
{
    const minke_target_t *target = request->target;
    minke_close_t reason = out_of_memory;
    minke_tcp_carrier_t *c = new_carrier(host, target->kind, &target->address);
    if (c != NULL && stack_layers(host, c, target, request->name, &reason) &&
        connect_it(host, c, request->attempt, &reason))
        return;
    if (c != NULL) free_carrier(host, c);
    minke__node_not_carried(host->node, request->attempt, &reason, host->now);
}

void minke__carrier_cancel(minke_host_t *host, uint64_t attempt)
{
    minke_map_node_t *node = minke__map_first(&host->attempts, attempt);
    if (node != NULL) free_carrier(host, MINKE_CONTAINER(node, minke_tcp_carrier_t, by_attempt));
}

/* The connection has said its last word, or has waited long enough to; what the layers add is said if there is room. */
static void release(minke_host_t *host, minke_tcp_carrier_t *c)
{
    c->connection = 0;
    if (c->state == OPEN) {
        minke__layers_close(&c->layers);
        pump_out(host, c);
    }
    free_carrier(host, c);
}

void minke__carrier_release(minke_host_t *host, minke_carrier_t *carrier)
{
    release(host, (minke_tcp_carrier_t *)(void *)carrier);
}

void minke__carrier_accept(minke_host_t *host, int fd, minke_target_kind_t kind, const minke_address_t *remote)
{
    minke_tcp_carrier_t *c = new_carrier(host, kind, remote);
    if (c == NULL) {
        (void)close(fd);
        return;
    }
    c->watch.fd = fd;
    c->state = OPEN;
    if (minke__layers_server(&c->layers, &host->node->env, kind) < 0 ||
        minke__watch_add(host, &c->watch, fd, EPOLLIN) < 0 ||
        minke__node_accept(host->node, &c->base, host->now, &c->connection) < 0) {
        c->connection = 0;
        free_carrier(host, c);
    }
}

void minke__carriers_free(minke_host_t *host)
{
    for (minke_list_t *item; (item = host->carriers.next) != &host->carriers;) {
        minke_tcp_carrier_t *c = MINKE_CONTAINER(item, minke_tcp_carrier_t, siblings);
        if (c->connection != 0) (void)minke__node_take_carrier(host->node, c->connection);
        release(host, c);
    }
}
