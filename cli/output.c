#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

cli_output_t cli_output;

static bool complained, has_result;

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
    has_result = true;
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

int cli_end(int exit_code)
{
    if (!cli_output.json || has_result || exit_code == EXIT_DONE) return exit_code;
    return cli_result(exit_code, "host", exit_code == EXIT_USAGE ? "wrong usage, see --help" : "see stderr", NULL);
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
