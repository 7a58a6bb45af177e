/* What the commands of `minke` share. */
#ifndef MINKE_CLI_CLI_H
#define MINKE_CLI_CLI_H

#include <jansson.h>
#include <minke/minke.h>
#include <stdbool.h>

/* Exit codes: part of the contract. */
enum { EXIT_DONE = 0, EXIT_REMOTE = 1, EXIT_USAGE = 2, EXIT_LOCAL = 3 };

/* ---- output.c: text for people, or one JSON object per line ---- */

typedef struct cli_output {
    bool json;
    int verbose;    /* -v: 1, -vv: 2 */
    bool to_stderr; /* stdout carries data */
} cli_output_t;

extern cli_output_t cli_output;

/* Prints an event: the JSON object (taken over) with --json, else the text. Both are written through at once. */
void cli_event(json_t *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The last line of every command; returns the exit code. `layer` and `error` only when it failed; people are not told
 * the error again if cli_complain has said it better. */
int cli_result(int exit_code, const char *layer, const char *error, json_t *fields);
/* A command that gave up before it had a result to tell has it told here. Returns the exit code. */
int cli_end(int exit_code);
/* Narration on stderr, from this verbosity on. */
void cli_note(int verbosity, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "minke: ..." on stderr. */
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* trace.c: hands the transport's trace to cli_note, and to the file of --trace. */
minke_trace_t cli_trace(void);

/* ---- signals ---- */

/* SIGINT and SIGTERM set cli_stopped instead of killing, SIGUSR1 cli_stats_asked; SIGPIPE and SIGXFSZ are ignored. */
void cli_catch_signals(void);
bool cli_stopped(void);

/* ---- keyfile.c ---- */

enum { CLI_KEY_MAX = 8192 };

/* All return the length, or a negative number after complaining. */
long cli_read_key(const char *path, unsigned char key[CLI_KEY_MAX]);
/* A new one in a file that must not exist (mode 0600). */
long cli_make_key(const char *path, unsigned char key[CLI_KEY_MAX]);
long cli_load_or_make_key(const char *path, unsigned char key[CLI_KEY_MAX]);

/* ---- numbers.c: both are false after complaining ---- */

/* A whole number in a range. */
bool cli_number(const char *option, const char *text, long low, long high, long *out);
/* A number of bytes, with K, M or G for powers of 1024. */
bool cli_bytes(const char *option, const char *text, uint64_t *out);

/* ---- the commands: argv[0] is their name; they return the exit code ---- */

int cli_listen(int argc, char **argv);
int cli_relay(int argc, char **argv);
int cli_dial(int argc, char **argv);
int cli_ping(int argc, char **argv);
int cli_id(int argc, char **argv);
int cli_perf(int argc, char **argv);
int cli_cat(int argc, char **argv);
int cli_key(int argc, char **argv);

#endif
