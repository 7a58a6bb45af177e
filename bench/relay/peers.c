#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "process.h"

/* Handshakes at once: below what a relay takes (handshakes_max), and a backlog's worth. */
enum { AT_ONCE = 64, EVENTS = 64, POLLS_PER_TURN = 32 };

static uint64_t now_ms(void) { return (uint64_t)(now_s() * 1e3); }

/* ---- making and freeing */

/* A serialized Ed25519 private key ends with the public one; the peer id is that, serialized, in an identity multihash.
 */
static bool make_host(peer_t *peer)
{
    static const uint8_t before[] = {0x00, 0x24, 0x08, 0x01, 0x12, 0x20};
    enum { PUBLIC_BYTES = 32 };
    uint8_t key[128];
    minke_host_options_t options;
    minke_host_defaults(&options);
    const ssize_t len = minke_key_new(key, sizeof key);
    if (len < PUBLIC_BYTES) return false;
    options.transport.private_key = key;
    options.transport.private_key_len = (size_t)len;
    memcpy(peer->id, before, sizeof before);
    memcpy(peer->id + sizeof before, key + len - PUBLIC_BYTES, PUBLIC_BYTES);
    peer->host = minke_host_new(&options);
    return peer->host != NULL && peer->all->manner->prepare(peer);
}

static bool make_peer(peers_t *all, unsigned index)
{
    peer_t *peer = &all->list[index];
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = peer}};
    *peer = (peer_t){.all = all, .index = index, .poll_at = UINT64_MAX};
    if (index < 2 * all->circuits) {
        peer->calls = index % 2 == 0;
        peer->partner = peer->calls ? peer + 1 : peer - 1;
        flow_begin(&peer->flow, index, all->bytes, all->window);
    }
    return make_host(peer) && epoll_ctl(all->epoll, EPOLL_CTL_ADD, minke_fd(peer->host), &event) == 0;
}

peers_t *peers_new(const manner_t *manner, const char *relay, unsigned n, unsigned circuits, uint64_t bytes,
                   uint64_t window)
{
    peers_t *all = calloc(1, sizeof *all);
    if (all == NULL) return NULL;
    *all = (peers_t){.manner = manner, .relay = relay, .circuits = circuits, .bytes = bytes, .window = window};
    all->list = calloc(n, sizeof *all->list);
    all->epoll = epoll_create1(EPOLL_CLOEXEC);
    bool made = all->list != NULL && all->epoll >= 0;
    while (made && all->n < n) made = make_peer(all, all->n++);
    if (made) return all;
    peers_free(all);
    return NULL;
}

void peers_free(peers_t *all)
{
    for (unsigned i = 0; i < all->n; i++) {
        minke_host_free(all->list[i].host);
        free(all->list[i].address);
    }
    free(all->list);
    if (all->epoll >= 0) (void)close(all->epoll);
    free(all);
}

/* ---- turns */

static void take_turn(peer_t *peer)
{
    minke_event_t event;
    for (int i = 0; i < POLLS_PER_TURN && minke_poll(peer->host, &event) == MINKE_OK; i++) {
        peer->all->manner->event(peer, &event);
    }
    const int ms = minke_timeout(peer->host);
    peer->poll_at = ms < 0 ? UINT64_MAX : now_ms() + (uint64_t)ms;
}

static void wake(peer_t *peer) { peer->poll_at = 0; }

/* Those whose time has come; and how long until the next. */
static int serve_timers(peers_t *all)
{
    const uint64_t now = now_ms();
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < all->n; i++) {
        peer_t *peer = &all->list[i];
        if (peer->poll_at <= now) take_turn(peer);
        if (peer->poll_at < next) next = peer->poll_at;
    }
    if (next <= now) return 0;
    return next - now < 100 ? (int)(next - now) : 100;
}

static void run(peers_t *all)
{
    struct epoll_event ready[EVENTS];
    const int n = epoll_wait(all->epoll, ready, EVENTS, serve_timers(all));
    for (int i = 0; i < n; i++) take_turn(ready[i].data.ptr);
}

/* ---- the phases */

