/*
 * netcat over a stream. Reads no more from stdin than the stream takes, and consumes no more from the stream than
 * stdout takes, so memory stays bounded on both sides however slow either is. stdout is the data's: all else goes to
 * stderr.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dialing.h"

static const char help[] =
    "usage: minke cat [options] ADDR... PROTOCOL\n"
    "       minke cat [options] --listen ADDR PROTOCOL\n"
    "\n"
    "Copies stdin to a stream of PROTOCOL and the stream to stdout. The end of stdin ends our side of\n"
    "the stream; the command ends when both sides have. With --listen it serves the first stream that\n"
    "somebody opens, and prints its addresses on stderr. --json output goes to stderr too.\n"
    "\n"
    "  --listen               ADDR is where to listen, such as /ip4/0.0.0.0/udp/0/webrtc-direct\n";

typedef struct cat {
    cli_dialing_t dialing;
    bool listens;
    const char *protocol;
    minke_stream_t stream;
    char in[65536];
    size_t in_len, in_at;
    bool in_over;     /* stdin has ended, or nobody wants it any more */
    bool finished;    /* and the stream was told */
    bool changed;     /* there may be something to read, or room to write */
    bool out_blocked; /* stdout has no room now */
    bool closed;
    int error;
    uint64_t sent, received; /* bytes of the stream */
} cat_t;

static int set_nonblocking(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* ---- the two directions ---- */

static void read_stdin(cat_t *c)
{
    const ssize_t n = read(STDIN_FILENO, c->in, sizeof c->in);
    if (n > 0) {
        c->in_at = 0;
        c->in_len = (size_t)n;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        c->in_over = true;
    }
}

static void stdin_to_stream(cat_t *c)
{
    while (c->in_at < c->in_len) {
        const ssize_t n = minke_stream_write(c->dialing.host, c->stream, c->in + c->in_at, c->in_len - c->in_at);
        if (n == MINKE_ERROR_AGAIN) return;
        if (n <= 0) { /* stopped or reset: what is left has no reader */
            c->in_over = true;
            c->in_at = c->in_len;
            break;
        }
        c->in_at += (size_t)n;
        c->sent += (uint64_t)n;
    }
    if (!c->in_over || c->finished) return;
    (void)minke_stream_finish(c->dialing.host, c->stream);
    c->finished = true;
}

static void stream_to_stdout(cat_t *c)
{
    const uint8_t *data;
    c->out_blocked = false;
    for (ssize_t n; (n = minke_stream_peek(c->dialing.host, c->stream, &data)) > 0;) {
        const ssize_t written = write(STDOUT_FILENO, data, (size_t)n);
        if (written < 0 && errno == EAGAIN) {
            c->out_blocked = true;
            return;
        }
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) { /* nobody reads our stdout */
            (void)minke_stream_stop(c->dialing.host, c->stream, 0);
            return;
        }
        (void)minke_stream_consume(c->dialing.host, c->stream, (size_t)written);
        c->received += (uint64_t)written;
    }
}

/* ---- events ---- */

static void tell_address(const char *addr)
{
    if (cli_output.json) (void)fprintf(stderr, "{\"event\":\"listening\",\"addr\":\"%s\"}\n", addr);
    else (void)fprintf(stderr, "listening     %s\n", addr);
}

static int ended(const cat_t *c, int code, const char *layer, const char *error)
{
    return cli_result(code, layer, error,
                      json_pack("{s:I, s:I}", "sent", (json_int_t)c->sent, "received", (json_int_t)c->received));
}

/* Returns -1 to go on, else the exit code. */
static int on_event(cat_t *c, const minke_event_t *event)
{
    switch (event->type) {
    case MINKE_EVENT_LISTENING: tell_address(event->addr); break;
    case MINKE_EVENT_LISTEN_FAILED:
        if (!cli_output.json) cli_complain("cannot listen on %s: %s", event->addr, event->close.text);
        return ended(c, EXIT_LOCAL, "network", event->close.text);
    case MINKE_EVENT_STREAM_OPENED:
        if (c->stream == 0) c->stream = event->stream;
        else if (event->stream != c->stream) (void)minke_stream_reset(c->dialing.host, event->stream, 0);
        break;
    case MINKE_EVENT_STREAM_CLOSED:
        if (event->stream != c->stream) break;
        c->closed = true;
        c->error = event->error;
        break;
    case MINKE_EVENT_STREAM_READABLE:
    case MINKE_EVENT_STREAM_WRITABLE: c->changed = true; break;
    case MINKE_EVENT_DISCONNECTED:
        if (c->listens || event->connection != c->dialing.connection || c->closed) break;
        return ended(c, EXIT_REMOTE, minke_layer_name(event->close.layer), event->close.text);
    default: break;
    }
    return -1;
}

