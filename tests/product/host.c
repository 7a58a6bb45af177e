/*
 * A user's program, in what C and C++ have in common: two hosts in one loop, one dials the other and gets its words
 * back. Prints the address and "echoed".
 */
#include <minke/minke.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static const char words[] = "seen from outside the tree";

static void echo(minke_host_t *host, minke_stream_t stream)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(host, stream, &data)) > 0) {
        const ssize_t taken = minke_stream_write(host, stream, data, (size_t)n);
        if (taken <= 0) break;
        (void)minke_stream_consume(host, stream, (size_t)taken);
    }
    if (n == 0) (void)minke_stream_finish(host, stream);
}

static int ask(minke_host_t *host, minke_connection_t connection)
{
    minke_stream_t stream;
    if (minke_open(host, connection, "/echo/1.0.0", &stream) < 0) return 1;
    if (minke_stream_write(host, stream, words, sizeof words) != (ssize_t)sizeof words) return 1;
    return minke_stream_finish(host, stream) < 0;
}

/* -1: go on, else the exit code. */
static int listener_event(const minke_event_t *event, minke_host_t *listener, minke_host_t *dialer)
{
    minke_connection_t connection;
    if (event->type == MINKE_EVENT_LISTENING) {
        (void)printf("LISTENING %s\n", event->addr);
        if (minke_dial(dialer, event->addr, 1, &connection) < 0) return 1;
    } else if (event->type == MINKE_EVENT_LISTEN_FAILED) {
        return 1;
    } else if (event->type == MINKE_EVENT_STREAM_READABLE || event->type == MINKE_EVENT_STREAM_WRITABLE) {
        echo(listener, event->stream);
    }
    return -1;
}

static int dialer_event(const minke_event_t *event, minke_host_t *dialer)
{
    const uint8_t *data;
    ssize_t n;
    if (event->type == MINKE_EVENT_CONNECTED) return ask(dialer, event->connection) != 0 ? 1 : -1;
    if (event->type == MINKE_EVENT_DISCONNECTED || event->type == MINKE_EVENT_STREAM_CLOSED) return 1;
    if (event->type != MINKE_EVENT_STREAM_READABLE) return -1;
    n = minke_stream_peek(dialer, event->stream, &data);
    if (n < (ssize_t)sizeof words) return -1;
    return memcmp(data, words, sizeof words) == 0 ? 0 : 1;
}

static int run(minke_host_t *listener, minke_host_t *dialer)
{
    minke_event_t event;
    struct pollfd fds[2];
    int code = -1, rounds;
    if (strcmp(minke_version(), MINKE_VERSION) != 0) return 1;
    if (minke_listen(listener, "/ip4/127.0.0.1/udp/0/webrtc-direct") < 0) return 1;
    if (minke_handle(listener, "/echo/1.0.0") < 0) return 1;
    for (rounds = 0; rounds < 10000 && code < 0; rounds++) {
        while (code < 0 && minke_poll(listener, &event) == MINKE_OK) code = listener_event(&event, listener, dialer);
        while (code < 0 && minke_poll(dialer, &event) == MINKE_OK) code = dialer_event(&event, dialer);
        fds[0].fd = minke_fd(listener);
        fds[1].fd = minke_fd(dialer);
        fds[0].events = fds[1].events = POLLIN;
        if (code < 0) (void)poll(fds, 2, 1);
    }
    return code;
}

int main(void)
{
    minke_host_t *listener = minke_host_new(NULL), *dialer = minke_host_new(NULL);
    const int code = listener != NULL && dialer != NULL ? run(listener, dialer) : 1;
    minke_host_free(dialer);
    minke_host_free(listener);
    (void)puts(code == 0 ? "echoed" : "failed");
    return code == 0 ? 0 : 1;
}
