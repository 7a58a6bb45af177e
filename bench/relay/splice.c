/*
 * What a relay costs at least: accepts TCP connections, connects each to where its first two bytes say (a port of this
 * machine, network byte order), and from then on copies both ways with read and write. Nothing is encrypted, framed or
 * counted. The yardstick of bench/relay/run.
 *
 *     relay-splice            prints the port it listens on; ends with SIGTERM
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 65536, BACKLOG = 1024, EVENTS = 64, PORT_BYTES = 2 };

typedef struct splice splice_t;

/* One of the two sockets, and what was read from it and not written to the other. */
typedef struct end {
    splice_t *splice;
    struct end *other;
    int fd; /* -1: not there yet, or no more */
    uint32_t interest;
    size_t at, len;
    bool ended, passed_on; /* read to the end; the other was told */
    uint8_t buffer[BUFFER];
} end_t;

struct splice {
    end_t ends[2];
    splice_t *next_dead;
    bool dead; /* freed at the end of the turn: its other end may be in the same batch */
};

static int epoll_fd;

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void free_splice(splice_t *x)
{
    for (int i = 0; i < 2; i++) {
        if (x->ends[i].fd >= 0) (void)close(x->ends[i].fd);
    }
    free(x);
}

static void watch(end_t *e, int fd)
{
    const int on = 1;
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = e}};
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
    e->fd = fd;
    e->interest = EPOLLIN;
}

/* Reads while its buffer is empty, writes while the other's is not. */
static void settle(end_t *e)
{
    const uint32_t interest = (e->len == 0 && !e->ended ? EPOLLIN : 0u) | (e->other->len > 0 ? EPOLLOUT : 0u);
    struct epoll_event event = {.events = interest, .data = {.ptr = e}};
    if (e->fd < 0 || interest == e->interest) return;
    e->interest = interest;
    (void)epoll_ctl(epoll_fd, EPOLL_CTL_MOD, e->fd, &event);
}

/* What `from` has read goes to the other. False: broken. */
static bool write_on(end_t *from)
{
    while (from->len > 0) {
        const ssize_t n = write(from->other->fd, from->buffer + from->at, from->len);
        if (n < 0 && errno == EAGAIN) return true;
        if (n < 0) return false;
        from->at += (size_t)n;
        from->len -= (size_t)n;
    }
    if (from->ended && !from->passed_on) {
        from->passed_on = true;
        (void)shutdown(from->other->fd, SHUT_WR);
    }
    return true;
}

/* One buffer, so that the others have their turn. False: broken. */
static bool read_some(end_t *e)
{
    if (e->len > 0 || e->ended) return true;
    const ssize_t n = read(e->fd, e->buffer, BUFFER);
    if (n < 0) return errno == EAGAIN;
    e->at = 0;
    e->len = (size_t)n;
    e->ended = n == 0;
    return write_on(e);
}

static bool connect_other(end_t *e)
{
    uint8_t port[PORT_BYTES];
    if (read(e->fd, port, sizeof port) != PORT_BYTES) return false;
    const struct sockaddr_in to = loopback((uint16_t)(port[0] << 8 | port[1]));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) die("socket");
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        (void)close(fd);
        return false;
    }
    watch(e->other, fd);
    return true;
}

static bool serve(end_t *e, uint32_t events)
{
    if (e->other->fd < 0) return connect_other(e);
    if ((events & EPOLLOUT) != 0 && !write_on(e->other)) return false;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !read_some(e)) return false;
    settle(e);
    settle(e->other);
    return !(e->passed_on && e->other->passed_on);
}

static void accept_some(int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
        splice_t *x = calloc(1, sizeof *x);
        if (x == NULL) die("calloc");
        for (int i = 0; i < 2; i++) x->ends[i] = (end_t){.splice = x, .other = &x->ends[!i], .fd = -1};
        watch(&x->ends[0], fd);
    }
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        die("listen");
    }
    (void)printf("%u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

int main(void)
{
    struct epoll_event ready[EVENTS], event = {.events = EPOLLIN};
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    const int listener = listen_anywhere();
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll");
    for (;;) {
        const int n = epoll_wait(epoll_fd, ready, EVENTS, -1);
        splice_t *dead = NULL;
        for (int i = 0; i < n; i++) {
            end_t *e = ready[i].data.ptr;
            if (e == NULL) {
                accept_some(listener);
            } else if (!e->splice->dead && !serve(e, ready[i].events)) {
                e->splice->dead = true;
                e->splice->next_dead = dead;
                dead = e->splice;
            }
        }
        for (splice_t *next; dead != NULL; dead = next) {
            next = dead->next_dead;
            free_splice(dead);
        }
    }
}
