/*
 * /minke-example/chat/1.0.0: UTF-8 lines ended by \n, both ways, on one stream per connection.
 *
 * What a guest sends are bare lines. What it gets are lines "WHO: TEXT" of the others (WHO is a guest's name, or
 * "listener" for the terminal), and lines "* TEXT", which tell what happens.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chat.h"

/* ---- out ---- */

static void flush(room_t *room, guest_t *guest)
{
    while (guest->stream != 0 && guest->out.len > 0) {
        const ssize_t taken = minke_stream_write(room->host, guest->stream, guest->out.bytes, guest->out.len);
        if (taken <= 0) return; /* AGAIN: WRITABLE follows; anything else: CLOSED does */
        queue_take(&guest->out, (size_t)taken);
    }
}

/* To everybody in the chat but one. */
static void tell_others(room_t *room, const guest_t *except, const char *line, size_t len)
{
    for (guest_t *guest = room->guests; guest < room->guests + GUESTS_MAX; guest++) {
        if (guest == except || guest->stream == 0) continue;
        queue_add(&guest->out, line, len);
        flush(room, guest);
    }
}

void room_flush_terminal(room_t *room)
{
    /* No O_NONBLOCK: stdout may be shared with the shell. A pipe that polls writable takes 512 bytes without waiting
     * (PIPE_BUF of POSIX), and a terminal in practice too. */
    enum { PIECE = 512 };
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (room->terminal.len > 0 && poll(&out, 1, 0) > 0) {
        const size_t len = room->terminal.len < PIECE ? room->terminal.len : PIECE;
        const ssize_t written = write(STDOUT_FILENO, room->terminal.bytes, len);
        if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
        queue_take(&room->terminal, written < 0 ? room->terminal.len : (size_t)written); /* nobody reads it any more */
    }
}

void room_print(room_t *room, const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    const int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (len < 0) return;
    queue_add(&room->terminal, line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
    room_flush_terminal(room);
}

static void tell_all(room_t *room, const guest_t *except, const char *who, const char *text, size_t len)
{
    char line[LINE_MAX_BYTES + 32];
    const int line_len = snprintf(line, sizeof line, "%s %.*s", who, (int)len, text);
    tell_others(room, except, line, (size_t)line_len);
}

void room_say(room_t *room, const char *text, size_t len) { tell_all(room, NULL, "listener:", text, len); }

/* ---- in ---- */

/* A line from a stranger goes to a terminal: without control characters (C0, DEL; C1 is 0xC2 0x80..0x9F in UTF-8). */
static size_t printable(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char byte = (unsigned char)line[i];
        if (byte < 0x20 || byte == 0x7F) line[i] = ' ';
        if (byte == 0xC2 && i + 1 < len && (unsigned char)line[i + 1] < 0xA0) line[i] = line[i + 1] = ' ';
    }
    while (len > 0 && line[len - 1] == ' ') len--;
    return len;
}

static void on_line(room_t *room, guest_t *guest)
{
    char who[GUEST_NAME_BYTES + 2];
    const size_t len = printable(guest->line, guest->line_len);
    guest->line_len = 0;
    if (len == 0) return;
    (void)snprintf(who, sizeof who, "%s:", guest->name);
    tell_all(room, guest, who, guest->line, len);
    room_print(room, "%s %.*s", who, (int)len, guest->line);
}

/* Takes the bytes up to the end of a line, or all. Returns how many; 0: the line is too long. */
static size_t take_line(room_t *room, guest_t *guest, const char *data, size_t len)
{
    const char *end = memchr(data, '\n', len);
    const size_t taken = end != NULL ? (size_t)(end - data) : len;
    if (taken > LINE_MAX_BYTES - guest->line_len) return 0;
    memcpy(guest->line + guest->line_len, data, taken);
    guest->line_len += taken;
    if (end == NULL) return taken;
    on_line(room, guest);
    return taken + 1;
}

static void receive(room_t *room, guest_t *guest)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(room->host, guest->stream, &data)) > 0) {
        const size_t taken = take_line(room, guest, (const char *)data, (size_t)n);
        if (taken == 0) {
            (void)minke_stream_reset(room->host, guest->stream, CODE_TOO_LONG);
            return;
        }
        (void)minke_stream_consume(room->host, guest->stream, taken);
    }
    if (n == 0) (void)minke_stream_finish(room->host, guest->stream); /* it said goodbye, and so do we */
}

/* ---- who is here ---- */

/* There are 64 seats: looking through them is cheap. A program with thousands of streams wants a map. */
static guest_t *find(room_t *room, minke_connection_t connection, minke_stream_t stream)
{
    for (guest_t *guest = room->guests; guest < room->guests + GUESTS_MAX; guest++) {
        if (connection != 0 && guest->connection == connection) return guest;
        if (stream != 0 && guest->stream == stream) return guest;
    }
    return NULL;
}

guest_t *room_guest(room_t *room, minke_connection_t connection) { return find(room, connection, 0); }

guest_t *room_arrive(room_t *room, const minke_event_t *connected)
{
    guest_t *guest = room->guests;
    while (guest < room->guests + GUESTS_MAX && guest->connection != 0) guest++;
    if (guest == room->guests + GUESTS_MAX) return NULL;
    const size_t len = strlen(connected->peer);
    const char *tail = connected->peer + (len > GUEST_NAME_BYTES - 1 ? len - (GUEST_NAME_BYTES - 1) : 0);
    guest->connection = connected->connection;
    guest->stream = 0;
    (void)snprintf(guest->name, sizeof guest->name, "%s", tail);
    return guest;
}

static void tell_that(room_t *room, const guest_t *guest, const char *what)
{
    char text[64];
    const int len = snprintf(text, sizeof text, "%s %s", guest->name, what);
    tell_all(room, guest, "*", text, (size_t)len);
}

void room_leave(room_t *room, minke_connection_t connection)
{
    guest_t *guest = find(room, connection, 0);
    if (guest != NULL) guest->connection = 0;
}

void room_open(room_t *room, guest_t *guest, minke_stream_t stream, const char *greeting)
{
    if (guest->stream != 0) {
        (void)minke_stream_reset(room->host, stream, CODE_SECOND_CHAT);
        return;
    }
    guest->stream = stream;
    guest->line_len = guest->out.len = guest->out.missed = 0;
    queue_add(&guest->out, greeting, strlen(greeting));
    flush(room, guest);
    tell_that(room, guest, "is here");
}

bool room_stream(room_t *room, minke_stream_t stream)
{
    guest_t *guest = find(room, 0, stream);
    if (guest == NULL) return false;
    flush(room, guest);
    receive(room, guest);
    return true;
}

bool room_stream_closed(room_t *room, minke_stream_t stream)
{
    guest_t *guest = find(room, 0, stream);
    if (guest == NULL) return false;
    guest->stream = 0;
    tell_that(room, guest, "has left");
    return true;
}
