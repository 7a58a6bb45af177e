/*
 * /minke-example/file/1.0.0: one file per stream. The guest opens a stream and begins with a line of ASCII and UTF-8:
 *
 *   guest                                  listener
 *   put SIZE NAME\n  SIZE bytes  ------->
 *                                <-------  sha256 HEX\n                             of what it has stored
 *
 *   get\n                        ------->
 *                                <-------  file SIZE NAME\n  SIZE bytes  sha256 HEX\n
 *
 * SIZE is decimal, NAME reaches to the end of the line, HEX is 64 digits. Instead of its first line the listener may
 * answer "error TEXT\n" at any time, stops reading, and finishes. Each side finishes after its last byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chat.h"

enum { HEAD_BYTES = 512, TEXT_BYTES = 512, COPIES_MAX = 99, DIGITS_MAX = 19 };

typedef enum state {
    STATE_HEAD,      /* reading the first line */
    STATE_RECEIVING, /* of a file */
    STATE_SENDING,
    STATE_LAST_WORDS, /* `text`, then the end */
    STATE_OVER
} state_t;

struct transfer {
    state_t state;
    minke_stream_t stream;
    minke_connection_t connection;
    char guest[GUEST_NAME_BYTES];
    char name[NAME_MAX_BYTES + 1];
    int file; /* -1: none */
    uint64_t size, done;
    EVP_MD_CTX *hash;
    struct timespec begun;
    struct timespec moved; /* when it last read or wrote something */
    char head[HEAD_BYTES];
    size_t head_len;
    char text[TEXT_BYTES]; /* what is said before the file, after it, or instead */
    size_t text_len, text_at;
};

/* ---- names ---- */

const char *files_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

void files_safe_name(const char *from, size_t len, char to[NAME_MAX_BYTES + 1])
{
    size_t begin = len, n = 0;
    while (begin > 0 && from[begin - 1] != '/' && from[begin - 1] != '\\') begin--;
    for (size_t i = begin; i < len && n < NAME_MAX_BYTES; i++) {
        const unsigned char byte = (unsigned char)from[i];
        const bool control = byte == 0xC2 && i + 1 < len && (unsigned char)from[i + 1] < 0xA0; /* C1 in UTF-8 */
        const bool harmless = byte > 0x20 && byte != 0x7F && !control && strchr("<>:\"|?*", byte) == NULL;
        if (control) i++;
        /* Not at the beginning: it hides files, and "." and ".." are directories; "-" looks like an option. */
        to[n] = harmless && !(n == 0 && (byte == '.' || byte == '-')) ? (char)byte : '_';
        n++;
    }
    if (n == NAME_MAX_BYTES) { /* no half character at the cut */
        while (n > 1 && ((unsigned char)to[n - 1] & 0xC0) == 0x80) n--;
        if (((unsigned char)to[n - 1] & 0xC0) == 0xC0) n--;
    }
    if (n == 0) to[n++] = '_';
    to[n] = '\0';
}

/* Opens a file that did not exist, as NAME, NAME-1, NAME-2, ... O_EXCL follows no link either. */
static int create(const files_t *files, char name[NAME_MAX_BYTES + 1])
{
    char wanted[NAME_MAX_BYTES + 1];
    (void)snprintf(wanted, sizeof wanted, "%s", name);
    for (int copy = 1;; copy++) {
        const int fd = openat(files->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd >= 0 || errno != EEXIST || copy > COPIES_MAX) return fd;
        (void)snprintf(name, NAME_MAX_BYTES + 1, "%.*s-%d", NAME_MAX_BYTES - 3, wanted, copy);
    }
}

/* ---- words and hashes ---- */

