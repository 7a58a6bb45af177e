/*
 * A listener that browsers talk to: a chat room and files, on one libminke host.
 *
 *   chat.c      options, the host, the loop: who gets which event
 *   room.c      /minke-example/chat/1.0.0: lines to everybody
 *   files.c     /minke-example/file/1.0.0: one file per stream, either way
 *   queue.c     lines that wait for room: what makes a slow reader harmless
 *
 * Nothing here waits for anybody. A stream takes what fits and says WRITABLE when there is room again; what it did not
 * take stays where it was: chat lines in a queue of fixed size, the bytes of a file in the file.
 */
#ifndef CHAT_H
#define CHAT_H

#include <minke/minke.h>

#define ROOM_PROTOCOL "/minke-example/chat/1.0.0"
#define FILES_PROTOCOL "/minke-example/file/1.0.0"

enum {
    GUESTS_MAX = 64,          /* connections */
    TRANSFERS_MAX = 32,       /* files under way, all guests together */
    TRANSFERS_OF_ONE_MAX = 4, /* and of one guest */
    STREAMS_OF_ONE_MAX = 16,  /* whatever they are for */
    LINE_MAX_BYTES = 1024,    /* a chat line without its end */
    NAME_MAX_BYTES = 120,     /* a file's name */
    GUEST_NAME_BYTES = 7,     /* the last six characters of a peer id */
    QUEUE_BYTES = 16 * 1024,  /* lines that wait for one reader */
    CODE_TOO_LONG = 1,        /* reset: a line beyond LINE_MAX_BYTES */
    CODE_SECOND_CHAT = 2,     /* reset: one chat stream per connection */
    CODE_CANNOT_READ = 3,     /* reset: the offered file broke off */
    CODE_IDLE = 4,            /* reset: a file did not move */
};

/* ---- queue.c ---- */

/* Lines on their way to one reader. What does not fit is left out as a whole and counted; the reader is told. */
typedef struct queue {
    char bytes[QUEUE_BYTES];
    size_t len;
    unsigned missed;
} queue_t;

void queue_add(queue_t *queue, const char *line, size_t len);
/* Takes the first `len` bytes off. */
void queue_take(queue_t *queue, size_t len);

/* ---- room.c ---- */

typedef struct guest {
    minke_connection_t connection; /* 0: a free seat */
    minke_stream_t stream;         /* 0: connected, but not in the chat */
    char name[GUEST_NAME_BYTES];
    char line[LINE_MAX_BYTES]; /* the one that is being received */
    size_t line_len;
    queue_t out;
} guest_t;

typedef struct room {
    minke_host_t *host;
    guest_t guests[GUESTS_MAX];
    queue_t terminal; /* stdout is one more reader, and may be as slow as any */
} room_t;

guest_t *room_arrive(room_t *room, const minke_event_t *connected);
void room_leave(room_t *room, minke_connection_t connection);
guest_t *room_guest(room_t *room, minke_connection_t connection);

void room_open(room_t *room, guest_t *guest, minke_stream_t stream, const char *greeting);
/* Each returns false when the stream is none of theirs. */
bool room_stream(room_t *room, minke_stream_t stream);
bool room_stream_closed(room_t *room, minke_stream_t stream);

/* A line of the terminal's, to everybody. */
void room_say(room_t *room, const char *text, size_t len);
/* A line on the terminal. */
void room_print(room_t *room, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes what stdout takes now. */
void room_flush_terminal(room_t *room);

/* ---- files.c ---- */

typedef struct transfer transfer_t;

typedef struct files {
    room_t *room;
    transfer_t *transfers[TRANSFERS_MAX];
    int directory;       /* where received files go; -1: none are taken */
    const char *offer;   /* the path of the file that guests may get; NULL: none */
    uint64_t size_max;   /* of one received file */
    uint64_t total_left; /* of all that will ever be received */
    double patience;     /* seconds without a byte before a transfer is given up */
} files_t;

void files_open(files_t *files, const guest_t *guest, minke_stream_t stream);
bool files_stream(files_t *files, minke_stream_t stream);
bool files_stream_closed(files_t *files, minke_stream_t stream);
/* Gives up what does not move; files_timeout says in how many milliseconds to call it, -1: no need. */
void files_tick(files_t *files);
int files_timeout(const files_t *files);
/* Removes what is half received. */
void files_end(files_t *files);

/* The name under which a received file is stored: what follows the last separator, without anything that a directory
 * or a terminal takes amiss. Never empty, never hidden, at most NAME_MAX_BYTES. */
void files_safe_name(const char *from, size_t len, char to[NAME_MAX_BYTES + 1]);
const char *files_base_name(const char *path);

#endif
