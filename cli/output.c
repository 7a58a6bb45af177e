#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

cli_output_t cli_output;

static bool complained;

void cli_event(json_t *object, const char *format, ...)
{
    FILE *out = cli_output.to_stderr ? stderr : stdout;
    if (cli_output.json) {
        (void)json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(9));
    } else {
        va_list arguments;
        va_start(arguments, format);
        (void)vfprintf(out, format, arguments);
        va_end(arguments);
    }
    (void)fputc('\n', out);
    (void)fflush(out);
    json_decref(object);
}

int cli_result(int exit_code, const char *layer, const char *error, json_t *fields)
{
    const bool ok = exit_code == EXIT_DONE;
    if (cli_output.json) {
        json_t *object = json_pack("{s:s, s:b}", "event", "result", "ok", ok);
        if (!ok) {
            (void)json_object_set_new(object, "layer", json_string(layer));
            (void)json_object_set_new(object, "error", json_string(error));
        }
        if (fields != NULL) (void)json_object_update(object, fields);
        cli_event(object, "%s", "");
    } else if (!ok && !complained) {
        cli_complain("%s: %s", layer, error);
    }
    json_decref(fields);
    return exit_code;
}

void cli_note(int verbosity, const char *format, ...)
{
    if (cli_output.verbose < verbosity) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

void cli_complain(const char *format, ...)
{
    va_list arguments;
    complained = true;
    va_start(arguments, format);
    (void)fputs("minke: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

static void trace_event(void *user, const minke_trace_event_t *event)
{
    static minke_time_t begun; /* of the first line, so that people see small numbers */
    (void)user;
    if (begun == 0) begun = event->at;
    const bool step = strcmp(event->name, "step_done") == 0 || strcmp(event->name, "closed") == 0;
    cli_note(step ? 1 : 2, "%10.3f ms  #%-6llu %-7s %s%s%s (%lld)", (double)(event->at - begun) / 1000.0,
             (unsigned long long)(event->connection & 0xffffff), minke_layer_name(event->layer), event->name,
             event->detail[0] != 0 ? ": " : "", event->detail, (long long)event->value);
}

minke_trace_t cli_trace(void) { return (minke_trace_t){.event = cli_output.verbose > 0 ? trace_event : NULL}; }