/* Says `text` and then nothing more. */
static void last_words(transfer_t *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void last_words(transfer_t *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int len = vsnprintf(t->text, sizeof t->text, format, arguments);
    va_end(arguments);
    t->text_len = len < 0 ? 0 : (size_t)len < sizeof t->text ? (size_t)len : sizeof t->text - 1;
    t->text_at = 0;
    t->state = STATE_LAST_WORDS;
}

static void set_now(struct timespec *instant) { (void)clock_gettime(CLOCK_MONOTONIC, instant); }

static void discard_file(files_t *files, transfer_t *t)
{
    if (t->file < 0) return;
    (void)close(t->file);
    t->file = -1;
    if (t->state == STATE_RECEIVING) {
        (void)unlinkat(files->directory, t->name, 0);
        files->total_left += t->size;
    }
}

static void refuse(files_t *files, transfer_t *t, const char *why)
{
    discard_file(files, t);
    (void)minke_stream_stop(files->room->host, t->stream, 0);
    room_print(files->room, "! %s: %s", t->guest, why);
    last_words(t, "error %s\n", why);
}

static bool begin_hash(transfer_t *t)
{
    set_now(&t->begun);
    t->done = 0;
    t->hash = EVP_MD_CTX_new();
    return t->hash != NULL && EVP_DigestInit_ex(t->hash, EVP_sha256(), NULL) == 1;
}

static double seconds_since(const struct timespec *then)
{
    struct timespec now;
    set_now(&now);
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

/* All bytes are through: tells the hash to both sides. */
static void complete(files_t *files, transfer_t *t, const char *verb)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    (void)EVP_DigestFinal_ex(t->hash, digest, &len);
    for (unsigned int i = 0; i < len; i++) (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    const double seconds = seconds_since(&t->begun);
    room_print(files->room, "= %s %s %s, %" PRIu64 " bytes in %.2f s, sha256 %s", t->guest, verb, t->name, t->size,
               seconds, hex);
    (void)close(t->file);
    t->file = -1;
    last_words(t, "sha256 %s\n", hex);
}

/* ---- a file comes ---- */

static void begin_put(files_t *files, transfer_t *t, uint64_t size, const char *name, size_t name_len)
{
    char why[96];
    if (files->directory < 0) {
        refuse(files, t, "this listener takes no files (it was started without --save)");
    } else if (size > files->size_max) {
        (void)snprintf(why, sizeof why, "too large: this listener takes at most %" PRIu64 " bytes", files->size_max);
        refuse(files, t, why);
    } else if (size > files->total_left) {
        refuse(files, t, "this listener has taken as much as it wants to store");
    } else {
        files_safe_name(name, name_len, t->name);
        t->file = begin_hash(t) ? create(files, t->name) : -1;
        if (t->file < 0) {
            refuse(files, t, "this listener cannot store the file");
            return;
        }
        t->size = size;
        files->total_left -= size;
        t->state = STATE_RECEIVING;
    }
}

/* Returns how many bytes it took. A write to a disk may take its time but needs nobody else to go on. */
static size_t store(files_t *files, transfer_t *t, const uint8_t *data, size_t len)
{
    const uint64_t left = t->size - t->done;
    const ssize_t written = left == 0 ? 0 : write(t->file, data, len < left ? len : (size_t)left);
    if (written < 0) {
        refuse(files, t, "this listener cannot store the file");
        return 0;
    }
    (void)EVP_DigestUpdate(t->hash, data, (size_t)written);
    t->done += (uint64_t)written;
    return (size_t)written;
}

/* ---- a file goes ---- */

static void begin_get(files_t *files, transfer_t *t)
{
    struct stat about;
    t->file = files->offer == NULL ? -1 : open(files->offer, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (files->offer == NULL) {
        refuse(files, t, "this listener offers no file (it was started without --offer)");
    } else if (t->file < 0 || fstat(t->file, &about) < 0 || !S_ISREG(about.st_mode) || !begin_hash(t)) {
        refuse(files, t, "this listener cannot read the file that it offers");
    } else {
        const char *name = files_base_name(files->offer);
        files_safe_name(name, strlen(name), t->name);
        t->size = (uint64_t)about.st_size;
        last_words(t, "file %" PRIu64 " %s\n", t->size, t->name);
        t->state = STATE_SENDING;
    }
}

/* Sends what the stream takes. What it does not take is read again next time, so that nothing has to be kept. */
static void send_file(files_t *files, transfer_t *t)
{
    static uint8_t piece[64 * 1024];
    while (t->done < t->size) {
        const uint64_t left = t->size - t->done;
        const ssize_t n = pread(t->file, piece, left < sizeof piece ? (size_t)left : sizeof piece, (off_t)t->done);
        if (n <= 0) { /* it shrank, or the disk failed: too late for words */
            (void)minke_stream_reset(files->room->host, t->stream, CODE_CANNOT_READ);
            return;
        }
        const ssize_t taken = minke_stream_write(files->room->host, t->stream, piece, (size_t)n);
        if (taken <= 0) return; /* AGAIN: WRITABLE follows; anything else: CLOSED does */
        (void)EVP_DigestUpdate(t->hash, piece, (size_t)taken);
        t->done += (uint64_t)taken;
    }
    complete(files, t, "got");
}

/* ---- the first line ---- */

/* SIZE and NAME of "put SIZE NAME". */
static bool parse_put(const char *head, size_t len, uint64_t *size, const char **name, size_t *name_len)
{
    size_t at = 4;
    if (len < 4 || memcmp(head, "put ", 4) != 0) return false;
    *size = 0;
    for (; at < len && head[at] >= '0' && head[at] <= '9'; at++) {
        if (at >= 4 + DIGITS_MAX) return false;
        *size = *size * 10 + (uint64_t)(head[at] - '0');
    }
    if (at == 4 || at >= len || head[at] != ' ') return false;
    *name = head + at + 1;
    *name_len = len - at - 1;
    return true;
}

static void on_head(files_t *files, transfer_t *t)
{
    uint64_t size;
    const char *name;
    size_t name_len;
    if (t->head_len == 3 && memcmp(t->head, "get", 3) == 0) begin_get(files, t);
    else if (parse_put(t->head, t->head_len, &size, &name, &name_len)) begin_put(files, t, size, name, name_len);
    else refuse(files, t, "this is neither put nor get");
}

static size_t take_head(files_t *files, transfer_t *t, const uint8_t *data, size_t len)
{
    const uint8_t *end = memchr(data, '\n', len);
    const size_t taken = end != NULL ? (size_t)(end - data) : len;
    if (taken > sizeof t->head - t->head_len) {
        refuse(files, t, "the first line is too long");
        return 0;
    }
    memcpy(t->head + t->head_len, data, taken);
    t->head_len += taken;
    if (end == NULL) return taken;
    on_head(files, t);
    return taken + 1;
}

/* ---- one stream ---- */

static void receive(files_t *files, transfer_t *t)
{
    minke_host_t *host = files->room->host;
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(host, t->stream, &data)) > 0) {
        size_t taken = 0;
        if (t->state == STATE_HEAD) taken = take_head(files, t, data, (size_t)n);
        else if (t->state == STATE_RECEIVING) taken = store(files, t, data, (size_t)n);
        if (taken == 0) { /* refused, or more than was announced */
            (void)minke_stream_stop(host, t->stream, 0);
            break;
        }
        (void)minke_stream_consume(host, t->stream, taken);
    }
    if (t->state == STATE_RECEIVING && t->done == t->size) complete(files, t, "sent");
    if (n == 0 && t->state <= STATE_RECEIVING) refuse(files, t, "the file broke off");
}

/* False: there is more to say. */
static bool say_text(files_t *files, transfer_t *t)
{
    while (t->text_at < t->text_len) {
        const ssize_t taken =
            minke_stream_write(files->room->host, t->stream, t->text + t->text_at, t->text_len - t->text_at);
        if (taken <= 0) return false;
        t->text_at += (size_t)taken;
    }
    return true;
}

static void send(files_t *files, transfer_t *t)
{
    if (t->state == STATE_SENDING && say_text(files, t)) send_file(files, t);
    if (t->state != STATE_LAST_WORDS || !say_text(files, t)) return;
    (void)minke_stream_finish(files->room->host, t->stream);
    t->state = STATE_OVER;
}

/* ---- all of them ---- */

static transfer_t **find(files_t *files, minke_stream_t stream)
{
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        if (files->transfers[i] != NULL && files->transfers[i]->stream == stream) return &files->transfers[i];
    }
    return NULL;
}

