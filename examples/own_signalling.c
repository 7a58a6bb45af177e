/*
 * Signalling of one's own: a host carries offer, answer and candidates over its own protocol, /my-signalling/1.0.0, on
 * whatever connection it has to the peer (here: one over a relay), and a transport beside it in the same loop makes the
 * direct connection. The relay sees a few kilobytes, and nothing of what goes over directly. `minke_dial` of
 * RELAY/p2p-circuit/webrtc/p2p/PEER does the same by libp2p's protocol: this is for who needs another one.
 *
 *     minke relay --key relay.key                        prints RELAY
 *     own_signalling listen RELAY/p2p-circuit            prints RELAY/p2p-circuit/p2p/PEER; echoes
 *     own_signalling dial RELAY/p2p-circuit/p2p/PEER     says hello over the direct connection, prints what comes back
 *
 *     cc own_signalling.c private_loop.c $(pkg-config --cflags --libs --static minke) -o own_signalling
 *
 * On the stream each text is a byte (a minke_signal_t), two of length, most significant first, and the text.
 */
#include "private_loop.h"

#include <fcntl.h>
#include <minke/minke.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define PROTOCOL "/my-signalling/1.0.0"

enum { CALLS = 8, HEADER_BYTES = 3, TEXT_MAX = 16384 };

/* One direct connection, and the stream that it is agreed on. */
typedef struct call {
    bool used;
    minke_stream_t signalling;           /* of the host; 0: it has ended, which is no harm once both know each other */
    minke_connection_t connection;       /* of the transport; 0: not begun */
    minke_stream_t stream;               /* of the transport */
    char peer[MINKE_PEER_BYTES];         /* whom the relayed connection has authenticated */
    uint8_t in[HEADER_BYTES + TEXT_MAX]; /* of the text that is coming in */
    size_t len;
} call_t;

typedef struct program {
    private_loop_t loop;
    minke_host_t *host;
    minke_connection_t relayed; /* dialling: to the peer; 0: we listen */
    call_t calls[CALLS];
    int code; /* to end with; negative: go on */
} program_t;

static int stop_pipe[2];

/* A flag would be lost if the signal came between the look at it and poll(); a byte in a pipe is not. */
static void on_stop(int number)
{
    (void)number;
    (void)!write(stop_pipe[1], "", 1);
}

static void fail(program_t *p, const char *where, const char *why)
{
    fprintf(stderr, "%s: %s\n", where, why);
    if (p->relayed != 0) p->code = 1; /* who listens goes on */
}

static call_t *find_call(program_t *p, minke_connection_t connection)
{
    for (size_t i = 0; i < CALLS; i++) {
        if (p->calls[i].used && p->calls[i].connection == connection) return &p->calls[i];
    }
    return NULL;
}

static void end_call(program_t *p, call_t *call)
{
    if (call->signalling != 0) (void)minke_stream_reset(p->host, call->signalling, 0);
    if (call->connection != 0) (void)minke_transport_close(p->loop.transport, call->connection, NULL, p->loop.now);
    *call = (call_t){0};
}

/* ---- the host's side: texts over the stream ---- */

/* All texts of a call are a few kilobytes, and a stream that is read takes them at once. */
static void send_text(program_t *p, call_t *call, minke_signal_t signal, const char *text)
{
    const size_t len = strlen(text);
    const uint8_t header[HEADER_BYTES] = {(uint8_t)signal, (uint8_t)(len >> 8), (uint8_t)len};
    if (call->signalling == 0) return;
    if (len > TEXT_MAX || minke_stream_write(p->host, call->signalling, header, sizeof header) != HEADER_BYTES ||
        minke_stream_write(p->host, call->signalling, text, len) != (ssize_t)len) {
        (void)minke_stream_reset(p->host, call->signalling, 0); /* half a text is worse than none */
    }
}

/* The peer is named, so that minke_transport_peer answers for the direct connection too. */
static minke_private_options_t options_for(const call_t *call)
{
    minke_private_options_t options;
    minke_private_defaults(&options); /* stun_servers: here for peers behind NATs */
    options.peer = call->peer;
    return options;
}

/* False: the call has ended. */
static bool take_text(program_t *p, call_t *call, uint8_t kind, const char *text, size_t len)
{
    private_loop_t *l = &p->loop;
    const minke_private_options_t options = options_for(call);
    const char *why = NULL;
    int error = MINKE_ERROR_STATE;
    if (kind == MINKE_SIGNAL_OFFER && call->connection == 0 && p->relayed == 0) {
        error = minke_transport_answer(l->transport, &options, text, len, l->now, &call->connection, &why);
    } else if (call->connection != 0 && (kind == MINKE_SIGNAL_ANSWER || kind == MINKE_SIGNAL_CANDIDATE)) {
        error = minke_transport_signal(l->transport, call->connection, (minke_signal_t)kind, text, len, l->now);
    }
    if (error == MINKE_OK) return true;
    if (kind == MINKE_SIGNAL_CANDIDATE && error == MINKE_ERROR_MALFORMED) return true; /* theirs to miss */
    fail(p, "signalling", why != NULL ? why : minke_error_text(error));
    end_call(p, call);
    return false;
}

