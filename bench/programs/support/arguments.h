/* Options of the form --name VALUE. Anything unexpected ends the program with its usage. */
#ifndef BENCH_ARGUMENTS_H
#define BENCH_ARGUMENTS_H

/* An option: its name with the hyphens, and where the value goes: a number or a text, the other is NULL. */
typedef struct argument {
    const char *name;
    double *number;
    const char **text;
} argument_t;

/* Reads all options; the list ends with a NULL name. Returns the one word that is no option, or NULL. */
const char *read_arguments(int argc, char **argv, const argument_t *known, const char *usage);

#endif
