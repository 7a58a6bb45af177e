/*
 * A host in libevent: one persistent event on its descriptor that also carries its timeout. Echoes every byte of
 * /echo/1.0.0.
 */
#include <event2/event.h>
#include <minke/minke.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct program {
    minke_host_t *host;
    struct event_base *base;
    struct event *wake, *interrupted, *terminated;
} program_t;

/* Reads no more than it can send, so a slow reader at the other end slows the sender down, and nothing is lost. */
static void echo(minke_host_t *host, minke_stream_t stream)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(host, stream, &data)) > 0) {
        const ssize_t taken = minke_stream_write(host, stream, data, (size_t)n);
        if (taken <= 0) return; /* full: WRITABLE will say when to go on; what was not consumed is still there */
        (void)minke_stream_consume(host, stream, (size_t)taken); /* what was taken, which may be less than n */
    }
    if (n == 0) (void)minke_stream_finish(host, stream); /* negative: nothing now, or reset */
}

static void on_event(minke_host_t *host, const minke_event_t *event)
{
    switch (event->type) {
    case MINKE_EVENT_LISTENING:
        puts(event->addr);
        fflush(stdout); /* it may be a pipe, and whoever reads it waits for this line */
        break;
    case MINKE_EVENT_LISTEN_FAILED: /* the port is taken, for one: minke_listen itself could not know */
        fprintf(stderr, "%s: %s\n", event->addr, event->close.text);
        exit(1);
    case MINKE_EVENT_STREAM_READABLE:
    case MINKE_EVENT_STREAM_WRITABLE: echo(host, event->stream); break;
    default: break; /* who comes and goes, and what peers say of themselves: nothing that must be answered */
    }
}

/*
 * Everything that the host has to do, then the timeout anew: almost every event and call changes it, so set it at the
 * end of each turn, and call this too after stream calls from other callbacks of yours. No more than so many events:
 * under load there is always one more, and the rest of the loop wants its turn. The timeout is 0 then.
 */
static void turn(program_t *p)
{
    minke_event_t event;
    for (int i = 0; i < 64 && minke_poll(p->host, &event) == MINKE_OK; i++) on_event(p->host, &event);
    const int timeout = minke_timeout(p->host);
    const struct timeval wait = {timeout / 1000, timeout % 1000 * 1000};
    if (timeout < 0) (void)event_remove_timer(p->wake); /* event_add with NULL would leave the old one in place */
    else (void)event_add(p->wake, &wait);
}

static void on_wake(evutil_socket_t fd, short what, void *program) /* EV_READ, EV_TIMEOUT or both: all the same */
{
    (void)fd;
    (void)what;
    turn(program);
}

static void on_signal(evutil_socket_t number, short what, void *program)
{
    (void)number;
    (void)what;
    (void)event_base_loopbreak(((program_t *)program)->base);
}

static int start(program_t *p)
{
    p->base = event_base_new();
    if (p->base == NULL) return -1;
    p->wake = event_new(p->base, minke_fd(p->host), EV_READ | EV_PERSIST, on_wake, p); /* never EV_WRITE */
    p->interrupted = evsignal_new(p->base, SIGINT, on_signal, p);
    p->terminated = evsignal_new(p->base, SIGTERM, on_signal, p);
    if (p->wake == NULL || p->interrupted == NULL || p->terminated == NULL) return -1;
    (void)event_add(p->interrupted, NULL);
    (void)event_add(p->terminated, NULL);
    if (event_add(p->wake, NULL) < 0) return -1;
    turn(p); /* before the loop sleeps: minke_listen has only asked for a socket, which is opened here */
    return 0;
}

static void stop(program_t *p)
{
    if (p->wake != NULL) event_free(p->wake); /* before the host: the descriptor is the host's and goes with it */
    if (p->interrupted != NULL) event_free(p->interrupted);
    if (p->terminated != NULL) event_free(p->terminated);
    if (p->base != NULL) event_base_free(p->base);
    minke_host_free(p->host);
}

int main(int argc, char **argv)
{
    program_t program = {.host = minke_host_new(NULL)};
    const char *where = argc > 1 ? argv[1] : "/ip4/0.0.0.0/udp/9090/webrtc-direct";
    if (program.host == NULL) return 1;
    int error = minke_listen(program.host, where);
    if (error == MINKE_OK) error = minke_handle(program.host, "/echo/1.0.0");
    const bool ready = error == MINKE_OK && start(&program) == 0;
    if (ready) (void)event_base_dispatch(program.base);
    else fprintf(stderr, "%s: %s\n", where, minke_error_text(error));
    stop(&program);
    return ready ? 0 : 1;
}