static bool may_go_on(const peers_t *all, double until) { return all->errors == 0 && now_s() < until; }

static void start(peer_t *peer, bool (*begin)(peer_t *), const char *what)
{
    if (!begin(peer)) peer_failed(peer, what, "it cannot be begun");
    wake(peer);
}

void peers_reserve(peers_t *all, double until)
{
    for (unsigned next = 0; all->reserved < all->n && may_go_on(all, until); run(all)) {
        for (; next < all->n && all->reserving - all->reserved < AT_ONCE; next++, all->reserving++) {
            start(&all->list[next], all->manner->reserve, "the reservation");
        }
    }
}

void peers_call(peers_t *all, double until)
{
    for (unsigned next = 0; all->open < 2 * all->circuits && may_go_on(all, until); run(all)) {
        for (; next < all->circuits && 2 * next < all->open + AT_ONCE; next++) {
            start(&all->list[2 * next], all->manner->call, "the circuit");
        }
    }
}

void peers_run_flows(peers_t *all, double until)
{
    all->begun = true;
    for (unsigned i = 0; i < all->circuits; i++) {
        peer_move(&all->list[2 * i]);
        wake(&all->list[2 * i]);
    }
    while (all->done < all->circuits && may_go_on(all, until)) run(all);
}

void peers_idle(peers_t *all, double until)
{
    while (may_go_on(all, until)) run(all);
}

/* ---- one peer */

void peer_failed(peer_t *peer, const char *what, const char *why)
{
    peers_t *all = peer->all;
    if (all->errors++ > 0) return;
    (void)snprintf(all->first_error, sizeof all->first_error, "peer %u: %s: %s", peer->index, what, why);
}

void peer_reserved(peer_t *peer)
{
    if (peer->reserved) return;
    peer->reserved = true;
    peer->all->reserved++;
}

void peer_opened(peer_t *peer, minke_stream_t stream)
{
    if (peer->partner == NULL || peer->open) {
        peer_failed(peer, "the circuit", "nobody asked for it");
        return;
    }
    peer->stream = stream;
    peer->open = true;
    peer->all->open++;
}

static void send_some(peer_t *peer)
{
    const uint8_t *data;
    for (size_t len; (data = flow_next(&peer->flow, &len)), len > 0;) {
        const ssize_t taken = minke_stream_write(peer->host, peer->stream, data, len);
        if (taken == MINKE_ERROR_AGAIN) return;
        if (taken <= 0) {
            peer_failed(peer, "sending", minke_error_text((int)taken));
            return;
        }
        peer->flow.sent += (uint64_t)taken;
        if (peer->flow.sent == peer->flow.total) (void)minke_stream_finish(peer->host, peer->stream);
    }
}

static void compare(peer_t *peer)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(peer->host, peer->stream, &data)) > 0) {
        if (!flow_check(&peer->flow, data, (size_t)n)) {
            peer_failed(peer, "comparing", "what came back is not what was sent");
            return;
        }
        (void)minke_stream_consume(peer->host, peer->stream, (size_t)n);
    }
    if (n == 0 && !flow_is_complete(&peer->flow)) peer_failed(peer, "comparing", "bytes are missing at the end");
    if (n != 0 || peer->done) return;
    peer->done = true;
    peer->all->done++;
}

static void echo(peer_t *peer)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(peer->host, peer->stream, &data)) > 0) {
        const ssize_t taken = minke_stream_write(peer->host, peer->stream, data, (size_t)n);
        if (taken <= 0) return; /* WRITABLE follows, or the end */
        (void)minke_stream_consume(peer->host, peer->stream, (size_t)taken);
    }
    if (n == 0) (void)minke_stream_finish(peer->host, peer->stream);
}

void peer_move(peer_t *peer)
{
    if (!peer->open || !peer->all->begun) return;
    if (peer->calls) {
        compare(peer);
        send_some(peer);
    } else {
        echo(peer);
    }
}

void peer_closed(peer_t *peer, int error)
{
    if (peer->calls && !peer->done) peer_failed(peer, "the circuit has ended early", minke_error_text(error));
    peer->stream = 0;
    peer->open = false;
}
