#include "plain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process.h"

enum { BUFFER = 65536, BACKLOG = 1024, EVENTS = 64 };

/* A socket of ours: one that sends and compares, or one that echoes. */
typedef struct plain_end {
    int fd;
    uint32_t interest;
    bool echoes, ended, finished, complete, broken;
    flow_t flow;
    size_t at, len; /* of the echo: read and not sent back yet */
    uint8_t buffer[BUFFER];
} plain_end_t;

struct plain {
    int epoll, listener;
    unsigned circuits, made, complete;
    plain_end_t *ends; /* two a circuit: the one that calls, the one that is called */
};

/* ---- making */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_anywhere(uint16_t *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static bool add(plain_t *plain, int fd, bool echoes)
{
    const int on = 1;
    plain_end_t *e = &plain->ends[plain->made];
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = e}};
    if (fd < 0) return false;
    e->fd = fd;
    e->interest = EPOLLIN;
    e->echoes = echoes;
    plain->made++;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return epoll_ctl(plain->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int connect_through(uint16_t splice_port, uint16_t own_port)
{
    const uint8_t where[2] = {(uint8_t)(own_port >> 8), (uint8_t)own_port};
    const struct sockaddr_in splice = loopback(splice_port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&splice, sizeof splice) == 0 &&
        write(fd, where, sizeof where) == sizeof where) {
        return fd;
    }
    if (fd >= 0) (void)close(fd);
    return -1;
}

static bool make_all(plain_t *plain, uint16_t splice_port, uint64_t bytes, uint64_t window)
{
    uint16_t own_port;
    plain->listener = listen_anywhere(&own_port);
    if (plain->listener < 0) return false;
    for (unsigned i = 0; i < plain->circuits; i++) {
        flow_begin(&plain->ends[2 * i].flow, 2 * i, bytes, window);
        if (!add(plain, connect_through(splice_port, own_port), false)) return false;
        if (!add(plain, accept4(plain->listener, NULL, NULL, SOCK_CLOEXEC), true)) return false;
    }
    return true;
}

plain_t *plain_open(uint16_t splice_port, unsigned circuits, uint64_t bytes, uint64_t window)
{
    plain_t *plain = calloc(1, sizeof *plain);
    if (plain == NULL) return NULL;
    *plain = (plain_t){.epoll = epoll_create1(EPOLL_CLOEXEC), .listener = -1, .circuits = circuits};
    plain->ends = calloc(2 * circuits, sizeof *plain->ends);
    if (plain->epoll >= 0 && plain->ends != NULL && make_all(plain, splice_port, bytes, window)) return plain;
    plain_free(plain);
    return NULL;
}

void plain_free(plain_t *plain)
{
    for (unsigned i = 0; i < plain->made; i++) (void)close(plain->ends[i].fd);
    if (plain->listener >= 0) (void)close(plain->listener);
    if (plain->epoll >= 0) (void)close(plain->epoll);
    free(plain->ends);
    free(plain);
}

/* ---- moving */

/* How much the socket took; 0: it has no room, or is broken. */
static size_t put(plain_end_t *e, const uint8_t *data, size_t len)
{
    const ssize_t n = send(e->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) e->broken = true;
    return n > 0 ? (size_t)n : 0;
}

/* 0: nothing now, the end, or broken. */
static size_t get(plain_end_t *e, uint8_t *out)
{
    const ssize_t n = recv(e->fd, out, BUFFER, MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) e->broken = true;
    if (n == 0) e->ended = true;
    return n > 0 ? (size_t)n : 0;
}

static void finish(plain_end_t *e)
{
    if (e->finished) return;
    e->finished = true;
    (void)shutdown(e->fd, SHUT_WR);
}

static void send_and_compare(plain_end_t *e)
{
    size_t len;
    const size_t n = get(e, e->buffer);
    if (n > 0 && !flow_check(&e->flow, e->buffer, n)) e->broken = true;
    const uint8_t *data = flow_next(&e->flow, &len);
    if (len > 0) e->flow.sent += put(e, data, len);
    if (e->flow.sent == e->flow.total) finish(e);
}

static void echo(plain_end_t *e)
{
    if (e->len == 0 && !e->ended) {
        e->at = 0;
        e->len = get(e, e->buffer);
    }
    if (e->len > 0) {
        const size_t n = put(e, e->buffer + e->at, e->len);
        e->at += n;
        e->len -= n;
    }
    if (e->ended && e->len == 0) finish(e);
}

static uint32_t wanted(const plain_end_t *e)
{
    if (e->broken || (e->ended && e->finished)) return 0;
    if (e->echoes) return e->len > 0 ? EPOLLOUT : EPOLLIN;
    size_t len;
    (void)flow_next(&e->flow, &len);
    return EPOLLIN | (len > 0 ? EPOLLOUT : 0u);
}

static void serve(plain_t *plain, plain_end_t *e)
{
    if (e->echoes) echo(e);
    else send_and_compare(e);
    if (e->ended && !e->complete && !e->echoes && flow_is_complete(&e->flow)) {
        e->complete = true;
        plain->complete++;
    }
    struct epoll_event event = {.events = wanted(e), .data = {.ptr = e}};
    if (event.events == e->interest) return;
    e->interest = event.events;
    (void)epoll_ctl(plain->epoll, e->interest != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, e->fd, &event);
}

unsigned plain_run(plain_t *plain, double until)
{
    struct epoll_event ready[EVENTS];
    for (unsigned i = 0; i < plain->circuits; i++) serve(plain, &plain->ends[2 * i]);
    while (plain->complete < plain->circuits && now_s() < until) {
        const int n = epoll_wait(plain->epoll, ready, EVENTS, 100);
        for (int i = 0; i < n; i++) serve(plain, ready[i].data.ptr);
    }
    return plain->complete;
}
