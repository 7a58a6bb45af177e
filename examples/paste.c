/*
 * A direct connection with nothing in between but copy and paste: no relay, no listener, no server. Two people carry a
 * line each to the other, by chat, mail or a QR code; then what one types appears at the other. Ctrl-D ends it.
 *
 *     here:   paste offer                  prints a line: send it over, and type in what comes back
 *     there:  paste answer                 type in that line, send back the one that it prints
 *
 * Behind NATs both need a STUN server to know their outside addresses: --stun IP:PORT (`minke relay` is one). Who can
 * change the lines on their way can be the other side; who only reads them can do nothing.
 *
 *     cc paste.c private_loop.c $(pkg-config --cflags --libs --static minke-core) -o paste
 */
#include "private_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    WAIT_S = 600,      /* people are slow; an offer is as good as its NAT's memory, which the STUN server keeps fresh */
    LINE_BYTES = 16384 /* of a pasted line; a terminal takes no more than 4095 bytes of one, most are below 1500 */
};

typedef struct program {
    private_loop_t loop;
    minke_private_options_t options;
    minke_address_t stun;
    minke_connection_t connection; /* 0: none yet */
    minke_stream_t stream;         /* 0: not open yet */
    bool offers, described;        /* described: we have the other's line */
    char input[LINE_BYTES];
    size_t len;
    bool input_over, finished, remote_over;
    int code; /* to end with; negative: go on */
} program_t;

static void fail(program_t *p, const char *why, const char *more)
{
    fprintf(stderr, "paste: %s%s\n", why, more);
    p->code = 1;
}

/* ---- the line: offer:BASE64:CHECKSUM ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; /* RFC 4648 5 */

/* FNV-1a, against what is lost in copying and not against enemies. */
static uint32_t checksum(const char *text, size_t len)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < len; i++) sum = (sum ^ (uint8_t)text[i]) * 16777619u;
    return sum;
}

static void print_line(const char *kind, const char *text)
{
    const size_t len = strlen(text);
    uint32_t bits = 0;
    int n = 0;
    printf("%s:", kind);
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | (uint8_t)text[i];
        for (n += 8; n >= 6; n -= 6) putchar(digits[bits >> (n - 6) & 63]);
    }
    if (n > 0) putchar(digits[bits << (6 - n) & 63]);
    printf(":%08x\n", checksum(text, len));
    fflush(stdout);
}

/* In place; what is no digit (a space, a ">" of a quoted mail) is passed over, the checksum has the last word. */
static size_t from_base64(char *text, size_t len)
{
    uint32_t bits = 0;
    int n = 0;
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = text[i] != 0 ? strchr(digits, text[i]) : NULL;
        if (digit == NULL) continue;
        bits = bits << 6 | (uint32_t)(digit - digits);
        n += 6;
        if (n < 8) continue;
        n -= 8;
        text[out++] = (char)(bits >> n & 255);
    }
    return out;
}

/* The description in a line that was pasted: its length, 0 if it is none. */
static size_t read_line(program_t *p, char *line, char **text)
{
    const char *wanted = p->offers ? "answer:" : "offer:", *other = p->offers ? "offer:" : "answer:";
    char *begin = strstr(line, wanted), *colon = strrchr(line, ':');
    if (begin == NULL) {
        if (strstr(line, other) == NULL)
            fail(p, "this is something else: the line that is wanted begins with ", wanted);
        else fail(p, "this line is for the other side: the one that is wanted here begins with ", wanted);
        return 0;
    }
    *text = begin + strlen(wanted);
    const size_t len = colon > *text ? from_base64(*text, (size_t)(colon - *text)) : 0;
    if (len > 0 && strtoul(colon + 1, NULL, 16) == checksum(*text, len)) return len;
    fail(p, "the line was cut or changed on its way: copy all of it", "");
    return 0;
}

static void take_line(program_t *p, char *line)
{
    private_loop_t *l = &p->loop;
    const char *why = NULL;
    char *text;
    const size_t len = read_line(p, line, &text);
    if (len == 0) return;
    p->described = true;
    const int error = p->offers
                          ? minke_transport_signal(l->transport, p->connection, MINKE_SIGNAL_ANSWER, text, len, l->now)
                          : minke_transport_answer(l->transport, &p->options, text, len, l->now, &p->connection, &why);
    if (error < 0) fail(p, "the line cannot be used: ", why != NULL ? why : minke_error_text(error));
}

/* ---- what is typed, and what comes ---- */

/* The first line is the other's; everything after it, once there is a stream, goes over. */
static void use_input(program_t *p)
{
    if (!p->described && p->input_over && p->len > 0 && p->len < sizeof p->input) p->input[p->len++] = '\n';
    char *newline = memchr(p->input, '\n', p->len);
    if (!p->described && newline != NULL) {
        *newline = 0;
        take_line(p, p->input);
        p->len -= (size_t)(newline + 1 - p->input);
        memmove(p->input, newline + 1, p->len);
    } else if (!p->described && (p->input_over || p->len == sizeof p->input)) {
        fail(p, p->input_over ? "the input ended before the other's line" : "that line is too long", "");
    }
    if (p->stream == 0) return;
    const ssize_t taken = minke_transport_write(p->loop.transport, p->stream, p->input, p->len, p->loop.now);
    if (taken > 0) memmove(p->input, p->input + taken, p->len -= (size_t)taken);
    if (p->len > 0 || !p->input_over || p->finished) return;
    (void)minke_transport_finish(p->loop.transport, p->stream, p->loop.now);
    p->finished = true;
}

