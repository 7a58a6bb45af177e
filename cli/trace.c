/* Trace: JSON lines in a file for tools, and narration on stderr for people. Both count from the command's beginning.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "observe.h"

static FILE *file;
static const char *file_path;
static uint64_t begun; /* of CLOCK_MONOTONIC, as the host's times */

static uint64_t microseconds(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Takes the line over. False: it could not be written. */
static bool write_line(json_t *line)
{
    errno = 0;
    const int result = json_dumpf(line, file, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(line);
    return result == 0 && fputc('\n', file) != EOF;
}

/* Whatever is not UTF-8 has no place in JSON; nothing that we trace should be such. */
static json_t *text(const char *value)
{
    json_t *string = json_string(value);
    return string != NULL ? string : json_string("(not UTF-8)");
}

static double since_begun_ms(minke_time_t at) { return at > begun ? (double)(at - begun) / 1000.0 : 0.0; }

static void write_event(const minke_trace_event_t *event)
{
    json_t *line = json_pack("{s:f, s:I, s:s, s:s, s:o, s:I}", "time_ms", since_begun_ms(event->at), "connection",
                             (json_int_t)event->connection, "layer", minke_layer_name(event->layer), "event",
                             event->name, "detail", text(event->detail), "value", (json_int_t)event->value);
    if (write_line(line)) return;
    /* A disk that is full ends the trace, not the command. */
    (void)fprintf(stderr, "minke: nothing more is traced in %s: %s\n", file_path, strerror(errno));
    cli_trace_close();
}

static void narrate(const minke_trace_event_t *event)
{
    char connection[32] = "-", value[32] = "";
    if (event->connection != 0) { /* slot and generation of the number: base/handles.h */
        (void)snprintf(connection, sizeof connection, "#%llu.%llu", (unsigned long long)event->connection & 0xffffff,
                       (unsigned long long)event->connection >> 24);
    }
    if (event->value != 0) (void)snprintf(value, sizeof value, " (%lld)", (long long)event->value);
    cli_note((int)event->level, "%10.3f ms  %-7s %-7s %s%s%s%s", since_begun_ms(event->at), connection,
             minke_layer_name(event->layer), event->name, event->detail[0] != 0 ? ": " : "", event->detail, value);
}

static void on_event(void *user, const minke_trace_event_t *event)
{
    (void)user;
    narrate(event);
    if (file != NULL) write_event(event);
}

minke_trace_t cli_trace(void)
{
    if (begun == 0) begun = microseconds(CLOCK_MONOTONIC);
    return (minke_trace_t){.event = cli_output.verbose > 0 || file != NULL ? on_event : NULL};
}

bool cli_trace_open(const char *path)
{
    file = fopen(path, "we");
    file_path = path;
    begun = microseconds(CLOCK_MONOTONIC);
    if (file != NULL) (void)setvbuf(file, NULL, _IOLBF, BUFSIZ); /* a process that is killed leaves whole lines */
    if (file != NULL && write_line(json_pack("{s:f, s:s, s:s, s:I}", "time_ms", 0.0, "event", "begin", "minke",
                                             minke_version(), "unix_us", (json_int_t)microseconds(CLOCK_REALTIME)))) {
        return true;
    }
    cli_complain("cannot write the trace %s: %s", path, strerror(errno));
    cli_trace_close();
    return false;
}

void cli_trace_close(void)
{
    if (file != NULL) (void)fclose(file);
    file = NULL;
}

void cli_print_trace_events(void)
{
#define PRINT(layer, id, name, level, meaning)                                                                         \
    (void)printf("%-8s %-21s %-7s %s\n", minke_layer_name(MINKE_LAYER_##layer), name,                                  \
                 MINKE_TRACE_LEVEL_##level == MINKE_TRACE_LEVEL_STATE ? "-v" : "-vv", meaning);
    MINKE_TRACE_LIST(PRINT)
#undef PRINT
}
