/*
 * The transport without the host, linked with libminke-core: the socket, the clock and the loop are this program's, and
 * so is what a libp2p host does with a stream. It listens, answers multistream-select in its smallest form, and echoes
 * every byte of /echo/1.0.0. What is not WebRTC on its port goes elsewhere.
 */
#include <fcntl.h>
#include <minke/loop.h>
#include <minke/transport.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MULTISTREAM "\x13/multistream/1.0.0\n" /* a length, a text, a newline: every message looks like this */
#define ECHO "\x0c/echo/1.0.0\n"
#define NA "\x03na\n"

typedef struct stream {
    minke_stream_t id; /* 0: this place is free */
    bool agreed;       /* the negotiation is over, the bytes are the protocol's */
    uint8_t message[128];
    size_t len;
} stream_t;

typedef struct program {
    minke_transport_t *transport;
    minke_time_t now; /* read once a turn: all that happens in it happens at one time */
    int fd;
    minke_socket_t socket;
    minke_address_t bound;
    stream_t streams[256];
    uint8_t buffer[MINKE_TRAIN_BYTES];
} program_t;

static int stop_pipe[2];

static void on_signal(int number)
{
    (void)number;
    (void)!write(stop_pipe[1], "", 1);
}

static minke_time_t clock_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* never the wall clock, which jumps */
    return (minke_time_t)t.tv_sec * 1000000 + (minke_time_t)t.tv_nsec / 1000;
}

/* ---- the host's part: multistream-select, then the protocol ---- */

static bool is(const stream_t *s, const char *message)
{
    return s->len == strlen(message) && memcmp(s->message, message, s->len) == 0;
}

static bool answer(program_t *p, const stream_t *s, const char *message)
{
    const size_t len = strlen(message); /* so little always fits, unless somebody asks without end and never reads */
    return minke_transport_write(p->transport, s->id, message, len, p->now) == (ssize_t)len;
}

/* One more byte of the negotiation. False: not with this remote. Names beyond 126 bytes have a longer length prefix,
 * which nothing that we serve needs. */
static bool negotiate(program_t *p, stream_t *s, uint8_t byte)
{
    s->message[s->len++] = byte;
    const uint8_t expected = s->message[0];
    if (expected == 0 || expected > 127) return false;
    if (s->len < (size_t)expected + 1) return true;
    bool good;
    if (is(s, MULTISTREAM)) good = answer(p, s, MULTISTREAM);
    else if (is(s, ECHO)) good = s->agreed = answer(p, s, ECHO);
    else good = answer(p, s, NA); /* it may propose another, or go */
    s->len = 0;
    return good;
}

static void serve(program_t *p, stream_t *s)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_transport_peek(p->transport, s->id, &data)) > 0) {
        ssize_t taken = 1;
        if (s->agreed) taken = minke_transport_write(p->transport, s->id, data, (size_t)n, p->now);
        else if (!negotiate(p, s, data[0])) (void)minke_transport_reset(p->transport, s->id, 0, p->now);
        if (taken <= 0) return; /* full: WRITABLE will say when to go on */
        (void)minke_transport_consume(p->transport, s->id, (size_t)taken, p->now);
    }
    if (n == 0) (void)minke_transport_finish(p->transport, s->id, p->now);
}

static stream_t *find_stream(program_t *p, minke_stream_t id)
{
    for (size_t i = 0; i < sizeof p->streams / sizeof p->streams[0]; i++) {
        if (p->streams[i].id == id) return &p->streams[i];
    }
    return NULL;
}

/* ---- sockets ---- */

/* A program that also dials is asked for one more socket at each dial, and keeps a table of them. */
static void open_socket(program_t *p, const minke_transport_event_t *event)
{
    struct sockaddr_storage system;
    socklen_t len = minke_address_to_sockaddr(&event->address, &system);
    const int room = 4 << 20;
    p->fd = socket(system.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&system, len) < 0 ||
        getsockname(p->fd, (struct sockaddr *)&system, &len) < 0) {
        perror("socket");
        exit(1); /* who goes on says minke_transport_socket_failed */
    }
    (void)setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room); /* a window's worth at once, not the default */
    (void)setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    char text[MINKE_ADDR_BYTES];
    if (!minke_address_from_sockaddr(&system, &p->bound) ||
        minke_transport_socket_opened(p->transport, event->socket, &p->bound, p->now) < 0) {
        return;
    }
    /* Had we bound to 0.0.0.0, this would be the place to print one address for each interface (getifaddrs), and
     * IP_PKTINFO would have to tell which of them a datagram came to: minke_path_t wants it as `local`. */
    if (minke_transport_address(p->transport, &p->bound, text, sizeof text) > 0) puts(text);
    fflush(stdout);
}

static void not_ours(const uint8_t *data, size_t len)
{
    /* Here a QUIC stack would get its packet, or TURN, or RTP. */
    fprintf(stderr, "%zu bytes for another protocol, the first is 0x%02x\n", len, data[0]);
}

