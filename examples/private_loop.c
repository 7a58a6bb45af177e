#include "private_loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static minke_time_t clock_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* never the wall clock, which jumps */
    return (minke_time_t)t.tv_sec * 1000000 + (minke_time_t)t.tv_nsec / 1000;
}

/* What we offer to others: the library cannot know, it opens no sockets. Of IPv6 not what is valid on one link only. */
static void tell_addresses(minke_transport_t *transport)
{
    enum { MAX = 8 }; /* more would make long offers, and slow checks */
    minke_address_t all[MAX];
    size_t n = 0;
    struct ifaddrs *list;
    if (getifaddrs(&list) < 0) return;
    for (const struct ifaddrs *i = list; i != NULL && n < MAX; i = i->ifa_next) {
        struct sockaddr_storage system = {0};
        if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0) continue;
        if (i->ifa_addr->sa_family == AF_INET) memcpy(&system, i->ifa_addr, sizeof(struct sockaddr_in));
        if (i->ifa_addr->sa_family == AF_INET6) memcpy(&system, i->ifa_addr, sizeof(struct sockaddr_in6));
        const bool of_link =
            system.ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)&system)->sin6_addr);
        if (!of_link && minke_address_from_sockaddr(&system, &all[n])) n++;
    }
    freeifaddrs(list);
    minke_transport_local_addresses(transport, all, n);
}

/* ---- sockets ---- */

static private_socket_t *find_socket(private_loop_t *loop, minke_socket_t id)
{
    for (size_t i = 0; i < PRIVATE_LOOP_SOCKETS; i++) {
        if (loop->sockets[i].id == id) return &loop->sockets[i];
    }
    return NULL;
}

