/*
 * A host in libuv: one uv_poll_t on its descriptor, one uv_timer_t for its timeout. Echoes every byte of /echo/1.0.0.
 */
#include <minke/minke.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

typedef struct program {
    minke_host_t *host;
    uv_poll_t readable;
    uv_timer_t timer;
    uv_signal_t interrupted, terminated;
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

static void on_timer(uv_timer_t *timer);

/*
 * Everything that the host has to do, then the timer anew: almost every event and call changes the timeout, so arm it
 * at the end of each turn, and call this too after stream calls from other callbacks of yours. No more than so many
 * events: under load there is always one more, and the rest of the loop wants its turn. The timeout is 0 then.
 */
static void turn(program_t *p)
{
    minke_event_t event;
    for (int i = 0; i < 64 && minke_poll(p->host, &event) == MINKE_OK; i++) on_event(p->host, &event);
    const int timeout = minke_timeout(p->host);
    uv_update_time(p->timer.loop); /* timers count from the loop's idea of now, which is as old as this turn */
    if (timeout < 0) (void)uv_timer_stop(&p->timer);
    else (void)uv_timer_start(&p->timer, on_timer, (uint64_t)timeout, 0);
}

static void on_timer(uv_timer_t *timer) { turn(timer->data); }

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    turn(handle->data);
}

/* When every handle is closed, uv_run returns. */
static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    program_t *p = handle->data;
    uv_close((uv_handle_t *)&p->readable, NULL);
    uv_close((uv_handle_t *)&p->timer, NULL);
    uv_close((uv_handle_t *)&p->interrupted, NULL);
    uv_close((uv_handle_t *)&p->terminated, NULL);
}

static int start(program_t *p, uv_loop_t *loop)
{
    p->readable.data = p->timer.data = p->interrupted.data = p->terminated.data = p;
    if (uv_poll_init(loop, &p->readable, minke_fd(p->host)) < 0 || uv_timer_init(loop, &p->timer) < 0) return -1;
    if (uv_signal_init(loop, &p->interrupted) < 0 || uv_signal_init(loop, &p->terminated) < 0) return -1;
    (void)uv_signal_start(&p->interrupted, on_signal, SIGINT);
    (void)uv_signal_start(&p->terminated, on_signal, SIGTERM);
    turn(p); /* before the loop sleeps: minke_listen has only asked for a socket, which is opened here */
    return uv_poll_start(&p->readable, UV_READABLE, on_readable); /* never UV_WRITABLE: the host sees to that itself */
}

int main(int argc, char **argv)
{
    program_t program = {.host = minke_host_new(NULL)};
    const char *where = argc > 1 ? argv[1] : "/ip4/0.0.0.0/udp/9090/webrtc-direct";
    if (program.host == NULL) return 1;
    int error = minke_listen(program.host, where);
    if (error == MINKE_OK) error = minke_handle(program.host, "/echo/1.0.0");
    if (error < 0 || start(&program, uv_default_loop()) < 0) {
        fprintf(stderr, "%s: %s\n", where, minke_error_text(error));
        minke_host_free(program.host);
        return 1;
    }
    (void)uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    minke_host_free(program.host); /* after the uv_poll_t: the descriptor is the host's and goes with it */
    return uv_loop_close(uv_default_loop());
}
