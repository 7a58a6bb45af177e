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
    uint8_t *unsent; /* what the socket had no room for; nothing is sent before it */
    size_t unsent_at, unsent_len;
};

/* One read takes at most a buffer full, and so does one turn of a connection: the others are to have theirs. */
enum { PIECE = 65536 };

/* ---- making and freeing */

static minke_close_t network_failure(int code, const char *what, const char *why)
{
    minke_close_t reason = {.layer = MINKE_LAYER_NETWORK, .code = code};
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    minke__write_text(&w, what);
    if (why[0] != 0) minke__write_text(&w, ": ");
    minke__write_text(&w, why);
    minke__write_terminator(&w);
    return reason;
}

static void on_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events);

static minke_tcp_carrier_t *new_carrier(minke_host_t *host, minke_target_kind_t kind, const minke_address_t *remote)
{
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
    if (c->state == DEAD) return;
    c->state = DEAD;
    minke__watch_remove(host, &c->watch);
    if (c->connection != 0) {
        minke__bytes_disconnected(host->node->bytes, c->connection, reason, host->now);
        return;
    }
    free_carrier(host, c);
    minke__node_not_carried(host->node, attempt, reason, host->now);
}

static void fail_by_errno(minke_host_t *host, minke_tcp_carrier_t *c, const char *what, int error)
{
    char remote[MINKE_ADDRESS_TEXT_BYTES], text[160];
    minke__address_text(&c->base.remote, remote, sizeof remote);
    minke_writer_t w = minke__writer(text, sizeof text);
    minke__write_text(&w, what);
    minke__write_text(&w, remote);
    minke__write_terminator(&w);
    const bool local = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
    minke_close_t reason =
        network_failure(local ? MINKE_ERROR_SYSTEM : MINKE_ERROR_CONNECTION_CLOSED, text, strerror(error));
    reason.by_remote = error == ECONNRESET || error == ECONNREFUSED || error == EPIPE;
    fail(host, c, &reason);
}

/* ---- out */

static void want(minke_host_t *host, minke_tcp_carrier_t *c)
{
    const bool out = c->unsent_len > 0 || c->state == CONNECTING;
    minke__watch_change(host, &c->watch, out ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* Keeps what the socket does not take. False: it failed, or `c` is full now. */
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
        fail_by_errno(host, c, "the TCP connection broke, to ", errno);
        return false;
    }
    if (done == len) return true;
    if (c->unsent == NULL) c->unsent = minke__alloc(&host->node->env, PIECE);
    if (c->unsent == NULL) {
        fail_by_errno(host, c, "out of memory for ", ENOMEM);
        return false;
    }
    memmove(c->unsent, data + done, len - done);
    c->unsent_at = 0;
    c->unsent_len = len - done;
    want(host, c);
    return false;
}

static bool send_unsent(minke_host_t *host, minke_tcp_carrier_t *c)
{
    const size_t len = c->unsent_len;
    c->unsent_len = 0;
    if (len > 0 && !send_some(host, c, c->unsent + c->unsent_at, len)) return false;
    minke__free(&host->node->env, c->unsent);
    c->unsent = NULL;
    want(host, c);
    return true;
}

