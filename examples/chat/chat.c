/*
 * A chat room and a letter box for files that browsers reach directly: one UDP port, no certificate, no web server in
 * between. `chat --help` says how; ../page/ is the page.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chat.h"

static const char help[] =
    "usage: chat [options]\n"
    "\n"
    "Listens for browsers, prints a link to the page that dials it, and connects everybody who follows it: lines from\n"
    "one page go to this terminal and to the other pages, lines typed here go to all of them. Ends on SIGINT.\n"
    "\n"
    "  --listen ADDR     where (default /ip4/0.0.0.0/udp/9090/webrtc-direct); may be repeated\n"
    "  --relay ADDR      be reached over this relay as well, by those who know the link to ../meet/; over the relay\n"
    "                    itself lines only, whatever else when the connection is direct\n"
    "  --key FILE        the identity, made by `minke key new FILE`: keeps the address over restarts\n"
    "  --page URL        the page that the link leads to (default http://127.0.0.1:8080/)\n"
    "  --offer FILE      what pages may download\n"
    "  --save DIR        store what pages send there; without it nothing is taken\n"
    "  --max-size BYTES  of one received file (default 256 MiB)\n"
    "  --max-total BYTES of all received files together (default 1 GiB)\n"
    "  --patience SECS   after which a file that does not move is given up (default 60)\n";

enum { LISTEN_MAX = 4, KEY_MAX = 4096, ADDR_MAX = 1024 };

typedef struct options {
    const char *listen[LISTEN_MAX];
    int listen_n;
    const char *relay, *key, *page, *offer, *save;
    uint64_t max_size, max_total, patience;
} options_t;

typedef struct chat {
    options_t options;
    minke_host_t *host;
    room_t room;
    files_t files;
    char greeting[256];
    char typed[LINE_MAX_BYTES]; /* a line of stdin that has no end yet */
    size_t typed_len;
    bool stdin_over;
    int listening; /* listeners that have not failed */
} chat_t;

/* ---- signals: a byte in a pipe wakes the loop, whenever they come ---- */

static int signal_pipe[2];

static void on_signal(int number)
{
    const int error = errno;
    const char byte = (char)number;
    const ssize_t written = write(signal_pipe[1], &byte, 1);
    (void)written;
    errno = error;
}

static bool catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    if (pipe(signal_pipe) < 0) return false;
    action.sa_handler = on_signal;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    return true;
}

/* ---- events ---- */

static void on_listening(chat_t *c, const char *addr)
{
    room_print(&c->room, "listening   %s", addr);
    room_print(&c->room, "open        %s#%s", c->options.page, addr);
}

static void on_stream_opened(chat_t *c, const minke_event_t *event)
{
    guest_t *guest = room_guest(&c->room, event->connection);
    if (guest == NULL) (void)minke_stream_reset(c->host, event->stream, 0);
    else if (strcmp(event->protocol, ROOM_PROTOCOL) == 0) room_open(&c->room, guest, event->stream, c->greeting);
    else files_open(&c->files, guest, event->stream);
}

static void on_connected(chat_t *c, const minke_event_t *event)
{
    if (!event->inbound) return; /* the relay */
    const guest_t *guest = room_arrive(&c->room, event);
    if (guest == NULL) (void)minke_close(c->host, event->connection);
    else room_print(&c->room, "+ %s, %s%s", guest->name, event->addr, event->limited ? " (limited)" : "");
}

static void on_disconnected(chat_t *c, const minke_event_t *event)
{
    const guest_t *guest = room_guest(&c->room, event->connection);
    if (guest != NULL) room_print(&c->room, "- %s: %s", guest->name, event->close.text);
    room_leave(&c->room, event->connection);
}