/* The texts that are complete. False: the call has ended. */
static bool take_texts(program_t *p, call_t *call)
{
    while (call->len >= HEADER_BYTES) {
        const size_t len = (size_t)call->in[1] << 8 | call->in[2], whole = HEADER_BYTES + len;
        if (len > TEXT_MAX) {
            fail(p, "signalling", "the peer sends what is no signal");
            end_call(p, call);
            return false;
        }
        if (call->len < whole) return true;
        if (!take_text(p, call, call->in[0], (const char *)call->in + HEADER_BYTES, len)) return false;
        memmove(call->in, call->in + whole, call->len -= whole);
    }
    return true;
}

/* What is shown at once may end anywhere in a text, and more is shown only when it is consumed: texts are put together
 * here. */
static void read_texts(program_t *p, call_t *call)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(p->host, call->signalling, &data)) > 0) {
        const size_t room = sizeof call->in - call->len, some = (size_t)n < room ? (size_t)n : room;
        memcpy(call->in + call->len, data, some);
        call->len += some;
        (void)minke_stream_consume(p->host, call->signalling, some);
        if (!take_texts(p, call)) return;
    }
    if (n == 0) (void)minke_stream_finish(p->host, call->signalling);
}

static void on_stream_opened(program_t *p, const minke_event_t *event)
{
    call_t *call = NULL;
    for (size_t i = 0; i < CALLS && call == NULL; i++) {
        if (!p->calls[i].used) call = &p->calls[i];
    }
    if (call == NULL || minke_peer(p->host, event->connection, call->peer) < 0) {
        (void)minke_stream_reset(p->host, event->stream, 0);
        return;
    }
    call->used = true;
    call->signalling = event->stream;
    (void)minke_stream_set_user(p->host, event->stream, call);
    if (event->inbound) return; /* the peer offers */
    const minke_private_options_t options = options_for(call);
    const int error = minke_transport_offer(p->loop.transport, &options, p->loop.now, &call->connection);
    if (error < 0) fail(p, "offer", minke_error_text(error));
}

static void on_host_event(program_t *p, const minke_event_t *event)
{
    call_t *call = event->user;
    minke_stream_t stream;
    int error;
    switch (event->type) {
    case MINKE_EVENT_LISTENING: /* a relay has two: the other one is for libp2p's own signalling */
        if (strstr(event->addr, "/p2p-circuit/webrtc/") == NULL) puts(event->addr);
        fflush(stdout);
        break;
    case MINKE_EVENT_LISTEN_FAILED:
    case MINKE_EVENT_LISTEN_CLOSED: fprintf(stderr, "%s: %s\n", event->addr, event->close.text); break;
    case MINKE_EVENT_CONNECTED:
        if (event->connection != p->relayed) break; /* the relay */
        error = minke_open(p->host, event->connection, PROTOCOL, &stream);
        if (error < 0) fail(p, PROTOCOL, minke_error_text(error));
        break;
    case MINKE_EVENT_DISCONNECTED: /* a relay ends it after two minutes: the direct one does not mind */
        if (event->connection == p->relayed && p->calls[0].connection == 0)
            fail(p, "relayed connection", event->close.text);
        break;
    case MINKE_EVENT_STREAM_OPENED: on_stream_opened(p, event); break;
    case MINKE_EVENT_STREAM_READABLE:
        if (call != NULL) read_texts(p, call);
        break;
    case MINKE_EVENT_STREAM_CLOSED:
        if (call != NULL && call->signalling == event->stream) {
            call->signalling = 0;
            if (call->connection == 0) *call = (call_t){0}; /* nothing came of it */
        }
        if (event->error == MINKE_ERROR_UNSUPPORTED) fail(p, PROTOCOL, "the peer does not speak it");
        break;
    default: break;
    }
}

/* ---- the transport's side: the direct connection ---- */