static int drain_events(cat_t *c)
{
    minke_event_t event;
    int code = -1;
    while (code < 0 && minke_poll(c->dialing.host, &event) == MINKE_OK) code = on_event(c, &event);
    return code;
}

static void sleep_until_something(cat_t *c)
{
    struct pollfd fds[3] = {{.fd = minke_fd(c->dialing.host), .events = POLLIN}, {.fd = -1}, {.fd = -1}};
    if (c->stream != 0 && !c->in_over && c->in_at == c->in_len) {
        fds[1] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    }
    if (c->out_blocked) fds[2] = (struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT};
    if (poll(fds, 3, minke_timeout(c->dialing.host)) <= 0) return;
    if (fds[1].revents != 0) read_stdin(c);
}

static int copy(cat_t *c)
{
    for (;;) {
        int code = drain_events(c);
        if (code >= 0) return code;
        if (c->closed || cli_stopped()) break;
        if (cli_stats_asked()) cli_stats(c->dialing.host, true);
        c->changed = false;
        if (c->stream != 0) {
            stream_to_stdout(c);
            stdin_to_stream(c);
            code = drain_events(c); /* what was written must be sent before sleeping */
            if (code >= 0) return code;
            if (c->closed) break;
        }
        if (!c->changed) sleep_until_something(c); /* sending takes in, too: what came is read before sleeping */
    }
    if (c->error == MINKE_OK || cli_stopped()) return ended(c, EXIT_DONE, NULL, NULL);
    return ended(c, EXIT_REMOTE, "host",
                 c->error == MINKE_ERROR_UNSUPPORTED ? "the remote does not serve this protocol"
                                                     : minke_error_text(c->error));
}

static int start_dialing(cat_t *c)
{
    int code = cli_dialing_connect(&c->dialing);
    if (code >= 0) return code;
    /* Over a limited relay, too: whoever names the protocol knows what it is for. */
    if (minke_allow_limited(c->dialing.host, c->protocol) < 0)
        return cli_result(EXIT_USAGE, "host", "bad protocol", NULL);
    const int error = minke_open(c->dialing.host, c->dialing.connection, c->protocol, &c->stream);
    if (error == MINKE_OK) return -1;
    cli_complain("no stream: %s", minke_error_text(error));
    return EXIT_REMOTE;
}

static int start_listening(cat_t *c)
{
    cli_catch_signals();
    minke_host_options_t options;
    minke_host_defaults(&options);
    if (!cli_observe(&options.transport)) return EXIT_LOCAL;
    c->dialing.host = minke_host_new(&options);
    if (c->dialing.host == NULL) return EXIT_LOCAL;
    if (minke_listen(c->dialing.host, c->dialing.addrs[0]) < 0 || minke_handle(c->dialing.host, c->protocol) < 0) {
        cli_complain("cannot listen on %s for %s", c->dialing.addrs[0], c->protocol);
        return EXIT_USAGE;
    }
    return -1;
}

int cli_cat(int argc, char **argv)
{
    static const struct option known[] = {CLI_DIALING_OPTIONS, {"listen", no_argument, NULL, 'L'}, {NULL, 0, NULL, 0}};
    static cat_t c;
    cli_output.to_stderr = true;
    for (int option; (option = getopt_long(argc, argv, "vh", known, NULL)) != -1;) {
        bool valid = true;
        if (option == 'h') {
            (void)printf("%s%s", help, cli_dialing_help);
            return EXIT_DONE;
        }
        if (option == 'L') c.listens = true;
        else if (!cli_dialing_option(&c.dialing, option, optarg, &valid) || !valid) return EXIT_USAGE;
    }
    const int addrs_n = argc - optind - 1;
    if ((c.listens && addrs_n > 1) || !cli_dialing_addrs(&c.dialing, argv + optind, addrs_n)) {
        (void)fprintf(stderr, "%s%s", help, cli_dialing_help);
        return EXIT_USAGE;
    }
    c.protocol = argv[argc - 1];
    int code = c.listens ? start_listening(&c) : start_dialing(&c);
    if (code < 0 && set_nonblocking(STDOUT_FILENO) == 0) code = copy(&c);
    cli_dialing_free(&c.dialing);
    return code < 0 ? EXIT_LOCAL : code;
}
