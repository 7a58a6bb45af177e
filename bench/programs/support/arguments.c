#include "arguments.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void refuse(const char *usage)
{
    (void)fputs(usage, stderr);
    exit(2);
}

static void take(const argument_t *argument, const char *value, const char *usage)
{
    char *end;
    if (argument->text != NULL) {
        *argument->text = value;
        return;
    }
    *argument->number = strtod(value, &end);
    if (end == value || *end != '\0' || *argument->number < 0) refuse(usage);
}

const char *read_arguments(int argc, char **argv, const argument_t *known, const char *usage)
{
    const char *word = NULL;
    for (int i = 1; i < argc; i++) {
        const argument_t *argument = known;
        while (argument->name != NULL && strcmp(argument->name, argv[i]) != 0) argument++;
        if (argument->name != NULL && i + 1 < argc) {
            take(argument, argv[++i], usage);
        } else if (argument->name == NULL && argv[i][0] != '-' && word == NULL) {
            word = argv[i];
        } else {
            refuse(usage);
        }
    }
    return word;
}