static transfer_t **free_place(files_t *files, minke_connection_t connection)
{
    transfer_t **place = NULL;
    int of_this_one = 0;
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        if (files->transfers[i] == NULL) place = &files->transfers[i];
        else if (files->transfers[i]->connection == connection) of_this_one++;
    }
    return of_this_one < TRANSFERS_OF_ONE_MAX ? place : NULL;
}

void files_open(files_t *files, const guest_t *guest, minke_stream_t stream)
{
    static const char busy[] = "error this listener is busy: try again later\n";
    transfer_t **place = free_place(files, guest->connection);
    transfer_t *t = place != NULL ? calloc(1, sizeof *t) : NULL;
    if (t == NULL) {
        /* A new stream takes so little at once. */
        const ssize_t written = minke_stream_write(files->room->host, stream, busy, sizeof busy - 1);
        (void)written;
        (void)minke_stream_finish(files->room->host, stream);
        (void)minke_stream_stop(files->room->host, stream, 0);
        return;
    }
    *t = (transfer_t){.stream = stream, .connection = guest->connection, .file = -1};
    memcpy(t->guest, guest->name, sizeof t->guest);
    set_now(&t->moved);
    *place = t;
}

bool files_stream(files_t *files, minke_stream_t stream)
{
    transfer_t **place = find(files, stream);
    if (place == NULL) return false;
    set_now(&(*place)->moved);
    receive(files, *place);
    send(files, *place);
    return true;
}

static void end(files_t *files, transfer_t **place)
{
    transfer_t *t = *place;
    if (t->file >= 0) room_print(files->room, "! %s: %s broke off after %" PRIu64 " bytes", t->guest, t->name, t->done);
    discard_file(files, t);
    EVP_MD_CTX_free(t->hash);
    free(t);
    *place = NULL;
}

bool files_stream_closed(files_t *files, minke_stream_t stream)
{
    transfer_t **place = find(files, stream);
    if (place == NULL) return false;
    end(files, place);
    return true;
}

/* Who neither sends nor reads would keep a place for ever. STREAM_CLOSED frees it. */
void files_tick(files_t *files)
{
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        transfer_t *t = files->transfers[i];
        if (t == NULL || seconds_since(&t->moved) < files->patience) continue;
        (void)minke_stream_reset(files->room->host, t->stream, CODE_IDLE);
    }
}

int files_timeout(const files_t *files)
{
    enum { LOOK_EVERY_MS = 1000 };
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        if (files->transfers[i] != NULL) return LOOK_EVERY_MS;
    }
    return -1;
}

void files_end(files_t *files)
{
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        if (files->transfers[i] != NULL) end(files, &files->transfers[i]);
    }
}