/* The bytes that the layers have ready, then those of the connection, until there is no more or the socket is full. */
static void pump_out(minke_host_t *host, minke_tcp_carrier_t *c)
{
    if (c->state == CONNECTING || c->state == DEAD || c->unsent_len > 0) return;
    for (;;) {
        size_t n = minke__layers_transmit(&c->layers, host->out, PIECE);
        if (n == 0 && c->connection != 0 && minke__layers_take(&c->layers)) {
            n = minke__bytes_transmit(host->node->bytes, c->connection, host->out, PIECE, host->now);
            if (n > 0 && minke__layers_is_plain(&c->layers)) {
                if (!send_some(host, c, host->out, n)) return;
                continue;
            }
            if (n > 0) {
                minke__layers_write(&c->layers, host->out, n);
                continue;
            }
        }
        if (n == 0) return;
        if (!send_some(host, c, host->out, n)) return;
    }
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
        if (c->connection != 0) pump_out(host, c); /* its answer to what ended it */
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

static void take_bytes(minke_host_t *host, minke_tcp_carrier_t *c, size_t len)
{
    if (minke__layers_is_plain(&c->layers)) {
        minke__bytes_recv(host->node->bytes, c->connection, host->in, len, host->now);
        return;
    }
    minke__layers_recv(&c->layers, host->in, len);
    for (ssize_t n; c->connection != 0 && (n = minke__layers_read(&c->layers, host->in, PIECE)) > 0;) {
        minke__bytes_recv(host->node->bytes, c->connection, host->in, (size_t)n, host->now);
    }
    if (!check_layers(host, c)) return;
    for (ssize_t n; c->connection != 0 && (n = minke__layers_read(&c->layers, host->in, PIECE)) > 0;) {
        minke__bytes_recv(host->node->bytes, c->connection, host->in, (size_t)n, host->now);
    }
    pump_out(host, c);
}

static void receive(minke_host_t *host, minke_tcp_carrier_t *c)
{
    const ssize_t n = recv(c->watch.fd, host->in, MINKE_HOST_IN_BYTES, 0);
    if (n > 0) {
        take_bytes(host, c, (size_t)n);
    } else if (n == 0) {
        minke_close_t reason =
            network_failure(MINKE_ERROR_CONNECTION_CLOSED, "the remote closed the TCP connection", "");
        reason.by_remote = true;
        fail(host, c, &reason);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        fail_by_errno(host, c, "the TCP connection broke, to ", errno);
    }
}

/* A WebSocket or TLS begins to speak; a plain connection is the node's at once. False: `c` is gone. */
static bool connected(minke_host_t *host, minke_tcp_carrier_t *c)
{
    const int error = minke__tcp_outcome(c->watch.fd);
    if (error != 0) {
        fail_by_errno(host, c, "no TCP connection to ", error);
        return false;
    }
    c->state = SHAKING;
    want(host, c);
    if (!check_layers(host, c)) return false;
    pump_out(host, c);
    return true;
}

static void on_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events)
{
    minke_tcp_carrier_t *c = MINKE_CONTAINER(watch, minke_tcp_carrier_t, watch);
    const uint64_t id = watch->id;
    if (c->state == CONNECTING) {
        if (!connected(host, c)) return;
    } else if ((events & EPOLLOUT) != 0 && send_unsent(host, c)) {
        pump_out(host, c);
    }
    if (minke__handles_get(&host->watches, id) == NULL) return; /* it failed */
    if ((events & (uint32_t)~EPOLLOUT) != 0 && c->state != CONNECTING) receive(host, c);
}

/* ---- what the node and the listeners ask for */

static void refuse(minke_host_t *host, uint64_t attempt, int code, const char *what, const char *why)
{
    const minke_close_t reason = network_failure(code, what, why);
    minke__node_not_carried(host->node, attempt, &reason, host->now);
}

void minke__carrier_connect(minke_host_t *host, const minke_node_request_t *request)
{
    const minke_target_t *target = request->target;
    const uint64_t attempt = request->attempt;
    minke_tcp_carrier_t *c = new_carrier(host, target->kind, &target->address);
    if (c == NULL || minke__layers_client(&c->layers, &host->node->env, target, request->name) < 0) {
        if (c != NULL) free_carrier(host, c);
        refuse(host, attempt, MINKE_ERROR_NO_MEMORY, "out of memory", "");
        return;
    }
    const int fd = minke__tcp_connect(&target->address);
    if (fd < 0 || minke__watch_add(host, &c->watch, fd, EPOLLIN | EPOLLOUT) < 0) {
        const int error = errno;
        c->watch.fd = fd;
        free_carrier(host, c);
        refuse(host, attempt, MINKE_ERROR_SYSTEM, "no TCP connection can be made", strerror(error));
        return;
    }
    c->attempt = attempt;
    if (minke__map_insert(&host->attempts, &c->by_attempt, attempt) == MINKE_OK) return;
    c->attempt = 0;
    free_carrier(host, c);
    refuse(host, attempt, MINKE_ERROR_NO_MEMORY, "out of memory", "");
}

void minke__carrier_cancel(minke_host_t *host, uint64_t attempt)
{
    minke_map_node_t *node = minke__map_first(&host->attempts, attempt);
    if (node != NULL) free_carrier(host, MINKE_CONTAINER(node, minke_tcp_carrier_t, by_attempt));
}

void minke__carrier_release(minke_host_t *host, minke_carrier_t *carrier)
{
    minke_tcp_carrier_t *c = (minke_tcp_carrier_t *)(void *)carrier;
    c->connection = 0;
    if (c->state != DEAD) {
        minke__layers_close(&c->layers);
        pump_out(host, c);
    }
    free_carrier(host, c);
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
        free_carrier(host, MINKE_CONTAINER(item, minke_tcp_carrier_t, siblings));
    }
}