static void on_event(chat_t *c, const minke_event_t *event)
{
    switch (event->type) {
    case MINKE_EVENT_LISTENING: on_listening(c, event->addr); break;
    case MINKE_EVENT_LISTEN_FAILED:
        (void)fprintf(stderr, "chat: cannot listen on %s: %s\n", event->addr, event->close.text);
        c->listening--;
        break;
    case MINKE_EVENT_LISTEN_CLOSED: /* it comes back by itself */
        room_print(&c->room, "not for now  %s: %s", event->addr, event->close.text);
        break;
    case MINKE_EVENT_CONNECTED: on_connected(c, event); break;
    case MINKE_EVENT_DISCONNECTED: on_disconnected(c, event); break;
    case MINKE_EVENT_STREAM_OPENED: on_stream_opened(c, event); break;
    case MINKE_EVENT_STREAM_READABLE:
    case MINKE_EVENT_STREAM_WRITABLE:
        if (!room_stream(&c->room, event->stream)) (void)files_stream(&c->files, event->stream);
        break;
    case MINKE_EVENT_STREAM_CLOSED:
        if (!room_stream_closed(&c->room, event->stream)) (void)files_stream_closed(&c->files, event->stream);
        break;
    default: break; /* IDENTIFIED: who it says it is does not matter here */
    }
}

/* ---- the loop ---- */

/* Cuts what was typed into lines; one that is too long for the room is cut in two. */
static void read_stdin(chat_t *c)
{
    const ssize_t n = read(STDIN_FILENO, c->typed + c->typed_len, sizeof c->typed - c->typed_len);
    if (n <= 0) {
        c->stdin_over = n == 0 || (errno != EINTR && errno != EAGAIN);
        return;
    }
    c->typed_len += (size_t)n;
    const char *end;
    while ((end = memchr(c->typed, '\n', c->typed_len)) != NULL || c->typed_len == sizeof c->typed) {
        const size_t len = end != NULL ? (size_t)(end - c->typed) : c->typed_len;
        const size_t used = end != NULL ? len + 1 : len;
        if (len > 0) room_say(&c->room, c->typed, len);
        c->typed_len -= used;
        memmove(c->typed, c->typed + used, c->typed_len);
    }
}

/* Of two timeouts for poll(), where -1 means never. */
static int sooner(int a, int b)
{
    if (a < 0) return b;
    return b < 0 || a < b ? a : b;
}

static int loop(chat_t *c)
{
    minke_event_t event;
    for (;;) {
        files_tick(&c->files);
        /* Until there is none: only then everything that was written has been sent. */
        while (minke_poll(c->host, &event) == MINKE_OK) on_event(c, &event);
        if (c->listening == 0) return 3;
        const int timeout = sooner(minke_timeout(c->host), files_timeout(&c->files));
        struct pollfd wait[] = {
            {.fd = minke_fd(c->host), .events = POLLIN},
            {.fd = signal_pipe[0], .events = POLLIN},
            {.fd = c->stdin_over ? -1 : STDIN_FILENO, .events = POLLIN},
            {.fd = c->room.terminal.len > 0 ? STDOUT_FILENO : -1, .events = POLLOUT},
        };
        if (poll(wait, sizeof wait / sizeof wait[0], timeout) < 0) continue; /* EINTR: look again */
        if (wait[1].revents != 0) return 0;
        if (wait[2].revents != 0) read_stdin(c);
        if (wait[3].revents != 0) room_flush_terminal(&c->room);
    }
}

/* ---- beginning ---- */

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *text != '-';
}

