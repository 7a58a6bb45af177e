/*
 * A host inside a poll() loop that the program has anyway: here the loop also watches a pipe for signals and standard
 * input, where each line asks for the figures so far. Echoes every byte of /echo/1.0.0.
 */
#include <fcntl.h>
#include <minke/minke.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int stop_pipe[2];

/* A flag would be lost if the signal came between the look at it and poll(); a byte in a pipe is not. */
static void on_signal(int number)
{
    (void)number;
    (void)!write(stop_pipe[1], "", 1);
}

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

/* Everything that the host has to do, but no more than so many events: under load there is always one more, and the
 * other descriptors want their turn. Stopping early is safe: minke_timeout is 0 as long as something waits. */
static void turn(minke_host_t *host)
{
    minke_event_t event;
    for (int i = 0; i < 64 && minke_poll(host, &event) == MINKE_OK; i++) on_event(host, &event);
}

static bool read_line(const minke_host_t *host)
{
    char line[256];
    if (read(STDIN_FILENO, line, sizeof line) <= 0) return false;
    const minke_counters_t *c = minke_counters(host);
    printf("%llu connections, %llu bytes received, %llu sent\n", (unsigned long long)c->connections_accepted,
           (unsigned long long)c->bytes_received, (unsigned long long)c->bytes_sent);
    fflush(stdout);
    return true;
}

static void run(minke_host_t *host)
{
    struct pollfd fds[3] = {{.fd = minke_fd(host), .events = POLLIN}, /* always POLLIN: never write interest */
                            {.fd = stop_pipe[0], .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN}};
    turn(host); /* before the first sleep: minke_listen has only asked for a socket, which is opened here */
    for (;;) {
        /* Asked anew each time: almost everything changes it. */
        if (poll(fds, 3, minke_timeout(host)) < 0) continue; /* EINTR: the pipe has a byte now */
        if (fds[1].revents != 0) return;
        if (fds[2].revents != 0 && !read_line(host)) fds[2].fd = -1; /* its end: poll() skips negative descriptors */
        turn(host);                                                  /* whatever woke us, time has passed */
    }
}

int main(int argc, char **argv)
{
    minke_host_t *host = minke_host_new(NULL);
    if (host == NULL || pipe(stop_pipe) < 0) return 1;
    (void)fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK);
    (void)sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    (void)sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);

    const char *where = argc > 1 ? argv[1] : "/ip4/0.0.0.0/udp/9090/webrtc-direct";
    int error = minke_listen(host, where);
    if (error == MINKE_OK) error = minke_handle(host, "/echo/1.0.0");
    if (error < 0) {
        fprintf(stderr, "%s: %s\n", where, minke_error_text(error));
        minke_host_free(host);
        return 1;
    }
    run(host);
    minke_host_free(host); /* says goodbye to every peer */
    return 0;
}
