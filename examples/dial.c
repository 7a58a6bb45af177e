/*
 * A dialer: connects to ADDR, opens /echo/1.0.0, sends standard input and prints what comes back. Ends with 0 when all
 * of it has come back, with 1 and a sentence when not.
 */
#include <errno.h>
#include <minke/minke.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

typedef struct program {
    minke_host_t *host;
    minke_connection_t connection;
    minke_stream_t stream; /* 0: not open yet */
    char input[16384];
    size_t len, at; /* of what has been read, and how much of that is sent */
    bool input_over, finished;
    int code; /* to end with; negative: go on */
} program_t;

static void fail(program_t *p, const char *where, const char *why)
{
    fprintf(stderr, "%s: %s\n", where, why);
    p->code = 1;
}

/* What is in `input` goes to the stream; at its end, so does the end. */
static void send_input(program_t *p)
{
    while (p->at < p->len) {
        const ssize_t taken = minke_stream_write(p->host, p->stream, p->input + p->at, p->len - p->at);
        if (taken <= 0) return; /* WRITABLE says when to go on, CLOSED if never */
        p->at += (size_t)taken;
    }
    if (!p->input_over || p->finished) return;
    (void)minke_stream_finish(p->host, p->stream); /* half-close: the other direction goes on */
    p->finished = true;
}

static void print_output(program_t *p)
{
    const uint8_t *data;
    for (ssize_t n; (n = minke_stream_peek(p->host, p->stream, &data)) > 0;) {
        if (fwrite(data, 1, (size_t)n, stdout) != (size_t)n) fail(p, "standard output", "cannot be written");
        (void)minke_stream_consume(p->host, p->stream, (size_t)n);
    }
}

static void on_event(program_t *p, const minke_event_t *event)
{
    int error;
    switch (event->type) {
    case MINKE_EVENT_CONNECTED:                        /* and authenticated: event->peer is who it says */
        if (event->connection != p->connection) break; /* a relay on the way */
        error = minke_open(p->host, event->connection, "/echo/1.0.0", &p->stream);
        if (error < 0) fail(p, "no stream", minke_error_text(error));
        break;
    case MINKE_EVENT_DISCONNECTED: /* also when the dial came to nothing */
        if (event->connection != p->connection) break;
        fail(p, minke_layer_name(event->close.layer), event->close.text);
        break;
    case MINKE_EVENT_STREAM_READABLE: print_output(p); break;
    case MINKE_EVENT_STREAM_WRITABLE: send_input(p); break;
    case MINKE_EVENT_STREAM_CLOSED: /* the last word on a stream, in every case */
        if (event->error == MINKE_OK && p->finished) p->code = 0;
        else if (event->error == MINKE_ERROR_UNSUPPORTED) fail(p, "stream", "the remote does not serve /echo/1.0.0");
        else fail(p, "stream", minke_error_text(event->error));
        break;
    default: break;
    }
}

/* Sleeps until the host or standard input has something; the latter only when there is room for it. */
static void sleep_and_read(program_t *p)
{
    const bool wanted = p->stream != 0 && !p->input_over && p->at == p->len;
    struct pollfd fds[2] = {{.fd = minke_fd(p->host), .events = POLLIN},
                            {.fd = wanted ? STDIN_FILENO : -1, .events = POLLIN}};
    if (poll(fds, 2, minke_timeout(p->host)) <= 0 || fds[1].revents == 0) return;
    const ssize_t n = read(STDIN_FILENO, p->input, sizeof p->input);
    if (n < 0 && errno == EINTR) return;
    p->at = 0;
    p->len = n > 0 ? (size_t)n : 0;
    p->input_over = n <= 0;
    send_input(p); /* not in an event, so minke_timeout is 0 now: the next turn sends it */
}

int main(int argc, char **argv)
{
    static program_t p = {.code = -1};
    if (argc != 2) {
        fprintf(stderr, "usage: dial ADDR\n");
        return 2;
    }
    p.host = minke_host_new(NULL);
    if (p.host == NULL) return 1;
    const int error = minke_dial(p.host, argv[1], 0, &p.connection);
    if (error < 0) fail(&p, argv[1], minke_error_text(error));
    while (p.code < 0) {
        minke_event_t event;
        while (p.code < 0 && minke_poll(p.host, &event) == MINKE_OK) on_event(&p, &event);
        if (p.code < 0) sleep_and_read(&p);
    }
    minke_host_free(p.host);
    if (fflush(stdout) != 0 && p.code == 0) p.code = 1;
    return p.code;
}
