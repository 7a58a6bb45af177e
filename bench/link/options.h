/* What the command line of `link` says. */
#ifndef LINK_OPTIONS_H
#define LINK_OPTIONS_H

#include <stdbool.h>

#include "direction.h"

typedef struct link_options {
    direction_options_t forth, back; /* from a to b; from b to a */
    unsigned seconds;                /* the link ends then, whatever still runs on it */
    uint64_t grain;                  /* ns, see pump_rest_t */
    unsigned after_ms;               /* the command at a begins so long after that at b */
    const char *report;              /* file; NULL: standard output */
    char **at_b, **at_a;             /* commands; both NULL: the link stays for others to enter */
} link_options_t;

/* False: what is wrong, or the help that was asked for, has been printed; `*code` is how to end. */
bool link_options_read(link_options_t *options, int argc, char **argv, int *code);

#endif