/* Bound as it was asked for: to every address, of one family only. */
static int open_bound(const minke_address_t *address, minke_address_t *bound)
{
    struct sockaddr_storage system;
    socklen_t len = minke_address_to_sockaddr(address, &system);
    const int on = 1, fd = socket(system.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if ((system.ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        bind(fd, (const struct sockaddr *)&system, len) == 0 &&
        getsockname(fd, (struct sockaddr *)&system, &len) == 0 && minke_address_from_sockaddr(&system, bound)) {
        return fd;
    }
    (void)close(fd);
    return -1;
}

/* A machine without IPv6 is no fault: the connection does without, and fails only when no socket can be opened. */
static void open_socket(private_loop_t *loop, const minke_transport_event_t *event)
{
    private_socket_t *s = find_socket(loop, 0);
    if (s == NULL) errno = EMFILE;
    if (s == NULL || (s->fd = open_bound(&event->address, &s->bound)) < 0) {
        minke_transport_socket_failed(loop->transport, event->socket, strerror(errno), loop->now);
        return;
    }
    s->id = event->socket;
    if (minke_transport_socket_opened(loop->transport, s->id, &s->bound, loop->now) == MINKE_OK) return;
    (void)close(s->fd); /* nobody wants it any more */
    s->id = 0;
}

static void close_socket(private_loop_t *loop, minke_socket_t id)
{
    private_socket_t *s = find_socket(loop, id);
    if (s == NULL) return;
    (void)close(s->fd);
    s->id = 0;
}

static void receive(private_loop_t *loop, const private_socket_t *s)
{
    struct sockaddr_storage from;
    for (int i = 0; i < 64; i++) { /* then something is sent and told before more is taken in */
        socklen_t from_len = sizeof from;
        const ssize_t n = recvfrom(s->fd, loop->buffer, sizeof loop->buffer, 0, (struct sockaddr *)&from, &from_len);
        if (n < 0) return;
        /* Which of our addresses it came to is left open: with IP_PKTINFO `local` would say, and a machine with
         * several ways out would answer from the right one. */
        minke_path_t path = {.socket = s->id, .local = s->bound};
        const minke_train_t train = {loop->buffer, (size_t)n, (size_t)n};
        if (n == 0 || !minke_address_from_sockaddr(&from, &path.remote)) continue;
        (void)minke_transport_recv(loop->transport, &train, &path, loop->now);
    }
}

static bool transmit(private_loop_t *loop)
{
    minke_train_t train;
    minke_path_t path;
    bool any = false;
    while (minke_transport_transmit(loop->transport, loop->buffer, sizeof loop->buffer, &train, &path, loop->now) > 0) {
        struct sockaddr_storage to;
        const socklen_t len = minke_address_to_sockaddr(&path.remote, &to);
        const private_socket_t *s = find_socket(loop, path.socket);
        for (size_t at = 0; s != NULL && at < train.len; at += train.segment_len) {
            const size_t left = train.len - at, n = left < train.segment_len ? left : train.segment_len;
            (void)sendto(s->fd, train.data + at, n, 0, (const struct sockaddr *)&to, len); /* lost ones are repeated */
        }
        any = true;
    }
    return any;
}

/* ---- the loop ---- */

static void on_event(private_loop_t *loop, const minke_transport_event_t *event)
{
    if (event->type == MINKE_TRANSPORT_SOCKET_OPEN) open_socket(loop, event);
    else if (event->type == MINKE_TRANSPORT_SOCKET_CLOSE) close_socket(loop, event->socket);
    else loop->on_event(loop->user, event);
}

/* Handling events makes something to send, and sending makes room, which is an event: until neither has more. */
static void tell_and_send(private_loop_t *loop)
{
    minke_transport_event_t event;
    for (bool more = true; more;) {
        more = false;
        while (minke_transport_event(loop->transport, &event)) {
            on_event(loop, &event);
            more = true;
        }
        more |= transmit(loop);
    }
}

void private_loop_turn(private_loop_t *loop)
{
    loop->now = clock_now();
    for (size_t i = 0; i < PRIVATE_LOOP_SOCKETS; i++) {
        if (loop->sockets[i].id != 0) receive(loop, &loop->sockets[i]);
    }
    minke_transport_tick(loop->transport, loop->now);
    tell_and_send(loop);
}

nfds_t private_loop_fds(const private_loop_t *loop, struct pollfd *fds)
{
    nfds_t n = 0;
    for (size_t i = 0; i < PRIVATE_LOOP_SOCKETS; i++) {
        if (loop->sockets[i].id != 0) fds[n++] = (struct pollfd){.fd = loop->sockets[i].fd, .events = POLLIN};
    }
    return n;
}

int private_loop_timeout(const private_loop_t *loop)
{
    const minke_time_t at = minke_transport_deadline(loop->transport), now = clock_now();
    if (at == MINKE_TIME_NEVER) return -1;
    return at <= now ? 0 : (int)((at - now + 999) / 1000); /* rounded up, or the last millisecond is spun away */
}

int private_loop_start(private_loop_t *loop, void (*on_event_)(void *, const minke_transport_event_t *), void *user)
{
    memset(loop, 0, sizeof *loop);
    loop->on_event = on_event_;
    loop->user = user;
    loop->now = clock_now();
    const int error = minke_transport_new(NULL, &loop->transport);
    if (error == MINKE_OK) tell_addresses(loop->transport);
    return error;
}

/* minke_transport_free says nothing to the remotes: what ends connections comes before, and what that makes is sent. */
void private_loop_end(private_loop_t *loop)
{
    minke_connection_t all[PRIVATE_LOOP_SOCKETS];
    if (loop->transport == NULL) return;
    size_t n = minke_transport_connections(loop->transport, all, PRIVATE_LOOP_SOCKETS);
    if (n > PRIVATE_LOOP_SOCKETS) n = PRIVATE_LOOP_SOCKETS;
    loop->now = clock_now();
    for (size_t i = 0; i < n; i++) (void)minke_transport_close(loop->transport, all[i], NULL, loop->now);
    (void)transmit(loop);
    for (size_t i = 0; i < PRIVATE_LOOP_SOCKETS; i++) {
        if (loop->sockets[i].id != 0) (void)close(loop->sockets[i].fd);
    }
    minke_transport_free(loop->transport);
}

bool private_loop_parse(const char *text, minke_address_t *address)
{
    char ip[INET6_ADDRSTRLEN + 1];
    const char *colon = strrchr(text, ':');
    const bool six = text[0] == '[';
    if (colon == NULL || (six && colon[-1] != ']')) return false;
    const size_t len = (size_t)(colon - text) - (six ? 2 : 0);
    if (len >= sizeof ip) return false;
    memcpy(ip, six ? text + 1 : text, len);
    ip[len] = 0;
    char *end;
    const unsigned long port = strtoul(colon + 1, &end, 10);
    *address = (minke_address_t){.family = six ? MINKE_FAMILY_IP6 : MINKE_FAMILY_IP4, .port = (uint16_t)port};
    return *end == 0 && port > 0 && port < 65536 && inet_pton(six ? AF_INET6 : AF_INET, ip, address->ip) == 1;
}