static void receive(program_t *p)
{
    struct sockaddr_storage from;
    for (int i = 0; i < 256; i++) { /* then something is sent and told before more is taken in */
        socklen_t from_len = sizeof from;
        const ssize_t n = recvfrom(p->fd, p->buffer, sizeof p->buffer, 0, (struct sockaddr *)&from, &from_len);
        if (n < 0) return;
        minke_path_t path = {.socket = p->socket, .local = p->bound};
        const minke_train_t train = {p->buffer, (size_t)n, (size_t)n}; /* one datagram; UDP_GRO gives several */
        if (n == 0 || !minke_address_from_sockaddr(&from, &path.remote)) continue;
        if (minke_transport_recv(p->transport, &train, &path, p->now) == MINKE_ERROR_NOT_MINE) {
            not_ours(p->buffer, (size_t)n);
        }
    }
}

/* A train is cut here into its datagrams; with UDP_SEGMENT the kernel does that, many times cheaper. What the socket
 * has no room for is lost and will be sent again; a program that must be fast keeps it and waits for POLLOUT. */
static void send_train(const program_t *p, const minke_train_t *train, const minke_path_t *path)
{
    struct sockaddr_storage to;
    const socklen_t len = minke_address_to_sockaddr(&path->remote, &to);
    for (size_t at = 0; at < train->len; at += train->segment_len) {
        const size_t left = train->len - at;
        const size_t n = left < train->segment_len ? left : train->segment_len;
        (void)sendto(p->fd, train->data + at, n, 0, (const struct sockaddr *)&to, len);
    }
}

static bool transmit(program_t *p)
{
    minke_train_t train;
    minke_path_t path;
    bool any = false;
    while (minke_transport_transmit(p->transport, p->buffer, sizeof p->buffer, &train, &path, p->now) > 0) {
        send_train(p, &train, &path);
        any = true;
    }
    return any;
}

/* ---- events and the loop ---- */

static void on_event(program_t *p, const minke_transport_event_t *event)
{
    stream_t *s = event->stream != 0 ? find_stream(p, event->stream) : NULL;
    switch (event->type) {
    case MINKE_TRANSPORT_SOCKET_OPEN: open_socket(p, event); break;
    case MINKE_TRANSPORT_SOCKET_CLOSE: (void)close(p->fd); break;
    case MINKE_TRANSPORT_STREAM_OPENED:
        s = find_stream(p, 0);
        if (s != NULL) *s = (stream_t){.id = event->stream};
        else (void)minke_transport_reset(p->transport, event->stream, 0, p->now);
        break;
    case MINKE_TRANSPORT_STREAM_READABLE:
    case MINKE_TRANSPORT_STREAM_WRITABLE:
        if (s != NULL) serve(p, s);
        break;
    case MINKE_TRANSPORT_STREAM_CLOSED:
        if (s != NULL) *s = (stream_t){0};
        break;
    case MINKE_TRANSPORT_CONNECTED: /* a libp2p host would take it over here; minke_transport_peer says whose it is */
    case MINKE_TRANSPORT_CLOSED:
    case MINKE_TRANSPORT_SIGNAL: break; /* of private connections, of which there are none here */
    }
}

/* What was received makes events, handling them makes something to send, and sending makes room, which is an event
 * again: round and round until neither has more. */
static void turn(program_t *p)
{
    minke_transport_event_t event;
    bool more = true;
    p->now = clock_now();
    if (p->fd >= 0) receive(p);
    minke_transport_tick(p->transport, p->now);
    while (more) {
        more = false;
        while (minke_transport_event(p->transport, &event)) {
            on_event(p, &event);
            more = true;
        }
        more |= transmit(p);
    }
}

static int timeout_ms(const program_t *p)
{
    const minke_time_t at = minke_transport_deadline(p->transport), now = clock_now();
    if (at == MINKE_TIME_NEVER) return -1;
    return at <= now ? 0 : (int)((at - now + 999) / 1000); /* rounded up, or the last millisecond is spun away */
}

static void run(program_t *p)
{
    for (;;) {
        turn(p);
        struct pollfd fds[2] = {{.fd = p->fd, .events = POLLIN}, {.fd = stop_pipe[0], .events = POLLIN}};
        if (poll(fds, 2, timeout_ms(p)) > 0 && fds[1].revents != 0) return;
    }
}

int main(int argc, char **argv)
{
    static program_t p = {.fd = -1};
    minke_address_t address;
    const char *where = argc > 1 ? argv[1] : "/ip4/127.0.0.1/udp/9090/webrtc-direct";
    if (pipe(stop_pipe) < 0) return 1;
    (void)fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK);
    (void)sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    (void)sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);

    int error = minke_address_parse(where, &address);
    if (error == MINKE_OK) error = minke_transport_new(NULL, &p.transport);
    if (error == MINKE_OK) error = minke_transport_listen(p.transport, &address, &p.socket);
    if (error == MINKE_OK) run(&p);
    else fprintf(stderr, "%s: %s\n", where, minke_error_text(error));
    if (p.fd >= 0) { /* minke_transport_free says nothing to the remotes: end their connections, send what that makes */
        minke_transport_unlisten(p.transport, p.socket, clock_now());
        (void)transmit(&p);
        (void)close(p.fd);
    }
    minke_transport_free(p.transport);
    return error == MINKE_OK ? 0 : 1;
}