/* Returns -1 to go on, else the exit code. */
static int parse(int argc, char **argv, options_t *options)
{
    static const struct option known[] = {{"listen", required_argument, NULL, 'l'},
                                          {"relay", required_argument, NULL, 'r'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"page", required_argument, NULL, 'p'},
                                          {"offer", required_argument, NULL, 'o'},
                                          {"save", required_argument, NULL, 's'},
                                          {"max-size", required_argument, NULL, 'm'},
                                          {"max-total", required_argument, NULL, 't'},
                                          {"patience", required_argument, NULL, 'w'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    bool good = true;
    for (int option; good && (option = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        switch (option) {
        case 'l':
            good = options->listen_n < LISTEN_MAX;
            if (good) options->listen[options->listen_n++] = optarg;
            break;
        case 'r': options->relay = optarg; break;
        case 'k': options->key = optarg; break;
        case 'p': options->page = optarg; break;
        case 'o': options->offer = optarg; break;
        case 's': options->save = optarg; break;
        case 'm': good = parse_number(optarg, &options->max_size); break;
        case 'w': good = parse_number(optarg, &options->patience); break;
        case 't': good = parse_number(optarg, &options->max_total); break;
        case 'h': (void)fputs(help, stdout); return 0;
        default: good = false; break;
        }
    }
    if (good && optind == argc) return -1;
    (void)fputs(help, stderr);
    return 2;
}

static ssize_t read_key(const char *path, uint8_t key[KEY_MAX])
{
    FILE *file = fopen(path, "rb");
    const size_t len = file != NULL ? fread(key, 1, KEY_MAX, file) : 0;
    if (file != NULL) (void)fclose(file);
    if (len > 0) return (ssize_t)len;
    (void)fprintf(stderr, "chat: cannot read the key %s; `minke key new %s` makes one\n", path, path);
    return -1;
}

static minke_host_t *make_host(const options_t *options)
{
    uint8_t key[KEY_MAX];
    minke_host_options_t host_options;
    minke_host_defaults(&host_options);
    host_options.agent = "minke-chat/" MINKE_VERSION;
    host_options.transport.connections_max = GUESTS_MAX;
    host_options.transport.inbound_streams_max = STREAMS_OF_ONE_MAX;
    if (options->key != NULL) {
        const ssize_t len = read_key(options->key, key);
        if (len < 0) return NULL;
        host_options.transport.private_key = key;
        host_options.transport.private_key_len = (size_t)len;
    }
    minke_host_t *host = minke_host_new(&host_options);
    if (host == NULL) (void)fputs("chat: no host: the key cannot be used, or memory is short\n", stderr);
    return host;
}

static bool listen_on(chat_t *c, const char *option, const char *addr)
{
    const int error = minke_listen(c->host, addr);
    if (error == MINKE_OK) c->listening++;
    else (void)fprintf(stderr, "chat: %s %s: %s\n", option, addr, minke_error_text(error));
    return error == MINKE_OK;
}

/* Reserves a place at the relay. Lines are short: they may pass where the relay counts bytes and seconds, files may
 * not. */
static bool listen_over(chat_t *c, const char *relay)
{
    char addr[ADDR_MAX];
    const int len = snprintf(addr, sizeof addr, "%s/p2p-circuit", relay);
    if (len < 0 || (size_t)len >= sizeof addr || minke_allow_limited(c->host, ROOM_PROTOCOL) < 0) return false;
    return listen_on(c, "--relay", addr);
}

/* Returns -1 to go on, else the exit code. */
static int start(chat_t *c)
{
    options_t *options = &c->options;
    if (options->listen_n == 0) options->listen[options->listen_n++] = "/ip4/0.0.0.0/udp/9090/webrtc-direct";
    c->files = (files_t){.room = &c->room, .directory = -1, .offer = options->offer};
    c->files.size_max = options->max_size;
    c->files.total_left = options->max_total;
    c->files.patience = (double)options->patience;
    if (options->save != NULL) {
        c->files.directory = open(options->save, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (c->files.directory < 0) {
            (void)fprintf(stderr, "chat: %s: %s\n", options->save, strerror(errno));
            return 3;
        }
    }
    c->host = make_host(options);
    if (c->host == NULL || !catch_signals()) return 3;
    c->room.host = c->host;
    const char *offered = options->offer != NULL ? files_base_name(options->offer) : "no file";
    (void)snprintf(c->greeting, sizeof c->greeting, "* Welcome. This listener offers %.100s%s.", offered,
                   options->save != NULL ? " and takes your files" : "");
    if (minke_handle(c->host, ROOM_PROTOCOL) < 0 || minke_handle(c->host, FILES_PROTOCOL) < 0) return 3;
    for (int i = 0; i < options->listen_n; i++) {
        if (!listen_on(c, "--listen", options->listen[i])) return 2;
    }
    return options->relay != NULL && !listen_over(c, options->relay) ? 2 : -1;
}

int main(int argc, char **argv)
{
    static chat_t c;
    c.options = (options_t){.page = "http://127.0.0.1:8080/", .patience = 60};
    c.options.max_size = UINT64_C(256) << 20;
    c.options.max_total = UINT64_C(1) << 30;
    int code = parse(argc, argv, &c.options);
    if (code >= 0) return code;
    code = start(&c);
    if (code < 0) {
        code = loop(&c);
        files_end(&c.files);
        room_flush_terminal(&c.room);
    }
    minke_host_free(c.host); /* says goodbye to everybody */
    if (c.files.directory >= 0) (void)close(c.files.directory);
    return code;
}