static void print_output(program_t *p)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_transport_peek(p->loop.transport, p->stream, &data)) > 0) {
        (void)fwrite(data, 1, (size_t)n, stdout);
        (void)minke_transport_consume(p->loop.transport, p->stream, (size_t)n, p->loop.now);
    }
    fflush(stdout);
    if (n != 0 || p->remote_over) return;
    p->remote_over = p->input_over = true; /* a conversation: when one leaves it is over */
    p->len = 0;
    use_input(p);
}

static void on_signal(program_t *p, const minke_transport_event_t *event)
{
    fprintf(stderr, "Send this line to the other side%s:\n", p->offers ? ", and paste here what comes back" : "");
    print_line(p->offers ? "offer" : "answer", event->text);
}

static void on_connected(program_t *p)
{
    minke_connection_stats_t stats;
    int error = minke_transport_stats(p->loop.transport, p->connection, &stats);
    if (error == MINKE_OK && p->offers) { /* the answerer is told of this stream */
        error = minke_transport_open(p->loop.transport, p->connection, p->loop.now, &p->stream);
    }
    if (error < 0) fail(p, "no stream: ", minke_error_text(error));
    else fprintf(stderr, "Connected, directly over IPv%d. Ctrl-D ends.\n", stats.path.remote.family);
    use_input(p);
}

static void on_closed(program_t *p, const minke_close_t *why)
{
    if (p->remote_over) p->code = 0;
    else if (!p->described) fail(p, "no answer was pasted in time", "");
    else fail(p, "no connection: ", why->text);
}

static void on_event(void *user, const minke_transport_event_t *event)
{
    program_t *p = user;
    switch (event->type) {
    case MINKE_TRANSPORT_SIGNAL: on_signal(p, event); break;
    case MINKE_TRANSPORT_CONNECTED: on_connected(p); break;
    case MINKE_TRANSPORT_CLOSED: on_closed(p, &event->close); break;
    case MINKE_TRANSPORT_STREAM_OPENED: p->stream = event->stream; break;
    case MINKE_TRANSPORT_STREAM_READABLE: print_output(p); break;
    case MINKE_TRANSPORT_STREAM_WRITABLE: use_input(p); break;
    case MINKE_TRANSPORT_STREAM_CLOSED:
        if (p->finished && (event->error == MINKE_OK || p->remote_over)) p->code = 0;
        else fail(p, "the conversation was cut off: ", minke_error_text(event->error));
        break;
    default: break;
    }
}

/* Sleeps until a datagram, a line or the time comes. Standard input only while there is use for it. */
static void sleep_and_read(program_t *p)
{
    struct pollfd fds[1 + PRIVATE_LOOP_SOCKETS];
    const bool wanted = !p->input_over && p->len < sizeof p->input && (!p->described || p->stream != 0);
    fds[0] = (struct pollfd){.fd = wanted ? STDIN_FILENO : -1, .events = POLLIN};
    const nfds_t n = 1 + private_loop_fds(&p->loop, fds + 1);
    const int ready = poll(fds, n, private_loop_timeout(&p->loop));
    private_loop_turn(&p->loop);
    if (ready <= 0 || fds[0].revents == 0 || p->code >= 0) return;
    const ssize_t got = read(STDIN_FILENO, p->input + p->len, sizeof p->input - p->len);
    if (got < 0 && errno == EINTR) return;
    if (got > 0) p->len += (size_t)got;
    else p->input_over = true;
    use_input(p);
    private_loop_turn(&p->loop); /* it made something to send */
}

static bool read_arguments(program_t *p, int argc, char **argv)
{
    const char *role = argc > 1 ? argv[1] : "";
    minke_private_defaults(&p->options);
    p->options.gather_first = true; /* one line each way */
    p->options.give_up_after = (minke_time_t)WAIT_S * 1000000;
    p->offers = strcmp(role, "offer") == 0;
    if (!p->offers && strcmp(role, "answer") != 0) return false;
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 == argc) return false;
        const long seconds = strtol(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--stun") == 0 && private_loop_parse(argv[i + 1], &p->stun)) {
            p->options.stun_servers = &p->stun;
            p->options.stun_servers_n = 1;
        } else if (strcmp(argv[i], "--wait") == 0 && seconds > 0 && seconds < 86400) {
            p->options.give_up_after = (minke_time_t)seconds * 1000000;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static program_t p = {.code = -1};
    if (!read_arguments(&p, argc, argv)) {
        fprintf(stderr, "usage: paste offer|answer [--stun IP:PORT] [--wait SECONDS]\n");
        return 2;
    }
    int error = private_loop_start(&p.loop, on_event, &p);
    if (error == MINKE_OK && p.offers) {
        error = minke_transport_offer(p.loop.transport, &p.options, p.loop.now, &p.connection);
    }
    if (error < 0) fail(&p, minke_error_text(error), "");
    else private_loop_turn(&p.loop);
    if (!p.offers) fprintf(stderr, "Paste the line that begins with offer: here.\n");
    while (p.code < 0) sleep_and_read(&p);
    private_loop_end(&p.loop);
    return p.code;
}
