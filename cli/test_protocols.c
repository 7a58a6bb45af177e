/*
 * Streams that end in unusual ways, for the interop tests (`minke listen --test-protocols`):
 *
 *   /minke-test/reset/1.0.0         resets after reading 1 KiB
 *   /minke-test/stop/1.0.0          stops reading after 1 KiB, says "stopped", finishes
 *   /minke-test/close-first/1.0.0   writes 64 KiB, finishes, then reads to the end
 */
#include <stdlib.h>
#include <string.h>

#include "serve.h"

enum { FIRST_BYTES = 1024, CLOSE_FIRST_BYTES = 65536, STREAMS_MAX = 256 };

typedef enum kind { RESET, STOP, CLOSE_FIRST, KINDS_N } kind_t;

static const char *const protocols[KINDS_N] = {"/minke-test/reset/1.0.0", "/minke-test/stop/1.0.0",
                                               "/minke-test/close-first/1.0.0"};

typedef struct test_stream {
    minke_stream_t id; /* 0: free */
    kind_t kind;
    size_t read, written;
    bool over;
} test_stream_t;

static test_stream_t streams[STREAMS_MAX];

int cli_test_protocols_handle(minke_host_t *host)
{
    int error = MINKE_OK;
    for (int i = 0; i < KINDS_N && error == MINKE_OK; i++) error = minke_handle(host, protocols[i]);
    return error;
}

static test_stream_t *find(minke_stream_t id)
{
    for (int i = 0; i < STREAMS_MAX; i++) {
        if (streams[i].id == id) return &streams[i];
    }
    return NULL;
}

bool cli_test_protocols_opened(minke_host_t *host, const minke_event_t *event)
{
    for (int i = 0; i < KINDS_N; i++) {
        if (strcmp(event->protocol, protocols[i]) != 0) continue;
        test_stream_t *s = find(0);
        if (s == NULL) (void)minke_stream_reset(host, event->stream, 0);
        else *s = (test_stream_t){.id = event->stream, .kind = (kind_t)i};
        return true;
    }
    return false;
}

static void write_some(minke_host_t *host, test_stream_t *s)
{
    static const uint8_t block[4096];
    while (s->written < CLOSE_FIRST_BYTES) {
        const ssize_t taken = minke_stream_write(host, s->id, block, sizeof block);
        if (taken <= 0) return;
        s->written += (size_t)taken;
    }
    if (!s->over) (void)minke_stream_finish(host, s->id);
    s->over = true;
}

static void after_first_bytes(minke_host_t *host, test_stream_t *s)
{
    if (s->kind == RESET) {
        (void)minke_stream_reset(host, s->id, 7);
    } else {
        (void)minke_stream_stop(host, s->id, 0);
        if (minke_stream_write(host, s->id, "stopped", 7) == 7) (void)minke_stream_finish(host, s->id);
    }
    s->over = true;
}

static void read_some(minke_host_t *host, test_stream_t *s)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(host, s->id, &data)) > 0) {
        s->read += (size_t)n;
        (void)minke_stream_consume(host, s->id, (size_t)n);
        if (s->kind == CLOSE_FIRST || s->over || s->read < FIRST_BYTES) continue;
        after_first_bytes(host, s);
        return;
    }
    if (n == 0 && !s->over && s->kind != CLOSE_FIRST) (void)minke_stream_finish(host, s->id);
}

bool cli_test_protocols_run(minke_host_t *host, const minke_event_t *event)
{
    test_stream_t *s = find(event->stream);
    if (s == NULL) return false;
    if (event->type == MINKE_EVENT_STREAM_CLOSED) {
        s->id = 0;
        return true;
    }
    if (s->kind == CLOSE_FIRST) write_some(host, s);
    read_some(host, s);
    return true;
}