static void on_direct(program_t *p, call_t *call)
{
    char peer[MINKE_PEER_BYTES];
    static const char hello[] = "hello, directly\n";
    if (minke_transport_peer(p->loop.transport, call->connection, peer) == MINKE_OK) {
        fprintf(stderr, "direct connection with %s\n", peer);
    }
    if (p->relayed == 0) return;
    if (minke_transport_open(p->loop.transport, call->connection, p->loop.now, &call->stream) < 0 ||
        minke_transport_write(p->loop.transport, call->stream, hello, strlen(hello), p->loop.now) < 0 ||
        minke_transport_finish(p->loop.transport, call->stream, p->loop.now) < 0) {
        fail(p, "stream", "it cannot be opened");
    }
    if (call->signalling != 0) (void)minke_stream_finish(p->host, call->signalling); /* it has served */
}

/* Echoes, or prints what came back. */
static void read_stream(program_t *p, minke_stream_t stream)
{
    minke_transport_t *t = p->loop.transport;
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_transport_peek(t, stream, &data)) > 0) {
        ssize_t taken = n;
        if (p->relayed == 0) taken = minke_transport_write(t, stream, data, (size_t)n, p->loop.now);
        else (void)fwrite(data, 1, (size_t)n, stdout);
        if (taken <= 0) return; /* full: WRITABLE will say when to go on */
        (void)minke_transport_consume(t, stream, (size_t)taken, p->loop.now);
    }
    if (n == 0) (void)minke_transport_finish(t, stream, p->loop.now);
}

static void on_transport_event(void *user, const minke_transport_event_t *event)
{
    program_t *p = user;
    call_t *call = find_call(p, event->connection);
    switch (event->type) {
    case MINKE_TRANSPORT_SIGNAL:
        if (call != NULL) send_text(p, call, event->signal, event->text);
        break;
    case MINKE_TRANSPORT_CONNECTED:
        if (call != NULL) on_direct(p, call);
        break;
    case MINKE_TRANSPORT_CLOSED:
        if (call == NULL) break;
        fail(p, "direct connection", event->close.text);
        call->connection = 0;
        end_call(p, call);
        break;
    case MINKE_TRANSPORT_STREAM_READABLE:
    case MINKE_TRANSPORT_STREAM_WRITABLE: read_stream(p, event->stream); break;
    case MINKE_TRANSPORT_STREAM_CLOSED:
        if (p->relayed == 0) break;
        if (event->error != MINKE_OK) fail(p, "stream", minke_error_text(event->error));
        else p->code = 0;
        break;
    default: break;
    }
}

/* ---- both in one loop ---- */

/* Each can make work for the other: the transport's texts are the host's to send, and what the host has read makes the
 * transport answer. The deadlines are asked after that, and say so if anything is left. */
static void turn(program_t *p)
{
    minke_event_t event;
    private_loop_turn(&p->loop);
    for (int i = 0; i < 64 && minke_poll(p->host, &event) == MINKE_OK; i++) on_host_event(p, &event);
    private_loop_turn(&p->loop);
}

static void sleep_until_something(program_t *p)
{
    struct pollfd fds[2 + PRIVATE_LOOP_SOCKETS];
    const int a = minke_timeout(p->host), b = private_loop_timeout(&p->loop);
    fds[0] = (struct pollfd){.fd = minke_fd(p->host), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = stop_pipe[0], .events = POLLIN};
    const int ready = poll(fds, 2 + private_loop_fds(&p->loop, fds + 2), a < 0 || (b >= 0 && b < a) ? b : a);
    if (ready > 0 && fds[1].revents != 0) p->code = 0;
}

int main(int argc, char **argv)
{
    static program_t p = {.code = -1};
    const bool listens = argc == 3 && strcmp(argv[1], "listen") == 0;
    if (!listens && (argc != 3 || strcmp(argv[1], "dial") != 0)) {
        fprintf(stderr, "usage: own_signalling listen|dial ADDR\n");
        return 2;
    }
    if (pipe(stop_pipe) < 0) return 1;
    (void)fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK);
    (void)sigaction(SIGINT, &(struct sigaction){.sa_handler = on_stop}, NULL);
    (void)sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_stop}, NULL);
    p.host = minke_host_new(NULL);
    if (p.host == NULL) return 1;
    int error = private_loop_start(&p.loop, on_transport_event, &p);
    if (error == MINKE_OK) error = minke_allow_limited(p.host, PROTOCOL); /* or a relay's limits forbid it */
    if (error == MINKE_OK && listens) error = minke_handle(p.host, PROTOCOL);
    if (error == MINKE_OK && listens) error = minke_listen(p.host, argv[2]);
    if (error == MINKE_OK && !listens) error = minke_dial(p.host, argv[2], 0, &p.relayed);
    if (error < 0) {
        fprintf(stderr, "%s: %s\n", argv[2], minke_error_text(error));
        p.code = 1;
    }
    while (p.code < 0) {
        turn(&p);
        if (p.code < 0) sleep_until_something(&p);
    }
    private_loop_end(&p.loop);
    minke_host_free(p.host);
    return p.code;
}
